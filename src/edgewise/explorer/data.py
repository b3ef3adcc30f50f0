"""What the page knows of the data: quantiles of nodes, deviations of edges, losses; the rows only where asked for."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from edgewise.explorer.arrays import finite
from edgewise.explorer.subject import Subject, in_user_units
from edgewise.interpret.attribution import attribute, deviations
from edgewise.models import KAN
from edgewise.train.losses import get_loss

QUANTILES = 33
MOST_ROWS = 50_000
"""Rows that quantiles and deviations are taken from; of more rows, evenly spaced ones."""
SAMPLE_ROWS = 1_000
"""Rows at most that go into a page, where asked for."""
_CHUNK = 65_536


def thinned(rows: Tensor, most: int) -> Tensor:
    """At most `most` of the rows, evenly spaced."""
    return rows[:: -(-len(rows) // most)]


def node_quantiles(model: KAN, x: Tensor) -> list[Tensor]:
    """`(I, 33)` quantiles of the values that enter each layer."""
    levels = torch.linspace(0, 1, QUANTILES, dtype=torch.float64)
    entering = model.activations(x)[:-1]
    return [torch.quantile(values.double().cpu().T.contiguous(), levels, dim=1).T for values in entering]


def summary(subject: Subject) -> tuple[list[Tensor], list[tuple[Tensor, Tensor]]]:
    """Quantiles of the nodes, and deviations of the edges and of their sums, layer by layer."""
    x = thinned(subject.x, MOST_ROWS)
    return node_quantiles(subject.network, x), deviations(subject.network, x)


def importances(model: KAN, x: Tensor) -> list[Tensor]:
    """`(I, O)` of every layer: the part of the outputs' variation that passes through an edge, the largest being 1."""
    scores = attribute(model, x).edges
    return [edges / edges.max().clamp(min=torch.finfo(edges.dtype).tiny) for edges in scores]


def input_quantiles(subject: Subject, first: Tensor) -> list[list[float]]:
    """`(I, 33)` quantiles of the inputs in the units of the user."""
    rows = zip(first.numpy(), subject.inputs, strict=True)
    return [in_user_units(values, about).tolist() for values, about in rows]


@torch.no_grad()
def mean_loss(subject: Subject, network: KAN, x: Tensor, y: Tensor) -> float:
    """The loss of a network over rows, in the network's units."""
    loss, total = get_loss(subject.loss), 0.0
    for rows, labels in zip(x.split(_CHUNK), y.split(_CHUNK), strict=True):
        total += float(loss.mean(network(rows), labels, None)) * len(rows)
    return total / len(x)


def losses(subject: Subject) -> dict[str, Any] | None:
    """The loss on the data and on the test set; None where there are no labels."""
    if subject.y is None:
        return None
    network = subject.network
    test = None if subject.test is None else mean_loss(subject, network, *subject.test)
    train = mean_loss(subject, network, subject.x, subject.y)
    return {"name": subject.loss, "train": finite(train), "test": finite(test)}

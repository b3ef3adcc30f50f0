"""What matters, by pykan's definitions: attribution per output, the sparsity penalty, the length of connections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from edgewise.errors import ParameterError, ShapeError
from edgewise.models import KAN
from edgewise.pykan.cached import Spread

if TYPE_CHECKING:
    from edgewise.pykan.MultKAN import MultKAN

_SUM = 1e-4
"""What pykan adds to the deviation of a sum before it divides by it."""
METRICS = ("edge_forward_spline_n", "edge_forward_sum", "edge_forward_spline_u", "edge_backward", "node_backward")


@dataclass(frozen=True)
class Scores:
    """How much of every queried node's variation passes through each part.

    Attributes:
        nodes: `(Q, nodes)` of every layer, inputs first.
        edges: `(Q, O, I)` of every layer's edges.
        sums: `(Q, O)` of every layer's sums.
    """

    nodes: list[Tensor]
    edges: list[Tensor]
    sums: list[Tensor]


def attribution(kan: KAN, seen: Sequence[Spread], last: int | None = None, weights: Tensor | None = None) -> Scores:
    """Pass scores back from the nodes of one layer; differentiable by the deviations.

    Args:
        kan: the network.
        seen: `spreads` of its layers.
        last: the layer of nodes to begin from; the outputs when absent.
        weights: `(Q,)` scores of these nodes; ones when absent.

    Returns:
        The scores.

    Raises:
        ParameterError: there is no such layer.
        ShapeError: another number of weights.
    """
    last = len(kan.layers) if last is None else _checked(kan, last)
    size = sum(kan.nodes[last])
    if weights is not None and tuple(weights.shape) != (size,):
        raise ShapeError(f"`out_score` must have {size} numbers, one per node; got {tuple(weights.shape)}.")
    like = seen[0].inputs
    nodes = [torch.eye(size).to(like) if weights is None else torch.diag(weights.to(like))]
    edges, sums = [], []
    for spread, product in zip(reversed(seen[:last]), reversed(kan.products[:last]), strict=True):
        factors = nodes[0][:, product.n_sum :].repeat_interleave(product.arity, dim=1)
        sums.insert(0, torch.cat([nodes[0][:, : product.n_sum], factors], dim=1))
        edges.insert(0, sums[0][..., None] * spread.edges / (spread.sums + _SUM)[:, None])
        nodes.insert(0, edges[0].sum(1))
    return Scores(nodes, edges, sums)


def regularization(
    kan: KAN, metric: str, lamb_l1: float, lamb_entropy: float, lamb_coef: float, lamb_coefdiff: float,
    inputs: Sequence[Tensor],
) -> Tensor:  # fmt: skip
    """The penalty of pykan: magnitudes and entropies of the edges, sizes and differences of the coefficients.

    Differs from pykan: every metric has a gradient, and coefficients are averaged over an edge's own, not over outputs.
    It grows with the network; the penalty of `edgewise.fit(lamb=...)` does not.

    Args:
        kan: the network.
        metric: one of `METRICS`.
        lamb_l1: factor of the magnitudes.
        lamb_entropy: factor of the entropies.
        lamb_coef: factor of the coefficients.
        lamb_coefdiff: factor of their differences.
        inputs: `(N, I)` of every layer, with their gradients.

    Returns:
        A scalar with a gradient.

    Raises:
        ParameterError: another metric.
    """
    if metric not in METRICS:
        raise ParameterError(f"`reg_metric` must be one of {METRICS}; got {metric!r}.")
    seen = [Spread.of(layer, x) for layer, x in zip(kan.layers, inputs, strict=True)]
    total = seen[0].inputs.new_zeros(())
    for magnitude in _magnitudes(kan, metric, seen):
        total = total + lamb_l1 * magnitude.sum() + lamb_entropy * (entropy(magnitude, 1) + entropy(magnitude, 0))
    for layer in kan.layers:
        total = total + lamb_coef * layer.coef.abs().mean(-1).sum()
        total = total + lamb_coefdiff * layer.coef.diff().abs().mean(-1).sum()
    return total


def _magnitudes(kan: KAN, metric: str, seen: list[Spread]) -> list[Tensor]:
    if metric == "edge_forward_spline_n":
        return [spread.spline_slopes for spread in seen]
    if metric == "edge_forward_sum":
        return [spread.slopes for spread in seen]
    if metric == "edge_forward_spline_u":
        return [spread.edges for spread in seen]
    if metric == "edge_backward":
        return [edges.mean(0) for edges in attribution(kan, seen).edges]
    weights = [nodes.mean(0) for nodes in attribution(kan, seen).nodes]
    return [attribution(kan, seen, last, weights[last]).nodes[0] for last in range(1, len(seen) + 1)]


def entropy(magnitude: Tensor, dim: int) -> Tensor:
    """Mean entropy of shares along an axis.

    Args:
        magnitude: sizes >= 0.
        dim: the axis.

    Returns:
        A scalar, in bits; one is added to the sum, as in pykan, so that small layers count little.
    """
    share = magnitude / (magnitude.sum(dim, keepdim=True) + 1)
    return -(share * torch.log2(share + 1e-4)).sum(dim).mean()


def connection_cost(edges: Sequence[Tensor]) -> Tensor:
    """Score-weighted length of all connections, with the nodes of every layer spread over one unit.

    Args:
        edges: `(O, I)` scores of every layer.

    Returns:
        A scalar.
    """
    total = edges[0].new_zeros(())
    for score in edges:
        places = [(torch.arange(n).to(score) + 0.5) / n for n in score.shape]
        total = total + ((places[0][:, None] - places[1]).abs() * score).sum()
    return total


def feature_interaction(model: MultKAN, l: int, neuron_th: float, feature_th: float) -> dict[tuple[int, ...], int]:
    """Which inputs act together in the nodes of a layer.

    Args:
        model: the network.
        l: layer of nodes.
        neuron_th: a node counts if its largest score is above.
        feature_th: an input counts if its score is above this part of the largest.

    Returns:
        Sets of inputs, and how many nodes have each.
    """
    found: dict[tuple[int, ...], int] = {}
    for score in attribution(model.kan, model.seen.spreads, l, _weights(model, l)).nodes[0]:
        if float(score.max()) > neuron_th:
            features = tuple((score > score.max() * feature_th).nonzero()[:, 0].tolist())
            found[features] = found.get(features, 0) + 1
    return found


def attribute(model: MultKAN, l: int | None, i: int | None, out_score: Tensor | None) -> Tensor | None:
    """Scores of the inputs for the nodes of a layer; without a layer the model's own scores are made anew.

    Args:
        model: the network.
        l: layer of nodes.
        i: its node.
        out_score: scores of the outputs.

    Returns:
        None without `l`; `(nodes, inputs)`, or `(inputs,)` of one node.
    """
    if l is None:
        model.scores = attribution(model.kan, model.seen.spreads, None, out_score)
        return None
    found = attribution(model.kan, model.seen.spreads, l, _weights(model, l)).nodes[0]
    return found if i is None else found[i]


def _weights(model: MultKAN, l: int) -> Tensor:
    """Mean scores of a layer's nodes over the outputs."""
    return attribution(model.kan, model.seen.spreads).nodes[_checked(model.kan, l)].mean(0)


def _checked(kan: KAN, l: int) -> int:
    if not isinstance(l, int) or not 0 <= l <= len(kan.layers):
        raise ParameterError(f"`l` must be a layer of nodes, 0 to {len(kan.layers)}; got {l!r}.")
    return l

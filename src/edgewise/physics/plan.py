"""Which derivatives travel together through a network.

A *channel* is one number per row: the value, one derivative, or a sum of second derivatives such as the Laplacian, for
which chain and product rule are linear once the gradient is known (the forward Laplacian of Li et al. 2024, arXiv
2307.08214). It is written as the tuple of what is summed: `((),)` the value, `((0,),)` the slope along coordinate 0,
`((0, 1),)` a mixed derivative, `((0, 0), (1, 1))` the Laplacian, `((1, 1, 1),)` a third derivative.

A *jet* is `(nodes, channels, rows)`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from edgewise.kernels import Channels

Channel = tuple[tuple[int, ...], ...]
VALUE: Channel = ((),)


def laplacian(coordinates: Iterable[int]) -> Channel:
    """The channel of the sum of the unmixed second derivatives."""
    return tuple((i, i) for i in coordinates)


@dataclass(frozen=True)
class Plan:
    """Channels in the order of a jet.

    Attributes:
        channels: the value, then first, second, third derivatives.
        order: the highest order among them.
        rules: how they depend on each other.
    """

    channels: tuple[Channel, ...]
    order: int
    rules: Channels

    def place(self, channel: Channel) -> int | None:
        """Where a channel is; None where it does not travel."""
        return self.channels.index(channel) if channel in self.channels else None

    @property
    def thirds(self) -> int:
        """The channel of the first third derivative."""
        return len(self.channels) - len(self.rules.triples)


@cache
def plan_of(wanted: frozenset[Channel]) -> Plan:
    """The plan with some channels, and with those that their rules need.

    Args:
        wanted: channels; the indices of a derivative are sorted.

    Returns:
        The plan.
    """
    thirds = sorted(c for c in wanted if len(c[0]) == 3)
    seconds = sorted({c for c in wanted if len(c[0]) == 2} | {(part,) for c in thirds for part in _parts(c[0])})
    indices = {i for channel in (*wanted, *seconds) for part in channel for i in part}
    channels = (VALUE, *(((i,),) for i in sorted(indices)), *seconds, *thirds)
    at = {channel: n for n, channel in enumerate(channels)}
    pairs = [(n, at[((i,),)], at[((j,),)]) for n, channel in enumerate(seconds) for i, j in channel]
    triples = [
        [*(at[((i,),)] for i in channel[0]), *(at[(part,)] for part in _parts(channel[0]))] for channel in thirds
    ]
    rules = Channels(1 + len(indices), _integers(pairs, 3), _integers(triples, 6))
    return Plan(channels, max(len(channel[0]) for channel in channels), rules)


def _parts(triple: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """`ijk` without each of its indices in turn."""
    i, j, k = triple
    return (j, k), (i, k), (i, j)


def _integers(rows: Sequence[Sequence[int]], columns: int) -> np.ndarray:
    return np.array(rows, dtype=np.int64).reshape(-1, columns)


def product(a: Tensor, b: Tensor, plan: Plan) -> Tensor:
    """The product rule.

    Args:
        a: `(..., R, B)`.
        b: likewise.
        plan: the channels.

    Returns:
        The jet of `a b`.
    """
    x, y = a.unbind(-2), b.unbind(-2)
    parts = [x[0] * y[0], *(u * y[0] + x[0] * v for u, v in zip(x[1:], y[1:], strict=True))]
    for n, i, j in plan.rules.pairs.tolist():
        at = plan.rules.seconds + n
        parts[at] = parts[at] + x[i] * y[j] + x[j] * y[i]
    for at, places in enumerate(plan.rules.triples.tolist(), start=plan.thirds):
        for i, jk in zip(places[:3], places[3:], strict=True):
            parts[at] = parts[at] + x[i] * y[jk] + x[jk] * y[i]
    return torch.stack(parts, dim=-2)


def sum_of(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors of one shape added up."""
    total = tensors[0]
    for other in tensors[1:]:
        total = total + other
    return total

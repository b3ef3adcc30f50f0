"""Which derivatives travel together through a network, and how they combine: chain and product rules, row by row.

A *channel* is one number per row: the value, one derivative, or a sum of second derivatives such as the Laplacian, for
which the rules are linear once the gradient is known (the forward Laplacian of Li et al. 2024, arXiv 2307.08214). It is
written as the tuple of what is summed: `((),)` the value, `((0,),)` the slope along coordinate 0, `((0, 1),)` a mixed
derivative, `((0, 0), (1, 1))` the Laplacian, `((1, 1, 1),)` a third derivative.

A *jet* is `(nodes, channels, rows)`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

Channel = tuple[tuple[int, ...], ...]
VALUE: Channel = ((),)


@dataclass(frozen=True)
class Plan:
    """Channels in the order of a jet, and where the factors of each are.

    Attributes:
        channels: the value, first, second, third derivatives.
        order: the highest order among them.
        firsts: how many first derivatives there are; they are channels 1 to `firsts`.
        pairs: of every second-order channel, the channels of the first derivatives whose products it sums.
        triples: of every third derivative `ijk`, the channels of `i, j, k` and of `jk, ik, ij`.
    """

    channels: tuple[Channel, ...]
    order: int
    firsts: int
    pairs: tuple[tuple[tuple[int, int], ...], ...]
    triples: tuple[tuple[tuple[int, int, int], tuple[int, int, int]], ...]

    def place(self, channel: Channel) -> int | None:
        """Where a channel is; None where it does not travel."""
        return self.channels.index(channel) if channel in self.channels else None

    @property
    def seconds(self) -> slice:
        """The channels of second order."""
        return slice(1 + self.firsts, 1 + self.firsts + len(self.pairs))

    @property
    def thirds(self) -> slice:
        """The channels of third order."""
        return slice(1 + self.firsts + len(self.pairs), len(self.channels))


@cache
def plan_of(wanted: frozenset[Channel]) -> Plan:
    """The plan with some channels, and with those that their rules need.

    Args:
        wanted: channels; indices of a derivative are sorted.

    Returns:
        The plan.
    """
    thirds = sorted(c for c in wanted if len(c[0]) == 3)
    seconds = {c for c in wanted if len(c[0]) == 2} | {((p,)) for c in thirds for p in _parts(c[0])}
    ordered = sorted(seconds)
    firsts = sorted({i for c in [*ordered, *thirds] for part in c for i in part} | {c[0][0] for c in wanted if len(c[0]) == 1})
    channels = (VALUE, *(((i,),) for i in firsts), *ordered, *thirds)
    at = {channel: n for n, channel in enumerate(channels)}
    pairs = tuple(tuple((at[((i,),)], at[((j,),)]) for i, j in channel) for channel in ordered)
    triples = tuple(
        (tuple(at[((i,),)] for i in channel[0]), tuple(at[(part,)] for part in _parts(channel[0])))
        for channel in thirds
    )
    order = max(len(channel[0]) for channel in channels)
    return Plan(channels, order, len(firsts), pairs, triples)  # pyright: ignore[reportArgumentType]


def _parts(triple: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """`ijk` without each of its indices in turn."""
    i, j, k = triple
    return (j, k), (i, k), (i, j)


def through_edges(edges: Tensor, jet: Tensor | None, plan: Plan) -> Tensor:
    """The chain rule of a layer: `y_o = sum_i phi_io(x_i)`.

    Args:
        edges: `(order+1, I, O, B)` derivatives of every edge function.
        jet: `(I, R, B)` of the inputs; None where these are the coordinates themselves.
        plan: the channels.

    Returns:
        `(O, R, B)`.
    """
    if jet is None:
        return torch.stack([_of_coordinates(edges, channel) for channel in plan.channels], dim=1)
    parts = [edges[0].sum(0)[:, None]]
    if plan.order:
        chained = _weighted(edges[1], jet[:, 1:])
        inner, outer = inner_products(jet, plan)
        size = [plan.firsts, len(plan.pairs), len(plan.triples)]
        first, second, third = chained.split(size, dim=1)
        parts += [first] if plan.order == 1 else [first, second + _weighted(edges[2], inner[0])]
        if plan.order == 3:
            parts.append(third + _weighted(edges[2], inner[1]) + _weighted(edges[3], outer))
    return torch.cat(parts, dim=1)


def inner_products(jet: Tensor, plan: Plan) -> tuple[list[Tensor], Tensor]:
    """What multiplies the higher derivatives of an outer function (Faa di Bruno).

    Args:
        jet: `(I, R, B)`.
        plan: the channels.

    Returns:
        What multiplies the second derivative in channels of second and of third order, and what multiplies the third.
    """
    empty = jet[:, :0]
    if plan.order < 2:
        return [empty, empty], empty
    channel = jet.unbind(1)
    second = torch.stack([_sum([channel[a] * channel[b] for a, b in pairs]) for pairs in plan.pairs], dim=1)
    if plan.order < 3:
        return [second, empty], empty
    mixed = [_sum([channel[a] * channel[b] for a, b in zip(*triple, strict=True)]) for triple in plan.triples]
    cubes = [channel[i] * channel[j] * channel[k] for (i, j, k), _ in plan.triples]
    return [second, torch.stack(mixed, dim=1)], torch.stack(cubes, dim=1)


def product(a: Tensor, b: Tensor, plan: Plan) -> Tensor:
    """The product rule.

    Args:
        a: `(..., R, B)`.
        b: likewise.
        plan: the channels.

    Returns:
        The jet of `a b`.
    """
    plain = a[..., :1, :] * b
    rest = a[..., 1:, :] * b[..., :1, :]
    x, y = a.unbind(-2), b.unbind(-2)
    extra = [torch.zeros_like(x[0])] * plan.firsts
    extra += [_sum([x[i] * y[j] + x[j] * y[i] for i, j in pairs]) for pairs in plan.pairs]
    extra += [
        _sum([x[i] * y[jk] + x[jk] * y[i] for i, jk in zip(*triple, strict=True)]) for triple in plan.triples
    ]
    if extra:
        rest = rest + torch.stack(extra, dim=-2)
    return torch.cat([plain[..., :1, :], plain[..., 1:, :] + rest], dim=-2)


def _weighted(edges: Tensor, weight: Tensor) -> Tensor:
    """`(I, O, B)` and `(I, R, B)` to `(O, R, B)`."""
    return (edges[:, :, None] * weight[:, None]).sum(0)


def _of_coordinates(edges: Tensor, channel: Channel) -> Tensor:
    """`(O, B)`: the derivative of a sum of functions of one coordinate each."""
    if channel == VALUE:
        return edges[0].sum(0)
    alone = [part[0] for part in channel if len(set(part)) == 1]
    return _sum([edges[len(channel[0]), i] for i in alone]) if alone else torch.zeros_like(edges[0, 0])


def _sum(terms: Iterable[Tensor]) -> Tensor:
    first, *others = terms
    for other in others:
        first = first + other
    return first

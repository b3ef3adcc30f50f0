"""The descent behind `fit_edges`: many starts of many functions moved at once by Levenberg-Marquardt.

A step of one start is a handful of numbers on a few hundred samples, so its time would go to calls rather than to
arithmetic. All starts of all functions on all edges are therefore rows of the same tensors; only the functions
themselves are evaluated one after the other, each on its own rows. Rows that have arrived are left out.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from edgewise.layers import Function
from edgewise.layers.functions import slopes_of

_VALUES = 1 << 20
"""Starts times samples that are moved together: memory does not grow with the number of functions."""
_ARRIVED = 1e-30
"""Share of the variance below which nothing is left to be gained."""
_STUCK = 1e4
"""Damping at which steps are too short to matter."""
_WORTH = 1e-12
"""A row has arrived where the next step promises to take away less than this share of what is missing."""
_LEAVE = 8
"""Rows that have arrived are left out when they are one in so many."""

Ends = tuple[Tensor, Tensor]
"""`(K, 3)` slopes, shifts and exponents, and the share `(K,)` of the variance that each misses."""


def descend(
    functions: Sequence[Function], starts: Sequence[Sequence[Tensor]], edges: Sequence[Sequence[int]], u: Tensor,
    y: Tensor, steps: int,
) -> list[list[Ends]]:  # fmt: skip
    """Move slope, shift and exponent of every start towards what explains most of the samples of its edge.

    The factor and the constant of `c f(s u + t) + d` are linear and always at their best (variable projection, with
    Kaufman's Jacobian).

    Args:
        functions: what is fitted.
        starts: for every function, and every edge that it is tried on, `(K, 3)` slopes, shifts and exponents.
        edges: for every function the numbers of these edges.
        u: `(E, n)` inputs of every edge.
        y: `(E, n)` values.
        steps: at most.

    Returns:
        For every function and edge its ends; what they miss is NaN where the function is not defined.
    """
    found: list[list[Ends]] = [[] for _ in functions]
    labels = y - y.mean(1, keepdim=True)
    counts = [sum(map(len, own)) for own in starts]
    for some in _together(counts, u.shape[1]):
        chosen = [[starts[n], edges[n]] for n in some]
        sizes = [len(at) for own, _ in chosen for at in own]
        edge = torch.tensor([e for _, own in chosen for e in own]).repeat_interleave(torch.tensor(sizes))
        at = torch.cat([at for own, _ in chosen for at in own])
        descent = _Descent([functions[n] for n in some], [counts[n] for n in some], at, edge, u, labels)
        descent.run(steps)
        ends = iter(zip(descent.at.split(sizes), descent.missing.split(sizes), strict=True))
        for n in some:
            found[n] = [next(ends) for _ in starts[n]]
    return found


def _together(counts: Sequence[int], samples: int) -> Iterator[list[int]]:
    """Which functions to move together: not too many starts."""
    some, values = [], 0
    for n, count in enumerate(counts):
        if some and values + count * samples > _VALUES:
            yield some
            some, values = [], 0
        some.append(n)
        values += count * samples
    if some:
        yield some


class _Descent:
    """Starts on their way; `live` are the rows that still move, and the others have arrived.

    Args:
        functions: of the rows, one after the other.
        counts: how many rows each has.
        at: `(K, 3)` where they start.
        edge: `(K,)` the edge of each.
        u: `(E, n)` inputs of every edge.
        labels: `(E, n)` values, of mean zero.
    """

    def __init__(
        self, functions: list[Function], counts: list[int], at: Tensor, edge: Tensor, u: Tensor, labels: Tensor
    ) -> None:
        self.functions, self.counts, self.at, self.edge = functions, counts, at, edge
        self.kinds = torch.arange(len(functions)).repeat_interleave(torch.tensor(counts))
        self.free = 3 if any(function.free_exponent for function in functions) else 2
        self.damping, self.live = u.new_full((len(at),), 1e-3), torch.arange(len(at))
        self.every = u, labels
        self._see()
        self.J, self.rest, self.missing = self._linearize(at, counts)

    def run(self, steps: int) -> None:
        """Move all rows, at most so often."""
        counts = self.counts
        for _ in range(steps):
            if not len(self.live):
                return
            arrived = self._step(counts)
            if _LEAVE * int(arrived.sum()) >= len(arrived):  # else the copies cost more than they spare
                keep = ~arrived
                self.live, self.J, self.rest = self.live[keep], self.J[keep], self.rest[keep]
                self._see()
                counts = torch.bincount(self.kinds[self.live], minlength=len(self.functions)).tolist()

    def _see(self) -> None:
        """The samples of the live rows: one row of them for all where there is one edge."""
        u, labels = self.every
        edge = slice(None) if len(u) == 1 else self.edge[self.live]
        self.u, self.labels = u[edge], labels[edge]
        self.spread = self.labels.square().sum(-1)

    def _step(self, counts: list[int]) -> Tensor:
        """One step of the live rows; says which have arrived."""
        live = self.live
        at, missing, damping = self.at[live], self.missing[live], self.damping[live]
        trial = at.clone()
        shift, promised = self._shift(damping)
        trial[:, : self.free] += shift
        J, rest, missed = self._linearize(trial, counts)
        better = missed < missing  # False for NaN
        self.at[live] = torch.where(better[:, None], trial, at)
        self.missing[live] = torch.where(better, missed, missing)
        damping = torch.where(better, damping * 0.2, damping * 5).clamp(1e-14, 1e10)
        self.damping[live] = damping
        self.J, self.rest = torch.where(better[:, None, None], J, self.J), torch.where(better[:, None], rest, self.rest)
        gained = (missing - missed) > 1e-6 * missing
        return ~gained & ((promised < _WORTH) | (damping > _STUCK) | (self.missing[live] < _ARRIVED))

    def _shift(self, damping: Tensor) -> tuple[Tensor, Tensor]:
        """The step of every live row, and the share of what is missing that it takes away if all is linear."""
        A, g = self.J @ self.J.mT, self.J @ self.rest[..., None]
        size = A.diagonal(dim1=-2, dim2=-1)
        size = damping[:, None] * (size + 1e-12 * size.amax(-1, keepdim=True)) + 1e-300
        shift = torch.linalg.solve_ex(A + torch.diag_embed(size), g).result[..., 0].nan_to_num(0.0, 0.0, 0.0)
        return shift, (shift * g[..., 0]).sum(-1) / self.rest.square().sum(-1)

    def _linearize(self, at: Tensor, counts: list[int]) -> tuple[Tensor, Tensor, Tensor]:
        """Kaufman's Jacobian `(K, free, n)` of what is explained, the rest `(K, n)`, and its share of the variance."""
        s, t, p = at[:, :, None].unbind(1)
        f, slope, by_exponent = slopes_of(self.functions, counts, s * self.u + t, p, dim=0)
        f -= f.mean(-1, keepdim=True)
        size = f.square().sum(-1, keepdim=True)
        c = (f * self.labels).sum(-1, keepdim=True) / size
        rest = self.labels - c * f
        parts = [slope * self.u, slope] if by_exponent is None else [slope * self.u, slope, by_exponent]
        J = torch.stack(parts, dim=1)  # (K, free, n)
        J -= J.mean(-1, keepdim=True)
        J -= (J @ f[..., None]) / size[..., None] * f[:, None]
        return J.mul_(c[..., None]), rest, rest.square().sum(-1) / self.spread

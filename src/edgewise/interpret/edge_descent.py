"""The descent behind `fit_edge`: many starts of many functions moved at once by Levenberg-Marquardt.

A step of one start is a handful of numbers on a few hundred samples, so its time would go to calls rather than to
arithmetic. All starts of all functions are therefore rows of the same tensors; only the functions themselves are
evaluated one after the other, each on its own rows. Rows that have arrived are left out.
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


def descend(
    functions: Sequence[Function], starts: Sequence[Tensor], u: Tensor, y: Tensor, steps: int
) -> list[tuple[Tensor, Tensor]]:
    """Move slope, shift and exponent of every start towards what explains most of the samples.

    The factor and the constant of `c f(s u + t) + d` are linear and always at their best (variable projection, with
    Kaufman's Jacobian).

    Args:
        functions: what is fitted.
        starts: `(K, 3)` slopes, shifts and exponents to start from, for every function.
        u: `(n,)` inputs.
        y: `(n,)` values.
        steps: at most.

    Returns:
        For every function its `(K, 3)` ends, and the share `(K,)` of the variance of `y` that each misses; NaN where
        the function is not defined.
    """
    found: list[tuple[Tensor, Tensor]] = [(u.new_zeros(0, 3), u.new_zeros(0))] * len(functions)
    for some in _together(functions, starts, len(u)):
        descent = _Descent([functions[n] for n in some], [starts[n] for n in some], u, y - y.mean())
        descent.run(steps)
        for n, ends in zip(some, descent.ends(), strict=True):
            found[n] = ends
    return found


def _together(functions: Sequence[Function], starts: Sequence[Tensor], samples: int) -> Iterator[list[int]]:
    """Which functions to move together: those with as many numbers, and not too many of them."""
    for free_exponent in (False, True):
        some, values = [], 0
        for n, function in enumerate(functions):
            if function.free_exponent != free_exponent:
                continue
            more = len(starts[n]) * samples
            if some and values + more > _VALUES:
                yield some
                some, values = [], 0
            some.append(n)
            values += more
        if some:
            yield some


class _Descent:
    """Starts on their way; `live` are the rows that still move, and the others have arrived."""

    def __init__(self, functions: list[Function], starts: list[Tensor], u: Tensor, labels: Tensor) -> None:
        self.functions, self.u, self.labels = functions, u, labels
        self.counts = [len(own) for own in starts]
        self.kinds = torch.arange(len(functions)).repeat_interleave(torch.tensor(self.counts))
        self.free = 3 if functions[0].free_exponent else 2
        self.at, self.damping = torch.cat(list(starts)), u.new_full((len(self.kinds),), 1e-3)
        self.live = torch.arange(len(self.kinds))
        self.J, self.rest, self.missing = self._linearize(self.at, self.counts)

    def run(self, steps: int) -> None:
        """Move all rows, at most so often."""
        counts = self.counts
        for _ in range(steps):
            if not len(self.live):
                return
            arrived = self._step(counts)
            if 2 * int(arrived.sum()) >= len(arrived):  # else the copies cost more than they spare
                keep = ~arrived
                self.live, self.J, self.rest = self.live[keep], self.J[keep], self.rest[keep]
                counts = torch.bincount(self.kinds[self.live], minlength=len(self.functions)).tolist()

    def ends(self) -> list[tuple[Tensor, Tensor]]:
        """Where the rows of every function are, and what they miss."""
        return list(zip(self.at.split(self.counts), self.missing.split(self.counts), strict=True))

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
        c = (f @ self.labels)[:, None] / size
        rest = self.labels - c * f
        parts = [slope * self.u, slope] if by_exponent is None else [slope * self.u, slope, by_exponent]
        J = torch.stack(parts, dim=1)  # (K, free, n)
        J -= J.mean(-1, keepdim=True)
        J -= (J @ f[..., None]) / size[..., None] * f[:, None]
        return J.mul_(c[..., None]), rest, rest.square().sum(-1) / self.labels.square().sum()

"""Is what a formula leaves noise? Networks of splines that are trained on it answer, and neighbours."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from edgewise.interpret.starts import best_first
from edgewise.models import KAN

_SMALL = 0.1
"""Share of the variance above which what is left is never taken for noise: a weak law may hide in it."""
_SEEN = 0.05
"""Share of what is left that a network explains on fresh rows if there is something to see."""
_ALIKE = 0.8
"""Half the mean squared difference of neighbours' residuals, in variances, below which they belong to a function."""
_STARTS, _GRID, _GRID_ALONE, _ROWS = 4, 5, 50, 1000


def is_noise(
    train: tuple[Tensor, Tensor],
    fresh: tuple[Tensor, Tensor],
    formula: tuple[Tensor, Tensor],
    variance: float,
    seed: int,
) -> bool:
    """Whether nothing is seen in the residuals of a formula.

    A fast wave is invisible to a network on a coarse grid; where rows are dense enough it shows in neighbours, whose
    residuals are alike (the delta test: Pi and Peterson 1994, Neural Computation 6, 509-520), and if it runs along
    what the formula found already, in a network of that.

    Args:
        train: `(N, d)` inputs and `(N,)` residuals that networks are trained on.
        fresh: `(n, d)` inputs and `(n,)` residuals that they are judged on.
        formula: its values at both, `(N,)` and `(n,)`.
        variance: of the values that the formula is for.
        seed: of the starts.

    Returns:
        False where the residuals are not small beside the values, where neighbours' are alike, or where a sum of
        splines, a small network or a function of the formula predicts some of them.
    """
    residual = fresh[1]
    left = float(residual.square().mean())
    if not 0 < left < _SMALL * variance:
        return False
    u, r = _standard(train[0], train[0])[:_ROWS], train[1][:_ROWS]
    size = float(r.square().mean().sqrt())
    if size == 0 or _are_alike(u, r):
        return False
    at = _standard(fresh[0], train[0])
    along, at_along = (_standard(values[:, None], formula[0][:, None]) for values in formula)
    d = u.shape[1]
    tries = [([d, 1], _GRID_ALONE if d == 1 else _GRID, 1, u, at), ([d, 2, 1], _GRID, _STARTS, u, at)]
    tries.append(([1, 1], _GRID_ALONE, 1, along[:_ROWS], at_along))
    for width, grid, starts, rows, judged in tries:
        models = [KAN(width, grid=grid, seed=seed + n, dtype=torch.float64) for n in range(starts)]
        _, best = best_first(models, rows, (r / size)[:, None], seed)[0]
        with torch.no_grad():
            predicted = size * best(judged)[:, 0]
        if float((residual - predicted).square().mean()) < (1 - _SEEN) * left:
            return False
    return True


def _standard(x: Tensor, by: Tensor) -> Tensor:
    """Columns in units of the spread of others, without those that are constant."""
    largest = by.abs().amax(0).clamp_min(1e-300)  # squares of 1e-200 are zero
    x, by = x / largest, by / largest
    spread = by.std(0, correction=0)
    varies = spread > 1e-14
    return ((x - by.mean(0)) / spread)[:, varies] if bool(varies.any()) else torch.zeros_like(x[:, :1])


def _are_alike(u: Tensor, r: Tensor) -> bool:
    """Whether the residuals of nearest neighbours differ less than those of strangers."""
    near = torch.cdist(u, u).fill_diagonal_(math.inf).argmin(1)
    return float((r - r[near]).square().mean()) < 2 * _ALIKE * float(r.var(correction=0))

"""Is what a formula leaves noise? A network of splines that is trained on it answers."""

from __future__ import annotations

import torch
from torch import Tensor

from edgewise.interpret.starts import best_first
from edgewise.models import KAN

_SMALL = 0.1
"""Share of the variance above which what is left is never taken for noise: a weak law may hide in it."""
_SEEN = 0.05
"""Share of what is left that a network explains on fresh rows if there is something to see."""
_STARTS, _GRID, _GRID_ALONE, _ROWS = 4, 5, 30, 1000


def is_noise(train: tuple[Tensor, Tensor], fresh: tuple[Tensor, Tensor], variance: float, seed: int) -> bool:
    """Whether networks find nothing in the residuals of a formula.

    Args:
        train: `(N, d)` inputs, `(N,)` residuals that networks are trained on.
        fresh: as many columns, the rows they are judged on.
        variance: of the values that the formula is for.
        seed: of the starts.

    Returns:
        False where the residuals are not small beside the values, or where a sum of splines or a small network of them
        predicts some of them.
    """
    residual = fresh[1]
    left = float(residual.square().mean())
    if not left < _SMALL * variance:
        return False
    x, r = train[0][:_ROWS], train[1][:_ROWS]
    centre, spread = x.mean(0), x.std(0).clamp_min(1e-300)
    size = float(r.square().mean().sqrt())
    if size == 0 or left == 0:
        return False
    d = x.shape[1]
    for width, grid, starts in (([d, 1], _GRID_ALONE if d == 1 else _GRID, 1), ([d, 2, 1], _GRID, _STARTS)):
        models = [KAN(width, grid=grid, seed=seed + n, dtype=torch.float64) for n in range(starts)]
        _, best = best_first(models, (x - centre) / spread, (r / size)[:, None], seed)[0]
        with torch.no_grad():
            predicted = size * best((fresh[0] - centre) / spread)[:, 0]
        if float((residual - predicted).square().mean()) < (1 - _SEEN) * left:
            return False
    return True

"""`kan.spline`: pykan's four spline functions over `edgewise.splines` and `edgewise.kernels`.

pykan's order of axes: coefficients are `(inputs, outputs, G + k)`, grids `(inputs, G + 1 + 2k)`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from edgewise import kernels
from edgewise.splines import bspline_basis, check_knots, fit_coef

__all__ = ["B_batch", "coef2curve", "curve2coef", "extend_grid", "torch"]


def B_batch(x: Tensor, grid: Tensor, k: int = 0, extend: bool = True, device: object = None) -> Tensor:
    """Every basis function at every input.

    Differs from pykan: a grid with equal or falling knots is an error; pykan has zeros there, and NaN gradients.

    Args:
        x: `(N, I)` inputs.
        grid: `(I, G+1+2k)` increasing knots, or one row for all inputs.
        k: polynomial degree.
        extend: not needed; extend a grid with `extend_grid`.
        device: not needed; the result lies where `x` does.

    Returns:
        `(N, I, G+k)`.
    """
    knots = grid.to(x).expand(x.shape[-1], -1)
    check_knots(knots, "grid")
    return bspline_basis(x, knots, k)


def coef2curve(x_eval: Tensor, grid: Tensor, coef: Tensor, k: int, device: object = None) -> Tensor:
    """Every spline at every input.

    Args:
        x_eval: `(N, I)` inputs.
        grid: `(I, G+1+2k)` increasing knots.
        coef: `(I, O, G+k)` coefficients.
        k: polynomial degree.
        device: not needed; the result lies where `x_eval` does.

    Returns:
        `(N, I, O)`.
    """
    # Each input alone is a model with one input: the kernels' model axis is I.
    columns, weights = x_eval.mT[..., None], coef.to(x_eval).mT[:, None]
    return kernels.evaluate(columns, weights, grid.detach().to(x_eval)[:, None], None, k, 0, False).transpose(0, 1)


def curve2coef(x_eval: Tensor, y_eval: Tensor, grid: Tensor, k: int) -> Tensor:
    """Least-squares coefficients of splines through samples.

    Differs from pykan: where samples leave a coefficient open it is the smoothest choice, not whatever the solver of
    the device gives; no gradient flows.

    Args:
        x_eval: `(N, I)` inputs.
        y_eval: `(N, I, O)` values.
        grid: `(I, G+1+2k)` increasing knots.
        k: polynomial degree.

    Returns:
        `(I, O, G+k)`.
    """
    return fit_coef(x_eval.detach(), y_eval.detach(), grid.detach().to(x_eval), k).mT


def extend_grid(grid: Tensor, k_extend: int = 0) -> Tensor:
    """Add knots on both sides, a mean interval apart.

    Args:
        grid: `(I, G+1)` knots.
        k_extend: how many on each side.

    Returns:
        `(I, G+1+2*k_extend)`.
    """
    first, last = grid[:, :1], grid[:, -1:]
    steps = torch.arange(1, k_extend + 1, dtype=grid.dtype, device=grid.device) * (last - first) / (grid.shape[1] - 1)
    return torch.cat([first - steps.flip(1), grid, last + steps], dim=1)

"""Knot vectors: where the pieces of a spline join.

A knot vector for `G` intervals and degree `k` has `G + 2k + 1` strictly increasing entries: the
`G + 1` interval ends, and `k` more on each side so that `S = G + k` basis functions cover the domain
`[knots[k], knots[k + G]]`. Every input feature has its own row.
"""

import torch
from torch import Tensor

from edgewise.errors import ParameterError


def check_grid(grid: int, degree: int) -> None:
    """Raise `ParameterError` unless `grid` is an int >= 1 and `degree` an int >= 0."""
    if not isinstance(grid, int) or isinstance(grid, bool) or grid < 1:
        raise ParameterError(f"`grid` (number of intervals) must be an int >= 1; got {grid!r}.")
    if not isinstance(degree, int) or isinstance(degree, bool) or degree < 0:
        raise ParameterError(f"`k` (polynomial degree) must be an int >= 0; got {degree!r}.")


def extend_knots(breakpoints: Tensor, degree: int) -> Tensor:
    """Add `degree` knots on each side, continuing the first and the last spacing.

    Args:
        breakpoints: `(..., G+1)` strictly increasing interval ends.
        degree: polynomial degree.

    Returns:
        `(..., G+2*degree+1)` knots.
    """
    steps = torch.arange(1, degree + 1, dtype=breakpoints.dtype, device=breakpoints.device)
    left = breakpoints[..., :1] - steps.flip(0) * (breakpoints[..., 1:2] - breakpoints[..., :1])
    right = breakpoints[..., -1:] + steps * (breakpoints[..., -1:] - breakpoints[..., -2:-1])
    return torch.cat([left, breakpoints, right], dim=-1)


def uniform_knots(lo: Tensor, hi: Tensor, grid: int, degree: int) -> Tensor:
    """Equally spaced knots on `[lo, hi]`.

    Args:
        lo: `(...)` lower ends of the domains.
        hi: `(...)` upper ends, each larger than its `lo`.
        grid: number of intervals G.
        degree: polynomial degree.

    Returns:
        `(..., G+2*degree+1)` knots.

    Raises:
        ParameterError: `grid`, `degree` or an interval is invalid.
    """
    check_grid(grid, degree)
    if not bool((hi > lo).all()):
        raise ParameterError(f"every domain needs lo < hi; got lo={lo.tolist()}, hi={hi.tolist()}.")
    # The index runs over the extended knots at once, so that all spacings round the same way.
    index = torch.arange(-degree, grid + degree + 1, dtype=lo.dtype, device=lo.device)
    return lo[..., None] + (hi - lo)[..., None] * (index / grid)

"""How points are spread over the unit cube.

Methods: `"grid"` (midpoints of equal cells), `"cosine"` (a grid that is denser towards the ends, where a polynomial
that is held at equal distances runs wild: the Chebyshev nodes), `"sobol"` (scrambled, fills evenly at any number),
`"random"`. The last two are drawn with a seed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.quasirandom import SobolEngine

from edgewise.errors import ParameterError

GRIDS = ("grid", "cosine")
METHODS = (*GRIDS, "sobol", "random")


def unit_points(n: int, dim: int, method: str, seed: int) -> Tensor:
    """Points of the unit cube.

    Args:
        n: how many (a grid has about as many).
        dim: number of coordinates.
        method: one of `METHODS`.
        seed: of what is drawn.

    Returns:
        `(n, dim)`.
    """
    if method in GRIDS:
        return grid([max(1, round(n ** (1 / dim)))] * dim, method)
    if method == "sobol":
        return SobolEngine(dim, scramble=True, seed=seed).draw(n, dtype=torch.float64)
    return torch.rand(n, dim, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def grid(counts: list[int], method: str) -> Tensor:
    """A grid of the unit cube.

    Args:
        counts: along each coordinate.
        method: `"grid"` for midpoints of equal cells, `"cosine"` for those of equal arcs of a half circle.

    Returns:
        `(n, dim)`.
    """
    axes = [(torch.arange(count, dtype=torch.float64) + 0.5) / count for count in counts]
    if method == "cosine":
        axes = [(1 - torch.cos(math.pi * axis)) / 2 for axis in axes]
    return torch.cartesian_prod(*axes).reshape(-1, len(counts))


def stretch(unit: Tensor, bounds: Tensor) -> Tensor:
    """Points of the unit cube to a box with `(D, 2)` bounds."""
    return bounds[:, 0] + unit * (bounds[:, 1] - bounds[:, 0])


def some(rows: Tensor, n: int, seed: int) -> Tensor:
    """All rows, or `n` of them drawn without repetition."""
    if n >= len(rows):
        return rows
    return rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))[:n]]


def check_points(n: int | Sequence[int], dim: int) -> None:
    """See that a number of points is one.

    Args:
        n: how many, or how many along each coordinate.
        dim: number of coordinates.

    Raises:
        ParameterError: it is something else.
    """
    counts = list(n) if isinstance(n, Sequence) else [n] * dim
    if len(counts) != dim or not all(isinstance(c, int) and not isinstance(c, bool) and c >= 1 for c in counts):
        raise ParameterError(
            f"the number of points must be an int >= 1, or one for each of {dim} coordinates, such as "
            f"{(8,) * dim}; got {n!r}."
        )


def check_sampling(n: int, method: str) -> None:
    """See that points can be spread.

    Args:
        n: how many.
        method: one of `METHODS`.

    Raises:
        ParameterError: no number of points, or another method.
    """
    if not isinstance(n, int) or isinstance(n, bool) or n < 1:
        raise ParameterError(f"`n` (number of points) must be an int >= 1; got {n!r}.")
    if method not in METHODS:
        raise ParameterError(f"`method` must be one of {METHODS}; got {method!r}.")

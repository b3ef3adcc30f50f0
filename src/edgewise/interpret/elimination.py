"""Linear least squares with few terms: backward elimination by the Bayesian information criterion (Schwarz 1978)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

_DEPENDENT, _ROUNDING = 1e-10, 1e-12
"""Shares of a column's size that are new in it, and of the largest term that a term has, for it to count."""
_EXACT = 1e-18


@dataclass(frozen=True)
class Thinned:
    """What is left of a least-squares problem.

    Attributes:
        numbers: one per column; zero for those that went.
        left: sum of the squared residuals.
    """

    numbers: Tensor
    left: float

    @property
    def terms(self) -> int:
        """How many columns are left."""
        return int((self.numbers != 0).sum())


def exact_share(b: Tensor) -> float:
    """The share of the variance of b below which a sum of squares is due to rounding.

    Args:
        b: `(N,)` values.
    """  # noqa: DOC201 said in the first line
    rounding = (16 * torch.finfo(b.dtype).eps) ** 2
    return max(_EXACT, rounding * float(b.square().sum()) / max(variation(b), 1e-300))


def variation(b: Tensor) -> float:
    """Sum of the squared deviations from the mean.

    Args:
        b: `(N,)` values.
    """  # noqa: DOC201 said in the first line
    return float((b - b.mean()).square().sum())


def solves(A: Tensor, b: Tensor) -> bool:
    """Whether the columns make up b to the last digits.

    Args:
        A: `(N, n)` columns, N at least twice n.
        b: `(N,)` values.
    """  # noqa: DOC201 said in the first line
    left = b - A @ torch.linalg.lstsq(A, b[:, None], driver="gelsd").solution[:, 0]
    return float(left.square().sum()) <= exact_share(b) * variation(b)


def criterion(rows: int, missing: float, numbers: int, least: float = 1e-30) -> float:
    """How badly a fit does: Schwarz's criterion, where half as much missing in every row outweighs many numbers.

    Args:
        rows: of the data.
        missing: share of the variation that is not explained.
        numbers: that were fitted.
        least: share below which there is only rounding.
    """  # noqa: DOC201 said in the first line
    return rows * math.log(max(missing, least)) + numbers * math.log(rows)


def thinned(A: Tensor, b: Tensor, most: int, most_exact: int) -> Thinned | None:
    """The best problem among those that are left as the column which is missed least is taken out, again and again.

    Args:
        A: `(N, n)` columns; of dependent ones the first count.
        b: `(N,)` values.
        most: terms at most.
        most_exact: the same of a solution that is right to the last digits.

    Returns:
        The one with the least criterion; None where b is constant.
    """
    total = variation(b)
    if total == 0:
        return None
    size = A.norm(dim=0).clamp_min(1e-300)
    A = A / size
    own = (torch.linalg.qr(A).R.diagonal().abs() > _DEPENDENT).nonzero()[:, 0]
    kept, inverse = own.tolist(), torch.linalg.pinv(A[:, own])
    inverse = inverse @ inverse.T  # of the Gram matrix, whose condition is the square of that of A
    share, rows, best = exact_share(b), len(b), (math.inf, None)
    while kept:
        c, left = _solution(A[:, kept], b)
        if len(kept) <= (most_exact if left <= share * total else most):
            score = criterion(rows, left / total, len(kept), 1e-2 * share)
            if score < best[0]:
                best = score, (list(kept), c)
        out = int((c.square() / inverse.diagonal().clamp_min(1e-300)).argmin())
        kept.pop(out)
        inverse = _without(inverse, out)
    if best[1] is None:
        return None
    kept, c = best[1]
    kept = [n for n, number in zip(kept, c.tolist(), strict=True) if abs(number) > _ROUNDING * float(c.abs().max())]
    c, left = _solution(A[:, kept], b)
    numbers = torch.zeros_like(size)
    numbers[kept] = c / size[kept]
    return Thinned(numbers, left)


def _solution(A: Tensor, b: Tensor) -> tuple[Tensor, float]:
    c = torch.linalg.lstsq(A, b[:, None]).solution[:, 0]
    return c, float((b - A @ c).square().sum())


def _without(inverse: Tensor, out: int) -> Tensor:
    """The inverse of a matrix without one row and column, from the inverse of all of it."""
    rest = [n for n in range(len(inverse)) if n != out]
    row = inverse[rest, out]
    return inverse[rest][:, rest] - row[:, None] * row / inverse[out, out].clamp_min(1e-300)

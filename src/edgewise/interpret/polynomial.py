"""Laws that are sums of powers: `T(y / factor)` as a polynomial or a quotient of two, for an elementary `T`.

Linear least squares decides in milliseconds. A polynomial is thinned out term by term, which also works for data with
noise; a quotient `p/q` is the null vector of `p(x) - y q(x)`, which there is only for data without.
"""

# pyright: reportArgumentType=false, reportCallIssue=false, reportReturnType=false, reportAttributeAccessIssue=false
# (sympy's annotations are of Basic where its functions give Expr)

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sympy
import torch
from torch import Tensor

from edgewise.interpret.factors import Divided, divided

Exponents = tuple[int, ...]

_DEGREES, _PLAIN_DEGREES, _MOST_MONOMIALS = (4, 3, 2, 1), (2, 1), 60
"""Degrees of polynomials that are right to the last digit, and of others, which else would follow any law; the first
that has so few monomials is taken."""
_MOST_TERMS, _MOST_EXACT_TERMS = 6, 15
"""Terms of a polynomial that is still readable, and of one that is right to the last digit."""
_KEPT, _WORTH = 2, 0.05
"""Polynomials that are proposed, and what they may miss."""
_EXACT = 1e-18
"""Share of the variance that counts as a rounding error."""
_NULL, _GAP = 1e-11, 1e-8
"""Singular values, in shares of the largest, of a null vector and of everything else."""
_QUOTIENTS = ((1, 1), (2, 1), (1, 2), (2, 2), (3, 2), (3, 3))
"""Degrees above and below."""


@dataclass(frozen=True)
class _Transformation:
    """`T`, its slope, and what undoes it."""

    forward: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]
    inverse: Callable[[Any], Any]
    positive: bool = False


_PLAIN = _Transformation(lambda w: w, torch.ones_like, lambda h: h)
_SQUARE = _Transformation(torch.square, lambda w: 2 * w, sympy.sqrt, positive=True)
_TRANSFORMATIONS = (
    _PLAIN,
    _Transformation(torch.reciprocal, lambda w: -(w**-2), lambda h: 1 / h),
    _SQUARE,
    _Transformation(lambda w: w**-2, lambda w: -2 * w**-3, lambda h: 1 / sympy.sqrt(h), positive=True),
    _Transformation(torch.sqrt, lambda w: 0.5 * w**-0.5, lambda h: h**2, positive=True),
    _Transformation(torch.log, torch.reciprocal, sympy.exp, positive=True),
    _Transformation(torch.exp, torch.exp, sympy.log),
)


def polynomials(x: Tensor, y: Tensor, symbols: Sequence[sympy.Symbol]) -> list[sympy.Expr]:
    """Thin polynomials under a factor and a transformation.

    Args:
        x: `(N, d)` inputs.
        y: `(N,)` values.
        symbols: of the inputs.

    Returns:
        The best few by the Bayesian information criterion; a single one where it is exact.
    """
    found: list[tuple[float, sympy.Expr]] = []
    for data in divided(x, y, symbols):
        for transformation in _TRANSFORMATIONS:
            if (best := _thinned(data, transformation)) is None:
                continue
            missing, terms, expression = best
            if missing < _EXACT:
                return [expression]
            if missing < _WORTH:
                found.append((len(y) * math.log(missing) + terms * math.log(len(y)), expression))
    return [expression for _, expression in sorted(found, key=lambda one: one[0])[:_KEPT]]


def quotients(x: Tensor, y: Tensor, symbols: Sequence[sympy.Symbol]) -> list[sympy.Expr]:
    """Quotients of polynomials that are y, or its square.

    Args:
        x: `(N, d)` inputs.
        y: `(N,)` values.
        symbols: of the inputs.

    Returns:
        One that is right to the last digits; none with noise.
    """
    for data in divided(x, y, symbols):
        for transformation in (_PLAIN, _SQUARE):
            sign = 1 if float(data.y.sum()) > 0 else -1
            if transformation.positive and not bool((sign * data.y > 0).all()):
                continue
            found = _quotient(data.x, transformation.forward(sign * data.y), data.symbols)
            if found is not None:
                return [sign * data.factor * transformation.inverse(found)]
    return []


# --------------------------------------------------------------------------------------------- polynomials


def exponents_up_to(inputs: int, degree: int) -> list[Exponents]:
    """Of all monomials, the constant first.

    Args:
        inputs: number of variables.
        degree: largest total degree.

    Returns:
        An exponent for every variable, per monomial.
    """
    every = itertools.product(range(degree + 1), repeat=inputs) if inputs < 7 else _low(inputs, degree)
    return sorted((e for e in every if sum(e) <= degree), key=lambda e: (sum(e), e))


def _low(inputs: int, degree: int) -> Iterator[Exponents]:
    """The same where all combinations would be too many."""
    for total in range(degree + 1):
        for chosen in itertools.combinations_with_replacement(range(inputs), total):
            yield tuple(chosen.count(i) for i in range(inputs))


def _columns(x: Tensor, exponents: Sequence[Exponents]) -> Tensor:
    """`(N, monomials)`."""
    return torch.stack([(x ** torch.tensor(e, dtype=x.dtype)).prod(1) for e in exponents], dim=1)


def _term(symbols: Sequence[sympy.Symbol], exponents: Exponents) -> sympy.Expr:
    return sympy.Mul(*(s**e for s, e in zip(symbols, exponents, strict=True)))


def _thinned(data: Divided, transformation: _Transformation) -> tuple[float, int, sympy.Expr] | None:
    """Share of the variance of y that is missed, number of terms, expression."""
    sign = 1.0 if not transformation.positive or float(data.y.sum()) > 0 else -1.0
    size = float(data.y.abs().mean())
    w = sign * data.y / size
    if transformation.positive and not bool((w > 0).all()):
        return None
    values, slope = transformation.forward(w), transformation.slope(w)
    # An error of y is one of the transformed values times this; the factor is part of y.
    weight = data.scale.abs() / slope.abs()
    if not bool((values.isfinite() & weight.isfinite()).all()) or float(values.abs().max()) > 1e8:
        return None
    lengths, b = data.x.abs().amax(0).clamp_min(1e-300), values * weight
    exponents = _basis(data.x, _DEGREES)
    A = _columns(data.x / lengths, exponents) * weight[:, None]
    if not _solves(A, b):
        exponents = _basis(data.x, _PLAIN_DEGREES)
        A = _columns(data.x / lengths, exponents) * weight[:, None]
    kept, coefficients, left = _thin(A, b)
    y = w * data.scale
    total = float((y - y.mean()).square().sum())
    if not kept or total == 0:
        return None
    numbers = [
        sympy.Float(float(c / _columns(lengths[None], [exponents[n]])), 17)
        for n, c in zip(kept, coefficients, strict=True)
    ]
    terms = [number * _term(data.symbols, exponents[n]) for n, number in zip(kept, numbers, strict=True)]
    expression = data.factor * sympy.Float(sign * size, 17) * transformation.inverse(sympy.Add(*terms))
    if expression.has(sympy.nan, sympy.zoo, sympy.oo, sympy.I):
        return None
    return max(left / total, 1e-30), len(kept), expression


def _solves(A: Tensor, b: Tensor) -> bool:
    left = b - A @ torch.linalg.lstsq(A, b[:, None], driver="gelsd").solution[:, 0]
    return float(left.square().sum()) <= _EXACT * float((b - b.mean()).square().sum())


def _basis(x: Tensor, degrees: Sequence[int]) -> list[Exponents]:
    inputs = x.shape[1]
    degree = next((d for d in degrees if math.comb(inputs + d, d) <= min(_MOST_MONOMIALS, len(x) // 4)), 1)
    return exponents_up_to(inputs, degree)


def _thin(A: Tensor, b: Tensor) -> tuple[list[int], Tensor, float]:
    """Backward elimination by the Bayesian information criterion: columns, coefficients, squares that are left."""
    size = A.norm(dim=0).clamp_min(1e-300)
    A = A / size
    total = float((b - b.mean()).square().sum())
    if total == 0:
        return [], b, 0.0
    floor = max(1e-26, (16 * torch.finfo(b.dtype).eps) ** 2 * float(b.square().sum()) / total)
    best: tuple[float, list[int], Tensor, float] | None = None
    left, kept = math.inf, list(range(A.shape[1]))
    inverse = torch.linalg.pinv(A)
    inverse = inverse @ inverse.T  # of the Gram matrix, without squaring its condition first
    while kept:
        c = inverse @ (A[:, kept].T @ b)
        if len(kept) <= _MOST_EXACT_TERMS:
            c = torch.linalg.lstsq(A[:, kept], b[:, None]).solution[:, 0]
            left = float((b - A[:, kept] @ c).square().sum())
        if len(kept) <= (_MOST_EXACT_TERMS if left <= _EXACT * total else _MOST_TERMS):
            score = len(b) * math.log(max(left / total, floor)) + len(kept) * math.log(len(b))
            if best is None or score < best[0]:
                best = (score, list(kept), c / size[kept], left)
        rise = c.square() / inverse.diagonal().clamp_min(1e-300)
        out = int(rise.argmin())
        rest = [n for n in range(len(kept)) if n != out]
        row = inverse[rest, out]
        inverse = inverse[rest][:, rest] - row[:, None] * row / inverse[out, out].clamp_min(1e-300)
        kept.pop(out)
    return ([], b, 0.0) if best is None else best[1:]


# ----------------------------------------------------------------------------------------------- quotients


def _quotient(x: Tensor, w: Tensor, symbols: Sequence[sympy.Symbol]) -> sympy.Expr | None:
    """The quotient of the lowest degrees that is w exactly; None if there is none."""
    lengths, size = x.abs().amax(0).clamp_min(1e-300), w.abs().mean()
    x, w = x / lengths, w / size
    for above, below in _QUOTIENTS:
        top, bottom = exponents_up_to(x.shape[1], above), exponents_up_to(x.shape[1], below)
        if len(top) + len(bottom) > min(2 * _MOST_MONOMIALS, len(x) // 4):
            return None
        columns = torch.cat([_columns(x, top), -w[:, None] * _columns(x, bottom)], dim=1)
        numbers = _null_vector(columns)
        if numbers is None:
            continue
        numbers = numbers / _columns(lengths[None], [*top, *bottom])[0]
        if not bool(numbers[len(top) :].any()):
            continue
        numbers = numbers / numbers[len(top) :][numbers[len(top) :] != 0][0]  # the lowest term below is one
        p, q = _sum(numbers[: len(top)], top, symbols), _sum(numbers[len(top) :], bottom, symbols)
        return sympy.Float(float(size), 17) * p / q
    return None


def _sum(numbers: Tensor, exponents: Sequence[Exponents], symbols: Sequence[sympy.Expr]) -> sympy.Expr:
    terms = zip(numbers.tolist(), exponents, strict=True)
    return sympy.Add(*(sympy.Float(number, 17) * _term(symbols, e) for number, e in terms if number))


def _null_vector(columns: Tensor) -> Tensor | None:
    """The numbers that make the columns vanish, if there is one such vector; the largest is 1."""
    length = columns.norm(dim=0).clamp_min(1e-300)
    columns = columns / length
    _, values, rows = torch.linalg.svd(columns, full_matrices=False)
    if not (values[-1] < _NULL * values[0] and values[-2] > _GAP * values[0]):
        return None
    vector = rows[-1]
    kept = (vector.abs() > 1e-7 * vector.abs().max()).nonzero()[:, 0]
    _, values, rows = torch.linalg.svd(columns[:, kept], full_matrices=False)  # once more without what is zero
    if not values[-1] < _NULL * values[0]:
        return None
    found = torch.zeros_like(vector)
    found[kept] = rows[-1] / length[kept]
    return found / found[found.abs().argmax()]

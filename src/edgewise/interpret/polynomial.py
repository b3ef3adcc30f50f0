"""Laws that are sums of powers under a factor and a function: `T(y / factor)` is a polynomial, for an elementary `T`.

Linear least squares decides in milliseconds, also with noise: what terms are needed is found by taking them out.
"""

# pyright: reportArgumentType=false, reportCallIssue=false, reportReturnType=false, reportAttributeAccessIssue=false
# (sympy's annotations are of Basic where its functions give Expr)

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sympy
import torch
from torch import Tensor

from edgewise.interpret.elimination import Thinned, criterion, exact_share, solves, thinned, variation
from edgewise.interpret.expressions import has_no_value
from edgewise.interpret.factors import Divided, divided
from edgewise.interpret.monomials import Monomials, exponents_up_to

_DEGREES, _PLAIN_DEGREES, _MOST_MONOMIALS = (4, 3, 2, 1), (2, 1), 60
"""Degrees of polynomials that are right to the last digit, and of others, which else would follow any law; the first
that has so few monomials is taken."""
_MOST_TERMS, _MOST_EXACT_TERMS, _ROWS_PER_TERM = 6, 15, 4
"""Terms of a polynomial that is still readable, of one that is right to the last digit, and rows for each."""
_KEPT, _WORTH = 2, 0.05
"""Polynomials that are proposed, and what they may miss."""
_LARGEST = 1e8
"""A transformed value beyond is near a pole: nothing is left of its digits."""


@dataclass(frozen=True)
class _Transformation:
    """`T`, its slope, and what undoes it; `y` is in units of its mean size where `scales` says so."""

    forward: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]
    inverse: Callable[[Any], Any]
    positive: bool = False
    scales: bool = True


_TRANSFORMATIONS = (
    _Transformation(lambda w: w, torch.ones_like, lambda h: h),
    _Transformation(torch.reciprocal, lambda w: -(w**-2), lambda h: 1 / h),
    _Transformation(torch.square, lambda w: 2 * w, sympy.sqrt, positive=True),
    _Transformation(lambda w: w**-2, lambda w: -2 * w**-3, lambda h: 1 / sympy.sqrt(h), positive=True),
    _Transformation(torch.sqrt, lambda w: 0.5 * w**-0.5, lambda h: h**2, positive=True),
    _Transformation(torch.log, torch.reciprocal, sympy.exp, positive=True),
    _Transformation(torch.exp, torch.exp, sympy.log, scales=False),
)


@dataclass(frozen=True)
class _Found:
    expression: sympy.Expr
    missing: float
    terms: int
    is_exact: bool

    def criterion(self, rows: int) -> float:
        return criterion(rows, self.missing, self.terms)


def polynomials(x: Tensor, y: Tensor, symbols: Sequence[sympy.Symbol]) -> list[sympy.Expr]:
    """Polynomials with few terms under a factor and a transformation.

    Args:
        x: `(N, d)` inputs. From ten on no products of them are tried.
        y: `(N,)` values.
        symbols: of the inputs.

    Returns:
        One that is right to the last digits, the one with the fewest terms; where there is none, the best few by the
        Bayesian information criterion.
    """
    found: list[_Found] = []
    for data in divided(x, y, symbols):
        bases = [m for degrees in (_DEGREES, _PLAIN_DEGREES) if (m := _monomials(data.x, degrees)) is not None]
        if not bases:
            return []
        own = [one for t in _TRANSFORMATIONS if (one := _under(t, data, bases)) is not None]
        exact = [one for one in own if one.is_exact]
        if exact:
            return [min(exact, key=lambda one: one.terms).expression]
        found += [one for one in own if one.missing < _WORTH]
    return [one.expression for one in sorted(found, key=lambda one: one.criterion(len(y)))[:_KEPT]]


def _monomials(x: Tensor, degrees: Sequence[int]) -> Monomials | None:
    """Of the first degree that has rows enough."""
    inputs = x.shape[1]
    most = min(_MOST_MONOMIALS, len(x) // _ROWS_PER_TERM)
    degree = next((d for d in degrees if math.comb(inputs + d, d) <= most), None)
    return None if degree is None else Monomials(x, exponents_up_to(inputs, degree))


def _under(transformation: _Transformation, data: Divided, bases: Sequence[Monomials]) -> _Found | None:
    """The polynomial with few terms under a transformation; None where that is not defined."""
    sign = 1.0 if not transformation.positive or float(data.y.sum()) > 0 else -1.0
    size = float(data.y.abs().mean()) if transformation.scales else 1.0
    w = sign * data.y / size
    if transformation.positive and not bool((w > 0).all()):
        return None
    values, slope = transformation.forward(w), transformation.slope(w)
    weight = data.scale.abs() / slope.abs()  # an error of y is one of the transformed values times this
    if not bool((values.isfinite() & weight.isfinite()).all()) or float(values.abs().max()) > _LARGEST:
        return None
    b = values * weight
    basis = next((m for m in bases[:-1] if solves(m.columns * weight[:, None], b)), bases[-1])
    best = thinned(basis.columns * weight[:, None], b, _MOST_TERMS, _MOST_EXACT_TERMS)
    if best is None:
        return None
    expression = data.factor * sympy.Float(sign * size, 17)
    expression = expression * transformation.inverse(basis.expression(best.numbers, data.symbols))
    if has_no_value(expression):
        return None
    return _judged(expression, best, w * data.scale)


def _judged(expression: sympy.Expr, best: Thinned, y: Tensor) -> _Found | None:
    total = variation(y)
    if total == 0:
        return None
    missing = best.left / total
    enough = _ROWS_PER_TERM * best.terms <= len(y)
    return _Found(expression, missing, best.terms, enough and missing <= exact_share(y))

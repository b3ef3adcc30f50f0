"""Is a formula the true law, up to algebra and one constant?"""

from __future__ import annotations

import random
from collections.abc import Mapping
from fractions import Fraction

import sympy

_POINTS, _DIGITS, _DECIMALS = 12, 60, 3
_SMALL = sympy.Float(10) ** -40


def is_same(found: sympy.Expr, truth: sympy.Expr, ranges: Mapping[sympy.Symbol, tuple[float, float]]) -> bool:
    """Whether `found - truth` or `found / truth` is one number, as SRBench counts (La Cava et al. 2021).

    Numbers of `found` that stayed decimal are rounded to three decimals, as there. The identity is then checked in
    exact arithmetic's stead: at random rational points, to forty of sixty digits.

    Args:
        found: formula that was found.
        truth: the law, in the same symbols.
        ranges: of the symbols.
    """
    candidates = [found.xreplace(_exactly(found)), found.xreplace(_rounded(found))]
    return any(one != 0 and (_constant(one - truth, ranges) or _constant(one / truth, ranges)) for one in candidates)


def _exactly(expression: sympy.Expr) -> dict[sympy.Float, sympy.Rational]:
    return {n: sympy.Rational(Fraction(float(n))) for n in expression.atoms(sympy.Float)}


def _rounded(expression: sympy.Expr) -> dict[sympy.Float, sympy.Rational]:
    return {n: sympy.Rational(round(float(n) * 10**_DECIMALS), 10**_DECIMALS) for n in expression.atoms(sympy.Float)}


def _constant(expression: sympy.Expr, ranges: Mapping[sympy.Symbol, tuple[float, float]]) -> bool:
    """One and the same finite number at every point."""
    draw = random.Random(0)
    values = []
    for _ in range(_POINTS):
        point = {
            s: sympy.Rational(Fraction(lo) + (Fraction(hi) - Fraction(lo)) * Fraction(draw.randint(1, 9999), 10000))
            for s, (lo, hi) in ranges.items()
        }
        value = sympy.N(expression.subs(point), _DIGITS)
        if not value.is_number or not value.is_finite:
            return False
        values.append(value)
    size = max(abs(value) for value in values)
    return all(abs(value - values[0]) <= _SMALL * max(size, 1) for value in values)

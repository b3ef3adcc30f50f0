"""Is a formula the true law, up to algebra and one constant?"""

from __future__ import annotations

import random
from collections.abc import Mapping
from fractions import Fraction

import sympy

_POINTS, _DIGITS, _DECIMALS = 12, 60, 3
_SMALL, _DOUBLE = sympy.Float(10) ** -40, sympy.Float(10) ** -12


def is_same(found: sympy.Expr, truth: sympy.Expr, ranges: Mapping[sympy.Symbol, tuple[float, float]]) -> bool:
    """Whether `found - truth` or `found / truth` is one number, as SRBench counts (La Cava et al. 2021).

    Numbers of `found` that stayed decimal are rounded to three decimals, as there, and the identity is checked in exact
    arithmetic's stead: at random rational points, to forty of sixty digits. With the decimals as they are, which are
    doubles, twelve digits will do.

    Args:
        found: formula that was found.
        truth: the law, in the same symbols.
        ranges: of the symbols.
    """
    points = _points(ranges)
    law = _values(truth, points)
    tries = (_exactly(found), _DOUBLE), (_rounded(found), _SMALL)
    return any(
        (values := _values(found.xreplace(decimals), points)) is not None and _same(values, law, small)
        for decimals, small in tries
    )


def _same(found: list[sympy.Float], law: list[sympy.Float], small: sympy.Float) -> bool:
    size = max(map(abs, law))
    apart = all(abs((f - v) - (found[0] - law[0])) <= small * size for f, v in zip(found, law, strict=True))
    over = all(abs(f * law[0] - found[0] * v) <= small * size * abs(found[0]) for f, v in zip(found, law, strict=True))
    return apart or (over and any(found))


def _exactly(expression: sympy.Expr) -> dict[sympy.Float, sympy.Rational]:
    return {n: sympy.Rational(Fraction(float(n))) for n in expression.atoms(sympy.Float)}


def _rounded(expression: sympy.Expr) -> dict[sympy.Float, sympy.Rational]:
    return {n: sympy.Rational(round(float(n) * 10**_DECIMALS), 10**_DECIMALS) for n in expression.atoms(sympy.Float)}


def _points(ranges: Mapping[sympy.Symbol, tuple[float, float]]) -> list[dict[sympy.Symbol, sympy.Rational]]:
    draw = random.Random(0)

    def between(lo: float, hi: float) -> sympy.Rational:
        return sympy.Rational(Fraction(lo) + (Fraction(hi) - Fraction(lo)) * Fraction(draw.randint(1, 9999), 10000))

    return [{s: between(*own) for s, own in ranges.items()} for _ in range(_POINTS)]


def _values(expression: sympy.Expr, points: list[dict[sympy.Symbol, sympy.Rational]]) -> list[sympy.Float] | None:
    """At every point, or None where one is not a real number."""
    values = [sympy.N(expression.subs(point), _DIGITS) for point in points]
    return values if all(value.is_number and value.is_finite and value.is_real for value in values) else None

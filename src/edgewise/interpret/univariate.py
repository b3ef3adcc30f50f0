"""Formulas of one variable: `T(w) = c f(a z + b) + d` for an elementary `f` and a transformation `T` of the values.

One function and one inverse make most of the one-variable laws that people write down: `1/(exp(z) - 1)` is a reciprocal
of an exponential, `sqrt(1 - z^2)` a square root of a parabola. Each transformation costs one fit of the library.
"""

# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportReturnType=false
# (sympy's annotations are of Basic where its functions give Expr)

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sympy
import torch
from torch import Tensor

from edgewise.interpret.edge_fit import EdgeFit, description, fit_edge
from edgewise.interpret.evaluation import evaluate
from edgewise.interpret.expressions import edge_expression, has_no_value
from edgewise.interpret.library import Library

Z = sympy.Symbol("z", real=True)
"""The variable of the expressions."""
EXACT = 1e-13
"""Share of the variance below which what is missing is a rounding error."""


@dataclass(frozen=True)
class OneVariable:
    """A formula of one variable.

    Attributes:
        expression: in `Z`, with the numbers as they were fitted.
        missing: share of the variance of the values that it leaves unexplained.
        cost: complexity of its functions and numbers.
        way: number of the way to write the data.
    """

    expression: sympy.Expr
    missing: float
    cost: float
    way: int = 0


@dataclass(frozen=True)
class _Outer:
    """A transformation of the values, and what undoes it; values are positive where `positive` says so."""

    forward: Callable[[Tensor], Tensor]
    inverse: Callable[[Any], Any]
    cost: float
    positive: bool = True


_OUTER = (
    _Outer(lambda w: w, lambda h: h, 0.0, positive=False),
    _Outer(torch.reciprocal, lambda h: 1 / h, 2.0, positive=False),
    _Outer(torch.square, sympy.sqrt, 2.0),
    _Outer(lambda w: w**-2, lambda h: 1 / sympy.sqrt(h), 3.0),
    _Outer(torch.sqrt, lambda h: h**2, 2.0),
    _Outer(torch.rsqrt, lambda h: 1 / h**2, 3.0),
    _Outer(torch.log, sympy.exp, 2.0),
    _Outer(torch.exp, sympy.log, 2.0, positive=False),
)


_INNER = ("x", "x^2", "1/x", "exp", "log", "sin", "tanh", "sinh", "cosh", "arctan", "x^p")
"""Functions that are tried under a transformation too."""
_FITS, _STARTS = 2, 5
"""Per way and transformation: functions that are fitted to the last digit, starts of each that are followed."""


def fit_univariate(problems: Sequence[tuple[Tensor, Tensor]], library: Library, most: int = 3) -> list[OneVariable]:
    """Find a formula `w(z)` for one of several ways to write the same data with one variable.

    Args:
        problems: `(N,)` inputs z and `(N,)` values w, one pair per way.
        library: the functions `f`; what is under a transformation costs more.
        most: how many to return.

    Returns:
        The best by what they miss and what they cost, best first. Once one is exact, no longer ones are looked for.
    """
    ways = [(n, z.double(), w.double()) for n, (z, w) in enumerate(problems)]
    ways = [way for way in ways if all(bool(t.isfinite().all()) for t in way[1:]) and bool(way[2].any())]
    found: list[OneVariable] = []
    for outer in _OUTER:
        for n, z, w in ways:
            for sign in (1.0, -1.0) if outer.positive else (1.0,):
                found += _under(outer, n, z, w, sign, library)
        if any(one.missing < EXACT for one in found):
            break
    return sorted(found, key=lambda one: description(one.missing, one.cost))[:most]


def _under(outer: _Outer, way: int, z: Tensor, w: Tensor, sign: float, library: Library) -> list[OneVariable]:
    """Formulas under one transformation, measured on the values themselves."""
    scale = float(w.abs().max())
    w = w / scale
    values = outer.forward(sign * w)
    if (outer.positive and not bool((sign * w > 0).all())) or not bool(values.isfinite().all()):
        return []
    if float(values.abs().max()) > 1e8:  # a pole within the data: nothing is left of its digits
        return []
    functions = [f for f in library if outer.cost == 0.0 or f.name in _INNER]
    fits = fit_edge(z, values, functions, _FITS, _STARTS)
    return [one for fit in fits if (one := _undone(outer, way, fit, z, w, sign, scale)) is not None]


def _undone(
    outer: _Outer, way: int, fit: EdgeFit, z: Tensor, w: Tensor, sign: float, scale: float
) -> OneVariable | None:
    inner = edge_expression(fit.function.formula, fit.numbers, Z)
    expression = sympy.Float(sign * scale, 17) * outer.inverse(inner)
    if has_no_value(expression):
        return None
    missed = (evaluate(expression, {Z: z}, {}).expand_as(w) / scale - w).square().mean() / w.var(correction=0)
    return OneVariable(expression, float(missed), fit.cost + outer.cost, way) if bool(missed.isfinite()) else None

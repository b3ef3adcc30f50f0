"""Drop what only rounding has put into a formula: terms like `1e-17*x`, factors like `0.9999999999999999`.

Something that small may still matter: `1/(x + 1e-17)` at x = 0 is a number. So a change is made only where interval
arithmetic over a box of inputs shows that no output can move by more than 64 rounding errors of its largest value.
The way from the changed place to the output must lead through sums, products, whole powers and functions whose slope is
bounded; behind a division, a root or a logarithm nothing is touched.
"""

# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportReturnType=false
# (sympy's annotations are of Basic where its functions give Expr)

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import sympy
import torch
from torch import Tensor

from edgewise.interpret.bend import bend

if TYPE_CHECKING:
    from edgewise.interpret.formula import F

_ALLOWED = 64 * 2.0**-52
"""Change of an output, relative to its largest value."""
_SLOPE_ONE = (sympy.sin, sympy.cos, sympy.tanh, sympy.atan, bend)
"""Functions whose slope is at most one."""
_MOST = 1e150
"""Bounds beyond it count as infinite: sums and products of them would overflow."""

_POINTS = 256

Interval = tuple[float, float]
_ALL = (-math.inf, math.inf)


def without_dust(formula: F, x: Tensor) -> F:
    """The formula without what cannot be seen on a box.

    Args:
        formula: the formula.
        x: `(N, inputs)` rows that span the box, N >= 1.

    Returns:
        A new formula.
    """
    lows, highs = x.amin(0).tolist(), x.amax(0).tolist()
    box = {s: (low, high) for s, low, high in zip(formula.symbols, lows, highs, strict=True)}
    # The largest value at some points is at most the largest in the box: the bound is on the safe side.
    places = torch.rand(_POINTS, x.shape[1], generator=torch.Generator().manual_seed(0), dtype=x.dtype)
    points = torch.cat([x, torch.lerp(x.amin(0), x.amax(0), places)])
    scales = formula.evaluate(points).abs().amax(0).tolist()
    return formula.with_expressions([
        _cleaned(e, scale, box) for e, scale in zip(formula.expressions, scales, strict=True)
    ])


def _cleaned(expression: sympy.Expr, scale: float, box: Mapping[Any, Interval]) -> sympy.Expr:
    if not 0 < scale < math.inf:
        return expression
    return _Sweep(_ALLOWED * scale, box).of(expression, 1.0)


class _Sweep:
    """Replaces parts of an expression, as long as all changes together move the output by no more than allowed.

    Args:
        left: how far the output may still move.
        box: lowest and highest value of every input.
    """

    def __init__(self, left: float, box: Mapping[Any, Interval]) -> None:
        self.left, self.box = left, box

    def affords(self, change: float) -> bool:
        """Whether the output may move that far; if so, it has."""
        if not change <= self.left:
            return False
        self.left -= change
        return True

    def of(self, e: sympy.Expr, gain: float) -> sympy.Expr:
        """The expression without dust; `gain` bounds how much faster than it the output changes."""
        if not e.args or not math.isfinite(gain):
            return e
        if e.is_Add:
            parts = [self.of(part, gain) for part in e.args if not self.affords(gain * self.size(part))]
            return sympy.Add(*parts)
        if e.is_Mul:
            return self._product(e, gain)
        if e.is_Pow and e.exp.is_Integer and e.exp > 0:
            n = int(e.exp)
            return sympy.Pow(self.of(e.base, gain * n * _power(self.size(e.base), n - 1)), e.exp)
        if isinstance(e, _SLOPE_ONE):
            return e.func(self.of(e.args[0], gain))
        if isinstance(e, sympy.exp):
            return e.func(self.of(e.args[0], gain * self.size(e)))
        return e

    def _product(self, e: sympy.Expr, gain: float) -> sympy.Expr:
        factors = list(e.args)
        for n, factor in enumerate(factors):
            others = gain * math.prod(self.size(other) for m, other in enumerate(factors) if m != n)
            near = round(float(factor)) if factor.is_Float and abs(factor) < 1e6 else 0
            if near and self.affords(abs(float(factor) - near) * others):
                factors[n] = sympy.Integer(near)
            else:
                factors[n] = self.of(factor, others)
        return sympy.Mul(*factors)

    def size(self, e: sympy.Expr) -> float:
        """A bound of the absolute value."""
        low, high = self.range(e)
        return max(abs(low), abs(high))

    def range(self, e: sympy.Expr) -> Interval:
        """Bounds of the values; infinite where nothing is known."""
        low, high = self._range(e)
        return (low, high) if max(abs(low), abs(high)) < _MOST else _ALL

    def _range(self, e: sympy.Expr) -> Interval:
        if e in self.box:
            return self.box[e]
        if e.is_number:
            value = complex(e)
            return (value.real, value.real) if value.imag == 0 and math.isfinite(value.real) else _ALL
        ranges = [self.range(part) for part in e.args]
        if e.is_Add:
            return sum(low for low, _ in ranges), sum(high for _, high in ranges)
        if e.is_Mul:
            return _product(ranges)
        if e.is_Pow and e.exp.is_Integer and e.exp > 0:
            return _whole_power(ranges[0], int(e.exp))
        if isinstance(e, (sympy.sin, sympy.cos, sympy.tanh, sympy.erf, sympy.sign)):
            return -1.0, 1.0
        if isinstance(e, bend):
            return -3.0, 3.0
        if isinstance(e, sympy.exp) and ranges[0][1] < 300:
            return (math.exp(ranges[0][0]) if ranges[0][0] > -300 else 0.0), math.exp(ranges[0][1])
        return _ALL


def _product(ranges: list[Interval]) -> Interval:
    low, high = 1.0, 1.0
    for a, b in ranges:
        if not all(map(math.isfinite, (a, b, low, high))):
            return _ALL
        ends = (low * a, low * b, high * a, high * b)
        low, high = min(ends), max(ends)
    return low, high


def _whole_power(base: Interval, n: int) -> Interval:
    low, high = (_signed_power(end, n) for end in base)
    if n % 2:
        return low, high
    return (0.0 if base[0] <= 0 <= base[1] else min(low, high)), max(low, high)


def _signed_power(value: float, n: int) -> float:
    return math.copysign(1, value) ** n * _power(abs(value), n)


def _power(value: float, n: int) -> float:
    """`value ** n` of a value >= 0, infinite instead of an overflow."""
    if n == 0:
        return 1.0
    return value**n if math.isfinite(value) and n * math.log10(max(value, 1.0)) < 300 else math.inf

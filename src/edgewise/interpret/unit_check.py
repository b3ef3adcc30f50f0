"""The unit of a formula, or where it has none: sums of unlike things, the sine of a length, an exponent with a unit."""

# pyright: reportAttributeAccessIssue=false
# (sympy's annotations are of Basic where its functions give Expr)

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import sympy

from edgewise.errors import ParameterError
from edgewise.interpret.units import Unit, UnitLike, as_fraction, parse_unit

_ALIKE = {"Add": "adds", "Max": "compares", "Min": "compares", "atan2": "compares", "Mod": "compares"}
"""What all arguments need one unit for."""


def check_units(
    expression: sympy.Expr, units: Mapping[str, UnitLike], constants: Mapping[Any, UnitLike] | None = None
) -> Unit:
    """Check a formula's dimensions.

    Args:
        expression: of sympy, as in `Formula.expressions`.
        units: of its symbols, by name.
        constants: units of other symbols by name, and of numbers by value: `{9.81: "m/s^2"}`. All other numbers have
            none. A number that converts (1000 where km meet m) has the unit `"m/km"`.

    Returns:
        The unit of the expression.

    Raises:
        ParameterError: a symbol without a declared unit, a unit that cannot be read, or a part of the formula that
            has no unit; the message names the smallest one.

    >>> m, v = sympy.symbols("m v")
    >>> str(check_units(m * v**2 / 2, {"m": "kg", "v": "m/s"}))
    'kg m^2/s^2'
    """
    known = {str(name): parse_unit(unit) for name, unit in units.items()}
    numbers: dict[float, Unit] = {}
    for key, unit in (constants or {}).items():
        if isinstance(key, str | sympy.Symbol):
            known[str(key)] = parse_unit(unit)
        else:
            numbers[float(key)] = parse_unit(unit)
    return _Checker(known, numbers).unit(sympy.sympify(expression))


class _Checker:
    """A walk from the leaves up; the first part that fails is the smallest.

    Args:
        known: units of symbols.
        numbers: units of numbers.
    """

    def __init__(self, known: dict[str, Unit], numbers: dict[float, Unit]) -> None:
        self.known, self.numbers = known, numbers

    def unit(self, e: Any) -> Unit:
        if e.is_Symbol:
            return self._symbol(e)
        if e.is_number and not e.args:
            return self._number(e)
        if e.is_Mul:
            return math.prod((self.unit(part) for part in e.args), start=Unit())
        if e.is_Pow:
            return self._power(e)
        name = e.func.__name__
        if name in _ALIKE:
            common = self._alike(e, _ALIKE[name])
            return Unit() if name == "atan2" else common
        if name == "Abs":
            return self.unit(e.args[0])
        if name in ("sign", "Heaviside"):
            self.unit(e.args[0])
            return Unit()
        if not e.is_Function:
            raise ParameterError(f"{name} in {e} has no rule for units.")
        for part in e.args:
            self._plain(part, f"{name} takes numbers without a unit", e)
        return Unit()

    def _symbol(self, e: Any) -> Unit:
        if e.name not in self.known:
            raise ParameterError(
                f"`units` has none for {e.name!r}; it has {', '.join(self.known)}. A symbol without a unit has '1'."
            )
        return self.known[e.name]

    def _number(self, e: Any) -> Unit:
        if self.numbers and e.is_real and e.is_finite:
            for value, unit in self.numbers.items():
                if math.isclose(float(e), value, rel_tol=1e-12):
                    return unit
        return Unit()

    def _alike(self, e: Any, verb: str) -> Unit:
        parts = [(part, self.unit(part)) for part in e.args]
        first, common = parts[0]
        for part, unit in parts[1:]:
            if unit != common:
                hint = " A number converts between them." if unit.same_dimension(common) else ""
                raise ParameterError(f"{e} {verb} {first} [{common}] and {part} [{unit}].{hint}")
        return common

    def _power(self, e: Any) -> Unit:
        self._plain(e.exp, "an exponent has no unit", e)
        base = self.unit(e.base)
        if base == Unit():
            return base
        if not e.exp.is_number or not e.exp.is_real:
            raise ParameterError(f"{e} has no unit: {e.base} [{base}] is raised to {e.exp}, which is no fixed number.")
        value = e.exp if e.exp.is_Rational else float(e.exp)
        return base ** as_fraction(value if isinstance(value, float) else str(value), f"the exponent in {e}")

    def _plain(self, e: Any, rule: str, inside: Any) -> None:
        unit = self.unit(e)
        if unit != Unit():
            raise ParameterError(f"{inside}: {rule}; {e} has the unit {unit}.")

"""The soft limit of table columns with outliers, as a function of its own: written out, it would hide the formula."""

# pyright: reportReturnType=false, reportAttributeAccessIssue=false, reportOperatorIssue=false, reportIncompatibleMethodOverride=false
# (sympy's annotations are of Basic where its functions give Expr)

from typing import Any

import sympy

LIMIT = 3
"""Largest absolute value of a bent column, see `edgewise.preprocess`."""


class bend(sympy.Function):
    """`z / sqrt(1 + (z/3)^2)`."""

    is_real = True

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        """The derivative."""
        return (1 + self.args[0] ** 2 / LIMIT**2) ** sympy.Rational(-3, 2)

    def plain(self) -> sympy.Expr:
        """Written out."""
        return self.args[0] / sympy.sqrt(1 + self.args[0] ** 2 / LIMIT**2)


BENT = f"bend(z) = z/sqrt(1 + (z/{LIMIT})**2)"
BENT_LATEX = rf"\operatorname{{bend}}{{\left(z \right)}} = \frac{{z}}{{\sqrt{{1 + z^2/{LIMIT**2}}}}}"


def unbent(expression: Any) -> Any:
    """An expression without `bend`."""
    return expression.replace(bend, lambda z: bend(z).plain())

"""The formula of a network behind a prepared table, in the units of the table."""

# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportReturnType=false
# (sympy's annotations are of Basic where its functions give Expr)

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy
import torch
from torch import Tensor

from edgewise.interpret.bend import bend
from edgewise.interpret.data import chosen_columns
from edgewise.interpret.evaluation import evaluate
from edgewise.interpret.formula import Formula, tree_size
from edgewise.preprocess import NumericColumn, TablePreprocessor, is_frame

_FAR = 1e3
"""Deviations from zero from which `x - center` is kept as it is: multiplied out, its digits would cancel."""


class TableFormula(Formula):
    """A formula that takes a table: numeric columns as they are, an indicator 0 or 1 for every level of a category.

    A symbol like `city=Rome` is 1 in the rows where the column `city` is `Rome`. Called with a frame, the formula finds
    columns by name and makes the indicators; an array has a column per symbol. On zeros and ones every function is a
    straight line, so no spline of an indicator is left.

    Attributes:
        preprocessor: the preparation of the table.
    """

    preprocessor: TablePreprocessor

    @classmethod
    def of_table(cls, formula: Formula, preprocessor: TablePreprocessor, mean: Any, scale: Any) -> TableFormula:
        """From prepared columns and standardised outputs to the units of a table.

        Args:
            formula: of the prepared columns; its inputs are called `preprocessor.names_out`.
            preprocessor: the preparation.
            mean: `(O,)` means of the outputs.
            scale: `(O,)` scales of the outputs.

        Returns:
            The formula, not simplified.
        """
        whole = formula.substitute(_prepared(preprocessor), preprocessor.names_out).scale_outputs(scale, mean)
        numeric = {column.name for column in preprocessor.columns if isinstance(column, NumericColumn)}
        marks = {symbol for symbol in whole.symbols if str(symbol) not in numeric}
        expressions = [_linear_in(marks, e, whole.splines) for e in whole.expressions]
        used = {part.func.__name__ for e in expressions for part in e.atoms(sympy.Function)}
        splines = {name: spline for name, spline in whole.splines.items() if name in used}
        new = cls(expressions, whole.symbols, splines, whole.output_names)
        new.preprocessor = preprocessor
        return new

    def rows(self, x: Any) -> Tensor:
        """`(N, symbols)` float64 inputs of a frame or array.

        Args:
            x: a frame with the columns of the fit, in any order, or `(N, symbols)` numbers.

        Returns:
            The inputs.

        Raises:
            ShapeError: a column is missing or there twice, or an array has another width.
            DomainError: a value cannot be used; the message names column, row and value.
        """
        if not is_frame(x):
            return super().rows(x)
        raw = self.preprocessor.read(chosen_columns(x, [column.name for column in self.preprocessor.columns]))
        return torch.from_numpy(self.preprocessor.indicators(raw))


def with_fewer_indicators(formula: TableFormula, rows: Tensor) -> TableFormula:
    """The same on rows like these, where the indicators of a column add up to one, so that one of them can go.

    Args:
        formula: the formula.
        rows: `(N, symbols)` what it is used on. A column with a level that is none of its indicators stays as it is.

    Returns:
        A new formula. Where a level is new, it says something else than the old one.
    """
    symbols = {str(symbol): (n, symbol) for n, symbol in enumerate(formula.symbols)}
    groups = []
    for column in formula.preprocessor.columns:
        places = [] if isinstance(column, NumericColumn) else [symbols[name] for name in column.names_out]
        if places and bool((rows[:, [n for n, _ in places]].sum(1) == 1).all()):
            groups.append([symbol for _, symbol in places])
    return formula.with_expressions([_reduced(e, groups) for e in formula.expressions])


def _reduced(e: sympy.Expr, groups: list[list[sympy.Symbol]]) -> sympy.Expr:
    """In every sum, take the factor of one indicator away from all of a column, where that leaves less to read."""
    if not e.args:
        return e
    e = e.func(*(_reduced(part, groups) for part in e.args))
    for marks in groups if e.is_Add else ():
        factors: dict[Any, Any] = {mark: e.coeff(mark, 1) for mark in marks}
        if e.has(*marks) and all(f.is_number for f in factors.values()):
            rest = e - sympy.Add(*(f * mark for mark, f in factors.items()))
            forms = [
                rest + taken + sympy.Add(*((f - taken) * mark for mark, f in factors.items()))
                for taken in dict.fromkeys(factors.values())
            ]
            e = min([e, *forms], key=tree_size) if not rest.has(*marks) else e
    return e


def _prepared(preprocessor: TablePreprocessor) -> dict[str, sympy.Expr]:
    """What the network sees of every numeric column, as an expression of the column; indicators are as they are."""
    return {c.name: _of_column(c) for c in preprocessor.columns if isinstance(c, NumericColumn)}


def _of_column(column: NumericColumn) -> sympy.Expr:
    x, center, scale = sympy.Symbol(column.name, real=True), _number(column.center), _number(column.scale)
    far = abs(column.center) > _FAR * column.scale
    z = sympy.UnevaluatedExpr(x - center) / scale if far else (x - center) / scale
    return bend(z) if column.bent else z


def _linear_in(marks: set[Any], e: sympy.Expr, splines: Mapping[str, Any]) -> sympy.Expr:
    """The same on zeros and ones, where every function of one indicator is `f(0) + (f(1) - f(0)) * indicator`."""
    free: set[Any] = e.free_symbols
    if len(free) == 1 and free <= marks and not e.is_Symbol:
        (mark,) = free
        at_zero, at_one = evaluate(e, {mark: torch.tensor([0.0, 1.0], dtype=torch.float64)}, splines).tolist()
        if math.isfinite(at_zero) and math.isfinite(at_one):
            return sympy.Float(at_zero, 17) + sympy.Float(at_one - at_zero, 17) * mark
    return e.func(*(_linear_in(marks, part, splines) for part in e.args)) if free & marks and e.args else e


def _number(value: float) -> sympy.Expr:
    """Whole numbers are exact."""
    return sympy.Integer(int(value)) if np.abs(value) < 2**53 and value == int(value) else sympy.Float(value, 17)

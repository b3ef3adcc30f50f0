"""Expressions as JSON and back: a tree of names and numbers, read without evaluating any text as code."""

# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportReturnType=false
# (sympy's annotations are of Basic where its functions give Expr)

from __future__ import annotations

from typing import Any

import sympy

from edgewise.errors import FormatError
from edgewise.interpret.evaluation import TORCH

_CONSTANTS = {"pi": sympy.pi, "E": sympy.E}
_OPERATIONS = {"Add": sympy.Add, "Mul": sympy.Mul, "Pow": sympy.Pow}


def to_tree(expression: sympy.Expr) -> Any:
    """An expression as nested lists.

    Args:
        expression: of numbers, symbols, sums, products, powers and functions.

    Returns:
        What `json` can write: a text is a symbol, a number a float, `["Add", ...]` an operation or function.
    """
    if expression.is_Symbol:
        return str(expression)
    if expression.is_Float:
        return float(expression)
    if expression.is_Rational:
        return ["Rational", int(expression.p), int(expression.q)]
    for name, value in _CONSTANTS.items():
        if expression == value:
            return ["Constant", name]
    return [expression.func.__name__, *map(to_tree, expression.args)]


def from_tree(tree: Any) -> sympy.Expr:
    """The expression of `to_tree`.

    Args:
        tree: nested lists.

    Returns:
        The expression, with real symbols.

    Raises:
        FormatError: the tree holds something else.
    """
    if isinstance(tree, str):
        return sympy.Symbol(tree, real=True)
    if isinstance(tree, float):
        return sympy.Float(tree, 17)
    if not isinstance(tree, list) or len(tree) < 2 or not isinstance(tree[0], str):
        raise FormatError(f"an expression's tree must be a name, a number or a list of a name and parts; got {tree!r}.")
    name, *parts = tree
    if name == "Rational" and len(parts) == 2 and all(isinstance(part, int) for part in parts) and parts[1] > 0:
        return sympy.Rational(*parts)
    if name == "Constant" and parts[0] in _CONSTANTS:
        return _CONSTANTS[parts[0]]
    if name in _OPERATIONS:
        return _OPERATIONS[name](*map(from_tree, parts))
    if name in TORCH or name == "exp":
        return getattr(sympy, name)(*map(from_tree, parts))
    raise FormatError(f"an expression's tree may hold operations and the functions of formulas; got {name!r}.")

"""Expressions as JSON and back: a tree of names and numbers, read without evaluating any text as code."""

# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportReturnType=false
# (sympy's annotations are of Basic where its functions give Expr)

from __future__ import annotations

from collections.abc import Container
from typing import Any

import sympy

from edgewise.errors import FormatError
from edgewise.interpret.evaluation import TORCH

_CONSTANTS = {"pi": sympy.pi, "E": sympy.E}
_MOST, _MOST_POWER = 10**15, 20
"""Largest numerator or denominator, and exponent of a number."""
_OPERATIONS = {"Add": sympy.Add, "Mul": sympy.Mul, "Pow": sympy.Pow}


def to_tree(expression: sympy.Expr) -> Any:
    """An expression as nested lists.

    Args:
        expression: of numbers, symbols, sums, products, powers and functions.

    Returns:
        What `json` can write: a text is a symbol, a number a float, `["Add", ...]` an operation or function.

    Raises:
        FormatError: another constant than pi and E.
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
    if not expression.args:
        raise FormatError(f"an expression's tree may hold numbers, pi and E; got {expression}.")
    return [expression.func.__name__, *map(to_tree, expression.args)]


def from_tree(tree: Any, names: Container[str]) -> sympy.Expr:
    """The expression of `to_tree`.

    Args:
        tree: nested lists.
        names: of the symbols that it may hold.

    Returns:
        The expression, with real symbols.

    Raises:
        FormatError: the tree holds something else.
    """
    if isinstance(tree, str) and tree in names:
        return sympy.Symbol(tree, real=True)
    if isinstance(tree, float):
        return sympy.Float(tree, 17)
    if not isinstance(tree, list) or len(tree) < 2 or not isinstance(tree[0], str):
        raise FormatError(f"an expression's tree must be a name, a number or a list of a name and parts; got {tree!r}.")
    name, *parts = tree
    if name == "Rational" and len(parts) == 2 and all(_is_short(part) for part in parts) and parts[1] > 0:
        return sympy.Rational(*parts)
    if name == "Constant" and len(parts) == 1 and str(parts[0]) in _CONSTANTS:
        return _CONSTANTS[str(parts[0])]
    own = [from_tree(part, names) for part in parts]
    if all(part.is_number for part in own) and _is_large(name, own):
        raise FormatError(f"an expression's tree may hold no numbers that take long to work out; got {tree}.")
    if name in _OPERATIONS and (name != "Pow" or len(own) == 2):
        return _OPERATIONS[name](*own)
    if name in TORCH and hasattr(sympy, name):
        return getattr(sympy, name)(*own)
    raise FormatError(f"an expression's tree may hold operations and the functions of formulas; got {name!r}.")


def _is_short(number: Any) -> bool:
    return isinstance(number, int) and abs(number) <= _MOST


def _is_large(name: str, numbers: list[sympy.Expr]) -> bool:
    """Whether sympy would work out a number that may be larger than memory."""
    return "gamma" in name or (name == "Pow" and bool(abs(numbers[-1]) > _MOST_POWER))

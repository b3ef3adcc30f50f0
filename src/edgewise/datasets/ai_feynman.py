"""The hundred equations of the Feynman lectures, with their variables' ranges: the set of AI Feynman.

Udrescu and Tegmark (2020), AI Feynman: a physics-inspired method for symbolic regression, Science Advances 6, eaay2631.
Symbolic regression is measured on it: uniform samples of the ranges, the right formula to be found.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from edgewise.datasets.problems import Problem, find_problem
from edgewise.errors import ParameterError

if TYPE_CHECKING:
    import sympy

SOURCE = "Udrescu and Tegmark (2020), AI Feynman, Science Advances 6, eaay2631"

_TORCH = {name: getattr(torch, name) for name in ("exp", "log", "sin", "cos", "tanh")} | {
    "asin": torch.arcsin,
    "sqrt": lambda z: z.sqrt() if isinstance(z, Tensor) else math.sqrt(z),  # also of numbers
}


@cache
def ai_feynman_equations() -> tuple[Problem, ...]:
    """The hundred equations, in the order of the original table.

    Returns:
        Problems with units and without published errors.

    >>> len(ai_feynman_equations())
    100
    """
    text = (files("edgewise.datasets") / "tables" / "ai_feynman.csv").read_text(encoding="utf-8")
    return tuple(_problem(row) for row in csv.DictReader(text.splitlines()))


def load_ai_feynman(name: str) -> Problem:
    """One of the hundred equations.

    Args:
        name: its number in the lectures, as in `ai_feynman_equations()`.

    Returns:
        The problem; its ranges are those of the original set.

    >>> load_ai_feynman("I.12.1").formula
    'mu*Nn'
    """
    return find_problem(ai_feynman_equations(), name, "load_ai_feynman")


def ai_feynman_expression(problem: Problem) -> sympy.Expr:
    """The formula of one of the equations as a sympy expression of real symbols.

    Args:
        problem: of `ai_feynman_equations()`.

    Returns:
        The expression.

    Raises:
        ParameterError: another problem; its formula need not be in sympy's language.
    """
    if problem not in ai_feynman_equations():
        raise ParameterError(f"`problem` must be one of `ai_feynman_equations()`; got {problem!r}.")
    return problem.expression


@cache
def _units() -> dict[str, str]:
    """Unit of every variable and output; a name means the same quantity in all equations."""
    text = (files("edgewise.datasets") / "tables" / "ai_feynman_units.csv").read_text(encoding="utf-8")
    return {row["variable"]: row["unit"] for row in csv.DictReader(text.splitlines())}


def _problem(row: dict[str, str]) -> Problem:
    variables, ranges = [], []
    for part in row["variables"].split(";"):
        name, lo, hi = part.split(":")
        variables.append(name)
        ranges.append((float(lo), float(hi)))
    problem = Problem(
        name=row["name"],
        formula=row["formula"],
        function=lambda x: _evaluated(problem)(*x.unbind(dim=1)) + x.new_zeros(len(x)),
        variables=tuple(variables),
        ranges=tuple(ranges),
        why="The ranges of the original set.",
        published=MappingProxyType({}),
        shapes=MappingProxyType({}),
        source=SOURCE,
        note="0/0 where omega = omega_0" if row["name"] == "III.9.52" else "",
        units=MappingProxyType({name: _units()[name] for name in variables}),
        output_unit=_units()[row["output"]],
    )
    return problem


@cache
def _evaluated(problem: Problem) -> Callable[..., Tensor]:
    """The formula on tensors."""
    import sympy

    symbols = [sympy.Symbol(name, real=True) for name in problem.variables]
    return sympy.lambdify(symbols, problem.expression, modules=[_TORCH, "math"])

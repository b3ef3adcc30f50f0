"""The steps of a search: what is looked at, from the cheapest to the dearest, in every form of the problem."""

# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportReturnType=false
# (sympy's annotations are of Basic where its functions give Expr)

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import sympy

from edgewise.interpret.monomials import monomial
from edgewise.interpret.polynomial import polynomials
from edgewise.interpret.quotient import quotients
from edgewise.interpret.scaling import (
    ScalingLaw,
    formulas_of,
    guessed_laws,
    power_law,
    power_of,
    rounded_power_law,
    scaling_laws,
)
from edgewise.interpret.search_problem import Problem
from edgewise.interpret.survey import Survey, ladder
from edgewise.interpret.univariate import Z, fit_univariate
from edgewise.interpret.varying import varying_laws


class Step(NamedTuple):
    """Formulas to look at, of a problem's symbols; `name` is said in the table.

    A cheap one takes about as long as to look whether it is needed.
    """

    name: str
    is_cheap: bool
    problem: Problem
    propose: Callable[[], Iterable[sympy.Expr]]


_Proposal = tuple[str, Callable[[], Iterable[sympy.Expr]]]
_CHEAP = ("mean", "power law", "polynomial", "quotient")
_ROWS = 2000
"""Rows that polynomials and quotients are looked for in; they are fitted and judged on all."""


def steps_of(problems: Sequence[Problem], shapes: Sequence[Sequence[Any]] | None) -> list[Step]:
    """Those of all forms of one problem: what is quick of all, the first form to its first network, then the others."""
    quick = [_quick(problem) for problem in problems]
    thorough = [_thorough(problem) for problem in problems]
    networks = [_networks(problem, shapes) for problem in problems]
    thorough[0] += networks[0][:1]
    steps = [(n, *proposal) for part in (quick, thorough) for n, proposals in enumerate(part) for proposal in proposals]
    later = [(n, *proposal) for same in zip(*networks, strict=True) for n, proposal in enumerate(same)]
    steps += later[1:]  # but for the one that was first
    return [
        Step(f"{name}, form {n + 1}" if n else name, name in _CHEAP, problems[n], propose) for n, name, propose in steps
    ]


def _quick(problem: Problem) -> list[_Proposal]:
    d = problem.x.shape[1]
    steps: list[_Proposal] = [("mean", lambda: [sympy.Float(float(problem.y.mean()), 17)])]
    if d == 0:
        return steps
    few = problem.x[:_ROWS], problem.y[:_ROWS], problem.symbols  # rows are in random order
    steps.append(("power law", lambda: _power_laws(problem)))
    steps.append(("polynomial", lambda: polynomials(*few)))
    steps.append(("quotient", lambda: quotients(*few)))
    if d == 1:
        steps.append(("one variable", lambda: _one_variable(problem)))
    return steps


def _thorough(problem: Problem) -> list[_Proposal]:
    steps: list[_Proposal] = []
    if problem.x.shape[1] < 2:
        return steps
    few = problem.x[:_ROWS], problem.y[:_ROWS], problem.symbols
    if bool((problem.x > 0).all()):
        steps.append(("scaling law, guessed", lambda: _scaling(problem, guessed_laws(problem.x, problem.y))))
        steps.append(("scaling law", lambda: _scaling(problem, scaling_laws(problem.x, problem.y, problem.seed))))
    steps.append(("one input in functions", lambda: varying_laws(*few, problem.library)))
    return steps


def _networks(problem: Problem, shapes: Sequence[Sequence[Any]] | None) -> list[_Proposal]:
    d = problem.x.shape[1]
    if d == 0:
        return []
    survey = Survey(
        problem.x, problem.y, problem.symbols, problem.library, ladder(d) if shapes is None else shapes,
        problem.seeds, problem.seed, problem.left,
    )  # fmt: skip
    places = range(len(survey.shapes))
    steps: list[_Proposal] = [(f"network {n + 1}", lambda n=n: survey.read(n)) for n in places]
    return steps + [(f"network {n + 1}, roughly", lambda n=n: survey.read(n, roughly=True)) for n in places]


def _power_laws(problem: Problem) -> Iterator[sympy.Expr]:
    if bool((problem.x == 0).any()):
        return
    powers, _, residual = power_law(problem.x, problem.y)
    whole = rounded_power_law(powers, residual)
    if whole is not None:
        values = power_of(problem.x, whole)
        if bool(values.isfinite().all()):
            factor = float((values @ problem.y) / (values @ values))
            yield sympy.Float(factor, 17) * monomial(problem.symbols, whole)


def _one_variable(problem: Problem) -> Iterator[sympy.Expr]:
    z = problem.x[:, 0]
    for one in fit_univariate([(z, problem.y), (1 / z, problem.y)], problem.library):
        yield one.expression.xreplace({Z: problem.symbols[0] ** (1, -1)[one.way]})


def _scaling(problem: Problem, laws: list[ScalingLaw]) -> list[sympy.Expr]:
    return formulas_of(laws, problem.x, problem.y, problem.symbols, problem.library) if laws else []

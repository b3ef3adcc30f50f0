"""`symbolic_search`: from data to a table of formulas, by one call.

Steps from the cheapest to the dearest, each of which proposes formulas; all are fitted, made exact where the data
agree, and judged on held-out rows. The search ends with an exact formula, with one that leaves nothing but noise, at
the time limit, or when nothing is left to try.

- A power law of all inputs; polynomials, and quotients of them, under a factor and a function (`polynomial`).
- A formula of one variable (`univariate`), where there is only one.
- A scaling law, `y = x^p g(x^a)` (`scaling`), where all inputs are positive.
- A polynomial of all inputs but one, with functions of that one (`varying`).
- Networks of several shapes, each from several starts at once. Those that follow the data are pruned and read edge by
  edge (`sparsify`, `auto_symbolic`), the smallest first.

With units the search runs on dimensionless groups (`buckingham`), the simplest ones and two other choices of them: no
formula with other units is ever looked at.
"""

# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportReturnType=false
# (sympy's annotations are of Basic where its functions give Expr)

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sympy
from torch import Tensor

from edgewise.errors import DomainError, EdgewiseError, ParameterError
from edgewise.interpret.buckingham import Dimensionless, dimensionless
from edgewise.interpret.formula import Formula
from edgewise.interpret.library import Library, as_library
from edgewise.interpret.search_memory import Memory, fingerprint
from edgewise.interpret.search_problem import Problem, name_of, read_data
from edgewise.interpret.search_steps import Step, steps_of
from edgewise.interpret.units import UnitLike
from edgewise.train.checks import check_int, check_number
from edgewise.warn import warn_user

if TYPE_CHECKING:
    import pandas

_FORMS = 3
"""Ways to write a law with the right units that are searched: a law that is simple in one need not be so in another."""
_ONLY_NOISE = "Only noise seems to be left: networks find nothing in what the best formula misses."


@dataclass
class SearchResult:
    """What a search found; prints as a table.

    Attributes:
        formula: the one at the knee: about as good as the best, and worth its length.
        table: a row per formula by complexity, each better on the held-out rows than all before: `complexity` (nodes of
            the tree, a fitted number counts as three), `train_loss`, `val_loss` (mean squared errors), `score`
            (logarithm of the loss that a unit of complexity gains), `knee`, `formula`, `found_by`.
        formulas: those of the table.
        stopped_because: a sentence.
        seconds: time spent, all sessions of a resumed search together.
    """

    formula: Formula
    table: pandas.DataFrame
    formulas: list[Formula]
    stopped_because: str
    seconds: float

    def __str__(self) -> str:
        """The table, and why it ended."""
        return f"{self.table.to_string(index=False)}\n{self.stopped_because}"


def symbolic_search(
    x: Any,
    y: Any = None,
    *,
    names: Sequence[str] | None = None,
    output_name: str | None = None,
    units: Mapping[str, UnitLike] | Sequence[UnitLike] | None = None,
    output_unit: UnitLike | None = None,
    lib: Library | Sequence[str] | None = None,
    shapes: Sequence[Sequence[Any]] | None = None,
    seeds: int = 8,
    time_limit_sec: float | None = None,
    val_split: float = 0.25,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
    seed: int = 0,
) -> SearchResult:
    """Look for the formula of one output.

    Args:
        x: `(N, inputs)` data, a frame (whose columns name the inputs), or a dict of data and labels as `create_dataset`
            gives it.
        y: `(N,)` or `(N, 1)` values.
        names: of the inputs; the frame's, or `x1, x2, ...` when absent.
        output_name: of the output; the name of `y` where it is a series that has one, else `y`.
        units: of the inputs, by name or in order: `"m/s^2"`, see `parse_unit`. Then only formulas with the right units
            are looked for, in the first forms that `dimensionless` gives.
        output_unit: of the output, needed beside `units`; `"1"` for a number without.
        lib: a `Library`, or names of built-in functions.
        shapes: widths of the networks to try, inputs first; a ladder from `[d, 1]` to `[d, 2, 1, 1]` when absent. With
            units, d is the number of dimensionless groups.
        seeds: starts of every network.
        time_limit_sec: when this call stops: no new step begins then, and networks are read in what is left; what their
            training and a formula's exact numbers take is not cut. No limit when None.
        val_split: share of the rows that formulas are judged on.
        checkpoint: a JSON file that every finished step is written to; when it exists, the search goes on from there.
        progress: show a bar; when None where someone watches.
        seed: of the rows that are held out, and of the starts.

    Returns:
        The table, and the formula at its knee.

    Raises:
        ParameterError: an argument is outside its range, units that contradict each other, or an unknown function.
        ShapeError: data that do not fit, or fewer than 20 rows.
        DomainError: NaN or infinity in the data, or a constant output.
        FormatError: `checkpoint` belongs to other data or options.
    """
    output_name = output_name or name_of(y)
    rows, labels, symbols, eps = read_data(x, y, names)
    seeds, seed = check_int("seeds", seeds, 1), check_int("seed", seed, 0)
    val_split = check_number("val_split", val_split, 0, 1, open_low=True)
    if time_limit_sec is not None:
        time_limit_sec = check_number("time_limit_sec", time_limit_sec, 0, open_low=True)
    if (output_unit is None) != (units is None):
        missing = "`units` of the inputs" if units is None else '`output_unit` ("1" for a number)'
        raise ParameterError(f"{missing} must be given too: a formula has units on both sides.")
    first, *others = [None] if units is None else _forms(symbols, units, output_unit, rows)
    problem = Problem(
        rows, labels, symbols, output_name, first, as_library(lib), seeds, val_split, seed, eps, time_limit_sec
    )
    steps = steps_of(_problems(problem, others), shapes)
    options = [repr([first, *others]), [step.name for step in steps], shapes, val_split, seeds, seed]
    memory = Memory(checkpoint, fingerprint(rows, labels, symbols, problem.library, options), symbols)
    return _run(problem, steps, memory, time_limit_sec, progress)


def _forms(symbols: Sequence[sympy.Symbol], units: Any, output_unit: Any, rows: Tensor) -> list[Dimensionless]:
    forms = dimensionless([str(s) for s in symbols], units, output_unit, rows.numpy(), top=_FORMS)
    # A single group may be the square of what stands in the law, and then has lost a sign.
    squares = len(forms[0].groups) == 1 and any(power and power % 2 == 0 for power in forms[0].groups[0])
    return [*forms, forms[0].with_roots()] if squares else forms


def _problems(problem: Problem, others: Iterable[Dimensionless]) -> list[Problem]:
    """The problem, and the same in other forms, where these are within the range of numbers."""
    found = [problem]
    for form in others:
        with suppress(DomainError, ArithmeticError):
            found.append(problem.in_form(form))
    return found


# ---------------------------------------------------------------------------------------------- the search


def _run(
    problem: Problem, steps: list[Step], memory: Memory, limit: float | None, progress: bool | None
) -> SearchResult:
    from tqdm.auto import tqdm

    begin, reason = time.monotonic() - memory.seconds, "Everything has been tried."
    for expression, found_by in memory.formulas:
        problem.add_known(expression, found_by)
    hidden = None if progress is None else not progress  # None: where nobody watches
    with tqdm(total=len(steps), disable=hidden, unit="step", initial=len(memory.done)) as bar:
        for name, is_cheap, seen, propose in steps:
            if name in memory.done:
                continue
            if problem.is_exact:
                break
            if time.monotonic() > problem.deadline and problem.front.candidates:
                reason = f"The time limit of {limit:g} s was reached before {name}."
                break
            bar.set_description(name)
            try:
                if not is_cheap and problem.leaves_noise():
                    reason = _ONLY_NOISE
                    break
                for expression in propose():
                    seen.add(expression, name)
            except KeyboardInterrupt:
                if not problem.front.candidates:
                    raise
                reason = f"Interrupted from the keyboard during {name}; the formulas so far are kept."
                break
            except (EdgewiseError, ArithmeticError, RuntimeError) as error:
                warn_user(f"symbolic_search: {name} gave no formula: {error}")
            memory.save(name, problem.front, time.monotonic() - begin)
            bar.update()
    if problem.is_exact:
        reason = "An exact formula was found: its error is a rounding error."
    front = problem.front
    formulas = [one.formula for one in front.candidates]
    return SearchResult(formulas[front.knee], front.frame(), formulas, reason, time.monotonic() - begin)

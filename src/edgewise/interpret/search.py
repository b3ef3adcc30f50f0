"""`symbolic_search`: from data to a table of formulas, by one call.

Steps from the cheapest to the dearest, each of which proposes formulas; all are fitted, made exact where the data
agree, and judged on held-out rows. The search ends with an exact formula, with one that leaves nothing but noise, at
the time limit, or when nothing is left to try.

- A power law of all inputs; polynomials, and quotients of them, under a factor and a function (`polynomial`).
- A formula of one variable (`univariate`), where there is only one.
- A scaling law, `y = x^p g(x^a)` (`scaling`), where all inputs are positive.
- Networks of several shapes, each from several starts at once. Those that follow the data are pruned and read edge by
  edge (`sparsify`, `auto_symbolic`), the smallest first.

With units the search runs on dimensionless groups (`buckingham`): no formula with other units is ever looked at.
"""

# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportReturnType=false
# (sympy's annotations are of Basic where its functions give Expr)

from __future__ import annotations

import math
import os
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sympy
import torch
from torch import Tensor

from edgewise.errors import DomainError, EdgewiseError, ParameterError, ShapeError
from edgewise.interpret.buckingham import Dimensionless, dimensionless
from edgewise.interpret.constants import exact, fitted
from edgewise.interpret.data import as_numbers, check_finite, check_labels, check_names, from_set
from edgewise.interpret.formula import Formula
from edgewise.interpret.library import Library, as_library
from edgewise.interpret.noise import is_noise
from edgewise.interpret.pareto import Candidate, Front
from edgewise.interpret.polynomial import polynomials
from edgewise.interpret.quotient import quotients
from edgewise.interpret.scaling import (
    ScalingLaw,
    formulas_of,
    guessed_laws,
    monomial,
    power_law,
    power_of,
    rounded_power_law,
    scaling_laws,
)
from edgewise.interpret.search_memory import Memory, fingerprint
from edgewise.interpret.survey import Survey, ladder
from edgewise.interpret.units import UnitLike
from edgewise.interpret.univariate import Z, fit_univariate
from edgewise.interpret.varying import varying_laws
from edgewise.preprocess import is_frame
from edgewise.train.checks import check_int, check_number

if TYPE_CHECKING:
    import pandas

_FLOOR = 1e-20
"""Share of the variance of y below which an error is taken for rounding."""
_LEAST_SEC = 1.0
"""What a step that has begun may take."""
_TRIALS, _EXACT_ROWS = 100, 10_000
"""Fits that making a formula's numbers exact may take, of which the law takes few, and rows that say what is exact."""
_SHORT = 35
"""Complexity up to which a formula that leaves only noise is taken for the law."""
_NUMBER = 2
"""What a fitted number adds to the complexity: it takes longer to write down than 2 or pi."""


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
            are looked for.
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
    output_name = output_name or _name_of(y)
    rows, labels, symbols, eps = _data(x, y, names)
    seeds, seed = check_int("seeds", seeds, 1), check_int("seed", seed, 0)
    val_split = check_number("val_split", val_split, 0, 1, open_low=True)
    if time_limit_sec is not None:
        time_limit_sec = check_number("time_limit_sec", time_limit_sec, 0, open_low=True)
    if (output_unit is None) != (units is None):
        missing = "`units` of the inputs" if units is None else '`output_unit` ("1" for a number)'
        raise ParameterError(f"{missing} must be given too: a formula has units on both sides.")
    form = None
    if units is not None:
        form = dimensionless([str(s) for s in symbols], units, output_unit, rows.numpy())[0]
    problem = _Problem(
        rows, labels, symbols, output_name, form, as_library(lib), seeds, val_split, seed, eps, time_limit_sec
    )
    steps = _steps(problem, shapes)
    options = [repr(form), [name for name, _ in steps], shapes, val_split, seeds, seed]
    memory = Memory(checkpoint, fingerprint(rows, labels, symbols, problem.library, options), symbols)
    return _run(problem, steps, memory, time_limit_sec, progress)


# --------------------------------------------------------------------------------------------------- data


def _data(x: Any, y: Any, names: Sequence[str] | None) -> tuple[Tensor, Tensor, list[sympy.Symbol], float]:
    """Inputs, values, symbols, and the rounding error of the data as they were given."""
    x, y = from_set(x, y)
    if y is None:
        raise ParameterError("`y` must be given: the values that a formula is looked for.")
    if names is None and is_frame(x):
        names = x.columns
    rows, labels = as_numbers(x, "x"), as_numbers(y, "y")
    labels = labels[:, 0] if labels.dim() == 2 and labels.shape[1] == 1 else labels
    if rows.dim() != 2 or labels.dim() != 1 or len(rows) != len(labels):
        raise ShapeError(
            f"`x` must be (rows, inputs) and `y` (rows,), one output at a time; got {tuple(rows.shape)} and "
            f"{tuple(labels.shape)}."
        )
    if len(rows) < 20:
        raise ShapeError(f"a search needs at least 20 rows; got {len(rows)}.")
    names = [f"x{n + 1}" for n in range(rows.shape[1])] if names is None else check_names(names, rows.shape[1])
    check_finite(rows, names)
    check_labels(labels)
    size = float(labels.abs().max())
    if not 1e-140 < size < 1e140 and size > 0:
        raise DomainError(f"`y` must be of a size whose square is a number; its largest is {size:g}. Rescale it.")
    if bool(labels.max() == labels.min()):
        raise DomainError(f"`y` must vary; it is {float(labels[0]):g} in every row.")
    single = any(str(getattr(values, "dtype", "")).endswith("float32") for values in (x, y))
    eps = torch.finfo(torch.float32 if single else torch.float64).eps
    return rows, labels, [sympy.Symbol(name, real=True) for name in names], eps


def _name_of(y: Any) -> str:
    name = getattr(y, "name", None)
    return name if isinstance(name, str) and name.isidentifier() else "y"


class _Problem:
    """The data, perhaps as dimensionless groups, and the formulas found so far."""

    def __init__(
        self, rows: Tensor, labels: Tensor, symbols: list[sympy.Symbol], output_name: str, form: Dimensionless | None,
        library: Library, seeds: int, val_split: float, seed: int, eps: float, limit: float | None,
    ) -> None:  # fmt: skip
        self.inputs, self.output_name, self.form = symbols, output_name, form
        self.library, self.seeds, self.seed = library, seeds, seed
        order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))
        held = min(max(1, round(val_split * len(rows))), len(rows) - 10)
        self.train = rows[order[held:]], labels[order[held:]]
        self.val = rows[order[:held]], labels[order[:held]]
        self.deadline = time.monotonic() + (math.inf if limit is None else limit)
        self.symbols = symbols
        if form is not None:
            self.symbols = [sympy.Symbol(f"pi_{n + 1}", real=True) for n in range(len(form.groups))]
        self.x, self.y = self._reduced(*self.train)
        variance = float(labels.var(correction=0))
        floor = max(_FLOOR * variance, (2 * eps) ** 2 * float(labels.square().mean()))
        self.front = Front(floor, float(self.val[1].var(correction=0)))
        self._was_noise: tuple[Formula | None, bool] = (None, False)

    def _reduced(self, rows: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        if self.form is None:
            return rows, labels
        groups, ratio = self.form.transform(rows.numpy()), self.form.ratio(rows.numpy(), labels.numpy())
        return torch.from_numpy(groups), torch.from_numpy(ratio)

    def left(self) -> float | None:
        """Seconds that are left, at least some; None without a limit."""
        return None if self.deadline == math.inf else max(_LEAST_SEC, self.deadline - time.monotonic())

    @property
    def is_exact(self) -> bool:
        """Whether the best formula is right to the last digits."""
        return any(max(one.train_loss, one.val_loss) <= self.front.floor for one in self.front.candidates)

    def leaves_noise(self) -> bool:
        """Whether a network sees nothing in what the best short formula leaves; a long one may follow any law."""
        short = [one for one in self.front.candidates if one.complexity <= _SHORT]
        best = min(short, key=lambda one: one.val_loss).formula if short else None
        if best is not self._was_noise[0]:
            self._was_noise = best, best is not None and self._is_noise(best)
        return self._was_noise[1]

    def _is_noise(self, formula: Formula) -> bool:
        sets = self.train, self.val
        values = [formula.evaluate(x)[:, 0] for x, _ in sets]
        train, fresh = ((x, y - own) for (x, y), own in zip(sets, values, strict=True))
        variance = float(self.train[1].var(correction=0))
        with suppress(EdgewiseError, ArithmeticError, RuntimeError):
            return is_noise(train, fresh, (values[0], values[1]), variance, self.seed)
        return False

    def add(self, expression: sympy.Expr, found_by: str) -> None:
        """Judge a formula of the symbols, with its numbers fitted, and with exact ones where the data agree."""
        if self.form is not None:
            expression = self.form.expression(expression, self.symbols, self.inputs)
        formula = Formula([expression], self.inputs, output_names=[self.output_name])
        x, y = self.train[0], self.train[1][:, None]
        formulas: list[Formula] = []
        # Numbers beyond the range of doubles or complex ones, a slope that is infinite.
        with suppress(ArithmeticError, EdgewiseError, RuntimeError, TypeError):
            formulas.append(fitted(formula, x, y))
            if not expression.is_number:  # a mean is not to be made exact
                formulas.insert(0, self._exact(formulas[0], x, y))
        for one in formulas:
            self.front.add(self._candidate(one, found_by))

    @staticmethod
    def _exact(formula: Formula, x: Tensor, y: Tensor) -> Formula:
        found = exact(formula, x[:_EXACT_ROWS], y[:_EXACT_ROWS], most_trials=_TRIALS)
        return found if len(x) <= _EXACT_ROWS else fitted(found, x, y)

    def add_known(self, expression: sympy.Expr, found_by: str) -> None:
        """A formula of the inputs whose numbers are final."""
        formula = Formula([expression], self.inputs, output_names=[self.output_name])
        self.front.add(self._candidate(formula, found_by))

    def _candidate(self, formula: Formula, found_by: str) -> Candidate:
        losses = [float((formula.evaluate(x)[:, 0] - y).square().mean()) for x, y in (self.train, self.val)]
        losses = [math.inf if math.isnan(loss) else loss for loss in losses]
        numbers = sum(1 for part in sympy.preorder_traversal(formula.expressions[0]) if part.is_Float)
        return Candidate(formula, formula.complexity() + _NUMBER * numbers, *losses, found_by)


# -------------------------------------------------------------------------------------------------- steps

_Step = tuple[str, Callable[[], Iterable[sympy.Expr]]]
_CHEAP = ("mean", "power law", "polynomial", "quotient")
"""Steps that take about as long as to look whether they are needed."""
_ROWS = 2000
"""Rows that polynomials and quotients are looked for in; they are fitted and judged on all."""
_ONLY_NOISE = "Only noise seems to be left: networks find nothing in what the best formula misses."


def _steps(problem: _Problem, shapes: Sequence[Sequence[Any]] | None) -> list[_Step]:
    d = problem.x.shape[1]
    steps: list[_Step] = [("mean", lambda: [sympy.Float(float(problem.y.mean()), 17)])]
    if d == 0:
        return steps
    few = problem.x[:_ROWS], problem.y[:_ROWS], problem.symbols  # rows are in random order
    steps.append(("power law", lambda: _power_laws(problem)))
    steps.append(("polynomial", lambda: polynomials(*few)))
    steps.append(("quotient", lambda: quotients(*few)))
    if d == 1:
        steps.append(("one variable", lambda: _one_variable(problem)))
    elif bool((problem.x > 0).all()):
        steps.append(("scaling law, guessed", lambda: _scaling(problem, guessed_laws(problem.x, problem.y))))
        steps.append(("scaling law", lambda: _scaling(problem, scaling_laws(problem.x, problem.y, problem.seed))))
    if d > 1:
        steps.append(("one input in functions", lambda: varying_laws(*few, problem.library)))
    survey = Survey(
        problem.x, problem.y, problem.symbols, problem.library, ladder(d) if shapes is None else shapes,
        problem.seeds, problem.seed, problem.left,
    )  # fmt: skip
    places = range(len(survey.shapes))
    steps += [(f"network {n + 1}", lambda n=n: survey.read(n)) for n in places]
    return steps + [(f"network {n + 1}, roughly", lambda n=n: survey.read(n, roughly=True)) for n in places]


def _power_laws(problem: _Problem) -> Iterator[sympy.Expr]:
    if bool((problem.x == 0).any()):
        return
    powers, _, residual = power_law(problem.x, problem.y)
    whole = rounded_power_law(powers, residual)
    if whole is not None:
        values = power_of(problem.x, whole)
        if bool(values.isfinite().all()):
            factor = float((values @ problem.y) / (values @ values))
            yield sympy.Float(factor, 17) * monomial(problem.symbols, whole)


def _one_variable(problem: _Problem) -> Iterator[sympy.Expr]:
    z = problem.x[:, 0]
    for one in fit_univariate([(z, problem.y), (1 / z, problem.y)], problem.library):
        yield one.expression.xreplace({Z: problem.symbols[0] ** (1, -1)[one.way]})


def _scaling(problem: _Problem, laws: list[ScalingLaw]) -> list[sympy.Expr]:
    return formulas_of(laws, problem.x, problem.y, problem.symbols, problem.library) if laws else []


# ---------------------------------------------------------------------------------------------- the search


def _run(
    problem: _Problem, steps: list[_Step], memory: Memory, limit: float | None, progress: bool | None
) -> SearchResult:
    from tqdm.auto import tqdm

    begin, reason = time.monotonic() - memory.seconds, "Everything has been tried."
    for expression, found_by in memory.formulas:
        problem.add_known(expression, found_by)
    hidden = None if progress is None else not progress  # None: where nobody watches
    with tqdm(total=len(steps), disable=hidden, unit="step", initial=len(memory.done)) as bar:
        for name, propose in steps:
            if name in memory.done:
                continue
            if problem.is_exact:
                break
            if time.monotonic() > problem.deadline and problem.front.candidates:
                reason = f"The time limit of {limit:g} s was reached before {name}."
                break
            bar.set_description(name)
            try:
                if name not in _CHEAP and problem.leaves_noise():
                    reason = _ONLY_NOISE
                    break
                for expression in propose():
                    problem.add(expression, name)
            except KeyboardInterrupt:
                if not problem.front.candidates:
                    raise
                reason = f"Interrupted from the keyboard during {name}; the formulas so far are kept."
                break
            except (EdgewiseError, ArithmeticError, RuntimeError) as error:
                warnings.warn(f"symbolic_search: {name} gave no formula: {error}", stacklevel=3)
            memory.save(name, problem.front, time.monotonic() - begin)
            bar.update()
    if problem.is_exact:
        reason = "An exact formula was found: its error is a rounding error."
    front = problem.front
    formulas = [one.formula for one in front.candidates]
    return SearchResult(formulas[front.knee], front.frame(), formulas, reason, time.monotonic() - begin)

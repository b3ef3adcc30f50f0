"""What a search works on: the data, perhaps as dimensionless groups, and the formulas found so far."""

# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportReturnType=false
# (sympy's annotations are of Basic where its functions give Expr)

from __future__ import annotations

import copy
import math
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import sympy
import torch
from torch import Tensor

from edgewise.errors import DomainError, EdgewiseError, ParameterError, ShapeError
from edgewise.interpret.buckingham import Dimensionless
from edgewise.interpret.constants import exact, fitted
from edgewise.interpret.data import as_numbers, check_finite, check_labels, check_names, from_set
from edgewise.interpret.deadline import deadline_after
from edgewise.interpret.formula import Formula
from edgewise.interpret.library import Library
from edgewise.interpret.noise import is_noise
from edgewise.interpret.pareto import Candidate, Front
from edgewise.preprocess import is_frame
from edgewise.warn import warn_user

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


def read_data(x: Any, y: Any, names: Sequence[str] | None) -> tuple[Tensor, Tensor, list[sympy.Symbol], float]:
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
    kind = str(getattr(y, "dtype", "")).rpartition(".")[2]
    if kind.startswith(("int", "uint", "bool")) and len(labels.unique()) == 2:
        warn_user(
            "symbolic_search looks for a formula of the numbers in `y`, and these are two whole ones. If they are "
            "classes, use KANClassifier(...).fit(x, y).auto_symbolic(x, y).formula(x)."
        )
    single = any(str(getattr(values, "dtype", "")).endswith("float32") for values in (x, y))
    eps = torch.finfo(torch.float32 if single else torch.float64).eps
    return rows, labels, [sympy.Symbol(name, real=True) for name in names], eps


def name_of(y: Any) -> str:
    """The name of a series, where it can stand in a formula; else y."""
    name = getattr(y, "name", None)
    return name if isinstance(name, str) and name.isidentifier() else "y"


class Problem:
    """The data, perhaps as dimensionless groups, and the formulas found so far."""

    def __init__(
        self, rows: Tensor, labels: Tensor, symbols: list[sympy.Symbol], output_name: str, form: Dimensionless | None,
        library: Library, seeds: int, val_split: float, seed: int, eps: float, limit: float | None,
    ) -> None:  # fmt: skip
        self.inputs, self.output_name = symbols, output_name
        self.library, self.seeds, self.seed = library, seeds, seed
        order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))
        held = min(max(1, round(val_split * len(rows))), len(rows) - 10)
        self.train = rows[order[held:]], labels[order[held:]]
        self.val = rows[order[:held]], labels[order[:held]]
        self.deadline = deadline_after(limit)
        self._take(form)
        variance = float(labels.var(correction=0))
        floor = max(_FLOOR * variance, (2 * eps) ** 2 * float(labels.square().mean()))
        self.front = Front(floor, float(self.val[1].var(correction=0)))
        self._was_noise: tuple[Formula | None, bool] = (None, False)

    def _take(self, form: Dimensionless | None) -> None:
        self.form, self.symbols = form, self.inputs
        if form is not None:
            self.symbols = [sympy.Symbol(f"pi_{n + 1}", real=True) for n in range(len(form.groups))]
        self.x, self.y = self._reduced(*self.train)

    def in_form(self, form: Dimensionless) -> Problem:
        """The same rows and the same formulas found so far, seen as other groups."""
        other = copy.copy(self)
        other._take(form)
        return other

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

    def _exact(self, formula: Formula, x: Tensor, y: Tensor) -> Formula:
        few = x[:_EXACT_ROWS], y[:_EXACT_ROWS]
        found = exact(formula, *few, most_trials=_TRIALS, time_limit_sec=self.left())
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

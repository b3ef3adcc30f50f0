"""Simplify a formula, and replace its numbers by exact ones wherever the data do not object.

A number is a parameter. Fixing it at 3, at pi or at 0 saves one, and costs whatever the loss then rises once all other
numbers are fitted again. By the Bayesian information criterion a parameter is worth `log N` in `N log(loss)`.

That is too much where the data leave room for many exact values: among numbers from 0.3 to 4 one in eight would become
exact by chance with a thousand rows and noise of one percent. So an exact value must also be shorter to say than the
number: `log(|number| / (s sqrt(2 pi)))` nats to the precision of its standard error s (the evidence of a free number
against a fixed one, MacKay 2003, chapter 28), against the length of the value's own code.
"""

# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportReturnType=false
# (sympy's annotations are of Basic where its functions give Expr)

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Sequence
from typing import Any

import sympy
import torch
from torch import Tensor

from edgewise.errors import DomainError, ParameterError, ShapeError
from edgewise.interpret.data import as_rows, default_data
from edgewise.interpret.deadline import check_time_limit, deadline_after
from edgewise.interpret.evaluation import evaluate
from edgewise.interpret.expressions import has_no_value
from edgewise.interpret.formula import F, Formula, tree_size
from edgewise.interpret.formula_module import lettered
from edgewise.models import KAN
from edgewise.optim import least_squares

_NEAR, _TOGETHER = 0.02, (1e-6, 1e-3, 1e-2)
"""How far from a number an exact one may lie to be tried, relative to it (absolute below one); several at once."""
_STEPS = 60
_NEARLY_ZERO, _HOPELESS = 1e-12, 20.0
"""Share of the variance below which the curvature of the loss is not trusted, and how many times what a parameter is
worth it must predict for a number not to be tried."""
_MOST_EXPONENT = 20.0
"""Largest constant that leaves an exponential as a factor."""


def simplify(formula: F) -> F:
    """The same function with constants multiplied out and gathered.

    Args:
        formula: the formula.

    Returns:
        Products are expanded, constant factors leave exponentials, phases of sines lie within half a turn.
    """
    return formula.with_expressions([_gathered(e) for e in formula.expressions])


def exact(
    formula: F, x: Tensor, y: Tensor, *, most_trials: int | None = 300, time_limit_sec: float | None = None
) -> F:  # fmt: skip
    """Numbers fitted to the last digit, and made exact where the data agree.

    Args:
        formula: of `(N, inputs)`; simplified first.
        x: `(N, inputs)` data.
        y: `(N, outputs)` labels.
        most_trials: fits per output after which what is not exact stays as it is; no limit when None.
        time_limit_sec: begin no fit after this many seconds.

    Returns:
        A formula whose loss is lower, or higher by no more than the numbers it saves are worth.

    Raises:
        ParameterError: the limit is no number > 0.
        ShapeError: x and y do not fit.
    """
    if y.dim() != 2 or y.shape != (len(x), len(formula.expressions)):
        raise ShapeError(f"`y` must be ({len(x)}, {len(formula.expressions)}); got {tuple(y.shape)}.")
    check_time_limit(time_limit_sec)
    trials, deadline = math.inf if most_trials is None else most_trials, deadline_after(time_limit_sec)
    simple = simplify(formula)
    expressions = [
        _exact_output(expression, simple, x.double(), y[:, n].double(), trials, deadline)
        for n, expression in enumerate(simple.expressions)
    ]
    return simple.with_expressions(expressions)


def fitted(formula: Formula, x: Tensor, y: Tensor) -> Formula:
    """Numbers fitted to the last digit; exact ones stay.

    Args:
        formula: of `(N, inputs)`.
        x: `(N, inputs)` data.
        y: `(N, outputs)` labels.

    Returns:
        The same formula with the best numbers.
    """
    fits = [_Fit(e, formula, x.double(), y[:, n].double()) for n, e in enumerate(formula.expressions)]
    return Formula([fit.expression for fit in fits], formula.symbols, formula.splines, formula.output_names)


def formula_of(model: KAN, x: Any = None, y: Any = None, names: Sequence[str] | None = None) -> Formula:
    """The formula of a network, simplified; with data its numbers become exact where these agree.

    Args:
        model: the network; splines of edges without elementary function are kept as functions `phi_l_i_j`.
        x: `(N, inputs)` data, a dict of them and labels as `create_dataset` gives it, or None.
        y: `(N, outputs)` labels; the model's own predictions when absent.
        names: of the inputs; `model.input_names` when absent.

    Returns:
        The formula.

    Raises:
        ParameterError: `names` has another length, or classes as labels.
        ShapeError: data that do not fit.
        DomainError: NaN or infinity in the data.
    """
    formula = Formula.of(model, names)
    if x is None:
        return simplify(formula).clean(default_data(model))
    data, labels = as_rows(model, x, y)
    own = model(data).detach()
    if labels is None:
        return exact(formula, data, own)
    if not labels.is_floating_point():
        raise ParameterError("`y` must be numbers, not classes: squared errors judge. For a classifier leave it out.")
    if float((own - labels).square().mean()) > float((labels - labels.mean(0)).square().mean()):
        warnings.warn(
            "the model predicts `y` worse than its mean does, and the formula is fitted to `y`. If the model was "
            "trained with another loss (a classifier gives logits), leave `y` out: the formula then follows the model.",
            stacklevel=3,
        )
    return exact(formula, data, labels)


# ------------------------------------------------------------------------------------------- simplification


def _gathered(expression: sympy.Expr) -> sympy.Expr:
    """Expand, then normalise exponentials and sines from the inside out."""
    expression = _expanded(expression)
    return _expanded(expression.replace(_has_a_normal_form, _normal))


def _expanded(expression: sympy.Expr) -> sympy.Expr:
    """Products multiplied out; powers of sums stay, their number of terms grows without bound."""
    return sympy.expand(expression, power_exp=False, power_base=False, log=False, multinomial=False)


def _has_a_normal_form(e: sympy.Expr) -> bool:
    return isinstance(e, (sympy.exp, sympy.sin, sympy.cos, sympy.log)) or _is_power_of_a_sum(e)


def _is_power_of_a_sum(e: sympy.Expr) -> bool:
    return isinstance(e, sympy.Pow) and e.base.is_Add and e.exp.is_number


def _leading(e: sympy.Expr) -> sympy.Expr:
    """The positive factor that makes the first term's coefficient one (or minus one)."""
    first = [term for term in e.as_ordered_terms() if not term.is_number]
    factor = abs(first[0].as_coeff_Mul()[0]) if first else sympy.Integer(1)
    return factor if factor.is_Float and factor > 0 else sympy.Integer(1)


def _normal(e: sympy.Expr) -> sympy.Expr:
    argument = _expanded(e.args[0])
    if isinstance(e, sympy.log):  # log(2 x + 3) = log(2) + log(x + 3/2)
        factor = _leading(argument)
        return sympy.log(factor) + sympy.log(_expanded(argument / factor))
    if isinstance(e, sympy.Pow):
        factor = _leading(argument)
        return factor**e.exp * sympy.Pow(_expanded(argument / factor), e.exp)
    constant, rest = argument.as_coeff_Add()
    if isinstance(e, sympy.exp):
        small = constant.is_Float and abs(constant) < _MOST_EXPONENT  # else nothing or infinity would be left of it
        return sympy.exp(constant) * sympy.exp(rest) if small else e.func(argument)
    if not constant.is_Float or rest == 0:
        return e.func(argument)
    return _wave(rest, float(constant) + (math.pi / 2 if isinstance(e, sympy.cos) else 0.0))


def _wave(u: sympy.Expr, phase: float) -> sympy.Expr:
    """`sin(u + phase)` with a phase within a quarter turn; a cosine where that is nearly all of it."""
    leading = u.as_ordered_terms()[0].as_coeff_Mul()[0]
    if leading.is_number and leading < 0:  # sin(-u + b) = sin(u + pi - b)
        u, phase = -u, math.pi - phase
    turns = round(phase / math.pi)  # sin(u + pi) = -sin(u)
    sign, phase = (-1) ** turns, phase - turns * math.pi
    if math.pi / 2 - abs(phase) < 1e-3:  # sin(u + pi/2 + b) = cos(u + b), sin(u - pi/2 + b) = -cos(u + b)
        quarter = math.copysign(1, phase)
        return sign * int(quarter) * sympy.cos(u + sympy.Float(phase - quarter * math.pi / 2, 17))
    return sign * sympy.sin(u + sympy.Float(phase, 17))


# ------------------------------------------------------------------------------------------------ constants


class _Fit:
    """An expression with its numbers as parameters, each place its own, and what they were fitted to."""

    def __init__(self, expression: sympy.Expr, formula: Formula, x: Tensor, y: Tensor) -> None:
        self.formula, self.x, self.y = formula, x, y
        self.rows = len(x)
        spread = float((y - y.mean()).square().mean())
        self.spread = max(spread, float(y.square().mean()), 1e-300)
        self.floor = 1e-26 * self.spread
        self._variances: dict[sympy.Dummy, float] | None = None
        self.trials = 0
        self.template, self.numbers, self.loss = self._fitted(expression)

    @property
    def expression(self) -> sympy.Expr:
        """With its numbers."""
        return self.template.xreplace({k: sympy.Float(v, 17) for k, v in self.numbers.items()})

    def _residual(
        self, template: sympy.Expr, letters: Sequence[sympy.Dummy], k: Tensor, rows: Tensor, labels: Tensor
    ) -> Tensor:
        values = dict(zip(self.formula.symbols, rows.unbind(1), strict=True))
        values |= dict(zip(letters, k.unbind() if letters else (), strict=True))
        return evaluate(template, values, self.formula.splines).expand(len(rows)) - labels

    def _fitted(self, expression: sympy.Expr) -> tuple[sympy.Expr, dict[sympy.Dummy, float], float]:
        """The expression with letters for its numbers, the best numbers, and their mean squared error."""
        numbers: dict[sympy.Dummy, float] = {}
        template = lettered(expression, numbers)
        letters = list(numbers)

        def residual(params: dict[str, Tensor], rows: Tensor, labels: Tensor) -> Tensor:
            return self._residual(template, letters, params["k"], rows, labels)

        start = torch.tensor(list(numbers.values()), dtype=torch.float64)
        with torch.no_grad():
            first = residual({"k": start}, self.x, self.y)
        if not letters:
            return template, numbers, float(first.square().mean())
        if not bool(first.isfinite().all()):
            return template, numbers, math.inf
        options = {"steps": _STEPS, "damping": 1e-6, "chunk": self.rows}
        try:
            found = least_squares(residual, {"k": start}, (self.x, self.y), **options)
        except DomainError:  # a slope is infinite, as that of a root at zero: the numbers stay
            return template, numbers, float(first.square().mean())
        best = dict(zip(letters, found.params["k"].tolist(), strict=True))
        return template, best, found.loss / self.rows

    def is_worth_a_trial(self, letter: sympy.Dummy, value: sympy.Expr) -> bool:
        """Whether a value is short, and the loss, as a parabola of the numbers, does not rise by far too much."""
        return self._worth(letter, value) > 0 and self._cost(letter, float(value)) <= _HOPELESS

    def is_insignificant(self, letter: sympy.Dummy) -> bool:
        """Whether the data can do without a number: a term that noise made up."""
        return 0 < self._cost(letter, 0.0) < 1

    def _cost(self, letter: sympy.Dummy, value: float) -> float:
        """What fixing a number costs, in worths of a parameter; 0 where the loss is too small for its curvature."""
        if not self._has_curvature:
            return 0.0
        change, variance = value - self.numbers[letter], self._variance(letter)
        rise = change**2 / max(variance, 1e-300) / (self.rows * self.loss)
        return self.rows * math.log1p(rise) / math.log(self.rows)

    @property
    def _has_curvature(self) -> bool:
        """Whether the loss is large enough for its curvature to say something."""
        return self.loss > _NEARLY_ZERO * self.spread and math.isfinite(self.loss)

    def _variance(self, letter: sympy.Dummy) -> float:
        """Of a number, where the residuals have variance one."""
        if self._variances is None:
            self._variances = self._inverse_curvature()
        return self._variances[letter]

    def _inverse_curvature(self) -> dict[sympy.Dummy, float]:
        """By number the diagonal of the inverse of `J^T J`; large for numbers that the data do not fix."""
        at = torch.tensor(list(self.numbers.values()), dtype=torch.float64)
        J = torch.func.jacfwd(lambda k: self._residual(self.template, list(self.numbers), k, self.x, self.y))(at)
        if not bool(J.isfinite().all()):  # the slope of a root at zero
            return dict.fromkeys(self.numbers, math.inf)
        size = J.norm(dim=0).clamp_min(1e-300)
        values, vectors = torch.linalg.eigh((J / size).T @ (J / size))
        diagonal = (vectors.square() / values.clamp_min(1e-10 * float(values[-1]))).sum(1) / size.square()
        return dict(zip(self.numbers, diagonal.tolist(), strict=True))

    def try_exact(self, letter: sympy.Dummy, value: sympy.Expr) -> bool:
        """Fix one number, fit the others again; keep that if the data do not object."""
        self.trials += 1
        worth = self._worth(letter, value)
        others = {k: sympy.Float(v, 17) for k, v in self.numbers.items() if k != letter}
        plain = self.template.xreplace({letter: value, **others})
        changed = _gathered(plain)
        if has_no_value(changed):
            return False  # nothing that can be evaluated is left
        template, numbers, loss = self._fitted(changed)
        if str(template) == str(self.template):  # in k sqrt(m x + n), m leaves the root and the fixed k is back
            template, numbers, loss = self._fitted(plain)
        if not self._agrees(loss, worth):
            return False
        self._keep(template, numbers, loss)
        return True

    def try_together(self, near: float) -> None:
        """Fix all numbers that are near exact ones at once: under a root one alone may leave no real value."""
        chosen = {k: value for k, number in self.numbers.items() for _, _, value in proposals(number, near)[:1]}
        chosen = {k: value for k, value in chosen.items() if self._worth(k, value) > 0}
        if len(chosen) < 2:
            return
        self.trials += 1
        worth = sum(self._worth(k, value) for k, value in chosen.items())
        others = {k: sympy.Float(v, 17) for k, v in self.numbers.items() if k not in chosen}
        changed = _gathered(self.template.xreplace({**chosen, **others}))
        if has_no_value(changed):
            return
        template, numbers, loss = self._fitted(changed)
        saved = len(self.numbers) - len(numbers)  # some may have come back, as the factor of a root
        if saved > 0 and self._agrees(loss, min(worth, saved * math.log(self.rows))):
            self._keep(template, numbers, loss)

    def _keep(self, template: sympy.Expr, numbers: dict[sympy.Dummy, float], loss: float) -> None:
        self.template, self.numbers, self.loss, self._variances = template, numbers, loss, None

    def _agrees(self, loss: float, worth: float) -> bool:
        if not math.isfinite(self.loss):  # a formula that is not defined on all rows: anything is better
            return math.isfinite(loss)
        before, after = max(self.loss, self.floor), max(loss, self.floor)
        return math.isfinite(loss) and self.rows * math.log(after / before) < worth

    def _worth(self, letter: sympy.Dummy, value: sympy.Expr) -> float:
        """By how much `N log(loss)` may rise when a number becomes an exact value."""
        most, number = math.log(self.rows), abs(self.numbers[letter])
        if value == 0 or not self._has_curvature:
            return most
        error = math.sqrt(max(self._variance(letter) * self.loss, 1e-300))
        if error >= number:  # the data do not fix it: one of two numbers that only count together
            return most
        return min(most, 2 * (math.log(number / (error * math.sqrt(2 * math.pi))) - _NATS[value]))


def _exact_output(
    expression: sympy.Expr, formula: Formula, x: Tensor, y: Tensor, most: float, deadline: float
) -> sympy.Expr:  # fmt: skip
    fit = _Fit(expression, formula, x, y)
    for near in _TOGETHER:
        if time.monotonic() <= deadline:
            fit.try_together(near)
    refused: set[tuple[str, str]] = set()
    while True:
        trials = [
            (distance, complexity, letter, value)
            for letter, number in fit.numbers.items()
            for distance, complexity, value in [
                *([(0.0, 0, sympy.Integer(0))] if fit.is_insignificant(letter) else []),
                *proposals(number),
            ]
            if (f"{number:.6g}", str(value)) not in refused
        ]
        for _, _, letter, value in sorted(trials, key=_rank):
            if fit.trials >= most or time.monotonic() > deadline:
                return _shortest(fit.expression)
            number = fit.numbers[letter]
            if fit.is_worth_a_trial(letter, value) and fit.try_exact(letter, value):
                break
            refused.add((f"{number:.6g}", str(value)))
        else:
            return _shortest(fit.expression)


def _rank(trial: tuple[float, int, sympy.Dummy, sympy.Expr]) -> tuple[Any, ...]:
    """Values that agree to six digits first, the simplest of them, then the others, the nearest first."""
    distance, complexity, _, value = trial
    agrees = distance <= 1e-6
    return not agrees, complexity if agrees else 0, distance, str(value)


def _shortest(expression: sympy.Expr) -> sympy.Expr:
    """With powers of sums multiplied out, if that is shorter."""
    other = sympy.expand(expression, power_exp=False, power_base=False, log=False)
    return other if tree_size(other) < tree_size(expression) else expression


def proposals(number: float, near: float = _NEAR) -> list[tuple[float, int, sympy.Expr]]:
    """Exact values near a number: distance, complexity, value; nearest in order of complexity.

    Args:
        number: the number.
        near: how far they may lie from it, relative to it (absolute below one).
    """  # noqa: DOC201 said in the first line
    found = []
    for value, size, complexity in _EXACT:
        distance = abs(size - number) / max(1.0, abs(number))
        if distance < near:
            found.append((distance, complexity, value))
    return sorted(found, key=lambda entry: (entry[1], entry[0]))[:6]


def _exact_values() -> tuple[list[tuple[sympy.Expr, float, int]], dict[sympy.Expr, float]]:
    """Values with their sizes as floats (sympy takes a while to find them) and complexities; lengths of their codes.

    A fraction p/q is as likely as (p q)^-1.5, and each constant beside it as one of ten. In nats, with one bit for the
    sign and one to say that there is a denominator.
    """  # noqa: DOC201 said in the first line
    bit, letter = math.log(2), math.log(10)
    fractions: Sequence[tuple[int, int]] = [
        (p, q)
        for q in (1, 2, 3, 4, 5, 6, 8, 10)
        for p in range(1, 21)
        if math.gcd(p, q) == 1 and (q == 1 or p <= 2 * q)
    ]
    values: dict[sympy.Expr, tuple[int, float]] = {sympy.Integer(0): (0, 0.0)}
    for p, q in fractions:
        r, nats = sympy.Rational(p, q), bit + 1.5 * math.log(p * q) + bit * (q > 1)
        values.setdefault(r, (1 + (q > 1) + (p > 10), nats))
        if p <= 4 and q <= 6:
            values.setdefault(r * sympy.pi, (3 + (q > 1), nats + letter))
    for n in (2, 3, 5, 6, 7, 10):
        nats = bit + letter + 1.5 * math.log(n)
        values.setdefault(sympy.sqrt(n), (4, nats))
        values.setdefault(1 / sympy.sqrt(n), (4, nats + bit))
    roots = [sympy.sqrt(sympy.pi), sympy.sqrt(2 * sympy.pi)]
    for value in (sympy.E, 1 / sympy.E, 1 / sympy.pi, 1 / (2 * sympy.pi), sympy.pi**2, sympy.log(2), *roots):
        values.setdefault(value, (5, bit + 1.5 * letter))
    for value in roots:
        values.setdefault(1 / value, (5, 2 * bit + 1.5 * letter))
    signed = [(sign * value, *about) for value, about in values.items() for sign in (1, -1) if value or sign > 0]
    return [(value, float(value), rank) for value, rank, _ in signed], {value: nats for value, _, nats in signed}


_EXACT, _NATS = _exact_values()

"""Simplify a formula, and replace its numbers by exact ones wherever the data do not object.

A number is a parameter. Fixing it at 3, at pi or at 0 saves one, and costs whatever the loss then rises once all other
numbers are fitted again. By the Bayesian information criterion a parameter is worth `log N` in `N log(loss)`.
"""

# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportReturnType=false
# (sympy's annotations are of Basic where its functions give Expr)

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import sympy
import torch
from torch import Tensor

from edgewise.errors import ShapeError
from edgewise.interpret.data import as_rows
from edgewise.interpret.formula import TORCH, Formula
from edgewise.models import KAN
from edgewise.optim import least_squares

_NEAR = 0.02
"""How far from a number an exact one may lie to be tried, relative to it (absolute below one)."""
_STEPS = 60


def simplify(formula: Formula) -> Formula:
    """The same function with constants multiplied out and gathered.

    Args:
        formula: the formula.

    Returns:
        Products are expanded, constant factors leave exponentials, phases of sines lie within half a turn.
    """
    return Formula([_gathered(e) for e in formula.expressions], formula.symbols, formula.splines, formula.output_names)


def exact(formula: Formula, x: Tensor, y: Tensor) -> Formula:
    """Numbers fitted to the last digit, and made exact where the data agree.

    Args:
        formula: of `(N, inputs)`; simplified first.
        x: `(N, inputs)` data.
        y: `(N, outputs)` labels.

    Returns:
        A formula whose loss is lower, or higher by no more than the numbers it saves are worth.

    Raises:
        ShapeError: x and y do not fit.
    """
    if y.dim() != 2 or y.shape != (len(x), len(formula.expressions)):
        raise ShapeError(f"`y` must be ({len(x)}, {len(formula.expressions)}); got {tuple(y.shape)}.")
    simple = simplify(formula)
    expressions = [
        _exact_output(expression, simple, x.double(), y[:, n].double())
        for n, expression in enumerate(simple.expressions)
    ]
    return Formula(expressions, simple.symbols, simple.splines, simple.output_names)


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
        ParameterError: `names` has another length.
        ShapeError: data that do not fit.
        DomainError: NaN or infinity in the data.
    """
    formula = Formula.of(model, names)
    if x is None:
        return simplify(formula)
    data, labels = as_rows(model, x, y)
    return exact(formula, data, model(data).detach() if labels is None else labels)


# ------------------------------------------------------------------------------------------- simplification


def _gathered(expression: sympy.Expr) -> sympy.Expr:
    """Expand, then normalise exponentials and sines from the inside out."""
    expression = _expanded(expression)
    return _expanded(expression.replace(_has_a_normal_form, _normal))


def _has_a_normal_form(e: sympy.Expr) -> bool:
    return isinstance(e, (sympy.exp, sympy.sin, sympy.cos, sympy.log)) or _is_root(e)


def _is_root(e: sympy.Expr) -> bool:
    """A power of a sum that no expansion multiplies out."""
    return isinstance(e, sympy.Pow) and e.base.is_Add and e.exp.is_number and not (e.exp.is_Integer and e.exp > 0)


def _leading(e: sympy.Expr) -> sympy.Expr:
    """The positive factor that makes the first term's coefficient one (or minus one)."""
    first = [term for term in e.as_ordered_terms() if not term.is_number]
    factor = abs(first[0].as_coeff_Mul()[0]) if first else sympy.Integer(1)
    return factor if factor.is_Float else sympy.Integer(1)


def _expanded(expression: sympy.Expr) -> sympy.Expr:
    return sympy.expand(expression, power_exp=False, power_base=False, log=False)


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
        return sympy.exp(constant) * sympy.exp(rest) if constant.is_Float else e.func(argument)
    if not constant.is_Float or rest == 0:
        return e.func(argument)
    phase = float(constant) + (math.pi / 2 if isinstance(e, sympy.cos) else 0.0)
    leading = rest.as_ordered_terms()[0].as_coeff_Mul()[0]
    sign = 1.0
    if leading.is_number and leading < 0:  # sin(-u + b) = sin(u + pi - b)
        rest, phase = -rest, math.pi - phase
    phase = (phase + math.pi) % (2 * math.pi) - math.pi
    if phase > math.pi / 2 + 1e-9:
        sign, phase = -1.0, phase - math.pi
    elif phase < -math.pi / 2 - 1e-9:
        sign, phase = -1.0, phase + math.pi
    if abs(abs(phase) - math.pi / 2) < 1e-3:  # a cosine with a small phase
        if phase < 0:
            sign = -sign
        inner = phase - math.copysign(math.pi / 2, phase)
        return sympy.Integer(int(sign)) * sympy.cos(rest + sympy.Float(inner, 17))
    return sympy.Integer(int(sign)) * sympy.sin(rest + sympy.Float(phase, 17))


# ------------------------------------------------------------------------------------------------ constants


class _Fit:
    """An expression with its numbers as parameters, and what they were fitted to."""

    def __init__(self, expression: sympy.Expr, formula: Formula, x: Tensor, y: Tensor) -> None:
        self.formula, self.x, self.y = formula, x, y
        self.rows = len(x)
        spread = float((y - y.mean()).square().mean())
        self.floor = 1e-26 * max(spread, float(y.square().mean()), 1e-300)
        self.expression, self.loss = self._fitted(expression)

    def _fitted(self, expression: sympy.Expr) -> tuple[sympy.Expr, float]:
        """The best numbers, and their mean squared error."""
        floats = sorted(expression.atoms(sympy.Float), key=str)
        letters = [sympy.Symbol(f"k_{n}", real=True) for n in range(len(floats))]
        template = expression.xreplace(dict(zip(floats, letters, strict=True)))
        modules = [{**TORCH, **self.formula.splines}]
        function = sympy.lambdify([*letters, *self.formula.symbols], template, modules=modules)
        x, y = self.x, self.y

        def residual(params: dict[str, Tensor], rows: Tensor, labels: Tensor) -> Tensor:
            value = function(*params["k"].unbind(), *rows.unbind(1)) if len(floats) else function(*rows.unbind(1))
            return torch.as_tensor(value, dtype=rows.dtype).expand(len(rows)) - labels

        start = torch.tensor([float(v) for v in floats], dtype=torch.float64)
        if not len(floats):
            return expression, float(residual({"k": start}, x, y).square().mean())
        if not bool(residual({"k": start}, x, y).isfinite().all()):
            return expression, math.inf
        found = least_squares(residual, {"k": start}, (x, y), steps=_STEPS, damping=1e-6, chunk=len(x))
        numbers = [sympy.Float(v, 17) for v in found.params["k"].tolist()]
        return template.xreplace(dict(zip(letters, numbers, strict=True))), found.loss / len(x)

    def try_exact(self, number: sympy.Float, value: sympy.Expr) -> bool:
        """Fix one number, fit the others again; keep that if the data do not object."""
        changed = _gathered(self.expression.xreplace({number: value}))
        try:
            expression, loss = self._fitted(changed)
        except (ValueError, ArithmeticError, RuntimeError, TypeError):
            return False  # nothing that can be evaluated is left
        if not self._agrees(loss):
            return False
        self.expression, self.loss = expression, loss
        return True

    def _agrees(self, loss: float) -> bool:
        worth = math.log(self.rows)
        before, after = max(self.loss, self.floor), max(loss, self.floor)
        return math.isfinite(loss) and self.rows * math.log(after / before) < worth


def _exact_output(expression: sympy.Expr, formula: Formula, x: Tensor, y: Tensor) -> sympy.Expr:
    fit = _Fit(expression, formula, x, y)
    refused: set[tuple[str, str]] = set()
    while True:
        trials = [
            (distance, complexity, number, value)
            for number in fit.expression.atoms(sympy.Float)
            for distance, complexity, value in proposals(float(number))
            if (f"{float(number):.6g}", str(value)) not in refused
        ]
        trials.sort(key=lambda t: (t[0] > 1e-6, t[1] if t[0] <= 1e-6 else 0, t[0], str(t[2])))
        for _, _, number, value in trials:
            if fit.try_exact(number, value):
                break
            refused.add((f"{float(number):.6g}", str(value)))
        else:
            return fit.expression


def proposals(number: float) -> list[tuple[float, int, sympy.Expr]]:
    """Exact values near a number: distance, complexity, value; nearest in order of complexity.

    Args:
        number: the number.
    """  # noqa: DOC201 said in the first line
    found = []
    for complexity, value in _EXACT:
        for signed in (value, -value) if value != 0 else (value,):
            distance = abs(float(signed) - number) / max(1.0, abs(number))
            if distance < _NEAR:
                found.append((distance, complexity, signed))
    return sorted(found, key=lambda entry: (entry[1], entry[0]))[:6]


def _exact_values() -> list[tuple[int, sympy.Expr]]:
    fractions: Sequence[tuple[int, int]] = [
        (p, q)
        for q in (1, 2, 3, 4, 5, 6, 8, 10)
        for p in range(1, 21)
        if math.gcd(p, q) == 1 and (q == 1 or p <= 2 * q)
    ]
    values: dict[sympy.Expr, int] = {sympy.Integer(0): 0}
    for p, q in fractions:
        r = sympy.Rational(p, q)
        values.setdefault(r, 1 + (q > 1) + (p > 10))
        if p <= 4 and q <= 6:
            values.setdefault(r * sympy.pi, 3 + (q > 1))
    for n in (2, 3, 5, 6, 7, 10):
        values.setdefault(sympy.sqrt(n), 4)
        values.setdefault(1 / sympy.sqrt(n), 4)
    roots = [sympy.sqrt(sympy.pi), sympy.sqrt(2 * sympy.pi)]
    for value in (sympy.E, 1 / sympy.E, 1 / sympy.pi, 1 / (2 * sympy.pi), sympy.pi**2, sympy.log(2), *roots):
        values.setdefault(value, 5)
    for value in roots:
        values.setdefault(1 / value, 5)
    return [(complexity, value) for value, complexity in values.items()]


_EXACT = _exact_values()

"""A formula to read, to evaluate, to check against what it stands for, and to take elsewhere."""

# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportReturnType=false
# (sympy's annotations are of Basic where its functions give Expr)

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import sympy
import torch
from torch import Tensor

from edgewise.errors import DomainError, ParameterError, ShapeError
from edgewise.interpret.bend import BENT, BENT_LATEX, bend
from edgewise.interpret.data import as_numbers, chosen_columns
from edgewise.interpret.evaluation import evaluate
from edgewise.interpret.expressions import symbolic_formula
from edgewise.interpret.formula_module import FormulaModule, SplineFunction
from edgewise.interpret.source import c_source, latex_name, plain_text, python_source
from edgewise.models import KAN
from edgewise.preprocess import is_frame

F = TypeVar("F", bound="Formula")


@dataclass(frozen=True)
class Verification:
    """How far a formula is from what it stands for.

    Attributes:
        largest: largest absolute difference over the rows and outputs.
        row: where.
        scale: largest absolute value of the model there.
    """

    largest: float
    row: int
    scale: float

    @property
    def relative(self) -> float:
        """The largest difference over the largest value."""
        return self.largest / self.scale if self.scale > 0 else self.largest


class Formula:
    """What a network computes, to read and to take elsewhere.

    Args:
        expressions: one per output.
        symbols: of the inputs.
        splines: functions of one variable for the names `phi_l_i_j` of edges that have no elementary form.
        output_names: names of the outputs.

    Attributes:
        expressions: see above.
        symbols: see above.
        output_names: see above.
    """

    def __init__(
        self,
        expressions: Sequence[sympy.Expr],
        symbols: Sequence[sympy.Symbol],
        splines: dict[str, Any] | None = None,
        output_names: Sequence[str] | None = None,
    ) -> None:
        self.expressions, self.symbols = list(expressions), list(symbols)
        self.splines = dict(splines or {})
        self.output_names = list(output_names or [f"y{n + 1}" for n in range(len(self.expressions))])

    @classmethod
    def of(cls, model: KAN, names: Sequence[str] | None = None) -> Formula:
        """The formula of a network.

        Args:
            model: the network; splines of edges without elementary function are kept as functions.
            names: of the inputs; `model.input_names` when absent.

        Returns:
            The formula, with the numbers as they are.

        Raises:
            ParameterError: `names` has another length.
        """
        expressions, symbols = symbolic_formula(model, names)
        fixed, splines = model.symbolic_edges, {}
        for l, layer in enumerate(model.layers):
            for i, j in layer.mask.nonzero().tolist():
                if (l, i, j) not in fixed:
                    splines[f"phi_{l}_{i}_{j}"] = SplineFunction(layer.part([i], [j]))
        return cls(expressions, symbols, splines, model.output_names)

    # ------------------------------------------------------------------------------------------ reading

    def __str__(self) -> str:
        """`y = ...`, a line per output, numbers to four digits, then what `bend` is; odd names as `[city=Rome]`."""
        both = zip(self.output_names, self.expressions, strict=True)
        lines = [f"{name} = {plain_text(_rounded(expression, 4))}" for name, expression in both]
        return "\n".join(lines + [f"where {BENT}"] * any(e.has(bend) for e in self.expressions))

    def __repr__(self) -> str:
        """As `str`."""
        return f"Formula({self})"

    def _repr_latex_(self) -> str:
        """For notebooks."""
        return "$" + r"\\".join(self.latex(digits=4).split("\n")) + "$"

    def latex(self, digits: int | None = None) -> str:
        """LaTeX, a line per output.

        Args:
            digits: of the numbers; all when None.
        """  # noqa: DOC201 said in the first line
        shown = [e if digits is None else _rounded(e, digits) for e in self.expressions]
        both = zip(self.output_names, shown, strict=True)
        names = {symbol: latex_name(str(symbol)) for symbol in self.symbols}
        lines = [f"{latex_name(name)} = {sympy.latex(e, symbol_names=names)}" for name, e in both]
        return "\n".join(lines + [BENT_LATEX] * any(e.has(bend) for e in self.expressions))

    def python(self) -> str:
        """Source of a NumPy function `f(x)` that takes `(N, inputs)` and returns `(N, outputs)`.

        Returns:
            The source; it needs `numpy` (and `scipy.special` for erf and Bessel functions).

        Raises:
            ParameterError: an edge is still a spline, or a number is beyond the range of doubles.
        """
        return python_source(self.expressions, self.symbols, self.splines)

    def c(self) -> str:
        """Source of a C function `void f(const double *x, double *y)` of one row.

        Raises:
            ParameterError: an edge is still a spline, or a number is beyond the range of doubles.
        """  # noqa: DOC201 said in the first line
        return c_source(self.expressions, self.symbols, self.splines)

    def complexity(self) -> int:
        """Nodes of the expressions' trees: numbers, symbols and operations."""
        return sum(map(tree_size, self.expressions))

    # ------------------------------------------------------------------------------------- other formulas

    def with_expressions(self: F, expressions: Sequence[sympy.Expr]) -> F:
        """The same inputs, outputs and splines with other expressions, one per output."""
        new = copy.copy(self)
        new.expressions = list(expressions)
        return new

    def round(self: F, digits: int) -> F:
        """Numbers to some significant digits; exact ones (integers, fractions, pi) stay.

        Args:
            digits: how many, at least 1.

        Returns:
            A new formula; what it loses, `verify` tells.

        Raises:
            ParameterError: `digits` is no int >= 1.
        """
        if not isinstance(digits, int) or isinstance(digits, bool) or digits < 1:
            raise ParameterError(f"`digits` must be an int >= 1; got {digits!r}.")
        return self.with_expressions([
            e.xreplace({v: sympy.Float(str(short), 17) for v, short in _shorter(e, digits).items()})
            for e in self.expressions
        ])

    def clean(self: F, x: Any) -> F:
        """Without rounding errors that look like terms: `1e-17*x`, `0.9999999999999999`.

        Args:
            x: `(N, inputs)` rows that span the box on which the formula is used.

        Returns:
            A new formula that differs from this one by less than 64 rounding errors of its largest value there,
            everywhere in the box. What cannot be shown to be that small stays.
        """
        from edgewise.interpret.dust import without_dust

        return without_dust(self, self.rows(x))

    def substitute(self, inputs: Mapping[Any, Any], symbols: Sequence[Any] | None = None) -> Formula:
        """Replace inputs by expressions of other inputs, all at once.

        Args:
            inputs: name or symbol of an input to a sympy expression or number. What is not named stays. Symbols in the
                expressions are real, whatever they were declared as.
            symbols: names or symbols of the new inputs, in order; when absent those of the old ones in their order,
                each replaced by what is in its expression (by name).

        Returns:
            A new formula of the new inputs.

        Raises:
            ParameterError: there is no such input, an expression cannot be read, or `symbols` lacks one that is needed
                or names one twice.
        """
        known = {str(symbol): symbol for symbol in self.symbols}
        new = {str(key): _real(value) for key, value in inputs.items()}
        unknown = [name for name in new if name not in known]
        if unknown:
            raise ParameterError(f"`inputs` names {unknown[0]!r}, which is none of the inputs {list(known)}.")
        parts = [new.get(name, symbol) for name, symbol in known.items()]
        needed = [s for part in parts for s in sorted(part.free_symbols, key=str)]
        chosen = list(dict.fromkeys(needed)) if symbols is None else [sympy.Symbol(str(s), real=True) for s in symbols]
        missing = [str(s) for s in needed if s not in chosen]
        if missing or len(set(chosen)) != len(chosen) or not chosen:
            raise ParameterError(
                f"`symbols` must name every new input once, {list(dict.fromkeys(map(str, needed)))}; "
                f"got {list(map(str, chosen))}."
            )
        places = dict(zip(self.symbols, parts, strict=True))
        return Formula([e.xreplace(places) for e in self.expressions], chosen, self.splines, self.output_names)

    def scale_outputs(self: F, scale: Any = 1.0, shift: Any = 0.0) -> F:
        """Every output y as `scale * y + shift`.

        Args:
            scale: one number, or one per output.
            shift: one number, or one per output.

        Returns:
            A new formula.

        Raises:
            ParameterError: a number is not finite.
            ShapeError: their count is not that of the outputs.
        """
        factors, shifts = (_numbers(v, len(self.expressions), n) for v, n in ((scale, "scale"), (shift, "shift")))
        both = zip(self.expressions, factors, shifts, strict=True)
        return self.with_expressions([factor * e + shift for e, factor, shift in both])

    def to_module(self) -> FormulaModule:
        """A `torch.nn.Module` of `(N, inputs)` to `(N, outputs)` whose parameters are the numbers of the formula.

        Returns:
            A float64 module: `numbers` `(K,)` holds every number that is not exact, each place its own; splines of
            edges without elementary function are submodules.
        """
        return FormulaModule(self.expressions, self.symbols, self.splines)

    # --------------------------------------------------------------------------------------- evaluation

    def __call__(self, x: Any) -> np.ndarray:
        """Evaluate in float64.

        Args:
            x: `(N, inputs)`, anything array-like. The columns of a frame are found by the names of the inputs.

        Returns:
            `(N, outputs)`.

        Raises:
            ShapeError: `x` has another shape, or a frame lacks an input.
            DomainError: the formula is not defined at a row; the message says which and why.
        """
        rows = self.rows(x)
        values = self.evaluate(rows)
        bad = (~values.isfinite().all(1)) & rows.isfinite().all(1)
        if bool(bad.any()):
            self._explain(rows, int(bad.nonzero()[0]), int(bad.sum()))
        return values.numpy()

    def rows(self, x: Any) -> Tensor:
        """The inputs as a float64 tensor, see `__call__`."""
        if is_frame(x):
            x = self._chosen(x)
        rows = as_numbers(x, "x", f", shape (rows, {len(self.symbols)})")
        if rows.dim() != 2 or rows.shape[1] != len(self.symbols):
            raise ShapeError(f"`x` must be (rows, {len(self.symbols)}); got {tuple(rows.shape)}.")
        return rows

    def _chosen(self, frame: Any) -> Any:
        """The columns of a frame in the order of the inputs; as they are where no name is one of an input's."""
        names, there = [str(s) for s in self.symbols], [str(c) for c in frame.columns]
        if not set(names) & set(there):
            return frame
        return chosen_columns(frame, names)

    def evaluate(self, x: Tensor) -> Tensor:
        """The same on tensors, differentiable; NaN outside the domain.

        Args:
            x: `(N, inputs)`.

        Returns:
            `(N, outputs)`.
        """
        values = dict(zip(self.symbols, x.unbind(1), strict=True))
        columns = [evaluate(e, values, self.splines).expand(len(x)) for e in self.expressions]
        return torch.stack(columns, dim=1)

    def verify(self, model: Any, x: Any) -> Verification:
        """The largest disagreement with a model.

        Args:
            model: a network, any function of `(N, inputs)` tensors, or an estimator with `predict` (a classifier's
                `decision_function` is compared).
            x: `(N, inputs)` rows to compare on, anything array-like; a network gets them in its own dtype.

        Returns:
            The largest difference, and where it is; infinite where one of the two is not finite.

        Raises:
            ParameterError: `model` is neither.
            ShapeError: it has another number of outputs.
        """
        if not callable(model) and not hasattr(model, "predict"):
            raise ParameterError(
                f"`model` must be a network, a function or an estimator; got {type(model).__name__}. How well the "
                "formula follows values says `formula.score(x, y)`."
            )
        with torch.no_grad():
            if hasattr(model, "predict"):
                predict = getattr(model, "decision_function", model.predict)
                expected = torch.as_tensor(np.asarray(predict(x), dtype=float)).reshape(len(x), -1)
            else:
                expected = torch.as_tensor(model(self._as_taken_by(model, x))).double().cpu().reshape(len(x), -1)
            found = self.evaluate(self.rows(x))
        if expected.shape != found.shape:
            raise ShapeError(
                f"`model` must give {found.shape[1]} outputs, as the formula does; got {expected.shape[1]}."
            )
        gap = (expected - found).abs()
        gap = torch.where(gap.isnan(), torch.inf, gap).amax(1)
        row = int(gap.argmax())
        return Verification(float(gap[row]), row, float(expected.abs().max()))

    def _as_taken_by(self, model: Any, x: Any) -> Tensor:
        """Rows where a network has its numbers, and of their kind; a function gets a tensor as it is."""
        if isinstance(model, torch.nn.Module):
            parameter = next(model.parameters(), None)
            return self.rows(x) if parameter is None else self.rows(x).to(parameter)
        return x if isinstance(x, Tensor) else self.rows(x)

    def score(self, x: Any, y: Any) -> float:
        """The share of the variance of values that the formula explains (R2); 1 where it is right everywhere.

        Args:
            x: `(N, inputs)` rows.
            y: `(N,)` or `(N, outputs)` values.

        Returns:
            R2 over all outputs; NaN where the formula is not defined at a row.

        Raises:
            ShapeError: x and y do not fit.
        """
        found = self.evaluate(self.rows(x))
        values = torch.as_tensor(np.asarray(y, dtype=float))
        values = values[:, None] if values.dim() == 1 else values
        if values.shape != found.shape:
            raise ShapeError(f"`y` must be {tuple(found.shape)}, a row per row of `x`; got {tuple(values.shape)}.")
        return float(1 - (found - values).square().sum() / (values - values.mean(0)).square().sum())

    def _explain(self, rows: Tensor, row: int, count: int) -> None:
        """Raise for the first row at which the formula is not defined, naming the innermost part that is not."""
        at = dict(zip(self.symbols, rows[row].tolist(), strict=True))
        where = ", ".join(f"{symbol} = {value:g}" for symbol, value in at.items())
        for expression in self.expressions:
            for part in sympy.postorder_traversal(expression):
                if part.is_number or not part.args:
                    continue
                value = evaluate(part, dict(zip(self.symbols, rows[row, :, None], strict=True)), self.splines)
                if not bool(value.isfinite().all()):
                    raise DomainError(
                        f"the formula is not defined at {count} of {len(rows)} rows (first at row {row}: {where}): "
                        f"{plain_text(_rounded(part, 4))} has no value there."
                    )
        raise DomainError(f"the formula is not defined at {count} of {len(rows)} rows (first at row {row}: {where}).")


def tree_size(expression: sympy.Expr) -> int:
    """Nodes of an expression's tree: numbers, symbols and operations."""
    return sum(1 for _ in sympy.preorder_traversal(expression))


def _rounded(expression: sympy.Expr, digits: int) -> sympy.Expr:
    """Numbers to some significant digits, for reading."""
    ones = {v: sympy.Integer(int(v)) for v in expression.atoms(sympy.Float) if abs(v) == 1}
    return expression.xreplace(_shorter(expression, digits) | ones)


def _shorter(expression: sympy.Expr, digits: int) -> dict[sympy.Float, sympy.Float]:
    """Numbers to some significant digits, but 12 for those a column far from zero is measured from."""
    far = {v for part in expression.atoms(sympy.UnevaluatedExpr) for v in part.atoms(sympy.Float)}
    return {v: sympy.Float(v, max(digits, 12) if v in far else digits) for v in expression.atoms(sympy.Float)}


def _real(value: Any) -> sympy.Expr:
    """An expression with real symbols."""
    try:
        expression = sympy.sympify(value, strict=True)
    except sympy.SympifyError as error:
        raise ParameterError(f"`inputs` must hold sympy expressions or numbers; got {value!r}.") from error
    return expression.xreplace({s: sympy.Symbol(str(s), real=True) for s in expression.free_symbols})


def _numbers(value: Any, count: int, name: str) -> list[sympy.Float]:
    array = np.asarray(value, dtype=float)
    if array.shape not in ((), (count,)):
        raise ShapeError(f"`{name}` must be one number or {count}, one per output; got shape {array.shape}.")
    if not np.isfinite(array).all():
        raise ParameterError(f"`{name}` must be finite; got {value!r}.")
    return [sympy.Float(float(v), 17) for v in np.broadcast_to(array, (count,))]

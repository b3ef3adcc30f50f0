"""A network as a formula: built, simplified, its constants made exact where the data agree, checked, and exported."""

# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportReturnType=false
# (sympy's annotations are of Basic where its functions give Expr)

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
import torch
from torch import Tensor

from edgewise.errors import DomainError, ParameterError, ShapeError
from edgewise.interpret.evaluation import evaluate
from edgewise.layers import KANLayer
from edgewise.models import KAN


def symbolic_formula(model: KAN, names: Sequence[str] | None = None) -> tuple[list[sympy.Expr], list[sympy.Symbol]]:
    """The network as sympy expressions.

    Args:
        model: the network. An edge that is still a spline becomes an unevaluated function `phi_l_i_j`.
        names: of the inputs; `model.input_names` when absent.

    Returns:
        One expression per output, and the symbols of the inputs.

    Raises:
        ParameterError: `names` has another length.
    """
    names = list(model.input_names if names is None else names)
    if len(names) != model.in_features or len(set(names)) != len(names):
        raise ParameterError(f"`names` must have {model.in_features} different entries; got {names}.")
    symbols = [sympy.Symbol(name, real=True) for name in names]
    nodes: list[sympy.Expr] = list(symbols)
    for l in range(len(model.layers)):
        sums = _sums(model, l, nodes)
        product = model.products[l]
        nodes = sums[: product.n_sum]
        for first in range(product.n_sum, len(sums), product.arity):
            nodes.append(sympy.Mul(*sums[first : first + product.arity]))
    return nodes, symbols


def _sums(model: KAN, l: int, nodes: list[sympy.Expr]) -> list[sympy.Expr]:
    layer = model.layers[l]
    sums: list[list[sympy.Expr]] = [[] for _ in range(layer.out_features)]
    symbolic = layer.symbolic
    for i, j in layer.mask.nonzero().tolist():
        place = None if symbolic is None else symbolic.find(i, j)
        if symbolic is not None and place is not None:
            sums[j].append(
                edge_expression(symbolic.functions[place].formula, symbolic.affine[place].tolist(), nodes[i])
            )
        else:
            sums[j].append(sympy.Function(f"phi_{l}_{i}_{j}", real=True)(nodes[i]))
    return [sympy.Add(*terms) for terms in sums]


def edge_expression(formula: str, numbers: Sequence[float], node: sympy.Expr) -> sympy.Expr:
    """`c f(a x + b) + d`.

    Args:
        formula: of `f`, in the letters z and p.
        numbers: a, b, c, d, p.
        node: x.
    """  # noqa: DOC201 said in the first line
    a, b, c, d, p = (sympy.Float(value, 17) for value in numbers)
    z, exponent = sympy.Symbol("z", real=True), sympy.Symbol("p", real=True)
    function = sympy.sympify(formula, locals={"z": z, "p": exponent})
    return c * function.subs({exponent: p, z: a * node + b}) + d


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
                    splines[f"phi_{l}_{i}_{j}"] = _SplineFunction(layer.part([i], [j]))
        return cls(expressions, symbols, splines, model.output_names)

    # ------------------------------------------------------------------------------------------ reading

    def __str__(self) -> str:
        """`y = ...`, a line per output, numbers to four digits."""
        return "\n".join(
            f"{name} = {_rounded(expression, 4)}"
            for name, expression in zip(self.output_names, self.expressions, strict=True)
        )

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
        return "\n".join(f"{sympy.latex(sympy.Symbol(name))} = {sympy.latex(e)}" for name, e in both)

    def python(self) -> str:
        """Source of a NumPy function `f(x)` that takes `(N, inputs)` and returns `(N, outputs)`.

        Returns:
            The source; it needs `numpy` (and `scipy.special` for erf and Bessel functions).

        Raises:
            ParameterError: an edge is still a spline, or a number is beyond the range of doubles.
        """
        self._check_source("Python source")
        from sympy.printing.numpy import SciPyPrinter

        printer = SciPyPrinter({"fully_qualified_modules": True})
        bodies = [printer.doprint(e) for e in self._with_identifiers()]
        modules = {"numpy"} | {
            m for m in ("functools", "scipy.constants", "scipy.special") if any(m in b for b in bodies)
        }
        imports = "".join(f"import {module}\n" for module in sorted(modules))
        unpack = "".join(f"    x_{n} = x[:, {n}]  # {str(name)!r}\n" for n, name in enumerate(self.symbols))
        columns = ", ".join(f"({body}) + numpy.zeros(len(x))" for body in bodies)
        return f"{imports}\n\ndef f(x):\n{unpack}    return numpy.stack([{columns}], axis=1)\n"

    def c(self) -> str:
        """Source of a C function `void f(const double *x, double *y)` of one row.

        Raises:
            ParameterError: an edge is still a spline, or a number is beyond the range of doubles.
        """  # noqa: DOC201 said in the first line
        self._check_source("C source")
        names = {"j0": "j0", "j1": "j1"}  # of math.h, unknown to sympy
        lines = [f"    const double x_{n} = x[{n}];" for n in range(len(self.symbols))]
        for n, e in enumerate(self._with_identifiers()):
            lines.append(f"    y[{n}] = {sympy.ccode(_without_bessel(e), user_functions=names)};")
        body = "\n".join(lines)
        return f"#include <math.h>\n\nvoid f(const double *x, double *y) {{\n{body}\n}}\n"

    def complexity(self) -> int:
        """Nodes of the expressions' trees: numbers, symbols and operations."""
        return sum(map(tree_size, self.expressions))

    def _with_identifiers(self) -> list[sympy.Expr]:
        """With inputs `x_0, x_1, ...`: their names can be anything that a table's header can be."""
        own = {symbol: sympy.Symbol(f"x_{n}", real=True) for n, symbol in enumerate(self.symbols)}
        return [e.xreplace(own) for e in self.expressions]

    # --------------------------------------------------------------------------------------- evaluation

    def __call__(self, x: Any) -> np.ndarray:
        """Evaluate in float64.

        Args:
            x: `(N, inputs)`, anything array-like.

        Returns:
            `(N, outputs)`.

        Raises:
            ShapeError: `x` has another shape.
            DomainError: the formula is not defined at a row; the message says which and why.
        """
        rows = torch.as_tensor(np.asarray(x.detach().cpu() if isinstance(x, Tensor) else x, dtype=float))
        if rows.dim() != 2 or rows.shape[1] != len(self.symbols):
            raise ShapeError(f"`x` must be (rows, {len(self.symbols)}); got {tuple(rows.shape)}.")
        values = self.evaluate(rows)
        bad = (~values.isfinite().all(1)) & rows.isfinite().all(1)
        if bool(bad.any()):
            self._explain(rows, int(bad.nonzero()[0]), int(bad.sum()))
        return values.numpy()

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

    def verify(self, model: Any, x: Tensor) -> Verification:
        """The largest disagreement with a model.

        Args:
            model: a network, or any function of `(N, inputs)` tensors.
            x: `(N, inputs)` rows to compare on.

        Returns:
            The largest difference, and where it is; infinite where one of the two is not finite.
        """
        with torch.no_grad():
            expected = model(x).double().cpu()
            found = self.evaluate(x.double().cpu())
        gap = (expected - found).abs()
        gap = torch.where(gap.isnan(), torch.inf, gap).amax(1)
        row = int(gap.argmax())
        return Verification(float(gap[row]), row, float(expected.abs().max()))

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
                        f"{_rounded(part, 4)} has no value there."
                    )
        raise DomainError(f"the formula is not defined at {count} of {len(rows)} rows (first at row {row}: {where}).")

    def _check_source(self, what: str) -> None:
        """Refuse what source code cannot say: numbers beyond its range, splines."""
        beyond = [
            v for e in self.expressions for v in e.atoms(sympy.Float) if float(v) in (0.0, np.inf, -np.inf) and v != 0
        ]
        if beyond:
            number = sympy.Float(beyond[0], 3)
            raise ParameterError(
                f"{what} would hold {number}, which no double can. Fit the model to inputs minus their mean."
            )
        if self.splines:
            raise ParameterError(
                f"{what} needs elementary functions only; {', '.join(self.splines)} are still splines. Fix these "
                f"edges, or export the model (`edgewise export`)."
            )


class _SplineFunction:
    """An edge that has no elementary form, as a function of one tensor.

    Args:
        edge: a layer of this edge alone; what becomes of the model later does not change the formula.
    """

    def __init__(self, edge: KANLayer) -> None:
        self.edge = edge.requires_grad_(False)

    def __call__(self, z: Tensor) -> Tensor:
        return self.edge(z.reshape(-1, 1).to(self.edge.knots)).to(z).reshape(z.shape)


def tree_size(expression: sympy.Expr) -> int:
    """Nodes of an expression's tree: numbers, symbols and operations."""
    return sum(1 for _ in sympy.preorder_traversal(expression))


def _rounded(expression: sympy.Expr, digits: int) -> sympy.Expr:
    """Numbers to some significant digits, for reading."""
    return expression.xreplace({v: sympy.Float(float(v), digits) for v in expression.atoms(sympy.Float)})


def _without_bessel(expression: sympy.Expr) -> sympy.Expr:
    """Bessel functions under C's names."""
    return expression.replace(sympy.besselj, lambda order, z: sympy.Function(f"j{int(order)}")(z))

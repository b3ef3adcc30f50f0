"""A formula as a module: its numbers are trained like any other parameter."""

# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportReturnType=false
# (sympy's annotations are of Basic where its functions give Expr)

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sympy
import torch
from torch import Tensor, nn

from edgewise.errors import ShapeError
from edgewise.interpret.evaluation import evaluate
from edgewise.layers import AbstractEdgeLayer


class FormulaModule(nn.Module):
    """A formula with trainable numbers, in float64.

    Args:
        expressions: one per output.
        symbols: of the inputs.
        splines: functions of one tensor for the names of edges without elementary form; modules are copied.

    Attributes:
        numbers: `(K,)` parameter: every number that is not exact, each place its own, in the order of the expressions.
        splines: the splines by name, with parameters of their own.
    """

    def __init__(
        self, expressions: Sequence[sympy.Expr], symbols: Sequence[sympy.Symbol], splines: Mapping[str, SplineFunction]
    ) -> None:
        super().__init__()
        found: dict[sympy.Dummy, float] = {}
        # Numbers beyond the range of doubles stay: `evaluate` knows how to keep their product finite.
        self._templates = [lettered(e, found, keep=_beyond_doubles) for e in expressions]
        self._symbols, self._letters = list(symbols), list(found)
        self.numbers = nn.Parameter(torch.tensor(list(found.values()), dtype=torch.float64))
        self.splines = nn.ModuleDict({name: spline.copy() for name, spline in splines.items()})

    def forward(self, x: Tensor) -> Tensor:
        """Evaluate.

        Args:
            x: `(N, inputs)`, in the dtype of `numbers`.

        Returns:
            `(N, outputs)`; NaN outside the domain.

        Raises:
            ShapeError: `x` has another shape or dtype.
        """
        if x.dim() != 2 or x.shape[1] != len(self._symbols) or x.dtype != self.numbers.dtype:
            raise ShapeError(
                f"`x` must be (rows, {len(self._symbols)}) in {self.numbers.dtype}; got {tuple(x.shape)} in {x.dtype}."
            )
        values = dict(zip(self._symbols, x.unbind(1), strict=True))
        values |= dict(zip(self._letters, self.numbers.unbind() if self._letters else (), strict=True))
        columns = [evaluate(e, values, self.splines).expand(len(x)) for e in self._templates]  # pyright: ignore
        return torch.stack(columns, dim=1)

    def expressions(self) -> list[sympy.Expr]:
        """The expressions with the numbers as they are now."""
        now = {k: sympy.Float(v, 17) for k, v in zip(self._letters, self.numbers.tolist(), strict=True)}
        return [e.xreplace(now) for e in self._templates]

    def extra_repr(self) -> str:
        """Sizes in `repr(module)`."""
        return f"inputs={len(self._symbols)}, outputs={len(self._templates)}, numbers={len(self._letters)}"


class SplineFunction(nn.Module):
    """An edge that has no elementary form, as a function of one tensor.

    Args:
        edge: a layer of this edge alone; what becomes of the model later does not change the formula.
    """

    def __init__(self, edge: AbstractEdgeLayer) -> None:
        super().__init__()
        self.edge = edge.requires_grad_(False)

    def forward(self, z: Tensor) -> Tensor:
        """Elementwise, in the dtype of `z`."""
        return self.edge(z.reshape(-1, 1).to(self.edge.spline_weight)).to(z).reshape(z.shape)

    def copy(self) -> SplineFunction:
        """One of its own in float64, trainable."""
        import copy

        new = copy.deepcopy(self).double()
        new.edge.requires_grad_(True)
        return new


def lettered(e: sympy.Expr, numbers: dict[sympy.Dummy, float], keep: Any = lambda number: False) -> sympy.Expr:
    """A letter in the place of every number; what they stand for is written into `numbers`.

    Args:
        e: the expression.
        numbers: filled.
        keep: which numbers stay.

    Returns:
        The expression with letters.
    """
    if e.is_Float and not keep(e):
        letter = sympy.Dummy(f"k{len(numbers)}", real=True)
        numbers[letter] = float(e)
        return letter
    return e.func(*(lettered(part, numbers, keep) for part in e.args)) if e.args else e


def _beyond_doubles(number: sympy.Float) -> bool:
    return number != 0 and float(number) in (0.0, float("inf"), float("-inf"))

"""Networks of several shapes that look at the same data, and what can be read from each."""

# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportReturnType=false
# (sympy's annotations are of Basic where its functions give Expr)

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import sympy
import torch
from torch import Tensor, nn

from edgewise.errors import ParameterError
from edgewise.interpret.formula import Formula
from edgewise.interpret.library import Library
from edgewise.interpret.sparsify import sparsify
from edgewise.interpret.starts import best_first
from edgewise.interpret.symbolify import all_symbolic
from edgewise.models import KAN

_WORTH = 0.25
"""A shape is worth reading if its network misses less of the variance than this."""
_GRID, _FINER = 5, (20, 50)
_FOLLOWS = 1e-2
"""A shape that misses more is tried on finer grids: a wave of many periods is not seen on five intervals."""
_LARGE = 100.0
"""Inputs beyond, or below its inverse, are measured in units of their largest."""
_CLOSELY = 1e-4
"""Networks that miss less all follow the data: what is left is due to their grids."""
_CLOSE_LOSS, _ROUGHLY = 1e-9, 1e-3
"""Share of the variance that a formula may miss where its network misses less: the law, or something near it."""
_ROWS = 1000
"""Rows that networks are read on."""


def ladder(inputs: int) -> list[list[Any]]:
    """Shapes from the simplest on: sums, functions of sums, products, functions of functions of sums."""
    d = inputs
    if d == 1:
        return [[1, 1], [1, 1, 1], [1, [0, 1], 1], [1, 2, 1]]
    return [[d, 1], [d, 1, 1], [d, [0, 1], 1], [d, 2, 1], [d, [1, 1], 1], [d, 2, 1, 1], [d, [0, 2], 1]]


class Survey:
    """Networks of several shapes, trained at the first look, read one after the other.

    Args:
        x: `(N, d)` rows.
        y: `(N,)` values.
        symbols: of the inputs.
        library: functions that edges may get.
        shapes: widths.
        seeds: starts of every shape.
        seed: of the starts.
        left: gives the seconds that are left, None without a limit.

    Raises:
        ParameterError: a shape does not lead from d inputs to one output.
    """

    def __init__(
        self, x: Tensor, y: Tensor, symbols: Sequence[sympy.Symbol], library: Library, shapes: Sequence[Sequence[Any]],
        seeds: int, seed: int, left: Callable[[], float | None],
    ) -> None:  # fmt: skip
        for shape in shapes:
            model = KAN(shape, seed=0)  # raises early
            if model.in_features != x.shape[1] or model.out_features != 1:
                raise ParameterError(f"`shapes` must lead from {x.shape[1]} inputs to 1 output; got {list(shape)}.")
        self.symbols, self.library, self.shapes = symbols, library, list(shapes)
        self.seeds, self.seed, self.left = seeds, seed, left
        # An output that hardly varies is centred; not always, since a last product cannot add a constant.
        self.shift = float(y.mean()) if float(y.mean()) ** 2 > 100 * float(y.var(correction=0)) else 0.0
        self.scale = float((y - self.shift).square().mean().sqrt())
        # Networks want inputs of about one; those that are need no factor to be fitted.
        size = x.abs().amax(0)
        self.units = torch.where((size > _LARGE) | (size < 1 / _LARGE), size.clamp_min(1e-300), 1.0)
        self.x, self.y = (x / self.units)[:_ROWS], ((y - self.shift) / self.scale)[:_ROWS, None]
        self._order: list[tuple[float, KAN]] | None = None
        self._smaller: dict[int, KAN] = {}

    def read(self, place: int, roughly: bool = False) -> Iterator[sympy.Expr]:
        """Formulas from the network at a place of the order; none where it follows the data badly or keeps splines.

        Args:
            place: from 0.
            roughly: take functions that are only near the splines too; else those that do as well.

        Yields:
            An expression of the symbols.
        """
        if self._order is None:
            self._order = self._trained()
        missing, model = self._order[place]
        if missing > _WORTH or (roughly and 4 * missing >= _ROUGHLY):  # then the first reading was as rough
            return
        if place not in self._smaller:
            options = {"growth": 1.5, "steps": 25, "time_limit_sec": self.left()}
            tolerance = max(1e-8, 2 * missing)
            self._smaller[place] = sparsify(model, self.x, self.y, lambs=(), tolerance=tolerance, **options).model
        allowed = max(_ROUGHLY if roughly else _CLOSE_LOSS, 4 * missing) * float(self.y.var())
        read = all_symbolic(self._smaller[place], self.x, self.y, self.library, allowed, self.left())
        if read is None:
            return
        shift = sympy.Float(self.shift, 17) if self.shift else sympy.Integer(0)
        formula = Formula.of(read)
        scaled = [
            s if u == 1 else s / sympy.Float(u, 17) for s, u in zip(self.symbols, self.units.tolist(), strict=True)
        ]
        own = dict(zip(formula.symbols, scaled, strict=True))
        yield sympy.Float(self.scale, 17) * formula.expressions[0].xreplace(own) + shift

    def _trained(self) -> list[tuple[float, KAN]]:
        """Share of the variance that the best start of each shape misses, and its network; the ones to read first."""
        found, first = [], self.seed * self.seeds
        for shape in self.shapes:
            models = [KAN(shape, grid=_GRID, seed=first + n, dtype=torch.float64) for n in range(self.seeds)]
            loss, model = best_first(models, self.x, self.y, self.seed)[0]
            found.append((float(loss / self.y.var()), model))
        found = [self._finer(*one) if one[0] > _FOLLOWS else one for one in found]
        found = self._linked(found)
        least = min((missing for missing, _ in found), default=0.0)
        # Of those that follow the data about as well the smallest first, then the others by what they miss.
        most = max(30 * least, _CLOSELY)
        return sorted(found, key=lambda one: (0, one[1].n_parameters) if one[0] <= most else (1, one[0]))

    def _finer(self, missing: float, model: KAN) -> tuple[float, KAN]:
        """The same on finer grids, for as long as each halves what is missed and there are rows enough."""
        for grid in _FINER:
            finer = model.refine(grid)
            if 2 * finer.n_parameters > len(self.x):
                break
            loss, finer = best_first([finer], self.x, self.y, self.seed)[0]
            now = float(loss / self.y.var())
            if now > missing / 2:
                break
            missing, model = now, finer
        return missing, model

    def _linked(self, found: list[tuple[float, KAN]]) -> list[tuple[float, KAN]]:
        """A function of a sum, `[d, 1, 1]`, started from the sum `[d, 1]` where that finds more than it did itself."""
        d = self.x.shape[1]
        sums = [model for _, model in found if model.width == [d, 1]]
        place = next((n for n, (_, model) in enumerate(found) if model.width == [d, 1, 1]), None)
        if not sums or place is None or found[place][0] < _FOLLOWS:
            return found
        with torch.no_grad():
            inner = sums[0](self.x)
        outer = KAN([1, 1], grid=_GRID, seed=self.seed, dtype=torch.float64)
        best_first([outer], inner, self.y, self.seed)
        linked = KAN([d, 1, 1], grid=_GRID, seed=self.seed, dtype=torch.float64)
        parts = cast("nn.ModuleList", linked.layers)
        parts[0], parts[1] = copy.deepcopy(sums[0].layers[0]), outer.layers[0]
        loss, linked = best_first([linked], self.x, self.y, self.seed)[0]
        new = self._finer(float(loss / self.y.var()), linked)
        return [new if n == place and new[0] < old[0] else old for n, old in enumerate(found)]

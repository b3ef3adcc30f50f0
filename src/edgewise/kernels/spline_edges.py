"""Edges that are splines, as `layer_jets` sees them."""

from __future__ import annotations

import math
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from edgewise.kernels.edge_jets import BaseDerivative, residual_jets
from edgewise.kernels.operators import evaluate


class SplineEdges(NamedTuple):
    """`phi_io(x) = sum_s coef[i,s,o] B_s(x) + base_weight[i,o] base(x)`; an `edge_jets.Edges`.

    Attributes:
        grid: `(I, S+k+1)` knots.
        degree: polynomial degree k.
        linear: how splines continue outside the grid.
        base: derivatives of the residual function; None without one.
        silu: whether that function is `silu`.
    """

    grid: Tensor
    degree: int
    linear: bool
    base: BaseDerivative | None
    silu: bool
    highest_order: float = math.inf

    def by_torch(self, x: Tensor, coef: Tensor, base_weight: Tensor, order: int) -> Tensor:
        """See `Edges`: every input is a model with one input."""
        columns = x.mT[..., None]  # (I, B, 1)
        found = []
        for m in range(order + 1):
            edges = evaluate(columns, coef[:, None], self.grid[:, None], None, self.degree, m, self.linear).mT
            base = 0.0 if self.base is None else base_weight[..., None] * self.base(x, m).mT[:, None]
            found.append(edges + base)  # (I, O, B)
        return torch.stack(found)

    def forward(
        self, columns: Tensor, coef: Tensor, base_weight: Tensor, orders: int
    ) -> tuple[Tensor, tuple[Tensor, ...], Any]:
        """See `Edges`."""
        residual = residual_jets(columns, orders, self.base, self.silu)
        places, rest = _cpu().locate(columns, self.grid, self.degree, self.linear)
        places = *places, residual
        return _cpu().forward(places, coef, base_weight, orders, rest, self.degree), places, rest

    def backward(
        self, g: Tensor, coef: Tensor, jets: Tensor, places: tuple[Tensor, ...], rest: Any, need_x: bool
    ) -> tuple[Tensor | None, Tensor, Tensor]:
        """See `Edges`."""
        return _cpu().backward(g, coef, jets, places, rest, self.degree, need_x)


@cache
def _cpu() -> Any:
    """The compiled side; Numba is imported at its first use."""
    from edgewise.kernels import spline_edges_cpu

    return spline_edges_cpu

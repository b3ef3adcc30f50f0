"""Edges that are splines, as `edge_jets` and `layer_jets` see them."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from edgewise.kernels.edge_jets import BaseDerivative, residual_jets
from edgewise.kernels.operators import evaluate


class SplineEdges(NamedTuple):
    """`phi_io(x) = sum_s coef[i,s,o] B_s(x) + base_weight[i,o] base(x)`; an `edge_jets.Edges`.

    Attributes:
        knots: `(I, S+k+1)`.
        degree: polynomial degree k.
        linear: how splines continue outside the grid.
        base: derivatives of the residual function, of `(x, order)`; None without one.
        silu: whether that function is `silu`.
    """

    knots: Tensor
    degree: int
    linear: bool
    base: BaseDerivative | None
    silu: bool

    def by_torch(self, x: Tensor, coef: Tensor, base_weight: Tensor, order: int) -> Tensor:
        """See `Edges`: every input is a model with one input."""
        columns = x.mT[..., None]  # (I, B, 1)
        found = []
        for m in range(order + 1):
            edges = evaluate(columns, coef[:, None], self.knots[:, None], None, self.degree, m, self.linear).mT
            base = 0.0 if self.base is None else base_weight[..., None] * self.base(x, m).mT[:, None]
            found.append(edges + base)  # (I, O, B)
        return torch.stack(found)

    def compiled(self, x: Tensor, order: int) -> bool:
        """See `Edges`."""
        return True

    def forward(self, columns: Tensor, coef: Tensor, base_weight: Tensor, orders: int) -> tuple[np.ndarray, Any]:
        """See `Edges`."""
        residual = residual_jets(columns, orders, self.base, self.silu).numpy()
        return _cpu().forward(columns, coef, base_weight, residual, orders, self.knots, self.degree, self.linear)

    def backward(
        self, g: np.ndarray, coef: Tensor, jets: np.ndarray, kept: Any, need_x: bool
    ) -> tuple[Tensor | None, Tensor, Tensor]:
        """See `Edges`."""
        return _cpu().backward(g, coef, jets, kept, self.degree, need_x)


@cache
def _cpu() -> Any:
    """The compiled side; Numba is imported at its first use."""
    from edgewise.kernels import spline_edges_cpu

    return spline_edges_cpu

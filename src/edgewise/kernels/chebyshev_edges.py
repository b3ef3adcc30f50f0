"""Edges that are Chebyshev expansions, as `layer_jets` sees them.

The n-th derivative of an expansion is an expansion with other coefficients, `D^n c`; what brings inputs into [-1, 1]
adds a chain rule.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from edgewise.kernels.edge_jets import BaseDerivative, plain, residual_jets

HIGHEST_ORDER = 3
"""The highest derivative that the loops know, beside one more for gradients."""


class ChebyshevEdges(NamedTuple):
    """Expansions in Chebyshev polynomials and a residual function; an `edge_jets.Edges`.

    Attributes:
        grid: `(I, 2)` ends of the domain.
        powers: `(5, S, S)` the matrix D to the powers 0 to 4, of a dtype.
        squash: bring inputs into [-1, 1] by tanh.
        linear: continue value and slope beyond the domain.
        base: derivatives of the residual function; None without one.
        silu: whether that is `silu`.
        by_torch: see `Edges`.
    """

    grid: Tensor
    powers: Callable[[torch.dtype], Tensor]
    squash: bool
    linear: bool
    base: BaseDerivative | None
    silu: bool
    by_torch: Callable[[Tensor, Tensor, Tensor, int], Tensor]
    highest_order: float = HIGHEST_ORDER

    def forward(
        self, columns: Tensor, coef: Tensor, base_weight: Tensor, orders: int
    ) -> tuple[Tensor, tuple[Tensor, ...], Any]:
        """See `Edges`."""
        orders = max(orders, _least(self))
        z, factors, used = _places(columns, orders, self)
        powers = self.powers(coef.dtype)[:orders].flatten(0, 1)  # (N S, S)
        derived = (powers @ coef.detach()).unflatten(1, (orders, -1)).contiguous()  # (I, N, S, O)
        residual = residual_jets(columns, orders, self.base, self.silu)
        jets = columns.new_empty(orders, *coef.shape[::2], columns.shape[1])
        arrays = derived.numpy(), plain(base_weight).numpy(), residual.numpy(), jets.numpy()
        _loops().chebyshev_forward(z.numpy(), factors.numpy(), used, *arrays)
        return jets, (z, factors, residual), used

    def backward(
        self, g: Tensor, coef: Tensor, jets: Tensor, places: tuple[Tensor, ...], rest: Any, need_x: bool
    ) -> tuple[Tensor | None, Tensor, Tensor]:
        """See `Edges`."""
        z, factors, residual = [tensor.numpy() for tensor in places]
        dx = coef.new_empty((coef.shape[0], g.shape[3]) if need_x else (0, 0))
        derived = coef.new_empty(len(coef), max(len(g), _least(self)), *coef.shape[1:])
        dbase = coef.new_zeros(coef.shape[::2])
        arrays = g.numpy(), jets.numpy(), residual, dx.numpy(), derived.numpy(), dbase.numpy()
        _loops().chebyshev_backward(z, factors, rest, *arrays)
        dcoef = self.powers(coef.dtype)[: derived.shape[1]].flatten(0, 1).mT @ derived.flatten(1, 2)
        return dx if need_x else None, dcoef, dbase


def _least(edges: ChebyshevEdges) -> int:
    """How many derivatives by `z` even a value needs."""
    return 2 if edges.linear and not edges.squash else 1


def _places(columns: Tensor, orders: int, edges: ChebyshevEdges) -> tuple[Tensor, Tensor, np.ndarray]:
    """Arguments `(I, B)` of the polynomials, and the factors of the chain rule with where there are any."""
    lo, hi = edges.grid.unbind(1)
    low, high = lo[:, None], hi[:, None]
    t = ((columns - low) - (high - columns)) / (high - low)
    z = torch.tanh(t) if edges.squash else t.clamp(-1, 1) if edges.linear else t
    factors = columns.new_empty(orders, orders, *columns.shape)
    used = np.zeros((orders, orders), np.bool_)
    rates = (2 / (hi - lo)).double().numpy()
    _loops().chain_factors(t.numpy(), z.numpy(), rates, edges.squash, edges.linear, factors.numpy(), used)
    return z, factors, used


@cache
def _loops() -> Any:
    """The compiled side; Numba is imported at its first use."""
    from edgewise.kernels import chebyshev_edges_loops

    return chebyshev_edges_loops

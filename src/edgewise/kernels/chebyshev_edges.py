"""Edges that are Chebyshev expansions, as `edge_jets` and `layer_jets` see them.

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
        domain: `(I, 2)` ends.
        powers: `(5, S, S)` the matrix D to the powers 0 to 4, of a dtype.
        squash: bring inputs into [-1, 1] by tanh.
        linear: continue value and slope beyond the domain.
        base: derivatives of the residual function, of `(x, order)`; None without one.
        silu: whether that is `silu`.
        by_torch: see `Edges`.
    """

    domain: Tensor
    powers: Callable[[torch.dtype], Tensor]
    squash: bool
    linear: bool
    base: BaseDerivative | None
    silu: bool
    by_torch: Callable[[Tensor, Tensor, Tensor, int], Tensor]

    def compiled(self, x: Tensor, order: int) -> bool:
        """See `Edges`."""
        return order <= HIGHEST_ORDER

    def forward(self, columns: Tensor, coef: Tensor, base_weight: Tensor, orders: int) -> tuple[np.ndarray, Any]:
        """See `Edges`."""
        orders = max(orders, _least(self))
        places = _places(columns, orders, self)
        powers = self.powers(coef.dtype)[:orders].flatten(0, 1)  # (N S, S)
        derived = (powers @ coef.detach()).unflatten(1, (orders, -1)).contiguous()  # (I, N, S, O)
        residual = residual_jets(columns, orders, self.base, self.silu).numpy()
        jets = np.empty((orders, *coef.shape[::2], columns.shape[1]), residual.dtype)
        _loops().chebyshev_forward(*places, derived.numpy(), plain(base_weight).numpy(), residual, jets)
        return jets, (places, residual)

    def backward(
        self, g: np.ndarray, coef: Tensor, jets: np.ndarray, kept: Any, need_x: bool
    ) -> tuple[Tensor | None, Tensor, Tensor]:
        """See `Edges`."""
        places, residual = kept
        dx = coef.new_empty((coef.shape[0], g.shape[3]) if need_x else (0, 0))
        derived = coef.new_empty(len(coef), max(len(g), _least(self)), *coef.shape[1:])
        dbase = coef.new_zeros(coef.shape[::2])
        _loops().chebyshev_backward(*places, g, jets, residual, dx.numpy(), derived.numpy(), dbase.numpy())
        dcoef = self.powers(coef.dtype)[: derived.shape[1]].flatten(0, 1).mT @ derived.flatten(1, 2)
        return dx if need_x else None, dcoef, dbase


def _least(edges: ChebyshevEdges) -> int:
    """How many derivatives by `z` even a value needs."""
    return 2 if edges.linear and not edges.squash else 1


def _places(columns: Tensor, orders: int, edges: ChebyshevEdges) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Arguments `(I, B)` of the polynomials, and the factors of the chain rule with where there are any."""
    lo, hi = edges.domain.unbind(1)
    low, high = lo[:, None], hi[:, None]
    t = ((columns - low) - (high - columns)) / (high - low)
    z = torch.tanh(t) if edges.squash else t.clamp(-1, 1) if edges.linear else t
    factors = columns.new_empty(orders, orders, *columns.shape).numpy()
    used = np.zeros((orders, orders), np.bool_)
    rates = (2 / (hi - lo)).double().numpy()
    _loops().chain_factors(t.numpy(), z.numpy(), rates, edges.squash, edges.linear, factors, used)
    return z.numpy(), factors, used


@cache
def _loops() -> Any:
    """The compiled side; Numba is imported at its first use."""
    from edgewise.kernels import chebyshev_edges_loops

    return chebyshev_edges_loops

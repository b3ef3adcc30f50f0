"""Every Chebyshev edge of a layer with its derivatives, at every row: the counterpart of `edge_jets`.

The n-th derivative of an expansion is an expansion with other coefficients, `D^n c`; what brings inputs into [-1, 1]
adds a chain rule. Whatever traces, transforms or differentiates twice is for the caller: this is a shortcut.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from edgewise.kernels.edge_jets import BaseDerivative, residual_jets

HIGHEST_ORDER = 3
"""The highest derivative that the loops know, beside one more for gradients."""


class ChebyshevOptions(NamedTuple):
    """What a layer is beside its weights.

    Attributes:
        domain: `(I, 2)` ends.
        powers: `(5, S, S)` the matrix D to the powers 0 to 4.
        squash: bring inputs into [-1, 1] by tanh.
        linear: continue value and slope beyond the domain.
        base: derivatives of the residual function, of `(x, order)`; None without one.
        silu: whether that is `silu`.
    """

    domain: Tensor
    powers: Tensor
    squash: bool
    linear: bool
    base: BaseDerivative | None
    silu: bool


def chebyshev_jets(
    x: Tensor, coef: Tensor, base_weight: Tensor, order: int, options: ChebyshevOptions, twice: Callable[..., Tensor]
) -> Tensor:
    """All edges and their derivatives.

    Args:
        x: `(B, I)` inputs, on the CPU.
        coef: `(I, S, O)`.
        base_weight: `(I, O)`.
        order: the highest derivative, at most 3.
        options: what the layer is.
        twice: the same of `(x, coef, base_weight)` in plain torch, for derivatives of derivatives.

    Returns:
        `(order+1, I, O, B)`.
    """
    return _ChebyshevJets.apply(x, coef, base_weight, order, options, twice)  # pyright: ignore[reportReturnType]


class _ChebyshevJets(torch.autograd.Function):
    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, x: Tensor, coef: Tensor, base_weight: Tensor, order: int, options: ChebyshevOptions, twice: Any
    ) -> Tensor:
        # One more for the gradient by x, the slope of the highest derivative; and that of the line beyond the ends.
        orders = max(order + 1 + int(ctx.needs_input_grad[0]), _least(options))
        columns = x.detach().mT.contiguous()
        places = _places(columns, orders, options)
        powers = options.powers[:orders].flatten(0, 1)  # (N S, S)
        derived = (powers @ coef.detach()).unflatten(1, (orders, -1)).contiguous()  # (I, N, S, O)
        residual = x.new_empty(0, 0, 0)
        if options.base is not None:
            residual = residual_jets(columns, orders, options.base, options.silu)
        jets = x.new_empty(orders, *coef.shape[::2], len(x))
        arrays = derived.numpy(), base_weight.detach().contiguous().numpy(), residual.numpy(), jets.numpy()
        _loops().chebyshev_forward(*places, *arrays)
        ctx.save_for_backward(x, coef, base_weight, jets, residual)
        ctx.kept = order, places, options, twice
        return jets[: order + 1]

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        x, coef, base_weight, jets, residual = ctx.saved_tensors
        order, places, options, twice = ctx.kept
        need = ctx.needs_input_grad[:3]
        if torch.is_grad_enabled():
            here = [tensor.view_as(tensor) for tensor in (x, coef, base_weight)]
            wanted = [tensor for tensor, needed in zip(here, need, strict=True) if needed]
            found = iter(torch.autograd.grad(twice(*here), wanted, g, create_graph=True, materialize_grads=True))
            return *(next(found) if needed else None for needed in need), None, None, None
        dx = x.new_empty(x.shape[::-1] if need[0] else (0, 0))
        derived = x.new_empty(len(coef), max(order + 1, _least(options)), *coef.shape[1:])
        dbase = torch.zeros_like(base_weight, memory_format=torch.contiguous_format)
        arrays = jets.numpy(), residual.numpy(), dx.numpy(), derived.numpy(), dbase.numpy()
        _loops().chebyshev_backward(*places, g.detach().contiguous().numpy(), *arrays)
        dcoef = options.powers[: derived.shape[1]].flatten(0, 1).mT @ derived.flatten(1, 2)
        return dx.mT if need[0] else None, dcoef, dbase, None, None, None


def _least(options: ChebyshevOptions) -> int:
    """How many derivatives by `z` even a value needs."""
    return 2 if options.linear and not options.squash else 1


def _places(columns: Tensor, orders: int, options: ChebyshevOptions) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Arguments `(I, B)` of the polynomials, and the factors of the chain rule with where there are any."""
    lo, hi = options.domain.unbind(1)
    low, high = lo[:, None], hi[:, None]
    t = ((columns - low) - (high - columns)) / (high - low)
    z = torch.tanh(t) if options.squash else t.clamp(-1, 1) if options.linear else t
    factors = columns.new_empty(orders, orders, *columns.shape).numpy()
    used = np.zeros((orders, orders), np.bool_)
    rates = (2 / (hi - lo)).double().numpy()
    _loops().chain_factors(t.numpy(), z.numpy(), rates, options.squash, options.linear, factors, used)
    return z.numpy(), factors, used


@cache
def _loops() -> Any:
    """The compiled side; Numba is imported at its first use."""
    from edgewise.kernels import chebyshev_loops

    return chebyshev_loops

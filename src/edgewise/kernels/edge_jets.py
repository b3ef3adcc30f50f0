"""Every edge function of a layer with its derivatives, at every row: what a jet through the layer needs, in one call.

The operators sum over the inputs, which is right for values. A jet wants the same edges several times, as `phi`, `phi'`
and `phi''` with several weights, and its gradient wants `phi'''` too; so for layers of modest size the edges are
computed once, with all derivatives, and the sums are left to whoever knows the weights. Like `small_networks` this is a
shortcut beside the operators: whatever traces, transforms or differentiates twice sees these.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

from edgewise.kernels.operators import evaluate, is_plain_eager

BaseDerivative = Callable[[Tensor, int], Tensor]


def edge_jets(
    x: Tensor, coef: Tensor, base_weight: Tensor, knots: Tensor, degree: int, linear: bool, order: int,
    base: BaseDerivative | None, silu: bool = False,
) -> Tensor:  # fmt: skip
    """Derivatives of `phi_io(x) = sum_s coef[i,s,o] B_s(x) + base_weight[i,o] base(x)`.

    Args:
        x: `(B, I)` inputs.
        coef: `(I, S, O)`.
        base_weight: `(I, O)`.
        knots: `(I, S+k+1)`.
        degree: polynomial degree k.
        linear: how splines continue outside the grid.
        order: the highest derivative.
        base: derivatives of the residual function, of `(x, order)`; None without one.
        silu: whether that function is `silu`, which the compiled loops know themselves.

    Returns:
        `(order+1, I, O, B)`, differentiable in `x`, `coef` and `base_weight`.
    """
    if is_plain_eager() and x.is_cpu and x.dtype in (torch.float32, torch.float64) and x.numel():
        return _EdgeJets.apply(x, coef, base_weight, knots, degree, linear, order, base, silu)
    return _by_operators(x, coef, base_weight, knots, degree, linear, order, base)


@torch.no_grad()
def residual_jets(x: Tensor, orders: int, base: BaseDerivative, silu: bool) -> Tensor:
    """A residual function and its derivatives, without a graph.

    Args:
        x: any shape.
        orders: how many, the function included.
        base: derivatives of the function, of `(x, order)`.
        silu: whether it is `silu`, which the compiled loops know themselves.

    Returns:
        `(orders, *x.shape)`.
    """
    if x.is_cpu and x.dim() == 2:
        return _cpu().residual_jets(x, orders, base, silu)
    return torch.stack([base(x, m) for m in range(orders)])


def _by_operators(
    x: Tensor, coef: Tensor, base_weight: Tensor, knots: Tensor, degree: int, linear: bool, order: int,
    base: BaseDerivative | None,
) -> Tensor:  # fmt: skip
    """Every input is a model with one input."""
    columns = x.mT[..., None]  # (I, B, 1)
    found = []
    for m in range(order + 1):
        edges = evaluate(columns, coef[:, None], knots[:, None], None, degree, m, linear).mT  # (I, O, B)
        found.append(edges if base is None else edges + base_weight[..., None] * base(x, m).mT[:, None])
    return torch.stack(found)


class _EdgeJets(torch.autograd.Function):
    """`edge_jets` by compiled loops; keeps one derivative more, for the gradient."""

    @staticmethod
    def forward(ctx: Any, x, coef, base_weight, knots, degree, linear, order, base, silu) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        more = int(ctx.needs_input_grad[0])  # the slope of the highest derivative
        jets, residual, ctx.found = _cpu().forward(
            x, coef, base_weight, knots, degree, linear, order + more, base, silu
        )
        ctx.save_for_backward(x, coef, base_weight, knots, jets, residual)
        ctx.options = degree, linear, order, base
        return jets[: order + 1]

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        x, coef, base_weight, knots, jets, residual = ctx.saved_tensors
        if torch.is_grad_enabled():
            # Aliases: a derivative with respect to one tensor must not run through another computed from it.
            here = [tensor.view_as(tensor) for tensor in (x, coef, base_weight)]
            y = _by_operators(*here, knots, *ctx.options)  # pyright: ignore[reportCallIssue]
            wanted = [tensor for tensor, needed in zip(here, ctx.needs_input_grad, strict=False) if needed]
            found = iter(torch.autograd.grad(y, wanted, g, create_graph=True, materialize_grads=True))
            grads: Any = [next(found) if needed else None for needed in ctx.needs_input_grad[:3]]
        else:
            grads = _cpu().backward(g, coef, jets, residual, ctx.found, ctx.options[0], ctx.needs_input_grad[0])
        return *grads, None, None, None, None, None, None


@cache
def _cpu() -> Any:
    """The compiled side; Numba is imported at its first use."""
    from edgewise.kernels import edge_jet_cpu

    return edge_jet_cpu

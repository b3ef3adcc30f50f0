"""Every edge function of a layer with its derivatives, at every row: what a jet through the layer needs, in one call.

The operators sum over the inputs, which is right for values. A jet wants the same edges several times, as `phi`, `phi'`
and `phi''` with several weights, and its gradient wants `phi'''` too; so for layers of modest size the edges are
computed once, with all derivatives, and the sums are left to whoever knows the weights. Like `small_networks` this is a
shortcut beside the operators: whatever traces, transforms or differentiates twice sees plain torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from edgewise.kernels.operators import is_plain_eager

BaseDerivative = Callable[[Tensor, int], Tensor]


class Edges(Protocol):
    """What a layer's edges are beside their weights: a basis, a residual function, and how both are computed.

    `coef` is `(I, S, O)` and `base_weight` `(I, O)` throughout.
    """

    def by_torch(self, x: Tensor, coef: Tensor, base_weight: Tensor, order: int) -> Tensor:
        """`(order+1, I, O, B)` edges and derivatives at `(B, I)`, for whoever traces or transforms."""
        ...

    def compiled(self, x: Tensor, order: int) -> bool:
        """Whether `forward` and `backward` know these inputs and derivatives."""
        ...

    def forward(self, columns: Tensor, coef: Tensor, base_weight: Tensor, orders: int) -> tuple[np.ndarray, Any]:
        """`(orders or more, I, O, B)` at `(I, B)` contiguous columns, and what `backward` wants to know of it."""
        ...

    def backward(
        self, g: np.ndarray, coef: Tensor, jets: np.ndarray, kept: Any, need_x: bool
    ) -> tuple[Tensor | None, Tensor, Tensor]:
        """Gradients `(I, B)`, `(I, S, O)` and `(I, O)` from `(orders, I, O, B)`.

        `jets` is what `forward` gave, for one order more where `need_x`.
        """
        ...


def edge_jets(edges: Edges, x: Tensor, coef: Tensor, base_weight: Tensor, order: int) -> Tensor:
    """All edges and their derivatives.

    Args:
        edges: what they are.
        x: `(B, I)` inputs.
        coef: `(I, S, O)`.
        base_weight: `(I, O)`.
        order: the highest derivative.

    Returns:
        `(order+1, I, O, B)`, differentiable in `x`, `coef` and `base_weight`.
    """
    if runs_compiled(edges, x, order):
        return _EdgeJets.apply(x, coef, base_weight, order, edges)  # pyright: ignore[reportReturnType]
    return edges.by_torch(x, coef, base_weight, order)


def runs_compiled(edges: Edges, x: Tensor, order: int) -> bool:
    """Whether the loops may work, and whether they can."""
    plain = x.is_cpu and x.dtype in (torch.float32, torch.float64) and x.numel() > 0
    return is_plain_eager() and plain and edges.compiled(x, order)


class _EdgeJets(torch.autograd.Function):
    """`edge_jets` by compiled loops; keeps one derivative more, for the gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, coef: Tensor, base_weight: Tensor, order: int, edges: Edges) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        orders = order + 1 + int(ctx.needs_input_grad[0])  # the slope of the highest derivative
        jets, kept = edges.forward(plain(x.mT), coef, base_weight, orders)
        ctx.save_for_backward(x, coef, base_weight)
        ctx.kept = order, edges, jets, kept
        return torch.from_numpy(jets[: order + 1])

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        order, edges, jets, kept = ctx.kept
        need = ctx.needs_input_grad[:3]
        if torch.is_grad_enabled():
            found = differentiable(lambda *here: edges.by_torch(*here, order), ctx.saved_tensors, g, need)
        else:
            dx, *weights = edges.backward(plain(g).numpy(), ctx.saved_tensors[1], jets, kept, need[0])
            found = [None if dx is None else dx.mT, *weights]
        return *found, None, None


def differentiable(
    of: Callable[..., Tensor], inputs: Sequence[Tensor], g: Tensor, need: Sequence[bool]
) -> list[Tensor | None]:
    """Gradients that can be differentiated again, None where none is needed.

    Args:
        of: the function, in plain torch.
        inputs: its arguments.
        g: cotangent of its result.
        need: which gradients are asked for.
    """  # noqa: DOC201 said in the first line
    # Aliases: a derivative with respect to one tensor must not run through another computed from it.
    here = [tensor.view_as(tensor) for tensor in inputs]
    wanted = [tensor for tensor, needed in zip(here, need, strict=True) if needed]
    found = iter(torch.autograd.grad(of(*here), wanted, g, create_graph=True, materialize_grads=True))
    return [next(found) if needed else None for needed in need]


def plain(tensor: Tensor) -> Tensor:
    """One memory layout, so that the loops are compiled once."""
    return tensor.detach().resolve_neg().contiguous()


@torch.no_grad()
def residual_jets(x: Tensor, orders: int, base: BaseDerivative | None, silu: bool) -> Tensor:
    """A residual function and its derivatives, without a graph.

    Args:
        x: `(I, B)`.
        orders: how many, the function included.
        base: derivatives of the function, of `(x, order)`; None without one.
        silu: whether it is `silu`, which the compiled loops know themselves.

    Returns:
        `(orders, I, B)`, or nothing in it without a function.
    """
    if base is None:
        return x.new_empty(0, 0, 0)
    if x.is_cpu and silu and orders <= _SILU_ORDERS:
        found = x.new_empty(orders, *x.shape)
        _loops().silu_derivatives(plain(x).numpy(), torch.sigmoid(x).numpy(), found.numpy())
        return found
    return torch.stack([base(x, m) for m in range(orders)])


_SILU_ORDERS = 5
"""Derivatives of `silu` that the compiled loop knows, its value included."""


@cache
def _loops() -> Any:
    """The compiled side; Numba is imported at its first use."""
    from edgewise.kernels import spline_edges_loops

    return spline_edges_loops

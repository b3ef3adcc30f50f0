"""A small network in plain torch over dense bases, for derivatives of derivatives.

Twice differentiated, the fused call of `small_networks` falls apart into a dozen contractions, each of which sorts and
looks up cells for next to no arithmetic. Here every layer is one matrix product with all basis values `(B, I S)`, and
what second derivatives need of the bases is computed once per graph: a Hessian product on a kept graph is a few small
matrix products.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import silu

from edgewise.kernels.operators import evaluate, is_plain_eager

MOST_VALUES = 64
"""Basis values of a row and layer up to which dense products win: half the time at 40, no gain at 128."""


def dense_edges(x: Tensor, coef: Tensor, base_weight: Tensor, knots: Tensor, degree: int, linear: bool) -> Tensor:
    """`operators.edges` by matrix products: cheap to differentiate twice, dear to evaluate once.

    Args:
        x: `(B, I)` inputs.
        coef: `(I, S, O)` coefficients.
        base_weight: `(I, O)` factors of the residual function.
        knots: `(I, S+k+1)`.
        degree: polynomial degree k.
        linear: how functions continue outside the grid.

    Returns:
        `(B, O)`.
    """
    basis = _basis(x, knots, degree, 0, linear)
    return basis.flatten(1) @ coef.flatten(0, 1) + silu(x) @ base_weight


def _basis(x: Tensor, knots: Tensor, degree: int, order: int, linear: bool) -> Tensor:
    """`(B, I, S)` derivatives of all basis functions."""
    if x.requires_grad and torch.is_grad_enabled() and is_plain_eager():
        return _Basis.apply(x, knots, degree, order, linear)
    return _values(x, knots, degree, order, linear)


def _values(x: Tensor, knots: Tensor, degree: int, order: int, linear: bool) -> Tensor:
    """The same from the operators: every input is a model with one edge to each of its basis functions."""
    size = knots.shape[-1] - degree - 1
    unit = torch.eye(size, dtype=x.dtype, device=x.device).expand(len(knots), 1, size, size)
    return evaluate(x.mT[..., None], unit, knots[:, None], None, degree, order, linear).transpose(0, 1)


class _Basis(torch.autograd.Function):
    """All basis functions, with a memory: their derivatives are the same in every pass over one graph."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, knots: Tensor, degree: int, order: int, linear: bool) -> Tensor:
        ctx.save_for_backward(x, knots)
        ctx.options, ctx.slopes = (degree, order, linear), None
        return _values(x, knots, degree, order, linear).contiguous()

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        x, knots = ctx.saved_tensors
        degree, order, linear = ctx.options
        if torch.is_grad_enabled():
            slopes = _basis(x, knots, degree, order + 1, linear)
        else:
            if ctx.slopes is None:
                ctx.slopes = _values(x, knots, degree, order + 1, linear).contiguous()
            slopes = ctx.slopes
        return (g * slopes).sum(-1), None, None, None, None

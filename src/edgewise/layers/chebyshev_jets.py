"""Chebyshev edges with all derivatives, without a graph through the recurrence: what solvers of equations call most.

The derivatives of an expansion are expansions in the same basis with other coefficients, so one matrix product with the
basis gives all of them, and its transpose all gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

Terms = dict[int, Tensor | None]
"""Factors `(B, I)` of an expansion's derivatives, by their order; None for one."""


class ChebyshevJets(torch.autograd.Function):
    """`edge_derivatives` of a `ChebyshevLayer`.

    Function of `(x, coef, base_weight, parts, order, base, differentiable)`: `parts(x, order)` gives the basis
    `(I, S, B)`, the chain rule of the layer and how fast its coordinate moves; `base(x, orders)` `(orders, I, B)`
    derivatives of the residual function, or is None; `differentiable(x, coef, base_weight)` is the same in plain
    torch, for derivatives of derivatives.
    """

    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, x: Tensor, coef: Tensor, base_weight: Tensor, parts: Callable[..., Any], order: int,
        base: Callable[[Tensor, int], Tensor] | None, differentiable: Callable[..., Tensor],
    ) -> Tensor:  # fmt: skip
        more = order + int(ctx.needs_input_grad[0])  # the slope of the highest derivative
        basis, chain, rate, matrices = parts(x, more)  # (I, S, B), ..., (I,), (N, S, S)
        rates = [rate[:, None] ** m for m in range(more + 1)]
        derived = torch.einsum("nts,iso->inot", matrices, coef)  # (I, N, O, S)
        inner = (derived.flatten(1, 2) @ basis).unflatten(1, derived.shape[1:3])  # (I, N, O, B)
        jets = x.new_empty(more + 1, *coef.shape[::2], len(x))
        for m, terms in enumerate(chain):
            _add_terms(jets[m], inner, terms, rates[m])
        residual = x.new_empty(0)
        if base is not None:
            residual = base(x, more + 1)
            jets.addcmul_(residual[:, :, None], base_weight[..., None])
        ctx.save_for_backward(x, coef, base_weight, jets, residual, basis, matrices)
        ctx.kept = chain[: order + 1], rates, differentiable
        return jets[: order + 1]

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        x, coef, base_weight, jets, residual, basis, matrices = ctx.saved_tensors
        chain, rates, differentiable = ctx.kept
        need = ctx.needs_input_grad[:3]
        if torch.is_grad_enabled():
            here = [tensor.view_as(tensor) for tensor in (x, coef, base_weight)]
            wanted = [tensor for tensor, needed in zip(here, need, strict=True) if needed]
            y = differentiable(*here)
            found = iter(torch.autograd.grad(y, wanted, g, create_graph=True, materialize_grads=True))
            return *(next(found) if needed else None for needed in need), None, None, None, None
        dx = torch.einsum("miob,miob->bi", g, jets[1:]) if need[0] else None
        dbase = torch.einsum("miob,mib->io", g, residual[: len(g)]) if len(residual) else torch.zeros_like(base_weight)
        return dx, _coefficients(g, chain, rates, basis, matrices), dbase, None, None, None, None


def _add_terms(into: Tensor, inner: Tensor, terms: Terms, rate: Tensor) -> None:
    """`sum_n factor_n inner_n rate`; `into` is not read."""
    for number, (n, factor) in enumerate(terms.items()):
        scale = rate if factor is None else rate * factor.mT  # (I, B) or (I, 1)
        if number == 0:
            torch.mul(inner[:, n], scale[:, None], out=into)
        else:
            into.addcmul_(inner[:, n], scale[:, None])


def _coefficients(
    g: Tensor, chain: Sequence[Terms], rates: Sequence[Tensor], basis: Tensor, matrices: Tensor
) -> Tensor:
    """The gradient by the coefficients: the transpose of every step."""
    pulled = basis.new_zeros(len(matrices), *g.shape[1:])  # (N, I, O, B)
    for m, terms in enumerate(chain):
        for n, factor in terms.items():
            scale = rates[m] if factor is None else rates[m] * factor.mT
            pulled[n].addcmul_(g[m], scale[:, None])
    products = pulled @ basis.mT  # (N, I, O, S)
    return torch.einsum("nts,niot->iso", matrices, products)

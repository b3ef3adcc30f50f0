"""A whole small network in one call: `edges` after `edges`, first derivatives included.

A network of a dozen edges costs less than the calls that evaluate it layer by layer. Where nobody looks between the
layers, `network` computes all of them in one compiled function, and all gradients in another. It is a shortcut
beside the operators, not one of them: whatever traces, transforms or differentiates twice sees the operators.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from edgewise.kernels.dense_networks import MOST_VALUES, dense_edges
from edgewise.kernels.operators import edges, edges_gradients, is_plain_eager

MOST_EDGES = 192
"""Edges of a layer, of an input at least eight, up to which the loops over single samples win over sorted columns."""
MOST_ROWS_UNUSED = 128
"""By how much a column of coefficients may outnumber the samples: all of them are packed in every call."""

_Layer = tuple[Tensor, Tensor, Tensor]


def network(x: Tensor, layers: Sequence[_Layer], degree: int, linear: bool) -> Tensor:
    """`edges` of every layer, one after the other.

    Args:
        x: `(B, I)` inputs.
        layers: `coef` `(I, S, O)`, `base_weight` `(I, O)` and `knots` `(I, S+k+1)` of every layer.
        degree: polynomial degree k of all layers.
        linear: how functions continue outside the grid.

    Returns:
        `(B, O)` outputs of the last layer.
    """
    # Whoever traces comes first: looking at sizes would fix them.
    if is_plain_eager() and forward_ad._current_level < 0 and _is_small(x, layers) and _fits(x, layers, degree):
        flat = [tensor for layer in layers for tensor in layer]
        keep = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (x, *flat))
        result = _Network.apply(x, degree, linear, keep, *flat)
        if result is not None:
            return result
    return _one_by_one(x, layers, degree, linear)


@torch.no_grad()
def squared_error(
    x: Tensor, y: Tensor, layers: Sequence[_Layer], degree: int, linear: bool
) -> tuple[Tensor, list[Tensor]] | None:
    """Mean squared error of a small network and its derivatives, without autograd.

    Args:
        x: `(B, I)` inputs.
        y: `(B, O)` labels.
        layers: as for `network`.
        degree: polynomial degree k of all layers.
        linear: how functions continue outside the grid.

    Returns:
        The error, and its derivatives with respect to `coef` and `base_weight` of every layer, one after the other;
        None where the shortcut does not apply.
    """
    if not (is_plain_eager() and _is_small(x, layers) and _fits(x, layers, degree)):
        return None
    flat = [tensor for layer in layers for tensor in layer]
    result = _cpu().forward(x, flat, degree, linear, True)
    if result is None:
        return None
    prediction, hidden = result
    residual = prediction.sub_(y)
    error = residual.square().mean()
    _, *grads = _cpu().backward(x, hidden, flat, residual.mul_(2 / residual.numel()), degree, linear, False)
    return error, [grad for n, grad in enumerate(grads) if n % 3 < 2]


@torch.no_grad()
def network_values(x: Tensor, layers: Sequence[_Layer], degree: int, linear: bool) -> tuple[Tensor, Tensor] | None:
    """Values of all nodes of M small networks.

    Args:
        x: `(M, B, I)` inputs.
        layers: `coef` `(M, I, S, O)`, `base_weight` `(M, I, O)` and `knots` `(M, I, S+k+1)` of every layer.
        degree: polynomial degree k of all layers.
        linear: how functions continue outside the grid.

    Returns:
        `(M, B, O)` outputs, and `(M, H, B)` values of all hidden nodes; None where the shortcut does not apply.
    """
    if not (is_plain_eager() and _is_small(x, layers) and _fits(x, layers, degree)):
        return None
    return _cpu().forward(x, [tensor for layer in layers for tensor in layer], degree, linear, True)


@torch.no_grad()
def network_gradients(
    x: Tensor, hidden: Tensor, layers: Sequence[_Layer], g: Tensor, degree: int, linear: bool
) -> tuple[list[tuple[Tensor, Tensor]], Tensor]:
    """Derivatives of M small networks.

    Args:
        x: as for `network_values`.
        hidden: what `network_values` gave.
        layers: as for `network_values`.
        g: `(M, B, O)` cotangent.
        degree: as for `network_values`.
        linear: as for `network_values`.

    Returns:
        For every layer the derivatives with respect to `coef` and `base_weight`, and `(M, H, B)` those with respect to
        `hidden`.
    """
    dhidden = torch.empty_like(hidden)
    flat = [tensor for layer in layers for tensor in layer]
    _, *grads = _cpu().backward(x, hidden, flat, g, degree, linear, False, dhidden)
    return list(zip(grads[::3], grads[1::3], strict=True)), dhidden


def _one_by_one(x: Tensor, layers: Sequence[_Layer], degree: int, linear: bool) -> Tensor:
    for coef, base_weight, knots in layers:
        x = edges(x, coef, base_weight, knots, degree, linear)
    return x


def _dense(x: Tensor, layers: Sequence[_Layer], degree: int, linear: bool) -> Tensor:
    for coef, base_weight, knots in layers:
        x = dense_edges(x, coef, base_weight, knots, degree, linear)
    return x


def _is_small(x: Tensor, layers: Sequence[_Layer]) -> bool:
    """Whether one call for all layers is faster than one for each."""
    if not layers or x.dim() not in (2, 3):
        return False
    most_rows = MOST_ROWS_UNUSED + x.shape[-2]
    sizes = [coef.shape[-3:] for coef, _, _ in layers if coef.dim() == x.dim() + 1]
    small = [inputs * max(outputs, 8) <= MOST_EDGES and basis <= most_rows for inputs, basis, outputs in sizes]
    return len(small) == len(layers) and all(small)


def _fits(x: Tensor, layers: Sequence[_Layer], degree: int) -> bool:
    """Whether the compiled code can work on these tensors: it is handed their addresses."""
    # Below degree 2 the first derivative jumps at knots, and the sorted kernels take care to be on the right side.
    if degree < 2 or x.numel() == 0 or not _has_plain_memory(x) or x.dtype not in _DTYPES:
        return False
    *lead, _, inputs = x.shape
    for coef, base_weight, knots in layers:
        *models, rows, size, outputs = coef.shape
        if models != lead or rows != inputs or size <= degree or not outputs:
            return False
        if base_weight.shape != (*lead, inputs, outputs) or knots.shape != (*lead, inputs, size + degree + 1):
            return False
        if not coef.dtype == base_weight.dtype == knots.dtype == x.dtype:
            return False
        if not (_has_plain_memory(coef) and _has_plain_memory(base_weight) and _has_plain_memory(knots)):
            return False
        inputs = outputs
    return True


def _has_plain_memory(tensor: Tensor) -> bool:
    """Whether the numbers lie at the tensor's address: no subclass of its own mind, no lazy sign, no other device."""
    return type(tensor) in _TYPES and tensor.is_cpu and not tensor.is_neg()


_TYPES = (Tensor, torch.nn.Parameter)
_DTYPES = (torch.float32, torch.float64)


class _Network(torch.autograd.Function):
    """Function of `(x, degree, linear, keep, coef, base_weight, knots, coef, ...)`; None where knots are unequal."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, degree: int, linear: bool, keep: bool, *flat: Tensor) -> Tensor | None:
        result = _cpu().forward(x, flat, degree, linear, keep)
        if result is None:
            return None
        y, hidden = result
        ctx.options = degree, linear
        if keep:
            ctx.save_for_backward(x, hidden, *flat)
        return y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        x, hidden, *flat = ctx.saved_tensors
        need = [ctx.needs_input_grad[0], *ctx.needs_input_grad[4:]]
        if torch.is_grad_enabled():
            grads = _differentiable(x, flat, g, need, *ctx.options)
        elif is_plain_eager() and _has_plain_memory(g):
            grads = _cpu().backward(x, hidden, flat, g, *ctx.options, need[0])
        else:
            grads = _by_operators(x, hidden, flat, g, need, *ctx.options)
        dx, *others = (grad if needed else None for grad, needed in zip(grads, need, strict=True))
        return dx, None, None, None, *others


def _by_operators(
    x: Tensor, hidden: Tensor, flat: Sequence[Tensor], g: Tensor, need: Sequence[bool], degree: int, linear: bool
) -> list[Tensor | None]:
    """First derivatives layer by layer, for those who trace or transform the backward pass alone."""
    values = [x, *(part.mT for part in hidden.split([base.shape[1] for base in flat[1:-3:3]]))]
    grads: list[Tensor | None] = []
    for l in range(len(values) - 1, -1, -1):
        coef, base_weight, knots = flat[3 * l : 3 * l + 3]
        wanted = (l > 0 or need[0], need[3 * l + 1], need[3 * l + 2])
        dx, *others = edges_gradients(values[l], coef, base_weight, g, knots, degree, linear, wanted)
        grads = [*others, None, *grads]
        g = g if dx is None else dx
    return [dx, *grads]  # pyright: ignore[reportPossiblyUnbound]


def _differentiable(
    x: Tensor, flat: Sequence[Tensor], g: Tensor, need: Sequence[bool], degree: int, linear: bool
) -> list[Tensor | None]:
    """First derivatives that can be differentiated again, by the operators."""
    # Aliases: a derivative with respect to one tensor must not run through another that was computed from it.
    here = [tensor.view_as(tensor) for tensor in (x, *flat)]
    layers = list(zip(here[1::3], here[2::3], here[3::3], strict=True))
    dense = here[0].dim() == 2 and all(coef.shape[0] * coef.shape[1] <= MOST_VALUES for coef, _, _ in layers)
    y = (_dense if dense and is_plain_eager() else _one_by_one)(here[0], layers, degree, linear)
    wanted = [tensor for tensor, needed in zip(here, need, strict=True) if needed]
    found = iter(torch.autograd.grad(y, wanted, g, create_graph=True, allow_unused=True))  # knots have none
    return [next(found) if needed else None for needed in need]


@cache
def _cpu() -> Any:
    """The compiled side; Numba is imported at its first use."""
    from edgewise.kernels import network_cpu

    return network_cpu

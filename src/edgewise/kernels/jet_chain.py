"""The chain rule for jets through a layer: from derivatives of the edges to derivatives of the sums.

With `y_o = sum_i phi_io(x_i)` and derivatives of `x` along the network's inputs,

    dy = phi' dx,    d2y = phi'' dx dx + phi' d2x,    d3y = phi''' dx dx dx + phi'' (dx d2x, three times) + phi' d3x,

row by row and edge by edge (Faa di Bruno). A few dozen small operations of torch, so on the CPU one compiled call.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from edgewise.kernels.operators import is_plain_eager


class Channels(NamedTuple):
    """The axis R of a jet `(nodes, R, B)`: the value, first, second and third derivatives.

    Attributes:
        seconds: the channel of the first second derivative.
        pairs: `(., 3)` integers `n, a, b`: the n-th channel of second order has the product of channels a and b (a sum
            of second derivatives such as the Laplacian has several).
        triples: `(., 6)` integers, one row per channel of third order: the channels of `i, j, k, jk, ik, ij`.
    """

    seconds: int
    pairs: np.ndarray
    triples: np.ndarray


def chain_rule(edges: Tensor, jet: Tensor, channels: Channels) -> tuple[Tensor, Tensor]:
    """Carry a jet through the edges of a layer.

    Args:
        edges: `(order+1, I, O, B)` every edge function and its derivatives, at the values of `jet`.
        jet: `(I, R, B)` of the inputs.
        channels: what R is.

    Returns:
        `(O, R, B)`, and `(O, B)` its value channel once more: the next layer's inputs, whose gradient then needs no
        detour through all channels. Differentiable in `edges` and `jet`; the values of `jet` enter through `edges`.
    """
    if is_plain_eager() and edges.is_cpu and edges.numel():
        return _ChainRule.apply(edges, jet, channels)  # pyright: ignore[reportReturnType]
    result = _by_torch(edges, jet, channels)
    return result, result[:, 0]


def _by_torch(edges: Tensor, jet: Tensor, channels: Channels) -> Tensor:
    """The same in plain torch: what it means, and what is traced and transformed."""
    edge, thirds = edges.unbind(0), jet.shape[1] - len(channels.triples)
    parts = [edge[0].sum(0)[:, None]]
    if jet.shape[1] > 1:
        first, second, third = _sums(edge[1], jet[:, 1:]).tensor_split((channels.seconds - 1, thirds - 1), dim=1)
        products, mixed, cubes = inner_products(jet, channels)
        parts.append(first)
        if second.shape[1]:
            parts.append(second + _sums(edge[2], products))
        if third.shape[1]:
            parts.append(third + _sums(edge[2], mixed) + _sums(edge[3], cubes))
    return torch.cat(parts, dim=1)


def inner_products(jet: Tensor, channels: Channels) -> tuple[Tensor, Tensor, Tensor]:
    """What multiplies the higher derivatives of an outer function.

    Args:
        jet: `(I, R, B)`.
        channels: what R is.

    Returns:
        What multiplies the second derivative in channels of second and of third order, and what multiplies the third
        derivative: `(I, ., B)` each.
    """
    at = jet.unbind(1)
    found: list[Tensor] = []
    for n, a, b in channels.pairs.tolist():
        term = at[a] * at[b]
        found[n:] = [found[n] + term if n < len(found) else term]
    triples = channels.triples.tolist()
    mixed = [at[i] * at[jk] + at[j] * at[ik] + at[k] * at[ij] for i, j, k, jk, ik, ij in triples]
    cubes = [at[i] * at[j] * at[k] for i, j, k, *_ in triples]
    second, third, last = (torch.stack(part, dim=1) if part else jet[:, :0] for part in (found, mixed, cubes))
    return second, third, last


def _sums(edge: Tensor, weight: Tensor) -> Tensor:
    """`(I, O, B)` and `(I, R, B)` to `(O, R, B)`."""
    return (edge[:, :, None] * weight[:, None]).sum(0)


class _ChainRule(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, edges: Tensor, jet: Tensor, channels: Channels) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        result = edges.new_empty(edges.shape[2], *jet.shape[1:])
        _loops().chain_forward(_array(edges), _array(jet), *channels, result.numpy())
        ctx.save_for_backward(edges, jet)
        ctx.channels = channels
        return result, result[:, 0].clone()

    @staticmethod
    def backward(ctx: Any, g: Tensor, g_values: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        edges, jet = ctx.saved_tensors
        need = ctx.needs_input_grad
        if torch.is_grad_enabled():
            here = [edges.view_as(edges), jet.view_as(jet)]
            y = _by_torch(*here, ctx.channels)  # pyright: ignore[reportCallIssue]
            wanted = [tensor for tensor, needed in zip(here, need, strict=False) if needed]
            both = torch.cat([g[:, :1] + g_values[:, None], g[:, 1:]], dim=1)
            found = iter(torch.autograd.grad(y, wanted, both, create_graph=True, materialize_grads=True))
            return *(next(found) if needed else None for needed in need[:2]), None
        dedges = torch.empty_like(edges, memory_format=torch.contiguous_format)
        djet = torch.empty_like(jet, memory_format=torch.contiguous_format) if need[1] else jet.new_empty(0, 0, 0)
        _loops().chain_backward(
            _array(g), _array(g_values), _array(edges), _array(jet), *ctx.channels, dedges.numpy(), djet.numpy()
        )
        return dedges, djet if need[1] else None, None


def _array(tensor: Tensor) -> np.ndarray:
    """One memory layout, so that the loops are compiled once."""
    return tensor.detach().resolve_neg().contiguous().numpy()


@cache
def _loops() -> Any:
    """The compiled side; Numba is imported at its first use."""
    from edgewise.kernels import jet_chain_loops

    return jet_chain_loops

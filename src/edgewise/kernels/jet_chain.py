"""The chain rule for jets through a layer: from derivatives of the edges to derivatives of the sums.

With `y_o = sum_i phi_io(x_i)` and derivatives of `x` along the network's inputs,

    dy = phi' dx,    d2y = phi'' dx dx + phi' d2x,    d3y = phi''' dx dx dx + phi'' (dx d2x, three times) + phi' d3x,

row by row and edge by edge (Faa di Bruno). A few dozen small operations of torch, so on the CPU one call of compiled
loops, which computes the edges too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from edgewise.kernels.edge_jets import Edges, plain
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


def layer_jets(
    edges: Edges, x: Tensor, jet: Tensor, coef: Tensor, base_weight: Tensor, channels: Channels, order: int
) -> tuple[Tensor, Tensor]:
    """Carry a jet through a layer.

    Args:
        edges: what its edges are.
        x: `(B, I)` inputs: the values of `jet`, which have no gradient of their own.
        jet: `(I, R, B)` of the inputs.
        coef: `(I, S, O)`.
        base_weight: `(I, O)`.
        channels: what R is.
        order: the highest derivative among them.

    Returns:
        `(O, R, B)`, and `(O, B)` its value channel once more: the next layer's inputs, whose gradient then needs no
        detour through all channels. Differentiable in `x`, `jet`, `coef` and `base_weight`.
    """
    plainly = is_plain_eager() and x.is_cpu and x.dtype in (torch.float32, torch.float64) and x.numel() > 0
    if plainly and order <= edges.highest_order:
        return _LayerJets.apply(x, jet, coef, base_weight, channels, order, edges)  # pyright: ignore[reportReturnType]
    result = chain_rule(edges.by_torch(x, coef, base_weight, order), jet, channels)
    return result, result[:, 0]


def chain_rule(edges: Tensor, jet: Tensor, channels: Channels) -> Tensor:
    """The chain rule in plain torch: what the compiled loops mean, and what is traced and transformed.

    Args:
        edges: `(order+1, I, O, B)` every edge function and its derivatives, at the values of `jet`.
        jet: `(I, R, B)` of the inputs.
        channels: what R is.

    Returns:
        `(O, R, B)`; the values of `jet` enter through `edges` alone.
    """
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


class _LayerJets(torch.autograd.Function):
    """Edges and chain rule by compiled loops: in one call, since small layers cost what their calls cost."""

    @staticmethod
    def forward(ctx: Any, x, jet, coef, base_weight, channels: Channels, order: int, edges: Edges) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        orders = order + 1 + int(ctx.needs_input_grad[0])  # the slope of the highest derivative
        found, places, rest = edges.forward(plain(x.mT), coef, base_weight, orders)
        result = jet.new_empty(coef.shape[2], *jet.shape[1:])
        values = jet.new_empty(coef.shape[2], len(x))
        _loops().chain_forward(found.numpy(), plain(jet).numpy(), *channels, result.numpy(), values.numpy())
        ctx.save_for_backward(x, jet, coef, base_weight, edges.grid, found, *places)
        ctx.kept = channels, order, edges, rest
        return result, values

    @staticmethod
    def backward(ctx: Any, g: Tensor, g_values: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        x, jet, coef, base_weight, _, found, *places = ctx.saved_tensors
        channels, order, edges, rest = ctx.kept
        need = ctx.needs_input_grad[:4]
        if torch.is_grad_enabled():
            both = torch.cat([g[:, :1] + g_values[:, None], g[:, 1:]], dim=1)

            def of(x: Tensor, jet: Tensor, *weights: Tensor) -> Tensor:
                return chain_rule(edges.by_torch(x, *weights, order), jet, channels)  # pyright: ignore[reportCallIssue]

            return *_differentiable(of, (x, jet, coef, base_weight), both, need), None, None, None
        dedges = jet.new_empty(order + 1, *found.shape[1:])
        djet = jet.new_empty(jet.shape if need[1] else (0, 0, 0))
        arrays = plain(g).numpy(), plain(g_values).numpy(), found.numpy(), plain(jet).numpy()
        _loops().chain_backward(*arrays, *channels, dedges.numpy(), djet.numpy())
        dx, dcoef, dbase = edges.backward(dedges, coef, found, tuple(places), rest, need[0])
        return None if dx is None else dx.mT, djet if need[1] else None, dcoef, dbase, None, None, None


def _differentiable(
    of: Callable[..., Tensor], inputs: Sequence[Tensor], g: Tensor, need: Sequence[bool]
) -> list[Tensor | None]:
    """Gradients that can be differentiated again, None where none is needed."""
    # Aliases: a derivative with respect to one tensor must not run through another computed from it.
    here = [tensor.view_as(tensor) for tensor in inputs]
    wanted = [tensor for tensor, needed in zip(here, need, strict=True) if needed]
    found = iter(torch.autograd.grad(of(*here), wanted, g, create_graph=True, materialize_grads=True))
    return [next(found) if needed else None for needed in need]


@cache
def _loops() -> Any:
    """The compiled side; Numba is imported at its first use."""
    from edgewise.kernels import jet_chain_loops

    return jet_chain_loops

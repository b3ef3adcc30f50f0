"""Jets of a model: its values and derivatives with respect to the inputs, in one forward pass.

Each layer maps a jet to a jet by the chain rule, so nothing is differentiated twice. Layers are taken as they are: what
has `derivative(x, order, weight)`, as `KANLayer` does, takes part; other models are differentiated by autograd.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from edgewise.layers import MultiplyNodes, is_observed
from edgewise.models import KAN
from edgewise.physics.plan import Channel, Plan, inner_products, product, through_edges

MOST_EDGE_VALUES = 4_000_000
"""Numbers of one product of edges and channels held at a time; wider layers sum their edges at once."""

Steps = Sequence[tuple[Any, MultiplyNodes | None]]


def jet(model: nn.Module | Callable[[Tensor], Tensor], x: Tensor, plan: Plan) -> Tensor:
    """Values and derivatives of a model.

    Args:
        model: a KAN, a layer with `derivative`, or any function of rows, each row by itself.
        x: `(B, D)` rows.
        plan: what to compute.

    Returns:
        `(outputs, channels, B)`, differentiable with respect to parameters and `x`.
    """
    steps = _steps(model)
    return by_autograd(model, x, plan) if steps is None else _through_layers(steps, x, plan)


def _steps(model: Any) -> Steps | None:
    """The layers and products of a model whose forward is nothing but them; None for any other."""
    if isinstance(model, KAN) and type(model).forward is KAN.forward and not is_observed(model):
        steps = list(zip(model.layers, model.products, strict=True))
    elif isinstance(model, nn.Module):
        steps = [(model, None)]
    else:
        return None
    plain = all(hasattr(layer, "derivative") and not is_observed(layer) for layer, _ in steps)
    return steps if plain else None


def _through_layers(steps: Steps, x: Tensor, plan: Plan) -> Tensor:
    state = None
    for layer, nodes in steps:
        rows = x if state is None else state[:, 0].mT
        state = _layer(layer, rows, state, plan)
        if nodes is not None and nodes.n_mult:
            state = _multiply(nodes, state, plan)
    return state  # pyright: ignore[reportReturnType]


def _layer(layer: Any, rows: Tensor, state: Tensor | None, plan: Plan) -> Tensor:
    channels = len(plan.channels)
    size = layer.in_features * layer.out_features * channels * len(rows)
    if hasattr(layer, "edge_derivatives") and size <= MOST_EDGE_VALUES:
        edges = layer.edge_derivatives(rows, plan.order)
        if edges is not None:
            return through_edges(edges, state, plan)
    if state is None:
        state = _coordinates(rows, plan)
    parts = [layer.derivative(rows, 0, None).mT[:, None]]
    if plan.order:
        chained = _summed(layer, rows, 1, state[:, 1:])
        inner, outer = inner_products(state, plan)
        first, second, third = chained.split([plan.firsts, len(plan.pairs), len(plan.triples)], dim=1)
        parts.append(first)
        if plan.order > 1:
            curved, more = _summed(layer, rows, 2, torch.cat(inner, dim=1)).split(
                [len(plan.pairs), len(plan.triples)], dim=1
            )
            parts.append(second + curved)
            if plan.order > 2:
                parts.append(third + more + _summed(layer, rows, 3, outer))
    return torch.cat(parts, dim=1)


def _summed(layer: Any, rows: Tensor, order: int, weights: Tensor) -> Tensor:
    """`(I, R, B)` weights to `(O, R, B)`: all channels in one call, one below the other."""
    channels = weights.shape[1]
    stacked = weights.permute(1, 2, 0).reshape(-1, weights.shape[0])
    sums = layer.derivative(rows.repeat(channels, 1), order, stacked)
    return sums.mT.unflatten(1, (channels, len(rows)))


def _coordinates(rows: Tensor, plan: Plan) -> Tensor:
    """The jet of the inputs themselves."""
    size = rows.shape[1]
    state = rows.new_zeros(size, len(plan.channels) - 1, len(rows))
    for n, channel in enumerate(plan.channels[1 : 1 + plan.firsts]):
        state[channel[0][0], n] = 1.0
    return torch.cat([rows.mT[:, None], state], dim=1)


def _multiply(nodes: MultiplyNodes, state: Tensor, plan: Plan) -> Tensor:
    plain, factors = state[: nodes.n_sum], state[nodes.n_sum :].unflatten(0, (nodes.n_mult, nodes.arity))
    total = factors[:, 0]
    for n in range(1, nodes.arity):
        total = product(total, factors[:, n], plan)
    return torch.cat([plain, total])


def by_autograd(function: Callable[[Tensor], Tensor], x: Tensor, plan: Plan) -> Tensor:
    """The same by nested differentiation, for any function of rows.

    Args:
        function: `(B, D)` to `(B, outputs)` or `(B,)`, each row by itself.
        x: `(B, D)` rows.
        plan: what to compute.

    Returns:
        `(outputs, channels, B)`.
    """
    with torch.enable_grad():
        leaf = x if x.requires_grad else x.detach().clone().requires_grad_()
        values = function(leaf)
        columns = values[:, None] if values.dim() == 1 else values
        jets = [torch.stack(_derivatives(column, leaf, plan)) for column in columns.unbind(1)]
    return torch.stack(jets)


def _derivatives(value: Tensor, leaf: Tensor, plan: Plan) -> list[Tensor]:
    known: dict[tuple[int, ...], Tensor] = {(): value}

    def derivative(indices: tuple[int, ...]) -> Tensor:
        if indices not in known:
            before = derivative(indices[:-1])
            for i, column in enumerate(_gradient(before, leaf).unbind(1)):
                known[(*indices[:-1], i)] = column
        return known[indices]

    return [torch.stack([derivative(part) for part in channel]).sum(0) for channel in plan.channels]


def _gradient(values: Tensor, leaf: Tensor) -> Tensor:
    if not values.requires_grad:  # constant, or no function of the inputs
        return torch.zeros_like(leaf)
    (found,) = torch.autograd.grad(values.sum(), leaf, create_graph=True, materialize_grads=True)
    return found


def laplacian_channel(coordinates: Sequence[int]) -> Channel:
    """The channel of the sum of unmixed second derivatives."""
    return tuple((i, i) for i in coordinates)

"""Jets of a model: its values and derivatives with respect to the inputs, in one forward pass.

Each layer maps a jet to a jet by the chain rule, so nothing is differentiated twice. Layers are taken as they are: what
has `derivative(x, order, weight)`, as `KANLayer` does, takes part; other models are differentiated by autograd.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import torch
from torch import Tensor, nn

from edgewise.errors import ShapeError
from edgewise.kernels import inner_products, is_plain_eager
from edgewise.layers import MultiplyNodes, is_observed
from edgewise.models import KAN
from edgewise.physics.plan import Plan, product, sum_of

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
        `(outputs, R, B)`, differentiable with respect to parameters and `x`.
    """
    steps = steps_of(model)
    return by_autograd(model, x, plan) if steps is None else through_layers(steps, coordinates(x, plan), plan)


def steps_of(model: Any) -> Steps | None:
    """The layers and products of a model whose forward is nothing but them; None for any other."""
    if isinstance(model, KAN) and type(model).forward is KAN.forward and not is_observed(model):
        steps = list(zip(model.layers, model.products, strict=True))
    elif isinstance(model, nn.Module):
        steps = [(model, None)]
    else:
        return None
    plain = all(hasattr(layer, "derivative") and not is_observed(layer) for layer, _ in steps)
    return steps if plain else None


def through_layers(steps: Steps, state: Tensor, plan: Plan) -> Tensor:
    """Carry a jet through layers.

    Args:
        steps: the layers and products.
        state: `(I, R, B)` jet of the inputs.
        plan: the channels.

    Returns:
        `(outputs, R, B)`.
    """
    rows = state[:, 0].mT
    for layer, nodes in steps:
        state, rows = _layer(layer, state, rows, plan)
        if nodes is not None and nodes.n_mult:
            state = _multiply(nodes, state, plan)
            rows = state[:, 0].mT
    return state


def _layer(layer: Any, state: Tensor, rows: Tensor, plan: Plan) -> tuple[Tensor, Tensor]:
    """The jet behind a layer, and its values as `(B, O)` rows."""
    own = getattr(layer, "jets", None)
    if own is not None and state.numel() * layer.out_features <= MOST_EDGE_VALUES:
        found = own(rows, state, plan.rules, plan.order)
        if found is not None:
            return found[0], found[1].mT
    values = layer.derivative(rows, 0, None)
    parts = [values.mT[:, None]]
    if plan.order:
        ends = plan.rules.seconds - 1, plan.thirds - 1
        first, second, third = _summed(layer, rows, 1, state[:, 1:]).tensor_split(ends, dim=1)
        parts.append(first)
    if plan.order > 1:
        products, mixed, cubes = inner_products(state, plan.rules)
        curved = _summed(layer, rows, 2, torch.cat([products, mixed], dim=1))
        parts.append(second + curved[:, : products.shape[1]])
        if plan.order > 2:
            parts.append(third + curved[:, products.shape[1] :] + _summed(layer, rows, 3, cubes))
    return torch.cat(parts, dim=1), values


def _summed(layer: Any, rows: Tensor, order: int, weights: Tensor) -> Tensor:
    """`(I, R, B)` weights to `(O, R, B)`: all channels in one call, one below the other."""
    channels = weights.shape[1]
    stacked = weights.permute(1, 2, 0).reshape(-1, weights.shape[0])
    sums = layer.derivative(rows.repeat(channels, 1), order, stacked)
    return sums.mT.unflatten(1, (channels, len(rows)))


def coordinates(x: Tensor, plan: Plan) -> Tensor:
    """The jet of coordinates themselves.

    Args:
        x: `(B, D)`.
        plan: what to compute.

    Returns:
        `(D, R, B)`.
    """
    state = x.new_zeros(x.shape[1], len(plan.channels), len(x))
    for n, channel in enumerate(plan.channels[1 : plan.rules.seconds], 1):
        state[channel[0][0], n] = 1.0
    if is_plain_eager() and not x.requires_grad:
        state[:, 0] = x.mT
        return state
    return torch.cat([x.mT[:, None], state[:, 1:]], dim=1)


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

    Raises:
        ShapeError: the function gives something else.
    """
    if not is_plain_eager():
        return _by_transforms(function, x, plan)
    with torch.inference_mode(False), torch.enable_grad():
        leaf = x if x.requires_grad else x.detach().clone().requires_grad_()
        columns = columns_of(function(leaf), len(leaf))
        jets = [torch.stack(_derivatives(column, leaf, plan)) for column in columns]
    return torch.stack(jets)


def _by_transforms(function: Callable[[Tensor], Tensor], x: Tensor, plan: Plan) -> Tensor:
    """The same where `torch.func` is at work, which does without leaves: a derivative is a function again."""

    def along(of: Callable[[Tensor], Tensor], i: int) -> Callable[[Tensor], Tensor]:
        def slope(x: Tensor) -> Tensor:
            values, pull = torch.func.vjp(of, x)  # pyright: ignore[reportAssignmentType]
            return pull(torch.ones_like(values))[0][:, i]

        return slope

    def value(part: tuple[int, ...], output: int) -> Tensor:
        def chosen(x: Tensor) -> Tensor:
            return columns_of(function(x), len(x))[output]

        return reduce(along, part, chosen)(x)

    outputs = range(len(columns_of(function(x), len(x))))
    jets = [[sum_of([value(part, n) for part in channel]) for channel in plan.channels] for n in outputs]
    return torch.stack([torch.stack(own) for own in jets])


def columns_of(values: Any, rows: int) -> tuple[Tensor, ...]:
    """The outputs of a function of rows.

    Args:
        values: what it gave, `(B,)` or `(B, outputs)`.
        rows: B.

    Returns:
        One `(B,)` for each output.

    Raises:
        ShapeError: it gave something else.
    """
    if not isinstance(values, Tensor) or values.dim() not in (1, 2) or len(values) != rows:
        shape = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
        raise ShapeError(f"a function of {rows} rows must give ({rows},) or ({rows}, outputs); got {shape}.")
    return (values,) if values.dim() == 1 else values.unbind(1)


def _derivatives(value: Tensor, leaf: Tensor, plan: Plan) -> list[Tensor]:
    known: dict[tuple[int, ...], Tensor] = {(): value}

    def derivative(indices: tuple[int, ...]) -> Tensor:
        if indices not in known:
            before = derivative(indices[:-1])
            for i, column in enumerate(_gradient(before, leaf).unbind(1)):
                known[(*indices[:-1], i)] = column
        return known[indices]

    return [sum_of([derivative(part) for part in channel]) for channel in plan.channels]


def _gradient(values: Tensor, leaf: Tensor) -> Tensor:
    if not values.requires_grad:  # constant, or no function of the inputs
        return torch.zeros_like(leaf)
    (found,) = torch.autograd.grad(values.sum(), leaf, create_graph=True, materialize_grads=True)
    return found

"""Change the grids of a network and keep its function, exactly or as nearly as the new grid can.

`update_grid` moves every layer's knots to where its data are; `refine` gives a copy with another number of
intervals. Where the old knots are among the new ones the function stays exactly; else it is the closest one. Both
act layer by layer on coefficients alone: the old splines are re-expressed on the new knots without data
(`edgewise.splines.insert`), so an empty cell or a dead node cannot leave a coefficient undetermined, and the
optimizer's parameters stay the same objects in `update_grid`.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor

from edgewise.errors import DomainError, ParameterError, ShapeError
from edgewise.layers import Chain, KANLayer, Weights, is_observed
from edgewise.models.kan import KAN, spline_layers
from edgewise.splines import check_finite, check_grid, extend_knots, fit_knots, insert_knots, nests, project

_MARGIN, _HIDDEN_MARGIN = 0.01, 0.05
"""How far a grid reaches beyond its data, as a fraction of their range: of inputs, and of hidden nodes. Those move
while training goes on, and other rows exceed their extremes, which lie at corners of the input box, by more."""


@torch.no_grad()
def update_grid(model: KAN, x: Tensor) -> float:
    """Fit every spline's domain to the data that reaches it, in place, first layer first.

    Knots follow `layer.grid_eps` (see `edgewise.splines.fit_knots`); coefficients become those of the closest
    splines on the new domain. A constant node keeps its width: its data say nothing about a better one.
    Knots and coefficients change inside the tensors they are in, so optimizers keep working, but what an
    optimizer remembers about them (momentum, curvature) is then about other functions. If an error is raised,
    the model is as it was.

    Args:
        model: the network.
        x: `(..., inputs)` data, as for `model(x)`; at least one row.

    Returns:
        The largest change that the move made to an output on `x`, in standard deviations of that output on `x` (in
        its own unit where that deviation is 0): 0 is no change, 0.01 one percent of the output's spread.

    Raises:
        ParameterError: the basis has no grid.
        ShapeError: `x` is empty, or its last axis, dtype or device does not fit.
        DomainError: `x` holds NaN or infinity, or a hidden node does (the message names layer and node).
    """
    spline_layers(model, "`update_grid`")
    if x.dim() < 1 or x.shape[-1] != model.in_features:
        raise ShapeError(f"`x` must be (..., {model.in_features}), one column per input; got {tuple(x.shape)}.")
    x = x.reshape(-1, model.in_features)
    if len(x) == 0:
        raise ShapeError("`x` must have at least one row to place a grid; got none.")
    check_finite(x, "x")
    before = model(x)
    move_grid(model, x)
    after = model(x)
    spread = before.std(0, correction=0)
    change = (after - before).abs().amax(0) / torch.where(spread > 0, spread, torch.ones_like(spread))
    return float(change.max())


@torch.no_grad()
def move_grid(model: KAN, x: Tensor) -> None:
    """`update_grid` of data that fit the model, without a look at what it changes.

    Args:
        model: the network; as it was if an error is raised.
        x: `(N, inputs)` data, finite, at least one row.

    Raises:
        DomainError: a hidden node leaves the range of its dtype.
    """
    layers = spline_layers(model, "`update_grid`")
    saved = [(layer.knots.clone(), layer.spline_weight.clone()) for layer in layers]
    try:
        update_grids([model], x)
    except Exception:
        for layer, state in zip(layers, saved, strict=True):
            _assign(layer, *state)
        raise


@torch.no_grad()
def update_grids(models: Sequence[KAN], x: Tensor, *, first_layer_only: bool = False) -> None:
    """`update_grid` of several models of one structure at once; their layers' columns are handled as one batch.

    Args:
        models: the networks, with one degree and one number of intervals in all models' `layers[l]`.
        x: `(N, inputs)` data for all of them, or `(M, N, inputs)`; finite.
        first_layer_only: leave the grids of hidden nodes as they are.

    Raises:
        DomainError: a hidden node leaves the range of its dtype; models may then have changed.
    """
    x = x if x.dim() == 3 else x.expand(len(models), *x.shape)
    for number in range(1 if first_layer_only else len(models[0].layers)):
        x = x if number == 0 else _next_nodes(models, number - 1, x)
        layers = [spline_layers(model, "`update_grid`")[number] for model in models]
        # Hidden nodes share a unit, so a node whose range is rounding error beside its neighbours is constant too.
        # Inputs may differ in unit by any factor.
        noise = 0.0 if number == 0 else 64 * torch.finfo(x.dtype).eps * x.abs().amax((1, 2))
        _update_same_layers(layers, x, torch.as_tensor(noise), number)


def _next_nodes(models: Sequence[KAN], number: int, x: Tensor) -> Tensor:
    """`(M, N, I)` inputs of every model's layer to its nodes: one call where that is the layers alone."""
    layers = [spline_layers(model, "`update_grid`")[number] for model in models]
    products = [model.products[number] for model in models]
    if len(models) == 1 or any(
        type(layer) is not KANLayer or is_observed(layer) or layer.symbolic is not None for layer in layers
    ):
        both = zip(layers, products, x, strict=True)
        return torch.stack([product(layer(rows)) for layer, product, rows in both])
    coef, base = (torch.stack(parts) for parts in zip(*(layer.effective_weights() for layer in layers), strict=True))
    weights = Weights(coef, base, torch.stack([layer.knots for layer in layers]))
    return products[0](Chain(layers[:1], products[:1]).sums(layers[0], weights, x))


def _update_same_layers(layers: list[KANLayer], x: Tensor, noise: Tensor, number: int) -> None:
    first, columns = layers[0], x.transpose(0, 1).flatten(1)  # (N, M I)
    knots = torch.cat([layer.knots for layer in layers])
    domains = knots[:, [first.k, -first.k - 1]]
    noise = noise.expand(len(layers)).repeat_interleave(first.in_features)
    try:
        margin = _MARGIN if number == 0 else _HIDDEN_MARGIN
        moved = fit_knots(columns, first.grid, first.k, first.grid_eps, margin=margin, fallback=domains, noise=noise)
    except DomainError as error:
        raise DomainError(
            f"the nodes that enter layers[{number}] ({first}) leave the range of {x.dtype}: {error}"
        ) from error
    if torch.equal(moved, knots):
        return
    coef = torch.cat([layer.spline_weight.detach() for layer in layers])
    carried = _carry(coef, knots, moved, first)
    for layer, *parts in zip(layers, moved.split(first.in_features), carried.split(first.in_features), strict=True):
        _assign(layer, *parts)


def refine(model: KAN, grid: int | Sequence[int]) -> KAN:
    """The function on `grid` intervals, as a new model that shares no storage with the old one.

    Exact only for a multiple of the old number of intervals, which splits each interval evenly, uniform grid or not.
    Any other number, so every coarser grid, stretches the old spacing pattern and is a projection: the closest splines
    (least squares over the domain), which lose what the new intervals cannot hold. Every option, mask, name, dtype,
    device, `requires_grad` and the training mode are those of `model`.

    Args:
        model: the network.
        grid: intervals per spline, one number or one per layer; may be smaller than before.

    Returns:
        The new model.

    Raises:
        ParameterError: `grid` is not an int >= 1, or not one per layer, or the basis has no grid.

    Accuracy: for a multiple, 1e-12 of the largest output in float64 (1e-6 in float32) on the domain, and
    beyond it with `outside="linear"`. With `"extend"` the bases end after k of the new, narrower cells.
    """
    spline_layers(model, "`refine`")
    grids = [grid] * len(model.layers) if isinstance(grid, int) else list(grid)
    if len(grids) != len(model.layers):
        raise ParameterError(f"`grid` must be an int or {len(model.layers)} ints, one per layer; got {grid!r}.")
    for size in grids:
        check_grid(size, model.k)
    new = copy.deepcopy(model)
    refine_in_place(new, grids)
    return new


def refine_in_place(model: KAN, grids: Sequence[int]) -> None:
    """`refine` of the model itself; its coefficients are new parameters then.

    Args:
        model: the network.
        grids: intervals per spline, one number per layer.
    """
    for layer, size in zip(spline_layers(model, "`refine`"), grids, strict=True):
        if size != layer.grid:
            _refine_layer(layer, size)


@torch.no_grad()
def _refine_layer(layer: KANLayer, grid: int) -> None:
    knots = extend_knots(_subdivide(_breakpoints(layer).double(), grid), layer.k).to(layer.knots.dtype)
    coef = _carry(layer.spline_weight.detach(), layer.knots, knots, layer)
    layer.resize_grid(grid)
    _assign(layer, knots, coef)


def _carry(coef: Tensor, old: Tensor, new: Tensor, layer: KANLayer) -> Tensor:
    """A layer's splines on other knots: exactly where they nest, the closest ones elsewhere."""
    if nests(old, new, layer.k):
        return insert_knots(coef, old, new, layer.k)
    return project(coef, old, new, layer.k, layer.outside)


def _subdivide(breakpoints: Tensor, grid: int) -> Tensor:
    """`(I, G+1)` breakpoints to `(I, grid+1)`: linear in the index, so that multiples of G keep all of them."""
    old = breakpoints.shape[1] - 1
    index = torch.arange(grid + 1, device=breakpoints.device) * old
    cell = torch.div(index, grid, rounding_mode="floor").clamp_max(old - 1)
    part = (index - cell * grid).to(breakpoints.dtype) / grid  # exactly 0 at an old breakpoint, 1 at the last
    return torch.lerp(breakpoints[:, cell], breakpoints[:, cell + 1], part)


def _breakpoints(layer: KANLayer) -> Tensor:
    return layer.knots[:, layer.k : layer.k + layer.grid + 1]


@torch.no_grad()
def _assign(layer: KANLayer, knots: Tensor, coef: Tensor) -> None:
    layer.knots.copy_(knots)
    layer.spline_weight.copy_(coef)

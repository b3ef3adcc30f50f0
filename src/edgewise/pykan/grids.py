"""pykan's rules for placing grids on samples."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from edgewise.errors import ParameterError
from edgewise.layers import KANLayer
from edgewise.models import refine
from edgewise.pykan.spline import coef2curve, extend_grid
from edgewise.splines import fit_coef, fit_knots

if TYPE_CHECKING:
    from edgewise.pykan.MultKAN import MultKAN

_NARROWEST = 0.01
"""Width of an interval, in mean ones, below which knots are placed by `edgewise.splines.fit_knots` instead."""


@torch.no_grad()
def update_layer(layer: KANLayer, x: Tensor, mode: str = "sample") -> None:
    """Move a layer's knots to where samples are, and fit its splines to what they were there.

    Differs from pykan: knots never meet, so that a constant or binary input cannot make NaN.

    Args:
        layer: changed in place.
        x: `(N, I)` samples.
        mode: at which points the splines are compared, `"sample"` or `"grid"` (the knots of twice as many intervals).

    Raises:
        ParameterError: another `mode`.
    """
    points = _points(layer, x, mode, lambda grid: _on_samples(layer, x, grid))
    curve = coef2curve(points, layer.knots, layer.coef, layer.k)
    _place(layer, _knots(layer, x), points, curve)


@torch.no_grad()
def take_over(layer: KANLayer, parent: KANLayer, x: Tensor, mode: str = "sample") -> None:
    """Give a layer the splines of another one, on that one's grid with this one's number of intervals.

    Args:
        layer: changed in place.
        parent: of the same size.
        x: `(N, I)` samples at which the splines are compared.
        mode: as for `update_layer`.

    Raises:
        ParameterError: another `mode`, or a parent of another size.
    """
    if (layer.in_features, layer.out_features) != (parent.in_features, parent.out_features):
        raise ParameterError(f"the parent must have the size of {layer}; got {parent}.")
    points = _points(layer, x, mode, lambda grid: _stretched(parent, grid))
    curve = coef2curve(points, parent.knots, parent.coef, parent.k)
    _place(layer, extend_grid(_stretched(parent, layer.grid), layer.k), points, curve)


@torch.no_grad()
def update_grid_from_samples(model: MultKAN, x: Tensor) -> None:
    """`update_layer` of every layer, first layer first, each with the samples that reach it.

    Args:
        model: changed in place.
        x: `(N, inputs)` samples.
    """
    values = model.chosen(x)
    for layer, product in zip(model.splines, model.kan.products, strict=True):
        update_layer(layer, values)
        values = product(layer(values))
    model.see(x)


def initialize_from_another_model(model: MultKAN, other: MultKAN, x: Tensor) -> MultKAN:
    """Give a model the function of another one of the same width, exactly where its grid is a multiple.

    Differs from pykan: nothing is shared with the other model, and no samples are needed.

    Args:
        model: changed in place.
        other: the other one.
        x: samples; `model` remembers them.

    Returns:
        `model`.

    Raises:
        ParameterError: another width or degree.
    """
    if (other.width, other.k, other.mult_arity) != (model.width, model.k, model.mult_arity):
        raise ParameterError(
            f"both models must have one width, degree and arity; got {model.width}, k={model.k} and {other.width}, "
            f"k={other.k}."
        )
    model.kan = refine(other.kan, [layer.grid for layer in model.splines])
    model.see(x)
    return model


def initialize_grid_from_another_model(model: MultKAN, other: MultKAN, x: Tensor) -> None:
    """`take_over` of every layer.

    Args:
        model: changed in place.
        other: the parent.
        x: `(N, inputs)` samples.
    """
    values = other.kan.activations(other.chosen(x))
    for layer, parent, own in zip(model.splines, other.splines, values, strict=False):
        take_over(layer, parent, own)


def in_order(state: Mapping[str, Any]) -> dict[str, Any]:
    """A state whose knots all increase.

    Weights on the line through two states, beyond them, may have knots that fall: such splines are no functions of the
    weights. They are put in order and apart, with a warning. (In pykan these splines vanish.)
    `edgewise.curvature.landscape` walks between networks without this.

    Args:
        state: of a `MultKAN`; not changed.

    Returns:
        The state.
    """
    found = dict(state)
    wrong = [name for name in found if name.endswith(".knots") and not bool((found[name].diff() > 0).all())]
    for name in wrong:
        knots = found[name].sort(-1).values
        even = _fractions(knots.shape[1] - 1, knots) * (knots[:, -1:] - knots[:, :1]).clamp_min(1e-3)
        found[name] = 0.99 * knots + 0.01 * (knots[:, :1] + even)
    if wrong:
        warnings.warn(f"knots of {', '.join(wrong)} do not increase; they were put in order.", stacklevel=3)
    return found


def _points(layer: KANLayer, x: Tensor, mode: str, breakpoints: Callable[[int], Tensor]) -> Tensor:
    """`(N, I)` where curves are compared."""
    if mode not in ("sample", "grid"):
        raise ParameterError(f'`mode` must be "sample" or "grid"; got {mode!r}.')
    return x if mode == "sample" else breakpoints(2 * layer.grid).mT


def _on_samples(layer: KANLayer, x: Tensor, grid: int) -> Tensor:
    """`(I, grid+1)` every N/grid-th sample, blended with equal intervals by `grid_eps`."""
    ranks = [int(len(x) / grid * i) for i in range(grid)] + [len(x) - 1]
    adaptive = x.sort(dim=0).values[ranks].mT
    uniform = torch.lerp(adaptive[:, :1], adaptive[:, -1:], _fractions(grid, x))
    return layer.grid_eps * uniform + (1 - layer.grid_eps) * adaptive


def _fractions(parts: int, like: Tensor) -> Tensor:
    """`(parts+1,)` from 0 to 1."""
    return torch.linspace(0, 1, parts + 1, dtype=like.dtype, device=like.device)


def _knots(layer: KANLayer, x: Tensor) -> Tensor:
    inner = _on_samples(layer, x, layer.grid)
    mean = (inner[:, -1:] - inner[:, :1]) / layer.grid
    apart = (inner.diff() > _NARROWEST * mean).all(1, keepdim=True)
    safe = fit_knots(x, layer.grid, layer.k, layer.grid_eps, margin=0.0, fallback=layer.domain)
    return torch.where(apart, extend_grid(inner, layer.k), safe)


def _stretched(parent: KANLayer, grid: int) -> Tensor:
    """`(I, grid+1)` the parent's interval ends, interpolated in their index."""
    ends = parent.knots[:, parent.k : parent.k + parent.grid + 1]
    place = _fractions(grid, ends) * parent.grid
    below = place.floor().clamp(max=parent.grid - 1)
    left = below.long()
    return torch.lerp(ends[:, left], ends[:, left + 1], place - below)


def _place(layer: KANLayer, knots: Tensor, x: Tensor, curve: Tensor) -> None:
    coef = fit_coef(x, curve, knots, layer.k, outside=layer.outside)
    layer.knots.copy_(knots)
    layer.spline_weight.copy_(coef)

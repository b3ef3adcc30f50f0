"""The function on one edge, and what the network picture needs to know about every edge."""

from __future__ import annotations

from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from edgewise.errors import ParameterError
from edgewise.interpret.data import as_data
from edgewise.layers import AbstractEdgeLayer, KANLayer
from edgewise.models import KAN
from edgewise.plot.style import BLUE, FAINT, INK, SOFT, figure_of, new_axes, pretty, tidy


def plot_edge(model: KAN, l: int, i: int, j: int, x: Any = None, ax: Axes | None = None) -> Figure:
    """Draw the function on one edge, where its knots lie and where the data are.

    The histogram along the bottom shows which values reach the edge; ticks mark the knots; shading marks
    what lies outside the grid, where the function only continues.

    Args:
        model: the network.
        l: layer, from 0.
        i: input node of the layer.
        j: sum of the next layer. A product node takes several sums, so `j` may exceed its number of nodes.
        x: `(B, inputs)` data, anything array-like; when absent the summary left by `fit` or the grid's
            domain, see `plot_network`.
        ax: axes to draw into; a new figure when absent.

    Returns:
        The figure, not shown.

    Raises:
        ParameterError: there is no such edge, or `model` is not a KAN.
        ShapeError: `x` has the wrong rank or features, or no rows.
        DomainError: `x` has a NaN or infinite entry.
    """
    data = as_data(model, x)
    _check_edge(model, l, i, j)
    layer = model.layers[l]
    values = model.activations(data)[l][:, i]
    domain = layer.domain[i].tolist()
    lo, hi = min(domain[0], float(values.min())), max(domain[1], float(values.max()))
    margin = 0.04 * (hi - lo)
    positions = torch.linspace(lo - margin, hi + margin, 400, dtype=values.dtype, device=values.device)
    curve = edge_curves(layer, positions[:, None].expand(-1, layer.in_features))[:, i, j]

    ax = new_axes(4.6, 3.2) if ax is None else ax
    tidy(ax)
    ax.margins(x=0)
    for start, end in ((lo - margin, domain[0]), (domain[1], hi + margin)):
        ax.axvspan(start, end, facecolor="#f0f0f0", edgecolor=FAINT, linewidth=0, zorder=0.5)
    ax.plot(positions.cpu(), curve.cpu(), color=BLUE, linewidth=2, solid_capstyle="round", zorder=3)
    low, high = float(curve.min()), float(curve.max())
    spread = (high - low) or 1.0
    ax.set_ylim(low - 0.27 * spread, high + 0.06 * spread)  # room for the histogram
    _histogram(ax, values.cpu())
    if isinstance(layer, KANLayer):
        knots = layer.knots[i, layer.k : layer.knots.shape[-1] - layer.k].cpu()
        ax.vlines(knots, 0, 0.035, transform=ax.get_xaxis_transform(), color=INK, linewidth=0.9, zorder=4)
    name, math = pretty(model.input_names[i]) if l == 0 else (f"node {i} of layer {l}", False)
    ax.set_xlabel(name, parse_math=math, color=INK)
    ax.set_ylabel(f"contribution to sum {j}")
    removed = "" if layer.mask[i, j] else " (removed)"
    ax.set_title(f"edge ({l}, {i}, {j}){removed}", loc="left", fontsize=10, color=INK)
    return figure_of(ax)


def edge_kind(layer: AbstractEdgeLayer, i: int, j: int) -> str:
    """What carries the edge from node `i` to sum `j`: `"spline"`, or the name of its elementary function.

    The network picture marks any other kind by colour and a heavier frame.
    """  # noqa: DOC201 said in the first line
    place = None if layer.symbolic is None else layer.symbolic.find(i, j)
    return "spline" if layer.symbolic is None or place is None else layer.symbolic.functions[place].name


def edge_curves(layer: AbstractEdgeLayer, positions: Tensor) -> Tensor:
    """Every edge's function along its own input: `(P, I)` positions to `(P, I, O)` values."""
    with torch.no_grad():
        return layer.edge_values(positions)


def _histogram(ax: Axes, values: Tensor) -> None:
    """How often each value occurs, as a low grey strip that leaves the vertical axis to the function."""
    if values.min() == values.max():
        ax.axvline(float(values[0]), ymax=0.16, color=SOFT, linewidth=2, zorder=1)
        return
    bins = min(40, max(8, round(len(values) ** 0.5)))
    count, ends = torch.histogram(values.double(), bins)
    ax.stairs(
        (0.16 * count / count.max()).numpy(),
        ends.numpy(),
        fill=True,
        color="#bdbdbd",
        transform=ax.get_xaxis_transform(),
        zorder=1,
    )


def _check_edge(model: KAN, l: int, i: int, j: int) -> None:
    if not 0 <= l < len(model.layers):
        raise ParameterError(f"`l` must be a layer, 0 to {len(model.layers) - 1}; got {l}.")
    layer = model.layers[l]
    for name, index, size in (("i", i, layer.in_features), ("j", j, layer.out_features)):
        if not 0 <= index < size:
            raise ParameterError(f"`{name}` must be 0 to {size - 1} in layer {l} of {model.width}; got {index}.")

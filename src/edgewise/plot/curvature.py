"""What the curvature of a loss looks like: its spectrum, lines and planes through the weights."""

from __future__ import annotations

import math

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from edgewise.curvature import Density
from edgewise.curvature.landscape import Line, Surface
from edgewise.plot.style import BLUE, GREEN, ORANGE, figure_of, inks, new_axes, tidy

_STYLES = [(colour, line) for line in ("-", "--", ":", "-.") for colour in (BLUE, ORANGE, GREEN)]
_FLOOR = 1e-5
"""Densities below this, over the highest, are off the picture."""


def plot_spectrum(density: Density, ax: Axes | None = None, *, sigma: float | None = None) -> Figure:
    """Draw how the eigenvalues are distributed, on a logarithmic scale of density, with a tick at every node.

    Args:
        density: what `edgewise.curvature.density` returned.
        ax: axes to draw into; a new figure when absent.
        sigma: width of the smoothing, see `Density.pdf`.

    Returns:
        The figure, not shown.
    """
    ax = new_axes(4.6, 3.2) if ax is None else ax
    tidy(ax)
    at = density.grid(1024, sigma)
    height = density.pdf(at, sigma)
    top = float(height.max())
    ax.set_yscale("log")
    ax.plot(at, height, color=BLUE, linewidth=1.8)
    ax.fill_between(at.numpy(), _FLOOR * top, height.numpy(), color=BLUE, alpha=0.12, linewidth=0)
    ax.set_ylim(_FLOOR * top, 3 * top)
    ax.set_xlim(float(at[0]), float(at[-1]))
    ax.vlines(density.nodes, 0, 0.03, transform=ax.get_xaxis_transform(), color=inks(ax)[0], linewidth=0.7, alpha=0.5)
    note = f"near zero: {density.zero_mass():.0%}\nlargest: {float(density.nodes[-1]):.3g}"
    if density.nodes[0] < -1e-3 * density.size:
        note += f"\nsmallest: {float(density.nodes[0]):.3g}"
    place = {"ha": "right", "va": "top", "transform": ax.transAxes, "fontsize": 9, "color": inks(ax)[1]}
    ax.text(0.98, 0.96, note, **place)
    ax.set_xlabel("eigenvalue")
    ax.set_ylabel("density")
    return figure_of(ax)


def plot_line(line: Line, ax: Axes | None = None) -> Figure:
    """Draw losses along a line of weights, one curve per data set; its ends are marked.

    Args:
        line: what `edgewise.curvature.landscape.interpolate` returned.
        ax: axes to draw into; a new figure when absent.

    Returns:
        The figure, not shown.
    """
    ax = new_axes(4.6, 3.2) if ax is None else ax
    tidy(ax)
    finite = line.loss[line.loss.isfinite()]
    if len(finite) and float(finite.min()) > 0 and float(finite.max()) > 20 * float(finite.min()):
        ax.set_yscale("log")
    for number, (loss, label) in enumerate(zip(line.loss, line.labels, strict=True)):
        colour, style = _STYLES[number % len(_STYLES)]
        shown = torch.where(loss.isfinite(), loss, math.nan)
        ax.plot(line.t, shown, color=colour, linestyle=style, linewidth=1.5, label=label or None)
    for end in (0.0, 1.0):
        if line.t[0] <= end <= line.t[-1]:
            ax.axvline(end, color=inks(ax)[1], linewidth=0.8, linestyle=(0, (2, 2)), zorder=0.8)
    if any(line.labels):
        columns = 1 if len(line.labels) <= 6 else 2
        ax.legend(frameon=False, fontsize=8, labelcolor=inks(ax)[0], ncols=columns)
    ax.set_xlabel("position (0: first weights, 1: other weights)")
    ax.set_ylabel("loss")
    return figure_of(ax)


def plot_slice(surface: Surface, ax: Axes | None = None) -> Figure:
    """Draw a plane of losses as filled contours, logarithmic where they span decades; a cross marks the weights.

    Args:
        surface: what `edgewise.curvature.landscape.slice2d` returned.
        ax: axes to draw into; a new figure when absent.

    Returns:
        The figure, not shown.
    """
    ax = new_axes(4.4, 3.6) if ax is None else ax
    tidy(ax)
    loss = np.ma.masked_invalid(surface.loss.T.numpy())  # rows of the picture are the second direction
    low, high = float(loss.min()), float(loss.max())
    wide = low > 0 and high > 20 * low
    levels = np.geomspace(low, high, 24) if wide else np.linspace(low, high if high > low else low + 1, 24)
    shading = {"levels": levels, "norm": LogNorm(low, high) if wide else None}
    filled = ax.contourf(surface.a.numpy(), surface.b.numpy(), loss, cmap="viridis", **shading)
    ax.contour(surface.a.numpy(), surface.b.numpy(), loss, colors="white", linewidths=0.4, alpha=0.6, **shading)
    ax.plot([0], [0], marker="+", color="white", markersize=10, markeredgewidth=1.8)
    bar = figure_of(ax).colorbar(filled, ax=ax, format="%.2g", ticks=levels[:: len(levels) // 6])
    bar.set_label("loss", color=inks(ax)[0], fontsize=9)
    bar.ax.tick_params(colors=inks(ax)[1], labelcolor=inks(ax)[0], labelsize=8)
    ax.grid(False)
    ax.set_xlabel(surface.labels[0])
    ax.set_ylabel(surface.labels[1])
    return figure_of(ax)

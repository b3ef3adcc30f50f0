"""The picture of a multilayer perceptron."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from edgewise.plot.style import BLUE, INK, ORANGE, Picture

_STEP = 0.5  # between layers, for a width of one


def draw(weights: Sequence[np.ndarray], beta: float, scale: float) -> Figure:
    """Draw a line per weight, input layer at the bottom.

    Args:
        weights: `(out, in)` per linear layer.
        beta: contrast: a weight of 1/beta is drawn at three quarters.
        scale: 1 for a width of three inches.

    Returns:
        The figure, not shown.
    """
    sizes = [weights[0].shape[1], *(len(weight) for weight in weights)]
    ax = Picture(figsize=(3 * scale, 3 * _STEP * len(weights) * scale)).add_axes((0.0, 0.0, 1.0, 1.0))
    for level, weight in enumerate(weights):
        ax.add_collection(_lines(weight, level, beta, scale))
    radius = 60 / max(sizes) * scale
    for level, size in enumerate(sizes):
        ax.scatter(_places(size), np.full(size, level * _STEP), s=min(radius, 20 * scale) ** 2 / 4, color=INK, zorder=2)
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.1 * _STEP, (len(weights) + 0.1) * _STEP))
    ax.set_axis_off()
    return ax.figure  # pyright: ignore[reportReturnType]


def _places(size: int) -> np.ndarray:
    return (np.arange(size) + 0.5) / size


def _lines(weight: np.ndarray, level: int, beta: float, scale: float) -> LineCollection:
    outputs, inputs = (_places(size) for size in weight.shape)
    ends = [[(below, level * _STEP), (above, (level + 1) * _STEP)] for above in outputs for below in inputs]
    signs = [to_rgb(BLUE if value > 0 else ORANGE) for value in weight.flat]
    colours = [(*sign, alpha) for sign, alpha in zip(signs, np.tanh(beta * np.abs(weight.flat)), strict=True)]
    return LineCollection(ends, colors=colours, linewidths=scale, zorder=1)

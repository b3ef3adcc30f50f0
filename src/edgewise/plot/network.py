"""The picture of a network: inputs at the bottom, outputs on top, on every edge its function.

The whole drawing is a handful of artists on one axes (line collections, one scatter per kind of node), in
coordinates that are inches of the axes: `layout` says where things go, `_Drawing` turns that into artists.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.collections import Collection, LineCollection, PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from torch import Tensor

from edgewise.errors import ParameterError
from edgewise.interpret.attribution import edge_scores
from edgewise.interpret.data import as_data, default_data
from edgewise.layers import AbstractEdgeLayer
from edgewise.models import KAN
from edgewise.plot.edge import edge_curves, edge_kind
from edgewise.plot.layout import Frames, Labels, Layout, layout, natural_size
from edgewise.plot.style import ORANGE, Picture, figure_of, inks, put_name, text_width

_POINTS = 49  # per curve
_HEAVY = 2.2  # how much heavier the frame of an edge that is not a spline


def plot_network(
    model: KAN,
    x: Any = None,
    *,
    ax: Axes | None = None,
    beta: float = 3.0,
    in_names: Sequence[str] | None = None,
    out_names: Sequence[str] | None = None,
    title: str | None = None,
    tick: bool = False,
    scale: float = 1.0,
    max_edges: int = 500,
    scores: Sequence[Tensor] | None = None,
) -> Figure:
    """Draw the network: on every edge its function over the values that reach it, the darker the more it matters.

    An edge's opacity is `tanh(beta * score)`, where the score is the standard deviation of its output over
    `x` relative to its layer (`edgewise.interpret.edge_scores`). Every curve fills its frame: its shape is
    drawn, its size is the opacity. Dots are sums, crossed circles are products; a node that nothing reaches is
    hollow. Removed edges are absent. A layer with more edges than fit in a few rows of frames is drawn as lines.

    Args:
        model: the network.
        x: `(B, inputs)` data, anything array-like. When absent, stand-in data: every input alone follows
            the quantiles that `fit` left in `model.input_summary`, or else covers the domain of the first grid.
            Data without any spread (a single row) are drawn the same way, with a dot where the row falls.
        ax: axes to draw into, at their present size; a new figure of fitting size when absent.
        beta: contrast of the opacities.
        in_names: names of the inputs; `model.input_names` when absent. `x1` and `$...$` are set as mathematics.
        out_names: names of the outputs; `model.output_names` when absent.
        title: line above the picture.
        tick: write the range of each function's input and output at its frame, where frames are large enough.
        scale: factor of all text, lines and dots.
        max_edges: draw only this many edges, the most important; a caption says how many were left out.
        scores: `(I, O)` importance of every layer's edges, instead of their standard deviations.

    Returns:
        The figure, not shown and not registered with pyplot; `figure.savefig("network.svg")` writes it.

    Raises:
        ParameterError: an argument is outside its documented set, or `model` is not a KAN.
        ShapeError: `x` has the wrong rank or features, or no rows.
        DomainError: `x` has a NaN or infinite entry.
    """
    data = as_data(model, x)
    _check_options(beta, scale, max_edges)
    names = (
        _names(in_names, model.input_names, "in_names"),
        _names(out_names, model.output_names, "out_names"),
    )
    own = edge_scores(model, data)
    marks = None
    if not any(bool(score.any()) for score in own):  # no spread: nothing to compare
        marks, data, scores = data[:1], torch.cat([default_data(model), data]), None
        own = edge_scores(model, data)
    scores = own if scores is None else _checked_scores(model, scores)
    edges, left_out = _select(model, scores, max_edges)
    if ax is None:
        size = natural_size(model, edges, names, scale, bool(title), tick)
        ax = Picture(figsize=size).add_axes((0.0, 0.0, 1.0, 1.0))
    width, height = _size(ax)
    frames = [Frames.fit(len(pairs), width, scale, tick) for pairs in edges]
    caption = _caption(edges, frames, left_out)
    strips = (0.34 * scale if title else 0.0, 0.2 * scale if caption else 0.0)
    place = layout(model, edges, frames, names, (width, height), scale, strips)
    drawing = _Drawing(ax, place, scale)
    drawing.edges(model, data, edges, [np.tanh(beta * score.cpu().numpy()) for score in scores], marks)
    drawing.nodes(model)
    drawing.names(names)
    drawing.words(title, caption)
    return figure_of(ax)


# ------------------------------------------------------------------------------------------ what is drawn


def _select(model: KAN, scores: list[Tensor], max_edges: int) -> tuple[list[np.ndarray], int]:
    """Edges to draw, `(E, 2)` node pairs per layer in order of their input node, and how many are not."""
    present = [layer.mask.cpu() != 0 for layer in model.layers]
    total = sum(int(mask.sum()) for mask in present)
    if total > max_edges:
        every = torch.cat([score.cpu()[mask] for score, mask in zip(scores, present, strict=True)])
        kept = torch.zeros(total, dtype=torch.bool)
        kept[every.argsort(descending=True, stable=True)[:max_edges]] = True
        for mask, keep in zip(present, kept.split([int(mask.sum()) for mask in present]), strict=True):
            mask[mask.clone()] = keep
    return [mask.nonzero().numpy() for mask in present], max(0, total - max_edges)


def _caption(edges: list[np.ndarray], frames: list[Frames], left_out: int) -> str | None:
    lines = []
    if left_out:
        shown = sum(len(pairs) for pairs in edges)
        lines.append(f"the {shown:,} most important of {shown + left_out:,} edges")
    if any(not frame.rows for frame in frames):
        lines.append("functions drawn only where they fit")
    return "; ".join(lines) or None


def _names(given: Sequence[str] | None, own: Sequence[str], argument: str) -> list[str]:
    names = list(own if given is None else given)
    if len(names) != len(own):
        raise ParameterError(f"`{argument}` must have {len(own)} names; got {len(names)}.")
    return [str(name) for name in names]


def _checked_scores(model: KAN, scores: Sequence[Tensor]) -> list[Tensor]:
    sizes, given = ([tuple(t.shape) for t in tensors] for tensors in ((layer.mask for layer in model.layers), scores))
    if given != sizes:
        raise ParameterError(f"`scores` must be {sizes}, one per layer; got {given}.")
    return list(scores)


def _check_options(beta: float, scale: float, max_edges: int) -> None:
    for name, value in (("beta", beta), ("scale", scale)):
        if not (value > 0 and math.isfinite(value)):
            raise ParameterError(f"`{name}` must be a finite number > 0; got {value!r}.")
    if not isinstance(max_edges, int) or max_edges < 1:
        raise ParameterError(f"`max_edges` must be an int >= 1; got {max_edges!r}.")


def _size(ax: Axes) -> tuple[float, float]:
    """Width and height of the axes in inches."""
    box = ax.get_window_extent()
    dpi = figure_of(ax).dpi
    return max(box.width / dpi, 0.5), max(box.height / dpi, 0.5)


# ---------------------------------------------------------------------------------------------- artists


class _Drawing:
    """Adds the artists to the axes."""

    def __init__(self, ax: Axes, place: Layout, scale: float) -> None:
        self.ax, self.place, self.scale = ax, place, scale
        self.ink, self.soft, self.paper = inks(ax)
        ax.set_xlim(0, place.width)
        ax.set_ylim(0, place.height)
        ax.set_axis_off()

    def edges(
        self, model: KAN, data: Tensor, edges: list[np.ndarray], opacities: list[np.ndarray], marks: Tensor | None
    ) -> None:
        """Stems, frames and functions of all edges: one artist each, and one for the dots of `marks`."""
        strokes = _Strokes()
        reached = model.activations(data)
        marked = None if marks is None else model.activations(marks)
        for l, (layer, pairs) in enumerate(zip(model.layers, edges, strict=True)):
            opacity = opacities[l][pairs[:, 0], pairs[:, 1]]
            order = np.argsort(opacity, kind="stable")  # what matters most is drawn last, on top
            pairs, opacity = pairs[order], opacity[order]
            colours, weights = self._looks(layer, pairs, opacity)
            if not self.place.frames[l].rows:
                thin = min(1.0, (150 / len(pairs)) ** 0.5)
                strokes.lines(self.place.nodes[l], self.place.sums[l + 1], pairs, colours, thin)
                continue
            centres, half = self.place.centres[l][order], self.place.sides[l] / 2
            strokes.framed(self.place.nodes[l], self.place.sums[l + 1], centres, half, pairs, colours, weights)
            shapes = _Shapes(layer, reached[l], pairs)
            strokes.curves += list(centres[:, None] + 0.86 * half * shapes.curves())
            if marked is not None:
                strokes.dots += list(centres + 0.86 * half * shapes.points(marked[l]))
            self._functions(layer, pairs, centres, half, colours)
            if self.place.frames[l].tick:
                for centre, span in zip(centres, shapes.spans(), strict=True):
                    self._ticks(float(centre[0]), float(centre[1]), half, span)
        self._add_strokes(strokes)

    def _functions(
        self, layer: AbstractEdgeLayer, pairs: np.ndarray, centres: np.ndarray, half: float, colours: np.ndarray
    ) -> None:
        """Names of elementary functions, in the upper left corners of their frames, where they fit."""
        size = min(7.0 * self.scale, 24 * half)  # points
        for (i, j), (x, y), colour in zip(pairs, centres, colours, strict=True):
            kind = edge_kind(layer, int(i), int(j))
            if kind != "spline" and text_width(kind, size) < 1.8 * half:
                at = x - 0.9 * half, y + 0.88 * half
                behind = {"facecolor": self.paper, "edgecolor": "none", "pad": 0.6}  # the curve may run there
                look = {"size": size, "ha": "left", "va": "top", "color": colour, "bbox": behind, "zorder": 5}
                self.ax.text(*at, kind, parse_math=False, **look)

    def _looks(self, layer: AbstractEdgeLayer, pairs: np.ndarray, opacity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Colours `(E, 4)` and weights `(E,)` of frames: splines in ink, other kinds orange and heavier."""
        special = np.array([edge_kind(layer, int(i), int(j)) != "spline" for i, j in pairs], dtype=bool)
        colours = np.empty((len(pairs), 4))
        colours[:, :3] = np.where(special[:, None], to_rgb(ORANGE), to_rgb(self.ink))
        colours[:, 3] = opacity
        return colours, np.where(special, _HEAVY, 1.0)

    def _add_strokes(self, strokes: _Strokes) -> None:
        s = self.scale
        thick = np.array(strokes.stem_weights) * 0.8 * s
        self._add(LineCollection(strokes.stems, colors=strokes.stem_colours, linewidths=thick, zorder=1), "stems")
        thick = np.array(strokes.frame_weights) * 0.7 * s
        look = {"facecolors": self.paper, "edgecolors": strokes.colours, "linewidths": thick}
        self._add(PolyCollection(strokes.frames, **look, zorder=2), "frames")
        look = {"colors": strokes.colours, "linewidths": 1.5 * s, "capstyle": "round", "joinstyle": "round"}
        self._add(LineCollection(strokes.curves, **look, zorder=3), "functions")
        self._scatter(strokes.dots, "marks", s=14, marker="o", facecolors=ORANGE, edgecolors=self.paper)

    def nodes(self, model: KAN) -> None:
        """Dots for sums, crossed circles for products, hollow dots for nodes that no edge touches."""
        plain, hollow, links, products, sizes = [], [], [], [], ([], [])
        for row, (sums, nodes) in enumerate(zip(self.place.sums, self.place.nodes, strict=True)):
            touched = model.layers[row - 1].mask.any(dim=0) if row else model.layers[0].mask.any(dim=1)
            alive = touched.cpu().numpy()
            plain += list(sums[alive])
            hollow += list(sums[~alive])
            size = min(20.0, (40 * self.place.width / len(sums)) ** 2)  # small where they stand close
            sizes[0].extend([size] * int(alive.sum()))
            sizes[1].extend([0.9 * size] * int((~alive).sum()))
            if row and model.products[row - 1].n_mult:
                n_sum, arity = model.products[row - 1].n_sum, model.products[row - 1].arity
                products += list(nodes[n_sum:])
                links += [[factor, nodes[n_sum + f // arity]] for f, factor in enumerate(sums[n_sum:])]
        self._add(LineCollection(links, colors=self.ink, linewidths=1.0 * self.scale, zorder=4), "links")
        self._scatter(plain, "sums", s=sizes[0], marker="o", facecolors=self.ink, edgecolors=self.ink)
        self._scatter(hollow, "untouched", s=sizes[1], marker="o", facecolors=self.paper, edgecolors=self.soft)
        self._scatter(products, "products", s=78, marker="o", facecolors=self.paper, edgecolors=self.ink)
        self._scatter(products, "crosses", s=26, marker="x", facecolors=self.ink)

    def names(self, names: tuple[list[str], list[str]]) -> None:
        """Names of inputs below and of outputs above their nodes."""
        place = self.place
        self._side(names[0], place.inputs, place.nodes[0], -1, "inputs")
        self._side(names[1], place.outputs, place.nodes[-1], 1, "outputs")

    def _side(self, names: list[str], labels: Labels, nodes: np.ndarray, sign: int, noun: str) -> None:
        y = nodes[:, 1].max() + sign * (0.08 if labels.angle else 0.1) * self.scale
        flat = {"ha": "center", "va": "top" if sign < 0 else "bottom"}
        slant = {"ha": "right" if sign < 0 else "left", "va": "center", "rotation_mode": "anchor"}
        look = {"fontsize": 10 * self.scale, "linespacing": 1.1, "color": self.ink}
        if labels.lines is None:
            put_name(self.ax, self.place.width / 2, y, f"{len(names)} {noun}", **flat, **look)
            return
        look |= {**slant, "rotation": labels.angle} if labels.angle else flat
        for x, text in zip(nodes[:, 0], labels.lines, strict=True):
            put_name(self.ax, x, y, text, **look)

    def words(self, title: str | None, caption: str | None) -> None:
        """Title above, caption at the lower edge."""
        place, s = self.place, self.scale
        if title:
            look = {"ha": "center", "va": "top", "fontsize": 12 * s, "color": self.ink}
            put_name(self.ax, place.width / 2, place.height - 0.08 * s, title, **look)
        if caption:
            look = {"ha": "right", "va": "bottom", "fontsize": 7.5 * s, "color": self.soft}
            put_name(self.ax, place.width - 0.1, 0.06 * s, caption, **look)

    def _ticks(self, x: float, y: float, half: float, span: np.ndarray) -> None:
        lo, hi, low, high = (f"{value:.2g}".replace("-", "\N{MINUS SIGN}") for value in span)
        look: dict[str, Any] = {"color": self.soft}
        size = 5.5 * self.scale

        def fitted(first: str, second: str) -> float:
            return size * min(1.0, 1.8 * half / (text_width(first, size) + text_width(second, size)))

        look["fontsize"] = fitted(lo, hi)
        put_name(self.ax, x - half, y - half - 0.02, lo, ha="left", va="top", **look)
        put_name(self.ax, x + half, y - half - 0.02, hi, ha="right", va="top", **look)
        look["fontsize"] = fitted(low, high)
        put_name(self.ax, x - half - 0.02, y - half, low, ha="right", va="bottom", rotation=90, **look)
        put_name(self.ax, x - half - 0.02, y + half, high, ha="right", va="top", rotation=90, **look)

    def _scatter(self, where: list[np.ndarray], label: str, *, s: float | list[float], **kwargs: Any) -> None:
        if where:
            at, area, width = np.array(where), np.array(s) * self.scale**2, 1.1 * self.scale
            self.ax.scatter(at[:, 0], at[:, 1], s=area, linewidths=width, zorder=5, label=label, **kwargs)

    def _add(self, artist: Collection, label: str) -> None:
        artist.set_label(label)
        self.ax.add_collection(artist, autolim=False)


@dataclass
class _Strokes:
    """What the edges of all layers are drawn with, collected so that each kind becomes one artist."""

    stems: list[Any] = field(default_factory=list)
    stem_colours: list[Any] = field(default_factory=list)
    stem_weights: list[float] = field(default_factory=list)
    frames: list[Any] = field(default_factory=list)
    frame_weights: list[float] = field(default_factory=list)
    curves: list[np.ndarray] = field(default_factory=list)
    colours: list[Any] = field(default_factory=list)  # of frames and curves
    dots: list[np.ndarray] = field(default_factory=list)

    def lines(self, start: np.ndarray, end: np.ndarray, pairs: np.ndarray, colours: np.ndarray, thin: float) -> None:
        """Straight lines from node to node."""
        self.stems += list(np.stack([start[pairs[:, 0]], end[pairs[:, 1]]], axis=1))
        self.stem_colours += list(colours)
        self.stem_weights += [thin] * len(pairs)

    def framed(
        self,
        start: np.ndarray,
        end: np.ndarray,
        centres: np.ndarray,
        half: float,
        pairs: np.ndarray,
        colours: np.ndarray,
        weights: np.ndarray,
    ) -> None:
        """A frame for every edge, a stem into it and a stem out of it."""
        if not len(pairs):
            return
        # Where frames stand in several rows, stems run behind them straight up, each in its own lane.
        x, y = centres[:, 0], centres[:, 1]
        bottom, top = np.full_like(y, y.min() - half), np.full_like(y, y.max() + half)
        below = np.stack([np.stack([x, bottom], 1), np.stack([x, y - half], 1)], axis=1)  # (E, 2, 2)
        above = np.stack([np.stack([x, y + half], 1), np.stack([x, top], 1)], axis=1)
        self.stems += list(np.concatenate([start[pairs[:, :1]], below], axis=1))
        self.stems += list(np.concatenate([above, end[pairs[:, 1:]]], axis=1))
        self.stem_colours += 2 * list(colours)
        self.stem_weights += [1.0] * (2 * len(pairs))
        self.frames += list(centres[:, None] + half * np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]))
        self.frame_weights += list(weights)
        self.colours += list(colours)


class _Shapes:
    """The functions of some edges of a layer over the values that reach them, scaled to [-1, 1] both ways."""

    def __init__(self, layer: AbstractEdgeLayer, values: Tensor, pairs: np.ndarray) -> None:
        lo, hi = values.min(dim=0).values, values.max(dim=0).values  # (I,)
        tiny = 64 * torch.finfo(values.dtype).eps
        constant = hi - lo <= tiny * torch.maximum(lo.abs(), hi.abs())
        first, last = layer.domain.unbind(dim=1)  # for a constant input: the function around it
        lo = torch.where(constant, torch.minimum(lo, first), lo)
        hi = torch.where(constant, torch.maximum(hi, last), hi)
        unit = torch.linspace(0, 1, _POINTS, dtype=lo.dtype, device=lo.device)
        x = lo + unit[:, None] * (hi - lo)  # (P, I)
        self.layer, self.pairs = layer, pairs
        self.lo, self.hi = lo.cpu().numpy()[pairs[:, 0]], hi.cpu().numpy()[pairs[:, 0]]  # (E,)
        self.y = self._picked(x)  # (P, E)
        self.low, self.high = self.y.min(axis=0), self.y.max(axis=0)
        self.flat = self.high - self.low <= tiny * np.maximum(abs(self.low), abs(self.high))

    def spans(self) -> np.ndarray:
        """`(E, 4)` range of each input and each function."""
        return np.stack([self.lo, self.hi, self.low, self.high], axis=1)

    def curves(self) -> np.ndarray:
        """`(E, P, 2)` points."""
        across = np.broadcast_to(np.linspace(-1, 1, _POINTS)[:, None], self.y.shape)
        return np.stack([across, self._up(self.y)], axis=-1).swapaxes(0, 1)

    def points(self, row: Tensor) -> np.ndarray:
        """`(E, 2)` where one row `(1, I)` of inputs falls."""
        x = row.cpu().numpy()[0, self.pairs[:, 0]]
        return np.stack([2 * (x - self.lo) / (self.hi - self.lo) - 1, self._up(self._picked(row))[0]], axis=-1)

    def _picked(self, x: Tensor) -> np.ndarray:
        i, j = torch.as_tensor(self.pairs, device=x.device).unbind(dim=1)
        return edge_curves(self.layer, x)[:, i, j].cpu().numpy()

    def _up(self, y: np.ndarray) -> np.ndarray:
        span = np.where(self.flat, 1.0, self.high - self.low)
        return np.where(self.flat, 0.0, 2 * (y - self.low) / span - 1)

"""The picture of a network: inputs at the bottom, outputs on top, on every edge its function.

The whole drawing is a handful of artists on one axes (line collections, one scatter per kind of node), in
coordinates that are inches of the axes, so that text can be measured and placed without overlap.

Plan: `layout` decides where nodes and edge frames go, `_Drawing` turns that into artists.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from torch import Tensor

from edgewise.errors import ParameterError
from edgewise.interpret.attribution import edge_scores
from edgewise.models import KAN
from edgewise.plot.edge import edge_curves, edge_kind
from edgewise.plot.style import (
    INK,
    ORANGE,
    SOFT,
    Picture,
    as_data,
    default_data,
    figure_of,
    pretty,
    put_name,
    text_width,
)

_POINTS = 49  # per curve
_WIDEST = 10.0  # inches of the widest figure
_PITCH = 0.62  # inches from one edge frame to the next where there is room
_NARROWEST = 0.30  # and where there is not; then frames stand in several rows
_MARGIN = 0.1
_ROWS = 6  # more rows than this are a texture, not a picture: lines alone
_COLOURS = {"spline": INK}  # every other kind of edge is orange and framed twice as heavily


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
    max_edges: int = 1000,
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
        tick: write the range of each function's input and output at its frame.
        scale: factor of all text, lines and dots.
        max_edges: draw only this many edges, the most important; a caption says how many were left out.

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
    scores = edge_scores(model, data)
    marks = None
    if not any(bool(score.any()) for score in scores):  # no spread: nothing to compare
        marks, data = data[:1], torch.cat([default_data(model), data])
        scores = edge_scores(model, data)
    edges, left_out = _select(model, scores, max_edges)
    if ax is None:
        ax = _new_axes(model, edges, names, title, scale)
    place = _layout(model, edges, names, _size(ax), scale, bool(title))
    drawing = _Drawing(ax, place, scale)
    drawing.edges(model, data, edges, [np.tanh(beta * score.cpu().numpy()) for score in scores], marks, tick)
    drawing.nodes(model)
    drawing.names(names)
    drawing.words(title, _caption(edges, place, left_out))
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


def _caption(edges: list[np.ndarray], place: _Layout, left_out: int) -> str | None:
    lines = []
    if left_out:
        shown = sum(len(pairs) for pairs in edges)
        lines.append(f"the {shown:,} most important of {shown + left_out:,} edges")
    if any(not rows and len(pairs) for rows, pairs in zip(place.rows, edges, strict=True)):
        lines.append("functions drawn only where they fit")
    return "; ".join(lines) or None


def _names(given: Sequence[str] | None, own: Sequence[str], argument: str) -> list[str]:
    names = list(own if given is None else given)
    if len(names) != len(own):
        raise ParameterError(f"`{argument}` must have {len(own)} names; got {len(names)}.")
    return [str(name) for name in names]


def _check_options(beta: float, scale: float, max_edges: int) -> None:
    for name, value in (("beta", beta), ("scale", scale)):
        if not (value > 0 and math.isfinite(value)):
            raise ParameterError(f"`{name}` must be a finite number > 0; got {value!r}.")
    if not isinstance(max_edges, int) or max_edges < 1:
        raise ParameterError(f"`max_edges` must be an int >= 1; got {max_edges!r}.")


# ---------------------------------------------------------------------------------------------- geometry


@dataclass
class _Labels:
    """How the names of one side are set: `lines[i]` at an angle, in a strip of that height (inches)."""

    lines: list[str] | None
    angle: float
    height: float
    overhang: float = 0.0  # how far the first slanted name reaches beyond its node


@dataclass
class _Layout:
    """Positions in inches of the axes. `L` layers of edges lie between `L + 1` rows of nodes."""

    width: float
    height: float
    inputs: _Labels
    outputs: _Labels
    sums: list[np.ndarray] = field(default_factory=list)  # (sums, 2) per row of nodes: where edges end
    nodes: list[np.ndarray] = field(default_factory=list)  # (nodes, 2) per row of nodes: where edges start
    frames: list[np.ndarray] = field(default_factory=list)  # (E, 2) per layer: centres
    sides: list[float] = field(default_factory=list)  # of the square frames, per layer
    rows: list[int] = field(default_factory=list)  # of frames, per layer; 0 where only lines are drawn


def _new_axes(
    model: KAN, edges: list[np.ndarray], names: tuple[list[str], list[str]], title: str | None, scale: float
) -> Axes:
    """Axes that fill a new figure, as large as the network needs up to the width of a page."""
    counts = [len(pairs) for pairs in edges]
    nodes = [product.in_features for product in model.products]
    widest_name = max((text_width(*_sized(name, scale)) for name in names[0] + names[1]), default=0.0)
    wanted = [*(_PITCH * count for count in counts), *(0.55 * count for count in nodes)]
    wanted += [len(side) * min(widest_name + 0.2, 1.6) for side in names]
    width = min(_WIDEST, max(2.4, *wanted, widest_name + 0.3)) * scale**0.5
    height = 0.25
    for count in counts:
        rows = _row_count(count, width)
        height += max(1.15 + 0.36 * rows, 0.16 * width) if rows else 2.2
    height += sum(_labels(side, width, scale, 1.0).height for side in names) + (0.35 * scale if title else 0.0)
    figure = Picture(figsize=(width, height))
    return figure.add_axes((0.0, 0.0, 1.0, 1.0))


def _size(ax: Axes) -> tuple[float, float]:
    """Width and height of the axes in inches."""
    box = ax.get_window_extent()
    dpi = figure_of(ax).dpi
    return max(box.width / dpi, 0.5), max(box.height / dpi, 0.5)


def _layout(
    model: KAN,
    edges: list[np.ndarray],
    names: tuple[list[str], list[str]],
    size: tuple[float, float],
    scale: float,
    titled: bool,
) -> _Layout:
    width, height = size
    place = _Layout(width, height, _labels(names[0], width, scale, 1), _labels(names[1], width, scale, -1))
    left = max(_MARGIN, place.inputs.overhang - 0.5 * width / len(names[0]))
    right = max(_MARGIN, place.outputs.overhang - 0.5 * width / len(names[1]))

    def across(count: int) -> np.ndarray:
        return left + (np.arange(count) + 0.5) / max(count, 1) * (width - left - right)

    bottom = place.inputs.height + 0.12 * scale
    top = height - place.outputs.height - 0.12 * scale - (0.34 * scale if titled else 0.0)
    drop = [0.26 if product.n_mult else 0.0 for product in model.products]  # a product stands above its factors
    place.rows = [_row_count(len(pairs), width) for pairs in edges]
    # Layers share the height by the rows of frames they hold.
    shares = np.array([1.0 + 0.36 * rows if rows else 2.0 for rows in place.rows])
    gaps = (top - bottom - sum(drop)) * shares / shares.sum()
    place.sums.append(np.stack([across(model.in_features), np.full(model.in_features, bottom)], axis=1))
    place.nodes.append(place.sums[0])
    level = bottom
    for product, pairs, rows, gap, lift in zip(model.products, edges, place.rows, gaps, drop, strict=True):
        count = len(pairs)
        pitch = (width - left - right) / max(count, 1) * max(rows, 1)
        side = min(0.84 * pitch, 0.52 * scale, 0.62 * gap / max(rows, 1), 0.8 * gap)
        row = np.arange(count) % max(rows, 1)
        centre = level + gap / 2 + (row - (rows - 1) / 2) * 1.16 * side
        inset = side / 2 if rows > 1 else 0.5 * pitch  # staggered rows reach the margins
        x = np.linspace(left + inset, width - right - inset, count)
        place.frames.append(np.stack([x, centre], axis=1))
        place.sides.append(side)
        level += gap
        sums = np.stack([across(product.in_features), np.full(product.in_features, level)], axis=1)
        place.sums.append(sums)
        plain, factors = sums[: product.n_sum], sums[product.n_sum :]
        level += lift
        above = factors.reshape(product.n_mult, product.arity, 2).mean(axis=1)
        above[:, 1] += lift
        place.nodes.append(np.concatenate([plain, above]))
    return place


def _row_count(count: int, width: float) -> int:
    """Rows of frames for that many edges; 0 when they do not fit."""
    rows = math.ceil(count * _NARROWEST / width)
    return rows if rows <= _ROWS else 0


def _sized(name: str, scale: float) -> tuple[str, float, bool]:
    text, is_math = pretty(name)
    return text, 10 * scale, is_math


def _labels(names: list[str], width: float, scale: float, sign: float) -> _Labels:
    """Names flat where they fit, else broken into lines, else slanted, else only counted."""
    pitch = width / len(names)
    line = 10 * scale / 72 * 1.25
    if len(names) * line * 1.05 > width:
        return _Labels(None, 0.0, line + 0.06)
    widths = [text_width(*_sized(name, scale)) for name in names]
    if max(widths) <= 0.94 * pitch:
        return _Labels(names, 0.0, line + 0.06)
    broken = [_break(name, 0.94 * pitch, scale) for name in names]
    if all(text is not None and text.count("\n") < 3 for text in broken):
        flat = [text for text in broken if text is not None]
        return _Labels(flat, 0.0, line * (1 + max(text.count("\n") for text in flat)) + 0.06)
    short = [name if len(name) <= 30 else name[:29] + "\N{HORIZONTAL ELLIPSIS}" for name in names]
    longest = max(text_width(*_sized(name, scale)) for name in short)
    angle = 35.0 if pitch > 1.9 * line else 60.0
    tilt = math.radians(angle)
    first = text_width(*_sized(short[0] if sign > 0 else short[-1], scale))
    return _Labels(short, angle, longest * math.sin(tilt) + line, first * math.cos(tilt) + 0.1)


def _break(name: str, width: float, scale: float) -> str | None:
    """A name in lines of at most that width, broken after spaces, underscores, hyphens; None if it cannot be."""
    text, size, is_math = _sized(name, scale)
    if is_math:
        return name if text_width(text, size, True) <= width else None
    lines, pieces = [""], name.replace("_", "_\0").replace(" ", " \0").replace("-", "-\0").split("\0")
    for piece in pieces:
        if lines[-1] and text_width((lines[-1] + piece).rstrip(), size) > width:
            lines.append("")
        lines[-1] += piece
    lines = [text.rstrip(" ") for text in lines if text]
    return "\n".join(lines) if all(text_width(text, size) <= width for text in lines) else None


# ---------------------------------------------------------------------------------------------- artists


class _Drawing:
    """Adds the artists to the axes."""

    def __init__(self, ax: Axes, place: _Layout, scale: float) -> None:
        self.ax, self.place, self.scale = ax, place, scale
        ax.set_xlim(0, place.width)
        ax.set_ylim(0, place.height)
        ax.set_axis_off()

    def edges(
        self,
        model: KAN,
        data: Tensor,
        edges: list[np.ndarray],
        opacities: list[np.ndarray],
        marks: Tensor | None,
        tick: bool,
    ) -> None:
        """Stems, frames and functions of all edges: three artists, and one for the dots of `marks`."""
        stems, stem_colours, frames, frame_colours, frame_widths, curves, curve_colours, dots = ([] for _ in range(8))
        reached = model.activations(data)
        marked = None if marks is None else model.activations(marks)
        for l, (layer, pairs) in enumerate(zip(model.layers, edges, strict=True)):
            start, end = self.place.nodes[l], self.place.sums[l + 1]
            half = self.place.sides[l] / 2
            kinds = [edge_kind(layer, i, j) for i, j in pairs]
            opacity = opacities[l][pairs[:, 0], pairs[:, 1]]
            order = np.argsort(opacity, kind="stable")  # what matters most is drawn last, on top
            if self.place.rows[l]:
                shapes = _Shapes(layer, reached[l], pairs)
                bottom, top = self.place.frames[l][:, 1].min() - half, self.place.frames[l][:, 1].max() + half
            for e in order:
                (i, j), alpha = pairs[e], float(opacity[e])
                colour = (*to_rgb(_COLOURS.get(kinds[e], ORANGE)), alpha)
                if not self.place.rows[l]:
                    stems.append([start[i], end[j]])
                    stem_colours.append(colour)
                    continue
                x, y = self.place.frames[l][e]
                # Where frames stand in several rows, stems run behind them straight up, each in its own lane.
                stems += [[start[i], (x, bottom), (x, y - half)], [(x, y + half), (x, top), end[j]]]
                stem_colours += [colour, colour]
                frames.append([(x - half, y - half), (x + half, y - half), (x + half, y + half), (x - half, y + half)])
                frame_colours.append(colour)
                frame_widths.append(0.7 if kinds[e] == "spline" else 1.6)
                unit = shapes.curve(e)  # (P, 2) in [-1, 1]
                curves.append(np.array([x, y]) + 0.86 * half * unit)
                curve_colours.append(colour)
                if marked is not None:
                    dots.append([x, y] + 0.86 * half * shapes.point(e, marked[l][0, i]))
                if tick:
                    self._ticks(x, y, half, shapes.span(e))
        s = self.scale
        self._add(LineCollection(stems, colors=stem_colours, linewidths=0.8 * s, zorder=1), "stems")
        self._add(
            PolyCollection(
                frames, facecolors="white", edgecolors=frame_colours, linewidths=np.array(frame_widths) * s, zorder=2
            ),
            "frames",
        )
        self._add(
            LineCollection(
                curves, colors=curve_colours, linewidths=1.5 * s, capstyle="round", joinstyle="round", zorder=3
            ),
            "functions",
        )
        if dots:
            where = np.array(dots)
            self.ax.scatter(
                where[:, 0],
                where[:, 1],
                s=14 * s * s,
                color=ORANGE,
                edgecolors="white",
                linewidths=0.5 * s,
                zorder=4,
                gid="marks",
            )

    def nodes(self, model: KAN) -> None:
        """Dots for sums, crossed circles for products, hollow dots for nodes that nothing reaches."""
        s = self.scale
        place, plain, hollow, links, products = self.place, [], [], [], []
        for row, (sums, nodes) in enumerate(zip(place.sums, place.nodes, strict=True)):
            alive = np.ones(len(sums), dtype=bool)
            if row:
                alive = (model.layers[row - 1].mask != 0).any(dim=0).cpu().numpy()
            n_sum = len(sums) if row == 0 else model.products[row - 1].n_sum
            plain += list(sums[alive])
            hollow += list(sums[~alive])
            factors = sums[n_sum:]
            products += list(nodes[n_sum:])
            for f, factor in enumerate(factors):
                links.append([factor, nodes[n_sum + f // model.products[row - 1].arity]])
        self._add(LineCollection(links, colors=INK, linewidths=1.0 * s, zorder=4), "links")
        self._scatter(plain, "sums", s=20, marker="o", facecolors=INK, edgecolors=INK)
        self._scatter(hollow, "unreached", s=18, marker="o", facecolors="white", edgecolors=SOFT)
        self._scatter(products, "products", s=78, marker="o", facecolors="white", edgecolors=INK)
        self._scatter(products, "crosses", s=26, marker="x", c=INK)

    def names(self, names: tuple[list[str], list[str]]) -> None:
        """Names of inputs below and of outputs above their nodes."""
        place, s = self.place, self.scale
        for side, labels, nodes, sign, noun in (
            (names[0], place.inputs, place.nodes[0], -1, "inputs"),
            (names[1], place.outputs, place.nodes[-1], 1, "outputs"),
        ):
            gap = sign * (0.1 if labels.angle == 0 else 0.08) * max(s, 0.5)
            vertical = "top" if sign < 0 else "bottom"
            if labels.lines is None:
                put_name(
                    self.ax,
                    place.width / 2,
                    nodes[0, 1] + gap,
                    f"{len(side)} {noun}",
                    ha="center",
                    va=vertical,
                    fontsize=10 * s,
                )
                continue
            for (x, y), text in zip(nodes, labels.lines, strict=True):
                slant = {
                    "ha": "right" if sign < 0 else "left",
                    "va": "center",
                    "rotation": labels.angle,
                    "rotation_mode": "anchor",
                }
                flat = {"ha": "center", "va": vertical}
                put_name(
                    self.ax, x, y + gap, text, fontsize=10 * s, linespacing=1.1, **(slant if labels.angle else flat)
                )

    def words(self, title: str | None, caption: str | None) -> None:
        """Title above, caption at the lower edge."""
        place, s = self.place, self.scale
        if title:
            put_name(self.ax, place.width / 2, place.height - 0.08 * s, title, ha="center", va="top", fontsize=12 * s)
        if caption:
            put_name(self.ax, place.width - 0.08, 0.05, caption, ha="right", va="bottom", fontsize=7.5 * s, color=SOFT)

    def _ticks(self, x: float, y: float, half: float, span: tuple[float, float, float, float]) -> None:
        lo, hi, low, high = (f"{value:.3g}" for value in span)
        size = {"fontsize": 5 * self.scale, "color": SOFT}
        put_name(self.ax, x - half, y - half - 0.02, lo, ha="left", va="top", **size)
        put_name(self.ax, x + half, y - half - 0.02, hi, ha="right", va="top", **size)
        put_name(self.ax, x - half - 0.02, y - half, low, ha="right", va="bottom", rotation=90, **size)
        put_name(self.ax, x - half - 0.02, y + half, high, ha="right", va="top", rotation=90, **size)

    def _scatter(self, where: list[np.ndarray], gid: str, *, s: float, **kwargs: Any) -> None:
        if where:
            at = np.array(where)
            self.ax.scatter(
                at[:, 0], at[:, 1], s=s * self.scale**2, linewidths=1.1 * self.scale, zorder=5, gid=gid, **kwargs
            )

    def _add(self, artist: Any, gid: str) -> None:
        artist.set_gid(gid)
        self.ax.add_collection(artist, autolim=False)


class _Shapes:
    """The functions of a layer's edges over the values that reach each input, scaled to fill a frame."""

    def __init__(self, layer: Any, values: Tensor, pairs: np.ndarray) -> None:
        lo, hi = values.min(dim=0).values, values.max(dim=0).values  # (I,)
        constant = hi - lo <= 1e-9 * torch.maximum(lo.abs(), hi.abs())
        domain = layer.domain  # a constant input: the function around it
        lo, hi = (
            torch.where(constant, torch.minimum(lo, domain[:, 0]), lo),
            torch.where(constant, torch.maximum(hi, domain[:, 1]), hi),
        )
        unit = torch.linspace(0, 1, _POINTS, dtype=lo.dtype, device=lo.device)
        x = lo + unit[:, None] * (hi - lo)  # (P, I)
        self.layer, self.pairs = layer, pairs
        self.x = x.cpu().numpy()
        i, j = torch.as_tensor(pairs, device=lo.device).unbind(dim=1)
        self.y = edge_curves(layer, x)[:, i, j].cpu().numpy()  # (P, E)
        self.low, self.high = self.y.min(axis=0), self.y.max(axis=0)

    def span(self, e: int) -> tuple[float, float, float, float]:
        """Range of the input and of the function."""
        x = self.x[:, self.pairs[e, 0]]
        return float(x[0]), float(x[-1]), float(self.low[e]), float(self.high[e])

    def curve(self, e: int) -> np.ndarray:
        """`(P, 2)` points in [-1, 1]."""
        return self._unit(e, self.x[:, self.pairs[e, 0]], self.y[:, e])

    def point(self, e: int, x: Tensor) -> np.ndarray:
        """Where the function is at one input, `(2,)` in [-1, 1]."""
        i, j = self.pairs[e]
        y = edge_curves(self.layer, x.expand(1, self.layer.in_features))[0, i, j]
        return self._unit(e, np.array([float(x)]), np.array([float(y)]))[0]

    def _unit(self, e: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        lo, hi, low, high = self.span(e)
        flat = high - low <= 1e-9 * max(abs(low), abs(high))
        across = 2 * (x - lo) / (hi - lo) - 1
        up = np.zeros_like(y) if flat else 2 * (y - low) / (high - low) - 1
        return np.stack([across, up], axis=-1)

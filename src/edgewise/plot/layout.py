"""Where everything in the picture of a network goes, in inches of its axes.

Nodes stand in rows from bottom to top; between two rows the frames of the edges stand in the order of
their input node, in one row or staggered in several. Text is measured, so names never overlap.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from edgewise.models import KAN
from edgewise.plot.style import pretty, text_width

_WIDEST = 10.0  # of the widest figure
_PITCH = 0.62  # from one frame to the next where there is room
_TICKED = 0.8  # the same with ticks
_NARROWEST = 0.30  # and where there is little; then frames stand in several rows
_ROWS = 6  # more rows than this are a texture, not a picture: lines alone
_MARGIN = 0.1


@dataclass(frozen=True)
class Frames:
    """How the frames of one layer stand: in how many rows (0: lines alone), and whether with ticks."""

    rows: int
    tick: bool

    @staticmethod
    def fit(count: int, width: float, scale: float, tick: bool) -> Frames:
        """As few rows as hold that many edges in that width (inches)."""
        rows = math.ceil(count * _TICKED * scale / width)
        if tick and rows <= 4:
            return Frames(max(rows, 1), True)
        rows = math.ceil(count * _NARROWEST / width)
        return Frames(max(rows, 1) if rows <= _ROWS else 0, False)

    def height(self, width: float) -> float:
        """Inches the layer asks for."""
        return max(1.15 + (0.75 if self.tick else 0.36) * self.rows, 0.16 * width) if self.rows else 2.2


@dataclass(frozen=True)
class Labels:
    """How the names of one side are set: `lines[i]` at an angle, in a strip of that height (inches)."""

    lines: list[str] | None
    angle: float
    height: float
    overhang: float = 0.0  # how far slanted names reach beyond the outermost node


@dataclass
class Layout:
    """Positions in inches of the axes. `L` layers of edges lie between `L + 1` rows of nodes."""

    width: float
    height: float
    inputs: Labels
    outputs: Labels
    frames: list[Frames]
    sums: list[np.ndarray] = field(default_factory=list)  # (sums, 2) per row of nodes: where edges end
    nodes: list[np.ndarray] = field(default_factory=list)  # (nodes, 2) per row of nodes: where edges start
    centres: list[np.ndarray] = field(default_factory=list)  # (E, 2) per layer: of the frames
    sides: list[float] = field(default_factory=list)  # of the square frames, per layer


def natural_size(
    model: KAN, edges: list[np.ndarray], names: tuple[list[str], list[str]], scale: float, titled: bool, tick: bool
) -> tuple[float, float]:
    """Width and height in inches that the network asks for, up to the width of a page."""
    counts = [len(pairs) for pairs in edges]
    nodes = [product.in_features for product in model.products]
    widest_name = max((text_width(*_sized(name, scale)) for name in names[0] + names[1]), default=0.0)
    pitch = max(_PITCH, _TICKED * scale) if tick else _PITCH
    wanted = [*(pitch * count for count in counts), *(0.55 * count for count in nodes)]
    wanted += [len(side) * min(widest_name + 0.2, 1.6) for side in names]
    width = min(_WIDEST, max(2.4, *wanted, widest_name + 0.3)) * scale**0.5
    height = 0.25 + sum(Frames.fit(count, width, scale, tick).height(width) for count in counts)
    height += sum(_labels(side, width, scale, 1).height for side in names) + (0.35 * scale if titled else 0.0)
    return width, height


def layout(
    model: KAN,
    edges: list[np.ndarray],
    frames: list[Frames],
    names: tuple[list[str], list[str]],
    size: tuple[float, float],
    scale: float,
    strips: tuple[float, float],
) -> Layout:
    """Place everything between the strips kept free for the title and the caption."""
    width, height = size
    place = Layout(width, height, _labels(names[0], width, scale, 1), _labels(names[1], width, scale, -1), frames)
    narrow = width - place.inputs.overhang - place.outputs.overhang - 2 * _MARGIN  # at least this is left
    # In axes too small for the names, names are cut rather than the drawing turned inside out.
    left = min(max(_MARGIN, place.inputs.overhang - 0.5 * narrow / len(names[0])), 0.4 * width)
    right = min(max(_MARGIN, place.outputs.overhang - 0.5 * narrow / len(names[1])), 0.4 * width)

    def across(count: int) -> np.ndarray:
        return left + (np.arange(count) + 0.5) / max(count, 1) * (width - left - right)

    bottom = strips[1] + place.inputs.height + 0.12 * scale
    top = height - strips[0] - place.outputs.height - 0.12 * scale
    drop = [0.26 if product.n_mult else 0.0 for product in model.products]  # a product stands above its factors
    shares = np.array([frame.height(width) for frame in frames])
    gaps = max(top - bottom - sum(drop), 0.3 * height) * shares / shares.sum()
    place.sums.append(np.stack([across(model.in_features), np.full(model.in_features, bottom)], axis=1))
    place.nodes.append(place.sums[0])
    level = bottom
    for product, pairs, frame, gap, lift in zip(model.products, edges, frames, gaps, drop, strict=True):
        count, rows = len(pairs), max(frame.rows, 1)
        pitch = (width - left - right) / max(count, 1) * rows
        between = 0.16 * scale if frame.tick else 0.0
        room = gap / rows
        side = min(max(0.84 * pitch - between, 0.3 * pitch), 0.52 * scale, max(0.62 * room - between, 0.3 * room))
        step = min(1.16 * side + between, 0.9 * room)
        row = np.arange(count) % rows
        centre = level + gap / 2 + (row - (rows - 1) / 2) * step
        inset = side / 2 + between if rows > 1 else 0.5 * pitch  # staggered rows reach the margins
        x = np.linspace(left + inset, width - right - inset, count)
        place.centres.append(np.stack([x, centre], axis=1))
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


def _sized(name: str, scale: float) -> tuple[str, float, bool]:
    text, is_math = pretty(name)
    return text, 10 * scale, is_math


def _labels(names: list[str], width: float, scale: float, sign: int) -> Labels:
    """Names flat where they fit, else broken into lines, else slanted, else only counted."""
    pitch = width / len(names)
    line = 10 * scale / 72 * 1.25
    if len(names) * line * 1.05 > width:
        return Labels(None, 0.0, line + 0.06)
    widths = [text_width(*_sized(name, scale)) for name in names]
    if max(widths) <= 0.94 * pitch:
        return Labels(names, 0.0, line + 0.06)
    broken = [_break(name, 0.94 * pitch, scale) for name in names]
    if all(text is not None and text.count("\n") < 3 for text in broken):
        flat = [text for text in broken if text is not None]
        return Labels(flat, 0.0, line * (1 + max(text.count("\n") for text in flat)) + 0.06)
    short = [name if len(name) <= 30 else name[:29] + "\N{HORIZONTAL ELLIPSIS}" for name in names]
    longest = max(text_width(*_sized(name, scale)) for name in short)
    angle = 35.0 if pitch > 1.9 * line else 60.0
    tilt = math.radians(angle)
    inwards = short if sign > 0 else short[::-1]
    reach = [text_width(*_sized(name, scale)) * math.cos(tilt) - 0.6 * n * pitch for n, name in enumerate(inwards)]
    return Labels(short, angle, longest * math.sin(tilt) + line, max(reach) + 0.12)


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

"""The picture of a function's structure: the output on top, inputs below, at every node how its parts come together."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from edgewise.errors import ParameterError
from edgewise.interpret.shape import Node
from edgewise.interpret.structure import Structure
from edgewise.plot.style import BLUE, ORANGE, Picture, figure_of, inks, text_width

_SIZE, _SMALL = 11.0, 7.5  # points
_STEP = 0.95  # inches from row to row
_GAP = 0.3
_SIGNS = {"sum": "+", "product": "\N{MULTIPLICATION SIGN}", "link": "F ( + )", "function": "F"}


def plot_tree(structure: Structure, ax: Axes | None = None, *, scores: bool = True, title: str | None = None) -> Figure:
    """Draw what `edgewise.interpret.structure` found.

    Circles add or multiply; a box `F(x1 - x2)` is some function of that combination, `F(+)` one of the sum of the parts
    below it, `F` one of the parts below it. A plain name is linear, `f(x)` is not. Orange marks a part in which no
    shape was found.

    Args:
        structure: the result.
        ax: axes to draw into; a new figure of fitting size when absent.
        scores: write at each node the score of the test that it passed, 0 where it holds exactly.
        title: line above the picture.

    Returns:
        The figure, not shown.

    Raises:
        ParameterError: `structure` is something else.
    """
    if not isinstance(structure, Structure):
        raise ParameterError(
            f"`structure` must be a result of `edgewise.interpret.structure`; got {type(structure).__name__}."
        )
    boxes = _Boxes(structure)
    top = boxes.place(structure.tree, 0.0, 0)
    unused = [structure.names[i] for i in structure.unused]
    caption = f"without effect: {', '.join(unused)}" if unused and top.node.kind != "constant" else ""
    width = max([boxes.width(structure.tree), *(text_width(t, _SIZE) for t in (title, caption) if t)]) + 0.4
    depth = max(box.depth for box in boxes.placed)
    height = depth * _STEP + 0.8 + (0.35 if title else 0.0) + (0.3 if caption else 0.0)
    if ax is None:
        ax = Picture(figsize=(max(width, 2.0), height)).add_axes((0.0, 0.0, 1.0, 1.0))
    ax.set_axis_off()
    middle = boxes.width(structure.tree) / 2
    half = max(width, 2.0) / 2
    ax.set_xlim(middle - half, middle + half)
    bottom = -depth * _STEP - 0.4 - (0.3 if caption else 0.0)
    ax.set_ylim(bottom, bottom + height)
    _draw(ax, boxes, scores)
    ink, soft, _ = inks(ax)
    if title:
        look = {"ha": "center", "va": "center", "fontsize": _SIZE + 1, "color": ink, "parse_math": False}
        ax.text(middle, bottom + height - 0.22, title, **look)
    if caption:
        ax.text(middle, bottom + 0.2, caption, ha="center", va="center", fontsize=9, color=soft, parse_math=False)
    return figure_of(ax)


@dataclass
class _Box:
    node: Node
    text: str
    math: bool
    x: float
    depth: int
    parent: float  # where the node above stands
    children: list[_Box] = field(default_factory=list)

    @property
    def y(self) -> float:
        return -self.depth * _STEP


class _Boxes:
    """Where every node stands, in inches: parts side by side, each node above the middle of its parts."""

    def __init__(self, structure: Structure) -> None:
        self.structure = structure
        self.placed: list[_Box] = []

    def text(self, node: Node) -> tuple[str, bool]:
        """What is written into a node, and whether it is mathematics."""
        if _parts(node):
            return _SIGNS[node.kind], False
        words = node.form if node.kind == "sum" else self.structure.label(node)
        if all(re.fullmatch(r"[A-Za-z](_?\d+)?", self.structure.names[i]) for i in node.inputs) and node.inputs:
            return "$" + _mathematics(words) + "$", True
        return words.replace(" - ", " \N{MINUS SIGN} "), False

    def width(self, node: Node) -> float:
        """Inches a node and all below it take."""
        text, math = self.text(node)
        own = text_width(text, _SIZE, math) + 0.3 + _GAP
        if not _parts(node):
            own = max(own, 0.75)
        return max(own, sum(self.width(child) for child in _parts(node)))

    def place(self, node: Node, left: float, depth: int) -> _Box:
        """Place a node and all below it, from `left` on."""
        width, at = self.width(node), left
        at += (width - sum(self.width(child) for child in _parts(node))) / 2
        children = []
        for child in _parts(node):
            children.append(self.place(child, at, depth + 1))
            at += self.width(child)
        x = (children[0].x + children[-1].x) / 2 if children else left + width / 2
        for child in children:
            child.parent = x
        box = _Box(node, *self.text(node), x, depth, x, children)
        self.placed.append(box)
        return box


def _parts(node: Node) -> tuple[Node, ...]:
    """What is drawn below a node; `x1 - 2*x2` is drawn as such."""
    return () if node.kind == "sum" and all(child.linear for child in node.children) else node.children


def _mathematics(words: str) -> str:
    """`F(x1*x2^1.5)` as mathtext."""
    words = re.sub(r"\^([\d.]+)", r"^{\1}", words)
    words = re.sub(r"(?<![A-Za-z])([A-Za-z])_?(\d+)", r"\1_{\2}", words)
    return words.replace("*", r"\,")


def _draw(ax: Axes, boxes: _Boxes, scores: bool) -> None:
    ink, soft, paper = inks(ax)
    lines = [[(box.x, box.y), (child.x, child.y)] for box in boxes.placed for child in box.children]
    ax.add_collection(LineCollection(lines, colors=[soft], linewidths=1.2, zorder=1, label="lines"), autolim=False)
    for box in boxes.placed:
        node = box.node
        shapeless = node.kind == "function" and not node.children
        round_ = node.kind in ("sum", "product") and bool(_parts(node))
        bare = node.kind in ("leaf", "constant") or (node.kind == "sum" and not round_)
        frame = {
            "boxstyle": "circle,pad=0.25" if round_ else "round,pad=0.35",
            "facecolor": paper, "edgecolor": ORANGE if shapeless else BLUE, "linewidth": 0.0 if bare else 1.4,
        }  # fmt: skip
        size = _SIZE + 3 if round_ else _SIZE
        look = {"ha": "center", "va": "center", "fontsize": size, "color": ink, "parse_math": box.math, "zorder": 3}
        ax.text(box.x, box.y, box.text, bbox=frame, usetex=False, **look)
        if scores and not (bare or shapeless):
            _write_score(ax, box, size, soft)


def _write_score(ax: Axes, box: _Box, size: float, colour: Any) -> None:
    """Beside a node, away from the line to the node above; below one without parts."""
    side = -1 if box.parent > box.x else 1
    x, y = box.x + side * (text_width(box.text, size, box.math) / 2 + 0.16), box.y + 0.1
    horizontal, vertical = ("right" if side < 0 else "left"), "bottom"
    if not box.children:
        x, y, horizontal, vertical = box.x, box.y - 0.2, "center", "top"
    look = {"fontsize": _SMALL, "color": colour, "parse_math": False, "zorder": 2}
    ax.text(x, y, _short(box.node.score), ha=horizontal, va=vertical, **look)


def _short(score: float) -> str:
    if score == 0:
        return "0"
    power = int(np.floor(np.log10(score)))
    return f"{score:.2g}" if power > -3 else f"{score:.0e}".replace("e-0", "e-").replace("-", "\N{MINUS SIGN}")

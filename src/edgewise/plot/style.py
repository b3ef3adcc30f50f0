"""What all pictures share: a figure without pyplot, colours, text that is measured before it is placed.

Figures are built directly, never through pyplot: nothing is registered globally, no window toolkit is
needed and a forgotten figure is garbage like any other object.
"""

from __future__ import annotations

import re
from functools import lru_cache
from io import BytesIO
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.mathtext import MathTextParser

# Okabe and Ito (2008), Color universal design: distinct for every common kind of colour vision. Series
# also differ by line style, so that a grey print can be read.
INK, SOFT, FAINT = "#1a1a1a", "#595959", "#d9d9d9"
BLUE, ORANGE, GREEN = "#0072b2", "#d55e00", "#009e73"


class Picture(Figure):
    """A figure that notebooks display whether or not pyplot was imported."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"facecolor": "white", "edgecolor": "white", **kwargs})
        FigureCanvasAgg(self)

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        """The picture at twice the pixels of its size, for sharp screens."""
        stream = BytesIO()
        self.savefig(stream, format="png", dpi=192)
        width, height = (round(inches * 96) for inches in self.get_size_inches())
        return stream.getvalue(), {"width": width, "height": height}

    def _repr_html_(self) -> None:
        """Nothing: the PNG speaks."""


def new_axes(width: float, height: float) -> Axes:
    """Axes of a new figure of that size in inches."""
    return Picture(figsize=(width, height), layout="constrained").add_subplot()


def figure_of(ax: Axes) -> Figure:
    """The figure that holds these axes, also through subfigures."""
    figure = ax.figure
    while not isinstance(figure, Figure):
        figure = figure.figure
    return figure


def inks(ax: Axes) -> tuple[Any, Any, Any]:
    """Colours of text, of secondary text and of the paper, for axes on a light or a dark figure."""
    paper = to_rgba(ax.figure.get_facecolor())
    if paper[3] < 0.5:  # transparent: most pages are white
        return INK, SOFT, "white"
    dark = 0.299 * paper[0] + 0.587 * paper[1] + 0.114 * paper[2] < 0.45
    return ("#f2f2f2", "#b8b8b8", paper) if dark else (INK, SOFT, paper)


def tidy(ax: Axes) -> None:
    """Two spines, quiet ticks, a light grid behind the data."""
    ink, soft, paper = inks(ax)
    ax.set_facecolor(paper)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color(soft)
    ax.tick_params(colors=soft, labelcolor=ink, labelsize=9)
    ax.grid(True, color=soft, alpha=0.16, linewidth=0.7)
    ax.set_axisbelow(True)
    for label in (ax.xaxis.label, ax.yaxis.label, ax.title):
        label.set(color=ink, fontsize=10)


# ------------------------------------------------------------------------------------------------ text


def pretty(name: str) -> tuple[str, bool]:
    """The text drawn for a name, and whether it is mathematics."""
    # x12 becomes x with an index, and $...$ is mathematics where matplotlib can set it. Anything else,
    # dollar signs included, is shown literally: names come from other people's tables.
    short = re.fullmatch(r"([A-Za-z])(?:_?(\d+))?", name)
    if short:
        return f"${short[1]}_{{{short[2]}}}$" if short[2] else f"${name}$", True
    return name, len(name) > 2 and name[0] == name[-1] == "$" and _is_math(name)


@lru_cache(maxsize=1024)
def _is_math(text: str) -> bool:
    try:
        MathTextParser("path").parse(text)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=4096)
def text_width(text: str, size: float, math: bool = False) -> float:
    """Width in inches of one line of text at a font size in points."""
    width, _, _ = _renderer().get_text_width_height_descent(text, FontProperties(size=size), math)
    return width / 72


@lru_cache(maxsize=1)
def _renderer() -> RendererAgg:
    return RendererAgg(1, 1, 72)  # 72 dots per inch: dots are points


def put_name(ax: Axes, x: float, y: float, name: str, **kwargs: Any) -> None:
    """Write a name, literally unless it is mathematics."""
    text, math = pretty(name)
    ax.text(x, y, text, parse_math=math, usetex=False, **{"color": INK, **kwargs})

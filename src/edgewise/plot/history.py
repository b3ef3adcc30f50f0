"""How a training run went."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from edgewise.errors import ParameterError
from edgewise.plot.style import BLUE, GREEN, ORANGE, figure_of, inks, new_axes, tidy

if TYPE_CHECKING:
    from edgewise.train import FitResult

_CURVES = {
    "train_loss": ("training", BLUE, "-"),
    "val_loss": ("validation", ORANGE, "--"),
    "test_loss": ("test", GREEN, ":"),
}


def plot_history(
    result: FitResult | Mapping[str, Sequence[float]],
    ax: Axes | None = None,
    *,
    grid_steps: Iterable[int] | None = None,
) -> Figure:
    """Draw the losses of a run, on a logarithmic scale where all are positive.

    Marks along the lower edge are grid updates; a ring marks the step whose weights were kept.

    Args:
        result: what `fit` returned, or any mapping with `"train_loss"` and perhaps `"val_loss"` and
            `"test_loss"`, one value per step. Values that are not finite leave gaps.
        ax: axes to draw into; a new figure when absent.
        grid_steps: after how many steps the grid was updated; `result.grid_steps` when absent.

    Returns:
        The figure, not shown.

    Raises:
        ParameterError: `result` has no `"train_loss"`.
    """
    losses = {name: list(result[name]) for name in _CURVES if name in result and len(result[name])}
    if "train_loss" not in losses:
        raise ParameterError(f"`result` must hold a non-empty 'train_loss'; it holds {sorted(result)}.")
    ax = new_axes(4.6, 3.2) if ax is None else ax
    tidy(ax)
    finite = [value for values in losses.values() for value in values if math.isfinite(value)]
    if finite and min(finite) > 0:
        ax.set_yscale("log")
        if max(finite) < 20 * min(finite):  # hardly a power of ten on the axis: plain numbers
            ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            ax.yaxis.set_minor_locator(NullLocator())
            ax.yaxis.set_major_formatter(_plain)
        if max(finite) < 2 * min(finite):
            ax.yaxis.set_major_locator(MaxNLocator(5))
    ax.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    for name, values in losses.items():
        label, colour, line = _CURVES[name]
        steps = range(1, len(values) + 1)
        marker = "o" if len(values) == 1 else None
        shown = [value if math.isfinite(value) else math.nan for value in values]
        ax.plot(steps, shown, color=colour, linestyle=line, linewidth=1.8, marker=marker, label=label)
    if all(len(values) == 1 for values in losses.values()):
        ax.set_xlim(0, 2)
    _mark_best(ax, losses, getattr(result, "best_step", None))
    updates = list(getattr(result, "grid_steps", ()) if grid_steps is None else grid_steps)
    if updates:
        look = {"color": inks(ax)[1], "linewidth": 1, "transform": ax.get_xaxis_transform()}
        ax.vlines(updates, 0, 0.045, label="grid update", **look)
    ax.set_xlabel("step")
    ax.set_ylabel("loss")
    ax.legend(frameon=False, fontsize=9, labelcolor=inks(ax)[0])
    return figure_of(ax)


def _plain(value: float, _: float | None = None) -> str:
    return f"{value:.3g}"


def _mark_best(ax: Axes, losses: dict[str, list[float]], best_step: int | None) -> None:
    """A ring at the kept step, on the curve that chose it."""
    values = losses.get("val_loss", losses["train_loss"])
    if best_step and best_step <= len(values) and math.isfinite(values[best_step - 1]):
        ink, _, paper = inks(ax)
        look = {"facecolors": paper, "edgecolors": ink, "linewidths": 1.4, "zorder": 4}
        ax.scatter([best_step], [values[best_step - 1]], s=42, label=f"kept: step {best_step}", **look)

"""How well a model predicts, and what it looks at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from edgewise.errors import DomainError, ParameterError, ShapeError
from edgewise.plot.style import BLUE, Picture, figure_of, inks, new_axes, tidy

_MANY = 3000  # points; beyond, a density is drawn: a vector picture of every point would be megabytes
_MOST_PANELS = 6


def plot_predictions(y_true: Any, y_pred: Any, *, names: Sequence[str] | None = None, ax: Axes | None = None) -> Figure:
    """Draw predictions against true values; on the diagonal they agree.

    Args:
        y_true: `(N,)` or `(N, K)` values.
        y_pred: predictions of the same shape.
        names: of the `K` quantities.
        ax: axes to draw into, for one quantity; a new figure with a panel per quantity (at most 6) when absent.

    Returns:
        The figure, not shown. More than 3000 points are drawn as a density.

    Raises:
        ShapeError: the shapes differ, there are no rows, or several quantities are to go into one `ax`.
        DomainError: a value is NaN or infinite.
        ParameterError: `names` has another length.
    """
    true, predicted = _columns(y_true), _columns(y_pred)
    if true.shape != predicted.shape or true.size == 0:
        raise ShapeError(
            f"`y_true` and `y_pred` must have the same shape and rows; got {np.shape(y_true)} and {np.shape(y_pred)}."
        )
    for argument, values in (("y_true", true), ("y_pred", predicted)):
        if not np.isfinite(values).all():
            row = int(np.argwhere(~np.isfinite(values))[0, 0])
            raise DomainError(f"`{argument}` must be finite; row {row} is not. Drop or fill those rows.")
    panels = true.shape[1]
    if names is not None and len(names) != panels:
        raise ParameterError(f"`names` must have {panels} entries; got {len(names)}.")
    if ax is not None:
        if panels != 1:
            raise ShapeError(f"`ax` takes one quantity; got {panels}. Leave `ax` out for a panel each.")
        axes = [ax]
    elif panels == 1:
        axes = [new_axes(3.4, 3.3)]
    else:
        shown = min(panels, _MOST_PANELS)
        rows, columns = -(-shown // 3), min(shown, 3)
        figure = Picture(figsize=(3.1 * columns, 3.0 * rows), layout="constrained")
        axes = list(figure.subplots(rows, columns, squeeze=False).flat)
        for spare in axes[shown:]:
            spare.set_axis_off()
        axes = axes[:shown]
    for n, panel in enumerate(axes):
        _parity(panel, true[:, n], predicted[:, n], names[n] if names is not None else None)
    return figure_of(axes[0])


def plot_confusion(y_true: Any, y_pred: Any, *, labels: Sequence[Any] | None = None, ax: Axes | None = None) -> Figure:
    """Draw how often each true class was predicted as each class: counts, shaded by share of the true class.

    Args:
        y_true: `(N,)` classes.
        y_pred: `(N,)` predicted classes.
        labels: the classes in order; all that occur, sorted, when absent.
        ax: axes to draw into; a new figure when absent.

    Returns:
        The figure, not shown.

    Raises:
        ShapeError: the shapes differ or are not `(N,)` with rows.
        ParameterError: `labels` misses a class that occurs.
    """
    true, predicted = np.asarray(y_true), np.asarray(y_pred)
    if true.ndim != 1 or true.shape != predicted.shape or not len(true):
        raise ShapeError(f"`y_true` and `y_pred` must both be (N,), N >= 1; got {true.shape} and {predicted.shape}.")
    occurring = sorted({*true.tolist(), *predicted.tolist()}, key=lambda c: (type(c).__name__, c))
    classes = occurring if labels is None else list(labels)
    missing = [c for c in occurring if c not in classes]
    if missing:
        raise ParameterError(f"`labels` must hold every class that occurs; {missing} are missing from {classes}.")
    place = {c: n for n, c in enumerate(classes)}
    counts = np.zeros((len(classes), len(classes)), dtype=int)
    np.add.at(counts, ([place[c] for c in true.tolist()], [place[c] for c in predicted.tolist()]), 1)
    side = min(7.0, 2.2 + 0.5 * len(classes))
    ax = new_axes(side + 0.3, side) if ax is None else ax
    _confusion(ax, counts, [str(c) for c in classes])
    return figure_of(ax)


def plot_importance(names: Sequence[str], scores: Any, ax: Axes | None = None, *, most: int = 20) -> Figure:
    """Draw bars of importance, the largest on top.

    Args:
        names: of the inputs.
        scores: one number each, e.g. `edgewise.interpret.input_scores(model, x)`.
        ax: axes to draw into; a new figure when absent.
        most: how many bars at most; the axis says how many inputs there are.

    Returns:
        The figure, not shown.

    Raises:
        ShapeError: there are not as many scores as names, or none.
        ParameterError: `most` is not an int >= 1.
    """
    values = _columns(scores)[:, 0]
    if len(values) != len(names) or not len(values):
        raise ShapeError(f"`scores` must be one number for each of the {len(names)} names; got {len(values)}.")
    if not isinstance(most, int) or most < 1:
        raise ParameterError(f"`most` must be an int >= 1; got {most!r}.")
    order = np.argsort(-values, kind="stable")[:most]
    ax = new_axes(5.6, 0.8 + 0.3 * len(order)) if ax is None else ax
    tidy(ax)
    ax.grid(False, axis="y")
    ink, soft, _ = inks(ax)
    bars = ax.barh(np.arange(len(order)), values[order], height=0.62, color=BLUE)
    ax.bar_label(bars, labels=[f"{value:.2f}" for value in values[order]], padding=4, fontsize=9, color=soft)
    ax.invert_yaxis()
    ax.tick_params(axis="y", length=0)
    ax.set_yticks(np.arange(len(order)), labels=[_short(str(names[n])) for n in order], parse_math=False, color=ink)
    ax.margins(x=0.14)
    ax.set_xlim(left=min(0.0, float(values[order].min())))
    shown = "" if len(order) == len(values) else f" (the first {len(order)} of {len(values)})"
    ax.set_xlabel(f"importance, largest is 1{shown}" if values.max() == 1 else f"importance{shown}", color=ink)
    return figure_of(ax)


def _parity(ax: Axes, true: np.ndarray, predicted: np.ndarray, name: str | None) -> None:
    tidy(ax)
    ink, soft, _ = inks(ax)
    lo, hi = min(true.min(), predicted.min()), max(true.max(), predicted.max())
    margin = 0.04 * (hi - lo) or 0.5
    ends = (lo - margin, hi + margin)
    if len(true) > _MANY:
        box = (lo - margin, hi + margin, lo - margin, hi + margin)
        ax.hexbin(
            true, predicted, gridsize=45, mincnt=1, bins="log", cmap="Blues", extent=box, linewidths=0.1, zorder=2
        )
    else:
        opacity = float(np.clip(12 / len(true) ** 0.5, 0.25, 0.8))
        ax.scatter(true, predicted, s=13, color=BLUE, alpha=opacity, linewidths=0, zorder=2)
    ax.plot(ends, ends, color=ink, linewidth=1, linestyle="--", zorder=3)
    ax.set(xlim=ends, ylim=ends, aspect="equal")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(5))  # the same numbers both ways
    ax.set_xlabel("true")
    ax.set_ylabel("predicted")
    if name:
        ax.set_title(name, parse_math=False, fontsize=10, color=ink)
    error = np.sqrt(np.mean((true - predicted) ** 2))
    label = f"RMSE {error:.3g}"
    spread = np.mean((true - true.mean()) ** 2)
    if spread > 0:
        label += f"\nR\N{SUPERSCRIPT TWO} {1 - error**2 / spread:.3f}"
    ax.text(0.04, 0.96, label, transform=ax.transAxes, ha="left", va="top", fontsize=9, color=soft)


def _confusion(ax: Axes, counts: np.ndarray, names: list[str]) -> None:
    ink, soft, _ = inks(ax)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    # Cells as vector rectangles, not an image: sharp at any size.
    ax.pcolormesh(np.arange(len(names) + 1), np.arange(len(names) + 1), share, cmap="Blues", vmin=0, vmax=1)
    size = float(np.clip(9 - 0.25 * len(names), 4, 9))
    if len(names) <= 20:
        for (row, column), count in np.ndenumerate(counts):
            colour = "white" if share[row, column] > 0.55 else "#1a1a1a"
            ax.text(column + 0.5, row + 0.5, str(count), ha="center", va="center", fontsize=size, color=colour)
    ax.invert_yaxis()
    ticks = np.arange(len(names)) + 0.5
    slant = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"} if max(map(len, names)) > 4 else {}
    ax.set_xticks(ticks, labels=[_short(name) for name in names], parse_math=False, color=ink, **slant)
    ax.set_yticks(ticks, labels=[_short(name) for name in names], parse_math=False, color=ink)
    ax.tick_params(length=0, labelsize=9)
    ax.set(aspect="equal")
    ax.set_xlabel("predicted", color=ink)
    ax.set_ylabel("true", color=ink)
    for spine in ax.spines.values():
        spine.set_color(soft)
    right = np.trace(counts) / counts.sum()
    ax.set_title(f"accuracy {right:.3f}", loc="left", fontsize=10, color=ink)


def _short(name: str, most: int = 32) -> str:
    return name if len(name) <= most else name[: most - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _columns(values: Any) -> np.ndarray:
    """`(N, K)` floats of anything array-like."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
    array = np.asarray(values, dtype=float)
    return array[:, None] if array.ndim == 1 else array

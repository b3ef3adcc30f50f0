"""A solved differential equation: the solution, where it is wrong, and how it got there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from edgewise.errors import ParameterError
from edgewise.physics import Evolution, ReferenceGrid, Solution
from edgewise.plot.style import BLUE, GREEN, INK, ORANGE, Picture, inks, tidy

Solved = Solution | Evolution

_MOST_DIM = 2
_DECADES = 1e-4
"""Errors below this, beside the largest, have its colour."""


def plot_solution(solution: Solved, *, n: int = 101) -> Figure:
    """Draw a solution in one or two coordinates, its error (or its residual, where no solution is known), and the run.

    Args:
        solution: what `edgewise.physics.solve` or `march` returned.
        n: points along each coordinate.

    Returns:
        The figure, not shown.

    Raises:
        ParameterError: the domain has more than two coordinates.
    """
    domain = solution.problem.domain
    if domain.dim > _MOST_DIM:
        raise ParameterError(
            f"`plot_solution` draws domains of one or two coordinates; this one has {domain.dim}: "
            f"{', '.join(domain.names)}. Evaluate a section, `solution(x)`, and draw that."
        )
    figure = Picture(figsize=(11.0, 3.3), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    axes = [np.linspace(lo, hi, n) for lo, hi in domain.bounds.tolist()]
    wrong, name = _error(solution, axes)
    if domain.dim == 1:
        _draw_lines(left, middle, solution, axes[0], wrong, name)
    else:
        _draw_maps(left, middle, solution, axes, wrong, name)
    _draw_run(right, solution)
    return figure


def _values(solution: Solved, axes: list[np.ndarray]) -> np.ndarray:
    """Values on a grid, NaN outside the domain; of the first output."""
    nodes = _nodes(axes)
    return _masked(solution, nodes, solution.field(nodes).value.detach(), axes)


def _known(exact: Callable[[torch.Tensor], torch.Tensor], nodes: np.ndarray) -> np.ndarray:
    """Known values of the first output."""
    return exact(torch.as_tensor(nodes)).detach().reshape(len(nodes), -1)[:, 0].numpy()


def _error(solution: Solved, axes: list[np.ndarray]) -> tuple[np.ndarray, str]:
    """What is wrong on a grid, and its name."""
    exact, nodes = solution.problem.exact, _nodes(axes)
    if exact is None:
        u = solution.field(nodes)
        found = solution.problem.pde(torch.as_tensor(nodes), u, **solution.unknowns)
        found = found[0] if isinstance(found, tuple) else found
        found = found if found.dim() == 1 else found[:, 0]
        return np.abs(_masked(solution, nodes, found.detach(), axes)), "residual"
    if isinstance(exact, ReferenceGrid):
        from scipy.interpolate import RegularGridInterpolator

        known = [axis.numpy() for axis in exact.axes]
        wanted = RegularGridInterpolator(known, exact.values.numpy(), bounds_error=False)(nodes)
    else:
        wanted = _known(exact, nodes)
    return np.abs(_values(solution, axes) - wanted.reshape([len(axis) for axis in axes])), "error"


def _nodes(axes: list[np.ndarray]) -> np.ndarray:
    return np.stack([part.reshape(-1) for part in np.meshgrid(*axes, indexing="ij")], axis=1)


def _masked(solution: Solved, nodes: np.ndarray, values: torch.Tensor, axes: list[np.ndarray]) -> np.ndarray:
    inside = solution.problem.domain.contains(torch.as_tensor(nodes)).numpy()
    shown = np.where(inside, values.double().cpu().numpy(), np.nan)
    return shown.reshape([len(axis) for axis in axes])


def _draw_lines(left: Axes, middle: Axes, solution: Solved, x: np.ndarray, wrong: np.ndarray, name: str) -> None:
    exact, (coordinate,) = solution.problem.exact, solution.problem.domain.names
    left.plot(x, _values(solution, [x]), color=BLUE, linewidth=1.8, label="network")
    if exact is not None and not isinstance(exact, ReferenceGrid):
        left.plot(x, _known(exact, x[:, None]), color=INK, linewidth=1.0, linestyle="--", label="known")
        left.legend(frameon=False, fontsize=8)
    middle.semilogy(x, np.maximum(wrong, np.nanmax(wrong) * 1e-6), color=ORANGE, linewidth=1.5)
    for ax, title in ((left, "solution"), (middle, name)):
        tidy(ax)
        ax.set_xlabel(coordinate)
        ax.set_title(title, fontsize=10)


def _draw_maps(
    left: Axes, middle: Axes, solution: Solved, axes: list[np.ndarray], wrong: np.ndarray, name: str
) -> None:
    first, second = solution.problem.domain.names
    for ax, values, title, colours in (
        (left, _values(solution, axes), "solution", "viridis"), (middle, wrong, name, "magma"),
    ):  # fmt: skip
        tidy(ax)
        ax.grid(False)
        top = float(np.nanmax(values))
        norm = LogNorm(top * _DECADES, top) if ax is middle and 0 < top < np.inf else None
        shown = values.T if norm is None else np.maximum(values.T, top * _DECADES)
        drawn = ax.pcolormesh(axes[0], axes[1], shown, cmap=colours, norm=norm, shading="nearest", rasterized=True)
        bar = ax.figure.colorbar(drawn, ax=ax, format="%.2g" if norm is None else None)
        bar.ax.tick_params(labelsize=8)
        ax.set_xlabel(first)
        ax.set_ylabel(second)
        ax.set_title(title, fontsize=10)


def _draw_run(ax: Axes, solution: Solved) -> None:
    tidy(ax)
    history = solution.history
    for key, label, colour, style in (
        ("error", "relative error", BLUE, "-"), ("residual", "residual, other points", ORANGE, "--"),
        ("loss", "loss", GREEN, ":"),
    ):  # fmt: skip
        if key in history:
            ax.semilogy(history["step"], history[key], color=colour, linestyle=style, linewidth=1.5, label=label)
    ax.axvline(history["step"][solution.best], color=inks(ax)[1], linewidth=0.8, linestyle=(0, (2, 2)), zorder=0.8)
    ax.legend(frameon=False, fontsize=8, labelcolor=inks(ax)[0])
    ax.set_xlabel("iteration")
    ax.set_title(f"stopped: {solution.stopped_because}", fontsize=10)

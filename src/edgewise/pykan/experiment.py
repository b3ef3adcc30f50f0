"""`kan.experiment`: a search over sizes, and the best trade-offs in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from edgewise.errors import ParameterError, ShapeError

if TYPE_CHECKING:
    from edgewise.pykan.MultKAN import MultKAN

__all__ = ["np", "pareto_frontier", "runner1", "torch"]


def runner1(
    width: Sequence[Any],
    dataset: dict[str, torch.Tensor],
    grids: Sequence[int] = (5, 10, 20),
    steps: int = 20,
    lamb: float = 0.001,
    prune_round: int = 3,
    refine_round: int = 3,
    edge_th: float = 1e-2,
    node_th: float = 1e-2,
    metrics: Sequence[Callable[[Any, Any], Any]] | None = None,
    seed: int = 1,
) -> dict[str, np.ndarray]:
    """Train and prune, several times; after every pruning refine a copy step by step.

    Differs from pykan: the pruned model is kept in memory, not read from a file of version history.

    Args:
        width: of the first network.
        dataset: what to learn.
        grids: sizes of the grid, the first one to begin with; at least `refine_round`.
        steps: of every training.
        lamb: strength of the penalty while training before a pruning.
        prune_round: how often to prune.
        refine_round: how many grids after every pruning.
        edge_th: threshold of edges.
        node_th: threshold of nodes.
        metrics: functions `(model, dataset)`, each under its name.
        seed: of the first network.

    Returns:
        Arrays with an entry per model: `test_loss`, `c` (edges), `G` (intervals), `id` (`"pruning.refinement"`), and
        one per metric.

    Raises:
        ParameterError: fewer grids than `refine_round`.
    """
    from edgewise.pykan.MultKAN import MultKAN

    if len(grids) < max(1, refine_round):
        raise ParameterError(
            f"`grids` must have at least {max(1, refine_round)} sizes, one per refinement; got {grids}."
        )
    found = _Found(dataset, metrics or ())
    pruned = MultKAN(width=list(width), grid=grids[0], seed=seed)
    for i in range(prune_round):
        pruned.fit(dataset, steps=steps, lamb=lamb)
        pruned = pruned.prune(edge_th=edge_th, node_th=node_th)
        found.add(pruned, f"{i}.0")
        model = pruned
        for j, grid in enumerate(grids[:refine_round]):
            model = model.refine(grid)
            model.fit(dataset, steps=steps)
            found.add(model, f"{i}.{j + 1}")
    return {name: np.array(values) for name, values in found.columns.items()}


class _Found:
    """The models of a run, in numbers."""

    def __init__(self, dataset: dict[str, torch.Tensor], metrics: Sequence[Callable[[Any, Any], Any]]) -> None:
        self.dataset, self.metrics = dataset, metrics
        names = ["test_loss", "c", "G", "id", *(metric.__name__ for metric in metrics)]
        self.columns: dict[str, list[Any]] = {name: [] for name in names}

    def add(self, model: MultKAN, label: str) -> None:
        """Evaluate one more."""
        seen = model.evaluate(self.dataset)
        own = [float(seen["test_loss"]), int(seen["n_edge"]), int(seen["n_grid"]), label]
        own += [float(metric(model, self.dataset)) for metric in self.metrics]
        for column, value in zip(self.columns.values(), own, strict=True):
            column.append(value)


def pareto_frontier(x: Any, y: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The points that no other beats: none is as low in both and lower in one.

    Differs from pykan: of equal points on the frontier all are kept, there none.

    Args:
        x: `(N,)` one cost.
        y: `(N,)` the other.

    Returns:
        `x` and `y` of these points, and their numbers, in the order given.

    Raises:
        ShapeError: `x` and `y` are not of one length.
    """
    x, y = np.asarray(x), np.asarray(y)
    if x.ndim != 1 or x.shape != y.shape:
        raise ShapeError(f"`x` and `y` must be (N,) both; got {x.shape} and {y.shape}.")
    as_low = (x[:, None] <= x) & (y[:, None] <= y)
    lower = (x[:, None] < x) | (y[:, None] < y)
    number = np.flatnonzero(~(as_low & lower).any(axis=0))
    return x[number], y[number], number

"""The grid staircase: train on a coarse grid, refine, go on, until the validation loss no longer falls.

A coarse grid finds the shape of the functions quickly and from any start; each refinement keeps it and adds detail
(arXiv 2404.19756, section 2.4). The number of parameters that data can determine is limited, so with a validation set
the climb ends where its loss has turned, and the model goes back to the grid that was best.
"""

import copy
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch

from edgewise.errors import ParameterError
from edgewise.models.grids import refine_in_place
from edgewise.models.kan import KAN, spline_layers
from edgewise.train.result import FitResult, Stage

LADDER = (3, 5, 10, 20, 50, 100, 200)
"""Grids of `grids="auto"`, from the model's own on."""


def check_grids(grids: Any, model: Any) -> list[int] | None:
    """The grids to climb.

    Args:
        grids: as passed to `fit`.
        model: the model.

    Returns:
        Intervals per stage, or None without a staircase.

    Raises:
        ParameterError: not None, `"auto"` or increasing ints >= 1, or not a `KAN`.
    """
    if grids is None:
        return None
    if not isinstance(model, KAN):
        raise ParameterError(f"`grids` must be None for a {type(model).__name__}, which has no grid to refine.")
    layers = spline_layers(model, "`grids`")
    if isinstance(grids, str) and grids == "auto":
        own = max(layer.grid for layer in layers)
        return [own, *(size for size in LADDER if size > own)]
    climbing = isinstance(grids, Sequence) and not isinstance(grids, str) and len(grids) > 0
    if not climbing:
        raise ParameterError(f"`grids` must be None, 'auto' or a list of grid sizes such as [3, 5, 10]; got {grids!r}.")
    for size in grids:
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            raise ParameterError(f"`grids` must hold ints >= 1, numbers of intervals; got {size!r} in {list(grids)!r}.")
    if any(b <= a for a, b in itertools.pairwise(grids)):
        raise ParameterError(f"`grids` must increase from stage to stage; got {list(grids)!r}.")
    return list(grids)


def climb(
    model: KAN, grids: Sequence[int], train: Callable[[int, bool], FitResult], halted: Callable[[], bool]
) -> FitResult:
    """Train on one grid after the other; the model is refined in place.

    Args:
        model: the network.
        grids: intervals per stage.
        train: `train(stage, is_last)` trains the model as it is and gives the result.
        halted: whether the last stage was ended from outside.

    Returns:
        All stages as one result.
    """
    results: list[FitResult] = []
    stages: list[Stage] = []
    best, best_loss, turned = None, math.inf, False
    for number, grid in enumerate(grids):
        refine_in_place(model, [grid] * len(model.layers))
        result = train(number, number + 1 == len(grids))
        results.append(result)
        stages.append(_stage(result, grid))
        loss = stages[-1].val_rmse
        if loss is not None and loss < best_loss:
            best, best_loss = (number, copy.deepcopy(model.state_dict())), loss
        elif loss is not None:
            turned = True
        if turned or halted():
            break
    if best is not None and best[0] + 1 < len(results):
        _restore(model, grids[best[0]], best[1])
    reached = len(results) - 1 if best is None else best[0]
    return _join(results, stages, reached, turned and not halted(), grids)


def _stage(result: FitResult, grid: int) -> Stage:
    """What a stage has reached, at the step whose weights the model has."""

    def last(part: str) -> float | None:
        for name in (f"{part}_rmse", f"{part}_loss"):
            if result.history.get(name):
                return result.history[name][result.best_step - 1]
        return None

    train = last("train")
    train = math.nan if train is None else train
    return Stage(grid, result.steps, train, last("val"), last("test"), result.seconds)


@torch.no_grad()
def _restore(model: KAN, grid: int, state: dict[str, Any]) -> None:
    refine_in_place(model, [grid] * len(model.layers))
    model.load_state_dict(state)


def _join(results: list[FitResult], stages: list[Stage], reached: int, turned: bool, grids: Sequence[int]) -> FitResult:
    last = results[-1]
    names = [name for name in last.history if all(name in result.history for result in results)]
    before = sum(result.steps for result in results[:reached])
    end = last.stopped_because
    if turned:
        end = (
            f"The validation loss rose from grid {grids[reached]} to grid {grids[len(results) - 1]}; the model is the "
            f"one of grid {grids[reached]}."
        )
    starts = [result.start for result in results]
    offsets = [sum(result.steps for result in results[:n]) for n in range(len(results))]
    return replace(
        last,
        history={name: [value for result in results for value in result.history[name]] for name in names},
        stopped_because=end,
        steps=sum(result.steps for result in results),
        seconds=sum(result.seconds for result in results),
        best_step=before + results[reached].best_step,
        grid_steps=tuple(at + step for at, result in zip(offsets, results, strict=True) for step in result.grid_steps),
        stages=tuple(stages),
        start=starts[0],
    )

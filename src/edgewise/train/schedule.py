"""What changes while training: the grids early on, the learning rate throughout."""

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim import lr_scheduler

from edgewise.errors import ParameterError
from edgewise.layers import KANLayer
from edgewise.models.grids import move_grid, update_grids
from edgewise.models.kan import KAN
from edgewise.train.optimizers import forget, sees_all_rows, title_of

SCHEDULERS = ("cosine", "plateau", "onecycle")


def grid_steps(steps: int, grid_updates: int, stop_grid_update: float) -> set[int]:
    """Numbers of the steps (from 0) before which grids move.

    They are spread evenly over the first `stop_grid_update` of the run, and none comes at the very start:
    there the hidden nodes of a fresh network carry almost nothing, and a grid fitted to almost nothing costs
    accuracy (measured: median test error 8.6e-3 with a single update at the start, 3e-3 with one at step 10).

    Args:
        steps: steps of the run.
        grid_updates: how many updates.
        stop_grid_update: fraction of the steps.

    Returns:
        At most `grid_updates` numbers.
    """
    last = steps * stop_grid_update
    return {round(last * (n + 1) / grid_updates) for n in range(grid_updates)} - {0} if grid_updates else set()


def move_grids(model: nn.Module, x: Tensor, optimizer: torch.optim.Optimizer) -> None:
    """Fit the grids to the data; Adam and its kin start anew for spline coefficients.

    Args:
        model: a `KAN`.
        x: `(B, inputs)` training inputs.
        optimizer: the optimizer in use.
    """
    move_grid(cast("KAN", model), x)
    forget(optimizer, [layer.spline_weight for layer in model.modules() if isinstance(layer, KANLayer)])


def move_input_grid(model: nn.Module, x: Tensor) -> bool:
    """Fit the first layer's grid to the inputs if it does not fit them.

    Hidden layers wait for the scheduled updates, see `grid_steps`.

    Args:
        model: a `KAN`.
        x: `(B, inputs)` training inputs.

    Returns:
        Whether the inputs left the domain, or used less than half of it, so that the grid was moved.
    """
    return move_input_grids([cast("KAN", model)], x[None]) > 0


def move_input_grids(models: Sequence[KAN], x: Tensor) -> int:
    """`move_input_grid` of several models of one structure.

    Args:
        models: the models.
        x: `(M, B, inputs)` training inputs.

    Returns:
        How many grids were moved.
    """
    lo, hi = torch.stack([model.layers[0].domain for model in models]).unbind(-1)  # (M, inputs)
    low, high = x.amin(1), x.amax(1)
    slack = 0.01 * (hi - lo)  # a sample's extremes may lie a little outside of the range meant
    unfit = (low < lo - slack) | (high > hi + slack) | ((high > low) & (high - low < 0.5 * (hi - lo)))
    chosen = unfit.any(1).nonzero()[:, 0]
    if len(chosen):
        update_grids([models[m] for m in chosen.tolist()], x[chosen], first_layer_only=True)
    return len(chosen)


class RateSchedule:
    """A learning-rate scheduler with one interface: `.update()` after every update, `.step(loss)` after every step.

    Args:
        scheduler: None, a name of `SCHEDULERS`, a callable `optimizer -> scheduler`, or an instance.
        optimizer: the optimizer it acts on.
        steps: steps of the run.
        updates_per_step: optimizer updates per step.

    Raises:
        ParameterError: unknown name, or an instance over another optimizer.
    """

    def __init__(
        self, scheduler: Any, optimizer: torch.optim.Optimizer, steps: int, updates_per_step: int | None
    ) -> None:
        self.scheduler = _build(scheduler, optimizer, steps * (updates_per_step or 1))
        self.per_update = isinstance(scheduler, str) and scheduler != "plateau" and updates_per_step is not None

    def update(self) -> None:
        """Call after every optimizer update."""
        if self.scheduler is not None and self.per_update:
            self.scheduler.step()

    def step(self, loss: float) -> None:
        """Call after every step with the validation (or training) loss."""
        if self.scheduler is None or self.per_update:
            return
        if isinstance(self.scheduler, lr_scheduler.ReduceLROnPlateau):
            self.scheduler.step(loss)
        else:
            self.scheduler.step()

    def scale(self, factor: float) -> None:
        """Multiply the rates that the scheduler will hand out from now on."""
        if self.scheduler is not None and hasattr(self.scheduler, "base_lrs"):
            self.scheduler.base_lrs = [rate * factor for rate in self.scheduler.base_lrs]


def scale_rate(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Multiply every learning rate of the optimizer, and the marks schedulers leave there."""
    for group in optimizer.param_groups:
        for key in ("lr", "initial_lr", "max_lr", "min_lr"):
            if key in group:
                group[key] = group[key] * factor


def _build(scheduler: Any, optimizer: torch.optim.Optimizer, updates: int) -> Any:
    if scheduler is None:
        return None
    if sees_all_rows(optimizer):
        raise ParameterError(
            f"`scheduler` has no use for {title_of(optimizer)}, which chooses its own step lengths; leave it out."
        )
    if isinstance(scheduler, str):
        if scheduler not in SCHEDULERS:
            raise ParameterError(
                f"`scheduler` must be one of {SCHEDULERS}, a scheduler or a callable; got {scheduler!r}."
            )
        return _BY_NAME[scheduler](optimizer, max(updates, 1))
    if isinstance(scheduler, lr_scheduler.LRScheduler):
        if scheduler.optimizer is not optimizer:
            raise ParameterError(
                "`scheduler` acts on another optimizer. Pass its optimizer as `opt`, or pass a callable "
                "`lambda optimizer: Scheduler(optimizer, ...)`."
            )
        return scheduler
    if callable(scheduler):
        return scheduler(optimizer)
    raise ParameterError(f"`scheduler` must be one of {SCHEDULERS}, a scheduler or a callable; got {scheduler!r}.")


def _onecycle(optimizer: torch.optim.Optimizer, updates: int) -> lr_scheduler.OneCycleLR:
    momentum = any(key in optimizer.defaults for key in ("betas", "momentum"))
    rates = [group["lr"] for group in optimizer.param_groups]
    return lr_scheduler.OneCycleLR(optimizer, max_lr=rates, total_steps=updates + 1, cycle_momentum=momentum)


_BY_NAME: dict[str, Callable[[torch.optim.Optimizer, int], Any]] = {
    "cosine": lambda optimizer, updates: lr_scheduler.CosineAnnealingLR(optimizer, T_max=updates),
    "plateau": lambda optimizer, _: lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=10),
    "onecycle": _onecycle,
}

"""One stage of `fit`: an optimizer, a loop, a result."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from edgewise.errors import ParameterError
from edgewise.optim import LevenbergMarquardt
from edgewise.train.checkpoint import fingerprint
from edgewise.train.data import Prepared, Rows, Stream
from edgewise.train.loop import Loop, Plan, sample_inputs
from edgewise.train.optimizers import build, name_of, sees_all_rows, title_of
from edgewise.train.result import FitResult
from edgewise.train.schedule import RateSchedule
from edgewise.train.summary import summarize_inputs

_DAMPING = 1e-8, 1e-2
"""Within what limits a damping is carried to the next grid."""
_LATER_UPDATES = {0, 10}


@dataclass
class Run:
    """Checked arguments of `fit`, from which each stage builds its optimizer and loop.

    Attributes:
        model: what to train.
        data: checked data.
        plan: checked arguments of the loop; may be replaced between stages.
        chosen: the optimizer: a name, a class or an instance.
        why: why that one.
        rate: learning rate, or None.
        scheduler: as passed to `fit`.
        squares: whether the objective is a sum of squares.
        batch_size: as passed to `fit`.
        val: as passed to `fit`.
        resume: whether to go on from the checkpoint.
        damping: of Levenberg-Marquardt at the end of the stage before, or None.
        halted: whether the time limit, a callback or Ctrl-C ended the last stage.
        name: what the optimizer is called, see `name_of`.
    """

    model: nn.Module
    data: Prepared
    plan: Plan
    chosen: Any
    why: str
    rate: float | None
    scheduler: Any
    squares: bool
    batch_size: int | None
    val: Any
    resume: bool
    damping: float | None = None
    halted: bool = False
    name: str = ""

    def check(self) -> None:
        """Raise what building the optimizer would, before any work."""
        self.name = name_of(self._optimizer())

    def once(self) -> FitResult:
        """Train the model as it is."""
        model, plan, train = self.model, self.plan, self.data.train
        optimizer = self._optimizer()
        updates = _updates(train, plan.batch_size)
        plan.updates = updates or 0
        rates = RateSchedule(self.scheduler, optimizer, plan.steps, updates)
        if plan.checkpoint is not None:
            plan.settings = _settings(plan, optimizer, self.scheduler, train, self.val)
        loop = Loop(model, self.data, plan, optimizer, rates)
        if self.resume:
            if plan.checkpoint is None:
                raise ParameterError("`resume=True` needs `checkpoint`, the file to resume from.")
            if plan.checkpoint.exists():
                loop.load(plan.checkpoint)
        loop.run()
        self.halted = loop.halted or loop.interrupted
        self.plan.spent_sec += loop.seconds
        summarize_inputs([model], sample_inputs(train, plan.seed) if loop.sample is None else loop.sample)
        if isinstance(optimizer, LevenbergMarquardt) and optimizer.method.damping is not None:
            self.damping = min(max(float(optimizer.method.damping), _DAMPING[0]), _DAMPING[1])
        return FitResult(
            model=model,
            history=loop.history,
            stopped_because=loop.reason,
            opt=name_of(optimizer),
            why_opt=self.why,
            steps=loop.step,
            seconds=loop.seconds,
            best_step=loop.step if loop.best_step is None else loop.best_step,
            interrupted=loop.interrupted,
            grid_steps=tuple(sorted(step for step in plan.grid_steps if step < loop.step)),
        )

    def later_updates(self) -> set[int]:
        """Before which steps grids move where the model has been trained before: another grid, another start."""
        return _LATER_UPDATES & set(range(self.plan.steps)) if self.plan.update_grid else set()

    def _optimizer(self) -> torch.optim.Optimizer:
        optimizer = build(self.chosen, self.rate, [p for p in self.model.parameters() if p.requires_grad])
        if sees_all_rows(optimizer):
            _check_solver(optimizer, self.data.train, self.batch_size, self.plan.grad_clip)
        if isinstance(optimizer, LevenbergMarquardt):
            if not self.squares:
                plan = self.plan
                raise ParameterError(
                    f"`opt='lm'` minimizes a mean squared error: `loss` must be 'mse' and `lamb` 0 (and `ridge` 0 but "
                    f"for a KAN); got loss={plan.loss.name!r}, lamb={plan.lamb:g}, ridge={plan.ridge:g}. Choose "
                    f"`opt='lbfgs'`."
                )
            if self.damping is not None:
                optimizer.method.restart(self.damping)
        return optimizer


def _check_solver(
    optimizer: torch.optim.Optimizer, train: "Rows | Stream", batch_size: int | None, grad_clip: float | None
) -> None:
    name = title_of(optimizer)
    if isinstance(train, Stream):
        raise ParameterError(f"{name} needs all rows at once; pass arrays or tensors, or choose `opt='adamw'`.")
    if batch_size is not None and batch_size < len(train):
        raise ParameterError(
            f"`batch_size` must be None for {name}, which needs all rows at once; got {batch_size} of {len(train)} "
            f"rows. Choose `opt='adamw'` for mini-batches."
        )
    if grad_clip is not None:
        raise ParameterError(f"`grad_clip` must be None for {name}, which needs the true gradient.")


def _updates(train: "Rows | Stream", batch_size: int) -> int | None:
    return train.updates() if isinstance(train, Stream) else -(-len(train) // batch_size)


def _settings(
    plan: Plan, optimizer: torch.optim.Optimizer, scheduler: Any, train: "Rows | Stream", val: Any
) -> dict[str, Any]:
    """What must not change between a run and its continuation."""
    return {
        "opt": type(optimizer).__name__,
        "lr": [group["lr"] for group in optimizer.param_groups],
        "loss": plan.loss.name,
        "lamb": [plan.lamb, plan.lamb_l1, plan.lamb_entropy, plan.ridge],
        "val": val if val is None or isinstance(val, float | str) else type(val).__name__,
        "batch_size": plan.batch_size,
        "grad_clip": plan.grad_clip,
        "scheduler": scheduler if scheduler is None or isinstance(scheduler, str) else type(scheduler).__name__,
        "grid updates": sorted(plan.grid_steps),
        "seed": plan.seed,
        "training data": fingerprint(train),
    }

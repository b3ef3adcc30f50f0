"""`fit`: train any model on data of any common form."""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from edgewise.errors import ParameterError
from edgewise.layers import AbstractEdgeLayer
from edgewise.models.kan import KAN
from edgewise.models.mlp import MLP
from edgewise.train.callbacks import FitState
from edgewise.train.checks import check_bool, check_int, check_number
from edgewise.train.data import Prepared, Rows, pair, prepare
from edgewise.train.least_squares import is_plain_kan
from edgewise.train.loop import Plan, sample_inputs
from edgewise.train.losses import LOSSES, get_loss
from edgewise.train.metrics import get_metrics
from edgewise.train.optimizers import choose
from edgewise.train.result import FitResult
from edgewise.train.run import Run
from edgewise.train.schedule import grid_steps
from edgewise.train.staircase import check_grids, climb
from edgewise.train.starts import WARM_STEPS, best_start, check_restarts
from edgewise.train.units import warn_about_inputs

_MINI_BATCH = 1024


def fit(
    model: nn.Module,
    data: Any,
    y: Any = None,
    *,
    opt: "str | type[torch.optim.Optimizer] | torch.optim.Optimizer" = "auto",
    steps: int = 200,
    lr: float | None = None,
    loss: "str | Callable[[Tensor, Tensor], Tensor]" = "mse",
    lamb: float = 0.0,
    lamb_l1: float = 1.0,
    lamb_entropy: float = 2.0,
    ridge: float = 0.0,
    batch_size: int | None = None,
    sample_weight: Any = None,
    val: Any = None,
    patience: int | None = None,
    min_delta: float = 0.0,
    time_limit_sec: float | None = None,
    scheduler: Any = None,
    grad_clip: float | None = None,
    update_grid: bool = True,
    grid_updates: int = 5,
    stop_grid_update: float = 0.25,
    metrics: Any = None,
    callbacks: "Callable[[FitState], Any] | Sequence[Callable[[FitState], Any]]" = (),
    progress: bool | None = None,
    checkpoint: "str | os.PathLike[str] | None" = None,
    checkpoint_every_sec: float = 30.0,
    resume: bool = False,
    seed: int = 0,
    restarts: int = 1,
    grids: "str | Sequence[int] | None" = None,
) -> FitResult:
    """Train a model in place.

    After it, `model.input_summary` holds `(33, inputs)` quantiles of every training input (not part of the
    `state_dict`): what pictures of the model use when no data are given.

    Inputs are not scaled. A `KAN` learns best from inputs of about [-1, 1]; where more than half of the rows of an
    input lie beyond 10 in magnitude and the residual function grows (`"silu"` does), or outside twice the first grid
    where `update_grid=False` keeps it, there is one `UserWarning`. `KANRegressor` and `KANClassifier` scale by
    themselves.

    Args:
        model: a `KAN`, `MLP` or any `nn.Module`; grids and `lamb` concern `KAN`s and spline layers only.
        data: a dict with `train_input` and `train_label` (and `test_input`, `test_label`, which are only
            reported); a pair `(x, y)` of arrays or tensors; `(DataFrame, target column or columns)`; a
            `Dataset` (read into memory); or a `DataLoader` (streamed, first-order optimizers only). `x` is
            `(N, inputs)`, `y` is `(N, outputs)`, or `(N,)` class numbers for `"cross_entropy"`. Tensors
            must have the model's dtype and device; other data are converted.
        y: labels where `data` holds the inputs alone: `fit(model, x, y)` is `fit(model, (x, y))`.
        opt: solvers on all rows at once: `"lm"` (Levenberg-Marquardt, for the plain squared error), `"lbfgs"`,
            `"ssbroyden"`, `"hsodm"`, `"sfn"` (see `edgewise.optim`); any class of `torch.optim` by name (`"adam"`,
            `"sgd"`, ...) or itself, or an instance; or `"auto"`: Levenberg-Marquardt for a plain squared error and up
            to 3000 parameters (where it slows down on a small `KAN`, SSBroyden goes on from its matrix, five of its
            iterations a step), L-BFGS while rows x parameters <= 1e8, else AdamW on mini-batches. The result says
            which and why.
        steps: passes over the training rows, for each grid of a staircase: one iteration of a solver or one epoch of
            mini-batches each.
        lr: learning rate; a sensible one for each optimizer when None.
        loss: `"mse"`, `"mae"`, `"huber"`, `"cross_entropy"`, `"bce"` (both take logits), `"poisson"` (takes
            the log rate), or a callable `(prediction, label) -> Tensor`.
        lamb: strength of the sparsity penalty, see `edgewise.train.regularizers`; useful: 1e-4 to 1e-1 for
            labels of about unit size.
        lamb_l1: factor of the edges' magnitudes within the penalty.
        lamb_entropy: factor of their entropy within the penalty.
        ridge: factor of the sum of all squared spline coefficients, added to the mean loss; smooths small or noisy
            data.
        batch_size: rows per update; all up to 2048 rows and 1024 beyond when None. Not for L-BFGS.
        sample_weight: `(N,)` weights >= 0 of the training rows; only their ratios matter.
        val: what to select by: a fraction of the training rows, a pair `(x, y)`, a `DataLoader`, or `"test"`
            for the dict's test set. With it, the weights of the lowest validation loss are the result.
        patience: stop after this many steps without a lower validation loss; needs `val`.
        min_delta: how much lower counts for `patience`.
        time_limit_sec: stop after this many seconds.
        scheduler: learning rate over time: `"cosine"`, `"onecycle"`, `"plateau"`, a scheduler instance, or a
            callable that makes one from the optimizer. Not for L-BFGS.
        grad_clip: largest norm of the gradient. Not for L-BFGS.
        update_grid: move grids to where the data are: at the start if the inputs do not fit the first
            layer's domain, then `grid_updates` times.
        grid_updates: how many times.
        stop_grid_update: in which first fraction of the steps.
        metrics: names (`"r2"`, `"accuracy"`, `"mae"`, `"rmse"`, `"max_error"`), callables
            `(prediction, label) -> float`, or a mapping of them; computed on validation and test sets, or on
            the training set if there is neither.
        callbacks: called with a `FitState` after every step; returning False or raising `StopFit` ends the
            run.
        progress: show a bar; when None, only in a terminal or notebook.
        checkpoint: file to write the run's state to, so that it can be resumed after being killed.
        checkpoint_every_sec: how often; it is also written at the end.
        resume: continue from `checkpoint` if that file exists, else start; the other arguments must be those
            of the interrupted call. The trajectory is the one of an uninterrupted run.
        seed: seed of the validation split, of the mini-batches and of further starts.
        restarts: how many starts to train together, as one batch on all rows, for 30 steps (or `steps` where that is
            less); the one with the lowest validation loss (training loss without `val`) is then trained alone, for
            `steps` and with `callbacks`. The first is the model as it is, the others have new random weights; masks and
            frozen weights stay. For the plain squared error of a `KAN`, with `"lm"`, `"lbfgs"` or `"adam"`.
        grids: a staircase of grid sizes such as `[3, 5, 10, 20]`: the model is trained on each, and refined in
            between; it ends with another grid than it had. `"auto"`: the model's own, then 3, 5, 10, 20, 50, 100, 200.
            With a validation set (for `"auto"` a fifth of the rows where `val` is None) it stops when the validation
            loss rises, and goes back to the best grid. `lamb` is 0 on the last one.

    Returns:
        History, why the run ended, and the model.

    Raises:
        ParameterError: an argument is outside its documented set.
        ShapeError: a shape, dtype or device of the data does not fit, or data are empty.
        DomainError: NaN or infinity in the data, or labels outside the loss's range.
        ConvergenceError: the objective is not finite and stays so with ever smaller steps; names the edge.
        FormatError: `checkpoint` cannot be resumed from.
    """
    if not isinstance(model, nn.Module):
        raise ParameterError(f"`model` must be a torch.nn.Module; got {type(model).__name__}.")
    if not any(p.requires_grad for p in model.parameters()):
        raise ParameterError("`model` must have a parameter to train; all are frozen or there are none.")
    loss_ = get_loss(loss)
    seed = check_int("seed", seed, 0)
    climbing = check_grids(grids, model)
    if grids == "auto" and val is None:
        val = _AUTO_VAL
    prepared = prepare(model, data if y is None else pair(data, y), loss_, val, sample_weight, seed)
    train = prepared.train
    rows = len(train) if isinstance(train, Rows) else None
    plan = Plan(
        steps=check_int("steps", steps, 0),
        loss=loss_,
        lamb=_check_lamb(model, lamb),
        lamb_l1=check_number("lamb_l1", lamb_l1, 0),
        lamb_entropy=check_number("lamb_entropy", lamb_entropy, 0),
        ridge=check_number("ridge", ridge, 0),
        batch_size=_batch_size(batch_size, rows),
        updates=0,
        patience=_check_patience(patience, prepared),
        min_delta=check_number("min_delta", min_delta, 0),
        time_limit_sec=_optional("time_limit_sec", time_limit_sec),
        grad_clip=_optional("grad_clip", grad_clip),
        grid_steps=set(),
        update_grid=check_bool("update_grid", update_grid) and isinstance(model, KAN) and model.basis == "spline",
        metrics=get_metrics(metrics),
        callbacks=_check_callbacks(callbacks),
        progress=progress if progress is None else check_bool("progress", progress),
        checkpoint=_check_checkpoint(checkpoint),
        checkpoint_every_sec=check_number("checkpoint_every_sec", checkpoint_every_sec, 0),
        seed=seed,
    )
    schedule = grid_steps(
        plan.steps,
        check_int("grid_updates", grid_updates, 0),
        check_number("stop_grid_update", stop_grid_update, 0, 1, open_high=False),
    )
    plan.grid_steps = schedule if plan.update_grid else set()
    rate = _optional("lr", lr)
    squares = loss_ is LOSSES["mse"] and not plan.lamb and (not plan.ridge or is_plain_kan(model))
    polynomials = type(model) is KAN and model.basis != "spline"
    least_squares = squares and (is_plain_kan(model) or polynomials or type(model) is MLP)
    chosen, why = choose(opt, rows, model, batch_size, least_squares)
    # A dense inverse Hessian is not in checkpoints, so a run that can be resumed goes on as it began.
    plan.polish = chosen == "lm" and opt == "auto" and not plan.ridge and plan.checkpoint is None
    restarts, resume = check_int("restarts", restarts, 1), check_bool("resume", resume)
    if climbing is not None or restarts > 1:
        _check_stages(chosen, scheduler, plan, resume)
    run = Run(model, prepared, plan, chosen, why, rate, scheduler, squares, batch_size, val, resume)
    run.check()
    if restarts > 1:
        check_restarts(model, prepared, squares, run.name)
    if isinstance(model, KAN) and isinstance(train, Rows):
        warn_about_inputs(model, train.x, plan.update_grid)

    def stage(number: int, is_last: bool) -> FitResult:
        if climbing is not None and is_last:
            run.plan = replace(run.plan, lamb=0.0)
        if number > 0:
            run.plan.grid_steps = run.later_updates()
        return run.once() if number > 0 or restarts == 1 else _from_best_start(run, restarts)

    if climbing is None or not isinstance(model, KAN):
        return stage(0, False)
    return climb(model, climbing, stage, lambda: run.halted)


_AUTO_VAL = 0.2
"""Part of the rows that `grids="auto"` holds back to see where to stop."""


def _from_best_start(run: Run, restarts: int) -> FitResult:
    """Train several starts together, then the best of them alone."""
    plan = run.plan
    sample = sample_inputs(run.data.train, plan.seed) if plan.update_grid else None
    steps = min(plan.steps, WARM_STEPS)
    updates = grid_steps(steps, len(plan.grid_steps), 0.5) if plan.update_grid else set()
    chosen = best_start(
        cast("KAN", run.model), run.data, restarts, steps, run.name, plan.ridge, updates, sample, plan.seed, run.rate,
        plan.time_limit_sec,
    )  # fmt: skip
    plan.spent_sec += chosen.seconds
    run.plan = replace(plan, grid_steps=run.later_updates(), steps=0 if chosen.interrupted else plan.steps)
    result = run.once()
    if chosen.interrupted:
        run.halted = result.interrupted = True
        result.stopped_because = (
            f"Interrupted from the keyboard while {restarts} starts were trained together; the best of them is kept."
        )
    return replace(result, start=chosen.start, seconds=result.seconds + chosen.seconds)


def _check_stages(chosen: Any, scheduler: Any, plan: Plan, resume: bool) -> None:
    """Refuse what holds on to one set of parameters: they change from stage to stage."""
    given = {
        "opt": isinstance(chosen, torch.optim.Optimizer),
        "scheduler": scheduler is not None and not isinstance(scheduler, str),
        "checkpoint": plan.checkpoint is not None or resume,
    }
    for name, present in given.items():
        if present:
            advice = "leave it out" if name == "checkpoint" else "pass a name"
            raise ParameterError(
                f"`{name}` cannot be combined with `grids` or `restarts`, which train one model after another; "
                f"{advice}."
            )


def _optional(name: str, value: float | None) -> float | None:
    return None if value is None else check_number(name, value, 0, open_low=True)


def _check_lamb(model: nn.Module, lamb: float) -> float:
    lamb = check_number("lamb", lamb, 0)
    if lamb > 0 and not any(isinstance(m, AbstractEdgeLayer) for m in model.modules()):
        raise ParameterError(
            f"`lamb` must be 0 for a {type(model).__name__}: the sparsity penalty is about edges; got {lamb:g}. "
            f"Use an optimizer with `weight_decay` instead."
        )
    return lamb


def _check_patience(patience: int | None, data: Prepared) -> int | None:
    if patience is None:
        return None
    if data.val is None:
        raise ParameterError("`patience` needs a validation set to watch: pass `val`, e.g. `val=0.2`.")
    return check_int("patience", patience, 1)


def _check_callbacks(callbacks: Any) -> tuple[Callable[[FitState], Any], ...]:
    several = (callbacks,) if callable(callbacks) else callbacks
    if not isinstance(several, Sequence) or not all(callable(c) for c in several):
        raise ParameterError(f"`callbacks` must be callables that take a FitState; got {callbacks!r}.")
    return tuple(several)


def _check_checkpoint(checkpoint: "str | os.PathLike[str] | None") -> Path | None:
    if checkpoint is None:
        return None
    path = Path(checkpoint)
    if not path.parent.is_dir():
        raise ParameterError(f"`checkpoint` must be a file in a folder that exists; got {path}. Create {path.parent}.")
    return path


def _batch_size(batch_size: int | None, rows: int | None) -> int:
    if batch_size is not None:
        if rows is None:
            raise ParameterError("`batch_size` must be None with a DataLoader, which has its own; got both.")
        return check_int("batch_size", batch_size, 1)
    if rows is None:
        return 0
    return rows if rows <= 2 * _MINI_BATCH else _MINI_BATCH

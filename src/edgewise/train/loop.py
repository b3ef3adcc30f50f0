"""The loop: steps, what is recorded after each, and what happens when something goes wrong.

A step is one pass over the training rows: one iteration of a solver on all rows, or the updates of one epoch.
Before each update the loop keeps a copy of the parameters and buffers that is known to be good (a finite objective).
Whatever interrupts the run (NaN, Ctrl-C, an error) falls back to that copy, so the model is never left in
the middle of a line search or of a grid update.

    non-finite objective   fall back, lower the rate, forget the optimizer's memory, try again; after
                           `RETRIES` failures in a row raise `ConvergenceError` that names the edge
    a solver stalls        forget what it learnt once; if the next iteration stalls too, stop
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor, nn

from edgewise.errors import ConvergenceError, FormatError
from edgewise.layers import AbstractEdgeLayer, is_observed, layer_inputs, squared_error
from edgewise.models import KAN
from edgewise.optim import LevenbergMarquardt
from edgewise.train import checkpoint as files
from edgewise.train.callbacks import FitState, StopFit
from edgewise.train.data import Prepared, Rows, Source, Stream
from edgewise.train.diagnose import blame
from edgewise.train.full_batch import FullBatch
from edgewise.train.least_squares import ROUGHNESS, KANResiduals, ModuleResiduals, is_plain_kan
from edgewise.train.losses import LOSSES, Loss
from edgewise.train.metrics import Metric, number
from edgewise.train.optimizers import forget, sees_all_rows, title_of
from edgewise.train.progress import Progress
from edgewise.train.regularizers import sparsity_penalty
from edgewise.train.schedule import RateSchedule, move_grids, move_input_grid, scale_rate
from edgewise.train.solvers import (
    GradientSolver,
    LeastSquaresSolver,
    NonFiniteLossError,
    Point,
    PolishingSolver,
    Solver,
    TorchSolver,
)

RETRIES = 10
_EVALUATION_ROWS = 1 << 16
MOST_POLISHED = 1000
"""Parameters up to which a run that began with Levenberg-Marquardt may end with SSBroyden, whose updates are dense."""
_GRID_ROWS = 10_000
_ROOTS = {f"{part}_loss": f"{part}_rmse" for part in ("train", "val", "test")}


@dataclass
class Plan:
    """Checked arguments of a run; the names are those of `fit`."""

    steps: int
    loss: Loss
    lamb: float
    lamb_l1: float
    lamb_entropy: float
    ridge: float
    batch_size: int
    updates: int
    patience: int | None
    min_delta: float
    time_limit_sec: float | None
    grad_clip: float | None
    grid_steps: set[int]
    update_grid: bool
    metrics: Mapping[str, Metric]
    callbacks: tuple[Callable[[FitState], Any], ...]
    progress: bool | None
    checkpoint: Any
    checkpoint_every_sec: float
    seed: int
    spent_sec: float = 0.0
    polish: bool = False
    settings: dict[str, Any] = field(default_factory=dict)


class Snapshot:
    """A copy of all parameters and buffers of a model."""

    def __init__(self, model: nn.Module) -> None:
        self.tensors: list[Tensor] = [*model.parameters(), *model.buffers()]
        self.copies = [t.detach().clone() for t in self.tensors]
        self._writing = False

    @torch.no_grad()
    def save(self) -> None:
        """Copy from the model."""
        self._writing = True
        for copy, tensor in zip(self.copies, self.tensors, strict=True):
            copy.copy_(tensor)
        self._writing = False

    @torch.no_grad()
    def restore(self) -> None:
        """Copy into the model; not after an interrupted `save`, when the model is the good one."""
        if self._writing:
            return
        for copy, tensor in zip(self.copies, self.tensors, strict=True):
            tensor.copy_(copy)


class Loop:
    """One run of training; `run` does it all.

    Attributes:
        step: steps done.
        history: lists, one entry per step.
        reason: why the run ended, once it has.
        best_step: step of the lowest validation loss, or None.
        seconds: time spent, over all resumed parts.
    """

    def __init__(
        self, model: nn.Module, data: Prepared, plan: Plan, optimizer: torch.optim.Optimizer, rates: RateSchedule
    ) -> None:
        self.model, self.data, self.plan, self.optimizer, self.rates = model, data, plan, optimizer, rates
        self.parameters = [p for group in optimizer.param_groups for p in group["params"]]
        self.good, self.best = Snapshot(model), Snapshot(model)
        self.step, self.batch, self.sums = 0, 0, [0.0, 0.0, 0.0]
        self.history: dict[str, list[float]] = {name: [] for name in self._quantities()}
        self.best_loss, self.best_step = math.inf, None
        self.marks = self._no_progress_marks()
        self.failures, self.stalled, self.reduced = 0, False, 0
        self.earlier, self.reason, self.interrupted = 0.0, "", False
        self.halted = False  # by the time limit or a callback: no further stage either
        self.sample: Tensor | None = None
        self.solver = self._solver() if sees_all_rows(optimizer) else None

    @staticmethod
    def _no_progress_marks() -> tuple[float, int]:
        return math.inf, 0

    # ------------------------------------------------------------------------------------------ the run

    def run(self) -> None:
        """Train until a reason to stop is found; the model then has its final parameters.

        Raises:
            ConvergenceError: the objective stays non-finite.
        """
        self.started = self.saved_at = time.monotonic()
        modes = [(module, module.training) for module in self.model.modules()]
        progress = Progress(self.plan.progress, self.plan.steps, self.step)
        self.model.train()
        try:
            self._steps(progress)
            self.model.eval()
            if self.solver is None and not self._outputs_are_finite():  # nothing has looked at the last update yet
                self.good.restore()
        except KeyboardInterrupt:
            self.good.restore()
            self.interrupted = True
            self.reason = f"Interrupted from the keyboard after {self.step} steps; the best model so far is kept."
        except BaseException:
            self.good.restore()
            raise
        finally:
            progress.close()
            for module, mode in modes:
                module.training = mode
            for parameter in self.parameters:
                parameter.grad = None
        self._finish()

    @property
    def seconds(self) -> float:
        """Time spent in training, over all resumed parts."""
        return self.earlier + time.monotonic() - self.started

    def _steps(self, progress: Progress) -> None:
        if self.step == 0 and self.batch == 0:
            self._prepare_grids()
        while not self.reason and not self._is_over():
            if self.batch == 0 and self.step in self.plan.grid_steps:
                self._move_grids()
            rate = float(self.optimizer.param_groups[0]["lr"])
            row = self._pass() if self.solver is None else self._iteration(self.solver)
            if row is None:  # stopped within a step
                break
            row["lr"] = rate
            self._record(row)
            progress.step(row)
            self._call_back()
            self._save_if_due()

    def _is_over(self) -> bool:
        plan = self.plan
        if self.step >= plan.steps:
            self.reason = f"All {plan.steps} steps are done."
        elif self._time_is_up():
            pass
        elif plan.patience is not None and self.step - self.marks[1] >= plan.patience:
            self.reason = (
                f"The validation loss has not fallen for {plan.patience} steps; the weights of step "
                f"{self.best_step} are restored."
            )
        return bool(self.reason)

    def _time_is_up(self) -> bool:
        limit = self.plan.time_limit_sec
        if limit is None or time.monotonic() - self.started < limit - self.plan.spent_sec:
            return False
        self.halted = True
        self.reason = f"The time limit of {limit:g} s was reached after {self.step} steps."
        return True

    def _finish(self) -> None:
        if self.interrupted:  # perhaps while a row was written
            self.step = min((len(values) for values in self.history.values()), default=0)
            self.history = {name: values[: self.step] for name, values in self.history.items()}
            self.best_step = None if self.best_step is None else min(self.best_step, self.step)
        if self.plan.checkpoint is not None:
            self.save()
        if self.best_step is not None:
            self.best.restore()

    # -------------------------------------------------------------------------------------- the objective

    def _objective(self, rows: Rows) -> tuple[Tensor, Tensor, Tensor | None]:
        plan = self.plan
        with layer_inputs(self.model, plan.lamb > 0) as seen:
            prediction = self.model(rows.x)
        loss = plan.loss.mean(prediction, rows.y, rows.weight)
        total = loss
        if plan.ridge:
            splines = [m.spline_weight for m in self.model.modules() if isinstance(m, AbstractEdgeLayer)]
            total = total + plan.ridge * sum(w.square().sum() for w in splines)
        if not seen:
            return total, loss, None
        penalty = sparsity_penalty(seen, rows.weight, plan.lamb_l1, plan.lamb_entropy)
        return total + plan.lamb * penalty, loss, penalty

    def _solver(self) -> Solver:
        rows, optimizer = cast("Rows", self.data.train), self.optimizer  # `fit` has refused loaders
        if isinstance(optimizer, LevenbergMarquardt):
            if is_plain_kan(self.model):
                model = cast("KAN", self.model)
                problem = KANResiduals([model], rows.x, rows.y, rows.weight, self.plan.ridge, ROUGHNESS)
                if self.plan.polish and problem.size <= MOST_POLISHED:
                    return PolishingSolver(problem, optimizer.method)
            else:
                problem = ModuleResiduals(self.model, rows.x, rows.y, rows.weight)
            return LeastSquaresSolver(problem, optimizer.method)
        full = FullBatch(lambda: self._objective(rows), self.parameters, lambda: self._direct(rows))
        torchs = isinstance(optimizer, torch.optim.LBFGS)
        return TorchSolver(full, optimizer) if torchs else GradientSolver(full, optimizer)

    def _direct(self, rows: Rows) -> tuple[Tensor, dict[Tensor, Tensor]] | None:
        """The objective and its gradients without autograd, where it is the mean squared error of a small `KAN`."""
        plan, model = self.plan, self.model
        if plan.loss is not LOSSES["mse"] or rows.weight is not None or plan.lamb or plan.ridge:
            return None
        if type(model) is not KAN or is_observed(model) or any(p._backward_hooks for p in self.parameters):
            return None
        return squared_error(model.layers, model.products, rows.x, rows.y)

    # ------------------------------------------------------------------------------- solvers on all rows

    def _iteration(self, solver: Solver) -> dict[str, float]:
        """One iteration, retried until the objective is finite."""
        while True:
            try:
                before = solver.here()
                self.good.save()
                after = self._judge(solver, before, solver.advance())
                break
            except NonFiniteLossError:
                self._recover(cast("Rows", self.data.train))
        self.good.save()
        self.failures = 0
        if self.reduced:  # a rate that was halved in trouble returns step by step
            self.reduced -= 1
            scale_rate(self.optimizer, 2.0)
        return self._row(after.loss, after.penalty)

    def _judge(self, solver: Solver, before: Point, after: Point) -> Point:
        """Notice an iteration that found nothing: forget once, then stop."""
        if self.optimizer.param_groups[0].get("line_search_fn", "own") is None:  # torch's L-BFGS with fixed steps
            return after
        precision = torch.finfo(self.parameters[0].dtype).eps
        if before.total - after.total > precision * abs(before.total):
            self.stalled = False
            return after
        if after.total > before.total:
            self.good.restore()
            after = before
        solver.restart()
        if self.stalled:
            self.reason = (
                f"{title_of(self.optimizer)} cannot lower the objective any further (no lower point was found, "
                f"also after its memory was cleared), after {self.step + 1} steps."
            )
        self.stalled = True
        return after

    # ------------------------------------------------------------------------------------- mini-batches

    def _pass(self) -> dict[str, float] | None:
        """One pass over the rows; None if the time limit ended it early."""
        for rows in self._batches():
            if self._time_is_up():
                return None
            self._update(rows)
            self.batch += 1
            self.rates.update()
            if self.batch < self.plan.updates and isinstance(self.data.train, Rows):  # a loader has no middle
                self._save_if_due()
        if self._parameters_are_finite():
            self.failures = 0  # but `good` waits for a finite objective: huge numbers are finite too
        else:
            self._recover(rows)  # pyright: ignore[reportPossiblyUnbound]
        loss, penalty, weight = self.sums
        self.batch, self.sums = 0, [0.0, 0.0, 0.0]
        return self._row(loss / weight, penalty / weight if self.plan.lamb > 0 else None)

    def _batches(self):
        """Mini-batches of this pass, from `self.batch` on; drawn from the seed and the step number."""
        data, size = self.data.train, self.plan.batch_size
        if isinstance(data, Stream):
            return iter(data)
        order = None
        if size < len(data):
            generator = torch.Generator().manual_seed(self.plan.seed + 1_000_003 * self.step)
            order = torch.randperm(len(data), generator=generator).to(data.x.device)[self.batch * size :]
            return (data.take(part) for part in order.split(size))
        return data.batches(size)

    def _update(self, rows: Rows) -> None:
        while True:
            total, loss, penalty = self._objective(rows)
            value = float(total.detach())
            if math.isfinite(value):
                break
            self._recover(rows)
        self.good.save()
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        if self.plan.grad_clip is not None:
            nn.utils.clip_grad_norm_(self.parameters, self.plan.grad_clip)
        self.optimizer.step()
        # Over a pass: the mean over rows (weights have mean one), not the mean over batches of unequal size.
        self.sums[0] += len(rows) * float(loss.detach())
        self.sums[1] += 0.0 if penalty is None else len(rows) * float(penalty.detach())
        self.sums[2] += len(rows)

    # -------------------------------------------------------------------------------------------- trouble

    def _recover(self, rows: Rows) -> None:
        """Fall back to the last good parameters and prepare a smaller step.

        Raises:
            ConvergenceError: that has been tried `RETRIES` times.
        """
        self.failures += 1
        if self.failures > RETRIES:
            where = self._where(rows)
            raise ConvergenceError(
                f"The objective is not finite in step {self.step + 1}, after {self.failures - 1} retries with smaller "
                f"steps. {where} The model has its last good parameters. Scale inputs and labels to about one, lower "
                f"`lr`, or look at that edge with `edgewise.plot.plot_edge`."
            )
        self.good.restore()
        if self.solver is None:
            forget(self.optimizer)
        else:
            self.solver.restart()
            self.solver.changed()
            self.reduced += self.failures
        factor = 0.5**self.failures  # ever faster: ten failures make 3e-17
        scale_rate(self.optimizer, factor)
        self.rates.scale(factor)

    def _where(self, rows: Rows) -> str:
        """Where the first non-finite number appears: at the parameters that failed, else in the gradient before."""
        if self._parameters_are_finite():
            with torch.no_grad():
                total = self._objective(rows)[0]
            if not bool(total.isfinite()):
                return blame(self.model, rows.x)
        self.good.restore()
        self.optimizer.zero_grad(set_to_none=True)
        with torch.enable_grad():
            total = self._objective(rows)[0]
        total.backward()
        return blame(self.model, rows.x)

    @torch.no_grad()
    def _outputs_are_finite(self) -> bool:
        x = self.sample
        if x is None and isinstance(self.data.train, Rows):
            x = self.data.train.x[:1024]
        return x is None or bool(self.model(x).isfinite().all())

    def _parameters_are_finite(self) -> bool:
        return all(bool(p.isfinite().all()) for p in self.parameters)

    # --------------------------------------------------------------------------------------------- grids

    def _prepare_grids(self) -> None:
        if self.plan.update_grid and move_input_grid(self.model, self._grid_rows()):
            self._grids_have_moved()

    def _move_grids(self) -> None:
        rows = self._grid_rows()
        if self._outputs_are_finite():  # else the next evaluation notices, and falls back
            move_grids(self.model, rows, self.optimizer)
        self._grids_have_moved()

    def _grids_have_moved(self) -> None:
        if self.solver is not None:
            self.solver.changed()
        self.stalled = False

    def _grid_rows(self) -> Tensor:
        """Training inputs, at most some thousand, always with every input's extremes."""
        if self.sample is None:
            self.sample = sample_inputs(self.data.train, self.plan.seed)
        return self.sample

    # ------------------------------------------------------------------------------------ after each step

    def _quantities(self) -> list[str]:
        """Names of what is recorded, known before the first step, so that an interrupted run has them too."""
        plan = self.plan
        names = ["train_loss", *(["penalty"] if plan.lamb > 0 else []), "lr"]
        for part in self._evaluated():
            names += [f"{part}_{quantity}" for quantity in ("loss", *plan.metrics)]
        if plan.loss.name == "mse":
            names += [root for loss, root in _ROOTS.items() if loss in names]
        return list(dict.fromkeys(names))

    def _evaluated(self) -> dict[str, Source]:
        """The sets that the model is evaluated on after each step: those held back, else the training rows."""
        held = {"val": self.data.val, "test": self.data.test}
        parts: dict[str, Source] = {name: part for name, part in held.items() if part is not None}
        if not parts and self.plan.metrics and isinstance(self.data.train, Rows):
            return {"train": self.data.train}
        return parts

    def _row(self, loss: float, penalty: float | None) -> dict[str, float]:
        row = {"train_loss": loss}
        if self.plan.lamb > 0:
            row["penalty"] = penalty or 0.0  # None where no spline layer has run
        return row

    def _record(self, row: dict[str, float]) -> None:
        """Complete the row with everything measured after the step, and append it."""
        self.step += 1
        parts = self._evaluated()
        if parts:
            self.model.eval()
            for name, part in parts.items():
                row |= {key: value for key, value in self._evaluate(part, name).items() if key not in row}
            self.model.train()
        if self.plan.loss.name == "mse":
            row |= {root: math.sqrt(row[loss]) for loss, root in _ROOTS.items() if loss in row}
        self._compare(row)
        self.rates.step(row.get("val_loss", row["train_loss"]))
        for name, value in row.items():
            self.history.setdefault(name, []).append(value)

    @torch.no_grad()
    def _evaluate(self, part: "Rows | Stream", name: str) -> dict[str, float]:
        """Loss and metrics on a set, as means over its rows."""
        total, count, predictions, labels = 0.0, 0.0, [], []
        for rows in part if isinstance(part, Stream) else part.batches(_EVALUATION_ROWS):
            prediction = self.model(rows.x)
            total += float(self.plan.loss.mean(prediction, rows.y, rows.weight)) * len(rows)
            count += len(rows)
            if self.plan.metrics:
                predictions.append(prediction)
                labels.append(rows.y)
        result = {f"{name}_loss": total / count}
        if predictions:
            prediction, label = torch.cat(predictions), torch.cat(labels)
            result.update({f"{name}_{key}": number(m, prediction, label) for key, m in self.plan.metrics.items()})
        return result

    def _compare(self, row: dict[str, float]) -> None:
        """Keep the weights with the lowest validation loss."""
        loss = row.get("val_loss")
        if loss is None:
            return
        if loss < self.best_loss:
            self.best.save()
            self.best_loss, self.best_step = loss, self.step
        # Early stopping asks for more than any decrease: `marks` is the last one that counts.
        if loss < self.marks[0] - self.plan.min_delta:
            self.marks = loss, self.step

    def _call_back(self) -> None:
        state = FitState(
            self.step, self.plan.steps, self.model, self.optimizer, self.history, self.seconds, self.best_step
        )
        for callback in self.plan.callbacks:
            name = getattr(callback, "__name__", type(callback).__name__)
            try:
                if callback(state) is False:
                    self.halted = True
                    self.reason = f"The callback {name} returned False after {self.step} steps."
            except StopFit as stop:
                self.halted = True
                self.reason = f"The callback {name} stopped the run after {self.step} steps: {stop}"

    # --------------------------------------------------------------------------------------- checkpoints

    def _save_if_due(self) -> None:
        if self.plan.checkpoint is None:
            return
        if time.monotonic() - self.saved_at >= self.plan.checkpoint_every_sec:
            self.save()
            self.saved_at = time.monotonic()

    def save(self) -> None:
        """Write the checkpoint."""
        scheduler = self.rates.scheduler
        files.save_checkpoint(
            self.plan.checkpoint,
            {
                "settings": self.plan.settings,
                "model": self._named_state(),
                "best": None if self.best_step is None else dict(enumerate(self.best.copies)),
                "optimizer": self.optimizer.state_dict(),
                "scheduler": None if scheduler is None else _plain(scheduler.state_dict()),
                "solver": None if self.solver is None else self.solver.state_dict(),
                "loop": {name: getattr(self, name) for name in _LOOP_STATE},
                "seconds": self.seconds,
            },
        )

    def load(self, path: Any) -> None:
        """Continue from a checkpoint.

        Args:
            path: the file.

        Raises:
            FormatError: the file is no checkpoint, damaged, or of another model.
        """
        saved = files.load_checkpoint(path)
        try:
            self._load(saved, path)
        except (KeyError, TypeError, AttributeError, IndexError) as error:
            raise FormatError(f"{path}: the checkpoint is damaged ({error!r}). Delete it to start anew.") from error

    def _load(self, saved: dict[str, Any], path: Any) -> None:
        files.check_same(path, saved["settings"], self.plan.settings)
        files.copy_into(self._named_state(), saved["model"], path)
        if saved["best"] is not None:
            files.copy_into(
                {str(n): t for n, t in enumerate(self.best.copies)}, {str(n): t for n, t in saved["best"].items()}, path
            )
        self.optimizer.load_state_dict(saved["optimizer"])
        if self.rates.scheduler is not None:
            self.rates.scheduler.load_state_dict(saved["scheduler"])
        for name in _LOOP_STATE:
            setattr(self, name, saved["loop"][name])
        if self.solver is not None:
            self.solver.load_state_dict(saved["solver"])
        self.earlier = saved["seconds"]
        self.good.save()

    def _named_state(self) -> dict[str, Tensor]:
        return {name: t.detach() for name, t in [*self.model.named_parameters(), *self.model.named_buffers()]}


_LOOP_STATE = (
    "step", "batch", "sums", "history", "best_loss", "best_step", "marks", "failures", "stalled", "reduced",
)  # fmt: skip


def _plain(state: dict[str, Any]) -> dict[str, Any]:
    """A scheduler's state without what it rebuilds itself (functions)."""
    return {name: value for name, value in state.items() if not callable(value)}


@torch.no_grad()
def sample_inputs(data: "Rows | Stream", seed: int) -> Tensor:
    """At most `_GRID_ROWS` training inputs, with the rows that hold each column's extremes.

    Args:
        data: training data; of a stream the first batches are read.
        seed: seed of the choice.

    Returns:
        `(N, ...)` inputs.
    """
    if isinstance(data, Stream):
        parts, count = [], 0
        for rows in data:
            parts.append(rows.x)
            count += len(rows)
            if count >= _GRID_ROWS:
                break
        return torch.cat(parts)
    x = data.x
    if len(x) <= _GRID_ROWS:
        return x
    chosen = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))[:_GRID_ROWS].to(x.device)
    if x.dim() == 2:
        chosen = torch.cat([chosen, x.argmin(0), x.argmax(0)])
    return x[chosen]

"""Many models of one structure in training as one: the model axis of the kernels instead of a loop in Python.

Three solvers, all on every row: Levenberg-Marquardt, whose linear systems are solved as a batch; L-BFGS, where each
model has a line search of its own and every evaluation serves all searches that wait for one; Adam. Each model goes the
way it would go alone. One that cannot be lowered any further, or whose loss is not finite, drops out.
"""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from edgewise.models.grids import update_grids
from edgewise.models.kan import KAN
from edgewise.optim import LMMethod, Memory, strong_wolfe
from edgewise.optim.lbfgs import HISTORY
from edgewise.optim.levenberg_marquardt import MOST_DAMPING
from edgewise.train.data import Rows
from edgewise.train.least_squares import ROUGHNESS, KANResiduals
from edgewise.train.optimizers import LEARNING_RATES


class BatchSolver(ABC):
    """One iteration of M models at `(M, n)` unknowns.

    Args:
        rate: learning rate, or None for the usual one.
        steps: how many iterations there will be at most.

    Attributes:
        looks_back: whether the losses of a step are those at its start.
    """

    looks_back = False

    def __init__(self, rate: float | None, steps: int) -> None:
        self.rate, self.steps = rate, steps

    @abstractmethod
    def step(self, problem: KANResiduals, x: Tensor, which: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Make one iteration.

        Args:
            problem: residuals of all models.
            x: `(m, n)` points of the models in training.
            which: `(m,)` their numbers.

        Returns:
            New points `(m, n)`, losses `(m,)`, and which models can go on `(m,)`.
        """

    @abstractmethod
    def keep(self, which: Tensor) -> None:
        """Go on with some of the models of the last step."""

    @abstractmethod
    def changed(self) -> None:
        """Grids were moved."""


class BatchLM(BatchSolver):
    """Levenberg-Marquardt; a step is one trial of every model."""

    def __init__(self, rate: float | None, steps: int) -> None:
        super().__init__(rate, steps)
        self.method = LMMethod()

    def step(self, problem: KANResiduals, x: Tensor, which: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See `BatchSolver`."""
        x, loss, _ = self.method.step(problem, x, _some(problem, which))
        damping = self.method.damping
        return x, loss, torch.ones_like(loss) > 0 if damping is None else damping < MOST_DAMPING

    def keep(self, which: Tensor) -> None:
        """See `BatchSolver`."""
        self.method.keep(which)

    def changed(self) -> None:
        """See `BatchSolver`."""
        self.method.forget()


class BatchLBFGS(BatchSolver):
    """L-BFGS with one strong Wolfe search per model; trials are evaluated together."""

    def __init__(self, rate: float | None, steps: int) -> None:
        super().__init__(rate, steps)
        self.memory: Memory | None = None
        self.here: tuple[Tensor, Tensor] | None = None  # losses and gradients where the models are
        self.fresh = self.stalled = torch.empty(0, dtype=torch.bool)  # nothing remembered; no progress in the last step

    def step(self, problem: KANResiduals, x: Tensor, which: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See `BatchSolver`."""
        loss, grad = self.here or _evaluate(problem, x, which)
        memory = self.memory
        if memory is None:
            memory = self.memory = Memory(len(x), x.shape[1], max(1, min(HISTORY, self.steps)), x.device)
            self._restart(len(x), x.device)
        direction = memory.direction(grad)
        slope = (direction * grad).sum(-1)
        uphill = ~(slope < 0)
        if bool(uphill.any()):  # rounding has got the better of the memory
            self._forget(uphill)
            direction = torch.where(uphill[:, None], -grad, direction)
            slope = (direction * grad).sum(-1)
        first = torch.where(self.fresh, _first_trials(loss, grad), 1.0) * (1.0 if self.rate is None else self.rate)
        steps, new_loss, new_grad = self._search(problem, x, which, direction, loss, grad, slope, first)
        moved = steps > 0
        new = torch.where(moved[:, None], x + steps[:, None] * direction, x)
        memory.update(new - x, new_grad - grad, moved)
        self.here = new_loss, new_grad
        self.fresh = self.fresh & ~moved
        still = ~(loss - new_loss > torch.finfo(loss.dtype).eps * loss.abs())
        if bool(still.any()):
            self._forget(still)
        going_on, self.stalled = ~(still & self.stalled), still
        return new, new_loss, going_on

    def _search(
        self, problem: KANResiduals, x: Tensor, which: Tensor, direction: Tensor, loss: Tensor, grad: Tensor,
        slope: Tensor, first: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
        """Accepted steps `(m,)`, 0 where nothing lower was found, with losses and gradients there."""
        searches, trials = {}, {}
        for m, (loss0, slope0, step) in enumerate(zip(*(t.tolist() for t in (loss, slope, first)), strict=True)):
            if -math.inf < slope0 < 0 < step < math.inf:
                searches[m] = strong_wolfe(loss0, slope0, step)
                trials[m] = next(searches[m])
        places: dict[int, dict[float, int]] = {m: {0.0: m} for m in searches}  # of every trial among all evaluations
        losses, grads, count = [loss], [grad], len(loss)
        accepted: dict[int, float] = {}
        while trials:
            waiting = torch.tensor(list(trials), device=x.device)
            lengths = torch.tensor(list(trials.values()), dtype=x.dtype, device=x.device)
            along = direction[waiting]
            trial_loss, trial_grad = _evaluate(problem, x[waiting] + lengths[:, None] * along, which[waiting])
            losses.append(trial_loss)
            grads.append(trial_grad)
            slopes = (trial_grad * along).sum(-1).tolist()
            for m, value, slope_there in zip(list(trials), trial_loss.tolist(), slopes, strict=True):
                places[m][trials[m]] = count
                count += 1
                try:
                    trials[m] = searches[m].send((value, slope_there))
                except StopIteration as end:
                    del trials[m]
                    accepted[m] = end.value
        steps = [accepted.get(m, 0.0) for m in range(len(loss))]
        chosen = [places[m][step] if m in places else m for m, step in enumerate(steps)]
        at = torch.tensor(chosen, device=x.device)
        return x.new_tensor(steps), torch.cat(losses)[at], torch.cat(grads)[at]

    def keep(self, which: Tensor) -> None:
        """See `BatchSolver`."""
        if self.memory is not None:
            self.memory.keep(which)
        if self.here is not None:
            self.here = self.here[0][which], self.here[1][which]
        self.fresh, self.stalled = self.fresh[which], self.stalled[which]

    def changed(self) -> None:
        """See `BatchSolver`."""
        self.here = None
        if self.memory is not None:
            self.memory.forget()
            self._restart(len(self.fresh), self.fresh.device)

    def _restart(self, models: int, device: torch.device) -> None:
        self.fresh = torch.ones(models, dtype=torch.bool, device=device)
        self.stalled = ~self.fresh

    def _forget(self, which: Tensor) -> None:
        if self.memory is not None:
            self.memory.forget(which)
        self.fresh = self.fresh | which


class BatchAdam(BatchSolver):
    """Adam on all rows, as `torch.optim.Adam` with its defaults."""

    looks_back = True
    betas, eps = (0.9, 0.999), 1e-8

    def __init__(self, rate: float | None, steps: int) -> None:
        super().__init__(rate, steps)
        self.moments: tuple[Tensor, Tensor] | None = None
        self.count = self.splines = torch.empty(0)  # (n,) updates since a coefficient's moments began

    def step(self, problem: KANResiduals, x: Tensor, which: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See `BatchSolver`; the losses are those before the update."""
        if self.moments is None:
            self.moments = torch.zeros_like(x), torch.zeros_like(x)
            self.count, self.splines = torch.zeros_like(x[0]), problem.spline_marks()
        loss, grad = _evaluate(problem, x, which)
        (first, second), (beta1, beta2) = self.moments, self.betas
        first.lerp_(grad, 1 - beta1)
        second.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        self.count += 1
        rate = LEARNING_RATES["Adam"] if self.rate is None else self.rate
        spread = (second.sqrt() / (1 - beta2**self.count).sqrt()).add_(self.eps)
        return x - rate / (1 - beta1**self.count) * (first / spread), loss, loss.isfinite()

    def keep(self, which: Tensor) -> None:
        """See `BatchSolver`."""
        if self.moments is not None:
            self.moments = self.moments[0][which], self.moments[1][which]

    def changed(self) -> None:
        """See `BatchSolver`; as in `fit`, coefficients start anew."""
        if self.moments is not None:
            for moment in self.moments:
                moment[:, self.splines] = 0.0
            self.count[self.splines] = 0.0


BATCH_SOLVERS: dict[str, type[BatchSolver]] = {"lm": BatchLM, "lbfgs": BatchLBFGS, "adam": BatchAdam}


@dataclass
class _State:
    """The models' unknowns `(M, n)` and their knots per layer."""

    point: Tensor
    knots: list[Tensor]


class Batch:
    """M models in training together, on their squared error.

    Args:
        models: of one structure.
        rows: training rows, one for all models or one for each, of one size and with the same weights.
        opt: a key of `BATCH_SOLVERS`.
        grid_steps: before which steps grids move.
        grid_rows: `(N, inputs)` or `(M, N, inputs)` rows that grids are fitted to, or None where they stay.
        held: sets to evaluate after each step, by name: `"val"`, `"test"`.
        ridge: factor of the squared coefficients, one or one per model.
        rate: learning rate, or None for the solver's own.

    Attributes:
        history: per quantity a list with one `(M,)` tensor per step; a model that has dropped out repeats its last.
        planned: steps asked for.
        steps: `(M,)` steps done.
        best_step: `(M,)` the step whose weights the model has, 0 for its first ones.
        failed: `(M,)` which losses were not finite.
        interrupted: whether Ctrl-C ended the run.
        seconds: time spent in `run`.
    """

    def __init__(
        self, models: Sequence[KAN], rows: Sequence[Rows], opt: str, grid_steps: set[int], grid_rows: Tensor | None,
        held: Mapping[str, Sequence[Rows]], ridge: float | Sequence[float] = 0.0, rate: float | None = None,
    ) -> None:  # fmt: skip
        self.models, self.grid_steps, self.grid_rows = list(models), grid_steps, grid_rows
        self.opt, self.rate = opt, rate
        roughness = ROUGHNESS if opt == "lm" else 0.0
        self.problem = KANResiduals(self.models, *_together(rows), rows[0].weight, ridge, roughness)
        self.held = {
            name: KANResiduals(self.models, *_together(part), part[0].weight, like=self.problem)
            for name, part in held.items()
        }
        self.history: dict[str, list[Tensor]] = {f"{name}_loss": [] for name in ("train", *held)}
        everyone = torch.arange(len(self.models), device=self.problem.x.device)
        self.active, self.steps, self.best_step = everyone, torch.zeros_like(everyone), torch.zeros_like(everyone)
        self.failed = everyone < 0
        self.loss = self.problem.x.new_full((len(self.models),), math.nan)
        self.best_loss = torch.full_like(self.loss, math.inf)
        self.interrupted, self.seconds, self.planned = False, 0.0, 0

    @torch.no_grad()
    def run(self, steps: int, time_limit_sec: float | None = None) -> None:
        """Make `steps` iterations, or fewer if no model can go on; the models then have their final weights.

        With a validation set, those of its lowest loss. Ctrl-C ends the run in the same way.

        Args:
            steps: iterations at most.
            time_limit_sec: when to stop.
        """
        started, self.planned = time.monotonic(), steps
        self.solver = BATCH_SOLVERS[self.opt](self.rate, steps)
        self._state = _State(self.problem.point(), self.problem.knots)
        self._good = self._state.point  # the last points with a finite loss,
        self._good_step = torch.zeros_like(self.steps)  # and after which steps
        self._best = self.problem.complete(self._state.point), self._state.knots
        try:
            for step in range(steps):
                if time_limit_sec is not None and time.monotonic() - started >= time_limit_sec:
                    break
                if step in self.grid_steps and self.grid_rows is not None:
                    self._move_grids(self.grid_rows)
                if not len(self.active):
                    break
                self._step()
                self._record(step)
        except KeyboardInterrupt:
            self.interrupted = True
        finally:
            self._finish()
            self.seconds = time.monotonic() - started

    def _step(self) -> None:
        active, point = self.active, self._state.point
        start, known = point[active], self._good[active]
        new, loss, going_on = self.solver.step(self.problem, start, active)
        finite = loss.isfinite()
        new = torch.where(finite[:, None], new, known)
        self._good = self._good.index_copy(
            0, active, torch.where(finite[:, None], start if self.solver.looks_back else new, known)
        )
        self._state = _State(point.index_copy(0, active, new), self._state.knots)
        self.loss = self.loss.index_copy(0, active, loss)
        self.steps[active] += 1
        known_step = self.steps[active] - (1 if self.solver.looks_back else 0)
        self._good_step[active] = torch.where(finite, known_step, self._good_step[active])
        self._drop(finite, going_on)

    def _drop(self, finite: Tensor, going_on: Tensor) -> None:
        stays = finite & going_on
        if not bool(stays.all()):
            self.failed[self.active[~finite]] = True
            stay = stays.nonzero()[:, 0]
            self.active = self.active[stay]
            self.solver.keep(stay)

    def _move_grids(self, rows: Tensor) -> None:
        """Fit the grids of the models in training; as in `fit`, those that have ended keep theirs."""
        self.problem.assign(self._state.point)
        finite = self._is_finite(self._state.point, self.active)
        failing = self.active[~finite]
        point = self._state.point.index_copy(0, failing, self._good[failing])
        self._state = _State(point, self._state.knots)
        self._drop(finite, finite)
        if not len(self.active):
            return
        update_grids([self.models[m] for m in self.active.tolist()], rows if rows.dim() == 2 else rows[self.active])
        self.problem.refresh()
        for problem in self.held.values():
            problem.refresh(self.problem)
        self.solver.changed()
        moved = point.index_copy(0, self.active, self.problem.point()[self.active])
        self._state, self._good = _State(moved, self.problem.knots), moved

    def _is_finite(self, point: Tensor, which: Tensor) -> Tensor:
        return self.problem.residuals(point[which], _some(self.problem, which)).isfinite().all(-1)

    def _record(self, step: int) -> None:
        state = self._state
        self.history["train_loss"].append(self.problem.plain(self._good, self.loss))
        for name, problem in self.held.items():
            self.history[f"{name}_loss"].append(problem.residuals(state.point).square().sum(-1))
        if "val" not in self.held:
            return
        loss = self.history["val_loss"][-1]
        lower = loss < self.best_loss
        weights, knots = self._best
        if knots is not state.knots:
            pairs = zip(state.knots, knots, strict=True)
            knots = [torch.where(lower[:, None, None], new, old) for new, old in pairs]
        self._best = torch.where(lower[:, None], self.problem.complete(state.point), weights), knots
        self.best_loss = torch.where(lower, loss, self.best_loss)
        self.best_step = torch.where(lower, step + 1, self.best_step)

    def _finish(self) -> None:
        """Write the final weights, those of the last step without a validation set."""
        if "val" in self.held:
            weights, knots = self._best
        else:
            state, everyone = self._state, torch.arange(len(self.models), device=self.loss.device)
            finite = self._is_finite(state.point, everyone)  # of Adam nothing has looked at the last update yet
            point = torch.where(finite[:, None], state.point, self._good)
            weights, knots = self.problem.complete(point), state.knots
            self.best_step = torch.where(finite & ~self.failed, self.steps, self._good_step)
        self.problem.write(weights, knots)


def _some(problem: KANResiduals, which: Tensor) -> Tensor | None:
    """`which`, or None where it is all: nothing has to be copied then."""
    return None if len(which) == problem.models else which


def _evaluate(problem: KANResiduals, x: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
    """Losses and their gradients."""
    linear = problem.linearize(x, _some(problem, which))
    return linear.loss, 2 * linear.gradient


def _first_trials(loss: Tensor, grad: Tensor) -> Tensor:
    """`edgewise.optim.line_search.first_trial` of every model."""
    size = grad.norm(dim=-1)
    length = (2 * loss.abs() / size).clamp_max(1.0)
    usable = (size > 0) & size.isfinite()
    return torch.where(usable, torch.where(length > 0, length, 1.0) / size, 1.0)


def _together(rows: Sequence[Rows]) -> tuple[Tensor, Tensor]:
    """One set for all models as it is, several stacked."""
    if len(rows) == 1:
        return rows[0].x, rows[0].y
    return torch.stack([part.x for part in rows]), torch.stack([part.y for part in rows])

"""Many models of one structure in training as one: the model axis of the kernels instead of a loop in Python.

Three solvers, all on every row: Levenberg-Marquardt, whose linear systems are solved as a batch; L-BFGS, where each
model has a line search of its own and every evaluation serves all searches that wait for one; Adam. A model that cannot
be lowered any further drops out. After grid updates the models go on from where the new knots leave them.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from edgewise.models.grids import update_grids
from edgewise.models.kan import KAN
from edgewise.optim import LMMethod, Memory, strong_wolfe
from edgewise.train.data import Rows
from edgewise.train.least_squares import KANResiduals

_MOST_DAMPING = 1e20
"""Damping at which no step is left that could lower a loss."""
ADAM_RATE = 1e-2


class BatchSolver(ABC):
    """One iteration of M models at `(M, n)` unknowns."""

    @abstractmethod
    def step(self, problem: KANResiduals, x: Tensor, which: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Make one iteration.

        Args:
            problem: residuals of all models.
            x: `(m, n)` points of the models in training.
            which: `(m,)` their numbers.

        Returns:
            New points `(m, n)`, losses there `(m,)`, and which models can go on `(m,)`.
        """

    @abstractmethod
    def keep(self, which: Tensor) -> None:
        """Go on with some of the models of the last step."""

    @abstractmethod
    def changed(self) -> None:
        """Grids were moved."""


class BatchLM(BatchSolver):
    """Levenberg-Marquardt; a step is one trial of every model."""

    def __init__(self) -> None:
        self.method = LMMethod()

    def step(self, problem: KANResiduals, x: Tensor, which: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See `BatchSolver`."""
        x, loss, _ = self.method.step(problem, x, None if len(which) == problem.models else which)
        damping = self.method.damping
        return x, loss, torch.ones_like(loss) > 0 if damping is None else damping < _MOST_DAMPING

    def keep(self, which: Tensor) -> None:
        """See `BatchSolver`."""
        self.method.keep(which)

    def changed(self) -> None:
        """See `BatchSolver`."""
        self.method.forget()


class BatchLBFGS(BatchSolver):
    """L-BFGS with one strong Wolfe search per model; trials are evaluated together."""

    def __init__(self) -> None:
        self.memory: Memory | None = None
        self.here: tuple[Tensor, Tensor] | None = None  # losses and gradients where the models are

    def step(self, problem: KANResiduals, x: Tensor, which: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See `BatchSolver`."""
        loss, grad = self.here or _evaluate(problem, x, which)
        memory = self.memory = self.memory or Memory(len(x), x.shape[1], device=x.device)
        direction = memory.direction(grad)
        slope = (direction * grad).sum(-1)
        uphill = ~(slope < 0)
        if bool(uphill.any()):
            direction = torch.where(uphill[:, None], -grad, direction)
            slope = (direction * grad).sum(-1)
        first = torch.ones_like(loss) if memory.pairs else (1 / grad.abs().sum(-1)).clamp_max(1.0)
        steps, found_loss, found_grad = self._search(problem, x, which, direction, loss, grad, slope, first)
        moved = steps > 0
        new = torch.where(moved[:, None], x + steps[:, None] * direction, x)
        memory.update(new - x, found_grad - grad, moved)
        self.here = found_loss, found_grad
        return new, found_loss, moved

    def _search(
        self, problem: KANResiduals, x: Tensor, which: Tensor, direction: Tensor, loss: Tensor, grad: Tensor,
        slope: Tensor, first: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
        """Accepted steps `(m,)`, 0 where nothing lower was found, with losses and gradients there."""
        searches, trials = {}, {}
        starts = zip(loss.tolist(), slope.tolist(), first.tolist(), strict=True)
        for m, (loss0, slope0, step) in enumerate(starts):
            if slope0 < 0 < step < float("inf"):
                searches[m] = strong_wolfe(loss0, slope0, step)
                trials[m] = next(searches[m])
        accepted, best_loss, best_grad = torch.zeros_like(loss), loss.clone(), grad.clone()
        seen: dict[int, dict[float, tuple[Tensor, Tensor]]] = {m: {} for m in searches}
        while trials:
            waiting = torch.tensor(list(trials), device=x.device)
            lengths = torch.tensor(list(trials.values()), dtype=x.dtype, device=x.device)
            trial_loss, trial_grad = _evaluate(
                problem, x[waiting] + lengths[:, None] * direction[waiting], which[waiting]
            )
            slopes = (trial_grad * direction[waiting]).sum(-1).tolist()
            for n, (m, value) in enumerate(zip(list(trials), trial_loss.tolist(), strict=True)):
                seen[m][trials[m]] = trial_loss[n], trial_grad[n]
                try:
                    trials[m] = searches[m].send((value, slopes[n]))
                except StopIteration as end:
                    del trials[m]
                    if end.value:
                        accepted[m] = end.value
                        best_loss[m], best_grad[m] = seen[m][end.value]
        return accepted, best_loss, best_grad

    def keep(self, which: Tensor) -> None:
        """See `BatchSolver`."""
        if self.memory is not None:
            self.memory.keep(which)
        if self.here is not None:
            self.here = self.here[0][which], self.here[1][which]

    def changed(self) -> None:
        """See `BatchSolver`."""
        self.memory = self.here = None


class BatchAdam(BatchSolver):
    """Adam on all rows."""

    def __init__(self) -> None:
        self.point: torch.nn.Parameter | None = None
        self.optimizer: torch.optim.Optimizer | None = None

    def step(self, problem: KANResiduals, x: Tensor, which: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See `BatchSolver`; the losses are those before the update."""
        if self.point is None or self.optimizer is None:
            self.point = torch.nn.Parameter(x.clone())
            self.optimizer = torch.optim.Adam([self.point], lr=ADAM_RATE)
        loss, self.point.grad = _evaluate(problem, self.point.detach(), which)
        self.optimizer.step()
        return self.point.detach().clone(), loss, loss.isfinite()

    def keep(self, which: Tensor) -> None:
        """See `BatchSolver`."""
        self.changed()  # only models that have failed leave, so hardly ever

    def changed(self) -> None:
        """See `BatchSolver`."""
        self.point = self.optimizer = None


BATCH_SOLVERS: dict[str, type[BatchSolver]] = {"lm": BatchLM, "lbfgs": BatchLBFGS, "adam": BatchAdam}


class Batch:
    """M models in training together, on their squared error.

    Args:
        models: of one structure.
        rows: training rows, one for all models or one for each, of one size.
        opt: a key of `BATCH_SOLVERS`.
        grid_steps: before which steps grids move.
        grid_rows: `(N, inputs)` or `(M, N, inputs)` rows that grids are fitted to, or None where they stay.
        held: sets to evaluate after each step, by name: `"val"`, `"test"`.
        ridge: factor of the squared coefficients, one or one per model.

    Attributes:
        history: per quantity a list with one `(M,)` tensor per step.
        seconds: time spent in `run`.
    """

    def __init__(
        self, models: Sequence[KAN], rows: Sequence[Rows], opt: str, grid_steps: set[int], grid_rows: Tensor | None,
        held: Mapping[str, Sequence[Rows]], ridge: float | Sequence[float] = 0.0,
    ) -> None:  # fmt: skip
        self.models, self.grid_steps, self.grid_rows = list(models), grid_steps, grid_rows
        x, y = _together(rows)
        self.problem = KANResiduals(self.models, x, y, rows[0].weight, ridge)
        self.held = {name: KANResiduals(self.models, *_together(part)) for name, part in held.items()}
        self.solver = BATCH_SOLVERS[opt]()
        self.history: dict[str, list[Tensor]] = {f"{name}_loss": [] for name in ("train", *held)}
        self.active = torch.arange(len(self.models), device=x.device)
        self.loss = x.new_full((len(self.models),), float("nan"))
        self.seconds = 0.0
        self.best: tuple[Tensor, Tensor, list[Tensor]] | None = None

    @torch.no_grad()
    def run(self, steps: int) -> None:
        """Make `steps` iterations, or fewer if no model can go on; the models then have their final weights.

        With a validation set, those of its lowest loss.
        """
        started, point = time.monotonic(), self.problem.point()
        for step in range(steps):
            if step in self.grid_steps and self.grid_rows is not None:
                point = self._move_grids(point)
            if not len(self.active):
                break
            new, loss, going_on = self.solver.step(self.problem, point[self.active], self.active)
            point = point.index_copy(0, self.active, new)
            self.loss[self.active] = loss
            self._record(point)
            if not bool(going_on.all()):
                stay = going_on.nonzero()[:, 0]
                self.active = self.active[stay]
                self.solver.keep(stay)
        self._finish(point)
        self.seconds = time.monotonic() - started

    def _move_grids(self, point: Tensor) -> Tensor:
        self.problem.assign(point)
        if self.grid_rows is not None:
            update_grids(self.models, self.grid_rows)
        for problem in (self.problem, *self.held.values()):
            problem.refresh()
        self.solver.changed()
        self.active = torch.arange(len(self.models), device=point.device)
        return self.problem.point()

    def _record(self, point: Tensor) -> None:
        self.history["train_loss"].append(self.loss.clone())
        for name, problem in self.held.items():
            self.history[f"{name}_loss"].append(problem.residuals(point).square().sum(-1))
        if "val" not in self.held:
            return
        loss = self.history["val_loss"][-1]
        knots = self.problem.knots
        if self.best is None:
            self.best = loss, point, list(knots)
            return
        lower = loss < self.best[0]
        chosen = [torch.where(lower[:, None, None], new, old) for new, old in zip(knots, self.best[2], strict=True)]
        self.best = torch.where(lower, loss, self.best[0]), torch.where(lower[:, None], point, self.best[1]), chosen

    def _finish(self, point: Tensor) -> None:
        if self.best is not None:
            _, point, knots = self.best
            for number, stack in enumerate(knots):
                for model, own in zip(self.models, stack, strict=True):
                    model.layers[number].knots.copy_(own)
        self.problem.assign(point)


def _evaluate(problem: KANResiduals, x: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
    """Losses and their gradients."""
    linear = problem.linearize(x, None if len(which) == problem.models else which)
    return linear.loss, 2 * linear.gradient


def _together(rows: Sequence[Rows]) -> tuple[Tensor, Tensor]:
    """One set for all models as it is, several stacked."""
    if len(rows) == 1:
        return rows[0].x, rows[0].y
    return torch.stack([part.x for part in rows]), torch.stack([part.y for part in rows])

"""`solve`: Levenberg-Marquardt for the first digits, SSBroyden for the last ones.

Levenberg-Marquardt needs few iterations but a Jacobian for each; SSBroyden needs gradients only, begins with the
curvature that the former has found, and goes on where damping makes its steps short. What ends a run is what the
network was not trained on: the residual at other points.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from edgewise.errors import DomainError, ParameterError, ShapeError
from edgewise.models import KAN
from edgewise.optim import Evaluation, LBFGSMethod, LMMethod, Method, SSBroydenMethod
from edgewise.physics.domains import check_own_points
from edgewise.physics.inputs import rows
from edgewise.physics.parts import Part
from edgewise.physics.problem import Problem, difference
from edgewise.physics.reference import comparison
from edgewise.physics.sampling import by_residual
from edgewise.physics.solution import Solution
from edgewise.physics.spread import METHODS, check_points
from edgewise.physics.suspicions import warn
from edgewise.physics.system import Learner, Loss, System

HELD_OUT_POINTS, KNOWN_POINTS = 1000, 4000
_MOST_DENSE = 4000
"""Parameters up to which SSBroyden keeps its matrix; L-BFGS stands in for it beyond."""
_STALL, _STALL_STEPS = 0.95, 5
"""Levenberg-Marquardt hands over when a number of steps leave more than this part of the loss."""
_BETTER = 0.99
"""What counts as a lower held-out residual."""


@dataclass
class _Settings:
    """The arguments of `solve` that the run needs."""

    lm_steps: int
    steps: int
    tol: float
    patience: int
    check_every: int
    resample_every: int | None
    time_limit_sec: float | None
    callback: Callable[[dict[str, float]], Any] | None
    seed: int


def solve(
    problem: Problem,
    model: nn.Module,
    *,
    points: Any = 576,
    boundary_points: int = 200,
    sampling: str = "cosine",
    update_grid: bool = True,
    lm_steps: int = 60,
    steps: int = 2000,
    tol: float = 0.0,
    patience: int = 40,
    check_every: int = 10,
    resample_every: int | None = None,
    time_limit_sec: float | None = None,
    callback: Callable[[dict[str, float]], Any] | None = None,
    seed: int = 0,
) -> Solution:
    """Train a network so that it solves a problem; the network is changed in place, to the best one found.

    Args:
        problem: the problem.
        model: a KAN (derivatives in one forward pass), or any module (by autograd) with `problem.in_features` inputs.
            Use float64: float32 ends near 1e-6.
        points: points at which the equation is enforced (about as many for a grid), or for a box the number along each
            coordinate; or `(n, D)` points of your own, a tensor or an array.
        boundary_points: for each soft condition on a boundary or at the begin.
        sampling: `"cosine"`, `"grid"`, `"sobol"` or `"random"`, see `edgewise.physics.spread`.
        update_grid: move the grids of splines to where their inputs are, before the run; the polynomials of
            basis="chebyshev" get the domain as theirs.
        lm_steps: Levenberg-Marquardt iterations at most; 0 leaves it out.
        steps: SSBroyden iterations at most (L-BFGS with more than 4000 parameters).
        tol: end when the error (without a known solution the held-out residual) is at most this.
        patience: end when the held-out residual, soft conditions included, has not become lower for so many checks.
        check_every: iterations between checks.
        resample_every: after so many iterations of either solver take half of the points anew, where the residual is
            large; for layers and shocks. Levenberg-Marquardt then ends for lack of progress only between two changes
            of points that are more than five iterations apart.
        time_limit_sec: end after so many seconds.
        callback: called with the last row of the history after every check; False ends the run.
        seed: of all points that are drawn.

    Returns:
        The solution.

    Raises:
        ParameterError: an argument is outside its documented set, the equation fails, or nothing uses an output or an
            unknown.
        ShapeError: a network with other inputs, or an equation with other residuals than one per row.
        DomainError: a residual is not finite at the start.

    Warns:
        UserWarning: what cannot come out right: no conditions, no begin of the velocity, nothing that tells of the
            unknowns, derivatives that a network does not have, float32.
    """
    check_problem(problem)
    if isinstance(points, Tensor | np.ndarray) or _are_rows(points):
        points = rows("`points`", points)
        check_own_points(points, problem.domain)
    else:
        check_points(points, problem.domain.dim)
    counts = {"lm_steps": lm_steps, "steps": steps, "patience": patience, "check_every": check_every}
    _check(problem, model, sampling, **counts, **({} if resample_every is None else {"resample_every": resample_every}))
    settings = _Settings(lm_steps, steps, tol, patience, check_every, resample_every, time_limit_sec, callback, seed)
    if update_grid and isinstance(model, KAN):
        fit_to_domain(problem, model, points, seed)
    return _Run(problem, model, settings, points, boundary_points, sampling).go()


@torch.no_grad()
def fit_to_domain(problem: Problem, model: KAN, points: int | tuple[int, ...] | Tensor, seed: int) -> None:
    """Let a network's functions live where their inputs are, the corners of the domain included.

    Args:
        problem: the problem.
        model: changed: splines get other grids and stay the functions they are as well as these allow; polynomials of
            the coordinates get the domain.
        points: as for `solve`.
        seed: of the points.
    """
    ends = torch.cartesian_prod(*problem.domain.bounds).reshape(-1, problem.domain.dim)
    if isinstance(points, Tensor):
        inside = points.to(ends)
    else:
        count = points if isinstance(points, int) else math.prod(points)
        inside = problem.domain.interior(count, "sobol", seed)
    x = torch.cat([inside, ends]).to(next(model.parameters()))
    embedding = problem.around.embedding
    inputs = x if embedding is None else embedding(x)
    if model.basis == "spline":
        model.update_grid(inputs)
    else:
        model.layers[0].domain.copy_(torch.stack([inputs.amin(0), inputs.amax(0)], dim=1))


def _are_rows(points: Any) -> bool:
    """Whether it is a list of points rather than of numbers of them."""
    return isinstance(points, list | tuple) and len(points) > 0 and isinstance(points[0], list | tuple)


def check_problem(problem: Any) -> None:
    """See that the first argument is a problem.

    Args:
        problem: the argument.

    Raises:
        ParameterError: it is something else.
    """
    if not isinstance(problem, Problem):
        raise ParameterError(f"give the problem first and the network second; got a {type(problem).__name__} first.")


def _check(problem: Problem, model: nn.Module, sampling: str, **counts: int) -> None:
    for name, value in counts.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < (1 if "every" in name else 0):
            raise ParameterError(f"`{name}` must be an int >= {1 if 'every' in name else 0}; got {value!r}.")
    if sampling not in METHODS:
        raise ParameterError(f"`sampling` must be one of {METHODS}; got {sampling!r}.")
    if not isinstance(model, nn.Module) or not any(p.requires_grad for p in model.parameters()):
        raise ParameterError(f"`model` must be a module with parameters to train; got {type(model).__name__}.")
    inputs = getattr(model, "in_features", problem.in_features)
    if inputs != problem.in_features:
        raise ShapeError(
            f"the network must have {problem.in_features} inputs (one per coordinate, two for a periodic one); it has "
            f"{inputs}."
        )


class _Run:
    """One run: points, the two solvers, and the record of both."""

    def __init__(
        self, problem: Problem, model: nn.Module, settings: _Settings, points: int | tuple[int, ...] | Tensor,
        boundary_points: int, sampling: str,
    ) -> None:  # fmt: skip
        self.problem, self.model, self.settings = problem, model, settings
        self.like = next(p for p in model.parameters() if p.requires_grad).detach()
        unknowns = {name: self.like.new_tensor(float(start)) for name, start in problem.unknowns.items()}
        self.learner = Learner(model, unknowns)
        seed = settings.seed
        chosen = points if isinstance(points, Tensor) else problem.domain.interior(points, sampling, seed)
        self.inner = problem.inner(chosen.to(self.like))
        self.parts = [self.inner, *problem.others(self.like, boundary_points, sampling, seed + 1000)]
        self.held_out = problem.inner(problem.domain.interior(HELD_OUT_POINTS, "sobol", seed + 1).to(self.like))
        for part in (*self.parts, self.held_out):
            part.prepare(problem.around, model, self.learner.unknowns)
        self._check_outputs()
        self._check_unknowns()
        warn(problem, model, self.inner)
        self.known = None
        if problem.exact is not None:
            x, values = (t.to(self.like) for t in comparison(problem.exact, problem.domain, KNOWN_POINTS, seed + 2))
            self.known = Part("`exact`", partial(difference, "`exact`"), x, extra=[values])
            self.known.prepare(problem.around, model, {})
        self.history: dict[str, list[float]] = {"step": [], "seconds": [], "loss": [], "residual": []}
        for name in (*problem.unknowns, *(["error"] if self.known else [])):
            self.history[name] = []
        self.best: Tensor | None = None
        self.best_at, self.best_residual, self.waited, self.step = 0, math.inf, 0, 0
        self.begin = time.perf_counter()

    def _check_outputs(self) -> None:
        """Whatever nothing uses stays as it began, and the solution that is handed back would hold it."""
        outputs = self.problem.field(self.model, self.inner.x[:1]).outputs
        # A boundary value is asked of every output: it tells nothing of what the user means by them.
        meant = [part.read for part in self.parts if part.chooses]
        unused = set(range(outputs)).difference(*meant)
        if unused:
            raise ParameterError(
                f"the network has {outputs} outputs, and neither `pde` nor `Data` nor `Equation` uses output "
                f"{min(unused)}: one equation needs one output. Make it a network with one, or unpack `v, w = u` in "
                "`pde` and return one equation for each."
            )

    def _check_unknowns(self) -> None:
        """A coefficient that nothing uses would come back as it began, and look found."""
        unknowns = self.learner.unknowns
        if not unknowns:
            return
        few = self.problem.inner(self.inner.x[:3])
        few.prepare(self.problem.around, self.model, unknowns)
        with torch.enable_grad():
            total = few(self.problem.around, self.model, unknowns).sum()
            slopes = torch.autograd.grad(total, list(unknowns.values()), allow_unused=True)
        for name, slope in zip(unknowns, slopes, strict=True):
            if slope is None:
                raise ParameterError(f"`pde` does not use its unknown {name!r}, which can then not be found.")

    def go(self) -> Solution:
        """Run both solvers."""
        self.loss = Loss(self.learner, self.parts, self.problem.around)
        here = self.loss.evaluate(self.loss.point())
        if not (math.isfinite(here.loss) and bool(here.grad.isfinite().all())):
            raise DomainError(
                f"the residuals and their gradient must be finite at the start; the loss is {here.loss}. Look for "
                "`log`, `sqrt` or a division in `pde`, and for conditions that are not finite in the domain."
            )
        ended = self._record(here)
        try:
            dense = len(here.x) <= _MOST_DENSE
            quasi, phases = SSBroydenMethod() if dense else LBFGSMethod(), {}
            if ended is None and self.settings.lm_steps:
                start = time.perf_counter()
                here, ended = self._least_squares(here, quasi)
                phases["lm"] = time.perf_counter() - start
            start = time.perf_counter()
            if ended is None:
                ended = self._quasi_newton(here, quasi)
            phases["ssbroyden" if dense else "lbfgs"] = time.perf_counter() - start
        except KeyboardInterrupt:
            ended, phases = "interrupted", {}
        self.loss.assign(self.best)  # pyright: ignore[reportArgumentType]
        found = {name: float(value.detach()) for name, value in self.learner.unknowns.items()}
        return Solution(
            self.problem, self.model, found, self.history, self.best_at, ended or "steps",
            time.perf_counter() - self.begin, phases, self.inner.x,
        )  # fmt: skip

    def _least_squares(self, here: Evaluation, quasi: Method) -> tuple[Evaluation, str | None]:
        system, method = System(self.loss), LMMethod()
        x, recent = here.x[None], [here.loss]
        for _ in range(self.settings.lm_steps):
            x, losses, moved = method.step(system, x)
            self.step += 1
            if bool(moved):
                recent.append(float(losses))
            ended = self._record(self._at(x[0])) if self.step % self.settings.check_every == 0 else self._too_late()
            if ended is not None:
                return self._at(x[0]), ended
            every = self.settings.resample_every
            if every and self.step % every == 0:
                self.loss.assign(x[0])
                self._resample()
                system, recent = System(self.loss), []
                method.leave()
                continue
            damping = method.damping
            stuck = damping is not None and float(damping) > 1e8
            if stuck or (len(recent) > _STALL_STEPS and recent[-1] > _STALL * recent[-1 - _STALL_STEPS]):
                break
        inverse = method.inverse(system, x) if isinstance(quasi, SSBroydenMethod) else None
        if isinstance(quasi, SSBroydenMethod) and inverse is not None:
            quasi.start(inverse[0] / 2)  # of the Hessian matrix 2 J'J of the sum of squares
        return self._at(x[0]), None

    def _quasi_newton(self, here: Evaluation, method: Method) -> str | None:
        settings, forgot = self.settings, False
        for n in range(1, settings.steps + 1):
            found = method.step(self.loss, here)
            if found is here:
                if forgot:
                    self._record(here)
                    return "no progress"
                method.forget()
                forgot = True
                continue
            here, forgot = found, False
            self.step += 1
            if settings.resample_every and n % settings.resample_every == 0:
                self._resample()
                here = self.loss.evaluate(here.x)
            ended = self._record(here) if self.step % settings.check_every == 0 else self._too_late()
            if ended is not None:
                return ended
        self._record(here)
        return None

    def _at(self, x: Tensor) -> Evaluation:
        return self.loss.evaluate(x.clone())

    def _resample(self) -> None:
        x = by_residual(self.problem.domain, self.inner.x, self._residuals_at, seed=self.settings.seed + self.step)
        self.inner.x = x.to(self.like)
        self.inner.prepare(self.problem.around, self.model, self.learner.unknowns)

    def _residuals_at(self, x: Tensor) -> Tensor:
        part = self.problem.inner(x.to(self.like))
        unknowns = self.learner.unknowns
        part.prepare(self.problem.around, self.model, unknowns)
        with torch.no_grad():
            return part(self.problem.around, self.model, unknowns).reshape(len(x), -1).norm(dim=1)

    @torch.no_grad()
    def _record(self, here: Evaluation) -> str | None:
        """Add a row to the history; and the reason to stop, if there is one."""
        self.loss.assign(here.x)
        residual = float(self.learner(self.held_out, self.problem.around).norm())
        row = {"step": self.step, "seconds": time.perf_counter() - self.begin, "loss": here.loss, "residual": residual}
        row |= {name: float(value) for name, value in self.learner.unknowns.items()}
        if self.known is not None:
            wrong = self.known(self.problem.around, self.model, {})
            row["error"] = float(wrong.norm() / self.known.extra[0].norm())
        for name, value in row.items():
            self.history[name].append(value)
        others = [float(self.learner(part, self.problem.around).square().sum()) for part in self.parts[1:]]
        judged = math.sqrt(residual**2 + sum(others))
        self.waited += 1
        if judged < _BETTER * self.best_residual:
            self.waited = 0
        if self.best is None or judged < self.best_residual:
            self.best, self.best_at, self.best_residual = here.x.clone(), len(self.history["step"]) - 1, judged
        return self._reason(row)

    def _reason(self, row: dict[str, float]) -> str | None:
        settings = self.settings
        if settings.callback is not None and settings.callback(dict(row)) is False:
            return "callback"
        if row.get("error", row["residual"]) <= settings.tol:
            return "tolerance"
        if self.waited >= settings.patience:
            return "held-out residual"
        return self._too_late()

    def _too_late(self) -> str | None:
        limit = self.settings.time_limit_sec
        return "time limit" if limit is not None and time.perf_counter() - self.begin > limit else None

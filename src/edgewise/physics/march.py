"""`march`: an evolution solved in windows of time, one after the other.

One network for a long time has to meet the equation everywhere at once, and its loss is happy with a late part that
belongs to another begin (Krishnapriyan et al. 2021, arXiv 2109.01050; Wang et al. 2022, arXiv 2203.07404). In short
windows the begin is known exactly, and the next network starts from the last one: it sees the time of the first window,
so it begins with the last window's changes continued. Points travel with it: where they were gathered at a shock, they
stay.
"""

from __future__ import annotations

import copy
import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from edgewise.errors import ParameterError
from edgewise.physics.conditions import AbstractKnownJet, Condition, Data, Equation, Initial
from edgewise.physics.evolution import Evolution
from edgewise.physics.parts import Embedding
from edgewise.physics.plan import Plan
from edgewise.physics.problem import Problem
from edgewise.physics.solution import Solution
from edgewise.physics.solve import check_problem, solve
from edgewise.physics.time_space import TimeSpace
from edgewise.physics.wrap import at_time


def march(
    problem: Problem,
    model: nn.Module,
    windows: int | Sequence[float] = 10,
    *,
    points: int | Tensor = 2000,
    sampling: str = "sobol",
    lm_steps: int = 30,
    first_lm_steps: int | None = None,
    steps: int = 0,
    resample_every: int | None = None,
    callback: Callable[[Solution], Any] | None = None,
    seed: int = 0,
    **settings: Any,
) -> Evolution:
    """Solve an evolution in windows of time, each begun exactly where the last one ended.

    Args:
        problem: with a `TimeSpace` and an `Initial` condition, no unknowns.
        model: the network of the first window; not changed. Each window has a copy.
        windows: how many of equal length, or their ascending limits, from the begin of the problem to its end.
        points: of every window, as for `solve`; a tensor holds those of the first window.
        sampling: as for `solve`; the points of later windows are those of the one before, moved in time.
        lm_steps: Levenberg-Marquardt iterations at most, in each window.
        first_lm_steps: of the first window, whose network knows nothing; twice as many when absent.
        steps: SSBroyden iterations at most, in each window.
        resample_every: as for `solve`; solutions with layers or shocks need it (5, say), smooth ones do not.
        callback: called with the solution of every window; False ends the run there.
        seed: of all points that are drawn.
        **settings: more arguments of `solve`, for each window.

    Returns:
        The evolution. What begins a window is computed from all networks before it, once for every set of points, so
        time grows with the square of the number of windows where there are very many.

    Raises:
        ParameterError: a problem without time or begin, of second order in time, with unknowns, or windows that do not
            go from its begin to its end; and as `solve`.

    Source: time marching of physics-informed networks: Krishnapriyan et al. (2021), arXiv 2109.01050, section 5.
    """
    limits = _limits(_checked(problem), windows)
    _check_order(problem, model, seed)
    first = 2 * lm_steps if first_lm_steps is None else first_lm_steps
    found: list[Solution] = []
    begin = time.perf_counter()
    for start, end in pairwise(limits):
        window = _window(problem, start, end, limits, found[-1] if found else None)
        own = copy.deepcopy(found[-1].model if found else model)
        if found:
            points = _moved(found[-1], start, end)
        found.append(
            solve(
                window, own, points=points, sampling=sampling, lm_steps=lm_steps if found else first, steps=steps,
                resample_every=resample_every, seed=seed, **settings,
            )
        )  # fmt: skip
        if callback is not None and callback(found[-1]) is False:
            break
    return Evolution(problem, found, time.perf_counter() - begin)


class _Handover(AbstractKnownJet):
    """The solution of a window at its end, as the initial value of the next: constant in time."""

    def __init__(self, solution: Solution) -> None:
        self.solution = solution
        self.time = solution.problem.domain.end  # pyright: ignore[reportAttributeAccessIssue]

    def __call__(self, x: Tensor) -> Tensor:
        return self.solution(at_time(x, self.time)).to(x)

    @torch.no_grad()
    def jet(self, x: Tensor, plan: Plan) -> Tensor:
        """`(outputs, R, B)` its derivatives; what a window hands on as it got it is not differentiated twice."""
        found = self.solution.problem.jets(self.solution.model, at_time(x, self.time))(plan)
        moves = [any(0 in part for part in channel) for channel in plan.channels]
        return torch.where(torch.tensor(moves, device=x.device)[:, None], 0.0, found)


def _checked(problem: Problem) -> TimeSpace:
    check_problem(problem)
    domain = problem.domain
    if not isinstance(domain, TimeSpace):
        raise ParameterError(
            f"`march` needs a domain with time, `TimeSpace(time, space)`; got a {type(domain).__name__}. Use `solve`."
        )
    if not any(isinstance(c, Initial) for c in problem.conditions):
        raise ParameterError("`march` needs an `Initial` condition: windows begin where the one before has ended.")
    if problem.unknowns:
        raise ParameterError(
            f"`march` finds no unknown coefficients, and the problem has {sorted(problem.unknowns)}: every window "
            "would find others. Use `solve`."
        )
    return domain


def _check_order(problem: Problem, model: nn.Module, seed: int) -> None:
    """Windows hand over the solution, not its velocity, which an equation of second order in time begins with, too."""
    like = next(model.parameters())
    part = problem.inner(problem.domain.interior(2, "sobol", seed).to(like))
    part.prepare(problem.around, model, {})
    if any(piece.count(0) > 1 for channel in part.wanted for piece in channel):
        raise ParameterError(
            "`march` needs an equation of first order in time; this one has a second derivative by time. Give the "
            "velocity an output of its own, `u, v = w` with the equations `(u.dt - v.value, v.dt - ...)` and an "
            "`Initial` of both, (n, 2); or use `solve` over the whole time with `Initial(value, velocity=...)`."
        )


def _limits(domain: TimeSpace, windows: int | Sequence[float]) -> list[float]:
    if isinstance(windows, int) and not isinstance(windows, bool) and windows >= 1:
        return np.linspace(domain.start, domain.end, windows + 1).tolist()
    numbers = isinstance(windows, Sequence) and all(isinstance(w, int | float) for w in windows)
    limits = [float(w) for w in windows] if numbers else []  # pyright: ignore[reportGeneralTypeIssues]
    ascending = all(a < b for a, b in pairwise(limits))
    if len(limits) < 2 or not ascending or (limits[0], limits[-1]) != (domain.start, domain.end):
        raise ParameterError(
            f"`windows` must be an int >= 1, or ascending limits from {domain.start:g} to {domain.end:g}; got "
            f"{windows!r}."
        )
    return limits


def _window(problem: Problem, start: float, end: float, limits: Sequence[float], last: Solution | None) -> Problem:
    """The problem in a window of time, for a network that sees the times of the first one."""
    domain: Any = problem.domain
    own = TimeSpace((start, end), domain.region)
    after = start if last is not None else -math.inf  # rows at a shared limit belong to the window that ends there
    kept = [_during(c, after, end) if isinstance(c, Data | Equation) else c for c in problem.conditions]
    conditions = [c for c in kept if c is not None and not (last is not None and isinstance(c, Initial))]
    if last is not None:
        conditions.append(Initial(_Handover(last)))
    made = Problem(own, problem.pde, conditions, exact=problem.exact)
    made.around = made.around._replace(embedding=_clock(made.around.embedding, (start, end), (limits[0], limits[1])))
    return made


def _during(condition: Data | Equation, after: float, end: float) -> Condition | None:
    """The rows of a condition that are later than `after` and not than `end`; None without any."""
    rows = (condition.x[:, 0] > after) & (condition.x[:, 0] <= end)
    if not bool(rows.any()):
        return None
    if isinstance(condition, Data):
        return dataclasses.replace(condition, x=condition.x[rows], y=condition.y[rows])
    return dataclasses.replace(condition, x=condition.x[rows])


def _clock(embedding: Embedding | None, window: tuple[float, float], seen: tuple[float, float]) -> Embedding:
    """What a network sees of points: a window's time as that of another."""
    rate = (seen[1] - seen[0]) / (window[1] - window[0])

    def inputs(x: Tensor) -> Tensor:
        x = torch.cat([seen[0] + rate * (x[:, :1] - window[0]), x[:, 1:]], dim=1)
        return x if embedding is None else embedding(x)

    return inputs


def _moved(last: Solution, start: float, end: float) -> Tensor:
    """The points of a window, moved to the next."""
    before: Any = last.problem.domain
    share = before.elapsed(last.points)[:, None]
    times = (start + share * (end - start)).clamp(start, end)  # rounding must not carry them beyond
    return torch.cat([times, last.points[:, 1:]], dim=1)

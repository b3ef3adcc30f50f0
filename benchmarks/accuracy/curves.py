"""Optimizers as curves: the loss after every step, against time of the processor and against work in gradients."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

import torch
from torch import Tensor, nn

from benchmarks.accuracy.training import Record
from edgewise.optim import Evaluation, FunctionObjective, Method

POINTS = 60
"""Points kept of a curve."""

Solver = Callable[[FunctionObjective], Iterator[Evaluation]]
"""Shows where it is, from the start on, for as long as it finds something lower."""


def adam(lr: float) -> Solver:
    """Full-batch Adam."""

    def run(objective: FunctionObjective) -> Iterator[Evaluation]:
        x = nn.Parameter(objective.layout.start.clone())
        optimizer = torch.optim.Adam([x], lr=lr)
        while True:
            here = objective.evaluate(x.detach())
            yield here
            x.grad = here.grad
            optimizer.step()

    return run


def stepping(build: Callable[[], Method]) -> Solver:
    """One of our methods, until it finds nothing lower, also with a fresh memory."""

    def run(objective: FunctionObjective) -> Iterator[Evaluation]:
        method, stalled = build(), False
        here = objective.evaluate(objective.layout.start)
        yield here
        while True:
            there = method.step(objective, here)
            if there is here:
                if stalled:
                    return
                stalled = True
                method.forget()
                continue
            here, stalled = there, False
            yield here

    return run


def trace(solver: Solver, objective: FunctionObjective, seconds: float, target: float = 0.0) -> tuple[Record, Tensor]:
    """Run until a time, a loss, or the end; the curve, and the `(n,)` parameters with the lowest loss."""
    curve: list[list[float]] = []
    best: Evaluation | None = None
    start = time.process_time()
    for here in solver(objective):
        spent, work = time.process_time() - start, objective.evaluations + 2 * objective.products
        curve.append([spent, work, here.loss])
        best = here if best is None or here.loss < best.loss else best
        if spent > seconds or here.loss <= target:
            break
    assert best is not None, "a solver shows its start"
    found = {"seconds": curve[-1][0], "work": curve[-1][1], "steps": len(curve) - 1, "loss": best.loss}
    return {**found, "curve": thinned(curve)}, best.x


def thinned(curve: list[list[float]]) -> list[list[float]]:
    """At most about `POINTS` points, evenly spaced in the logarithm of the number of the step, the last among them."""
    last = len(curve) - 1
    numbers = {0, last} | {round(last ** (n / POINTS)) for n in range(POINTS + 1)} if last else {0}
    return [curve[n] for n in sorted(numbers)]


def at(curve: Sequence[Sequence[float]], column: int, limit: float) -> float:
    """The lowest loss of a curve while `column` (0 seconds, 1 work) is at most `limit`."""
    return min([point[2] for point in curve if point[column] <= limit], default=math.inf)


def lowest(curve: Sequence[Sequence[float]], column: int) -> tuple[list[float], list[float]]:
    """A curve as the lowest loss so far, over `column`."""
    return [point[column] for point in curve], list(accumulate((point[2] for point in curve), min))

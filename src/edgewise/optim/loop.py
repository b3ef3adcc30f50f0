"""The loop of steps around any method, and the reasons to end it."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from edgewise.errors import DomainError
from edgewise.optim.method import Method
from edgewise.optim.objective import Evaluation, Objective
from edgewise.optim.result import Iterate, Status


@dataclass
class Run:
    """How a loop ended.

    Attributes:
        best: the lowest evaluation.
        steps: iterations made.
        history: `"loss"` and `"grad_norm"`, with the start.
        status: why it ended.
        message: the same as a sentence.
    """

    best: Evaluation
    steps: int
    history: dict[str, list[float]]
    status: Status
    message: str


class Loop:
    """Steps of one method from one point on.

    The gradient is small when it has fallen to `gtol` times the largest seen in the run: an absolute threshold would
    depend on the unit of the loss, and one relative to the first gradient alone would never be met from a good start.

    Args:
        method: makes the steps.
        objective: what it minimizes.
        start: `(n,)` where to begin.
        steps: iterations at most.
        gtol: relative size of a gradient that is small enough.
        callback: called after every step; ends the run by returning False.
        read: turns a vector into named tensors for the callback.

    Raises:
        DomainError: the loss is not finite at the start.
    """

    def __init__(
        self,
        method: Method,
        objective: Objective,
        start: Tensor,
        *,
        steps: int,
        gtol: float,
        callback: Callable[[Iterate], Any] | None,
        read: Callable[[Tensor], dict[str, Tensor]],
    ) -> None:
        self.method, self.objective, self.limit, self.gtol = method, objective, steps, gtol
        self.callback, self.read = callback, read
        self.here = self.best = objective.evaluate(start)
        if not math.isfinite(self.here.loss):
            raise DomainError(
                f"The loss must be finite at the start; it is {self.here.loss}. Look for NaN in data and parameters, "
                "and for `log`, `sqrt` or a division outside its domain."
            )
        self.steps, self.largest, self.stalled = 0, 0.0, False
        self.history: dict[str, list[float]] = {"loss": [], "grad_norm": []}

    def run(self) -> Run:
        """Step until there is a reason to stop.

        Returns:
            The lowest point, and the reason.
        """
        self._record()
        end = self._start_is_stationary()
        try:
            while end is None:
                end = self._advance()
        except KeyboardInterrupt:
            end = "interrupted", f"Interrupted from the keyboard after {self.steps} steps; the best point is kept."
        return Run(self.best, self.steps, self.history, *end)

    def _start_is_stationary(self) -> tuple[Status, str] | None:
        if self.largest > 0 or self.method.leaves_saddles:
            return None
        return "converged", "The gradient is zero at the start."

    def _advance(self) -> tuple[Status, str] | None:
        if self.steps >= self.limit:
            return "steps", f"All {self.limit} steps are done; the gradient has not fallen to the tolerance."
        found = self.method.step(self.objective, self.here)
        if found is self.here:
            return self._without_progress()
        self.stalled = False
        self.here = found
        self.best = min(self.best, found, key=lambda known: known.loss)
        self.steps += 1
        self._record()
        if self.callback is not None and self.callback(self._iterate()) is False:
            return "callback", f"The callback returned False after {self.steps} steps."
        small = self._is_small()
        return self._converged() if small and not self.method.leaves_saddles else None

    def _without_progress(self) -> tuple[Status, str] | None:
        """Nothing lower was found: at first perhaps the memory's fault, then that of the point."""
        if self._is_small():  # of methods that leave saddle points: this is none
            return self._converged()
        if not self.stalled:
            self.stalled = True
            self.method.forget()
            return None
        return "no progress", (
            f"No lower point was found after {self.steps} steps, also not with a fresh memory: the loss is as low as "
            "its rounding lets it be, or the gradient is wrong."
        )

    def _is_small(self) -> bool:
        return self.history["grad_norm"][-1] <= self.gtol * self.largest

    def _converged(self) -> tuple[Status, str]:
        norm = self.history["grad_norm"][-1]
        return "converged", (
            f"The gradient's norm is {norm:.3g} after {self.steps} steps, at most {self.gtol:g} of the largest seen, "
            f"{self.largest:.3g}."
        )

    def _record(self) -> None:
        norm = float(self.here.grad.norm())
        self.largest = max(self.largest, norm)
        self.history["loss"].append(self.here.loss)
        self.history["grad_norm"].append(norm)

    def _iterate(self) -> Iterate:
        return Iterate(self.steps, self.here.loss, self.history["grad_norm"][-1], self.here.x, self.read)

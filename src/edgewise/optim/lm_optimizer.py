"""`LevenbergMarquardt`: the iteration in the shape of a torch optimizer."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from edgewise.errors import DomainError, ParameterError
from edgewise.optim.jacobian import ClosureResiduals
from edgewise.optim.levenberg_marquardt import MOST_DAMPING, LMMethod
from edgewise.optim.parameters import flatten
from edgewise.optim.solver_optimizer import SolverOptimizer, write

MOST_TRIALS = 40
"""Trials of one step, each with more damping than the one before."""


class LevenbergMarquardt(SolverOptimizer):
    """Levenberg-Marquardt, see `edgewise.optim.levenberg_marquardt`.

    Unlike torch's optimizers it needs residuals, not their gradient: the closure of `step` returns the vector of
    residuals with its graph, and does not call `backward`. Each step differentiates every residual; for many rows
    `least_squares` with `data` is much faster, and `KAN.fit(opt="lm")` faster still.

    Args:
        params: what to train, of one dtype and device.
        damping: first damping relative to the diagonal of `J'J`.
        acceleration: bend steps by geodesic acceleration.
        solver: see `LMMethod`.
        seed: of the random signs that `solver="cg"` needs.

    Attributes:
        method: the iteration, with its counts.

    Raises:
        ParameterError: an argument is outside its documented set.
        ShapeError: parameters of several dtypes or devices.

    >>> a = torch.nn.Parameter(torch.zeros(2))
    >>> optimizer = LevenbergMarquardt([a])
    >>> for _ in range(5):
    ...     loss = optimizer.step(lambda: a.exp() - torch.tensor([1.0, 2.0]))
    >>> bool(loss < 1e-6)
    True
    """

    def __init__(
        self,
        params: Iterable[Any],
        *,
        damping: float = 1e-2,
        acceleration: bool = True,
        solver: str = "auto",
        seed: int = 0,
    ) -> None:
        method = LMMethod(damping=damping, acceleration=acceleration, solver=solver, seed=seed)
        super().__init__(params, method, lr=1.0)

    def forget(self) -> None:
        """Drop what was learnt: the function has changed."""
        self.method.restart()

    def step(self, closure: Callable[[], Tensor]) -> float:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Make one iteration: more and more damping until the loss falls.

        Args:
            closure: returns the residuals, of any shape, with their graph.

        Returns:
            The sum of squares after the step; that before it, with unchanged parameters, if nothing lowers it.

        Raises:
            ParameterError: `closure` is no function, does not return residuals with their graph, or no parameter is
                trained.
            DomainError: residuals are not finite at the present parameters.
        """
        if not callable(closure):
            raise ParameterError(f"`step` needs a closure that returns the residuals; got {closure!r}.")
        moving = self._moving()
        x = flatten(moving)[None]
        found = x
        try:
            problem = ClosureResiduals(closure, moving)
            start = self.method.start(problem, x)
            if not bool(start.loss.isfinite().all()):
                bad = int((~start.residual.isfinite()).sum())
                raise DomainError(
                    f"`closure` must return finite residuals at the present parameters; {bad} of {problem.count} are "
                    f"not. Start elsewhere, or scale the data to about one."
                )
            found, loss, _ = first_lower(self.method, problem, x)
        finally:  # whatever ends the trials, Ctrl-C too, leaves no trial behind
            with torch.no_grad():
                write(moving, found[0])
            self.method.leave()  # parameters may be changed between steps
        return float(loss)


def first_lower(method: LMMethod, problem: Any, x: Tensor) -> tuple[Tensor, Tensor, bool]:
    """Try with more and more damping until the loss of the only model falls.

    If nothing lowers it, the damping is again what it was: the next step may be on other data.

    Args:
        method: the iteration.
        problem: a problem with one model.
        x: `(1, n)` where.

    Returns:
        The new point, its loss `(1,)`, and whether it has moved.
    """
    loss = method.start(problem, x).loss
    before = method.state_dict()
    for _ in range(MOST_TRIALS):
        found, loss, moved = method.step(problem, x)
        if bool(moved):
            return found, loss, True
        if method.damping is not None and float(method.damping) > MOST_DAMPING:
            break
    method.load_state_dict(before)
    return x, loss, False

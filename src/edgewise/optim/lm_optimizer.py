"""`LevenbergMarquardt`: the iteration in the shape of a torch optimizer."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from edgewise.errors import DomainError, ParameterError
from edgewise.optim.jacobian import ClosureResiduals
from edgewise.optim.levenberg_marquardt import LMMethod
from edgewise.optim.parameters import check_one_kind

MOST_TRIALS = 40
"""Trials of one step, each with more damping than the one before."""


class LevenbergMarquardt(torch.optim.Optimizer):
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
        self.method = LMMethod(damping=damping, acceleration=acceleration, solver=solver, seed=seed)
        super().__init__(params, {"lr": 1.0})
        self.method_parameters = [p for group in self.param_groups for p in group["params"]]
        check_one_kind({f"{n}": p for n, p in enumerate(self.method_parameters)})

    def step(self, closure: Callable[[], Tensor]) -> float:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Make one iteration: more and more damping until the loss falls.

        Args:
            closure: returns the residuals, of any shape, with their graph.

        Returns:
            The sum of squares after the step; that before it, with unchanged parameters, if nothing lowers it.

        Raises:
            ParameterError: `closure` is missing.
            DomainError: residuals are not finite at the present parameters.
        """
        if closure is None:
            raise ParameterError("`step` needs a closure that returns the residuals.")
        problem = ClosureResiduals(closure, self.method_parameters)
        x = problem.point()
        start = self.method.start(problem, x)
        if not bool(start.loss.isfinite().all()):
            raise DomainError("`closure` must return finite residuals at the present parameters.")
        found, loss, _ = first_lower(self.method, problem, x)
        problem.assign(found)
        self.method.forget()  # parameters may be changed between steps
        return float(loss)

    def state_dict(self) -> dict[str, Any]:
        """Torch's state and the damping."""
        return {**super().state_dict(), "method": self.method.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue with a state from `state_dict`."""
        self.method.load_state_dict(state_dict["method"])
        super().load_state_dict({name: part for name, part in state_dict.items() if name != "method"})


def first_lower(method: LMMethod, problem: Any, x: Tensor) -> tuple[Tensor, Tensor, bool]:
    """Try with more and more damping until the loss of the only model falls.

    Args:
        method: the iteration.
        problem: a problem with one model.
        x: `(1, n)` where.

    Returns:
        The new point, its loss `(1,)`, and whether it has moved.
    """
    loss = method.start(problem, x).loss
    for _ in range(MOST_TRIALS):
        found, loss, moved = method.step(problem, x)
        if bool(moved):
            return found, loss, True
    return x, loss, False

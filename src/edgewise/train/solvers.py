"""Solvers that see all rows at once, behind one interface for the loop: where are we, one iteration, forget."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from edgewise.optim import LMMethod, Method, first_lower
from edgewise.train.full_batch import FullBatch, Parts
from edgewise.train.least_squares import KANResiduals, ModuleResiduals


class NonFiniteLossError(ArithmeticError):
    """The objective or a parameter became NaN or infinite; caught by the loop."""


@dataclass
class Point:
    """The objective where the parameters are.

    Attributes:
        total: the objective.
        loss: the plain loss.
        penalty: the sparsity penalty, or None.
    """

    total: float
    loss: float
    penalty: float | None


class Solver(ABC):
    """One iteration at a time on the parameters of a model."""

    @abstractmethod
    def here(self) -> Point:
        """Evaluate at the present parameters.

        Returns:
            The point.

        Raises:
            NonFiniteLossError: the objective is NaN or infinite.
        """

    @abstractmethod
    def advance(self) -> Point:
        """Make one iteration; without a lower point the parameters stay.

        Returns:
            Where the parameters are now.

        Raises:
            NonFiniteLossError: the objective is NaN or infinite at the start or at the end.
        """

    @abstractmethod
    def changed(self) -> None:
        """The function has changed: a grid was moved."""

    @abstractmethod
    def restart(self) -> None:
        """Forget what was learnt about the function."""


class GradientSolver(Solver):
    """A method of `edgewise.optim` that asks for gradients (and perhaps Hessian products).

    Args:
        full: the objective.
        optimizer: the optimizer that holds the method and its rate.
    """

    def __init__(self, full: FullBatch, optimizer: torch.optim.Optimizer) -> None:
        self.full, self.optimizer = full, optimizer
        self.method: Method = optimizer.method  # pyright: ignore[reportAttributeAccessIssue]

    def here(self) -> Point:
        """See `Solver`."""
        return _point(self.full.here())

    def advance(self) -> Point:
        """See `Solver`."""
        self.method.lr = self.optimizer.param_groups[0]["lr"]
        start = self.full.here()
        _point(start)
        found = self.method.step(self.full, start)
        if found is start and not bool(start.grad.isfinite().all()):
            raise NonFiniteLossError
        self.full.assign(found.x)
        return _point(self.full.here())

    def changed(self) -> None:
        """See `Solver`."""
        self.full.forget()
        self.method.forget()

    def restart(self) -> None:
        """See `Solver`."""
        self.method.forget()


class TorchSolver(Solver):
    """A `torch.optim.LBFGS` of the user's.

    Args:
        full: the objective.
        optimizer: the user's optimizer.
    """

    def __init__(self, full: FullBatch, optimizer: torch.optim.LBFGS) -> None:
        self.full, self.optimizer = full, optimizer

    def here(self) -> Point:
        """See `Solver`."""
        return _point(self.full.here())

    def advance(self) -> Point:
        """See `Solver`."""
        _point(self.full.here())
        self.optimizer.step(self.full)
        return _point(self.full.here())

    def changed(self) -> None:
        """See `Solver`."""
        self.full.forget()
        self.optimizer.state.clear()

    def restart(self) -> None:
        """See `Solver`."""
        self.optimizer.state.clear()


class LeastSquaresSolver(Solver):
    """Levenberg-Marquardt.

    Args:
        problem: the residuals, whose sum of squares is the objective.
        method: the iteration.
    """

    def __init__(self, problem: "KANResiduals | ModuleResiduals", method: LMMethod) -> None:
        self.problem, self.method = problem, method

    def here(self) -> Point:
        """See `Solver`."""
        start = self.method.start(self.problem, self.problem.point())
        return self._point(start.loss, start.residual)

    def advance(self) -> Point:
        """See `Solver`."""
        x = self.problem.point()
        start = self.method.start(self.problem, x)
        before = self._point(start.loss, start.residual)
        found, loss, moved = first_lower(self.method, self.problem, x)
        self.problem.assign(found)
        if not moved:
            return before
        ridge = self.problem.shrunk
        return self._point(loss, None if ridge is None else self.problem.residuals(found))

    def changed(self) -> None:
        """See `Solver`; the damping is kept: it belongs to the problem, not to the knots."""
        self.method.forget()
        self.problem.refresh()

    def restart(self) -> None:
        """See `Solver`."""
        self.method.restart()

    def _point(self, loss: Tensor, residual: Tensor | None) -> Point:
        total = float(loss)
        if not math.isfinite(total):
            raise NonFiniteLossError
        if self.problem.shrunk is None or residual is None:
            return Point(total, total, None)
        return Point(total, float(residual[:, : self.problem.y[0].numel()].square().sum()), None)


def _point(found: Parts) -> Point:
    if not math.isfinite(found.loss):
        raise NonFiniteLossError
    return Point(found.loss, found.plain, found.penalty)

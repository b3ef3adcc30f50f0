"""Solvers that see all rows at once, behind one interface for the loop: where are we, one iteration, forget."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from edgewise.optim import Evaluation, LMMethod, Method, Objective, SSBroydenMethod, first_lower
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

    def state_dict(self) -> dict[str, Tensor]:
        """What a resumed run needs beside the model and the optimizer."""
        return {}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Continue with what `state_dict` gave."""
        del state  # most have nothing


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
        x = self.problem.point()
        return self._point(x, self.method.start(self.problem, x).loss)

    def advance(self) -> Point:
        """See `Solver`."""
        x = self.problem.point()
        start = self.method.start(self.problem, x)
        before = self._point(x, start.loss)
        found, loss, moved = first_lower(self.method, self.problem, x)
        self.problem.assign(found)
        return self._point(found, loss) if moved else before

    def changed(self) -> None:
        """See `Solver`; the damping is kept: it belongs to the problem, not to the knots."""
        self.method.forget()
        self.problem.refresh()

    def restart(self) -> None:
        """See `Solver`."""
        self.method.restart()

    def state_dict(self) -> dict[str, Tensor]:
        """See `Solver`: weights of penalties, which belong to the place where they were found."""
        return {str(n): penalty.weights for n, penalty in enumerate(self.problem.penalties)}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """See `Solver`."""
        self.method.leave()
        self.problem.refresh()
        for n, penalty in enumerate(self.problem.penalties):
            penalty.weights = state[str(n)]

    def _point(self, x: Tensor, loss: Tensor) -> Point:
        total = float(loss)
        if not math.isfinite(total):
            raise NonFiniteLossError
        return Point(total, float(self.problem.plain(x, loss)), None)


class PolishingSolver(Solver):
    """Levenberg-Marquardt while it is fast, then SSBroyden, which begins with its inverse Gauss-Newton matrix.

    Near the end of a run the damping keeps Levenberg-Marquardt to short steps along a curved valley, and a
    quasi-Newton method, whose iterations cost a tenth, gets further in the same time (measured on [2, 5, 1] after 60
    iterations: 1.5 to 2 times lower in a second where the former had slowed down). An iteration is then `_BUNDLE` of
    SSBroyden's. When a grid moves, and when SSBroyden finds nothing lower, it is Levenberg-Marquardt's turn again.

    Args:
        problem: the residuals of one model.
        method: Levenberg-Marquardt.
    """

    def __init__(self, problem: KANResiduals, method: LMMethod) -> None:
        self.problem, self.least_squares = problem, LeastSquaresSolver(problem, method)
        self.losses: list[float] = []
        self.quasi: SSBroydenMethod | None = None
        self.objective = _SumOfSquares(problem)
        self.evaluation: Evaluation | None = None

    def here(self) -> Point:
        """See `Solver`."""
        if self.evaluation is not None and not torch.equal(self.evaluation.x, self.problem.point()[0]):
            self._take_back()  # a callback has changed the model
        if self.quasi is None or self.evaluation is None:
            return self.least_squares.here()
        return self._point(self.evaluation)

    def advance(self) -> Point:
        """See `Solver`."""
        if self.quasi is None and self._is_slow():
            self._hand_over()
        if self.quasi is None or self.evaluation is None:
            found = self.least_squares.advance()
            self.losses.append(found.total)
            return found
        start = last = self.evaluation
        for _ in range(_BUNDLE):
            last, self.evaluation = self.evaluation, self.quasi.step(self.objective, self.evaluation)
            if self.evaluation is last:
                break
        self.problem.assign(self.evaluation.x[None])
        point = self._point(self.evaluation)
        if self.evaluation is last:
            self._take_back()
            if point.total >= start.loss:
                return self.advance()
        return point

    def changed(self) -> None:
        """See `Solver`."""
        self._take_back()
        self.least_squares.changed()

    def restart(self) -> None:
        """See `Solver`."""
        self._take_back()
        self.least_squares.restart()

    def _point(self, found: Evaluation) -> Point:
        plain = self.problem.plain(found.x[None], found.x.new_tensor([found.loss]))
        return Point(found.loss, float(plain), None)

    def _is_slow(self) -> bool:
        recent = self.losses[-_WINDOW:]
        return len(recent) == _WINDOW and recent[-1] > _SLOW * recent[0] > 0

    def _hand_over(self) -> None:
        x = self.problem.point()
        inverse = self.least_squares.method.inverse(self.problem, x)
        if inverse is None:
            return
        self.quasi = SSBroydenMethod()
        self.quasi.start(inverse[0] / 2)  # of the Hessian matrix 2 J'J of the sum of squares
        self.evaluation = self.objective.evaluate(x[0])

    def _take_back(self) -> None:
        self.losses.clear()
        self.quasi = self.evaluation = None


_BUNDLE = 5
"""Iterations of SSBroyden that make one of the run: they take about as long as one of Levenberg-Marquardt."""
_WINDOW, _SLOW = 10, 0.7
"""Levenberg-Marquardt is slow when so many iterations leave this part of the loss."""


class _SumOfSquares(Objective):
    """The sum of squares of one model as a function of its unknowns."""

    def __init__(self, problem: KANResiduals) -> None:
        self.problem = problem

    def evaluate(self, x: Tensor) -> Evaluation:
        self.evaluations += 1
        linear = self.problem.linearize(x[None])
        return Evaluation(x.clone(), float(linear.loss), 2 * linear.gradient[0])


def _point(found: Parts) -> Point:
    if not math.isfinite(found.loss):
        raise NonFiniteLossError
    return Point(found.loss, found.plain, found.penalty)

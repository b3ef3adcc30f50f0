"""The objective as L-BFGS wants it: value and gradient on all rows, never computed twice at one point."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


class NonFiniteLossError(ArithmeticError):
    """The objective or a parameter became NaN or infinite; caught by the loop."""


@dataclass
class Evaluation:
    """An objective value with its parts and gradient.

    Attributes:
        point: all parameters in one vector.
        total: the objective.
        loss: the plain loss.
        penalty: the sparsity penalty, or None.
        grads: gradient per parameter, times `FullBatch.scale`.
    """

    point: Tensor
    total: float
    loss: float
    penalty: float | None
    grads: tuple[Tensor | None, ...]


class FullBatch:
    """A closure for `torch.optim.LBFGS` with a short memory of evaluations.

    With one iteration per `step`, torch evaluates first at the point where the last line search ended; the
    memory answers that, which halves the work.

    Args:
        objective: computes `(total, loss, penalty)` on all rows.
        parameters: what the optimizer moves.
        direct: computes the objective, if it is the plain loss, and the gradient of every parameter without autograd;
            None where that is not possible.
        rescale: whether `restart` may scale the objective.
    """

    def __init__(
        self,
        objective: Callable[[], tuple[Tensor, Tensor, Tensor | None]],
        parameters: list[Tensor],
        direct: Callable[[], tuple[Tensor, dict[Tensor, Tensor]] | None],
        rescale: bool,
    ) -> None:
        self.objective, self.parameters, self.direct, self.rescale = objective, parameters, direct, rescale
        self.scale = 1.0
        self._recent: list[Evaluation] = []

    def __call__(self) -> float:
        """Evaluate here, and leave the scaled gradient in `.grad`.

        Returns:
            The scaled objective.

        Raises:
            NonFiniteLossError: the objective is NaN or infinite.
        """
        found = self.here()
        for parameter, grad in zip(self.parameters, found.grads, strict=True):
            parameter.grad = grad
        return found.total * self.scale

    def here(self) -> Evaluation:
        """Evaluate at the current parameters, or remember it.

        Returns:
            The evaluation.

        Raises:
            NonFiniteLossError: the objective is NaN or infinite.
        """
        point = torch.cat([p.detach().reshape(-1) for p in self.parameters])
        for known in reversed(self._recent):
            if torch.equal(known.point, point):
                return known
        found = self._evaluate(point)
        self._recent.append(found)
        del self._recent[:-4]  # a line search rarely ends further back
        return found

    def forget(self) -> None:
        """Drop remembered evaluations: the function has changed."""
        self._recent.clear()

    def restart(self) -> None:
        """Choose the scale for a fresh memory, so that torch's absolute threshold on curvature never binds."""
        if not self.rescale:
            return
        found = self.here()
        size, precision = abs(found.total), torch.finfo(self.parameters[0].dtype).eps
        scale = 1.0 if size == 0 else min(1e-4 / precision / size, 1e30 if precision < 1e-10 else 1e15)
        found.grads = tuple(None if g is None else g * (scale / self.scale) for g in found.grads)
        self.scale, self._recent = scale, [found]

    def _evaluate(self, point: Tensor) -> Evaluation:
        direct = self.direct()
        if direct is not None:
            total, found = direct
            value = self._finite(total)
            grads = [found.get(parameter) for parameter in self.parameters]
            if self.scale != 1.0:
                grads = [None if grad is None else grad.mul_(self.scale) for grad in grads]
            return Evaluation(point, value, value, None, tuple(grads))
        with torch.enable_grad():
            total, loss, penalty = self.objective()
        value = self._finite(total)
        grads = torch.autograd.grad(total, self.parameters, torch.full_like(total, self.scale), allow_unused=True)
        plain = value if loss is total else float(loss.detach())
        return Evaluation(point, value, plain, None if penalty is None else float(penalty.detach()), grads)

    @staticmethod
    def _finite(total: Tensor) -> float:
        value = float(total.detach())
        if not math.isfinite(value):
            raise NonFiniteLossError
        return value

"""`kan.LBFGS`: L-BFGS with pykan's arguments."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

from edgewise.errors import ParameterError
from edgewise.optim import LBFGS as _LBFGS
from edgewise.optim import Evaluation, flatten
from edgewise.optim.method import count, positive

__all__ = ["LBFGS", "torch"]


class LBFGS(_LBFGS):
    """`edgewise.optim.LBFGS` whose step is up to `max_iter` iterations.

    Differs from pykan: a step does not seed torch; there always is a line search; which gradient differences are kept
    depends on an angle and not on the unit of the loss; parameters with `requires_grad=False` cost nothing.

    Args:
        params: parameters, or groups of them.
        lr: factor of the first trial step of each line search.
        max_iter: most iterations per step.
        max_eval: no further iteration after so many evaluations in a step; 1.25 `max_iter` when absent.
        tolerance_grad: no further iteration once no derivative is larger.
        tolerance_change: no further iteration once the loss, or every parameter, changes by less.
        tolerance_ys: not needed.
        history_size: how many pairs of steps and gradient differences to remember.
        line_search_fn: `"strong_wolfe"`, which None means too.

    Raises:
        ParameterError: an argument is outside its documented set.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1.0,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        tolerance_ys: float = 1e-32,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        if line_search_fn not in (None, "strong_wolfe"):
            raise ParameterError(f'`line_search_fn` must be "strong_wolfe" or None; got {line_search_fn!r}.')
        self.max_iter = count("max_iter", max_iter)
        self.max_eval = max_iter * 5 // 4 if max_eval is None else count("max_eval", max_eval)
        self.tolerance_grad = positive("tolerance_grad", tolerance_grad, zero=True)
        self.tolerance_change = positive("tolerance_change", tolerance_change, zero=True)
        super().__init__(params, lr, history=history_size)

    def step(self, closure: Any) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Make up to `max_iter` iterations.

        Args:
            closure: clears the gradients, computes the loss, calls `backward` and returns the loss.

        Returns:
            The loss before the step.

        Raises:
            DomainError: the loss is not finite before the step.
        """
        self._source = None  # the closure may look at other data than in the step before
        begun = self.evaluations
        x = flatten(self._moving())
        first = loss = super().step(closure)
        for _ in range(1, self.max_iter):
            if self.evaluations - begun >= self.max_eval or self._arrived(x, loss):
                break
            x = self._end.x
            loss = super().step(closure)
        return self._end.x.new_tensor(first)

    @property
    def _end(self) -> Evaluation:
        """Where the last iteration ended."""
        return cast("Evaluation", self.last)

    def _arrived(self, x: Tensor, loss: float) -> bool:
        """Whether the gradient, or the change since `x` and `loss`, is within the tolerances."""
        end, least = self._end, self.tolerance_change
        moved = float((end.x - x).abs().max())
        return float(end.grad.abs().max()) <= self.tolerance_grad or moved <= least or abs(end.loss - loss) < least

"""The solvers as `torch.optim.Optimizer`: one iteration per `step`.

A step is told what to minimize in one of two ways:

- a closure. `LBFGS` and `SSBroyden` take the one of `torch.optim.LBFGS`: it clears the gradients, computes the loss,
  calls `backward` and returns the loss. `HSODM` and `SaddleFreeNewton` need the graph: theirs returns the loss and does
  not call `backward`.
- an `Objective` over all moving parameters in one vector, in the order of the groups. `.grad` is not touched then.

The evaluation at which a step ends is the first one of the next step. It is remembered as long as the same closure or
objective is passed and the parameters are where the step left them. A closure that draws another mini-batch with every
call is no function, and no line search can work with it; make a new closure per batch.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from edgewise.errors import DomainError, ParameterError
from edgewise.optim.hsodm import HSODMMethod
from edgewise.optim.lbfgs import HISTORY, LBFGSMethod
from edgewise.optim.method import Method
from edgewise.optim.objective import Evaluation, Objective, Product, checked_loss, hessian_product
from edgewise.optim.parameters import flatten
from edgewise.optim.saddle_free import SaddleFreeMethod
from edgewise.optim.solver_optimizer import SolverOptimizer, write
from edgewise.optim.ssbroyden import SSBroydenMethod

Closure = Callable[[], Any]


class MethodOptimizer(SolverOptimizer):
    """What the four have in common. Parameters with `requires_grad=False` stay as they are.

    Args:
        params: parameters or groups of them; the groups share one line search and therefore one `lr`.
        method: makes the steps.

    Attributes:
        method: the same.
        evaluations: how often closures were called.
        last: the evaluation at which the last step ended; None before the first, and where it was forgotten.
    """

    _objective: "type[_ClosureObjective]"

    def __init__(self, params: Any, method: Method) -> None:
        self.evaluations = 0
        self._source: Any = None
        self._moved: list[int] | None = None  # identities of the parameters of the last step
        self.last: Evaluation | None = None
        super().__init__(params, method, method.lr)

    def step(self, closure: Closure | Objective | None = None) -> float:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Make one iteration; the parameters stay where they are if nothing lower is found.

        Args:
            closure: a closure, or an objective; see the module. It must be given.

        Returns:
            The loss before the step, as of `torch.optim.LBFGS`.

        Raises:
            ParameterError: no closure, the groups differ in `lr`, or no parameter is free to move.
            DomainError: the loss is not finite before the step.
        """
        if closure is None:
            raise ParameterError(
                f"{type(self).__name__}.step needs a closure that returns the loss with its graph: it looks at "
                "several points. `opt.step(lambda: criterion(model(x), y))`."
            )
        self.method.lr = self._rate()
        moving = self._moving()
        if self._moved is not None and self._moved != [id(p) for p in moving]:  # one was frozen or freed
            self.forget()
        objective = closure if isinstance(closure, Objective) else self._objective(closure, moving)
        x = flatten(moving)
        here = self._known(closure, x)
        found = here
        try:
            with torch.no_grad():
                if here is None:
                    here = found = objective.evaluate(x)
                if not math.isfinite(here.loss):
                    raise DomainError(
                        f"The loss must be finite before a step; it is {here.loss}. Restore finite parameters, or look "
                        "for NaN in the data."
                    )
                found = self.method.step(objective, here)
        finally:  # also after an error or Ctrl-C within a line search
            write(moving, x if found is None else found.x)
            if objective is not closure:
                self.evaluations += objective.evaluations
        self._source, self.last, self._moved = closure, found, [id(p) for p in moving]
        return here.loss

    def forget(self) -> None:
        """Drop what was learnt, and the remembered evaluation: the function has changed."""
        self.method.forget()
        self._source, self.last, self._moved = None, None, None

    def _known(self, source: Any, x: Tensor) -> Evaluation | None:
        last = self.last
        return last if last is not None and source is self._source and torch.equal(last.x, x) else None

    def _rate(self) -> float:
        rates = {float(group["lr"]) for group in self.param_groups}
        if len(rates) > 1:
            raise ParameterError(
                "All parameter groups must have the same `lr`, because one line search moves them all; got "
                f"{sorted(rates)}."
            )
        rate = rates.pop()
        if not 0 < rate < math.inf:
            raise ParameterError(f"`lr` must be a finite number > 0; got {rate}.")
        return rate

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over a state exactly, see `SolverOptimizer`."""
        super().load_state_dict(state_dict)
        self._source, self.last, self._moved = None, None, None

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {
            "evaluations": self.evaluations, "_source": None, "_moved": None, "last": None,
        }  # fmt: skip


class _ClosureObjective(Objective):
    """A closure that computes with the parameters themselves."""

    def __init__(self, closure: Closure, parameters: list[Tensor]) -> None:
        self.closure, self.parameters = closure, parameters

    def _call(self, x: Tensor) -> Tensor:
        self.evaluations += 1
        write(self.parameters, x)
        return self.closure()

    def _evaluation(self, x: Tensor, loss: float, grads: list[Tensor]) -> Evaluation:
        return Evaluation(x.clone(), loss, flatten(grads))


class _BackwardObjective(_ClosureObjective):
    """The closure calls `backward`."""

    def evaluate(self, x: Tensor) -> Evaluation:
        with torch.enable_grad():
            loss = self._call(x)
        return self._evaluation(x, _number(loss), [_gradient(p) for p in self.parameters])


class _GraphObjective(_ClosureObjective):
    """The closure returns a loss with its graph."""

    def evaluate(self, x: Tensor) -> Evaluation:
        loss, grads = self._differentiate(x, create_graph=False)
        return self._evaluation(x, float(loss.detach()), grads)

    def hessian(self, x: Tensor) -> Product:
        _, grads = self._differentiate(x, create_graph=True)

        def product(v: Tensor) -> Tensor:
            self.products += 1
            return hessian_product(grads, self.parameters, v)

        return product

    def _differentiate(self, x: Tensor, create_graph: bool) -> tuple[Tensor, list[Tensor]]:
        with torch.enable_grad():
            loss = checked_loss(self._call(x))
            grads = torch.autograd.grad(
                loss, self.parameters, create_graph=create_graph, allow_unused=True, materialize_grads=True
            )
        return loss, list(grads)


class LBFGS(MethodOptimizer):
    """L-BFGS with a strong Wolfe line search.

    Differs from `torch.optim.LBFGS`: no threshold depends on the unit of the loss, so it goes on to the last digit; its
    matrices are float64 whatever the parameters are; a step costs one evaluation less; parameter groups.

    Args:
        params: parameters, or groups of them.
        lr: factor of the first trial step of each line search.
        history: how many pairs of steps and gradient differences to remember.

    >>> x = torch.nn.Parameter(torch.tensor([3.0, -2.0]))
    >>> optimizer = LBFGS([x])
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = (x * x).sum()
    ...     loss.backward()
    ...     return loss
    >>> optimizer.step(closure) > optimizer.step(closure)
    True
    """

    _objective = _BackwardObjective

    def __init__(self, params: Any, lr: float = 1.0, *, history: int = HISTORY) -> None:
        super().__init__(params, LBFGSMethod(history=history, lr=lr))


class SSBroyden(MethodOptimizer):
    """Self-scaled Broyden with a dense inverse Hessian, for up to some thousand parameters.

    Args:
        params: parameters, or groups of them.
        lr: factor of the first trial step of each line search.
        update: `"ssbroyden"` or `"bfgs"`.
    """

    _objective = _BackwardObjective

    def __init__(self, params: Any, lr: float = 1.0, *, update: Any = "ssbroyden") -> None:
        super().__init__(params, SSBroydenMethod(update=update, lr=lr))


class HSODM(MethodOptimizer):
    """Homogenized second-order descent. The closure returns the loss with its graph.

    Args:
        params: parameters, or groups of them.
        lr: factor of the first trial step of each line search.
        **options: of `HSODMMethod`.
    """

    _objective = _GraphObjective

    def __init__(self, params: Any, lr: float = 1.0, **options: Any) -> None:
        super().__init__(params, HSODMMethod(lr=lr, **options))


class SaddleFreeNewton(MethodOptimizer):
    """Saddle-free Newton. The closure returns the loss with its graph.

    Args:
        params: parameters, or groups of them.
        lr: factor of the first trial step of each line search.
        rank: Hessian products per step; None for the whole Hessian, up to 2000 parameters.
        damping: multiple of the gradient's norm that is added to the curvatures.
    """

    _objective = _GraphObjective

    def __init__(self, params: Any, lr: float = 1.0, *, rank: int | None = None, damping: float = 1.0) -> None:
        super().__init__(params, SaddleFreeMethod(rank=rank, damping=damping, lr=lr))


def _number(loss: Any) -> float:
    if not (isinstance(loss, float | int) or (isinstance(loss, Tensor) and loss.numel() == 1)):
        raise ParameterError(f"The closure must return the loss, one number; got {type(loss)}. Add `return loss`.")
    return float(loss.detach() if isinstance(loss, Tensor) else loss)


def _gradient(parameter: Tensor) -> Tensor:
    grad = parameter.grad
    if grad is None:
        return torch.zeros_like(parameter)
    return grad.to_dense() if grad.is_sparse else grad

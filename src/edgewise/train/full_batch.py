"""The objective of `fit` on all rows as a function of one vector."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from edgewise.optim import Evaluation, Objective, flatten, hessian_product
from edgewise.optim.objective import Product

_REMEMBERED = 4  # a line search rarely ends further back


@dataclass
class Parts(Evaluation):
    """An evaluation with its parts.

    Attributes:
        plain: the loss without penalties.
        penalty: the sparsity penalty, or None.
    """

    plain: float
    penalty: float | None


class FullBatch(Objective):
    """What solvers minimize; also the closure that `torch.optim.LBFGS` asks for.

    The last evaluations are remembered, so that nothing is computed twice at one point.

    Args:
        objective: computes `(total, loss, penalty)` on all rows.
        parameters: what is moved.
        direct: computes the objective, if it is the plain loss, and the gradient of every parameter without autograd;
            None where that is not possible.
    """

    def __init__(
        self,
        objective: Callable[[], tuple[Tensor, Tensor, Tensor | None]],
        parameters: list[Tensor],
        direct: Callable[[], tuple[Tensor, dict[Tensor, Tensor]] | None],
    ) -> None:
        self.objective, self.parameters, self.direct = objective, parameters, direct
        self._sizes = [parameter.numel() for parameter in parameters]
        self._recent: list[Parts] = []

    def __call__(self) -> float:
        """Evaluate at the present parameters, and leave the gradient in `.grad`: a closure for torch's L-BFGS."""
        found = self.here()
        for parameter, grad in zip(self.parameters, found.grad.split(self._sizes), strict=True):
            parameter.grad = grad.view_as(parameter)
        return found.loss

    def here(self) -> Parts:
        """Evaluate at the present parameters, or remember it."""
        return self._find(flatten(self.parameters))

    def evaluate(self, x: Tensor) -> Parts:
        """Evaluate at `(n,)`, which becomes the parameters, or remember it."""
        self.assign(x)
        return self._find(x)

    @torch.no_grad()
    def assign(self, x: Tensor) -> None:
        """Write `(n,)` into the parameters."""
        for parameter, piece in zip(self.parameters, x.split(self._sizes), strict=True):
            parameter.copy_(piece.view_as(parameter))

    def hessian(self, x: Tensor) -> Product:
        """Products with the Hessian matrix at `(n,)`, which becomes the parameters."""
        self.assign(x)
        with torch.enable_grad():
            total = self.objective()[0]
            grads = torch.autograd.grad(total, self.parameters, create_graph=True, materialize_grads=True)

        def product(v: Tensor) -> Tensor:
            self.products += 1
            return hessian_product(list(grads), self.parameters, v)

        return product

    def forget(self) -> None:
        """Drop remembered evaluations: the function has changed."""
        self._recent.clear()

    def _find(self, x: Tensor) -> Parts:
        for known in reversed(self._recent):
            if torch.equal(known.x, x):
                return known
        found = self._compute(x.clone())
        self._recent.append(found)
        del self._recent[:-_REMEMBERED]
        return found

    def _compute(self, x: Tensor) -> Parts:
        self.evaluations += 1
        direct = self.direct()
        if direct is not None:
            total, grads = direct
            value = float(total)
            return Parts(x, value, torch.cat([grads[p].reshape(-1) for p in self.parameters]), value, None)
        with torch.enable_grad():
            total, loss, penalty = self.objective()
            found = torch.autograd.grad(total, self.parameters, allow_unused=True, materialize_grads=True)
        value = float(total.detach())
        plain = value if loss is total else float(loss.detach())
        return Parts(x, value, flatten(list(found)), plain, None if penalty is None else float(penalty.detach()))

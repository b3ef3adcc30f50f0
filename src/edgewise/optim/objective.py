"""What a solver minimizes: loss, gradient and Hessian products at points of a flat vector space."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from edgewise.errors import ParameterError, ShapeError
from edgewise.optim.parameters import Flattening

Product = Callable[[Tensor], Tensor]
"""A symmetric matrix as the function `v -> A v`."""


@dataclass
class Evaluation:
    """A function at one point.

    Attributes:
        x: `(n,)` the point; nobody writes to it any more.
        loss: the value, possibly NaN or infinite.
        grad: `(n,)` the gradient; unspecified where `loss` is not finite.
    """

    x: Tensor
    loss: float
    grad: Tensor


class Objective(ABC):
    """A function of a vector, with its gradient.

    Attributes:
        evaluations: how often loss and gradient were computed.
        products: how many Hessian products were computed.
    """

    evaluations: int = 0
    products: int = 0

    @abstractmethod
    def evaluate(self, x: Tensor) -> Evaluation:
        """Compute loss and gradient, and count it in `evaluations`.

        Args:
            x: `(n,)` where; not changed and not kept.

        Returns:
            The evaluation. A loss that is not finite is returned as it is.
        """

    def hessian(self, x: Tensor) -> Product:
        """Prepare products with the Hessian matrix at one point, each counted in `products`.

        Args:
            x: `(n,)` where.

        Raises:
            NotImplementedError: this objective has first derivatives only.
        """
        raise NotImplementedError(
            f"{type(self).__name__} gives no Hessian products. Define `hessian(x)`, or choose a method that needs "
            "gradients only ('ssbroyden', 'bfgs', 'lbfgs')."
        )


class FunctionObjective(Objective):
    """A loss of named tensors, differentiated by autograd.

    Neither the tensors nor their `.grad` are touched: the loss sees views of a vector of our own. It works under
    `torch.no_grad()` as well. A Hessian product is a second reverse pass on one kept graph, which costs about as
    much as a gradient; forward-over-reverse costs several times that, and lacks rules for common functions.

    Args:
        loss: `loss(params)` with a dictionary like `params`, to a tensor with one element. Of a module it is
            `lambda params: criterion(torch.func.functional_call(model, params, (x,)), y)`.
        params: name to tensor: the layout and the start.

    Attributes:
        layout: how the tensors lie in the vector.

    Raises:
        ParameterError: `loss` is not callable, `params` is no dictionary of tensors, or nothing in it may move.
        ShapeError: a tensor that is not floating, or tensors of several dtypes or devices.

    >>> objective = FunctionObjective(lambda p: (p["a"] ** 4).sum(), {"a": torch.tensor([1.0, 2.0])})
    >>> objective.evaluate(objective.layout.start).grad
    tensor([ 4., 32.])
    >>> objective.hessian(objective.layout.start)(torch.ones(2))
    tensor([12., 48.])
    """

    def __init__(self, loss: Callable[[dict[str, Tensor]], Tensor], params: Mapping[str, Tensor]) -> None:
        if not callable(loss):
            raise ParameterError(f"`loss` must be a function of a dictionary of tensors; got {type(loss)}.")
        self.layout = Flattening(params)
        self._loss = loss

    def evaluate(self, x: Tensor) -> Evaluation:
        """Compute loss and gradient."""
        self.evaluations += 1
        with torch.enable_grad():
            leaf, loss = self._forward(x)
            value = float(loss.detach())
            if not math.isfinite(value):
                return Evaluation(leaf.detach(), value, torch.full_like(x, math.nan))
            (grad,) = torch.autograd.grad(loss, leaf)
        return Evaluation(leaf.detach(), value, grad)

    def hessian(self, x: Tensor) -> Product:
        """Keep the graph of the gradient, for products."""
        self.evaluations += 1
        with torch.enable_grad():
            leaf, loss = self._forward(x)
            (grad,) = torch.autograd.grad(loss, leaf, create_graph=True)

        def product(v: Tensor) -> Tensor:
            self.products += 1
            return hessian_product([grad], [leaf], v)

        return product

    def _forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        leaf = x.detach().clone().requires_grad_()
        return leaf, checked_loss(self._loss(self.layout.unflatten(leaf)))


def hessian_product(grads: list[Tensor], leaves: list[Tensor], v: Tensor) -> Tensor:
    """Differentiate gradients once more, along a vector, on their kept graph.

    Args:
        grads: gradients with a graph, one per leaf.
        leaves: what they are gradients of, `n` numbers in all.
        v: `(n,)` the vector.

    Returns:
        `(n,)` the product; zero where the gradient does not depend on a leaf.
    """
    pieces = v.split([grad.numel() for grad in grads])
    curved = [(g, piece.view_as(g)) for g, piece in zip(grads, pieces, strict=True) if g.requires_grad]
    if not curved:  # a linear loss
        return torch.zeros_like(v)
    outputs, weights = zip(*curved, strict=True)
    found = torch.autograd.grad(outputs, leaves, weights, retain_graph=True, allow_unused=True, materialize_grads=True)
    return torch.cat([part.reshape(-1) for part in found])


def checked_loss(loss: Tensor) -> Tensor:
    """See that a loss can be differentiated.

    Args:
        loss: what a user's function returned.

    Returns:
        The same as a tensor without axes.

    Raises:
        ParameterError: not a tensor, or no function of the parameters.
        ShapeError: more or fewer than one element, or not real.
    """
    loss = one_number(loss)
    if not loss.requires_grad:
        raise ParameterError(
            "`loss` must depend on the parameters it is given, and be differentiable; it has no graph. With a module, "
            "evaluate `torch.func.functional_call(model, params, (x,))`, not `model(x)`."
        )
    return loss


def one_number(loss: Tensor) -> Tensor:
    """See that a loss is a number.

    Args:
        loss: what a user's function returned.

    Returns:
        The same as a tensor without axes.

    Raises:
        ParameterError: not a tensor.
        ShapeError: more or fewer than one element, or not real.
    """
    if not isinstance(loss, Tensor):
        raise ParameterError(f"`loss` must return a tensor; got {type(loss)}.")
    if loss.numel() != 1 or not loss.is_floating_point():
        raise ShapeError(
            f"`loss` must return one real number; got shape {tuple(loss.shape)}, {loss.dtype}. Use `.mean()`?"
        )
    return loss.reshape(())

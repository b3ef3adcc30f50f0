"""`SFN`: the optimizer on the augmented Hessian as a research notebook calls it, with lists of tensors.

    opt = SFN(model.parameters(), lr=0.01)
    grads = torch.autograd.grad(loss, list(model.parameters()), create_graph=True)
    value, vector = opt.appx_min_eigvec(grads, list(model.parameters()), iter=100)

Its name says saddle-free Newton, its matrix is that of HSODM; so are its steps here. Newton's method with the absolute
values of the curvatures is `SaddleFreeNewton`. Who starts afresh takes `HSODM` and `augmented_eigenpair`: the same on
vectors.
"""

import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from edgewise.errors import ShapeError
from edgewise.optim.augmented import augmented_eigenpair, augmented_product
from edgewise.optim.method import count
from edgewise.optim.objective import Product, hessian_product
from edgewise.optim.parameters import flatten
from edgewise.optim.torch_optimizers import HSODM


class SFN(HSODM):
    """Descent along the leftmost eigenvector of the augmented Hessian `F = [[H, g], [g', -delta]]`.

    A step is one of `HSODM` with at most `iterations` products; the closure of `step` returns the loss with its graph.

    Args:
        params: parameters, or groups of them.
        lr: factor of the first trial step of each line search, which lengthens a step that is too short.
        delta: minus the last entry of F, >= 0.
        iterations: most iterations of Lanczos per step.
        **options: of `HSODMMethod`.

    Attributes:
        delta: the same; may be changed between steps.
        verbose: whether `appx_min_eigvec` says on stderr what it found.

    >>> x = torch.nn.Parameter(torch.tensor([1.0, 1.0]))
    >>> opt = SFN([x])
    >>> grads = torch.autograd.grad(x[0] ** 2 - x[1] ** 2, [x], create_graph=True)
    >>> opt.hvp(grads, [x], [torch.ones(2)])
    [tensor([ 2., -2.])]
    """

    def __init__(
        self, params: Any, lr: float = 0.01, *, delta: float = 0.0, iterations: int = 100, **options: Any
    ) -> None:
        self.verbose = False
        super().__init__(params, lr, delta=delta, iterations=iterations, **options)

    @property
    def delta(self) -> float:
        """Minus the last entry of F."""
        return self.method.delta

    @delta.setter
    def delta(self, value: float) -> None:
        self.method.delta = value

    def hvp(self, grads: Sequence[Tensor], params: Sequence[Tensor], v: Sequence[Tensor]) -> list[Tensor]:
        """Multiply the Hessian by a vector.

        Args:
            grads: gradients with their graph, one per parameter.
            params: what they are gradients of.
            v: tensors of the shapes of `params`.

        Returns:
            Tensors of the same shapes, without graph.

        Raises:
            ShapeError: the lists do not fit each other.
        """
        product, _ = _at(grads, params)
        return _shaped(product(_flat(v, params)), params)

    def fvp(self, grads: Sequence[Tensor], params: Sequence[Tensor], v: Sequence[Tensor]) -> list[Tensor]:
        """Multiply the augmented Hessian F by a vector. It has nothing to do with a Fisher matrix.

        Args:
            grads: gradients with their graph, one per parameter.
            params: what they are gradients of.
            v: tensors of the shapes of `params`, and one with one number.

        Returns:
            Tensors of the same shapes and one of shape `(1,)`, without graph.

        Raises:
            ShapeError: the lists do not fit each other.
        """
        product, grad = _at(grads, params)
        u = _flat(v, [*params, grad.new_zeros(1)])
        found = augmented_product(product, grad, self.delta, u)
        return [*_shaped(found[:-1], params), found[-1:]]

    def appx_min_eigvec(
        self, grads: Sequence[Tensor], params: Sequence[Tensor], iter: int = 100
    ) -> tuple[float, Tensor]:
        """Approximate the smallest eigenvalue of the augmented Hessian, and its vector.

        Differs from the original: ends early where the pair is exact to rounding; the last component is >= 0, and the
        random part of the start comes from the optimizer's own generator.

        Args:
            grads: gradients with their graph, one per parameter.
            params: what they are gradients of.
            iter: iterations of Lanczos at most.

        Returns:
            The value, and the `(n+1,)` vector of length 1.

        Raises:
            ShapeError: the lists do not fit each other.
            ParameterError: `iter` is no number of iterations.
        """
        product, grad = _at(grads, params)
        steps = count("iter", iter)
        tiny, generator = torch.finfo(grad.dtype).tiny, self.method.generator
        found = augmented_eigenpair(product, grad, self.delta, tol=tiny, iterations=steps, generator=generator)
        if self.verbose:
            sys.stderr.write(f"Approximate minimum eigenvalue = {found.value}\n")
        return found.value, found.vector

    _hvp, _fvp = hvp, fvp  # their names in the original


def group_scalar(tensors: Sequence[Tensor], factor: Tensor | float) -> list[Tensor]:
    """Multiply every tensor of a list by a number, as the notebook's helper of that name does.

    Args:
        tensors: of any shapes.
        factor: a number, or a tensor with one.

    Returns:
        The products, of the same shapes.
    """
    return [tensor * factor for tensor in tensors]


def _at(grads: Sequence[Tensor], params: Sequence[Tensor]) -> tuple[Product, Tensor]:
    """Products with the Hessian on a kept graph, and the `(n,)` gradient."""
    grads, params = list(grads), list(params)
    if [g.shape for g in grads] != [p.shape for p in params]:
        raise ShapeError(
            f"`grads` must be one gradient per parameter; got {[tuple(g.shape) for g in grads]} for "
            f"{[tuple(p.shape) for p in params]}. Unused parameters need zeros: torch.autograd.grad(loss, params, "
            "create_graph=True, allow_unused=True, materialize_grads=True)."
        )
    return partial(hessian_product, grads, params), flatten(grads)


def _flat(v: Sequence[Tensor], like: Sequence[Tensor]) -> Tensor:
    if [part.numel() for part in v] != [part.numel() for part in like]:
        raise ShapeError(
            f"`v` must be tensors of the shapes {[tuple(p.shape) for p in like]}; got {[tuple(p.shape) for p in v]}."
        )
    return torch.cat([part.detach().reshape(-1).to(like[0]) for part in v])


def _shaped(x: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
    pieces = x.split([part.numel() for part in like])
    return [piece.view(part.shape) for piece, part in zip(pieces, like, strict=True)]

"""The augmented Hessian, a Hessian bordered by its gradient, and its leftmost eigenpair.

    F = [[H, g], [g', -delta]]

One eigenvector `[v; t]` of it, with eigenvalue `-theta`, holds a whole second-order step:

    (H + theta I) v = -t g,      theta >= max(delta, -lambda_min(H)),      g'v = (delta - theta) t

so `v / t` is a Newton step whose shift the eigenvalue chooses, and where `t` vanishes `v` is a direction of negative
curvature. Neither F nor H is ever built: Lanczos needs products only.

Its gap shrinks with the loss, so near a solution of a problem with many flat directions nearly the full Krylov space is
needed: at most `n + 2` products.

Source: Zhang, He, Jiang, Xue, Jiang, Ge and Ye, A homogeneous second-order descent method, arXiv 2211.08212.
"""

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from edgewise.errors import ShapeError
from edgewise.optim.lanczos import Lanczos, random_unit, seeded
from edgewise.optim.method import count, positive
from edgewise.optim.objective import Product

SMALL = 1e-8
"""With a smaller `|t|`, `v / t` has lost the digits that make it a Newton step."""

_NOISE = 1e-2
"""Length of the random part of the start; it finds what the last eigenvector and the skewed start are blind to."""


@dataclass
class AugmentedEigenpair:
    """An eigenpair of the augmented Hessian.

    Attributes:
        value: the smallest eigenvalue, or the smallest Ritz value where `iterations` ran out.
        vector: `(n+1,)` of length 1, its last component `t >= 0`.
        residual: `|F u - value u|` of the vector `u`.
        products: Hessian products spent.
    """

    value: float
    vector: Tensor
    residual: float
    products: int


def augmented_product(hessian: Product, grad: Tensor, delta: float, u: Tensor) -> Tensor:
    """Multiply by `[[H, g], [g', -delta]]`.

    Args:
        hessian: `v -> H v`.
        grad: `(n,)` g.
        delta: minus the last entry.
        u: `(n+1,)` the vector `[v; t]`.

    Returns:
        `(n+1,)` the product.
    """
    v, t = u[:-1], u[-1]
    return torch.cat([hessian(v) + t * grad, (grad @ v - delta * t).reshape(1)])


def augmented_eigenpair(
    hessian: Product,
    grad: Tensor,
    delta: float = 0.0,
    *,
    tol: float = 1e-6,
    iterations: int | None = None,
    start: Tensor | None = None,
    seed: int = 0,
    generator: torch.Generator | None = None,
) -> AugmentedEigenpair:
    """Find the smallest eigenvalue of `[[H, g], [g', -delta]]` and its vector.

    Args:
        hessian: `v -> H v`, such as `objective.hessian(x)`.
        grad: `(n,)` g.
        delta: minus the last entry, >= 0.
        tol: ends the iteration once the residual is at most this part of `|g| t`, that is, once the Newton equation
            holds to this part of the gradient; or as small as rounding lets it be.
        iterations: most iterations of Lanczos, one Hessian product each; None for as many as `tol` asks for.
        start: `(n+1,)` a guess, such as the vector found nearby; `[0; 1]` when absent.
        seed: of the random part of the first vector of Lanczos.
        generator: instead of `seed`.

    Returns:
        The pair.

    Raises:
        ParameterError: an option outside its range.
        ShapeError: `start` has another length than `grad` and one.

    >>> H, g = torch.diag(torch.tensor([2.0, -1.0])), torch.tensor([0.0, 1.0])
    >>> found = augmented_eigenpair(lambda v: H @ v, g)
    >>> round(found.value, 4), [abs(round(float(c), 4)) for c in found.vector]
    (-1.618, [0.0, 0.8507, 0.5257])
    """
    tol, delta = positive("tol", tol), positive("delta", delta, zero=True)
    most = len(grad) + 1 if iterations is None else count("iterations", iterations)
    if start is not None and start.shape != (len(grad) + 1,):
        raise ShapeError(f"`start` must have {len(grad) + 1} numbers, one more than `grad`; got {tuple(start.shape)}.")
    matrix = partial(augmented_product, hessian, grad, delta)
    krylov = Lanczos(matrix, _first_vector(matrix, grad, start, seeded(seed, generator)))
    asked = tol * float(grad.norm())
    while True:
        krylov.extend()
        value, coordinates, residual = krylov.leftmost()
        t = abs(float(krylov.basis[:, -1].to("cpu", torch.float64) @ coordinates))
        good = residual <= max(asked * max(t, SMALL), krylov.rounding())
        if good or krylov.exhausted or len(krylov.diagonal) >= most:
            break
    u = krylov.vector(coordinates)
    spent = len(krylov.diagonal) + 1  # and the one for the first vector
    return AugmentedEigenpair(value, u if float(u[-1]) >= 0 else -u, residual, spent)


def _first_vector(matrix: Product, grad: Tensor, start: Tensor | None, generator: torch.Generator) -> Tensor:
    """The guess or the skewed start `[0; 1]`, and a little of everything that matters."""
    first = grad.new_zeros(len(grad) + 1)
    first[-1] = 1.0
    if start is not None:
        first = first * _NOISE + start
    # Times the matrix: directions that change nothing, such as those of unused parameters, would otherwise keep a
    # random part, which the residual does not show.
    noise = matrix(random_unit(first, generator))
    length = float(noise.norm())
    return first if length == 0.0 else first + noise * (_NOISE / length)

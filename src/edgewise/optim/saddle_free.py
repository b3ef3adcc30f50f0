"""Saddle-free Newton: Newton's method with the absolute values of the curvatures.

    d = -(|H| + gamma I)^-1 g,      |H| = sum_i |lambda_i| u_i u_i'

Newton's method goes uphill along directions of negative curvature; this one goes downhill along all, and fastest where
the loss is flattest. `gamma` is proportional to the gradient's norm, so that steps in flat directions stay bounded and
convergence is quadratic in the end.

- `rank=None`: the whole Hessian, one product per parameter, and its eigenpairs.
- `rank=r`: the Krylov space of `r` products that starts from `g`; both ends of the spectrum converge first. `g` lies
  in that space, so there is no remainder to which a step `-g / gamma` would be given, the flaw of low-rank
  forms with random subspaces: cutting the spectrum of a network off there wrecks the step.

Sources: Dauphin et al. (2014), NeurIPS 27; the damping after O'Leary-Roseberry, Alger and Ghattas (2021),
arXiv 2002.02881. Differs from it: the Krylov space of the gradient instead of a randomized one.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from edgewise.errors import ConvergenceError, ParameterError
from edgewise.optim.lanczos import Lanczos
from edgewise.optim.line_search import search
from edgewise.optim.method import Method, count, positive
from edgewise.optim.objective import Evaluation, Objective, Product

DENSE_LIMIT = 2000
"""Most parameters for which the whole Hessian is built."""


class SaddleFreeMethod(Method):
    """Saddle-free Newton with a strong Wolfe line search. It remembers nothing.

    Args:
        rank: Hessian products per step; None for the whole Hessian.
        damping: `gamma` as a multiple of the gradient's norm.
        lr: factor of the first trial step.

    Attributes:
        eigenvalues: `(k,)` of the last step: of the Hessian, or Ritz values; None before the first.

    Raises:
        ParameterError: an argument outside its range.
    """

    def __init__(self, *, rank: int | None = None, damping: float = 1.0, lr: float = 1.0) -> None:
        super().__init__(lr)
        self.rank = None if rank is None else count("rank", rank)
        self.damping = positive("damping", damping)
        self.eigenvalues: Tensor | None = None

    def step(self, objective: Objective, here: Evaluation) -> Evaluation:
        """Make one iteration; see `Method.step`."""
        n, size = len(here.x), float(here.grad.norm())
        if self.rank is None and n > DENSE_LIMIT:
            raise ParameterError(
                f"`rank` must be given for more than {DENSE_LIMIT} parameters, here {n}; try `rank=100`."
            )
        if size == 0.0:
            return here
        hessian, gamma = objective.hessian(here.x), self.damping * size
        if self.rank is None:
            direction = self._dense(hessian, here.grad, gamma)
        else:
            direction = self._krylov(hessian, here.grad, gamma, min(self.rank, n))
        return search(objective, here, direction, self.lr)

    def _dense(self, hessian: Product, grad: Tensor, gamma: float) -> Tensor:
        values, vectors = torch.linalg.eigh(dense(hessian, grad))
        self.eigenvalues = values
        weights = vectors.mT @ grad.to(torch.float64)
        return -(vectors @ (weights / (values.abs() + gamma))).to(grad.dtype)

    def _krylov(self, hessian: Product, grad: Tensor, gamma: float, products: int) -> Tensor:
        krylov = Lanczos(hessian, grad)
        krylov.extend(products)
        values, vectors = krylov.eigenpairs()
        self.eigenvalues = values
        weights = vectors[0] * float(grad.norm())  # the first basis vector is g / |g|
        return -krylov.vector(vectors @ (weights / (values.abs() + gamma)))

    def forget(self) -> None:
        """Nothing to forget."""

    def state_dict(self) -> dict[str, Any]:
        """Copy what is remembered; see `Method.state_dict`."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Nothing to take over.

        Args:
            state: ignored.
        """


def dense(hessian: Product, like: Tensor) -> Tensor:
    """Build a symmetric matrix from its products.

    Args:
        hessian: `v -> H v`.
        like: `(n,)` gives size, dtype and device of the vectors.

    Returns:
        `(n, n)` float64, symmetric exactly.

    Raises:
        ConvergenceError: an entry is not finite.
    """
    unit = torch.zeros_like(like)
    rows = torch.empty(len(like), len(like), dtype=torch.float64, device=like.device)
    for i in range(len(like)):
        unit[i] = 1.0
        rows[i] = hessian(unit)
        unit[i] = 0.0
    if not math.isfinite(float(rows.sum())):
        raise ConvergenceError(
            "The Hessian is not finite although the loss is: a second derivative overflows, as of `sqrt` or `abs` at "
            "0. Use a smooth loss, or a method that needs gradients only."
        )
    return (rows + rows.mT) / 2

"""Homogenized second-order descent: a Newton step from one eigenvector.

The leftmost eigenpair `(-theta, [v; t])` of the augmented Hessian (see `edgewise.optim.augmented`) gives the direction
`d = v / t`, for which

    (H + theta I) d = -g,      theta >= max(delta, -lambda_min(H)),      g'd = delta - theta <= 0:

Newton's method with a shift that the eigenvalue chooses. It goes downhill where the Hessian is indefinite, and the
shift vanishes with the gradient, so that with `delta = 0` convergence is quadratic. Where `g` is orthogonal to the
leftmost eigenvector of `H` (the hard case, such as at a saddle point), `t` vanishes and `v` itself is the direction.

Source: Zhang, He, Jiang, Xue, Jiang, Ge and Ye, A homogeneous second-order descent method, arXiv 2211.08212.
Differs from it: `delta = 0` from the start, and a strong Wolfe line search; `radius` brings its fixed-radius step.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from edgewise.errors import ParameterError
from edgewise.optim.augmented import SMALL, AugmentedEigenpair, augmented_eigenpair
from edgewise.optim.lanczos import seeded
from edgewise.optim.line_search import search
from edgewise.optim.method import Method, count, positive
from edgewise.optim.objective import Evaluation, Objective, Product


@dataclass
class Homogenized:
    """What a step of HSODM found.

    Attributes:
        theta: minus the leftmost eigenvalue.
        t: last component of its unit eigenvector, >= 0.
        direction: `(n,)` the direction.
        slope: directional derivative there, or what the quadratic model makes of it in the hard case.
        hard: whether `t` was too small to divide by.
        products: Hessian products spent.
        residual: `|F u - value u|` of the eigenpair.
    """

    theta: float
    t: float
    direction: Tensor
    slope: float
    hard: bool
    products: int
    residual: float


class HSODMMethod(Method):
    """Homogenized second-order descent, matrix-free.

    Args:
        delta: bottom-right entry of `F`, >= 0. Anything but 0 makes the last phase linear.
        radius: length of every step further than that from its model's minimum, without a line search; the loss may
            then rise. None for a line search.
        scale: `(n,)` positive: the sizes of the parameters. The method does depend on how they are scaled.
        tol: how accurate an eigenvector must be: the residual of the Newton equation relative to the gradient.
        iterations: most iterations of Lanczos per step, for networks too large to reach `tol`; None for no limit.
        lr: factor of the first trial step.
        seed: of the random part of the first vector of Lanczos.
        generator: instead of `seed`.

    Attributes:
        last: what the last step found, or None.

    Raises:
        ParameterError: an argument outside its range.
    """

    leaves_saddles = True

    def __init__(
        self,
        *,
        delta: float = 0.0,
        radius: float | None = None,
        scale: Tensor | None = None,
        tol: float = 1e-6,
        iterations: int | None = None,
        lr: float = 1.0,
        seed: int = 0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(lr)
        self.delta, self.tol = positive("delta", delta, zero=True), positive("tol", tol)
        self.iterations = None if iterations is None else count("iterations", iterations)
        self.radius = None if radius is None else positive("radius", radius)
        if scale is not None and not (scale.dim() == 1 and bool((scale > 0).all())):
            raise ParameterError("`scale` must be a vector of positive numbers, one per parameter.")
        self.scale = scale
        self.generator = seeded(seed, generator)
        self.last: Homogenized | None = None
        self._warm: Tensor | None = None

    def step(self, objective: Objective, here: Evaluation) -> Evaluation:
        """Make one iteration; see `Method.step`."""
        found = self.last = self._solve(objective, here)
        if not found.slope < 0:
            return here
        if self.radius is None:
            return search(objective, here, found.direction, self.lr, slope=found.slope)
        length = float(found.direction.norm())
        if found.hard or length > self.radius:
            found.direction = found.direction * (self.radius / length)
        there = objective.evaluate(here.x + found.direction)
        return there if math.isfinite(there.loss) else here

    def _solve(self, objective: Objective, here: Evaluation) -> Homogenized:
        scale = self._checked_scale(here)
        hessian, grad = objective.hessian(here.x), here.grad
        if scale is not None:
            plain, grad = hessian, scale * grad
            hessian = lambda v: scale * plain(scale * v)  # noqa: E731
        found = self._eigenvector(hessian, grad)
        if scale is not None:
            found.direction = scale * found.direction
        return found

    def _checked_scale(self, here: Evaluation) -> Tensor | None:
        if self.scale is not None and len(self.scale) != len(here.x):
            raise ParameterError(
                f"`scale` must have one number per parameter, {len(here.x)}; it has {len(self.scale)}."
            )
        return None if self.scale is None else self.scale.to(here.x)

    def _eigenvector(self, hessian: Product, grad: Tensor) -> Homogenized:
        if self._warm is not None and len(self._warm) != len(grad) + 1:
            self._warm = None
        found = augmented_eigenpair(
            hessian,
            grad,
            self.delta,
            tol=self.tol,
            iterations=self.iterations,
            start=self._warm,
            generator=self.generator,
        )
        self._warm = found.vector
        return interpret(found, grad)

    def forget(self) -> None:
        """Drop what was learnt."""
        self._warm = None

    def state_dict(self) -> dict[str, Any]:
        """Copy what is remembered; see `Method.state_dict`."""
        state: dict[str, Any] = {"generator": self.generator.get_state()}
        return state if self._warm is None else state | {"warm": self._warm.clone()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a state; see `Method.load_state_dict`."""
        self.generator.set_state(state["generator"])
        self._warm = state["warm"].clone() if "warm" in state else None


def interpret(found: AugmentedEigenpair, grad: Tensor) -> Homogenized:
    """Read an eigenvector as a direction of descent.

    Args:
        found: the eigenpair; exact or not.
        grad: `(n,)` the gradient.

    Returns:
        The direction: `v / t`, or `v` where `t` is too small to divide by.
    """
    v, t = found.vector[:-1], float(found.vector[-1])
    slope = float(grad @ v)
    if slope > 0:  # of an inexact vector, or in the hard case
        v, slope, t = -v, -slope, -t
    hard = abs(t) <= SMALL
    if hard:
        # `H v + t g = value v`. Downhill by curvature: over a unit step the quadratic model falls by half of it.
        curvature = found.value * float(v @ v) - t * slope
        slope += min(curvature, 0.0) / 2
    else:
        v, slope = v / abs(t), slope / abs(t)
    return Homogenized(-found.value, abs(t), v, slope, hard, found.products, found.residual)

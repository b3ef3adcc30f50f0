"""Homogenized second-order descent: a Newton step from one eigenvector.

The leftmost eigenpair `(-theta, [v; t])` of the gradient bordered Hessian

    F = [[H, g], [g', -delta]]

gives the direction `d = v / t`, for which

    (H + theta I) d = -g,      theta >= max(delta, -lambda_min(H)),      g'd = delta - theta <= 0:

Newton's method with a shift that the eigenvalue chooses. It goes downhill where the Hessian is indefinite, and the
shift vanishes with the gradient, so that with `delta = 0` convergence is quadratic. Where `g` is orthogonal to the
leftmost eigenvector of `H` (the hard case, such as at a saddle point), `t` vanishes and `v` itself is the direction.

The eigenvector comes from products with `H` alone. Its gap shrinks with the loss, so near a solution of a problem with
many flat directions nearly the full Krylov space is needed: at most `n + 2` products a step.

Source: Zhang, He, Jiang, Xue, Jiang, Ge and Ye, A homogeneous second-order descent method, arXiv 2211.08212.
Differs from it: `delta = 0` from the start, and a strong Wolfe line search; `radius` brings its fixed-radius step.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from edgewise.errors import ParameterError
from edgewise.optim.lanczos import Lanczos, random_unit, seeded
from edgewise.optim.line_search import search
from edgewise.optim.method import Method, positive
from edgewise.optim.objective import Evaluation, Objective, Product

_HARD = 1e-8
"""With a smaller `|t|`, `v / t` has lost the digits that make it a Newton step."""

_NOISE = 1e-2
"""Length of the random part of the start; it finds what the last eigenvector and the skewed start are blind to."""


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
        lr: float = 1.0,
        seed: int = 0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(lr)
        self.delta, self.tol = positive("delta", delta, zero=True), positive("tol", tol)
        self.radius = None if radius is None else positive("radius", radius)
        if scale is not None and not (scale.dim() == 1 and bool((scale > 0).all())):
            raise ParameterError("`scale` must be a vector of positive numbers, one per parameter.")
        self.scale = scale
        self.generator = seeded(seed, generator)
        self.last: Homogenized | None = None
        self._warm: Tensor | None = None

    def step(self, objective: Objective, here: Evaluation) -> Evaluation:
        """Make one iteration; see `Method.step`."""
        before = objective.products
        found = self.last = self._solve(objective, here)
        found.products = objective.products - before
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
        matrix = partial(bordered, hessian, grad, self.delta)
        krylov = Lanczos(matrix, self._first_vector(matrix, grad))
        asked = self.tol * float(grad.norm())
        while True:
            krylov.extend()
            value, coordinates, residual = krylov.leftmost()
            t = abs(float(krylov.basis[:, -1].to("cpu", torch.float64) @ coordinates))
            if krylov.exhausted or residual <= max(asked * max(t, _HARD), krylov.rounding()):
                break
        u = self._warm = krylov.vector(coordinates)
        return self._interpret(value, u if float(u[-1]) >= 0 else -u, grad, residual)

    def _first_vector(self, matrix: Product, grad: Tensor) -> Tensor:
        """The last eigenvector, or at first the skewed start `[0; 1]`, and a little of everything that matters."""
        start = grad.new_zeros(len(grad) + 1)
        start[-1] = 1.0
        if self._warm is not None and len(self._warm) == len(start):
            start = start * _NOISE + self._warm
        # Times the matrix: directions that change nothing, such as those of unused parameters, would otherwise keep a
        # random part, which the residual does not show.
        noise = matrix(random_unit(start, self.generator))
        length = float(noise.norm())
        return start if length == 0.0 else start + noise * (_NOISE / length)

    def _interpret(self, value: float, u: Tensor, grad: Tensor, residual: float) -> Homogenized:
        v, t = u[:-1], float(u[-1])
        slope = float(grad @ v)
        if t > _HARD:
            return Homogenized(-value, t, v / t, slope / t, False, 0, residual)
        if slope > 0:
            v, slope, t = -v, -slope, -t
        # `H v + t g = value v`. Downhill by curvature: over a unit step the quadratic model falls by half of it.
        curvature = value * float(v @ v) - t * slope
        return Homogenized(-value, abs(t), v, slope + min(curvature, 0.0) / 2, True, 0, residual)

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


def bordered(hessian: Product, grad: Tensor, delta: float, u: Tensor) -> Tensor:
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

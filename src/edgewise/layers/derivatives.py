"""Derivatives of the edges of a layer with respect to their inputs, of any order: what jets through a network need.

Everything here can be differentiated further: by autograd, and by the transformations of `torch.func`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from numpy.polynomial import Polynomial
from torch import Tensor

from edgewise.layers.base_functions import base_function


def base_derivative(name: str, x: Tensor, order: int) -> Tensor:
    """Derivative of a residual function.

    Args:
        name: a key of `BASE_FUNCTIONS` other than `"zero"`.
        x: any shape.
        order: which derivative; 0 is the function.

    Returns:
        Its values at `x`.
    """
    if order == 0:
        return base_function(name)(x)  # pyright: ignore[reportOptionalCall]
    if name == "silu":
        return _times_x(_sigmoid_derivative, x, order)
    if name == "gelu":
        return _times_x(_normal_derivative, x, order)
    if name == "tanh":
        return of_value(torch.tanh(x), (1.0, 0.0, -1.0), order)
    slope = torch.ones_like(x) if name == "identity" else (x > 0).to(x.dtype)
    return slope if order == 1 else torch.zeros_like(x)


def _times_x(gate: Callable[[Tensor, int], Tensor], x: Tensor, order: int) -> Tensor:
    """`x g(x)`, differentiated: `x g^(m) + m g^(m-1)`."""
    return x * gate(x, order) + order * gate(x, order - 1)


def _sigmoid_derivative(x: Tensor, order: int) -> Tensor:
    return of_value(torch.sigmoid(x), (0.0, 1.0, -1.0), order)


def _normal_derivative(x: Tensor, order: int) -> Tensor:
    """Of the normal distribution function: Hermite polynomials times the bell curve."""
    if order == 0:
        return torch.special.ndtr(x)
    bell = torch.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
    hermite = Polynomial(np.polynomial.hermite_e.herme2poly([0.0] * (order - 1) + [(-1.0) ** (order - 1)]))
    return _horner(tuple(hermite.coef), x) * bell


def of_value(value: Tensor, slope: tuple[float, ...], order: int) -> Tensor:
    """Derivative of a function whose slope is the polynomial `slope` of its own value: of tanh `(1, 0, -1)`."""
    return _horner(_own_polynomial(slope, order), value)


@cache
def _own_polynomial(slope: tuple[float, ...], order: int) -> tuple[float, ...]:
    found = Polynomial([0.0, 1.0])
    for _ in range(order):
        found = found.deriv() * Polynomial(slope)
    return tuple(float(c) for c in found.coef)


def _horner(coefficients: tuple[float, ...], x: Tensor) -> Tensor:
    total = torch.full_like(x, coefficients[-1])
    for c in coefficients[-2::-1]:
        total = total * x + c
    return total


def elementwise_derivative(function: Callable[[Tensor], Tensor], z: Tensor, order: int) -> Tensor:
    """Derivative of any elementwise function.

    Args:
        function: of a tensor, to one of the same shape.
        z: where.
        order: which derivative; 0 is the function.

    Returns:
        Its values, like `z`.
    """
    for _ in range(order):
        function = _slope_of(function)
    return function(z)


def _slope_of(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    def slope(z: Tensor) -> Tensor:
        values, pull = torch.func.vjp(function, z)  # pyright: ignore[reportAssignmentType]
        return pull(torch.ones_like(values))[0]

    return slope

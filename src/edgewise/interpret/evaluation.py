"""Evaluate a sympy expression on tensors, by walking its tree: no code is generated, so no name can collide."""

# pyright: reportAttributeAccessIssue=false
# (sympy's annotations are of Basic where its functions give Expr)

import math
import operator
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import sympy
import torch
from torch import Tensor

from edgewise.errors import ParameterError
from edgewise.interpret.bend import LIMIT
from edgewise.layers.functions import bessel_j0, bessel_j1

TORCH: dict[str, Callable[..., Tensor]] = {
    "exp": torch.exp,
    "log": torch.log,
    "sin": torch.sin,
    "cos": torch.cos,
    "tan": torch.tan,
    "asin": torch.arcsin,
    "acos": torch.arccos,
    "atan": torch.arctan,
    "atan2": torch.atan2,
    "sinh": torch.sinh,
    "cosh": torch.cosh,
    "tanh": torch.tanh,
    "asinh": torch.asinh,
    "acosh": torch.acosh,
    "atanh": torch.atanh,
    "erf": torch.erf,
    "erfc": torch.erfc,
    "Abs": torch.abs,
    "sign": torch.sign,
    "floor": torch.floor,
    "ceiling": torch.ceil,
    "gamma": lambda z: torch.lgamma(z).exp(),
    "loggamma": torch.lgamma,
    "Heaviside": lambda z, half=None: torch.heaviside(z, torch.full_like(z, 0.5) if half is None else half),
    "sinc": lambda z: torch.sinc(z / torch.pi),
    "Max": lambda *zs: reduce(torch.maximum, zs),
    "Min": lambda *zs: reduce(torch.minimum, zs),
    "bend": lambda z: z / torch.hypot(torch.ones_like(z), z / LIMIT),
    "UnevaluatedExpr": lambda z: z,
    "besselj": lambda order, z: _bessel(order, z),
}
"""What sympy's functions are on tensors."""


def evaluate(expression: Any, values: Mapping[Any, Tensor], functions: Mapping[str, Callable[..., Tensor]]) -> Tensor:
    """Evaluate an expression.

    Args:
        expression: of sympy.
        values: tensors, of shapes that broadcast, for its symbols; at least one.
        functions: functions of tensors for the names that are not in `TORCH`.

    Returns:
        A tensor in the dtype of the values; NaN or infinite outside the domain.

    Raises:
        ParameterError: a function or symbol has no meaning on tensors.
    """
    like = next(iter(values.values()))
    known: dict[Any, Tensor] = {}

    def of(e: Any) -> Tensor:
        if e in values:
            return values[e]
        if e not in known:
            known[e] = _value(e, of, like, functions)
        return known[e]

    return of(expression)


def _value(e: Any, of: Callable[[Any], Tensor], like: Tensor, functions: Mapping[str, Callable[..., Tensor]]) -> Tensor:
    if e.is_number and not e.has(sympy.Function):
        value = complex(e)
        return torch.full((), value.real if value.imag == 0 else torch.nan, dtype=like.dtype, device=like.device)
    if e.is_Add:
        return reduce(operator.add, map(of, e.args))
    if e.is_Mul:
        coefficient, rest = e.as_coeff_Mul()
        if coefficient.is_Float and float(coefficient) in (0.0, math.inf, -math.inf):
            return _scaled(coefficient, rest, of)
        return reduce(operator.mul, map(of, e.args))
    if e.is_Pow:
        return _power(of(e.base), e.exp, of)
    name = e.func.__name__
    if e.is_Function or isinstance(e, (sympy.Max, sympy.Min, sympy.UnevaluatedExpr)):
        if name in functions:
            return functions[name](*map(of, e.args))
        if name in TORCH:
            return TORCH[name](*map(of, e.args))
    known = ", ".join([*TORCH, *functions])
    raise ParameterError(f"{name} in {e} has no meaning on tensors; known are {known}.")


def _scaled(coefficient: Any, rest: Any, of: Callable[[Any], Tensor]) -> Tensor:
    """A factor beyond the range of floats goes into an exponential, out of which sympy has taken it."""
    factors = list(sympy.Mul.make_args(rest))
    inside = next((f for f in factors if isinstance(f, sympy.exp)), None)
    sign = 1.0 if coefficient > 0 else -1.0
    if inside is None:
        return sign * (torch.inf if abs(coefficient) > 1 else 0.0) * of(rest)
    factors.remove(inside)
    exponent = of(inside.args[0]) + float(sympy.log(abs(coefficient)))
    return reduce(operator.mul, map(of, factors), sign * torch.exp(exponent))


def _power(base: Tensor, exponent: Any, of: Callable[[Any], Tensor]) -> Tensor:
    if exponent.is_Integer:
        return base.pow(int(exponent)) if exponent > 0 else base.pow(-int(exponent)).reciprocal()
    if exponent == sympy.Rational(1, 2):
        return base.sqrt()
    if exponent == -sympy.Rational(1, 2):
        return base.rsqrt()
    return torch.pow(base, of(exponent))


def _bessel(order: Tensor, z: Tensor) -> Tensor:
    if float(order) not in (0.0, 1.0):
        raise ParameterError(f"besselj has a meaning on tensors for the orders 0 and 1; got {float(order):g}.")
    return bessel_j0(z) if float(order) == 0.0 else bessel_j1(z)

"""The elementary functions that an edge can be fixed to: one table for torch, formulas, complexity and domain.

A function takes `z = a x + b`; one with a free exponent takes that too. Outside its domain it gives NaN or infinity,
never a number that would hide the mistake.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from edgewise.errors import ParameterError


@dataclass(frozen=True)
class Function:
    """One elementary function.

    Attributes:
        name: what users call it, as in pykan: `"sin"`, `"x^2"`, `"1/x"`.
        torch: elementwise, differentiable as often as needed; of `(z,)`, with a free exponent of `(z, p)`. It gives
            numbers of the shape of `z`, and must not keep `z`, which is written over afterwards.
        formula: the same in sympy's language, in the letters `z` and `p`.
        complexity: in the unit of `"x"`, one.
        domain: where it is defined, in words of `z`; empty for everywhere.
        even: `f(-z) = f(z)`.
        odd: `f(-z) = -f(z)`.
        periodic: whether it oscillates, so that a fit must look for its frequency.
        free_exponent: whether `p` is a parameter of the edge.
        twin_of: another function that says the same with other parameters; a search leaves this one out.
        degree: of homogeneity, `f(t z) = t^degree f(z)` for `t > 0`; None for any other, and for a free exponent, which
            is it. A slope `a` then says nothing that the factor `c` does not say.
    """

    name: str
    torch: Callable[..., Tensor]
    formula: str
    complexity: int
    domain: str = ""
    even: bool = False
    odd: bool = False
    periodic: bool = False
    free_exponent: bool = False
    twin_of: str | None = None
    degree: float | None = None

    def __call__(self, z: Tensor, p: Tensor | None = None) -> Tensor:
        """Values at `z`; of the exponent `p` where it is free."""
        return self.torch(z, p) if self.free_exponent else self.torch(z)

    def __reduce__(self) -> Any:
        """Built-in functions are pickled by name: lambdas cannot be."""
        if FUNCTIONS.get(self.name) is self:
            return function_named, (self.name,)
        return super().__reduce__()

    def __deepcopy__(self, memo: Any) -> "Function":
        """A function has no state."""
        return self


def _bessel(order: int, z: Tensor) -> Tensor:
    """Scipy's values on the CPU: torch's are off by 4e-7 just beyond |z| = 5 (torch 2.13, float64)."""
    if z.device.type != "cpu":
        return (torch.special.bessel_j0, torch.special.bessel_j1)[order](z)
    from scipy.special import j0, j1

    return torch.as_tensor((j0, j1)[order](z.numpy()), dtype=z.dtype).reshape(z.shape)


class _Bessel(torch.autograd.Function):
    """`J_order`, elementwise. torch's functions have no derivative: J0' = -J1, J1' = J0 - J1 / z (DLMF 10.6)."""

    @staticmethod
    def forward(z: Tensor, order: int) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return _bessel(order, z)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, int], output: Tensor) -> None:
        z, ctx.order = inputs
        ctx.save_for_backward(z)
        ctx.save_for_forward(z)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        return g * _bessel_slope(ctx.order, ctx.saved_tensors[0]), None

    @staticmethod
    def jvp(ctx: Any, change: Tensor, _: Any) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return change * _bessel_slope(ctx.order, ctx.saved_tensors[0])

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, None], z: Tensor, order: int) -> tuple[Tensor, int | None]:
        return _Bessel.apply(z, order), in_dims[0]  # pyright: ignore[reportReturnType]


def _bessel_slope(order: int, z: Tensor) -> Tensor:
    if order == 0:
        return -bessel_j1(z)
    near = z.abs() < 1e-8  # J1(z)/z = 1/2 there to the last digit
    return bessel_j0(z) - torch.where(near, 0.5, bessel_j1(z) / torch.where(near, 1.0, z))


def bessel_j0(z: Tensor) -> Tensor:
    """Bessel function of the first kind of order 0, differentiable; 1e-15 on the CPU, 4e-7 elsewhere."""
    return _Bessel.apply(z, 0)  # pyright: ignore[reportReturnType]


def bessel_j1(z: Tensor) -> Tensor:
    """Bessel function of the first kind of order 1, differentiable; 1e-15 on the CPU, 4e-7 elsewhere."""
    return _Bessel.apply(z, 1)  # pyright: ignore[reportReturnType]


def _power(n: int) -> Callable[[Tensor], Tensor]:
    return lambda z: z.pow(n)


def _inverse_power(n: int) -> Callable[[Tensor], Tensor]:
    return lambda z: z.pow(n).reciprocal()


_POLE, _POSITIVE, _NOT_NEGATIVE = "z != 0", "z > 0", "z >= 0"

FUNCTIONS: dict[str, Function] = {
    function.name: function
    for function in (
        Function("0", torch.zeros_like, "0", 0),
        Function("x", lambda z: z, "z", 1, odd=True, degree=1),
        Function("x^2", _power(2), "z**2", 2, even=True, degree=2),
        Function("x^3", _power(3), "z**3", 3, odd=True, degree=3),
        Function("x^4", _power(4), "z**4", 3, even=True, degree=4),
        Function("x^5", _power(5), "z**5", 3, odd=True, degree=5),
        Function("1/x", torch.reciprocal, "1/z", 2, _POLE, odd=True, degree=-1),
        Function("1/x^2", _inverse_power(2), "1/z**2", 2, _POLE, even=True, degree=-2),
        Function("1/x^3", _inverse_power(3), "1/z**3", 3, _POLE, odd=True, degree=-3),
        Function("1/x^4", _inverse_power(4), "1/z**4", 4, _POLE, even=True, degree=-4),
        Function("1/x^5", _inverse_power(5), "1/z**5", 5, _POLE, odd=True, degree=-5),
        Function("sqrt", torch.sqrt, "sqrt(z)", 2, _NOT_NEGATIVE, degree=0.5),
        Function("x^0.5", torch.sqrt, "sqrt(z)", 2, _NOT_NEGATIVE, twin_of="sqrt", degree=0.5),
        Function("x^1.5", lambda z: z * z.sqrt(), "z**Rational(3, 2)", 4, _NOT_NEGATIVE, degree=1.5),
        Function("1/sqrt(x)", torch.rsqrt, "1/sqrt(z)", 2, _POSITIVE, degree=-0.5),
        Function("1/x^0.5", torch.rsqrt, "1/sqrt(z)", 2, _POSITIVE, twin_of="1/sqrt(x)", degree=-0.5),
        Function("x^p", lambda z, p: torch.pow(z, p), "z**p", 5, _POSITIVE, free_exponent=True),
        Function("exp", torch.exp, "exp(z)", 2),
        Function("log", torch.log, "log(z)", 2, _POSITIVE),
        Function("abs", torch.abs, "Abs(z)", 3, even=True, degree=1),
        Function("sin", torch.sin, "sin(z)", 2, odd=True, periodic=True),
        Function("cos", torch.cos, "cos(z)", 2, even=True, periodic=True, twin_of="sin"),
        Function("tan", torch.tan, "tan(z)", 3, "z != pi/2 + n pi", odd=True, periodic=True),
        Function("tanh", torch.tanh, "tanh(z)", 3, odd=True),
        Function("sigmoid", torch.sigmoid, "1/(1 + exp(-z))", 3, twin_of="tanh"),
        Function("sinh", torch.sinh, "sinh(z)", 3, odd=True),
        Function("cosh", torch.cosh, "cosh(z)", 3, even=True),
        Function("sgn", torch.sign, "sign(z)", 3, odd=True),
        Function("relu", torch.relu, "Max(z, 0)", 3, degree=1),
        Function("arcsin", torch.arcsin, "asin(z)", 4, "-1 <= z <= 1", odd=True),
        Function("arccos", torch.arccos, "acos(z)", 4, "-1 <= z <= 1", twin_of="arcsin"),
        Function("arctan", torch.arctan, "atan(z)", 4, odd=True),
        Function("arctanh", torch.arctanh, "atanh(z)", 4, "-1 < z < 1", odd=True),
        Function("gaussian", lambda z: torch.exp(-z.square()), "exp(-z**2)", 3, even=True),
        Function("erf", torch.erf, "erf(z)", 4, odd=True),
        Function("j0", bessel_j0, "besselj(0, z)", 4, even=True, periodic=True),
        Function("j1", bessel_j1, "besselj(1, z)", 4, odd=True, periodic=True),
    )
}
"""Every built-in function by name."""


def function_named(name: str) -> Function:
    """A built-in function.

    Args:
        name: a key of `FUNCTIONS`.

    Returns:
        The function.

    Raises:
        ParameterError: there is none of that name.
    """
    if name not in FUNCTIONS:
        raise ParameterError(f"there is no function {name!r}; known are {', '.join(map(repr, FUNCTIONS))}.")
    return FUNCTIONS[name]


def slopes_of(
    functions: Sequence[Function], counts: Sequence[int], z: Tensor, p: Tensor | None = None, dim: int = -1
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Values of several functions, and derivatives with respect to `z` and (where one is free) the exponent.

    Args:
        functions: the functions.
        counts: how many places along `dim` belong to each, in their order.
        z: arguments.
        p: exponents, of a shape that broadcasts with `z` and has its length along `dim`.
        dim: the axis.

    Returns:
        Three tensors like `z`, the last one None without a free exponent.
    """
    free = p is not None and any(function.free_exponent for function in functions)
    with torch.enable_grad():
        leaf = z.detach().requires_grad_(True)
        exponent = p.detach().expand_as(z).clone().requires_grad_(True) if free else None  # pyright: ignore[reportOptionalMemberAccess]
        exponents = [None] * len(counts) if exponent is None else exponent.split(list(counts), dim)
        parts = zip(functions, leaf.split(list(counts), dim), exponents, strict=True)
        values = torch.cat([function(own, own_p) for function, own, own_p in parts], dim)
        wanted = [leaf] if exponent is None else [leaf, exponent]
        if not values.requires_grad:  # "0"
            return values, torch.zeros_like(z), None
        slopes = torch.autograd.grad(values.sum(), wanted, allow_unused=True)
    slope = torch.zeros_like(z) if slopes[0] is None else slopes[0]
    return values.detach(), slope, None if exponent is None else slopes[1]

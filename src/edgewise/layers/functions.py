"""The elementary functions that an edge can be fixed to: one table for torch, formulas, complexity and domain.

A function takes `z = a x + b`; one with a free exponent takes that too. Outside its domain it gives NaN or infinity,
never a number that would hide the mistake.
"""

import difflib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from edgewise.errors import ParameterError
from edgewise.kernels import is_plain_eager


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
        slope: derivative, of `(z, f)` with `f` the value at `z`; None where autograd gives it.
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
    slope: Callable[[Tensor, Tensor], Tensor] | None = None
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


def _root_slope(z: Tensor, f: Tensor) -> Tensor:
    return 0.5 / f


def _inverse_root_slope(z: Tensor, f: Tensor) -> Tensor:
    return f / z * -0.5


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


def _bessel_slope(order: int, z: Tensor, f: Tensor | None = None) -> Tensor:
    if order == 0:
        return -bessel_j1(z)
    f = bessel_j1(z) if f is None else f
    near = z.abs() < 1e-8  # J1(z)/z = 1/2 there to the last digit
    return bessel_j0(z) - torch.where(near, 0.5, f / torch.where(near, 1.0, z))


def _differentiable_bessel(z: Tensor, order: int) -> Tensor:
    if not torch.is_grad_enabled() and is_plain_eager():  # ten times faster than to ask autograd not to record
        return _bessel(order, z)
    return _Bessel.apply(z, order)  # pyright: ignore[reportReturnType]


def bessel_j0(z: Tensor) -> Tensor:
    """Bessel function of the first kind of order 0, differentiable; 1e-15 on the CPU, 4e-7 elsewhere."""
    return _differentiable_bessel(z, 0)


def bessel_j1(z: Tensor) -> Tensor:
    """Bessel function of the first kind of order 1, differentiable; 1e-15 on the CPU, 4e-7 elsewhere."""
    return _differentiable_bessel(z, 1)


_POLE, _POSITIVE, _NOT_NEGATIVE = "z != 0", "z > 0", "z >= 0"


def _power(n: int, complexity: int) -> Function:
    slope = (lambda z, f: n * z.pow(n - 1)) if n > 2 else (lambda z, f: 2 * z)
    return Function(
        f"x^{n}", lambda z: z.pow(n), f"z**{n}", complexity, even=n % 2 == 0, odd=n % 2 == 1, slope=slope, degree=n
    )


def _inverse_power(n: int) -> Function:
    return Function(
        f"1/x^{n}", lambda z: z.pow(n).reciprocal(), f"1/z**{n}", n, _POLE, even=n % 2 == 0, odd=n % 2 == 1,
        slope=lambda z, f: f / z * -n, degree=-n,
    )  # fmt: skip


FUNCTIONS: dict[str, Function] = {
    function.name: function
    for function in (
        Function("0", torch.zeros_like, "0", 0, slope=lambda z, f: f),
        Function("x", lambda z: z, "z", 1, odd=True, slope=lambda z, f: torch.ones_like(z), degree=1),
        _power(2, 2),
        _power(3, 3),
        _power(4, 3),
        _power(5, 3),
        Function("1/x", torch.reciprocal, "1/z", 2, _POLE, odd=True, slope=lambda z, f: -f * f, degree=-1),
        _inverse_power(2),
        _inverse_power(3),
        _inverse_power(4),
        _inverse_power(5),
        Function("sqrt", torch.sqrt, "sqrt(z)", 2, _NOT_NEGATIVE, slope=_root_slope, degree=0.5),
        Function("x^0.5", torch.sqrt, "sqrt(z)", 2, _NOT_NEGATIVE, twin_of="sqrt", slope=_root_slope, degree=0.5),
        Function(
            "x^1.5",
            lambda z: z * z.sqrt(),
            "z**Rational(3, 2)",
            4,
            _NOT_NEGATIVE,
            slope=lambda z, f: 1.5 * z.sqrt(),
            degree=1.5,
        ),
        Function("1/sqrt(x)", torch.rsqrt, "1/sqrt(z)", 2, _POSITIVE, slope=_inverse_root_slope, degree=-0.5),
        Function(
            "1/x^0.5",
            torch.rsqrt,
            "1/sqrt(z)",
            2,
            _POSITIVE,
            twin_of="1/sqrt(x)",
            slope=_inverse_root_slope,
            degree=-0.5,
        ),
        Function("x^p", lambda z, p: torch.pow(z, p), "z**p", 5, _POSITIVE, free_exponent=True),
        Function("exp", torch.exp, "exp(z)", 2, slope=lambda z, f: f),
        Function("log", torch.log, "log(z)", 2, _POSITIVE, slope=lambda z, f: z.reciprocal()),
        Function("abs", torch.abs, "Abs(z)", 3, even=True, slope=lambda z, f: z.sgn(), degree=1),
        Function("sin", torch.sin, "sin(z)", 2, odd=True, periodic=True, slope=lambda z, f: z.cos()),
        Function("cos", torch.cos, "cos(z)", 2, even=True, periodic=True, twin_of="sin", slope=lambda z, f: -z.sin()),
        Function(
            "tan", torch.tan, "tan(z)", 3, "z != pi/2 + n pi", odd=True, periodic=True, slope=lambda z, f: 1 + f * f
        ),
        Function("tanh", torch.tanh, "tanh(z)", 3, odd=True, slope=lambda z, f: 1 - f * f),
        Function("sigmoid", torch.sigmoid, "1/(1 + exp(-z))", 3, twin_of="tanh", slope=lambda z, f: f * (1 - f)),
        Function("sinh", torch.sinh, "sinh(z)", 3, odd=True, slope=lambda z, f: z.cosh()),
        Function("cosh", torch.cosh, "cosh(z)", 3, even=True, slope=lambda z, f: z.sinh()),
        Function("sgn", torch.sign, "sign(z)", 3, odd=True, slope=lambda z, f: torch.zeros_like(z)),
        Function("relu", torch.relu, "Max(z, 0)", 3, slope=lambda z, f: (z > 0).to(z), degree=1),
        Function(
            "arcsin", torch.arcsin, "asin(z)", 4, "-1 <= z <= 1", odd=True, slope=lambda z, f: (1 - z * z).rsqrt()
        ),
        Function(
            "arccos",
            torch.arccos,
            "acos(z)",
            4,
            "-1 <= z <= 1",
            twin_of="arcsin",
            slope=lambda z, f: -(1 - z * z).rsqrt(),
        ),
        Function("arctan", torch.arctan, "atan(z)", 4, odd=True, slope=lambda z, f: (1 + z * z).reciprocal()),
        Function(
            "arctanh", torch.arctanh, "atanh(z)", 4, "-1 < z < 1", odd=True, slope=lambda z, f: (1 - z * z).reciprocal()
        ),
        Function(
            "gaussian", lambda z: torch.exp(-z.square()), "exp(-z**2)", 3, even=True, slope=lambda z, f: -2 * z * f
        ),
        Function("erf", torch.erf, "erf(z)", 4, odd=True, slope=lambda z, f: (z * -z).exp() * (2 / math.sqrt(math.pi))),
        Function("j0", bessel_j0, "besselj(0, z)", 4, even=True, periodic=True, slope=partial(_bessel_slope, 0)),
        Function("j1", bessel_j1, "besselj(1, z)", 4, odd=True, periodic=True, slope=partial(_bessel_slope, 1)),
    )
}
"""Every built-in function by name."""


_ALSO_CALLED = {
    "ln": "log", "exponential": "exp", "square": "x^2", "x**2": "x^2", "cube": "x^3", "x**3": "x^3", "inverse": "1/x",
    "identity": "x", "linear": "x", "sign": "sgn", "cosine": "cos", "asin": "arcsin", "acos": "arccos",
    "atan": "arctan", "atanh": "arctanh", "gauss": "gaussian", "logistic": "sigmoid", "constant": "0", "zero": "0",
    "power": "x^p",
}  # fmt: skip
"""Other names of built-in functions that are understood well enough to say ours."""


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
        said = str(name).lower()
        near = [_ALSO_CALLED[said]] if said in _ALSO_CALLED else difflib.get_close_matches(said, FUNCTIONS, n=2)
        hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
        raise ParameterError(f"there is no function {name!r}.{hint} Known are {', '.join(map(repr, FUNCTIONS))}.")
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
    exponents = p.expand_as(z).split(list(counts), dim) if free else [None] * len(counts)  # pyright: ignore[reportOptionalMemberAccess]
    parts = zip(functions, z.split(list(counts), dim), exponents, strict=True)
    values, slopes, by_exponent = zip(*(_slopes(*part) for part in parts), strict=True)
    return torch.cat(values, dim), torch.cat(slopes, dim), torch.cat(by_exponent, dim) if free else None


def _slopes(function: Function, z: Tensor, p: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
    """Values of one function, and its derivatives; that by an exponent that is not free is zero."""
    if function.slope is not None and not function.free_exponent:
        f = function(z)
        return f, function.slope(z, f), None if p is None else torch.zeros_like(z)
    with torch.enable_grad():
        leaves = [t.detach().clone().requires_grad_() for t in (z, p) if t is not None]
        f = function(*leaves)
        if not f.requires_grad:  # a constant of the user's
            return f, torch.zeros_like(z), None if p is None else torch.zeros_like(z)
        found = torch.autograd.grad(f.sum(), leaves, allow_unused=True, materialize_grads=True)
    return f.detach(), found[0], None if p is None else found[1]

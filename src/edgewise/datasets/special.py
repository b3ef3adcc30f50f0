"""Fifteen special functions of two variables: Table 1 of Liu et al. (2024), KAN: Kolmogorov-Arnold Networks.

The paper names scipy's calls and prints test errors, but neither the domains and sample counts nor which of
`ellipj`'s outputs and which part of the complex harmonics was learned. The choices here are ours:

- *orders and degrees are real inputs*, over two units, so that the network meets fractional ones;
- *singularities stay outside the box*: half a unit from the origin for the Bessel functions (x^v and log x), 0.1 from
  x = -1 for the Legendre functions (log(1 + x) at fractional degree), m <= 0.9 for the elliptic ones (m = 1);
- *and yet the function turns*: whole periods, whole sphere, several zeros where the function has any.

Values come from scipy in float64; they are not differentiable by torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from edgewise.datasets.problems import Problem, find_problem

SOURCE = "Liu et al. (2024), KAN: Kolmogorov-Arnold Networks, arXiv:2404.19756, Table 1"

_ORDER = ("v", (0.0, 2.0))
_ANGLES = (("theta", (0.0, 2 * math.pi)), ("phi", (0.0, math.pi)))
_MODULUS = ("m", (0.0, 0.9))
_SPHERE = "The whole sphere: theta is the azimuth, phi the polar angle (scipy's names); the real part is learned."

Variable = tuple[str, tuple[float, float]]

# Derivatives of the Legendre function by its hypergeometric series; sympy's own stops at whole degrees.
_LEGENDRE = (
    "hyper([-v, v + 1], [1], (1 - x)/2)",
    "-sqrt(1 - x**2)*v*(v + 1)/2*hyper([1 - v, v + 2], [2], (1 - x)/2)",
    "(1 - x**2)*(v - 1)*v*(v + 1)*(v + 2)/8*hyper([2 - v, v + 3], [3], (1 - x)/2)",
)
_SPHERES = {
    (0, 1): "sqrt(3/(4*pi))*cos(phi)",
    (1, 1): "-sqrt(3/(8*pi))*sin(phi)*cos(theta)",
    (0, 2): "sqrt(5/(16*pi))*(3*cos(phi)**2 - 1)",
    (1, 2): "-sqrt(15/(8*pi))*sin(phi)*cos(phi)*cos(theta)",
    (2, 2): "sqrt(15/(32*pi))*sin(phi)**2*cos(2*theta)",
}


def special_functions() -> tuple[Problem, ...]:
    """The fifteen functions, in the order of the table.

    Returns:
        Problems whose `published` has `"min KAN"`, `"best KAN"` and `"MLP"`, and whose `shapes` the first two.

    >>> [problem.name for problem in special_functions()][:3]
    ['jacobian_elliptic', 'elliptic_f', 'elliptic_e']
    """
    return _PROBLEMS


def load_special(name: str) -> Problem:
    """One of the special functions.

    Its values come from scipy, which torch cannot differentiate: `problem(x)` is a constant to autograd, without
    `requires_grad` also where `x` has it. A network trained on samples can be differentiated; `problem.expression`
    is the function in sympy.

    Args:
        name: as in `special_functions()`.

    Returns:
        The problem.

    >>> load_special("bessel_j").domain
    'v in [0, 2], x in [0.5, 8]'
    >>> load_special("bessel_j")(torch.ones(1, 2, requires_grad=True)).requires_grad
    False
    """
    return find_problem(_PROBLEMS, name, "load_special")


def _scipy(name: str, *first: float, output: int | None = None) -> Callable[[Tensor], Tensor]:
    """`scipy.special.name(*first, x[:, 0], x[:, 1])`, or one of its outputs."""

    def function(x: Tensor) -> Tensor:
        import scipy.special

        value: Any = getattr(scipy.special, name)(*first, *x.detach().cpu().numpy().T)
        return torch.from_numpy(value if output is None else value[output]).to(x.device)

    return function


def _harmonic(m: int, n: int) -> Callable[[Tensor], Tensor]:
    """Real part of the spherical harmonic of order m and degree n, from `lpmv`: scipy renamed its own function."""
    scale = math.sqrt((2 * n + 1) / (4 * math.pi) * math.factorial(n - m) / math.factorial(n + m))

    def function(x: Tensor) -> Tensor:
        import scipy.special

        theta, phi = x.detach().cpu().numpy().T
        legendre = torch.from_numpy(scipy.special.lpmv(m, n, torch.cos(torch.from_numpy(phi)).numpy()))
        return (scale * legendre * torch.cos(m * torch.from_numpy(theta))).to(x.device)

    return function


def _problem(
    name: str,
    formula: str,
    function: Callable[[Tensor], Tensor],
    variables: tuple[Variable, Variable],
    why: str,
    shapes: tuple[tuple[int, ...], tuple[int, ...]],
    errors: tuple[float, float, float],
    note: str = "",
    sympy_formula: str = "",
) -> Problem:
    """A row; `shapes` are the smallest KAN with an error below 1e-2 and the best one, `errors` theirs and the MLP's."""
    return Problem(
        name=name,
        formula=formula,
        function=function,
        variables=tuple(v for v, _ in variables),
        ranges=tuple(r for _, r in variables),
        why=why,
        published=MappingProxyType(dict(zip(("min KAN", "best KAN", "MLP"), errors, strict=True))),
        shapes=MappingProxyType(dict(zip(("min KAN", "best KAN"), shapes, strict=True))),
        source=SOURCE,
        note=note,
        sympy_formula=sympy_formula,
    )


def _legendre(m: int, shapes: tuple[tuple[int, ...], tuple[int, ...]], errors: tuple[float, float, float]) -> Problem:
    return _problem(
        f"legendre_{m}",
        f"lpmv({m}, v, x)",
        _scipy("lpmv", m),
        (("v", (float(m), m + 2.0)), ("x", (-0.9, 0.9))),
        f"Degrees from the first integer with a nonzero function, {m}, to two above; x stops short of the ends, where "
        "fractional degrees are singular.",
        shapes,
        errors,
        sympy_formula=_LEGENDRE[m],
    )


def _sphere(
    m: int, n: int, shapes: tuple[tuple[int, ...], tuple[int, ...]], errors: tuple[float, float, float]
) -> Problem:
    return _problem(
        f"harmonic_{m}_{n}",
        f"Re sph_harm({m}, {n}, theta, phi)",
        _harmonic(m, n),
        _ANGLES,
        _SPHERE + (" It does not depend on theta." if m == 0 else ""),
        shapes,
        errors,
        sympy_formula=_SPHERES[m, n],
    )


_PROBLEMS = (
    _problem(
        "jacobian_elliptic",
        "sn(u, m) = ellipj(u, m)[0]",
        _scipy("ellipj", output=0),
        (("u", (-4.0, 4.0)), _MODULUS),
        "Of the four outputs sn, the first. At m = 0 the range of u is more than a period, at m = 0.9 most of one "
        "(its length grows from 6.3 to 10.3).",
        ((2, 2, 1), (2, 3, 2, 1, 1, 1)),
        (7.29e-3, 1.33e-4, 6.48e-4),
        "The copies of the paper disagree on the best shape: [2,3,2,1,1,1] or [2,3,2,1,1].",
        sympy_formula="jacobi_sn(u, m)",
    ),
    _problem(
        "elliptic_f",
        "ellipkinc(phi, m)",
        _scipy("ellipkinc"),
        (("phi", (-math.pi / 2, math.pi / 2)), _MODULUS),
        "Both signs of the amplitude, up to the complete integral; m as far as it stays smooth there.",
        ((2, 2, 1, 1), (2, 2, 1, 1, 1)),
        (1.00e-3, 1.24e-4, 5.52e-4),
        sympy_formula="elliptic_f(phi, m)",
    ),
    _problem(
        "elliptic_e",
        "ellipeinc(phi, m)",
        _scipy("ellipeinc"),
        (("phi", (-math.pi / 2, math.pi / 2)), _MODULUS),
        "As for the first kind.",
        ((2, 2, 1, 1), (2, 2, 1, 1)),
        (8.36e-5, 8.26e-5, 3.04e-4),
        sympy_formula="elliptic_e(phi, m)",
    ),
    _problem(
        "bessel_j",
        "jv(v, x)",
        _scipy("jv"),
        (_ORDER, ("x", (0.5, 8.0))),
        "One or two zeros at every order; x^v is not smooth at 0.",
        ((2, 2, 1), (2, 3, 1, 1, 1)),
        (4.93e-3, 1.64e-3, 5.52e-3),
        sympy_formula="besselj(v, x)",
    ),
    _problem(
        "bessel_y",
        "yv(v, x)",
        _scipy("yv"),
        (_ORDER, ("x", (0.5, 8.0))),
        "The same box as the first kind; it reaches -5.4 near x = 0.5, where the pole of x^-v is felt.",
        ((2, 3, 1), (2, 2, 2, 1)),
        (1.89e-3, 1.49e-5, 3.45e-4),
        sympy_formula="bessely(v, x)",
    ),
    _problem(
        "bessel_k",
        "kv(v, x)",
        _scipy("kv"),
        (_ORDER, ("x", (0.5, 4.0))),
        "From 7.6 down to 0.01: the pole of x^-v at one end, exponential decay at the other.",
        ((2, 1, 1), (2, 2, 1)),
        (4.89e-3, 2.52e-5, 1.67e-4),
        sympy_formula="besselk(v, x)",
    ),
    _problem(
        "bessel_i",
        "iv(v, x)",
        _scipy("iv"),
        (_ORDER, ("x", (0.5, 4.0))),
        "The same box as the second kind; exponential growth to 11.3.",
        ((2, 4, 3, 2, 1, 1), (2, 4, 3, 2, 1, 1)),
        (9.28e-3, 9.28e-3, 1.07e-2),
        sympy_formula="besseli(v, x)",
    ),
    _legendre(0, ((2, 2, 1), (2, 2, 1)), (5.25e-5, 5.25e-5, 1.74e-2)),
    _legendre(1, ((2, 4, 1), (2, 4, 1)), (6.90e-4, 6.90e-4, 1.50e-3)),
    _legendre(2, ((2, 2, 1), (2, 3, 2, 1)), (4.88e-3, 2.26e-4, 9.43e-4)),
    _sphere(0, 1, ((2, 1, 1), (2, 1, 1)), (2.21e-7, 2.21e-7, 1.25e-6)),
    _sphere(1, 1, ((2, 2, 1), (2, 3, 2, 1)), (7.86e-4, 1.22e-4, 6.70e-4)),
    _sphere(0, 2, ((2, 1, 1), (2, 1, 1)), (1.95e-7, 1.95e-7, 2.85e-6)),
    _sphere(1, 2, ((2, 2, 1), (2, 2, 1, 1)), (4.70e-4, 1.50e-5, 1.84e-3)),
    _sphere(2, 2, ((2, 2, 1), (2, 2, 3, 2, 1)), (1.12e-3, 9.45e-5, 6.21e-4)),
)

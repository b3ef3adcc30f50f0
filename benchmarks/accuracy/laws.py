"""Laws that a default call of `symbolic_search` has to find: `formulas`."""

from __future__ import annotations

import scipy
import sympy
import torch
from torch import Tensor

from edgewise.datasets import Problem

_TORCH = {name: getattr(torch, name) for name in ("exp", "log", "sin", "cosh", "tanh", "sqrt")}
# The only order there is below; torch's own is wrong in the seventh digit.
_TORCH["besselj"] = lambda order, z: torch.from_numpy(scipy.special.j0(z.numpy()))


def expression(problem: Problem) -> sympy.Expr:
    """The law in sympy's terms, of real symbols."""
    names = {name: sympy.Symbol(name, real=True) for name in problem.variables}
    return sympy.sympify(problem.formula, locals=names)


def _law(name: str, formula: str, source: str, **ranges: tuple[float, float]) -> Problem:
    def values(x: Tensor) -> Tensor:
        symbols = [sympy.Symbol(variable, real=True) for variable in ranges]
        return sympy.lambdify(symbols, expression(problem), modules=[_TORCH, "math"])(*x.unbind(1))

    problem = Problem(
        name=name, formula=formula, function=values, variables=tuple(ranges), ranges=tuple(ranges.values()),
        why="Chosen here.", published={}, shapes={}, source=source,
    )  # fmt: skip
    return problem


_KAN = "Liu et al. (2024), arXiv:2404.19756"
_TUTORIAL = "pykan, tutorials"
_POSITIVE, _BOTH = (0.5, 2.0), (-1.0, 1.0)

LAWS = (
    _law("wave of logarithms", "sin(2*log(x) + 2*log(y))", _TUTORIAL, x=_POSITIVE, y=_POSITIVE),
    _law("wall", "tanh(5*(x1**4 + x2**4 + x3**4 - 1))", _TUTORIAL, x1=_BOTH, x2=_BOTH, x3=_BOTH),
    _law("Bessel", "exp(besselj(0, 20*x) + y**2)", _KAN, x=_BOTH, y=_BOTH),
    _law("distance", "sqrt((x1 - x2)**2 + (x3 - x4)**2)", _KAN, x1=_BOTH, x2=_BOTH, x3=_BOTH, x4=_BOTH),
    _law("product", "x*y", _KAN, x=_BOTH, y=_BOTH),
    _law("quotient", "x/y", _KAN, x=_BOTH, y=_POSITIVE),
    _law("sum of velocities", "(a + b)/(1 + a*b)", _KAN, a=(-0.9, 0.9), b=(-0.9, 0.9)),
    _law("relativistic mass", "m/sqrt(1 - (v/c)**2)", _KAN, m=(1.0, 5.0), v=(1.0, 2.0), c=(3.0, 10.0)),
    _law("mobility edge GAAM", "alpha*E + 2*lamb - 2", _KAN, alpha=(0.1, 0.9), E=(-3.0, 3.0), lamb=(0.1, 2.0)),
    _law("mobility edge MAAM", "E + exp(p) - lamb*cosh(p)", _KAN, E=(-3.0, 3.0), p=_POSITIVE, lamb=(0.1, 2.0)),
    _law("neo-Hookean normal", "0.42*(F11**2 + F12**2 + F13**2 - 1) + 0.28*log(J)", _TUTORIAL, F11=_POSITIVE,
         F12=_BOTH, F13=_BOTH, J=_POSITIVE),
    _law("neo-Hookean shear", "0.42*(F11*F21 + F12*F22 + F13*F23)", _TUTORIAL, F11=_POSITIVE, F12=_BOTH, F13=_BOTH,
         F21=_BOTH, F22=_POSITIVE, F23=_BOTH),
)  # fmt: skip

"""Scaling symmetries: find `y = x^p g(x^a)`, a power law times any function of one combination of powers.

Most laws of physics have this form, with or without units to tell: what has a dimension can only stand in ratios,
and a law of three or four of them has often a single ratio. In logarithms `u = log x` it is a Kolmogorov-Arnold network
of two nodes that multiply, `exp(p . u) * g(a . u)`: its inner edges are straight lines and `g` is a spline. It trains
in a second, from several starts at once; its exponents are rational, so they are rounded and divided out, and what is
left is a function of one variable, of which `univariate` finds the formula.
"""

# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportReturnType=false
# (sympy's annotations are of Basic where its functions give Expr)

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import sympy
import torch
from torch import Tensor

from edgewise.interpret.library import Library
from edgewise.interpret.univariate import EXACT, Z, fit_univariate
from edgewise.layers import function_named
from edgewise.models import KAN
from edgewise.train import fit_many

Powers = tuple[Fraction, ...]

_STARTS, _STEPS, _GRID = 8, 60, 8
_CLOSE = 0.04
"""How far a fitted exponent may lie from a fraction."""
_FRACTIONS = sorted({Fraction(p, q) for q in (1, 2, 3) for p in range(-6, 7)})
_FOLLOWS = 1e-3
"""Share of the variance that a network may miss for its exponents to be believed."""
_GROUPS, _PREFACTORS = 2, 3
"""Ways to round that are followed: of the combination, and of the power law for each."""


@dataclass(frozen=True)
class ScalingLaw:
    """`y = x^prefactor g(x^group)`, with the exponents as fractions.

    Attributes:
        prefactor: exponents p.
        group: exponents a; all zero where the law is a pure power law.
    """

    prefactor: Powers
    group: Powers

    @property
    def cost(self) -> float:
        """How much there is to write down."""
        return sum(map(_cost, self.prefactor + self.group))


def power_law(x: Tensor, y: Tensor) -> tuple[Tensor, float, float]:
    """Least squares in logarithms: `|y| = e^c |x|^p`.

    Args:
        x: `(N, d)`, no zeros.
        y: `(N,)`; rows where it is zero are left out.

    Returns:
        p, c, and the root mean square of what is left of the logarithms.
    """
    rows = y != 0
    u = x[rows].abs().log()
    u = torch.cat([u, torch.ones_like(u[:, :1])], dim=1)
    labels = y[rows].abs().log()
    p = torch.linalg.lstsq(u, labels[:, None]).solution[:, 0]
    return p[:-1], float(p[-1]), float((u @ p - labels).square().mean().sqrt())


def monomial(symbols: list[sympy.Symbol], powers: Powers) -> sympy.Expr:
    """`x1^p1 x2^p2 ...`."""
    return sympy.Mul(*(s ** sympy.Rational(p.numerator, p.denominator) for s, p in zip(symbols, powers, strict=True)))


def power_of(x: Tensor, powers: Powers) -> Tensor:
    """The same of rows: `(N, d)` to `(N,)`; NaN for a root of a negative number."""
    return torch.stack([x[:, i] ** float(p) for i, p in enumerate(powers)]).prod(0)


def scaling_laws(x: Tensor, y: Tensor, seed: int) -> list[ScalingLaw]:
    """Fit the network from several starts, and round its exponents.

    Args:
        x: `(N, d)` positive inputs, d >= 2.
        y: `(N,)` values.
        seed: of the starts.

    Returns:
        The most readable ways to round, best first; empty where no start follows y.
    """
    scale = y.square().mean().sqrt()
    u, labels = x.log(), (y / scale)[:, None]
    start, constant, _ = power_law(x, y / scale)
    generator = torch.Generator().manual_seed(seed)
    models = [_network(start, constant, generator) for _ in range(_STARTS)]
    results = fit_many(models, (u, labels), opt="lm", steps=_STEPS)
    order = sorted(range(_STARTS), key=lambda n: results[n]["train_loss"][-1])
    spread = float(labels.var(correction=0))
    laws: list[ScalingLaw] = []
    for n in order[:2]:
        loss = results[n]["train_loss"][-1]
        if loss < _FOLLOWS * spread and loss <= 10 * results[order[0]]["train_loss"][-1]:
            laws += [law for law in _rounded(*_exponents(models[n])) if law not in laws]
    return laws


def formulas_of(
    laws: list[ScalingLaw], x: Tensor, y: Tensor, symbols: list[sympy.Symbol], library: Library
) -> list[sympy.Expr]:
    """Formulas for the one-variable function of scaling laws that describe the same data.

    Args:
        laws: ways to write it, at least one.
        x: `(N, d)` inputs.
        y: `(N,)` values.
        symbols: of the inputs.
        library: of functions.

    Returns:
        The best few, in the symbols.
    """
    ways = [(law, sign) for law in laws for sign in (1, -1)]  # f(z) and f(1/z)
    problems = [(power_of(x, law.group) ** sign, y / power_of(x, law.prefactor)) for law, sign in ways]
    formulas = []
    for one in fit_univariate(problems, library):
        law, sign = ways[one.way]
        inner = one.expression.xreplace({Z: monomial(symbols, law.group) ** sign})
        formulas.append(monomial(symbols, law.prefactor) * inner)
        if one.missing < EXACT:
            break
    return formulas


def _network(p: Tensor, constant: float, generator: torch.Generator) -> KAN:
    """`exp(p . u) * g(a . u)` with a random a."""
    d = len(p)
    model = KAN([d, 2, [0, 1]], grid=_GRID, generator=generator, dtype=torch.float64)
    a = torch.randn(d, generator=generator, dtype=torch.float64)
    line, exp = function_named("x"), function_named("exp")
    into_exp = [(i, 0, line, (1.0, 0.0, float(p[i]), constant / d, 1.0)) for i in range(d)]
    into_g = [(i, 1, line, (1.0, 0.0, float(a[i]), 0.0, 1.0)) for i in range(d)]
    model.layers[0].fix_edges(into_exp + into_g)
    model.layers[1].fix_edge(0, 0, exp)
    with torch.no_grad():
        model.layers[1].mask.copy_(torch.eye(2))
    return model


@torch.no_grad()
def _exponents(model: KAN) -> tuple[list[float], list[float]]:
    """P and a of a trained network."""
    (first, second) = (layer.symbolic for layer in model.layers)
    assert first is not None  # both were fixed
    assert second is not None
    slopes = (first.affine[:, 0] * first.affine[:, 2]).reshape(2, -1)
    return (slopes[0] * second.affine[0, 0]).tolist(), slopes[1].tolist()


def _rounded(p: list[float], a: list[float]) -> list[ScalingLaw]:
    """Fractions near the exponents: `a` is known up to a factor, `p` up to multiples of `a`."""
    largest = max(map(abs, a))
    groups = {group for unit in a if abs(unit) > 0.15 * largest and (group := _near([v / unit for v in a]))}
    groups = {_upright(group) for group in groups}
    laws = []
    for group in sorted(groups, key=_total)[:_GROUPS]:
        slope = [float(v) for v in group]
        prefactors = {
            powers
            for k, value in itertools.product(range(len(p)), _FRACTIONS)
            if slope[k] and abs(value) <= 4
            for t in [(p[k] - float(value)) / slope[k]]
            if (powers := _near([v - t * s for v, s in zip(p, slope, strict=True)]))
        }
        laws += [ScalingLaw(powers, group) for powers in sorted(prefactors, key=_total)[:_PREFACTORS]]
    return laws


def _near(values: list[float]) -> Powers | None:
    """The simplest fraction near every value, or None where one has none."""
    found = []
    for value in values:
        near = [f for f in _FRACTIONS if abs(float(f) - value) < _CLOSE]
        if not near:
            return None
        found.append(min(near, key=lambda f: (abs(float(f) - value) > _CLOSE / 4, _cost(f))))
    return tuple(found)


def _upright(powers: Powers) -> Powers:
    """The first exponent that is not zero made positive: `g` may be one of 1/z."""
    negative = next((p for p in powers if p), Fraction(1)) < 0
    return tuple(-p for p in powers) if negative else powers


def _total(powers: Powers) -> float:
    return sum(map(_cost, powers))


def _cost(power: Fraction) -> float:
    return 0.0 if power == 0 else 0.5 + abs(power.numerator) / 2 + 2 * (power.denominator - 1)


def whole_power_laws(p: Tensor, residual: float) -> Iterator[Powers]:
    """Fractions for a power law that fits by itself.

    Args:
        p: fitted exponents.
        residual: of the logarithms.
    """  # noqa: DOC402 said in the first line
    if residual < 0.5 and (powers := _near(p.tolist())):
        yield powers

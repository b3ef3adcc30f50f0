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
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import cast

import sympy
import torch
from torch import Tensor

from edgewise.interpret.library import Library
from edgewise.interpret.monomials import monomial
from edgewise.interpret.starts import best_first
from edgewise.interpret.univariate import EXACT, Z, fit_univariate
from edgewise.layers import SymbolicEdges, function_named
from edgewise.models import KAN

Powers = tuple[Fraction, ...]

_STARTS, _GRID = 8, 8
_CLOSE = 0.04
"""How far a fitted exponent may lie from a fraction."""
_FRACTIONS = sorted({Fraction(p, q) for q in (1, 2, 3) for p in range(-6, 7)})
_FOLLOWS = 1e-3
"""Share of the variance that a network may miss for its exponents to be believed."""
_FITS = 0.5
"""Largest root mean square in logarithms for a power law to be worth a look."""
_ROUGH, _ROUGH_GUESS = 0.05, 0.01
"""Largest roughness of a function of one variable, of a guessed one; of values in any order it is 1."""
_FOLLOWED, _GROUPS, _PREFACTORS, _MOST_POWER = 2, 2, 3, 4
"""Networks that are looked at, combinations of inputs that are followed, power laws for each, their largest power."""


@dataclass(frozen=True)
class ScalingLaw:
    """`y = x^prefactor g(x^group)`, with the exponents as fractions.

    Attributes:
        prefactor: exponents p.
        group: exponents a.
    """

    prefactor: Powers
    group: Powers


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
    u = torch.where(u.std(0, correction=0) < 1e-12, 0.0, u)  # a constant column is part of c: its exponent becomes 0
    u = torch.cat([u, torch.ones_like(u[:, :1])], dim=1)
    labels = y[rows].abs().log()
    p = torch.linalg.lstsq(u, labels[:, None]).solution[:, 0]
    return p[:-1], float(p[-1]), float((u @ p - labels).square().mean().sqrt())


def rounded_power_law(p: Tensor, residual: float) -> Powers | None:
    """Fractions for a power law that fits by itself.

    Args:
        p: fitted exponents.
        residual: of the logarithms.

    Returns:
        The exponents; None where the law does not fit, or an exponent is near no fraction.
    """
    return _near(p.tolist()) if residual < _FITS else None


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

    Raises:
        KeyboardInterrupt: Ctrl-C during the training.
    """
    scale = y.square().mean().sqrt()
    u, labels = x.log(), (y / scale)[:, None]
    start, constant, _ = power_law(x, y / scale)
    generator = torch.Generator().manual_seed(seed)
    models = [_network(start, constant, generator) for _ in range(_STARTS)]
    trained = best_first(models, u, labels, seed)[:_FOLLOWED]
    most = min(_FOLLOWS * float(labels.var(correction=0)), 10 * trained[0][0])
    return _laws(x, y, [_exponents(model) for loss, model in trained if loss <= most])


def guessed_laws(x: Tensor, y: Tensor) -> list[ScalingLaw]:
    """Try all small whole exponents: sees waves of many periods too, which no network on a coarse grid follows.

    Args:
        x: `(N, d)` positive inputs, d >= 2.
        y: `(N,)` values.

    Returns:
        The most readable laws along which the values are smooth, best first; none for more than five inputs.
    """
    d = x.shape[1]
    largest = next((n for n, most in ((2, 3), (1, 5)) if d <= most), None)
    if largest is None:
        return []
    every = [tuple(map(Fraction, p)) for p in itertools.product(range(-largest, largest + 1), repeat=d)]
    groups = [a for a in every if any(a) and a == _upright(a) and math.gcd(*(p.numerator for p in a)) == 1]
    ranks = {p: _ranks(y / power_of(x, p)) for p in every}
    found: dict[tuple[Powers, Powers], float] = {}
    for group in groups:
        order = power_of(x, group).argsort()
        found |= {(p, group): _steps(own, order) for p, own in ranks.items() if not any(p) or not _parallel(p, group)}
    return _readable(found, _ROUGH_GUESS)


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
    first, second = (cast("SymbolicEdges", layer.symbolic) for layer in model.layers)  # both were fixed
    slopes = (first.affine[:, 0] * first.affine[:, 2]).reshape(2, -1)
    return (slopes[0] * second.affine[0, 0]).tolist(), slopes[1].tolist()


def _laws(x: Tensor, y: Tensor, planes: Sequence[tuple[list[float], list[float]]]) -> list[ScalingLaw]:
    """Fractions for the exponents p and a, chosen so that one variable is left; the most readable first.

    A network knows p and a only up to combinations of the two: over the range of the data a power times an exponential
    is nearly another one. So their plane is taken, with the simplest vectors in it (those that spare an input, their
    sums and differences), and of every pair the roughness of `y / x^p` as a function of `x^a` is looked at.
    """  # noqa: DOC201 said in the first line
    zero = (Fraction(0),) * x.shape[1]
    found: dict[tuple[Powers, Powers], float] = {}
    for spare in ([zero, *_circuits(*plane)] for plane in planes):
        pairs = itertools.product(spare, spare, (1, -1))
        for group in {_upright(_plus(b, c, sign)) for b, c, sign in pairs} - {zero}:
            order = power_of(x, group).argsort()
            for b, q in itertools.product(spare, _FRACTIONS):
                factor = _plus(zero, b, q)
                if abs(q) <= _MOST_POWER and not _parallel(b, group) and (factor, group) not in found:
                    found[factor, group] = _roughness(y / power_of(x, factor), order)
    return _readable(found)


def _readable(found: dict[tuple[Powers, Powers], float], most: float = _ROUGH) -> list[ScalingLaw]:
    """The shortest of the smooth ones among pairs of prefactor and group with their roughness."""
    least = min(found.values(), default=math.inf)
    smooth = {law for law, rough in found.items() if rough <= min(most, 3 * least + 1e-4)}
    laws: list[ScalingLaw] = []
    for group in sorted({group for _, group in smooth}, key=_total):
        if len({law.group for law in laws}) == _GROUPS or any(_parallel(law.group, group) for law in laws):
            continue
        shifts = [t for t in _FRACTIONS if abs(t) <= _MOST_POWER]
        shifted = {_plus(factor, group, t) for factor, own in smooth if own == group for t in shifts}
        laws += [ScalingLaw(factor, group) for factor in sorted(shifted, key=_total)[:_PREFACTORS]]
    return laws


def _parallel(powers: Powers, others: Powers) -> bool:
    """Whether one is a multiple of the other, as zero is of all."""
    pairs = itertools.combinations(zip(powers, others, strict=True), 2)
    return all(a * d == b * c for (a, b), (c, d) in pairs) and any(others)


def _circuits(p: list[float], a: list[float]) -> list[Powers]:
    """The vectors in the plane of p and a that have a zero and are near fractions."""
    found = set()
    size = max(map(abs, p)) * max(map(abs, a))
    for i in range(len(p)):
        vector = [v * a[i] - s * p[i] for v, s in zip(p, a, strict=True)]
        largest = max(map(abs, vector))
        if largest < 1e-2 * size:  # p and a agree but for this input
            continue
        near = [n for unit in vector if abs(unit) > 0.2 * largest and (n := _near([v / unit for v in vector]))]
        found |= {_upright(n) for n in sorted(near, key=_total)[:1]}
    return sorted(found, key=_total)


def _roughness(w: Tensor, order: Tensor) -> float:
    """Mean squared step of the ranks of w along the order, 1 for values in any order, about 6 / N^2 along a curve."""
    if float(w.std()) <= 1e-9 * float(w.abs().mean()):
        return 0.0
    return _steps(_ranks(w), order)


def _ranks(w: Tensor) -> Tensor | None:
    """From 0 to 1; None where a value is not finite."""
    return w.argsort().argsort().double() / len(w) if bool(w.isfinite().all()) else None


def _steps(ranks: Tensor | None, order: Tensor) -> float:
    return math.inf if ranks is None else float(6 * ranks[order].diff().square().mean())


def _plus(powers: Powers, others: Powers, factor: Fraction | int) -> Powers:
    return tuple(p + factor * q for p, q in zip(powers, others, strict=True))


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

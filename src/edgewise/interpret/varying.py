"""Laws that are polynomials of all inputs but one: `y = sum_m m(others) g_m(z)`, a function of z for every monomial.

Varying-coefficient models (Hastie and Tibshirani 1993, J. R. Stat. Soc. B 55, 757-796). With splines for the `g_m` it
is one linear least-squares problem per choice of z. Monomials that are not needed leave it, a `g_m` that does not vary
becomes a number, and every other one is named.
"""

# pyright: reportArgumentType=false, reportCallIssue=false, reportReturnType=false
# (sympy's annotations are of Basic where its functions give Expr)

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sympy
import torch
from torch import Tensor

from edgewise.interpret.edge_fit import description, fit_edge
from edgewise.interpret.elimination import criterion, variation
from edgewise.interpret.expressions import edge_expression
from edgewise.interpret.factors import Divided, divided
from edgewise.interpret.library import Library
from edgewise.interpret.monomials import Monomials, exponents_up_to, monomial
from edgewise.splines import bspline_basis, uniform_knots

_DEGREE, _GRIDS, _MONOMIALS = 3, (20, 10, 5), (3, 2, 1)
"""Of the splines, numbers of their intervals, degrees of the monomials; the first that have rows enough are taken."""
_ROWS_PER_COLUMN, _MOST_TERMS, _MOST_TRIED = 3, 4, 2
"""Rows for every column, monomials of a law that is still readable, and laws that are proposed."""
_FOLLOWS = 1e-3
"""Share of the variance that the splines may miss."""
_SIGNIFICANT = 3.0
"""A monomial stays if leaving it out costs more than this many times what noise alone would gain by it."""


@dataclass(frozen=True)
class _Term:
    """A monomial of the others, and what stands before it: values at the rows, or one number."""

    exponents: tuple[int, ...]
    values: Tensor

    @property
    def is_constant(self) -> bool:
        return self.values.dim() == 0


@dataclass(frozen=True)
class _Varying:
    """The terms of one choice of z, and the Bayesian information criterion."""

    data: Divided
    place: int
    terms: list[_Term]
    criterion: float


def varying_laws(x: Tensor, y: Tensor, symbols: Sequence[sympy.Symbol], library: Library) -> Iterator[sympy.Expr]:
    """Laws with one input inside functions, and the others in monomials before them.

    Args:
        x: `(N, d)` inputs, d >= 2.
        y: `(N,)` values.
        symbols: of the inputs.
        library: functions of the one input.

    Yields:
        The best few formulas; none where the splines do not follow y.
    """
    found = [
        one
        for data in divided(x, y, symbols)
        for place in range(len(data.symbols))
        if len(data.symbols) > 1 and (one := _fitted(data, place)) is not None
    ]
    if not found:
        return
    best = min(found, key=lambda one: one.criterion)
    z, symbol = best.data.x[:, best.place], best.data.symbols[best.place]
    others = [s for n, s in enumerate(best.data.symbols) if n != best.place]
    monomials = [monomial(others, term.exponents) for term in best.terms]
    before = [_named(term, z, symbol, library) for term in best.terms]
    for chosen in sorted(itertools.product(*before), key=lambda one: sum(cost for cost, _ in one))[:_MOST_TRIED]:
        products = [m * factor for m, (_, factor) in zip(monomials, chosen, strict=True)]
        yield best.data.factor * sympy.Add(*products)


def _fitted(data: Divided, place: int) -> _Varying | None:
    """The terms that are needed where one of the inputs is z."""
    z, rows = data.x[:, place], len(data.y)
    others = data.x[:, [n for n in range(data.x.shape[1]) if n != place]]
    sizes = [
        (degree, grid)
        for degree, grid in itertools.product(_MONOMIALS, _GRIDS)
        if _ROWS_PER_COLUMN * math.comb(others.shape[1] + degree, degree) * (grid + _DEGREE) <= rows
    ]
    if not sizes:
        return None
    degree, grid = sizes[0]
    knots = uniform_knots(z.min()[None], z.max()[None], grid, _DEGREE)
    basis = bspline_basis(z[:, None], knots, _DEGREE, outside="linear")[:, 0]
    monomials = Monomials(others, exponents_up_to(others.shape[1], degree))
    weighted, y = monomials.columns * data.scale[:, None], data.y * data.scale
    kept = _needed(weighted, basis, y)
    if not kept or len(kept) > _MOST_TERMS:
        return None
    blocks = [weighted[:, [n]] * (basis if varies else 1) for n, varies in kept.items()]
    A = torch.cat(blocks, dim=1)
    c = torch.linalg.lstsq(A, y[:, None], driver="gelsd").solution[:, 0]
    missing = float((y - A @ c).square().sum()) / max(variation(y), 1e-300)
    if not missing < _FOLLOWS:
        return None
    parts = zip(kept.items(), c.split([block.shape[1] for block in blocks]), strict=True)
    terms = [
        _Term(monomials.exponents[n], (basis @ part if varies else part[0]) / monomials.sizes[n])
        for (n, varies), part in parts
    ]
    return _Varying(data, place, terms, criterion(rows, missing, len(c)))


def _needed(weighted: Tensor, basis: Tensor, y: Tensor) -> dict[int, bool]:
    """Monomials that are needed beside all others, and whether what stands before them must vary.

    Each is a hypothesis on coefficients, which the Wald statistic measures: that they are zero, that they are equal
    (B-splines add up to one).
    """  # noqa: DOC201 said in the first line
    size, rows = basis.shape[1], len(y)
    A = (weighted[:, :, None] * basis[:, None, :]).flatten(1)
    length = A.norm(dim=0).clamp_min(1e-300)
    inverse = torch.linalg.pinv(A / length)
    c = inverse @ y
    left = max(float((y - (A / length) @ c).square().sum()), 1e-26 * float(y.square().sum()))
    c, inverse = c / length, inverse / length[:, None]
    variance = left / max(rows - len(c), 1)
    differences = torch.eye(size, dtype=c.dtype).diff(dim=0)
    kept = {}
    for n in range(weighted.shape[1]):
        own = slice(n * size, (n + 1) * size)
        if _wald(c[own], inverse[own]) > _SIGNIFICANT * size * variance:
            steps = _wald(differences @ c[own], differences @ inverse[own])
            kept[n] = steps > _SIGNIFICANT * (size - 1) * variance
    return kept


def _wald(c: Tensor, inverse: Tensor) -> float:
    """`c' (inverse inverse')^+ c`."""
    return float(torch.linalg.lstsq(inverse, c[:, None], driver="gelsd").solution.square().sum())


def _named(term: _Term, z: Tensor, symbol: sympy.Symbol, library: Library) -> list[tuple[float, sympy.Expr]]:
    """What stands before a monomial, as formulas with their cost: a number, or one of two functions."""
    if term.is_constant:
        return [(0.0, sympy.Float(float(term.values), 17))]
    fits = fit_edge(z, term.values, list(library), 4)
    priced = sorted(((description(fit.missing, fit.cost), fit) for fit in fits), key=lambda one: one[0])[:2]
    return [(cost, edge_expression(fit.function.formula, fit.numbers, symbol)) for cost, fit in priced]

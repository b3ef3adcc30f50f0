"""Laws that are quotients of polynomials: `p(x) - y q(x)` vanishes, so the numbers of p and q are a null vector.

Noise hides it, and so does single precision.
"""

# pyright: reportArgumentType=false, reportCallIssue=false, reportReturnType=false
# (sympy's annotations are of Basic where its functions give Expr)

from __future__ import annotations

from collections.abc import Sequence

import sympy
import torch
from torch import Tensor

from edgewise.interpret.evaluation import evaluate
from edgewise.interpret.factors import divided
from edgewise.interpret.monomials import Monomials, exponents_up_to

_NULL, _GAP = 1e-11, 1e-8
"""Singular values, in shares of the largest, of a null vector and of everything else."""
_DEGREES = ((1, 1), (2, 1), (1, 2), (2, 2), (3, 2), (3, 3))
"""Degrees above and below."""
_MOST_COLUMNS, _ROWS_PER_COLUMN = 120, 4


def quotients(x: Tensor, y: Tensor, symbols: Sequence[sympy.Symbol]) -> list[sympy.Expr]:
    """A quotient of polynomials that is y, its negative or its square, perhaps under a factor.

    Args:
        x: `(N, d)` inputs.
        y: `(N,)` values, in double precision and without noise.
        symbols: of the inputs.

    Returns:
        One that is right to the last digits, or none.
    """
    for data in divided(x, y, symbols):
        sign = 1 if float(data.y.sum()) > 0 else -1
        found = _quotient(data.x, sign * data.y, data.symbols)
        if found is not None:
            return [sign * data.factor * found[0] / found[1]]
        if bool((sign * data.y > 0).all()):
            found = _quotient(data.x, data.y.square(), data.symbols)
            if found is not None:
                return [sign * data.factor * _root(*found, data.x, data.symbols)]
    return []


def _root(p: sympy.Expr, q: sympy.Expr, x: Tensor, symbols: Sequence[sympy.Symbol]) -> sympy.Expr:
    """The root of p/q, with the roots of squares of positive inputs drawn."""
    values = dict(zip(symbols, x.unbind(1), strict=True))
    if not bool((evaluate(q, values, {}) > 0).all()):  # both change their sign
        return sympy.sqrt(p / q)
    letters = {s: sympy.Dummy(s.name, positive=True) for n, s in enumerate(symbols) if bool((x[:, n] > 0).all())}
    roots = sympy.sqrt(p.xreplace(letters)) / sympy.sqrt(q.xreplace(letters))
    return roots.xreplace({letter: s for s, letter in letters.items()})


def _quotient(x: Tensor, w: Tensor, symbols: Sequence[sympy.Symbol]) -> tuple[sympy.Expr, sympy.Expr] | None:
    """Numerator and denominator, of the lowest degrees, that are w exactly; None if there are none."""
    size = w.abs().mean()
    for above, below in _DEGREES:
        top, bottom = (exponents_up_to(x.shape[1], degree) for degree in (above, below))
        if len(top) + len(bottom) > min(_MOST_COLUMNS, len(x) // _ROWS_PER_COLUMN):
            return None
        p, q = Monomials(x, top), Monomials(x, bottom)
        numbers = _null_vector(torch.cat([p.columns, -(w / size)[:, None] * q.columns], dim=1))
        if numbers is None or not bool(numbers[len(top) :].any()):
            continue
        whole = numbers[len(top) :] / q.sizes
        numbers = numbers / whole[whole != 0][0].abs()  # the lowest term below is one
        numbers = numbers * (q.columns @ numbers[len(top) :]).sum().sign()
        above = p.expression(numbers[: len(top)] * float(size), symbols)
        return above, q.expression(numbers[len(top) :], symbols)
    return None


def _null_vector(columns: Tensor) -> Tensor | None:
    """The numbers that make the columns vanish, if there is one such vector."""
    length = columns.norm(dim=0).clamp_min(1e-300)
    columns = columns / length
    _, values, rows = torch.linalg.svd(columns, full_matrices=False)
    if not (values[-1] < _NULL * values[0] and values[-2] > _GAP * values[0]):
        return None
    vector = rows[-1]
    kept = (vector.abs() > 1e-7 * vector.abs().max()).nonzero()[:, 0]
    _, values, rows = torch.linalg.svd(columns[:, kept], full_matrices=False)  # once more without what is zero
    if not values[-1] < _NULL * values[0]:
        return None
    found = torch.zeros_like(vector)
    found[kept] = rows[-1] / length[kept]
    return found

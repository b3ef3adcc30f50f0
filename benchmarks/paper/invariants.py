"""Functions that satisfy a linear condition on their derivatives, all of them at once.

A layer of splines is linear in its coefficients, so a conserved quantity `f . grad H = 0`, or a Lagrangian, is a vector
that a matrix takes to zero. Minimizing from random seeds finds a combination of the solutions per run, or a
constant; an eigenvalue problem finds every solution, and how many there are.

The network is a `[inputs, directions, 1]` KAN: the first layer holds straight lines, sums and differences of inputs,
with which products are differences of squares, `4xy = (x + y)^2 - (x - y)^2`; the second one splines.
"""

from __future__ import annotations

from itertools import combinations, combinations_with_replacement
from typing import NamedTuple

import sympy
import torch
from torch import Tensor

from edgewise.splines import bspline_basis, uniform_knots

# Coefficient vectors whose function varies less than this, beside the one that varies most, are constants.
_CONSTANT = 1e-10


class Solutions(NamedTuple):
    """Functions in order of their residual.

    Attributes:
        residuals: `(M,)` root mean square of the condition over that of the gradient, scale-free.
        coefficients: `(P, M)` of the basis.
    """

    residuals: Tensor
    coefficients: Tensor


def directions(inputs: int, *, pairs: bool) -> Tensor:
    """`(inputs, D)` weights of the first layer: every input, and with `pairs` every sum and difference of two."""
    unit = torch.eye(inputs, dtype=torch.float64)
    both = [unit[i] + sign * unit[j] for i, j in combinations(range(inputs), 2) for sign in (1, -1)] if pairs else []
    return torch.stack([*unit, *both], dim=1)


def spline_derivative(u: Tensor, order: int, grid: int, degree: int, reach: float) -> Tensor:
    """`(N, D, S)` derivatives of all basis functions on `[-reach, reach]` at the `(N, D)` nodes."""
    ends = torch.full((u.shape[1],), reach, dtype=u.dtype)
    return bspline_basis(u, uniform_knots(-ends, ends, grid, degree), degree, order)


def solve(condition: Tensor, gradient: Tensor) -> Solutions:
    """Minimize `|condition c|^2` beside `|gradient c|^2`.

    Args:
        condition: `(N, P)`: the condition at every row, for every coefficient.
        gradient: `(N', P)`: what the size of a function is measured by; constants are where it vanishes.

    Returns:
        The solutions without the constants.
    """
    _, size, basis = torch.linalg.svd(gradient / len(gradient) ** 0.5, full_matrices=False)
    kept = size > _CONSTANT * size[0]
    basis = basis[kept].mT / size[kept]  # of unit size, none of them constant
    _, residuals, vectors = torch.linalg.svd(condition @ basis / len(condition) ** 0.5, full_matrices=False)
    return Solutions(residuals.flip(0), (basis @ vectors.mT).flip(1))


def read_polynomials(x: Tensor, values: Tensor, symbols: list[sympy.Symbol], degree: int = 2) -> list[sympy.Expr]:
    """The simplest polynomials that span the `(N, M)` values, up to constants; empty where they are no polynomials."""
    powers = [p for n in range(1, degree + 1) for p in combinations_with_replacement(range(x.shape[1]), n)]
    powers.sort(key=lambda p: (-len(p), len(set(p))))  # squares lead, so that each row of the echelon form has its own
    design = torch.stack([x[:, list(p)].prod(1) for p in powers], dim=1)
    design, values = design - design.mean(0), values - values.mean(0)
    found = torch.linalg.lstsq(design, values).solution
    if float((design @ found - values).norm()) > 1e-6 * float(values.norm()):
        return []
    rows = _echelon(found.mT.clone())
    terms = [sympy.Mul(*(symbols[n] for n in p)) for p in powers]
    return [sympy.Add(*(_number(c) * t for c, t in zip(row, terms, strict=True))) for row in rows.tolist()]


def _echelon(rows: Tensor) -> Tensor:
    """Reduced row echelon form, with the largest entry of a column as pivot."""
    done = 0
    for column in range(rows.shape[1]):
        pivot = done + int(rows[done:, column].abs().argmax()) if done < len(rows) else -1
        if pivot < 0 or float(rows[pivot, column].abs()) < 1e-6 * float(rows[done:].abs().max()):
            continue
        rows[[done, pivot]] = rows[[pivot, done]]
        rows[done] = rows[done] / rows[done, column].clone()
        others = [n for n in range(len(rows)) if n != done]
        rows[others] = rows[others] - rows[others, column, None] * rows[done]
        done += 1
    return rows[:done]


def _number(value: float) -> sympy.Rational | sympy.Float | sympy.Integer:
    """A small fraction where there is one to six digits."""
    near = sympy.Rational(value).limit_denominator(12)
    return near if abs(float(near) - value) < 1e-6 else sympy.Float(value, 8)

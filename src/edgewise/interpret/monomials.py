"""Products of powers of the inputs as columns of a linear least-squares problem."""

# pyright: reportArgumentType=false, reportReturnType=false
# (sympy's annotations are of Basic where its functions give Expr)

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction

import sympy
import torch
from torch import Tensor

Exponents = tuple[int, ...]


def exponents_up_to(inputs: int, degree: int) -> list[Exponents]:
    """Of all monomials, by degree, the constant first.

    Args:
        inputs: number of variables.
        degree: largest total degree.

    Returns:
        An exponent for every variable, per monomial.
    """
    chosen = (c for total in range(degree + 1) for c in itertools.combinations_with_replacement(range(inputs), total))
    return [tuple(c.count(i) for i in range(inputs)) for c in chosen]


def monomial(symbols: Sequence[sympy.Symbol], powers: Sequence[int | Fraction]) -> sympy.Expr:
    """`x1^p1 x2^p2 ...`."""
    return sympy.Mul(*(s ** sympy.Rational(p.numerator, p.denominator) for s, p in zip(symbols, powers, strict=True)))


class Monomials:
    """Monomials at given rows, of inputs in shares of their largest size.

    Args:
        x: `(N, d)` inputs.
        exponents: of the monomials, by degree.

    Attributes:
        columns: `(N, len(exponents))` values.
    """

    def __init__(self, x: Tensor, exponents: Sequence[Exponents]) -> None:
        self.exponents = list(exponents)
        self.lengths = x.abs().amax(0).clamp_min(1e-300)
        self.columns = _values(x / self.lengths, self.exponents)

    def expression(self, numbers: Tensor, symbols: Sequence[sympy.Symbol]) -> sympy.Expr:
        """The sum of the monomials times numbers, in the inputs themselves.

        Args:
            numbers: one per column; zeros are left out.
            symbols: of the inputs.

        Returns:
            A polynomial.
        """
        numbers = numbers / self.sizes
        terms = zip(numbers.tolist(), self.exponents, strict=True)
        return sympy.Add(*(sympy.Float(number, 17) * monomial(symbols, e) for number, e in terms if number))

    @property
    def sizes(self) -> Tensor:
        """What a number of a column is divided by to be one of the inputs themselves."""
        return _values(self.lengths[None], self.exponents)[0]


def _values(x: Tensor, exponents: Sequence[Exponents]) -> Tensor:
    columns: dict[Exponents, Tensor] = {}
    for e in exponents:  # by degree: each is a lower one times an input
        last = max((i for i, power in enumerate(e) if power), default=None)
        if last is None:
            columns[e] = x.new_ones(len(x))
        else:
            lower = tuple(power - (i == last) for i, power in enumerate(e))
            columns[e] = columns[lower] * x[:, last]
    return torch.stack([columns[e] for e in exponents], dim=1)

"""Powers of single inputs that may be factors of a law: `y = x_i^p h(the others)`.

If `x_i` does not depend on the other inputs, the slope of `log |y|` in `log |x_i|` estimates p without knowing h. It is
close to a half or a whole, and so every set of such inputs is worth a look: with all the right ones divided out, h has
fewer inputs, and whether it was right shows when h is found.
"""

# pyright: reportArgumentType=false, reportReturnType=false
# (sympy's annotations are of Basic where its functions give Expr)

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import sympy
import torch
from torch import Tensor

from edgewise.interpret.monomials import monomial
from edgewise.interpret.scaling import power_law, power_of

_CLOSE, _MOST, _LARGEST = 0.2, 4, 4
"""How far a slope may lie from its fraction, how many inputs are divided out at most, the largest power."""


@dataclass(frozen=True)
class Divided:
    """Data with a factor taken out.

    Attributes:
        factor: what y was divided by, of the symbols.
        symbols: of the inputs that are left.
        x: `(N, len(symbols))`.
        y: `(N,)` values over the factor.
        scale: `(N,)` the factor.
    """

    factor: sympy.Expr
    symbols: list[sympy.Symbol]
    x: Tensor
    y: Tensor
    scale: Tensor


def divided(x: Tensor, y: Tensor, symbols: Sequence[sympy.Symbol]) -> Iterator[Divided]:
    """The data as they are, then with every set of likely factors taken out.

    Args:
        x: `(N, d)` inputs.
        y: `(N,)` values.
        symbols: of the inputs.

    Yields:
        The data as they are, then divided by sets of many factors, then by sets of few, which leave more to find; never
        with inputs that are constant.
    """
    varies = [i for i in range(x.shape[1]) if bool(x[:, i].min() < x[:, i].max())]
    x, symbols = x[:, varies], [symbols[i] for i in varies]
    yield Divided(sympy.Integer(1), symbols, x, y, torch.ones_like(y))
    likely = _likely(x, y)
    for count in range(min(len(likely), len(symbols) - 1), 0, -1):
        for chosen in itertools.combinations(likely, count):
            powers = tuple(likely[i] if i in chosen else Fraction(0) for i in range(len(symbols)))
            scale, left = power_of(x, powers), [i for i in range(len(symbols)) if i not in chosen]
            values = y / scale
            if bool(scale.isfinite().all() & values.isfinite().all()):
                yield Divided(monomial(symbols, powers), [symbols[i] for i in left], x[:, left], values, scale)


def _likely(x: Tensor, y: Tensor) -> dict[int, Fraction]:
    """The power of every input that may be a factor, the clearest first."""
    usable = [i for i in range(x.shape[1]) if bool((x[:, i] != 0).all())]
    if not usable or not bool(y.any()):
        return {}
    found = []
    for i, slope in zip(usable, power_law(x[:, usable], y)[0].tolist(), strict=True):
        unit = 2 if bool((x[:, i] > 0).all()) else 1  # roots of positive inputs only
        power = Fraction(round(slope * unit), unit)
        if power and abs(power) <= _LARGEST and abs(float(power) - slope) < _CLOSE:
            found.append((abs(float(power) - slope) + 0.1 * (power.denominator - 1), i, power))
    return {i: power for _, i, power in sorted(found)[:_MOST]}

"""B-spline basis functions by the Cox-de Boor recursion, literally, in exact rational arithmetic.

Each function is kept as one polynomial per cell, so a derivative is the polynomial's derivative and owes
nothing to the two-term rule for B-splines. Source: de Boor (1972), J. Approx. Theory 6, eq. (1.3)-(1.4).
"""

from fractions import Fraction

Polynomial = list[Fraction]  # coefficients, constant first


def basis_pieces(knots: list[float], degree: int, cell: int) -> list[Polynomial]:
    """Every basis function on `[knots[cell], knots[cell+1])`, as polynomials in x."""
    t = [Fraction(knot) for knot in knots]
    pieces = [[Fraction(int(i == cell))] for i in range(len(t) - 1)]
    for p in range(1, degree + 1):
        pieces = [
            _add(
                _times_line(pieces[i], -t[i] / (t[i + p] - t[i]), 1 / (t[i + p] - t[i])),
                _times_line(pieces[i + 1], t[i + p + 1] / (t[i + p + 1] - t[i + 1]), -1 / (t[i + p + 1] - t[i + 1])),
            )
            for i in range(len(pieces) - 1)
        ]
    return pieces


def basis_values(x: float, knots: list[float], degree: int, order: int = 0) -> list[float]:
    """The `order`-th derivative of every basis function at `x`, right-continuous, 0 outside the knots."""
    inside = [c for c in range(len(knots) - 1) if knots[c] <= x < knots[c + 1]]
    if not inside:
        return [0.0] * (len(knots) - degree - 1)
    values = []
    for piece in basis_pieces(knots, degree, inside[0]):
        for _ in range(order):
            piece = [n * c for n, c in enumerate(piece)][1:]
        values.append(float(sum((c * Fraction(x) ** n for n, c in enumerate(piece)), Fraction(0))))
    return values


def _times_line(p: Polynomial, a: Fraction, b: Fraction) -> Polynomial:
    """`p(x) (a + b x)`."""
    return _add([a * c for c in p], [Fraction(0)] + [b * c for c in p])


def _add(p: Polynomial, q: Polynomial) -> Polynomial:
    size = max(len(p), len(q))
    p, q = (r + [Fraction(0)] * (size - len(r)) for r in (p, q))
    return [a + b for a, b in zip(p, q, strict=True)]

"""How far the vectors of a Lanczos iteration have drifted from being orthogonal, without looking at them.

Rounding makes a new vector not quite orthogonal to the old ones, and the three-term recurrence carries the errors on
as it carries the vectors, so that their inner products obey a recurrence of their own. As long as all are below the
root of the rounding error, `T` is the projection of `A` to within the rounding error itself: orthogonalizing only when
they reach it, and only against those that did, gives the same quadrature for a part of the work.

Products may be noisier than their numbers are precise: a loss far below the numbers that it is made of, a model in
half precision. How far they are from those of a symmetric matrix tells.

Source: Simon (1984), The Lanczos algorithm with partial reorthogonalization, Math. Comp. 42; Larsen (1998), Lanczos
bidiagonalization with partial reorthogonalization, DAIMI PB-357, for the sign of the rounding term.
"""

import math

import numpy as np

_FRESH = 4.0
"""What an orthogonalization leaves, and a step of the recurrence adds, in rounding errors. With fewer, spectra of many
decades drift past the bound."""

_NONE = slice(0, 0)


class Drift:
    """Bounds for the inner products of the newest vector with all others.

    Args:
        eps: rounding of the vectors.
    """

    def __init__(self, eps: float) -> None:
        self._eps, self._fresh = eps, _FRESH * eps
        self._older, self._newest = np.zeros(0), np.ones(1)
        self._again, self._size = _NONE, 0.0

    def noise(self, gap: float) -> None:
        """Learn how noisy the products are: `step` comes next.

        Args:
            gap: how far an inner product of the newest one is from what symmetry says. The drift has its part in it.
        """
        drift = 2 * self._size * float(np.abs(self._newest[:-1]).max())
        self._fresh = max(self._fresh, _FRESH * (gap - drift) / max(self._size, np.finfo(float).tiny))

    def step(self, diagonal: list[float], beside: list[float], alpha: float, beta: float) -> slice:
        """Go on to the next vector.

        Args:
            diagonal: of `T` so far, without `alpha`.
            beside: off the diagonal of `T` so far, without `beta`.
            alpha: the new entry on the diagonal.
            beta: length of the next vector before it is made a unit vector.

        Returns:
            The vectors that it must be orthogonalized against; mostly none. Two neighbours are, one after the other,
            since the recurrence would bring the errors of one back into the next.
        """
        found = self._carried(np.asarray(diagonal), np.asarray(beside), alpha, beta)
        self._older, self._newest = self._newest, found
        part, self._again = self._again, _NONE
        bounds, limit = np.abs(found[:-1]), math.sqrt(self._eps / (len(found) - 1))
        if bounds.max() > limit:
            far = np.flatnonzero(bounds > min(limit, self._eps**0.75))
            part = self._again = _both(part, slice(int(far[0]), int(far[-1]) + 1))
        found[part] = self._fresh
        return part

    def _carried(self, diagonal: np.ndarray, beside: np.ndarray, alpha: float, beta: float) -> np.ndarray:
        """The recurrence: inner products of the vector after the newest with all others, itself the last."""
        k = len(diagonal)
        self._size = max(self._size, abs(alpha), beta)  # of the matrix, whose rounding is in the product
        beta = max(beta, self._eps * self._size, np.finfo(float).tiny)  # shorter ones are none: the space is complete
        found, rounding = np.ones(k + 2), self._fresh * self._size
        found[k] = rounding / beta
        if k:
            carried = (diagonal - alpha) * self._newest[:k] + beside * self._newest[1:] - beside[-1] * self._older
            carried[1:] += beside[:-1] * self._newest[: k - 1]
            found[:k] = (carried + np.copysign(rounding, carried)) / beta
        return found


def _both(one: slice, other: slice) -> slice:
    """The shortest slice with two others in it, the first of which may be empty."""
    return slice(min(one.start, other.start), max(one.stop, other.stop)) if one.stop else other

"""Lanczos iteration: a small tridiagonal matrix with the outer eigenvalues of a large symmetric one.

Every new vector is orthogonalized against all others, twice where it shrinks. Without that, rounding brings converged
eigenvectors back and each eigenvalue appears several times; once is not enough where the loss is nearly flat. That
costs memory for the basis, which is small beside what it saves. Who needs `T` only, and no vectors, may have it for a
part of that work (`semi`).

Source: Parlett (1998), The Symmetric Eigenvalue Problem, chapter 13.
"""

import math

import torch
from scipy.linalg import eigh_tridiagonal
from torch import Tensor

from edgewise.errors import ConvergenceError, DomainError, ParameterError
from edgewise.optim.objective import Product
from edgewise.optim.semiorthogonal import Drift

_BREAKDOWN = 100.0
"""A new direction shorter than this many roundings of the matrix is none."""


_FIRST_ROWS = 65
"""Memory for more vectors than these comes when they do: the space may be complete before."""

_ENOUGH = 0.7
"""A vector that keeps this part of its length through an orthogonalization had little to lose: its rounding errors are
gone with it. Otherwise it needs another (Daniel, Gragg, Kaufman and Stewart 1976)."""


class Lanczos:
    """An orthonormal basis `Q` of the Krylov space of a symmetric matrix `A`, with `T = Q' A Q` tridiagonal.

    Args:
        product: `v -> A v`.
        start: `(n,)` first direction; not zero.
        semi: keep the basis orthogonal to the root of the rounding error only, which is enough for `T`; what is made
            of the basis (`basis`, `vector`) is then no more accurate than that.
        steps: products that are expected; memory for so many vectors, up to 64, is there from the start.

    Attributes:
        diagonal: of `T`, one number per product.
        beside: off the diagonal of `T`; its last entry couples the basis to the next vector.
        exhausted: whether the Krylov space is complete: `A` maps it into itself.

    Raises:
        DomainError: `start` is zero or not finite.
    """

    def __init__(self, product: Product, start: Tensor, semi: bool = False, steps: int = 15) -> None:
        start = start.detach()
        length = float(start.norm())
        if not 0 < length < math.inf:
            raise DomainError(f"The start of a Lanczos iteration must be finite and not zero; its norm is {length}.")
        self._product, self._size = product, 0.0
        self._rows = start.new_empty(min(steps + 1, _FIRST_ROWS, len(start)), len(start))  # one basis vector per row
        torch.div(start, length, out=self._rows[0])
        self.diagonal: list[float] = []
        self.beside: list[float] = []
        self.exhausted = False
        self._drift = Drift(torch.finfo(start.dtype).eps) if semi else None

    @property
    def basis(self) -> Tensor:
        """`(k, n)` one basis vector per row, one row per product."""
        return self._rows[: len(self.diagonal)]

    def extend(self, steps: int = 1) -> None:
        """Enlarge the space; stops when it is complete.

        Args:
            steps: number of products.

        Raises:
            ConvergenceError: a product is not finite.
        """
        for _ in range(steps):
            if self.exhausted:
                return
            self.absorb(self._product(self.next_vector))

    @property
    def next_vector(self) -> Tensor:
        """`(n,)` the vector whose product `absorb` waits for."""
        return self._rows[len(self.diagonal)]

    def absorb(self, product: Tensor) -> None:
        """Enlarge the space by one product. `extend` calls this; who multiplies several vectors at once does, too.

        Args:
            product: `(n,)` the matrix times `next_vector`.

        Raises:
            ConvergenceError: it is not finite.
        """
        product, k, n = product.detach(), len(self.diagonal), self._rows.shape[1]
        basis = self._rows[: k + 1]
        w, alpha = product, float(product @ basis[k])
        if not math.isfinite(alpha):
            raise ConvergenceError(
                "A product with the Hessian is not finite although the loss is: a second derivative overflows, as of "
                "`sqrt` or `abs` at 0. Use a smooth loss, or a method that needs gradients only."
            )
        w = torch.add(w, basis[k], alpha=-alpha)
        if k:
            w.sub_(basis[k - 1], alpha=self.beside[-1])
        beta, part = float(w.norm()), slice(0, k + 1)
        if self._drift:
            if k:  # of a symmetric matrix the product has this part of the vector before
                self._drift.noise(abs(float(product @ basis[k - 1]) - self.beside[-1]))
            part = self._drift.step(self.diagonal, self.beside, alpha, beta)
        if part.stop:
            before = beta
            w, beta = _orthogonal(w, basis[part], beta)
            if beta < _ENOUGH * before and part.stop - part.start <= k:  # the others matter more to what is left
                w, beta = _orthogonal(w, basis, beta)
        self._size = max(self._size, abs(alpha), beta)
        noise = _BREAKDOWN * torch.finfo(w.dtype).eps * math.sqrt(n) * self._size
        self.exhausted = k + 1 == n or beta <= noise
        self.diagonal.append(alpha)
        self.beside.append(0.0 if self.exhausted else beta)
        if not self.exhausted:
            if k + 1 == len(self._rows):
                self._rows = torch.cat([self._rows, self._rows.new_empty(min(k + 1, n - k - 1), n)])
            torch.div(w, beta, out=self._rows[k + 1])

    def eigenpairs(self) -> tuple[Tensor, Tensor]:
        """Eigenpairs of `T`: the Ritz pairs of `A` once the vectors are multiplied by the basis.

        Returns:
            `(k,)` ascending values and `(k, k)` unit vectors in columns, float64 on the CPU.
        """
        values, vectors = eigh_tridiagonal(self.diagonal, self.beside[:-1])
        return torch.from_numpy(values), torch.from_numpy(vectors)

    def ritz(self) -> tuple[Tensor, Tensor]:
        """How good the eigenvalues are.

        Returns:
            `(k,)` ascending Ritz values and `(k,)` residuals `|A u - value u|` of their unit vectors `u`.
        """
        values, vectors = self.eigenpairs()
        return values, self.beside[-1] * vectors[-1].abs()

    def leftmost(self) -> tuple[float, Tensor, float]:
        """The smallest Ritz pair.

        Returns:
            The value, its `(k,)` coordinates in the basis, and `|A u - value u|` of the unit vector `u`.
        """
        first = (0, 0)
        values, vectors = eigh_tridiagonal(self.diagonal, self.beside[:-1], select="i", select_range=first)
        return float(values[0]), torch.from_numpy(vectors[:, 0]), self.beside[-1] * abs(float(vectors[-1, 0]))

    def vector(self, coordinates: Tensor) -> Tensor:
        """A vector of the space.

        Args:
            coordinates: `(k,)` in the basis.

        Returns:
            `(n,)` the vector.
        """
        return self.basis.mT @ coordinates.to(self.basis)

    def rounding(self) -> float:
        """How far a residual can be trusted: eps times the size of `A` as far as it was seen."""
        return torch.finfo(self._rows.dtype).eps * self._size


def _orthogonal(w: Tensor, basis: Tensor, length: float) -> tuple[Tensor, float]:
    """`(n,)` what is left of a vector beside a basis, and its length."""
    for _ in range(2):
        w = torch.addmv(w, basis.mT, basis @ w, alpha=-1)
        before, length = length, float(w.norm())
        if length > _ENOUGH * before:
            break
    return w, length


def seeded(seed: int, generator: torch.Generator | None) -> torch.Generator:
    """The generator to draw from.

    Args:
        seed: of a new generator.
        generator: taken instead, if there is one.

    Returns:
        A generator on the CPU.

    Raises:
        ParameterError: `seed` is not an int.
    """
    if generator is not None:
        return generator
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise ParameterError(f"`seed` must be an int; got {seed!r}.")
    return torch.Generator().manual_seed(seed)


def random_unit(like: Tensor, generator: torch.Generator) -> Tensor:
    """Draw a direction.

    Args:
        like: `(n,)` gives size, dtype and device.
        generator: on the CPU, so that a seed means the same on every device.

    Returns:
        `(n,)` of length 1.
    """
    drawn = torch.randn(len(like), generator=generator, dtype=torch.float64)
    return (drawn / drawn.norm()).to(like)

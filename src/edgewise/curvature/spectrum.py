"""The density of eigenvalues by stochastic Lanczos quadrature.

For a random unit vector v the eigenvalues, weighted by the squares of their shares in v, are a distribution whose mean
over v is the spectrum. `m` steps of Lanczos give its Gauss quadrature: `m` nodes and weights with its first `2 m`
moments. Nothing here has a unit: a matrix times 1e-8 has the same picture.

Sources: Golub and Welsch (1969), Calculation of Gauss quadrature rules, Math. Comp. 23; Lin, Saad and Yang (2016),
Approximating spectral densities of large matrices, SIAM Review 58.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from edgewise.curvature.estimates import random_signs
from edgewise.curvature.operator import SymmetricOperator, as_operator
from edgewise.errors import ParameterError
from edgewise.optim.lanczos import Lanczos, seeded

_WIDTH = 0.01
"""Default width of the smoothing, over the range of the spectrum."""

_ZERO = 1e-3
"""What counts as zero by default, over the largest absolute eigenvalue: about what 64 steps tell apart."""


@dataclass
class Density:
    """How the eigenvalues of a symmetric matrix are distributed, as nodes with weights.

    Attributes:
        nodes: `(N,)` ascending, float64 on the CPU.
        weights: `(N,)` shares of the eigenvalues; they sum to 1.
        probe: `(N,)` which random vector a node belongs to.
    """

    nodes: Tensor
    weights: Tensor
    probe: Tensor

    @classmethod
    def of_rules(cls, rules: Sequence[tuple[Tensor, Tensor]]) -> Density:
        """Gather the quadrature rules of several random vectors.

        Args:
            rules: nodes and weights of each; every vector counts the same.

        Returns:
            The density.
        """
        nodes = torch.cat([values for values, _ in rules])
        weights = torch.cat([weights for _, weights in rules]) / len(rules)
        probe = torch.cat([torch.full((len(values),), number) for number, (values, _) in enumerate(rules)])
        order = nodes.argsort()
        return cls(nodes[order], weights[order], probe[order])

    @property
    def size(self) -> float:
        """The largest absolute node."""
        return float(self.nodes.abs().max())

    def zero_mass(self, tol: float = _ZERO) -> float:
        """The share of eigenvalues that are zero.

        Args:
            tol: what counts as zero, over the largest absolute eigenvalue.

        Returns:
            A number from 0 to 1. A smaller `tol` asks for more steps: eigenvalues of networks crowd towards zero, and
            nodes that have not settled there yet lie a little beside it. With n steps nothing is left open.
        """
        return float(self.weights[self.nodes.abs() <= tol * self.size].sum())

    def moment(self, p: int) -> float:
        """The mean of `eigenvalue^p`; the trace is n times the first.

        Args:
            p: at most twice the steps minus one for the exact moment of the random vectors.

        Returns:
            The moment.
        """
        return float((self.weights * self.nodes**p).sum())

    def cdf(self, at: Tensor) -> Tensor:
        """The share of eigenvalues up to given values.

        Args:
            at: `(G,)` values.

        Returns:
            `(G,)` from 0 to 1.
        """
        below = torch.searchsorted(self.nodes, at.to(self.nodes), right=True)
        return torch.cat([torch.zeros(1, dtype=torch.float64), self.weights.cumsum(0)])[below]

    def grid(self, points: int = 512, sigma: float | None = None) -> Tensor:
        """Values for a picture.

        Args:
            points: how many.
            sigma: width of the smoothing, see `pdf`.

        Returns:
            `(points,)` from four widths below the spectrum to four above.
        """
        margin = 4 * self._sigma(sigma)
        return torch.linspace(
            float(self.nodes[0]) - margin, float(self.nodes[-1]) + margin, points, dtype=torch.float64
        )

    def pdf(self, at: Tensor, sigma: float | None = None) -> Tensor:
        """The density, smoothed by a Gaussian.

        Args:
            at: `(G,)` values, as of `grid`.
            sigma: standard deviation of the Gaussian; a hundredth of the range of the spectrum when absent.

        Returns:
            `(G,)` density per unit of eigenvalue; its integral is 1.

        Raises:
            ParameterError: `sigma` is not positive.
        """
        width = self._sigma(sigma)
        bells = torch.exp(-0.5 * ((at.to(self.nodes)[:, None] - self.nodes) / width) ** 2)
        return bells @ self.weights / (width * math.sqrt(2 * math.pi))

    def _sigma(self, sigma: float | None) -> float:
        if sigma is None:  # a spectrum in one place has no range but a size; that of the zero matrix has neither
            spread = float(self.nodes[-1] - self.nodes[0])
            return _WIDTH * (spread if spread > 1e-9 * self.size else self.size or 1.0)
        if not 0 < sigma < math.inf:
            raise ParameterError(f"`sigma` must be a positive number, in the unit of the eigenvalues; got {sigma!r}.")
        return sigma


def density(
    op: SymmetricOperator | Tensor,
    steps: int = 64,
    probes: int = 8,
    *,
    seed: int = 0,
    generator: torch.Generator | None = None,
) -> Density:
    """The distribution of the eigenvalues.

    Every random vector is taken through `steps` steps of Lanczos with partial reorthogonalization, or until its Krylov
    space is complete. All advance together if their products share something, such as the graphs of several batches.

    Args:
        op: the operator, or an `(n, n)` matrix.
        steps: products per random vector.
        probes: number of random vectors. The memory is `steps + 1` vectors, for each of them if they advance together.
        seed: of the random vectors.
        generator: on the CPU, taken instead of `seed`.

    Returns:
        The density.

    Raises:
        ParameterError: an argument is outside its documented set.
        ConvergenceError: a product is NaN or infinite.

    >>> found = density(torch.diag(torch.tensor([0.0, 0.0, 0.0, 2.0])))
    >>> round(found.zero_mass(), 6), round(4 * found.moment(1), 6)  # three of four eigenvalues; the trace
    (0.75, 2.0)
    """
    op = as_operator(op)
    for name, value in (("steps", steps), ("probes", probes)):
        if type(value) is not int or value < 1:
            raise ParameterError(f"`{name}` must be an int >= 1; got {value!r}.")
    starts = random_signs(probes, op, seeded(seed, generator))
    groups = [starts] if op.shares else starts.split(1)  # one alone stays in the cache of the processor
    return Density.of_rules([rule for group in groups for rule in _rules(op, group, steps)])


def _rules(op: SymmetricOperator, starts: Tensor, steps: int) -> list[tuple[Tensor, Tensor]]:
    """The quadrature rules of several starts, which advance together."""
    spaces = [Lanczos(op.matvec, start, semi=True, steps=steps) for start in starts]
    for _ in range(steps):
        growing = [space for space in spaces if not space.exhausted]
        if not growing:
            break
        products = op.rows(torch.stack([space.next_vector for space in growing]))
        for space, product in zip(growing, products, strict=True):
            space.absorb(product)
    return [_quadrature(space) for space in spaces]


def _quadrature(space: Lanczos) -> tuple[Tensor, Tensor]:
    """Nodes and weights of one start: eigenvalues of `T`, and the squares of its eigenvectors' first entries."""
    values, vectors = space.eigenpairs()
    weights = vectors[0] ** 2
    return values, weights / weights.sum()

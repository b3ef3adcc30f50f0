"""Eigenpairs at either end of a spectrum, with residuals.

One Lanczos run cannot see the second copy of an eigenvalue, and may settle before an eigenvector that its start hardly
contains. So what was found is deflated, and another run from a new random start looks for anything better; the answer
stands when it finds nothing.

Source: Parlett (1998), The Symmetric Eigenvalue Problem, chapter 13.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from edgewise.curvature.operator import SymmetricOperator, as_operator
from edgewise.errors import ParameterError
from edgewise.optim.lanczos import Lanczos, random_unit, seeded

WHICH = ("LM", "LA", "SA", "BE")

_ROUNDING = 20.0
"""Residuals below this many roundings of the largest eigenvalue say nothing."""


@dataclass
class Eigenpairs:
    """Some eigenpairs of a symmetric matrix.

    Attributes:
        values: `(k,)` eigenvalues, float64 on the CPU: the most wanted first, for `"BE"` ascending.
        vectors: `(n, k)` unit vectors in columns.
        residuals: `(k,)` `|A v - value v|`: every value is at most this far from an eigenvalue.
        converged: whether all residuals are small enough and nothing better was found in the end.
        products: how many products it took.
    """

    values: Tensor
    vectors: Tensor = field(repr=False)
    residuals: Tensor
    converged: bool
    products: int


def eigs(
    op: SymmetricOperator | Tensor,
    k: int = 6,
    which: str = "LM",
    *,
    tol: float = 1e-8,
    max_products: int | None = None,
    seed: int = 0,
    generator: torch.Generator | None = None,
) -> Eigenpairs:
    """The outer eigenpairs of a symmetric matrix, copies of multiple eigenvalues included.

    Args:
        op: the operator, or an `(n, n)` matrix.
        k: how many pairs.
        which: `"LM"` largest by absolute value, `"LA"` largest, `"SA"` smallest, `"BE"` half from either end, one
            more from the upper one.
        tol: largest residual, over the largest absolute eigenvalue. Values are then usually right to `tol^2`.
        max_products: where to stop, once there are k pairs; `20 k + 1000` when absent. The memory is one vector for
            each product of a run.
        seed: of the random starts.
        generator: on the CPU, taken instead of `seed`.

    Returns:
        The pairs. `converged` says whether `max_products` were enough; residuals are true in either case.

    Raises:
        ParameterError: an argument is outside its documented set.
        ConvergenceError: a product is NaN or infinite.

    >>> eigs(torch.diag(torch.tensor([3.0, 3.0, -5.0, 1.0])), k=3).values.round(decimals=4)
    tensor([-5.,  3.,  3.], dtype=torch.float64)
    """
    op = as_operator(op)
    n = op.shape[0]
    if type(k) is not int or not 1 <= k <= n:
        raise ParameterError(f"`k` must be an int from 1 to {n}, the size of the matrix; got {k!r}.")
    if which not in WHICH:
        raise ParameterError(f"`which` must be one of {WHICH}; got {which!r}.")
    if not 0 < tol < 1:
        raise ParameterError(f"`tol` must lie between 0 and 1; got {tol!r}.")
    limit = 20 * k + 1000 if max_products is None else max_products
    if type(limit) is not int or limit <= k:
        raise ParameterError(f"`max_products` must be an int > k = {k}; got {max_products!r}.")
    return _Search(op, k, which, tol, limit, seeded(seed, generator)).run()


class _Search:
    """Lanczos runs, each in the complement of the eigenvectors found so far."""

    def __init__(
        self, op: SymmetricOperator, k: int, which: str, tol: float, limit: int, generator: torch.Generator
    ) -> None:
        self.op, self.k, self.which, self.generator = op, k, which, generator
        self.tol = max(tol, _ROUNDING * torch.finfo(op.dtype).eps)
        self.first, self.last = op.products, op.products + limit - k  # k for the residuals
        self.values = torch.zeros(0, dtype=torch.float64)
        self.vectors = torch.zeros(0, op.shape[0], dtype=op.dtype, device=op.device)  # in rows
        self.size = 0.0

    def run(self) -> Eigenpairs:
        """Search until a run finds nothing better."""
        better = settled = True
        while better and settled and len(self.values) < self.op.shape[0]:
            space = Lanczos(self._deflated, self._complement(random_unit(self._zero(), self.generator)))
            settled = self._settle(space)
            better = self._merge(space)
        products = self.op.rows(self.vectors)
        residuals = (products - self.values.to(self.vectors)[:, None] * self.vectors).norm(dim=1)
        residuals = residuals.to("cpu", torch.float64)
        converged = settled and bool((residuals <= 2 * self.tol * self.size).all())
        order = self.values.argsort() if self.which == "BE" else torch.arange(self.k)
        vectors = self.vectors[order.to(self.op.device)].mT
        return Eigenpairs(self.values[order], vectors, residuals[order], converged, self.op.products - self.first)

    def _zero(self) -> Tensor:
        return torch.zeros(self.op.shape[0], dtype=self.op.dtype, device=self.op.device)

    def _complement(self, v: Tensor) -> Tensor:
        """The part of a vector that is orthogonal to what was found."""
        for _ in range(2):
            v = v - self.vectors.mT @ (self.vectors @ v)
        return v

    def _unit(self, v: Tensor) -> Tensor:
        """A Ritz vector to the last bit orthogonal to what was found; small steps of Lanczos enlarge rounding."""
        v = self._complement(v)
        return v / v.norm()

    def _deflated(self, v: Tensor) -> Tensor:
        return self._complement(self.op.matvec(v))

    def _settle(self, space: Lanczos) -> bool:
        """Extend a Krylov space until its most wanted pairs are good enough to be taken, or to be turned down."""
        while True:
            space.extend(1 + len(space.diagonal) // 10)
            values, residuals = space.ritz()
            self.size = max(self.size, float(values.abs().max()))
            best = self._order(values)[: self._lacking()]
            enough = torch.full_like(residuals[best], self.tol * self.size)
            if len(self.values) == self.k:  # far behind what is there already: a tenth of the distance will do
                enough = enough.maximum(0.1 * self._behind(values[best]))
            if space.exhausted or bool((residuals[best] <= enough).all()):
                return True
            if self.op.products >= self.last and len(space.diagonal) >= self._lacking():
                return False

    def _merge(self, space: Lanczos) -> bool:
        """Take the most wanted pairs of a space, and tell whether any of them was worth it."""
        values, coordinates = space.eigenpairs()
        best = self._order(values)[: self._lacking()]
        found = torch.stack([self._unit(space.vector(coordinates[:, i])) for i in best])
        every = torch.cat([self.values, values[best]])
        order = self._order(every)[: self.k]
        missing = len(self.values) < self.k
        gain = (every[order] - self.values).abs().max() if not missing else torch.inf
        if missing or gain > self.tol * self.size:
            self.values = every[order]
            self.vectors = torch.cat([self.vectors, found])[order.to(found.device)]
            return True
        return False

    def _lacking(self) -> int:
        """How many pairs to look for: those that are missing, and one at each end that may be better."""
        return max(2 if self.which == "BE" else 1, self.k - len(self.values))

    def _order(self, values: Tensor) -> Tensor:
        """Positions of values, the most wanted first."""
        if self.which == "BE":
            rising = values.argsort()
            ends = torch.stack([rising.flip(0), rising], dim=1).reshape(-1)  # largest, smallest, second largest, ...
            return ends[: len(values)]
        return self._wanted(values).argsort(descending=True)

    def _wanted(self, values: Tensor) -> Tensor:
        return {"LM": values.abs(), "LA": values, "SA": -values}[self.which]

    def _behind(self, values: Tensor) -> Tensor:
        """How much less wanted values are than the last of those found."""
        if self.which == "BE":
            return torch.zeros_like(values)
        return self._wanted(self.values[-1:]) - self._wanted(values)

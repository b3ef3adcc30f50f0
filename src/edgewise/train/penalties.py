"""Residuals beside those of the data, linear in the unknowns: squared coefficients, and their differences."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import comb

import torch
from torch import Tensor


class Penalty(ABC):
    """Residuals that are linear in the unknowns of M models.

    Attributes:
        rows: how many.
        weights: `(M, ...)` what they are multiplied by.
    """

    rows: int
    weights: Tensor

    @abstractmethod
    def apply(self, x: Tensor, which: Tensor | None) -> Tensor:
        """`(M, n)` to `(M, rows)`."""

    @abstractmethod
    def transposed(self, u: Tensor, which: Tensor | None) -> Tensor:
        """`(M, rows)` to `(M, n)`."""

    @abstractmethod
    def add_gram(self, matrix: Tensor, which: Tensor | None) -> None:
        """Add `J'J` to the lower triangle of `(M, n, n)`."""

    @abstractmethod
    def dense(self, which: Tensor | None) -> Tensor:
        """`(M, rows, n)`: J."""

    def _chosen(self, which: Tensor | None) -> Tensor:
        return self.weights if which is None else self.weights[which]


class Ridge(Penalty):
    """The unknowns themselves.

    Args:
        weights: `(M, n)`.
    """

    def __init__(self, weights: Tensor) -> None:
        self.weights, self.rows = weights, weights.shape[1]

    def apply(self, x: Tensor, which: Tensor | None) -> Tensor:
        """See `Penalty`."""
        return self._chosen(which) * x

    def transposed(self, u: Tensor, which: Tensor | None) -> Tensor:
        """See `Penalty`."""
        return self._chosen(which) * u

    def add_gram(self, matrix: Tensor, which: Tensor | None) -> None:
        """See `Penalty`."""
        matrix.diagonal(dim1=-2, dim2=-1).add_(self._chosen(which).square())

    def dense(self, which: Tensor | None) -> Tensor:
        """See `Penalty`."""
        return torch.diag_embed(self._chosen(which))


class Differences(Penalty):
    """Differences of neighbouring coefficients, each order's weighted group by group.

    Row r is `weights[m, group_r] * sum_t taps_t[r] factors[columns_t[r]] x[columns_t[r]]`.

    Args:
        n: number of unknowns.
        blocks: `(I, S, O)` numbers of the unknowns that are the coefficients of each group; -1 for one that is no
            unknown, as of a frozen layer.
        orders: of the differences along `S`, for each group.
        weights: `(M, groups)`.
        factors: `(M, n)` what the coefficients are multiplied by first, or None for ones. Where a factor is zero (a
            removed edge) the coefficient stays as it is.
    """

    def __init__(
        self, n: int, blocks: Sequence[Tensor], orders: Sequence[int], weights: Tensor, factors: Tensor | None = None
    ) -> None:
        self.weights, self.factors = weights, factors
        self._kept: tuple[Tensor, Tensor] | None = None
        most = max(orders) + 1
        columns, taps, groups = [], [], []
        for number, (block, order) in enumerate(zip(blocks, orders, strict=True)):
            neighbours = block.unfold(1, order + 1, 1).flatten(0, 2)  # (rows, order + 1)
            signs = weights.new_tensor([(-1) ** (order - t) * comb(order, t) for t in range(order + 1)])
            beyond = most - order - 1
            columns.append(torch.nn.functional.pad(neighbours, (0, beyond)))
            taps.append(torch.nn.functional.pad(torch.where(neighbours < 0, 0.0, signs), (0, beyond)))
            groups.append(torch.full((len(neighbours),), number, device=weights.device))
        self._columns = torch.cat(columns).clamp_min(0).T.contiguous()  # (taps, rows)
        self._places = self._columns.flatten()
        self._taps = torch.cat(taps).T.contiguous()
        self._groups = torch.cat(groups)
        self.rows = len(self._groups)
        self._size = n
        self._products = self._all_products()

    def reweighted(self, weights: Tensor, factors: Tensor | None) -> "Differences":
        """The same differences with other weights and factors, see above."""
        other = copy.copy(self)
        other.weights, other.factors = weights, factors
        return other

    def apply(self, x: Tensor, which: Tensor | None) -> Tensor:
        """See `Penalty`."""
        seen = self._scaled(x, which).index_select(1, self._places).unflatten(1, self._columns.shape)
        return (seen * self._row_taps(which)).sum(1)

    def transposed(self, u: Tensor, which: Tensor | None) -> Tensor:
        """See `Penalty`."""
        parts = u[:, None] * self._row_taps(which)
        found = u.new_zeros(len(u), self._size).index_add_(1, self._places, parts.flatten(1))
        return self._scaled(found, which)

    def add_gram(self, matrix: Tensor, which: Tensor | None) -> None:
        """See `Penalty`."""
        line, column, group, product = self._products
        added = self._chosen(which).square()[:, group] * product
        factors = self._factors(which)
        if factors is not None:
            added = added * factors[:, line] * factors[:, column]
        matrix[:, line, column] += added

    def dense(self, which: Tensor | None) -> Tensor:
        """See `Penalty`."""
        taps = self._row_taps(which).mT  # (M, rows, taps)
        rows = taps.new_zeros(*taps.shape[:2], self._size)
        rows.scatter_add_(2, self._columns.T.expand_as(taps), taps)
        return self._scaled(rows, which)

    def _all_products(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Places in the lower triangle of `J'J`, the group each belongs to, and the sum of products of taps there."""
        n, count = self._size, len(self._columns)
        places, groups, products = [], [], []
        for s in range(count):
            for t in range(count):
                below = self._columns[s] >= self._columns[t]
                both = self._taps[s] * self._taps[t]
                keep = below & (both != 0)
                places.append((self._columns[s] * n + self._columns[t])[keep])
                groups.append(self._groups[keep])
                products.append(both[keep])
        found, inverse = torch.cat(places).unique(return_inverse=True)
        total = self._taps.new_zeros(len(found)).index_add_(0, inverse, torch.cat(products))
        group = self._groups.new_zeros(len(found)).index_copy_(0, inverse, torch.cat(groups))  # groups share no unknown
        return found // n, found % n, group, total

    def _row_taps(self, which: Tensor | None) -> Tensor:
        """`(M, taps, rows)` with the weights; those of all models are kept."""
        if which is not None:
            return self.weights[which][:, None, self._groups] * self._taps
        if self._kept is None or self._kept[0] is not self.weights:  # a resumed run brings its own
            self._kept = self.weights, self.weights[:, None, self._groups] * self._taps
        return self._kept[1]

    def _scaled(self, x: Tensor, which: Tensor | None) -> Tensor:
        """`(M, n)` or `(M, rows, n)`, times the factors."""
        factors = self._factors(which)
        if factors is None:
            return x
        return x * (factors if x.dim() == 2 else factors[:, None])

    def _factors(self, which: Tensor | None) -> Tensor | None:
        return self.factors if which is None or self.factors is None else self.factors[which]

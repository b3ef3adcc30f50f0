"""Every additive relation between a few columns of a table: small eigenvalues, without seeds or training.

A relation `f_1(x_1) + ... + f_n(x_n) = 0` is a sum that does not vary over the rows, though its terms do. With terms
from splines that is an eigenvalue problem, the smallest additive principal component (Donnell, Buja and Stuetzle 1994,
Analysis of additive dependencies and concurvities, Ann. Statist. 22): the variance of the sum over that which it has
where the columns are permuted independently, the sum of the terms' variances. For two columns the least ratio is
1 - their maximal correlation. The matrix of all columns is made once, and each small set of them is a block of it, so
that all sets are looked at.
"""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import torch
from torch import Tensor

from benchmarks.paper.invariants import spline_derivative

GRID, DEGREE = 8, 3
# A column with fewer values enters as it is: a spline could pick out a value of a handful of rows, and call what these
# have in common a relation.
FEWEST_VALUES = 20
TAIL = 0.005  # rows beyond these quantiles of a spline's column are left out, for the same reason
_RANK = 1e-6
_ROUNDING = 1e-12  # ratios are differences of sums of squares, with as many digits as the smallest terms leave


class Additive(NamedTuple):
    """A set of columns and how little the best sum of functions of theirs varies.

    Attributes:
        columns: numbers of the columns.
        ratio: variance of the sum over that of its terms, on rows that the functions were not fitted to.
        parts: the least ratio of a proper subset; 1 where there is none.
    """

    columns: tuple[int, ...]
    ratio: float
    parts: float


def relations(x: Tensor, most: int, seed: int = 0) -> list[Additive]:
    """All sets of 2 to `most` columns, those first whose ratio is least beside that of their subsets.

    Args:
        x: `(N, C)` rows.
        most: columns of the largest sets.
        seed: of the half of the rows that functions are fitted to; ratios are of the other half.
    """
    x = typical(x)
    half = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed)) < len(x) // 2
    blocks = [_block(column) for column in x.unbind(1)]
    fitted, judged = (_covariance([block[rows] for block in blocks]) for rows in (half, ~half))
    ends = torch.tensor([0, *(block.shape[1] for block in blocks)]).cumsum(0)
    spans = [torch.arange(a, b) for a, b in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)]
    ratios = {
        columns: _ratio(fitted, judged, [spans[n] for n in columns])
        for size in range(2, most + 1)
        for columns in combinations(range(x.shape[1]), size)
    }
    found = [Additive(columns, ratio, _least_part(columns, ratios)) for columns, ratio in ratios.items()]
    return sorted(found, key=lambda one: one.ratio / one.parts)


def typical(x: Tensor) -> Tensor:
    """The rows without the tails of any column that has many values."""
    lo, hi = torch.quantile(x, TAIL, dim=0), torch.quantile(x, 1 - TAIL, dim=0)
    many = torch.tensor([len(column.unique()) >= FEWEST_VALUES for column in x.unbind(1)])
    return x[(((x >= lo) & (x <= hi)) | ~many).all(1)]


def _block(column: Tensor) -> Tensor:
    """`(N, S)` functions of a column, of which every function of its spline space is a combination."""
    if len(column.unique()) < FEWEST_VALUES:
        return column[:, None]
    centre, reach = (column.max() + column.min()) / 2, (column.max() - column.min()) / 2
    return spline_derivative((column - centre)[:, None] / reach * (1 - 1e-12), 0, GRID, DEGREE, 1.0)[:, 0]


def _covariance(blocks: list[Tensor]) -> Tensor:
    values = torch.cat(blocks, 1)
    values = values - values.mean(0)
    return values.mT @ values / len(values)


def _ratio(fitted: Tensor, judged: Tensor, spans: list[Tensor]) -> float:
    """The sum with the least ratio by one matrix, its ratio by the other."""
    whitened = [_whitening(fitted[span][:, span]) for span in spans]
    weights, every = torch.block_diag(*whitened), torch.cat(spans)
    if not weights.shape[1]:
        return 1.0  # none of them varies
    _, vectors = torch.linalg.eigh(weights.mT @ fitted[every][:, every] @ weights)
    best = weights @ vectors[:, 0]
    parts = torch.split(best, [len(span) for span in spans])
    terms = sum(float(part @ judged[span][:, span] @ part) for part, span in zip(parts, spans, strict=True))
    return max(float(best @ judged[every][:, every] @ best) / terms, _ROUNDING)


def _whitening(covariance: Tensor) -> Tensor:
    """Combinations of a block with unit variance; constants are none."""
    sizes, vectors = torch.linalg.eigh(covariance)
    kept = sizes > _RANK * sizes[-1]
    return vectors[:, kept] / sizes[kept].sqrt()


def _least_part(columns: tuple[int, ...], ratios: dict[tuple[int, ...], float]) -> float:
    parts = [ratios[part] for size in range(2, len(columns)) for part in combinations(columns, size)]
    return min(parts, default=1.0)

"""`SplineEdges` on the CPU: the Python side of `spline_edges_loops`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from edgewise.kernels.cpu import KINDS
from edgewise.kernels.cpu_loops import spacings
from edgewise.kernels.edge_jets import plain
from edgewise.kernels.spline_edges_loops import jets_backward, jets_forward, jets_locate
from edgewise.kernels.tables import own_tables, uniform_tables


class Polynomials(NamedTuple):
    """The basis functions of every cell.

    Attributes:
        tables: `(N, groups, k+1, k+1)` polynomials.
        shared: whether all inputs share one table.
        cells: number G of intervals.
    """

    tables: np.ndarray
    shared: bool
    cells: int


def locate(columns: Tensor, knots: Tensor, degree: int, linear: bool) -> tuple[tuple[Tensor, ...], Polynomials]:
    """Where samples lie.

    Args:
        columns: `(I, B)` contiguous.
        knots: `(I, S+k+1)`.
        degree: polynomial degree k.
        linear: how splines continue outside the grid.

    Returns:
        `(I, B)` groups of cells (see `tables`), coordinates in the cells, and one over the width of the cell; and what
        splines are there.
    """
    x, grid = columns.numpy(), plain(knots).numpy()
    spacing, kind = np.empty(len(grid)), KINDS[knots.dtype]
    unequal = spacings(kind, grid.__array_interface__["data"][0], *grid.shape, degree, spacing)
    groups, local, inverse = np.empty(x.shape, np.int32), np.empty_like(x), np.empty_like(x)
    jets_locate(x, grid, spacing, degree, linear, groups, local, inverse)
    tables = own_tables(grid.astype(np.float64), degree, 0, linear) if unequal else None
    if tables is None:
        tables = uniform_tables(degree, 0, linear)[None]
    places = torch.from_numpy(groups), torch.from_numpy(local), torch.from_numpy(inverse)
    return places, Polynomials(tables, not unequal, grid.shape[1] - 2 * degree - 1)


def forward(
    places: tuple[Tensor, ...], coef: Tensor, base_weight: Tensor, orders: int, rest: Polynomials, degree: int
) -> Tensor:
    """Edges and their derivatives.

    Args:
        places: what `locate` gave, and `(orders, I, B)` derivatives of the residual function (empty without one).
        coef: as for `Edges.forward`.
        base_weight: likewise.
        orders: likewise.
        rest: what `locate` gave.
        degree: polynomial degree k.

    Returns:
        `(orders, I, O, B)`.
    """
    *located, residual = [tensor.numpy() for tensor in places]
    jets = np.empty((orders, coef.shape[0], coef.shape[2], located[1].shape[1]), located[1].dtype)
    jets_forward(*located, plain(coef).numpy(), plain(base_weight).numpy(), residual, *rest, degree, jets)
    return torch.from_numpy(jets)


def backward(
    g: Tensor, coef: Tensor, jets: Tensor, places: tuple[Tensor, ...], rest: Polynomials, degree: int, need_x: bool
) -> tuple[Tensor | None, Tensor, Tensor]:
    """Gradients with respect to `x`, `coef` and `base_weight`; arguments as for `Edges.backward`.

    Returns:
        The gradients.
    """
    dcoef = coef.new_zeros(coef.shape)
    dx, dbase = coef.new_empty(places[0].shape if need_x else (0, 0)), coef.new_empty(coef.shape[0], coef.shape[2])
    *located, residual = [tensor.numpy() for tensor in places]
    outputs = dx.numpy(), dcoef.numpy(), dbase.numpy()
    jets_backward(*located, g.numpy(), jets.numpy(), residual, *rest, degree, *outputs)
    return dx if need_x else None, dcoef, dbase

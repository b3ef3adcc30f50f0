"""`SplineEdges` on the CPU: the Python side of `spline_edges_loops`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from torch import Tensor

from edgewise.kernels.cpu import KINDS
from edgewise.kernels.cpu_loops import spacings
from edgewise.kernels.edge_jets import plain
from edgewise.kernels.spline_edges_loops import jets_backward, jets_forward, jets_locate
from edgewise.kernels.tables import own_tables, uniform_tables


class Located(NamedTuple):
    """Where the samples of every input lie, with what the loops need of the grid.

    Attributes:
        groups: `(I, B)` groups of cells, see `tables`.
        local: `(I, B)` coordinates in the cells.
        inverse: `(I, B)` one over the width of the cell.
        residual: `(orders, I, B)` derivatives of the residual function; empty without one.
        tables: `(N, groups, k+1, k+1)` polynomials.
        shared: whether all inputs share one table.
        cells: number G of intervals.
    """

    groups: np.ndarray
    local: np.ndarray
    inverse: np.ndarray
    residual: np.ndarray
    tables: np.ndarray
    shared: bool
    cells: int


def forward(
    columns: Tensor, coef: Tensor, base_weight: Tensor, residual: np.ndarray, orders: int, knots: Tensor, degree: int,
    linear: bool,
) -> tuple[np.ndarray, Located]:  # fmt: skip
    """Edges and their derivatives.

    Args:
        columns: as for `Edges.forward`.
        coef: likewise.
        base_weight: likewise.
        residual: `(orders, I, B)` derivatives of the residual function; empty without one.
        orders: likewise.
        knots: see `SplineEdges`.
        degree: likewise.
        linear: likewise.

    Returns:
        `(orders, I, O, B)`, and where the samples lie.
    """
    found = _locate(columns.numpy(), residual, knots, degree, linear)
    jets = np.empty((orders, coef.shape[0], coef.shape[2], columns.shape[1]), found.local.dtype)
    jets_forward(*found[:3], plain(coef).numpy(), plain(base_weight).numpy(), *found[3:], degree, jets)
    return jets, found


def backward(
    g: np.ndarray, coef: Tensor, jets: np.ndarray, found: Located, degree: int, need_x: bool
) -> tuple[Tensor | None, Tensor, Tensor]:
    """Gradients with respect to `x`, `coef` and `base_weight`; arguments as for `Edges.backward`.

    Returns:
        The gradients.
    """
    dcoef = coef.new_zeros(coef.shape)
    dx, dbase = coef.new_empty(found.local.shape if need_x else (0, 0)), coef.new_empty(coef.shape[0], coef.shape[2])
    outputs = dx.numpy(), dcoef.numpy(), dbase.numpy()
    jets_backward(*found[:3], g, jets, *found[3:], degree, *outputs)
    return dx if need_x else None, dcoef, dbase


def _locate(x: np.ndarray, residual: np.ndarray, knots: Tensor, degree: int, linear: bool) -> Located:
    grid = plain(knots).numpy()
    spacing, kind = np.empty(len(grid)), KINDS[knots.dtype]
    unequal = spacings(kind, grid.__array_interface__["data"][0], *grid.shape, degree, spacing)
    groups, local, inverse = np.empty(x.shape, np.int32), np.empty_like(x), np.empty_like(x)
    jets_locate(x, grid, spacing, degree, linear, groups, local, inverse)
    if unequal:
        tables = own_tables(grid.astype(np.float64), degree, 0, linear)
    else:
        tables = uniform_tables(degree, 0, linear)[None]
    return Located(groups, local, inverse, residual, tables, not unequal, grid.shape[1] - 2 * degree - 1)

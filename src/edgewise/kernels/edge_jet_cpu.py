"""`edge_jets` on the CPU: the Python side of `edge_jet_loops`."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from edgewise.kernels.cpu import KINDS
from edgewise.kernels.cpu_loops import spacings
from edgewise.kernels.edge_jet_loops import jets_backward, jets_forward, jets_locate, silu_derivatives
from edgewise.kernels.tables import own_tables, uniform_tables

SILU_ORDERS = 5
"""Derivatives of `silu` that the compiled loop knows, its value included."""


class Located(NamedTuple):
    """Where the samples of every input lie, with what the loops need of the grid.

    Attributes:
        groups: `(I, B)` groups of cells, see `tables`.
        local: `(I, B)` coordinates in the cells.
        inverse: `(I, B)` one over the width of the cell.
        tables: `(N, groups, k+1, k+1)` polynomials.
        shared: whether all inputs share one table.
        cells: number G of intervals.
    """

    groups: np.ndarray
    local: np.ndarray
    inverse: np.ndarray
    tables: np.ndarray
    shared: bool
    cells: int


def forward(
    x: Tensor, coef: Tensor, base_weight: Tensor, knots: Tensor, degree: int, linear: bool, order: int,
    base: Callable[[Tensor, int], Tensor] | None, silu: bool,
) -> tuple[Tensor, Tensor, Located]:  # fmt: skip
    """Edges and their derivatives; arguments as for `edge_jets`.

    Returns:
        `(order+1, I, O, B)`, `(order+1, I, B)` derivatives of the residual function (empty without one), and where the
        samples lie.
    """
    columns = _plain(x.mT)
    residual = x.new_empty(0, 0, 0) if base is None else residual_jets(columns, order + 1, base, silu)
    found = _locate(columns, knots, degree, linear)
    jets = x.new_empty(order + 1, coef.shape[0], coef.shape[2], len(x))
    weights = _array(coef), _array(base_weight), residual.numpy()
    jets_forward(*found[:3], *weights, *found[3:], degree, jets.numpy())
    return jets, residual, found


def backward(
    g: Tensor, coef: Tensor, jets: Tensor, residual: Tensor, found: Located, degree: int, need_x: bool
) -> tuple[Tensor | None, Tensor, Tensor]:
    """Gradients with respect to `x`, `coef` and `base_weight`.

    Args:
        g: `(order+1, I, O, B)` cotangent.
        coef: as before.
        jets: what `forward` gave, for one order more where `need_x`.
        residual: likewise.
        found: likewise.
        degree: as before.
        need_x: whether the gradient with respect to `x` is asked for.

    Returns:
        The gradients.
    """
    dcoef = torch.zeros_like(coef, memory_format=torch.contiguous_format)
    dx, dbase = jets.new_empty(found.local.shape if need_x else (0, 0)), jets.new_empty(coef.shape[0], coef.shape[2])
    outputs = [tensor.numpy() for tensor in (dx, dcoef, dbase)]
    jets_backward(*found[:3], _array(g), jets.numpy(), residual.numpy(), *found[3:], degree, *outputs)
    return dx.mT if need_x else None, dcoef, dbase


def _plain(tensor: Tensor) -> Tensor:
    """One memory layout, so that the loops are compiled once."""
    return tensor.detach().resolve_neg().contiguous()


def _array(tensor: Tensor) -> np.ndarray:
    return _plain(tensor).numpy()


def residual_jets(x: Tensor, orders: int, base: Callable[[Tensor, int], Tensor], silu: bool) -> Tensor:
    """See `edge_jets.residual_jets`."""
    if silu and orders <= SILU_ORDERS:
        x = _plain(x)
        found = x.new_empty(orders, *x.shape)
        silu_derivatives(x.numpy(), torch.sigmoid(x).numpy(), found.numpy())
        return found
    return torch.stack([base(x, m) for m in range(orders)])


def _locate(columns: Tensor, knots: Tensor, degree: int, linear: bool) -> Located:
    grid, x = _array(knots), columns.numpy()
    spacing, kind = np.empty(len(grid)), KINDS[knots.dtype]
    unequal = spacings(kind, grid.__array_interface__["data"][0], *grid.shape, degree, spacing)
    groups, local, inverse = np.empty(x.shape, np.int32), np.empty_like(x), np.empty_like(x)
    jets_locate(x, grid, spacing, degree, linear, groups, local, inverse)
    if unequal:
        tables = own_tables(grid.astype(np.float64), degree, 0, linear)
    else:
        tables = uniform_tables(degree, 0, linear)[None]
    return Located(groups, local, inverse, tables, not unequal, grid.shape[1] - 2 * degree - 1)

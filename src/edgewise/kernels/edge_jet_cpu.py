"""`edge_jets` on the CPU: the Python side of `edge_jet_loops`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from edgewise.kernels.cpu import KINDS
from edgewise.kernels.cpu_loops import spacings
from edgewise.kernels.edge_jet_loops import jets_backward, jets_forward, silu_derivatives
from edgewise.kernels.tables import own_tables, uniform_tables

SILU_ORDERS = 5
"""Derivatives of `silu` that the compiled loop knows, its value included."""


def forward(
    x: Tensor, coef: Tensor, base_weight: Tensor, knots: Tensor, degree: int, linear: bool, order: int,
    base: Callable[[Tensor, int], Tensor] | None, silu: bool,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Edges and their derivatives.

    Args:
        x: as for `edge_jets`, as all others.
        coef: see there.
        base_weight: see there.
        knots: see there.
        degree: see there.
        linear: see there.
        order: see there.
        base: see there.
        silu: see there.

    Returns:
        `(order+1, I, O, B)`, and `(order+1, I, B)` derivatives of the residual function, empty without one.
    """
    x, coef, base_weight = (_plain(tensor) for tensor in (x.mT, coef, base_weight))
    residual = x.new_empty(0, 0, 0) if base is None else _base(x, order + 1, base, silu)
    jets = x.new_empty(order + 1, coef.shape[0], coef.shape[2], x.shape[1])
    arrays = [tensor.numpy() for tensor in (x, coef, base_weight, residual)]
    jets_forward(*arrays, *_grid(knots, degree, linear), degree, linear, jets.numpy())
    return jets, residual


def backward(
    x: Tensor, g: Tensor, coef: Tensor, jets: Tensor, residual: Tensor, knots: Tensor, degree: int, linear: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients with respect to `x`, `coef` and `base_weight`.

    Args:
        x: as before.
        g: `(order+1, I, O, B)` cotangent.
        coef: as before.
        jets: what `forward` gave for one order more.
        residual: likewise.
        knots: as before.
        degree: as before.
        linear: as before.

    Returns:
        The gradients.
    """
    x, g = _plain(x.mT), _plain(g)
    dx, dcoef = torch.empty_like(x), torch.zeros_like(coef, memory_format=torch.contiguous_format)
    dbase = x.new_empty(coef.shape[0], coef.shape[2])
    inputs = [tensor.numpy() for tensor in (x, g, jets, residual)]
    outputs = [tensor.numpy() for tensor in (dx, dcoef, dbase)]
    jets_backward(*inputs, *_grid(knots, degree, linear), degree, linear, *outputs)
    return dx.mT, dcoef, dbase


def _plain(tensor: Tensor) -> Tensor:
    """One memory layout, so that the loops are compiled once."""
    return tensor.detach().resolve_neg().contiguous()


def _base(x: Tensor, orders: int, base: Callable[[Tensor, int], Tensor], silu: bool) -> Tensor:
    if silu and orders <= SILU_ORDERS:
        found = x.new_empty(orders, *x.shape)
        silu_derivatives(x.numpy(), torch.sigmoid(x).numpy(), found.numpy())
        return found
    return torch.stack([base(x, m) for m in range(orders)])


def _grid(knots: Tensor, degree: int, linear: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray, bool]:
    """Knots, spacings (0 where unequal), tables of polynomials, and whether all inputs share these."""
    rows, count = knots.shape
    spacing = np.empty(rows)
    unequal = spacings(KINDS[knots.dtype], knots.contiguous().data_ptr(), rows, count, degree, spacing)
    exact = knots.double().numpy()
    if unequal:
        return exact, spacing, own_tables(exact, degree, 0, linear), False
    return exact, spacing, uniform_tables(degree, 0, linear)[None], True

"""The contractions on the CPU: the Python side, which prepares addresses and shares out the work."""

# pyright: reportCallIssue=false, reportPrivateImportUsage=false
# (Numba's intrinsics have one parameter more than their callers pass)

import ctypes
from functools import cache
from typing import Any

import numpy as np
import torch
from numba import carray
from numba.np.unsafe.ndarray import to_fixed_tuple
from torch import Tensor

from edgewise.kernels.checks import axes, check, vanishing
from edgewise.kernels.compilation import compiled_entry
from edgewise.kernels.cpu_loops import backward, forward, spacings
from edgewise.kernels.emitter import VECTOR_BYTES, take_ticket
from edgewise.kernels.microkernels import BASE, NARROW, PULL, SCATTER, WIDE
from edgewise.kernels.tables import own_tables, uniform_tables
from edgewise.kernels.threads import run_on_threads, shares

FORWARD_ROWS, BACKWARD_ROWS, MOST_ROWS = 256, 128, 1024
"""Rows per block: as tuned for small grids, and at most."""
SHARES = 2
"""Shares of work per thread: more than one, because threads do not always get a core of their own."""
GRAIN = 1.0e5
"""Operations (some ten microseconds) below which another thread does not pay."""

# Constants of the compiled entries, so part of their key in the cache: same bytes in every process.
KINDS = {torch.float32: np.zeros(1, np.float32), torch.float64: np.zeros(1, np.float64)}
_WIDE, _NARROW, _ONE = (0,) * WIDE, (0,) * NARROW, (0,)


@cache
def _forward_entry(dtype: torch.dtype, k1: int, with_base: bool, is_wide: bool) -> tuple[Any, int]:
    kind, rows = KINDS[dtype], (0,) * k1
    base, wide = _ONE if with_base else (), _WIDE if is_wide else _ONE

    def entry(data):
        _, shares, tasks = to_fixed_tuple(carray(data, 3, np.int64), 3)
        numbers = to_fixed_tuple(carray(data, 24, np.int64)[3:], 21)
        share = take_ticket(data, 0)
        while share < shares:
            forward(kind, rows, base, wide, _ONE, numbers, tasks * share // shares, tasks * (share + 1) // shares)
            share = take_ticket(data, 0)

    function = compiled_entry(entry)
    return function.ctypes, function.address


@cache
def _backward_entry(dtype: torch.dtype, k1: int, flags: int, is_wide: bool) -> tuple[Any, int]:
    kind, rows, tag = KINDS[dtype], (0,) * k1, (0,) * flags
    base, wide = _ONE if flags & BASE else (), _NARROW if is_wide else _ONE

    def entry(data):
        _, shares = to_fixed_tuple(carray(data, 2, np.int64), 2)
        numbers = to_fixed_tuple(carray(data, 32, np.int64)[2:], 30)
        share = take_ticket(data, 0)
        while share < shares:
            backward(kind, rows, tag, base, wide, numbers, share, shares)
            share = take_ticket(data, 0)

    function = compiled_entry(entry)
    return function.ctypes, function.address


def evaluate(x, coef, knots, weight, degree, order, linear) -> Tensor:
    """`evaluate` of `operators` for CPU tensors."""
    return _forward(x, coef, None, knots, weight, degree, order, linear)


def edges(x, coef, base_weight, knots, degree, linear) -> Tensor:
    """`edges` of `operators` for CPU tensors."""
    return _forward(x, coef, base_weight, knots, None, degree, 0, linear)


def scatter(x, cotangent, knots, weight, degree, order, linear) -> Tensor:
    """`scatter` of `operators` for CPU tensors."""
    return _backward(SCATTER, x, None, None, cotangent, knots, weight, degree, order, order, linear)[0]


def pull(x, coef, cotangent, knots, degree, order, linear) -> Tensor:
    """`pull` of `operators` for CPU tensors."""
    return _backward(PULL, x, coef, None, cotangent, knots, None, degree, order, order, linear)[1]


def edges_backward(x, coef, base_weight, cotangent, knots, degree, linear, need_x):
    """`edges_backward` of `operators` for CPU tensors."""
    flags = SCATTER | BASE | (PULL if need_x else 0)
    dcoef, dx, dweight = _backward(flags, x, coef, base_weight, cotangent, knots, None, degree, 0, 1, linear)
    return dx, dcoef, dweight


def place(tensor: Any, models: bool) -> tuple[Any, int, int]:
    """A tensor whose models are contiguous, its address, and the elements from one model to the next."""
    if tensor is None:
        return None, 0, 0
    tensor = tensor.resolve_neg()
    if not tensor.is_contiguous():
        shared = models and tensor.stride(0) == 0  # an expanded model axis needs no copies
        tensor = tensor[:1].contiguous().expand_as(tensor) if shared else tensor.contiguous()
    return tensor, tensor.data_ptr(), tensor.stride(0) if models else 0


def _rows_per_block(rows: int, basis: int, wanted: int, per_cell: int) -> int:
    """Rows per block: what the caches like, more where cells would hold fewer than `per_cell` samples."""
    while wanted < per_cell * basis and wanted < MOST_ROWS:
        wanted *= 2
    return min(wanted, rows)


class KnotTables:
    """Spacing of every row of knots, and addresses of the tables that the kernels need for it."""

    def __init__(self, knots: Tensor, degree: int, linear: bool) -> None:
        if knots.dim() == 3 and knots.stride(0) == 0:  # one set of knots for all models
            knots = knots[0]
        self.knots, self.degree, self.linear = knots, degree, linear
        rows, count = knots.numel() // knots.shape[-1], knots.shape[-1]
        self.spacing = np.empty(rows)
        self.others = spacings(KINDS[knots.dtype], knots.data_ptr(), rows, count, degree, self.spacing)
        self.kept: list[np.ndarray] = [self.spacing]

    def addresses(self, order: int) -> tuple[int, int]:
        """Of the tables for equal spacing and of those of every input (0 when none needs its own)."""
        shared = uniform_tables(self.degree, order, self.linear)
        self.kept.append(shared)
        if not self.others:
            return address_of(shared), 0
        rows = self.knots.reshape(-1, self.knots.shape[-1]).double().numpy()
        self.kept.append(own_tables(rows, self.degree, order, self.linear))
        return address_of(shared), address_of(self.kept[-1])


def address_of(array: np.ndarray) -> int:
    """Where the array's numbers lie."""
    return array.__array_interface__["data"][0]


def _forward(x, coef, base_weight, knots, weight, degree, order, linear) -> Tensor:
    models, M, B, I = axes(x)
    S, O = coef.shape[-2:]
    lead = x.shape[:-2]
    check(x, degree, order, knots, coef=(coef, (*lead, I, knots.shape[-1] - degree - 1, O)), weight=(weight, x.shape),
           base_weight=(base_weight, (*lead, I, O)))  # fmt: skip
    y = x.new_empty((*x.shape[:-1], O))
    if y.numel() == 0 or I == 0:
        return y.zero_()
    if order > degree:
        return y.copy_(vanishing(x).sum(-1, keepdim=True))  # NaN in, NaN out
    x, x_at, x_step = place(x, models)
    coef, coef_at, coef_step = place(coef, models)
    knots, knots_at, knots_step = place(knots, knots.dim() == 3)
    weight, h_at, h_step = place(weight, models)
    base_weight, w_at, w_step = place(base_weight, models)
    threads = shares(M * B, M * B * I * (degree + 1.0) * (O + 16), GRAIN)
    block = _rows_per_block(min(B, -(-M * B // threads)), S, FORWARD_ROWS, 8)
    tasks = M * -(-B // block)
    tables = KnotTables(knots, degree, linear)
    is_wide = VECTOR_BYTES // x.element_size() * WIDE <= O
    entry, address = _forward_entry(x.dtype, degree + 1, base_weight is not None, is_wide)
    _run(
        entry,
        address,
        threads,
        (x, coef, knots, weight, base_weight, y, tables),
        (
            0,
            min(tasks, SHARES * threads),
            tasks,
            x_at,
            x_step,
            coef_at,
            coef_step,
            knots_at,
            knots_step,
            h_at,
            h_step,
            w_at,
            w_step,
            y.data_ptr(),
            B,
            I,
            S,
            O,
            order,
            int(linear),
            block,
            address_of(tables.spacing),
            *tables.addresses(order),
        ),
    )
    return y


def _run(entry: Any, address: int, threads: int, memory: Any, numbers: tuple[int, ...]) -> None:
    data = (ctypes.c_int64 * len(numbers))(*numbers)
    run_on_threads(entry, address, data, threads, memory)


def _backward(flags, x, coef, base_weight, g, knots, weight, degree, order, slope_order, linear):
    models, M, B, I = axes(x)
    S, O = knots.shape[-1] - degree - 1, g.shape[-1]
    lead = x.shape[:-2]
    check(x, degree, order, knots, coef=(coef, (*lead, I, S, O)), cotangent=(g, (*lead, B, O)),
           weight=(weight, x.shape), base_weight=(base_weight, (*lead, I, O)))  # fmt: skip
    if B == 0 or O == 0 or I == 0:
        dcoef = x.new_zeros((*lead, I, S, O))
        return dcoef, x.new_zeros(x.shape), x.new_zeros((*lead, I, O))
    x, x_at, x_step = place(x, models)
    coef, coef_at, coef_step = place(coef, models)
    knots, knots_at, knots_step = place(knots, knots.dim() == 3)
    weight, h_at, h_step = place(weight, models)
    base_weight, w_at, w_step = place(base_weight, models)
    g, g_at, g_step = place(g, models)
    block = _rows_per_block(B, S, BACKWARD_ROWS if O > 64 else FORWARD_ROWS, 32)
    tables = KnotTables(knots, degree, linear)
    (shared, own), (shared_slopes, own_slopes) = tables.addresses(order), tables.addresses(slope_order)
    tasks = M * I
    threads = shares(max(tasks, B // 512), M * B * I * (degree + 1.0) * (2 * O + 32), GRAIN)
    by_rows = threads > tasks  # few inputs, many rows: each share sums coefficient gradients of its own
    n_shares = threads if by_rows else min(tasks, SHARES * threads)
    lead = (n_shares, *lead) if by_rows else lead
    nothing = x.new_empty(0)
    dcoef = x.new_empty((*lead, I, S, O)) if flags & SCATTER else nothing
    dweight = x.new_empty((*lead, I, O)) if flags & SCATTER and flags & BASE else nothing
    dx = x.new_empty(x.shape) if flags & PULL else nothing
    entry, address = _backward_entry(x.dtype, degree + 1, flags, VECTOR_BYTES // x.element_size() < O)
    memory = x, coef, knots, weight, base_weight, g, dcoef, dx, dweight, tables
    _run(entry, address, threads, memory, (0, n_shares,
         x_at, x_step, coef_at, coef_step, knots_at, knots_step, h_at, h_step, w_at, w_step,
         g_at, g_step, dcoef.data_ptr(), dx.data_ptr(), dweight.data_ptr(),
         B, I, S, O, order, slope_order, int(linear), block, M, int(by_rows),
         address_of(tables.spacing), shared, shared_slopes, own, own_slopes))  # fmt: skip
    if by_rows:
        return (dcoef.sum(0) if flags & SCATTER else nothing), dx, (dweight.sum(0) if flags & BASE else nothing)
    return dcoef, dx, dweight

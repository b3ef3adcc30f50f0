"""The contractions on the CPU: blocks of rows, columns sorted by cell, panels of outputs.

Forward, for a block of rows: every input column is sorted by cell once (`cells`), then each panel of
outputs accumulates all inputs into a tile that stays in cache (`microkernels.forward_run`). Threads share
the rows. Backward, for one input at a time: the same sort, then coefficient gradients and input gradients in
one pass over the cotangents (`microkernels.backward_run`). Threads share the inputs, so that no two write the
same gradient; with few inputs and many rows they share the rows and add up private gradients.

Cost per sample, input and output: `k + 1` multiply-adds forward, about twice that backward, for any grid.
"""

import ctypes
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numba import carray, types
from numba.extending import intrinsic
from numba.np.unsafe.ndarray import to_fixed_tuple
from torch import Tensor

from edgewise.kernels.cells import basis_of_runs, fill, first_row, is_uniform, sort_by_cell, uniform_polynomials
from edgewise.kernels.compilation import compiled, compiled_entry
from edgewise.kernels.microkernels import (
    BASE,
    NARROW,
    PULL,
    SCATTER,
    VECTOR_BYTES,
    WIDE,
    PACK,
    UNPACK,
    UNPACK_ADD,
    backward_run,
    copy_rows,
    forward_run,
    lane_sum,
    take_ticket,
)
from edgewise.kernels.silu import silu_of_column
from edgewise.kernels.threads import run_on_threads, shares

SLOTS = 8
"""Columns that the forward kernel keeps sorted at a time."""
FORWARD_ROWS, BACKWARD_ROWS, MOST_ROWS = 512, 256, 1024
"""Rows per block: as tuned for small grids, and at most."""
SHARES = 2
"""Shares of work per thread: more than one, because threads do not always get a core of their own."""
GRAIN = 1.0e5
"""Operations (some ten microseconds) below which another thread does not pay."""

# Constants of the compiled entries, so part of their key in the cache: same bytes in every process.
_KINDS = {torch.float32: np.zeros(1, np.float32), torch.float64: np.zeros(1, np.float64)}
_WIDE, _NARROW, _ONE = (0,) * WIDE, (0,) * NARROW, (0,)


@intrinsic
def _pointer(typingctx, kind, address):
    """The integer `address` as a pointer to elements of the array `kind`."""
    signature = types.CPointer(kind.dtype)(kind, address)

    def codegen(context, builder, signature, args):
        return builder.inttoptr(args[1], context.get_value_type(signature.return_type))

    return signature, codegen


@compiled
def _aligned(kind, elements):
    """Scratch that starts on a vector register's boundary.

    Take its address (`.ctypes.data`) inside the loop that uses it: Numba frees an array after its last use.
    """
    memory = np.empty(elements + VECTOR_BYTES // kind.itemsize, kind.dtype)
    beyond = memory.ctypes.data % VECTOR_BYTES
    skip = np.int64((VECTOR_BYTES - beyond) % VECTOR_BYTES) // kind.itemsize
    return memory[skip : skip + elements]


@compiled
def _tolerance(kind):
    """Largest deviation from equal spacing, in spacings, that the accuracy of `kind` does not see."""
    return 1e-5 if kind.itemsize == 4 else 2e-14


@compiled
def forward(kind, rows, with_base, wide, narrow, numbers, first, last):
    """`y = evaluate(x, coef) (+ silu(x) @ base_weight)` for tasks `first <= task < last`, one per block of rows."""
    (x_at, x_step, coef_at, coef_step, knots_at, knots_step, h_at, h_step, w_at, w_step,
     y_at, B, I, S, O, order, linear, capacity) = numbers  # fmt: skip
    degree, k1 = len(rows) - 1, len(rows)
    bytes_ = kind.itemsize
    lanes = VECTOR_BYTES // bytes_
    vectors = (O + lanes - 1) // lanes
    n_wide = vectors // len(wide)
    n_narrow = vectors - n_wide * len(wide)
    groups = S + k1 + 2  # one per cell, one before and one behind the grid, one more for counting
    slots = min(SLOTS, I)
    tile = _aligned(kind, capacity * vectors * lanes)
    weights = np.empty(slots * k1 * capacity, kind.dtype)
    bases = np.empty(slots * capacity, kind.dtype)
    base, unused = np.empty(capacity, kind.dtype), np.empty(1, kind.dtype)
    orders = np.empty((slots, capacity), np.int32)
    counts = np.empty((slots, groups), np.int32)
    cell, column = np.empty(capacity, np.int32), np.empty(capacity, kind.dtype)
    local, sorted_local = np.empty(capacity, kind.dtype), np.empty(capacity, kind.dtype)
    table, exact_table, work = np.empty((k1, k1), kind.dtype), np.empty((k1, k1)), np.empty((k1, k1))
    uniform_table = np.empty((k1, k1))
    uniform_polynomials(uniform_table, work, degree, order)
    uniform = np.empty(I, np.bool_)
    checked = -1
    blocks = (B + capacity - 1) // capacity
    for task in range(first, last):
        model, block = task // blocks, task % blocks
        begin = block * capacity
        n = min(capacity, B - begin)
        fill(tile, 0, tile.size)
        x = carray(_pointer(kind, x_at + model * x_step * bytes_), B * I)
        if model != checked:
            _check_spacing(kind, uniform, knots_at + model * knots_step * bytes_, 0, I, S + k1, degree)
            checked = model
        for i0 in range(0, I, slots):
            here = min(slots, I - i0)
            for slot in range(here):
                i = i0 + slot
                knots = carray(_pointer(kind, knots_at + (model * knots_step + i * (S + k1)) * bytes_), S + k1)
                for b in range(n):
                    column[b] = x[(begin + b) * I + i]
                sort_by_cell(
                    column, n, knots, degree, linear, order >= degree, uniform[i],
                    cell, local, counts[slot], sorted_local, orders[slot],
                )  # fmt: skip
                basis_of_runs(
                    rows, knots, linear, uniform[i], order, counts[slot], sorted_local, n,
                    weights, slot * k1 * capacity, capacity, table, exact_table, work, uniform_table,
                )  # fmt: skip
                if h_at != 0:
                    h = carray(_pointer(kind, h_at + (model * h_step + begin * I + i) * bytes_), (B - begin) * I)
                    _scale(rows, weights, slot * k1 * capacity, capacity, h, I, orders[slot], n)
                if len(with_base):
                    silu_of_column(column, n, base, unused, False)
                    for q in range(n):
                        bases[slot * capacity + q] = base[np.uint32(orders[slot, q])]
            for panel in range(n_wide + n_narrow):
                is_wide = panel < n_wide
                vector = panel * len(wide) if is_wide else n_wide * len(wide) + panel - n_wide
                tile_at = tile.ctypes.data + vector * lanes * capacity * bytes_
                first_output = vector * lanes
                for slot in range(here):
                    i = i0 + slot
                    coef_here = coef_at + (model * coef_step + i * S * O + first_output) * bytes_
                    w_here = w_at + (model * w_step + i * O + first_output) * bytes_
                    order_at = orders[slot].ctypes.data
                    weight_here = weights.ctypes.data + slot * k1 * capacity * bytes_
                    base_here = bases.ctypes.data + slot * capacity * bytes_
                    for group in range(groups - 1):
                        start, stop = np.int64(counts[slot, group]), np.int64(counts[slot, group + 1])
                        if start == stop:
                            continue
                        row = coef_here + first_row(group, degree, S) * O * bytes_
                        if is_wide:
                            forward_run(kind, rows, wide, with_base, (
                                row, O, w_here, O - first_output, start, stop, order_at, weight_here, capacity, base_here,
                                tile_at))  # fmt: skip
                        else:
                            forward_run(kind, rows, narrow, with_base, (
                                row, O, w_here, O - first_output, start, stop, order_at, weight_here, capacity, base_here,
                                tile_at))  # fmt: skip
        y = carray(_pointer(kind, y_at + (model * B + begin) * O * bytes_), n * O)
        for vector in range(vectors):
            in_wide = vector < n_wide * len(wide)
            stride = lanes * len(wide) if in_wide else lanes
            shift = (vector // len(wide) * len(wide) * capacity + vector % len(wide)) * lanes if in_wide else vector * capacity * lanes
            first_output = vector * lanes
            width = min(lanes, O - first_output)
            for b in range(n):
                for o in range(width):
                    y[b * O + first_output + o] = tile[shift + b * stride + o]


@compiled
def _check_spacing(kind, uniform, knots_at, first, last, count, degree):
    """Which inputs have equally spaced knots."""
    for i in range(first, last):
        knots = carray(_pointer(kind, knots_at + i * count * kind.itemsize), count)
        uniform[i] = is_uniform(knots, degree, _tolerance(kind))


@compiled
def _scale(rows, weights, offset, capacity, h, stride, order, n):
    for s in range(len(rows)):
        for q in range(n):
            weights[offset + s * capacity + q] *= h[order[q] * stride]


@compiled
def _load_tile(kind, tile, capacity, width, g, n, O):
    """Copy `(n, O)` cotangents into padded panels of `width` registers."""
    lanes = VECTOR_BYTES // kind.itemsize
    panel = lanes * width
    for column in range(0, O, panel):
        valid = min(panel, O - column)
        at = column * capacity
        for b in range(n):
            for o in range(valid):
                tile[at + b * panel + o] = g[b * O + column + o]
            for o in range(valid, panel):
                tile[at + b * panel + o] = 0


@compiled
def _pack(kind, wide, packed_at, height, rows_at, count, O):
    """Copy `(count, O)` rows into panels of `height` rows, padded with zeros."""
    lanes = VECTOR_BYTES // kind.itemsize
    panel = lanes * len(wide)
    for column in range(0, O, panel):
        source, target = rows_at + column * kind.itemsize, packed_at + column * height * kind.itemsize
        copy_rows(kind, wide, wide, PACK, (source, O, target, panel, count, O - column))


@compiled
def _unpack(kind, wide, packed_at, height, rows_at, count, O, add):
    """The way back: write, or add, to `(count, O)` rows."""
    lanes = VECTOR_BYTES // kind.itemsize
    panel = lanes * len(wide)
    for column in range(0, O, panel):
        source, target = packed_at + column * height * kind.itemsize, rows_at + column * kind.itemsize
        if add:
            copy_rows(kind, wide, wide, UNPACK_ADD, (source, panel, target, O, count, O - column))
        else:
            copy_rows(kind, wide, wide, UNPACK, (source, panel, target, O, count, O - column))


@compiled
def _unload(kind, pulled_at, order, n, out, stride):
    """`out[order[q]] = sum of the lanes of vector q`."""
    for q in range(n):
        out[np.int64(order[q]) * stride] = lane_sum(kind, pulled_at + q * VECTOR_BYTES)


@compiled
def backward(kind, rows, flags, wide, numbers, share, shares):
    """Gradients of `forward`, the part of one share: some (model, input) pairs, or some rows of all pairs.

    Shares of rows write coefficient gradients of their own, one after the other. `flags` (its length) says which: SCATTER coefficients, PULL inputs, BASE the residual branch beside them.
    """
    (x_at, x_step, coef_at, coef_step, knots_at, knots_step, h_at, h_step, w_at, w_step,
     g_at, g_step, dcoef_at, dx_at, dw_at, B, I, S, O, order, slope_order, linear, capacity,
     models, by_rows) = numbers  # fmt: skip
    row_first, row_last, first, last = 0, B, models * I * share // shares, models * I * (share + 1) // shares
    if by_rows:
        row_first, row_last, first, last = B * share // shares, B * (share + 1) // shares, 0, models * I
        dcoef_at += share * models * I * S * O * kind.itemsize
        dw_at += share * models * I * O * kind.itemsize
    degree, k1 = len(rows) - 1, len(rows)
    bytes_ = kind.itemsize
    lanes = VECTOR_BYTES // bytes_
    panel = lanes * len(wide)
    panels = (O + panel - 1) // panel
    groups = S + k1 + 2
    scatter, pull, with_base = (len(flags) & SCATTER) != 0, (len(flags) & PULL) != 0, (len(flags) & BASE) != 0
    tile = _aligned(kind, capacity * panels * panel)
    pulled = _aligned(kind, capacity * lanes)
    packed, packed_sums = _aligned(kind, panels * panel * (S + 1)), _aligned(kind, panels * panel * (S + 1))
    weights = np.empty(2 * k1 * capacity, kind.dtype)
    bases = np.empty(2 * capacity, kind.dtype)
    base, base_slope = np.empty(capacity, kind.dtype), np.empty(capacity, kind.dtype)
    order_of = np.empty(capacity, np.int32)
    counts = np.empty(groups, np.int32)
    cell, column = np.empty(capacity, np.int32), np.empty(capacity, kind.dtype)
    local, sorted_local = np.empty(capacity, kind.dtype), np.empty(capacity, kind.dtype)
    table, exact_table, work = np.empty((k1, k1), kind.dtype), np.empty((k1, k1)), np.empty((k1, k1))
    uniform_values, uniform_slopes = np.empty((k1, k1)), np.empty((k1, k1))
    uniform_polynomials(uniform_values, work, degree, order)
    uniform_polynomials(uniform_slopes, work, degree, slope_order)
    uniform = np.empty(I, np.bool_)
    for model in range(first // I, (last + I - 1) // I):
        x = carray(_pointer(kind, x_at + model * x_step * bytes_), B * I)
        i_first, i_last = max(first - model * I, 0), min(last - model * I, I)
        _check_spacing(kind, uniform, knots_at + model * knots_step * bytes_, i_first, i_last, S + k1, degree)
        for begin in range(row_first, max(row_last, row_first + 1), capacity):
            n = min(capacity, row_last - begin)
            g = carray(_pointer(kind, g_at + (model * g_step + begin * O) * bytes_), n * O)
            _load_tile(kind, tile, capacity, len(wide), g, n, O)
            for i in range(i_first, i_last):
                if pull:
                    coef_here = coef_at + (model * coef_step + i * S * O) * bytes_
                    _pack(kind, wide, packed.ctypes.data, S + 1, coef_here, S, O)
                    if with_base:
                        w_here = w_at + (model * w_step + i * O) * bytes_
                        _pack(kind, wide, packed.ctypes.data + S * panel * bytes_, S + 1, w_here, 1, O)
                if scatter:
                    fill(packed_sums, 0, packed_sums.size)
                knots = carray(_pointer(kind, knots_at + (model * knots_step + i * (S + k1)) * bytes_), S + k1)
                for b in range(n):
                    column[b] = x[(begin + b) * I + i]
                sort_by_cell(
                    column, n, knots, degree, linear, max(order, slope_order) >= degree, uniform[i],
                    cell, local, counts, sorted_local, order_of,
                )  # fmt: skip
                if scatter:
                    basis_of_runs(
                        rows, knots, linear, uniform[i], order, counts, sorted_local, n,
                        weights, 0, capacity, table, exact_table, work, uniform_values,
                    )  # fmt: skip
                    if h_at != 0:
                        h = carray(_pointer(kind, h_at + (model * h_step + begin * I + i) * bytes_), (B - begin) * I)
                        _scale(rows, weights, 0, capacity, h, I, order_of, n)
                if pull:
                    basis_of_runs(
                        rows, knots, linear, uniform[i], slope_order, counts, sorted_local, n,
                        weights, k1 * capacity, capacity, table, exact_table, work, uniform_slopes,
                    )  # fmt: skip
                    fill(pulled, 0, n * lanes)
                if with_base:
                    silu_of_column(column, n, base, base_slope, pull)
                    for q in range(n):
                        bases[q] = base[np.uint32(order_of[q])]
                    if pull:
                        for q in range(n):
                            bases[capacity + q] = base_slope[np.uint32(order_of[q])]
                for p in range(panels):
                    for group in range(groups - 1):
                        start, stop = np.int64(counts[group]), np.int64(counts[group + 1])
                        if start == stop:
                            continue
                        here = p * (S + 1) * panel * bytes_
                        row, base_row = here + first_row(group, degree, S) * panel * bytes_, here + S * panel * bytes_
                        backward_run(kind, rows, wide, flags, (
                            packed.ctypes.data + row, packed_sums.ctypes.data + row,
                            packed.ctypes.data + base_row, packed_sums.ctypes.data + base_row,
                            start, stop, order_of.ctypes.data, weights.ctypes.data,
                            weights.ctypes.data + k1 * capacity * bytes_, capacity, bases.ctypes.data,
                            bases.ctypes.data + capacity * bytes_,
                            tile.ctypes.data + p * panel * capacity * bytes_, pulled.ctypes.data))  # fmt: skip
                if scatter:
                    add = begin > row_first
                    sums_at = packed_sums.ctypes.data
                    _unpack(kind, wide, sums_at, S + 1, dcoef_at + (model * I + i) * S * O * bytes_, S, O, add)
                    if with_base:
                        dw_here = dw_at + (model * I + i) * O * bytes_
                        _unpack(kind, wide, sums_at + S * panel * bytes_, S + 1, dw_here, 1, O, add)
                if pull:
                    shift = (model * B + begin) * I + i
                    _unload(kind, pulled.ctypes.data, order_of, n, carray(_pointer(kind, dx_at + shift * bytes_), (B - begin) * I), I)


@lru_cache(maxsize=None)
def _forward_entry(dtype: torch.dtype, k1: int, with_base: bool, is_wide: bool) -> tuple[Any, int]:
    kind, rows = _KINDS[dtype], (0,) * k1
    base, wide = _ONE if with_base else (), _WIDE if is_wide else _ONE

    def entry(data):
        ticket, shares, tasks = to_fixed_tuple(carray(data, 3, np.int64), 3)
        numbers = to_fixed_tuple(carray(data, 21, np.int64)[3:], 18)
        share = take_ticket(data)
        while share < shares:
            forward(kind, rows, base, wide, _ONE, numbers, tasks * share // shares, tasks * (share + 1) // shares)
            share = take_ticket(data)

    function = compiled_entry(entry)
    return function.ctypes, function.address


@lru_cache(maxsize=None)
def _backward_entry(dtype: torch.dtype, k1: int, flags: int, is_wide: bool) -> tuple[Any, int]:
    kind, rows, tag = _KINDS[dtype], (0,) * k1, (0,) * flags
    wide = _NARROW if is_wide else _ONE

    def entry(data):
        ticket, shares = to_fixed_tuple(carray(data, 2, np.int64), 2)
        numbers = to_fixed_tuple(carray(data, 27, np.int64)[2:], 25)
        share = take_ticket(data)
        while share < shares:
            backward(kind, rows, tag, wide, numbers, share, shares)
            share = take_ticket(data)

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


def _place(tensor: Tensor | None, models: bool) -> tuple[Tensor | None, int, int]:
    """A tensor whose models are contiguous, its address, and the elements from one model to the next."""
    if tensor is None:
        return None, 0, 0
    if not tensor.is_contiguous():
        shared = models and tensor.stride(0) == 0  # an expanded model axis needs no copies
        tensor = tensor[:1].contiguous().expand_as(tensor) if shared else tensor.contiguous()
    return tensor, tensor.data_ptr(), tensor.stride(0) if models else 0


def _capacity(rows: int, basis: int, wanted: int, per_cell: int) -> int:
    """Rows per block: what the caches like, more where cells would hold fewer than `per_cell` samples."""
    while wanted < per_cell * basis and wanted < MOST_ROWS:
        wanted *= 2
    return min(wanted, -(-rows // 16) * 16)  # whole registers


def _forward(x, coef, base_weight, knots, weight, degree, order, linear) -> Tensor:
    models = x.dim() == 3
    M = x.shape[0] if models else 1
    B, I = x.shape[-2:]
    S, O = coef.shape[-2:]
    y = x.new_empty((*x.shape[:-1], O))
    if y.numel() == 0:
        return y
    if order > degree:
        return y.copy_((0 * x).sum(-1, keepdim=True))  # NaN in, NaN out
    x, x_at, x_step = _place(x, models)
    coef, coef_at, coef_step = _place(coef, models)
    knots, knots_at, knots_step = _place(knots, knots.dim() == 3)
    weight, h_at, h_step = _place(weight, models)
    base_weight, w_at, w_step = _place(base_weight, models)
    threads = shares(M * B, M * B * I * (degree + 1.0) * (O + 16), GRAIN)
    capacity = _capacity(min(B, -(-M * B // threads)), S, FORWARD_ROWS, 8)
    tasks = M * -(-B // capacity)
    is_wide = VECTOR_BYTES // x.element_size() * WIDE <= O
    entry, address = _forward_entry(x.dtype, degree + 1, base_weight is not None, is_wide)
    _run(entry, address, threads, (0, min(tasks, SHARES * threads), tasks,
         x_at, x_step, coef_at, coef_step, knots_at, knots_step, h_at, h_step, w_at, w_step,
         y.data_ptr(), B, I, S, O, order, int(linear), capacity))  # fmt: skip
    return y


def _run(entry: Any, address: int, threads: int, numbers: tuple[int, ...]) -> None:
    data = (ctypes.c_int64 * len(numbers))(*numbers)
    run_on_threads(entry, address, ctypes.addressof(data), threads)


def _backward(flags, x, coef, base_weight, g, knots, weight, degree, order, slope_order, linear):
    models = x.dim() == 3
    M = x.shape[0] if models else 1
    B, I = x.shape[-2:]
    S, O = knots.shape[-1] - degree - 1, g.shape[-1]
    lead = x.shape[:-2]
    x, x_at, x_step = _place(x, models)
    coef, coef_at, coef_step = _place(coef, models)
    knots, knots_at, knots_step = _place(knots, knots.dim() == 3)
    weight, h_at, h_step = _place(weight, models)
    base_weight, w_at, w_step = _place(base_weight, models)
    g, g_at, g_step = _place(g, models)
    capacity = _capacity(B, S, BACKWARD_ROWS if O > 64 else FORWARD_ROWS, 32)
    tasks = M * I
    threads = shares(max(tasks, B // 512), M * B * I * (degree + 1.0) * (2 * O + 32), GRAIN)
    by_rows = threads > tasks  # few inputs, many rows: each share sums coefficient gradients of its own
    n_shares = threads if by_rows else min(tasks, SHARES * threads)
    own = (n_shares,) if by_rows else ()
    nothing = x.new_empty(0)
    dcoef = x.new_empty((*own, *lead, I, S, O)) if flags & SCATTER else nothing
    dweight = x.new_empty((*own, *lead, I, O)) if flags & SCATTER and flags & BASE else nothing
    dx = x.new_empty(x.shape) if flags & PULL else nothing
    entry, address = _backward_entry(x.dtype, degree + 1, flags, VECTOR_BYTES // x.element_size() < O)
    _run(entry, address, threads, (0, n_shares,
         x_at, x_step, coef_at, coef_step, knots_at, knots_step, h_at, h_step, w_at, w_step,
         g_at, g_step, dcoef.data_ptr(), dx.data_ptr(), dweight.data_ptr(),
         B, I, S, O, order, slope_order, int(linear), capacity, M, int(by_rows)))  # fmt: skip
    if by_rows:
        return (dcoef.sum(0) if flags & SCATTER else nothing), dx, (dweight.sum(0) if flags & BASE else nothing)
    return dcoef, dx, dweight

"""The compiled loops of the CPU kernels: blocks of rows, columns sorted by cell, panels of outputs.

Forward, for a block of rows: every input column is sorted by cell once (`cells`), then each panel of
outputs accumulates all inputs into a tile that stays in cache (`microkernels.forward_run`). Threads share
the rows. Backward, for one input at a time: the same sort, then for each panel coefficient gradients and input
gradients (`microkernels.scatter_column` and `pull_column`). Threads share the inputs, so that no two write the
same gradient; with few inputs and many rows they share the rows and add up private gradients.

Cost per sample, input and output: `k + 1` multiply-adds forward, about twice that backward, for any grid.
"""

# pyright: reportCallIssue=false, reportPrivateImportUsage=false
# (Numba's intrinsics have one parameter more than their callers pass)

import numpy as np

from edgewise.kernels.cells import basis_of_runs, fill, is_uniform, sort_by_cell
from edgewise.kernels.compilation import compiled, compiled_for_python
from edgewise.kernels.emitter import VECTOR_BYTES, lane_sum
from edgewise.kernels.memory import address_to_array, aligned
from edgewise.kernels.microkernels import (
    PACK,
    PULL,
    SCATTER,
    UNPACK,
    UNPACK_ADD,
    copy_panels,
    forward_column,
    pull_column,
    scatter_column,
)
from edgewise.kernels.silu import silu_of_column

SLOTS = 8
"""Columns that the forward kernel keeps sorted at a time."""
SLACK = 16
"""Elements beyond the rows of a block: whole registers are written."""


@compiled_for_python
def spacings(kind, knots_at, rows, count, degree, out):
    """Spacing of every equally spaced row of knots into `out`, 0 for the others.

    Equal means to an accuracy that results in `kind` do not show.

    Returns:
        How many others there are.
    """
    others = 0
    for i in range(rows):
        knots = address_to_array(kind, knots_at + i * count * kind.itemsize, count)
        out[i] = 0.0
        if is_uniform(knots, degree):
            out[i] = (float(knots[count - 1 - degree]) - float(knots[degree])) / (count - 1 - 2 * degree)
        else:
            others += 1
    return others


@compiled
def _sort_column(x, begin, i, I, n, knots, degree, linear, exact, uniform, column, cell, local, starts, sorted_, order):
    for b in range(n):
        column[b] = x[(begin + b) * I + i]
    sort_by_cell(column, n, knots, degree, linear, exact, uniform, cell, local, starts, sorted_, order)


@compiled
def _basis(rows, linear, order, spacing, starts, local, weights, offset, capacity, uniform_at, own_at, i, factor):
    """`basis_of_runs` with the tables of input `i`."""
    tables_of_input = starts.size - 1 if spacing == 0.0 else 2 * len(rows) + 1
    size = tables_of_input * len(rows) * len(rows)
    at = uniform_at if spacing != 0.0 else own_at + i * size * 8
    factor[0] = 1.0
    if spacing != 0.0:
        for _ in range(order):
            factor[0] /= spacing
    tables = address_to_array(factor, at, size)
    basis_of_runs(rows, linear, spacing != 0.0, order, factor, starts, local, weights, offset, capacity, tables)


@compiled
def _scale(rows, weights, offset, capacity, h, stride, order, n):
    for s in range(len(rows)):
        for q in range(n):
            weights[offset + s * capacity + q] *= h[order[q] * stride]


@compiled
def forward(kind, rows, with_base, wide, narrow, numbers, first, last):
    """`y = evaluate(x, coef) (+ silu(x) @ base_weight)` for tasks `first <= task < last`, one per block of rows."""
    (x_at, x_step, coef_at, coef_step, knots_at, knots_step, h_at, h_step, w_at, w_step,
     y_at, B, I, S, O, order, linear, block, spacing_at, uniform_at, own_at) = numbers  # fmt: skip
    degree, k1 = len(rows) - 1, len(rows)
    bytes_ = kind.itemsize
    lanes = VECTOR_BYTES // bytes_
    vectors = (O + lanes - 1) // lanes
    n_wide = O // (lanes * len(wide))  # full panels only: narrow ones read their valid lanes alone
    n_narrow = vectors - n_wide * len(wide)
    groups = S + k1 + 1  # one per cell, one before and one behind the grid
    capacity = block + SLACK
    slots = min(SLOTS, I)
    tile = aligned(kind, capacity * vectors * lanes)
    weights = np.empty(slots * k1 * capacity, kind.dtype)
    bases = np.empty(slots * capacity, kind.dtype)
    base, unused = np.empty(capacity, kind.dtype), np.empty(1, kind.dtype)
    orders = np.empty((slots, capacity), np.int32)
    starts = np.empty((slots, groups + 1), np.int32)
    cell, column = np.empty(capacity, np.int32), np.empty(capacity, kind.dtype)
    local, sorted_local = np.empty(capacity, kind.dtype), np.empty(capacity, kind.dtype)
    factor = np.empty(1)
    blocks = (B + block - 1) // block
    for task in range(first, last):
        model, begin = task // blocks, task % blocks * block
        n = min(block, B - begin)
        fill(tile, 0, tile.size)
        x = address_to_array(kind, x_at + model * x_step * bytes_, B * I)
        for i0 in range(0, I, slots):
            here = min(slots, I - i0)
            for slot in range(here):
                i = i0 + slot
                knots = address_to_array(kind, knots_at + (model * knots_step + i * (S + k1)) * bytes_, S + k1)
                own_row = i + (model * I if knots_step else 0)
                spacing = address_to_array(factor, spacing_at + own_row * 8, 1)[0]
                _sort_column(
                    x, begin, i, I, n, knots, degree, linear, order >= degree, spacing != 0.0,
                    column, cell, local, starts[slot], sorted_local, orders[slot],
                )  # fmt: skip
                _basis(
                    rows, linear, order, spacing, starts[slot], sorted_local, weights, slot * k1 * capacity, capacity,
                    uniform_at, own_at, own_row, factor,
                )  # fmt: skip
                if h_at != 0:
                    h = address_to_array(kind, h_at + (model * h_step + begin * I + i) * bytes_, (B - begin) * I)
                    _scale(rows, weights, slot * k1 * capacity, capacity, h, I, orders[slot], n)
                if len(with_base):
                    silu_of_column(column, n, base, unused, False)
                    for q in range(n):
                        bases[slot * capacity + q] = base[np.uint32(orders[slot, q])]
            for panel in range(n_wide + n_narrow):
                is_wide = panel < n_wide
                vector = panel * len(wide) if is_wide else n_wide * len(wide) + panel - n_wide
                column_of_output = vector * lanes
                for slot in range(here):
                    i = i0 + slot
                    column_data = (
                        coef_at + (model * coef_step + i * S * O + column_of_output) * bytes_, O,
                        w_at + (model * w_step + i * O + column_of_output) * bytes_, O - column_of_output,
                        starts[slot].ctypes.data, S - degree, n, orders[slot].ctypes.data,
                        weights.ctypes.data + slot * k1 * capacity * bytes_, capacity,
                        bases.ctypes.data + slot * capacity * bytes_,
                        tile.ctypes.data + vector * lanes * capacity * bytes_,
                    )  # fmt: skip
                    if is_wide or len(wide) == 1:  # with one width, compile one loop
                        forward_column(kind, rows, wide, with_base, column_data)
                    else:
                        forward_column(kind, rows, narrow, with_base, column_data)
        y_here = y_at + (model * B + begin) * O * bytes_
        for vector in range(0, n_wide * len(wide), len(wide)):
            _store_tile(kind, wide, tile.ctypes.data, vector, capacity, y_here, n, O)
        for vector in range(n_wide * len(wide), vectors):
            _store_tile(kind, narrow, tile.ctypes.data, vector, capacity, y_here, n, O)


@compiled
def _store_tile(kind, wide, tile_at, vector, capacity, y_at, n, O):
    """Copy one panel of the tile into its columns of `y`."""
    lanes = VECTOR_BYTES // kind.itemsize
    source = tile_at + vector * lanes * capacity * kind.itemsize
    target = y_at + vector * lanes * kind.itemsize
    copy_panels(kind, wide, wide, UNPACK, (source, lanes * len(wide), target, O, n, O - vector * lanes))


@compiled
def _repack(kind, wide, direction, packed_at, height, rows_at, count, O):
    """Copy `(count, O)` rows to or from panels of `height` rows; what is beyond the last output reads as zero.

    Row after row, all full panels of each: the side that lies in memory is then read or written in order.
    """
    panel = VECTOR_BYTES // kind.itemsize * len(wide)
    full = O // panel
    for r in range(count):
        row, packed = rows_at + r * O * kind.itemsize, packed_at + r * panel * kind.itemsize
        _copy(kind, wide, direction, (row, panel), (packed, height * panel), full, panel)
    if full * panel < O:
        row, packed = rows_at + full * panel * kind.itemsize, packed_at + full * panel * height * kind.itemsize
        _copy(kind, wide, direction, (row, O), (packed, panel), count, O - full * panel)


@compiled
def _copy(kind, wide, direction, row, packed, count, valid):
    """`count` pieces of a panel's width, given the address and stride of either side."""
    source, target = (row, packed) if len(direction) == len(PACK) else (packed, row)
    copy_panels(kind, wide, wide, direction, (source[0], source[1], target[0], target[1], count, valid))


@compiled
def _pack(kind, wide, packed_at, height, rows_at, count, O):
    _repack(kind, wide, PACK, packed_at, height, rows_at, count, O)


@compiled
def _unpack(kind, wide, packed_at, height, rows_at, count, O, add):
    if add:
        _repack(kind, wide, UNPACK_ADD, packed_at, height, rows_at, count, O)
    else:
        _repack(kind, wide, UNPACK, packed_at, height, rows_at, count, O)


@compiled
def _unload(kind, pulled_at, order, n, out, stride):
    """`out[order[q]] = sum of the lanes of vector q`."""
    for q in range(n):
        out[np.int64(order[q]) * stride] = lane_sum(kind, pulled_at + q * VECTOR_BYTES)


@compiled
def backward(kind, rows, flags, with_base, wide, numbers, share, shares):
    """Gradients of `forward`, the part of one share: some (model, input) pairs, or some rows of all pairs.

    Shares of rows write coefficient gradients of their own, one after the other. `flags` (its length) says which:
    SCATTER coefficients, PULL inputs. `with_base` is empty without the residual branch.
    """
    (x_at, x_step, coef_at, coef_step, knots_at, knots_step, h_at, h_step, w_at, w_step,
     g_at, g_step, dcoef_at, dx_at, dw_at, B, I, S, O, order, slope_order, linear, block,
     models, by_rows, spacing_at, uniform_at, uniform_slopes_at, own_at, own_slopes_at) = numbers  # fmt: skip
    degree, k1 = len(rows) - 1, len(rows)
    bytes_ = kind.itemsize
    row_first, row_last, first, last = 0, B, models * I * share // shares, models * I * (share + 1) // shares
    if by_rows:
        row_first, row_last, first, last = B * share // shares, B * (share + 1) // shares, 0, models * I
        dcoef_at += share * models * I * S * O * bytes_
        dw_at += share * models * I * O * bytes_
    lanes = VECTOR_BYTES // bytes_
    panel = lanes * len(wide)
    panels = (O + panel - 1) // panel
    groups = S + k1 + 1
    capacity = block + SLACK
    height = S + 1  # packed rows: the coefficients, then the residual factors
    scatter, pull = (len(flags) & SCATTER) != 0, (len(flags) & PULL) != 0
    tile = aligned(kind, capacity * panels * panel)
    pulled = aligned(kind, capacity * lanes)
    packed, packed_sums = aligned(kind, panels * panel * height), aligned(kind, panels * panel * height)
    weights = np.empty(2 * k1 * capacity, kind.dtype)
    bases = np.empty(2 * capacity, kind.dtype)
    base, base_slope = np.empty(capacity, kind.dtype), np.empty(capacity, kind.dtype)
    order_of, starts = np.empty(capacity, np.int32), np.empty(groups + 1, np.int32)
    cell, column = np.empty(capacity, np.int32), np.empty(capacity, kind.dtype)
    local, sorted_local = np.empty(capacity, kind.dtype), np.empty(capacity, kind.dtype)
    factor = np.empty(1)
    for model in range(first // I, (last + I - 1) // I):
        x = address_to_array(kind, x_at + model * x_step * bytes_, B * I)
        for begin in range(row_first, max(row_last, row_first + 1), block):
            n = min(block, row_last - begin)
            _pack(kind, wide, tile.ctypes.data, capacity, g_at + (model * g_step + begin * O) * bytes_, n, O)
            for i in range(max(first - model * I, 0), min(last - model * I, I)):
                if pull:
                    coef_here = coef_at + (model * coef_step + i * S * O) * bytes_
                    _pack(kind, wide, packed.ctypes.data, height, coef_here, S, O)
                    if len(with_base):
                        w_here = w_at + (model * w_step + i * O) * bytes_
                        _pack(kind, wide, packed.ctypes.data + S * panel * bytes_, height, w_here, 1, O)
                    fill(pulled, 0, n * lanes)
                knots = address_to_array(kind, knots_at + (model * knots_step + i * (S + k1)) * bytes_, S + k1)
                own_row = i + (model * I if knots_step else 0)
                spacing = address_to_array(factor, spacing_at + own_row * 8, 1)[0]
                _sort_column(
                    x, begin, i, I, n, knots, degree, linear, max(order, slope_order) >= degree, spacing != 0.0,
                    column, cell, local, starts, sorted_local, order_of,
                )  # fmt: skip
                for part in range(0 if scatter else 1, 2 if pull else 1):
                    part_order, shared_at, private_at = order, uniform_at, own_at
                    if part == 1:
                        part_order, shared_at, private_at = slope_order, uniform_slopes_at, own_slopes_at
                    _basis(
                        rows, linear, part_order, spacing, starts, sorted_local, weights, part * k1 * capacity,
                        capacity, shared_at, private_at, own_row, factor,
                    )  # fmt: skip
                if scatter and h_at != 0:
                    h = address_to_array(kind, h_at + (model * h_step + begin * I + i) * bytes_, (B - begin) * I)
                    _scale(rows, weights, 0, capacity, h, I, order_of, n)
                if len(with_base):
                    silu_of_column(column, n, base, base_slope, pull)
                    for q in range(n):
                        bases[q] = base[np.uint32(order_of[q])]
                    if pull:
                        for q in range(n):
                            bases[capacity + q] = base_slope[np.uint32(order_of[q])]
                for p in range(panels):
                    row = p * height * panel * bytes_
                    base_row = row + S * panel * bytes_
                    tile_at = tile.ctypes.data + p * panel * capacity * bytes_
                    if scatter:
                        scatter_column(kind, rows, wide, with_base, (
                            packed_sums.ctypes.data + row, packed_sums.ctypes.data + base_row,
                            starts.ctypes.data, S - degree, n, order_of.ctypes.data,
                            weights.ctypes.data, capacity, bases.ctypes.data, tile_at))  # fmt: skip
                    if pull:
                        pull_column(kind, rows, wide, with_base, (
                            packed.ctypes.data + row, packed.ctypes.data + base_row,
                            starts.ctypes.data, S - degree, n, order_of.ctypes.data,
                            weights.ctypes.data + k1 * capacity * bytes_, capacity,
                            bases.ctypes.data + capacity * bytes_, tile_at, pulled.ctypes.data))  # fmt: skip
                if scatter:
                    add = begin > row_first
                    sums_at = packed_sums.ctypes.data
                    _unpack(kind, wide, sums_at, height, dcoef_at + (model * I + i) * S * O * bytes_, S, O, add)
                    if len(with_base):
                        dw_here = dw_at + (model * I + i) * O * bytes_
                        _unpack(kind, wide, sums_at + S * panel * bytes_, height, dw_here, 1, O, add)
                if pull:
                    dx_here = dx_at + ((model * B + begin) * I + i) * bytes_
                    _unload(kind, pulled.ctypes.data, order_of, n, address_to_array(kind, dx_here, (B - begin) * I), I)

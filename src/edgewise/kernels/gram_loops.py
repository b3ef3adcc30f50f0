"""The compiled loops of `gram_cpu`: sums of outer products of sparse rows.

A row of a KAN's Jacobian is zero but for a few *runs* of neighbouring entries: for every input of a layer the `k + 1`
coefficient rows of its cell, and for every layer the residual factors. The residual itself is one more entry, at the
end, so that `[J r]' [J r]` holds the gradient and the loss in its last row.

Each run is padded with zeros to whole registers and `ROWS` entries. What the padding adds to the entries behind a
run is zero.
"""

# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportPrivateImportUsage=false
# (Numba's intrinsics have one parameter more than their callers pass)

import numpy as np
from numba.core import cgutils

from edgewise.kernels.cells import fill, local_basis
from edgewise.kernels.compilation import compiled, inlined
from edgewise.kernels.emitter import VECTOR_BYTES, Emitter, rolled, vector_function
from edgewise.kernels.memory import address_to_array, aligned

BLOCK = 32
"""Rows whose basis values are computed together."""
ROWS = 4
"""Entries of a run that are multiplied together: with three registers of others there are twelve sums."""
_ROWS = (0,) * ROWS
LAYER_NUMBERS = 16
"""Integers that describe a layer, see `gram_cpu`."""


def _emit_add_outer(
    to: Emitter, rows: int, width: int, _flags: int,
    left, left_columns, right, right_columns, row_stride, samples, gram, stride,
) -> None:  # fmt: skip
    """`gram[i, j] += row[i] * row[j]` for `rows` entries `i` of one run, `width` registers `j` of another; all samples.

    `left` and `right` are where these entries lie in the first sample's row, `left_columns` and `right_columns` where
    their runs lie in every sample's Jacobian, `gram` belongs to columns 0. Sums stay in registers while neighbouring
    samples lie in the same cells.
    """
    builder = to.builder
    sums = [[cgutils.alloca_once(builder, to.vector) for _ in range(width)] for _ in range(rows)]
    corner = cgutils.alloca_once_value(builder, gram)

    def clear() -> None:
        for register in (register for line in sums for register in line):
            builder.store(to.zero, register)

    def flush() -> None:
        place = builder.load(corner)
        for line in sums:
            for w, register in enumerate(line):
                entries = to.offset(place, w * to.lanes)
                to.store(builder.fadd(to.load(entries), builder.load(register)), entries)
            place = to.address(place, stride)

    clear()
    with rolled(builder, to.count(0), samples) as n:
        skip = builder.mul(n, row_stride)
        factors_at, values_at = to.address(left, skip), to.address(right, skip)
        line = to.index(to.address(left_columns, n, 4))
        column = to.index(to.address(right_columns, n, 4))
        here = to.address(to.address(gram, builder.mul(line, stride)), column)
        with builder.if_then(builder.icmp_unsigned("!=", here, builder.load(corner))):
            flush()
            clear()
            builder.store(here, corner)
        values = [to.load(to.offset(values_at, w * to.lanes)) for w in range(width)]
        for r, line in enumerate(sums):
            factor = to.splat(to.offset(factors_at, r))
            for value, register in zip(values, line, strict=True):
                builder.store(to.fma(factor, value, builder.load(register)), register)
    flush()


_add_outer = vector_function(_emit_add_outer, 8)


@compiled
def _count_runs(layers):
    runs = np.int64(1)
    for l in range(len(layers)):
        runs += layers[l, 0] + np.int64(layers[l, 5] != 0)
    return runs


@compiled
def _registers(kind, entries):
    """Registers of a run in a row, so that `ROWS` entries and whole registers can be read everywhere."""
    unit = max(VECTOR_BYTES // kind.itemsize, ROWS)
    return (entries + unit - 1) // unit * unit // (VECTOR_BYTES // kind.itemsize)


@compiled
def _lay_out(kind, rows, layers, lengths, places):
    """Entries of each run, and where each begins in a row; the registers of a row."""
    lanes = VECTOR_BYTES // kind.itemsize
    run, total = np.int64(0), np.int64(0)
    for l in range(len(layers)):
        I, O = layers[l, 0], layers[l, 1]
        for i in range(I + np.int64(layers[l, 5] != 0)):
            lengths[run] = len(rows) * O if i < I else I * O
            places[run] = total * lanes
            total += _registers(kind, lengths[run])
            run += 1
    lengths[run], places[run] = 1, total * lanes
    return total + _registers(kind, 1)


@compiled
def _fill_rows(kind, rows, numbers, layers, m, start, count, places, columns, values, block, width):
    """The sparse rows `start <= b < start + count` of `[J r]`: entries into `block`, places of runs into `columns`."""
    linear, residual_at, residual_step, n, _ = numbers
    bytes_, k1, unit = kind.itemsize, len(rows), np.empty(1)
    x, group, local = np.empty(BLOCK, kind.dtype), np.empty(BLOCK, np.int32), np.empty(BLOCK, kind.dtype)
    run = np.int64(0)
    for l in range(len(layers)):
        layer = layers[l]
        I, O, S = layer[0], layer[1], layer[2]
        T, with_base = S + k1, layer[5] != 0
        inputs = address_to_array(kind, layer[3] + (m * layer[4] + start * I) * bytes_, count * I)
        g = address_to_array(kind, layer[7] + (m * layer[8] + start * O) * bytes_, count * O)
        for i in range(I):
            for q in range(count):
                x[q] = inputs[q * I + i]
            knots = address_to_array(kind, layer[9] + (m * layer[10] + i * T) * bytes_, T)
            row_of_knots = m * (layer[10] // T) + i
            uniform = address_to_array(unit, layer[11] + row_of_knots * 8, 1)[0] > 0.0
            size = (2 * k1 + 1 if uniform else T + 1) * k1 * k1
            tables_at = layer[12] if uniform else layer[13] + row_of_knots * size * 8
            tables = address_to_array(unit, tables_at, size)
            local_basis(rows, linear, uniform, x, count, knots, group, local, tables, columns[run], values)
            for q in range(count):
                columns[run, q] = layer[14] + (i * S + columns[run, q]) * O
                place = q * width + places[run]
                for s in range(k1):
                    for o in range(O):
                        block[place + s * O + o] = values[s, q] * g[q * O + o]
            run += 1
        if with_base:
            base = address_to_array(kind, layer[5] + (m * layer[6] + start * I) * bytes_, count * I)
            for q in range(count):
                columns[run, q] = layer[15]
                place = q * width + places[run]
                for i in range(I):
                    for o in range(O):
                        block[place + i * O + o] = base[q * I + i] * g[q * O + o]
            run += 1
    residual = address_to_array(kind, residual_at + (m * residual_step + start) * bytes_, count)
    for q in range(count):
        columns[run, q] = n
        block[q * width + places[run]] = residual[q]


@inlined
def gram_rows(kind, rows, numbers, layers, m, begin, end, gram_at):
    """Add the rows `begin <= b < end` of model `m` to its `[J r]' [J r]` at `gram_at`, blockwise lower triangle."""
    stride, lanes = numbers[4], VECTOR_BYTES // kind.itemsize
    runs = _count_runs(layers)
    lengths, places = np.empty(runs, np.int64), np.empty(runs, np.int64)
    width = _lay_out(kind, rows, layers, lengths, places) * lanes
    block = aligned(kind, width * BLOCK)
    fill(block, 0, width * BLOCK)
    columns, values = np.empty((runs, BLOCK), np.int32), np.empty((len(rows), BLOCK), kind.dtype)
    for start in range(begin, end, BLOCK):
        count = min(BLOCK, end - start)
        _fill_rows(kind, rows, numbers, layers, m, start, count, places, columns, values, block, width)
        # Pairs of runs outside, samples inside: one pair's part of the matrix stays in the first cache.
        for a in range(runs):
            for c in range(a + 1):
                _add_pair(
                    kind,
                    block,
                    columns,
                    places[a],
                    lengths[a],
                    a,
                    places[c],
                    lengths[c],
                    c,
                    width,
                    count,
                    gram_at,
                    stride,
                )


@compiled
def _add_pair(
    kind, block, columns, place, length, run, other_place, other_length, other, width, count, gram_at, stride
):
    """The product of one run and another, of all samples of a block."""
    bytes_, lanes = kind.itemsize, VECTOR_BYTES // kind.itemsize
    lines_at, columns_at = columns.ctypes.data + run * BLOCK * 4, columns.ctypes.data + other * BLOCK * 4
    registers = (other_length + lanes - 1) // lanes
    for r in range(0, length, ROWS):
        left = block.ctypes.data + (place + r) * bytes_
        w = np.int64(0)
        while w < registers:
            right = block.ctypes.data + (other_place + w * lanes) * bytes_
            at = gram_at + (r * stride + w * lanes) * bytes_
            data = (left, lines_at, right, columns_at, width, count, at, stride)
            if registers - w >= 3:
                _add_outer(kind, _ROWS, (0, 0, 0), (), data)
                w += 3
            elif registers - w == 2:
                _add_outer(kind, _ROWS, (0, 0), (), data)
                w += 2
            else:
                _add_outer(kind, _ROWS, (0,), (), data)
                w += 1

"""The compiled loops of the small-network kernels: a block of rows goes through all layers before the next one.

For networks of a few dozen edges on equally spaced knots. What a layer's loops (`cpu_loops`) spend on sorting, on calls
and on memory is more than the arithmetic of so few edges. Here one call serves the whole network, what it works on
stays in the near caches, and only what depends on single samples (`row_microkernels`) is not vectorized over samples.

Coefficients are packed into `[panel][input][row][lane]`, one register of outputs wide. A column of rows holds `k + 1`
rows of zeros on each side of the `S` coefficients, so that a spline that runs on beyond its grid and vanishes needs no
special case, and the residual factor as the last row.
"""

# pyright: reportCallIssue=false, reportPrivateImportUsage=false
# (Numba's intrinsics have one parameter more than their callers pass)

import numpy as np

from edgewise.kernels.cells import fill, is_uniform, locate_uniform, outside
from edgewise.kernels.compilation import compiled
from edgewise.kernels.emitter import VECTOR_BYTES
from edgewise.kernels.memory import address_to_array, aligned
from edgewise.kernels.microkernels import horner
from edgewise.kernels.row_microkernels import backward_rows, forward_rows
from edgewise.kernels.silu import silu_of_column

BLOCK = 64
"""Rows that go through the network together."""
LAYER_NUMBERS = 8
"""Integers that describe a layer: I, O, S, and addresses of coef, base_weight, knots, and of the gradients of two."""


@compiled
def padded_rows(rows, size):
    """Rows of a packed column: zeros, coefficients, zeros, residual factor."""
    return size + 2 * len(rows) + 1


@compiled
def _panels(kind, outputs):
    lanes = VECTOR_BYTES // kind.itemsize
    return (outputs + lanes - 1) // lanes


@compiled
def packed_size(kind, rows, layers):
    """Elements of all packed layers."""
    lanes = VECTOR_BYTES // kind.itemsize
    total = np.int64(0)
    for l in range(len(layers)):
        I, O, S = layers[l, 0], layers[l, 1], layers[l, 2]
        total += _panels(kind, O) * I * padded_rows(rows, S) * lanes
    return total


@compiled
def _widest(layers):
    most = np.int64(0)
    for l in range(len(layers)):
        most = max(most, layers[l, 0], layers[l, 1])
    return most


@compiled
def uniform_network(kind, rows, layers):
    """Whether all knots are equally spaced, to an accuracy that results in `kind` do not show."""
    for l in range(len(layers)):
        I, S = layers[l, 0], layers[l, 2]
        T = S + len(rows)
        knots = address_to_array(kind, layers[l, 5], I * T)
        for i in range(I):
            if not is_uniform(knots[i * T : (i + 1) * T], len(rows) - 1):
                return False
    return True


@compiled
def _copy_layer(kind, rows, layer, packed, at, into_packed):
    """Move one layer's coefficients into `packed[at:]`, or the gradients lying there out to their tensors."""
    I, O, S = layer[0], layer[1], layer[2]
    coef_at, base_at = (layer[3], layer[4]) if into_packed else (layer[6], layer[7])
    coef, base = address_to_array(kind, coef_at, I * S * O), address_to_array(kind, base_at, I * O)
    lanes = VECTOR_BYTES // kind.itemsize
    height = padded_rows(rows, S)
    for o in range(O):
        column = at + (o // lanes) * I * height * lanes + o % lanes
        for i in range(I):
            first = column + (i * height + len(rows)) * lanes
            last = column + (i * height + height - 1) * lanes
            if into_packed:
                for s in range(S):
                    packed[first + s * lanes] = coef[(i * S + s) * O + o]
                packed[last] = base[i * O + o]
            else:
                for s in range(S):
                    coef[(i * S + s) * O + o] = packed[first + s * lanes]
                base[i * O + o] = packed[last]


@compiled
def copy_network(kind, rows, layers, packed, into_packed):
    """Pack all layers' coefficients, or unpack all gradients."""
    at = np.int64(0)
    for l in range(len(layers)):
        layer = layers[l]
        _copy_layer(kind, rows, layer, packed, at, into_packed)
        at += _panels(kind, layer[1]) * layer[0] * padded_rows(rows, layer[2]) * (VECTOR_BYTES // kind.itemsize)


@compiled
def _factors(rows, order, linear, x, n, knots, local, groups, factors, tables, factor):
    """First row and factors of one column of samples: `order`-th derivatives of the local basis functions.

    `factors` has `k + 1` columns of `capacity` entries and is written in whole registers; `local` and `groups` are
    filled for all orders alike.
    """
    degree = len(rows) - 1
    square = len(rows) * len(rows)
    cells = knots.size - 2 * degree - 1
    spacing = (float(knots[knots.size - degree - 1]) - float(knots[degree])) / cells
    locate_uniform(x, n, knots, degree, linear, False, groups, local)
    factor[0] = 1.0
    for _ in range(order):
        factor[0] /= spacing
    capacity = local.size
    inner = tables.ctypes.data + (degree + 1) * square * 8
    horner(factors, rows, (), (), (
        factors.ctypes.data, capacity, local.ctypes.data, 0, n, inner, factor.ctypes.data))  # fmt: skip
    low = degree + 1 if linear else 1
    high = cells + degree if linear else cells + 2 * degree
    beyond = 0
    for q in range(n):  # a loop that LLVM vectorizes, for all samples to be inside
        beyond += (groups[q] < low) | (groups[q] > high)
    for q in range(n if beyond else 0):
        group = groups[q]
        if group < low or group > high:
            table = group if group < low else group - cells + 1
            slanted = linear and order == 0
            outside(rows, factors, 0, capacity, local, q, q + 1, tables, table * square, factor, slanted)
            if linear:
                groups[q] = low if group < low else high
            else:  # all factors are zero; but those of a NaN must reach gradients, so not a row of the padding
                groups[q] = degree + 1


@compiled
def network_forward(kind, rows, numbers, layers, first, last):
    """Rows of blocks `first <= block < last` through all layers."""
    x_at, y_at, hidden_at, B, linear, tables_at = numbers
    bytes_, lanes, k1 = kind.itemsize, VECTOR_BYTES // kind.itemsize, len(rows)
    n_layers, widest = len(layers), _widest(layers)
    stride = _panels(kind, widest) * lanes
    order = np.int64(0)  # not a literal, which would be a type of its own and compile what it is passed to once more
    packed = aligned(kind, packed_size(kind, rows, layers))
    fill(packed, 0, packed.size)
    copy_network(kind, rows, layers, packed, np.int64(1))
    columns, factors = aligned(kind, widest * BLOCK), aligned(kind, widest * (k1 + 1) * BLOCK)
    out, local, unused = aligned(kind, stride * BLOCK), aligned(kind, BLOCK), np.empty(1, kind.dtype)
    groups, factor = np.empty(widest * BLOCK, np.int32), np.empty(1)
    tables = address_to_array(factor, tables_at, (2 * k1 + 1) * k1 * k1)
    for block in range(first, last):
        begin = block * BLOCK
        n = min(BLOCK, B - begin)
        _load_columns(kind, columns, x_at, begin, n, layers[0])
        at, hidden = np.int64(0), hidden_at
        for l in range(len(layers)):
            layer = layers[l]
            I, O, S = layer[0], layer[1], layer[2]
            T, height = S + k1, padded_rows(rows, S)
            for i in range(I):
                column, here = columns[i * BLOCK : (i + 1) * BLOCK], i * (k1 + 1) * BLOCK
                knots = address_to_array(kind, layer[5] + i * T * bytes_, T)
                _factors(
                    rows, order, linear, column, n, knots, local, groups[i * BLOCK : (i + 1) * BLOCK],
                    factors[here : here + k1 * BLOCK], tables, factor,
                )  # fmt: skip
                silu_of_column(column, n, factors[here + k1 * BLOCK : here + (k1 + 1) * BLOCK], unused, order)
            forward_rows(kind, rows, (), (), (
                packed.ctypes.data + at * bytes_, I, _panels(kind, O), height, groups.ctypes.data,
                factors.ctypes.data, BLOCK, n, out.ctypes.data, stride))  # fmt: skip
            at += _panels(kind, O) * I * height * lanes
            if l + 1 < n_layers:
                for o in range(O):
                    for q in range(n):
                        columns[o * BLOCK + q] = out[q * stride + o]
                if hidden_at != 0:
                    _save_columns(kind, columns, hidden, begin, n, O, B)
                    hidden += O * B * bytes_
            else:
                y = address_to_array(kind, y_at + begin * O * bytes_, n * O)
                for q in range(n):
                    for o in range(O):
                        y[q * O + o] = out[q * stride + o]


@compiled
def _load_columns(kind, columns, x_at, begin, n, layer):
    I = layer[0]
    x = address_to_array(kind, x_at + begin * I * kind.itemsize, n * I)
    for i in range(I):
        for q in range(n):
            columns[i * BLOCK + q] = x[q * I + i]


@compiled
def _save_columns(kind, columns, hidden_at, begin, n, O, B):
    for o in range(O):
        hidden = address_to_array(kind, hidden_at + (o * B + begin) * kind.itemsize, n)
        for q in range(n):
            hidden[q] = columns[o * BLOCK + q]


@compiled
def network_backward(kind, rows, numbers, layers, first, last, sums):
    """Gradients of `network_forward` from rows of blocks `first <= block < last`; writes all of `sums`."""
    x_at, hidden_at, g_at, dx_at, dhidden_at, B, linear, tables_at, slope_tables_at, size = numbers
    bytes_, lanes, k1 = kind.itemsize, VECTOR_BYTES // kind.itemsize, len(rows)
    n_layers, widest = len(layers), _widest(layers)
    stride = _panels(kind, widest) * lanes
    packed = aligned(kind, size)
    fill(packed, 0, size)
    fill(sums, 0, size)
    copy_network(kind, rows, layers, packed, np.int64(1))
    columns, g = aligned(kind, widest * BLOCK), aligned(kind, stride * BLOCK)
    factors, slopes = aligned(kind, widest * (k1 + 1) * BLOCK), aligned(kind, widest * (k1 + 1) * BLOCK)
    pulled, local = aligned(kind, widest * BLOCK), aligned(kind, BLOCK)
    groups, factor = np.empty(widest * BLOCK, np.int32), np.empty(1)
    tables = address_to_array(factor, tables_at, (2 * k1 + 1) * k1 * k1)
    slope_tables = address_to_array(factor, slope_tables_at, (2 * k1 + 1) * k1 * k1)
    for block in range(first, last):
        begin = block * BLOCK
        n = min(BLOCK, B - begin)
        at, hidden = size, hidden_at
        for l in range(n_layers - 1):
            hidden += layers[l, 1] * B * bytes_
        for l in range(n_layers - 1, -1, -1):
            layer = layers[l]
            I, O, S = layer[0], layer[1], layer[2]
            T, height, panels = S + k1, padded_rows(rows, S), _panels(kind, O)
            at -= panels * I * height * lanes
            fill(g, 0, stride * n)
            if l + 1 == n_layers:
                cotangent = address_to_array(kind, g_at + begin * O * bytes_, n * O)
                for q in range(n):
                    for o in range(O):
                        g[q * stride + o] = cotangent[q * O + o]
            else:
                for o in range(O):
                    for q in range(n):
                        g[q * stride + o] = pulled[o * BLOCK + q]
            if l == 0:
                _load_columns(kind, columns, x_at, begin, n, layer)
            else:
                hidden -= I * B * bytes_
                for i in range(I):
                    saved = address_to_array(kind, hidden + (i * B + begin) * bytes_, n)
                    for q in range(n):
                        columns[i * BLOCK + q] = saved[q]
            pull = l > 0 or dx_at != 0
            for i in range(I):
                column, here = columns[i * BLOCK : (i + 1) * BLOCK], i * (k1 + 1) * BLOCK
                residual = here + k1 * BLOCK
                knots = address_to_array(kind, layer[5] + i * T * bytes_, T)
                group = groups[i * BLOCK : (i + 1) * BLOCK]
                for order in range(2 if pull else 1):
                    target, table = (factors, tables) if order == 0 else (slopes, slope_tables)
                    _factors(
                        rows, order, linear, column, n, knots, local, group, target[here : here + k1 * BLOCK], table,
                        factor,
                    )  # fmt: skip
                base, base_slope = factors[residual : residual + BLOCK], slopes[residual : residual + BLOCK]
                silu_of_column(column, n, base, base_slope, np.int64(pull))
            data = (
                packed.ctypes.data + at * bytes_, sums.ctypes.data + at * bytes_, I, panels, height, groups.ctypes.data,
                factors.ctypes.data, slopes.ctypes.data, BLOCK, n, g.ctypes.data, stride, pulled.ctypes.data,
            )  # fmt: skip
            if pull:
                backward_rows(kind, rows, (), (0,), data)
                if l > 0 and dhidden_at != 0:
                    _save_columns(kind, pulled, dhidden_at + (hidden - hidden_at), begin, n, I, B)
            else:
                backward_rows(kind, rows, (), (), data)
        if dx_at != 0:
            I = layers[0, 0]
            dx = address_to_array(kind, dx_at + begin * I * bytes_, n * I)
            for i in range(I):
                for q in range(n):
                    dx[q * I + i] = pulled[i * BLOCK + q]

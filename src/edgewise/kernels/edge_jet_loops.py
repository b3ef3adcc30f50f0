"""The compiled loops of `edge_jets`: every edge function of a layer and its derivatives, edge by edge.

On one cell an edge is a polynomial, so its coefficients are multiplied out once per cell, and repeated synthetic
division gives a value with all derivatives in a few operations a sample. Gradients go the same way back.
"""

import numpy as np

from edgewise.kernels.compilation import compiled, compiled_for_python


@compiled
def _first_basis(group, degree, size):
    return max(0, min(group - 1 - degree, size - degree - 1))


@compiled
def _table(tables, shared, i, group, degree, cells):
    """Polynomials of a group's basis functions: those of input `i`, or `shared` by all equally spaced grids."""
    if not shared:
        return tables[i, group]
    if group > degree + 1:
        group = degree + 1 if group <= degree + cells else group - cells + 1
    return tables[0, group]


@compiled
def _locate(x, knots, degree, linear, spacing):
    """Group of a sample, its coordinate there and the width of the cell. NaN goes anywhere."""
    last = knots.size - 1
    size = last - degree
    if spacing > 0.0:
        place = np.floor((x - knots[degree]) / spacing)
        cell = np.int64(min(max(place, -degree - 1.0), float(size)) if place == place else 0.0) + degree
    else:
        low, cell = np.int64(-1), np.int64(last)
        while cell - low > 1:
            middle = (low + cell) // 2
            if knots[middle] <= x:
                low = middle
            else:
                cell = middle
        cell = low if x < knots[last] else np.int64(last)
    group = cell + 1
    inside = cell
    if linear:
        if cell < degree:
            group, inside = np.int64(degree), np.int64(degree)
        elif cell >= size:
            inside = np.int64(size - 1)
            group = np.int64(size) if x <= knots[size] else np.int64(size + 1)
    inside = min(max(inside, 0), last - 1)
    width = knots[inside + 1] - knots[inside]
    return group, (x - knots[inside]) / width, width


@compiled_for_python
def jets_forward(x, coef, base_weight, base, knots, spacings, tables, shared, degree, linear, result):
    """Fill `result`.

    `x` is `(I, B)`, `coef` `(I, S, O)`, `base` `(orders, I, B)` derivatives of the residual function or empty,
    `result` `(orders, I, O, B)`; `tables` `(N, groups, k+1, k+1)` and `knots` are float64.
    """
    orders, inputs, outputs, rows = result.shape
    size = coef.shape[1]
    groups = knots.shape[1] + 1
    cells = knots.shape[1] - 2 * degree - 1
    pieces = np.empty((groups, degree + 1))
    where, local, widths = np.empty(rows, np.int64), np.empty(rows), np.empty(rows)
    work = np.empty(degree + 1)
    for i in range(inputs):
        for b in range(rows):
            where[b], local[b], widths[b] = _locate(float(x[i, b]), knots[i], degree, linear, spacings[i])
        for o in range(outputs):
            for group in range(groups):
                table = _table(tables, shared, i, group, degree, cells)
                first = _first_basis(group, degree, size)
                for p in range(degree + 1):
                    total = 0.0
                    for s in range(degree + 1):
                        total += table[s, p] * coef[i, first + s, o]
                    pieces[group, p] = total
            weight = float(base_weight[i, o])
            for b in range(rows):
                u = local[b]
                for p in range(degree + 1):
                    work[p] = pieces[where[b], p]
                factor = 1.0
                for m in range(orders):
                    value = 0.0
                    if m <= degree:
                        for p in range(degree - 1, m - 1, -1):
                            work[p] += u * work[p + 1]
                        value = work[m] * factor
                    if u != u:
                        value = u
                    if base.shape[0] > 0:
                        value += weight * base[m, i, b]
                    result[m, i, o, b] = value
                    factor *= (m + 1) / widths[b]


@compiled_for_python
def jets_backward(x, g, jets, base, knots, spacings, tables, shared, degree, linear, dx, dcoef, dbase):
    """Fill gradients: `g` is `(orders, I, O, B)`, `jets` `(orders+1, I, O, B)`; `dcoef` and `dbase` begin as zeros."""
    orders, inputs, outputs, rows = g.shape
    size = dcoef.shape[1]
    groups = knots.shape[1] + 1
    cells = knots.shape[1] - 2 * degree - 1
    pieces = np.empty((groups, degree + 1))
    where, local, widths = np.empty(rows, np.int64), np.empty(rows), np.empty(rows)
    work = np.empty(degree + 1)
    factors = np.empty(orders)
    slopes = np.empty(rows)
    for i in range(inputs):
        for b in range(rows):
            where[b], local[b], widths[b] = _locate(float(x[i, b]), knots[i], degree, linear, spacings[i])
            slopes[b] = 0.0
        for o in range(outputs):
            for group in range(groups):
                for p in range(degree + 1):
                    pieces[group, p] = 0.0
            total = 0.0
            for b in range(rows):
                u = local[b]
                factors[0] = 1.0
                for m in range(1, orders):
                    factors[m] = factors[m - 1] * m / widths[b]
                for p in range(degree + 1):
                    work[p] = 0.0
                for m in range(orders - 1, -1, -1):
                    part = g[m, i, o, b]
                    slopes[b] += part * jets[m + 1, i, o, b]
                    if m <= degree:
                        work[m] += part * factors[m]
                        for p in range(m, degree):
                            work[p + 1] += u * work[p]
                    if base.shape[0] > 0:
                        total += part * base[m, i, b]
                for p in range(degree + 1):
                    pieces[where[b], p] += work[p]
            dbase[i, o] = total
            for group in range(groups):
                table = _table(tables, shared, i, group, degree, cells)
                first = _first_basis(group, degree, size)
                for s in range(degree + 1):
                    total = 0.0
                    for p in range(degree + 1):
                        total += table[s, p] * pieces[group, p]
                    dcoef[i, first + s, o] += total
        for b in range(rows):
            dx[i, b] = slopes[b]


@compiled_for_python
def silu_derivatives(x, gate, result):
    """Fill `(orders, I, B)` with derivatives of `silu` at `(I, B)`, up to the fourth; `gate` is `sigmoid(x)`."""
    orders = result.shape[0]
    for i in range(x.shape[0]):
        for b in range(x.shape[1]):
            s, z = float(gate[i, b]), float(x[i, b])
            s1 = s * (1.0 - s)
            s2 = s1 * (1.0 - 2.0 * s)
            s3 = s1 * (1.0 - 6.0 * s1)
            result[0, i, b] = z * s
            if orders > 1:
                result[1, i, b] = s + z * s1
            if orders > 2:
                result[2, i, b] = 2.0 * s1 + z * s2
            if orders > 3:
                result[3, i, b] = 3.0 * s2 + z * s3
            if orders > 4:
                result[4, i, b] = 4.0 * s3 + z * (s2 * (1.0 - 12.0 * s1))

"""The compiled loops of `SplineEdges`: every edge function of a layer and its derivatives, edge by edge.

On one cell an edge is a polynomial, so its coefficients are multiplied out once per cell; repeated synthetic division
then gives a value with all derivatives in a few operations a sample. Gradients go the same way back. All but the
look-up by cell runs along the samples and is vectorized.
"""

import numpy as np

from edgewise.kernels.cells import fill, locate_search, locate_uniform
from edgewise.kernels.compilation import compiled, compiled_for_python
from edgewise.kernels.edge_loops import dot


@compiled_for_python
def jets_locate(x, knots, spacings, degree, linear, groups, local, inverse):
    """Find every sample of `(I, B)`: group of cells, coordinate there, and one over the width of the cell."""
    inputs, rows = x.shape
    cells = knots.shape[1] - 2 * degree - 1
    for i in range(inputs):
        if spacings[i] > 0.0:
            locate_uniform(x[i], rows, knots[i], degree, linear, False, groups[i], local[i])
            fill(inverse[i], x.dtype.type(1.0 / spacings[i]), rows)
            continue
        locate_search(x[i], rows, knots[i], degree, linear, groups[i], local[i])
        low, high = (degree, degree + cells - 1) if linear else (0, knots.shape[1] - 2)
        for b in range(rows):
            cell = min(max(groups[i, b] - 1, low), high)
            inverse[i, b] = 1.0 / (knots[i, cell + 1] - knots[i, cell])


@compiled
def _table(tables, shared, i, group, degree, cells):
    """Polynomials of a group's basis functions: those of input `i`, or `shared` by all equally spaced grids."""
    if not shared:
        return tables[i, group]
    if group > degree + 1:
        group = degree + 1 if group <= degree + cells else group - cells + 1
    return tables[0, group]


@compiled
def _first_basis(group, degree, size):
    return max(0, min(group - 1 - degree, size - degree - 1))


@compiled
def _fill_factors(inverse, factors):
    """`factors[m]` becomes `m! / width^m`, what derivatives in the coordinate of a cell are multiplied by."""
    for b in range(inverse.size):
        factors[0, b] = 1
    for m in range(1, factors.shape[0]):
        for b in range(inverse.size):
            factors[m, b] = factors[m - 1, b] * inverse[b] * m


@compiled_for_python
def jets_forward(groups, local, inverse, coef, base_weight, base, tables, shared, cells, degree, result):
    """Fill `result` `(orders, I, O, B)`.

    `groups`, `local` and `inverse` are what `jets_locate` filled, `coef` is `(I, S, O)`, `base` `(orders, I, B)`
    derivatives of the residual function or empty, `tables` `(N, groups, k+1, k+1)`.
    """
    orders, inputs, outputs, rows = result.shape
    size, n_groups = coef.shape[1], cells + 2 * degree + 2
    pieces = np.empty((degree + 1, n_groups), result.dtype)
    work, factors = np.empty((degree + 1, rows), result.dtype), np.empty((orders, rows), result.dtype)
    for i in range(inputs):
        _fill_factors(inverse[i], factors)
        u = local[i]
        for o in range(outputs):
            weight = base_weight[i, o]
            for group in range(n_groups):
                table, first = _table(tables, shared, i, group, degree, cells), _first_basis(group, degree, size)
                for p in range(degree + 1):
                    total = 0.0
                    for s in range(degree + 1):
                        total += table[s, p] * coef[i, first + s, o]
                    pieces[p, group] = total
            for p in range(degree + 1):
                for b in range(rows):
                    work[p, b] = pieces[p, groups[i, b]]
            for m in range(orders):
                for p in range(degree - 1, m - 1, -1):
                    for b in range(rows):
                        work[p, b] += u[b] * work[p + 1, b]
                if m > degree:
                    for b in range(rows):
                        result[m, i, o, b] = u[b] * 0
                elif base.shape[0] > 0:
                    for b in range(rows):
                        result[m, i, o, b] = work[m, b] * factors[m, b] + weight * base[m, i, b]
                else:
                    for b in range(rows):
                        result[m, i, o, b] = work[m, b] * factors[m, b]
                if m > degree and base.shape[0] > 0:
                    for b in range(rows):
                        result[m, i, o, b] += weight * base[m, i, b]


@compiled_for_python
def jets_backward(groups, local, inverse, g, jets, base, tables, shared, cells, degree, dx, dcoef, dbase):
    """Fill gradients: `g` is `(orders, I, O, B)`, `jets` `(orders+1, I, O, B)`; `dcoef` begins with zeros.

    `dx` may be empty; it is not filled then, and `jets` need the last order no longer.
    """
    orders, inputs, outputs, rows = g.shape
    size, n_groups = dcoef.shape[1], cells + 2 * degree + 2
    kept = min(orders, degree + 1)
    pieces = np.empty((n_groups, degree + 1), g.dtype)
    work, factors = np.empty((degree + 1, rows), g.dtype), np.empty((orders, rows), g.dtype)
    for i in range(inputs):
        _fill_factors(inverse[i], factors)
        u = local[i]
        if dx.shape[0] > 0:
            fill(dx[i], g.dtype.type(0), rows)
        for o in range(outputs):
            for p in range(kept - 1):
                fill(work[p], g.dtype.type(0), rows)
            total = g.dtype.type(0)
            for m in range(orders - 1, -1, -1):
                for b in range(rows if dx.shape[0] > 0 else 0):
                    dx[i, b] += g[m, i, o, b] * jets[m + 1, i, o, b]
                if base.shape[0] > 0:
                    total += dot(g[m, i, o], base[m, i])
                if m == kept - 1:  # the highest coefficients have nothing yet
                    for b in range(rows):
                        work[m, b] = g[m, i, o, b] * factors[m, b]
                    for p in range(m, degree):
                        for b in range(rows):
                            work[p + 1, b] = u[b] * work[p, b]
                elif m < kept:
                    for b in range(rows):
                        work[m, b] += g[m, i, o, b] * factors[m, b]
                    for p in range(m, degree):
                        for b in range(rows):
                            work[p + 1, b] += u[b] * work[p, b]
            dbase[i, o] = total
            for group in range(n_groups):
                fill(pieces[group], g.dtype.type(0), degree + 1)
            for b in range(rows):
                group = groups[i, b]
                for p in range(degree + 1):
                    pieces[group, p] += work[p, b]
            for group in range(n_groups):
                table, first = _table(tables, shared, i, group, degree, cells), _first_basis(group, degree, size)
                for s in range(degree + 1):
                    total = 0.0
                    for p in range(degree + 1):
                        total += table[s, p] * pieces[group, p]
                    dcoef[i, first + s, o] += total

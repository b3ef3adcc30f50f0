"""Basis functions as polynomials on one cell each: the coefficients that the kernels evaluate by Horner.

With equal spacing all inner cells share one table, and the few others (the `k` extended cells and the
outside on each side) look the same for every grid, so the tables of a whole network are computed once.
Otherwise every cell of every input has its own.
"""

from functools import cache

import numpy as np

from edgewise.kernels.compilation import compiled, compiled_for_python


def _cell_tables(tables, work, knots, degree, order, linear):
    """Fill `tables[group, s, p]`: power `p` of the group's `s`-th basis function, `order`-th derivative.

    Groups: 0 lies before the first cell, `1 + c` is cell `c`, the last lies behind. The coordinate of a cell
    runs from 0 to 1. Outside under `linear` the coordinate is that of the cell next to the domain. `knots`
    are float64, `work` is `(k + 1, k + 1)` scratch. de Boor's recurrence on polynomials instead of numbers.
    """
    last = knots.size - 1
    size = last - degree
    for group in range(last + 2):
        cell = group - 1
        left_line = linear and group <= degree
        right_line = linear and cell >= size
        if left_line:
            cell = degree
        elif right_line:
            cell = size - 1
        first = max(0, min(group - 1 - degree, size - degree - 1))
        for s in range(degree + 1):
            for p in range(degree + 1):
                work[s, p] = 0.0
                tables[group, s, p] = 0.0
        if cell < 0 or cell >= last:
            continue
        start, width = knots[cell], knots[cell + 1] - knots[cell]
        work[degree, 0] = 1.0
        for p in range(1, degree + 1):
            for r in range(degree - p, degree + 1):
                j = cell - degree + r
                if j < 0 or j + p + 1 > last:
                    for q in range(degree + 1):
                        work[r, q] = 0.0
                    continue
                rise = 1.0 / (knots[j + p] - knots[j])
                fall = 1.0 / (knots[j + p + 1] - knots[j + 1])
                rise_at_0 = (start - knots[j]) * rise
                fall_at_0 = (knots[j + p + 1] - start) * fall
                for q in range(p, -1, -1):
                    value = rise_at_0 * work[r, q]
                    if q > 0:
                        value += width * rise * work[r, q - 1]
                    if r < degree:
                        value += fall_at_0 * work[r + 1, q]
                        if q > 0:
                            value -= width * fall * work[r + 1, q - 1]
                    work[r, q] = value
        for s in range(degree + 1):
            r = first + s - cell + degree
            if r < 0 or r > degree:
                continue
            if left_line or right_line:
                value, slope = work[r, 0], 0.0
                if degree > 0:
                    slope = work[r, 1]
                if right_line:
                    value, slope = 0.0, 0.0
                    for p in range(degree + 1):
                        value += work[r, p]
                        slope += p * work[r, p]
                else:
                    value -= slope
                if order == 0:
                    tables[group, s, 0] = value
                    if degree > 0:
                        tables[group, s, 1] = slope
                elif order == 1:
                    tables[group, s, 0] = slope / width
                continue
            for p in range(degree + 1 - order):
                value = work[r, p + order]
                for d in range(order):
                    value *= (p + order - d) / width
                tables[group, s, p] = value


@cache
def uniform_tables(degree: int, order: int, linear: bool) -> np.ndarray:
    """Tables for knots one apart: `k + 1` groups on the left, one inner cell, `k + 1` groups on the right.

    Args:
        degree: polynomial degree k.
        order: derivative; divide by the spacing once per order.
        linear: how functions continue outside.

    Returns:
        `(2k + 3, k + 1, k + 1)` float64.
    """
    tables = np.zeros((2 * degree + 3, degree + 1, degree + 1))
    if order <= degree:
        _cell_tables(tables, np.zeros((degree + 1, degree + 1)), np.arange(2.0 * degree + 2), degree, order, linear)
    return tables


_compiled_cell_tables = compiled(_cell_tables)


@compiled_for_python
def _all_tables(tables, knots, degree, order, linear):
    work = np.empty((degree + 1, degree + 1))
    for i in range(knots.shape[0]):
        _compiled_cell_tables(tables[i], work, knots[i], degree, order, linear)


def own_tables(knots: np.ndarray, degree: int, order: int, linear: bool) -> np.ndarray:
    """Tables of every group of every input.

    Args:
        knots: `(N, S+k+1)` float64.
        degree: polynomial degree k.
        order: derivative.
        linear: how functions continue outside.

    Returns:
        `(N, S+k+2, k+1, k+1)` float64.
    """
    tables = np.zeros((knots.shape[0], knots.shape[1] + 1, degree + 1, degree + 1))
    if order <= degree:
        _all_tables(tables, knots, degree, order, linear)
    return tables

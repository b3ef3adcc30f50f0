"""From inputs to sorted runs: which cell each sample falls into, and its `k + 1` local basis values.

On one cell every basis function is a polynomial, so after a counting sort by cell the values of a whole
run are one Horner scheme with constant coefficients, for every degree, derivative order, knot spacing and
outside policy alike. The sort also gives the runs that `microkernels` works on.

Numbers that meet a float32 array are cast first: a float64 literal would promote the loop and halve its speed.
"""

import numpy as np

from edgewise.kernels.compilation import compiled


@compiled
def cell_polynomials(table, work, knots, cell, degree, order, first_row):
    """Coefficients of the `order`-th derivatives on one cell, in the local `u = (x - t_cell) / width`.

    `table[s, p]` belongs to basis function `first_row + s` and power `p`; functions that vanish on the cell
    get zeros. Float64 throughout. de Boor's recurrence on polynomials instead of numbers.
    """
    last = knots.size - 1
    start, width = float(knots[cell]), float(knots[cell + 1]) - float(knots[cell])
    work[:] = 0.0
    work[degree, 0] = 1.0
    for p in range(1, degree + 1):
        for r in range(degree - p, degree + 1):
            j = cell - degree + r
            if j < 0 or j + p + 1 > last:
                work[r, :] = 0.0
                continue
            rise = 1.0 / (float(knots[j + p]) - float(knots[j]))
            fall = 1.0 / (float(knots[j + p + 1]) - float(knots[j + 1]))
            rise_at_0 = (start - float(knots[j])) * rise
            fall_at_0 = (float(knots[j + p + 1]) - start) * fall
            for q in range(p, -1, -1):
                value = rise_at_0 * work[r, q]
                if q > 0:
                    value += width * rise * work[r, q - 1]
                if r < degree:
                    value += fall_at_0 * work[r + 1, q]
                    if q > 0:
                        value -= width * fall * work[r + 1, q - 1]
                work[r, q] = value
    table[:] = 0.0
    for s in range(degree + 1):
        r = first_row + s - cell + degree
        if 0 <= r <= degree:
            for p in range(degree + 1 - order):
                value = work[r, p + order]
                for d in range(order):
                    value *= (p + order - d) / width
                table[s, p] = value


@compiled
def continue_linearly(table, work, knots, cell, degree, order, first_row, at_right):
    """Like `cell_polynomials` for the straight lines that leave the cell at one of its ends."""
    cell_polynomials(table, work, knots, cell, degree, 0, first_row)
    width = float(knots[cell + 1]) - float(knots[cell])
    for s in range(degree + 1):
        value, slope = table[s, 0], (table[s, 1] if degree > 0 else 0.0)
        if at_right:
            value, slope = 0.0, 0.0
            for p in range(degree + 1):
                value += table[s, p]
                slope += p * table[s, p]
            value -= slope  # the line's value at u = 0
        table[s, :] = 0.0
        if order == 0:
            table[s, 0] = value
            if degree > 0:
                table[s, 1] = slope
        elif order == 1:
            table[s, 0] = slope / width


@compiled
def is_uniform(knots, degree, tolerance):
    """Whether every knot is within `tolerance` spacings of equal spacing."""
    n = knots.size
    lo = float(knots[degree])
    width = (float(knots[n - degree - 1]) - lo) / (n - 2 * degree - 1)
    worst = 0.0
    for j in range(n):
        worst = max(worst, abs(float(knots[j]) - (lo + (j - degree) * width)))
    return worst <= tolerance * width


@compiled
def _locate_uniform(x, offset, stride, n, knots, degree, low, high, exact, cell, local):
    """Cells `low <= cell <= high` and local coordinates on equal spacing; NaN goes to the first cell."""
    kind = knots.dtype.type
    count = knots.size - 2 * degree - 1
    width64 = (float(knots[knots.size - degree - 1]) - float(knots[degree])) / count
    lo, width, inverse = knots[degree], kind(width64), kind(1.0 / width64)
    least, most = kind(low - degree), kind(high - degree)
    for b in range(n):
        value = x[offset + b * stride]
        place = np.floor((value - lo) * inverse)
        place = place if place > least else least
        place = place if place < most else most
        local[b] = (value - (lo + place * width)) * inverse
        cell[b] = np.int32(place) + np.int32(degree)
    if exact:  # a derivative that jumps at knots: rounding must not choose the side
        for b in range(n):
            value, c = x[offset + b * stride], cell[b]
            if value < knots[c] and c > low:
                cell[b] = c - 1
                local[b] = (value - knots[c - 1]) * inverse
            elif value >= knots[c + 1] and c < high:
                cell[b] = c + 1
                local[b] = (value - knots[c + 1]) * inverse


@compiled
def _locate_search(x, offset, stride, n, knots, low, high, cell, local):
    """Cells `low <= cell <= high` and local coordinates on any spacing, by bisection."""
    for b in range(n):
        value = x[offset + b * stride]
        left, right = low, high + 1
        while right - left > 1:
            middle = (left + right) >> 1
            if value >= knots[middle]:
                left = middle
            else:
                right = middle
        cell[b] = left
        local[b] = (value - knots[left]) / (knots[left + 1] - knots[left])


@compiled
def sort_by_cell(
    x, offset, stride, n, knots, degree, linear, exact, uniform,
    cell, local, counts, sorted_local, order,
):  # fmt: skip
    """Sort one column of samples by group: 0 before the grid, `1 + cell`, and the last behind the grid.

    Fills `order[:n]` (row numbers), `sorted_local[:n]` and `counts`, the start of every group.
    """
    cells = knots.size - 1
    low = degree if linear else 0
    high = cells - 1 - degree if linear else cells - 1
    if uniform:
        _locate_uniform(x, offset, stride, n, knots, degree, low, high, exact, cell, local)
    else:
        _locate_search(x, offset, stride, n, knots, low, high, cell, local)
    begin, end = knots[low], knots[high + 1]
    counts[:] = 0
    for b in range(n):
        value = x[offset + b * stride]
        group = cell[b] + 1
        if value < begin:
            group = 0
        if value > end or (value == end and not linear):
            group = cells + 1
        cell[b] = group
        counts[group + 1] += 1
    for c in range(1, cells + 3):
        counts[c] += counts[c - 1]
    for b in range(n):
        place = counts[cell[b]]
        counts[cell[b]] = place + 1
        order[place] = b
        sorted_local[place] = local[b]
    # Each counter now stands at the end of its group, which is the start of the next.
    for c in range(cells + 2, 0, -1):
        counts[c] = counts[c - 1]
    counts[0] = 0


@compiled
def _horner(rows, weights, offset, capacity, local, start, stop, table):
    """`weights[s, n] = sum_p table[s, p] local[n]^p`, all powers."""
    top = len(rows) - 1
    for s in range(len(rows)):
        at = offset + s * capacity
        for n in range(start, stop):
            value = table[s, top]
            for q in range(top):
                value = value * local[n] + table[s, top - 1 - q]
            weights[at + n] = value


@compiled
def _line(rows, weights, offset, capacity, local, start, stop, table, slanted):
    """Weights outside the grid; without a slope even an infinite input has finite weights."""
    for s in range(len(rows)):
        at = offset + s * capacity
        for n in range(start, stop):
            weights[at + n] = table[s, 0] + table[s, 1] * local[n] if slanted else table[s, 0]


@compiled
def _pass_nan(rows, weights, offset, capacity, local, n):
    """NaN in, NaN out, also where a constant polynomial ignores its input."""
    for q in range(n):
        if np.isnan(local[q]):
            for s in range(len(rows)):
                weights[offset + s * capacity + q] = local[q]


@compiled
def first_row(group, degree, size):
    """First of the `degree + 1` coefficient rows that a group uses."""
    return max(0, min(group - 1 - degree, size - degree - 1))


@compiled
def basis_of_runs(
    rows, knots, linear, uniform, order, counts, local, n, weights, offset, capacity, table, exact_table, work
):  # fmt: skip
    """Local basis values (`order`-th derivatives) of all sorted samples, into `weights[offset:]`.

    `table` has the dtype of the samples; `exact_table` and `work` are float64; all are `(k + 1, k + 1)` scratch.
    """
    degree = len(rows) - 1
    cells = knots.size - 1
    size = cells - degree
    if uniform:  # one table serves every inner cell
        cell_polynomials(exact_table, work, knots, degree, degree, order, 0)
        table[:] = exact_table
        _horner(rows, weights, offset, capacity, local, 0, n, table)
    for group in range(cells + 2):
        start, stop = counts[group], counts[group + 1]
        cell = group - 1
        if start == stop or (uniform and degree <= cell < cells - degree):
            continue
        row = first_row(group, degree, size)
        if 0 <= cell < cells:
            cell_polynomials(exact_table, work, knots, cell, degree, order, row)
            table[:] = exact_table
            _horner(rows, weights, offset, capacity, local, start, stop, table)
            continue
        exact_table[:] = 0.0
        if linear:
            edge = degree if group == 0 else cells - 1 - degree
            continue_linearly(exact_table, work, knots, edge, degree, order, row, group > 0)
        table[:] = exact_table
        _line(rows, weights, offset, capacity, local, start, stop, table, linear and order == 0 and degree > 0)
    if degree == 0 or order > 0:
        _pass_nan(rows, weights, offset, capacity, local, n)

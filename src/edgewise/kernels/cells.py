"""From inputs to sorted runs: which cell each sample falls into, and its `k + 1` local basis values.

On one cell every basis function is a polynomial, so after a counting sort by cell the values of a whole
run are one Horner scheme with constant coefficients, for every degree, derivative order, knot spacing and
outside policy alike. The sort also gives the runs that `microkernels` works on.

Numbers that meet a float32 array are cast first: a float64 literal would promote the loop and halve its speed.
"""

import numpy as np

from edgewise.kernels.compilation import compiled
from edgewise.kernels.microkernels import horner


# Loops instead of array assignments: compiling those takes seconds, for their error messages.
@compiled
def fill(array, value, stop):
    """`array[:stop] = value`."""
    for q in range(stop):
        array[q] = value


@compiled
def _clear(table):
    for s in range(table.shape[0]):
        for p in range(table.shape[1]):
            table[s, p] = 0.0


@compiled
def _copy(target, source, factor):
    for s in range(target.shape[0]):
        for p in range(target.shape[1]):
            target[s, p] = source[s, p] * factor


@compiled
def cell_polynomials(table, work, knots, cell, degree, order, first_row):
    """Coefficients of the `order`-th derivatives on one cell, in the local `u = (x - t_cell) / width`.

    `table[s, p]` belongs to basis function `first_row + s` and power `p`; functions that vanish on the cell
    get zeros. Float64 throughout. de Boor's recurrence on polynomials instead of numbers.
    """
    last = knots.size - 1
    start, width = float(knots[cell]), float(knots[cell + 1]) - float(knots[cell])
    _clear(work)
    work[degree, 0] = 1.0
    for p in range(1, degree + 1):
        for r in range(degree - p, degree + 1):
            j = cell - degree + r
            if j < 0 or j + p + 1 > last:
                for q in range(degree + 1):
                    work[r, q] = 0.0
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
    _clear(table)
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
    """Like `cell_polynomials` for the straight line that leaves the cell, in the next cell's coordinate.

    To the right that coordinate is zero at the edge, to the left it is one.
    """
    cell_polynomials(table, work, knots, cell, degree, 0, first_row)
    width = float(knots[cell + 1]) - float(knots[cell])
    for s in range(degree + 1):
        value, slope = table[s, 0], (table[s, 1] if degree > 0 else 0.0)
        if at_right:
            value, slope = 0.0, 0.0
            for p in range(degree + 1):
                value += table[s, p]
                slope += p * table[s, p]
        for p in range(degree + 1):
            table[s, p] = 0.0
        if order == 0:
            table[s, 0] = value if at_right else value - slope
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
def uniform_polynomials(table, work, degree, order):
    """`cell_polynomials` of an inner cell for knots one apart; divide by the spacing once per order."""
    integers = np.empty(2 * degree + 2)
    for j in range(integers.size):
        integers[j] = j
    cell_polynomials(table, work, integers, degree, degree, order, 0)


@compiled
def _locate_uniform(x, n, knots, degree, linear, exact, group, local):
    """Group of every sample and its coordinate in that cell, on equal spacing. NaN goes to the first group."""
    kind = knots.dtype.type
    count = knots.size - 2 * degree - 1
    width64 = (float(knots[knots.size - degree - 1]) - float(knots[degree])) / count
    lo, hi, inverse = knots[degree], knots[knots.size - degree - 1], kind(1.0 / width64)
    width = kind(width64)
    least = kind(-1 if linear else -1 - degree)
    most = kind(count if linear else count + degree)
    last = kind(count - 1)
    to_group = np.int32(degree + 1)
    for b in range(n):
        value = x[b]
        place = np.floor((value - lo) * inverse)
        place = place if place > least else least
        place = place if place < most else most
        if linear:  # the domain is closed at its right end
            place = last if (value <= hi and place > last) else place
        local[b] = (value - (lo + place * width)) * inverse
        group[b] = np.int32(place) + to_group
    if exact:  # a derivative that jumps at knots: rounding must not choose the side
        low = degree if linear else 0
        high = knots.size - 2 - low
        for b in range(n):
            value, c = x[b], group[b] - 1
            if low <= c <= high:
                if value < knots[c]:
                    group[b] -= 1
                    local[b] += kind(1)
                elif value >= knots[c + 1] and not (linear and value == hi):
                    group[b] += 1
                    local[b] -= kind(1)


@compiled
def _locate_search(x, n, knots, degree, linear, group, local):
    """Group of every sample and its coordinate in that cell, on any spacing, by bisection."""
    low = degree if linear else 0
    high = knots.size - 2 - degree if linear else knots.size - 2
    for b in range(n):
        value = x[b]
        left, right = low, high + 1
        while right - left > 1:
            middle = (left + right) >> 1
            if value >= knots[middle]:
                left = middle
            else:
                right = middle
        place = (value - knots[left]) / (knots[left + 1] - knots[left])
        group[b] = left + 1
        local[b] = place
        if value < knots[low]:
            group[b] = low
            local[b] = place + knots.dtype.type(1)
        elif value > knots[high + 1] or (value == knots[high + 1] and not linear):
            group[b] = high + 2
            local[b] = place - knots.dtype.type(1)


@compiled
def sort_by_cell(
    x, n, knots, degree, linear, exact, uniform,
    group, local, starts, sorted_local, order,
):  # fmt: skip
    """Sort one column of samples by group: `1 + cell`, and one group on each side of the last cells in use.

    Fills `order[:n]` (row numbers), `sorted_local[:n]` and `starts` (where each group begins, and the end).
    `group` and `local` are scratch.
    """
    if uniform:
        _locate_uniform(x, n, knots, degree, linear, exact, group, local)
    else:
        _locate_search(x, n, knots, degree, linear, group, local)
    fill(starts, 0, starts.size)
    for b in range(n):
        starts[np.uint32(group[b])] += 1
    total = np.int32(0)
    for c in range(starts.size):
        count = starts[c]
        starts[c] = total
        total += count
    for b in range(n):
        here = np.uint32(group[b])
        place = np.uint32(starts[here])
        starts[here] += 1
        order[place] = b
        sorted_local[place] = local[b]
    # Each entry now stands at the end of its group, which is the start of the next.
    for c in range(starts.size - 1, 0, -1):
        starts[c] = starts[c - 1]
    starts[0] = 0


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
    rows, knots, linear, uniform, order, starts, local, n, weights, offset, capacity, table, exact_table, work,
    uniform_table,
):  # fmt: skip
    """Local basis values (`order`-th derivatives) of all sorted samples, into `weights[offset:]`.

    `table` has the dtype of the samples; the others are float64; all are `(k + 1, k + 1)`. `uniform_table` comes
    from `uniform_polynomials`, the others are scratch. Whole registers are read and written: `local` and each row
    of `weights` need room up to the next multiple.
    """
    degree = len(rows) - 1
    cells = knots.size - 1
    size = cells - degree
    low = degree if linear else 0
    high = cells - 1 - degree if linear else cells - 1
    if uniform:  # one table serves every inner cell
        width = (float(knots[cells - degree]) - float(knots[degree])) / (size - degree)
        factor = 1.0
        for _ in range(order):
            factor /= width
        _copy(table, uniform_table, factor)
        horner(table, rows, (), (), (weights.ctypes.data, offset, capacity, local.ctypes.data, n, table.ctypes.data))
    for group in range(low, high + 3):
        start, stop = starts[group], starts[group + 1]
        cell = group - 1
        inside = low <= cell <= high
        if start == stop or (uniform and inside and degree <= cell < cells - degree):
            continue
        row = first_row(group, degree, size)
        if inside:
            cell_polynomials(exact_table, work, knots, cell, degree, order, row)
            _copy(table, exact_table, 1.0)
            _horner(rows, weights, offset, capacity, local, start, stop, table)
            continue
        _clear(exact_table)
        if linear:
            continue_linearly(exact_table, work, knots, low if cell < low else high, degree, order, row, cell > high)
        _copy(table, exact_table, 1.0)
        _line(rows, weights, offset, capacity, local, start, stop, table, linear and order == 0 and degree > 0)
    if degree == 0 or order > 0 or not linear:
        _pass_nan(rows, weights, offset, capacity, local, n)

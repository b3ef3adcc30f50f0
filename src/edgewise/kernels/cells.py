"""From inputs to sorted runs: which cell each sample falls into, and its `k + 1` local basis values.

On one cell every basis function is a polynomial, so after a counting sort by cell the values of a whole
run are one Horner scheme with constant coefficients (`tables`), for every degree, derivative order, knot
spacing and outside policy alike. The sort also gives the runs that `microkernels` works on.

Numbers that meet a float32 array are cast first: a float64 literal would promote the loop and halve its speed.
"""

# pyright: reportCallIssue=false
# (Numba's intrinsics have one parameter more than their callers pass)

import numpy as np

from edgewise.kernels.compilation import compiled
from edgewise.kernels.emitter import multiply_add
from edgewise.kernels.microkernels import horner


# Loops instead of array assignments: compiling those takes seconds, for their error messages.
@compiled
def fill(array, value, stop):
    """`array[:stop] = value`."""
    for q in range(stop):
        array[q] = value


@compiled
def is_uniform(knots, degree):
    """Whether the knots are equally spaced to an accuracy that results in their dtype do not show."""
    n = knots.size
    lo = float(knots[degree])
    width = (float(knots[n - degree - 1]) - lo) / (n - 2 * degree - 1)
    tolerance = 1e-5 if knots.itemsize == 4 else 2e-14  # of a spacing
    worst = 0.0
    for j in range(n):
        worst = max(worst, abs(float(knots[j]) - (lo + (j - degree) * width)))
    return width > 0.0 and worst <= tolerance * width


@compiled
def locate_uniform(x, n, knots, degree, linear, exact, group, local):
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
        local[b] = (value - multiply_add(place, width, lo)) * inverse
        group[b] = np.int32(place) + to_group
    if exact:  # a derivative that jumps at knots: rounding must not choose the side
        low = degree if linear else 0
        high = knots.size - 2 - low
        for b in range(n):
            value, c = x[b], group[b] - 1
            if c >= low and value < knots[c]:
                group[b] -= 1
                local[b] += kind(1)
            elif c <= high and value >= knots[c + 1] and not (linear and value == hi):
                group[b] += 1
                local[b] -= kind(1)


@compiled
def locate_search(x, n, knots, degree, linear, group, local):
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
        locate_uniform(x, n, knots, degree, linear, exact, group, local)
    else:
        locate_search(x, n, knots, degree, linear, group, local)
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
def basis_of_runs(rows, linear, uniform, order, factor, starts, local, weights, offset, capacity, tables):
    """Local basis values (`order`-th derivatives) of all sorted samples, into `weights[offset:]`.

    Whole registers are written, from left to right: `local` and every row of `weights` (`capacity` apart) need
    room for one more than the samples. `tables` is flat, see `edgewise.kernels.tables`: those of this input, or
    if `uniform` those that all such inputs share, to be multiplied by `factor`.
    """
    degree = len(rows) - 1
    square = len(rows) * len(rows)
    groups = starts.size - 1
    low = degree + 1 if linear else 1
    high = groups - 1 - low
    group = low - 1
    while group <= high + 1:
        last, table = group, group
        if uniform and group > degree:
            if group < groups - 1 - degree:  # one table for all inner cells
                last, table = groups - 2 - degree, degree + 1
            else:
                table = group - (groups - 2 * degree - 3)
        start, stop = np.int64(starts[group]), np.int64(starts[last + 1])
        if start < stop:
            if low <= group <= high:
                horner(weights, rows, (), (), (
                    weights.ctypes.data + offset * weights.itemsize, capacity, local.ctypes.data, start, stop,
                    tables.ctypes.data + table * square * 8, factor.ctypes.data))  # fmt: skip
            else:
                slanted = linear and order == 0 and degree > 0
                outside(rows, weights, offset, capacity, local, start, stop, tables, table * square, factor, slanted)
        group = last + 1
    if degree == 0:
        for q in range(starts[groups]):
            if np.isnan(local[q]):
                weights[offset + q] = local[q]


@compiled
def local_basis(rows, linear, uniform, x, n, knots, group, local, tables, first, values):
    """Which `k + 1` basis functions may differ from zero at every sample of a column, and their values; unsorted.

    Fills `first[:n]` (the first of them) and `values[:, :n]`. `tables` as for `basis_of_runs`; `group` and `local`
    are scratch.
    """
    degree = len(rows) - 1
    square = len(rows) * len(rows)
    if uniform:
        locate_uniform(x, n, knots, degree, linear, degree == 0, group, local)
    else:
        locate_search(x, n, knots, degree, linear, group, local)
    groups = knots.size + 1
    last = np.int32(knots.size - 2 * len(rows))
    for q in range(n):
        here = group[q]
        table = np.int64(here)
        if uniform and here > degree:
            table = degree + 1 if here < groups - 1 - degree else here - (groups - 2 * degree - 3)
        first[q] = min(max(here - np.int32(len(rows)), np.int32(0)), last)
        for s in range(len(rows)):
            at = table * square + s * len(rows)
            value = tables[at + degree]
            for p in range(degree - 1, -1, -1):
                value = multiply_add(value, np.float64(local[q]), tables[at + p])
            values[s, q] = value


@compiled
def outside(rows, weights, offset, capacity, local, start, stop, tables, at, factor, slanted):
    """A line, or a constant even for infinite inputs; NaN in, NaN out."""
    for s in range(len(rows)):
        for n in range(start, stop):
            value = tables[at + s * len(rows)] * factor[0]
            if slanted:
                value += tables[at + s * len(rows) + 1] * local[n]
            weights[offset + s * capacity + n] = local[n] if np.isnan(local[n]) else value

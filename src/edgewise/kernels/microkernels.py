"""The innermost loops of the layer kernels: one column of sorted samples, one panel of outputs.

Samples that fall into the same cell of a knot vector use the same `k + 1` coefficient rows. So the rows
of one panel (a few vector registers wide) are loaded once, stay in registers, and every sample of the
run costs one fused multiply-add per row and register. The next cell uses the same rows but one: it shifts
the registers and loads, or stores, that one row.
"""

# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportReturnType=false
# (llvmlite's own annotations say None where any value may stand)

import itertools
from collections.abc import Callable

from llvmlite import ir
from numba.core import cgutils

from edgewise.kernels.emitter import VECTOR_BYTES, Emitter, rolled, vector_function

WIDE = 4 if VECTOR_BYTES == 64 else 2
"""Registers per panel of the forward kernel: 4 rows of a cubic take half of the register file."""
NARROW = 2
"""Registers per panel of the backward kernel."""
PREFETCH = 10
"""Samples ahead whose cotangents are asked for: they lie in random order, in the second or third cache."""


def _emit_runs(
    to: Emitter, starts: ir.Value, skipped: int, runs: ir.Value, stop: ir.Value,
    sample: Callable[[ir.Value], None], enter: Callable[[ir.Value], None], leave: Callable[[ir.Value], None],
) -> None:  # fmt: skip
    """Walk over all runs of a column: `enter(run)`, then `sample(n)` for its samples, then `leave(run)`.

    Run `r` holds the samples that use the coefficient rows `r ... r + k`. Where it ends stands in the 32-bit
    array `starts`, at `skipped + r`; the last run takes all that is left, up to `stop`.
    """
    builder = to.builder
    begin = cgutils.alloca_once_value(builder, to.count(0))
    with cgutils.for_range(builder, runs) as loop:
        run = loop.index
        enter(run)
        is_last = builder.icmp_signed("==", builder.add(run, to.count(1)), runs)
        place = builder.select(is_last, to.count(0), builder.add(run, to.count(skipped)))
        end = builder.select(is_last, stop, to.index(to.address(starts, place, 4)))
        with rolled(builder, builder.load(begin), end) as n:
            sample(n)
        builder.store(end, begin)
        leave(run)


def _shift(to: Emitter, rows: list[list[ir.Value]]) -> None:
    """Move to the next cell: every register takes over from the row behind it. Costs nothing once renamed."""
    for here, behind in itertools.pairwise(rows):
        for register, source in zip(here, behind, strict=True):
            to.builder.store(to.builder.load(source), register)


def _registers(to: Emitter, rows: int, width: int) -> list[list[ir.Value]]:
    """Allocas, which LLVM turns into registers."""
    return [[cgutils.alloca_once(to.builder, to.vector) for _ in range(width)] for _ in range(rows)]


def _window(
    to: Emitter, rows: int, width: int, load: Callable[[ir.Value], ir.Value], coef: ir.Value, row_stride: ir.Value,
) -> tuple[list[list[ir.Value]], Callable[[ir.Value], None]]:  # fmt: skip
    """The coefficient rows of a run in registers, each loaded once, and how to enter the next run."""
    kept = _registers(to, rows, width)

    def load_row(number: ir.Value, into: list[ir.Value]) -> None:
        place = to.address(coef, to.builder.mul(row_stride, number))
        for v, register in enumerate(into):
            to.builder.store(load(to.offset(place, v * to.lanes)), register)

    def enter(run: ir.Value) -> None:
        _shift(to, kept)
        load_row(to.builder.add(run, to.count(rows - 1)), kept[-1])

    for r in range(rows - 1):  # one place ahead: entering the first run shifts them
        load_row(to.count(r), kept[r + 1])
    return kept, enter


def _emit_forward(
    to: Emitter, rows: int, width: int, with_base: int,
    coef, row_stride, base_weight, valid, starts, runs, stop, order, weights, capacity, base, tile,
) -> None:  # fmt: skip
    """`tile[order[n]] += sum_r weights[r][n] coef[run + r] (+ base[n] base_weight)` for all samples `n` of a column.

    Coefficient rows are `row_stride` elements apart; each is loaded once and serves the `k + 1` runs that use it.
    """
    builder = to.builder
    if width == 1:  # wider panels are always full
        to.only_first(valid)
    kept, enter = _window(to, rows, width, to.load_part, coef, row_stride)
    factors = [to.address(weights, builder.mul(capacity, to.count(r))) for r in range(rows)]
    always = [[to.load_part(to.offset(base_weight, v * to.lanes)) for v in range(width)]] if with_base else []

    def sample(n: ir.Value) -> None:
        target = to.address(tile, to.index(to.address(order, n, 4)), to.bytes * to.lanes * width)
        places = [to.offset(target, v * to.lanes) for v in range(width)]
        totals = [to.load(place) for place in places]
        rows_here = [[builder.load(register) for register in row] for row in kept] + always
        for factor, row in zip([*factors, base][: rows + with_base], rows_here, strict=True):
            weight = to.splat(to.address(factor, n))
            totals = [to.fma(weight, value, total) for value, total in zip(row, totals, strict=True)]
        for total, place in zip(totals, places, strict=True):
            to.store(total, place)

    _emit_runs(to, starts, rows + 1, runs, stop, sample, enter, lambda run: None)


forward_column = vector_function(_emit_forward, 12)

SCATTER, PULL, BASE = 1, 2, 4
"""What the backward kernel computes: add these for the length of its `flags` tuple."""


def _emit_scatter(
    to: Emitter, rows: int, width: int, with_base: int,
    grad_coef, grad_base_weight, starts, runs, stop, order, weights, capacity, base, tile,
) -> None:  # fmt: skip
    """`grad_coef[run + r] = sum_n weights[r][n] g[n]` with `g[n] = tile[order[n]]`, for all samples of a column.

    Rows lie packed, one panel's registers after the other; every one of them is written, once.
    The residual branch is one more row, with weights `base`.
    """
    builder = to.builder
    sums = _registers(to, rows + with_base, width)
    factors = [to.address(weights, builder.mul(capacity, to.count(r))) for r in range(rows)]
    for register in itertools.chain(*sums):
        builder.store(to.zero, register)

    def store_row(row: list[ir.Value], place: ir.Value) -> None:
        for v, register in enumerate(row):
            to.store(builder.load(register), to.offset(place, v * to.lanes))

    def sample(n: ir.Value) -> None:
        ahead = builder.add(n, to.count(PREFETCH))
        to.prefetch(to.address(tile, to.index(to.address(order, ahead, 4)), to.bytes * to.lanes * width))
        source = to.address(tile, to.index(to.address(order, n, 4)), to.bytes * to.lanes * width)
        g = [to.load(to.offset(source, v * to.lanes)) for v in range(width)]
        for row, factor in zip(sums, [*factors, base][: rows + with_base], strict=True):
            weight = to.splat(to.address(factor, n))
            for v, register in enumerate(row):
                builder.store(to.fma(weight, g[v], builder.load(register)), register)

    def leave(run: ir.Value) -> None:
        store_row(sums[0], to.address(grad_coef, run, to.bytes * to.lanes * width))
        _shift(to, sums[:rows])
        for register in sums[rows - 1]:
            builder.store(to.zero, register)

    _emit_runs(to, starts, rows + 1, runs, stop, sample, lambda run: None, leave)
    for r in range(rows - 1):
        store_row(sums[r], to.address(grad_coef, builder.add(runs, to.count(r)), to.bytes * to.lanes * width))
    if with_base:
        store_row(sums[rows], grad_base_weight)


scatter_column = vector_function(_emit_scatter, 10)


def _emit_pull(
    to: Emitter, rows: int, width: int, with_base: int,
    coef, base_weight, starts, runs, stop, order, slopes, capacity, base_slope, tile, pulled,
) -> None:  # fmt: skip
    """`pulled[n] += g[n] * sum_r slopes[r][n] coef[run + r]`, lane by lane, with `g[n] = tile[order[n]]`.

    Rows lie packed. The residual branch is one more row, with slopes `base_slope`.
    """
    builder = to.builder
    kept, enter = _window(to, rows, width, to.load, coef, to.count(to.lanes * width))
    factors = [to.address(slopes, builder.mul(capacity, to.count(r))) for r in range(rows)]
    always = [[to.load(to.offset(base_weight, v * to.lanes)) for v in range(width)]] if with_base else []

    def sample(n: ir.Value) -> None:
        source = to.address(tile, to.index(to.address(order, n, 4)), to.bytes * to.lanes * width)
        rows_here = [[builder.load(register) for register in row] for row in kept] + always
        sums = [to.zero] * width
        for factor, row in zip([*factors, base_slope][: rows + with_base], rows_here, strict=True):
            slope = to.splat(to.address(factor, n))
            sums = [to.fma(slope, value, total) for value, total in zip(row, sums, strict=True)]
        place = to.address(pulled, n, to.bytes * to.lanes)
        total = to.load(place)
        for v, value in enumerate(sums):
            total = to.fma(to.load(to.offset(source, v * to.lanes)), value, total)
        to.store(total, place)

    _emit_runs(to, starts, rows + 1, runs, stop, sample, enter, lambda run: None)


pull_column = vector_function(_emit_pull, 11)


def _emit_horner(
    to: Emitter, rows: int, width: int, flags: int, weights, capacity, local, start, stop, table, factor,
) -> None:  # fmt: skip
    """`weights[s * capacity + q] = factor sum_p table[s, p] local[q]^p` for `start <= q < stop`, in whole registers.

    `table` and `factor` are float64.
    """
    double = ir.DoubleType()
    scale = to.builder.load(to.pointer(factor, double))

    def constant(index: int) -> ir.Value:
        place = to.pointer(to.builder.add(table, to.count(8 * index)), double)
        value = to.builder.fmul(to.builder.load(place), scale)
        return to.broadcast(value if to.bytes == 8 else to.builder.fptrunc(value, to.element))

    powers = [[constant(s * rows + p) for p in range(rows)] for s in range(rows)]
    with cgutils.for_range_slice(to.builder, start, stop, to.count(to.lanes)) as (q, _):
        u = to.load(to.address(local, q))
        for s in range(rows):
            value = powers[s][-1]
            for coefficient in reversed(powers[s][:-1]):
                value = to.fma(value, u, coefficient)
            to.store(value, to.address(weights, to.builder.add(q, to.builder.mul(capacity, to.count(s)))))


horner = vector_function(_emit_horner, 7)

PACK, UNPACK, UNPACK_ADD = (), (0,), (0, 0)
"""What `copy_panels` does, as its `flags`."""


def _emit_copy(
    to: Emitter, rows: int, width: int, flags: int, source, source_stride, target, target_stride, count, valid,
) -> None:  # fmt: skip
    """Copy `count` rows of one panel of which the first `valid` lanes exist outside the packed side.

    PACK reads rows and pads with zeros; UNPACK writes rows; UNPACK_ADD adds to them.
    """
    masks = []
    for v in range(width):
        to.only_first(valid, v)
        masks.append(to.mask)
    with cgutils.for_range(to.builder, count) as loop:
        read = to.address(source, to.builder.mul(loop.index, source_stride))
        write = to.address(target, to.builder.mul(loop.index, target_stride))
        for v, to.mask in enumerate(masks):
            place, origin = to.offset(write, v * to.lanes), to.offset(read, v * to.lanes)
            if flags == 0:
                to.store(to.load_part(origin), place)
            elif flags == 1:
                to.store_part(to.load(origin), place)
            else:
                to.store_part(to.builder.fadd(to.load(origin), to.load_part(place)), place)


copy_panels = vector_function(_emit_copy, 6)

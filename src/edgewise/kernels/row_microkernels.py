"""The innermost loops of the small-network kernels: sample after sample, all inputs and outputs of a layer.

A layer of a dozen edges is too small for sorting to pay (`microkernels`): each sample reads the coefficient rows of
its own cells, which all lie in the first cache, and sums over the inputs in registers, panel after panel of outputs.

Rows lie packed: `[panel][input][row][lane]`, see `network_loops`. `groups` holds the first row of every sample, one
column per input; `factors` the weights of the rows, `rows + 1` columns per input, the last for the residual branch.
"""

# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportReturnType=false
# (llvmlite's own annotations say None where any value may stand)

from llvmlite import ir
from numba.core import cgutils

from edgewise.kernels.emitter import Emitter, vector_function


def _row_addresses(
    to: Emitter, rows: int, base_at: ir.Value, sample: ir.Value, input_: ir.Value, height: ir.Value,
    groups: ir.Value, capacity: ir.Value,
) -> list[ir.Value]:  # fmt: skip
    """Addresses of the `rows` coefficient rows of one sample and input, then that of its residual row."""
    builder = to.builder
    row_bytes = to.bytes * to.lanes
    skip = builder.add(builder.mul(input_, capacity), sample)
    group = to.index(to.address(groups, skip, 4))
    of_input = builder.mul(builder.mul(input_, height), to.count(row_bytes))
    first = builder.add(of_input, builder.mul(group, to.count(row_bytes)))
    places = [builder.add(base_at, builder.add(first, to.count(r * row_bytes))) for r in range(rows)]
    last = builder.add(of_input, builder.mul(builder.sub(height, to.count(1)), to.count(row_bytes)))
    return [*places, builder.add(base_at, last)]


def _splats(to: Emitter, rows: int, factors: ir.Value, sample: ir.Value, input_: ir.Value, capacity: ir.Value):
    """The `rows + 1` factors of one sample and input, each in all lanes of a register."""
    builder = to.builder
    column = builder.mul(builder.mul(input_, to.count(rows + 1)), capacity)
    place = to.address(factors, builder.add(column, sample))
    return [to.splat(to.address(place, builder.mul(capacity, to.count(r)))) for r in range(rows + 1)]


def _emit_forward_rows(
    to: Emitter, rows: int, _width: int, _flags: int,
    packed, inputs, panels, height, groups, factors, capacity, samples, out, out_stride,
) -> None:  # fmt: skip
    """`out[n, panel] = sum_i sum_r factors[i][r][n] packed[panel][i][groups[i][n] + r]`, one register per panel."""
    builder = to.builder
    row_bytes = to.bytes * to.lanes
    panel_rows = builder.mul(inputs, height)
    total, other = (cgutils.alloca_once(builder, to.vector) for _ in range(2))
    with cgutils.for_range(builder, samples) as over_samples, cgutils.for_range(builder, panels) as over_panels:
        n, panel = over_samples.index, over_panels.index
        here = to.address(packed, builder.mul(panel, panel_rows), row_bytes)
        for register in (total, other):
            builder.store(to.zero, register)
        with cgutils.for_range(builder, inputs) as over_inputs:
            places = _row_addresses(to, rows, here, n, over_inputs.index, height, groups, capacity)
            scale = _splats(to, rows, factors, n, over_inputs.index, capacity)
            for r, (place, factor) in enumerate(zip(places, scale, strict=True)):
                register = (total, other)[r % 2]  # two chains: one would wait for its own additions
                builder.store(to.fma(factor, to.load(place), builder.load(register)), register)
        result = builder.fadd(builder.load(total), builder.load(other))
        at = builder.add(builder.mul(n, out_stride), builder.mul(panel, to.count(to.lanes)))
        to.store(result, to.address(out, at))


forward_rows = vector_function(_emit_forward_rows, 10)


def _emit_backward_rows(
    to: Emitter, rows: int, _width: int, with_pull: int,
    packed, sums, inputs, panels, height, groups, factors, slopes, capacity, samples, g, g_stride, pulled,
) -> None:  # fmt: skip
    """`sums[panel][i][groups[i][n] + r] += factors[i][r][n] g[n, panel]` for all samples and inputs.

    If asked for, also `pulled[i][n] = sum of the lanes of sum_panel g[n, panel] sum_r slopes[i][r][n] packed[...]`.
    """
    builder = to.builder
    row_bytes = to.bytes * to.lanes
    panel_rows = builder.mul(builder.mul(inputs, height), to.count(row_bytes))
    total = cgutils.alloca_once(builder, to.vector)
    with cgutils.for_range(builder, samples) as over_samples, cgutils.for_range(builder, inputs) as over_inputs:
        n, i = over_samples.index, over_inputs.index
        coefs = _row_addresses(to, rows, packed, n, i, height, groups, capacity)
        grads = [builder.add(sums, builder.sub(place, packed)) for place in coefs]
        scale = _splats(to, rows, factors, n, i, capacity)
        slope = _splats(to, rows, slopes, n, i, capacity) if with_pull else []
        builder.store(to.zero, total)
        with cgutils.for_range(builder, panels) as over_panels:
            skip = builder.mul(over_panels.index, panel_rows)
            lane = builder.add(builder.mul(n, g_stride), builder.mul(over_panels.index, to.count(to.lanes)))
            cotangent = to.load(to.address(g, lane))
            for place, factor in zip(grads, scale, strict=True):
                at = builder.add(place, skip)
                to.store(to.fma(factor, cotangent, to.load(at)), at)
            if with_pull:
                value = builder.fmul(slope[0], to.load(builder.add(coefs[0], skip)))
                for factor, place in zip(slope[1:], coefs[1:], strict=True):
                    value = to.fma(factor, to.load(builder.add(place, skip)), value)
                builder.store(to.fma(cotangent, value, builder.load(total)), total)
        if with_pull:
            at = to.address(pulled, builder.add(builder.mul(i, capacity), n))
            builder.store(to.sum_of_lanes(builder.load(total)), to.pointer(at, to.element))


backward_rows = vector_function(_emit_backward_rows, 13)

"""The innermost loops, as vector instructions: one run of samples that share a cell, one panel of outputs.

Samples that fall into the same cell of a knot vector use the same `k + 1` coefficient rows. So the rows
of one panel (a few vector registers wide) are loaded once, stay in registers, and every sample of the
run costs one fused multiply-add per row and register. LLVM does not find this shape by itself: it
vectorizes inner loops, and here the vector axis (outputs) lies outside the loop over samples. These
functions therefore write the instructions through Numba's `intrinsic`.

All arguments are integers: addresses, counts, and strides in elements. Three empty tuples carry compile-time
numbers: `rows` (k + 1), `width` (registers per panel) and, for what to compute, `flags` (see below).
"""

# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportReturnType=false
# (llvmlite's own annotations say None where any value may stand)

from collections.abc import Callable
from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic


def _vector_bytes() -> int:
    """Width of the vector registers of this machine."""
    features = llvmlite.binding.get_host_cpu_features()
    if features.get("avx512f"):
        return 64
    return 32 if features.get("avx") else 16


VECTOR_BYTES = _vector_bytes()
WIDE = 4 if VECTOR_BYTES == 64 else 2
"""Registers per panel of the forward kernel: 4 rows of a cubic take half of the register file."""
NARROW = 2 if VECTOR_BYTES == 64 else 1
"""Registers per panel of the backward kernel, which keeps coefficients and their gradients."""


class _Emitter:
    """Writes vector instructions for one element type."""

    def __init__(self, builder: ir.IRBuilder, element: ir.Type) -> None:
        self.builder = builder
        self.element = element
        self.bytes = 4 if isinstance(element, ir.FloatType) else 8
        self.lanes = VECTOR_BYTES // self.bytes
        self.vector = ir.VectorType(element, self.lanes)
        self.zero = ir.Constant(self.vector, [0.0] * self.lanes)
        self.mask: ir.Value | None = None

    def count(self, value: int) -> ir.Value:
        return ir.Constant(ir.IntType(64), value)

    def address(self, base: ir.Value, elements: ir.Value, size: int | None = None) -> ir.Value:
        """`base + elements * size`, as an integer."""
        return self.builder.add(base, self.builder.mul(elements, self.count(size or self.bytes)))

    def offset(self, base: ir.Value, elements: int) -> ir.Value:
        return self.builder.add(base, self.count(elements * self.bytes))

    def pointer(self, address: ir.Value, target: ir.Type) -> ir.Value:
        return self.builder.inttoptr(address, target.as_pointer())

    def load(self, address: ir.Value) -> ir.Value:
        return self.builder.load(self.pointer(address, self.vector), align=self.bytes)

    def store(self, value: ir.Value, address: ir.Value) -> None:
        self.builder.store(value, self.pointer(address, self.vector), align=self.bytes)

    def scalar(self, address: ir.Value) -> ir.Value:
        return self.builder.load(self.pointer(address, self.element), align=self.bytes)

    def splat(self, address: ir.Value) -> ir.Value:
        """All lanes equal to the number at `address`."""
        return self.broadcast(self.scalar(address))

    def index(self, address: ir.Value) -> ir.Value:
        """The 32-bit index at `address`, widened."""
        value = self.builder.load(self.pointer(address, ir.IntType(32)), align=4)
        return self.builder.zext(value, ir.IntType(64))

    def fma(self, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
        return self.builder.fadd(self.builder.fmul(a, b, flags=("contract",)), c, flags=("contract",))

    def only_first(self, valid: ir.Value, register: int = 0) -> None:
        """Restrict `load_part` and `store_part` to the lanes of a register that precede lane `valid` of the panel."""
        lane = ir.VectorType(ir.IntType(32), self.lanes)
        limit = self._broadcast(self.builder.trunc(valid, ir.IntType(32)), lane)
        numbers = range(register * self.lanes, (register + 1) * self.lanes)
        self.mask = self.builder.icmp_signed("<", ir.Constant(lane, list(numbers)), limit)

    def broadcast(self, value: ir.Value) -> ir.Value:
        """All lanes equal to `value`."""
        return self._broadcast(value, self.vector)

    def _broadcast(self, value: ir.Value, vector: ir.VectorType) -> ir.Value:
        first = self.builder.insert_element(ir.Constant(vector, ir.Undefined), value, self._i32(0))
        everywhere = ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(first, first, everywhere)

    def load_part(self, address: ir.Value) -> ir.Value:
        """The valid lanes at `address`, and zeros."""
        if self.mask is None:
            return self.load(address)
        pointer = self.pointer(address, self.vector)
        return self._masked("load", self.vector, [pointer, self._i32(self.bytes), self.mask, self.zero])

    def store_part(self, value: ir.Value, address: ir.Value) -> None:
        """Write the valid lanes to `address`."""
        pointer = self.pointer(address, self.vector)
        self._masked("store", ir.VoidType(), [value, pointer, self._i32(self.bytes), self.mask])

    def _masked(self, verb: str, result: ir.Type, arguments: list[Any]) -> Any:
        kind = ir.FunctionType(result, [argument.type for argument in arguments])
        name = f"llvm.masked.{verb}.v{self.lanes}{'f32' if self.bytes == 4 else 'f64'}.p0"
        return self.builder.call(cgutils.get_or_insert_function(self.builder.module, kind, name), arguments)

    @staticmethod
    def _i32(value: int) -> ir.Constant:
        return ir.Constant(ir.IntType(32), value)


def _intrinsic(emit: Callable[..., None], n_integers: int) -> Any:
    """Make a Numba function of `(dtype, rows, width, flags, *integers)` whose body `emit` writes."""

    def typed(typingctx, dtype, rows, width, flags, integers):
        signature = types.void(dtype, rows, width, flags, integers)

        def codegen(context, builder, signature, args):
            element = context.get_value_type(signature.args[0].dtype)
            numbers = cgutils.unpack_tuple(builder, args[4], n_integers)
            emit(_Emitter(builder, element), len(rows), len(width), len(flags), *numbers)
            return context.get_dummy_value()

        return signature, codegen

    return intrinsic(typed)


def _emit_forward(
    to: _Emitter, rows: int, width: int, with_base: int,
    coef, row_stride, base_weight, valid, start, stop, order, weights, capacity, base, tile,
) -> None:  # fmt: skip
    """`tile[order[n]] += sum_r weights[r][n] coef[r] (+ base[n] base_weight)` for `start <= n < stop`."""
    if width == 1:  # wider panels are always full
        to.only_first(valid)
    kept = [
        [
            to.load_part(to.offset(to.address(coef, to.builder.mul(row_stride, to.count(r))), v * to.lanes))
            for v in range(width)
        ]
        for r in range(rows)
    ]
    factors = [to.address(weights, to.builder.mul(capacity, to.count(r))) for r in range(rows)]
    if with_base:
        kept.append([to.load_part(to.offset(base_weight, v * to.lanes)) for v in range(width)])
        factors.append(base)
    with cgutils.for_range_slice(to.builder, start, stop, to.count(1)) as (n, _):
        target = to.address(tile, to.index(to.address(order, n, 4)), to.bytes * to.lanes * width)
        scale = [to.splat(to.address(factor, n)) for factor in factors]
        for v in range(width):
            place = to.offset(target, v * to.lanes)
            total = to.load(place)
            for r in range(len(kept)):
                total = to.fma(scale[r], kept[r][v], total)
            to.store(total, place)


forward_run = _intrinsic(_emit_forward, 11)

SCATTER, PULL, BASE = 1, 2, 4
"""What `backward_run` computes: add these for the length of its `flags` tuple."""


def _emit_backward(
    to: _Emitter, rows: int, width: int, flags: int,
    coef, grad_coef, base_weight, grad_base_weight, start, stop, order,
    weights, slopes, capacity, base, base_slope, tile, pulled,
) -> None:  # fmt: skip
    """With `g = tile[order[n]]`, for `start <= n < stop`, whichever of these the flags ask for.

    SCATTER: `grad_coef[r] += weights[r][n] g`; PULL: `pulled[n] += g * sum_r slopes[r][n] coef[r]` lane by lane;
    BASE: the residual branch is one more row, with weight `base[n]` and slope `base_slope[n]`. Rows lie packed,
    one panel's registers after the other.
    """
    builder = to.builder
    panel = range(width)
    scatter, pull, with_base = bool(flags & SCATTER), bool(flags & PULL), bool(flags & BASE)
    # (address of the row, of its gradient, of its weights, of its slopes)
    table = [
        (to.offset(coef, packed), to.offset(grad_coef, packed), to.address(weights, skip), to.address(slopes, skip))
        for r in range(rows)
        for packed, skip in ((r * width * to.lanes, builder.mul(capacity, to.count(r))),)
    ]
    if with_base:
        table.append((base_weight, grad_base_weight, base, base_slope))
    kept = [[to.load(to.offset(place, v * to.lanes)) for v in panel] for place, _, _, _ in table] if pull else []
    # Sums live in allocas that LLVM promotes to registers.
    sums = [[cgutils.alloca_once(builder, to.vector) for _ in panel] for _ in table] if scatter else []
    for total in (total for sums_of_row in sums for total in sums_of_row):
        builder.store(to.zero, total)
    with cgutils.for_range_slice(builder, start, stop, to.count(1)) as (n, _):
        source = to.address(tile, to.index(to.address(order, n, 4)), to.bytes * to.lanes * width)
        g = [to.load(to.offset(source, v * to.lanes)) for v in panel]
        for sums_of_row, (_, _, weight, _) in zip(sums, table, strict=False):
            factor = to.splat(to.address(weight, n))
            for v in panel:
                builder.store(to.fma(factor, g[v], builder.load(sums_of_row[v])), sums_of_row[v])
        if pull:
            slope = [to.splat(to.address(place, n)) for _, _, _, place in table]
            place = to.address(pulled, n, to.bytes * to.lanes)
            total = to.load(place)
            for v in panel:
                value = builder.fmul(slope[0], kept[0][v])
                for r in range(1, len(table)):
                    value = to.fma(slope[r], kept[r][v], value)
                total = to.fma(g[v], value, total)
            to.store(total, place)
    for sums_of_row, (_, row, _, _) in zip(sums, table, strict=False):
        for v in panel:
            place = to.offset(row, v * to.lanes)
            to.store(builder.fadd(to.load(place), builder.load(sums_of_row[v])), place)


backward_run = _intrinsic(_emit_backward, 14)


def _emit_horner(
    to: _Emitter, rows: int, width: int, flags: int, weights, capacity, local, start, stop, table, factor,
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


horner = _intrinsic(_emit_horner, 7)

PACK, UNPACK, UNPACK_ADD = (), (0,), (0, 0)
"""What `copy_rows` does, as its `flags`."""


def _emit_copy(
    to: _Emitter, rows: int, width: int, flags: int, source, source_stride, target, target_stride, count, valid,
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


copy_rows = _intrinsic(_emit_copy, 6)


@intrinsic
def take_ticket(typingctx: Any, address: Any) -> Any:
    """The 64-bit number at `address`, which goes up by one: never the same for two threads."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        number = ir.IntType(64)
        pointer = builder.bitcast(args[0], number.as_pointer())
        return builder.atomic_rmw("add", pointer, ir.Constant(number, 1), "monotonic")

    return types.int64(address), codegen


@intrinsic
def lane_sum(typingctx: Any, dtype: Any, address: Any) -> Any:
    """Sum of the lanes of the vector at `address`."""
    signature = dtype.dtype(dtype, address)

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        to = _Emitter(builder, context.get_value_type(signature.return_type))
        kind = ir.FunctionType(to.element, [to.element, to.vector])
        name = f"llvm.vector.reduce.fadd.v{to.lanes}{'f32' if to.bytes == 4 else 'f64'}"
        function = cgutils.get_or_insert_function(builder.module, kind, name)
        return builder.call(function, [ir.Constant(to.element, 0.0), to.load(args[1])], fastmath=("reassoc",))

    return signature, codegen

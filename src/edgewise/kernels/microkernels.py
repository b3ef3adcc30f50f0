"""The innermost loops, as vector instructions: one run of samples that share a cell, one panel of outputs.

Samples that fall into the same cell of a knot vector use the same `k + 1` coefficient rows. So the rows
of one panel (a few vector registers wide) are loaded once, stay in registers, and every sample of the
run costs one fused multiply-add per row and register. LLVM does not find this shape by itself: it
vectorizes inner loops, and here the vector axis (outputs) lies outside the loop over samples. These
functions therefore write the instructions through Numba's `intrinsic`.

All arguments are integers: addresses, counts, and strides in elements. Three empty tuples carry compile-time
numbers: `rows` (k + 1), `width` (registers per panel) and, for what to compute, `flags` (see below).
"""

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
        self.masks: list[ir.Value] = []

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
        lane = self.builder.insert_element(ir.Constant(self.vector, ir.Undefined), self.scalar(address), self._i32(0))
        return self.builder.shuffle_vector(lane, lane, ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), [0] * self.lanes))

    def index(self, address: ir.Value) -> ir.Value:
        """The 32-bit index at `address`, widened."""
        value = self.builder.load(self.pointer(address, ir.IntType(32)), align=4)
        return self.builder.zext(value, ir.IntType(64))

    def fma(self, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
        return self.builder.fadd(self.builder.fmul(a, b, flags=("contract",)), c, flags=("contract",))

    def only_first(self, valid: ir.Value, width: int) -> None:
        """Restrict `load_part` and `store_part` to the first `valid` lanes of a panel of `width` registers."""
        lane = ir.VectorType(ir.IntType(32), self.lanes)
        limit = self.builder.insert_element(
            ir.Constant(lane, ir.Undefined), self.builder.trunc(valid, ir.IntType(32)), self._i32(0)
        )
        limit = self.builder.shuffle_vector(limit, limit, ir.Constant(lane, [0] * self.lanes))
        for v in range(width):
            numbers = ir.Constant(lane, list(range(v * self.lanes, (v + 1) * self.lanes)))
            self.masks.append(self.builder.icmp_signed("<", numbers, limit))

    def load_part(self, address: ir.Value, v: int) -> ir.Value:
        """Register `v` of the panel that starts at `address`; zero beyond the valid lanes."""
        place = self.offset(address, v * self.lanes)
        return self._masked("load", place, v, None) if self.masks else self.load(place)

    def store_part(self, value: ir.Value, address: ir.Value, v: int) -> None:
        """Write register `v` of the panel that starts at `address`, valid lanes only."""
        place = self.offset(address, v * self.lanes)
        if self.masks:
            self._masked("store", place, v, value)
        else:
            self.store(value, place)

    def _masked(self, verb: str, address: ir.Value, v: int, value: ir.Value | None) -> Any:
        letter = "f32" if self.bytes == 4 else "f64"
        bit_mask = ir.VectorType(ir.IntType(1), self.lanes)
        pointer = self.pointer(address, self.vector)
        align, name = self._i32(self.bytes), f"llvm.masked.{verb}.v{self.lanes}{letter}.p0"
        if verb == "load":
            kind = ir.FunctionType(self.vector, [pointer.type, ir.IntType(32), bit_mask, self.vector])
            arguments = [pointer, align, self.masks[v], self.zero]
        else:
            kind = ir.FunctionType(ir.VoidType(), [self.vector, pointer.type, ir.IntType(32), bit_mask])
            arguments = [value, pointer, align, self.masks[v]]
        return self.builder.call(cgutils.get_or_insert_function(self.builder.module, kind, name), arguments)

    @staticmethod
    def _i32(value: int) -> ir.Constant:
        return ir.Constant(ir.IntType(32), value)


def _intrinsic(emit: Callable[..., None], n_integers: int) -> Any:
    """Make a Numba function of `(dtype, rows, width, flags, *integers)` whose body `emit` writes."""

    def typed(typingctx, dtype, rows, width, flags, integers):
        signature = types.void(dtype, rows, width, flags, integers)
        assert len(integers) == n_integers

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
        to.only_first(valid, width)
    kept = [
        [to.load_part(to.address(coef, to.builder.mul(row_stride, to.count(r))), v) for v in range(width)]
        for r in range(rows)
    ]
    factors = [to.address(weights, to.builder.mul(capacity, to.count(r))) for r in range(rows)]
    if with_base:
        kept.append([to.load_part(base_weight, v) for v in range(width)])
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
    coef, grad_coef, row_stride, base_weight, grad_base_weight, valid, start, stop, order,
    weights, slopes, capacity, base, tile, pulled, pulled_base,
) -> None:  # fmt: skip
    """With `g = tile[order[n]]`, for `start <= n < stop`, whichever of these the flags ask for.

    SCATTER: `grad_coef[r] += weights[r][n] g`; PULL: `pulled[n] += g * sum_r slopes[r][n] coef[r]` lane by lane;
    BASE with SCATTER: `grad_base_weight += base[n] g`; BASE with PULL: `pulled_base[n] += g * base_weight`.
    """
    builder = to.builder
    to.only_first(valid, width)

    def row(address: ir.Value, r: int) -> ir.Value:
        return to.address(address, builder.mul(row_stride, to.count(r)))

    panel = range(width)
    scatter, pull, with_base = bool(flags & SCATTER), bool(flags & PULL), bool(flags & BASE)
    kept = [[to.load_part(row(coef, r), v) for v in panel] for r in range(rows)] if pull else []
    kept_base = [to.load_part(base_weight, v) for v in panel] if pull and with_base else []
    # Sums live in allocas that LLVM promotes to registers.
    sums = [[cgutils.alloca_once(builder, to.vector) for _ in panel] for _ in range(rows)] if scatter else []
    sums_base = [cgutils.alloca_once(builder, to.vector) for _ in panel] if scatter and with_base else []
    for total in [total for sums_of_row in sums for total in sums_of_row] + sums_base:
        builder.store(to.zero, total)
    with cgutils.for_range_slice(builder, start, stop, to.count(1)) as (n, _):
        source = to.address(tile, to.index(to.address(order, n, 4)), to.bytes * to.lanes * width)
        g = [to.load(to.offset(source, v * to.lanes)) for v in panel]

        def accumulate(sums_of_row: list[ir.Value], factor: ir.Value) -> None:
            for v in panel:
                builder.store(to.fma(factor, g[v], builder.load(sums_of_row[v])), sums_of_row[v])

        def reduce(vectors: list[ir.Value], target: ir.Value) -> None:
            place = to.address(target, n, to.bytes * to.lanes)
            total = to.load(place)
            for v in panel:
                total = to.fma(g[v], vectors[v], total)
            to.store(total, place)

        if scatter:
            for r in range(rows):
                factor = to.splat(to.address(weights, builder.add(builder.mul(capacity, to.count(r)), n)))
                accumulate(sums[r], factor)
            if with_base:
                accumulate(sums_base, to.splat(to.address(base, n)))
        if pull:
            slope = [to.splat(to.address(slopes, builder.add(builder.mul(capacity, to.count(r)), n))) for r in range(rows)]
            values = []
            for v in panel:
                value = builder.fmul(slope[0], kept[0][v])
                for r in range(1, rows):
                    value = to.fma(slope[r], kept[r][v], value)
                values.append(value)
            reduce(values, pulled)
            if with_base:
                reduce(kept_base, pulled_base)
    for r, sums_of_row in enumerate(sums):
        _add_to_memory(to, row(grad_coef, r), sums_of_row)
    if sums_base:
        _add_to_memory(to, grad_base_weight, sums_base)


def _add_to_memory(to: _Emitter, address: ir.Value, sums: list[ir.Value]) -> None:
    for v, total in enumerate(sums):
        to.store_part(to.builder.fadd(to.load_part(address, v), to.builder.load(total)), address, v)


backward_run = _intrinsic(_emit_backward, 16)

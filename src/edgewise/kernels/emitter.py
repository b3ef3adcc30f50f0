"""Vector instructions through Numba's `intrinsic`: what the innermost loops of the CPU kernels are written with.

LLVM vectorizes inner loops over contiguous data. Where the vector axis (outputs) lies outside the innermost loop, and
where sums must stay in registers, the instructions are written out. All arguments of such a function are integers:
addresses, counts, and strides in elements, in one tuple; the lengths of other tuples are compile-time numbers.
"""

# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportReturnType=false
# (llvmlite's own annotations say None where any value may stand)

from collections.abc import Callable, Iterator
from contextlib import contextmanager
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


class Emitter:
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
        """A 64-bit constant."""
        return ir.Constant(ir.IntType(64), value)

    def address(self, base: ir.Value, elements: ir.Value, size: int | None = None) -> ir.Value:
        """`base + elements * size`, as an integer."""
        return self.builder.add(base, self.builder.mul(elements, self.count(size or self.bytes)))

    def offset(self, base: ir.Value, elements: int) -> ir.Value:
        """`base` and a constant number of elements, as an integer."""
        return self.builder.add(base, self.count(elements * self.bytes))

    def pointer(self, address: ir.Value, target: ir.Type) -> ir.Value:
        """The integer `address` as a pointer."""
        return self.builder.inttoptr(address, target.as_pointer())

    def load(self, address: ir.Value) -> ir.Value:
        """The whole register at `address`, aligned or not."""
        return self.builder.load(self.pointer(address, self.vector), align=self.bytes)

    def store(self, value: ir.Value, address: ir.Value) -> None:
        """Write a whole register to `address`, aligned or not."""
        self.builder.store(value, self.pointer(address, self.vector), align=self.bytes)

    def scalar(self, address: ir.Value) -> ir.Value:
        """The number at `address`."""
        return self.builder.load(self.pointer(address, self.element), align=self.bytes)

    def splat(self, address: ir.Value) -> ir.Value:
        """All lanes equal to the number at `address`."""
        return self.broadcast(self.scalar(address))

    def index(self, address: ir.Value) -> ir.Value:
        """The 32-bit index at `address`, widened."""
        value = self.builder.load(self.pointer(address, ir.IntType(32)), align=4)
        return self.builder.zext(value, ir.IntType(64))

    def prefetch(self, address: ir.Value) -> None:
        """Ask for the cache line at `address`, which need not be a valid one."""
        byte = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte] + [ir.IntType(32)] * 3)
        function = cgutils.get_or_insert_function(self.builder.module, kind, "llvm.prefetch.p0")
        pointer = self.builder.inttoptr(address, byte)
        self.builder.call(function, [pointer, self._i32(0), self._i32(3), self._i32(1)])

    def fma(self, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
        """`a * b + c`, rounded once where the machine can."""
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

    def sum_of_lanes(self, value: ir.Value) -> ir.Value:
        """The lanes of `value` added up."""
        kind = ir.FunctionType(self.element, [self.element, self.vector])
        name = f"llvm.vector.reduce.fadd.v{self.lanes}{'f32' if self.bytes == 4 else 'f64'}"
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        return self.builder.call(function, [ir.Constant(self.element, 0.0), value], fastmath=("reassoc",))

    @staticmethod
    def _i32(value: int) -> ir.Constant:
        return ir.Constant(ir.IntType(32), value)


def vector_function(emit: Callable[..., None], n_integers: int) -> Any:
    """Make a Numba function of `(dtype, rows, width, flags, *integers)` whose body `emit` writes."""

    def typed(typingctx, dtype, rows, width, flags, integers):
        signature = types.void(dtype, rows, width, flags, integers)

        def codegen(context, builder, signature, args):
            element = context.get_value_type(signature.args[0].dtype)
            numbers = cgutils.unpack_tuple(builder, args[4], n_integers)
            emit(Emitter(builder, element), len(rows), len(width), len(flags), *numbers)
            return context.get_dummy_value()

        return signature, codegen

    return intrinsic(typed)


@contextmanager
def rolled(builder: ir.IRBuilder, start: ir.Value, stop: ir.Value) -> Iterator[ir.Value]:
    """A loop that LLVM must not unroll: two samples at a time need more registers than there are, and spill."""
    before, head, body, after = builder.basic_block, *(builder.append_basic_block(n) for n in ("head", "body", "after"))
    builder.branch(head)
    builder.position_at_end(head)
    index = builder.phi(start.type)
    builder.cbranch(builder.icmp_signed("<", index, stop), body, after)
    builder.position_at_end(body)
    yield index
    following = builder.add(index, ir.Constant(start.type, 1))
    index.add_incoming(start, before)
    index.add_incoming(following, builder.basic_block)
    builder.branch(head).set_metadata("llvm.loop", _never_unroll(builder.module))
    builder.position_at_end(after)


def _never_unroll(module: ir.Module) -> Any:
    """A loop's identity, a metadata node that begins with itself, with one property."""
    node = module.add_metadata([f"edgewise loop {len(module.metadata)}"])  # unlike any other
    node.operands = (node, module.add_metadata(["llvm.loop.unroll.disable"]))
    return node


@intrinsic
def take_ticket(typingctx: Any, address: Any, index: Any) -> Any:
    """The 64-bit number at `address[index]`, which goes up by one: never the same for two threads."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        number = ir.IntType(64)
        pointer = builder.gep(builder.bitcast(args[0], number.as_pointer()), [args[1]])
        # What a thread wrote before its ticket is seen by those that take a later one.
        return builder.atomic_rmw("add", pointer, ir.Constant(number, 1), "acq_rel")

    return types.int64(address, types.intp), codegen


@intrinsic
def multiply_add(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    """`a * b + c` of three numbers of one dtype, rounded once where the machine can: `Emitter.fma` for one number.

    Written by hand where it is wanted, instead of a flag for all arithmetic: in `a * b + c * d` LLVM fuses one product
    or the other, and not the same one in the vectorized and in the plain form of a loop. Which form runs depends on
    where the arrays lie, so results would differ in their last digit from run to run.

    Returns:
        The signature, and what writes the code; a caller gets a number of the dtype of `c`.
    """

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        return Emitter(builder, args[0].type).fma(*args)

    return c(c, c, c), codegen


@intrinsic
def lane_sum(typingctx: Any, dtype: Any, address: Any) -> Any:
    """Sum of the lanes of the vector at `address`."""
    signature = dtype.dtype(dtype, address)

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
        to = Emitter(builder, context.get_value_type(signature.return_type))
        return to.sum_of_lanes(to.load(args[1]))

    return signature, codegen

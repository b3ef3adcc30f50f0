"""Memory of compiled code: arrays at an address, aligned scratch.

Everything from outside is an address: unpacking a dozen arrays would cost more than a small network. Take the
address of scratch (`.ctypes.data`) inside the loop that uses it: Numba frees an array after its last use.
"""

# pyright: reportCallIssue=false, reportPrivateImportUsage=false
# (Numba's intrinsics have one parameter more than their callers pass)

import numpy as np
from numba import carray, types
from numba.extending import intrinsic

from edgewise.kernels.compilation import compiled
from edgewise.kernels.emitter import VECTOR_BYTES


@intrinsic
def _pointer(typingctx, kind, address):
    """The integer `address` as a pointer to elements of the array `kind`."""
    signature = types.CPointer(kind.dtype)(kind, address)

    def codegen(context, builder, signature, args):
        return builder.inttoptr(args[1], context.get_value_type(signature.return_type))

    return signature, codegen


@compiled
def address_to_array(kind, address, size):
    """The `size` elements at `address` as an array of the dtype of `kind`."""
    return carray(_pointer(kind, address), size)


@compiled
def aligned(kind, elements):
    """Scratch that starts on a vector register's boundary."""
    memory = np.empty(elements + VECTOR_BYTES // kind.itemsize, kind.dtype)
    beyond = memory.ctypes.data % VECTOR_BYTES
    skip = np.int64((VECTOR_BYTES - beyond) % VECTOR_BYTES) // kind.itemsize
    return memory[skip : skip + elements]

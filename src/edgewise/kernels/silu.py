"""The default residual function inside the kernels: `silu(x) = x / (1 + exp(-x))`, vectorized.

Numba calls `exp` one number at a time unless a vendor library is installed; this one is plain arithmetic that
LLVM vectorizes: `exp(z) = 2^n exp(r)`, `|r| <= ln(2)/2`, a Taylor polynomial for `exp(r)`, and `2^n` put
together from its bits. Accuracy: two units in the last place.
"""

# pyright: reportCallIssue=false
# (Numba's intrinsics have one parameter more than their callers pass)

import numpy as np
from numba import types
from numba.extending import overload

from edgewise.kernels.compilation import compiled
from edgewise.kernels.emitter import multiply_add


# Sums must not be reordered here: the two parts of ln(2), and the rounding to whole numbers, would merge.
@compiled
def _exp32(z):
    z = min(max(z, np.float32(-87.0)), np.float32(87.0))
    rounder = np.float32(12582912.0)  # 1.5 * 2^23: its last bits count in ones
    shifted = multiply_add(z, np.float32(1.4426950408889634), rounder)
    n = shifted - rounder
    r = multiply_add(n, np.float32(2.12194440054690583e-4), multiply_add(n, np.float32(-0.693359375), z))
    value = np.float32(1 / 5040)
    value = multiply_add(value, r, np.float32(1 / 720))
    value = multiply_add(value, r, np.float32(1 / 120))
    value = multiply_add(value, r, np.float32(1 / 24))
    value = multiply_add(value, r, np.float32(1 / 6))
    value = multiply_add(value, r, np.float32(0.5))
    value = multiply_add(value, r, np.float32(1))
    value = multiply_add(value, r, np.float32(1))
    return value * np.int32((np.float32(shifted).view(np.int32) + np.int32(127)) << np.int32(23)).view(np.float32)


@compiled
def _exp64(z):
    z = min(max(z, -708.0), 708.0)
    rounder = 6755399441055744.0  # 1.5 * 2^52
    shifted = multiply_add(z, 1.4426950408889634, rounder)
    n = shifted - rounder
    r = multiply_add(n, -1.42860682030941723212e-6, multiply_add(n, -6.93145751953125e-1, z))
    value = 1.0 / 6227020800.0
    value = multiply_add(value, r, 1.0 / 479001600.0)
    value = multiply_add(value, r, 1.0 / 39916800.0)
    value = multiply_add(value, r, 1.0 / 3628800.0)
    value = multiply_add(value, r, 1.0 / 362880.0)
    value = multiply_add(value, r, 1.0 / 40320.0)
    value = multiply_add(value, r, 1.0 / 5040.0)
    value = multiply_add(value, r, 1.0 / 720.0)
    value = multiply_add(value, r, 1.0 / 120.0)
    value = multiply_add(value, r, 1.0 / 24.0)
    value = multiply_add(value, r, 1.0 / 6.0)
    value = multiply_add(value, r, 0.5)
    value = multiply_add(value, r, 1.0)
    value = multiply_add(value, r, 1.0)
    return value * np.int64((np.float64(shifted).view(np.int64) + np.int64(1023)) << np.int64(52)).view(np.float64)


def _exp(z):
    """`exp` for compiled code: the version of the argument's dtype."""
    raise NotImplementedError("only compiled code calls this")


@overload(_exp)
def _choose_exp(z):
    if z == types.float32:
        return lambda z: _exp32(z)
    return lambda z: _exp64(z)


@compiled
def silu_of_column(x, n, value, slope, with_slope):
    """`silu` (and its derivative) of `x[:n]`; NaN in, NaN out."""
    one, zero = value.dtype.type(1), value.dtype.type(0)
    limit = value.dtype.type(-87.0 if value.itemsize == 4 else -708.0)
    for b in range(n):
        z = x[b]
        gate = one / (one + _exp(-z))
        gate = gate if z >= limit else zero * z  # below, exp(-z) was clipped; NaN stays
        value[b] = z * gate
        if with_slope:
            slope[b] = gate * multiply_add(z, one - gate, one)

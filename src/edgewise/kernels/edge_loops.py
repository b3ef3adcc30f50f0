"""Compiled loops that edges of every kind share."""

import numpy as np

from edgewise.kernels.compilation import compiled, compiled_for_python


@compiled
def dot(a, b):
    """The sum of products, in eight sums that can run side by side."""
    lanes = np.zeros(8, a.dtype)
    whole = a.size // 8
    for q in range(whole):
        for lane in range(8):
            lanes[lane] += a[8 * q + lane] * b[8 * q + lane]
    total = lanes[0]
    for lane in range(1, 8):
        total += lanes[lane]
    for q in range(8 * whole, a.size):
        total += a[q] * b[q]
    return total


@compiled_for_python
def silu_derivatives(x, gate, result):
    """Fill `(orders, I, B)` with derivatives of `silu` at `(I, B)`, up to the fourth; `gate` is `sigmoid(x)`."""
    orders = result.shape[0]
    one, two, three, four, six, twelve = (
        x.dtype.type(1), x.dtype.type(2), x.dtype.type(3), x.dtype.type(4), x.dtype.type(6), x.dtype.type(12)
    )  # fmt: skip
    for i in range(x.shape[0]):
        for b in range(x.shape[1]):
            result[0, i, b] = x[i, b] * gate[i, b]
        for m in range(1, orders):
            for b in range(x.shape[1]):
                z, s = x[i, b], gate[i, b]
                s1 = s * (one - s)
                s2 = s1 * (one - two * s)
                s3 = s1 * (one - six * s1)
                if m == 1:
                    result[m, i, b] = s + z * s1
                elif m == 2:
                    result[m, i, b] = two * s1 + z * s2
                elif m == 3:
                    result[m, i, b] = three * s2 + z * s3
                else:
                    result[m, i, b] = four * s3 + z * (s2 * (one - twelve * s1))

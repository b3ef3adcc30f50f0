"""The compiled loops of `ChebyshevEdges`: every Chebyshev edge and its derivatives, edge by edge, along the samples."""

import numpy as np

from edgewise.kernels.cells import fill
from edgewise.kernels.compilation import compiled, compiled_for_python
from edgewise.kernels.edge_loops import dot


@compiled_for_python
def chain_factors(t, z, rates, squash, linear, factors, used):
    """Fill what multiplies the n-th derivative by `z` in the m-th by `x`: `factors[m, n]` is `(I, B)`; orders up to 4.

    `t` `(I, B)` are places in the domain, `z` what they are brought to: `tanh(t)` with `squash`, else `t`, or its
    nearest point of [-1, 1] with `linear`. `rates` `(I,)` is how fast `t` moves; `used[m, n]` tells where there is
    anything.
    """
    orders, kind = len(factors), factors.dtype.type
    for m in range(orders):
        for n in range(orders):
            used[m, n] = (n == m) or (squash and 0 < n < m) or (not squash and linear and m == 0 and n == 1)
    for i in range(t.shape[0]):
        scale = 1.0
        for m in range(orders):
            if squash:
                _bell(z[i], m, kind(scale), factors, i)
            elif linear:
                for b in range(t.shape[1]):
                    factors[m, m, i, b] = kind(scale) if m < 2 or z[i, b] == t[i, b] else kind(0)
            else:
                fill(factors[m, m, i], kind(scale), t.shape[1])
            scale *= rates[i]
        if linear and not squash and orders > 1:
            for b in range(t.shape[1]):
                factors[0, 1, i, b] = t[i, b] - z[i, b]


@compiled
def _bell(z, m, scale, factors, i):
    """Faa di Bruno for `p(tanh(t))`: partial Bell polynomials of the derivatives of tanh."""
    kind = factors.dtype.type
    a, two, three, four, six = kind(1), kind(2), kind(3), kind(4), kind(6)
    if m == 0:
        fill(factors[0, 0, i], scale, z.size)
        return
    for b in range(z.size):
        factors[m, m, i, b] = scale * (a - z[b] * z[b])
    for _ in range(m - 1):  # powers of the slope
        for b in range(z.size):
            factors[m, m, i, b] *= a - z[b] * z[b]
    if m == 2:
        for b in range(z.size):
            factors[2, 1, i, b] = -scale * two * z[b] * (a - z[b] * z[b])
    elif m == 3:
        for b in range(z.size):
            slope, square = a - z[b] * z[b], z[b] * z[b]
            factors[3, 1, i, b] = scale * slope * (six * square - two)
            factors[3, 2, i, b] = -scale * six * z[b] * slope * slope
    elif m == 4:
        for b in range(z.size):
            slope, square = a - z[b] * z[b], z[b] * z[b]
            factors[4, 1, i, b] = scale * z[b] * slope * (kind(16) - kind(24) * square)
            factors[4, 2, i, b] = scale * slope * slope * (four * (six * square - two) + three * four * square)
            factors[4, 3, i, b] = -scale * six * two * z[b] * slope * slope * slope


@compiled
def _fill_basis(z, basis):
    for b in range(z.size):
        basis[0, b] = 1
    if len(basis) > 1:
        for b in range(z.size):
            basis[1, b] = z[b]
    for s in range(2, len(basis)):
        for b in range(z.size):
            basis[s, b] = z[b] * (basis[s - 1, b] + basis[s - 1, b]) - basis[s - 2, b]


@compiled_for_python
def chebyshev_forward(z, factors, used, coef, base_weight, base, result):
    """Fill `result` `(orders, I, O, B)`; `coef` is `(I, orders, S, O)`, those of every derivative by `z`."""
    orders, inputs, outputs, rows = result.shape
    size = coef.shape[2]
    basis, inner = np.empty((size, rows), result.dtype), np.empty((orders, rows), result.dtype)
    for i in range(inputs):
        _fill_basis(z[i], basis)
        for o in range(outputs):
            for n in range(orders):
                fill(inner[n], result.dtype.type(0), rows)
                for s in range(size - n):
                    c = coef[i, n, s, o]
                    for b in range(rows):
                        inner[n, b] += c * basis[s, b]
            for m in range(orders):
                fill(result[m, i, o], result.dtype.type(0), rows)
                for n in range(orders):
                    if used[m, n]:
                        for b in range(rows):
                            result[m, i, o, b] += factors[m, n, i, b] * inner[n, b]
                if base.shape[0] > 0:
                    weight = base_weight[i, o]
                    for b in range(rows):
                        result[m, i, o, b] += weight * base[m, i, b]


@compiled_for_python
def chebyshev_backward(z, factors, used, g, jets, base, dx, dcoef, dbase):
    """Fill gradients: `g` is `(orders, I, O, B)`, `dcoef` `(I, orders, S, O)`; `dx` may be empty."""
    orders, inputs, outputs, rows = g.shape
    size = dcoef.shape[2]
    basis, pulled = np.empty((size, rows), g.dtype), np.empty(rows, g.dtype)
    for i in range(inputs):
        _fill_basis(z[i], basis)
        if dx.shape[0] > 0:
            fill(dx[i], g.dtype.type(0), rows)
        for o in range(outputs):
            total = g.dtype.type(0)
            for m in range(orders):
                if base.shape[0] > 0:
                    total += dot(g[m, i, o], base[m, i])
                for b in range(rows if dx.shape[0] > 0 else 0):
                    dx[i, b] += g[m, i, o, b] * jets[m + 1, i, o, b]
            dbase[i, o] = total
            for n in range(dcoef.shape[1]):
                fill(pulled, g.dtype.type(0), rows)
                for m in range(orders):
                    if used[m, n]:
                        for b in range(rows):
                            pulled[b] += factors[m, n, i, b] * g[m, i, o, b]
                for s in range(size):
                    dcoef[i, n, s, o] = dot(pulled, basis[s])

"""A KAN as the paper writes it: loops over rows, edges and basis functions, values from scipy.

Nothing of the library under test is imported. A network is a list of `Layer`s.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.interpolate import BSpline
from scipy.special import expit


@dataclass
class Layer:
    """Edges `phi_io(x) = mask_io (sb_io silu(x) + ss_io sum_s c_ios B_s(x))`, then sums and products."""

    knots: np.ndarray  # (I, S + k + 1)
    coef: np.ndarray  # (I, O, S)
    scale_base: np.ndarray  # (I, O)
    scale_sp: np.ndarray  # (I, O)
    mask: np.ndarray  # (I, O)
    k: int
    outside: str
    n_mult: int = 0
    arity: int = 2
    d_coef: np.ndarray = field(init=False)
    d_scale_base: np.ndarray = field(init=False)
    d_scale_sp: np.ndarray = field(init=False)

    def __post_init__(self):
        self.d_coef, self.d_scale_base = np.zeros_like(self.coef), np.zeros_like(self.scale_base)
        self.d_scale_sp = np.zeros_like(self.scale_sp)


def basis(x, t, k, order, outside):
    """The `order`-th derivative (0 or 1) of every basis function at one number."""
    lo, hi = t[k], np.nextafter(t[-k - 1], t[k])
    if outside == "linear" and not lo <= x <= hi:
        end = lo if x < lo else hi
        slope = basis(end, t, k, 1, "extend")
        return slope if order == 1 else basis(end, t, k, 0, "extend") + slope * (x - end)
    values = np.zeros(len(t) - k - 1)
    if order > k:
        return values
    for s in range(len(values)):
        if t[s] <= x < t[s + k + 1]:
            element = BSpline.basis_element(t[s : s + k + 2], extrapolate=False)
            values[s] = (element.derivative(order) if order else element)(x)
    return values


def silu(x):
    return x * expit(x)


def silu_slope(x):
    return expit(x) * (1 + x * (1 - expit(x)))


def sums(layer, x):
    """`(I,)` numbers to `(O,)` sums."""
    n_in, n_out = layer.scale_base.shape
    out = np.zeros(n_out)
    for i in range(n_in):
        b = basis(x[i], layer.knots[i], layer.k, 0, layer.outside)
        for o in range(n_out):
            spline = sum(layer.coef[i, o, s] * b[s] for s in range(len(b)))
            out[o] += layer.mask[i, o] * (layer.scale_base[i, o] * silu(x[i]) + layer.scale_sp[i, o] * spline)
    return out


def products(layer, z):
    """Leading sums pass; each product node multiplies `arity` of the rest."""
    n_sum = len(z) - layer.n_mult * layer.arity
    out = list(z[:n_sum])
    out.extend(np.prod(z[n_sum + m * layer.arity : n_sum + (m + 1) * layer.arity]) for m in range(layer.n_mult))
    return np.array(out)


def forward(layers, x):
    """`(B, I)` to `(B, O)`."""
    rows = []
    for row in x:
        for layer in layers:
            row = products(layer, sums(layer, row))
        rows.append(row)
    return np.array(rows)


def gradients(layers, x, cotangent):
    """Add `d (cotangent * output).sum()` to each layer's `d_...`; return the gradient of `x`."""
    d_x = np.zeros_like(x)
    for b in range(len(x)):
        inputs, totals, row = [], [], x[b]
        for layer in layers:
            inputs.append(row)
            totals.append(sums(layer, row))
            row = products(layer, totals[-1])
        g = cotangent[b]
        for layer, row, z in zip(layers[::-1], inputs[::-1], totals[::-1], strict=True):
            g = _through_edges(layer, row, _through_products(layer, z, g))
        d_x[b] = g
    return d_x


def _through_products(layer, z, g):
    n_sum = len(z) - layer.n_mult * layer.arity
    d_z = np.zeros_like(z)
    d_z[:n_sum] = g[:n_sum]
    for m in range(layer.n_mult):
        group = range(n_sum + m * layer.arity, n_sum + (m + 1) * layer.arity)
        for a in group:
            d_z[a] = g[n_sum + m] * np.prod([z[other] for other in group if other != a])
    return d_z


def _through_edges(layer, x, g):
    n_in, n_out = layer.scale_base.shape
    d_x = np.zeros(n_in)
    for i in range(n_in):
        b, slope = (basis(x[i], layer.knots[i], layer.k, order, layer.outside) for order in (0, 1))
        for o in range(n_out):
            c, sb, ss = layer.coef[i, o], layer.scale_base[i, o], layer.scale_sp[i, o]
            g_edge = layer.mask[i, o] * g[o]
            d_x[i] += g_edge * (sb * silu_slope(x[i]) + ss * (c @ slope))
            layer.d_coef[i, o] += g_edge * ss * b
            layer.d_scale_base[i, o] += g_edge * silu(x[i])
            layer.d_scale_sp[i, o] += g_edge * (c @ b)
    return d_x

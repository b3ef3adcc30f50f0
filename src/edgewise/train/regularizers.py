"""The sparsity penalty of the KAN paper, without a `(B, I, O)` tensor.

For layer `l` with edges `e = (i, j)` that are present, `O_l` outputs and `E_l` such edges:

    A_e     = sum_b w_b |phi_e(x_b,i)|                     mean magnitude of the edge on the batch, sum_b w_b = 1
    L1_l    = sum_e A_e / O_l                              magnitude that enters an output node
    H_l     = -sum_e p_e log p_e / log E_l,  p_e = A_e / sum A      entropy, 1 when all edges are equal
    penalty = sum_l (lamb_l1 L1_l + lamb_entropy H_l)

Differs from the paper (arXiv 2404.19756, section 2.5) by the divisors `O_l` and `log E_l`: with them a given
`lamb` means the same for every grid, width, batch size and number of samples. `L1_l` has the unit of the
node values, so labels are best scaled to about one.

`A` is exact. Its forward and its gradient evaluate the edges of a few inputs at a time, with the input
axis as the kernels' model axis, and recompute in the backward pass: extra memory is bounded. Layers of another basis
than splines hold all their edges at once.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from edgewise import kernels
from edgewise.layers import AbstractEdgeLayer, KANLayer
from edgewise.layers.base_functions import base_function

# Edge values alive at once: 8 MiB in float64.
_CHUNK = 1 << 20
_TINY = 1e-12


def edge_l1(layer: AbstractEdgeLayer, x: Tensor, weight: Tensor | None = None) -> Tensor:
    """Mean magnitude of every edge function on the rows of `x`, differentiable once.

    Args:
        layer: a layer of edges.
        x: `(..., I)` inputs of the layer.
        weight: `(B,)` row weights; they are divided by their sum. Equal when absent.

    Returns:
        `(I, O)` values `sum_b w_b |phi_io(x_bi)|`; zero at removed edges.
    """
    x = x.reshape(-1, layer.in_features)
    share = x.new_full((len(x),), 1.0 / max(len(x), 1)) if weight is None else weight / weight.sum()
    if not isinstance(layer, KANLayer):
        return torch.einsum("bio,b->io", layer.edge_values(x).abs(), share)
    coef, base_weight = layer.effective_weights()
    function = base_function(layer.base_fun)
    base = None if function is None else function(x)
    options = (layer.k, layer.outside == "linear")
    magnitude = _EdgeL1.apply(x, coef, base, None if base is None else base_weight, layer.knots, share, *options)
    own = layer.symbolic
    if own is None:
        return magnitude  # pyright: ignore[reportReturnType]
    values = own.values(x, own.masked(layer.edge_mask))  # (B, E)
    return magnitude.index_put((own.sources, own.targets), share @ values.abs(), accumulate=True)  # pyright: ignore


def sparsity_penalty(
    layers: "list[tuple[AbstractEdgeLayer, Tensor]]",
    weight: Tensor | None = None,
    lamb_l1: float = 1.0,
    lamb_entropy: float = 2.0,
) -> Tensor:
    """The penalty of the module's formula.

    Args:
        layers: layers of edges, each with the `(..., I)` inputs that reached it.
        weight: `(B,)` row weights, or None.
        lamb_l1: factor of the magnitudes.
        lamb_entropy: factor of the entropies.

    Returns:
        A scalar.
    """
    total = layers[0][1].new_zeros(())
    for layer, x in layers:
        magnitude = edge_l1(layer, x, weight)
        if lamb_l1:
            total = total + lamb_l1 / layer.out_features * magnitude.sum()
        if lamb_entropy:
            total = total + lamb_entropy * _entropy(magnitude, layer.edge_mask)
    return total


def _entropy(magnitude: Tensor, mask: Tensor | None) -> Tensor:
    """Entropy of the present edges over its maximum; 0 for a single edge."""
    present = magnitude.flatten() if mask is None else magnitude[mask != 0]
    if present.numel() < 2:
        return magnitude.new_zeros(())
    share = present / present.sum().clamp_min(_TINY)
    # The clamp keeps the gradient finite where an edge is exactly zero.
    entropy = -(share * share.clamp_min(_TINY).log()).sum()
    return entropy / torch.tensor(float(present.numel()), dtype=magnitude.dtype).log().item()


class _EdgeL1(torch.autograd.Function):
    """`A[i,o] = sum_b w_b |phi_io(x_bi)|` with a gradient that recomputes the edges."""

    @staticmethod
    def forward(ctx, x, coef, base, base_weight, knots, share, degree, linear):
        ctx.save_for_backward(x, coef, base, base_weight, knots, share)
        ctx.options = degree, linear
        result = x.new_zeros(coef.shape[0], coef.shape[2])
        for i, b in _chunks(x, coef):
            values = _edge_values(x, coef, base, base_weight, knots, degree, linear, i, b)
            result[i] += torch.einsum("cbo,b->co", values.abs_(), share[b])
        return result

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad):
        x, coef, base, base_weight, knots, share = ctx.saved_tensors
        degree, linear = ctx.options
        need_x, need_coef = ctx.needs_input_grad[:2]
        dx, dcoef = torch.zeros_like(x), torch.zeros_like(coef)
        dbase = None if base is None else torch.zeros_like(base)
        dweight = None if base is None else torch.zeros_like(base_weight)
        for i, b in _chunks(x, coef):
            values = _edge_values(x, coef, base, base_weight, knots, degree, linear, i, b)
            g = values.sign_().mul_(share[b][:, None]).mul_(grad[i][:, None])  # (c, b, O)
            columns, knot = x[b, i].mT[..., None].contiguous(), knots[i][:, None]
            if need_coef:
                dcoef[i] += kernels.scatter(columns, g, knot, None, degree, 0, linear)[:, 0]
            if need_x:
                dx[b, i] += kernels.pull(columns, coef[i][:, None], g, knot, degree, 1, linear)[..., 0].mT
            if base is not None and dbase is not None and dweight is not None:
                dbase[b, i] += torch.einsum("cbo,co->bc", g, base_weight[i])
                dweight[i] += torch.einsum("cbo,bc->co", g, base[b, i])
        return dx, dcoef, dbase, dweight, None, None, None, None


def _chunks(x: Tensor, coef: Tensor) -> Iterator[tuple[slice, slice]]:
    """Slices of inputs and of rows whose edge values fit the budget."""
    (rows, inputs), outputs = x.shape, coef.shape[2]
    height = max(1, min(rows, _CHUNK // outputs))
    width = max(1, min(inputs, _CHUNK // (outputs * height)))
    for i in range(0, inputs, width):
        for b in range(0, rows, height):
            yield slice(i, i + width), slice(b, b + height)


def _edge_values(x, coef, base, base_weight, knots, degree, linear, i, b) -> Tensor:
    """`(c, b, O)` values of the edges of a few inputs at a few rows: each input is a model with one input."""
    columns = x[b, i].mT[..., None].contiguous()
    values = kernels.evaluate(columns, coef[i][:, None], knots[i][:, None], None, degree, 0, linear)
    if base is not None:
        values = torch.addcmul(values, base[b, i].mT[..., None], base_weight[i][:, None])
    return values

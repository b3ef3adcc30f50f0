"""Gauss-Newton matrices of a KAN: `[J r]' [J r]`, assembled from what a row of `J` holds.

With respect to the weights of one layer, the gradient of an output is the layer's local basis times a back-propagated
vector: `dy/dC[i,s,o] = B_s(x_i) g_o` and `dy/dW[i,o] = base(x_i) g_o`. A row has `k + 1` of `G + k` basis functions per
input, so the product of all rows is summed from small dense blocks, at a cost that does not depend on the grid, and no
row is ever stored.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from edgewise.errors import ShapeError
from edgewise.splines import bspline_basis


class LayerRows(NamedTuple):
    """One layer's part of the rows of a Jacobian.

    Attributes:
        x: `([M,] B, I)` inputs of the layer.
        base: `([M,] B, I)` residual function of the inputs, or None.
        cotangent: `([M,] B, O)` derivative of the row's output with respect to the layer's outputs.
        knots: `([M,] I, S+k+1)`.
        coef_at: where the layer's coefficients begin among all parameters, in the order `(I, S, O)`.
        base_at: where its residual factors begin, in the order `(I, O)`.
    """

    x: Tensor
    base: Tensor | None
    cotangent: Tensor
    knots: Tensor
    coef_at: int
    base_at: int


def gram(layers: Sequence[LayerRows], residual: Tensor, size: int, degree: int, linear: bool) -> Tensor:
    """`[J r]' [J r]`: the Gauss-Newton matrix, the gradient, and the sum of squares.

    Args:
        layers: every layer's part of the Jacobian, first layer first; parameters in ascending order.
        residual: `([M,] B)` residuals.
        size: number n of parameters.
        degree: polynomial degree k.
        linear: how functions continue outside the grid.

    Returns:
        `([M,] n+1, n+1)`; only the lower triangle is meant. `[:n, :n]` is `J'J`, `[n, :n]` is `J'r`, `[n, n]` is `r'r`.

    Raises:
        ShapeError: tensors do not fit together.
    """
    _check(layers, residual, size, degree)
    if residual.dim() == 1:
        lifted = [layer._replace(**{name: _lifted(getattr(layer, name)) for name in _TENSORS}) for layer in layers]
        return gram(lifted, residual[None], size, degree, linear)[0]
    if residual.shape[0] == 0:
        return residual.new_zeros(0, size + 1, size + 1)
    if residual.device.type == "cpu" and residual.dtype in (torch.float32, torch.float64):
        return _cpu().gram(layers, residual, size, degree, linear)
    rows = [jacobian_rows(layers, size, degree, linear), residual[..., None]]
    both = torch.cat(rows, dim=-1)
    return both.mT @ both


def jacobian_rows(layers: Sequence[LayerRows], size: int, degree: int, linear: bool) -> Tensor:
    """The rows themselves, dense: `([M,] B, n)`; for small problems, QR factorizations and tests.

    Args:
        layers: as for `gram`.
        size: number n of parameters.
        degree: polynomial degree k.
        linear: how functions continue outside the grid.

    Returns:
        `([M,] B, n)`.
    """
    first = layers[0].x
    rows = first.new_zeros((*first.shape[:-1], size))
    for x, base, cotangent, knots, coef_at, base_at in layers:
        basis = bspline_basis(x, knots[:, None] if knots.dim() == 3 else knots, degree, 0,
                              "linear" if linear else "extend")  # fmt: skip
        coef = (basis[..., None] * cotangent[..., None, None, :]).flatten(-3)
        rows[..., coef_at : coef_at + coef.shape[-1]] = coef
        if base is not None:
            factors = (base[..., None] * cotangent[..., None, :]).flatten(-2)
            rows[..., base_at : base_at + factors.shape[-1]] = factors
    return rows


_TENSORS = ("x", "base", "cotangent", "knots")


def _lifted(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor[None]


def _check(layers: Sequence[LayerRows], residual: Tensor, size: int, degree: int) -> None:
    """Refuse what does not fit together: the compiled code works on addresses."""
    lead, at = residual.shape, 0
    if len(lead) not in (1, 2):
        raise ShapeError(f"gram: `residual` must be (rows,) or (models, rows); got {tuple(lead)}.")
    if not layers:
        raise ShapeError("gram: there must be at least one layer; got none.")
    for number, (x, base, cotangent, knots, coef_at, base_at) in enumerate(layers):
        inputs, outputs, basis = x.shape[-1], cotangent.shape[-1], knots.shape[-1] - degree - 1
        fits = x.shape[:-1] == cotangent.shape[:-1] == lead and (base is None or base.shape == x.shape)
        fits = fits and knots.shape[-2] == inputs and basis > degree and knots.shape[:-2] in (lead[:-1], ())
        fits = fits and at <= coef_at and coef_at + inputs * basis * outputs <= size
        at = coef_at + inputs * basis * outputs
        if base is not None:
            fits = fits and at <= base_at and base_at + inputs * outputs <= size
            at = base_at + inputs * outputs
        tensors = [t for t in (x, base, cotangent, knots) if t is not None]
        if not fits or any(t.dtype != residual.dtype or t.device != residual.device for t in tensors):
            raise ShapeError(
                f"gram: layer {number} does not fit residuals {tuple(lead)} and {size} parameters: "
                f"{[(tuple(t.shape), str(t.dtype), str(t.device)) for t in tensors]} at {coef_at} and {base_at}."
            )


@cache
def _cpu() -> Any:
    """The compiled side; Numba is imported at its first use."""
    from edgewise.kernels import gram_cpu

    return gram_cpu

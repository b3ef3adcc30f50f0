"""The contractions in plain torch: the readable meaning, and the path for every device without a kernel.

They build the dense `(..., B, I, S)` basis, so cost and memory grow with the grid; every operation is
differentiable and exportable (ONNX).
"""

import torch
from torch import Tensor

from edgewise.splines import bspline_basis


def evaluate(
    x: Tensor, coef: Tensor, knots: Tensor, weight: Tensor | None, degree: int, order: int, linear: bool
) -> Tensor:
    """`Y[b,o] = sum_i h[b,i] sum_s D^m B_s(x[b,i]) C[i,s,o]`."""
    return torch.einsum("...bis,...iso->...bo", _basis(x, knots, weight, degree, order, linear), coef)


def scatter(
    x: Tensor, cotangent: Tensor, knots: Tensor, weight: Tensor | None, degree: int, order: int, linear: bool
) -> Tensor:
    """`A[i,s,o] = sum_b h[b,i] D^m B_s(x[b,i]) g[b,o]`."""
    return torch.einsum("...bis,...bo->...iso", _basis(x, knots, weight, degree, order, linear), cotangent)


def pull(x: Tensor, coef: Tensor, cotangent: Tensor, knots: Tensor, degree: int, order: int, linear: bool) -> Tensor:
    """`E[b,i] = sum_o g[b,o] sum_s D^m B_s(x[b,i]) C[i,s,o]`."""
    basis = _basis(x, knots, None, degree, order, linear)
    return torch.einsum("...bis,...iso,...bo->...bi", basis, coef, cotangent)


def _basis(x: Tensor, knots: Tensor, weight: Tensor | None, degree: int, order: int, linear: bool) -> Tensor:
    rows = knots[:, None] if knots.dim() == 3 else knots  # a model axis broadcasts over the batch
    basis = bspline_basis(x, rows, degree, order, "linear" if linear else "extend")
    return basis if weight is None else basis * weight[..., None]

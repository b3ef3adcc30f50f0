"""Vectors as lists of tensors, shaped like parameters. One flat tensor is faster: see `edgewise.curvature`."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

__all__ = ["get_params_grad", "group_add", "group_product", "hessian_vector_product", "normalization", "orthnormal"]

Group = Sequence[Tensor]


def group_product(xs: Group, ys: Group) -> Tensor:
    """The inner product."""
    return torch.stack([(x * y).sum() for x, y in zip(xs, ys, strict=True)]).sum()


def group_add(params: Group, update: Group, alpha: float | Tensor = 1) -> list[Tensor]:
    """`params + alpha * update`, as new tensors; PyHessian writes into `params` as well."""
    return [p + alpha * u for p, u in zip(params, update, strict=True)]


def normalization(v: Group) -> list[Tensor]:
    """A vector of length one in the same direction, however short `v` is; zeros stay zeros."""
    length = group_product(v, v).sqrt()
    return [x / torch.where(length == 0, torch.ones_like(length), length) for x in v]


def orthnormal(w: Group, v_list: Sequence[Group]) -> list[Tensor]:
    """The part of `w` orthogonal to orthonormal vectors, with length one."""
    for _ in range(2):  # once leaves rounding errors of `w`, which may be all there is
        for v in v_list:
            w = group_add(w, v, alpha=-group_product(w, v))
    return normalization(w)


def get_params_grad(model: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
    """The trained parameters and their gradients; zeros where there is none."""
    params: list[Tensor] = [p for p in model.parameters() if p.requires_grad]
    return params, [torch.zeros_like(p) if p.grad is None else p.grad + 0.0 for p in params]


def hessian_vector_product(gradsH: Group, params: Group, v: Group) -> tuple[Tensor, ...]:
    """Differentiate gradients, which have their graph, along a vector; zeros where there is no influence."""
    return torch.autograd.grad(
        list(gradsH), list(params), list(v), retain_graph=True, allow_unused=True, materialize_grads=True
    )

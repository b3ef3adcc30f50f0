"""What the kernels of every device ask of their arguments."""

import torch
from torch import Tensor

from edgewise.errors import ParameterError, ShapeError


def axes(x: Tensor) -> tuple[bool, int, int, int]:
    """Whether there is a model axis; models, rows, inputs."""
    if x.dim() not in (2, 3):
        raise ShapeError(f"kernels: `x` must be (rows, inputs) or (models, rows, inputs); got {tuple(x.shape)}.")
    return x.dim() == 3, x.shape[0] if x.dim() == 3 else 1, x.shape[-2], x.shape[-1]


def check(x: Tensor, degree: int, order: int, knots: Tensor, **others: tuple[Tensor | None, tuple[int, ...]]) -> None:
    """Refuse tensors that do not fit together: the kernels work on addresses and would read beyond them."""
    rows = (*x.shape[:-2], x.shape[-1]) if knots.dim() == 3 else x.shape[-1:]
    shapes = {"knots": (knots, (*rows, knots.shape[-1])), **others}
    if order < 0:
        raise ParameterError(f"kernels: `order` (of the derivative) must be an int >= 0; got {order}.")
    if degree < 0 or knots.shape[-1] < 2 * degree + 2:
        raise ShapeError(
            f"kernels: `knots` needs at least {2 * degree + 2} entries a row for degree {degree}; "
            f"got {tuple(knots.shape)}."
        )
    for name, (tensor, shape) in shapes.items():
        if tensor is None:
            continue
        if tensor.shape != shape:
            raise ShapeError(
                f"kernels: `{name}` must be {tuple(shape)} beside `x` {tuple(x.shape)}; got {tuple(tensor.shape)}."
            )
        if tensor.dtype != x.dtype or tensor.device != x.device:
            raise ShapeError(
                f"kernels: `{name}` is {tensor.dtype} on {tensor.device}, `x` is {x.dtype} on {x.device}; "
                f"use one of both."
            )


def vanishing(x: Tensor) -> Tensor:
    """What a derivative above the degree is at `x`: 0, and NaN at NaN."""
    return torch.where(x.isnan(), x, 0.0)

"""What a layer or a network asks of its input."""

from __future__ import annotations

from torch import Tensor

from edgewise.errors import ShapeError


def check_input(x: Tensor, features: int, weight: Tensor, owner: object, kind: str) -> None:
    """Refuse an input whose last axis, dtype or device does not fit.

    Args:
        x: `(..., features)`.
        features: how many the owner takes.
        weight: a parameter of the owner; its dtype and device count.
        owner: printed in the message, and only there: printing a layer costs more than evaluating a small one.
        kind: what the owner is, such as `"layer"`.

    Raises:
        ShapeError: it does not fit.
    """
    if x.dim() < 1 or x.shape[-1] != features:
        raise ShapeError(
            f"{owner}: the last axis of the input must have {features} features; got shape {tuple(x.shape)}."
        )
    if x.dtype != weight.dtype or x.device != weight.device:
        raise ShapeError(
            f"{owner}: input is {x.dtype} on {x.device}, the {kind} is {weight.dtype} on {weight.device}. "
            f"Convert one of them, e.g. `x.to({weight.dtype})` or `{kind}.to(x.dtype)`."
        )

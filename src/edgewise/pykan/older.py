"""Arguments that earlier versions of pykan had: what to write now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from edgewise.errors import ParameterError

_NOW = {
    "noise_scale_base": "the size of the residual factors is `scale_base_sigma` now.",
    "bias_trainable": "there are no biases: the edges hold the constants, and are trained.",
    "small_mag_threshold": "the penalty has no threshold; leave it out.",
    "small_reg_factor": "the penalty has no threshold; leave it out.",
    "sglr_avoid": "it is `singularity_avoiding` now.",
}


def refuse(call: str, older: Mapping[str, Any]) -> None:
    """Say what became of arguments that a call does not have.

    Args:
        call: its name.
        older: the arguments.

    Raises:
        ParameterError: earlier versions had the first of them.
        TypeError: no version had it.
    """
    for name in older:
        if name in _NOW:
            raise ParameterError(f"`{name}` is an argument of earlier versions of pykan: {_NOW[name]}")
        raise TypeError(f"{call} got an unexpected keyword argument {name!r}")


def check_device(device: torch.device | str | None, own: torch.device) -> None:
    """Accept the device of a model.

    Args:
        device: what the user passed.
        own: the model's.

    Raises:
        ParameterError: another kind of device.
    """
    if device is not None and torch.device(device).type != own.type:
        raise ParameterError(
            f"`device` must be {str(own)!r}, where the model is; got {str(device)!r}. Move the model and the data "
            f"before: model.to({str(device)!r})."
        )

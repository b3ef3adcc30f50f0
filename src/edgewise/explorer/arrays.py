"""Tensors as JSON and JSON as text that is safe inside a page."""

from __future__ import annotations

import base64
import json
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from edgewise.errors import DomainError

_CODES = {torch.float32: "f4", torch.float64: "f8"}


def code_of(dtype: torch.dtype) -> str:
    """`"f8"` for float64, `"f4"` for anything shorter."""
    return _CODES.get(dtype, "f4")


def encode(values: Tensor, code: str, what: str) -> dict[str, Any]:
    """A tensor as `{"shape", "dtype", "data"}`: base64 of little-endian numbers in C order.

    Args:
        values: finite numbers of any shape.
        code: `"f4"` or `"f8"`.
        what: their name, for the message.

    Returns:
        What JSON can hold.

    Raises:
        DomainError: a number is NaN or infinite, or becomes so in float32.
    """
    array = values.detach().cpu().double().numpy().astype("<" + code)
    if not np.isfinite(array).all():
        raise DomainError(
            f"{what} must be finite to be shown; {int((~np.isfinite(array)).sum())} of {array.size} numbers are not. "
            "Train the model again, or load a good copy."
        )
    return {"shape": list(array.shape), "dtype": code, "data": base64.b64encode(array.tobytes()).decode("ascii")}


def decode(array: dict[str, Any]) -> np.ndarray:
    """What `encode` took apart, for tests and tools."""
    flat = np.frombuffer(base64.b64decode(array["data"]), dtype="<" + array["dtype"])
    return flat.reshape(array["shape"])


def finite(value: float | None) -> float | None:
    """A number for JSON, which has no infinity: None where it is not finite."""
    return value if value is not None and math.isfinite(value) else None


def to_json(value: Any) -> str:
    """Strict JSON in ASCII without `<`, `>` or `&`: it can stand in a script element, whatever names it holds."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")

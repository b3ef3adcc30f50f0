"""What users hand in, points and numbers of any kind: made tensors and floats, and checked before any work."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from edgewise.errors import DomainError, EdgewiseError, ParameterError, ShapeError


def rows(name: str, value: Any) -> Tensor:
    """Finite numbers, a row for each point.

    Args:
        name: for messages.
        value: a tensor, an array or a list, `(n, ...)` with at least one row.

    Returns:
        A copy; what has no floating dtype of its own is float64.

    Raises:
        ShapeError: no rows.
        DomainError: a number that is NaN or infinite.
    """
    x = array_like(name, value).detach().clone()
    if x.dim() == 0 or x.numel() == 0:
        raise ShapeError(f"{name} must have at least one row; got {tuple(x.shape)}.")
    broken = ~x.isfinite().reshape(len(x), -1).all(1)
    if bool(broken.any()):
        row = int(broken.nonzero()[0])
        raise DomainError(f"{name} must be finite; row {row} is {x[row].tolist()}. Leave it out or correct it.")
    return x


def array_like(name: str, value: Any) -> Tensor:
    """A tensor of anything array-like.

    Args:
        name: for messages.
        value: a tensor, an array, a frame or nested lists of numbers.

    Returns:
        The tensor; what has no floating dtype of its own is float64.

    Raises:
        ParameterError: it is not array-like, or complex.
    """
    if isinstance(value, Tensor):
        if value.is_complex():
            raise ParameterError(f"{name} must be real numbers; got {value.dtype}. Split it into two outputs.")
        return value if value.is_floating_point() else value.to(torch.float64)
    try:
        found = np.asarray(value)
        # A copy in the order and with the bytes of this machine: torch takes nothing else.
        return torch.from_numpy(np.array(found, dtype="f4" if found.dtype == np.float32 else "f8", order="C"))
    except (TypeError, ValueError) as error:
        raise ParameterError(
            f"{name} must be numbers, a tensor or an array; got {type(value).__name__}: {error}."
        ) from error


def call_user(
    function: Callable[..., Any], *args: Any, explain: str, advice: Callable[[str], str] | None = None
) -> Any:
    """Call a user's function, and say how it was called when it fails.

    Args:
        function: the function.
        *args: its arguments.
        explain: how it is called.
        advice: what to do, of the error's text.

    Returns:
        What it returns.

    Raises:
        ParameterError: it fails.
        EdgewiseError: of what it calls itself, as it is.
        torch.OutOfMemoryError: as it is.
    """
    try:
        return function(*args)
    except (EdgewiseError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        said = f"{explain}. {advice(str(error))}" if advice is not None else f"{explain}."
        raise ParameterError(f"{said} It failed with {type(error).__name__}: {error}") from error


def check_weight(name: str, weight: Any) -> None:
    """See that a weight of a squared error is one.

    Args:
        name: of the condition.
        weight: its weight.

    Raises:
        ParameterError: it is no positive number.
    """
    if number(f"`weight` of `{name}`", weight) <= 0:
        raise ParameterError(f"`weight` of `{name}` must be a positive number; got {weight!r}.")


def number(name: str, value: Any) -> float:
    """One finite number.

    Args:
        name: for messages.
        value: a number, or a tensor or an array that holds one.

    Returns:
        The number.

    Raises:
        ParameterError: it is something else.
    """
    try:
        found = float(value)
    except (TypeError, ValueError, RuntimeError):
        found = math.nan
    if isinstance(value, str) or not math.isfinite(found):
        raise ParameterError(f"{name} must be a finite number; got {value!r}.")
    return found

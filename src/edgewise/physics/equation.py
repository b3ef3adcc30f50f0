"""How a user's equation is called: with the points, the solution and the unknowns by their names."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from edgewise.errors import EdgewiseError, ParameterError
from edgewise.physics.field import Field


def check_arguments(name: str, equation: Callable[..., Any], unknowns: Iterable[str] = ()) -> None:
    """See that an equation can be called with what it will get.

    Args:
        name: for messages.
        equation: the function.
        unknowns: the names of further arguments.

    Raises:
        ParameterError: it takes fewer, more or other arguments.
    """
    try:
        signature = inspect.signature(equation)
    except (TypeError, ValueError):  # some builtins have none
        return
    try:
        signature.bind("x", "u", **dict.fromkeys(unknowns))
    except TypeError as error:
        raise ParameterError(
            f"{name} will be called with the points, the solution and the unknowns by their names, "
            f"{_called(unknowns)}, and does not take that: {error}. Unknowns are named in "
            "`Problem(..., unknowns={'a': 1.0})`, each with its start value."
        ) from error


def call(name: str, equation: Callable[..., Any], x: Tensor, u: Field, **unknowns: Tensor) -> Any:
    """Call an equation, and say how it was called when it fails.

    Args:
        name: for messages.
        equation: the function.
        x: `(n, D)` points.
        u: the solution.
        **unknowns: coefficients to be found.

    Returns:
        What the equation returns.

    Raises:
        ParameterError: it fails.
        EdgewiseError: of what it calls itself, as it is.
        torch.OutOfMemoryError: as it is.
    """
    try:
        return equation(x, u, **unknowns)
    except (EdgewiseError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        raise ParameterError(
            f"{name} is called as {_called(unknowns)}, points first, and must use torch functions (`torch.sin`, not "
            f"`np.sin`); it failed with {type(error).__name__}: {error}"
        ) from error


def _called(unknowns: Iterable[str]) -> str:
    return f"pde({', '.join(('x', 'u', *unknowns))})"

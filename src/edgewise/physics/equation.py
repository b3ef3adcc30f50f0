"""How a user's equation is called: with the points, the solution and the unknowns by their names."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from torch import Tensor

from edgewise.errors import ParameterError
from edgewise.physics.field import Field
from edgewise.physics.inputs import call_user


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
            f"{_signature(unknowns)}, and does not take that: {error}. Unknowns are named in "
            "`Problem(..., unknowns={'a': 1.0})`, each with its start value."
        ) from error


def call(name: str, equation: Callable[..., Any], x: Tensor, u: Field, /, **unknowns: Tensor) -> Any:
    """Call an equation, and say how it was called when it fails.

    Args:
        name: for messages.
        equation: the function.
        x: `(n, D)` points.
        u: the solution.
        **unknowns: coefficients to be found.

    Returns:
        What the equation returns.
    """
    how = f"{name} is called as {_signature(unknowns)}, points first"
    return call_user(partial(equation, **unknowns), x, u, explain=how, advice=_advice)


def _advice(error: str) -> str:
    """What such an error usually comes from."""
    if "'Tensor' object is not callable" in error:
        return "Values and derivatives are read without parentheses: `u.value`, `u.grad`, `u.laplacian`, `u.dt`."
    if "Field" in error:
        return "Calculate with numbers of `u`, not with `u` itself: `u.value`, `u.laplacian`, `u.d('x')`."
    return "It must use torch functions, `torch.sin`, not `np.sin`."


def _signature(unknowns: Iterable[str]) -> str:
    return f"pde({', '.join(('x', 'u', *unknowns))})"

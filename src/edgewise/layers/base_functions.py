"""The residual functions `base(x)` that run beside every spline, by name."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from edgewise.errors import ParameterError
from edgewise.kernels import silu_slope


def _identity(x: Tensor) -> Tensor:
    return x


BASE_FUNCTIONS: dict[str, Callable[[Tensor], Tensor] | None] = {
    "silu": F.silu,
    "identity": _identity,
    "tanh": torch.tanh,
    "gelu": F.gelu,
    "relu": F.relu,
    "zero": None,
}


def base_function(name: str) -> Callable[[Tensor], Tensor] | None:
    """Look a base function up by name; `None` for `"zero"`, which has no residual branch.

    Args:
        name: a key of `BASE_FUNCTIONS`.

    Returns:
        The function, or None.

    Raises:
        ParameterError: no such name.
    """
    if name not in BASE_FUNCTIONS:
        raise ParameterError(f"`base_fun` must be one of {sorted(BASE_FUNCTIONS)}; got {name!r}.")
    return BASE_FUNCTIONS[name]


@torch.no_grad()
def base_slope(name: str, x: Tensor) -> Tensor:
    """Derivative of a base function, as a constant: it cannot be differentiated again.

    Args:
        name: a key of `BASE_FUNCTIONS` other than `"zero"`.
        x: any shape.

    Returns:
        The slope at `x`.
    """
    if name == "silu":
        return silu_slope(x)
    function = base_function(name)
    with torch.enable_grad():
        point = x.detach().requires_grad_()
        return torch.autograd.grad(function(point).sum(), point)[0]  # pyright: ignore[reportOptionalCall]

"""Whether torch sees all that a user's function does.

What goes through numpy, scipy or `.detach()` has the derivatives of a constant, without an error: a lift of a hard
condition would bend elsewhere than its values do. So derivatives are held against differences, once.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from edgewise.errors import ParameterError

_ROWS = 16
_TOLERANCE = 0.05
"""How far a derivative may be from a difference, relative to the larger: differences are rough, hidden parts gross."""


def check_visible(name: str, function: Callable[[Tensor], Tensor], x: Tensor) -> None:
    """See that the derivatives of a function are those of its values.

    Args:
        name: what the function is, for messages.
        function: `(n, D)` points to `(n, outputs)`, each row by itself.
        x: `(n, D)` points where it is tried; some of them are.

    Raises:
        ParameterError: at most of the points they are not.
    """
    if len(x) == 0:
        return
    x = x.detach()[:: max(1, len(x) // _ROWS)]
    spread, far = x.amax(0) - x.amin(0), x.abs().amax(0)
    size = torch.where(spread > 0, spread, torch.where(far > 0, far, 1.0)) * torch.linspace(1.0, 0.7, x.shape[1]).to(x)
    step = torch.finfo(x.dtype).eps ** (1 / 3)
    with torch.inference_mode(False), torch.enable_grad():
        leaf = x.clone().requires_grad_()
        values = function(leaf)
        slopes = torch.stack([_slope(column, leaf) @ size for column in values.unbind(1)], dim=1)
        ahead, behind = (function(x.clone() + sign * step * size).detach() for sign in (1, -1))
    differences = (ahead - behind) / (2 * step)
    noise = 100 * step**2 * values.detach().abs().amax(0)
    largest = torch.maximum(differences.abs(), slopes.abs())
    wrong = ((differences - slopes).abs() > _TOLERANCE * largest + noise).double().mean(0)
    if bool((wrong > 0.5).any()):
        raise ParameterError(
            f"{name} is differentiated, and must be made of torch functions: its values change otherwise than torch "
            "knows, as if numpy, scipy or `.detach()` hid a part of it. A condition can also be given with hard=False."
        )


def _slope(values: Tensor, leaf: Tensor) -> Tensor:
    """`(n, D)` gradient of each row's value; zero of what torch takes for constant."""
    if not values.requires_grad:
        return torch.zeros_like(leaf)
    return torch.autograd.grad(values.sum(), leaf, retain_graph=True, materialize_grads=True)[0]

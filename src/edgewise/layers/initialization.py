"""Starting values of a KAN layer.

`"paper"`: small random splines and residual factors of the order 1/sqrt(I) (arXiv 2404.19756, section 2.2).

`"power"`: residual factors ~ N(0, a^0.25) and coefficients ~ N(0, a^1.75) in standard deviation, with
`a = 1 / (I (S + 1))` (Rigas et al., arXiv 2509.03417: exponents alpha = 0.25, beta = 1.75).

Of Chebyshev polynomials the coefficients are ~ N(0, I^-0.5 (n+1)^-2) by their degree n: smooth functions whose sums
keep their size. Beside 1/(n+1), equal sizes and the formula above, median test error of three seeds on two targets
of two inputs, by LM and SSBroyden: within a factor of 2.5 of the best with and without a residual function, where that
formula is up to twenty times worse without one.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from edgewise.errors import ParameterError

if TYPE_CHECKING:
    from edgewise.layers.edge_layer import AbstractEdgeLayer

INITIALIZATIONS = ("power", "paper")


@torch.no_grad()
def initialize(layer: "AbstractEdgeLayer", name: str, generator: torch.Generator | None) -> None:
    """Fill the weights of `layer` in place.

    Args:
        layer: the layer to initialize.
        name: `"power"` or `"paper"`.
        generator: source of randomness; torch's default generator when absent.

    Raises:
        ParameterError: unknown `name`.
    """
    if name not in INITIALIZATIONS:
        raise ParameterError(f"`init` must be one of {INITIALIZATIONS}; got {name!r}.")
    coef, base = layer.spline_weight, layer.base_weight
    if name == "power":
        a = 1.0 / (layer.in_features * (coef.shape[1] + 1))
        base.copy_(_normal(base, generator) * a**0.25)
        coef.copy_(_normal(coef, generator) * a**1.75)
    else:
        base.copy_(_normal(base, generator) * layer.in_features**-0.5)
        coef.copy_(_normal(coef, generator) * (0.1 / (coef.shape[1] - layer.k)) * layer.in_features**-0.5)
    if layer.base_fun == "zero":
        base.zero_()


@torch.no_grad()
def initialize_polynomials(layer: "AbstractEdgeLayer", generator: torch.Generator | None) -> None:
    """Fill the weights of a layer of polynomials in place, see the module's text.

    Args:
        layer: the layer, whose basis functions go by their degree.
        generator: source of randomness; torch's default generator when absent.
    """
    coef, base = layer.spline_weight, layer.base_weight
    degrees = torch.arange(1, coef.shape[1] + 1, dtype=coef.dtype, device=coef.device)[:, None]
    base.copy_(_normal(base, generator) * (layer.in_features * (coef.shape[1] + 1)) ** -0.25)
    coef.copy_(_normal(coef, generator) * degrees**-2 * layer.in_features**-0.5)
    if layer.base_fun == "zero":
        base.zero_()


def _normal(like: Tensor, generator: torch.Generator | None) -> Tensor:
    # Drawn on the generator's device so that a seed means the same weights on every device.
    device = generator.device if generator is not None else like.device
    return torch.randn(like.shape, generator=generator, dtype=like.dtype, device=device).to(like.device)

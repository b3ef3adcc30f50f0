"""pykan's starting weights, drawn from a generator of their own."""

from __future__ import annotations

import torch
from torch import Tensor

from edgewise.layers import KANLayer
from edgewise.splines import fit_coef


@torch.no_grad()
def initialize(
    layer: KANLayer, noise_scale: float, base_mu: float, base_sigma: float, scale_sp: float, generator: torch.Generator
) -> None:
    """Small random splines; residual factors uniform in `(mu +- sigma) / sqrt(I)`.

    Args:
        layer: changed in place.
        noise_scale: width of the uniform noise at the knots that the splines go through, times the intervals.
        base_mu: mean of the residual factors, times sqrt(I).
        base_sigma: half their width, times sqrt(I).
        scale_sp: factor of every spline, times sqrt(I).
        generator: of the randomness.
    """
    inputs, outputs, grid, k = layer.in_features, layer.out_features, layer.grid, layer.k
    weight = layer.base_weight

    def uniform(*size: int) -> Tensor:
        return torch.rand(size, generator=generator, dtype=weight.dtype, device=generator.device).to(weight.device)

    noise = (uniform(grid + 1, inputs, outputs) - 0.5) * noise_scale / grid
    noise = noise * scale_sp * inputs**-0.5
    layer.spline_weight.copy_(fit_coef(layer.knots[:, k : k + grid + 1].mT, noise, layer.knots, k))
    weight.copy_((base_mu + base_sigma * (2 * uniform(inputs, outputs) - 1)) * inputs**-0.5)

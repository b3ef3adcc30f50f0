"""Points where they are needed: drawn by the residual (Wu et al. 2023, arXiv 2207.10289, with power and offset one)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from edgewise.physics.domains import Domain

_CANDIDATES = 4


def by_residual(
    domain: Domain, x: Tensor, residual: Callable[[Tensor], Tensor], *, fraction: float = 0.5, seed: int = 0
) -> Tensor:
    """Replace some of the points by others, with a probability that grows with the residual.

    Args:
        domain: where.
        x: `(n, D)` points; those with the smallest residuals go.
        residual: of points, `(n,)`, of any sign.
        fraction: how many go.
        seed: of what is drawn.

    Returns:
        `(n, D)` points.
    """
    moved = round(fraction * len(x))
    if moved == 0:
        return x
    candidates = domain.interior(_CANDIDATES * len(x), "sobol", seed).to(x)
    size = residual(candidates).abs()
    chance = size / size.mean().clamp_min(torch.finfo(size.dtype).tiny) + 1.0
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.multinomial(chance.cpu(), min(moved, len(candidates)), generator=generator)
    stay = residual(x).abs().argsort(descending=True)[: len(x) - len(drawn)]
    return torch.cat([x[stay.sort().values], candidates[drawn.to(x.device)]])

"""Several starts of one network, trained as a batch on part of the rows; the best on the others come first."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from edgewise.models import KAN
from edgewise.train import fit_many

_STEPS, _HELD_OUT = 60, 0.2


def best_first(models: Sequence[KAN], x: Tensor, y: Tensor, seed: int) -> list[tuple[float, KAN]]:
    """Train the networks by Levenberg-Marquardt.

    Args:
        models: networks of one structure; changed in place.
        x: `(N, inputs)` rows.
        y: `(N, 1)` labels.
        seed: of the rows that are held out.

    Returns:
        Mean squared error on the held-out rows, and the network; the least error first.

    Raises:
        KeyboardInterrupt: Ctrl-C during the training, so that nobody takes half-trained networks for trained ones.
    """
    results = fit_many(models, (x, y), opt="lm", steps=_STEPS, val=_HELD_OUT, seed=seed)
    if any(result.interrupted for result in results):
        raise KeyboardInterrupt
    losses = [min(result["val_loss"], default=math.inf) for result in results]
    return sorted(zip(losses, models, strict=True), key=lambda one: one[0])

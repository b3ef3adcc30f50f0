"""Several starts: the same model with other random weights, trained together; the best goes on."""

import copy
import math
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from edgewise.errors import ParameterError
from edgewise.layers.initialization import initialize
from edgewise.models.kan import KAN
from edgewise.train.batch import BATCH_SOLVERS, Batch
from edgewise.train.data import Prepared, Rows
from edgewise.train.least_squares import is_plain_kan
from edgewise.train.schedule import move_input_grid

WARM_STEPS = 30
"""Iterations after which the best start is told from the others."""
_OTHER_SEED = 0x5EED_0F_57A7
"""Added to the seed: `KAN(seed=0)` draws from seed 0 itself, and its first other start would be its twin."""


@dataclass
class Chosen:
    """Which of several starts was the best.

    Attributes:
        start: its number, 0 for the model as it was.
        seconds: time spent on all.
        interrupted: whether Ctrl-C ended their training.
    """

    start: int
    seconds: float
    interrupted: bool


def restarted(model: KAN, count: int, seed: int) -> list[KAN]:
    """Copies of a model: the first as it is, the others with new random weights on the same grids.

    Masks, trainable scales and frozen weights are those of the model.

    Args:
        model: the model.
        count: how many.
        seed: of the weights.

    Returns:
        `count` models that share no storage.
    """
    generator = torch.Generator().manual_seed(seed + _OTHER_SEED)
    starts = [copy.deepcopy(model) for _ in range(count)]
    for start in starts[1:]:
        for layer in start.layers:
            frozen = [(p, p.detach().clone()) for p in layer.parameters() if not p.requires_grad]
            initialize(layer, layer.init, generator)
            with torch.no_grad():
                for parameter, value in frozen:
                    parameter.copy_(value)
    return starts


def best_start(
    model: KAN, data: Prepared, count: int, steps: int, opt: str, ridge: float, grid_steps: set[int],
    sample: Tensor | None, seed: int, rate: float | None = None, time_limit_sec: float | None = None,
) -> Chosen:  # fmt: skip
    """Train several starts together, and put the best into the model.

    The best has the lowest validation loss, without validation set the lowest training loss.

    Args:
        model: changed in place.
        data: training, perhaps validation rows.
        count: how many starts.
        steps: iterations for each.
        opt: a key of `BATCH_SOLVERS`.
        ridge: as of `fit`.
        grid_steps: before which steps grids move.
        sample: `(N, inputs)` rows that grids are fitted to, or None where they stay.
        seed: of the starts.
        rate: learning rate, or None.
        time_limit_sec: when to stop, or None.

    Returns:
        Which start was the best.
    """
    if sample is not None:
        move_input_grid(model, sample)
    starts = restarted(model, count, seed)
    held = {"val": [data.val]} if isinstance(data.val, Rows) else {}
    batch = Batch(starts, [cast("Rows", data.train)], opt, grid_steps, sample, held, ridge, rate)
    batch.run(steps, time_limit_sec)
    losses = batch.best_loss if held else batch.loss
    best = int(torch.where(losses.isfinite(), losses, math.inf).argmin())
    with torch.no_grad():
        for own, chosen in zip(model.layers, starts[best].layers, strict=True):
            own.get_buffer("knots").copy_(chosen.get_buffer("knots"))
            for mine, theirs in zip(own.parameters(), chosen.parameters(), strict=True):
                mine.copy_(theirs)
    return Chosen(best, batch.seconds, batch.interrupted)


def check_restarts(model: nn.Module, data: Prepared, squares: bool, opt: str) -> None:
    """Refuse what cannot be trained as a batch.

    Raises:
        ParameterError: not a squared error of a plain KAN on rows in memory, or an optimizer without a batch.
    """
    if not is_plain_kan(model):
        raise ParameterError(
            f"`restarts` must be 1 for this {type(model).__name__}: several starts train as one batch of plain KANs "
            f"with splines. Train models of several seeds in a loop."
        )
    if not squares or not isinstance(data.train, Rows):
        raise ParameterError(
            "`restarts` must be 1 unless `loss='mse'`, `lamb=0` and the data are in memory: several starts train as "
            "one batch on their squared error. Train models of several seeds in a loop."
        )
    if opt not in BATCH_SOLVERS:
        raise ParameterError(
            f"`restarts` needs one of the optimizers {', '.join(map(repr, BATCH_SOLVERS))} or 'auto'; got {opt!r}."
        )

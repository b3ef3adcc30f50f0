"""What a callback sees, and how it stops a run."""

from dataclasses import dataclass, field

import torch
from torch import nn

from edgewise.errors import EdgewiseError


class StopFit(EdgewiseError):
    """Raised by a callback to end training in good order; its text becomes part of `stopped_because`."""


@dataclass
class FitState:
    """The state of a run after a step, as callbacks receive it.

    Attributes:
        step: steps done so far.
        steps: steps asked for.
        model: the model in training; it may be read at any time.
        optimizer: the optimizer in use.
        history: the lists collected so far, one entry per step; read only.
        seconds: time spent in training so far.
        best_step: step with the lowest validation loss so far, or None without a validation set.
    """

    step: int
    steps: int
    model: nn.Module
    optimizer: torch.optim.Optimizer
    history: dict[str, list[float]] = field(repr=False)
    seconds: float
    best_step: int | None

    @property
    def train_loss(self) -> float:
        """The last training loss."""
        return self.history["train_loss"][-1]

"""What a solver hands back, and what it shows on the way."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor

Status = Literal["converged", "no progress", "steps", "callback", "interrupted"]


@dataclass
class Result:
    """The outcome of `minimize`.

    Attributes:
        params: name to tensor, copies; `model.load_state_dict(result.params, strict=False)` puts them into a module.
        loss: the lowest loss found, that of `params`.
        grad_norm: Euclidean norm of the gradient there.
        steps: iterations made.
        evals: evaluations of loss and gradient.
        hvps: Hessian products.
        history: `"loss"` and `"grad_norm"`, one number for the start and one per step.
        status: why it ended: `"converged"`, `"no progress"`, `"steps"`, `"callback"` or `"interrupted"`.
        message: the same as a sentence.
    """

    params: dict[str, Tensor]
    loss: float
    grad_norm: float
    steps: int
    evals: int
    hvps: int
    history: dict[str, list[float]] = field(repr=False)
    status: Status
    message: str


@dataclass
class Iterate:
    """What a callback sees after a step.

    Attributes:
        step: iterations made.
        loss: where the solver stands.
        grad_norm: Euclidean norm of the gradient there.
        x: `(n,)` all moving parameters as one vector; not to be written to.
    """

    step: int
    loss: float
    grad_norm: float
    x: Tensor
    _read: Callable[[Tensor], dict[str, Tensor]] = field(repr=False)

    @property
    def params(self) -> dict[str, Tensor]:
        """Name to tensor, copies."""
        return self._read(self.x)

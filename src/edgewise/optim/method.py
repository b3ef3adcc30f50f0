"""What all solvers have in common: one iteration at a time, from one evaluation to a lower one."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from edgewise.errors import ParameterError
from edgewise.optim.objective import Evaluation, Objective


class Method(ABC):
    """A solver and what it remembers.

    Args:
        lr: factor of the first trial step of every line search.

    Attributes:
        lr: the same; may be changed between steps.
        leaves_saddles: whether a step can lower the loss where the gradient is zero.

    Raises:
        ParameterError: `lr` is not a positive number.
    """

    leaves_saddles: ClassVar[bool] = False

    def __init__(self, lr: float = 1.0) -> None:
        self.lr = positive("lr", lr)

    @abstractmethod
    def step(self, objective: Objective, here: Evaluation) -> Evaluation:
        """Make one iteration.

        Args:
            objective: what to minimize.
            here: where, with a finite loss; usually what the last `step` returned.

        Returns:
            The next evaluation. `here` itself, the same object, when nothing lower was found.
        """

    @abstractmethod
    def forget(self) -> None:
        """Drop what was learnt about the function: it has changed, or the memory leads nowhere."""

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Copy what is remembered, as tensors and plain numbers; empty if nothing."""

    @abstractmethod
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what another solver with the same options remembered.

        Args:
            state: from its `state_dict`; copied.
        """


def positive(name: str, value: float, *, zero: bool = False) -> float:
    """Check an option that is a size.

    Args:
        name: what the user calls it.
        value: what the user passed.
        zero: whether 0 is allowed.

    Returns:
        The value as a float.

    Raises:
        ParameterError: not a finite number > 0, or >= 0 with `zero`.
    """
    allowed = isinstance(value, int | float) and (0 < value < float("inf") or (zero and value == 0))
    if not allowed or isinstance(value, bool):
        raise ParameterError(f"`{name}` must be a finite number {'>=' if zero else '>'} 0; got {value!r}.")
    return float(value)


def count(name: str, value: int) -> int:
    """Check an option that is a number of things.

    Args:
        name: what the user calls it.
        value: what the user passed.

    Returns:
        The value.

    Raises:
        ParameterError: not an int >= 1.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ParameterError(f"`{name}` must be an int >= 1; got {value!r}.")
    return value

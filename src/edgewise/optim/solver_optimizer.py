"""What solvers have in common in the shape of a torch optimizer: parameters of one kind, and a state that is exact."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from edgewise.errors import ParameterError
from edgewise.optim.parameters import check_one_kind

# torch wraps the method in one that keeps its compiler out, and imports that compiler for it: 1 to 6 seconds at the
# first fit of a process, although nothing is compiled here.
_ADD = getattr(torch.optim.Optimizer.add_param_group, "__wrapped__", torch.optim.Optimizer.add_param_group)


class SolverOptimizer(torch.optim.Optimizer):
    """A torch optimizer around a solver. Parameters with `requires_grad=False` stay as they are.

    Args:
        params: parameters or groups of them, all of one dtype and device.
        method: makes the steps; has `state_dict` and `load_state_dict`.
        lr: rate of the groups.

    Attributes:
        method: the same.
    """

    def __init__(self, params: Any, method: Any, lr: float) -> None:
        self.method = method
        super().__init__(params, {"lr": lr})

    @abstractmethod
    def forget(self) -> None:
        """Drop what was learnt: the function has changed."""

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters; what was learnt about the others is forgotten.

        Args:
            param_group: as of `torch.optim.Optimizer`; all groups of one dtype and device.
        """
        _ADD(self, param_group)
        check_one_kind({f"{n}": p for n, p in enumerate(self._all())})
        self.forget()

    def _all(self) -> list[Tensor]:
        return [p for group in self.param_groups for p in group["params"]]

    def _moving(self) -> list[Tensor]:
        """The parameters that may move.

        Returns:
            At least one.

        Raises:
            ParameterError: there is none.
        """
        moving = [p for p in self._all() if p.requires_grad]
        if not moving:
            raise ParameterError("No parameter may move: all have `requires_grad=False`.")
        return moving

    def state_dict(self) -> dict[str, Any]:
        """Copy the state; what the solver has learnt is under `"method"`, tensors and plain numbers only.

        Returns:
            The state; `load_state_dict` makes another optimizer continue exactly like this one.
        """
        return super().state_dict() | {"method": self.method.state_dict()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over a state exactly; torch alone would round it to the parameters' dtype.

        Args:
            state_dict: from `state_dict`; copied.

        Raises:
            ParameterError: the state of another kind of optimizer.
        """
        if "method" not in state_dict:
            raise ParameterError(f"`state_dict` is not that of {type(self).__name__}: it has no 'method'.")
        super().load_state_dict({name: value for name, value in state_dict.items() if name != "method"})
        self.method.load_state_dict(state_dict["method"])

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"method": self.method}  # pyright: ignore[reportAttributeAccessIssue]


@torch.no_grad()
def write(parameters: list[Tensor], x: Tensor) -> None:
    """Copy a vector into tensors.

    Args:
        parameters: changed in place.
        x: `(n,)` their values, in order.
    """
    for parameter, piece in zip(parameters, x.split([p.numel() for p in parameters]), strict=True):
        parameter.copy_(piece.view_as(parameter))

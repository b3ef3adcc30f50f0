"""A dictionary of tensors as one vector and back: what every solver works on."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from edgewise.errors import ParameterError, ShapeError


class Flattening:
    """The layout of a dictionary of tensors in one vector.

    An `nn.Parameter` with `requires_grad=False` is frozen: it keeps its value and has no place in the vector.
    Every other tensor is moved.

    Args:
        params: name to tensor; never changed.

    Attributes:
        start: `(n,)` the values of the moving tensors, a copy.

    Raises:
        ParameterError: not a dictionary of tensors, or nothing in it may move.
        ShapeError: a tensor that is not floating, or tensors of several dtypes or devices.

    >>> layout = Flattening({"a": torch.zeros(2, 3), "b": torch.ones(1)})
    >>> layout.start.shape, layout.unflatten(layout.start)["a"].shape
    (torch.Size([7]), torch.Size([2, 3]))
    """

    def __init__(self, params: Mapping[str, Tensor]) -> None:
        _check(params)
        self._fixed = {name: tensor.detach() for name, tensor in params.items() if is_frozen(tensor)}
        moving = {name: tensor.detach() for name, tensor in params.items() if not is_frozen(tensor)}
        self._names = list(params)
        self._shapes = {name: tensor.shape for name, tensor in moving.items()}
        self._sizes = [tensor.numel() for tensor in moving.values()]
        self.start = flatten(list(moving.values()))

    def unflatten(self, x: Tensor) -> dict[str, Tensor]:
        """Read a vector as tensors.

        Args:
            x: `(n,)` vector; the tensors are views of it and carry its gradient.

        Returns:
            Name to tensor in the order of `params`, the frozen ones among them.
        """
        moved = self.split(x)
        return {name: moved[name] if name in moved else self._fixed[name] for name in self._names}

    def split(self, x: Tensor) -> dict[str, Tensor]:
        """Read a vector as the tensors that move.

        Args:
            x: `(n,)` vector; the tensors are views of it and carry its gradient.

        Returns:
            Name to tensor, without the frozen ones.
        """
        pieces = zip(self._shapes.items(), x.split(self._sizes), strict=True)
        return {name: piece.view(shape) for (name, shape), piece in pieces}

    def copies(self, x: Tensor) -> dict[str, Tensor]:
        """Read a vector as tensors that share memory with nothing.

        Args:
            x: `(n,)` vector.

        Returns:
            Name to tensor.
        """
        return {name: tensor.detach().clone() for name, tensor in self.unflatten(x).items()}


def flatten(tensors: list[Tensor]) -> Tensor:
    """Join tensors.

    Args:
        tensors: at least one, of any shapes.

    Returns:
        `(n,)` a new vector with their values, without graph.
    """
    return torch.cat([tensor.detach().reshape(-1) for tensor in tensors])


def check_one_kind(named: Mapping[str, Tensor]) -> None:
    """See that tensors can stand in one vector.

    Args:
        named: name to tensor, at least one.

    Raises:
        ShapeError: a tensor that is not floating, or tensors of several dtypes or devices.
    """
    first, like = next(iter(named.items()))
    for name, tensor in named.items():
        if not tensor.is_floating_point():
            raise ShapeError(f"`params[{name!r}]` must be floating point; got {tensor.dtype}. Leave it out.")
        for what in ("dtype", "device"):
            one, other = getattr(like, what), getattr(tensor, what)
            if one != other:
                raise ShapeError(
                    f"All of `params` must have one {what}: {first!r} has {one}, {name!r} has {other}. "
                    f"Convert them with `.to({other!r})`."
                    if what == "dtype"
                    else f"All of `params` must be on one device: {first!r} is on {one}, {name!r} on {other}."
                )


def is_frozen(tensor: Tensor) -> bool:
    """Whether it is a parameter that shall stay as it is; a tensor that is none always moves."""
    return isinstance(tensor, nn.Parameter) and not tensor.requires_grad


def _check(params: Any) -> None:
    if not isinstance(params, Mapping):
        raise ParameterError(
            f"`params` must be a dictionary of tensors, as of `dict(model.named_parameters())`; got {type(params)}."
        )
    for name, tensor in params.items():
        if not isinstance(tensor, Tensor):
            raise ParameterError(f"`params[{name!r}]` must be a tensor; got {type(tensor)}.")
    moving = {name: tensor for name, tensor in params.items() if not is_frozen(tensor)}
    if not any(tensor.numel() for tensor in moving.values()):
        raise ParameterError(
            f"`params` must hold a number that may move; got {len(params)} tensors, none of them free."
        )
    check_one_kind(moving)

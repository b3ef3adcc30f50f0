"""Tensors that show a model's numbers in pykan's order of axes and carry changes back to where they are."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn

_OPERATORS = {f"__i{name}__" for name in ("add", "sub", "mul", "div", "truediv", "floordiv", "mod", "pow", "and", "or")}


class Live(Tensor):
    """A tensor whose in-place changes, also of its views and of its `.data`, are followed by a call.

    Made by `live`; its views are live too, what is computed from it is an ordinary tensor. Gradients flow through it.
    """

    written: Callable[[], None]
    source: nn.Parameter | None

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call a function of torch's, and carry back what it wrote."""
        kwargs = kwargs or {}
        with torch._C.DisableTorchFunctionSubclass():
            own = [part for part in (*args, *kwargs.values()) if isinstance(part, Live)]
            before = [_version(part) for part in own]
            with torch.no_grad() if _writes(func) else nullcontext():
                result = func(*args, **kwargs)
            changed = [part for part, version in zip(own, before, strict=True) if _version(part) != version]
            result = _views(result, own)
        for part in changed:
            part.written()
        return result

    @property
    def data(self) -> Live:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The same numbers without a graph."""
        return self.detach()  # pyright: ignore[reportReturnType]

    @data.setter
    def data(self, value: Tensor) -> None:
        self.data.copy_(value)

    @property
    def grad(self) -> Tensor | None:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The gradient of the parameter behind it, in the order of axes of this tensor."""
        grad = None if self.source is None else self.source.grad
        return grad if grad is None or grad.shape == self.shape else grad.mT

    def requires_grad_(self, requires_grad: bool = True) -> Live:
        """Train the parameter behind it, or not."""
        if self.source is not None:
            self.source.requires_grad_(requires_grad)
        return self


def _writes(func: Any) -> bool:
    """Whether a function changes its tensor in place: torch's names of these end in one underscore."""
    name = getattr(func, "__name__", "")
    return name == "__setitem__" or name in _OPERATORS or (name.endswith("_") and not name.endswith("__"))


def _version(tensor: Tensor) -> int:
    """How often its storage was written; views share it."""
    return 0 if tensor.is_inference() else tensor._version


def _views(result: Any, own: list[Live]) -> Any:
    """Make those parts of a result live that show the numbers of a live tensor."""
    if isinstance(result, (tuple, list)) and type(result) in (tuple, list):
        return type(result)(_views(part, own) for part in result)
    if not isinstance(result, Tensor) or isinstance(result, Live) or not result.numel():
        return result
    for part in own:
        if result.untyped_storage().data_ptr() == part.untyped_storage().data_ptr():
            return live(result, part.written)
    return result


def _nothing() -> None:
    """Nothing to carry back: the storage is the parameter's own."""


def live(values: Tensor, written: Callable[[], None] = _nothing, source: nn.Parameter | None = None) -> Live:
    """Make a tensor live.

    Args:
        values: the tensor; shares its storage with the result.
        written: called after every in-place change.
        source: the parameter behind it, for `grad` and `requires_grad_`; its last two axes may be exchanged.

    Returns:
        The live tensor.
    """
    result = values.as_subclass(Live)
    result.written, result.source = written, source
    return result

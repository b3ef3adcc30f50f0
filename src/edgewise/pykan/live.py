"""Tensors that show a model's numbers in pykan's order of axes and carry changes back to where they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

_IN_PLACE = (
    "copy_", "fill_", "zero_", "add_", "sub_", "mul_", "div_", "clamp_", "normal_", "uniform_", "__iadd__", "__isub__",
    "__imul__", "__itruediv__",
)  # fmt: skip


class Live(Tensor):
    """A tensor whose in-place changes, also of its slices and of its `.data`, are followed by a call.

    Made by `live`; what is computed from it is an ordinary tensor. Gradients flow through it.
    """

    __torch_function__ = torch._C._disabled_torch_function_impl  # pyright: ignore
    written: Callable[[], None]
    source: nn.Parameter | None

    def __getitem__(self, index: Any) -> Live:
        return live(super().__getitem__(index), self.written)

    def __setitem__(self, index: Any, value: Any) -> None:
        self.detach()[index] = value
        self.written()

    @property
    def data(self) -> Live:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The same numbers without a graph."""
        return live(self.detach(), self.written)

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


def _in_place(name: str) -> Callable[..., Live]:
    def method(self: Live, *args: Any, **kwargs: Any) -> Live:
        getattr(self.detach(), name)(*args, **kwargs)
        self.written()
        return self

    return method


for _name in _IN_PLACE:
    setattr(Live, _name, _in_place(_name))


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

"""What goes into the layers of edges of a module while it runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from edgewise.layers.edge_layer import AbstractEdgeLayer


@contextmanager
def layer_inputs(model: nn.Module, enabled: bool = True) -> Iterator[list[tuple[AbstractEdgeLayer, Tensor]]]:
    """Collect the inputs of every layer of edges while the model runs inside this context.

    Args:
        model: any module.
        enabled: whether to collect at all.

    Yields:
        A list of `(layer, input)` in the order of execution, filled by the model's forward.
    """
    seen: list[tuple[AbstractEdgeLayer, Tensor]] = []
    hooks = []
    if enabled:

        def remember(module: nn.Module, inputs: tuple[Any, ...]) -> None:
            if isinstance(module, AbstractEdgeLayer):
                seen.append((module, inputs[0]))

        hooks = [m.register_forward_pre_hook(remember) for m in model.modules() if isinstance(m, AbstractEdgeLayer)]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()

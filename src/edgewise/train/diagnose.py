"""Find where the first non-finite number appears, to say so in an error."""

import torch
from torch import Tensor, nn

from edgewise.layers import AbstractEdgeLayer, layer_inputs

_ROWS = 256  # rows looked at together: edge values are (rows, I, O)


def blame(model: nn.Module, x: Tensor) -> str:
    """Say in a sentence where a forward pass, or the gradients left by a backward pass, stop being finite.

    Args:
        model: the model, with gradients of the last backward pass in `.grad`.
        x: `(B, ...)` inputs.

    Returns:
        A sentence that names an edge `(l, i, j)` where there is one to blame.
    """
    edge = first_bad_edge(model, x)
    if edge is not None:
        (l, i, j), row, at = edge
        place = f"edge (l, i, j) = ({l}, {i}, {j})"
        return f"The first non-finite number is on {place}, for the node value {at:g} in row {row}."
    name = _first_bad_module(model, x)
    if name is not None:
        return f"The first non-finite number leaves the module {name!r}."
    place = _first_bad_gradient(model)
    if place is not None:
        return f"All outputs are finite; the gradient is not, on {place}."
    return "All outputs of the model are finite: the loss itself is not. Check the loss function and the labels."


@torch.no_grad()
def first_bad_edge(model: nn.Module, x: Tensor) -> tuple[tuple[int, int, int], int, float] | None:
    """The first edge in order of evaluation whose function is not finite.

    Args:
        model: any module with spline layers.
        x: `(B, ...)` inputs.

    Returns:
        `(l, i, j)`, the row and the value of node `i` there; None if all edges are finite.
    """
    numbers = {layer: n for n, layer in enumerate(m for m in model.modules() if isinstance(m, AbstractEdgeLayer))}
    with layer_inputs(model) as seen:
        model(x)
    for layer, value in seen:
        value = value.reshape(-1, layer.in_features)
        for start in range(0, len(value), _ROWS):
            rows = value[start : start + _ROWS]
            bad = ~layer.edge_values(rows).isfinite()  # (B, I, O)
            if bool(bad.any()):
                i, j = bad.any(0).nonzero()[0].tolist()
                row = int(bad[:, i, j].nonzero()[0])
                return (numbers[layer], i, j), start + row, float(rows[row, i])
    return None


@torch.no_grad()
def _first_bad_module(model: nn.Module, x: Tensor) -> str | None:
    found: list[str] = []

    def look(name: str):
        def hook(module: nn.Module, inputs: tuple, output: object) -> None:
            if isinstance(output, Tensor) and not bool(output.isfinite().all()):
                found.append(name)

        return hook

    leaves = [(name, m) for name, m in model.named_modules() if not list(m.children())]
    hooks = [module.register_forward_hook(look(name)) for name, module in leaves]
    try:
        output = model(x)
    finally:
        for hook in hooks:
            hook.remove()
    if not found and isinstance(output, Tensor) and not bool(output.isfinite().all()):
        found.append(type(model).__name__)
    return found[0] if found else None


def _first_bad_gradient(model: nn.Module) -> str | None:
    """Gradients flow backwards: the last layer with a bad one is where it appeared first."""
    layers = [m for m in model.modules() if isinstance(m, AbstractEdgeLayer)]
    for l, layer in reversed(list(enumerate(layers))):
        for parameter in (layer.spline_weight, layer.base_weight):
            if parameter.grad is not None and not bool(parameter.grad.isfinite().all()):
                bad = ~parameter.grad.isfinite()
                bad = bad.any(1) if bad.dim() == 3 else bad  # (I, O)
                i, j = bad.nonzero()[0].tolist()
                return f"edge (l, i, j) = ({l}, {i}, {j})"
    for name, parameter in reversed(list(model.named_parameters())):
        if parameter.grad is not None and not bool(parameter.grad.isfinite().all()):
            return f"parameter {name!r}"
    return None

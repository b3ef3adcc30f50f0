"""Several layers in a row, in one call where they are ordinary and nobody looks between them."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn.modules import module as nn_module

from edgewise import kernels
from edgewise.layers.kan_layer import KANLayer
from edgewise.layers.multiply import MultiplyNodes


def evaluate_chain(layers: Sequence[nn.Module], products: Sequence[nn.Module], x: Tensor) -> Tensor:
    """`products[n](layers[n](...))` of every layer in order.

    Args:
        layers: `KANLayer`s, or modules put in their place.
        products: what follows each layer.
        x: `(..., inputs)`.

    Returns:
        `(..., outputs)`.
    """
    parts = _plain_parts(layers, products, x)
    if parts is None:
        for layer, product in zip(layers, products, strict=True):
            x = product(layer(x))
        return x
    first: KANLayer = layers[0]  # pyright: ignore[reportAssignmentType]
    first.check_input(x)
    if x.dim() == 2:
        return kernels.network(x, parts, first.k, first.outside == "linear")
    y = kernels.network(x.reshape(-1, first.in_features), parts, first.k, first.outside == "linear")
    return y.reshape(*x.shape[:-1], y.shape[-1])


def squared_error(
    layers: Sequence[nn.Module], products: Sequence[nn.Module], x: Tensor, y: Tensor
) -> tuple[Tensor, dict[Tensor, Tensor]] | None:
    """Mean squared error of the chain and its gradients, without autograd.

    Args:
        layers: as for `evaluate_chain`.
        products: as for `evaluate_chain`.
        x: `(B, inputs)`.
        y: `(B, outputs)` labels.

    Returns:
        The error, and the gradient of every parameter that is trained; None where only autograd will do: large
        layers, masks, scales, hooks, other modules.
    """
    parts = _plain_parts(layers, products, x)
    if parts is None or x.dim() != 2 or y.shape != (len(x), parts[-1][1].shape[-1]) or y.dtype != x.dtype:
        return None
    weights = [tensor for coef, base_weight, _ in parts for tensor in (coef, base_weight)]
    if not all(isinstance(tensor, nn.Parameter) for tensor in weights):  # else a product with a mask or scale
        return None
    first: KANLayer = layers[0]  # pyright: ignore[reportAssignmentType]
    result = kernels.squared_error(x, y, parts, first.k, first.outside == "linear")
    if result is None:
        return None
    error, grads = result
    return error, {tensor: grad for tensor, grad in zip(weights, grads, strict=True) if tensor.requires_grad}


def _plain_parts(
    layers: Sequence[nn.Module], products: Sequence[nn.Module], x: Tensor
) -> list[tuple[Tensor, Tensor, Tensor]] | None:
    """What `kernels.network` takes of every layer; None where it would not do the same as the modules."""
    # Whoever traces sees the modules; FX has no tensor here.
    if not isinstance(x, Tensor) or not kernels.is_plain_eager() or nn_module._has_any_global_hook():
        return None
    if len(layers) != len(products) or not all(map(_is_plain, layers)) or not all(map(_is_plain, products)):
        return None
    first: Any = layers[0]
    parts, inputs = [], first.in_features
    for layer in layers:
        coef, base_weight = layer.effective_weights()  # pyright: ignore[reportCallIssue]
        if layer.k != first.k or layer.outside != first.outside or layer.in_features != inputs:
            return None
        if coef.dtype != x.dtype or coef.device != x.device:  # the module has the better words for it
            return None
        parts.append((coef, base_weight, layer.knots))
        inputs = layer.out_features
    return parts


def _is_plain(module: nn.Module) -> bool:
    """Whether a module does only what its class says, and `kernels.network` does the same."""
    kind = type(module)
    if _FORWARD.get(kind) is not kind.forward or is_observed(module):
        return False
    if isinstance(module, KANLayer):
        return module.base_fun == "silu" and module.symbolic is None
    return module.n_mult == 0  # pyright: ignore


_FORWARD = {KANLayer: KANLayer.forward, MultiplyNodes: MultiplyNodes.forward}
"""What `kernels.network` stands for. Somebody may have replaced it since."""


def is_observed(module: nn.Module) -> bool:
    """Whether a call of this module does more than its class says: hooks, or a `forward` of its own.

    Args:
        module: any module.

    Returns:
        True if it may not be bypassed.
    """
    hooks = module._forward_hooks or module._forward_pre_hooks or module._backward_hooks or module._backward_pre_hooks
    return bool(hooks) or "forward" in module.__dict__

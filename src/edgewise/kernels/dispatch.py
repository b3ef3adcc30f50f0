"""Chooses, by device, who computes a contraction; and the shapes of each result for tracing."""

from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import silu

from edgewise.kernels import reference


def run(name: str, *args: Any) -> Any:
    """Compute contraction `name` on the device of its tensors, outside autograd."""
    kernels = _kernels(args[0])
    return REFERENCE[name](*args) if kernels is None else getattr(kernels, name)(*args)


def _kernels(x: Tensor) -> ModuleType | None:
    """The compiled kernels for a tensor, if there are any."""
    if x.dtype not in _DTYPES:
        return None
    device = x.device.type
    if device == "cpu":
        return _cpu()
    return _gpu() if device == "cuda" else None


@lru_cache(maxsize=1)
def _cpu() -> ModuleType:
    """Numba is imported at the first use."""
    return import_module("edgewise.kernels.cpu")


@lru_cache(maxsize=1)
def _gpu() -> ModuleType | None:
    """Triton, which comes with torch where torch supports GPUs on Linux, is imported at the first use."""
    return import_module("edgewise.kernels.gpu") if find_spec("triton") else None


def silu_slope(x: Tensor) -> Tensor:
    """Derivative of `silu`, itself differentiable to any order."""
    gate = torch.sigmoid(x)
    return gate * (1 + x * (1 - gate))


def _edges(x, coef, base_weight, knots, degree, linear):
    return reference.evaluate(x, coef, knots, None, degree, 0, linear) + silu(x) @ base_weight


def _edges_backward(x, coef, base_weight, cotangent, knots, degree, linear, need_x):
    dx = x.new_empty(0)
    if need_x:
        dx = reference.pull(x, coef, cotangent, knots, degree, 1, linear)
        dx = dx + silu_slope(x) * (cotangent @ base_weight.mT)
    dcoef = reference.scatter(x, cotangent, knots, None, degree, 0, linear)
    # Contiguous, as `fake_edges_backward` tells the tracer.
    return dx.contiguous(), dcoef.contiguous(), (silu(x).mT @ cotangent).contiguous()


_DTYPES = (torch.float32, torch.float64)

REFERENCE = {
    "evaluate": reference.evaluate,
    "scatter": reference.scatter,
    "pull": reference.pull,
    "edges": _edges,
    "edges_backward": _edges_backward,
}


def fake_evaluate(x, coef, knots, weight, degree, order, linear):
    """Shape of `evaluate` for tracing."""
    return x.new_empty((*x.shape[:-1], coef.shape[-1]))


def fake_scatter(x, cotangent, knots, weight, degree, order, linear):
    """Shape of `scatter` for tracing."""
    size = knots.shape[-1] - degree - 1
    return x.new_empty((*x.shape[:-2], x.shape[-1], size, cotangent.shape[-1]))


def fake_pull(x, coef, cotangent, knots, degree, order, linear):
    """Shape of `pull` for tracing."""
    return torch.empty_like(x, memory_format=torch.contiguous_format)


def fake_edges(x, coef, base_weight, knots, degree, linear):
    """Shape of `edges` for tracing."""
    return x.new_empty((*x.shape[:-1], coef.shape[-1]))


def fake_edges_backward(x, coef, base_weight, cotangent, knots, degree, linear, need_x):
    """Shape of `edges_backward` for tracing."""

    def like(tensor: Tensor) -> Tensor:
        return torch.empty_like(tensor, memory_format=torch.contiguous_format)

    return (like(x) if need_x else x.new_empty(0)), like(coef), like(base_weight)

"""Chooses, by device, who computes a contraction; and the shapes of each result for tracing."""

from functools import lru_cache
from importlib import import_module
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from edgewise.kernels import reference


def run(name: str, *args: Any) -> Any:
    """Compute contraction `name` on the device of its tensors, outside autograd."""
    x = args[0]
    if x.device.type == "cpu" and x.dtype in _CPU_DTYPES:
        return getattr(_cpu(), name)(*args)
    return REFERENCE[name](*args)


@lru_cache(maxsize=1)
def _cpu() -> ModuleType:
    """The compiled kernels; Numba is imported at their first use."""
    return import_module("edgewise.kernels.cpu")


def _edges(x, coef, base, base_weight, knots, degree, linear):
    return reference.evaluate(x, coef, knots, None, degree, 0, linear) + base @ base_weight


def _edges_backward(x, coef, base, base_weight, cotangent, knots, degree, linear, need_x):
    grads = (
        reference.pull(x, coef, cotangent, knots, degree, 1, linear) if need_x else x.new_empty(0),
        reference.scatter(x, cotangent, knots, None, degree, 0, linear),
        cotangent @ base_weight.mT if need_x else x.new_empty(0),
        base.mT @ cotangent,
    )
    return tuple(grad.contiguous() for grad in grads)  # as traced by `fake_edges_backward`


_CPU_DTYPES = (torch.float32, torch.float64)

REFERENCE = {
    "evaluate": reference.evaluate,
    "scatter": reference.scatter,
    "pull": reference.pull,
    "edges": _edges,
    "edges_backward": _edges_backward,
}


def fake_evaluate(x, coef, knots, weight, degree, order, linear):
    return x.new_empty((*x.shape[:-1], coef.shape[-1]))


def fake_scatter(x, cotangent, knots, weight, degree, order, linear):
    size = knots.shape[-1] - degree - 1
    return x.new_empty((*x.shape[:-2], x.shape[-1], size, cotangent.shape[-1]))


def fake_pull(x, coef, cotangent, knots, degree, order, linear):
    return torch.empty_like(x, memory_format=torch.contiguous_format)


def fake_edges(x, coef, base, base_weight, knots, degree, linear):
    return x.new_empty((*x.shape[:-1], coef.shape[-1]))


def fake_edges_backward(x, coef, base, base_weight, cotangent, knots, degree, linear, need_x):
    def like(tensor: Tensor) -> Tensor:
        return torch.empty_like(tensor, memory_format=torch.contiguous_format)

    empty = x.new_empty(0)
    return (like(x) if need_x else empty, like(coef), like(base) if need_x else x.new_empty(0), like(base_weight))

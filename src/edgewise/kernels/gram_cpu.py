"""`gram` for CPU tensors: the Python side of `gram_loops`, which prepares addresses and shares out the rows."""

# pyright: reportCallIssue=false, reportPrivateImportUsage=false
# (Numba's intrinsics have one parameter more than their callers pass)

import ctypes
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from numba import carray
from numba.np.unsafe.ndarray import to_fixed_tuple
from torch import Tensor

from edgewise.kernels.compilation import compiled_entry
from edgewise.kernels.cpu import KINDS, KnotTables, address_of, place
from edgewise.kernels.emitter import VECTOR_BYTES, take_ticket
from edgewise.kernels.gram_loops import LAYER_NUMBERS, ROWS, gram_rows
from edgewise.kernels.threads import run_on_threads, shares

GRAIN = 5.0e4
"""Products (some ten microseconds) below which another thread does not pay."""

# The numbers that an entry finds at its address.
_TICKET, _TASKS, _MODELS, _ROWS, _LAYERS, _GRAM, _GRAM_BYTES = range(7)
_HEAD, _NUMBERS = 7, 5


@cache
def _entry(dtype: torch.dtype, k1: int) -> tuple[Any, int]:
    kind, rows = KINDS[dtype], (0,) * k1

    def entry(data):
        head = carray(data, _HEAD + _NUMBERS, np.int64)
        tasks, models, B, n_layers = head[_TASKS], head[_MODELS], head[_ROWS], head[_LAYERS]
        numbers = to_fixed_tuple(head[_HEAD:], _NUMBERS)
        skip = _HEAD + _NUMBERS
        layers = carray(data, skip + n_layers * LAYER_NUMBERS, np.int64)[skip:].reshape(n_layers, LAYER_NUMBERS)
        parts = tasks // models
        task = take_ticket(data, _TICKET)
        while task < tasks:
            part, m = task // models, task % models
            gram_at = head[_GRAM] + task * head[_GRAM_BYTES]
            gram_rows(kind, rows, numbers, layers, m, B * part // parts, B * (part + 1) // parts, gram_at)
            task = take_ticket(data, _TICKET)

    function = compiled_entry(entry)
    return function.ctypes, function.address


def gram(layers: Sequence[Any], residual: Tensor, size: int, degree: int, linear: bool) -> Tensor:
    """See `edgewise.kernels.gram.gram`; here all tensors have a model axis."""
    M, B = residual.shape
    lanes = VECTOR_BYTES // residual.element_size()
    products = float(M * B) * sum(_width(layer, degree) for layer in layers) ** 2 / 2
    threads = shares(M * B, products, GRAIN)
    parts = -(-threads // M) if threads > M else 1
    # More lines and columns than entries: what the padding of the last runs reaches.
    stride = -(-(size + 1 + lanes) // lanes) * lanes
    result = residual.new_zeros(parts, M, size + 1 + ROWS, stride)
    residual, residual_at, residual_step = place(residual, True)
    memory: list[Any] = [residual]
    numbers = [
        0, parts * M, M, B, len(layers), result.data_ptr(), result[0, 0].numel() * result.element_size(),
        int(linear), residual_at, residual_step, size, stride,
    ]  # fmt: skip
    for layer in layers:
        numbers += _layer_numbers(layer, degree, linear, memory)
    data = (ctypes.c_int64 * len(numbers))(*numbers)
    run_on_threads(*_entry(residual.dtype, degree + 1), data, min(threads, parts * M), (memory, result))
    total = result[0] if parts == 1 else result.sum(0)
    return total[:, : size + 1, : size + 1]


def _width(layer: Any, degree: int) -> int:
    """Entries of a layer's part of a row that are not zero."""
    inputs, outputs = layer.x.shape[-1], layer.cotangent.shape[-1]
    return inputs * outputs * (degree + 1 + (layer.base is not None))


def _layer_numbers(layer: Any, degree: int, linear: bool, memory: list[Any]) -> list[int]:
    x, x_at, x_step = place(layer.x, True)
    base, base_at, base_step = place(layer.base, True)
    cotangent, g_at, g_step = place(layer.cotangent, True)
    knots, knots_at, knots_step = place(layer.knots, layer.knots.dim() == 3)
    tables = KnotTables(knots, degree, linear)
    shared, own = tables.addresses(0)
    memory += [x, base, cotangent, knots, tables]
    inputs, outputs, basis = x.shape[-1], cotangent.shape[-1], knots.shape[-1] - degree - 1
    return [
        inputs, outputs, basis, x_at, x_step, base_at, base_step, g_at, g_step, knots_at, knots_step,
        address_of(tables.spacing), shared, own, layer.coef_at, layer.base_at,
    ]  # fmt: skip

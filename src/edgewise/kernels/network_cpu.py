"""Small networks on the CPU: the Python side of `network_loops`, which prepares addresses and shares out the rows."""

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

from edgewise.kernels.compilation import compiled, compiled_entry
from edgewise.kernels.cpu import KINDS
from edgewise.kernels.emitter import VECTOR_BYTES, take_ticket
from edgewise.kernels.memory import address_to_array
from edgewise.kernels.network_loops import (
    BLOCK,
    LAYER_NUMBERS,
    copy_network,
    network_backward,
    network_forward,
    uniform_network,
)
from edgewise.kernels.tables import uniform_tables
from edgewise.kernels.threads import run_on_threads, shares

GRAIN = 6.0e3
"""Sample-edges (some ten microseconds) below which another thread does not pay."""

# The numbers that an entry finds at its address. Each model has its own table of layers.
_TICKET, _FINISHED, _UNEQUAL, _PARTS, _LAYERS, _MODELS = range(6)
_HEAD, _FORWARD, _BACKWARD = 6, 9, 14


@compiled
def _layer_table(data, skip, n_layers):
    return carray(data, skip + n_layers * LAYER_NUMBERS, np.int64)[skip:].reshape(n_layers, LAYER_NUMBERS)


@cache
def _forward_entry(dtype: torch.dtype, k1: int) -> tuple[Any, int]:
    kind, rows = KINDS[dtype], (0,) * k1

    def entry(data):
        head = carray(data, _HEAD + _FORWARD, np.int64)
        parts, n_layers, models = head[_PARTS], head[_LAYERS], head[_MODELS]
        x_at, y_at, hidden_at, x_step, y_step, hidden_step, B, linear, tables_at = to_fixed_tuple(
            head[_HEAD:], _FORWARD
        )
        table = _layer_table(data, _HEAD + _FORWARD, models * n_layers)
        if not uniform_network(kind, rows, table):
            head[_UNEQUAL] = 1
            return
        blocks = (B + BLOCK - 1) // BLOCK
        task = take_ticket(data, _TICKET)
        while task < models * parts:
            m, part = task // parts, task % parts
            numbers = x_at + m * x_step, y_at + m * y_step, hidden_at + m * hidden_step, B, linear, tables_at
            layers = table[m * n_layers : (m + 1) * n_layers]
            network_forward(kind, rows, numbers, layers, blocks * part // parts, blocks * (part + 1) // parts)
            task = take_ticket(data, _TICKET)

    function = compiled_entry(entry)
    return function.ctypes, function.address


@cache
def _backward_entry(dtype: torch.dtype, k1: int) -> tuple[Any, int]:
    kind, rows = KINDS[dtype], (0,) * k1

    def entry(data):
        head = carray(data, _HEAD + _BACKWARD, np.int64)
        parts, n_layers, models = head[_PARTS], head[_LAYERS], head[_MODELS]
        (x_at, hidden_at, g_at, dx_at, dhidden_at, x_step, hidden_step, g_step,
         B, linear, tables_at, slope_tables_at, sums_at, size) = to_fixed_tuple(head[_HEAD:], _BACKWARD)  # fmt: skip
        table = _layer_table(data, _HEAD + _BACKWARD, models * n_layers)
        blocks = (B + BLOCK - 1) // BLOCK
        sums = address_to_array(kind, sums_at, models * parts * size)
        task = take_ticket(data, _TICKET)
        while task < models * parts:
            m, part = task // parts, task % parts
            numbers = (
                x_at + m * x_step, hidden_at + m * hidden_step, g_at + m * g_step,
                dx_at + m * x_step if dx_at else np.int64(0),
                dhidden_at + m * hidden_step if dhidden_at else np.int64(0),
                B, linear, tables_at, slope_tables_at, size,
            )  # fmt: skip
            network_backward(
                kind, rows, numbers, table[m * n_layers : (m + 1) * n_layers], blocks * part // parts,
                blocks * (part + 1) // parts, sums[task * size : (task + 1) * size],
            )  # fmt: skip
            if take_ticket(data, _FINISHED) == models * parts - 1:  # the last one: all sums are there
                for model in range(models):
                    first = model * parts * size
                    for other in range(1, parts):
                        for q in range(size):
                            sums[first + q] += sums[first + other * size + q]
                    layers = table[model * n_layers : (model + 1) * n_layers]
                    copy_network(kind, rows, layers, sums[first : first + size], np.int64(0))
            task = take_ticket(data, _TICKET)

    function = compiled_entry(entry)
    return function.ctypes, function.address


def forward(
    x: Tensor, flat: Sequence[Tensor], degree: int, linear: bool, keep: bool
) -> tuple[Tensor, Tensor | None] | None:
    """Outputs of all layers' composition.

    Args:
        x: `([M,] B, I)` inputs.
        flat: `coef`, `base_weight` and `knots` of every layer, one after the other, all with the same axis `M` or none.
        degree: polynomial degree k.
        linear: how functions continue outside.
        keep: whether `backward` will follow.

    Returns:
        `([M,] B, O)` outputs and, with `keep`, what `backward` needs, the values between layers `([M,] H, B)`; None
        where knots are not equally spaced.
    """
    x, x_at, x_step = _place(x)
    flat = [tensor.contiguous() for tensor in flat]
    *lead, rows, _ = x.shape
    widths = [base_weight.shape[-1] for base_weight in flat[1::3]]
    y = x.new_empty(*lead, rows, widths[-1])
    hidden = x.new_empty(*lead, sum(widths[:-1]), rows) if keep else None
    threads, parts = _share_out(x, flat)
    data = _prepare(
        x, parts, flat, [None] * len(flat),
        (x_at, y.data_ptr(), 0 if hidden is None else hidden.data_ptr(), x_step, _step(y), _step(hidden),
         rows, int(linear), _table_address(degree, 0, linear)),
    )  # fmt: skip
    run_on_threads(*_forward_entry(x.dtype, degree + 1), data, threads, (x, flat, y, hidden))
    return None if data[_UNEQUAL] else (y, hidden)


def backward(
    x: Tensor, hidden: Tensor, flat: Sequence[Tensor], g: Tensor, degree: int, linear: bool, need_x: bool,
    dhidden: Tensor | None = None,
) -> list[Tensor | None]:  # fmt: skip
    """Gradients of `forward`.

    Args:
        x: `([M,] B, I)` inputs.
        hidden: what `forward` kept.
        flat: as for `forward`.
        g: `([M,] B, O)` cotangent.
        degree: polynomial degree k.
        linear: how functions continue outside.
        need_x: whether the gradient of `x` is asked for.
        dhidden: where to write the gradient of `hidden`, if it is asked for.

    Returns:
        Gradients of `x` (or None) and of each tensor of `flat` (None for knots).
    """
    x, x_at, x_step = _place(x)
    g, g_at, g_step = _place(g)
    flat = [tensor.contiguous() for tensor in flat]
    dx = x.new_empty(x.shape) if need_x else None
    grads = [None if n % 3 == 2 else torch.empty_like(tensor) for n, tensor in enumerate(flat)]
    lanes = VECTOR_BYTES // x.element_size()
    size = sum(
        -(-coef.shape[-1] // lanes) * lanes * coef.shape[-3] * (coef.shape[-2] + 2 * degree + 3) for coef in flat[::3]
    )
    threads, parts = _share_out(x, flat)
    sums = x.new_empty(parts * _models(x) * size)
    if dx is not None:
        x_step = _step(x)  # the step of `dx` too
        x = x.contiguous()
        x_at = x.data_ptr()
    data = _prepare(
        x, parts, flat, grads,
        (x_at, hidden.data_ptr(), g_at, *(0 if t is None else t.data_ptr() for t in (dx, dhidden)),
         x_step, _step(hidden), g_step, x.shape[-2], int(linear),
         _table_address(degree, 0, linear), _table_address(degree, 1, linear), sums.data_ptr(), size),
    )  # fmt: skip
    memory = x, hidden, flat, g, dx, grads, sums, dhidden
    run_on_threads(*_backward_entry(x.dtype, degree + 1), data, threads, memory)
    return [dx, *grads]


def _models(x: Tensor) -> int:
    return x.shape[0] if x.dim() == 3 else 1


def _step(tensor: Tensor | None) -> int:
    """Bytes from one model of a contiguous tensor to the next; 0 without a model axis."""
    if tensor is None or tensor.dim() < 3:
        return 0
    return tensor.shape[-1] * tensor.shape[-2] * tensor.element_size()


def _place(tensor: Tensor) -> tuple[Tensor, int, int]:
    """A tensor whose models are contiguous, its address, and the bytes from model to model: 0 where all share."""
    if tensor.dim() == 3 and tensor.stride(0) == 0:
        only = tensor[0].contiguous()
        return only.expand_as(tensor), only.data_ptr(), 0
    tensor = tensor.contiguous()
    return tensor, tensor.data_ptr(), _step(tensor)


def _share_out(x: Tensor, flat: Sequence[Tensor]) -> tuple[int, int]:
    """How many threads to use, and into how many parts each model's rows are divided."""
    models, rows = _models(x), x.shape[-2]
    blocks = -(-rows // BLOCK)
    edges = sum(base.shape[-1] * base.shape[-2] for base in flat[1::3])
    threads = shares(models * blocks, models * rows * float(edges), GRAIN)
    return threads, min(blocks, -(-threads // models))


def _prepare(
    x: Tensor, parts: int, flat: Sequence[Tensor], grads: Sequence[Tensor | None], numbers: tuple[int, ...]
) -> Any:
    """The integers of an entry; `numbers`, then every model's layers."""
    models = _models(x)
    head = [0, 0, 0, parts, len(flat) // 3, models, *numbers]
    table, steps = [], []
    for n in range(0, len(flat), 3):
        coef, base_weight, knots = flat[n : n + 3]
        dcoef, dbase = grads[n], grads[n + 1]
        table += coef.shape[-3], coef.shape[-1], coef.shape[-2]
        table += coef.data_ptr(), base_weight.data_ptr(), knots.data_ptr()
        table += (0, 0) if dcoef is None or dbase is None else (dcoef.data_ptr(), dbase.data_ptr())
        if models > 1:
            bytes_ = [t[0].numel() * t.element_size() for t in (coef, base_weight, knots)]
            steps += 0, 0, 0, *bytes_, *(bytes_[:2] if dcoef is not None else (0, 0))
    if models > 1:
        table = (np.array(table) + np.arange(models)[:, None] * np.array(steps)).ravel().tolist()
    return (ctypes.c_int64 * (len(head) + len(table)))(*head, *table)


@cache
def _table_address(degree: int, order: int, linear: bool) -> int:
    return uniform_tables(degree, order, linear).ctypes.data  # kept alive by a cache of its own

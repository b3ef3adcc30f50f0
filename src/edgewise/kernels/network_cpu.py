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

# The numbers that an entry finds at its address.
_TICKET, _FINISHED, _UNEQUAL, _SHARES, _LAYERS = range(5)
_HEAD, _FORWARD, _BACKWARD = 5, 6, 10


@compiled
def _layer_table(data, skip, n_layers):
    return carray(data, skip + n_layers * LAYER_NUMBERS, np.int64)[skip:].reshape(n_layers, LAYER_NUMBERS)


@cache
def _forward_entry(dtype: torch.dtype, k1: int) -> tuple[Any, int]:
    kind, rows = KINDS[dtype], (0,) * k1

    def entry(data):
        head = carray(data, _HEAD + _FORWARD, np.int64)
        shares = head[_SHARES]
        numbers = to_fixed_tuple(head[_HEAD:], _FORWARD)
        layers = _layer_table(data, _HEAD + _FORWARD, head[_LAYERS])
        if not uniform_network(kind, rows, layers):
            head[_UNEQUAL] = 1
            return
        blocks = (numbers[3] + BLOCK - 1) // BLOCK
        share = take_ticket(data, _TICKET)
        while share < shares:
            network_forward(kind, rows, numbers, layers, blocks * share // shares, blocks * (share + 1) // shares)
            share = take_ticket(data, _TICKET)

    function = compiled_entry(entry)
    return function.ctypes, function.address


@cache
def _backward_entry(dtype: torch.dtype, k1: int) -> tuple[Any, int]:
    kind, rows = KINDS[dtype], (0,) * k1

    def entry(data):
        head = carray(data, _HEAD + _BACKWARD, np.int64)
        shares = head[_SHARES]
        numbers = to_fixed_tuple(head[_HEAD:], _BACKWARD)
        layers = _layer_table(data, _HEAD + _BACKWARD, head[_LAYERS])
        blocks = (numbers[4] + BLOCK - 1) // BLOCK
        size = numbers[-1]
        sums = address_to_array(kind, numbers[-2], shares * size)
        share = take_ticket(data, _TICKET)
        while share < shares:
            network_backward(
                kind, rows, numbers, layers, blocks * share // shares, blocks * (share + 1) // shares,
                sums[share * size : (share + 1) * size],
            )  # fmt: skip
            if take_ticket(data, _FINISHED) == shares - 1:  # the last one: all sums are there
                for other in range(1, shares):
                    for q in range(size):
                        sums[q] += sums[other * size + q]
                copy_network(kind, rows, layers, sums, np.int64(0))
            share = take_ticket(data, _TICKET)

    function = compiled_entry(entry)
    return function.ctypes, function.address


def forward(
    x: Tensor, flat: Sequence[Tensor], degree: int, linear: bool, keep: bool
) -> tuple[Tensor, Tensor | None] | None:
    """Outputs of all layers' composition.

    Args:
        x: `(B, I)` inputs.
        flat: `coef`, `base_weight` and `knots` of every layer, one after the other.
        degree: polynomial degree k.
        linear: how functions continue outside.
        keep: whether `backward` will follow.

    Returns:
        `(B, O)` outputs and, with `keep`, what `backward` needs; None where knots are not equally spaced.
    """
    rows = len(x)
    x, *flat = (tensor.contiguous() for tensor in (x, *flat))
    widths = [base_weight.shape[1] for base_weight in flat[1::3]]
    y = x.new_empty(rows, widths[-1])
    hidden = x.new_empty(sum(widths[:-1]), rows) if keep else None
    threads = _threads(x, flat)
    data = _prepare(
        threads, flat, [None] * len(flat),
        (x.data_ptr(), y.data_ptr(), 0 if hidden is None else hidden.data_ptr(), rows, int(linear),
         _table_address(degree, 0, linear)),
    )  # fmt: skip
    run_on_threads(*_forward_entry(x.dtype, degree + 1), data, threads, (x, flat, y, hidden))
    return None if data[_UNEQUAL] else (y, hidden)


def backward(
    x: Tensor, hidden: Tensor, flat: Sequence[Tensor], g: Tensor, degree: int, linear: bool, need_x: bool
) -> list[Tensor | None]:
    """Gradients of `forward`.

    Args:
        x: `(B, I)` inputs.
        hidden: what `forward` kept.
        flat: `coef`, `base_weight` and `knots` of every layer, one after the other.
        g: `(B, O)` cotangent.
        degree: polynomial degree k.
        linear: how functions continue outside.
        need_x: whether the gradient of `x` is asked for.

    Returns:
        Gradients of `x` (or None) and of each tensor of `flat` (None for knots).
    """
    x, g, *flat = (tensor.contiguous() for tensor in (x, g, *flat))
    dx = torch.empty_like(x) if need_x else None
    grads = [None if n % 3 == 2 else torch.empty_like(tensor) for n, tensor in enumerate(flat)]
    lanes = VECTOR_BYTES // x.element_size()
    size = sum(
        -(-coef.shape[2] // lanes) * lanes * coef.shape[0] * (coef.shape[1] + 2 * degree + 3) for coef in flat[::3]
    )
    threads = _threads(x, flat)
    sums = x.new_empty(threads * size)
    data = _prepare(
        threads, flat, grads,
        (x.data_ptr(), hidden.data_ptr(), g.data_ptr(), 0 if dx is None else dx.data_ptr(), len(x), int(linear),
         _table_address(degree, 0, linear), _table_address(degree, 1, linear), sums.data_ptr(), size),
    )  # fmt: skip
    memory = x, hidden, flat, g, dx, grads, sums
    run_on_threads(*_backward_entry(x.dtype, degree + 1), data, threads, memory)
    return [dx, *grads]


def _threads(x: Tensor, flat: Sequence[Tensor]) -> int:
    return shares(-(-len(x) // BLOCK), len(x) * float(sum(base.numel() for base in flat[1::3])), GRAIN)


def _prepare(threads: int, flat: Sequence[Tensor], grads: Sequence[Tensor | None], numbers: tuple[int, ...]) -> Any:
    """The integers of an entry, for as many shares as threads."""
    integers = [0, 0, 0, threads, len(flat) // 3, *numbers]
    for n in range(0, len(flat), 3):
        coef, base_weight, knots = flat[n : n + 3]
        dcoef, dbase = grads[n], grads[n + 1]
        integers += coef.shape[0], coef.shape[2], coef.shape[1]
        integers += coef.data_ptr(), base_weight.data_ptr(), knots.data_ptr()
        integers += (0, 0) if dcoef is None or dbase is None else (dcoef.data_ptr(), dbase.data_ptr())
    return (ctypes.c_int64 * len(integers))(*integers)


@cache
def _table_address(degree: int, order: int, linear: bool) -> int:
    return uniform_tables(degree, order, linear).ctypes.data  # kept alive by a cache of its own

"""The contractions on a GPU: the Python side, which prepares memory and cuts the work into tiles."""

# pyright: reportIndexIssue=false
# (a program is launched as `program[grid](...)`)

from contextlib import nullcontext
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad, silu

from edgewise.kernels import gpu_loops as loops
from edgewise.kernels.checks import axes, check, vanishing

DENSE_BASIS = 32
"""Most basis functions per edge for which a matrix product with all of them is faster than rows of the few."""
CHUNK = 2048
"""Rows that are sorted by cell at a time."""


class Tiles(NamedTuple):
    """Shape of the tiles that a program multiplies, and Triton's options for it."""

    m: int
    n: int
    k: int
    warps: int = 4
    stages: int = 3


class Local(NamedTuple):
    """What `loops.locate` finds for every sample and input."""

    first: Tensor
    values: Tensor
    slopes: Tensor


def evaluate(x, coef, knots, weight, degree, order, linear) -> Tensor:
    """`evaluate` of `operators` for tensors on a GPU."""
    return _forward(x, coef, None, knots, weight, degree, order, linear)


def edges(x, coef, base_weight, knots, degree, linear) -> Tensor:
    """`edges` of `operators` for tensors on a GPU."""
    return _forward(x, coef, base_weight, knots, None, degree, 0, linear)


def scatter(x, cotangent, knots, weight, degree, order, linear) -> Tensor:
    """`scatter` of `operators` for tensors on a GPU."""
    _, lead, rows, inputs, size = _sizes(x, knots, degree)
    check(x, degree, order, knots, cotangent=(cotangent, (*lead, rows, cotangent.shape[-1])), weight=(weight, x.shape))
    if x.numel() == 0 or cotangent.numel() == 0 or order > degree:
        return x.new_zeros((*lead, inputs, size, cotangent.shape[-1]))
    with _on(x):
        return _scatter(_locate(x, knots, weight, degree, order, linear), cotangent, size)


def pull(x, coef, cotangent, knots, degree, order, linear) -> Tensor:
    """`pull` of `operators` for tensors on a GPU."""
    _, lead, rows, inputs, size = _sizes(x, knots, degree)
    outputs = coef.shape[-1]
    check(x, degree, order, knots, coef=(coef, (*lead, inputs, size, outputs)),
          cotangent=(cotangent, (*lead, rows, outputs)))  # fmt: skip
    if x.numel() == 0 or outputs == 0:
        return x.new_zeros(x.shape)
    if order > degree:
        return vanishing(x)
    with _on(x):
        local = _locate(x, knots, None, degree, order, linear)
        return _pull(local.first, local.values, coef, cotangent, x, None)


def edges_backward(x, coef, base_weight, cotangent, knots, degree, linear, need_x):
    """`edges_backward` of `operators` for tensors on a GPU."""
    _, lead, rows, inputs, size = _sizes(x, knots, degree)
    outputs = coef.shape[-1]
    check(x, degree, 0, knots, coef=(coef, (*lead, inputs, size, outputs)),
          cotangent=(cotangent, (*lead, rows, outputs)),
          base_weight=(base_weight, (*lead, inputs, outputs)))  # fmt: skip
    if x.numel() == 0 or outputs == 0:
        dx = x.new_zeros(x.shape) if need_x else x.new_empty(0)
        return dx, x.new_zeros(coef.shape), x.new_zeros(base_weight.shape)
    with _on(x):
        local = _locate(x, knots, None, degree, 0, linear, slopes=need_x)
        dcoef = _scatter(local, cotangent, size)
        dweight = (silu(x).mT @ cotangent).contiguous()
        dx = x.new_empty(0)
        if need_x:
            dx = _pull(local.first, local.slopes, coef, cotangent, x, cotangent @ base_weight.mT)
    return dx, dcoef, dweight


def _sizes(x: Tensor, knots: Tensor, degree: int) -> tuple[int, tuple[int, ...], int, int, int]:
    """Models, leading axes, rows, inputs, basis functions."""
    _, models, rows, inputs = axes(x)
    return models, x.shape[:-2], rows, inputs, knots.shape[-1] - degree - 1


def _on(x: Tensor) -> Any:
    """Launches go to the current device, which need not be that of the tensors."""
    return torch.cuda.device(x.device) if x.is_cuda else nullcontext()


@cache
def _processors(device: torch.device) -> int:
    return torch.cuda.get_device_properties(device).multi_processor_count if device.type == "cuda" else 4


@cache
def _precision(device: torch.device, dtype: torch.dtype) -> str:
    """How tiles are multiplied: float32 as six (or three) products on tensor cores, as exact as float32's own."""
    # Only numbers below 1e-37, next to float32's smallest, lose digits: 2e-3 of themselves at 1e-38.
    is_nvidia = device.type == "cuda" and torch.version.hip is None
    if dtype != torch.float32 or not is_nvidia or torch.cuda.get_device_capability(device) < (8, 0):
        return "ieee"
    from triton.backends.nvidia.compiler import CUDAOptions  # pyright: ignore[reportMissingImports]

    known = getattr(CUDAOptions, "allowed_dot_input_precisions", ())
    return "bf16x6" if "bf16x6" in known else "tf32x3"  # the first is a third quicker (Triton 3.6, H100)


def _locate(x, knots, weight, degree, order, linear, slopes=False) -> Local:
    _, models, rows, inputs = axes(x)
    lead = (models, rows, inputs)
    x, knots, weight = x.contiguous(), knots.contiguous(), None if weight is None else weight.contiguous()
    first = torch.empty(lead, dtype=torch.int32, device=x.device)
    values = x.new_empty((*lead, degree + 1))
    slope_values = x.new_empty((*lead, degree + 1)) if slopes else values
    n_knots = knots.shape[-1]
    cells = n_knots - 1 - (2 * degree if linear else 0)
    block = 256
    loops.locate[(-(-x.numel() // block),)](
        x, knots, x if weight is None else weight, first, values, slope_values,
        x.numel(), rows * inputs, inputs, n_knots, knots.stride(0) if knots.dim() == 3 else 0,
        (cells - 1).bit_length(),
        K=degree, ORDER=order, LINEAR=linear, WEIGHTED=weight is not None, SLOPES=slopes, BLOCK=block,
    )  # fmt: skip
    return Local(first, values, slope_values)


def _forward(x, coef, base_weight, knots, weight, degree, order, linear) -> Tensor:
    models, lead, rows, inputs, size = _sizes(x, knots, degree)
    outputs = coef.shape[-1]
    check(x, degree, order, knots, coef=(coef, (*lead, inputs, size, outputs)), weight=(weight, x.shape),
          base_weight=(base_weight, (*lead, inputs, outputs)))  # fmt: skip
    shape = (*lead, rows, outputs)
    if x.numel() == 0 or outputs == 0:
        return x.new_zeros(shape)
    if order > degree:
        return vanishing(x).sum(-1, keepdim=True).expand(shape).contiguous()
    with _on(x):
        local = _locate(x, knots, weight, degree, order, linear)
        x, coef = x.contiguous(), coef.contiguous()
        base = coef if base_weight is None else base_weight.contiguous()
        is_dense = size <= DENSE_BASIS
        padded = _padded(size)
        tiles = evaluate_tiles(rows, outputs, padded, x.dtype) if is_dense else evaluate_sparse_tiles(outputs, x.dtype)
        grid = -(-rows // tiles.m) * -(-outputs // tiles.n)
        shares, step = _share(x, grid * models, inputs, *((tiles.k // padded, 128 // padded) if is_dense else (1, 32)))
        y = x.new_empty((shares, *shape))
        arguments = local.first, local.values, coef, x, base, y, rows, inputs, size, outputs, step
        options = {
            "K1": degree + 1, "BASE": base_weight is not None, "PRECISION": _precision(x.device, x.dtype),
            "BM": tiles.m, "BN": tiles.n, "num_warps": tiles.warps, "num_stages": tiles.stages,
        }  # fmt: skip
        if is_dense:
            loops.evaluate_dense[(grid, shares, models)](*arguments, **options, SP=padded, BK=tiles.k)
        else:
            loops.evaluate_sparse[(grid, shares, models)](*arguments, **options)
        return y[0] if shares == 1 else y.sum(0)


def _scatter(local: Local, cotangent: Tensor, size: int) -> Tensor:
    if size > DENSE_BASIS:
        return _scatter_sparse(local, cotangent, size)
    models, rows, inputs, k1 = local.values.shape
    outputs, cotangent = cotangent.shape[-1], cotangent.contiguous()
    padded = _padded(size)
    tiles = scatter_tiles(inputs, outputs, padded, cotangent.dtype)
    grid = -(-inputs // (tiles.m // padded)) * -(-outputs // tiles.n)
    shares, step = _share(cotangent, grid * models, rows, tiles.k, 256)
    out = cotangent.new_empty((shares, *cotangent.shape[:-2], inputs, size, outputs))
    loops.scatter_dense[(grid, shares, models)](
        local.first, local.values, cotangent, out, rows, inputs, size, outputs, step,
        K1=k1, PRECISION=_precision(out.device, out.dtype), SP=padded,
        BM=tiles.m, BN=tiles.n, BK=tiles.k, num_warps=tiles.warps, num_stages=tiles.stages,
    )  # fmt: skip
    return out[0] if shares == 1 else out.sum(0)


def _scatter_sparse(local: Local, cotangent: Tensor, size: int) -> Tensor:
    models, rows, inputs, k1 = local.values.shape
    outputs, cotangent = cotangent.shape[-1], cotangent.contiguous()
    tiles = scatter_sparse_tiles(outputs, cotangent.dtype)
    chunk = min(CHUNK, rows)
    chunks = -(-rows // chunk)
    # Rows that fill the last chunk come behind every cell.
    cells = pad(local.first.mT, (0, chunks * chunk - rows), value=size).contiguous()
    cells, order = cells.view(models, inputs, chunks, chunk).sort(dim=-1, stable=True)
    groups = -(-size // tiles.m)
    begin = torch.arange(groups, dtype=torch.int32, device=cells.device) * tiles.m
    # A group's functions begin in one of the cells `begin - k ... begin + m - 1`.
    ends = torch.stack([begin - (k1 - 1), (begin + tiles.m).clamp(max=size)])
    ranges = torch.stack([
        torch.searchsorted(cells, end.expand(*cells.shape[:-1], groups).contiguous(), out_int32=True) for end in ends
    ])
    out = cotangent.new_empty((*cotangent.shape[:-2], inputs, size, outputs))
    loops.scatter_sparse[(inputs * groups * -(-outputs // tiles.n), 1, models)](
        cells, order, ranges, local.values, cotangent, out, rows, inputs, size, outputs, chunk, chunks, groups,
        K1=k1, PRECISION=_precision(out.device, out.dtype),
        BM=tiles.m, BN=tiles.n, BK=tiles.k, num_warps=tiles.warps, num_stages=tiles.stages,
    )  # fmt: skip
    return out


def _pull(first: Tensor, values: Tensor, coef: Tensor, cotangent: Tensor, x: Tensor, residual: Tensor | None) -> Tensor:
    """`pull`, and with `residual` `(.., B, I)` plus `silu'(x) * residual`."""
    models, rows, inputs, k1 = values.shape
    size, outputs = coef.shape[-2:]
    coef, cotangent, x = coef.contiguous(), cotangent.contiguous(), x.contiguous()
    with_base, residual = residual is not None, x if residual is None else residual.contiguous()
    out = torch.empty_like(x)
    shared = first, values, coef, cotangent, x, residual, out, rows, inputs, size, outputs
    if size > DENSE_BASIS:
        tiles = pull_sparse_tiles(outputs, x.dtype)
        grid = -(-rows // tiles.m)
        shares, step = _share(x, grid * models, inputs, 1, 1)
        loops.pull_sparse[(grid, shares, models)](
            *shared, step, K1=k1, BASE=with_base, BM=tiles.m, BN=tiles.n,
            num_warps=tiles.warps, num_stages=tiles.stages,
        )  # fmt: skip
        return out
    padded = _padded(size)
    tiles = pull_tiles(rows, inputs, padded, x.dtype)
    loops.pull_dense[(-(-rows // tiles.m) * -(-inputs // (tiles.n // padded)), 1, models)](
        *shared, K1=k1, BASE=with_base, PRECISION=_precision(x.device, x.dtype), SP=padded,
        BM=tiles.m, BI=tiles.n // padded, BK=tiles.k, num_warps=tiles.warps, num_stages=tiles.stages,
    )  # fmt: skip
    return out


# -------------------------------------------------------------------------------------------------- tiles


def _share(like: Tensor, tiles: int, terms: int, unit: int, least: int) -> tuple[int, int]:
    """Cut a sum into shares of at least `least` terms, so that every processor has a tile to work on.

    Returns:
        How many shares, and the terms of each, a multiple of `unit`.
    """
    wanted = max(1, min(2 * _processors(like.device) // tiles, terms // least))
    step = -(-terms // (wanted * unit)) * unit
    return -(-terms // step), step


def _width(size: int, most: int) -> int:
    """The power of two that holds `size`, from 16 (what tensor cores take) to `most`."""
    return max(16, min(most, 1 << (size - 1).bit_length()))


def _padded(size: int) -> int:
    """The power of two that holds the functions of an input in a tile."""
    return 1 << (size - 1).bit_length()


def evaluate_tiles(rows: int, outputs: int, padded: int, dtype: torch.dtype) -> Tiles:
    """Tiles of `evaluate`; `padded` functions per input."""
    if dtype == torch.float64:
        return Tiles(32, _width(outputs, 32), max(16, padded), 4, 2)
    if rows * outputs >= 1 << 20:
        return Tiles(128, _width(outputs, 128), max(32, 2 * padded), 8, 2)
    return Tiles(_width(rows, 64), _width(outputs, 64), max(32, 2 * padded), 4, 2)


def evaluate_sparse_tiles(outputs: int, dtype: torch.dtype) -> Tiles:
    """Tiles of `evaluate` on large grids; the `k` of the residual branch is fixed."""
    return Tiles(128, 32, 0, 4, 2) if dtype == torch.float32 else Tiles(32, 32, 0, 4, 2)


def scatter_tiles(inputs: int, outputs: int, padded: int, dtype: torch.dtype) -> Tiles:
    """Tiles of `scatter`; `padded` functions per input."""
    if dtype == torch.float64:
        return Tiles(max(padded, _width(inputs * padded, 32)), _width(outputs, 32), 16, 4, 2)
    return Tiles(max(4 * padded, _width(inputs * padded, 64)), _width(outputs, 64), 32, 4, 2)


def scatter_sparse_tiles(outputs: int, dtype: torch.dtype) -> Tiles:
    """Tiles of `scatter` on large grids."""
    return (
        Tiles(16, _width(outputs, 32), 16, 4, 2)
        if dtype == torch.float64
        else Tiles(16, _width(outputs, 128), 64, 4, 2)
    )


def pull_tiles(rows: int, inputs: int, padded: int, dtype: torch.dtype) -> Tiles:
    """Tiles of `pull`; `padded` functions per input."""
    if dtype == torch.float64:
        return Tiles(_width(rows, 32), max(16, padded), 16, 4, 2)
    return Tiles(_width(rows, 64), max(padded, min(64, _width(inputs * padded, 64))), 32, 4, 3)


def pull_sparse_tiles(outputs: int, dtype: torch.dtype) -> Tiles:
    """Tiles of `pull` on large grids."""
    return Tiles(32 if dtype == torch.float32 else 16, _width(outputs, 64), 0, 4, 2)

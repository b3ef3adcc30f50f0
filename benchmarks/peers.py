"""The competitors: public packages where they are installed, and the reference points around them.

Every competitor is built for the same width, number of intervals G, degree 3 and dtype, and gives two calls:
`forward` (no gradients) and `step` (forward and backward, gradients fresh each time). A package that is not
installed, or that fails, is skipped with a line.

efficient-kan is not on PyPI. `EfficientKANLinear` re-states its published method (github.com/Blealtan/efficient-kan,
MIT) from the description: the Cox-de Boor recursion evaluates all G + k functions of every input, the flattened
basis goes through one matrix product, a second product carries silu(x), and a trainable factor per edge
multiplies the spline weights (its default).
"""

from __future__ import annotations

import importlib.util
import io
import os
import sys
import tempfile
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.interpolate import BSpline
from torch import Tensor, nn
from torch.nn import functional as F

import edgewise

DEGREE = 3


class Row(NamedTuple):
    """One shape to measure."""

    name: str
    width: list[int]
    grid: int
    batch: int
    dtype: torch.dtype = torch.float32


ROWS = [
    Row("[2,5,1] f64", [2, 5, 1], 5, 1000, torch.float64),
    Row("[2,5,1] f32", [2, 5, 1], 5, 1000),
    Row("64->64 G5", [64, 64], 5, 1024),
    Row("256->256 G5", [256, 256], 5, 1024),
    Row("256->256 G20", [256, 256], 20, 1024),
    Row("256->256 G100", [256, 256], 100, 1024),
    Row("784->64 G5 b256", [784, 64], 5, 256),
    Row("[784,64,10] G5 b256", [784, 64, 10], 5, 256),
]


def find_rows(names: Sequence[str]) -> list[Row]:
    """Rows whose name contains one of `names`."""
    return [row for row in ROWS if any(name in row.name for name in names)]


# ----------------------------------------------------------------------------------------------- one case


class TorchCase:
    """A torch module with the data of one row, on a device."""

    def __init__(self, module: nn.Module, row: Row, input_grad: bool = True, device: str = "cpu") -> None:
        random = torch.Generator().manual_seed(1)
        x = torch.rand(row.batch, row.width[0], generator=random, dtype=row.dtype) * 2 - 1
        self.module, self.x = module.to(device), x.to(device).requires_grad_(input_grad)
        self.cotangent = torch.randn(row.batch, row.width[-1], generator=random, dtype=row.dtype).to(device)
        self.leaves = [p for p in module.parameters() if p.requires_grad] + [self.x] * input_grad

    def forward(self) -> Tensor:
        with torch.no_grad():
            return self.module(self.x)

    def step(self) -> None:
        for leaf in self.leaves:
            leaf.grad = None
        self.module(self.x).backward(self.cotangent)


class Spline(NamedTuple):
    """What a layer computes, in numbers: knots `(I, T)`, coefficients `(I, S, O)`, residual factors `(I, O)`."""

    knots: np.ndarray
    coef: np.ndarray
    base: np.ndarray

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """The layer's output at `(B, I)` inputs in float64, by scipy."""
        y = (x / (1 + np.exp(-x))) @ self.base
        for column, knots, coef in zip(x.T, self.knots, self.coef, strict=True):
            y += BSpline(knots, coef, DEGREE)(column)
        return y


@dataclass(frozen=True)
class Peer:
    """A competitor.

    `build(width, grid, dtype)` returns a module, or with `case` a case from a row. `kind`: "ours", "exact"
    (the same B-splines), "nearly", "other" (another function), "floor" (a reference point). `read` takes a
    one-layer module apart for the comparison with scipy.
    """

    name: str
    kind: str
    build: Callable[[list[int], int, torch.dtype], nn.Module] | None = None
    case: Callable[[Row, bool], Any] | None = None
    read: Callable[[Any], Spline] | None = None
    needs: str | None = None
    compiled: bool = False
    note: str = ""

    @property
    def missing(self) -> bool:
        return self.needs is not None and importlib.util.find_spec(self.needs) is None

    def make(self, row: Row, input_grad: bool = True) -> Any:
        if self.case is not None:
            return self.case(row, input_grad)
        with _default_dtype(row.dtype):
            module = self.build(list(row.width), row.grid, row.dtype)
        return TorchCase(module, row, input_grad)


@contextmanager
def _default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """Several peers have no dtype argument; their users set the global default."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def _chain(layer: Callable[[int, int], nn.Module], width: Sequence[int]) -> nn.Module:
    layers = [layer(a, b) for a, b in pairwise(width)]
    return layers[0] if len(layers) == 1 else nn.Sequential(*layers)


def _numpy(tensor: Tensor) -> np.ndarray:
    return tensor.detach().double().numpy()


# ------------------------------------------------------------------------------------------ ours, and floors


def _edgewise(width: list[int], grid: int, dtype: torch.dtype) -> nn.Module:
    if len(width) == 2:
        return edgewise.KANLayer(*width, grid=grid, k=DEGREE, dtype=dtype)
    return edgewise.KAN(width, grid=grid, k=DEGREE, seed=0, dtype=dtype)


def _read_edgewise(layer: Any) -> Spline:
    return Spline(_numpy(layer.knots), _numpy(layer.coef).swapaxes(1, 2), _numpy(layer.scale_base))


class DenseFloor(nn.Module):
    """What no dense method can beat: write G + k + 1 features per input, multiply once. Computes no spline."""

    def __init__(self, in_features: int, out_features: int, grid: int) -> None:
        super().__init__()
        self.features = grid + DEGREE + 1
        self.weight = nn.Parameter(torch.randn(out_features, in_features * self.features) * 0.1)

    def forward(self, x: Tensor) -> Tensor:
        features = x[..., None].expand(*x.shape, self.features).reshape(len(x), -1)
        return F.linear(features, self.weight)


def _linear_silu(width: list[int], grid: int, dtype: torch.dtype) -> nn.Module:
    return _chain(lambda a, b: nn.Sequential(nn.Linear(a, b), nn.SiLU()), width)


# -------------------------------------------------------------------------------- efficient-kan, re-stated


class EfficientKANLinear(nn.Module):
    """efficient-kan's layer, re-stated from its published method (see the top of this file)."""

    def __init__(self, in_features: int, out_features: int, grid_size: int = 5, spline_order: int = 3) -> None:
        super().__init__()
        self.in_features, self.out_features, self.spline_order = in_features, out_features, spline_order
        knots = torch.arange(-spline_order, grid_size + spline_order + 1) * (2 / grid_size) - 1
        self.register_buffer("grid", knots.expand(in_features, -1).contiguous())
        self.base_weight = nn.Parameter(torch.randn(out_features, in_features) * in_features**-0.5)
        size = (out_features, in_features, grid_size + spline_order)
        self.spline_weight = nn.Parameter(torch.randn(size) * 0.1 / grid_size)
        self.spline_scaler = nn.Parameter(torch.randn(out_features, in_features) * in_features**-0.5)

    def basis(self, x: Tensor) -> Tensor:
        """`(B, I)` to `(B, I, G + k)`, the whole recursion."""
        x, grid = x.unsqueeze(-1), self.grid
        bases = ((x >= grid[:, :-1]) & (x < grid[:, 1:])).to(x.dtype)
        for k in range(1, self.spline_order + 1):
            left = (x - grid[:, : -(k + 1)]) / (grid[:, k:-1] - grid[:, : -(k + 1)])
            right = (grid[:, k + 1 :] - x) / (grid[:, k + 1 :] - grid[:, 1:-k])
            bases = left * bases[:, :, :-1] + right * bases[:, :, 1:]
        return bases.contiguous()

    def forward(self, x: Tensor) -> Tensor:
        base = F.linear(F.silu(x), self.base_weight)
        weight = self.spline_weight * self.spline_scaler.unsqueeze(-1)
        return base + F.linear(self.basis(x).view(len(x), -1), weight.view(self.out_features, -1))


def _efficient_kan(width: list[int], grid: int, dtype: torch.dtype) -> nn.Module:
    return _chain(lambda a, b: EfficientKANLinear(a, b, grid), width)


def _efficient_kan_compiled(width: list[int], grid: int, dtype: torch.dtype) -> nn.Module:
    return torch.compile(_efficient_kan(width, grid, dtype))


def _read_efficient_kan(layer: Any) -> Spline:
    layer = getattr(layer, "_orig_mod", layer)
    coef = layer.spline_weight * layer.spline_scaler[..., None]  # (O, I, S)
    return Spline(_numpy(layer.grid), _numpy(coef).transpose(1, 2, 0), _numpy(layer.base_weight).T)


# --------------------------------------------------------------------------------------- installed packages


def _uniform_knots(inputs: int, grid: int) -> np.ndarray:
    knots = -1 + (2 / grid) * np.arange(-DEGREE, grid + DEGREE + 1)
    return np.tile(knots, (inputs, 1))


def _inkan(**options: Any) -> Callable[[list[int], int, torch.dtype], nn.Module]:
    def build(width: list[int], grid: int, dtype: torch.dtype) -> nn.Module:
        from inkan import KANLayer

        return _chain(lambda a, b: KANLayer(a, b, grid_size=grid, **options), width)

    return build


def _flashkan(width: list[int], grid: int, dtype: torch.dtype) -> nn.Module:
    from flashkan import KANLayer

    return _chain(lambda a, b: KANLayer(a, b, grid_size=grid), width).to(dtype)


def _read_inkan(layer: Any) -> Spline:
    coef = _numpy(layer.spline_weight)  # (O, I, S)
    knots = _uniform_knots(layer.in_features, layer.grid_size)
    return Spline(knots, coef.transpose(1, 2, 0), _numpy(layer.base_weight).T)


def _kanditioned(impl: str) -> Callable[[list[int], int, torch.dtype], nn.Module]:
    def build(width: list[int], grid: int, dtype: torch.dtype) -> nn.Module:
        from KANditioned.kan_layer import KANLayer

        points = grid + DEGREE
        return _chain(lambda a, b: KANLayer(a, b, "random_normal", points, 2.0, impl=impl), width).to(dtype)

    return build


@contextmanager
def pykan_surroundings() -> Iterator[None]:
    """What pykan needs around it: float64 by default, a folder to write into, and nobody reading its output."""
    here, quiet = os.getcwd(), io.StringIO()
    with (
        tempfile.TemporaryDirectory() as folder,
        _default_dtype(torch.float64),
        redirect_stdout(quiet),
        redirect_stderr(quiet),
    ):
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(here)


def _pykan(width: list[int], grid: int, dtype: torch.dtype) -> nn.Module:
    from kan import KAN

    return KAN(width, grid=grid, k=DEGREE, auto_save=False, symbolic_enabled=False, save_act=False)


def _microkan(width: list[int], grid: int, dtype: torch.dtype) -> nn.Module:
    from microkan import KAN

    return KAN(width, grid=grid, k=DEGREE)


def _read_pykan(model: Any) -> Spline:
    layer = model.act_fun[0]
    coef = layer.coef * layer.scale_sp[..., None]  # (I, O, S)
    return Spline(_numpy(layer.grid), _numpy(coef).swapaxes(1, 2), _numpy(layer.scale_base))


def _kanx(width: list[int], grid: int, dtype: torch.dtype) -> nn.Module:
    for name in ("kanx", "kanx.torch"):  # its __init__ files import TensorFlow and a model hub; its layer does not
        if name not in sys.modules:
            spec = importlib.util.find_spec(name)
            package = types.ModuleType(name)
            package.__path__ = list(spec.submodule_search_locations)
            sys.modules[name] = package
    from kanx.torch.layers import KANLinear

    return _chain(lambda a, b: KANLinear(a, b, grid_size=grid), width)


def _read_kanx(layer: Any) -> Spline:
    coef = _numpy(layer.spline_weight).swapaxes(1, 2)
    return Spline(_uniform_knots(layer.in_features, layer.grid_size), coef, _numpy(layer.base_weight))


class JaxCase:
    """jaxKAN's model, jit-compiled; inputs and parameters already on its device."""

    def __init__(self, row: Row, input_grad: bool = True, layer_type: str = "spline") -> None:
        import jax

        jax.config.update("jax_enable_x64", row.dtype == torch.float64)
        from flax import nnx
        from jaxkan.models.KAN import KAN

        model = KAN(row.width, layer_type, {"k": DEGREE, "G": row.grid})
        graph, params, rest = nnx.split(model, nnx.Param, ...)
        kind = np.float64 if row.dtype == torch.float64 else np.float32
        self.module = model
        self.state = jax.tree.map(lambda leaf: leaf.astype(kind), params)
        random = np.random.default_rng(1)
        self.x = jax.numpy.asarray(random.uniform(-1, 1, (row.batch, row.width[0])).astype(kind))
        self.cotangent = jax.numpy.asarray(random.normal(size=(row.batch, row.width[-1])).astype(kind))
        self.wait = jax.block_until_ready

        def evaluate(state: Any, x: Any) -> Any:
            return nnx.merge(graph, state, rest)(x)

        def gradients(state: Any, x: Any, cotangent: Any) -> Any:
            if input_grad:
                y, pull = jax.vjp(evaluate, state, x)
            else:
                y, pull = jax.vjp(lambda s: evaluate(s, x), state)
            return y, pull(cotangent)

        self._evaluate, self._gradients = jax.jit(evaluate), jax.jit(gradients)

    def forward(self) -> Any:
        return self.wait(self._evaluate(self.state, self.x))

    def step(self) -> None:
        self.wait(self._gradients(self.state, self.x, self.cotangent))


def _read_jax(model: Any) -> Spline:
    layer = model.layers[0]
    coef = np.asarray(layer.c_basis[...]) * np.asarray(layer.c_spl[...])[..., None]  # (O, I, S)
    base = np.asarray(layer.c_res[...]).T  # the bias starts at zero
    return Spline(np.asarray(layer.grid.item, np.float64), coef.transpose(1, 2, 0), base)


PEERS = [
    Peer("edgewise", "ours", _edgewise, read=_read_edgewise),
    Peer("efficient-kan (re-stated)", "exact", _efficient_kan, read=_read_efficient_kan),
    Peer(
        "efficient-kan (re-stated) + compile",
        "exact",
        _efficient_kan_compiled,
        read=_read_efficient_kan,
        compiled=True,
    ),
    Peer("inkan", "exact", _inkan(), read=_read_inkan, needs="inkan", compiled=True),
    Peer("inkan (dense)", "exact", _inkan(basis_mode="dense"), read=_read_inkan, needs="inkan", compiled=True),
    Peer("inkan (eager)", "exact", _inkan(compile_basis=False), read=_read_inkan, needs="inkan"),
    Peer(
        "inkan (direct)",
        "exact",
        _inkan(compile_basis=False, contraction="direct"),
        read=_read_inkan,
        needs="inkan",
    ),
    Peer("flashkan", "nearly", _flashkan, read=_read_inkan, needs="flashkan", compiled=True),
    Peer("kanx (torch)", "exact", _kanx, read=_read_kanx, needs="kanx"),
    Peer("pykan", "exact", _pykan, read=_read_pykan, needs="kan", note="symbolic branch and saved activations off"),
    Peer("microkan", "exact", _microkan, read=_read_pykan, needs="microkan"),
    Peer("jaxKAN (spline)", "exact", case=JaxCase, read=_read_jax, needs="jaxkan", compiled=True),
    Peer(
        "KANditioned (embedding bag)",
        "other",
        _kanditioned("embedding_bag"),
        needs="KANditioned",
        note="piecewise linear, G+k points",
    ),
    Peer("dense floor", "floor", lambda w, g, d: _chain(lambda a, b: DenseFloor(a, b, g), w)),
    Peer("Linear + SiLU", "floor", _linear_silu),
]

REFERENCE = "efficient-kan (re-stated)"
OURS = "edgewise"
FLOOR = "dense floor"
LINEAR = "Linear + SiLU"


def find_peers(names: Sequence[str] | None = None, *, compiled: bool = True) -> list[Peer]:
    """The installed peers, with a line on standard error for each that is skipped."""
    from benchmarks.harness import log

    chosen = []
    for peer in PEERS:
        if names is not None and not any(name in peer.name for name in names):
            continue
        if peer.missing:
            log(f"skipped: {peer.name} (`{peer.needs}` is not installed; see benchmarks/requirements.txt)")
        elif peer.compiled and not compiled:
            log(f"skipped: {peer.name} (compiles; run without --quick)")
        else:
            chosen.append(peer)
    return chosen


def compare_with_scipy(peer: Peer, dtype: torch.dtype, grid: int = 5) -> float:
    """Largest error of a one-layer net inside its domain, relative to its largest output."""
    row = Row("check", [6, 4], grid, 500, dtype)
    case = peer.make(row)
    expected = peer.read(case.module)(np.asarray(case.x.tolist()))
    actual = np.asarray(case.forward().tolist())
    return float(np.abs(actual - expected).max() / np.abs(expected).max())

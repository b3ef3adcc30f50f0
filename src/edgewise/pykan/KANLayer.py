"""`kan.KANLayer`: pykan's names and order of axes over `edgewise.KANLayer`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from edgewise import layers
from edgewise.errors import ParameterError
from edgewise.layers import BASE_FUNCTIONS, base_function
from edgewise.pykan import grids
from edgewise.pykan.initialization import initialize
from edgewise.pykan.live import Live, live
from edgewise.pykan.spline import B_batch, coef2curve, curve2coef, extend_grid
from edgewise.pykan.utils import sparse_mask

__all__ = ["B_batch", "KANLayer", "coef2curve", "curve2coef", "extend_grid", "nn", "sparse_mask", "torch"]

_MODULES = {nn.SiLU: "silu", nn.Identity: "identity", nn.Tanh: "tanh", nn.GELU: "gelu", nn.ReLU: "relu"}


def base_name(base_fun: Any) -> str:
    """The name of a residual function.

    Args:
        base_fun: a name, or one of torch's modules.

    Returns:
        A key of `edgewise.layers.BASE_FUNCTIONS`.

    Raises:
        ParameterError: another function.
    """
    name = base_fun if isinstance(base_fun, str) else _MODULES.get(type(base_fun))
    if name not in BASE_FUNCTIONS:
        raise ParameterError(
            f"`base_fun` must be one of {sorted(BASE_FUNCTIONS)}, or torch's module of one; got {base_fun!r}. A model "
            "with a function of your own could not be saved; put it into `nn.Module`s around the network."
        )
    return name


class KANLayer(nn.Module):
    """Spline edges in pykan's words; `layer` is the `edgewise.KANLayer` that holds the numbers.

    `coef`, `scale_base`, `scale_sp`, `mask` and `grid` show these numbers: changes in place, and assignments, reach
    them, and gradients flow.

    Differs from pykan: an edge is a spline or an elementary function, never both at once; to set `mask` to one frees
    the edge. `mask` holds zeros and ones only. `scale_sp` is one, since a factor adds nothing that `coef` cannot
    express; written to, it is a fixed factor.

    Args:
        in_dim: number of inputs I.
        out_dim: number of outputs O.
        num: number of intervals G.
        k: polynomial degree.
        noise_scale: size of the splines at the start.
        scale_base_mu: mean of the residual factors, times sqrt(I).
        scale_base_sigma: half their width, times sqrt(I).
        scale_sp: factor of every spline at the start, times sqrt(I).
        base_fun: residual function, by name or one of torch's modules.
        grid_eps: 1 spaces knots uniformly, 0 by samples, between is a blend.
        grid_range: domain before samples are seen.
        sp_trainable: kept; see `scale_sp` above.
        sb_trainable: train `scale_base`.
        save_plot_data: not needed.
        device: where the parameters live.
        sparse_init: keep only edges between neighbours.
        seed: of the starting weights. pykan draws from torch's global generator.

    Raises:
        ParameterError: an argument is outside its documented set.
    """

    layer: layers.KANLayer

    def __init__(
        self,
        in_dim: int = 3,
        out_dim: int = 2,
        num: int = 5,
        k: int = 3,
        noise_scale: float = 0.5,
        scale_base_mu: float = 0.0,
        scale_base_sigma: float = 1.0,
        scale_sp: float = 1.0,
        base_fun: Any = "silu",
        grid_eps: float = 0.02,
        grid_range: Sequence[float] = (-1, 1),
        sp_trainable: bool = True,
        sb_trainable: bool = True,
        save_plot_data: bool = True,
        device: torch.device | str = "cpu",
        sparse_init: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.layer = layers.KANLayer(
            in_dim, out_dim, num, k, grid_eps=grid_eps, base_fun=base_name(base_fun), grid_range=grid_range,
            outside="extend", sb_trainable=sb_trainable, generator=generator, device=device,
        )  # fmt: skip
        initialize(self.layer, noise_scale, scale_base_mu, scale_base_sigma, scale_sp, generator)
        if sparse_init:
            self.layer.set_mask(sparse_mask(in_dim, out_dim))

    @classmethod
    def wrap(cls, layer: layers.KANLayer) -> KANLayer:
        """An `edgewise.KANLayer` in pykan's words; both are the same numbers."""
        new = cls.__new__(cls)
        nn.Module.__init__(new)
        new.layer = layer
        return new

    # ------------------------------------------------------------------------------------------- numbers

    @property
    def in_dim(self) -> int:
        """Number of inputs."""
        return self.layer.in_features

    @property
    def out_dim(self) -> int:
        """Number of outputs."""
        return self.layer.out_features

    @property
    def num(self) -> int:
        """Number of intervals."""
        return self.layer.grid

    @property
    def k(self) -> int:
        """Polynomial degree."""
        return self.layer.k

    @property
    def grid_eps(self) -> float:
        """1 spaces knots uniformly, 0 by samples."""
        return self.layer.grid_eps

    @grid_eps.setter
    def grid_eps(self, value: float) -> None:
        self.layer.grid_eps = float(value)

    @property
    def base_fun(self) -> Callable[[Tensor], Tensor]:
        """The residual function."""
        return base_function(self.layer.base_fun) or torch.zeros_like

    @property
    def grid(self) -> Tensor:
        """`(I, G+1+2k)` knots."""
        return self.layer.knots

    @grid.setter
    def grid(self, value: Tensor) -> None:
        self.layer.knots.copy_(value.detach())

    @property
    def coef(self) -> Live:
        """`(I, O, G+k)` coefficients."""
        return live(self.layer.coef, source=self.layer.spline_weight)

    @coef.setter
    def coef(self, value: Tensor) -> None:
        self.coef.data.copy_(value.detach())

    @property
    def scale_base(self) -> Tensor:
        """`(I, O)` factors of the residual function."""
        return self.layer.base_weight

    @scale_base.setter
    def scale_base(self, value: Tensor) -> None:
        self.layer.base_weight.data.copy_(value.detach())

    @property
    def scale_sp(self) -> Tensor:
        """`(I, O)` factors of the splines."""
        layer = self.layer
        if layer.spline_scale is not None:
            return layer.spline_scale
        ones = layer.scale_sp

        def write() -> None:
            layer.spline_scale = nn.Parameter(ones.clone(), requires_grad=False)

        return live(ones, write)

    @scale_sp.setter
    def scale_sp(self, value: Tensor) -> None:
        self.scale_sp.data.copy_(value.detach())

    @property
    def mask(self) -> Live:
        """`(I, O)` one where a spline is present, zero where the edge was removed or has an elementary function."""
        shown = self.layer.spline_mask
        shown = torch.ones_like(self.scale_base) if shown is None else shown.clone()
        return live(shown.detach(), lambda: _write_mask(self.layer, shown))

    @mask.setter
    def mask(self, value: Tensor) -> None:
        self.mask.data.copy_(value.detach())

    # ------------------------------------------------------------------------------------------- methods

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Evaluate the splines.

        Args:
            x: `(N, I)` inputs.

        Returns:
            `(N, O)` sums; `(N, O, I)` inputs, edges, and splines alone without factors, of every edge.
        """
        self.layer.check_input(x)
        splines = coef2curve(x, self.grid, self.layer.coef, self.k)
        edges = self.scale_base * self.base_fun(x)[..., None] + self.scale_sp * splines
        edges = edges if self.layer.spline_mask is None else self.layer.spline_mask * edges
        return edges.sum(1), x[:, None].expand(-1, self.out_dim, -1), edges.mT, splines.mT

    def update_grid_from_samples(self, x: Tensor, mode: str = "sample") -> None:
        """Move knots to where samples are; see `grids.update_layer`."""
        grids.update_layer(self.layer, x, mode)

    def initialize_grid_from_parent(self, parent: KANLayer, x: Tensor, mode: str = "sample") -> None:
        """Take another layer's splines, on its grid with this one's number of intervals; see `grids.take_over`."""
        grids.take_over(self.layer, parent.layer, x, mode)

    def get_subset(self, in_id: Sequence[int] | Tensor, out_id: Sequence[int] | Tensor) -> KANLayer:
        """The edges between some inputs and some outputs as a new layer; unlike pykan's with all its options."""
        return KANLayer.wrap(self.layer.part([int(i) for i in in_id], [int(j) for j in out_id]))

    def swap(self, i1: int, i2: int, mode: str = "in") -> None:
        """Exchange the splines of two inputs (`mode="in"`) or two outputs (`"out"`)."""
        exchange_splines(self.layer, i1, i2, mode)


def exchange_splines(layer: layers.KANLayer, i1: int, i2: int, mode: str) -> None:
    """Exchange two inputs, or two outputs, of a layer's splines; elementary functions and masks stay where they are.

    Args:
        layer: changed in place.
        i1: the one.
        i2: the other.
        mode: `"in"` or `"out"`.
    """
    assign(layer, exchanged(layer, i1, i2, mode), ("knots", "spline_weight", "base_weight", "spline_scale"))


def exchanged(layer: layers.KANLayer, i1: int, i2: int, mode: str) -> layers.KANLayer:
    """A layer with two inputs, or two outputs, in each other's place.

    Args:
        layer: the layer; it is not changed.
        i1: the one.
        i2: the other.
        mode: `"in"` or `"out"`.

    Returns:
        A new layer.

    Raises:
        ParameterError: another `mode`.
    """
    if mode not in ("in", "out"):
        raise ParameterError(f'`mode` must be "in" or "out"; got {mode!r}.')
    inputs, outputs = list(range(layer.in_features)), list(range(layer.out_features))
    own = inputs if mode == "in" else outputs
    own[i1], own[i2] = own[i2], own[i1]
    return layer.part(inputs, outputs)


@torch.no_grad()
def assign(layer: layers.KANLayer, other: layers.KANLayer, names: Sequence[str]) -> None:
    """Copy tensors of another layer of the same shape; parameters stay the same objects.

    Args:
        layer: changed in place.
        other: the other layer.
        names: of the tensors.
    """
    for name in names:
        mine, theirs = getattr(layer, name), getattr(other, name)
        if mine is not None:
            mine.copy_(theirs)


def _write_mask(layer: layers.KANLayer, shown: Tensor) -> None:
    """Carry a spline mask to the layer: what became one is present and a spline."""
    before = torch.ones_like(shown) if layer.spline_mask is None else layer.spline_mask
    present = layer.mask.clone()
    present[shown != before] = shown[shown != before]
    layer.set_mask(present)  # raises for anything but zeros and ones
    for i, j in ((shown == 1) & (before == 0)).nonzero().tolist():
        layer.free_edge(i, j)

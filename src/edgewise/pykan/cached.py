"""What a network did with the data it saw last, computed when someone asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from edgewise.layers import AbstractEdgeLayer
from edgewise.models import KAN, spline_layers
from edgewise.pykan.spline import coef2curve

_INPUT = 0.1
"""What pykan adds to the deviation of an edge's input before it divides by it."""


@dataclass(frozen=True)
class Spread:
    """Standard deviations of one layer over rows, differentiable.

    Attributes:
        inputs: `(I,)` of its inputs.
        edges: `(O, I)` of its edges.
        splines: the same without edges that have an elementary function.
        sums: `(O,)` of its sums.
    """

    inputs: Tensor
    edges: Tensor
    splines: Tensor
    sums: Tensor

    @staticmethod
    def of(layer: AbstractEdgeLayer, x: Tensor) -> Spread:
        """Those of a layer at `(N, I)` inputs; zero for a single row."""
        edges = layer.edge_values(x)  # (N, I, O)
        deviation = _deviation(edges).mT
        mask = layer.spline_mask
        splines = deviation if mask is None else deviation * mask.mT
        return Spread(_deviation(x), deviation, splines, _deviation(edges.sum(1)))

    @property
    def slopes(self) -> Tensor:
        """`(O, I)` deviations of edges relative to those of their inputs."""
        return self.edges / (self.inputs + _INPUT)

    @property
    def spline_slopes(self) -> Tensor:
        """`slopes` of splines alone."""
        return self.splines / (self.inputs + _INPUT)


def layer_values(kan: KAN, x: Tensor) -> list[Tensor]:
    """Values of the nodes of every layer, with their gradients: `[(N, inputs), ..., (N, outputs)]`.

    Args:
        kan: the network.
        x: `(N, inputs)` data.

    Returns:
        One tensor per layer of nodes.
    """
    values = [x]
    for layer, product in zip(kan.layers, kan.products, strict=True):
        values.append(product(layer(values[-1])))
    return values


class Seen:
    """Data and what becomes of them in a network, layer by layer, without gradients.

    Args:
        kan: the network.
        x: `(N, inputs)` data.
    """

    def __init__(self, kan: KAN, x: Tensor) -> None:
        self.kan, self.x = kan, x
        self._tensors, self._functions = {name: t.clone() for name, t in kan.state_dict().items()}, _functions(kan)

    @property
    def current(self) -> bool:
        """Whether the network still is what it was, by its numbers: versions miss what is written to `.data`."""
        state = self.kan.state_dict()
        return (
            state.keys() == self._tensors.keys()
            and _functions(self.kan) == self._functions
            and all(_same(t, self._tensors[name]) for name, t in state.items())
        )

    @cached_property
    def acts(self) -> list[Tensor]:
        """`(N, nodes)` values of the nodes, inputs first."""
        return self.kan.activations(self.x)

    @cached_property
    @torch.no_grad()
    def acts_premult(self) -> list[Tensor]:
        """`(N, O)` sums, before multiplication."""
        return [layer(x) for layer, x in zip(self.kan.layers, self.acts, strict=False)]

    @cached_property
    def spline_preacts(self) -> list[Tensor]:
        """`(N, O, I)` inputs of every edge."""
        both = zip(self.kan.layers, self.acts, strict=False)
        return [x[:, None].expand(-1, layer.out_features, -1) for layer, x in both]

    @cached_property
    @torch.no_grad()
    def spline_postacts(self) -> list[Tensor]:
        """`(N, O, I)` values of every edge."""
        return [layer.edge_values(x).mT for layer, x in zip(self.kan.layers, self.acts, strict=False)]

    @cached_property
    @torch.no_grad()
    def spline_postsplines(self) -> list[Tensor]:
        """`(N, O, I)` values of the splines alone, without factors and masks."""
        both = zip(spline_layers(self.kan, "pykan's interface"), self.acts, strict=False)
        return [coef2curve(x, layer.knots, layer.coef, layer.k).mT for layer, x in both]

    @cached_property
    @torch.no_grad()
    def spreads(self) -> list[Spread]:
        """Standard deviations of every layer."""
        return [Spread.of(layer, x) for layer, x in zip(self.kan.layers, self.acts, strict=False)]

    @property
    def edge_actscale(self) -> list[Tensor]:
        """`(O, I)` standard deviations of the edges."""
        return [spread.edges for spread in self.spreads]

    @property
    def acts_scale(self) -> list[Tensor]:
        """`(O, I)` the same relative to the edges' inputs."""
        return [spread.slopes for spread in self.spreads]

    @property
    def acts_scale_spline(self) -> list[Tensor]:
        """`(O, I)` the same of splines alone."""
        return [spread.spline_slopes for spread in self.spreads]

    @property
    def subnode_actscale(self) -> list[Tensor]:
        """`(O,)` standard deviations of the sums."""
        return [spread.sums for spread in self.spreads]


def _same(a: Tensor, b: Tensor) -> bool:
    return (a.dtype, a.device) == (b.dtype, b.device) and torch.equal(a, b)


def _functions(kan: KAN) -> list[Any]:
    """The edges with functions of every layer, in an order of their own, and the functions."""
    own = [layer.symbolic for layer in kan.layers]
    return [None if edges is None else (list(edges.edges), list(edges.functions)) for edges in own]


def _deviation(values: Tensor) -> Tensor:
    return values.std(0, correction=min(1, len(values) - 1))

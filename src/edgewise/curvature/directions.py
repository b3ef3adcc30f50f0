"""Random directions in the space of weights, long where the weights are long, blind to what changes nothing.

A picture of a loss along raw random directions says more about the scale of the weights than about the loss. So every
unit of a network gets a part of the direction as large as the unit itself. For most modules a unit is a filter (Li et
al.): a row of a matrix, with its norm. For a spline layer it is an edge, and its size is that of its *function* on the
data: `std(d phi) = std(phi)`. Norms of coefficients would not do: they depend on which knots the data reach.

In a spline layer, constants can move from one edge of a sum to another and nothing changes, since B-splines sum to one:
that is a gauge. Deviations do not see it, so neither does the normalization; and directions have no part along it.

Source: Li, Xu, Taylor, Studer and Goldstein (2018), Visualizing the loss landscape of neural nets, NeurIPS.
"""

from collections.abc import Iterator
from math import sqrt

import torch
from torch import Tensor, nn
from torch.func import functional_call

from edgewise.curvature.data_loss import DataLoss
from edgewise.layers import AbstractEdgeLayer, layer_inputs

_ENTRIES = 2**22
"""Values of edge functions to look at; further rows are left out."""


def random_direction(module: nn.Module | None, objective: DataLoss, generator: torch.Generator) -> Tensor:
    """Draw a direction, normalized edge by edge in spline layers, else filter by filter.

    Vectors such as biases are left alone, as in the source.

    Args:
        module: the model, which is not changed; None for named tensors.
        objective: its loss: the layout of the direction, and the data.
        generator: on the CPU.

    Returns:
        `(n,)` direction.
    """
    start = objective.layout.start
    drawn = torch.randn(len(start), generator=generator, dtype=torch.float64).to(start)
    direction = objective.layout.split(drawn)
    weights = objective.layout.split(start)
    inside: set[str] = set()
    for name, layer, x in _spline_layers(module, objective):
        own = [n for n in direction if n.startswith(name)]
        part = normalized_by_edges(layer, x, {n.removeprefix(name): direction[n] for n in own})
        direction |= {name + n: tensor for n, tensor in part.items()}
        inside.update(own)
    for n in set(direction) - inside:
        direction[n] = _normalized_by_filters(direction[n], weights[n])
    return torch.cat([tensor.reshape(-1) for tensor in direction.values()])


def _normalized_by_filters(direction: Tensor, weight: Tensor) -> Tensor:
    if weight.dim() < 2:
        return torch.zeros_like(direction)
    rows, sizes = direction.flatten(1), weight.flatten(1).norm(dim=1, keepdim=True)
    return (rows * _quotient(sizes, rows.norm(dim=1, keepdim=True))).view_as(direction)


def normalized_by_edges(layer: AbstractEdgeLayer, x: Tensor, direction: dict[str, Tensor]) -> dict[str, Tensor]:
    """Scale a direction so that it changes every edge's function by as much as the function itself varies.

    Args:
        layer: the layer.
        x: `(B, I)` inputs that reach it.
        direction: name of a parameter of the layer to its part of the direction; those absent do not move.

    Returns:
        The same names, free of the gauge: `std(d phi) = std(phi)` over the rows, for every edge.
    """
    change, values = _edge_change(layer, x, direction), layer.edge_values(x).detach()
    factors = _quotient(values.std(0, correction=0), change.std(0, correction=0))  # (I, O)
    scaled = {}
    for name, tensor in direction.items():
        if name == "spline_weight":
            scaled[name] = tensor * factors[:, None, :]
        elif name == "symbolic.affine":
            scaled[name] = tensor * factors[layer.symbolic.sources, layer.symbolic.targets][:, None]  # pyright: ignore
        else:
            scaled[name] = tensor * factors
    return without_gauge(layer, scaled)


def without_gauge(layer: AbstractEdgeLayer, direction: dict[str, Tensor]) -> dict[str, Tensor]:
    """Project out constants that move between the edges of one sum, and splines that are not evaluated.

    A constant on edge (i, o) is a unit vector of its coefficients, or the `d` of its elementary function. A step along
    that unit vector changes the sum by `f_io`. The gauge is what has shares `a_io` with `sum_i f_io a_io = 0`, so of
    the shares only a multiple of `f` stays.

    Args:
        layer: the layer.
        direction: name of a parameter of the layer to its part of the direction.

    Returns:
        The same names, orthogonal to the gauge.
    """
    found = dict(direction)
    shares, effects = [], []  # along the unit constants, (m, O), and what those do to the sum
    spline, affine = found.get("spline_weight"), found.get("symbolic.affine")
    if spline is not None:
        if layer.spline_mask is not None:
            spline = spline * layer.spline_mask[:, None, :]
        root = sqrt(spline.shape[1])
        shares.append(spline.sum(1) / root)
        effects.append((layer.scale_sp * (1.0 if layer.spline_mask is None else layer.spline_mask)).detach() / root)
    if affine is not None and layer.symbolic is not None:
        at = torch.zeros(len(affine), layer.out_features, dtype=affine.dtype, device=affine.device)
        at[torch.arange(len(affine)), layer.symbolic.targets] = 1.0
        shares.append(at * affine[:, 3:4])
        effects.append(at * layer.mask[layer.symbolic.sources, layer.symbolic.targets][:, None])
    if not shares:
        return found
    share, effect = torch.cat(shares), torch.cat(effects)
    kept = effect * _quotient((share * effect).sum(0), effect.square().sum(0))
    if spline is not None:
        inputs = len(spline)
        found["spline_weight"] = spline + ((kept - share)[:inputs] / sqrt(spline.shape[1]))[:, None, :]
        kept = kept[inputs:]
    if affine is not None and layer.symbolic is not None:
        found["symbolic.affine"] = affine.clone()
        found["symbolic.affine"][:, 3] = kept.sum(1)
    return found


def _edge_change(layer: AbstractEdgeLayer, x: Tensor, direction: dict[str, Tensor]) -> Tensor:
    """`(B, I, O)` derivative of the edge functions along a direction."""
    edges = _Edges(layer)
    here = {f"layer.{name}": tensor.detach() for name, tensor in layer.named_parameters()}
    names = [f"layer.{name}" for name in direction]

    def values(*moving: Tensor) -> Tensor:
        return functional_call(edges, {**here, **dict(zip(names, moving, strict=True))}, (x,))

    # By two reverse passes: not everything has a rule for the forward mode.
    point, along = tuple(here[name] for name in names), tuple(direction.values())
    return torch.autograd.functional.jvp(values, point, along)[1]  # pyright: ignore[reportReturnType]


class _Edges(nn.Module):
    """A layer's edge functions as a module, which is what `functional_call` takes."""

    def __init__(self, layer: AbstractEdgeLayer) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return self.layer.edge_values(x)


def _quotient(a: Tensor, b: Tensor) -> Tensor:
    """`a / b`, and 0 where b is 0."""
    return torch.where(b == 0, torch.zeros_like(a), a / torch.where(b == 0, torch.ones_like(b), b))


def _spline_layers(module: nn.Module | None, objective: DataLoss) -> Iterator[tuple[str, AbstractEdgeLayer, Tensor]]:
    """Every spline layer with the prefix of its parameters' names and the rows that reach it."""
    if module is None:
        return
    layers = {
        f"{name}.".lstrip("."): part for name, part in module.named_modules() if isinstance(part, AbstractEdgeLayer)
    }
    if not layers:
        return
    params = objective.layout.unflatten(objective.layout.start)
    inputs: dict[nn.Module, list[Tensor]] = {layer: [] for layer in layers.values()}
    with torch.no_grad(), objective.evaluating(), layer_inputs(module) as seen:
        for batch in objective.batches:
            objective.predict(params, batch)
    for layer, x in seen:
        inputs[layer].append(x.reshape(-1, x.shape[-1]))
    for name, layer in layers.items():
        rows = torch.cat(inputs[layer])
        limit = max(64, _ENTRIES // (layer.in_features * layer.out_features))
        yield name, layer, rows[:: -(-len(rows) // limit)]

"""pykan's edits of a network's structure: remove, swap, grow, perturb."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from edgewise.errors import ParameterError
from edgewise.layers import AbstractEdgeLayer, KANLayer, function_named
from edgewise.models import KAN, spline_layers
from edgewise.pykan.KANLayer import exchange_splines
from edgewise.pykan.scores import connection_cost
from edgewise.pykan.Symbolic_KANLayer import exchange_functions

if TYPE_CHECKING:
    from edgewise.pykan.MultKAN import MultKAN


def set_mode(model: MultKAN, l: int, i: int, j: int, mode: str) -> None:
    """Make an edge a function (`"s"`), a spline (`"n"`), or remove it (any other text but `"ns"`).

    Args:
        model: changed in place.
        l: layer.
        i: input node.
        j: sum of the next layer.
        mode: see there. A spline that becomes a function without having one gets `"0"`.

    Raises:
        ParameterError: both at once: that is no edge here.
    """
    layer = model.kan.layer_of(l, i, j)
    if mode in ("ns", "sn"):
        raise ParameterError(
            f"`mode` {mode!r}: an edge is a spline or a function, not their sum. Add a node for the second one, or fit "
            'the spline alone (`mode="n"`).'
        )
    if mode == "s" and (layer.symbolic is None or layer.symbolic.find(i, j) is None):
        layer.fix_edge(i, j, function_named("0"), [1.0, 0.0, 0.0, 0.0])
    if mode == "n":
        layer.free_edge(i, j)
    _mask(layer, [i], [j], float(mode in ("s", "n")))


def remove_node(model: MultKAN, l: int, i: int, mode: str) -> None:
    """Remove all edges into a node (`"down"`), out of it (`"up"`) or both (`"all"`).

    Args:
        model: changed in place.
        l: layer of nodes, from 1.
        i: its number; for `"down"` alone that of a sum, as in pykan.
        mode: which edges.

    Raises:
        ParameterError: another mode, or no such node.
    """
    if mode not in ("all", "up", "down"):
        raise ParameterError(f'`mode` must be "all", "up" or "down"; got {mode!r}.')
    sizes = model.width_out if mode == "down" else model.width_in
    layers = range(0 if mode == "up" else 1, model.depth + (mode != "up"))
    if l not in layers or not 0 <= i < sizes[l]:
        raise ParameterError(f"there is no node ({l}, {i}) with edges on that side; layers have {sizes}.")
    if mode in ("all", "up") and l < model.depth:
        layer = model.kan.layers[l]
        _mask(layer, [i], range(layer.out_features), 0.0)
    if mode in ("all", "down"):
        layer = model.kan.layers[l - 1]
        _mask(layer, range(layer.in_features), sums_of(model, l, i) if mode == "all" else [i], 0.0)


def module(model: MultKAN, start_layer: int, chain: str) -> None:
    """Cut a part out: remove all edges between nodes of a chain and others.

    Args:
        model: changed in place.
        start_layer: where the chain begins.
        chain: `"[i, ...]->[j, ...]->..."`: inputs and sums of each layer in turn.

    Raises:
        ParameterError: the chain cannot be read, or leads out of the network.
    """
    groups = [[int(n) for n in re.findall(r"-?\d+", group)] for group in chain.split("->")]
    if len(groups) % 2 or not all(groups) or not 0 <= start_layer <= model.depth - len(groups) // 2:
        raise ParameterError(
            f'`chain` must be "[inputs]->[sums]" for layers from {start_layer} to at most {model.depth - 1}; '
            f"got {chain!r}."
        )
    for l, (own_in, own_out) in enumerate(zip(groups[::2], groups[1::2], strict=True), start_layer):
        layer = model.kan.layers[l]
        inside = torch.zeros(layer.in_features, dtype=torch.bool), torch.zeros(layer.out_features, dtype=torch.bool)
        inside[0][own_in], inside[1][own_out] = True, True  # negative numbers count from the end
        across = (inside[0][:, None] != inside[1]).to(layer.mask.device)
        layer.set_mask(torch.where(across, 0.0, layer.mask))


def _mask(layer: AbstractEdgeLayer, inputs: Sequence[int], outputs: Sequence[int], value: float) -> None:
    mask = layer.mask.clone()
    mask[torch.tensor(list(inputs))[:, None], torch.tensor(list(outputs))] = value
    layer.set_mask(mask)


def sums_of(model: MultKAN, l: int, i: int) -> list[int]:
    """The sums that make up a node.

    Args:
        model: the network.
        l: layer of nodes, from 1.
        i: the node.

    Returns:
        Their numbers: one, or the factors of a product.
    """
    product = model.kan.products[l - 1]
    first = product.n_sum + (i - product.n_sum) * product.arity
    return [i] if i < product.n_sum else list(range(first, first + product.arity))


# ----------------------------------------------------------------------------------------------------- order


def swap(model: MultKAN, l: int, i1: int, i2: int) -> None:
    """Exchange two hidden nodes; the function stays the same.

    Args:
        model: changed in place.
        l: layer of nodes.
        i1: the one.
        i2: the other.

    Raises:
        ParameterError: no such hidden nodes, or a sum and a product.
    """
    n_sum, n_mult = model.kan.nodes[l] if 0 < l < model.depth else (0, 0)
    if not all(0 <= i < n_sum + n_mult for i in (i1, i2)) or (i1 < n_sum) != (i2 < n_sum):
        raise ParameterError(
            f"`swap({l}, {i1}, {i2})`: hidden layers are 1 to {model.depth - 1}, and two sums or two products of one "
            "can change places."
        )
    for a, b in zip(sums_of(model, l, i1), sums_of(model, l, i2), strict=True):
        _exchange(model.splines[l - 1], a, b, "out")
    _exchange(model.splines[l], i1, i2, "in")


def _exchange(layer: KANLayer, a: int, b: int, mode: str) -> None:
    exchange_splines(layer, a, b, mode)
    exchange_functions(layer, a, b, mode)


def auto_swap(model: MultKAN, layers: Sequence[int]) -> None:
    """Exchange hidden nodes wherever that makes the connections shorter.

    A node takes the place where the score-weighted length of all connections is least, one after the other, as in
    pykan; scores move with the nodes, so nothing is evaluated anew.

    Args:
        model: changed in place.
        layers: of nodes.
    """
    for l in layers:
        n_sum = model.kan.nodes[l][0]
        for i in range(model.width_in[l]):
            same = [j for j in range(model.width_in[l]) if (j < n_sum) == (i < n_sum)]
            best = min(same, key=lambda j: _cost_after(model, l, i, j))
            if best != i:
                swap(model, l, i, best)
                model.forget()


def _cost_after(model: MultKAN, l: int, i: int, j: int) -> float:
    edges = list(model.edge_scores)
    rows, columns = torch.arange(edges[l - 1].shape[0]), torch.arange(edges[l].shape[1])
    for a, b in zip(sums_of(model, l, i), sums_of(model, l, j), strict=True):
        rows[[a, b]] = rows[[b, a]]
    columns[[i, j]] = columns[[j, i]]
    edges[l - 1], edges[l] = edges[l - 1][rows], edges[l][:, columns]
    return float(connection_cost(edges))


# ---------------------------------------------------------------------------------------------------- growth


@torch.no_grad()
def expand_depth(model: MultKAN) -> None:
    """Put a layer of identities behind the outputs; the function stays the same.

    Args:
        model: changed in place.
    """
    kan = model.kan
    size = kan.out_features
    new = _empty(kan, [*kan.width, size], [*(layer.grid for layer in model.splines), model.splines[-1].grid])
    for mine, theirs in zip(spline_layers(new, "`expand_depth`"), model.splines, strict=False):
        _paste(mine, theirs, range(theirs.in_features), range(theirs.out_features))
    last = new.layers[-1]
    last.fix_edges([(i, i, function_named("x"), None) for i in range(size)])
    last.set_mask(torch.eye(size).to(last.mask))
    model.become(new)


@torch.no_grad()
def expand_width(model: MultKAN, layer_id: int, n_added_nodes: int, sum_bool: bool, mult_arity: int) -> None:
    """Add hidden nodes without edges: sums before the others, products behind them; the function stays the same.

    Differs from pykan: what is there keeps its splines.

    Args:
        model: changed in place.
        layer_id: layer of nodes.
        n_added_nodes: how many.
        sum_bool: whether they add.
        mult_arity: how many sums each product takes; that of the model.

    Raises:
        ParameterError: no such hidden layer, no node, or another arity.
    """
    kan, n = model.kan, n_added_nodes
    if not 0 < layer_id < model.depth or not isinstance(n, int) or n < 1:
        raise ParameterError(
            f"`layer_id` must be a hidden layer, 1 to {model.depth - 1}, and `n_added_nodes` an int >= 1; "
            f"got {layer_id!r} and {n_added_nodes!r}."
        )
    if not sum_bool and mult_arity != kan.mult_arity and any(m for _, m in kan.nodes):
        raise ParameterError(f"`mult_arity` must be {kan.mult_arity}, that of all products here; got {mult_arity!r}.")
    width: list[Any] = [[s, m] for s, m in kan.nodes]
    width[layer_id][0 if sum_bool else 1] += n
    arity = kan.mult_arity if sum_bool else mult_arity
    new = _empty(kan, width, [layer.grid for layer in model.splines], arity)
    first = n if sum_bool else 0
    for l, (mine, theirs) in enumerate(zip(spline_layers(new, "`expand_width`"), model.splines, strict=True)):
        inputs, outputs = (first if l == layer_id else 0), (first if l == layer_id - 1 else 0)
        places = [range(a, a + b) for a, b in ((inputs, theirs.in_features), (outputs, theirs.out_features))]
        _paste(mine, theirs, *places)
    model.become(new)


@torch.no_grad()
def perturb(model: MultKAN, mag: float, mode: str) -> None:
    """Give edges random splines, so that training can use what a compiled network has not.

    Differs from pykan: an edge is a spline or a function, so a function that is perturbed becomes the spline that
    follows it, plus noise; and the noise is `mag` times a spline of size one.

    Args:
        model: changed in place.
        mag: size of the noise.
        mode: which edges: `"non-intrusive"` those into nodes that have no other edge, and with zero weights those into
            the outputs; the function stays the same. `"minimal"` those that are there, `"all"` every one.

    Raises:
        ParameterError: another mode.
    """
    if mode not in ("non-intrusive", "all", "minimal"):
        raise ParameterError(f'`mode` must be "non-intrusive", "all" or "minimal"; got {mode!r}.')
    for l, layer in enumerate(model.kan.layers):
        active = _active(layer)
        outputs = l == model.depth - 1
        chosen = {
            "all": torch.ones_like(active),
            "minimal": active,
            "non-intrusive": ~active if outputs else (~active.any(0)).expand_as(active),
        }[mode]
        for i, j in chosen.nonzero().tolist():
            _perturb_edge(model, layer, i, j, 0.0 if outputs and mode == "non-intrusive" else mag)


def _active(layer: AbstractEdgeLayer) -> Tensor:
    """`(I, O)` edges that are present and not the function `"0"`."""
    active = layer.mask != 0
    if layer.symbolic is not None:
        for (i, j), function in zip(layer.symbolic.edges, layer.symbolic.functions, strict=True):
            active[i, j] &= function.name != "0"
    return active


def _perturb_edge(model: MultKAN, layer: AbstractEdgeLayer, i: int, j: int, mag: float) -> None:
    if not bool(_active(layer)[i, j]):
        layer.spline_weight[i, :, j] = 0.0
        layer.base_weight[i, j] = 0.0
    layer.free_edge(i, j)
    noise = torch.rand(layer.spline_weight.shape[1], generator=model.generator, dtype=torch.float64) * 2 - 1
    layer.spline_weight[i, :, j] += mag * noise.to(layer.spline_weight)
    _mask(layer, [i], [j], 1.0)


def _empty(kan: KAN, width: Sequence[Any], grids: Sequence[int], arity: int | None = None) -> KAN:
    """A network with the options of another one and all edges removed."""
    like = kan.layers[0].spline_weight
    options = {**kan.config(), "width": width, "grid": list(grids), "symbolic": ()}
    options |= {} if arity is None else {"mult_arity": arity}
    new = KAN(**options, seed=0, dtype=like.dtype, device=like.device)
    for layer in new.layers:
        layer.set_mask(torch.zeros_like(layer.mask))
    return new


def _paste(layer: KANLayer, part: KANLayer, inputs: range, outputs: range) -> None:
    """Put a layer into some rows and columns of a larger one."""
    rows, columns = torch.tensor(list(inputs))[:, None], torch.tensor(list(outputs))
    layer.knots[rows[:, 0]] = part.knots
    layer.spline_weight[rows[..., None], torch.arange(part.grid + part.k)[:, None], columns] = part.spline_weight
    layer.base_weight[rows, columns] = part.base_weight
    if layer.spline_scale is not None:
        layer.spline_scale[rows, columns] = part.scale_sp
    mask = layer.mask.clone()
    mask[rows, columns] = part.mask
    layer.set_mask(mask)
    if part.symbolic is not None:
        kept = zip(part.symbolic.edges, part.symbolic.functions, part.symbolic.affine, strict=True)
        layer.fix_edges([(inputs[i], outputs[j], function, numbers) for (i, j), function, numbers in kept])
    for name, parameter in part.named_parameters():
        layer.get_parameter(name).requires_grad_(parameter.requires_grad)

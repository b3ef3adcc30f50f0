"""Take away what does not matter: edges, nodes, inputs; what is left is a new, smaller model.

A removed edge leaves its mean behind: it is added to another edge into the same sum, so that only its variation is
lost. An output always keeps its strongest edge.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor, nn

from edgewise.errors import ParameterError
from edgewise.interpret.attribution import Attribution, attribute
from edgewise.interpret.data import as_data
from edgewise.layers import AbstractEdgeLayer, function_named
from edgewise.models import KAN
from edgewise.train.checks import check_number

Edge = tuple[int, int, int]
_ROWS = 4096
"""Rows whose edges are evaluated at a time."""


@dataclass
class PruneReport:
    """What went, and why.

    Attributes:
        edges: removed edges `(l, i, j)` in the numbers of the old model, with their scores.
        nodes: removed hidden nodes `(l, i)`, with their scores.
        inputs: names of removed inputs, with their scores.
        kept: numbers of the old model's nodes that the new one has, layer by layer.
        notes: what is worth knowing: outputs that hang on an edge below the threshold.
    """

    edges: dict[Edge, float] = field(default_factory=dict)
    nodes: dict[tuple[int, int], float] = field(default_factory=dict)
    inputs: dict[str, float] = field(default_factory=dict)
    kept: list[list[int]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """A few lines of text."""
        lines = [f"{len(self.edges)} edges, {len(self.nodes)} hidden nodes and {len(self.inputs)} inputs were removed."]
        lines += [f"node {i} of layer {l}: score {score:.2g}" for (l, i), score in self.nodes.items()]
        lines += [f"edge ({l}, {i}, {j}): score {score:.2g}" for (l, i, j), score in self.edges.items()]
        lines += [f"input {name}: score {score:.2g}" for name, score in self.inputs.items()]
        return "\n".join([*lines, *self.notes])


def prune(
    model: KAN, x: Any = None, *, node_th: float = 1e-2, edge_th: float = 3e-2, inputs: bool = False
) -> tuple[KAN, PruneReport]:
    """Remove hidden nodes and edges whose attribution score is below a threshold.

    Args:
        model: the network; it is not changed.
        x: `(B, inputs)` data; when absent what `fit` left of its training inputs.
        node_th: least score of a hidden node; outputs have one.
        edge_th: least score of an edge.
        inputs: also remove inputs that no edge needs any more.

    Returns:
        A new model that shares no storage with the old one, and what was removed.

    Raises:
        ParameterError: a threshold is negative.
        ShapeError: `x` has the wrong rank or features, or no rows.
        DomainError: `x` has a NaN or infinite entry.
    """
    for name, value in (("node_th", node_th), ("edge_th", edge_th)):
        if value != math.inf:  # which leaves one edge to every output
            check_number(name, value, 0)
    data = as_data(model, x)
    scores = attribute(model, data)
    alive = [torch.ones_like(score, dtype=torch.bool) for score in scores.nodes]
    alive[1:-1] = [score >= node_th for score in scores.nodes[1:-1]]
    keep = [edges >= edge_th for edges in scores.edges]
    return _cut(model, data, scores, alive, keep, inputs)


def prune_nodes(model: KAN, x: Any = None, threshold: float = 1e-2) -> tuple[KAN, PruneReport]:
    """`prune` of hidden nodes alone; arguments and errors as there."""
    return prune(model, x, node_th=threshold, edge_th=0.0)


def prune_edges(model: KAN, x: Any = None, threshold: float = 3e-2) -> tuple[KAN, PruneReport]:
    """`prune` of edges, and of hidden nodes that this leaves without any; arguments and errors as there."""
    return prune(model, x, node_th=0.0, edge_th=threshold)


def prune_inputs(model: KAN, x: Any = None, threshold: float = 1e-2) -> tuple[KAN, PruneReport]:
    """Remove inputs with a score below a threshold, relative to the largest; the new model takes the others only.

    Args:
        model: the network; it is not changed.
        x: `(B, inputs)` data; when absent what `fit` left of its training inputs.
        threshold: least score.

    Returns:
        A new model, whose `input_names` say which inputs are left, and what was removed.

    Raises:
        ParameterError: the threshold is negative, or no input would be left.
        ShapeError: `x` has the wrong rank or features, or no rows.
        DomainError: `x` has a NaN or infinite entry.
    """
    data = as_data(model, x)
    scores = attribute(model, data)
    own = scores.nodes[0] / scores.nodes[0].max().clamp_min(torch.finfo(data.dtype).tiny)
    if not threshold >= 0 or not bool((own >= threshold).any()):
        raise ParameterError(f"`threshold` must be a number >= 0 that leaves an input; got {threshold!r}.")
    alive = [own >= threshold, *(torch.ones_like(score, dtype=torch.bool) for score in scores.nodes[1:])]
    return _cut(model, data, scores, alive, [torch.ones_like(e, dtype=torch.bool) for e in scores.edges], True)


def remove_edge(model: KAN, l: int, i: int, j: int, x: Any = None) -> KAN:
    """A new model without one edge; its mean over the data stays.

    Args:
        model: the network; it is not changed.
        l: layer, from 0.
        i: input node.
        j: sum of the next layer.
        x: `(B, inputs)` data; when absent what `fit` left of its training inputs.

    Returns:
        The new model, of the same width.

    Raises:
        ParameterError: there is no such edge.
    """
    model.layer_of(l, i, j)
    new = copy.deepcopy(model)
    drop_edges(new, model.activations(as_data(model, x)), {(l, i, j)})
    return new


def remove_node(model: KAN, l: int, i: int, x: Any = None) -> KAN:
    """A new model without one hidden node.

    Args:
        model: the network; it is not changed.
        l: layer of nodes, from 1: layer 0 are the inputs.
        i: its number.
        x: `(B, inputs)` data; when absent what `fit` left of its training inputs.

    Returns:
        The new model, narrower by one node.

    Raises:
        ParameterError: there is no such hidden node, or it is the only one of its layer.
    """
    hidden = [sum(nodes) for nodes in model.nodes]
    if not 0 < l < len(hidden) - 1 or not 0 <= i < hidden[l] or hidden[l] == 1:
        raise ParameterError(
            f"there is no hidden node ({l}, {i}) that can go: layers of nodes have {hidden}, and each keeps one."
        )
    return remove_nodes(model, [(l, i)], as_data(model, x))


def remove_nodes(model: KAN, gone: Sequence[tuple[int, int]], x: Tensor) -> KAN:
    """A new model without some hidden nodes; every layer must keep one.

    Args:
        model: the network; it is not changed.
        gone: layer and number of each.
        x: `(B, inputs)` data.

    Returns:
        The new model.
    """
    scores = attribute(model, x)
    alive = [torch.ones_like(score, dtype=torch.bool) for score in scores.nodes]
    for l, i in gone:
        alive[l][i] = False
    return _cut(model, x, scores, alive, [torch.ones_like(e, dtype=torch.bool) for e in scores.edges], False)[0]


# ------------------------------------------------------------------------------------------------- cutting


def _cut(
    model: KAN, x: Tensor, scores: Attribution, alive: list[Tensor], keep: list[Tensor], inputs: bool
) -> tuple[KAN, PruneReport]:
    """Settle what can stay, leave the means of what goes, and build the smaller model."""
    report = PruneReport()
    present = [layer.mask != 0 for layer in model.layers]
    keep = [k & p for k, p in zip(keep, present, strict=True)]
    _settle(model, scores, alive, keep, present, report)
    if inputs:
        alive[0] = alive[0] & keep[0].any(1)
    _say(model, scores, alive, keep, present, report)
    new = copy.deepcopy(model)
    gone = {(l, i, j) for l in range(len(keep)) for i, j in (present[l] & ~keep[l]).nonzero().tolist()}
    drop_edges(new, model.activations(x), gone)
    report.kept = [mark.nonzero()[:, 0].tolist() for mark in alive]
    return select(new, report.kept), report


def _settle(
    model: KAN, scores: Attribution, alive: list[Tensor], keep: list[Tensor], present: list[Tensor], report: PruneReport
) -> None:
    """Make both lists agree, from the outputs back: an edge needs its nodes, a node needs edges on both sides."""
    for l in reversed(range(len(keep))):
        needed = _sums_of(model, l, alive[l + 1])
        keep[l] &= alive[l][:, None] & needed
        for j in (needed & ~keep[l].any(0)).nonzero()[:, 0].tolist():
            possible = present[l][:, j]
            if bool((possible & alive[l]).any()):
                possible = possible & alive[l]
            if not bool(possible.any()):
                continue  # it was constant before
            i = int(torch.where(possible, scores.edges[l][:, j], -1.0).argmax())
            alive[l][i] = keep[l][i, j] = True
            report.notes.append(
                f"Edge ({l}, {i}, {j}) stays although its score is {float(scores.edges[l][i, j]):.2g}: without it "
                f"sum {j} of layer {l + 1} would be constant."
            )
        if l > 0:
            alive[l] &= keep[l].any(1)


def _sums_of(model: KAN, l: int, nodes: Tensor) -> Tensor:
    """Marks of nodes after layer `l` to marks of the layer's sums."""
    product = model.products[l]
    return torch.cat([nodes[: product.n_sum], nodes[product.n_sum :].repeat_interleave(product.arity)])


def _say(
    model: KAN, scores: Attribution, alive: list[Tensor], keep: list[Tensor], present: list[Tensor], report: PruneReport
) -> None:
    for l in range(len(keep)):
        for i, j in (present[l] & ~keep[l]).nonzero().tolist():
            report.edges[l, i, j] = float(scores.edges[l][i, j])
    for l in range(1, len(alive) - 1):
        for i in (~alive[l]).nonzero()[:, 0].tolist():
            report.nodes[l, i] = float(scores.nodes[l][i])
    for i in (~alive[0]).nonzero()[:, 0].tolist():
        report.inputs[model.input_names[i]] = float(scores.nodes[0][i])


@torch.no_grad()
def drop_edges(model: KAN, activations: list[Tensor], gone: set[Edge]) -> None:
    """Mask edges of a model in place; another edge into the same sum takes over their means.

    Args:
        model: the network.
        activations: `(B, nodes)` values of its nodes, layer by layer.
        gone: the edges.
    """
    for l, layer in enumerate(model.layers):
        own = [(i, j) for number, i, j in gone if number == l]
        if not own:
            continue
        rows = activations[l]
        sums = [layer.edge_values(some).sum(0) for some in rows.split(_ROWS)]
        means = torch.stack(sums).sum(0) / len(rows)  # (I, O)
        mask = layer.mask.clone()
        for i, j in own:
            mask[i, j] = 0.0
        for j in sorted({j for _, j in own}):
            gone_here = [i for i, other in own if other == j]
            constant = float(sum(means[i, j] for i in gone_here))
            left = mask[:, j].nonzero()[:, 0]
            if len(left):
                _shift(layer, int(left[0]), j, constant)
            else:  # nothing else could hold the constant
                mask[gone_here[0], j] = 1.0
                layer.fix_edge(gone_here[0], j, function_named("0"), [1.0, 0.0, 0.0, constant])
        layer.set_mask(mask)


def _shift(layer: AbstractEdgeLayer, i: int, j: int, constant: float) -> None:
    """Add a constant to an edge: to its expansion, or to its `d`."""
    symbolic = layer.symbolic
    place = None if symbolic is None else symbolic.find(i, j)
    if symbolic is not None and place is not None:
        symbolic.affine[place, 3] += constant
    else:
        layer.add_constant(i, j, constant)


@torch.no_grad()
def select(model: KAN, nodes: Sequence[Sequence[int]]) -> KAN:
    """The part of a network that consists of some nodes and all edges between them.

    Args:
        model: the network; it is not changed.
        nodes: numbers of the nodes of every layer, inputs first, ascending; products after sums.

    Returns:
        A new model with the same options, whose names are those of the inputs and outputs that are left.

    Raises:
        ParameterError: a layer has no node left.
    """
    if any(not len(own) for own in nodes):
        raise ParameterError(f"every layer must keep a node; got {[len(own) for own in nodes]}.")
    width: list[Any] = [len(nodes[0])]
    for (n_sum, _), own in zip(model.nodes[1:], nodes[1:], strict=True):
        sums = sum(node < n_sum for node in own)
        width.append([sums, len(own) - sums] if sums < len(own) else sums)
    options = {**model.config(), "width": width, "symbolic": ()}
    if model.basis != "spline":  # there each input may have a domain of its own
        options["grid_range"] = model.layers[0].domain[list(nodes[0])].tolist()
    options["input_names"] = [model.input_names[i] for i in nodes[0]]
    options["output_names"] = [model.output_names[j] for j in nodes[-1]]
    like = model.layers[0].spline_weight
    new = KAN(**options, dtype=like.dtype, device=like.device, seed=0)
    for l, layer in enumerate(model.layers):
        into = torch.zeros(model.products[l].out_features, dtype=torch.bool)
        into[list(nodes[l + 1])] = True
        cast("nn.ModuleList", new.layers)[l] = layer.part(nodes[l], _sums_of(model, l, into).nonzero()[:, 0].tolist())
    new.train(model.training)
    summary = getattr(model, "input_summary", None)
    if isinstance(summary, Tensor):
        new.register_buffer("input_summary", summary[:, list(nodes[0])].clone(), persistent=False)
    return new

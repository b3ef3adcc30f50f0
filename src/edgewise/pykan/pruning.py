"""pykan's ways to prune, over `edgewise.interpret`: what goes leaves its mean behind, and every output keeps an edge.

pykan averages a node's score over the outputs where edgewise adds up, so its thresholds are multiplied by their number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from edgewise import interpret
from edgewise.errors import ParameterError
from edgewise.interpret.pruning import drop_edges
from edgewise.pykan import edits
from edgewise.pykan.messages import say

if TYPE_CHECKING:
    from edgewise.pykan.MultKAN import MultKAN


def prune(model: MultKAN, node_th: float, edge_th: float) -> MultKAN:
    """A smaller model without hidden nodes and edges whose scores are below thresholds.

    Args:
        model: not changed.
        node_th: least score of a node.
        edge_th: least score of an edge.

    Returns:
        The new model.
    """
    outputs = model.kan.out_features
    kan, _ = interpret.prune(model.kan, model.seen.x, node_th=node_th * outputs, edge_th=edge_th * outputs)
    return model.like(kan).logged("prune")


def prune_node(model: MultKAN, threshold: float, mode: str, active: Sequence[Sequence[int]] | None) -> MultKAN:
    """A smaller model without some hidden nodes.

    Args:
        model: not changed.
        threshold: least score.
        mode: `"auto"`, or `"manual"` with `active`.
        active: the nodes to keep of every hidden layer.

    Returns:
        The new model.

    Raises:
        ParameterError: another mode, or no list of nodes for every hidden layer.
    """
    if mode not in ("auto", "manual"):
        raise ParameterError(f'`mode` must be "auto" or "manual"; got {mode!r}.')
    if active is None and mode == "auto":
        kan = interpret.prune_nodes(model.kan, model.seen.x, threshold * model.kan.out_features)[0]
        return model.like(kan).logged("prune_node")
    hidden = model.width_in[1:-1]
    if active is None or len(active) != len(hidden):
        raise ParameterError(f"`active_neurons_id` must list the nodes to keep of {len(hidden)} hidden layers.")
    ends = list(range(model.kan.in_features)), list(range(model.kan.out_features))
    kept = [sorted(int(node) for node in own) for own in active]
    return model.like(interpret.select(model.kan, [ends[0], *kept, ends[1]])).logged("prune_node")


def prune_edge(model: MultKAN, threshold: float) -> MultKAN:
    """Mask edges whose score is below a threshold, and all edges of hidden nodes that have none left, in place.

    The width and the parameters stay the same objects.

    Args:
        model: changed in place. (pykan's returns None, and its example assigns it.)
        threshold: least score.

    Returns:
        The model.
    """
    kan, x = model.kan, model.seen.x
    report = interpret.prune_edges(kan, x, threshold * kan.out_features)[1]
    idle = {(l - 1, j) for l, node in report.nodes for j in edits.sums_of(model, l, node)}
    drop_edges(kan, kan.activations(x), {(l, i, j) for l, i, j in report.edges if (l, j) not in idle})
    for l, i, j in report.edges:
        edits.set_mode(model, l, i, j, "off")
    return model.logged("prune_edge")


def prune_input(model: MultKAN, threshold: float, active_inputs: Sequence[int] | None) -> MultKAN:
    """A smaller model that takes the same columns and looks at some of them.

    Args:
        model: not changed.
        threshold: least score.
        active_inputs: the inputs to keep, instead.

    Returns:
        The new model; its `input_id` are the columns it looks at.

    Raises:
        ParameterError: no input would be left.
    """
    kept = sorted({int(i) for i in (_above(model, threshold) if active_inputs is None else active_inputs)})
    if not kept:
        raise ParameterError(f"no input would be left of {model.kan.in_features}; lower `threshold` {threshold!r}.")
    rest = [list(range(n)) for n in model.width_in[1:]]
    new = model.like(interpret.select(model.kan, [kept, *rest]))
    new.input_id = model.input_id[torch.tensor(kept)]
    if model.cache_data is not None:
        new.see(model.cache_data[:, kept], chosen=True)
    if model.trained_on is not None:
        inputs, labels = model.trained_on
        new.trained_on = inputs[:, kept], labels
    return new.logged("prune_input")


def _above(model: MultKAN, threshold: float) -> list[int]:
    keep = model.node_scores[0] > threshold
    say(f"keep: {keep.tolist()}")
    return keep.nonzero()[:, 0].tolist()

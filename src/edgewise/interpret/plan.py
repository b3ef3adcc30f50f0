"""A formula as layers of sums and products of edges: which nodes there are, and in which layer each stands.

The nodes of the graph (`edgewise.interpret.graph`) are given layers. A value that is needed later passes through layers
on identity edges; where each node stands decides how many. Their number is a linear function of the layers under
constraints of differences (as in retiming of circuits): an ordinary linear program finds the least, in whole numbers.
"""

# pyright: reportArgumentType=false
# (sympy's annotations are of Basic where its functions give Expr)

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import sympy

from edgewise.interpret.graph import Edge, Graph, Node, Sum, varying_factors

_MOST_ARITY = 6
"""Factors that one product may take."""


@dataclass
class Layer:
    """A layer of the network: `edges` are `(i, j, function, (a, b, c, d, p))`."""

    n_sum: int
    n_mult: int
    edges: list[tuple[int, int, str, tuple[float, ...]]] = field(default_factory=list)


@dataclass
class Plan:
    """All layers, and how many sums a product takes."""

    layers: list[Layer]
    arity: int

    @property
    def cost(self) -> tuple[int, int, int]:
        """Edges, layers, arity: less is better."""
        return sum(len(layer.edges) for layer in self.layers), len(self.layers), self.arity


def plan(expressions: Sequence[sympy.Expr], symbols: Sequence[sympy.Symbol]) -> Plan:
    """The smallest of several ways to lay out formulas.

    Args:
        expressions: in the functions of the library, see `edgewise.interpret.reading`.
        symbols: the inputs.

    Returns:
        The layers.
    """
    factors = {len(varying_factors(e)) for one in expressions for e in sympy.preorder_traversal(one) if e.is_Mul}
    tried = []
    for arity in sorted({2} | {n for n in factors if 2 < n <= _MOST_ARITY}):
        for gather in (True, False):
            first = Graph(symbols, arity, gather, set())
            tried.append(_laid_out(first, [first.node(e) for e in expressions]))
            if first.arguments:  # a sum that is the argument of a function may serve elsewhere too
                second = Graph(symbols, arity, gather, set(first.arguments))
                tried.append(_laid_out(second, [second.node(e) for e in expressions]))
    return min(tried, key=lambda one: one.cost)


# -------------------------------------------------------------------------------------- from a graph to layers


def _laid_out(graph: Graph, outputs: list[Node]) -> Plan:
    inputs = list(graph.inputs.values())
    depth = max(1, *(node.level for node in outputs))
    place, last = _schedule(inputs, outputs, depth, {})
    products = [len(node.sums) > 1 and place[node] == depth for node in outputs]
    if products != sorted(products):  # sums come first in a layer: these products pass through one more as sums
        early = {node for node in outputs if len(node.sums) > 1}
        depth = max(depth, 1 + max(node.level for node in early))
        place, last = _schedule(inputs, outputs, depth, dict.fromkeys(early, depth - 1))
    rows: list[list[Node]] = [inputs]
    for level in range(1, depth):
        standing = [node for node in place if place[node] <= level < last[node]]
        rows.append(sorted(standing, key=lambda node: place[node] == level and len(node.sums) > 1))
    rows.append(outputs)
    layers = [_layer(rows[level], rows[level + 1], place, level + 1) for level in range(depth)]
    return Plan(layers, graph.arity)


def _schedule(
    inputs: list[Node], outputs: list[Node], depth: int, latest: dict[Node, int]
) -> tuple[dict[Node, int], dict[Node, int]]:
    """The layer of every node, and the last layer that takes it: as few identity edges as possible."""
    from scipy.optimize import linprog
    from scipy.sparse import coo_array

    nodes = _reached(inputs, outputs)
    size = len(nodes)
    place = {node: n for n, node in enumerate(nodes)}  # the unknowns: the layer of every node,
    last = {node: size + n for node, n in place.items()}  # and the last that takes its value
    before = [(place[node], last[node], 0.0) for node in nodes]  # v[first] + gap <= v[second]
    for node in nodes:
        for source in node.sources:
            before += [(place[source], place[node], 1.0), (place[node], last[source], 0.0)]
    smaller, larger, gaps = zip(*before, strict=True)
    rows = 2 * list(range(len(before)))
    signs = [1.0] * len(before) + [-1.0] * len(before)
    differences = coo_array((signs, (rows, [*smaller, *larger])), shape=(len(before), 2 * size))
    bounds = [(0, 0) if not node.sums else (1, latest.get(node, depth)) for node in nodes]
    bounds += [(depth + 1 if node in outputs else 0, depth + 1) for node in nodes]
    cost = [-1.0] * size + [1.0] * size
    found = linprog(cost, differences.tocsr(), [-gap for gap in gaps], bounds=bounds)
    at = [round(value) for value in found.x]
    return {node: at[n] for node, n in place.items()}, {node: at[n] for node, n in last.items()}


def _reached(inputs: list[Node], outputs: list[Node]) -> list[Node]:
    """Inputs, and every node that is needed, sources first."""
    order = dict.fromkeys(inputs)

    def visit(node: Node) -> None:
        if node not in order:
            for source in node.sources:
                visit(source)
            order[node] = None

    for node in outputs:
        visit(node)
    return list(order)


def _layer(before: list[Node], after: list[Node], place: dict[Node, int], level: int) -> Layer:
    """The edges between two rows of nodes."""
    position = {node: n for n, node in reversed(list(enumerate(before)))}
    layer, j = Layer(0, 0), 0
    for node in after:
        sums = node.sums if node.sums and place[node] == level else (Sum((Edge("x", node),)),)
        if len(sums) > 1:
            layer.n_mult += 1
        else:
            layer.n_sum += 1
        for own in sums:
            layer.edges += _edges(own, j, position)
            j += 1
    return layer


def _edges(own: Sum, j: int, position: dict[Node, int]) -> list[tuple[int, int, str, tuple[float, ...]]]:
    """The constant goes to the first edge; without any, to an edge that is constant."""
    if not own.edges:
        return [(0, j, "0", (1.0, 0.0, 1.0, own.constant, 1.0))]
    constants = [own.constant] + [0.0] * (len(own.edges) - 1)
    return [
        (position[edge.source], j, edge.function, (edge.a, edge.b, edge.c, d, edge.p))
        for edge, d in zip(own.edges, constants, strict=True)
    ]

"""From the shape of a function to the width of a network that has it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from edgewise.interpret.shape import Node


def width_of(tree: Node, inputs: int) -> list[int | list[int]]:
    """Nodes per layer of a network of a shape, inputs first, one output."""
    return _Network(tree).width(inputs)


class _Network:
    """Which nodes a network of a tree's shape needs in every layer."""

    def __init__(self, tree: Node) -> None:
        self.sums: dict[int, int] = {}
        self.products: dict[int, int] = {}
        self.until: dict[Any, tuple[int, int]] = {}  # value: layer where it is, last layer that reads it
        self.tree = tree

    def width(self, inputs: int) -> list[int | list[int]]:
        """Nodes per layer, inputs first, one output."""
        terms = self._inside(self.tree)  # what the output adds up
        depth = 1 + max(terms.values())
        self._read(terms, depth)
        layers: list[int | list[int]] = [inputs]
        for level in range(1, depth):
            carried = sum(start < level < end for start, end in self.until.values())
            adds, products = self.sums.get(level, 0) + carried, self.products.get(level, 0)
            layers.append([adds, products] if products else adds)
        return [*layers, 1]

    def _inside(self, node: Node) -> dict[Any, int]:
        """Values, and their layers, such that a sum of functions of one of them each is this part."""
        if node.kind == "sum":
            return _merged(self._inside(child) for child in node.children)
        if node.kind == "function":
            parts = node.children or [Node("leaf", (i,)) for i in node.inputs]
            terms = _merged(self._value(part) for part in parts)
            count = 2 * len(terms) + 1
            level = self._node(terms, self.sums, count)
            return {(node.inputs, n): level for n in range(count)}
        return self._value(node)

    def _value(self, node: Node) -> dict[Any, int]:
        """One value, and its layer, of which a function of one variable is this part."""
        if node.kind in ("leaf", "constant"):
            return {node.inputs: 0}
        if node.kind == "combination":
            level = self._node({(i,): 0 for i in node.inputs}, self.products if node.family == "power" else self.sums)
        elif node.kind == "product":
            level = self._node(_merged(self._inside(child) for child in node.children), self.products)
        elif node.kind == "link":
            level = self._node(_merged(self._value(child) for child in node.children), self.sums)
        else:
            level = self._node(self._inside(node), self.sums)
        return {node.inputs: level}

    def _node(self, terms: dict[Any, int], counts: dict[int, int], count: int = 1) -> int:
        """Count nodes above all their terms; gives their layer."""
        level = 1 + max(terms.values())
        self._read(terms, level)
        counts[level] = counts.get(level, 0) + count
        return level

    def _read(self, terms: dict[Any, int], level: int) -> None:
        """Note that these values are read by a layer; layers between carry them on."""
        for key, start in terms.items():
            self.until[key] = (start, max(level, self.until.get(key, (0, 0))[1]))


def _merged(terms: Iterable[dict[Any, int]]) -> dict[Any, int]:
    return {key: level for own in terms for key, level in own.items()}

"""A formula as a graph of nodes: `sum_i c_i f_i(a_i x_i + b_i) + d` or products of such sums, every common part once.

An edge holds one function, so what a node contributes to a sum through two functions takes a node in between.
"""

# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportReturnType=false
# (sympy's annotations are of Basic where its functions give Expr)

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import sympy

from edgewise.interpret.reading import BESSEL, POWERS, UNARY

_MOST_EXPONENT = 20.0
"""Largest constant that leaves an exponential as a factor."""
_MOST_SHIFT = 100.0
"""Largest shift of a parabola, in units of x, that takes in a linear term."""


@dataclass(frozen=True, eq=False)
class Node:
    """A value in the network.

    Attributes:
        sums: of edges; one for a sum, several for a product, none for an input.
        level: the first layer in which it can stand; 0 for inputs.
    """

    sums: tuple[Sum, ...] = ()
    level: int = 0

    @property
    def sources(self) -> list[Node]:
        """Nodes it is computed from."""
        return [edge.source for own in self.sums for edge in own.edges]


@dataclass(frozen=True)
class Edge:
    """`c f(a x + b)` of the value x of a node, with exponent p where f has one."""

    function: str
    source: Node
    a: float = 1.0
    b: float = 0.0
    c: float = 1.0
    p: float = 1.0

    def scaled(self, factor: float) -> Edge:
        """With another `c`."""
        return replace(self, c=self.c * factor)


@dataclass(frozen=True)
class Sum:
    """Edges from different nodes, and a constant."""

    edges: tuple[Edge, ...]
    constant: float = 0.0

    @property
    def level(self) -> int:
        """Of the latest node."""
        return max((edge.source.level for edge in self.edges), default=0)

    def scaled(self, factor: float) -> Sum:
        """Times a number."""
        return Sum(tuple(edge.scaled(factor) for edge in self.edges), self.constant * factor)


def varying_factors(e: sympy.Expr) -> list[sympy.Expr]:
    """The factors of an expression that hold a variable."""
    return [factor for factor in sympy.Mul.make_args(e) if factor.free_symbols]


def _constant_and_rest(e: sympy.Expr) -> tuple[float, sympy.Expr]:
    """`d + rest`."""
    fixed = [term for term in sympy.Add.make_args(e) if not term.free_symbols]
    return float(sympy.Add(*fixed)), sympy.Add(*(t for t in sympy.Add.make_args(e) if t.free_symbols))


def _coefficient_and_core(e: sympy.Expr) -> tuple[float, sympy.Expr]:
    """`c core`."""
    fixed = [factor for factor in sympy.Mul.make_args(e) if not factor.free_symbols]
    return (float(sympy.Mul(*fixed)), sympy.Mul(*varying_factors(e))) if fixed else (1.0, e)


class Graph:
    """The nodes of a network under construction.

    Args:
        symbols: the inputs.
        arity: sums per product.
        gather: add up what is ready before a later part of the same sum: one identity edge instead of several.
        shared: sums (without factor and constant) that are nodes wherever they occur.
    """

    def __init__(self, symbols: Sequence[sympy.Symbol], arity: int, gather: bool, shared: set[sympy.Expr]) -> None:
        self.inputs = {symbol: Node() for symbol in symbols}
        self.arity, self.gather, self.shared = arity, gather, shared
        self.arguments: dict[sympy.Expr, tuple[sympy.Expr, Node]] = {}  # sums inside functions: factor, node
        self._nodes: dict[tuple[Sum, ...], Node] = {}
        self._known: dict[sympy.Expr, Node] = {}

    def node(self, e: sympy.Expr) -> Node:
        """The node with the value of an expression."""
        if e in self.inputs:
            return self.inputs[e]
        if e not in self._known:
            factors = varying_factors(e)
            if e.is_Mul and len(factors) > 1:
                coefficient, _ = _coefficient_and_core(e)
                self._known[e] = self._product([self.sum(factor) for factor in factors], coefficient)
            else:
                self._known[e] = self._holding(self.sum(e))
        return self._known[e]

    def sum(self, e: sympy.Expr) -> Sum:
        """An expression as edges into one sum."""
        constant, rest = _constant_and_rest(e)
        if rest.is_Add:
            factor, monic = _monic(rest)
            if monic in self.shared:
                node, ratio = self._argument(rest)
                return Sum((Edge("x", node, c=ratio),), constant)
        edges = []
        for term in sympy.Add.make_args(rest):
            if term.free_symbols:
                factor, core = _coefficient_and_core(term)
                own = self._term(core)
                edges += [edge.scaled(factor) for edge in own.edges]
                constant += factor * own.constant
        edges, left = _squares_completed(_merged(edges))
        return Sum(tuple(self._gathered(edges)), constant + left)

    def _term(self, core: sympy.Expr) -> Sum:
        """One edge (and what it leaves to the constant)."""
        if core in self.inputs or core.is_Mul:
            return Sum((Edge("x", self.node(core)),))
        if core.is_Add:  # a bracket that sympy has not multiplied out
            return self.sum(core)
        if isinstance(core, sympy.exp):
            return Sum((self._exp(core.args[0]),))
        if core.is_Pow:
            return Sum((self._pow(core.base, core.exp),))
        if isinstance(core, sympy.Max):  # of 0 and one more
            return Sum((self._of("relu", core.args[1] if core.args[0] == 0 else core.args[0]),))
        if isinstance(core, sympy.besselj):
            return Sum((self._of(BESSEL[int(core.args[0])], core.args[1]),))
        return Sum((self._of(UNARY[core.func], core.args[0]),))

    def _of(self, function: str, argument: sympy.Expr, scale: float = 1.0, c: float = 1.0, p: float = 1.0) -> Edge:
        """`c f(scale argument)`; factor and constant of the argument go into the edge."""
        node, a, b = self._affine(argument)
        return Edge(function, node, a * scale, b * scale, c, p)

    def _affine(self, e: sympy.Expr) -> tuple[Node, float, float]:
        """`a node + b`."""
        b, rest = _constant_and_rest(e)
        if rest.is_Add:
            node, a = self._argument(rest)
        else:
            a, core = _coefficient_and_core(rest)
            if core.is_Add:
                node, a_inside, b_inside = self._affine(core)
                return node, a * a_inside, a * b_inside + b
            node = self.node(core)
        return node, a, b

    def _argument(self, rest: sympy.Expr) -> tuple[Node, float]:
        """The node of a sum, and the factor with which it is meant: 2x + 2y and x + y are one node."""
        factor, monic = _monic(rest)
        if monic not in self.arguments:
            # Under the sum's own numbers, which read better than those of its monic form.
            before, self.shared = self.shared, self.shared - {monic}
            node = self._holding(self.sum(rest))
            self.shared = before
            self.arguments[monic] = factor, node
        first, node = self.arguments[monic]
        return node, float(factor / first)

    def _exp(self, u: sympy.Expr) -> Edge:
        constant, rest = _constant_and_rest(u)
        c, core = _coefficient_and_core(rest)
        if c < 0 and abs(constant) < _MOST_EXPONENT and core.is_Pow and core.exp == 2:
            return self._of("gaussian", core.base, math.sqrt(-c), math.exp(constant))
        return self._of("exp", u)

    def _pow(self, base: sympy.Expr, exponent: sympy.Expr) -> Edge:
        if not base.free_symbols:
            return self._of("exp", exponent, math.log(float(base)))
        if exponent.free_symbols:
            return self._of("exp", exponent * sympy.log(base))
        p = float(exponent)
        if p == -1.0:
            sigmoid = self._sigmoid(base)
            if sigmoid is not None:
                return sigmoid
        return self._whole_power(base, int(p)) if p.is_integer() else self._free_power(base, p)

    def _free_power(self, base: sympy.Expr, p: float) -> Edge:
        return self._of(POWERS[p], base) if p in POWERS else self._of("x^p", base, p=p)

    def _whole_power(self, base: sympy.Expr, n: int) -> Edge:
        """Powers up to five, of powers, times powers. Not `x^p`: its derivative for p wants a positive base."""
        if n == 1:
            node, a, b = self._affine(base)
            return Edge("x", node, c=a) if b == 0 else Edge("x", self._holding(Sum((Edge("x", node, c=a),), b)))
        if n in POWERS:
            return self._of(POWERS[n], base)
        size = abs(n)
        outer = next((k for k in (5, 4, 3, 2) if size % k == 0), None)
        if outer is not None:
            inner = self._holding(Sum((self._whole_power(base, size // outer),)))
            return Edge(POWERS[outer if n > 0 else -outer], inner)
        rest = min(range(1, 6), key=lambda r: (_chain(size - r), r))
        parts = [Sum((self._whole_power(base, k),)) for k in (size - rest, rest)]
        return Edge("x" if n > 0 else "1/x", self._product(parts, 1.0))

    def _sigmoid(self, base: sympy.Expr) -> Edge | None:
        """`1 / (A + B exp(w)) = sigmoid(-w - log(B/A)) / A`."""
        constant, rest = _constant_and_rest(base)
        factor, core = _coefficient_and_core(rest)
        if not isinstance(core, sympy.exp) or constant == 0 or factor / constant <= 0:
            return None
        edge = self._of("sigmoid", core.args[0], -1.0, 1 / constant)
        return replace(edge, b=edge.b - math.log(factor / constant))

    # ------------------------------------------------------------------------------------------- nodes

    def _holding(self, own: Sum) -> Node:
        """The node of a sum."""
        if own.constant == 0 and len(own.edges) == 1 and own.edges[0] == Edge("x", own.edges[0].source):
            return own.edges[0].source
        return self._make((own,))

    def _make(self, sums: tuple[Sum, ...]) -> Node:
        if sums not in self._nodes:
            self._nodes[sums] = Node(sums, 1 + max(own.level for own in sums))
        return self._nodes[sums]

    def _product(self, sums: list[Sum], coefficient: float) -> Node:
        """A tree of products: what is ready first is multiplied first."""
        take = (len(sums) - 2) % (self.arity - 1) + 2  # so that only the first product may need ones
        while True:
            first = sorted(range(len(sums)), key=lambda n: sums[n].level)[:take]
            taken = [sums[n] for n in sorted(first)]
            sums = [own for n, own in enumerate(sums) if n not in first]
            if not sums:
                taken[0] = taken[0].scaled(coefficient)
            level = max(own.level for own in taken)
            if self.gather:
                taken = [self._carried(own) if own.level < level else own for own in taken]
            ones = [Sum((), 1.0)] * (self.arity - len(taken))
            node = self._make((*taken, *ones))
            if not sums:
                return node
            sums.append(Sum((Edge("x", node),)))
            take = self.arity

    def _carried(self, own: Sum) -> Sum:
        return own if len(own.edges) < 2 else Sum((Edge("x", self._make((own,))),))

    def _gathered(self, edges: list[Edge]) -> list[Edge]:
        """At most one edge from every node: what else a node contributes goes through nodes in between."""
        level = min((edge.source.level for edge in edges), default=0)
        while True:
            edges = _merged(edges)
            ready = [edge for edge in edges if edge.source.level <= level]
            later = [edge for edge in edges if edge.source.level > level]
            groups = _without_conflicts(ready)
            if len(groups) > 1:
                kept = groups.pop() if len(groups[-1]) == 1 else []  # waits on an identity edge at the same price
                edges = [self._through(group) for group in groups] + kept + later
            elif not later:
                return edges
            elif self.gather and len(ready) > 1:
                edges = [self._through(ready), *later]
            level += 1

    def _through(self, group: list[Edge]) -> Edge:
        if len(group) > 1:
            return Edge("x", self._make((Sum(tuple(group)),)))
        return Edge("x", self._make((Sum((replace(group[0], c=1.0),)),)), c=group[0].c)


def _monic(rest: sympy.Expr) -> tuple[sympy.Expr, sympy.Expr]:
    """A factor, and the sum without it."""
    terms = rest.as_ordered_terms()
    factor = sympy.Mul(*(f for f in sympy.Mul.make_args(terms[0]) if not f.free_symbols))
    return factor, sympy.Add(*(term / factor for term in terms))


def _merged(edges: list[Edge]) -> list[Edge]:
    """Edges of one function and argument added up."""
    total: dict[Edge, float] = {}
    for edge in edges:
        key = replace(edge, c=1.0)
        total[key] = total.get(key, 0.0) + edge.c
    return [replace(edge, c=c) for edge, c in total.items() if c != 0]


def _squares_completed(edges: list[Edge]) -> tuple[list[Edge], float]:
    """`c (a x + b)^2 + e x` is one parabola; what it leaves to the constant. Not where that would cancel digits."""
    constant = 0.0
    for line in [edge for edge in edges if edge.function == "x"]:
        square = next((e for e in edges if e.function == "x^2" and e.source is line.source), None)
        if square is None:
            continue
        shift = line.c / (2 * square.c * square.a)
        if abs(shift) <= _MOST_SHIFT * abs(square.a):
            edges = [edge for edge in edges if edge is not line]
            edges[edges.index(square)] = replace(square, b=square.b + shift)
            constant -= line.c * square.b / square.a + square.c * shift**2
    return edges, constant


def _without_conflicts(edges: list[Edge]) -> list[list[Edge]]:
    """Groups, larger ones first, with no two edges from one node; identities last."""
    groups: list[list[Edge]] = []
    seen: Counter[Node] = Counter()
    for edge in sorted(edges, key=lambda edge: edge.function == "x"):
        if seen[edge.source] == len(groups):
            groups.append([])
        groups[seen[edge.source]].append(edge)
        seen[edge.source] += 1
    order = {edge: n for n, edge in enumerate(edges)}
    return [sorted(group, key=lambda edge: order[edge]) for group in groups] or [[]]


def _chain(n: int) -> int:
    """How many steps `_whole_power` takes to a power."""
    if n <= 5:
        return 0
    outer = next((k for k in (5, 4, 3, 2) if n % k == 0), None)
    return 1 + (_chain(n // outer) if outer is not None else min(_chain(n - r) for r in range(1, 6)))

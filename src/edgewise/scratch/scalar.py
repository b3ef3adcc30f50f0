"""A Kolmogorov-Arnold network from single numbers, and the engine that differentiates it.

Read it from top to bottom: a number that remembers where it came from, the walk back that turns those memories into
derivatives, bumps and edges written with such numbers, a network, a step downhill, and a picture of the whole
calculation. Nobody works out a derivative of the network: its formulas are written once, and the engine does the rest.

Sources: Liu et al. (2024), arXiv:2404.19756, eq. (2.10); de Boor (1972), J. Approx. Theory 6.

>>> x = Tensor(3.0)
>>> y = x * x + 2 * x
>>> y.backward()
>>> x.grad  # 2 x + 2
8.0
"""

from __future__ import annotations

import math
import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from itertools import pairwise
from numbers import Real
from pathlib import Path

import numpy as np

__all__ = ["KAN", "Edge", "Graph", "Layer", "Optimizer", "Tensor", "bumps", "compute_loss", "draw_dot", "silu"]


class Tensor:
    """A number that remembers which numbers it was made from, and its slope in each of them.

    Attributes:
        data: the number.
        grad: after `backward` of a result: by how much the result changes per unit of this number.
        parents: `(number, slope)` of what it was made from.
        op: the operation that made it; empty for a number that was given.
    """

    __slots__ = ("data", "grad", "op", "parents")

    def __init__(self, data: float, parents: tuple[tuple[Tensor, float], ...] = (), op: str = "") -> None:
        self.data, self.grad = float(data), 0.0
        self.parents, self.op = parents, op

    # Each operation computes its value and writes down its slopes. That is all the calculus there is in this file.

    def __add__(self, other: Tensor | float) -> Tensor:
        if isinstance(other, Tensor):
            return Tensor(self.data + other.data, ((self, 1.0), (other, 1.0)), "+")
        return Tensor(self.data + other, ((self, 1.0),), f"+ {other:g}")

    def __mul__(self, other: Tensor | float) -> Tensor:
        if isinstance(other, Tensor):
            return Tensor(self.data * other.data, ((self, other.data), (other, self.data)), "*")
        return Tensor(self.data * other, ((self, float(other)),), f"* {other:g}")

    def __pow__(self, exponent: float) -> Tensor:
        if not isinstance(exponent, Real):
            return NotImplemented
        slope = exponent * math.pow(self.data, exponent - 1) if exponent else 0.0
        return Tensor(math.pow(self.data, exponent), ((self, slope),), f"^{exponent:g}")

    def exp(self) -> Tensor:
        """The exponential; its slope is itself."""
        value = math.exp(self.data)
        return Tensor(value, ((self, value),), "exp")

    def log(self) -> Tensor:
        """The natural logarithm."""
        return Tensor(math.log(self.data), ((self, 1 / self.data),), "log")

    def tanh(self) -> Tensor:
        """The hyperbolic tangent."""
        value = math.tanh(self.data)
        return Tensor(value, ((self, 1 - value**2),), "tanh")

    # The other operators are made of these.

    def __neg__(self) -> Tensor:
        return self * -1

    def __sub__(self, other: Tensor | float) -> Tensor:
        return self + -other

    def __truediv__(self, other: Tensor | float) -> Tensor:
        return self * (other**-1 if isinstance(other, Tensor) else 1 / other)

    def __radd__(self, other: float) -> Tensor:
        return self + other

    def __rmul__(self, other: float) -> Tensor:
        return self * other

    def __rsub__(self, other: float) -> Tensor:
        return -self + other

    def __rtruediv__(self, other: float) -> Tensor:
        return self**-1 * other

    def __repr__(self) -> str:
        return f"Tensor({self.data:g}, grad={self.grad:g})"

    def backward(self) -> None:
        """Fill in `grad` of this number, which is 1, and of every number that it was made from.

        Numbers that were given add it to what they have, so that several results can share them (`zero_grad` clears
        it); those that were computed begin at 0.
        """
        order = _operands_first(self)
        for number in order:
            if number.parents:
                number.grad = 0.0
        self.grad = 1.0
        for number in reversed(order):  # by now every path from the result to this number has been added
            for parent, slope in number.parents:
                parent.grad += slope * number.grad


def _operands_first(*results: Tensor) -> list[Tensor]:
    """Everything the results were made from, each number after its operands."""
    # A depth-first walk with a stack of its own: a calculation may be deeper than functions may call each other.
    order, seen = [], set()
    stack = [(result, False) for result in results]
    while stack:
        number, operands_are_listed = stack.pop()
        if operands_are_listed:
            order.append(number)
        elif number not in seen:
            seen.add(number)
            stack.append((number, True))
            stack.extend((parent, False) for parent, _ in number.parents)
    return order


# ------------------------------------------------------------------------------------------- the network


def silu(x: Tensor) -> Tensor:
    """`x / (1 + exp(-x))`, by way of the hyperbolic tangent, which cannot overflow."""
    return 0.5 * x * ((0.5 * x).tanh() + 1)


def bumps(x: Tensor, knots: Sequence[float], degree: int) -> dict[int, Tensor]:
    """The B-spline functions that are not 0 at `x`, by number: at most `degree + 1` of them."""
    # Cox and de Boor: begin with the box that holds x; each step blends neighbours, one that rises and one that falls.
    t = knots
    values = {s: Tensor(1) for s in range(len(t) - 1) if t[s] <= x.data < t[s + 1]}
    for d in range(1, degree + 1):
        blends = {}
        for s in range(len(t) - d - 1):
            terms = []
            if s in values:
                terms.append((x - t[s]) / (t[s + d] - t[s]) * values[s])
            if s + 1 in values:
                terms.append((t[s + d + 1] - x) / (t[s + d + 1] - t[s + 1]) * values[s + 1])
            if terms:
                blends[s] = _sum(terms)
        values = blends
    return values


def _sum(terms: Iterable[Tensor]) -> Tensor:
    """Like `sum`, which would begin with a 0 of its own."""
    first, *rest = terms
    return sum(rest, first)


class Edge:
    """A learnable function `phi(x) = scale_base silu(x) + sum_s coef_s B_s(x)`."""

    def __init__(self, size: int, scale: float, rng: np.random.Generator) -> None:
        self.scale_base = Tensor(rng.uniform(-scale, scale))
        self.coef = [Tensor(c) for c in rng.normal(0, 0.1, size)]

    def __call__(self, base: Tensor, bumps: dict[int, Tensor]) -> Tensor:
        """`phi(x)` from `silu(x)` and the bumps at `x`, which all edges of an input share."""
        return _sum([self.scale_base * base, *(self.coef[s] * bump for s, bump in bumps.items())])


class Layer:
    """An edge from every input to every output; an output adds its edges."""

    def __init__(self, n_in: int, n_out: int, grid: int, k: int, rng: np.random.Generator) -> None:
        self.k = k
        self.knots = [-1 + 2 / grid * j for j in range(-k, grid + k + 1)]  # the cells of [-1, 1] and k on either side
        self.edges = [[Edge(grid + k, n_in**-0.5, rng) for _ in range(n_out)] for _ in range(n_in)]

    def __call__(self, x: Sequence[Tensor]) -> list[Tensor]:
        """The outputs."""
        parts = [(silu(number), bumps(number, self.knots, self.k)) for number in x]
        outputs = zip(*self.edges, strict=True)  # the edges that meet at each
        return [_sum(edge(*part) for edge, part in zip(edges, parts, strict=True)) for edges in outputs]


class KAN:
    """Layers one after the other.

    Args:
        input_size: number of inputs; they should lie in [-1, 1], where the bumps are.
        layer_sizes: outputs of each layer.
        grid: number of cells of every edge.
        k: degree of the bumps.
        seed: of the first weights.
    """

    def __init__(self, input_size: int, layer_sizes: Sequence[int], grid: int = 5, k: int = 3, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        sizes = [input_size, *layer_sizes]
        self.layers = [Layer(n_in, n_out, grid, k, rng) for n_in, n_out in pairwise(sizes)]

    def __call__(self, x: Sequence[Tensor | float]) -> Tensor | list[Tensor]:
        """The output for one row of inputs; a list where there are several outputs."""
        if len(x) != len(self.layers[0].edges):
            raise ValueError(f"`x` must hold one number for each of {len(self.layers[0].edges)} inputs; got {len(x)}.")
        numbers = [number if isinstance(number, Tensor) else Tensor(number) for number in x]
        for layer in self.layers:
            numbers = layer(numbers)
        return numbers[0] if len(numbers) == 1 else numbers

    def parameters(self) -> list[Tensor]:
        """Every number that training changes."""
        edges = [edge for layer in self.layers for row in layer.edges for edge in row]
        return [number for edge in edges for number in (edge.scale_base, *edge.coef)]


# ------------------------------------------------------------------------------------------- training


def compute_loss(y_hat: Tensor | Sequence[Tensor], y: float | Sequence[float]) -> Tensor:
    """The squared error of one row, added over the outputs."""
    predictions = [y_hat] if isinstance(y_hat, Tensor) else y_hat
    labels = y if isinstance(y, Sequence) else [y]
    return _sum((prediction - label) ** 2 for prediction, label in zip(predictions, labels, strict=True))


class Optimizer:
    """Gradient descent: every parameter goes against its slope, `lr` times as far."""

    def __init__(self, lr: float = 0.001) -> None:
        self.lr = lr

    def zero_grad(self, parameters: Iterable[Tensor]) -> None:
        """Forget the slopes of the last step."""
        for parameter in parameters:
            parameter.grad = 0.0

    def step(self, parameters: Iterable[Tensor]) -> None:
        """Change the numbers in place."""
        for parameter in parameters:
            parameter.data -= self.lr * parameter.grad


# ------------------------------------------------------------------------------------------- the picture


class Graph(str):
    """A picture in the language of graphviz; a notebook shows it where the program `dot` is installed."""

    __slots__ = ()

    def svg(self) -> str:
        """The picture as SVG.

        Returns:
            The text of an SVG file.

        Raises:
            RuntimeError: the program `dot` is not installed.
        """
        program = shutil.which("dot")
        if program is None:
            raise RuntimeError(
                "an SVG is drawn by graphviz, whose program `dot` is not on the PATH: install it, or write the source "
                "with a path that ends in .dot."
            )
        return subprocess.run([program, "-Tsvg"], input=self, capture_output=True, text=True, check=True).stdout

    def _repr_svg_(self) -> str | None:
        return self.svg() if shutil.which("dot") else None


def draw_dot(result: Tensor | Sequence[Tensor], path: str | os.PathLike[str] | None = None) -> Graph:
    """Draw the calculation that led to a result.

    Every number is a box: the operation that made it, its value, its `grad`. An arrow carries the slope of its
    operation: multiply along a path, add over all paths, and you have the `grad` of where you began.

    Args:
        result: a number, or several.
        path: a file to write, `.svg` (drawn by graphviz) or `.dot` (its source); none is written when absent.

    Returns:
        The source for graphviz.

    Raises:
        ValueError: `path` has another ending.
    """
    if path is not None and Path(path).suffix not in (".svg", ".dot"):
        raise ValueError(f"`path` must end in .svg (drawn by graphviz) or .dot (its source); got {os.fspath(path)!r}.")
    numbers = _operands_first(*([result] if isinstance(result, Tensor) else result))
    name = {number: f"n{place}" for place, number in enumerate(numbers)}
    lines = ["digraph {", "  rankdir=LR; node [shape=box, fontsize=10]; edge [fontsize=8];"]
    for number in numbers:
        label = f"{number.op or 'given'}\\n{number.data:.4g}\\ngrad {number.grad:.3g}"
        lines.append(f'  {name[number]} [label="{label}"];')
        lines += [f'  {name[parent]} -> {name[number]} [label="{slope:.3g}"];' for parent, slope in number.parents]
    graph = Graph("\n".join([*lines, "}"]) + "\n")
    if path is not None:
        Path(path).write_text(graph.svg() if Path(path).suffix == ".svg" else graph, encoding="utf-8")
    return graph

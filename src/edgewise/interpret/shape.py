"""The shape of a function as a tree, and the tree in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Node:
    """A part of a function.

    Attributes:
        kind: `"leaf"` (one input), `"sum"`, `"product"`, `"combination"`, `"link"`, `"function"`, or `"constant"`.
        inputs: numbers of its inputs.
        children: its parts.
        score: worst score of the test that made it; for a leaf how far from linear it is.
        tolerance: what that score was held against.
        form: the combination of inputs through which it acts, where there is one: `"x1 - x2"`.
        family: of the form, see `FAMILIES`.
        linear: of a leaf: whether it is linear.
        slope: of a linear leaf, at the first of the rows at which the other inputs are held.
        offset: of a product: the constant beside it, in standard deviations; zero where it means nothing.
        nearest: of a function without shape: the test that failed by least, its score and tolerance.
    """

    kind: str
    inputs: tuple[int, ...]
    children: tuple[Node, ...] = ()
    score: float = 0.0
    tolerance: float = 0.0
    form: str = ""
    family: str = ""
    linear: bool = False
    slope: float = 0.0
    offset: float = 0.0
    nearest: tuple[str, float, float] | None = None

    def walk(self, depth: int = 0) -> Iterator[tuple[int, Node]]:
        """This node and all below, each with its depth."""
        yield depth, self
        for child in self.children:
            yield from child.walk(depth + 1)


def combination_text(family: str, names: list[str], numbers: list[float], tolerance: float) -> str:
    """`x1 - 2*x2`, `x1^2*x2`, `x1^2 + x2^2`, `1/x1 + 1/x2`; numbers up to a common factor.

    Args:
        family: of the combination, see `separability.FAMILIES`.
        names: of the inputs.
        numbers: factors, or exponents of a product of powers.
        tolerance: of the numbers: integers and halves within it are taken for exact.
    """  # noqa: DOC201 said in the first line
    if family == "power":  # the smallest exponent is one
        unit = min(numbers, key=abs)
        return _monomial(names, [_tidy(number / unit, tolerance) for number in numbers])
    unit = numbers[0]
    term = {"linear": "{}", "quadratic": "{}^2", "reciprocal": "1/{}"}[family]
    text = ""
    for name, number in zip(names, numbers, strict=True):
        value = _tidy(number / unit, tolerance)
        size = "" if abs(value) == 1 else f"{abs(value):.4g}" + ("/" if family == "reciprocal" else "*")
        body = size + (term.format(name) if size == "" or family != "reciprocal" else name)
        text += (f" {'-' if value < 0 else '+'} " if text else "") + body
    return text


def _monomial(names: list[str], exponents: list[float]) -> str:
    if all(exponent < 0 for exponent in exponents):
        exponents = [-exponent for exponent in exponents]
    above = [_power(n, e) for n, e in zip(names, exponents, strict=True) if e > 0]
    below = [_power(n, -e) for n, e in zip(names, exponents, strict=True) if e < 0]
    return "/".join(["*".join(above), *below])


def _power(name: str, exponent: float) -> str:
    return name if exponent == 1 else f"{name}^{exponent:.4g}"


def _tidy(value: float, tolerance: float) -> float:
    """An integer, or a half, where the value is one within the tolerance."""
    near = round(2 * value) / 2
    return near if near and abs(value - near) <= max(1e-6, 4 * tolerance) * abs(near) else value


def in_one_line(tree: Node, names: Sequence[str]) -> str:
    """The shape in one line, `f1(x1) + x2*f2(x3)`."""
    return _Writer(names).top(tree)


class _Writer:
    """One line for a tree; unknown functions are numbered in reading order."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names, self.count = names, 0

    def top(self, node: Node) -> str:
        """The whole function."""
        return self.inside(node, exact=True) if node.kind in ("sum", "product") else self.value(node)

    def value(self, node: Node) -> str:
        """The node's own value."""
        if node.kind in ("sum", "product"):
            return self.inside(node, exact=False)
        if node.kind == "constant":
            return "constant"
        if node.kind == "leaf" and node.linear:
            return self.names[node.inputs[0]]
        self.count += 1
        return f"f{self.count}({self.inside(node, exact=False)})"

    def inside(self, node: Node, exact: bool) -> str:
        """The node without the outer function that is unknown."""
        if node.kind == "leaf":
            return self.names[node.inputs[0]]
        if node.kind == "combination":
            return node.form
        if node.kind == "function":
            parts = node.children or tuple(Node("leaf", (i,)) for i in node.inputs)
            return ", ".join(self.inside(part, False) for part in parts)
        if node.kind == "link":
            return _joined([self.value(child) for child in node.children])
        if node.kind == "sum":
            return node.form if node.family in ("quadratic", "reciprocal") else self._sum(node, exact)
        if node.family == "power":
            return f"{node.form} + c" if node.offset else node.form
        parts = [self.value(child) for child in node.children]
        body = "*".join(f"({part})" if child.kind == "sum" or child.offset else part
                        for part, child in zip(parts, node.children, strict=True))  # fmt: skip
        return f"{body} + c" if node.offset else body

    def _sum(self, node: Node, exact: bool) -> str:
        slopes = [child.slope for child in node.children if child.linear]
        unit = 1.0 if exact else abs(slopes[0]) if slopes else 1.0
        parts = []
        for child in node.children:
            factor = _tidy(child.slope / unit, child.tolerance) if child.linear else 1.0
            number = "" if abs(factor) == 1 else f"{abs(factor):.4g}*"
            parts.append(("-" if factor < 0 else "") + number + self.value(child))
        return _joined(parts)


def _joined(parts: list[str]) -> str:
    return "".join(
        part if n == 0 else f" - {part[1:]}" if part[0] == "-" else f" + {part}" for n, part in enumerate(parts)
    )


def verdict(node: Node) -> str:
    """The score behind a node, and what it was held against."""
    if node.kind == "constant":
        return ""
    if node.kind == "leaf":
        return ("linear" if node.linear else "curved") + f" ({node.score:.1e})" if node.tolerance else ""
    if node.kind == "function" and not node.children:
        if node.nearest is None:
            return "no shape found"
        kind, score, limit = node.nearest
        return f"no shape found; nearest: {kind}, {score:.1e}" + (f" > {limit:.1e}" if score > limit >= 0 else "")
    return f"{node.score:.1e} <= {node.tolerance:.1e}"


def branches(node: Node, lead: str = "") -> list[str]:
    """What stands before every node of a tree, in the order of `walk`."""
    lines = [lead]
    stem = lead.replace("├ ", "│ ").replace("└ ", "  ")
    for n, child in enumerate(node.children):
        lines += branches(child, stem + ("└ " if n == len(node.children) - 1 else "├ "))
    return lines

"""Which shape a function has: sums, products and common parts of its inputs, found from its derivatives as a tree.

A set of inputs that enters through one function of them is a *module*. Two modules that overlap force their union to be
a sum inside one outer function (Gorman 1968), so the modules of a function nest and form a tree, the way the modules of
a graph do. At every node the tests of `separability` say how its parts come together:

    sum          g(a) + h(b)
    product      g(a) h(b), plus a constant
    combination  F(a x1 + b x2), F(x1^a x2^b), F(a x1^2 + b x2^2), F(a/x1 + b/x2)
    link         F(g(a) + h(b)), the shape of a [n, 1, 1] network
    function     F(g(a), h(b)), no more than that

A part is examined as the function of its own inputs, with the others held at rows of the data: at several, of which
the worst decides. Below a sum or a product that is the part itself; below a link or a function it is the part up to an
outer function of one variable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from edgewise.errors import ParameterError, ShapeError
from edgewise.interpret.data import as_tensor, check_labels, check_names
from edgewise.interpret.derivatives import Rows, examined
from edgewise.interpret.separability import (
    FAMILIES,
    PairScores,
    components,
    link_groups,
    modules,
    pair_scores,
    worst_apart,
)
from edgewise.interpret.shape import Node, branches, combination_text, in_one_line, verdict
from edgewise.interpret.shape_width import width_of
from edgewise.models import KAN

_CANDIDATES, _BASES = 8, 3  # rows at which other inputs are held: these are tried, those kept that vary most
_PILOT = 256  # rows on which that is measured
EXACT = 1e-12
"""Noise of a formula: rounding in float64."""
_MOST = 0.03  # of a tolerance: functions without any shape score from about 0.07 on
_TOO_NOISY = 1e-2


@dataclass(frozen=True)
class Tolerance:
    """What counts as zero, for scores of first, second and third derivatives."""

    first: float
    second: float
    third: float

    @staticmethod
    def of(noise: float) -> Tolerance:
        """What a function known to a relative error `noise` supports.

        A smooth error of size `noise` has derivatives of about `noise^(3/4)`, `noise^(1/2)` and `noise^(1/4)`, when the
        fourth derivative is of order one: Landau's and Kolmogorov's inequality, and what cubic splines reach. None is
        above 0.03, since functions without any shape score from about 0.07 on; beyond a noise of 0.01 all are
        negative, so that nothing is claimed.
        """  # noqa: DOC201 said in the first line
        if noise > _TOO_NOISY:
            return Tolerance(-1.0, -1.0, -1.0)
        return Tolerance(*(min(_MOST, noise**power) for power in (0.75, 0.5, 0.25)))


@dataclass(frozen=True)
class Structure:
    """What `structure` found.

    Attributes:
        tree: the function, from the output down.
        names: of the inputs.
        unused: numbers of inputs that have no effect, or no spread in the data.
        scores: of all pairs of inputs at the data: `scores.interactions`, `.products`, `.apart`, ...
        noise: the relative error that was assumed.
        tolerance: what counts as zero at the output; parts that vary less are known less well.
    """

    tree: Node
    names: tuple[str, ...]
    unused: tuple[int, ...]
    scores: PairScores
    noise: float
    tolerance: Tolerance

    @property
    def expression(self) -> str:
        """The shape in one line: `f1(x1) + x2*f2(x3)`; constants and factors of parts are left out."""
        return in_one_line(self.tree, self.names)

    def label(self, node: Node) -> str:
        """A few words for one node."""
        names = ", ".join(self.names[i] for i in node.inputs)
        if node.kind == "leaf":
            return names if node.linear else f"f({names})"
        if node.kind == "constant":
            return "constant"
        if node.kind == "combination" or (node.kind == "function" and not node.children):
            return f"F({node.form or names})"
        return {"sum": "sum", "product": "product", "link": "F of a sum", "function": "F of"}[node.kind] + (
            f" = F({node.form})" if node.form else ""
        )

    def __str__(self) -> str:
        """The shape, the tree with its scores, and what was assumed."""
        lines = [self.expression, ""]
        marks = branches(self.tree)
        texts = [mark + self.label(node) for mark, (_, node) in zip(marks, self.tree.walk(), strict=True)]
        width = max(map(len, texts)) + 2
        for text, (_, node) in zip(texts, self.tree.walk(), strict=True):
            lines.append(f"{text:{width}s}{verdict(node)}".rstrip())
        if self.unused:
            lines.append(f"without effect: {', '.join(self.names[i] for i in self.unused)}")
        t = self.tolerance
        if t.third < 0:
            lines.append(f"noise {self.noise:.1e}: too much to tell zero from anything; nothing is claimed")
            return "\n".join(lines)
        lines.append(
            f"noise {self.noise:.1e}: first derivatives count as zero below {t.first:.1e}, second {t.second:.1e}, "
            f"third {t.third:.1e}"
        )
        return "\n".join(lines)

    def width(self) -> list[int | list[int]]:
        """A `KAN` of this shape: `KAN(found.width(), mult_arity=found.mult_arity)`.

        A sum is a node that adds, a product one that multiplies; functions of one variable, outer ones too, are edges.
        A function of m parts that has no shape gets 2m + 1 nodes and one above. The network is fully connected and may
        be trained as it is.
        """  # noqa: DOC201 said in the first line
        return width_of(self.tree, len(self.names))

    @property
    def mult_arity(self) -> int:
        """Most factors of a product; 2 without products."""
        sizes = [len(node.children) for _, node in self.tree.walk() if node.kind == "product"]
        sizes += [
            len(node.inputs) for _, node in self.tree.walk() if node.kind == "combination" and node.family == "power"
        ]
        return max([2, *sizes])


def structure(
    model: Any,
    x: Any,
    y: Any = None,
    *,
    noise: float | None = None,
    tolerance: float | None = None,
    output: int = 0,
    names: Sequence[str] | None = None,
) -> Structure:
    """Find the shape of a function: sums, products, combinations and common parts of its inputs.

    Args:
        model: a KAN, another module, or any function of a `(B, D)` tensor with values `(B,)` or `(B, outputs)`, each
            row by itself. Derivatives are exact, up to the third order, and in float64.
        x: `(N, D)` rows, or a dict with `train_input` and `train_label`. Rows where parts are combined that did not
            occur together are evaluated as well; those without a finite value are left out.
        y: `(N,)` or `(N, outputs)` labels: the error of the model on them is then the noise. Where labels are noisy
            themselves, the model may be better than that: give `noise`.
        noise: relative error of the function: its root mean square error over the standard deviation of its values.
            Where neither this nor labels are given, the function is taken as exact (1e-12).
        tolerance: the largest score that counts as zero, for all tests alike; when absent they follow from the noise,
            as `noise^(3/4)`, `noise^(1/2)`, `noise^(1/4)` for tests with first, second and third derivatives, at most
            0.03; beyond a noise of 0.01 nothing is claimed. A part that varies less than the whole has as much more.
        output: which output.
        names: of the inputs; those of the model, or `x1`, `x2`, ..., when absent.

    Returns:
        The tree, with the score behind every verdict.

    Raises:
        ParameterError: `model` cannot be called, or an argument is out of range.
        ShapeError: rows, labels or values have another shape.
        DomainError: NaN or infinity in the data, the values or the derivatives.
    """
    for name, value in (("noise", noise), ("tolerance", tolerance)):
        if value is not None and not (isinstance(value, int | float) and 0 <= value < 1):
            raise ParameterError(f"`{name}` must be a number in [0, 1); got {value!r}.")
    function, data = examined(model, x, output)
    names = _names(model, names, data.shape[1])
    rows = Rows(function, data)
    if isinstance(x, Mapping) and y is None:
        y = x.get("train_label")
    if noise is None:
        noise = EXACT if y is None else max(EXACT, _error(rows, y, output))
    search = _Search(rows, noise, tolerance, names)
    tree, unused, scores = search.tree()
    return Structure(tree, tuple(names), tuple(unused), scores, noise, search.tolerance_of(rows.spread))


def _names(model: Any, names: Sequence[str] | None, features: int) -> list[str]:
    if names is None:
        return list(model.input_names) if isinstance(model, KAN) else [f"x{i + 1}" for i in range(features)]
    return check_names(names, features)


def _error(rows: Rows, y: Any, output: int) -> float:
    """Root mean square error of the function on labels, over the spread of its values."""
    labels = as_tensor(y, "outputs").detach().to(rows.x)
    labels = labels if labels.dim() == 1 else labels[:, output] if output < labels.shape[1] else labels
    if labels.shape != rows.x.shape[:1]:
        raise ShapeError(f"`y` must be ({len(rows.x)},) or ({len(rows.x)}, outputs); got {tuple(labels.shape)}.")
    check_labels(labels)
    with torch.no_grad():
        error = float((rows.function(rows.x) - labels).square().mean().sqrt())
    return min(error / rows.spread, 0.999) if rows.spread > 0 else EXACT


# ------------------------------------------------------------------------------------------------ search


class _Search:
    """Builds the tree from the top down."""

    def __init__(self, rows: Rows, noise: float, tolerance: float | None, names: Sequence[str]) -> None:
        self.rows, self.noise, self.fixed, self.names = rows, noise, tolerance, names

    def tolerance_of(self, spread: float) -> Tolerance:
        """What counts as zero for a part with that standard deviation."""
        if self.fixed is not None:
            return Tolerance(self.fixed, self.fixed, self.fixed)
        ratio = self.rows.spread / spread if spread > 0 else 1.0
        return Tolerance.of(min(1.0, self.noise * max(1.0, ratio)))

    def tree(self) -> tuple[Node, list[int], PairScores]:
        """The tree, the inputs that it leaves out, and the scores at the data."""
        scores = pair_scores(self.rows)
        weak = scores.effects <= max(0.0, self.tolerance_of(self.rows.spread).first)
        used = [i for i in range(self.rows.features) if not bool(weak[i])]
        unused = [i for i in range(self.rows.features) if bool(weak[i])]
        if not used:
            return Node("constant", ()), unused, scores
        return self.node(used, 0.0), unused, scores

    def node(self, inputs: list[int], known: float | None) -> Node:
        """The part that is a function of these inputs; `known` is the constant beside it, None if that is lost."""
        part = _Part.of(self, inputs)
        if len(inputs) == 1:
            return self._leaf(part, inputs)
        rules: list[Callable[[_Part, float | None], Node | None]] = [
            self._sum,
            self._product,
            self._combination,
            self._link,
        ]
        for rule in rules:
            found = rule(part, known)
            if found is not None:
                return found
        return self._function(part)

    def _leaf(self, part: _Part, inputs: list[int]) -> Node:
        score = part.worst(lambda s: s.interactions[0, 0])
        slope = part.slopes[0]
        return Node(
            "leaf", tuple(inputs), score=score, tolerance=part.tolerance.second,
            linear=score <= part.tolerance.second, slope=slope,
        )  # fmt: skip

    def _sum(self, part: _Part, _: float | None) -> Node | None:
        limit = part.tolerance.second
        groups = components(part.table(lambda s: s.interactions) > limit)
        if len(groups) == 1:
            return None
        score = _across(part.table(lambda s: s.interactions), groups)
        return self._with_children("sum", part, groups, score, limit, None)

    def _product(self, part: _Part, known: float | None) -> Node | None:
        limit = part.tolerance.second
        groups = components(part.table(lambda s: s.products) > limit)
        if len(groups) == 1:
            return None
        found = [scores.common_offset(groups) for scores in part.scores]
        score = max(score for _, score in found)
        if score > limit:
            return None
        offsets = [c * rows.spread + rows.mean for (c, _), rows in zip(found, part.rows, strict=True)]
        seen = 0.0
        if known is not None:
            seen = max((c - known) / rows.spread for c, rows in zip(offsets, part.rows, strict=True))
        node = self._with_children("product", part, groups, score, limit, offsets[0])
        if node.form and not any(child.linear for child in node.children):
            return None  # exp(x - y), x^2 y^2: one function of the combination is simpler
        return replace(node, offset=seen if abs(seen) > limit else 0.0)

    def _combination(self, part: _Part, _: float | None) -> Node | None:
        found = part.form(self.names)
        if found is None:
            return None
        form, family, score = found
        return Node(
            "combination", tuple(part.inputs), score=score, tolerance=part.tolerance.first, form=form, family=family
        )

    def _link(self, part: _Part, _: float | None) -> Node | None:
        limit = part.tolerance
        links = part.links()
        groups = link_groups(links, part.table(lambda s: s.apart), limit.second, limit.third)
        if len(groups) == 1:
            return None
        return self._with_children("link", part, groups, _across(links, groups), limit.third, None)

    def _function(self, part: _Part) -> Node:
        apart = part.table(lambda s: s.apart)
        limit = part.tolerance.second
        groups = modules(apart, limit)
        if not groups:
            return Node("function", tuple(part.inputs), tolerance=limit, nearest=part.nearest())
        score = max(worst_apart(apart, group) for group in groups)
        alone = [[i] for i in range(len(part.inputs)) if not any(i in group for group in groups)]
        return self._with_children("function", part, sorted(groups + alone), score, limit, None)

    def _with_children(
        self, kind: str, part: _Part, groups: list[list[int]], score: float, limit: float, known: float | None
    ) -> Node:
        children = tuple(self.node([part.inputs[i] for i in group], known) for group in groups)
        if kind in ("link", "function"):  # a part up to an outer function: whether it is linear is not known
            children = tuple(replace(child, linear=False) if child.kind == "leaf" else child for child in children)
        form, family, _ = part.form(self.names) or ("", "", 0.0)
        return Node(kind, tuple(part.inputs), children, score, limit, form, family)


class _Part:
    """The function of some inputs, with the others held at several rows."""

    def __init__(self, inputs: list[int], rows: list[Rows], tolerance: Tolerance) -> None:
        self.inputs, self.rows, self.tolerance = inputs, rows, tolerance
        self.scores = [pair_scores(own) for own in rows]

    @staticmethod
    def of(search: _Search, inputs: list[int]) -> _Part:
        """The part with these inputs."""
        whole = search.rows
        if len(inputs) == whole.features:
            return _Part(inputs, [whole], search.tolerance_of(whole.spread))
        every = whole.x
        pilot = every[_even(len(every), _PILOT)]
        bases = every[_even(len(every), _CANDIDATES)]
        seen = [Rows(whole.function, pilot, strict=False).restricted(inputs, base).spread for base in bases]
        order = sorted(range(len(bases)), key=lambda n: -seen[n])[:_BASES]
        rows = [whole.restricted(inputs, bases[n]) for n in order if seen[n] > 0] or [
            whole.restricted(inputs, bases[0])
        ]
        return _Part(inputs, rows, search.tolerance_of(min(own.spread for own in rows)))

    def table(self, entry: Callable[[PairScores], Tensor]) -> Tensor:
        """The worst over all rows at which the others are held."""
        return torch.stack([entry(scores) for scores in self.scores]).amax(dim=0)

    def worst(self, entry: Callable[[PairScores], Tensor]) -> float:
        """The same of one number."""
        return max(float(entry(scores)) for scores in self.scores)

    def links(self) -> Tensor:
        """The scores that take third derivatives."""
        found = [pair_scores(own, third=True).links for own in self.rows]
        return torch.stack([links for links in found if links is not None]).amax(dim=0)

    def nearest(self) -> tuple[str, float, float]:
        """The test that failed by least, its score and tolerance."""
        limit = self.tolerance
        misses = [
            ("sum", _splits_at(self.table(lambda s: s.interactions)), limit.second),
            ("product", _splits_at(self.table(lambda s: s.products)), limit.second),
            ("combination", min(float(self.table(lambda s, f=f: s.combined[f]).max()) for f in FAMILIES), limit.first),
            ("F of a sum", _splits_at(self.links()), limit.third),
        ]
        return min(misses, key=lambda miss: miss[1] / miss[2] if miss[2] > 0 else miss[1])

    @property
    def slopes(self) -> list[float]:
        """Mean first derivatives in the units of the inputs, at the first base."""
        rows, scores = self.rows[0], self.scores[0]
        scale = torch.where(rows.scale > 0, rows.scale, 1.0)
        return (scores.slopes * (rows.spread or 1.0) / scale).tolist()

    def form(self, names: Sequence[str]) -> tuple[str, str, float] | None:
        """The combination of all its inputs through which it acts, its family and score; None where there is none."""
        head = int(self.scores[0].effects.argmax())
        worst = {f: float(self.table(lambda s, f=f: s.combined[f])[:, head].max()) for f in FAMILIES}
        best = min(FAMILIES, key=worst.__getitem__)
        own = [names[i] for i in self.inputs]
        if len(own) < 2 or worst[best] > self.tolerance.first:
            return None
        numbers = self.scores[0].ratio(best, self.rows[0])[:, head].tolist()
        return combination_text(best, own, numbers, self.tolerance.first), best, worst[best]


def _even(count: int, wanted: int) -> Tensor:
    """Numbers of at most `wanted` rows, evenly spread."""
    return torch.arange(min(count, wanted)) * count // min(count, wanted)


def _across(table: Tensor, groups: list[list[int]]) -> float:
    """The worst entry between different groups."""
    group = {i: n for n, members in enumerate(groups) for i in members}
    return max(float(table[i, j]) for i in group for j in group if group[i] != group[j])


def _splits_at(table: Tensor) -> float:
    """The smallest tolerance at which inputs fall into groups."""
    return next(t for t in sorted(set(table.flatten().tolist())) if len(components(table > t)) > 1)

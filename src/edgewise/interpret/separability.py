"""Scores of how inputs enter a function together: in a sum, a product, one combination, one common function.

Every test is an identity between exact derivatives at the rows of the data. Its score is the root mean square of what
is left of the identity, over that of the sizes of its terms: 0 where it holds, at most 1, whatever the units. (For the
last but one it is taken row by row.)

    sum of i | j        f_ij = 0                          (in deviations of inputs and output; not bounded by 1)
    product, offset c   (f - c) f_ij = f_i f_j
    i, j apart from k   d/dx_k (f_i / f_j) = 0            f_ik f_j = f_i f_jk
    F(g(i) + h(j))      d2/dx_i dx_j log(f_i / f_j) = 0   third derivatives
    F(a phi(i) + b phi(j))    f_i b phi'(j) = f_j a phi'(i)

Source: Udrescu and Tegmark (2020), AI Feynman, arXiv 1905.11481 (which symmetries to look for); Gorman (1968), The
structure of utility functions (overlapping separable sets add up). Differs from both, and from KAN 2.0: no threshold on
logarithms or on finite differences, so functions may change sign.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import torch
from torch import Tensor

from edgewise.errors import ParameterError
from edgewise.interpret.derivatives import Jet, Rows, examined

FAMILIES: tuple[str, ...] = ("linear", "power", "quadratic", "reciprocal")
"""Combinations that are looked for: `a x + b y`, `x^p y^q`, `a x^2 + b y^2`, `a/x + b/y`."""
_UNITS = {"linear": -1, "power": 0, "quadratic": -2, "reciprocal": 1}
_MOST_BLOCKS = 12  # beyond, 2^blocks divisions into two are too many to look at


def additive_groups(model: Any, x: Any, tolerance: float = 1e-6, *, output: int = 0) -> list[list[int]]:
    """The finest groups of inputs such that the function is a sum of functions of one group each.

    Args:
        model: a KAN, another module, or any function of a `(B, D)` tensor with values `(B,)` or `(B, outputs)`.
        x: `(N, D)` rows.
        tolerance: largest interaction (see `interactions`) that counts as none.
        output: which output.

    Returns:
        Groups of input numbers. An input that does nothing is a group of its own.

    Raises:
        ParameterError: `model` cannot be called, there is no such output, or `tolerance` is not a number >= 0.
        ShapeError: rows or values have another shape.
        DomainError: NaN or infinity in the data, the values or the derivatives.
    """
    _check_tolerance(tolerance)
    return components(pair_scores(Rows(*examined(model, x, output))).interactions > tolerance)


def multiplicative_groups(
    model: Any, x: Any, tolerance: float = 1e-6, *, offset: float | None = 0.0, output: int = 0
) -> list[list[int]]:
    """The finest groups of inputs such that the function, less a constant, is a product of functions of one group each.

    The function may change its sign.

    Args:
        model: a KAN, another module, or any function of a `(B, D)` tensor with values `(B,)` or `(B, outputs)`.
        x: `(N, D)` rows.
        tolerance: largest score that counts as none.
        offset: the constant; None to look for the one that fits.
        output: which output.

    Returns:
        Groups of input numbers. An input that does nothing is a group of its own.

    Raises:
        ParameterError: `model` cannot be called, there is no such output, or a number is out of range.
        ShapeError: rows or values have another shape.
        DomainError: NaN or infinity in the data, the values or the derivatives.
    """
    _check_tolerance(tolerance)
    rows = Rows(*examined(model, x, output))
    scores = pair_scores(rows, offset=offset)
    groups = components(scores.products > tolerance)
    if offset is None and scores.common_offset(groups)[1] > tolerance:
        return [list(range(rows.features))]
    return groups


def compositional(model: Any, x: Any, subset: Sequence[int], *, output: int = 0) -> float:
    """Whether some inputs enter through one function of them: `f = F(g(x_S), rest)`.

    Args:
        model: a KAN, another module, or any function of a `(B, D)` tensor with values `(B,)` or `(B, outputs)`.
        x: `(N, D)` rows.
        subset: numbers of the inputs S.
        output: which output.

    Returns:
        The worst score of its pairs against the other inputs: 0 where it holds (as for a single input, or for all).

    Raises:
        ParameterError: `model` cannot be called, or there is no such input or output.
        ShapeError: rows or values have another shape.
        DomainError: NaN or infinity in the data, the values or the derivatives.
    """
    rows = Rows(*examined(model, x, output))
    for i in subset:
        _check_input("subset", i, rows.features)
    return pair_scores(rows).module(sorted(set(subset)))


@dataclass(frozen=True)
class Symmetry:
    """How well two inputs enter through one combination.

    Attributes:
        scores: combination to its score, 0 where it holds exactly, at most 1.
        ratios: combination with free numbers to the ratio of the number of the second input to that of the first.
    """

    scores: dict[str, float]
    ratios: dict[str, float] = field(default_factory=dict)

    def holding(self, tolerance: float = 1e-6) -> list[str]:
        """The combinations with a score of at most `tolerance`, the best first."""
        return sorted((name for name, score in self.scores.items() if score <= tolerance), key=self.scores.__getitem__)

    def __str__(self) -> str:
        """A line per combination."""
        width = max(map(len, self.scores))
        return "\n".join(
            f"{name:{width}s}  {score:8.2e}" + (f"  b/a = {self.ratios[name]:.6g}" if name in self.ratios else "")
            for name, score in self.scores.items()
        )


def symmetry(model: Any, x: Any, i: int, j: int, *, output: int = 0, names: tuple[str, str] | None = None) -> Symmetry:
    """Whether two inputs enter only through their sum, difference, product, ratio, or a like combination.

    Args:
        model: a KAN, another module, or any function of a `(B, D)` tensor with values `(B,)` or `(B, outputs)`.
        x: `(N, D)` rows.
        i: first input, from 0.
        j: second input.
        output: which output.
        names: of the two inputs; `x1`, `x2`, ... when absent.

    Returns:
        Scores. Where neither input does anything they are all 0: any combination will do.

    Raises:
        ParameterError: `model` cannot be called, or there is no such input or output.
        ShapeError: rows or values have another shape.
        DomainError: NaN or infinity in the data, the values or the derivatives.
    """
    rows = Rows(*examined(model, x, output))
    _check_input("i", i, rows.features)
    _check_input("j", j, rows.features)
    if i == j:
        raise ParameterError(f"`j` must be another input than `i`; both are {i}.")
    scores, fixed = pair_scores(rows), _fixed(rows, i, j)
    a, b = names or (f"x{i + 1}", f"x{j + 1}")
    plain = {
        f"{a} + {b}": fixed["linear", 1], f"{a} - {b}": fixed["linear", -1], f"{a} * {b}": fixed["power", 1],
        f"{a} / {b}": fixed["power", -1], f"{a}^2 + {b}^2": fixed["quadratic", 1],
        f"{a}^2 - {b}^2": fixed["quadratic", -1], f"1/{a} + 1/{b}": fixed["reciprocal", 1],
    }  # fmt: skip
    free = dict(
        zip((f"a {a} + b {b}", f"{a}^a * {b}^b", f"a {a}^2 + b {b}^2", f"a/{a} + b/{b}"), FAMILIES, strict=True)
    )
    return Symmetry(
        plain | {name: float(scores.combined[family][i, j]) for name, family in free.items()},
        {name: float(scores.ratio(family, rows)[j, i]) for name, family in free.items()},
    )


# --------------------------------------------------------------------------------------------- all pairs


@dataclass(frozen=True)
class PairScores:
    """All scores of one function on its rows.

    Attributes:
        effects: `(D,)` root mean square of the first derivatives, in deviations.
        slopes: `(D,)` their means.
        interactions: `(D, D)` root mean square of the second derivatives, in deviations.
        products: `(D, D)` each with the best offset of its pair, or the one that was given.
        offsets: `(D, D)` these, in deviations from the mean.
        weights: `(D, D)` what another offset would add to the square of a product's score, per its square.
        apart: `(D, D, D)` entry `[i, j, k]`: whether `f_i / f_j` is free of `x_k`.
        combined: for each of `FAMILIES` `(D, D)`.
        ratios: for each of `FAMILIES` `(D, D)` the number of `i` over that of `j`, in deviations.
        links: `(D, D)` whether `F(g(x_i) + h(x_j))` at every value of the others; None unless asked for.
    """

    effects: Tensor
    slopes: Tensor
    interactions: Tensor
    products: Tensor
    offsets: Tensor
    weights: Tensor
    apart: Tensor
    combined: dict[str, Tensor]
    ratios: dict[str, Tensor]
    links: Tensor | None = None

    def module(self, subset: Sequence[int]) -> float:
        """Worst score of `f = F(g(x_S), rest)`."""
        return worst_apart(self.apart, subset)

    def common_offset(self, groups: Sequence[Sequence[int]]) -> tuple[float, float]:
        """The offset that serves all pairs of different groups, and the worst score with it."""
        group = {i: n for n, members in enumerate(groups) for i in members}
        pairs = [(i, j) for i in group for j in group if group[i] < group[j]]
        if not pairs:
            return 0.0, 0.0
        i, j = torch.tensor(pairs, device=self.weights.device).unbind(dim=1)
        weight, own, score = self.weights[i, j], self.offsets[i, j], self.products[i, j]
        total = weight.sum()
        common = (weight * own).sum() / total if total > 0 else total
        # Each own offset is the minimum of a parabola, so this is exact and nothing cancels.
        return float(common), float((score.square() + weight * (own - common).square()).sqrt().max())

    def ratio(self, family: str, rows: Rows) -> Tensor:
        """`ratios` in the units of the inputs."""
        scale = torch.where(rows.scale > 0, rows.scale, 1.0) ** _UNITS[family]
        return self.ratios[family] * scale[:, None] / scale


def pair_scores(rows: Rows, *, offset: float | None = None, third: bool = False) -> PairScores:
    """Everything about all pairs, in two passes over the rows: the second knows the best numbers.

    Args:
        rows: the function and its rows.
        offset: of products; the best of every pair when absent.
        third: whether to give `links`.

    Returns:
        The scores; all 1 where there is no row to look at.
    """
    first = _Sums()
    for jet in rows.jets():
        hessian, flat = jet.hessian, _outer(jet.gradient)
        first.add("slope", jet.gradient)
        first.add("curvature", hessian.square())
        first.add("mixed", hessian * (jet.value[:, None, None] * hessian - flat))
        for name, u in _families(jet).items():
            first.add(name, u.square())
            first.add(name + " both", u * u.mT)
    if not first.count:
        return _nothing_known(rows.features, rows.x, third)
    curvature = first["curvature"]
    if offset is None:
        offsets = torch.where(curvature > 0, first["mixed"] / _positive(curvature), 0.0)
    else:
        offsets = torch.full_like(curvature, (offset - rows.mean) / (rows.spread or 1.0))
    ratios = {name: first[name + " both"].sign() * _root(first[name], first[name].mT) for name in FAMILIES}
    second = _Sums()
    for jet in rows.jets(third=third):
        _add_residuals(second, jet, offsets, first)
    scores = {name: _root(second[name], second[name + " size"]) for name in ("product", "apart", *FAMILIES)}
    return PairScores(
        effects=second["effect"].sqrt(),
        slopes=first["slope"],
        interactions=curvature.sqrt(),
        products=scores["product"],
        offsets=offsets,
        weights=torch.where(second["product size"] > 0, curvature / _positive(second["product size"]), 0.0),
        apart=scores["apart"],
        combined={name: scores[name] for name in FAMILIES},
        ratios=ratios,
        links=_root(second["link"], second["link size"]) if third else None,
    )


def _add_residuals(sums: _Sums, jet: Jet, offsets: Tensor, first: _Sums) -> None:
    gradient, hessian = jet.gradient, jet.hessian
    flat = _outer(gradient)
    sums.add("effect", gradient.square())
    raised = (jet.value[:, None, None] - offsets) * hessian
    sums.compare("product", raised - flat, raised.abs() + flat.abs())
    left = hessian[:, :, None, :] * gradient[:, None, :, None]  # f_ik f_j at [i, j, k]
    right = left.transpose(1, 2)
    # The change of log(f_i / f_j) over a deviation of x_k, seen against 1: the last term. Without it the
    # noise of vanishing derivatives would be compared with itself.
    sums.compare("apart", left - right, left.abs() + right.abs() + flat.abs()[..., None])
    for name, u in _families(jet).items():
        sign = first[name + " both"].sign()
        size = _positive(first[name].sqrt())
        v = sign * u.mT / size.mT
        sums.compare(name, u / size - v, u.abs() / size + v.abs())
    if jet.third is not None:
        residual, size = _link(gradient, hessian, jet.third)
        # Row by row, weighted by the derivatives: over squares of these quartic terms a few steep rows would decide.
        weight = flat.abs()
        sums.add("link", weight * torch.where(size > 0, residual / _positive(size), 0.0).square())
        sums.add("link size", weight)


def _link(g: Tensor, h: Tensor, third: Tensor) -> tuple[Tensor, Tensor]:
    """`g_i^2 g_j^2` times the mixed derivative of `log(f_i / f_j)`, and the sum of its terms' sizes."""
    gi, gj = g[:, :, None], g[:, None, :]
    own = torch.diagonal(h, dim1=1, dim2=2)  # f_ii
    terms = [
        third * gi * gj.square(),  # f_iij f_i f_j^2
        -h * own[:, :, None] * gj.square(),
        -third.mT * gi.square() * gj,  # f_ijj f_i^2 f_j
        h * own[:, None, :] * gi.square(),
    ]
    size = sum((term.abs() for term in terms), (gi * gj).square())
    return torch.stack(terms).sum(dim=0), size


def _families(jet: Jet) -> dict[str, Tensor]:
    """`(B, D, D)` per family: `f_i phi'(x_j)`, or what it is after both sides were multiplied by the same."""
    g, x = jet.gradient, jet.rows
    ones = torch.ones_like(g)[:, None, :]
    return {
        "linear": g[:, :, None] * ones,
        "power": (g * x)[:, :, None] * ones,
        "quadratic": g[:, :, None] * x[:, None, :],
        "reciprocal": (g * x.square())[:, :, None] * ones,
    }


def _fixed(rows: Rows, i: int, j: int) -> dict[tuple[str, int], float]:
    """Scores of combinations whose numbers are 1 and +1 or -1, in the units of the inputs."""
    sums = _Sums()
    for jet in rows.jets():
        for (name, u), sign in product(_families(jet).items(), (1, -1)):
            scale = torch.where(rows.scale > 0, rows.scale, 1.0)[[i, j]] ** _UNITS[name]
            left, right = u[:, i, j] * scale[0], sign * u[:, j, i] * scale[1]
            sums.compare(f"{name}{sign}", left - right, left.abs() + right.abs())
    keys = product(FAMILIES, (1, -1))
    return {(n, s): float(_root(sums[f"{n}{s}"], sums[f"{n}{s} size"])) for n, s in keys}


class _Sums:
    """Means over rows, block by block."""

    def __init__(self) -> None:
        self.count, self._sums = 0, {}
        self._counts: dict[str, int] = {}

    def add(self, name: str, values: Tensor) -> None:
        """Add a block `(B, ...)`."""
        self._sums[name] = self._sums.get(name, 0) + values.sum(dim=0)
        self._counts[name] = self._counts.get(name, 0) + len(values)
        self.count = max(self.count, self._counts[name])

    def compare(self, name: str, residual: Tensor, size: Tensor) -> None:
        """Add the squares of a residual and of the size that it is seen against."""
        self.add(name, residual.square())
        self.add(name + " size", size.square())

    def __getitem__(self, name: str) -> Tensor:
        return self._sums[name] / max(1, self._counts[name])


def _nothing_known(features: int, like: Tensor, third: bool) -> PairScores:
    one, pairs = like.new_ones(features), like.new_ones(features, features)
    every = dict.fromkeys(FAMILIES, pairs)
    zero = torch.zeros_like(pairs)
    apart = like.new_ones(features, features, features)
    return PairScores(one, 0 * one, pairs, pairs, zero, zero, apart, every, every, pairs if third else None)


def _outer(gradient: Tensor) -> Tensor:
    return gradient[:, :, None] * gradient[:, None, :]


def _positive(value: Tensor) -> Tensor:
    return torch.where(value > 0, value, 1.0)


def _root(above: Tensor, below: Tensor) -> Tensor:
    """Root of a ratio; zero where there is nothing to compare with."""
    return torch.where(below > 0, (above / _positive(below)).sqrt(), 0.0)


# ------------------------------------------------------------------------------------------------ groups


def components(joined: Tensor) -> list[list[int]]:
    """Connected components of a symmetric `(D, D)` graph, each sorted, in order of their first member."""
    left, groups = set(range(len(joined))), []
    while left:
        group, waiting = set(), [min(left)]
        while waiting:
            i = waiting.pop()
            if i not in group:
                group.add(i)
                waiting += [j for j in left - group if bool(joined[i, j] | joined[j, i])]
        left -= group
        groups.append(sorted(group))
    return groups


def worst_apart(apart: Tensor, subset: Sequence[int]) -> float:
    """Worst score of `f = F(g(x_S), rest)` among the pairs of S and the other inputs."""
    inside = list(subset)
    outside = [k for k in range(len(apart)) if k not in set(inside)]
    if len(inside) < 2 or not outside:
        return 0.0
    return float(apart[inside][:, inside][:, :, outside].max())


def modules(apart: Tensor, tolerance: float) -> list[list[int]]:
    """The largest sets of inputs that enter through one function each, none of them all inputs.

    Those of two inputs grow until they are closed; sets that overlap are joined.
    """  # noqa: DOC201 said in the first line
    size, broken = len(apart), apart > tolerance
    found: list[set[int]] = []
    for i in range(size):
        for j in range(i + 1, size):
            own = {i, j}
            while True:
                inside = sorted(own)
                more = set(broken[inside][:, inside].any(dim=0).any(dim=0).nonzero()[:, 0].tolist()) - own
                if not more:
                    break
                own |= more
            if len(own) < size:
                found.append(own)
    found.sort(key=len, reverse=True)
    kept: list[set[int]] = []
    for own in found:
        met = [other for other in kept if other & own]
        union = own.union(*met)
        if len(union) < size:
            kept = [other for other in kept if other not in met] + [union]
    return sorted(sorted(own) for own in kept)


def link_groups(links: Tensor, apart: Tensor, tolerance: float, link_tolerance: float) -> list[list[int]]:
    """The finest groups such that `f = F(sum of functions of one group each)`; one group where there are none."""
    blocks = components(links > link_tolerance)
    if not 1 < len(blocks) <= _MOST_BLOCKS:
        return [list(range(len(links)))]
    sides = []
    for code in range(1, 1 << (len(blocks) - 1)):
        one = [i for n, block in enumerate(blocks) if code >> n & 1 for i in block]
        other = [i for n, block in enumerate(blocks) if not code >> n & 1 for i in block]
        if max(worst_apart(apart, one), worst_apart(apart, other)) <= tolerance:
            sides.append(set(one))
    groups: dict[tuple[bool, ...], list[int]] = {}
    for i in range(len(links)):
        groups.setdefault(tuple(i in side for side in sides), []).append(i)
    return list(groups.values())


def _check_tolerance(tolerance: float) -> None:
    if not (isinstance(tolerance, int | float) and tolerance >= 0):
        raise ParameterError(f"`tolerance` must be a number >= 0; got {tolerance!r}.")


def _check_input(name: str, i: int, features: int) -> None:
    if not isinstance(i, int) or isinstance(i, bool) or not 0 <= i < features:
        raise ParameterError(f"`{name}` must name inputs by ints, 0 to {features - 1}; got {i!r}.")

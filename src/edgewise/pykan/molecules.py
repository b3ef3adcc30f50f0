"""How variables combine, level by level: pykan's "molecules", and their tree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any, cast

from torch import Tensor

from edgewise.errors import ParameterError
from edgewise.interpret.data import check_names
from edgewise.interpret.shape import Node
from edgewise.interpret.structure import EXACT, Structure, Tolerance
from edgewise.pykan.dependence import across, generally_separable, pair_dependence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Groups = list[list[int]]
_KINDS = {"Add": "sum", "Mul": "product", "GS": "link", "": "function"}


def get_molecule(
    model: Callable[[Tensor], Tensor], x: Tensor, sym_th: float = 1e-3, verbose: bool = True
) -> list[Groups]:
    """How the inputs are combined, from single ones to all.

    Every level joins those groups that enter the function through one function of them and have no smaller such union.
    Differs from pykan, which joins in order of their numbers: `F(g(x1, x2), x3)` has a level of its own for
    `(x1, x2)`, and three terms of a sum come together at once.

    Args:
        model: `(N, inputs)` to `(N, outputs)`, each row by itself; the first output counts.
        x: `(N, inputs)` rows.
        sym_th: dependence below counts as none, see `hypothesis.test_symmetry`.
        verbose: not needed.

    Returns:
        A list of groups per level; neighbours are joined, so that a tree can be drawn.
    """
    broken = ~(pair_dependence(model, x) < sym_th)
    levels: list[Groups] = [[[i] for i in range(x.shape[1])]]
    while len(levels) == 1 or len(levels[-1]) > 1:
        levels.append(_joined(levels[-1], broken))
    place = {i: n for n, i in enumerate(levels[-1][0])}
    return [sorted(groups, key=lambda group: place[group[0]]) for groups in levels]


def _joined(groups: Groups, broken: Tensor) -> Groups:
    """The next level."""
    closed = {_closure(groups, pair, broken) for pair in combinations(range(len(groups)), 2)}
    closed = {own for own in closed if len(own) < len(groups)}
    smallest = [set(own) for own in closed if not any(other < own for other in closed)]
    unions: list[set[int]] = []
    for own in smallest:  # what overlaps is a sum inside one function: it comes together at once
        met = [other for other in unions if other & own]
        unions = [other for other in unions if other not in met] + [own.union(*met)]
    unions = unions or [set(range(len(groups)))]
    left = dict.fromkeys(range(len(groups)))
    found = []
    while left:
        first = next(iter(left))
        union = next((sorted(own) for own in unions if first in own), [first])
        found.append([i for n in union for i in groups[n]])
        left = dict.fromkeys(n for n in left if n not in union)
    return found


def _closure(groups: Groups, pair: tuple[int, int], broken: Tensor) -> frozenset[int]:
    """Numbers of the groups in the smallest union of groups that holds two of them and enters through one function."""
    own = set(pair)
    while True:
        inside = [i for n in own for i in groups[n]]
        outside = broken[inside][:, inside].flatten(0, 1).any(dim=0)
        more = {n for n, group in enumerate(groups) if n not in own and bool(outside[group].any())}
        if not more:
            return frozenset(own)
        own |= more


def get_tree_node(
    model: Callable[[Tensor], Tensor],
    x: Tensor,
    moleculess: Sequence[Groups],
    sep_th: float = 1e-2,
    skip_test: bool = True,
) -> tuple[list[list[int]], list[list[str]]]:
    """How many parts every molecule has, and how they come together.

    Differs from pykan: where a sum and a product both pass, it is the one with the lower score, not always the product.

    Args:
        model: `(N, inputs)` to `(N, outputs)`, each row by itself; the first output counts.
        x: `(N, inputs)` rows.
        moleculess: of `get_molecule`.
        sep_th: threshold of the tests of separability.
        skip_test: whether to leave these out.

    Returns:
        Per level above the first: numbers of parts, and `"Id"` (one part), `"GS"` (a function of a sum), at the top
        also `"Add"` or `"Mul"`, `""` for no more than a function.
    """
    arities, properties = [], []
    for l, molecules in enumerate(moleculess[1:]):
        parts = [_parts(molecule, moleculess[l]) for molecule in molecules]
        top = l == len(moleculess) - 2
        arities.append([len(groups) for groups in parts])
        properties.append([_property(model, x, groups, sep_th, skip_test, top) for groups in parts])
    return arities, properties


def _parts(molecule: list[int], below: Groups) -> Groups:
    return [group for group in below if set(group) <= set(molecule)]


def _property(
    model: Callable[[Tensor], Tensor], x: Tensor, groups: Groups, threshold: float, skip: bool, top: bool
) -> str:
    if len(groups) == 1:
        return "Id"
    if skip:
        return ""
    if top:
        score, name = min((across(model, x, groups, mode), mode) for mode in ("add", "mul"))
        if score < threshold:
            return name.capitalize()
    return "GS" if generally_separable(model, x, groups, threshold) else ""


def plot_tree(
    model: Callable[[Tensor], Tensor],
    x: Tensor,
    in_var: Sequence[Any] | None = None,
    style: str = "tree",
    sym_th: float = 1e-3,
    sep_th: float = 1e-1,
    skip_sep_test: bool = False,
    verbose: bool = False,
) -> Figure:
    """Draw the tree of molecules, see `edgewise.plot.plot_tree`.

    Differs from pykan: the figure is returned, not shown; `in_var` works; both styles are one.

    Args:
        model: `(N, inputs)` to `(N, outputs)`, each row by itself; the first output counts.
        x: `(N, inputs)` rows.
        in_var: names or sympy symbols of the inputs; `x_1`, `x_2`, ... when absent.
        style: `"tree"` or `"box"`.
        sym_th: see `get_molecule`.
        sep_th: see `get_tree_node`.
        skip_sep_test: see `get_tree_node`.
        verbose: not needed.

    Returns:
        The figure.

    Raises:
        ParameterError: another `style`, or another number of names.
    """
    from edgewise import plot

    return plot.plot_tree(tree_of(model, x, in_var, style, sym_th, sep_th, skip_sep_test, verbose), scores=False)


def tree_of(
    model: Callable[[Tensor], Tensor], x: Tensor, in_var: Sequence[Any] | None, style: str, sym_th: float,
    sep_th: float, skip_sep_test: bool, verbose: bool,
) -> Structure:  # fmt: skip
    """What `plot_tree` draws; arguments and errors as there."""
    if style not in ("tree", "box"):
        raise ParameterError(f'`style` must be "tree" or "box"; got {style!r}.')
    names = check_names([f"x_{i + 1}" for i in range(x.shape[1])] if in_var is None else in_var, x.shape[1])
    moleculess = get_molecule(model, x, sym_th, verbose)
    _, properties = get_tree_node(model, x, moleculess, sep_th, skip_sep_test)
    tree = _node(moleculess, properties, moleculess[-1][0], len(properties))
    scores = cast("Any", None)  # which the picture does not need
    return Structure(tree, tuple(names), (), scores, EXACT, Tolerance(sep_th, sep_th, sep_th))


def _node(moleculess: Sequence[Groups], properties: list[list[str]], molecule: list[int], level: int) -> Node:
    if level == 0:
        return Node("leaf", tuple(molecule))
    children = [_node(moleculess, properties, part, level - 1) for part in _parts(molecule, moleculess[level - 1])]
    kind = properties[level - 1][moleculess[level].index(molecule)]
    return children[0] if kind == "Id" else Node(_KINDS[kind], tuple(molecule), tuple(children))

"""pykan's tests of structure, from the first and second derivatives of a function of rows.

Scores are medians over the rows, in standard deviations of the inputs. Those of sums are in the unit of the function,
as in pykan, so that its thresholds mean the same. A threshold is not passed where a score is NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from edgewise.errors import ParameterError
from edgewise.interpret.evaluation import evaluate
from edgewise.pykan.derivatives import batch_hessian, batch_jacobian
from edgewise.pykan.messages import say

Function = Callable[[Tensor], Tensor]


# ------------------------------------------------------------------------------------------------ sums and products


def detect_separability(
    model: Function,
    x: Tensor,
    mode: str = "add",
    score_th: float = 1e-2,
    res_th: float = 1e-2,
    n_clusters: int | Sequence[int] | None = None,
    bias: float = 0.0,
    verbose: bool = False,
) -> dict[str, Any]:
    """Divide the inputs into groups such that the function is a sum, or a product, of functions of one group each.

    Differs from pykan, which fails where no division is good enough and for linear functions; there is one group then,
    or one per input.

    Args:
        model: `(N, inputs)` to `(N, outputs)`, each row by itself; the first output counts.
        x: `(N, inputs)` rows.
        mode: `"add"` or `"mul"`.
        score_th: scores below count as none.
        res_th: the part of all scores that may lie between groups.
        n_clusters: how many groups to try: a number, or the first and the last one; all when absent.
        bias: added to the function before it is taken for a product.
        verbose: say on stderr what every number of groups leaves over.

    Returns:
        `n_groups`, `labels` (the group of each input), `groups` and `hessian` (the scores), for the largest number of
        groups that will do.

    Raises:
        ParameterError: another `mode`.
    """
    scores = _scores(model, x, mode, bias)
    joined = torch.where(scores < score_th, 0.0, scores.double().nan_to_num(torch.inf).clamp_max(1e300))
    labels = np.zeros(x.shape[1], dtype=int)
    for count in _counts(n_clusters, x.shape[1]):
        tried = _clusters(joined, count)
        apart = torch.as_tensor(tried[:, None] != tried)
        left_over = float(joined[apart].sum() / joined.sum()) if bool(apart.any()) and float(joined.sum()) > 0 else 0.0
        if verbose:
            say(f"n_group={count}, residual_ratio={left_over:.3g}")
        if left_over < res_th:
            labels = tried
    groups = [np.flatnonzero(labels == n).tolist() for n in range(labels.max() + 1)]
    say(f"{mode} separability {'detected' if len(groups) > 1 else 'not detected'}")
    return {"hessian": scores, "n_groups": len(groups), "labels": labels.tolist(), "groups": groups}


def _counts(n_clusters: int | Sequence[int] | None, inputs: int) -> range:
    if n_clusters is None:
        return range(1, inputs + 1)
    first, last = (n_clusters, n_clusters) if isinstance(n_clusters, int) else n_clusters
    if not 1 <= first <= last <= inputs:
        raise ParameterError(f"`n_clusters` must be from 1 to {inputs}, the number of inputs; got {n_clusters!r}.")
    return range(first, last + 1)


def _clusters(joined: Tensor, count: int) -> np.ndarray:
    """`(D,)` group of every input, numbered by their first inputs: those that interact most are joined first."""
    from sklearn.cluster import AgglomerativeClustering

    if len(joined) == 1:
        return np.zeros(1, dtype=int)
    distance = (joined.max() - joined).cpu().numpy()
    found = AgglomerativeClustering(n_clusters=count, metric="precomputed", linkage="single").fit(distance).labels_
    _, first, group = np.unique(found, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[group]


def separable(
    model: Function,
    x: Tensor,
    groups: Sequence[Sequence[int]],
    mode: str = "add",
    threshold: float = 1e-2,
    bias: float = 0.0,
) -> bool:
    """Whether the function is a sum, or a product, of functions of one group of inputs each.

    Args:
        model: `(N, inputs)` to `(N, outputs)`, each row by itself; the first output counts.
        x: `(N, inputs)` rows.
        groups: numbers of inputs; inputs in no group are one more group.
        mode: `"add"` or `"mul"`.
        threshold: scores below count as none.
        bias: added to the function before it is taken for a product.

    Returns:
        True or False.

    Raises:
        ParameterError: another `mode`.
    """
    return across(model, x, groups, mode, bias) < threshold


def across(model: Function, x: Tensor, groups: Sequence[Sequence[int]], mode: str, bias: float = 0.0) -> float:
    """The largest score between groups; see `separable`."""
    scores = _scores(model, x, mode, bias).nan_to_num(torch.inf)
    group = torch.full((x.shape[1],), -1)
    for n, members in enumerate(groups):
        group[list(members)] = n
    apart = group[:, None] != group
    return float(scores[apart].max()) if bool(apart.any()) else 0.0


def generally_separable(model: Function, x: Tensor, groups: Sequence[Sequence[int]], threshold: float = 1e-2) -> bool:
    """Whether the function is `F(g(first group) + h(second group) + ...)`.

    Args:
        model: `(N, inputs)` to `(N, outputs)`, each row by itself; the first output counts.
        x: `(N, inputs)` rows.
        groups: numbers of inputs; inputs in no group are one more group.
        threshold: scores below count as none.

    Returns:
        True or False.
    """
    pairs = [(a, b) for n, one in enumerate(groups) for other in groups[n + 1 :] for a in one for b in other]
    return all(separable(_slopes(model, a, b), x, groups, mode="mul", threshold=threshold) for a, b in pairs)


def _slopes(model: Function, a: int, b: int) -> Function:
    """The ratio of two first derivatives, a product where these inputs come together in a sum."""

    def ratio(rows: Tensor) -> Tensor:
        gradient = batch_jacobian(model, rows, create_graph=True)
        return gradient[:, [b]] / gradient[:, [a]]

    return ratio


def _scores(model: Function, x: Tensor, mode: str, bias: float) -> Tensor:
    """`(D, D)` medians of second derivatives, of the function or of the logarithm of its size."""
    if mode not in ("add", "mul"):
        raise ParameterError(f'`mode` must be "add" or "mul"; got {mode!r}.')
    function = model if mode == "add" else lambda rows: (model(rows)[..., :1] + bias).abs().log()
    deviation = x.std(dim=0)
    sizes = (batch_hessian(function, x) * deviation * deviation[:, None]).abs()
    return sizes.nanmedian(dim=0).values  # rows where a logarithm is infinite say nothing


# --------------------------------------------------------------------------------------------------- symmetries


def batch_grad_normgrad(model: Function, x: Tensor, group: Sequence[int], create_graph: bool = False) -> Tensor:
    """How the direction of the gradient within a group changes with the inputs outside.

    Args:
        model: `(N, inputs)` to `(N, outputs)`, each row by itself; the first output counts.
        x: `(N, inputs)` rows.
        group: numbers of inputs.
        create_graph: whether the result can be differentiated.

    Returns:
        `(N, group, others)` derivatives of the gradient divided by its length; zero where that is zero.
    """
    inside, outside = list(group), _others(group, x.shape[1])
    gradient = batch_jacobian(model, x, create_graph=create_graph)
    return _turning(gradient, batch_hessian(model, x, create_graph=create_graph), inside, outside)


def get_dependence(model: Function, x: Tensor, group: Sequence[int]) -> Tensor:
    """How the direction of the gradient within a group changes with the inputs outside, as medians over the rows.

    Differs from pykan: gradients are taken in standard deviations of the inputs before they are compared, so that no
    unit matters.

    Args:
        model: `(N, inputs)` to `(N, outputs)`, each row by itself; the first output counts.
        x: `(N, inputs)` rows.
        group: numbers of inputs.

    Returns:
        `(group, others)`; all zero where the function is one of `g(group)` and the others.
    """
    inside, outside = list(group), _others(group, x.shape[1])
    return _dependence(batch_jacobian(model, x), batch_hessian(model, x), x.std(dim=0), inside, outside)


def symmetric(model: Function, x: Tensor, group: Sequence[int], dependence_th: float = 1e-3) -> bool:
    """Whether the function is `F(g(group), others)`.

    Args:
        model: `(N, inputs)` to `(N, outputs)`, each row by itself; the first output counts.
        x: `(N, inputs)` rows.
        group: numbers of inputs.
        dependence_th: dependence below counts as none.

    Returns:
        True or False.
    """
    if len(group) in (0, x.shape[1]):
        return True
    return bool((get_dependence(model, x, group) < dependence_th).all())


def pair_dependence(model: Function, x: Tensor) -> Tensor:
    """The dependence of every pair of inputs on every third one.

    Args:
        model: `(N, inputs)` to `(N, outputs)`, each row by itself; the first output counts.
        x: `(N, inputs)` rows.

    Returns:
        `(D, D, D)`, entry `[i, j, k]` the largest of `get_dependence(model, x, [i, j])` on `k`; zero where two are
        equal.
    """
    inputs, deviation = x.shape[1], x.std(dim=0)
    gradient, hessian = batch_jacobian(model, x), batch_hessian(model, x)
    table = x.new_zeros(inputs, inputs, inputs)
    for i in range(inputs):
        for j in range(i):
            outside = _others((i, j), inputs)
            if outside:
                worst = _dependence(gradient, hessian, deviation, [i, j], outside).amax(dim=0)
                table[i, j, outside] = table[j, i, outside] = worst
    return table


def _others(group: Sequence[int], inputs: int) -> list[int]:
    return [i for i in range(inputs) if i not in group]


def _turning(gradient: Tensor, hessian: Tensor, inside: list[int], outside: list[int]) -> Tensor:
    own, change = gradient[:, inside, None], hessian[:, inside][:, :, outside]  # (N, A, 1), (N, A, B)
    length = own.norm(dim=1, keepdim=True)
    still, length = length == 0, torch.where(length == 0, 1.0, length)
    unit = own / length
    turning = (change - unit * (unit * change).sum(dim=1, keepdim=True)) / length
    return torch.where(still, 0.0, turning)


def _dependence(gradient: Tensor, hessian: Tensor, deviation: Tensor, inside: list[int], outside: list[int]) -> Tensor:
    turning = _turning(gradient * deviation, hessian * deviation * deviation[:, None], inside, outside)
    return turning.abs().median(dim=0).values


def symmetric_in(model: Function, x: Tensor, input_vars: Sequence[Any], symmetry_var: Any) -> Tensor:
    """Whether some inputs enter through one expression of them.

    Args:
        model: `(N, inputs)` to `(N, outputs)`, each row by itself; the first output counts.
        x: `(N, inputs)` rows.
        input_vars: sympy symbols of the inputs, in order.
        symmetry_var: sympy expression of some of them.

    Returns:
        `(N,)` sizes of the cosine between the gradients of the two by these inputs: 1 where it holds, also where one
        of them is zero. How many exceed 0.9 is said on stderr.

    Raises:
        ParameterError: the expression has no symbol, or others than `input_vars`.
    """
    wanted, known = symmetry_var.free_symbols, list(input_vars)
    if not wanted or not wanted <= set(known):
        raise ParameterError(f"`symmetry_var` must be an expression of {known}; got {symmetry_var}.")
    chosen = [n for n, symbol in enumerate(known) if symbol in wanted]

    def expression(rows: Tensor) -> Tensor:
        return evaluate(symmetry_var, dict(zip(known, rows.split(1, dim=1), strict=False)), {})

    one, other = batch_jacobian(model, x)[:, chosen], batch_jacobian(expression, x)[:, chosen]
    lengths = one.norm(dim=1) * other.norm(dim=1)
    cosine = torch.where(lengths > 0, (one * other).sum(dim=1).abs() / lengths, 1.0)
    share = float((cosine > 0.9).double().mean())
    say(f"{100 * share:g}% data have more than 0.9 cosine similarity")
    say("suggesting symmetry" if share > 0.9 else "not suggesting symmetry")
    return cosine

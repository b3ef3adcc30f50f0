"""A known formula as a network: every edge an elementary function, ready to be refined on data.

The formula is read (`reading`), becomes nodes (`graph`) in layers (`plan`) and is built. Under every elementary
function lies the spline that is closest to it on the values which reach the edge, so that an edge can be freed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from edgewise.errors import DomainError, ParameterError
from edgewise.interpret.evaluation import evaluate
from edgewise.interpret.plan import Plan, plan
from edgewise.interpret.reading import read
from edgewise.layers import KANLayer, function_named
from edgewise.models import KAN, spline_layers
from edgewise.splines import check_grid, fit_coef, fit_knots

_ROWS = 1024
"""Points of the declared box at which node values are looked at; its corners come on top."""
_MOST_CORNERS = 10
"""Inputs up to which all corners of the box are among them."""
_MARGIN = 0.05
"""How far the grid of a hidden node reaches beyond its values, as a fraction of their range (as in `update_grid`)."""
_TAIL = 0.02
"""Share of a node's values on either side that lies outside its grid where it has a pole,"""
_FAR = 10.0
"""that is, where all values span so many times the range of the others."""
_PER_INTERVAL = 20
"""Points at which a spline is fitted to its function."""


def from_formula(
    expression: Any,
    names: Sequence[str] | str | None = None,
    ranges: Sequence[float] | Sequence[Sequence[float]] = (-1.0, 1.0),
    *,
    grid: int = 5,
    k: int = 3,
    dtype: torch.dtype = torch.float64,
) -> KAN:
    """A network that computes a formula.

    Every edge has an elementary function `c f(a x + b) + d` or is removed; products are multiplication nodes. Equal
    parts are computed once, and among several layouts the one with the fewest edges is taken.

    Args:
        expression: text such as `"exp(sin(pi*x) + y^2)"`, a sympy expression, or a list of them, one per output. In
            text a name is a variable unless it is called; `pi` and `E` are numbers unless `names` has them; `2 a b`
            is a product.
        names: of the inputs in their order, also ones that do not occur; as sympy sorts them when absent.
        ranges: `(lo, hi)` of every input, or one pair per input. The formula holds beyond; this is where the splines
            below the functions lie.
        grid: intervals per spline.
        k: polynomial degree.
        dtype: of the parameters.

    Returns:
        The network, its `input_names` set.

    Raises:
        ParameterError: the formula cannot be read, holds something that edges and products cannot say (said by name),
            has a variable that `names` lacks, or an argument is outside its documented set.
        DomainError: the formula is undefined at every point of the box that was looked at.

    Accuracy: 1e-10 of the largest value in float64 wherever the formula is defined, unless the formula itself cancels.
        Parts of it have to be finite: `1/cosh(x)` is NaN where `cosh(x)` is infinite, and `x^y` with a variable
        exponent is `exp(y*log(x))`, for positive x.

    >>> from_formula("a*b/(1 + c^2)").width
    [3, [1, 1], [0, 1]]
    """
    check_grid(grid, k)
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise ParameterError(f"`dtype` must be a floating dtype such as torch.float64; got {dtype!r}.")
    expressions, symbols = read(expression, names)
    box = _box(ranges, len(symbols))
    x = _points(box)
    _check_domain(expressions, symbols, x)
    model = _built(plan(expressions, symbols), [str(symbol) for symbol in symbols], grid, k)
    _lay_splines(model, x, box, dtype)
    return model.to(dtype)


def _box(ranges: Any, size: int) -> Tensor:
    """`(I, 2)` lower and upper ends."""
    try:
        box = torch.as_tensor(ranges, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError):
        box = torch.empty(0)
    if (
        box.shape not in ((2,), (size, 2))
        or not bool(box.isfinite().all())
        or not bool((box[..., 0] < box[..., 1]).all())
    ):
        raise ParameterError(
            f"`ranges` must be a finite (lo, hi) with lo < hi, or one pair for each of {size} inputs; got {ranges!r}."
        )
    return box.expand(size, 2)


def _points(box: Tensor) -> Tensor:
    """`(N, I)`: evenly scattered over the box, and its corners."""
    size = len(box)
    inside = torch.rand(_ROWS, size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    if size <= _MOST_CORNERS:
        corners = torch.cartesian_prod(*[torch.tensor([0.0, 1.0], dtype=torch.float64)] * size).reshape(-1, size)
        inside = torch.cat([inside, corners])
    return torch.lerp(box[:, 0], box[:, 1], inside)


def _check_domain(expressions: Sequence[Any], symbols: Sequence[Any], x: Tensor) -> None:
    """Raise if an output is defined nowhere, naming the innermost part that is not."""
    import sympy

    values = dict(zip(symbols, x.unbind(1), strict=True))
    for expression in expressions:
        if bool(evaluate(expression, values, {}).isfinite().any()):
            continue
        for part in sympy.postorder_traversal(expression):
            if not bool(evaluate(part, values, {}).isfinite().any()):
                where = ", ".join(f"{symbol} = {float(value[0]):.4g}" for symbol, value in values.items())
                raise DomainError(
                    f"`expression` {expression} is defined at none of {len(x)} points of its `ranges`: {part} has no "
                    f"finite value there, for example at {where}. Declare the ranges in which it holds."
                )
        raise DomainError(f"`expression` {expression} is defined at no point where all its parts are.")


@torch.no_grad()
def _built(plan: Plan, names: list[str], grid: int, k: int) -> KAN:
    width = [len(names), *([layer.n_sum, layer.n_mult] if layer.n_mult else layer.n_sum for layer in plan.layers)]
    model = KAN(width, grid, k, mult_arity=plan.arity, input_names=names, seed=0, dtype=torch.float64)
    for layer, own in zip(model.layers, plan.layers, strict=True):
        mask = torch.zeros_like(layer.base_weight)
        for i, j, *_ in own.edges:
            mask[i, j] = 1.0
        layer.set_mask(mask)
        layer.fix_edges([(i, j, function_named(name), numbers) for i, j, name, numbers in own.edges])
    return model


# -------------------------------------------------------------------------------------------------- splines


@torch.no_grad()
def _lay_splines(model: KAN, x: Tensor, box: Tensor, dtype: torch.dtype) -> None:
    """Grids where the values of the nodes are, and on them the splines that are closest to the functions."""
    largest = torch.finfo(dtype).max ** 0.5  # beyond, squares overflow
    for n, (layer, nodes) in enumerate(
        zip(spline_layers(model, "a compiled formula"), model.activations(x)[:-1], strict=True)
    ):
        ends = box.mT if n == 0 else torch.stack([_ends(column, largest) for column in nodes.unbind(1)], dim=1)
        layer.knots.copy_(fit_knots(ends.to(dtype), layer.grid, layer.k, margin=0.0 if n == 0 else _MARGIN))
        layer.spline_weight.zero_()
        layer.base_weight.zero_()  # all of a function is in its spline
        _fit_splines(layer, largest)


def _ends(column: Tensor, largest: float) -> Tensor:
    """`(2,)` lower and upper end of a node's values, without the far ends of a pole."""
    values = column[column.abs() < largest]
    if len(values) == 0:
        return torch.tensor([-1.0, 1.0], dtype=torch.float64)
    ends = torch.stack([values.min(), values.max()])
    inner = values.quantile(torch.tensor([_TAIL, 1 - _TAIL], dtype=torch.float64))
    return inner if ends.diff() > _FAR * inner.diff() > 0 else ends


def _fit_splines(layer: KANLayer, largest: float) -> None:
    own = layer.symbolic
    if own is None:
        return
    steps = torch.linspace(0, 1, _PER_INTERVAL * layer.grid + 1, dtype=torch.float64)[:, None]
    x = torch.lerp(layer.domain[:, 0], layer.domain[:, 1], steps)  # (N, I)
    for (i, j), y in zip(own.edges, own.values(x, own.affine).unbind(1), strict=True):
        defined = y.abs() < largest
        if bool(defined.any()):
            column, knots = x[defined, i, None], layer.knots[i, None]
            coef = fit_coef(column, y[defined, None, None], knots, layer.k, outside=layer.outside)
            layer.spline_weight[i, :, j] = coef[0, :, 0]

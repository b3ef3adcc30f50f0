"""What `solve` warns of: problems and networks with which no run can come out right."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn

from edgewise.physics.conditions import Data, Equation, Initial
from edgewise.physics.jets import by_autograd, steps_of
from edgewise.physics.parts import Part
from edgewise.physics.plan import plan_of
from edgewise.physics.problem import Problem

_FEW = 20


def warn(problem: Problem, model: nn.Module, inner: Part) -> None:
    """Warn of all that is suspicious.

    Args:
        problem: the problem.
        model: the network.
        inner: the equation, prepared.
    """
    inputs, order = inner.constants[0][:, 0], plan_of(inner.wanted).order
    _of_conditions(problem, inner, order)
    _of_rough_splines(model, order)
    _of_flat_networks(model, inputs, order)
    _of_single_precision(inner.x)
    _of_narrow_domains(model, inputs)


def _of_conditions(problem: Problem, inner: Part, order: int) -> None:
    kinds = [type(condition) for condition in problem.conditions]
    if not kinds and order:
        _warn("this problem has no conditions: where its equation alone has many solutions, one of them comes out.")
    if problem.unknowns and not {Data, Equation} & set(kinds):
        _warn(
            f"nothing tells of the unknowns {sorted(problem.unknowns)}: add `Data(x, y)` with measured values, or an "
            "`Equation`. What comes out is one of many."
        )
    twice = any(piece.count(problem.domain.time) > 1 for channel in inner.wanted for piece in channel)
    begins = [condition for condition in problem.conditions if isinstance(condition, Initial)]
    if twice and begins and Equation not in kinds and all(begin.velocity is None for begin in begins):
        _warn(
            "an equation of second order in time begins with a value and a velocity, and only the value is given: "
            "`Initial(value, velocity=...)`."
        )
    if not twice and any(begin.velocity is not None for begin in begins):
        _warn(
            "a velocity is given, and the equation has no second derivative by time: one of first order in time begins "
            "with a value alone, and both can hardly hold."
        )


def _of_rough_splines(model: nn.Module, order: int) -> None:
    """A residual must be smooth enough: between the cells of a grid, and at its ends."""
    splines = [layer for layer, _ in steps_of(model) or () if hasattr(layer, "knots")]
    if not splines or order < 2:
        return
    degree = min(layer.k for layer in splines)
    if degree < order:
        _warn(
            f"splines of degree k={degree} have no derivatives of order {order}: they are zero within the cells. Use "
            f"k={order + 3} or basis='chebyshev'."
        )
    elif degree - order <= 1:
        _warn(
            f"splines of degree k={degree} have derivatives of order {order} that are pieces of degree "
            f"{degree - order}, so the residual cannot fall below a floor of order h^{degree - order + 1} in the width "
            f"h of a cell. Use k={order + 3} or basis='chebyshev'."
        )
    if any(layer.outside == "linear" for layer in splines[1:]):
        _warn(
            f"hidden nodes that leave their grid meet outside='linear', where derivatives of order {order} jump: the "
            "loss is then no smooth function of the weights, and solvers stop early. Use outside='extend' or "
            "basis='chebyshev'."
        )


def _of_flat_networks(model: nn.Module, inputs: Tensor, order: int) -> None:
    """`(I, B)` inputs at which a network of another kind may have no second derivative, as with relu."""
    if order < 2 or steps_of(model) is not None:
        return
    x = inputs[:, :_FEW].mT.contiguous()
    plan = plan_of(frozenset(((i, i),) for i in range(min(x.shape[1], _FEW))))
    found = by_autograd(model, x, plan).detach()
    sloping, curved = found[:, 1 : plan.rules.seconds], found[:, plan.rules.seconds :]
    if bool(sloping.any()) and not bool(curved.any()):  # without slopes it says nothing: it may start at zero
        _warn(
            "all second derivatives of this network are zero, as those of relu are, and the equation asks for them. "
            "Use a smooth activation such as tanh, or a KAN."
        )


def _of_single_precision(like: Tensor) -> None:
    if like.dtype != torch.float64:
        _warn("this model is in float32: use dtype=torch.float64; float32 ends near 1e-6.")


def _of_narrow_domains(model: nn.Module, inputs: Tensor) -> None:
    """`(I, B)` inputs that leave the first layer's domain: edges cannot bend there."""
    steps = steps_of(model)
    if not steps or not hasattr(steps[0][0], "domain"):
        return
    lo, hi = steps[0][0].domain.detach().unbind(1)
    beyond = torch.maximum(lo - inputs.amin(1), inputs.amax(1) - hi) / (hi - lo)
    worst = int(beyond.argmax())
    if float(beyond[worst]) > 0.01:
        _warn(
            f"input {worst} of the network runs from {float(inputs[worst].min()):.3g} to "
            f"{float(inputs[worst].max()):.3g} and leaves the domain of its edges, {float(lo[worst]):.3g} to "
            f"{float(hi[worst]):.3g}, where they end. Use update_grid=True, or a KAN whose `grid_range` "
            "covers the problem's domain."
        )


def _warn(message: str) -> None:
    warnings.warn(message, UserWarning, stacklevel=6)

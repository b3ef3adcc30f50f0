"""What a loss looks like: along the line between two sets of weights, and on planes through one.

Weights are handed to the model from outside (`torch.func.functional_call`); the model itself never changes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from edgewise.curvature.data_loss import DataLoss
from edgewise.curvature.directions import random_direction
from edgewise.errors import ParameterError, ShapeError
from edgewise.optim.lanczos import seeded


@dataclass
class Line:
    """Losses along a straight line of weights, for one or several data sets.

    Attributes:
        t: `(T,)` positions: 0 is the first set of weights, 1 the other.
        loss: `(D, T)` one row per data set.
        labels: what to call the data sets.
    """

    t: Tensor
    loss: Tensor
    labels: list[str]

    @property
    def barrier(self) -> Tensor:
        """`(D,)` how far the loss rises above the straight line between its values at 0 and 1.

        Raises:
            ParameterError: 0 or 1 is not on the line.
        """
        if self.t[0] > 0 or self.t[-1] < 1:
            raise ParameterError(
                f"a barrier is about all of [0, 1]; this line is from {self.t[0]:g} to {self.t[-1]:g}."
            )
        inside = (self.t >= 0) & (self.t <= 1)
        t, loss = self.t[inside], self.loss[:, inside]
        chord = torch.lerp(loss[:, :1], loss[:, -1:], t)
        return (loss - chord).amax(1)


@dataclass
class Surface:
    """Losses on a plane of weights.

    Attributes:
        a: `(P,)` multiples of the first direction.
        b: `(P,)` multiples of the second.
        loss: `(P, P)`, `loss[i, j]` at `a[i]`, `b[j]`.
        directions: `(2, n)` the directions.
        labels: what to call the directions.
    """

    a: Tensor
    b: Tensor
    loss: Tensor
    directions: Tensor
    labels: tuple[str, str]


def interpolate(
    loss: Callable[..., Tensor],
    params: nn.Module | Mapping[str, Tensor],
    other: nn.Module | Mapping[str, Tensor],
    data: Any = None,
    *,
    span: tuple[float, float] = (0.0, 1.0),
    points: int = 51,
    reduction: str | None = None,
) -> Line:
    """The loss along the line from one set of weights to another, for several data sets at once.

    Args:
        loss: as for `hessian`.
        params: an `nn.Module` or name to tensor: the weights at 0.
        other: the weights at 1: a module of the same structure, its `state_dict()`, or name to tensor.
        data: as for `hessian`; or label to data, for several data sets.
        span: from where to where; beyond 0 and 1 the line goes on.
        points: how many, at equal distances; 0 and 1 are added where they lie between.
        reduction: as for `hessian`.

    Returns:
        The losses; `barrier` says how far they rise between two trained models. Running statistics, as of batch
        normalization, move along the line with the weights.

    Raises:
        ParameterError: an argument is outside its documented set, or what does not move (knots, masks, frozen
            parameters) differs between the ends.
        ShapeError: the ends have tensors of different names or shapes.

    >>> model, other = nn.Linear(1, 1), nn.Linear(1, 1)
    >>> x = torch.linspace(-1, 1, 9)[:, None]
    >>> interpolate(nn.MSELoss(), model, other, {"up": (x, x), "down": (x, -x)}).loss.shape
    torch.Size([2, 51])
    """
    if type(points) is not int or points < 2:
        raise ParameterError(f"`points` must be an int >= 2; got {points!r}.")
    if not isinstance(span, Sequence) or len(span) != 2 or not span[0] < span[1]:
        raise ParameterError(f"`span` must be (from, to), in units of the line; got {span!r}.")
    t = _positions(span, points)
    curves, named = [], _named(data)
    for one in named.values():
        objective = DataLoss(loss, params, one, reduction=reduction)
        start, end, statistics = objective.layout.start, *_other_end(objective, other)
        own = {name: objective.buffers[name] for name in statistics}
        curve = []
        for at in t.tolist():
            objective.buffers |= {name: torch.lerp(own[name], there, at) for name, there in statistics.items()}
            curve.append(objective.value(torch.lerp(start, end, at)))
        curves.append(curve)
    return Line(t, torch.tensor(curves, dtype=torch.float64), list(named))


def _positions(span: tuple[float, float], points: int) -> Tensor:
    """Equal distances, and both ends of the line where the span has them inside."""
    t = torch.linspace(span[0], span[1], points, dtype=torch.float64)
    near = 1e-9 * (span[1] - span[0])
    for end in (0.0, 1.0):
        if span[0] <= end <= span[1]:
            t = torch.cat([t[(t - end).abs() > near], torch.tensor([end], dtype=torch.float64)])
    return t.sort().values


def _named(data: Any) -> dict[str, Any]:
    """Label to data set; one data set has no label."""
    many = isinstance(data, Mapping) and not any(isinstance(value, Tensor) for value in data.values())
    return {str(label): one for label, one in data.items()} if many else {"": data}


def _other_end(objective: DataLoss, other: nn.Module | Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    """The other weights as a vector and other running statistics, once it is clear that they mean the same."""
    if isinstance(other, nn.Module):
        other = other.state_dict()
    moving, fixed = objective.layout.split(objective.layout.start), objective.fixed()
    known = {**fixed, **moving}
    expected = known if any(name in fixed for name in other) else moving  # named tensors may come without buffers
    free, statistics = objective.statistics(), {}
    for name in {**expected, **other}:
        here, there = known.get(name), other.get(name)
        if here is None or there is None:
            where = "the model" if here is None else "`other`"
            raise ShapeError(f"both ends must have the same tensors; {where} has no {name!r}.")
        if here.shape != there.shape:
            raise ShapeError(
                f"both ends must have the same tensors; {name!r} is {tuple(here.shape)} here and {tuple(there.shape)} "
                "there. A refined or pruned model has others than the one it came from."
            )
        if name in free:
            statistics |= {name: there.to(here)} if here.is_floating_point() else {}  # not a count of batches
        elif name in fixed and not torch.equal(here, there.to(here)):
            raise ParameterError(
                f"what does not move must be the same at both ends; {name!r} differs. Frozen parameters stay as they "
                "are, and coefficients on other knots mean other functions: train with `update_grid=False` after "
                "`model.update_grid(x)`, or on a fixed grid."
            )
    return torch.cat([other[name].detach().to(tensor).reshape(-1) for name, tensor in moving.items()]), statistics


def slice2d(
    loss: Callable[..., Tensor],
    params: nn.Module | Mapping[str, Tensor],
    data: Any = None,
    directions: Sequence[Tensor] | Tensor | None = None,
    *,
    span: float | tuple[float, float] = 1.0,
    points: int = 25,
    labels: tuple[str, str] | None = None,
    reduction: str | None = None,
    seed: int = 0,
    generator: torch.Generator | None = None,
) -> Surface:
    """The loss on a plane through the present weights.

    Random directions are as long as the weights: in spline layers edge by edge, measured by the edges' functions on
    the data and free of the gauge; elsewhere filter by filter. See `edgewise.curvature.directions`.

    Args:
        loss: as for `hessian`.
        params: as for `hessian`.
        data: as for `hessian`.
        directions: two vectors, `(2, n)`, such as eigenvectors `eigs(op, 2).vectors.T`; random ones when absent.
        span: how far to go either way, or (from, to), in multiples of the directions.
        points: how many on each side, at equal distances.
        labels: what to call the directions in a picture.
        reduction: as for `hessian`.
        seed: of the random directions.
        generator: on the CPU, taken instead of `seed`.

    Returns:
        The losses, NaN or infinite where the loss is.

    Raises:
        ParameterError: an argument is outside its documented set.
        ShapeError: the directions do not have two rows of as many numbers as the weights.
    """
    if type(points) is not int or points < 2:
        raise ParameterError(f"`points` must be an int >= 2; got {points!r}.")
    low, high = span if isinstance(span, tuple) else (-span, span)
    if not low < high:
        raise ParameterError(f"`span` must be a positive number or (from, to); got {span!r}.")
    objective = DataLoss(loss, params, data, reduction=reduction)
    start, kind = objective.layout.start, "direction"
    if directions is None:
        source = seeded(seed, generator)
        module = params if isinstance(params, nn.Module) else None
        directions, kind = [random_direction(module, objective, source) for _ in range(2)], "random direction"
    plane = torch.stack([direction.detach().to(start) for direction in directions])
    if plane.shape != (2, len(start)):
        raise ShapeError(f"`directions` must be (2, {len(start)}), like the weights; got {tuple(plane.shape)}.")
    at = torch.linspace(low, high, points, dtype=torch.float64)
    rows = [[objective.value(start + a * plane[0] + b * plane[1]) for b in at.tolist()] for a in at.tolist()]
    labels = labels or (f"{kind} 1", f"{kind} 2")
    return Surface(at, at.clone(), torch.tensor(rows, dtype=torch.float64), plane, labels)

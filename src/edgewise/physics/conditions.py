"""What a solution has to satisfy beside its equation: on the boundary, at the begin, at points that were measured.

A condition is *hard* where the network is wrapped so that it holds exactly, `u = lift + bubble * N`, and *soft* where
its squared error is added to the loss, `weight` times.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from edgewise.errors import DomainError, ParameterError, ShapeError
from edgewise.physics.domains import Domain, TimeSpace
from edgewise.physics.plan import Plan

Value = float | Callable[[Tensor], Tensor]
Residual = Callable[..., Tensor]

_BOUNDARY_WEIGHT = 100.0
_CONTRADICTION = 0.05
"""By how much of the largest value measured data may differ from a hard condition: that much is noise, no mistake."""


@dataclass(frozen=True)
class Dirichlet:
    """`u = value` on the boundary (in space, where there is time).

    Attributes:
        value: a number, or a function of `(n, D)` points with values `(n,)`. For a hard condition it must be defined,
            and smooth, in the whole domain.
        hard: exact by construction (True), by weight (False), or exact where the domain has a bubble (None).
        weight: of the squared error of a soft condition.
        where: function of points to `(n,)` bool, for a part of the boundary; the condition is soft then.
    """

    value: Value = 0.0
    hard: bool | None = None
    weight: float = _BOUNDARY_WEIGHT
    where: Callable[[Tensor], Tensor] | None = None


@dataclass(frozen=True)
class Neumann:
    """The derivative along the outward normal is `value` on the boundary; always soft.

    Attributes:
        value: a number or a function of points.
        weight: of the squared error.
        where: function of points to `(n,)` bool, for a part of the boundary.
    """

    value: Value = 0.0
    weight: float = 1.0
    where: Callable[[Tensor], Tensor] | None = None


@dataclass(frozen=True)
class Initial:
    """`u = value` at the begin.

    Attributes:
        value: a number, or a function of `(n, D)` points; for a hard condition it is evaluated at all times, and must
            not depend on them.
        hard: exact by construction, or by weight.
        weight: of the squared error of a soft condition.
    """

    value: Value = 0.0
    hard: bool = True
    weight: float = _BOUNDARY_WEIGHT


@dataclass(frozen=True)
class Periodic:
    """The solution and all derivatives agree at both ends of a coordinate.

    Exact: the network sees the cosine and the sine of that coordinate instead, so it needs one input more.

    Attributes:
        coordinate: its name.
    """

    coordinate: str


@dataclass(frozen=True)
class Data:
    """Measured values.

    Attributes:
        x: `(n, D)` points.
        y: `(n,)` values, or `(n, outputs)`.
        weight: of the mean squared error.
    """

    x: Tensor
    y: Tensor
    weight: float = 1.0


@dataclass(frozen=True)
class Equation:
    """Any other soft condition: `residual(x, u) = 0` at given points.

    Attributes:
        residual: like the equation of a `Problem`.
        x: `(n, D)` points.
        weight: of the mean squared residual.
    """

    residual: Residual
    x: Tensor
    weight: float = 1.0


Condition = Dirichlet | Neumann | Initial | Periodic | Data | Equation


class AbstractKnownJet(ABC):
    """A function of points that computes its own derivatives, instead of being differentiated."""

    @abstractmethod
    def __call__(self, x: Tensor) -> Tensor:
        """`(n,)` values at `(n, D)` points."""

    @abstractmethod
    def jet(self, x: Tensor, plan: Plan) -> Tensor:
        """`(R, n)` value and derivatives at `(n, D)` points."""


@dataclass(frozen=True)
class Wrap:
    """Hard conditions: `u = lift + bubble N`.

    Attributes:
        lifts: functions of `(n, D)` points, `(n,)`, whose sum is the lift.
        bubble: likewise; zero where the conditions hold.
    """

    lifts: tuple[Callable[[Tensor], Tensor], ...]
    bubble: Callable[[Tensor], Tensor]

    def lift(self, x: Tensor) -> Tensor:
        """`(n,)` what the solution is where the bubble is zero."""
        return torch.stack([own(x) for own in self.lifts]).sum(0)


def is_hard(condition: Condition, domain: Domain) -> bool:
    """Whether a condition is met by construction.

    Args:
        condition: the condition.
        domain: where.

    Returns:
        True or False.

    Raises:
        ParameterError: it is asked to be hard where it cannot be.
    """
    if isinstance(condition, Initial):
        return condition.hard
    if not isinstance(condition, Dirichlet):
        return isinstance(condition, Periodic)
    possible = condition.where is None and domain.bubble(domain.bounds.mT) is not None
    if condition.hard and not possible:
        why = "on a part of the boundary" if condition.where is not None else f"on the boundary of a {_name(domain)}"
        raise ParameterError(
            f"`Dirichlet(hard=True)` needs a smooth function that is zero {why} only, and none is known. Use hard=None "
            "or a box or a disc."
        )
    return possible if condition.hard is None else condition.hard


def wrap_of(conditions: list[Condition], domain: Domain) -> Wrap | None:
    """The wrap that meets all hard conditions with values.

    Args:
        conditions: all of a problem.
        domain: where.

    Returns:
        The wrap; None without such conditions.

    Raises:
        DomainError: an initial and a boundary value contradict each other where they meet.
        ParameterError: more than one value for the same place.
    """
    hard = [c for c in conditions if is_hard(c, domain)]
    walls, starts = [c for c in hard if isinstance(c, Dirichlet)], [c for c in hard if isinstance(c, Initial)]
    if len(walls) > 1 or len(starts) > 1:
        raise ParameterError(
            "give one hard `Dirichlet` and one hard `Initial` at most; or make others soft, hard=False."
        )
    if not walls and not starts:
        return None
    if not starts:
        return Wrap((_lift(walls[0].value),), lambda x: _bubble(domain, x))
    if not isinstance(domain, TimeSpace):
        raise ParameterError(f"`Initial` needs a domain with time, `TimeSpace(time, space)`; got a {_name(domain)}.")
    if not walls:
        return Wrap((_lift(starts[0].value),), domain.elapsed)
    _check_corners(walls[0], starts[0], domain)
    wall = walls[0].value

    def change(x: Tensor) -> Tensor:
        """What the boundary has changed since the begin."""
        return values_at(wall, x) - values_at(wall, at_time(x, domain.start))

    lifts = (_lift(starts[0].value), change) if callable(wall) else (_lift(starts[0].value),)
    return Wrap(lifts, lambda x: domain.elapsed(x) * _bubble(domain, x))


def at_time(x: Tensor, time: float) -> Tensor:
    """`(n, D)` points with time first, all moved to one time."""
    return torch.cat([torch.full_like(x[:, :1], time), x[:, 1:]], dim=1)


def _lift(value: Value) -> Callable[[Tensor], Tensor]:
    """A value as a function; what knows its own derivatives stays what it is, see `Surroundings.constants`."""
    return value if isinstance(value, AbstractKnownJet) else lambda x: values_at(value, x)


def _bubble(domain: Domain, x: Tensor) -> Tensor:
    return domain.bubble(x)  # pyright: ignore[reportReturnType]


def _check_corners(wall: Dirichlet, start: Initial, domain: TimeSpace) -> None:
    x = domain.boundary(64).x
    x[:, 0] = domain.start
    found, wanted = values_at(start.value, x), values_at(wall.value, x)
    gap, inside = (found - wanted).abs(), values_at(start.value, domain.initial(64))
    worst, scale = int(gap.argmax()), float(torch.cat([inside, found, wanted]).abs().amax())
    if float(gap[worst]) > _CONTRADICTION * scale:
        raise DomainError(
            f"hard conditions contradict each other at {x[worst].tolist()}: `Initial` says {float(found[worst]):g}, "
            f"`Dirichlet` says {float(wanted[worst]):g}. Correct one, or make it soft: hard=False."
        )


def check_data(wrap: Wrap | None, data: Data) -> None:
    """See that measured values do not contradict a hard condition.

    Args:
        wrap: the hard conditions, or None.
        data: measured values.

    Raises:
        DomainError: they do.
    """
    if wrap is None or (data.y.dim() > 1 and data.y.shape[1] > 1):
        return
    x, y = data.x, data.y.reshape(-1)
    fixed = wrap.bubble(x).abs() < 1e-9
    gap = torch.where(fixed, (wrap.lift(x) - y).abs(), 0.0)
    worst = int(gap.argmax())
    if float(gap[worst]) > _CONTRADICTION * float(y.abs().amax()):
        raise DomainError(
            f"a hard condition contradicts the data: at {x[worst].tolist()} it says {float(wrap.lift(x)[worst]):g}, "
            f"row {worst} of the data {float(y[worst]):g}. Correct one, or make the condition soft: hard=False."
        )


def values_at(value: Value, x: Tensor) -> Tensor:
    """A number or function at points.

    Args:
        value: the number or function.
        x: `(n, D)`.

    Returns:
        `(n,)`.

    Raises:
        ShapeError: the function returns something else.
    """
    if not callable(value):
        return x.new_full((len(x),), float(value))
    found = value(x)
    if not isinstance(found, Tensor) or found.shape not in ((len(x),), (len(x), 1)):
        shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise ShapeError(f"the value of a condition must be ({len(x)},) for {len(x)} points; got {shape}.")
    return found.reshape(-1)


def _name(domain: Domain) -> str:
    return type(domain).__name__

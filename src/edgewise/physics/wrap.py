"""Hard conditions: the network is wrapped so that they hold exactly, `u = lift + bubble * N`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from edgewise.errors import DomainError, ParameterError, ShapeError
from edgewise.physics.conditions import AbstractKnownJet, Condition, Dirichlet, Initial, Periodic, Value, values_at
from edgewise.physics.domains import Domain, TimeSpace
from edgewise.physics.plan import sum_of

_CONTRADICTION = 0.05
"""By how much of the largest value measured data may differ from a hard condition: that much is noise, no mistake."""


@dataclass(frozen=True)
class Wrap:
    """Hard conditions: `u = lift + bubble N`.

    Attributes:
        lifts: functions of `(n, D)` points whose sum is the lift; `(n, 1)` for every output alike, or `(n, outputs)`.
        bubble: likewise `(n,)`; zero where the conditions hold.
    """

    lifts: tuple[Callable[[Tensor], Tensor], ...]
    bubble: Callable[[Tensor], Tensor]

    def lift(self, x: Tensor) -> Tensor:
        """`(n, 1 or outputs)` what the solution is where the bubble is zero."""
        return sum_of([values_at(own, x) for own in self.lifts])


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
        raise ParameterError(needs_time(domain))
    if walls:
        _check_corners(walls[0], starts[0], domain)
    lifts = [*_begin(starts[0], domain), *(_change(walls[0], starts[0], domain) if walls else ())]
    power = 1 if starts[0].velocity is None else 2

    def bubble(x: Tensor) -> Tensor:
        passed = domain.elapsed(x) ** power
        return passed * _bubble(domain, x) if walls else passed

    return Wrap(tuple(lifts), bubble)


def needs_time(domain: Domain) -> str:
    """What is said where a begin is asked of a domain without time."""
    return (
        f"`Initial` needs a domain with time, `TimeSpace(time, space)`, or `TimeSpace(time)` for an ordinary "
        f"differential equation; got a {_name(domain)}."
    )


def _begin(start: Initial, domain: TimeSpace) -> list[Callable[[Tensor], Tensor]]:
    """Lifts that are right at the begin: the value, and the velocity times what has passed."""
    value, velocity = start.value, start.velocity
    lifts = [value if isinstance(value, AbstractKnownJet) else lambda x: values_at(value, at_time(x, domain.start))]
    if velocity is not None:
        lifts.append(lambda x: (x[:, :1] - domain.start) * values_at(velocity, at_time(x, domain.start)))
    return lifts


def _change(wall: Dirichlet, start: Initial, domain: TimeSpace) -> list[Callable[[Tensor], Tensor]]:
    """What the boundary has changed since the begin, beyond what the velocity there has."""
    value = wall.value
    if not callable(value):
        return []

    def change(x: Tensor) -> Tensor:
        since = values_at(value, x) - values_at(value, at_time(x, domain.start))
        if start.velocity is None:
            return since
        return since - (x[:, :1] - domain.start) * _speed(value, x, domain.start)

    return [change]


def _speed(value: Callable[[Tensor], Tensor], x: Tensor, time: float) -> Tensor:
    """`(n, 1 or outputs)` the derivative by time, at one time."""
    with torch.enable_grad():
        moment = torch.full_like(x[:, :1], time).requires_grad_()
        columns = values_at(value, torch.cat([moment, x[:, 1:]], dim=1)).unbind(1)
        return torch.cat([_slope(column, moment) for column in columns], dim=1)


def _slope(values: Tensor, moment: Tensor) -> Tensor:
    if not values.requires_grad:
        return torch.zeros_like(moment)
    return torch.autograd.grad(values.sum(), moment, create_graph=True, materialize_grads=True)[0]


def at_time(x: Tensor, time: float) -> Tensor:
    """`(n, D)` points with time first, all moved to one time."""
    return torch.cat([torch.full_like(x[:, :1], time), x[:, 1:]], dim=1)


def _lift(value: Value) -> Callable[[Tensor], Tensor]:
    """A value as a function; what knows its own derivatives stays what it is, see `Surroundings.constants`."""
    return value if isinstance(value, AbstractKnownJet) else lambda x: values_at(value, x)


def _bubble(domain: Domain, x: Tensor) -> Tensor:
    return domain.bubble(x)  # pyright: ignore[reportReturnType]


def _check_corners(wall: Dirichlet, start: Initial, domain: TimeSpace) -> None:
    x, inside = at_time(domain.boundary(64).x, domain.start), domain.initial(64)
    found, wanted = values_at(start.value, x), values_at(wall.value, x)
    _check_meeting("", found, wanted, x, values_at(start.value, inside))
    if start.velocity is not None:
        speed = _speed(wall.value, x, domain.start).detach() if callable(wall.value) else torch.zeros_like(found)
        _check_meeting("velocity ", values_at(start.velocity, x), speed, x, values_at(start.velocity, inside))


def _check_meeting(what: str, found: Tensor, wanted: Tensor, x: Tensor, inside: Tensor) -> None:
    found, wanted = torch.broadcast_tensors(found, wanted)
    gap, columns = (found - wanted).abs(), found.shape[1]
    scale = max(float(part.abs().amax()) for part in (inside, found, wanted))
    row, column = divmod(int(gap.argmax()), columns)
    if float(gap[row, column]) > _CONTRADICTION * scale:
        of = f" for output {column}" if columns > 1 else ""
        raise DomainError(
            f"hard conditions contradict each other at {x[row].tolist()}{of}: `Initial` says {what}"
            f"{float(found[row, column]):g}, `Dirichlet` says {what}{float(wanted[row, column]):g}. Correct one, or "
            "make it soft: hard=False."
        )


def check_known(wrap: Wrap | None, what: str, x: Tensor, y: Tensor) -> None:
    """See that known values do not contradict a hard condition.

    Args:
        wrap: the hard conditions, or None.
        what: which values, for messages.
        x: `(n, D)` points.
        y: `(n,)` values of the first output, or `(n, outputs)`.

    Raises:
        DomainError: they do.
        ShapeError: they have other outputs.
    """
    if wrap is None:
        return
    y = y.reshape(len(y), -1)
    lift = wrap.lift(x).detach()
    lift = lift[:, : y.shape[1]] if lift.shape[1] > 1 else lift.expand_as(y)
    if lift.shape != y.shape:
        raise ShapeError(f"{what} has {y.shape[1]} outputs, a hard condition {lift.shape[1]}.")
    gap = torch.where(wrap.bubble(x).abs()[:, None] < 1e-9, (lift - y).abs(), 0.0)
    row, column = divmod(int(gap.argmax()), y.shape[1])
    if float(gap[row, column]) > _CONTRADICTION * float(y.abs().amax()):
        raise DomainError(
            f"a hard condition contradicts {what}: at {x[row].tolist()} it says {float(lift[row, column]):g}, "
            f"row {row} of {what} {float(y[row, column]):g}. Correct one, or make the condition soft: hard=False."
        )


def _name(domain: Domain) -> str:
    return type(domain).__name__

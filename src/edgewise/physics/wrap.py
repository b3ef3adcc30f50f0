"""Hard conditions: the network is wrapped so that they hold exactly, `u = lift + bubble * N`."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from edgewise.errors import DomainError, ParameterError, ShapeError
from edgewise.kernels import is_plain_eager
from edgewise.physics.conditions import AbstractKnownJet, Condition, Dirichlet, Initial, Periodic, Value, values_at
from edgewise.physics.domains import Domain
from edgewise.physics.plan import sum_of
from edgewise.physics.time_space import TimeSpace
from edgewise.physics.visible import check_visible

_CONTRADICTION, _SLIGHT = 0.05, 1e-6
"""By how much of the largest value others may differ from a hard condition: less than the former is noise of data, or
what a formula cuts off at a boundary; more than the latter is worth a word where both are formulas."""
_AT_BEGIN = 1e-9
_TRIED = 64


@dataclass(frozen=True)
class Wrap:
    """Hard conditions: `u = lift + bubble N`.

    Attributes:
        lifts: functions of `(n, D)` points whose sum is the lift; `(n, 1)` for every output alike, or `(n, outputs)`.
        bubble: likewise `(n,)`; zero where the conditions hold.
        fixed: likewise `(n,)` bool; where that is.
    """

    lifts: tuple[Callable[[Tensor], Tensor], ...]
    bubble: Callable[[Tensor], Tensor]
    fixed: Callable[[Tensor], Tensor]

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
        return Wrap((_lift(walls[0].value),), lambda x: _bubble(domain, x), domain.on_boundary)
    if not isinstance(domain, TimeSpace):
        raise ParameterError(no_time_message(domain))
    if walls:
        _check_corners(walls[0], starts[0], domain)
    lifts = [*_begin(starts[0], domain), *(_wall_motion(walls[0], starts[0], domain) if walls else ())]
    power = 1 if starts[0].velocity is None else 2

    def bubble(x: Tensor) -> Tensor:
        passed = domain.elapsed(x) ** power
        return passed * _bubble(domain, x) if walls else passed

    def fixed(x: Tensor) -> Tensor:
        begun = domain.elapsed(x).abs() < _AT_BEGIN
        return begun | domain.on_boundary(x) if walls else begun

    return Wrap(tuple(lifts), bubble, fixed)


def no_time_message(domain: Domain) -> str:
    """What is said where a begin is asked of a domain without time."""
    return (
        f"`Initial` needs a domain with time, `TimeSpace(time, space)`, or `TimeSpace(time)` for an ordinary "
        f"differential equation; got a {_name(domain)}."
    )


def check_lifts(conditions: list[Condition], domain: Domain) -> None:
    """See that torch can differentiate what hard conditions are made of.

    Args:
        conditions: all of a problem.
        domain: where.

    Raises:
        ParameterError: it cannot.
    """
    x = domain.interior(_TRIED, "sobol")
    for condition in conditions:
        if isinstance(condition, Dirichlet | Initial) and is_hard(condition, domain):
            parts = {"value": condition.value, "velocity": getattr(condition, "velocity", None)}
            for what, value in parts.items():
                if callable(value) and not isinstance(value, AbstractKnownJet):
                    function: Callable[[Tensor], Tensor] = partial(values_at, value)  # pyright: ignore[reportArgumentType]
                    check_visible(f"the {what} of a hard `{type(condition).__name__}`", function, x)


def _begin(start: Initial, domain: TimeSpace) -> list[Callable[[Tensor], Tensor]]:
    """Lifts that are right at the begin: the value, and the velocity times what has passed."""
    value, velocity = start.value, start.velocity
    lifts = [value if isinstance(value, AbstractKnownJet) else lambda x: values_at(value, at_time(x, domain.start))]
    if velocity is not None:
        lifts.append(lambda x: (x[:, :1] - domain.start) * values_at(velocity, at_time(x, domain.start)))
    return lifts


def _wall_motion(wall: Dirichlet, start: Initial, domain: TimeSpace) -> list[Callable[[Tensor], Tensor]]:
    """What the boundary's value has changed since the begin, beyond what the velocity there has."""
    value = wall.value
    if not callable(value):
        return []

    def motion(x: Tensor) -> Tensor:
        since = values_at(value, x) - values_at(value, at_time(x, domain.start))
        if start.velocity is None:
            return since
        return since - (x[:, :1] - domain.start) * speed_at(value, x, domain.start)

    return [motion]


def speed_at(value: Callable[[Tensor], Tensor], x: Tensor, time: float) -> Tensor:
    """How fast a value changes at one time.

    Args:
        value: of points.
        x: `(n, D)` points, time first; their times do not matter.
        time: when.

    Returns:
        `(n, 1 or outputs)` derivatives by time, differentiable.
    """

    def at(moment: Tensor) -> Tensor:
        return values_at(value, torch.cat([moment, x[:, 1:]], dim=1))

    moment = torch.full_like(x[:, :1], time)
    if not is_plain_eager():
        values, pull = torch.func.vjp(at, moment)  # pyright: ignore[reportAssignmentType]
        units = torch.eye(values.shape[1]).to(values)
        return torch.cat([pull(unit.expand_as(values))[0] for unit in units], dim=1)
    with torch.enable_grad():
        leaf = moment.requires_grad_()
        return torch.cat([_slope(column, leaf) for column in at(leaf).unbind(1)], dim=1)


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
    meeting = [("", start.value, values_at(wall.value, x))]
    if start.velocity is not None:
        speed = speed_at(wall.value, x, domain.start) if callable(wall.value) else x.new_zeros(len(x), 1)
        meeting.append(("velocity ", start.velocity, speed))
    for what, begun, wanted in meeting:
        _check_meeting(what, values_at(begun, x).detach(), wanted.detach(), x, values_at(begun, inside).detach())


def _check_meeting(what: str, found: Tensor, wanted: Tensor, x: Tensor, inside: Tensor) -> None:
    if found.shape[1] != wanted.shape[1] and 1 not in (found.shape[1], wanted.shape[1]):
        raise ShapeError(f"`Initial` has {found.shape[1]} outputs, `Dirichlet` {wanted.shape[1]}.")
    found, wanted = torch.broadcast_tensors(found, wanted)
    gap, columns = (found - wanted).abs(), found.shape[1]
    scale = torch.stack([part.abs().amax(0).expand(columns) for part in (inside, found, wanted)]).amax(0)
    worst = gap / scale.clamp_min(torch.finfo(gap.dtype).tiny)
    row, column = divmod(int(worst.argmax()), columns)
    of = f" for output {column}" if columns > 1 else ""
    said = (
        f"at {x[row].tolist()}{of}: `Initial` says {what}{float(found[row, column]):g}, `Dirichlet` says {what}"
        f"{float(wanted[row, column]):g}. Correct one, or make it soft: hard=False."
    )
    if float(worst[row, column]) > _CONTRADICTION:
        raise DomainError(f"hard conditions contradict each other {said}")
    if float(worst[row, column]) > _SLIGHT:
        warnings.warn(f"hard conditions differ, and the boundary gets neither, {said}", UserWarning, stacklevel=5)


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
    y = y.detach().reshape(len(y), -1)
    lift = wrap.lift(x).detach()
    lift = lift[:, : y.shape[1]] if lift.shape[1] > 1 else lift.expand_as(y)
    if lift.shape != y.shape:
        raise ShapeError(f"{what} has {y.shape[1]} outputs, a hard condition {lift.shape[1]}.")
    scale = torch.maximum(y.abs().amax(0), lift.abs().amax(0)).clamp_min(torch.finfo(y.dtype).tiny)
    gap = torch.where(wrap.fixed(x)[:, None], (lift - y).abs() / scale, 0.0)
    row, column = divmod(int(gap.argmax()), y.shape[1])
    if float(gap[row, column]) > _CONTRADICTION:
        raise DomainError(
            f"a hard condition contradicts {what}: at {x[row].tolist()} it says {float(lift[row, column]):g}, "
            f"row {row} of {what} {float(y[row, column]):g}. Correct one, or make the condition soft: hard=False."
        )


def _name(domain: Domain) -> str:
    return type(domain).__name__

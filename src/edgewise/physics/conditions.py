"""What a solution has to satisfy beside its equation: on the boundary, at the begin, at points that were measured.

A condition is *hard* where the network is wrapped so that it holds exactly, see `wrap`, and *soft* where its squared
error is added to the loss, `weight` times.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from edgewise.errors import ShapeError
from edgewise.physics.inputs import call_user, check_weight, number, rows
from edgewise.physics.plan import Plan

Value = float | Callable[[Tensor], Tensor]
Residual = Callable[..., Tensor]

_BOUNDARY_WEIGHT = 100.0


@dataclass(frozen=True)
class Dirichlet:
    """`u = value` on the boundary (in space, where there is time).

    Attributes:
        value: a number, or a function of `(n, D)` points with values `(n,)`, of every output, or `(n, outputs)`. For a
            hard condition it must be defined, smooth and differentiable by torch in the whole domain.
        hard: exact by construction (True), by weight (False), or exact where the domain has a bubble (None).
        weight: of the squared error of a soft condition, positive.
        where: function of points to `(n,)` bool, for a part of the boundary; the condition is soft then.
    """

    value: Value = 0.0
    hard: bool | None = None
    weight: float = _BOUNDARY_WEIGHT
    where: Callable[[Tensor], Tensor] | None = None

    def __post_init__(self) -> None:
        check_weight("Dirichlet", self.weight)
        _check_value("Dirichlet", self.value)


@dataclass(frozen=True)
class Neumann:
    """The derivative along the outward normal is `value` on the boundary in space; always soft.

    Attributes:
        value: a number or a function of points, as for `Dirichlet`.
        weight: of the squared error, positive.
        where: function of points to `(n,)` bool, for a part of the boundary.
    """

    value: Value = 0.0
    weight: float = 1.0
    where: Callable[[Tensor], Tensor] | None = None

    def __post_init__(self) -> None:
        check_weight("Neumann", self.weight)
        _check_value("Neumann", self.value)


@dataclass(frozen=True)
class Initial:
    """`u = value` at the begin; with `velocity` also `du/dt`, which equations of second order in time need.

    Attributes:
        value: a number, or a function of `(n, D)` points, as for `Dirichlet`; what it says of later times is not used.
        hard: exact by construction, or by weight.
        weight: of the squared error of a soft condition, positive.
        velocity: likewise the derivative by time, or None.
    """

    value: Value = 0.0
    hard: bool = True
    weight: float = _BOUNDARY_WEIGHT
    velocity: Value | None = None

    def __post_init__(self) -> None:
        check_weight("Initial", self.weight)
        _check_value("Initial", self.value)
        if self.velocity is not None:
            _check_value("Initial", self.velocity)


@dataclass(frozen=True)
class Periodic:
    """The solution and all derivatives agree at both ends of a coordinate.

    Exact: the network sees the cosine and the sine of that coordinate instead, so it needs one input more.

    Attributes:
        coordinate: its name.
    """

    coordinate: str


@dataclass(frozen=True, repr=False)
class Data:
    """Measured values.

    Attributes:
        x: `(n, D)` points, anything array-like.
        y: `(n,)` values of the first output, or `(n, outputs)`.
        weight: of the mean squared error, positive.
    """

    x: Tensor
    y: Tensor
    weight: float = 1.0

    def __post_init__(self) -> None:
        check_weight("Data", self.weight)
        object.__setattr__(self, "x", rows("`x` of `Data`", self.x))
        object.__setattr__(self, "y", rows("`y` of `Data`", self.y))

    def __repr__(self) -> str:
        """How much there is."""
        return f"Data({len(self.x)} points, weight={self.weight})"


@dataclass(frozen=True, repr=False)
class Equation:
    """Any other soft condition: `residual(x, u) = 0` at given points.

    Attributes:
        residual: like the equation of a `Problem`.
        x: `(n, D)` points, anything array-like.
        weight: of the mean squared residual, positive.
    """

    residual: Residual
    x: Tensor
    weight: float = 1.0

    def __post_init__(self) -> None:
        check_weight("Equation", self.weight)
        object.__setattr__(self, "x", rows("`x` of `Equation`", self.x))

    def __repr__(self) -> str:
        """Where it holds."""
        return f"Equation({len(self.x)} points, weight={self.weight})"


Condition = Dirichlet | Neumann | Initial | Periodic | Data | Equation


class AbstractKnownJet(ABC):
    """A function of points that computes its own derivatives, instead of being differentiated."""

    @abstractmethod
    def __call__(self, x: Tensor) -> Tensor:
        """`(n,)` or `(n, outputs)` values at `(n, D)` points."""

    @abstractmethod
    def jet(self, x: Tensor, plan: Plan) -> Tensor:
        """`(outputs, R, n)` value and derivatives at `(n, D)` points."""


def values_at(value: Value, x: Tensor, name: str = "the value of a condition") -> Tensor:
    """A number or function at points.

    Args:
        value: the number or function.
        x: `(n, D)`.
        name: what it is, for messages.

    Returns:
        `(n, 1)` for every output alike, or `(n, outputs)`.

    Raises:
        ShapeError: the function returns something else.
    """
    if not callable(value):
        return x.new_full((len(x), 1), float(value))
    found = call_user(
        value, x,
        explain=f"{name} is called with points, a tensor {tuple(x.shape)}, and must use torch functions (`torch.sin`, "
        "not `np.sin`)",
    )  # fmt: skip
    if not isinstance(found, Tensor) or found.dim() not in (1, 2) or len(found) != len(x):
        shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise ShapeError(
            f"{name} must be ({len(x)},) for {len(x)} points, or ({len(x)}, outputs) to give each "
            f"output its own; got {shape}."
        )
    return found[:, None] if found.dim() == 1 else found


def _check_value(condition: str, value: Any) -> None:
    if not callable(value):
        number(f"the value of `{condition}`", value)

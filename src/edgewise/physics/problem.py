"""A problem: an equation on a domain, with conditions, perhaps with unknown coefficients."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from edgewise.errors import DomainError, ParameterError, ShapeError
from edgewise.physics.conditions import (
    AbstractKnownJet,
    Condition,
    Data,
    Dirichlet,
    Equation,
    Initial,
    Neumann,
    Periodic,
    values_at,
)
from edgewise.physics.domains import Box, Domain, check_inside
from edgewise.physics.equation import call, check_arguments
from edgewise.physics.field import Field, Jets
from edgewise.physics.inputs import number
from edgewise.physics.parts import Embedding, Part, Surroundings
from edgewise.physics.plan import Plan
from edgewise.physics.reference import Exact, ReferenceGrid
from edgewise.physics.time_space import TimeSpace
from edgewise.physics.wrap import check_known, check_lifts, is_hard, no_time_message, wrap_of

_CORNERS = 64
"""Points at which a known solution is held against the hard conditions."""


class Problem:
    """An equation on a domain, with conditions.

    Args:
        domain: where it holds.
        pde: the equation as a function of points `(n, D)` and the solution: `pde(x, u)` returns what shall be zero,
            `(n,)`, from `u.value`, `u.grad`, `u.laplacian`, `u.dt`, `u.d("x", "x")`. Unknown coefficients are passed
            by name. Several equations are a tuple.
        conditions: one or several of `Dirichlet`, `Neumann`, `Initial`, `Periodic`, `Data`, `Equation`.
        unknowns: name to start value of coefficients to be found.
        exact: the solution where it is known, a function of points with values `(n,)` of the first output or
            `(n, outputs)`, or a `ReferenceGrid`; for errors only.

    Raises:
        ParameterError: something that is no condition, conditions that cannot go together, or an equation that does
            not take the unknowns.
        ShapeError: data with other columns than the domain.
        DomainError: conditions, data or a reference that contradict each other or the domain.

    >>> from edgewise.physics import Box, Dirichlet
    >>> pde = lambda x, u: u.laplacian + x[:, 0].sin()
    >>> problem = Problem(Box(-1, 1), pde, [Dirichlet(0.0)])
    >>> problem.in_features, problem.is_hard
    (1, True)
    """

    def __init__(
        self,
        domain: Domain,
        pde: Callable[..., Any],
        conditions: Condition | Sequence[Condition] = (),
        *,
        unknowns: Mapping[str, float] | None = None,
        exact: Exact | ReferenceGrid | None = None,
    ) -> None:
        if not isinstance(domain, Domain):
            raise ParameterError(f"`domain` must be a domain such as `Box(-1, 1)`; got {type(domain).__name__}.")
        if not callable(pde):
            raise ParameterError(f"`pde` must be a function of (x, u); got {type(pde).__name__}.")
        if not (exact is None or callable(exact) or isinstance(exact, ReferenceGrid)):
            raise ParameterError(f"`exact` must be a function of points or a `ReferenceGrid`; got {exact!r}.")
        self.pde, self.exact = pde, exact
        self.conditions, self.unknowns = _listed(conditions), _start_values(unknowns)
        check_arguments("`pde`", pde, self.unknowns)
        columns = self._periodic(domain)
        self.domain = _joined(domain, columns)
        self._check_walls()
        check_lifts(self.conditions, self.domain)
        wrap = wrap_of(self.conditions, self.domain)
        self.around = Surroundings(self.domain, _embedding(self.domain.bounds, columns) if columns else None, wrap)
        for condition in self.conditions:
            self._check(condition)
        self._check_exact()

    def __repr__(self) -> str:
        """What it consists of."""
        conditions = ", ".join(type(condition).__name__ for condition in self.conditions) or "no conditions"
        unknowns = f", unknowns={self.unknowns}" if self.unknowns else ""
        return f"Problem({self.domain!r}, {conditions}{unknowns})"

    @property
    def in_features(self) -> int:
        """Number of inputs that a network for this problem needs."""
        return self.domain.dim + sum(isinstance(c, Periodic) for c in self.conditions)

    @property
    def is_hard(self) -> bool:
        """Whether all conditions hold by construction."""
        return all(is_hard(condition, self.domain) for condition in self.conditions)

    def field(self, model: nn.Module, x: Tensor) -> Field:
        """The solution that a network stands for, hard conditions included.

        Args:
            model: the network.
            x: `(n, D)` points, in its dtype.

        Returns:
            The field with `.value`, `.grad`, ...

        Raises:
            ShapeError: points with other columns than the coordinates.
        """
        return Field(Jets(self.jets(model, x)), self.domain.names, self.domain.time)

    def jets(self, model: nn.Module, x: Tensor) -> Callable[[Plan], Tensor]:
        """The same as a function of what is wanted.

        Args:
            model: the network.
            x: `(n, D)` points, in its dtype.

        Returns:
            Function of a plan that gives `(outputs, channels, n)`.

        Raises:
            ShapeError: points with other columns than the coordinates.
        """
        if x.dim() != 2 or x.shape[1] != self.domain.dim:
            raise ShapeError(
                f"points must be (n, {self.domain.dim}), a column for each of {', '.join(self.domain.names)}; got "
                f"{tuple(x.shape)}. A single point is a row too: `[[{', '.join(self.domain.names)}]]`."
            )
        around = self.around
        return lambda plan: around.solution(model, x, around.constants(x, plan), plan)

    def inner(self, x: Tensor) -> Part:
        """The equation at points.

        Args:
            x: `(n, D)`.

        Returns:
            The part of the loss.
        """
        return Part("`pde`", partial(call, "`pde`", self.pde), x)

    def others(self, like: Tensor, n: int, method: str, seed: int) -> list[Part]:
        """The soft conditions.

        Args:
            like: whose dtype and device points get.
            n: points of a boundary.
            method: how they are spread, see `domains`.
            seed: of what is drawn.

        Returns:
            One part for each.
        """
        soft = [c for c in self.conditions if not is_hard(c, self.domain)]
        return [self._soft(condition, like, n, method, seed + place) for place, condition in enumerate(soft)]

    def _soft(self, condition: Condition, like: Tensor, n: int, method: str, seed: int) -> Part:
        def make(name: str, residual: Callable[..., Any], x: Tensor, *extra: Tensor) -> Part:
            here, chooses = [tensor.to(like) for tensor in (x, *extra)], isinstance(condition, Data | Equation)
            return Part(name, residual, here[0], condition.weight, here[1:], chooses)  # pyright: ignore[reportAttributeAccessIssue]

        if isinstance(condition, Equation):
            return make("`Equation`", partial(_without_unknowns, condition.residual), condition.x)
        if isinstance(condition, Data):
            return make("`Data`", partial(difference, "`Data`"), condition.x, condition.y.reshape(len(condition.y), -1))
        if isinstance(condition, Initial):
            if not isinstance(self.domain, TimeSpace):
                raise ParameterError(no_time_message(self.domain))
            x = self.domain.initial(n, method, seed)
            wanted = values_at(condition.value, x)
            if condition.velocity is None:
                return make("`Initial`", _value_residual, x, wanted)
            return make("`Initial`", _motion_residual, x, wanted, values_at(condition.velocity, x))
        x, normal = self.domain.boundary(n, method, seed)
        if condition.where is not None:  # pyright: ignore[reportAttributeAccessIssue]
            kept = condition.where(x)  # pyright: ignore[reportAttributeAccessIssue]
            if not bool(kept.any()):
                raise DomainError(
                    f"no point of the boundary fulfils `where` of {type(condition).__name__}: the boundary is that in "
                    "space. For the begin use `Initial`; for any other points `Equation(residual, x)`."
                )
            x, normal = x[kept], normal[kept]
        wanted = values_at(condition.value, x)  # pyright: ignore[reportAttributeAccessIssue]
        if isinstance(condition, Neumann):
            if not bool(normal.isfinite().all()):
                raise DomainError("`Neumann` needs normals, and this cloud of points has none: `Points(normal=...)`.")
            return make("`Neumann`", _slope_residual, x, wanted, normal[:, list(self.domain.space)])
        return make("`Dirichlet`", _value_residual, x, wanted)

    def _periodic(self, domain: Domain) -> list[int]:
        """The columns of periodic coordinates."""
        columns = []
        for condition in self.conditions:
            if not isinstance(condition, Periodic):
                continue
            if condition.coordinate not in domain.names:
                raise ParameterError(
                    f"`Periodic` names a coordinate that is not there, {condition.coordinate!r}; they are "
                    f"{', '.join(domain.names)}."
                )
            columns.append(domain.names.index(condition.coordinate))
        return columns

    def _check_walls(self) -> None:
        """See that conditions on the boundary have one in space."""
        for condition in self.conditions:
            if isinstance(condition, Dirichlet | Neumann) and not self.domain.space:
                raise ParameterError(
                    f"`{type(condition).__name__}` needs a boundary in space, and {self.domain!r} is time alone: use "
                    "`Initial`, or `Equation(residual, x)` at other times."
                )

    def _check(self, condition: Condition) -> None:
        """See that a condition fits the problem."""
        if isinstance(condition, Equation):
            check_arguments("`Equation(residual)`", condition.residual)
        if not isinstance(condition, Data | Equation):
            return
        name, x = type(condition).__name__, condition.x
        values = (condition.y,) if isinstance(condition, Data) else ()
        if x.dim() != 2 or x.shape[1] != self.domain.dim or any(len(x) != len(y) for y in values):
            found = " and ".join(str(tuple(tensor.shape)) for tensor in (x, *values))
            raise ShapeError(
                f"`{name}` must have (n, {self.domain.dim}) points{' and n values' if values else ''}; got {found}."
            )
        check_inside(f"points of `{name}`", x, self.domain)
        if isinstance(condition, Data):
            check_known(self.around.wrap, "the data", x, condition.y)

    def _check_exact(self) -> None:
        """See that a known solution covers the domain and meets the hard conditions."""
        exact, domain, wrap = self.exact, self.domain, self.around.wrap
        if isinstance(exact, ReferenceGrid):
            exact.check_covers(domain)
        if exact is None or wrap is None or self._begun_by_another():
            return
        if isinstance(exact, ReferenceGrid):
            check_known(wrap, "`exact`", *exact.rows(domain))
            return
        hard = [c for c in self.conditions if is_hard(c, domain)]
        x = [domain.interior(_CORNERS, "sobol")]
        x += [domain.boundary(_CORNERS).x for c in hard if isinstance(c, Dirichlet)]
        begins = [c for c in hard if isinstance(c, Initial)]
        if isinstance(domain, TimeSpace) and begins:
            x.append(domain.initial(_CORNERS))
        there = torch.cat(x)
        check_known(wrap, "`exact`", there, values_at(exact, there, "`exact`"))

    def _begun_by_another(self) -> bool:
        """Whether it begins with what a network has found, which is not exact."""
        return any(isinstance(c, Initial) and isinstance(c.value, AbstractKnownJet) for c in self.conditions)


def _joined(domain: Domain, columns: list[int]) -> Domain:
    """The domain without the sides of periodic coordinates."""
    if not columns:
        return domain
    timed = isinstance(domain, TimeSpace)
    region = domain.region if timed else domain
    if not isinstance(region, Box) or (timed and 0 in columns):
        raise ParameterError(f"`Periodic` needs a box in space, whose opposite sides can be one; got {domain!r}.")
    if not timed:
        return region.joined(columns)
    return TimeSpace((domain.start, domain.end), region.joined([column - 1 for column in columns]))


def _embedding(bounds: Tensor, columns: list[int]) -> Embedding:
    """What a network sees of points: cosine and sine of periodic coordinates."""

    def embedding(x: Tensor) -> Tensor:
        parts = []
        for i in range(x.shape[1]):
            lo, hi = bounds[i].tolist()
            angle = 2 * torch.pi * (x[:, i] - lo) / (hi - lo)
            parts += [angle.cos(), angle.sin()] if i in columns else [x[:, i]]
        return torch.stack(parts, dim=1)

    return embedding


def _listed(conditions: Any) -> list[Condition]:
    """The conditions as a list."""
    found = list(conditions) if isinstance(conditions, Iterable) else [conditions]
    for condition in found:
        if not isinstance(condition, Condition):
            raise ParameterError(f"`conditions` must hold conditions such as `Dirichlet(0.0)`; got {condition!r}.")
    return found


def _start_values(unknowns: Any) -> dict[str, float]:
    """Name to start value."""
    if not isinstance(unknowns, Mapping | None):
        raise ParameterError(f"`unknowns` must map names to start values, such as {{'a': 1.0}}; got {unknowns!r}.")
    for name in unknowns or {}:
        if name in ("x", "u"):
            raise ParameterError(f"no unknown can be called {name!r}: points and solution are `x` and `u`. Rename it.")
    return {name: number(f"the start value of unknown {name!r}", value) for name, value in (unknowns or {}).items()}


def _value_residual(x: Tensor, u: Field, wanted: Tensor, /, **_: Tensor) -> Any:
    return tuple(own.value - column for own, column in _per_output(u, wanted))


def _motion_residual(x: Tensor, u: Field, wanted: Tensor, velocity: Tensor, /, **_: Tensor) -> Any:
    slopes = [own.dt - column for own, column in _per_output(u, velocity)]
    return (*_value_residual(x, u, wanted), *slopes)


def _slope_residual(x: Tensor, u: Field, wanted: Tensor, normal: Tensor, /, **_: Tensor) -> Any:
    return tuple((own.grad * normal).sum(1) - column for own, column in _per_output(u, wanted))


def _per_output(u: Field, wanted: Tensor) -> list[tuple[Field, Tensor]]:
    """Every output with its column of `(n, 1 or outputs)` values."""
    if wanted.shape[1] not in (1, u.outputs):
        raise ShapeError(f"a condition has values for {wanted.shape[1]} outputs, the network has {u.outputs}.")
    return list(zip(u, wanted.expand(-1, u.outputs).unbind(1), strict=True))


def difference(what: str, x: Tensor, u: Field, wanted: Tensor, /, **_: Tensor) -> Any:
    """What outputs differ by from known values.

    Args:
        what: the values, for messages.
        x: `(n, D)` points.
        u: the solution there.
        wanted: `(n, outputs)`, of the first ones.
        **_: unknowns, which do not matter.

    Returns:
        `(n,)` for each of these outputs.

    Raises:
        ShapeError: more outputs than the network has.
    """
    if wanted.shape[1] > u.outputs:
        raise ShapeError(f"{what} has {wanted.shape[1]} outputs, the network {u.outputs}.")
    return tuple(u[n].value - column for n, column in enumerate(wanted.unbind(1)))


def _without_unknowns(residual: Callable[..., Any], x: Tensor, u: Field, /, **_: Tensor) -> Any:
    return call("`Equation`", residual, x, u)

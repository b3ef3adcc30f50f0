"""A problem: an equation on a domain, with conditions, perhaps with unknown coefficients."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from edgewise.errors import DomainError, ParameterError, ShapeError
from edgewise.physics.conditions import (
    Condition,
    Data,
    Equation,
    Initial,
    Neumann,
    Periodic,
    check_data,
    is_hard,
    values_at,
    wrap_of,
)
from edgewise.physics.domains import Domain, TimeSpace
from edgewise.physics.equation import call, check_arguments
from edgewise.physics.field import Field, Jets
from edgewise.physics.parts import Embedding, Part, Surroundings
from edgewise.physics.plan import Plan
from edgewise.physics.reference import Exact, ReferenceGrid


class Problem:
    """An equation on a domain, with conditions.

    Args:
        domain: where it holds.
        pde: the equation as a function of points `(n, D)` and the solution: `pde(x, u)` returns what shall be zero,
            `(n,)`, from `u.value`, `u.grad`, `u.laplacian`, `u.dt`, `u.d("x", "x")`. Unknown coefficients are passed
            by name. Several equations are a tuple.
        conditions: one or several of `Dirichlet`, `Neumann`, `Initial`, `Periodic`, `Data`, `Equation`.
        unknowns: name to start value of coefficients to be found.
        exact: the solution where it is known, a function of points or a `ReferenceGrid`; for errors only.

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
        if not callable(pde):
            raise ParameterError(f"`pde` must be a function of (x, u); got {type(pde).__name__}.")
        conditions = [conditions] if isinstance(conditions, Condition) else list(conditions)
        for condition in conditions:
            if not isinstance(condition, Condition):
                raise ParameterError(f"`conditions` must hold conditions such as `Dirichlet(0.0)`; got {condition!r}.")
        self.domain, self.pde, self.conditions = domain, pde, conditions
        self.unknowns, self.exact = dict(unknowns or {}), exact
        check_arguments("`pde`", pde, self.unknowns)
        self.around = Surroundings(domain, self._embedding(), wrap_of(self.conditions, domain))
        if isinstance(exact, ReferenceGrid):
            exact.check_covers(domain)
        for condition in self.conditions:
            if isinstance(condition, Data):
                self._check_data(condition)
            if isinstance(condition, Equation):
                check_arguments("`Equation(residual)`", condition.residual)

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
        return [self._soft(condition, like, n, method, seed + number) for number, condition in enumerate(soft)]

    def _soft(self, condition: Condition, like: Tensor, n: int, method: str, seed: int) -> Part:
        def make(name: str, residual: Callable[..., Any], x: Tensor, *extra: Tensor) -> Part:
            here = [tensor.to(like) for tensor in (x, *extra)]
            return Part(name, residual, here[0], condition.weight, here[1:])  # pyright: ignore[reportAttributeAccessIssue]

        if isinstance(condition, Equation):
            return make("`Equation`", partial(_without_unknowns, condition.residual), condition.x)
        if isinstance(condition, Data):
            return make("`Data`", _data_residual, condition.x, condition.y.reshape(len(condition.y), -1))
        if isinstance(condition, Initial):
            if not isinstance(self.domain, TimeSpace):
                raise ParameterError("`Initial` needs a domain with time, `TimeSpace(time, space)`.")
            x = self.domain.initial(n, method, seed)
            return make("`Initial`", _value_residual, x, values_at(condition.value, x))
        x, normal = self.domain.boundary(n, method, seed)
        if condition.where is not None:  # pyright: ignore[reportAttributeAccessIssue]
            kept = condition.where(x)  # pyright: ignore[reportAttributeAccessIssue]
            if not bool(kept.any()):
                raise DomainError(f"no point of the boundary fulfils `where` of {type(condition).__name__}.")
            x, normal = x[kept], normal[kept]
        wanted = values_at(condition.value, x)  # pyright: ignore[reportAttributeAccessIssue]
        if isinstance(condition, Neumann):
            if not bool(normal.isfinite().all()):
                raise DomainError("`Neumann` needs normals, and this cloud of points has none: `Points(normal=...)`.")
            return make("`Neumann`", _slope_residual, x, wanted, normal[:, list(self.domain.space)])
        return make("`Dirichlet`", _value_residual, x, wanted)

    def _embedding(self) -> Embedding | None:
        periodic = [c for c in self.conditions if isinstance(c, Periodic)]
        if not periodic:
            return None
        columns = []
        for condition in periodic:
            if condition.coordinate not in self.domain.names:
                raise ParameterError(
                    f"`Periodic` names a coordinate that is not there, {condition.coordinate!r}; they are "
                    f"{', '.join(self.domain.names)}."
                )
            columns.append(self.domain.names.index(condition.coordinate))
        bounds = self.domain.bounds

        def embedding(x: Tensor) -> Tensor:
            parts = []
            for i in range(x.shape[1]):
                lo, hi = bounds[i].tolist()
                angle = 2 * torch.pi * (x[:, i] - lo) / (hi - lo)
                parts += [angle.cos(), angle.sin()] if i in columns else [x[:, i]]
            return torch.stack(parts, dim=1)

        return embedding

    def _check_data(self, data: Data) -> None:
        if data.x.dim() != 2 or data.x.shape[1] != self.domain.dim or len(data.x) != len(data.y):
            raise ShapeError(
                f"`Data` must have (n, {self.domain.dim}) points and n values; got {tuple(data.x.shape)} and "
                f"{tuple(data.y.shape)}."
            )
        check_data(self.around.wrap, data)


def _value_residual(x: Tensor, u: Field, wanted: Tensor, **_: Tensor) -> Tensor:
    return u.value - wanted


def _slope_residual(x: Tensor, u: Field, wanted: Tensor, normal: Tensor, **_: Tensor) -> Tensor:
    return (u.grad * normal).sum(1) - wanted


def _data_residual(x: Tensor, u: Field, wanted: Tensor, **_: Tensor) -> Tensor:
    return torch.stack([u[n].value for n in range(wanted.shape[1])], dim=1) - wanted


def _without_unknowns(residual: Callable[..., Any], x: Tensor, u: Field, **_: Tensor) -> Any:
    return call("`Equation`", residual, x, u)

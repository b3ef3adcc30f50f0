"""The terms of a problem's loss: an equation at points, with all that stays the same from one evaluation to the next.

The points do not move while the network learns. So the jets of what surrounds it, the coordinates it sees and the hard
conditions, are computed once and enter as constants.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from edgewise.errors import ShapeError
from edgewise.physics.conditions import AbstractKnownJet
from edgewise.physics.domains import Domain
from edgewise.physics.field import Field, Jets
from edgewise.physics.jets import by_autograd, coordinates, steps_of, through_layers
from edgewise.physics.plan import Channel, Plan, plan_of, product, sum_of
from edgewise.physics.wrap import Wrap

Embedding = Callable[[Tensor], Tensor]


class Surroundings(NamedTuple):
    """What is between the coordinates and the network, and between the network and the solution.

    Attributes:
        domain: names the coordinates.
        embedding: of `(B, D)` points, the inputs of the network; None for the coordinates themselves.
        wrap: the hard conditions, or None.
    """

    domain: Domain
    embedding: Embedding | None
    wrap: Wrap | None

    def constants(self, x: Tensor, plan: Plan) -> list[Tensor]:
        """What does not depend on the network.

        Args:
            x: `(B, D)` points.
            plan: the channels.

        Returns:
            The jet of the inputs `(I, R, B)`; with a wrap also that of the lift, `(1 or outputs, R, B)`, and what every
            channel of the network adds to every channel of the solution, `(R, R, B)`.
        """
        with torch.no_grad():
            found = [coordinates(x, plan) if self.embedding is None else by_autograd(self.embedding, x, plan).detach()]
            if self.wrap is not None:
                lift = sum_of([_own_jet(own, x, plan) for own in self.wrap.lifts])
                bubble = _own_jet(self.wrap.bubble, x, plan)[0]
                units = torch.eye(len(plan.channels)).to(x)[..., None].expand(-1, -1, len(x))
                found += [lift, product(bubble.expand_as(units), units, plan)]
        return found

    def solution(self, model: Any, x: Tensor, constants: Sequence[Tensor], plan: Plan) -> Tensor:
        """The jet of the solution.

        Args:
            model: the network.
            x: `(B, D)` points.
            constants: at the points.
            plan: the channels.

        Returns:
            `(outputs, R, B)`.

        Raises:
            ShapeError: hard conditions for other outputs than there are.
        """
        state, *wrap = constants
        steps, embedding = steps_of(model), self.embedding
        if steps is not None:
            found = through_layers(steps, state, plan)
        else:
            found = by_autograd(model if embedding is None else lambda x: model(embedding(x)), x, plan)
        if wrap:
            lift, factors = wrap
            if len(lift) not in (1, len(found)):
                raise ShapeError(f"hard conditions have {len(lift)} outputs, the network {len(found)}.")
            found = lift + (factors * found[:, :, None]).sum(1)
        return found


def _own_jet(function: Any, x: Tensor, plan: Plan) -> Tensor:
    """`(1 or outputs, R, B)` of a function of points: by its own `jet(x, plan)` where it has one, or by autograd."""
    known = isinstance(function, AbstractKnownJet)
    return (function.jet(x, plan) if known else by_autograd(function, x, plan)).detach()


class Part:
    """The residuals of one equation or condition.

    Args:
        name: for messages.
        residual: function of `(x, u, **unknowns)`, or with `extra` of `(x, u, *extra)`.
        x: `(B, D)` points.
        weight: of the mean squared residual in the loss.
        chooses: whether it uses the outputs that it means, and not all of them alike.
        extra: more tensors with a row for each point, for conditions.

    Attributes:
        read: the outputs of the network that it uses, once prepared.
    """

    def __init__(
        self, name: str, residual: Callable[..., Any], x: Tensor, weight: float = 1.0, extra: Sequence[Tensor] = (),
        chooses: bool = True,
    ) -> None:  # fmt: skip
        self.name, self.residual, self.x, self.extra, self.chooses = name, residual, x, tuple(extra), chooses
        self.factor = (weight / len(x)) ** 0.5
        self.wanted: frozenset[Channel] = frozenset()
        self.constants: list[Tensor] = []
        self.read: set[int] = set()

    def prepare(self, around: Surroundings, model: nn.Module, unknowns: Mapping[str, Tensor]) -> None:
        """Learn what the equation asks for, and compute what stays the same.

        Args:
            around: what surrounds the network.
            model: the network.
            unknowns: name to value.

        Raises:
            ShapeError: the equation does not return one residual per row.
        """
        few = torch.arange(3, device=self.x.device) % len(self.x)  # three: no accident of broadcasting, little work
        with torch.no_grad():
            jets = _jets(around, model, self.x[few], self.wanted, None)
            self._residual(around, jets, self.x[few], [part[few] for part in self.extra], unknowns)
        self.wanted, self.read = jets.wanted, jets.read
        self.constants = around.constants(self.x, plan_of(self.wanted))

    def __call__(self, around: Surroundings, model: nn.Module, unknowns: Mapping[str, Tensor]) -> Tensor:
        """`(B,)` or `(B, E)` residuals, unscaled."""
        jets = _jets(around, model, self.x, self.wanted, self.constants)
        return self._residual(around, jets, self.x, self.extra, unknowns)

    def rows(self) -> list[Tensor]:
        """All that belongs to points, rows first."""
        return [self.x, *self.extra, *(part.movedim(-1, 0) for part in self.constants)]

    def at_rows(
        self, around: Surroundings, model: nn.Module, unknowns: Mapping[str, Tensor], rows: Sequence[Tensor]
    ) -> Tensor:
        """The same for some of the `rows`."""
        x, extra, constants = rows[0], rows[1 : 1 + len(self.extra)], rows[1 + len(self.extra) :]
        jets = _jets(around, model, x, self.wanted, [part.movedim(0, -1) for part in constants])
        return self._residual(around, jets, x, extra, unknowns)

    def _residual(
        self, around: Surroundings, jets: Jets, x: Tensor, extra: Sequence[Tensor], unknowns: Mapping[str, Tensor]
    ) -> Tensor:
        u = Field(jets, around.domain.names, around.domain.time)
        found = self.residual(x, u, *extra, **unknowns)
        several = isinstance(found, Sequence)
        for one in found if several else [found]:
            shape = tuple(one.shape) if isinstance(one, Tensor) else type(one).__name__
            # Three rows are tried first: a square is (B,) that has broadcast with (B, 1).
            if shape != (len(x),) and (several or len(shape) != 2 or shape[0] != len(x) or shape == (3, 3)):
                raise ShapeError(self._wrong(len(x), shape))
        return torch.stack(list(found), dim=-1) if several else found

    def _wrong(self, rows: int, shape: Any) -> str:
        return (
            f"{self.name} must return one residual for each row, ({rows},) for {rows} rows, or a tuple of such for "
            f"several equations; got {shape}. Derivatives are (rows,): combine them with columns such as `x[:, 0]`, "
            "not `x[:, :1]`."
        )


def _jets(
    around: Surroundings, model: nn.Module, x: Tensor, wanted: frozenset[Channel], constants: list[Tensor] | None
) -> Jets:
    planned = plan_of(wanted)

    def compute(plan: Plan) -> Tensor:
        known = constants if constants is not None and plan is planned else around.constants(x, plan)
        return around.solution(model, x, known, plan)

    return Jets(compute, wanted)

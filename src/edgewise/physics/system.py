"""All residuals of a problem as functions of one vector: what the solvers work on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call

from edgewise.optim import Evaluation, FunctionResiduals, Linearization, Objective, Residuals, flatten
from edgewise.physics.parts import Part, Surroundings
from edgewise.physics.plan import sum_of


class Learner(nn.Module):
    """What is learnt: the network and unknown coefficients.

    Args:
        model: the network; shared, not copied.
        unknowns: name to start value.
    """

    def __init__(self, model: nn.Module, unknowns: dict[str, Tensor]) -> None:
        super().__init__()
        self.model = model
        self._names, self._unknowns = list(unknowns), nn.ParameterList(unknowns.values())  # names may be any words

    @property
    def unknowns(self) -> dict[str, Tensor]:
        """Name to value."""
        return dict(zip(self._names, self._unknowns, strict=True))

    def forward(self, part: Part, around: Surroundings, rows: Sequence[Tensor] | None = None) -> Tensor:
        """Residuals of a part, of all its points or of some rows; each multiplied by the part's factor."""
        unknowns = self.unknowns
        if rows is None:
            return part.factor * part(around, self.model, unknowns)
        return part.factor * part.at_rows(around, self.model, unknowns, rows)

    def trained(self) -> dict[str, nn.Parameter]:
        """Name to parameter, those that move."""
        return {name: p for name, p in self.named_parameters() if p.requires_grad}


class Loss(Objective):
    """Sum of squares of all residuals, with its gradient; evaluations move the learner's parameters.

    Args:
        learner: what is learnt.
        parts: the terms.
        around: what surrounds the network.
    """

    def __init__(self, learner: Learner, parts: Sequence[Part], around: Surroundings) -> None:
        self.learner, self.parts, self.around = learner, parts, around
        self.parameters = list(learner.trained().values())

    def point(self) -> Tensor:
        """`(n,)` where the parameters are."""
        return flatten(list(self.parameters))

    @torch.no_grad()
    def assign(self, x: Tensor) -> None:
        """Move the parameters to `(n,)` values."""
        pieces = x.split([p.numel() for p in self.parameters])
        for parameter, piece in zip(self.parameters, pieces, strict=True):
            parameter.copy_(piece.view_as(parameter))

    def evaluate(self, x: Tensor) -> Evaluation:
        """See `Objective`."""
        self.evaluations += 1
        self.assign(x)
        with torch.enable_grad():
            losses = [self.learner(part, self.around).square().sum() for part in self.parts]
            loss = losses[0] if len(losses) == 1 else torch.stack(losses).sum()
            grads = torch.autograd.grad(loss, self.parameters, materialize_grads=True)
        return Evaluation(x, float(loss.detach()), flatten(list(grads)))


class System(Residuals):
    """The residuals of all parts, one below the other, for Levenberg-Marquardt.

    Args:
        loss: the same as a sum of squares.
    """

    models = 1

    def __init__(self, loss: Loss) -> None:
        def of(part: Part) -> FunctionResiduals:
            def residual(params: dict[str, Tensor], *rows: Tensor) -> Tensor:
                return functional_call(loss.learner, params, (part, loss.around, rows))

            return FunctionResiduals(residual, dict(loss.learner.trained()), part.rows())

        self.parts = [of(part) for part in loss.parts]
        self.size, self.count = self.parts[0].size, sum(part.count for part in self.parts)

    def residuals(self, x: Tensor, which: Tensor | None = None) -> Tensor:
        """See `Residuals`."""
        return torch.cat([part.residuals(x) for part in self.parts], dim=1)

    def linearize(self, x: Tensor, which: Tensor | None = None) -> SystemLinearization:
        """See `Residuals`."""
        return SystemLinearization([part.linearize(x) for part in self.parts])


class SystemLinearization(Linearization):
    """Linearizations of several parts as one."""

    def __init__(self, parts: Sequence[Linearization]) -> None:
        self.parts = parts
        self.residual = torch.cat([part.residual for part in parts], dim=1)
        self.gradient, self.loss = (sum_of([getattr(part, of) for part in parts]) for of in ("gradient", "loss"))

    def gram(self) -> Tensor:
        """See `Linearization`."""
        return sum_of([part.gram() for part in self.parts])

    def jvp(self, direction: Tensor) -> Tensor:
        """See `Linearization`."""
        return torch.cat([part.jvp(direction) for part in self.parts], dim=1)

    def vjp(self, cotangent: Tensor) -> Tensor:
        """See `Linearization`."""
        own = cotangent.split([part.residual.shape[1] for part in self.parts], dim=1)
        return sum_of([part.vjp(piece) for part, piece in zip(self.parts, own, strict=True)])

    def rows(self) -> Iterator[Tensor]:
        """See `Linearization`."""
        for part in self.parts:
            yield from part.rows()

"""What `solve` hands back."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from edgewise.errors import ParameterError
from edgewise.physics.domains import Domain
from edgewise.physics.field import Field, derivatives
from edgewise.physics.problem import Problem
from edgewise.physics.reference import ReferenceGrid, comparison

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(repr=False)
class Solution:
    """A solved problem.

    Attributes:
        problem: the problem.
        model: the network, which `solve` has changed; `solution(x)` adds the hard conditions.
        unknowns: name to value found.
        history: `"step"`, `"seconds"`, `"loss"`, `"residual"` (root mean square at held-out points), `"error"`
            (relative L2, where the solution is known) and every unknown, one number per check.
        best: the row of the history that was kept.
        stopped_because: `"tolerance"`, `"held-out residual"`, `"steps"`, `"time limit"`, `"no progress"`, `"callback"`
            or `"interrupted"`.
        seconds: of the whole run.
        phases: seconds of `"lm"`, and of `"ssbroyden"` or `"lbfgs"`.
        points: `(n, D)` the points of the equation at the end.
    """

    problem: Problem
    model: nn.Module
    unknowns: dict[str, float]
    history: dict[str, list[float]]
    best: int
    stopped_because: str
    seconds: float
    phases: dict[str, float]
    points: Tensor

    def __repr__(self) -> str:
        """What was reached, and why it ended."""
        error = "" if self.error is None else f"error={self.error:.2e}, "
        found = "".join(f"{name}={value:.6g}, " for name, value in self.unknowns.items())
        return (
            f"Solution({error}residual={self.residual:.2e}, {found}stopped_because={self.stopped_because!r}, "
            f"seconds={self.seconds:.1f})"
        )

    @property
    def residual(self) -> float:
        """Root mean square of the residual at points that were not trained on."""
        return self.history["residual"][self.best]

    @property
    def error(self) -> float | None:
        """Relative L2 error at points that were not trained on; None where the solution is not known."""
        return self.history["error"][self.best] if "error" in self.history else None

    @torch.no_grad()
    def __call__(self, x: Any) -> Tensor:
        """Values of the solution.

        Args:
            x: `(n, D)` points, anything array-like.

        Returns:
            `(n,)`, or `(n, outputs)` where there are several.

        Raises:
            ShapeError: points with other columns than the coordinates.

        Warns:
            UserWarning: points outside the domain, where the network was not trained.
        """
        points = self._points(x)
        return values_inside(self.problem.field(self.model, points), points, self.problem.domain)

    def field(self, x: Any) -> Field:
        """The solution with its derivatives, see `Field`."""
        return self.problem.field(self.model, self._points(x))

    def h1_error(self, n: int = 4000, seed: int = 2) -> float:
        """Relative error of values and gradients together, where the solution is a known function.

        Args:
            n: number of points.
            seed: of the points.

        Returns:
            `sqrt((|e|^2 + |grad e|^2) / (|u|^2 + |grad u|^2))`.

        Raises:
            ParameterError: the solution is not known as a function.
        """
        exact, domain = self.problem.exact, self.problem.domain
        if exact is None or isinstance(exact, ReferenceGrid):
            raise ParameterError("`h1_error` needs `Problem(exact=...)` as a function, to differentiate it.")
        x = self._points(comparison(exact, domain, n, seed)[0])
        wanted = derivatives(exact, x, names=domain.names, time=domain.time)
        along, outputs = domain.space or (0,), range(wanted.outputs)
        both = [
            torch.stack([part for n in outputs for part in (u[n].value, *(u[n].d(i) for i in along))], dim=1).detach()
            for u in (self.field(x), wanted)
        ]
        return relative_error(*both)

    def plot(self, **kwargs: Any) -> Figure:
        """Draw solution, error and convergence; see `edgewise.plot.plot_solution`."""
        from edgewise.plot import plot_solution

        return plot_solution(self, **kwargs)

    def _points(self, x: Any) -> Tensor:
        like = next(self.model.parameters())
        return torch.as_tensor(x, dtype=like.dtype, device=like.device)


def values_inside(u: Field, x: Tensor, domain: Domain) -> Tensor:
    """Values at points, with a warning where a solution is asked outside its domain.

    Args:
        u: the solution at the points.
        x: `(n, D)`.
        domain: where the network was trained.

    Returns:
        `(n,)`, or `(n, outputs)` where there are several.
    """
    values = torch.stack([own.value for own in u], dim=1)
    outside = domain.outside(x)
    if bool(outside.any()):
        row = int(outside.nonzero()[0])
        warnings.warn(
            f"{int(outside.sum())} of {len(x)} points lie outside {domain!r}, where nothing was trained: row {row}, "
            f"{x[row].tolist()}.",
            UserWarning,
            stacklevel=4,
        )
    return values[:, 0] if values.shape[1] == 1 else values


def relative_error(found: Tensor, wanted: Tensor) -> float:
    """Norm of the difference over the norm of what is wanted."""
    return float((found - wanted).norm() / wanted.norm())

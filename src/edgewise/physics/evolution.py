"""What `march` hands back: the solutions of all windows of time as one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from edgewise.physics.field import Field, Jets
from edgewise.physics.problem import Problem
from edgewise.physics.reference import comparison
from edgewise.physics.solution import Solution, relative_error, values_inside
from edgewise.physics.solve import KNOWN_POINTS
from edgewise.physics.time_space import TimeSpace

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(repr=False)
class Evolution:
    """An evolution in windows of time.

    Attributes:
        problem: the problem.
        solutions: of the windows; `.problem.domain` is a window's own.
        seconds: of the whole run.
    """

    problem: Problem
    solutions: list[Solution]
    seconds: float

    def __repr__(self) -> str:
        """What was reached."""
        error = "" if self.error is None else f"error={self.error:.2e}, "
        return (
            f"Evolution({error}residual={self.residual:.2e}, windows={len(self.solutions)}, "
            f"stopped_because={self.stopped_because!r}, seconds={self.seconds:.1f})"
        )

    @property
    def residual(self) -> float:
        """Root mean square of the windows' residuals at points that were not trained on, by their lengths."""
        lengths = [end - start for start, end in self.windows]
        squares = [length * s.residual**2 for length, s in zip(lengths, self.solutions, strict=True)]
        return math.sqrt(sum(squares) / sum(lengths))

    @property
    def error(self) -> float | None:
        """Relative L2 error at points that were not trained on; None where the solution is not known."""
        exact = self.problem.exact
        if exact is None:
            return None
        x, wanted = comparison(exact, self.domain, KNOWN_POINTS, 2)
        found = self(x).to(wanted).reshape(len(x), -1)
        return relative_error(found[:, : wanted.shape[1]], wanted)

    @property
    def windows(self) -> list[tuple[float, float]]:
        """Begin and end of every window that was solved."""
        domains: list[Any] = [solution.problem.domain for solution in self.solutions]
        return [(domain.start, domain.end) for domain in domains]

    @property
    def domain(self) -> TimeSpace:
        """Where it is solved: less than the problem's where the run was ended."""
        whole: Any = self.problem.domain
        return TimeSpace((whole.start, self.windows[-1][1]), whole.region)

    @property
    def stopped_because(self) -> str:
        """Why the last window ended, see `Solution`."""
        return self.solutions[-1].stopped_because

    @property
    def unknowns(self) -> dict[str, float]:
        """None: `march` finds no coefficients."""
        return {}

    @property
    def best(self) -> int:
        """The row of the history that was kept at last."""
        return sum(len(s.history["step"]) for s in self.solutions[:-1]) + self.solutions[-1].best

    @property
    def history(self) -> dict[str, list[float]]:
        """Those of the windows, one after the other; steps and seconds go on."""
        made: dict[str, list[float]] = {name: [] for name in self.solutions[0].history}
        passed = {"step": 0.0, "seconds": 0.0}
        for solution in self.solutions:
            for name, rows in solution.history.items():
                made[name] += [row + passed.get(name, 0.0) for row in rows]
            passed = {name: made[name][-1] for name in passed}
        return made

    @torch.no_grad()
    def __call__(self, x: Any) -> Tensor:
        """Values of the solution.

        Args:
            x: `(n, D)` points, time first, anything array-like; times beyond the last window belong to it.

        Returns:
            `(n,)`, or `(n, outputs)` where there are several.

        Warns:
            UserWarning: points outside the domain, or after the last window.
        """
        points = self._points(x)
        return values_inside(self.field(points), points, self.domain)

    def field(self, x: Any) -> Field:
        """The solution with its derivatives, see `Field`; windows own their end, the first one also the begin.

        Args:
            x: `(n, D)` points, time first, anything array-like.

        Returns:
            The field.

        Raises:
            ShapeError: points with other columns than the coordinates.
        """
        points, domain = self._points(x), self.problem.domain
        self.problem.jets(self.solutions[0].model, points)  # for its complaint about other columns
        shares = self._shares(points)
        back = torch.cat([rows for _, rows in shares]).argsort()
        parts = [self.solutions[n].problem.jets(self.solutions[n].model, points[rows]) for n, rows in shares]
        jets = Jets(lambda plan: torch.cat([part(plan) for part in parts], dim=-1)[..., back])
        return Field(jets, domain.names, domain.time)

    def plot(self, **kwargs: Any) -> Figure:
        """Draw solution, error and convergence; see `edgewise.plot.plot_solution`."""
        from edgewise.plot import plot_solution

        return plot_solution(self, **kwargs)

    def _points(self, x: Any) -> Tensor:
        like = next(self.solutions[0].model.parameters())
        return torch.as_tensor(x, dtype=like.dtype, device=like.device)

    def _shares(self, x: Tensor) -> list[tuple[int, Tensor]]:
        """Number of a window, and the rows that it owns; windows own their end."""
        ends = x.new_tensor([end for _, end in self.windows[:-1]])
        owner = torch.bucketize(x[:, 0].contiguous(), ends)
        owners = owner.unique().tolist() or [0]  # no points: of any window
        return [(n, (owner == n).nonzero()[:, 0]) for n in owners]

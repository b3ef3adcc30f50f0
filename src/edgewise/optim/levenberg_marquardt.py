"""Levenberg-Marquardt for one model or many at once.

Each iteration solves `(J'J + damping D) d = -J'r` and moves to `x + d` if that lowers the loss. `D` is the diagonal of
`J'J` (Marquardt 1963: then the units of parameters do not matter), its largest values so far (More 1978), with a floor.
The floor lets a dead knot, whose column is zero, stay where it is instead of making the matrix singular. The memory
holds back a parameter whose column vanishes for a moment: without it Brown and Dennis's problem needs thousands of
iterations where it now needs hundreds, and the worst of 12 KANs after 20 iterations had ten times the error. The
damping follows the gain ratio (Nielsen 1999): smoothly down after good steps, ever faster up after bad ones.

Steps are bent by geodesic acceleration (Transtrum & Sethna 2012, arXiv 1201.5885): half the second derivative of the
residuals along `d`, from two more evaluations. The valleys of KANs are narrow and curved (the spectrum of `J'J` falls
without a gap); bending halves the iterations.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from edgewise.errors import ParameterError
from edgewise.optim.damped_systems import (
    Solve,
    by_cholesky,
    by_conjugate_gradients,
    by_qr,
    by_residuals,
    estimated_diagonal,
)
from edgewise.optim.residuals import Linearization, Residuals

SOLVERS = ("auto", "cholesky", "qr", "dual", "cg")
MOST_DENSE = 3000
"""Unknowns up to which `solver="auto"` forms `J'J`."""
_PROBE = 0.1
"""Length, in steps, of the difference that measures the curvature of the residuals."""
_BEND = 0.75
"""Largest `2 |acceleration| / |d|` of a step that is trusted."""
_FLOOR = 1e-9
"""Smallest entry of D beside the median of those that are not zero: one column may be larger than all by any factor."""
MOST_DAMPING = 1e20
"""Damping beyond which no step is left that could lower a loss."""
_LEAST_DAMPING = 1e-20
"""Where easing ends: far below rounding, and damping that has become zero could not grow again."""
_PROBES, _CG_STEPS = 8, 200
"""Where `J'J` is not formed: random vectors that estimate its diagonal, and most iterations of a solution."""


@dataclass
class _Here:
    """Where the models are, and all that was computed there: the diagonal of `J'J` with its floor, and D."""

    x: Tensor
    linear: Linearization
    gram: Tensor | None
    diagonal: Tensor
    scale: Tensor


class LMMethod:
    """The iteration. It keeps the linearization of the last point and the damping of every model.

    Args:
        damping: first damping, relative to D.
        acceleration: bend steps.
        solver: `"cholesky"` (QR where that fails), `"qr"`, `"dual"` (an m x m system), `"cg"` (products with J only),
            or `"auto"`: `"cg"` beyond `MOST_DENSE` unknowns, `"dual"` with less than half as many residuals as
            unknowns, else `"cholesky"`.
        seed: of the random signs that `"cg"` needs.

    Attributes:
        evaluations: how often residuals were computed.
        jacobians: how often they were linearized.

    Raises:
        ParameterError: an argument is outside its documented set.
    """

    def __init__(
        self, *, damping: float = 1e-2, acceleration: bool = True, solver: str = "auto", seed: int = 0
    ) -> None:
        if not 0.0 < damping < float("inf"):
            raise ParameterError(f"`damping` must be a finite number > 0; got {damping!r}.")
        if solver not in SOLVERS:
            raise ParameterError(f"`solver` must be one of {SOLVERS}; got {solver!r}.")
        self.first_damping, self.acceleration, self.solver, self.seed = float(damping), acceleration, solver, seed
        self.evaluations = self.jacobians = 0
        self._damping: tuple[Tensor, Tensor] | None = None  # and what a bad step multiplies it by
        self._scale: Tensor | None = None  # D
        self._here: _Here | None = None

    def forget(self) -> None:
        """Drop the linearization and D: the problem has changed. The damping is kept."""
        self._here = self._scale = None

    def leave(self) -> None:
        """Drop the linearization: the same problem may be met at another point, or with other data."""
        self._here = None

    def restart(self, damping: float | None = None) -> None:
        """Drop everything, and begin with a damping, the first one when None."""
        self._here = self._damping = self._scale = None
        if damping is not None:
            self.first_damping = damping

    def state_dict(self) -> dict[str, Tensor | None]:
        """What a resumed run needs beside the point."""
        damping, growth = self._damping or (None, None)
        return {"damping": damping, "growth": growth, "scale": self._scale}

    def load_state_dict(self, state: dict[str, Tensor | None]) -> None:
        """Continue with what `state_dict` gave."""
        self.leave()
        damping, growth = state["damping"], state["growth"]
        self._damping = None if damping is None or growth is None else (damping, growth)
        self._scale = state.get("scale")

    @property
    def damping(self) -> Tensor | None:
        """`(M,)` damping of the next step, relative to D; None before the first."""
        return None if self._damping is None else self._damping[0]

    def keep(self, which: Tensor) -> None:
        """Go on with some of the models only.

        Args:
            which: their numbers among those of the last step.
        """
        self.leave()
        if self._damping is not None:
            self._damping = self._damping[0][which], self._damping[1][which]
        if self._scale is not None:
            self._scale = self._scale[which]

    def start(self, problem: Residuals, x: Tensor, which: Tensor | None = None) -> Linearization:
        """Linearize at `x`, unless that is known.

        Args:
            problem: the problem.
            x: `(M, n)`.
            which: see `Residuals`.

        Returns:
            The linearization.
        """
        return self._start(problem, x, which)[0].linear

    def step(self, problem: Residuals, x: Tensor, which: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """One trial of every model.

        Args:
            problem: the problem.
            x: `(M, n)` points.
            which: see `Residuals`.

        Returns:
            `(M, n)` new points, `(M,)` losses there, and which models have moved.
        """
        here, damping, growth = self._start(problem, x, which)
        loss, gradient, damped = here.linear.loss, here.linear.gradient, damping[:, None] * here.scale
        solve, trusted = self._system(problem, here, damped)
        step = solve(-here.linear.residual, -gradient)
        predicted = (step * (damped * step - gradient)).sum(-1)
        if self.acceleration:
            step, straight = self._bend(problem, here, solve, step, which)
            trusted = trusted & straight
        trusted = trusted & (predicted > 0) & step.isfinite().all(-1)
        trial = torch.where(trusted[:, None], x + step, x)
        new = loss
        if bool(trusted.any()):
            new = problem.residuals(trial, which).square().sum(-1)
            self.evaluations += 1
        lower = trusted & (new < loss)  # False for NaN
        gain = (loss - new) / predicted
        eased = damping * (1 - (2 * gain - 1) ** 3).clamp(1 / 3, 1.0)
        changed = torch.where(lower, eased, damping * growth).clamp(_LEAST_DAMPING, 10 * MOST_DAMPING)
        self._damping = changed, torch.where(lower, 2.0, 2 * growth).clamp_max(MOST_DAMPING)
        return torch.where(lower[:, None], trial, x), torch.where(lower, new, loss), lower

    def optimality(self, problem: Residuals, x: Tensor, which: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """`(M,)` losses, and largest cosines between the residuals and a column of the Jacobian (MINPACK's measure)."""
        here = self._start(problem, x, which)[0]
        loss, gradient = here.linear.loss, here.linear.gradient
        size = (here.diagonal * loss[:, None]).sqrt()
        cosines = torch.where(size > 0, gradient.abs() / size, 0.0)
        return loss, cosines.amax(-1)

    def inverse(self, problem: Residuals, x: Tensor) -> Tensor | None:
        """`(M, n, n)` `(J'J + damping D)^-1`, for a quasi-Newton method to go on with; None where `J'J` is not formed.

        Args:
            problem: the problem.
            x: `(M, n)`.

        Returns:
            The inverse, or None.
        """
        here, damping, _ = self._start(problem, x, None)
        if here.gram is None:
            return None
        matrix = here.gram.clone()
        matrix.diagonal(dim1=-2, dim2=-1).add_(damping[:, None] * here.scale)
        factor, info = torch.linalg.cholesky_ex(matrix)
        return None if bool((info != 0).any()) else torch.cholesky_inverse(factor)

    def _start(self, problem: Residuals, x: Tensor, which: Tensor | None) -> tuple[_Here, Tensor, Tensor]:
        here = self._here
        if here is None or (here.x is not x and not torch.equal(here.x, x)):
            self._here = here = self._linearize(problem, x, which)
        if self._damping is None or self._damping[0].shape != here.linear.loss.shape:  # or models have come back
            ones = torch.ones_like(here.linear.loss)
            self._damping = self.first_damping * ones, 2 * ones
        return here, *self._damping

    def _linearize(self, problem: Residuals, x: Tensor, which: Tensor | None) -> _Here:
        linear, gram = problem.linearize(x, which), None
        self.jacobians += 1
        if self._kind(problem) == "cg":
            diagonal = estimated_diagonal(linear, _PROBES, self.seed)
        else:
            gram = linear.gram()
            diagonal = gram.diagonal(dim1=-2, dim2=-1)
        middle = torch.where(diagonal > 0, diagonal, torch.nan).nanmedian(-1, keepdim=True).values
        diagonal = torch.maximum(diagonal, _FLOOR * middle.nan_to_num(1.0))
        known = self._scale is not None and self._scale.shape == diagonal.shape  # else a grid has been refined
        self._scale = torch.maximum(diagonal, self._scale) if known else diagonal  # pyright: ignore[reportArgumentType]
        return _Here(x, linear, gram, diagonal, self._scale)

    def _kind(self, problem: Residuals) -> str:
        if self.solver != "auto":
            return self.solver
        if problem.size > MOST_DENSE:
            return "cg"
        # J'J is there already: not before that does the smaller system make up for forming J and J J'.
        return "dual" if 2 * problem.count < problem.size else "cholesky"

    def _system(self, problem: Residuals, here: _Here, damping: Tensor) -> tuple[Solve, Tensor]:
        kind = self._kind(problem)
        if kind == "cg" or here.gram is None:
            return by_conjugate_gradients(here.linear, damping, here.diagonal, min(_CG_STEPS, problem.size))
        if kind == "dual":
            return by_residuals(here.linear, damping)
        if kind == "qr":
            return by_qr(here.linear, damping)
        return by_cholesky(here.linear, here.gram, damping)

    def _bend(
        self, problem: Residuals, here: _Here, solve: Solve, step: Tensor, which: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Add the geodesic acceleration; and which steps are straight enough to be trusted."""
        linear = here.linear
        half = -0.5 * problem.curvature(here.x, step, linear.residual, _PROBE, which)
        self.evaluations += 2
        acceleration = solve(half, linear.vjp(half))
        length, bend = ((here.scale * v.square()).sum(-1) for v in (step, acceleration))
        straight = 4 * bend <= _BEND**2 * length  # False for NaN
        return torch.where(straight[:, None], step + acceleration, step), straight

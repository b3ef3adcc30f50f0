"""Self-scaled Broyden and BFGS: quasi-Newton methods with a dense inverse Hessian.

For some thousand parameters at most; there they reach digits that L-BFGS does not, with gradients only.

With `s = x+ - x`, `y = g+ - g`, the step length `alpha`, `rho = 1/y's`, `h = rho y'Hy`, `b = -alpha rho s'g` and
`a = b h - 1`:

    H+ = (H - Hy y'H / y'Hy + phi y'Hy v v') / tau + rho s s'
    v = rho s - Hy / y'Hy,      phi = (1 - theta) / (1 + a theta)

`theta = 0, tau = 1` is BFGS. SSBroyden chooses both so that the eigenvalues of `H` are moved as little as possible.

Source: Urban, Stefanou and Pons (2025), J. Comput. Phys. 523, arXiv 2405.04230, after Al-Baali (1998),
Comput. Optim. Appl. 9. Differs from it: the sums are ordered so that `H` stays symmetric to the last bit.
"""

import math
from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor

from edgewise.errors import ParameterError, ShapeError
from edgewise.optim.line_search import first_trial, search
from edgewise.optim.method import Method
from edgewise.optim.objective import Evaluation, Objective

_OVERSHOOT = 1.01
"""The first trial lies a little beyond the step that would lower the loss as much as the last one did."""


class SSBroydenMethod(Method):
    """Self-scaled Broyden with a strong Wolfe line search.

    Args:
        update: `"ssbroyden"`, or `"bfgs"` for the plain formula.
        lr: factor of the first trial step.

    Raises:
        ParameterError: another `update`, or `lr` not a positive number.
    """

    def __init__(self, *, update: Literal["ssbroyden", "bfgs"] = "ssbroyden", lr: float = 1.0) -> None:
        super().__init__(lr)
        if update not in ("ssbroyden", "bfgs"):
            raise ParameterError(f"`update` must be 'ssbroyden' or 'bfgs'; got {update!r}.")
        self.update = update
        self._inverse: Tensor | None = None  # (n, n), float64
        self._previous_loss: float | None = None
        self._updates = 0

    def start(self, inverse_hessian: Tensor) -> None:
        """Begin with curvature that is known already, such as the `(J'J)^-1` of a least-squares solver.

        Args:
            inverse_hessian: `(n, n)` symmetric positive definite estimate; copied.

        Raises:
            ShapeError: not a square matrix.
        """
        if inverse_hessian.dim() != 2 or inverse_hessian.shape[0] != inverse_hessian.shape[1]:
            raise ShapeError(f"`inverse_hessian` must be a square matrix; got shape {tuple(inverse_hessian.shape)}.")
        matrix = inverse_hessian.detach().to(torch.float64)
        self.forget()
        self._inverse = (matrix + matrix.T) / 2

    def step(self, objective: Objective, here: Evaluation) -> Evaluation:
        """Make one iteration; see `Method.step`."""
        known, matrix = self._inverse is not None, self._matrix(here)
        direction = -(matrix @ here.grad.to(torch.float64)).to(here.grad.dtype)
        slope = float(direction @ here.grad)
        if not slope < 0:  # rounding has cost the matrix its positive definiteness
            self.forget()
            return self.step(objective, here) if known else here
        found = search(objective, here, direction, self.lr * self._first_trial(here, slope, known))
        if found is not here:
            self._previous_loss = here.loss
            self._learn(matrix, here, found, direction)
        return found

    def _matrix(self, here: Evaluation) -> Tensor:
        n = len(here.x)
        if self._inverse is None:
            self._inverse = torch.eye(n, dtype=torch.float64, device=here.x.device)
        if len(self._inverse) != n:
            raise ShapeError(f"`inverse_hessian` must have one row per parameter, {n}; it has {len(self._inverse)}.")
        return self._inverse

    def _first_trial(self, here: Evaluation, slope: float, known: bool) -> float:
        """Multiple of the direction to begin with; Nocedal and Wright, eq. 3.60."""
        if not known:
            return first_trial(here)
        if self._previous_loss is None:  # a matrix that was given brings its scale
            return 1.0
        trial = 2 * _OVERSHOOT * (self._previous_loss - here.loss) / -slope
        return min(1.0, trial) if trial > 0 else 1.0

    def _learn(self, matrix: Tensor, here: Evaluation, found: Evaluation, direction: Tensor) -> None:
        s, y = found.x.to(torch.float64) - here.x, found.grad.to(torch.float64) - here.grad
        hy = matrix @ y
        ys, yhy = float(y @ s), float(y @ hy)
        along = direction.to(torch.float64)
        alpha = float(s @ along) / float(along @ along)
        shs = -alpha * float(s @ here.grad.to(torch.float64))  # s' H^-1 s, because s = -alpha H g
        if not (ys > 0 and yhy > 0 and shs > 0 and math.isfinite(yhy / ys) and math.isfinite(shs / ys)):
            if yhy <= 0:
                self.forget()
            return
        theta, tau = (0.0, 1.0) if self.update == "bfgs" else _factors(yhy / ys, shs / ys, len(s))
        a = max(shs / ys * (yhy / ys) - 1, 0.0)
        if self._updates == 0:  # the first matrix had no scale
            tau = yhy / ys / (1 + a * theta)
        update(matrix, s, hy, ys, yhy, (1 - theta) / (1 + a * theta), tau)
        self._updates += 1

    def forget(self) -> None:
        """Drop what was learnt."""
        self._inverse, self._previous_loss, self._updates = None, None, 0

    def state_dict(self) -> dict[str, Any]:
        """Copy what is remembered; see `Method.state_dict`."""
        if self._inverse is None:
            return {}
        return {
            "inverse": self._inverse.clone(),
            "previous_loss": self._previous_loss,
            "updates": self._updates,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a state; see `Method.load_state_dict`."""
        self.forget()
        if state:
            self._inverse = state["inverse"].clone()
            self._previous_loss, self._updates = state["previous_loss"], state["updates"]


def _factors(h: float, b: float, n: int) -> tuple[float, float]:
    """The choice of SSBroyden.

    Args:
        h: `y'Hy / y's`.
        b: `s'H^-1 s / y's`.
        n: number of parameters.

    Returns:
        `theta` and `tau`.
    """
    if n == 1:  # the secant equation alone fixes the one number
        return 0.0, 1.0
    a = max(b * h - 1, 0.0)  # Cauchy-Schwarz; less is rounding
    rho_minus = min(1.0, h * (1 - math.sqrt(a / (1 + a))))
    theta_minus = (rho_minus - 1) / a if a > 0 else (0.0 if rho_minus == 1.0 else -math.inf)
    theta_plus = 1 / rho_minus if rho_minus > 0 else math.inf
    theta = max(theta_minus, min(theta_plus, (1 - b) / b))
    sigma = 1 + a * theta
    if not sigma > 0:
        return 0.0, 1.0
    shrunk = sigma ** (1 / (1 - n))
    if theta <= 0:
        return theta, min(min(1.0, 1 / b) * shrunk, sigma)
    return theta, min(1.0, 1 / b) * min(shrunk, 1 / theta)


def update(matrix: Tensor, s: Tensor, hy: Tensor, ys: float, yhy: float, phi: float, tau: float) -> None:
    """Apply the update of the Broyden family in place.

    Each term is an outer product of one vector with itself, which leaves a symmetric matrix symmetric exactly.

    Args:
        matrix: `(n, n)` H, changed.
        s: `(n,)` step.
        hy: `(n,)` `H y`.
        ys: `y's`, positive.
        yhy: `y'Hy`, positive.
        phi: 1 for BFGS, 0 for DFP.
        tau: divisor of what was known before.
    """
    v = s / ys - hy / yhy
    down = hy / math.sqrt(yhy * tau)
    side = v * math.sqrt(abs(phi) * yhy / tau)
    up = s / math.sqrt(ys)
    matrix.addr_(down, down, beta=1 / tau, alpha=-1)
    matrix.addr_(side, side, alpha=math.copysign(1.0, phi))
    matrix.addr_(up, up)

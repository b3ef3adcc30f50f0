"""`least_squares`: Levenberg-Marquardt on any residual function."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor

from edgewise.errors import DomainError, ParameterError, ShapeError
from edgewise.optim.jacobian import FunctionResiduals
from edgewise.optim.levenberg_marquardt import MOST_DAMPING, LMMethod
from edgewise.optim.residuals import Linearization, Residuals
from edgewise.optim.result import Result, Status


def least_squares(
    residual: Callable[..., Tensor],
    params: Mapping[str, Tensor],
    data: Sequence[Tensor] = (),
    *,
    steps: int = 200,
    gtol: float = 1e-10,
    xtol: float = 1e-14,
    damping: float = 1e-2,
    acceleration: bool = True,
    solver: str = "auto",
    chunk: int = 4096,
    independent: bool = True,
    seed: int = 0,
    callback: Callable[[Tensor, float], Any] | None = None,
) -> Result:
    """Minimize a sum of squares by Levenberg-Marquardt, see `edgewise.optim.levenberg_marquardt`.

    Nothing that is passed in is changed. Of a module:
    `least_squares(lambda p, x, y: functional_call(model, p, (x,)) - y, dict(model.named_parameters()), (x, y))`, then
    `model.load_state_dict(result.params, strict=False)`.

    Args:
        residual: `residual(params)`, or `residual(params, *rows)` with some rows of every tensor of `data`; returns
            residuals of any shape. A weight enters as its square root.
        params: name to tensor: the start. Frozen `nn.Parameter`s are not moved.
        data: tensors with one row per entry of their first axis; residuals are then evaluated some rows at a time, so
            that memory does not grow with rows times parameters.
        steps: most iterations (accepted or not).
        gtol: stop where every column of the Jacobian is orthogonal to the residuals to this cosine.
        xtol: stop where a step is this small beside the parameters.
        damping: first damping relative to the diagonal of `J'J`.
        acceleration: bend steps by geodesic acceleration.
        solver: see `LMMethod`.
        chunk: rows of `data` evaluated at a time.
        independent: whether each row's residuals depend on that row alone; if not, rows of the Jacobian are computed
            one reverse pass each.
        seed: of the random signs that `solver="cg"` needs.
        callback: called as `callback(x, loss)` after every iteration; False ends the run.

    Returns:
        The result; `loss` is the sum of squares.

    Raises:
        ParameterError: an argument is outside its documented set.
        ShapeError: tensors of several dtypes or devices, or data that do not fit together.
        DomainError: a residual, the sum of squares or its gradient is not finite at the start.

    >>> import torch
    >>> line = least_squares(lambda p, x, y: p["a"] * x + p["b"] - y, {"a": torch.zeros(1), "b": torch.zeros(1)},
    ...                      (torch.arange(4.0), 3 * torch.arange(4.0) - 1))
    >>> round(float(line.params["a"]), 3), round(float(line.params["b"]), 3)
    (3.0, -1.0)
    """
    if not isinstance(steps, int) or isinstance(steps, bool) or steps < 0:
        raise ParameterError(f"`steps` must be an int >= 0; got {steps!r}.")
    for name, value in (("gtol", gtol), ("xtol", xtol)):
        if not value >= 0:
            raise ParameterError(f"`{name}` must be a number >= 0; got {value!r}.")
    if not (callback is None or callable(callback)):
        raise ParameterError(f"`callback` must be a function of `(x, loss)`; got {callback!r}.")
    problem = FunctionResiduals(residual, params, data, chunk=chunk, independent=independent)
    method = LMMethod(damping=damping, acceleration=acceleration, solver=solver, seed=seed)
    x = problem.layout.start[None]
    _check_start(problem, method.start(problem, x))
    return _Run(problem, method, gtol, xtol, callback).go(x, steps)


def _check_start(problem: FunctionResiduals, start: Linearization) -> None:
    found = start.residual.shape[1]
    if found != problem.count:
        raise ShapeError(
            f"`residual` must return as many residuals for every row of `data`: {problem.count} in all, from those of "
            f"the first row; got {found}."
        )
    for what, values in (("residuals", start.residual), ("entries of the gradient", start.gradient)):
        bad = int((~values.isfinite()).sum())
        if bad or not bool(start.loss.isfinite().all()):
            raise DomainError(
                f"`residual`, its sum of squares and its gradient must be finite at the start; {bad} of "
                f"{values.numel()} {what} are not. Start elsewhere, or scale the data to about one."
            )


class _Run:
    """The loop around the iteration: when to stop, and what to report."""

    def __init__(
        self, problem: FunctionResiduals, method: LMMethod, gtol: float, xtol: float,
        callback: Callable[[Tensor, float], Any] | None,
    ) -> None:  # fmt: skip
        self.problem, self.method, self.gtol, self.xtol, self.callback = problem, method, gtol, xtol, callback

    def go(self, x: Tensor, steps: int) -> Result:
        loss = float(self.method.start(self.problem, x).loss)
        history, message = [loss], f"All {steps} iterations are done."
        status: Status = "steps"
        done = 0
        try:
            while done < steps:
                ended = self._converged(self.problem, x)
                if ended is not None:
                    status, message = ended
                    break
                before = x
                x, losses, moved = self.method.step(self.problem, x)
                done += 1
                loss = float(losses)
                history.append(loss)
                if self.callback is not None and self.callback(x[0], loss) is False:
                    status, message = "callback", f"The callback returned False after {done} iterations."
                    break
                if bool(moved) and float((x - before).norm()) <= self.xtol * float(x.norm()):
                    status, message = "converged", f"The last step was smaller than {self.xtol:g} of the parameters."
                    break
        except KeyboardInterrupt:
            status, message = "interrupted", f"Interrupted from the keyboard after {done} iterations."
        linear = self.method.start(self.problem, x)
        return Result(
            params=self.problem.layout.copies(x[0]),
            loss=loss,
            grad_norm=float(2 * linear.gradient.norm()),
            steps=done,
            evals=self.method.evaluations + self.method.jacobians,
            hvps=0,
            history={"loss": history},
            status=status,
            message=message,
        )

    def _converged(self, problem: Residuals, x: Tensor) -> tuple[Status, str] | None:
        loss, cosine = self.method.optimality(problem, x)
        if float(loss) == 0:
            return "converged", "The loss is zero."
        if float(cosine) <= self.gtol:
            return "converged", f"The residuals are orthogonal to every column of the Jacobian, to {self.gtol:g}."
        damping = self.method.damping
        if damping is not None and bool((damping > MOST_DAMPING).all()):
            return "no progress", "No step lowers the loss any further, however short: rounding is reached."
        return None

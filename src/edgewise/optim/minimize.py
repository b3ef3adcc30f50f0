"""`minimize`: a loss of named tensors, a method by name, a result."""

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from edgewise.errors import ParameterError
from edgewise.optim.hsodm import HSODMMethod
from edgewise.optim.lanczos import seeded
from edgewise.optim.lbfgs import LBFGSMethod
from edgewise.optim.loop import Loop
from edgewise.optim.method import Method, count, positive
from edgewise.optim.objective import FunctionObjective
from edgewise.optim.result import Iterate, Result
from edgewise.optim.saddle_free import SaddleFreeMethod
from edgewise.optim.ssbroyden import SSBroydenMethod

METHODS: dict[str, Callable[..., Method]] = {
    "ssbroyden": partial(SSBroydenMethod, update="ssbroyden"),
    "bfgs": partial(SSBroydenMethod, update="bfgs"),
    "lbfgs": LBFGSMethod,
    "hsodm": HSODMMethod,
    "sfn": SaddleFreeMethod,
}
"""The names `minimize` knows."""


def minimize(
    loss: Callable[[dict[str, Tensor]], Tensor],
    params: Mapping[str, Tensor] | nn.Module,
    method: str = "ssbroyden",
    *,
    steps: int = 1000,
    gtol: float = 1e-10,
    callback: Callable[[Iterate], Any] | None = None,
    seed: int = 0,
    generator: torch.Generator | None = None,
    **options: Any,
) -> Result:
    """Minimize a smooth function of named tensors.

    Nothing that is passed is modified: neither tensors, nor a module, nor their gradients.

    Args:
        loss: `loss(params)` with a dictionary of tensors, to a tensor with one element. For a module use
            `torch.func.functional_call(model, params, (x,))`.
        params: name to tensor, where to begin; or a module, whose `named_parameters()` are meant. Parameters with
            `requires_grad=False` stay as they are.
        method: `"ssbroyden"` and `"bfgs"` (dense, up to some thousand parameters), `"lbfgs"` (any number),
            `"hsodm"` and `"sfn"` (with second derivatives, leave saddle points).
        steps: iterations at most.
        gtol: ends the run once the gradient's norm is at most this part of the largest one seen in the run. 0 goes on
            until nothing lower is found.
        callback: called with an `Iterate` after every step; returning False ends the run.
        seed: of what is random in a method.
        generator: instead of `seed`.
        **options: of the method's class, such as `history=20` of `LBFGSMethod` or `rank=50` of `SaddleFreeMethod`.

    Returns:
        The lowest point found, and how the run went. Ctrl-C ends a run like a callback does.

    Raises:
        ParameterError: an argument or option outside its range, or with an unknown name.

    >>> result = minimize(lambda p: ((p["a"] - 3) ** 2).sum(), {"a": torch.zeros(2, dtype=torch.float64)})
    >>> result.params["a"], result.status
    (tensor([3., 3.], dtype=torch.float64), 'converged')
    """
    if not (callback is None or callable(callback)):
        raise ParameterError(f"`callback` must be a function of an `Iterate`; got {callback!r}.")
    if isinstance(params, nn.Module):
        params = dict(params.named_parameters())
    solver = _build(method, options, seeded(seed, generator))
    objective = FunctionObjective(loss, params)
    run = Loop(
        solver,
        objective,
        objective.layout.start,
        steps=count("steps", steps),
        gtol=positive("gtol", gtol, zero=True),
        callback=callback,
        read=objective.layout.copies,
    ).run()
    return Result(
        params=objective.layout.copies(run.best.x),
        loss=run.best.loss,
        grad_norm=float(run.best.grad.norm()),
        steps=run.steps,
        evals=objective.evaluations,
        hvps=objective.products,
        history=run.history,
        status=run.status,
        message=run.message,
    )


def _build(method: str, options: dict[str, Any], generator: torch.Generator) -> Method:
    if method not in METHODS:
        raise ParameterError(f"`method` must be one of {', '.join(map(repr, METHODS))}; got {method!r}.")
    build = METHODS[method]
    known = [name for name in inspect.signature(build).parameters if name not in ("seed", "generator", "update")]
    unknown = [name for name in options if name not in known]
    if unknown:
        raise ParameterError(f"`{unknown[0]}` is no option of method {method!r}; it has {', '.join(known)}.")
    if "generator" in inspect.signature(build).parameters:
        options = options | {"generator": generator}
    return build(**options)

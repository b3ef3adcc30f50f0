"""Choose and build the optimizer.

`"auto"` takes Levenberg-Marquardt where the loss is a mean squared error and the model small enough to form its
Gauss-Newton matrix; L-BFGS on all rows where another loss or sparsity rules that out; AdamW on mini-batches beyond.
The solvers on all rows are our own (`edgewise.optim`): torch's L-BFGS has absolute thresholds that end a run whose loss
is a squared error near machine precision.
"""

import inspect
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from edgewise import optim
from edgewise.errors import ParameterError
from edgewise.layers import AbstractEdgeLayer

AUTO_LIMIT = 100_000_000
"""Largest product of rows and parameters for which `opt="auto"` takes L-BFGS."""

LM_LIMIT = 3_000
"""Largest number of parameters for which `opt="auto"` takes Levenberg-Marquardt."""

LM_WORK = 2_000_000_000
"""Largest product of rows, and entries of a row of the Jacobian squared, for which it does: about a second a step."""

OURS: dict[str, type[torch.optim.Optimizer]] = {
    "lm": optim.LevenbergMarquardt,
    "lbfgs": optim.LBFGS,
    "ssbroyden": optim.SSBroyden,
    "hsodm": optim.HSODM,
    "sfn": optim.SaddleFreeNewton,
}
"""Solvers on all rows at once, by name."""

LEARNING_RATES = {
    "Adam": 1e-2,
    "AdamW": 1e-2,
    "NAdam": 1e-2,
    "RAdam": 1e-2,
    "Adamax": 1e-2,
    "RMSprop": 3e-3,
    "Adagrad": 3e-2,
    "SGD": 1e-2,
}
"""Default learning rates; any other class keeps its own default."""

_EXTRA = {"SGD": {"momentum": 0.9}}


def optimizer_classes() -> dict[str, type[torch.optim.Optimizer]]:
    """Every optimizer class of `torch.optim` by lower-case name."""
    found = {}
    for name, value in vars(torch.optim).items():
        if inspect.isclass(value) and issubclass(value, torch.optim.Optimizer) and value is not torch.optim.Optimizer:
            found[name.lower()] = value
    return found


def choose(
    opt: "str | type[torch.optim.Optimizer] | torch.optim.Optimizer",
    rows: int | None,
    model: nn.Module,
    batch_size: int | None,
    squares: bool = False,
) -> "tuple[str | type[torch.optim.Optimizer] | torch.optim.Optimizer, str]":
    """Settle what `opt="auto"` means here.

    Args:
        opt: as passed to `fit`.
        rows: number of training rows; None when they come from a loader.
        model: the model to train.
        batch_size: as passed to `fit`.
        squares: whether the objective is a sum of squares of a model that treats each row by itself.

    Returns:
        The optimizer to build, and the reason as a sentence.
    """
    if not (isinstance(opt, str) and opt == "auto"):
        return opt, "Chosen by the caller."
    parameters = sum(p.numel() for p in model.parameters() if p.requires_grad)
    if rows is None:
        return "adamw", "AdamW, because the data come in batches from a loader."
    if batch_size is not None:
        return "adamw", f"AdamW, because `batch_size={batch_size}` asks for mini-batches."
    if any(p.dtype in (torch.float16, torch.bfloat16) for p in model.parameters()):
        return "adamw", "AdamW, because half precision is too coarse for a line search."
    size = f"{rows:,} rows x {parameters:,} parameters"
    if squares and parameters <= LM_LIMIT and rows * _row_entries(model) ** 2 <= LM_WORK:
        why = f"a squared error of this size ({size}) is least squares; SSBroyden where that slows down"
        return "lm", f"Levenberg-Marquardt, because {why}."
    if rows * parameters <= AUTO_LIMIT:
        return "lbfgs", f"L-BFGS on all rows at once, because the problem is modest ({size})."
    return "adamw", f"AdamW on mini-batches, because a solver on all rows would be slow ({size})."


def _row_entries(model: nn.Module) -> int:
    """Entries of a row of the model's Jacobian that are not zero."""
    layers = [layer for layer in model.modules() if isinstance(layer, AbstractEdgeLayer)]
    inside = {id(p) for layer in layers for p in layer.parameters()}
    others = sum(p.numel() for p in model.parameters() if id(p) not in inside)
    return others + sum(layer.base_weight.numel() * (layer.k + 2) for layer in layers)  # k+1 functions are not zero


def build(
    opt: "str | type[torch.optim.Optimizer] | torch.optim.Optimizer", lr: float | None, parameters: Iterable[Tensor]
) -> torch.optim.Optimizer:
    """Build the optimizer.

    Args:
        opt: a lower- or mixed-case name of a `torch.optim` class, such a class, or an instance.
        lr: learning rate; `LEARNING_RATES` when None.
        parameters: what to train.

    Returns:
        The optimizer.

    Raises:
        ParameterError: unknown name, an instance together with `lr` or over other parameters, or a class that
            refuses these parameters.
    """
    parameters = list(parameters)
    if isinstance(opt, torch.optim.Optimizer):
        return _checked_instance(opt, lr, parameters)
    classes = optimizer_classes()
    if isinstance(opt, str):
        key = opt.lower().replace("-", "")
        if key in OURS:
            return OURS[key](parameters, **_rate(lr, key))
        if key not in classes:
            names = ", ".join(sorted({*classes, *OURS}))
            raise ParameterError(
                f"`opt` must be 'auto', an optimizer class or instance, or one of {names}; got {opt!r}."
            )
        opt = classes[key]
    if not (inspect.isclass(opt) and issubclass(opt, torch.optim.Optimizer)):
        raise ParameterError(f"`opt` must be a name, a torch.optim class or an instance; got {opt!r}.")
    if opt is torch.optim.LBFGS:  # ours, which goes on to the last digit
        return build("lbfgs", lr, parameters)
    options = dict(_EXTRA.get(opt.__name__, {}))
    rate = LEARNING_RATES.get(opt.__name__) if lr is None else lr
    if rate is not None:
        options["lr"] = rate
    try:
        return opt(parameters, **options)  # pyright: ignore[reportArgumentType]
    except (TypeError, ValueError) as error:
        raise ParameterError(
            f"`opt`: {opt.__name__} cannot be built for these parameters ({error}). Pass an instance instead."
        ) from error


def name_of(optimizer: torch.optim.Optimizer) -> str:
    """What `fit` calls an optimizer: the name that chooses it.

    Args:
        optimizer: any optimizer.

    Returns:
        `"lm"`, `"lbfgs"`, ..., or the class in lower case.
    """
    ours = (name for name, kind in OURS.items() if isinstance(optimizer, kind))
    return next(ours, type(optimizer).__name__.lower())


_TITLES = {
    "lm": "Levenberg-Marquardt",
    "lbfgs": "L-BFGS",
    "ssbroyden": "SSBroyden",
    "hsodm": "HSODM",
    "sfn": "Saddle-free Newton",
}


def title_of(optimizer: torch.optim.Optimizer) -> str:
    """An optimizer's name in a sentence.

    Args:
        optimizer: any optimizer.

    Returns:
        `"L-BFGS"` for both ours and torch's, ..., or the name of the class.
    """
    name = name_of(optimizer)
    return _TITLES.get(name, type(optimizer).__name__)


def _rate(lr: float | None, key: str) -> dict[str, Any]:
    """The rate, where a solver has one."""
    return {} if lr is None or key == "lm" else {"lr": lr}


def sees_all_rows(optimizer: torch.optim.Optimizer) -> bool:
    """Whether an optimizer needs the objective on all rows as a function.

    Args:
        optimizer: any optimizer.

    Returns:
        True for the solvers of `edgewise.optim` and torch's L-BFGS.
    """
    return isinstance(optimizer, (torch.optim.LBFGS, *OURS.values()))


def _checked_instance(opt: torch.optim.Optimizer, lr: float | None, parameters: list[Tensor]) -> torch.optim.Optimizer:
    if lr is not None:
        raise ParameterError("`lr` cannot be set beside an optimizer instance; set it when building the instance.")
    own = {id(p) for p in parameters}
    theirs = [p for group in opt.param_groups for p in group["params"]]
    if not any(id(p) in own for p in theirs):
        raise ParameterError(
            "`opt` holds no parameter of this model. Build it with `model.parameters()` of the model to be trained "
            "(a refined or pruned model is a new one)."
        )
    return opt


def forget(optimizer: torch.optim.Optimizer, parameters: "Iterable[Tensor] | None" = None) -> None:
    """Drop what a first-order optimizer remembers, about all or some parameters; it starts anew for those.

    Args:
        optimizer: any torch optimizer.
        parameters: which to forget; all when None.
    """
    if parameters is None:
        optimizer.state.clear()
        return
    for parameter in parameters:
        optimizer.state.pop(parameter, None)

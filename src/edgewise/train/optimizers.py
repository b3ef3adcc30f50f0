"""Choose and build the optimizer.

`"auto"` takes L-BFGS on all rows while that is affordable: on smooth problems of this size it reaches in 200
iterations what first-order methods do not reach in tens of thousands. Beyond, AdamW on mini-batches.

L-BFGS is torch's, with strong Wolfe line search, one iteration per call. torch's has two absolute
thresholds that we work around: it forgets curvature when `y.s < 1e-10`, which a squared error near machine
precision always is, so the objective is scaled when the memory is fresh (the iterates do not depend on the
scale otherwise); and its tolerances end a run early, so they are zero and the loop judges stalls itself.
"""

import inspect
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from edgewise.errors import ParameterError

AUTO_LIMIT = 100_000_000
"""Largest product of rows and parameters for which `opt="auto"` takes L-BFGS."""

LBFGS_HISTORY = 100
"""Curvature pairs: with 10 (torch's usual 100 too) the median error on the standard test triples."""

LEARNING_RATES = {
    "LBFGS": 1.0,
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
) -> "tuple[str | type[torch.optim.Optimizer] | torch.optim.Optimizer, str]":
    """Settle what `opt="auto"` means here.

    Args:
        opt: as passed to `fit`.
        rows: number of training rows; None when they come from a loader.
        model: the model to train.
        batch_size: as passed to `fit`.

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
    if rows * parameters <= AUTO_LIMIT:
        return "lbfgs", f"L-BFGS on all rows at once, because the problem is modest ({size})."
    return "adamw", f"AdamW on mini-batches, because L-BFGS on all rows would be slow ({size})."


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
        if key not in classes:
            names = ", ".join(sorted(classes))
            raise ParameterError(
                f"`opt` must be 'auto', a torch.optim class or instance, or one of {names}; got {opt!r}."
            )
        opt = classes[key]
    if not (inspect.isclass(opt) and issubclass(opt, torch.optim.Optimizer)):
        raise ParameterError(f"`opt` must be a name, a torch.optim class or an instance; got {opt!r}.")
    if opt is torch.optim.LBFGS:
        return lbfgs(parameters, LEARNING_RATES["LBFGS"] if lr is None else lr)
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


def lbfgs(parameters: list[Tensor], lr: float) -> torch.optim.LBFGS:
    """L-BFGS that makes one iteration per `step` and leaves the question of when to stop to the caller."""
    return torch.optim.LBFGS(
        parameters,
        lr=lr,
        max_iter=1,
        max_eval=26,  # torch gives what remains of it to the line search: 25 trials
        tolerance_grad=0.0,
        tolerance_change=0.0,
        history_size=LBFGS_HISTORY,
        line_search_fn="strong_wolfe",
    )


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
    """Drop what an optimizer remembers, about all or some parameters; it starts anew for those.

    Args:
        optimizer: any torch optimizer. L-BFGS has one common memory, which goes as a whole.
        parameters: which to forget; all when None.
    """
    if parameters is None or isinstance(optimizer, torch.optim.LBFGS):
        optimizer.state.clear()
        return
    for parameter in parameters:
        optimizer.state.pop(parameter, None)

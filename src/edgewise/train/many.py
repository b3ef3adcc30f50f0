"""`fit_many`: many small KANs trained at once."""

from collections.abc import Sequence
from typing import Any

import torch

from edgewise.errors import ParameterError
from edgewise.models.kan import KAN
from edgewise.train.batch import BATCH_SOLVERS, Batch
from edgewise.train.checks import check_bool, check_int, check_number
from edgewise.train.data import Prepared, Rows, prepare
from edgewise.train.least_squares import is_plain_kan
from edgewise.train.loop import sample_inputs
from edgewise.train.losses import LOSSES
from edgewise.train.result import FitResult
from edgewise.train.schedule import grid_steps, move_input_grid


def fit_many(
    models: Sequence[KAN],
    data: Any,
    *,
    opt: str = "lm",
    steps: int = 200,
    ridge: "float | Sequence[float]" = 0.0,
    sample_weight: Any = None,
    val: Any = None,
    update_grid: bool = True,
    grid_updates: int = 5,
    stop_grid_update: float = 0.25,
    seed: int = 0,
) -> list[FitResult]:
    """Train many `KAN`s in place, on their mean squared error; those of one structure train as one batch.

    For hundreds of small models (seeds, grids, penalties, targets) most of the time of a loop over `fit` is overhead
    between the kernels; here one call of a kernel serves all of them.

    Args:
        models: the models; any widths and grids, each with its own knots, masks and frozen parameters.
        data: as for `edgewise.train.fit`, for all models; or a list with one such entry per model, all with the same
            number of rows.
        opt: `"lm"`, `"lbfgs"` or `"adam"`, all on every row.
        steps: iterations; of `"lm"`, one trial each.
        ridge: factor of the sum of squared spline coefficients, one number or one per model.
        sample_weight: `(N,)` weights of the training rows, for all models.
        val: as for `fit`: with it each model ends with the weights of its lowest validation loss.
        update_grid: move grids to where the data are, at the start if the inputs do not fit, then `grid_updates` times.
        grid_updates: how many times.
        stop_grid_update: in which first fraction of the steps.
        seed: of the validation split.

    Returns:
        One result per model, in order; `"train_loss"` and `"train_rmse"` (and `"val_*"`, `"test_*"`) per step, without
        the ridge.

    Raises:
        ParameterError: an argument is outside its documented set, or a model that is no plain `KAN`.
        ShapeError: data that do not fit, or sets of different sizes.
        DomainError: NaN or infinity in the data.
    """
    models = list(models)
    for number, model in enumerate(models):
        if not is_plain_kan(model):
            raise ParameterError(
                f"`models[{number}]` must be a KAN without hooks, of one degree, with a parameter to train; got "
                f"{type(model).__name__}. Train it with `fit`."
            )
    if opt not in BATCH_SOLVERS:
        raise ParameterError(f"`opt` must be one of {', '.join(map(repr, BATCH_SOLVERS))}; got {opt!r}.")
    steps = check_int("steps", steps, 0)
    ridges = _ridges(ridge, len(models))
    moving = check_bool("update_grid", update_grid)
    schedule = grid_steps(
        steps,
        check_int("grid_updates", grid_updates, 0),
        check_number("stop_grid_update", stop_grid_update, 0, 1, open_high=False),
    )
    sets = _sets(models, data, val, sample_weight, check_int("seed", seed, 0))
    results: list[FitResult | None] = [None] * len(models)
    for members in _alike(models).values():
        own = [sets[number] for number in members] if len(sets) > 1 else sets
        group = [models[number] for number in members]
        batch = _batch(group, own, opt, schedule, moving, [ridges[number] for number in members], seed)
        batch.run(steps)
        for place, number in enumerate(members):
            results[number] = _result(models[number], batch, place, opt)
    return results  # pyright: ignore[reportReturnType]


def _batch(
    models: list[KAN], sets: list[Prepared], opt: str, schedule: set[int], moving: bool, ridges: list[float], seed: int
) -> Batch:  # fmt: skip
    rows: list[Rows] = [part.train for part in sets]  # pyright: ignore[reportAssignmentType]
    samples = None
    if moving:
        drawn = [sample_inputs(part, seed) for part in rows]
        for number, model in enumerate(models):
            move_input_grid(model, drawn[number if len(drawn) > 1 else 0])
        samples = drawn[0] if len(drawn) == 1 else torch.stack(drawn)
    held = {
        name: [getattr(part, name) for part in sets]
        for name in ("val", "test")
        if all(isinstance(getattr(part, name), Rows) for part in sets)
    }
    return Batch(models, rows, opt, schedule, samples, held, ridges)


def _sets(models: list[KAN], data: Any, val: Any, weight: Any, seed: int) -> list[Prepared]:
    """One checked set for all models, or one for each."""
    if not models:
        return []
    several = isinstance(data, list)
    if several and len(data) != len(models):
        raise ParameterError(f"`data` must be one set, or a list with one per model, {len(models)}; got {len(data)}.")
    sets = [
        prepare(model, part, LOSSES["mse"], val, weight, seed)
        for model, part in (zip(models, data, strict=True) if several else [(models[0], data)])
    ]
    if not several:
        for model in models[1:]:  # widths may differ: each must fit
            if (model.in_features, model.out_features) != (models[0].in_features, models[0].out_features):
                prepare(model, data, LOSSES["mse"], val, weight, seed)
    sizes = {(len(part.train), _size(part.val), _size(part.test)) for part in sets if isinstance(part.train, Rows)}
    if len(sizes) != 1 or not all(isinstance(part.train, Rows) for part in sets):
        raise ParameterError(
            f"`data` must be in memory, and sets of several models must have the same numbers of rows (train, val, "
            f"test); got {sorted(sizes, key=str)}."
        )
    return sets


def _size(part: Any) -> int | None:
    return len(part) if isinstance(part, Rows) else None


def _alike(models: list[KAN]) -> dict[Any, list[int]]:
    """Numbers of the models that have one structure."""
    groups: dict[Any, list[int]] = {}
    for number, model in enumerate(models):
        options = {
            k: v for k, v in model.config().items() if k not in ("grid_range", "init", "input_names", "output_names")
        }
        first = model.layers[0].spline_weight
        frozen = tuple(p.requires_grad for p in model.parameters())
        groups.setdefault(repr((options, first.dtype, first.device, frozen)), []).append(number)
    return groups


def _ridges(ridge: "float | Sequence[float]", count: int) -> list[float]:
    several = [ridge] * count if isinstance(ridge, int | float) else list(ridge)
    if len(several) != count:
        raise ParameterError(f"`ridge` must be a number, or one per model, {count}; got {len(several)}.")
    return [check_number("ridge", value, 0) for value in several]


def _result(model: KAN, batch: Batch, place: int, opt: str) -> FitResult:
    history = {name: [float(losses[place]) for losses in values] for name, values in batch.history.items()}
    for name in list(history):
        history[name.replace("loss", "rmse")] = [value**0.5 for value in history[name]]
    steps = len(history["train_loss"])
    best = steps
    if history.get("val_loss"):
        best = 1 + min(range(steps), key=history["val_loss"].__getitem__)
    return FitResult(
        model=model,
        history=history,
        stopped_because=f"All {steps} steps are done, together with {len(batch.models) - 1} other models.",
        opt=opt,
        why_opt="Chosen by the caller.",
        steps=steps,
        seconds=batch.seconds,
        best_step=best,
        grid_steps=tuple(sorted(step for step in batch.grid_steps if step < steps))
        if batch.grid_rows is not None
        else (),
    )

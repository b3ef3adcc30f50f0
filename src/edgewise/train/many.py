"""`fit_many`: many small KANs trained at once."""

from collections.abc import Sequence
from typing import Any

import torch

from edgewise.errors import ParameterError
from edgewise.models.kan import KAN
from edgewise.train.batch import BATCH_SOLVERS, Batch
from edgewise.train.checks import check_bool, check_int, check_number
from edgewise.train.data import Prepared, Rows, Stream, prepare
from edgewise.train.least_squares import is_plain_kan
from edgewise.train.loop import sample_inputs
from edgewise.train.losses import LOSSES
from edgewise.train.result import FitResult
from edgewise.train.schedule import grid_steps, move_input_grids
from edgewise.train.summary import summarize_inputs
from edgewise.train.units import warn_about_inputs


def fit_many(
    models: Sequence[KAN],
    data: Any,
    *,
    opt: str = "lm",
    steps: int = 200,
    lr: float | None = None,
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
    between the kernels; here one call of a kernel serves all of them. Each model goes the way it would go alone. One
    that cannot be lowered any further, or whose loss is not finite, drops out and leaves the others alone. Ctrl-C ends
    the training and keeps what there is.

    Args:
        models: the models; any widths and grids, each with its own knots, masks and frozen parameters.
        data: as for `edgewise.train.fit`, for all models; or a list with one such entry per model, all with the same
            number of rows.
        opt: `"lm"`, `"lbfgs"` or `"adam"`, all on every row. Trainable factors `scale_sp` stay as they are.
        steps: iterations; of `"lm"`, one trial each.
        lr: learning rate of `"adam"` (1e-2 when None), or factor of the first trial steps of `"lbfgs"`.
        ridge: factor of the sum of squared spline coefficients, one number or one per model.
        sample_weight: `(N,)` weights of the training rows, for all models.
        val: as for `fit`: with it each model ends with the weights of its lowest validation loss.
        update_grid: move grids to where the data are, at the start if the inputs do not fit, then `grid_updates` times.
        grid_updates: how many times.
        stop_grid_update: in which first fraction of the steps.
        seed: of the validation split.

    Returns:
        One result per model, in order; `"train_loss"` and `"train_rmse"` (and `"val_*"`, `"test_*"`) per step, without
        the ridge. A model that has dropped out repeats its last values. `seconds` is the time of the
        whole batch.

    Raises:
        ParameterError: an argument is outside its documented set, or a model that is no plain `KAN`.
        ShapeError: data that do not fit, or sets of different sizes.
        DomainError: NaN or infinity in the data.
    """
    models = list(models)
    _check_models(models)
    if opt not in BATCH_SOLVERS:
        raise ParameterError(f"`opt` must be one of {', '.join(map(repr, BATCH_SOLVERS))}; got {opt!r}.")
    if lr is not None:
        if opt == "lm":
            raise ParameterError("`lr` must be None for 'lm', which chooses its own step lengths; leave it out.")
        lr = check_number("lr", lr, 0, open_low=True)
    steps = check_int("steps", steps, 0)
    ridges = _ridges(ridge, len(models))
    moving = check_bool("update_grid", update_grid)
    schedule = grid_steps(
        steps,
        check_int("grid_updates", grid_updates, 0),
        check_number("stop_grid_update", stop_grid_update, 0, 1, open_high=False),
    )
    seed = check_int("seed", seed, 0)
    sets = _sets(models, data, val, sample_weight, seed)
    results: dict[int, FitResult] = {}
    interrupted = False
    for members in _alike(models).values():
        own = [sets[number] for number in members]
        if all(part is own[0] for part in own):
            own = own[:1]
        batch = _batch(
            [models[n] for n in members], own, opt, schedule, moving, [ridges[n] for n in members], lr, seed
        )  # fmt: skip
        batch.run(0 if interrupted else steps)
        interrupted = batch.interrupted = interrupted or batch.interrupted
        results |= zip(members, _results(batch), strict=True)
    return [results[number] for number in range(len(models))]


def _check_models(models: list[KAN]) -> None:
    for number, model in enumerate(models):
        if not is_plain_kan(model):
            raise ParameterError(
                f"`models[{number}]` must be a KAN of splines without hooks, of one degree, with a parameter to train; "
                f"got {type(model).__name__}. Train it with `fit`."
            )
    first = {id(model): number for number, model in reversed(list(enumerate(models)))}
    for number, model in enumerate(models):
        if first[id(model)] != number:
            raise ParameterError(
                f"`models` must be different objects; models[{number}] is models[{first[id(model)]}]. Pass a "
                f"`copy.deepcopy` of it."
            )


def _batch(
    models: list[KAN], sets: list[Prepared], opt: str, schedule: set[int], moving: bool, ridges: list[float],
    lr: float | None, seed: int,
) -> Batch:  # fmt: skip
    rows: list[Rows] = [part.train for part in sets]  # pyright: ignore[reportAssignmentType]
    drawn = [sample_inputs(part, seed) for part in rows]
    warn_about_inputs(models[0], rows[0].x, moving)
    for number, x in enumerate(drawn):
        summarize_inputs(list(models) if len(drawn) == 1 else [models[number]], x)
    samples = None
    if moving:
        samples = drawn[0] if len(drawn) == 1 else torch.stack(drawn)
        move_input_grids(models, samples.expand(len(models), *samples.shape[-2:]))
    held = {
        name: [getattr(part, name) for part in sets]
        for name in ("val", "test")
        if all(isinstance(getattr(part, name), Rows) for part in sets)
    }
    return Batch(models, rows, opt, schedule, samples, held, ridges, lr)


def _sets(models: list[KAN], data: Any, val: Any, weight: Any, seed: int) -> list[Prepared]:
    """One checked set per model; the same object where models share it."""
    if not models:
        return []
    several = isinstance(data, list)
    if several and len(data) != len(models):
        raise ParameterError(f"`data` must be one set, or a list with one per model, {len(models)}; got {len(data)}.")
    known: dict[Any, Prepared] = {}
    sets = []
    for number, model in enumerate(models):
        first = model.layers[0].spline_weight
        key = number if several else (model.in_features, model.out_features, first.dtype, first.device)
        if key not in known:
            known[key] = prepare(model, data[number] if several else data, LOSSES["mse"], val, weight, seed)
        sets.append(known[key])
    for part in sets:
        if not isinstance(part.train, Rows) or isinstance(part.val, Stream):
            raise ParameterError("`data` and `val` must be in memory to train many models at once; got a DataLoader.")
    sizes = {(len(part.train), _size(part.val), _size(part.test)) for part in sets if isinstance(part.train, Rows)}
    if len(sizes) > 1:
        raise ParameterError(
            f"`data` of several models must have the same numbers of rows (train, val, test); got "
            f"{sorted(sizes, key=str)}. Train models with other numbers in another call."
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


def _results(batch: Batch) -> list[FitResult]:
    taken = len(batch.history["train_loss"])
    history = {
        name: torch.stack(losses).T.tolist() if losses else [[] for _ in batch.models]
        for name, losses in batch.history.items()
    }
    moves = () if batch.grid_rows is None else tuple(sorted(step for step in batch.grid_steps if step < taken))
    results = []
    for place, (model, steps, best, failed) in enumerate(
        zip(batch.models, batch.steps.tolist(), batch.best_step.tolist(), batch.failed.tolist(), strict=True)
    ):
        own = {name: losses[place] for name, losses in history.items()}
        roots = {name.replace("loss", "rmse"): [value**0.5 for value in values] for name, values in own.items()}
        results.append(
            FitResult(
                model=model,
                history=own | roots,
                stopped_because=_reason(batch, steps, taken, failed),
                opt=batch.opt,
                why_opt="Chosen by the caller.",
                steps=taken,
                seconds=batch.seconds,
                best_step=best,
                interrupted=batch.interrupted,
                grid_steps=moves,
            )
        )
    return results


def _reason(batch: Batch, steps: int, taken: int, failed: bool) -> str:
    if failed:
        return f"The loss was not finite after {steps - 1} steps; the model has its last good parameters."
    if batch.interrupted:
        return f"Interrupted from the keyboard after {taken} steps; the best model so far is kept."
    if steps < taken or taken < batch.planned:
        return f"No lower point was found after {steps} steps."
    return f"All {taken} steps are done, together with {len(batch.models) - 1} other models."

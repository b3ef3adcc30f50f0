"""pykan's `fit` over `edgewise.fit`: its arguments, its steps and its dict of lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from edgewise.errors import ParameterError
from edgewise.layers import AbstractEdgeLayer, layer_inputs
from edgewise.pykan import drawing
from edgewise.pykan.scores import METRICS, regularization
from edgewise.pykan.Symbolic_KANLayer import guarding
from edgewise.train import FitState
from edgewise.train import fit as train
from edgewise.train.checks import check_int
from edgewise.train.losses import get_loss
from edgewise.train.progress import Progress

if TYPE_CHECKING:
    from edgewise.pykan.MultKAN import MultKAN

ITERATIONS = 20
"""L-BFGS iterations of one of pykan's steps."""
_SOLVERS = {"LBFGS": "lbfgs", "Adam": "adam"}


@dataclass(frozen=True)
class Options:
    """Arguments of `MultKAN.fit`, with its names."""

    opt: str
    steps: int
    log: int
    lamb: float
    lamb_l1: float
    lamb_entropy: float
    lamb_coef: float
    lamb_coefdiff: float
    update_grid: bool
    grid_update_num: int
    loss_fn: Callable[[Tensor, Tensor], Tensor] | None
    lr: float | None
    start_grid_update_step: int
    stop_grid_update_step: int
    batch: int
    metrics: Sequence[Callable[[], Any]] | None
    save_fig: bool
    in_vars: Any
    out_vars: Any
    beta: float
    save_fig_freq: int
    img_folder: str
    singularity_avoiding: bool
    y_th: float
    reg_metric: str
    display_metrics: Sequence[str] | None

    @property
    def iterations(self) -> int:
        """Steps of `edgewise.fit` that make one of pykan's."""
        return ITERATIONS if self.opt == "LBFGS" else 1


def fit(model: MultKAN, dataset: Mapping[str, Tensor], options: Options) -> dict[str, list[Any]]:
    """Train a model in place; see `MultKAN.fit`.

    Args:
        model: the model.
        dataset: `train_input`, `train_label`, and `test_input`, `test_label`.
        options: the arguments.

    Returns:
        pykan's results.
    """
    data = _checked(model, dataset, options)
    with guarding(model.kan, options.y_th if options.singularity_avoiding else None), _Run(model, data, options) as run:
        for stage in _stages(options, len(data["train_input"])):
            run.train(stage)
    model.see(dataset["train_input"])
    model.trained_on = data["train_input"], data["train_label"]
    model.logged("fit")
    return run.results


def _checked(model: MultKAN, dataset: Mapping[str, Tensor], o: Options) -> dict[str, Tensor]:
    """The data as the network takes them; raises before any work."""
    if o.opt not in _SOLVERS:
        raise ParameterError(
            f'`opt` must be "LBFGS" or "Adam", as in pykan; got {o.opt!r}. `model.kan.fit(dataset, opt=...)` takes '
            'every optimizer of torch and "lm", "ssbroyden", "hsodm", "sfn".'
        )
    if o.reg_metric not in METRICS:
        raise ParameterError(f"`reg_metric` must be one of {METRICS}; got {o.reg_metric!r}.")
    if not isinstance(dataset, Mapping) or not {"train_input", "train_label"} <= set(dataset):
        raise ParameterError(
            "`dataset` must be a dict with 'train_input', 'train_label', 'test_input' and 'test_label'; "
            "`model.kan.fit` takes other forms."
        )
    for name, least in (("grid_update_num", 1), ("stop_grid_update_step", 0), ("save_fig_freq", 1), ("log", -1)):
        check_int(name, getattr(o, name), least)
    rows = len(dataset["train_input"])
    if o.opt == "LBFGS" and 0 < o.batch < rows:
        raise ParameterError(
            f'`batch` must be -1 with `opt="LBFGS"`, whose line search needs one objective; got {o.batch} of {rows} '
            'rows. Use `opt="Adam"` for mini-batches.'
        )
    names = {"train_loss", "test_loss", "reg", *(metric.__name__ for metric in o.metrics or ())}
    unknown = [name for name in o.display_metrics or () if name not in names]
    if unknown:
        raise ParameterError(f"`display_metrics` must be names of results, {sorted(names)}; got {unknown}.")
    return {name: model.chosen(part) if name.endswith("_input") else part for name, part in dataset.items()}


# --------------------------------------------------------------------------------------------------- schedule


@dataclass(frozen=True)
class _Stage:
    """A call of `edgewise.fit`: how many steps, and when grids move."""

    steps: int
    update_grid: bool
    grid_updates: int = 0
    stop_grid_update: float = 0.0


def _stages(o: Options, rows: int) -> list[_Stage]:
    """One stage, or two where grids must wait."""
    steps = o.steps
    if o.opt == "Adam" and 0 < o.batch < rows:  # a step of edgewise's is a pass over all rows
        steps = max(1, round(steps * o.batch / rows)) if steps else 0
    if not o.update_grid or o.stop_grid_update_step == 0:
        return [_Stage(steps, False)]
    wait = min(max(0, o.start_grid_update_step), steps)
    every = max(1, o.stop_grid_update_step // o.grid_update_num)
    times = [step - wait for step in range(0, min(steps, o.stop_grid_update_step), every) if step > wait]
    last = _Stage(steps - wait, True, len(times), max(times) / (steps - wait) if times else 0.0)
    return [_Stage(wait, False), last] if wait else [last]


class _Run:
    """The stages of one call, and what is recorded after each step."""

    def __init__(self, model: MultKAN, data: dict[str, Tensor], options: Options) -> None:
        self.model, self.data, self.options = model, data, options
        self.results: dict[str, list[Any]] = {name: [] for name in ("train_loss", "test_loss", "reg")}
        self.results |= {metric.__name__: [] for metric in options.metrics or ()}
        self.penalty = _Penalty(model, options) if options.lamb else None
        self.progress = Progress(None if options.log > 0 else False, options.steps)

    def __enter__(self) -> _Run:
        return self

    def __exit__(self, *_: Any) -> None:
        self.progress.close()

    def train(self, stage: _Stage) -> None:
        o = self.options
        batch = o.batch if o.opt == "Adam" and 0 < o.batch < len(self.data["train_input"]) else None
        loss = o.loss_fn or "mse"
        with self.penalty or nullcontext() as penalty:
            result = train(
                self.model.kan, self.data, opt=_SOLVERS[o.opt], steps=stage.steps * o.iterations, lr=o.lr,
                loss=loss if penalty is None else penalty, update_grid=stage.update_grid, batch_size=batch,
                grid_updates=stage.grid_updates, stop_grid_update=stage.stop_grid_update, callbacks=self._after,
                progress=False, seed=self.model.seed,
            )  # fmt: skip
        if result.steps % o.iterations:  # it ended within one of pykan's steps
            self._record(result.history)

    def _after(self, state: FitState) -> None:
        if state.step % self.options.iterations == 0:
            self._record(state.history)

    def _record(self, history: Mapping[str, list[float]]) -> None:
        o, number = self.options, len(self.results["train_loss"])
        row = self._losses(history)
        row |= {metric.__name__: float(torch.as_tensor(metric()).detach()) for metric in o.metrics or ()}
        for name, value in row.items():
            self.results[name].append(np.float64(value))
        if o.save_fig and number % o.save_fig_freq == 0:
            self.model.see(self.data["train_input"], chosen=True)
            drawing.write_step(self.model, o.img_folder, number, o.beta, o.in_vars, o.out_vars)
        self.progress.step({})
        if number % max(1, o.log) == 0:
            shown = o.display_metrics or ("train_loss", "test_loss", "reg")
            self.progress.describe(" | ".join(f"{name}: {row.get(name, np.nan):.2e}" for name in shown))

    def _losses(self, history: Mapping[str, list[float]]) -> dict[str, float]:
        """Roots of the mean squared error; another loss as it is."""
        if self.penalty is None:
            kind = "rmse" if self.options.loss_fn is None else "loss"
            parts = [part for part in ("train", "test") if f"{part}_{kind}" in history]
            return {**{f"{part}_loss": history[f"{part}_{kind}"][-1] for part in parts}, "reg": 0.0}
        return self.penalty.losses(self.data)


class _Penalty:
    """A loss with pykan's penalty in it: while the network trains, its layers' inputs are looked at as well."""

    def __init__(self, model: MultKAN, options: Options) -> None:
        self.model, self.options = model, options
        self.loss = get_loss(options.loss_fn or "mse")
        self.seen: list[tuple[AbstractEdgeLayer, Tensor]] = []

    def __enter__(self) -> _Penalty:
        self.hooks = layer_inputs(self.model.kan)
        self.seen = self.hooks.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.hooks.__exit__(*error)

    def __call__(self, prediction: Tensor, label: Tensor) -> Tensor:
        loss = self.loss.mean(prediction, label, None)
        inputs = [x for _, x in self.seen]
        self.seen.clear()
        if not self.model.kan.training:
            return loss
        return loss + self.options.lamb * self._penalty(inputs[-len(self.model.kan.layers) :])

    def _penalty(self, inputs: Sequence[Tensor]) -> Tensor:
        o = self.options
        return regularization(
            self.model.kan, o.reg_metric, o.lamb_l1, o.lamb_entropy, o.lamb_coef, o.lamb_coefdiff, inputs
        )

    @torch.no_grad()
    def losses(self, data: Mapping[str, Tensor]) -> dict[str, float]:
        """Losses and penalty at the present weights."""
        kan, row = self.model.kan, {}
        for part in ("train", "test"):
            if f"{part}_input" in data:
                prediction = kan(data[f"{part}_input"])
                label = data[f"{part}_label"]
                label = label[:, None] if label.dim() == 1 and self.loss.name == "mse" else label
                value = float(self.loss.mean(prediction, label, None))
                row[f"{part}_loss"] = value**0.5 if self.loss.name == "mse" else value
        row["reg"] = float(self._penalty(kan.activations(data["train_input"])[:-1]))
        self.seen.clear()
        return row

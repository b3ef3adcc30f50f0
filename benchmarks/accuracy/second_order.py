"""Adam, L-BFGS, HSODM and saddle-free Newton, `second_order`: loss against time and against work, on a KAN and an MLP.

All see all rows in every step, from the same start. Work is counted in gradients: one for loss and gradient, two for a
Hessian product, which passes twice backwards. Time is that of the processor, not of the clock on the wall, so that a
busy machine distorts it less; run it with `--threads 1`.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

import edgewise
from benchmarks import harness
from benchmarks.accuracy import tables
from benchmarks.accuracy.curves import Solver, adam, at, lowest, stepping, trace
from benchmarks.accuracy.problem import HELLO
from benchmarks.accuracy.report import Report, error
from benchmarks.accuracy.session import Session
from benchmarks.accuracy.tables import Table
from benchmarks.accuracy.training import Record
from benchmarks.harness import Bar
from edgewise.optim import (
    HSODM,
    LBFGS,
    FunctionObjective,
    HSODMMethod,
    LBFGSMethod,
    SaddleFreeMethod,
    SaddleFreeNewton,
)

WIDTH, GRID, ROWS, TARGET = (2, 5, 1), 5, 1000, 1e-4
HIDDEN, TABLE_ROWS = 512, 2000
SECONDS = {"hello": 20.0, "saddle": 5.0, "table": 20.0}
QUICK_SECONDS, WARM_SECONDS, CURVE_SEEDS = 1.0, 0.5, 3
# A thousand rows and splines of degree 5: cubic ones need 20 intervals for the target, whose 345 numbers the rows leave
# partly open, so that solvers reach it on the training rows and miss it on others.
CLIMB_DEGREE = 5


class Climb(NamedTuple):
    """Grids, steps on each of them, and seconds at most."""

    grids: tuple[int, ...]
    steps: int
    seconds: float


CLIMB, CLIMBERS = Climb((3, 6), 800, 150.0), ("L-BFGS", "HSODM", "SFN")

Runs = dict[str, list[Record]]
"""Solver to a record per seed."""

# ---------------------------------------------------------------------------------------------- the solvers

KAN_OPTIONS: dict[str, dict[str, Any]] = {
    "Adam": {"lr": 1e-2},
    "L-BFGS": {},
    "HSODM": {"tol": 1e-2, "iterations": 20},
    "SFN": {"rank": 40, "damping": 1e-3},
}
MLP_OPTIONS: dict[str, dict[str, Any]] = {
    "Adam": {"lr": 1e-3},
    "L-BFGS": {},
    "HSODM": {"iterations": 20},
    "SFN": {"rank": 20, "damping": 1e-3},
}
METHODS = {"L-BFGS": LBFGSMethod, "HSODM": HSODMMethod, "SFN": SaddleFreeMethod}
OPTIMIZERS = {"L-BFGS": LBFGS, "HSODM": HSODM, "SFN": SaddleFreeNewton}


def solver_of(name: str, options: dict[str, Any]) -> Solver:
    """The solver of that name."""
    return adam(**options) if name == "Adam" else stepping(lambda: METHODS[name](**options))


# --------------------------------------------------------------------------------------------- the problems


def kan_record(seed: int, solver: str, seconds: float, saddle: bool) -> Record:
    """Hello KAN; with `saddle`, from the network that predicts the mean whatever the inputs are."""
    data = HELLO.dataset(ROWS, ROWS, seed, dtype=torch.float64)
    x, y = data["train_input"], data["train_label"]
    model = edgewise.KAN(list(WIDTH), grid=GRID, k=3, seed=seed, dtype=torch.float64)
    if saddle:
        to_saddle(model, y, nudge=1e-6, seed=seed)
    objective = _objective(model, lambda prediction: (prediction - y).square().mean(), x)
    found, best = trace(solver_of(solver, KAN_OPTIONS[solver]), objective, seconds, TARGET**2)
    model.load_state_dict(objective.layout.copies(best), strict=False)  # knots are no parameters
    with torch.no_grad():
        test = (model(data["test_input"]) - data["test_label"]).square().mean().sqrt()
    return {**found, "train_rmse": math.sqrt(found["loss"]), "test_rmse": float(test), "spread": float(y.std())}


@torch.no_grad()
def to_saddle(model: edgewise.KAN, y: Tensor, nudge: float = 0.0, seed: int = 0) -> None:
    """Move a network `[I, H, 1]` to a strict saddle point of its squared error, but for a nudge.

    Its first layer is zero and its second one flat at zero, so that it predicts the mean of `y` whatever the inputs
    are. Either layer alone changes nothing to first order, and the gradient vanishes; both together do.
    """
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.zero_()
    second = model.layers[-1]
    second.spline_weight.fill_(float(y.mean()) / second.in_features)  # bases add up to one: a constant spline
    for parameter in model.parameters():
        parameter.add_(nudge * torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype))


def climb_record(seed: int, solver: str, climb: Climb) -> Record:
    """Hello KAN on finer and finer grids, until the test RMSE is at the target or the time is over.

    The errors are those of the grid with the lowest test RMSE.
    """
    data = HELLO.dataset(ROWS, ROWS, seed, dtype=torch.float64)
    model = edgewise.KAN(list(WIDTH), grid=climb.grids[0], k=CLIMB_DEGREE, seed=seed, dtype=torch.float64)
    start, best, done = time.process_time(), {"train_rmse": math.inf, "test_rmse": math.inf}, 0

    def go_on(state: Any) -> bool:
        return state.history["test_rmse"][-1] > TARGET and time.process_time() - start < climb.seconds

    for grid in climb.grids:
        model = model.refine(grid) if grid != model.grid else model
        optimizer = OPTIMIZERS[solver](model.parameters(), **KAN_OPTIONS[solver])
        history = model.fit(data, opt=optimizer, steps=climb.steps, callbacks=go_on, progress=False).history
        done += len(history["test_rmse"])
        test = min(history["test_rmse"])
        if test < best["test_rmse"]:
            best = {"train_rmse": min(history["train_loss"]) ** 0.5, "test_rmse": test, "grid": grid}
        if test <= TARGET or time.process_time() - start >= climb.seconds:
            break
    return {**best, "seconds": time.process_time() - start, "steps": done}


def mlp_record(seed: int, solver: str, seconds: float, table: Table) -> Record:
    """Classes of a table."""
    model = edgewise.MLP(_mlp_width(table), "relu", seed=seed)
    objective = _objective(model, lambda prediction: nn.functional.cross_entropy(prediction, table.y), table.x)
    found, best = trace(solver_of(solver, MLP_OPTIONS[solver]), objective, seconds)
    model.load_state_dict(objective.layout.copies(best))
    with torch.no_grad():
        accuracy = (model(table.test_x).argmax(1) == table.test_y).double().mean()
    return {**found, "accuracy": float(accuracy)}


def _mlp_width(table: Table) -> list[int]:
    return [table.x.shape[1], HIDDEN, 1 + int(table.y.max())]


def _objective(model: nn.Module, loss: Callable[[Tensor], Tensor], x: Tensor) -> FunctionObjective:
    def of_parameters(params: dict[str, Tensor]) -> Tensor:
        return loss(torch.func.functional_call(model, params, (x,)))

    return FunctionObjective(of_parameters, dict(model.named_parameters()))


# ------------------------------------------------------------------------------------------------- the row


def second_order(session: Session) -> Report:
    """All solvers, all seeds, four problems."""
    seeds, table = session.seed_range(), tables.find(session.data, TABLE_ROWS)
    seconds = dict.fromkeys(SECONDS, QUICK_SECONDS) if session.quick else SECONDS
    climb = CLIMB._replace(seconds=QUICK_SECONDS) if session.quick else CLIMB
    for solver in KAN_OPTIONS:
        kan_record(0, solver, WARM_SECONDS, saddle=True)  # compiles, imports; a step at least, which takes products

    def measure(problem: str, solvers: Iterable[str], some: Sequence[int]) -> Runs:
        return {
            name: [_measured(session, problem, name, seed, seconds[problem], table) for seed in some]
            for name in solvers
        }

    climbed = {name: [_climbed(session, name, seed, climb) for seed in seeds] for name in CLIMBERS}
    saddles = measure("saddle", KAN_OPTIONS, seeds)
    hello = measure("hello", KAN_OPTIONS, seeds[:CURVE_SEEDS])
    classes = measure("table", MLP_OPTIONS, seeds[:CURVE_SEEDS])
    if session.figure:
        panels = {"Hello KAN, mean squared error": hello, f"{table.name}, cross entropy": classes}
        figure(panels).savefig(session.figure)
    climbing = f"grids {'-'.join(map(str, climb.grids))}, {climb.steps} steps on each, {climb.seconds:g} s at most"
    about = [
        f"Hello KAN: {HELLO.formula}, {list(WIDTH)}, {ROWS} rows, float64. Climb: k={CLIMB_DEGREE}, "
        f"{climbing}; {len(seeds)} seeds, ended at test RMSE {TARGET:g}. Saddle: k=3, G={GRID}, edges zero but for a "
        "constant, which predicts the mean; nudged by 1e-6; "
        f"{seconds['saddle']:g} s. Curves: G={GRID}, grid fixed, {seconds['hello']:g} s. Table: {table.name}, "
        f"{len(table.x)} rows, MLP {_mlp_width(table)} with relu, cross entropy, float32, {seconds['table']:g} s. "
        f"{CURVE_SEEDS} seeds at most for both. All rows in every step; work is counted in gradients, a Hessian "
        f"product as two. Options on the KAN: {_as_text(KAN_OPTIONS)}; on the MLP: {_as_text(MLP_OPTIONS)}."
    ]
    shown = [_climb_table(climbed), _saddle_table(saddles), _kan_table(hello), _mlp_table(classes)]
    return Report("second_order", "Second order", about, shown, bars(climbed, saddles))


def _measured(session: Session, problem: str, solver: str, seed: int, seconds: float, table: Table) -> Record:
    options = (MLP_OPTIONS if problem == "table" else KAN_OPTIONS)[solver]
    key = {"row": "second_order", "problem": problem, "solver": solver, "seed": seed, "cap": seconds, **options}
    if problem == "table":
        key["data"] = table.name

    def measure() -> Record:
        if problem == "table":
            return mlp_record(seed, solver, seconds, table)
        return kan_record(seed, solver, seconds, saddle=problem == "saddle")

    return session.measure(f"{problem} {solver} seed {seed}", key, measure)


def _climbed(session: Session, solver: str, seed: int, climb: Climb) -> Record:
    key = {"row": "second_order", "problem": "climb", "solver": solver, "seed": seed, "cap": climb.seconds,
           **KAN_OPTIONS[solver], "climb": [climb.grids, climb.steps, CLIMB_DEGREE]}  # fmt: skip
    return session.measure(f"climb {solver} seed {seed}", key, lambda: climb_record(seed, solver, climb))


def _as_text(options: dict[str, dict[str, Any]]) -> str:
    parts = [f"{name} {', '.join(f'{k}={v:g}' for k, v in some.items())}" for name, some in options.items() if some]
    return "; ".join(parts)


def bars(climbs: Runs, saddles: Runs) -> list[Bar]:
    """What the second-order methods promise."""
    promised = ("HSODM", "SFN")
    reached = [
        Bar(f"{name}: share of seeds with {part} RMSE at most {TARGET:g}", _share(climbs[name], part), 1.0, "", True)
        for name in promised
        for part in ("train", "test")
    ]
    left = [
        Bar(f"{name}: share of seeds that leave the saddle", _left(saddles[name]), 1.0, "", True) for name in promised
    ]
    return reached + left


def _share(records: Sequence[Record], part: str) -> float:
    return sum(r[f"{part}_rmse"] <= TARGET for r in records) / len(records)


def _left(records: Sequence[Record]) -> float:
    return sum(r["train_rmse"] < 0.5 * r["spread"] for r in records) / len(records)


def _climb_table(runs: Runs) -> str:
    rows = []
    for name, records in runs.items():
        tests, trains = [r["test_rmse"] for r in records], [r["train_rmse"] for r in records]
        seconds = statistics.median(r["seconds"] for r in records)
        counts = [f"{sum(e <= TARGET for e in errors)} of {len(errors)}" for errors in (trains, tests)]
        rows.append([
            name, _median(trains), error(min(tests)), _median(tests), error(max(tests)), *counts,
            harness.duration(seconds),
        ])  # fmt: skip
    labels = ["train, median", "test, best", "median", "worst", "train at 1e-4", "test at 1e-4", "median time"]
    return harness.table(["climb, RMSE", *labels], rows)


def _kan_table(runs: Runs) -> str:
    rows = []
    for name, records in runs.items():
        cells = [_median([at(r["curve"], 0, limit) ** 0.5 for r in records]) for limit in (1.0, 5.0, 20.0)]
        works = [_median([at(r["curve"], 1, limit) ** 0.5 for r in records]) for limit in (100, 1000, 10000)]
        rows.append([name, *cells, *works, _median([r["test_rmse"] for r in records]), _steps(records)])
    labels = ["at 1 s", "at 5 s", "at 20 s", "after 100 gradients", "after 1000", "after 10000", "test, end", "steps"]
    return harness.table(["Hello KAN, train RMSE, medians", *labels], rows)


def _saddle_table(runs: Runs) -> str:
    rows = [
        [name, f"{round(_left(records) * len(records))} of {len(records)}", _median([r["train_rmse"] for r in records])]
        for name, records in runs.items()
    ]
    return harness.table(["from the saddle", "left it", "train RMSE at the end, median"], rows)


def _mlp_table(runs: Runs) -> str:
    rows = []
    for name, records in runs.items():
        cells = [_median([at(r["curve"], 0, limit) for r in records]) for limit in (5.0, 20.0)]
        works = [_median([at(r["curve"], 1, limit) for r in records]) for limit in (100, 1000)]
        accuracy = statistics.median(r["accuracy"] for r in records)
        rows.append([name, *cells, *works, _median([r["loss"] for r in records]), f"{accuracy:.3f}", _steps(records)])
    labels = ["at 5 s", "at 20 s", "after 100 gradients", "after 1000", "at the end", "test accuracy", "steps made"]
    return harness.table(["MLP, cross entropy, medians", *labels], rows)


def _median(values: Sequence[float]) -> str:
    value = statistics.median(values)
    return error(value) if math.isfinite(value) else "-"


def _steps(records: Sequence[Record]) -> str:
    return f"{statistics.median(r['steps'] for r in records):.0f}"


def figure(problems: dict[str, Runs]) -> Any:
    """Lowest loss so far against time and against work; a line per seed, a colour per solver."""
    from matplotlib.figure import Figure

    picture = Figure(figsize=(10, 7), layout="constrained")
    axes = picture.subplots(len(problems), 2, squeeze=False)
    for row, (title, runs) in zip(axes, problems.items(), strict=True):
        for column, unit in enumerate(["seconds of the processor", "gradients"]):
            for number, (name, records) in enumerate(runs.items()):
                for n, record in enumerate(records):
                    points = lowest(record["curve"], column)
                    row[column].plot(*points, f"C{number}", lw=0.8, label=name if n == 0 else None)
            row[column].set(xscale="log", yscale="log", xlabel=unit, ylabel=title)
            row[column].grid(alpha=0.3)
        row[0].legend()
    return picture

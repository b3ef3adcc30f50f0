"""Adam, L-BFGS, HSODM and saddle-free Newton, `second_order`: loss against time and against work, on a KAN and an MLP.

All see all rows in every step, from the same start. Work is counted in gradients: one for loss and gradient, two for a
Hessian product, which passes twice backwards. Time is that of the processor, not of the clock on the wall, so that a
busy machine distorts it less; run it with `--threads 1`.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor, nn

import edgewise
from benchmarks import harness
from benchmarks.accuracy import tables
from benchmarks.accuracy.problem import HELLO
from benchmarks.accuracy.report import Report, error
from benchmarks.accuracy.session import Session
from benchmarks.accuracy.tables import Table
from benchmarks.accuracy.training import Record
from benchmarks.harness import Bar
from edgewise.optim import Evaluation, FunctionObjective, HSODMMethod, LBFGSMethod, Method, SaddleFreeMethod

WIDTH, GRID, ROWS, TARGET = (2, 5, 1), 5, 1000, 1e-4
HIDDEN, TABLE_ROWS = 512, 2000
SECONDS, MLP_SECONDS, QUICK_SECONDS = 60.0, 30.0, 1.0
POINTS = 60
"""Points kept of a curve."""

Solver = Callable[[FunctionObjective], Iterator[Evaluation]]


# ---------------------------------------------------------------------------------------------- the solvers


def adam(lr: float) -> Solver:
    """Full-batch Adam."""

    def run(objective: FunctionObjective) -> Iterator[Evaluation]:
        x = nn.Parameter(objective.layout.start.clone())
        optimizer = torch.optim.Adam([x], lr=lr)
        while True:
            here = objective.evaluate(x.detach())
            yield here
            x.grad = here.grad
            optimizer.step()

    return run


def stepping(build: Callable[[], Method]) -> Solver:
    """One of our methods, until it finds nothing lower, also with a fresh memory."""

    def run(objective: FunctionObjective) -> Iterator[Evaluation]:
        method, stalled = build(), False
        here = objective.evaluate(objective.layout.start)
        yield here
        while True:
            there = method.step(objective, here)
            if there is here:
                if stalled:
                    return
                stalled = True
                method.forget()
                continue
            here, stalled = there, False
            yield here

    return run


KAN_SOLVERS: dict[str, Solver] = {
    "Adam": adam(1e-2),
    "L-BFGS": stepping(LBFGSMethod),
    "HSODM": stepping(lambda: HSODMMethod(tol=1e-2)),
    "SFN": stepping(lambda: SaddleFreeMethod(rank=40, damping=1e-3)),
}
MLP_SOLVERS: dict[str, Solver] = {
    "Adam": adam(1e-3),
    "L-BFGS": stepping(LBFGSMethod),
    "HSODM": stepping(lambda: HSODMMethod(iterations=20)),
    "SFN": stepping(lambda: SaddleFreeMethod(rank=20, damping=1e-3)),
}


def trace(solver: Solver, objective: FunctionObjective, seconds: float, target: float = 0.0) -> tuple[Record, Tensor]:
    """Run until a time, a loss, or the end; the curve, and the `(n,)` parameters with the lowest loss."""
    curve: list[list[float]] = []
    best: Evaluation | None = None
    start = time.process_time()
    for here in solver(objective):
        spent, work = time.process_time() - start, objective.evaluations + 2 * objective.products
        curve.append([spent, work, here.loss])
        best = here if best is None or here.loss < best.loss else best
        if spent > seconds or here.loss <= target:
            break
    assert best is not None, "a solver shows its start"
    found = {"seconds": curve[-1][0], "work": curve[-1][1], "steps": len(curve) - 1, "loss": best.loss}
    return {**found, "curve": thinned(curve)}, best.x


def thinned(curve: list[list[float]]) -> list[list[float]]:
    """At most about `POINTS` points, evenly spaced in the logarithm of the number of the step, the last among them."""
    last = len(curve) - 1
    numbers = {0, last} | {round(last ** (n / POINTS)) for n in range(POINTS + 1)} if last else {0}
    return [curve[n] for n in sorted(numbers)]


# --------------------------------------------------------------------------------------------- the problems


def kan_record(seed: int, solver: str, seconds: float, saddle: bool) -> Record:
    """Hello KAN; with `saddle`, from the network that predicts the mean whatever the inputs are."""
    data = HELLO.dataset(ROWS, ROWS, seed, dtype=torch.float64)
    x, y = data["train_input"], data["train_label"]
    model = edgewise.KAN(list(WIDTH), grid=GRID, k=3, seed=seed, dtype=torch.float64)
    if saddle:
        to_saddle(model, y, nudge=1e-6, seed=seed)
    objective = _objective(model, lambda prediction: (prediction - y).square().mean(), x)
    found, best = trace(KAN_SOLVERS[solver], objective, seconds, TARGET**2)
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


def mlp_record(seed: int, solver: str, seconds: float, table: Table) -> Record:
    """Classes of a table."""
    model = edgewise.MLP(_mlp_width(table), "relu", seed=seed)
    objective = _objective(model, lambda prediction: nn.functional.cross_entropy(prediction, table.y), table.x)
    found, best = trace(MLP_SOLVERS[solver], objective, seconds)
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
    """All solvers, all seeds, three problems."""
    seeds, table = session.seed_range(), tables.find(session.data, TABLE_ROWS)
    seconds = {"hello": SECONDS, "saddle": SECONDS / 4, "table": MLP_SECONDS}
    if session.quick:
        seconds = dict.fromkeys(seconds, QUICK_SECONDS)
    for solver in KAN_SOLVERS:
        kan_record(0, solver, 0.0, saddle=False)  # compiles, imports
    runs: dict[str, dict[str, list[Record]]] = {"hello": {}, "saddle": {}, "table": {}}
    for problem, by_solver in runs.items():
        for solver in KAN_SOLVERS if problem != "table" else MLP_SOLVERS:
            of_seeds = seeds if problem != "table" else seeds[:3]
            by_solver[solver] = [
                _measured(session, problem, solver, seed, seconds[problem], table) for seed in of_seeds
            ]
    if session.figure:
        figure(runs).savefig(session.figure)
    about = [
        f"Hello KAN: {HELLO.formula}, {list(WIDTH)}, G={GRID}, {ROWS} rows, grid fixed, float64, {len(seeds)} seeds, "
        f"each ended at train RMSE {TARGET:g} or after {seconds['hello']:g} s of the processor. Saddle: the same "
        f"network, edges zero but for a constant, which predicts the mean; nudged by 1e-6; {seconds['saddle']:g} s. "
        f"Table: {table.name}, {len(table.x)} rows, MLP {_mlp_width(table)} with relu, cross entropy, float32, "
        f"{seconds['table']:g} s, 3 seeds at most. All rows in every step; work is counted in gradients, a Hessian "
        "product as two."
    ]
    tables_ = [_kan_table(runs["hello"]), _saddle_table(runs["saddle"]), _mlp_table(runs["table"])]
    return Report("second_order", "Second order", about, tables_, bars(runs["hello"], runs["saddle"]))


def _measured(session: Session, problem: str, solver: str, seed: int, seconds: float, table: Table) -> Record:
    key = {"row": "second_order", "problem": problem, "solver": solver, "seed": seed, "cap": seconds}
    if problem == "table":
        key["data"] = table.name

    def measure() -> Record:
        if problem == "table":
            return mlp_record(seed, solver, seconds, table)
        return kan_record(seed, solver, seconds, saddle=problem == "saddle")

    return session.measure(f"{problem} {solver} seed {seed}", key, measure)


def bars(hello: dict[str, list[Record]], saddle: dict[str, list[Record]]) -> list[Bar]:
    """What the second-order methods promise."""
    promised = ("HSODM", "SFN")
    reached = [
        Bar(f"{name}: share of seeds that reach train RMSE {limit:g}", _share(hello[name], limit), 1.0, "", True)
        for name in promised
        for limit in (1e-2, TARGET)
    ]
    left = [
        Bar(f"{name}: share of seeds that leave the saddle", _left(saddle[name]), 1.0, "", True) for name in promised
    ]
    return reached + left


def _share(records: Sequence[Record], limit: float) -> float:
    return sum(r["train_rmse"] <= limit for r in records) / len(records)


def _left(records: Sequence[Record]) -> float:
    return sum(r["train_rmse"] < 0.5 * r["spread"] for r in records) / len(records)


def at(curve: Sequence[Sequence[float]], column: int, limit: float) -> float:
    """The lowest loss of a curve while `column` (0 seconds, 1 work) is at most `limit`."""
    return min([point[2] for point in curve if point[column] <= limit], default=math.inf)


def _kan_table(by_solver: dict[str, list[Record]]) -> str:
    header = ["train RMSE", "at 1 s", "at 5 s", "at 20 s", "at the end", "worst", "test", "reach 1e-2", "reach 1e-4"]
    rows = []
    for name, records in by_solver.items():
        cells = [_median([at(r["curve"], 0, limit) ** 0.5 for r in records]) for limit in (1.0, 5.0, 20.0)]
        ends = [r["train_rmse"] for r in records]
        counts = [f"{sum(e <= limit for e in ends)} of {len(ends)}" for limit in (1e-2, TARGET)]
        rows.append([
            name, *cells, _median(ends), error(max(ends)), _median([r["test_rmse"] for r in records]), *counts
        ])  # fmt: skip
    work = [(10, 100), (100, 1000), (1000, 10000)]
    second = [
        [name, *[_median([at(r["curve"], 1, w) ** 0.5 for r in records]) for _, w in work], _steps(records)]
        for name, records in by_solver.items()
    ]
    labels = [f"after {w} gradients" for _, w in work]
    return "\n\n".join([
        harness.table(header, rows),
        harness.table(["train RMSE, medians", *labels, "steps made, median"], second),
    ])


def _saddle_table(by_solver: dict[str, list[Record]]) -> str:
    rows = [
        [name, f"{round(_left(records) * len(records))} of {len(records)}", _median([r["train_rmse"] for r in records])]
        for name, records in by_solver.items()
    ]
    return harness.table(["from the saddle", "left it", "train RMSE at the end, median"], rows)


def _mlp_table(by_solver: dict[str, list[Record]]) -> str:
    rows = []
    for name, records in by_solver.items():
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


def figure(runs: dict[str, dict[str, list[Record]]]) -> Any:
    """Lowest loss so far against time and against work; a line per seed, a colour per solver."""
    from matplotlib.figure import Figure

    picture = Figure(figsize=(10, 7), layout="constrained")
    axes = picture.subplots(2, 2)
    titles = {"hello": ("Hello KAN", "mean squared error"), "table": ("MLP", "cross entropy")}
    for row, (problem, (title, quantity)) in zip(axes, titles.items(), strict=True):
        for column, unit in enumerate(["seconds of the processor", "gradients"]):
            for number, (name, records) in enumerate(runs[problem].items()):
                for n, record in enumerate(records):
                    points = lowest(record["curve"], column)
                    row[column].plot(*points, f"C{number}", lw=0.8, label=name if n == 0 else None)
            row[column].set(xscale="log", yscale="log", xlabel=unit, ylabel=quantity, title=title)
            row[column].grid(alpha=0.3)
        row[0].legend()
    return picture


def lowest(curve: Sequence[Sequence[float]], column: int) -> tuple[list[float], list[float]]:
    """A curve as the lowest loss so far, over `column`."""
    return [point[column] for point in curve], list(accumulate((point[2] for point in curve), min))

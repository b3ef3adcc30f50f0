"""Five functions with a smooth representation by splines: error against grid, fitted exponents, an MLP beside.

The paper's figure 3.1. It fits test RMSE ~ N^-a and expects a = 4 for cubic splines on every one of them; its curves
are pictures, no number of them is printed.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.special
import torch
from torch import Tensor

import edgewise
from benchmarks import harness
from benchmarks.accuracy import problem, shapes
from benchmarks.accuracy.report import Report, error
from benchmarks.accuracy.session import Session
from benchmarks.accuracy.training import Record, mlp_width
from benchmarks.harness import Bar
from benchmarks.paper import page
from edgewise.datasets import Problem
from edgewise.errors import ConvergenceError

GRIDS = (3, 5, 10, 20, 50, 100)
ROWS, QUICK_FUNCTIONS = 3000, 3
ORDER = 3.5  # a cubic spline has 4; what is left is for grids on which a function is still unresolved
EXACT, RESOLVED = 1e-12, 0.05  # errors between which an order can be seen; all functions are of size one
_SOURCE, _WHY = problem.HELLO.source, problem.HELLO.why


def _bessel(x: Tensor) -> Tensor:
    return torch.from_numpy(scipy.special.j0(20 * x[:, 0].numpy()))  # torch's own is wrong in the seventh digit


def _hundred(x: Tensor) -> Tensor:
    return torch.exp((torch.sin(torch.pi * x / 2) ** 2).mean(1))


def _problem(name: str, formula: str, function: Any, variables: int) -> Problem:
    names = tuple(f"x{n + 1}" for n in range(variables))
    return Problem(name, formula, function, names, ((-1.0, 1.0),) * variables, _WHY, {}, {}, _SOURCE)


class Toy(NamedTuple):
    """A function, the network that can represent it, and how much it takes to find that.

    Attributes:
        of: the function.
        width: of the KAN.
        steps: on each grid.
        restarts: starts of the first grid.
    """

    of: Problem
    width: tuple[int, ...]
    steps: int = 30
    restarts: int = 8


FUNCTIONS = (
    Toy(_problem("bessel", "J0(20 x1)", _bessel, 1), (1, 1)),
    Toy(problem.HELLO, (2, 1, 1)),
    Toy(_problem("product", "x1 x2", lambda x: x[:, 0] * x[:, 1], 2), (2, 2, 1)),
    Toy(_problem("hundred", "exp(mean of sin^2(pi x_i/2)), 100 inputs", _hundred, 100), (100, 1, 1), restarts=1),
    Toy(problem.DEEP, (4, 2, 1, 1), steps=60, restarts=16),
)


def run(session: Session) -> Report:
    """A staircase of grids on each function, and the exponent between its coarse and its fine end."""
    seeds, grids = session.seed_range(5), GRIDS[:3] if session.quick else GRIDS
    chosen = session.named([toy.of.name for toy in FUNCTIONS], QUICK_FUNCTIONS)
    used, measured = [_adapted(toy, session) for toy in FUNCTIONS if toy.of.name in chosen], {}
    for toy in used:
        own, name = determined(toy.width, grids), toy.of.name
        key = {"row": "toy", "problem": name, "grids": own, "steps": toy.steps, "restarts": toy.restarts, "rows": ROWS,
               "stages": "fit(grids=[G])"}  # fmt: skip
        measured[name] = [
            session.measure(
                f"toy {name} {kind} seed {seed}", {**key, "seed": seed, "model": kind},
                lambda train=train, toy=toy, own=own, seed=seed: train(toy, own, seed),
            )
            for seed in seeds for kind, train in (("KAN", kan), ("MLP", mlp))
        ]  # fmt: skip
    effort = ", ".join(f"{toy.of.name} {toy.steps} and {toy.restarts}" for toy in used)
    about = (
        f"{len(seeds)} seeds; {ROWS} training and as many test rows, uniform in [-1, 1]; float64; fit's own choice of "
        f"solver. Steps on each grid and starts: {effort}. Grids as far as the rows outnumber the parameters. *RMSE* "
        "and *median* are of the absolute error over the test rows, medians over the seeds; exponents by least squares "
        f"of the logarithms over all grids with an error between {EXACT:g} and {RESOLVED:g}. The MLP has two layers of "
        "tanh, at most as many parameters as the last network, and all the steps. That window was set after a first "
        "look at the Bessel function, unresolved up to G=10."
    )
    tables = [_curves(measured, grids, "rmse"), _curves(measured, grids, "median")]
    return Report("toy", "Toy functions: error against grid", [about], tables, bars(measured))


def determined(width: tuple[int, ...], grids: tuple[int, ...]) -> tuple[int, ...]:
    """The grids on which a network has fewer parameters than there are rows."""
    sizes = [edgewise.KAN(list(width), grid=grid, seed=0).n_parameters for grid in grids]
    return tuple(grid for grid, size in zip(grids, sizes, strict=True) if size < ROWS)


def _adapted(toy: Toy, session: Session) -> Toy:
    steps, restarts = (8, 2) if session.quick else (toy.steps, toy.restarts)
    return toy._replace(steps=session.steps or steps, restarts=session.restarts or restarts)


def bars(measured: dict[str, list[Record]]) -> list[Bar]:
    """The order of cubic splines, for RMSE and for the median, and the MLP beaten."""
    made = []
    for name, records in measured.items():
        kans, mlps = _of(records, "KAN"), _of(records, "MLP")
        made += [
            Bar(f"{name}, exponent of the {what}", exponent(kans, what), ORDER, "", True, "4 (theory)")
            for what in ("rmse", "median")
        ]
        ours, theirs = (statistics.median(r["stages"][-1]["rmse"] for r in some) for some in (kans, mlps))
        made.append(Bar(f"{name}, RMSE over the MLP's", ours / theirs, 1.0, ""))
    return made


def exponent(records: Sequence[Record], what: str) -> float | None:
    """p in error ~ G^-p, of the medians over the seeds, on grids that resolve the function; infinite if it is exact.

    None where fewer than two such grids are left.
    """
    curve = [
        (stages[0]["grid"], statistics.median(s[what] for s in stages))
        for stages in zip(*(r["stages"] for r in records), strict=False)
    ]
    points = [(math.log(grid), math.log(value)) for grid, value in curve if EXACT < value < RESOLVED]
    if len(points) > 1:
        return -float(np.polyfit(*zip(*points, strict=True), 1)[0])
    return math.inf if curve[-1][1] <= EXACT else None


# -------------------------------------------------------------------------------------------------- training


def kan(toy: Toy, grids: tuple[int, ...], seed: int) -> Record:
    """One grid after the other, with both errors on each."""
    data = toy.of.dataset(ROWS, ROWS, seed, dtype=torch.float64)
    model = edgewise.KAN(list(toy.width), grid=grids[0], seed=seed, dtype=torch.float64)
    stages: list[Record] = []
    seconds = 0.0
    for grid in grids:
        restarts = 1 if stages else toy.restarts
        try:
            result = model.fit(data, steps=toy.steps, grids=[grid], restarts=restarts, seed=seed, progress=False)
        except ConvergenceError:
            stages.append({"grid": grid, "rmse": math.inf, "median": math.inf})
            break
        seconds += result.seconds
        stages.append({"grid": grid, **_errors(model, data)})
    return {"model": "KAN", "width": shapes.as_text(toy.width), "stages": stages, "seconds": seconds}


def mlp(toy: Toy, grids: tuple[int, ...], seed: int) -> Record:
    """As many steps as the KAN takes in all."""
    data = toy.of.dataset(ROWS, ROWS, seed, dtype=torch.float64)
    size = mlp_width(toy.width, grids[-1])
    starts = [
        edgewise.MLP(list(size), act="tanh", seed=1000 * seed + n, dtype=torch.float64) for n in range(toy.restarts)
    ]
    tried = [model.fit(data, steps=toy.steps, seed=seed, progress=False) for model in starts]
    best = min(range(toy.restarts), key=lambda n: min(tried[n]["train_loss"]))
    last = starts[best].fit(data, steps=toy.steps * (len(grids) - 1), seed=seed, progress=False)
    seconds = sum(result.seconds for result in tried) + last.seconds
    return {
        "model": "MLP", "width": shapes.as_text(size), "seconds": seconds,
        "stages": [{"grid": 0, **_errors(starts[best], data)}],
    }  # fmt: skip


def _errors(model: torch.nn.Module, data: dict[str, Tensor]) -> dict[str, float]:
    with torch.no_grad():
        wrong = (model(data["test_input"]) - data["test_label"]).abs()
    return {"rmse": float(wrong.square().mean().sqrt()), "median": float(wrong.median())}


# ----------------------------------------------------------------------------------------------------- tables


def _of(records: Sequence[Record], model: str) -> list[Record]:
    return [r for r in records if r["model"] == model]


def _curves(measured: dict[str, list[Record]], grids: tuple[int, ...], what: str) -> str:
    rows = []
    for name, records in measured.items():
        kans, mlps = _of(records, "KAN"), _of(records, "MLP")
        cells = []
        for grid in grids:
            values = [s[what] for r in kans for s in r["stages"] if s["grid"] == grid]
            cells.append(error(statistics.median(values)) if values else "-")
        power = exponent(kans, what)
        rows.append([
            name, kans[0]["width"], *cells, "-" if power is None else f"{power:.2f}", mlps[0]["width"],
            error(statistics.median(r["stages"][-1][what] for r in mlps)),
            harness.duration(statistics.median(r["seconds"] for r in kans)),
        ])  # fmt: skip
    header = [f"{what}", "KAN", *(f"G={grid}" for grid in grids), "exponent", "MLP", "MLP's", "time"]
    return harness.table(header, rows)


if __name__ == "__main__":
    raise SystemExit(page.run("toy", __doc__, run, parts=[toy.of.name for toy in FUNCTIONS]))

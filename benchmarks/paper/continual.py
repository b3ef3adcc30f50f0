"""Continual learning: five Gaussian peaks, one after another, and what is left of the first at the end.

A KAN with one input forgets nothing where only the coefficients of the spline that the new points touch can move. That
takes no residual function that is trained (`silu(x)` reaches everywhere), knots that stay, and an optimizer that leaves
coefficients without data alone: L-BFGS does, Levenberg-Marquardt here does not, since it smooths what data leave open.
With two inputs a spline of one coordinate is shared by all regions with that coordinate. Where regions have their own
intervals on every axis and the function is a sum of its inputs' functions, nothing changes; hidden nodes share their
splines among all regions, and a KAN forgets like any network.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from benchmarks import harness
from benchmarks.accuracy import report
from benchmarks.accuracy.report import Report
from benchmarks.accuracy.session import Session
from benchmarks.accuracy.training import Record
from benchmarks.harness import Bar
from benchmarks.paper import page
from edgewise import KAN, MLP, fit

PUBLISHED = 3.99e-6  # each phase's own error, pykan's notebook
CENTRES = torch.linspace(-0.8, 0.8, 5, dtype=torch.float64)
# Each peak in a region of its own on both axes.
CENTRES_2D = torch.stack([CENTRES, CENTRES[[2, 0, 4, 1, 3]]], dim=1)
SIDE = 0.4


class Phase(NamedTuple):
    """What is presented at a time, `(N, D)` and `(N, 1)`, and other points of the same region."""

    train: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]


class Task(NamedTuple):
    """A function whose peaks are presented one by one."""

    name: str
    inputs: int
    function: Callable[[Tensor], Tensor]
    rows: int


def peaks(x: Tensor) -> Tensor:
    """Five peaks on a line, the paper's."""
    return torch.exp(-300 * (x - CENTRES).square()).sum(1, keepdim=True)


def sums(x: Tensor) -> Tensor:
    """Five peaks on either axis, added up."""
    return torch.exp(-300 * (x[:, None] - CENTRES_2D).square()).sum((1, 2))[:, None]


def hills(x: Tensor) -> Tensor:
    """Five round peaks in the plane."""
    return torch.exp(-60 * (x[:, None] - CENTRES_2D).square().sum(-1)).sum(1, keepdim=True)


LINE = Task("1-D", 1, peaks, 100)
ADDITIVE = Task("2-D, sum of peaks in x and in y", 2, sums, 400)
ROUND = Task("2-D, round peaks", 2, hills, 400)


class Way(NamedTuple):
    """A model of a task and how each phase trains it."""

    task: Task
    name: str
    build: Callable[[int], nn.Module]
    opt: str = "lbfgs"
    steps: int = 100


def _kan(*width: int, grid: int, **options: object) -> Callable[[int], nn.Module]:
    return lambda seed: KAN(width, grid, seed=seed, dtype=torch.float64, **options)  # pyright: ignore[reportArgumentType]


def _mlp(*width: int) -> Callable[[int], nn.Module]:
    return lambda seed: MLP(width, seed=seed, dtype=torch.float64)


LOCAL = {"base_fun": "zero"}
BEST = "KAN [1,1], G=250, splines alone"
WAYS = (
    Way(LINE, BEST, _kan(1, 1, grid=250, **LOCAL)),
    Way(LINE, "KAN [1,1], G=200 (the published grid), splines alone", _kan(1, 1, grid=200, **LOCAL)),
    Way(LINE, "KAN [1,1], G=200, k=5, splines alone", _kan(1, 1, grid=200, k=5, **LOCAL)),
    Way(LINE, "KAN [1,1], G=200, trained silu", _kan(1, 1, grid=200)),
    Way(LINE, "KAN [1,1], G=200, splines alone, by LM", _kan(1, 1, grid=200, **LOCAL), "lm", 20),
    Way(LINE, "MLP [1,64,64,1]", _mlp(1, 64, 64, 1), steps=400),
    Way(LINE, "MLP [1,64,64,1] by Adam", _mlp(1, 64, 64, 1), "adam", 2000),
    Way(ADDITIVE, "KAN [2,1], G=100, splines alone", _kan(2, 1, grid=100, **LOCAL)),
    Way(ADDITIVE, "MLP [2,64,64,1]", _mlp(2, 64, 64, 1), steps=400),
    Way(ROUND, "KAN [2,10,1], G=10, splines alone", _kan(2, 10, 1, grid=10, **LOCAL)),
    Way(ROUND, "MLP [2,64,64,1]", _mlp(2, 64, 64, 1), steps=400),
)


def continual(session: Session) -> Report:
    """The published error of a phase, at the end and over all peaks."""
    rows, ends = [], {}
    for way in WAYS:
        steps = session.steps or (min(way.steps, 20) if session.quick else way.steps)
        key = {"row": "continual", "task": way.task.name, "model": way.name, "opt": way.opt, "steps": steps}
        records = [
            session.measure(
                f"continual {way.task.name}, {way.name}, seed {seed}",
                {**key, "seed": seed},
                lambda way=way, steps=steps, seed=seed: learn(way, steps, seed),
            )
            for seed in session.seed_range(5)
        ]
        ends[way.name] = statistics.median(r["test_rmse"] for r in records)
        rows.append(_cells(way, records))
    if session.figure:
        _draw(session.figure, session.quick)
    header = ["task", "model", "parameters", "solver", "each phase at its end", "first peak at the end"]
    table = harness.table([*header, "all peaks at the end", "all seeds", "time"], rows)
    bars = [Bar("1-D, all peaks at the end", ends[BEST], PUBLISHED, "", False, "3.99e-06 per phase, at the end: -")]
    return Report("continual", "Continual learning: five Gaussian peaks", _about(), [table], bars)


def learn(way: Way, steps: int, seed: int) -> Record:
    """All phases in order; RMSEs on points of every region between those that were presented."""
    begin, model, presented, own = time.perf_counter(), way.build(seed), phases(way.task, seed), []
    for phase in presented:
        train(model, phase, way, steps)
        own.append(rmse(model, phase))
    left = [rmse(model, phase) for phase in presented]
    return {
        "seconds": time.perf_counter() - begin,
        "parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "phases": own,
        "first": left[0],
        "test_rmse": statistics.fmean(error**2 for error in left) ** 0.5,
    }


def train(model: nn.Module, phase: Phase, way: Way, steps: int) -> None:
    """One phase: its rows alone, and knots that stay."""
    fit(model, phase.train, opt=way.opt, steps=steps, update_grid=False, progress=False)


def phases(task: Task, seed: int) -> list[Phase]:
    """In 1-D the paper's 100 even points per peak; in 2-D random points around each."""
    draw = torch.Generator().manual_seed(seed)
    found = []
    for n in range(len(CENTRES)):
        if task.inputs == 1:
            x = torch.linspace(-1, 1, 5 * task.rows, dtype=torch.float64)[n * task.rows : (n + 1) * task.rows, None]
            test = torch.lerp(x[:-1], x[1:], 0.5)
        else:
            both = torch.rand(2, task.rows, 2, generator=draw, dtype=torch.float64)
            x, test = CENTRES_2D[n] + SIDE * (both - 0.5)
        found.append(Phase((x, task.function(x)), (test, task.function(test))))
    return found


@torch.no_grad()
def rmse(model: nn.Module, phase: Phase) -> float:
    x, y = phase.test
    return float((model(x) - y).square().mean().sqrt())


def _cells(way: Way, records: list[Record]) -> list[str]:
    worst = statistics.median(max(r["phases"]) for r in records)
    every = sorted(r["test_rmse"] for r in records)
    return [
        way.task.name, way.name, str(records[0]["parameters"]), way.opt, report.error(worst),
        report.error(statistics.median(r["first"] for r in records)), report.error(statistics.median(every)),
        f"{report.error(every[0])} to {report.error(every[-1])}",
        harness.duration(statistics.median(r["seconds"] for r in records)),
    ]  # fmt: skip


def _about() -> list[str]:
    return [
        "Each phase shows points around one peak and none of the others; nothing is kept of earlier phases but the "
        "model. RMSE on points between those shown, medians over the seeds: the worst phase at its own end, then at "
        "the very end the first peak's region and all five. The paper shows a picture; its authors' notebook prints "
        f"{PUBLISHED:.2e} for every "
        "phase and no error over all peaks.",
        "*Splines alone*: without residual function. Nothing outside of the region is moved then; a trained `silu` "
        "moves everything, and LM smooths coefficients that have no data. With two inputs a KAN keeps what it knows "
        "only where regions share no interval of an axis and the function is a sum; hidden layers forget.",
    ]


def _draw(path: str, quick: bool) -> None:
    """The line after every phase: a KAN and an MLP."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    ways = [next(way for way in WAYS if way.name == BEST), next(way for way in WAYS if way.opt == "adam")]
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(ways), len(CENTRES), sharex=True, sharey=True)
    x = torch.linspace(-1, 1, 600, dtype=torch.float64)[:, None]
    for line, way in zip(axes, ways, strict=True):
        model = way.build(0)
        for n, (ax, phase) in enumerate(zip(line, phases(way.task, 0), strict=True)):
            train(model, phase, way, 20 if quick else way.steps)
            ax.plot(x, peaks(x), color="0.8", linewidth=3)
            with torch.no_grad():
                ax.plot(x, model(x), color="tab:blue", linewidth=1.2)
            ax.set_ylim(-0.3, 1.3)
            ax.set_title(f"after phase {n + 1}", fontsize=9)
        line[0].set_ylabel(way.name.split(", ")[0])
    figure.savefig(path, dpi=160)


if __name__ == "__main__":
    raise SystemExit(page.run("continual", __doc__, continual, picture=True))

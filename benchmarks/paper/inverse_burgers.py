"""Burgers' equation backwards: the viscosity from 2000 values of the solution with 1 % of noise.

The solution is the reference grid `Burgers.npz` of DeepXDE that the folder of `--data` holds (times 0 to 0.99,
viscosity 0.01 / pi); nothing else is known, neither the begin nor the boundary.
"""

from __future__ import annotations

import math
import statistics
import time
from functools import cache, partial
from typing import Any

import numpy as np
import torch

from benchmarks import harness
from benchmarks.accuracy.report import Report, error
from benchmarks.accuracy.session import Session
from benchmarks.accuracy.training import Record
from benchmarks.harness import Bar
from benchmarks.paper import page
from edgewise import KAN
from edgewise.physics import Box, Data, Field, Problem, ReferenceGrid, Solution, TimeSpace, solve

VISCOSITY, START = 0.01 / math.pi, 0.02
ROWS, NOISE, POINTS = 2000, 0.01, 2000
BAR = 0.01
SOURCE = "https://raw.githubusercontent.com/lululxvi/deepxde/99b6620386d18cefb1549dddb7b7fe468cfad607/examples/dataset"


def burgers(x: torch.Tensor, u: Field, viscosity: torch.Tensor) -> torch.Tensor:
    """The equation."""
    return u.dt + u.value * u.d("x") - viscosity * u.d("x", "x")


def reference(folder: str | None) -> ReferenceGrid:
    """The solution on 100 times and 256 places."""
    with np.load(page.table(folder, "Burgers.npz", SOURCE)) as file:
        return ReferenceGrid((file["t"], file["x"]), file["usol"].T)


def inverse_burgers(session: Session) -> Report:
    """The relative error of the viscosity, of every seed."""
    grid, limit = reference(session.data), 20.0 if session.quick else 600.0
    records = [
        session.measure(
            f"inverse_burgers seed {seed}", {"row": "inverse_burgers", "seed": seed, "limit": limit},
            partial(run, grid, seed, limit),
        )
        for seed in session.seed_range(5)
    ]  # fmt: skip
    worst = max(r["wrong"] for r in records)
    rows = [
        [r["seed"], f"{r['viscosity']:.6f}", f"{100 * r['wrong']:.2f} %", error(r["error"]), f"{r['seconds']:.0f} s"]
        for r in records
    ]
    median = statistics.median(r["wrong"] for r in records)
    return Report(
        "inverse_burgers", "Burgers' equation, backwards", [_about(limit)],
        [harness.table(["seed", "viscosity", "off by", "solution, relative L2", "time"], rows)],
        [Bar("viscosity off by, median", 100 * median, 100 * BAR, "%"),
         Bar("viscosity off by, worst seed", 100 * worst, 100 * BAR, "%")],
    )  # fmt: skip


def run(grid: ReferenceGrid, seed: int, limit: float) -> Record:
    """One draw of rows and noise, one network."""
    compiled()
    begin = time.perf_counter()
    found = _solved(grid, seed, points=POINTS, steps=3000, patience=100, time_limit_sec=limit)
    viscosity = found.unknowns["viscosity"]
    wrong = abs(viscosity / VISCOSITY - 1)
    return {
        "seed": seed, "viscosity": viscosity, "wrong": wrong, "error": found.error,
        "seconds": time.perf_counter() - begin, "stopped": found.stopped_because,
    }  # fmt: skip


@cache
def compiled() -> None:
    """A run too short to solve anything, once in a process, so that no clock counts compilation."""
    ends = np.linspace(0, 1, 50)
    _solved(ReferenceGrid((ends, 2 * ends - 1), np.outer(ends, ends)), 0, points=50, lm_steps=2, steps=2)


def _solved(grid: ReferenceGrid, seed: int, **settings: Any) -> Solution:
    rng = torch.Generator().manual_seed(seed)
    domain = TimeSpace((0.0, float(grid.axes[0][-1])), Box(-1, 1))
    nodes, values = grid.rows(domain)
    drawn = torch.randperm(len(nodes), generator=rng)[:ROWS]
    noise = NOISE * values.std() * torch.randn(len(drawn), generator=rng, dtype=torch.float64)
    data = Data(nodes[drawn], values[drawn] + noise, weight=100.0)
    problem = Problem(domain, burgers, [data], unknowns={"viscosity": START}, exact=grid)
    model = KAN([2, 8, 8, 1], basis="chebyshev", k=8, seed=seed, dtype=torch.float64)
    return solve(problem, model, sampling="sobol", seed=seed, **settings)


def _about(limit: float) -> str:
    return (
        f"{ROWS} values drawn from the reference with {100 * NOISE:.0f} % of their standard deviation as noise, the "
        f"equation at {POINTS} points, begun at {START:g}; the true value is 0.01 / pi = {VISCOSITY:.6f}. "
        f"[2, 8, 8, 1], Chebyshev of degree 8, float64, at most {limit:.0f} s for each run, compilation not counted."
    )


if __name__ == "__main__":
    raise SystemExit(page.run("inverse_burgers", __doc__, inverse_burgers))

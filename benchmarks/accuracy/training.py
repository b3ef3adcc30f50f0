"""One network trained on one problem: a KAN, an MLP beside it under the same optimizer and budget, or pykan's.

The MLP has two hidden layers of tanh, as many parameters as the KAN has on its last grid (at most
`MLP_PARAMETERS`), and takes as many steps as the KAN on all its grids. pykan runs as its tutorials do: L-BFGS,
50 steps on each grid of the same staircase. Errors are on test rows that no fit ever saw to choose by.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

import edgewise
from benchmarks import peers
from benchmarks.accuracy.problem import find
from benchmarks.training import rmse
from edgewise.errors import ConvergenceError

MLP_PARAMETERS = 340
PYKAN_STEPS = 50
KAN, MLP, PYKAN = "KAN", "MLP", "pykan"

Record = dict[str, Any]


@dataclass(frozen=True)
class Protocol:
    """How a network is trained.

    Attributes:
        grids: intervals G of each stage.
        steps: steps per stage.
        opt: as in `fit`.
        restarts: starts per seed; the fit keeps the best by training (or validation) error.
        val: fraction of the training rows held out to choose by; None trains on all of them.
        train_num: training rows.
        test_num: test rows.
        k: degree of the splines.
    """

    grids: tuple[int, ...] = (3, 5, 10, 20, 50, 100)
    steps: int = 30
    opt: str = "auto"
    restarts: int = 8
    val: float | None = 0.2
    train_num: int = 1000
    test_num: int = 1000
    k: int = 3

    def as_text(self) -> str:
        held_out = f", of which {self.val:.0%} are held out to choose by" if self.val else ""
        return (
            f"float64; {self.train_num} training rows{held_out}, {self.test_num} test rows, uniform on the domain; "
            f'k={self.k}, grids {"-".join(map(str, self.grids))}, {self.steps} steps each, opt="{self.opt}", '
            f"{self.restarts} starts per seed. A seed sets the rows and the initial weights."
        )


@dataclass(frozen=True)
class Job:
    """Everything that decides the outcome of one training."""

    row: str
    problem: str
    model: str
    width: tuple[int, ...]
    seed: int
    protocol: Protocol

    def key(self) -> dict[str, Any]:
        """What a journal keeps it under."""
        return asdict(self)


def run(job: Job) -> Record:
    """Train; `test_rmse` is None and `failed` says why where a fit diverged."""
    problem, protocol = find(job.problem), job.protocol
    data = problem.dataset(protocol.train_num, protocol.test_num, job.seed, dtype=torch.float64)
    # Divergence is a result. Of pykan's it shows as any RuntimeError (a singular solve); other errors are defects.
    divergence = RuntimeError if job.model == PYKAN else ConvergenceError
    start = time.perf_counter()
    try:
        record = {KAN: _kan, MLP: _mlp, PYKAN: _pykan}[job.model](job, data)
    except divergence as error:
        record = {"test_rmse": None, "failed": str(error)[:300]}
    return {"seconds": time.perf_counter() - start, **record}


def error_of(record: Record) -> float:
    """Test RMSE; infinite where the fit failed."""
    value = record["test_rmse"]
    return math.inf if value is None or not math.isfinite(value) else value


def median(records: Sequence[Record], key: str) -> float:
    """Of one entry."""
    return statistics.median(record[key] for record in records)


def _kan(job: Job, data: dict[str, Tensor]) -> Record:
    model = edgewise.KAN(
        list(job.width), grid=job.protocol.grids[0], k=job.protocol.k, seed=job.seed, dtype=torch.float64
    )
    result = model.fit(data, steps=job.protocol.steps, grids=list(job.protocol.grids), **_fit_options(job))
    stages = [{"grid": s.grid, "test_rmse": s.test_rmse, "seconds": s.seconds} for s in result.stages]
    return {**_outcome(model, data), "grid": model.grid, "stages": stages, "why": result.stopped_because}


def _mlp(job: Job, data: dict[str, Tensor]) -> Record:
    options = _fit_options(job)
    starts = [
        edgewise.MLP(list(job.width), act="tanh", seed=1000 * job.seed + n, dtype=torch.float64)
        for n in range(options.pop("restarts"))
    ]
    # What `restarts` does for a KAN: all starts for as many steps, the best of them for the rest.
    tried = [model.fit(data, steps=job.protocol.steps, **options) for model in starts] if len(starts) > 1 else []
    quantity = "train_loss" if job.protocol.val is None else "val_loss"
    best = min(range(len(starts)), key=lambda n: min(tried[n][quantity])) if tried else 0
    model = starts[best]
    result = model.fit(data, steps=job.protocol.steps * len(job.protocol.grids), **options)
    return {**_outcome(model, data), "why": result.stopped_because}


def _fit_options(job: Job) -> dict[str, Any]:
    protocol = job.protocol
    held_out = {} if protocol.val is None else {"val": protocol.val}
    return {"opt": protocol.opt, "restarts": protocol.restarts, "seed": job.seed, "progress": False, **held_out}


def _outcome(model: nn.Module, data: dict[str, Tensor]) -> Record:
    parameters = sum(p.numel() for p in model.parameters() if p.requires_grad)
    return {
        "test_rmse": rmse(model, data["test_input"], data["test_label"]),
        "train_rmse": rmse(model, data["train_input"], data["train_label"]),
        "parameters": parameters,
    }


def _pykan(job: Job, data: dict[str, Tensor]) -> Record:
    stages = pykan_staircase(job.width, job.protocol.grids, data, job.seed, k=job.protocol.k)
    return {**stages[-1], "stages": stages}


def pykan_staircase(
    width: tuple[int, ...],
    grids: tuple[int, ...],
    data: dict[str, Tensor],
    seed: int,
    steps: int = PYKAN_STEPS,
    k: int = 3,
) -> list[Record]:
    """pykan's own fit on one grid after the other, its defaults: an entry per grid, seconds of `fit` alone."""
    from kan import KAN  # pyright: ignore[reportMissingImports]

    stages = []
    with peers.pykan_surroundings():
        model: Any = KAN(list(width), grid=grids[0], k=k, seed=seed)
        for grid in grids:
            if stages:
                model = model.refine(grid)
            start = time.perf_counter()
            model.fit(data, opt="LBFGS", steps=steps)
            seconds = time.perf_counter() - start
            test = rmse(model, data["test_input"], data["test_label"])
            stages.append({"grid": grid, "test_rmse": test if math.isfinite(test) else None, "seconds": seconds})
    return stages


def mlp_width(width: tuple[int, ...], grid: int, k: int = 3) -> tuple[int, ...]:
    """Two equal hidden layers, with at most as many parameters as the KAN of that width, grid and degree."""
    parameters = edgewise.KAN(list(width), grid=grid, k=k, seed=0, dtype=torch.float64).n_parameters
    limit, inputs, outputs = min(parameters, MLP_PARAMETERS), width[0], width[-1]

    def size(hidden: int) -> int:
        return (inputs + 1) * hidden + (hidden + 1) * hidden + (hidden + 1) * outputs

    hidden = 1
    while size(hidden + 1) <= limit:
        hidden += 1
    return (inputs, hidden, hidden, outputs)

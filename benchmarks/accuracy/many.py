"""`fit_many`: time per model of many small networks trained as one, over one by one."""

from __future__ import annotations

import statistics
import time
from typing import Any

import torch

import edgewise
from benchmarks import harness
from benchmarks.accuracy import report
from benchmarks.accuracy.problem import HELLO
from benchmarks.accuracy.report import Report
from benchmarks.accuracy.session import Session
from benchmarks.accuracy.training import Record
from benchmarks.harness import Bar
from benchmarks.training import rmse
from edgewise.train import fit_many

MODELS, ONE_BY_ONE, ROUNDS, STEPS, GRID = 256, 16, 3, 20, 5
OPTIMIZERS = ("lm", "lbfgs", "adam")


def many(session: Session) -> Report:
    """Every optimizer that has a batched form."""
    models, single, rounds = (8, 2, 1) if session.quick else (MODELS, ONE_BY_ONE, ROUNDS)
    records = {}
    for opt in OPTIMIZERS:
        key = {"row": "many", "opt": opt, "models": models, "single": single, "rounds": rounds, "steps": STEPS}
        key["threads"] = torch.get_num_threads()
        records[opt] = session.measure(
            f"many {opt}", key, lambda opt=opt: measure(opt, models=models, single=single, rounds=rounds)
        )
    about = (
        f"{HELLO.formula}, {HELLO.domain}; float64, 1000 training rows; {models} networks [2,5,1], G={GRID}, seeds "
        f"0 to {models - 1}, {STEPS} steps; one by one for the first {single} of them in the same rounds, medians over "
        f"{rounds} rounds after one that compiles. RMSE: test rows, those {single} networks both ways."
    )
    bars = [
        Bar(f"{opt}: time per model, one by one over together", record["gain"], 30, "x", True, "16x (vmap)")
        for opt, record in records.items()
    ]
    return Report("many", f"{models} models at once", [about], [_table(records)], bars)


def measure(opt: str, *, models: int, single: int, rounds: int) -> Record:
    """Seconds per model both ways, and the median test error of the networks both ways trained."""
    data = HELLO.dataset(1000, 1000, 0, dtype=torch.float64)
    train = {name: data[name] for name in ("train_input", "train_label")}
    together, alone = [], []
    batch: list[Any] = []
    for number in range(rounds + 1):
        batch, singles = _networks(models), _networks(single)
        start = time.perf_counter()
        fit_many(batch, train, opt=opt, steps=STEPS)
        middle = time.perf_counter()
        for model in singles:
            model.fit(train, opt=opt, steps=STEPS, progress=False)
        end = time.perf_counter()
        if number:  # the first compiles
            together.append((middle - start) / models)
            alone.append((end - middle) / single)
    errors = [[rmse(m, data["test_input"], data["test_label"]) for m in nets] for nets in (batch[:single], singles)]
    per_model, per_single = statistics.median(together), statistics.median(alone)
    return {
        "together": per_model,
        "alone": per_single,
        "gain": per_single / per_model,
        "errors": [statistics.median(e) for e in errors],
    }


def _networks(number: int) -> list[edgewise.KAN]:
    return [edgewise.KAN([2, 5, 1], grid=GRID, k=3, seed=seed, dtype=torch.float64) for seed in range(number)]


def _table(records: dict[str, Record]) -> str:
    rows = [
        [
            opt,
            harness.duration(r["together"]),
            harness.duration(r["alone"]),
            f"{r['gain']:.1f}x",
            *(report.error(e) for e in r["errors"]),
        ]
        for opt, r in records.items()
    ]
    header = ["optimizer", "together, per model", "one by one", "gain", "median RMSE together", "one by one"]
    return harness.table(header, rows)

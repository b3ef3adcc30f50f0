"""Laws that `symbolic_search` finds by itself: `formulas` (twelve laws, every seed) and `ai_feynman` (a hundred)."""

from __future__ import annotations

import statistics
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import sympy
import torch

from benchmarks import harness
from benchmarks.accuracy import laws
from benchmarks.accuracy.equivalent import is_same
from benchmarks.accuracy.report import Report, error
from benchmarks.accuracy.session import Session
from benchmarks.accuracy.training import Record
from benchmarks.harness import Bar
from edgewise.datasets import Problem, ai_feynman_equations, ai_feynman_expression
from edgewise.interpret import symbolic_search

ROWS, NOISES, LIMIT_SEC, PATIENT_SEC = 1000, (0.0, 0.01), 60.0, 120.0
RATES = {0.0: 0.55, 0.01: 0.30}
SEEDS_OF_TEN = 8
QUICK_PROBLEMS = 2


def formulas(session: Session) -> Report:
    """Each law from eight of ten seeds, of the data and of the search."""
    chosen, seeds = _chosen(session, laws.LAWS), session.seed_range()
    found = {
        p.name: [_measured(session, "formulas", p, laws.expression, 0.0, seed, PATIENT_SEC) for seed in seeds]
        for p in chosen
    }
    least = SEEDS_OF_TEN / 10 * len(seeds)
    rows = [
        [f"{p.name}: `{p.formula}`", f"{_solved(records)} of {len(records)}", seconds_of(records), sample_of(records)]
        for p, records in zip(chosen, found.values(), strict=True)
    ]
    bars = [Bar(f"{name}, seeds", _solved(records), least, "", at_least=True) for name, records in found.items()]
    about = f"{len(seeds)} seeds, each with its own {ROWS} rows, no noise; {_how(PATIENT_SEC)}"
    table = harness.table(["law", "found", "median time", "formula of the first seed"], rows)
    return Report("formulas", "Laws from a default call", [about], [table], bars)


def ai_feynman(session: Session) -> Report:
    """The hundred equations without and with noise: the share that is found."""
    chosen = _chosen(session, ai_feynman_equations())
    found = {
        noise: [_measured(session, "ai_feynman", p, ai_feynman_expression, noise, 0) for p in chosen]
        for noise in NOISES
    }
    header = ["", "law", *(f"noise {noise:g}" for noise in NOISES), *(f"formula, noise {noise:g}" for noise in NOISES)]
    rows = [
        [p.name, f"`{p.formula}`", *(_verdict(r) for r in records), *(f"`{_short(r['formula'])}`" for r in records)]
        for p, *records in zip(chosen, *found.values(), strict=True)
    ]
    bars = [
        Bar(
            f"solution rate, noise {noise:g} ({len(chosen)} laws)", _solved(r) / len(r), RATES[noise], "", at_least=True
        )
        for noise, r in found.items()
    ]
    about = f"{ROWS} rows of the original ranges, noise as a share of the root mean square of y; {_how(LIMIT_SEC)}"
    tables = [
        harness.table(header, rows),
        "### Pareto tables",
        *(_fronts(p, *r) for p, *r in zip(chosen, *found.values(), strict=True)),
    ]
    return Report("ai_feynman", "The hundred equations of AI Feynman", [about], tables, bars)


def _how(limit: float) -> str:
    return (
        f"`symbolic_search(x, y, time_limit_sec={limit:g})` on one thread, nothing else given. Found: the formula at "
        "the knee minus the law, or over it, is one number, with decimals rounded to three digits (SRBench's rule) to "
        "forty digits, or with its decimals as they are to twelve; in sympy, at random rational points."
    )


def _chosen(session: Session, problems: Sequence[Problem]) -> list[Problem]:
    chosen = session.named([p.name for p in problems], QUICK_PROBLEMS)
    return [p for p in problems if p.name in chosen]


# ------------------------------------------------------------------------------------------------ one search


def _measured(
    session: Session, row: str, problem: Problem, truth: Callable[[Problem], sympy.Expr], noise: float, seed: int,
    limit: float = LIMIT_SEC,
) -> Record:  # fmt: skip
    limit = 10.0 if session.quick else limit
    key = {"row": row, "problem": problem.name, "noise": noise, "seed": seed, "limit": limit, "rows": ROWS}
    what = f"{row} {problem.name} noise {noise:g} seed {seed}"
    return session.measure(what, key, lambda: searched(problem, truth(problem), noise, seed, limit))


def searched(problem: Problem, truth: sympy.Expr, noise: float, seed: int, limit: float) -> Record:
    data = problem.dataset(ROWS, ROWS, seed, dtype=torch.float64)
    x, y = data["train_input"], data["train_label"][:, 0]
    generator = torch.Generator().manual_seed(1_000_000 + seed)  # not that of the rows: noise must not know them
    y = y + noise * y.square().mean().sqrt() * torch.randn(len(y), dtype=y.dtype, generator=generator)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = symbolic_search(x, y, names=list(problem.variables), time_limit_sec=limit, seed=seed, progress=False)
    symbols = [sympy.Symbol(name, real=True) for name in problem.variables]
    ranges = dict(zip(symbols, problem.ranges, strict=True))
    wrong = result.formula.evaluate(data["test_input"]) - data["test_label"]
    return {
        "seconds": result.seconds,
        "test_rmse": float(wrong.square().mean().sqrt()),
        "std": float(data["test_label"].std()),
        "solved": is_same(result.formula.expressions[0], truth, ranges),
        "in_table": any(is_same(one.expressions[0], truth, ranges) for one in result.formulas),
        "formula": str(result.formula.expressions[0]),
        "why": result.stopped_because,
        "table": result.table[["complexity", "val_loss", "knee", "formula"]].to_dict("records"),
    }


# --------------------------------------------------------------------------------------------------- tables


def _solved(records: Sequence[Record]) -> int:
    return sum(bool(r["solved"]) for r in records)


def seconds_of(records: Sequence[Record]) -> str:
    return harness.duration(statistics.median(r["seconds"] for r in records))


def sample_of(records: Sequence[Record]) -> str:
    return f"`{_short(records[0]['formula'])}`"


def _verdict(record: Record) -> str:
    word = "found" if record["solved"] else "in the table" if record["in_table"] else f"no, {error(_relative(record))}"
    return f"{word}, {record['seconds']:.0f} s"


def _relative(record: Record) -> float:
    return record["test_rmse"] / record["std"]


def _short(formula: str, most: int = 90) -> str:
    return formula if len(formula) <= most else formula[: most - 1] + "…"


def _fronts(problem: Problem, *records: dict[str, Any]) -> str:
    parts = [f"<details><summary>{problem.name}: {problem.formula}</summary>"]
    for noise, record in zip(NOISES, records, strict=True):
        rows = [
            [r["complexity"], error(r["val_loss"]), r["knee"], f"`{_short(r['formula'], 160)}`"]
            for r in record["table"]
        ]
        parts.append(f"Noise {noise:g}. {record['why']}")
        parts.append(harness.table(["complexity", "validation loss", "knee", "formula"], rows))
    return "\n\n".join([*parts, "</details>"])

"""Refinement on the exact shapes, `staircase` and `deep`: the error of every grid on the way up."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from itertools import pairwise

from benchmarks import harness
from benchmarks.accuracy import problem, report, shapes
from benchmarks.accuracy.report import Report
from benchmarks.accuracy.session import Rivals, Session
from benchmarks.accuracy.training import KAN, Job, Protocol, Record
from benchmarks.harness import Bar

# All rows train, as in the paper's runs: every grid is reported, so there is nothing to choose.
STAIRCASE = Protocol(grids=(3, 5, 10, 20, 50, 100, 200), val=None)
DEEP = Protocol(grids=(3, 5, 10, 20, 50, 100), steps=60, restarts=16, val=None, train_num=3000, test_num=3000)
# Splines of degree 5 need few intervals, and a start of two finds the functions where one of three stays in a dip.
SMOOTH = Protocol(grids=(2, 4, 8, 16, 32), steps=60, restarts=32, val=None, train_num=3000, test_num=3000, k=5)

_NOTEBOOK = "Published: pykan's notebook of April 2024, 50 L-BFGS steps on each grid."
PUBLISHED_STAIRCASE = {5: 6.84e-3, 10: 3.60e-4, 20: 4.03e-5, 50: 8.24e-6, 100: 6.47e-6}
PUBLISHED_DEEP = {3: 4.57e-3, 5: 1.84e-3, 10: 1.47e-4, 20: 1.05e-5, 50: 5.07e-7}


def staircase(session: Session) -> Report:
    """[2,1,1] on exp(sin(pi x1) + x2^2)."""
    rivals = session.rivals("staircase", "hello", (2, 1, 1), session.adapt(STAIRCASE), pykan=3)
    curves = by_grid(rivals.kan)
    return Report(
        "staircase",
        f"Grid staircase, {problem.HELLO.formula}, [2,1,1]",
        [_about(session, STAIRCASE, problem.HELLO), _NOTEBOOK],
        [as_table(rivals, PUBLISHED_STAIRCASE), _mlp_line(rivals), _monotone_line(curves)],
        staircase_bars(curves),
    )


def deep(session: Session) -> Report:
    """[4,2,1,1] on the paper's four-variable formula, with cubic splines and with smoother ones."""
    rivals = session.rivals("deep", "deep", (4, 2, 1, 1), session.adapt(DEEP), pykan=1)
    protocol = session.adapt(SMOOTH)
    smooth = session.train([Job("deep", "deep", KAN, (4, 2, 1, 1), seed, protocol) for seed in session.seed_range()])
    return Report(
        "deep",
        f"Deep formula, {problem.DEEP.formula}, [4,2,1,1]",
        [_about(session, DEEP, problem.DEEP), f"Smooth: {protocol.as_text()}", _NOTEBOOK],
        [as_table(rivals, PUBLISHED_DEEP), _mlp_line(rivals), f"Splines of degree {SMOOTH.k}:", own_table(smooth)],
        [*_deep_bars(rivals.kan, DEEP.k), *_deep_bars(smooth, SMOOTH.k)],
    )


def _deep_bars(records: Sequence[Record], k: int) -> list[Bar]:
    """Of the last grid."""
    last, errors = max(by_grid(records).items(), default=(0, []))
    published = "5.07e-7 (April 2024), 3.78e-5 (January 2025)"
    return [
        Bar(f"test RMSE, k={k}, G={last}, {name} seed", pick(errors) if errors else None, 2e-7, "", False, published)
        for name, pick in (("median", statistics.median), ("best", min))
    ]


def by_grid(records: Sequence[Record]) -> dict[int, list[float]]:
    """Test errors of all seeds per grid; a failed fit counts as infinite on every grid."""
    grids = dict.fromkeys(stage["grid"] for record in records for stage in record.get("stages", []))
    curves: dict[int, list[float]] = {grid: [] for grid in sorted(grids)}
    for record in records:
        known = {stage["grid"]: stage["test_rmse"] for stage in record.get("stages", [])}
        for grid, errors in curves.items():
            value = known.get(grid)
            errors.append(math.inf if value is None else value)
    return curves


# ------------------------------------------------------------------------------------------------- judgement


def staircase_bars(curves: dict[int, list[float]]) -> list[Bar]:
    """Monotone to G=100, small there, at the order of cubic splines before; all on the median over seeds."""
    medians = {grid: statistics.median(errors) for grid, errors in curves.items()}
    return [
        Bar("largest growth of the median error from a grid to the next, up to G=100", growth(medians, 100), 1.0),
        Bar("median test RMSE at G=100", medians.get(100), 5e-7, "", published="6.47e-6, then it blows up"),
        Bar(
            "observed order of the median between G=5 and G=50",
            order(medians, 5, 50),
            3.5,
            "",
            at_least=True,
            published="4 (theory)",
        ),
    ]


def growth(medians: dict[int, float], last: int) -> float | None:
    """Largest ratio of an error to the one on the grid before; None unless the curve reaches `last`."""
    grids = [grid for grid in sorted(medians) if grid <= last]
    if last not in medians or len(grids) < 2:
        return None
    return max(_ratio(medians[b], medians[a]) for a, b in pairwise(grids))


def _ratio(new: float, old: float) -> float:
    return math.inf if not math.isfinite(new) else new / old  # from infinite to finite is 0


def order(medians: dict[int, float], coarse: int, fine: int) -> float | None:
    """p in error ~ G^-p; None unless both grids were measured."""
    if coarse not in medians or fine not in medians or not math.isfinite(medians[coarse] + medians[fine]):
        return None
    return math.log(medians[coarse] / medians[fine]) / math.log(fine / coarse)


# ---------------------------------------------------------------------------------------------------- tables


def as_table(rivals: Rivals, published: dict[int, float]) -> str:
    """A line per grid."""
    ours, theirs = by_grid(rivals.kan), by_grid(rivals.pykan)
    rows = []
    for grid, errors in ours.items():
        pykan = report.best_and_median(theirs.get(grid, []))
        spread = [*report.best_and_median(errors), report.error(max(errors))]
        rows.append([str(grid), report.error(published.get(grid)), *spread, *pykan])
    header = ["G", "published", "KAN best", "KAN median", "KAN worst", "pykan best", "pykan median"]
    return harness.table(header, rows)


def own_table(records: Sequence[Record]) -> str:
    """A line per grid, of our network alone."""
    rows = [
        [str(grid), *report.best_and_median(errors), report.error(max(errors))]
        for grid, errors in by_grid(records).items()
    ]
    return harness.table(["G", "KAN best", "KAN median", "KAN worst"], rows)


def _mlp_line(rivals: Rivals) -> str:
    best, median = report.best_and_median(Rivals.errors(rivals.mlp))
    shape = shapes.as_text(rivals.mlp_width)
    return f"MLP {shape} (tanh), same optimizer, as many steps in all and starts: best {best}, median {median}."


def _monotone_line(curves: dict[int, list[float]]) -> str:
    """Each seed by itself: the medians may hide one that goes up."""
    seeds = [dict(zip(curves, errors, strict=True)) for errors in zip(*curves.values(), strict=True)]
    monotone = sum((growth(curve, 100) or math.inf) <= 1 for curve in seeds)
    return f"Error falls at every grid up to G=100 for {monotone} of {len(seeds)} seeds."


def _about(session: Session, protocol: Protocol, of: problem.Problem) -> str:
    return f"{of.domain}; {len(session.seed_range())} seeds; {session.adapt(protocol).as_text()}"

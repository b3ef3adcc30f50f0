"""Every bar of the project with the measured value: `python -m benchmarks.bars [--write docs/benchmarks.md]`.

Runs the other benchmarks (half an hour in full; `--quick` in minutes, with fewer peers and rounds) and says
pass or fail. `--only layers,tiny` runs some of them. Nothing is written unless `--write` names a file.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks import harness, layers, memory, peers, startup, tiny, training
from benchmarks.accuracy import kernels
from benchmarks.harness import Bar

GROUPS = ("layers", "memory", "tiny", "accuracy", "training", "startup")


# --------------------------------------------------------------------------------------------- the promises

FASTER_THAN_EFFICIENT_KAN = {
    "64->64 G5": 10,
    "256->256 G5": 5,
    "256->256 G20": 13,
    "256->256 G100": 60,
    "784->64 G5 b256": 8,
}


def layer_bars(results: dict[str, dict[str, dict[str, harness.Timing]]]) -> list[Bar]:
    """Speed against efficient-kan, the dense floor, every exact peer, a Linear layer, and in G."""
    step = results.get("step", {})
    bars = [
        Bar(f"step, {row}: faster than efficient-kan", _ratio(step, row, peers.REFERENCE), limit, at_least=True)
        for row, limit in FASTER_THAN_EFFICIENT_KAN.items()
        if row in step
    ]
    bars += [
        Bar(f"step, {row}: time over the dense floor's", _inverse(_ratio(step, row, peers.FLOOR)), 1.0)
        for row in FASTER_THAN_EFFICIENT_KAN
        if row in step
    ]
    exact = {peer.name for peer in peers.PEERS if peer.kind == "exact"}
    for mode in ("forward", "step"):
        for row, timings in results.get(mode, {}).items():
            rivals = {name: t.median for name, t in timings.items() if name in exact}
            if not rivals or peers.OURS not in timings:
                continue
            best = min(rivals, key=rivals.__getitem__)
            value = timings[peers.OURS].median / rivals[best]
            bars.append(Bar(f"{mode}, {row}: time over the fastest exact peer's ({best})", value, 1.0))
    low, high = step.get("256->256 G5"), step.get("256->256 G100")
    if low and high:
        value = high[peers.OURS].median / low[peers.OURS].median
        bars.append(Bar("step at G=100 over step at G=5, 256->256", value, 1.3))
    if low:
        value = _inverse(_ratio(step, "256->256 G5", peers.LINEAR))
        bars.append(Bar("step over Linear + SiLU's, 256->256 G5", value, 5.0))
    return bars


def _ratio(by_row: dict[str, dict[str, harness.Timing]], row: str, rival: str) -> float | None:
    timings = by_row[row]
    return timings[rival].median / timings[peers.OURS].median if rival in timings else None


def _inverse(value: float | None) -> float | None:
    return None if value is None else 1 / value


def memory_bars(results: dict[str, dict[str, dict[str, float]]]) -> list[Bar]:
    """Peak extra memory; of the two readings the one that is worse for us, on both sides."""
    row = results["256->256 G20"]
    ours = max(v for v in row[peers.OURS].values() if v is not None)
    theirs = min(v for v in row[peers.REFERENCE].values() if v is not None)
    return [Bar("peak extra memory of a step over efficient-kan's, 256->256 G20", ours / theirs, 0.1)]


def tiny_bars(timings: dict[str, harness.Timing]) -> list[Bar]:
    """The [2,5,1] closure."""
    ours = timings[tiny.OURS].median

    def over(name: str) -> float | None:
        return timings[name].median / ours if name in timings else None

    return [
        Bar(
            "[2,5,1] closure: faster than pykan's forward + backward (its fastest state)",
            over(tiny.PYKAN),
            12,
            at_least=True,
        ),
        Bar(
            "[2,5,1] loss + gradients as our fit evaluates them: faster than an evaluation inside pykan's fit",
            _over_direct(timings, tiny.PYKAN_FIT),
            40,
            at_least=True,
        ),
        Bar("[2,5,1] closure over an MLP's", _inverse(over(tiny.MLP)), 2.5),
    ]


def _over_direct(timings: dict[str, harness.Timing], name: str) -> float | None:
    known = name in timings and tiny.OURS_DIRECT in timings
    return timings[name].median / timings[tiny.OURS_DIRECT].median if known else None


def accuracy_bars(worst: dict[str, dict[str, float]]) -> list[Bar]:
    """Kernels against scipy."""
    value = max(worst["float64"].values())
    return [Bar("largest relative error against scipy, float64, k <= 5, G <= 1000", value, 1e-13, "")]


def training_bars(runs: list[dict[str, float]]) -> list[Bar]:
    """The standard problem over seeds."""
    found = training.summary([run["rmse"] for run in runs])
    seeds = f"{len(runs)} seeds"
    return [
        Bar(f"exp(sin(pi x1) + x2^2), {seeds}: worst test RMSE", found["worst"], 2e-2, ""),
        Bar(f"exp(sin(pi x1) + x2^2), {seeds}: median test RMSE", found["median"], 5e-3, ""),
    ]


def startup_bars(results: dict[str, Any]) -> list[Bar]:
    """Import and first use."""
    worst = {
        when: max(results[f"{when} {dtype}"]["kernels"] for dtype in ("float64", "float32"))
        for when in ("first", "later")
    }
    return [
        Bar("`import edgewise` over `import torch`", results["import"]["edgewise"], 0.3, "s"),
        Bar("first forward + backward after install: compiling kernels", worst["first"], 8, "s"),
        Bar("first forward + backward in a later process: loading kernels", worst["later"], 0.5, "s"),
    ]


# ------------------------------------------------------------------------------------------------- running


def measure(group: str, quick: bool, threads: int) -> tuple[list[Bar], str]:
    """The bars of one group, and its tables."""
    return _RUNNERS[group](quick, threads)


def _layers(quick: bool, threads: int) -> tuple[list[Bar], str]:
    competitors = peers.find_peers(compiled=not quick)
    timing = {"rounds": 5, "budget_sec": 2.0} if quick else {"rounds": 11, "budget_sec": 6.0}
    results = layers.measure(peers.ROWS, competitors, ("step", "forward") if quick else tuple(layers.MODES), **timing)
    return layer_bars(results), layers.as_text(results, layers.exactness(competitors))


def _memory(quick: bool, threads: int) -> tuple[list[Bar], str]:
    rows = peers.find_rows(memory.QUICK_ROWS) if quick else peers.ROWS
    results = memory.measure(rows, peers.find_peers(memory.QUICK_PEERS if quick else None), threads)
    return memory_bars(results), memory.as_text(results)


def _tiny(quick: bool, threads: int) -> tuple[list[Bar], str]:
    timings = tiny.measure(
        **({"rounds": 7, "fit_steps": 1, "fit_rounds": 2, "compiled": False} if quick else {"rounds": 25})
    )
    return tiny_bars(timings), tiny.as_text(timings)


def _accuracy(quick: bool, threads: int) -> tuple[list[Bar], str]:
    worst = kernels.measure(kernels.QUICK_GRIDS) if quick else kernels.measure()
    return accuracy_bars(worst), kernels.as_text(worst)


def _training(quick: bool, threads: int) -> tuple[list[Bar], str]:
    runs = training.measure(seeds=5 if quick else 20)
    return training_bars(runs), training.as_text(runs)


def _startup(quick: bool, threads: int) -> tuple[list[Bar], str]:
    sizes = {"imports": 3, "installs": 1, "loads": 1} if quick else {}
    results = startup.measure(**sizes, threads=threads)
    return startup_bars(results), startup.as_text(results)


_RUNNERS: dict[str, Callable[[bool, int], tuple[list[Bar], str]]] = {
    "layers": _layers,
    "memory": _memory,
    "tiny": _tiny,
    "accuracy": _accuracy,
    "training": _training,
    "startup": _startup,
}


def document(bars: list[Bar], tables: list[str]) -> str:
    """The whole page."""
    return "\n\n".join([
        "# Benchmarks",
        "Written by `python -m benchmarks.bars --write docs/benchmarks.md`. All competitors of a table run in one "
        "process, in rounds of random order; medians are compared, and ± is the interquartile range over the median. "
        "Peers come from PyPI (`benchmarks/requirements.txt`) and run as their documentation shows, on the same "
        "inputs, uniform in [-1, 1]. efficient-kan is not on PyPI: `benchmarks/peers.py` re-states its published "
        "method. *dense floor* is the lowest any dense method can go: writing G + k + 1 features per input and one "
        "matrix product, no basis evaluated. *step* is forward + backward with fresh gradients, input gradient "
        "included.",
        f"_{harness.environment_line()}_",
        "## The project's bars",
        harness.table(["what", "bar", "measured", ""], [bar.cells() for bar in bars]),
        *tables,
    ])


def main() -> int:
    options = harness.parser(__doc__)
    options.add_argument("--only", default=",".join(GROUPS), help="comma-separated, of " + ", ".join(GROUPS))
    options.add_argument("--write", metavar="FILE", help="write the page to FILE")
    args = options.parse_args()
    torch.set_num_threads(args.threads)
    bars: list[Bar] = []
    tables: list[str] = []
    for group in args.only.split(","):
        own_bars, own_tables = measure(group, args.quick, args.threads)
        bars += own_bars
        tables.append(own_tables)
    page = document(bars, tables)
    print(page)
    if args.json:
        Path(args.json).write_text(json.dumps([{**bar._asdict(), "passed": bar.passed} for bar in bars], indent=1))
    if args.write:
        Path(args.write).write_text(page + "\n")
    return 0 if all(bar.passed for bar in bars) else 1


if __name__ == "__main__":
    raise SystemExit(main())

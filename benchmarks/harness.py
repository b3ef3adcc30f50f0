"""What every benchmark shares: interleaved timing, Markdown tables, the command line.

A time on a laptop or a rented machine drifts by tens of per cent within a minute. So all competitors of a
row run in one process, in rounds; every round runs each of them once in a random order, and what is
compared are medians over rounds of the same minute.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import torch

ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Timing:
    """Seconds per call of one competitor, one entry per round."""

    seconds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def spread(self) -> float:
        """Interquartile range over the median."""
        if len(self.seconds) < 4:
            return (max(self.seconds) - min(self.seconds)) / self.median
        low, _, high = statistics.quantiles(self.seconds, n=4)
        return (high - low) / self.median

    def as_dict(self) -> dict[str, Any]:
        return {"median_sec": self.median, "spread": self.spread, "rounds": len(self.seconds)}


def interleave(
    cases: dict[str, Callable[[], Any]],
    *,
    rounds: int = 15,
    slice_sec: float = 0.02,
    budget_sec: float = 20.0,
    warmup: int = 3,
    seed: int = 0,
    min_rounds: int = 3,
) -> dict[str, Timing]:
    """Time every case in rounds of random order.

    Args:
        cases: name to a call without arguments.
        rounds: how many rounds.
        slice_sec: in a round a case repeats for about this long, so that short calls are measurable; one more,
            untimed, call comes first, so that nobody pays for the previous case's caches and threads.
        budget_sec: after this much time of its own, and `min_rounds` rounds, a case sits the rest out.
        warmup: untimed calls before the first round (compilation happens here).
        seed: order of the cases.
        min_rounds: rounds that even a slow case takes.

    Returns:
        Name to `Timing`.
    """
    repeats, spent = {}, dict.fromkeys(cases, 0.0)
    for name, call in cases.items():
        for _ in range(warmup):
            start = time.perf_counter()
            call()
            last = time.perf_counter() - start
            if last > budget_sec / 4:
                break
        repeats[name] = max(1, min(2000, int(slice_sec / max(last, 1e-7))))
    timings = {name: Timing() for name in cases}
    order, shuffle = list(cases), random.Random(seed)
    for _ in range(rounds):
        shuffle.shuffle(order)
        for name in order:
            if spent[name] > budget_sec and len(timings[name].seconds) >= min_rounds:
                continue
            timings[name].seconds.append(_time_once(cases[name], repeats[name]))
            spent[name] += timings[name].seconds[-1] * repeats[name]
    return timings


def _time_once(call: Callable[[], Any], repeats: int) -> float:
    gc.collect()
    gc.disable()
    try:
        if repeats > 1:  # a call longer than the slice fills the caches by itself
            call()
        start = time.perf_counter()
        for _ in range(repeats):
            call()
        return (time.perf_counter() - start) / repeats
    finally:
        gc.enable()


# ------------------------------------------------------------------------------------------------ tables


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def number(value: float | None, digits: int = 3) -> str:
    """A short number for a table; a dash for None."""
    if value is None or value != value:
        return "-"
    if value >= 100:
        return f"{value:.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.{digits}f}" if value >= 0.001 else f"{value:.1e}"


def duration(seconds: float | None) -> str:
    """Seconds as a short text with a unit."""
    if seconds is None:
        return "-"
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if seconds * factor >= 1 or unit == "us":
            return f"{number(seconds * factor, 2)} {unit}"
    return "-"


def ratio_table(results: dict[str, dict[str, Timing]], reference: str) -> str:
    """Rows are competitors, columns are cases; cells are time over `reference`'s time, fastest first."""
    columns = list(results)
    names = {name for timings in results.values() for name in timings}

    def ratio(name: str, column: str) -> float | None:
        timings = results[column]
        if name not in timings or reference not in timings:
            return None
        return timings[name].median / timings[reference].median

    def rank(name: str) -> float:
        known = [r for r in (ratio(name, column) for column in columns) if r is not None]
        return statistics.geometric_mean(known) if known else float("inf")

    rows = []
    for name in sorted(names, key=rank):
        cells = []
        for column in columns:
            value = ratio(name, column)
            spread = results[column][name].spread if value is not None else 0.0
            cells.append("-" if value is None else f"{number(value)} ±{100 * spread:.0f}%")
        rows.append([name, *cells])
    reference_row = [
        f"*{reference}, time*",
        *(duration(t[reference].median) if reference in t else "-" for t in results.values()),
    ]
    return table(["", *columns], [*rows, reference_row])


# ------------------------------------------------------------------------------------------------- bars


class Bar(NamedTuple):
    """One promise: `value` against `limit`, at least or at most."""

    what: str
    value: float | None
    limit: float
    unit: str = "x"
    at_least: bool = False
    published: str = "-"

    @property
    def passed(self) -> bool:
        if self.value is None:
            return False
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def cells(self) -> list[str]:
        sign = ">=" if self.at_least else "<="
        value = "not measured" if self.value is None else f"{self.value:.3g} {self.unit}"
        return [self.what, f"{sign} {self.limit:g} {self.unit}", value, "pass" if self.passed else "**fail**"]


# ------------------------------------------------------------------------------------------- environment


def environment() -> dict[str, str]:
    """What the numbers depend on."""
    import numba
    import numpy

    import edgewise

    return {
        "date": date.today().isoformat(),
        "machine": f"{_cpu_name()}, {os.cpu_count()} cores",
        "threads": str(torch.get_num_threads()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numba": numba.__version__,
        "numpy": numpy.__version__,
        "edgewise": edgewise.__version__,
    }


def environment_line() -> str:
    """`environment()` as one line."""
    return "; ".join(f"{key} {value}" for key, value in environment().items())


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    flags = next((line for line in lines if line.startswith("flags")), "")
    wide = " (AVX-512)" if "avx512f" in flags else " (AVX2)" if "avx2" in flags else ""
    return (names[0] if names else "unknown processor") + wide


def run_python(code: str, *, env: dict[str, str] | None = None, timeout_sec: float = 600) -> Any:
    """Run `code` in a new interpreter from the root of the checkout; its last line of output is JSON."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env={**os.environ, **(env or {})},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout_sec,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"a benchmark process failed ({done.returncode}):\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


# ------------------------------------------------------------------------------------------ command line


def parser(doc: str | None) -> argparse.ArgumentParser:
    """Options every benchmark has."""
    options = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    options.add_argument("--quick", action="store_true", help="fewer cases and rounds: under two minutes")
    options.add_argument("--rounds", type=int, default=None, help="rounds per row")
    options.add_argument("--threads", type=int, default=2, help="threads of torch and the kernels (default 2)")
    options.add_argument("--json", metavar="FILE", default=None, help="also write the numbers to FILE")
    return options


def finish(args: argparse.Namespace, results: Any, text: str) -> None:
    """Print the tables and, where asked, write the numbers."""
    print(text)
    print(f"\n_{environment_line()}_")
    if args.json:
        Path(args.json).write_text(json.dumps({"environment": environment(), "results": results}, indent=1))


def log(message: str) -> None:
    """Progress, kept out of the tables."""
    print(message, file=sys.stderr, flush=True)

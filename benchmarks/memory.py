"""Peak extra memory of one step (forward + backward, input gradient included).

    python -m benchmarks.memory [--quick]

Each case runs in its own process. Two independent readings of the step after a warm-up:

- *allocator*: torch's profiler records every block that torch's CPU allocator hands out or takes back; the
  peak of their running sum. Exact for tensors; blind to what Numba, MKL or JAX allocate by themselves.
- *process*: growth of the resident set. Linux lets a process reset its high-water mark (`clear_refs`), and glibc,
  told to map every block of 64 KiB or more by itself, returns it at once, so what earlier steps freed does not
  hide what this one takes. Everything counts, to about 1 MB.

`tracemalloc` sees no tensor, and `ru_maxrss` alone never falls, so neither would do.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks import harness, peers

QUICK_ROWS = ["64->64", "256->256 G20"]
QUICK_PEERS = [peers.OURS, peers.REFERENCE, peers.FLOOR, peers.LINEAR]
MIB = 2**20
PROMPT_RELEASE = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "0"}


def measure(
    rows: Sequence[peers.Row], competitors: Sequence[peers.Peer], threads: int = 2
) -> dict[str, dict[str, dict[str, float]]]:
    """`{row: {competitor: {"allocator": MiB, "process": MiB}}}`."""
    results: dict[str, dict[str, dict[str, float]]] = {}
    for row in rows:
        results[row.name] = {}
        for peer in competitors:
            harness.log(f"memory {row.name} {peer.name}")
            code = (
                "import json; from benchmarks import memory; "
                f"print(json.dumps(memory.measure_here({row.name!r}, {peer.name!r}, {threads})))"
            )
            try:
                results[row.name][peer.name] = harness.run_python(code, env=PROMPT_RELEASE)
            except RuntimeError as error:
                if peer.kind == "ours":
                    raise
                harness.log(f"failed: {peer.name}: {str(error)[-300:]}")
    return results


def measure_here(row_name: str, peer_name: str, threads: int) -> dict[str, float | None]:
    """One case, in this process."""
    torch.set_num_threads(threads)
    row = next(r for r in peers.ROWS if r.name == row_name)
    peer = next(p for p in peers.PEERS if p.name == peer_name)
    case = peer.make(row)
    leaves = getattr(case, "leaves", [])

    def clean() -> None:
        for leaf in leaves:
            leaf.grad = None

    for _ in range(2):
        case.step()
    readings = []
    for _ in range(3):
        clean()
        before = reset_peak()
        case.step()
        readings.append((peak_resident() - before) / MIB if before is not None else None)
    clean()
    process = None if None in readings else sorted(readings)[1]
    return {"process": process, "allocator": _allocator_peak(case.step) if leaves else None}


def reset_peak() -> int | None:
    """Forget the process's high-water mark; bytes resident now, or None where the system cannot."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return None
    return _status("VmRSS")


def peak_resident() -> int:
    """Most bytes resident since `reset_peak`."""
    return _status("VmHWM")


def _status(name: str) -> int:
    match = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(match[1]) * 1024


def _allocator_peak(step: Any) -> float:
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        step()
    total = peak = 0
    events = [e for e in profile.profiler.kineto_results.events() if e.name() == "[memory]"]
    for event in sorted(events, key=lambda e: e.start_ns()):
        total += event.nbytes()
        peak = max(peak, total)
    return peak / MIB


def as_text(results: dict[str, dict[str, dict[str, float]]]) -> str:
    """Markdown: allocator reading, process reading behind it."""
    names = dict.fromkeys(name for by_name in results.values() for name in by_name)

    def cell(row: str, name: str) -> str:
        reading = results[row].get(name)
        if reading is None:
            return "-"
        return f"{harness.number(reading['allocator'], 1)} ({harness.number(reading['process'], 1)})"

    def size(name: str) -> float:
        return sum(max(v or 0 for v in by_name[name].values()) for by_name in results.values() if name in by_name)

    rows = [[name, *(cell(row, name) for row in results)] for name in sorted(names, key=size)]
    title = "## Peak extra memory of a step, MiB: torch's allocator (whole process)"
    return f"{title}\n\n" + harness.table(["", *results], rows)


def main() -> None:
    options = harness.parser(__doc__)
    options.add_argument("--peers", help="comma-separated parts of competitor names")
    args = options.parse_args()
    names = args.peers.split(",") if args.peers else (QUICK_PEERS if args.quick else None)
    competitors = [p for p in peers.find_peers(names) if not args.quick or not p.compiled or args.peers]
    rows = peers.find_rows(QUICK_ROWS) if args.quick else peers.ROWS
    results = measure(rows, competitors, args.threads)
    harness.finish(args, results, as_text(results))


if __name__ == "__main__":
    sys.exit(main())

"""The price of Levenberg-Marquardt: one iteration against one gradient, and memory at a million rows."""

from __future__ import annotations

import statistics
import time

import torch

import edgewise
from benchmarks import harness, memory, tiny
from benchmarks.accuracy.problem import HELLO
from benchmarks.accuracy.report import Report
from benchmarks.accuracy.session import Session
from benchmarks.accuracy.training import Record
from benchmarks.harness import Bar

WIDTH, GRID = [2, 5, 1], 10
SHORT, LONG = 5, 25


def lm(session: Session) -> Report:
    """Time and memory."""
    rounds = 3 if session.quick else 15
    rows = 100_000 if session.quick else 1_000_000
    threads = torch.get_num_threads()
    key = {"row": "lm", "width": WIDTH, "grid": GRID, "threads": threads}
    times = session.measure("lm iteration", {**key, "rounds": rounds}, lambda: measure_time(rounds))
    peak = session.measure("lm memory", {**key, "rows": rows}, lambda: measure_memory(rows, threads))
    about = (
        f"{HELLO.formula}, {HELLO.domain}, [2,5,1], G={GRID}, float64. Time: 1000 rows; an iteration is the difference "
        f"of a fit with {LONG} steps and one with {SHORT} over the steps between, grids fixed, so that setting up and "
        f"moving grids do not count; it has one trial or more. Medians of {rounds} interleaved rounds. Memory: growth "
        f"of the process's peak during two steps on {rows} rows (after a small fit that compiles), over the size of "
        f"the Jacobian, rows x parameters x 8 bytes."
    )
    return Report("lm", "Levenberg-Marquardt: time and memory", [about], [_table(times, peak)], bars(times, peak))


def bars(times: Record, peak: Record) -> list[Bar]:
    """Against the faster of our two ways to a gradient; a tenth of the Jacobian is a chunk and a few vectors."""
    cheapest = min(times["gradient"], times["closure"])
    jacobian = peak["rows"] * peak["parameters"] * 8 / memory.MIB
    grown = None if peak["peak_mib"] is None else peak["peak_mib"] / jacobian
    return [
        Bar("LM iteration over one gradient evaluation", times["iteration"] / cheapest, 10),
        Bar(f"peak extra memory at {peak['rows']} rows over the Jacobian's size", grown, 0.1),
    ]


def measure_time(rounds: int) -> Record:
    """Seconds of an iteration, of a gradient as `fit` evaluates it, and of loss + backward through autograd."""
    data = HELLO.dataset(1000, 0, 0, dtype=torch.float64)
    train = {name: data[name] for name in ("train_input", "train_label")}
    x, y = train["train_input"], train["train_label"]
    gradients = {"gradient": tiny.direct(_network(), x, y), "closure": tiny.closure(_network(), x, y)}
    iterations, readings = [], {name: [] for name in gradients}
    for number in range(rounds + 1):
        (short, done_short), (long, done_long) = _fit(train, SHORT), _fit(train, LONG)
        timings = harness.interleave(gradients, rounds=1, min_rounds=1)
        if number:  # the first compiles
            iterations.append((long - short) / max(done_long - done_short, 1))
            for name, timing in timings.items():
                readings[name].append(timing.median)
    medians = {name: statistics.median(values) for name, values in readings.items()}
    return {"iteration": statistics.median(iterations), **medians}


def measure_memory(rows: int, threads: int) -> Record:
    """In a process of its own, told to give freed blocks back at once."""
    code = f"import json; from benchmarks.accuracy import lm; print(json.dumps(lm.memory_here({rows}, {threads})))"
    return harness.run_python(code, env=memory.PROMPT_RELEASE)


def memory_here(rows: int, threads: int) -> Record:
    """Peak extra MiB of two steps on `rows` rows, in this process; None where the system cannot tell."""
    torch.set_num_threads(threads)
    small, large = (HELLO.dataset(n, 0, 0, dtype=torch.float64) for n in (1000, rows))
    _fit(_only_train(small), 2)
    data, model = _only_train(large), _network()
    before = memory.reset_peak()
    model.fit(data, opt="lm", steps=2, progress=False)
    grown = None if before is None else (memory.peak_resident() - before) / memory.MIB
    return {"rows": rows, "parameters": model.n_parameters, "peak_mib": grown}


def _only_train(data: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: data[name] for name in ("train_input", "train_label")}


def _network() -> edgewise.KAN:
    return edgewise.KAN(list(WIDTH), grid=GRID, k=3, seed=0, dtype=torch.float64)


def _fit(train: dict[str, torch.Tensor], steps: int) -> tuple[float, int]:
    """Seconds and steps done."""
    model = _network()
    start = time.perf_counter()
    result = model.fit(train, opt="lm", steps=steps, update_grid=False, progress=False)
    return time.perf_counter() - start, result.steps


def _table(times: Record, peak: Record) -> str:
    jacobian = peak["rows"] * peak["parameters"] * 8 / memory.MIB
    names = {
        "iteration": "LM iteration",
        "gradient": "loss + gradients as fit evaluates them",
        "closure": "loss + gradients through autograd",
    }
    rows = [[text, harness.duration(times[name])] for name, text in names.items()]
    rows.append([f"peak extra memory, {peak['rows']} rows", f"{harness.number(peak['peak_mib'], 1)} MiB"])
    rows.append(["the Jacobian it does not build", f"{harness.number(jacobian, 1)} MiB"])
    return harness.table(["", "measured"], rows)

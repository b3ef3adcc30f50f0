"""From a network to its formula, `reading`: Hello KAN from end to end, two moons, symbolic edges, memory."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Sequence
from typing import Any

import sympy
import torch
from torch import Tensor

import edgewise
from benchmarks import harness, memory, peers
from benchmarks.accuracy.equivalent import is_same
from benchmarks.accuracy.problem import HELLO
from benchmarks.accuracy.report import Report, error
from benchmarks.accuracy.session import Session
from benchmarks.accuracy.training import Record
from benchmarks.harness import Bar
from benchmarks.training import rmse
from edgewise.interpret import Formula, sparsify
from edgewise.interpret.edge_fit import fit_edge
from edgewise.interpret.library import Library
from edgewise.layers import KANLayer

WIDTH, TRUTH = (2, 5, 1), "exp(sin(pi*x1) + x2**2)"
OWN_RUNS = 3
"""How often our side is timed: a second of it is more easily disturbed than a minute of pykan."""
SYMBOLIC_SIZE, BATCH, EDGE_ROWS = 32, 100, 1_000_000


def reading(session: Session) -> Report:
    """The bars of reading a network that are not searches."""
    seeds = session.seed_range()
    pykan = session.pykan_range(len(seeds))
    _ours(_hello_data(0), 0)  # compiles
    hello = [
        _measured(session, "hello", lambda seed=seed: _hello(seed, seed in pykan), seed, pykan=seed in pykan)
        for seed in seeds
    ]
    moons = [_measured(session, "moons", lambda seed=seed: _moons(seed), seed) for seed in seeds]
    layer = _measured(session, "symbolic layer", _symbolic_layer, 0)
    edge = _measured(session, "edge fit", _edge_fit_memory, 0)
    tables = [_hello_table(hello), _moons_table(moons)]
    about = [
        "Hello KAN: 1000 rows, [2,5,1]; `sparsify`, `auto_symbolic`, `formula`, all options at their defaults. pykan: "
        "its tutorial, 50 L-BFGS steps with lamb=0.001, prune, 50, refine to G=10, 50, auto_symbolic over "
        f"{', '.join(_PYKAN_LIB)}, 50; its time is that of these calls, ours the median "
        f"of {OWN_RUNS} runs. Two moons: 1000 rows, noise 0.1, [2,2], cross "
        "entropy; accuracy on 1000 fresh rows."
    ]
    return Report("reading", "Reading a network", about, tables, _bars(hello, moons, layer, edge))


def _measured(session: Session, what: str, call: Any, seed: int, **key: Any) -> Record:
    return session.measure(f"reading {what} seed {seed}", {"row": "reading", "what": what, "seed": seed, **key}, call)


def _bars(hello: Sequence[Record], moons: Sequence[Record], layer: Record, edge: Record) -> list[Bar]:
    gains = [r["pykan_seconds"] / r["seconds"] for r in hello if "pykan_seconds" in r]
    right = sum(r["exact"] and r["test_rmse"] < 1e-10 for r in hello)
    return [
        Bar("Hello KAN: share of seeds with the exact formula, RMSE below 1e-10", right / len(hello), 1.0, "", True),
        Bar("Hello KAN: pykan's time over ours, median", statistics.median(gains) if gains else None, 60, "", True),
        Bar("two moons: accuracy lost by the formula, worst seed", max(r["lost"] for r in moons), 0.005, ""),
        Bar("symbolic [32,32] layer over its spline self, forward", layer["ratio"], 5.0, published="29"),
        Bar(f"memory of fitting an edge at {EDGE_ROWS} rows, MiB", edge["MiB"], 500, "MiB"),
    ]


# ---------------------------------------------------------------------------------------------- Hello KAN


def _hello_data(seed: int) -> dict[str, Tensor]:
    return HELLO.dataset(1000, 1000, seed, dtype=torch.float64)


def _hello(seed: int, pykan: bool) -> Record:
    data = _hello_data(seed)
    gc.collect()
    gc.freeze()  # nobody pays for what the other has left behind
    runs = [_ours(data, seed) for _ in range(OWN_RUNS)]
    ours = {**runs[0], "seconds": statistics.median(run["seconds"] for run in runs)}
    return {**ours, **_pykan(data, seed)} if pykan else ours


def _ours(data: dict[str, Tensor], seed: int) -> Record:
    start = time.perf_counter()
    found = sparsify(edgewise.KAN(list(WIDTH), seed=seed, dtype=torch.float64), data)
    formula = found.model.auto_symbolic(data).formula(data)
    seconds = time.perf_counter() - start
    symbols = formula.symbols
    truth = sympy.sympify(TRUTH, locals={str(s): s for s in symbols})
    test = (formula.evaluate(data["test_input"]) - data["test_label"]).square().mean().sqrt()
    same = not formula.splines and is_same(formula.expressions[0], truth, dict.fromkeys(symbols, (-1.0, 1.0)))
    return {"seconds": seconds, "test_rmse": float(test), "exact": bool(same), "formula": str(formula)}


_PYKAN_LIB = ["x", "x^2", "x^3", "x^4", "exp", "log", "sqrt", "tanh", "sin", "abs"]


def _pykan(data: dict[str, Tensor], seed: int) -> Record:
    """The calls of pykan's first tutorial, and the seconds they take."""
    from kan import KAN  # pyright: ignore[reportMissingImports]

    with peers.pykan_surroundings():
        start = time.perf_counter()
        model: Any = KAN(list(WIDTH), grid=3, k=3, seed=seed)
        try:
            model.fit(data, opt="LBFGS", steps=50, lamb=0.001)
            model = model.prune()
            model.fit(data, opt="LBFGS", steps=50)
            model = model.refine(10)
            model.fit(data, opt="LBFGS", steps=50)
            model.auto_symbolic(lib=_PYKAN_LIB, verbose=0)
            model.fit(data, opt="LBFGS", steps=50)
        except Exception as failure:  # of its grid update: no coefficients where least squares fail
            return {"pykan_failed": f"{type(failure).__name__}: {failure}"}
        seconds = time.perf_counter() - start
        return {"pykan_seconds": seconds, "pykan_rmse": rmse(model, data["test_input"], data["test_label"])}


def _hello_table(records: Sequence[Record]) -> str:
    rows = [
        [
            seed, f"`{r['formula']}`", error(r["test_rmse"]), harness.duration(r["seconds"]),
            r.get("pykan_failed", "").partition(":")[0] or harness.duration(r.get("pykan_seconds")),
            error(r.get("pykan_rmse")),
        ]
        for seed, r in enumerate(records)
    ]  # fmt: skip
    return harness.table(["seed", "formula", "test RMSE", "our time", "pykan's time", "pykan's test RMSE"], rows)


# ---------------------------------------------------------------------------------------------- two moons


def _moons(seed: int) -> Record:
    from sklearn.datasets import make_moons

    parts = [make_moons(1000, noise=0.1, random_state=state) for state in (seed, 1000 + seed)]
    (x, y), (fresh, truth) = ((torch.from_numpy(x), torch.from_numpy(y)) for x, y in parts)
    model = edgewise.KAN([2, 2], grid=5, seed=seed, dtype=torch.float64)
    model.fit((x, y), loss="cross_entropy", opt="lbfgs", steps=50, lamb=1e-4, progress=False)
    with torch.no_grad():
        network = _accuracy(model(fresh), truth)
    start = time.perf_counter()
    formula = Formula.of(model.auto_symbolic(x, y, loss="cross_entropy"))
    seconds, accuracy = time.perf_counter() - start, _accuracy(formula.evaluate(fresh), truth)
    return {
        "seconds": seconds, "network": network, "formula_accuracy": accuracy, "lost": network - accuracy,
        "splines": len(formula.splines), "formula": str(formula),
    }  # fmt: skip


def _accuracy(logits: Tensor, labels: Tensor) -> float:
    return float((logits.argmax(1) == labels).double().mean())


def _moons_table(records: Sequence[Record]) -> str:
    rows = [
        [seed, f"{r['network']:.3f}", f"{r['formula_accuracy']:.3f}", r["splines"], harness.duration(r["seconds"])]
        for seed, r in enumerate(records)
    ]
    return harness.table(["seed", "accuracy of the network", "of its formula", "edges left as splines", "time"], rows)


# --------------------------------------------------------------------------------------- speed and memory


def _symbolic_layer() -> Record:
    splines, symbolic = (KANLayer(SYMBOLIC_SIZE, SYMBOLIC_SIZE, dtype=torch.float64) for _ in range(2))
    names = ["sin", "exp", "x^2", "tanh", "x"]
    library, numbers = Library(), (0.5, 0.1, 1.0, 0.0, 1.0)
    edges = [(i, j) for i in range(SYMBOLIC_SIZE) for j in range(SYMBOLIC_SIZE)]
    symbolic.fix_edges([(i, j, library[names[(i + j) % len(names)]], numbers) for i, j in edges])
    x = torch.rand(BATCH, SYMBOLIC_SIZE, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        timings = harness.interleave({"spline": lambda: splines(x), "symbolic": lambda: symbolic(x)})
    return {"ratio": timings["symbolic"].median / timings["spline"].median}


def _edge_fit_memory() -> Record:
    """Most memory that one call of `fit_edge` over the whole library takes beside its data, in a process of its own."""
    code = "import json; from benchmarks.accuracy import reading; print(json.dumps(reading.edge_fit_here()))"
    return {"MiB": harness.run_python(code, env=memory.PROMPT_RELEASE)}


def edge_fit_here() -> float | None:
    """The same in this process."""
    generator = torch.Generator().manual_seed(0)
    z = 4 * torch.rand(EDGE_ROWS, dtype=torch.float64, generator=generator) - 2
    y = torch.sin(7 * z + 0.3) + 0.01 * torch.randn(EDGE_ROWS, dtype=torch.float64, generator=generator)
    functions = list(Library())
    fit_edge(z[:1000], y[:1000], functions)
    before = memory.reset_peak()
    fit_edge(z, y, functions)
    return None if before is None else (memory.peak_resident() - before) / memory.MIB

"""Start-up: `import edgewise` over `import torch`; the first fit after an install and in a later process.

    python -m benchmarks.startup [--quick]

Every reading is a new interpreter. For the first fit, Numba's cache is an empty temporary folder, then the
same folder again. "kernels" is the first forward + backward of a network minus a later one: compiling the kernels
it needs, or loading them from the cache. Importing Numba is timed before it, by itself; "rest of fit" is the first
two-step `fit` minus a later one, after that.
"""

from __future__ import annotations

import statistics
import tempfile
from typing import Any

import torch

from benchmarks import harness

_IMPORT = """
import json, sys, time
a = time.perf_counter(); import torch
b = time.perf_counter(); import edgewise; edgewise.KAN
c = time.perf_counter()
heavy = [m for m in ("numba", "scipy", "sklearn", "matplotlib", "pandas", "sympy") if m in sys.modules]
print(json.dumps({"torch": b - a, "edgewise": c - b, "heavy": heavy}))
"""

_FIRST = """
import json, time
import torch, edgewise
torch.set_num_threads(THREADS)
a = time.perf_counter(); import numba; numba_sec = time.perf_counter() - a
dtype = getattr(torch, "DTYPE")
data = edgewise.create_dataset(lambda x: x[:, [0]] * x[:, [1]], n_var=2, train_num=1000, seed=0, dtype=dtype)
model = edgewise.KAN([2, 5, 1], grid=5, seed=0, dtype=dtype)
def step():
    a = time.perf_counter()
    model.zero_grad()
    ((model(data["train_input"]) - data["train_label"]) ** 2).mean().backward()
    return time.perf_counter() - a
def fit():
    a = time.perf_counter()
    model.fit(data, opt="lbfgs", steps=2, progress=False)
    return time.perf_counter() - a
steps, fits = [step() for _ in range(6)], [fit() for _ in range(3)]
print(json.dumps({
    "numba import": numba_sec, "kernels": steps[0] - min(steps[1:]), "rest of fit": fits[0] - min(fits[1:])
}))
"""


def measure(*, imports: int = 9, installs: int = 2, loads: int = 5, threads: int = 2) -> dict[str, Any]:
    """Medians in seconds: `{"import": ..., "first float64": ..., "later float64": ..., ...}`."""
    harness.log("startup: imports")
    results: dict[str, Any] = {"import": _medians([harness.run_python(_IMPORT) for _ in range(imports + 1)][1:])}
    for dtype in ("float64", "float32"):
        code = _FIRST.replace("THREADS", str(threads)).replace("DTYPE", dtype)
        first, later = [], []
        for _ in range(installs):
            harness.log(f"startup: first fit, {dtype}")
            with tempfile.TemporaryDirectory() as folder:
                env = {"NUMBA_CACHE_DIR": folder}
                first.append(harness.run_python(code, env=env))
                later += [harness.run_python(code, env=env) for _ in range(loads)]
        results[f"first {dtype}"], results[f"later {dtype}"] = _medians(first), _medians(later)
    return results


def _medians(readings: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        name: statistics.median(r[name] for r in readings) if isinstance(value, float) else value
        for name, value in readings[0].items()
    }


def as_text(results: dict[str, Any]) -> str:
    """Markdown."""
    seconds = results["import"]
    heavy = ", ".join(seconds["heavy"]) or "none"
    lines = [
        "## Start-up, seconds",
        f"`import torch` {seconds['torch']:.2f}; `import edgewise` and naming `edgewise.KAN` after it "
        f"{seconds['edgewise']:.3f} (heavy packages loaded by both: {heavy}).",
    ]
    names = ["numba import", "kernels", "rest of fit"]
    when = {"first": "after install", "later": "in a later process"}
    rows = []
    for key, values in results.items():
        if key != "import":
            word, dtype = key.split()
            rows.append([f"{when[word]}, {dtype}", *(f"{values[name]:.2f}" for name in names)])
    return "\n\n".join([*lines, harness.table(["first fit", *names], rows)])


def main() -> None:
    args = harness.parser(__doc__).parse_args()
    torch.set_num_threads(args.threads)
    sizes = {"imports": 3, "installs": 1, "loads": 1} if args.quick else {}
    results = measure(**sizes, threads=args.threads)
    harness.finish(args, results, as_text(results))


if __name__ == "__main__":
    main()

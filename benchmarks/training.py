"""Training: the Hello-KAN function over 20 seeds, L-BFGS, 200 iterations, test error never used to choose.

python -m benchmarks.training [--quick]
"""

from __future__ import annotations

import math
import statistics
import time
from typing import Any

import torch

import edgewise
from benchmarks import harness
from benchmarks.tiny import hello


def measure(seeds: int = 20, steps: int = 200, **fit: Any) -> list[dict[str, float]]:
    """One entry per seed of the network: `rmse` on 1000 fresh rows, `train_rmse`, `seconds`, `steps`."""
    data = edgewise.create_dataset(hello, n_var=2, train_num=1000, test_num=1000, seed=0, dtype=torch.float64)
    train = {name: data[name] for name in ("train_input", "train_label")}
    runs = []
    for seed in range(seeds):
        model = edgewise.KAN([2, 5, 1], grid=5, seed=seed, dtype=torch.float64)
        start = time.perf_counter()
        result = model.fit(train, **({"opt": "lbfgs", "steps": steps, "seed": seed, "progress": False} | fit))
        seconds = time.perf_counter() - start
        runs.append({
            "seed": seed,
            "rmse": rmse(model, data["test_input"], data["test_label"]),
            "train_rmse": rmse(model, data["train_input"], data["train_label"]),
            "seconds": seconds,
            "steps": result.steps,
        })
    return runs


@torch.no_grad()
def rmse(model: torch.nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    """Root mean squared error."""
    return float((model(x) - y).square().mean().sqrt())


def summary(values: list[float]) -> dict[str, float]:
    """Best, median and worst; NaN counts as infinite."""
    finite = [v if math.isfinite(v) else math.inf for v in values]
    return {
        "best": min(finite),
        "median": statistics.median(finite),
        "worst": max(finite),
        "not finite": sum(not math.isfinite(v) for v in values),
    }


def as_text(runs: list[dict[str, float]]) -> str:
    """Markdown."""
    test, train = summary([r["rmse"] for r in runs]), summary([r["train_rmse"] for r in runs])
    rows = [
        ["test RMSE", *(f"{test[name]:.2e}" for name in ("best", "median", "worst")), test["not finite"]],
        ["train RMSE", *(f"{train[name]:.2e}" for name in ("best", "median", "worst")), train["not finite"]],
    ]
    seconds = statistics.median(r["seconds"] for r in runs)
    steps = statistics.median(r["steps"] for r in runs)
    return "\n\n".join([
        f"## exp(sin(pi x1) + x2^2), KAN([2,5,1], grid=5), float64, L-BFGS, {len(runs)} seeds",
        harness.table(["", "best", "median", "worst", "not finite"], rows),
        f"Median {seconds:.2f} s for {steps:.0f} iterations (the first run of a process compiles kernels). "
        "Test RMSE per seed: " + ", ".join(f"{r['rmse']:.1e}" for r in runs) + ".",
    ])


def main() -> None:
    args = harness.parser(__doc__).parse_args()
    torch.set_num_threads(args.threads)
    runs = measure(seeds=5 if args.quick else 20)
    harness.finish(args, runs, as_text(runs))


if __name__ == "__main__":
    main()

"""Initialization: "power" against "paper", over seeds, functions and optimizers.

    python -m benchmarks.init [--quick]

Functions: the two of the KAN paper's introduction, four in the style of the Feynman equations (products,
quotients and roots of positive variables, inputs standardised as a user would), and the airfoil table.
What is compared is the test error after a fixed number of steps, the same data and options for both.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

import edgewise
from benchmarks import harness
from benchmarks.tiny import hello
from benchmarks.training import rmse, summary

INITS = ("power", "paper")
OPTIMIZERS = {"lbfgs": 200, "adam": 1000}


class Problem(NamedTuple):
    """Data and the network for it."""

    name: str
    width: list[int]
    data: Callable[[], dict[str, Tensor]]


def _function(f: Callable[[Tensor], Tensor], n_var: int, ranges: Any = (-1, 1), rows: int = 1000) -> Callable:
    def make() -> dict[str, Tensor]:
        data = edgewise.create_dataset(
            f, n_var=n_var, ranges=ranges, train_num=rows, test_num=1000, seed=0, dtype=torch.float64
        )
        return _standardised(data)

    return make


def _standardised(data: dict[str, Tensor]) -> dict[str, Tensor]:
    """Inputs to [-1, 1] by the training rows' range, targets to mean 0 and standard deviation 1."""
    low, high = data["train_input"].amin(0), data["train_input"].amax(0)
    mean, std = data["train_label"].mean(0), data["train_label"].std(0)
    scaled = {}
    for part in ("train", "test"):
        scaled[f"{part}_input"] = 2 * (data[f"{part}_input"] - low) / (high - low) - 1
        scaled[f"{part}_label"] = (data[f"{part}_label"] - mean) / std
    return scaled


def _deep(x: Tensor) -> Tensor:
    s = torch.sin(torch.pi * (x[:, [0]] ** 2 + x[:, [1]] ** 2)) + torch.sin(
        torch.pi * (x[:, [2]] ** 2 + x[:, [3]] ** 2)
    )
    return torch.exp(s / 2)


def _gravity(x: Tensor) -> Tensor:  # m1 m2 / r^2, all in [1, 3]
    return x[:, [0]] * x[:, [1]] / x[:, [2]] ** 2


def _distance(x: Tensor) -> Tensor:  # I.8.14
    return torch.sqrt((x[:, [0]] - x[:, [1]]) ** 2 + (x[:, [2]] - x[:, [3]]) ** 2)


def _gaussian(x: Tensor) -> Tensor:  # I.6.2
    return torch.exp(-((x[:, [1]] / x[:, [0]]) ** 2) / 2) / ((2 * torch.pi) ** 0.5 * x[:, [0]])


def _relativity(x: Tensor) -> Tensor:  # I.16.6 with c = 1
    return (x[:, [0]] + x[:, [1]]) / (1 + x[:, [0]] * x[:, [1]])


def _airfoil() -> dict[str, Tensor]:
    from edgewise.datasets import load_airfoil

    table = load_airfoil()
    x = torch.as_tensor(table.x.to_numpy(dtype="float64", copy=True))
    y = torch.as_tensor(table.y.to_numpy(dtype="float64", copy=True)).reshape(-1, 1)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    test, train = order[:300], order[300:]
    return _standardised({
        "train_input": x[train],
        "train_label": y[train],
        "test_input": x[test],
        "test_label": y[test],
    })


PROBLEMS = [
    Problem("exp(sin(pi x1) + x2^2) [2,5,1]", [2, 5, 1], _function(hello, 2)),
    Problem("deep formula [4,2,1,1]", [4, 2, 1, 1], _function(_deep, 4, rows=3000)),
    Problem("deep formula [4,9,1]", [4, 9, 1], _function(_deep, 4, rows=3000)),
    Problem("gravity [3,6,1]", [3, 6, 1], _function(_gravity, 3, (1, 3))),
    Problem("distance [4,8,1]", [4, 8, 1], _function(_distance, 4, (1, 5))),
    Problem("gaussian [2,5,1]", [2, 5, 1], _function(_gaussian, 2, (1, 3))),
    Problem("velocity sum [2,5,1]", [2, 5, 1], _function(_relativity, 2, (-0.9, 0.9))),
    Problem("airfoil [5,5,1]", [5, 5, 1], _airfoil),
    Problem("airfoil [5,8,8,1]", [5, 8, 8, 1], _airfoil),
]


def measure(
    problems: Sequence[Problem] = PROBLEMS, seeds: int = 10, optimizers: dict[str, int] | None = None
) -> list[dict[str, Any]]:
    """One entry per problem, optimizer, initialization and seed."""
    runs = []
    for problem in problems:
        data = problem.data()
        train = {name: data[name] for name in ("train_input", "train_label")}
        for opt, steps in (optimizers or OPTIMIZERS).items():
            harness.log(f"init: {problem.name}, {opt}")
            for seed in range(seeds):
                for init in INITS:
                    model = edgewise.KAN(problem.width, grid=5, seed=seed, init=init, dtype=torch.float64)
                    start = time.perf_counter()
                    result = model.fit(train, opt=opt, steps=steps, seed=seed, progress=False)
                    runs.append({
                        "problem": problem.name,
                        "opt": opt,
                        "init": init,
                        "seed": seed,
                        "rmse": rmse(model, data["test_input"], data["test_label"]),
                        "train": result["train_loss"][-1] ** 0.5,
                        "seconds": time.perf_counter() - start,
                    })
    return runs


def as_text(runs: list[dict[str, Any]]) -> str:
    """Markdown: median and worst test RMSE of each, and in how many seeds "power" is better."""
    parts = ["## Initialization: test RMSE (targets have standard deviation 1), median / worst over seeds"]
    groups = dict.fromkeys((r["problem"], r["opt"]) for r in runs)
    rows, ratios = [], []
    for problem, opt in groups:
        own = [r for r in runs if (r["problem"], r["opt"]) == (problem, opt)]
        values = {init: [r["rmse"] for r in own if r["init"] == init] for init in INITS}
        sums = {init: summary(v) for init, v in values.items()}
        wins = sum(a < b for a, b in zip(*values.values(), strict=True))
        ratio = sums["power"]["median"] / sums["paper"]["median"]
        ratios.append(ratio)
        cells = [f"{sums[init]['median']:.2e} / {sums[init]['worst']:.2e}" for init in INITS]
        rows.append([problem, opt, *cells, f"{wins} of {len(values['power'])}", f"{ratio:.2f}"])
    parts.append(harness.table(["", "optimizer", *INITS, "power better", "median ratio"], rows))
    parts.append(
        f"Geometric mean of the median ratios (below 1: power is better): {statistics.geometric_mean(ratios):.2f}."
    )
    return "\n\n".join(parts)


def main() -> None:
    options = harness.parser(__doc__)
    options.add_argument("--seeds", type=int, default=None)
    options.add_argument("--problems", help="comma-separated parts of problem names")
    options.add_argument("--opt", choices=list(OPTIMIZERS), help="only this optimizer")
    args = options.parse_args()
    torch.set_num_threads(args.threads)
    if args.quick:
        runs = measure([PROBLEMS[0], PROBLEMS[5]], args.seeds or 3, {"lbfgs": 100, "adam": 200})
    else:
        parts = args.problems.split(",") if args.problems else [""]
        problems = [p for p in PROBLEMS if any(part in p.name for part in parts)]
        optimizers = {name: n for name, n in OPTIMIZERS.items() if args.opt in (None, name)}
        runs = measure(problems, args.seeds or 10, optimizers)
    harness.finish(args, runs, as_text(runs))


if __name__ == "__main__":
    main()

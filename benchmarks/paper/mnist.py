"""MNIST from raw pixels: `KAN([784, 64, 10])` beside the MLP of the same widths, accuracy and time per epoch.

Edges are piecewise linear, with one knot inside [0, 1], and have no residual function: a spline of degree 1 holds the
straight line already. Most pixels are 0 or 255, so finer splines have little to see; they cost time and overfit.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks import harness
from benchmarks.accuracy.report import Report
from benchmarks.accuracy.session import Session
from benchmarks.accuracy.training import Record
from benchmarks.harness import Bar
from benchmarks.paper import page
from edgewise import KAN, MLP, fit

FILE = Path("mnist") / "mnist.npz"
WIDTH = (784, 64, 10)
CLASSES, LEAST, MOST_TIMES = 10, 0.975, 3.0
BATCH, EPOCHS, RATE, DECAY = 256, 10, 3e-3, 1e-2


class Digits(NamedTuple):
    """`(N, 784)` pixels in [0, 1], float32, and `(N,)` classes; of training and test."""

    x: Tensor
    y: Tensor
    test_x: Tensor
    test_y: Tensor


def _kan(grid: int, k: int, base_fun: str = "zero") -> Callable[[int], nn.Module]:
    return lambda seed: KAN(WIDTH, grid, k, base_fun=base_fun, grid_range=(0.0, 1.0), seed=seed, dtype=torch.float32)


BEST, RIVAL = "KAN, G=2, k=1, splines alone", "MLP"
MODELS: dict[str, Callable[[int], nn.Module]] = {
    BEST: _kan(2, 1),
    "KAN, G=3, k=2, silu": _kan(3, 2, "silu"),
    "KAN, G=3, k=3, silu": _kan(3, 3, "silu"),
    RIVAL: lambda seed: MLP(WIDTH, seed=seed, dtype=torch.float32),
}


def mnist(session: Session) -> Report:
    """97.5 % of the test digits, an epoch at most three times as long as the MLP's."""
    digits, seeds = load(session.data), session.seed_range(5)
    epochs = session.steps or (1 if session.quick else EPOCHS)
    if session.quick:
        digits = Digits(digits.x[:5000], digits.y[:5000], digits.test_x, digits.test_y)
    records: dict[str, list[Record]] = {name: [] for name in MODELS}
    for name in MODELS:
        for seed in seeds:
            key = {"row": "mnist", "model": name, "seed": seed, "epochs": epochs, "rows": len(digits.x)}
            call = lambda name=name, seed=seed: learn(MODELS[name](seed), digits, epochs, seed)  # noqa: E731
            records[name].append(session.measure(f"mnist {name}, seed {seed}", key, call))
    key = {"row": "mnist", "model": "all", "what": "epochs in turn", "rows": len(digits.x)}
    times = session.measure("mnist epochs in turn", key, lambda: epochs_in_turn(digits, 1 if session.quick else 5))
    accuracy = statistics.median(r["accuracy"] for r in records[BEST])
    bars = [
        Bar("test accuracy", accuracy, LEAST, "", True, "-"),
        Bar("time per epoch, KAN over MLP", times[BEST] / times[RIVAL], MOST_TIMES, "x", False, "-"),
    ]
    table = harness.table(
        [
            "model",
            "parameters",
            "test accuracy, median",
            "all seeds",
            "training accuracy",
            "an epoch",
            "over the MLP's",
        ],
        [_cells(name, records[name], times) for name in MODELS],
    )
    return Report("mnist", "MNIST: [784, 64, 10] from raw pixels", [_about(epochs, len(digits.x))], [table], bars)


def load(folder: str | None) -> Digits:
    """Read `mnist/mnist.npz` below `folder`: `x_train`, `y_train`, `x_test`, `y_test` of keras and others.

    Raises:
        FileNotFoundError: no folder, no such file, or one without these arrays; the message says what to do.
    """
    if folder is None:
        raise FileNotFoundError(
            f"the digits are not shipped: give `--data DIR`, where DIR holds {FILE}, the file of keras, "
            "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz."
        )
    path, names = Path(folder) / FILE, ("x_train", "y_train", "x_test", "y_test")
    if not path.exists():
        raise FileNotFoundError(f"`--data {folder}` holds no {FILE}: the arrays {', '.join(names)} in one file.")
    with np.load(path, allow_pickle=False) as file:
        missing = [name for name in names if name not in file]
        if missing:
            raise FileNotFoundError(f"{path} must hold the arrays {', '.join(names)}; it lacks {', '.join(missing)}.")
        raw = {name: torch.from_numpy(file[name].astype(np.int64)) for name in names}
    x, test = (raw[name].flatten(1).float() / 255 for name in ("x_train", "x_test"))
    return Digits(x, raw["y_train"], test, raw["y_test"])


def learn(model: nn.Module, digits: Digits, epochs: int, seed: int) -> Record:
    """Train, then the share of digits that are recognized."""
    begin = time.perf_counter()
    train(model, digits, epochs, seed)
    seconds = time.perf_counter() - begin
    return {
        "seconds": seconds,
        "parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "accuracy": accuracy(model, digits.test_x, digits.test_y),
        "train": accuracy(model, digits.x[:10_000], digits.y[:10_000]),
    }


def train(model: nn.Module, digits: Digits, epochs: int, seed: int) -> None:
    """AdamW under one cycle of rates, the same for all models."""
    rule = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=DECAY)
    fit(
        model, (digits.x, digits.y), loss="cross_entropy", opt=rule, scheduler="onecycle", batch_size=BATCH,
        steps=epochs, update_grid=False, seed=seed, progress=False,
    )  # fmt: skip


@torch.no_grad()
def accuracy(model: nn.Module, x: Tensor, y: Tensor) -> float:
    found = torch.cat([model(rows).argmax(1) for rows in x.split(1000)])
    return float((found == y).float().mean())


def epochs_in_turn(digits: Digits, rounds: int) -> Record:
    """Seconds of one epoch of every model: medians of rounds, so that the machine's mood meets all alike."""
    models = {name: build(0) for name, build in MODELS.items()}
    calls = {name: lambda model=model: train(model, digits, 1, 0) for name, model in models.items()}
    timed = harness.interleave(calls, rounds=rounds, warmup=1, budget_sec=600.0, min_rounds=rounds)
    return {name: timing.median for name, timing in timed.items()}


def _cells(name: str, records: list[Record], times: Record) -> list[str]:
    tests = sorted(r["accuracy"] for r in records)
    return [
        name, f"{records[0]['parameters']:,}", f"{statistics.median(tests):.2%}", f"{tests[0]:.2%} to {tests[-1]:.2%}",
        f"{statistics.median(r['train'] for r in records):.2%}", harness.duration(times[name]),
        f"{times[name] / times[RIVAL]:.2f}x",
    ]  # fmt: skip


def _about(epochs: int, rows: int) -> str:
    return (
        f"{rows:,} training digits, {epochs} epochs of AdamW (rate {RATE:g} under one cycle, weight decay {DECAY:g}, "
        f"batches of {BATCH}), float32, no augmentation, no validation: nothing was chosen on the test digits but the "
        "rate and the splines, by the first seed. The time of an epoch is the median of epochs of all models in turn. "
        "No paper of the KAN authors prints an accuracy for this network."
    )


if __name__ == "__main__":
    raise SystemExit(page.run("mnist", __doc__, mnist))

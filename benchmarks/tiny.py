"""Tiny networks: one closure (loss + gradients) of a [2,5,1] net, 1000 rows, float64.

    python -m benchmarks.tiny [--quick]

pykan is timed four ways: its own forward + backward in its fastest state (symbolic branch and saved
activations off) and as constructed; and one evaluation inside its `fit` with L-BFGS and default options
(time of a whole fit over the number of closure evaluations), without and with regularization.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import edgewise
from benchmarks import harness, peers
from benchmarks.harness import Timing
from edgewise.layers import squared_error
from edgewise.train.full_batch import FullBatch

OURS = "edgewise, closure"
OURS_DIRECT = "edgewise, loss + gradients as fit evaluates them"
OURS_FIT = "edgewise, per evaluation inside fit"
MLP = "MLP [2,5,1], closure"
PYKAN = "pykan, closure (symbolic branch and saved activations off)"
PYKAN_DEFAULT = "pykan, closure (as constructed)"
PYKAN_FIT = "pykan, per evaluation inside fit (L-BFGS, defaults)"
PYKAN_FIT_REG = "pykan, per evaluation inside fit (lamb=0.001)"


def data() -> dict[str, Tensor]:
    """The Hello-KAN function in float64."""
    return edgewise.create_dataset(hello, n_var=2, train_num=1000, test_num=1000, seed=0, dtype=torch.float64)


def hello(x: Tensor) -> Tensor:
    """`exp(sin(pi x1) + x2^2)`."""
    return torch.exp(torch.sin(torch.pi * x[:, [0]]) + x[:, [1]] ** 2)


def closure(model: nn.Module, x: Tensor, y: Tensor) -> Callable[[], Tensor]:
    """Mean squared error and its gradients, the way an optimizer asks for them."""
    parameters = [p for p in model.parameters() if p.requires_grad]

    def evaluate() -> Tensor:
        for p in parameters:
            p.grad = None
        loss = F.mse_loss(model(x), y)
        loss.backward()
        return loss

    return evaluate


def measure(*, rounds: int = 15, fit_steps: int = 4, fit_rounds: int = 5, compiled: bool = True) -> dict[str, Timing]:
    """Every row of the table. Fits are interleaved with one another, closures with one another."""
    d = data()
    x, y = d["train_input"], d["train_label"]
    closures = {
        OURS: closure(edgewise.KAN([2, 5, 1], grid=5, seed=0, dtype=torch.float64), x, y),
        OURS_DIRECT: direct(edgewise.KAN([2, 5, 1], grid=5, seed=0, dtype=torch.float64), x, y),
        MLP: closure(edgewise.MLP([2, 5, 1], seed=0, dtype=torch.float64), x, y),
    }
    for peer in peers.find_peers(["efficient-kan (re-stated)", "inkan"], compiled=compiled):
        closures[f"{peer.name}, closure"] = closure(peer.make(peers.find_rows(["[2,5,1] f64"])[0]).module, x, y)
    fits: dict[str, Callable[[], float]] = {OURS_FIT: lambda: _our_fit(d, fit_steps * 20)}
    if not peers.find_peers(["pykan"]):
        return harness.interleave(closures, rounds=rounds)
    closures[PYKAN] = closure(_pykan(save_act=False, symbolic_enabled=False), x, y)
    closures[PYKAN_DEFAULT] = closure(_pykan(), x, y)
    fits[PYKAN_FIT] = lambda: _pykan_fit(d, fit_steps, 0.0)
    fits[PYKAN_FIT_REG] = lambda: _pykan_fit(d, fit_steps, 0.001)
    timings = harness.interleave(closures, rounds=rounds)
    timings |= {name: Timing() for name in fits}
    for number in range(fit_rounds + 1):
        for name, run in fits.items():
            seconds = run()
            if number:  # the first is a warm-up
                timings[name].seconds.append(seconds)
    return timings


def direct(model: edgewise.KAN, x: Tensor, y: Tensor) -> Callable[[], Any]:
    """What `fit` does for the mean squared error of a small network: no autograd."""
    return lambda: squared_error(model.layers, model.products, x, y)


class _CountedLoss:
    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, prediction: Tensor, target: Tensor, *_: Any) -> Tensor:
        self.calls += 1
        return torch.mean((prediction - target) ** 2)


def _our_fit(d: dict[str, Tensor], steps: int) -> float:
    model = edgewise.KAN([2, 5, 1], grid=5, seed=0, dtype=torch.float64)
    only_train = {name: d[name] for name in ("train_input", "train_label")}
    calls = 0
    evaluate = FullBatch._evaluate

    def count(self: FullBatch, point: Tensor) -> Any:
        nonlocal calls
        calls += 1
        return evaluate(self, point)

    FullBatch._evaluate = count
    try:
        start = time.perf_counter()
        model.fit(only_train, opt="lbfgs", steps=steps, progress=False)
        seconds = time.perf_counter() - start
    finally:
        FullBatch._evaluate = evaluate
    return seconds / max(calls, 1)


def _pykan(**options: Any) -> nn.Module:
    from kan import KAN

    with peers.pykan_surroundings():
        return KAN([2, 5, 1], grid=5, k=3, seed=0, auto_save=False, **options)


def _pykan_fit(d: dict[str, Tensor], steps: int, lamb: float) -> float:
    loss, model = _CountedLoss(), _pykan()
    with peers.pykan_surroundings():
        start = time.perf_counter()
        model.fit(d, opt="LBFGS", steps=steps, lamb=lamb, loss_fn=loss)
        seconds = time.perf_counter() - start
    return seconds / (loss.calls - steps)  # one call per step evaluates the test set


def as_text(timings: dict[str, Timing]) -> str:
    """Markdown."""
    ours = timings[OURS].median
    rows = [
        [name, harness.duration(t.median), f"±{100 * t.spread:.0f}%", harness.number(t.median / ours, 2)]
        for name, t in sorted(timings.items(), key=lambda item: item[1].median)
    ]
    title = "## Tiny net: [2,5,1], 1000 rows, float64, loss + gradients"
    return f"{title}\n\n" + harness.table(["", "time", "spread", "over edgewise"], rows)


def main() -> None:
    args = harness.parser(__doc__).parse_args()
    torch.set_num_threads(args.threads)
    rounds = args.rounds or (5 if args.quick else 25)
    timings = measure(
        rounds=rounds, fit_steps=1 if args.quick else 4, fit_rounds=2 if args.quick else 5, compiled=not args.quick
    )
    harness.finish(args, {name: t.as_dict() for name, t in timings.items()}, as_text(timings))


if __name__ == "__main__":
    main()

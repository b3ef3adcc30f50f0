"""What `edgewise bench` measures: where the microseconds of a tiny network go, and layers of several sizes.

For a network of a dozen edges the arithmetic is a small part of the cost, so the table splits one training
iteration into parts. Parts that cannot be run alone are differences: "autograd" is forward and backward
through the network minus the kernels and the operator call inside it.
"""

from __future__ import annotations

import gc
import json as json_module
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from edgewise import kernels
from edgewise.kernels import network_cpu
from edgewise.layers import KANLayer
from edgewise.models import KAN, MLP, spline_layers

LAYERS = [(64, 64, 5, 1024), (256, 256, 5, 1024), (256, 256, 20, 1024), (256, 256, 100, 1024), (784, 64, 5, 256)]
"""Layers of the second table: inputs, outputs, intervals G, rows."""

_TINY, _ROWS = [2, 5, 1], 1000


def run(*, seconds: float = 8.0) -> dict[str, Any]:
    """Time the library on this machine.

    Args:
        seconds: about how long to measure; compiling kernels at first use comes on top.

    Returns:
        `"environment"`; `"tiny"`: microseconds per part of a [2, 5, 1] network with 1000 rows in float64;
        `"layers"`: one entry per layer with microseconds `forward` (no gradients) and `step` (forward and
        backward, input gradient included) in float32. Medians over rounds.
    """
    calls = {**_tiny_calls(), **_layer_calls()}
    times = _interleave(calls, seconds)
    layers = [
        {"inputs": i, "outputs": o, "grid": g, "rows": rows}
        | {mode: round(times[f"{mode} {i} {o} {g}"], 1) for mode in ("forward", "step")}
        for i, o, g, rows in LAYERS
    ]
    return {"environment": _environment(), "tiny": _parts(times), "layers": layers}


def main(json: bool = False) -> int:
    """Measure and write the tables, or with `json` the numbers, to standard output.

    Args:
        json: write JSON instead of tables.

    Returns:
        The exit code, 0.
    """
    result = run()
    sys.stdout.write((json_module.dumps(result, indent=2) if json else report(result)) + "\n")
    return 0


def report(result: dict[str, Any]) -> str:
    """The tables of `run`'s result, as text.

    Args:
        result: what `run` returned.

    Returns:
        Several lines.
    """
    lines = [f"KAN {_TINY}, {_ROWS} rows, float64: microseconds per part"]
    lines += [f"  {name:<48}{value:>9.1f}" for name, value in result["tiny"].items()]
    lines += ["", "layers, float32: microseconds", f"  {'':<36}{'forward':>12}{'step':>12}"]
    for layer in result["layers"]:
        name = f"{layer['inputs']} -> {layer['outputs']}, grid {layer['grid']}, {layer['rows']} rows"
        lines.append(f"  {name:<36}{layer['forward']:>12.0f}{layer['step']:>12.0f}")
    lines += ["", "; ".join(f"{key} {value}" for key, value in result["environment"].items())]
    return "\n".join(lines)


# ---------------------------------------------------------------------------------------------- tiny network


def _tiny_calls() -> dict[str, Callable[[], Any]]:
    random = torch.Generator().manual_seed(0)
    x = torch.rand(_ROWS, _TINY[0], generator=random, dtype=torch.float64) * 2 - 1
    y = torch.rand(_ROWS, _TINY[-1], generator=random, dtype=torch.float64)
    g = torch.randn(_ROWS, _TINY[-1], generator=random, dtype=torch.float64)
    model = KAN(_TINY, grid=5, seed=0, dtype=torch.float64)
    mlp = MLP(_TINY, seed=0, dtype=torch.float64)
    parameters = list(model.parameters())
    adam = torch.optim.Adam(parameters, lr=1e-6)  # small steps: every call sees the same network
    layers = [_weights(layer) for layer in spline_layers(model, "this benchmark")]
    flat = [tensor for layer in layers for tensor in layer]
    kept: list[Any] = [None]

    def forward_kernels() -> None:
        kept[0] = network_cpu.forward(x, flat, model.k, True, True)

    def backward_kernels() -> None:
        network_cpu.backward(x, kept[0][1], flat, g, model.k, True, False)

    @torch.no_grad()
    def operators() -> None:
        kernels.network(x, layers, model.k, True)

    @torch.no_grad()
    def forward() -> Tensor:
        return model(x)

    def step() -> None:
        model.zero_grad()
        model(x).backward(g)

    closure = _closure(model, x, y)
    return {
        "forward kernels": forward_kernels,
        "backward kernels": backward_kernels,
        "operators": operators,
        "network forward": forward,
        "network step": step,
        "closure": closure,
        "adam": adam.step,
        "lbfgs": _lbfgs_iteration(KAN(_TINY, grid=5, seed=0, dtype=torch.float64), x, y),
        "mlp closure": _closure(mlp, x, y),
    }


def _weights(layer: KANLayer) -> tuple[Tensor, Tensor, Tensor]:
    coef, base_weight = (w.detach() for w in layer.effective_weights())
    return coef, base_weight, layer.knots


def _closure(model: torch.nn.Module, x: Tensor, y: Tensor) -> Callable[[], Tensor]:
    def closure() -> Tensor:
        model.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        return loss

    return closure


def _lbfgs_iteration(model: KAN, x: Tensor, y: Tensor) -> Callable[[], Any]:
    """One step with one evaluation and no line search, tiny so that it can be repeated for ever."""
    solver = torch.optim.LBFGS(
        model.parameters(), lr=1e-9, max_iter=1, max_eval=1, tolerance_grad=0.0, tolerance_change=0.0
    )
    closure = _closure(model, x, y)
    return lambda: solver.step(closure)


def _parts(times: dict[str, float]) -> dict[str, float]:
    dispatching = times["operators"] - times["forward kernels"]
    inside = times["forward kernels"] + times["backward kernels"] + dispatching
    parts = {
        "kernels, forward": times["forward kernels"],
        "kernels, backward": times["backward kernels"],
        "operator call, forward": dispatching,
        "autograd and modules": times["network step"] - inside,
        "loss": times["closure"] - times["network step"],
        "whole closure (loss + gradients)": times["closure"],
        "optimizer: Adam step": times["adam"],
        "optimizer: L-BFGS step beside its closure": times["lbfgs"] - times["closure"],
        "network forward without gradients": times["network forward"],
        "for comparison: closure of an MLP [2, 5, 1]": times["mlp closure"],
    }
    return {name: round(value, 1) for name, value in parts.items()}


# ---------------------------------------------------------------------------------------------------- layers


def _layer_calls() -> dict[str, Callable[[], Any]]:
    calls: dict[str, Callable[[], Any]] = {}
    for inputs, outputs, grid, rows in LAYERS:
        random = torch.Generator().manual_seed(0)
        layer = KANLayer(inputs, outputs, grid=grid, generator=random, dtype=torch.float32)
        x = (torch.rand(rows, inputs, generator=random, dtype=torch.float32) * 2 - 1).requires_grad_()
        g = torch.randn(rows, outputs, generator=random, dtype=torch.float32)
        name = f"{inputs} {outputs} {grid}"
        calls[f"forward {name}"] = torch.no_grad()(lambda layer=layer, x=x: layer(x))
        calls[f"step {name}"] = _layer_step(layer, x, g)
    return calls


def _layer_step(layer: KANLayer, x: Tensor, g: Tensor) -> Callable[[], None]:
    def step() -> None:
        layer.zero_grad()
        x.grad = None
        layer(x).backward(g)

    return step


# ---------------------------------------------------------------------------------------------------- timing


def _interleave(calls: dict[str, Callable[[], Any]], seconds: float, rounds: int = 7) -> dict[str, float]:
    # All calls run in every round, so that drift hits all alike. Rounds end early when they take twice as long
    # as meant, after at least one. Returns the median microseconds per call.
    repeats = {}
    for name, call in calls.items():
        call()  # compiles
        once = _time(call, 1)
        repeats[name] = max(1, min(10_000, int(seconds / len(calls) / rounds / max(once, 1e-7))))
    readings: dict[str, list[float]] = {name: [] for name in calls}
    collecting = gc.isenabled()
    gc.disable()
    end = time.perf_counter() + 2 * seconds
    try:
        for _ in range(rounds):
            for name, call in calls.items():
                if not readings[name] or time.perf_counter() < end:
                    if repeats[name] > 1:
                        call()  # the previous one's caches and threads are not this one's cost
                    readings[name].append(_time(call, repeats[name]))
            gc.collect()
    finally:
        if collecting:
            gc.enable()
    return {name: 1e6 * statistics.median(values) for name, values in readings.items()}


def _time(call: Callable[[], Any], repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats


def _environment() -> dict[str, Any]:
    import os
    import platform

    from edgewise import __version__

    return {
        "edgewise": __version__,
        "torch": str(torch.__version__),
        "python": platform.python_version(),
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "machine": platform.machine(),
    }

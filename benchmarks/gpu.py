"""Layers and networks on a GPU against public peers: forward, forward + backward, memory, cost in the grid.

    python -m benchmarks.gpu [--quick] [--compile] [--json FILE]

Everything is float32 with torch's default precision of matrix products (no TF32). A time is that of a call as a user
makes it, launches included: device events around repeated calls, competitors interleaved in rounds, medians. "step" is
forward + backward with fresh gradients, that of the input included. "graph" replays a captured CUDA graph:
what is left when the launches cost nothing.
"""

from __future__ import annotations

import gc
import random
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import edgewise
from benchmarks import harness, peers
from benchmarks.harness import Timing
from benchmarks.peers import Row
from edgewise.kernels import dispatch

ROWS = [
    Row("64->64 G5 b1024", [64, 64], 5, 1024),
    Row("256->256 G5 b1024", [256, 256], 5, 1024),
    Row("784->64 G5 b1024", [784, 64], 5, 1024),
    Row("[784,64,10] G5 b1024", [784, 64, 10], 5, 1024),
    Row("64->64 G5 b65536", [64, 64], 5, 65536),
    Row("256->256 G5 b65536", [256, 256], 5, 65536),
    Row("256->256 G5 b16384", [256, 256], 5, 16384),
    Row("256->256 G20 b16384", [256, 256], 20, 16384),
    Row("256->256 G100 b16384", [256, 256], 100, 16384),  # a larger batch does not fit beside a dense basis
]
OURS, REFERENCE = "edgewise", "efficient-kan (re-stated)"
MODES = {"step": "Forward + backward", "forward": "Forward without gradients"}


class PlainEdges(nn.Module):
    """Our layers in plain torch, with the dense basis: what runs where there is no Triton."""

    def __init__(self, layers: Sequence[Any]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = dispatch.REFERENCE["edges"](x, *layer.effective_weights(), layer.knots, layer.k, True)
        return x


def competitors(row: Row, with_compile: bool) -> dict[str, Callable[[], nn.Module]]:
    """How to build each module of a row, on the GPU."""

    def ours() -> nn.Module:
        return peers._edgewise(row.width, row.grid, row.dtype)

    def plain() -> nn.Module:
        module = ours()
        return PlainEdges(list(module.layers) if isinstance(module, edgewise.KAN) else [module])

    def efficient() -> nn.Module:
        return peers._efficient_kan(row.width, row.grid, row.dtype)

    found = {
        OURS: ours,
        REFERENCE: efficient,
        "Linear + SiLU": lambda: peers._linear_silu(row.width, row.grid, row.dtype),
    }
    if row.grid <= 5:  # twice as slow as the peer in every row
        found["edgewise without kernels"] = plain
    if with_compile:
        found["efficient-kan (re-stated) + compile"] = lambda: torch.compile(efficient())
    return found


def replayed(call: Callable[[], Any]) -> Callable[[], None]:
    """The call as a CUDA graph."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            call()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        call()
    return graph.replay


# ----------------------------------------------------------------------------------------------- measures


def seconds(call: Callable[[], Any], repeats: int) -> float:
    """Seconds per call, by events on the device."""
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    call()
    begin.record()
    for _ in range(repeats):
        call()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end) * 1e-3 / repeats


def interleave(calls: dict[str, Callable[[], Any]], rounds: int, slice_sec: float = 0.02) -> dict[str, Timing]:
    """Every call in rounds of random order."""
    order, results = random.Random(0), {name: Timing() for name in calls}
    repeats = {}
    for name, call in calls.items():
        call()
        repeats[name] = max(2, min(200, int(slice_sec / max(1e-7, seconds(call, 2)))))
    for _ in range(rounds):
        for name in order.sample(list(calls), len(calls)):
            results[name].seconds.append(seconds(calls[name], repeats[name]))
    return results


def extra_memory(call: Callable[[], Any]) -> float:
    """MB that a call needs at its peak beyond what was there before."""
    call()
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    call()
    torch.cuda.synchronize()
    return (torch.cuda.max_memory_allocated() - before) / 1e6


def measure_row(row: Row, rounds: int, with_compile: bool) -> tuple[dict[str, dict[str, Timing]], dict[str, float]]:
    """`{mode: {competitor: Timing}}` and `{competitor: MB of a step}` of one row."""
    cases, memory = {}, {}
    for name, build in competitors(row, with_compile).items():
        try:
            case = peers.TorchCase(build(), row, device="cuda")
            memory[name] = extra_memory(case.step)
            case.forward()
        except torch.cuda.OutOfMemoryError:  # noqa: PERF203  a result, not an error
            harness.log(f"out of memory: {name} on {row.name}")
        else:
            cases[name] = case
    times = {}
    for mode in MODES:
        calls = {name: getattr(case, mode) for name, case in cases.items()}
        if mode == "step" and row.batch <= 1024:
            calls |= {f"{name}, graph": replayed(calls[name]) for name in (OURS, REFERENCE) if name in calls}
        times[mode] = interleave(calls, rounds)
    cases.clear()
    gc.collect()
    torch.cuda.empty_cache()
    return times, memory


def accuracy(grid: int) -> dict[str, float]:
    """Relative error in float32, against float64, of a layer's output and gradients."""
    layer = edgewise.KANLayer(256, 256, grid=grid, generator=torch.Generator().manual_seed(0)).cuda()
    random_ = torch.Generator().manual_seed(1)
    x, g = (torch.rand(4096, 256, generator=random_).cuda() * 2 - 1 for _ in range(2))
    found = {}
    for kind in (torch.float64, torch.float32):
        layer, here = layer.to(kind), x.to(kind).requires_grad_()
        layer.zero_grad()
        y = layer(here)
        y.backward(g.to(kind))
        names = ["output", *(name for name, _ in layer.named_parameters()), "input"]
        tensors = [y.detach(), *(p.grad for p in layer.parameters()), here.grad]
        found[kind] = dict(zip(names, (t.double() for t in tensors), strict=True))
    exact, rounded = found[torch.float64], found[torch.float32]
    return {name: ((rounded[name] - exact[name]).norm() / exact[name].norm()).item() for name in exact}


def training(rounds: int) -> dict[str, Timing]:
    """A step of Adam on a classifier [784, 64, 10], batch 1024."""
    row = Row("training", [784, 64, 10], 5, 1024)
    calls = {}
    for name, build in competitors(row, False).items():
        module = build().cuda()
        optimizer = torch.optim.Adam(module.parameters(), fused=True)
        x = torch.rand(row.batch, 784, generator=torch.Generator().manual_seed(1)).cuda()
        y = torch.randint(10, (row.batch,), generator=torch.Generator().manual_seed(2)).cuda()

        def step(module=module, optimizer=optimizer, x=x, y=y) -> None:
            optimizer.zero_grad()
            F.cross_entropy(module(x), y).backward()
            optimizer.step()

        calls[name] = step
    return interleave(calls, rounds)


# ------------------------------------------------------------------------------------------------- report


def as_text(results: dict[str, Any]) -> str:
    """Markdown."""
    parts = []
    for mode, title in MODES.items():
        rows = {row: times[mode] for row, (times, _) in results["rows"].items()}
        parts += [f"## {title}", _milliseconds(rows)]
    names = list(dict.fromkeys(name for _, memory in results["rows"].values() for name in memory))
    cells = [
        [row, *(f"{memory[name]:.0f}" if name in memory else "out of memory" for name in names)]
        for row, (_, memory) in results["rows"].items()
    ]
    parts += ["## Extra memory of a step, MB", harness.table(["", *names], cells)]
    if results["training"]:
        parts += ["## Step of Adam, [784,64,10], batch 1024", _milliseconds({"training": results["training"]})]
    errors = results["accuracy"]
    lines = [[f"G={grid}", *(f"{value:.1e}" for value in own.values())] for grid, own in errors.items()]
    parts += ["## Error in float32 against float64", harness.table(["", *next(iter(errors.values()))], lines)]
    return "\n\n".join(parts)


def _milliseconds(rows: dict[str, dict[str, Timing]]) -> str:
    names = list(dict.fromkeys(name for times in rows.values() for name in times))
    cells = []
    for row, times in rows.items():
        base = times[REFERENCE].median if REFERENCE in times else None
        cells.append([row, *(_cell(times.get(name), base) for name in names)])
    return harness.table(["ms (share of efficient-kan's)", *names], cells)


def _cell(timing: Timing | None, base: float | None) -> str:
    if timing is None:
        return "-"
    share = "" if base is None else f" ({timing.median / base:.2f})"
    return f"{timing.median * 1e3:.3f} ±{100 * timing.spread:.0f}%{share}"


def main() -> None:
    options = harness.parser(__doc__)
    options.add_argument("--compile", action="store_true", help="also time efficient-kan under torch.compile")
    options.add_argument("--rows", help="comma-separated parts of row names")
    args = options.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("benchmarks.gpu needs a GPU that torch can use; torch.cuda.is_available() is False.")
    rounds = args.rounds or (5 if args.quick else 11)
    rows = [row for row in ROWS if not args.rows or any(part in row.name for part in args.rows.split(","))]
    results: dict[str, Any] = {"rows": {}, "training": {}, "accuracy": {}}
    for row in rows:
        results["rows"][row.name] = measure_row(row, rounds, args.compile)
        harness.log(_milliseconds({f"{row.name}, {mode}": t for mode, t in results["rows"][row.name][0].items()}))
    results["training"] = training(rounds)
    results["accuracy"] = {grid: accuracy(grid) for grid in (5, 100)}
    text = as_text(results)
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, float32\n")
    harness.finish(args, _numbers(results), text)


def _numbers(value: Any) -> Any:
    if isinstance(value, Timing):
        return value.as_dict()
    if isinstance(value, dict):
        return {str(key): _numbers(item) for key, item in value.items()}
    return [_numbers(item) for item in value] if isinstance(value, (tuple, list)) else value


if __name__ == "__main__":
    main()

"""Curvature: a Hessian product over a gradient, and a spectral density against PyHessian's algorithm.

    python -m benchmarks.curvature [--quick]

PyHessian 0.1 calls a function that torch no longer has; `RewrittenDensity` does what its `density` does, step by step
and in our words, and takes as long: vectors are lists of tensors, every new one is orthogonalized against all others,
one after the other, products are one `autograd.grad` on the graph of one batch, or for a loader forward, backward and a
second backward for every batch and every product. Its numbers are those of the rewrite.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

import edgewise
from benchmarks import harness
from benchmarks.harness import Timing
from edgewise.curvature import density, eigs, gauss_newton, hessian

GRADIENT, PRODUCT, GAUSS_NEWTON, REBUILT = "gradient", "Hessian product", "Gauss-Newton product", "product, new graph"
OURS, KEPT = "edgewise.curvature.density", "edgewise.curvature.density, keep_graphs=True"
THEIRS = "PyHessian's algorithm, rewritten"
STEPS, PROBES = 64, 8


def problems() -> dict[str, tuple[nn.Module, nn.Module, Tensor, Tensor]]:
    """Model, criterion, inputs, labels of the three networks."""
    rng = torch.Generator().manual_seed(0)
    x2 = 2 * torch.rand(1000, 2, generator=rng, dtype=torch.float64) - 1
    x64 = 2 * torch.rand(1000, 64, generator=rng, dtype=torch.float64) - 1
    mlp, x, y = table_mlp(128)
    return {
        "KAN [2,5,1], 1000 rows, float64": (
            edgewise.KAN([2, 5, 1], seed=0, dtype=torch.float64),
            nn.MSELoss(),
            x2,
            torch.exp(torch.sin(torch.pi * x2[:, :1]) + x2[:, 1:] ** 2),
        ),
        "KAN [64,64], 1000 rows, float64": (
            edgewise.KAN([64, 64], seed=0, dtype=torch.float64),
            nn.MSELoss(),
            x64,
            x64.sin(),
        ),
        "MLP 147-512-10, 128 rows, float32": (mlp, nn.CrossEntropyLoss(), x, y),
    }


def table_mlp(rows: int) -> tuple[nn.Module, Tensor, Tensor]:
    """The classifier of a table with 147 columns and ten classes, with data of that shape."""
    rng = torch.Generator().manual_seed(1)
    x = torch.randn(rows, 147, generator=rng)
    return edgewise.MLP([147, 512, 10], act="relu", seed=0), x, torch.randint(0, 10, (rows,), generator=rng)


def products(rounds: int) -> dict[str, dict[str, Timing]]:
    """`{network: {what: time}}`."""
    return {name: harness.interleave(_product_cases(*p), rounds=rounds) for name, p in problems().items()}


def _product_cases(model: nn.Module, criterion: nn.Module, x: Tensor, y: Tensor) -> dict[str, Callable[[], Any]]:
    parameters = [p for p in model.parameters() if p.requires_grad]
    op, gauss = hessian(criterion, model, (x, y)), gauss_newton(criterion, model, (x, y))
    rebuilt = hessian(criterion, model, (x, y), keep_graphs=False)
    v = torch.randn(op.shape[0], generator=torch.Generator().manual_seed(2), dtype=op.dtype)
    return {
        GRADIENT: lambda: torch.autograd.grad(criterion(model(x), y), parameters),
        PRODUCT: lambda: op @ v,
        GAUSS_NEWTON: lambda: gauss @ v,
        REBUILT: lambda: rebuilt @ v,
    }


def densities(rounds: int, steps: int, probes: int, rows: int) -> dict[str, dict[str, Timing]]:
    """`{data: {who: time}}` for one batch, and for a table in batches of 128."""
    found = {}
    for name, n in ((f"one batch of {min(rows, 128)}", min(rows, 128)), (f"{rows} rows in batches of 128", rows)):
        model, x, y = table_mlp(n)
        batches = list(zip(x.split(128), y.split(128), strict=True))
        criterion = nn.CrossEntropyLoss()
        cases = {
            OURS: lambda m=model, b=batches: density(hessian(nn.CrossEntropyLoss(), m, b), steps, probes),
            KEPT: lambda m=model, b=batches: density(
                hessian(nn.CrossEntropyLoss(), m, b, keep_graphs=True), steps, probes
            ),
            THEIRS: lambda m=model, b=batches, c=criterion: RewrittenDensity(m, c, b)(steps, probes),
        }
        found[name] = harness.interleave(cases, rounds=rounds, warmup=1, budget_sec=600)
    return found


def same_answer() -> float:
    """Largest eigenvalue by the rewrite over that by `eigs`: 1 says that both see the same matrix."""
    model, x, y = table_mlp(128)
    nodes, _ = RewrittenDensity(model, nn.CrossEntropyLoss(), [(x, y)])(32, 1)
    return float(nodes[0].real.max()) / float(eigs(hessian(nn.CrossEntropyLoss(), model, (x, y)), 1, "LA").values[0])


# ------------------------------------------------------------------------------------------------ the rewrite


class RewrittenDensity:
    """PyHessian's `density`, as a literal algorithm. Graphs are kept for one batch only, as there."""

    def __init__(self, model: nn.Module, criterion: nn.Module, batches: list[tuple[Tensor, Tensor]]) -> None:
        self.model, self.criterion, self.batches = model, criterion, batches
        self.params = [p for p in model.parameters() if p.requires_grad]
        self.grads = self._gradients(*batches[0]) if len(batches) == 1 else None

    def __call__(self, steps: int, probes: int) -> tuple[list[Tensor], list[Tensor]]:
        runs = [self._lanczos(steps) for _ in range(probes)]
        return [nodes for nodes, _ in runs], [weights for _, weights in runs]

    def _gradients(self, x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
        return torch.autograd.grad(self.criterion(self.model(x), y), self.params, create_graph=True)

    def _product(self, v: list[Tensor]) -> list[Tensor]:
        if self.grads is not None:
            return list(torch.autograd.grad(self.grads, self.params, v, retain_graph=True))
        total, rows = [torch.zeros_like(p) for p in self.params], 0
        for x, y in self.batches:
            grads = self._gradients(x, y)
            parts = torch.autograd.grad(grads, self.params, v)
            total = [t + len(x) * part for t, part in zip(total, parts, strict=True)]
            rows += len(x)
        return [t / rows for t in total]

    def _lanczos(self, steps: int) -> tuple[Tensor, Tensor]:
        v = _normalized([2.0 * torch.randint_like(p, high=2) - 1 for p in self.params])
        basis, alphas, betas = [v], [], []
        w: list[Tensor] = []
        for step in range(steps):
            if step:
                betas.append(_inner(w, w).sqrt().item())
                for old in basis:
                    w = _plus(w, old, -_inner(w, old))
                v = _normalized(w)
                basis.append(v)
            product = self._product(v)
            alphas.append(_inner(product, v).item())
            w = _plus(product, v, -alphas[-1])
            if step:
                w = _plus(w, basis[-2], -betas[-1])
        t = torch.diag(torch.tensor(alphas)) + torch.diag(torch.tensor(betas), 1) + torch.diag(torch.tensor(betas), -1)
        values, vectors = torch.linalg.eig(t)
        return values, vectors[0] ** 2


def _inner(xs: Iterable[Tensor], ys: Iterable[Tensor]) -> Tensor:
    return sum((x * y).sum() for x, y in zip(xs, ys, strict=True))  # pyright: ignore[reportReturnType]


def _plus(xs: list[Tensor], ys: list[Tensor], alpha: float | Tensor) -> list[Tensor]:
    for x, y in zip(xs, ys, strict=True):
        x.data.add_(y * alpha)
    return xs


def _normalized(v: list[Tensor]) -> list[Tensor]:
    length = _inner(v, v).sqrt().item()
    return [x / (length + 1e-6) for x in v]


# ---------------------------------------------------------------------------------------------------- running


def report(product_times: dict[str, dict[str, Timing]], density_times: dict[str, dict[str, Timing]]) -> str:
    """Both tables and the bars."""
    bars = [
        harness.Bar(f"Hessian product over a gradient, {name}", t[PRODUCT].median / t[GRADIENT].median, 3)
        for name, t in product_times.items()
    ]
    bars += [
        harness.Bar(
            f"density faster than PyHessian's algorithm, {name}", t[THEIRS].median / t[OURS].median, 3, at_least=True
        )
        for name, t in density_times.items()
    ]
    return "\n\n".join([
        harness.ratio_table(product_times, GRADIENT),
        harness.ratio_table(density_times, OURS),
        harness.table(["what", "bar", "measured", ""], [bar.cells() for bar in bars]),
    ])


def main() -> None:
    parser = harness.parser(__doc__)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    rounds = args.rounds or (5 if args.quick else 15)
    steps, probes, rows = (32, 2, 512) if args.quick else (STEPS, PROBES, 2048)
    harness.log(f"largest eigenvalue, rewrite over ours: {same_answer():.5f} (1 if both see one matrix)")
    product_times = products(rounds)
    density_times = densities(min(rounds, 5), steps, probes, rows)
    numbers = {
        name: {who: timing.as_dict() for who, timing in timings.items()}
        for name, timings in {**product_times, **density_times}.items()
    }
    harness.finish(args, numbers, report(product_times, density_times))


if __name__ == "__main__":
    main()

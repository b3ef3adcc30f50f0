"""Physics: the gradient of a residual by jets against nested autograd on the same network.

    python -m benchmarks.physics [--quick]

A solver of differential equations asks for one thing thousands of times: derivatives of a network by its inputs, and
their gradient by its parameters. Both ways give the same numbers, which is checked first.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

import edgewise
from benchmarks import harness
from benchmarks.harness import Bar, Timing
from edgewise.physics.jets import by_autograd, jet
from edgewise.physics.plan import Plan, laplacian, plan_of

JETS, NESTED = "jets", "nested autograd"
ROWS = 900
BAR = 8.0


def cases() -> dict[str, tuple[edgewise.KAN, Plan]]:
    """Network and what is computed of it."""
    flat, third = plan_of(frozenset([laplacian([0, 1])])), plan_of(frozenset([((0,),), ((1, 1, 1),)]))
    kind: dict[str, Any] = {"seed": 0, "dtype": torch.float64}
    return {
        "[2,10,1] k=3, Laplacian": (edgewise.KAN([2, 10, 1], grid=5, k=3, **kind), flat),
        "[2,10,1] k=5, Laplacian": (edgewise.KAN([2, 10, 1], grid=5, k=5, **kind), flat),
        "[2,8,8,1] k=5, Laplacian": (edgewise.KAN([2, 8, 8, 1], grid=5, k=5, **kind), flat),
        "[2,10,1] k=5, u_t and u_xxx": (edgewise.KAN([2, 10, 1], grid=5, k=5, **kind), third),
    }


def gradient_of(how: Callable[..., Tensor], model: edgewise.KAN, x: Tensor, plan: Plan) -> tuple[Tensor, ...]:
    """The gradient of the mean square of the last channel."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    return torch.autograd.grad(how(model, x, plan)[0, -1].square().mean(), parameters)


def measure(rounds: int) -> dict[str, dict[str, Timing]]:
    """`{case: {way: time}}`."""
    x = 2 * torch.rand(ROWS, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 1
    found = {}
    for name, (model, plan) in cases().items():
        ways = {
            JETS: lambda m=model, p=plan: gradient_of(jet, m, x, p),
            NESTED: lambda m=model, p=plan: gradient_of(by_autograd, m, x, p),
        }
        for ours, theirs in zip(ways[JETS](), ways[NESTED](), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10 * float(theirs.abs().max()))
        found[name] = harness.interleave(ways, rounds=rounds)
    return found


def main() -> None:
    """Print the table and the bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few rounds")
    rounds = 5 if parser.parse_args().quick else 25
    results = measure(rounds)
    print(f"{ROWS} rows, forward and backward; time over that of jets.\n")
    print(harness.ratio_table(results, JETS))
    first = next(iter(results.values()))
    bar = Bar(
        "Laplacian of [2,10,1] over nested autograd", first[NESTED].median / first[JETS].median, BAR, at_least=True
    )
    print("\n" + harness.table(["bar", "limit", "measured", ""], [bar.cells()]))
    print(f"\n{harness.environment_line()}")


if __name__ == "__main__":
    main()

"""An engine that differentiates any calculation with numbers, and a KAN made of such numbers, in three hundred lines.

    python examples/scalar_engine.py                 # ten seconds
    python examples/scalar_engine.py --quick         # fewer epochs
    python examples/scalar_engine.py --save pictures # and write the graphs there (as SVG where graphviz is installed)

The engine is `edgewise.scratch.scalar`: read it beside this script.
"""

# %% Settings. Nothing is written unless a folder is named.
import argparse
import shutil
from pathlib import Path

from edgewise.scratch.scalar import KAN, Optimizer, Tensor, compute_loss, draw_dot

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--quick", action="store_true", help="a small setting")
parser.add_argument("--save", metavar="DIR", type=Path, help="write the graphs to this folder")
options = parser.parse_args()


def show(result: Tensor, name: str) -> None:
    if options.save:
        options.save.mkdir(parents=True, exist_ok=True)
        ending = "svg" if shutil.which("dot") else "dot"
        draw_dot(result, options.save / f"{name}.{ending}")


# %% A number remembers what it was made from. `backward` walks back and adds up slopes over every path.
a, b = Tensor(2.0), Tensor(-3.0)
c = a * b + a**2
c.backward()
print(f"c = {c.data:g}, dc/da = b + 2a = {a.grad:g}, dc/db = a = {b.grad:g}")
print(draw_dot(c))
show(c, "expression")

# %% A table like "exclusive or": large where exactly one input is large. No line separates the two kinds of row.
x = [
    [Tensor(0.25), Tensor(0.25)],
    [Tensor(0.25), Tensor(0.75)],
    [Tensor(0.75), Tensor(0.25)],
    [Tensor(0.75), Tensor(0.75)],
]
y = [0.25, 0.75, 0.75, 0.25]

# %% A KAN with three hidden layers. Its bumps, edges and sums are written with numbers like `a` and `b`: no derivative
# of the network was ever worked out.
kan = KAN(2, [2, 2, 2, 1], seed=0)
optim = Optimizer(lr=0.1)
print(f"{len(kan.parameters())} parameters")
losses = Tensor(0)
for epoch in range(60 if options.quick else 300):
    losses = sum((compute_loss(kan(row), label) for row, label in zip(x, y, strict=True)), Tensor(0))
    optim.zero_grad(kan.parameters())
    losses.backward()
    optim.step(kan.parameters())
    if epoch % 20 == 0:
        print(f"epoch {epoch:3d}: loss {losses.data:.1e}")

# %% The four answers, and the calculation behind the last one: boxes are numbers, arrows carry slopes.
for row, label in zip(x, y, strict=True):
    print(f"{row[0].data:.2f} {row[1].data:.2f} -> {kan(row).data:.3f}, wanted {label}")
graph = draw_dot(kan(x[-1]))
print(f"one answer takes {graph.count('[label=') - graph.count('->')} numbers and {graph.count('->')} slopes")
show(kan(x[-1]), "kan")

# %% The error that is left, added over the four rows.
print(f"loss: {losses.data:.1e} (should be below {'1e-3' if options.quick else '1e-5'})")

"""What the KAN paper does, in its order: toy functions, finer grids, sparsify, prune, name the edges, read the formula.

    python examples/notes_workflow.py                 # two minutes
    python examples/notes_workflow.py --quick         # fewer functions, coarser grids
    python examples/notes_workflow.py --save pictures # and write the pictures there

Source: Liu et al. (2024), KAN: Kolmogorov-Arnold Networks, arXiv:2404.19756, sections 2.3 to 2.5 and 3.1.
"""

# %% Settings. Nothing is written unless a folder is named.
import argparse
from pathlib import Path

import torch

from edgewise import KAN, create_dataset
from edgewise.interpret import attribute
from edgewise.plot import plot_history

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--quick", action="store_true", help="a small setting")
parser.add_argument("--save", metavar="DIR", type=Path, help="write the pictures to this folder")
options = parser.parse_args()


def show(figure, name: str) -> None:
    if options.save:
        options.save.mkdir(parents=True, exist_ok=True)
        figure.savefig(options.save / f"{name}.svg")


# %% Toy functions, and for each the network whose nodes and edges its formula calls for. `bessel_j0(20 x)` takes one
# edge; a product takes two hidden nodes, since `4xy = (x + y)^2 - (x - y)^2`; a hundred inputs are no harder than two
# where the function is a sum inside another function. Deep networks get stuck more easily: the last has eight starts.
pi = torch.pi
toys = {
    "bessel_j0(20 x)": (lambda x: torch.special.bessel_j0(20 * x), [1, 1]),
    "exp(sin(pi x) + y^2)": (lambda x: torch.exp(torch.sin(pi * x[:, :1]) + x[:, 1:] ** 2), [2, 1, 1]),
    "x y": (lambda x: x[:, :1] * x[:, 1:], [2, 2, 1]),
    "exp(mean of sin(pi x_i / 2)^2), 100 inputs": (
        lambda x: torch.exp(torch.sin(pi * x / 2).square().mean(1, keepdim=True)),
        [100, 1, 1],
    ),
    "exp((sin(pi (a^2 + b^2)) + sin(pi (c^2 + d^2))) / 2)": (
        lambda x: torch.exp(torch.sin(pi * x.square().view(-1, 2, 2).sum(2)).mean(1, keepdim=True)),
        [4, 4, 2, 1],
    ),
}
grids, steps, rows = ([3, 6], 15, 500) if options.quick else ([3, 6, 12, 24], 40, 3000)
for formula, (function, width) in list(toys.items())[: 3 if options.quick else None]:
    data = create_dataset(function, n_var=width[0], train_num=rows, test_num=500, seed=0, dtype=torch.float64)
    model = KAN(width, grid=3, seed=0, dtype=torch.float64)
    result = model.fit(data, grids=grids, steps=steps, restarts=8 if len(width) > 3 else 1)
    print(f"{formula:52s} {width!s:13s} test RMSE {result['test_rmse'][-1]:.1e}")

# %% Finer grids. A refined network is the same function with more coefficients, so the error goes down a staircase,
# until a grid has more coefficients than the rows can tell: there the test error turns back.
function, _ = toys["exp(sin(pi x) + y^2)"]
data = create_dataset(function, n_var=2, seed=0, dtype=torch.float64)
result = KAN([2, 1, 1], grid=3, seed=0, dtype=torch.float64).fit(data, grids=grids, steps=steps)
for stage in result.stages:
    print(f"{stage.grid:3d} intervals: train RMSE {stage.train_rmse:.1e}, test RMSE {stage.test_rmse:.1e}")
show(plot_history(result), "staircase")

# %% Say we did not know the shape. A wide network, trained, then trained with a penalty: the magnitudes of its edges
# and their entropy count beside the error, which drives the function into few edges.
model = KAN([2, 3 if options.quick else 5, 1], grid=5, seed=0, dtype=torch.float64)
model.fit(data, steps=20)
model.fit(data, opt="lbfgs", steps=100, lamb=0.1)
show(model.plot(data), "sparsified")

# %% How much of the output passes through every hidden node? Those below the threshold go, with their edges.
print("hidden nodes:", " ".join(f"{score:.3f}" for score in attribute(model, data["train_input"]).nodes[1]))
model = model.prune(data, node_th=0.05)
print(model.prune_report)
show(model.plot(data), "pruned")

# %% Train what is left, without the penalty, and look at its edges: a wave, a parabola and an exponential. Beware: on a
# short interval a parabola is also the top of a bell curve, so an edge alone may not tell. `suggest_symbolic` with
# labels asks the whole network, and `auto_symbolic` goes by that.
lib = ["x^2", "x^3", "sin", "exp", "gaussian", "tanh"] if options.quick else None  # all 37 functions
model.fit(data, steps=30)
for edge in ((0, 0, 0), (0, 1, 0), (1, 0, 0)):
    best, second, *_ = model.suggest_symbolic(*edge, data["train_input"], lib=lib)
    print(f"edge {edge}: {best.name} explains all but {best.missing:.0e}, {second.name} all but {second.missing:.0e}")

# %% Set them by hand, `y = c f(a x + b) + d` with numbers fitted to the edge, and train those numbers further.
model.fix_symbolic(0, 0, 0, "sin", data)
model.fix_symbolic(0, 1, 0, "x^2", data)
model.fix_symbolic(1, 0, 0, "exp", data)
model.fit(data, steps=30)
print(model.formula(data))  # y = exp(x2**2 + sin(pi*x1))
show(model.plot(data), "symbolic")

# %% With the right functions nothing is left but rounding.
error = (model(data["test_input"]) - data["test_label"]).square().mean().sqrt().item()
print(f"test RMSE of the formula: {error:.1e} (should be below 1e-10)")

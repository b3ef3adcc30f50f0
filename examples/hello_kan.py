"""Hello, KAN: fit a function of two variables, look at the network, take away what it does not need, read its formula.

python examples/hello_kan.py                 # half a minute
python examples/hello_kan.py --quick         # a smaller network, coarser grids
python examples/hello_kan.py --save pictures # and write the pictures there
"""

# %% Settings. Nothing is written unless a folder is named.
import argparse
from pathlib import Path

import torch

from edgewise import KAN, create_dataset

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--quick", action="store_true", help="a small setting")
parser.add_argument("--save", metavar="DIR", type=Path, help="write the pictures to this folder")
options = parser.parse_args()


def show(figure, name: str) -> None:
    if options.save:
        options.save.mkdir(parents=True, exist_ok=True)
        figure.savefig(options.save / f"{name}.svg")


# %% A function to discover. `create_dataset` samples it on [-1, 1]^2: a dict of training and test rows.
data = create_dataset(
    lambda x: torch.exp(torch.sin(torch.pi * x[:, :1]) + x[:, 1:] ** 2), n_var=2, seed=0, dtype=torch.float64
)

# %% Two inputs, five hidden nodes, one output; every edge is a cubic spline on three intervals.
model = KAN([2, 2, 1] if options.quick else [2, 5, 1], grid=3, k=3, seed=0, dtype=torch.float64)
show(model.plot(data), "1_untrained")

# %% Training on ever finer grids: a refined network is the same function with more to adjust.
grids = [3, 5] if options.quick else [3, 5, 10, 20]
result = model.fit(data, grids=grids, steps=20 if options.quick else 30)
print(f"test RMSE {result['test_rmse'][-1]:.1e} on {grids[-1]} intervals; {result.why_opt}")
show(model.plot(data), "2_trained")

# %% It is accurate, but so many hidden nodes are more than the function needs. A penalty gathers it on few edges;
# `sparsify` removes the others, fits again, and goes on as long as held-out rows do not mind. It gives a new model.
small = model.refine(5).sparsify(data, steps=20 if options.quick else 60)
print(f"{model.width} with {model.n_edges} edges has become {small.width} with {small.n_edges}")
show(small.plot(data), "3_sparse")

# %% What does an edge look like? Candidates for the first, each judged by the loss of the whole network.
lib = ["x", "x^2", "sin", "exp", "tanh"] if options.quick else None  # all 37 functions
print(small.suggest_symbolic(0, 0, 0, data["train_input"], data["train_label"], lib=lib))

# %% The same for every edge, and the formula, with exact numbers where the data agree.
small.auto_symbolic(data, lib=lib)
formula = small.formula(data)
print(formula)
show(small.plot(data), "4_symbolic")

# %% The formula is `y = exp(x2**2 + sin(pi*x1))`, so nothing is left but rounding.
error = (small(data["test_input"]) - data["test_label"]).square().mean().sqrt().item()
print(f"test RMSE of the formula: {error:.1e} (should be below 1e-10)")

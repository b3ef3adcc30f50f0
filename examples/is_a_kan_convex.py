"""Is a KAN convex? The loss along a line of weights, Hessian spectra on the way, eigenvalues and trace.

python examples/is_a_kan_convex.py                 # a minute
python examples/is_a_kan_convex.py --quick         # fewer points
python examples/is_a_kan_convex.py --save pictures # and write the pictures there
"""

# %% Settings. Nothing is written unless a folder is named.
import argparse
from pathlib import Path

import torch
from torch import nn

from edgewise import KAN, create_dataset
from edgewise.curvature import density, eigs, hessian, landscape, trace
from edgewise.plot import plot_line, plot_slice, plot_spectrum

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--quick", action="store_true", help="a small setting")
parser.add_argument("--save", metavar="DIR", type=Path, help="write the pictures to this folder")
options = parser.parse_args()


def show(figure, name: str) -> None:
    if options.save:
        options.save.mkdir(parents=True, exist_ok=True)
        figure.savefig(options.save / f"{name}.png", dpi=150)


def f(x):
    return torch.exp(torch.sin(torch.pi * x[:, [0]]) + x[:, [1]] ** 2)


# %% A network before and after training. The grid moves to the data once, before the start is kept:
# coefficients on other knots would mean other functions, and the line between the two would mix them.
data = create_dataset(f, n_var=2, seed=0, dtype=torch.float64)
model = KAN([2, 5, 1], grid=5, k=3, seed=0, dtype=torch.float64)
model.update_grid(data["train_input"])
before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
result = model.fit(data, opt="lbfgs", steps=50, update_grid=False, progress=False)
criterion = nn.MSELoss()

# %% The loss along the line between the two, and beyond, for ten data sets. Convex functions are convex on
# every line: one place where the middle lies above the chord settles the question.
start = KAN(**model.config()).double()
start.load_state_dict(before)
data_sets = {f"data set {seed}": create_dataset(f, n_var=2, seed=seed, dtype=torch.float64) for seed in range(10)}
points = 36 if options.quick else 141
line = landscape.interpolate(criterion, start, model, data_sets, span=(-1.5, 2.0), points=points)
bends = line.loss[:, 2:] - 2 * line.loss[:, 1:-1] + line.loss[:, :-2]
show(plot_line(line), "line")

# %% Spectra of the Hessian on the way
alphas = (0.0, 0.5, 1.0) if options.quick else (-1.0, -0.5, 0.0, 0.25, 0.5, 0.75, 1.0, 1.5)
spectra = {}
for alpha in alphas:
    weights = {name: torch.lerp(p, dict(model.named_parameters())[name], alpha) for name, p in start.named_parameters()}
    here = KAN(**model.config()).double()
    here.load_state_dict({**before, **weights})
    spectra[alpha] = density(hessian(criterion, here, data), steps=48, probes=4 if options.quick else 16)
    show(plot_spectrum(spectra[alpha]), f"spectrum_{alpha:+.2f}")

# %% Eigenvalues and trace of the trained network
op = hessian(criterion, model, data)
ends, total = eigs(op, 5, "LM"), trace(op, 60)
lowest = eigs(op, 1, "SA")
plane = landscape.slice2d(criterion, model, data, ends.vectors.T[:2], span=0.2, points=11 if options.quick else 41)
show(plot_slice(plane), "eigenvector_plane")

# %% The numbers, and what they should be. The trained network lies in a bowl, nearly; on the way there is no bowl.
for alpha, found in spectra.items():
    negative = float(found.weights[found.nodes < -1e-3 * found.size].sum())
    largest = float(found.nodes[-1])
    print(f"alpha {alpha:+.2f}: {negative:.0%} negative, {found.zero_mass():.0%} near zero, largest {largest:.3g}")
print("largest eigenvalues:", ", ".join(f"{value:.4f}" for value in ends.values), f"(+- {ends.residuals.max():.0e})")
print(f"trace: {total.value:.2f} +- {total.stderr:.2f}; smallest eigenvalue: {float(lowest.values[0]):.3g}")
print(f"largest eigenvalue, density over eigs: {spectra[1.0].nodes[-1] / ends.values[0]:.6f} (should be 1)")
concave = 100 * (bends < 0).double().mean(1)
print(f"percent of the line where the loss bends down, any data set: {concave.min():.0f} (should be above 0)")

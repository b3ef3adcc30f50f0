"""A KAN in two hundred lines of NumPy learns a curve from twenty samples; derivatives by hand, no autograd.

    python examples/numpy_from_scratch.py                 # a few seconds
    python examples/numpy_from_scratch.py --quick         # fewer epochs
    python examples/numpy_from_scratch.py --save pictures # and write the pictures there

The network is `edgewise.scratch.numpy_kan`: read it beside this script.
"""

# %% Settings. Nothing is written unless a folder is named.
import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from edgewise.scratch.numpy_kan import KAN, BSpline, Layer

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--quick", action="store_true", help="a small setting")
parser.add_argument("--save", metavar="DIR", type=Path, help="write the pictures to this folder")
options = parser.parse_args()


def show(figure: Figure, name: str) -> None:
    if options.save:
        options.save.mkdir(parents=True, exist_ok=True)
        figure.savefig(options.save / f"{name}.svg")


# %% Bumps. Seven cubic ones on [-1, 1]: each lives on four cells, and inside they add up to one everywhere.
spline = BSpline(p=3, n=7)
fine = np.linspace(-1, 1, 401)[:-1]
bumps = spline(fine)
print(f"{len(bumps)} bumps; their sum differs from 1 by at most {abs(bumps.sum(0) - 1).max():.0e}")

# %% Weights make a curve of them, and moving one weight moves the curve only where that bump lives.
weights = np.random.default_rng(0).normal(size=7)
figure = Figure(figsize=(6, 3), layout="constrained")
axes = figure.add_subplot()
axes.plot(fine, bumps.T, color="0.8")
axes.plot(fine, weights @ bumps, color="black", label="curve")
weights[1] += 1
axes.plot(fine, weights @ bumps, color="tab:orange", label="one weight moved")
axes.legend()
show(figure, "bumps")

# %% Twenty samples of 0.5 sin(4x) exp(-x-1), and a network with two hidden layers of two nodes.
x = np.linspace(-1, 1, 20)[:, None]
y = 0.5 * np.sin(4 * x) * np.exp(-x - 1)
model = KAN([1, 2, 2, 1], seed=0)
losses = model.fit(x, y, epochs=500 if options.quick else 5000)
for epoch in (0, 100, len(losses) - 1):
    print(f"epoch {epoch:4d}: mean squared error {losses[epoch]:.1e}")

# %% The fit, between the samples too, and the curve on every edge.
figure = Figure(figsize=(9, 5), layout="constrained")
grid = figure.add_gridspec(2, 5)
axes = figure.add_subplot(grid[:, :2])
axes.plot(fine, 0.5 * np.sin(4 * fine) * np.exp(-fine - 1), color="0.7", linewidth=4, label="function")
axes.plot(fine, model.predict(fine[:, None]), color="tab:orange", label="network")
axes.plot(x, y, "k.", label="samples")
axes.legend()
layers = [layer for layer in model.layers if isinstance(layer, Layer)]
for column, layer in enumerate(layers):
    axes = figure.add_subplot(grid[:, 2 + column])
    axes.set_title(f"edges of layer {column + 1}")
    for edge in layer.W.reshape(-1, spline.n):
        axes.plot(fine, edge @ bumps)
show(figure, "fit")

# %% The scale of the function is 0.16, its root mean square.
error = float(np.sqrt(np.mean((model.predict(x) - y) ** 2)))
print(f"RMSE on the samples: {error:.1e} (should be below {'1e-2' if options.quick else '2e-3'})")

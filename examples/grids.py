"""Grids, in pykan's words: where the splines of a network live, and how they follow the data.

python examples/grids.py                 # a few seconds
python examples/grids.py --quick         # fewer samples
python examples/grids.py --save pictures # and write the picture of the basis there
"""

# %% Settings. Nothing is written unless a folder is named.
import argparse
from pathlib import Path

from edgewise.pykan import KAN, np, plt, torch
from edgewise.pykan.spline import B_batch, extend_grid

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--quick", action="store_true", help="a small setting")
parser.add_argument("--save", metavar="DIR", type=Path, help="write the picture to this folder")
options = parser.parse_args()
samples = 201 if options.quick else 1001
np.set_printoptions(precision=4, suppress=True)

# %% Five intervals on [-1, 1]. A cubic spline wants three more knots on each side, and has five plus three functions.
G, k = 5, 3
grid = extend_grid(torch.linspace(-1, 1, G + 1)[None], k_extend=k)
x = torch.linspace(-1, 1, samples)
basis = B_batch(x[:, None], grid, k)[:, 0]
print("knots:", grid[0].numpy())
figure, axes = plt.subplots()
axes.plot(x, basis, label=[f"$B_{i}$" for i in range(G + k)])
axes.set(xlabel="x", title="cubic B-splines on five intervals")
axes.legend(ncols=2)
if options.save:
    options.save.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.save / "basis.svg")

# %% The smallest network has a single edge: a residual function and a spline, each with a factor.
model = KAN(width=[1, 1], grid=G, k=k)
edge = model.act_fun[0]
spline = basis @ edge.coef[0, 0]
residual = torch.nn.functional.silu(x)
output = model(x[:, None])[:, 0].detach()
whole = edge.scale_base * residual + edge.scale_sp * spline
alone, together = (float((output - part).detach().abs().max()) for part in (spline, whole))
print(f"the spline alone misses the output by {alone:.4f}")

# %% Data elsewhere: the grid goes where they are, without a margin, as in pykan; `model.fit` leaves a little.
for end in (10.0, 0.5):
    model = KAN(width=[1, 1], grid=G, k=k)
    model.update_grid_from_samples(torch.linspace(-end, end, samples)[:, None])
    print(f"knots for samples on [-{end:g}, {end:g}]:", model.act_fun[0].grid[0].numpy())

# %% Equal intervals (`grid_eps=1`), or as many samples in each (`grid_eps=0`); between, a blend of both.
bell = torch.randn(samples, 1, generator=torch.Generator().manual_seed(0))
for grid_eps in (1.0, 0.0):
    model = KAN(width=[1, 1], grid=G, k=k, grid_eps=grid_eps)
    model.update_grid_from_samples(bell)
    inner = model.act_fun[0].grid[0, k : k + G + 1]
    counts = np.histogram(bell, inner)[0].tolist()
    print(f"grid_eps={grid_eps:g}: interval ends {inner.numpy()}, samples in each {counts}")

# %% The edge is what its parts say it is.
print(f"largest difference between the edge and its parts: {together:.1e} (should be below 1e-6)")

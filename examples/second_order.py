"""Second order: what the curvature of a loss says, and four ways to train with and without it.

python examples/second_order.py                 # two minutes
python examples/second_order.py --quick         # a smaller network, fewer steps
python examples/second_order.py --save pictures # and write the picture there
"""

# %% Settings. Nothing is written unless a folder is named.
import argparse
import time
from pathlib import Path

import torch
from matplotlib.figure import Figure

from edgewise import KAN, MLP, create_dataset
from edgewise.datasets import load_adult, prepare_table
from edgewise.optim import HSODM, SFN, FunctionObjective, SaddleFreeNewton, augmented_eigenpair

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--quick", action="store_true", help="a small setting")
parser.add_argument("--save", metavar="DIR", type=Path, help="write the picture to this folder")
options = parser.parse_args()

# %% A function to learn, and a network for it: two inputs, five hidden nodes, one output.
data = create_dataset(
    lambda x: torch.exp(torch.sin(torch.pi * x[:, :1]) + x[:, 1:] ** 2), n_var=2, seed=0, dtype=torch.float64
)
x, y = data["train_input"], data["train_label"]
width, grid = ([2, 2, 1], 3) if options.quick else ([2, 5, 1], 5)


def network() -> KAN:
    return KAN(width, grid=grid, seed=0, dtype=torch.float64)


# %% A point where gradients are no help. With all edges zero but for a constant the network predicts the mean, and no
# single number in it lowers the loss: the gradient vanishes. It is a saddle point: two numbers together do.
stuck = network()
with torch.no_grad():
    for parameter in stuck.parameters():
        parameter.zero_()
    stuck.layers[-1].spline_weight.fill_(float(y.mean()) / width[1])  # the bases of a spline add up to one


def loss(params: dict[str, torch.Tensor]) -> torch.Tensor:
    return (torch.func.functional_call(stuck, params, (x,)) - y).square().mean()


objective = FunctionObjective(loss, dict(stuck.named_parameters()))
here = objective.evaluate(objective.layout.start)
print(f"at the saddle: loss {here.loss:.2f}, gradient {here.grad.norm():.0e}")

# %% The augmented Hessian [[H, g], [g', 0]] sees the way out: its smallest eigenvalue is negative. Where `g` vanishes
# so does the last component of the eigenvector, and the others are a direction of negative curvature.
pair = augmented_eigenpair(objective.hessian(here.x), here.grad)
print(f"smallest eigenvalue {pair.value:.3f}, last component {float(pair.vector[-1]):.0e}, {pair.products} products")

# %% HSODM steps along that vector, so it leaves; L-BFGS has nothing but the gradient, so it stays.
for name in ("lbfgs", "hsodm"):
    start = network()
    start.load_state_dict(stuck.state_dict())
    result = start.fit(data, opt=name, steps=5, progress=False, update_grid=False)
    print(f"{name} from the saddle: train loss {result.history['train_loss'][-1]:.2f} after {result.steps} steps")

# %% From an ordinary start, four ways. Adam and L-BFGS know gradients; HSODM takes the Newton step that the eigenvector
# of the augmented Hessian gives, saddle-free Newton divides by the absolute values of the curvatures.
ways = {
    "Adam": (lambda m: torch.optim.Adam(m.parameters(), lr=1e-2), 100 if options.quick else 3000),
    "L-BFGS": (lambda m: "lbfgs", 50 if options.quick else 500),
    "HSODM": (lambda m: HSODM(m.parameters(), tol=1e-2, iterations=20), 10 if options.quick else 80),
    "SFN": (lambda m: SaddleFreeNewton(m.parameters(), rank=30, damping=1e-3), 10 if options.quick else 80),
}
curves = {}
for name, (build, steps) in ways.items():
    model = network()
    began = time.perf_counter()
    result = model.fit(data, opt=build(model), steps=steps, progress=False, update_grid=False)
    seconds = time.perf_counter() - began
    curves[name] = result.history["test_rmse"]
    print(f"{name}: test RMSE {result['test_rmse'][-1]:.1e} after {result.steps} steps and {seconds:.1f} s")

# %% The curves over steps. A step of a second-order method costs as much as dozens of gradients, so this is not the
# whole truth; the benchmark `python -m benchmarks.accuracy second_order` plots time and work.
figure = Figure(figsize=(6, 4), layout="constrained")
axes = figure.add_subplot(xlabel="step", ylabel="test RMSE", xscale="log", yscale="log")
for name, curve in curves.items():
    axes.plot(range(1, len(curve) + 1), curve, label=name)
axes.legend()
if options.save:
    options.save.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.save / "second_order.svg")

# %% An MLP on a real table, on lists of tensors: `SFN` has the spelling of a notebook, products with the augmented
# Hessian and its smallest eigenpair by Lanczos. `datasets.openml(41166, folder)` would give the notebook's own table.
table = prepare_table(load_adult().frame, "class")
mlp = MLP([table["train_input"].shape[1], 32 if options.quick else 512, 2], "relu", seed=0)
params = list(mlp.parameters())
opt = SFN(mlp.parameters(), lr=0.01)
rows = slice(0, 500)


def closure() -> torch.Tensor:
    return torch.nn.functional.cross_entropy(mlp(table["train_input"][rows]), table["train_label"][rows])


grads = torch.autograd.grad(closure(), params, create_graph=True)
value, vector = opt.appx_min_eigvec(grads, params, iter=30)
v = [*vector[:-1].split([p.numel() for p in params]), vector[-1:]]
product = torch.cat([part.reshape(-1) for part in opt.fvp(grads, params, v)])
print(f"MLP: smallest eigenvalue {value:.4f}, residual {(product - value * vector).norm():.0e}, {len(vector)} numbers")
losses = [opt.step(closure) for _ in range(4)]
print(f"MLP: cross entropy {losses[0]:.3f}, after three steps {losses[-1]:.3f}")

# %% Who only wants the fit asks for none of these: a squared error is least squares, and Levenberg-Marquardt knows it.
model = network()
result = model.fit(data, steps=50, progress=False)
bound = 1e-2 if options.quick else 1e-3
print(f"test RMSE of Levenberg-Marquardt: {result['test_rmse'][-1]:.1e} (should be below {bound})")

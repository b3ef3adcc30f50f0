"""Write what the page's mathematics must equal: `python tests/explorer/write_maths_fixtures.py frontend/test/fixtures`.

One JSON file per room: basis functions, elementary functions, networks with their gradients. Numbers are written with
all their digits; functions that scipy knows are scipy's.
"""

import base64
import json
import sys
from pathlib import Path

import torch
from scipy import special

from edgewise import KAN
from edgewise.layers import BASE_FUNCTIONS, FUNCTIONS
from edgewise.splines import bspline_basis, uniform_knots

torch.set_default_dtype(torch.float64)


def basis_cases() -> list[dict]:
    """Dense bases of several degrees on uniform and uneven knots, at the ends of the domain, at knots and beyond."""
    cases = []
    generator = torch.Generator().manual_seed(0)
    for degree in range(6):
        even = uniform_knots(torch.tensor([-1.0]), torch.tensor([2.0]), 4, degree)[0]
        uneven = torch.rand(5 + 2 * degree, generator=generator).add(0.05).cumsum(0) - 1
        for knots in (even, uneven):
            lo, hi, width = knots[degree], knots[-degree - 1], knots[-1] - knots[0]
            ends = torch.stack([lo, hi, knots[0], knots[-1], lo - 1e-12, hi + 1e-12, knots[0] - 0.3, knots[-1] + 0.3])
            spread = torch.linspace(float(knots[0] - 0.2 * width), float(knots[-1] + 0.2 * width), 23)
            x = torch.cat([ends, knots, spread])
            for outside in ("linear", "extend"):
                for order in range(min(degree, 2) + 2):
                    values = bspline_basis(x[:, None], knots[None], degree, order, outside)[:, 0]
                    about = {"degree": degree, "order": order, "outside": outside, "knots": knots.tolist()}
                    cases.append({**about, "x": x.tolist(), "values": values.tolist()})
    return cases


def function_cases() -> list[dict]:
    """Every function of `FUNCTIONS` where it is defined, with its slope."""
    inside = {"arcsin": (-0.99, 0.99), "arccos": (-0.99, 0.99), "arctanh": (-0.98, 0.98), "tan": (-1.5, 1.5)}
    cases = []
    for name, function in FUNCTIONS.items():
        lo, hi = inside.get(name, (0.01, 6.0) if function.domain else (-6.0, 6.0))
        z = torch.linspace(lo, hi, 60)
        if name in ("j0", "j1", "erf", "gaussian", "sin", "cos", "tanh", "sigmoid"):
            z = torch.cat([z, torch.tensor([1e-10, 7.99, 8.0, 8.01, -8.5, 12.3, 24.7, -25.3, 60.0, 300.0])])
        exponent = torch.full_like(z, 1.7)
        leaf = z.clone().requires_grad_()
        values = function(leaf, exponent)
        slopes = torch.zeros_like(z)
        if values.requires_grad:
            (slopes,) = torch.autograd.grad(values.sum(), leaf)
        exact = {"erf": special.erf, "j0": special.j0, "j1": special.j1}.get(name)
        values = values.detach() if exact is None else torch.as_tensor(exact(z.numpy()))
        about = {"name": name, "p": 1.7, "complexity": function.complexity, "twinOf": function.twin_of}
        traits = {"odd": function.odd, "even": function.even, "periodic": function.periodic}
        about |= {**traits, "freeExponent": function.free_exponent}
        cases.append({**about, "z": z.tolist(), "values": values.tolist(), "slopes": slopes.tolist()})
    return cases


def base_cases() -> list[dict]:
    """Every base function, with its slope."""
    cases = []
    for name, function in BASE_FUNCTIONS.items():
        if function is None:
            continue
        x = torch.cat([torch.linspace(-9, 9, 61), torch.tensor([-40.0, -750.0, 750.0])]).requires_grad_()
        values = function(x)
        (slopes,) = torch.autograd.grad(values.sum(), x)
        cases.append({"name": name, "x": x.tolist(), "values": values.tolist(), "slopes": slopes.tolist()})
    return cases


def array(values: torch.Tensor) -> dict:
    """The payload's form of an array."""
    data = base64.b64encode(values.detach().contiguous().numpy().tobytes()).decode()
    return {"shape": list(values.shape), "dtype": "f8", "data": data}


def network_json(model: KAN) -> dict:
    """The `model` part of a payload."""
    layers = []
    for layer in model.layers:
        own = layer.symbolic
        symbolic = [] if own is None else [
            {"i": i, "j": j, "name": f.name, "affine": line}
            for (i, j), f, line in zip(own.edges, own.functions, own.affine.tolist(), strict=True)
        ]  # fmt: skip
        scale = None if layer.spline_scale is None else array(layer.spline_scale)
        parts = {"knots": layer.knots, "coef": layer.spline_weight, "base": layer.base_weight, "mask": layer.mask}
        layers.append({**{k: array(v) for k, v in parts.items()}, "spline_scale": scale, "symbolic": symbolic})
    first = model.layers[0]
    about = {"width": model.width, "k": model.k, "mult_arity": model.mult_arity}
    return {**about, "base_fun": first.base_fun, "outside": first.outside, "layers": layers}


def models() -> dict[str, KAN]:
    """Networks that between them use everything a network may have."""
    generator = torch.Generator().manual_seed(1)
    made = {
        "plain": KAN([2, 5, 1], seed=0),
        "deep": KAN([3, 4, 4, 2], grid=3, k=2, seed=1, outside="extend", base_fun="gelu"),
        "products": KAN([3, [2, 2], [1, 1], 1], grid=4, seed=2, mult_arity=3, base_fun="tanh"),
        "scaled": KAN([2, 3, 2], grid=6, k=5, seed=3, sp_trainable=True, base_fun="identity"),
        "steps": KAN([2, 3, 1], grid=7, k=0, seed=4, base_fun="relu"),
        "lines": KAN([2, 3, 1], grid=[3, 9], k=1, seed=5, base_fun="zero", outside="extend"),
        "mixed": KAN([3, 4, 2], seed=6, sp_trainable=True),
        "uneven": KAN([2, 4, 1], grid=8, seed=7, grid_eps=0.02),
    }
    for model in made.values():  # far from the start, where splines are small
        for layer in model.layers:
            with torch.no_grad():
                layer.spline_weight += torch.randn(layer.spline_weight.shape, generator=generator)
                if layer.spline_scale is not None:
                    layer.spline_scale += torch.randn(layer.spline_scale.shape, generator=generator)
    mixed = made["mixed"]
    mask = torch.ones(3, 4)
    mask[0, 1] = mask[2, 3] = mask[1, 2] = 0
    mixed.layers[0].set_mask(mask)
    for edge, name, numbers in (
        ((0, 0), "sin", [3.1, 0.2, -1.2, 0.3, 1.0]),
        ((1, 2), "log", [1.0, -5.0, 1.0, 0.0, 1.0]),  # removed, and not defined here
        ((2, 0), "x^p", [0.4, 2.0, 0.7, -0.1, 1.6]),
        ((2, 1), "j1", [5.0, 0.0, 1.0, 0.0, 1.0]),
    ):
        from edgewise.layers import function_named

        mixed.layers[0].fix_edge(*edge, function_named(name), numbers)
    made["uneven"].update_grid(torch.randn(300, 2, generator=generator).pow(3))
    return made


def network_cases() -> list[dict]:
    """Values of every node, gradients of the mean square against labels, of parameters and inputs."""
    generator, cases = torch.Generator().manual_seed(2), []
    for name, model in models().items():
        x = 1.6 * torch.randn(40, model.in_features, generator=generator)
        x[0], x[1] = -1.0, 1.0
        y = torch.randn(40, model.out_features, generator=generator)
        x.requires_grad_()
        values, node = [x], x
        for layer, product in zip(model.layers, model.products, strict=True):
            node = product(layer(node))
            values.append(node)
        for parameter in model.parameters():
            parameter.grad = None
        loss = (node - y).square().mean()
        loss.backward()
        gradients = [
            {
                "coef": layer.spline_weight.grad.flatten().tolist(),
                "base": None if layer.base_weight.grad is None else layer.base_weight.grad.flatten().tolist(),
                "scale": None if layer.spline_scale is None else layer.spline_scale.grad.flatten().tolist(),
                "affine": None if layer.symbolic is None else layer.symbolic.affine.grad.tolist(),
            }
            for layer in model.layers
        ]
        about = {"name": name, "model": network_json(model), "x": x.flatten().tolist(), "y": y.flatten().tolist()}
        about |= {"values": [v.flatten().tolist() for v in values], "loss": loss.item(), "gradients": gradients}
        cases.append({**about, "input_gradient": x.grad.flatten().tolist()})
    return cases


def grid_cases() -> list[dict]:
    """Splines on other knots: insertion, projection."""
    from edgewise.splines import project

    generator, cases = torch.Generator().manual_seed(3), []
    for degree in (0, 1, 2, 3, 5):
        old = uniform_knots(torch.tensor([-1.0]), torch.tensor([1.0]), 4, degree)
        for lo, hi, grid in ((-1.0, 1.0, 8), (-1.0, 1.0, 5), (-1.3, 0.8, 6), (-1.0, 1.0, 3)):
            new = uniform_knots(torch.tensor([lo]), torch.tensor([hi]), grid, degree)
            coef = torch.randn(1, 4 + degree, 1, generator=generator)
            for outside in ("linear", "extend"):
                moved = project(coef, old, new, degree, outside)
                about = {"degree": degree, "outside": outside, "old": old[0].tolist(), "new": new[0].tolist()}
                cases.append({**about, "coef": coef.flatten().tolist(), "moved": moved.flatten().tolist()})
    return cases


def fit_cases() -> list[dict]:
    """Curves like those of trained edges, and what the library's own fit leaves unexplained of each."""
    from edgewise.interpret.edge_fit import fit_edge

    x = torch.linspace(-1.5, 1.5, 120)
    curves = {
        "wavy": torch.sin(4 * x) * torch.exp(-x / 2),
        "bent": torch.exp(1.3 * x) + 0.05 * torch.cos(9 * x),
        "bowl": (x - 0.4) ** 2 + 0.02 * torch.sin(20 * x),
        "step": torch.tanh(6 * x) + 0.1 * x,
        "pole": 1 / (x + 1.8) + 0.01 * torch.sin(13 * x),
        "fast": torch.sin(31 * x + 0.7) + 0.2 * x,
    }
    functions = [function for function in FUNCTIONS.values() if function.twin_of is None]
    cases = []
    for name, y in curves.items():
        missing = {fit.function.name: fit.missing for fit in fit_edge(x, y, functions)}
        cases.append({"name": name, "x": x.tolist(), "y": y.tolist(), "missing": missing})
    return cases


def main() -> None:
    """Write all files into the folder named on the command line."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "basis": basis_cases(),
        "functions": {"functions": function_cases(), "bases": base_cases()},
        "networks": network_cases(),
        "grids": grid_cases(),
        "fits": fit_cases(),
    }
    for name, cases in content.items():
        (folder / f"{name}.json").write_text(json.dumps(cases, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

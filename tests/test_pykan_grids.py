"""pykan's page on grids, step by step: the knots it prints, and the parts an edge is made of."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from scipy.interpolate import BSpline

from edgewise.errors import DomainError
from edgewise.pykan import KAN
from edgewise.pykan.spline import B_batch, coef2curve, curve2coef, extend_grid

G, K = 5, 3
AT_FIRST = np.array([-2.2, -1.8, -1.4, -1.0, -0.6, -0.2, 0.2, 0.6, 1.0, 1.4, 1.8, 2.2])


def knots_of(model):
    grid = model.act_fun[0].grid
    assert grid.shape == (1, G + 2 * K + 1)
    return grid[0].numpy().copy()


def page(x, **options):
    """The page's steps for one set of samples: a new network, its knots, and those after the update."""
    model = KAN(width=[1, 1], grid=G, k=K, **options)
    assert np.allclose(knots_of(model), AT_FIRST, rtol=0, atol=1e-6)  # float32 of numbers printed with 4 decimals
    model.update_grid_from_samples(x)
    return knots_of(model)


def test_the_basis_of_the_page():
    grid = extend_grid(torch.linspace(-1, 1, steps=G + 1)[None, :], k_extend=K)
    x = torch.linspace(-1, 1, steps=1001)[None, :]  # the page has samples along the input axis, one grid for all
    basis = B_batch(x, grid, k=K)
    assert basis.shape == (1, 1001, G + K)
    expected = BSpline.design_matrix(x[0].double().clamp(-1, 1).numpy(), grid[0].double().numpy(), K).toarray()
    assert np.allclose(basis[0], expected, rtol=0, atol=2e-6)  # float32, values up to one
    for i in range(G + K):
        plt.plot(x[0].detach().numpy(), basis[0, :, i].detach().numpy())
    plt.legend([f"B_{i}(x)" for i in np.arange(G + K)])
    plt.close()


def test_an_edge_is_its_residual_function_and_its_spline():
    model = KAN(width=[1, 1], grid=G, k=K)
    x = torch.linspace(-1, 1, steps=1001)[None, :]
    basis = B_batch(x, extend_grid(torch.linspace(-1, 1, steps=G + 1)[None, :], k_extend=K), k=K)
    edge = model.act_fun[0]
    assert edge.coef[0].shape[1] == G + K
    output = model(x[0][:, None])
    spline = torch.einsum("j,ij->i", edge.coef[0][0], basis[0])[:, None]
    assert float(((output - spline) ** 2).mean().detach()) > 1e-4  # the spline alone is not the edge
    residual = torch.nn.SiLU()(x[0][:, None])
    whole = edge.scale_base * residual + edge.scale_sp * spline
    assert f"{float(((output - whole) ** 2).mean().detach()):.4f}" == "0.0000"
    assert float((output - whole).abs().max().detach()) < 1e-6  # the page's residual is 0: float32 rounding


@pytest.mark.parametrize(
    ("end", "printed"),
    [
        (10.0, [-22, -18, -14, -10, -6, -2, 2, 6, 10, 14, 18, 22]),
        (0.5, [-1.1, -0.9, -0.7, -0.5, -0.3, -0.1, 0.1, 0.3, 0.5, 0.7, 0.9, 1.1]),
    ],
)
def test_the_printed_knots_after_an_update(end, printed):
    found = page(torch.linspace(-end, end, steps=1001)[:, None])
    assert [f"{knot:.4f}" for knot in found] == [f"{knot:.4f}" for knot in printed]


def normal_samples():
    return torch.randn(1000, 1, generator=torch.Generator().manual_seed(0))


def test_uniform_knots_for_random_samples():
    x = normal_samples()
    steps = np.diff(page(x, grid_eps=1.0))
    assert np.allclose(steps, float(x.max() - x.min()) / G, rtol=1e-5)


def test_adaptive_knots_for_random_samples_hold_as_many_samples_each():
    x = normal_samples()
    found = page(x, grid_eps=0.0)
    inner, mean = found[K:-K], float(x.max() - x.min()) / G
    assert np.allclose(inner[[0, -1]], [float(x.min()), float(x.max())], rtol=1e-6)
    counts = np.histogram(x[:, 0].numpy(), inner)[0]
    assert np.array_equal(counts, [200] * G)
    assert np.allclose(np.diff(found[: K + 1]), mean, rtol=1e-5)  # beyond the samples the mean interval goes on
    assert np.allclose(np.diff(found[-K - 1 :]), mean, rtol=1e-5)


def test_the_default_is_near_the_adaptive_end():
    """pykan's default is 0.02, whatever its page says."""
    x = normal_samples()
    blend = 0.02 * page(x, grid_eps=1.0) + 0.98 * page(x, grid_eps=0.0)
    assert np.allclose(page(x), blend, atol=1e-5)


# ------------------------------------------------------------------------------------------- the spline functions


def test_a_curve_and_its_coefficients_are_inverse():
    grid = extend_grid(torch.tensor([[-1.0, -0.2, 0.1, 1.0], [0.0, 1.0, 2.5, 3.0]], dtype=torch.float64), 2)
    coef = torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = torch.lerp(grid[:, 2], grid[:, -3], torch.linspace(0, 1, 50, dtype=torch.float64)[:, None])
    curve = coef2curve(x, grid, coef, 2)
    for i in range(2):
        expected = BSpline(grid[i].numpy(), coef[i].mT.numpy(), 2)(x[:, i].numpy())
        assert np.allclose(curve[:, i].numpy(), expected, rtol=0, atol=1e-13)
    assert torch.allclose(curve2coef(x, curve, grid, 2), coef, rtol=0, atol=1e-10)


def test_coefficients_have_gradients():
    grid = extend_grid(torch.linspace(-1, 1, 4, dtype=torch.float64)[None], 3)
    coef = torch.randn(1, 2, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    x = torch.rand(7, 1, generator=torch.Generator().manual_seed(1), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, c: coef2curve(x, grid, c, 3), (x, coef))


def test_knots_that_meet_are_an_error():
    with pytest.raises(DomainError, match="grid"):
        B_batch(torch.zeros(3, 1), torch.tensor([[0.0, 0.0, 1.0, 2.0]]), 1)


def test_a_constant_input_keeps_its_grid():
    """pykan's knots all meet there, and the next gradient is NaN."""
    model = KAN(width=[2, 1], grid=G, k=K, seed=0)
    x = torch.stack([torch.full((100,), 0.3), torch.linspace(-2, 2, 100)], dim=1)
    model.update_grid_from_samples(x)
    assert bool((model.act_fun[0].grid.diff() > 0.1).all())
    model(x).sum().backward()
    assert all(bool(p.grad.isfinite().all()) for p in model.parameters() if p.grad is not None)


def test_the_example_runs_and_ends_with_the_right_number(tmp_path):
    example = Path(__file__).parent.parent / "examples" / "grids.py"
    command = [sys.executable, "-W", "error", str(example), "--quick"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    number, bound = re.search(r": (\S+) \(should be below (\S+)\)$", run.stdout.splitlines()[-1]).groups()
    assert float(number) < float(bound)
    assert not list(tmp_path.iterdir())

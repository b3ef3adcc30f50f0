"""`edgewise.pykan.experiment` and `edgewise.pykan.compiler`."""

import numpy as np
import pytest
import sympy
import torch
from torch.testing import assert_close

from edgewise.errors import ParameterError, ShapeError
from edgewise.pykan import compiler
from edgewise.pykan.experiment import pareto_frontier, runner1
from edgewise.pykan.utils import create_dataset


def test_the_frontier_is_what_nothing_beats():
    x, y = np.array([1, 2, 3, 2, 4, 1]), np.array([5.0, 3, 3, 3, 1, 6])
    first, second, number = pareto_frontier(x, y)
    assert number.tolist() == [0, 1, 3, 4]  # 1 and 3 are equal: both are kept
    assert first.tolist() == [1, 2, 2, 4]
    assert second.tolist() == [5, 3, 3, 1]
    beaten = [any((x[j] <= x[i]) & (y[j] <= y[i]) & ((x[j], y[j]) != (x[i], y[i])) for j in range(6)) for i in range(6)]
    assert number.tolist() == [i for i in range(6) if not beaten[i]]


def test_costs_of_different_lengths_have_no_frontier():
    with pytest.raises(ShapeError, match=r"`x` and `y` must be \(N,\) both; got \(2,\) and \(3,\)"):
        pareto_frontier([1, 2], [1, 2, 3])


def test_a_run_trains_prunes_and_refines(tmp_path, monkeypatch):
    pytest.importorskip("edgewise.pykan.MultKAN", reason="the namespace has no networks yet")
    monkeypatch.chdir(tmp_path)
    data = create_dataset(lambda x: torch.exp(torch.sin(torch.pi * x[:, [0]]) + x[:, [1]] ** 2), 2, train_num=200)

    def parameters(model, dataset):
        assert dataset is data
        return torch.tensor(float(sum(p.numel() for p in model.parameters())))

    found = runner1([2, 3, 1], data, grids=[3, 6], steps=4, prune_round=2, refine_round=2, metrics=[parameters])
    assert found["id"].tolist() == ["0.0", "0.1", "0.2", "1.0", "1.1", "1.2"]
    assert found["G"].tolist() == [3, 3, 6, 3, 3, 6]
    assert (found["c"][3:] <= found["c"][0]).all()
    assert (found["c"] > 0).all()
    assert found["test_loss"][2] < found["test_loss"][0]
    assert found["parameters"].shape == (6,)
    assert not list(tmp_path.iterdir())


def test_a_run_needs_a_grid_per_refinement():
    pytest.importorskip("edgewise.pykan.MultKAN", reason="the namespace has no networks yet")
    with pytest.raises(ParameterError, match="`grids` must have at least 3 sizes, one per refinement; got"):
        runner1([1, 1], {}, grids=[5, 10])


@pytest.mark.parametrize("name", ["kanpiler", "expr2kan", "sf2kan"])
@pytest.mark.parametrize(
    "formula",
    [
        "exp(sin(pi*a) + b**2)",
        "pi*(a + 1)",  # pykan: pi*a + 1
        "(b + 2)**Rational(5, 2)",  # pykan: the square
        "sin(5*a) + cos(3*a)",  # pykan: loses the cosine
        "Abs(a) + sinh(b) - b**6",  # pykan: the functions of other terms, then a KeyError
    ],
)
def test_a_formula_is_computed_exactly(name, formula):
    multkan = pytest.importorskip("edgewise.pykan.MultKAN", reason="the namespace has no networks yet")
    a, b = symbols = sympy.symbols("a b")
    expression = sympy.sympify(formula, locals={"a": a, "b": b})
    model = getattr(compiler, name)(symbols, expression, grid=4, k=3)
    assert isinstance(model, multkan.MultKAN)
    x = torch.rand(50, 2, generator=torch.Generator().manual_seed(0)) * 2 - 1
    expected = sympy.lambdify(symbols, expression, "numpy")(*x.double().numpy().T)
    assert_close(model(x)[:, 0].detach().double(), torch.as_tensor(expected), rtol=1e-5, atol=1e-5)  # float32

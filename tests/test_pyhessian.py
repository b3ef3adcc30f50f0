"""The PyHessian-style front, in the calls a script makes, against dense matrices."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.testing import assert_close
from torch.utils.data import DataLoader, TensorDataset

from edgewise.errors import ParameterError
from edgewise.pyhessian import get_esd_plot, hessian
from edgewise.pyhessian.utils import (
    get_params_grad,
    group_add,
    group_product,
    hessian_vector_product,
    normalization,
    orthnormal,
)
from test_curvature import dense_hessian, problem


@pytest.fixture
def computed():
    model, criterion, x, y = problem("KAN", "mse")
    return hessian(model, criterion, data=(x, y), cuda=False), dense_hessian(model, criterion, x, y)


def test_eigenvalues(computed):
    comp, dense = computed
    values = torch.linalg.eigvalsh(dense)
    order = values.abs().argsort(descending=True)
    top, vectors = comp.eigenvalues()
    assert top == pytest.approx([float(values[order[0]])], rel=1e-5)  # about tol^2
    top, vectors = comp.eigenvalues(maxIter=200, tol=1e-8, top_n=5)
    assert top == pytest.approx(values[order[:5]].tolist(), rel=1e-8)
    flat = torch.cat([part.reshape(-1) for part in vectors[2]])
    assert_close(dense @ flat, top[2] * flat, rtol=0, atol=1e-7)
    assert [tuple(part.shape) for part in vectors[0]] == [(2, 7, 3), (2, 3), (3, 7, 1), (3, 1)]


def test_trace(computed):
    comp, dense = computed
    samples = comp.trace(maxIter=300, tol=1e-2)
    assert isinstance(samples, list)
    error = np.std(samples, ddof=1) / len(samples) ** 0.5
    assert abs(np.mean(samples) - float(dense.trace())) < 4 * error
    assert len(samples) == 300 or error <= 1e-2 * abs(np.mean(samples))
    assert len(comp.trace(maxIter=300, tol=10.0)) == 10


def test_density_and_its_picture(computed):
    comp, dense = computed
    eigenvalues, weights = comp.density(iter=20, n_v=3)
    assert [len(run) for run in eigenvalues] == [20, 20, 20]
    assert [sum(run) for run in weights] == pytest.approx([1, 1, 1])
    assert max(map(max, eigenvalues)) == pytest.approx(float(torch.linalg.eigvalsh(dense)[-1]), rel=1e-6)
    fig, ax = get_esd_plot(eigenvalues, weights)
    ax.set_title("Spectrum")
    assert fig.axes == [ax]
    line = ax.lines[0].get_xydata()
    assert np.trapezoid(line[:, 1], line[:, 0]) == pytest.approx(1, abs=1e-3)


def test_a_seed_and_a_loader(global_random_state_untouched):
    model, criterion, x, y = problem("silu", "cross_entropy")
    loader = DataLoader(TensorDataset(x, y), batch_size=12)  # 12, 12, 6 rows
    one, other = hessian(model, criterion, dataloader=loader), hessian(model, criterion, data=(x, y))
    assert one.eigenvalues(tol=1e-9)[0] == pytest.approx(other.eigenvalues(tol=1e-9)[0], rel=1e-9)
    first, second = (hessian(model, criterion, data=(x, y), seed=3).trace() for _ in range(2))
    assert first == second


def test_refusals():
    model, criterion, x, y = problem("silu", "mse")
    for arguments in ({}, {"data": (x, y), "dataloader": [(x, y)]}):
        with pytest.raises(ParameterError, match=r"give either `data=\(x, y\)`.*or `dataloader"):
            hessian(model, criterion, **arguments)
    with pytest.raises(ParameterError, match="needs a model on a GPU; it is on cpu"):
        hessian(model, criterion, data=(x, y), cuda=True)


def test_lists_of_tensors():
    a, b = [torch.tensor([3.0, 0.0]), torch.tensor([[4.0]])], [torch.tensor([1.0, 2.0]), torch.tensor([[1.0]])]
    assert group_product(a, b) == 7
    assert_close(group_add(a, b, alpha=-2.0), [torch.tensor([1.0, -4.0]), torch.tensor([[2.0]])])
    assert_close(normalization([1e-20 * t for t in a]), [torch.tensor([0.6, 0.0]), torch.tensor([[0.8]])])
    assert not any(t.any() for t in normalization([0 * t for t in a]))
    unit = orthnormal(b, [normalization(a)])
    assert group_product(unit, a).abs() < 1e-6
    assert group_product(unit, unit) == pytest.approx(1, abs=1e-6)


def test_gradients_and_products():
    model, criterion, x, y = problem("tanh", "mse")
    model.unused = nn.Parameter(torch.ones(2, dtype=x.dtype))
    criterion(model(x), y).backward()
    params, grads = get_params_grad(model)
    assert [g.shape for g in grads] == [p.shape for p in params]
    assert not grads[0].any()
    again = torch.autograd.grad(criterion(model(x), y), params[1:], create_graph=True)
    v = [torch.ones_like(p) for p in params[1:]]
    product = torch.cat([part.reshape(-1) for part in hessian_vector_product(again, params[1:], v)])
    dense = dense_hessian(model, criterion, x, y)[2:, 2:]
    assert_close(product, dense.sum(1), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("most", [2, 10, 11, 12, 25])
def test_a_trace_takes_at_most_as_many_products_as_asked_for(most):
    model, x = torch.nn.Linear(2, 1), torch.linspace(-1, 1, 8).view(4, 2)
    assert len(hessian(model, torch.nn.MSELoss(), data=(x, x[:, :1])).trace(maxIter=most, tol=0.0)) == most

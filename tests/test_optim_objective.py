"""Objectives: loss, gradient and Hessian products against autograd's own, and what they refuse."""

import pytest
import torch
from torch import nn
from torch.func import functional_call

from edgewise import KAN
from edgewise.errors import ParameterError, ShapeError
from edgewise.optim import Evaluation, FunctionObjective, Objective
from edgewise.optim.parameters import Flattening

ACTIVATIONS = {"silu": nn.SiLU, "gelu": nn.GELU, "mish": nn.Mish, "tanh": nn.Tanh}


def data(dtype=torch.float64):
    g = torch.Generator().manual_seed(0)
    x = torch.rand(17, 2, generator=g, dtype=dtype) * 2 - 1
    return x, torch.sin(3 * x[:, :1]) * x[:, 1:]


def network(activation=nn.SiLU, dtype=torch.float64):
    net = nn.Sequential(nn.Linear(2, 3, dtype=dtype), activation(), nn.Linear(3, 1, dtype=dtype))
    g = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(torch.randn(p.shape, generator=g, dtype=dtype))
    return net


def loss_of(model, dtype=torch.float64):
    x, y = data(dtype)
    return lambda p: ((functional_call(model, p, (x,)) - y) ** 2).mean()


def params_of(model):
    return dict(model.named_parameters())


class TestHessianProducts:
    @pytest.mark.parametrize("activation", ACTIVATIONS.values(), ids=ACTIVATIONS.keys())
    @pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
    @pytest.mark.parametrize("graph", [True, False], ids=["grad", "no_grad"])
    def test_columns_of_the_dense_hessian(self, activation, dtype, graph):
        model = network(activation, dtype)
        objective = FunctionObjective(loss_of(model, dtype), params_of(model))
        x = objective.layout.start
        dense = torch.autograd.functional.hessian(lambda z: objective._loss(objective.layout.unflatten(z)), x)
        with torch.set_grad_enabled(graph):
            product = objective.hessian(x)
            columns = torch.stack([product(unit) for unit in torch.eye(len(x), dtype=dtype)])
        rtol = 1e-12 if dtype == torch.float64 else 1e-4  # two orders of the same sums
        torch.testing.assert_close(columns, dense, rtol=rtol, atol=rtol * float(dense.abs().max()))
        assert objective.products == len(x)

    def test_of_a_kan_against_differences_of_gradients(self):
        model = KAN([2, 3, 1], grid=3, k=3, seed=0, dtype=torch.float64)
        objective = FunctionObjective(loss_of(model), params_of(model))
        x = objective.layout.start
        v = torch.randn(len(x), generator=torch.Generator().manual_seed(2), dtype=torch.float64)
        h = 1e-5
        differences = (objective.evaluate(x + h * v).grad - objective.evaluate(x - h * v).grad) / (2 * h)
        # h^2 of the third derivative and rounding / h: some 1e-9
        torch.testing.assert_close(objective.hessian(x)(v), differences, rtol=1e-6, atol=1e-7)

    def test_unused_parameters_and_linear_losses_have_none(self):
        objective = FunctionObjective(lambda p: p["a"].sum() + p["b"] ** 3, {"a": torch.ones(2), "b": torch.ones(())})
        assert objective.hessian(objective.layout.start)(torch.ones(3)).tolist() == [0.0, 0.0, 6.0]
        linear = FunctionObjective(lambda p: p["a"].sum(), {"a": torch.ones(2), "unused": torch.ones(1)})
        assert linear.evaluate(linear.layout.start).grad.tolist() == [1.0, 1.0, 0.0]
        assert linear.hessian(linear.layout.start)(torch.ones(3)).tolist() == [0.0, 0.0, 0.0]

    def test_an_objective_without_them_says_so(self):
        class Gradients(Objective):
            def evaluate(self, x):
                return Evaluation(x, 0.0, x)

        with pytest.raises(NotImplementedError, match=r"Gradients gives no Hessian products\. Define `hessian"):
            Gradients().hessian(torch.ones(1))


class TestEvaluation:
    def test_loss_and_gradient_are_autograds(self):
        model = network()
        loss = loss_of(model)
        found = FunctionObjective(loss, params_of(model)).evaluate(Flattening(params_of(model)).start)
        value = loss(params_of(model))
        value.backward()
        assert found.loss == float(value.detach())
        expected = torch.cat([p.grad.reshape(-1) for p in model.parameters()])
        torch.testing.assert_close(found.grad, expected, rtol=1e-13, atol=0)

    def test_nothing_of_the_users_is_touched(self):
        model = network()
        before = {name: p.detach().clone() for name, p in model.named_parameters()}
        for p in model.parameters():
            p.grad = torch.full_like(p, 7.0)
        objective = FunctionObjective(loss_of(model), params_of(model))
        x = objective.layout.start
        found = objective.evaluate(x + 1)
        objective.hessian(x)(x)
        found.x.zero_()
        for name, p in model.named_parameters():
            assert torch.equal(p, before[name])
            assert bool((p.grad == 7.0).all())
            assert p.requires_grad

    def test_the_evaluation_keeps_its_own_point(self):
        objective = FunctionObjective(lambda p: p["a"].sum(), {"a": torch.ones(2)})
        x = torch.zeros(2)
        found = objective.evaluate(x)
        x += 1
        assert found.x.tolist() == [0.0, 0.0]
        assert objective.evaluations == 1

    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_a_loss_that_is_not_finite_is_returned(self, value):
        objective = FunctionObjective(lambda p: p["a"].sum() * value, {"a": torch.ones(1)})
        assert str(objective.evaluate(torch.ones(1)).loss) == str(value)

    def test_frozen_parameters_stay(self):
        model = network()
        model[0].weight.requires_grad_(False)
        layout = Flattening(params_of(model))
        assert len(layout.start) == 3 + 3 + 1
        read = layout.unflatten(layout.start + 1)
        assert list(read) == list(params_of(model))
        assert torch.equal(read["0.weight"], model[0].weight)
        assert torch.equal(read["0.bias"], model[0].bias + 1)


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ([torch.ones(1)], ParameterError, "`params` must be a dictionary of tensors"),
        ({"a": 1.0}, ParameterError, r"`params\['a'\]` must be a tensor; got <class 'float'>"),
        ({}, ParameterError, "`params` must hold a number that may move; got 0 tensors"),
        ({"a": torch.ones(0)}, ParameterError, "`params` must hold a number that may move; got 1 tensors"),
        ({"a": nn.Parameter(torch.ones(1), requires_grad=False)}, ParameterError, "none of them free"),
        ({"a": torch.ones(1), "n": torch.ones(1, dtype=torch.long)}, ShapeError, r"`params\['n'\]` must be floating"),
        ({"a": torch.ones(1), "b": torch.ones(1).double()}, ShapeError, "one dtype: 'a' has torch.float32, 'b' has"),
        ({"a": torch.ones(1), "b": torch.ones(1, device="meta")}, ShapeError, "one device: 'a' is on cpu, 'b' on meta"),
    ],
)
def test_bad_parameters_are_named(params, error, message):
    with pytest.raises(error, match=message):
        Flattening(params)


def test_a_loss_that_is_no_function():
    with pytest.raises(ParameterError, match="`loss` must be a function of a dictionary of tensors; got <class 'int'>"):
        FunctionObjective(1, {"a": torch.ones(1)})


@pytest.mark.parametrize(
    ("loss", "error", "message"),
    [
        (lambda p: 1.0, ParameterError, "`loss` must return a tensor; got <class 'float'>"),
        (lambda p: p["a"], ShapeError, r"`loss` must return one real number; got shape \(2,\), torch.float32"),
        (lambda p: p["a"].sum().to(torch.complex64), ShapeError, "one real number; got shape .*complex64"),
        (lambda p: torch.ones(()), ParameterError, "`loss` must depend on the parameters it is given"),
    ],
)
def test_bad_losses_are_explained(loss, error, message):
    objective = FunctionObjective(loss, {"a": torch.ones(2)})
    with pytest.raises(error, match=message):
        objective.evaluate(objective.layout.start)

"""`edgewise.pykan.MLP` and `edgewise.pykan.LBFGS`."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.testing import assert_close

from edgewise import models
from edgewise.errors import DomainError, ParameterError
from edgewise.pykan.LBFGS import LBFGS
from edgewise.pykan.MLP import MLP
from edgewise.pykan.utils import create_dataset, get_derivative

# ------------------------------------------------------------------------------------------------------------ LBFGS


def rosenbrock(start=(-1.2, 1.0), scale=1.0):
    x = nn.Parameter(torch.tensor(start, dtype=torch.float64))

    def closure():
        x.grad = None
        loss = scale * ((1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2)
        loss.backward()
        closure.calls += 1
        return loss

    closure.calls = 0
    return x, closure


@pytest.mark.usefixtures("global_random_state_untouched")
def test_the_call_of_pykan_finds_the_minimum():
    x, closure = rosenbrock()
    optimizer = LBFGS([x], lr=1, history_size=10, line_search_fn="strong_wolfe", tolerance_grad=1e-32,
                      tolerance_change=1e-32, tolerance_ys=1e-32)  # fmt: skip
    first = optimizer.step(closure)
    assert first.item() == pytest.approx(2.2**2 + 100 * 0.44**2)
    assert first.dtype == torch.float64
    for _ in range(4):
        optimizer.step(closure)
    assert_close(x.detach(), torch.ones(2, dtype=torch.float64), rtol=1e-12, atol=0)


def test_a_step_ends_at_the_first_bound():
    x, closure = rosenbrock()
    LBFGS([x], max_iter=1).step(closure)
    once = closure.calls
    x, closure = rosenbrock()
    LBFGS([x], max_iter=3).step(closure)
    assert closure.calls > once
    x, closure = rosenbrock()
    LBFGS([x], max_iter=50, max_eval=6).step(closure)
    assert 6 <= closure.calls < 12  # the iteration that crosses the bound is finished
    for tolerances in ({"tolerance_grad": 1e9}, {"tolerance_change": 1e9}):
        x, closure = rosenbrock()
        LBFGS([x], **tolerances).step(closure)
        assert closure.calls == once
    x, closure = rosenbrock((1.0, 1.0))
    LBFGS([x], tolerance_change=0.0, tolerance_grad=0.0).step(closure)
    assert closure.calls == 1


def test_a_small_change_of_the_loss_or_of_all_parameters_ends_a_step():
    options = {"max_iter": 200, "max_eval": 2000, "tolerance_grad": 0.0, "tolerance_change": 1e-3}
    x, closure = rosenbrock(scale=1e20)  # the loss changes by more to the last digit
    LBFGS([x], **options).step(closure)
    assert 1e-9 < float((x - 1).abs().max().detach()) < 1e-2
    x, closure = rosenbrock(scale=1e-12)  # the loss is less than that everywhere
    LBFGS([x], **options).step(closure)
    assert float((x - 1).abs().max().detach()) > 1e-2


def test_a_step_looks_at_the_closure_again():
    """The closure may have other data, though it and the parameters are the same."""
    x, target = nn.Parameter(torch.zeros(1, dtype=torch.float64)), torch.ones(1, dtype=torch.float64)

    def closure():
        x.grad = None
        loss = (x - target).square().sum()
        loss.backward()
        return loss

    optimizer = LBFGS([x])
    optimizer.step(closure)
    target.fill_(3.0)
    assert optimizer.step(closure).item() == pytest.approx(4.0)
    assert_close(x.detach(), target)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"line_search_fn": "armijo"}, "`line_search_fn` must be \"strong_wolfe\" or None; got 'armijo'"),
        ({"max_iter": 0}, "`max_iter` must be an int >= 1; got 0"),
        ({"max_eval": 1.5}, "`max_eval` must be an int >= 1; got 1.5"),
        ({"tolerance_grad": -1.0}, "`tolerance_grad` must be a finite number >= 0"),
        ({"tolerance_change": float("nan")}, "`tolerance_change` must be a finite number >= 0"),
    ],
)
def test_other_options_are_refused(wrong, words):
    with pytest.raises(ParameterError, match=words):
        LBFGS([nn.Parameter(torch.zeros(1))], **wrong)


def test_a_loss_that_is_not_finite_is_an_error():
    x, closure = rosenbrock((float("nan"), 0.0))
    with pytest.raises(DomainError, match="must be finite before a step"):
        LBFGS([x]).step(closure)


# -------------------------------------------------------------------------------------------------------------- MLP


@pytest.fixture
def data():
    return create_dataset(lambda x: torch.sin(2 * x[:, [0]]) * x[:, [1]], 2, train_num=200, test_num=50)


@pytest.fixture
def model(data):
    model = MLP([2, 4, 3, 1], seed=3)
    model(data["train_input"])
    return model


@pytest.mark.usefixtures("global_random_state_untouched")
def test_it_is_the_network_of_edgewise():
    mine, theirs = MLP([2, 5, 1], seed=4), models.MLP([2, 5, 1], seed=4)
    x = torch.linspace(-1, 1, 8).view(4, 2)
    assert torch.equal(mine(x), theirs(x))
    assert (mine.depth, mine.device) == (2, torch.device("cpu"))
    assert torch.equal(mine.linears[0].weight, mine.w[0])
    assert isinstance(mine.act_fun, nn.SiLU)
    assert torch.equal(copy.deepcopy(mine)(x), mine(x))


def test_activations_are_those_of_the_last_input(model, data):
    x = data["train_input"]
    hidden = [x]
    for linear in model.linears[:-1]:
        hidden.append(nn.functional.silu(linear(hidden[-1])))
    assert_close(model.acts, hidden)
    nodes = [*hidden, model.linears[-1](hidden[-1])]
    assert_close(model.acts_scale, [node.std(dim=0) for node in nodes[1:]])
    expected = [linear.weight * node.std(dim=0)[None] for linear, node in zip(model.linears, hidden, strict=True)]
    assert_close(model.wa_forward, expected)
    model.get_act(data["test_input"])
    assert torch.equal(model.cache_data, data["test_input"])
    model.get_act(data)
    assert torch.equal(model.cache_data, x)
    model.get_act()
    assert torch.equal(model.cache_data, x)


def test_scores_follow_the_spread_backwards(model):
    weighted, scales = [w.detach().numpy() for w in model.wa_forward], [s.detach().numpy() for s in model.acts_scale]
    score, nodes, edges = np.ones(1), [np.ones(1)], []
    for l in (2, 1, 0):
        edge = np.zeros_like(weighted[l])
        for i in range(edge.shape[0]):
            for j in range(edge.shape[1]):
                edge[i, j] = abs(weighted[l][i, j]) * score[i] / scales[l][i]
        score = edge.sum(axis=0) / np.sqrt(model.width[l])
        edges, nodes = [edge, *edges], [score, *nodes]
    model.attribute()
    for found, expected in zip(model.node_scores + model.wa_backward, nodes + edges, strict=True):
        np.testing.assert_allclose(found.detach(), expected, rtol=1e-5)  # float32


def test_a_node_without_spread_scores_zero(model):
    with torch.no_grad():
        model.linears[0].weight[1] = torch.tensor([1.0, -1.0])
        model.linears[0].bias[1] = 0
    model.get_act(torch.linspace(-1, 1, 20)[:, None].expand(20, 2))  # what it gets from both cancels
    model.attribute()
    assert torch.equal(model.edge_scores[0][1], torch.zeros(2))
    assert float(model.node_scores[1][1].detach()) == 0
    assert model.node_scores[0].isfinite().all()


def test_without_data_it_says_what_to_do():
    with pytest.raises(ParameterError, match=r"has seen no data; call `model.get_act\(x\)` first"):
        MLP([1, 1]).attribute()


def literal_penalty(sizes, lamb_l1, lamb_entropy):
    total = 0.0
    for size in sizes:
        v = size.detach().abs().double().numpy()
        total += lamb_l1 * v.sum()
        if v.ndim == 1:
            p = v / (v.sum() + 1)
            total -= lamb_entropy * (p * np.log2(p + 1e-4)).sum()
            continue
        for p, axis in ((v / (v.sum(1, keepdims=True) + 1), 1), (v / (v.sum(0, keepdims=True) + 1), 0)):
            total -= lamb_entropy * (p * np.log2(p + 1e-4)).sum(axis).mean()
    return total


@pytest.mark.parametrize(
    ("metric", "attribute"), [("w", "w"), ("act", "wa_forward"), ("fa", "edge_scores"), ("a", "acts_scale")]
)
def test_the_penalty_is_pykans_and_has_a_gradient(model, metric, attribute):
    found = model.get_reg(metric, 0.7, 1.3)
    assert float(found.detach()) == pytest.approx(literal_penalty(getattr(model, attribute), 0.7, 1.3), rel=1e-5)
    found.backward()
    assert model.linears[0].weight.grad.abs().max() > 0
    assert torch.equal(model.reg(metric, 0.7, 1.3), found)


def test_another_metric_is_refused(model):
    with pytest.raises(ParameterError, match="`reg_metric` must be one of 'w', 'act', 'fa', 'a'; got 'b'"):
        model.get_reg("b", 1.0, 1.0)
    with pytest.raises(ParameterError, match="`metric` must be 'w', 'act' or 'fa'; got 'a'"):
        model.plot(metric="a")


def test_the_penalty_has_derivatives_by_the_parameters():
    model, x = MLP([1, 2, 1], seed=0).double(), torch.linspace(-1, 1, 9, dtype=torch.float64)[:, None]
    found = get_derivative(model, x, x, "jacobian", loss_mode="reg", lamb_l1=1.0, lamb_entropy=0.0)
    expected = torch.cat([p.detach().sign().flatten() if p.dim() == 2 else 0 * p.detach() for p in model.parameters()])
    assert_close(found[0], expected)
    both = get_derivative(model, x, x, "jacobian", loss_mode="all", lamb=0.5)
    assert_close(both, get_derivative(model, x, x, "jacobian") + 0.5 * found)


@pytest.mark.usefixtures("global_random_state_untouched")
def test_training_reports_what_the_model_does(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = MLP([2, 8, 1], seed=0)

    def first_weight():
        return model.w[0].detach()[0, 0]

    found = model.fit(data, opt="LBFGS", steps=5, metrics=[first_weight])
    assert {name: len(values) for name, values in found.items()} == dict(
        train_loss=5, test_loss=5, reg=5, first_weight=5
    )
    assert torch.equal(model.cache_data, data["train_input"])
    for kind in ("train", "test"):
        error = (model(data[f"{kind}_input"]) - data[f"{kind}_label"]).square().mean().sqrt()
        assert found[f"{kind}_loss"][-1] == pytest.approx(float(error.detach()), rel=1e-6)
    assert found["train_loss"][-1] < 0.05 < found["train_loss"][0]
    assert found["first_weight"][-1] == float(first_weight())
    assert found["reg"][-1] == pytest.approx(float(model.get_reg("w", 1.0, 2.0).detach()))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("metric", ["w", "act", "fa", "a"])
def test_a_penalty_makes_what_it_measures_small(data, metric):
    plain, small = MLP([2, 8, 1], seed=0), MLP([2, 8, 1], seed=0)
    free = plain.fit(data, steps=2, reg_metric=metric)
    held = small.fit(data, steps=2, lamb=0.1, reg_metric=metric)
    assert held["reg"][-1] < 0.8 * free["reg"][-1]
    assert held["train_loss"][-1] > free["train_loss"][-1]


def test_other_optimizers_and_losses(data):
    found = MLP([2, 8, 1], seed=0).fit(data, opt="Adam", steps=30)
    assert len(found["reg"]) == 30
    assert found["train_loss"][-1] < found["train_loss"][0]
    found = MLP([2, 8, 1], seed=0).fit(data, opt="Adam", steps=40, batch=50)  # 200 rows: four updates a pass
    assert len(found["reg"]) == 10
    model = MLP([2, 8, 1], seed=0)
    found = model.fit(data, steps=2, loss_fn=lambda y, z: (y - z).abs().mean())
    error = float((model(data["train_input"]) - data["train_label"]).abs().mean().detach())
    assert found["train_loss"][-1] == pytest.approx(error, rel=1e-6)  # itself, not its root
    with pytest.raises(ParameterError, match="`opt`"):
        model.fit(data, opt="SDG")


def test_a_run_may_end_early():
    x = torch.linspace(-1, 1, 20)[:, None]
    data = {"train_input": x, "train_label": 2 * x, "test_input": x, "test_label": 2 * x}
    found = MLP([1, 1], seed=0).fit(data, steps=50)
    assert 1 <= len(found["reg"]) == len(found["train_loss"]) == len(found["test_loss"]) < 50
    assert found["train_loss"][-1].item() < 1e-5


def test_neurons_change_places_without_changing_the_function(model, data):
    x = data["test_input"]
    before, first = model(x).detach(), model.w[0].detach()[[0, 2]].clone()
    model.swap(1, 0, 2)
    assert torch.equal(model.w[0].detach()[[2, 0]], first)
    assert_close(model(x), before)
    cost = float(model.connection_cost)
    model.auto_swap()
    assert float(model.connection_cost) < cost
    assert_close(model(x), before)
    for wrong in ((0, 0, 1), (3, 0, 0), (1, 0, 4)):
        with pytest.raises(ParameterError, match="`l` must be a hidden layer, 1 to 2"):
            model.swap(*wrong)


def test_the_cost_of_connections_is_size_times_distance():
    model = MLP([2, 1], seed=0)
    with torch.no_grad():
        model.linears[0].weight.copy_(torch.tensor([[2.0, -3.0]]))
    assert float(model.connection_cost) == pytest.approx(2 * 0.25 + 3 * 0.25)


@pytest.mark.parametrize("metric", ["w", "act", "fa"])
def test_the_picture_has_a_line_per_weight(model, metric):
    figure = model.plot(metric=metric, beta=2)
    lines = figure.axes[0].collections[: model.depth]
    sizes = {"w": model.w, "act": model.wa_forward, "fa": model.wa_backward}[metric]
    for collection, size in zip(lines, sizes, strict=True):
        assert len(collection.get_segments()) == size.numel()
        expected = torch.tanh(2 * size.detach().abs().flatten()).numpy()
        np.testing.assert_allclose(collection.get_colors()[:, 3], expected, atol=1e-6)
        blue = collection.get_colors()[:, 2] > 0.5
        np.testing.assert_array_equal(blue, size.detach().flatten().numpy() > 0)
    assert [len(dots.get_offsets()) for dots in figure.axes[0].collections[model.depth :]] == model.width


def test_the_tree_of_a_network_is_drawn(model):
    texts = [text.get_text() for text in model.tree(in_var=["u", "v"], sym_th=1e-2).axes[0].texts]
    assert {"$f(u)$", "$f(v)$"} <= set(texts)

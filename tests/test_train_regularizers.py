"""The sparsity penalty: exact, scale-free, differentiable, and what it is for."""

import math

import pytest
import torch
from torch.autograd import gradcheck

from edgewise import KAN, MLP, KANLayer, fit
from edgewise.errors import ParameterError
from edgewise.train import edge_l1, regularizers, sparsity_penalty

DOUBLE = torch.float64


def layer(i=3, o=2, grid=4, **options):
    return KANLayer(i, o, grid, dtype=DOUBLE, init="paper", generator=torch.Generator().manual_seed(0), **options)


def rows(n=17, i=3, scale=1.3, seed=0):
    return (torch.rand(n, i, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE) * 2 - 1) * scale


def literal(kan_layer, x, weight):
    """Edge by edge, from the layer's own output with all other edges masked."""
    result = torch.zeros(kan_layer.in_features, kan_layer.out_features, dtype=DOUBLE)
    original = kan_layer.mask.clone()
    for i in range(kan_layer.in_features):
        for j in range(kan_layer.out_features):
            only = torch.zeros_like(original)
            only[i, j] = original[i, j]
            kan_layer.set_mask(only)
            result[i, j] = (weight * kan_layer(x)[:, j].abs()).sum().detach()
    kan_layer.set_mask(original)
    return result


@pytest.mark.parametrize("base_fun", ["silu", "zero"])
@pytest.mark.parametrize("outside", ["linear", "extend"])
@pytest.mark.parametrize("chunk", [None, 7, 1])
@pytest.mark.parametrize("weighted", [False, True])
def test_edge_l1_is_exact(base_fun, outside, chunk, weighted, monkeypatch):
    if chunk is not None:  # 7: a few rows at a time; 1: one edge value at a time
        monkeypatch.setattr(regularizers, "_CHUNK", chunk)
    own, x = layer(base_fun=base_fun, outside=outside), rows()
    weight = torch.rand(17, dtype=DOUBLE, generator=torch.Generator().manual_seed(1)) if weighted else None
    share = torch.full((17,), 1 / 17, dtype=DOUBLE) if weight is None else weight / weight.sum()
    torch.testing.assert_close(edge_l1(own, x, weight).detach(), literal(own, x, share), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("chunk", [None, 7])
@pytest.mark.parametrize("masked", [False, True])
def test_edge_l1_gradient(chunk, masked, monkeypatch):
    if chunk is not None:
        monkeypatch.setattr(regularizers, "_CHUNK", chunk)
    own, x = layer(sp_trainable=True), rows(6).requires_grad_()
    if masked:
        own.set_mask(torch.tensor([[1.0, 0], [1, 1], [0, 1]]))
    parameters = [p for p in own.parameters() if p.requires_grad]
    assert len(parameters) == 3

    def f(x, *_):
        return edge_l1(own, x, torch.linspace(1, 2, 6, dtype=DOUBLE))

    assert gradcheck(f, (x, *parameters))


def test_penalty_is_the_stated_formula():
    own, x = layer(), rows()
    own.set_mask(torch.tensor([[1.0, 0], [1, 1], [1, 1]]))
    a = edge_l1(own, x).detach()
    p = (a / a.sum()).flatten()
    p = p[p > 0]  # the removed edge is not one of the five
    entropy = -(p * p.log()).sum() / math.log(5)
    expected = 0.7 * a.sum() / 2 + 1.9 * entropy
    actual = sparsity_penalty([(own, x), (own, x)], None, 0.7, 1.9)
    torch.testing.assert_close(actual.detach(), 2 * expected, rtol=1e-12, atol=0)


def test_no_edge_values_in_memory():
    """The graph keeps nothing of size (B, I, O) between forward and backward."""
    own, x = layer(8, 64, 3), rows(1000, 8)
    sizes = []

    def pack(tensor):
        sizes.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        edge_l1(own, x).sum().backward()
    assert sizes
    assert max(sizes) <= 1000 * 8


class TestScaleFree:
    """`lamb` means the same whatever the grid, the width, and the number of rows."""

    def penalty(self, own, x):
        return float(sparsity_penalty([(own, x)]).detach())

    def identical(self, i, o, grid):
        """Every edge is the same function: half its input."""
        own = layer(i, o, grid, base_fun="identity")
        with torch.no_grad():
            own.spline_weight.zero_()
            own.base_weight.fill_(0.5)
        return own

    def test_grid(self):
        x = rows(scale=1.0)
        values = [self.penalty(self.identical(3, 2, g), x) for g in (1, 5, 50)]
        assert values == pytest.approx([values[0]] * 3, rel=1e-12)

    def test_width(self):
        x = rows(scale=1.0)[:, :1].repeat(1, 3)  # equal columns, hence equal edges: the entropy is at its maximum
        values = [self.penalty(self.identical(3, o, 5), x) for o in (1, 4, 100)]
        assert values == pytest.approx([values[0]] * 3, rel=1e-12)

    def test_rows(self):
        own, x = layer(), rows()
        assert self.penalty(own, x.repeat(5, 1)) == pytest.approx(self.penalty(own, x), rel=1e-12)


def test_dead_edges_have_finite_gradients():
    own, x = layer(base_fun="zero"), rows()
    with torch.no_grad():
        own.spline_weight[0].zero_()
        own.spline_weight[1, :, 1].zero_()
    sparsity_penalty([(own, x)]).backward()
    assert bool(own.spline_weight.grad.isfinite().all())
    with torch.no_grad():
        own.spline_weight.zero_()
    own.zero_grad()
    sparsity_penalty([(own, x)]).backward()
    assert bool(own.spline_weight.grad.isfinite().all())


def test_gradient_reaches_earlier_layers():
    model = KAN([2, 3, 1], grid=3, seed=0, dtype=DOUBLE)
    x = rows(9, 2)
    hidden = model.layers[0](x)
    sparsity_penalty([(model.layers[1], hidden)]).backward()
    assert float(model.layers[0].spline_weight.grad.abs().max()) > 0


def edge_sizes(model, x):
    return edge_l1(model.layers[0], x).detach().sum(1)


@pytest.mark.parametrize("opt", ["lbfgs", "adam"])
def test_useless_inputs_fade(opt):
    x = rows(100, 4, scale=1.0)
    y = torch.sin(3 * x[:, :1])  # inputs 2 to 4 are useless
    sizes = {}
    for lamb in (0.0, 1e-2):
        model = KAN([4, 3, 1], grid=3, seed=1, dtype=DOUBLE)
        result = fit(model, (x, y), opt=opt, steps=100, lamb=lamb)
        sizes[lamb] = edge_sizes(model, x)
        assert result["train_rmse"][-1] < 0.15
    share = {lamb: float(s[1:].max() / s[0]) for lamb, s in sizes.items()}
    assert share[1e-2] < 0.1 * share[0.0]
    assert share[1e-2] < 0.05


def test_penalty_is_reported_apart_from_the_loss():
    x = rows(50, 2, scale=1.0)
    model = KAN([2, 1], grid=3, seed=0, dtype=DOUBLE)
    result = fit(model, (x, x[:, :1]), steps=5, lamb=0.1, lamb_l1=0.5, lamb_entropy=0.0, update_grid=False)
    expected = 0.5 * float(edge_l1(model.layers[0], x).detach().sum())
    assert result["penalty"][-1] == pytest.approx(expected, rel=1e-12)
    assert result["train_loss"][-1] == pytest.approx(float(((model(x) - x[:, :1]).detach() ** 2).mean()), rel=1e-12)


def test_a_network_without_spline_edges_has_no_penalty():
    x = rows(10, 2)
    with pytest.raises(ParameterError, match=r"`lamb` must be 0 for a MLP.*weight_decay"):
        fit(MLP([2, 1], seed=0, dtype=DOUBLE), (x, x[:, :1]), lamb=0.1)


def test_spline_layers_inside_any_module():
    x = rows(50, 3, scale=1.0)
    model = torch.nn.Sequential(layer(3, 2), torch.nn.Tanh(), layer(2, 1))
    result = fit(model, (x, x[:, :1]), steps=5, lamb=1e-3)
    assert result["train_loss"][-1] < result["train_loss"][0]
    assert len(result["penalty"]) == 5
    assert not any(m._forward_pre_hooks for m in model.modules())

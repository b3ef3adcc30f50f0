"""Derivatives of chains without autograd, against autograd."""

import pytest
import torch
from torch.testing import assert_close

from edgewise import KAN
from edgewise.layers import FUNCTIONS, Chain, LinearizedChain, Parts, Weights

CASES = {
    "plain": dict(width=[2, 5, 1]),
    "one layer, two outputs": dict(width=[3, 2], k=2),
    "three layers": dict(width=[3, 4, 2, 3], grid=[3, 4, 6]),
    "products at the end and inside": dict(width=[3, [2, 2], [1, 2]], mult_arity=3),
    "tanh": dict(width=[2, 3, 2], base_fun="tanh"),
    "no residual function": dict(width=[2, 3, 2], base_fun="zero"),
    "extend": dict(width=[2, 3, 1], outside="extend"),
    "quintic": dict(width=[2, 3, 1], k=5),
    "some symbolic": dict(width=[2, 3, 2]),
    "symbolic beside products": dict(width=[2, [1, 2], 2], base_fun="tanh"),
}
SYMBOLIC = {  # l, i, j, function
    "some symbolic": [(0, 0, 1, "sin"), (0, 1, 0, "x^p"), (1, 2, 1, "exp"), (1, 0, 1, "sin"), (1, 1, 0, "j1")],
    "symbolic beside products": [(0, 0, 3, "gaussian"), (0, 1, 1, "x^p"), (1, 1, 0, "tanh"), (1, 2, 1, "0")],
}


def _stack(models):
    weights = []
    for layers in zip(*(model.layers for model in models), strict=True):
        parts = [layer.effective_weights() for layer in layers]
        coef, base = (torch.stack([part[n] for part in parts]).detach() for n in range(2))
        numbers = [layer.symbolic.affine.detach() for layer in layers if layer.symbolic is not None]
        knots = torch.stack([layer.knots for layer in layers])
        weights.append(Weights(coef, base, knots, torch.stack(numbers) if numbers else None))
    return weights


def _jacobian(model, chain, x):
    """`(B * outputs, n)` by autograd, one row at a time."""
    groups = [
        [layer.spline_weight, layer.base_weight.requires_grad_(), *([layer.symbolic.affine] if layer.symbolic else [])]
        for layer in model.layers
    ]
    leaves, rows = [tensor for group in groups for tensor in group], []
    for value in model(x).reshape(-1):
        grads = torch.autograd.grad(value, leaves, retain_graph=True, allow_unused=True)
        grads = iter(torch.zeros_like(p) if g is None else g for g, p in zip(grads, leaves, strict=True))
        rows.append(chain.flatten([Parts(*(next(grads)[None] for _ in group)) for group in groups])[0])
    return torch.stack(rows)


def _unmask(models, chain, jacobians):
    """Columns of splines that symbolic edges replace are not compared: there the modules have zeros."""
    alive = []
    for layer in models[0].layers:
        mask = torch.ones_like(layer.base_weight) if layer.spline_mask is None else layer.spline_mask
        numbers = None if layer.symbolic is None else torch.ones_like(layer.symbolic.affine)[None]
        alive.append(Parts(mask[:, None].expand_as(layer.spline_weight)[None], mask[None], numbers))
    return jacobians * chain.flatten(alive)[0].detach()


@pytest.fixture(params=CASES, ids=list(CASES))
def linearized(request, generator):
    options = {"grid": 4, "k": 3, "dtype": torch.float64, **CASES[request.param]}
    models = [KAN(seed=seed, **options) for seed in range(2)]
    for model in models:
        for l, i, j, name in SYMBOLIC.get(request.param, []):
            numbers = 0.5 + torch.rand(5, generator=generator, dtype=torch.float64)
            numbers[1] += 2.0 * (name == "x^p")  # a x + b > 0
            model.layers[l].fix_edge(i, j, FUNCTIONS[name], numbers)
    x = 2.4 * torch.rand(2, 37, models[0].in_features, generator=generator, dtype=torch.float64) - 1.2
    chain = Chain(models[0].layers, models[0].products)
    weights = _stack(models)
    jacobians = torch.stack([_jacobian(model, chain, rows) for model, rows in zip(models, x, strict=True)])
    here = LinearizedChain(chain, weights, x)
    if request.param in SYMBOLIC:  # products and rows are compared on what is alive
        wide = here.rows
        here.rows = lambda *args: (_unmask(models, chain, rows) for rows in wide(*args))
        whole = here.vjp
        here.vjp = lambda *args: _unmask(models, chain, whole(*args))
        along = here.jvp
        here.jvp = lambda direction: along(_unmask(models, chain, direction))
    return models, here, jacobians, x


def test_flatten_and_unflatten_are_inverse(linearized, generator):
    _, here, jacobians, _ = linearized
    flat = torch.randn(2, jacobians.shape[-1], generator=generator, dtype=torch.float64)
    assert here.chain.size == flat.shape[1]
    assert torch.equal(here.chain.flatten(here.chain.unflatten(flat)), flat)


def test_outputs_are_those_of_the_models(linearized):
    models, here, _, x = linearized
    expected = torch.stack([model(rows) for model, rows in zip(models, x, strict=True)]).detach()
    assert_close(here.y, expected, rtol=0, atol=1e-13)
    assert_close(here.chain.evaluate(here.weights, x), expected, rtol=0, atol=1e-13)


def test_products_with_the_jacobian(linearized, generator):
    _, here, jacobians, _ = linearized
    direction = torch.randn(2, here.chain.size, generator=generator, dtype=torch.float64)
    assert_close(here.jvp(direction).flatten(1), (jacobians @ direction[..., None])[..., 0], rtol=1e-11, atol=1e-11)
    cotangent = torch.randn(here.y.shape, generator=generator, dtype=torch.float64)
    expected = (jacobians.mT @ cotangent.flatten(1)[..., None])[..., 0]
    assert_close(here.vjp(cotangent), expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("weighted", [False, True])
def test_gauss_newton_matrix(linearized, weighted, generator):
    _, here, jacobians, _ = linearized
    residual = torch.randn(here.y.shape, generator=generator, dtype=torch.float64)
    scale = torch.rand(here.y.shape[1], generator=generator, dtype=torch.float64) if weighted else None
    rows = jacobians
    if scale is not None:
        rows = rows * scale.repeat_interleave(here.y.shape[2])[:, None]
    both = torch.cat([rows, residual.flatten(1)[..., None]], dim=-1)
    assert_close(here.gram(residual, scale).tril(), (both.mT @ both).tril(), rtol=1e-11, atol=1e-11)


def test_dense_rows(linearized):
    _, here, jacobians, _ = linearized
    by_output = jacobians.unflatten(1, here.y.shape[1:]).transpose(1, 2).flatten(1, 2)  # rows() goes by output
    assert_close(torch.cat(list(here.rows()), dim=1), by_output, rtol=1e-11, atol=1e-11)

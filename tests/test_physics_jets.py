"""Derivatives with respect to inputs: layers against scipy, jets of networks against nested autograd."""

import copy

import numpy as np
import pytest
import torch
from scipy.interpolate import BSpline
from torch.autograd import gradcheck, gradgradcheck
from torch.func import functional_call, jacrev, vmap
from torch.testing import assert_close

from edgewise import KAN, MLP, KANLayer
from edgewise.errors import ParameterError, ShapeError
from edgewise.layers import BASE_FUNCTIONS
from edgewise.layers.derivatives import base_derivative
from edgewise.physics import derivatives
from edgewise.physics import jets as jets_module
from edgewise.physics.jets import by_autograd, jet
from edgewise.physics.plan import laplacian, plan_of, product

F64 = {"dtype": torch.float64}
TIGHT = {"rtol": 1e-10, "atol": 1e-10}  # what jets promise against autograd; the worst seen is 2e-15 of the largest


def rows(n, dim, seed=0, reach=1.0):
    return reach * (2 * torch.rand(n, dim, generator=torch.Generator().manual_seed(seed), **F64) - 1)


def everything(dim):
    """A plan with every derivative up to the second, third ones of every kind, and two Laplacians."""
    indices, last = range(dim), dim - 1
    wanted = {((i,),) for i in indices} | {((i, j),) for i in indices for j in indices if i <= j}
    wanted |= {((0, 0, last),), ((0, 1, last),), ((last, last, last),)}
    return plan_of(frozenset(wanted | {laplacian(indices), laplacian(indices[1:])}))


def edge_jets(layer, x, order):
    """`(order+1, I, O, B)` by the compiled loops."""
    return layer._edges().forward(x.mT.contiguous(), *layer.effective_weights(), order + 1)[0][: order + 1]


def literal(layer, x, order):
    """`(order+1, I, O, B)` by scipy: the spline inside, the line of value and slope or the fading basis outside."""
    found = np.zeros((order + 1, layer.in_features, layer.out_features, len(x)))
    for i in range(layer.in_features):
        t, k = layer.knots[i].numpy(), layer.k
        lo, hi = t[k], t[-k - 1]
        for o in range(layer.out_features):
            c = layer.spline_weight[i, :, o].detach().numpy()
            # The basis runs on over the extended cells and vanishes beyond.
            wide_t = np.concatenate([t[0] - np.arange(k, 0, -1.0), t, t[-1] + np.arange(1.0, k + 1)])
            spline = BSpline(wide_t, np.concatenate([np.zeros(k), c, np.zeros(k)]), k, extrapolate=False)
            for m in range(min(order, k) + 1):
                at = spline.derivative(m) if m else spline
                for b, z in enumerate(x[:, i].tolist()):
                    if layer.outside == "linear" and not lo <= z <= hi:
                        end = lo if z < lo else np.nextafter(hi, lo)
                        slope = float(spline.derivative(1)(end))
                        value = [float(spline(end)) + slope * (z - end), slope]
                        found[m, i, o, b] = value[m] if m < 2 else 0.0
                    else:
                        found[m, i, o, b] = np.nan_to_num(at(z))
    return torch.from_numpy(found)


@pytest.mark.parametrize("outside", ["linear", "extend"])
@pytest.mark.parametrize(("k", "uneven"), [(1, False), (2, True), (3, False), (3, True), (5, False)])
def test_edges_and_their_derivatives_are_scipys(k, uneven, outside):
    """Inside, beyond the domain, and beyond the extended knots."""
    layer = KANLayer(2, 3, grid=4, k=k, outside=outside, base_fun="zero", generator=torch.Generator(), **F64)
    if uneven:
        layer.knots += (
            0.3
            * (layer.knots[0, 1] - layer.knots[0, 0])
            * torch.rand(layer.knots.shape, generator=torch.Generator(), **F64)
        )
    x = torch.cat([rows(40, 2), rows(20, 2, 1, reach=4.0)])
    expected = literal(layer, x, 3)
    found = edge_jets(layer, x, 3)
    size = expected.abs().amax(dim=(1, 2, 3), keepdim=True).clamp_min(1.0)
    assert_close(found / size, expected / size, rtol=0, atol=1e-12)
    weight = rows(len(x), 2, 2)
    for m in range(4):
        by_sums = torch.einsum("iob,bi->bo", expected[m], weight)
        assert_close(layer.derivative(x, m, weight) / size[m, 0], by_sums / size[m, 0], rtol=0, atol=1e-12)
        assert_close(layer.derivative(x, m) / size[m, 0], expected[m].sum(0).mT / size[m, 0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", [name for name in BASE_FUNCTIONS if name != "zero"])
def test_derivatives_of_residual_functions_are_autograds(name):
    x = rows(50, 1, reach=6.0).requires_grad_()
    expected = BASE_FUNCTIONS[name](x)
    for order in range(5):
        assert_close(base_derivative(name, x, order), expected, rtol=1e-11, atol=1e-12)
        slopes = torch.autograd.grad(expected.sum(), x, create_graph=True, materialize_grads=True)[0]
        expected = slopes if slopes.requires_grad else slopes + 0 * x


def test_nan_and_infinity_are_not_hidden():
    layer = KANLayer(1, 1, k=3, generator=torch.Generator(), **F64)
    found = edge_jets(layer, torch.tensor([[0.1], [float("nan")]], **F64), 4)
    assert bool(found[..., 0].isfinite().all())
    assert bool(found[..., 1].isnan().all())


class _Jets(torch.nn.Module):
    """A layer as a function of rows, of a jet and of its parameters."""

    def __init__(self, layer, plan):
        super().__init__()
        self.layer, self.plan = layer, plan

    def forward(self, x, state):
        # The values of a jet enter through x alone, so they have no gradient of their own.
        state = torch.cat([x.mT[:, None].detach(), state[:, 1:]], dim=1)
        return self.layer.jets(x, state, self.plan.rules, self.plan.order)


@pytest.mark.parametrize(
    "options",
    [{"grid": 2}, {"grid": 2, "base_fun": "silu", "sp_trainable": True}, {"basis": "chebyshev", "base_fun": "zero"}],
    ids=["tanh", "silu", "chebyshev"],
)
def test_jets_through_a_layer_are_differentiable_twice_and_under_transformations(options):
    plan = plan_of(frozenset([((0, 0),), ((0, 1),), ((0, 0, 1),)]))
    layer = KAN([2, 2], k=5, seed=0, **{"base_fun": "tanh", **options}, **F64).layers[0]
    layer.set_mask(torch.tensor([[1, 0], [1, 1]]))
    module, names = _Jets(layer, plan), [name for name, p in layer.named_parameters() if p.requires_grad]
    x = rows(2, 2, 3, reach=0.9).requires_grad_()
    state = torch.randn(2, len(plan.channels), 2, generator=torch.Generator(), **F64).requires_grad_()

    def both(x, state, *weights):
        return functional_call(module, dict(zip([f"layer.{n}" for n in names], weights, strict=True)), (x, state))

    inputs = (x, state, *(dict(layer.named_parameters())[name] for name in names))
    assert gradcheck(both, inputs)
    assert gradgradcheck(both, inputs)
    found, values = both(*inputs)
    assert_close(values, found[:, 0])
    one_by_one = vmap(lambda row, own: both(row[None], own[..., None], *inputs[2:])[0][..., 0], (0, 2), -1)(x, state)
    assert_close(one_by_one, found, **TIGHT)
    assert jacrev(lambda w: both(x, state, w, *inputs[3:])[1].sum())(inputs[2]).shape == inputs[2].shape


def test_jets_refuse_what_does_not_fit():
    layer, plan = KAN([2, 3], seed=0, **F64).layers[0], plan_of(frozenset([laplacian([0, 1])]))
    state = torch.zeros(2, len(plan.channels), 4, **F64)
    for wrong in (rows(4, 1), rows(4, 3), rows(4, 2).float()):  # unchecked, the loops read beyond the rows
        with pytest.raises(ShapeError):
            layer.jets(wrong, state, plan.rules, plan.order)
        with pytest.raises(ShapeError):
            derivatives(KAN([2, 3, 1], seed=0, **F64), wrong).laplacian  # noqa: B018
    with pytest.raises(ShapeError, match=r"of the same rows; got \(5, 2\) and torch.float64 \(2, 4, 4\)"):
        layer.jets(rows(5, 2), state, plan.rules, plan.order)


def test_a_backward_frees_what_a_forward_kept():
    model, x = KAN([2, 3, 1], seed=0, **F64), rows(10, 2)
    loss = jet(model, x, plan_of(frozenset([laplacian([0, 1])])))[0, -1].square().mean()
    node = loss.grad_fn
    while type(node).__name__ != "_LayerJetsBackward":
        node = node.next_functions[0][0]
    loss.backward()
    with pytest.raises(RuntimeError, match="freed"):
        node.saved_tensors  # noqa: B018


def networks():
    plain = KAN([2, 5, 1], grid=5, k=5, seed=0, **F64)
    products = KAN([3, [3, 2], 2], grid=4, k=3, mult_arity=3, seed=1, base_fun="gelu", outside="extend", **F64)
    symbolic = KAN([2, 3, 2], grid=4, k=5, seed=2, sp_trainable=True, **F64)
    symbolic.fix_symbolic(0, 0, 1, "sin")
    symbolic.fix_symbolic(1, 2, 0, "x^3")
    symbolic.layers[0].set_mask(torch.tensor([[1, 1, 0], [0, 1, 1]]))
    uneven = KAN([2, 4, 1], grid=6, k=3, grid_eps=0.0, seed=3, **F64)
    uneven.update_grid(rows(200, 2, 5))
    wide = KAN([2, 6, 6, 1], grid=3, k=5, seed=4, **F64)
    return {"plain": plain, "products": products, "symbolic": symbolic, "uneven": uneven, "wide": wide}


@pytest.mark.parametrize("name", ["plain", "products", "symbolic", "uneven", "wide"])
def test_jets_are_those_of_nested_autograd(name, monkeypatch):
    """All channels, and their gradients by every parameter and by the inputs; rows inside and outside the grids."""
    model = networks()[name]
    if name == "wide":
        monkeypatch.setattr(jets_module, "MOST_EDGE_VALUES", 0)
    plan, dim = everything(model.in_features), model.in_features
    x = rows(30, dim, 1, reach=1.2).requires_grad_()
    found, expected = jet(model, x, plan), by_autograd(model, x, plan)
    assert found.shape == (model.out_features, len(plan.channels), 30)
    assert_close(found / expected.abs().amax(2, keepdim=True), expected / expected.abs().amax(2, keepdim=True), **TIGHT)
    inputs = [x, *(p for p in model.parameters() if p.requires_grad)]
    weights = torch.randn(found.shape, generator=torch.Generator(), **F64)
    for ours, theirs in zip(
        torch.autograd.grad((weights * found).sum(), inputs, materialize_grads=True),
        torch.autograd.grad((weights * expected).sum(), inputs, materialize_grads=True),
        strict=True,
    ):
        size = theirs.abs().amax().clamp_min(1e-300)
        assert_close(ours / size, theirs / size, **TIGHT)


def test_float32_keeps_its_digits():
    model, exact = KAN([2, 4, 1], k=5, seed=0), KAN([2, 4, 1], k=5, seed=0, **F64)
    exact.load_state_dict(model.state_dict())
    x = rows(20, 2)
    found, expected = derivatives(model, x.float()).laplacian, derivatives(exact.double(), x).laplacian
    assert found.dtype == torch.float32
    assert_close(
        found.double(), expected, rtol=0, atol=1e-4 * float(expected.detach().abs().amax())
    )  # 1e3 eps: h^2 is 1/25


def test_a_field_computes_what_is_asked_in_one_pass():
    model, x = KAN([3, 4, 2], k=5, seed=0, **F64), rows(7, 3)
    u = derivatives(model, x, names="txy", time=0)
    assert_close(u.laplacian, u.d("x", "x") + u.d("y", "y"), **TIGHT)
    one = derivatives(model, x, names="txy", time=0)
    assert one.laplacian.shape == (7,)
    assert one.grad.shape == (7, 2)
    assert_close(one.value, model(x)[:, 0], **TIGHT)
    assert one._jets.passes == 1  # the Laplacian needs the gradient in space, which was there
    one.dt, one[1].dt  # one more pass for both
    assert one._jets.passes == 2
    assert u.hessian.shape == (7, 2, 2)
    assert u.third.shape == (7, 2, 2, 2)
    passes = u._jets.passes
    assert_close(u.hessian[:, 0, 1], u.d(1, 2), **TIGHT)
    assert_close(u.third[:, 1, 0, 1], u.d("x", "y", "y"), **TIGHT)
    assert u._jets.passes == passes
    v, w = u
    assert_close(w.value, model(x)[:, 1], **TIGHT)
    assert_close(v.value, u.value)


def test_a_field_of_a_function_with_known_derivatives():
    x = rows(9, 2)
    u = derivatives(lambda x: torch.sin(2 * x[:, 0]) * x[:, 1] ** 3, x, names=("x", "y"))
    s, c, y = torch.sin(2 * x[:, 0]), torch.cos(2 * x[:, 0]), x[:, 1]
    assert_close(u.laplacian, -4 * s * y**3 + 6 * s * y, **TIGHT)
    assert_close(u.d("x", "y", "y"), 12 * c * y, **TIGHT)
    assert_close(u.d("y", "y", "y"), 6 * s, **TIGHT)
    assert_close(derivatives(lambda x: x[:, 0] * 0 + 1.0, x).laplacian, torch.zeros(9, **F64))


def test_autograd_and_transformations_agree_for_other_modules():
    model, x, plan = MLP([2, 6, 2], seed=0, **F64), rows(5, 2), everything(2)
    expected = by_autograd(model, x, plan)
    one_by_one = vmap(lambda row: by_autograd(model, row[None], plan)[..., 0], out_dims=-1)(x)
    assert_close(one_by_one, expected, **TIGHT)
    assert_close(jet(model, x, plan), expected, **TIGHT)


def test_a_network_that_somebody_watches_is_not_bypassed():
    model, x = KAN([2, 3, 1], k=5, seed=0, **F64), rows(5, 2)
    seen = []
    model.layers[0].register_forward_hook(lambda *_: seen.append(1))
    expected = derivatives(copy.deepcopy(model).requires_grad_(False), x).laplacian
    assert_close(derivatives(model, x).laplacian, expected, **TIGHT)
    assert seen


def test_the_product_rule():
    x, plan = rows(6, 2), everything(2)
    f, g = (lambda x: torch.sin(x[:, 0] + 2 * x[:, 1])), (lambda x: torch.exp(x[:, 0] * x[:, 1]))
    both = product(by_autograd(f, x, plan), by_autograd(g, x, plan), plan)
    assert_close(both, by_autograd(lambda x: f(x) * g(x), x, plan), **TIGHT)


def test_wrong_questions_are_refused():
    model, x = KAN([2, 3, 1], seed=0, **F64), rows(4, 2)
    u = derivatives(model, x, names="xy")
    with pytest.raises(ParameterError, match=r"derivatives have one to 3 coordinates; got 4"):
        u.d(0, 0, 0, 0)
    with pytest.raises(ParameterError, match=r"no coordinate 'z'; they are x, y"):
        u.d("z")
    with pytest.raises(ParameterError, match=r"`u.dt` needs a domain with time"):
        u.dt  # noqa: B018
    with pytest.raises(IndexError, match=r"1 outputs; there is no u\[1\]"):
        u[1]
    layer = model.layers[0]
    with pytest.raises(ParameterError, match=r"`order` .* must be an int >= 0; got -1"):
        layer.derivative(x, -1)
    with pytest.raises(ShapeError, match=r"`weight` must be like `x`, torch.float64 \(4, 2\)"):
        layer.derivative(x, 1, x[:2])
    with pytest.raises(ShapeError, match="last axis"):
        layer.derivative(x[:, :1], 1)


def test_arrays_and_lists_become_like_the_parameters_of_the_model():
    array = np.linspace(-0.9, 0.9, 8).reshape(4, 2)
    single = KAN([2, 3, 1], k=5, seed=0)
    expected = derivatives(single, torch.from_numpy(array).float()).laplacian
    for x in (array, array.tolist()):
        found = derivatives(single, x).laplacian
        assert found.dtype == torch.float32
        assert torch.equal(found, expected)
    assert derivatives(lambda x: x[:, 0] ** 2, array.astype("f4")).laplacian.dtype == torch.float64

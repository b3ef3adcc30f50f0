"""A small network in one call: the same numbers and derivatives as layer after layer, and no trace of the shortcut."""

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck
from torch.func import functional_call, grad, hessian, jacrev, jvp, vmap
from torch.testing import assert_close

from edgewise import KAN, KANLayer
from edgewise.errors import ShapeError
from edgewise.kernels import edges, network, small_networks
from edgewise.layers import squared_error
from edgewise.splines import uniform_knots

F64 = torch.float64


def parts_of(model):
    return [(*layer.effective_weights(), layer.knots) for layer in model.layers]


def one_by_one(x, layers, degree, linear):
    for coef, base, knots in layers:
        x = edges(x, coef, base, knots, degree, linear)
    return x


def problem(width, grid, k, rows, outside="linear", dtype=F64, spread=1.2):
    """A model, and inputs of which a part lies outside its grid."""
    model = KAN(width, grid=grid, k=k, seed=0, dtype=dtype, outside=outside)
    random = torch.Generator().manual_seed(rows)
    x = spread * torch.randn(rows, width[0], dtype=dtype, generator=random)
    g = torch.randn(rows, width[-1], dtype=dtype, generator=random)
    return model, x.requires_grad_(), g


@pytest.fixture
def shortcut(monkeypatch):
    """How often the one call was taken."""
    from edgewise.kernels import network_cpu

    calls = []
    forward = network_cpu.forward

    def counted(*args):
        result = forward(*args)
        if result is not None:
            calls.append(len(args[0]))
        return result

    monkeypatch.setattr(network_cpu, "forward", counted)
    return calls


# ------------------------------------------------------------------------------------------------------- values


SHAPES = [([2, 5, 1], 5, 3), ([3, 9, 4, 2], 7, 3), ([1, 1], 1, 2), ([17, 1, 14], [6, 3], 2), ([2, 24, 1], 100, 3)]


# Every degree is compiled for itself: one of them is enough in float32.
@pytest.mark.parametrize(
    ("width", "grid", "k", "dtype"),
    [(*shape, F64) for shape in SHAPES] + [(width, grid, 3, torch.float32) for width, grid, _ in SHAPES],
    ids=str,
)
@pytest.mark.parametrize("outside", ["linear", "extend"])
def test_values_and_gradients_equal_those_of_layer_after_layer(width, grid, k, outside, dtype, shortcut):
    # The two sum in another order. float32: three layers amplify a rounding of 6e-8; worst seen 2e-5.
    bound = 1e-12 if dtype is F64 else 2e-4
    for rows in (1, 63, 64, 65, 1000):
        model, x, g = problem(width, grid, k, rows, outside, dtype)
        wanted = [x, *model.parameters()]
        results = []
        for function in (network, one_by_one):
            y = function(x, parts_of(model), k, outside == "linear")
            results.append([y, *torch.autograd.grad(y, wanted, g)])
        for ours, theirs in zip(*results, strict=True):
            assert_close(ours, theirs, rtol=0, atol=bound * max(1.0, float(theirs.detach().abs().max())))
    assert len(shortcut) == 5


def test_inputs_chosen_to_hurt(shortcut):
    model, _, _ = problem([1, 3, 1], 5, 3, 1)
    knots = model.layers[0].knots[0]
    nan, inf = float("nan"), float("inf")
    special = torch.tensor([-1.0, 1.0, -1e300, 1e300, -0.0, 5e-324, -1 - 1e-15, 1 + 1e-15, nan], dtype=F64)
    x = torch.cat([knots, special])[:, None].requires_grad_()
    for linear in (True, False):
        ours = network(x, parts_of(model), 3, linear)
        theirs = one_by_one(x, parts_of(model), 3, linear)
        assert_close(ours, theirs, rtol=1e-12, atol=1e-12, equal_nan=True)
        assert torch.isnan(ours).flatten().tolist() == [False] * (len(x) - 1) + [True]
        slopes = [torch.autograd.grad(y[:-1].sum(), x, retain_graph=True)[0][:-1] for y in (ours, theirs)]
        assert_close(*slopes, rtol=1e-12, atol=1e-12)
    limit = torch.tensor([[inf], [-inf]], dtype=F64)
    for linear in (True, False):
        assert_close(
            network(limit, parts_of(model), 3, linear), one_by_one(limit, parts_of(model), 3, linear), equal_nan=True
        )
    assert len(shortcut) == 4


def test_one_nan_stays_in_its_row():
    model, x, _ = problem([2, 5, 1], 5, 3, 200)
    with torch.no_grad():
        clean = model(x)
        spoiled = x.detach().clone()
        spoiled[77, 1] = float("nan")
        seen = model(spoiled)
    assert torch.isnan(seen).flatten().nonzero().tolist() == [[77]]
    keep = torch.arange(200) != 77
    assert_close(seen[keep], clean[keep], rtol=0, atol=0)


def test_unequal_knots_take_the_other_way():
    model, x, g = problem([2, 3, 1], 5, 3, 50)
    model.layers[1].knots[:, 5] += 0.01
    wanted = [x, *model.parameters()]
    ours = torch.autograd.grad(model(x), wanted, g)
    theirs = torch.autograd.grad(one_by_one(x, parts_of(model), 3, True), wanted, g)
    assert_close(ours, theirs, rtol=0, atol=0)


def test_the_number_of_threads_changes_results_by_rounding_only():
    model, x, g = problem([2, 5, 3], 5, 3, 3001)
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 5, 2):
            torch.set_num_threads(threads)
            results.append([model(x), *torch.autograd.grad(model(x), [x, *model.parameters()], g)])
    finally:
        torch.set_num_threads(before)
    for other in results[1:]:
        assert_close(other, results[0], rtol=1e-12, atol=1e-12)
    assert_close(results[1], results[3], rtol=0, atol=0)  # and with as many threads not at all


# -------------------------------------------------------------------------------------------------- derivatives


@pytest.mark.parametrize("linear", [True, False])
def test_first_and_second_derivatives_agree_with_differences(linear):
    model, x, _ = problem([2, 3, 2], 3, 3, 4, spread=0.5)
    flat = [t.detach().clone().requires_grad_() for part in parts_of(model) for t in part[:2]]
    knots = [layer.knots for layer in model.layers]

    def function(x, *tensors):
        layers = [(*tensors[2 * l : 2 * l + 2], knots[l]) for l in range(2)]
        return network(x, layers, 3, linear)

    assert gradcheck(function, [x, *flat])
    assert gradgradcheck(function, [x, *flat])


@pytest.mark.parametrize("outside", ["linear", "extend"])
@pytest.mark.parametrize("k", [2, 3])
def test_dense_bases_and_operators_have_the_same_derivatives_of_every_order(k, outside, monkeypatch):
    """Of outputs by inputs up to the third, and all of them by the weights; rows outside the grid among them."""
    model, x, _ = problem([2, 3, 1], 3, k, 30, outside)

    def derivatives():
        found, y = [], model(x).sum(0)
        for _ in range(3):
            (slope,) = torch.autograd.grad(y.sum(), x, create_graph=True)
            found += [slope, *torch.autograd.grad(slope.square().sum(), list(model.parameters()), retain_graph=True)]
            y = slope
        return found

    dense = derivatives()
    monkeypatch.setattr(small_networks, "MOST_VALUES", 0)
    for found, expected in zip(dense, derivatives(), strict=True):
        # The derivatives of one network differ by their orders' sizes; worst seen 2e-14 of the largest.
        assert_close(found, expected, rtol=0, atol=1e-11 * max(1.0, float(expected.detach().abs().max())))


def test_a_kept_graph_over_dense_bases_can_be_mapped_and_used_again():
    model, x, _ = problem([2, 3, 1], 3, 3, 20)
    weights = list(model.parameters())
    slopes = torch.autograd.grad(model(x).square().sum(), weights, create_graph=True)
    v = [torch.randn(4, *w.shape, dtype=F64, generator=torch.Generator().manual_seed(0)) for w in weights]

    def product(*v):
        return torch.autograd.grad(slopes, weights, v, retain_graph=True)

    for mapped, *alone in zip(vmap(product)(*v), *(product(*(part[n] for part in v)) for n in range(4)), strict=True):
        assert_close(mapped, torch.stack(alone), rtol=1e-12, atol=1e-12)


def test_a_coefficient_computed_from_the_input_is_differentiated_once():
    """The second derivative must not run through one argument to another."""
    model, x, _ = problem([1, 2, 1], 4, 3, 6, spread=0.4)
    coef, base, knots = parts_of(model)[0]
    second = parts_of(model)[1]

    def function(x, run):
        own = coef * (1 + x.mean() ** 2)
        return run(x, [(own, base, knots), second], 3, True).sum()

    def curvature(run):
        (slope,) = torch.autograd.grad(function(x, run), x, create_graph=True)
        return torch.autograd.grad((slope**2).sum(), x)[0]

    assert_close(curvature(network), curvature(one_by_one), rtol=1e-12, atol=1e-12)


def test_transformations_see_the_operators(shortcut):
    model, x, _ = problem([2, 4, 1], 5, 3, 9, spread=0.5)
    parameters = {name: p.detach() for name, p in model.named_parameters()}

    def loss(parameters, x):
        return (functional_call(model, parameters, (x,)) ** 2).sum()

    found = grad(loss)(parameters, x.detach())
    expected = torch.autograd.grad(loss(dict(model.named_parameters()), x.detach()), list(model.parameters()))
    for ours, theirs in zip(found.values(), expected, strict=True):
        assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    rows = jacrev(lambda x: model(x).sum(0))(x.detach())
    assert_close(rows[0], torch.autograd.grad(model(x).sum(), x)[0], rtol=1e-12, atol=1e-12)
    assert hessian(lambda x: model(x[None]).sum())(x[0].detach()).shape == (2, 2)
    alone = vmap(lambda x: model(x[None])[0])(x.detach())
    assert_close(alone, model(x), rtol=1e-12, atol=1e-12)
    _, along = jvp(model, (x.detach(),), (torch.ones_like(x),))
    assert_close(along[:, 0], torch.autograd.grad(model(x).sum(), x)[0].sum(1), rtol=1e-12, atol=1e-12)
    assert len(shortcut) == 4  # the plain calls


def test_forward_mode_without_torch_func():
    from torch.autograd import forward_ad

    model, x, _ = problem([2, 4, 1], 5, 3, 9, spread=0.5)
    with forward_ad.dual_level():
        y = model(forward_ad.make_dual(x.detach(), torch.ones_like(x)))
        along = forward_ad.unpack_dual(y).tangent
    assert_close(along[:, 0], torch.autograd.grad(model(x).sum(), x)[0].sum(1), rtol=1e-12, atol=1e-12)


def test_a_tensor_changed_between_forward_and_backward_is_refused():
    model, x, g = problem([2, 3, 1], 5, 3, 5)
    y = model(x)
    with torch.no_grad():
        model.layers[1].spline_weight.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward(g)


@pytest.mark.parametrize("linear", [True, False])
def test_a_nan_reaches_the_gradients_that_it_reaches_layer_by_layer(linear):
    model, x, g = problem([2, 5, 1], 5, 3, 70)
    with torch.no_grad():
        x[7, 0] = float("nan")
    wanted = [x, *model.parameters()]
    ours = torch.autograd.grad(network(x, parts_of(model), 3, linear), wanted, g)
    theirs = torch.autograd.grad(one_by_one(x, parts_of(model), 3, linear), wanted, g)
    for a, b in zip(ours, theirs, strict=True):
        assert int(a.isnan().sum()) == int(b.isnan().sum()) > 0


def test_knots_that_ask_for_a_gradient_have_none():
    model, x, _ = problem([2, 3, 1], 5, 3, 5, spread=0.5)
    layers = [(coef, base, knots.clone().requires_grad_()) for coef, base, knots in parts_of(model)]
    y = network(x, layers, 3, True)
    (slope,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    slope.sum().backward()
    assert layers[0][2].grad is None
    assert model.layers[0].spline_weight.grad is not None


def test_a_mode_around_the_backward_pass_sees_operators():
    from torch.utils._python_dispatch import TorchDispatchMode

    seen = []

    class Recorder(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            seen.append(str(function))
            return function(*args, **(kwargs or {}))

    model, x, g = problem([2, 3, 1], 5, 3, 5)
    expected = torch.autograd.grad(model(x), [x, *model.parameters()], g)
    y = model(x)
    with Recorder():
        found = torch.autograd.grad(y, [x, *model.parameters()], g)
    assert seen.count("edgewise.edges_backward.default") == 2
    assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_a_lazily_negated_input_is_what_it_says():
    model, x, _ = problem([2, 3, 1], 5, 3, 5)
    assert_close(model(torch._neg_view(x)), model(-x), rtol=0, atol=1e-14)


# ----------------------------------------------------------------------------------------- when it is not taken


def test_hooks_on_layers_are_called(shortcut):
    model, x, _ = problem([2, 3, 1], 5, 3, 5)
    expected, seen = model(x), []
    handle = model.layers[1].register_forward_hook(lambda module, args, output: seen.append(args[0].shape))
    assert_close(model(x), expected, rtol=1e-12, atol=1e-12)
    handle.remove()
    assert seen == [(5, 3)]
    assert len(shortcut) == 1


def test_a_replaced_forward_is_called(monkeypatch):
    model, x, _ = problem([2, 3, 1], 5, 3, 5)
    expected, original = 2 * model(x), model.layers[1].forward
    model.layers[1].forward = lambda x: 2 * original(x)
    assert_close(model(x), expected, rtol=1e-12, atol=1e-12)
    del model.layers[1].forward
    ordinary = KANLayer.forward
    monkeypatch.setattr(KANLayer, "forward", lambda self, x: ordinary(self, x) + 1)
    first, second = parts_of(model)[:1], parts_of(model)[1:]
    hidden = one_by_one(x, first, 3, True) + 1
    assert_close(model(x), one_by_one(hidden, second, 3, True) + 1, rtol=1e-12, atol=1e-12)


def test_a_layer_that_does_not_fit_is_named():
    model, x, _ = problem([2, 3, 1], 5, 3, 5)
    model.layers[1].float()
    with pytest.raises(ShapeError, match=r"KANLayer\(in_features=3.*the layer is torch.float32"):
        model(x)
    model, _, _ = problem([2, 3, 1], 5, 3, 5)
    model.layers[1] = KANLayer(4, 1, dtype=F64)
    with pytest.raises(ShapeError, match="must have 4 features"):
        model(x)


def test_a_symbolic_tracer_keeps_the_layers():
    class Tracer(torch.fx.Tracer):
        def is_leaf_module(self, module, name):
            return isinstance(module, KANLayer)

    names = [node.target for node in Tracer().trace(problem([2, 3, 1], 5, 3, 5)[0]).nodes if node.op == "call_module"]
    assert names[0] == "layers.0"
    assert "layers.1" in names


def test_another_module_in_place_of_a_layer_is_called():
    model, x, _ = problem([2, 3, 1], 5, 3, 5)

    class Louder(KANLayer):
        def forward(self, x):
            return 2 * super().forward(x)

    louder = Louder(3, 1, grid=5, dtype=F64)
    louder.load_state_dict(model.layers[1].state_dict())
    expected = 2 * model(x)
    model.layers[1] = louder
    assert_close(model(x), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("change", "taken"),
    [
        ({}, 1),
        ({"base_fun": "tanh"}, 0),
        ({"k": 1}, 0),
        ({"width": [2, 300, 1]}, 0),
        ({"width": [2, [2, 1], 1]}, 0),
        ({"width": [190, 1]}, 0),
    ],
    ids=str,
)
def test_where_it_applies(change, taken, shortcut):
    options = {"width": [2, 5, 1], "grid": 4, "seed": 0, "dtype": F64} | change
    model = KAN(**options)
    x = torch.rand(7, model.in_features, dtype=F64)
    y = model(x)
    for layer, product in zip(model.layers, model.products, strict=True):
        x = product(layer(x))
    assert_close(y, x, rtol=1e-12, atol=1e-12)
    assert len(shortcut) == taken


def test_removed_edges_and_scales_are_respected(shortcut):
    model = KAN([2, 3, 1], grid=4, seed=0, dtype=F64, sp_trainable=True)
    mask = torch.ones(2, 3, dtype=F64)
    mask[0, 1] = 0
    model.layers[0].set_mask(mask)
    x = torch.rand(30, 2, dtype=F64)
    y = model(x)
    y.sum().backward()
    gradient = model.layers[0].spline_weight.grad
    assert not gradient[0, :, 1].any()
    assert gradient[1].any()
    assert_close(y, one_by_one(x, parts_of(model), 3, True), rtol=1e-12, atol=1e-12)
    assert len(shortcut) == 1


def test_layouts_that_are_not_contiguous_and_leading_axes():
    model, _, _ = problem([2, 3, 2], 5, 3, 5)
    x = torch.rand(2, 30, dtype=F64).T
    assert_close(model(x), model(x.contiguous()), rtol=0, atol=0)
    assert_close(model(x.reshape(5, 3, 2, 2)).reshape(30, 2), model(x), rtol=0, atol=0)
    assert model(x[:0]).shape == (0, 2)
    y = model(x)
    y.backward(torch.ones(1, 1, dtype=F64).expand(30, 2))
    assert all(p.grad.isfinite().all() for p in model.parameters())


def test_knots_of_many_intervals_count_as_equally_spaced(shortcut):
    """100 intervals: the knots are rounded, which is no reason to leave the fast way."""
    for dtype in (F64, torch.float32):
        knots = uniform_knots(torch.tensor([-1.0], dtype=dtype), torch.tensor([1.0], dtype=dtype), 100, 3)
        coef = torch.rand(1, 103, 2, dtype=dtype, generator=torch.Generator().manual_seed(0))
        x = torch.linspace(-1, 1, 100, dtype=dtype)[:, None]
        network(x, [(coef, torch.ones(1, 2, dtype=dtype), knots)], 3, True)
    assert len(shortcut) == 2


# ----------------------------------------------------------------------------------------- without autograd


@pytest.mark.parametrize("dtype", [F64, torch.float32], ids=str)
def test_squared_error_and_gradients_equal_those_of_autograd(dtype):
    model, x, y = problem([3, 5, 2], 5, 3, 777, dtype=dtype)
    y = y + 1
    error, grads = squared_error(model.layers, model.products, x.detach(), y)
    expected = torch.nn.functional.mse_loss(model(x), y)
    bound = 1e-12 if dtype is F64 else 1e-4
    assert_close(error, expected.detach(), rtol=bound, atol=0)
    parameters = list(model.parameters())
    for parameter, slope in zip(parameters, torch.autograd.grad(expected, parameters), strict=True):
        assert_close(grads[parameter], slope, rtol=0, atol=bound * max(1.0, float(slope.abs().max())))
    assert not error.requires_grad


def test_squared_error_leaves_to_autograd_what_it_cannot_do():
    model, x, y = problem([2, 3, 1], 5, 3, 8)
    x = x.detach()

    def applies():
        return squared_error(model.layers, model.products, x, y) is not None

    assert applies()
    handle = model.layers[1].register_forward_pre_hook(lambda *_: None)
    assert not applies()
    handle.remove()
    model.layers[0].forward = lambda x: x
    assert not applies()
    del model.layers[0].forward
    assert squared_error(model.layers, model.products, x, y[:, 0]) is None  # no silent broadcast
    model.layers[1].base_weight.requires_grad_(False)
    assert len(squared_error(model.layers, model.products, x, y)[1]) == 3
    mask = torch.ones(2, 3, dtype=F64)
    mask[1, 1] = 0
    model.layers[0].set_mask(mask)
    assert not applies()


def test_fit_trains_alike_with_and_without_autograd():
    """A hook on the model makes `fit` take autograd. Ten steps amplify rounding; the bound is 1e-10."""
    x = torch.rand(200, 2, dtype=F64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    y = torch.sin(3 * x[:, :1]) * x[:, 1:]
    losses = []
    for observed in (False, True):
        model, calls = KAN([2, 3, 1], grid=4, seed=0, dtype=F64), []
        if observed:
            model.register_forward_hook(lambda *_, calls=calls: calls.append(1))
        losses.append(model.fit((x, y), opt="lbfgs", steps=10, progress=False)["train_loss"])
        assert bool(calls) is observed
    assert losses[0] == pytest.approx(losses[1], rel=1e-10)


def test_gradient_hooks_of_parameters_are_called_in_fit():
    model, calls = KAN([1, 2, 1], grid=3, seed=0, dtype=F64), []
    model.layers[0].spline_weight.register_hook(calls.append)
    x = torch.linspace(-1, 1, 20, dtype=F64)[:, None]
    model.fit((x, x**2), opt="lbfgs", steps=2, progress=False)
    assert calls

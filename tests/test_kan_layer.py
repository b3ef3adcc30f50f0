"""`KANLayer`: the edge formula against literal loops over scipy splines, and the manners of an ordinary module."""

import copy
import pickle

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, hessian, stack_module_state, vmap
from torch.testing import assert_close

from edgewise import KANLayer
from edgewise.errors import ParameterError, ShapeError
from edgewise.layers import BASE_FUNCTIONS
from oracles import literal_kan

F64 = {"dtype": torch.float64}


def build(n_in=3, n_out=4, seed=0, **options) -> KANLayer:
    """A layer with weights of order one, so that no term of the formula hides behind rounding."""
    layer = KANLayer(n_in, n_out, **{"generator": torch.Generator().manual_seed(seed), **F64, **options})
    g = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=g, **F64))
    return layer


def rows(*shape, seed=2, scale=1.0) -> torch.Tensor:
    """Uniform in `(-scale, scale)`."""
    return scale * (2 * torch.rand(*shape, generator=torch.Generator().manual_seed(seed), **F64) - 1)


def stretch_knots(layer: KANLayer, seed=3) -> None:
    """Knots with spacings that differ by up to a factor of four."""
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        steps = 0.1 + 0.3 * torch.rand(layer.knots.shape, generator=g, **F64)
        layer.knots.copy_(steps.cumsum(-1) - steps.sum(-1, keepdim=True) / 2)


def checkerboard(layer: KANLayer) -> torch.Tensor:
    i, o = torch.meshgrid(torch.arange(layer.in_features), torch.arange(layer.out_features), indexing="ij")
    return ((i + o) % 2).to(torch.float64)


def literal(layer: KANLayer, n_mult=0, arity=2) -> literal_kan.Layer:
    parts = (layer.knots, layer.coef, layer.scale_base, layer.scale_sp, layer.mask)
    return literal_kan.Layer(*(p.detach().numpy().copy() for p in parts), layer.k, layer.outside, n_mult, arity)


# ------------------------------------------------------------------------------------------ the formula


@pytest.mark.parametrize("outside", ["linear", "extend"])
@pytest.mark.parametrize("k", [0, 1, 2, 3, 5])
def test_values_and_gradients_agree_with_literal_loops(k, outside):
    layer = build(2, 3, grid=4, k=k, outside=outside, sp_trainable=True)
    stretch_knots(layer)
    layer.set_mask(checkerboard(layer))
    x = rows(9, 2, scale=2.0).requires_grad_()  # a few rows lie outside the domain
    assert (x.detach().abs() > layer.domain[:, 1]).any()
    cotangent = rows(9, 3, seed=5)
    oracle = literal(layer)

    y = layer(x)
    y.backward(cotangent)
    # rtol: 1e4 rounding errors; sums of about ten terms of order one, slopes of order ten.
    close = {"rtol": 2e-12, "atol": 2e-12}
    assert_close(y.detach(), torch.from_numpy(literal_kan.forward([oracle], x.detach().numpy())), **close)
    d_x = literal_kan.gradients([oracle], x.detach().numpy(), cotangent.numpy())
    assert_close(x.grad, torch.from_numpy(d_x), **close)
    assert_close(layer.spline_weight.grad.transpose(1, 2), torch.from_numpy(oracle.d_coef), **close)
    assert_close(layer.base_weight.grad, torch.from_numpy(oracle.d_scale_base), **close)
    assert_close(layer.spline_scale.grad, torch.from_numpy(oracle.d_scale_sp), **close)


@pytest.mark.parametrize("base_fun", sorted(BASE_FUNCTIONS))
def test_base_function_is_added_with_its_factor(base_fun):
    layer = build(base_fun=base_fun)
    x = rows(6, 3)
    with torch.no_grad():
        layer.spline_weight.zero_()
    function = {
        "silu": lambda v: v * torch.sigmoid(v),
        "identity": lambda v: v,
        "tanh": torch.tanh,
        "gelu": lambda v: v * torch.special.ndtr(v),
        "relu": lambda v: v.clamp(min=0.0),
        "zero": torch.zeros_like,
    }[base_fun]
    assert_close(layer(x), function(x) @ layer.base_weight, rtol=1e-13, atol=1e-13)


def test_the_base_weight_of_base_zero_is_zero_and_frozen():
    layer = KANLayer(2, 3, base_fun="zero")
    assert not layer.base_weight.requires_grad
    assert not layer.base_weight.any()


@pytest.mark.parametrize("base_fun", ["silu", "zero"])
def test_edge_values_add_up_to_the_output(base_fun):
    layer = build(3, 4, base_fun=base_fun, sp_trainable=True)
    layer.set_mask(checkerboard(layer))
    x = rows(8, 3, scale=1.5)
    values = layer.edge_values(x)
    assert values.shape == (8, 3, 4)
    assert_close(values.sum(1), layer(x), rtol=1e-13, atol=1e-13)
    assert_close(values * (1 - layer.mask), torch.zeros_like(values))
    # One edge by itself: switch all others off.
    only = torch.zeros(3, 4, **F64)
    only[2, 1] = 1
    layer.set_mask(only)
    assert_close(values[:, 2, 1], layer(x)[:, 1])


def test_second_derivatives_are_right():
    layer = build(2, 2, grid=3, k=3)
    x = rows(3, 2, scale=0.9).requires_grad_()
    parameters = [layer.spline_weight, layer.base_weight]
    assert torch.autograd.gradcheck(lambda x, *_: layer(x), [x, *parameters])
    assert torch.autograd.gradgradcheck(lambda x, *_: layer(x), [x, *parameters])


def test_nan_stays_nan_and_in_its_row():
    layer = build()
    x = rows(4, 3)
    x[1, 2] = torch.nan
    is_nan = layer(x).isnan()
    assert is_nan[1].all()
    assert not is_nan[[0, 2, 3]].any()


# ----------------------------------------------------------------------------------------------- shapes


@pytest.mark.parametrize("leading", [(), (1,), (6,), (2, 3), (2, 1, 3), (0,), (0, 5), (4, 0)])
def test_any_leading_axes(leading):
    layer = build()
    x = rows(*leading, 3).requires_grad_()
    y = layer(x)
    assert y.shape == (*leading, 4)
    assert_close(y.reshape(-1, 4), layer(x.reshape(-1, 3)))
    y.sum().backward()
    assert x.grad.shape == x.shape


def test_an_empty_batch_has_zero_gradients():
    layer = build()
    layer(rows(0, 3)).sum().backward()
    assert all(not p.grad.any() for p in layer.parameters())


def test_input_need_not_be_contiguous():
    layer = build()
    wide = rows(3, 14)
    for x in (wide.T, wide.T[::2], rows(5, 6)[:, ::2], rows(1, 3).expand(7, 3)):
        assert not x.is_contiguous()
        # Not bit-equal: a matrix product may choose another routine.
        assert_close(layer(x), layer(x.contiguous()), rtol=1e-13, atol=1e-13)


def test_a_batch_of_one_is_one_of_a_batch():
    layer = build()
    x = rows(9, 3, scale=1.5)
    # Not bit-equal: a matrix product may add in another order.
    assert_close(torch.cat([layer(row[None]) for row in x]), layer(x), rtol=1e-13, atol=1e-13)


def test_permuting_inputs_permutes_edges():
    layer = build()
    stretch_knots(layer)
    x, order = rows(7, 3), torch.tensor([2, 0, 1])
    moved = copy.deepcopy(layer)
    with torch.no_grad():
        moved.knots.copy_(layer.knots[order])
        moved.coef.copy_(layer.coef[order])
        moved.scale_base.copy_(layer.scale_base[order])
    assert_close(moved(x[:, order]), layer(x), rtol=1e-13, atol=1e-13)
    assert not torch.allclose(moved(x), layer(x))


# --------------------------------------------------------------------------- the field's names for parts


def test_coef_is_a_writable_view():
    layer = build(3, 4, grid=5, k=2)
    assert layer.coef.shape == (3, 4, 7)
    assert layer.coef.data_ptr() == layer.spline_weight.data_ptr()
    x = rows(5, 3, scale=0.99)
    before = layer(x)
    with torch.no_grad():
        layer.coef[1, 2] += 1.0  # splines sum to one inside the domain
    change = layer(x) - before
    assert_close(change[:, 2], torch.ones(5, **F64))
    assert not change[:, [0, 1, 3]].any()


def test_grid_and_domain():
    layer = KANLayer(2, 1, grid=7, k=4, grid_range=[(0.0, 1.0), (-5.0, 3.0)], **F64)
    assert layer.grid == 7
    assert layer.knots.shape == (2, 7 + 2 * 4 + 1)
    assert_close(layer.domain, torch.tensor([[0.0, 1.0], [-5.0, 3.0]], **F64))
    assert (layer.knots.diff(dim=-1) > 0).all()


def test_scale_sp_is_one_and_no_parameter_unless_asked_for():
    layer = KANLayer(3, 4)
    assert layer.spline_scale is None
    assert {name for name, _ in layer.named_parameters()} == {"spline_weight", "base_weight"}
    assert_close(layer.scale_sp, torch.ones(3, 4))
    assert KANLayer(3, 4, sp_trainable=True).scale_sp.requires_grad


def test_scale_base_can_be_frozen():
    layer = build(sb_trainable=False)
    layer(rows(5, 3)).sum().backward()
    assert layer.base_weight.grad is None
    assert layer.spline_weight.grad is not None


def test_a_removed_edge_adds_nothing_and_learns_nothing():
    layer = build()
    mask = torch.ones(3, 4)
    mask[1, 2] = 0
    x, untouched = rows(6, 3), layer.edge_values(rows(6, 3))
    layer.set_mask(mask)
    assert_close(layer(x)[:, 2], untouched[:, [0, 2], 2].sum(1))
    layer(x).square().sum().backward()
    assert not layer.spline_weight.grad[1, :, 2].any()
    assert not layer.base_weight.grad[1, 2]
    assert layer.spline_weight.grad[1, :, 1].any()


def test_mask_is_copied_and_gone_when_every_edge_is_back():
    layer = build()
    mask = torch.zeros(3, 4, **F64)
    layer.set_mask(mask)
    mask.fill_(1)
    assert not layer.mask.any()
    layer.set_mask(mask)
    assert layer.edge_mask is None
    assert "edge_mask" not in layer.state_dict()
    assert_close(layer.mask, torch.ones(3, 4, **F64))
    layer.set_mask(torch.eye(3, 4, dtype=torch.bool))
    assert layer.mask.dtype == torch.float64


# ---------------------------------------------------------------------------------------- initialization


def deviation(values: torch.Tensor) -> float:
    return float(values.detach().double().std(correction=0))


def test_power_initialization_has_its_stated_spread():
    layer = KANLayer(40, 50, grid=6, k=3, init="power", generator=torch.Generator().manual_seed(0))
    a = 1 / (40 * (6 + 3 + 1))
    # 2000 and 18000 normal draws: four standard errors are 6 % and 2 %.
    assert deviation(layer.base_weight) == pytest.approx(a**0.25, rel=0.06)
    assert deviation(layer.spline_weight) == pytest.approx(a**1.75, rel=0.02)


def test_paper_initialization_has_its_stated_spread():
    layer = KANLayer(40, 50, grid=6, k=3, init="paper", generator=torch.Generator().manual_seed(0))
    assert deviation(layer.base_weight) == pytest.approx(40**-0.5, rel=0.06)
    assert deviation(layer.spline_weight) == pytest.approx(0.1 / 6 * 40**-0.5, rel=0.02)


@pytest.mark.parametrize("init", ["power", "paper"])
def test_a_generator_decides_the_weights_alone(init, global_random_state_untouched):
    def make(seed):
        return KANLayer(3, 4, init=init, generator=torch.Generator().manual_seed(seed)).state_dict()

    assert_close(make(7), make(7), rtol=0, atol=0)
    assert not torch.equal(make(7)["spline_weight"], make(8)["spline_weight"])


def test_without_a_generator_the_default_one_is_used():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        first = KANLayer(3, 4)
        torch.manual_seed(3)
        second, third = KANLayer(3, 4), KANLayer(3, 4)
    assert torch.equal(first.spline_weight, second.spline_weight)
    assert not torch.equal(second.spline_weight, third.spline_weight)


# ------------------------------------------------------------------------------------ an ordinary module


def variants() -> list[KANLayer]:
    masked = build(sp_trainable=True, outside="extend")
    masked.set_mask(checkerboard(masked))
    return [build(), masked]


@pytest.mark.parametrize("layer", variants(), ids=["plain", "masked"])
@pytest.mark.parametrize("clone", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"])
def test_copies_agree_and_share_nothing(layer, clone):
    other, x = clone(layer), rows(5, 3)
    assert_close(other(x), layer(x), rtol=0, atol=0)
    assert repr(other) == repr(layer)
    ours = {t.data_ptr() for t in layer.state_dict().values()}
    assert not ours & {t.data_ptr() for t in other.state_dict().values()}
    before = layer(x)
    with torch.no_grad():
        other.spline_weight.add_(1.0)
        other.knots.add_(1.0)
    assert_close(layer(x), before, rtol=0, atol=0)


@pytest.mark.parametrize("source", variants(), ids=["plain", "masked"])
@pytest.mark.parametrize("masked_before", [False, True])
@pytest.mark.parametrize("grid_before", [5, 9])
def test_state_dict_brings_mask_and_grid_along(source, masked_before, grid_before):
    target = build(seed=9, grid=grid_before, sp_trainable=source.spline_scale is not None, outside=source.outside)
    if masked_before:
        target.set_mask(torch.zeros(3, 4))
    result = target.load_state_dict(source.state_dict())
    assert not result.missing_keys
    assert not result.unexpected_keys
    assert target.grid == 5
    assert (target.edge_mask is None) == (source.edge_mask is None)
    x = rows(5, 3, scale=1.5)
    assert_close(target(x), source(x), rtol=0, atol=0)


def test_loading_keeps_frozen_parameters_frozen():
    target = build(grid=9)
    target.spline_weight.requires_grad_(False)
    target.load_state_dict(build().state_dict())
    assert not target.spline_weight.requires_grad


def test_a_state_of_another_width_is_refused():
    with pytest.raises(RuntimeError, match="size mismatch for base_weight"):
        build().load_state_dict(build(2, 4).state_dict())


def test_to_dtype_moves_everything():
    layer = build()
    layer.set_mask(checkerboard(layer))
    single = copy.deepcopy(layer).to(torch.float32)
    assert {t.dtype for t in single.state_dict().values()} == {torch.float32}
    x = rows(20, 3)
    # float32 rounding of weights of order one over some ten terms.
    assert_close(single(x.float()).double(), layer(x), rtol=1e-4, atol=1e-5)


def test_functional_call_and_functional_derivatives():
    layer = build()
    x = rows(5, 3)
    other = {name: 2 * p.detach() for name, p in layer.named_parameters()}
    assert_close(functional_call(layer, other, (x,)), 2 * layer(x), rtol=1e-13, atol=1e-13)

    def loss(parameters):
        return functional_call(layer, parameters, (x,)).square().sum()

    at = {name: p.detach() for name, p in layer.named_parameters()}
    layer(x).square().sum().backward()
    assert_close(grad(loss)(at), {name: p.grad for name, p in layer.named_parameters()}, rtol=1e-12, atol=1e-12)


def test_functional_hessian_is_the_jacobians_square():
    """The output is linear in the coefficients, so the Hessian of half its square is J^T J."""
    layer = build(2, 1, grid=2, k=2)
    x = rows(6, 2)

    def out(weight):
        return functional_call(layer, {"spline_weight": weight}, (x,))[:, 0]

    weight = layer.spline_weight.detach()
    jacobian = torch.func.jacrev(out)(weight).reshape(6, -1)
    second = hessian(lambda w: out(w).square().sum() / 2)(weight).reshape(weight.numel(), weight.numel())
    assert_close(second, jacobian.T @ jacobian, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shared_input", [True, False])
def test_vmap_runs_an_ensemble(shared_input):
    layers = [build(seed=s) for s in range(4)]
    for layer in layers:
        layer.set_mask(checkerboard(layer))
    parameters, buffers = stack_module_state(layers)
    x = rows(6, 3) if shared_input else rows(4, 6, 3)

    def call(p, b, x):
        return functional_call(layers[0], (p, b), (x,))

    y = vmap(call, in_dims=(0, 0, None if shared_input else 0))(parameters, buffers, x)
    expected = torch.stack([layer(x if shared_input else x[n]) for n, layer in enumerate(layers)])
    assert_close(y, expected, rtol=1e-13, atol=1e-13)

    d = vmap(grad(lambda p, b, x: call(p, b, x).square().sum()), in_dims=(0, 0, None if shared_input else 0))(
        parameters, buffers, x
    )
    expected.square().sum().backward()
    for name in d:
        wanted = torch.stack([layer.get_parameter(name).grad for layer in layers])
        assert_close(d[name], wanted, rtol=1e-12, atol=1e-12)


def test_it_embeds_in_any_torch_model():
    model = nn.Sequential(nn.Linear(2, 3, **F64), build(), nn.Tanh(), nn.Linear(4, 1, **F64))
    model(rows(5, 2)).sum().backward()
    assert all(p.grad is not None for p in model.parameters())


def test_repr_says_what_it_is():
    assert repr(KANLayer(3, 4, grid=7, k=2)) == (
        "KANLayer(in_features=3, out_features=4, grid=7, k=2, base_fun='silu', outside='linear')"
    )


# ------------------------------------------------------------------------------------------- bad values

BAD = {
    "in_features-zero": (dict(in_features=0), r"`in_features` must be an int >= 1; got 0"),
    "in_features-float": (dict(in_features=2.0), r"`in_features` must be an int >= 1; got 2\.0"),
    "in_features-bool": (dict(in_features=True), r"`in_features` must be an int >= 1; got True"),
    "out_features": (dict(out_features=-1), r"`out_features` must be an int >= 1; got -1"),
    "grid-zero": (dict(grid=0), r"`grid` \(number of intervals\) must be an int >= 1; got 0"),
    "grid-float": (dict(grid=2.5), r"`grid` \(number of intervals\) must be an int >= 1; got 2\.5"),
    "k-negative": (dict(k=-1), r"`k` \(polynomial degree\) must be an int >= 0; got -1"),
    "k-bool": (dict(k=True), r"`k` \(polynomial degree\) must be an int >= 0; got True"),
    "grid_range-order": (dict(grid_range=(1.0, -1.0)), r"every domain needs lo < hi; got lo=\[1\.0"),
    "grid_range-empty": (dict(grid_range=(1.0, 1.0)), r"every domain needs lo < hi"),
    "grid_range-infinite": (
        dict(grid_range=(0.0, np.inf)),
        r"`grid_range` must be a finite \(lo, hi\).*got \(0\.0, inf\)",
    ),
    "grid_range-nan": (dict(grid_range=(0.0, np.nan)), r"`grid_range` must be a finite"),
    "grid_range-count": (dict(grid_range=[(0.0, 1.0)] * 3), r"one pair for each of 2 inputs"),
    "grid_eps-large": (dict(grid_eps=1.5), r"`grid_eps` must lie in \[0, 1\].*got 1\.5"),
    "grid_eps-nan": (dict(grid_eps=np.nan), r"`grid_eps` must lie in \[0, 1\].*got nan"),
    "base_fun": (dict(base_fun="sine"), r"`base_fun` must be one of \['gelu', .*\]; got 'sine'"),
    "outside": (dict(outside="clamp"), r"`outside` must be one of \('extend', 'linear'\); got 'clamp'"),
    "init": (dict(init="xavier"), r"`init` must be one of \('power', 'paper'\); got 'xavier'"),
    "dtype": (dict(dtype=torch.int64), r"`dtype` must be a floating dtype such as torch\.float64; got torch\.int64"),
}


@pytest.mark.parametrize(("arguments", "message"), BAD.values(), ids=BAD.keys())
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ParameterError, match=message):
        KANLayer(**{"in_features": 2, "out_features": 3, **arguments})


def test_a_wrong_feature_count_names_layer_and_shape():
    with pytest.raises(ShapeError, match=r"KANLayer\(in_features=3.*must have 3 features; got shape \(5, 2\)"):
        build()(rows(5, 2))
    with pytest.raises(ShapeError, match=r"must have 3 features; got shape \(\)"):
        build()(torch.tensor(1.0, **F64))


def test_a_wrong_dtype_says_how_to_convert():
    with pytest.raises(ShapeError, match=r"input is torch\.float32 on cpu, the layer is torch\.float64.*x\.to\(torch"):
        build()(rows(5, 3).float())
    with pytest.raises(ShapeError, match=r"input is torch\.int64"):
        build()(torch.ones(5, 3, dtype=torch.int64))


def test_a_wrong_device_is_named():
    with pytest.raises(ShapeError, match=r"input is torch\.float64 on meta, the layer is torch\.float64 on cpu"):
        build()(torch.empty(5, 3, device="meta", **F64))


def test_a_wrong_mask_is_refused():
    layer = build()
    with pytest.raises(ShapeError, match=r"`mask` must be \(3, 4\); got \(4, 3\)"):
        layer.set_mask(torch.ones(4, 3))
    with pytest.raises(ParameterError, match=r"`mask` must hold zeros and ones only"):
        layer.set_mask(torch.full((3, 4), 0.5))
    with pytest.raises(ParameterError, match=r"`mask` must hold zeros and ones only"):
        layer.set_mask(torch.full((3, 4), torch.nan))

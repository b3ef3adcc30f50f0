"""`ChebyshevLayer` and `KAN(basis="chebyshev")`: numpy's polynomials, finite differences, and every door of a KAN."""

import copy
import pickle
import warnings

import numpy as np
import pytest
import torch
from numpy.polynomial import chebyshev
from torch.autograd import gradcheck, gradgradcheck

from edgewise import KAN, fit
from edgewise.errors import DomainError, FormatError, ParameterError, ShapeError
from edgewise.export import to_json
from edgewise.layers import BASE_FUNCTIONS, ChebyshevLayer, function_named
from edgewise.models.files import pack, unpack
from edgewise.pykan import MultKAN
from edgewise.train import fit_many
from edgewise.train.regularizers import edge_l1

F64 = {"dtype": torch.float64}
RANGES = [(-1.0, 1.0), (0.0, 3.0), (100.0, 101.0)]


def build(k=6, n_out=2, **options) -> ChebyshevLayer:
    generator = torch.Generator().manual_seed(0)
    layer = ChebyshevLayer(3, n_out, k, **{"grid_range": RANGES, "base_fun": "zero", **F64, **options})
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return layer


def rows(layer, count=40, beyond=0.0) -> torch.Tensor:
    """Rows of the domain, its ends among them, or up to `beyond` of its width outside."""
    u = torch.rand(count, 3, generator=torch.Generator().manual_seed(1), **F64)
    u[0], u[1] = 0.0, 1.0
    lo, hi = layer.domain.unbind(1)
    return lo + (u * (1 + 2 * beyond) - beyond) * (hi - lo)


def edge_jets(layer, x) -> torch.Tensor:
    """`(4, I, O, B)` edges and derivatives by the compiled loops."""
    return layer._edges().forward(x.mT.contiguous(), *layer.effective_weights(), 4)[0]


def literal(layer, x, order) -> torch.Tensor:
    """`(B, I, O)` derivatives of the expansions by numpy, where nothing is squashed."""
    out = np.empty((len(x), 3, layer.out_features))
    for i in range(3):
        lo, hi = layer.domain[i].tolist()
        z = 2 * (x[:, i].numpy() - (lo + hi) / 2) / (hi - lo)
        for o in range(layer.out_features):
            c = chebyshev.chebder(layer.coef[i, o].detach().numpy(), order, scl=2 / (hi - lo))
            out[:, i, o] = chebyshev.chebval(z, c)
    return torch.from_numpy(out)


# ------------------------------------------------------------------------------------------ the layer alone


@pytest.mark.parametrize("k", [0, 1, 2, 5, 12])
def test_values_and_derivatives_agree_with_numpy(k):
    layer = build(k)
    x = rows(layer)
    jets = edge_jets(layer, x)
    for order in range(4):
        expected = literal(layer, x, order)
        # 1e-12 of the largest value: the third derivative of degree 12 multiplies an error of z by 12^2.
        close = {"rtol": 0, "atol": 1e-12 * float(expected.abs().max().clamp_min(1e-300))}
        torch.testing.assert_close(layer.derivative(x, order), expected.sum(1), **close)
        torch.testing.assert_close(jets[order].permute(2, 0, 1), expected, **close)
    torch.testing.assert_close(layer.edge_values(x), literal(layer, x, 0), rtol=0, atol=1e-12 * 30)


@pytest.mark.parametrize("squash", [False, True])
@pytest.mark.parametrize("base_fun", sorted(BASE_FUNCTIONS))
def test_each_derivative_is_the_slope_of_the_one_before(squash, base_fun):
    layer = build(squash=squash, base_fun=base_fun, outside="extend", sp_trainable=True)
    layer.fix_edge(1, 0, function_named("sin"), [0.7, 0.1, 1.3, 0.2])
    layer.set_mask(torch.tensor([[1.0, 1.0], [1.0, 0.0], [1.0, 1.0]]))
    x = rows(layer).requires_grad_()
    for order in range(4):
        # Output by output: the gradient's column i is the derivative of edge (i, o).
        for o in range(2):
            slope = torch.autograd.grad(layer.derivative(x, order)[:, o].sum(), x)[0]
            for i in range(3):
                only = torch.zeros_like(x)
                only[:, i] = 1.0
                found = layer.derivative(x, order + 1, only)[:, o].detach()
                torch.testing.assert_close(slope[:, i], found, rtol=1e-11, atol=1e-11 * float(1 + found.abs().max()))


@pytest.mark.parametrize("squash", [False, True])
def test_derivatives_can_be_differentiated(squash):
    layer = build(4, squash=squash, base_fun="silu", grid_range=(-1.0, 1.0))
    x = rows(layer, 5)[2:].requires_grad_()
    h = torch.randn(x.shape, generator=torch.Generator().manual_seed(2), **F64).requires_grad_()
    names = [name for name, _ in layer.named_parameters()]

    def derivative(order):
        def value(x, h, *parameters):
            call = torch.func.functional_call
            moved = {f"layer.{n}": p for n, p in zip(names, parameters, strict=True)}
            return call(_Derivative(layer, order), moved, (x, h))

        return value

    for order in range(4):
        assert gradcheck(derivative(order), (x, h, *layer.parameters()))
        assert gradgradcheck(derivative(order), (x, h, *layer.parameters()))


class _Derivative(torch.nn.Module):
    def __init__(self, layer, order):
        super().__init__()
        self.layer, self.order = layer, order

    def forward(self, x, h):
        return self.layer.derivative(x, self.order, h)


def test_forward_mode_and_vmap_agree_with_reverse_mode():
    layer = build(5, squash=True, base_fun="silu")
    x = rows(layer, 6)
    reverse = torch.func.vmap(torch.func.jacrev(layer))(x)
    forward = torch.func.vmap(torch.func.jacfwd(layer))(x)
    torch.testing.assert_close(forward, reverse, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(torch.func.vmap(layer)(x), layer(x), rtol=1e-12, atol=1e-12)


def test_beyond_the_domain_value_and_slope_go_on():
    layer = build(7)
    lo, hi = layer.domain.unbind(1)
    step = 0.3 * (hi - lo)
    for end, sign in ((lo, -1), (hi, 1)):
        at, out = end[None], (end + sign * step)[None]
        slope = torch.stack([layer.derivative(at, 1, torch.eye(3, **F64)[i : i + 1])[0] for i in range(3)])
        expected = layer(at)[0] + (sign * step) @ slope
        torch.testing.assert_close(layer(out)[0], expected, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(layer.derivative(out, 1), layer.derivative(at, 1), rtol=1e-12, atol=1e-12)
        for order in (2, 3):  # of the ends themselves they are those inside
            assert layer.derivative(out, order).abs().max() == 0
            assert layer.derivative(at, order).abs().min() > 0
    torch.testing.assert_close(build(7, outside="extend")(out)[0], literal(layer, out, 0).sum(1)[0], rtol=1e-9, atol=0)


def test_a_mixture_of_rows_inside_and_outside_is_each_row_alone():
    layer = build(7, base_fun="silu")
    x = rows(layer, 30, beyond=0.4)
    jets = edge_jets(layer, x)
    for order in range(4):
        alone = torch.cat([layer.derivative(row[None], order) for row in x])
        torch.testing.assert_close(layer.derivative(x, order), alone, rtol=1e-11, atol=1e-9)
        torch.testing.assert_close(jets[order].sum(0).mT, alone, rtol=1e-11, atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtypes_and_leading_axes(dtype):
    layer = build(dtype=dtype, grid_range=(-1.0, 1.0), base_fun="silu")
    x = (torch.rand(2, 5, 3, generator=torch.Generator().manual_seed(3)) * 2 - 1).to(dtype)
    assert layer(x).dtype == dtype
    torch.testing.assert_close(layer(x), layer(x.reshape(-1, 3)).reshape(2, 5, 2))
    torch.testing.assert_close(
        layer.derivative(x, 2, x), layer.derivative(x.reshape(-1, 3), 2, x.reshape(-1, 3)).reshape(2, 5, 2)
    )
    assert layer(x[:0]).shape == (0, 5, 2)


def test_a_part_of_a_layer_is_the_same_edges():
    layer = build(5, n_out=4, squash=True, base_fun="tanh", sp_trainable=True)
    layer.fix_edge(2, 3, function_named("exp"))
    part, x = layer.part([2, 0], [3, 1]), rows(layer)
    torch.testing.assert_close(part.edge_values(x[:, [2, 0]]), layer.edge_values(x)[:, [2, 0]][:, :, [3, 1]])
    assert isinstance(part, ChebyshevLayer)
    assert part.squash


def test_a_constant_can_be_added_to_an_edge():
    layer, x = build(5, sp_trainable=True), torch.zeros(1, 3, **F64)
    before = layer.edge_values(x)[0].clone()
    layer.add_constant(1, 0, 2.5)
    before[1, 0] += 2.5
    torch.testing.assert_close(layer.edge_values(x)[0], before)


def test_initial_weights_fall_with_the_degree_and_keep_the_size_of_sums():
    layer = ChebyshevLayer(50, 400, 4, base_fun="zero", generator=torch.Generator().manual_seed(0), **F64)
    expected = torch.arange(1, 6, **F64) ** -2 * 50**-0.5
    torch.testing.assert_close(layer.coef.detach().std((0, 1)), expected, rtol=0.03, atol=0)  # of 20,000 numbers
    again = ChebyshevLayer(50, 400, 4, base_fun="zero", generator=torch.Generator().manual_seed(0), **F64)
    assert torch.equal(again.coef, layer.coef)
    wide = ChebyshevLayer(50, 400, 4, base_fun="zero", squash=True, generator=torch.Generator().manual_seed(1))
    x = torch.randn(200, 50, generator=torch.Generator().manual_seed(2))
    assert 0.5 < wide(x).std() < 2.0


@pytest.mark.parametrize("k", [-1, 13, 2.0, True, None])
def test_degrees_are_limited(k):
    with pytest.raises(ParameterError, match=r"an int from 0 to 12 .*use basis='spline' with a finer `grid`"):
        ChebyshevLayer(2, 2, k)


def test_other_wrong_arguments():
    with pytest.raises(DomainError, match=r"lo < hi for every input; got \[1.0, 1.0\] for input 1"):
        ChebyshevLayer(2, 2, grid_range=[(0, 1), (1, 1)])
    with pytest.raises(ParameterError, match="`init` must be 'power' with basis='chebyshev'; got 'paper'"):
        ChebyshevLayer(2, 2, init="paper")
    layer = build()
    with pytest.raises(ParameterError, match=r"`order` \(of the derivative\) must be an int >= 0; got -1"):
        layer.derivative(rows(layer), -1)
    with pytest.raises(ShapeError, match="`weight` must be like `x`"):
        layer.derivative(rows(layer), 1, torch.ones(3, **F64))
    for name in ("knots", "grid"):
        with pytest.raises(AttributeError, match=f"has no '{name}': its functions are polynomials"):
            getattr(layer, name)


# ------------------------------------------------------------------------------------------ networks


def model(**options) -> KAN:
    return KAN([2, 3, 1], basis="chebyshev", **{"k": 5, "seed": 0, **F64, **options})


@pytest.fixture
def data():
    x = torch.rand(80, 2, generator=torch.Generator().manual_seed(4), **F64) * 2 - 1
    return x, torch.sin(3 * x[:, :1]) * x[:, 1:].exp()


def test_hidden_layers_are_squashed_and_the_first_one_is_not():
    own = model(grid_range=[(0, 1), (-2, 2)])
    assert [layer.squash for layer in own.layers] == [False, True]
    assert own.layers[0].domain.tolist() == [[0, 1], [-2, 2]]
    assert own.k == 5
    assert own.grid is None
    assert repr(own).splitlines()[1].strip().startswith("width=[2, 3, 1], basis='chebyshev', k=5")
    assert KAN([2, 1], basis="chebyshev").k == 8


@pytest.mark.parametrize("opt", ["auto", "lm", "lbfgs", "ssbroyden", "adam"])
def test_every_optimizer_trains(opt, data):
    own = model()
    before = float((own(data[0]) - data[1]).detach().square().mean())
    result = fit(own, data, opt=opt, steps=15, progress=False)
    assert result.history["train_loss"][-1] < 0.7 * before
    assert result.opt == ("lm" if opt == "auto" else opt)


def test_the_sparsity_penalty_is_that_of_the_edges(data):
    own = model()
    weight = torch.rand(80, generator=torch.Generator().manual_seed(5), **F64)
    expected = (own.layers[0].edge_values(data[0]).abs() * (weight / weight.sum())[:, None, None]).sum(0)
    torch.testing.assert_close(edge_l1(own.layers[0], data[0], weight), expected)
    fit(own, data, lamb=1e-3, steps=3, progress=False)


def test_saving_and_copying_keep_the_function(tmp_path, data):
    own = model(grid_range=[(-1, 1), (-2, 2)], base_fun="tanh", outside="extend")
    own.layers[0].set_mask(torch.tensor([[1.0, 0, 1], [1, 1, 1]]))
    own.fix_symbolic(1, 0, 0, "sin", data[0])
    own.save(tmp_path / "m.safetensors")
    for other in (
        KAN.load(tmp_path / "m.safetensors"),
        copy.deepcopy(own),
        pickle.loads(pickle.dumps(own)),
    ):
        assert other.config() == own.config()
        assert torch.equal(other(data[0]), own(data[0]))
    again = model(grid_range=[(-1, 1), (-2, 2)], base_fun="tanh", outside="extend", symbolic=own.config()["symbolic"])
    again.load_state_dict(own.state_dict())
    assert torch.equal(again(data[0]), own(data[0]))


def test_damaged_files_are_refused():
    tensors, header = pack(model())
    bad = {**tensors, "layers.0.domain": torch.ones(2, 2, **F64)}
    with pytest.raises((FormatError, DomainError), match="lo < hi"):
        unpack(bad, header)
    with pytest.raises(FormatError, match="from 0 to 12"):
        unpack(tensors, {**header, "config": {**header["config"], "k": 40}})


def test_looking_into_a_network(data):
    x, _ = data
    own = model()
    own.plot(x)
    assert own.prune(x, edge_th=0.3).n_edges < own.n_edges
    with torch.no_grad():  # T_2 is 2 x^2 - 1
        own.layers[0].base_weight[0, 0] = 0.0
        own.layers[0].coef[0, 0] = torch.tensor([0, 0, 1, 0, 0, 0], **F64)
    assert "x^2" in str(own.suggest_symbolic(0, 0, 0, x)).splitlines()[1]
    own.fix_symbolic(0, 0, 0, "x^2", x)
    own.unfix_symbolic(0, 0, 0)
    assert to_json(own)["layers"][0]["domain"] == [[-1.0, 1.0]] * 2


def test_inputs_without_use_go_with_their_domains(data):
    own = model(grid_range=[(-1, 1), (-2, 2)])
    with torch.no_grad():
        own.layers[0].spline_weight[0] = 0.0
        own.layers[0].base_weight[0] = 0.0
    smaller = own.prune(data[0], node_th=0.0, edge_th=1e-9, inputs=True)
    assert smaller.width == [1, 3, 1]
    assert smaller.layers[0].domain.tolist() == [[-2, 2]]
    assert KAN(**smaller.config()).layers[0].domain.tolist() == [[-2, 2]]
    torch.testing.assert_close(smaller(data[0][:, 1:]), own(data[0]), rtol=1e-12, atol=1e-12)


def test_an_edge_with_its_data_can_be_drawn(data):
    from edgewise.plot import plot_edge

    assert plot_edge(model(), 0, 1, 2, data[0]).axes[0].get_title(loc="left") == "edge (0, 1, 2)"


def test_exported_programs_agree(data):
    own = model()
    x = data[0] * 1.2  # beyond the domain too
    program = torch.export.export(own, (x,), dynamic_shapes=({0: torch.export.Dim("rows")},))
    torch.testing.assert_close(program.module()(x[:7]), own(x[:7]), rtol=1e-12, atol=1e-12)


@pytest.mark.slow
def test_compiled_models_agree(data):
    own = model()
    x = (1.2 * data[0]).requires_grad_()  # beyond the domain too
    compiled = torch.compile(own, fullgraph=True)
    torch.testing.assert_close(compiled(x), own(x), rtol=1e-12, atol=1e-12)
    slopes = [torch.autograd.grad(call(x).square().sum(), [x, *own.parameters()]) for call in (compiled, own)]
    torch.testing.assert_close(*slopes, rtol=1e-11, atol=1e-11)


def test_whatever_needs_a_grid_says_so(data):
    own = model()
    for name, call in (
        ("`refine`", lambda: own.refine(10)),
        ("`update_grid`", lambda: own.update_grid(data[0])),
        ("`grids`", lambda: own.fit(data, grids=[3, 5])),
        ("pykan's interface", lambda: MultKAN.wrap(own)),
    ):
        with pytest.raises(ParameterError, match=f"{name} needs splines on a grid, and basis='chebyshev' has none"):
            call()
    for options in ({"grid": 3}, {"grid_eps": 0.5}):
        with pytest.raises(ParameterError, match=f"`{next(iter(options))}` must be left out with basis='chebyshev'"):
            model(**options)
    with pytest.raises(ParameterError, match=r"plain KANs with splines\. Train models of several seeds in a loop"):
        own.fit(data, restarts=2)
    with pytest.raises(ParameterError, match=r"`models\[0\]` must be a KAN of splines"):
        fit_many([own], data)
    with pytest.raises(ParameterError, match=r"`basis` must be one of \('spline', 'chebyshev'\); got 'fourier'"):
        KAN([2, 1], basis="fourier")


def test_edges_are_named_like_those_with_splines():
    x = torch.linspace(-1, 1, 80, dtype=torch.float64)[:, None]
    own = KAN([1, 1], basis="chebyshev", k=6, seed=0, dtype=torch.float64)
    own.fit((x, torch.sin(3 * x)), opt="lm", steps=20, progress=False)
    assert own.suggest_symbolic(0, 0, 0, x, torch.sin(3 * x))[0].name == "sin"
    assert own.auto_symbolic(x, torch.sin(3 * x)).symbolic_edges == {(0, 0, 0): "sin"}


def test_inputs_far_outside_get_a_warning_that_names_grid_range(data):
    with pytest.warns(UserWarning, match="stays with basis='chebyshev'.* a `grid_range` that covers the inputs"):
        fit(model(base_fun="tanh"), (data[0] * 5, data[1]), steps=1, progress=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(model(grid_range=(-5, 5)), (data[0] * 5, data[1]), steps=1, progress=False)

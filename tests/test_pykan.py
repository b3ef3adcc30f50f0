"""pykan's network in its own words: every name of it, what the numbers mean, and where we differ on purpose."""

import copy
import inspect
import pickle
import subprocess
import sys

import numpy as np
import pytest
import sympy
import torch
from matplotlib import pyplot as plt
from scipy.interpolate import BSpline

import edgewise
from edgewise import pykan
from edgewise.errors import FormatError, ParameterError, ShapeError
from edgewise.layers import function_named
from edgewise.pykan import KAN, KANLayer, MultKAN, Symbolic_KANLayer, create_dataset, ex_round

F64 = torch.float64


@pytest.fixture(autouse=True)
def _no_figures_left():
    yield
    plt.close("all")


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def rows(n=60, inputs=2, seed=0):
    return torch.rand(n, inputs, generator=generator(seed)) * 2 - 1


def f(x):
    return torch.exp(torch.sin(torch.pi * x[:, [0]]) + x[:, [1]] ** 2)


DATA = create_dataset(f, n_var=2, train_num=80, test_num=40)


@pytest.fixture(scope="module")
def trained_once():
    model = KAN(width=[2, [2, 1], 1], grid=3, k=3, seed=0)
    model.fit(DATA, steps=2, log=0)
    return model


@pytest.fixture
def trained(trained_once):
    return trained_once.copy()


# ----------------------------------------------------------------------------------- the same numbers as pykan's


def literal_spline(knots, coef, degree, x):
    """Sum of scipy's basis functions, each on its own knots: beyond the last one nothing is left."""
    pieces = [BSpline.basis_element(knots[s : s + degree + 2], extrapolate=False)(x) for s in range(len(coef))]
    return np.nan_to_num(np.stack(pieces, axis=-1)) @ coef


def literal_edges(layer, x):
    """`(N, O, I)` by pykan's formula."""
    coef, grid = layer.coef.detach().numpy(), layer.grid.numpy()
    base, scale, mask = (t.detach().numpy() for t in (layer.scale_base, layer.scale_sp, layer.mask))
    edges = np.zeros((len(x), layer.out_dim, layer.in_dim))
    for i in range(layer.in_dim):
        residual = x[:, i] / (1 + np.exp(-x[:, i]))
        for j in range(layer.out_dim):
            spline = literal_spline(grid[i], coef[i, j], layer.k, x[:, i])
            edges[:, j, i] = mask[i, j] * (base[i, j] * residual + scale[i, j] * spline)
    return edges


def literal(model, x):
    """Node values, and standard deviations of edges, sums and inputs: pykan's loops."""
    values, spreads = [x], []
    for layer, (n_sum, n_mult) in zip(model.act_fun, model.width[1:], strict=True):
        edges = literal_edges(layer, values[-1])
        sums = edges.sum(2)
        spreads.append((edges.std(0, ddof=1), sums.std(0, ddof=1), values[-1].std(0, ddof=1)))
        products = [sums[:, n_sum + 2 * m] * sums[:, n_sum + 2 * m + 1] for m in range(n_mult)]
        values.append(np.column_stack([sums[:, :n_sum], *products]))
    return values, spreads


@pytest.fixture(scope="module")
def wild():
    """A network whose every number is set by hand, with inputs beyond its grids."""
    model = KAN(width=[3, [2, 1], 2], grid=5, k=3, grid_eps=0.3)
    model.double()
    for layer in model.act_fun:
        layer.grid = torch.linspace(-2.2, 2.2, 12, dtype=F64)  # float32 knots are not even to float64's last digit
    for l, layer in enumerate(model.act_fun):
        for n, name in enumerate(("coef", "scale_base", "scale_sp")):
            own = getattr(layer, name)
            own.data[...] = torch.randn(own.shape, generator=generator(10 * l + n), dtype=F64)
    model.act_fun[0].mask.data[1, 2] = 0.0
    x = rows(200, 3).double() * 1.3
    model(x)
    return model, x


def close(actual, expected):
    """Values of about one, a dozen operations in float64."""
    actual = actual.detach().numpy() if isinstance(actual, torch.Tensor) else actual
    assert actual.shape == expected.shape
    assert np.allclose(actual, expected, rtol=0, atol=1e-12), np.abs(actual - expected).max()


def test_outputs_and_activations_are_those_of_the_formula(wild):
    model, x = wild
    values, spreads = literal(model, x.numpy())
    close(model(x), values[-1])
    for l in range(2):
        close(model.acts[l], values[l])
        edges = literal_edges(model.act_fun[l], values[l])
        close(model.spline_postacts[l], edges)
        close(model.spline_preacts[l], np.broadcast_to(values[l][:, None], edges.shape))
        close(model.acts_premult[l], edges.sum(2))
        close(model.edge_actscale[l], spreads[l][0])
        close(model.subnode_actscale[l], spreads[l][1])
        close(model.acts_scale[l], spreads[l][0] / (spreads[l][2] + 0.1))
        splines = model.spline_postsplines[l].numpy()
        layer = model.act_fun[l]
        residual = (values[l] / (1 + np.exp(-values[l])))[:, None] * layer.scale_base.detach().numpy().T
        whole = layer.mask.numpy().T * (residual + layer.scale_sp.detach().numpy().T * splines)
        close(edges, whole)


def test_scores_pass_back_through_products(wild):
    model, x = wild
    _, spreads = literal(model, x.numpy())
    score = np.eye(2)
    for l in (1, 0):
        n_sum = model.width[l + 1][0]
        sums = np.column_stack([score[:, :n_sum], np.repeat(score[:, n_sum:], 2, axis=1)])
        edges = sums[:, :, None] * spreads[l][0] / (spreads[l][1] + 1e-4)[:, None]
        close(model.subnode_scores_all[l], sums)
        close(model.edge_scores_all[l], edges)
        close(model.edge_scores[l], edges.mean(0))
        score = edges.sum(1)
        close(model.node_scores_all[l], score)
    close(model.feature_score, score.mean(0))
    assert model.subnode_scores[0].shape == (4,)


def entropy(v, axis):
    p = v / (v.sum(axis, keepdims=True) + 1)
    return -(p * np.log2(p + 1e-4)).sum(axis).mean()


def test_the_penalty_is_that_of_the_formula(wild):
    model, x = wild
    _, spreads = literal(model, x.numpy())
    magnitudes = {
        "edge_forward_spline_n": [e / (i + 0.1) for e, _, i in spreads],
        "edge_forward_sum": [e / (i + 0.1) for e, _, i in spreads],
        "edge_forward_spline_u": [e for e, _, _ in spreads],
        "edge_backward": [s.numpy() for s in model.edge_scores],
        "node_backward": [model.attribute(l).numpy() for l in (1, 2)],
    }
    for metric, layers in magnitudes.items():
        expected = sum(2.0 * v.sum() + 3.0 * (entropy(v, 1) + entropy(v, 0)) for v in layers)
        found = model.reg(metric, 2.0, 3.0, 0.0, 0.0)
        assert float(found.detach()) == pytest.approx(expected, rel=1e-12)
        gradient = torch.autograd.grad(found, model.kan.layers[0].spline_weight)[0]
        assert bool(gradient.any()), f"{metric} has no gradient"  # pykan's edge_forward_sum has none
    coef = [layer.coef.detach().numpy() for layer in model.act_fun]
    expected = sum(5.0 * np.abs(c).mean(-1).sum() + 7.0 * np.abs(np.diff(c)).mean(-1).sum() for c in coef)
    assert float(model.get_reg("edge_backward", 0.0, 0.0, 5.0, 7.0).detach()) == pytest.approx(expected, rel=1e-12)


def test_an_update_moves_all_grids_as_pykan_does(wild):
    model, x = wild[0].copy(), wild[1]
    before = wild[0]
    model.update_grid_from_samples(x)
    values = x.numpy()
    for l in range(2):
        s = np.sort(values, axis=0)
        ranks = [int(len(s) / 5 * i) for i in range(5)] + [-1]
        adaptive = s[ranks].T
        uniform = np.linspace(adaptive[:, 0], adaptive[:, -1], 6).T
        close(model.act_fun[l].grid[:, 3:-3], 0.3 * uniform + 0.7 * adaptive)
        step = (adaptive[:, -1] - adaptive[:, 0]) / 5
        close(model.act_fun[l].grid[:, :3].diff(), np.column_stack([step, step]))
        old, new = before.act_fun[l], model.act_fun[l]
        for i in range(new.in_dim):
            basis = BSpline.design_matrix(np.clip(values[:, i], *new.grid[i, [3, -4]].tolist()), new.grid[i].numpy(), 3)
            curve = literal_spline(old.grid[i].numpy(), old.coef[i].mT.detach().numpy(), 3, values[:, i])
            expected = np.linalg.lstsq(basis.toarray(), curve, rcond=None)[0]
            assert np.allclose(new.coef[i].mT.detach().numpy(), expected, atol=1e-9)  # condition about 1e3
        values = literal(model, x.numpy())[0][l + 1]


# --------------------------------------------------------------------------------------------- views of the numbers


def test_coefficients_can_be_written_in_every_way_and_have_gradients():
    model = KAN(width=[2, 3, 1], seed=0)
    edge, x = model.act_fun[0], rows()
    before = model(x).detach()
    model.act_fun[0].coef.data[1, 2] = 5.0
    assert bool((model.kan.layers[0].spline_weight[1, :, 2] == 5.0).all())
    assert not torch.equal(model(x), before)
    edge.coef.data = torch.zeros(2, 3, 6)
    edge.coef.data += 2.0
    with torch.no_grad():
        edge.coef *= 1.5
    assert bool((edge.coef == 3.0).all())
    assert edge.coef.grad is None
    model(x).sum().backward()
    assert torch.equal(edge.coef.grad, model.kan.layers[0].spline_weight.grad.mT)
    edge.coef.requires_grad_(False)
    assert not model.kan.layers[0].spline_weight.requires_grad
    (gradient,) = torch.autograd.grad(model.act_fun[1].coef.square().sum(), model.kan.layers[1].spline_weight)
    assert torch.allclose(gradient, 2 * model.kan.layers[1].spline_weight)


def test_factors_and_grids_can_be_written():
    model = KAN(width=[2, 3, 1], seed=0)
    edge, x = model.act_fun[0], rows()
    edge.scale_base.data[...] = 0.0
    edge.scale_sp = torch.full((2, 3), 2.0)
    assert bool((model.act_fun[0].scale_sp == 2.0).all())
    y, preacts, postacts, postspline = edge(x)
    assert torch.allclose(postacts, 2 * postspline)
    assert torch.allclose(y, model.kan.layers[0](x), atol=1e-6)
    assert preacts.shape == (60, 3, 2)
    edge.grid.data[...] = 2 * edge.grid
    assert model.kan.layers[0].knots[0, 3] == -2.0
    edge.grid = edge.grid / 2
    assert edge.grid[0, 3] == -1.0


def test_masks_remove_edges_and_bring_them_back():
    model = KAN(width=[2, 3, 1], seed=0)
    model.act_fun[0].mask.data[0][1] = 0.0
    assert model.n_edge == 8
    model.act_fun[0].mask[0, 1] = 1.0
    assert model.n_edge == 9
    model.fix_symbolic(0, 0, 0, "sin", fit_params_bool=False)
    assert model.act_fun[0].mask[0, 0] == 0
    assert model.symbolic_fun[0].mask[0, 0] == 1
    model.symbolic_fun[0].mask.data[0, 0] = 0.0
    assert model.n_edge == 8
    model.act_fun[0].mask.data[0, 0] = 1.0  # a spline again
    assert model.kan.symbolic_edges == {}
    with pytest.raises(ParameterError, match="zeros and ones"):
        model.act_fun[0].mask.data[0, 0] = 0.5
    with pytest.raises(ParameterError, match=r"edge \(1, 2\) has no function"):
        model.symbolic_fun[0].mask.data[2, 1] = 1.0


@pytest.mark.parametrize(
    "write",
    [
        lambda t: t.masked_fill_(torch.ones_like(t) > 0, 0.0),
        lambda t: t.index_fill_(0, torch.arange(len(t)), 0.0),
        lambda t: t.view(*t.shape).fill_(0.0),
        lambda t: t.mT.zero_(),
        lambda t: t.detach().mul_(0.0),
        lambda t: [row.zero_() for row in t.data],
        torch.nn.init.zeros_,
        lambda t: torch.mul(t.detach(), 0.0, out=t.detach()),
        lambda t: [part.bernoulli_(0.0) for part in t.detach().split(1)],
    ],
)
def test_no_way_to_write_is_lost(write):
    model = KAN(width=[2, 3, 1], seed=0)
    layer = model.kan.layers[0]
    write(model.act_fun[0].mask)
    assert model.n_edge == 3
    write(model.act_fun[0].coef)
    assert not bool(layer.spline_weight.any())
    fresh = KAN(width=[2, 3, 1], seed=0)
    write(fresh.act_fun[0].scale_sp)
    assert not bool(fresh.kan.layers[0].scale_sp.any())
    model.fix_symbolic(1, 0, 0, "sin", fit_params_bool=False)
    write(model.symbolic_fun[1].affine)
    assert not bool(model.kan.layers[1].symbolic.affine[0, :4].any())
    assert type(model.act_fun[0].mask + 1) is torch.Tensor


def test_functions_are_seen_and_their_numbers_written():
    model = KAN(width=[2, 3, 1], seed=0)
    model.fix_symbolic(0, 1, 2, "sin", fit_params_bool=False)
    functions = model.symbolic_fun[0]
    assert functions.funs_name == [["0", "0"], ["0", "0"], ["0", "sin"]]
    assert functions.affine.shape == (3, 2, 4)
    functions.affine.data[2][1] = torch.tensor([2.0, 0.5, 3.0, 1.0])
    z = sympy.Symbol("z")
    assert functions.funs_sympy[2][1](z) == sympy.sin(z)
    x = rows()
    y, postacts = functions(x)
    assert torch.allclose(postacts[:, 2, 1], 3 * torch.sin(2 * x[:, 1] + 0.5) + 1)
    assert torch.equal(y, postacts.sum(2))
    assert functions.funs[2][1](x).shape == x.shape
    assert functions.funs_avoid_singularity[2][1](x, 10.0)[1].shape == x.shape


# ----------------------------------------------------------------------------------------------- layers on their own


def test_a_layer_alone():
    layer = KANLayer(in_dim=3, out_dim=5, num=4, k=2, sparse_init=True, base_fun=torch.nn.SiLU(), seed=1)
    assert (layer.in_dim, layer.out_dim, layer.num, layer.k) == (3, 5, 4, 2)
    assert layer.coef.shape == (3, 5, 6)
    assert 5 <= int(layer.mask.sum()) <= 7
    x = rows(50, 3)
    before = layer(x)[0].detach()
    layer.grid_eps = 1.0
    layer.update_grid_from_samples(3 * x, mode="grid")
    assert float(layer.grid[:, 2].max()) < -2.5
    part = layer.get_subset([0, 2], torch.tensor([1, 2, 3]))
    assert torch.equal(part.coef, layer.coef[[0, 2]][:, [1, 2, 3]])
    child = KANLayer(in_dim=3, out_dim=5, num=8, k=2)
    child.initialize_grid_from_parent(layer, x)
    assert torch.allclose(child.grid[:, 2:-2:2], layer.grid[:, 2:-2], atol=1e-5)
    first = layer.coef[:, 0].clone()
    layer.swap(0, 4, mode="out")
    assert torch.equal(layer.coef[:, 4], first)
    layer.swap(0, 1)
    assert torch.equal(layer.coef[1, 4], first[0])
    assert before.shape == (50, 5)
    assert layer.base_fun(torch.zeros(1)) == 0
    with pytest.raises(ParameterError, match="`base_fun` must be one of"):
        KANLayer(base_fun=torch.sin)
    with pytest.raises(ParameterError, match="`mode` must be"):
        layer.swap(0, 1, mode="sideways")


def test_a_symbolic_layer_alone():
    layer = Symbolic_KANLayer(in_dim=3, out_dim=2)
    x = rows(50, 3)
    assert layer.fix_symbolic(0, 1, "x^2") is None
    r2 = layer.fix_symbolic(2, 0, "sin", x[:, 2], 5 * torch.sin(3 * x[:, 2] + 2) + 0.7, verbose=False)
    assert float(r2) > 0.999999
    layer.fix_symbolic(1, 0, lambda z: z**3 + 1)
    layer.fix_symbolic(1, 1, "exp", random=True)
    assert layer.funs_name == [["0", "anonymous", "sin"], ["x^2", "exp", "0"]]
    assert layer(x)[0].shape == (50, 2)
    assert layer.get_subset([0, 1], [1]).funs_name == [["x^2", "exp"]]
    before = layer(x)[0].detach()
    layer.swap(0, 1, mode="out")
    assert torch.allclose(layer(x)[0], before[:, [1, 0]], atol=1e-6)  # pykan's keeps the functions where they were
    assert str(layer.funs_sympy[1][1](sympy.Symbol("t"))) == "t**3 + 1"


def test_functions_without_a_name_keep_apart():
    layer = Symbolic_KANLayer(in_dim=3, out_dim=1)
    layer.fix_symbolic(0, 0, torch.sin)
    layer.fix_symbolic(1, 0, torch.cos)
    layer.layer.free_edge(0, 0)
    layer.fix_symbolic(2, 0, torch.exp)
    assert layer.funs_name == [["0", "anonymous_2", "anonymous"]]
    x = rows(20, 3)
    assert torch.allclose(layer(x)[0][:, 0], x[:, 1].cos() + x[:, 2].exp())
    assert torch.allclose(layer(x, singularity_avoiding=True)[0][:, 0], x[:, 1].cos() + x[:, 2].exp())


def test_functions_stay_finite_when_asked():
    model = KAN(width=[1, 1], grid=5, k=3, seed=0)
    x = torch.tensor([[1.0], [-0.01]])
    model.fix_symbolic(0, 0, 0, "log", fit_params_bool=False)
    assert not bool(model(x).isfinite().all())
    assert float(model(x, singularity_avoiding=True, y_th=3.0).detach().abs().max()) <= 3.0
    assert model(x, singularity_avoiding=True).shape == (2, 1)
    assert not bool(model(x).isfinite().all())  # for that call alone


# -------------------------------------------------------------------------------------------------------- building


def test_every_argument_of_the_constructor():
    width = [2, [2, 1], 1]
    model = MultKAN(
        width=width, grid=[3, 4], k=[2, 2], mult_arity=[[], [3], []], noise_scale=0.1, scale_base_mu=1.0,
        scale_base_sigma=0.0, base_fun="identity", symbolic_enabled=True, affine_trainable=False, grid_eps=0.5,
        grid_range=[-2, 2], sp_trainable=False, sb_trainable=False, seed=3, save_act=False, sparse_init=True,
        auto_save=False, first_init=True, ckpt_path=None, state_id=0, round=0, device="cpu",
    )  # fmt: skip
    assert width == [2, [2, 1], 1]  # pykan changes it
    assert model.width == [[2, 0], [2, 1], [1, 0]]
    assert (model.width_in, model.width_out, model.n_sum, model.n_mult) == ([2, 3, 1], [2, 5, 1], [2], [1])
    assert (model.depth, model.grid, model.k, model.mult_arity, model.mult_homo) == (2, [3, 4], 2, 3, True)
    assert (model.grid_eps, model.grid_range, model.base_fun_name) == (0.5, [-2.0, 2.0], "identity")
    assert not model.sb_trainable
    assert not model.affine_trainable
    assert model.device.type == "cpu"
    assert model.base_fun(torch.ones(1)) == 1
    assert torch.allclose(model.act_fun[0].scale_base, torch.tensor(2**-0.5))
    assert [t.shape for t in (*model.node_bias, *model.node_scale)] == [(3,), (1,)] * 2
    assert [t.shape for t in (*model.subnode_bias, *model.subnode_scale)] == [(5,), (1,)] * 2
    assert len(list(model.get_params())) == len(list(model.kan.parameters()))


def test_the_seed_is_our_own():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    models = [KAN(width=[2, 2, 1], seed=seed) for seed in (0, 0, 1)]
    models[0].fit(DATA, steps=1, log=0)
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(models[1].act_fun[0].coef, KAN(width=[2, 2, 1], seed=0).act_fun[0].coef)
    assert not torch.equal(models[1].act_fun[0].coef, models[2].act_fun[0].coef)


def test_splines_begin_as_small_as_asked():
    layer = KAN(width=[4, 100, 1], noise_scale=0.3, grid=3).act_fun[0]
    values = layer(layer.grid[:, 3:-3].mT)[3].detach()
    assert float(values.abs().max()) <= 0.05 * 4**-0.5 + 1e-6  # half of 0.3 / 3, over the root of four inputs
    assert float(values.std()) == pytest.approx(0.1 / 12**0.5 / 2, rel=0.05)  # a uniform width of 0.1, 1600 numbers
    base = layer.scale_base.detach()
    assert float(base.abs().max()) <= 0.5
    assert float(base.std()) == pytest.approx(0.5 / 3**0.5, rel=0.08)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": None}, "`width` must list"),
        ({"affine_trainable": True}, "`affine_trainable` must be False"),
        ({"k": [2, 3]}, "`k` must be one degree"),
        ({"mult_arity": [[], [2, 3], []]}, "`mult_arity` must be one number for all products.*3: a factor"),
        ({"base_fun": lambda x: x**2}, "`base_fun` must be one of"),
        ({"grid": 0}, "`grid`"),
        ({"noise_scale_base": 0.1}, "`noise_scale_base` is an argument of earlier versions.*`scale_base_sigma` now"),
        ({"bias_trainable": True}, "`bias_trainable` is .*edges hold the constants"),
    ],
)
def test_what_cannot_be_built_says_what_can(options, message):
    with pytest.raises(ParameterError, match=message):
        KAN(**{"width": [2, 2, 1], **options})


def test_the_mode_of_a_module_is_still_set_by_train():
    model = KAN(width=[2, 2, 1])
    assert model.train(False) is model
    assert not model.training
    assert not model.kan.training
    assert model.train().training
    results = model.train(DATA, opt="LBFGS", steps=1, log=0)
    assert len(results["train_loss"]) == 1
    assert len(model.train_model(DATA, steps=1, log=0)["test_loss"]) == 1


def test_what_older_scripts_say_about_the_device_is_accepted():
    model = KAN(width=[2, 2, 1], device="cpu")
    assert len(model.train(DATA, steps=1, log=-1, device="cpu")["train_loss"]) == 1
    with pytest.raises(TypeError, match="fit got an unexpected keyword argument 'stepz'"):
        model.fit(DATA, stepz=1)


def test_a_state_of_pykans_is_not_read():
    state = {
        "node_bias_0": torch.zeros(2),
        "act_fun.0.grid": torch.zeros(2, 10),
        "act_fun.0.coef": torch.zeros(2, 2, 6),
    }
    with pytest.raises(FormatError, match=r"one of pykan's: it has 'act_fun\.0\.grid'.*copy coef, grid"):
        KAN(width=[2, 2, 1]).load_state_dict(state)


def test_a_state_beyond_two_others_can_be_read():
    """On the line through two states knots may fall; what then is read is a network all the same."""
    model = KAN(width=[2, 2, 1], seed=0)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    state["kan.layers.1.knots"] *= -1.5
    with pytest.warns(UserWarning, match=r"knots of kan\.layers\.1\.knots do not increase"):
        model.load_state_dict(state)
    assert bool((model.act_fun[1].grid.diff() > 0.5).all())
    assert bool(model(rows()).isfinite().all())


def test_it_is_an_ordinary_module(trained):
    x = DATA["train_input"]
    expected = trained(x)
    for other in (copy.deepcopy(trained), pickle.loads(pickle.dumps(trained)), trained.copy()):
        assert torch.equal(other(x), expected)
        assert other.kan.layers[0].spline_weight is not trained.kan.layers[0].spline_weight
    fresh = KAN(width=[2, [2, 1], 1], grid=3, seed=7)
    fresh.load_state_dict(trained.state_dict())
    assert torch.equal(fresh(x), expected)
    assert trained.to(F64)(x.double()).dtype is F64
    assert trained.acts[0].dtype is F64
    assert MultKAN.wrap(edgewise.KAN([2, 2, 1], seed=0))(x).shape == (80, 1)


# -------------------------------------------------------------------------------------------------------- training


def test_fit_returns_lists_with_one_entry_per_step():
    model = KAN(width=[2, 2, 1], seed=0)

    def seen():
        return model(DATA["test_input"]).mean()

    results = model.fit(
        DATA, opt="LBFGS", steps=3, log=1, lamb=1e-3, lamb_l1=1.0, lamb_entropy=2.0, lamb_coef=0.1, lamb_coefdiff=0.1,
        update_grid=True, grid_update_num=2, loss_fn=None, lr=1.0, start_grid_update_step=1, stop_grid_update_step=4,
        batch=-1, metrics=[seen], singularity_avoiding=True, y_th=100.0, reg_metric="edge_forward_sum",
        display_metrics=["train_loss", "seen"],
    )  # fmt: skip
    assert set(results) == {"train_loss", "test_loss", "reg", "seen"}
    assert {len(values) for values in results.values()} == {3}
    x, y = DATA["train_input"], DATA["train_label"]
    expected = float((model(x) - y).square().mean().sqrt().detach())
    assert float(results["train_loss"][-1]) == pytest.approx(expected, rel=1e-5)
    assert float(results["test_loss"][-1]) == pytest.approx(model.evaluate(DATA)["test_loss"], rel=1e-5)
    model.get_act(x)
    expected = float(model.reg("edge_forward_sum", 1.0, 2.0, 0.1, 0.1).detach())
    assert float(results["reg"][-1]) == pytest.approx(expected, rel=1e-4)
    assert results["train_loss"][-1] < results["train_loss"][0]


def test_after_a_fit_the_model_has_seen_the_training_inputs():
    """pykan's has seen the test set, which then decides what is pruned."""
    model = KAN(width=[2, 2, 1], seed=0)
    model.fit(DATA, steps=1, log=0)
    assert torch.equal(model.cache_data, DATA["train_input"])


def test_a_penalty_makes_small_what_is_not_needed():
    data = create_dataset(lambda x: torch.sin(3 * x[:, [0]]), n_var=2, train_num=80, test_num=10)
    scores = []
    for lamb in (0.0, 0.01):
        model = KAN(width=[2, 3, 1], seed=0)
        results = model.fit(data, steps=5, lamb=lamb, log=0)
        scores.append(float(model.acts_scale[0][:, 1].sum() / model.acts_scale[0].sum()))
    assert scores[1] < 0.3 * scores[0]
    assert results["reg"][-1] < results["reg"][0]


def test_adam_takes_batches_and_another_loss_is_reported_as_it_is():
    model = KAN(width=[2, 2, 1], seed=0)
    results = model.fit(DATA, opt="Adam", steps=8, batch=20, log=0, loss_fn=torch.nn.functional.l1_loss, lamb=1e-4)
    assert len(results["train_loss"]) == 2  # eight updates of 20 rows are two passes over 80
    expected = (model(DATA["train_input"]) - DATA["train_label"]).abs().mean()
    assert float(results["train_loss"][-1]) == pytest.approx(float(expected.detach()), rel=1e-5)
    assert len(model.fit(DATA, opt="Adam", steps=3, log=0, update_grid=False)["train_loss"]) == 3
    classes = {"train_input": rows(30), "train_label": (rows(30)[:, 0] > 0).long()}
    model = KAN(width=[2, 2], seed=0)
    results = model.fit(classes, steps=2, log=0, loss_fn=torch.nn.CrossEntropyLoss())
    assert results["test_loss"] == []
    assert results["train_loss"][-1] <= results["train_loss"][0] < 0.1  # a line tells them apart


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"opt": "SGD"}, r'`opt` must be "LBFGS" or "Adam".*`model.kan.fit'),
        ({"batch": 10}, '`batch` must be -1 with `opt="LBFGS"`'),
        ({"reg_metric": "edges"}, "`reg_metric` must be one of"),
        ({"display_metrics": ["accuracy"]}, r"`display_metrics` must be names of results.*\['accuracy'\]"),
        ({"grid_update_num": 0}, "`grid_update_num` must be"),
        ({"dataset": [1, 2]}, "`dataset` must be a dict"),
        ({"device": "cuda"}, r"`device` must be 'cpu', where the model is; got 'cuda'.*model\.to\('cuda'\)"),
        ({"sglr_avoid": True}, "`sglr_avoid` is .*`singularity_avoiding` now"),
        ({"log": -2}, "`log` must be"),
    ],
)
def test_what_fit_cannot_do_says_what_can(options, message):
    model = KAN(width=[2, 2, 1], seed=0)
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ParameterError, match=message):
        model.fit(**{"dataset": DATA, "steps": 1, "log": 0, **options})
    assert all(torch.equal(a, b) for a, b in zip(before.values(), model.state_dict().values(), strict=True))


def test_pictures_of_training_go_where_asked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = KAN(width=[2, 2, 1], seed=0)
    model.fit(DATA, opt="Adam", steps=3, log=0, save_fig=True, save_fig_freq=2, img_folder="film", beta=10,
              in_vars=["a", "b"], out_vars=["c"])  # fmt: skip
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["0.jpg", "2.jpg", "film"]


def test_other_calls_of_training(trained):
    assert trained.disable_symbolic_in_fit(0.0) == (True, True)
    evaluation = trained.evaluate(DATA)
    assert set(evaluation) == {"test_loss", "n_edge", "n_grid"}
    assert trained.speed() is trained


# ----------------------------------------------------------------------------------------------------------- grids


def test_grids_are_updated_refined_and_taken_over(trained):
    x = DATA["train_input"]
    trained.update_grid(x)
    fine = trained.refine(6)
    assert (fine.grid, trained.grid) == (6, 3)
    assert torch.allclose(fine(x), trained(x), atol=1e-5)
    assert fine.refine([6, 12]).grid == [6, 12]
    other = KAN(width=[2, [2, 1], 1], grid=6, seed=9)
    assert other.initialize_from_another_model(trained, x) is other
    assert torch.allclose(other(x), trained(x), atol=1e-5)
    with torch.no_grad():
        other.act_fun[0].scale_base.zero_()  # pykan's parent would lose its own
    assert torch.allclose(trained(x), fine(x), atol=1e-5)
    third = KAN(width=[2, [2, 1], 1], grid=6, seed=9)
    third.initialize_grid_from_another_model(trained, x)
    parent, child = (model.act_fun[0](x)[3] for model in (trained, third))
    assert torch.allclose(child, parent, atol=1e-3)
    with pytest.raises(ParameterError, match="one width, degree and arity"):
        KAN(width=[2, 3, 1]).initialize_from_another_model(trained, x)


# ------------------------------------------------------------------------------------------------------- structure


def test_nothing_was_seen_yet():
    model = KAN(width=[2, 2, 1])
    assert model.acts is None
    assert model.edge_scores is None
    with pytest.raises(ParameterError, match=r"seen no data yet: call `model\(x\)`"):
        model.prune()
    with pytest.raises(ShapeError, match="`x` must have 2 columns"):
        model(torch.rand(5, 3))


def test_what_was_seen_is_of_the_present_weights(trained):
    x = DATA["train_input"]
    trained(x)
    changes = [
        lambda: trained.act_fun[0].coef.data.mul_(100),
        lambda: trained.kan.layers[0].base_weight.data.add_(1),  # no version counts this
        lambda: trained.kan.fit(DATA, steps=1, progress=False),
        lambda: trained.kan.layers[0].fix_edge(0, 0, function_named("sin"), (1.0, 0.0, 1.0, 0.0)),
        lambda: trained.kan.layers[0].fix_edge(0, 0, function_named("exp"), (1.0, 0.0, 1.0, 0.0)),
        trained.double,
    ]
    for change in changes:
        before, scores = trained.acts[1], trained.edge_scores[0]
        change()
        assert trained.acts[1].dtype != before.dtype or not torch.equal(trained.acts[1], before)
        assert trained.edge_scores[0].dtype != scores.dtype or not torch.equal(trained.edge_scores[0], scores)
        fresh = KAN.wrap(trained.kan)
        fresh(x.to(trained.acts[1]))
        assert torch.equal(trained.acts[1], fresh.acts[1])
        assert torch.equal(trained.edge_scores[0], fresh.edge_scores[0])
    assert trained.acts[1] is trained.acts[1]  # as long as nothing changes


def test_data_are_remembered_without_their_graph():
    model = KAN(width=[2, 2, 1], seed=0)
    x = rows().requires_grad_(True)
    (gradient,) = torch.autograd.grad(model(2 * x).sum(), x)
    assert bool((gradient != 0).any())
    assert not model.cache_data.requires_grad
    assert torch.equal(model.copy().acts[0], model.cache_data)


def test_attribution_by_layer_and_node(trained):
    assert trained.attribute(1).shape == (3, 2)
    assert torch.equal(trained.attribute(1, 2), trained.attribute(1, 2, plot=False))
    assert plt.get_fignums()
    assert trained.attribute() is None
    whole = trained.node_scores[0].clone()
    trained.attribute(out_score=torch.tensor([3.0]))
    assert torch.allclose(trained.node_scores[0], 3 * whole)
    assert [t.shape for t in trained.node_attribute()] == [(3, 2), (1, 2)]
    assert len(trained.node_attribute_scores) == 2
    assert sum(trained.feature_interaction(1).values()) <= 3
    assert float(trained.connection_cost) > 0
    with pytest.raises(ParameterError, match="`l` must be a layer of nodes, 0 to 2"):
        trained.attribute(3)


def test_pruning():
    data = create_dataset(lambda x: x[:, [0]] ** 2 + 0.3 * x[:, [1]], n_var=3, train_num=80, test_num=10)
    model = KAN(width=[3, 3, 1], seed=1)
    model.fit(data, steps=4, lamb=1e-2, log=0)
    x = data["train_input"]
    small = model.prune(node_th=1e-2, edge_th=1e-1)
    assert small.n_edge < model.n_edge == 12
    assert small.prune_node(threshold=0.0).width == small.width
    by_hand = model.prune_node(active_neurons_id=[[0, 2]])
    assert by_hand.width_in == [3, 2, 1]
    fewer = model.copy()
    assert fewer.prune_edge(threshold=0.1) is fewer
    assert fewer.n_edge < 12
    inputs = model.prune_input(threshold=0.05)
    assert inputs.input_id.tolist() == [0, 1]
    assert inputs(x).shape == (80, 1)  # the same columns as before
    assert torch.equal(inputs(x), inputs(x[:, :2]))
    inputs.get_act()
    assert inputs.refine(6)(x).shape == (80, 1)
    assert inputs.prune_input(active_inputs=[1]).input_id.tolist() == [1]
    inputs.fit(data, steps=1, log=0)
    with pytest.raises(ParameterError, match="no input would be left"):
        model.prune_input(threshold=1e9)
    with pytest.raises(ParameterError, match="`active_neurons_id` must list"):
        model.prune_node(mode="manual")
    with pytest.raises(ParameterError, match="`mode` must be"):
        model.prune_node(mode="off")


@pytest.mark.parametrize("threshold", [0.05, 0.2, 0.5])
def test_edges_are_pruned_in_place(threshold):
    """What stays is what a smaller model has, in the same parameters."""
    model = KAN(width=[2, [5, 2], 1], seed=1)
    model.fit(DATA, steps=3, lamb=1e-2, log=0)
    parameters, width = list(model.parameters()), model.width
    expected, report = edgewise.interpret.prune_edges(model.kan, DATA["train_input"], threshold)
    model.prune_edge(threshold)
    assert report.edges
    assert model.width == width
    assert all(a is b for a, b in zip(parameters, model.parameters(), strict=True))
    assert model.n_edge == expected.n_edges
    x = DATA["train_input"]
    assert torch.allclose(model(x), expected(x), atol=1e-5)


def test_functions_are_chosen_on_what_a_pruned_model_was_trained_on():
    data = create_dataset(lambda x: x[:, [0]] ** 2 + x[:, [2]], n_var=3, train_num=80, test_num=10)
    model = KAN(width=[3, 1], seed=1)
    model.fit(data, steps=2, log=0)
    model = model.prune_input(active_inputs=[0, 2])
    assert torch.equal(model.trained_on[0], data["train_input"][:, [0, 2]])
    model.auto_symbolic(lib=["x", "x^2"], verbose=0)
    assert model.symbolic_fun[0].funs_name == [["x^2", "x"]]


def test_removing(trained):
    trained.remove_edge(0, 1, 0)
    assert trained.act_fun[0].mask[1, 0] == 0
    trained.remove_node(1, 2)  # the product, with both of its sums
    assert trained.act_fun[0].mask[:, 2:].sum() == 0
    assert trained.act_fun[1].mask[2].sum() == 0
    trained.remove_node(1, 0, mode="up")
    trained.remove_node(1, 3, mode="down")
    for l, i, mode in ((0, 0, "down"), (2, 0, "up"), (1, 7, "all"), (1, 0, "sideways")):
        with pytest.raises(ParameterError):
            trained.remove_node(l, i, mode)
    trained.unfix_symbolic_all()  # brings nothing back
    assert trained.act_fun[0].mask[1, 0] == 0


def test_nodes_change_places_and_the_function_stays(trained):
    x = DATA["train_input"]
    trained.fix_symbolic(0, 0, 0, "sin", verbose=False)
    trained.act_fun[0].mask[1, 1] = 0
    before = trained(x).detach()
    names = trained.symbolic_fun[0].funs_name
    trained.swap(1, 0, 1)
    assert torch.allclose(trained(x), before, atol=1e-5)
    assert trained.symbolic_fun[0].funs_name[1] == names[0]
    cost = float(trained.connection_cost)
    trained.auto_swap()
    trained.auto_swap_l(1)
    assert torch.allclose(trained(x), before, atol=1e-5)
    assert float(trained.connection_cost) <= cost + 1e-6
    with pytest.raises(ParameterError, match="two sums or two products"):
        trained.swap(1, 0, 2)


def test_a_module_is_cut_out():
    model = KAN(width=[3, 4, 2], seed=0)
    model.module(0, "[0,1]->[0,1]->[0,1]->[0]")
    mask = model.act_fun[0].mask
    assert mask[:2, :2].all()
    assert not mask[:2, 2:].any()
    assert not mask[2, :2].any()
    assert mask[2, 2:].all()
    assert model.act_fun[1].mask[:, 0].tolist() == [1, 1, 0, 0]
    with pytest.raises(ParameterError, match="`chain` must be"):
        model.module(1, "[0]->[0]->[0]->[0]")


def test_growing_keeps_the_function(trained):
    x = DATA["train_input"]
    trained.fix_symbolic(0, 0, 0, "sin", verbose=False)
    before = trained(x).detach()
    trained.expand_depth()
    trained.expand_width(1, 2)
    trained.expand_width(1, 1, sum_bool=False)
    assert trained.width == [[2, 0], [4, 2], [1, 0], [1, 0]]
    assert torch.allclose(trained(x), before, atol=1e-5)
    trained.perturb(mode="non-intrusive")
    assert torch.allclose(trained(x), before, atol=1e-5)
    assert trained.n_edge > 17
    assert "sin" in trained.symbolic_fun[0].funs_name[2]
    trained.perturb(0.1, "minimal")
    assert trained.kan.symbolic_edges == {}
    assert not torch.allclose(trained(x), before, atol=1e-3)
    trained.perturb(0.1, "all")
    assert trained.n_edge == sum(layer.in_dim * layer.out_dim for layer in trained.act_fun)
    with pytest.raises(ParameterError, match="`layer_id` must be a hidden layer"):
        trained.expand_width(0, 1)
    with pytest.raises(ParameterError, match="`mult_arity` must be 2"):
        trained.expand_width(1, 1, sum_bool=False, mult_arity=3)
    with pytest.raises(ParameterError, match="`mode` must be"):
        trained.perturb(mode="best")


# ------------------------------------------------------------------------------------------ functions and formulas


@pytest.fixture(scope="module")
def squares_once():
    """A network whose edges are x^2 and 3 sin(2 x + 1), as splines."""
    model = KAN(width=[2, 1], grid=8, k=3, seed=0)
    x = rows(150)
    model.fit({"train_input": x, "train_label": x[:, [0]] ** 2 + 3 * torch.sin(2 * x[:, [1]] + 1)}, steps=6, log=0)
    return model


@pytest.fixture
def squares(squares_once):
    return squares_once.copy()


def test_functions_are_suggested_fixed_and_freed(squares, capsys):
    model, x = squares, rows(150)
    lib = ["0", "x", "x^2", "sin", "exp"]
    name, entry, r2, c = model.suggest_symbolic(0, 0, 0, lib=lib)
    assert (name, c) == ("x^2", 2)
    assert entry[0](torch.tensor(3.0)) == 9
    assert r2 > 0.9999
    assert "x^2" in capsys.readouterr().err
    assert model.kan.symbolic_edges == {}  # pykan's is changed
    simplest = model.suggest_symbolic(0, 0, 0, lib=["0", "x^2"], weight_simple=1.0, verbose=False)
    assert simplest[0] == "0"
    r2_loss, c_loss = (lambda r2: np.log2(1 + 1e-5 - r2)), (lambda c: c)
    assert model.suggest_symbolic(0, 0, 0, None, None, ["0", "x^2"], 2, False, r2_loss, c_loss, 0.1)[0] == "x^2"
    assert model.suggest_symbolic(0, 0, 0, None, None, ["0", "x^2"], 2, False, r2_loss, c_loss, 1.0)[0] == "0"
    before = model(x).detach()
    assert float(model.fix_symbolic(0, 1, 0, "sin", verbose=False)) > 0.9999
    assert torch.allclose(model(x), before, atol=0.02)
    model.fix_symbolic(0, 0, 0, lambda z: z**2, verbose=False)
    model.unfix_symbolic(0, 1, 0)
    assert model.kan.symbolic_edges == {(0, 0, 0): "anonymous"}
    assert str(model.symbolic_formula()[0][0]).count("phi_0_1_0") == 1  # pykan leaves it out
    model.unfix_symbolic_all()
    assert torch.allclose(model(x), before)
    with pytest.raises(ParameterError, match="`weight_simple` must be"):
        model.suggest_symbolic(0, 0, 0, weight_simple=2.0)
    with pytest.raises(ParameterError, match="there is no function 'sine'"):
        model.fix_symbolic(0, 0, 0, "sine")
    with pytest.raises(ParameterError, match="fits the edge for no a and b"):
        model.fix_symbolic(0, 0, 0, lambda z: z / 0, verbose=False)


def test_modes_of_an_edge():
    model = KAN(width=[2, 1], seed=0)
    model.set_mode(0, 0, 0, "s")
    assert model.kan.symbolic_edges == {(0, 0, 0): "0"}
    model.set_mode(0, 0, 0, "n")
    model.set_mode(0, 1, 0, "")
    assert (model.kan.symbolic_edges, model.n_edge) == ({}, 1)
    with pytest.raises(ParameterError, match="a spline or a function, not their sum"):
        model.set_mode(0, 0, 0, "ns")
    with pytest.raises(ParameterError, match="there is no edge"):
        model.set_mode(0, 5, 0, "n")


def test_every_edge_gets_a_function_and_the_formula_comes_out(squares, capsys):
    model = squares
    model.auto_symbolic(lib=["x", "x^2", "sin", "exp"])
    assert model.kan.symbolic_edges == {(0, 0, 0): "x^2", (0, 1, 0): "sin"}
    assert "fixing (0, 0, 0) with x^2" in capsys.readouterr().err
    (formula,), variables = model.symbolic_formula()
    assert variables == list(sympy.symbols("x_1 x_2"))
    value = formula.subs({"x_1": 0.3, "x_2": -0.4})
    assert float(value) == pytest.approx(0.09 + 3 * np.sin(0.2), abs=1e-4)
    assert ex_round(formula, 2).has(sympy.sin)
    a, b = sympy.symbols("a b")
    normalizers = {"normalizer": [[1.0, 2.0], [2.0, 4.0]], "output_normalizer": [[5.0], [3.0]]}
    (named,), _ = model.symbolic_formula(var=["a", b], **normalizers)
    shifted = named.subs({a: 1.6, b: 0.4})
    assert float(shifted) == pytest.approx(5 + 3 * float(value), abs=1e-4)
    with pytest.raises(ParameterError, match="`var` must have 2 entries"):
        model.symbolic_formula(var=["a"])
    model.auto_symbolic(lib=["x"], verbose=1)
    assert "since already sin" in capsys.readouterr().err


def test_edges_alone_are_judged_by_weight_and_threshold(squares):
    model = squares
    model.auto_symbolic(lib=["x", "x^2"], r2_threshold=0.999, verbose=0)
    assert model.kan.symbolic_edges == {(0, 0, 0): "x^2"}  # no parabola is that sine
    model.auto_symbolic(lib=["x", "sin"], weight_simple=0.0, verbose=0)
    assert model.kan.symbolic_edges[0, 1, 0] == "sin"


def test_products_of_three_are_in_the_formula():
    """pykan's formula takes two of them."""
    model = KAN(width=[3, [0, 1], 1], mult_arity=3, seed=0)
    for i in range(3):
        for j in range(3):
            model.fix_symbolic(0, i, j, "x" if i == j else "0", fit_params_bool=False)
    model.fix_symbolic(1, 0, 0, "x", fit_params_bool=False)
    (formula,), variables = model.symbolic_formula()
    assert sympy.nsimplify(sympy.expand(formula)) == sympy.prod(variables)


def test_a_function_that_was_added_is_found():
    pykan.add_symbolic("J0", torch.special.bessel_j0, c=1)
    try:
        model = KAN(width=[1, 1], grid=20, seed=0)
        x = rows(300, 1)
        model.fit({"train_input": x, "train_label": torch.special.bessel_j0(20 * x)}, steps=5, log=0)
        assert model.suggest_symbolic(0, 0, 0, lib=["sin", "exp", "J0"], verbose=False)[0] == "J0"
    finally:
        del pykan.SYMBOLIC_LIB["J0"]


# -------------------------------------------------------------------------------------------------------- pictures


def test_pictures_are_pyplots_current_figure(trained, tmp_path):
    trained(DATA["train_input"])
    for metric in ("backward", "forward_n", "forward_u"):
        trained.plot(beta=100, metric=metric, mask=True)
    assert len(plt.get_fignums()) == 3
    trained.plot(in_vars=[r"$\alpha$", sympy.Symbol("y")], out_vars=["f"], title="a title", tick=True, varscale=2)
    words = {text.get_text() for text in plt.gcf().findobj(plt.Text)}
    assert {"a title", "$f$", "$y$", r"$\alpha$"} <= words
    plt.savefig(tmp_path / "network.png")
    trained.plot(folder=tmp_path / "edges")
    assert len(list((tmp_path / "edges").iterdir())) == trained.n_edge
    KAN(width=[2, 1]).plot()  # before any data
    trained.tree(in_var=["a", "b"])
    x, y = trained.get_fun(0, 0, 0)
    assert bool((np.diff(x) >= 0).all())
    assert trained.get_range(0, 0, 0, verbose=False) == (x.min(), x.max(), y.min(), y.max())
    for options, message in (({"metric": "loud"}, "`metric` must be"), ({"sample": True}, "`sample` must be False")):
        with pytest.raises(ParameterError, match=message):
            trained.plot(**options)


# -------------------------------------------------------------------------------------------------------- versions


def test_nothing_is_written_unless_a_path_is_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = KAN(width=[2, 2, 1], seed=0, auto_save=True)
    model.fit(DATA, steps=1, log=0)
    model = model.prune().copy().refine(6)
    model.plot()
    assert not list(tmp_path.iterdir())
    assert [line.split(" => ")[1] for line in model.history()[2:]] == ["fit", "prune", "refine"]
    with pytest.raises(ParameterError, match="kept only where a folder was given"):
        model.rewind("0.0")


def test_a_model_is_saved_and_read(trained, tmp_path):
    x = torch.cat([DATA["train_input"], rows(80, 1)], dim=1)
    model = KAN(width=[3, 2, 1], seed=0)
    model(x)
    model = model.prune_input(active_inputs=[0, 2])
    model.fix_symbolic(0, 0, 1, "sin", verbose=False)
    model.saveckpt(tmp_path / "mark")
    assert [path.name for path in tmp_path.iterdir()] == ["mark.safetensors"]
    back = KAN.loadckpt(tmp_path / "mark")
    assert torch.equal(back(x), model(x))
    assert back.input_id.tolist() == [0, 2]
    assert torch.equal(edgewise.KAN.load(tmp_path / "mark.safetensors")(x[:, [0, 2]]), model(x))
    (tmp_path / "old_state").write_bytes(b"PK")
    with pytest.raises(ParameterError, match="file of pykan's, which can run code"):
        KAN.loadckpt(tmp_path / "old")


def test_versions_are_kept_where_a_folder_is_given(tmp_path):
    folder = tmp_path / "versions"
    model = KAN(width=[2, 2, 1], seed=0, ckpt_path=folder)
    x = DATA["train_input"]
    first = model(x).detach()
    model.fit(DATA, steps=1, log=0)
    model.log_history("mine")
    assert sorted(path.name for path in folder.glob("*.safetensors")) == [f"0.{n}.safetensors" for n in range(3)]
    assert torch.equal(model.checkout("0.0")(x), first)
    back = model.rewind("0.0")
    assert torch.equal(back(x), first)
    assert torch.equal(back.checkout("1.0")(x), first)  # pykan writes the present weights there
    back.fit(DATA, steps=1, log=0)
    assert (folder / "1.1.safetensors").exists()
    assert back.history(k=1) == ["1.0 => fit => 1.1"]
    with pytest.raises(ParameterError, match="`model_id` must be one of"):
        model.checkout("7.7")


def test_a_folder_with_versions_gets_a_next_round(tmp_path, capsys):
    x = DATA["train_input"]
    first, model = [KAN(width=[2, 2, 1], seed=seed, ckpt_path=tmp_path) for seed in (0, 1)]  # a script that runs twice
    assert "those of this one begin with 1.0" in capsys.readouterr().err
    first.log_history("mine")
    model.log_history("mine")
    assert sorted(path.stem for path in tmp_path.glob("*.safetensors")) == ["0.0", "0.1", "1.0", "1.1"]
    assert (tmp_path / "history.txt").read_text().splitlines() == [
        "### Round 0 ###", "init => 0.0", "### Round 1 ###", "init => 1.0", "0.0 => mine => 0.1", "1.0 => mine => 1.1",
    ]  # fmt: skip
    assert torch.equal(model.checkout("0.1")(x), first(x))
    assert [model.rewind("1.0").round, model.rewind("0.0").round] == [2, 3]


def test_a_version_that_cannot_be_written_is_said(tmp_path, capsys):
    model = KAN(width=[2, 1], seed=0, ckpt_path=tmp_path)
    model.fix_symbolic(0, 0, 0, lambda z: z**3, fit_params_bool=False)
    assert "version 0.1 was not written" in (said := capsys.readouterr().err)
    assert "functions of your own: anonymous" in said
    assert (tmp_path / "history.txt").read_text() == "### Round 0 ###\ninit => 0.0\n"
    model.unfix_symbolic(0, 0, 0)
    assert sorted(path.stem for path in tmp_path.glob("*.safetensors")) == ["0.0", "0.2"]
    assert model.history()[2:] == ["0.0 => fix_symbolic => 0.1", "0.1 => unfix_symbolic => 0.2"]


# ------------------------------------------------------------------------------------------------------ a notebook

HELLO = """
from edgewise.pykan import *
model = KAN(width=[2,1,1], grid=5, k=3, seed=0)
f = lambda x: torch.exp(torch.sin(torch.pi*x[:,[0]]) + x[:,[1]]**2)
dataset = create_dataset(f, n_var=2, train_num=100, test_num=50)
model(dataset['train_input']);
model.plot(beta=100)
os.makedirs('params', exist_ok=True)
theta0 = model.state_dict().copy()
torch.save(theta0, os.path.join('params', 'theta0.pth'))
theta0 = {name: value.clone() for name, value in theta0.items()}
model.train_model(dataset, opt="LBFGS", steps=4, lamb=0.001, lamb_entropy=2.);
model.plot()
thetaN = {name: value.clone() for name, value in model.state_dict().items()}
whole = model.copy()
model.prune()
model.plot(mask=True)
model = model.prune()
model(dataset['train_input'])
model.plot()
model.train_model(dataset, opt="LBFGS", steps=10);
model.auto_symbolic(lib=['x','x^2','exp','sin'])
model.train_model(dataset, opt="LBFGS", steps=2);
formula = model.symbolic_formula()[0][0]
first = torch.load(os.path.join('params', 'theta0.pth'))
alphas = np.linspace(-1.5, 2.0, 8)
thetas = [{name: (1-alpha)*theta0[name] + alpha*thetaN[name] for name in theta0} for alpha in alphas]
criterion = nn.MSELoss()
fig, ax = plt.subplots(1, 1, figsize=(8, 6))
losses = []
with torch.no_grad():
    for theta in thetas:
        whole.load_state_dict(theta)
        losses.append(criterion(whole(dataset['train_input']), dataset['train_label']).item())
ax.plot(alphas, losses)
"""


def test_the_first_notebook_runs_with_another_import(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    space = {}
    exec(HELLO, space)
    assert [path.name for path in tmp_path.iterdir()] == ["params"]  # what the notebook writes, no more
    assert not space["formula"].atoms(sympy.core.function.AppliedUndef)  # no spline is left
    values = sympy.lambdify(sympy.symbols("x_1 x_2"), space["formula"])(*space["dataset"]["test_input"].numpy().T)
    assert np.allclose(values, space["model"](space["dataset"]["test_input"]).detach().numpy()[:, 0], atol=1e-3)
    losses = space["losses"]
    assert all(np.isfinite(losses))
    assert min(losses) == losses[5]  # alpha = 1


# ---------------------------------------------------------------------------------------------------- the namespace

STAR = """
KAN MultKAN KANLayer Symbolic_KANLayer LBFGS SYMBOLIC_LIB add_symbolic B_batch coef2curve curve2coef extend_grid
create_dataset create_dataset_from_data fit_params sparse_mask augment_input batch_jacobian batch_hessian get_derivative
model2param ex_round torch nn np plt os glob random copy pd sympy latex lambdify tqdm re
"""


def test_a_star_import_gives_what_scripts_use_and_little_else():
    space = {}
    exec("from edgewise.pykan import *", space)
    assert not [name for name in STAR.split() if name not in space]
    assert len(space) < 60
    assert space["nn"] is torch.nn
    assert space["plt"] is plt
    assert inspect.isclass(space["KAN"])


def test_modules_and_classes_of_one_name_do_not_hide_each_other():
    lines = (
        "from edgewise.pykan.MultKAN import MultKAN, KAN\nfrom edgewise.pykan.KANLayer import *\n"
        "from edgewise.pykan.Symbolic_KANLayer import *\nfrom edgewise.pykan.LBFGS import LBFGS as L\n"
        "from edgewise.pykan.spline import *\nfrom edgewise.pykan import MultKAN as M, KANLayer as K, LBFGS\n"
        "assert MultKAN is M is KAN and K is KANLayer and L is LBFGS and B_batch and Symbolic_KANLayer"
    )
    subprocess.run([sys.executable, "-c", lines], check=True)


INVENTORY = {
    MultKAN: """
        fit train_model train plot get_fun get_range tree prune prune_node prune_edge prune_input remove_edge
        remove_node attribute node_attribute feature_score feature_interaction refine initialize_from_another_model
        initialize_grid_from_another_model update_grid update_grid_from_samples get_act set_mode fix_symbolic
        unfix_symbolic unfix_symbolic_all suggest_symbolic auto_symbolic symbolic_formula expand_depth expand_width
        perturb module swap auto_swap auto_swap_l saveckpt loadckpt copy rewind checkout history log_history speed
        evaluate forward reg get_reg disable_symbolic_in_fit get_params n_edge connection_cost width_in width_out n_sum
        n_mult acts spline_preacts spline_postacts spline_postsplines acts_scale acts_scale_spline edge_actscale
        subnode_actscale acts_premult node_scores edge_scores subnode_scores node_scores_all edge_scores_all
        subnode_scores_all act_fun symbolic_fun""",
    KANLayer: """
        forward update_grid_from_samples initialize_grid_from_parent get_subset swap grid coef scale_base scale_sp
        mask""",
    Symbolic_KANLayer: """
        forward fix_symbolic get_subset swap funs funs_name funs_sympy funs_avoid_singularity affine mask""",
}
ARGUMENTS = {
    MultKAN.fit: """
        dataset opt steps log lamb lamb_l1 lamb_entropy lamb_coef lamb_coefdiff update_grid grid_update_num loss_fn lr
        start_grid_update_step stop_grid_update_step batch metrics save_fig in_vars out_vars beta save_fig_freq
        img_folder singularity_avoiding y_th reg_metric display_metrics""",
    MultKAN.__init__: """
        width grid k mult_arity noise_scale scale_base_mu scale_base_sigma base_fun symbolic_enabled affine_trainable
        grid_eps grid_range sp_trainable sb_trainable seed save_act sparse_init auto_save first_init ckpt_path state_id
        round device""",
    MultKAN.plot: "folder beta metric scale tick sample in_vars out_vars title varscale",
    MultKAN.suggest_symbolic: "l i j a_range b_range lib topk verbose r2_loss_fun c_loss_fun weight_simple",
    MultKAN.auto_symbolic: "a_range b_range lib verbose weight_simple r2_threshold",
    MultKAN.fix_symbolic: "l i j fun_name fit_params_bool a_range b_range verbose random log_history",
    MultKAN.symbolic_formula: "var normalizer output_normalizer",
    MultKAN.prune: "node_th edge_th",
    KANLayer.__init__: """
        in_dim out_dim num k noise_scale scale_base_mu scale_base_sigma scale_sp base_fun grid_eps grid_range
        sp_trainable sb_trainable save_plot_data device sparse_init""",
}


def test_every_name_of_the_inventory_is_there():
    for kind, names in INVENTORY.items():
        assert not [name for name in names.split() if not hasattr(kind, name)], kind


@pytest.mark.parametrize("function", ARGUMENTS, ids=lambda function: function.__qualname__)
def test_arguments_have_their_order(function):
    """Scripts pass them by position too."""
    found = [name for name in inspect.signature(function).parameters if name != "self"]
    expected = ARGUMENTS[function].split()
    assert found[: len(expected)] == expected

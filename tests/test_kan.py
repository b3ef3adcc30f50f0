"""`KAN`: the network against literal loops, and every way torch users handle a module."""

import copy
import json
import pickle
import subprocess
import sys
import textwrap
from itertools import pairwise

import pytest
import torch
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.testing import assert_close
from torch.utils.data import DataLoader, Dataset

from edgewise import KAN
from edgewise.errors import DomainError, ParameterError, ShapeError
from edgewise.layers import MultiplyNodes
from oracles import literal_kan
from test_kan_layer import F64, checkerboard, literal, rows, stretch_knots

WIDTHS = [[2, 1], [2, 5, 1], [3, [2, 2], 2], [2, [0, 3], [1, 1]]]


def build(width=(2, 5, 1), seed=0, **options) -> KAN:
    """A network whose weights are of order one on every edge."""
    model = KAN(list(width), **{"seed": seed, **F64, **options})
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for layer in model.layers:
            for parameter in layer.parameters():
                parameter.add_(0.5 * torch.randn(parameter.shape, generator=g, **F64))
    return model


def literal_network(model: KAN) -> list[literal_kan.Layer]:
    return [literal(layer, p.n_mult, p.arity) for layer, p in zip(model.layers, model.products, strict=True)]


# ---------------------------------------------------------------------------------------------- the maths


@pytest.mark.parametrize("arity", [2, 3])
@pytest.mark.parametrize("outside", ["linear", "extend"])
@pytest.mark.parametrize("width", WIDTHS, ids=str)
def test_values_and_gradients_agree_with_literal_loops(width, outside, arity):
    model = build(width, grid=3, k=3, outside=outside, mult_arity=arity, sp_trainable=True)
    for layer in model.layers:
        stretch_knots(layer)
    model.layers[0].set_mask(checkerboard(model.layers[0]))
    x = rows(5, model.in_features, scale=1.5).requires_grad_()
    cotangent = rows(5, model.out_features, seed=7)
    y = model(x)
    y.backward(cotangent)

    oracle = literal_network(model)
    values = literal_kan.forward(oracle, x.detach().numpy())
    d_x = literal_kan.gradients(oracle, x.detach().numpy(), cotangent.numpy())
    # Two layers and products: intermediate values reach some tens; 1e4 rounding errors of the largest.
    close = {"rtol": 1e-11, "atol": 1e-11}
    assert_close(y.detach(), torch.from_numpy(values), **close)
    assert_close(x.grad, torch.from_numpy(d_x), **close)
    for layer, wanted in zip(model.layers, oracle, strict=True):
        assert_close(layer.spline_weight.grad.mT, torch.from_numpy(wanted.d_coef), **close)
        assert_close(layer.base_weight.grad, torch.from_numpy(wanted.d_scale_base), **close)
        assert_close(layer.spline_scale.grad, torch.from_numpy(wanted.d_scale_sp), **close)


def test_multiplication_nodes_multiply_the_last_sums():
    model = build([3, [2, 2], 1], mult_arity=3)
    x = rows(6, 3)
    z = model.layers[0](x)
    assert z.shape == (6, 2 + 2 * 3)
    by_hand = torch.stack([z[:, 0], z[:, 1], z[:, 2] * z[:, 3] * z[:, 4], z[:, 5] * z[:, 6] * z[:, 7]], dim=1)
    assert_close(model.activations(x)[1], by_hand, rtol=1e-14, atol=0)
    assert_close(model(x), model.layers[1](by_hand), rtol=1e-13, atol=1e-13)


def test_a_product_with_a_zero_factor_has_the_right_derivatives():
    nodes = MultiplyNodes(1, 1, arity=3)
    z = torch.tensor([[2.0, 0.0, 3.0, 0.0]], **F64, requires_grad=True)
    assert torch.autograd.gradcheck(nodes, [z])
    assert torch.autograd.gradgradcheck(nodes, [z])


def test_second_derivatives_through_the_whole_network():
    model = build([2, [1, 1], 1], grid=2)
    x = rows(2, 2, scale=0.8).requires_grad_()
    assert torch.autograd.gradcheck(model, [x])
    assert torch.autograd.gradgradcheck(model, [x])


def test_permuting_hidden_nodes_changes_nothing():
    model, x, order = build(), rows(7, 2), torch.tensor([3, 0, 4, 1, 2])
    moved = copy.deepcopy(model)
    first, second = moved.layers
    with torch.no_grad():
        for of, axis in ((first, 1), (second, 0)):
            for part in (of.coef, of.scale_base):
                part.copy_(part.index_select(axis, order).clone())
        second.knots.copy_(second.knots[order])
    assert_close(moved(x), model(x), rtol=1e-13, atol=1e-13)
    assert not torch.allclose(moved.layers[0](x), model.layers[0](x))


@pytest.mark.parametrize("leading", [(), (1,), (2, 3), (0,), (0, 4)])
def test_any_leading_axes(leading):
    model = build([2, [3, 1], 2])
    x = rows(*leading, 2)
    y = model(x)
    assert y.shape == (*leading, 2)
    assert_close(y.reshape(-1, 2), model(x.reshape(-1, 2)), rtol=1e-13, atol=1e-13)


def test_a_batch_of_one_is_one_of_a_batch():
    model, x = build([2, [3, 1], 2]), rows(8, 2)
    assert_close(torch.cat([model(row[None]) for row in x]), model(x), rtol=1e-12, atol=1e-12)


def test_nothing_is_cached_by_a_forward_pass():
    model = build()
    before = {name: set(module.__dict__) for name, module in model.named_modules()}
    model(rows(5, 2)).sum().backward()
    model.activations(rows(5, 2))
    assert {name: set(module.__dict__) for name, module in model.named_modules()} == before
    assert set(dict(model.named_buffers())) == {"layers.0.knots", "layers.1.knots"}


# ------------------------------------------------------------------------------------------------- shape


@pytest.mark.parametrize("width", WIDTHS, ids=str)
def test_parameter_count(width):
    """Per edge: G + k coefficients and one residual factor; a product node has `arity` sums before it."""
    grid, k, arity = 4, 2, 3
    pairs = [(n, 0) if isinstance(n, int) else tuple(n) for n in width]
    edges = sum((a[0] + a[1]) * (b[0] + arity * b[1]) for a, b in pairwise(pairs))
    assert KAN(width, grid, k, mult_arity=arity).n_parameters == edges * (grid + k + 1)
    assert KAN(width, grid, k, mult_arity=arity, sp_trainable=True).n_parameters == edges * (grid + k + 2)
    assert KAN(width, grid, k, mult_arity=arity, sb_trainable=False).n_parameters == edges * (grid + k)
    assert KAN(width, grid, k, mult_arity=arity, base_fun="zero").n_parameters == edges * (grid + k)
    assert KAN(width, grid, k, mult_arity=arity).n_edges == edges


def test_removed_edges_are_not_counted():
    model = KAN([2, 5, 1])
    mask = torch.ones(2, 5)
    mask[0, 3] = mask[1, 1] = 0
    model.layers[0].set_mask(mask)
    assert model.n_edges == 2 * 5 + 5 - 2


def test_a_grid_per_layer():
    model = KAN([2, 3, 1], grid=[4, 9])
    assert [layer.grid for layer in model.layers] == model.grid == [4, 9]
    assert KAN([2, 3, 1], grid=[4, 4]).grid == 4


def test_the_callers_lists_are_neither_kept_nor_changed():
    width, names = [2, [3, 1], 1], ["a", "b"]
    model = KAN(width, input_names=names)
    assert width == [2, [3, 1], 1]
    width[1][0], names[0] = 99, "changed"
    assert model.width == [2, [3, 1], 1]
    assert model.input_names == ["a", "b"]
    model.width[1][0] = 99
    assert model.width == [2, [3, 1], 1]


def test_names():
    model = KAN([3, 2])
    assert model.input_names == ["x1", "x2", "x3"]
    assert model.output_names == ["y1", "y2"]
    assert KAN([1, 1]).output_names == ["y"]
    assert KAN([1, 1], output_names=["energy"]).output_names == ["energy"]


@pytest.mark.parametrize(
    "options",
    [
        {},
        dict(grid=[3, 4], k=2, mult_arity=3, grid_range=(0, 2), grid_eps=0.25, base_fun="tanh", outside="extend"),
        dict(init="paper", sp_trainable=True, sb_trainable=False, input_names=["a", "b"], output_names=["c"]),
    ],
)
def test_config_builds_the_same_structure(options):
    model = KAN([2, [2, 1], 1], **options, **F64)
    config = json.loads(json.dumps(model.config()))  # it can be written as JSON
    twin = KAN(**config, **F64)
    assert twin.config() == model.config()
    twin.load_state_dict(model.state_dict())
    x = rows(5, 2)
    assert_close(twin(x), model(x), rtol=0, atol=0)
    assert repr(twin) == repr(model)


def test_every_option_reaches_every_layer():
    options = dict(grid_eps=0.25, base_fun="tanh", outside="extend", init="paper")
    model = KAN([2, 3, 1], k=2, grid_range=(0, 2), sp_trainable=True, sb_trainable=False, **options)
    for layer in model.layers:
        assert {name: getattr(layer, name) for name in options} == options
        assert (layer.k, layer.scale_sp.requires_grad, layer.scale_base.requires_grad) == (2, True, False)
        assert_close(layer.domain, torch.tensor([0.0, 2.0]).expand(layer.in_features, 2))


def test_activations_are_the_values_of_every_node():
    model, x = build([2, [2, 1], 2]), rows(4, 2)
    values = model.activations(x)
    assert [v.shape for v in values] == [(4, 2), (4, 3), (4, 2)]
    assert_close(values[0], x)
    assert_close(values[-1], model(x).detach())
    assert not values[-1].requires_grad


# ------------------------------------------------------------------------------------------------- seeds


def test_a_seed_means_the_same_weights_and_touches_nothing(global_random_state_untouched):
    a, b, c = (KAN([2, 5, 1], seed=s).state_dict() for s in (4, 4, 5))
    assert_close(a, b, rtol=0, atol=0)
    assert not torch.equal(a["layers.0.spline_weight"], c["layers.0.spline_weight"])
    generator = torch.Generator().manual_seed(4)
    assert_close(KAN([2, 5, 1], generator=generator).state_dict(), a, rtol=0, atol=0)


def test_layers_do_not_start_alike():
    layers = KAN([4, 4, 4], seed=0).layers
    assert not torch.equal(layers[0].spline_weight, layers[1].spline_weight)


@pytest.mark.parametrize("init", ["power", "paper"])
def test_initial_outputs_are_finite_and_of_moderate_size(init):
    for seed in range(5):
        y = KAN([8, 16, 16, 1], init=init, seed=seed, **F64)(rows(200, 8))
        assert 1e-3 < y.std() < 10


# ----------------------------------------------------------------------------------- an ordinary module


def masked() -> KAN:
    model = build([2, [3, 1], 1], sp_trainable=True)
    model.layers[0].set_mask(checkerboard(model.layers[0]))
    return model


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"])
def test_copies_agree_and_share_nothing(clone):
    model, x = masked(), rows(5, 2)
    other = clone(model)
    assert_close(other(x), model(x), rtol=0, atol=0)
    assert other.config() == model.config()
    ours = {t.data_ptr() for t in model.state_dict().values()}
    assert not ours & {t.data_ptr() for t in other.state_dict().values()}
    other.input_names[0] = other.options["base_fun"] = "changed"
    assert model.input_names == ["x1", "x2"]
    assert model.options["base_fun"] == "silu"


def test_a_copy_can_be_trained_apart():
    model = masked()
    other, before = copy.deepcopy(model), copy.deepcopy(model.state_dict())
    optimizer = torch.optim.SGD(other.parameters(), lr=0.1)
    other(rows(5, 2)).square().mean().backward()
    optimizer.step()
    assert_close(model.state_dict(), before, rtol=0, atol=0)
    assert all(p.grad is None for p in model.parameters())


def test_state_dict_brings_masks_and_grids_along(tmp_path):
    source, target = masked(), KAN([2, [3, 1], 1], grid=[8, 2], sp_trainable=True, **F64)
    torch.save(source.state_dict(), tmp_path / "state.pt")
    target.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    x = rows(5, 2)
    assert_close(target(x), source(x), rtol=0, atol=0)
    assert target.config()["grid"] == [5, 5]
    assert target.n_edges == source.n_edges


def test_a_refined_model_round_trips_through_its_state():
    model, x = build(), rows(50, 2)
    finer = model.refine(10)
    target = KAN([2, 5, 1], **F64)
    target.load_state_dict(finer.state_dict())
    assert target.grid == 10
    assert_close(target(x), finer(x), rtol=0, atol=0)
    # 10 intervals nest in 5, so the function is the same up to rounding.
    assert_close(finer(x), model(x), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("assign", [False, True])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda knots: knots[1, 4].copy_(knots[1, 3]), "at input 1, knot 4 is -?[0-9.]+ after -?[0-9.]+"),
        (lambda knots: knots[2].copy_(knots[2].flip(0)), "at input 2, knot 1 is"),
        (lambda knots: knots[0, 5].fill_(torch.nan), "at input 0, knot 5 is nan after"),
        (lambda knots: knots[4, -1].fill_(torch.inf), "at input 4, knot 11 is inf after"),
    ],
    ids=["equal", "decreasing", "nan", "infinite"],
)
def test_a_state_with_degenerate_knots_is_refused(change, message, assign):
    model, state = build(), build(seed=1).state_dict()
    before = copy.deepcopy(model.layers[1].state_dict())
    change(state["layers.1.knots"])
    with pytest.raises(DomainError, match=r"'layers.1.knots' must be finite and strictly increasing.*" + message):
        model.load_state_dict(state, strict=False, assign=assign)
    assert_close(model.layers[1].state_dict(), before, rtol=0, atol=0)


def test_a_state_whose_knots_meet_in_the_model_s_dtype_is_refused():
    state = build().state_dict()
    state["layers.0.knots"] += 1e9  # apart in float64, not in float32
    with pytest.raises(DomainError, match=r"'layers.0.knots' must be finite and strictly increasing.*float32"):
        build().float().load_state_dict(state)
    build().load_state_dict(state)


def test_to_dtype_and_back():
    model, x = masked(), rows(20, 2)
    single = copy.deepcopy(model).float()
    assert single(x.float()).dtype == torch.float32
    assert_close(single(x.float()).double(), model(x), rtol=1e-3, atol=1e-4)
    assert single.double()(x).dtype == torch.float64


def test_an_ensemble_by_vmap_takes_the_same_gradient_step():
    models = [build(seed=s) for s in range(5)]
    parameters, buffers = stack_module_state(models)
    x, y = rows(11, 2), rows(11, 1, seed=3)

    def loss(p, b):
        return (functional_call(models[0], (p, b), (x,)) - y).square().mean()

    gradients = vmap(grad(loss))(parameters, buffers)
    for n, model in enumerate(models):
        (model(x) - y).square().mean().backward()
        for name, p in model.named_parameters():
            assert_close(gradients[name][n], p.grad, rtol=1e-11, atol=1e-12)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.parametrize("kind", ["plain", "masked"])
def test_compile_has_no_graph_break(kind):
    """Traced whole by torch.compile (without a C compiler); forward and backward equal eager."""
    model, x = build() if kind == "plain" else masked(), rows(30, 2).requires_grad_()
    compiled = torch.compile(copy.deepcopy(model), fullgraph=True, backend="aot_eager")
    y, z = model(x), compiled(x)
    assert_close(z, y, rtol=1e-13, atol=1e-13)
    expected = torch.autograd.grad(y.square().sum(), [x, *model.parameters()])
    actual = torch.autograd.grad(z.square().sum(), [x, *compiled.parameters()])
    assert_close(actual, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_compile_with_the_default_backend():
    model, x = masked(), rows(30, 2).requires_grad_()
    compiled = torch.compile(copy.deepcopy(model), fullgraph=True)
    y, z = model(x), compiled(x)
    assert_close(z, y, rtol=1e-13, atol=1e-13)
    expected = torch.autograd.grad(y.square().sum(), [x, *model.parameters()])
    assert_close(torch.autograd.grad(z.square().sum(), [x, *compiled.parameters()]), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_export_round_trip_with_any_batch_size(tmp_path):
    model = masked()
    batch = torch.export.Dim("batch", min=1)
    program = torch.export.export(model, (rows(4, 2),), dynamic_shapes=({0: batch},))
    torch.export.save(program, tmp_path / "model.pt2")
    loaded = torch.export.load(tmp_path / "model.pt2").module()
    for size in (1, 4, 9):
        x = rows(size, 2, seed=size, scale=1.5)
        assert_close(loaded(x), model(x), rtol=1e-13, atol=1e-13)


# --------------------------------------------------------------------------------------- several processes

DDP = """
    import os, sys, torch
    import torch.distributed as dist
    from edgewise import KAN

    rank, store, out = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    model = KAN([2, 5, 1], seed=rank, dtype=torch.float64)  # different on purpose: DDP must make them equal
    wrapped = torch.nn.parallel.DistributedDataParallel(model)
    optimizer = torch.optim.Adam(wrapped.parameters(), lr=1e-2)
    x = torch.linspace(-1, 1, 40, dtype=torch.float64).reshape(20, 2)[rank::2]  # each rank has its own rows
    for _ in range(5):
        optimizer.zero_grad()
        (wrapped(x) - x.prod(1, keepdim=True)).square().mean().backward()
        optimizer.step()
    torch.save(model.state_dict(), f"{out}/{rank}.pt")
    dist.barrier()
    dist.destroy_process_group()
"""


def test_ddp_keeps_two_processes_equal_and_equals_one(tmp_path):
    script = tmp_path / "ddp.py"
    script.write_text(textwrap.dedent(DDP))
    command = [sys.executable, str(script)]
    processes = [
        subprocess.Popen([*command, str(rank), str(tmp_path / "store"), str(tmp_path)], stderr=subprocess.PIPE)
        for rank in range(2)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors.decode()
    ranks = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2)]
    assert_close(ranks[0], ranks[1], rtol=0, atol=0)

    alone = KAN([2, 5, 1], seed=0, **F64)  # the same five steps on all rows in one process
    optimizer = torch.optim.Adam(alone.parameters(), lr=1e-2)
    x = torch.linspace(-1, 1, 40, **F64).reshape(20, 2)
    for _ in range(5):
        optimizer.zero_grad()
        (alone(x) - x.prod(1, keepdim=True)).square().mean().backward()
        optimizer.step()
    assert_close(ranks[0], dict(alone.state_dict()), rtol=1e-9, atol=1e-9)


class Transformed(Dataset):
    """A data set whose transform is a KAN: it runs inside the loader's workers."""

    def __init__(self, model: KAN, x: torch.Tensor) -> None:
        self.model, self.x = model, x

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> torch.Tensor:
        with torch.no_grad():
            return self.model(self.x[index])


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_dataloader_workers_can_evaluate_a_kan():
    model, x = build(), rows(12, 2)
    expected = model(x).detach()  # the parent has run the kernels before the fork
    loader = DataLoader(Transformed(model, x), batch_size=4, num_workers=2, multiprocessing_context="fork", timeout=60)
    assert_close(torch.cat(list(loader)), expected, rtol=1e-13, atol=1e-13)


# ------------------------------------------------------------------------------------------- bad values

BAD = {
    "width-one": (dict(width=[2]), r"`width` must list at least two layers, inputs first, like \[2, 5, 1\]; got \[2\]"),
    "width-empty": (dict(width=[]), r"`width` must list at least two layers"),
    "width-int": (dict(width=5), r"`width` must list at least two layers.*got 5"),
    "width-zero": (dict(width=[2, 0, 1]), r"`width` entries must be an int >= 1 or \[n_sum, n_mult\]; got 0 in"),
    "width-negative": (dict(width=[2, -3, 1]), r"`width` entries must be .*got -3 in"),
    "width-float": (dict(width=[2, 5.0, 1]), r"`width` entries must be .*got 5\.0 in"),
    "width-bool": (dict(width=[2, True]), r"`width` entries must be .*got True in"),
    "width-triple": (dict(width=[2, [1, 1, 1], 1]), r"`width` entries must be .*got \[1, 1, 1\] in"),
    "width-string": (dict(width="251"), r"`width` entries must be .*got '2' in '251'"),
    "width-products-first": (dict(width=[[2, 1], 1]), r"first entry of `width` counts inputs and cannot multiply"),
    "grid-zero": (dict(grid=0), r"`grid` \(number of intervals\) must be an int >= 1; got 0"),
    "grid-float": (dict(grid=5.0), r"`grid` \(number of intervals\) must be an int >= 1; got 5\.0"),
    "grid-count": (dict(grid=[5, 5, 5]), r"`grid` must be an int or 2 ints, one per layer; got \[5, 5, 5\]"),
    "grid-one-bad": (dict(grid=[5, -1]), r"`grid` \(number of intervals\) must be an int >= 1; got -1"),
    "k": (dict(k=-1), r"`k` \(polynomial degree\) must be an int >= 0; got -1"),
    "mult_arity": (dict(mult_arity=1), r"`mult_arity` must be an int >= 2; got 1"),
    "grid_range-pairs": (dict(grid_range=[(0, 1), (0, 1)]), r"`grid_range` must be \(lo, hi\), the domain of every"),
    "grid_range-one": (dict(grid_range=[1.0]), r"`grid_range` must be \(lo, hi\).*got \[1\.0\]"),
    "grid_range-order": (dict(grid_range=(1, -1)), r"every domain needs lo < hi"),
    "grid_eps": (dict(grid_eps=-0.1), r"`grid_eps` must lie in \[0, 1\].*got -0\.1"),
    "base_fun": (dict(base_fun="sin"), r"`base_fun` must be one of"),
    "outside": (dict(outside="zero"), r"`outside` must be one of"),
    "init": (dict(init="he"), r"`init` must be one of"),
    "dtype": (dict(dtype=torch.int32), r"`dtype` must be a floating dtype"),
    "both": (dict(seed=0, generator=torch.Generator()), r"give `seed` or `generator`, not both"),
}


@pytest.mark.parametrize(("arguments", "message"), BAD.values(), ids=BAD.keys())
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ParameterError, match=message):
        KAN(**{"width": [2, 5, 1], **arguments})


@pytest.mark.parametrize("which", ["input_names", "output_names"])
def test_a_wrong_number_of_names_is_refused(which):
    with pytest.raises(ShapeError, match=rf"`{which}` must have \d names; got 3: \['a', 'b', 'c'\]"):
        KAN([2, 5, 1], **{which: ["a", "b", "c"]})


def test_wrong_inputs_are_refused():
    model = build()
    with pytest.raises(ShapeError, match=r"must have 2 features; got shape \(5, 3\)"):
        model(rows(5, 3))
    with pytest.raises(ShapeError, match=r"input is torch\.float32 on cpu, the layer is torch\.float64"):
        model(rows(5, 2).float())

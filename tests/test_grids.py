"""Changing a network's grids keeps its function, and no data can make a NaN."""

import math

import pytest
import torch
from scipy.interpolate import BSpline
from torch.testing import assert_close
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from edgewise.errors import DomainError, ParameterError, ShapeError
from edgewise.models import KAN, refine, update_grid

F64 = torch.float64


def random(*shape, seed=0):
    return torch.randn(*shape, dtype=F64, generator=torch.Generator().manual_seed(seed))


def inside(rows, inputs, seed=0):
    return torch.rand(rows, inputs, dtype=F64, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def wavy(width, grid=5, k=3, dtype=F64, **options):
    """A network whose splines matter: coefficients of order one instead of a small start."""
    model = KAN(width, grid, k, seed=0, dtype=dtype, **options)
    with torch.no_grad():
        for number, layer in enumerate(model.layers):
            layer.spline_weight.copy_(random(*layer.spline_weight.shape, seed=number) * 0.5)
    return model


def every_tensor(model):
    return [*model.parameters(), *model.buffers()]


def assert_trains(model, x):
    """One step gives finite outputs, gradients and weights, for every parameter."""
    model(x).square().mean().backward()
    for parameter in model.parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None
            assert parameter.grad.isfinite().all()
    assert all(tensor.isfinite().all() for tensor in every_tensor(model))
    assert all((layer.knots.diff(dim=1) > 0).all() for layer in model.layers)


# ------------------------------------------------------------------------------------------ refine


@pytest.mark.parametrize("outside", ["linear", "extend"])
@pytest.mark.parametrize("k", range(6))
def test_refining_to_a_multiple_keeps_the_function(k, outside):
    model = wavy([3, [2, 2], 1], k=k, outside=outside)
    x = inside(200, 3)
    x[:3] = torch.tensor([[-1.0], [1.0], [0.2]])  # both ends and a breakpoint
    for layer in model.layers[1:]:  # hidden values leave [-1, 1]: a domain they cannot leave
        layer.knots.mul_(20)
    expected = model(x)
    for grid in (10, 20, 60):
        model = refine(model, grid)
        assert model.grid == grid
        assert_close(model(x), expected, rtol=0, atol=1e-12 * float(expected.detach().abs().max()))


def test_refining_keeps_the_linear_continuation_too():
    model = wavy([2, 3, 1])
    x = 5 * random(200, 2)
    expected = model(x)
    assert_close(refine(refine(model, 10), 20)(x), expected, rtol=0, atol=1e-12 * float(expected.detach().abs().max()))


def test_refined_splines_are_the_old_ones_by_scipy():
    model = wavy([1, 1], base_fun="zero")
    layer, new = model.layers[0], refine(model, 15).layers[0]
    x = torch.linspace(-1, 1, 101, dtype=F64)
    old_spline = BSpline(layer.knots[0].numpy(), layer.coef[0, 0].detach().numpy(), 3)
    new_spline = BSpline(new.knots[0].numpy(), new.coef[0, 0].detach().numpy(), 3)
    assert_close(torch.from_numpy(new_spline(x.numpy())), torch.from_numpy(old_spline(x.numpy())), rtol=0, atol=1e-14)
    assert_close(model(x[:, None])[:, 0].detach(), torch.from_numpy(old_spline(x.numpy())), rtol=0, atol=1e-14)


def test_refining_an_uneven_grid_to_a_multiple_is_exact_too():
    model = wavy([2, 4, 1], grid_eps=0.0)
    x = inside(300, 2) ** 3
    model.update_grid(x)
    expected = model(x)
    assert_close(refine(model, 15)(x), expected, rtol=0, atol=1e-12 * float(expected.detach().abs().max()))


def test_refining_to_another_number_takes_the_closest_splines():
    model = wavy([2, 3, 1])
    model = refine(model, 8)
    with torch.no_grad():  # smooth functions, where the error has an order
        for layer in model.layers:
            sites = layer.knots[:, 2:-2, None]
            layer.spline_weight.copy_(torch.sin(2 * sites).expand_as(layer.spline_weight))
    x = inside(300, 2)
    errors = [float((refine(model, grid)(x) - model(x)).detach().abs().max()) for grid in (3, 7, 31, 127)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-6
    assert float((refine(refine(model, 24), 8)(x) - model(x)).detach().abs().max()) < 1e-12  # coarser again: exact


def test_a_refined_model_shares_nothing_and_keeps_everything():
    model = wavy(
        [2, [3, 1], 2],
        [5, 4],
        2,
        grid_eps=0.3,
        base_fun="tanh",
        outside="extend",
        sp_trainable=True,
        sb_trainable=False,
        grid_range=(-2.0, 1.5),
        input_names=["mass", "speed"],
        output_names=["energy", "momentum"],
        dtype=torch.float32,
    ).eval()
    mask = torch.ones_like(model.layers[0].mask)
    mask[1, 2] = 0
    model.layers[0].set_mask(mask)
    model.layers[1].spline_weight.requires_grad_(False)
    before = [tensor.detach().clone() for tensor in every_tensor(model)]
    new = model.refine(20)
    assert isinstance(new, KAN)
    assert new.config() == {**model.config(), "grid": [20, 20]}
    assert not new.training
    assert new.refine(10).train().training
    assert torch.equal(new.layers[0].mask, mask)
    for old_layer, layer in zip(model.layers, new.layers, strict=True):
        assert layer.grid == 20
        for name, parameter in layer.named_parameters():
            old = old_layer.get_parameter(name)
            assert (parameter.requires_grad, parameter.dtype) == (old.requires_grad, old.dtype)
        assert torch.equal(layer.base_weight, old_layer.base_weight)
        assert (layer.grid_eps, layer.base_fun, layer.outside) == (0.3, "tanh", "extend")
    storages = {tensor.untyped_storage().data_ptr() for tensor in every_tensor(model)}
    assert not storages & {tensor.untyped_storage().data_ptr() for tensor in every_tensor(new)}
    with torch.no_grad():
        for tensor in every_tensor(new):
            tensor.zero_()
    assert all(torch.equal(a, b) for a, b in zip(before, every_tensor(model), strict=True))


def test_refined_coefficients_hold_no_more_memory_than_they_need():
    layer = refine(wavy([2, 3, 1]), 7).layers[0]
    assert layer.spline_weight.untyped_storage().nbytes() == layer.spline_weight.numel() * 8
    assert layer.spline_weight.is_contiguous()


def test_grids_may_differ_by_layer():
    model = wavy([2, 3, 1], [3, 6])
    new = refine(model, [6, 12])
    assert new.grid == [6, 12]
    x = inside(100, 2)
    assert_close(new(x), model(x), rtol=0, atol=1e-12)
    assert refine(model, 6).grid == 6
    same = refine(model, [3, 6])
    assert torch.equal(same(x), model(x))


def test_the_loss_does_not_jump_when_training_goes_on_with_a_finer_grid():
    model = wavy([2, 3, 1], dtype=torch.float32)
    x = inside(200, 2).float()
    assert_close(refine(model, 20)(x), model(x), rtol=0, atol=2e-6)
    assert_trains(refine(model, 20), x)


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        (0, r"`grid` \(number of intervals\) must be an int >= 1; got 0"),
        ([5], r"`grid` must be an int or 2 ints, one per layer; got \[5\]"),
        ([5, 2.5], "must be an int >= 1; got 2.5"),
    ],
)
def test_bad_grids_say_what_is_wrong(grid, message):
    with pytest.raises(ParameterError, match=message):
        refine(wavy([2, 3, 1]), grid)


# ------------------------------------------------------------------------------------- update_grid


def test_every_layers_domain_covers_the_data_that_reach_it():
    model = wavy([2, [3, 1], 2, 1])
    x = 7 + 3 * random(200, 2)
    model.update_grid(x)
    for number, (layer, values) in enumerate(zip(model.layers, model.activations(x), strict=False)):  # when updated
        lo, hi = values.amin(0), values.amax(0)
        margin = (0.05 if number else 0.01) * (hi - lo)
        assert_close(layer.domain, torch.stack([lo - margin, hi + margin], dim=1), rtol=1e-12, atol=1e-12)


def test_the_function_changes_by_what_is_returned_and_no_more():
    model = wavy([2, 3, 1])
    x = inside(400, 2)
    before = model(x).detach()
    change = model.update_grid(x)
    after = model(x).detach()
    expected = (after - before).abs().max() / before.std(correction=0)
    assert change == pytest.approx(float(expected), rel=1e-12)
    assert 0.01 < change < 1  # other breakpoints cannot hold the same wavy splines exactly
    assert model.update_grid(x) < 0.5 * change
    smooth = KAN([2, 3, 1], 20, seed=0, dtype=F64, base_fun="zero")
    with torch.no_grad():
        for layer in smooth.layers:
            layer.spline_weight.copy_(0.4 * torch.sin(layer.knots[:, 2:-2, None]).expand_as(layer.spline_weight))
    # Smooth splines of width h, nowhere beyond their domain, move by O(h^4), (2/20)^4 / 24 = 4e-6,
    # and by the bend at the old domain's ends, which lie inside the new domain; seen 4e-5.
    assert smooth.update_grid(x) < 1e-4


def test_nothing_changes_where_the_grid_fits_already():
    model = wavy([2, 3, 1])
    x = inside(100, 2)
    for _ in range(60):
        change = model.update_grid(x)
    assert change < 1e-9
    before = [tensor.detach().clone() for tensor in every_tensor(model)]
    model.update_grid(x)
    for a, b in zip(before, every_tensor(model), strict=True):
        assert_close(b.detach(), a, rtol=0, atol=1e-8)


def test_a_line_outside_the_old_domain_is_kept():
    model = KAN([1, 1], 5, 3, seed=0, dtype=F64, base_fun="zero", outside="linear")
    with torch.no_grad():
        model.layers[0].spline_weight.copy_(2 * model.layers[0].knots[:, 2:-2, None] + 1)  # 2x + 1 at Greville sites
    x = torch.linspace(-30, 50, 101, dtype=F64)[:, None]
    assert model.update_grid(x) < 1e-12
    assert_close(model(x), 2 * x + 1, rtol=0, atol=1e-10)


def test_the_grid_follows_grid_eps():
    x = inside(2000, 1) ** 5
    uniform, quantile = (KAN([1, 1], 8, seed=0, dtype=F64, grid_eps=eps) for eps in (1.0, 0.0))
    for model in (uniform, quantile):
        model.update_grid(x)
    assert uniform.layers[0].knots.diff(dim=1).std() < 1e-12
    counts = torch.histogram(x[:, 0], quantile.layers[0].knots[0, 3:-3]).hist
    assert counts.min() > 150  # 250 in each, but where the minimum width holds
    assert torch.histogram(x[:, 0], uniform.layers[0].knots[0, 3:-3]).hist.min() < 75


def test_parameters_and_buffers_stay_the_same_objects():
    model = wavy([2, 3, 1])
    before = {name: id(tensor) for name, tensor in [*model.named_parameters(), *model.named_buffers()]}
    model.update_grid(inside(50, 2))
    assert before == {name: id(tensor) for name, tensor in [*model.named_parameters(), *model.named_buffers()]}
    assert all(parameter.grad_fn is None for parameter in model.parameters())


HARD_DATA = {
    "one row": inside(1, 3),
    "all zero": torch.zeros(40, 3, dtype=F64),
    "constant column": torch.cat([inside(40, 2), torch.full((40, 1), 4.2, dtype=F64)], dim=1),
    "binary column": torch.cat([inside(40, 2), torch.tensor([0.0, 1.0] * 20, dtype=F64)[:, None]], dim=1),
    "one row repeated": inside(1, 3).expand(40, 3),
    "an outlier": torch.cat([inside(40, 3), torch.full((1, 3), 1e6, dtype=F64)]),
    "far away": 1e5 + inside(40, 3),
    "nearly constant": 0.5 + 1e-14 * inside(40, 3),
}


@pytest.mark.parametrize("dtype", [torch.float32, F64], ids=str)
@pytest.mark.parametrize("grid_eps", [1.0, 0.02, 0.0])
@pytest.mark.parametrize("name", HARD_DATA)
def test_no_data_make_a_nan(name, grid_eps, dtype):
    x = HARD_DATA[name].to(dtype)
    model = wavy([3, [3, 1], 1], grid_eps=grid_eps, dtype=dtype)
    for _ in range(5):
        assert math.isfinite(model.update_grid(x))
    assert_trains(model, x)


@pytest.mark.parametrize("grid_eps", [1.0, 0.0])
@pytest.mark.parametrize("dead", ["masked", "zero weights", "constant splines", "cancelling splines"])
def test_a_dead_neuron_stays_finite_and_keeps_its_grid(dead, grid_eps):
    model = wavy([2, 3, 1], grid_eps=grid_eps)
    layer = model.layers[0]
    with torch.no_grad():
        if dead == "masked":
            mask = torch.ones_like(layer.mask)
            mask[:, 1] = 0
            layer.set_mask(mask)
        else:
            layer.base_weight[:, 1] = 0
            # A partition of unity: the sum is 0.6 up to rounding, which must count as constant.
            layer.spline_weight[:, :, 1] = 0.0 if dead == "zero weights" else 0.3
            if dead == "cancelling splines":  # 0 up to rounding, which is all there is to see in this node
                layer.spline_weight[0, :, 1] *= -1
    x = inside(100, 2)
    for _ in range(10):
        model.update_grid(x)
    assert_close(model.layers[1].domain[1], torch.tensor([-1.0, 1.0], dtype=F64), rtol=0, atol=1e-12)
    assert_trains(model, x)


def test_batch_shape_makes_no_difference():
    one, two = wavy([2, 3, 1]), wavy([2, 3, 1])
    x = inside(60, 2)
    assert one.update_grid(x) == two.update_grid(x.reshape(3, 20, 2))
    assert all(torch.equal(a, b) for a, b in zip(every_tensor(one), every_tensor(two), strict=True))


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (torch.zeros(5, 3, dtype=F64), ShapeError, r"`x` must be \(..., 2\), one column per input; got \(5, 3\)"),
        (torch.zeros(0, 2, dtype=F64), ShapeError, "at least one row"),
        (torch.zeros(5, 2), ShapeError, "torch.float32"),
        (torch.full((5, 2), math.nan, dtype=F64), DomainError, "`x` must be finite; column 0 holds nan at row 0"),
        (torch.tensor([[0.0, 1.0], [0.0, -math.inf]], dtype=F64), DomainError, "column 1 holds -inf at row 1"),
    ],
)
def test_bad_data_say_what_is_wrong_and_change_nothing(x, error, message):
    model = wavy([2, 3, 1])
    before = [tensor.detach().clone() for tensor in every_tensor(model)]
    with pytest.raises(error, match=message):
        update_grid(model, x)
    assert all(torch.equal(a, b) for a, b in zip(before, every_tensor(model), strict=True))


def test_a_hidden_overflow_names_the_layer_and_leaves_the_model_as_it_was():
    model = wavy([2, 3, 1])
    with torch.no_grad():
        model.layers[0].base_weight[0, 2] = math.inf
    before = [tensor.detach().clone() for tensor in every_tensor(model)]
    with pytest.raises(DomainError, match=r"layers\[1\].*column 2 holds"):
        model.update_grid(inside(20, 2))
    assert all(torch.equal(a, b) for a, b in zip(before, every_tensor(model), strict=True))


def test_no_batch_by_input_by_output_tensor_is_built():
    model = KAN([4, 200], seed=0, dtype=F64)
    sizes = []

    class Sizes(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            result = function(*args, **(kwargs or {}))
            sizes.extend(r.numel() for r in tree_leaves(result) if torch.is_tensor(r))
            return result

    x = inside(500, 4)
    with Sizes():
        model.update_grid(x)
    assert max(sizes) <= 500 * 200  # the output; 4 times as much were it kept by input

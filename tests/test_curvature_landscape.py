"""Lines and planes of weights: exact values, invariance under the gauge, and a model that never changes."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.functional import mse_loss
from torch.testing import assert_close

from edgewise import KAN, MLP
from edgewise.curvature import eigs, hessian
from edgewise.curvature.data_loss import DataLoss
from edgewise.curvature.directions import normalized_by_edges, random_direction, without_gauge
from edgewise.curvature.landscape import interpolate, slice2d
from edgewise.errors import ParameterError, ShapeError
from edgewise.layers import KANLayer

F64 = torch.float64


def rows(n, inputs, seed=1):
    return 2 * torch.rand(n, inputs, generator=torch.Generator().manual_seed(seed), dtype=F64) - 1


X = rows(40, 2)
Y = torch.exp(torch.sin(3 * X[:, :1]) + X[:, 1:] ** 2)


def kan(seed=0, **options):
    return KAN([2, 3, 1], grid=4, seed=seed, dtype=F64, **options)


def moved(model, direction, objective, step):
    """A copy of a model some way along a direction."""
    new = copy.deepcopy(model)
    found = objective.layout.split(objective.layout.start + step * direction)
    with torch.no_grad():
        for name, p in new.named_parameters():
            if name in found:
                p.copy_(found[name])
    return new


class TestLine:
    def test_values_are_those_of_the_models_on_the_line(self):
        one, other = kan(0), kan(1)
        line = interpolate(nn.MSELoss(), one, other, (X, Y), span=(-0.5, 1.5), points=7)
        assert line.loss.shape == (1, len(line.t))
        assert {0.0, 1.0} <= set(line.t.tolist())
        for t, loss in zip(line.t.tolist(), line.loss[0].tolist(), strict=True):
            between = copy.deepcopy(one)
            with torch.no_grad():
                for p, q in zip(between.parameters(), other.parameters(), strict=True):
                    p.copy_((1 - t) * p + t * q)
            assert loss == pytest.approx(mse_loss(between(X), Y).item(), rel=1e-12)

    def test_several_data_sets_and_every_form_of_the_other_end(self):
        one, other = kan(0), kan(1)
        data = {"a": (X, Y), "b": [(X[:9], Y[:9]), (X[9:], 0 * Y[9:])]}
        line = interpolate(nn.MSELoss(), one, other, data, points=3)
        assert line.labels == ["a", "b"]
        assert line.loss[1, -1] == pytest.approx(mse_loss(other(X), torch.cat([Y[:9], 0 * Y[9:]])).item())
        for end in (other.state_dict(), dict(other.named_parameters())):
            assert torch.equal(interpolate(nn.MSELoss(), one, end, data, points=3).loss, line.loss)

    def test_the_barrier_of_a_double_well(self):
        loss = lambda p: ((p["a"] ** 2 - 1) ** 2).sum()  # noqa: E731
        one, other = {"a": torch.tensor([-1.0], dtype=F64)}, {"a": torch.tensor([1.0], dtype=F64)}
        assert float(interpolate(loss, one, other).barrier) == pytest.approx(1.0)
        tilted = interpolate(lambda p: loss(p) + p["a"].sum(), one, other, span=(-2, 3), points=500)
        assert float(tilted.barrier) == pytest.approx(1.0, abs=5e-4)  # between two points
        assert float(interpolate(lambda p: (p["a"] ** 2).sum(), one, other).barrier) == 0.0
        with pytest.raises(ParameterError, match=r"all of \[0, 1\]; this line is from 0.5 to 1"):
            interpolate(loss, one, other, span=(0.5, 1)).barrier  # noqa: B018

    @pytest.mark.parametrize(
        ("call", "error", "words"),
        [
            (
                lambda m: interpolate(nn.MSELoss(), m, m.refine(8), (X, Y)),
                ShapeError,
                r"\(2, 11\) here and \(2, 15",
            ),
            (lambda m: interpolate(nn.MSELoss(), m, {}, (X, Y)), ShapeError, "`other` has no "),
            (
                lambda m: interpolate(nn.MSELoss(), m, {**m.state_dict(), "z": X}, (X, Y)),
                ShapeError,
                "the model has no 'z'",
            ),
            (lambda m: interpolate(nn.MSELoss(), m, m, (X, Y), points=1), ParameterError, "`points`.*got 1"),
            (lambda m: interpolate(nn.MSELoss(), m, m, (X, Y), span=(1, 0)), ParameterError, r"`span`.*\(1, 0\)"),
            (lambda m: slice2d(nn.MSELoss(), m, (X, Y), points=0), ParameterError, "`points`.*got 0"),
            (lambda m: slice2d(nn.MSELoss(), m, (X, Y), span=-1.0), ParameterError, "`span`.*got -1.0"),
            (lambda m: slice2d(nn.MSELoss(), m, (X, Y), X), ShapeError, r"`directions` must be \(2, 72\).*\(40, 2\)"),
        ],
    )
    def test_refusals(self, call, error, words):
        with pytest.raises(error, match=words):
            call(kan())

    def test_running_statistics_move_with_the_weights(self):
        """At both ends the line is the loss of the models themselves, in evaluation mode."""
        one, other = (nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1)).double() for _ in range(2))
        for model, factor in ((one, 1.0), (other, 3.0)):
            for _ in range(5):
                model(factor * X)
        line = interpolate(nn.MSELoss(), one, other.state_dict(), (X, Y), points=3)
        for model, found in ((one, line.loss[0, 0]), (other, line.loss[0, -1])):
            model.eval()
            assert_close(found, nn.functional.mse_loss(model(X), Y).detach())

    def test_a_missing_tensor_is_named(self):
        state = kan().state_dict()
        del state["layers.0.spline_weight"]
        with pytest.raises(ShapeError, match=r"`other` has no .layers\.0\.spline_weight."):
            interpolate(nn.MSELoss(), kan(), state, (X, Y))

    def test_data_that_do_not_fit_are_refused_at_once(self):
        with pytest.raises(ParameterError, match=r"must fit each other; on the first batch \(\(40, 1\)"):
            hessian(nn.MSELoss(), nn.Linear(2, 1).double(), (X[:, :1], Y))

    def test_other_knots_are_refused(self):
        one, other = kan(), kan()
        other.update_grid(2 * X)
        with pytest.raises(ParameterError, match=r"'layers.0.knots' differs.*update_grid=False"):
            interpolate(nn.MSELoss(), one, other, (X, Y))


def test_the_summary_that_fit_leaves_is_no_obstacle_but_a_mask_is():
    one, other = kan(), kan(1)
    other.register_buffer("input_summary", X, persistent=False)
    assert len(interpolate(nn.MSELoss(), one, other, (X, Y), points=3).t) == 3
    mask = torch.ones(2, 3)
    mask[0, 0] = 0
    other.layers[0].set_mask(mask)
    for first, second in ((one, other), (other, one)):
        with pytest.raises(ShapeError, match=r"has no 'layers\.0\.edge_mask'"):
            interpolate(nn.MSELoss(), first, second, (X, Y))


class TestPlane:
    def test_values_are_those_of_the_models_on_the_plane(self, global_random_state_untouched):
        model = kan()
        found = slice2d(nn.MSELoss(), model, (X, Y), span=(-0.5, 1.0), points=4, seed=3)
        objective = DataLoss(nn.MSELoss(), model, (X, Y))
        for i, a in enumerate(found.a.tolist()):
            for j, b in enumerate(found.b.tolist()):
                there = moved(model, a * found.directions[0] + b * found.directions[1], objective, 1.0)
                assert float(found.loss[i, j]) == pytest.approx(mse_loss(there(X), Y).item(), rel=1e-12)
        again = slice2d(nn.MSELoss(), model, (X, Y), span=(-0.5, 1.0), points=4, seed=3)
        assert torch.equal(found.loss, again.loss)
        assert not torch.equal(found.loss, slice2d(nn.MSELoss(), model, (X, Y), points=4, seed=4).loss)

    def test_eigenvectors_show_their_eigenvalues(self):
        """Second differences through the weights are the eigenvalues, along the slopes' symmetric parts."""
        model = kan()
        pairs = eigs(hessian(nn.MSELoss(), model, (X, Y)), 2, "LA")
        found = slice2d(nn.MSELoss(), model, (X, Y), pairs.vectors.mT, span=1e-3, points=3, labels=("first", "second"))
        for number, line in enumerate((found.loss[:, 1], found.loss[1])):
            curvature = float(line[0] - 2 * line[1] + line[2]) / 1e-6
            assert curvature == pytest.approx(float(pairs.values[number]), rel=1e-4)  # the step's square
        assert found.labels == ("first", "second")

    def test_the_model_never_changes(self):
        model = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Dropout(), KANLayer(4, 1)).double()
        state = copy.deepcopy(model.state_dict())
        slice2d(nn.MSELoss(), model, (X, Y), points=3)
        interpolate(nn.MSELoss(), model, model, (X, Y), points=3)
        assert all(torch.equal(state[name], tensor) for name, tensor in model.state_dict().items())
        assert all(part.training for part in model.modules())
        assert not any(part._forward_pre_hooks for part in model.modules())
        assert all(p.grad is None for p in model.parameters())

    def test_functions_of_named_tensors(self):
        params = {"w": torch.ones(3, 2, dtype=F64), "b": torch.ones(3, dtype=F64)}
        found = slice2d(lambda p: p["w"].square().sum() + p["b"].sum(), params, points=3)
        direction = found.directions[0]
        assert_close(direction[:6].view(3, 2).norm(dim=1), params["w"].norm(dim=1))  # row by row, as the weights
        assert not direction[6:].any()


def layer_with(kind):
    """Layers with all that a layer may have."""
    options = {"scaled": {"sp_trainable": True}, "extend": {"outside": "extend"}, "tanh": {"base_fun": "tanh"}}
    model = KAN([3, 2], grid=4, seed=0, dtype=F64, **options.get(kind, {}))
    layer = model.layers[0]
    if kind == "scaled":
        with torch.no_grad():
            layer.scale_sp.add_(rows(3, 2, seed=3) / 2)
    if kind in ("masked", "all"):
        mask = torch.ones(3, 2)
        mask[0, 1] = 0
        layer.set_mask(mask)
    if kind in ("symbolic", "all"):
        from edgewise.layers import function_named

        layer.fix_edges([(1, 0, function_named("sin"), [2.0, 0.3, 1.5, -0.2]), (2, 1, function_named("exp"), None)])
    return layer


EVERY_LAYER = pytest.mark.parametrize("kind", ["plain", "scaled", "tanh", "extend", "masked", "symbolic", "all"])


@EVERY_LAYER
class TestEdges:
    def direction(self, layer):
        gen = torch.Generator().manual_seed(7)
        return {
            n: torch.randn(p.shape, generator=gen, dtype=F64) for n, p in layer.named_parameters() if p.requires_grad
        }

    def change(self, layer, x, direction, step=1e-5):
        """Derivative of the edge functions by a central difference."""
        values = []
        for sign in (1, -1):
            there = copy.deepcopy(layer)
            with torch.no_grad():
                for name, p in there.named_parameters():
                    p.add_(sign * step * direction.get(name, torch.zeros_like(p)))
            values.append(there.edge_values(x))
        return ((values[0] - values[1]) / (2 * step)).detach()

    def test_every_edge_changes_as_much_as_it_varies(self, kind):
        layer, x = layer_with(kind), rows(50, 3)
        found = normalized_by_edges(layer, x, self.direction(layer))
        expected = layer.edge_values(x).std(0) * layer.mask
        assert_close(self.change(layer, x, found).std(0), expected.detach(), rtol=1e-7, atol=1e-9)
        for name, tensor in without_gauge(layer, found).items():
            assert_close(found[name], tensor, rtol=0, atol=1e-14)

    def test_the_gauge_is_gone_and_nothing_else(self, kind):
        """Orthogonal to every exchange of constants; and the sums change as they did."""
        layer, x = layer_with(kind), 0.9 * rows(50, 3)
        before = self.direction(layer)
        after = without_gauge(layer, before)
        assert_close(self.change(layer, x, after).sum(1), self.change(layer, x, before).sum(1), rtol=0, atol=1e-8)
        for o in range(2):
            for i in range(1, 3):
                shift = self.exchange(layer, i, o)
                if layer.mask[[0, i], o].all():
                    inner = sum(float((after[name] * shift[name]).sum()) for name in shift)
                    assert inner == pytest.approx(0.0, abs=1e-12)
                    assert_close(self.change(layer, x, shift).sum(1), torch.zeros(50, 2, dtype=F64), rtol=0, atol=1e-8)
        assert not (after["spline_weight"] * (1 - layer.mask[:, None])).any()  # what a removed edge cannot show
        again = without_gauge(layer, after)
        for name in after:
            assert_close(again[name], after[name], rtol=0, atol=1e-14)

    def exchange(self, layer, i, o):
        """A constant from edge (0, o) to edge (i, o), written down edge by edge."""
        shift = {n: torch.zeros_like(p) for n, p in layer.named_parameters() if p.requires_grad}
        for edge, sign in ((0, -1.0), (i, 1.0)):
            place = None if layer.symbolic is None else layer.symbolic.find(edge, o)
            if place is not None:
                shift["symbolic.affine"][place, 3] = sign
            else:
                shift["spline_weight"][edge, :, o] = sign / layer.scale_sp[edge, o].item()
        return shift


def test_a_shift_of_the_gauge_changes_no_picture():
    """Constants that move between edges leave the function, and so the landscape, as it is."""
    model = kan()
    shifted = copy.deepcopy(model)
    with torch.no_grad():
        shifted.layers[0].spline_weight[0, :, 1] += 5.0
        shifted.layers[0].spline_weight[1, :, 1] -= 5.0
    one, other = (slice2d(nn.MSELoss(), m, (X, Y), points=5) for m in (model, shifted))
    assert_close(other.loss, one.loss, rtol=1e-9, atol=0)


def test_filters_of_other_modules():
    model = MLP([2, 5, 1], seed=0, dtype=F64)
    objective = DataLoss(nn.MSELoss(), model, (X, Y))
    found = objective.layout.split(random_direction(model, objective, torch.Generator().manual_seed(0)))
    for name, p in model.named_parameters():
        if name.endswith("bias"):
            assert not found[name].any()
        else:
            assert_close(found[name].norm(dim=1), p.detach().norm(dim=1))


def test_frozen_parameters_do_not_move():
    model = kan()
    model.layers[0].spline_weight.requires_grad_(False)
    found = slice2d(nn.MSELoss(), model, (X, Y), points=3)
    assert found.directions.shape == (2, sum(p.numel() for p in model.parameters() if p.requires_grad))


def test_a_plane_over_one_row_is_flat_along_edges_that_do_not_vary():
    surface = slice2d(nn.MSELoss(), kan(), (X[:1], Y[:1]), points=3)
    assert surface.loss.isfinite().all()

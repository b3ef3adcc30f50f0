"""`fit_many`: models trained together go exactly the way they go alone."""

import copy
import itertools
import math

import pytest
import torch

from edgewise import KAN, fit
from edgewise.errors import DomainError, ParameterError, ShapeError
from edgewise.models.grids import update_grids
from edgewise.optim import LMMethod
from edgewise.train import batch as batch_module
from edgewise.train import fit_many
from edgewise.train.least_squares import ROUGHNESS, KANResiduals
from edgewise.train.schedule import grid_steps, move_input_grids

DOUBLE = torch.float64


def table(n=40, seed=0, inputs=2):
    g = torch.Generator().manual_seed(seed)
    x = torch.rand(n, inputs, generator=g, dtype=DOUBLE) * 2 - 1
    return x, torch.sin(2 * x[:, :1]) * x[:, 1:2] + 0.3 * x[:, 1:2] ** 2


def kan(seed=0, width=(2, 2, 1), grid=3, **options):
    return KAN(list(width), grid=grid, seed=seed, dtype=DOUBLE, **options)


def broken(seed=0):
    model = kan(seed)
    with torch.no_grad():
        model.layers[1].spline_weight.fill_(math.nan)
    return model


def distinct(losses):
    """The losses of steps that changed something."""
    return [b for a, b in itertools.pairwise(losses) if abs(a - b) > 1e-12 * a]


def assert_same_weights(model, other, rtol=1e-9):
    for (name, a), b in zip(model.state_dict().items(), other.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, rtol=rtol, atol=1e-12, msg=lambda text, name=name: f"{name}: {text}")


class TestTogetherAsAlone:
    """Few steps: later on rounding, which the number of models may change, is amplified by the iteration itself."""

    @pytest.mark.parametrize("moving", [False, True])
    @pytest.mark.parametrize("opt", ["lm", "lbfgs", "adam"])
    def test_the_trajectory_is_that_of_fit(self, opt, moving):
        data = table()
        together = [kan(seed) for seed in range(4)]
        many = fit_many(together, data, opt=opt, steps=8, update_grid=moving, grid_updates=2, stop_grid_update=0.5)
        for seed, result in enumerate(many):
            alone = kan(seed)
            one = fit(alone, data, opt=opt, steps=8, update_grid=moving, grid_updates=2, stop_grid_update=0.5)
            if opt == "lm":  # a step of `fit` may be several trials
                x, y = data
                ours = distinct([float(((kan(seed)(x) - y) ** 2).mean().detach()), *result["train_loss"]])
                if moving and len(ours) < 8:
                    continue
                assert ours == pytest.approx(one["train_loss"][: len(ours)], rel=1e-6)
            else:
                assert result["train_loss"] == pytest.approx(one["train_loss"], rel=1e-6)
                assert_same_weights(together[seed], alone, rtol=1e-6)
            assert result.grid_steps == one.grid_steps

    @pytest.mark.parametrize("moving", [False, True])
    @pytest.mark.parametrize("opt", ["lm", "lbfgs", "adam"])
    def test_the_trajectory_does_not_depend_on_the_others(self, opt, moving):
        data = table()
        together, alone = [kan(seed) for seed in range(5)], [kan(seed) for seed in range(5)]
        many = fit_many(together, data, opt=opt, steps=10, update_grid=moving)
        for a, b, result in zip(together, alone, many, strict=True):
            (single,) = fit_many([b], data, opt=opt, steps=10, update_grid=moving)
            assert result["train_loss"] == pytest.approx(single["train_loss"], rel=1e-7)
            assert_same_weights(a, b, rtol=1e-5)

    def test_lm_is_the_method_trial_by_trial(self):
        x, y = table()
        (result,) = fit_many([kan()], (x, y), steps=12, update_grid=False)
        problem, method, losses = KANResiduals([kan()], x, y, roughness=ROUGHNESS), LMMethod(), []
        point = problem.point()
        for _ in range(12):
            point, loss, _ = method.step(problem, point)
            losses.append(float(problem.plain(point, loss)))
        assert result["train_loss"] == pytest.approx(losses, rel=1e-12)

    @pytest.mark.parametrize("lr", [None, 0.03])
    def test_adam_is_torchs(self, lr):
        x, y = table()
        ours, theirs = kan(3), kan(3)
        (result,) = fit_many([ours], (x, y), opt="adam", steps=15, lr=lr, update_grid=False)
        optimizer, losses = torch.optim.Adam(theirs.parameters(), lr=lr or 1e-2), []
        for _ in range(15):
            optimizer.zero_grad()
            loss = ((theirs(x) - y) ** 2).mean()
            loss.backward()
            losses.append(float(loss.detach()))
            optimizer.step()
        assert result["train_loss"] == pytest.approx(losses, rel=1e-10)
        assert_same_weights(ours, theirs)

    def test_several_structures(self):
        kinds = [dict(), dict(grid=4), dict(), dict(base_fun="tanh")]
        models, alone = ([kan(seed, **kind) for seed, kind in enumerate(kinds)] for _ in range(2))
        many = fit_many(models, table(), opt="adam", steps=4)
        for n, (model, result) in enumerate(zip(models, many, strict=True)):
            assert result.model is model
            one = fit(alone[n], table(), opt="adam", steps=4)
            assert result["train_loss"] == pytest.approx(one["train_loss"], rel=1e-9)

    def test_dtypes_may_differ(self):
        x, y = table()
        models = [kan(0), kan(0).float()]
        a, b = fit_many(models, (x.numpy(), y.numpy()), steps=3)
        assert b["train_loss"] == pytest.approx(a["train_loss"], rel=1e-3)

    def test_data_ridges_and_masks_of_each(self):
        sets = [table(seed=seed) for seed in range(3)]
        ridges = [0.0, 1e-3, 1e-1]
        mask = torch.tensor([[1.0, 0.0], [1.0, 1.0]])

        def models():
            found = [kan(seed) for seed in range(3)]
            found[1].layers[0].set_mask(mask)
            return found

        many = fit_many(together := models(), sets, opt="lbfgs", steps=6, ridge=ridges)
        for data, ridge, model, result, alone in zip(sets, ridges, together, many, models(), strict=True):
            one = fit(alone, data, opt="lbfgs", steps=6, ridge=ridge)
            assert result["train_loss"] == pytest.approx(one["train_loss"], rel=1e-5)
            exact = ((model(data[0]) - data[1]) ** 2).mean().detach()
            assert result["train_loss"][-1] == pytest.approx(float(exact), rel=1e-9)  # without the ridge
        assert torch.equal(together[1].layers[0].mask, mask.to(DOUBLE))

    def test_weights_of_rows_count_in_the_validation_loss_too(self):
        x, y = table()
        weight = torch.linspace(0.1, 3, len(x), dtype=DOUBLE)
        (many,) = fit_many([kan()], (x, y), opt="adam", steps=3, val=0.25, sample_weight=weight)
        one = fit(kan(), (x, y), opt="adam", steps=3, val=0.25, sample_weight=weight)
        assert many["val_loss"] == pytest.approx(one["val_loss"], rel=1e-9)
        assert many["train_loss"] == pytest.approx(one["train_loss"], rel=1e-9)


class TestSelection:
    def noisy(self):
        x, y = table(30)
        return x, y + 0.5 * torch.randn(y.shape, generator=torch.Generator().manual_seed(5), dtype=DOUBLE)

    @pytest.mark.parametrize("frozen", [False, True])
    def test_the_weights_of_the_lowest_validation_loss_of_each(self, frozen):
        """Grids move after the minimum; knots and frozen coefficients come back with the weights."""
        models = [kan(seed, grid=6) for seed in range(4)]
        for model in models:
            model.layers[1].spline_weight.requires_grad_(not frozen)
        held = table(30, seed=9)
        many = fit_many(models, self.noisy(), steps=40, val=held, grid_updates=8, stop_grid_update=1.0)
        assert len({result.best_step for result in many}) > 1
        for model, result in zip(models, many, strict=True):
            loss = float(((model(held[0]) - held[1]) ** 2).mean().detach())
            assert loss == pytest.approx(min(result["val_loss"]), rel=1e-9)
            assert result["val_loss"][result.best_step - 1] == min(result["val_loss"])
            assert result.best_step < max(result.grid_steps)  # else this test shows nothing

    def test_a_loss_that_is_nan_is_never_best(self):
        models = [broken(), kan(1)]
        many = fit_many(models, table(), steps=3, val=table(seed=1))
        assert [result.best_step > 0 for result in many] == [False, True]
        assert str(many[0])


class TestFailure:
    @pytest.mark.parametrize("opt", ["lm", "lbfgs", "adam"])
    def test_a_broken_model_does_not_disturb_the_others(self, opt):
        x, y = table()
        data = (x * 3 + 5, y)  # the first grids must move as well
        models = [kan(0), broken(1), kan(2)]
        many = fit_many(models, data, opt=opt, steps=8)
        for seed in (0, 2):
            (one,) = fit_many([kan(seed)], data, opt=opt, steps=8)
            assert many[seed]["train_loss"] == pytest.approx(one["train_loss"], rel=1e-7)
        assert many[1].stopped_because.startswith("The loss was not finite after 0 steps")
        assert many[1].best_step == 0
        assert many[0].stopped_because.startswith("All 8 steps are done, together with 2 other")

    def test_a_model_that_fails_on_the_way_keeps_its_last_good_weights(self, monkeypatch):
        x, y = table()
        models = [kan(0), kan(1)]
        evaluate, calls = batch_module._evaluate, []

        def failing(problem, point, which):
            loss, grad = evaluate(problem, point, which)
            calls.append(point.clone())
            if len(calls) == 4:
                loss[which == 1] = math.nan
            return loss, grad

        monkeypatch.setattr(batch_module, "_evaluate", failing)
        many = fit_many(models, (x, y), opt="adam", steps=6, update_grid=False)
        assert torch.equal(KANResiduals(models, x, y).point()[1], calls[2][1])
        assert (
            many[1].stopped_because == "The loss was not finite after 3 steps; the model has its last good parameters."
        )
        assert (many[1].best_step, many[0].best_step) == (2, 6)
        monkeypatch.undo()
        (one,) = fit_many([kan(0)], (x, y), opt="adam", steps=6, update_grid=False)
        assert many[0]["train_loss"] == pytest.approx(one["train_loss"], rel=1e-12)

    @pytest.mark.parametrize("opt", ["lm", "lbfgs"])
    def test_models_that_are_done_drop_out_while_grids_of_others_move(self, opt):
        x, y = table()
        done = kan(0)
        sets = [(x, done(x).detach()), (x, y)]  # the first is solved from the start: a loss of exactly 0
        models = [done, kan(1)]
        before = copy.deepcopy(done)
        many = fit_many(models, sets, opt=opt, steps=40, grid_updates=1, stop_grid_update=0.9)
        if opt == "lm":  # still becomes smoother where no row looks
            assert many[0]["train_loss"][-1] < 1e-6  # moving its grid costs that much
        else:
            assert many[0].stopped_because.startswith("No lower point was found after")
            assert_same_weights(done, before, rtol=0)
        (one,) = fit_many([kan(1)], (x, y), opt=opt, steps=40, grid_updates=1, stop_grid_update=0.9)
        assert many[1]["train_loss"][:20] == pytest.approx(one["train_loss"][:20], rel=1e-4)
        assert len(many[0]["train_loss"]) == many[0].steps == 40

    def test_ctrl_c_keeps_what_there_is(self, monkeypatch):
        evaluate, calls = batch_module._evaluate, []

        def interrupt(*args):
            calls.append(1)
            if len(calls) == 5:
                raise KeyboardInterrupt
            return evaluate(*args)

        monkeypatch.setattr(batch_module, "_evaluate", interrupt)
        models = [kan(0), kan(1, grid=4)]
        many = fit_many(models, table(), opt="adam", steps=50)
        assert [result.interrupted for result in many] == [True, True]
        assert [result.steps for result in many] == [4, 0]
        assert "Interrupted from the keyboard after 4 steps" in many[0].stopped_because
        assert_same_weights(models[1], kan(1, grid=4), rtol=0)

    def test_an_error_leaves_whole_models(self, monkeypatch):
        def fails(models, x, **options):
            with torch.no_grad():
                models[0].layers[0].knots.add_(1)
            raise DomainError("too large")

        monkeypatch.setattr(batch_module, "update_grids", fails)
        model = kan()
        with pytest.raises(DomainError, match="too large"):
            fit_many([model], table(), steps=8)
        assert torch.equal(model.layers[0].knots, kan().layers[0].knots)


class TestGrids:
    @pytest.mark.parametrize("options", [dict(), dict(grid_eps=0.3), dict(base_fun="gelu"), dict(width=(2, [2, 1], 1))])
    def test_update_grids_is_update_grid_of_each(self, options):
        models = [kan(seed, **options) for seed in range(4)]
        mask = torch.ones(2, models[1].layers[0].out_features)
        mask[0, 1] = 0.0
        models[1].layers[0].set_mask(mask)
        alone = copy.deepcopy(models)
        x = torch.stack([table(50, seed)[0] * (seed + 1) for seed in range(4)])
        update_grids(models, x)
        for model, other, rows in zip(models, alone, x, strict=True):
            other.update_grid(rows)
            assert_same_weights(model, other, rtol=1e-11)
        update_grids(models, x[0])
        alone[2].update_grid(x[0])
        assert_same_weights(models[2], alone[2], rtol=1e-10)

    def test_only_the_first_layers(self):
        model = kan()
        update_grids([model, kan(1)], table()[0] * 3, first_layer_only=True)
        assert not torch.equal(model.layers[0].knots, kan().layers[0].knots)
        assert torch.equal(model.layers[1].knots, kan().layers[1].knots)

    def test_input_grids_move_where_they_do_not_fit(self):
        models = [kan(seed) for seed in range(3)]
        x = table()[0]
        assert move_input_grids(models, torch.stack([x, x + 5, 0.1 * x])) == 2
        lo = [float(model.layers[0].domain[0, 0]) for model in models]
        assert lo == pytest.approx([-1.0, 4.0, -0.1], abs=0.1)
        assert torch.equal(models[0].layers[0].knots, kan().layers[0].knots)  # those that fit stay exactly

    def test_the_steps_of_the_schedule(self):
        (result,) = fit_many([kan()], table(), steps=20, grid_updates=2, stop_grid_update=0.5)
        assert result.grid_steps == tuple(sorted(grid_steps(20, 2, 0.5)))
        (result,) = fit_many([kan()], table(), steps=20, update_grid=False)
        assert result.grid_steps == ()


class TestArguments:
    def test_nothing_to_do(self):
        assert fit_many([], table()) == []
        model = kan()
        (result,) = fit_many([model], table(), steps=0)
        assert (result.steps, result.best_step, result["train_loss"]) == (0, 0, [])
        assert_same_weights(model, kan(), rtol=0)

    def test_summary_of_the_inputs(self):
        x, y = table()
        models = [kan(0), kan(1)]
        fit_many(models, [(x, y), (x * 0.5, y)], steps=1)
        assert torch.equal(models[0].input_summary[0], x.amin(0))
        assert torch.equal(models[1].input_summary[-1], 0.5 * x.amax(0))

    def test_global_random_state(self, global_random_state_untouched):
        fit_many([kan(0), kan(1)], table(), steps=3, val=0.2)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"opt": "sgd"}, "`opt` must be one of 'lm', 'lbfgs', 'adam'; got 'sgd'"),
            ({"steps": -1}, "`steps` must be an int >= 0; got -1"),
            ({"ridge": -1.0}, "`ridge` must be a number >= 0; got -1.0"),
            ({"ridge": [0.0]}, "`ridge` must be a number, or one per model, 2; got 1"),
            ({"update_grid": 1}, "`update_grid` must be True or False; got 1"),
            ({"grid_updates": -1}, "`grid_updates` must be an int >= 0; got -1"),
            ({"stop_grid_update": 2}, "`stop_grid_update` must be a number >= 0 and <= 1; got 2"),
            ({"seed": -1}, "`seed` must be an int >= 0; got -1"),
            ({"lr": 0.1}, "`lr` must be None for 'lm'"),
            ({"lr": 0.0, "opt": "adam"}, "`lr` must be a number > 0; got 0.0"),
            ({"val": 2.0}, "`val` as a fraction must lie between 0 and 1; got 2.0"),
        ],
    )
    def test_bad_values(self, options, message):
        with pytest.raises(ParameterError, match=message):
            fit_many([kan(0), kan(1)], table(), **options)

    def test_bad_models(self):
        hooked = kan()
        hooked.register_forward_hook(lambda *_: None)
        refused = r"`models\[1\]` must be a KAN of splines without hooks.*got KAN. Train it with"
        with pytest.raises(ParameterError, match=refused):
            fit_many([kan(), hooked], table())
        with pytest.raises(ParameterError, match=r"`models\[0\]` must be a KAN.*got Linear"):
            fit_many([torch.nn.Linear(2, 1)], table())
        model = kan()
        with pytest.raises(ParameterError, match=r"models\[2\] is models\[0\]. Pass a `copy.deepcopy`"):
            fit_many([model, kan(), model], table())

    def test_bad_data(self):
        x, y = table()
        with pytest.raises(ParameterError, match="a list with one per model, 2; got 1"):
            fit_many([kan(0), kan(1)], [(x, y)])
        with pytest.raises(ParameterError, match=r"same numbers of rows .*\(10, None, None\), \(40, None, None\)"):
            fit_many([kan(0), kan(1)], [(x, y), (x[:10], y[:10])])
        with pytest.raises(ShapeError, match="3"):
            fit_many([kan(0), kan(1, width=(3, 1))], (x, y))
        loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y))
        with pytest.raises(ParameterError, match="must be in memory to train many models at once"):
            fit_many([kan()], loader)
        with pytest.raises(ParameterError, match="must be in memory to train many models at once"):
            fit_many([kan()], (x, y), val=loader)

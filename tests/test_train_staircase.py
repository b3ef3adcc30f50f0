"""`fit(grids=...)`: train, refine, go on, and end at the grid that was best."""

import copy
import itertools
import math

import pytest
import torch

from edgewise import KAN, MLP, create_dataset, fit
from edgewise.errors import ParameterError
from edgewise.optim import LevenbergMarquardt
from edgewise.train import loop as loop_module
from edgewise.train import staircase as staircase_module
from edgewise.train.run import _DAMPING
from edgewise.train.staircase import LADDER, check_grids

DOUBLE = torch.float64


def table(n=60, seed=0, noise=0.0):
    g = torch.Generator().manual_seed(seed)
    x = torch.rand(n, 2, generator=g, dtype=DOUBLE) * 2 - 1
    return x, torch.sin(2 * x[:, :1]) * x[:, 1:] + noise * torch.randn(n, 1, generator=g, dtype=DOUBLE)


def kan(seed=0, grid=3, **options):
    return KAN([2, 2, 1], grid=grid, seed=seed, dtype=DOUBLE, **options)


def mse(model, data):
    return float(((model(data[0]) - data[1]) ** 2).mean().detach())


def test_the_standard_function_to_six_digits():
    """[2, 1, 1] can express it; the published staircase reaches 6.5e-6 at best, with 1000 steps."""
    data = create_dataset(
        lambda x: torch.exp(torch.sin(math.pi * x[:, [0]]) + x[:, [1]] ** 2), train_num=1000, dtype=DOUBLE, seed=0
    )
    model = KAN([2, 1, 1], grid=3, seed=1, dtype=DOUBLE)
    result = fit(model, data, opt="lm", steps=30, grids=[3, 5, 10, 20, 50])
    errors = [stage.test_rmse for stage in result.stages]
    assert errors[-1] < 1e-6
    assert all(b < a for a, b in itertools.pairwise(errors))


class TestTheClimb:
    def test_the_model_is_refined_in_place_and_its_parameters_are_new(self):
        model = kan()
        old = list(model.parameters())
        result = fit(model, table(), steps=3, grids=[3, 6])
        assert result.model is model
        assert model.grid == 6
        assert model.layers[0].spline_weight.shape == (2, 9, 2)
        assert not any(model.layers[0].spline_weight is p for p in old)
        assert all(p.requires_grad for p in model.parameters())

    def test_frozen_weights_and_masks_stay(self):
        model = kan()
        model.layers[0].set_mask(torch.tensor([[1.0, 0.0], [1.0, 1.0]]))
        model.layers[1].spline_weight.requires_grad_(False)
        twin = copy.deepcopy(model)
        fit(model, table(), steps=3, grids=[3, 6], update_grid=False)
        assert torch.equal(model.layers[0].mask, twin.layers[0].mask)
        assert not model.layers[1].spline_weight.requires_grad
        assert torch.equal(model.layers[1].spline_weight, twin.refine(6).layers[1].spline_weight)

    def test_the_function_is_kept_from_grid_to_grid(self, monkeypatch):
        """Exactly where the grids nest; and the first loss of a stage is no higher than the last one before."""
        x, _ = table(200, 7)
        seen, refine = [], staircase_module.refine_in_place

        def spy(model, grids):
            before = model(x).detach()
            refine(model, grids)
            seen.append(float((model(x).detach() - before).abs().max()))

        monkeypatch.setattr(staircase_module, "refine_in_place", spy)
        result = fit(kan(), table(), steps=4, grids=[3, 6, 12], update_grid=False)
        assert len(seen) == 3
        assert max(seen) < 1e-12
        losses = result["train_loss"]
        assert losses[4] <= losses[3] * (1 + 1e-9)
        assert losses[8] <= losses[7] * (1 + 1e-9)

    def test_the_parts_of_the_result_agree(self):
        x, y = table()
        test = table(30, 3)
        data = {"train_input": x, "train_label": y, "test_input": test[0], "test_label": test[1]}
        model = kan()
        result = fit(model, data, steps=5, grids=[3, 5, 10])
        assert [stage.grid for stage in result.stages] == [3, 5, 10]
        assert [stage.steps for stage in result.stages] == [5, 5, 5]
        assert result.steps == result.best_step == 15
        assert all(len(values) == 15 for values in result.values())
        assert result.seconds == pytest.approx(sum(stage.seconds for stage in result.stages))
        for stage, end in zip(result.stages, (5, 10, 15), strict=True):
            assert stage.train_rmse == result["train_rmse"][end - 1]
            assert stage.test_rmse == result["test_rmse"][end - 1]
            assert stage.val_rmse is None
        # updates are numbered over all stages: of the first by its schedule, later ones at each start
        assert result.grid_steps == (1, 5, 10)
        assert result["train_loss"][-1] == pytest.approx(mse(model, (x, y)), rel=1e-9)
        assert result.stopped_because == "All 5 steps are done."

    def test_no_steps(self):
        model = kan()
        result = fit(model, table(), steps=0, grids=[3, 6])
        assert (result.steps, result.best_step, model.grid) == (0, 0, 6)
        assert str(result)

    def test_auto_begins_with_the_models_own_grid(self):
        assert check_grids("auto", kan(grid=4)) == [4, 5, 10, 20, 50, 100, 200]
        assert check_grids("auto", kan(grid=5)) == [5, 10, 20, 50, 100, 200]
        assert check_grids("auto", kan(grid=300)) == [300]
        assert check_grids("auto", KAN([2, 2, 1], grid=[3, 7])) == [7, *LADDER[2:]]
        assert check_grids(range(3, 6), kan()) == [3, 4, 5]
        assert check_grids(None, kan()) is None

    def test_auto_holds_back_a_fifth(self):
        x, y = table(60)
        model = kan()
        result = fit(model, (x, y), steps=2, grids="auto", update_grid=False)
        order = torch.randperm(60, generator=torch.Generator().manual_seed(0))[:12]
        held = x[order], y[order]
        assert result["val_loss"][result.best_step - 1] == pytest.approx(mse(model, held), rel=1e-9)
        given = fit(kan(), (x, y), steps=2, grids="auto", update_grid=False, val=table(20, 5))
        assert given["val_loss"][0] != result["val_loss"][0]

    def test_the_penalty_is_dropped_on_the_last_grid(self):
        seen = []

        def watch(state):
            seen.append("penalty" in state.history)

        fit(kan(), table(), steps=2, grids=[3, 5, 6], lamb=1e-3, callbacks=watch)
        assert seen == [True, True, True, True, False, False]

    def test_the_damping_is_carried(self, monkeypatch):
        restarts, inner = [], loop_module.Loop.__init__

        def spy(self, model, data, plan, optimizer, rates):
            inner(self, model, data, plan, optimizer, rates)
            restarts.append((optimizer, optimizer.method.first_damping))

        monkeypatch.setattr(loop_module.Loop, "__init__", spy)
        fit(kan(), table(), opt="lm", steps=15, grids=[3, 6])
        (first, begin), (second, carried) = restarts
        assert begin == LevenbergMarquardt(kan().parameters()).method.first_damping
        assert carried == min(max(float(first.method.damping), _DAMPING[0]), _DAMPING[1])
        assert second is not first
        assert carried != begin


class TestWhereItEnds:
    def test_at_the_validation_minimum_with_the_exact_weights(self):
        """Noise: fine grids learn it. The weights are those that a climb ending there has."""
        data, held = table(50, noise=0.3), table(200, 9)
        model = kan()
        result = fit(model, data, steps=15, grids=[3, 5, 10, 20, 50], val=held)
        values = [stage.val_rmse for stage in result.stages]
        assert values[-1] >= min(values)
        assert len(values) < 5
        best = min(range(len(values)), key=values.__getitem__)
        assert best == len(values) - 2
        assert model.grid == result.stages[best].grid
        assert mse(model, held) ** 0.5 == pytest.approx(values[best], rel=1e-12)
        assert result["val_rmse"][result.best_step - 1] == values[best]
        assert f"rose from grid {model.grid} to grid {result.stages[-1].grid}" in result.stopped_because
        twin = kan()
        fit(twin, data, steps=15, grids=[3, 5, 10, 20, 50][: best + 1], val=held)
        for a, b in zip(model.state_dict().values(), twin.state_dict().values(), strict=True):
            assert torch.equal(a, b)

    def test_a_callback_ends_the_climb(self):
        calls = []

        def stop(state):
            calls.append(state.step)
            return len(calls) < 6

        model = kan()
        result = fit(model, table(), steps=4, grids=[3, 6, 12], callbacks=stop)
        assert [stage.steps for stage in result.stages] == [4, 2]
        assert model.grid == 6
        assert "returned False after 2 steps" in result.stopped_because

    def test_ended_from_outside_while_worse(self):
        """The reason is the one from outside, the model the better one."""
        data, held = table(50, noise=0.3), table(200, 9)
        calls = []

        def stop(state):
            calls.append(1)
            return len(calls) < 16

        model = kan()
        result = fit(model, data, steps=15, grids=[3, 50], val=held, callbacks=stop, update_grid=False)
        assert result.stages[1].val_rmse > result.stages[0].val_rmse
        assert model.grid == 3
        assert mse(model, held) ** 0.5 == pytest.approx(result.stages[0].val_rmse, rel=1e-12)
        assert "returned False" in result.stopped_because

    def test_the_time_limit_is_that_of_all_stages(self, monkeypatch):
        clock = [0.0]
        monkeypatch.setattr(loop_module.time, "monotonic", lambda: clock[0])

        def tick(state):
            clock[0] += 1.0

        model = kan()
        result = fit(model, table(), steps=4, grids=[3, 6, 12], callbacks=tick, time_limit_sec=5.5)
        assert [stage.steps for stage in result.stages] == [4, 2]
        assert result.seconds == 6.0
        assert model.grid == 6
        assert result.stopped_because.startswith("The time limit of 5.5 s was reached")

    @pytest.mark.parametrize("val", [None, 0.2])
    def test_ctrl_c_ends_the_climb(self, val):
        calls = []

        def interrupt(state):
            calls.append(1)
            if len(calls) == 6:
                raise KeyboardInterrupt

        model = kan()
        result = fit(model, table(), steps=4, grids=[3, 6, 12], callbacks=interrupt, val=val)
        assert result.interrupted
        assert len(result.stages) == 2
        assert "Interrupted from the keyboard" in result.stopped_because
        assert math.isfinite(mse(model, table()))
        assert result.best_step <= result.steps == len(result["train_loss"])


class TestArguments:
    @pytest.mark.parametrize(
        ("grids", "message"),
        [
            ("all", "`grids` must be None, 'auto' or a list of grid sizes .*; got 'all'"),
            ([], r"`grids` must be None, 'auto' or a list .*; got \[\]"),
            (5, "`grids` must be None, 'auto' or a list .*; got 5"),
            ([5, 5], r"`grids` must increase from stage to stage; got \[5, 5\]"),
            ([10, 5], r"`grids` must increase from stage to stage; got \[10, 5\]"),
            ([0, 5], r"`grids` must hold ints >= 1, .*; got 0 in \[0, 5\]"),
            ([3, 5.0], r"`grids` must hold ints >= 1, .*; got 5.0 in"),
            ([True, 5], r"`grids` must hold ints >= 1, .*; got True in"),
            (["3"], r"`grids` must hold ints >= 1, .*; got '3' in"),
        ],
    )
    def test_bad_values(self, grids, message):
        with pytest.raises(ParameterError, match=message):
            fit(kan(), table(), grids=grids)

    def test_combinations(self, tmp_path):
        model = kan()
        with pytest.raises(ParameterError, match=r"`opt` cannot be combined with `grids` or `restarts`.*; pass a name"):
            fit(model, table(), grids=[3, 5], opt=torch.optim.Adam(model.parameters()))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        schedule = torch.optim.lr_scheduler.ConstantLR(optimizer)
        with pytest.raises(ParameterError, match="`scheduler` cannot be combined with"):
            fit(model, table(), grids=[3, 5], opt="sgd", scheduler=schedule)
        with pytest.raises(ParameterError, match=r"`checkpoint` cannot be combined with .*; leave it out"):
            fit(model, table(), grids=[3, 5], checkpoint=tmp_path / "a.ckpt")
        with pytest.raises(ParameterError, match="`grids` must be None for a MLP"):
            fit(MLP([2, 2, 1], dtype=DOUBLE), table(), grids=[3, 5])

    def test_other_losses_and_optimizers(self):
        model = kan()
        result = fit(model, table(), steps=4, grids=[3, 6], loss="mae", opt="adam", scheduler="cosine")
        assert result.stages[1].train_rmse == result["train_loss"][-1]  # the loss, where it is another
        assert result["lr"][0] == result["lr"][4]  # each stage has its own schedule

    def test_a_loader(self):
        loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*table()), batch_size=30)
        assert fit(kan(), loader, steps=1, grids=[3, 4], opt="adam").steps == 2
        with pytest.raises(ParameterError, match=r"with a DataLoader pass .x, y. or a DataLoader"):
            fit(kan(), loader, steps=1, grids="auto", opt="adam")

"""`fit(restarts=...)`: several starts trained together, of which the best goes on."""

import copy
import math

import pytest
import torch

from edgewise import KAN, MLP, fit
from edgewise.errors import ParameterError
from edgewise.train import batch as batch_module
from edgewise.train import starts as starts_module
from edgewise.train.data import prepare
from edgewise.train.losses import LOSSES
from edgewise.train.starts import best_start, restarted

DOUBLE = torch.float64


def table(n=40, seed=0):
    g = torch.Generator().manual_seed(seed)
    x = torch.rand(n, 2, generator=g, dtype=DOUBLE) * 2 - 1
    return x, torch.sin(2 * x[:, :1]) * x[:, 1:]


def kan(seed=0, **options):
    return KAN([2, 2, 1], grid=3, seed=seed, dtype=DOUBLE, **options)


def best(model, count, steps=8, opt="lm", data=None, val=None, seed=0, **options):
    prepared = prepare(model, data or table(), LOSSES["mse"], val, None, 0)
    return best_start(model, prepared, count, steps, opt, 0.0, set(), None, seed, **options)


def mse(model, data):
    return float(((model(data[0]) - data[1]) ** 2).mean().detach())


class TestStarts:
    def test_the_first_is_the_model_the_others_are_all_different(self):
        model = kan()
        found = restarted(model, 4, 0)
        weights = [start.layers[0].spline_weight.detach() for start in found]
        assert torch.equal(weights[0], model.layers[0].spline_weight)
        for a in range(4):
            for b in range(a):
                assert not torch.equal(weights[a], weights[b])  # also not the twin of KAN(seed=0)
        assert all(
            start.layers[0].spline_weight.data_ptr() != model.layers[0].spline_weight.data_ptr() for start in found
        )

    def test_the_seed_decides(self):
        def weights(seed):
            return restarted(kan(), 2, seed)[1].layers[1].spline_weight

        assert torch.equal(weights(3), weights(3))
        assert not torch.equal(weights(3), weights(4))

    def test_masks_scales_and_frozen_weights_stay(self):
        model = kan(sp_trainable=True)
        model.layers[0].set_mask(torch.tensor([[1.0, 0.0], [1.0, 1.0]]))
        model.layers[1].spline_weight.requires_grad_(False)
        with torch.no_grad():
            model.layers[0].spline_scale.fill_(1.7)
        start = restarted(model, 2, 0)[1]
        assert torch.equal(start.layers[0].mask, model.layers[0].mask)
        assert torch.equal(start.layers[0].spline_scale, model.layers[0].spline_scale)
        assert torch.equal(start.layers[1].spline_weight, model.layers[1].spline_weight)
        assert not torch.equal(start.layers[1].base_weight, model.layers[1].base_weight)
        assert [p.requires_grad for p in start.parameters()] == [p.requires_grad for p in model.parameters()]
        mask, frozen = model.layers[0].mask, model.layers[1].spline_weight.clone()
        fit(model, table(), restarts=3, steps=4, update_grid=False)
        assert torch.equal(model.layers[0].mask, mask)
        assert torch.equal(model.layers[1].spline_weight, frozen)


class TestBest:
    @pytest.mark.parametrize("opt", ["lm", "lbfgs", "adam"])
    def test_never_worse_than_the_single_start(self, opt):
        single, several = kan(), kan()
        assert best(single, 1, opt=opt).start == 0
        best(several, 6, opt=opt)
        assert mse(several, table()) <= mse(single, table()) * (1 + 1e-9)

    def test_the_model_has_the_weights_of_the_one_that_is_named(self):
        model = kan(1)
        starts = restarted(model, 5, 7)
        losses = []
        for start in starts:
            best(start, 1)
            losses.append(mse(start, table()))
        assert best(model, 5, seed=7).start == min(range(5), key=losses.__getitem__)
        assert mse(model, table()) == pytest.approx(min(losses), rel=1e-6)

    def test_with_validation_rows_the_lowest_validation_loss_decides(self):
        held = table(seed=3)
        model = kan(1)
        starts, losses = restarted(model, 5, 7), []
        for start in starts:
            best(start, 1, val=held)
            losses.append(mse(start, held))
        assert best(model, 5, val=held, seed=7).start == min(range(5), key=losses.__getitem__)
        assert mse(model, held) == pytest.approx(min(losses), rel=1e-6)

    def test_a_start_that_fails_is_never_chosen(self):
        model = kan()
        with torch.no_grad():
            model.layers[1].spline_weight.fill_(math.nan)
        assert best(model, 3).start > 0
        assert math.isfinite(mse(model, table()))

    def test_the_learning_rate_is_the_one_of_the_call(self):
        slow, fast = kan(), kan()
        before = slow.layers[0].spline_weight.clone()
        best(slow, 1, opt="adam", steps=1, rate=1e-6)
        best(fast, 1, opt="adam", steps=1, rate=1e-2)
        change = [float((model.layers[0].spline_weight - before).abs().max().detach()) for model in (slow, fast)]
        assert change == pytest.approx([1e-6, 1e-2], rel=0.1)


class TestFit:
    def test_same_seed_same_result_and_the_start_is_named(self, global_random_state_untouched):
        runs = [fit(kan(), table(), restarts=5, steps=6, seed=seed) for seed in (2, 2, 3)]
        assert runs[0]["train_loss"] == runs[1]["train_loss"] != runs[2]["train_loss"]
        assert runs[0].start == runs[1].start < 5
        assert runs[0].steps == runs[0].best_step == len(runs[0]["train_loss"])

    def test_one_start_is_plain_fit(self):
        assert fit(kan(), table(), restarts=1, steps=4)["train_loss"] == fit(kan(), table(), steps=4)["train_loss"]

    def test_inputs_in_another_unit(self):
        x, y = table()
        model = kan()
        result = fit(model, (x * 2 + 6, y), restarts=4, steps=20)
        assert model.layers[0].domain[0].tolist() == pytest.approx([4, 8], abs=0.2)
        assert result["train_rmse"][-1] < 0.1 * float(y.std())

    def test_callbacks_can_end_it_and_seconds_count_all(self, monkeypatch):
        monkeypatch.setattr(starts_module, "WARM_STEPS", 5)
        result = fit(kan(), table(), restarts=3, steps=50, callbacks=lambda state: state.step < 2)
        assert result.steps == 2
        assert "returned False after 2 steps" in result.stopped_because
        single = fit(kan(), table(), steps=2)
        assert result.seconds > 0
        assert single.start == 0

    def test_the_time_limit_holds_for_all_starts_together(self, monkeypatch):
        step, clock = batch_module.Batch._step, [0.0]

        def slow(self):
            clock[0] += 10.0
            step(self)

        monkeypatch.setattr(batch_module.Batch, "_step", slow)
        monkeypatch.setattr(batch_module.time, "monotonic", lambda: clock[0])
        result = fit(kan(), table(), restarts=3, steps=40, time_limit_sec=25.0)
        assert clock[0] == 30.0
        assert result.steps == 0
        assert result.seconds == 30.0
        assert result.stopped_because.startswith("The time limit of 25 s was reached")

    def test_ctrl_c_among_the_starts_keeps_the_best(self, monkeypatch):
        step, calls = batch_module.Batch._step, []

        def interrupted(self):
            calls.append(1)
            if len(calls) == 4:
                raise KeyboardInterrupt
            step(self)

        monkeypatch.setattr(batch_module.Batch, "_step", interrupted)
        model, twin = kan(), kan()
        result = fit(model, table(), restarts=4, steps=30, update_grid=False, grids=[3, 6])
        assert result.interrupted
        assert result.steps == 0
        assert "while 4 starts were trained together" in result.stopped_because
        assert [stage.grid for stage in result.stages] == [3]
        monkeypatch.undo()
        assert best(twin, 4, steps=3).start == result.start
        assert mse(model, table()) == pytest.approx(mse(twin, table()), rel=1e-9)

    def test_names_of_optimizers_in_any_form(self):
        for opt in ("LM", "L-BFGS", torch.optim.Adam, "auto"):
            assert fit(kan(), table(), opt=opt, restarts=2, steps=1).steps == 1

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"restarts": 0}, "`restarts` must be an int >= 1; got 0"),
            ({"restarts": 1.5}, "`restarts` must be an int >= 1; got 1.5"),
            ({"restarts": True}, "`restarts` must be an int >= 1; got True"),
            ({"restarts": 2, "loss": "mae"}, "`restarts` must be 1 unless `loss='mse'`"),
            ({"restarts": 2, "lamb": 1e-3}, "`restarts` must be 1 unless .*`lamb=0`"),
            ({"restarts": 2, "opt": "sgd"}, "`restarts` needs one of .*'lm', 'lbfgs', 'adam' or 'auto'; got 'sgd'"),
            ({"restarts": 2, "opt": "ssbroyden"}, "got 'ssbroyden'"),
            ({"restarts": 2, "checkpoint": "x.ckpt"}, "`checkpoint` cannot be combined with .*; leave it out"),
            ({"restarts": 2, "resume": True}, "`checkpoint` cannot be combined with"),
            (
                {"restarts": 2, "opt": "adam", "scheduler": lambda o: torch.optim.lr_scheduler.ConstantLR(o)},
                "`scheduler` cannot be combined with `grids` or `restarts`.*; pass a name",
            ),
        ],
    )
    def test_bad_values(self, options, message):
        with pytest.raises(ParameterError, match=message):
            fit(kan(), table(), **options)

    def test_what_cannot_be_a_batch(self):
        with pytest.raises(ParameterError, match="`restarts` must be 1 for this MLP"):
            fit(MLP([2, 2, 1], dtype=DOUBLE), table(), restarts=2)
        model = kan()
        with pytest.raises(ParameterError, match="`opt` cannot be combined with `grids` or `restarts`"):
            fit(model, table(), restarts=2, opt=torch.optim.Adam(model.parameters()))
        loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*table()))
        with pytest.raises(ParameterError, match="the data are in memory"):
            fit(kan(), loader, restarts=2, opt="adam")
        before = copy.deepcopy(model.state_dict())
        with pytest.raises(ParameterError):
            fit(model, table(), restarts=2, opt="sgd")
        assert all(torch.equal(a, before[name]) for name, a in model.state_dict().items())

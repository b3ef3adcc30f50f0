"""Runs that are killed and go on as if nothing had happened."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from edgewise import KAN, MLP, fit
from edgewise.errors import FormatError, ParameterError
from edgewise.train.checkpoint import load_checkpoint, save_checkpoint

DOUBLE = torch.float64


def table(n=50, seed=0):
    x = torch.rand(n, 2, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE) * 2 - 1
    return x, torch.sin(2 * x[:, :1]) * x[:, 1:]


def kan(seed=0):
    return KAN([2, 2, 1], grid=3, seed=seed, dtype=DOUBLE)


def stop_at(step):
    return lambda state: state.step < step


def same_model(a, b):
    return all(torch.equal(p, q) for p, q in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


RUNS = {
    "lbfgs": {"opt": "lbfgs"},
    "lbfgs, sparse, best by validation": {"opt": "lbfgs", "lamb": 1e-3, "val": 0.3},
    "adam": {"opt": "adam", "batch_size": 8},
    "adamw, cosine": {"opt": "adamw", "batch_size": 8, "scheduler": "cosine"},
    "sgd, onecycle": {"opt": "sgd", "scheduler": "onecycle"},
    "sgd, plateau": {"opt": "sgd", "lr": 1e-5, "scheduler": "plateau"},
}


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("at", [3, 9])
def test_resumed_run_is_the_uninterrupted_one(name, at, tmp_path):
    options = {"steps": 14, "stop_grid_update": 0.5, **RUNS[name]}
    whole, parts = kan(), kan()
    expected = fit(whole, table(), **options)
    path = tmp_path / "run.safetensors"
    first = fit(parts, table(), **options, checkpoint=path, callbacks=stop_at(at))
    assert first.steps == at
    fresh = kan(seed=99)  # nothing but the file carries over
    result = fit(fresh, table(), **options, checkpoint=path, resume=True)
    assert result.history == expected.history
    assert result.best_step == expected.best_step
    assert result.stopped_because == "All 14 steps are done."
    assert result.seconds > first.seconds
    assert same_model(fresh, whole)


SCRIPT = """
import sys, torch
sys.path.insert(0, {here!r})
from test_train_checkpoint import kan, table
from edgewise import fit
torch.set_num_threads(1)
def say(state):
    print(state.step, flush=True)
fit(kan(), table(), opt={opt!r}, batch_size={batch_size!r}, steps=100_000, grid_updates=3, stop_grid_update=1e-4,
    checkpoint={path!r}, checkpoint_every_sec=0.0, callbacks=say)
"""


@pytest.mark.parametrize(("opt", "batch_size"), [("lbfgs", None), ("adam", 16)])
def test_kill_minus_nine(opt, batch_size, tmp_path):
    path = tmp_path / "run.safetensors"
    script = SCRIPT.format(here=os.path.dirname(__file__), opt=opt, batch_size=batch_size, path=str(path))
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=tmp_path)
    for line in process.stdout:
        if int(line) >= 12:
            break
    time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    reached = len(load_checkpoint(path)["loop"]["history"]["train_loss"])
    assert reached >= 11
    options = {"opt": opt, "batch_size": batch_size, "grid_updates": 3, "stop_grid_update": 1e-4, "steps": 100_000}
    stop = stop_at(reached + 8)
    whole, resumed = kan(), kan(seed=99)
    expected = fit(whole, table(), **options, callbacks=stop)
    result = fit(resumed, table(), **options, checkpoint=path, checkpoint_every_sec=1e9, resume=True, callbacks=stop)
    np.testing.assert_allclose(result["train_loss"], expected["train_loss"], rtol=1e-12)
    for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


def test_resume_in_the_middle_of_a_pass(tmp_path):
    path = tmp_path / "run.safetensors"
    options = {"opt": "adam", "batch_size": 4, "steps": 3, "update_grid": False, "lamb": 1e-3}
    whole, parts = kan(), kan()
    expected = fit(whole, table(), **options)
    calls = []

    class Killed(BaseException):
        pass

    class Dying(KAN):
        def forward(self, x):
            calls.append(1)
            if len(calls) == 19 and self.training:
                raise Killed
            return super().forward(x)

    parts.__class__ = Dying
    with pytest.raises(Killed):
        fit(parts, table(), **options, checkpoint=path, checkpoint_every_sec=0.0)
    assert 0 < load_checkpoint(path)["loop"]["batch"] < 13
    fresh = kan(seed=99)
    result = fit(fresh, table(), **options, checkpoint=path, resume=True)
    assert result.history == expected.history
    assert same_model(fresh, whole)


def test_finished_run_returns_at_once(tmp_path):
    path = tmp_path / "run"
    expected = fit(kan(), table(), steps=4, checkpoint=path)
    model = kan(seed=1)
    result = fit(model, table(), steps=4, checkpoint=path, resume=True)
    assert result.history == expected.history
    assert same_model(model, expected.model)


def test_more_steps(tmp_path):
    path = tmp_path / "run"
    fit(kan(), table(), steps=4, checkpoint=path, update_grid=False)
    result = fit(kan(1), table(), steps=9, checkpoint=path, update_grid=False, resume=True)
    assert result.history == fit(kan(), table(), steps=9, update_grid=False).history


def test_resume_without_a_file_starts(tmp_path):
    assert fit(kan(), table(), steps=2, checkpoint=tmp_path / "new", resume=True).steps == 2
    assert (tmp_path / "new").exists()


def test_nothing_is_written_unless_asked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fit(kan(), table(), steps=2, val=0.2)
    assert list(tmp_path.iterdir()) == []


class TestRefusals:
    def run(self, path, **changes):
        options = {"steps": 3, "checkpoint": path, "opt": "adam", **changes}
        data = options.pop("data", table())
        return fit(options.pop("model", kan()), data, **options)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"opt": "sgd"}, "`opt` was 'Adam', now it is 'SGD'"),
            ({"loss": "mae"}, "`loss` was 'mse', now it is 'mae'"),
            ({"lamb": 0.1}, "`lamb` was"),
            ({"lr": 0.5}, "`lr` was"),
            ({"batch_size": 7}, "`batch_size` was 50, now it is 7"),
            ({"grad_clip": 7.0}, "`grad_clip` was None"),
            ({"scheduler": "cosine"}, "`scheduler` was None"),
            ({"val": 0.5}, "`val` was None"),
            ({"seed": 7}, "`seed` was 0, now it is 7"),
            ({"update_grid": False}, "`grid updates` was"),
            ({"data": table(seed=1)}, "`training data` was"),
        ],
    )
    def test_other_settings(self, changes, message, tmp_path):
        path = tmp_path / "run"
        self.run(path)
        with pytest.raises(ParameterError, match=message):
            self.run(path, **changes, resume=True)
        self.run(path, **changes)  # without `resume` it starts anew

    def test_another_model(self, tmp_path):
        path = tmp_path / "run"
        self.run(path)
        for model in (KAN([2, 3, 1], grid=3, dtype=DOUBLE, seed=0), MLP([2, 1], dtype=DOUBLE, seed=0)):
            with pytest.raises((FormatError, ParameterError), match=r"of another structure|`grid updates`"):
                self.run(path, model=model, resume=True)

    def test_foreign_and_damaged_files(self, tmp_path):
        path = tmp_path / "run"
        kan().save(path)
        with pytest.raises(FormatError, match="holds a KAN, not a training checkpoint"):
            self.run(path, resume=True)
        self.run(path)
        path.write_bytes(path.read_bytes()[:-20])
        with pytest.raises(FormatError, match="truncated"):
            self.run(path, resume=True)

    def test_what_cannot_be_stored(self, tmp_path):
        with pytest.raises(ParameterError, match="cannot store object"):
            save_checkpoint(tmp_path / "x", {"a": [object()]})
        assert not (tmp_path / "x").exists()

    def test_missing_folder_is_noticed_before_training(self, tmp_path):
        with pytest.raises(ParameterError, match=r"in a folder that exists; got .* Create"):
            self.run(tmp_path / "no" / "run", callbacks=lambda s: pytest.fail("trained in vain"))

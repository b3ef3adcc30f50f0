"""Training that is watched and steered: the same numbers as without a page, and every wish fulfilled between steps."""

import threading
import time

import numpy as np
import pytest
import torch

from edgewise import KAN, KANClassifier, KANRegressor, create_dataset, fit
from edgewise.errors import ConvergenceError, ParameterError
from edgewise.explorer import apply_edits, payload_of, train
from edgewise.explorer.arrays import to_json
from edgewise.explorer.live import Live, trainer
from edgewise.explorer.session import Frames, Session
from edgewise.explorer.subject import subject_of

OPTIONS = {"opt": "adam", "update_grid": False}


@pytest.fixture
def data():
    return create_dataset(
        lambda x: torch.sin(3 * x[:, [0]]) + x[:, [1]] ** 2,
        n_var=2, train_num=80, test_num=20, seed=0, dtype=torch.float64,
    )  # fmt: skip


def network() -> KAN:
    return KAN([2, 3, 1], seed=0, dtype=torch.float64)


class Watched(Session):
    """Wishes for certain steps, and everything that was told."""

    def __init__(self, wishes=()):
        super().__init__(lambda frame: self.seen.append(frame), lambda status: self.told.append(status.json()))
        self.seen, self.told, self.wishes = [], [], dict(wishes)

    def _after_step(self, state):
        for action, details in self.wishes.pop(self._before + state.step, []):
            self.steer(action, **details)
        super()._after_step(state)


def test_watching_changes_nothing(data):
    plain, watched, session = network(), network(), Watched()
    expected = fit(plain, data, steps=12, progress=False, **OPTIONS)
    result = session.fit(watched, data, steps=12, **OPTIONS)
    assert result.history["train_loss"] == expected.history["train_loss"]
    assert all(torch.equal(a, b) for a, b in zip(plain.parameters(), watched.parameters(), strict=True))
    assert result.model is watched
    assert session.told[-1]["state"] == "done"
    assert session.told[-1]["step"] == 12


def test_frames_say_where_training_is(data):
    session, model = Watched(), network()
    result = session.fit(model, data, steps=6, **OPTIONS)
    last = session.seen[-1]
    assert {"type", "step", "seconds", "train_loss", "validation_loss", "model", "event"} == set(last)
    assert (last["type"], last["step"]) == ("frame", 6)
    assert last["train_loss"] == result["train_loss"][-1]
    assert last["validation_loss"] == result["test_loss"][-1]
    assert last["model"]["width"] == [2, 3, 1]
    assert [frame["step"] for frame in session.seen] == sorted({frame["step"] for frame in session.seen})


def test_pause_step_and_resume(data):
    session = Watched({3: [("pause", {})]})
    thread = threading.Thread(target=session.fit, args=(network(), data), kwargs={"steps": 8, **OPTIONS})
    thread.start()

    def until(state, step):
        end = time.monotonic() + 20
        while (session.status.state, session.status.step) != (state, step):
            assert time.monotonic() < end, f"{session.status} never became {state} at {step}"
            time.sleep(0.01)

    until("paused", 3)
    assert thread.is_alive()
    session.steer("step")
    until("paused", 4)
    session.steer("step")
    until("paused", 5)
    session.steer("resume")
    thread.join(20)
    assert (session.status.state, session.status.step) == ("done", 8)
    assert session.seen[-1]["step"] == 8
    assert {4, 5} <= {frame["step"] for frame in session.seen}, "a paused page shows where it stands"


def test_stop(data):
    session = Watched({4: [("stop", {})]})
    result = session.fit(network(), data, steps=50, **OPTIONS)
    assert (result.steps, session.status.state) == (4, "stopped")
    assert "asked for in the explorer" in result.stopped_because


def test_refine_and_prune_go_on_with_another_network(data):
    session, model = Watched({3: [("refine", {"grid": 10})], 6: [("prune", {"threshold": 0.2})]}), network()
    before = model.n_edges
    result = session.fit(model, data, steps=9, **OPTIONS)
    assert result.model is session.model
    assert result.model is not model
    assert result.model.grid == 10
    assert result.model.n_edges < before
    assert (model.grid, model.n_edges) == (5, before)
    left = result.model.n_edges
    assert session.status.events == [[3, "refined to 10"], [6, f"pruned from {before} to {left} edges"]]
    assert [frame["event"] for frame in session.seen if frame["event"]] == [what for _, what in session.status.events]
    assert [len(values) for values in result.history.values()] == [9] * len(result.history)
    assert (result.steps, result.best_step) == (9, 9)
    assert result.stopped_because == "All 9 steps are done."
    x = data["train_input"]
    assert torch.isfinite(result.model(x)).all()


def test_refinement_keeps_the_function(data):
    session, model = Watched({5: [("refine", {"grid": 10}), ("stop", {})]}), network()
    result = session.fit(model, data, steps=6, **OPTIONS)  # the stop is read after step 6, on the new network
    assert result.steps == 6
    other = Watched({5: [("stop", {})]})
    reference = other.fit(network(), data, steps=6, **OPTIONS).model.refine(10)
    frames = [frame for frame in session.seen if frame["event"]]
    assert frames[0]["step"] == 5
    from edgewise.explorer.arrays import decode

    stored = decode(frames[0]["model"]["layers"][0]["coef"])
    np.testing.assert_allclose(stored, reference.layers[0].spline_weight.detach().numpy(), rtol=0, atol=1e-6)  # f4


def test_a_staircase_is_seen_climbing(data):
    session = Watched()
    session.fit(network(), data, steps=3, grids=[3, 6], opt="lm")
    assert session.status.events == [[0, "refined to 3"], [3, "refined to 6"]]
    assert session.status.step == 6
    assert session.status.steps == 6


@pytest.mark.parametrize(
    ("action", "details", "message"),
    [
        ("explode", {}, "`action` must be one of pause, resume, step, stop, refine, prune; got 'explode'"),
        ("refine", {}, "`grid` must be a number of intervals from 1 to 10000; got None"),
        ("refine", {"grid": 10**9}, "got 1000000000"),
        ("prune", {"threshold": "all"}, "`threshold` must be a number >= 0 and < 1; got 'all'"),
        ("prune", {"threshold": float("nan")}, "got nan"),
    ],
)
def test_bad_wishes(action, details, message):
    session = Watched()
    with pytest.raises(ParameterError, match=message):
        session.steer(action, **details)
    session.receive({"type": "steer", "action": action, **details})  # from a page: told, not raised
    assert message.split(";")[0].strip("`")[:8] in session.told[-1]["message"]
    session.receive("nonsense")
    assert session._wishes.empty()


def test_what_belongs_to_one_network_cannot_train_another(data):
    model = network()
    session, refused = Session(), []

    def ask(state):
        for action, details in (("refine", {"grid": 9}), ("prune", {})):
            with pytest.raises(ParameterError, match="which the instance given as `opt` cannot train"):
                session.steer(action, **details)
            refused.append(action)
        with pytest.raises(ParameterError, match="the instance given as `opt`"):
            session.steer("refine", grid=4)

    session.fit(model, data, steps=1, opt=torch.optim.Adam(model.parameters()), update_grid=False, callbacks=ask)
    assert refused == ["refine", "prune"]
    session.fit(model, data, steps=2, opt=torch.optim.Adam, update_grid=False)
    with pytest.raises(ParameterError, match="'refine' comes too late: the training has ended"):
        session.steer("refine", grid=9)


def test_a_time_limit_is_for_all_stages(data):
    session = Watched({1: [("refine", {"grid": 6})]})
    start, first = time.monotonic(), []

    def slow(state):
        first.append(state.step)
        time.sleep(0.6 if len(first) == 1 else 0.05)

    session.fit(network(), data, steps=100, time_limit_sec=1.0, callbacks=slow, **OPTIONS)
    assert any("refined" in what for _, what in session.status.events)
    assert 0.6 < time.monotonic() - start < 1.5, "the second stage has what the first one left"


def test_a_session_begins_anew(data):
    session = Watched({2: [("stop", {})]})
    session.fit(network(), data, steps=5, **OPTIONS)
    assert session.told[-1]["state"] == "stopped"
    seen = len(session.told)
    session.fit(network(), data, steps=3, **OPTIONS)
    again = session.told[seen:]
    assert (again[0]["state"], again[0]["step"], again[0]["steps"]) == ("running", 0, 3)
    assert (again[-1]["state"], again[-1]["step"]) == ("done", 3)
    assert session.frames.kept[0]["step"] <= 3


def test_a_loss_beyond_all_numbers_does_not_silence_the_page(data):
    far = {**data, "test_label": 1e200 * torch.ones_like(data["test_label"])}  # its square is infinite
    session = Watched()
    session.fit(network(), far, steps=2, **OPTIONS)
    assert session.seen[-1]["validation_loss"] is None
    assert all(to_json(frame) for frame in session.seen)
    assert payload_of(network(), far)["loss"]["test"] is None


def test_frames_are_bounded():
    frames = Frames()
    for step in range(10_000):
        frames.add({"step": step}, 1000)
    steps = [frame["step"] for frame in frames.kept]
    assert 40 <= len(steps) <= 100
    gaps = np.diff(steps)
    assert gaps.max() == gaps.min(), "they stay evenly spaced"
    heavy = Frames()
    for step in range(100):
        heavy.add({"step": step}, 10_000_000)
    assert len(heavy.kept) <= 3


# ------------------------------------------------------------------------------------------------ threads


def test_training_in_the_background(data):
    model = network()
    training = train(model, data, steps=5, **OPTIONS)
    result = training.wait(60)
    assert result.steps == 5
    assert training.model is model
    assert training.status.state == "done"
    assert repr(training) == "<training: done, step 5 of 5. All 5 steps are done.>"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_error_in_the_thread_is_never_lost(data):
    training = train(network(), data, steps=5, opt="nope")
    with pytest.raises(ParameterError, match="`opt` must be 'auto'"):
        training.wait(60)
    assert training.status.state == "failed"
    assert "`opt` must be 'auto'" in training.status.message
    assert isinstance(training.error, ParameterError)


def test_waiting_has_an_end(data):
    training = train(network(), data, steps=10**6, **OPTIONS)
    with pytest.raises(ConvergenceError, match=r"has not ended within 0.05 s; it goes on"):
        training.wait(0.05)
    training.steer("stop")
    assert training.wait(60).steps < 10**6


def test_bad_data_are_refused_before_the_thread(data):
    with pytest.raises(ParameterError, match="takes `x, y`, a pair or a dict of data"):
        train(network(), data["train_input"])
    with pytest.raises(ValueError, match=r"must be a .rows, 2. tensor"):
        train(network(), torch.zeros(3, 5), torch.zeros(3, 1))


# ------------------------------------------------------------------------------------------- local pages


@pytest.mark.parametrize("kind", [KANRegressor, KANClassifier])
def test_an_estimator_trains_on_a_page_as_without_one(kind):
    x = np.random.default_rng(0).normal(size=(60, 2))
    y = x[:, 0] ** 2 if kind is KANRegressor else (x[:, 0] > 0).astype(int)
    settings = {"hidden": (2,), "max_iter": 6, "random_state": 0}
    plain, watched, pages = kind(**settings).fit(x, y), kind(**settings), []
    watched.fit(x, y, trainer=trainer(watched, pages.append))
    (live,) = pages
    try:
        assert (plain.predict(x) == watched.predict(x)).all()
        assert plain.loss_curve_ == watched.loss_curve_
        assert live.session.status.state == "done"
        assert live._payload["model"]["width"] == watched.model_.width
    finally:
        live.close()


def test_an_estimator_takes_the_pruned_network():
    x = np.random.default_rng(0).normal(size=(60, 2))
    model, pages = KANRegressor(hidden=(3,), max_iter=6, random_state=0), []

    def opened(live):
        pages.append(live)
        live.session.steer("refine", grid=7)

    model.fit(x, x[:, 0], trainer=trainer(model, opened))
    pages[0].close()
    assert model.model_.grid == 7
    assert pages[0].subject.network is model.model_
    assert len(model.loss_curve_) == 6
    assert np.isfinite(model.predict(x)).all()


def test_what_a_page_knows_after_a_reload(data):
    live = Live(subject_of(network(), data))
    try:
        edit = {"op": "prune", "edge": [0, 0, 0]}
        live._receive({"key": "edits", "value": [edit]})
        live._receive({"key": "payload", "value": "not the page's to say"})
        assert live._remembered() == [{"key": "edits", "value": [edit]}]
        told = []
        live.server.set = lambda *event: told.append(event)
        live._receive({"key": "edits", "value": [edit], "page": "p"})
        live._receive({"key": "selection", "value": [0, 0, 0], "page": "p"})
        assert told == [("edits", [edit], "p")], "another tab's next list would undo these"
        assert torch.equal(live.edited()(data["test_input"]), apply_edits(network(), [edit])(data["test_input"]))
        live.fit(live.subject.network, data, steps=3, **OPTIONS)
        keys = [event.get("key", "frame") for event in live._remembered()]
        assert keys[0] == "frame"
        assert keys[-1] == "training"
        assert {"key": "payload", "value": live._payload} in live._remembered(), "a page of before has another network"
        assert {"key": "edits", "value": []} in live._remembered(), "they were edits of another model"
        assert live.edits == []
    finally:
        live.close()

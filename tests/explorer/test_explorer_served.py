"""The page of the local server in a browser: edits arrive in Python, training is shown and steered."""

import threading
import time

import pytest
import torch

from edgewise import KAN, create_dataset
from edgewise.explorer.live import Live
from edgewise.explorer.subject import subject_of


@pytest.fixture
def data():
    return create_dataset(lambda x: torch.sin(3 * x[:, [0]]) + x[:, [1]] ** 2, n_var=2, train_num=60, seed=0)


@pytest.fixture
def live(data):
    live = Live(subject_of(KAN([2, 3, 1], seed=0), data))
    yield live
    live.close()


def until(condition, what: str):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.02)


def test_edits_arrive_in_python(live, tab):
    own = tab()
    own.page.goto(live.server.url)
    stage = own.page.locator(".stage")
    stage.locator("svg, canvas").first.wait_for()
    stage.focus()
    own.page.keyboard.press("ArrowRight")
    own.page.keyboard.press("Delete")
    until(lambda: len(live.edits) == 1, "one edit")
    assert live.edited().n_edges == 8
    own.page.reload()
    own.page.get_by_text("8 edges, 1 removed").first.wait_for()
    own.page.get_by_role("tab", name="Edges").click()
    here = f"http://127.0.0.1:{live.server.port}/{live.server.token}/"
    assert {url.removeprefix(here).split("?")[0] for url in own.requests} <= {"", "events", "post"}


def test_tabs_follow_each_other(live, tab):
    """Each has the whole list of edits: the next edit of one must not undo those of the other."""
    one, two = tab(), tab()
    for own in (one, two):
        own.page.goto(live.server.url)
        own.page.locator(".stage svg, .stage canvas").first.wait_for()
    one.page.locator(".stage").focus()
    one.page.keyboard.press("ArrowRight")
    one.page.keyboard.press("Delete")
    two.page.get_by_text("8 edges, 1 removed").first.wait_for()
    two.page.locator(".stage").focus()
    two.page.keyboard.press("End")
    two.page.keyboard.press("Delete")
    one.page.get_by_text("7 edges, 2 removed").first.wait_for()
    until(lambda: len(live.edits) == 2, "both edits")


def test_delete_means_the_chosen_edge_wherever_the_focus_is(live, tab):
    page = tab().page
    page.goto(live.server.url)
    page.locator(".stage").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Delete")
    page.get_by_text("8 edges, 1 removed").first.wait_for()


def test_training_is_shown_and_steered(live, data, tab):
    own = tab()
    options = {"steps": 10**6, "opt": "adam", "update_grid": False}
    training = threading.Thread(target=live.fit, args=(live.subject.network, data), kwargs=options)
    training.start()
    try:
        own.page.goto(live.server.url)
        page = own.page
        page.get_by_role("tab", name="Training").click()
        page.get_by_role("button", name="Pause").click()
        until(lambda: live.session.status.state == "paused", "paused")
        step = live.session.status.step
        page.get_by_role("button", name="One step").click()
        until(lambda: live.session.status.step == step + 1, "one step")
        page.get_by_role("button", name="Go on").click()
        until(lambda: live.session.status.state == "running", "running")
        page.get_by_role("button", name="Refine to").click()
        until(lambda: live.session.model.grid == 10, "a finer grid")
        page.get_by_text("refined to 10").first.wait_for()
        page.reload()  # a page that comes late has the story so far
        page.get_by_role("tab", name="Training").click()
        page.get_by_text("refined to 10").first.wait_for()
        page.get_by_role("button", name="Stop").click()
    finally:
        live.session.steer("stop")
        training.join(30)
    assert live.session.status.state == "stopped"
    assert live.subject.network.grid == 10

"""The prediction, formula and training tabs: what they say equals what Python says."""

import threading
import time

import numpy as np
import pytest
import torch

from edgewise import KAN, create_dataset
from edgewise.explorer import to_html
from edgewise.explorer.live import Live
from edgewise.explorer.subject import subject_of
from edgewise.layers import FUNCTIONS

CATCH_COPIES = (
    "Object.defineProperty(navigator, 'clipboard', {value: {writeText: async text => { window.copied = text; }}})"
)


@pytest.fixture(scope="module")
def data():
    return create_dataset(lambda x: torch.sin(x[:, :1]) * x[:, 1:], n_var=2, train_num=80, test_num=40, seed=0)


@pytest.fixture(scope="module")
def model(data) -> KAN:
    model = KAN([2, [2, 1], 1], seed=0, dtype=torch.float64, input_names=["angle", "size"])
    model.layers[0].fix_edge(0, 0, FUNCTIONS["sin"], [2.0, 0.1, 0.7, 0.3, 1.0])
    return model


@pytest.fixture(scope="module")
def path(model, data, tmp_path_factory):
    path = tmp_path_factory.mktemp("views") / "model.html"
    x, y = data["train_input"].double(), data["train_label"].double()
    to_html(model, path, x, y, data=True)
    return path


def answer(page) -> float:
    return float(page.locator(".answer strong").first.inner_text().replace("−", "-"))


def test_predictions_are_those_of_the_model(tab, path, model):
    page = tab().open(path)
    page.get_by_role("tab", name="Prediction").click()
    for angle, size in ((0.25, -0.5), (3.0, 0.1)):  # the second far outside of the data
        page.get_by_label("angle, exact value").fill(str(angle))
        page.get_by_label("size, exact value").fill(str(size))
        page.wait_for_timeout(100)
        expected = model(torch.tensor([[angle, size]], dtype=torch.float64)).item()
        assert answer(page) == pytest.approx(expected, rel=5e-5)  # five digits are shown


def test_a_press_on_a_picture_moves_the_point(tab, path):
    page = tab().open(path)
    page.get_by_role("tab", name="Prediction").click()
    slider = page.get_by_role("slider", name="angle")
    box = page.locator(".field2d .plot").bounding_box()
    page.mouse.click(box["x"] + 0.9 * box["width"], box["y"] + 0.1 * box["height"])
    page.wait_for_timeout(100)
    assert 175 <= int(slider.input_value()) <= 185  # of 200 steps
    box = page.locator(".sections .plot").first.bounding_box()
    page.mouse.click(box["x"] + 0.25 * box["width"], box["y"] + 5)
    page.wait_for_timeout(100)
    assert 45 <= int(slider.input_value()) <= 55
    slider.press("Home")
    page.wait_for_timeout(100)
    assert slider.input_value() == "0"


def test_the_data_are_compared_with_predictions(tab, path, model, data):
    page = tab().open(path)
    page.get_by_role("tab", name="Prediction").click()
    x, y = data["train_input"].double(), data["train_label"].double()
    error = (model(x) - y).square().mean().sqrt().item()
    assert page.locator(".residuals .note").inner_text().startswith(f"80 rows: typical error {error:.3g}")


def test_the_copied_python_is_the_network(tab, path, model):
    own = tab()
    own.page.add_init_script(CATCH_COPIES)
    page = own.open(path)
    page.get_by_role("tab", name="Formula").click()
    assert "10 edges have no formula yet" in page.locator(".formula .note").inner_text()
    page.get_by_role("button", name="Python", exact=True).click()
    page.get_by_text("Python copied.").wait_for()
    namespace: dict = {}
    exec(page.evaluate("window.copied"), namespace)
    x = torch.linspace(-1.5, 1.5, 40, dtype=torch.float64).reshape(-1, 2)
    np.testing.assert_allclose(namespace["network"](*x.T.numpy()), model(x)[:, 0].detach().numpy(), rtol=0, atol=1e-12)


def test_the_copied_sympy_is_read_by_sympy(tab, path):
    own = tab()
    own.page.add_init_script(CATCH_COPIES)
    page = own.open(path)
    page.get_by_role("tab", name="Formula").click()
    page.get_by_role("button", name="SymPy").click()
    page.get_by_text("SymPy copied.").wait_for()
    namespace: dict = {}
    exec(page.evaluate("window.copied"), namespace)
    assert {str(symbol) for symbol in namespace["y"].free_symbols} == {"angle", "size"}


def test_training_is_seen_and_steered(tab, data):
    model = KAN([2, 3, 1], grid=3, seed=0)
    live = Live(subject_of(model, data["train_input"], data["train_label"]))
    options = {"steps": 4000, "opt": "Adam", "callbacks": [lambda state: time.sleep(0.01)]}
    thread = threading.Thread(target=lambda: live.session.fit(model, data, **options), daemon=True)
    thread.start()
    own = tab()
    try:
        page = own.page
        page.goto(live.server.url)
        said = page.locator(".training [role=status]")
        page.get_by_role("button", name="Pause").click()
        said.filter(has_text="Paused").wait_for()
        page.get_by_label("Intervals per spline").fill("7")
        page.get_by_role("button", name="Refine to").click()
        page.locator(".events", has_text="refined to 7").wait_for()
        page.get_by_role("button", name="Go on").click()
        said.filter(has_text="Training").wait_for()
        page.get_by_role("button", name="Stop").click()
        said.filter(has_text="Stopped").wait_for()
        page.get_by_label("Moment of the training").press("Home")
        page.get_by_text("the end of the slider is the trained model").wait_for()
        assert not page.get_by_label("follow the newest").is_checked()
        thread.join(20)
        assert live.session.model is not None
        assert live.session.model.grid == 7
    finally:
        own.page.goto("about:blank")
        live.close()

"""The widget from Python's side; `test_explorer_notebooks.py` shows it in real notebooks."""

import builtins
import html
import re

import pytest
import torch

from edgewise import KAN, KANRegressor, create_dataset
from edgewise.errors import MissingDependencyError, ParameterError
from edgewise.explorer import train, widget


@pytest.fixture
def needs_anywidget():
    pytest.importorskip("anywidget", reason="anywidget is not installed: pip install -e '.[explorer]'")


pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of ipywidgets without a kernel
PRUNE = {"op": "prune", "edge": [0, 0, 0]}


def test_without_anywidget_the_way_out_is_named(monkeypatch):
    real = builtins.__import__

    def missing(name, *args, **kwargs):
        if name == "anywidget":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    widget._widget_class.cache_clear()
    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(MissingDependencyError, match=r"pip install 'edgewise\[explorer\]'.*to_html\(model, path, x\)"):
        KAN([1, 1], seed=0).explore()
    training = train(KAN([1, 1], seed=0), torch.rand(9, 1), torch.rand(9, 1), steps=2)
    assert training.wait(60).steps == 2
    assert training.widget is None
    assert "text/plain" in training._repr_mimebundle_()
    widget._widget_class.cache_clear()


@pytest.mark.usefixtures("needs_anywidget")
class TestWidget:
    def test_edits_come_back_as_a_model(self):
        model = KAN([2, 2, 1], seed=0)
        shown = model.explore(torch.rand(20, 2))
        shown.edits = [PRUNE]  # as the page does
        assert shown.model.n_edges == 5
        assert model.n_edges == 6
        assert shown.apply() is model
        assert model.n_edges == 5
        assert shown.edits == []
        assert shown.payload["model"] == model.explore().payload["model"]

    def test_apply_keeps_the_parameters_that_an_optimizer_holds(self):
        model = KAN([2, 2, 1], seed=0)
        before = list(model.parameters())
        shown = model.explore()
        shown.edits = [{"op": "coef", "edge": [0, 1, 1], "index": 2, "value": 7.0}]
        shown.apply()
        assert all(a is b for a, b in zip(before, model.parameters(), strict=True))
        assert model.layers[0].coef[1, 1, 2].item() == 7.0

    def test_a_bad_edit_leaves_the_model_alone(self):
        model = KAN([1, 1], seed=0)
        shown = model.explore()
        shown.edits = [PRUNE, {"op": "prune", "edge": [9, 0, 0]}]
        with pytest.raises(ParameterError, match=r"edit 1 .*no edge"):
            shown.apply()
        assert model.n_edges == 1

    def test_viewers_without_a_kernel_see_a_page_and_a_picture(self):
        data = create_dataset(lambda x: x[:, [0]], n_var=1, train_num=30, seed=0)
        shown = KAN([1, 1], seed=0).explore(data)
        bundle, _ = shown._repr_mimebundle_()
        assert "application/vnd.jupyter.widget-view+json" in bundle
        assert bundle["image/svg+xml"].lstrip().startswith("<?xml")
        document = html.unescape(re.findall(r'srcdoc="(.*?)"', bundle["text/html"], re.S)[0])
        assert '"sample":null' in document, "a stored notebook holds quantiles only"
        assert shown.payload["sample"] is not None

    def test_files_show_the_edited_model(self, tmp_path):
        shown = KAN([1, 2, 1], seed=0).explore(title="mine")
        shown.to_html(tmp_path / "a.html")
        shown.edits = [PRUNE]
        shown.to_html(tmp_path / "b.html")
        shown.to_svg(tmp_path / "b.svg")
        shown.to_png(tmp_path / "b.png")
        assert (tmp_path / "a.html").read_text() != (tmp_path / "b.html").read_text()
        assert "<title>mine</title>" in (tmp_path / "b.html").read_text()
        assert {path.name for path in tmp_path.iterdir()} == {"a.html", "b.html", "b.svg", "b.png"}

    def test_an_estimator(self):
        x = torch.rand(40, 2, generator=torch.Generator().manual_seed(0)).numpy()
        model = KANRegressor(hidden=(2,), max_iter=3, random_state=0).fit(x, x[:, 0])
        shown = model.explore(x, x[:, 0])
        shown.edits = [PRUNE]
        assert isinstance(shown.model, KANRegressor)
        assert shown.model.model_.n_edges == 5
        assert shown.apply() is model
        assert model.model_.n_edges == 5

    def test_a_training_ends_with_the_new_network_in_the_page(self):
        data = create_dataset(lambda x: x[:, [0]], n_var=1, train_num=30, seed=0)
        training = train(KAN([1, 2, 1], seed=0), data, steps=3, opt="adam")
        training.steer("refine", grid=8)
        training.wait(60)
        shown = training.widget
        assert shown.training["state"] == "done"
        assert shown.payload["model"]["layers"][0]["coef"]["shape"] == [1, 11, 2]
        assert shown.model.grid == 8
        bundle = training._repr_mimebundle_()
        assert "text/html" in bundle[0]

"""Pictures of training, predictions and importance, read back from their artists."""

import io
import math

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from edgewise.errors import DomainError, ParameterError, ShapeError
from edgewise.plot import plot_confusion, plot_history, plot_importance, plot_predictions
from edgewise.train import FitResult


@pytest.fixture(autouse=True)
def _nothing_registered():
    yield
    assert plt.get_fignums() == []


def result(best_step=3, grid_steps=(1, 2), **history):
    return FitResult(
        model=torch.nn.Identity(),
        history=history,
        stopped_because="All steps are done.",
        opt="lbfgs",
        why_opt="",
        steps=4,
        seconds=1.0,
        best_step=best_step,
        grid_steps=grid_steps,
    )


def legend(figure):
    return [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


class TestHistory:
    def test_curves_marks_and_legend(self):
        losses = {"train_loss": [4.0, 2.0, 1.0, 0.5], "test_loss": [5.0, 3.0, 2.0, 2.5], "val_loss": [6.0, 4, 3, 3.5]}
        figure = plot_history(result(**losses, lr=[1.0] * 4, train_rmse=[9.0] * 4))
        ax = figure.axes[0]
        curves = {line.get_label(): line.get_data() for line in ax.lines}
        for label, name in (("training", "train_loss"), ("validation", "val_loss"), ("test", "test_loss")):
            np.testing.assert_array_equal(curves[label][0], [1, 2, 3, 4])
            np.testing.assert_array_equal(curves[label][1], losses[name])
        assert len({line.get_linestyle() for line in ax.lines}) == 3  # told apart without colour
        assert ax.get_yscale() == "log"
        ring = next(a for a in ax.collections if a.get_label() == "kept: step 3")
        np.testing.assert_array_equal(ring.get_offsets(), [[3, 3.0]])  # on the validation curve
        updates = next(a for a in ax.collections if a.get_label() == "grid update")
        assert [path.vertices[0, 0] for path in updates.get_paths()] == [1, 2]
        assert legend(figure) == ["training", "validation", "test", "kept: step 3", "grid update"]

    def test_a_plain_mapping_and_given_axes(self):
        figure = Figure()
        ax = figure.subplots()
        assert plot_history({"train_loss": [2.0, 1.0]}, ax=ax, grid_steps=[1]) is figure
        assert legend(figure) == ["training", "grid update"]
        assert not plot_history({"train_loss": [2.0, 1.0], "val_loss": []}).axes[0].collections

    def test_losses_that_are_negative_or_not_finite(self):
        assert plot_history({"train_loss": [1.0, -2.0]}).axes[0].get_yscale() == "linear"
        figure = plot_history(result(best_step=2, train_loss=[1.0, math.inf, math.nan, 0.1]))
        assert figure.axes[0].get_yscale() == "log"
        np.testing.assert_array_equal(figure.axes[0].lines[0].get_ydata(), [1.0, math.nan, math.nan, 0.1])
        assert "kept: step 2" not in legend(figure)
        figure.savefig(io.BytesIO(), format="png")

    @pytest.mark.parametrize(("last", "shown"), [(0.43, "0.45"), (0.1, "0.2"), (1e-3, "$\\mathdefault{10^{-2}}$")])
    def test_the_loss_axis_has_readable_numbers(self, last, shown):
        figure = plot_history({"train_loss": [0.54, 0.5, last]})
        figure.canvas.draw()
        ax = figure.axes[0]
        low, high = ax.get_ylim()
        ticks = zip(ax.get_yticks(), ax.get_yticklabels(), strict=True)
        labels = [label.get_text() for at, label in ticks if low <= at <= high]
        assert shown in labels
        assert 2 <= len(labels) <= 7
        assert not [label for label in ax.get_yticklabels(minor=True) if label.get_text()]
        assert all(float(at).is_integer() for at in ax.get_xticks())

    def test_one_step_is_visible(self):
        ax = plot_history({"train_loss": [1.0]}).axes[0]
        assert ax.lines[0].get_marker() == "o"
        assert list(ax.get_xticks()) == [0, 1, 2]

    def test_bad_argument(self):
        with pytest.raises(ParameterError, match=r"non-empty 'train_loss'; it holds \['lr'\]"):
            plot_history({"lr": [1.0]})
        with pytest.raises(ParameterError, match="non-empty 'train_loss'"):
            plot_history({"train_loss": []})


class TestPredictions:
    def test_points_diagonal_and_numbers(self):
        true, predicted = torch.tensor([1.0, 2.0, 3.0, 4.0]), np.array([1.5, 2.0, 2.5, 4.0])
        figure = plot_predictions(true, predicted, names=["cost_$"])
        ax = figure.axes[0]
        np.testing.assert_array_equal(ax.collections[0].get_offsets(), np.stack([true, predicted], axis=1))
        assert ax.get_xlim() == ax.get_ylim()
        np.testing.assert_array_equal(ax.lines[0].get_xdata(), ax.lines[0].get_ydata())
        # squares .25 + .25 over 4 rows; variance of 1..4 is 1.25
        assert ax.texts[0].get_text() == f"RMSE {math.sqrt(0.125):.3g}\nR² {1 - 0.125 / 1.25:.3f}"
        assert ax.get_title() == "cost_$"
        assert list(ax.get_xticks()) == list(ax.get_yticks())

    def test_several_quantities_and_many_rows(self):
        rows = np.random.default_rng(0).normal(size=(4000, 4))
        figure = plot_predictions(rows, rows + 0.1, names=list("abcd"))
        shown = [ax for ax in figure.axes if ax.axison]
        assert [ax.get_title() for ax in shown] == list("abcd")
        assert all(type(ax.collections[0]).__name__ == "PolyCollection" for ax in shown)  # a density
        stream = io.BytesIO()
        figure.savefig(stream, format="svg")
        assert len(stream.getvalue()) < 2_000_000
        assert len(plot_predictions(rows[:5].repeat(3, axis=1), rows[:5].repeat(3, axis=1)).axes) == 6

    def test_constant_values(self):
        figure = plot_predictions([2.0, 2.0], [2.0, 2.0])
        assert figure.axes[0].texts[0].get_text() == "RMSE 0"
        figure.savefig(io.BytesIO(), format="png")

    def test_bad_arguments(self):
        with pytest.raises(ShapeError, match=r"same shape and rows; got \(3,\) and \(2,\)"):
            plot_predictions([1, 2, 3], [1, 2])
        with pytest.raises(ShapeError, match="same shape and rows"):
            plot_predictions([], [])
        with pytest.raises(DomainError, match="`y_pred` must be finite; row 1 is not"):
            plot_predictions([1, 2], [1, math.nan])
        with pytest.raises(ParameterError, match="`names` must have 1 entries; got 2"):
            plot_predictions([1, 2], [1, 2], names=["a", "b"])
        with pytest.raises(ShapeError, match="`ax` takes one quantity; got 2"):
            plot_predictions(np.ones((3, 2)), np.ones((3, 2)), ax=Figure().subplots())


class TestConfusion:
    def test_counts(self):
        figure = plot_confusion(["b", "a", "a", "b", "b", "b"], ["b", "b", "a", "b", "a", "a"])
        ax = figure.axes[0]
        cells = {tuple(np.subtract(text.get_position(), 0.5)): text.get_text() for text in ax.texts}
        assert cells == {(0, 0): "1", (1, 0): "1", (0, 1): "2", (1, 1): "2"}  # (predicted, true)
        assert ax.get_title("left") == "accuracy 0.500"
        assert [label.get_text() for label in ax.get_xticklabels()] == ["a", "b"]
        assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first class on top
        np.testing.assert_allclose(ax.collections[0].get_array().ravel(), [1 / 2, 1 / 2, 1 / 2, 1 / 2])

    def test_classes_of_any_kind(self):
        figure = plot_confusion(torch.tensor([0, 1, 2]), torch.tensor([0, 1, 1]), labels=[2, 1, 0, 7])
        assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["2", "1", "0", "7"]
        plot_confusion([True, False], [True, True]).savefig(io.BytesIO(), format="png")

    def test_bad_arguments(self):
        with pytest.raises(ShapeError, match=r"both be \(N,\), N >= 1; got \(2,\) and \(1,\)"):
            plot_confusion([1, 2], [1])
        with pytest.raises(ParameterError, match=r"\[3\] are missing from \[1, 2\]"):
            plot_confusion([1, 2], [1, 3], labels=[1, 2])


class TestImportance:
    def test_bars_in_order(self):
        figure = plot_importance(["a_$", "b", "c"], torch.tensor([0.2, 1.0, 0.5]))
        ax = figure.axes[0]
        assert [bar.get_width() for bar in ax.patches] == pytest.approx([1.0, 0.5, 0.2])
        assert [label.get_text() for label in ax.get_yticklabels()] == ["b", "c", "a_$"]
        assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the largest on top
        assert ax.get_xlabel() == "importance, largest is 1"

    def test_only_the_largest(self):
        figure = plot_importance([str(n) for n in range(50)], np.arange(50.0), most=5)
        assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["49", "48", "47", "46", "45"]
        assert figure.axes[0].get_xlabel() == "importance (the first 5 of 50)"

    def test_bad_arguments(self):
        with pytest.raises(ShapeError, match="one number for each of the 2 names; got 1"):
            plot_importance(["a", "b"], [1.0])
        with pytest.raises(ParameterError, match="`most` must be an int >= 1; got 0"):
            plot_importance(["a"], [1.0], most=0)

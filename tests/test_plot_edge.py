"""The picture of one edge, read back from its artists."""

import io

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from edgewise import KAN
from edgewise.errors import DomainError, ParameterError
from edgewise.plot import edge_kind, plot_edge

F64 = torch.float64


@pytest.fixture(autouse=True)
def _nothing_registered():
    yield
    assert plt.get_fignums() == []


def make(**kwargs):
    model = KAN([3, [2, 1], 1], grid=4, seed=0, dtype=F64, **kwargs)
    x = torch.rand(60, model.in_features, generator=torch.Generator().manual_seed(1), dtype=F64) * 2 - 1
    return model, x


def artists(figure, kind):
    return [a for a in figure.axes[0].get_children() if type(a).__name__ == kind]


@pytest.mark.parametrize("edge", [(0, 2, 3), (1, 1, 0)])
def test_the_function_is_the_edge(edge):
    l, i, j = edge
    model, x = make()
    figure = plot_edge(model, l, i, j, x)
    (line,) = figure.axes[0].lines
    positions, values = line.get_data()
    rows = torch.zeros(len(positions), model.layers[l].in_features, dtype=F64)
    rows[:, i] = torch.as_tensor(np.asarray(positions))
    expected = model.layers[l].edge_values(rows)[:, i, j].detach()
    np.testing.assert_allclose(values, expected.numpy(), atol=1e-12)
    data = model.activations(x)[l][:, i]
    assert positions[0] < min(-1, float(data.min()))  # a little beyond domain and data
    assert positions[-1] > max(1, float(data.max()))
    assert figure.axes[0].get_xlim() == pytest.approx((positions[0], positions[-1]))
    assert figure.axes[0].get_title("left") == f"edge ({l}, {i}, {j})"


def test_knots_outside_and_data_are_marked():
    model, x = make()
    figure = plot_edge(model, 0, 1, 0, x * 0.5 + 1)
    knots = [path.vertices[0, 0] for path in artists(figure, "LineCollection")[0].get_paths()]
    np.testing.assert_allclose(knots, [-1, -0.5, 0, 0.5, 1], atol=1e-12)
    spans = [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in artists(figure, "Rectangle")[:2]]
    assert spans[0][1] == -1
    assert spans[1][0] == 1
    (strip,) = artists(figure, "StepPatch")
    heights, ends, _ = strip.get_data()
    expected, edges = np.histogram((x[:, 1] * 0.5 + 1).numpy(), bins=8)
    np.testing.assert_allclose(heights / heights.max(), expected / expected.max())
    np.testing.assert_allclose(ends, edges)
    low = figure.axes[0].lines[0].get_ydata().min()
    bottom, top = figure.axes[0].get_ylim()
    assert (low - bottom) / (top - bottom) > 0.16  # the histogram does not cover the function


def test_names_and_removed_edges():
    model, x = make(input_names=["speed_$a$", "x2", "b"])
    assert plot_edge(model, 0, 0, 0, x).axes[0].get_xlabel() == "speed_$a$"
    assert plot_edge(model, 0, 1, 0, x).axes[0].get_xlabel() == "$x_{2}$"
    assert plot_edge(model, 1, 1, 0, x).axes[0].get_xlabel() == "node 1 of layer 1"
    model.layers[0].set_mask(torch.tensor([[0, 1, 1, 1.0]] * 3))
    removed = plot_edge(model, 0, 0, 0, x)
    assert removed.axes[0].get_title("left") == "edge (0, 0, 0) (removed)"
    assert not np.any(removed.axes[0].lines[0].get_ydata())
    removed.savefig(io.BytesIO(), format="svg")


def test_one_row_no_rows_and_given_axes(global_random_state_untouched):
    model, x = make()
    figure = Figure()
    ax = figure.subplots(1, 2)[1]
    assert plot_edge(model, 0, 0, 0, x[:1], ax=ax) is figure
    assert float(ax.lines[1].get_xdata()[0]) == float(x[0, 0])
    lone = plot_edge(model, 0, 0, 0)  # stand-in data: the grid's domain, evenly
    heights, ends, _ = artists(lone, "StepPatch")[0].get_data()
    assert (ends[0], ends[-1]) == (-1, 1)
    assert heights.min() > 0.9 * heights.max()


def test_every_edge_is_a_spline_so_far():
    model, _ = make()
    assert edge_kind(model.layers[0], 0, 0) == "spline"


def test_bad_arguments():
    model, x = make()
    with pytest.raises(ParameterError, match="`l` must be a layer, 0 to 1; got 2"):
        plot_edge(model, 2, 0, 0)
    with pytest.raises(ParameterError, match=r"`i` must be 0 to 2 in layer 0 of \[3, \[2, 1\], 1\]; got -1"):
        plot_edge(model, 0, -1, 0)
    with pytest.raises(ParameterError, match="`j` must be 0 to 3 in layer 0"):
        plot_edge(model, 0, 0, 4)
    x[0, 0] = float("nan")
    with pytest.raises(DomainError, match="finite"):
        plot_edge(model, 0, 0, 0, x)

"""The picture of a network, read back from its artists."""

import io
import math
import xml.etree.ElementTree as ET

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from edgewise import KAN, MLP
from edgewise.errors import DomainError, ParameterError, ShapeError
from edgewise.interpret import edge_scores
from edgewise.interpret.data import default_data
from edgewise.plot import network as network_module
from edgewise.plot import plot_network
from edgewise.plot.style import pretty

F64 = torch.float64


@pytest.fixture(autouse=True)
def _nothing_global():
    settings = dict(mpl.rcParams)
    yield
    assert plt.get_fignums() == []
    assert dict(mpl.rcParams) == settings


def make(width, rows=40, seed=0, **kwargs):
    model = KAN(width, grid=3, seed=seed, dtype=F64, **kwargs)
    x = torch.rand(rows, model.in_features, generator=torch.Generator().manual_seed(1), dtype=F64) * 2 - 1
    return model, x


def artist(figure, label):
    found = [a for a in figure.axes[0].collections if a.get_label() == label]
    return found[0] if found else None


def count(figure, label):
    found = artist(figure, label)
    if found is None:
        return 0
    return len(found.get_paths()) if label in {"stems", "frames", "functions", "links"} else len(found.get_offsets())


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def drawn_edges(figure, model):
    """`{(l, i, j): (opacity, curve (P, 2) in units of its frame)}`, found by where the stems start and end."""
    place = {}
    dots = [*artist(figure, "sums").get_offsets()]
    products = artist(figure, "products")
    dots += [] if products is None else [*products.get_offsets()]
    rows = sorted({round(float(y), 6) for _, y in dots})
    for row, y in enumerate(rows):
        for index, x in enumerate(sorted(float(x) for x, at in dots if abs(at - y) < 1e-5)):
            place[round(x, 5), round(y, 5)] = (row, index)
    stems = [path.vertices for path in artist(figure, "stems").get_paths()]
    into = {tuple(np.round(stem[-1], 5)): place[tuple(np.round(stem[0], 5))] for stem in stems[:]
            if tuple(np.round(stem[0], 5)) in place}  # fmt: skip
    out = {tuple(np.round(stem[0], 5)): place[tuple(np.round(stem[-1], 5))] for stem in stems[:]
           if tuple(np.round(stem[-1], 5)) in place}  # fmt: skip
    edges = {}
    for frame, colour, curve, stroke in zip(
        artist(figure, "frames").get_paths(),
        artist(figure, "frames").get_edgecolors(),
        artist(figure, "functions").get_paths(),
        artist(figure, "functions").get_colors(),
        strict=True,
    ):
        (left, bottom), (right, top) = frame.vertices.min(axis=0), frame.vertices.max(axis=0)
        middle = (left + right) / 2
        start = into[tuple(np.round((middle, bottom), 5))]
        end = out[tuple(np.round((middle, top), 5))]
        assert colour[3] == stroke[3]
        unit = (curve.vertices - [left, bottom]) / (right - left)
        edges[start[0], start[1], end[1]] = (colour[3], unit)
    return edges


@pytest.mark.parametrize("width", [[2, 5, 1], [5, 5, 1], [3, 2, 2]], ids=str)
@pytest.mark.parametrize("beta", [3.0, 0.7])
def test_every_edge_has_its_function_at_its_opacity(width, beta):
    model, x = make(width)
    figure = plot_network(model, x, beta=beta)
    edges = drawn_edges(figure, model)
    scores = edge_scores(model, x)
    assert set(edges) == {
        (l, i, j) for l, score in enumerate(scores) for i in range(len(score)) for j in range(score.shape[1])
    }
    values = model.activations(x)
    for (l, i, j), (opacity, curve) in edges.items():
        assert opacity == pytest.approx(math.tanh(beta * float(scores[l][i, j])), abs=1e-12)
        lo, hi = float(values[l][:, i].min()), float(values[l][:, i].max())
        positions = torch.zeros(len(curve), model.layers[l].in_features, dtype=F64)
        positions[:, i] = torch.linspace(lo, hi, len(curve), dtype=F64)  # over the range that reaches the edge
        function = model.layers[l].edge_values(positions)[:, i, j].detach()
        expected = (function - function.min()) / (function.max() - function.min())
        assert curve.min() > 0  # inside the frame
        assert curve.max() < 1
        np.testing.assert_allclose(np.diff(curve[:, 0]), np.diff(curve[:, 0])[0], rtol=1e-6)
        up = (curve[:, 1] - curve[:, 1].min()) / np.ptp(curve[:, 1])
        np.testing.assert_allclose(up, expected.numpy(), atol=1e-9)


def test_few_artists_whatever_the_size():
    for width in ([2, 5, 1], [17, 10, 3]):
        model, x = make(width)
        figure = plot_network(model, x)
        assert count(figure, "functions") == count(figure, "frames") == model.n_edges
        assert count(figure, "stems") == 2 * model.n_edges
        assert len(figure.axes) == 1
        assert len(figure.axes[0].collections) <= 8
        assert not figure.axes[0].images


def test_removed_edges_are_absent_and_nodes_without_edges_hollow():
    model, x = make([2, 3, 1])
    model.layers[0].set_mask(torch.tensor([[1, 0, 0], [1, 0, 1]]))
    figure = plot_network(model, x)
    assert count(figure, "functions") == model.n_edges == 6
    assert count(figure, "untouched") == 1  # hidden node 1
    assert count(figure, "sums") == 5
    model.layers[0].set_mask(torch.zeros(2, 3))
    assert count(plot_network(model, x), "functions") == 3
    model.layers[1].set_mask(torch.zeros(3, 1))
    empty = plot_network(model, x)
    assert count(empty, "functions") == count(empty, "stems") == 0
    assert count(empty, "untouched") == 6


def test_products_are_crossed_circles_fed_by_their_factors():
    model, x = make([4, [3, 2], 1], mult_arity=3)
    figure = plot_network(model, x)
    assert count(figure, "products") == count(figure, "crosses") == 2
    assert count(figure, "links") == 6
    assert count(figure, "sums") == 4 + (3 + 2 * 3) + 1
    products = artist(figure, "products").get_offsets()
    ends = np.array([path.vertices[-1] for path in artist(figure, "links").get_paths()])
    np.testing.assert_allclose(ends, np.repeat(products, 3, axis=0))
    # Edges of the second layer leave from the product, not from its factors.
    starts = [tuple(np.round(path.vertices[0], 6)) for path in artist(figure, "stems").get_paths()]
    assert sum(tuple(np.round(at, 6)) in starts for at in products) == 2


def test_names():
    model, x = make([2, 1, 2], input_names=["speed", "x2"], output_names=["$\\alpha$", "cost_$_$"])
    assert sorted(texts(plot_network(model, x))) == ["$\\alpha$", "$x_{2}$", "cost_$_$", "speed"]
    figure = plot_network(model, x, in_names=["a b", "$\\nocommand$"], out_names=["p", "q"], title="50% of $x$ & $y")
    assert sorted(texts(figure)) == ["$\\nocommand$", "$p$", "$q$", "50% of $x$ & $y", "a b"]
    figure.savefig(io.BytesIO(), format="svg")  # unknown mathematics is literal, not an error


def test_pretty_names():
    assert pretty("x1") == ("$x_{1}$", True)
    assert pretty("x_10") == ("$x_{10}$", True)
    assert pretty("y") == ("$y$", True)
    assert pretty("$x^2$") == ("$x^2$", True)
    for literal in ("$", "$$", "$x_{$", "pH", "x1_mean", "US$ or C$", ""):
        assert pretty(literal) == (literal, False)


@pytest.mark.parametrize(
    ("width", "names"),
    [
        ([2, 5, 1], None),
        ([5, 5, 1], ["frequency", "angle_of_attack", "chord", "velocity", "suction_side_displacement_thickness"]),
        ([12, 3, 2], [f"quite a long feature {n}" for n in range(12)]),
        ([12, 3, 2], [f"unbreakablefeaturename{n}" for n in range(12)]),
        ([40, 2, 30], [f"quite a long feature {n}" for n in range(40)]),
    ],
)
def test_text_stays_inside_and_does_not_overlap(width, names):
    model, x = make(width, input_names=names)
    figure = plot_network(model, x, title="a title")
    renderer = figure.canvas.get_renderer()
    everything = figure.bbox
    frames = artist(figure, "frames")
    bottoms = [path.vertices[:, 1].min() for path in frames.get_paths()]
    lowest = figure.axes[0].transData.transform((0, min(bottoms)))[1] if bottoms else 0
    flat = []
    for text in figure.axes[0].texts:
        box = text.get_window_extent(renderer)
        assert everything.x0 <= box.x0
        assert box.x1 <= everything.x1
        assert everything.y0 <= box.y0
        assert box.y1 <= everything.y1
        if text.get_rotation() == 0:
            flat.append(box)
            assert not lowest < box.y0 < lowest + 20  # not in the lowest row of frames
    assert not any(a.overlaps(b) for n, a in enumerate(flat) for b in flat[:n])
    slanted = [text for text in figure.axes[0].texts if text.get_rotation() and text.get_va() == "center"]
    if len(slanted) > 1:  # parallel lines of text, further apart than they are high
        step = slanted[1].get_position()[0] - slanted[0].get_position()[0]
        apart = step * math.sin(math.radians(slanted[0].get_rotation()))
        assert apart * 72 > slanted[0].get_fontsize() * 0.95


def test_very_many_inputs_are_counted_not_named():
    model, x = make([200, 1, 1])
    assert "200 inputs" in texts(plot_network(model, x))
    assert "$x_{7}$" not in texts(plot_network(model, x))


def test_a_crowded_layer_is_drawn_as_lines():
    model, x = make([20, 20, 1])
    figure = plot_network(model, x)
    assert count(figure, "functions") == 20  # of the second layer
    assert count(figure, "stems") == 400 + 2 * 20
    assert "functions drawn only where they fit" in texts(figure)
    lines = [path for path in artist(figure, "stems").get_paths() if len(path.vertices) == 2]
    assert len(lines) == 400


def test_the_most_important_edges_are_kept_and_the_rest_counted():
    model, x = make([4, 6, 2])
    scores = edge_scores(model, x)
    figure = plot_network(model, x, max_edges=10, beta=1.0)
    every = torch.cat([score.flatten() for score in scores]).sort(descending=True).values[:10]
    shown = np.sort(artist(figure, "functions").get_colors()[:, 3])[::-1]
    np.testing.assert_allclose(shown, np.tanh(every.numpy()), atol=1e-12)
    assert "the 10 most important of 36 edges" in texts(figure)
    assert not any("most important" in text for text in texts(plot_network(model, x, max_edges=36)))


def test_one_row_is_marked_on_curves_over_the_domain():
    model, x = make([2, 3, 1])
    figure = plot_network(model, x[:1])
    assert count(figure, "functions") == count(figure, "marks") == 9
    assert artist(figure, "functions").get_colors()[:, 3].max() == pytest.approx(math.tanh(3))
    assert artist(plot_network(model, x), "marks") is None
    # Each dot lies on its curve.
    curves = [path.vertices for path in artist(figure, "functions").get_paths()]
    for dot, curve in zip(artist(figure, "marks").get_offsets(), curves, strict=True):
        assert np.interp(dot[0], curve[:, 0], curve[:, 1]) == pytest.approx(dot[1], abs=0.01)


def test_constant_inputs_and_dead_edges():
    model, x = make([3, 2, 1])
    x[:, 1] = 0.25
    with torch.no_grad():
        model.layers[0].coef[2] = 0
        model.layers[0].base_weight[2] = 0
    figure = plot_network(model, x)
    edges = drawn_edges(figure, model)
    assert len(edges) == model.n_edges
    for j in range(2):
        assert edges[0, 1, j][0] == 0  # constant
        assert edges[0, 2, j][0] == 0  # dead
        assert np.ptp(edges[0, 2, j][1][:, 1]) == 0
    assert all(np.isfinite(curve).all() for _, curve in edges.values())
    assert len(drawn_edges(plot_network(model, x * 0 + 5), model)) == model.n_edges  # everything constant, off the grid


def test_symbolic_edges_would_stand_out(monkeypatch):
    model, x = make([2, 2, 1])
    kinds = {(0, 1): "symbolic"}
    monkeypatch.setattr(network_module, "edge_kind", lambda layer, i, j: kinds.get((i, j), "spline"))
    frames = artist(plot_network(model, x), "frames")
    heavy = np.array(frames.get_linewidths()) > 1
    coloured = np.ptp(frames.get_edgecolors()[:, :3], axis=1) > 0.3
    assert heavy.sum() == 1
    np.testing.assert_array_equal(heavy, coloured)


def test_ticks_show_the_ranges():
    model, x = make([2, 1, 1])
    shown = texts(plot_network(model, x, tick=True))
    assert len(shown) == 3 + 4 * model.n_edges
    assert f"{float(x[:, 0].max()):.2g}" in shown
    assert f"{float(x[:, 0].min()):.2g}".replace("-", "\N{MINUS SIGN}") in shown


def test_scale_enlarges_text_and_lines():
    model, x = make([2, 2, 1])
    small, large = plot_network(model, x), plot_network(model, x, scale=2)
    assert large.axes[0].texts[0].get_fontsize() == 2 * small.axes[0].texts[0].get_fontsize()
    assert artist(large, "functions").get_linewidth()[0] == 2 * artist(small, "functions").get_linewidth()[0]


def test_given_axes_are_used():
    model, x = make([2, 5, 1])
    figure = Figure(figsize=(8, 3))
    left, right = figure.subplots(1, 2)
    assert plot_network(model, x, ax=right) is figure
    assert not left.collections
    assert right.collections
    inner = figure.subfigures(1, 2)[0].subplots()
    assert plot_network(model, x, ax=inner) is figure


@pytest.mark.parametrize("size", [(1.0, 1.0), (0.3, 4.0), (4.0, 0.3)])
def test_axes_too_small_still_get_a_drawing(size):
    model, x = make([6, 3, 2], input_names=[f"unbreakablefeaturename{n}" for n in range(6)])
    figure = Figure(figsize=size)
    plot_network(model, x, ax=figure.add_axes((0, 0, 1, 1)), tick=True, title="title")
    frames = artist(figure, "frames")
    assert frames is None or all(np.ptp(path.vertices[:, 0]) > 0 for path in frames.get_paths())
    heights = [path.vertices[-1, 1] - path.vertices[0, 1] for path in artist(figure, "stems").get_paths()]
    assert min(heights) > 0  # upwards, every one
    figure.savefig(io.BytesIO(), format="png")


def test_text_is_readable_on_a_dark_figure():
    model, x = make([2, 2, 1])
    dark = Figure(facecolor="#101418")
    plot_network(model, x, ax=dark.add_subplot())
    assert dark.axes[0].texts[0].get_color() == "#f2f2f2"
    assert artist(dark, "functions").get_colors()[:, :3].min() > 0.9
    assert plot_network(model, x).axes[0].texts[0].get_color() == "#1a1a1a"


def test_svg_is_vector_and_the_same_every_time(global_random_state_untouched):
    model, x = make([2, 5, 1], input_names=["a<b", "c&d"])
    pictures = []
    for _ in range(2):
        stream = io.StringIO()
        with mpl.rc_context({"svg.hashsalt": "fixed", "svg.fonttype": "none"}):
            plot_network(model, x).savefig(stream, format="svg", metadata={"Date": None})
        pictures.append(stream.getvalue())
    assert pictures[0] == pictures[1]
    root = ET.fromstring(pictures[0])
    assert "a<b" in ["".join(node.itertext()).strip() for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert not list(root.iter("{http://www.w3.org/2000/svg}image"))


def test_notebooks_get_a_png_without_pyplot():
    model, x = make([2, 2, 1])
    figure = plot_network(model, x)
    data, size = figure._repr_png_()
    assert data.startswith(b"\x89PNG")
    assert size["width"] == round(figure.get_size_inches()[0] * 96)
    assert figure._repr_html_() is None


@pytest.mark.parametrize("kind", ["frame", "array", "list", "float32 tensor"])
def test_data_of_any_kind(kind):
    model, x = make([2, 3, 1])
    x = x.float().double()
    given = {
        "frame": pd.DataFrame(x.numpy(), columns=["a", "b"]),
        "array": x.numpy(),
        "list": x.tolist(),
        "float32 tensor": x.float().requires_grad_(),
    }[kind]
    expected = artist(plot_network(model, x), "functions").get_colors()
    np.testing.assert_array_equal(artist(plot_network(model, given), "functions").get_colors(), expected)


def test_a_float32_model():
    model = KAN([2, 3, 1], seed=0)
    assert count(plot_network(model, np.random.default_rng(0).uniform(-1, 1, (50, 2))), "functions") == 9


def test_without_data_the_grid_or_the_summary_of_fit_stands_in(global_random_state_untouched):
    model, _ = make([3, 2, 1], grid_range=(-2, 3))
    data = default_data(model)
    torch.testing.assert_close(data.aminmax(dim=0).min, torch.full((3,), -2.0, dtype=F64))
    torch.testing.assert_close(data.aminmax(dim=0).max, torch.full((3,), 3.0, dtype=F64))
    assert float(torch.corrcoef(data.T).fill_diagonal_(0).abs().max()) < 0.15  # independent
    assert torch.equal(data, default_data(model))

    rows = torch.randn(500, 3, generator=torch.Generator().manual_seed(0), dtype=F64) * 4 + 10
    rows[:, 2] = (rows[:, 2] > 10).double()  # a binary column
    levels = torch.linspace(0, 1, 33, dtype=F64)
    model.input_summary = torch.quantile(rows, levels, dim=0)
    data = default_data(model)
    # The summary is linear between its 33 quantiles and the stand-in has 512 rows: both within a step.
    torch.testing.assert_close(torch.quantile(data, levels, dim=0), model.input_summary, rtol=0, atol=0.05)
    assert plot_network(model).axes
    shown = texts(plot_network(model, tick=True))
    assert f"{float(rows[:, 0].max()):.2g}" in shown


def test_bad_arguments():
    model, x = make([2, 3, 1])
    with pytest.raises(ShapeError, match=r"`x` must be a \(rows, 2\) tensor with at least one row; got \(0, 2\)"):
        plot_network(model, x[:0])
    with pytest.raises(ShapeError, match=r"\(rows, 2\) tensor.*got \(40, 1\)"):
        plot_network(model, x[:, :1])
    x[3, 0] = math.inf
    with pytest.raises(DomainError, match="row 3, column 0"):
        plot_network(model, x)
    for name in ("beta", "scale"):
        for value in (0, -1.0, math.nan, math.inf):
            with pytest.raises(ParameterError, match=f"`{name}` must be a finite number > 0"):
                plot_network(model, **{name: value})
    for value in (0, 2.5):
        with pytest.raises(ParameterError, match="`max_edges` must be an int >= 1"):
            plot_network(model, max_edges=value)
    with pytest.raises(ParameterError, match="`in_names` must have 2 names; got 1"):
        plot_network(model, in_names=["a"])
    with pytest.raises(ParameterError, match="`out_names` must have 1 names; got 3"):
        plot_network(model, out_names="abc")
    with pytest.raises(ParameterError, match=r"`x` must be numbers, shape \(rows, 2\): could not convert string"):
        plot_network(model, [["a", "b"]])
    with pytest.raises(ParameterError, match=r"`model` must be a KAN.*got MLP"):
        plot_network(MLP([2, 3, 1]))


def test_elementary_functions_are_named_in_their_frames():
    model, x = make([2, 2, 1])
    model.fix_symbolic(0, 1, 0, "x^2", x)
    model.fix_symbolic(1, 0, 0, "exp", x)
    names = [text.get_text() for text in plot_network(model, x).axes[0].texts]
    assert {"x^2", "exp"} <= set(names)
    assert "spline" not in names

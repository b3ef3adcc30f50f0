"""Pictures of curvature: what is drawn is what was computed."""

import math

import numpy as np
import pytest
import torch
from matplotlib.colors import LogNorm

from edgewise.curvature import density
from edgewise.curvature.landscape import Line, Surface
from edgewise.plot import plot_line, plot_slice, plot_spectrum

F64 = torch.float64


@pytest.mark.parametrize("scale", [1.0, 1e-8])
def test_a_spectrum(scale):
    found = density(scale * torch.diag(torch.tensor([-0.5, 0.0, 0.0, 2.0], dtype=F64)), 10, 2)
    (ax,) = plot_spectrum(found).axes
    assert ax.get_yscale() == "log"
    np.testing.assert_allclose(ax.lines[0].get_ydata(), found.pdf(found.grid(1024)))
    assert len(ax.collections[-1].get_segments()) == len(found.nodes)
    assert ax.texts[0].get_text() == f"near zero: 50%\nlargest: {2 * scale:.3g}\nsmallest: {-0.5 * scale:.3g}"
    plot_spectrum(density(torch.zeros(3, 3)))  # no range at all


def test_lines():
    t = torch.linspace(-1, 2, 5, dtype=F64)
    loss = torch.stack([t**2 + 0.01, (t - 1) ** 2 + 1])
    loss[1, 0] = math.inf
    (ax,) = plot_line(Line(t, loss, ["first", "second"])).axes
    assert ax.get_yscale() == "log"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["first", "second"]
    np.testing.assert_allclose(ax.lines[0].get_ydata(), loss[0])
    assert math.isnan(ax.lines[1].get_ydata()[0])  # a gap
    assert [line.get_xdata()[0] for line in ax.lines[2:]] == [0.0, 1.0]
    (ax,) = plot_line(Line(t[2:], loss[1:, 2:], [""])).axes
    assert ax.get_yscale() == "linear"
    assert ax.get_legend() is None


@pytest.mark.parametrize("case", ["decades", "narrow", "flat", "holes"])
def test_planes(case):
    a = torch.linspace(-1, 1, 9, dtype=F64)
    loss = {"decades": 1e-6, "narrow": 1.0, "flat": 1.0, "holes": 1.0}[case] + a[:, None] ** 2 + 2 * a**4
    loss = torch.ones_like(loss) if case == "flat" else loss
    if case == "holes":
        loss[0, 0], loss[1, 1] = math.nan, math.inf
    surface = Surface(a, a, loss, torch.zeros(2, 3), ("left", "up"))
    figure = plot_slice(surface)
    figure.canvas.draw()
    ax, bar = figure.axes
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("left", "up")
    assert bar.get_ylabel() == "loss"
    assert isinstance(ax.collections[0].norm, LogNorm) == (case == "decades")


def test_the_first_direction_runs_to_the_right():
    a = torch.linspace(-1, 1, 9, dtype=F64)
    surface = Surface(a, a, (2 + a[:, None]).expand(9, 9), torch.zeros(2, 3), ("left", "up"))
    (ax, _) = plot_slice(surface).axes
    for path in ax.collections[1].get_paths()[1:-1]:  # contours stand upright
        assert np.ptp(path.vertices[:, 0]) < 1e-9
        assert np.ptp(path.vertices[:, 1]) == pytest.approx(2)

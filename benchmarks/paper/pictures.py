"""What `--figure` draws for knots, their relations, mobility edges and the demonstrations of KAN 2.0."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy

from benchmarks.accuracy import laws
from benchmarks.accuracy.training import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_GREY = "0.7"


def _panels(rows: int, columns: int, width: float, height: float) -> tuple[Any, list[Any]]:
    """A figure without `pyplot`, whose state is global, and its axes, row by row."""
    from matplotlib.figure import Figure

    picture = Figure(figsize=(width, height), layout="constrained")
    return picture, list(picture.subplots(rows, columns, squeeze=False).flat)


# ----------------------------------------------------------------------------------------------------- knots


def knots(
    path: str,
    measured: Mapping[str, Sequence[Record]],
    published: Mapping[str, float],
    shares: Mapping[str, Mapping[str, float]],
) -> None:
    """Accuracy against parameters, every split and the median; what passes through each input.

    Args:
        path: of the file.
        measured: records of every model; those without a number of parameters are left out.
        published: accuracies, drawn as lines, by name.
        shares: model to the share of each input.
    """
    from matplotlib import colormaps

    picture, (left, right) = _panels(1, 2, 12, 6)
    for colour, (name, records) in zip(colormaps["tab20"].colors, measured.items(), strict=False):  # pyright: ignore[reportAttributeAccessIssue]
        if not isinstance(records[0]["parameters"], int):
            continue
        tests = [record["test"] for record in records]
        size = records[0]["parameters"]
        left.plot([size] * len(tests), tests, ".", color=colour, alpha=0.5)
        left.plot(size, statistics.median(tests), "o", color=colour, label=name)
    for style, (name, accuracy) in zip(("-", "--", ":"), published.items(), strict=False):
        left.axhline(accuracy, color=_GREY, linestyle=style, zorder=0, label=f"published: {name}")
    left.set(xscale="log", xlabel="parameters", ylabel="test accuracy")
    picture.legend(fontsize=7, loc="outside lower left", ncols=4)
    for number, (name, share) in enumerate(shares.items()):
        order = sorted(next(iter(shares.values())).items(), key=lambda item: item[1])
        places = np.arange(len(order)) + 0.4 * (0.5 - number)
        right.barh(places, [share[column] for column, _ in order], height=0.38, label=name)
        right.set_yticks(np.arange(len(order)), [column for column, _ in order], fontsize=7)
    right.set_xlabel("share of the attribution")
    if shares:
        right.legend(fontsize=7, loc="lower right")
    picture.savefig(path, dpi=160)


def relations(path: str, networks: Sequence[Record], symbols: Sequence[str]) -> None:
    """Which inputs each network uses: a line per network, darker where an input's score is higher."""
    used = [dict(zip(record["inputs"], record["scores"], strict=True)) for record in networks]
    order = sorted(range(len(networks)), key=lambda n: [-used[n].get(symbol, 0.0) for symbol in symbols])
    scores = np.array([[used[n].get(symbol, 0.0) for symbol in symbols] for n in order])
    picture, (axes,) = _panels(1, 1, 8, 1.5 + 0.16 * len(networks))
    axes.imshow(scores, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(symbols)), symbols, rotation=60, ha="right", fontsize=8)
    labels = [f"{networks[n]['lamb']:g}, seed {networks[n]['seed']}: {networks[n]['auc']:.3f}" for n in order]
    axes.set_yticks(range(len(order)), labels, fontsize=6)
    axes.set_ylabel("penalty, seed: area under the curve")
    axes.set_title("inputs of each relation", fontsize=10)
    picture.savefig(path, dpi=160)


# -------------------------------------------------------------------------------------------------- anderson


def mobility_edges(path: str, edges: Sequence[Mapping[str, Any]]) -> None:
    """True and found edges in the plane of energy and `lamb`, for three values of the other parameter.

    Args:
        path: of the file.
        edges: for each panel `title`, `other` (name), `values` of it, `lamb` and `energies` (ranges), `truth` and
            `found`: texts which are zero on the edge.
    """
    picture, panels = _panels(2, (len(edges) + 1) // 2, 10, 7.5)
    for axes, edge in zip(panels, edges, strict=False):
        lamb, energy = np.meshgrid(np.linspace(*edge["lamb"], 201), np.linspace(*edge["energies"], 401))
        for number, value in enumerate(edge["values"]):
            inputs = {"lamb": lamb, "E": energy, edge["other"]: np.full_like(lamb, value)}
            for text, width, alpha, style in ((edge["truth"], 5, 0.3, "-"), (edge["found"], 1.3, 1, "--")):
                axes.contour(
                    lamb, energy, evaluated(text, inputs), levels=[0.0], colors=f"C{number}", linewidths=width,
                    alpha=alpha, linestyles=style,
                )  # fmt: skip
            axes.plot([], [], f"C{number}", label=f"{edge['other']} = {value:g}")
        axes.set(title=edge["title"], xlabel="lamb", ylabel="E")
        axes.title.set_fontsize(9)
        axes.legend(fontsize=7, title="broad: true; dashed: found", title_fontsize=7)
    picture.savefig(path, dpi=160)


def evaluated(text: str, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """A formula's values at arrays of one shape; not a number where it is not real."""
    symbols = {name: sympy.Symbol(name, real=True) for name in inputs}
    function = sympy.lambdify(list(symbols.values()), sympy.sympify(text, locals=symbols), modules="numpy")
    with np.errstate(all="ignore"):
        values = np.asarray(function(*inputs.values()))
    values = np.broadcast_to(values, np.broadcast_shapes(*(value.shape for value in inputs.values())))
    return np.where(np.abs(values.imag) > 0, np.nan, values.real)


# ------------------------------------------------------------------------------------------------------ kan2


def demonstrations(path: str, formulas: Mapping[str, str], fastest: float) -> None:
    """The functions found by the first seed: invariants along a motion, kinetic energy, laws against their truth.

    Args:
        path: of the file.
        formulas: what was found, by the name of the demonstration.
        fastest: end of the velocities that the Lagrangian was found on.
    """
    draw: dict[str, Callable[[Axes, str], None]] = {
        "1-D oscillator": _levels,
        "2-D oscillator": _along_a_motion,
        "relativistic Lagrangian": lambda axes, text: _kinetic(axes, text, fastest),
    }
    picture, panels = _panels(-(-len(formulas) // 3), min(3, len(formulas)), 12, 3.8 * -(-len(formulas) // 3))
    for axes, (name, text) in zip(panels, formulas.items(), strict=False):
        draw.get(name, lambda axes, text, name=name: _law(axes, text, name))(axes, text)
        axes.set_title(name, fontsize=9)
    for axes in panels[len(formulas) :]:
        axes.set_axis_off()
    picture.savefig(path, dpi=160)


def _levels(axes: Axes, text: str) -> None:
    """Levels of the energy and a motion, which stays on one."""
    x, p = np.meshgrid(np.linspace(-1, 1, 101), np.linspace(-1, 1, 101))
    axes.contour(x, p, evaluated(text, {"x": x, "p": p}), levels=8, colors=_GREY, linewidths=0.8)
    time = np.linspace(0, 2 * np.pi, 200)
    axes.plot(0.7 * np.cos(time), -0.7 * np.sin(time), "C0", label="a motion")
    axes.set(xlabel="x", ylabel="p", aspect="equal")
    axes.legend(fontsize=7)


def _along_a_motion(axes: Axes, text: str) -> None:
    """Every invariant over time, and what is none, x."""
    time = np.linspace(0, 2 * np.pi, 200)
    motion = {"x": 0.8 * np.cos(time), "y": 0.5 * np.cos(time + 1), "px": -0.8 * np.sin(time)}
    motion["py"] = -0.5 * np.sin(time + 1)
    axes.plot(time, motion["x"], color=_GREY, label="x")
    for one in text.split("; "):
        axes.plot(time, evaluated(one, motion), label=one)
    axes.set(xlabel="time", ylabel="value along a motion")
    axes.legend(fontsize=6)


def _kinetic(axes: Axes, text: str, fastest: float) -> None:
    """T(v), and how far it is from the truth."""
    v = np.linspace(-0.99 * fastest, 0.99 * fastest, 201)
    found = evaluated(text.removeprefix("L = "), {"v": v, "x": np.zeros_like(v)})
    truth = -np.sqrt(1 - v**2)
    axes.plot(v, truth, color=_GREY, linewidth=5, label="-sqrt(1 - v^2)")
    axes.plot(v, found, "C0--", label=f"found, off by at most {np.nanmax(np.abs(found - truth)):.1e}")
    axes.set(xlabel="v", ylabel="kinetic part of L")
    axes.legend(fontsize=7)


def _law(axes: Axes, text: str, name: str) -> None:
    """Found against true, at random points."""
    law = next(one for one in laws.LAWS if one.name == name)
    draw = np.random.default_rng(0)
    inputs = {v: draw.uniform(*ends, 300) for v, ends in zip(law.variables, law.ranges, strict=True)}
    truth, found = evaluated(law.formula, inputs), evaluated(text, inputs)
    ends = [truth.min(), truth.max()]
    axes.plot(ends, ends, color=_GREY, linewidth=5)
    axes.plot(truth, found, "C0.", markersize=3, label=f"off by at most {np.nanmax(np.abs(found - truth)):.1e}")
    axes.set(xlabel="true", ylabel="found")
    axes.legend(fontsize=7)

"""Pictures, as pyplot's current figure, which is where a pykan script looks for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from edgewise.errors import ParameterError
from edgewise.plot import plot_edge, plot_network, plot_tree
from edgewise.pykan.messages import say
from edgewise.pykan.molecules import tree_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from edgewise.pykan.MultKAN import MultKAN


def _into_pyplot(draw: Callable[[Axes | None], Figure]) -> None:
    """Draw once for the size, and again into a figure of that size which pyplot knows."""
    from matplotlib import pyplot

    size = draw(None).get_size_inches()
    draw(pyplot.figure(figsize=tuple(size)).add_axes((0.0, 0.0, 1.0, 1.0)))


def plot(
    model: MultKAN, folder: str | None, beta: float, metric: str, scale: float, tick: bool, sample: bool, in_vars: Any,
    out_vars: Any, title: str | None,
) -> None:  # fmt: skip
    """Draw the network into a new figure of pyplot's.

    Args:
        model: the network.
        folder: where to write a picture of every edge; nothing is written when absent.
        beta: contrast.
        metric: what makes an edge dark: `"backward"`, `"forward_n"` or `"forward_u"`.
        scale: size, with pykan's 0.5 as it is.
        tick: write ranges at the functions.
        sample: not served.
        in_vars: names of the inputs, text or sympy.
        out_vars: names of the outputs.
        title: line above.

    Raises:
        ParameterError: another metric, or `sample`.
    """
    if sample:
        raise ParameterError(
            "`sample` must be False: the network's picture has no points. "
            "`edgewise.plot.plot_edge(model.kan, l, i, j, x)` shows one edge with the values that reach it."
        )
    data = None if model.cache_data is None else model.seen.x
    options: dict[str, Any] = {"beta": beta, "scale": 2 * scale, "tick": tick, "title": title}
    options |= {"in_names": _names(in_vars), "out_names": _names(out_vars), "scores": _scores(model, metric)}
    _into_pyplot(lambda ax: plot_network(model.kan, data, ax=ax, **options))
    if folder is not None:
        _write_edges(model, Path(folder))


def _scores(model: MultKAN, metric: str) -> list[Tensor] | None:
    if metric not in ("backward", "forward_n", "forward_u"):
        raise ParameterError(f'`metric` must be "backward", "forward_n" or "forward_u"; got {metric!r}.')
    if model.cache_data is None:
        return None
    kinds = {"backward": "edge_scores", "forward_n": "acts_scale", "forward_u": "edge_actscale"}
    return [score.mT for score in getattr(model, kinds[metric])]


def _names(names: Any) -> list[str] | None:
    """Names as text; a sympy expression as mathematics."""
    if names is None:
        return None
    import sympy

    return [f"${sympy.latex(name)}$" if isinstance(name, sympy.Basic) else str(name) for name in names]


def _write_edges(model: MultKAN, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    data = None if model.cache_data is None else model.seen.x
    for l, layer in enumerate(model.kan.layers):
        for i, j in layer.mask.nonzero().tolist():
            plot_edge(model.kan, l, i, j, data).savefig(folder / f"sp_{l}_{i}_{j}.png")


def write_step(model: MultKAN, folder: str, step: int, beta: float, in_vars: Any, out_vars: Any) -> None:
    """Write the picture of a training step.

    Args:
        model: the network.
        folder: made where it is not there.
        step: its number.
        beta: contrast.
        in_vars: names of the inputs.
        out_vars: names of the outputs.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    names = _names(in_vars), _names(out_vars)
    title = f"Step {step}"
    figure = plot_network(model.kan, model.seen.x, beta=beta, title=title, in_names=names[0], out_names=names[1])
    figure.savefig(Path(folder) / f"{step}.jpg", dpi=200)


def tree(
    model: MultKAN, x: Any, in_var: Any, style: str, sym_th: float, sep_th: float, skip_sep_test: bool, verbose: bool
) -> None:
    """Draw how the inputs combine, see `molecules.plot_tree`, into a new figure of pyplot's.

    Args:
        model: the network.
        x: `(N, inputs)` data; what the model saw last when absent.
        in_var: names of the inputs.
        style: `"tree"` or `"box"`.
        sym_th: see there.
        sep_th: see there.
        skip_sep_test: see there.
        verbose: see there.
    """
    data = model.seen.x if x is None else model.chosen(x)
    found = tree_of(model.kan, data, in_var, style, sym_th, sep_th, skip_sep_test, verbose)
    _into_pyplot(lambda ax: plot_tree(found, ax, scores=False))


def get_range(model: MultKAN, l: int, i: int, j: int, verbose: bool) -> tuple[Any, Any, Any, Any]:
    """Least and largest input and output of an edge.

    Args:
        model: the network.
        l: layer.
        i: input node.
        j: sum of the next layer.
        verbose: say them on stderr.

    Returns:
        `x_min, x_max, y_min, y_max`.
    """
    x, y = samples(model, l, i, j)
    found = x.min(), x.max(), y.min(), y.max()
    if verbose:
        say("x range: [{:.2f}, {:.2f}]\ny range: [{:.2f}, {:.2f}]".format(*map(float, found)))
    return found


def get_fun(model: MultKAN, l: int, i: int, j: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and outputs of an edge, in order, and their picture as pyplot's current figure.

    Args:
        model: the network.
        l: layer.
        i: input node.
        j: sum of the next layer.

    Returns:
        Both, `(N,)`.
    """
    from matplotlib import pyplot

    x, y = samples(model, l, i, j)
    order = x.argsort()
    pyplot.figure(figsize=(3, 3)).add_subplot().plot(x[order], y[order], marker="o")
    return x[order], y[order]


def samples(model: MultKAN, l: int, i: int, j: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and outputs of an edge on what the model saw last.

    Args:
        model: the network.
        l: layer.
        i: input node.
        j: sum of the next layer.

    Returns:
        Both, `(N,)`.
    """
    model.kan.layer_of(l, i, j)
    seen = model.seen
    return seen.acts[l][:, i].cpu().numpy(), seen.spline_postacts[l][:, j, i].cpu().numpy()


def plot_scores(scores: Tensor) -> None:
    """Bars of the inputs' scores, as pyplot's current figure.

    Args:
        scores: `(inputs,)`.
    """
    from matplotlib import pyplot

    axes = pyplot.figure(figsize=(max(2, len(scores)), 3)).add_subplot()
    axes.bar(range(len(scores)), scores.detach().cpu().numpy())
    axes.set_xticks(range(len(scores)))

"""A network as one JSON object: all that the page needs to compute it, and what it knows of the data.

Version 1 is documented in `docs/explorer.md`. A function of the user's own cannot run in the page: it travels as a fine
spline, marked `sampled`.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import torch
from torch import Tensor

from edgewise.errors import DomainError, ParameterError
from edgewise.explorer.arrays import code_of, encode
from edgewise.explorer.data import SAMPLE_ROWS, input_quantiles, losses, summary, thinned
from edgewise.explorer.subject import Subject, labels_as_columns, subject_of
from edgewise.layers import FUNCTIONS, KANLayer
from edgewise.models import KAN, spline_layers
from edgewise.splines import fit_coef, uniform_knots

FORMAT, VERSION = "edgewise-explorer", 1
PRECISIONS = ("f4", "f8")
_CELLS = 400
"""Intervals of the cubic spline that stands for a function of the user's own."""
_MOST_FORMULA_EDGES = 30


def payload_of(
    model: Any,
    x: Any = None,
    y: Any = None,
    *,
    data: bool = False,
    precision: str | None = None,
    title: str | None = None,
    source: str | None = None,
) -> dict[str, Any]:
    """Everything the page needs.

    Args:
        model: a `KAN`, `KANRegressor` or `KANClassifier`.
        x: inputs as the model takes them, a pair `(x, y)`, or a dict of data as `create_dataset` gives it; stand-ins
            when None.
        y: labels; with them the page shows losses.
        data: whether a sample of at most 1,000 rows may go into the page; else only quantiles do.
        precision: `"f4"` or `"f8"` for the parameters; as in the model when None.
        title: heading of the page.
        source: the Python expression that gives this model in a script, such as `KAN.load('model.safetensors')`.

    Returns:
        A dict that `json` can write.

    Raises:
        ParameterError: an argument is outside its documented set, or the model is not one the page can compute.
        ShapeError: data that do not fit.
        DomainError: NaN or infinity in data or parameters.
    """
    if precision not in (None, *PRECISIONS):
        raise ParameterError(f"`precision` must be None or one of {PRECISIONS}; got {precision!r}.")
    return payload_of_subject(subject_of(model, x, y), data=data, precision=precision, title=title, source=source)


def payload_of_subject(
    subject: Subject,
    *,
    data: bool = False,
    precision: str | None = None,
    title: str | None = None,
    source: str | None = None,
) -> dict[str, Any]:
    """`payload_of` where the subject is already there; the arguments are the same."""
    network = subject.network
    nodes, measured = summary(subject)
    inputs = zip(subject.inputs, input_quantiles(subject, nodes[0]), strict=True)
    return {
        "format": FORMAT,
        "version": VERSION,
        "edgewise": version("edgewise"),
        "title": title or f"KAN {network.width}",
        "model": network_json(network, precision, nodes),
        "inputs": [{**about, "quantiles": quantiles} for about, quantiles in inputs],
        "outputs": subject.outputs,
        "link": subject.link,
        "classes": subject.classes,
        "nodes": [encode(values, "f4", "node values") for values in nodes],
        "deviations": [encode(edges, "f4", "edge values") for edges, _ in measured],
        "sums": [encode(sums, "f4", "sums") for _, sums in measured],
        "loss": losses(subject),
        "sample": _sample(subject) if data and subject.given else None,
        "formula": _formula(subject),
        "source": source,
    }


# ------------------------------------------------------------------------------------------ the network


def network_json(model: KAN, precision: str | None = None, nodes: list[Tensor] | None = None) -> dict[str, Any]:
    """The `model` part of a payload.

    Args:
        model: the network.
        precision: as for `payload_of`.
        nodes: `(I, 33)` quantiles of the values that enter each layer: where functions of the user's own are sampled;
            the domains of the grids when None.

    Returns:
        A dict that `json` can write.

    Raises:
        DomainError: a parameter is NaN or infinite, or a function of the user's own is not defined on its values.
    """
    layers = spline_layers(model, "the explorer")
    first = layers[0]
    code = precision or code_of(first.knots.dtype)
    ranges = [layer.domain.double().cpu() for layer in layers]
    if nodes is not None:
        ranges = [torch.stack([own[:, 0], own[:, -1]], dim=1) for own in nodes]
    return {
        "width": model.width,
        "k": model.k,
        "mult_arity": model.mult_arity,
        "base_fun": first.base_fun,
        "outside": first.outside,
        "layers": [_layer_json(layer, code, l, own) for l, (layer, own) in enumerate(zip(layers, ranges, strict=True))],
    }


def _layer_json(layer: KANLayer, code: str, l: int, ranges: Tensor) -> dict[str, Any]:
    def array(name: str, values: Tensor) -> dict[str, Any]:
        return encode(values, code, f"`{name}` of layer {l}")

    scale = layer.spline_scale
    return {
        "knots": array("knots", layer.knots),
        "coef": array("coef", layer.spline_weight),
        "base": array("scale_base", layer.base_weight),
        "spline_scale": None if scale is None else array("scale_sp", scale),
        "mask": encode(layer.mask, "f4", "mask"),
        "symbolic": _symbolic_json(layer, l, ranges),
    }


def _symbolic_json(layer: KANLayer, l: int, ranges: Tensor) -> list[dict[str, Any]]:
    own = layer.symbolic
    if own is None:
        return []
    entries = []
    for (i, j), function, numbers in zip(own.edges, own.functions, own.affine.detach().double().tolist(), strict=True):
        entry: dict[str, Any] = {"i": i, "j": j, "name": function.name, "affine": numbers}
        if not all(map(torch.isfinite, torch.tensor(numbers))):
            raise DomainError(f"the numbers of edge ({l}, {i}, {j}) must be finite to be shown; got {numbers}.")
        if FUNCTIONS.get(function.name) is not function:
            entry["sampled"] = _sampled(layer, l, i, j, ranges[i])
        entries.append(entry)
    return entries


def _sampled(layer: KANLayer, l: int, i: int, j: int, ends: Tensor) -> dict[str, Any]:
    """The whole edge `c f(a x + b) + d` as a cubic spline over the values that reach it."""
    lo, hi = ends.tolist()
    margin = 0.1 * (hi - lo) or 1.0
    for extra in (margin, 0.0):  # a function may end where the data do
        edge = torch.tensor([[lo - extra, hi + extra]], dtype=torch.float64)
        knots = uniform_knots(edge[:, 0], edge[:, 1], _CELLS, 3)
        points = torch.linspace(lo - extra, hi + extra, 8 * _CELLS, dtype=torch.float64)
        values = _edge_at(layer, i, j, points)
        if bool(values.isfinite().all()):
            coef = fit_coef(points[:, None], values[:, None], knots, 3)[0, :, 0]
            return {"knots": encode(knots, "f8", "knots"), "coef": encode(coef, "f8", "samples")}
    raise DomainError(
        f"the function of edge ({l}, {i}, {j}) has no finite value somewhere in [{lo:g}, {hi:g}], the range of its "
        "node; the explorer cannot draw it. Free the edge with `model.unfix_symbolic(l, i, j)`."
    )


@torch.no_grad()
def _edge_at(layer: KANLayer, i: int, j: int, points: Tensor) -> Tensor:
    """`(N,)` values of an edge with an elementary function, as if it were not removed."""
    own: Any = layer.symbolic
    rows = layer.knots.new_zeros(len(points), layer.in_features)
    rows[:, i] = points.to(rows)
    return own.values(rows, own.affine)[:, own.find(i, j)].double().cpu()


# ------------------------------------------------------------------------------------- sample and formula


def _sample(subject: Subject) -> dict[str, Any]:
    code, y = code_of(subject.x.dtype), subject.y
    x = encode(thinned(subject.x, SAMPLE_ROWS), code, "`x`")
    if y is None:
        return {"x": x, "y": None}
    return {"x": x, "y": encode(labels_as_columns(thinned(y, SAMPLE_ROWS), subject.network.out_features), code, "`y`")}


def _formula(subject: Subject) -> list[dict[str, str]] | None:
    """What Python reads, one entry per output, where every edge has a built-in function and they are not too many."""
    network = subject.network
    edges = [(l, *edge) for l, layer in enumerate(network.layers) for edge in layer.mask.nonzero().tolist()]
    named = network.symbolic_edges
    if len(edges) > _MOST_FORMULA_EDGES or not all(named.get(edge) in FUNCTIONS for edge in edges):
        return None
    import sympy

    formula = network.formula() if subject.owner is None else subject.owner.formula()
    entries = []
    for n, expression in enumerate(formula.expressions):
        one = formula.with_expressions([expression])
        one.output_names = [formula.output_names[n]]
        plain = all(str(symbol).isidentifier() for symbol in formula.symbols)
        text = str(expression) if plain else sympy.srepr(expression)
        entries.append({"latex": one.latex(digits=6), "python": one.python(), "sympy": text})
    return entries

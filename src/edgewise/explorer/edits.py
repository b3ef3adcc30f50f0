"""What was done in the page, done in Python: `apply_edits` gives the same model to the last bit."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import torch

from edgewise.errors import ParameterError
from edgewise.layers import FUNCTIONS, KANLayer
from edgewise.layers.functions import Function
from edgewise.layers.symbolic import PARAMETERS
from edgewise.models import KAN, spline_layers

OPS = {
    "coef": {"index", "value"},
    "base": {"value"},
    "fix": {"name", "affine"},
    "unfix": set(),
    "prune": set(),
    "restore": set(),
}
"""Every kind of edit, and what it holds beside `op` and `edge`."""


def apply_edits(model: Any, edits: Sequence[Mapping[str, Any]]) -> Any:
    """Repeat what was done in the page.

    Args:
        model: a `KAN`, `KANRegressor` or `KANClassifier`; it is not changed.
        edits: in order, each with `op` and `edge` `[l, i, j]`: `coef` (sets coefficient `index` to `value`), `base`
            (sets the factor of the residual function to `value`), `fix` (gives the elementary function `name` with
            `affine` a, b, c, d, p), `unfix`, `prune` or `restore`.

    Returns:
        A new model.

    Raises:
        ParameterError: an edit cannot be applied; the message says which, and why. Nothing is applied then.
    """
    if not isinstance(edits, Sequence) or isinstance(edits, str):
        raise ParameterError(f"`edits` must be a list of edits; got {type(edits).__name__}.")
    if hasattr(model, "model_"):
        new = copy.copy(model)
        new.model_ = apply_edits(model.model_, edits)
        return new
    if not isinstance(model, KAN):
        raise ParameterError(f"`model` must be a KAN, KANRegressor or KANClassifier; got {type(model).__name__}.")
    new = copy.deepcopy(model)
    for n, edit in enumerate(edits):
        try:
            _apply(new, edit)
        except ParameterError as error:  # noqa: PERF203 the number of the edit is what a reader needs
            raise ParameterError(f"edit {n} cannot be applied: {error} The edit is {_shown(edit)}.") from error
    return new


def overwrite(model: KAN, edited: KAN) -> None:
    """Make a model what its edited copy is, in place; parameters stay the objects that they are.

    Args:
        model: the model.
        edited: what `apply_edits` made of it.
    """
    with torch.no_grad():
        for layer, new in zip(model.layers, edited.layers, strict=True):
            layer.spline_weight.copy_(new.spline_weight)
            layer.base_weight.copy_(new.base_weight)
            layer.set_mask(new.mask)
            layer.symbolic = copy.deepcopy(new.symbolic)


@torch.no_grad()
def _apply(model: KAN, edit: Mapping[str, Any]) -> None:
    op, layer, i, j = _checked(model, edit)
    if op == "coef":
        layer.spline_weight[i, edit["index"], j] = float(edit["value"])
    elif op == "base":
        layer.base_weight[i, j] = float(edit["value"])
    elif op == "fix":
        layer.fix_edge(i, j, _function(model, edit["name"]), [float(v) for v in edit["affine"]])
    elif op == "unfix":
        layer.free_edge(i, j)
    else:
        mask = layer.mask.clone()
        mask[i, j] = 0.0 if op == "prune" else 1.0
        layer.set_mask(mask)


def _checked(model: KAN, edit: Any) -> tuple[str, KANLayer, int, int]:
    """The kind of an edit and where it acts, once all that it holds has been looked at."""
    if not isinstance(edit, Mapping):
        raise ParameterError(f"an edit is an object whose 'op' is one of {', '.join(OPS)}.")
    op, edge = edit.get("op"), edit.get("edge")
    if not isinstance(op, str) or op not in OPS:
        raise ParameterError(f"there is no operation {op!r}; known are {', '.join(map(repr, OPS))}.")
    if set(edit) != {"op", "edge"} | OPS[op]:
        raise ParameterError(f"{op!r} holds {sorted({'op', 'edge'} | OPS[op])}; got {sorted(map(str, edit))}.")
    if not isinstance(edge, Sequence) or len(edge) != 3:
        raise ParameterError(f"'edge' must be [l, i, j]; got {edge!r}.")
    model.layer_of(*edge)  # raises early
    layer = spline_layers(model, "an edit of the explorer")[edge[0]]
    if "value" in edit:
        _check_numbers([edit["value"]], "value")
    if op == "base" and layer.base_fun == "zero":
        raise ParameterError("this model has no residual function, so no edge has a factor of it.")
    if op == "coef":
        index, size = edit["index"], layer.spline_weight.shape[1]
        if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < size:
            raise ParameterError(f"'index' must be a coefficient, 0 to {size - 1}; got {index!r}.")
    if op == "fix":
        affine = edit["affine"]
        if not isinstance(affine, Sequence) or isinstance(affine, str) or len(affine) != PARAMETERS:
            raise ParameterError(f"'affine' must be {PARAMETERS} numbers a, b, c, d, p; got {affine!r}.")
        _check_numbers(affine, "affine")
        _function(model, edit["name"])
    return op, layer, edge[1], edge[2]


def _check_numbers(values: Sequence[Any], name: str) -> None:
    for value in values:
        if not isinstance(value, Real) or isinstance(value, bool) or not math.isfinite(value):
            raise ParameterError(f"{name!r} must be finite; got {value!r}.")


def _function(model: KAN, name: Any) -> Function:
    """A built-in function, or one of the user's own that an edge of the model has."""
    own = {f.name: f for layer in model.layers if layer.symbolic is not None for f in layer.symbolic.functions}
    known = {**FUNCTIONS, **own}
    if not isinstance(name, str) or name not in known:
        raise ParameterError(f"there is no function {name!r}; known are {', '.join(map(repr, known))}.")
    return known[name]


def _shown(edit: Any) -> str:
    text = repr(edit)
    return text if len(text) <= 120 else text[:119] + "\N{HORIZONTAL ELLIPSIS}"

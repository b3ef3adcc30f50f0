"""The data that an analysis looks at: checked, or stand-ins where none are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from edgewise.errors import DomainError, ParameterError, ShapeError
from edgewise.models import KAN
from edgewise.preprocess import is_frame
from edgewise.train.data import in_order


def as_data(model: KAN, x: Any) -> Tensor:
    """The data an analysis looks at: `(B, inputs)` in the dtype and on the device of the model.

    Args:
        model: the network.
        x: anything array-like, or a dict or pair of data as `fit` takes it; None stands for `default_data`. A frame
            whose columns are called like the inputs may have them in any order.

    Returns:
        `(B, inputs)` finite data.

    Raises:
        ParameterError: `model` is not a KAN, or `x` is not numeric.
        ShapeError: wrong rank or features, or no rows.
        DomainError: a NaN or infinite entry.
    """
    if not isinstance(model, KAN):
        raise ParameterError(f"`model` must be a KAN, whose edges carry functions; got {type(model).__name__}.")
    if x is None:
        return default_data(model)
    x, _ = from_set(x)
    if is_frame(x):
        x = in_order(x, model.input_names)
    x = as_tensor(x, model.in_features).detach().to(model.layers[0].spline_weight)
    check_data(model, x)
    return x


def as_tensor(x: Any, inputs: int | str = "inputs") -> Tensor:
    """Anything array-like as a tensor; a tensor as it is.

    Args:
        x: the data.
        inputs: how many columns are expected, for the message.

    Returns:
        A tensor.

    Raises:
        ParameterError: `x` is not numeric.
    """
    if isinstance(x, Tensor):
        return x
    return as_numbers(x, "x", f", shape (rows, {inputs})")


def as_numbers(values: Any, what: str, shape: str = "") -> Tensor:
    """Anything array-like as a new float64 tensor on the CPU.

    Args:
        values: the numbers.
        what: their name, for the message.
        shape: which shape is expected, for the message.

    Returns:
        A tensor that shares no storage with them.

    Raises:
        ParameterError: they are not numeric.
    """
    try:
        own = values.detach().cpu().numpy() if isinstance(values, Tensor) else values
        return torch.from_numpy(np.array(own, dtype=float))  # a copy: frames hand out read-only views
    except (TypeError, ValueError) as error:
        column = _first_of_text(values)
        if column is not None:
            raise ParameterError(
                f"`{what}` must be numbers{shape}; column {column!r} is {values[column].dtype}. Leave it out, write it "
                "as columns of 0 and 1, or use a `KANRegressor`, which does."
            ) from None
        raise ParameterError(f"`{what}` must be numbers{shape}: {error}.") from None


def _first_of_text(values: Any) -> Any:
    """The first column of a frame that does not hold numbers, or None."""
    if not is_frame(values):
        return None
    return next((name for name in values.columns if values[name].dtype.kind not in "biuf"), None)


def as_rows(model: KAN, x: Any, y: Any = None) -> tuple[Tensor, Tensor | None]:
    """Data with labels, as the functions of this room take them.

    Args:
        model: the network.
        x: as for `as_data`, or a dict or a pair `(x, y)` of data as `fit` takes it.
        y: `(B, outputs)` or `(B,)` labels, classes as integers `(B,)`; None if there are none.

    Returns:
        Inputs, and labels or None.

    Raises:
        ParameterError: a dict without these entries, or with labels beside it.
        ShapeError: data that do not fit.
        DomainError: NaN or infinity in the data.
    """
    x, y = from_set(x, y)
    data = as_data(model, x)
    if y is None:
        return data, None
    labels = torch.as_tensor(np.array(y)) if not isinstance(y, Tensor) else y.detach()
    classes = not labels.is_floating_point() and labels.dim() == 1 and model.out_features > 1
    if classes:
        expected = (len(data),)
    else:
        labels = labels.to(data)
        labels = labels[:, None] if labels.dim() == 1 and model.out_features == 1 else labels
        expected = (len(data), model.out_features)
    if tuple(labels.shape) != expected:
        raise ShapeError(f"`y` must be {expected}, one row per row of `x`; got {tuple(labels.shape)}.")
    check_labels(labels)
    return data, labels


def from_set(x: Any, y: Any = None) -> tuple[Any, Any]:
    """Inputs and labels of data as `fit` takes them: a dict or a pair; anything else as it is.

    Args:
        x: a dict as `create_dataset` gives it, a tuple `(x, y)` or `(frame, target)`, or inputs.
        y: labels; None beside a dict or a pair.

    Returns:
        Inputs and labels.

    Raises:
        ParameterError: a dict without these entries, a tuple that is no pair, or labels beside one of them.
    """
    if isinstance(x, tuple):
        return _from_pair(x, y)
    if not isinstance(x, Mapping):
        return x, y
    if y is not None:
        raise ParameterError("`y` must be None beside a dict of data, which holds its own 'train_label'.")
    if not {"train_input", "train_label"} <= set(x):
        raise ParameterError(f"a dict of data must hold 'train_input' and 'train_label'; got {sorted(x)}.")
    return x["train_input"], x["train_label"]


def _from_pair(x: tuple[Any, ...], y: Any) -> tuple[Any, Any]:
    """Inputs and labels of `(x, y)`, or of `(frame, name)` or `(frame, [names])`."""
    if y is not None:
        raise ParameterError("`y` must be None beside a pair `(x, y)`, which holds its own labels.")
    if len(x) != 2:
        raise ParameterError(f"a tuple of data must be a pair `(x, y)`; got {len(x)} entries.")
    rows, labels = x
    names = [labels] if isinstance(labels, str) else labels
    if is_frame(rows) and isinstance(names, list) and all(isinstance(name, str) for name in names):
        missing = [name for name in names if name not in rows.columns]
        if missing:
            raise ParameterError(f"the table has no column {missing[0]!r}; its columns are {list(rows.columns)}.")
        return rows.drop(columns=names), rows[labels]
    return rows, labels


def check_labels(labels: Tensor) -> None:
    """Raise for NaN or infinity in labels.

    Raises:
        DomainError: there is one.
    """
    if not bool(labels.isfinite().all()):
        raise DomainError("`y` must be finite; drop or fill rows with NaN or infinity.")


def check_names(names: Sequence[Any], inputs: int) -> list[str]:
    """Names of the inputs as text, each another.

    Args:
        names: of the inputs.
        inputs: how many there must be.

    Returns:
        The names.

    Raises:
        ParameterError: another number, or a name twice.
    """
    found = [str(name) for name in names]
    if len(found) != inputs or len(set(found)) != inputs:
        raise ParameterError(f"`names` must have {inputs} different entries; got {found}.")
    return found


def chosen_columns(frame: Any, names: Sequence[str]) -> Any:
    """The columns of a frame with some names, in their order.

    Args:
        frame: the frame.
        names: of the columns.

    Returns:
        A frame of these columns.

    Raises:
        ShapeError: a column is missing or there twice.
    """
    there = [str(c) for c in frame.columns]
    wrong = [name for name in names if there.count(name) != 1]
    if wrong:
        raise ShapeError(f"`x` must have each of the columns {list(names)} once; {wrong[0]!r} is not there once.")
    return frame.iloc[:, [there.index(name) for name in names]]


def default_data(model: KAN, rows: int = 512) -> Tensor:
    """Stand-in data when none is given, the same at every call.

    Every input alone follows the quantiles that `fit` left in `model.input_summary` (`(Q, inputs)`, evenly
    spaced), or else covers the domain of the first layer's grid evenly; inputs are independent of each
    other, which real data need not be.

    Args:
        model: the network.
        rows: how many rows.

    Returns:
        `(rows, inputs)` data.
    """
    layer = model.layers[0]
    summary = getattr(model, "input_summary", None)
    quantiles = layer.domain.mT if summary is None else summary.to(layer.domain)  # (Q, I)
    own = torch.Generator().manual_seed(0)
    order = torch.rand(rows, model.in_features, generator=own).argsort(dim=0)  # a permutation per input
    position = order.to(quantiles) / (rows - 1) * (len(quantiles) - 1)  # from the first quantile to the last
    below = position.floor().clamp(max=len(quantiles) - 2).long()
    return torch.lerp(quantiles.gather(0, below), quantiles.gather(0, below + 1), position - below)


def check_data(model: KAN, x: Tensor) -> None:
    """Raise unless the model is a KAN and the data are `(B, inputs)`, finite and not empty."""
    if not isinstance(model, KAN):
        raise ParameterError(f"`model` must be a KAN, whose edges carry functions; got {type(model).__name__}.")
    if not isinstance(x, Tensor) or x.dim() != 2 or len(x) == 0 or x.shape[1] != model.in_features:
        got = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
        raise ShapeError(f"`x` must be a (rows, {model.in_features}) tensor with at least one row; got {got}.")
    check_finite(x)


def check_finite(x: Tensor, names: Sequence[str] | None = None) -> None:
    """Raise for NaN or infinity in rows.

    Args:
        x: `(B, inputs)` rows.
        names: of the columns; their numbers are said when absent.

    Raises:
        DomainError: there is one.
    """
    bad = ~torch.isfinite(x)
    if bool(bad.any()):
        row, column = bad.nonzero()[0].tolist()
        raise DomainError(
            f"`x` must be finite; {int(bad.sum())} entries are not (first at row {row}, "
            f"column {column if names is None else repr(names[column])}: {x[row, column]}). Drop or fill those rows."
        )

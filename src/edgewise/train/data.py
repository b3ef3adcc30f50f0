"""Training data in whatever form, checked at the door.

Arrays, lists and frames are converted to the model's dtype and device; *tensors* are taken at their word
and must fit already. Everything is checked once: shapes (labels never broadcast), dtypes, devices, NaN and
infinity (by column and row), emptiness. A `DataLoader` is checked batch by batch as it streams, and its
batches are moved to the model's device.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from edgewise.errors import DomainError, ParameterError, ShapeError
from edgewise.train.losses import Loss, check_labels

_KEYS = ("train_input", "train_label", "test_input", "test_label")
_FORMS = (
    "a dict with 'train_input' and 'train_label', a pair (x, y) of arrays or tensors, (DataFrame, target), "
    "a Dataset or a DataLoader; or pass two arguments, `fit(x, y)`"
)


@dataclass
class Rows:
    """Data in memory.

    Attributes:
        x: `(N, ...)` inputs.
        y: `(N, ...)` labels.
        weight: `(N,)` weights with mean one, or None.
    """

    x: Tensor
    y: Tensor
    weight: Tensor | None = None

    def __len__(self) -> int:
        return len(self.x)

    def take(self, index: "Tensor | slice") -> "Rows":
        """Some of the rows."""
        return Rows(self.x[index], self.y[index], None if self.weight is None else self.weight[index])

    def batches(self, size: int, order: Tensor | None = None) -> Iterator["Rows"]:
        """The rows in pieces of `size` (the last may be smaller), in the given order."""
        if order is None and size >= len(self):
            yield self
            return
        for start in range(0, len(self), size):
            yield self.take(slice(start, start + size) if order is None else order[start : start + size])


@dataclass
class Form:
    """What data must look like to fit the model and the loss.

    Attributes:
        model: the model.
        loss: the loss.
        names: names of the input columns, where known.
        output: shape of one output row; found out at the first look.
    """

    model: nn.Module
    loss: Loss
    names: list[str] | None = None
    output: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        first = next((p for p in self.model.parameters() if p.is_floating_point()), None)
        self.dtype = torch.get_default_dtype() if first is None else first.dtype
        self.device = torch.device("cpu") if first is None else first.device
        if self.names is None:
            self.names = getattr(self.model, "input_names", None)

    def inputs(self, value: Any, what: str) -> Tensor:
        """Checked `(N, ...)` inputs."""
        x = self._tensor(value, what, floating=True)
        features = getattr(self.model, "in_features", None)
        if features is not None and (x.dim() < 2 or x.shape[-1] != features):
            fix = " Pass `x[:, None]`." if x.dim() == 1 and features == 1 else ""
            raise ShapeError(f"{what} must be (N, {features}), the model's inputs; got {tuple(x.shape)}.{fix}")
        self._check_rows(x, what)
        return x

    def labels(self, value: Any, what: str, x: Tensor) -> Tensor:
        """Checked labels of the rows `x`."""
        y = self._tensor(value, what, floating=self.loss.labels == "values")
        if y.dim() == 0 or len(y) != len(x):
            raise ShapeError(f"{what} must have a row for each of the {len(x)} rows of inputs; got {tuple(y.shape)}.")
        if self.output is None:
            self.output = self._look(x)
        if self.loss.labels == "classes" and y.is_floating_point() and y.dim() < 1 + len(self.output):
            raise ShapeError(
                f"{what} must be integers (class numbers) for 'cross_entropy'; got {y.dtype}. Use `y.long()`."
            )
        self._check_rows(y, what)
        check_labels(self.loss, y, self.output, what)
        return y

    def weights(self, value: Any, what: str, rows: int) -> Tensor:
        """Checked `(N,)` weights as given."""
        w = self._tensor(value, what, floating=True)
        if tuple(w.shape) != (rows,):
            raise ShapeError(f"{what} must be ({rows},), one per row; got {tuple(w.shape)}.")
        self._check_rows(w, what)
        if bool((w < 0).any()) or not bool((w > 0).any()):
            raise DomainError(f"{what} must be >= 0 with at least one > 0; got smallest {float(w.min()):g}.")
        return w

    def rows(self, x: Any, y: Any, what: str, suffixes: tuple[str, str] = ("input", "label")) -> Rows:
        """Checked inputs and labels."""
        inputs = self.inputs(x, f"{what}_{suffixes[0]}")
        return Rows(inputs, self.labels(y, f"{what}_{suffixes[1]}", inputs))

    @torch.no_grad()
    def _look(self, x: Tensor) -> tuple[int, ...]:
        """Shape of an output row."""
        modes = [(m, m.training) for m in self.model.modules()]
        self.model.eval()
        try:
            return tuple(self.model(x[:1]).shape[1:])
        finally:
            for module, mode in modes:
                module.training = mode

    def _tensor(self, value: Any, what: str, floating: bool) -> Tensor:
        if isinstance(value, Tensor):
            return self._as_given(value, what, floating)
        array = np.asarray(value)
        if array.dtype.kind not in "fiub":
            raise ShapeError(
                f"{what} must be numbers; got {array.dtype}.{_first_text(value)} Encode text as numbers first."
            )
        if floating or array.dtype.kind == "f":
            with np.errstate(over="ignore"):  # what overflows is reported as infinite below
                return torch.from_numpy(np.array(array, order="C")).to(self.device, self.dtype)
        return torch.from_numpy(np.array(array, order="C")).to(self.device, torch.long)

    def _as_given(self, value: Tensor, what: str, floating: bool) -> Tensor:
        if value.device != self.device:
            raise ShapeError(
                f"{what} is on {value.device}, the model on {self.device}. Use `.to({str(self.device)!r})`."
            )
        if value.dtype != self.dtype and (floating or value.is_floating_point()):
            advice = f"Convert one of them: `data.to({self.dtype})` or `model.to({value.dtype})`."
            if not value.is_floating_point():
                advice = f"Convert it: `data.to({self.dtype})`."
                advice += ' Classes go with `loss="cross_entropy"`.' if "label" in what else ""
            raise ShapeError(f"{what} is {value.dtype}, the model {self.dtype}. {advice}")
        return value.detach()

    def _check_rows(self, value: Tensor, what: str) -> None:
        if len(value) == 0 or value.numel() == 0:
            raise ShapeError(f"{what} must have at least one row; got shape {tuple(value.shape)}.")
        if not value.is_floating_point() or bool(value.isfinite().all()):
            return
        place = (~value.isfinite()).nonzero()[0].tolist()
        count = int((~value.isfinite()).sum())
        where = f"row {place[0]}"
        if value.dim() == 2:
            names = self.names if what.endswith(("input", "x")) else None
            column = place[1]
            name = f" ({names[column]})" if names is not None and column < len(names) else ""
            where = f"column {column}{name}, {where}"
        number = float(value[tuple(place)])
        raise DomainError(
            f"{what} must be finite; {count} of {value.numel()} values are not, the first at {where}: {number}. "
            f"Remove those rows or fill them in."
        )


@dataclass
class Stream:
    """Data from a loader: batches are checked, moved to the model's device and never kept.

    Attributes:
        loader: yields `(x, y)` or `(x, y, weight)`.
        form: what batches must look like.
        what: how to call them in messages.
    """

    loader: "DataLoader[Any]"
    form: Form = field(repr=False)
    what: str = "train"

    def __iter__(self) -> Iterator[Rows]:
        found = False
        for batch in self.loader:
            found = True
            yield self._rows(batch)
        if not found:
            raise ShapeError(f"the {self.what} loader must yield at least one batch; it is empty.")

    def _rows(self, batch: Any) -> Rows:
        if not isinstance(batch, Sequence) or len(batch) not in (2, 3):
            raise ShapeError(
                f"the {self.what} loader must yield (x, y) or (x, y, weight); got {type(batch).__name__}. "
                f"Give it a `collate_fn` that does."
            )
        parts = [part.to(self.form.device, non_blocking=True) if isinstance(part, Tensor) else part for part in batch]
        rows = self.form.rows(parts[0], parts[1], self.what)
        if len(parts) == 3:
            weight = self.form.weights(parts[2], f"{self.what}_weight", len(rows))
            rows.weight = weight / weight.mean()
        return rows

    def updates(self) -> int | None:
        """Number of batches in a pass, where the loader knows it."""
        try:
            return len(self.loader)
        except TypeError:
            return None


Source = Rows | Stream


@dataclass
class Prepared:
    """Checked data of a run.

    Attributes:
        train: what to learn from.
        val: what to select by, or None.
        test: what is only reported, or None.
    """

    train: Source
    val: Source | None
    test: Source | None


def prepare(model: nn.Module, data: Any, loss: Loss, val: Any, sample_weight: Any, seed: int) -> Prepared:
    """Bring data of any accepted form into one, checked.

    Args:
        model: the model to train.
        data: see `fit`.
        loss: the loss, which decides what labels may be.
        val: see `fit`.
        sample_weight: see `fit`.
        seed: seed of the validation split.

    Returns:
        The data. Rows of weight zero are left out.

    Raises:
        ParameterError: `data` or `val` is of no accepted form.
        ShapeError: a shape, dtype or device does not fit.
        DomainError: NaN, infinity, or a label or weight outside its range.
    """
    form = Form(model, loss)
    if isinstance(data, DataLoader):
        if sample_weight is not None:
            raise ParameterError(
                "`sample_weight` needs data in memory; let the DataLoader yield (x, y, weight) instead."
            )
        return Prepared(Stream(data, form), _separate(form, val, None, "a DataLoader"), None)
    x, y, weight, test_pair = _unpack(data, form)
    train = form.rows(x, y, "train")
    test = None if test_pair is None else form.rows(*test_pair, "test")
    weight = sample_weight if weight is None else weight
    if weight is not None:
        train = _weighted(train, form.weights(weight, "sample_weight", len(train)))
    if val is None or isinstance(val, str) or not isinstance(val, int | float):
        return Prepared(train, _separate(form, val, test, "data"), test)
    train, held = _split(train, val, seed)
    return Prepared(train, held, test)


def pair(x: Any, y: Any) -> tuple[Any, Any]:
    """Inputs and labels that were passed as two arguments.

    Args:
        x: inputs, as in a pair.
        y: labels, as in a pair.

    Returns:
        `(x, y)`.

    Raises:
        ParameterError: `x` already holds labels, or `y` is a name although `x` has no named columns.
    """
    if isinstance(x, Mapping | Dataset | DataLoader | tuple) or (isinstance(y, str) and not _is_frame(x)):
        opt = y if isinstance(y, str) else "adam"
        raise ParameterError(
            f"`y` holds the labels of the inputs `x`, an array, tensor or DataFrame; got {_describe(y)} beside a "
            f"{_describe(x)}. Pass options by name, e.g. `fit(data, opt={opt!r})`."
        )
    return x, y


def _unpack(data: Any, form: Form) -> tuple[Any, Any, Any, tuple[Any, Any] | None]:
    """Inputs, labels, weights and the test pair of any form in memory."""
    if isinstance(data, Mapping):
        return _unpack_dict(data)
    if isinstance(data, Dataset):
        x, y, weight = _stack(data)
        return x, y, weight, None
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise ParameterError(f"`data` must be {_FORMS}; got {_describe(data)}.")
    x, y = data
    if _is_frame(x):
        if isinstance(y, str) or (isinstance(y, list) and y and all(isinstance(name, str) for name in y)):
            x, y = _columns(x, y)
        x = in_order(x, getattr(form.model, "input_names", None))
        form.names = [str(name) for name in x.columns]
        for name in x.columns:
            if x[name].dtype.kind not in "fiub":
                raise ShapeError(
                    f"column {str(name)!r} must be numbers; got {x[name].dtype}.{_first_text(x[name])} Drop it, or "
                    f"encode it as numbers (`KANRegressor` and `KANClassifier` do that)."
                )
    return x, y, None, None


def _unpack_dict(data: Mapping[str, Any]) -> tuple[Any, Any, Any, tuple[Any, Any] | None]:
    unknown = [key for key in data if str(key).startswith(("train_", "test_", "val_")) and key not in _KEYS]
    missing = [key for key in _KEYS[:2] if key not in data]
    if unknown or missing:
        raise ParameterError(
            f"a `data` dict needs 'train_input' and 'train_label' and may have 'test_input' and 'test_label'; "
            f"got keys {sorted(map(str, data))}."
        )
    if ("test_input" in data) != ("test_label" in data):
        raise ParameterError("a `data` dict needs both of 'test_input' and 'test_label', or none; got one.")
    test = (data["test_input"], data["test_label"]) if "test_input" in data else None
    return data["train_input"], data["train_label"], None, test


def _stack(data: "Dataset[Any]") -> tuple[Any, Any, Any]:
    """A map-style dataset, read once into memory."""
    try:
        items = [data[n] for n in range(len(data))]  # pyright: ignore[reportArgumentType]
    except (TypeError, NotImplementedError) as error:
        raise ParameterError(
            "a Dataset without length must come in a DataLoader: `DataLoader(dataset, batch_size=...)`."
        ) from error
    if not items:
        raise ShapeError("the Dataset must have at least one row; it is empty.")
    if not isinstance(items[0], tuple | list) or len(items[0]) not in (2, 3):
        raise ShapeError("the Dataset must yield (x, y) or (x, y, weight) per row.")

    def column(n: int) -> Any:
        parts = [item[n] for item in items]
        return torch.stack(parts) if isinstance(parts[0], Tensor) else np.asarray(parts)

    return column(0), column(1), column(2) if len(items[0]) == 3 else None


def _is_frame(value: Any) -> bool:
    return hasattr(value, "columns") and hasattr(value, "to_numpy")


def in_order(frame: Any, names: Sequence[str] | None) -> Any:
    """A frame with its columns in the order of the model's inputs, where they have the same names; else as it is.

    Args:
        frame: the frame.
        names: of the inputs.

    Returns:
        The frame, or another with the same columns.
    """
    there = [str(name) for name in frame.columns]
    if names is None or there == list(names) or sorted(there) != sorted(names):
        return frame
    return frame.iloc[:, [there.index(name) for name in names]]


def _columns(frame: Any, target: str | list[str]) -> tuple[Any, Any]:
    names = [target] if isinstance(target, str) else target
    absent = [name for name in names if name not in frame.columns]
    if absent:
        raise ParameterError(
            f"the target column {absent[0]!r} is not in the frame; its columns are {list(frame.columns)}."
        )
    if len(names) == len(frame.columns):
        raise ParameterError("the frame must have input columns beside the target; it has none.")
    return frame.drop(columns=names), frame[names]


def _weighted(rows: Rows, weight: Tensor) -> Rows:
    kept = rows if bool((weight > 0).all()) else rows.take(weight > 0)
    weight = weight[weight > 0]
    return Rows(kept.x, kept.y, weight / weight.mean())


def _split(rows: Rows, fraction: float, seed: int) -> tuple[Rows, Rows]:
    if isinstance(fraction, bool) or not 0 < fraction < 1:
        raise ParameterError(f"`val` as a fraction must lie between 0 and 1; got {fraction!r}.")
    held = max(1, round(fraction * len(rows)))
    if held >= len(rows):
        raise ParameterError(
            f"`val={fraction}` of {len(rows)} rows leaves nothing to train on; pass more rows or a pair."
        )
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed)).to(rows.x.device)
    parts = rows.take(order[held:]), rows.take(order[:held])
    for part in parts:
        if part.weight is not None:
            part.weight = part.weight / part.weight.mean()
    return parts


def _separate(form: Form, val: Any, test: Rows | None, what: str) -> Source | None:
    """A validation set that is not split off."""
    if val is None:
        return None
    if isinstance(val, str) and val == "test":
        if test is None:
            raise ParameterError("`val='test'` needs a dict with 'test_input' and 'test_label'.")
        return test
    if isinstance(val, DataLoader):
        return Stream(val, form, "val")
    if isinstance(val, tuple | list) and len(val) == 2:
        x, y = val
        return form.rows(x, y, "val")
    if isinstance(val, float) and what == "a DataLoader":
        raise ParameterError("`val` as a fraction needs data in memory; with a DataLoader pass (x, y) or a DataLoader.")
    raise ParameterError(
        f"`val` must be a fraction, a pair (x, y), a DataLoader, 'test' or None; got {_describe(val)}."
    )


def _describe(value: Any) -> str:
    shape = f" of {len(value)}" if isinstance(value, tuple | list) else ""
    return f"{type(value).__name__}{shape}" if not isinstance(value, int | float | str) else repr(value)


def _first_text(value: Any) -> str:
    """Say where the first entry that is not a number stands."""
    for row, entry in enumerate(np.asarray(value, dtype=object).reshape(-1)[:10_000]):
        if not isinstance(entry, int | float | np.number):
            return f" The first that is not is {entry!r} at entry {row}."
    return ""

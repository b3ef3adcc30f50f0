"""A table as numbers a network can read: scaled numeric columns, one 0/1 column per category.

Numeric column: `z = (x - center) / scale` with the median and the interquartile range (as a standard deviation),
which outliers do not move. A column with values beyond 3 such deviations is bent smoothly into (-3, 3),
`z / sqrt(1 + (z/3)^2)` (the robust scaling with smooth clipping of Holzmüller et al., arXiv 2407.04491), because
one value at 1,000 deviations would otherwise take a spline's whole grid. Other columns stay affine.

Categorical column: a 0/1 column per level, the rarest levels together as "(infrequent)", missing values as a
level of their own. A level never seen before counts as infrequent, or is 0 everywhere where nothing was infrequent.

Everything learned is plain JSON (`TablePreprocessor.state`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from numbers import Number
from typing import TYPE_CHECKING, Any

import numpy as np

from edgewise.errors import DomainError, FormatError

if TYPE_CHECKING:
    import pandas as pd

BEND = 3.0
"""Deviations at which a column counts as having outliers, and the limit of a bent column."""

_IQR_OF_NORMAL = 1.3489795003921634  # interquartile range of the standard normal distribution


def is_frame(x: Any) -> bool:
    """Whether `x` is a pandas frame (without importing pandas)."""
    return hasattr(x, "iloc") and hasattr(x, "dtypes") and getattr(x, "ndim", 0) == 2


# ------------------------------------------------------------------------------------------- columns


@dataclass(frozen=True)
class NumericColumn:
    """Scaling of one numeric column; `bent` where it has outliers, see the module.

    `low` and `high` are the extremes of the fit; None in a file that was written before they were kept.
    """

    name: str
    center: float
    scale: float
    bent: bool
    low: float | None = None
    high: float | None = None

    @property
    def names_out(self) -> list[str]:
        """Names of the columns this one becomes."""
        return [self.name]

    @staticmethod
    def learn(name: str, values: np.ndarray, weight: np.ndarray, bend: bool = True) -> NumericColumn:
        """Scaling from `(N,)` finite values, bent by outliers if `bend`; a row of weight 2 counts as two rows."""
        lo, hi = float(values.min()), float(values.max())
        if lo == hi:
            return NumericColumn(name, lo, 1.0, False, lo, hi)
        low, center, high = weighted_quantiles(values, (0.25, 0.5, 0.75), weight)
        scale = (high - low) / _IQR_OF_NORMAL
        if scale == 0.0:  # half of the rows share one value: the others decide
            scale = float(np.sqrt(np.average((values - center) ** 2, weights=weight)))
        bent = bend and max(hi - center, center - lo) > BEND * scale
        return NumericColumn(name, center, scale, bent, lo, hi)

    def transform(self, values: np.ndarray) -> np.ndarray:
        """`(N,)` values to `(N, 1)` scaled values."""
        z = (values - self.center) / self.scale
        if self.bent:
            z = z / np.hypot(1.0, z / BEND)  # hypot: z**2 may overflow
        return z[:, None]

    def outside(self, values: np.ndarray) -> np.ndarray:
        """`(N,)` whether each value lies outside the range of the fit; False where that is not known."""
        if self.low is None or self.high is None:
            return np.zeros(len(values), dtype=bool)
        return (values < self.low) | (values > self.high)


@dataclass(frozen=True)
class CategoricalColumn:
    """Levels of one categorical column in order of their columns; None is the level of missing values."""

    name: str
    levels: tuple[str | None, ...]
    infrequent: bool

    @property
    def names_out(self) -> list[str]:
        """Names of the columns this one becomes."""
        levels = ["(missing)" if level is None else level for level in self.levels]
        return [f"{self.name}={level}" for level in levels + ["(infrequent)"] * self.infrequent]

    @staticmethod
    def learn(name: str, labels: np.ndarray, weight: np.ndarray, most: int) -> CategoricalColumn:
        """The `most` heaviest levels of `(N,)` labels, ties broken by name."""
        total: dict[str | None, float] = {}
        for label, w in zip(labels, weight, strict=True):
            total[label] = total.get(label, 0.0) + w
        by_name = sorted(total, key=_text_order)
        if len(by_name) <= most:
            return CategoricalColumn(name, tuple(by_name), False)
        kept = set(sorted(by_name, key=lambda level: -total[level])[: most - 1])  # a stable sort
        return CategoricalColumn(name, tuple(level for level in by_name if level in kept), True)

    def transform(self, labels: np.ndarray) -> np.ndarray:
        """`(N,)` labels to `(N, levels)` zeros and ones."""
        column = {level: n for n, level in enumerate(self.levels)}
        width = len(self.levels) + self.infrequent
        # An unknown level lands in the last column: "(infrequent)", or one that is cut off.
        index = np.array([column.get(label, len(self.levels)) for label in labels], dtype=int)
        return np.eye(len(self.levels) + 1)[index][:, :width]

    def unknown(self, labels: np.ndarray) -> np.ndarray:
        """`(N,)` whether each label is none of the levels: new, or where `infrequent` perhaps rare in the fit."""
        known = set(self.levels)
        return np.array([label not in known for label in labels], dtype=bool)


def _text_order(level: str | None) -> tuple[bool, str]:
    return level is None, level or ""


# --------------------------------------------------------------------------------------------- table


class TablePreprocessor:
    """Turns tables like the one it was fitted on into `(N, F)` float64 arrays.

    Args:
        columns: what to do with each column of the table, in its order.
    """

    def __init__(self, columns: Sequence[NumericColumn | CategoricalColumn]) -> None:
        self.columns = tuple(columns)

    @property
    def names_out(self) -> list[str]:
        """Names of the F columns of the result."""
        return [name for column in self.columns for name in column.names_out]

    @property
    def has_categories(self) -> bool:
        """Whether a column is categorical, so that a plain float array cannot replace the frame."""
        return any(isinstance(column, CategoricalColumn) for column in self.columns)

    @staticmethod
    def learn(
        raw: Mapping[str, np.ndarray], weight: np.ndarray, max_categories: int, bend: bool = True
    ) -> TablePreprocessor:
        """Learn from `read_columns(table)` and one weight per row.

        Args:
            raw: name to `(N,)` float64 values or object labels.
            weight: `(N,)` weights > 0; a row of weight 2 counts as two rows.
            max_categories: most 0/1 columns a categorical column may become.
            bend: whether numeric columns with outliers are bent.

        Returns:
            The preprocessor.
        """
        return TablePreprocessor([
            CategoricalColumn.learn(name, values, weight, max_categories)
            if values.dtype == object
            else NumericColumn.learn(name, values, weight, bend)
            for name, values in raw.items()
        ])

    def read(self, table: Any) -> dict[str, np.ndarray]:
        """`(N,)` values or labels of each column, each read as the kind it had when fitted."""
        kinds = {column.name: isinstance(column, CategoricalColumn) for column in self.columns}
        return read_columns(table, kinds)

    def transform(self, raw: Mapping[str, np.ndarray]) -> np.ndarray:
        """The result of `read` as an `(N, F)` float64 array."""
        return np.concatenate([column.transform(raw[column.name]) for column in self.columns], axis=1)

    def indicators(self, raw: Mapping[str, np.ndarray]) -> np.ndarray:
        """The result of `read` as an `(N, F)` array: numbers as they are, 0 or 1 for every level of a category."""
        parts = [
            raw[c.name][:, None] if isinstance(c, NumericColumn) else c.transform(raw[c.name]) for c in self.columns
        ]
        return np.concatenate(parts, axis=1)

    def box(self) -> np.ndarray | None:
        """`(2, F)` lowest and highest `indicators` of the fit; None where a file does not say."""
        ends = [
            [(c.low, c.high)] if isinstance(c, NumericColumn) else [(0.0, 1.0)] * len(c.names_out) for c in self.columns
        ]
        pairs = [pair for column in ends for pair in column]
        return None if any(None in pair for pair in pairs) else np.array(pairs, dtype=np.float64).T

    def state(self) -> list[dict[str, Any]]:
        """What JSON can hold; floats survive exactly."""
        return [asdict(column) for column in self.columns]

    @staticmethod
    def from_state(state: Any) -> TablePreprocessor:
        """The preprocessor whose `state` this was.

        Args:
            state: the list that `state` returned, perhaps from a file.

        Returns:
            The preprocessor.

        Raises:
            FormatError: the list is damaged.
        """
        try:
            return TablePreprocessor([_column(entry) for entry in state])
        except (TypeError, ValueError, KeyError) as error:
            raise FormatError(f"the description of the table's columns is damaged: {error!r}.") from error


def _column(entry: Mapping[str, Any]) -> NumericColumn | CategoricalColumn:
    name = entry["name"]
    if not isinstance(name, str):
        raise TypeError(f"a column is called {name!r}")
    if "levels" in entry:
        levels = tuple(entry["levels"])
        if not all(level is None or isinstance(level, str) for level in levels):
            raise TypeError(f"levels of column {name!r} are {levels!r}")
        return CategoricalColumn(name, levels, bool(entry["infrequent"]))
    center, scale = float(entry["center"]), float(entry["scale"])
    if not np.isfinite(center) or not 0.0 < scale < np.inf:
        raise ValueError(f"column {name!r} has center {center} and scale {scale}")
    low, high = (None if entry.get(end) is None else float(entry[end]) for end in ("low", "high"))
    return NumericColumn(name, center, scale, bool(entry["bent"]), low, high)


# ------------------------------------------------------------------------------------------- reading


def read_columns(table: Any, kinds: Mapping[str, bool] | None = None) -> dict[str, np.ndarray]:
    """Read a frame or a float array column by column.

    Args:
        table: pandas frame, or `(N, C)` float array (its columns are named `x1, x2, ...`).
        kinds: name to whether the column is categorical; judged by the values when absent. Its names replace
            those of the table.

    Returns:
        Name to `(N,)` finite float64 values, or object labels with None where missing.

    Raises:
        DomainError: a numeric column holds text, a missing or an infinite value; a column is neither numeric
            nor categorical.
    """
    if not is_frame(table):
        names = list(kinds) if kinds else [f"x{n + 1}" for n in range(table.shape[1])]
        return {name: np.array(table[:, n], dtype=np.float64) for n, name in enumerate(names)}
    names = list(kinds) if kinds else _unique_names(table)
    raw = {}
    for n, name in enumerate(names):
        column = table.iloc[:, n]
        categorical = kinds[name] if kinds else is_categorical(column, name)
        raw[name] = read_labels(column) if categorical else read_numbers(column, name)
    return raw


def _unique_names(frame: pd.DataFrame) -> list[str]:
    names = [str(name) for name in frame.columns]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise DomainError(f"column names must be unique; {sorted(twice)!r} occur twice. Rename or drop one of each.")
    return names


def is_categorical(column: pd.Series, name: str) -> bool:
    """Whether a frame's column holds categories rather than numbers.

    Categories are columns of dtype `category`, of text, or of truth values some of which are missing.

    Args:
        column: the column.
        name: its name in messages.

    Returns:
        True for categories, False for numbers and complete truth values.

    Raises:
        DomainError: most values are numbers but some are text (a mistake in the data, never silently a category),
            or values are neither (dates, lists).
    """
    from pandas.api import types

    dtype = column.dtype
    if isinstance(dtype, types.CategoricalDtype):
        return True
    if types.is_bool_dtype(dtype):
        return bool(column.isna().any())
    if types.is_numeric_dtype(dtype) and not types.is_complex_dtype(dtype):
        return False
    if not types.is_object_dtype(dtype) and not types.is_string_dtype(dtype):
        raise DomainError(
            f"column {name!r} has dtype {dtype}, which is neither numeric nor categorical. Convert it first, for "
            f"example a date to the numbers that matter (year, month, hour)."
        )
    present = column.loc[column.notna()]
    text = np.array([isinstance(value, str) for value in present], dtype=bool)
    if not text.any():  # numbers or truth values that lost their dtype; anything else is reported when read
        truth = len(present) > 0 and all(isinstance(value, bool | np.bool_) for value in present)
        return truth and len(present) < len(column)
    number = np.array([_is_number(value) for value in present], dtype=bool)
    odd = ~number if number.mean() >= 0.5 else ~(number | text)
    if odd.any():
        first = int(odd.argmax())
        raise DomainError(_not_a_number(present, first, name))
    return bool(text.all()) or not number.all()


def _is_number(value: Any) -> bool:
    if not isinstance(value, str):
        return isinstance(value, Number)
    try:
        float(value)
    except ValueError:
        return False
    return True


def read_numbers(column: pd.Series, name: str) -> np.ndarray:
    """`(N,)` finite float64 values of a numeric column.

    Args:
        column: the column.
        name: its name in messages.

    Returns:
        The values.

    Raises:
        DomainError: a value is text, missing or infinite; the message names column, row and value.
    """
    missing = column.isna().to_numpy()
    if missing.any():
        raise DomainError(
            f"column {name!r} contains NaN: {int(missing.sum())} of {len(column)} values are missing (first at row "
            f"{_label(column, missing)}). Fill them, for example with sklearn.impute.SimpleImputer in a Pipeline, "
            f"or drop those rows."
        )
    try:
        values = column.to_numpy(dtype=np.float64)
    except (TypeError, ValueError):
        values = np.array([_number(column, n, name) for n in range(len(column))], dtype=np.float64)
    infinite = ~np.isfinite(values)
    if infinite.any():
        raise DomainError(
            f"column {name!r} contains inf: {int(infinite.sum())} of {len(column)} values are infinite (first at row "
            f"{_label(column, infinite)}). Replace them or drop those rows."
        )
    return values


def _number(column: pd.Series, n: int, name: str) -> float:
    value: Any = column.iloc[n]
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise DomainError(_not_a_number(column, n, name)) from error


def _label(column: pd.Series, where: Any) -> str:
    """The first row of a place or mask as the frame calls it."""
    return repr(column.index[[where] if isinstance(where, int) else where].tolist()[0])


def _not_a_number(column: pd.Series, n: int, name: str) -> str:
    value = column.iloc[n]
    place = f"column {name!r}, row {_label(column, n)}: could not convert {value!r} to a number"
    if isinstance(value, str):
        return (
            f"{place}. Correct or drop such rows, or make the column categorical: frame[{name!r}].astype('category')."
        )
    return f"{place} ({type(value).__name__}). A column must hold numbers, truth values or text."


def read_labels(column: pd.Series) -> np.ndarray:
    """`(N,)` text labels of a categorical column, None where missing; 1, 1.0 and "1" are the same label."""
    labels = np.empty(len(column), dtype=object)
    for n, (value, missing) in enumerate(zip(column, column.isna(), strict=True)):
        if not missing:
            whole = isinstance(value, float | np.floating) and value.is_integer()
            labels[n] = str(int(value)) if whole else str(value)
    return labels


# ---------------------------------------------------------------------------------------------- rows


def merge_rows(keys: Sequence[np.ndarray], weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sort rows, merge equal ones and drop those of weight zero.

    A table, the same table shuffled, and the same table with weights instead of repeated rows all give the same
    rows in the same order, so whatever is computed from them agrees to the last bit (whole weights add exactly).

    Args:
        keys: `(N,)` arrays; rows are equal where all of them are. None sorts last.
        weight: `(N,)` weights >= 0.

    Returns:
        `(M,)` indices of one row of each kind, in sorted order, and `(M,)` summed weights.
    """
    kept = np.flatnonzero(weight > 0)
    codes = [_codes(key[kept]) for key in keys]
    order = np.lexsort(codes[::-1])
    new = np.zeros(len(order), dtype=bool)
    new[:1] = True
    for code in codes:
        new[1:] |= np.diff(code[order]) != 0
    starts = np.flatnonzero(new)
    rows = kept[order]
    return rows[starts], np.add.reduceat(weight[rows], starts)


def _codes(key: np.ndarray) -> np.ndarray:
    if key.dtype != object:
        return key
    rank = {label: n for n, label in enumerate(sorted(set(key), key=_text_order))}
    return np.array([rank[label] for label in key])


def weighted_quantiles(values: np.ndarray, fractions: Sequence[float], weight: np.ndarray) -> list[float]:
    """The smallest values below which (inclusive) lie the given fractions of the weight.

    No interpolation: a weight of 2 is then exactly a repeated row.

    Args:
        values: `(N,)` values.
        fractions: in (0, 1].
        weight: `(N,)` weights >= 0, not all zero.

    Returns:
        One value per fraction, each one of `values`.
    """
    order = np.argsort(values, kind="stable")
    cumulated = np.cumsum(weight[order])
    # The slack keeps a sum that should be exactly a half from missing it by rounding.
    index = np.searchsorted(cumulated, np.asarray(fractions) * cumulated[-1] * (1 - 1e-12))
    return [float(value) for value in values[order][np.minimum(index, len(values) - 1)]]

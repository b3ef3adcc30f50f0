"""Read a table and make sure it can be fitted; every refusal names the column, the row and the way out."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgewise.cli.console import InputError, suggestion
from edgewise.errors import MissingDependencyError

if TYPE_CHECKING:
    import pandas as pd

MIN_ROWS = 10  # fewer leave nothing to hold out
_MANY_CATEGORIES = 50
_PARQUET = (".parquet", ".pq")


@dataclass(frozen=True)
class Problem:
    """A table that can be fitted.

    Attributes:
        x: the columns to predict from, in the table's order; the index counts the table's rows from 0.
        y: the column to predict.
        task: `"regression"` or `"classification"`.
        categorical: names of the columns of `x` that hold categories rather than numbers.
        name: what to call the table.
        notes: what was decided or left out on the way.
        about: where the table comes from, for the report.
    """

    x: pd.DataFrame
    y: pd.Series
    task: str
    categorical: list[str]
    name: str
    notes: list[str]
    about: tuple[str, ...] = ()

    @property
    def target(self) -> str:
        """Name of the column to predict."""
        return str(self.y.name)


def read_table(path: str) -> pd.DataFrame:
    """A CSV (also compressed, or separated by `;` or tabs) or Parquet file with its columns as strings.

    Args:
        path: the file; the name's ending says the format.

    Returns:
        The table; its index counts rows from 0.

    Raises:
        InputError: the file is missing, empty or not a table.
        MissingDependencyError: Parquet without pyarrow.
    """
    import pandas as pd

    file = Path(path)
    if not file.is_file():
        raise InputError(f"{path}: {_why_no_file(file)}")
    try:
        frame = pd.read_parquet(file) if file.suffix.lower() in _PARQUET else _read_csv(file)
    except ImportError as error:
        raise MissingDependencyError(
            "reading Parquet needs pyarrow. Install it with `pip install 'edgewise[parquet]'`, or pass a CSV file."
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: not text in UTF-8 (byte {error.start}). Save it as CSV in UTF-8, or as .parquet."
        ) from error
    except (ValueError, EOFError, OSError) as error:  # pandas' parser errors are ValueErrors, pyarrow's are OSErrors
        kind = "Parquet" if file.suffix.lower() in _PARQUET else "CSV"
        raise InputError(f"{path}: cannot be read as {kind}: {_in_words(error)}") from error
    frame.columns = [str(column).strip() for column in frame.columns]
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise InputError(f"{path}: two columns are called {twice!r}. Give every column a name of its own.")
    if frame.empty:
        raise InputError(f"{path}: the table has {len(frame.columns)} columns and no rows.")
    return frame.reset_index(drop=True)


def prepare(
    frame: pd.DataFrame,
    target: str,
    *,
    name: str,
    task: str = "auto",
    ignore: Sequence[str] = (),
    categorical: Sequence[str] = (),
    drop_missing: bool = False,
) -> Problem:
    """Choose the columns and refuse what cannot be fitted.

    Args:
        frame: the table, as `read_table` gives it.
        target: the column to predict.
        name: what to call the table in messages.
        task: `"regression"`, `"classification"` or `"auto"`.
        ignore: columns to leave out.
        categorical: columns to treat as categories although they hold numbers.
        drop_missing: leave out rows with a missing value in the target or in a numeric column.

    Returns:
        The problem.

    Raises:
        InputError: a column is missing, holds text among numbers, missing values or infinity, or the target is
            constant; or there are too few rows.
    """
    for column in (target, *ignore, *categorical):
        require_column(frame, column, name)
    if target in ignore or len(frame.columns) - len(set(ignore)) < 2:
        raise InputError(f"{name}: no column is left to predict {target!r} from. Ignore fewer columns.")
    frame, notes = frame.drop(columns=list(dict.fromkeys(ignore))), []
    classify = _is_classification(frame[target], task)
    roles = {c: c in categorical or is_categorical(frame[c]) for c in frame.columns if c != target}
    columns = {c: _column(frame[c], name, roles[c]) for c in roles}
    columns[target] = _target(frame[target], name, classify)
    frame = frame.assign(**columns)  # the table's own order
    needed = [target, *(c for c, category in roles.items() if not category)]
    frame = _without_missing(frame, needed, name, drop_missing, notes)
    _check_rows(frame, target, classify, name)
    if task == "auto":
        kind = "classification" if classify else "regression"
        notes.append(f"{target!r} taken as a {kind} target (--task to change)")
    return Problem(
        x=frame.drop(columns=target),
        y=_labels(frame[target]) if classify else frame[target],
        task="classification" if classify else "regression",
        categorical=[c for c in roles if roles[c]],
        name=name,
        notes=notes,
    )


def require_column(frame: pd.DataFrame, column: str, name: str) -> None:
    """Raise `InputError` with the closest name unless `frame` has `column`."""
    if column not in frame.columns:
        raise InputError(f"{name}: there is no column {column!r}. {suggestion(column, frame.columns)}")


def is_categorical(column: pd.Series) -> bool:
    """Whether a column holds categories: pandas categories, text that is mostly not numbers, incomplete truth values.

    The same rule as the estimators' own, so that a table means the same here and in Python.

    Args:
        column: the column.

    Returns:
        False for numbers, and for columns that cannot be used at all.
    """
    import pandas as pd

    if isinstance(column.dtype, pd.CategoricalDtype):
        return True
    if pd.api.types.is_numeric_dtype(column):
        return pd.api.types.is_bool_dtype(column) and bool(column.isna().any())
    present = column.dropna()
    if pd.api.types.is_datetime64_any_dtype(column) or pd.api.types.is_timedelta64_dtype(column) or present.empty:
        return False
    if present.map(lambda value: isinstance(value, bool)).all():
        return bool(column.isna().any())
    numbers: Any = pd.to_numeric(present, errors="coerce")
    return bool(numbers.notna().mean() < 0.5)


def numeric_column(column: pd.Series, name: str, *, fitted: bool = False) -> pd.Series:
    """Read a column as float64 with NaN where a value is missing.

    Args:
        column: the column.
        name: of the table, for messages.
        fitted: whether a model has been fitted to the column, so that it can be neither left out nor reinterpreted.

    Returns:
        The column.

    Raises:
        InputError: a value is text, a date or infinite.
    """
    import numpy as np
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(column) or pd.api.types.is_timedelta64_dtype(column):
        advice = (
            "The model was fitted to numbers: turn the dates into the same."
            if fitted
            else f"Turn it into numbers first, such as days since a start, or leave it out with "
            f"--ignore {quoted(column.name)}."
        )
        raise InputError(f"{name}: column {column.name!r} holds dates. {advice}")
    numbers: Any = pd.to_numeric(column, errors="coerce")
    wrong = numbers.isna() & column.notna()
    if wrong.any():
        advice = (
            "The model was fitted to numbers: correct the value or remove the row."
            if fitted
            else f"Correct it, leave the column out with --ignore {quoted(column.name)}, or treat it as categories "
            f"with --categorical {quoted(column.name)}."
        )
        raise InputError(
            f"{name}: column {column.name!r} should hold numbers but {counted(wrong.sum(), 'row')} "
            f"{'does' if wrong.sum() == 1 else 'do'} not; the first is {_shown(column.loc[wrong].iloc[0])} in "
            f"{first_row(wrong)}. {advice}"
        )
    numbers = numbers.astype("float64")
    infinite: Any = np.isinf(numbers)
    if infinite.any():
        raise InputError(
            f"{name}: column {column.name!r} is infinite in {counted(infinite.sum(), 'row')}, first in "
            f"{first_row(infinite)}. Correct these values or remove the rows."
        )
    return numbers


def categories(column: pd.Series) -> pd.Series:
    """A column as pandas categories of text, read as the estimators read it: 1, 1.0 and "1" are the same."""
    import pandas as pd

    from edgewise.preprocess import read_labels

    return pd.Series(read_labels(column), index=column.index, name=column.name, dtype="category")


def quoted(text: Any) -> str:
    """As one word of a shell."""
    import shlex

    return shlex.quote(str(text))


def _read_csv(file: Path) -> pd.DataFrame:
    """Commas, unless the header shows one column with another separator in its name."""
    import pandas as pd

    options: dict[str, Any] = {"encoding": "utf-8-sig", "skipinitialspace": True, "low_memory": False}
    if ".tsv" in file.suffixes:
        return pd.read_csv(file, sep="\t", **options)
    header = pd.read_csv(file, nrows=0, **options).columns
    if len(header) == 1 and ";" in header[0]:
        return pd.read_csv(file, sep=";", decimal=",", **options)
    return pd.read_csv(file, sep="\t" if len(header) == 1 and "\t" in header[0] else ",", **options)


def _in_words(error: Exception) -> str:
    uneven = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error))
    if uneven is None:
        return str(error).strip()
    expected, line, seen = uneven.groups()
    return f"line {line} has {seen} fields where {expected} are expected. Check separators and quotes there."


def _why_no_file(file: Path) -> str:
    if file.is_dir():
        return "is a folder; pass one file in it."
    near = difflib.get_close_matches(file.name, (f.name for f in file.parent.glob("*")), n=1) if file.parent else []
    return f"no such file. Did you mean {str(file.parent / near[0])!r}?" if near else "no such file."


def _is_classification(column: pd.Series, task: str) -> bool:
    """Categories, or exactly two numbers, are classes unless `task` says otherwise."""
    if task != "auto":
        return task == "classification"
    return is_categorical(column) or column.dropna().nunique() == 2


def _target(column: pd.Series, name: str, classify: bool) -> pd.Series:
    if not classify:
        return numeric_column(column, name)
    return column.astype(object).where(column.notna(), None)


def _labels(column: pd.Series) -> pd.Series:
    """Classes of one kind: whole numbers, truth values or text."""
    from pandas.api.types import infer_dtype

    kind = infer_dtype(column)
    if kind in ("integer", "boolean"):
        return column.astype(int if kind == "integer" else bool)
    if kind == "floating" and (column % 1 == 0).all():
        return column.astype(int)  # 0 and 1, not 0.0 and 1.0
    return column.astype(str).astype(object)


def _column(column: pd.Series, name: str, category: bool) -> pd.Series:
    if not category:
        return numeric_column(column, name)
    different = column.nunique()
    if different > _MANY_CATEGORIES and different > len(column) / 5:
        raise InputError(
            f"{name}: column {column.name!r} holds text with {different} different values in {len(column)} rows "
            f"(such as {column.dropna().iloc[0]!r}): too many for categories. Leave it out with "
            f"--ignore {quoted(column.name)}, or turn it into numbers."
        )
    return categories(column)


def _without_missing(frame: pd.DataFrame, needed: list[str], name: str, drop: bool, notes: list[str]) -> pd.DataFrame:
    missing: Any = frame[needed].isna()
    count = int(missing.any(axis=1).sum())
    if count == 0:
        return frame
    if drop:
        notes.append(f"{counted(count, 'row')} with missing values left out")
        return frame.loc[~missing.any(axis=1)]
    columns = {c: int(n) for c, n in missing.sum().items() if n}
    worst = ", ".join(f"{c!r} in {counted(n, 'row')}" for c, n in list(columns.items())[:5])
    more = f" and {len(columns) - 5} more columns" if len(columns) > 5 else ""
    empty = next((c for c, n in columns.items() if n == len(frame)), None)
    advice = (
        f"Leave the empty column out with --ignore {quoted(empty)}."
        if empty is not None and empty != needed[0]
        else f"Fill them in, or add --drop-missing to leave out {counted(count, 'row')} of {len(frame)}."
    )
    raise InputError(
        f"{name}: missing values (NaN) in column {worst}{more}, first in {first_row(missing.any(axis=1))}. {advice}"
    )


def _check_rows(frame: pd.DataFrame, target: str, classify: bool, name: str) -> None:
    if len(frame) < MIN_ROWS:
        raise InputError(
            f"{name}: {counted(len(frame), 'row')} to fit; at least {MIN_ROWS} are needed, because some are held out "
            f"to test the result."
        )
    counts = frame[target].value_counts()
    if len(counts) == 1:
        raise InputError(
            f"{name}: the target {target!r} is constant ({_shown(counts.index[0])} in every row): there is nothing to "
            f"predict. Choose another --target."
        )
    if classify and len(counts) > max(2, len(frame) / 5):
        raise InputError(
            f"{name}: the target {target!r} has {len(counts)} classes in {len(frame)} rows. "
            f"Use --task regression for numbers, or choose another --target."
        )
    if classify and counts.min() < 2:
        raise InputError(
            f"{name}: class {_shown(counts.idxmin())} of the target {target!r} has a single row, which cannot be both "
            f"learnt from and tested. Add rows of this class, or remove it."
        )


def counted(n: int, noun: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _shown(value: Any) -> str:
    return repr(value.item() if hasattr(value, "item") else value)


def first_row(where: Any) -> str:
    """Where a person finds the first true row: counted from 1 below the header."""
    return f"row {int(where.idxmax()) + 1} (not counting the header)"

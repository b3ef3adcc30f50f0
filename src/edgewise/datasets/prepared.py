"""A table as the data of `fit`: stratified split, standardised numbers, one column per category.

What is learnt from the table (means, deviations, levels, which columns vary at all) comes from the training rows alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from edgewise.errors import DomainError, ParameterError
from edgewise.preprocess import (
    CategoricalColumn,
    NumericColumn,
    TablePreprocessor,
    is_categorical,
    is_frame,
    read_columns,
    read_labels,
    read_numbers,
)

if TYPE_CHECKING:
    import pandas as pd

TASKS = ("classification", "regression")


def prepare_table(
    frame: pd.DataFrame,
    target: str,
    *,
    task: str | None = None,
    test_size: float = 0.2,
    seed: int = 0,
    max_categories: int = 20,
    dtype: torch.dtype | None = None,
) -> dict[str, Any]:
    """Split a table and turn it into numbers.

    Numeric columns get mean 0 and standard deviation 1, categorical ones (text, dtype `category`) become a 0/1 column
    per level with missing values as a level of their own. Columns that are constant in the training rows are dropped.

    Args:
        frame: the table, target included; not changed.
        target: the column to predict.
        task: `"classification"` or `"regression"`; when absent, classification where the target is categorical.
        test_size: part of the rows for the test, in (0, 1).
        seed: of the split; classes have the same share in both parts.
        max_categories: most columns a categorical column becomes; the rarest levels share the last one.
        dtype: floating dtype of the result; torch's default when absent.

    Returns:
        `train_input` `(N, F)`, `train_label`, `test_input`, `test_label` as `fit` takes them: labels are class numbers
        `(N,)`, or `(N, 1)` values in their own unit; `input_names` and `class_names` (empty for a regression).

    Raises:
        ParameterError: an argument outside its documented set.
        DomainError: a number is missing or infinite, a class has fewer than two rows, or no column varies.

    >>> from edgewise.datasets import load_adult
    >>> data = prepare_table(load_adult().frame, "class")
    >>> data["train_input"].shape, data["class_names"]
    (torch.Size([4000, 86]), ['<=50K', '>50K'])
    """
    _check(frame, target, task, test_size, max_categories)
    if task is None:
        task = TASKS[0] if is_categorical(frame[target], target) else TASKS[1]
    labels, names = _labels(frame[target], target, task)
    train, test = _split(labels, bool(names), test_size, seed)
    raw = read_columns(frame.drop(columns=target))
    columns = [_learn(name, values[train], max_categories) for name, values in raw.items()]
    learnt = TablePreprocessor(columns)
    numbers = learnt.transform(raw)
    varies = numbers[train].min(axis=0) < numbers[train].max(axis=0)
    if not varies.any():
        raise DomainError("no column of `frame` but the target varies over the training rows: nothing to learn from.")
    dtype = torch.get_default_dtype() if dtype is None else dtype
    inputs, outputs = torch.from_numpy(numbers[:, varies]).to(dtype), torch.from_numpy(labels)
    outputs = outputs if names else outputs.to(dtype)[:, None]
    return {
        "train_input": inputs[train],
        "train_label": outputs[train],
        "test_input": inputs[test],
        "test_label": outputs[test],
        "input_names": [name for name, kept in zip(learnt.names_out, varies, strict=True) if kept],
        "class_names": names,
    }


def _check(frame: Any, target: Any, task: Any, test_size: Any, max_categories: Any) -> None:
    if not is_frame(frame):
        raise ParameterError(f"`frame` must be a pandas frame; got {type(frame)}.")
    if target not in frame.columns:
        raise ParameterError(f"`target` must be a column of the table; got {target!r}, it has {_some(frame.columns)}.")
    if task not in (None, *TASKS):
        raise ParameterError(f"`task` must be {' or '.join(map(repr, TASKS))}; got {task!r}.")
    if isinstance(test_size, bool) or not isinstance(test_size, int | float) or not 0 < test_size < 1:
        raise ParameterError(f"`test_size` must be a part of the rows, in (0, 1); got {test_size!r}.")
    if not isinstance(max_categories, int) or isinstance(max_categories, bool) or max_categories < 2:
        raise ParameterError(f"`max_categories` must be an int >= 2; got {max_categories!r}.")


def _some(names: Any) -> str:
    shown = ", ".join(repr(str(name)) for name in names[:10])
    return shown if len(names) <= 10 else f"{shown} and {len(names) - 10} more"


def _labels(column: pd.Series, name: str, task: str) -> tuple[np.ndarray, list[str]]:
    """`(N,)` class numbers and the names of the classes; or values and no names."""
    if task == "regression":
        return np.array(read_numbers(column, name)), []  # pandas' own may be read-only
    missing = int(column.isna().sum())
    if missing:
        raise DomainError(f"`target` {name!r}: {missing} of {len(column)} labels are missing. Drop those rows.")
    texts = read_labels(column).tolist()
    names = sorted(set(texts), key=_numbers_first)
    number = {label: n for n, label in enumerate(names)}
    return np.array([number[text] for text in texts], dtype=np.int64), names


def _numbers_first(text: str) -> tuple[int, float, str]:
    """2 before 10, and both before text."""
    try:
        return 0, float(text), text
    except ValueError:
        return 1, 0.0, text


def _split(labels: np.ndarray, stratified: bool, test_size: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers of the two parts, each in the order of the table."""
    from sklearn.model_selection import train_test_split

    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**32:
        raise ParameterError(f"`seed` must be an int in [0, 2**32); got {seed!r}.")
    try:
        parts = train_test_split(
            np.arange(len(labels)), test_size=test_size, random_state=seed, stratify=labels if stratified else None
        )
    except ValueError as error:
        raise DomainError(
            f"{len(labels)} rows cannot be split with `test_size={test_size}`: {error} Drop the rarest classes, or "
            "choose another `test_size`."
        ) from error
    train, test = (np.sort(part) for part in parts)
    return train, test


def _learn(name: str, values: np.ndarray, most: int) -> NumericColumn | CategoricalColumn:
    """From the training rows."""
    if values.dtype == object:
        return CategoricalColumn.learn(name, values, np.ones(len(values)), most)
    deviation = float(values.std())
    return NumericColumn(name, float(values.mean()), deviation or 1.0, False, float(values.min()), float(values.max()))

"""Predict the rows of a table with a fitted model, as CSV.

Columns are found by name; others are ignored. Output: index (row of TABLE, from 0), prediction, and for classes the
probability of each. Without -o it goes to stdout. Rows outside the range of the fit, and categories that it has not
seen, are noted on stderr.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgewise.cli.console import OK, Console, InputError, add_flags, suggestion
from edgewise.cli.models import Opened, open_model
from edgewise.cli.tables import categories, counted, first_row, numeric_column, read_table

if TYPE_CHECKING:
    import pandas as pd

NAME, HELP = "predict", "predict the rows of a table"
_OUTSIDE = "Outside the range of the fit, so extrapolated"
_NEW = "Categories that the fit has not seen"
_RARE = "Categories that were rare in the fit or not in it"
_MOST = 5  # columns named in a note


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("model", metavar="MODEL", help="a file that `edgewise fit` or an estimator's save() wrote")
    parser.add_argument("table", metavar="TABLE", help="the rows to predict")
    parser.add_argument("-o", "--output", metavar="FILE", help="the CSV file to write (default: stdout)")
    add_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Predict `args.table`.

    Args:
        args: the parsed flags.

    Returns:
        The exit code.

    Raises:
        InputError: the model is a bare network, or the table does not fit it.
    """
    console = Console(args.json, args.quiet)
    opened = open_model(args.model)
    if opened.estimator is None:
        raise InputError(
            f"{args.model} holds a bare {opened.kind}, which does not know a table's columns and scales. "
            f"Predict in Python (`edgewise.{opened.kind}.load`), or fit with `edgewise fit`."
        )
    x = inputs(opened, read_table(args.table), Path(args.table).name)
    for note in surprises(opened, x):
        console.note(note)
    table = predict(opened, x)
    text = table.to_csv(index=False, lineterminator="\n")
    if args.output:
        from edgewise.models.files import write_atomic

        write_atomic(args.output, text.encode())
        console.note(f"{len(table)} predictions written to {args.output}")
    if args.json:
        console.result("", {"rows": len(table), "output": args.output, "predictions": table.to_dict("records")})
    elif not args.output:
        console.result(text.rstrip("\n"), None)
    return OK


def predict(opened: Opened, x: pd.DataFrame) -> pd.DataFrame:
    """Predictions for every row.

    Args:
        opened: a fitted estimator.
        x: what `inputs` made of a table.

    Returns:
        `index`, `prediction`, and for classes one `p(class)` each.
    """
    import pandas as pd

    columns = {"index": x.index, "prediction": opened.estimator.predict(x)}
    if hasattr(opened.estimator, "classes_"):
        probability = opened.estimator.predict_proba(x)
        columns |= {f"p({c})": probability[:, n] for n, c in enumerate(opened.estimator.classes_)}
    return pd.DataFrame(columns)


def inputs(opened: Opened, frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """The model's columns of a table, each read as the kind it had when the model was fitted.

    Args:
        opened: a fitted estimator.
        frame: the table.
        name: what to call it in messages.

    Returns:
        The columns in the model's order.

    Raises:
        InputError: a column is missing, or text or a missing value stands where the model needs a number.
    """
    import pandas as pd

    missing = [column for column in opened.columns if column not in frame.columns]
    if missing:
        more = f" (and {len(missing) - 1} more: {', '.join(map(repr, missing[1:6]))})" if len(missing) > 1 else ""
        raise InputError(
            f"{name}: the model needs column {missing[0]!r}{more}. {suggestion(missing[0], frame.columns)}"
        )
    columns = {}
    for name_of, column in zip(opened.columns, opened.estimator.preprocessor_.columns, strict=True):
        if hasattr(column, "levels"):
            columns[name_of] = categories(frame[name_of])
            continue
        numbers = numeric_column(frame[name_of], name, fitted=True)
        missing = numbers.isna()
        if missing.any():
            raise InputError(
                f"{name}: column {name_of!r} has missing values (NaN) in {missing.sum()} of {len(frame)} rows, "
                f"first in {first_row(missing)}. The model needs a number there: fill them in or remove the rows."
            )
        columns[name_of] = numbers
    return pd.DataFrame(columns, index=frame.index)


def surprises(opened: Opened, x: pd.DataFrame) -> list[str]:
    """What the fit has not seen, where a prediction is a guess.

    Args:
        opened: a fitted estimator.
        x: what `inputs` made of a table.

    Returns:
        One sentence on numbers, one on new and one on rare categories, where there are such rows.
    """
    from edgewise.preprocess import NumericColumn

    preprocessor = opened.estimator.preprocessor_
    raw = preprocessor.read(x)
    found: dict[str, list[tuple[str, Any, str]]] = {_OUTSIDE: [], _NEW: [], _RARE: []}
    for column in preprocessor.columns:
        values = raw[column.name]
        numeric = isinstance(column, NumericColumn)
        where = column.outside(values) if numeric else column.unknown(values)
        if not where.any():
            continue
        seen = values[where]
        if numeric:
            text = f"{column.low:.6g} to {column.high:.6g} in the fit, {seen.min():.6g} to {seen.max():.6g} here"
            found[_OUTSIDE].append((column.name, where, text))
        else:
            text = f"the first: {'missing' if seen[0] is None else repr(seen[0])}"
            found[_RARE if column.infrequent else _NEW].append((column.name, where, text))
    return [_sentence(fact, columns) for fact, columns in found.items() if columns]


def _sentence(fact: str, columns: list[tuple[str, Any, str]]) -> str:
    rows: Any = sum(where for _, where, _ in columns)
    parts = [f"{name!r} in {counted(int(where.sum()), 'row')} ({text})" for name, where, text in columns[:_MOST]]
    more = f" and {counted(len(columns) - _MOST, 'more column')}" if len(columns) > _MOST else ""
    return f"{fact}: {(rows > 0).sum()} of {counted(len(rows), 'row')}; {', '.join(parts)}{more}."

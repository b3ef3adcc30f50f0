"""`kan.feynman`: the equations of AI Feynman, a hundred of the lectures and twenty more, with pykan's ranges.

Source: Udrescu and Tegmark (2020), AI Feynman, Science Advances 6, eaay2631, tables 4 to 6. Ranges, names and the order
of variables are those of pykan's `feynman.py`; `edgewise.datasets.load_ai_feynman` has the ranges of the original set.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any

from torch import Tensor

from edgewise.errors import ParameterError
from edgewise.interpret.evaluation import evaluate

__all__ = ["get_feynman_dataset"]

_ALSO = {"I.10.9": "II.10.9", "Rutherforld scattering": "Rutherford scattering"}
"""Names that pykan misspells."""
_TEST = {"name": "test", "formula": "(x + y)*sin(exp(2*y))", "variables": "x:-1:1;y:-1:1"}


def get_feynman_dataset(
    name: str | int,
) -> tuple[tuple[Any, ...], Any, Callable[[Tensor], Tensor], list[list[float]]]:
    """One of 120 equations of physics.

    Differs from pykan: I.16.6 is (u + v)/(1 + u v/c^2), I.32.5 has its factor 1/(6 pi), Goldstein 12.80 has alpha x/y
    in its formula too, Jackson 2.11 can be evaluated, the name I.18.4 gives number 21, number 22 is I.18.12; ranges are
    always one pair per variable.

    Args:
        name: its name, such as `"I.6.20"`, its number from 1 to 120, or `"test"`.

    Returns:
        The symbols, the sympy expression, the same as a function `(N, variables)` to `(N, 1)`, and the ranges.

    Raises:
        ParameterError: there is no such equation. (pykan fails with an UnboundLocalError.)

    >>> symbols, expression, f, ranges = get_feynman_dataset("I.16.6")
    >>> expression
    (u + v)/(1 + u*v/c**2)
    """
    row = _row(name)
    symbols, ranges = _variables(row["variables"])
    expression = _sympified(row["formula"], symbols)

    def f(x: Tensor) -> Tensor:
        """The equation on tensors."""
        return evaluate(expression, dict(zip(symbols, x.split(1, dim=1), strict=True)), {})

    return symbols, expression, f, ranges


@cache
def _rows() -> tuple[dict[str, str], ...]:
    text = (files("edgewise.pykan") / "feynman.csv").read_text(encoding="utf-8")
    return tuple(csv.DictReader(text.splitlines()))


def _row(name: str | int) -> dict[str, str]:
    rows = _rows()
    if name == "test":
        return _TEST
    if isinstance(name, int) and not isinstance(name, bool) and 1 <= name <= len(rows):
        return rows[name - 1]
    for row in rows:
        if row["name"] == _ALSO.get(str(name), name):
            return row
    raise ParameterError(
        f"`name` must be a number from 1 to {len(rows)}, or one of {', '.join(row['name'] for row in rows)}; "
        f"got {name!r}."
    )


def _variables(text: str) -> tuple[tuple[Any, ...], list[list[float]]]:
    """Symbols and ranges from `theta:0:2*pi;r:0.5:2`."""
    import sympy

    parts = [part.split(":") for part in text.split(";")]
    symbols = tuple(sympy.Symbol(name.rstrip("_")) for name, *_ in parts)  # `lambda_`, as Python writes lambda
    return symbols, [[float(_sympified(end, ())) for end in ends] for _, *ends in parts]


def _sympified(formula: str, symbols: tuple[Any, ...]) -> Any:
    """A formula of the table; names that mean something to sympy are variables here."""
    import sympy

    known = {symbol.name: symbol for symbol in symbols}
    own: dict[str, Any] = known | {f"{name}_": symbol for name, symbol in known.items()}
    return sympy.sympify(formula, locals=own)  # pyright: ignore[reportCallIssue, reportArgumentType]

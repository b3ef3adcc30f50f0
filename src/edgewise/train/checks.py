"""Checks of plain arguments: one form of message for all of them."""

import math
from typing import Any

from edgewise.errors import ParameterError


def check_int(name: str, value: Any, low: int) -> int:
    """Return `value` if it is an int >= `low`.

    Raises:
        ParameterError: it is not.
    """
    if isinstance(value, bool) or not hasattr(value, "__index__") or value.__index__() < low:
        raise ParameterError(f"`{name}` must be an int >= {low}; got {value!r}.")
    return value.__index__()


def check_number(
    name: str, value: Any, low: float, high: float = math.inf, *, open_low: bool = False, open_high: bool = True
) -> float:
    """Return `value` as a float if it lies between `low` and `high`.

    Raises:
        ParameterError: it is not a finite number there.
    """
    sign_low, sign_high = ">" if open_low else ">=", "<" if open_high else "<="
    rule = f"a number {sign_low} {low:g}" + ("" if high == math.inf else f" and {sign_high} {high:g}")
    try:
        number = math.nan if isinstance(value, bool | str) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    above = number > low if open_low else number >= low
    below = number < high if open_high else number <= high
    if not (above and below):  # also false for NaN
        raise ParameterError(f"`{name}` must be {rule}; got {value!r}.")
    return number


def check_bool(name: str, value: Any) -> bool:
    """Return `value` if it is a bool.

    Raises:
        ParameterError: it is not.
    """
    if not isinstance(value, bool):
        raise ParameterError(f"`{name}` must be True or False; got {value!r}.")
    return value

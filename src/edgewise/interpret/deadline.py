"""Time limits of searches."""

import math
import time
from typing import Any

from edgewise.errors import ParameterError


def check_time_limit(limit: Any) -> None:
    """Refuse a limit that is none.

    Args:
        limit: what a user passed as `time_limit_sec`.

    Raises:
        ParameterError: neither None nor a number > 0.
    """
    if limit is not None and not limit > 0:
        raise ParameterError(f"`time_limit_sec` must be a number > 0 or None; got {limit!r}.")


def deadline_after(limit: float | None) -> float:
    """The time, as of `time.monotonic`, at which that many seconds are over; infinity without a limit."""
    return math.inf if limit is None else time.monotonic() + limit

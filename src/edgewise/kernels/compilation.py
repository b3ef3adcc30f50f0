"""How the CPU kernels are compiled: without the GIL, cached on disk where the disk allows it."""

from collections.abc import Callable
from typing import Any

import numba
from numba import types

# Fused multiply-adds and reordered sums are wanted; NaN and infinity must keep their meaning.
_FAST = {"contract", "reassoc", "nsz", "arcp"}


def compiled(function: Callable[..., Any]) -> Any:
    """Compile at the first call with new types; keep the machine code on disk for the next process.

    Numba writes beside this package, or into the user's cache folder where the package is read-only; where
    neither can be written the code lives in memory only.

    Args:
        function: a function in Numba's subset of Python.

    Returns:
        The compiled function; it releases the GIL while it runs.
    """
    options: dict[str, Any] = {"nogil": True, "fastmath": _FAST, "error_model": "numpy", "boundscheck": False}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # "no locator available": nowhere to write
        return numba.njit(**options)(function)


def compiled_entry(function: Callable[..., Any]) -> Any:
    """Compile `function(address)` as a C function that any thread can call, cached like `compiled`.

    Args:
        function: takes one pointer; the numbers that specialize it are its closure.

    Returns:
        Numba's C function, with `.ctypes` and `.address`.
    """
    signature = types.void(types.voidptr)
    try:
        return numba.cfunc(signature, cache=True, fastmath=_FAST)(function)
    except RuntimeError:
        return numba.cfunc(signature, fastmath=_FAST)(function)

"""How the CPU kernels are compiled: without the GIL, cached on disk where the disk allows it."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numba
from numba import types
from numba.core.ccallback import CFunc
from numba.core.sigutils import normalize_signature

from edgewise.terminal import announce

# NaN and infinity must keep their meaning. Sums are not reordered, nor products fused with them, unless the code says
# so (`emitter.multiply_add`): LLVM does that in one way in freshly compiled code and in another in code from the cache,
# in one way where arrays lie apart and in another where it cannot tell, and results would differ in their last digit.
_FAST = {"nsz"}

_SOURCES = sha256(b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))).hexdigest()
"""What cached machine code depends on. Numba itself looks at one file only, and misses changes in callees."""


def _tie_to_sources(function: Any) -> None:
    cache_file = getattr(getattr(function, "_cache", None), "_cache_file", None)
    if cache_file is not None:
        cache_file._source_stamp = _SOURCES


class _Entry(CFunc):
    """A C function that says so before it compiles: some seconds of silence look like a hang."""

    _announced = False

    def _compile_uncached(self) -> Any:
        if not _Entry._announced:
            _Entry._announced = True
            announce("edgewise: compiling kernels for this machine; once, a few seconds each")
        return super()._compile_uncached()  # pyright: ignore[reportAttributeAccessIssue]


_OPTIONS: dict[str, Any] = {"nogil": True, "fastmath": _FAST, "error_model": "numpy", "boundscheck": False}
_NO_WRAPPERS: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def compiled(function: Callable[..., Any]) -> Any:
    """Compile as a part of other compiled functions, which take it in; it is not kept on disk by itself.

    Args:
        function: a function in Numba's subset of Python.

    Returns:
        The compiled function, for compiled callers only.
    """
    return numba.njit(**_OPTIONS, **_NO_WRAPPERS)(function)


def inlined(function: Callable[..., Any]) -> Any:
    """Make a large function that is called in one place a part of its caller.

    What `compiled` calls is optimized once for itself and once more at every level that takes it in; a level less is
    seconds less.

    Args:
        function: a function in Numba's subset of Python.

    Returns:
        The function, for compiled callers only.
    """
    return numba.njit(inline="always", **_OPTIONS, **_NO_WRAPPERS)(function)


def compiled_for_python(function: Callable[..., Any]) -> Any:
    """Compile at the first call with new types; keep the machine code on disk for the next process.

    Numba writes beside this package, or into the user's cache folder where the package is read-only; where
    neither can be written the code lives in memory only.

    Args:
        function: a function in Numba's subset of Python.

    Returns:
        The compiled function; it releases the GIL while it runs.
    """
    try:
        result = numba.njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:  # "no locator available": nowhere to write
        return numba.njit(**_OPTIONS)(function)
    _tie_to_sources(result)
    return result


def compiled_entry(function: Callable[..., Any]) -> Any:
    """Compile `function(address)` as a C function that any thread can call, cached like `compiled_for_python`.

    Args:
        function: takes one pointer; the numbers that specialize it are its closure.

    Returns:
        Numba's C function, with `.ctypes` and `.address`.
    """
    signature = normalize_signature(types.void(types.voidptr))
    result = _Entry(function, signature, locals={}, options={"fastmath": _FAST})
    try:
        result.enable_caching()
    except RuntimeError:  # nowhere to write
        result = _Entry(function, signature, locals={}, options={"fastmath": _FAST})
    else:
        _tie_to_sources(result)
    result.compile()
    return result

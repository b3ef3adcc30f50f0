"""Names of a package that load at their first use, so that importing the package does not import what they need."""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def attributes(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """A `__getattr__` for a package's `__init__.py`.

    Args:
        package: its `__name__`.
        homes: name to the module that defines it.

    Returns:
        The function. What it has found once is found without it from then on.
    """

    def __getattr__(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(homes[name]), name)
        setattr(sys.modules[package], name, value)
        return value

    return __getattr__


def listing(package: str) -> Callable[[], list[str]]:
    """A `__dir__` for the same: `__all__` too, of which what was not used yet is no attribute."""
    return lambda: sorted({*vars(sys.modules[package]), *sys.modules[package].__all__})

"""Data to fit: functions sampled on request, published benchmark problems, and small real tables of the package."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from edgewise.datasets.real import TABLES, Table, load_adult, load_airfoil, load_table
from edgewise.datasets.synthetic import create_dataset

if TYPE_CHECKING:
    from edgewise.datasets.feynman import feynman_equations, load_feynman
    from edgewise.datasets.problems import Problem
    from edgewise.datasets.special import load_special, special_functions

# Problem sets load at first use: `create_dataset` alone needs none of their rows.
_PROBLEMS = {
    "Problem": "problems",
    "feynman_equations": "feynman",
    "load_feynman": "feynman",
    "load_special": "special",
    "special_functions": "special",
}

__all__ = [
    "TABLES",
    "Problem",
    "Table",
    "create_dataset",
    "feynman_equations",
    "load_adult",
    "load_airfoil",
    "load_feynman",
    "load_special",
    "load_table",
    "special_functions",
]


def __getattr__(name: str) -> Any:
    if name not in _PROBLEMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_PROBLEMS[name]}"), name)
    globals()[name] = value  # found without this function from now on
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_PROBLEMS})

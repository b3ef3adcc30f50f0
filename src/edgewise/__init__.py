"""edgewise: Kolmogorov-Arnold networks that are fast, accurate and readable."""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from edgewise.layers import KANLayer
from edgewise.models import KAN, MLP

if TYPE_CHECKING:
    from edgewise.datasets import create_dataset
    from edgewise.estimators import KANClassifier, KANRegressor
    from edgewise.train import FitResult, fit

__version__ = version("edgewise")

# Rooms with heavy dependencies load at first use.
_LAZY = {
    "create_dataset": "edgewise.datasets",
    "KANRegressor": "edgewise.estimators",
    "KANClassifier": "edgewise.estimators",
    "fit": "edgewise.train",
    "FitResult": "edgewise.train",
}

__all__ = [
    "KAN",
    "MLP",
    "FitResult",
    "KANClassifier",
    "KANLayer",
    "KANRegressor",
    "create_dataset",
    "fit",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'edgewise' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY])

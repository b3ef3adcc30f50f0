"""edgewise: Kolmogorov-Arnold networks that are fast, accurate and readable."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from edgewise.lazy import attributes

if TYPE_CHECKING:
    from edgewise.datasets import create_dataset
    from edgewise.estimators import KANClassifier, KANRegressor
    from edgewise.layers import KANLayer
    from edgewise.models import KAN, MLP
    from edgewise.train import FitResult, fit

    __version__: str

# Names load at first use: `edgewise --help` needs no torch, and `import edgewise` costs nothing beyond it.
_NAMES = {
    "KAN": "edgewise.models",
    "MLP": "edgewise.models",
    "FitResult": "edgewise.train",
    "KANClassifier": "edgewise.estimators",
    "KANLayer": "edgewise.layers",
    "KANRegressor": "edgewise.estimators",
    "create_dataset": "edgewise.datasets",
    "fit": "edgewise.train",
}
_ROOMS = (
    "curvature",
    "datasets",
    "errors",
    "estimators",
    "explorer",
    "export",
    "interpret",
    "kernels",
    "layers",
    "models",
    "optim",
    "physics",
    "plot",
    "pyhessian",
    "pykan",
    "scratch",
    "splines",
    "train",
)

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


_lazily = attributes(__name__, _NAMES)


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(f"edgewise.{name}")
    if name == "__version__":
        from importlib.metadata import version

        globals()[name] = version("edgewise")
        return globals()[name]
    return _lazily(name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_NAMES, *_ROOMS, "__version__"})

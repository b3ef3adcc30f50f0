"""Open a model file, whatever it holds: a fitted estimator, or a bare network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgewise.cli.console import InputError
from edgewise.errors import FormatError

ESTIMATORS = ("KANRegressor", "KANClassifier")


@dataclass(frozen=True)
class Opened:
    """A model file that was read.

    Attributes:
        path: where it is.
        kind: what it holds: `KANRegressor`, `KANClassifier`, `KAN` or `MLP`.
        version: of the file format.
        network: the network in it.
        estimator: the fitted estimator around it; None for a bare network.
    """

    path: str
    kind: str
    version: int
    network: Any
    estimator: Any

    @property
    def columns(self) -> list[str]:
        """Names of the table columns that the estimator takes."""
        return [column.name for column in self.estimator.preprocessor_.columns]


def open_model(path: str) -> Opened:
    """Read a model file.

    Args:
        path: the file.

    Returns:
        What it holds.

    Raises:
        InputError: there is no such file.
        FormatError: the file is not a model that this version can read.
    """
    if Path(path).is_dir():
        raise InputError(f"{path} is a folder; pass the model file in it, such as {Path(path) / 'model.safetensors'}.")
    if not Path(path).exists():
        raise InputError(f"{path}: no such model file.")
    from edgewise.models.files import KINDS, load, read_file

    header = read_file(path)[1]
    kind, version = header["kind"], header["version"]
    if kind in KINDS:
        return Opened(path, kind, version, load(path), None)
    if kind not in ESTIMATORS:
        raise FormatError(f"{path} holds a {kind}, not a model. Pass the file that `edgewise fit -o` or `save` wrote.")
    from edgewise import estimators

    estimator = getattr(estimators, kind).load(path)
    return Opened(path, kind, version, estimator.model_, estimator)


def formula_in(opened: Opened) -> Any:
    """The formula of a model whose edges have elementary functions, in the units of the table where there is one.

    Args:
        opened: the file.

    Returns:
        The formula.

    Raises:
        InputError: it predicts classes, or no edge has an elementary function.
    """
    if hasattr(opened.estimator, "classes_"):
        raise InputError(f"{opened.path} predicts classes; formulas are for models that predict numbers.")
    if not getattr(opened.network, "symbolic_edges", None):
        raise InputError(
            f"{opened.path} has no edge with an elementary function, so there is no formula. `edgewise fit --formula` "
            f"writes such a model (symbolic.safetensors), `auto_symbolic` makes one in Python."
        )
    return (opened.network if opened.estimator is None else opened.estimator).formula()

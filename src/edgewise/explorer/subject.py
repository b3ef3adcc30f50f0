"""What the explorer looks at: a network, the data around it, and the units and names that people know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from edgewise.errors import ParameterError
from edgewise.interpret.data import as_data, as_rows, from_set
from edgewise.models import KAN, spline_layers
from edgewise.preprocess import BEND, CategoricalColumn, NumericColumn


@dataclass
class Subject:
    """A network with its surroundings.

    Attributes:
        network: the network.
        x: `(B, inputs)` data in the network's units; stand-ins where none were given.
        y: `(B, outputs)` labels in the network's units, `(B,)` class numbers, or None.
        test: inputs and labels that are only reported, or None.
        given: whether `x` are data of the user.
        inputs: for every input its `name`, `unit`, `shift`, `scale`, `bend` and `category`.
        outputs: for every output its `name`, `unit`, `shift` and `scale`.
        link: from outputs to predictions: `"identity"`, `"sigmoid"` or `"softmax"`.
        classes: what is predicted, as text; None for numbers.
        loss: name of the loss that `y` is compared with.
        owner: the estimator around the network, or None.
    """

    network: KAN
    x: Tensor
    y: Tensor | None
    test: tuple[Tensor, Tensor] | None
    given: bool
    inputs: list[dict[str, Any]]
    outputs: list[dict[str, Any]]
    link: str = "identity"
    classes: list[str] | None = None
    loss: str = "mse"
    owner: Any = field(default=None, repr=False)


def subject_of(model: Any, x: Any = None, y: Any = None) -> Subject:
    """A network or a fitted estimator, with data.

    Args:
        model: a `KAN`, `KANRegressor` or `KANClassifier`.
        x: inputs as the model takes them, a pair `(x, y)`, or a dict of data as `create_dataset` gives it; stand-ins
            when None.
        y: labels.

    Returns:
        The subject.

    Raises:
        ParameterError: the model is not of these, or the explorer cannot draw it.
        ShapeError: data that do not fit.
        DomainError: NaN or infinity in the data.
    """
    x, y = from_set(x, y) if isinstance(x, tuple) else (x, y)  # a dict has test rows too
    if hasattr(model, "network_data"):
        return _of_estimator(model, x, y)
    check_network(model)
    test = None
    if isinstance(x, Mapping) and y is None and {"test_input", "test_label"} <= set(x):
        inputs, labels = as_rows(model, x["test_input"], x["test_label"])
        test = (inputs, labels) if labels is not None else None
    data, labels = as_rows(model, x, y)
    plain = {"unit": None, "shift": 0.0, "scale": 1.0}
    subject = Subject(
        model, data, labels, test, x is not None,
        [{"name": name, **plain, "bend": None, "category": None} for name in model.input_names],
        [{"name": name, **plain} for name in model.output_names],
    )  # fmt: skip
    if labels is not None and labels.dim() == 1:  # class numbers
        subject.link, subject.loss, subject.classes = "softmax", "cross_entropy", list(model.output_names)
    return subject


def check_network(model: Any) -> None:
    """Refuse what the page cannot compute.

    Raises:
        ParameterError: it cannot.
    """
    if not isinstance(model, KAN):
        raise ParameterError(
            f"the explorer shows a KAN, KANRegressor or KANClassifier; got {type(model).__name__}, whose edges carry "
            "no functions."
        )
    for l, layer in enumerate(spline_layers(model, "the explorer")):
        if layer.k != model.k or layer.outside != model.layers[0].outside or layer.base_fun != model.layers[0].base_fun:
            raise ParameterError(f"the explorer needs one degree, policy and residual function; layer {l} is {layer}.")


def _of_estimator(model: Any, x: Any, y: Any) -> Subject:
    if not hasattr(model, "model_"):
        raise ParameterError(f"this {type(model).__name__} is not fitted yet; call `fit` first.")
    if isinstance(x, Mapping) and not hasattr(x, "iloc"):
        raise ParameterError(f"`x` must be a table for a {type(model).__name__}; got a dict. Pass x and y.")
    network: KAN = model.model_
    check_network(network)
    rows, labels = (as_data(network, None), None) if x is None else model.network_data(x, y)
    classes = model.classes_.tolist() if hasattr(model, "classes_") else None
    outputs = [{"name": name, "unit": None, "shift": 0.0, "scale": 1.0} for name in network.output_names]
    subject = Subject(network, rows, labels, None, x is not None, _columns(model.preprocessor_), outputs, owner=model)
    if classes is None:
        for output, shift, scale in zip(outputs, model.target_mean_, model.target_scale_, strict=True):
            output.update(shift=float(shift), scale=float(scale))
    else:
        several = network.out_features > 1
        subject.classes = [str(c) for c in classes]
        subject.link, subject.loss = ("softmax", "cross_entropy") if several else ("sigmoid", "bce")
    return subject


def _columns(preprocessor: Any) -> list[dict[str, Any]]:
    """Every input of the network as a column of the table, or as one level of a category."""
    return [_input(column, name) for column in preprocessor.columns for name in column.names_out]


def _input(column: NumericColumn | CategoricalColumn, name: str) -> dict[str, Any]:
    plain = {"name": name, "unit": None}
    if isinstance(column, NumericColumn):
        bend = BEND if column.bent else None
        return {**plain, "shift": float(column.center), "scale": float(column.scale), "bend": bend, "category": None}
    level = {"column": column.name, "level": name[len(column.name) + 1 :]}
    return {**plain, "shift": 0.0, "scale": 1.0, "bend": None, "category": level}


def in_user_units(values: np.ndarray, about: dict[str, Any]) -> np.ndarray:
    """Values of one input of the network in the unit that its user knows.

    Args:
        values: `(N,)` what the network sees.
        about: the entry of `Subject.inputs`.

    Returns:
        `(N,)` values.
    """
    if about["bend"] is not None:
        share = np.clip(values / about["bend"], -1.0 + 1e-9, 1.0 - 1e-9)  # the ends stand for infinity
        values = values / np.sqrt(1.0 - share**2)
    return values * about["scale"] + about["shift"]


def labels_as_columns(labels: Tensor, outputs: int) -> Tensor:
    """`(B, outputs)` labels; class numbers become ones among zeros."""
    return labels if labels.dim() == 2 else torch.nn.functional.one_hot(labels.long(), outputs).to(torch.float64)

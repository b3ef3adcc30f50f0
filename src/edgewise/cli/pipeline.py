"""A fitted estimator as one module: scaling of the columns, network, scaling back. For export."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from edgewise.cli.models import Opened
from edgewise.preprocess import BEND, NumericColumn


class Pipeline(nn.Module):
    """From raw numbers `(B, F)`, with 0 or 1 per category level, to predictions or class probabilities `(B, O)`.

    Args:
        estimator: a fitted `KANRegressor` or `KANClassifier`.
    """

    center: Tensor
    scale: Tensor
    bent: Tensor
    target_mean: Tensor
    target_scale: Tensor

    def __init__(self, estimator: Any) -> None:
        super().__init__()
        self.network = estimator.model_
        like = next(self.network.parameters())
        rows = []
        for column in estimator.preprocessor_.columns:
            number = isinstance(column, NumericColumn)
            rows += (
                [(column.center, column.scale, column.bent)] if number else [(0.0, 1.0, False)] * len(column.names_out)
            )
        center, scale, bent = zip(*rows, strict=True)
        self.register_buffer("center", torch.tensor(center, dtype=like.dtype))
        self.register_buffer("scale", torch.tensor(scale, dtype=like.dtype))
        self.register_buffer("bent", torch.tensor(bent))
        self.classes = len(estimator.classes_) if hasattr(estimator, "classes_") else 0
        if not self.classes:
            self.register_buffer("target_mean", torch.tensor(estimator.target_mean_, dtype=like.dtype))
            self.register_buffer("target_scale", torch.tensor(estimator.target_scale_, dtype=like.dtype))

    def forward(self, x: Tensor) -> Tensor:
        """`(B, F)` to `(B, O)`."""
        z = (x - self.center) / self.scale
        z = torch.where(self.bent, z / (1.0 + (z / BEND) ** 2).sqrt(), z)
        y = self.network(z)
        if not self.classes:
            return y * self.target_scale + self.target_mean
        if self.classes == 1:
            return torch.ones_like(y)
        return torch.softmax(torch.cat([torch.zeros_like(y), y], dim=1) if self.classes == 2 else y, dim=1)


def raw_module(opened: Opened) -> tuple[nn.Module, dict[str, Any], dict[str, Any]]:
    """What to export of a model file.

    Args:
        opened: the file.

    Returns:
        The module; its `in_features`, `input_names` and `output_names`; and what JSON adds to the network's numbers.
    """
    network, estimator = opened.network, opened.estimator
    if estimator is None:
        outputs = list(getattr(network, "output_names", [f"y{n + 1}" for n in range(network.out_features)]))
        inputs = list(getattr(network, "input_names", [f"x{n + 1}" for n in range(network.in_features)]))
        return network, {"in_features": network.in_features, "input_names": inputs, "output_names": outputs}, {}
    classes = estimator.classes_.tolist() if hasattr(estimator, "classes_") else None
    names = {
        "in_features": network.in_features,
        "input_names": list(network.input_names),
        "output_names": [f"p({c})" for c in classes] if classes else list(network.output_names),
    }
    if classes:
        target: dict[str, Any] = {"classes": classes}
    else:
        target = {"mean": estimator.target_mean_.tolist(), "scale": estimator.target_scale_.tolist()}
    return Pipeline(estimator), names, {"columns": estimator.preprocessor_.state(), "target": target}

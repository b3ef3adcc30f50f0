"""Numbers reported beside the loss, by name or as a callable `(prediction, label) -> float`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from edgewise.errors import ParameterError

Metric = Callable[[Tensor, Tensor], Any]


def _r2(prediction: Tensor, label: Tensor) -> Tensor:
    return 1 - ((prediction - label) ** 2).sum() / ((label - label.mean(0)) ** 2).sum()


def _accuracy(prediction: Tensor, label: Tensor) -> Tensor:
    if label.is_floating_point() and label.shape == prediction.shape and label.shape[-1] == 1:
        return ((prediction > 0) == (label > 0.5)).double().mean()  # one logit: binary
    classes = label if not label.is_floating_point() else label.argmax(1)
    return (prediction.argmax(1) == classes).double().mean()


METRICS: dict[str, Metric] = {
    "r2": _r2,
    "accuracy": _accuracy,
    "mae": lambda prediction, label: (prediction - label).abs().mean(),
    "rmse": lambda prediction, label: ((prediction - label) ** 2).mean().sqrt(),
    "max_error": lambda prediction, label: (prediction - label).abs().max(),
}


def get_metrics(metrics: "str | Metric | Sequence[str | Metric] | Mapping[str, Metric] | None") -> dict[str, Metric]:
    """Metrics by name.

    Args:
        metrics: None, a name, a callable, several of them, or a mapping from names to callables.

    Returns:
        Name to callable.

    Raises:
        ParameterError: an unknown name, or something that is neither a name nor callable.
    """
    if metrics is None:
        return {}
    if isinstance(metrics, Mapping):
        found = dict(metrics)
    else:
        several = [metrics] if isinstance(metrics, str) or callable(metrics) else list(metrics)
        found = {m if isinstance(m, str) else getattr(m, "__name__", type(m).__name__): m for m in several}
    result: dict[str, Metric] = {}
    for name, metric in found.items():
        function = METRICS.get(metric) if isinstance(metric, str) else metric
        if not callable(function):
            raise ParameterError(
                f"`metrics` must be names from {sorted(METRICS)} or callables (prediction, label) -> float; "
                f"got {metric!r}."
            )
        result[name] = function
    return result


def number(metric: Metric, prediction: Tensor, label: Tensor) -> float:
    """The metric as a float, outside autograd."""
    with torch.no_grad():
        return float(metric(prediction, label))

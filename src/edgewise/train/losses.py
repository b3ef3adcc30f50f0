"""Losses: one number per row, averaged with the rows' weights.

A loss is known by name or is any callable `loss(prediction, label)`. The mean over rows is always a
*weighted* mean, so that a last, smaller mini-batch and sample weights count as they should.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from edgewise.errors import DomainError, ParameterError, ShapeError

RowLoss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Loss:
    """A loss with what its labels must be.

    Attributes:
        name: as the user gave it, or the callable's name.
        function: `(prediction, label) -> ` a value per row `(B,)`, per element, or a scalar.
        labels: `"values"` (floating, the shape of the predictions), `"classes"` (integers `(B,)`, or
            probabilities), or `"any"`.
        lowest: smallest allowed label.
        highest: largest allowed label.
        whole: the same, averaged at once; saves an operation where there are no weights.
    """

    name: str
    function: RowLoss
    labels: str = "values"
    lowest: float | None = None
    highest: float | None = None
    whole: RowLoss | None = None

    def mean(self, prediction: Tensor, label: Tensor, weight: Tensor | None) -> Tensor:
        """Mean loss of a batch; with weights, `sum(w * loss) / B`.

        Args:
            prediction: `(B, ...)` model outputs.
            label: `(B, ...)` labels.
            weight: `(B,)` weights whose mean over all training rows is one, or None.

        Returns:
            A scalar.

        Raises:
            ShapeError: the callable returned neither one value per row nor a scalar, or a scalar although
                there are weights.
        """
        if weight is None and self.whole is not None:
            return self.whole(prediction, label)
        value = self.function(prediction, label)
        if weight is None:
            return value if value.dim() == 0 else value.mean()
        if value.dim() == 0 or value.shape[0] != len(prediction):
            raise ShapeError(
                f"loss {self.name!r} returned shape {tuple(value.shape)} for {len(prediction)} rows; with "
                f"`sample_weight` it must return one value per row, e.g. use `reduction='none'`."
            )
        return (value.reshape(len(value), -1).mean(1) * weight).mean()


def _named(name: str, function: Callable[..., Tensor], **options: object) -> Loss:
    def rows(prediction: Tensor, label: Tensor) -> Tensor:
        return function(prediction, label, reduction="none")

    return Loss(name, rows, whole=function, **options)  # pyright: ignore[reportArgumentType]


LOSSES: dict[str, Loss] = {
    "mse": _named("mse", F.mse_loss),
    "mae": _named("mae", F.l1_loss),
    "huber": _named("huber", F.huber_loss),
    "cross_entropy": _named("cross_entropy", F.cross_entropy, labels="classes"),
    "bce": _named("bce", F.binary_cross_entropy_with_logits, lowest=0.0, highest=1.0),
    "poisson": _named("poisson", F.poisson_nll_loss, lowest=0.0),
}
"""By name. `"bce"` and `"cross_entropy"` take logits, `"poisson"` the logarithm of the rate."""


def get_loss(loss: "str | RowLoss") -> Loss:
    """A loss by name or from a callable.

    Args:
        loss: a key of `LOSSES`, or a callable `(prediction, label) -> Tensor`.

    Returns:
        The loss.

    Raises:
        ParameterError: no such name, or not callable.
    """
    if isinstance(loss, str):
        if loss not in LOSSES:
            raise ParameterError(f"`loss` must be one of {sorted(LOSSES)} or a callable; got {loss!r}.")
        return LOSSES[loss]
    if not callable(loss):
        raise ParameterError(f"`loss` must be a name or a callable (prediction, label) -> Tensor; got {loss!r}.")
    return Loss(getattr(loss, "__name__", type(loss).__name__), loss, labels="any")


def check_labels(loss: Loss, label: Tensor, output: tuple[int, ...], what: str) -> None:
    """Check that labels fit the loss and the model's outputs, so that nothing broadcasts silently.

    Args:
        loss: the loss.
        label: `(N, ...)` labels.
        output: shape of one row of the model's output.
        what: how to call the labels in messages.

    Raises:
        ShapeError: the shape does not fit.
        DomainError: a label lies outside the loss's range.
    """
    if loss.labels == "classes" and not label.is_floating_point():
        _check_classes(label, output, what)
        return
    own = tuple(label.shape[1:])
    floats = label.is_floating_point()
    if loss.labels == "any" and (not floats or len(own) >= len(output)):
        return  # a callable knows its own labels
    if own != output:
        outputs = ("N", *output)
        shown = f"({', '.join(map(str, outputs))})"
        if not own and output == (1,):
            fix = f"They would broadcast to (N, N). Pass `y[:, None]` so that they are {shown}."
        elif own == (1,) and not output:
            fix = "They would broadcast to (N, N). Pass `y[:, 0]`."
        else:
            fix = f"Pass labels of shape {shown}, or change the model's number of outputs."
        raise ShapeError(f"{what} have shape {tuple(label.shape)}, the model's outputs are {shown}. {fix}")
    _check_range(loss, label, what)


def _check_classes(label: Tensor, output: tuple[int, ...], what: str) -> None:
    if label.dim() != len(output):
        fix = " Pass `y[:, 0]`." if label.dim() == 2 and label.shape[1] == 1 else ""
        raise ShapeError(
            f"{what} of class numbers must have shape (N,) for the loss 'cross_entropy'; got {tuple(label.shape)}.{fix}"
        )
    classes = output[0]
    bad = (label < 0) | (label >= classes)
    if bool(bad.any()):
        row = int(bad.reshape(len(bad), -1).any(1).nonzero()[0])
        raise DomainError(
            f"{what} must be class numbers from 0 to {classes - 1} (the model has {classes} outputs); got "
            f"{label[row].tolist()} at row {row}. Number the classes from 0, or give the model more outputs."
        )


def _check_range(loss: Loss, label: Tensor, what: str) -> None:
    low = -torch.inf if loss.lowest is None else loss.lowest
    high = torch.inf if loss.highest is None else loss.highest
    bad = (label < low) | (label > high)
    if bool(bad.any()):
        place = tuple(bad.nonzero()[0].tolist())
        raise DomainError(
            f"{what} must lie in [{low:g}, {high:g}] for the loss {loss.name!r}; got {float(label[place]):g} at "
            f"row {place[0]}."
        )

"""A loss over data as a function of named tensors: what Hessians and landscapes are taken of.

Everything is read once, when the object is made: weights and buffers are copied, a loader is listed. What is computed
later is about that moment, whatever happens to the model meanwhile. Tensors of data are not copied: leave them alone.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call

from edgewise.errors import DomainError, EdgewiseError, ParameterError, ShapeError
from edgewise.layers import AbstractEdgeLayer
from edgewise.optim.objective import checked_loss, one_number
from edgewise.optim.parameters import Flattening, is_frozen

_FORMS = (
    "None, a tensor, (x, y), what `create_dataset` returns, or an iterable of such batches (a list, a DataLoader); "
    "tensors, with rows along the first axis"
)


class Batch(NamedTuple):
    """Some rows: `tensors` with one first axis, and the `weight` of their loss in that of all rows."""

    tensors: tuple[Tensor, ...]
    weight: float


class DataLoss:
    """The loss of a model, or any loss of named tensors, over all rows of a data set.

    Modules are evaluated in evaluation mode: with dropout a curvature would be that of one random draw, with batch
    statistics rows would not add up. Mode, weights, buffers and `.grad` stay as they are.

    Args:
        loss: for a module a criterion `loss(prediction, y)`; for named tensors a function `loss(params, *batch)`.
        params: an `nn.Module`, or name to tensor. Frozen parameters keep their value.
        data: None, `(x, y)`, what `create_dataset` returns, or an iterable of such batches (a list, a `DataLoader`).
        reduction: `"mean"` if the loss is a mean over the rows of a batch, `"sum"` if a sum. That of the criterion
            (`loss.reduction`) when absent, else `"mean"`.
        predict: for named tensors that have a prediction: `predict(params, x)`; then `loss(prediction, y)`.

    Attributes:
        layout: how the moving tensors lie in a vector, and their values.
        buffers: name to tensor of what a module computes with but does not train.
        batches: the rows.

    Raises:
        ParameterError: an argument is outside its documented set.
        ShapeError: a batch has tensors of several lengths, or there are no rows.
    """

    def __init__(
        self,
        loss: Callable[..., Tensor],
        params: nn.Module | Mapping[str, Tensor],
        data: Any = None,
        *,
        reduction: str | None = None,
        predict: Callable[..., Tensor] | None = None,
    ) -> None:
        if not callable(loss):
            raise ParameterError(f"`loss` must be a function; got {type(loss)}.")
        self._loss = loss
        self._module = params if isinstance(params, nn.Module) else None
        self._predict = predict if self._module is None else self._evaluate_module
        named = _copies(params) if isinstance(params, Mapping) else _parameters_of(params)
        self.layout = Flattening(named)
        self.buffers = {} if self._module is None else {n: b.detach().clone() for n, b in self._module.named_buffers()}
        reduction = getattr(loss, "reduction", "mean") if reduction is None else reduction
        self.batches = _weighed(_tensors(data, self.layout.start.device), reduction)
        if len(self.batches) > 1 and reduction == "mean" and getattr(loss, "weight", None) is not None:
            raise ParameterError(
                f"{type(loss).__name__} with `weight` is a mean over weights, not rows: batches do not add up. "
                "Give all rows as one batch, or use `reduction='sum'`."
            )
        if self._predict is not None and any(len(batch.tensors) < 2 for batch in self.batches):
            raise ParameterError(
                "`data` must hold inputs and labels, as `(x, y)`: `loss(prediction, y)` compares them."
            )
        self._try()

    def _try(self) -> None:
        """See at once whether model, loss and data fit each other."""
        batch = self.batches[0]
        try:
            with torch.no_grad(), self.evaluating():
                self._plain(self.layout.unflatten(self.layout.start), batch)
        except EdgewiseError:
            raise
        except (RuntimeError, IndexError, TypeError, ValueError) as error:
            forms = ", ".join(f"{tuple(tensor.shape)} {tensor.dtype}" for tensor in batch.tensors) or "no data"
            raise ParameterError(
                f"model, `loss` and `data` must fit each other; on the first batch ({forms}) torch says: {error}"
            ) from error

    def of_batch(self, params: Mapping[str, Tensor], batch: Batch) -> Tensor:
        """The share of one batch in the loss, with its graph.

        Args:
            params: name to tensor, as `layout.unflatten` gives them.
            batch: one of `batches`.

        Returns:
            A tensor without axes.

        Raises:
            DomainError: the loss is NaN or infinite.
        """
        if self._predict is None:
            return _share(self._loss(params, *batch.tensors), batch)
        return self.of_prediction(self._predict(params, batch.tensors[0]), batch)

    def of_prediction(self, prediction: Tensor, batch: Batch) -> Tensor:
        """The share of one batch in the loss, given the prediction."""
        return _share(self._loss(prediction, *batch.tensors[1:]), batch)

    def predict(self, params: Mapping[str, Tensor], batch: Batch) -> Tensor:
        """The prediction for one batch, where the loss is one of a prediction."""
        if self._predict is None:
            raise ParameterError(
                "`predict` must be given with named tensors: the loss has to be one of a prediction. Pass "
                "`predict=lambda params, x: ...` and `loss(prediction, y)`, or an nn.Module and a criterion."
            )
        return self._predict(params, batch.tensors[0])

    def value(self, x: Tensor) -> float:
        """The loss over all rows.

        Args:
            x: `(n,)` the moving tensors as a vector.

        Returns:
            The loss, possibly NaN or infinite.
        """
        with torch.no_grad(), self.evaluating():
            params = self.layout.unflatten(x)
            return sum(self._plain(params, batch) for batch in self.batches)

    def _plain(self, params: Mapping[str, Tensor], batch: Batch) -> float:
        if self._predict is None:
            loss = self._loss(params, *batch.tensors)
        else:
            loss = self._loss(self._predict(params, batch.tensors[0]), *batch.tensors[1:])
        return float(one_number(loss)) * batch.weight

    def _evaluate_module(self, params: Mapping[str, Tensor], x: Tensor) -> Tensor:
        return functional_call(self._module, {**self.buffers, **params}, (x,))  # pyright: ignore[reportArgumentType]

    def fixed(self) -> dict[str, Tensor]:
        """Name to tensor of what does not move: frozen parameters, and buffers that a state dictionary has."""
        moving = self.layout.split(self.layout.start)
        saved = () if self._module is None else self._module.state_dict()
        frozen = {n: t for n, t in self.layout.unflatten(self.layout.start).items() if n not in moving}
        return frozen | {name: self.buffers[name] for name in saved if name in self.buffers}

    def statistics(self) -> set[str]:
        """Names of the buffers that mean the same when they move, such as running means; knots and masks do not."""
        if self._module is None:
            return set()
        layers = [
            f"{name}.".lstrip(".") for name, part in self._module.named_modules() if isinstance(part, AbstractEdgeLayer)
        ]
        return {name for name in self.buffers if not any(name.startswith(layer) for layer in layers)}

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Put the module into evaluation mode, and every part of it back into its own."""
        training = [] if self._module is None else [part for part in self._module.modules() if part.training]
        for part in training:
            part.training = False
        try:
            yield
        finally:
            for part in training:
                part.training = True


def _share(loss: Tensor, batch: Batch) -> Tensor:
    loss = checked_loss(loss)
    if not bool(loss.isfinite()):
        raise DomainError(
            f"The loss is {float(loss.detach())} at these parameters, so it has no curvature there. Look for NaN in "
            "the data (`x.isfinite().all()`), or take parameters where the loss is finite."
        )
    return loss * batch.weight


def _parameters_of(module: Any) -> dict[str, Tensor]:
    if not isinstance(module, nn.Module):
        raise ParameterError(f"`params` must be an nn.Module or a dictionary of tensors; got {type(module)}.")
    named = dict(module.named_parameters())
    if not any(parameter.requires_grad for parameter in named.values()):
        raise ParameterError(
            f"`params` must be a module with parameters to differentiate; {type(module).__name__} has none. The loss "
            "comes first, as in `hessian(nn.MSELoss(), model, (x, y))`; `requires_grad_()` frees frozen parameters."
        )
    return _copies(named)


def _copies(params: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same with frozen parameters copied; `Flattening` copies the others."""
    frozen = {n: nn.Parameter(t.detach().clone(), False) for n, t in params.items() if is_frozen(t)}
    return {**params, **frozen}


# ------------------------------------------------------------------------------------------------------- data


def _tensors(data: Any, device: torch.device) -> list[tuple[Tensor, ...]]:
    """Data in any documented form as batches on a device."""
    if data is None:
        return [()]
    if isinstance(data, Mapping) and {"train_input", "train_label"} <= set(data):
        data = data["train_input"], data["train_label"]
    if isinstance(data, Tensor):
        data = (data,)
    if isinstance(data, tuple | list) and data and isinstance(data[0], Tensor):
        data = [data]
    if not isinstance(data, Iterable) or isinstance(data, Mapping | str):
        raise ParameterError(f"`data` must be {_FORMS}; got {type(data)}.")
    with torch.random.fork_rng(devices=[]):  # a loader draws a seed from the global generator
        batches = [(batch,) if isinstance(batch, Tensor) else batch for batch in data]
    for number, batch in enumerate(batches):
        _check_batch(batch, number)
    batches = [tuple(tensor.to(device) for tensor in batch) for batch in batches if len(batch[0])]
    if not batches:
        raise ShapeError("`data` must have at least one row; got none.")
    return batches


def _check_batch(batch: Any, number: int) -> None:
    if not isinstance(batch, tuple | list) or not batch or not all(isinstance(t, Tensor) for t in batch):
        raise ParameterError(f"`data` must be {_FORMS}; batch {number} is {type(batch)}. Use `torch.as_tensor`.")
    lengths = [len(t) if t.dim() else 0 for t in batch]
    if len(set(lengths)) > 1:
        raise ShapeError(f"`data` must have one label for every row; batch {number} has tensors of {lengths} rows.")


def _weighed(batches: list[tuple[Tensor, ...]], reduction: Any) -> list[Batch]:
    """Batches with their share in the whole: a mean over rows weighs every batch by its size."""
    if reduction not in ("mean", "sum"):
        raise ParameterError(f"`reduction` must be 'mean' or 'sum', so that the loss is one number; got {reduction!r}.")
    if len(batches) == 1 or reduction == "sum":
        return [Batch(tensors, 1.0) for tensors in batches]
    rows = sum(len(tensors[0]) for tensors in batches)
    return [Batch(tensors, len(tensors[0]) / rows) for tensors in batches]

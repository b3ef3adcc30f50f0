"""Products with the Hessian and the Gauss-Newton matrix of a loss over data, by reverse passes only.

A product differentiates the gradient once more, backwards, on a graph that is kept: it costs about as much as a
gradient. Forward-over-reverse is several times slower on the CPU and has no rule for common functions (`silu` under
`torch.no_grad`, `mish`, `huber_loss`). The Gauss-Newton matrix `J' B J`, with `J` the Jacobian of the predictions and
`B` the Hessian of the loss with respect to them, takes `J v` by differentiating `J' w` with respect to `w`.

Source: Pearlmutter (1994), Fast exact multiplication by the Hessian, Neural Computation 6; Schraudolph (2002), Fast
curvature matrix-vector products, Neural Computation 14.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from edgewise.curvature.data_loss import Batch, DataLoss
from edgewise.curvature.operator import SymmetricOperator
from edgewise.optim.objective import Product
from edgewise.optim.objective import hessian_product as pull  # a Hessian product is a pull through the gradient's graph

Prepare = Callable[[DataLoss, dict[str, Tensor], list[Tensor], Batch], Product]
"""Builds the graph of one batch with given parameters, the leaves among them, and gives the product on it."""


def hessian(
    loss: Callable[..., Tensor],
    params: nn.Module | Mapping[str, Tensor],
    data: Any = None,
    *,
    reduction: str | None = None,
    keep_graphs: bool | None = None,
) -> SymmetricOperator:
    """The Hessian of a loss over data, at the parameters as they are now.

    Works with any twice differentiable module, and under `torch.no_grad()`. Batches count by their number of rows.
    Parameters without influence have zero curvature; frozen ones are left out. Modules are evaluated in evaluation
    mode; mode, `.grad`, weights and buffers stay as they are.

    Args:
        loss: for a module a criterion `loss(prediction, y)`, such as `nn.MSELoss()`; for named tensors
            `loss(params, *batch)`.
        params: an `nn.Module`, or name to tensor.
        data: None, `(x, y)`, what `create_dataset` returns, or an iterable of such batches (a list, a `DataLoader`),
            which is read once.
        reduction: `"mean"` if the loss is a mean over the rows of a batch, `"sum"` if a sum; `loss.reduction` when
            absent, else `"mean"`.
        keep_graphs: keep the graphs of all batches between products, which costs the memory of a gradient with all
            rows at once, and saves two thirds of the time. By default for one batch.

    Returns:
        The operator, of as many rows as there are numbers that move.

    Raises:
        ParameterError: an argument is outside its documented set.
        ShapeError: a batch has tensors of several lengths, there are no rows, or the loss is not one number.
        DomainError: the loss is NaN or infinite; raised at the first product.

    Accuracy: 1e-10 in float64 against dense Hessians.

    >>> x = torch.tensor([[1.0], [2.0]])
    >>> model = nn.Linear(1, 1, bias=False)
    >>> hessian(nn.MSELoss(), model, (x, x)).to_dense()  # the mean of 2 x^2
    tensor([[5.]])
    """
    return _operator(DataLoss(loss, params, data, reduction=reduction), _hessian_of_batch, keep_graphs)


def gauss_newton(
    loss: Callable[..., Tensor],
    params: nn.Module | Mapping[str, Tensor],
    data: Any,
    *,
    predict: Callable[..., Tensor] | None = None,
    reduction: str | None = None,
    keep_graphs: bool | None = None,
) -> SymmetricOperator:
    """The generalized Gauss-Newton matrix `J' B J` of a loss over data, at the parameters as they are now.

    It is the Hessian without the curvature of the model, positive semidefinite for a loss that is convex in the
    prediction. For the mean squared error it is `2 J'J / N`; for the cross entropy it is the Fisher matrix.

    Args:
        loss: `loss(prediction, y)`.
        params: as for `hessian`.
        data: as for `hessian`, with inputs and labels.
        predict: for named tensors: `predict(params, x)`.
        reduction: as for `hessian`.
        keep_graphs: as for `hessian`.

    Returns:
        The operator.

    Raises:
        ParameterError: an argument is outside its documented set, or `predict` is missing.
        ShapeError: as for `hessian`.
        DomainError: as for `hessian`.
    """
    objective = DataLoss(loss, params, data, reduction=reduction, predict=predict)
    return _operator(objective, _gauss_newton_of_batch, keep_graphs)


def _operator(objective: DataLoss, prepare: Prepare, keep_graphs: bool | None) -> SymmetricOperator:
    start = objective.layout.start
    keep = len(objective.batches) == 1 if keep_graphs is None else keep_graphs
    return SymmetricOperator(
        _Sum(objective, prepare, keep), len(start), start.dtype, start.device, objective.layout, shares=not keep
    )


class _Sum:
    """Products over all batches; graphs are built at the first one."""

    def __init__(self, objective: DataLoss, prepare: Prepare, keep: bool) -> None:
        self._objective, self._prepare, self._keep = objective, prepare, keep
        self._kept: list[Product] | None = None

    def __call__(self, rows: Tensor) -> Tensor:
        rows, total = rows.detach(), torch.zeros_like(rows)
        for product in self._products():
            for row, into in zip(rows, total, strict=True):
                into += product(row)
        return total

    def _products(self) -> Iterator[Product]:
        if self._kept is not None:
            yield from self._kept
        elif self._keep:
            self._kept = list(self._built())
            yield from self._kept
        else:
            yield from self._built()

    def _built(self) -> Iterator[Product]:
        layout = self._objective.layout
        for batch in self._objective.batches:
            with torch.inference_mode(False), torch.enable_grad(), self._objective.evaluating():
                leaves = {n: t.requires_grad_() for n, t in layout.split(layout.start).items()}
                params = {**layout.unflatten(layout.start), **leaves}
                product = self._prepare(self._objective, params, list(leaves.values()), batch)
            yield product


def _hessian_of_batch(objective: DataLoss, params: dict[str, Tensor], leaves: list[Tensor], batch: Batch) -> Product:
    grads = _gradient(objective.of_batch(params, batch), leaves)
    return lambda v: pull(grads, leaves, v)


def _gauss_newton_of_batch(
    objective: DataLoss, params: dict[str, Tensor], leaves: list[Tensor], batch: Batch
) -> Product:
    prediction = objective.predict(params, batch)
    weights = torch.zeros_like(prediction, requires_grad=True)
    pulled = _gradient(prediction, leaves, weights)  # J' w
    seen = prediction.detach().requires_grad_()
    slopes = _gradient(objective.of_prediction(seen, batch), [seen])

    def product(v: Tensor) -> Tensor:
        pushed = pull(pulled, [weights], v)  # J v
        return pull([prediction], leaves, pull(slopes, [seen], pushed))

    return product


def _gradient(output: Tensor, leaves: list[Tensor], weights: Tensor | None = None) -> list[Tensor]:
    """Gradients with their graph; zero where there is no influence."""
    return list(
        torch.autograd.grad(output, leaves, weights, create_graph=True, allow_unused=True, materialize_grads=True)
    )

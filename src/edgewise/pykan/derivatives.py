"""Derivatives of rows by inputs, and of a loss by parameters, as tensors of pykan's shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.functional import hessian, jacobian

from edgewise.errors import ParameterError, ShapeError


def batch_jacobian(
    func: Callable[[Tensor], Tensor], x: Tensor, create_graph: bool = False, mode: str = "scalar"
) -> Tensor:
    """First derivatives of a function of rows by its inputs.

    Args:
        func: a model or function, `(N, n)` to `(N, outputs)` or `(N,)`, each row by itself.
        x: `(N, n)` rows.
        create_graph: whether the result can be differentiated.
        mode: `"scalar"` for the first output, `"vector"` for all.

    Returns:
        `(N, n)`, or `(N, outputs, n)` with `"vector"`.

    Raises:
        ParameterError: another mode. (pykan returns None.)
        ShapeError: `x` is not `(N, n)`.
    """
    if mode not in ("scalar", "vector"):
        raise ParameterError(f'`mode` must be "scalar" or "vector"; got {mode!r}.')
    if not isinstance(x, Tensor) or x.dim() != 2:
        raise ShapeError(f"`x` must be a tensor (rows, inputs); got {getattr(x, 'shape', type(x).__name__)}.")

    def total(rows: Tensor) -> Tensor:
        values = func(rows).reshape(len(rows), -1)
        return (values[:, :1] if mode == "scalar" else values).sum(dim=0)

    found: Any = jacobian(total, x, create_graph=create_graph)  # (outputs, N, n)
    return found[0] if mode == "scalar" else found.transpose(0, 1)


def batch_hessian(model: Callable[[Tensor], Tensor], x: Tensor, create_graph: bool = False) -> Tensor:
    """Second derivatives of the first output of a function of rows by its inputs.

    Args:
        model: a model or function, `(N, n)` to `(N, outputs)` or `(N,)`, each row by itself.
        x: `(N, n)` rows.
        create_graph: whether the result can be differentiated.

    Returns:
        `(N, n, n)`.

    Raises:
        ShapeError: `x` is not `(N, n)`.
    """
    return batch_jacobian(lambda rows: batch_jacobian(model, rows, create_graph=True), x, create_graph, mode="vector")


def model2param(model: nn.Module) -> Tensor:
    """All parameters of a model in one vector.

    Args:
        model: any module.

    Returns:
        `(P,)`, in the order of `model.parameters()`, connected with them for autograd.
    """
    return nn.utils.parameters_to_vector(model.parameters())


def get_derivative(
    model: nn.Module,
    inputs: Tensor,
    labels: Tensor,
    derivative: str = "hessian",
    loss_mode: str = "pred",
    reg_metric: str = "w",
    lamb: float = 0.0,
    lamb_l1: float = 1.0,
    lamb_entropy: float = 0.0,
) -> Tensor:
    """Derivatives of a loss by all parameters, in the order of `model2param`.

    The model is not changed. (pykan replaces the parameters of a copy by running generated code.) For a large model or
    only some eigenvalues see `edgewise.curvature`.

    Args:
        model: any module; for a loss with a penalty one with `get_reg`, such as `MLP`.
        inputs: `(N, inputs)`.
        labels: `(N, outputs)`.
        derivative: `"hessian"` or `"jacobian"`.
        loss_mode: `"pred"` for the mean squared error, `"reg"` for the penalty, `"all"` for error + lamb * penalty.
        reg_metric: of the penalty, see the model's `get_reg`.
        lamb: strength of the penalty within `"all"`.
        lamb_l1: of the penalty.
        lamb_entropy: of the penalty.

    Returns:
        `(1, P, P)`, or `(1, P)` for `"jacobian"`.

    Raises:
        ParameterError: another `derivative` or `loss_mode`.
    """
    if derivative not in ("hessian", "jacobian"):
        raise ParameterError(f'`derivative` must be "hessian" or "jacobian"; got {derivative!r}.')
    if loss_mode not in ("pred", "reg", "all"):
        raise ParameterError(f'`loss_mode` must be "pred", "reg" or "all"; got {loss_mode!r}.')
    objective = _Objective(model, loss_mode, lamb, (reg_metric, lamb_l1, lamb_entropy))
    named = dict(objective.named_parameters())

    def loss(vector: Tensor) -> Tensor:
        parts = vector.split([p.numel() for p in named.values()])
        own = {name: part.view_as(p) for (name, p), part in zip(named.items(), parts, strict=True)}
        return torch.func.functional_call(objective, own, (inputs, labels))

    found: Any = (hessian if derivative == "hessian" else jacobian)(loss, model2param(model).detach())
    return found[None]


class _Objective(nn.Module):
    """A loss as a module, so that its parameters can be replaced."""

    def __init__(self, model: nn.Module, mode: str, lamb: float, penalty: tuple[Any, ...]) -> None:
        super().__init__()
        self.model, self.mode, self.lamb, self.penalty = model, mode, lamb, penalty

    def forward(self, inputs: Tensor, labels: Tensor) -> Tensor:
        """The loss, a scalar."""
        model: Any = self.model
        error = (model(inputs) - labels).square().mean()
        if self.mode == "pred":
            return error
        penalty = model.get_reg(*self.penalty)
        return penalty if self.mode == "reg" else error + self.lamb * penalty

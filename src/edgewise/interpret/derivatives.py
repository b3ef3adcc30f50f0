"""Exact derivatives of any function of rows, block by block: what tests of structure look at.

A function may be a network or plain code; it is differentiated by autograd in float64, up to the third order. Every
derivative is measured in standard deviations of the inputs and of the output, so that no unit matters.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from edgewise.errors import DomainError, ParameterError, ShapeError
from edgewise.interpret.data import as_data, as_tensor
from edgewise.models import KAN

_NUMBERS = 1 << 20
"""Numbers of one tensor held at a time: 8 MB."""


@dataclass(frozen=True)
class Jet:
    """Values and derivatives at some rows, in standard deviations of inputs and output.

    Attributes:
        rows: `(B, D)` inputs, divided by their scale.
        value: `(B,)` values, without their mean.
        gradient: `(B, D)`.
        hessian: `(B, D, D)`.
        third: `(B, D, D)`, entry `[i, j]` is differentiated twice by `i` and once by `j`; None unless asked for.
    """

    rows: Tensor
    value: Tensor
    gradient: Tensor
    hessian: Tensor
    third: Tensor | None = None

    def finite(self) -> Tensor:
        """`(B,)` whether every number of a row is finite."""
        parts = [self.value[:, None], self.gradient, self.hessian.flatten(1)]
        parts += [] if self.third is None else [self.third.flatten(1)]
        return torch.cat(parts, dim=1).isfinite().all(dim=1)

    def of(self, kept: Tensor) -> Jet:
        """The rows where `kept` is true."""
        third = None if self.third is None else self.third[kept]
        return Jet(self.rows[kept], self.value[kept], self.gradient[kept], self.hessian[kept], third)


class Rows:
    """A scalar function of every row, with the rows it is examined on.

    Args:
        function: `(B, D)` to `(B,)`, each row by itself.
        x: `(N, D)` rows, float64.
        strict: whether a row without a finite value or derivative is an error; else it is left out.
        reference: `(M, D)` rows that give the scales; `x` when absent.

    Attributes:
        function: see above.
        x: see above.
        scale: `(D,)` standard deviation of every input; zero where it is constant.
        mean: of the values.
        spread: standard deviation of the values; zero where they are constant.

    Raises:
        DomainError: `strict`, and the function has no finite value on some row.
    """

    def __init__(
        self, function: Callable[[Tensor], Tensor], x: Tensor, *, strict: bool = True, reference: Tensor | None = None
    ) -> None:
        self.function, self.x, self.strict = function, x, strict
        source = x if reference is None else reference
        values = self._values(source)
        mean, deviation = _moments(values[:, None])
        self.mean, self.spread = float(mean), float(deviation)
        self.scale = _moments(source)[1]

    @property
    def features(self) -> int:
        """Number of inputs D."""
        return self.x.shape[1]

    def jets(self, *, third: bool = False) -> Iterator[Jet]:
        """Blocks of rows with their derivatives.

        Args:
            third: whether third derivatives are needed.

        Yields:
            One `Jet` per block; constant inputs and outputs have derivatives zero.

        Raises:
            DomainError: `strict`, and a derivative is not finite on some row.
        """
        features = self.features
        inputs = torch.where(self.scale > 0, self.scale, 1.0)
        output = self.spread if self.spread > 0 else 1.0
        alive = (self.scale > 0).to(self.x) * (1.0 if self.spread > 0 else 0.0)
        size = max(1, _NUMBERS // features**3)
        for first in range(0, len(self.x), size):
            x = self.x[first : first + size]
            value, gradient, hessian, cubic = _derivatives(self.function, x, third)
            by = self.scale * alive  # (D,)
            both = by[:, None] * by  # first, so that what is symmetric stays so to the last bit
            jet = Jet(
                x / inputs,
                (value - self.mean) / output,
                gradient / output * by,
                hessian / output * both,
                None if cubic is None else cubic / output * both * by[:, None],
            )
            kept = jet.finite()
            if self.strict and not bool(kept.all()):
                row = first + int((~kept).nonzero()[0, 0])
                raise DomainError(
                    f"the function has no finite derivatives at row {row}, {self.x[row].tolist()}: "
                    "a kink or a pole. Leave such rows out."
                )
            yield jet if bool(kept.all()) else jet.of(kept)

    def restricted(self, subset: Sequence[int], base: Tensor) -> Rows:
        """The function of some inputs alone, the others held.

        Args:
            subset: numbers of the inputs.
            base: `(D,)` where the others are held.

        Returns:
            It, on the same rows; rows where it is not finite are left out.
        """
        place = torch.tensor(list(subset), device=base.device)

        def function(part: Tensor) -> Tensor:
            return self.function(base.expand(len(part), -1).index_copy(1, place, part))

        return Rows(function, self.x[:, place], strict=False)

    @torch.no_grad()
    def _values(self, x: Tensor) -> Tensor:
        size = max(1, _NUMBERS // max(1, x.shape[1]))
        values = torch.cat([self.function(block) for block in x.split(size)])
        kept = values.isfinite()
        if self.strict and not bool(kept.all()):
            row = int((~kept).nonzero()[0, 0])
            raise DomainError(f"the function is {float(values[row])} at row {row}, {x[row].tolist()}; leave it out.")
        return values[kept]


def examined(model: Any, x: Any, output: int = 0) -> tuple[Callable[[Tensor], Tensor], Tensor]:
    """A model as a scalar function in float64, and the rows for it.

    Args:
        model: a KAN, another module, or any function of a `(B, D)` tensor with values `(B,)` or `(B, outputs)`, each
            row by itself. A module is copied into float64; it is not changed.
        x: `(N, D)` rows, anything array-like, or a dict of data.
        output: which output.

    Returns:
        The function, `(B, D)` to `(B,)`, and `(N, D)` rows.

    Raises:
        ParameterError: `model` cannot be called, or there is no such output.
        ShapeError: the rows or the values have another shape.
        DomainError: a NaN or infinite entry of `x`.
    """
    rows = rows_of(model, x)
    if isinstance(model, nn.Module):
        model = copy.deepcopy(model).double().eval().requires_grad_(False)
    with torch.no_grad():
        found = model(rows[:1])
    shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
    if not isinstance(found, Tensor) or found.dim() not in (1, 2) or len(found) != 1:
        raise ShapeError(f"`model` must give (rows,) or (rows, outputs) values; got {shape} for one row.")
    outputs = found.shape[1] if found.dim() == 2 else 1
    if not isinstance(output, int) or isinstance(output, bool) or not 0 <= output < outputs:
        raise ParameterError(f"`output` must be an int, 0 to {outputs - 1}; got {output!r}.")

    def function(x: Tensor) -> Tensor:
        values: Any = model(x)
        return values if values.dim() == 1 else values[:, output]

    return function, rows


def rows_of(model: Any, x: Any) -> Tensor:
    """Rows for a model, in float64 on its device.

    Args:
        model: as for `examined`.
        x: `(N, D)` rows, anything array-like, or a dict of data.

    Returns:
        `(N, D)` finite rows.

    Raises:
        ParameterError: `model` cannot be called, or a dict of data has no `train_input`.
        ShapeError: not `(N, D)`, or no rows.
        DomainError: a NaN or infinite entry.
    """
    if not callable(model):
        raise ParameterError(f"`model` must be a function of a (rows, inputs) tensor; got {type(model).__name__}.")
    rows = as_data(model, x) if isinstance(model, KAN) else _plain_rows(x)
    parameter = next(model.parameters(), None) if isinstance(model, nn.Module) else None
    return rows.to(rows.device if parameter is None else parameter.device, torch.float64)


def _plain_rows(x: Any) -> Tensor:
    if isinstance(x, Mapping):
        if "train_input" not in x:
            raise ParameterError(f"a dict of data must hold 'train_input'; got {sorted(x)}.")
        x = x["train_input"]
    rows = as_tensor(x).detach()
    if rows.dim() != 2 or 0 in rows.shape:
        raise ShapeError(f"`x` must be (rows, inputs) with at least one row; got {tuple(rows.shape)}.")
    bad = ~torch.isfinite(rows)
    if bool(bad.any()):
        row, column = bad.nonzero()[0].tolist()
        raise DomainError(f"`x` must be finite; row {row}, column {column} is {float(rows[row, column])}.")
    return rows


def _moments(values: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of columns; zero where the spread is only rounding."""
    if not len(values):
        return values.new_zeros(values.shape[1]), values.new_zeros(values.shape[1])
    shift = values[0]
    mean = (values - shift).mean(dim=0)
    deviation = (values - shift - mean).square().mean(dim=0).sqrt()
    mean = mean + shift
    rounding = 8 * torch.finfo(values.dtype).eps * values.abs().amax(dim=0)
    return mean, torch.where(deviation > rounding, deviation, 0.0)


def _derivatives(
    function: Callable[[Tensor], Tensor], x: Tensor, third: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """Values, gradients, Hessians and, if asked for, the third derivatives of a `Jet`."""
    with torch.enable_grad():
        leaf = x.detach().clone().requires_grad_(True)
        value = function(leaf)
        gradient = _gradient(value, leaf)
        rows, cubic = [], []
        for i in range(x.shape[1]):
            rows.append(_gradient(gradient[:, i], leaf))
            if third:
                cubic.append(_gradient(rows[i][:, i], leaf).detach())
                rows[i] = rows[i].detach()
    hessian = torch.stack(rows, dim=1).detach()
    hessian = (hessian + hessian.mT) / 2  # equal but for rounding
    return value.detach(), gradient.detach(), hessian, torch.stack(cubic, dim=1) if third else None


def _gradient(values: Tensor, leaf: Tensor) -> Tensor:
    if not values.requires_grad:  # constant
        return torch.zeros_like(leaf)
    (found,) = torch.autograd.grad(values.sum(), leaf, create_graph=True, materialize_grads=True)
    return found

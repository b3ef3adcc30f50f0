"""Least-squares problems of any function, with Jacobians by autograd.

Rows of J come from `torch.func`: one reverse pass per residual, mapped over the residuals of a chunk. Where residuals
belong to rows of data and each depends on its own row alone, every row is differentiated by itself, which costs as much
as a few gradients.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from edgewise.errors import ParameterError, ShapeError
from edgewise.optim.parameters import Flattening, flatten
from edgewise.optim.residuals import Linearization, Residuals

_ELEMENTS = 4_000_000
"""Entries of the Jacobian formed at a time."""


class AutogradResiduals(Residuals):
    """A problem whose residuals come in chunks that autograd can differentiate."""

    models = 1

    @abstractmethod
    def graphs(self, x: Tensor) -> Iterator[tuple[list[Tensor], Tensor]]:
        """Chunk after chunk, leaves that hold the `(n,)` point and `(c,)` residuals with their graph."""

    @abstractmethod
    def rows(self, x: Tensor) -> Iterator[Tensor]:
        """Rows of the Jacobian at `(n,)`, some at a time: `(c, n)`."""

    def linearize(self, x: Tensor, which: Tensor | None = None) -> "AutogradLinearization":
        """Residuals and derivatives, see the base class."""
        return AutogradLinearization(self, x[0])


class AutogradLinearization(Linearization):
    """What `AutogradResiduals.linearize` gives. Every product evaluates anew: no graph is kept."""

    def __init__(self, problem: AutogradResiduals, x: Tensor) -> None:
        self.problem, self.x = problem, x
        parts, gradient = [], torch.zeros_like(x)
        for leaves, residual in problem.graphs(x):
            parts.append(residual.detach())
            gradient += _product(leaves, residual, residual.detach())
        self.residual = torch.cat(parts)[None]
        self.gradient = gradient[None]
        self.loss = self.residual.square().sum(-1)

    def gram(self) -> Tensor:
        """`(1, n, n)` `J'J`."""
        total = self.x.new_zeros(self.problem.size, self.problem.size)
        for rows in self.problem.rows(self.x):
            total.addmm_(rows.mT, rows)
        return total[None]

    def vjp(self, cotangent: Tensor) -> Tensor:
        """`(1, m)` to `(1, n)`: `J'u`."""
        total, at = torch.zeros_like(self.x), 0
        for leaves, residual in self.problem.graphs(self.x):
            total += _product(leaves, residual, cotangent[0, at : at + len(residual)])
            at += len(residual)
        return total[None]

    def jvp(self, direction: Tensor) -> Tensor:
        """`(1, n)` to `(1, m)`: `J d`, by differentiating `J'u`, which is linear in `u`, with respect to `u`."""
        parts = []
        for leaves, residual in self.problem.graphs(self.x):
            u = torch.zeros_like(residual, requires_grad=True)
            with torch.enable_grad():
                back = torch.autograd.grad(residual, leaves, u, create_graph=True, materialize_grads=True)
                along = torch.cat([part.reshape(-1) for part in back]) @ direction[0]
            parts.append(torch.autograd.grad(along, u)[0])
        return torch.cat(parts)[None]

    def rows(self) -> Iterator[Tensor]:
        """Rows of `J`, some at a time: `(1, c, n)`."""
        for rows in self.problem.rows(self.x):
            yield rows[None]


class FunctionResiduals(AutogradResiduals):
    """Residuals of named tensors, as of `least_squares`.

    Args:
        function: `function(params, *rows) -> Tensor`.
        params: name to tensor: the layout.
        data: tensors with one row per entry of their first axis, or none.
        chunk: rows evaluated at a time.
        independent: whether each row's residuals depend on that row alone.

    Attributes:
        layout: how the tensors lie in the vector.

    Raises:
        ParameterError: the function does not return residuals that depend on the parameters, `data` is no sequence of
            tensors, or `chunk` no number of rows.
        ShapeError: data of different lengths, no residuals, or residuals of another dtype than the parameters.
    """

    def __init__(
        self,
        function: Callable[..., Tensor],
        params: Mapping[str, Tensor],
        data: Sequence[Tensor] = (),
        *,
        chunk: int = 4096,
        independent: bool = True,
    ) -> None:
        if not callable(function):
            raise ParameterError(f"`residual` must be a function of a dictionary of tensors; got {type(function)}.")
        if not isinstance(chunk, int) or isinstance(chunk, bool) or chunk < 1:
            raise ParameterError(f"`chunk` must be an int >= 1; got {chunk!r}.")
        if isinstance(data, Tensor) or not all(isinstance(part, Tensor) and part.dim() for part in data):
            raise ParameterError("`data` must be a sequence of tensors with at least one axis, such as `(x, y)`.")
        self.layout, self.function, self.data = Flattening(params), function, tuple(data)
        self.size = self.layout.start.numel()
        if len({len(part) for part in self.data}) > 1 or (self.data and not len(self.data[0])):
            raise ShapeError(
                f"`data` must be tensors with the same number of rows, at least one; got {[len(p) for p in self.data]}."
            )
        self.independent = independent and bool(self.data)
        per_row = self._per_row()
        self.count = per_row * (len(self.data[0]) if self.data else 1)
        self.chunk = max(1, min(chunk, _ELEMENTS // (self.size * per_row)))

    def residuals(self, x: Tensor, which: Tensor | None = None) -> Tensor:
        """Residuals, see the base class."""
        with torch.no_grad():
            return torch.cat([self._at(x[0], rows) for rows in self._chunks()])[None]

    def graphs(self, x: Tensor) -> Iterator[tuple[list[Tensor], Tensor]]:
        """Chunks with their graphs, see the base class."""
        for rows in self._chunks():
            with torch.enable_grad():
                leaf = x.detach().clone().requires_grad_()
                yield [leaf], self._at(leaf, rows)

    def rows(self, x: Tensor) -> Iterator[Tensor]:
        """Rows of the Jacobian, see the base class."""
        x = x.detach()
        for rows in self._chunks():
            if self.independent:
                of_row = torch.func.jacrev(lambda point, *row: self._at(point, [part[None] for part in row]))
                found = torch.func.vmap(of_row, in_dims=(None, *(0 for _ in rows)))(x, *rows)
                yield found.flatten(0, -2)
            else:
                step = max(1, _ELEMENTS // self.size)
                yield torch.func.jacrev(lambda point, rows=rows: self._at(point, rows), chunk_size=step)(x)

    def _at(self, x: Tensor, rows: Sequence[Tensor]) -> Tensor:
        return self.function(self.layout.unflatten(x), *rows).reshape(-1)

    def _chunks(self) -> Iterator[Sequence[Tensor]]:
        if not self.data:
            yield ()
            return
        yield from zip(*(part.split(self.chunk) for part in self.data), strict=True)

    def _per_row(self) -> int:
        """Residuals of one row of data; of all where there are no data."""
        rows = [part[:1] for part in self.data]
        with torch.enable_grad():
            leaf = self.layout.start.clone().requires_grad_()
            found: Any = self.function(self.layout.unflatten(leaf), *rows)
        if isinstance(found, Tensor) and found.is_floating_point() and found.dtype != leaf.dtype:
            raise ShapeError(
                f"`residual` must return the dtype of the parameters, {leaf.dtype}; got {found.dtype}. Convert "
                f"parameters or data, {[str(part.dtype) for part in self.data]}, to one of the two."
            )
        if not isinstance(found, Tensor) or not found.is_floating_point():
            raise ParameterError(f"`residual` must return a floating tensor of residuals; got {type(found)}.")
        if not found.requires_grad:
            raise ParameterError(
                "`residual` must depend on the parameters it is given, and be differentiable; it has no graph. With a "
                "module, evaluate `torch.func.functional_call(model, params, (x,))`, not `model(x)`."
            )
        if found.numel() == 0:
            raise ShapeError("`residual` must return at least one residual; got none.")
        return found.numel()


class ClosureResiduals(AutogradResiduals):
    """Residuals of a closure over parameters, as of `LevenbergMarquardt.step`.

    Args:
        closure: takes nothing, returns residuals of any shape with their graph.
        parameters: what it is a function of; every evaluation writes to them.
    """

    def __init__(self, closure: Callable[[], Tensor], parameters: Sequence[Tensor]) -> None:
        self.closure, self.parameters = closure, list(parameters)
        self.size = sum(p.numel() for p in self.parameters)
        self.count = self.residuals(self.point()).shape[1]

    def point(self) -> Tensor:
        """`(1, n)` where the parameters are."""
        return flatten(self.parameters)[None]

    @torch.no_grad()
    def assign(self, x: Tensor) -> None:
        """Write `(1, n)` into the parameters."""
        pieces = x[0].split([p.numel() for p in self.parameters])
        for parameter, piece in zip(self.parameters, pieces, strict=True):
            parameter.copy_(piece.view_as(parameter))

    def residuals(self, x: Tensor, which: Tensor | None = None) -> Tensor:
        """Residuals, see the base class."""
        self.assign(x)
        with torch.no_grad():
            return self.closure().reshape(1, -1)

    def graphs(self, x: Tensor) -> Iterator[tuple[list[Tensor], Tensor]]:
        """The only chunk, see the base class."""
        self.assign(x[None])
        with torch.enable_grad():
            residual = self.closure().reshape(-1)
        if not residual.requires_grad:
            raise ParameterError("`closure` must return residuals with their graph: no `.detach()`, no `no_grad()`.")
        yield self.parameters, residual

    def rows(self, x: Tensor) -> Iterator[Tensor]:
        """Rows of the Jacobian, see the base class."""
        for leaves, residual in self.graphs(x):
            step = max(1, _ELEMENTS // self.size)
            for start in range(0, len(residual), step):
                some = residual[start : start + step]
                yield torch.stack([_product(leaves, value, torch.ones_like(value)) for value in some])


def _product(leaves: list[Tensor], residual: Tensor, cotangent: Tensor) -> Tensor:
    """`J'u` as one vector."""
    found = torch.autograd.grad(
        residual, leaves, cotangent, retain_graph=True, allow_unused=True, materialize_grads=True
    )
    return torch.cat([part.reshape(-1) for part in found])

"""What an equation sees of a function: values and derivatives at rows, computed as they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from edgewise.errors import ParameterError, ShapeError
from edgewise.kernels import is_plain_eager
from edgewise.physics.inputs import array_like
from edgewise.physics.jets import columns_of, jet
from edgewise.physics.plan import VALUE, Channel, Plan, laplacian, plan_of
from edgewise.physics.visible import check_visible

_HIGHEST = 3


class Jets:
    """Channels of a function at some rows: one pass for all that is planned, another one for what is asked beyond.

    Args:
        compute: a plan to `(outputs, channels, B)`.
        wanted: channels that the first pass shall have.

    Attributes:
        wanted: all channels that were planned or asked for.
        read: the outputs that were asked for.
        passes: how many passes were made.
    """

    def __init__(self, compute: Callable[[Plan], Tensor], wanted: frozenset[Channel] = frozenset()) -> None:
        self.wanted, self.passes = wanted, 0
        self.read: set[int] = set()
        self._compute, self._plan = compute, plan_of(wanted)
        self._found: list[tuple[Tensor, ...]] | None = None

    def __call__(self, channel: Channel, output: int) -> Tensor:
        """`(B,)` one channel of one output."""
        place = self._plan.place(channel)
        if self._found is None or place is None:
            self.wanted |= {channel}
            self._plan = plan_of(self.wanted)
            self._found = [own.unbind(0) for own in self._compute(self._plan).unbind(0)]
            self.passes += 1
            place = self._plan.channels.index(channel)
        return self._found[output][place]

    @property
    def outputs(self) -> int:
        """Number of outputs."""
        self(VALUE, 0)
        return len(self._found)  # pyright: ignore[reportArgumentType]


class Field:
    """A scalar function at rows; with several outputs, `u[n]` or `v, w = u`, and `u` itself is the first.

    Args:
        jets: where numbers come from.
        names: of the coordinates.
        time: the column of time, or None.
        output: which output.
    """

    def __init__(self, jets: Jets, names: Sequence[str], time: int | None = None, output: int = 0) -> None:
        self._jets, self._names, self._time, self._output = jets, tuple(names), time, output

    @property
    def value(self) -> Tensor:
        """`(B,)` values."""
        return self._get(VALUE)

    @property
    def grad(self) -> Tensor:
        """`(B, space)` derivatives along the coordinates of space."""
        return torch.stack([self._get(((i,),)) for i in self._space], dim=1)

    @property
    def laplacian(self) -> Tensor:
        """`(B,)` the sum of the unmixed second derivatives in space."""
        return self._get(laplacian(self._space))

    @property
    def hessian(self) -> Tensor:
        """`(B, space, space)` second derivatives in space."""
        self._plan_ahead(2)
        return torch.stack([torch.stack([self.d(i, j) for j in self._space], dim=1) for i in self._space], dim=1)

    @property
    def third(self) -> Tensor:
        """`(B, space, space, space)` third derivatives in space."""
        self._plan_ahead(3)
        planes = [
            torch.stack([torch.stack([self.d(i, j, k) for k in self._space], dim=1) for j in self._space], dim=1)
            for i in self._space
        ]
        return torch.stack(planes, dim=1)

    @property
    def dt(self) -> Tensor:
        """`(B,)` the derivative along time."""
        if self._time is None:
            raise ParameterError("`u.dt` needs a domain with time, such as `TimeSpace((0, 1), space)`.")
        return self._get(((self._time,),))

    def d(self, *coordinates: int | str) -> Tensor:
        """`(B,)` a derivative: `u.d("x")`, `u.d("x", "y")`, `u.d(0, 0, 0)`.

        Args:
            *coordinates: names or numbers of one to three coordinates.

        Returns:
            The derivative along all of them.

        Raises:
            ParameterError: no such coordinate, or a higher order.
        """
        if not 1 <= len(coordinates) <= _HIGHEST:
            raise ParameterError(f"derivatives have one to {_HIGHEST} coordinates; got {len(coordinates)}.")
        return self._get((tuple(sorted(self._column(c) for c in coordinates)),))

    def __repr__(self) -> str:
        """What can be read from it."""
        return f"Field({', '.join(self._names)}; .value, .grad, .laplacian, .hessian, .third, .dt, .d(...))"

    @property
    def outputs(self) -> int:
        """Number of outputs."""
        return self._jets.outputs

    def __getitem__(self, output: int) -> Field:
        """One of several outputs."""
        if not 0 <= output < self._jets.outputs:
            raise IndexError(f"the function has {self._jets.outputs} outputs; there is no u[{output}].")
        return Field(self._jets, self._names, self._time, output)

    def __iter__(self) -> Iterator[Field]:
        """All outputs."""
        return iter([self[n] for n in range(self._jets.outputs)])

    @property
    def _space(self) -> list[int]:
        space = [i for i in range(len(self._names)) if i != self._time]
        if not space:
            raise ParameterError("there is no coordinate in space; derivatives by time are `u.dt` and `u.d('t', 't')`.")
        return space

    if not TYPE_CHECKING:  # type checkers shall still see names that are not there

        def __getattr__(self, name: str) -> Any:
            """Say how a derivative is written."""
            if name.startswith("_") or hasattr(type(self), name):
                return object.__getattribute__(self, name)  # the error of its own
            first, last = self._names[0], self._names[-1]
            raise AttributeError(
                f"a solution has no `u.{name}`; it has .value, .grad, .laplacian, .hessian, .third, .dt, and "
                f"derivatives along coordinates: `u.d({first!r})`, `u.d({first!r}, {last!r})`."
            )

    def _get(self, channel: Channel) -> Tensor:
        self._jets.read.add(self._output)
        return self._jets(channel, self._output)

    def _plan_ahead(self, order: int) -> None:
        """Announce all derivatives of an order, so that one pass brings them."""
        pairs = {((i, j),) for i in self._space for j in self._space if i <= j}
        triples = {((i, *pair[0]),) for i in self._space for pair in pairs if i <= pair[0][0]}
        self._jets.wanted |= pairs if order == 2 else triples

    def _column(self, coordinate: int | str) -> int:
        if isinstance(coordinate, str) and coordinate in self._names:
            return self._names.index(coordinate)
        if isinstance(coordinate, int) and 0 <= coordinate < len(self._names):
            return coordinate
        raise ParameterError(f"there is no coordinate {coordinate!r}; they are {', '.join(self._names)}.")


def derivatives(
    model: nn.Module | Callable[[Tensor], Tensor], x: Any, *, names: Sequence[str] | None = None,
    time: int | str | None = None,
) -> Field:  # fmt: skip
    """Values and derivatives of a model with respect to its inputs, computed in one forward pass for each question.

    Args:
        model: a KAN, whose derivatives travel through its layers; or any function of rows, each row by itself, which
            is differentiated by autograd and must be made of torch functions.
        x: `(B, D)` rows, anything array-like.
        names: of the coordinates, for `u.d("x")`; `x0, x1, ...` when absent.
        time: the column of time or its name, for `u.dt`; all others are space.

    Returns:
        The field: `.value`, `.grad`, `.laplacian`, `.hessian`, `.third`, `.dt`, `.d(...)`, differentiable with respect
        to the parameters of the model.

    Raises:
        ShapeError: `x` is not rows.
        ParameterError: names that are not one for each column, or a column of time that is not there.

    >>> u = derivatives(lambda x: x[:, :1] ** 2 * x[:, 1:], torch.tensor([[1.0, 2.0]]), names="xy")
    >>> u.laplacian.item(), u.d("x", "y").item()
    (4.0, 2.0)
    """
    x = _rows_for(model, x)
    if x.dim() != 2 or x.shape[1] == 0:
        raise ShapeError(f"`x` must be rows, (B, D); got {tuple(x.shape)}. A single point is `x[None]`.")
    columns = tuple(f"x{i}" for i in range(x.shape[1])) if names is None else tuple(names)
    if len(columns) != x.shape[1] or len(set(columns)) != len(columns):
        raise ParameterError(f"`names` must be {x.shape[1]} different names, one for each column; got {names!r}.")
    if not isinstance(model, nn.Module) and is_plain_eager():
        check_visible("the function", lambda x: torch.stack(columns_of(model(x), len(x)), dim=1), x)
    return Field(Jets(lambda plan: jet(model, x, plan)), columns, _column_of_time(time, columns))


def _rows_for(model: nn.Module | Callable[[Tensor], Tensor], x: Any) -> Tensor:
    """A tensor as it is; anything else like the parameters of the model, in float64 where it has none."""
    if isinstance(x, Tensor):
        return x
    like = next(model.parameters(), None) if isinstance(model, nn.Module) else None
    return array_like("`x`", x).to(torch.float64 if like is None else like)


def _column_of_time(time: int | str | None, names: tuple[str, ...]) -> int | None:
    if time is None or (isinstance(time, int) and not isinstance(time, bool) and 0 <= time < len(names)):
        return time
    if time in names:
        return names.index(time)
    raise ParameterError(f"`time` must be one of the columns {', '.join(names)}, by number or name; got {time!r}.")

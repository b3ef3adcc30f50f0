"""Time with space, or time alone: where an evolution happens."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from edgewise.errors import DomainError, ParameterError
from edgewise.physics.domains import Boundary, Domain
from edgewise.physics.inputs import array_like
from edgewise.physics.spread import check_sampling, unit_points


class TimeSpace(Domain):
    """An interval of time with a domain in space; time is the first column, named `t`.

    Args:
        time: its begin and end.
        space: the domain in space; None for an ordinary differential equation, whose only coordinate is time.

    Raises:
        ParameterError: time does not go forward, or space is no domain or has a time of its own.

    >>> from edgewise.physics import Box, TimeSpace
    >>> TimeSpace((0, 1), Box(-1, 1)).names, TimeSpace((0, 1)).names
    (('t', 'x'), ('t',))
    """

    time = 0

    def __init__(self, time: Sequence[float], space: Domain | None = None) -> None:
        if not isinstance(space, Domain | None):
            raise ParameterError(
                f"`space` must be a domain such as `Box(0, 1)`, `TimeSpace((begin, end), space)`; got {space!r}."
            )
        pair = array_like("`time`", time) if not isinstance(time, Domain) else torch.zeros(0)
        if pair.shape != (2,) or not bool(pair.isfinite().all()) or not pair[0] < pair[1]:
            raise ParameterError(f"`time` must be (begin, end) with begin < end; got {time!r}.")
        if space is not None and (space.time is not None or "t" in space.names):
            raise ParameterError(f"`space` must have coordinates in space only; got {space.names}.")
        self.start, self.end, self.region = float(pair[0]), float(pair[1]), space
        self.names = ("t", *(() if space is None else space.names))

    def __repr__(self) -> str:
        """As it is made."""
        return f"TimeSpace({(self.start, self.end)}{'' if self.region is None else f', {self.region!r}'})"

    @property
    def bounds(self) -> Tensor:
        """See `Domain`."""
        time = torch.tensor([[self.start, self.end]], dtype=torch.float64)
        return time if self.region is None else torch.cat([time, self.region.bounds])

    def contains(self, x: Tensor) -> Tensor:
        """See `Domain`."""
        then = (x[:, 0] >= self.start) & (x[:, 0] <= self.end)
        return then if self.region is None else then & self.region.contains(x[:, 1:])

    def bubble(self, x: Tensor) -> Tensor | None:
        """See `Domain`: zero on the boundary in space, at all times."""
        return None if self.region is None else self.region.bubble(x[:, 1:])

    def on_boundary(self, x: Tensor) -> Tensor:
        """See `Domain`."""
        return super().on_boundary(x) if self.region is None else self.region.on_boundary(x[:, 1:])

    def elapsed(self, x: Tensor) -> Tensor:
        """`(n,)` how much of the time has passed, 0 to 1."""
        return (x[:, 0] - self.start) / (self.end - self.start)

    def boundary(self, n: int, method: str = "grid", seed: int = 0) -> Boundary:
        """See `Domain`: the boundary in space at times between begin and end."""
        check_sampling(n, method)
        if self.region is None:
            raise DomainError("a condition on the boundary needs one in space, and this domain is time alone.")
        times = max(1, round(n**0.5)) if self.region.dim > 1 else max(1, n // 2)
        moments = self.start + (self.end - self.start) * unit_points(times, 1, method, seed)
        x, normal = self.region.boundary(max(1, n // times), method, seed + 1)
        both = [torch.cat([moments.repeat_interleave(len(x), 0), x.repeat(times, 1)], dim=1)]
        both.append(torch.nn.functional.pad(normal.repeat(times, 1), (1, 0)))
        return Boundary(*both)

    def initial(self, n: int, method: str = "grid", seed: int = 0) -> Tensor:
        """Points at the begin.

        Args:
            n: how many (a grid has about as many).
            method: one of `METHODS`.
            seed: of what is drawn.

        Returns:
            `(n, D)`; the begin itself where time is alone.
        """
        if self.region is None:
            return torch.tensor([[self.start]], dtype=torch.float64)
        x = self.region.interior(n, method, seed)
        return torch.nn.functional.pad(x, (1, 0), value=self.start)

"""Clouds of points: shapes that are known by points only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from edgewise.errors import DomainError, ShapeError
from edgewise.physics.domains import Boundary, Domain, names_of
from edgewise.physics.inputs import rows
from edgewise.physics.spread import some


class Points(Domain):
    """A cloud of points, for shapes that are known by points only.

    Args:
        x: `(n, D)` points inside, anything array-like.
        boundary: `(m, D)` points on the boundary, or None.
        normal: `(m, D)` outward unit vectors at these, or None.
        names: of the coordinates.

    Raises:
        ShapeError: tensors that do not fit together.
        DomainError: a point that is not finite.
    """

    def __init__(self, x: Any, boundary: Any = None, normal: Any = None, names: Sequence[str] | None = None) -> None:
        x = rows("`x`", x)
        boundary, normal = (
            None if given is None else rows(f"`{name}`", given)
            for name, given in (("boundary", boundary), ("normal", normal))
        )
        if x.dim() != 2:
            raise ShapeError(f"`x` must be (points, coordinates) with at least one point; got {tuple(x.shape)}.")
        for name, tensor in (("boundary", boundary), ("normal", normal)):
            if tensor is not None and (tensor.dim() != 2 or tensor.shape[1] != x.shape[1]):
                raise ShapeError(f"`{name}` must be (points, {x.shape[1]}) like `x`; got {tuple(tensor.shape)}.")
        if normal is not None and (boundary is None or normal.shape != boundary.shape):
            raise ShapeError("`normal` must have one row for every point of `boundary`.")
        self.x = x.to(torch.float64)
        self._boundary = None if boundary is None else boundary.to(torch.float64)
        self._normal = None if normal is None else normal.to(torch.float64)
        self.names = names_of(names, x.shape[1])

    def __repr__(self) -> str:
        """How many points there are."""
        edge = "no boundary" if self._boundary is None else f"{len(self._boundary)} on the boundary"
        return f"Points({len(self.x)} inside, {edge}, names={self.names})"

    @property
    def bounds(self) -> Tensor:
        """See `Domain`."""
        every = self.x if self._boundary is None else torch.cat([self.x, self._boundary])
        return torch.stack([every.amin(0), every.amax(0)], dim=1)

    def contains(self, x: Tensor) -> Tensor:
        """See `Domain`: whether points lie in the box around the cloud; more is not known."""
        lo, hi = self.bounds.to(x).unbind(1)
        return ((x >= lo) & (x <= hi)).all(dim=1)

    def outside(self, x: Tensor) -> Tensor:
        """See `Domain`: where a cloud ends is not known."""
        return ~x.isfinite().all(dim=1)

    def interior(self, n: int | Sequence[int], method: str = "random", seed: int = 0) -> Tensor:
        """See `Domain`: all points, or `n` of them drawn without repetition."""
        count = n if isinstance(n, int) else math.prod(n)
        return some(self.x, count, seed)

    def boundary(self, n: int, method: str = "random", seed: int = 0) -> Boundary:
        """See `Domain`."""
        if self._boundary is None:
            raise DomainError(
                "a condition on the boundary needs one, and this cloud of points has none. Give it: "
                "`Points(x, boundary=...)`."
            )
        normal = self._boundary.new_full(self._boundary.shape, math.nan) if self._normal is None else self._normal
        both = some(torch.cat([self._boundary, normal], dim=1), n, seed)
        return Boundary(*both.split(self.dim, dim=1))

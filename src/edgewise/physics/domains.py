"""Where an equation holds: boxes, discs, the L-shape; and points in them.

Points are float64 rows; `spread` has the methods.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from edgewise.errors import DomainError, ParameterError, ShapeError
from edgewise.physics.inputs import number
from edgewise.physics.spread import GRIDS, check_points, check_sampling, grid, stretch, unit_points

_MOST_TRIALS = 50
_ON_BOUNDARY = 1e-9
"""Height of a bubble, at most 1, below which a point lies on the boundary."""


class Boundary(NamedTuple):
    """Points of a boundary.

    Attributes:
        x: `(n, D)`.
        normal: `(n, D)` outward unit vectors; zero along time.
    """

    x: Tensor
    normal: Tensor


class Domain(ABC):
    """A set of points with coordinates.

    Attributes:
        names: of the coordinates, in the order of columns.
        time: the column of time, or None.
    """

    names: tuple[str, ...]
    time: int | None = None

    @property
    def dim(self) -> int:
        """Number of coordinates D."""
        return len(self.names)

    @property
    def space(self) -> tuple[int, ...]:
        """The columns that are not time."""
        return tuple(i for i in range(self.dim) if i != self.time)

    @property
    @abstractmethod
    def bounds(self) -> Tensor:
        """`(D, 2)` the smallest box around it."""

    @abstractmethod
    def contains(self, x: Tensor) -> Tensor:
        """`(n, D)` points to `(n,)` bool: inside or on the boundary."""

    @abstractmethod
    def boundary(self, n: int, method: str = "grid", seed: int = 0) -> Boundary:
        """About `n` points of the boundary, spread over it by size.

        Args:
            n: how many.
            method: one of `METHODS`.
            seed: of what is drawn.

        Returns:
            The points and outward normals.

        Raises:
            DomainError: this domain has no boundary.
        """

    def outside(self, x: Tensor) -> Tensor:
        """`(n, D)` points to `(n,)` bool: beyond the boundary by more than rounding."""
        lo, hi = self.bounds.to(x).unbind(1)
        middle, half = (lo + hi) / 2, (hi - lo) / 2
        rounding = 8 * torch.finfo(x.dtype).eps * torch.maximum(lo.abs(), hi.abs()) / half.clamp_min(1e-300)
        return ~self.contains(middle + (x - middle) * (1 - rounding.clamp(max=1.0)))

    def on_boundary(self, x: Tensor) -> Tensor:
        """`(n, D)` points of the domain to `(n,)` bool: on the boundary (in space), where the bubble is zero."""
        height = self.bubble(x)
        return torch.zeros(len(x), dtype=torch.bool) if height is None else height.abs() < _ON_BOUNDARY

    def bubble(self, x: Tensor) -> Tensor | None:
        """`(n,)` a smooth function that is zero on the boundary only and at most 1; None where none is known."""
        return None

    def interior(self, n: int | Sequence[int], method: str = "grid", seed: int = 0) -> Tensor:
        """Points inside.

        Args:
            n: how many (a grid has about as many), or for a grid of a box the number along each coordinate.
            method: one of `METHODS`.
            seed: of what is drawn.

        Returns:
            `(n, D)`.

        Raises:
            ParameterError: not a number of points, or not one for each coordinate.
        """
        if isinstance(n, Sequence):
            check_points(n, self.dim)
            points = stretch(grid(list(n), method), self.bounds)
            return points[self.contains(points)]
        check_sampling(n, method)
        if method in GRIDS:
            return self._grid_inside(n, method)
        found, more, start = [], n, seed
        for _ in range(_MOST_TRIALS):
            trial = stretch(unit_points(2 * more, self.dim, method, start), self.bounds)
            found.append(trial[self.contains(trial)])
            more, start = n - sum(map(len, found)), start + 1
            if more <= 0:
                break
        return torch.cat(found)[:n]

    def _grid_inside(self, n: int, method: str) -> Tensor:
        """The grid of the box around with about `n` points inside."""
        per_axis = max(1, round(n ** (1 / self.dim)))
        while True:
            points = stretch(grid([per_axis] * self.dim, method), self.bounds)
            points = points[self.contains(points)]
            if len(points) >= n or per_axis**self.dim >= n * _MOST_TRIALS:
                return points
            per_axis += 1


class Box(Domain):
    """A product of intervals.

    Args:
        lo: lowest corner; a number for an interval.
        hi: highest corner.
        names: of the coordinates; `x, y, z` or `x1, x2, ...` when absent.

    Raises:
        ParameterError: corners that do not fit together.
    """

    def __init__(
        self, lo: float | Sequence[float], hi: float | Sequence[float], names: Sequence[str] | None = None
    ) -> None:
        self.lo, self.hi = (torch.as_tensor(end, dtype=torch.float64).reshape(-1) for end in (lo, hi))
        if self.lo.shape != self.hi.shape or not bool((self.lo < self.hi).all()):
            raise ParameterError(f"`lo` must lie below `hi` in every coordinate; got {lo!r} and {hi!r}.")
        if not bool(self.bounds.isfinite().all()):
            raise ParameterError(f"a box must be finite; got {lo!r} and {hi!r}. Cut an infinite domain off somewhere.")
        self.names = names_of(names, len(self.lo))
        self.walls = tuple(range(len(self.lo)))

    def joined(self, axes: Sequence[int]) -> Box:
        """The same box, whose sides across some axes are one, so that they are no boundary: a periodic coordinate.

        Args:
            axes: the columns.

        Returns:
            Another box.
        """
        other = Box(self.lo.tolist(), self.hi.tolist(), self.names)
        other.walls = tuple(axis for axis in self.walls if axis not in axes)
        return other

    def __repr__(self) -> str:
        """As it is made."""
        return f"Box({self.lo.tolist()}, {self.hi.tolist()}, names={self.names})"

    @property
    def bounds(self) -> Tensor:
        """See `Domain`."""
        return torch.stack([self.lo, self.hi], dim=1)

    def contains(self, x: Tensor) -> Tensor:
        """See `Domain`."""
        lo, hi = self.bounds.to(x).unbind(1)
        return ((x >= lo) & (x <= hi)).all(dim=1)

    def bubble(self, x: Tensor) -> Tensor | None:
        """See `Domain`: a product of parabolas."""
        return self._heights(x).prod(dim=1) if self.walls else None

    def on_boundary(self, x: Tensor) -> Tensor:
        """See `Domain`; by the nearest side, as the product is small everywhere in many dimensions."""
        return (self._heights(x).abs() < _ON_BOUNDARY).any(dim=1)

    def _heights(self, x: Tensor) -> Tensor:
        """`(n, walls)` a parabola across each pair of sides."""
        walls = list(self.walls)
        lo, hi = self.bounds.to(x)[walls].unbind(1)
        return 4 * (x[:, walls] - lo) * (hi - x[:, walls]) / (hi - lo) ** 2

    def boundary(self, n: int, method: str = "grid", seed: int = 0) -> Boundary:
        """See `Domain`: faces get points by their size."""
        check_sampling(n, method)
        if not self.walls:
            raise DomainError(
                "a condition on the boundary needs one, and all sides of this box are joined: `Periodic`."
            )
        size = self.hi - self.lo
        areas = size.prod() / size
        if self.dim == 1:
            return Boundary(self.bounds.mT.clone(), torch.tensor([[-1.0], [1.0]], dtype=torch.float64))
        points, normals = [], []
        for axis in self.walls:
            count = max(1, round(n * float(areas[axis] / areas[list(self.walls)].sum()) / 2))
            others = [i for i in range(self.dim) if i != axis]
            for side, end in enumerate((self.lo, self.hi)):
                free = stretch(unit_points(count, self.dim - 1, method, seed + 2 * axis + side), self.bounds[others])
                face = free.new_empty(len(free), self.dim)
                face[:, others], face[:, axis] = free, end[axis]
                normal = torch.zeros_like(face)
                normal[:, axis] = 2.0 * side - 1.0
                points.append(face)
                normals.append(normal)
        return Boundary(torch.cat(points), torch.cat(normals))


class Disk(Domain):
    """A disc in the plane.

    Args:
        center: its centre.
        radius: its radius, positive.
        names: of the coordinates; `x, y` when absent.

    Raises:
        ParameterError: no positive radius, or no point of the plane.
    """

    def __init__(
        self, center: Sequence[float] = (0.0, 0.0), radius: float = 1.0, names: Sequence[str] | None = None
    ) -> None:
        if number("`radius`", radius) <= 0:
            raise ParameterError(f"`radius` must be a positive number; got {radius!r}.")
        self.center, self.radius = torch.as_tensor(center, dtype=torch.float64), float(radius)
        if self.center.shape != (2,):
            raise ParameterError(f"`center` must be a point (x, y); got {center!r}.")
        self.names = names_of(names, 2)

    def __repr__(self) -> str:
        """As it is made."""
        return f"Disk({self.center.tolist()}, {self.radius}, names={self.names})"

    @property
    def bounds(self) -> Tensor:
        """See `Domain`."""
        return torch.stack([self.center - self.radius, self.center + self.radius], dim=1)

    def contains(self, x: Tensor) -> Tensor:
        """See `Domain`."""
        return self.bubble(x) >= -1e-12

    def bubble(self, x: Tensor) -> Tensor:
        """See `Domain`: `1 - (r / radius)^2`."""
        return 1 - (x - self.center.to(x)).square().sum(dim=1) / self.radius**2

    def boundary(self, n: int, method: str = "grid", seed: int = 0) -> Boundary:
        """See `Domain`."""
        check_sampling(n, method)
        angle = 2 * math.pi * unit_points(n, 1, method, seed)
        normal = torch.cat([angle.cos(), angle.sin()], dim=1)
        return Boundary(self.center + self.radius * normal, normal)


class LShape(Domain):
    """A rectangle without its upper right quarter: the corner that looks inwards makes solutions rough.

    Args:
        lo: lower left corner.
        hi: upper right corner of the rectangle.
        names: of the coordinates; `x, y` when absent.

    Raises:
        ParameterError: corners that do not fit together.
    """

    def __init__(
        self, lo: Sequence[float] = (-1.0, -1.0), hi: Sequence[float] = (1.0, 1.0), names: Sequence[str] | None = None
    ) -> None:
        self.box = Box(lo, hi, names)
        if self.box.dim != 2:
            raise ParameterError(f"`lo` and `hi` must be points (x, y) of the plane; got {lo!r} and {hi!r}.")
        self.names = self.box.names
        self.middle = (self.box.lo + self.box.hi) / 2

    def __repr__(self) -> str:
        """As it is made."""
        return f"LShape({self.box.lo.tolist()}, {self.box.hi.tolist()}, names={self.names})"

    @property
    def bounds(self) -> Tensor:
        """See `Domain`."""
        return self.box.bounds

    def contains(self, x: Tensor) -> Tensor:
        """See `Domain`."""
        return self.box.contains(x) & ~(x > self.middle.to(x)).all(dim=1)

    def boundary(self, n: int, method: str = "grid", seed: int = 0) -> Boundary:
        """See `Domain`: the six sides, counterclockwise."""
        check_sampling(n, method)
        (left, bottom), (right, top), (x, y) = self.box.lo, self.box.hi, self.middle
        corners = torch.stack([
            torch.stack(corner)
            for corner in ((left, bottom), (right, bottom), (right, y), (x, y), (x, top), (left, top))
        ])  # fmt: skip
        ends = corners.roll(-1, 0)
        lengths = (ends - corners).norm(dim=1)
        points, normals = [], []
        for side, (start, end, length) in enumerate(zip(corners, ends, lengths, strict=True)):
            along = (end - start) / length
            place = unit_points(max(1, round(n * float(length / lengths.sum()))), 1, method, seed + side)
            points.append(start + place * (end - start))
            normals.append(torch.stack([along[1], -along[0]]).expand(len(place), 2))
        return Boundary(torch.cat(points), torch.cat(normals))


def check_own_points(x: Tensor, domain: Domain) -> None:
    """See that chosen points are points of a domain.

    Args:
        x: `(n, D)`.
        domain: the domain.

    Raises:
        ShapeError: other columns than the coordinates, or no point.
        DomainError: a point outside.
    """
    if x.dim() != 2 or x.shape[1] != domain.dim or len(x) == 0:
        raise ShapeError(
            f"`points` must be (n, {domain.dim}), a column for each of {', '.join(domain.names)}; got {tuple(x.shape)}."
        )
    check_inside("`points`", x, domain)


def check_inside(name: str, x: Tensor, domain: Domain) -> None:
    """See that points lie in a domain.

    Args:
        name: for messages.
        x: `(n, D)`.
        domain: the domain.

    Raises:
        DomainError: a point outside.
    """
    outside = domain.outside(x)
    if bool(outside.any()):
        first = int(outside.nonzero()[0])
        raise DomainError(f"{name} must lie in {domain!r}; row {first}, {x[first].tolist()}, does not.")


def names_of(names: Sequence[str] | None, dim: int) -> tuple[str, ...]:
    """Names of coordinates.

    Args:
        names: given ones, or None.
        dim: how many there are.

    Returns:
        These, or `x, y, z`, or `x1, x2, ...`.

    Raises:
        ParameterError: another number of names, or one twice.
    """
    if names is None:
        return ("x", "y", "z")[:dim] if dim <= 3 else tuple(f"x{i + 1}" for i in range(dim))
    if len(names) != dim or len(set(names)) != dim:
        raise ParameterError(f"`names` must be {dim} different names; got {names!r}.")
    return tuple(names)

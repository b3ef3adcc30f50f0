"""Where an equation holds: boxes, discs, the L-shape, time with space, clouds of points; and points in them.

Points are float64 rows; `spread` has the methods.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from edgewise.errors import DomainError, ParameterError, ShapeError
from edgewise.physics.inputs import rows
from edgewise.physics.spread import GRIDS, check_points, check_sampling, grid, some, stretch, unit_points

_MOST_TRIALS = 50


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
        middle = self.bounds.mean(1).to(x)
        return ~self.contains(middle + (x - middle) * (1 - 8 * torch.finfo(x.dtype).eps))

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
        self.names = _names(names, len(self.lo))

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

    def bubble(self, x: Tensor) -> Tensor:
        """See `Domain`: a product of parabolas."""
        lo, hi = self.bounds.to(x).unbind(1)
        return (4 * (x - lo) * (hi - x) / (hi - lo) ** 2).prod(dim=1)

    def boundary(self, n: int, method: str = "grid", seed: int = 0) -> Boundary:
        """See `Domain`: faces get points by their size."""
        check_sampling(n, method)
        size = self.hi - self.lo
        areas = size.prod() / size
        if self.dim == 1:
            return Boundary(self.bounds.mT.clone(), torch.tensor([[-1.0], [1.0]], dtype=torch.float64))
        points, normals = [], []
        for axis in range(self.dim):
            count = max(1, round(n * float(areas[axis] / areas.sum()) / 2))
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
        if not 0 < radius < math.inf:
            raise ParameterError(f"`radius` must be a positive number; got {radius!r}.")
        self.center, self.radius = torch.as_tensor(center, dtype=torch.float64), float(radius)
        if self.center.shape != (2,):
            raise ParameterError(f"`center` must be a point (x, y); got {center!r}.")
        self.names = _names(names, 2)

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


class TimeSpace(Domain):
    """An interval of time with a domain in space; time is the first column, named `t`.

    Args:
        time: its begin and end.
        space: the domain in space; None for an ordinary differential equation, whose only coordinate is time.

    Raises:
        ParameterError: time does not go forward, or space is no domain or has a time of its own.

    >>> TimeSpace((0, 1), Box(-1, 1)).names, TimeSpace((0, 1)).names
    (('t', 'x'), ('t',))
    """

    time = 0

    def __init__(self, time: Sequence[float], space: Domain | None = None) -> None:
        if not isinstance(space, Domain | None):
            raise ParameterError(
                f"`space` must be a domain such as `Box(0, 1)`, `TimeSpace((begin, end), space)`; got {space!r}."
            )
        numbers = isinstance(time, Sequence) and len(time) == 2 and not isinstance(time, str)
        if not numbers or not -math.inf < time[0] < time[1] < math.inf:
            raise ParameterError(f"`time` must be (begin, end) with begin < end; got {time!r}.")
        if space is not None and (space.time is not None or "t" in space.names):
            raise ParameterError(f"`space` must have coordinates in space only; got {space.names}.")
        self.start, self.end, self.region = float(time[0]), float(time[1]), space
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
        self.names = _names(names, x.shape[1])

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


def _names(names: Sequence[str] | None, dim: int) -> tuple[str, ...]:
    if names is None:
        return ("x", "y", "z")[:dim] if dim <= 3 else tuple(f"x{i + 1}" for i in range(dim))
    if len(names) != dim or len(set(names)) != dim:
        raise ParameterError(f"`names` must be {dim} different names; got {names!r}.")
    return tuple(names)

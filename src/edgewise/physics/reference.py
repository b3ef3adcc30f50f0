"""Known solutions to compare with: a function, or values on a grid as other solvers leave them in files."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from edgewise.errors import DomainError, ShapeError
from edgewise.physics.domains import Domain

Exact = Callable[[Tensor], Tensor]


class ReferenceGrid:
    """Values of a solution at the nodes of a grid.

    Args:
        axes: the coordinates of the nodes along every coordinate of the domain, in its order, each ascending; anything
            array-like.
        values: an array with one axis for each of `axes`.

    Raises:
        ShapeError: they do not fit together.
        DomainError: axes that do not ascend, or values that are not finite.
    """

    def __init__(self, axes: Sequence[Any], values: Any) -> None:
        self.axes = [torch.as_tensor(axis, dtype=torch.float64).reshape(-1) for axis in axes]
        self.values = torch.as_tensor(values, dtype=torch.float64)
        sizes = tuple(len(axis) for axis in self.axes)
        if self.values.shape != sizes:
            raise ShapeError(
                f"`values` must have one axis for each of `axes`, {sizes}; got {tuple(self.values.shape)}. Transpose?"
            )
        for n, axis in enumerate(self.axes):
            if not bool((axis.diff() > 0).all()):
                raise DomainError(f"`axes[{n}]` must ascend; sort it, and `values` with it.")
        if not bool(self.values.isfinite().all()):
            raise DomainError("`values` must be finite; leave the nodes out where nothing is known.")

    def check_covers(self, domain: Domain) -> None:
        """See that the grid reaches everywhere in a domain.

        Args:
            domain: the domain.

        Raises:
            ShapeError: another number of coordinates.
            DomainError: it does not reach everywhere.
        """
        if len(self.axes) != domain.dim:
            raise ShapeError(f"the grid has {len(self.axes)} axes, the domain {domain.dim}: {', '.join(domain.names)}.")
        for name, axis, (lo, hi) in zip(domain.names, self.axes, domain.bounds.tolist(), strict=True):
            slack = float(axis.diff().amax()) * 1.001 if len(axis) > 1 else 0.0  # periodic grids leave out an end
            if axis[0] > lo + slack or axis[-1] < hi - slack:
                raise DomainError(
                    f"the reference grid does not cover the domain: along {name} it runs from {float(axis[0]):g} to "
                    f"{float(axis[-1]):g}, the domain from {lo:g} to {hi:g}. Errors would be those of a part; take a "
                    "smaller domain or a larger grid."
                )

    def rows(self, domain: Domain) -> tuple[Tensor, Tensor]:
        """`(n, D)` nodes that lie in a domain, and `(n,)` values there."""
        nodes = torch.cartesian_prod(*self.axes).reshape(-1, len(self.axes))
        inside = domain.contains(nodes)
        return nodes[inside], self.values.reshape(-1)[inside]


def comparison(exact: Exact | ReferenceGrid, domain: Domain, n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Points and values to compare a solution with.

    Args:
        exact: the known solution.
        domain: where.
        n: how many points at most.
        seed: of what is drawn.

    Returns:
        `(m, D)` points and `(m, 1 or outputs)` values.

    Raises:
        DomainError: a grid that does not cover the domain, or no value that differs from zero.
        ShapeError: a function with other than one value per point, or one per output.
    """
    if isinstance(exact, ReferenceGrid):
        exact.check_covers(domain)
        x, values = exact.rows(domain)
        if len(x) > n:
            some = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))[:n]
            x, values = x[some], values[some]
    else:
        x = domain.interior(n, "sobol", seed)
        found = exact(x)
        if not isinstance(found, Tensor) or found.dim() not in (1, 2) or len(found) != len(x):
            shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise ShapeError(
                f"`exact` must give one value per point, ({len(x)},), or one per output, ({len(x)}, outputs); got "
                f"{shape}."
            )
        values = found.detach()
    size = float(values.norm())
    if not (math.isfinite(size) and size > 0):
        raise DomainError("`exact` must be finite and not zero everywhere: errors are relative to it.")
    return x, values[:, None] if values.dim() == 1 else values

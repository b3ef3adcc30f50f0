"""What Levenberg-Marquardt needs to know of a least-squares problem, for one model or many of the same shape."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

from torch import Tensor


class Linearization(ABC):
    """Residuals and their Jacobian J at one point, for M models.

    Attributes:
        residual: `(M, m)`.
        loss: `(M,)` sums of squares.
        gradient: `(M, n)` `J'r`, half the gradient of `loss`.
    """

    residual: Tensor
    loss: Tensor
    gradient: Tensor

    @abstractmethod
    def gram(self) -> Tensor:
        """`(M, n, n)` `J'J`; only the lower triangle is meant."""

    @abstractmethod
    def jvp(self, direction: Tensor) -> Tensor:
        """`(M, n)` to `(M, m)`: `J d`."""

    @abstractmethod
    def vjp(self, cotangent: Tensor) -> Tensor:
        """`(M, m)` to `(M, n)`: `J'u`."""

    @abstractmethod
    def rows(self) -> Iterator[Tensor]:
        """Rows of `J`, some at a time: `(M, c, n)`."""


class Residuals(ABC):
    """M least-squares problems `min sum r(x)^2` of the same shape.

    Attributes:
        models: M.
        size: number n of unknowns.
        count: number m of residuals.
    """

    models: int
    size: int
    count: int

    @abstractmethod
    def residuals(self, x: Tensor, which: Tensor | None = None) -> Tensor:
        """Residuals at a point.

        Args:
            x: `(M, n)`, or one row for each of `which`.
            which: numbers of the models meant; all when None.

        Returns:
            `(M, m)`; not finite where the problem is not defined.
        """

    @abstractmethod
    def linearize(self, x: Tensor, which: Tensor | None = None) -> Linearization:
        """Residuals and derivatives at a point; arguments as for `residuals`."""

    def curvature(
        self, x: Tensor, step: Tensor, middle: Tensor, fraction: float, which: Tensor | None = None
    ) -> Tensor:
        """Second derivative of the residuals along a step, by central differences: two evaluations.

        Args:
            x: as for `residuals`.
            step: `(M, n)`.
            middle: residuals at `x`.
            fraction: of the step, the length of the difference.
            which: as for `residuals`.

        Returns:
            `(M, m)`.
        """
        ahead, behind = (self.residuals(x + sign * fraction * step, which) for sign in (1, -1))
        return (ahead - 2 * middle + behind) / fraction**2

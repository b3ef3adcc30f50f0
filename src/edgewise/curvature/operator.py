"""A symmetric matrix that is known by its products with vectors."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from edgewise.errors import ConvergenceError, ParameterError, ShapeError
from edgewise.optim.parameters import Flattening

if TYPE_CHECKING:
    from scipy.sparse.linalg import LinearOperator

Rows = Callable[[Tensor], Tensor]
"""Products of a symmetric matrix with several vectors, `(m, n)` to `(m, n)`: row by row."""


class SymmetricOperator:
    """A symmetric matrix of size n, never formed: `op @ v`.

    Args:
        rows: `(m, n) -> (m, n)`, the products with m vectors, one per row.
        size: n.
        dtype: of the vectors.
        device: where the vectors live.
        layout: how named tensors lie in a vector, if they do.
        shares: whether several products at once cost less than one after the other, as those do that build a graph.

    Attributes:
        shape: `(n, n)`.
        dtype: of the vectors.
        device: where the vectors live.
        products: how many products with one vector were computed.
        shares: whether several products at once cost less than one after the other.

    >>> op = SymmetricOperator.of_matrix(torch.tensor([[2.0, 1.0], [1.0, 2.0]]))
    >>> op @ torch.tensor([1.0, 0.0])
    tensor([2., 1.])
    """

    def __init__(
        self,
        rows: Rows,
        size: int,
        dtype: torch.dtype,
        device: torch.device,
        layout: Flattening | None = None,
        shares: bool = True,
    ) -> None:
        self._rows, self._layout = rows, layout
        self.shape, self.dtype, self.device = (size, size), dtype, device
        self.products, self.shares = 0, shares

    @classmethod
    def of_matrix(cls, matrix: Tensor) -> SymmetricOperator:
        """A matrix that is there, so that what works on products can be tried on it.

        Args:
            matrix: `(n, n)` symmetric.

        Returns:
            The operator.

        Raises:
            ShapeError: not a square matrix of floating point numbers.
            ParameterError: it is not symmetric.
        """
        if matrix.dim() != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.is_floating_point():
            raise ShapeError(f"a matrix must be (n, n) and real; got {tuple(matrix.shape)}, {matrix.dtype}.")
        gap, size = float((matrix - matrix.mT).abs().max()), float(matrix.abs().max())
        if gap > len(matrix) * torch.finfo(matrix.dtype).eps * size:
            raise ParameterError(
                f"a matrix must be symmetric; entries differ from those across the diagonal by {gap:.3g}. Its "
                "symmetric part is `(A + A.mT) / 2`."
            )
        return cls(lambda rows: rows @ matrix, len(matrix), matrix.dtype, matrix.device)

    def matvec(self, v: Tensor) -> Tensor:
        """Multiply by a vector.

        Args:
            v: `(n,)` vector.

        Returns:
            `(n,)` product.
        """
        return self.rows(v[None])[0] if v.dim() == 1 else self.rows(v)

    def rows(self, vectors: Tensor) -> Tensor:
        """Multiply by several vectors; what the products share (see `shares`) is computed once.

        Args:
            vectors: `(m, n)` one per row.

        Returns:
            `(m, n)` their products.

        Raises:
            ShapeError: another size, dtype or device.
            ConvergenceError: a product is NaN or infinite.
        """
        fits = vectors.dim() == 2 and vectors.shape[1] == self.shape[0]
        if not fits or vectors.dtype != self.dtype or vectors.device != self.device:
            raise ShapeError(
                f"{self} takes vectors of {self.shape[0]} numbers, {self.dtype} on {self.device}; got shape "
                f"{tuple(vectors.shape)}, {vectors.dtype} on {vectors.device}."
            )
        self.products += len(vectors)
        products = self._rows(vectors)
        if not math.isfinite(products.sum()) and not bool(products.isfinite().all()):  # a sum is ten times faster
            raise ConvergenceError(
                f"a product of {self} is not finite: NaN or infinity in vector or matrix. Of a Hessian a second "
                "derivative overflows, as of a square root at 0; take other parameters, or a smooth function."
            )
        return products

    def __matmul__(self, v: Tensor) -> Tensor:
        """`(n,)` or `(n, m)` to the same shape."""
        if not isinstance(v, Tensor):
            raise ParameterError(f"{self} multiplies tensors; got {type(v)}. Use `torch.as_tensor`, or `to_scipy()`.")
        return self.matvec(v) if v.dim() == 1 else self.rows(v.mT.contiguous()).mT

    def to_dense(self) -> Tensor:
        """The matrix itself, from n products: `(n, n)`, symmetric to the last bit."""
        rows = self.rows(torch.eye(self.shape[0], dtype=self.dtype, device=self.device))
        return (rows + rows.mT) / 2

    def to_scipy(self) -> LinearOperator:
        """The same for `scipy.sparse.linalg`: NumPy vectors in and out."""
        from scipy.sparse.linalg import LinearOperator

        def product(v: Any) -> Any:
            vector = torch.as_tensor(v.reshape(-1, v.shape[-1] if v.ndim == 2 else 1).T.copy())
            done = self.rows(vector.to(self.device, self.dtype)).cpu().numpy()
            return done.T.reshape(v.shape)

        dtype = torch.empty(0, dtype=self.dtype).numpy().dtype
        return LinearOperator(self.shape, matvec=product, rmatvec=product, matmat=product, dtype=dtype)  # pyright: ignore

    def unflatten(self, v: Tensor) -> dict[str, Tensor]:
        """Read a vector, such as an eigenvector, as named tensors.

        Args:
            v: `(n,)` vector.

        Returns:
            Name to tensor; frozen parameters are left out.

        Raises:
            ParameterError: the operator is not one of named tensors.
        """
        if self._layout is None:
            raise ParameterError(f"{self} is not one of named tensors; its vectors are just vectors.")
        return self._layout.split(v)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.shape[0]} x {self.shape[1]}, {self.dtype}, {self.device})"


def as_operator(thing: Any) -> SymmetricOperator:
    """Take an operator, or a symmetric matrix.

    Args:
        thing: what a user passed.

    Returns:
        The operator.

    Raises:
        ParameterError: neither.
    """
    if isinstance(thing, SymmetricOperator):
        return thing
    if isinstance(thing, Tensor):
        return SymmetricOperator.of_matrix(thing)
    raise ParameterError(
        f"`op` must be an operator, as `hessian(loss, model, data)` gives it, or a matrix; got {type(thing)}."
    )

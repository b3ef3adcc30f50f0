"""What the edges of a layer are beside their weights, for jets: all edge functions with all their derivatives at once.

The operators sum over the inputs, which is right for values. A jet wants the same edges several times, as `phi`, `phi'`
and `phi''` with several weights, and its gradient wants `phi'''` too; so for layers of modest size the edges are
computed once, with all derivatives, and the sums are left to whoever knows the weights (`jet_chain`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Protocol

import torch
from torch import Tensor

BaseDerivative = Callable[[Tensor, int], Tensor]
"""Derivatives of a residual function, of `(x, order)`."""


class Edges(Protocol):
    """A basis and a residual function, and how both are computed.

    `coef` is `(I, S, O)` and `base_weight` `(I, O)` throughout.
    """

    @property
    def grid(self) -> Tensor:
        """What places the samples: knots, or the ends of a domain."""
        ...

    @property
    def by_torch(self) -> Callable[[Tensor, Tensor, Tensor, int], Tensor]:
        """Of `(x, coef, base_weight, order)`: `(order+1, I, O, B)` edges and derivatives at `(B, I)`, in operators."""
        ...

    @property
    def highest_order(self) -> float:
        """The highest derivative that `forward` and `backward` know."""
        ...

    def forward(
        self, columns: Tensor, coef: Tensor, base_weight: Tensor, orders: int
    ) -> tuple[Tensor, tuple[Tensor, ...], Any]:
        """Compiled: `(orders or more, I, O, B)` at `(I, B)` contiguous columns of the CPU.

        Beside them what `backward` wants to know: tensors along the samples, and what does not grow with them.
        """
        ...

    def backward(
        self, g: Tensor, coef: Tensor, jets: Tensor, places: tuple[Tensor, ...], rest: Any, need_x: bool
    ) -> tuple[Tensor | None, Tensor, Tensor]:
        """Gradients `(I, B)`, `(I, S, O)` and `(I, O)` from `(orders, I, O, B)` contiguous.

        `jets`, `places` and `rest` are what `forward` gave, for one order more where `need_x`.
        """
        ...


def plain(tensor: Tensor) -> Tensor:
    """One memory layout, so that the loops are compiled once."""
    return tensor.detach().resolve_neg().contiguous()


@torch.no_grad()
def residual_jets(x: Tensor, orders: int, base: BaseDerivative | None, silu: bool) -> Tensor:
    """A residual function and its derivatives, without a graph.

    Args:
        x: `(I, B)`.
        orders: how many, the function included.
        base: derivatives of the function; None without one.
        silu: whether it is `silu`, which the compiled loops know themselves.

    Returns:
        `(orders, I, B)`, or nothing in it without a function.
    """
    if base is None:
        return x.new_empty(0, 0, 0)
    if x.is_cpu and silu and orders <= _SILU_ORDERS:
        found = x.new_empty(orders, *x.shape)
        _loops().silu_derivatives(plain(x).numpy(), torch.sigmoid(x).numpy(), found.numpy())
        return found
    return torch.stack([base(x, m) for m in range(orders)])


_SILU_ORDERS = 5
"""Derivatives of `silu` that the compiled loop knows, its value included."""


@cache
def _loops() -> Any:
    """The compiled side; Numba is imported at its first use."""
    from edgewise.kernels import edge_loops

    return edge_loops

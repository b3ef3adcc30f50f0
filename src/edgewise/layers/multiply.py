"""Multiplication nodes: some outputs of a layer are products of its sums (KAN 2.0, arXiv 2408.10205)."""

import torch
from torch import Tensor, nn


class MultiplyNodes(nn.Module):
    """Turn `n_sum + arity * n_mult` sums into `n_sum` sums and `n_mult` products of `arity` sums each.

    Args:
        n_sum: number of leading inputs that pass unchanged.
        n_mult: number of product nodes.
        arity: how many consecutive inputs each product takes.
    """

    def __init__(self, n_sum: int, n_mult: int, arity: int = 2) -> None:
        super().__init__()
        self.n_sum, self.n_mult, self.arity = n_sum, n_mult, arity

    @property
    def in_features(self) -> int:
        """Number of sums that go in."""
        return self.n_sum + self.arity * self.n_mult

    @property
    def out_features(self) -> int:
        """Number of nodes that come out."""
        return self.n_sum + self.n_mult

    def forward(self, sums: Tensor) -> Tensor:
        """`(..., in_features)` to `(..., out_features)`: sums first, then products."""
        if self.n_mult == 0:
            return sums
        plain, factors = sums[..., : self.n_sum], sums[..., self.n_sum :]
        factors = factors.unflatten(-1, (self.n_mult, self.arity))  # (..., n_mult, arity)
        product = factors[..., 0]
        for a in range(1, self.arity):  # not prod(): its gradient is slow and its second one is not exact at 0
            product = product * factors[..., a]
        return torch.cat([plain, product], dim=-1)

    def jvp(self, sums: Tensor, change: Tensor) -> Tensor:
        """How the nodes change with a change of the sums: `(..., in_features)` to `(..., out_features)`."""
        return change if self.n_mult == 0 else torch.func.jvp(self.forward, (sums,), (change,))[1]

    def vjp(self, sums: Tensor, cotangent: Tensor) -> Tensor:
        """Cotangent of the nodes to that of the sums: `(..., out_features)` to `(..., in_features)`."""
        return cotangent if self.n_mult == 0 else torch.func.vjp(self.forward, sums)[1](cotangent)[0]

    def extra_repr(self) -> str:
        """The numbers in `repr(layer)`."""
        return f"n_sum={self.n_sum}, n_mult={self.n_mult}, arity={self.arity}"

"""Four ways to solve the damped normal equations `(J'J + diag(damping)) d = J'u`.

Cholesky of `J'J` is the fast one. QR of `[J; sqrt(diag(damping))]`, some rows at a time, does not square the condition
number, so it goes on where rounding makes Cholesky fail. With fewer residuals than unknowns the same `d` comes from an
`m x m` system. Conjugate gradients need products with `J` only.

Each returns a function of `(u, J'u)`, and which of the M systems it can solve.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from edgewise.optim.residuals import Linearization

Solve = Callable[[Tensor, Tensor], Tensor]

_CG_TOLERANCE = 1e-2
"""Relative residual at which conjugate gradients stop: damped steps need no more."""


def by_cholesky(linear: Linearization, gram: Tensor, damping: Tensor) -> tuple[Solve, Tensor]:
    """By Cholesky of the matrix itself; systems where that fails are solved by QR.

    Args:
        linear: the linearization, where the rows come from if QR is needed.
        gram: `(M, n, n)` `J'J`, lower triangle.
        damping: `(M, n)`.

    Returns:
        The function, and which systems it can solve.
    """
    matrix = gram.clone()
    matrix.diagonal(dim1=-2, dim2=-1).add_(damping)
    factor, info = torch.linalg.cholesky_ex(matrix)
    failed = info != 0

    def fast(_: Tensor, rhs: Tensor) -> Tensor:  # `cholesky_solve` would copy the factor: four times the time
        half = torch.linalg.solve_triangular(factor, rhs[..., None], upper=False)
        return torch.linalg.solve_triangular(factor.mT, half, upper=True)[..., 0]

    if not bool(failed.any()):
        return fast, ~failed
    by_rows, solved = by_qr(linear, damping, failed)

    def solve(u: Tensor, rhs: Tensor) -> Tensor:
        return torch.where(failed[:, None], by_rows(u, rhs), fast(u, rhs))

    return solve, ~failed | solved


def by_qr(linear: Linearization, damping: Tensor, which: Tensor | None = None) -> tuple[Solve, Tensor]:
    """By the triangle of `[J; sqrt(diag(damping))]` and the seminormal equations, refined once (Bjorck 1987).

    Args:
        linear: the linearization.
        damping: `(M, n)`.
        which: `(M,)` bool, the systems to solve; the others get 0. All when None.

    Returns:
        The function, and which systems it can solve.
    """
    chosen = torch.arange(len(damping), device=damping.device) if which is None else which.nonzero()[:, 0]
    factor = torch.diag_embed(damping[chosen].sqrt())
    for rows in linear.rows():
        factor = torch.linalg.qr(torch.cat([factor, rows[chosen]], dim=-2), mode="r").R
    pivots = factor.diagonal(dim1=-2, dim2=-1).abs()
    good = pivots.isfinite().all(-1) & (pivots > 0).all(-1)
    solved = torch.zeros_like(damping[:, 0], dtype=torch.bool).index_copy(0, chosen, good)

    def once(rhs: Tensor) -> Tensor:
        half = torch.linalg.solve_triangular(factor.mT, rhs[chosen, :, None], upper=False)
        found = torch.linalg.solve_triangular(factor, half, upper=True)[..., 0]
        return torch.zeros_like(rhs).index_copy(0, chosen, found)

    def solve(_: Tensor, rhs: Tensor) -> Tensor:
        d = once(rhs)
        return d + once(rhs - linear.vjp(linear.jvp(d)) - damping * d)

    return solve, solved


def by_residuals(linear: Linearization, damping: Tensor) -> tuple[Solve, Tensor]:
    """In the space of residuals: `d = W J' (J W J' + 1)^-1 u` with `W = 1 / diag(damping)`.

    Args:
        linear: the linearization, all of whose rows are formed.
        damping: `(M, n)`.

    Returns:
        The function, and which systems it can solve.
    """
    rows = torch.cat(list(linear.rows()), dim=-2)
    weighted = rows / damping[..., None, :]
    matrix = weighted @ rows.mT
    matrix.diagonal(dim1=-2, dim2=-1).add_(1.0)
    factor, info = torch.linalg.cholesky_ex(matrix)

    def solve(u: Tensor, _: Tensor) -> Tensor:
        return (weighted.mT @ torch.cholesky_solve(u[..., None], factor))[..., 0]

    return solve, info == 0


def by_conjugate_gradients(linear: Linearization, damping: Tensor, scale: Tensor, steps: int) -> tuple[Solve, Tensor]:
    """By conjugate gradients, preconditioned with `scale + damping`.

    Args:
        linear: the linearization.
        damping: `(M, n)`.
        scale: `(M, n)` the diagonal of `J'J`, or an estimate.
        steps: most iterations.

    Returns:
        The function, and that it can solve all.
    """
    weight = 1 / (scale + damping)

    def solve(_: Tensor, rhs: Tensor) -> Tensor:
        d, r = torch.zeros_like(rhs), rhs
        z = weight * r
        p, rz = z, (r * z).sum(-1, keepdim=True)
        enough = _CG_TOLERANCE**2 * rz
        for _step in range(steps):
            if not bool((rz > enough).any()):
                break
            q = linear.vjp(linear.jvp(p)) + damping * p
            step = torch.where(rz > enough, rz / (p * q).sum(-1, keepdim=True), 0.0)
            d, r = d + step * p, r - step * q
            z = weight * r
            before, rz = rz, (r * z).sum(-1, keepdim=True)
            p = z + torch.where(before > 0, rz / before, 0.0) * p
        return d

    return solve, torch.ones(len(damping), dtype=torch.bool, device=damping.device)


def estimated_diagonal(linear: Linearization, probes: int, seed: int) -> Tensor:
    """Diagonal of `J'J` from products with random signs: the mean of `(J'u)^2` (Hutchinson).

    Args:
        linear: the linearization.
        probes: how many.
        seed: of the signs.

    Returns:
        `(M, n)`.
    """
    generator = torch.Generator().manual_seed(seed)
    total = torch.zeros_like(linear.gradient)
    for _ in range(probes):
        signs = torch.randint(0, 2, linear.residual.shape, generator=generator).to(linear.residual) * 2 - 1
        total += linear.vjp(signs).square()
    return total / probes

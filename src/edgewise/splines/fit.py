"""Spline coefficients from samples: least squares, one factorisation per input shared by all outputs.

Orthogonal (QR), not normal equations: the condition of the problem enters once, not squared, so a function
that the spline can represent is found to rounding although the bases are badly determined by the sample
(condition up to 1e8). What the sample does not determine at all (no row in a cell, a constant column, fewer
rows than functions) is filled by the smallest curvature, then the smallest slope, then the smallest values.
"""

import torch
from torch import Tensor

from edgewise.errors import ParameterError, ShapeError
from edgewise.splines.basis import bspline_basis
from edgewise.splines.knots import check_finite, check_weight

# Numbers held at a time by the dense bases; 64 MiB in float64.
_CHUNK = 1 << 23


@torch.no_grad()
def fit_coef(
    x: Tensor,
    y: Tensor,
    knots: Tensor,
    degree: int,
    *,
    outside: str = "extend",
    sample_weight: Tensor | None = None,
    rcond: float = 1e-9,
) -> Tensor:
    """Least-squares coefficients of one spline per input and output.

    Minimizes `sum_n w_n (y[n,i,o] - sum_s B_s(x[n,i]) C[i,s,o])^2` for each input and output alone.

    Args:
        x: `(N, I)` sample points.
        y: `(N, I, O)` targets; `(N, O)` where there is one input.
        knots: `(I, S+degree+1)` strictly increasing knots.
        degree: polynomial degree.
        outside: how the splines continue outside their domain, `"extend"` or `"linear"`; rows there count.
        sample_weight: `(N,)` weights w >= 0.
        rcond: combinations of coefficients that change the weighted fit by less than this fraction of the
            largest count as undetermined.

    Returns:
        `(I, S, O)` finite coefficients in the dtype of `y`, solved in float64.

    Raises:
        ShapeError: the shapes do not fit, or there is no row.
        DomainError: `x` or `y` holds NaN or infinity.
        ParameterError: `rcond` is not in (0, 1), the weights are not finite, non-negative and somewhere
            positive, or `degree` or `outside` is outside its set.

    Source: Golub and Van Loan, Matrix Computations, sections 5.3 and 5.5.
    """
    y = _check(x, y, knots, degree, rcond)
    rows, targets, t = x.double(), y.double().transpose(0, 1), knots.double()  # targets (I, N, O)
    if sample_weight is not None:
        root = check_weight(sample_weight, len(x)).sqrt()
        targets = targets * root[:, None]
    size = knots.shape[1] - degree - 1
    coef = y.new_empty(len(knots), size, y.shape[2])
    step = max(1, _CHUNK // (len(x) * size))
    for i in range(0, len(knots), step):  # bounded memory: the bases are dense here
        part = slice(i, i + step)
        basis = bspline_basis(rows[:, part], t[part], degree, outside=outside).transpose(0, 1)  # (I, N, S)
        if sample_weight is not None:
            basis = basis * root[:, None]
        coef[part] = _solve(basis, targets[part], t[part], degree, rcond).to(coef.dtype)
    return coef


def _solve(basis: Tensor, targets: Tensor, knots: Tensor, degree: int, rcond: float) -> Tensor:
    """`(I, N, S)` bases and `(I, N, O)` targets to `(I, S, O)` coefficients."""
    size = basis.shape[2]
    if basis.shape[1] > size:  # fewer equations, same solution
        q, basis = torch.linalg.qr(basis)  # (I, N, S), (I, S, S)
        targets = q.mT @ targets
    full = _well_determined(basis, rcond)
    coef = targets.new_empty(len(basis), size, targets.shape[2])
    if bool(full.any()):
        # A square basis (N = S) skipped the QR and is not triangular.
        coef[full] = torch.linalg.solve(basis[full], targets[full])
    for i in (~full).nonzero().flatten().tolist():  # ranks differ, so one by one
        coef[i] = _fill(basis[i], targets[i], _greville(knots[i], degree), rcond)
    return coef


def _well_determined(matrix: Tensor, rcond: float) -> Tensor:
    """`(I,)` whether the condition number of each square matrix stays below 1/rcond."""
    if matrix.shape[1] != matrix.shape[2]:
        return torch.zeros(len(matrix), dtype=torch.bool, device=matrix.device)
    inverse, _ = torch.linalg.inv_ex(matrix)
    bound = torch.linalg.matrix_norm(matrix) * torch.linalg.matrix_norm(inverse)  # of at most S times the condition
    return bound < 1 / rcond  # False where a singular matrix gave inf or NaN


def _fill(basis: Tensor, targets: Tensor, sites: Tensor, rcond: float) -> Tensor:
    """Least squares where determined; the rest by smallest curvature, slope, value in this order: `(S, O)`."""
    coef = targets.new_zeros(basis.shape[1], targets.shape[1])
    free = torch.eye(basis.shape[1], dtype=basis.dtype, device=basis.device)  # (S, F) directions still undetermined
    slope = torch.diff(torch.eye(len(sites)).to(sites), dim=0) / sites.diff()[:, None]
    curvature = torch.diff(slope, dim=0) / (sites[2:] - sites[:-2])[:, None]
    span = sites[-1] - sites[0]
    nothing = targets.new_zeros(())
    for matrix, wanted in ((basis, targets), (curvature * span**2, nothing), (slope * span, nothing)):
        coef, free = _determine(matrix, wanted, coef, free, rcond)
    return coef - free @ (free.mT @ coef)


def _determine(matrix: Tensor, wanted: Tensor, coef: Tensor, free: Tensor, rcond: float) -> tuple[Tensor, Tensor]:
    """Move `coef` along `free` to bring `matrix @ coef` closest to `wanted`; also what stays free."""
    if len(matrix) == 0 or free.shape[1] == 0:
        return coef, free
    u, sigma, vh = torch.linalg.svd(matrix @ free, full_matrices=True)
    rank = int((sigma > rcond * torch.linalg.matrix_norm(matrix, 2)).sum())
    move = (u[:, :rank].mT @ (wanted - matrix @ coef)) / sigma[:rank, None]
    return coef + free @ (vh[:rank].mT @ move), free @ vh[rank:].mT


def _greville(knots: Tensor, degree: int) -> Tensor:
    """`(S,)` where each coefficient acts: the mean of its inner knots (of its cell's ends for degree 0)."""
    if degree == 0:
        return (knots[:-1] + knots[1:]) / 2
    return knots[1:-1].unfold(0, degree, 1).mean(1)


def _check(x: Tensor, y: Tensor, knots: Tensor, degree: int, rcond: float) -> Tensor:
    if x.dim() != 2 or len(x) == 0:
        raise ShapeError(f"`x` must be (N, I) with at least one row; got {tuple(x.shape)}.")
    if knots.dim() != 2 or len(knots) != x.shape[1]:
        raise ShapeError(f"`knots` must have one row per column of `x`, {x.shape[1]}; got {tuple(knots.shape)}.")
    if y.dim() == 2 and x.shape[1] == 1:
        y = y[:, None, :]
    if y.dim() != 3 or y.shape[:2] != x.shape:
        raise ShapeError(
            f"`y` must be (N, I, O) = ({x.shape[0]}, {x.shape[1]}, O), or (N, O) for one input; got {tuple(y.shape)}."
        )
    if not 0 < rcond < 1:
        raise ParameterError(f"`rcond` must lie in (0, 1); got {rcond!r}.")
    check_finite(x, "x")
    check_finite(y, "y")
    return y

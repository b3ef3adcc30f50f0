"""Knot vectors: where the pieces of a spline join.

A knot vector for `G` intervals and degree `k` has `G + 2k + 1` strictly increasing entries: the
`G + 1` interval ends (the *breakpoints*), and `k` more on each side so that `S = G + k` basis
functions cover the domain `[knots[k], knots[k + G]]`. Every input feature has its own row.
"""

import torch
from torch import Tensor

from edgewise.errors import DomainError, ParameterError, ShapeError

# Every interval spans at least this many units in the last place of its ends.
_MIN_ULPS = 8


def check_grid(grid: int, degree: int) -> None:
    """Raise `ParameterError` unless `grid` is an int >= 1 and `degree` an int >= 0."""
    if not isinstance(grid, int) or isinstance(grid, bool) or grid < 1:
        raise ParameterError(f"`grid` (number of intervals) must be an int >= 1; got {grid!r}.")
    if not isinstance(degree, int) or isinstance(degree, bool) or degree < 0:
        raise ParameterError(f"`k` (polynomial degree) must be an int >= 0; got {degree!r}.")


def extend_knots(breakpoints: Tensor, degree: int) -> Tensor:
    """Add `degree` knots on each side, continuing the first and the last spacing.

    Args:
        breakpoints: `(..., G+1)` strictly increasing interval ends.
        degree: polynomial degree.

    Returns:
        `(..., G+2*degree+1)` knots.
    """
    steps = torch.arange(1, degree + 1, dtype=breakpoints.dtype, device=breakpoints.device)
    left = breakpoints[..., :1] - steps.flip(0) * (breakpoints[..., 1:2] - breakpoints[..., :1])
    right = breakpoints[..., -1:] + steps * (breakpoints[..., -1:] - breakpoints[..., -2:-1])
    return torch.cat([left, breakpoints, right], dim=-1)


def uniform_knots(lo: Tensor, hi: Tensor, grid: int, degree: int) -> Tensor:
    """Equally spaced knots on `[lo, hi]`.

    Args:
        lo: `(...)` lower ends of the domains.
        hi: `(...)` upper ends, each larger than its `lo`.
        grid: number of intervals G.
        degree: polynomial degree.

    Returns:
        `(..., G+2*degree+1)` knots.

    Raises:
        ParameterError: `grid`, `degree` or an interval is invalid.
    """
    check_grid(grid, degree)
    if lo.device.type != "meta" and not bool((hi > lo).all()):  # "meta" has shapes only, see models/files.py
        raise ParameterError(f"every domain needs lo < hi; got lo={lo.tolist()}, hi={hi.tolist()}.")
    # The index runs over the extended knots at once, so that all spacings round the same way.
    index = torch.arange(-degree, grid + degree + 1, dtype=lo.dtype, device=lo.device)
    return lo[..., None] + (hi - lo)[..., None] * (index / grid)


@torch.no_grad()
def fit_knots(
    x: Tensor,
    grid: int,
    degree: int,
    grid_eps: float = 1.0,
    *,
    margin: float = 0.01,
    min_width: float = 0.01,
    sample_weight: Tensor | None = None,
    fallback: Tensor | None = None,
    noise: float | Tensor = 0.0,
) -> Tensor:
    """Knots that cover each column of a sample, spaced uniformly, by quantiles, or between.

    Whatever the sample (constant, binary, duplicated, with outliers, far from zero), the knots are finite and
    strictly increasing in its dtype, and no interval is narrower than `min_width` of a uniform one.

    Args:
        x: `(N, I)` sample, one column per input.
        grid: number of intervals G.
        degree: polynomial degree.
        grid_eps: 1 spaces breakpoints uniformly, 0 puts the same weight of sample into each interval, a value
            between blends the two linearly.
        margin: how far the domain reaches beyond the sample on each side, as a fraction of the sample's range,
            so that unseen neighbours of the extreme rows are still inside.
        min_width: smallest interval as a fraction of a uniform interval. Narrower ones are widened, and the
            others give way in proportion to their excess.
        sample_weight: `(N,)` weights >= 0; rows of weight zero do not count.
        fallback: `(I, 2)` domains for constant columns, moved (keeping the width) where the constant lies
            outside; one unit on each side of the constant when absent.
        noise: columns with a range up to this (one number, or `(I,)`) count as constant, as do columns whose range is
            rounding error.

    Returns:
        `(I, G+2*degree+1)` knots.

    Raises:
        ParameterError: `grid`, `degree`, `grid_eps`, `margin` or `min_width` is outside its set, or the weights
            are not finite, non-negative and somewhere positive.
        ShapeError: `x` is not `(N, I)` floating with N >= 1, or another shape does not fit.
        DomainError: `x` holds NaN or infinity, or its range exceeds what its dtype can hold.

    Differs from pykan: the margin is relative to the range, and knots can never coincide.
    """
    check_grid(grid, degree)
    _check_options(grid_eps, margin, min_width)
    weight = _check_sample(x, sample_weight, fallback)
    rows, weight = x.double(), torch.ones(len(x), dtype=torch.float64, device=x.device) if weight is None else weight
    rows, weight = rows[weight > 0], weight[weight > 0]
    eps = torch.finfo(x.dtype).eps
    lo, hi = rows.amin(0), rows.amax(0)  # (I,)
    smallest = torch.as_tensor(noise, dtype=torch.float64, device=x.device)
    constant = hi - lo <= torch.maximum(64 * eps * torch.maximum(lo.abs(), hi.abs()), smallest)
    ends = torch.where(constant, _around(lo + (hi - lo) / 2, fallback), _widen(lo, hi, margin))  # (2, I)
    _finite(torch.cat([ends, ends.diff(dim=0)]).T, x.dtype)  # the range may overflow where both ends do not
    lo, hi = _resolvable(ends[0], ends[1], grid, x.dtype)
    if grid_eps == 1:
        return _finite(uniform_knots(lo, hi, grid, degree), x.dtype)
    inner = weighted_quantiles(rows, grid, weight)[:, 1:-1]  # (I, G-1)
    blend = (1 - grid_eps) * inner + grid_eps * uniform_knots(lo, hi, grid, 0)[:, 1:-1]
    inner = torch.where(constant[:, None], uniform_knots(lo, hi, grid, 0)[:, 1:-1], blend)
    breakpoints = _keep_apart(torch.cat([lo[:, None], inner, hi[:, None]], dim=1), min_width, eps)
    return _finite(extend_knots(breakpoints, degree), x.dtype)


def weighted_quantiles(x: Tensor, grid: int, weight: Tensor) -> Tensor:
    """The `G + 1` quantiles of every column that split its weight into G equal parts.

    Between rows the weighted distribution is interpolated linearly from 0 at the smallest to 1 at the largest
    row; with equal weights these are numpy's default quantiles.

    Args:
        x: `(N, I)` finite sample.
        grid: number of parts G.
        weight: `(N,)` positive weights.

    Returns:
        `(I, G+1)` non-decreasing quantiles; the first is the minimum and the last the maximum.
    """
    rows, where = x.T.contiguous().sort(dim=1)  # (I, N)
    if rows.shape[1] == 1:
        return rows.expand(-1, grid + 1).clone()
    w = weight[where]
    position = torch.cumsum(w, dim=1) - w / 2
    position = position - position[:, :1]
    position = position / position[:, -1:]
    q = torch.arange(grid + 1, dtype=rows.dtype, device=rows.device) / grid
    right = torch.searchsorted(position, q.expand(len(rows), -1).contiguous()).clamp(1, rows.shape[1] - 1)
    left_p, right_p = position.gather(1, right - 1), position.gather(1, right)
    fraction = ((q - left_p) / (right_p - left_p).clamp_min(torch.finfo(rows.dtype).tiny)).clamp(0, 1)
    return torch.lerp(rows.gather(1, right - 1), rows.gather(1, right), fraction)


def _widen(lo: Tensor, hi: Tensor, margin: float) -> Tensor:
    return torch.stack([lo - margin * (hi - lo), hi + margin * (hi - lo)])


def _around(centre: Tensor, fallback: Tensor | None) -> Tensor:
    """The fallback domains where they hold `centre`, else the same width around it: `(2, I)`."""
    if fallback is None:
        return torch.stack([centre - 1, centre + 1])
    lo, hi = fallback.double().unbind(-1)
    moved = torch.stack([centre - (hi - lo) / 2, centre + (hi - lo) / 2])
    return torch.where((lo <= centre) & (centre <= hi), torch.stack([lo, hi]), moved)


def _resolvable(lo: Tensor, hi: Tensor, grid: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Widen domains so narrow, relative to their distance from zero, that G knots would round together."""
    kind = torch.finfo(dtype)
    smallest = 2 * grid * _MIN_ULPS * kind.eps * torch.maximum(lo.abs(), hi.abs())
    smallest = smallest.clamp_min(grid * kind.tiny**0.5)  # so narrow that slopes would overflow
    lack = (smallest - (hi - lo)).clamp_min(0) / 2
    return lo - lack, hi + lack


def _keep_apart(breakpoints: Tensor, min_width: float, eps: float) -> Tensor:
    lo, hi = breakpoints[:, :1], breakpoints[:, -1:]
    grid = breakpoints.shape[1] - 1
    floor = torch.maximum(min_width * (hi - lo) / grid, _MIN_ULPS * eps * torch.maximum(lo.abs(), hi.abs()))
    excess = (breakpoints.diff(dim=1) - floor).clamp_min(0)
    # Where nothing is too narrow the factor is 1 and nothing moves. min_width=1 leaves no excess: uniform.
    factor = (hi - lo - grid * floor).clamp_min(0) / excess.sum(1, keepdim=True).clamp_min(torch.finfo(lo.dtype).tiny)
    widths = floor + excess * factor
    return torch.cat([lo, lo + widths.cumsum(1)[:, :-1], hi], dim=1)


def _finite(knots: Tensor, dtype: torch.dtype) -> Tensor:
    knots = knots.to(dtype)
    bad = ~torch.isfinite(knots).all(1)
    if bool(bad.any()):
        column = int(bad.nonzero()[0])
        raise DomainError(f"`x`: the range of column {column} is too large for {dtype}. Rescale the column.")
    return knots


def _check_options(grid_eps: float, margin: float, min_width: float) -> None:
    if not 0 <= grid_eps <= 1:
        raise ParameterError(f"`grid_eps` must lie in [0, 1] (0 quantiles, 1 uniform); got {grid_eps!r}.")
    if not 0 <= margin < float("inf"):
        raise ParameterError(f"`margin` must be a finite fraction >= 0; got {margin!r}.")
    if not 0 < min_width <= 1:
        raise ParameterError(f"`min_width` must lie in (0, 1]; got {min_width!r}.")


def _check_sample(x: Tensor, sample_weight: Tensor | None, fallback: Tensor | None) -> Tensor | None:
    if x.dim() != 2 or len(x) == 0 or not x.is_floating_point():
        raise ShapeError(f"`x` must be (N, I) floating with at least one row; got {tuple(x.shape)} {x.dtype}.")
    if fallback is not None and fallback.shape != (x.shape[1], 2):
        raise ShapeError(f"`fallback` must be ({x.shape[1]}, 2), one (lo, hi) per column; got {tuple(fallback.shape)}.")
    check_finite(x, "x")
    return None if sample_weight is None else check_weight(sample_weight, len(x))


def check_finite(x: Tensor, name: str) -> None:
    """Raise `DomainError` naming the column if `x`, `(N, I)` or `(N, I, O)`, holds NaN or infinity.

    Raises:
        DomainError: a value is not finite.
    """
    bad = ~torch.isfinite(x)
    if bool(bad.any()):
        first = bad.nonzero()[0].tolist()
        count = int(bad.sum())
        raise DomainError(
            f"`{name}` must be finite; column {first[1]} holds {x[tuple(first)].item()} at row {first[0]} "
            f"({count} such value{'s' if count > 1 else ''} in all). Remove or fill these rows."
        )


def check_knots(knots: Tensor, name: str) -> None:
    """Refuse knots on which no spline is defined; they would give NaN at the first evaluation.

    Args:
        knots: `(I, S+k+1)`, one row per input.
        name: what to call them in the message.

    Raises:
        DomainError: a row is not finite and strictly increasing; the message names the input and the knot.
    """
    steps = knots.diff(dim=-1)
    bad = ~((steps > 0) & steps.isfinite())
    if bool(bad.any()):
        i, n = bad.nonzero()[0].tolist()
        raise DomainError(
            f"{name!r} must be finite and strictly increasing for every input; at input {i}, knot {n + 1} is "
            f"{float(knots[i, n + 1]):g} after {float(knots[i, n]):g} ({knots.dtype})."
        )


def check_weight(weight: Tensor, size: int) -> Tensor:
    """`weight` in float64 if it is `(N,)`, finite, non-negative and somewhere positive.

    Args:
        weight: `(N,)` sample weights.
        size: N.

    Returns:
        `(N,)` float64 weights.

    Raises:
        ShapeError: another shape.
        ParameterError: a value outside its set.
    """
    if weight.shape != (size,):
        raise ShapeError(f"`sample_weight` must be ({size},), one per row; got {tuple(weight.shape)}.")
    weight = weight.double()
    if not bool(torch.isfinite(weight).all() & (weight >= 0).all() & (weight > 0).any()):
        raise ParameterError(
            f"`sample_weight` must be finite, >= 0 and somewhere > 0; "
            f"got values from {weight.min():g} to {weight.max():g}."
        )
    return weight

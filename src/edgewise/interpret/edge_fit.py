"""Fit `y = c f(a x + b) + d` to the samples of one edge, for many functions `f`.

`c` and `d` are linear: for every `a`, `b` (and exponent) the best ones are known, so only these are searched (variable
projection, Golub and Pereyra 1973, with Kaufman's Jacobian). The search starts from hundreds of places at once: slopes
on a logarithmic scale and centres inside and outside of the data; for functions that oscillate also every frequency
that the samples can tell apart, since a start more than half a period off never finds its way.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from edgewise.layers import Function
from edgewise.layers.functions import slope_of

SEARCH_ROWS = 160
"""Samples that the search looks at."""
POLISH_ROWS = 20_000
"""Samples that the last steps look at."""
_KEPT = 8
"""Starts that are followed."""
_SHORT, _LONG = 12, 60
"""Steps for every function, and for those that are polished."""
_FREQUENCIES = 120.0
"""Highest angular frequency tried, times half the width of the data: 38 periods over the data."""


@dataclass(frozen=True)
class EdgeFit:
    """One function fitted to an edge.

    Attributes:
        function: the function.
        numbers: a, b, c, d, p.
        r2: share of the samples' variance it explains, 1 for all.
        missing: `1 - r2`, which keeps its digits where r2 is nearly 1.
        cancellation: largest size of `c f` beside the range of the values. Many functions follow a parabola to any
            digit where they are nearly flat, as a small difference of large numbers.
    """

    function: Function
    numbers: tuple[float, ...]
    r2: float
    missing: float
    cancellation: float = 1.0

    @property
    def cost(self) -> float:
        """Complexity of the function and its numbers: half a unit for every bit that cancels."""
        return self.function.complexity + 0.5 * math.log2(1.0 + self.cancellation)


def description(missing: float, complexity: float) -> float:
    """What a fit leaves unexplained, and how much it takes to say it, in units of complexity.

    Args:
        missing: `1 - r2`. An edge that was trained to some digits says little about the last one, so half as much is
            worth two units, whatever the number of samples.
        complexity: of the function, perhaps with its numbers.
    """  # noqa: DOC201 said in the first line
    return 2 * math.log2(missing + 1e-14) + complexity


@torch.no_grad()
def fit_edge(
    x: Tensor, y: Tensor, functions: Sequence[Function], most: int | None = None, starts: int = _KEPT
) -> list[EdgeFit]:
    """Fit every function to the samples.

    Args:
        x: `(N,)` inputs.
        y: `(N,)` values, of any unit.
        functions: what to try.
        most: how many of the best to fit to the last digit and give back; all when None.
        starts: how many of the best starts of each function to follow, and how many of different steepness.

    Returns:
        Fits of functions that are defined on the data for some a and b, best first. Memory beyond the samples does not
        grow with N.
    """
    x, y = x.double(), y.double()
    lo, hi = x.min(), x.max()
    if lo == hi or y.min() == y.max():
        return [fit for fit in (_constant(y, function) for function in functions) if fit is not None]
    samples = _Samples(x, y)
    few = _spread(x, SEARCH_ROWS)
    found = []
    for function in functions:
        if function.name == "0":
            found.append((1.0, function, None))
            continue
        places, kinds = (t.to(x.device) for t in _starts(function.periodic, function.free_exponent))
        scores = _explained(function, samples.u[few], y[few], places)
        best = _different(kinds, scores, starts)
        if len(best) == 0:
            continue
        ends, missing = _descend(function, samples.u[few], y[few], places[best], _SHORT)
        found.append((float(missing.min()), function, ends))
    # Many functions follow a line to any digit, so the simplest of those that do as well come first.
    found.sort(key=lambda entry: description(entry[0], entry[1].complexity))
    fits = [samples.polished(function, ends) for _, function, ends in found[:most]]
    return sorted((fit for fit in fits if fit is not None), key=lambda fit: (fit.missing, fit.function.complexity))


def _different(kinds: Tensor, scores: Tensor, count: int) -> Tensor:
    """The best starts, and the best of different steepness: flat pieces of many functions follow a parabola alike."""
    order = scores.argsort(descending=True)
    ranks = torch.arange(len(order), device=order.device)
    first = torch.full((int(kinds.max()) + 1,), len(order), device=order.device)
    first = first.scatter_reduce(0, kinds[order], ranks, "amin")
    best = order[torch.cat([ranks[: min(count, len(order))], first.sort().values[:count]]).unique()]
    return best[scores[best] > 0]  # the others are not defined on all samples


def _spread(x: Tensor, count: int) -> Tensor:
    """Rows evenly among the sorted inputs, both ends included."""
    if len(x) <= count:
        return torch.arange(len(x))
    ranks = torch.linspace(0, len(x) - 1, count).round().long()
    return x.argsort()[ranks]


class _Samples:
    """All samples of an edge, with inputs from -1 to 1 beside them."""

    def __init__(self, x: Tensor, y: Tensor) -> None:
        lo, hi = x.min(), x.max()
        self.middle, self.half = (lo + hi) / 2, (hi - lo) / 2
        self.u, self.y = (x - self.middle) / self.half, y
        self.many = _spread(x, POLISH_ROWS)

    def polished(self, function: Function, ends: Tensor | None) -> EdgeFit | None:
        """The best of the ends, followed to the last digit, measured on all samples."""
        if ends is None:
            return _constant(self.y, function)
        u, y = self.u[self.many], self.y[self.many]
        _, first = _descend(function, u, y, ends, 0)
        order = first.nan_to_num(torch.inf).argsort()[:3]
        last, missing = _descend(function, u, y, ends[order], _LONG)
        s, t, p = last[missing.nan_to_num(torch.inf).argmin()]
        z = s * self.u + t
        f = function(z, p.expand_as(z))
        centred, labels = f - f.mean(), self.y - self.y.mean()
        c = (centred @ labels) / (centred @ centred)
        d = self.y.mean() - c * f.mean()
        missed = float((labels - c * centred).square().sum() / labels.square().sum())
        if not missed <= 1:
            return None
        numbers = (s / self.half, t - s * self.middle / self.half, c, d, p)
        size = float(c.abs() * f.abs().max() / (self.y.max() - self.y.min()))
        return EdgeFit(function, tuple(float(v) for v in numbers), 1 - missed, missed, size)


def _constant(y: Tensor, function: Function) -> EdgeFit | None:
    """No function at all, which explains a constant completely and anything else not at all."""
    if function.name != "0":
        return None
    flat = bool(y.min() == y.max())
    return EdgeFit(function, (1.0, 0.0, 0.0, float(y.mean()), 1.0), float(flat), float(not flat))


@cache
def _starts(periodic: bool, free_exponent: bool) -> tuple[Tensor, Tensor]:
    """`(K, 3)` slope, shift and exponent, for inputs from -1 to 1, and which of them differ in the shift alone."""
    places = _places(periodic, free_exponent)
    return places, places[:, ::2].abs().unique(dim=0, return_inverse=True)[1]


def _places(periodic: bool, free_exponent: bool) -> Tensor:
    slopes = torch.logspace(-1, 1.7, 16, dtype=torch.float64)
    slopes = torch.cat([slopes, -slopes])
    outside = 1 + torch.tensor([1e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0], dtype=torch.float64)
    centres = torch.cat([torch.linspace(-1, 1, 9, dtype=torch.float64), outside, -outside])
    pairs = torch.cartesian_prod(slopes, centres)
    pairs = torch.stack([pairs[:, 0], -pairs[:, 0] * pairs[:, 1]], dim=1)  # z = slope (u - centre)
    if periodic:
        frequencies = torch.arange(0.3, _FREQUENCIES, 0.6, dtype=torch.float64)
        phases = torch.arange(0, 4, dtype=torch.float64) * (torch.pi / 4)
        pairs = torch.cat([pairs, torch.cartesian_prod(frequencies, phases)])
    if not free_exponent:
        return torch.cat([pairs, torch.ones(len(pairs), 1, dtype=torch.float64)], dim=1)
    signs = torch.tensor([1.0, -1.0], dtype=torch.float64)
    powers = torch.tensor([-2.5, -1.5, -0.5, 0.3, 0.7, 1.5, 2.5], dtype=torch.float64)
    return torch.cartesian_prod(signs, outside, powers)  # z = +-u + shift > 0


def _explained(function: Function, u: Tensor, y: Tensor, starts: Tensor) -> Tensor:
    """Share of the variance of y that each start explains; -1 where it is not defined on all samples."""
    s, t, p = starts[:, :, None].unbind(1)
    z = s * u + t
    f = function(z, p.expand_as(z))
    centred, labels = f - f.mean(-1, keepdim=True), y - y.mean()
    size = centred.square().sum(-1)
    share = (centred @ labels).square() / (size * labels.square().sum())
    flat = size <= 1e-20 * f.square().sum(-1)  # constant but for rounding
    return torch.where(share.isfinite() & f.isfinite().all(-1) & ~flat, share, -1.0)


def _descend(function: Function, u: Tensor, y: Tensor, starts: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """Levenberg-Marquardt on slope, shift and exponent of every start at once; gives the ends and what they miss."""
    labels = y - y.mean()
    free = 3 if function.free_exponent else 2
    at, damping = starts.clone(), starts.new_full((len(starts),), 1e-3)
    J, r, missing = _linearize(function, u, labels, at, free)
    for _ in range(steps):
        A, g = J @ J.mT, J @ r[..., None]
        size = A.diagonal(dim1=-2, dim2=-1)
        size = damping[:, None] * (size + 1e-12 * size.amax(-1, keepdim=True)) + 1e-300
        step = torch.linalg.solve_ex(A + torch.diag_embed(size), g).result[..., 0]
        trial = at.clone()
        trial[:, :free] += step.nan_to_num(0.0, 0.0, 0.0)
        J_new, r_new, missed = _linearize(function, u, labels, trial, free)
        better = missed < missing  # False for NaN
        at = torch.where(better[:, None], trial, at)
        J, r = torch.where(better[:, None, None], J_new, J), torch.where(better[:, None], r_new, r)
        gained = bool(((missing - missed) > 1e-6 * missing).any())
        missing = torch.where(better, missed, missing)
        damping = torch.where(better, damping * 0.2, damping * 5).clamp(1e-14, 1e10)
        if not gained and bool((damping > 1e4).all() | (missing < 1e-30).all()):
            break
    return at, missing


def _linearize(function: Function, u: Tensor, labels: Tensor, at: Tensor, free: int) -> tuple[Tensor, Tensor, Tensor]:
    """Kaufman's Jacobian `(K, free, n)` of what is explained, the rest `(K, n)`, and its share of the variance."""
    s, t, p = at[:, :, None].unbind(1)
    z = s * u + t
    f, slope, by_exponent = slope_of(function, z, p)
    f = f - f.mean(-1, keepdim=True)
    size = f.square().sum(-1, keepdim=True)
    c = (f @ labels)[:, None] / size
    rest = labels - c * f
    parts = [slope * u, slope] if by_exponent is None else [slope * u, slope, by_exponent]
    J = torch.stack(parts[:free], dim=1)  # (K, free, n)
    J = J - J.mean(-1, keepdim=True)
    J = J - (J @ f[..., None]) / size[..., None] * f[:, None]
    return c[..., None] * J, rest, rest.square().sum(-1) / labels.square().sum()

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

from edgewise.interpret.edge_descent import descend
from edgewise.layers import Function

SEARCH_ROWS = 160
"""Samples that the search looks at."""
POLISH_ROWS = 20_000
"""Samples that the last steps look at."""
_KEPT = 8
"""Starts that are followed."""
_FIRST, _SHORT, _LONG = 4, 8, 60
"""Steps of every start, of the best `_FOLLOWED` of each function, and of the functions that are polished."""
_FOLLOWED = 4
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
    x: Tensor, y: Tensor, functions: Sequence[Function], most: int | None = None, starts: int = _KEPT,
    always: Sequence[str] = (),
) -> list[EdgeFit]:  # fmt: skip
    """Fit every function to the samples.

    Args:
        x: `(N,)` inputs.
        y: `(N,)` values, of any unit.
        functions: what to try.
        most: how many of the best to fit to the last digit and give back; all when None.
        starts: how many of the best starts of each function to follow, and how many of different steepness.
        always: names of functions that are given back even where they are not among the best.

    Returns:
        Fits of functions that are defined on the data for some a and b, best first. Memory beyond the samples does not
        grow with N.
    """
    x, y = x.cpu().double(), y.cpu().double()  # a few hundred rows: a GPU would only wait for the next launch
    lo, hi = x.min(), x.max()
    constant = [_constant(y, function) for function in functions if function.name == "0"]
    if lo == hi or y.min() == y.max():
        return constant
    samples = _Samples(x, y)
    found = samples.searched([function for function in functions if function.name != "0"], starts)
    # Many functions follow a line to any digit, so the simplest of those that do as well come first.
    ranks = [description(float(missing.min()), function.complexity) for function, _, missing in found]
    ranks = sorted(range(len(found)), key=ranks.__getitem__)
    last = len(ranks) if most is None else most
    chosen = ranks[:last] + [n for n in ranks[last:] if found[n][0].name in always]
    fits = samples.polished([found[n][:2] for n in chosen])
    fits += [fit for fit in constant if most is None or len(fits) < most or fit.function.name in always]
    return sorted(fits, key=lambda fit: (fit.missing, fit.function.complexity))


def _best_starts(function: Function, u: Tensor, y: Tensor, count: int) -> Tensor:
    """`(K, 3)` places from which to search."""
    places, kinds = _starts(function.periodic, function.free_exponent)
    return places[_different(kinds, _explained(function, u, y, places), count)]


def _different(kinds: Tensor, scores: Tensor, count: int) -> Tensor:
    """The best starts, and the best of different steepness: flat pieces of many functions follow a parabola alike."""
    order = scores.argsort(descending=True)
    ranks = torch.arange(len(order))
    first = torch.full((int(kinds.max()) + 1,), len(order))
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

    def searched(self, functions: Sequence[Function], starts: int) -> list[tuple[Function, Tensor, Tensor]]:
        """Where the best starts of every function lead on a few rows, and what they miss there."""
        few = _spread(self.u, SEARCH_ROWS)
        u, y = self.u[few], self.y[few]
        begins = [_best_starts(function, u, y, starts) for function in functions]
        able = [(function, own) for function, own in zip(functions, begins, strict=True) if len(own)]
        functions, at = [function for function, _ in able], [own for _, own in able]
        at = [_least(*end, _FOLLOWED) for end in descend(functions, at, u, y, _FIRST)]
        ends = descend(functions, at, u, y, _SHORT)
        return [(function, *end) for function, end in zip(functions, ends, strict=True)]

    def polished(self, found: Sequence[tuple[Function, Tensor]]) -> list[EdgeFit]:
        """The best of the ends of every function, followed to the last digit, measured on all samples."""
        functions, u, y = [function for function, _ in found], self.u[self.many], self.y[self.many]
        ends = [_least(*end, 3) for end in descend(functions, [own for _, own in found], u, y, 0)]
        last = [_least(*end, 1)[0] for end in descend(functions, ends, u, y, _LONG)]
        fits = [self._measured(function, *numbers) for function, numbers in zip(functions, last, strict=True)]
        return [fit for fit in fits if fit is not None]

    def _measured(self, function: Function, s: Tensor, t: Tensor, p: Tensor) -> EdgeFit | None:
        z = s * self.u + t
        f = function(z, p.expand_as(z))
        centred, labels = f - f.mean(), self.y - self.y.mean()
        c = (centred @ labels) / (centred @ centred)
        d = self.y.mean() - c * f.mean()
        missed = float((labels - c * centred).square().sum() / labels.square().sum())
        if not missed <= 1:
            return None
        numbers = (float(v) for v in (s / self.half, t - s * self.middle / self.half, c, d, p))
        size = float(c.abs() * f.abs().max() / (self.y.max() - self.y.min()))
        return EdgeFit(function, _of_unit_slope(function, *numbers), 1 - missed, missed, size)


def _of_unit_slope(function: Function, a: float, b: float, c: float, d: float, p: float) -> tuple[float, ...]:
    """The same with `a` of 1 or -1 where only a product of `a` and `c` counts: a search may leave one at 1e26."""
    degree = p if function.free_exponent else function.degree
    if degree is None or a == 0:
        return a, b, c, d, p
    size = abs(a)
    a, b, c = a / size, b / size, c * size**degree
    return (1.0, 0.0, a * c, d + c * b, p) if function.name == "x" else (a, b, c, d, p)


def _least(ends: Tensor, missing: Tensor, count: int) -> Tensor:
    """The ends that miss least."""
    return ends[missing.nan_to_num(torch.inf).argsort()[:count]]


def _constant(y: Tensor, function: Function) -> EdgeFit:
    """The function "0", which explains a constant completely and anything else not at all."""
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

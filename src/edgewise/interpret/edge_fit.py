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
_FIRST, _SHORT, _LONG = 4, 8, 25
"""Steps of every start (and later of every function that is polished), of the best `_FOLLOWED` of each function, and of
those that come near the best of all."""
_FOLLOWED = 4
_CLEAN, _FAR = 1e-6, 1e3
"""Where the best function misses less than the first, others that miss so many times more are not worth a look."""
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


def worth_a_look(least: float) -> float:
    """What a function may miss of an edge to be worth a look where the best misses `least`."""
    return _FAR * max(_CLEAN, least)


def fit_edge(
    x: Tensor, y: Tensor, functions: Sequence[Function], most: int | None = None, starts: int = _KEPT,
    always: Sequence[str] = (),
) -> list[EdgeFit]:  # fmt: skip
    """Fit every function to the samples.

    Args:
        x: `(N,)` inputs.
        y: `(N,)` values, of any unit.
        functions: what to try.
        most: how many of the best to polish and give back; all when None. To the last digit those that come near the
            best of all.
        starts: how many of the best starts of each function to follow, and how many of different steepness.
        always: names of functions that are given back even where they are not among the best.

    Returns:
        Fits of functions that are defined on the data for some a and b, best first. Memory beyond the samples does not
        grow with N.
    """
    return fit_edges(x[None], y[None], functions, most, starts, always)[0]


@torch.no_grad()
def fit_edges(
    x: Tensor, y: Tensor, functions: Sequence[Function], most: int | None = None, starts: int = _KEPT,
    always: Sequence[str] = (),
) -> list[list[EdgeFit]]:  # fmt: skip
    """`fit_edge` of E edges together: several take little more time than one.

    Args:
        x: `(E, N)` inputs.
        y: `(E, N)` values.
        functions: as for `fit_edge`.
        most: as for `fit_edge`.
        starts: as for `fit_edge`.
        always: as for `fit_edge`.

    Returns:
        The fits of every edge.
    """
    x, y = x.cpu().double(), y.cpu().double()  # a few hundred rows: a GPU would only wait for the next launch
    varies = ((x.amin(1) < x.amax(1)) & (y.amin(1) < y.amax(1))).nonzero()[:, 0]
    fits = [[_constant(own, function) for function in functions if function.name == "0"] for own in y]
    if not len(varies):
        return fits
    samples = _Samples(x[varies], y[varies])
    able = [function for function in functions if function.name != "0"]
    chosen = [_chosen(found, most, always) for found in samples.searched(able, starts)]
    for e, found in zip(varies.tolist(), samples.polished(chosen), strict=True):
        more = [fit for fit in fits[e] if most is None or len(found) < most or fit.function.name in always]
        fits[e] = sorted(found + more, key=lambda fit: (fit.missing, fit.function.complexity))
    return fits


_Found = list[tuple[Function, Tensor, Tensor]]
"""Functions, `(K, 3)` slopes, shifts and exponents of each, and the share `(K,)` of the variance that they miss."""


def _chosen(found: _Found, most: int | None, always: Sequence[str]) -> _Found:
    """The functions worth polishing."""
    # Many functions follow a line to any digit, so the simplest of those that do as well come first.
    ranks = [description(_least(missing), function.complexity) for function, _, missing in found]
    order = sorted(range(len(found)), key=ranks.__getitem__)
    last = len(order) if most is None else most
    return [found[n] for n in order[:last]] + [found[n] for n in order[last:] if found[n][0].name in always]


def _best_starts(function: Function, u: Tensor, y: Tensor, count: int) -> Tensor:
    """`(K, 3)` places from which to search."""
    if not function.periodic and len(u) >= SEARCH_ROWS:  # half of them show the shape; only frequencies need all
        u, y = (torch.cat([own[::2], own[-1:]]) for own in (u, y))  # both ends: there a function may be undefined
    mirrored, scaled = function.even or function.odd, function.degree is not None
    places, kinds = _starts(function.periodic, function.free_exponent, mirrored, scaled)
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
    """`(E, n)` rows evenly among the sorted inputs `(E, N)`, both ends included."""
    if x.shape[1] <= count:
        return x.argsort(1)
    return x.argsort(1)[:, torch.linspace(0, x.shape[1] - 1, count).round().long()]


class _Samples:
    """All samples of E edges, with inputs from -1 to 1 beside them."""

    def __init__(self, x: Tensor, y: Tensor) -> None:
        lo, hi = x.amin(1, keepdim=True), x.amax(1, keepdim=True)
        self.middle, self.half = (lo + hi) / 2, (hi - lo) / 2
        self.u, self.y = (x - self.middle) / self.half, y
        self.many = _spread(x, POLISH_ROWS)

    def searched(self, functions: Sequence[Function], starts: int) -> list[_Found]:
        """For every edge, where the best starts of every function lead on a few rows, and what they miss there."""
        few = _spread(self.u, SEARCH_ROWS)
        u, y = self.u.gather(1, few), self.y.gather(1, few)
        begins = [
            [(function, _best_starts(function, *own, starts)) for function in functions]
            for own in zip(u, y, strict=True)
        ]
        found = _followed([[one for one in own if len(one[1])] for own in begins], u, y, _FIRST)
        return _followed([_best(own, _FOLLOWED) for own in found], u, y, _SHORT)

    def polished(self, found: Sequence[_Found]) -> list[list[EdgeFit]]:
        """For every edge, the best end of every function on all samples, near the best of all to the last digit."""
        u, y = self.u.gather(1, self.many), self.y.gather(1, self.many)
        ends = _followed([_best(own, 3) for own in found], u, y, _FIRST)
        near, far = zip(*(_split(own) for own in ends), strict=True)
        ends = [[*own, *further] for own, further in zip(far, _followed(near, u, y, _LONG), strict=True)]
        fits = [[self._measured(e, function, *at[0]) for function, at in _best(own, 1)] for e, own in enumerate(ends)]
        return [[fit for fit in own if fit is not None] for own in fits]

    def _measured(self, e: int, function: Function, s: Tensor, t: Tensor, p: Tensor) -> EdgeFit | None:
        u, y, middle, half = self.u[e], self.y[e], self.middle[e], self.half[e]
        z = s * u + t
        f = function(z, p.expand_as(z))
        centred, labels = f - f.mean(), y - y.mean()
        c = (centred @ labels) / (centred @ centred)
        d = y.mean() - c * f.mean()
        missed = float((labels - c * centred).square().sum() / labels.square().sum())
        if not missed <= 1:
            return None
        numbers = (float(v) for v in (s / half, t - s * middle / half, c, d, p))
        size = float(c.abs() * f.abs().max() / (y.max() - y.min()))
        return EdgeFit(function, _of_unit_slope(function, *numbers), 1 - missed, missed, size)


def _of_unit_slope(function: Function, a: float, b: float, c: float, d: float, p: float) -> tuple[float, ...]:
    """The same with `a` of 1 or -1 where only a product of `a` and `c` counts: a search may leave one at 1e26."""
    degree = p if function.free_exponent else function.degree
    if degree is None or a == 0:
        return a, b, c, d, p
    size = abs(a)
    a, b, c = a / size, b / size, c * size**degree
    return (1.0, 0.0, a * c, d + c * b, p) if function.name == "x" else (a, b, c, d, p)


def _followed(begins: Sequence[list[tuple[Function, Tensor]]], u: Tensor, y: Tensor, steps: int) -> list[_Found]:
    """`descend` of every edge's functions from their `(K, 3)` starts: each function once, for all edges that try it."""
    places: dict[int, list[tuple[int, int]]] = {}
    functions: list[Function] = []
    for e, own in enumerate(begins):
        for n, (function, _) in enumerate(own):
            if id(function) not in places:
                functions.append(function)
            places.setdefault(id(function), []).append((e, n))
    starts = [[begins[e][n][1] for e, n in at] for at in places.values()]
    edges = [[e for e, _ in at] for at in places.values()]
    found: list[_Found] = [[(function, at, at[:, 0]) for function, at in own] for own in begins]
    for at, ends in zip(places.values(), descend(functions, starts, edges, u, y, steps), strict=True):
        for (e, n), end in zip(at, ends, strict=True):
            found[e][n] = (begins[e][n][0], *end)
    return found


def _split(found: _Found) -> tuple[list[tuple[Function, Tensor]], _Found]:
    """Functions that come near the best, to be followed further, and the others."""
    most = worth_a_look(min((_least(missing) for _, _, missing in found), default=0.0))
    near = [(function, at) for function, at, missing in found if _least(missing) <= most]
    return near, [one for one in found if _least(one[2]) > most]


def _least(missing: Tensor) -> float:
    """What the best end misses; infinity where the function is defined at none."""
    return float(missing.nan_to_num(torch.inf).min())


def _best(found: _Found, count: int) -> list[tuple[Function, Tensor]]:
    """Of every function the ends that miss least."""
    return [(function, at[missing.nan_to_num(torch.inf).argsort()[:count]].double()) for function, at, missing in found]


def _constant(y: Tensor, function: Function) -> EdgeFit:
    """The function "0", which explains a constant completely and anything else not at all."""
    flat = bool(y.min() == y.max())
    return EdgeFit(function, (1.0, 0.0, 0.0, float(y.mean()), 1.0), float(flat), float(not flat))


@cache
def _starts(periodic: bool, free_exponent: bool, mirrored: bool, scaled: bool) -> tuple[Tensor, Tensor]:
    """`(K, 3)` slope, shift and exponent, for inputs from -1 to 1, and which of them differ in the shift alone.

    Places where `c` alone makes the difference are left out: the mirror image of an even or odd function, and another
    slope of a homogeneous one.
    """  # noqa: DOC201 said in the first line
    places = _places(periodic, free_exponent, mirrored, scaled)
    return places, places[:, ::2].abs().unique(dim=0, return_inverse=True)[1]


def _places(periodic: bool, free_exponent: bool, mirrored: bool, scaled: bool) -> Tensor:
    slopes = torch.ones(1, dtype=torch.float64) if scaled else torch.logspace(-1, 1.7, 16, dtype=torch.float64)
    slopes = slopes if mirrored else torch.cat([slopes, -slopes])
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
    """Share of the variance of y that each start explains; -1 where it is not defined on all samples.

    In single precision: a start need not be better than its neighbours by more than that.
    """  # noqa: DOC201 said in the first line
    labels = y - y.mean()
    u, labels = u.float(), (labels / labels.norm()).float()
    s, t, p = starts.float()[:, :, None].unbind(1)
    z = s * u + t
    f = function(z, p.expand_as(z))
    centred = f - f.mean(-1, keepdim=True)
    size = centred.square().sum(-1)
    share = (centred @ labels).square() / size
    flat = size <= 1e-11 * f.square().sum(-1)  # constant but for rounding
    return torch.where(share.isfinite() & f.isfinite().all(-1) & ~flat, share, -1.0)

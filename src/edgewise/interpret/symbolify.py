"""From splines to elementary functions: one edge by hand, or all of them judged by the loss of the whole model.

A function that follows one edge's spline closely need not be right: the spline carries the error of the fit, and of two
functions that both follow it to four digits one may be exact and the other not. So a candidate is put into the network,
everything is fitted again, and the loss decides. The exact function lets the loss fall, any other one holds it up.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from edgewise.errors import ConvergenceError, ParameterError
from edgewise.interpret.data import as_data, as_rows
from edgewise.interpret.deadline import check_time_limit, deadline_after
from edgewise.interpret.edge_fit import EdgeFit, description, fit_edge, fit_edges, worth_a_look
from edgewise.interpret.library import Library, as_library
from edgewise.layers import AbstractEdgeLayer, Function
from edgewise.models import KAN
from edgewise.optim import LMMethod
from edgewise.train import fit
from edgewise.train.least_squares import ROUGHNESS, KANResiduals, ModuleResiduals, is_plain_kan
from edgewise.train.losses import get_loss
from edgewise.train.solvers import LeastSquaresSolver, NonFiniteLossError
from edgewise.warn import warn_user

_CANDIDATES = 5
"""Functions per edge that are put into the network."""
_PLAIN = ("0", "x", "x^2", "exp")
"""Functions that are always tried."""
_TIE = 1.5
"""Losses that differ by less than this factor do not decide between two functions: the simpler one is taken."""
_OWN_LOSS = 1e-3
"""Share of its own variance that a model without labels may lose by a choice."""
_NATS = 0.02
"""Entropy per row that a choice may cost in a classifier."""
_POOR = 0.1
"""Share of an edge's variance that a function may miss before a warning, as in pykan."""
_REFIT_STEPS, _POLISH_STEPS = 25, 200
_ROUNDING = 0.1
"""Share of the error that counts as exact where a fit ends."""
_LEAP, _SWAP, _SWAPS = 0.5, 0.01, 3
"""Share of the loss that may be left by functions put in for splines, and by one put in for another, on the way to the
exact ones: a flexible function in a wrong place gains a digit too. And how many are put in, times the edges."""
_TOGETHER, _GATHERED = 8, 1 << 20
"""Most edges that functions are fitted to at a time, and most samples of them."""
_ROWS = 1 << 16
"""Values of an edge computed at a time."""


@dataclass(frozen=True)
class Suggestion:
    """A function for an edge.

    Attributes:
        name: of the function.
        r2: share of the variance of the edge's values that it explains.
        missing: `1 - r2`.
        complexity: of the function.
        loss: of the whole model with this function after a short refit, where data with labels were given.
        numbers: a, b, c, d, p.
    """

    name: str
    r2: float
    missing: float
    complexity: int
    loss: float | None
    numbers: tuple[float, ...]


class Suggestions(list[Suggestion]):
    """Functions for an edge, best first; prints as a table."""

    def __repr__(self) -> str:
        """The table."""
        lines = [f"{'function':12s} {'R2':>12s} {'1 - R2':>9s} {'complexity':>10s} {'loss of the model':>18s}"]
        for one in self:
            loss = "-" if one.loss is None else f"{one.loss:.3e}"
            lines.append(f"{one.name:12s} {one.r2:12.8f} {one.missing:9.1e} {one.complexity:10d} {loss:>18s}")
        return "\n".join(lines)


def suggest_symbolic(
    model: KAN, l: int, i: int, j: int, x: Any = None, y: Any = None, *, lib: Library | Sequence[str] | None = None,
    top: int = 5, loss: str = "mse",
) -> Suggestions:  # fmt: skip
    """Elementary functions that fit an edge; the model is not changed.

    Args:
        model: the network.
        l: layer, from 0.
        i: input node.
        j: sum of the next layer.
        x: `(B, inputs)` data, or a dict of them and labels as `create_dataset` gives it; when absent what `fit` left of
            its training inputs.
        y: `(B, outputs)` labels: then every function is put into the network and judged by the loss of all of it.
        lib: a `Library`, or names of built-in functions.
        top: how many.
        loss: by which the model is judged, as for `fit`.

    Returns:
        The best: by loss where there are labels, simpler ones first among ties; else by what R2 leaves open and the
        complexity together, two units of complexity for every halving of `1 - R2`.

    Raises:
        ParameterError: no such edge, a removed one, or an unknown function.
        ShapeError: data that do not fit.
        DomainError: NaN or infinity in the data.
    """
    _present_edge(model, l, i, j)
    data, labels = as_rows(model, x, y)
    fits = fit_edge(*_samples(model, l, i, j, data), list(as_library(lib)), top)
    if labels is None:
        return Suggestions(_suggestion(found, None) for found in sorted(fits, key=_description))
    _check_labels(labels, loss)
    tried = []
    for found in fits:
        trial = copy.deepcopy(model)
        trial.layers[l].fix_edge(i, j, found.function, found.numbers)
        tried.append((_refit(trial, data, labels, loss, _REFIT_STEPS), found))
    least = min((reached for reached, _ in tried), default=0.0)
    # What ties with the best comes first, the simplest of it; then the others by their loss.
    tried.sort(key=lambda one: (0, one[1].cost) if one[0] <= _TIE * least else (1, one[0]))
    return Suggestions(_suggestion(found, reached) for reached, found in tried)


def fix_symbolic(
    model: KAN, l: int, i: int, j: int, name: str, x: Any = None, *, numbers: Sequence[float] | None = None,
    lib: Library | None = None,
) -> KAN:  # fmt: skip
    """Give an edge an elementary function, fitted to what the edge is now.

    Args:
        model: changed in place.
        l: layer, from 0.
        i: input node.
        j: sum of the next layer.
        name: of a function.
        x: `(B, inputs)` data; when absent what `fit` left of its training inputs.
        numbers: a, b, c, d (and p) of `c f(a x + b) + d`, instead of a fit.
        lib: where functions of your own are.

    Returns:
        The model. A warning says when the function follows the edge badly, with an R2 below 0.9.

    Raises:
        ParameterError: no such edge, a removed one, an unknown function, one that is not defined on the values that
            reach the edge (with `numbers` as far as data are known), or numbers that are not 4 or 5 finite ones. The
            model is then unchanged.
    """
    function = as_library(lib)[name]
    layer = _present_edge(model, l, i, j)
    if numbers is not None:
        numbers = _five(numbers)
        if x is not None or (l == 0 and hasattr(model, "input_summary")):  # else nobody knows what reaches the edge
            _check_defined(function, numbers, _samples(model, l, i, j, as_data(model, x))[0], (l, i, j))
        layer.fix_edge(i, j, function, numbers)
        return model
    samples = _samples(model, l, i, j, as_data(model, x))
    fits = fit_edge(*samples, [function])
    if not fits:
        if float(samples[1].max()) == float(samples[1].min()):  # a constant is c f + d with c = 0
            layer.fix_edge(i, j, function, (1.0, 0.0, 0.0, float(samples[1].mean()), 1.0))
            return model
        lo, hi = float(samples[0].min()), float(samples[0].max())
        raise ParameterError(
            f"`name` {name!r} (defined for {function.domain or 'all z'}) fits edge ({l}, {i}, {j}) for no a and b: the "
            f"values that reach it lie in [{lo:g}, {hi:g}]. Try another function; `suggest_symbolic` lists some."
        )
    _warn_if_poor(fits[0], samples[1], (l, i, j))
    layer.fix_edge(i, j, function, fits[0].numbers)
    return model


def unfix_symbolic(model: KAN, l: int, i: int, j: int) -> KAN:
    """Give an edge its spline back, as it was when the edge was fixed.

    Args:
        model: changed in place.
        l: layer, from 0.
        i: input node.
        j: sum of the next layer.

    Returns:
        The model.

    Raises:
        ParameterError: no such edge.
    """
    model.layer_of(l, i, j).free_edge(i, j)
    return model


def auto_symbolic(
    model: KAN,
    x: Any = None,
    y: Any = None,
    *,
    lib: Library | Sequence[str] | None = None,
    loss: str = "mse",
    max_loss: float | None = None,
    growth: float = 1.5,
    time_limit_sec: float | None = None,
) -> KAN:
    """Give every edge the elementary function with which the whole model does best; leave a spline where none is good.

    Where the best function of every edge, all put in at once, leaves nothing to explain, these are taken; also after
    some have been changed for the next best, as long as each change brings the loss down. Else edges are taken in the
    order of how well some function fits them. Each candidate is put into the network and all is fitted again; among
    losses that do not differ by much the simplest function wins. At the end every choice is looked at once more, with
    the others in place, and all numbers are fitted to the last digit. Edges that have a function already keep it.

    Args:
        model: changed in place; trained, and pruned to the edges it needs.
        x: `(B, inputs)` data, or a dict of them and labels as `create_dataset` gives it; when absent what `fit` left of
            its training inputs.
        y: `(B, outputs)` labels; when absent the model's own predictions.
        lib: a `Library`, or names of built-in functions.
        loss: by which the model is judged, as for `fit`.
        max_loss: largest loss that a choice may leave; when absent `growth` times what the splines had, for classes at
            least 0.02 nats more, and without labels, where the splines have no loss, a thousandth of the predictions'
            variance.
        growth: see `max_loss`; a rounding error is always allowed.
        time_limit_sec: begin nothing new after this many seconds: edges that were not looked at stay splines.

    Returns:
        The model, with the best found until then.

    Raises:
        ParameterError: an unknown function or loss, or numbers outside their range. The model is then unchanged.
        ShapeError: data that do not fit.
        DomainError: NaN or infinity in the data.
    """
    library = as_library(lib)
    get_loss(loss)  # raises early
    if not growth >= 1:
        raise ParameterError(f"`growth` must be a number >= 1; got {growth!r}.")
    check_time_limit(time_limit_sec)
    data, labels = as_rows(model, x, y)
    if labels is None:
        labels = model(data).detach()
        max_loss = _OWN_LOSS * float((labels - labels.mean(0)).square().mean()) if max_loss is None else max_loss
    _check_labels(labels, loss)
    search = _Search(copy.deepcopy(model), data, labels, loss, library, max_loss, growth)
    search.deadline = deadline_after(time_limit_sec)
    search.run()
    _take_over(model, search.model)
    return model


def all_symbolic(
    model: KAN, x: Tensor, y: Tensor, library: Library, max_loss: float, time_limit_sec: float | None
) -> KAN | None:
    """A network with an elementary function on every edge, or None as soon as an edge has none that is good enough.

    Args:
        model: trained, and pruned to the edges it needs; not changed.
        x: `(B, inputs)` data.
        y: `(B, outputs)` labels.
        library: of functions.
        max_loss: largest mean squared error that a choice may leave.
        time_limit_sec: begin nothing new after this many seconds.

    Returns:
        The network.
    """
    search = _Search(copy.deepcopy(model), x, y, "mse", library, max_loss, 1.0, whole=True)
    search.deadline = deadline_after(time_limit_sec)
    return search.model if search.run() else None


class _Search:
    """The greedy choice, and the second look."""

    def __init__(
        self, model: KAN, x: Tensor, y: Tensor, loss: str, library: Library, max_loss: float | None, growth: float,
        whole: bool = False,
    ) -> None:  # fmt: skip
        self.model, self.x, self.y, self.kind, self.library = model, x, y, loss, library
        self.growth, self.max_loss, self.whole = growth, max_loss, whole
        spread = float((y.double() - y.double().mean(0)).square().mean()) if y.is_floating_point() else 1.0
        self.floor = (512 * torch.finfo(x.dtype).eps) ** 2 * max(spread, 1e-300)
        self.candidates: dict[tuple[int, int, int], list[EdgeFit]] = {}
        self.deadline = math.inf

    def _refit(self, model: KAN, steps: int, hope: float = 0.0) -> float:
        """Fit again, until there is nothing left but rounding: further steps are many trials and luck."""
        return _refit(model, self.x, self.y, self.kind, steps, hope, _ROUNDING * self.floor)

    @property
    def late(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() > self.deadline

    def run(self) -> bool:
        """Fix what can be fixed; says whether that is everything."""
        self.loss = self._refit(self.model, _REFIT_STEPS)
        self.bound = max(self.floor, self._allowed() if self.max_loss is None else self.max_loss)
        given = set(self.model.symbolic_edges)
        self._fit_edges(self._splines())
        if not self._leap() and not self._one_by_one():
            return False
        if self.loss > self.floor:  # else all is exact already
            self._look_again(given)
        self.loss = _refit(self.model, self.x, self.y, self.kind, _POLISH_STEPS)
        return not self._splines()

    def _leap(self) -> bool:
        """Give every edge the function that fits it best, all at once; keep that if nothing is left to explain."""
        if self.kind != "mse":  # of classes something is always left
            return False
        edges = self._splines()
        if self.late or not edges or not all(self.candidates[edge] for edge in edges):
            return False
        trial = copy.deepcopy(self.model)
        for l, i, j in edges:
            best = self.candidates[l, i, j][0]
            trial.layers[l].fix_edge(i, j, best.function, best.numbers)
        reached = self._refit(trial, _REFIT_STEPS, self.floor)
        if reached < _LEAP * self.loss:
            reached, trial = self._swapped(reached, trial, edges)
        if not (reached <= self.floor or (self.late and reached <= self.bound)):
            return False
        self.loss, self.model = reached, trial
        for edge in edges:  # perhaps a simpler one says the same
            self._choose(edge)
        return True

    def _swapped(self, reached: float, model: KAN, edges: Sequence[tuple[int, int, int]]) -> tuple[float, KAN]:
        """One edge's function after the other changed for its next best, the closest calls first."""
        swaps = [
            (_description(found) - _description(self.candidates[edge][0]), edge, found)
            for edge in edges
            for found in self.candidates[edge][1:]
        ]
        for _, (l, i, j), found in sorted(swaps, key=lambda swap: swap[0])[: _SWAPS * len(edges)]:
            if reached <= self.floor or self.late:
                break
            trial = copy.deepcopy(model)
            trial.layers[l].fix_edge(i, j, found.function, found.numbers)
            loss = self._refit(trial, _REFIT_STEPS, reached)
            if loss < _SWAP * reached:
                reached, model = loss, trial
        return reached, model

    def _one_by_one(self) -> bool:
        """Choose edge by edge, the easiest first; False where one has no good function and all must have one."""
        waiting = self._splines()
        while waiting and not self.late:
            edge = min(waiting, key=lambda e: self._ease(e))
            waiting.remove(edge)
            self._choose(edge)
            if self.whole and edge not in self.model.symbolic_edges:
                return False
        return True

    def _look_again(self, given: set[tuple[int, int, int]]) -> None:
        """Choose once more, with the other edges in place; those in `given` stay."""
        for edge in [e for e in self.model.symbolic_edges if e not in given]:
            if not self.late:
                self._choose(edge)

    def _allowed(self) -> float:
        """The loss that a choice may leave by default."""
        more = self.growth * self.loss
        # Where classes are told apart without error the entropy is next to nothing, and so would be any multiple of it.
        return max(more, self.loss + _NATS) if get_loss(self.kind).labels == "classes" else more

    def _splines(self) -> list[tuple[int, int, int]]:
        known = self.model.symbolic_edges
        every = [(l, *pair) for l, layer in enumerate(self.model.layers) for pair in layer.mask.nonzero().tolist()]
        return [edge for edge in every if edge not in known]

    def _ease(self, edge: tuple[int, int, int]) -> float:
        if self.late and edge not in self.candidates:
            return math.inf
        fits = self._fits(edge)
        return fits[0].missing if fits else math.inf

    def _fits(self, edge: tuple[int, int, int]) -> list[EdgeFit]:
        if edge not in self.candidates:
            self._fit_group([edge])
        return self.candidates[edge]

    def _fit_edges(self, edges: Sequence[tuple[int, int, int]]) -> None:
        """Fit functions to edges, some at a time while there is time."""
        count = max(1, min(_TOGETHER, _GATHERED // len(self.x)))
        for start in range(0, len(edges), count):
            if not self.late:
                self._fit_group(edges[start : start + count])

    def _fit_group(self, edges: Sequence[tuple[int, int, int]]) -> None:
        x, y = (torch.stack(own) for own in zip(*(_samples(self.model, *e, self.x) for e in edges), strict=True))
        every = fit_edges(x, y, list(self.library), 2 * _CANDIDATES, always=_PLAIN)
        for edge, fits in zip(edges, every, strict=True):
            # Noise gives an edge wiggles that many functions follow better than the plain truth.
            fits = sorted(fits, key=_description)
            fits = fits[:_CANDIDATES] + [found for found in fits[_CANDIDATES:] if found.function.name in _PLAIN]
            most = worth_a_look(min((found.missing for found in fits), default=0.0))
            self.candidates[edge] = [found for found in fits if found.missing <= most]

    def _choose(self, edge: tuple[int, int, int]) -> None:
        """Try every candidate in the network; keep the best, if it is good enough."""
        l, i, j = edge
        now = self.model.symbolic_edges.get(edge)
        tried: list[tuple[float, float, KAN]] = []
        if now is not None:
            cost = next((found.cost for found in self._fits(edge) if found.function.name == now), math.inf)
            tried.append((self.loss, cost, self.model))
        for found in self._fits(edge):
            if self.late:
                break
            exact = min((cost for reached, cost, _ in tried if reached <= self.floor), default=math.inf)
            if found.function.name == now or found.cost >= exact:  # nothing is better than exact, but simpler
                continue
            trial = copy.deepcopy(self.model)
            trial.layers[l].fix_edge(i, j, found.function, found.numbers)
            reached = self._refit(trial, _REFIT_STEPS, self.bound)
            tried.append((reached, found.cost, trial))
        good = [entry for entry in tried if entry[0] <= self.bound]
        if not good:
            return
        least = max(min(entry[0] for entry in good), self.floor)
        ties = [entry for entry in good if entry[0] <= _TIE * least]
        best = min(ties, key=lambda entry: (entry[1], entry[0]))
        self.loss, _, self.model = best


def _description(found: EdgeFit) -> float:
    """What is missing, and the function and its numbers, in units of complexity."""
    return description(found.missing, found.cost)


def _refit(
    model: KAN, x: Tensor, y: Tensor, loss: str, steps: int, hope: float = 0.0, enough: float = 1e-31
) -> float:  # fmt: skip
    """Fit everything that can be fitted, grids where they are, until a squared error is enough; gives the loss."""
    if not any(parameter.requires_grad for parameter in model.parameters()):
        with torch.no_grad():
            return float(get_loss(loss).mean(model(x), y, None))
    if loss != "mse":
        try:
            result = fit(model, (x, y), loss=loss, opt="lbfgs", steps=steps, update_grid=False, progress=False)
        except ConvergenceError:  # the function is not defined where the other edges lead
            return math.inf
        return float(result["train_loss"][-1])
    solver = LeastSquaresSolver(_residuals(model, x, y), LMMethod(damping=1e-4))
    try:
        point = solver.here()
    except NonFiniteLossError:
        return math.inf
    slow = 0
    for _ in range(steps):
        if point.total < enough:
            break
        before, point = point.total, solver.advance()
        slow = slow + 1 if point.total > 0.8 * before else 0
        patience = 3 if point.total > hope > 0 else 5  # shorter above what is hoped for
        if point.total == before or slow >= patience:
            break
    return point.loss


def _residuals(model: KAN, x: Tensor, y: Tensor) -> KANResiduals | ModuleResiduals:
    if not is_plain_kan(model):  # a basis without a grid
        return ModuleResiduals(model, x, y)
    splines = any(layer.spline_mask is None or bool(layer.spline_mask.any()) for layer in model.layers)
    return KANResiduals([model], x, y, None, 0.0, ROUGHNESS if splines else 0.0)


def _check_labels(labels: Tensor, loss: str) -> None:
    if not labels.is_floating_point() and get_loss(loss).labels == "values":
        raise ParameterError(
            f"`loss` must be one for classes, such as 'cross_entropy', where `y` holds integers; got {loss!r}."
        )


@torch.no_grad()
def _samples(model: KAN, l: int, i: int, j: int, x: Tensor) -> tuple[Tensor, Tensor]:
    """`(B,)` values that reach an edge, and what it makes of them."""
    for layer, product in zip(model.layers[:l], model.products[:l], strict=False):
        x = torch.cat([product(layer(rows)) for rows in x.split(_ROWS)])
    column = x[:, i]
    edge = model.layers[l].part([i], [j])
    return column, torch.cat([edge(rows[:, None])[:, 0] for rows in column.split(_ROWS)])


def _suggestion(found: EdgeFit, loss: float | None) -> Suggestion:
    return Suggestion(found.function.name, found.r2, found.missing, found.function.complexity, loss, found.numbers)


def _five(numbers: Sequence[float]) -> list[float]:
    """a, b, c, d, p as floats, p being 1 where it is not given."""
    try:
        floats = [float(number) for number in numbers]
    except (TypeError, ValueError):
        floats = []
    if len(floats) not in (4, 5) or not all(map(math.isfinite, floats)):
        raise ParameterError(
            f"`numbers` must be a, b, c, d (and p) of c f(a x + b) + d, 4 or 5 finite ones; got {numbers!r}."
        )
    return [*floats, 1.0][:5]


def _warn_if_poor(found: EdgeFit, values: Tensor, edge: tuple[int, int, int]) -> None:
    """Say that a function misses much of an edge, unless the edge is constant but for rounding, or was to be zero."""
    rounding = 10 * torch.finfo(values.dtype).eps * float(values.abs().max())
    if found.missing > _POOR and found.function.name != "0" and float(values.std()) > rounding:
        warn_user(
            f"{found.function.name!r} follows edge {edge} with R2 = {1 - found.missing:.3f} only; `suggest_symbolic` "
            "lists what follows it better, and `unfix_symbolic` gives the spline back."
        )


def _check_defined(function: Function, numbers: Sequence[float], values: Tensor, edge: tuple[int, int, int]) -> None:
    """Refuse numbers with which a function has no value somewhere on the data."""
    a, b, c, d, p = numbers
    if c == 0 and d == 0:  # a removed edge
        return
    z = a * values + b
    undefined = ~function(z, torch.full_like(z, p)).isfinite()
    if bool(undefined.any()):
        worst = z[undefined][0]
        raise ParameterError(
            f"`numbers` leave {function.name!r} (defined for {function.domain or 'all z'}) without a value on edge "
            f"{edge} in {int(undefined.sum())} of {len(z)} rows: z = a x + b is {float(worst):g} there. Choose a and b "
            "so that z stays in the domain, or leave out `numbers`: they are fitted then."
        )


def _present_edge(model: KAN, l: int, i: int, j: int) -> AbstractEdgeLayer:
    layer = model.layer_of(l, i, j)
    if not bool(layer.mask[i, j]):
        raise ParameterError(
            f"edge ({l}, {i}, {j}) was removed (its mask is 0) and has no function. To have its old one "
            f"back, set [{i}, {j}] of `mask = model.layers[{l}].mask.clone()` to 1 and call "
            f"`model.layers[{l}].set_mask(mask)`."
        )
    return layer


@torch.no_grad()
def _take_over(model: KAN, other: KAN) -> None:
    """Make a model the same as another of its structure."""
    for own, layer in zip(model.layers, other.layers, strict=True):
        own.symbolic = layer.symbolic
        theirs = dict(layer.named_parameters())
        for name, parameter in own.named_parameters():
            parameter.copy_(theirs[name])

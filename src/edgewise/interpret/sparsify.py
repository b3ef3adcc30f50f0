"""Find the smallest network that still explains the data: leap, or penalize and prune, then try what else can go.

Small networks are trained in a moment, so they are tried first: one node in every hidden layer, two, four. Where one
is not enough, a penalty concentrates the function on few edges. It says only roughly what is needed: at any strength
some edges survive that a smaller network could do without once its other edges are free to take over. So what is left
is taken away piece by piece, nodes first, then edges, each time with a refit by Levenberg-Marquardt, for as long as the
error on held-out rows allows it.
"""

from __future__ import annotations

import copy
import math
import time
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor

from edgewise.errors import ConvergenceError, ParameterError
from edgewise.interpret.attribution import attribute
from edgewise.interpret.data import as_rows
from edgewise.interpret.deadline import check_time_limit, deadline_after
from edgewise.interpret.pruning import prune, remove_edge, remove_node, remove_nodes
from edgewise.models import KAN
from edgewise.train import FitState, fit

_HELD_OUT = 0.2
_LOOK, _GAIN = 5, 0.8
"""A fit is over when the loss of so many steps later is above this share."""
_HOPELESS = 100.0
"""A network from which a piece was taken is given up where that happens so many times above the error allowed."""
_ENOUGH = 0.01
"""Share of the allowed error that the first fit goes down to: further down it no longer changes what is allowed."""


@dataclass
class Sparsified:
    """What `sparsify` found.

    Attributes:
        model: the smallest network within the tolerance.
        val_loss: its mean squared error on the held-out rows.
        bound: what was allowed.
        path: every network that was accepted: width, edges, error on the held-out rows, and the penalty's strength
            or what was taken away. The first one, with all edges, is only trained to a hundredth of what `tolerance`
            allows, unless nothing smaller will do.
    """

    model: KAN
    val_loss: float
    bound: float
    path: list[dict[str, Any]] = field(default_factory=list)

    def __str__(self) -> str:
        """A line per accepted network."""
        lines = [f"{'width':16s} {'edges':>5s} {'val RMSE':>9s}  step"]
        lines += [f"{e['width']!s:16s} {e['edges']:5d} {e['val_loss'] ** 0.5:9.2e}  {e['step']}" for e in self.path]
        return "\n".join(lines)


def sparsify(
    model: KAN,
    x: Any,
    y: Any = None,
    *,
    lambs: tuple[float, ...] = (1e-2, 3e-2),
    tolerance: float = 1e-3,
    growth: float = 1.2,
    steps: int = 60,
    seed: int = 0,
    time_limit_sec: float | None = None,
) -> Sparsified:
    """Leap or penalize, then take away piece by piece what the error on held-out rows does not miss.

    Args:
        model: the network, trained or not; it is not changed.
        x: `(N, inputs)` data, or a dict of them and labels as `create_dataset` gives it.
        y: `(N, outputs)` labels.
        lambs: strengths of the sparsity penalty, one after the other, where a leap to few nodes is not enough; with
            none the network is only taken apart piece by piece.
        tolerance: share of the labels' variance that a smaller network may leave unexplained.
        growth: or how many times the smallest error seen, where that is more.
        steps: iterations of every fit.
        seed: of the rows that are held out (a fifth).
        time_limit_sec: try nothing smaller after this many seconds.

    Returns:
        The smallest network found, and how.

    Raises:
        ParameterError: an argument is outside its range.
        ShapeError: data that do not fit.
        DomainError: NaN or infinity in the data.
    """
    if not 0 <= tolerance < 1 or not growth >= 1:
        raise ParameterError(f"`tolerance` must lie in [0, 1) and `growth` be >= 1; got {tolerance!r} and {growth!r}.")
    check_time_limit(time_limit_sec)
    x, labels = as_rows(model, x, y)
    if labels is None:
        raise ParameterError("`y` must be given: a smaller network is judged by how well it predicts the labels.")
    if not labels.is_floating_point():
        raise ParameterError(
            "`y` must be numbers: smaller networks are judged by their squared error; got classes. "
            "`model.prune(x)` makes a network of any loss smaller."
        )
    y = labels
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    held = max(1, round(_HELD_OUT * len(x)))
    search = _Search(x[order[held:]], y[order[held:]], x[order[:held]], y[order[:held]], tolerance, growth, steps)
    search.deadline = deadline_after(time_limit_sec)
    enough = _ENOUGH / growth * tolerance * search.spread
    search.accept(search.refitted(model, enough=enough), "all")
    if lambs:
        search.leap()
    for lamb in lambs:
        search.penalize(lamb)
    search.take_nodes()
    search.take_edges()
    if len(search.path) == 1 and search.loss < enough:  # it was trained to be looked at, not to be kept
        search.path.clear()
        search.accept(search.refitted(search.model), "all")
    return Sparsified(search.model, search.loss, search.bound, search.path)


class _Search:
    def __init__(
        self, x: Tensor, y: Tensor, x_val: Tensor, y_val: Tensor, tolerance: float, growth: float, steps: int
    ) -> None:
        self.x, self.y, self.x_val, self.y_val = x, y, x_val, y_val
        self.spread, self.growth, self.steps = float((y - y.mean(0)).square().mean()), growth, steps
        self.tolerance, self.least, self.deadline = tolerance, math.inf, math.inf
        self.path: list[dict[str, Any]] = []

    @property
    def bound(self) -> float:
        """The largest error that is accepted."""
        return max(self.tolerance * self.spread, self.growth * self.least)

    def accept(self, model: KAN, step: str) -> None:
        """Go on with this network."""
        self.model, self.loss = model, self.error(model)
        self.least = min(self.least, self.loss)
        entry = {"width": model.width, "edges": model.n_edges, "val_loss": self.loss, "step": step}
        self.path.append(entry)

    def error(self, model: KAN) -> float:
        """Mean squared error on the held-out rows."""
        with torch.no_grad():
            return float((model(self.x_val) - self.y_val).square().mean())

    def refitted(self, model: KAN, most: float = math.inf, enough: float = 0.0) -> KAN:
        """The same network after a fit without penalty, ended early where the error stays above `most` or is enough."""
        new, goes_on = copy.deepcopy(model), partial(self._goes_on, most=most, enough=enough)
        fit(new, (self.x, self.y), opt="lm", steps=self.steps, callbacks=goes_on, progress=False)
        return new

    def _goes_on(self, state: FitState, most: float, enough: float) -> bool:
        """Whether a fit is worth a further step.

        No longer once the loss is below `enough`, on the held-out rows too, or five steps gain less than a fifth and
        the grids rest. Nor before they rest, where the loss is above `most`.
        """  # noqa: DOC201 said in the first line
        losses = state.history["train_loss"]
        if losses[-1] < enough and self.error(cast("KAN", state.model)) < enough:
            return False
        slow = len(losses) > _LOOK and losses[-1] >= _GAIN * losses[-1 - _LOOK]
        rests = len(losses) > state.steps / 4 + _LOOK
        return not (slow and (rests or losses[-1] > most))

    def leap(self) -> None:
        """Keep the most important node of every hidden layer, or the best two, four and so on."""
        keep = 1
        while keep < max(self._hidden(), default=0):
            if self._try(self._best_nodes(keep), f"nodes={keep}"):
                return
            keep *= 2

    def _hidden(self) -> list[int]:
        return [layer.in_features for layer in self.model.layers[1:]]

    def _best_nodes(self, keep: int) -> KAN:
        scores = attribute(self.model, self.x).nodes
        gone = [(l, i) for l in range(1, len(scores) - 1) for i in scores[l].argsort(descending=True)[keep:].tolist()]
        return remove_nodes(self.model, gone, self.x)

    def penalize(self, lamb: float) -> None:
        """Fit with a penalty, prune, fit again; of no use where every hidden layer is down to one node."""
        if time.monotonic() > self.deadline or max(self._hidden(), default=1) == 1:
            return
        new = copy.deepcopy(self.model)
        try:
            fit(new, (self.x, self.y), opt="lbfgs", lamb=lamb, steps=2 * self.steps, progress=False)
        except ConvergenceError:
            return
        smaller, _ = prune(new, self.x)
        if smaller.n_edges < self.model.n_edges:
            self._try(smaller, f"lamb={lamb:g}")

    def take_nodes(self) -> None:
        """Hidden nodes, the least important first."""
        while True:
            scores = attribute(self.model, self.x).nodes
            hidden = [
                (float(scores[l][i]), l, i) for l in range(1, len(scores) - 1) if len(scores[l]) > 1
                for i in range(len(scores[l]))
            ]  # fmt: skip
            if not any(
                self._try(remove_node(self.model, l, i, self.x), f"node ({l}, {i})", _HOPELESS)
                for _, l, i in sorted(hidden)
            ):
                return

    def take_edges(self) -> None:
        """Edges, the least important first."""
        while True:
            scores = attribute(self.model, self.x).edges
            present = [
                (float(scores[l][i, j]), l, i, j)
                for l, layer in enumerate(self.model.layers)
                for i, j in layer.mask.nonzero().tolist()
                if int(layer.mask[:, j].sum()) > 1 and (l == 0 or int(layer.mask[i].sum()) > 1)
            ]
            if not any(
                self._try(remove_edge(self.model, l, i, j, self.x), f"edge ({l}, {i}, {j})", _HOPELESS)
                for _, l, i, j in sorted(present)
            ):
                return

    def _try(self, model: KAN, step: str, hopeless: float = math.inf) -> bool:
        """Accept a smaller network if it does well after a fit."""
        if time.monotonic() > self.deadline:
            return False
        new = self.refitted(model, hopeless * self.bound)
        if not self.error(new) <= self.bound:
            return False
        self.accept(new, step)
        return True

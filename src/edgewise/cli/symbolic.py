"""The formula of a fitted table: the smallest network that still explains it, its edges named, in the table's units.

The network that predicts best is rarely one that can be read. Beyond some thirty edges a small one is trained instead;
it is then taken apart and its edges are named as far as the loss allows. What that costs is part of the result.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from edgewise.cli.console import number

if TYPE_CHECKING:
    import pandas as pd

    from edgewise.estimators import KANRegressor
    from edgewise.interpret import TableFormula, Verification

_MOST_EDGES = 30
"""Edges from which a small network is trained for the formula."""
_SMALL = (3,)
_NAMES = ("x", "x^2", "sqrt", "log", "exp", "sin", "tanh", "abs")
"""Functions that most readers can draw."""
_GROWTH = 1.5
"""How much a smaller network, and after that the naming of its edges, may each raise the mean squared error."""
_ROWS = 400
"""Rows on which names are judged; all are used for the last fit."""
_LAW = 1e-6
"""Unexplained share of the variance below which the numbers are worth being made exact."""


@dataclass
class Found:
    """A formula and what is known of it.

    Attributes:
        estimator: the small network that it comes from.
        formula: in the units of the table.
        before: mean squared error of the small network on the training rows, its edges splines, relative to the
            target's variance.
        after: the same with its edges named as far as possible.
        check: the largest difference between formula and network on the held-out rows.
        seconds: how long it took.
        scores: of the formula's network on the held-out rows.
    """

    estimator: KANRegressor
    formula: TableFormula
    before: float
    after: float
    check: Verification
    seconds: float
    scores: dict[str, float] = field(default_factory=dict)

    @property
    def named(self) -> int:
        """Edges with an elementary function."""
        return len(self.estimator.model_.symbolic_edges)

    @property
    def edges(self) -> int:
        """All edges."""
        return self.estimator.model_.n_edges


def find_formula(model: KANRegressor, x: pd.DataFrame, y: pd.Series, test: pd.DataFrame, seconds: float) -> Found:
    """Take a small network apart, name its edges, and read it.

    Args:
        model: the fitted regressor; it is not changed.
        x: the rows it learnt from.
        y: their targets.
        test: other rows, for the comparison of formula and network.
        seconds: time for the search; training the small network, and the last fit, come on top.

    Returns:
        The formula; `scores` are left to the caller.
    """
    start = time.perf_counter()
    readable = model.model_.n_edges <= _MOST_EDGES and not any(
        getattr(c, "bent", False) for c in model.preprocessor_.columns
    )
    small = model if readable else _trained_small(model, x, y)
    small = small.sparsified(x, y, growth=_GROWTH, steps=10, lambs=(1e-2,), time_limit_sec=0.3 * seconds)
    before = _unexplained(small, x, y)
    some = x.sample(min(_ROWS, len(x)), random_state=0).index
    small.auto_symbolic(x.loc[some], y.loc[some], lib=_NAMES, growth=_GROWTH, time_limit_sec=0.7 * seconds)
    small.refit(x, y, steps=50)
    after = _unexplained(small, x, y)
    exact = after < _LAW and not small.formula().splines
    formula = small.formula(x, y) if exact else small.formula()
    return Found(small, formula, before, after, formula.verify(small, test), time.perf_counter() - start)


def _trained_small(model: KANRegressor, x: pd.DataFrame, y: pd.Series) -> KANRegressor:
    from edgewise.estimators import KANRegressor

    parameters = model.get_params() | {"hidden": _SMALL, "bend_outliers": False, "verbose": False, "restarts": 1}
    return KANRegressor(**parameters).fit(x, y)


def _unexplained(model: KANRegressor, x: pd.DataFrame, y: pd.Series) -> float:
    """Share of the target's variance that a model leaves on its training rows."""
    return max(0.0, 1.0 - float(model.score(x, y)))


def statements(found: Found, rival: str, rows: int, r2: float) -> list[str]:
    """What a reader must know to trust the formula as far as it deserves.

    Args:
        found: the formula.
        rival: name of the network that it stands beside.
        rows: held-out rows.
        r2: that network's score on them.

    Returns:
        Sentences.
    """
    width, left = found.estimator.model_.width, found.edges - found.named
    rest = (
        f"; the other {left}, phi_l_i_j from node i of layer l to node j of the next, are splines"
        if left
        else ": all is in the formula"
    )
    return [
        f"R2 of the formula on the {rows} held-out rows: {number(found.scores['r2'])}; of {rival}: {number(r2)}.",
        f"It comes from a network {width} of its own: {found.named} of its {found.edges} edges have a name{rest}.",
        f"Unexplained share of the variance on the training rows: {number(found.before)} with splines, "
        f"{number(found.after)} with names.",
        f"Formula (with all its digits; shown are four) and network differ on the held-out rows by at most "
        f"{found.check.relative:.1g} of the largest value.",
    ]


def as_data(found: Found | None) -> dict[str, Any] | None:
    """What `--json` and `metrics.json` say of the formula."""
    if found is None:
        return None
    return {
        "text": str(found.formula),
        "latex": found.formula.latex(digits=6),
        "test": found.scores,
        "unexplained": {"splines": found.before, "named": found.after},
        "difference_from_network": found.check.relative,
        "width": found.estimator.model_.width,
        "edges": {"named": found.named, "splines": found.edges - found.named},
        "seconds": round(found.seconds, 3),
    }

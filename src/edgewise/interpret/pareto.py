"""The table of a search: formulas by complexity, each better than every simpler one."""

# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportReturnType=false
# (sympy's annotations are of Basic where its functions give Expr)

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edgewise.interpret.formula import Formula

if TYPE_CHECKING:
    import pandas

_GOOD = 1.5
"""The knee is looked for among formulas whose validation loss is at most this many times the least."""


@dataclass(frozen=True)
class Candidate:
    """A formula and how well it does.

    Attributes:
        formula: the formula.
        complexity: how long it is.
        train_loss: mean squared error on the rows it was fitted to.
        val_loss: on the others.
        found_by: the step of the search.
    """

    formula: Formula
    complexity: int
    train_loss: float
    val_loss: float
    found_by: str


@dataclass
class Front:
    """Formulas of which none is both simpler and better than another.

    Attributes:
        floor: validation loss that is a rounding error.
        nothing: variance of the validation rows, which no formula has to explain.
        candidates: by complexity.
    """

    floor: float
    nothing: float
    candidates: list[Candidate] = field(default_factory=list)

    def add(self, new: Candidate) -> bool:
        """Keep a formula if no simpler one is as good; drop those it beats. Says whether it is kept."""
        loss = max(new.val_loss, self.floor)
        if (
            not math.isfinite(loss)
            or not math.isfinite(new.train_loss)
            or any(
                old.complexity <= new.complexity and max(old.val_loss, self.floor) <= loss for old in self.candidates
            )
        ):
            return False
        self.candidates = [
            old for old in self.candidates if old.complexity < new.complexity or max(old.val_loss, self.floor) < loss
        ]
        self.candidates.append(new)
        self.candidates.sort(key=lambda one: one.complexity)
        return True

    @property
    def least(self) -> float:
        """The least validation loss; infinite when empty."""
        return max(min((one.val_loss for one in self.candidates), default=math.inf), self.floor)

    def scores(self) -> list[float]:
        """What a unit of complexity gains in the logarithm of the loss over the formula before, the first over none."""
        before, found = (0, max(self.nothing, self.floor)), []
        for one in self.candidates:
            loss = max(one.val_loss, self.floor)
            found.append(max(0.0, math.log(before[1] / loss) / (one.complexity - before[0])))
            before = one.complexity, loss
        return found

    @property
    def knee(self) -> int:
        """Place of the formula that gains most, among those that are about as good as the best."""
        scores = self.scores()
        good = [n for n, one in enumerate(self.candidates) if max(one.val_loss, self.floor) <= _GOOD * self.least]
        return max(good, key=lambda n: scores[n])

    def frame(self) -> pandas.DataFrame:
        """The table, a row per formula; the knee is marked."""
        import pandas

        rows = [
            {
                "complexity": one.complexity,
                "train_loss": one.train_loss,
                "val_loss": one.val_loss,
                "score": score,
                "knee": "*" if n == self.knee else "",
                "formula": str(one.formula),
                "found_by": one.found_by,
            }
            for n, (one, score) in enumerate(zip(self.candidates, self.scores(), strict=True))
        ]
        return pandas.DataFrame(rows)

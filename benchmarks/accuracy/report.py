"""What a row prints: its protocol, its tables and its bars; and how that gets into a page."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks import harness
from benchmarks.harness import Bar


@dataclass
class Report:
    """One row of the bars, measured."""

    row: str
    title: str
    protocol: list[str]
    tables: list[str] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)

    def as_text(self, *, trial: bool = False) -> str:
        """Markdown; of a trial bars are not judged."""
        return "\n\n".join([f"## {self.title}", *self.protocol, *self.tables, bar_table(self.bars, trial=trial)])


def bar_table(bars: Sequence[Bar], *, trial: bool = False) -> str:
    """Bar, published value, measured value, met or not, or that it was a trial."""
    rows = []
    for bar in bars:
        what, limit, value, _ = bar.cells()
        rows.append([what, bar.published, limit, value, "trial" if trial else "yes" if bar.passed else "**no**"])
    return harness.table(["what", "published", "bar", "measured", "met"], rows)


def error(value: float | None) -> str:
    """An error for a table: three digits, a dash for what was not measured, a word for a failed fit."""
    if value is None:
        return "-"
    return f"{value:.2e}" if math.isfinite(value) else "failed"


def best_and_median(errors: Sequence[float]) -> list[str]:
    """Two cells; dashes where nothing was measured."""
    return [error(min(errors)), error(statistics.median(errors))] if errors else ["-", "-"]


def geometric_mean(values: Sequence[float]) -> float:
    """Of positive values; infinite if one is; an exact 0 counts as the smallest float."""
    if not all(math.isfinite(v) for v in values):
        return math.inf
    return math.exp(statistics.fmean(math.log(max(v, 5e-324)) for v in values))


def insert(page: str, row: str, text: str, family: str = "accuracy") -> str:
    """`page` with the section of `row` replaced, or appended if it has none; the rest stays as it is."""
    begin, end = markers(row, family)
    section = f"{begin}\n{text}\n{end}"
    if page.count(begin) > 1 or page.count(end) != page.count(begin):
        raise ValueError(
            f"the page must have one `{begin}` and one `{end}`, or none; got {page.count(begin)} and "
            f"{page.count(end)}. Mend the page by hand."
        )
    if begin not in page:
        return f"{page.rstrip()}\n\n{section}\n".lstrip()
    head, rest = page.split(begin)
    return head + section + rest.split(end)[1]


def markers(row: str, family: str = "accuracy") -> tuple[str, str]:
    """The two comments between which a section stands."""
    return f"<!-- {family} {row}: begin -->", f"<!-- {family} {row}: end -->"

"""The hundred equations of AI Feynman, found as formulas: without noise and with one per cent."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.accuracy import discovery
from benchmarks.accuracy.report import Report
from benchmarks.accuracy.session import Session
from benchmarks.paper import page
from edgewise.datasets import ai_feynman_equations


def equations(session: Session) -> Report:
    """The solution rates and the verdict on every law; the Pareto tables are in docs/ai_feynman.md."""
    made = discovery.ai_feynman(session)
    return replace(made, row="equations", tables=made.tables[:1])


if __name__ == "__main__":
    raise SystemExit(page.run("equations", __doc__, equations, parts=[p.name for p in ai_feynman_equations()]))

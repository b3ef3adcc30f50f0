"""Fifteen special functions of two variables, Table 1 of the paper: ours, the published KAN, an MLP beside."""

from __future__ import annotations

from benchmarks.accuracy.sets import special
from benchmarks.paper import page
from edgewise.datasets import special_functions

if __name__ == "__main__":
    raise SystemExit(page.run("special", __doc__, special, parts=[p.name for p in special_functions()]))

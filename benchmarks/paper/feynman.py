"""Twenty-seven Feynman equations without units, Table 2 of the paper: ours, four published columns, an MLP beside."""

from __future__ import annotations

from benchmarks.accuracy.sets import feynman
from benchmarks.paper import page
from edgewise.datasets import feynman_equations

if __name__ == "__main__":
    raise SystemExit(page.run("feynman", __doc__, feynman, parts=[p.name for p in feynman_equations()]))

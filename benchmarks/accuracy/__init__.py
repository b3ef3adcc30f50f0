"""Accuracy: one command per row of the bars, `python -m benchmarks.accuracy ROW`.

Rows are `kernels` (against scipy) and the trained networks: `hello`, `restarts`, `staircase`, `deep`, `special`,
`feynman`, `many`, `lm`. The files: `problem.py` (functions), `shapes.py` (widths, to be edited), `training.py` (one
network, a KAN, an MLP or pykan's), `journal.py` (interrupted runs continue), `report.py` (tables, bars), and one
file per row or per kind of row.
"""

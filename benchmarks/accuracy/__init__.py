"""Accuracy: one command per row of the bars, `python -m benchmarks.accuracy ROW`.

Rows are `kernels` (against scipy), the trained networks: `hello`, `restarts`, `staircase`, `deep`, `special`,
`feynman`, `many`, `lm`, `second_order`; and formulas: `reading`, `formulas`, `ai_feynman`. The files: `problem.py` and
`laws.py` (functions), `tables.py` (a table), `shapes.py` (widths, to be edited), `training.py` (one network, a KAN, an
MLP or pykan's), `command.py` (options, and reports into pages), `curves.py` (loss against time and work),
`equivalent.py` (is a formula the law?), `journal.py` (interrupted runs continue), `report.py` (tables, bars), and one
file per row or per kind of row.
"""

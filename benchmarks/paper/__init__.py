"""What the KAN papers report, each result a command: `python -m benchmarks.paper.NAME [--quick]`.

    python -m benchmarks.paper.knots --data DIR --json knots.jsonl --resume --write docs/results.md

A module is a function `NAME(session) -> Report` and a line that makes it a command (`page.py`); options, journal,
tables and bars are those of `benchmarks.accuracy`. A report holds tables, published figures where there are any, and
bars; the command adds date, machine, versions and seconds, and replaces the module's section of the page.
"""

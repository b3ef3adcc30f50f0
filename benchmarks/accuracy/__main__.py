"""`python -m benchmarks.accuracy ROW`: one row of the accuracy bars, from training to Markdown.

    python -m benchmarks.accuracy special --seeds 10 --json special.jsonl --resume --write docs/benchmarks.md

Progress and finished lines of the tables go to stderr as they come, the report to stdout at the end.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from benchmarks import bars, harness
from benchmarks.accuracy import discovery, hello, kernels, lm, many, reading, report, second_order, sets, staircase
from benchmarks.accuracy.journal import Journal
from benchmarks.accuracy.report import Report
from benchmarks.accuracy.session import Session


def _kernels(session: Session) -> Report:
    grids = kernels.QUICK_GRIDS if session.quick else kernels.GRIDS
    worst = kernels.measure(grids)
    text = f"Degrees 0 to 5, G in {', '.join(map(str, grids))}, uniform and uneven knots."
    return Report("kernels", "Kernels against scipy", [text], [kernels.as_text(worst)], bars.accuracy_bars(worst))


ROWS: dict[str, Callable[[Session], Report]] = {
    "kernels": _kernels,
    "hello": hello.hello,
    "restarts": hello.restarts,
    "staircase": staircase.staircase,
    "deep": staircase.deep,
    "special": sets.special,
    "feynman": sets.feynman,
    "many": many.many,
    "reading": reading.reading,
    "formulas": discovery.formulas,
    "ai_feynman": discovery.ai_feynman,
    "lm": lm.lm,
    "second_order": second_order.second_order,
}


def parser() -> argparse.ArgumentParser:
    """The command line; see `Session` for what the options mean."""
    options = harness.parser(__doc__)
    options.add_argument("row", choices=list(ROWS))
    options.add_argument("--seeds", type=int, help="number of seeds (10; 20 for restarts; 2 with --quick)")
    options.add_argument("--steps", type=int, help="steps per grid")
    options.add_argument("--restarts", type=int, help="starts per seed")
    options.add_argument("--pykan-seeds", type=int, help="how many seeds pykan runs too, where it is installed")
    options.add_argument(
        "--only", default="", help="comma-separated names of problems (special, feynman, formulas, ai_feynman)"
    )
    options.add_argument("--data", metavar="DIR", help="folder with volkert or MNIST (second_order)")
    options.add_argument("--figure", metavar="FILE", help="write the curves to FILE (second_order)")
    options.add_argument("--resume", action="store_true", help="keep what the --json file holds, measure the rest")
    options.add_argument("--write", metavar="FILE", help="put the report into this page, replacing the row's section")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser()
    args = options.parse_args(arguments)
    torch.set_num_threads(args.threads)
    try:
        journal = Journal(args.json, resume=args.resume)
    except ValueError as error:
        options.error(str(error))
    only = tuple(name for name in args.only.split(",") if name)
    session = Session(
        journal, args.quick, args.seeds, args.steps, args.restarts, args.pykan_seeds, only, args.data, args.figure
    )
    measured = ROWS[args.row](session)
    text = f"{measured.as_text()}\n\n_{harness.environment_line()}_"
    print(text)
    if args.write:
        page = Path(args.write)
        before = page.read_text() if page.exists() else ""
        page.write_text(report.insert(before, args.row, text))
    return 0 if all(bar.passed for bar in measured.bars) else 1


if __name__ == "__main__":
    raise SystemExit(main())

"""`python -m benchmarks.accuracy ROW`: one row of the accuracy bars, from training to Markdown.

    python -m benchmarks.accuracy staircase --seeds 10 --json staircase.jsonl --resume --write docs/benchmarks.md

The published sets, special functions and Feynman equations, are in `benchmarks.paper`.

Progress and finished lines of the tables go to stderr as they come, the report to stdout at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benchmarks import bars
from benchmarks.accuracy import command, discovery, hello, kernels, lm, many, reading, second_order, staircase
from benchmarks.accuracy.report import Report
from benchmarks.accuracy.session import Session, UnknownName


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
    "many": many.many,
    "reading": reading.reading,
    "formulas": discovery.formulas,
    "ai_feynman": discovery.ai_feynman,
    "lm": lm.lm,
    "second_order": second_order.second_order,
}

PICTURED = ("second_order",)


def main(arguments: Sequence[str] | None = None) -> int:
    options = command.parser(__doc__)
    options.add_argument("row", choices=list(ROWS))
    args = options.parse_args(arguments)
    try:
        return command.finish(ROWS[args.row], command.session(options, args, picture=args.row in PICTURED), args.write)
    except UnknownName as error:
        options.error(str(error))


if __name__ == "__main__":
    raise SystemExit(main())

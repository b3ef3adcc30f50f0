"""The command line of a measured row: options, session, report on stdout and in a page."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from benchmarks import harness
from benchmarks.accuracy import report
from benchmarks.accuracy.journal import Journal
from benchmarks.accuracy.report import Report
from benchmarks.accuracy.session import Session

TRIAL = "A trial with `--quick`, not a measurement: no bar is judged."
_FEW = 30  # as many names as a help lists
_PICTURES = (".pdf", ".png", ".svg")


def parser(doc: str | None, parts: Sequence[str] = ()) -> argparse.ArgumentParser:
    """Options of every row; see `Session` for what they mean.

    Args:
        doc: what the command does, in the first line.
        parts: the names that `--only` takes, where they are known.
    """
    options = harness.parser(doc)
    options.add_argument("--seeds", type=int, help="number of seeds (a row's own choice; 2 with --quick)")
    options.add_argument("--steps", type=int, help="steps per grid")
    options.add_argument("--restarts", type=int, help="starts per seed")
    options.add_argument("--pykan-seeds", type=int, help="how many seeds pykan runs too, where it is installed")
    options.add_argument("--only", metavar="NAMES", default="", help=_only(parts))
    options.add_argument("--data", metavar="DIR", help="folder with the tables that are too large to ship")
    options.add_argument("--figure", metavar="FILE", help="write the row's picture to FILE; only of rows that draw one")
    options.add_argument("--resume", action="store_true", help="keep what the --json file holds, measure the rest")
    options.add_argument(
        "--write", metavar="FILE", help="put the report into this page, replacing the row's section; not of a trial"
    )
    return options


def _only(parts: Sequence[str]) -> str:
    few = parts if len(parts) <= _FEW else [*parts[:3], "...", parts[-1]]
    names = ", ".join(few).replace("%", "%%")  # argparse formats the text
    count = f" ({len(parts)} in all)" if len(parts) > _FEW else ""
    return f"comma-separated names of {f'some of: {names}{count}' if parts else 'problems, where a row has several'}"


def session(options: argparse.ArgumentParser, args: argparse.Namespace, *, picture: bool = False) -> Session:
    """What the arguments ask for; ends the command, before any work, where they contradict each other.

    Args:
        options: the parser, which prints the error.
        args: what it read.
        picture: whether the row draws one.
    """
    _check(options, args, picture)
    torch.set_num_threads(args.threads)
    try:
        journal = Journal(args.json, resume=args.resume)
    except ValueError as error:
        options.error(str(error))
    only = tuple(name for name in args.only.split(",") if name)
    return Session(
        journal, args.quick, args.seeds, args.steps, args.restarts, args.pykan_seeds, only, args.data, args.figure
    )


def _check(options: argparse.ArgumentParser, args: argparse.Namespace, picture: bool) -> None:
    if args.quick and args.write:
        options.error(
            f"`--write` puts measurements into a page, and `--quick` makes a trial; got both, for {args.write}. Leave "
            "one of them out."
        )
    if args.figure and not picture:
        options.error(f"`--figure` is for rows that draw a picture, and this one has none; got {args.figure}.")
    if args.figure and Path(args.figure).suffix.lower() not in _PICTURES:
        options.error(f"`--figure` must be a file that ends in {', '.join(_PICTURES)}; got {args.figure}.")
    for name in ("figure", "write"):
        path = getattr(args, name)
        if path and not Path(path).absolute().parent.is_dir():
            options.error(f"`--{name}` must be a file in a folder that is there; got {path}. Make the folder first.")


def finish(
    measure: Callable[[Session], Report],
    asked: Session,
    write: str | None,
    *,
    family: str = "accuracy",
    blank: str = "",
) -> int:
    """Measure, print, and where asked replace the row's section of a page.

    Args:
        measure: makes the report.
        asked: the options.
        write: path of the page, or None.
        family: first word of the section's markers.
        blank: the page where there is none yet.

    Returns:
        Exit status: 0 where every bar is met, and for a trial.
    """
    start = time.perf_counter()
    measured = measure(asked)
    took = f"{max(time.perf_counter() - start, asked.journal.seconds):.0f} s in all"
    met = sum(bar.passed for bar in measured.bars)
    score = TRIAL if asked.quick else f"Bars met: {met} of {len(measured.bars)}."
    text = f"{measured.as_text(trial=asked.quick)}\n\n{score}\n\n_{harness.environment_line()}; {took}_"
    print(text)
    if write:
        page = Path(write)
        before = page.read_text() if page.exists() else blank
        page.write_text(report.insert(before, measured.row, text, family))
    return 0 if asked.quick or met == len(measured.bars) else 1

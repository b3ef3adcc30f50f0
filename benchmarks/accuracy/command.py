"""The command line of a measured row: options, session, report on stdout and in a page."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks import harness
from benchmarks.accuracy import report
from benchmarks.accuracy.journal import Journal
from benchmarks.accuracy.report import Report
from benchmarks.accuracy.session import Session


def parser(doc: str | None) -> argparse.ArgumentParser:
    """Options of every row; see `Session` for what they mean."""
    options = harness.parser(doc)
    options.add_argument("--seeds", type=int, help="number of seeds (a row's own choice; 2 with --quick)")
    options.add_argument("--steps", type=int, help="steps per grid")
    options.add_argument("--restarts", type=int, help="starts per seed")
    options.add_argument("--pykan-seeds", type=int, help="how many seeds pykan runs too, where it is installed")
    options.add_argument("--only", default="", help="comma-separated names of problems, where a row has several")
    options.add_argument("--data", metavar="DIR", help="folder with the tables that are too large to ship")
    options.add_argument("--figure", metavar="FILE", help="write the row's picture to FILE, if it has one")
    options.add_argument("--resume", action="store_true", help="keep what the --json file holds, measure the rest")
    options.add_argument("--write", metavar="FILE", help="put the report into this page, replacing the row's section")
    return options


def session(options: argparse.ArgumentParser, args: argparse.Namespace) -> Session:
    """What the arguments ask for; ends the command where they contradict each other."""
    torch.set_num_threads(args.threads)
    try:
        journal = Journal(args.json, resume=args.resume)
    except ValueError as error:
        options.error(str(error))
    only = tuple(name for name in args.only.split(",") if name)
    return Session(
        journal, args.quick, args.seeds, args.steps, args.restarts, args.pykan_seeds, only, args.data, args.figure
    )


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
        Exit status: 0 where every bar is met.
    """
    start = time.perf_counter()
    measured = measure(asked)
    took = f"{max(time.perf_counter() - start, asked.journal.seconds):.0f} s in all"
    met = sum(bar.passed for bar in measured.bars)
    score = f"Bars met: {met} of {len(measured.bars)}."
    text = f"{measured.as_text()}\n\n{score}\n\n_{harness.environment_line()}; {took}_"
    print(text)
    if write:
        page = Path(write)
        before = page.read_text() if page.exists() else blank
        page.write_text(report.insert(before, measured.row, text, family))
    return 0 if met == len(measured.bars) else 1

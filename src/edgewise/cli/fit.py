"""Fit a KAN to a table: hold out rows, train, compare with two baselines, write everything to a folder.

TABLE is CSV (also .csv.gz, or separated by ; or tabs) or Parquet. Columns of text are taken as categories.
Ctrl-C ends the training early and keeps the best model so far.
"""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import Any

from edgewise.cli.console import INTERRUPTED, OK, Console, InputError, add_flags
from edgewise.cli.explore import Watch, add_page_flags
from edgewise.cli.options import FIT, Option, add_options, settings
from edgewise.cli.results import check_folder, show, write_results
from edgewise.cli.tables import Problem, prepare, quoted, read_table

NAME, HELP = "fit", "fit a network to a table"
EPILOG = """\
files written to DIR: model.safetensors, predictions.csv (held-out rows: index from 0, truth, prediction),
metrics.json, network.svg, report.html; with --formula also formula.txt and symbolic.safetensors (its network)
a TOML file (--config) holds the same settings, such as `target = "price"` and `hidden = [8, 4]`; flags win
exit codes: 0 done; 1 the work failed; 2 wrong usage or unusable input; 130 stopped with Ctrl-C (results written)"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("table", metavar="TABLE", help="the table to fit")
    parser.add_argument("--config", metavar="FILE", help="a TOML file with any of the settings below; flags win")
    add_options(parser, FIT)
    parser.add_argument("--explore", action="store_true", help="watch and steer the training on a local page")
    add_page_flags(parser)
    add_output_flags(parser)


def add_output_flags(parser: argparse.ArgumentParser) -> None:
    """Flags on what is said and where, shared with `demo`."""
    parser.add_argument("--force", action="store_true", help="replace results in a folder that is not empty")
    add_flags(parser, quiet="no progress and no notes")


def run(args: argparse.Namespace) -> int:
    """Fit `args.table`.

    Args:
        args: the parsed flags.

    Returns:
        The exit code.

    Raises:
        InputError: a setting, the folder or the table is not usable.
    """
    values = settings(args, FIT, args.config)
    folder = check_folder(values["output"], args.force)
    frame = read_table(args.table)
    if values["target"] is None:
        columns = ", ".join(repr(column) for column in frame.columns[:20])
        raise InputError(f"say which column to predict: --target COLUMN. {args.table} has {columns}.")
    problem = prepare(
        frame,
        values["target"],
        name=Path(args.table).name,
        task=values["task"],
        ignore=values["ignore"],
        categorical=values["categorical"],
        drop_missing=values["drop_missing"],
    )
    command = command_line(["edgewise", "fit", args.table], values, FIT)
    console = Console(args.json, args.quiet)
    watch = Watch(console, args.port, args.no_browser) if args.explore else None
    return fit_and_show(problem, values, folder, console, command, watch)


def fit_and_show(
    problem: Problem,
    values: dict[str, Any],
    folder: Path | None,
    console: Console,
    command: str,
    watch: Watch | None = None,
) -> int:
    """Fit, write to `folder` if there is one, print the result, and give the exit code."""
    from edgewise.cli.learn import learn

    for note in problem.notes:
        console.note(note)
    outcome = learn(problem, values, console, watch.trainer if watch else None)
    written = write_results(folder, outcome, command) if folder else []
    show(outcome, console, folder, written)
    if watch:
        watch.end(outcome.interrupted)
    return INTERRUPTED if outcome.interrupted else OK


def command_line(start: list[str], values: dict[str, Any], options: dict[str, Option]) -> str:
    """The command that repeats a run, with every setting that is not the default."""
    words = [shlex.quote(word) for word in start]
    for name, option in options.items():
        value = values[name.replace("-", "_")]
        if value is None or value == option.default or name == "output":
            continue
        if option.switch:
            words.append(f"--{name}")
        elif option.many:
            words += [f"--{name} {quoted(v)}" for v in value]
        else:
            text = ",".join(map(str, value)) or "0" if isinstance(value, list) else value
            words.append(f"--{name} {quoted(text)}")
    return " ".join(words)

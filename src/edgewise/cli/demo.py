"""Fit a table that ships with edgewise: airfoil noise (regression) or census income (classification).

Shows a progress bar, the test score beside two baselines and, for a number, a formula; with -o also writes the model, a
picture of the network, the formula and a report in one file. Nothing is downloaded.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

from edgewise.cli.console import Console
from edgewise.cli.fit import add_output_flags, command_line, fit_and_show
from edgewise.cli.options import DATA, FORMULA, NETWORK, SPLIT, add_options, settings
from edgewise.cli.results import check_folder
from edgewise.cli.tables import prepare

NAME, HELP = "demo", "fit a table that ships with edgewise"
_OPTIONS = {
    "output": DATA["output"],
    **NETWORK,
    **SPLIT,
    "no-formula": replace(FORMULA["formula"], help="do not look for a formula"),
    "formula-time": FORMULA["formula-time"],
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument(
        "--data", choices=("airfoil", "adult"), default="airfoil", help="which table (default: airfoil)"
    )
    add_options(parser, _OPTIONS)
    add_output_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Fit the chosen table."""
    values = settings(args, _OPTIONS)
    folder = check_folder(values["output"], args.force)
    console = Console(args.json, args.quiet)
    from edgewise.datasets import load_table

    table = load_table(args.data)
    rows, columns = table.x.shape
    console.note(f"{table.name}: {rows} rows, {table.target} from {columns} columns.")
    problem = prepare(table.frame, table.target, name=table.name, task=table.task)
    about = (table.description, f"Source: {table.source}", f"Licence: {table.licence}")
    problem = replace(problem, about=about)
    command = command_line(["edgewise", "demo", "--data", args.data], values, _OPTIONS)
    values["formula"] = problem.task == "regression" and not values["no_formula"]
    return fit_and_show(problem, values, folder, console, command)

"""Time the library on this machine: microseconds per part for tiny networks, and layers of several sizes."""

from __future__ import annotations

import argparse

from edgewise.errors import MissingDependencyError

NAME, HELP = "bench", "time the library on this machine"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("--json", action="store_true", help="print the result as JSON on stdout")


def run(args: argparse.Namespace) -> int:
    """Run the benchmark.

    Args:
        args: the parsed flags.

    Returns:
        The exit code.

    Raises:
        MissingDependencyError: this installation has no benchmark.
    """
    from importlib import import_module

    try:
        bench = import_module("edgewise.bench")
    except ModuleNotFoundError as error:
        raise MissingDependencyError("this installation has no edgewise.bench. Install edgewise again.") from error
    return bench.main(json=args.json)

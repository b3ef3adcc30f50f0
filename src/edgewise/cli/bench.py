"""Time the library on this machine: microseconds per part for tiny networks, and layers of several sizes."""

from __future__ import annotations

import argparse

from edgewise.cli.console import add_flags

NAME, HELP = "bench", "time the library on this machine"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    add_flags(parser, quiet=None)


def run(args: argparse.Namespace) -> int:
    """Measure and print the tables; returns the exit code."""
    from edgewise import bench

    return bench.main(json=args.json)

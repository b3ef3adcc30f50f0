"""Time the library on this machine: microseconds per part for tiny networks, and layers of several sizes."""

from __future__ import annotations

import argparse

NAME, HELP = "bench", "time the library on this machine"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("--json", action="store_true", help="print the result as JSON on stdout")


def run(args: argparse.Namespace) -> int:
    """Measure and print the tables; returns the exit code."""
    from edgewise import bench

    return bench.main(json=args.json)

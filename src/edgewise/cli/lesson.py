"""Learn what a KAN is on a page that computes everything itself: splines, training, finer grids, formulas.

The page is served to this machine only, at an address that is printed; it ends with Ctrl-C. With -o it is written to a
file instead, which opens anywhere without edgewise or a network.
"""

from __future__ import annotations

import argparse

from edgewise.cli.console import OK, Console, add_flags
from edgewise.cli.explore import add_page_flags, open_in_browser, until_ctrl_c, wait
from edgewise.explorer.lessons import LESSONS, lessons_page, write_lessons

NAME, HELP = "lesson", "learn what a KAN is on an interactive page"
_ABOUT = "the lesson to begin with: " + "; ".join(f"{name}, {about}" for name, about in LESSONS.items())


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("lesson", metavar="NAME", nargs="?", choices=LESSONS, help=_ABOUT)
    parser.add_argument("-o", "--output", metavar="FILE", help="write the page to a file and serve nothing")
    add_page_flags(parser)
    add_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Serve or write the lessons."""
    console = Console(args.json, args.quiet)
    if args.output:
        write_lessons(args.output, args.lesson)
        console.result(f"{args.output}: open it in a browser.", {"file": args.output})
        return OK
    from edgewise.explorer.server import ExplorerServer

    page = lessons_page(args.lesson)
    server = ExplorerServer(lambda: page, port=args.port)
    server.start()
    try:
        with until_ctrl_c(console):
            console.result(server.url, {"url": server.url, "port": server.port})
            open_in_browser(server, console, args.no_browser)
            wait(console)
    finally:
        server.close()
    return OK

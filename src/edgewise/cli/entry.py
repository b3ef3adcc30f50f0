"""`edgewise`: read the arguments, run one command, turn every failure into one line and an exit code.

0    done
1    the work failed: it did not converge, the disk is full, a package is missing
2    wrong usage or unusable input: an option, a file, a column, a value
130  stopped with Ctrl-C (a fit still keeps and writes its best model)
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from edgewise.cli import bench, demo, explore, export, fit, info, lesson, predict
from edgewise.cli.console import BAD_INPUT, FAILURE, INTERRUPTED, InputError
from edgewise.errors import ConvergenceError, EdgewiseError, MissingDependencyError

_COMMANDS = (fit, predict, info, explore, export, demo, lesson, bench)

_EPILOG = """\
exit codes: 0 done; 1 the work failed; 2 wrong usage or unusable input; 130 stopped with Ctrl-C
try it: edgewise demo -o demo"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: arguments without the program's name; `sys.argv[1:]` when absent.

    Returns:
        The exit code, see the module.

    Raises:
        Exception: whatever went wrong, under `--debug` only.
    """
    try:
        args = build_parser().parse_args(argv)
    except SystemExit as done:  # argparse has printed its message
        return int(done.code or 0)
    try:
        return args.run(args)
    except KeyboardInterrupt:
        return _fail("stopped with Ctrl-C before the result was complete.", INTERRUPTED)
    except BrokenPipeError:  # the reader, such as `head`, has gone: not an error, but Python would report one at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILURE
    except Exception as error:
        if args.debug:
            raise
        return _fail(*_explain(error))


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands; cheap, so that `--help` is immediate."""
    parser = argparse.ArgumentParser(
        prog="edgewise",
        description="Fit Kolmogorov-Arnold networks to tables, and look at them.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in _COMMANDS:
        sub = commands.add_parser(
            command.NAME,
            help=command.HELP,
            description=command.__doc__,
            epilog=getattr(command, "EPILOG", _EPILOG.splitlines()[0]),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        command.add_arguments(sub)
        sub.add_argument("--debug", action="store_true", help="show the traceback of an error")
        sub.set_defaults(run=command.run)
    return parser


class _Version(argparse.Action):
    """Looks the version up only when asked: that takes as long as the rest of `--help`."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        import edgewise

        sys.stdout.write(f"edgewise {edgewise.__version__}\n")
        parser.exit()


def _explain(error: Exception) -> tuple[str, int]:
    """One line for the user, and the exit code."""
    if isinstance(error, InputError):
        return str(error), BAD_INPUT
    if isinstance(error, ConvergenceError | MissingDependencyError):
        return str(error), FAILURE
    if isinstance(error, EdgewiseError):
        return str(error), BAD_INPUT
    if isinstance(error, OSError):
        missing = isinstance(error, FileNotFoundError | IsADirectoryError)
        name = f"{error.filename}: " if error.filename else ""
        return f"{name}{error.strerror or error}", BAD_INPUT if missing else FAILURE
    if isinstance(error, MemoryError):
        return "not enough memory. Use fewer rows, a smaller --hidden or a smaller --grid.", FAILURE
    return f"unexpected {type(error).__name__}: {error}. Add --debug for the traceback, and please report it.", FAILURE


def _fail(message: str, code: int) -> int:
    sys.stderr.write(f"edgewise: {' '.join(message.split())}\n")
    return code

"""The command around a module of this folder, and the page that the commands write."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.accuracy import command
from benchmarks.accuracy.report import Report, markers
from benchmarks.accuracy.session import Session, UnknownName

# The order of the page; a module that is not measured yet keeps its place.
MODULES = (
    "toy",
    "special",
    "feynman",
    "equations",
    "poisson",
    "inverse_burgers",
    "evolution",
    "continual",
    "knots",
    "relations",
    "anderson",
    "kan2",
    "mnist",
)

_INTRODUCTION = """\
# Results

What the papers on Kolmogorov-Arnold networks report, measured again. Every section was written by the command that it
names, figures are not typed; `benchmarks/paper/` is the code. *Published* is what the paper or its authors' notebooks
print; a dash means that no number was published, only a picture. *Bar* is what we set out to reach beforehand; what was
missed stays in the table."""


def run(
    name: str,
    doc: str | None,
    measure: Callable[[Session], Report],
    arguments: Sequence[str] | None = None,
    *,
    picture: bool = False,
    parts: Sequence[str] = (),
) -> int:
    """The module's command: measure, print Markdown, and with `--write` replace its section of the page.

    Args:
        name: of the module and of its section; one of `MODULES`.
        doc: the module's docstring.
        measure: makes the report; its `row` is `name`.
        arguments: command line; the process's own when absent.
        picture: whether it draws one where the session has a `figure`.
        parts: the names that its `--only` takes, for the help.

    Returns:
        Exit status: 0 where every bar is met, and for a trial.
    """
    options = command.parser(doc, parts)
    options.prog = f"python -m benchmarks.paper.{name}"
    args = options.parse_args(arguments)
    asked = command.session(options, args, picture=picture)

    def measured() -> Report:
        made = measure(asked)
        if made.row != name:
            raise ValueError(f"benchmarks.paper.{name} must report row {name!r}; got {made.row!r}.")
        trial = ": to try it, not to be quoted" if args.quick else ""
        made.protocol.insert(0, f"`{' '.join([options.prog, *_chosen(args)])}`{trial}")
        return made

    try:
        return command.finish(lambda _: measured(), asked, args.write, family="paper", blank=blank())
    except (FileNotFoundError, UnknownName) as error:  # a table that is not there, a part that is none
        options.error(str(error))


def table(folder: str | None, name: str, source: str) -> Path:
    """Path of a table that is not shipped.

    Args:
        folder: that of `--data`; the current one when absent.
        name: of the file.
        source: address of the folder that it is published in.

    Returns:
        The path.

    Raises:
        FileNotFoundError: it is not there; the message says where it is published.
    """
    path = Path(folder or ".") / name
    if not path.exists():
        raise FileNotFoundError(
            f"{path} is not there; name its folder with --data. It is published as {source}/{name}."
        )
    return path


def _chosen(args: argparse.Namespace) -> list[str]:
    """The options that decide what is measured, where they are not left to the module."""
    given = {name: getattr(args, name) for name in ("seeds", "steps", "restarts", "only")}
    return [*(["--quick"] if args.quick else []), *(f"--{name} {value}" for name, value in given.items() if value)]


def blank() -> str:
    """The page before anything was measured."""
    sections = []
    for name in MODULES:
        begin, end = markers(name, "paper")
        sections.append(f"{begin}\n## {name}\n\nNot measured yet.\n{end}")
    return "\n\n".join([_INTRODUCTION, *sections]) + "\n"

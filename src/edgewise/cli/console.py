"""What commands say: results on stdout, everything else on stderr, errors in one line."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

OK, FAILURE, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


def add_flags(parser: argparse.ArgumentParser, quiet: str | None = "no notes") -> None:
    """Flags on how a command speaks: `--json`, and unless it has nothing to say on the way `--quiet`, with its help."""
    parser.add_argument("--json", action="store_true", help="print the result as JSON on stdout")
    if quiet is not None:
        parser.add_argument("--quiet", action="store_true", help=quiet)


class InputError(Exception):
    """The user's file, column or option is not usable; the message says which, why and what to do."""


@dataclass(frozen=True)
class Console:
    """Where a command writes.

    Args:
        as_json: results are one JSON object on stdout instead of text.
        quiet: no notes and no progress.
    """

    as_json: bool = False
    quiet: bool = False

    def note(self, text: str) -> None:
        """Say something on the way; never part of the result."""
        if not self.quiet:
            sys.stderr.write(text + "\n")

    def result(self, text: str, data: Any) -> None:
        """Give the result, in the form the user asked for."""
        out = json.dumps(plain(data), indent=2, ensure_ascii=False, allow_nan=False) if self.as_json else text
        sys.stdout.write(out + "\n")
        sys.stdout.flush()

    @property
    def progress(self) -> bool:
        """Whether to show a progress bar (on stderr)."""
        return not self.quiet


def plain(value: Any) -> Any:
    """`value` with only what strict JSON holds: NumPy scalars become Python's, NaN and infinity null."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "item") and not isinstance(value, str):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def suggestion(name: str, known: Iterable[str]) -> str:
    """`Did you mean 'price'?` when something is close; the list of what there is otherwise."""
    names = [str(n) for n in known]
    folded = {n.casefold(): n for n in reversed(names)}
    close = get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    if close:
        return f"Did you mean {folded[close[0]]!r}?"
    shown = ", ".join(repr(n) for n in names[:12])
    return f"It has {shown}{f' and {len(names) - 12} more' if len(names) > 12 else ''}."


def number(value: float) -> str:
    """Four significant digits."""
    return f"{value:.4g}"


def aligned(rows: list[list[str]]) -> str:
    """Rows as columns of text: the first left, the others right aligned."""
    widths = [max(len(row[c]) for row in rows) for c in range(len(rows[0]))]
    lines = []
    for first, *others in rows:
        cells = [first.ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(others, widths[1:], strict=True))]
        lines.append("  " + "  ".join(cells).rstrip())
    return "\n".join(lines)

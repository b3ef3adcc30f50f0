"""The lessons: one page that teaches with the explorer's own figures, and computes everything itself.

The command line reads `LESSONS` to parse its arguments, so nothing here imports torch before there is work.
"""

from __future__ import annotations

import os
from typing import Any

from edgewise.errors import ParameterError

LESSONS = {
    "spline": "what a B-spline is",
    "training": "a KAN learns a curve before your eyes",
    "grid": "finer grids: keep what was learned, and when to stop",
    "naming": "from a network to a formula in five steps",
}


def lessons_page(name: str | None = None) -> str:
    """The page of all lessons.

    Args:
        name: the one it opens with, a key of `LESSONS`; the first when None.

    Returns:
        HTML that needs nothing but itself.

    Raises:
        ParameterError: there is no such lesson.
    """
    if name is not None and name not in LESSONS:
        raise ParameterError(f"there is no lesson {name!r}; known are {', '.join(LESSONS)}.")
    from edgewise.explorer.html import page

    data: dict[str, Any] = {"lesson": name}
    return page(data, "Lessons · edgewise", script="lessons.js", style="lessons.css")


def write_lessons(path: str | os.PathLike[str], name: str | None = None) -> None:
    """Write the page of all lessons.

    Args:
        path: the file to create or replace, by custom `*.html`.
        name: the lesson it opens with; the first when None.

    Raises:
        ParameterError: there is no such lesson.
        OSError: writing failed; an earlier file is unchanged.
    """
    from edgewise.models.files import write_atomic

    write_atomic(path, lessons_page(name).encode("utf-8"))

"""Results that survive an interruption: one JSON line per measurement, keyed by everything that defines it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Key = dict[str, Any]
Result = dict[str, Any]


class Journal:
    """Measurements by key, in memory and, where a path is given, in a file.

    Args:
        path: JSON lines file to append to; None keeps everything in memory.
        resume: take what the file holds as measured; otherwise the file starts afresh.
    """

    def __init__(self, path: str | Path | None = None, *, resume: bool = False) -> None:
        if resume and path is None:
            raise ValueError("`--resume` needs the file to continue from: give `--json PATH` as well.")
        self.path = None if path is None else Path(path)
        self._results: dict[str, Result] = {}
        if self.path is None:
            return
        if resume and self.path.exists():
            self._read(self.path)
        else:
            self.path.write_text("")

    def record(
        self, key: Key, measure: Callable[[], Result], note: dict[str, Any] | None = None
    ) -> tuple[Result, bool]:
        """The result under `key`, measured now if it is not known, and whether it was.

        Args:
            key: problem, model, seed and every setting: another setting is another key, so that a resumed run never
                mixes protocols.
            measure: makes the result, JSON-able.
            note: what is written beside it and not compared: machine, versions.
        """
        text = _text(key)
        if text in self._results:
            return self._results[text], False
        result = measure()
        self._results[text] = result
        if self.path is not None:
            with self.path.open("a") as file:
                file.write(json.dumps({"key": key, "result": result, **(note or {})}) + "\n")
        return result, True

    def __len__(self) -> int:
        return len(self._results)

    @property
    def seconds(self) -> float:
        """What all measurements took together, those of earlier runs as well."""
        return sum(float(result.get("seconds", 0.0)) for result in self._results.values())

    def _read(self, path: Path) -> None:
        lines = path.read_text().splitlines(keepends=True)
        whole = []
        for line in lines:
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:
                break  # killed while writing: what follows a torn line cannot be trusted
            if not line.endswith("\n"):
                break
            self._results[_text(entry["key"])] = entry["result"]
            whole.append(line)
        if len(whole) < len(lines):
            path.write_text("".join(whole))


def _text(key: Key) -> str:
    return json.dumps(key, sort_keys=True)

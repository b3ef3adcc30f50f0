"""The checkpoint of a search: a JSON file of finished steps and their formulas, replaced after every step."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sympy
from torch import Tensor

from edgewise.errors import FormatError
from edgewise.interpret.expression_json import from_tree, to_tree
from edgewise.interpret.library import Library
from edgewise.interpret.pareto import Front
from edgewise.models.files import write_atomic


def fingerprint(rows: Tensor, labels: Tensor, symbols: list[sympy.Symbol], library: Library, options: list[Any]) -> str:
    """Of everything that the formulas depend on."""
    digest = hashlib.sha256(rows.numpy().tobytes() + labels.numpy().tobytes())
    functions = [(function.name, function.formula, function.complexity) for function in library]
    digest.update(json.dumps([[str(s) for s in symbols], functions, *options], default=str).encode())
    return digest.hexdigest()


@dataclass
class Memory:
    """The finished steps, on disk if a path is given."""

    path: str | os.PathLike[str] | None
    fingerprint: str
    symbols: list[sympy.Symbol]
    done: list[str] = field(default_factory=list)
    formulas: list[tuple[sympy.Expr, str]] = field(default_factory=list)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if self.path is None or not Path(self.path).exists():
            return
        try:
            saved = json.loads(Path(self.path).read_text(encoding="utf-8"))
            fingerprint, self.done, self.seconds = saved["fingerprint"], list(saved["done"]), float(saved["seconds"])
            names = {str(symbol) for symbol in self.symbols}
            self.formulas = [(from_tree(one["tree"], names), str(one["found_by"])) for one in saved["formulas"]]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError) as error:
            raise FormatError(f"`checkpoint` {str(self.path)!r} is no file of a search: {error!r}.") from None
        if fingerprint != self.fingerprint:
            raise FormatError(
                f"`checkpoint` {str(self.path)!r} belongs to other data or options. Give another path, or remove it."
            )

    def save(self, name: str, front: Front, seconds: float) -> None:
        """After a step."""
        self.done.append(name)
        if self.path is None:
            return
        formulas = [{"tree": to_tree(one.formula.expressions[0]), "found_by": one.found_by} for one in front.candidates]
        state = {"fingerprint": self.fingerprint, "done": self.done, "seconds": seconds, "formulas": formulas}
        write_atomic(self.path, json.dumps(state).encode())

"""Say what a model file holds: kind, shape, columns, target."""

from __future__ import annotations

import argparse
from typing import Any

from edgewise.cli.console import OK, Console, add_flags
from edgewise.cli.models import Opened, formula_in, open_model

NAME, HELP = "info", "say what a model file holds"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("model", metavar="MODEL", help="a model file")
    add_flags(parser, quiet=None)


def run(args: argparse.Namespace) -> int:
    """Describe `args.model`."""
    data = describe(open_model(args.model))
    width = max(len(key) for key in data)
    lines = [f"{key.replace('_', ' '):<{width}}  {_text(value)}" for key, value in data.items() if value is not None]
    Console(args.json).result("\n".join(lines), data)
    return OK


def describe(opened: Opened) -> dict[str, Any]:
    """What there is to know, in order of interest."""
    model, estimator = opened.network, opened.estimator
    parameter = next(model.parameters())
    data = {
        "file": opened.path,
        "kind": opened.kind,
        "file_version": opened.version,
        "width": model.width,
        "grid": getattr(model, "grid", None),
        "degree": getattr(model, "k", None),
        "edges": getattr(model, "n_edges", None),
        "parameters": model.n_parameters,
        "dtype": str(parameter.dtype).removeprefix("torch."),
        "inputs": list(getattr(model, "input_names", [])) or None,
        "outputs": list(getattr(model, "output_names", [])) or None,
    }
    if estimator is not None:
        data["columns"] = opened.columns
        data["classes"] = estimator.classes_.tolist() if hasattr(estimator, "classes_") else None
    if getattr(model, "symbolic_edges", None) and data.get("classes") is None:
        data["formula"] = str(formula_in(opened))
    return data


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) if all(isinstance(v, str) for v in value) else str(value)
    return str(value)

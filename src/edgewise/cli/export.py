"""Write a model for other programs: ONNX, a torch.export program, or JSON numbers; the formula of a symbolic model as
LaTeX, or as the source of a NumPy or C function.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from edgewise.cli.console import OK, Console, add_flags
from edgewise.cli.models import formula_in, open_model

NAME, HELP = "export", "write a model as ONNX, torch.export or JSON, a formula as LaTeX, Python or C"

_FORMULAS = ("latex", "python", "c")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("model", metavar="MODEL", help="a model file")
    parser.add_argument(
        "--format", "--to", required=True, choices=("onnx", "torch", "json", *_FORMULAS), help="what to write"
    )
    parser.add_argument("-o", "--output", metavar="FILE", required=True, help="the file to write")
    add_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Export `args.model`; returns the exit code."""
    opened = open_model(args.model)
    from edgewise import export
    from edgewise.cli.pipeline import raw_module

    module, names, extra = raw_module(opened)
    if args.format in _FORMULAS:
        from edgewise.models.files import write_atomic

        write_atomic(args.output, (getattr(formula_in(opened), args.format)().rstrip() + "\n").encode())
    elif args.format == "onnx":
        export.export_onnx(module, args.output, **names)
    elif args.format == "torch":
        export.export_torch(module, args.output, in_features=names["in_features"])
    else:
        export.export_json(opened.network, args.output, extra=extra)
    inputs, outputs = names["input_names"], names["output_names"]
    console = Console(args.json, args.quiet)
    data = {"format": args.format, "output": args.output, "kind": opened.kind, "inputs": inputs, "outputs": outputs}
    if args.json:
        console.result("", data)
    else:
        console.note(f"{args.output}: {opened.kind} as {args.format}; inputs {_some(inputs)}; outputs {_some(outputs)}")
    return OK


def _some(names: Sequence[str], most: int = 12) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")

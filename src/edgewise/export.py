"""A network for other programs: ONNX, `torch.export`, or plain JSON numbers.

Each function writes one file, all of it or nothing. ONNX holds ordinary ONNX operators (the splines as dense
basis values), so any runtime can load it; a `torch.export` program keeps edgewise's own operators and needs
`import edgewise.kernels` before it is run; JSON holds the numbers of the formula, for a reader in any language.
"""

from __future__ import annotations

import json
import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import torch
from torch import Tensor, nn

from edgewise.errors import MissingDependencyError
from edgewise.layers import AbstractEdgeLayer, ChebyshevLayer, SymbolicEdges
from edgewise.models import KAN, MLP
from edgewise.models.files import write_atomic

_EXAMPLE_ROWS = 3  # neither 0 nor 1, which tracing would take for constants


def export_onnx(
    model: nn.Module,
    path: str | os.PathLike[str],
    *,
    in_features: int | None = None,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
) -> None:
    """Write an ONNX model with input `x` `(batch, I)` and output `y` `(batch, O)`, any batch size.

    Args:
        model: the network, or any module that wraps one.
        path: the file to create or replace.
        in_features: I; the model's own when absent.
        input_names: stored as metadata `input_names`; the model's own when absent.
        output_names: stored as metadata `output_names`; the model's own when absent.

    Raises:
        MissingDependencyError: onnx or onnxscript is not installed.
        OSError: the file cannot be written.

    Accuracy: 1e-6 (float32) and 1e-12 (float64) relative to the model, in onnxruntime.
    """
    try:
        import onnx  # noqa: F401  # pyright: ignore[reportMissingImports]
        import onnxscript  # noqa: F401  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise MissingDependencyError(
            f"ONNX export needs {error.name}. Install it with `pip install 'edgewise[onnx]'`."
        ) from error
    with _quiet():
        program: Any = torch.onnx.export(
            model,
            (_example(model, in_features),),
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            input_names=["x"],
            output_names=["y"],
            verbose=False,
        )
    names = {
        "input_names": list(input_names or getattr(model, "input_names", [])),
        "output_names": list(output_names or getattr(model, "output_names", [])),
    }
    proto = program.model_proto
    for key, value in names.items():
        proto.metadata_props.add(key=key, value=json.dumps(value))
    write_atomic(path, proto.SerializeToString())


def export_torch(model: nn.Module, path: str | os.PathLike[str], *, in_features: int | None = None) -> None:
    """Write a `torch.export` program (`.pt2`) that takes `(batch, I)`, any batch size.

    Read it with `import edgewise.kernels; torch.export.load(path).module()`.

    Args:
        model: the network, or any module that wraps one.
        path: the file to create or replace.
        in_features: I; the model's own when absent.

    Raises:
        OSError: the file cannot be written.
    """
    buffer = BytesIO()
    with _quiet():
        shapes = ({0: torch.export.Dim("batch")},)
        program = torch.export.export(model, (_example(model, in_features),), dynamic_shapes=shapes)
        torch.export.save(program, buffer)
    write_atomic(path, buffer.getvalue())


def export_json(model: KAN | MLP, path: str | os.PathLike[str], *, extra: dict[str, Any] | None = None) -> None:
    """Write every number of a network as JSON; see `to_json` for the layout.

    Args:
        model: the network.
        path: the file to create or replace.
        extra: further keys, such as the scaling of a table's columns.

    Raises:
        OSError: the file cannot be written.
    """
    write_atomic(path, json.dumps({**to_json(model), **(extra or {})}, allow_nan=False).encode())


def to_json(model: KAN | MLP) -> dict[str, Any]:
    """A network as nested lists of numbers.

    Args:
        model: the network.

    Returns:
        `config`, and per layer of a KAN `knots` `(I, S+k+1)` (or the `domain` `(I, 2)` of Chebyshev polynomials, which
        `squash` says to take after tanh), `coef` `(I, O, S)`, `scale_base`, `scale_sp` and
        `mask` `(I, O)` of `mask * (scale_base * base(x) + scale_sp * sum_s coef_s B_s(x))`, and `symbolic`, a list of
        `edge` (i, j), `function`, and `affine` (a, b, c, d, p) of edges that are `c f(a x + b) + d` instead; per layer
        of an MLP `weight` `(O, I)` and `bias` `(O,)`.
    """
    parts = ("coef", "scale_base", "scale_sp", "mask") if isinstance(model, KAN) else ("weight", "bias")
    layers = [{part: getattr(layer, part).tolist() for part in parts} for layer in model.layers]
    if isinstance(model, KAN):
        for own, layer in zip(layers, model.layers, strict=True):
            own |= _place(layer)
            own["symbolic"] = [] if layer.symbolic is None else _symbolic(layer.symbolic)
    return {
        "format": "edgewise-json",
        "version": 2 if getattr(model, "symbolic_edges", None) else 1,  # 1 knows splines only
        "kind": type(model).__name__,
        "config": model.config(),
        "layers": layers,
    }


def _place(layer: AbstractEdgeLayer) -> dict[str, Any]:
    """Where the basis functions of a layer are."""
    if isinstance(layer, ChebyshevLayer):
        return {"domain": layer.domain.tolist(), "squash": layer.squash}
    return {"knots": layer.get_buffer("knots").tolist()}


def _symbolic(edges: SymbolicEdges) -> list[dict[str, Any]]:
    numbers = edges.affine.tolist()
    return [
        {"edge": list(edge), "function": function.name, "affine": own}
        for edge, function, own in zip(edges.edges, edges.functions, numbers, strict=True)
    ]


def _example(model: nn.Module, in_features: int | None) -> Tensor:
    like = next(model.parameters())
    size = in_features if in_features is not None else int(getattr(model, "in_features"))  # noqa: B009 - typed Any
    return torch.zeros(_EXAMPLE_ROWS, size, dtype=like.dtype, device=like.device)


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter's notes on packages that are absent or deprecated are not the user's business."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)

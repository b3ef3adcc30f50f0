"""A run on disk: everything needed to go on exactly where it stopped.

One safetensors file without pickle, replaced atomically, so that a `kill -9` at any moment leaves the
earlier or the new checkpoint, never half of one. It holds the model, the best model so far, the optimizer's
state (L-BFGS pairs or Adam moments), the scheduler, the history and the position in the run. Mini-batches
are drawn from the seed and the step number, so no random state is needed.
"""

import hashlib
import os
from typing import Any

import torch
from torch import Tensor

from edgewise.errors import FormatError, ParameterError
from edgewise.train.data import Source, Stream

KIND = "checkpoint"


def save_checkpoint(path: str | os.PathLike[str], state: dict[str, Any]) -> None:
    """Write a nested state of dicts, lists, tensors and plain values.

    Args:
        path: the file to replace.
        state: the state.

    Raises:
        ParameterError: the state holds something that is neither a tensor nor plain.
        OSError: the file cannot be written; an earlier one is unchanged.
    """
    from edgewise.models.files import write_file

    tensors: dict[str, Tensor] = {}
    tree = _encode(state, tensors)
    write_file(path, tensors, {"kind": KIND, "state": tree})


def load_checkpoint(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what `save_checkpoint` wrote.

    Args:
        path: the file.

    Returns:
        The state, tensors on the CPU.

    Raises:
        FormatError: the file is no checkpoint, or damaged.
    """
    from edgewise.models.files import read_file

    tensors, header = read_file(path)
    if header["kind"] != KIND:
        raise FormatError(f"{path} holds a {header['kind']}, not a training checkpoint. Check the path.")
    try:
        return _decode(header["state"], tensors)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise FormatError(f"{path}: the checkpoint is damaged ({error!r}). Delete it to start anew.") from error


def fingerprint(data: Source) -> str:
    """A digest of the training data, to notice a resume with other data; empty for a stream."""
    if isinstance(data, Stream):
        return ""
    digest = hashlib.sha256()
    for tensor in (data.x, data.y, data.weight):
        if tensor is not None:
            digest.update(f"{tensor.dtype}{tuple(tensor.shape)}".encode())
            digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def check_same(path: str | os.PathLike[str], saved: dict[str, Any], now: dict[str, Any]) -> None:
    """Refuse to continue a run with other settings.

    Args:
        path: the checkpoint.
        saved: settings stored in it.
        now: settings of this call.

    Raises:
        ParameterError: a setting differs.
    """
    for name, value in now.items():
        if saved.get(name) != value:
            raise ParameterError(
                f"{path} belongs to a run with other settings: `{name}` was {saved.get(name)!r}, now it is {value!r}. "
                f"Use the same arguments, or another `checkpoint`, or `resume=False` to start anew."
            )


def copy_into(targets: dict[str, Tensor], saved: dict[str, Tensor], path: str | os.PathLike[str]) -> None:
    """Copy saved tensors into a model's, in place, after checking that they fit.

    Raises:
        FormatError: names or shapes differ.
    """
    if targets.keys() != saved.keys() or any(saved[name].shape != t.shape for name, t in targets.items()):
        raise FormatError(f"{path} holds a model of another structure. Build the same model, or delete the file.")
    with torch.no_grad():
        for name, tensor in targets.items():
            tensor.copy_(saved[name])


def _encode(value: Any, tensors: dict[str, Tensor]) -> Any:
    """JSON for a nested state; tensors move into `tensors` and leave their name."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Tensor):
        name = f"t{len(tensors)}"
        tensors[name] = value
        return {"tensor": name}
    if isinstance(value, dict):  # pairs: JSON would turn number keys into text
        return {"dict": [[_encode(k, tensors), _encode(v, tensors)] for k, v in value.items()]}
    if isinstance(value, tuple | list):
        kind = "tuple" if isinstance(value, tuple) else "list"
        return {kind: [_encode(v, tensors) for v in value]}
    if hasattr(value, "item"):
        return _encode(value.item(), tensors)
    raise ParameterError(
        f"`checkpoint` cannot store {type(value).__name__} {value!r} of the optimizer or scheduler; "
        f"use another one, or train without `checkpoint`."
    )


def _decode(value: Any, tensors: dict[str, Tensor]) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, inner),) = value.items()
    if kind == "tensor":
        return tensors[inner]
    if kind == "dict":
        return {_decode(k, tensors): _decode(v, tensors) for k, v in inner}
    parts = [_decode(v, tensors) for v in inner]
    return tuple(parts) if kind == "tuple" else parts

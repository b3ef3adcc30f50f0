"""Model files: one safetensors file, which holds numbers and text and cannot execute code.

Tensors are safetensors tensors; everything else is one JSON object in the file's metadata under the key
`"edgewise"`: `format`, `version` (of this layout), `kind` (what the file holds) and what that kind adds.
A file is written under a temporary name in its own folder, flushed to the disk and renamed, so a crash or a
full disk leaves the earlier file as it was. Reading checks everything before a model is built: names,
shapes, dtypes, knots.

`write_file` and `read_file` are the layer that estimators and checkpoints share; `pack` and `unpack` turn a
model into tensors and a header and back; `save` and `load` do both for a bare model.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from edgewise.errors import DomainError, EdgewiseError, FormatError, ParameterError
from edgewise.layers import FUNCTIONS, AbstractEdgeLayer
from edgewise.models.kan import KAN
from edgewise.models.mlp import MLP
from edgewise.splines import check_knots

FORMAT = "edgewise"
VERSION = 1
KINDS = {"KAN": KAN, "MLP": MLP}
_Network = TypeVar("_Network", KAN, MLP)
_RESERVED = ("format", "version")


# ------------------------------------------------------------------------------------------- any file


def write_file(path: str | os.PathLike[str], tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
    """Write tensors and a JSON header as one safetensors file, all of it or nothing.

    Args:
        path: the file to create or replace; its folder must exist.
        tensors: name to tensor of any shape, layout and device; views and shared storage are copied.
        header: what JSON can hold, with a `"kind"`; `"format"` and `"version"` are added.

    Raises:
        ParameterError: `header` lacks `"kind"`, uses a reserved key or cannot be written as JSON.
        OSError: the disk is full, the folder is missing or not writable; an earlier file is unchanged.
    """
    import safetensors.torch

    if "kind" not in header or any(key in header for key in _RESERVED):
        raise ParameterError(f"`header` needs a 'kind' and must not set {_RESERVED}; got keys {sorted(header)}.")
    try:
        text = json.dumps({"format": FORMAT, "version": VERSION, **header})
    except (TypeError, ValueError) as error:
        raise ParameterError(f"`header` must hold only what JSON can: {error}.") from error
    # A copy each: safetensors refuses views that share storage, and writes no strides.
    copies = {name: t.detach().to("cpu", copy=True).contiguous() for name, t in tensors.items()}
    write_atomic(path, safetensors.torch.save(copies, metadata={FORMAT: text}))


def read_file(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a file written by `write_file`.

    Args:
        path: the file.

    Returns:
        Tensors on the CPU that share no storage with the file, and the header including `"format"`,
        `"version"` and `"kind"`.

    Raises:
        FormatError: the file is foreign, truncated, edited or from a newer version.
        OSError: the file cannot be read.
    """
    import safetensors
    import safetensors.torch

    data = Path(path).read_bytes()
    header = _read_header(data, path)
    try:
        tensors = safetensors.torch.load(data)
    except (safetensors.SafetensorError, ValueError, RuntimeError, KeyError) as error:
        raise FormatError(
            f"{path} is truncated or damaged: its tensors do not match its table of contents ({error}). "
            f"Restore it from a copy or save the model again."
        ) from error
    return {name: tensor.clone() for name, tensor in tensors.items()}, header


def write_atomic(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file so that at every moment either the earlier content or all of `data` is there.

    Args:
        path: the file to create or replace; a link is followed.
        data: the whole content.

    Raises:
        OSError: writing failed; an earlier file is unchanged and no temporary file stays behind.
    """
    target = os.path.realpath(path)
    temporary = os.path.join(os.path.dirname(target), f".{os.path.basename(target)}.{secrets.token_hex(4)}.tmp")
    try:
        # Not tempfile: its files are private to the user, a model should follow the umask like any file.
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if os.path.exists(target):
            shutil.copymode(target, temporary)
        os.replace(temporary, target)
    except OSError as error:
        _remove(temporary)
        reason = error.strerror or str(error)
        if not os.path.isdir(os.path.dirname(target)):
            reason, then = "The folder does not exist", "Create it first"
        else:
            then = "Free some space, or choose another folder"
        raise OSError(
            error.errno, f"{reason}; nothing was written, an earlier file is unchanged. {then}", target
        ) from error
    except BaseException:  # Ctrl-C between two lines: clean up, then let it through
        _remove(temporary)
        raise
    _sync_folder(os.path.dirname(target))


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)


def _sync_folder(folder: str) -> None:
    """Make the rename itself durable, where the system lets a folder be opened."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _read_header(data: bytes, path: str | os.PathLike[str]) -> dict[str, Any]:
    """The edgewise header of a safetensors file, or a `FormatError` that says what the file is instead."""
    size = int.from_bytes(data[:8], "little")
    try:
        if len(data) < 8 or 8 + size > len(data):
            raise ValueError("the table of contents is incomplete")
        contents = json.loads(data[8 : 8 + size])
        if not isinstance(contents, dict):
            raise ValueError("the table of contents is not an object")
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{path} is not an edgewise file: {_guess(data, error)}") from error
    metadata = contents.get("__metadata__")
    if not isinstance(metadata, dict) or FORMAT not in metadata:
        raise FormatError(
            f"{path} is a safetensors file of another program (no 'edgewise' header). "
            f"Files that `model.save(path)` or `edgewise fit -o` wrote can be read here."
        )
    try:
        header = json.loads(metadata[FORMAT])
        format_, version, kind = header["format"], header["version"], header["kind"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise FormatError(f"{path} has a damaged edgewise header ({error!r}). Restore the file from a copy.") from error
    if format_ != FORMAT or not isinstance(version, int) or version < 1 or not isinstance(kind, str):
        raise FormatError(
            f"{path} has a damaged edgewise header: format {format_!r}, version {version!r}, kind {kind!r}. "
            f"Restore the file from a copy."
        )
    if version > VERSION:
        raise FormatError(
            f"{path} was written by a newer edgewise: file version {version}, this one reads up to {VERSION}. "
            f"Upgrade with `pip install -U edgewise`."
        )
    return header


def _guess(data: bytes, error: Exception) -> str:
    """What an unreadable file probably is, and what to do about it."""
    if not data:
        return "it is empty. Save the model again."
    if b'"edgewise-explorer"' in data[:64]:
        return "it is the explorer's page data, not a model: use Copy as Python, a script that makes the same edits."
    if data[:4] == b"PK\x03\x04" or data[:1] == b"\x80":
        return (
            "it looks like a pickle or zip file (torch.save, joblib). Such files can run code when opened, so they "
            "are never read here. Rebuild the model in Python and use `model.save(path)`."
        )
    if b'"edgewise"' in data[:4096]:
        return f"it is truncated or edited ({error}). Restore it from a copy or save the model again."
    return "it is neither safetensors nor written by edgewise. Pass a file that `model.save(path)` wrote."


# --------------------------------------------------------------------------------------------- models


def save(model: KAN | MLP, path: str | os.PathLike[str]) -> None:
    """Write a `KAN` or `MLP` to one file that cannot execute code.

    Args:
        model: the network; its weights, grids, masks, dtype and frozen parameters are kept.
        path: the file to create or replace, by custom `*.safetensors`.

    Raises:
        ParameterError: `model` is not a `KAN` or `MLP`.
        OSError: the disk is full, the folder is missing or not writable; an earlier file is unchanged.
    """
    tensors, header = pack(model)
    write_file(path, tensors, header)


def load(path: str | os.PathLike[str]) -> KAN | MLP:
    """Read a network written by `save`.

    Args:
        path: the file.

    Returns:
        A model on the CPU that gives exactly the predictions of the saved one.

    Raises:
        FormatError: the file is foreign, truncated, edited, from a newer version or not a bare network.
        OSError: the file cannot be read.
    """
    tensors, header = read_file(path)
    if header["kind"] not in KINDS:
        kind = header["kind"]
        hint = f" Use `edgewise.{kind}.load(path)`." if kind in ("KANRegressor", "KANClassifier") else ""
        raise FormatError(f"{path} holds a {kind}, not a bare network ({', '.join(KINDS)}).{hint}")
    return unpack(tensors, header, path)


def load_as(path: str | os.PathLike[str], kind: type[_Network]) -> _Network:
    """Read a network that must be of one class: the door of `KAN.load` and `MLP.load`.

    Args:
        path: the file.
        kind: `KAN` or `MLP`.

    Returns:
        The model, as `load` gives it.

    Raises:
        FormatError: the file cannot be read by `load`, or holds a network of the other class.
    """
    model = load(path)
    if not isinstance(model, kind):
        held, wanted = ({"KAN": "a KAN", "MLP": "an MLP"}[c.__name__] for c in (type(model), kind))
        raise FormatError(f"{path} holds {held}, not {wanted}. Use `{type(model).__name__}.load`.")
    return model


def pack(model: KAN | MLP) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """A `KAN` or `MLP` as the tensors and the header that `write_file` takes.

    Args:
        model: the network.

    Returns:
        Its state by name, and `kind`, `config` and the names of `frozen` parameters.

    Raises:
        ParameterError: `model` is not a `KAN` or `MLP`, or has edges with functions that are not built in.
    """
    kind = type(model).__name__
    if KINDS.get(kind) is not type(model):
        raise ParameterError(
            f"only {' and '.join(KINDS)} can be saved here; got {kind}. For other modules use safetensors directly."
        )
    foreign = sorted({name for name in getattr(model, "symbolic_edges", {}).values() if name not in FUNCTIONS})
    if foreign:
        raise ParameterError(
            f"a file cannot hold functions of your own: {', '.join(foreign)}. Free these edges before saving "
            f"(`model.unfix_symbolic(l, i, j)`), or save the formula."
        )
    frozen = [name for name, parameter in model.named_parameters() if not parameter.requires_grad]
    return dict(model.state_dict()), {"kind": kind, "config": model.config(), "frozen": frozen}


def unpack(
    tensors: Mapping[str, Tensor], header: Mapping[str, Any], place: str | os.PathLike[str] = "file"
) -> KAN | MLP:
    """Rebuild the model that `pack` took apart.

    Args:
        tensors: the model's state by name; used as they are, not copied.
        header: with `kind`, `config` and `frozen`.
        place: what to call the source in messages.

    Returns:
        The model, with the tensors' dtype and device.

    Raises:
        FormatError: a tensor is missing, unknown, mis-shaped or not floating, or knots are not increasing.
    """
    try:
        # On "meta" a model has shapes and no memory: a wrong config can neither exhaust it nor draw random numbers.
        model = KINDS[header["kind"]](**header["config"], device="meta")
    except (EdgewiseError, TypeError, ValueError, KeyError, RuntimeError) as error:
        raise FormatError(
            f"{place}: the configuration in the header is not valid ({error}). Restore a copy."
        ) from error
    for name, layer in model.named_modules():
        # Optional state: a layer has a mask once an edge was removed.
        if isinstance(layer, AbstractEdgeLayer) and f"{name}.edge_mask" in tensors:
            layer.edge_mask = torch.ones_like(layer.base_weight)
    _check_tensors(model.state_dict(), tensors, place)
    model.load_state_dict(dict(tensors), assign=True)
    _set_frozen(model, header.get("frozen", []), place)
    return model


def _check_tensors(expected: Mapping[str, Tensor], tensors: Mapping[str, Tensor], place: Any) -> None:
    missing, extra = sorted(expected.keys() - tensors.keys()), sorted(tensors.keys() - expected.keys())
    if missing or extra:
        raise FormatError(
            f"{place}: the tensors do not fit the configuration; missing {missing or 'none'}, "
            f"unknown {extra or 'none'}. Restore the file from a copy or save the model again."
        )
    for name, tensor in tensors.items():
        if tensor.shape != expected[name].shape or not tensor.is_floating_point():
            raise FormatError(
                f"{place}: tensor {name!r} must be floating with shape {tuple(expected[name].shape)}; "
                f"got {tensor.dtype} {tuple(tensor.shape)}. Restore the file from a copy."
            )
        if name.endswith("knots"):
            try:
                check_knots(tensor, name)
            except DomainError as error:
                raise FormatError(f"{place}: {error} Restore the file from a copy or save the model again.") from error


def _set_frozen(model: nn.Module, frozen: Any, place: Any) -> None:
    names = {name for name, _ in model.named_parameters()}
    if not isinstance(frozen, list) or not names.issuperset(frozen):
        raise FormatError(f"{place}: 'frozen' in the header must list parameter names; got {frozen!r}. Restore a copy.")
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name not in frozen)

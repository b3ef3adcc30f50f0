"""Files and versions: pykan's calls over `edgewise.models.files`; nothing is written unless a path was given."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch

from edgewise.errors import FormatError, ParameterError
from edgewise.models import KAN
from edgewise.models.files import pack, read_file, unpack, write_file
from edgewise.pykan.messages import say

if TYPE_CHECKING:
    from edgewise.pykan.MultKAN import MultKAN

_SUFFIX = ".safetensors"
_COPY = "copy coef, grid, scale_base, scale_sp and mask of every `act_fun[l]` over."


def save(model: MultKAN, path: str | os.PathLike[str]) -> None:
    """Write `path.safetensors`, a file that `edgewise.KAN.load` reads too and that cannot execute code.

    Args:
        model: the network. The data it saw are not in the file.
        path: without the ending.
    """
    tensors, header = pack(model.kan)
    own = {"input_id": model.input_id.tolist(), "columns": model.columns, "round": model.round}
    write_file(_named(path), tensors, {**header, "pykan": {**own, "state_id": model.state_id}})


def load(kind: type[MultKAN], path: str | os.PathLike[str]) -> MultKAN:
    """Read what `save` wrote, or any file of an `edgewise.KAN`.

    Args:
        kind: the class.
        path: without the ending.

    Returns:
        The network, on the CPU.

    Raises:
        FormatError: the file holds something else.
        ParameterError: there is no such file, but one that pykan wrote.
    """
    if not _named(path).exists() and Path(f"{path}_state").exists():
        raise ParameterError(
            f"`path`: {path}_state is a file of pykan's, which can run code when opened and is never read here. Load "
            f"it with pykan and {_COPY}"
        )
    tensors, header = read_file(_named(path))
    kan = unpack(tensors, header, path) if header["kind"] == "KAN" else None
    if not isinstance(kan, KAN):
        raise FormatError(f"{_named(path)} holds a {header['kind']}, not a KAN.")
    model, own = kind.wrap(kan), header.get("pykan", {})
    model.input_id = torch.tensor(own.get("input_id", list(range(kan.in_features))))
    model.columns = int(own.get("columns", kan.in_features))
    model.round, model.state_id = int(own.get("round", 0)), int(own.get("state_id", 0))
    return model


def refuse_foreign(state: Mapping[str, Any]) -> None:
    """Say what to do with a state of pykan's.

    Args:
        state: names to tensors.

    Raises:
        FormatError: the names are pykan's.
    """
    foreign = next((name for name in state if str(name).startswith(("act_fun.", "symbolic_fun."))), None)
    if foreign is not None:
        raise FormatError(
            f"`state_dict` is one of pykan's: it has {foreign!r}, where this model has `kan.layers`. Load it with "
            f"pykan and {_COPY}"
        )


def begin(model: MultKAN) -> None:
    """The first version; written where a folder was given. Where that has versions already, it begins a next round.

    Args:
        model: the network.
    """
    folder = _folder(model)
    if folder is not None and (later := _next_round(folder)) > model.round:
        model.round = later
        say(f"{folder} has versions of another run; those of this one begin with {later}.{model.state_id}")
    _write_line(model, f"### Round {model.round} ###")
    _write_line(model, f"init => {model.round}.{model.state_id}", file=_write_version(model))


def log(model: MultKAN, method: str) -> None:
    """A next version; written where a folder was given.

    Args:
        model: the network.
        method: what made it.
    """
    before = f"{model.round}.{model.state_id}"
    model.state_id += 1
    line = f"{before} => {method} => {model.round}.{model.state_id}"
    _write_line(model, line, file=_write_version(model))


def rewind(model: MultKAN, model_id: str) -> MultKAN:
    """An earlier version as the first of a new round.

    Differs from pykan: the new round's file holds the earlier version; pykan's holds the present one.

    Args:
        model: the network.
        model_id: `"round.version"`.

    Returns:
        The earlier network.
    """
    new = checkout(model, model_id)
    new.round = max(model.round + 1, _next_round(Path(str(model.ckpt_path))))
    _write_line(new, f"### Round {new.round} ###")
    _write_version(new)
    say(f"rewind to model version {model_id}, renamed as {new.round}.{new.state_id}")
    return new


def checkout(model: MultKAN, model_id: str) -> MultKAN:
    """An earlier version.

    Args:
        model: the network.
        model_id: `"round.version"`.

    Returns:
        The earlier network.

    Raises:
        ParameterError: versions are not written, or there is none of that name.
    """
    folder = _folder(model)
    if folder is None:
        raise ParameterError(
            "versions are kept only where a folder was given: KAN(..., ckpt_path='model'). Without one, "
            "`model.saveckpt(path)` and `KAN.loadckpt(path)`, or `model.copy()`."
        )
    if not _named(folder / str(model_id)).exists():
        known = sorted(path.stem for path in folder.glob(f"*{_SUFFIX}"))
        raise ParameterError(f"`model_id` must be one of {known} in {folder}; got {model_id!r}.")
    new = load(type(model), folder / str(model_id))
    new.ckpt_path, new.auto_save, new.log = model.ckpt_path, model.auto_save, list(model.log)
    return new


def history(model: MultKAN, k: str | int) -> list[str]:
    """Say which versions there were, on stderr.

    Args:
        model: the network.
        k: how many of the last lines, or `"all"`.

    Returns:
        The lines.
    """
    lines = model.log if k == "all" else model.log[-int(k) :]
    for line in lines:
        say(line)
    return lines


def _folder(model: MultKAN) -> Path | None:
    return Path(model.ckpt_path) if model.auto_save and model.ckpt_path is not None else None


def _named(path: Any) -> Path:
    return Path(f"{path}{'' if str(path).endswith(_SUFFIX) else _SUFFIX}")


def _next_round(folder: Path) -> int:
    """One more than the last round that has a version in a folder."""
    rounds = [path.stem.split(".")[0] for path in folder.glob(f"*.*{_SUFFIX}")]
    return max((int(number) + 1 for number in rounds if number.isdecimal()), default=0)


def _write_line(model: MultKAN, line: str, file: bool = True) -> None:
    """Note what happened; in the folder only if `file`."""
    model.log.append(line)
    folder = _folder(model)
    if folder is not None and file:
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / "history.txt", "a", encoding="utf-8") as history_file:
            history_file.write(line + "\n")


def _write_version(model: MultKAN) -> bool:
    """Write a version where a folder was given; False, and said on stderr, where the model cannot be written."""
    folder, name = _folder(model), f"{model.round}.{model.state_id}"
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            save(model, cast("Any", folder / name))
        except ParameterError as error:
            say(f"version {name} was not written to {folder}: {error}")
            return False
    return True

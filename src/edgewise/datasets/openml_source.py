"""Tables of OpenML: fetched by scikit-learn, kept where the caller says, read from files without a network.

`openml(id, cache_dir)` takes the first of

1. a file that was put into `cache_dir` by hand: `41166.arff`, `41166.csv` or `41166.csv.gz`,
2. what an earlier call kept there: `openml_41166.csv.gz`, its checksum and kinds of columns in `openml_41166.json`,
3. the network.

Tables are text throughout; nothing that is read can execute code.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError

from edgewise.datasets.prepared import prepare_table
from edgewise.errors import DownloadError, FormatError, ParameterError

if TYPE_CHECKING:
    import pandas as pd

_ENDINGS = (".arff", ".csv", ".csv.gz")


def openml(
    id: int | str | os.PathLike[str],
    cache_dir: str | os.PathLike[str] | None = None,
    *,
    target: str | None = None,
    **options: Any,
) -> dict[str, Any]:
    """A table of OpenML, split and prepared for `fit`.

    Args:
        id: its number, as in https://www.openml.org/d/41166; or the path of a downloaded `.arff`, `.csv` or `.csv.gz`.
        cache_dir: folder to keep the table in and to look for it first; made if need be. Nothing is written without it.
        target: the column to predict; OpenML's own choice when absent, in a file the last column.
        **options: of `prepare_table`: `task`, `test_size`, `seed`, `max_categories`, `dtype`.

    Returns:
        What `prepare_table` returns, for example `train_input` `(N, F)` and `class_names`.

    Raises:
        ParameterError: no number or file, no such dataset, or an option outside its documented set.
        DownloadError: the table is in no file and cannot be fetched; the message says where to put one.
        FormatError: a file is damaged or was changed, or cannot be read as a table.
    """
    table = load_openml(id, cache_dir, target=target)
    return prepare_table(table.frame, table.target, **options)


@dataclass(frozen=True)
class OpenMLTable:
    """A table as it is published.

    Attributes:
        frame: all columns, target included; categories have dtype `category` where the source says so.
        target: the column to predict.
        source: address or file.
        licence: as stated by OpenML; empty for a file.
    """

    frame: pd.DataFrame
    target: str
    source: str
    licence: str = ""


def load_openml(
    id: int | str | os.PathLike[str],
    cache_dir: str | os.PathLike[str] | None = None,
    *,
    target: str | None = None,
) -> OpenMLTable:
    """A table of OpenML as it is published; `openml` says what the arguments mean and what is raised.

    Args:
        id: number or path.
        cache_dir: folder to keep the table in, or None.
        target: the column to predict.

    Returns:
        The table.
    """
    number = _number(id)
    if number is None:
        return _read_file(Path(str(id)), target)
    folder = None if cache_dir is None else Path(cache_dir)
    if folder is not None:
        for ending in _ENDINGS:
            if (folder / f"{number}{ending}").is_file():
                return _read_file(folder / f"{number}{ending}", target)
        if _sidecar(folder, number).is_file():
            return _with_target(_read_cache(folder, number), target)
    table = _fetch(number, folder, target)
    if folder is not None:
        _write_cache(folder, number, table)
    return table


def _number(id: Any) -> int | None:
    """The number of a dataset; None for a path."""
    if isinstance(id, int) and not isinstance(id, bool) and id >= 1:
        return id
    if isinstance(id, str) and id.isdigit() and int(id) >= 1:
        return int(id)
    if isinstance(id, str | os.PathLike) and str(id).endswith(_ENDINGS):
        return None
    raise ParameterError(
        f"`id` must be a number of OpenML, such as 41166, or the path of a file ending in {', '.join(_ENDINGS)}; "
        f"got {id!r}."
    )


def _with_target(table: OpenMLTable, target: str | None) -> OpenMLTable:
    if target is None or target == table.target:
        return table
    if target not in table.frame.columns:
        raise ParameterError(f"`target` must be a column of {table.source}; got {target!r}.")
    return OpenMLTable(table.frame, target, table.source, table.licence)


# ------------------------------------------------------------------------------------------------- network


def _fetch(number: int, folder: Path | None, target: str | None) -> OpenMLTable:
    """From the network, by scikit-learn, which checks OpenML's own checksum."""
    from sklearn.datasets import fetch_openml

    try:
        bunch: Any = fetch_openml(
            data_id=number, as_frame=True, cache=False, n_retries=1, target_column=target or "default-target"
        )
    except HTTPError as error:
        raise DownloadError(_how_without_network(number, folder, f"its server answered {error.code}")) from error
    except OSError as error:
        raise DownloadError(_how_without_network(number, folder, str(getattr(error, "reason", error)))) from error
    except (ValueError, KeyError) as error:  # unknown number, unknown target, sparse table
        raise ParameterError(
            f"OpenML {number} cannot be taken: {error} See https://www.openml.org/d/{number}."
        ) from error
    names = list(bunch.target_names or [])
    if len(names) != 1:
        raise ParameterError(
            f"OpenML {number} names {len(names)} columns to predict; choose one: openml({number}, target=...)."
        )
    details = bunch.details
    source = f"https://www.openml.org/d/{number} ({details['name']}, version {details['version']})"
    return OpenMLTable(bunch.frame, names[0], source, details.get("licence", ""))


def _how_without_network(number: int, folder: Path | None, reason: str) -> str:
    place = "a folder and pass that as `cache_dir`" if folder is None else f"{folder}"
    return (
        f"OpenML {number} could not be fetched: {reason}. Without a network, download the file of "
        f"https://www.openml.org/d/{number} elsewhere and put it as {number}.arff or {number}.csv into {place}."
    )


# --------------------------------------------------------------------------------------------------- files


def _read_file(path: Path, target: str | None) -> OpenMLTable:
    if not path.is_file():
        raise ParameterError(f"there is no file {path}. `id` must be a number of OpenML, or a file.")
    frame = _read_arff(path) if path.name.endswith(".arff") else _read_csv(path.read_bytes(), path, {})
    return _with_target(OpenMLTable(frame, str(frame.columns[-1]), str(path)), target)


def _read_arff(path: Path) -> pd.DataFrame:
    """Numeric and nominal attributes; `?` is missing. scipy reads the head; it does not understand quoted values."""
    import pandas as pd
    from scipy.io import arff

    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        lines = [line for line in lines if line.strip() and not line.startswith("%")]
        start = next(n for n, line in enumerate(lines) if line.strip().lower() == "@data") + 1
        _, meta = arff.loadarff(io.StringIO("".join(lines[:start])))
        kinds = {
            name: str if kind == "nominal" else float for name, kind in zip(meta.names(), meta.types(), strict=True)
        }
        frame = pd.read_csv(
            io.StringIO("".join(lines[start:])), header=None, names=meta.names(), dtype=kinds, quotechar="'",
            escapechar="\\", skipinitialspace=True, keep_default_na=False, na_values=["?"],
        )  # fmt: skip
    except (arff.ArffError, NotImplementedError, ValueError, StopIteration) as error:
        raise FormatError(
            f"{path} cannot be read as ARFF with numeric and nominal attributes: {error!r}. Save it as CSV instead."
        ) from error
    nominal = [name for name, kind in kinds.items() if kind is str]
    return frame.astype(dict.fromkeys(nominal, "category"))


def _read_csv(data: bytes, path: Path, kinds: dict[str, Any]) -> pd.DataFrame:
    """A header line and rows; an empty field is missing."""
    import pandas as pd

    try:
        text = gzip.decompress(data) if path.name.endswith(".gz") else data
        frame = pd.read_csv(io.BytesIO(text), dtype=kinds, keep_default_na=False, na_values=[""])
    except (OSError, EOFError, ValueError) as error:  # pandas' errors are ValueErrors
        raise FormatError(f"{path} cannot be read as a CSV table: {error}") from error
    if frame.shape[0] < 2 or frame.shape[1] < 2:
        raise FormatError(f"{path} must have a header line, two columns and two rows at least; got {frame.shape}.")
    return frame


# --------------------------------------------------------------------------------------------------- cache


def _sidecar(folder: Path, number: int) -> Path:
    return folder / f"openml_{number}.json"


def _write_cache(folder: Path, number: int, table: OpenMLTable) -> None:
    """The rows, then what one must know to read them: without the second file the first counts as absent."""
    frame = table.frame
    data = gzip.compress(frame.to_csv(index=False, lineterminator="\n").encode(), mtime=0)
    about = {
        "sha256": hashlib.sha256(data).hexdigest(),
        "target": table.target,
        "source": table.source,
        "licence": table.licence,
        "categories": [str(name) for name in frame.columns if isinstance(frame[name].dtype, _category_dtype())],
    }
    folder.mkdir(parents=True, exist_ok=True)
    _replace(folder / f"openml_{number}.csv.gz", data)
    _replace(_sidecar(folder, number), json.dumps(about, indent=1).encode())


def _category_dtype() -> Any:
    import pandas as pd

    return pd.CategoricalDtype


def _replace(path: Path, data: bytes) -> None:
    """All of it or nothing."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _read_cache(folder: Path, number: int) -> OpenMLTable:
    path, again = folder / f"openml_{number}.csv.gz", f"Delete {_sidecar(folder, number)} to fetch it again."
    try:
        about = json.loads(_sidecar(folder, number).read_text(encoding="utf-8"))
        expected, kinds = about["sha256"], dict.fromkeys(about["categories"], "category")
        table = {name: about[name] for name in ("target", "source", "licence")}
        data = path.read_bytes()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FormatError(f"the cache of OpenML {number} in {folder} is damaged: {error!r}. {again}") from error
    if hashlib.sha256(data).hexdigest() != expected:
        raise FormatError(f"{path} is not what was written: its sha256 differs from the recorded one. {again}")
    return OpenMLTable(_read_csv(data, path, kinds), **table)

"""Explorer files: a page to share, and still pictures drawn without a browser."""

from __future__ import annotations

import os
from io import BytesIO
from typing import Any

from edgewise.errors import ParameterError
from edgewise.explorer.data import importances
from edgewise.explorer.html import page
from edgewise.explorer.payload import payload_of
from edgewise.explorer.subject import Subject, subject_of
from edgewise.models.files import write_atomic


def to_html(model: Any, path: str | os.PathLike[str], x: Any = None, y: Any = None, **kwargs: Any) -> None:
    """Write one page that opens anywhere, without Python, server or network.

    It holds the network, names, and quantiles of the data; rows of the data only with `data=True`.

    Args:
        model: a `KAN`, `KANRegressor` or `KANClassifier`.
        path: the file to create or replace, by custom `*.html`.
        x: inputs as the model takes them, a pair `(x, y)`, or a dict of data as `create_dataset` gives it; stand-ins
            when None.
        y: labels; with them the page shows losses.
        **kwargs: `data`, `precision`, `title` and `source`, see `edgewise.explorer.payload_of`.

    Raises:
        ParameterError: an argument is outside its documented set, or the model is not one the page can compute.
        ShapeError: data that do not fit.
        DomainError: NaN or infinity in data or parameters.
        OSError: writing failed; an earlier file is unchanged.
    """
    payload = payload_of(model, x, y, **kwargs)
    write_atomic(path, page(payload, payload["title"]).encode("utf-8"))


def to_svg(model: Any, path: str | os.PathLike[str], x: Any = None, **kwargs: Any) -> None:
    """Write the picture of a network as SVG; no browser is involved.

    Args:
        model: a `KAN`, `KANRegressor` or `KANClassifier`.
        path: the file to create or replace.
        x: inputs as the model takes them; they decide how strong each edge is drawn.
        **kwargs: for `edgewise.plot.plot_network`.

    Raises:
        OSError: writing failed; an earlier file is unchanged.
    """
    write_atomic(path, picture(subject_of(model, x), "svg", **kwargs))


def to_png(model: Any, path: str | os.PathLike[str], x: Any = None, *, dpi: float = 192.0, **kwargs: Any) -> None:
    """Write the picture of a network as PNG; no browser is involved.

    Args:
        model: a `KAN`, `KANRegressor` or `KANClassifier`.
        path: the file to create or replace.
        x: inputs as the model takes them; they decide how strong each edge is drawn.
        dpi: pixels per inch; 96 is the size on a screen of ordinary density.
        **kwargs: for `edgewise.plot.plot_network`.

    Raises:
        ParameterError: `dpi` is not a number > 0.
        OSError: writing failed; an earlier file is unchanged.
    """
    if not isinstance(dpi, int | float) or not 0 < dpi < float("inf"):
        raise ParameterError(f"`dpi` must be a number > 0; got {dpi!r}.")
    write_atomic(path, picture(subject_of(model, x), "png", dpi=dpi, **kwargs))


def picture(subject: Subject, kind: str, dpi: float = 96.0, **kwargs: Any) -> bytes:
    """The network as `"svg"` or `"png"`; other arguments are for `edgewise.plot.plot_network`."""
    from matplotlib import rc_context

    stream, metadata = BytesIO(), {"Date": None} if kind == "svg" else None
    kwargs.setdefault("scores", importances(subject.network, subject.x))
    figure = subject.network.plot(subject.x, **kwargs)
    with rc_context({"svg.hashsalt": "edgewise"}):  # the same picture is the same file
        figure.savefig(stream, format=kind, dpi=dpi, metadata=metadata)
    return stream.getvalue()

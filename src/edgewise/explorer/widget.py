"""The explorer in a notebook: an anywidget, with a page and a picture for where no kernel runs."""

# pyright: reportAssignmentType=false
# (traitlets are descriptors: what `Explorer` declares is what one gets)

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Callable
from typing import Any

from edgewise.errors import MissingDependencyError
from edgewise.explorer.edits import apply_edits, overwrite
from edgewise.explorer.files import picture
from edgewise.explorer.html import frame, page, static
from edgewise.explorer.payload import payload_of_subject
from edgewise.explorer.subject import Subject, subject_of
from edgewise.models.files import write_atomic


def explore(
    model: Any, x: Any = None, y: Any = None, *, title: str | None = None, source: str | None = None
) -> Explorer:
    """The interactive page of a model in a notebook.

    Args:
        model: a `KAN`, `KANRegressor` or `KANClassifier`.
        x: inputs as the model takes them, a pair `(x, y)`, or a dict of data as `create_dataset` gives it; stand-ins
            when None.
        y: labels; with them the page shows losses.
        title: heading of the page.
        source: the Python expression that gives this model in a script; "copy as Python" begins with it.

    Returns:
        A widget: the last line of a cell shows it.

    Raises:
        MissingDependencyError: anywidget is not installed.
        ParameterError: the model is not one the page can compute.
        ShapeError: data that do not fit.
        DomainError: NaN or infinity in data or parameters.
    """
    kind = _widget_class()
    return kind(subject_of(model, x, y), model, title=title, source=source)


class Explorer:
    """A model in the interactive page, and what was done to it there. Made by `explore`.

    Attributes:
        subject: the network and its data.
        owner: what was explored: the network, or the estimator around it.
        edits: what was done in the page, in order; see `apply_edits`. Setting it changes the page.
        selection: `[l, i, j]` of the edge that is looked at, or None. Setting it changes the page.
        training: how training goes, while it does.
    """

    edits: list[dict[str, Any]]
    selection: list[int] | None
    training: dict[str, Any] | None
    payload: dict[str, Any]

    def _begin(self, subject: Subject, owner: Any, title: str | None, source: str | None) -> None:
        self.subject, self.owner = subject, owner
        self._heading: dict[str, Any] = {"title": title, "source": source}

    def _payload(self, data: bool) -> dict[str, Any]:
        return payload_of_subject(self.subject, data=data, **self._heading)

    def send(self, content: Any) -> None:
        """Send the page a message."""
        raise NotImplementedError

    def on_message(self, receive: Callable[[Any], None]) -> None:
        """Call `receive` with every message of the page."""
        raise NotImplementedError

    @property
    def model(self) -> Any:
        """A new model with the edits of the page; the one that was explored is as it was."""
        return apply_edits(self.owner, self.edits)

    def apply(self) -> Any:
        """Make the edits in the model that was explored, and begin a new list of edits.

        Returns:
            That model.
        """
        network = self.subject.network
        overwrite(network, apply_edits(network, self.edits))
        self.refresh()
        return self.owner

    def refresh(self) -> None:
        """Show the model as it is now; edits are gone."""
        self.edits = []
        self.payload = self._payload(True)

    def to_html(self, path: str | os.PathLike[str], *, data: bool = False) -> None:
        """Write the edited model as one page, see `edgewise.explorer.to_html`."""
        payload = payload_of_subject(self._edited(), data=data, **self._heading)
        write_atomic(path, page(payload, payload["title"]).encode("utf-8"))

    def to_svg(self, path: str | os.PathLike[str], **kwargs: Any) -> None:
        """Write the edited model as a picture, see `edgewise.explorer.to_svg`."""
        write_atomic(path, picture(self._edited(), "svg", **kwargs))

    def to_png(self, path: str | os.PathLike[str], *, dpi: float = 192.0, **kwargs: Any) -> None:
        """Write the edited model as a picture, see `edgewise.explorer.to_png`."""
        write_atomic(path, picture(self._edited(), "png", dpi=dpi, **kwargs))

    def _edited(self) -> Subject:
        owner = self.subject.owner
        network = apply_edits(self.subject.network, self.edits)
        if owner is not None:
            owner = apply_edits(owner, self.edits)
            network = owner.model_
        return dataclasses.replace(self.subject, network=network, owner=owner)

    def _fallbacks(self) -> dict[str, str]:
        """What viewers without a kernel show: the page in a frame, and a picture. Quantiles only."""
        subject = self._edited()
        payload = payload_of_subject(subject, **self._heading)
        return {
            "text/html": frame(page(payload, payload["title"])),
            "image/svg+xml": picture(subject, "svg").decode("utf-8"),
        }


@functools.cache
def _widget_class() -> Any:
    """`Explorer` as an anywidget; made at first use, since notebooks are not everywhere."""
    try:
        import anywidget  # pyright: ignore[reportMissingImports]
        import traitlets  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise MissingDependencyError(
            "the widget needs anywidget: `pip install 'edgewise[explorer]'`. Without it, "
            "`edgewise.explorer.to_html(model, path, x)` writes the same page to a file."
        ) from error

    class ExplorerWidget(Explorer, anywidget.AnyWidget):
        _esm = static("widget.js")
        _css = static("styles.css")
        payload = traitlets.Dict().tag(sync=True)
        edits = traitlets.List(traitlets.Dict()).tag(sync=True)
        selection = traitlets.List(traitlets.Int(), allow_none=True, default_value=None).tag(sync=True)
        training = traitlets.Dict(allow_none=True, default_value=None).tag(sync=True)

        def __init__(self, subject: Subject, owner: Any, *, title: str | None, source: str | None) -> None:
            self._begin(subject, owner, title, source)
            super().__init__(payload=self._payload(True))  # pyright: ignore[reportCallIssue]

        def send(self, content: Any, buffers: Any = None) -> None:
            anywidget.AnyWidget.send(self, content, buffers)

        def on_message(self, receive: Callable[[Any], None]) -> None:
            self.on_msg(lambda _, content, buffers: receive(content))

        def _repr_mimebundle_(self, **kwargs: Any) -> Any:
            found = super()._repr_mimebundle_(**kwargs)
            data, *rest = found if isinstance(found, tuple) else (found,)
            return ({**self._fallbacks(), **data}, *rest) if data else found

    return ExplorerWidget

"""A model on a local page: what the page must know at every load, and what comes back from it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from edgewise.explorer.edits import apply_edits
from edgewise.explorer.html import page
from edgewise.explorer.payload import payload_of_subject
from edgewise.explorer.server import ExplorerServer
from edgewise.explorer.session import Session, Status
from edgewise.explorer.subject import Subject, subject_of
from edgewise.models import KAN
from edgewise.train import FitResult

_KEPT = ("edits", "selection")


class Live:
    """A page on a local port that shows a model, and its training where there is one.

    Args:
        subject: the network and its data.
        port: 0 for any free one.
        title: heading of the page.
        source: the Python expression that gives this model in a script.

    Attributes:
        server: the server; `server.url` is the address.
        session: the training.

    Raises:
        ParameterError: the port is not one, or is taken.
        DomainError: NaN or infinity in the parameters.
    """

    def __init__(self, subject: Subject, port: int = 0, *, title: str | None = None, source: str | None = None) -> None:
        self.subject = subject
        self._heading: dict[str, Any] = {"title": title, "source": source}
        self._values: dict[str, Any] = {"edits": [], "selection": None, "training": None}
        self._is_renewed = False  # the payload is another one than pages may have been loaded with
        self._payload = payload_of_subject(subject, data=True, **self._heading)
        self.session = Session(self._show, self._tell)
        self.server = ExplorerServer(self._document, self._receive, port, self._remembered)
        self.server.start()

    @property
    def edits(self) -> list[dict[str, Any]]:
        """What was done in the page."""
        return self._values["edits"]

    def edited(self) -> Any:
        """A new model (estimator, where there is one) with what was done in the page.

        Raises:
            ParameterError: an edit cannot be applied.
        """  # noqa: DOC201 said in the first line
        return apply_edits(self.subject.owner or self.subject.network, self.edits)

    def fit(self, model: KAN, data: Any, y: Any = None, **options: Any) -> FitResult:
        """Train on the page, see `Session.fit`."""
        result = self.session.fit(model, data, y, **options)
        owner = self.subject.owner
        if owner is not None:
            owner.model_ = result.model
        self.subject = dataclasses.replace(self.subject, network=result.model)
        self._values["edits"] = []
        self._payload = payload_of_subject(self.subject, data=True, **self._heading)
        self._is_renewed = True
        self.server.set("edits", [])
        self.server.set("payload", self._payload)
        return result

    def close(self) -> None:
        """End the page."""
        self.server.close()

    # ------------------------------------------------------------------------------- to and from the page

    def _document(self) -> str:
        return page(self._payload, self._payload["title"], "server")

    def _remembered(self) -> list[dict[str, Any]]:
        values = {"payload": self._payload} if self._is_renewed else {}
        values.update({key: value for key, value in self._values.items() if value or key == "edits"})
        frames = [{"message": frame} for frame in list(self.session.frames.kept)]
        return [*frames, *({"key": key, "value": value} for key, value in values.items())]

    def _receive(self, event: dict[str, Any]) -> None:
        if "message" in event:
            self.session.receive(event["message"])
        elif event["key"] in _KEPT:
            self._values[event["key"]] = event["value"]
            if event["key"] == "edits":  # another tab's next list would undo these
                self.server.set("edits", event["value"], event.get("page"))

    def _show(self, frame: dict[str, Any]) -> None:
        self.server.send(frame)

    def _tell(self, status: Status) -> None:
        self._values["training"] = status.json()
        self.server.set("training", self._values["training"])


def trainer(estimator: Any, opened: Callable[[Live], None], port: int = 0, **heading: Any) -> Callable[..., FitResult]:
    """What an estimator's `fit` takes as `trainer` to train on a local page.

    Args:
        estimator: the estimator.
        opened: called with the page, once there is something to show.
        port: 0 for any free one.
        **heading: `title` and `source` of the page.

    Returns:
        A function with the arguments of `edgewise.train.fit`.
    """

    def train(model: KAN, data: Any, **options: Any) -> FitResult:
        rows, labels = data
        subject = dataclasses.replace(subject_of(estimator), x=rows, y=labels, given=True)
        live = Live(subject, port, **heading)
        opened(live)
        return live.fit(model, data, **options)

    return train

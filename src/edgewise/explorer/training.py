"""Training in the background, so that a notebook stays free to show and steer it."""

from __future__ import annotations

import dataclasses
import threading
from typing import Any, cast

from edgewise.errors import ConvergenceError, MissingDependencyError, ParameterError
from edgewise.explorer.session import Session, Status, rows_of
from edgewise.explorer.subject import subject_of
from edgewise.explorer.widget import Explorer, explore
from edgewise.models import KAN
from edgewise.train import FitResult


def train(
    model: KAN, data: Any, y: Any = None, *, title: str | None = None, source: str | None = None, **options: Any
) -> Training:
    """Train in a thread, and show it: losses, splines as they move, refinement and pruning when asked for.

    Args:
        model: a `KAN`; trained in place until it is refined or pruned, which make another one: `training.model`.
        data: inputs, a pair `(x, y)`, or a dict of data as `create_dataset` gives it; in memory.
        y: labels where `data` are inputs.
        title: heading of the page.
        source: the Python expression that gives this model in a script.
        **options: for `edgewise.train.fit`.

    Returns:
        The training, which has begun: the last line of a cell shows it, `wait()` waits for its end.

    Raises:
        ParameterError: the model is not a KAN, or data are not in memory.
        ShapeError: data that do not fit.
        DomainError: NaN or infinity in the data.
    """
    if hasattr(model, "network_data"):
        raise ParameterError(
            f"`model` must be a KAN; got {type(model).__name__}. A training of an estimator is shown by `edgewise fit "
            "--explore`; afterwards `estimator.explore(x, y)` shows what it learned."
        )
    subject_of(model, *rows_of(data, y))  # raises here, not in the thread
    training = Training(model, data, y, title, source, options)
    training.start()
    return training


class Training:
    """A training in the background. Made by `train`.

    Attributes:
        session: the run; `session.frames` are the pictures of it that were kept.
        widget: the page, or None where anywidget is not installed.
        result: what `edgewise.train.fit` returned, once it has.
        error: what ended the training instead, or None.
    """

    def __init__(
        self, model: KAN, data: Any, y: Any, title: str | None, source: str | None, options: dict[str, Any]
    ) -> None:
        self.session = Session(self._show, self._tell)
        self.session.model = model
        self.result: FitResult | None = None
        self.error: BaseException | None = None
        self.widget: Explorer | None = None
        self._arguments, self._rows = (model, data, y, options), rows_of(data, y)
        try:
            self.widget = explore(model, *self._rows, title=title, source=source)
            self.widget.on_message(self.session.receive)
        except MissingDependencyError:
            pass  # nothing to show it in
        self._thread = threading.Thread(target=self._run, name="edgewise training", daemon=True)

    @property
    def model(self) -> KAN:
        """The network; another object than the one passed in once it was refined or pruned."""
        return cast("KAN", self.session.model)

    @property
    def status(self) -> Status:
        """How it goes."""
        return self.session.status

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def steer(self, action: str, **details: Any) -> None:
        """Ask for something after the present step, see `Session.steer`."""
        self.session.steer(action, **details)

    def wait(self, timeout_sec: float | None = None) -> FitResult:
        """Wait for the end.

        Args:
            timeout_sec: how long; for ever when None. Training goes on afterwards.

        Returns:
            What `edgewise.train.fit` returned, of all stages.

        Raises:
            ConvergenceError: it has not ended in time.
            BaseException: the error that ended the training.
        """
        self._thread.join(timeout_sec)
        if self.error is not None:
            raise self.error
        if self.result is None:
            raise ConvergenceError(
                f"training has not ended within {timeout_sec:g} s; it goes on. Wait again, or stop it."
            )
        return self.result

    def _run(self) -> None:
        model, data, y, options = self._arguments
        try:
            self.result = self.session.fit(model, data, y, **options)
        except BaseException as error:
            self.error = error
            raise  # the thread's own report: an error that nobody waits for is seen all the same
        finally:
            self._show_result()

    def _show_result(self) -> None:
        if self.widget is not None:
            self.widget.subject = dataclasses.replace(self.widget.subject, network=self.model)
            self.widget.owner = self.model
            self.widget.refresh()

    def _show(self, frame: dict[str, Any]) -> None:
        if self.widget is not None:
            self.widget.send(frame)

    def _tell(self, status: Status) -> None:
        if self.widget is not None:
            self.widget.training = status.json()

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """What a notebook shows: the page, else a line of text."""
        shown: Any = self.widget
        return {"text/plain": repr(self)} if shown is None else shown._repr_mimebundle_(**kwargs)

    def __repr__(self) -> str:
        """In one line."""
        status = self.status
        return f"<training: {status.state}, step {status.step} of {status.steps}. {status.message}>"

"""Training that can be watched and steered: `Session.fit` is `edgewise.train.fit` with a page beside it.

The page's wishes wait in a queue that is read between two steps, so nothing ever changes under a step's feet. Pruning
and refinement make another network; the steps that are left go on with that one.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, cast

from edgewise.errors import ParameterError
from edgewise.explorer.arrays import finite
from edgewise.explorer.payload import network_json
from edgewise.explorer.subject import check_network
from edgewise.interpret.data import from_set
from edgewise.models import KAN
from edgewise.train import FitResult, fit
from edgewise.train.callbacks import FitState, StopFit

ACTIONS = ("pause", "resume", "step", "stop", "refine", "prune")
_FASTEST_SEC = 0.05  # between frames
_BYTES_PER_SEC = 4e6
_PAUSE_PER_WORK = 10.0  # showing takes at most a tenth of the time
_LISTEN_SEC = 0.2
_MOST_FRAMES = 100
_MOST_HISTORY_BYTES = 32e6
_PRUNE_THRESHOLD = 0.03


@dataclass
class Status:
    """How training goes; the page shows it.

    Attributes:
        state: `"running"`, `"paused"`, `"done"`, `"stopped"` or `"failed"`.
        step: steps done, over all stages.
        steps: steps asked for.
        message: why it ended, or what went wrong.
        events: `[step, what]` of everything that happened to the network.
    """

    state: str = "running"
    step: int = 0
    steps: int = 0
    message: str = ""
    events: list[list[Any]] = field(default_factory=list)

    def json(self) -> dict[str, Any]:
        """What JSON can hold."""
        return {**vars(self), "events": [list(event) for event in self.events]}


class Frames:
    """The frames of a run, bounded in number and bytes: when full, every second one goes."""

    def __init__(self) -> None:
        self.kept: list[dict[str, Any]] = []
        self._every, self._seen = 1, 0

    def add(self, frame: dict[str, Any], size: int) -> None:
        """Keep a frame of about `size` bytes, or not."""
        self._seen += 1
        if self._seen % self._every:
            return
        self.kept.append(frame)
        if len(self.kept) > _MOST_FRAMES or len(self.kept) * size > _MOST_HISTORY_BYTES:
            self.kept = self.kept[1::2]
            self._every *= 2


class Session:
    """One run of training with a page beside it.

    Args:
        show: called with every frame: `step`, `seconds`, losses and the network.
        tell: called with the `Status` whenever it changes.

    Attributes:
        model: the network in training; another object after pruning or refinement.
        status: how it goes.
        frames: those kept, oldest first.
    """

    def __init__(
        self,
        show: Callable[[dict[str, Any]], None] = lambda frame: None,
        tell: Callable[[Status], None] = lambda status: None,
    ) -> None:
        self.show, self.tell = show, tell
        self.model: KAN | None = None
        self.status, self.frames = Status(), Frames()
        self._wishes: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._paused, self._stopped, self._due = False, False, 0.0
        self._event: str | None = None
        self._bound: str | None = None  # the option that belongs to the first network alone
        self._change: Callable[[KAN], tuple[KAN, str]] | None = None

    # ------------------------------------------------------------------------------------------ steering

    def steer(self, action: str, **details: Any) -> None:
        """Ask for something; it happens after the present step. From any thread.

        Args:
            action: `"pause"`, `"resume"`, `"step"` (one step, then pause), `"stop"`, `"refine"` or `"prune"`.
            **details: `grid`, the number of intervals, for `"refine"`; `threshold`, of `edgewise.interpret.prune`, for
                `"prune"`.

        Raises:
            ParameterError: there is no such action, or its details are not usable.
        """
        if action not in ACTIONS:
            raise ParameterError(f"`action` must be one of {', '.join(ACTIONS)}; got {action!r}.")
        if action != "stop" and self.status.state in ("done", "stopped", "failed"):
            raise ParameterError(f"`action` {action!r} comes too late: the training has ended ({self.status.state}).")
        if action in ("refine", "prune") and self._bound is not None:
            raise ParameterError(
                f"`action` {action!r} makes another network, which the instance given as `{self._bound}` cannot train. "
                "Give it by name or as a class."
            )
        if action == "refine":
            grid = details.get("grid")
            if not isinstance(grid, int) or isinstance(grid, bool) or not 1 <= grid <= 10_000:
                raise ParameterError(f"`grid` must be a number of intervals from 1 to 10000; got {grid!r}.")
            present = self.model.grid if self.model is not None else None
            if isinstance(present, int) and grid <= present:
                raise ParameterError(f"`grid` must be more than the present {present} intervals; got {grid}.")
        if action == "prune":
            threshold = details.get("threshold", _PRUNE_THRESHOLD)
            if not isinstance(threshold, int | float) or not 0 <= threshold < 1:
                raise ParameterError(f"`threshold` must be a number >= 0 and < 1; got {threshold!r}.")
        self._wishes.put({"action": action, **details})

    def receive(self, message: Any) -> None:
        """A message of the page; one that makes no sense is told to the page and does no harm."""
        if not isinstance(message, dict) or message.get("type") != "steer":
            return
        known = {name: message[name] for name in ("grid", "threshold") if name in message}
        try:
            self.steer(str(message.get("action")), **known)
        except ParameterError as error:
            self.status.message = str(error)
            self.tell(self.status)

    # ---------------------------------------------------------------------------------------------- runs

    def fit(self, model: KAN, data: Any, y: Any = None, **options: Any) -> FitResult:
        """Train as `edgewise.train.fit` does, shown and steered.

        Args:
            model: the network; trained in place until the page asks for another one.
            data: inputs, a pair, or a dict of data as `create_dataset` gives it.
            y: labels where `data` are inputs.
            **options: for `edgewise.train.fit`.

        Returns:
            The result; `result.model` is the network at the end, `history` is of all stages.

        Raises:
            ParameterError: `model` is not a KAN, or an option of `edgewise.train.fit` is not usable.
            BaseException: whatever ended the training; the status says it too.
        """
        check_network(model)
        self._rows = rows_of(data, y)[0]
        self.model, self._begun = model, time.monotonic()
        self.status, self.frames = Status(steps=options.pop("steps", 200)), Frames()
        self._paused, self._stopped, self._due = False, False, 0.0
        self._bound = next((name for name in ("opt", "scheduler") if _has_state(options.get(name))), None)
        self._say("running")
        own = options.pop("callbacks", ())
        watchers = (own,) if callable(own) else tuple(own)
        try:
            result = self._stages(data, y, {"progress": False, **options, "callbacks": (*watchers, self._after_step)})
            self._show(result.history)
        except BaseException as error:
            self._say("failed", f"{type(error).__name__}: {error}")
            raise
        if self._stopped:
            result.stopped_because = f"Stopped after {self.status.step} steps, as asked for in the explorer."
        ended = self._stopped or result.interrupted
        self._say("stopped" if ended else "done", result.stopped_because)
        return result

    def _stages(self, data: Any, y: Any, options: dict[str, Any]) -> FitResult:
        model, result, left = self.model, None, self.status.steps
        limit = options.get("time_limit_sec")
        while True:
            self._grid, self._before, self._last = model.grid, self.status.step, 0  # pyright: ignore[reportOptionalMemberAccess]
            stage = fit(model, data, y, steps=left, **options)  # pyright: ignore[reportArgumentType]
            result = stage if result is None else _joined(result, stage)
            change, self._change = self._change, None
            if change is None:
                if self._before and self.status.step == self.status.steps:
                    result.stopped_because = f"All {self.status.steps} steps are done."
                return result
            self.model, what = change(cast("KAN", stage.model))
            model = result.model = self.model
            self._happened(what)
            self._show(stage.history)
            # What was chosen for the first network does not concern the next one, whose knots stay where they are.
            options = {**options, "restarts": 1, "grids": None, "update_grid": False, "resume": False}
            if limit is not None:
                options["time_limit_sec"] = max(limit - (time.monotonic() - self._begun), 1e-3)
            left = max(self.status.steps - self.status.step, 0)

    def _after_step(self, state: FitState) -> None:
        if state.step <= self._last:  # the next grid of a staircase
            self._before += self._last
        self._last = state.step
        model = cast("KAN", state.model)
        if model.grid != self._grid:  # before this step
            self._grid = model.grid
            self._happened(f"refined to {model.grid}")
        self.status.step = self._before + state.step
        self.status.steps = max(self.status.steps, self.status.step)
        if time.monotonic() >= self._due or self._paused:
            self._show(state.history)
            self.tell(self.status)
        while self._wait_for_wish():
            pass

    def _wait_for_wish(self) -> bool:
        """Do what the page asks for next; False where training goes on."""
        try:
            wish = self._wishes.get(timeout=_LISTEN_SEC) if self._paused else self._wishes.get_nowait()
        except queue.Empty:
            return self._paused
        action = wish["action"]
        if action in ("pause", "resume", "step"):
            self._paused = action != "resume"
            self._say("paused" if self._paused else "running")
            return action != "step"
        if action == "stop":
            self._stopped = True
            raise StopFit("asked for in the explorer.")
        self._change = partial(_refined, wish) if action == "refine" else partial(_pruned, wish, self._rows)
        raise StopFit(f"to {action} the network.")

    # ------------------------------------------------------------------------------------------- telling

    def _happened(self, what: str) -> None:
        self.status.events.append([self.status.step, what])
        self._event = what
        self.tell(self.status)

    def _say(self, state: str, message: str = "") -> None:
        self.status.state, self.status.message = state, message
        self.tell(self.status)

    def _show(self, history: dict[str, list[float]]) -> None:
        """Hand out a frame, and put the next one off for as long as this one is worth."""
        start = time.monotonic()
        held_back = history.get("val_loss") or history.get("test_loss") or [None]
        losses = history.get("train_loss") or [None]
        frame = {
            "type": "frame",
            "step": self.status.step,
            "seconds": round(start - self._begun, 3),
            "train_loss": finite(losses[-1]),
            "validation_loss": finite(held_back[-1]),
            "model": network_json(cast("KAN", self.model), "f4"),
            "event": self._event,
        }
        self._event = None
        layers: list[dict[str, Any]] = frame["model"]["layers"]
        size = sum(len(layer["coef"]["data"]) for layer in layers)
        self.frames.add(frame, size)
        self.show(frame)
        now = time.monotonic()
        self._due = now + max(_FASTEST_SEC, size / _BYTES_PER_SEC, _PAUSE_PER_WORK * (now - start))


def _has_state(option: Any) -> bool:
    """Whether an optimizer or a scheduler is one that is made already."""
    return hasattr(option, "state_dict") and not isinstance(option, type)


def rows_of(data: Any, y: Any = None) -> tuple[Any, Any]:
    """Inputs and labels of training data.

    Args:
        data: inputs, a pair, or a dict of data.
        y: labels where `data` are inputs.

    Returns:
        Inputs and labels.

    Raises:
        ParameterError: the data are of another form.
    """
    x, y = from_set(tuple(data) if y is None and isinstance(data, list) and len(data) == 2 else data, y)
    if y is None:
        raise ParameterError(
            "training in the explorer takes `x, y`, a pair or a dict of data, all in memory; got "
            f"{type(data).__name__} alone."
        )
    return x, y


def _refined(wish: dict[str, Any], model: KAN) -> tuple[KAN, str]:
    return model.refine(wish["grid"]), f"refined to {wish['grid']}"


def _pruned(wish: dict[str, Any], rows: Any, model: KAN) -> tuple[KAN, str]:
    new = model.prune(rows, edge_th=wish.get("threshold", _PRUNE_THRESHOLD))
    return new, f"pruned from {model.n_edges} to {new.n_edges} edges"


def _joined(first: FitResult, then: FitResult) -> FitResult:
    """Two stages as one result."""
    history = {name: values + then.history.get(name, []) for name, values in first.history.items()}
    best = first.steps + then.best_step
    return replace(
        then, history=history, steps=first.steps + then.steps, seconds=first.seconds + then.seconds, best_step=best
    )

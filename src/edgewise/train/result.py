"""What `fit` returns."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from torch import nn


@dataclass(frozen=True)
class Stage:
    """One grid of a staircase.

    Attributes:
        grid: intervals per spline.
        steps: steps done.
        train_rmse: root of the mean squared error (of the loss, where that is another) at its end.
        val_rmse: the same of the validation set, or None.
        test_rmse: the same of the test set, or None.
        seconds: time spent.
    """

    grid: int
    steps: int
    train_rmse: float
    val_rmse: float | None
    test_rmse: float | None
    seconds: float


@dataclass(eq=False)
class FitResult(Mapping[str, list[float]]):
    """History of a run and why it ended; also a mapping over the history: `result["train_loss"]`.

    Attributes:
        model: the trained model, the same object that was passed to `fit`.
        history: one list per quantity, one entry per step. `"train_loss"` always; `"val_loss"` and
            `"test_loss"` where there is such a set; `"*_rmse"` beside each for the loss `"mse"`; `"penalty"`
            with `lamb > 0`; `"lr"` (at the start of the step); and `"*_NAME"` for every metric. A run that ended
            before its first step has the same quantities, all empty.
        stopped_because: a sentence.
        opt: name of the optimizer that was used.
        why_opt: a sentence.
        steps: steps done, over all resumed parts; without those that several starts made together.
        seconds: time spent in training, over all resumed parts, with that of all starts; of `fit_many` that of the
            batch.
        best_step: the step whose weights the model has, counted from 1; with a validation set the one with
            the lowest validation loss, otherwise the last. 0 if no step was done.
        interrupted: whether Ctrl-C ended the run.
        grid_steps: number of steps done before each grid update.
        stages: one entry per grid of a staircase; empty without one.
        start: which of several starts was the best, from 0 (the model as it was).
    """

    model: nn.Module = field(repr=False)
    history: dict[str, list[float]] = field(repr=False)
    stopped_because: str
    opt: str
    why_opt: str
    steps: int
    seconds: float
    best_step: int
    interrupted: bool = False
    grid_steps: tuple[int, ...] = ()
    stages: tuple[Stage, ...] = ()
    start: int = 0

    def __getitem__(self, name: str) -> list[float]:
        """The history of one quantity."""
        return self.history[name]

    def __iter__(self) -> Iterator[str]:
        """Names of the quantities."""
        return iter(self.history)

    def __len__(self) -> int:
        """Number of quantities."""
        return len(self.history)

    def __str__(self) -> str:
        last = {name: values[self.best_step - 1] for name, values in self.history.items() if values and name != "lr"}
        numbers = ", ".join(f"{name} {value:.3g}" for name, value in last.items())
        return f"{self.steps} steps of {self.opt} in {self.seconds:.1f} s: {numbers}. {self.stopped_because}"

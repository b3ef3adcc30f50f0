"""The progress bar: there when someone watches, silent otherwise."""

import time
from typing import Any

from edgewise.terminal import watched


class Progress:
    """A `tqdm.auto` bar, or nothing.

    Args:
        show: True, False, or None for "when someone watches".
        steps: length of the bar.
        done: where it starts.
    """

    def __init__(self, show: bool | None, steps: int, done: int = 0) -> None:
        self._bar: Any = None
        self._next = 0.0
        if watched() if show is None else show:
            from tqdm.auto import tqdm

            self._bar = tqdm(total=steps, initial=done, unit="step", dynamic_ncols=True)

    def step(self, row: dict[str, float]) -> None:
        """Advance by one step and show its numbers, at most ten times a second."""
        if self._bar is None:
            return
        now = time.monotonic()
        if now >= self._next:
            self._next = now + 0.1
            shown = {name: f"{value:.2e}" for name, value in row.items() if name.endswith(("_loss", "_rmse"))}
            rmse = {name: text for name, text in shown.items() if name.endswith("_rmse")}
            self._bar.set_postfix(rmse or shown, refresh=False)
        self._bar.update()

    def describe(self, text: str) -> None:
        """Put a text in front of the bar."""
        if self._bar is not None:
            self._bar.set_description_str(text, refresh=False)

    def close(self) -> None:
        """Leave the bar as it stands."""
        if self._bar is not None:
            self._bar.close()

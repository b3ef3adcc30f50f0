"""A line search for the strong Wolfe conditions, as a generator of trial steps.

The search decides; somebody else evaluates: `strong_wolfe` yields step lengths and is sent loss and slope. The same
state machine then serves one model (`search`), and hundreds of models whose trials are evaluated as one batch.

Everything is relative: the search of `1e-28 * f` makes the same steps as that of `f`.

Source: Nocedal and Wright (2006), Numerical Optimization, algorithms 3.5 and 3.6 in one loop; safeguards after
More and Thuente (1994), ACM TOMS 20.
"""

import math
from collections.abc import Generator
from typing import NamedTuple

from torch import Tensor

from edgewise.errors import ParameterError
from edgewise.optim.objective import Evaluation, Objective

_EXPAND = (1.1, 10.0)
"""By what factors a step grows that was too short."""

_MARGIN = 0.1
"""Trials inside an interval keep this part of it away from both ends, so that it must shrink."""

_ROUNDING = 2.0**-53


class _Trial(NamedTuple):
    step: float
    loss: float
    slope: float


def strong_wolfe(
    loss0: float, slope0: float, step: float, *, c1: float = 1e-4, c2: float = 0.9, max_trials: int = 25
) -> Generator[float, tuple[float, float], float]:
    """Find a step that lowers the loss enough and flattens its slope.

        loss(t) <= loss0 + c1 t slope0          sufficient decrease
        |slope(t)| <= c2 |slope0|               curvature

    Args:
        loss0: loss at the start.
        slope0: directional derivative there, negative.
        step: first trial, positive.
        c1: fraction of the linear decrease asked for.
        c2: fraction of the slope that may remain; larger than `c1`.
        max_trials: how many evaluations at most.

    Yields:
        A step length to evaluate; send `(loss, slope)` there. If either is not finite the next trial is shorter.

    Returns:
        The accepted step: one that meets both conditions; if none was found in time, the lowest that meets the
        first; then the lowest of all. 0.0 if no trial was lower than the start.

    Raises:
        ParameterError: `slope0` is not negative, `step` not positive, or an option is outside its range.

    >>> search = strong_wolfe(1.0, -2.0, 10.0)  # of (1 - t)^2
    >>> next(search)
    10.0
    >>> search.send((81.0, 18.0))
    1.0
    """
    if not (0 < c1 < c2 < 1 and max_trials >= 1):
        raise ParameterError(f"0 < `c1` < `c2` < 1 and `max_trials` >= 1 must hold; got {c1}, {c2}, {max_trials}.")
    if not (slope0 < 0 < step and math.isfinite(step)):
        raise ParameterError(f"`slope0` must be < 0 and `step` > 0 and finite; got {slope0:g} and {step:g}.")
    before = low = best = _Trial(0.0, loss0, slope0)
    high: _Trial | None = None  # with `low`, encloses acceptable steps
    for _ in range(max_trials):
        loss, slope = yield step
        finite = math.isfinite(loss) and math.isfinite(slope)
        trial = _Trial(step, loss, slope) if finite else _Trial(step, math.inf, math.nan)
        best = min(best, trial, key=lambda known: known.loss)
        if trial.loss > loss0 + c1 * step * slope0 or trial.loss >= low.loss:
            high = trial
        elif abs(slope) <= -c2 * slope0:
            return step
        else:
            if slope * (1.0 if high is None else high.step - low.step) >= 0:  # rises towards `high`
                high = low
            before, low = low, trial
        step = _longer(before, low) if high is None else _between(low, high)
        if step in (low.step, high and high.step) or not math.isfinite(step):
            break
        if low.step == 0.0 and -slope0 * step <= _ROUNDING * abs(loss0):  # what remains cannot be seen in the loss
            break
    return low.step or best.step


def search(
    objective: Objective, here: Evaluation, direction: Tensor, step: float, *, slope: float | None = None
) -> Evaluation:
    """Search along a direction of descent.

    Args:
        objective: what to minimize.
        here: the start.
        direction: `(n,)`.
        step: first trial, as a multiple of `direction`.
        slope: directional derivative at the start, if it is to be something else than `grad @ direction`.

    Returns:
        The accepted evaluation, lower than `here`; or `here` itself.
    """
    slope0 = float(here.grad @ direction) if slope is None else slope
    if not (slope0 < 0 and math.isfinite(slope0)):
        return here
    trials = strong_wolfe(here.loss, slope0, step)
    seen = {0.0: here}
    trial = next(trials)
    while True:
        found = objective.evaluate(here.x + trial * direction)
        seen[trial] = found
        slope_there = float(found.grad @ direction) if math.isfinite(found.loss) else math.nan
        try:
            trial = trials.send((found.loss, slope_there))
        except StopIteration as end:
            return seen[end.value]


def first_trial(here: Evaluation) -> float:
    """How far to try along `-grad` when nothing is known about the curvature.

    A step of length 1, but not further than to where the tangent has used up twice the loss (a step of Polyak's
    length, if the lowest loss is 0): from a point that is nearly a solution, length 1 is far too much. Neither depends
    on the unit of the loss.

    Args:
        here: the start.

    Returns:
        The step as a multiple of the gradient.
    """
    size = float(here.grad.norm())
    if not 0 < size < math.inf:
        return 1.0
    length = min(1.0, 2 * abs(here.loss) / size)
    return (length or 1.0) / size


def _longer(before: _Trial, low: _Trial) -> float:
    """Beyond `low`, where the loss still falls."""
    shortest, longest = (low.step * factor for factor in _EXPAND)
    guess = _cubic_minimum(before, low)
    return longest if guess is None or guess <= low.step else min(max(guess, shortest), longest)


def _between(low: _Trial, high: _Trial) -> float:
    """Inside the interval."""
    width = high.step - low.step
    if not math.isfinite(high.loss):  # only the first trials are likely to be far off
        return low.step + width * (0.1 if low.step == 0.0 else 0.5)
    guess = _cubic_minimum(low, high)
    part = 0.5 if guess is None else (guess - low.step) / width
    return low.step + width * min(max(part, _MARGIN), 1.0 - _MARGIN)


def _cubic_minimum(a: _Trial, b: _Trial) -> float | None:
    """Minimum of the cubic with the losses and slopes of two trials; None if it has none. Eq. 3.59."""
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.step - b.step)
    size = max(abs(d1), abs(a.slope), abs(b.slope))  # squares of slopes near 1e-160 would vanish
    if not 0 < size < math.inf:
        return None
    square = (d1 / size) * (d1 / size) - (a.slope / size) * (b.slope / size)
    if square < 0:
        return None
    d2 = math.copysign(size * math.sqrt(square), b.step - a.step)
    below = b.slope - a.slope + 2 * d2
    return None if below == 0 else b.step - (b.step - a.step) * (b.slope + d2 - d1) / below

"""The strong Wolfe search: what it accepts, and that it depends on no unit."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from edgewise.errors import ParameterError
from edgewise.optim import FunctionObjective, strong_wolfe
from edgewise.optim.line_search import search

# Value and slope along a line, with a negative slope at 0; each is hard in its own way.
FUNCTIONS = {
    "quadratic": (lambda t: (t - 1) ** 2, lambda t: 2 * (t - 1)),
    "far": (lambda t: (t - 1e6) ** 2, lambda t: 2 * (t - 1e6)),
    "near": (lambda t: (t - 1e-6) ** 2, lambda t: 2 * (t - 1e-6)),
    "quartic": (lambda t: (t - 2) ** 4 - t, lambda t: 4 * (t - 2) ** 3 - 1),
    "waves": (lambda t: 0.1 * t * t - 3 * math.sin(9 * t), lambda t: 0.2 * t - 27 * math.cos(9 * t)),
    "wall": (
        lambda t: -math.log(3 - t) - 5 * t if t < 3 else math.nan,
        lambda t: 1 / (3 - t) - 5 if t < 3 else math.nan,
    ),
    "overflow": (lambda t: math.exp(t) - 3 * t if t < 700 else math.inf, lambda t: math.exp(min(t, 700)) - 3),
}
EVERY_FUNCTION = pytest.mark.parametrize(("value", "slope"), FUNCTIONS.values(), ids=FUNCTIONS.keys())


def drive(value, slope, step, **options):
    """Run a search; the accepted step and all trials."""
    trials = []
    generator = strong_wolfe(value(0.0), slope(0.0), step, **options)
    trial = next(generator)
    while True:
        trials.append(trial)
        try:
            trial = generator.send((value(trial), slope(trial)))
        except StopIteration as end:
            return end.value, trials


@EVERY_FUNCTION
@pytest.mark.parametrize("step", [1e-4, 1.0, 1e3])
@pytest.mark.parametrize("c2", [0.9, 0.1])
def test_the_accepted_step_meets_both_wolfe_conditions(value, slope, step, c2):
    accepted, _ = drive(value, slope, step, c2=c2, max_trials=60)
    assert value(accepted) <= value(0.0) + 1e-4 * accepted * slope(0.0)
    assert abs(slope(accepted)) <= c2 * abs(slope(0.0))


@EVERY_FUNCTION
@pytest.mark.parametrize("max_trials", [1, 2, 3, 7])
@pytest.mark.parametrize("step", [1e-9, 1e9])
def test_out_of_time_it_returns_the_lowest_it_has_seen_or_nothing(value, slope, max_trials, step):
    accepted, trials = drive(value, slope, step, max_trials=max_trials)
    assert len(trials) <= max_trials
    assert accepted == 0.0 or (accepted in trials and value(accepted) < value(0.0))
    if any(value(t) < value(0.0) for t in trials):
        assert accepted > 0


@given(
    st.lists(st.floats(-10, 10) | st.just(math.nan) | st.just(math.inf), min_size=25, max_size=25),
    st.lists(st.floats(-10, 10) | st.just(math.nan), min_size=25, max_size=25),
    st.floats(1e-8, 1e8),
)
def test_whatever_it_is_told_it_never_returns_a_higher_point(losses, slopes, step):
    answers = iter(zip(losses, slopes, strict=True))
    told = {0.0: 0.0}
    generator = strong_wolfe(0.0, -1.0, step)
    trial = next(generator)
    while True:
        loss, slope = next(answers)
        assert trial > 0
        assert math.isfinite(trial)
        told[trial] = loss
        try:
            trial = generator.send((loss, slope))
        except StopIteration as end:
            accepted = end.value
            break
    assert accepted == 0.0 or told[accepted] < 0.0


@EVERY_FUNCTION
@pytest.mark.parametrize("unit", [2.0**-400, 2.0**300])  # powers of two: nothing is rounded differently
def test_the_unit_of_the_loss_changes_no_step(value, slope, unit):
    if value(1e3) * unit > 1e300:  # overflows
        unit = 1 / unit
    scaled = drive(lambda t: unit * value(t), lambda t: unit * slope(t), 1.0)
    assert scaled == drive(value, slope, 1.0)


@pytest.mark.parametrize("unit", [2.0**-40, 2.0**40])
def test_the_unit_of_the_step_changes_nothing(unit):
    value, slope = FUNCTIONS["waves"]
    accepted, trials = drive(lambda t: value(t / unit), lambda t: slope(t / unit) / unit, unit)
    expected, expected_trials = drive(value, slope, 1.0)
    assert accepted == expected * unit
    assert trials == [t * unit for t in expected_trials]


def test_a_quadratic_is_solved_by_the_first_interpolation():
    """The cubic through two points of a parabola is the parabola."""
    for step in (0.01, 1.9999, 8.0):
        accepted, trials = drive(*FUNCTIONS["quadratic"], step, c2=1e-3)
        assert accepted == pytest.approx(1.0, abs=1e-3)
        assert len(trials) <= 4  # the safeguards allow a factor of ten a trial


def test_nan_shortens_the_step_at_once():
    _, trials = drive(*FUNCTIONS["wall"], 1e3)
    assert trials[1] == pytest.approx(100.0)


def test_a_decrease_that_is_too_small_is_taken_only_for_want_of_a_better():
    """Flat and lower, but by less than 1e-4 of what the slope promises."""
    trials = strong_wolfe(1.0, -1.0, 1.0)
    assert next(trials) == 1.0
    assert 0 < trials.send((1 - 1e-6, 0.0)) < 1  # not accepted yet
    trials = strong_wolfe(1.0, -1.0, 1.0, max_trials=1)
    next(trials)
    with pytest.raises(StopIteration) as end:
        trials.send((1 - 1e-6, 0.0))
    assert end.value.value == 1.0


def test_at_rounding_level_it_gives_up_early():
    """Where a decrease cannot be seen in the loss any more, further trials are wasted."""
    accepted, trials = drive(lambda t: 1.0 + max(t, 0.0) * 2.0**-52, lambda t: -1e-12, 1.0)
    assert accepted == 0.0
    assert len(trials) < 10


@pytest.mark.parametrize(("slope", "step"), [(0.0, 1.0), (1.0, 1.0), (math.nan, 1.0), (-1.0, 0.0), (-1.0, math.inf)])
def test_a_direction_that_does_not_descend_is_refused(slope, step):
    with pytest.raises(ParameterError, match="`slope0` must be < 0 and `step` > 0"):
        next(strong_wolfe(1.0, slope, step))


@pytest.mark.parametrize("options", [{"c1": 0.0}, {"c1": 0.95}, {"c2": 1.0}, {"max_trials": 0}])
def test_bad_options(options):
    with pytest.raises(ParameterError, match="0 < `c1` < `c2` < 1 and `max_trials` >= 1 must hold; got"):
        next(strong_wolfe(1.0, -1.0, 1.0, **options))


class TestAlongADirection:
    def objective(self, size=1.0):
        a = torch.tensor([1.0, 10.0], dtype=torch.float64)
        return FunctionObjective(
            lambda p: size * (a * (p["x"] - 1) ** 2).sum(), {"x": torch.zeros(2, dtype=torch.float64)}
        )

    @pytest.mark.parametrize("size", [1.0, 1e-28])
    def test_it_returns_the_evaluation_of_the_accepted_step(self, size):
        objective = self.objective(size)
        here = objective.evaluate(objective.layout.start)
        found = search(objective, here, -here.grad / size, 1.0)
        assert found.loss < here.loss
        again = objective.evaluate(found.x)
        assert (again.loss, again.grad.tolist()) == (found.loss, found.grad.tolist())

    @pytest.mark.parametrize("sign", [0.0, 1.0, math.nan])
    def test_it_stays_where_the_direction_does_not_descend(self, sign):
        objective = self.objective()
        here = objective.evaluate(objective.layout.start)
        assert search(objective, here, sign * here.grad, 1.0) is here
        assert objective.evaluations == 1

    def test_it_stays_where_everything_around_is_nan(self):
        objective = FunctionObjective(
            lambda p: torch.where(p["x"] == 0, p["x"] * 2, p["x"] * math.nan).sum(), {"x": torch.zeros(1)}
        )
        here = objective.evaluate(objective.layout.start)
        here.grad = torch.ones(1)
        assert search(objective, here, -torch.ones(1), 1.0) is here

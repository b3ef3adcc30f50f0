"""Least-squares coefficients against scipy, closed forms, and samples that leave coefficients undetermined."""

import math
from itertools import pairwise

import pytest
import torch
from scipy.interpolate import BSpline, make_lsq_spline
from torch.testing import assert_close

from edgewise.errors import DomainError, ParameterError, ShapeError
from edgewise.splines import bspline_basis, extend_knots, fit_coef, uniform_knots

F64 = torch.float64


def random(*shape, seed=0):
    return torch.randn(*shape, dtype=F64, generator=torch.Generator().manual_seed(seed))


def unit_knots(inputs, grid, degree, dtype=F64):
    return uniform_knots(-torch.ones(inputs, dtype=dtype), torch.ones(inputs, dtype=dtype), grid, degree)


def inside(rows, inputs, seed=0):
    return torch.rand(rows, inputs, dtype=F64, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def values(x, coef, knots, degree, outside="extend"):
    return torch.einsum("bis,iso->bio", bspline_basis(x, knots, degree, 0, outside), coef)


@pytest.mark.parametrize("degree", [1, 2, 3, 5])
def test_agrees_with_scipys_weighted_least_squares(degree):
    x, y = inside(300, 1).sort(dim=0).values, random(300, 4)
    weight = torch.rand(300, dtype=F64, generator=torch.Generator().manual_seed(2)) + 0.1
    knots = unit_knots(1, 6, degree)
    expected = make_lsq_spline(x[:, 0].numpy(), y.numpy(), knots[0].numpy(), degree, w=weight.numpy() ** 0.5)
    # scipy solves normal equations: condition squared (1e6 for degree 5), times eps, times 1e2 to spare.
    actual = fit_coef(x, y, knots, degree, sample_weight=weight)
    assert_close(actual[0], torch.from_numpy(expected.c), rtol=0, atol=1e-8)
    fitted = BSpline(knots[0].numpy(), expected.c, degree)(x[:, 0].numpy())
    assert_close(values(x, actual, knots, degree)[:, 0], torch.from_numpy(fitted), rtol=0, atol=1e-11)


@pytest.mark.parametrize("outside", ["extend", "linear"])
@pytest.mark.parametrize("degree", range(6))
def test_functions_in_the_space_come_back(degree, outside):
    knots = extend_knots(torch.tensor([[-1.0, -0.9, 0.1, 0.2, 1.0], [0, 1, 2, 3, 4]], dtype=F64), degree)
    coef = random(2, 4 + degree, 3)
    lo, hi = knots[:, degree], knots[:, -degree - 1]
    x = lo + (hi - lo) * (inside(400, 2) * 0.6 + 0.5)  # a tenth beyond either end
    actual = fit_coef(x, values(x, coef, knots, degree, outside), knots, degree, outside=outside)
    assert_close(actual, coef, rtol=0, atol=1e-10)  # condition below 1e5, measured 4e-12
    assert_close(values(x, actual, knots, degree, outside), values(x, coef, knots, degree, outside), atol=1e-13, rtol=0)


def test_badly_conditioned_functions_in_the_space_are_fitted_to_rounding():
    knots = unit_knots(1, 4, 3)
    # The last function is seen only where it is below 1e-8 of its maximum.
    x = torch.cat([inside(200, 1) * 0.25 - 0.75, torch.linspace(-0.5, 0.505, 60, dtype=F64)[:, None]])
    basis = bspline_basis(x, knots, 3)[:, 0]
    condition = float(torch.linalg.cond(basis))
    assert 1e7 < condition < 1e8
    y = values(x, random(1, 7, 2), knots, 3)
    coef = fit_coef(x, y, knots, 3)
    assert_close(values(x, coef, knots, 3), y, rtol=0, atol=5e-14)  # 1e8 eps = 1e-8 were the condition to enter


@pytest.mark.parametrize("degree", range(1, 6))
def test_the_error_falls_at_the_theoretical_order(degree):
    x = torch.linspace(-1, 1, 4001, dtype=F64)[:, None]
    errors = []
    for grid in (8, 16, 32, 64):
        knots = unit_knots(1, grid, degree)
        coef = fit_coef(x, torch.sin(3 * x), knots, degree, outside="linear")
        errors.append(float((values(x, coef, knots, degree, "linear")[:, 0] - torch.sin(3 * x)).abs().max()))
    orders = [math.log2(a / b) for a, b in pairwise(errors) if b > 1e-12]
    assert orders[-1] == pytest.approx(degree + 1, abs=0.3)


def test_cells_without_a_sample_continue_with_the_smallest_curvature():
    knots = unit_knots(1, 10, 3)
    seen = torch.cat([torch.linspace(-1, -0.5, 40, dtype=F64), torch.linspace(0.5, 1, 40, dtype=F64)])[:, None]
    coef = fit_coef(seen, 3 * seen - 1, knots, 3)
    everywhere = torch.linspace(-1, 1, 101, dtype=F64)[:, None]
    # The line has no curvature at all, so it must come back across the gap. 4e6 eps: rcond and the gap's condition.
    assert_close(values(everywhere, coef, knots, 3)[:, 0], 3 * everywhere - 1, rtol=0, atol=1e-9)
    left = seen[:40]
    coef = fit_coef(left, left, knots, 3)
    assert_close(values(everywhere, coef, knots, 3)[:, 0], everywhere, rtol=0, atol=1e-8)


@pytest.mark.parametrize("degree", range(6))
@pytest.mark.parametrize("rows", [1, 2, 7])
def test_constant_inputs_give_the_weighted_mean_everywhere(degree, rows):
    knots = unit_knots(2, 5, degree)
    y, weight = random(rows, 2, 3), torch.arange(1, rows + 1, dtype=F64)
    coef = fit_coef(torch.full((rows, 2), 0.3, dtype=F64), y, knots, degree, sample_weight=weight)
    mean = (weight[:, None, None] * y).sum(0) / weight.sum()
    everywhere = inside(50, 2)
    assert_close(values(everywhere, coef, knots, degree), mean.expand(50, 2, 3), rtol=0, atol=1e-10)


@pytest.mark.parametrize("degree", range(6))
def test_fewer_rows_than_functions_are_interpolated(degree):
    knots = unit_knots(3, 8, degree)
    x, y = torch.tensor([-0.99, 0.1, 0.8], dtype=F64)[:, None].expand(3, 3), random(3, 3, 2)
    coef = fit_coef(x, y, knots, degree)
    assert coef.isfinite().all()
    assert_close(values(x, coef, knots, degree), y, rtol=0, atol=1e-11)
    assert coef.abs().max() < 100 * y.abs().max()


def test_binary_inputs_give_the_two_means_and_the_line_between():
    x = torch.tensor([0.0, 1.0], dtype=F64).repeat(20)[:, None]
    y = torch.where(x > 0.5, 5.0, 2.0).double() + 0.1 * random(40, 1)
    knots = uniform_knots(torch.tensor([-0.01], dtype=F64), torch.tensor([1.01], dtype=F64), 5, 3)
    coef = fit_coef(x, y, knots, 3)
    at = torch.tensor([[0.0], [0.5], [1.0]], dtype=F64)
    a, b = y[::2].mean(), y[1::2].mean()
    assert_close(values(at, coef, knots, 3)[:, 0, 0], torch.stack([a, (a + b) / 2, b]), rtol=0, atol=1e-9)


def test_points_beyond_every_function_do_not_disturb_extend():
    knots = unit_knots(1, 5, 3)
    x = inside(100, 1)
    far = torch.tensor([[50.0], [-9.0]], dtype=F64)
    with_far = fit_coef(torch.cat([x, far]), torch.cat([x**2, far]), knots, 3)
    assert_close(with_far, fit_coef(x, x**2, knots, 3), rtol=0, atol=1e-12)
    only_far = fit_coef(far, far, knots, 3)
    assert (only_far == 0).all()  # nothing is determined: the smallest values


def test_inputs_do_not_mix_and_undetermined_ones_harm_no_other():
    knots = unit_knots(3, 5, 3)
    x, y = inside(80, 3), random(80, 3, 2)
    x[:, 1] = 0.5
    together = fit_coef(x, y, knots, 3)
    for i in range(3):
        alone = fit_coef(x[:, i : i + 1], y[:, i], knots[i : i + 1], 3)
        assert_close(together[i : i + 1], alone, rtol=0, atol=1e-12)


def test_weights_count_as_repeated_rows():
    knots = unit_knots(2, 4, 3)
    x, y = inside(50, 2), random(50, 2, 3)
    weight = torch.randint(0, 4, (50,), generator=torch.Generator().manual_seed(1))
    expected = fit_coef(x.repeat_interleave(weight, 0), y.repeat_interleave(weight, 0), knots, 3)
    assert_close(fit_coef(x, y, knots, 3, sample_weight=weight.double()), expected, rtol=0, atol=1e-11)


def test_float32_is_solved_in_float64():
    knots, x = unit_knots(1, 20, 3, torch.float32), inside(500, 1).float()
    y = values(x.double(), random(1, 23, 2), knots.double(), 3)
    coef = fit_coef(x, y.float(), knots, 3)
    assert coef.dtype == torch.float32
    assert_close(values(x.double(), coef.double(), knots.double(), 3), y, rtol=0, atol=1e-6)  # rounding of y and coef


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"x": torch.zeros(0, 2)}, ShapeError, r"at least one row; got \(0, 2\)"),
        ({"x": torch.zeros(4, 3)}, ShapeError, r"one row per column of `x`, 3; got \(2, 12\)"),
        ({"y": torch.zeros(4, 2)}, ShapeError, r"`y` must be \(N, I, O\) = \(4, 2, O\).*got \(4, 2\)"),
        ({"y": torch.zeros(5, 2, 1)}, ShapeError, r"got \(5, 2, 1\)"),
        ({"x": torch.full((4, 2), math.nan)}, DomainError, "`x` must be finite; column 0 holds nan at row 0"),
        ({"y": torch.full((4, 2, 1), math.inf)}, DomainError, "`y` must be finite; column 0 holds inf"),
        ({"rcond": 0.0}, ParameterError, r"`rcond` must lie in \(0, 1\); got 0.0"),
        ({"outside": "clip"}, ParameterError, "`outside` must be one of .*got 'clip'"),
        ({"sample_weight": torch.tensor([1.0, math.nan, 1, 1])}, ParameterError, "`sample_weight` must be finite"),
    ],
)
def test_bad_arguments_say_what_is_wrong(change, error, message):
    arguments = {"x": torch.zeros(4, 2), "y": torch.zeros(4, 2, 1), "knots": unit_knots(2, 5, 3, torch.float32)}
    with pytest.raises(error, match=message):
        fit_coef(**(arguments | {"degree": 3} | change))

"""Knots that cover a sample, whatever the sample is."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from edgewise.errors import DomainError, ParameterError, ShapeError
from edgewise.splines import bspline_basis, extend_knots, fit_knots, uniform_knots, weighted_quantiles

F64 = torch.float64


def column(*values, dtype=F64):
    return torch.tensor(values, dtype=dtype)[:, None]


def normal(rows, columns=1, dtype=F64):
    return torch.randn(rows, columns, dtype=F64, generator=torch.Generator().manual_seed(0)).to(dtype)


HARD_SAMPLES = {
    "zero": torch.zeros(20, 1, dtype=F64),
    "constant": torch.full((20, 1), 5.0, dtype=F64),
    "constant far away": torch.full((20, 1), -3e7, dtype=F64),
    "constant with rounding noise": 0.3 + 1e-17 * normal(20),
    "one row": column(0.7),
    "two rows": column(0.0, 1e-3),
    "binary": column(*[0.0, 1.0] * 10),
    "nearly all the same": column(*[0.0] * 99, 1.0),
    "duplicates of three": column(*[-1.0, 0.5, 0.5000001] * 10),
    "outlier": torch.cat([normal(100), column(1e6)]),
    "two outliers": torch.cat([normal(100), column(1e6, -1e9)]),
    "narrow and far away": 1e6 + 1e-3 * normal(100),
    "huge": 1e30 * normal(100),
    "tiny": 1e-35 * normal(100),
    "subnormal": 1e-42 * normal(100),
    "heavy tails": normal(500) ** 9,
}


@pytest.mark.parametrize("dtype", [torch.float32, F64], ids=str)
@pytest.mark.parametrize("grid_eps", [1.0, 0.5, 0.02, 0.0])
@pytest.mark.parametrize("name", HARD_SAMPLES)
def test_knots_always_increase_and_cover_the_sample(name, grid_eps, dtype):
    x = HARD_SAMPLES[name].to(dtype)
    for grid, degree in ((1, 0), (5, 3), (1000, 2)):
        knots = fit_knots(x, grid, degree, grid_eps)
        assert knots.shape == (1, grid + 2 * degree + 1)
        assert knots.dtype == dtype
        assert (knots.diff(dim=1) > 0).all()
        assert knots[0, degree] <= x.min()
        assert x.max() <= knots[0, -degree - 1]
        widths = knots[0, degree : knots.shape[1] - degree].double().diff()
        # 1 %, less the rounding of the ends to the dtype (at least 8 units in the last place are kept).
        assert widths.min() >= 0.01 * widths.mean() * 0.9 - 2 * torch.finfo(dtype).eps * knots.abs().max()
        values = bspline_basis(x[:5], knots, degree, 1, "linear")
        assert values.isfinite().all()


def test_uniform_knots_reach_a_hundredth_of_the_range_beyond_the_sample():
    knots = fit_knots(column(0.0, 3.0, 10.0), 4, 2)
    assert_close(knots[0, 2:-2], torch.linspace(-0.1, 10.1, 5, dtype=F64), rtol=0, atol=1e-14)
    assert_close(knots.diff(dim=1), torch.full((1, 8), 2.55, dtype=F64), rtol=0, atol=1e-13)
    assert_close(fit_knots(column(0.0, 10.0), 4, 2, margin=0.0)[0, [2, -3]], column(0.0, 10.0)[:, 0])


def test_quantile_knots_put_equal_shares_into_the_intervals():
    x = normal(1001, 3) ** 3
    knots = fit_knots(x, 8, 3, 0.0, min_width=1e-6)
    inner = np.quantile(x.numpy(), np.arange(1, 8) / 8, axis=0).T  # an independent implementation
    assert_close(knots[:, 4:-4], torch.from_numpy(inner), rtol=0, atol=1e-12)


def test_the_blend_is_linear_between_uniform_and_quantiles():
    x = normal(500)
    ends = [fit_knots(x, 6, 0, eps, min_width=1e-9) for eps in (0.0, 1.0)]
    assert_close(fit_knots(x, 6, 0, 0.3, min_width=1e-9), 0.7 * ends[0] + 0.3 * ends[1], rtol=0, atol=1e-13)


def test_narrow_intervals_are_widened_and_the_order_of_widths_kept():
    x = column(*[0.0] * 50, *np.linspace(0, 1, 50), 1.0)
    widths = fit_knots(x, 8, 0, 0.0, min_width=0.2).diff(dim=1)[0]
    free = fit_knots(x, 8, 0, 0.0, min_width=1e-6).diff(dim=1)[0]
    assert widths.min() >= 0.2 * widths.mean() * (1 - 1e-12)
    assert (widths.diff() * free.diff() >= -1e-15).all()
    assert_close(fit_knots(x, 8, 0, 0.0, min_width=1.0), fit_knots(x, 8, 0, 1.0), rtol=0, atol=1e-14)


@given(
    values=st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), min_size=2, max_size=30),
    grid=st.integers(1, 12),
)
def test_quantiles_with_equal_weights_are_numpys(values, grid):
    x = column(*values)
    expected = np.quantile(x[:, 0].numpy(), np.arange(grid + 1) / grid)
    actual = weighted_quantiles(x, grid, torch.full((len(values),), 0.37, dtype=F64))[0]
    # The interpolation point rounds to 1e-16 of the range, times at most N gaps: 30 * 2e6 * 1e-16.
    assert_close(actual, torch.from_numpy(expected), rtol=0, atol=1e-8)


def test_weights_count_as_repeated_rows():
    x = normal(400)
    weight = torch.randint(1, 5, (400,), generator=torch.Generator().manual_seed(1))
    repeated = x.repeat_interleave(weight, dim=0)
    difference = weighted_quantiles(x, 5, weight.double()) - weighted_quantiles(
        repeated, 5, torch.ones(len(repeated), dtype=F64)
    )
    # Between rows the two interpolate differently: by no more than a gap between neighbours in the bulk.
    assert difference.abs().max() < 0.05
    unweighted = weighted_quantiles(x, 5, torch.ones(400, dtype=F64))
    tilted = weighted_quantiles(x, 5, torch.where(x[:, 0] > 0, 9.0, 1.0).double())
    assert (tilted - unweighted)[0, 2:4].min() > 0.3  # weight on the right pulls the quantiles right


def test_weighted_quantiles_mirror_with_the_sample():
    x, weight = normal(40), torch.rand(40, dtype=F64, generator=torch.Generator().manual_seed(1)) + 0.1
    assert_close(weighted_quantiles(-x, 7, weight), -weighted_quantiles(x, 7, weight).flip(1), rtol=0, atol=1e-13)


def test_rows_of_weight_zero_do_not_count():
    x = torch.cat([normal(50), column(1e6)])
    weight = torch.ones(51, dtype=F64)
    weight[-1] = 0
    for grid_eps in (0.0, 1.0):
        expected = fit_knots(x[:-1], 5, 3, grid_eps)
        assert_close(fit_knots(x, 5, 3, grid_eps, sample_weight=weight), expected, rtol=0, atol=1e-12)


def test_constant_columns_take_the_fallback_domain_moved_to_hold_them():
    fallback = torch.tensor([[-2.0, 2.0], [-2.0, 2.0]], dtype=F64)
    knots = fit_knots(torch.tensor([[0.5, 7.0]] * 3, dtype=F64), 4, 1, fallback=fallback)
    assert_close(knots[:, [1, -2]], torch.tensor([[-2.0, 2.0], [5.0, 9.0]], dtype=F64))
    assert_close(fit_knots(column(0.5, 0.5), 4, 1)[0, [1, -2]], torch.tensor([-0.5, 1.5], dtype=F64))
    noisy = column(0.5, 0.5 + 1e-9)
    assert_close(fit_knots(noisy, 4, 1, noise=1e-8)[0, [1, -2]], torch.tensor([-0.5, 1.5], dtype=F64))
    assert fit_knots(noisy, 4, 1)[0, [1, -2]].diff() < 1e-8  # without noise it is a narrow column


def test_columns_do_not_mix():
    x = torch.cat([HARD_SAMPLES[name][:20] for name in ("zero", "constant", "binary", "huge")], dim=1)
    for grid_eps in (0.0, 1.0):
        together = fit_knots(x, 5, 3, grid_eps)
        for i in range(4):
            assert_close(together[i : i + 1], fit_knots(x[:, i : i + 1], 5, 3, grid_eps), rtol=0, atol=0)


def test_extension_continues_the_end_spacings():
    breakpoints = torch.tensor([[0.0, 1.0, 3.0]], dtype=F64)
    assert extend_knots(breakpoints, 2).tolist() == [[-2, -1, 0, 1, 3, 5, 7]]
    assert extend_knots(breakpoints, 0).tolist() == [[0, 1, 3]]


def test_doubling_a_uniform_grid_keeps_its_breakpoints_exactly():
    lo, hi = torch.tensor([-1 / 3], dtype=F64), torch.tensor([0.7], dtype=F64)
    coarse, fine = uniform_knots(lo, hi, 5, 0), uniform_knots(lo, hi, 10, 0)
    assert torch.equal(coarse, fine[:, ::2])


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"grid": 0}, ParameterError, "`grid` .* must be an int >= 1; got 0"),
        ({"degree": -1}, ParameterError, "`k` .* must be an int >= 0; got -1"),
        ({"grid_eps": 1.5}, ParameterError, r"`grid_eps` must lie in \[0, 1\].*got 1.5"),
        ({"margin": -0.1}, ParameterError, "`margin` must be a finite fraction >= 0; got -0.1"),
        ({"min_width": 0.0}, ParameterError, r"`min_width` must lie in \(0, 1\]; got 0.0"),
        ({"sample_weight": torch.ones(3)}, ShapeError, r"`sample_weight` must be \(4,\).*got \(3,\)"),
        ({"sample_weight": torch.tensor([1.0, 1, 1, -1])}, ParameterError, "`sample_weight` must be .*from -1 to 1"),
        ({"sample_weight": torch.zeros(4)}, ParameterError, "`sample_weight` must be .*somewhere > 0"),
        ({"fallback": torch.zeros(1, 2)}, ShapeError, r"`fallback` must be \(2, 2\)"),
        ({"x": torch.zeros(0, 2)}, ShapeError, r"at least one row; got \(0, 2\)"),
        ({"x": torch.zeros(4)}, ShapeError, r"`x` must be \(N, I\)"),
        ({"x": torch.zeros(4, 2, dtype=torch.int64)}, ShapeError, "torch.int64"),
        ({"x": torch.tensor([[0.0, 1.0], [0.0, float("nan")]])}, DomainError, "column 1 holds nan at row 1 .1 such"),
        ({"x": torch.tensor([[float("inf"), 1.0]] * 2)}, DomainError, "column 0 holds inf at row 0 .2 such values"),
        ({"x": torch.tensor([[0.0, 3e38], [1.0, -3e38]])}, DomainError, "column 1 is too large for torch.float32"),
        ({"x": torch.tensor([[0.0, 1e308], [1.0, -1e308]], dtype=F64)}, DomainError, "column 1 is too large"),
    ],
)
def test_bad_arguments_say_what_is_wrong(change, error, message):
    arguments = {"x": torch.zeros(4, 2), "grid": 5, "degree": 3} | change
    with pytest.raises(error, match=message):
        fit_knots(**arguments)


def test_a_domain_without_width_is_an_error():
    with pytest.raises(ParameterError, match=r"lo < hi; got lo=\[1.0\], hi=\[1.0\]"):
        uniform_knots(torch.ones(1), torch.ones(1), 5, 3)

"""The dense basis against scipy, the exact rational recursion, and its own promises."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import BSpline
from torch.autograd import gradcheck, gradgradcheck
from torch.testing import assert_close

from edgewise.errors import ParameterError, ShapeError
from edgewise.splines import bspline_basis, extend_knots, uniform_knots
from edgewise.splines.basis import basis_matrices
from oracles.bspline_recursion import basis_values

F64 = torch.float64


def uneven_knots(inputs, grid, degree, seed=0):
    """Domains with neighbouring intervals up to 100 times as wide, one row per input."""
    generator = torch.Generator().manual_seed(seed)
    widths = torch.rand(inputs, grid, dtype=F64, generator=generator) ** 3 + 0.01
    ends = torch.cat([torch.zeros(inputs, 1, dtype=F64), widths.cumsum(1)], dim=1) - 0.3 * widths.sum(1, keepdim=True)
    return extend_knots(ends, degree)


def even_knots(inputs, grid, degree):
    lo = -1 - torch.arange(inputs, dtype=F64)
    return uniform_knots(lo, lo + 2.3, grid, degree)


def points(knots, degree, rows=200, beyond=0.0):
    """Points in every domain, all breakpoints and both ends included: `(B, I)`."""
    ends = knots[:, degree : knots.shape[1] - degree]
    lo, hi = ends[:, :1], ends[:, -1:]
    spread = torch.linspace(-beyond, 1 + beyond, rows, dtype=F64)
    return torch.cat([lo + (hi - lo) * spread, ends], dim=1).T.contiguous()


@pytest.mark.parametrize("make", [even_knots, uneven_knots])
@pytest.mark.parametrize("grid", [1, 2, 5, 100, 1000])
@pytest.mark.parametrize("degree", range(6))
def test_every_derivative_agrees_with_scipy_inside_the_domain(make, grid, degree):
    knots = make(1, grid, degree)
    x = points(knots, degree)
    coef = torch.randn(grid + degree, dtype=F64, generator=torch.Generator().manual_seed(1))
    for order in range(degree + 1):
        # scipy too closes the domain at the right: hi belongs to the last cell.
        expected = BSpline(knots[0].numpy(), coef.numpy(), degree)(x[:, 0].numpy(), nu=order)
        actual = bspline_basis(x, knots, degree, order, "linear")[:, 0] @ coef
        # Relative to the largest value, a derivative being a sum of terms of that size. Worst seen 1e-15.
        assert_close(actual, torch.from_numpy(expected), rtol=0, atol=1e-13 * np.abs(expected).max())


@pytest.mark.parametrize("degree", range(6))
def test_extend_agrees_with_scipys_elements_on_the_extended_cells(degree):
    knots = uneven_knots(1, 4, degree)
    x = points(knots, degree, beyond=2.0)
    x = torch.cat([x, knots.T])  # every knot itself: right-continuous, 0 at the last
    for order in range(degree + 1):
        actual = bspline_basis(x, knots, degree, order)[:, 0]
        for s in range(actual.shape[1]):
            element = BSpline.basis_element(knots[0, s : s + degree + 2].numpy(), extrapolate=False)
            at = x[:, 0].numpy()
            expected = np.where(at < knots[0, s + degree + 1].numpy(), np.nan_to_num(element(at, nu=order)), 0.0)
            atol = 1e-13 * np.abs(expected).max()  # one derivative's rounding, as above
            assert_close(actual[:, s], torch.from_numpy(expected), rtol=0, atol=atol)


@pytest.mark.parametrize("degree", range(6))
def test_values_agree_with_exact_rational_arithmetic(degree):
    knots = uneven_knots(1, 3, degree, seed=2)
    x = points(knots, degree, rows=7, beyond=0.5)
    for order in range(degree + 2):
        expected = torch.tensor([basis_values(float(v), knots[0].tolist(), degree, order) for v in x[:, 0]], dtype=F64)
        atol = 1e-14 * max(1.0, float(expected.abs().max()))  # 45 eps of the largest; worst seen 4 eps
        assert_close(bspline_basis(x, knots, degree, order)[:, 0], expected, rtol=0, atol=atol)


@given(degree=st.integers(0, 5), grid=st.integers(1, 30), seed=st.integers(0, 1000), at=st.floats(0, 1))
def test_values_are_a_partition_of_unity(degree, grid, seed, at):
    knots = uneven_knots(2, grid, degree, seed)
    lo, hi = knots[:, degree], knots[:, -degree - 1]
    values = bspline_basis((lo + (hi - lo) * at)[None], knots, degree, outside="linear")
    assert_close(values.sum(-1), torch.ones(1, 2, dtype=F64), rtol=0, atol=1e-14)
    assert (values >= -1e-15).all()
    assert ((values > 0).sum(-1) <= degree + 1).all()


@pytest.mark.parametrize("degree", range(1, 6))
def test_linear_continues_value_and_slope_at_both_ends(degree):
    knots = uneven_knots(2, 5, degree)
    lo, hi = knots[:, degree], knots[:, -degree - 1]
    for end, step in ((lo, -3.0), (hi, 3.0)):
        value = bspline_basis(end[None], knots, degree, 0, "linear")
        slope = bspline_basis(end[None], knots, degree, 1, "linear")
        beyond = (end + step)[None]
        assert_close(bspline_basis(beyond, knots, degree, 0, "linear"), value + step * slope, rtol=1e-14, atol=1e-13)
        assert_close(bspline_basis(beyond, knots, degree, 1, "linear"), slope, rtol=0, atol=0)
        for order in (2, 3):
            assert (bspline_basis(beyond, knots, degree, order, "linear") == 0).all()


def test_constants_and_lines_stay_what_they_are_far_outside():
    knots = uneven_knots(1, 4, 3)
    line = knots[0].unfold(0, 3, 1)[1:-1].mean(-1)  # Greville sites: the coefficients of f(x) = x
    x = torch.tensor([[-1e3], [-1.0], [0.2], [50.0]], dtype=F64)
    values = bspline_basis(x, knots, 3, outside="linear")[:, 0]
    assert_close(values.sum(1), torch.ones(4, dtype=F64), rtol=0, atol=1e-10)  # slopes of 1e2 times 1e3
    assert_close(values @ line, x[:, 0], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("outside", ["extend", "linear"])
@pytest.mark.parametrize("degree", [1, 2, 3, 5])
def test_autograd_agrees_with_the_derivative_formula_to_every_order(degree, outside):
    knots = uneven_knots(1, 4, degree)
    lo, hi = knots[0, degree], knots[0, -degree - 1]
    # Inside, at both ends and at a breakpoint (where autograd must take the same side), outside, beyond all knots.
    special = torch.stack([lo, hi, knots[0, degree + 1], lo - 0.013, hi + 0.011, lo - 90, hi + 90])
    x = torch.cat([points(knots, degree, 9)[:9, 0], special])[:, None].requires_grad_()
    for order in range(min(degree, 2) + 1):
        coef = torch.randn(4 + degree, dtype=F64, generator=torch.Generator().manual_seed(3))
        f = bspline_basis(x, knots, degree, order, outside)[:, 0] @ coef
        for further in range(1, 4):
            if not f.requires_grad:  # torch knows that a constant has no derivative
                assert order + further > degree
                break
            (f,) = torch.autograd.grad(f.sum(), x, create_graph=True)
            f = f[:, 0]
            expected = bspline_basis(x.detach(), knots, degree, order + further, outside)[:, 0] @ coef
            atol = 1e-11 * max(1.0, float(expected.abs().max()))  # differentiating the recursion loses 2-3 digits
            assert_close(f, expected, rtol=0, atol=atol)


@pytest.mark.parametrize("outside", ["extend", "linear"])
def test_gradients_agree_with_finite_differences(outside):
    knots = uneven_knots(2, 4, 3)
    lo, hi = knots[:, 3], knots[:, -4]
    x = torch.stack([lo + 0.21 * (hi - lo), lo + 0.77 * (hi - lo), lo - 0.004, hi + 0.005, hi + 40]).requires_grad_()
    for order in (0, 1):
        assert gradcheck(lambda x, m=order: bspline_basis(x, knots, 3, m, outside), x)
    assert gradgradcheck(lambda x: bspline_basis(x, knots, 3, 0, outside), x)


@pytest.mark.parametrize("outside", ["extend", "linear"])
def test_nan_stays_nan_and_touches_nothing_else(outside):
    knots = even_knots(2, 5, 3)
    x = torch.tensor([[0.1, math.nan], [0.2, -1.7]], dtype=F64)
    for order in range(5):
        values = bspline_basis(x, knots, 3, order, outside)
        assert values[0, 1].isnan().all()
        assert not values[0, 0].isnan().any()
        assert not values[1].isnan().any()


def test_infinite_inputs_follow_the_policy():
    knots = even_knots(1, 5, 3)
    x = torch.tensor([[math.inf], [-math.inf]], dtype=F64)
    for order in range(5):
        assert (bspline_basis(x, knots, 3, order) == 0).all()
    assert not bspline_basis(x, knots, 3, 0, "linear").isfinite().all()
    ends = torch.stack([knots[:, -4], knots[:, 3]])
    assert_close(bspline_basis(x, knots, 3, 1, "linear"), bspline_basis(ends, knots, 3, 1, "linear"))
    assert (bspline_basis(x, knots, 3, 2, "linear") == 0).all()


@pytest.mark.parametrize("outside", ["extend", "linear"])
def test_model_axis_empty_batch_and_strides_make_no_difference(outside):
    knots = torch.stack([uneven_knots(3, 4, 2, seed) for seed in range(2)])  # (M, I, T)
    x = torch.randn(5, 6, dtype=F64, generator=torch.Generator().manual_seed(0)).T[:, :3]  # (6, 3), strided
    together = bspline_basis(x.expand(2, 6, 3), knots[:, None], 2, 0, outside)
    for m in range(2):
        assert_close(together[m], bspline_basis(x.contiguous(), knots[m], 2, 0, outside), rtol=0, atol=0)
    assert_close(bspline_basis(x, knots[:, None], 2, 0, outside), together, rtol=0, atol=0)
    assert bspline_basis(x[:0], knots[0], 2, 0, outside).shape == (0, 3, 6)
    assert bspline_basis(x[:0], knots[0], 2, 3, outside).shape == (0, 3, 6)


@pytest.mark.parametrize("outside", ["extend", "linear"])
def test_float32_keeps_single_precision(outside):
    knots = even_knots(1, 20, 3).float()
    x = points(knots.double(), 3, beyond=0.1).float()
    exact = bspline_basis(x.double(), knots.double(), 3, 0, outside)
    actual = bspline_basis(x, knots, 3, 0, outside)
    assert actual.dtype == torch.float32
    # Given the same rounded knots and points; slopes of 1/h = 9 times 0.23 outside with "linear".
    assert_close(actual.double(), exact, rtol=0, atol=1e-6)


@pytest.mark.parametrize("outside", ["extend", "linear"])
def test_exports_with_a_dynamic_batch(outside):
    class Basis(torch.nn.Module):
        def forward(self, x):
            return bspline_basis(x, knots, 3, 0, outside)

    knots = even_knots(2, 5, 3)
    batch = torch.export.Dim("batch", min=1)
    program = torch.export.export(Basis(), (torch.zeros(4, 2, dtype=F64),), dynamic_shapes=({0: batch},))
    x = torch.linspace(-4, 4, 62, dtype=F64).reshape(31, 2)
    assert_close(program.module()(x), bspline_basis(x, knots, 3, 0, outside))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"outside": "clip"}, ParameterError, "`outside` must be one of .*got 'clip'"),
        ({"degree": -1}, ParameterError, "`degree` must be an int >= 0; got -1"),
        ({"order": -2}, ParameterError, "`order` must be an int >= 0; got -2"),
        ({"order": 1.0}, ParameterError, "`order` must be an int >= 0; got 1.0"),
        ({"degree": 9}, ShapeError, r"`knots` must be .*got \(2, 12\) for degree 9"),
        ({"x": torch.zeros(3, 5, dtype=F64)}, ShapeError, r"one input per row of `knots`, 2; got \(3, 5\)"),
        ({"x": torch.zeros(3, 2)}, ShapeError, "`x` is torch.float32 .*`knots` torch.float64"),
    ],
)
def test_bad_arguments_say_what_is_wrong(change, error, message):
    arguments = {"x": torch.zeros(3, 2, dtype=F64), "knots": even_knots(2, 5, 3), "degree": 3, "order": 0} | change
    with pytest.raises(error, match=message):
        bspline_basis(**arguments)


@pytest.mark.parametrize("make", [even_knots, uneven_knots])
@pytest.mark.parametrize("grid", [1, 2, 7])
@pytest.mark.parametrize("degree", range(6))
def test_matrices_from_local_functions_are_the_dense_basis(degree, grid, make):
    """`linear` goes on far outside; beyond the knots `extend` is 0; points at knots, of which each is one, included."""
    knots = make(3, grid, degree)
    x = torch.cat([points(knots, degree, beyond=4.0).T, knots], dim=1)
    for outside in ("extend", "linear"):
        expected = bspline_basis(x.T.contiguous(), knots, degree, 0, outside).transpose(0, 1)
        found = basis_matrices(x, knots, degree, outside)
        # worst seen 2e-14 of the largest value
        assert_close(found, expected, rtol=0, atol=1e-12 * float(expected.abs().max()))

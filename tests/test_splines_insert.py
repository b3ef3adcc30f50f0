"""The same splines on other knots: exact where the knots nest, the closest where not."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.interpolate import BSpline
from torch.testing import assert_close

from edgewise.errors import ParameterError, ShapeError
from edgewise.splines import bspline_basis, extend_knots, insert_knots, nests, project, uniform_knots

F64 = torch.float64


def random(*shape, seed=0):
    return torch.randn(*shape, dtype=F64, generator=torch.Generator().manual_seed(seed))


def uneven_breakpoints(inputs, grid, seed=0):
    widths = torch.rand(inputs, grid, dtype=F64, generator=torch.Generator().manual_seed(seed)) ** 3 + 0.01
    return torch.cat([torch.zeros(inputs, 1, dtype=F64), widths.cumsum(1)], dim=1) - 0.4


def split(breakpoints, parts):
    """Every interval in `parts` uneven pieces."""
    at = torch.linspace(0, 1, parts + 1, dtype=F64)[:-1] ** 1.7
    inner = breakpoints[:, :-1, None] + breakpoints.diff(dim=1)[..., None] * at
    return torch.cat([inner.flatten(1), breakpoints[:, -1:]], dim=1)


def values(x, coef, knots, degree, outside="linear", order=0):
    return torch.einsum("bis,iso->bio", bspline_basis(x, knots, degree, order, outside), coef)


def inside(knots, degree, rows=200, beyond=0.0):
    lo, hi = knots[:, degree], knots[:, -degree - 1]
    return lo + (hi - lo) * torch.linspace(-beyond, 1 + beyond, rows, dtype=F64)[:, None]


@pytest.mark.parametrize("degree", range(6))
def test_agrees_with_scipys_knot_insertion(degree):
    knots = extend_knots(uneven_breakpoints(1, 5), degree)
    spline = BSpline(knots[0].numpy(), random(5 + degree, 3).numpy(), degree)
    expected = spline
    for at in (0.01, 0.013, 0.2, float(knots[0, degree + 1]) + 1e-3):
        if at < float(knots[0, -degree - 1]):
            expected = expected.insert_knot(at)  # keeps the knots beyond the domain
    new_knots = torch.from_numpy(expected.t)[None]
    actual = insert_knots(torch.from_numpy(spline.c)[None], knots, new_knots, degree)
    assert_close(actual[0], torch.from_numpy(expected.c[: actual.shape[1]]), rtol=0, atol=1e-13)


@given(
    degree=st.integers(0, 5),
    grid=st.integers(1, 12),
    parts=st.integers(1, 5),
    seed=st.integers(0, 1000),
    even=st.booleans(),
)
def test_the_function_is_the_same_after_insertion(degree, grid, parts, seed, even):
    old = torch.linspace(-1, 2, grid + 1, dtype=F64).expand(2, -1) if even else uneven_breakpoints(2, grid, seed)
    knots, new_knots = extend_knots(old, degree), extend_knots(split(old, parts), degree)
    coef = random(2, grid + degree, 3, seed=seed)
    new = insert_knots(coef, knots, new_knots, degree)
    assert new.shape == (2, grid * parts + degree, 3)
    x = inside(knots, degree)
    bound = 1e-13 * coef.abs().max()  # worst seen 6e-16 of the largest coefficient on such grids
    assert_close(values(x, new, new_knots, degree), values(x, coef, knots, degree), rtol=0, atol=float(bound))
    # No digits are lost in the coefficients either: they are averages of the old ones.
    assert new.abs().max() <= coef.abs().max() * (1 + 1e-12)


@pytest.mark.parametrize("degree", range(1, 6))
def test_insertion_keeps_derivatives_and_the_linear_continuation(degree):
    old = uneven_breakpoints(2, 6)
    knots, new_knots = extend_knots(old, degree), extend_knots(split(old, 2), degree)
    coef = random(2, 6 + degree, 2)
    new = insert_knots(coef, knots, new_knots, degree)
    x = inside(knots, degree, beyond=2.0)
    for order in range(degree):
        expected = values(x, coef, knots, degree, order=order)
        atol = 1e-11 * float(expected.abs().max())  # each derivative divides by the smallest cell, 100 times finer
        assert_close(values(x, new, new_knots, degree, order=order), expected, rtol=0, atol=atol)


def test_a_thousand_intervals_and_float32():
    knots = uniform_knots(torch.tensor([-1.0], dtype=F64), torch.tensor([1.0], dtype=F64), 500, 3)
    fine = uniform_knots(torch.tensor([-1.0], dtype=F64), torch.tensor([1.0], dtype=F64), 1000, 3)
    coef = random(1, 503, 2)
    x = inside(knots, 3, 1001)
    new = insert_knots(coef, knots, fine, 3)
    assert_close(values(x, new, fine, 3), values(x, coef, knots, 3), rtol=0, atol=1e-13 * float(coef.abs().max()))
    low = insert_knots(coef.float(), knots.float(), fine.float(), 3)
    assert low.dtype == torch.float32
    expected = values(x, coef.float().double(), knots.float().double(), 3)  # the knots' own rounding is not at stake
    assert_close(values(x, low.double(), fine.float().double(), 3), expected, rtol=0, atol=1e-6)


def test_nests_only_if_every_breakpoint_is_kept():
    ends = torch.tensor([-1.0], dtype=F64), torch.tensor([2.0], dtype=F64)

    def grid(n):
        return uniform_knots(*ends, n, 3)

    assert nests(grid(5), grid(5), 3)
    assert nests(grid(5), grid(10), 3)
    assert nests(grid(5), grid(35), 3)
    assert not nests(grid(10), grid(5), 3)
    assert not nests(grid(5), grid(12), 3)
    assert not nests(grid(5), grid(10) + 1e-6, 3)
    assert not nests(grid(5), uniform_knots(ends[0], ends[1] + 1e-9, 10, 3), 3)
    wider = uniform_knots(ends[0] - 0.6, ends[1] + 0.6, 7, 3)
    assert not nests(grid(5), wider, 3)  # every breakpoint is there, but the domain is another
    assert nests(grid(5).float(), grid(10).float(), 3)
    assert nests(grid(5), grid(10) * (1 + 2e-16), 3)  # rounding
    both = torch.cat([grid(10), grid(10)])
    assert not nests(torch.cat([grid(5), grid(5) * 0.5]), both, 3)  # one input of two is enough to say no
    narrow = torch.tensor([[0.0, 1e-15, 1.0]], dtype=F64)
    assert not nests(narrow, torch.tensor([[0.0, 0.9e-15, 1.0]], dtype=F64), 0)  # the tolerance knows the widths


@pytest.mark.parametrize("outside", ["extend", "linear"])
@pytest.mark.parametrize("degree", range(6))
def test_projection_gives_back_what_the_new_knots_can_represent(degree, outside):
    old = uneven_breakpoints(2, 7)
    knots, new_knots = extend_knots(old, degree), extend_knots(split(old, 3), degree)
    coef = random(2, 7 + degree, 3)
    new = project(coef, knots, new_knots, degree, outside)
    x = inside(knots, degree)
    assert_close(values(x, new, new_knots, degree), values(x, coef, knots, degree), rtol=0, atol=1e-12)
    # The scaled mass matrix has condition 2e3 for degree 5 on even knots, 1e5 on these; worst seen 5e-11.
    assert_close(project(coef, knots, knots, degree, outside), coef, rtol=0, atol=1e-9)


@pytest.mark.parametrize("outside", ["extend", "linear"])
@pytest.mark.parametrize("degree", [1, 2, 3])
def test_the_projection_error_is_orthogonal_to_the_new_splines(degree, outside):
    knots = extend_knots(uneven_breakpoints(1, 4), degree)
    new_knots = uniform_knots(knots[:, degree] - 0.11, knots[:, -degree - 1] + 0.2, 5, degree)
    coef = random(1, 4 + degree, 1)
    new = project(coef, knots, new_knots, degree, outside)
    jumps = torch.cat([knots[0], new_knots[0]]).tolist()
    lo, hi = float(new_knots[0, degree]), float(new_knots[0, -degree - 1])

    def error_times_basis(x, s):
        at = torch.tensor([[x]], dtype=F64)
        error = values(at, new, new_knots, degree) - values(at, coef, knots, degree, outside)
        return float(error) * float(bspline_basis(at, new_knots, degree)[0, 0, s])

    for s in range(0, new.shape[1], 2):
        inner = sorted({j for j in jumps if lo < j < hi})
        integral, _ = quad(error_times_basis, lo, hi, args=(s,), points=inner, limit=100, epsabs=1e-13)
        assert abs(integral) < 1e-11  # an independent adaptive quadrature; the splines are of order 1


@pytest.mark.parametrize("degree", range(6))
def test_projection_to_a_far_wider_or_narrower_domain_stays_finite(degree):
    knots = uniform_knots(torch.tensor([-1.0], dtype=F64), torch.tensor([1.0], dtype=F64), 5, degree)
    coef = random(1, 5 + degree, 2)
    for lo, hi in ((-1e6, 1e6), (0.3, 0.3 + 1e-6), (7.0, 9.0), (-1.0, 50.0)):
        new_knots = uniform_knots(torch.tensor([lo], dtype=F64), torch.tensor([hi], dtype=F64), 5, degree)
        for outside in ("extend", "linear"):
            new = project(coef, knots, new_knots, degree, outside)
            assert new.isfinite().all()
            if (lo, outside) in ((0.3, "linear"), (7.0, "linear")):  # polynomial there, so exact
                x = inside(new_knots, degree)
                old = values(x, coef, knots, degree)
                assert_close(values(x, new, new_knots, degree), old, rtol=1e-9, atol=1e-9)
    beyond = uniform_knots(torch.tensor([70.0], dtype=F64), torch.tensor([90.0], dtype=F64), 5, degree)
    assert (project(coef, knots, beyond, degree, "extend") == 0).all()


def test_projection_in_parts_is_projection_at_once(monkeypatch):
    import edgewise.splines.insert as module

    knots, new_knots = extend_knots(uneven_breakpoints(7, 4), 3), extend_knots(uneven_breakpoints(7, 6, seed=1), 3)
    coef = random(7, 7, 2)
    at_once = project(coef, knots, new_knots, 3)
    monkeypatch.setattr(module, "_CHUNK", 1)
    assert_close(project(coef, knots, new_knots, 3), at_once, rtol=0, atol=1e-13)


def test_float32_projection_is_solved_in_float64():
    knots, new_knots = extend_knots(uneven_breakpoints(1, 4), 3), extend_knots(uneven_breakpoints(1, 9, seed=1), 3)
    coef = random(1, 7, 2).float()
    low = project(coef, knots.float(), new_knots.float(), 3)
    assert low.dtype == torch.float32
    exact = project(coef.double(), knots.float().double(), new_knots.float().double(), 3)
    assert np.abs((low - exact).numpy()).max() < 1e-6


def test_bad_arguments_say_what_is_wrong():
    knots = uniform_knots(torch.zeros(2), torch.ones(2), 5, 3)
    coef = torch.zeros(2, 8, 1)
    with pytest.raises(ParameterError, match=r"must hold every breakpoint.*Use `project`"):
        insert_knots(coef, knots, uniform_knots(torch.zeros(2), torch.ones(2), 7, 3), 3)
    with pytest.raises(ShapeError, match=r"`coef` must be \(2, 8, O\) for these knots; got \(2, 7, 1\)"):
        insert_knots(coef[:, :7], knots, knots, 3)
    with pytest.raises(ShapeError, match=r"`new_knots` must be \(2, G\+7\).*got \(1, 12\)"):
        project(coef, knots, knots[:1], 3)
    with pytest.raises(ShapeError, match=r"`knots` must be \(I, G\+7\).*got \(12,\)"):
        nests(knots[0], knots, 3)
    with pytest.raises(ParameterError, match=r"`outside` must be one of .*got 'clip'"):
        project(coef, knots, knots, 3, "clip")

"""`march`: windows meet exactly, known evolutions are found, and what is said of problems that do not march."""

import math

import pytest
import torch
from matplotlib.figure import Figure
from torch.testing import assert_close

from edgewise import KAN, MLP
from edgewise.errors import DomainError, ParameterError, ShapeError
from edgewise.physics import (
    Box,
    Data,
    Dirichlet,
    Equation,
    Initial,
    Periodic,
    Problem,
    TimeSpace,
    march,
    solve,
)
from edgewise.physics.jets import by_autograd
from edgewise.physics.march import _Handover
from edgewise.physics.plan import plan_of

F64 = {"dtype": torch.float64}
DOMAIN = TimeSpace((0, 1), Box(-1, 1))
QUICK = {"points": 60, "lm_steps": 1}


def wave(x):
    """Goes to the right, once around in two units of time."""
    return torch.sin(math.pi * (x[:, 1] - x[:, 0]))


def advection(conditions=None):
    begin = Initial(lambda x: torch.sin(math.pi * x[:, 1]))
    return Problem(DOMAIN, lambda x, u: u.dt + u.d("x"), conditions or [begin, Periodic("x")], exact=wave)


def chebyshev(*width, k=6):
    return KAN(list(width), basis="chebyshev", k=k, seed=0, **F64)


def test_a_wave_goes_on_through_windows_of_any_length():
    found = march(advection(), chebyshev(3, 4, 1), [0.0, 0.3, 0.8, 1.0], points=120, lm_steps=15)
    assert found.error < 3e-3  # 1.0e-3: what [3, 4, 1] can do in so many steps
    assert found.windows == [(0.0, 0.3), (0.3, 0.8), (0.8, 1.0)]
    x = DOMAIN.interior(300, "random", 5)
    assert float((found(x) - wave(x)).norm() / wave(x).norm()) == pytest.approx(found.error, rel=0.3)
    assert [len(found.history[name]) for name in ("step", "error")] == [len(found.history["residual"])] * 2
    assert found.history["step"] == sorted(found.history["step"])
    assert isinstance(found.plot(n=9), Figure)
    assert "Evolution(error=" in repr(found)
    assert "windows=3, stopped_because='steps'" in repr(found)


@pytest.mark.parametrize("make", [lambda: chebyshev(2, 3, 1), lambda: MLP([2, 4, 1], act="tanh", seed=0, **F64)])
def test_windows_meet_exactly_with_a_boundary_that_moves(make):
    wall = Dirichlet(wave)
    problem = advection([Initial(lambda x: torch.sin(math.pi * x[:, 1])), wall])
    found = march(problem, make(), 3, points=40, lm_steps=2)
    for before, after in zip(found.solutions, found.solutions[1:], strict=False):
        x = after.problem.domain.initial(50)
        for order in ((), ("x",), ("x", "x"), ("x", "x", "x")):
            left, right = (s.field(x).d(*order) if order else s.field(x).value for s in (before, after))
            assert_close(left, right, rtol=1e-9, atol=1e-9)
        edge = after.problem.domain.boundary(20).x
        assert_close(after(edge), wave(edge), rtol=0, atol=1e-12)


def test_what_is_handed_over_knows_its_derivatives():
    """The oracle differentiates the formula of the wrapped network, and knows nothing of windows."""
    first = solve(advection(), chebyshev(3, 3, 1), points=40, lm_steps=2, steps=0)
    given, around = _Handover(first), first.problem.around
    x = DOMAIN.interior(20, "random", 1)

    def formula(x):
        x = torch.cat([torch.ones_like(x[:, :1]), x[:, 1:]], dim=1)
        return around.wrap.lift(x)[:, 0] + around.wrap.bubble(x) * first.model(around.embedding(x))[:, 0]

    plan = plan_of(frozenset({((0,),), ((1,),), ((0, 1),), ((1, 1),), ((1, 1, 1),)}))
    assert_close(given.jet(x, plan), by_autograd(formula, x, plan).detach(), rtol=1e-10, atol=1e-10)
    assert_close(given(x), formula(x).detach(), rtol=1e-12, atol=1e-12)


def test_the_model_is_left_alone_and_runs_are_repeatable(global_random_state_untouched):
    model = chebyshev(3, 2, 1)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    one, two = (march(advection(), model, 2, **QUICK, resample_every=1, seed=3) for _ in range(2))
    assert one.history["loss"] == two.history["loss"]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert one.solutions[0].model is not one.solutions[1].model


def test_the_first_window_gets_more_steps_and_a_callback_ends_the_run():
    seen = []
    found = march(advection(), chebyshev(3, 2, 1), 4, **QUICK, callback=lambda s: seen.append(s) or len(seen) < 2)
    assert [s.history["step"][-1] for s in found.solutions] in ([2, 1], [0, 0])  # recorded every 10 steps
    assert (len(seen), found.domain.end) == (2, 0.5)
    assert found.error is not None


def test_a_field_takes_every_point_from_its_window():
    found = march(advection(), chebyshev(3, 2, 1), 2, **QUICK)
    x = torch.tensor([[0.9, 0.1], [0.1, 0.2], [0.5, 0.3], [0.6, 0.4], [0.0, 0.5]], **F64)
    owner = [1, 0, 0, 1, 0]
    for name in ("value", "dt", "laplacian"):
        wanted = torch.cat([getattr(found.solutions[n].field(x[i : i + 1]), name) for i, n in enumerate(owner)])
        assert_close(getattr(found.field(x), name), wanted, rtol=1e-12, atol=1e-12)
    assert found(x[:0]).shape == (0,)
    with pytest.raises(ShapeError, match=r"points must be \(n, 2\), a column for each of t, x; got \(1, 3\)"):
        found([[0.0, 0.0, 0.0]])
    unknown = Problem(DOMAIN, lambda x, u: u.dt + u.d("x"), [Initial(0.0), Periodic("x")])
    picture = march(unknown, chebyshev(3, 2, 1), 2, **QUICK).plot(n=7)
    assert picture.axes[1].get_title() == "residual"


def test_points_travel_with_the_windows():
    x = TimeSpace((0, 0.25), Box(-1, 0)).interior(30, "random", 0)
    found = march(advection(), chebyshev(3, 2, 1), [0.0, 0.25, 1.0], points=x, lm_steps=1)
    assert_close(found.solutions[0].points, x)
    assert_close(found.solutions[1].points[:, 0], 0.25 + 3 * x[:, 0])
    assert_close(found.solutions[1].points[:, 1], x[:, 1])
    seen = [s.problem.around.embedding(s.points) for s in found.solutions]
    assert_close(*seen)  # the second network begins where the first one ended: with the same inputs


def test_conditions_at_points_belong_to_their_windows():
    x = DOMAIN.interior(30, "random", 2)
    x = x[x[:, 0] > 0.5]
    conditions = [Initial(lambda x: torch.sin(math.pi * x[:, 1])), Periodic("x"), Data(x, wave(x)),
                  Equation(lambda x, u: u.value - wave(x), x)]  # fmt: skip
    found = march(advection(conditions), chebyshev(3, 2, 1), 2, **QUICK)
    kinds = [[type(c).__name__ for c in s.problem.conditions] for s in found.solutions]
    assert kinds == [["Initial", "Periodic"], ["Periodic", "Data", "Equation", "Initial"]]


@pytest.mark.parametrize("windows", [0, -1, True, 1.5, [0.0], [0.0, 0.5], [0.0, 0.5, 0.5, 1.0], "10", ["a", 1.0]])
def test_windows_are_checked(windows):
    with pytest.raises(ParameterError, match=r"`windows` must be an int >= 1, or ascending limits from 0 to 1; got"):
        march(advection(), chebyshev(3, 2, 1), windows, **QUICK)


def test_problems_that_do_not_march():
    box = Problem(Box(-1, 1), lambda x, u: u.laplacian, [Dirichlet()])
    with pytest.raises(ParameterError, match=r"needs a domain with time, .* got a Box\. Use `solve`"):
        march(box, chebyshev(1, 1))
    with pytest.raises(ParameterError, match="needs an `Initial` condition"):
        march(advection([Periodic("x")]), chebyshev(3, 1))
    unknown = Problem(DOMAIN, lambda x, u, a: u.dt + a * u.d("x"), [Initial(0.0)], unknowns={"a": 1.0})
    with pytest.raises(ParameterError, match=r"finds no unknown coefficients, and the problem has \['a'\]"):
        march(unknown, chebyshev(2, 1))


def test_points_of_ones_own_are_checked():
    with pytest.raises(ShapeError, match=r"`points` must be \(n, 2\), a column for each of t, x; got \(5, 1\)"):
        solve(advection(), chebyshev(3, 1), points=torch.zeros(5, 1, **F64))
    outside = torch.tensor([[0.5, 0.0], [0.5, 2.0]], **F64)
    with pytest.raises(DomainError, match=r"`points` must lie in TimeSpace.*; row 1, \[0.5, 2.0\], does not"):
        solve(advection(), chebyshev(3, 1), points=outside)


def test_points_go_where_a_layer_is_while_levenberg_marquardt_runs():
    """`u' + u / w = 0` falls within w = 0.02 of the left end: equal distances have two points there."""
    layer = Problem(Box(0, 1), lambda x, u: u.d("x") + 50 * u.value, [Dirichlet(1.0, where=lambda x: x[:, 0] == 0)])
    run = {"points": 100, "sampling": "grid", "lm_steps": 12, "steps": 0}
    still = solve(layer, chebyshev(1, 3, 1, k=8), **run)
    moved = solve(layer, chebyshev(1, 3, 1, k=8), **run, resample_every=3)
    share = [float((s.points < 0.1).double().mean()) for s in (still, moved)]
    assert share[0] == pytest.approx(0.1)
    assert share[1] > 0.15
    assert moved.points.shape == still.points.shape


def test_an_equation_of_second_order_in_time_is_refused():
    """Windows would begin with any velocity, and end with a small residual and the wrong wave."""
    begin = Initial(lambda x: torch.sin(math.pi * x[:, 1]))
    problem = Problem(DOMAIN, lambda x, u: u.d("t", "t") - u.d("x", "x"), [begin, Periodic("x")])
    with pytest.raises(ParameterError, match="first order in time; this one has a second derivative by time"):
        march(problem, chebyshev(3, 2, 1), 2, **QUICK)


@pytest.mark.filterwarnings("ignore:this model is in float32")  # said in every window
def test_single_precision_marches_between_walls():
    """The corners are checked in double precision, by a network that is not."""
    problem = advection([Initial(lambda x: torch.sin(math.pi * x[:, 1])), Dirichlet(wave)])
    model = KAN([2, 3, 1], basis="chebyshev", k=5, seed=0, dtype=torch.float32)
    found = march(problem, model, [0.0, 0.1, 0.3, 0.7, 1.0], points=100, lm_steps=2, resample_every=1)
    assert found([[0.9, 0.5]]).dtype == torch.float32
    assert len(found.solutions) == 4


def test_a_row_at_a_shared_limit_belongs_to_the_window_that_ends_there():
    x = torch.tensor([[0.0, 0.1], [0.5, 0.2], [0.6, 0.3], [1.0, 0.4]], **F64)
    data = Data(x, wave(x))
    begin = Initial(lambda x: torch.sin(math.pi * x[:, 1]))
    found = march(advection([begin, Periodic("x"), data]), chebyshev(3, 2, 1), 2, **QUICK)
    kept = [next(c for c in s.problem.conditions if isinstance(c, Data)).x[:, 0].tolist() for s in found.solutions]
    assert kept == [[0.0, 0.5], [0.6, 1.0]]


def test_a_function_with_a_jet_of_its_own_is_still_a_function():
    class Begin:
        jet = "an aeroplane"

        def __call__(self, x):
            return torch.sin(math.pi * x[:, 1])

    found = march(advection([Initial(Begin()), Periodic("x")]), chebyshev(3, 2, 1), 1, **QUICK)
    assert_close(found(DOMAIN.initial(5)), Begin()(DOMAIN.initial(5)), rtol=0, atol=1e-12)


def test_a_wave_marches_as_a_system_of_value_and_velocity():
    """Both outputs are handed over: the second window begins with the first one's velocity, too."""
    exact = lambda x: torch.stack([  # noqa: E731
        torch.sin(math.pi * x[:, 1]) * torch.cos(math.pi * x[:, 0]),
        -math.pi * torch.sin(math.pi * x[:, 1]) * torch.sin(math.pi * x[:, 0]),
    ], dim=1)  # fmt: skip
    pde = lambda x, w: (w[0].dt - w[1].value, w[1].dt - w[0].laplacian)  # noqa: E731
    problem = Problem(DOMAIN, pde, [Initial(exact), Dirichlet(0.0)], exact=exact)
    found = march(problem, chebyshev(2, 5, 2), 2, points=150, lm_steps=20)
    assert found.error < 5e-3
    assert found([[0.5, 0.3], [1.0, 0.3]]).shape == (2, 2)
    ends = [solution.field([[0.5, 0.3]]) for solution in found.solutions]
    for before, after in zip(*ends, strict=True):
        assert_close(before.value, after.value, rtol=0, atol=1e-13)
    with pytest.warns(UserWarning, match=r"1 of 1 points lie outside TimeSpace\(\(0.0, 1.0\)"):
        found([[1.5, 0.0]])


def test_an_ordinary_differential_equation_marches():
    decay = Problem(TimeSpace((0, 3)), lambda x, u: u.dt + u.value, [Initial(1.0)], exact=lambda x: torch.exp(-x[:, 0]))
    assert march(decay, chebyshev(1, 1), 3, points=20, lm_steps=5).error < 1e-6


def test_rounding_carries_no_point_out_of_its_window():
    """Single precision, many windows, and points at the very ends of the first one."""
    decay = Problem(TimeSpace((0, 3), Box(-1, 1)), lambda x, u: u.dt + u.value, [Initial(lambda x: 1 + x[:, 1])])
    points = torch.tensor([[0.0, -1.0], [0.05, 0.3], [0.1, 1.0], [0.1, -1.0]])
    with pytest.warns(UserWarning, match="float32"):
        found = march(decay, KAN([2, 1], basis="chebyshev", k=3, seed=0), 30, points=points, lm_steps=1)
    assert len(found.solutions) == 30

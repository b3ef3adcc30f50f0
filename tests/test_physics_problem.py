"""Problems: conditions that hold, derivatives of the wrapped solution, and what is said of mistakes."""

import math

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from edgewise import KAN, MLP
from edgewise.datasets import load_special
from edgewise.errors import DomainError, ParameterError, ShapeError
from edgewise.physics import (
    Box,
    Data,
    Dirichlet,
    Disk,
    Equation,
    Initial,
    LShape,
    Neumann,
    Periodic,
    Points,
    Problem,
    ReferenceGrid,
    TimeSpace,
    derivatives,
    solve,
)
from edgewise.physics.system import Learner, Loss, System

F64 = {"dtype": torch.float64}
TIGHT = {"rtol": 1e-10, "atol": 1e-10}
HEAT = TimeSpace((0, 1), Box(-1, 1))


def poisson(x, u):
    return u.laplacian + 1.0


def heat(x, u):
    return u.dt - u.laplacian


def bump(x):
    return torch.cos(math.pi * x[:, 1] / 2)


def parts_of(problem, model, unknowns=None):
    learner = Learner(model, {name: torch.tensor(v, **F64) for name, v in (unknowns or {}).items()})
    like = next(model.parameters()).detach()
    parts = [problem.inner(problem.domain.interior(40, "sobol").to(like)), *problem.others(like, 30, "sobol", 0)]
    for part in parts:
        part.prepare(problem.around, model, dict(learner.unknowns.items()))
    return Loss(learner, parts, problem.around)


# ------------------------------------------------------------------------------------------- hard conditions


@pytest.mark.parametrize(
    ("domain", "value"),
    [(Box((-1, 0), (1, 2)), lambda x: x[:, 0] * x[:, 1]), (Disk(), 3.0), (Box(0, 1), lambda x: x[:, :1].exp())],
)
def test_hard_boundary_values_hold_exactly(domain, value):
    problem = Problem(domain, poisson, [Dirichlet(value)])
    assert problem.is_hard
    model, x = KAN([domain.dim, 3, 1], k=5, seed=0, **F64), domain.boundary(50).x
    wanted = value(x).reshape(-1) if callable(value) else torch.full((len(x),), value, **F64)
    assert_close(problem.field(model, x).value, wanted, rtol=0, atol=1e-14)


def test_hard_values_at_the_begin_and_on_a_boundary_that_moves():
    wall = lambda x: x[:, 1] * (1 + torch.sin(x[:, 0]))  # noqa: E731
    start = lambda x: x[:, 1] + bump(x)  # noqa: E731
    problem = Problem(HEAT, heat, [Initial(start), Dirichlet(wall)])
    model = KAN([2, 3, 1], k=5, seed=0, **F64)
    x = HEAT.boundary(50).x
    assert_close(problem.field(model, x).value, wall(x), rtol=0, atol=1e-14)
    x = HEAT.initial(50)
    assert_close(problem.field(model, x).value, start(x), rtol=0, atol=1e-14)


def test_what_an_initial_value_says_of_later_times_is_not_used():
    wave = lambda x: torch.sin(math.pi * x[:, 1]) * torch.cos(3 * x[:, 0])  # noqa: E731
    problem = Problem(HEAT, heat, [Initial(wave), Dirichlet(0.0)])
    model = KAN([2, 3, 1], k=5, seed=0, **F64)
    x = HEAT.boundary(50).x
    assert_close(problem.field(model, x).value, torch.zeros(len(x), **F64), rtol=0, atol=1e-14)
    x = HEAT.initial(50)
    assert_close(problem.field(model, x).value, wave(x), rtol=0, atol=1e-14)


@pytest.mark.parametrize("moving", [False, True])
def test_value_and_velocity_hold_at_the_begin_and_walls_hold_at_all_times(moving):
    def exact(x):  # its slope at the walls is not zero where they move
        return torch.sin(math.pi * x[:, 1]) * (1 + x[:, 0]) + (torch.sin(2 * x[:, 0]) * x[:, 1] if moving else 0.0)

    speed = lambda x: torch.sin(math.pi * x[:, 1]) + (2 * x[:, 1] if moving else 0.0)  # noqa: E731
    wall = Dirichlet(exact if moving else 0.0)
    problem = Problem(HEAT, heat, [Initial(exact, velocity=speed), wall], exact=exact)
    model = KAN([2, 3, 1], k=5, seed=0, **F64)
    begin, side = HEAT.initial(40), HEAT.boundary(40).x
    u = problem.field(model, begin)
    assert_close(u.value, exact(begin), rtol=0, atol=1e-14)
    assert_close(u.dt, speed(begin), rtol=0, atol=1e-13)
    assert_close(problem.field(model, side).value, exact(side), rtol=0, atol=1e-14)
    inside = HEAT.interior(20, "sobol")
    h = torch.tensor([1e-5, 0.0], **F64)
    ahead, behind = (problem.field(model, x).d("x") for x in (inside + h, inside - h))
    assert_close(problem.field(model, inside).d("t", "x"), (ahead - behind) / 2e-5, rtol=1e-6, atol=1e-6)
    message = r"contradict each other at \[0.0, -?1.0\]: `Initial` says velocity 1, `Dirichlet` says velocity"
    with pytest.raises(DomainError, match=message):
        Problem(HEAT, heat, [Initial(exact, velocity=1.0), wall])


@pytest.mark.parametrize("hard", [True, False])
def test_conditions_hold_for_every_output(hard):
    both = lambda x: torch.stack([x[:, 1] * x[:, 0], 1 + x[:, 1] ** 2], dim=1)  # noqa: E731
    model, pde = KAN([2, 3, 2], k=5, seed=0, **F64), lambda x, u: (u[0].dt, u[1].dt)
    for value in (both, 0.5):
        problem = Problem(HEAT, pde, [Initial(value, hard=hard), Dirichlet(value, hard=hard)])
        loss = parts_of(problem, model)
        wanted = both if value is both else lambda x: torch.full((len(x), 2), 0.5, **F64)
        if hard:
            x = torch.cat([HEAT.boundary(40).x, HEAT.initial(20)])
            u, w = problem.field(model, x)
            assert_close(torch.stack([u.value, w.value], dim=1), wanted(x), rtol=0, atol=1e-14)
        else:
            for part in loss.parts[1:]:
                found = part(loss.around, model, {})
                assert_close(found, model(part.x) - wanted(part.x), **TIGHT)


@pytest.mark.parametrize("kind", ["splines", "chebyshev", "MLP"])
def test_the_wrapped_solution_has_the_right_derivatives(kind):
    """Product rule and embedding in jets, against nested autograd through the whole expression."""
    model = {
        "splines": lambda: KAN([3, [3, 1], 1], k=5, outside="extend", seed=0, **F64),
        "chebyshev": lambda: KAN([3, 4, 1], basis="chebyshev", k=6, seed=0, **F64),
        "MLP": lambda: MLP([3, 6, 1], seed=0, **F64),
    }[kind]()
    problem = Problem(HEAT, heat, [Initial(lambda x: torch.cos(math.pi * x[:, 1])), Periodic("x")])
    assert problem.in_features == 3

    def plain(x):
        angle = math.pi * (x[:, 1] + 1)
        return torch.cos(math.pi * x[:, 1]) + x[:, 0] * model(torch.stack([x[:, 0], angle.cos(), angle.sin()], 1))[:, 0]

    x = HEAT.interior(20, "sobol")
    u, v = problem.field(model, x), derivatives(plain, x, names=("t", "x"), time=0)
    for ours, theirs in (
        (u.value, v.value), (u.dt, v.dt), (u.laplacian, v.laplacian), (u.d("t", "x"), v.d("t", "x")),
        (u.d("x", "x", "x"), v.d("x", "x", "x")),
    ):  # fmt: skip
        assert_close(ours, theirs, rtol=1e-10, atol=1e-10 * float(theirs.detach().abs().amax()))
    left, right = (problem.field(model, torch.tensor([[0.3, end]], **F64)) for end in (-1.0, 1.0))
    assert_close(left.value, right.value, **TIGHT)
    assert_close(left.d("x"), right.d("x"), rtol=0, atol=1e-9)


# ------------------------------------------------------------------------------------------------- the loss


def everything():
    data = Data(HEAT.interior(12, "random"), torch.rand(12, generator=torch.Generator(), **F64), weight=2.0)
    conditions = [Initial(bump, hard=False, weight=5.0), Dirichlet(0.5, hard=False, weight=3.0),
                  Neumann(0.25, where=lambda x: x[:, 1] > 0), data,
                  Equation(lambda x, u: u.dt - 1.0, HEAT.initial(8), weight=0.5)]  # fmt: skip
    return Problem(HEAT, lambda x, u, a, b: u.dt - a * u.laplacian + b, conditions, unknowns={"a": 0.7, "b": -0.2})


@pytest.mark.parametrize("kind", ["splines", "chebyshev", "MLP"])
def test_the_loss_is_the_weighted_sum_of_mean_squares(kind):
    model = {
        "splines": KAN([2, 3, 1], k=5, outside="extend", seed=0, **F64),
        "chebyshev": KAN([2, 3, 1], basis="chebyshev", k=6, seed=0, **F64),
        "MLP": MLP([2, 5, 1], seed=0, **F64),
    }[kind]
    problem, unknowns = everything(), {"a": 0.7, "b": -0.2}
    loss = parts_of(problem, model, unknowns)
    here = loss.evaluate(loss.point())

    def mean(x, of, weight):
        u = derivatives(model, x, names=("t", "x"), time=0)
        return weight * float(of(x, u).detach().square().mean())

    points = [part.x for part in loss.parts]
    data = problem.conditions[3]
    expected = mean(points[0], lambda x, u: u.dt - 0.7 * u.d(1, 1) - 0.2, 1.0)
    expected += mean(points[1], lambda x, u: u.value - bump(x), 5.0)
    expected += mean(points[2], lambda x, u: u.value - 0.5, 3.0)
    assert bool((points[3][:, 1] == 1).all())  # `where`; the outward slope is d/dx there
    expected += mean(points[3], lambda x, u: u.d("x") - 0.25, 1.0)
    expected += mean(points[4], lambda x, u: u.value - data.y, 2.0)
    expected += mean(points[5], lambda x, u: u.dt - 1.0, 0.5)
    assert here.loss == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("kind", ["splines", "chebyshev", "MLP"])
def test_least_squares_sees_the_same_problem(kind):
    """Rows of the Jacobian against the gradient of the loss, and against differences along a direction."""
    model = {
        "splines": KAN([2, 3, 1], grid=3, k=5, outside="extend", seed=0, **F64),
        "chebyshev": KAN([2, 3, 1], basis="chebyshev", k=5, seed=0, **F64),
        "MLP": MLP([2, 4, 1], seed=0, **F64),
    }[kind]
    loss = parts_of(everything(), model, {"a": 0.7, "b": -0.2})
    x = loss.point()
    system, here = System(loss), loss.evaluate(x)
    linear = system.linearize(x[None])
    rows = torch.cat(list(linear.rows()), dim=1)[0]
    assert rows.shape == (system.count, system.size)
    assert float(linear.loss) == pytest.approx(here.loss, rel=1e-12)
    size = float(here.grad.abs().amax())
    assert_close(2 * linear.gradient[0], here.grad, rtol=0, atol=1e-11 * size)
    assert_close(rows.mT @ linear.residual[0], linear.gradient[0], rtol=0, atol=1e-11 * size)
    d = torch.randn(1, system.size, generator=torch.Generator(), **F64)
    assert_close(linear.jvp(d)[0], rows @ d[0], rtol=1e-9, atol=1e-10)
    assert_close(linear.gram()[0], rows.mT @ rows, rtol=1e-9, atol=1e-10)
    h = 1e-6
    ahead, behind = system.residuals(x + h * d), system.residuals(x - h * d)
    assert_close(linear.jvp(d), (ahead - behind) / (2 * h), rtol=1e-6, atol=1e-6)
    u = torch.randn(1, system.count, generator=torch.Generator(), **F64)
    assert_close(linear.vjp(u)[0], rows.mT @ u[0], rtol=1e-9, atol=1e-10)


def test_several_equations_and_outputs():
    """Cauchy-Riemann: x^2 - y^2 and 2xy have no residual."""

    class Square(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones((), **F64))

        def forward(self, x):
            a, b = x.unbind(1)
            return self.scale * torch.stack([a**2 - b**2, 2 * a * b], dim=1)

    def pde(x, u):
        v, w = u
        return v.d("x") - w.d("y"), v.d("y") + w.d("x")

    loss = parts_of(Problem(Box((-1, -1), (1, 1)), pde), Square())
    assert loss.parts[0](loss.around, loss.learner.model, {}).shape == (40, 2)
    assert loss.evaluate(loss.point()).loss == pytest.approx(0.0, abs=1e-28)


# ------------------------------------------------------------------------------------------------- mistakes


def quick(problem, model=None, **kwargs):
    kwargs = {"points": 16, "boundary_points": 8, "lm_steps": 1, "steps": 1, "update_grid": False, **kwargs}
    dim = problem.in_features
    return solve(problem, model or KAN([dim, 2, 1], basis="chebyshev", k=6, seed=0, **F64), **kwargs)


@pytest.mark.parametrize(
    ("pde", "got"),
    [
        (lambda x, u: u.laplacian + x[:, :1], r"\(3, 3\)"),
        (lambda x, u: u.laplacian.sum(), r"\(\)"),
        (lambda x, u: u.laplacian[:2], r"\(2,\)"),
        (lambda x, u: None, "NoneType"),
    ],
)
def test_a_pde_of_the_wrong_shape_is_refused(pde, got):
    message = rf"`pde` must return one residual for each row, \(3,\) for 3 rows.* got {got}\. .*not `x\[:, :1\]`"
    with pytest.raises(ShapeError, match=message):
        quick(Problem(Box((0, 0), (1, 1)), pde, [Dirichlet()]))


@pytest.mark.filterwarnings("ignore:__array_wrap__")
@pytest.mark.parametrize(
    ("pde", "got"),
    [
        (lambda u, x: u.laplacian + x[:, 0], "AttributeError: 'Tensor' object has no attribute 'laplacian'"),
        (lambda x, u: u.laplacian + np.sin(x[:, 0]), "RuntimeError: "),
        (lambda x, u: u.laplacian + np.sin(u.value), "RuntimeError: Can't call numpy"),
        (lambda x, u: u.dx, r"AttributeError: a solution has no `u.dx`; .*`u.d\('x'\)`, `u.d\('x', 'y'\)`"),
    ],
)
def test_a_pde_that_fails_says_how_it_was_called(pde, got):
    message = rf"`pde` is called as pde\(x, u\), points first. .*`torch.sin`, not `np.sin`. It failed with {got}"
    with pytest.raises(ParameterError, match=message) as seen:
        quick(Problem(Box((0, 0), (1, 1)), pde, [Dirichlet()]))
    assert seen.value.__cause__ is not None


def test_a_pde_that_does_not_take_the_unknowns_is_refused():
    box = Box(0, 1)
    with pytest.raises(ParameterError, match=r"called .*pde\(x, u, nu\).*: got an unexpected keyword argument 'nu'"):
        Problem(box, poisson, unknowns={"nu": 1.0})
    with pytest.raises(
        ParameterError, match=r"pde\(x, u\), .*: missing a required argument: 'a'\. .*unknowns={'a': 1.0}"
    ):
        Problem(box, lambda x, u, a: a * u.laplacian)
    with pytest.raises(ParameterError, match=r"`Equation\(residual\)` .*missing a required argument: 'a'"):
        Problem(box, poisson, [Equation(lambda x, u, a: a * u.value, torch.zeros(1, 1))])
    Problem(box, lambda x, u, **unknowns: unknowns["a"] * u.laplacian, unknowns={"a": 1.0})


def test_three_equations_for_three_outputs():
    pde = lambda x, u: tuple(own.laplacian for own in u)  # noqa: E731
    loss = parts_of(Problem(Box(0, 1), pde, [Dirichlet(hard=False)]), KAN([1, 3], k=5, seed=0, **F64))
    assert [part(loss.around, loss.learner.model, {}).shape[1] for part in loss.parts] == [3, 3]


def test_outputs_that_do_not_fit_are_refused():
    three = lambda x: x[:, :1].expand(-1, 3)  # noqa: E731
    pde, two = lambda x, u: (u[0].laplacian, u[1].laplacian), KAN([1, 2], basis="chebyshev", k=6, seed=0, **F64)
    with pytest.raises(ShapeError, match=r"hard conditions have 3 outputs, the network 2"):
        quick(Problem(Box(0, 1), pde, [Dirichlet(three)]), two)
    with pytest.raises(ShapeError, match=r"a condition has values for 3 outputs, the network has 2"):
        quick(Problem(Box(0, 1), pde, [Dirichlet(three, hard=False)]), two)


def test_an_output_that_nothing_uses_is_refused():
    box, two = Box(0, 1), KAN([1, 2, 2], basis="chebyshev", k=6, seed=0, **F64)
    message = r"2 outputs, and neither .* uses output 1: one equation needs one output.*unpack `v, w = u`"
    for conditions in ([Dirichlet()], [Dirichlet(hard=False)]):
        with pytest.raises(ParameterError, match=message):
            quick(Problem(box, poisson, conditions), two)
    with pytest.raises(ParameterError, match=r"uses output 0"):
        quick(Problem(box, lambda x, u: u[1].laplacian, [Dirichlet()]), two)
    quick(Problem(box, lambda x, u: (u[0].laplacian, u[1].laplacian - 1), [Dirichlet()]), two)
    quick(Problem(box, poisson, [Data(torch.rand(4, 1, generator=torch.Generator()), torch.zeros(4, 2))]), two)


def test_points_that_do_not_fit_the_domain_are_refused():
    square = Problem(Box((0, 0), (1, 1)), poisson, Dirichlet())  # one condition needs no list
    assert square.is_hard
    for points in ((8,), (8, 8, 8), (8, 0), (8, 2.0), 0, 8.0):
        with pytest.raises(ParameterError, match=r"one for each of 2 coordinates, such as \(8, 8\); got"):
            quick(square, points=points)
    assert Disk().interior((8, 8)).square().sum(1).max() <= 1


def test_a_domain_without_boundary_is_refused():
    cloud = Points(torch.rand(20, 2, generator=torch.Generator()))
    with pytest.raises(DomainError, match=r"a condition on the boundary needs one.*`Points\(x, boundary=...\)`"):
        quick(Problem(cloud, poisson, [Dirichlet()]))
    with pytest.raises(DomainError, match=r"`Neumann` needs normals"):
        quick(Problem(Points(cloud.x, boundary=cloud.x[:3]), poisson, [Neumann()]))
    with pytest.raises(ParameterError, match=r"`Dirichlet\(hard=True\)` needs .* on the boundary of a LShape only"):
        Problem(LShape(), poisson, [Dirichlet(hard=True)])
    with pytest.raises(ParameterError, match=r"`Initial` needs a domain with time.*got a Box"):
        Problem(Box(0, 1), poisson, [Initial()])


def test_a_hard_condition_that_contradicts_the_data_is_refused():
    x = torch.tensor([[0.5, 0.2], [0.0, 0.0], [0.5, 1.0]], **F64)
    message = r"a hard condition contradicts the data: at \[0.5, 1.0\] it says 0, row 2 of the data 0.7"
    with pytest.raises(DomainError, match=message):
        Problem(HEAT, heat, [Dirichlet(0.0), Data(x, torch.tensor([0.3, 1.0, 0.7], **F64))])
    Problem(HEAT, heat, [Dirichlet(0.0), Data(x, torch.tensor([0.3, 1.0, 0.01], **F64))])  # noise
    Problem(HEAT, heat, [Dirichlet(0.0, hard=False), Data(x, torch.tensor([0.3, 1.0, 0.7], **F64))])
    message = r"hard conditions contradict each other at \[0.0, -?1.0\]: `Initial` says 0, `Dirichlet` says 1"
    with pytest.raises(DomainError, match=message):
        Problem(HEAT, heat, [Dirichlet(1.0), Initial(0.0)])
    with pytest.raises(ParameterError, match=r"one hard `Dirichlet` and one hard `Initial` at most"):
        Problem(HEAT, heat, [Dirichlet(1.0), Dirichlet(2.0)])


def test_a_reference_that_does_not_cover_the_domain_is_refused():
    t, x = torch.linspace(0, 0.5, 11), torch.linspace(-1, 1, 21)
    message = r"does not cover the domain: along t it runs from 0 to 0.5, the domain from 0 to 1"
    with pytest.raises(DomainError, match=message):
        Problem(HEAT, heat, exact=ReferenceGrid((t, x), torch.ones(11, 21)))
    short = ReferenceGrid((torch.linspace(0, 1, 11), torch.linspace(-1, 0.9, 20)), torch.ones(11, 20))
    Problem(HEAT, heat, exact=short)  # a periodic grid leaves out one end: one step is no gap
    with pytest.raises(ShapeError, match=r"`values` must have one axis for each of `axes`, \(11, 21\); got \(21, 11\)"):
        ReferenceGrid((t, x), torch.ones(21, 11))
    with pytest.raises(DomainError, match=r"`axes\[1\]` must ascend"):
        ReferenceGrid((t, -x), torch.ones(11, 21))
    with pytest.raises(DomainError, match=r"`values` must be finite"):
        ReferenceGrid((t, x), torch.full((11, 21), math.nan))
    with pytest.raises(ShapeError, match=r"the grid has 2 axes, the domain 1: x"):
        Problem(Box(0, 1), poisson, exact=ReferenceGrid((t, x), torch.ones(11, 21)))


def hidden(x):
    return torch.from_numpy(np.exp(x.detach().numpy()[:, 0]))


@pytest.mark.parametrize(
    "function",
    [
        hidden,
        lambda x: x[:, 0] ** 2 + hidden(x),
        lambda x: torch.stack([x[:, 0], hidden(x)], dim=1),
        lambda x: hidden(x) * x[:, 0],
    ],
)
def test_what_torch_cannot_differentiate_is_refused(function):
    message = "must be made of torch functions: its values change otherwise than torch knows"
    x = torch.rand(4, 2, generator=torch.Generator(), **F64)
    for some in (x, x[:1], x.float()):
        with pytest.raises(ParameterError, match=f"the function is differentiated, and {message}"):
            derivatives(lambda z: function(z).to(z), some)
    with pytest.raises(ParameterError, match=f"the value of a hard `Dirichlet` is .*{message}.*hard=False"):
        Problem(Box(0, 1), poisson, [Dirichlet(function)])
    with pytest.raises(ParameterError, match=f"the value of a hard `Initial` is .*{message}"):
        Problem(HEAT, heat, [Initial(function)])
    with pytest.raises(ParameterError, match=f"the velocity of a hard `Initial` is .*{message}"):
        Problem(HEAT, heat, [Initial(0.0, velocity=function)])
    Problem(Box(0, 1), poisson, [Dirichlet(function, hard=False)])


def test_what_torch_can_differentiate_is_taken():
    x = 3 * torch.rand(40, 2, generator=torch.Generator(), **F64) - 1
    for function in (
        lambda x: torch.ones(len(x), **F64), lambda x: x[:, 0].abs(), lambda x: (x[:, 0] > 0).to(x),
        lambda x: torch.sin(50 * x[:, 0]) * 1e-9, lambda x: 1e9 + x[:, 1] ** 3, lambda x: 0 * x[:, 0],
    ):  # fmt: skip
        derivatives(function, x)
    network = MLP([2, 3, 1], seed=0, **F64)
    with torch.inference_mode():
        assert_close(derivatives(lambda x: x[:, 0] ** 3, x).d(0), 3 * x[:, 0] ** 2, **TIGHT)
        assert derivatives(network, x).grad.any()
    with pytest.raises(ParameterError, match="must be made of torch functions"):
        derivatives(load_special("bessel_j"), x.abs())
    with pytest.raises(ParameterError, match=r"value of a condition is called .*`torch.sin`, not `np.sin`.*call numpy"):
        Problem(Box(0, 1), poisson, [Dirichlet(lambda x: np.sin(x[:, 0]))])


def test_periodic_sides_are_no_boundary():
    """A channel: walls below and above, and the flow goes around."""
    box, two = Box((0, 0), (1, 1)), KAN([3, 2, 1], basis="chebyshev", k=6, seed=0, **F64)
    problem = Problem(box, poisson, [Periodic("x"), Dirichlet(2.0)])
    x = problem.domain.boundary(40).x
    assert set(x[:, 1].tolist()) == {0.0, 1.0}
    assert_close(problem.field(two, x).value, torch.full((len(x),), 2.0, **F64), rtol=0, atol=1e-14)
    sides = torch.tensor([[0.0, 0.5], [1.0, 0.5]], **F64)
    assert float((problem.field(two, sides).value.detach() - 2).abs().min()) > 1e-3
    channel = TimeSpace((0, 1), box)
    begin = lambda x: torch.sin(math.pi * x[:, 2]) * (2 + torch.cos(2 * math.pi * x[:, 1]))  # noqa: E731
    Problem(channel, heat, [Periodic("x"), Dirichlet(0.0), Initial(begin)])  # not zero at x = 0, and need not be
    around = Problem(Box(0, 1), poisson, [Periodic("x"), Dirichlet(0.0)])
    with pytest.raises(DomainError, match="all sides of this box are joined: `Periodic`"):
        quick(around)


def test_conditions_that_differ_slightly_are_said():
    walls = Dirichlet(0.0)
    with pytest.warns(UserWarning, match=r"the boundary gets neither, at \[0.0, .*`Initial` says 0.0111"):
        Problem(TimeSpace((0, 1), Box(-3, 3)), heat, [Initial(lambda x: torch.exp(-(x[:, 1] ** 2) / 2)), walls])
    small = lambda x: torch.stack([1000 * bump(x), 1 + 0 * x[:, 0]], dim=1)  # noqa: E731
    with pytest.raises(DomainError, match=r"for output 1: `Initial` says 1, `Dirichlet` says 0"):
        Problem(HEAT, heat, [Initial(small), walls])
    with pytest.raises(DomainError, match=r"contradicts `exact`: at .* it says 0, .* 1"):
        Problem(HEAT, heat, [walls], exact=small)
    with pytest.raises(ShapeError, match=r"`Initial` has 2 outputs, `Dirichlet` 3"):
        Problem(HEAT, heat, [Initial(small), Dirichlet(lambda x: 0 * x[:, :1].expand(-1, 3))])


def test_the_boundary_of_a_cube_of_many_dimensions_is_thin():
    cube = Box([0.0] * 30, [1.0] * 30)
    Problem(cube, poisson, [Dirichlet(0.0)], exact=lambda x: (x * (1 - x)).prod(1) * 4**30)


@pytest.mark.parametrize("name", ["velocity", "wanted", "normal", "name", "explain", "keys", "items", "self"])
def test_unknowns_may_have_any_name(name):
    pde = lambda x, u, **unknowns: u.dt - unknowns[name] * u.laplacian  # noqa: E731
    conditions = [
        Initial(bump, hard=False, velocity=0.0), Dirichlet(hard=False), Neumann(), Data([[0.5, 0.5]], [0.1]),
        Equation(lambda x, u: u.dt, [[0.5, 0.5]]),
    ]  # fmt: skip
    with pytest.warns(UserWarning, match="a velocity is given"):
        found = quick(Problem(HEAT, pde, conditions, unknowns={name: 0.5}))
    assert set(found.unknowns) == {name}


def test_two_rows_broadcast_by_accident_are_refused():
    ends = Equation(lambda x, u: u.value - 3 * x[:, :1], [[0.0], [1.0]])
    with pytest.raises(ShapeError, match=r"`Equation` must return one residual for each row"):
        quick(Problem(Box(0, 1), poisson, [ends]))


def test_numpy_refuses_a_field_at_once():
    u = derivatives(KAN([2, 2], seed=0, **F64), torch.zeros(3, 2, **F64))
    with pytest.raises(TypeError):
        np.float64(2) * u
    with pytest.raises(TypeError):
        np.sin(u)
    assert u.outputs == 2
    assert "Field(x0, x1; .value" in repr(u)


def test_more_known_columns_than_outputs_are_refused():
    both = lambda x: x.expand(-1, 2)  # noqa: E731
    with pytest.raises(ShapeError, match="`exact` has 2 outputs, the network 1"):
        quick(Problem(Box(0, 1), poisson, [Dirichlet(hard=False)], exact=both))
    with pytest.raises(ShapeError, match="`Data` has 2 outputs, the network 1"):
        quick(Problem(Box(0, 1), poisson, [Dirichlet(hard=False), Data([[0.5]], [[1.0, 2.0]])]))


def test_clouds_do_not_say_where_they_end():
    cloud = Points(torch.rand(20, 2, generator=torch.Generator()))
    Problem(cloud, poisson, [Data([[0.0, 0.0], [1.0, 1.0]], [0.0, 0.0])])


def test_a_known_solution_that_contradicts_a_hard_condition_is_refused():
    with pytest.raises(DomainError, match=r"contradicts `exact`: at \[(0|1).0\] it says 0, row .* of `exact` 1"):
        Problem(Box(0, 1), poisson, [Dirichlet(0.0)], exact=lambda x: 1 + 0 * x[:, 0])
    with pytest.raises(DomainError, match=r"contradicts `exact`: at \[0.0, .*\] it says 1,"):
        Problem(HEAT, heat, [Initial(1.0)], exact=lambda x: x[:, 0])
    ones = ReferenceGrid((torch.linspace(0, 1, 5), torch.linspace(-1, 1, 9)), torch.ones(5, 9))
    with pytest.raises(DomainError, match=r"contradicts `exact`: at \[.*, -?1.0\] it says 0, row .* of `exact` 1"):
        Problem(HEAT, heat, [Dirichlet(0.0)], exact=ones)
    with pytest.raises(ParameterError, match=r"`exact` must be a function of points or a `ReferenceGrid`; got 0.5"):
        Problem(HEAT, heat, exact=0.5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Data([[0.5]], [math.nan]), r"`y` of `Data` must be finite; row 0 is nan"),
        (lambda: Data([[0.5], [math.inf]], [1, 2]), r"`x` of `Data` must be finite; row 1 is \[inf\]"),
        (lambda: Data([], []), r"`x` of `Data` must have at least one row; got \(0,\)"),
        (lambda: Data("x", [1.0]), r"`x` of `Data` must be numbers, a tensor or an array; got str"),
        (lambda: Data([[0.5]], [1.0], weight=-1.0), r"`weight` of `Data` must be a positive number; got -1.0"),
        (lambda: Dirichlet(weight=0), r"`weight` of `Dirichlet` must be a positive number; got 0"),
        (lambda: Neumann(weight=math.inf), r"`weight` of `Neumann` must be a finite number; got inf"),
        (lambda: Initial(weight="1"), r"`weight` of `Initial` must be a finite number; got '1'"),
        (lambda: Dirichlet(math.nan), r"the value of `Dirichlet` must be a finite number; got nan"),
        (lambda: Initial(velocity="fast"), r"the value of `Initial` must be a finite number; got 'fast'"),
        (lambda: Box(0, math.inf), r"a box must be finite; got 0 and inf"),
        (lambda: Points([[0.0], [math.nan]]), r"`x` must be finite; row 1 is \[nan\]"),
        (lambda: TimeSpace(Box(0, 1), (0, 1)), r"`space` must be a domain such as .*; got \(0, 1\)"),
        (lambda: TimeSpace(Box(0, 1)), r"`time` must be \(begin, end\) with begin < end; got Box"),
        (lambda: Problem(poisson, Box(0, 1)), r"`domain` must be a domain such as .*; got function"),
        (lambda: Problem(Box(0, 1), poisson, Dirichlet), r"`conditions` must hold conditions .*; got <class"),
        (lambda: Problem(Box(0, 1), poisson, unknowns=["a"]), r"`unknowns` must map names to start values"),
        (lambda: Problem(Box(0, 1), poisson, unknowns={"x": 1.0}), r"no unknown can be called 'x'.*Rename"),
        (lambda: Problem(Box(0, 1), poisson, unknowns={"a": torch.ones(2)}), r"start value of unknown 'a' must be"),
        (lambda: Problem(Box(0, 1), poisson, unknowns={"a": math.nan}), r"unknown 'a' must be .*; got nan"),
        (lambda: Problem(Disk(), poisson, [Periodic("x")]), r"`Periodic` needs a box in space, .*; got Disk"),
        (lambda: Problem(Box(0, 1), poisson, [Data([[5.0]], [1.0])]), r"`Data` must lie in Box.*row 0, \[5.0\]"),
        (lambda: Problem(Box(0, 1), poisson, [Equation(poisson, [0.5])]), r"must have \(n, 1\) points; got \(1,\)"),
        (lambda: Problem(TimeSpace((0, 1)), heat, [Dirichlet(hard=True)]), r"boundary in space, .* is time alone"),
        (lambda: Disk(radius="1"), r"`radius` must be a finite number; got '1'"),
        (lambda: TimeSpace((0, "b")), r"`time` must be numbers, .*got tuple"),
        (lambda: Data(torch.ones(2, 1) * 1j, [0, 0]), r"`x` of `Data` must be real numbers; got torch.complex64"),
        (lambda: solve(KAN([1, 1], seed=0), Problem(Box(0, 1), poisson)), r"problem first and the .*; got a KAN"),
    ],
)  # fmt: skip
def test_what_is_handed_in_is_checked_at_once(make, message):
    with pytest.raises((ParameterError, DomainError, ShapeError), match=message):
        make()


def test_arrays_and_lists_are_points_too():
    x, y = np.array([[0.25], [0.5]]), [0.1, 0.2]
    problem = Problem(Box(0, 1), poisson, [Dirichlet(), Data(x, y), Equation(lambda x, u: u.d("x"), [[0.5]])])
    solution = quick(problem, points=np.linspace(0, 1, 9)[:, None])
    assert solution.points.dtype == torch.float64
    assert repr(problem) == "Problem(Box([0.0], [1.0], names=('x',)), Dirichlet, Data, Equation)"
    assert repr(problem.conditions[1]) == "Data(2 points, weight=1.0)"


def test_an_unknown_that_nothing_tells_of():
    data = Data([[0.5]], [0.1])
    with pytest.raises(ParameterError, match=r"`pde` does not use its unknown 'a', which can then not be found"):
        quick(Problem(Box(0, 1), lambda x, u, a: u.laplacian + 1, [Dirichlet(), data], unknowns={"a": 1.0}))
    free = Problem(Box(0, 1), lambda x, u, a: a * u.laplacian + 1, [Dirichlet()], unknowns={"a": 1.0})
    with pytest.warns(UserWarning, match=r"nothing tells of the unknowns \['a'\]: add `Data\(x, y\)`"):
        quick(free)


def test_an_equation_is_told_what_it_does_wrong():
    box = Box(0, 1)
    with pytest.raises(ParameterError, match=r"read without parentheses: .*It failed with TypeError: 'Tensor'"):
        quick(Problem(box, lambda x, u: u.laplacian(), [Dirichlet()]))
    with pytest.raises(ParameterError, match=r"not with `u` itself: `u.value`, .*It failed with TypeError"):
        quick(Problem(box, lambda x, u: u**2, [Dirichlet()]))


def test_other_mistakes_are_refused():
    box = Box(-1, 1)
    with pytest.raises(ParameterError, match=r"`pde` must be a function of \(x, u\); got int"):
        Problem(box, 3)
    with pytest.raises(ParameterError, match=r"`conditions` must hold conditions such as `Dirichlet\(0.0\)`; got 0"):
        Problem(box, poisson, [0])
    with pytest.raises(ParameterError, match=r"`Periodic` names a coordinate that is not there, 'y'; they are x"):
        Problem(box, poisson, [Periodic("y")])
    with pytest.raises(ShapeError, match=r"`Data` must have \(n, 1\) points and n values; got \(3, 2\) and \(3,\)"):
        Problem(box, poisson, [Data(torch.zeros(3, 2), torch.zeros(3))])
    with pytest.raises(ShapeError, match=r"must be \(16,\) for 16 points, or \(16, outputs\) .*; got \(\)"):
        Problem(Box((0, 0), (1, 1)), poisson, [Dirichlet(lambda x: x.sum())])
    with pytest.raises(DomainError, match=r"no point of the boundary fulfils `where` of Neumann"):
        quick(Problem(box, poisson, [Neumann(where=lambda x: x[:, 0] > 7)]))
    problem = Problem(box, poisson, [Dirichlet()])
    with pytest.raises(ShapeError, match=r"the network must have 1 inputs .*; it has 2"):
        quick(problem, KAN([2, 1], k=5, seed=0, **F64))
    with pytest.raises(ParameterError, match=r"`steps` must be an int >= 0; got -1"):
        quick(problem, steps=-1)
    with pytest.raises(ParameterError, match=r"`check_every` must be an int >= 1; got 0"):
        quick(problem, check_every=0)
    for wrong in (-5, 0, 2.5, True):
        with pytest.raises(ParameterError, match=rf"`resample_every` must be an int >= 1; got {wrong}"):
            quick(problem, resample_every=wrong)
    with pytest.raises(ParameterError, match=r"`sampling` must be one of .*; got 'latin'"):
        quick(problem, sampling="latin")
    with pytest.raises(ParameterError, match=r"`model` must be a module with parameters"):
        quick(problem, torch.nn.Identity())
    with pytest.raises(DomainError, match=r"must be finite at the start; the loss is inf.*`log`, `sqrt`"):
        quick(Problem(box, lambda x, u: u.laplacian / (0 * x[:, 0]), [Dirichlet()]))
    with pytest.raises(DomainError, match=r"`exact` must be finite and not zero everywhere"):
        quick(Problem(box, poisson, [Dirichlet()], exact=lambda x: 0 * x[:, 0]))
    with pytest.raises(ShapeError, match=r"`exact` must be .* for 66 points"):
        quick(Problem(box, poisson, [Dirichlet()], exact=lambda x: x.sum()))

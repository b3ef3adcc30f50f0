"""Problems: conditions that hold, derivatives of the wrapped solution, and what is said of mistakes."""

import math

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from edgewise import KAN, MLP
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
    message = rf"`pde` is called as pde\(x, u\), points first, .*`torch.sin`, not `np.sin`.* failed with {got}"
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
    scalar = Problem(Box((0, 0), (1, 1)), poisson, [Dirichlet(lambda x: x.sum())])
    u = scalar.field(KAN([2, 1], seed=0, **F64), torch.rand(9, 2, generator=torch.Generator(), **F64))
    with pytest.raises(ShapeError, match=r"the value of a condition must be \(9,\) for 9 points; got \(\)"):
        u.value  # noqa: B018
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
    with pytest.raises(ShapeError, match=r"`exact` must give one value per point"):
        quick(Problem(box, poisson, [Dirichlet()], exact=lambda x: x.sum()))

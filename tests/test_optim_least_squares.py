"""Levenberg-Marquardt against MINPACK on the problems of More, Garbow and Hillstrom; its parts against definitions."""

import copy
import itertools

import mpmath
import numpy as np
import pytest
import scipy.optimize
import torch
from torch import Tensor
from torch.testing import assert_close

from edgewise.errors import DomainError, ParameterError, ShapeError
from edgewise.optim import LevenbergMarquardt, Linearization, LMMethod, Residuals, least_squares
from edgewise.optim import damped_systems as systems
from edgewise.optim.jacobian import FunctionResiduals
from edgewise.optim.lm_optimizer import first_lower
from oracles import more_garbow_hillstrom as mgh

F64 = torch.float64
SOLVERS = ["cholesky", "qr", "dual", "cg"]


def tensor(*values):
    return torch.tensor(values, dtype=F64)


# ------------------------------------------------------------------------------------------------- MINPACK

SLOW_FROM_AFAR = {"Meyer", "Brown and Dennis", "Chebyquad", "Osborne 1", "Jennrich and Sampson"}


def minpack(problem, start):
    with np.errstate(all="ignore"):
        return (
            2
            * scipy.optimize.least_squares(
                lambda x: mgh.residuals(problem, x),
                start,
                method="lm",
                xtol=1e-15,
                ftol=1e-15,
                gtol=1e-15,
                max_nfev=5000,
            ).cost
        )


BROWN = "Brown and Dennis"  # 500 iterations: of its large residuals Gauss-Newton's matrix knows nothing


@pytest.mark.parametrize(
    "problem",
    [pytest.param(p, id=p.name, marks=[pytest.mark.slow] if p.name == BROWN else []) for p in mgh.PROBLEMS],
)
def test_the_cost_is_that_of_minpack(problem):
    oracle = minpack(problem, problem.start)
    # The oracle itself: the paper prints six digits.
    assert oracle == pytest.approx(problem.minimum, rel=1e-5, abs=1e-20)
    found = least_squares(lambda p: mgh.residuals(problem, p["x"]), {"x": tensor(*problem.start)}, steps=1000)
    # A minimum is flat: both are right to the square of their distance from it, which is rounding of J'r.
    assert found.loss == pytest.approx(oracle, rel=1e-9, abs=1e-20)
    assert found.status in ("converged", "no progress"), found.message
    assert found.history["loss"] == sorted(found.history["loss"], reverse=True)


@pytest.mark.parametrize("problem", mgh.PROBLEMS, ids=lambda p: p.name)
def test_far_starts_end_no_higher_than_minpack(problem):
    if problem.name in SLOW_FROM_AFAR or not any(problem.start):
        pytest.skip("hundreds of iterations, or no other start")
    start = 10 * np.array(problem.start)
    found = least_squares(lambda p: mgh.residuals(problem, p["x"]), {"x": torch.from_numpy(start)}, steps=500)
    assert found.loss <= minpack(problem, start) * (1 + 1e-9) + 1e-20


@pytest.mark.parametrize("name", ["Rosenbrock", "helical valley", "Bard", "Kowalik and Osborne"])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("acceleration", [True, False])
def test_every_solver_finds_the_minimum(name, solver, acceleration):
    problem = next(p for p in mgh.PROBLEMS if p.name == name)
    found = least_squares(
        lambda p: mgh.residuals(problem, p["x"]), {"x": tensor(*problem.start)}, steps=400, solver=solver,
        acceleration=acceleration,
    )  # fmt: skip
    # Conjugate gradients solve to a hundredth, which slows the last digits.
    assert found.loss == pytest.approx(problem.minimum, rel=2e-3 if solver == "cg" else 1e-5, abs=1e-12)


# ------------------------------------------------------------------------------------------ the four systems


class Dense(Linearization):
    """A linearization that is given: `(M, m, n)` and `(M, m)`."""

    def __init__(self, jacobian: Tensor, residual: Tensor, pieces: int = 3) -> None:
        self.jacobian, self.residual, self.pieces = jacobian, residual, pieces
        self.loss = residual.square().sum(-1)
        self.gradient = self.vjp(residual)

    def gram(self):
        return (self.jacobian.mT @ self.jacobian).tril() + 1e9 * torch.ones(2 * self.jacobian.shape[-1:]).triu(1)

    def jvp(self, direction):
        return (self.jacobian @ direction[..., None])[..., 0]

    def vjp(self, cotangent):
        return (self.jacobian.mT @ cotangent[..., None])[..., 0]

    def rows(self):
        yield from self.jacobian.split(self.pieces, dim=1)


def exact_steps(jacobian, damping, u):
    """`(J'J + diag(damping))^-1 J'u` in 60 digits."""
    found = []
    with mpmath.workdps(60):
        for J, D, r in zip(jacobian.tolist(), damping.tolist(), u.tolist(), strict=True):
            J, r = mpmath.matrix(J), mpmath.matrix(r)
            solved = mpmath.lu_solve(J.T * J + mpmath.diag(D), J.T * r)
            found.append([float(value) for value in solved])
    return torch.tensor(found, dtype=F64)


def jacobians(kind, rows=8, columns=5):
    """`(3, m, n)`."""
    generator = torch.Generator().manual_seed(0)
    J = torch.randn(3, rows, columns, dtype=F64, generator=generator)
    if kind == "ill-conditioned":
        J = J @ torch.diag(10.0 ** -torch.arange(columns, dtype=F64)) + J[:, :, :1]
    if kind == "rank-deficient":
        J[:, :, -1] = J[:, :, 0] + J[:, :, 1]
        J[1, :, 2] = 0.0
    return J, torch.randn(3, rows, dtype=F64, generator=generator)


def solve_by(name, linear, damping):
    if name == "cholesky":
        return systems.by_cholesky(linear, linear.gram(), damping)
    if name == "qr":
        return systems.by_qr(linear, damping)
    if name == "dual":
        return systems.by_residuals(linear, damping)
    return systems.by_conjugate_gradients(linear, damping, linear.jacobian.square().sum(1), 1000)


@pytest.mark.parametrize("rows", [8, 3])
@pytest.mark.parametrize("kind", ["random", "ill-conditioned", "rank-deficient"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_damped_systems_of_three_models_at_once(solver, kind, rows, monkeypatch):
    monkeypatch.setattr(systems, "_CG_TOLERANCE", 1e-14)
    J, u = jacobians(kind, rows)
    damping = 1e-3 * J.square().sum(1).clamp_min(1e-6) * tensor(1.0, 10.0, 0.1)[:, None]
    solve, solved = solve_by(solver, Dense(J, u), damping)
    assert bool(solved.all())
    expected = exact_steps(J, damping, u)
    # Condition numbers here are below 1e5 once scaled, so ten digits are left.
    assert_close(solve(u, (J.mT @ u[..., None])[..., 0]), expected, rtol=1e-9, atol=1e-10 * float(expected.abs().max()))


def test_qr_goes_on_where_cholesky_fails():
    """`J'J` of condition 1e20 is not positive definite in float64; QR sees `J` alone, of condition 1e10."""
    J = tensor(1.0, 1.0, 1e-10, 0.0, 0.0, 1e-10).reshape(1, 3, 2).repeat(3, 1, 1)
    J[1] = torch.eye(3, 2, dtype=F64)  # the second model is a good one
    u = tensor(1.0, 2.0, 3.0).expand(3, 3)
    damping = torch.full((3, 2), 1e-24, dtype=F64)
    assert int(torch.linalg.cholesky_ex(J.mT @ J).info[0]) != 0, "this problem is too easy"
    linear = Dense(J, u)
    solve, solved = systems.by_cholesky(linear, linear.gram(), damping)
    assert bool(solved.all())
    expected = exact_steps(J, damping, u)
    assert_close(solve(u, linear.vjp(u)), expected, rtol=1e-4, atol=0)  # cond^2 eps^2 is left after one refinement


def test_qr_says_what_it_cannot_solve():
    J, u = jacobians("rank-deficient")
    _, solved = systems.by_qr(Dense(J, u), torch.zeros(3, 5, dtype=F64))
    assert not bool(solved[1])  # a zero column stays a zero pivot


def test_the_diagonal_is_estimated_without_bias():
    J, u = jacobians("random")
    found = systems.estimated_diagonal(Dense(J, u), 20000, seed=0)
    # Relative standard deviation below sqrt(2 / 20000) = 1 %.
    assert_close(found, J.square().sum(1), rtol=0.05, atol=0)
    again = systems.estimated_diagonal(Dense(J, u), 7, seed=3)
    assert torch.equal(again, systems.estimated_diagonal(Dense(J, u), 7, seed=3))


# ------------------------------------------------------------------------------------------- the iteration


class Exponentials(Residuals):
    """M fits of two exponentials to eight points; `targets` differ."""

    def __init__(self, models=1):
        self.models, self.size, self.count = models, 4, 8
        self.t = torch.linspace(0, 2, 8, dtype=F64)
        self.targets = torch.stack([torch.cos(self.t * (1 + 0.3 * m)) for m in range(models)])

    def residuals(self, x, which=None):
        y = self.targets if which is None else self.targets[which]
        return x[:, :1] * torch.exp(-x[:, 1:2] * self.t) + x[:, 2:3] * torch.exp(-x[:, 3:] * self.t) - y

    def linearize(self, x, which=None):
        rows = []
        for m in range(len(x)):
            w = torch.tensor([m]) if which is None else which[m : m + 1]
            rows.append(torch.func.jacrev(lambda p, w=w: self.residuals(p[None], w)[0])(x[m]))
        return Dense(torch.stack(rows), self.residuals(x, which))


def start_points(models):
    return torch.stack([tensor(1.0, 0.5, -0.5, 2.0) + 0.1 * m for m in range(models)])


def test_a_step_is_the_definition():
    """D, step, geodesic acceleration with an exact second derivative, and Nielsen's rule, written out."""
    problem, x = Exponentials(), start_points(1)
    method = LMMethod(damping=0.3)
    new, loss, moved = method.step(problem, x)
    here = problem.linearize(x)
    J, r = here.jacobian[0], here.residual[0]
    D = torch.diag((J.mT @ J).diagonal())
    A = J.mT @ J + 0.3 * D
    d = torch.linalg.solve(A, -J.mT @ r)
    residuals = lambda s: problem.residuals((x[0] + s * d)[None])[0]  # noqa: E731
    second = torch.func.jacfwd(torch.func.jacfwd(residuals))(torch.zeros((), dtype=F64))
    a = torch.linalg.solve(A, -J.mT @ second / 2)
    assert bool(moved)
    # The curvature is a difference over a tenth of the step: its error is 0.1^2 / 12 of the fourth derivative.
    assert_close(new[0], x[0] + d + a, rtol=0, atol=0.01 * float(a.norm()))
    assert float(loss) == pytest.approx(float(problem.residuals(new).square().sum()), rel=1e-14)
    gain = (r @ r - loss) / (r @ r - (r + J @ d) @ (r + J @ d))
    expected = 0.3 * max(1 / 3, 1 - (2 * float(gain) - 1) ** 3)
    assert float(method.damping) == pytest.approx(min(expected, 0.3), rel=1e-9)


def test_the_difference_that_bends_converges_to_the_second_derivative(monkeypatch):
    from edgewise.optim import levenberg_marquardt

    problem, x = Exponentials(), start_points(1)
    found = {}
    for probe in (0.1, 0.01):
        monkeypatch.setattr(levenberg_marquardt, "_PROBE", probe)
        found[probe] = LMMethod(damping=0.3).step(problem, x)[0]
    here = problem.linearize(x)
    J, r = here.jacobian[0], here.residual[0]
    A = J.mT @ J + 0.3 * torch.diag((J.mT @ J).diagonal())
    d = torch.linalg.solve(A, -J.mT @ r)
    residuals = lambda s: problem.residuals((x[0] + s * d)[None])[0]  # noqa: E731
    a = torch.linalg.solve(A, -J.mT @ torch.func.jacfwd(torch.func.jacfwd(residuals))(torch.zeros((), dtype=F64)) / 2)
    errors = {probe: float((new[0] - x[0] - d - a).norm()) for probe, new in found.items()}
    assert errors[0.01] < 0.02 * errors[0.1]  # second order


def test_damping_grows_ever_faster_while_steps_fail():
    class Worse(Exponentials):
        def residuals(self, x, which=None):
            return super().residuals(x, which) + (0.0 if torch.equal(x, start_points(1)) else 100.0)

    method, x = LMMethod(damping=0.5, acceleration=False), start_points(1)
    seen = []
    for _ in range(4):
        new, _, moved = method.step(Worse(), x)
        assert not bool(moved)
        assert torch.equal(new, x)
        seen.append(float(method.damping))
    assert seen == [1.0, 4.0, 32.0, 512.0]  # factors 2, 4, 8, 16


@pytest.mark.parametrize("dtype", [F64, torch.float32])
def test_damping_stays_in_bounds(dtype):
    class Constant(Exponentials):
        def residuals(self, x, which=None):
            return super().residuals(x, which).to(dtype) if torch.equal(x, start) else torch.full((1, 8), 1e3).to(dtype)

        def linearize(self, x, which=None):
            found = Exponentials().linearize(x.double())
            return Dense(found.jacobian.to(dtype), found.residual.to(dtype))

    start = start_points(1).to(dtype)
    method = LMMethod()
    for _ in range(60):
        method.step(Constant(), start)
    assert 1e20 < float(method.damping) < 1e22
    # A line: every step is good, however often.
    x = torch.zeros(1, 1, dtype=dtype)
    problem = FunctionResiduals(lambda p: p["a"].exp(), {"a": torch.zeros(1, dtype=dtype)})
    method = LMMethod(damping=1e-15)
    for _ in range(60):
        x = method.step(problem, x)[0]
    assert float(method.damping) >= 1e-21


@pytest.mark.parametrize("solver", ["cholesky", "qr", "dual"])  # the signs of "cg" differ with the number of models
def test_models_at_once_are_models_one_by_one(solver):
    problem, x = Exponentials(3), start_points(3)
    together = LMMethod(solver=solver)
    alone = [LMMethod(solver=solver) for _ in range(3)]
    points = [x[m : m + 1] for m in range(3)]
    for _ in range(6):
        x, losses, moved = together.step(problem, x)
        for m in range(3):
            points[m], loss, own = alone[m].step(problem, points[m], torch.tensor([m]))
            assert bool(own) == bool(moved[m])
            assert_close(x[m : m + 1], points[m], rtol=1e-9, atol=1e-9)
            assert_close(losses[m : m + 1], loss, rtol=1e-9, atol=1e-12)
            assert_close(together.damping[m : m + 1], alone[m].damping, rtol=1e-6, atol=0)


def test_some_of_the_models_go_on():
    problem, x = Exponentials(3), start_points(3)
    method, whole = LMMethod(), LMMethod()
    for _ in range(3):
        x, _, _ = method.step(problem, x)
    y = start_points(3)
    for _ in range(5):
        y, losses, _ = whole.step(problem, y)
    stay = torch.tensor([0, 2])
    method.keep(stay)
    rest = x[stay]
    for _ in range(2):
        rest, loss, _ = method.step(problem, rest, stay)
    assert_close(rest, y[stay], rtol=1e-9, atol=1e-9)
    assert_close(loss, losses[stay], rtol=1e-9, atol=1e-12)
    # All come back, as after a grid update: they begin anew.
    method.forget()
    assert method.step(problem, x)[0].shape == (3, 4)


def test_one_model_that_fails_leaves_the_others_alone():
    class Partly(Exponentials):
        def residuals(self, x, which=None):
            found = super().residuals(x, which)
            bad = torch.arange(3) == (1 if which is None and not torch.equal(x, start_points(3)) else 3)
            return torch.where(bad[:, None], float("nan"), found) if which is None else found

    right, expected, others = LMMethod(damping=0.3).step(Exponentials(3), start_points(3))
    x, losses, moved = LMMethod(damping=0.3).step(Partly(3), start_points(3))
    assert moved.tolist() == [True, False, bool(others[2])]
    assert torch.equal(x[1], start_points(3)[1])
    assert bool(others[1])
    assert_close(x[[0, 2]], right[[0, 2]])
    assert_close(losses[[0, 2]], expected[[0, 2]])


def test_d_remembers_its_largest_values():
    """More (1978): a column that shrinks for a moment keeps its scale."""
    problem = FunctionResiduals(lambda p: p["a"].square(), {"a": tensor(1.0, 3.0)})
    method = LMMethod(acceleration=False, damping=0.5)
    x = tensor(1.0, 3.0)[None]
    method.start(problem, x)
    assert torch.equal(method.state_dict()["scale"], tensor(4.0, 36.0)[None])
    method.leave()
    method.start(problem, tensor(2.0, 1.0)[None])
    assert torch.equal(method.state_dict()["scale"], tensor(16.0, 36.0)[None])
    # d = -J'r / (J'J + damping D), by hand at (2, 1): J = diag(4, 2), r = (4, 1).
    new, _, _ = method.step(problem, tensor(2.0, 1.0)[None])
    assert_close(new, tensor(2 - 16 / (16 + 8), 1 - 2 / (4 + 18))[None])
    # Of another problem it knows nothing.
    method.forget()
    method.start(problem, tensor(1.0, 3.0)[None])
    assert torch.equal(method.state_dict()["scale"], tensor(4.0, 36.0)[None])
    # The measure of convergence is MINPACK's, of the columns as they are.
    _, cosine = LMMethod().optimality(problem, x)
    assert float(cosine) == pytest.approx(9 / 82**0.5)


def test_a_resumed_run_goes_on_exactly():
    problem, x = Exponentials(), start_points(1)
    method = LMMethod()
    for _ in range(3):
        x, _, _ = method.step(problem, x)
    other = LMMethod()
    other.load_state_dict(copy.deepcopy(method.state_dict()))
    for _ in range(3):
        x_other = other.step(problem, x.clone())[0]
        x = method.step(problem, x)[0]
        assert torch.equal(x, x_other)


def test_inverse():
    problem, x = Exponentials(), start_points(1)
    method = LMMethod(damping=0.3)
    J = problem.linearize(x).jacobian
    A = J.mT @ J
    expected = torch.linalg.inv(A + 0.3 * torch.diag_embed(A.diagonal(dim1=-2, dim2=-1)))
    assert_close(method.inverse(problem, x), expected, rtol=1e-9, atol=1e-9)
    assert LMMethod(solver="cg").inverse(problem, x) is None


# --------------------------------------------------------------------------------------- awkward problems


def line(p, x, y):
    return p["a"] * x + p["b"] - y


def cubic_data(rows=40):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(rows, 1, dtype=F64, generator=generator)
    return x, torch.sin(2 * x) + 0.1 * torch.randn(rows, 1, dtype=F64, generator=generator)


def model(p, x, y):
    return torch.tanh(x * p["w"] + p["b"]) @ p["v"] - y


def model_start():
    generator = torch.Generator().manual_seed(2)
    return {name: torch.randn(shape, dtype=F64, generator=generator)
            for name, shape in (("w", (1, 4)), ("b", (4,)), ("v", (4, 1)))}  # fmt: skip


def same(one, other, tolerance=1e-9):
    for name in one.params:
        assert_close(one.params[name], other.params[name], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("solver", ["auto", *SOLVERS])
def test_fewer_residuals_than_parameters(solver):
    x, y = cubic_data(5)
    found = least_squares(model, model_start(), (x, y), solver=solver, steps=100)
    assert found.loss < 1e-18


def test_the_dual_system_gives_the_same_path():
    x, y = cubic_data(5)
    one, other = (least_squares(model, model_start(), (x, y), solver=s, steps=3) for s in ("auto", "cholesky"))
    same(one, other, 1e-7)


def test_duplicate_rows_are_a_weight():
    x, y = cubic_data()
    twice = least_squares(model, model_start(), (torch.cat([x, x]), torch.cat([y, y])), steps=5)
    once = least_squares(lambda p, x, y: 2**0.5 * model(p, x, y), model_start(), (x, y), steps=5)
    same(twice, once)


@pytest.mark.parametrize("solver", ["cholesky", "qr", "dual"])
def test_rows_of_weight_zero_do_not_count(solver):
    x, y = cubic_data()
    weight = torch.ones(40, 1, dtype=F64)
    weight[7:] = 0.0
    weighted = least_squares(
        lambda p, x, y, w: w.sqrt() * model(p, x, y), model_start(), (x, y, weight), steps=4, solver=solver
    )
    same(weighted, least_squares(model, model_start(), (x[:7], y[:7]), steps=4, solver=solver), 1e-7)


def test_nan_inside_a_step_is_rejected():
    """Below zero the logarithm is NaN: the first steps overshoot into it."""
    asked = []

    def residual(p):
        asked.append(bool((p["a"].detach() <= 0).any()))
        return torch.log(p["a"]) - tensor(-3.0)

    found = least_squares(residual, {"a": tensor(5.0)}, acceleration=False, damping=1e-6)
    assert any(asked), "this problem is too easy"
    assert float(found.params["a"]) == pytest.approx(np.exp(-3), rel=1e-9)
    assert np.isfinite(found.history["loss"]).all()


def test_the_start_must_be_finite():
    with pytest.raises(DomainError, match=r"must be finite at the start; 1 of 2 residuals are not\. Start elsewhere"):
        least_squares(lambda p: torch.log(p["a"]), {"a": tensor(-1.0, 1.0)})
    with pytest.raises(DomainError, match="1 of 2 entries of the gradient are not"):
        least_squares(lambda p: p["a"].sqrt() + 1, {"a": tensor(0.0, 1.0)})
    with pytest.raises(DomainError, match="sum of squares"):
        least_squares(lambda p: 1e200 * p["a"], {"a": tensor(1.0)})


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_dead_parameter_does_not_move(solver):
    start = {**model_start(), "dead": tensor(3.0, -4.0)}
    x, y = cubic_data()
    found = least_squares(lambda p, x, y: model(p, x, y) + 0 * p["dead"].sum(), start, (x, y), solver=solver, steps=20)
    assert torch.equal(found.params["dead"], start["dead"])
    assert found.loss < found.history["loss"][0] / 10


def test_parameters_that_only_occur_together():
    """A singular Jacobian everywhere: only the sum is seen."""
    found = least_squares(lambda p: (p["a"] + p["b"]).exp() - 2.0, {"a": tensor(0.0), "b": tensor(0.0)})
    assert float(found.params["a"] + found.params["b"]) == pytest.approx(np.log(2), rel=1e-12)
    assert float(found.params["a"]) == pytest.approx(float(found.params["b"]), rel=1e-9)


def test_frozen_parameters_stay():
    start = model_start()
    start["w"] = torch.nn.Parameter(start["w"], requires_grad=False)
    found = least_squares(model, start, cubic_data(), steps=5)
    assert torch.equal(found.params["w"], start["w"])
    assert not torch.equal(found.params["v"], start["v"])


def test_float32():
    x, y = (t.float() for t in cubic_data())
    found = least_squares(model, {n: t.float() for n, t in model_start().items()}, (x, y), steps=4)
    right = least_squares(model, model_start(), cubic_data(), steps=4)
    assert found.params["w"].dtype == torch.float32
    assert found.loss == pytest.approx(right.loss, rel=1e-3)
    exact = least_squares(lambda p: p["a"].exp() - 2, {"a": torch.zeros(1)})
    assert float(exact.params["a"]) == pytest.approx(np.log(2), rel=1e-6)


def test_nothing_is_modified(global_random_state_untouched):
    start, data = model_start(), cubic_data()
    before = copy.deepcopy((start, data))
    for solver in SOLVERS:
        found = least_squares(model, start, data, steps=3, solver=solver)
    for name, value in start.items():
        assert torch.equal(value, before[0][name])
        assert not value.requires_grad
        assert found.params[name].data_ptr() != value.data_ptr()
    for one, other in zip(data, before[1], strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("solver", SOLVERS)
def test_chunks_are_one_piece(solver):
    x, y = cubic_data()
    one = least_squares(model, model_start(), (x, y), steps=4, solver=solver)
    same(least_squares(model, model_start(), (x, y), steps=4, solver=solver, chunk=7), one)


@pytest.mark.parametrize("solver", ["cholesky", "cg"])
def test_many_rows_are_never_in_one_piece(solver):
    """The Jacobian of 2e5 rows would have 2.4e6 entries of 12 columns; a chunk's is 12 000."""
    x, y = cubic_data(200_000)
    seen = []

    def counted(p, x, y):
        seen.append(len(x))
        return model(p, x, y)

    found = least_squares(counted, model_start(), (x, y), steps=1, chunk=1000, solver=solver, acceleration=False)
    assert max(seen) == 1000
    assert found.steps == 1
    assert found.loss < found.history["loss"][0]


def test_the_chunk_shrinks_with_parameters_and_residuals(monkeypatch):
    from edgewise.optim import jacobian

    monkeypatch.setattr(jacobian, "_ELEMENTS", 12 * 3 * 10)
    x, y = cubic_data()
    problem = FunctionResiduals(lambda p, x, y: model(p, x, y) * torch.ones(3, dtype=F64), model_start(), (x, y))
    assert problem.chunk == 10
    assert problem.count == 120
    assert max(rows.shape[0] for rows in problem.rows(problem.layout.start)) == 30


@pytest.mark.parametrize("solver", SOLVERS)
def test_residuals_of_whole_chunks(solver):
    """`independent=False`: here a residual sees other rows of its chunk."""
    x, y = cubic_data()

    def centred(p, x, y):
        r = model(p, x, y)
        return r - r.mean()

    kind = {"steps": 4, "solver": solver}
    found = least_squares(centred, model_start(), (x, y), independent=False, **kind)
    right = least_squares(lambda p: centred(p, x, y), model_start(), **kind)
    same(found, right)


def test_products_of_autograd_are_the_jacobian():
    x, y = cubic_data(11)
    problem = FunctionResiduals(model, model_start(), (x, y), chunk=4)
    here = problem.linearize(problem.layout.start[None])
    J = torch.func.jacrev(lambda v: model(problem.layout.unflatten(v), x, y)[:, 0])(problem.layout.start)
    generator = torch.Generator().manual_seed(3)
    u, d = (torch.randn(1, size, dtype=F64, generator=generator) for size in J.shape)
    assert_close(here.vjp(u)[0], J.mT @ u[0])
    assert_close(here.jvp(d)[0], J @ d[0])
    assert_close(here.gram()[0], J.mT @ J)
    assert_close(torch.cat(list(here.rows()), dim=1)[0], J)
    assert_close(here.gradient[0], J.mT @ here.residual[0])


def test_the_callback_sees_every_iteration():
    seen = []
    found = least_squares(model, model_start(), cubic_data(), steps=7, callback=lambda x, loss: seen.append((x, loss)))
    assert [loss for _, loss in seen] == found.history["loss"][1:]
    assert seen[0][0].shape == (12,)
    ended = least_squares(model, model_start(), cubic_data(), callback=lambda x, loss: False)
    assert (ended.steps, ended.status) == (1, "callback")
    assert ended.message == "The callback returned False after 1 iterations."


def test_an_interrupt_gives_the_last_point():
    def stop(x, loss):
        raise KeyboardInterrupt

    found = least_squares(model, model_start(), cubic_data(), callback=stop)
    assert found.status == "interrupted"
    assert found.message == "Interrupted from the keyboard after 1 iterations."
    assert found.loss == pytest.approx(float(model(found.params, *cubic_data()).square().sum()), rel=1e-12)


def test_what_is_reported():
    asked = []

    def residual(p):
        asked.append(p["a"].requires_grad)
        return p["a"] ** 2 - 1

    found = least_squares(residual, {"a": tensor(3.0)}, steps=3, acceleration=False)
    assert (found.steps, found.hvps, found.status) == (3, 0, "steps")
    assert found.message == "All 3 iterations are done."
    assert found.evals == 3 + 4
    a = found.params["a"]
    assert found.grad_norm == pytest.approx(float((4 * a * (a**2 - 1)).abs()), rel=1e-9)
    zero = least_squares(lambda p: p["a"], {"a": tensor(0.0)})
    assert (zero.steps, zero.message) == (0, "The loss is zero.")
    flat = least_squares(lambda p: torch.stack([p["a"], p["a"] * 0 + 1])[:, 0], {"a": tensor(0.0)})
    assert "orthogonal to every column" in flat.message
    none = least_squares(residual, {"a": tensor(3.0)}, steps=0)
    assert (none.steps, none.loss) == (0, 64.0)


# ------------------------------------------------------------------------------------------------- errors

GOOD = {"residual": line, "params": {"a": torch.zeros(1), "b": torch.zeros(1)}, "data": (torch.ones(3), torch.ones(3))}


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"residual": 3}, ParameterError, "`residual` must be a function of a dictionary of tensors; got <class 'int"),
        ({"residual": lambda p, x, y: 1.0}, ParameterError, "must return a floating tensor of residuals"),
        ({"residual": lambda p, x, y: x}, ParameterError, "must depend on the parameters it is given"),
        ({"residual": lambda p, x, y: line(p, x, y)[:0]}, ShapeError, "at least one residual; got none"),
        ({"residual": lambda p, x, y: line(p, x, y).mean(), "independent": False}, ShapeError,
         "as many residuals for every row of `data`: 3 in all, from those of the first row; got 1"),
        ({"params": [torch.zeros(1)]}, ParameterError, "`params` must be a dictionary of tensors"),
        ({"params": {"a": torch.zeros(1), "b": torch.zeros(1, dtype=F64)}}, ShapeError,
         "must have one dtype: 'a' has torch.float32, 'b' has torch.float64"),
        ({"params": {"a": torch.zeros(1), "b": torch.zeros(1, dtype=torch.int64)}}, ShapeError,
         r"`params\['b'\]` must be floating point; got torch.int64"),
        ({"data": (torch.ones(3), torch.ones(4))}, ShapeError, r"same number of rows, at least one; got \[3, 4\]"),
        ({"data": (torch.ones(0), torch.ones(0))}, ShapeError, r"at least one; got \[0, 0\]"),
        ({"data": torch.ones(3)}, ParameterError, "`data` must be a sequence of tensors"),
        ({"data": (torch.ones(3), 1.0)}, ParameterError, "`data` must be a sequence of tensors"),
        ({"data": (torch.ones(3, dtype=F64), torch.ones(3))}, ShapeError,
         "must return the dtype of the parameters, torch.float32; got torch.float64"),
        ({"steps": -1}, ParameterError, "`steps` must be an int >= 0; got -1"),
        ({"steps": 1.5}, ParameterError, "`steps` must be an int >= 0; got 1.5"),
        ({"gtol": -1e-3}, ParameterError, "`gtol` must be a number >= 0; got -0.001"),
        ({"xtol": float("nan")}, ParameterError, "`xtol` must be a number >= 0; got nan"),
        ({"damping": 0.0}, ParameterError, "`damping` must be a finite number > 0; got 0.0"),
        ({"damping": float("inf")}, ParameterError, "`damping` must be a finite number > 0; got inf"),
        ({"solver": "lu"}, ParameterError, r"`solver` must be one of \('auto', 'cholesky'.*; got 'lu'"),
        ({"chunk": 0}, ParameterError, "`chunk` must be an int >= 1; got 0"),
        ({"callback": 1}, ParameterError, r"`callback` must be a function of `\(x, loss\)`; got 1"),
    ],
)  # fmt: skip
def test_bad_arguments(change, error, message):
    with pytest.raises(error, match=message):
        least_squares(**{**GOOD, **change})


# ---------------------------------------------------------------------------------- the torch optimizer


def module_and_closure():
    weights = [torch.nn.Parameter(value) for value in model_start().values()]
    x, y = cubic_data()
    return weights, lambda: model(dict(zip("wbv", weights, strict=True)), x, y)


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_optimizer_is_the_function(solver):
    weights, closure = module_and_closure()
    optimizer = LevenbergMarquardt(weights, solver=solver)
    losses = [optimizer.step(closure) for _ in range(3)]
    found = least_squares(model, model_start(), cubic_data(), steps=40, solver=solver)
    lower = [loss for loss, _ in itertools.groupby(found.history["loss"])][1:]
    assert losses == pytest.approx(lower[:3], rel=1e-6)
    assert losses[-1] == pytest.approx(float(closure().detach().square().sum()), rel=1e-12)


def test_a_saved_optimizer_goes_on_exactly():
    weights, closure = module_and_closure()
    optimizer = LevenbergMarquardt(weights)
    for _ in range(3):
        optimizer.step(closure)
    kept, state = [w.detach().clone() for w in weights], copy.deepcopy(optimizer.state_dict())
    expected = [optimizer.step(closure) for _ in range(3)]
    for weight, value in zip(weights, kept, strict=True):
        weight.data.copy_(value)
    other = LevenbergMarquardt(weights, damping=7.0)
    other.load_state_dict(state)
    assert [other.step(closure) for _ in range(3)] == expected
    assert copy.deepcopy(other).method.damping is not None
    with pytest.raises(ParameterError, match="not that of LevenbergMarquardt: it has no 'method'"):
        other.load_state_dict(torch.optim.SGD(weights, lr=1.0).state_dict())


def test_the_optimizer_leaves_frozen_parameters_alone():
    weights, closure = module_and_closure()
    weights[0].requires_grad_(False)
    before = weights[0].clone()
    optimizer = LevenbergMarquardt(weights)
    first = float(closure().detach().square().sum())
    assert optimizer.step(closure) < first
    assert torch.equal(weights[0], before)
    for weight in weights:
        weight.requires_grad_(False)
    with pytest.raises(ParameterError, match="No parameter may move"):
        optimizer.step(closure)


def test_the_optimizer_leaves_no_trial_behind():
    weights, closure = module_and_closure()
    optimizer, calls = LevenbergMarquardt(weights), []
    before = [w.detach().clone() for w in weights]

    def breaking():
        calls.append(1)
        if len(calls) > 3:
            raise RuntimeError("broken")
        return closure()

    with pytest.raises(RuntimeError, match="broken"):
        optimizer.step(breaking)
    assert all(torch.equal(w, b) for w, b in zip(weights, before, strict=True))


def test_a_step_that_finds_nothing_changes_nothing():
    """At a minimum every trial fails; the damping must not stay where they drove it, for other data may follow."""
    at_zero = torch.nn.Parameter(tensor(0.0))
    stuck = LevenbergMarquardt([at_zero])
    loss = stuck.step(lambda: torch.cat([at_zero.cosh(), tensor(1.0)]))
    assert loss == 2.0
    assert float(at_zero.detach()) == 0.0
    assert float(stuck.method.damping) == 1e-2
    assert stuck.step(lambda: at_zero - 3.0) < 1.0


def test_trials_end_when_no_damping_is_left():
    problem, x = Exponentials(), start_points(1)

    class Worse(Exponentials):
        def residuals(self, x, which=None):
            return super().residuals(x, which) + (0.0 if torch.equal(x, start_points(1)) else 100.0)

    method = LMMethod(acceleration=False)
    found, _, moved = first_lower(method, Worse(), x)
    assert not moved
    assert torch.equal(found, x)
    assert method.evaluations < 15  # 2^(1 + 2 + ... + 12) = 3e23
    assert float(method.damping) == 1e-2
    assert first_lower(method, problem, x)[2]


def test_the_optimizer_says_what_is_wrong():
    weights, closure = module_and_closure()
    optimizer = LevenbergMarquardt(weights)
    with pytest.raises(ParameterError, match="`step` needs a closure that returns the residuals; got None"):
        optimizer.step(None)
    with pytest.raises(ParameterError, match="residuals with their graph"):
        optimizer.step(lambda: closure().detach())
    with pytest.raises(DomainError, match="finite residuals at the present parameters; 40 of 40 are not"):
        optimizer.step(lambda: closure() / 0)
    with pytest.raises(ShapeError, match="must have one dtype"):
        LevenbergMarquardt([*weights, torch.nn.Parameter(torch.zeros(1))])
    with pytest.raises(ParameterError, match="`damping` must be"):
        LevenbergMarquardt(weights, damping=-1)

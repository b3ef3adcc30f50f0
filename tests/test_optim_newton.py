"""HSODM and saddle-free Newton: their identities, saddle points, and how fast they converge."""

import itertools
import math

import pytest
import torch

from edgewise.errors import ConvergenceError, ParameterError
from edgewise.optim import AugmentedEigenpair, FunctionObjective, HSODMMethod, SaddleFreeMethod, augmented_product
from edgewise.optim.hsodm import interpret
from edgewise.optim.saddle_free import dense

F64 = torch.float64


def objective_of(loss, start):
    objective = FunctionObjective(loss, {"x": torch.as_tensor(start, dtype=F64)})
    return objective, objective.evaluate(objective.layout.start)


def rosenbrock(params):
    x = params["x"]
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def saddle(params):
    """Strict saddle at 0, minima at (0, +-1) with value -1/4."""
    x, y = params["x"]
    return x * x / 2 + y**4 / 4 - y * y / 2


def monkey_saddle(params):
    """At 0 gradient and Hessian vanish; bounded below by a quartic."""
    x, y = params["x"]
    return x**3 - 3 * x * y * y + (x * x + y * y) ** 2


def random_quadratic(n, generator, eigenvalues=None):
    """`0.5 x'Hx + b'x` with a given or indefinite spectrum; its Hessian and objective."""
    basis = torch.linalg.qr(torch.randn(n, n, generator=generator, dtype=F64))[0]
    values = torch.randn(n, generator=generator, dtype=F64) if eigenvalues is None else eigenvalues
    hessian = (basis * values) @ basis.T
    b = torch.randn(n, generator=generator, dtype=F64)
    start = torch.randn(n, generator=generator, dtype=F64)
    return hessian, objective_of(lambda p: 0.5 * p["x"] @ (hessian @ p["x"]) + b @ p["x"], start)


def run(method, objective, here, steps=200):
    trail = [here]
    for _ in range(steps):
        trail.append(method.step(objective, trail[-1]))
        if trail[-1] is trail[-2]:
            break
    return trail


NEWTON = [
    pytest.param(lambda: HSODMMethod(), id="hsodm"),
    pytest.param(lambda: SaddleFreeMethod(), id="sfn"),
    pytest.param(lambda: SaddleFreeMethod(rank=2), id="sfn rank 2"),
]


class TestIdentities:
    """Of arXiv 2211.08212, at random points of random quadratics."""

    @pytest.mark.parametrize("delta", [0.0, 0.3])
    @pytest.mark.parametrize("n", [1, 2, 15, 60])
    @pytest.mark.parametrize("size", [1.0, 1e-10])
    def test_the_step_is_newtons_with_a_shift(self, delta, n, size, generator):
        hessian, (objective, here) = random_quadratic(n, generator)
        hessian, g = size * hessian, size * here.grad
        objective._loss, plain = (lambda p: size * plain(p)), objective._loss
        method = HSODMMethod(delta=size * delta, tol=1e-13)
        method.step(objective, objective.evaluate(here.x))
        found = method.last
        d, theta = found.direction, found.theta
        assert not found.hard
        residual = (hessian + theta * torch.eye(n, dtype=F64)) @ d + g
        assert float(residual.norm()) < 1e-9 * float(g.norm()) / found.t
        smallest = float(torch.linalg.eigvalsh(hessian)[0])
        assert theta >= max(size * delta, -smallest) - 1e-12 * size
        assert float(g @ d) == pytest.approx(size * delta - theta, rel=1e-8)
        assert float(g @ d) <= 0
        assert found.products <= n + 2

    def test_without_curvature_theta_is_the_gradients_norm(self):
        b = torch.tensor([3.0, 4.0], dtype=F64)
        objective, here = objective_of(lambda p: b @ p["x"], [0.0, 0.0])
        method = HSODMMethod(tol=1e-13)
        method.step(objective, here)
        assert method.last.theta == pytest.approx(5.0, rel=1e-12)
        assert float(method.last.direction.norm()) == pytest.approx(1.0, rel=1e-12)
        assert method.last.t == pytest.approx(math.sqrt(0.5), rel=1e-12)

    def test_the_pair_is_the_leftmost_of_the_bordered_matrix(self, generator):
        hessian, (objective, here) = random_quadratic(20, generator)
        method = HSODMMethod(delta=0.1, tol=1e-13)
        method.step(objective, here)
        g = here.grad[:, None]
        full = torch.cat([torch.cat([hessian, g], 1), torch.cat([g.T, torch.full((1, 1), -0.1, dtype=F64)], 1)])
        values, vectors = torch.linalg.eigh(full)
        assert method.last.theta == pytest.approx(-float(values[0]), rel=1e-12)
        assert method.last.t == pytest.approx(abs(float(vectors[-1, 0])), rel=1e-9)
        u = torch.randn(21, generator=generator, dtype=F64)
        product = augmented_product(lambda v: hessian @ v, here.grad, 0.1, u)
        torch.testing.assert_close(product, full @ u, rtol=1e-12, atol=1e-13)

    def test_scaling_the_parameters_is_a_change_of_variables(self, generator):
        """With `scale`, the step is the one that the method makes in `x / scale`."""
        scale = torch.logspace(-2, 2, 6, dtype=F64)
        _, (objective, here) = random_quadratic(6, generator)
        scaled, start = objective_of(lambda p: objective._loss({"x": scale * p["x"]}), here.x / scale)
        one, other = HSODMMethod(scale=scale, tol=1e-13), HSODMMethod(tol=1e-13)
        one.step(objective, here)
        other.step(scaled, start)
        torch.testing.assert_close(one.last.direction, scale * other.last.direction, rtol=1e-8, atol=1e-10)


class TestHSODM:
    def test_it_converges_quadratically(self):
        """Digits double, down to what the tolerance of the eigenvector leaves."""
        objective, here = objective_of(
            lambda p: (p["x"].exp() - p["x"]).sum() + (p["x"][0] * p["x"][1]) ** 2, [1.0, 0.5]
        )
        norms = [float(e.grad.norm()) for e in run(HSODMMethod(tol=1e-14), objective, here, 8)]
        orders = [math.log(c) / math.log(b) for b, c in itertools.pairwise(norms) if 1e-7 < c < b < 0.1]
        assert orders
        assert min(orders) > 1.8
        assert min(norms) < 1e-8

    def test_delta_above_zero_is_linear(self):
        norms = [
            float(e.grad.norm())
            for e in run(
                HSODMMethod(delta=0.5, tol=1e-14), *objective_of(lambda p: (p["x"] ** 2).sum() / 2, [1.0, 0.5]), 10
            )
        ]
        assert 0.2 < norms[-1] / norms[-2] < 0.5  # theta / (1 + theta), theta -> delta

    def test_it_leaves_a_strict_saddle_from_the_very_point(self):
        method = HSODMMethod()
        trail = run(method, *objective_of(saddle, [0.0, 0.0]))
        assert trail[-1].loss == pytest.approx(-0.25, abs=1e-15)
        first = HSODMMethod()
        first.step(*objective_of(saddle, [0.0, 0.0]))
        assert first.last.hard
        assert first.last.theta == pytest.approx(1.0)

    @pytest.mark.parametrize("sign", [1.0, -1.0])
    def test_in_the_hard_case_the_eigenvector_is_turned_downhill(self, sign):
        u = torch.tensor([sign, 0.0, 1e-12], dtype=F64)
        found = interpret(AugmentedEigenpair(-1.0, u, 0.0, 3), torch.tensor([1e-9, 1.0], dtype=F64))
        assert found.hard
        assert found.direction.tolist() == [-1.0, 0.0]
        assert found.slope == pytest.approx(-1e-9 - 0.5)  # g'v + v'Hv / 2

    def test_the_hard_case_with_a_gradient(self):
        """`g` orthogonal to the leftmost eigenvector: a Newton step would stay on the ridge."""
        trail = run(HSODMMethod(), *objective_of(saddle, [1.0, 0.0]))
        assert trail[-1].loss == pytest.approx(-0.25, abs=1e-15)

    def test_monkey_saddle(self):
        trail = run(HSODMMethod(), *objective_of(monkey_saddle, [1e-3, 1e-3]))
        # r^4 - r^3 is lowest at r = 3/4
        assert trail[-1].loss == pytest.approx(-27 / 256, abs=1e-14)

    def test_a_fixed_radius_is_kept_until_the_end(self):
        method = HSODMMethod(radius=0.1)
        objective, here = objective_of(lambda p: (p["x"] ** 2).sum(), [1.0, 1.0])
        trail = run(method, objective, here, 25)
        lengths = [float((b.x - a.x).norm()) for a, b in itertools.pairwise(trail)]
        assert lengths[0] == pytest.approx(0.1)
        assert trail[-1].loss < 1e-15

    def test_a_step_of_fixed_length_into_nan_is_not_made(self):
        method = HSODMMethod(radius=3.0)
        objective, here = objective_of(lambda p: -(0.5 - p["x"]).log().sum() - 9 * p["x"].sum(), [0.0])
        assert method.step(objective, here) is here

    def test_seeds(self, global_random_state_untouched):
        ends = []
        for method in (HSODMMethod(seed=1), HSODMMethod(seed=1), HSODMMethod(seed=2)):
            trail = run(method, *objective_of(saddle, [0.0, 0.0]), 3)
            ends.append(trail[-1].x.tolist())
        assert ends[0] == ends[1] != ends[2]
        generator = torch.Generator().manual_seed(1)
        assert run(HSODMMethod(generator=generator), *objective_of(saddle, [0.0, 0.0]), 3)[-1].x.tolist() == ends[0]

    def test_a_copy_continues_identically(self):
        objective, here = objective_of(rosenbrock, [-1.2, 1.0, 0.5])
        method, twin = HSODMMethod(), HSODMMethod(seed=5)
        here = run(method, objective, here, 4)[-1]
        twin.load_state_dict(method.state_dict())
        there = here
        for _ in range(5):
            here, there = method.step(objective, here), twin.step(objective, there)
            assert torch.equal(here.x, there.x)
        method.forget()
        assert "warm" not in method.state_dict()

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"delta": -1.0}, "`delta` must be a finite number >= 0; got -1.0"),
            ({"radius": 0.0}, "`radius` must be a finite number > 0; got 0.0"),
            ({"tol": 0}, "`tol` must be a finite number > 0; got 0"),
            ({"lr": 0}, "`lr` must be a finite number > 0; got 0"),
            ({"seed": 1.5}, "`seed` must be an int; got 1.5"),
            ({"scale": torch.tensor([1.0, -1.0])}, "`scale` must be a vector of positive numbers"),
            ({"scale": torch.ones(2, 2)}, "`scale` must be a vector of positive numbers"),
        ],
    )
    def test_bad_options(self, options, message):
        with pytest.raises(ParameterError, match=message):
            HSODMMethod(**options)

    def test_a_scale_of_another_size(self):
        with pytest.raises(ParameterError, match="`scale` must have one number per parameter, 2; it has 3"):
            HSODMMethod(scale=torch.ones(3)).step(*objective_of(saddle, [1.0, 1.0]))


class TestSaddleFree:
    def test_the_full_step_is_the_formula(self, generator):
        hessian, (objective, here) = random_quadratic(12, generator)
        method = SaddleFreeMethod(damping=0.1)
        there = method.step(objective, here)
        values, vectors = torch.linalg.eigh(hessian)
        gamma = 0.1 * here.grad.norm()
        expected = -vectors @ ((vectors.T @ here.grad) / (values.abs() + gamma))
        moved = there.x - here.x
        torch.testing.assert_close(moved / moved.norm(), expected / expected.norm(), rtol=1e-9, atol=1e-11)
        torch.testing.assert_close(method.eigenvalues, values, rtol=1e-10, atol=1e-12)

    @pytest.mark.parametrize("repeated", [False, True])
    def test_full_and_low_rank_agree_at_full_rank(self, repeated, generator):
        values = torch.tensor([-2.0, -2.0, 0.0, 0.0, 0.0, 1.0, 3.0, 3.0], dtype=F64) if repeated else None
        _, (objective, here) = random_quadratic(8, generator, values)
        full = SaddleFreeMethod().step(objective, here)
        low = SaddleFreeMethod(rank=8).step(objective, here)
        torch.testing.assert_close(full.x, low.x, rtol=1e-9, atol=1e-10)

    def test_low_rank_comes_close_with_few_products(self, generator):
        values = torch.cat([torch.linspace(0.9, 1.1, 60, dtype=F64), torch.tensor([-5.0, 20.0], dtype=F64)])
        _, (objective, here) = random_quadratic(62, generator, values)
        full = SaddleFreeMethod().step(objective, here).x - here.x
        spent = objective.products
        low = SaddleFreeMethod(rank=6).step(objective, here).x - here.x
        assert objective.products - spent == 6
        assert float((full - low).norm() / full.norm()) < 0.02

    @pytest.mark.parametrize("rank", [None, 2])
    def test_it_leaves_a_strict_saddle(self, rank):
        trail = run(SaddleFreeMethod(rank=rank), *objective_of(saddle, [0.5, 1e-6]))
        assert trail[-1].loss == pytest.approx(-0.25, abs=1e-15)

    def test_it_converges_quadratically(self):
        norms = [
            float(e.grad.norm())
            for e in run(SaddleFreeMethod(), *objective_of(lambda p: (p["x"].exp() - p["x"]).sum(), [1.0, 0.5]), 9)
        ]
        orders = [math.log(c) / math.log(b) for b, c in itertools.pairwise(norms) if 1e-7 < c < b < 0.05]
        assert orders
        assert min(orders) > 1.7

    def test_a_zero_gradient_is_left_alone(self):
        objective, here = objective_of(saddle, [0.0, 0.0])
        assert SaddleFreeMethod().step(objective, here) is here

    def test_large_networks_need_a_rank(self):
        objective, here = objective_of(lambda p: (p["x"] ** 2).sum(), torch.ones(2001))
        with pytest.raises(ParameterError, match="`rank` must be given for more than 2000 parameters, here 2001"):
            SaddleFreeMethod().step(objective, here)
        assert SaddleFreeMethod(rank=1).step(objective, here).loss < here.loss

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"rank": 0}, "`rank` must be an int >= 1; got 0"),
            ({"damping": 0}, "`damping` must be a finite number > 0; got 0"),
            ({"lr": -1}, "`lr` must be a finite number > 0; got -1"),
        ],
    )
    def test_bad_options(self, options, message):
        with pytest.raises(ParameterError, match=message):
            SaddleFreeMethod(**options)

    def test_a_hessian_that_is_not_finite_is_explained(self):
        with pytest.raises(ConvergenceError, match="The Hessian is not finite although the loss is"):
            dense(lambda v: v * math.nan, torch.ones(2))


@pytest.mark.parametrize("build", NEWTON)
class TestEveryNewtonMethod:
    def test_rosenbrock_to_the_last_digit(self, build):
        trail = run(build(), *objective_of(rosenbrock, [-1.2, 1.0]))
        assert trail[-1].loss < 1e-25
        assert all(b.loss < a.loss for a, b in itertools.pairwise(trail[:-1]))

    @pytest.mark.parametrize("unit", [1e-28, 1e20])
    def test_losses_in_any_unit_fall_as_far(self, build, unit):
        trail = run(build(), *objective_of(lambda p: unit * rosenbrock(p), [-1.2, 1.0]))
        assert trail[-1].loss < unit * 1e-20

    def test_float32(self, build):
        objective = FunctionObjective(rosenbrock, {"x": torch.tensor([-1.2, 1.0])})
        trail = run(build(), objective, objective.evaluate(objective.layout.start))
        assert trail[-1].loss < 1e-9
        assert trail[-1].x.dtype == torch.float32

    def test_nan_beyond_a_wall(self, build):
        trail = run(build(), *objective_of(lambda p: (-(3 - p["x"]).log() - 5 * p["x"]).sum(), [0.0, 2.0]))
        torch.testing.assert_close(trail[-1].x, torch.full((2,), 2.8, dtype=F64), rtol=1e-6, atol=0)

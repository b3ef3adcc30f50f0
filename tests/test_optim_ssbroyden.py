"""SSBroyden and BFGS against the formulas of the papers, and where they end."""

import math

import pytest
import scipy.optimize
import torch
from hypothesis import given
from hypothesis import strategies as st

from edgewise.errors import ParameterError, ShapeError
from edgewise.optim import FunctionObjective, SSBroydenMethod
from edgewise.optim.ssbroyden import _factors


def literal_factors(h, b, n):
    """Urban, Stefanou and Pons (2025): theta and tau of the self-scaled Broyden method."""
    a = b * h - 1
    c = math.sqrt(abs(a) / (1 + a))
    rho_minus = min(1.0, h * (1 - c))
    theta_minus = (rho_minus - 1) / a
    theta_plus = 1 / rho_minus
    theta = max(theta_minus, min(theta_plus, (1 - b) / b))
    sigma = 1 + a * theta
    power = sigma ** (1 / (1 - n))
    if theta <= 0:
        return theta, min(min(1.0, 1 / b) * power, sigma)
    return theta, min(1.0, 1 / b) * min(power, 1 / theta)


def literal(matrix, s, y, g, alpha, first):
    """The update, term by term."""
    outer = torch.outer
    hy = matrix @ y
    rho = 1 / (y @ s)
    h = rho * (y @ hy)
    b = -alpha * rho * (s @ g)
    a = b * h - 1
    theta, tau = literal_factors(float(h), float(b), len(s))
    if first:
        tau = h / (1 + a * theta)
    phi = (1 - theta) / (1 + a * theta)
    v = rho * s - hy / (y @ hy)
    inside = matrix - outer(hy, hy) / (y @ hy) + phi * (y @ hy) * outer(v, v)
    return inside / tau + rho * outer(s, s)


def quadratic(n=8, condition=1e3):
    g = torch.Generator().manual_seed(3)
    basis = torch.linalg.qr(torch.randn(n, n, generator=g, dtype=torch.float64))[0]
    hessian = basis @ torch.diag(torch.logspace(0, math.log10(condition), n, dtype=torch.float64)) @ basis.T
    objective = FunctionObjective(
        lambda p: 0.5 * p["x"] @ (hessian @ p["x"]), {"x": torch.linspace(1, 2, n, dtype=torch.float64)}
    )
    return objective, hessian


def rosenbrock(params):
    x = params["x"]
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def at_start(loss, n=2, dtype=torch.float64):
    objective = FunctionObjective(loss, {"x": torch.full((n,), -1.2, dtype=dtype)})
    return objective, objective.evaluate(objective.layout.start)


def run(method, objective, here, steps=1000):
    for step in range(steps):  # noqa: B007
        there = method.step(objective, here)
        if there is here:
            break
        here = there
    return here, step


class TestUpdate:
    @given(st.floats(1e-6, 1e6), st.floats(1e-8, 1e6), st.integers(2, 500))
    def test_the_factors_are_the_formula(self, b, a, n):
        """Wherever curvature was over- or underestimated; `b h >= 1` by Cauchy and Schwarz."""
        h = (1 + a) / b
        assert _factors(h, b, n) == pytest.approx(literal_factors(h, b, n), rel=1e-5)  # a = b h - 1 has lost digits

    def test_the_factors_where_the_estimate_was_exact(self):
        """The limit a -> 0, where the formula divides 0 by 0."""
        for b in (0.1, 1.0, 10.0):
            assert _factors(1 / b, b, 5) == pytest.approx(literal_factors((1 + 1e-12) / b, b, 5), rel=1e-4)

    @pytest.mark.parametrize("condition", [10.0, 1e3, 1e6])
    def test_ssbroyden_is_the_formula(self, condition):
        objective, _ = quadratic(condition=condition)
        method = SSBroydenMethod()
        here = objective.evaluate(objective.layout.start)
        matrix = torch.eye(8, dtype=torch.float64)
        for step in range(25):
            there = method.step(objective, here)
            s, y = there.x - here.x, there.grad - here.grad
            direction = -matrix @ here.grad
            alpha = (s @ direction) / (direction @ direction)
            matrix = literal(matrix, s, y, here.grad, alpha, step == 0)
            found = method.state_dict()["inverse"]
            # rounding of the terms that cancel, largest where H is badly conditioned
            torch.testing.assert_close(found, matrix, rtol=0, atol=1e-9 * float(matrix.abs().max()))
            matrix, here = found, there

    def test_bfgs_is_the_textbooks(self):
        objective, _ = quadratic()
        method = SSBroydenMethod(update="bfgs")
        here = objective.evaluate(objective.layout.start)
        matrix = torch.eye(8, dtype=torch.float64)
        for step in range(20):
            there = method.step(objective, here)
            s, y = there.x - here.x, there.grad - here.grad
            if step == 0:  # Nocedal and Wright, eq. 6.20
                matrix = matrix * (s @ y) / (y @ y)
            left = torch.eye(8, dtype=torch.float64) - torch.outer(s, y) / (s @ y)
            matrix = left @ matrix @ left.T + torch.outer(s, s) / (s @ y)  # eq. 6.17
            found = method.state_dict()["inverse"]
            torch.testing.assert_close(found, matrix, rtol=0, atol=1e-11 * float(matrix.abs().max()))
            matrix, here = found, there

    @pytest.mark.parametrize("update", ["ssbroyden", "bfgs"])
    def test_secant_equation_symmetry_and_positive_definiteness(self, update):
        method = SSBroydenMethod(update=update)
        objective, here = at_start(rosenbrock, 6)
        for _ in range(40):
            there = method.step(objective, here)
            matrix = method.state_dict()["inverse"]
            s, y = there.x - here.x, there.grad - here.grad
            torch.testing.assert_close(matrix @ y, s, rtol=1e-8, atol=1e-10 * float(s.norm()))
            assert torch.equal(matrix, matrix.T)  # to the last bit
            assert float(torch.linalg.eigvalsh(matrix)[0]) > 0
            here = there


class TestMethod:
    @pytest.mark.parametrize("update", ["ssbroyden", "bfgs"])
    @pytest.mark.parametrize("n", [1, 2, 20])
    def test_rosenbrock_or_a_parabola_to_the_last_digit(self, update, n):
        loss = rosenbrock if n > 1 else lambda p: ((p["x"] - 3) ** 2).sum()
        here, _ = run(SSBroydenMethod(update=update), *at_start(loss, n))
        assert here.loss < 1e-23

    def test_bfgs_takes_about_as_many_steps_as_scipys(self):
        objective, here = at_start(rosenbrock)
        _, steps = run(SSBroydenMethod(update="bfgs"), objective, here)
        theirs = scipy.optimize.minimize(
            scipy.optimize.rosen, [-1.2, -1.2], jac=scipy.optimize.rosen_der, method="BFGS", options={"gtol": 1e-11}
        )
        assert steps < 1.3 * theirs.nit

    def test_a_given_inverse_hessian_makes_the_first_step_newtons(self):
        objective, hessian = quadratic(condition=1e8)
        method = SSBroydenMethod()
        method.start(torch.linalg.inv(hessian))
        here = objective.evaluate(objective.layout.start)
        there = method.step(objective, here)
        assert there.loss < 1e-14 * here.loss
        assert objective.evaluations == 2  # the first trial was accepted

    def test_an_indefinite_inverse_hessian_leads_to_a_restart(self):
        objective, here = at_start(rosenbrock)
        method = SSBroydenMethod()
        method.start(-torch.eye(2, dtype=torch.float64))
        assert method.step(objective, here).loss < here.loss

    @pytest.mark.parametrize("unit", [1e-28, 1e20])
    def test_losses_in_any_unit_fall_as_far(self, unit):
        here, _ = run(SSBroydenMethod(), *at_start(lambda p: unit * rosenbrock(p)))
        assert here.loss < unit * 1e-20

    def test_float32(self):
        here, _ = run(SSBroydenMethod(), *at_start(rosenbrock, dtype=torch.float32))
        assert here.loss < 1e-10
        assert here.x.dtype == torch.float32

    def test_a_copy_continues_identically(self):
        objective, here = at_start(rosenbrock, 5)
        method, twin = SSBroydenMethod(), SSBroydenMethod()
        here, _ = run(method, objective, here, 15)
        twin.load_state_dict(method.state_dict())
        there = here
        for _ in range(10):
            here, there = method.step(objective, here), twin.step(objective, there)
            assert torch.equal(here.x, there.x)
        method.forget()
        assert method.state_dict() == {}
        twin.load_state_dict({})
        assert torch.equal(method.step(objective, here).x, twin.step(objective, there).x)

    def test_a_minimum_is_left_alone(self):
        objective, _ = at_start(rosenbrock)
        here = objective.evaluate(torch.ones(2, dtype=torch.float64))
        assert SSBroydenMethod().step(objective, here) is here

    def test_bad_arguments(self):
        with pytest.raises(ParameterError, match="`update` must be 'ssbroyden' or 'bfgs'; got 'dfp'"):
            SSBroydenMethod(update="dfp")
        with pytest.raises(ParameterError, match="`lr` must be a finite number > 0; got 0"):
            SSBroydenMethod(lr=0)
        with pytest.raises(ShapeError, match=r"`inverse_hessian` must be a square matrix; got shape \(2, 3\)"):
            SSBroydenMethod().start(torch.ones(2, 3))
        method = SSBroydenMethod()
        method.start(torch.eye(3))
        with pytest.raises(ShapeError, match="`inverse_hessian` must have one row per parameter, 2; it has 3"):
            method.step(*at_start(rosenbrock))

"""L-BFGS against the textbook's two loops and scipy; batches against single models."""

import itertools
import math

import pytest
import scipy.optimize
import torch

from edgewise.errors import ParameterError
from edgewise.optim import FunctionObjective, LBFGSMethod, Memory
from edgewise.optim.lbfgs import HISTORY


def two_loops(grad, pairs):
    """Nocedal and Wright, algorithm 7.4, literally."""
    q, alphas = grad.clone(), []
    for s, y in reversed(pairs):
        alphas.append((s @ q) / (s @ y))
        q -= alphas[-1] * y
    if pairs:
        s, y = pairs[-1]
        q *= (s @ y) / (y @ y)
    for (s, y), alpha in zip(pairs, reversed(alphas), strict=True):
        q += s * (alpha - (y @ q) / (s @ y))
    return -q


def pairs_of(n, count, generator, condition=1e4, dtype=torch.float64):
    """Steps on a quadratic with a random basis."""
    basis = torch.linalg.qr(torch.randn(n, n, generator=generator, dtype=torch.float64))[0]
    hessian = basis @ torch.diag(torch.logspace(0, math.log10(condition), n, dtype=torch.float64)) @ basis.T
    steps = torch.randn(count, n, generator=generator, dtype=torch.float64)
    return [(s.to(dtype), (hessian @ s).to(dtype)) for s in steps]


def filled(pairs, history, models=1):
    memory = Memory(models, len(pairs[0][0]), history)
    for s, y in pairs:
        memory.update(s.expand(models, -1), y.expand(models, -1))
    return memory


def rosenbrock(params):
    x = params["x"]
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def minimized(loss, start, steps, method=None, **options):
    """Evaluations of a run, the start among them."""
    objective = FunctionObjective(loss, {"x": start})
    method = LBFGSMethod(**options) if method is None else method
    run = [objective.evaluate(objective.layout.start)]
    for _ in range(steps):
        run.append(method.step(objective, run[-1]))
        if run[-1] is run[-2]:
            break
    return run, objective


class TestMemory:
    @pytest.mark.parametrize("updates", [0, 1, 3, 7, 8, 23])
    def test_the_direction_is_that_of_the_two_loops(self, updates, generator):
        history = 7
        pairs = pairs_of(12, updates, generator)
        grad = torch.randn(12, generator=generator, dtype=torch.float64)
        memory = filled(pairs, history) if pairs else Memory(1, 12, history)
        assert memory.pairs == min(updates, history)
        # 1e-10: the condition number of the pairs times rounding
        torch.testing.assert_close(
            memory.direction(grad[None])[0], two_loops(grad, pairs[-history:]), rtol=1e-10, atol=0
        )

    @pytest.mark.parametrize("unit", [1e-28, 1e28])
    def test_the_unit_of_the_loss_cancels(self, unit, generator):
        pairs = pairs_of(12, 9, generator)
        grad = torch.randn(1, 12, generator=generator, dtype=torch.float64)
        scaled = filled([(s, unit * y) for s, y in pairs], 5).direction(unit * grad)
        torch.testing.assert_close(scaled, filled(pairs, 5).direction(grad), rtol=1e-10, atol=0)

    def test_models_of_a_batch_do_not_mix(self, generator):
        n, models = 9, 3
        sets = [pairs_of(n, 8, generator, condition=10.0**i) for i in range(models)]
        batch = Memory(models, n, 5)
        for step in range(8):
            s, y = (torch.stack([own[step][part] for own in sets]) for part in (0, 1))
            batch.update(s, y)
        grad = torch.randn(models, n, generator=generator, dtype=torch.float64)
        together = batch.direction(grad)
        for i, own in enumerate(sets):
            torch.testing.assert_close(together[i], filled(own, 5).direction(grad[i : i + 1])[0], rtol=1e-11, atol=0)

    @pytest.mark.parametrize("value", [math.nan, 0.5])
    def test_a_model_that_is_left_out_does_not_learn_while_others_do(self, value, generator):
        first, second = pairs_of(6, 2, generator)
        memory = filled([first], 5, models=2)
        before = memory.direction(first[0].expand(2, -1))
        s, y = (v.repeat(2, 1) for v in second)
        y[1] *= value  # NaN: of a model whose loss has overflowed
        memory.update(s, y, torch.tensor([True, False]))
        after = memory.direction(first[0].expand(2, -1))
        assert bool(after[1].isfinite().all())
        torch.testing.assert_close(after[1], before[1], rtol=1e-13, atol=0)
        torch.testing.assert_close(after[0], two_loops(first[0], [first, second]), rtol=1e-11, atol=0)

    @pytest.mark.parametrize("size", [1.0, 1e-150])
    @pytest.mark.parametrize("case", ["negative", "zero", "tiny"])
    def test_a_pair_without_positive_curvature_is_skipped(self, case, size, generator):
        pairs = pairs_of(6, 3, generator)
        s = torch.zeros(6, dtype=torch.float64)
        s[0] = size
        y = {"negative": -s, "zero": 0 * s, "tiny": s.roll(1) + 1e-14 * s}[case]
        memory = filled(pairs, 5)
        before = memory.direction(s[None])
        memory.update(s[None], y[None])
        torch.testing.assert_close(memory.direction(s[None]), before, rtol=1e-13, atol=0)

    def test_small_pairs_count(self):
        """torch's L-BFGS drops pairs with `y's < 1e-10`; near machine precision that is all of them."""
        s = torch.tensor([[1e-20, 2e-20]], dtype=torch.float64)
        memory = Memory(1, 2, 5)
        memory.update(s, 4 * s)
        torch.testing.assert_close(memory.direction(s), -s / 4, rtol=1e-14, atol=0)

    def test_float32_pairs_keep_a_float64_matrix(self, generator):
        """In float32 alone these pairs give a direction that is wrong in all digits, or none at all."""
        pairs = pairs_of(40, 30, generator, condition=1e6, dtype=torch.float32)
        grad = torch.randn(40, generator=generator)
        exact = two_loops(grad.double(), [(s.double(), y.double()) for s, y in pairs])
        found = filled(pairs, 30).direction(grad[None])[0]
        assert found.dtype == torch.float32
        assert float((found - exact).norm() / exact.norm()) < 1e-4

    def test_forgetting_and_copies(self, generator):
        pairs = pairs_of(6, 9, generator)
        grad = torch.randn(1, 6, generator=generator, dtype=torch.float64)
        memory = filled(pairs[:7], 4)
        twin = Memory.from_state_dict(memory.state_dict())
        state = memory.state_dict()
        for s, y in pairs[7:]:
            memory.update(s[None], y[None])
            twin.update(s[None], y[None])
        assert torch.equal(memory.direction(grad), twin.direction(grad))
        late = Memory.from_state_dict(state)  # not changed by what happened since
        torch.testing.assert_close(late.direction(grad)[0], two_loops(grad[0], pairs[3:7]), rtol=1e-11, atol=0)
        memory.forget()
        assert torch.equal(memory.direction(grad), -grad)
        for n in range(4):  # nothing that was known before takes part
            memory.update(pairs[n][0][None], pairs[n][1][None])
            expected = two_loops(grad[0], pairs[: n + 1])
            torch.testing.assert_close(memory.direction(grad)[0], expected, rtol=1e-11, atol=0)

    def test_some_models_forget_or_leave(self, generator):
        pairs = pairs_of(6, 5, generator)
        grad = torch.randn(3, 6, generator=generator, dtype=torch.float64)
        memory = Memory(3, 6, 4)
        for s, y in pairs[:2]:
            memory.update(s.expand(3, -1), y.expand(3, -1))
        memory.forget(torch.tensor([False, True, False]))
        torch.testing.assert_close(memory.direction(grad)[1], -grad[1], rtol=0, atol=0)
        memory.keep(torch.tensor([1, 2]))
        for s, y in pairs[2:4]:
            memory.update(s.expand(2, -1), y.expand(2, -1))
        found = memory.direction(grad[1:])
        torch.testing.assert_close(found[0], two_loops(grad[1], pairs[2:4]), rtol=1e-11, atol=0)
        torch.testing.assert_close(found[1], two_loops(grad[2], pairs[:4]), rtol=1e-11, atol=0)


class TestMethod:
    @pytest.mark.parametrize("n", [2, 20, 200])
    def test_rosenbrock_to_the_last_digit(self, n):
        run, objective = minimized(rosenbrock, torch.full((n,), -1.2, dtype=torch.float64), 2000)
        # Each term is a square of a difference of numbers near 1; there is also a local minimum near 4.
        assert run[-1].loss < 1e-24 * n or abs(run[-1].loss - 3.98) < 0.02
        losses = [found.loss for found in run]
        assert all(b < a for a, b in itertools.pairwise(losses[:-1]))
        assert objective.evaluations < 1.5 * len(run) + 10

    def test_as_few_evaluations_as_scipy(self):
        """A quadratic with condition number 1e4: both are within a third of each other."""
        a = torch.logspace(0, 4, 50, dtype=torch.float64)
        start = torch.linspace(1, 2, 50, dtype=torch.float64)
        run, objective = minimized(lambda p: 0.5 * (a * p["x"] ** 2).sum(), start, 2000, history=20)
        ours = next(i for i, found in enumerate(run) if found.loss < 1e-12)

        count = []
        scipy.optimize.minimize(
            lambda x: (count.append(v := 0.5 * float(a.numpy() @ x**2)) or v, a.numpy() * x),
            start.numpy(),
            jac=True,
            method="L-BFGS-B",
            options={"maxcor": 20, "ftol": 0, "gtol": 0, "maxiter": 2000},
        )
        theirs = next(i for i, value in enumerate(count) if value < 1e-12)
        assert objective.evaluations / len(run) * ours < 4 / 3 * theirs

    @pytest.mark.parametrize("unit", [1e-28, 1e20])
    def test_losses_in_any_unit_fall_as_far(self, unit):
        start = torch.full((2,), -1.2, dtype=torch.float64)
        run, _ = minimized(lambda p: unit * rosenbrock(p), start, 200)
        assert run[-1].loss < unit * 1e-20

    def test_float32(self):
        run, _ = minimized(rosenbrock, torch.full((2,), -1.2), 200)
        assert run[-1].loss < 1e-10
        assert run[-1].x.dtype == torch.float32

    def test_a_minimum_is_left_alone(self):
        run, objective = minimized(rosenbrock, torch.ones(3, dtype=torch.float64), 5)
        assert run[1] is run[0]
        assert objective.evaluations == 1

    def test_lr_scales_the_first_trial(self):
        seen = []

        def loss(p):
            seen.append(float(p["x"].detach()))
            return (p["x"] ** 2).sum() / 2

        minimized(loss, torch.full((1,), 4.0, dtype=torch.float64), 1, lr=0.5)
        assert seen[:2] == [4.0, 4.0 - 0.5]  # the first step has length 1

    def test_a_copy_continues_identically(self):
        method = LBFGSMethod(history=5)
        start = torch.full((4,), -1.2, dtype=torch.float64)
        run, objective = minimized(rosenbrock, start, 12, method)
        twin = LBFGSMethod(history=5)
        twin.load_state_dict(method.state_dict())
        here = there = run[-1]
        for _ in range(10):
            here, there = method.step(objective, here), twin.step(objective, there)
            assert torch.equal(here.x, there.x)
        method.forget()
        assert method.state_dict() == {}
        twin.load_state_dict({})
        assert torch.equal(method.step(objective, here).x, twin.step(objective, there).x)

    @pytest.mark.parametrize("history", [0, -1, 2.0, True, None])
    def test_bad_history(self, history):
        with pytest.raises(ParameterError, match="`history` must be an int >= 1; got"):
            LBFGSMethod(history=history)

    @pytest.mark.parametrize("lr", [0, -1.0, math.nan, math.inf, "1", True])
    def test_bad_lr(self, lr):
        with pytest.raises(ParameterError, match="`lr` must be a finite number > 0; got"):
            LBFGSMethod(lr=lr)

    def test_the_default_history_is_the_long_one(self):
        assert LBFGSMethod().history == HISTORY == 100

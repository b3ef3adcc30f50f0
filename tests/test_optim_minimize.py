"""`minimize`: every method by name, why it stops, and what it leaves alone."""

import math

import pytest
import torch
from torch import nn
from torch.func import functional_call

from edgewise import KAN
from edgewise.errors import DomainError, ParameterError, ShapeError
from edgewise.optim import METHODS, FunctionObjective, LBFGSMethod, minimize
from edgewise.optim.loop import Loop

F64 = torch.float64
EVERY_METHOD = pytest.mark.parametrize("method", METHODS)


def rosenbrock(params):
    x = params["x"]
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def start(n=2, dtype=F64):
    return {"x": torch.full((n,), -1.2, dtype=dtype)}


@EVERY_METHOD
class TestEveryMethod:
    def test_rosenbrock(self, method):
        result = minimize(rosenbrock, start(), method)
        assert result.status == "converged"
        assert "gradient's norm" in result.message
        # The gradient is 1e-10 of about 1e3, the smaller eigenvalue of the Hessian 0.4.
        torch.testing.assert_close(result.params["x"], torch.ones(2, dtype=F64), rtol=0, atol=1e-6)
        assert result.loss == rosenbrock(result.params) < 1e-12
        assert result.evals > result.steps
        assert (result.hvps > 0) == (method in ("hsodm", "sfn"))
        for values in result.history.values():
            assert len(values) == result.steps + 1
        assert result.history["loss"][-1] == result.loss == min(result.history["loss"])
        assert result.history["grad_norm"][-1] == result.grad_norm

    def test_gtol_zero_goes_to_the_last_digit(self, method):
        result = minimize(rosenbrock, start(), method, gtol=0)
        assert result.status in ("no progress", "converged")
        assert result.loss < 1e-24

    def test_a_network_is_fitted_and_left_as_it_was(self, method, global_random_state_untouched):
        model = KAN([1, 2, 1], grid=3, k=3, seed=0, dtype=F64)
        before = {name: p.detach().clone() for name, p in model.state_dict().items()}
        x = torch.linspace(-1, 1, 40, dtype=F64)[:, None]
        y = torch.sin(2 * x)
        loss = lambda p: ((functional_call(model, p, (x,)) - y) ** 2).mean()  # noqa: E731
        first = float(loss(dict(model.named_parameters())).detach())
        result = minimize(loss, model, method, steps=12)
        assert result.loss < 0.05 * first
        for name, tensor in model.state_dict().items():
            assert torch.equal(tensor, before[name])
        assert all(p.grad is None for p in model.parameters())
        assert not any(p.requires_grad for p in result.params.values())
        model.load_state_dict(result.params, strict=False)
        assert float(loss(dict(model.named_parameters())).detach()) == result.loss

    def test_the_same_seed_gives_the_same_result(self, method, global_random_state_untouched):
        one, other = (minimize(rosenbrock, start(4), method, steps=9, seed=3) for _ in range(2))
        assert torch.equal(one.params["x"], other.params["x"])
        assert one.history == other.history

    def test_float32_and_no_grad(self, method):
        with torch.no_grad():
            result = minimize(rosenbrock, start(dtype=torch.float32), method)
        assert result.params["x"].dtype == torch.float32
        assert result.loss < 1e-8

    def test_a_minimum_is_recognized(self, method):
        result = minimize(lambda p: (p["x"] ** 2).sum(), {"x": torch.zeros(2)}, method)
        assert (result.status, result.steps, result.loss) == ("converged", 0, 0.0)

    def test_frozen_and_unused_parameters_stay(self, method):
        frozen = nn.Parameter(torch.tensor([2.0], dtype=F64), requires_grad=False)
        params = {"frozen": frozen, "x": torch.zeros(1, dtype=F64), "unused": torch.full((2, 2), 5.0, dtype=F64)}
        result = minimize(lambda p: ((p["x"] - p["frozen"]) ** 4 + (p["x"] - p["frozen"]) ** 2).sum(), params, method)
        assert list(result.params) == list(params)
        assert result.params["x"].tolist() == pytest.approx([2.0], abs=1e-9)
        assert result.params["frozen"].tolist() == [2.0]
        assert result.params["unused"].tolist() == [[5.0, 5.0], [5.0, 5.0]]

    def test_a_nan_region_is_walked_around(self, method):
        result = minimize(lambda p: (-(3 - p["x"]).log() - 5 * p["x"]).sum(), {"x": torch.zeros(2, dtype=F64)}, method)
        assert result.params["x"].tolist() == pytest.approx([2.8, 2.8], abs=1e-6)

    def test_a_start_that_is_not_finite_is_refused(self, method):
        with pytest.raises(DomainError, match=r"The loss must be finite at the start; it is nan\. Look for NaN"):
            minimize(lambda p: p["x"].log().sum(), {"x": -torch.ones(1)}, method)

    def test_unknown_options_are_listed(self, method):
        with pytest.raises(ParameterError, match=f"`foo` is no option of method '{method}'; it has .*lr"):
            minimize(rosenbrock, start(), method, foo=1)


class TestStopping:
    def test_the_step_limit(self):
        result = minimize(rosenbrock, start(), steps=3)
        assert (result.status, result.steps) == ("steps", 3)
        assert result.message == "All 3 steps are done; the gradient has not fallen to the tolerance."

    def test_the_callback(self):
        seen = []

        def callback(iterate):
            seen.append((iterate.step, iterate.loss, iterate.grad_norm, float(rosenbrock(iterate.params))))
            return len(seen) < 4

        result = minimize(rosenbrock, start(), callback=callback)
        assert (result.status, result.steps) == ("callback", 4)
        assert result.message == "The callback returned False after 4 steps."
        assert [s[0] for s in seen] == [1, 2, 3, 4]
        assert [s[1] for s in seen] == [s[3] for s in seen] == result.history["loss"][1:]
        assert [s[2] for s in seen] == result.history["grad_norm"][1:]

    def test_a_callback_that_returns_nothing_goes_on(self):
        assert minimize(rosenbrock, start(), callback=lambda iterate: None).status == "converged"

    @pytest.mark.parametrize("when", [5, 23])
    def test_ctrl_c_keeps_the_best(self, when):
        calls = []

        def loss(params):
            calls.append(1)
            if len(calls) == when:
                raise KeyboardInterrupt
            return rosenbrock(params)

        result = minimize(loss, start())
        assert result.status == "interrupted"
        assert "Interrupted from the keyboard" in result.message
        assert result.loss == min(result.history["loss"]) == float(rosenbrock(result.params))

    def test_a_wrong_gradient_is_no_progress(self):
        class Wrong(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return (x * x).sum()

            @staticmethod
            def backward(ctx, g):
                return torch.full((2,), -1.0, dtype=F64)

        result = minimize(lambda p: Wrong.apply(p["x"]), {"x": torch.ones(2, dtype=F64)}, "lbfgs")
        assert (result.status, result.steps) == ("no progress", 0)
        assert "No lower point was found after 0 steps, also not with a fresh memory" in result.message

    @pytest.mark.parametrize("unit", [1e-28, 1e20])
    def test_the_gradient_is_compared_with_the_largest_seen(self, unit):
        one = minimize(rosenbrock, start(), gtol=1e-4)
        other = minimize(lambda p: unit * rosenbrock(p), start(), gtol=1e-4)
        for result in (one, other):
            norms = result.history["grad_norm"]
            assert norms[-1] <= 1e-4 * max(norms) < min(norms[:-1])

    def test_the_lowest_point_is_returned_where_steps_may_rise(self):
        seen = [math.inf]

        def until_it_rises(iterate):
            seen.append(iterate.loss)
            return seen[-1] < seen[-2]

        result = minimize(rosenbrock, start(), "hsodm", radius=0.7, callback=until_it_rises)
        losses = result.history["loss"]
        assert result.status == "callback"
        assert losses[-1] > result.loss == min(losses) == float(rosenbrock(result.params))

    def test_the_memory_is_forgotten_once_before_giving_up(self):
        class Misled(LBFGSMethod):
            """Finds nothing after two steps, until it is told to forget."""

            made, forgotten = 0, 0

            def step(self, objective, here):
                self.made += 1
                return here if self.made > 2 and not self.forgotten else super().step(objective, here)

            def forget(self):
                self.forgotten += 1
                super().forget()

        objective = FunctionObjective(rosenbrock, start())
        method = Misled()
        run = Loop(method, objective, objective.layout.start, steps=500, gtol=0.0, callback=None, read=dict).run()
        assert run.best.loss < 1e-25
        assert method.forgotten >= 1

    def test_hsodm_leaves_a_saddle_where_the_gradient_is_zero(self):
        saddle = lambda p: p["x"][0] ** 2 + p["x"][1] ** 4 - p["x"][1] ** 2  # noqa: E731
        result = minimize(saddle, {"x": torch.zeros(2, dtype=F64)}, "hsodm")
        assert (result.status, result.loss) == ("converged", pytest.approx(-0.25))
        assert minimize(saddle, {"x": torch.zeros(2, dtype=F64)}, "sfn").message == "The gradient is zero at the start."


class TestArguments:
    def test_options_reach_the_method(self):
        few = minimize(rosenbrock, start(20), "lbfgs", history=2, steps=40)
        many = minimize(rosenbrock, start(20), "lbfgs", history=40, steps=40)
        assert few.loss != many.loss
        assert minimize(rosenbrock, start(20), "sfn", rank=3, steps=4).hvps == 12

    def test_a_generator_is_used(self):
        def run(**options):
            saddle = lambda p: p["x"][0] ** 2 + p["x"][1] ** 4 - p["x"][1] ** 2  # noqa: E731
            return minimize(saddle, {"x": torch.zeros(2, dtype=F64)}, "hsodm", steps=2, **options).history

        generator = torch.Generator().manual_seed(8)
        state = generator.get_state()
        assert run(generator=generator) == run(seed=8)
        assert not torch.equal(generator.get_state(), state)
        assert run(seed=8) != run(seed=9)

    @pytest.mark.parametrize(
        ("arguments", "error", "message"),
        [
            ({"method": "adam"}, ParameterError, "`method` must be one of 'ssbroyden', 'bfgs', .*'sfn'; got 'adam'"),
            ({"steps": 0}, ParameterError, "`steps` must be an int >= 1; got 0"),
            ({"gtol": -1.0}, ParameterError, "`gtol` must be a finite number >= 0; got -1.0"),
            ({"gtol": math.nan}, ParameterError, "`gtol` must be a finite number >= 0; got nan"),
            ({"callback": 1}, ParameterError, "`callback` must be a function of an `Iterate`; got 1"),
            ({"seed": "a"}, ParameterError, "`seed` must be an int; got 'a'"),
            ({"lr": 0.0}, ParameterError, "`lr` must be a finite number > 0; got 0.0"),
            ({"update": "bfgs"}, ParameterError, "`update` is no option of method 'ssbroyden'"),
            ({"method": "hsodm", "delta": -1}, ParameterError, "`delta` must be a finite number >= 0; got -1"),
        ],
    )
    def test_bad_arguments(self, arguments, error, message):
        with pytest.raises(error, match=message):
            minimize(rosenbrock, start(), **arguments)

    @pytest.mark.parametrize(
        ("params", "error", "message"),
        [
            (3, ParameterError, "`params` must be a dictionary of tensors"),
            ({"x": torch.ones(2, dtype=torch.long)}, ShapeError, "must be floating point; got torch.int64"),
        ],
    )
    def test_bad_parameters(self, params, error, message):
        with pytest.raises(error, match=message):
            minimize(rosenbrock, params)

    def test_a_loss_that_ignores_its_argument(self):
        model = nn.Linear(2, 1)
        with pytest.raises(ParameterError, match=r"evaluate `torch.func.functional_call\(model, params, \(x,\)\)`"):
            minimize(lambda p: model(torch.ones(1, 2)).detach().sum(), model)

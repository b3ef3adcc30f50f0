"""The solvers as torch optimizers: protocol, state, groups, and what is evaluated when."""

import copy
import io
import itertools
import math

import pytest
import torch
from torch import nn

from edgewise.errors import DomainError, ParameterError, ShapeError
from edgewise.optim import HSODM, LBFGS, FunctionObjective, SaddleFreeNewton, SSBroyden

F64 = torch.float64
GRADIENTS = (LBFGS, SSBroyden)
CLASSES = (LBFGS, SSBroyden, HSODM, SaddleFreeNewton)
EVERY_CLASS = pytest.mark.parametrize("kind", CLASSES)


class Problem:
    """A small network with data, and a closure of the kind that a class of optimizers wants."""

    def __init__(self, dtype=F64):
        g = torch.Generator().manual_seed(0)
        self.x = torch.rand(30, 2, generator=g, dtype=dtype) * 2 - 1
        self.y = torch.sin(2 * self.x[:, :1]) * self.x[:, 1:]
        self.model = nn.Sequential(nn.Linear(2, 4, dtype=dtype), nn.SiLU(), nn.Linear(4, 1, dtype=dtype))
        with torch.no_grad():
            for p in self.model.parameters():
                p.copy_(torch.randn(p.shape, generator=g, dtype=dtype))
        self.calls = 0

    def parameters(self):
        return list(self.model.parameters())

    def loss(self):
        return ((self.model(self.x) - self.y) ** 2).mean()

    def closure(self, optimizer):
        """One and the same function for all steps."""

        def with_backward():
            self.calls += 1
            optimizer.zero_grad()
            loss = self.loss()
            loss.backward()
            return loss

        def with_graph():
            self.calls += 1
            return self.loss()

        return with_backward if isinstance(optimizer, GRADIENTS) else with_graph

    def values(self):
        return torch.cat([p.detach().reshape(-1) for p in self.model.parameters()])


def steps(problem, optimizer, count, closure=None):
    closure = problem.closure(optimizer) if closure is None else closure
    return [optimizer.step(closure) for _ in range(count)]


@EVERY_CLASS
class TestEveryOptimizer:
    def test_it_is_a_torch_optimizer_and_fits(self, kind):
        problem = Problem()
        optimizer = kind(problem.model.parameters())
        assert isinstance(optimizer, torch.optim.Optimizer)
        losses = [*steps(problem, optimizer, 25), float(problem.loss().detach())]
        assert all(b < a for a, b in itertools.pairwise(losses))
        assert losses[-1] < 0.1 * losses[0]

    @pytest.mark.parametrize("dtype", [F64, torch.float32])
    def test_a_saved_state_continues_to_the_last_bit(self, kind, dtype):
        one, other = Problem(dtype), Problem(dtype)
        first = kind(one.model.parameters())
        steps(one, first, 8)
        file = io.BytesIO()
        torch.save([one.model.state_dict(), first.state_dict()], file)
        steps(one, first, 8)

        file.seek(0)
        model, state = torch.load(file, weights_only=True)
        other.model.load_state_dict(model)
        second = kind(other.model.parameters())
        second.load_state_dict(state)
        steps(other, second, 8)
        assert torch.equal(one.values(), other.values())

    def test_a_deep_copy_continues_alone(self, kind):
        one, other = Problem(), Problem()
        first = kind(one.model.parameters())
        steps(one, first, 5)
        other.model, second = copy.deepcopy([one.model, first])
        assert torch.equal(one.values(), other.values())
        steps(other, second, 5)
        changed = other.values()
        assert not torch.equal(one.values(), changed)
        steps(one, first, 5)
        assert torch.equal(one.values(), changed)

    def test_groups_are_one_vector(self, kind):
        one, grouped = Problem(), Problem()
        first = kind(one.model.parameters())
        parameters = grouped.parameters()
        second = kind([{"params": parameters[:1]}, {"params": parameters[1:]}])
        steps(one, first, 6)
        steps(grouped, second, 6)
        assert torch.equal(one.values(), grouped.values())

    def test_groups_must_agree_about_lr(self, kind):
        problem = Problem()
        parameters = problem.parameters()
        optimizer = kind([{"params": parameters[:1], "lr": 0.5}, {"params": parameters[1:]}])
        with pytest.raises(ParameterError, match=r"All parameter groups must have the same `lr`.*got \[0.5, 1.0\]"):
            steps(problem, optimizer, 1)

    def test_frozen_parameters_stay_and_may_be_freed(self, kind):
        problem = Problem()
        weight = problem.model[0].weight.requires_grad_(False)
        before = weight.clone()
        optimizer = kind(problem.model.parameters())
        steps(problem, optimizer, 4)
        assert torch.equal(weight, before)
        weight.requires_grad_(True)
        steps(problem, optimizer, 2)
        assert not torch.equal(weight.detach(), before)

    def test_freeing_one_and_freezing_another_of_its_size_is_noticed(self, kind):
        problem = Problem()
        one, other = problem.model[0].bias, problem.model[2].weight  # 4 numbers each
        other.requires_grad_(False)
        optimizer = kind(problem.model.parameters())
        closure = problem.closure(optimizer)
        steps(problem, optimizer, 4, closure)
        one.requires_grad_(False)
        other.requires_grad_(True)
        fresh = kind(problem.model.parameters())
        twin = copy.deepcopy([problem.model, fresh])
        steps(problem, optimizer, 1, closure)
        follower = Problem()
        follower.model = twin[0]
        if kind is not HSODM:  # whose random numbers go on
            steps(follower, twin[1], 1)
            assert torch.equal(problem.values(), follower.values())

    def test_unused_parameters_stay(self, kind):
        problem = Problem()
        unused = nn.Parameter(torch.full((3,), 5.0, dtype=F64))
        optimizer = kind([*problem.model.parameters(), unused])
        losses = steps(problem, optimizer, 5)
        assert losses[-1] < losses[0]
        torch.testing.assert_close(unused.detach(), torch.full((3,), 5.0, dtype=F64), rtol=0, atol=1e-12)

    def test_an_objective_instead_of_a_closure(self, kind):
        """The same steps, and no `.grad`."""
        one, other = Problem(), Problem()
        first, second = kind(one.model.parameters()), kind(other.model.parameters())
        params = dict(other.model.named_parameters())
        objective = FunctionObjective(
            lambda p: ((torch.func.functional_call(other.model, p, (other.x,)) - other.y) ** 2).mean(), params
        )
        steps(one, first, 6)
        steps(other, second, 6, objective)
        assert second.last.loss == float(other.loss().detach())
        torch.testing.assert_close(one.values(), other.values(), rtol=1e-9, atol=1e-11)  # another order of sums
        assert all(p.grad is None for p in other.model.parameters())

    def test_nothing_is_evaluated_twice_at_one_point(self, kind):
        problem = Problem()
        optimizer = kind(problem.model.parameters())
        seen = []
        plain = problem.closure(optimizer)

        def closure():
            seen.append(tuple(problem.values().tolist()))
            return plain()

        steps(problem, optimizer, 6, closure)
        twice = 0 if kind in GRADIENTS else 6  # a Hessian needs its own graph, once per step
        assert len(seen) - len(set(seen)) == twice
        assert optimizer.evaluations == len(seen)

    def test_a_change_from_outside_is_noticed(self, kind):
        problem = Problem()
        optimizer = kind(problem.model.parameters())
        closure = problem.closure(optimizer)
        steps(problem, optimizer, 3, closure)
        with torch.no_grad():
            problem.model[0].bias += 0.5
        expected = float(problem.loss().detach())
        assert optimizer.step(closure) == expected

    def test_a_new_closure_is_evaluated_anew(self, kind):
        problem = Problem()
        optimizer = kind(problem.model.parameters())
        steps(problem, optimizer, 3)
        problem.y = problem.y + 1
        expected = float(problem.loss().detach())
        assert optimizer.step(problem.closure(optimizer)) == expected

    def test_forgetting_makes_the_same_closure_new(self, kind):
        problem = Problem()
        optimizer = kind(problem.model.parameters())
        closure = problem.closure(optimizer)
        steps(problem, optimizer, 3, closure)
        problem.y = problem.y + 1
        expected = float(problem.loss().detach())
        optimizer.forget()
        assert optimizer.step(closure) == expected

    def test_an_error_in_the_closure_leaves_the_last_good_point(self, kind):
        problem = Problem()
        optimizer = kind(problem.model.parameters())
        plain = problem.closure(optimizer)
        steps(problem, optimizer, 2, plain)
        before = problem.values()

        def broken():
            loss = plain()
            if not torch.equal(problem.values(), before):
                raise KeyboardInterrupt
            return loss

        with pytest.raises(KeyboardInterrupt):
            optimizer.step(broken)
        assert torch.equal(problem.values(), before)

    def test_a_loss_that_is_not_finite(self, kind):
        problem = Problem()
        problem.y = problem.y * math.nan
        before = problem.values()
        with pytest.raises(DomainError, match="The loss must be finite before a step; it is nan"):
            steps(problem, kind(problem.model.parameters()), 1)
        assert torch.equal(problem.values(), before)

    def test_bad_arguments(self, kind):
        problem = Problem()
        with pytest.raises(ParameterError, match="`lr` must be a finite number > 0; got 0"):
            kind(problem.model.parameters(), lr=0)
        with pytest.raises(ShapeError, match="must have one dtype"):
            kind([nn.Parameter(torch.ones(1)), nn.Parameter(torch.ones(1, dtype=F64))])
        optimizer = kind(problem.model.parameters())
        optimizer.param_groups[0]["lr"] = -1.0
        with pytest.raises(ParameterError, match="`lr` must be a finite number > 0; got -1"):
            steps(problem, optimizer, 1)
        with pytest.raises(ParameterError, match="has no 'method'"):
            optimizer.load_state_dict({"state": {}, "param_groups": []})
        for p in problem.model.parameters():
            p.requires_grad_(False)
        with pytest.raises(ParameterError, match="No parameter may move"):
            steps(problem, kind(problem.model.parameters()), 1)

    def test_a_closure_that_returns_nothing(self, kind):
        with pytest.raises(ParameterError, match="must return"):
            kind(Problem().model.parameters()).step(lambda: None)


def test_lr_scales_the_first_trial():
    seen = []
    x = nn.Parameter(torch.full((1,), 4.0, dtype=F64))
    optimizer = LBFGS([{"params": [x], "lr": 0.25}])

    def closure():
        seen.append(float(x.detach()))
        optimizer.zero_grad()
        loss = (x * x).sum() / 2
        loss.backward()
        return loss

    optimizer.step(closure)
    assert seen[:2] == [4.0, 3.75]


def test_a_float32_state_keeps_its_float64_matrix():
    """torch's own `load_state_dict` would round it."""
    problem = Problem(torch.float32)
    optimizer = SSBroyden(problem.model.parameters())
    steps(problem, optimizer, 5)
    other = SSBroyden(problem.model.parameters())
    other.load_state_dict(optimizer.state_dict())
    inverse = other.state_dict()["method"]["inverse"]
    assert inverse.dtype == F64
    assert torch.equal(inverse, optimizer.state_dict()["method"]["inverse"])


def test_less_work_than_torchs_lbfgs_for_a_lower_loss():
    ours, theirs = Problem(), Problem()
    optimizer = LBFGS(ours.model.parameters())
    steps(ours, optimizer, 150)
    reference = torch.optim.LBFGS(
        theirs.model.parameters(), max_iter=150, max_eval=10_000, history_size=100, line_search_fn="strong_wolfe",
        tolerance_grad=0, tolerance_change=0,
    )  # fmt: skip

    def closure():
        theirs.calls += 1
        reference.zero_grad()
        loss = theirs.loss()
        loss.backward()
        return loss

    reference.step(closure)
    assert float(ours.loss().detach()) < 2 * float(theirs.loss().detach())
    assert ours.calls < 1.2 * theirs.calls


def test_parameters_may_be_added():
    problem = Problem()
    optimizer = LBFGS(problem.parameters()[:2])
    steps(problem, optimizer, 3)
    optimizer.add_param_group({"params": problem.parameters()[2:]})
    before = problem.values()
    steps(problem, optimizer, 2)
    assert bool((problem.values() != before).all())
    saved = LBFGS(problem.parameters())
    saved.load_state_dict(copy.deepcopy(optimizer).state_dict() | {"param_groups": saved.state_dict()["param_groups"]})
    saved.add_param_group({"params": [nn.Parameter(torch.ones(1, dtype=F64))]})
    steps(problem, saved, 1)
    with pytest.raises(ShapeError, match="must have one dtype"):
        optimizer.add_param_group({"params": [nn.Parameter(torch.ones(1))]})

"""From splines to a formula: by hand, automatically, with exact constants, and out into other languages."""

import copy
import ctypes
import math
import shutil
import subprocess

import numpy as np
import pytest
import sympy
import torch
from torch.testing import assert_close

from edgewise import KAN, create_dataset
from edgewise.errors import DomainError, ParameterError, ShapeError
from edgewise.interpret import (
    Formula,
    Library,
    auto_symbolic,
    exact,
    fix_symbolic,
    formula_of,
    simplify,
    suggest_symbolic,
)
from edgewise.interpret.constants import proposals
from edgewise.layers import FUNCTIONS

F64 = torch.float64


def hello(x):
    return torch.exp(torch.sin(torch.pi * x[:, [0]]) + x[:, [1]] ** 2)


@pytest.fixture(scope="module")
def data():
    return create_dataset(hello, 2, train_num=500, test_num=200, dtype=F64, seed=0)


@pytest.fixture(scope="module")
def trained(data):
    model = KAN([2, 1, 1], grid=5, seed=0, dtype=F64)
    model.fit(data, restarts=4, steps=40, progress=False)
    return model


@pytest.fixture
def model(trained):
    return copy.deepcopy(trained)


def xy(data):
    return data["train_input"], data["train_label"]


class TestSuggest:
    def test_by_r2_and_complexity(self, model, data):
        found = model.suggest_symbolic(0, 0, 0, data["train_input"])
        assert found[0].name == "sin"
        assert found[0].r2 > 0.999
        assert found[0].loss is None

    def test_a_simple_function_comes_before_a_hardly_closer_one(self, model, data):
        found = model.suggest_symbolic(0, 1, 0, data["train_input"])
        assert found[0].name == "x^2"
        assert found[0].missing > min(one.missing for one in found)  # a parabola is the tip of many functions

    def test_by_the_loss_of_the_whole_model(self, model, data):
        before = copy.deepcopy(model.state_dict())
        found = model.suggest_symbolic(0, 1, 0, *xy(data))
        assert found[0].name == "x^2"
        assert found[0].loss <= 1.5 * min(one.loss for one in found)
        assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
        assert "loss of the model" in repr(found)
        assert "x^2" in repr(found)

    def test_data_in_the_forms_of_fit(self, model, data):
        x, y = xy(data)
        wanted = repr(model.suggest_symbolic(0, 1, 0, x, y))
        for whole in ((x, y), data, (x.numpy(), y.numpy())):
            assert repr(model.suggest_symbolic(0, 1, 0, whole)) == wanted
        assert str(model.sparsify((x, y), steps=2).formula((x, y))) == str(model.sparsify(x, y, steps=2).formula(x, y))
        with pytest.raises(ParameterError, match=r"a tuple of data must be a pair `\(x, y\)`; got 3 entries"):
            model.suggest_symbolic(0, 0, 0, (x, y, x))
        with pytest.raises(ParameterError, match="`y` must be None beside a pair"):
            model.suggest_symbolic(0, 0, 0, (x, y), y)

    def test_without_data(self, model):
        assert suggest_symbolic(model, 0, 0, 0, top=2)[0].name == "sin"

    def test_a_removed_edge(self, model):
        model.layers[0].set_mask(torch.tensor([[0.0], [1.0]], dtype=F64))
        with pytest.raises(ParameterError, match=r"edge \(0, 0, 0\) was removed"):
            model.suggest_symbolic(0, 0, 0)

    def test_no_such_edge_or_function(self, model):
        with pytest.raises(ParameterError, match=r"no edge \(0, 2, 0\)"):
            model.suggest_symbolic(0, 2, 0)
        with pytest.raises(ParameterError, match="no function 'sinus'"):
            model.suggest_symbolic(0, 0, 0, lib=["sinus"])

    def test_labels_that_do_not_fit(self, model, data):
        with pytest.raises(ShapeError, match=r"`x` must be a \(rows, 2\) tensor"):
            model.suggest_symbolic(0, 0, 0, torch.rand(50, 3))
        with pytest.raises(ShapeError, match=r"`y` must be \(500, 1\), one row per row of `x`; got \(499, 1\)"):
            model.suggest_symbolic(0, 0, 0, data["train_input"], data["train_label"][1:])
        with pytest.raises(DomainError, match="`y` must be finite"):
            model.suggest_symbolic(0, 0, 0, data["train_input"], data["train_label"] * float("nan"))
        with pytest.raises(ParameterError, match="must hold 'train_input' and 'train_label'"):
            model.suggest_symbolic(0, 0, 0, {"x": data["train_input"]})


class TestFix:
    def test_fits_the_edge(self, model, data):
        before = model(data["test_input"])
        assert model.fix_symbolic(0, 0, 0, "sin") is model
        assert model.symbolic_edges == {(0, 0, 0): "sin"}
        assert float((model(data["test_input"]) - before).detach().square().mean().sqrt()) < 0.1

    def test_numbers_as_given(self, model):
        model.fix_symbolic(0, 1, 0, "x^2", numbers=[1.0, 0.5, 2.0, 3.0])
        assert model.layers[0].symbolic.affine[0].tolist() == [1.0, 0.5, 2.0, 3.0, 1.0]
        for wrong in ([1.0, 0.5, 2.0], [1.0, 0.5, 2.0, math.nan], [1.0, 0.5, 2.0, "b"]):
            with pytest.raises(ParameterError, match=r"4 or 5 finite ones; got \[1.0, 0.5, 2.0"):
                model.fix_symbolic(0, 1, 0, "x^2", numbers=wrong)

    @pytest.mark.parametrize("with_data", [True, False])
    @pytest.mark.parametrize(
        ("name", "numbers"), [("log", [1, -2, 1, 0]), ("arcsin", [2, 0, 1, 0]), ("1/x", [0, 0, 1, 0])]
    )
    def test_numbers_that_leave_the_domain(self, model, data, name, numbers, with_data):
        with pytest.raises(
            ParameterError, match=rf"`numbers` leave '{name}' .* on edge \(0, 0, 0\) in \d+ of \d+ rows"
        ):
            model.fix_symbolic(0, 0, 0, name, data["train_input"] if with_data else None, numbers=numbers)
        assert not model.symbolic_edges

    def test_stand_ins_say_nothing_about_deeper_edges(self, model):
        """Inputs are drawn independently of each other then, as the data need not be."""
        model.fix_symbolic(1, 0, 0, "log", numbers=[1, -100, 1, 0])
        assert model.symbolic_edges == {(1, 0, 0): "log"}

    def test_numbers_without_any_data(self):
        """Where the inputs will lie nobody knows yet."""
        model = KAN([2, 1], dtype=F64, seed=0).fix_symbolic(0, 0, 0, "log", numbers=[1, 0, 1, 0])
        assert model.symbolic_edges == {(0, 0, 0): "log"}

    def test_an_edge_that_was_removed(self, model):
        mask = model.layers[0].mask.clone()
        mask[1, 0] = 0
        model.layers[0].set_mask(mask)
        with pytest.raises(ParameterError, match=r"edge \(0, 1, 0\) was removed.*model.layers\[0\].set_mask\(mask\)"):
            model.fix_symbolic(0, 1, 0, "x^2")

    @pytest.mark.parametrize(
        ("name", "near"),
        [
            ("sine", "'sin' or 'sinh'"),
            ("exponential", "'exp'"),
            ("Log", "'log'"),
            ("ln", "'log'"),
            ("asin", "'arcsin'"),
        ],
    )
    def test_a_misspelt_name(self, model, name, near):
        with pytest.raises(ParameterError, match=f"no function '{name}'. Did you mean {near}"):
            model.fix_symbolic(0, 0, 0, name)

    def test_a_function_that_follows_badly(self, model):
        for door in (KAN.fix_symbolic, fix_symbolic):
            model.unfix_symbolic(0, 1, 0)
            with pytest.warns(UserWarning, match=r"'sgn' follows edge \(0, 1, 0\) with R2 = 0\.\d\d\d only") as caught:
                door(model, 0, 1, 0, "sgn")
            assert caught[0].filename == __file__
        assert model.symbolic_edges == {(0, 1, 0): "sgn"}

    def test_an_empty_library(self, model, data):
        before = {name: value.clone() for name, value in model.state_dict().items()}
        with pytest.raises(ParameterError, match="`lib` must hold at least one function"):
            model.auto_symbolic(data, lib=[])
        assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())

    def test_a_function_without_a_derivative(self):
        with pytest.raises(ParameterError, match="so that torch can differentiate it; torch says: Can't call numpy"):
            Library().add("own", lambda z: torch.from_numpy(np.sin(z.numpy())), "sin(z)")
        with pytest.raises(
            ParameterError, match=r"so that torch can differentiate it; at z = -1.7 .* differences give"
        ):
            Library().add("own", lambda z: torch.sin(z.detach()) + 0 * z, "sin(z)")
        assert Library().add("ramp", torch.relu, "Max(z, 0)").name == "ramp"

    def test_unfix_gives_the_spline_back(self, model, data):
        before = model(data["test_input"])
        model.fix_symbolic(0, 0, 0, "sin").fix_symbolic(0, 1, 0, "x^2").unfix_symbolic(0, 0, 0)
        assert model.symbolic_edges == {(0, 1, 0): "x^2"}
        assert torch.equal(model.unfix_symbolic(0, 1, 0)(data["test_input"]), before)
        assert model.layers[0].symbolic is None

    def test_a_function_that_is_defined_nowhere_leaves_the_model_alone(self, model, data):
        library = Library(["x"])
        library.add("nowhere", lambda z: torch.log(-z.square() - 1), "log(-z**2 - 1)", domain="no z at all")
        with pytest.raises(
            ParameterError, match=r"'nowhere' \(defined for no z at all\) fits edge \(0, 0, 0\) for no a"
        ):
            model.fix_symbolic(0, 0, 0, "nowhere", lib=library)
        assert not model.symbolic_edges

    def test_a_constant_edge(self):
        model = KAN([2, 1], dtype=F64, seed=0)
        with torch.no_grad():
            model.layers[0].spline_weight[0] = 2.0
            model.layers[0].base_weight[0] = 0.0
        x = 2 * torch.rand(50, 2, dtype=F64, generator=torch.Generator().manual_seed(0)) - 1
        before = model(x)
        assert_close(model.fix_symbolic(0, 0, 0, "exp", x)(x), before)


class TestAuto:
    def test_hello(self, model, data):
        assert auto_symbolic(model, *xy(data)) is model
        assert model.symbolic_edges == {(0, 0, 0): "sin", (0, 1, 0): "x^2", (1, 0, 0): "exp"}
        error = (model(data["test_input"]) - data["test_label"]).detach().square().mean().sqrt()
        assert float(error) < 1e-10
        formula = model.formula(*xy(data))
        assert str(formula) == "y = exp(x2**2 + sin(pi*x1))"
        assert formula.verify(model, data["test_input"]).relative < 1e-10

    def test_an_edge_without_an_elementary_form_stays_a_spline(self):
        """A function that no library knows: two bumps of different width."""

        def odd(x):
            z = x[:, [0]]
            return torch.exp(-20 * (z + 0.4) ** 2) + 0.7 * torch.sin(9 * z * z * z) + x[:, [1]] ** 2

        data = create_dataset(odd, 2, train_num=400, dtype=F64, seed=1)
        model = KAN([2, 1], grid=20, seed=0, dtype=F64)
        model.fit(data, opt="lm", steps=20, progress=False)
        before = float((model(data["train_input"]) - data["train_label"]).detach().square().mean())
        model.auto_symbolic(*xy(data))
        assert model.symbolic_edges == {(0, 1, 0): "x^2"}
        after = float((model(data["train_input"]) - data["train_label"]).detach().square().mean())
        assert after <= 1.5 * before
        formula = model.formula()
        assert "phi_0_0_0(x1)" in str(formula)
        assert formula.verify(model, data["test_input"]).relative < 1e-12
        with pytest.raises(ParameterError, match="phi_0_0_0 are still splines"):
            formula.python()

    def test_never_above_the_stated_loss(self, model, data):
        model.auto_symbolic(*xy(data), lib=["x", "abs"])
        assert not model.symbolic_edges

    def test_cross_entropy(self):
        generator = torch.Generator().manual_seed(0)
        x = 2 * torch.rand(300, 2, dtype=F64, generator=generator) - 1
        y = (x[:, 0] + 2 * x[:, 1] ** 2 > 0.5).long()
        model = KAN([2, 2], grid=3, seed=0, dtype=F64)
        model.fit((x, y), loss="cross_entropy", opt="lbfgs", steps=30, progress=False)
        model.auto_symbolic(x, y, loss="cross_entropy", lib=["x", "x^2", "sin"], max_loss=0.2)
        assert len(model.symbolic_edges) == 4
        assert float((model(x).argmax(1) == y).double().mean()) > 0.97

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"loss": "l2"}, "`loss` must be one of"),
            ({"growth": 0.5}, "`growth` must be a number >= 1"),
            ({"lib": ["sinus"]}, "no function 'sinus'"),
        ],
    )
    def test_bad_arguments_change_nothing(self, model, data, options, message):
        with pytest.raises(ParameterError, match=message):
            model.auto_symbolic(*xy(data), **options)
        assert not model.symbolic_edges


class TestExpressions:
    def test_a_network_is_its_expression(self):
        """All kinds of edges, sums and products, against the forward pass."""
        model = KAN([2, [1, 1], 1], mult_arity=2, seed=0, dtype=F64)
        for n, (i, j) in enumerate((i, j) for i in range(2) for j in range(3)):
            name = ["sin", "x^2", "tanh", "exp", "gaussian", "relu"][n]
            model.fix_symbolic(0, i, j, name, numbers=[0.9, 0.1 * n, 1.2, -0.3])
        model.fix_symbolic(1, 0, 0, "x^p", numbers=[0.1, 5.0, 1.0, 0.0, 1.7])
        model.fix_symbolic(1, 1, 0, "j0", numbers=[1.0, 0.0, 1.0, 0.0])
        x = 2 * torch.rand(40, 2, dtype=F64, generator=torch.Generator().manual_seed(0)) - 1
        expressions, symbols = model.symbolic_formula()
        assert [str(symbol) for symbol in symbols] == ["x1", "x2"]
        for row in x[:5]:
            value = expressions[0].subs(dict(zip(symbols, row.tolist(), strict=True))).evalf(20)
            assert float(value) == pytest.approx(float(model(row[None]).detach()), rel=1e-9)
        assert Formula.of(model).verify(model, x).relative < 1e-9
        assert simplify(Formula.of(model)).verify(model, x).relative < 1e-9

    def test_removed_edges_are_not_in_it(self):
        model = KAN([2, 1], seed=0, dtype=F64)
        model.layers[0].set_mask(torch.tensor([[1.0], [0.0]], dtype=F64))
        assert str(model.formula()) == "y = phi_0_0_0(x1)"

    def test_names(self):
        model = KAN([1, 1], seed=0, input_names=["a b"], output_names=["heat"])
        assert str(model.formula()) == "heat = phi_0_0_0([a b])"
        assert str(model.formula(names=["t"])) == "heat = phi_0_0_0(t)"
        with pytest.raises(ParameterError, match=r"`names` must have 1 different entries; got \['a', 'b'\]"):
            model.formula(names=["a", "b"])


class TestWhatAReviewFound:
    def test_a_removed_symbolic_edge_gives_no_nan(self):
        """Zero times NaN is NaN."""
        model = KAN([2, 1], seed=0, dtype=F64)
        model.fix_symbolic(0, 0, 0, "log", numbers=[1.0, 0.0, 1.0, 0.0])
        model.layers[0].set_mask(torch.tensor([[0.0], [1.0]], dtype=F64))
        x = torch.tensor([[-0.5, 0.1], [0.5, 0.1]], dtype=F64).requires_grad_()
        y = model(x)
        assert y.isfinite().all()
        y.sum().backward()
        assert x.grad.isfinite().all()
        assert model.layers[0].symbolic.affine.grad.isfinite().all()
        assert model.fit((x.detach(), y.detach() + 1), opt="lm", steps=2, progress=False)["train_loss"][-1] < 1

    def test_a_line_with_noise_is_a_line_and_noise_is_nothing(self):
        generator = torch.Generator().manual_seed(0)
        x = 2 * torch.rand(400, 2, dtype=F64, generator=generator) - 1
        noise = 0.05 * torch.randn(400, 1, dtype=F64, generator=generator)
        model = KAN([2, 1], grid=3, seed=0, dtype=F64)
        model.fit((x, x[:, :1] + noise), opt="lm", steps=10, progress=False)
        model.auto_symbolic(x, x[:, :1] + noise)
        assert model.symbolic_edges == {(0, 0, 0): "x", (0, 1, 0): "0"}

    def test_equal_numbers_are_different_parameters(self):
        model = KAN([1, 1], seed=0, dtype=F64)
        model.fix_symbolic(0, 0, 0, "sin", numbers=[1.3, 0.0, 1.3, 0.0])
        x = 2 * torch.rand(300, 1, dtype=F64, generator=torch.Generator().manual_seed(0)) - 1
        x = 3 * x
        found = model.formula(x, 1.7 * torch.sin(1.1 * x))
        assert float(found.expressions[0].subs({found.symbols[0]: 2.0})) == pytest.approx(1.7 * math.sin(2.2), rel=1e-9)

    @pytest.mark.parametrize("names", [["sin", "pi"], ["k_0", "k_1"], ["lambda", "E"], ["S", "z"]])
    def test_names_of_inputs_collide_with_nothing(self, names):
        model = KAN([2, 1], seed=0, dtype=F64, input_names=names)
        model.fix_symbolic(0, 0, 0, "sin", numbers=[math.pi, 0.0, 1.0, 0.0])
        model.fix_symbolic(0, 1, 0, "sgn", numbers=[1.0, 0.1, 1.0, 0.0])
        x = 2 * torch.rand(100, 2, dtype=F64, generator=torch.Generator().manual_seed(0)) - 1
        assert model.formula(x).verify(model, x).relative < 1e-9
        with pytest.raises(ParameterError, match="2 different entries"):
            model.formula(names=["x", "x"])

    def test_a_spline_after_symbolic_edges(self):
        model = KAN([2, 1, 1], seed=0, dtype=F64)
        model.fix_symbolic(0, 0, 0, "sin", numbers=[1.0, 0, 0.3, 0]).fix_symbolic(
            0, 1, 0, "j0", numbers=[2.0, 0, 0.4, 0]
        )
        x = 2 * torch.rand(100, 2, dtype=F64, generator=torch.Generator().manual_seed(0)) - 1
        assert model.formula(x).verify(model, x).relative < 1e-9

    def test_large_constants_stay_in_their_exponentials(self):
        model = KAN([1, 1], seed=0, dtype=F64, input_names=["year"])
        model.fix_symbolic(0, 0, 0, "exp", numbers=[0.5, -1000.0, 1.0, 0.0])
        years = torch.linspace(1990, 2010, 50, dtype=F64)[:, None]
        assert model.formula().verify(model, years).relative < 1e-9
        model.fix_symbolic(0, 0, 0, "gaussian", numbers=[0.4, -40.0, 1.0, 0.0])
        assert model.formula().verify(model, torch.linspace(90, 110, 50, dtype=F64)[:, None]).relative < 1e-9

    def test_powers_of_sums_do_not_explode(self):
        model = KAN([4, 3, 1], seed=0, dtype=F64)
        for l, layer in enumerate(model.layers):
            for i, j in layer.mask.nonzero().tolist():
                model.fix_symbolic(l, i, j, "x^4", numbers=[1.0, 0.1, 0.5, 0.2])
        assert model.formula().complexity() < 300

    def test_a_frozen_model(self):
        model = KAN([1, 1], seed=0, dtype=F64).requires_grad_(False)
        x = torch.linspace(-1, 1, 50, dtype=F64)[:, None]
        model.auto_symbolic(x)
        assert not any(parameter.requires_grad for parameter in model.parameters())

    def test_classes_need_a_loss_for_classes(self):
        model, x = KAN([2, 2], seed=0, dtype=F64), torch.rand(20, 2, dtype=F64)
        y = torch.arange(20) % 2
        for call in (lambda: model.suggest_symbolic(0, 0, 0, x, y), lambda: model.auto_symbolic(x, y)):
            with pytest.raises(ParameterError, match="`loss` must be one for classes"):
                call()
        with pytest.raises(ParameterError, match="`y` must be numbers"):
            model.sparsify(x, y)
        assert model.suggest_symbolic(0, 0, 0, x, y, loss="cross_entropy", lib=["x"])[0].loss is not None

    def test_a_formula_does_not_change_with_its_model(self, model, data):
        formula = model.fix_symbolic(0, 0, 0, "sin").formula()
        before = formula(data["test_input"])
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.zero_()
        np.testing.assert_array_equal(formula(data["test_input"]), before)

    @pytest.mark.parametrize("kind", ["sin", "cos"])
    @pytest.mark.parametrize(
        "phase", [0.0, 1.0, 1.5707, 1.571, 2.0, 3.1415, 4.0, 4.7124, 6.3, -1.0, -1.5709, -2.5, 100.0]
    )
    @pytest.mark.parametrize("slope", [3.0, -3.0])
    def test_waves_keep_their_values_with_a_phase_within_a_quarter_turn(self, kind, phase, slope):
        f = formula(f"{kind}({slope}*x + {phase})")
        g = simplify(f)
        assert_close(g.evaluate(samples()), f.evaluate(samples()), rtol=1e-12, atol=1e-12)
        for wave in g.expressions[0].atoms(sympy.sin, sympy.cos):
            assert abs(wave.args[0].as_coeff_Add()[0]) <= math.pi / 2 + 1e-9

    def test_the_global_generator_is_not_touched(self, model, data):
        before = torch.get_rng_state()
        model.suggest_symbolic(0, 0, 0, data["train_input"])
        assert torch.equal(before, torch.get_rng_state())

    def test_a_function_that_has_no_meaning_on_tensors(self):
        with pytest.raises(ParameterError, match="zeta in zeta"):
            Library().add("zeta", torch.sin, "zeta(z)")


X = sympy.Symbol("x", real=True)
Y = sympy.Symbol("y", real=True)


def formula(text, symbols=(X, Y)):
    return Formula([sympy.sympify(text, locals={str(s): s for s in symbols})], symbols)


def samples(n=400, seed=0, lo=0.2, hi=1.9):
    return lo + (hi - lo) * torch.rand(n, 2, dtype=F64, generator=torch.Generator().manual_seed(seed))


class TestConstants:
    @pytest.mark.parametrize(
        ("rough", "truth"),
        [
            ("2.99*x + 0.001*y", "3*x"),
            ("0.9*sin(3.1*x + 0.02) + 0.01", "sin(pi*x)"),
            ("1.02*sin(2*x + 1.55)", "cos(2*x)"),
            ("0.9*sin(2*x + 3.1)", "-sin(2*x)"),
            ("0.52*exp(-0.48*x**2 + 0.01*y)", "exp(-x**2/2)/2"),
            ("0.38*exp(-0.52*x**2)", "exp(-x**2/2)/sqrt(2*pi)"),
            ("1.4*x*y + 0.3", "sqrt(2)*x*y + 1/3"),
            ("1.234567*x + 0.01", "1.234567*x"),
            ("1.0*sqrt(1.0*x**2 + 1.0*y**2)", "sqrt(x**2 + y**2)"),  # a factor that comes back out of the root
        ],
    )
    def test_become_exact_where_the_data_agree(self, rough, truth):
        x = samples()
        y = formula(truth).evaluate(x)
        found = exact(formula(rough), x, y)
        expected = sympy.sympify(truth, locals={"x": X, "y": Y})
        if expected.atoms(sympy.Float):
            assert float(found.expressions[0].subs({X: 1.3, Y: 0.7})) == pytest.approx(
                float(expected.subs({X: 1.3, Y: 0.7})), rel=1e-10
            )
            assert found.expressions[0].atoms(sympy.Float)
        else:
            assert sympy.simplify(found.expressions[0] - expected) == 0

    def test_noise_hides_digits_but_not_pi(self):
        x = samples(2000)
        noise = 0.01 * torch.randn(2000, 1, dtype=F64, generator=torch.Generator().manual_seed(3))
        y = formula("2*sin(pi*x) + y**2").evaluate(x) + noise
        found = exact(formula("1.9*sin(3.1*x + 0.01) + 1.1*y**2 + 0.05*y + 0.02"), x, y)
        assert sympy.simplify(found.expressions[0] - sympy.sympify("2*sin(pi*x) + y**2", locals={"x": X, "y": Y})) == 0

    def test_noise_makes_no_arbitrary_number_exact(self):
        """1.8 and 2 pi/5 are within two standard errors; to say them takes as long as the digits that the data hold."""
        x = samples(1000)
        noise = 0.03 * torch.randn(1000, 1, dtype=F64, generator=torch.Generator().manual_seed(5))
        y = formula("2.2*sin(1.797*x) + y**2/2 + 1.2574").evaluate(x) + noise
        found = exact(formula("2.1*sin(1.81*x) + 0.51*y**2 + 1.25"), x, y).expressions[0]
        assert found.coeff(Y**2) == sympy.Rational(1, 2)
        assert len(found.atoms(sympy.Float)) == 3
        clean = exact(formula("2.1*sin(1.81*x) + 0.51*y**2 + 1.25"), x, formula("2.2*sin(1.8*x) + y**2").evaluate(x))
        assert clean.expressions[0].has(sympy.sin(9 * X / 5))

    def test_a_number_that_is_none_of_the_exact_ones_stays(self):
        x = samples()
        found = exact(formula("3.14*x"), x, formula("3.15*x").evaluate(x))
        assert float(found.expressions[0].subs({X: 1.0})) == pytest.approx(3.15, rel=1e-12)
        assert not found.expressions[0].has(sympy.pi)

    def test_proposals_are_near_and_simple_ones_first(self):
        values = [value for _, _, value in proposals(3.1415)]
        assert sympy.pi in values
        assert all(abs(float(v) - 3.1415) < 0.07 for v in values)
        assert proposals(1e-9)[0][2] == 0
        assert proposals(-0.5)[0][2] == -sympy.Rational(1, 2)
        assert proposals(1.23456e7) == []

    def test_simplify_keeps_the_function(self):
        f = formula("2.5*exp(0.3*(1.5*x - 0.4)**2 + 1.2 - sin(-3*y + 7.0)) + 1.5*cos(2*x - 8.0)")
        g = simplify(f)
        assert_close(g.evaluate(samples()), f.evaluate(samples()), rtol=1e-12, atol=1e-12)
        assert all(abs(c) <= math.pi / 2 + 1e-9 for s in g.expressions[0].atoms(sympy.sin, sympy.cos)
                   for c in [float(s.args[0].as_coeff_Add()[0])])  # fmt: skip

    def test_a_time_limit_leaves_fitted_numbers(self):
        x = samples()
        y = formula("sqrt(2)*x*y + 1/3").evaluate(x)
        found = exact(formula("1.4*x*y + 0.3"), x, y, time_limit_sec=1e-9)
        assert len(found.expressions[0].atoms(sympy.Float)) == 2
        assert_close(found.evaluate(x), y, rtol=1e-12, atol=1e-12)
        with pytest.raises(ParameterError, match="`time_limit_sec` must be a number > 0 or None; got 0"):
            exact(formula("1.4*x"), x, y, time_limit_sec=0)

    def test_bad_labels(self):
        with pytest.raises(ShapeError, match=r"`y` must be \(400, 1\); got \(400, 2\)"):
            exact(formula("x"), samples(), samples())


class TestExports:
    TEXT = "exp(x**2)*sin(pi*y) + besselj(0, 3*x) + erf(y) + sqrt(x)/3 + Max(x - 1, 0) + Abs(y - 1)"

    def test_numpy(self):
        pytest.importorskip("scipy")
        namespace = {}
        exec(formula(self.TEXT).python(), namespace)
        x = samples()
        np.testing.assert_allclose(namespace["f"](x.numpy()), formula(self.TEXT)(x), rtol=1e-8)

    def test_a_constant_still_has_rows(self):
        namespace = {}
        exec(formula("pi").python(), namespace)
        assert namespace["f"](np.zeros((3, 2))).shape == (3, 1)
        assert formula("pi")(np.zeros((3, 2))).tolist() == [[math.pi]] * 3

    @pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
    def test_c(self, tmp_path):
        (tmp_path / "f.c").write_text(formula(self.TEXT).c())
        library = tmp_path / "f.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, tmp_path / "f.c", "-lm"], check=True)
        function = ctypes.CDLL(str(library)).f
        x = samples(5).numpy()
        for row, expected in zip(x, formula(self.TEXT)(x), strict=True):
            inputs, output = (ctypes.c_double * 2)(*row), (ctypes.c_double * 1)()
            function(inputs, output)
            assert output[0] == pytest.approx(expected[0], rel=1e-8)

    def test_latex(self):
        assert formula("sin(pi*x)/2").latex() == r"y_{1} = \frac{\sin{\left(\pi x \right)}}{2}"
        assert "0.3333 x" in formula("0.333333333*x").latex(digits=4)

    def test_complexity_counts_the_tree(self):
        assert formula("x + 1").complexity() == 3

    def test_derivatives(self):
        x = samples(5).requires_grad_()
        assert torch.autograd.gradcheck(formula("exp(x*y) + log(x)").evaluate, x)


class TestEvaluation:
    def test_outside_the_domain_the_error_says_where_and_why(self):
        rows = np.array([[1.0, 2.0], [-1.0, 2.0], [-2.0, 2.0]])
        with pytest.raises(
            DomainError, match=r"at 2 of 3 rows \(first at row 1: x = -1, y = 2\): log\(x\) has no value"
        ):
            formula("y + 3*log(x)")(rows)

    def test_nan_in_nan_out(self):
        assert np.isnan(formula("x + y")(np.array([[np.nan, 1.0]]))).all()

    def test_shape(self):
        with pytest.raises(ShapeError, match=r"`x` must be \(rows, 2\); got \(3,\)"):
            formula("x")(np.zeros(3))

    def test_verify_takes_lists_and_arrays(self, model, data):
        formula, x = formula_of(model), data["test_input"]
        expected = formula.verify(model, x)
        assert formula.verify(model, x.tolist()) == formula.verify(model, x.numpy()) == expected
        assert formula.verify(lambda rows: model(rows), x.numpy()) == expected
        assert formula.verify(lambda rows: model(rows)[:, 0], x) == expected
        assert formula.verify(copy.deepcopy(model).float(), x).largest < 1e-3
        with pytest.raises(ShapeError, match="must give 1 outputs, as the formula does; got 2"):
            formula.verify(lambda rows: rows, x)
        assert formula.verify(copy.deepcopy(model).float(), x.numpy()).largest < 1e-3

    def test_data_that_are_no_numbers(self, model):
        with pytest.raises(ParameterError, match=r"`x` must be numbers, shape \(rows, 2\)"):
            formula_of(model)("abc")

    def test_verify_finds_the_largest_gap(self):
        x = samples(50)
        found = formula("x + y").verify(lambda rows: rows.sum(1, keepdim=True) + (rows[:, :1] == x[7, 0]) * 0.5, x)
        assert found.row == 7
        assert found.largest == pytest.approx(0.5)
        assert formula("log(x - 1)").verify(lambda rows: rows[:, :1], x).largest == math.inf


def test_formula_of_uses_the_models_own_predictions_without_labels(trained, data):
    model = copy.deepcopy(trained)
    model.auto_symbolic(data["train_input"])
    assert formula_of(model, data["train_input"]).verify(model, data["test_input"]).relative < 1e-6
    assert FUNCTIONS["sin"].name in model.symbolic_edges.values()


def test_edges_that_have_a_function_keep_it():
    x = torch.rand(200, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    y = torch.sin(3 * x[:, :1]) + x[:, 1:] ** 2
    model = KAN([2, 1], seed=0, dtype=torch.float64)
    model.fit((x, y), opt="lm", steps=20)
    model.fix_symbolic(0, 0, 0, "tanh", x)
    model.auto_symbolic(x, y, lib=["sin", "x^2", "tanh"], max_loss=1.0)
    assert model.symbolic_edges[0, 0, 0] == "tanh"
    assert len(model.symbolic_edges) == 2


def test_a_candidate_that_another_edge_cannot_take_is_only_a_bad_one():
    """A line through a parabola goes below zero, where the logarithm behind it has no value."""
    model = KAN([1, 1, 1], seed=0, dtype=F64)
    model.fix_symbolic(0, 0, 0, "x^2", numbers=(1.0, 0.0, 1.0, 0.01))
    model.fix_symbolic(1, 0, 0, "log", numbers=(1.0, 0.0, 1.0, 0.0))
    x = torch.linspace(-1, 2, 60, dtype=F64)[:, None]
    labels = (x.abs() > 0.7).to(F64)
    found = suggest_symbolic(model, 0, 0, 0, x, labels, lib=["x", "x^2"], loss="bce")
    assert [one.name for one in found] == ["x^2", "x"]
    assert found[1].loss == math.inf


def test_numbers_stay_where_a_slope_is_infinite():
    """The root of `x - 1/4` at `x = 1/4` has no slope: nothing can be fitted, and nothing is lost."""
    x = torch.linspace(0.25, 2, 50, dtype=F64)[:, None]
    y = 2.5 * (x - 0.25).sqrt()
    found = exact(formula("5/2*sqrt(x - 0.25)", [sympy.Symbol("x", real=True)]), x, y)
    assert_close(found.evaluate(x), y)

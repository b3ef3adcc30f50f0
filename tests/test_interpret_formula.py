"""The formula object: rounding, substitution, scaling, cleaning, and as a module."""

import copy
import math
import pickle
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import sympy
import torch

from edgewise import KAN
from edgewise.errors import DomainError, ParameterError, ShapeError
from edgewise.interpret import Formula, auto_symbolic, sparsify
from edgewise.interpret.bend import bend
from edgewise.interpret.source import latex_name

x1, x2 = sympy.symbols("x1 x2", real=True)


def floating(value: float) -> sympy.Float:
    return sympy.Float(value, 17)


def example() -> Formula:
    return Formula([floating(1.23456) * sympy.sin(sympy.pi * x1 + floating(0.1)) + x2**2 / 3], [x1, x2])


def partly() -> tuple[KAN, Formula]:
    """A network with a named edge and splines, and its formula."""
    model = KAN([2, 2, 1], seed=0, dtype=torch.float64)
    model.fix_symbolic(0, 0, 0, "sin", numbers=(1.5, 0.2, 0.7, 0.1))
    return model, Formula.of(model)


def rows(n: int = 50) -> torch.Tensor:
    return torch.rand(n, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 2 - 1


class TestRound:
    def test_numbers_are_the_decimals_and_exact_ones_stay(self):
        rounded = example().round(3)
        assert {float(v) for v in rounded.expressions[0].atoms(sympy.Float)} == {1.23, 0.1}
        assert rounded.expressions[0].has(sympy.pi, sympy.Rational(1, 3))
        x = rows().numpy()
        expected = 1.23 * np.sin(np.pi * x[:, 0] + 0.1) + x[:, 1] ** 2 / 3
        np.testing.assert_allclose(rounded(x)[:, 0], expected, rtol=0, atol=1e-15)

    def test_the_old_formula_is_unchanged(self):
        formula = example()
        formula.round(1)
        assert str(formula) == str(example())

    def test_a_number_beyond_doubles_survives(self):
        big = Formula([sympy.Float("1.2345e400") * sympy.exp(-1000 * x1)], [x1]).round(2)
        assert sympy.Float("1.2e400", 17) in big.expressions[0].atoms(sympy.Float)

    @pytest.mark.parametrize("digits", [0, 1.5, True])
    def test_bad_digits(self, digits):
        with pytest.raises(ParameterError, match="`digits` must be an int >= 1"):
            example().round(digits)


class TestSubstitute:
    def test_all_at_once(self):
        swapped = example().substitute({"x1": x2, "x2": x1}, ["x1", "x2"])
        x = rows()
        torch.testing.assert_close(swapped.evaluate(x), example().evaluate(x.flip(1)))

    def test_scaling_folds_in(self):
        t = sympy.Symbol("t")
        scaled = example().substitute({"x1": (t - 2) / 5}).scale_outputs(10.0, 3.0)
        assert [str(s) for s in scaled.symbols] == ["t", "x2"]
        x = rows()
        z = torch.stack([(x[:, 0] - 2) / 5, x[:, 1]], dim=1)
        torch.testing.assert_close(scaled.evaluate(x), 10 * example().evaluate(z) + 3, rtol=1e-14, atol=1e-14)

    def test_symbols_become_real_and_meet_the_inputs(self):
        other = example().substitute({"x1": sympy.Symbol("x2") + 1})
        assert other.symbols == [x2]

    def test_splines_stay(self):
        _, formula = partly()
        x, t = rows(), sympy.Symbol("t")
        torch.testing.assert_close(
            formula.substitute({"x1": 2 * t}).evaluate(x), formula.evaluate(x * torch.tensor([2.0, 1.0]))
        )

    def test_errors(self):
        with pytest.raises(ParameterError, match="'x3', which is none of the inputs"):
            example().substitute({"x3": 1})
        with pytest.raises(ParameterError, match="must hold sympy expressions"):
            example().substitute({"x1": "sin("})
        with pytest.raises(ParameterError, match="must name every new input once"):
            example().substitute({"x1": sympy.Symbol("t")}, ["x2"])
        with pytest.raises(ShapeError, match="`scale` must be one number or 1"):
            example().scale_outputs([1.0, 2.0])
        with pytest.raises(ParameterError, match="`shift` must be finite"):
            example().scale_outputs(1.0, math.nan)


class TestModule:
    def test_says_what_the_formula_says(self):
        model, formula = partly()
        module, x = formula.to_module(), rows()
        torch.testing.assert_close(module(x), formula.evaluate(x), rtol=0, atol=1e-15)
        torch.testing.assert_close(module(x), model(x), rtol=0, atol=1e-14)

    @pytest.mark.filterwarnings("ignore:.*vmap")
    def test_gradients_of_inputs_and_numbers(self):
        module = example().to_module()
        x = rows(4).requires_grad_(True)
        numbers = module.numbers.detach().clone().requires_grad_(True)

        def values(x, numbers):
            return torch.func.functional_call(module, {"numbers": numbers}, (x,))

        assert torch.autograd.gradcheck(values, (x, numbers))

    def test_numbers_are_what_is_trained(self):
        module = example().to_module()
        assert module.numbers.dtype == torch.float64
        assert sorted(module.numbers.tolist()) == [0.1, 1.23456]
        x = rows()
        y = (2 * torch.sin(torch.pi * x[:, 0] + 0.5) + x[:, 1] ** 2 / 3)[:, None]
        optimizer = torch.optim.LBFGS(module.parameters(), line_search_fn="strong_wolfe", max_iter=50)

        def closure():
            optimizer.zero_grad()
            loss = (module(x) - y).square().mean()
            loss.backward()
            return loss

        optimizer.step(closure)
        assert sorted(module.numbers.tolist()) == pytest.approx([0.5, 2.0], abs=1e-5)
        assert Formula(module.expressions(), [x1, x2])(x) == pytest.approx(module(x).detach().numpy(), abs=1e-15)

    def test_splines_are_submodules_of_its_own(self):
        model, formula = partly()
        module = formula.to_module()
        before = formula.evaluate(rows())
        with torch.no_grad():
            for parameter in module.splines.parameters():
                parameter.add_(1.0)
        assert any(p.requires_grad for p in module.splines.parameters())
        torch.testing.assert_close(formula.evaluate(rows()), before, rtol=0, atol=0)
        torch.testing.assert_close(model(rows()), before, rtol=0, atol=1e-14)

    def test_copies_pickles_and_states(self):
        _, formula = partly()
        module, x = formula.to_module(), rows()
        for other in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
            torch.testing.assert_close(other(x), module(x), rtol=0, atol=0)
        other = copy.deepcopy(module)
        with torch.no_grad():
            other.numbers.mul_(2)
        other.load_state_dict(module.state_dict())
        torch.testing.assert_close(other(x), module(x), rtol=0, atol=0)

    @pytest.mark.slow
    def test_pickles_into_another_process(self, tmp_path):
        module = partly()[1].to_module()
        torch.save(module, tmp_path / "m.pt")
        load = f"m = torch.load({str(tmp_path / 'm.pt')!r}, weights_only=False)"
        code = f"import torch; {load}; print(m(torch.zeros(1, 2, dtype=torch.float64)).item())"
        said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        assert float(said) == module(torch.zeros(1, 2, dtype=torch.float64)).item()

    def test_without_numbers(self):
        module = Formula([x1**2], [x1]).to_module()
        assert module(torch.tensor([[3.0]], dtype=torch.float64)).item() == 9.0
        assert module.numbers.shape == (0,)

    def test_a_number_beyond_doubles_does_not_overflow(self):
        big = Formula([sympy.Float("1e400") * sympy.exp(-1000 * x1)], [x1])
        x = torch.tensor([[0.9]], dtype=torch.float64)
        assert big.to_module()(x).item() == pytest.approx(math.exp(400 * math.log(10) - 900), rel=1e-10)

    def test_shape_and_dtype(self):
        with pytest.raises(ShapeError, match=r"must be \(rows, 2\)"):
            example().to_module()(rows()[:, :1])
        with pytest.raises(ShapeError, match=r"torch\.float32"):
            example().to_module()(rows().float())


class TestClean:
    box = np.array([[-1.0, -1.0], [1.0, 1.0]])

    def cleaned(self, expression) -> sympy.Expr:
        return Formula([expression], [x1, x2]).clean(self.box).expressions[0]

    @pytest.mark.parametrize(
        ("dusty", "clean"),
        [
            (x1**2 + floating(1e-17) * x2, x1**2),
            (x1 * floating(0.9999999999999998), x1),
            (x1 + sympy.sin(x2 * floating(3.0000000000000004) + floating(1e-16)), x1 + sympy.sin(3 * x2)),
            (sympy.exp(x1**2 + floating(1e-17) * x2**5), sympy.exp(x1**2)),
            ((x1 + floating(1e-17)) ** 3, x1**3),
            (floating(-2.0000000000000004) * x1 * x2, -2 * x1 * x2),
        ],
    )
    def test_dust_goes(self, dusty, clean):
        assert self.cleaned(dusty) == clean

    @pytest.mark.parametrize(
        "matters",
        [
            1 / (x1 + floating(1e-17)),
            sympy.log(x1**2 + floating(1e-17)),
            sympy.sqrt(x1**2 + floating(1e-17)),
            floating(1e-17) * x2,  # small, but all there is
            x1 + floating(1e-12) * x2,
            sympy.exp(20 * x1 + floating(1e-12) * x2),
            floating(1e9) * sympy.sin(floating(1e3) * (x1 * floating(1.0000000000001) + floating(1e-13))),
            sympy.Abs(sympy.tan(x1 + floating(1e-17))),
        ],
    )
    def test_what_matters_stays(self, matters):
        assert self.cleaned(matters) == matters

    def test_the_changes_together_are_below_the_bound(self):
        terms = [floating(3e-15 * (n + 1)) * sympy.sin(n * x1) for n in range(1, 12)]
        dusty = Formula([sympy.cos(x2) + sympy.Add(*terms)], [x1, x2])
        gap = (dusty.evaluate(rows(500)) - dusty.clean(self.box).evaluate(rows(500))).abs().max()
        assert 0 < len(dusty.clean(self.box).expressions[0].args) < len(dusty.expressions[0].args)
        assert gap <= 64 * 2**-52

    def test_a_fitted_law_is_printed_without_dust(self):
        model = KAN([2, 1, 1], seed=0, dtype=torch.float64)
        for edge, name, numbers in [
            ((0, 0, 0), "sin", (math.pi, 4.7e-16, 1.0000000000000038, 0.0)),
            ((0, 1, 0), "x^2", (1.0, -4.4e-16, 1.0, 0.0)),
            ((1, 0, 0), "exp", (1.0, 0.0, 0.9999999999999947, 7e-15)),
        ]:
            model.fix_symbolic(*edge, name, numbers=numbers)
        assert str(model.formula()) == "y = exp(x2**2 + sin(3.142*x1))"


class TestReading:
    def test_frames_by_name(self):
        formula, x = example(), rows()
        frame = pd.DataFrame(x.numpy(), columns=["x1", "x2"])
        expected = formula(x)
        np.testing.assert_array_equal(formula(frame[["x2", "x1"]].assign(more="text")[["more", "x2", "x1"]]), expected)
        np.testing.assert_array_equal(formula(frame.set_axis(["a", "b"], axis=1)), expected)
        with pytest.raises(ShapeError, match="'x2' is not there once"):
            formula(frame[["x1"]])

    def test_odd_names_stand_in_brackets(self):
        city, odd = sympy.Symbol("city=Rome", real=True), sympy.Symbol("a\\b %", real=True)
        formula = Formula([floating(2.5) * city + odd**2], [city, odd])
        assert str(formula) == "y1 = [a\\b %]**2 + 2.5*[city=Rome]"
        assert r"\text{city=Rome}" in formula.latex()
        assert r"\text{a\textbackslash{}b \%}" in formula.latex()
        with pytest.raises(DomainError, match=r"log\(\[city=Rome\]\) has no value"):
            Formula([sympy.log(city)], [city])([[-1.0]])

    def test_names_for_latex(self):
        assert (latex_name("x1"), latex_name("alpha"), latex_name("mass")) == ("x_{1}", r"\alpha", r"\text{mass}")
        assert latex_name("sound_pressure") == r"\text{sound\_pressure}"

    def test_bend_is_explained_and_written_out_for_programs(self):
        formula = Formula([bend(2 * x1)], [x1])
        assert str(formula) == "y1 = bend(2*x1)\nwhere bend(z) = z/sqrt(1 + (z/3)**2)"
        x = np.linspace(-5, 5, 11)[:, None]
        expected = 2 * x / np.sqrt(1 + (2 * x / 3) ** 2)
        space: dict = {}
        exec(formula.python(), space)
        np.testing.assert_allclose(space["f"](x), expected, rtol=1e-15)
        np.testing.assert_allclose(formula(x), expected, rtol=1e-15)
        assert "bend" not in formula.c()
        assert float(sympy.diff(bend(x1), x1).subs(x1, 2) - sympy.diff(bend(x1).plain(), x1).subs(x1, 2)) == (
            pytest.approx(0, abs=1e-15)
        )

    def test_only_splines_that_are_used_block_source(self):
        _, formula = partly()
        with pytest.raises(ParameterError, match="are still splines"):
            formula.python()
        assert "x_0" in formula.with_expressions([x1]).python()


def test_a_network_takes_the_columns_of_a_frame_by_name():
    x = rows(60)
    y = torch.sin(3 * x[:, :1]) + x[:, 1:] ** 2
    frame = pd.DataFrame(x.numpy(), columns=["b", "a"])

    def trained(table: pd.DataFrame) -> KAN:
        model = KAN([2, 1], seed=0, dtype=torch.float64, input_names=["b", "a"])
        model.fit(table, y.numpy(), steps=5, progress=False)
        return model

    model = trained(frame)
    torch.testing.assert_close(trained(frame[["a", "b"]])(x), model(x), rtol=0, atol=0)
    formula = model.formula(frame)
    assert str(model.formula(frame[["a", "b"]])) == str(formula)
    np.testing.assert_array_equal(formula(frame[["a", "b"]]), formula(frame))


class TestTimeLimits:
    def data(self):
        x = rows(200)
        return x, (torch.sin(3 * x[:, :1]) + x[:, 1:] ** 2)

    def test_no_time_names_nothing(self):
        x, y = self.data()
        model = KAN([2, 1], seed=0, dtype=torch.float64)
        model.fit((x, y), opt="lm", steps=10, progress=False)
        assert auto_symbolic(model, x, y, time_limit_sec=1e-9).symbolic_edges == {}
        assert len(auto_symbolic(model, x, y, lib=["x^2", "sin"], time_limit_sec=600).symbolic_edges) == 2

    def test_no_time_takes_nothing_away(self):
        x, y = self.data()
        model = KAN([2, 3, 1], seed=0, dtype=torch.float64)
        assert sparsify(model, x, y, steps=5, time_limit_sec=1e-9).model.width == [2, 3, 1]
        assert sparsify(model, x, y, steps=5, lambs=(), time_limit_sec=600).model.n_edges < 9

    @pytest.mark.parametrize("limit", [0, -1.0, math.nan])
    def test_bad_limits(self, limit):
        x, y = self.data()
        model = KAN([2, 1], seed=0, dtype=torch.float64)
        with pytest.raises(ParameterError, match="`time_limit_sec` must be a number > 0"):
            auto_symbolic(model, x, y, time_limit_sec=limit)
        with pytest.raises(ParameterError, match="`time_limit_sec` must be a number > 0"):
            sparsify(model, x, y, time_limit_sec=limit)


class TestScore:
    def test_share_of_the_variance(self):
        x1 = sympy.Symbol("x1", real=True)
        formula = Formula([2 * x1], [x1])
        x = torch.linspace(0, 1, 11, dtype=torch.float64)[:, None]
        assert formula.score(x, 2 * x[:, 0]) == 1.0
        assert formula.score(x, 2 * x + 1) == pytest.approx(1 - 11 / float((2 * x - 1).square().sum()))
        with pytest.raises(ShapeError, match=re.escape("must be (11, 1)")):
            formula.score(x, x[:5])

    def test_values_are_no_model(self):
        x1 = sympy.Symbol("x1", real=True)
        with pytest.raises(ParameterError, match=re.escape("formula.score(x, y)")):
            Formula([x1], [x1]).verify(np.zeros(3), np.zeros((3, 1)))


class TestLabelsOfAnotherLoss:
    def test_classes_are_refused(self):
        model = KAN([2, 2], seed=0, dtype=torch.float64)
        with pytest.raises(ParameterError, match="For a classifier leave it out"):
            model.formula(torch.rand(20, 2, dtype=torch.float64), torch.zeros(20, dtype=torch.long))

    @pytest.mark.filterwarnings("ignore:`torch.jit")  # of torch's forward mode
    def test_labels_that_the_model_does_not_predict_are_pointed_out(self):
        model = KAN([1, 1], seed=0, dtype=torch.float64)
        model.fix_symbolic(0, 0, 0, "x", numbers=(1.0, 0.0, 6.0, 0.0))
        x = torch.linspace(-1, 1, 40, dtype=torch.float64)[:, None]
        with pytest.warns(UserWarning, match="leave `y` out"):
            model.formula(x, (x > 0).double())

"""The search: one-variable formulas, scaling laws, the table, units, time limit, resuming, messages."""

import json
import math
import re
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import sympy
import torch

from edgewise.errors import DomainError, FormatError, ParameterError, ShapeError
from edgewise.interpret import Formula, Library, symbolic_search
from edgewise.interpret.evaluation import evaluate
from edgewise.interpret.expression_json import from_tree, to_tree
from edgewise.interpret.factors import divided
from edgewise.interpret.noise import is_noise
from edgewise.interpret.pareto import Candidate, Front
from edgewise.interpret.polynomial import polynomials
from edgewise.interpret.quotient import quotients
from edgewise.interpret.scaling import ScalingLaw, formulas_of, guessed_laws, power_law, scaling_laws
from edgewise.interpret.search_problem import read_data
from edgewise.interpret.univariate import EXACT, Z, fit_univariate
from edgewise.interpret.varying import varying_laws
from edgewise.layers.functions import bessel_j0

F64 = torch.float64
LOCALS = {name: sympy.Symbol(name, real=True) for name in ("x1", "x2")}
A, B, C = (sympy.Symbol(name, real=True) for name in "abc")


def rows(count=300, inputs=2, lo=1.0, hi=3.0, seed=0):
    return lo + (hi - lo) * torch.rand(count, inputs, dtype=F64, generator=torch.Generator().manual_seed(seed))


def same(found, truth, symbols, lo=1.0, hi=3.0):
    """Whether two expressions agree where their inputs lie in a range."""
    x = rows(200, len(symbols), lo, hi, seed=9)
    values = dict(zip(symbols, x.unbind(1), strict=True))
    one, two = (evaluate(sympy.sympify(e), values, {}).expand(200) for e in (found, truth))
    return bool(((one - two).abs() <= 1e-9 * two.abs().amax()).all())


class TestOneVariable:
    Z_ROWS = torch.linspace(0.3, 2.5, 200, dtype=F64)

    @pytest.mark.parametrize(
        "truth",
        [
            1 / (sympy.exp(Z) - 1),  # a reciprocal of an exponential
            -3 * sympy.sqrt(9 - Z**2),  # negative values under a root
            sympy.log(Z),
            1 / sympy.cosh(Z),
            1e-9 * (1 + 2 * Z),  # of any unit
        ],
    )
    def test_exact(self, truth):
        values = evaluate(truth, {Z: self.Z_ROWS}, {})
        best = fit_univariate([(self.Z_ROWS, values)], Library())[0]
        assert best.missing < EXACT
        assert same(best.expression, truth, [Z], 0.3, 2.5)

    def test_the_way_that_has_a_formula_is_chosen(self):
        noise = torch.rand(200, dtype=F64, generator=torch.Generator().manual_seed(0))
        problems = [(self.Z_ROWS, noise), (self.Z_ROWS, self.Z_ROWS.exp())]
        best = fit_univariate(problems, Library(["exp", "x"]))[0]
        assert best.way == 1

    def test_what_is_not_finite_is_passed_over(self):
        assert fit_univariate([(self.Z_ROWS, self.Z_ROWS / 0.0)], Library(["x"])) == []


class TestScaling:
    def test_a_power_law_by_least_squares(self):
        x = rows() * torch.tensor([-1.0, 1.0], dtype=F64)
        powers, constant, residual = power_law(x, -5 * x[:, 0] ** 2 / x[:, 1] ** 0.5)
        assert powers.tolist() == pytest.approx([2.0, -0.5])
        assert math.exp(constant) == pytest.approx(5.0)
        assert residual < 1e-12

    def test_the_ratio_is_found_and_divided_out(self):
        x = rows(400, 3) * torch.tensor([1.0, 1.0, 4.0], dtype=F64)
        y = x[:, 0] / (1 - (x[:, 1] / x[:, 2]) ** 2).sqrt()
        laws = scaling_laws(x, y, seed=0)
        assert all(law.prefactor[0] == 1 and law.group[0] == 0 for law in laws)
        assert all(law.group[1] == -law.group[2] != 0 for law in laws)
        assert any(law.prefactor == (1, 0, 0) for law in laws)

    def test_a_wave_of_many_periods_is_guessed(self):
        x = rows(400, 3, 1.0, 5.0)
        y = x[:, 0] * (1 - torch.cos(x[:, 1] * x[:, 2] * 2))
        laws = guessed_laws(x, y)
        assert ScalingLaw(tuple(map(Fraction, (1, 0, 0))), tuple(map(Fraction, (0, 1, 1)))) in laws
        assert {law.group for law in laws} == {tuple(map(Fraction, (0, 1, 1)))}
        assert guessed_laws(x, torch.rand(400, dtype=F64, generator=torch.Generator().manual_seed(0))) == []
        assert guessed_laws(rows(400, 6), y) == []  # too many combinations

    def test_no_law_where_there_is_none(self):
        x = rows(400, 3)
        assert scaling_laws(x, torch.sin(3 * x[:, 0]) + torch.cos(2 * x[:, 1] * x[:, 2]) + x[:, 1], seed=0) == []

    def test_formulas_in_the_symbols(self):
        x = rows(300, 3)
        law = ScalingLaw((Fraction(1), Fraction(0), Fraction(0)), (Fraction(0), Fraction(1), Fraction(-1)))
        y = x[:, 0] * (x[:, 1] / x[:, 2]).exp()
        (best,) = formulas_of([law], x, y, [A, B, C], Library())
        assert same(best, A * sympy.exp(B / C), [A, B, C])


class TestTree:
    @pytest.mark.parametrize(
        "expression",
        [A, sympy.Float(0.1, 17), sympy.pi * A, sympy.sqrt(A) / 3, sympy.exp(-(A**2)) + sympy.E, sympy.besselj(0, A),
         sympy.Max(A, 0), sympy.Abs(A) ** sympy.Float(1.5, 17)],
    )  # fmt: skip
    def test_there_and_back(self, expression):
        tree = json.loads(json.dumps(to_tree(expression)))
        assert from_tree(tree, ["a"]) == expression

    @pytest.mark.parametrize(
        "tree",
        [
            ["__import__", "os"],
            ["eval", "x"],
            {"a": 1},
            ["Rational", 1, 0],
            ["Constant", "I"],
            [],
            3,
            ["sin"],
            "unknown",
            ["Constant", []],
            ["bend", "x"],
            ["Pow", "x"],
            ["Pow", ["Rational", 10, 1], ["Rational", 10**9, 1]],
            ["gamma", ["Rational", 10**9, 1]],
            ["Rational", 10**20, 1],
        ],
    )
    def test_nothing_else_is_read(self, tree):
        with pytest.raises(FormatError, match="an expression's tree"):
            from_tree(tree, ["x"])


class TestPolynomials:
    SYMBOLS = (A, B, C)

    @pytest.mark.parametrize(
        "truth",
        [
            3 * A**2 * B - A * C / 2 + 7,
            sympy.sqrt((A - B) ** 2 + C**2 + 1),
            1 / (2 + A * B + C**2),
            A**2 / B**1.5 * (1 + C),  # a factor, with a root
            sympy.exp(-A * B + C / 3),
            -1e-9 * (A + 2 * B) ** 2,  # of any unit and sign
            sympy.log(1 + A * B + C**2),
            A * B - C**2 + 1e6,  # an offset
        ],
    )
    def test_exact(self, truth):
        x = rows(300, 3)
        values = evaluate(truth, dict(zip(self.SYMBOLS, x.unbind(1), strict=True)), {})
        (found,) = polynomials(x, values, self.SYMBOLS)
        assert same(found, truth, self.SYMBOLS)

    def test_the_shortest_of_those_that_are_exact(self):
        x = rows(300, 3)
        (found,) = polynomials(x, x.sum(1) ** 2, self.SYMBOLS)
        assert found.is_Pow or found.as_coeff_Mul()[1].is_Pow

    @pytest.mark.parametrize("noise", [0.0, 0.01])
    def test_columns_whose_powers_repeat(self, noise):
        x = rows(400, 3)
        x[:, 0], x[:, 1] = (x[:, 0] > 2).double(), x[:, 1].round()  # 0 or 1; 1, 2 or 3
        y = 2 * x[:, 0] + 3 * x[:, 1] * x[:, 2]
        y = y + noise * torch.randn(400, dtype=F64, generator=torch.Generator().manual_seed(0))
        found = sympy.Poly(polynomials(x, y, self.SYMBOLS)[0], *self.SYMBOLS).as_dict()
        assert set(found) == {(1, 0, 0), (0, 1, 1)}

    def test_more_inputs_than_rows(self):
        x = rows(15, 30)
        symbols = [sympy.Symbol(f"x{n}", real=True) for n in range(30)]
        assert polynomials(x, torch.sin(3 * x[:, 0]) + x[:, 1] * x[:, 2], symbols) == []

    def test_terms_that_noise_does_not_need_are_left_out(self):
        x = rows(400, 3)
        values = 2 * x[:, 0] * x[:, 1] - x[:, 2] ** 2
        values = values + 0.01 * torch.randn(400, dtype=F64, generator=torch.Generator().manual_seed(0))
        found = sympy.Poly(polynomials(x, values, self.SYMBOLS)[0], *self.SYMBOLS).as_dict()
        assert set(found) == {(1, 1, 0), (0, 0, 2)}
        assert float(found[1, 1, 0]) == pytest.approx(2, abs=0.01)

    def test_nothing_is_proposed_for_noise(self):
        values = torch.rand(300, dtype=F64, generator=torch.Generator().manual_seed(0))
        assert polynomials(rows(300, 3), values, self.SYMBOLS) == []
        assert quotients(rows(300, 3), values, self.SYMBOLS) == []

    @pytest.mark.parametrize(
        "truth",
        [
            (A + B) / (1 + A * B / C**2),
            (A * B + C) / (A - 4 * C),
            sympy.sqrt((A + B) / (1 + C)),
            A**2 / (B * C) ** 1.5 * (1 + C),
            sympy.sqrt((A - 2) / (B * (A - 2) + (A - 2) * C)),  # numerator and denominator change their sign
            -A * C**2 / (B + 1e-3 * C),
        ],
    )
    def test_quotients(self, truth):
        x = rows(400, 3)
        values = evaluate(truth, dict(zip(self.SYMBOLS, x.unbind(1), strict=True)), {})
        (found,) = quotients(x, values, self.SYMBOLS)
        assert same(found, truth, self.SYMBOLS)

    def test_likely_factors_are_divided_out(self):
        x = rows(300, 3)
        every = list(divided(x, x[:, 0] * (1 + x[:, 1] - x[:, 2]), self.SYMBOLS))
        assert [one.factor for one in every[:1]] == [1]
        assert A in {one.factor for one in every}
        for one in every:
            torch.testing.assert_close(one.y * one.scale, x[:, 0] * (1 + x[:, 1] - x[:, 2]))
            assert one.x.shape[1] == len(one.symbols) == 3 - len(one.factor.free_symbols)

    def test_an_input_that_is_zero_somewhere_is_no_factor(self):
        x = rows(300, 2)
        x[0, 0] = 0.0
        every = [one.factor for one in divided(x, x[:, 0] * x[:, 1], self.SYMBOLS[:2])]
        assert every == [1, B]


def candidate(complexity, loss, name="a"):
    return Candidate(Formula([sympy.Symbol(name)], [sympy.Symbol(name)]), complexity, loss, loss, name)


class TestFront:
    def test_only_what_is_better_than_all_simpler_ones(self):
        random = np.random.default_rng(0)
        points = [(int(c), float(v)) for c, v in zip(random.integers(1, 30, 80), random.random(80), strict=True)]
        front = Front(0.0, 1.0)
        for complexity, loss in points:
            front.add(candidate(complexity, loss))
        kept = {(one.complexity, one.val_loss) for one in front.candidates}
        beaten = {p for p in points for q in points if q != p and q[0] <= p[0] and q[1] <= p[1]}
        assert kept == set(points) - beaten

    def test_losses_below_the_floor_are_equal(self):
        front = Front(1e-20, 1.0)
        assert front.add(candidate(7, 1e-30))
        assert not front.add(candidate(8, 1e-31))
        assert front.add(candidate(6, 1e-25))
        assert len(front.candidates) == 1

    def test_a_loss_that_is_not_finite_is_refused(self):
        assert not Front(0.0, 1.0).add(candidate(1, math.nan))

    def test_the_knee_gains_most_among_the_good(self):
        front = Front(1e-20, 1.0)
        for complexity, loss in [(1, 1.0), (3, 1e-2), (5, 1e-12), (20, 0.9e-12)]:
            front.add(candidate(complexity, loss))
        assert front.candidates[front.knee].complexity == 5
        assert front.frame()["knee"].tolist() == ["", "", "*", ""]
        assert front.scores()[1] == pytest.approx(math.log(100) / 2)

    def test_the_first_gains_over_no_formula(self):
        front = Front(1e-20, 1.0)
        for complexity, loss in [(3, 1e-4), (17, 0.9e-4)]:
            front.add(candidate(complexity, loss))
        assert front.scores()[0] == pytest.approx(math.log(1e4) / 3)
        assert front.knee == 0


def test_a_product_of_inputs_of_both_signs():
    x = rows(200, 2, -1.0, 1.0)
    found = symbolic_search(x, x[:, 0] * x[:, 1], progress=False)
    assert str(found.formula) == "y = x1*x2"
    assert "exact" in found.stopped_because


def test_relativistic_mass_from_a_frame():
    x = rows(400, 3) * torch.tensor([1.0, 1.0, 4.0], dtype=F64)
    frame = pd.DataFrame(x.numpy(), columns=["m0", "v", "c"])
    y = frame.m0 / np.sqrt(1 - (frame.v / frame.c) ** 2)
    found = symbolic_search(frame, y, output_name="m", progress=False)
    assert str(found.formula) == "m = c*m0/sqrt(c**2 - v**2)"
    assert found.formula.verify(lambda x: x[:, :1] / (1 - (x[:, 1:2] / x[:, 2:]) ** 2).sqrt(), x).relative < 1e-12
    assert list(found.table.columns[:3]) == ["complexity", "train_loss", "val_loss"]
    assert found.table["val_loss"].is_monotonic_decreasing
    assert str(found.formulas[-1]) == str(found.formula)


def test_noise_leaves_the_constants_exact():
    x = rows(200) * torch.tensor([1.0, -1.0], dtype=F64)  # negative: no scaling law is looked for
    noise = torch.randn(200, dtype=F64, generator=torch.Generator().manual_seed(1))
    y = x[:, 0] ** 2 / x[:, 1] + 0.01 * noise
    found = symbolic_search(x, y, shapes=[[2, 1]], seeds=1, lib=["x"], progress=False)
    assert "y = x1**2/x2" in [str(formula) for formula in found.formulas]


class TestOneInputInFunctions:
    SYMBOLS = (A, B, C)

    def values(self, truth, x):
        return evaluate(truth, dict(zip(self.SYMBOLS, x.unbind(1), strict=True)), {})

    @pytest.mark.parametrize(
        "truth",
        [
            pytest.param(B + sympy.exp(A) - C * sympy.cosh(A), marks=pytest.mark.slow),  # a mobility edge
            C * (B + 2 * sympy.sin(3 * A)),  # under a factor
            pytest.param(B * C * sympy.log(A) - 4, marks=pytest.mark.slow),
        ],
    )
    def test_terms_numbers_and_functions(self, truth):
        x = rows(700, 3)
        found = next(varying_laws(x, self.values(truth, x), self.SYMBOLS, Library()))
        fresh = rows(200, 3, seed=5)
        expected = self.values(truth, fresh)
        assert (self.values(found, fresh) - expected).abs().max() < 1e-3 * expected.std()
        whole = symbolic_search(x, self.values(truth, x), names=["a", "b", "c"], progress=False)
        assert same(whole.formula.expressions[0], truth, self.SYMBOLS)

    def test_the_right_terms_with_noise(self):
        x = rows(700, 3)
        y = self.values(B - C * sympy.cosh(A), x)
        y = y + 0.01 * torch.randn(700, dtype=F64, generator=torch.Generator().manual_seed(1))
        found = sympy.expand(next(varying_laws(x, y, self.SYMBOLS, Library(["cosh", "x"]))))
        assert float(found.coeff(B)) == pytest.approx(1, abs=0.01)
        assert found.coeff(B).is_number
        assert found.coeff(C).free_symbols == {A}

    def test_none_where_no_input_is_the_one(self):
        x = rows(700, 3)
        noise = torch.rand(700, dtype=F64, generator=torch.Generator().manual_seed(1))
        assert list(varying_laws(x, noise, self.SYMBOLS, Library())) == []
        assert list(varying_laws(x[:20], noise[:20], self.SYMBOLS, Library())) == []  # too few rows
        assert list(varying_laws(x, torch.sin(9 * x.prod(1)), self.SYMBOLS, Library())) == []


class TestNoise:
    NOISE = 1e-3 * torch.randn(900, dtype=F64, generator=torch.Generator().manual_seed(2))

    def verdict(self, inputs, residuals, variance=1.0, law=lambda x: x.sum(1)):
        x = rows(900, inputs)
        left = residuals(x)
        values = law(x)
        return is_noise((x[:700], left[:700]), (x[700:], left[700:]), (values[:700], values[700:]), variance, 0)

    @pytest.mark.parametrize("inputs", [1, 3])
    def test_noise_is_noise(self, inputs):
        assert self.verdict(inputs, lambda x: self.NOISE)
        assert self.verdict(inputs, lambda x: self.NOISE, law=lambda x: 0 * x[:, 0])  # of a constant

    @pytest.mark.parametrize(
        ("inputs", "law"),
        [
            (1, lambda x: 5e-4 * torch.sin(3 * x[:, 0])),
            (3, lambda x: 5e-4 * torch.sin(3 * x).sum(1)),
            (1, lambda x: 1e-3 * torch.sin(200 * x[:, 0])),  # 64 periods: only neighbours tell
            (2, lambda x: 1e-3 * torch.sin(20 * x.sum(1))),  # along what the formula found
            (2, lambda x: 1e-3 * torch.sin(6 * x[:, 0] * x[:, 1])),
        ],
    )
    def test_a_law_below_the_noise_is_seen(self, inputs, law):
        assert not self.verdict(inputs, lambda x: self.NOISE / 2 + law(x))

    def test_no_claim_where_most_is_left_or_nothing(self):
        assert not self.verdict(2, lambda x: self.NOISE, variance=5e-6)
        assert not self.verdict(2, lambda x: 0 * self.NOISE)


def test_a_search_ends_when_only_noise_is_left():
    x = rows(400, 2)
    y = x[:, 0] * torch.exp(-x[:, 1])
    y = y + 0.01 * torch.randn(400, dtype=F64, generator=torch.Generator().manual_seed(1))
    found = symbolic_search(x, y, seed=0)
    assert found.stopped_because.startswith("Only noise seems")
    assert sympy.simplify(found.formula.expressions[0] - sympy.sympify("x1*exp(-x2)", locals=LOCALS)) == 0


def test_a_wave_of_many_periods_inside_a_function():
    x = rows(700, 2, -1.0, 1.0)
    y = torch.exp(bessel_j0(20 * x[:, 0]) + x[:, 1] ** 2)
    found = symbolic_search(x, y, shapes=[[2, 1], [2, 1, 1]], seeds=2, lib=["j0", "x^2", "exp", "x"], progress=False)
    truth = sympy.exp(sympy.besselj(0, 20 * LOCALS["x1"]) + LOCALS["x2"] ** 2)
    assert sympy.simplify(found.formula.expressions[0] - truth) == 0


def test_numbers_come_from_all_rows_though_few_say_what_is_exact(monkeypatch):
    monkeypatch.setattr("edgewise.interpret.search_problem._EXACT_ROWS", 50)
    x = rows(400, 2)
    y = 1.2345 * x[:, 0] * x[:, 1] + 0.01 * torch.randn(400, dtype=F64, generator=torch.Generator().manual_seed(3))
    found = symbolic_search(x, y, val_split=0.5, progress=False)
    order = torch.randperm(400, generator=torch.Generator().manual_seed(0))[200:]
    product = x[order].prod(1)
    best = float((product @ y[order]) / (product @ product))
    (number,) = found.formula.expressions[0].atoms(sympy.Float)
    assert float(number) == pytest.approx(best, rel=1e-9)


@pytest.mark.filterwarnings("error")
def test_inputs_of_any_size_reach_the_networks():
    x = rows(300, 2, -1.0, 1.0) * torch.tensor([1e8, 1e-5], dtype=F64)
    y = torch.sin(2e-8 * x[:, 0]) + torch.exp(1e5 * x[:, 1])
    found = symbolic_search(x, y, shapes=[[2, 1]], seeds=1, lib=["sin", "exp", "x"], progress=False)
    assert "exact" in found.stopped_because


def test_an_offset_and_a_constant_column_do_not_matter():
    x = rows(200, 3, -1.0, 1.0)
    x[:, 2] = 9.81
    y = x[:, 0] + x[:, 1] ** 2 + 101325.0
    found = symbolic_search(x, y, shapes=[[3, 1]], seeds=1, lib=["x", "x^2"], progress=False)
    assert str(found.formula) == "y = x1 + x2**2 + 1.013e+5"
    assert str(symbolic_search(x, 2 * x[:, 0] ** 2, shapes=[[3, 1]], progress=False).formula) == "y = 2*x1**2"


def test_single_precision_counts_as_exact():
    x = rows(200).float()
    found = symbolic_search(x, x[:, 0] ** 2 / x[:, 1], progress=False)
    assert str(found.formula) == "y = x1**2/x2"
    assert "exact" in found.stopped_because


def test_the_global_generator_is_left_alone():
    before = torch.get_rng_state()
    x = rows(60)
    symbolic_search(x, x[:, 0] + x[:, 1] ** 2, shapes=[[2, 1]], seeds=1, lib=["x", "x^2"], progress=False)
    assert torch.equal(before, torch.get_rng_state())


def test_a_step_that_fails_does_not_end_the_search(monkeypatch):
    def broken(problem):
        raise DomainError("no")

    monkeypatch.setattr("edgewise.interpret.search_steps._power_laws", broken)
    x = rows(60, 2, -1.0, 1.0)
    with pytest.warns(UserWarning, match="power law gave no formula: no"):
        found = symbolic_search(x, x[:, 0] + x[:, 1], shapes=[[2, 1]], seeds=1, lib=["x"], progress=False)
    assert "exact" in found.stopped_because


def test_classes_are_no_numbers():
    x = rows(60)
    labels = (x[:, 0] > 2).long()
    with pytest.warns(UserWarning, match="If they are classes, use KANClassifier"):
        read_data(x, labels, None)
    read_data(x, labels.double(), None)  # numbers, and no warning


class TestUnits:
    def test_only_groups_are_searched(self):
        x = rows(300, 3)
        y = 0.5 * x[:, 0] * x[:, 1] ** 2 + x[:, 0] * 9.81 * x[:, 2] * 0  # kinetic energy; the height does not matter
        found = symbolic_search(
            x, y, names=["m", "v", "h"], units=["kg", "m/s", "m"], output_unit="J", output_name="E", progress=False
        )
        assert str(found.formula) == "E = m*v**2/2"

    def test_a_law_that_is_simple_in_another_form(self):
        """`g t F(tau/t)` is the simplest form, and `g tau F(t/tau)` the one of the law."""
        x = rows(inputs=3)
        g, tau, t = x.unbind(1)
        result = symbolic_search(
            x, g * tau * (1 - torch.exp(-t / tau)), names=["g", "tau", "t"], units=["m/s^2", "s", "s"],
            output_unit="m/s", progress=False,
        )  # fmt: skip
        symbols = result.formula.symbols
        assert same(
            result.formula.expressions[0], symbols[0] * symbols[1] * (1 - sympy.exp(-symbols[2] / symbols[1])), symbols
        )
        assert result.table["found_by"].iloc[-1] == "one variable, form 2"

    def test_forms_beyond_the_range_of_numbers_are_passed_over(self):
        sizes = torch.tensor([1e20, 1e-68, 1e120], dtype=F64)
        x = rows(200, 3, 0.5, 1.5) * sizes
        found = symbolic_search(
            x, 2 * x[:, 0] * x[:, 1] ** 2, names=["t", "v", "a"], units=["s", "m/s", "m/s^2"], output_unit="m^2/s",
            progress=False,
        )  # fmt: skip
        assert str(found.formula) == "y = 2*t*v**2"

    def test_a_function_of_the_root_of_a_group(self):
        x = rows(inputs=4)
        c, z, d, t = x.unbind(1)
        result = symbolic_search(
            x, c * torch.erf(z / (2 * torch.sqrt(d * t))), names=["c", "z", "D", "t"],
            units=["mol/m^3", "m", "m^2/s", "s"], output_unit="mol/m^3", progress=False,
        )  # fmt: skip
        c, z, d, t = result.formula.symbols
        assert same(result.formula.expressions[0], c * sympy.erf(z / (2 * sympy.sqrt(d * t))), result.formula.symbols)
        assert not bool(result.formula.evaluate(torch.tensor([[1.0, 0.0, 1.0, 1.0]], dtype=F64)))  # erf(0) = 0
        assert result.stopped_because.startswith("An exact formula")

    def test_contradictory_units(self):
        x = rows()
        with pytest.raises(ParameterError, match="kg"):
            symbolic_search(x, x[:, 0], units=["m", "s"], output_unit="kg", progress=False)

    def test_an_output_unit_alone(self):
        with pytest.raises(ParameterError, match="`units` of the inputs must be given too"):
            symbolic_search(rows(), rows()[:, 0], output_unit="kg")

    def test_input_units_alone(self):
        with pytest.raises(ParameterError, match=r"`output_unit`.*must be given too"):
            symbolic_search(rows(), rows()[:, 0], units=["kg", "m"])


class TestResuming:
    def search(self, path, **options):
        x = rows(100, 2, -1.0, 1.0)
        y = torch.sin(3 * x[:, 0] + x[:, 1])
        return symbolic_search(
            x, y, shapes=[[2, 1], [2, 1, 1]], seeds=2, lib=["x", "sin"], checkpoint=path, progress=False, **options
        )

    def test_a_search_goes_on_where_it_ended(self, tmp_path, monkeypatch):
        path = tmp_path / "search.json"
        first = self.search(path, time_limit_sec=1e-9)
        assert "time limit" in first.stopped_because
        assert json.loads(path.read_text())["done"] == ["mean"]
        whole = self.search(path)
        steps = json.loads(path.read_text())["done"]
        assert steps[:2] == ["mean", "power law"]
        monkeypatch.setattr("edgewise.interpret.search_steps._power_laws", lambda problem: pytest.fail("done already"))
        again = self.search(path)
        assert again.table.drop(columns=["train_loss", "val_loss"]).equals(
            whole.table.drop(columns=["train_loss", "val_loss"])
        )
        assert again.seconds >= whole.seconds * 0.9

    def test_other_data_are_refused(self, tmp_path):
        path = tmp_path / "search.json"
        self.search(path, time_limit_sec=1e-9)
        with pytest.raises(FormatError, match="belongs to other data or options"):
            symbolic_search(rows(), rows()[:, 0], checkpoint=path, progress=False)

    @pytest.mark.parametrize("text", ["", "[]", '{"done": 3}', "not json"])
    def test_a_foreign_file_is_refused(self, tmp_path, text):
        path = tmp_path / "search.json"
        path.write_text(text)
        with pytest.raises(FormatError, match="is no file of a search"):
            self.search(path)
        assert path.read_text() == text

    @pytest.mark.parametrize(
        "change", [{"lib": ["x"]}, {"shapes": [[2, 2, 1]]}, {"val_split": 0.5}, {"seeds": 3}, {"seed": 1}]
    )
    def test_other_options_are_refused(self, tmp_path, change):
        path = tmp_path / "search.json"
        self.search(path, time_limit_sec=1e-9)
        x = rows(100, 2, -1.0, 1.0)
        options = {"shapes": [[2, 1], [2, 1, 1]], "seeds": 2, "lib": ["x", "sin"]} | change
        with pytest.raises(FormatError, match="belongs to other data or options"):
            symbolic_search(x, torch.sin(3 * x[:, 0] + x[:, 1]), checkpoint=path, progress=False, **options)

    def test_an_interrupted_training_is_no_finished_step(self, tmp_path, monkeypatch):
        path = tmp_path / "search.json"
        stopped = type("Stopped", (), {"interrupted": True})
        monkeypatch.setattr("edgewise.interpret.starts.fit_many", lambda *args, **kwargs: [stopped])
        assert "Interrupted" in self.search(path).stopped_because
        assert json.loads(path.read_text())["done"][-1] == "one input in functions"  # the last before networks

    def test_ctrl_c_keeps_what_there_is(self, monkeypatch):
        def interrupted(problem):
            raise KeyboardInterrupt

        monkeypatch.setattr("edgewise.interpret.search_steps._power_laws", interrupted)
        found = self.search(None)
        assert "Interrupted" in found.stopped_because
        assert len(found.formulas) == 1


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"y": None}, ParameterError, "`y` must be given"),
        ({"y": torch.ones(5)}, ShapeError, "one output at a time; got (30, 2) and (5,)"),
        ({"y": torch.ones(30)}, DomainError, "`y` must vary; it is 1 in every row"),
        ({"y": torch.full((30,), math.nan)}, DomainError, "`y` must be finite"),
        ({"names": ["a"]}, ParameterError, "`names` must have 2 different entries"),
        ({"x": [["a", "b"]] * 30}, ParameterError, "`x` must be numbers"),
        ({"x": torch.ones(30)}, ShapeError, "`x` must be (rows, inputs)"),
        ({"seeds": 0}, ParameterError, "`seeds` must be an int >= 1; got 0"),
        ({"val_split": 1.0}, ParameterError, "`val_split` must be"),
        ({"time_limit_sec": 0}, ParameterError, "`time_limit_sec` must be"),
        ({"seed": -1}, ParameterError, "`seed` must be an int >= 0; got -1"),
        ({"y": torch.full((30,), 1e200, dtype=F64)}, DomainError, "Rescale it"),
        ({"lib": ["sine"]}, ParameterError, "sine"),
        ({"shapes": [[3, 1]]}, ParameterError, "`shapes` must lead from 2 inputs to 1 output; got [3, 1]"),
    ],
)
def test_bad_input(change, kind, message):
    arguments = {"x": rows(30), "y": rows(30)[:, 0], "progress": False} | change
    with pytest.raises(kind, match=re.escape(message)):
        symbolic_search(arguments.pop("x"), arguments.pop("y"), **arguments)


def test_a_column_of_text_is_named():
    frame = pd.DataFrame({"a": np.arange(30.0), "city": ["Rome", "Oslo", "Bonn"] * 10})
    with pytest.raises(ParameterError, match=r"column 'city' is .*columns of 0 and 1"):
        symbolic_search(frame, frame["a"])


def test_a_series_names_the_output():
    frame = pd.DataFrame(rows(60).numpy(), columns=["a", "b"])
    found = symbolic_search(frame, (frame["a"] * frame["b"]).rename("rate"), progress=False)
    assert str(found.formula) == "rate = a*b"


def test_too_few_rows():
    with pytest.raises(ShapeError, match="at least 20 rows; got 5"):
        symbolic_search(rows(5), rows(5)[:, 0])

"""The commands for the papers' results: pages, bars, and the machinery of each module in a tiny setting."""

import math
from types import SimpleNamespace
from unittest.mock import MagicMock

import numpy as np
import pandas as pd
import pytest
import scipy.io
import sympy
import torch
from benchmarks.accuracy.journal import Journal
from benchmarks.accuracy.report import Report
from benchmarks.accuracy.session import Session
from benchmarks.harness import Bar
from benchmarks.paper import anderson, evolution, invariants, kan2, knot_table, knots, page, toy

from edgewise.physics import Box, Problem, ReferenceGrid, TimeSpace, derivatives

F64 = torch.float64


class TestPage:
    def measure(self, session):
        bars = [Bar("a", 1.0, 2.0), Bar("b", None, 2.0)]
        return Report("knots", "Knots", [f"{len(session.seed_range())} seeds"], ["table"], bars)

    def test_a_new_page_has_a_place_for_every_module_and_the_measured_section(self, tmp_path, capsys):
        path = tmp_path / "results.md"
        status = page.run("knots", "doc", self.measure, ["--seeds", "3", "--write", str(path)])
        assert status == 1  # b was not measured
        text = path.read_text()
        assert text.startswith("# Results\n")
        assert [f"<!-- paper {name}: begin -->" in text for name in page.MODULES] == [True] * len(page.MODULES)
        section = text.split("<!-- paper knots: begin -->")[1].split("<!-- paper knots: end -->")[0]
        assert "`python -m benchmarks.paper.knots`\n\n3 seeds" in section
        assert "Bars met: 1 of 2." in section
        assert "_date " in section
        assert section.strip() in capsys.readouterr().out
        page.run("knots", "doc", self.measure, ["--quick", "--write", str(path)])
        assert path.read_text().count("## Knots") == 1
        assert "to try it, not to be quoted" in path.read_text()

    def test_seconds_count_earlier_runs(self):
        journal = Journal()
        journal.record({"seed": 0}, lambda: {"seconds": 2.0})
        journal.record({"seed": 1}, lambda: {"test": 1})
        assert journal.seconds == 2.0

    def test_a_report_under_another_name_is_refused(self):
        with pytest.raises(ValueError, match="must report row 'toy'; got 'knots'"):
            page.run("toy", "doc", self.measure, [])

    def test_missing_data_end_the_command(self, capsys, tmp_path):
        for arguments, message in (([], "give `--data DIR`"), (["--data", str(tmp_path)], "holds no knots")):
            with pytest.raises(SystemExit):
                page.run("knots", "doc", knots.knots, arguments)
            assert message in capsys.readouterr().err


def table(n=240, seed=0):
    """Knots whose signature is the natural slope, rounded to even numbers."""
    x = torch.randn(n, len(knot_table.COLUMNS), generator=torch.Generator().manual_seed(seed), dtype=F64)
    longitude, imag = (knot_table.COLUMNS.index(c) for c in (knot_table.LONGITUDE, knot_table.MERIDIAN_IMAG))
    x[:, longitude], x[:, imag] = 10 + x[:, longitude], 1 + 0.1 * x[:, imag]
    real, imag, longitude = knot_table.Knots(x, x[:, 0]).columns(knots.TRANSLATIONS).unbind(1)
    return knot_table.Knots(x, 2 * (0.2 * longitude * real / (real**2 + imag**2)).round())


class TestKnots:
    def test_a_table_is_read_by_the_names_of_its_columns(self, tmp_path):
        made = table(20)
        frame = pd.DataFrame(made.x.numpy(), columns=list(knot_table.COLUMNS)).assign(signature=made.y.numpy())
        (tmp_path / "knots").mkdir()
        frame[frame.columns[::-1]].to_csv(tmp_path / knot_table.FILE, index=False)
        read = knot_table.load(str(tmp_path))
        torch.testing.assert_close(read.x, made.x, rtol=1e-15, atol=0)
        assert torch.equal(read.y, made.y)
        frame.drop(columns="volume").to_csv(tmp_path / knot_table.FILE, index=False)
        with pytest.raises(FileNotFoundError, match="lacks volume"):
            knot_table.load(str(tmp_path))

    def test_mutants_stay_together(self):
        made = table(100)
        twice = knot_table.Knots(made.x.repeat(2, 1), made.y.repeat(2))
        part = knot_table.split(twice, 0)
        assert (len(part.train), len(part.test)) == (160, 40)
        assert set((part.train % 100).tolist()).isdisjoint((part.test % 100).tolist())
        assert not torch.equal(part.test, knot_table.split(twice, 1).test)

    def test_the_formula_is_found_where_it_holds(self):
        record = knots._formula(table(), 0)
        assert record["test"] > 0.95
        assert "a = 0.4" in record["width"]

    @pytest.mark.parametrize("train", [knots._ordered, pytest.param(knots._softmax, marks=pytest.mark.slow)])
    def test_both_heads_predict_signatures_that_occur(self, train):
        made = table()
        part = knot_table.split(made, 0)
        x = knot_table.scaled(made.columns(knots.ONE), part.train)
        model, predict = train(x, made.y, part, (1,), 3, 0, 20)
        guess = predict(x)
        assert set(guess.tolist()) <= set(made.y.tolist())
        assert float((guess == made.y).double().mean()) > 0.45  # a third have the commonest signature
        assert model.out_features == (1 if train is knots._ordered else len(made.y.unique()))

    def test_bars_take_the_median_of_the_splits(self):
        measured = {knots.BEST: [{"test": t, "parameters": 560} for t in (0.92, 0.94, 0.935)]}
        size, accuracy, formula = knots.bars(measured)
        assert (size.value, accuracy.value, accuracy.passed) == (560, 0.935, True)
        assert (formula.value, formula.passed) == (None, False)


class TestAnderson:
    @pytest.mark.parametrize("edge", [anderson.GAAM, anderson.MAAM], ids=lambda e: e.law)
    def test_labels_know_the_edge_to_half_a_rung(self, edge):
        x, energy = anderson.ladder(edge, 0)
        rung = (edge.energies[1] - edge.energies[0]) / (anderson.RUNGS - 1)
        assert len(x) > anderson.CHAINS / 3
        wrong = (energy - anderson._energy(edge)(*x.unbind(1))).abs()
        assert float(wrong.max()) <= rung / 2 * (1 + 1e-12)
        assert float(wrong.mean()) == pytest.approx(rung / 4, rel=0.1)  # uniform on half a rung

    @pytest.mark.parametrize("edge", [anderson.GAAM, anderson.MAAM], ids=lambda e: e.law)
    def test_the_edge_solved_for_the_energy_is_the_law(self, edge):
        law = next(one for one in anderson.laws.LAWS if one.name == edge.law)
        zero = anderson.laws.expression(law)
        symbols = {name: sympy.Symbol(name, real=True) for name in law.variables}
        inserted = zero.subs(symbols["E"], sympy.sympify(edge.energy, locals=symbols))
        assert sympy.simplify(inserted) == 0

    def test_numbers_are_rounded_to_what_labels_know(self):
        x = sympy.Symbol("x")
        assert anderson._rounded(sympy.Float(1.998) * x + sympy.Float(0.0004)) == 2 * x


class TestInvariants:
    @pytest.mark.parametrize(("dimensions", "count"), [(1, 1), (2, 4)])
    def test_all_conserved_quantities_of_an_oscillator(self, dimensions, count):
        record = kan2.oscillator(dimensions, 0)
        assert record["solved"]
        assert len(record["formula"].split(";")) == count
        assert record["residual"] < 1e-13  # rounding: splines hold squares exactly
        assert record["next"] > 1e-2

    def test_a_motion_without_them_has_none(self):
        z = 2 * torch.rand(500, 2, generator=torch.Generator().manual_seed(0), dtype=F64) - 1
        flow = torch.stack([z[:, 1], -z[:, 0] - 0.5 * z[:, 1]], 1)  # damped
        slope = invariants.spline_derivative(z, 1, 3, 3, 1.0)
        weights = invariants.directions(2, pairs=False)
        gradient = (weights[None, :, :, None] * slope[:, None]).flatten(2).flatten(0, 1)
        found = invariants.solve((flow[:, :, None] * slope).flatten(1), gradient)
        assert float(found.residuals[0]) > 0.05

    def test_polynomials_are_read_from_any_basis_of_theirs(self):
        x = torch.randn(50, 2, generator=torch.Generator().manual_seed(0), dtype=F64)
        a, b = sympy.symbols("a b")
        first, second = x[:, 0] ** 2 - x[:, 1], x[:, 0] * x[:, 1] / 3
        mixed = torch.stack([2 * first + second + 7, first - 5 * second], 1)
        assert invariants.read_polynomials(x, mixed, [a, b]) == [a**2 - b, a * b]
        assert invariants.read_polynomials(x, torch.sin(3 * mixed), [a, b]) == []

    def test_directions_are_inputs_and_pairs(self):
        assert invariants.directions(3, pairs=False).tolist() == torch.eye(3).tolist()
        assert invariants.directions(3, pairs=True).shape == (3, 9)

    def test_the_lagrangian_is_judged_up_to_rounding(self):
        v = sympy.Symbol("v", real=True)
        assert kan2._is_kinetic(-sympy.Float(0.9999999) * sympy.sqrt(1 - v**2 + sympy.Float(1e-9) * v))
        assert not kan2._is_kinetic(-sympy.sqrt(1 - sympy.Float(1.1) * v**2))


def test_kan2_bars_take_the_worst_seed():
    records = [{"residual": 1e-6, "solved": True}, {"residual": 1e-4, "solved": False}]
    residual, right = kan2.bars({"1-D oscillator": records})
    assert (residual.value, residual.passed) == (1e-4, False)
    assert (right.value, right.limit) == (1, 2)


class TestToy:
    def test_exponents_are_of_the_medians(self):
        def record(factor):
            stages = [{"grid": g, "rmse": factor * g**-4.0, "median": g**-3.0} for g in (3, 5, 10, 20)]
            return {"model": "KAN", "stages": [{**stages[0], "rmse": 9.0}, *stages[1:]]}

        records = [record(f) for f in (1.0, 2.0, 100.0)]
        assert toy.exponent(records, "rmse") == pytest.approx(4)
        assert toy.exponent(records, "median") == pytest.approx(3)
        assert toy.exponent([{"stages": [{"grid": 3, "rmse": 1.0}]}], "rmse") is None
        assert toy.exponent([{"stages": [{"grid": 3, "rmse": 1e-15}]}], "rmse") == math.inf

    @pytest.mark.parametrize(("of", "width"), toy.FUNCTIONS, ids=lambda p: getattr(p, "name", ""))
    def test_functions_are_what_their_formulas_say(self, of, width):
        x = 2 * torch.rand(5, of.n_var, generator=torch.Generator().manual_seed(0), dtype=F64) - 1
        by_hand = {
            "bessel": lambda r: float(sympy.N(sympy.besselj(0, 20 * r[0]))),
            "hello": lambda r: math.exp(math.sin(math.pi * r[0]) + r[1] ** 2),
            "product": lambda r: r[0] * r[1],
            "hundred": lambda r: math.exp(sum(np.sin(np.pi * v / 2) ** 2 for v in r) / 100),
            "deep": lambda r: math.exp(sum(math.sin(math.pi * (r[n] ** 2 + r[n + 1] ** 2)) for n in (0, 2)) / 2),
        }[of.name]
        assert of(x).tolist() == pytest.approx([by_hand(row) for row in x.tolist()], rel=1e-12)
        assert (width[0], width[-1]) == (of.n_var, 1)

    def test_both_models_are_measured(self):
        session = Session(seeds=1, quick=True, steps=2, restarts=1, only=("product",))
        report = toy.toy(session)
        assert report.row == "toy"
        assert report.bars[0].what == "product, exponent of the rmse"
        assert report.bars[2].value > 0  # an error of the KAN over one of the MLP
        assert "| product | [2,2,1] |" in report.tables[0]

    def test_an_unknown_function_is_refused(self):
        with pytest.raises(ValueError, match=r"some of bessel, hello, .*; got nothing"):
            toy.toy(Session(only=("nothing",)))


class TestEvolution:
    @pytest.mark.parametrize(
        ("name", "solution"),
        [  # waves of the three equations that are known in closed form
            ("burgers", lambda x: -0.1 * torch.tanh(0.1 * x[:, 1] / (0.02 / math.pi))),
            ("allen_cahn", lambda x: torch.tanh(x[:, 1] * math.sqrt(5 / 2e-4))),
            ("kdv", lambda x: 0.9 / torch.cosh(math.sqrt(0.3) / 0.1 * (x[:, 1] - 0.3 * x[:, 0])) ** 2),
        ],
    )
    def test_equations_are_those_of_known_waves(self, name, solution):
        x = torch.rand(50, 2, generator=torch.Generator().manual_seed(0), dtype=F64) * 0.02
        u = derivatives(solution, x, names=("t", "x"), time=0)
        slope = float(u.d("x").detach().abs().amax())
        wrong = evolution.CASES[name].pde(x, u)
        assert float(wrong.detach().abs().amax()) < 1e-11 * max(1.0, slope)

    def test_begins_are_those_of_the_references(self):
        x = torch.tensor([[0.0, -1.0], [0.0, 0.0], [0.0, 0.5], [0.0, 1.0]], dtype=F64)
        begins = [evolution.CASES[name].begin(x).tolist() for name in ("burgers", "allen_cahn", "kdv")]
        wanted = [[0, 0, -1, 0], [-1, 0, 0, -1], [-1, 1, 0, -1]]
        assert begins == [pytest.approx(row, abs=1e-15) for row in wanted]

    def files(self, folder):
        """References that are one at t = 0 and x = -1, and zero elsewhere: a transpose would show."""
        t, x = np.linspace(0, 1, 5), np.linspace(-1, 1, 7)
        for case in evolution.CASES.values():
            name, times, values = case.file
            grid = np.zeros((len(x), len(t)))
            grid[0, 0] = 1.0
            scipy.io.savemat(folder / name, {times: t[None], "x": x[:, None], values: grid})

    def test_every_equation_is_measured_and_drawn(self, tmp_path, monkeypatch):
        self.files(tmp_path)
        grid = evolution.reference(evolution.CASES["kdv"], str(tmp_path))
        assert (tuple(grid.values.shape), float(grid.values[0, 0]), float(grid.values.sum())) == ((5, 7), 1.0, 1.0)
        monkeypatch.setattr(evolution, "_QUICK", {"lm_steps": 1, "first_lm_steps": 1, "points": 20, "windows": (0, 1)})
        picture = tmp_path / "evolution.png"
        report = evolution.evolution(Session(quick=True, seeds=1, data=str(tmp_path), figure=str(picture)))
        assert [bar.what.split(",")[0] for bar in report.bars] == list(evolution.CASES)
        assert [bar.limit for bar in report.bars] == [1e-3] * 3
        assert "| burgers | [2, 8, 8, 1] | 880 |" in report.tables[0]
        assert picture.stat().st_size > 10_000

    def test_errors_are_those_at_all_nodes(self, monkeypatch):
        """A solution that loses half of a constant one."""
        t, x = torch.linspace(0, 1, 4, dtype=F64), torch.linspace(-1, 1, 5)
        problem = Problem(TimeSpace((0, 1), Box(-1, 1)), lambda x, u: u.dt)
        window = SimpleNamespace(model=torch.nn.Linear(2, 1))
        found = MagicMock(problem=problem, residual=0.1, solutions=[window], history={"step": [3], "residual": [0.1]})
        found.side_effect = lambda nodes: 1 - nodes[:, 0] / 2
        monkeypatch.setattr(evolution, "solved", lambda *_, **__: found)
        record = evolution.run("kdv", ReferenceGrid((t, x), torch.ones(4, 5)), 0, False)
        assert record["error"] == pytest.approx(math.sqrt((0 + 1 + 4 + 9) / 36 / 4))
        assert (record["at_end"], record["parameters"], record["steps"]) == (pytest.approx(0.5), 3, 3)
        assert record["curve"][1] == pytest.approx([0, 1 / 6, 1 / 3, 1 / 2])

    def test_missing_files_and_names(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"burgers_shock.mat is not there; name its folder with --data"):
            evolution.evolution(Session(data=str(tmp_path)))
        with pytest.raises(ValueError, match=r"--only must name some of burgers, allen_cahn, kdv; got nothing"):
            evolution.evolution(Session(only=("nothing",)))

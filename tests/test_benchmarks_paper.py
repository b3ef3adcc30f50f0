"""The commands for the papers' results: pages, bars, and the machinery of each module in a tiny setting."""

import math
import re
import runpy
import sys
import time
from pathlib import Path
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
from benchmarks.paper import (
    additive,
    anderson,
    evolution,
    invariants,
    inverse_burgers,
    kan2,
    knot_table,
    knots,
    page,
    pictures,
    poisson,
    relations,
    slope,
    toy,
)

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
        assert "`python -m benchmarks.paper.knots --seeds 3`\n\n3 seeds" in section
        assert "Bars met: 1 of 2." in section
        assert "_date " in section
        assert section.strip() in capsys.readouterr().out
        page.run("knots", "doc", self.measure, ["--seeds", "4", "--write", str(path)])
        assert path.read_text().count("## Knots") == 1
        assert "4 seeds" in path.read_text()

    def test_a_trial_says_so_and_judges_nothing(self, capsys):
        assert page.run("knots", "doc", self.measure, ["--quick"]) == 0
        shown = capsys.readouterr().out
        assert "to try it, not to be quoted" in shown
        assert "A trial with `--quick`, not a measurement" in shown
        assert "Bars met" not in shown
        rows = [line.split(" | ")[-1] for line in shown.splitlines() if line.startswith(("| a", "| b"))]
        assert rows == ["trial |", "trial |"]

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--quick", "--write", "page.md"], r"makes a trial; got both, for page\.md"),
            (["--figure", "a.png"], r"this one has none; got a\.png"),
            (["--figure", "a.txt"], r"ends in \.pdf, \.png, \.svg; got a\.txt"),
            (["--figure", "nowhere/a.png"], r"`--figure` must be a file in a folder that is there; got nowhere/a\.png"),
            (["--write", "nowhere/page.md"], r"`--write` must be a file in a folder that is there"),
        ],
    )
    def test_contradictions_end_the_command_before_any_work(self, arguments, message, capsys, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        journal = tmp_path / "kept.jsonl"
        journal.write_text("measured before\n")

        def never(session):
            raise AssertionError("it worked")

        with pytest.raises(SystemExit):
            page.run("knots", "doc", never, [*arguments, "--json", str(journal)], picture="none" not in message)
        assert re.search(message, " ".join(capsys.readouterr().err.split()))
        assert journal.read_text() == "measured before\n"  # without `--resume` a session starts it afresh

    def test_seconds_count_earlier_runs(self):
        journal = Journal()
        journal.record({"seed": 0}, lambda: {"seconds": 2.0})
        journal.record({"seed": 1}, lambda: {"test": 1})
        assert journal.seconds == 2.0

    def test_a_report_under_another_name_is_refused(self):
        with pytest.raises(ValueError, match="must report row 'toy'; got 'knots'"):
            page.run("toy", "doc", self.measure, [])

    @pytest.mark.parametrize("name", ["special", "feynman", "equations", "poisson", "evolution", "knots", "kan2"])
    def test_the_help_lists_what_only_takes(self, name, capsys, monkeypatch):
        monkeypatch.setenv("COLUMNS", "9999")  # argparse breaks lines at hyphens

        def command(*arguments):
            monkeypatch.setattr(sys, "argv", [name, *arguments])
            with pytest.raises(SystemExit):
                runpy.run_path(str(Path(page.__file__).parent / f"{name}.py"), run_name="__main__")
            shown = capsys.readouterr()
            return " ".join((shown.out + shown.err).split())

        listed = re.search(r"names of some of: (.*?) --data", command("--help"))[1]
        if name == "knots":  # reads its table first
            assert listed == " ".join(", ".join(knots._runs(table(20), 5)).split())
            return
        taken = re.search(r"--only must name some of (.*); got nothing", command("--only", "nothing"))[1]
        if name == "equations":
            assert listed == "I.6.2a, I.6.2, I.6.2b, ..., III.21.20 (100 in all)"
            assert (taken.count(",") + 1, taken.startswith("I.6.2a, "), taken.endswith(", III.21.20")) == (
                100,
                True,
                True,
            )
        else:
            assert listed == taken

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
        measured["formula of s, a line and two tanh"] = [{"test": 0.86}]
        assert knots.bars(measured)[2].passed


class TestSlope:
    def test_a_formula_is_written_in_the_units_of_the_table(self):
        """A line and a tanh of the translations come back with their numbers, whatever the scaling of the fit."""
        r, i, lam = torch.rand(3, 600, generator=torch.Generator().manual_seed(0), dtype=F64)
        x = slope.inputs(torch.stack([2 * r - 1, 0.8 + i, 10 + 10 * lam], 1))
        y = (0.4 * x[:, 0] - 1.5 * x[:, 2] + 2.5 * torch.tanh(3 * x[:, 1] - 0.5))[:, None]
        part = knot_table.Split(torch.arange(500), torch.arange(500, 600))
        found = slope.fitted(x, y[:, 0], y, part, 1, lambda score, label: (score - label).square().mean(), 60, 0)
        assert str(found.symbols) == "[s, mu_r, mu_i, lam]"
        np.testing.assert_allclose(found(x.numpy()), y.numpy(), rtol=0, atol=1e-6)
        assert "0.4*s" in str(found)
        assert "tanh(3.0*mu_r" in str(found)

    def test_the_slope_is_the_papers(self):
        x = torch.tensor([[0.5, 2.0, 8.0]], dtype=F64)  # Re(lam / mu)
        assert float(slope.inputs(x)[0, 0]) == pytest.approx((8.0 / (0.5 + 2.0j)).real)


class TestPictures:
    def labels(self, path):
        """What stands in a picture: matplotlib leaves texts as comments beside their outlines."""
        return re.findall(r"<!-- (.*?) -->", path.read_text())

    def test_formulas_are_evaluated_on_arrays(self):
        x = np.array([-1.0, 0.25, 4.0])
        np.testing.assert_allclose(pictures.evaluated("2*sqrt(x) + c", {"x": x, "c": 0 * x}), [np.nan, 1, 4])
        np.testing.assert_array_equal(pictures.evaluated("3", {"x": x}), [3, 3, 3])

    def test_knots_without_a_number_of_parameters_have_no_point(self, tmp_path):
        path = tmp_path / "a.svg"
        measured = {
            "network": [{"test": 0.9, "parameters": 100}, {"test": 0.8, "parameters": 100}],
            "boosting": [{"test": 0.9, "parameters": "-"}],
        }
        pictures.knots(str(path), measured, {"KAN": 0.816}, {"network": {"volume": 0.75, "cusp": 0.25}})
        shown = self.labels(path)
        assert {"network", "published: KAN", "volume", "cusp"} <= set(shown)
        assert "boosting" not in shown

    def test_edges_are_told_apart(self, tmp_path):
        path = tmp_path / "a.svg"
        records = [{"solved": False, "formula": "E = lamb"}, {"solved": True, "formula": "E = -2*lamb/alpha + 2/alpha"}]
        panel = anderson._panel(anderson.GAAM, "labels", records)
        assert panel["found"] == "E - (-2*lamb/alpha + 2/alpha)"  # one that was found, not the first
        pictures.mobility_edges(str(path), [panel])
        assert "mobility edge GAAM, from labels: found by 1 of 2 seeds" in self.labels(path)

    def test_every_demonstration_has_a_panel(self, tmp_path):
        path = tmp_path / "a.svg"
        formulas = {
            "1-D oscillator": "p**2 + x**2",
            "2-D oscillator": "px**2 + x**2; py*x - px*y",
            "relativistic Lagrangian": "L = -sqrt(1 - v**2) - x**2/2",
            "relativistic mass": "c*m/sqrt(c**2 - v**2)",
        }
        pictures.demonstrations(str(path), formulas, kan2.FASTEST)
        shown = self.labels(path)
        assert {*formulas, "px**2 + x**2", "py*x - px*y"} <= set(shown)
        assert any(one.startswith("found, off by at most 0.0e+00") for one in shown)

    def test_each_network_has_a_line(self, tmp_path):
        path = tmp_path / "a.svg"
        record = {"lamb": 0.01, "seed": 3, "auc": 0.9, "inputs": ["V", "lam"], "scores": [1.0, 0.4]}
        pictures.relations(str(path), [record, {**record, "seed": 4}], ["V", "lam", "r"])
        assert {"V", "lam", "r", "0.01, seed 3: 0.900", "0.01, seed 4: 0.900"} <= set(self.labels(path))


class TestAdditive:
    def test_two_normal_columns_leave_what_their_correlation_does_not_explain(self):
        draw = torch.Generator().manual_seed(0)
        a, b = torch.randn(2, 40_000, generator=draw, dtype=F64)
        rho = 0.8
        x = torch.stack([a, rho * a + (1 - rho**2) ** 0.5 * b, torch.randn(40_000, generator=draw, dtype=F64)], 1)
        found = {one.columns: one.ratio for one in additive.relations(x, 2)}
        # Their maximal correlation is |rho| (Lancaster 1957); without tails, and of 20,000 rows, nearly so.
        assert found[0, 1] == pytest.approx(1 - rho, abs=0.03)
        assert found[0, 2] > 0.95
        assert found[1, 2] > 0.95

    def test_an_exact_sum_of_functions_stands_out_from_its_parts(self):
        u = torch.rand(5000, 4, generator=torch.Generator().manual_seed(0), dtype=F64) + 0.5
        x = torch.stack([u[:, 0], u[:, 1], u[:, 0] * u[:, 1] / 2, u[:, 2]], 1)  # log z = log x + log y - log 2
        best = additive.relations(x, 3)[0]
        assert best.columns == (0, 1, 2)
        assert best.ratio < 1e-5  # the error of a spline with 8 intervals, squared
        assert best.parts > 0.05

    def test_what_holds_on_a_few_rows_alone_is_no_relation(self):
        draw = torch.Generator().manual_seed(0)
        x = torch.randn(2000, 2, generator=draw, dtype=F64)
        x[:4] = torch.tensor([20.0, -30.0], dtype=F64)  # a spline of either column could be the mark of these rows
        assert additive.relations(x, 2)[0].ratio > 0.9

    def test_columns_that_do_not_vary_have_no_relation(self):
        x = torch.rand(500, 3, generator=torch.Generator().manual_seed(0), dtype=F64)
        x[:, 1:] = 1.0
        assert {one.columns: one.ratio for one in additive.relations(x, 2)}[1, 2] == 1.0


class TestRelations:
    def made(self):
        """A table in which V = lam mu_i / 2 and nothing else holds."""
        draw = torch.Generator().manual_seed(1)
        x = torch.randn(1500, len(knot_table.COLUMNS), generator=draw, dtype=F64)
        lam, mu_i = torch.exp(torch.randn(2, len(x), generator=draw, dtype=F64) / 2)
        made = {knot_table.LONGITUDE: lam, knot_table.MERIDIAN_IMAG: mu_i, "cusp_volume": lam * mu_i / 2}
        for name, column in made.items():
            x[:, knot_table.COLUMNS.index(name)] = column
        y = torch.randn(len(x), generator=draw, dtype=F64)
        return knot_table.Knots(x, y)

    def test_permuted_rows_keep_the_columns_and_lose_the_rows(self):
        rows = torch.arange(300, dtype=F64)[:, None] + torch.tensor([0.0, 1000.0])
        both, label = relations.contrast(rows, torch.Generator().manual_seed(0))
        assert torch.equal(both[:300], rows)
        assert torch.equal(both[300:].sort(0).values, rows)
        apart = both[300:, 1] - both[300:, 0]
        assert float((apart == 1000).double().mean()) < 0.05
        assert label[:, 0].tolist() == [1.0] * 300 + [0.0] * 300

    def test_the_last_function_stays_the_gaussian_of_zero(self):
        model = relations.gaussian_kan(2, 0)
        rows = torch.randn(100, 2, generator=torch.Generator().manual_seed(0), dtype=F64)
        rows[:, 1] = rows[:, 0]
        both, label = relations.contrast(rows, torch.Generator().manual_seed(0))
        model.fit((both, label), opt="lbfgs", steps=20, progress=False)
        with torch.no_grad():
            node, apart = model.layers[0](both[:100]), model.layers[0](both[100:])
            torch.testing.assert_close(model(both[:100]), torch.exp(-node.square()), rtol=1e-12, atol=0)
            assert float(apart.abs().mean()) > 5 * float(node.abs().mean())

    def test_a_network_finds_the_relation_that_is_there(self, monkeypatch):
        monkeypatch.setattr(relations, "ROWS", 500)
        record = relations.network(self.made(), 1e-2, 1, 40)  # seeds 0 and 3 find nothing
        assert sorted(record["inputs"]) == ["V", "lam", "mu_i"]
        assert record["auc"] > 0.85
        assert record["accuracy"] > 0.75

    def test_the_area_is_the_share_of_pairs_in_order(self):
        score, label = torch.tensor([0.9, 0.4, 0.5, 0.1]), torch.tensor([1.0, 1.0, 0.0, 0.0])
        assert relations.area(score, label) == 0.75

    def test_an_exact_law_is_printed_and_recognised(self, monkeypatch):
        monkeypatch.setattr(relations, "ROWS", 300)
        made = self.made()
        x = torch.cat([made.x, made.y[:, None]], 1)
        record = relations.formula(x, relations.KNOWN[0], 5.0)
        assert record["exact"]
        assert record["formula"] == "V = lam*mu_i/2"
        assert record["residual"] < 1e-12

    def test_a_formula_that_is_not_the_law_is_told(self):
        lam, mu_i = sympy.symbols("lam mu_i", real=True)
        x = torch.rand(10, 2, dtype=F64, generator=torch.Generator().manual_seed(0)) + 1
        follows = relations._follows
        assert follows(lam * mu_i / 2, "V - lam*mu_i/2", "V", x, ["lam", "mu_i"])
        assert not follows(lam * mu_i / 2 + lam / 100, "V - lam*mu_i/2", "V", x, ["lam", "mu_i"])

    def test_a_relation_counts_where_a_network_uses_its_inputs_alone(self):
        def record(*inputs, auc=0.9):
            return {"inputs": list(inputs), "auc": auc}

        formulas = {known.name: {"exact": known.inputs[0] == "V"} for known in relations.KNOWN}
        networks = [
            record("lam", "mu_i", "V"), record("r", "Re_g", "CS"), record("mu_r", "sigma", auc=0.5),
        ]  # fmt: skip
        alone, exact = relations.bars(networks, formulas)
        assert (alone.value, alone.limit, exact.value, exact.limit) == (1, 3, 1, 2)


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

    @pytest.mark.parametrize("function", toy.FUNCTIONS, ids=lambda function: function.of.name)
    def test_functions_are_what_their_formulas_say(self, function):
        of, width = function.of, function.width
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

    def test_no_grid_has_more_parameters_than_rows(self):
        assert toy.determined((100, 1, 1), toy.GRIDS) == (3, 5, 10, 20)
        assert toy.determined((4, 2, 1, 1), toy.GRIDS) == toy.GRIDS

    def test_both_models_are_measured(self):
        session = Session(seeds=1, quick=True, steps=2, restarts=1, only=("product",))
        report = toy.run(session)
        assert report.row == "toy"
        assert report.bars[0].what == "product, exponent of the rmse"
        assert report.bars[2].value > 0  # an error of the KAN over one of the MLP
        assert "| product | [2,2,1] |" in report.tables[0]

    def test_an_unknown_function_is_refused(self):
        with pytest.raises(ValueError, match=r"some of bessel, hello, .*; got nothing"):
            toy.run(Session(only=("nothing",)))


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
        where = "is published as https://raw.githubusercontent.com/maziarraissi/PINNs/[0-9a-f]{40}/"
        missing = r"burgers_shock.mat is not there; name its folder with --data. It "
        with pytest.raises(FileNotFoundError, match=f"{missing}{where}appendix/Data/burgers_shock.mat"):
            evolution.evolution(Session(data=str(tmp_path)))
        with pytest.raises(FileNotFoundError, match=f"{where}main/Data/KdV.mat"):
            evolution.evolution(Session(data=str(tmp_path), only=("kdv",)))
        with pytest.raises(ValueError, match=r"--only must name some of burgers, allen_cahn, kdv; got nothing"):
            evolution.evolution(Session(only=("nothing",)))

    def test_a_trial_tells_its_own_points(self, tmp_path, monkeypatch):
        self.files(tmp_path)
        record = {"error": 1.0, "at_end": 1.0, "parameters": 880, "seconds": 1.0, "cpu_seconds": 1.0}
        monkeypatch.setattr(evolution, "run", lambda *_: record)
        quick, full = (
            evolution.evolution(Session(quick=q, seeds=1, data=str(tmp_path))).protocol for q in (True, False)
        )
        assert "200 points in each" in quick[0]
        assert "2000 points in each" in full[0]
        assert ("nine tenths" in quick[0], "nine tenths" in full[0]) == (False, True)  # what measurements have shown


class TestCompilation:
    """Kernels are compiled before a clock runs: with a limit of two seconds the first method had none of them."""

    def slow_first(self, calls):
        """A solver that takes long once, as one does that compiles."""

        def solved(*_, **settings):
            if not calls:
                time.sleep(0.3)
            calls.append(settings)
            history = {"seconds": [0.1], "error": [1e-3], "step": [3], "residual": [0.1]}
            found = MagicMock(error=1e-3, residual=0.1, history=history, unknowns={"viscosity": 0.003},
                              solutions=[SimpleNamespace(model=torch.nn.Linear(2, 1))],
                              problem=Problem(TimeSpace((0, 1), Box(-1, 1)), lambda x, u: u.dt))  # fmt: skip
            found.side_effect = lambda nodes: nodes[:, 0]
            return found

        return solved

    def test_poisson(self, monkeypatch):
        calls = []
        monkeypatch.setattr(poisson, "solve", self.slow_first(calls))
        poisson.compiled.cache_clear()
        records = [poisson.run(*poisson.COUNTS, seed, 2.0) for seed in (0, 1)]
        assert max(r["seconds"] for r in records) < 0.2
        assert [call.get("time_limit_sec") for call in calls] == [None, 2.0, 2.0]
        assert (calls[0]["lm_steps"], calls[0]["steps"]) == (2, 2)  # both solvers
        poisson.compiled.cache_clear()

    @pytest.mark.parametrize(
        ("module", "solver", "arguments", "key", "expected"),
        [
            (inverse_burgers, "solve", lambda grid, seed: (grid, seed, 20.0), ("time_limit_sec",),
             [(None,), (20.0,), (20.0,)]),
            (evolution, "march_windows", lambda grid, seed: ("kdv", grid, seed, True), ("points", "lm_steps"),
             [(50, 1), (200, 2), (200, 2)]),
        ],
        ids=["burgers backwards", "evolutions"],
    )  # fmt: skip
    def test_with_a_reference(self, module, solver, arguments, key, expected, monkeypatch):
        calls = []
        monkeypatch.setattr(module, solver, self.slow_first(calls))
        module.compiled.cache_clear()
        t, x = torch.linspace(0, 1, 4, dtype=F64), torch.linspace(-1, 1, 5)
        grid = ReferenceGrid((t, x), torch.ones(4, 5))
        records = [module.run(*arguments(grid, seed)) for seed in (0, 1)]
        assert max(r["seconds"] for r in records) < 0.2
        assert [tuple(call.get(name) for name in key) for call in calls] == expected
        module.compiled.cache_clear()


class TestLimits:
    @pytest.mark.parametrize(("quick", "limit"), [(True, 2), (False, 60)])
    def test_poisson_says_the_limit_of_its_runs(self, quick, limit, monkeypatch):
        record = {"error": 1e-3, "h1": 1e-3, "parameters": 360, "seconds": 1.0, "cpu_seconds": 1.0, "reached": None}
        monkeypatch.setattr(poisson, "run", lambda *_: record)
        report = poisson.poisson(Session(quick=quick, seeds=1, only=tuple(poisson.COUNTS[0].split(","))))
        assert f" {limit} s for each run, compilation not counted" in report.protocol[0]
        assert ("first iterations" in report.protocol[0]) == quick
        assert report.bars[0].what.startswith(f"relative L2 in {limit} s, ")

    @pytest.mark.parametrize(("quick", "limit"), [(True, 20), (False, 600)])
    def test_burgers_backwards_says_the_limit_of_its_runs(self, quick, limit, tmp_path, monkeypatch):
        with pytest.raises(FileNotFoundError, match=r"published as https://.*/deepxde/[0-9a-f]{40}/.*/Burgers\.npz"):
            inverse_burgers.inverse_burgers(Session(data=str(tmp_path)))
        np.savez(tmp_path / "Burgers.npz", t=np.linspace(0, 0.99, 4), x=np.linspace(-1, 1, 5), usol=np.ones((5, 4)))
        record = {"seed": 0, "viscosity": 0.003, "wrong": 0.1, "error": 0.1, "seconds": 1.0}
        monkeypatch.setattr(inverse_burgers, "run", lambda *_: record)
        report = inverse_burgers.inverse_burgers(Session(quick=quick, seeds=1, data=str(tmp_path)))
        assert f"at most {limit} s for each run, compilation not counted" in report.protocol[0]

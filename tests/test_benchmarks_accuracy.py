"""The accuracy benchmarks' pure parts: journal, tables, judgement, shapes. No network is trained here."""

import importlib.util
import json
import math
import re
from itertools import pairwise

import numpy as np
import pytest
import sympy
import torch
from benchmarks.accuracy import (
    curves,
    discovery,
    hello,
    laws,
    report,
    second_order,
    sets,
    shapes,
    staircase,
    tables,
    training,
)
from benchmarks.accuracy import lm as lm_row
from benchmarks.accuracy.equivalent import is_same
from benchmarks.accuracy.journal import Journal
from benchmarks.accuracy.problem import find
from benchmarks.accuracy.session import Rivals, Session
from benchmarks.accuracy.training import Job, Protocol
from benchmarks.harness import Bar
from benchmarks.paper import page, poisson

from edgewise import KAN, MLP
from edgewise.datasets import feynman_equations, special_functions
from edgewise.errors import ParameterError

JOB = Job("special", "bessel_j", "KAN", (2, 2, 1), 0, Protocol())


def count_calls(results):
    """A measurement that hands out `results` in turn, and the list of what it gave."""
    given = []

    def measure():
        given.append(results[len(given)])
        return given[-1]

    return measure, given


class TestJournal:
    def test_a_key_is_measured_once(self):
        journal = Journal()
        measure, given = count_calls([{"a": 1}, {"a": 2}])
        assert journal.record({"x": 1, "y": (1, 2)}, measure) == ({"a": 1}, True)
        assert journal.record({"y": [1, 2], "x": 1}, measure) == ({"a": 1}, False)
        assert journal.record({"x": 2, "y": (1, 2)}, measure) == ({"a": 2}, True)
        assert len(given) == len(journal) == 2

    def test_resume_takes_what_the_file_holds(self, tmp_path):
        path = tmp_path / "runs.jsonl"
        Journal(path).record(JOB.key(), lambda: {"test_rmse": 1e-7}, note={"machine": "m"})
        line = json.loads(path.read_text())
        assert (line["result"], line["machine"]) == ({"test_rmse": 1e-7}, "m")
        record, fresh = Journal(path, resume=True).record(JOB.key(), lambda: pytest.fail("measured again"))
        assert (record, fresh) == ({"test_rmse": 1e-7}, False)

    def test_another_setting_is_measured_again(self, tmp_path):
        path = tmp_path / "runs.jsonl"
        Journal(path).record(JOB.key(), lambda: {"test_rmse": 1e-7})
        other = Job(*[getattr(JOB, name) for name in ("row", "problem", "model", "width", "seed")], Protocol(steps=31))
        assert Journal(path, resume=True).record(other.key(), lambda: {"test_rmse": 1.0})[1]

    def test_without_resume_the_file_starts_afresh(self, tmp_path):
        path = tmp_path / "runs.jsonl"
        Journal(path).record({"a": 1}, dict)
        assert len(Journal(path)) == 0
        assert path.read_text() == ""

    @pytest.mark.parametrize("torn", ['{"key": {"a": 2}, "res', '{"key": {"a": 2}, "result": {}}'])
    def test_a_torn_last_line_is_dropped_and_measured_again(self, tmp_path, torn):
        path = tmp_path / "runs.jsonl"
        Journal(path).record({"a": 1}, dict)
        with path.open("a") as file:
            file.write(torn)
        journal = Journal(path, resume=True)
        assert len(journal) == 1
        assert journal.record({"a": 2}, dict)[1]
        assert [json.loads(line)["key"] for line in path.read_text().splitlines()] == [{"a": 1}, {"a": 2}]

    def test_resume_needs_a_file(self):
        with pytest.raises(ValueError, match="give `--json PATH`"):
            Journal(resume=True)


class TestReport:
    def test_bars_say_published_measured_and_met(self):
        bars = [Bar("error", 2e-7, 1e-6, "", published="1e-5"), Bar("gain", 9.0, 10, at_least=True), Bar("x", None, 1)]
        lines = report.bar_table(bars).splitlines()
        assert lines[0] == "| what | published | bar | measured | met |"
        assert lines[2] == "| error | 1e-5 | <= 1e-06  | 2e-07  | yes |"
        assert lines[3] == "| gain | - | >= 10 x | 9 x | **no** |"
        assert lines[4] == "| x | - | <= 1 x | not measured | **no** |"

    def test_a_section_is_replaced_and_the_rest_of_the_page_kept(self):
        page = "# Benchmarks\n\ntext\n"
        once = report.insert(page, "deep", "old")
        both = report.insert(once, "special", "S") + "tail\n"
        twice = report.insert(both, "deep", "new")
        assert twice == both.replace("old", "new")
        assert twice.startswith(
            "# Benchmarks\n\ntext\n\n<!-- accuracy deep: begin -->\nnew\n<!-- accuracy deep: end -->"
        )
        assert report.insert("", "deep", "new").startswith("<!-- accuracy deep: begin -->")

    def test_a_damaged_page_is_refused(self):
        with pytest.raises(ValueError, match="got 1 and 0"):
            report.insert("<!-- accuracy deep: begin -->", "deep", "new")

    def test_numbers(self):
        assert report.best_and_median([3e-6, 1e-6, math.inf]) == ["1.00e-06", "3.00e-06"]
        assert report.best_and_median([math.inf]) == ["failed", "failed"]
        assert report.best_and_median([]) == ["-", "-"]
        assert report.geometric_mean([1e-2, 1e-4]) == pytest.approx(1e-3)
        assert report.geometric_mean([1e-2, math.inf]) == math.inf
        assert report.geometric_mean([0.0, 1.0]) > 0


class TestStaircase:
    def test_errors_of_order_four_pass_and_of_three_do_not(self):
        def curves(order):
            return {g: [(3 / g) ** order * 0.01] * 3 for g in (3, 5, 10, 20, 50, 100)}

        fourth, third = staircase.staircase_bars(curves(4)), staircase.staircase_bars(curves(3))
        assert [bar.passed for bar in fourth] == [True, True, True]  # 8.1e-9 at G=100
        assert [bar.passed for bar in third] == [True, True, False]  # 2.7e-7, but of order 3
        assert fourth[2].value == pytest.approx(4)

    def test_growth_is_the_worst_step_up_to_the_last_grid(self):
        medians = {3: 8.0, 5: 4.0, 10: 5.0, 100: 1.0, 200: 9.0}
        assert staircase.growth(medians, 100) == pytest.approx(1.25)
        assert staircase.growth(medians, 50) is None
        assert staircase.growth({3: 1.0, 100: math.inf}, 100) == math.inf

    def test_order_needs_both_grids(self):
        assert staircase.order({5: 1e-2, 50: 1e-6}, 5, 50) == pytest.approx(4)
        assert staircase.order({5: 1e-2}, 5, 50) is None
        assert staircase.order({5: 1e-2, 50: math.inf}, 5, 50) is None

    def test_by_grid_counts_a_failed_fit_as_infinite(self):
        good = {"stages": [{"grid": 3, "test_rmse": 1.0}, {"grid": 5, "test_rmse": 0.5}]}
        stopped = {"stages": [{"grid": 3, "test_rmse": 2.0}]}
        curves = staircase.by_grid([good, stopped, {"test_rmse": None}])
        assert curves == {3: [1.0, 2.0, math.inf], 5: [0.5, math.inf, math.inf]}
        assert staircase._monotone_line({3: [1.0, 1.0], 100: [0.5, 2.0]}).endswith("for 1 of 2 seeds.")


def records(errors):
    return [{"test_rmse": error if math.isfinite(error) else None} for error in errors]


def measured(problem, published, kan, mlp, pykan=()):
    return sets.Row(problem, published, Rivals((2, 2, 1), (2, 5, 5, 1), *map(records, (kan, mlp, pykan))))


class TestSets:
    def test_median_and_best_are_judged_apart(self):
        problem = special_functions()[3]
        rows = [measured(problem, 1e-5, [1e-6, 2e-5, 3e-5], [1e-5, 1e-5, 1e-4])] * 13
        below_median, below_best, mlp_median, mlp_best, *free = sets.special_bars(rows)
        assert (below_median.value, below_best.value) == (0, 13)
        assert (mlp_median.value, mlp_best.value) == (0, 13)
        assert (below_best.passed, mlp_best.passed) == (True, False)  # 13 of 15 promised; 15 of 15
        assert not free  # none was trained

    def test_the_free_pair_is_judged_by_itself(self):
        free = Rivals((2, 4, 3, 1), (2, 9, 9, 1), records([1e-6, 1e-7]), records([2e-6, 8e-7]), [])
        row = measured(special_functions()[3], 1e-5, [1e-4, 1e-4], [1e-5, 1e-5], [])._replace(free=free)
        assert [bar.value for bar in sets.special_bars([row])] == [0, 0, 0, 0, 1, 1]
        header, _, line = sets.as_table([row]).splitlines()
        cells = dict(zip(*(text.strip("| ").split(" | ") for text in (header, line)), strict=True))
        assert (cells["[2,4,3,1] best"], cells["[2,4,3,1] median"]) == ("1.00e-07", "5.50e-07")
        assert (cells["[2,9,9,1] best"], cells["[2,9,9,1] median"]) == ("8.00e-07", "1.40e-06")
        assert line.endswith("| **no** / **no** / yes |")

    def test_geometric_mean_counts_only_on_all_rows(self):
        rows = [measured(p, 1e-5, [1e-6, 1e-6], [1.0, 1.0]) for p in feynman_equations()]
        full, part = sets.feynman_bars(rows), sets.feynman_bars(rows[:26])
        assert (full[0].value, full[0].passed) == (pytest.approx(1e-6), True)
        assert (part[0].value, part[0].passed) == (None, False)
        assert [bar.value for bar in full[2:]] == [27, 27]

    def test_a_failed_seed_is_infinite_and_not_left_out(self):
        row = measured(special_functions()[3], 1e-5, [1e-6, math.inf, math.inf], [1.0] * 3)
        assert sets.special_bars([row])[0].value == 0

    def test_table_row(self):
        line = sets.as_table([measured(find("harmonic_0_1"), 2.21e-7, [1e-8, 3e-8], [1e-9, 1e-9], [math.inf])])
        cells = line.splitlines()[2].strip("| ").split(" | ")
        assert cells[:5] == ["harmonic_0_1", "[2,2,1]", "2.21e-07", "1.00e-08", "2.00e-08"]
        assert cells[5:9] == ["[2,5,5,1]", "1.00e-09", "1.00e-09", "failed"]
        assert cells[-1] == "yes / **no**"
        assert float(cells[-2]) == pytest.approx(0.35, abs=0.02)  # sqrt(3/8 pi) = 0.345 in theory

    def test_domains_are_written_out_and_no_bar_breaks_the_table(self):
        rows = [measured(p, 1.0, [1.0], [1.0]) for p in (*special_functions(), *feynman_equations())]
        lines = sets.domains(rows).splitlines()
        assert len(lines) == 2 + 42
        assert all(line.count("|") == 5 for line in lines)
        assert "| v in [0, 2], x in [0.5, 8] |" in sets.domains(rows)

    @pytest.mark.parametrize(
        ("session", "said"),
        [
            (Session(seeds=1), r"\[2,4,3,1\] .* degree 5, grids 2-4-8 and 60 steps on each, 322 .*, against 301\."),
            (Session(quick=True, seeds=1), r"grids 2-4 and 10 steps on each, 230 parameters .*, against 205\."),
            (Session(steps=7, seeds=1, only=("bessel_j",)), r"and 7 steps on each, 322 .*, against 301\."),
        ],
    )
    def test_the_text_says_what_was_run(self, session, said, monkeypatch):
        """Not the protocol of the page. Parameters are those of the networks themselves."""

        def run(job):
            assert job.model != training.PYKAN or job.protocol == session.adapt(sets.SMOOTH)
            options = {"grid": job.protocol.grids[-1], "k": job.protocol.k} if job.model == training.KAN else {}
            network = (KAN if options else MLP)(list(job.width), **options)
            return {"test_rmse": 1e-3, "parameters": sum(p.numel() for p in network.parameters() if p.requires_grad)}

        monkeypatch.setattr(training, "run", run)
        session.pykan_seeds = 1  # of the published shapes alone
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
        text = sets.special(session).protocol[2]
        assert re.search(said, text), text

    def test_an_unknown_name_is_refused(self):
        with pytest.raises(ValueError, match=r"some of jacobian_elliptic, .*; got bessel"):
            sets.special(Session(only=("bessel",)))
        with pytest.raises(ParameterError, match="one of hello, deep, jacobian_elliptic"):
            find("bessel")


class TestOnly:
    KNOWN = ("MLP", "KAN, k=3", "KAN, k=3, silu", "last")

    def test_names_may_contain_commas_and_keep_their_order(self):
        for asked, wanted in (("last,MLP", ["MLP", "last"]), ("KAN, k=3", ["KAN, k=3"]),
                              ("KAN, k=3, silu,KAN, k=3", ["KAN, k=3", "KAN, k=3, silu"])):  # fmt: skip
            assert Session(only=tuple(asked.split(","))).named(self.KNOWN) == wanted
        assert Session().named(self.KNOWN, 2) == list(self.KNOWN)
        assert Session(quick=True).named(self.KNOWN, 2) == ["MLP", "KAN, k=3"]

    def test_a_command_says_what_it_has(self, capsys):
        with pytest.raises(SystemExit):
            page.run("poisson", "doc", poisson.poisson, ["--only", "KAN"])
        assert "error: --only must name some of KAN, Chebyshev of degree 10, " in capsys.readouterr().err


class TestShapes:
    def test_every_problem_has_one(self):
        assert list(shapes.SPECIAL) == [p.name for p in special_functions()]
        assert list(shapes.FEYNMAN) == [p.name for p in feynman_equations()]
        for problem in (*special_functions(), *feynman_equations()):
            width = (shapes.SPECIAL | shapes.FEYNMAN)[problem.name]
            assert (width[0], width[-1]) == (problem.n_var, 1)

    @pytest.mark.parametrize("problem", special_functions(), ids=lambda p: p.name)
    def test_special_shapes_are_no_larger_than_the_published(self, problem):
        def edges(width):
            return sum(a * b for a, b in pairwise(width))

        ours, theirs = shapes.SPECIAL[problem.name], problem.shapes["best KAN"]
        assert edges(ours) <= edges(theirs)
        assert len(ours) <= len(theirs)

    def test_mlp_is_as_large_as_the_kan_but_capped(self):
        def size(width):
            return sum((a + 1) * b for a, b in pairwise(width))

        small = training.mlp_width((2, 1, 1), 10)  # 3 edges of 10 + 3 + 2 = 45 parameters
        assert size(small) <= 45 < size((2, small[1] + 1, small[1] + 1, 1))
        large = training.mlp_width((2, 5, 1), 100)
        assert size(large) <= training.MLP_PARAMETERS < size((2, large[1] + 1, large[1] + 1, 1))


class TestSession:
    def test_options_change_the_protocol_and_quick_shortens_it(self):
        protocol = Session(steps=7, restarts=3).adapt(Protocol())
        assert (protocol.steps, protocol.restarts, protocol.grids) == (7, 3, Protocol().grids)
        quick = Session(quick=True).adapt(Protocol(restarts=1))
        assert (len(quick.grids), quick.restarts, quick.train_num) == (2, 1, 300)
        assert len(Session(quick=True).seed_range()) == 2
        assert (len(Session().seed_range()), len(Session().seed_range(20)), len(Session(seeds=3).seed_range(20))) == (
            10,
            20,
            3,
        )

    def test_trainings_go_through_the_journal(self, monkeypatch, tmp_path, capsys):
        monkeypatch.setattr(training, "run", lambda job: {"test_rmse": 10.0**-job.seed, "seconds": 1.0})
        path = tmp_path / "runs.jsonl"
        session = Session(Journal(path), seeds=3, pykan_seeds=0)
        first = session.rivals("special", "bessel_j", (2, 2, 1), Protocol(), pykan=1)
        assert Rivals.errors(first.kan) == [1.0, 0.1, 0.01]
        assert first.pykan == []
        monkeypatch.setattr(training, "run", lambda job: pytest.fail("trained again"))
        again = Session(Journal(path, resume=True), seeds=3, pykan_seeds=0)
        assert again.rivals("special", "bessel_j", (2, 2, 1), Protocol(), pykan=1) == first
        assert "bessel_j KAN [2,2,1] seed 2: test RMSE 1.00e-02 in 1.0 s (known)" in capsys.readouterr().err


def test_hello_bars_count_a_missed_target_as_no_gain():
    good = {"seconds": 0.1, "test_rmse": 1e-4, "pykan_seconds": 20.0, "pykan_rmse": 5e-4}
    assert [bar.passed for bar in hello.bars([good] * 3)] == [True, True, True]
    missed = {**good, "test_rmse": 2e-4}
    assert [bar.value for bar in hello.bars([missed, missed, good])] == [0.0, pytest.approx(0.4), pytest.approx(1 / 3)]
    alone = {"seconds": 0.1, "test_rmse": 1e-4}
    assert [bar.passed for bar in hello.bars([alone])] == [False, False, True]  # no rival, no win


def test_lm_bars_take_the_cheaper_gradient_and_the_jacobian():
    times = {"iteration": 9.0, "gradient": 1.0, "closure": 2.0}
    peak = {"rows": 2**20, "parameters": 100, "peak_mib": 40.0}  # Jacobian: 800 MiB
    time, memory = lm_row.bars(times, peak)
    assert (time.value, time.passed) == (9.0, True)
    assert (memory.value, memory.passed) == (0.05, True)
    assert not lm_row.bars(times, {**peak, "peak_mib": None})[1].passed


class TestFoundFormulas:
    X, Y = (sympy.Symbol(name, real=True) for name in "xy")
    RANGES = {X: (1.0, 3.0), Y: (1.0, 5.0)}  # noqa: RUF012

    @pytest.mark.parametrize(
        ("found", "same"),
        [
            ("(x + y)**2/2", True),
            ("(x**2 + 2*x*y + y**2)/2", True),
            ("(x + y)**2/2 + 0.3", True),  # up to a constant
            ("3.7*(x + y)**2", True),  # and a factor
            ("0.50001*(1.00004*x + y)**2", True),  # decimals are rounded
            ("0.5*(1.002*x + y)**2", False),
            ("(x + y)**2/2 + x/1000", False),
            ("0", False),
            ("exp(x)", False),
            ("log(x - 2)", False),  # complex for some x
        ],
    )
    def test_same_up_to_algebra_and_a_constant(self, found, same):
        names = {"x": self.X, "y": self.Y}
        truth = sympy.sympify("(x + y)**2/2", locals=names)
        assert is_same(sympy.sympify(found, locals=names), truth, self.RANGES) is same

    @pytest.mark.parametrize("law", laws.LAWS, ids=lambda law: law.name)
    def test_a_law_and_its_expression_agree(self, law):
        data = law.dataset(20, 5, 0, dtype=torch.float64)
        symbols = [sympy.Symbol(name, real=True) for name in law.variables]
        expected = [
            float(laws.expression(law).subs(dict(zip(symbols, row, strict=True))))
            for row in data["train_input"].tolist()
        ]
        assert data["train_label"][:, 0].tolist() == pytest.approx(expected, rel=1e-12, abs=1e-14)

    def test_the_report_counts_what_is_found(self):
        law = laws.LAWS[4]
        table = [{"complexity": 3, "val_loss": 0.0, "knee": "*", "formula": "y = x*y"}]
        found = {"seconds": 1.0, "test_rmse": 0.0, "std": 1.0, "solved": True, "in_table": True, "formula": "x*y"}
        missed = found | {"solved": False, "in_table": False, "test_rmse": 0.5}
        journal, key = Journal(), {"row": "formulas", "problem": law.name, "noise": 0.0, "limit": discovery.PATIENT_SEC}
        for seed, record in enumerate([found, missed]):
            journal.record(
                key | {"seed": seed, "rows": discovery.ROWS}, lambda r=record: r | {"why": "", "table": table}
            )
        measured = discovery.formulas(Session(journal, seeds=2, only=(law.name,)))
        assert "1 of 2" in measured.as_text()
        assert [bar.value for bar in measured.bars] == [1]
        assert not measured.bars[0].passed

    def test_an_unknown_law_is_refused(self):
        with pytest.raises(ValueError, match="got nothing"):
            discovery.ai_feynman(Session(Journal(), only=("nothing",)))


class TestSecondOrder:
    CURVE = ([0.0, 1, 4.0], [1.0, 3, 1.0], [2.0, 5, 2.0], [4.0, 9, 0.25])

    def test_a_curve_read_at_a_time_or_at_some_work(self):
        assert curves.at(self.CURVE, 0, 3.0) == 1.0
        assert curves.at(self.CURVE, 1, 9) == 0.25
        assert curves.at(self.CURVE, 1, 0) == math.inf
        assert curves.lowest(self.CURVE, 1) == ([1, 3, 5, 9], [4.0, 1.0, 1.0, 0.25])

    @pytest.mark.parametrize("length", [1, 2, 50, 5000])
    def test_a_thinned_curve_keeps_its_ends_and_its_order(self, length):
        curve = [[float(n), n, 1.0 / (n + 1)] for n in range(length)]
        kept = curves.thinned(curve)
        assert (kept[0], kept[-1]) == (curve[0], curve[-1])
        assert kept == sorted(kept)
        assert len(kept) <= curves.POINTS + 2

    def test_bars_count_seeds(self):
        good, bad = ({"train_rmse": value, "test_rmse": value, "spread": 1.0} for value in (1e-5, 0.6))
        runs = {"HSODM": [good, good], "SFN": [good, bad]}
        assert [bar.value for bar in second_order.bars(runs, runs)] == [1.0, 1.0, 0.5, 0.5, 1.0, 0.5]

    def test_the_digits_serve_where_no_folder_is_named(self):
        table = tables.find(None, 100)
        assert [len(part) for part in table[1:]] == [100] * 4
        assert float(table.x.abs().max()) <= 1
        assert set(table.y.tolist()) == set(range(10))

    def test_mnist_becomes_as_many_components_as_volkert_has_columns(self, tmp_path):
        (tmp_path / "mnist").mkdir()
        images = torch.randint(256, (400, 28, 28), generator=torch.Generator().manual_seed(0)).to(torch.uint8).numpy()
        labels = (images[:, 0, 0] % 10).astype("uint8")
        parts = {"x_train": images[:300], "y_train": labels[:300], "x_test": images[300:], "y_test": labels[300:]}
        np.savez(tmp_path / "mnist" / "mnist.npz", **parts)
        table = tables.find(str(tmp_path), 200)
        assert (table.x.shape, table.test_x.shape) == ((200, 147), (100, 147))
        covariance = table.x.double().mT @ table.x.double()
        off = covariance - covariance.diag().diag()
        assert float(off.abs().max()) < 1e-4 * float(covariance.diag().max())  # components; rounding of float32

    def test_an_empty_folder(self, tmp_path):
        with pytest.raises(
            FileNotFoundError, match=r"holds neither volkert .* nor mnist/mnist.npz; leave out `--data`"
        ):
            tables.find(str(tmp_path), 10)

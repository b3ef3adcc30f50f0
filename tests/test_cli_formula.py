"""Formulas from the command line: searched for, shown, written, honest about what they are worth."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from edgewise import KAN, KANRegressor
from edgewise.cli import main

TIME = ["--formula", "--formula-time", "600"]  # a slow machine must not change the result


def law(n: int = 150) -> pd.DataFrame:
    random = np.random.default_rng(0)
    mass, team = random.uniform(1, 5, n), random.choice(["red", "a<b>"], n)
    return pd.DataFrame({"mass": mass, "team": team, "E": 3 * mass**2 + 10 * (team == "a<b>")})


@pytest.fixture(scope="module")
def fitted(tmp_path_factory) -> tuple[Path, str]:
    """The folder of a fit of the law, and what it said."""
    folder = tmp_path_factory.mktemp("law")
    law().to_csv(folder / "t.csv", index=False)
    said = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout.write", said.append)
        arguments = ["fit", str(folder / "t.csv"), "--target", "E", "-o", str(folder / "run")]
        assert main([*arguments, "--hidden", "0", "--quiet", *TIME]) == 0
    return folder / "run", "".join(said)


class TestFit:
    def test_the_law_is_printed_with_what_it_is_worth(self, fitted):
        _, out = fitted
        assert "\nE = 3*mass**2 + 10*[team=a<b>]\n" in out
        assert "R2 of the formula on the 30 held-out rows: 1; of the KAN [3, 1]" in out
        assert "edges have a name: all is in the formula" in out
        assert "Unexplained share of the variance on the training rows" in out
        assert "and network differ on the held-out rows by at most" in out
        assert "formula.txt, symbolic.safetensors" in out

    def test_files(self, fitted):
        folder, _ = fitted
        text = (folder / "formula.txt").read_text()
        assert text.startswith("E = 3*mass**2 + 10*[team=a<b>]\n\nR2 of the formula")
        page = (folder / "report.html").read_text()
        assert "<h2>Formula</h2>\n<pre><code>E = 3*mass**2 + 10*[team=a&lt;b&gt;]</code></pre>" in page
        assert "a<b>" not in page
        assert "What the formula is worth" in page
        model = KANRegressor.load(folder / "symbolic.safetensors")
        x = law().drop(columns="E")
        np.testing.assert_allclose(model.formula()(x)[:, 0], law()["E"], rtol=1e-9)

    def test_numbers_for_programs(self, fitted):
        found = json.loads((fitted[0] / "metrics.json").read_text())["formula"]
        assert found["text"] == "E = 3*mass**2 + 10*[team=a<b>]"
        assert r"\text{team=a<b>}" in found["latex"]
        assert found["test"]["r2"] == pytest.approx(1.0)
        assert found["edges"]["splines"] == 0
        assert found["difference_from_network"] < 1e-9
        assert 0 <= found["unexplained"]["named"] < 1e-6 < found["unexplained"]["splines"] + 1

    def test_without_the_flag_there_is_none_and_old_ones_go(self, run, tmp_path):
        law(40).to_csv("t.csv", index=False)
        (tmp_path / "o").mkdir()
        (tmp_path / "o" / "formula.txt").write_text("old")
        code, out, err = run(
            "fit", "t.csv", "--target", "E", "--hidden", "0", "--steps", "3", "-o", "o", "--force", "--json", "--quiet"
        )
        assert code == 0, err
        assert "formula" not in json.loads(out)
        assert not (tmp_path / "o" / "formula.txt").exists()

    def test_no_time_leaves_splines_and_says_so(self, run):
        law(60).to_csv("t.csv", index=False)
        code, out, err = run(
            "fit", "t.csv", "--target", "E", "--hidden", "0", "--steps", "5", "--formula", "--formula-time", "1e-9"
        )
        assert code == 0, err
        assert "0 of its 3 edges have a name; the other 3, phi_l_i_j" in out
        assert "phi_0_0_0(" in out
        assert "Looking for a formula" in err

    def test_ctrl_c_in_the_search_keeps_the_fit(self, run, monkeypatch):
        def stop(*_, **__):
            raise KeyboardInterrupt

        monkeypatch.setattr(KANRegressor, "sparsified", stop)
        law(60).to_csv("t.csv", index=False)
        code, out, err = run("fit", "t.csv", "--target", "E", "--hidden", "0", "--steps", "5", "--formula", "-o", "o")
        assert code == 130
        assert "formula left out" in err
        assert "report.html" in out
        assert not Path("o/formula.txt").exists()

    def test_a_search_that_fails_is_a_note(self, run, monkeypatch):
        from edgewise.errors import ConvergenceError

        def fail(*_, **__):
            raise ConvergenceError("no way down")

        monkeypatch.setattr(KANRegressor, "sparsified", fail)
        law(60).to_csv("t.csv", index=False)
        code, out, err = run("fit", "t.csv", "--target", "E", "--hidden", "0", "--steps", "5", "--formula", "--json")
        assert code == 0
        assert "No formula: no way down" in err
        assert json.loads(out)["formula"] is None

    def test_classes_and_bad_times_are_refused(self, run):
        law(40).to_csv("t.csv", index=False)
        code, _, err = run("fit", "t.csv", "--target", "team", "--formula")
        assert code == 2
        assert "--formula is for numbers" in err
        code, _, err = run("fit", "t.csv", "--target", "E", "--formula", "--formula-time", "0")
        assert code == 2
        assert "must be a number of seconds > 0" in err

    def test_a_large_network_gets_a_small_one_for_its_formula(self, run):
        law(60).to_csv("t.csv", index=False)
        steps = ["--steps", "5", "--formula", "--formula-time", "1e-9", "--json", "--quiet"]
        code, out, err = run("fit", "t.csv", "--target", "E", "--hidden", "12", *steps)
        assert code == 0, err
        said = json.loads(out)
        assert said["network"]["width"] == [3, 12, 1]
        assert said["formula"]["width"] == [3, 3, 1]


class TestDemo:
    def test_shows_a_formula_beside_the_kan(self, run):
        code, out, err = run("demo", "--hidden", "2", "--steps", "3", "--formula-time", "1e-9", "--quiet")
        assert code == 0, err
        assert "sound_pressure = " in out
        assert "bend" not in out  # a network without bent columns was trained for it
        assert "of the KAN [5, 2, 1]: " in out


class TestInfoAndExport:
    def test_info(self, run, fitted):
        code, out, _ = run("info", fitted[0] / "symbolic.safetensors")
        assert code == 0
        assert "formula" in out
        assert "mass" in out.splitlines()[-1]
        assert "formula" not in run("info", fitted[0] / "model.safetensors")[1]

    def test_sources_say_what_the_model_says(self, run, fitted):
        path = fitted[0] / "symbolic.safetensors"
        for kind in ("python", "c", "latex"):
            code, _, err = run("export", path, "--format", kind, "-o", f"f.{kind}")
            assert code == 0, err
        space: dict = {}
        exec(Path("f.python").read_text(), space)
        model, x = KANRegressor.load(path), law().drop(columns="E")
        rows = model.formula().rows(x).numpy()
        np.testing.assert_allclose(space["f"](rows)[:, 0], model.predict(x), rtol=1e-12)
        assert "void f(const double *x, double *y)" in Path("f.c").read_text()
        assert Path("f.latex").read_text().startswith("E = ")

    def test_a_bare_network(self, run):
        model = KAN([2, 1], seed=0, dtype=torch.float64)
        model.fix_symbolic(0, 0, 0, "sin", numbers=(1, 0, 2, 0))
        model.save("k")
        assert "y = phi_0_1_0(x2) + 2*sin(x1)" in run("info", "k")[1]
        code, _, err = run("export", "k", "--format", "python", "-o", "f.py")
        assert code == 2
        assert "phi_0_1_0 are still splines" in err
        assert not Path("f.py").exists()

    def test_nothing_symbolic(self, run, fitted):
        code, _, err = run("export", fitted[0] / "model.safetensors", "--format", "latex", "-o", "f.tex")
        assert code == 2
        assert "no edge with an elementary function" in err

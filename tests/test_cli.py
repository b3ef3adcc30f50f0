"""The command line from outside: results, files, exit codes, and every error read as one line."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from edgewise import KAN, MLP, KANRegressor
from edgewise.cli import main
from edgewise.models import files

FAST = ["--hidden", "2", "--steps", "4", "--quiet"]


def table(n: int = 60) -> pd.DataFrame:
    t = np.arange(n)
    x1, x2 = np.sin(3.0 * t), np.cos(5.0 * t) * 10
    return pd.DataFrame({"x1": x1, "x2": x2, "kind": np.where(t % 3 == 0, "a", "b"), "y": x1**2 + x2 / 10})


@pytest.fixture(scope="module")
def fitted(tmp_path_factory) -> Path:
    """A folder with `t.csv` and the results of a fit in `run/`."""
    folder = tmp_path_factory.mktemp("fitted")
    table().to_csv(folder / "t.csv", index=False)
    assert main(["fit", str(folder / "t.csv"), "--target", "y", "-o", str(folder / "run"), *FAST]) == 0
    return folder


@pytest.fixture
def fails(run):
    """Run a command that must fail with one line; gives that line."""

    def call(*arguments: object, code: int = 2) -> str:
        got, out, err = run(*arguments)
        assert (got, out) == (code, ""), err
        assert err.startswith("edgewise: ")
        assert err.count("\n") == 1, err
        assert "Traceback" not in err
        return err.removeprefix("edgewise: ").strip()

    return call


class TestStart:
    def test_help_is_cheap(self):
        code = (
            "import resource, sys\n"
            "from edgewise.cli import main\n"
            "main(['--help'])\n"
            "heavy = {'torch', 'numpy', 'pandas', 'matplotlib', 'sklearn', 'numba', 'sympy'} & set(sys.modules)\n"
            "use = resource.getrusage(resource.RUSAGE_SELF)\n"
            "sys.stderr.write(f'{sorted(heavy)} {use.ru_utime + use.ru_stime}')\n"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        heavy, seconds = done.stderr.rsplit(" ", 1)
        assert heavy == "[]"
        assert float(seconds) < 0.4  # processor time, interpreter included: about 0.06 s
        assert "fit a network to a table" in done.stdout
        assert "130" in done.stdout

    @pytest.mark.parametrize("command", ["fit", "predict", "info", "explore", "export", "demo", "lesson", "bench"])
    def test_help_of_each_command(self, run, command):
        code, out, _ = run(command, "--help")
        assert code == 0
        assert "exit codes" in out

    def test_as_a_module(self):
        done = subprocess.run(
            [sys.executable, "-m", "edgewise", "--version"], capture_output=True, text=True, check=True
        )
        assert done.stdout.startswith("edgewise 0.")

    @pytest.mark.parametrize("arguments", [[], ["fitt"], ["fit"], ["info"], ["fit", "t.csv", "--stepz", "3"]])
    def test_wrong_usage(self, run, arguments):
        code, out, err = run(*arguments)
        assert code == 2
        assert out == ""
        assert "usage: edgewise" in err


class TestFit:
    def test_files(self, fitted):
        names = {"model.safetensors", "predictions.csv", "metrics.json", "network.svg", "report.html"}
        assert {path.name for path in (fitted / "run").iterdir()} == names

    def test_held_out_rows_and_their_scores(self, fitted):
        rows = pd.read_csv(fitted / "run" / "predictions.csv")
        metrics = json.loads((fitted / "run" / "metrics.json").read_text())
        assert rows.columns.tolist() == ["index", "truth", "prediction"]
        assert metrics["rows"] == {"train": 48, "test": 12}
        assert len(rows) == rows["index"].nunique() == 12
        np.testing.assert_allclose(rows["truth"], table()["y"][rows["index"]], rtol=1e-12)
        error, spread = rows["prediction"] - rows["truth"], rows["truth"] - rows["truth"].mean()
        kan = metrics["test"]["kan"]
        assert kan["rmse"] == pytest.approx((error**2).mean() ** 0.5)
        assert kan["mae"] == pytest.approx(error.abs().mean())
        assert kan["r2"] == pytest.approx(1 - (error**2).sum() / (spread**2).sum())

    def test_the_linear_baseline_is_least_squares_on_the_same_split(self, fitted):
        held_out = pd.read_csv(fitted / "run" / "predictions.csv")["index"]
        data = table().assign(kind=lambda t: t["kind"] == "a", one=1.0).astype(float)
        x, y = data.drop(columns="y"), data["y"]
        train = ~data.index.isin(held_out)
        weights = np.linalg.lstsq(x[train].to_numpy(), y[train].to_numpy(), rcond=None)[0]
        rmse = ((x[~train].to_numpy() @ weights - y[~train]) ** 2).mean() ** 0.5
        metrics = json.loads((fitted / "run" / "metrics.json").read_text())
        assert metrics["test"]["linear"]["rmse"] == pytest.approx(rmse)
        assert set(metrics["test"]) == {"kan", "linear", "gradient_boosting"}

    def test_the_report_and_the_picture_stand_alone(self, fitted):
        report = (fitted / "run" / "report.html").read_text()
        assert all(word in report for word in ("<svg", "What matters", "gradient boosting", "x1", "edgewise fit", "R2"))
        assert "src=" not in report
        assert "<script" not in report
        svg = (fitted / "run" / "network.svg").read_text()
        import xml.etree.ElementTree as ET

        assert ET.fromstring(svg.encode()).tag == "{http://www.w3.org/2000/svg}svg"
        assert "kind=a" in svg

    def test_the_model_file_predicts_the_same(self, fitted, run):
        code, out, _ = run("predict", fitted / "run" / "model.safetensors", fitted / "t.csv")
        assert code == 0
        from io import StringIO

        rows = pd.read_csv(StringIO(out)).set_index("index")["prediction"]
        held_out = pd.read_csv(fitted / "run" / "predictions.csv").set_index("index")["prediction"]
        np.testing.assert_allclose(rows[held_out.index], held_out, rtol=1e-12)
        again = KANRegressor.load(fitted / "run" / "model.safetensors").predict(table().drop(columns="y"))
        np.testing.assert_allclose(rows, again, rtol=1e-12)

    def test_without_o_nothing_is_written(self, fitted, run, tmp_path):
        code, out, err = run("fit", fitted / "t.csv", "--target", "y", *FAST)
        assert code == 0
        assert list(tmp_path.iterdir()) == []
        assert err == ""
        assert "Test score on 12 held-out rows of t.csv" in out
        assert "add -o DIR" in out

    def test_json_on_stdout_progress_on_stderr(self, fitted, run):
        code, out, err = run("fit", fitted / "t.csv", "--target", "y", "--json", "--hidden", "2", "--steps", "3")
        assert code == 0
        data = json.loads(out)
        assert data["training"]["steps"] == 3
        assert data["network"]["width"] == [4, 2, 1]
        assert data["files"] == []
        assert "taken as a regression target" in err
        assert "3/3" in err

    def test_the_same_seed_gives_the_same_model(self, fitted, run, tmp_path):
        run("fit", fitted / "t.csv", "--target", "y", "-o", "again", *FAST)
        again = tmp_path / "again" / "model.safetensors"
        assert again.read_bytes() == (fitted / "run" / "model.safetensors").read_bytes()

    def test_classes_missing_categories_and_ignored_columns(self, run, tmp_path):
        data = table(80).assign(y=lambda t: np.where(t["y"] > 0.5, "high", "low"), id=np.arange(80))
        data.loc[[1, 7], "kind"] = None
        data.to_parquet(tmp_path / "t.parquet")
        code, out, _ = run("fit", "t.parquet", "--target", "y", "--ignore", "id", "-o", "run", "--json", *FAST)
        assert code == 0
        result = json.loads(out)
        assert result["task"] == "classification"
        rows = pd.read_csv(tmp_path / "run" / "predictions.csv")
        accuracy = (rows["truth"] == rows["prediction"]).mean()
        assert result["test"]["kan"]["accuracy"] == pytest.approx(accuracy)
        right = np.where(rows["truth"] == rows["prediction"], rows["probability"], 1 - rows["probability"])
        assert result["test"]["kan"]["log_loss"] == pytest.approx(-np.log(right).mean())
        assert set(result["test"]["linear"]) == {"accuracy", "log_loss"}
        code, out, _ = run("predict", "run/model.safetensors", "t.parquet")
        assert out.splitlines()[0] == "index,prediction,p(high),p(low)"
        assert len(out.splitlines()) == 81

    def test_a_config_file(self, fitted, run, tmp_path):
        (tmp_path / "run.toml").write_text('target = "y"\nhidden = [3]\nsteps = 2\noutput = "out"\n')
        code, out, _ = run("fit", fitted / "t.csv", "--config", "run.toml", "--steps", "3", "--quiet", "--json")
        assert code == 0
        assert json.loads(out)["network"]["width"] == [4, 3, 1]
        assert json.loads(out)["training"]["steps"] == 3
        assert (tmp_path / "out" / "report.html").exists()

    @pytest.mark.parametrize(("flags", "stops"), [([], True), (["--early-stopping", "off"], False)])
    def test_classes_stop_early(self, run, tmp_path, flags, stops):
        table().assign(y=lambda t: t["y"] > 0.5).to_csv(tmp_path / "t.csv", index=False)
        _, out, _ = run("fit", "t.csv", "--target", "y", "--json", *FAST, *flags)
        assert json.loads(out)["settings"]["early_stopping"] is stops

    def test_an_additive_model(self, fitted, run):
        _, out, _ = run("fit", fitted / "t.csv", "--target", "y", "--hidden", "0", "--steps", "2", "--quiet", "--json")
        assert json.loads(out)["network"]["width"] == [4, 1]

    def test_the_time_limit(self, fitted, run):
        start = time.perf_counter()
        _, out, _ = run(
            "fit", fitted / "t.csv", "--target", "y", "--steps", "100000", "--time-limit", "0.5", "--quiet", "--json"
        )
        assert time.perf_counter() - start < 30
        assert json.loads(out)["training"]["steps"] < 100000

    def test_several_starts(self, fitted, run):
        arguments = ["fit", fitted / "t.csv", "--target", "y", "--steps", "2", "--quiet", "--json", "--restarts"]
        one, four = (json.loads(run(*arguments, count)[1]) for count in ("1", "4"))
        assert (one["settings"]["restarts"], four["settings"]["restarts"]) == (1, 4)
        assert one["test"]["kan"] != four["test"]["kan"]

    def test_several_starts_of_a_classifier(self, run, tmp_path):
        table().assign(y=lambda t: t["y"] > 0.5).to_csv(tmp_path / "t.csv", index=False)
        code, _, err = run("fit", "t.csv", "--target", "y", "--restarts", "3")
        assert code == 2
        assert "--restarts must be 1 for classes" in err
        assert "got 3. Leave it out" in err
        assert run("fit", "t.csv", "--target", "y", "--restarts", "1", *FAST)[0] == 0


class TestFitErrors:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["nothing.csv", "--target", "y"], "nothing.csv: no such file."),
            (["t.csv"], "say which column to predict: --target COLUMN. t.csv has 'x1', 'x2', 'kind', 'y'."),
            (["t.csv", "--target", "Y2"], "t.csv: there is no column 'Y2'. Did you mean 'y'?"),
            (["t.csv", "--target", "y", "--config", "no.toml"], "no.toml: no such file (--config)."),
            (["t.csv", "--target", "y", "--opt", "Adamm"], "Adamm"),
            (["t.csv", "--target", "y", "--test-size", "0.999"], "cannot be split with --test-size 0.999"),
            (["one.csv", "--target", "y"], "one.csv: 1 row to fit; at least 10 are needed"),
            (["nan.csv", "--target", "y"], "nan.csv: missing values (NaN) in column 'x1' in 2 rows, first in row 4"),
            (["text.csv", "--target", "y"], "text.csv: column 'x1' should hold numbers but 1 row does not"),
            (["flat.csv", "--target", "y"], "flat.csv: the target 'y' is constant (1.0 in every row)"),
            (["empty.csv", "--target", "y"], "empty.csv: the table has 4 columns and no rows."),
        ],
    )
    def test_tables_and_settings(self, fails, tmp_path, arguments, message):
        table().to_csv(tmp_path / "t.csv", index=False)
        table(1).to_csv(tmp_path / "one.csv", index=False)
        table().assign(x1=lambda t: t["x1"].where(~t.index.isin([3, 8]))).to_csv(tmp_path / "nan.csv", index=False)
        table().astype({"x1": object}).assign(x1=lambda t: t["x1"].where(t.index != 5, "six")).to_csv(
            tmp_path / "text.csv", index=False
        )
        table().assign(y=1.0).to_csv(tmp_path / "flat.csv", index=False)
        table(0).to_csv(tmp_path / "empty.csv", index=False)
        before = sorted(tmp_path.iterdir())
        assert message in fails("fit", *arguments, "-o", "out", *FAST)
        assert sorted(tmp_path.iterdir()) == before

    def test_output_folder_that_is_not_empty(self, fitted, fails, run, tmp_path):
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "mine.txt").write_text("keep")
        arguments = ["fit", fitted / "t.csv", "--target", "y", "-o", "out", *FAST]
        assert fails(*arguments) == (
            "the output folder out is not empty. Choose another, or add --force to replace the results in it."
        )
        code, _, _ = run(*arguments, "--force")
        assert code == 0
        assert (tmp_path / "out" / "mine.txt").read_text() == "keep"
        assert (tmp_path / "out" / "report.html").exists()

    def test_output_folder_is_checked_before_the_table_is_read(self, fails, tmp_path):
        (tmp_path / "file").write_text("")
        assert fails("fit", "nothing.csv", "--target", "y", "-o", "file") == "file is a file; -o takes a folder."
        assert "cannot write to the output folder file/sub" in fails("fit", "no.csv", "--target", "y", "-o", "file/sub")

    @pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that even root cannot write to")
    def test_read_only_output_folder(self, fails):
        message = fails("fit", "nothing.csv", "--target", "y", "-o", "/proc/out")
        assert message.startswith("cannot write to the output folder /proc/out (")

    def test_a_disk_that_fills_up(self, fitted, fails, tmp_path, monkeypatch):
        def full(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        message = fails("fit", fitted / "t.csv", "--target", "y", "-o", "out", *FAST, code=1)
        assert "model.safetensors: No space left on device; nothing was written" in message
        assert list((tmp_path / "out").iterdir()) == []

    def test_an_unexpected_error_is_one_line_unless_debug(self, fitted, fails, monkeypatch):
        def bug(*_, **__):
            raise AttributeError("something\ninternal")

        monkeypatch.setattr(KANRegressor, "fit", bug)
        arguments = ["fit", fitted / "t.csv", "--target", "y", *FAST]
        assert "unexpected AttributeError: something internal. Add --debug" in fails(*arguments, code=1)
        with pytest.raises(AttributeError):
            main([str(a) for a in [*arguments, "--debug"]])


class TestPredict:
    def test_columns_by_name_to_a_file(self, fitted, run, tmp_path):
        table()[["kind", "x2", "x1"]].assign(more=1).to_csv(tmp_path / "new.csv", index=False)
        code, out, err = run("predict", fitted / "run" / "model.safetensors", "new.csv", "-o", "out.csv")
        assert (code, out) == (0, "")
        assert "60 predictions written to out.csv" in err
        _, expected, _ = run("predict", fitted / "run" / "model.safetensors", fitted / "t.csv")
        assert (tmp_path / "out.csv").read_text() == expected

    def test_json(self, fitted, run):
        _, out, _ = run("predict", fitted / "run" / "model.safetensors", fitted / "t.csv", "--json")
        data = json.loads(out)
        assert data["rows"] == len(data["predictions"]) == 60
        assert data["predictions"][3].keys() == {"index", "prediction"}

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (
                lambda t: t.rename(columns={"x1": "x1 "}).rename(columns={"x1 ": "X_1"}),
                "needs column 'x1'. Did you mean 'X_1'",
            ),
            (lambda t: t[["kind"]], "needs column 'x1' (and 1 more: 'x2'). It has 'kind'."),
            (lambda t: t.assign(x2=np.nan), "column 'x2' has missing values (NaN) in 60 of 60 rows, first in row 1"),
            (
                lambda t: t.assign(x2=["many", *t["x2"][1:].astype(str)]),
                "column 'x2' should hold numbers but 1 row does not; the first is 'many' in row 1 (not counting the "
                "header). The model was fitted to numbers: correct the value or remove the row.",
            ),
            (lambda t: t.assign(x2=pd.Timestamp("2020-01-01")), "was fitted to numbers: turn the dates into the same"),
        ],
    )
    def test_tables_that_do_not_fit(self, fitted, fails, tmp_path, change, message):
        change(table()).to_parquet(tmp_path / "new.parquet")
        line = fails("predict", fitted / "run" / "model.safetensors", "new.parquet")
        assert message in line
        assert "--" not in line  # no flag of `fit`

    def test_what_the_fit_has_not_seen_is_noted(self, fitted, run, tmp_path):
        model = fitted / "run" / "model.safetensors"
        new = table()[:6].assign(x1=0.0, x2=0.0)  # inside
        new.loc[[1, 4], "x2"] = [25.0, -31.5]
        new.loc[4, "x1"] = 2.0
        new.loc[[2, 3, 4], "kind"] = ["c", None, "d"]
        new.to_csv(tmp_path / "new.csv", index=False)
        train = table().drop(index=pd.read_csv(fitted / "run" / "predictions.csv")["index"])
        code, out, err = run("predict", model, "new.csv")
        assert code == 0
        assert "nan" not in out
        first, second = err.splitlines()
        low, high = train["x2"].min(), train["x2"].max()
        assert first.startswith("Outside the range of the fit, so extrapolated: 2 of 6 rows; 'x1' in 1 row (")
        assert first.endswith(f"'x2' in 2 rows ({low:.6g} to {high:.6g} in the fit, -31.5 to 25 here).")
        assert second == "Categories that the fit has not seen: 3 of 6 rows; 'kind' in 3 rows (the first: 'c')."
        assert run("predict", model, "new.csv", "--quiet") == (0, out, "")
        assert run("predict", model, "new.csv", "--json")[2] == err
        table()[:6].assign(x1=0.0, x2=0.0).to_csv(tmp_path / "new.csv", index=False)
        assert run("predict", model, "new.csv")[2] == ""

    def test_rare_categories_are_noted_as_such(self, run, tmp_path):
        data = table(120).assign(kind=[f"k{n % 30}" for n in range(120)])
        data.to_csv(tmp_path / "t.csv", index=False)
        run("fit", "t.csv", "--target", "y", "-o", "run", *FAST)
        data[:3].assign(x1=0.0, x2=0.0, kind=["new", "k1", "k1"]).to_csv(tmp_path / "new.csv", index=False)
        _, _, err = run("predict", "run/model.safetensors", "new.csv")
        assert err.startswith("Categories that were rare in the fit or not in it: ")

    def test_files_without_ranges_give_no_note(self, fitted, run, tmp_path):
        tensors, header = files.read_file(fitted / "run" / "model.safetensors")
        for column in header["columns"]:
            column.pop("low", None)
            column.pop("high", None)
        files.write_file(tmp_path / "m", tensors, {k: v for k, v in header.items() if k not in ("format", "version")})
        table().assign(x2=99.0).to_csv(tmp_path / "new.csv", index=False)
        assert run("predict", "m", "new.csv")[2] == ""

    def test_a_bare_network(self, fitted, fails, tmp_path):
        KAN([3, 1], seed=0).save(tmp_path / "m")
        assert "holds a bare KAN, which does not know a table's columns" in fails("predict", "m", fitted / "t.csv")

    def test_a_reader_that_leaves(self, fitted):
        files = [fitted / "run" / "model.safetensors", fitted / "t.csv"]
        command = [sys.executable, "-m", "edgewise", "predict", *files, "--quiet"]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        assert child.stderr.read() == b""
        child.stderr.close()
        assert child.wait() == 1


class TestModelFiles:
    @pytest.mark.parametrize("command", [["info"], ["predict"], ["export"]])
    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (None, "m: no such model file."),
            (b"", "m is not an edgewise file: it is empty"),
            (b"x,y\n1,2\n", "neither safetensors nor written by edgewise"),
            (b"PK\x03\x04" + b"0" * 99, "looks like a pickle or zip file"),
            ("folder", "m is a folder; pass the model file in it, such as m/model.safetensors."),
            ("checkpoint", "m holds a checkpoint, not a model"),
            ("truncated", "m is truncated or damaged"),
            ("newer", "m was written by a newer edgewise: file version 99, this one reads up to 1"),
        ],
    )
    def test_unreadable(self, fails, fitted, tmp_path, monkeypatch, command, content, message):
        path = tmp_path / "m"
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif content == "folder":
            path.mkdir()
        elif content == "checkpoint":
            files.write_file(path, {}, {"kind": "checkpoint"})
        elif content == "truncated":
            path.write_bytes((fitted / "run" / "model.safetensors").read_bytes()[:-9])
        elif content == "newer":
            with monkeypatch.context() as patch:
                patch.setattr(files, "VERSION", 99)
                KAN([2, 1], seed=0).save(path)
        rest = {"info": [], "predict": [fitted / "t.csv"], "export": ["--format", "json", "-o", "out"]}[command[0]]
        assert message in fails(*command, "m", *rest)
        assert not (tmp_path / "out").exists()

    def test_info(self, fitted, run, tmp_path):
        code, out, _ = run("info", fitted / "run" / "model.safetensors")
        assert code == 0
        assert "KANRegressor" in out
        assert "x1, x2, kind" in out
        _, out, _ = run("info", fitted / "run" / "model.safetensors", "--json")
        assert json.loads(out)["columns"] == ["x1", "x2", "kind"]
        KAN([3, [2, 1], 1], grid=[4, 7], seed=0, dtype=torch.float32).save(tmp_path / "kan")
        MLP([3, 4, 1], seed=0).save(tmp_path / "mlp")
        _, out, _ = run("info", "kan", "--json")
        data = json.loads(out)
        assert (data["kind"], data["width"], data["grid"], data["dtype"]) == ("KAN", [3, [2, 1], 1], [4, 7], "float32")
        _, out, _ = run("info", "mlp")
        assert "MLP" in out


class TestExport:
    def test_onnx_of_an_estimator_takes_raw_columns(self, fitted, run, tmp_path):
        onnxruntime = pytest.importorskip("onnxruntime")
        code, _, err = run("export", fitted / "run" / "model.safetensors", "--format", "onnx", "-o", "m.onnx")
        assert code == 0, err
        assert "inputs x1, x2, kind=a, kind=b; outputs y" in err
        data = table()
        rows = np.column_stack([data["x1"], data["x2"], data["kind"] == "a", data["kind"] == "b"]).astype(float)
        result = onnxruntime.InferenceSession(tmp_path / "m.onnx").run(None, {"x": rows})[0][:, 0]
        expected = KANRegressor.load(fitted / "run" / "model.safetensors").predict(data.drop(columns="y"))
        np.testing.assert_allclose(result, expected, rtol=0, atol=1e-6)

    def test_torch_of_a_classifier_gives_probabilities(self, run, tmp_path):
        data = table(90).assign(
            y=lambda t: pd.cut(t["y"], 3, labels=["lo", "mid", "hi"]).astype(str), x1=lambda t: t["x1"] ** 9
        )
        data.drop(columns="kind").to_csv(tmp_path / "t.csv", index=False)
        run("fit", "t.csv", "--target", "y", "-o", "run", *FAST)
        assert run("export", "run/model.safetensors", "--to", "torch", "-o", "m.pt2", "--quiet")[0] == 0
        program = torch.export.load(tmp_path / "m.pt2").module()
        probability = program(torch.from_numpy(data[["x1", "x2"]].to_numpy())).detach().numpy()
        _, out, _ = run("predict", "run/model.safetensors", "t.csv", "--json")
        rows = json.loads(out)["predictions"]
        expected = [[row["p(hi)"], row["p(lo)"], row["p(mid)"]] for row in rows]
        np.testing.assert_allclose(probability, expected, rtol=0, atol=1e-12)

    def test_json(self, fitted, run, tmp_path):
        code, out, _ = run("export", fitted / "run" / "model.safetensors", "--format", "json", "-o", "m.json", "--json")
        assert code == 0
        assert json.loads(out)["inputs"] == ["x1", "x2", "kind=a", "kind=b"]
        data = json.loads((tmp_path / "m.json").read_text())
        assert [column["name"] for column in data["columns"]] == ["x1", "x2", "kind"]
        assert data["config"]["width"] == [4, 2, 1]
        assert data["target"].keys() == {"mean", "scale"}

    def test_bad_target(self, fitted, fails):
        model = fitted / "run" / "model.safetensors"
        assert "The folder does not exist" in fails("export", model, "--format", "json", "-o", "no/m.json")


class TestDemo:
    @pytest.mark.parametrize(("data", "score"), [("airfoil", "R2"), ("adult", "accuracy")])
    def test_both_tables(self, run, tmp_path, data, score):
        code, out, err = run(
            "demo", "--data", data, "-o", "out", "--steps", "2", "--hidden", "2", "--quiet", "--no-formula"
        )
        assert code == 0, err
        assert score in out
        report = (tmp_path / "out" / "report.html").read_text()
        assert "CC BY 4.0" in report

    def test_unknown_table(self, run):
        code, _, err = run("demo", "--data", "iris")
        assert code == 2
        assert "airfoil" in err


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
class TestCtrlC:
    def start(self, folder: Path, *arguments: str) -> subprocess.Popen:
        command = [sys.executable, "-m", "edgewise", "demo", "--hidden", "3", "--steps", "1000000", *arguments]
        return subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
        )

    def test_keeps_and_writes_the_best_model(self, tmp_path):
        child = self.start(tmp_path, "-o", "out", "--json")
        assert child.stderr is not None
        seen = ""
        while "train_rmse" not in seen:  # the progress bar after the first steps
            seen += child.stderr.read(20)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=60)
        assert child.returncode == 130, err
        assert "Stopped with Ctrl-C: going on with the best model so far." in err
        assert "Traceback" not in err
        result = json.loads(out)
        assert result["training"]["interrupted"] is True
        assert result["test"]["kan"]["r2"] > 0
        assert {path.name for path in (tmp_path / "out").iterdir()} == set(result["files"])

    def test_in_the_first_step_everything_is_written(self, fitted, run, tmp_path, monkeypatch):
        def stop(*_):
            raise KeyboardInterrupt

        monkeypatch.setattr("edgewise.train.loop.Loop._iteration", stop)
        code, out, err = run("fit", fitted / "t.csv", "--target", "y", "-o", "out", "--json", *FAST)
        assert code == 130, err
        result = json.loads(out)
        assert result["training"]["steps"] == 0
        assert {path.name for path in (tmp_path / "out").iterdir()} == set(result["files"])

    def test_before_training_nothing_is_written(self, tmp_path, monkeypatch, capsys):
        def stop(*_, **__):
            raise KeyboardInterrupt

        monkeypatch.setattr("edgewise.datasets.load_table", stop)
        assert main(["demo", "-o", str(tmp_path / "out")]) == 130
        assert capsys.readouterr().err == "edgewise: stopped with Ctrl-C before the result was complete.\n"
        assert list(tmp_path.iterdir()) == []


def test_bench_speaks_json_or_text(run, monkeypatch):
    from edgewise import bench

    monkeypatch.setattr(bench, "run", lambda: {"forward": 1.5})
    monkeypatch.setattr(bench, "report", lambda result: f"table of {sorted(result)}")
    assert run("bench") == (0, "table of ['forward']\n", "")
    assert json.loads(run("bench", "--json")[1]) == {"forward": 1.5}

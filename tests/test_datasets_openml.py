"""OpenML without a network: a fake server, files put by hand, the cache, and what the preparation does to a table."""

import gzip
import io
import json
import warnings
from urllib.error import HTTPError, URLError

import numpy as np
import pandas as pd
import pytest
import sklearn.datasets
import torch
from sklearn.utils import Bunch

from edgewise import MLP
from edgewise.datasets import load_openml, openml, prepare_table
from edgewise.errors import DomainError, DownloadError, FormatError, ParameterError


def small_frame(rows=60):
    """A number, a constant, a category with a missing value, text that looks missing, and three uneven classes."""
    generator = np.random.default_rng(0)
    frame = pd.DataFrame({
        "size": generator.normal(50.0, 3.0, rows) + 1 / 3,
        "constant": np.full(rows, 7.0),
        "colour": pd.Categorical(generator.choice(["red", "blue", "NA", "1"], rows)),
        "class": pd.Categorical(["10"] * (rows // 2) + ["2"] * (rows // 3) + ["x"] * (rows - rows // 2 - rows // 3)),
    })
    frame.loc[3, "colour"] = None
    return frame


@pytest.fixture
def server(monkeypatch):
    """`fetch_openml` replaced; calls are noted."""
    calls = []

    def fetch(**arguments):
        calls.append(arguments)
        if isinstance(fetch.answer, Exception):
            raise fetch.answer
        return fetch.answer

    fetch.answer = Bunch(
        frame=small_frame(), target_names=["class"], details={"name": "toy", "version": "1", "licence": "CC0"}
    )
    fetch.calls = calls
    monkeypatch.setattr(sklearn.datasets, "fetch_openml", fetch)
    return fetch


class TestFetching:
    def test_nothing_is_written_without_a_folder(self, server, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        data = openml(41166)
        assert data["class_names"] == ["2", "10", "x"]
        assert list(tmp_path.iterdir()) == []
        assert server.calls[0]["data_id"] == 41166
        assert server.calls[0]["cache"] is False

    def test_the_second_call_reads_the_folder_and_gives_the_same(self, server, tmp_path):
        folder = tmp_path / "new" / "folder"
        first = load_openml("41166", folder)
        second = load_openml(41166, folder)
        assert len(server.calls) == 1
        pd.testing.assert_frame_equal(first.frame, second.frame, check_exact=True, check_categorical=False)
        assert [str(t) for t in second.frame.dtypes] == ["float64", "float64", "category", "category"]
        assert (second.target, second.source, second.licence) == (first.target, first.source, first.licence)
        assert sorted(p.name for p in folder.iterdir()) == ["openml_41166.csv.gz", "openml_41166.json"]
        for name in ("train_input", "train_label", "test_input", "test_label"):
            assert torch.equal(openml(41166, folder)[name], prepare_table(first.frame, "class")[name])

    @pytest.mark.parametrize("damage", ["rows", "rows gone", "about", "key"])
    def test_a_damaged_cache_is_refused(self, server, tmp_path, damage):
        openml(1, tmp_path)
        rows, about = tmp_path / "openml_1.csv.gz", tmp_path / "openml_1.json"
        if damage == "rows":
            rows.write_bytes(gzip.compress(gzip.decompress(rows.read_bytes()).replace(b"7.0", b"8.0", 1)))
        elif damage == "rows gone":
            rows.unlink()
        elif damage == "about":
            about.write_text("{")
        else:
            about.write_text(json.dumps({"sha256": "0"}))
        what = (
            "its sha256 differs from the recorded one" if damage == "rows" else "the cache of OpenML 1 in .* is damaged"
        )
        with pytest.raises(FormatError, match=rf"{what}.*Delete .*openml_1\.json to fetch it again"):
            openml(1, tmp_path)

    def test_an_interrupted_write_counts_as_absent(self, server, tmp_path):
        openml(1, tmp_path)
        (tmp_path / "openml_1.json").unlink()
        openml(1, tmp_path)
        assert len(server.calls) == 2

    @pytest.mark.parametrize(
        ("answer", "reason"),
        [
            (URLError("Name or service not known"), "Name or service not known"),
            (TimeoutError("timed out"), "timed out"),
            (HTTPError("u", 503, "busy", None, io.BytesIO()), "its server answered 503"),
        ],
    )
    def test_without_a_network_the_message_says_what_to_do(self, server, tmp_path, answer, reason):
        server.answer = answer
        with pytest.raises(
            DownloadError,
            match=rf"OpenML 7 could not be fetched: {reason}\. Without a network, download the file of "
            r"https://www.openml.org/d/7 elsewhere and put it as 7.arff or 7.csv into a folder and pass that",
        ):
            openml(7)
        with pytest.raises(DownloadError, match=rf"7\.arff or 7\.csv into {tmp_path}"):
            openml(7, tmp_path)
        assert list(tmp_path.iterdir()) == []

    def test_an_unknown_number(self, server):
        server.answer = ValueError("Dataset with data_id 999999999 not found.")
        with pytest.raises(ParameterError, match="OpenML 999999999 cannot be taken: Dataset with data_id"):
            openml(999999999)

    def test_several_targets_must_be_chosen_from(self, server):
        server.answer.target_names = ["a", "b"]
        with pytest.raises(ParameterError, match=r"OpenML 5 names 2 columns to predict; choose one: openml\(5, target"):
            openml(5)

    @pytest.mark.parametrize("id", [0, -1, True, 1.5, "volkert", None, "table.pkl"])
    def test_no_number_and_no_file(self, server, id):
        with pytest.raises(ParameterError, match="`id` must be a number of OpenML, such as 41166, or"):
            openml(id)
        assert server.calls == []


ARFF = """% a comment
@RELATION toy
@ATTRIBUTE size REAL
@attribute colour {red, 'light blue', green}
@attribute class {no, yes}
@DATA
1.5,red,yes
2.5, 'light blue', no
?,?,yes
3.5,green,no
"""


class TestFiles:
    def test_arff(self, tmp_path):
        path = tmp_path / "toy.arff"
        path.write_text(ARFF)
        table = load_openml(path)
        assert table.target == "class"
        assert table.frame["colour"].tolist()[:2] == ["red", "light blue"]
        assert (
            table.frame["colour"].isna().tolist() == table.frame["size"].isna().tolist() == [False, False, True, False]
        )
        assert str(table.frame["class"].dtype) == "category"

    @pytest.mark.parametrize("ending", [".csv", ".csv.gz"])
    def test_a_file_put_by_hand_comes_before_the_network(self, server, tmp_path, ending):
        path = tmp_path / f"41166{ending}"
        small_frame().to_csv(path, index=False)
        by_number, by_path = openml(41166, tmp_path, task="classification"), openml(str(path), task="classification")
        assert server.calls == []
        assert torch.equal(by_number["train_input"], by_path["train_input"])
        assert "colour=NA" in by_number["input_names"]  # text, not a missing value
        assert [p.name for p in tmp_path.iterdir()] == [path.name]

    def test_a_target_by_name(self, tmp_path):
        small_frame().drop(columns="class").to_csv(tmp_path / "t.csv", index=False)
        data = openml(tmp_path / "t.csv", target="size")
        assert data["class_names"] == []
        assert data["train_label"].shape == (48, 1)
        with pytest.raises(ParameterError, match=r"`target` must be a column of .*; got 'sice'"):
            openml(tmp_path / "t.csv", target="sice")

    @pytest.mark.parametrize(
        ("name", "content", "message"),
        [
            ("t.csv", b"a,b\n", "must have a header line, two columns and two rows at least"),
            ("t.csv", b"", "cannot be read as a CSV table"),
            ("t.csv.gz", b"no gzip", "cannot be read as a CSV table"),
            ("t.arff", b"@relation x\n@attribute a string\n@data\nb\n", "cannot be read as ARFF .* Save it as CSV"),
            ("t.arff", b"nonsense", "cannot be read as ARFF"),
        ],
    )
    def test_a_file_that_is_no_table(self, tmp_path, name, content, message):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(FormatError, match=message):
            openml(tmp_path / name)

    def test_no_file(self, tmp_path):
        with pytest.raises(ParameterError, match=r"there is no file .*x\.csv"):
            openml(tmp_path / "x.csv")


class TestPreparation:
    def test_numbers_are_standardised_by_the_training_rows_alone(self):
        frame = small_frame()
        data = prepare_table(frame, "class", seed=1, dtype=torch.float64)
        column = data["input_names"].index("size")
        train = data["train_input"][:, column]
        assert float(train.mean()) == pytest.approx(0.0, abs=1e-12)
        assert float(train.std(correction=0)) == pytest.approx(1.0, rel=1e-12)
        changed = frame.copy()
        changed.loc[np.setdiff1d(np.arange(60), _training_rows(frame, 1)), "size"] *= 100.0
        again = prepare_table(changed, "class", seed=1, dtype=torch.float64)
        assert torch.equal(again["train_input"], data["train_input"])

    def test_categories_become_columns_and_constants_go(self):
        data = prepare_table(small_frame(), "class")
        names = data["input_names"]
        assert names[0] == "size"
        assert set(names[1:]) <= {f"colour={c}" for c in ("red", "blue", "NA", "1", "(missing)")}
        assert data["train_input"].shape == (48, len(names))
        coded = data["train_input"][:, 1:]
        assert bool(((coded == 0) | (coded == 1)).all())
        assert not bool((data["train_input"] == data["train_input"][:1]).all(dim=0).any())

    def test_a_level_only_the_test_rows_have_is_zero_everywhere(self):
        frame = small_frame().drop(columns="constant")
        test = np.setdiff1d(np.arange(60), _training_rows(frame, 0))
        frame["colour"] = frame["colour"].astype(str)
        frame.loc[test[0], "colour"] = "unseen"
        data = prepare_table(frame, "class")
        assert "colour=unseen" not in data["input_names"]
        assert data["test_input"][0, 1:].tolist() == [0.0] * (len(data["input_names"]) - 1)

    def test_classes_keep_their_shares_and_their_order(self):
        data = prepare_table(small_frame(), "class", test_size=0.3)
        assert data["class_names"] == ["2", "10", "x"]
        assert np.bincount(data["train_label"]).tolist() == [14, 21, 7]
        assert np.bincount(data["test_label"]).tolist() == [6, 9, 3]
        assert data["train_label"].dtype == torch.int64

    def test_seeds(self, global_random_state_untouched):
        one, same, other = (prepare_table(small_frame(), "class", seed=seed)["train_input"] for seed in (3, 3, 4))
        assert torch.equal(one, same)
        assert not torch.equal(one, other)

    def test_the_frame_is_not_changed(self):
        frame, before = small_frame(), small_frame()
        prepare_table(frame, "class")
        pd.testing.assert_frame_equal(frame, before)

    def test_a_numeric_target_is_a_regression_in_its_own_unit(self):
        frame = small_frame()
        data = prepare_table(frame, "size", dtype=torch.float64)
        labels = torch.cat([data["train_label"], data["test_label"]]).flatten()
        np.testing.assert_array_equal(np.sort(labels.numpy()), np.sort(frame["size"]))
        whole = pd.DataFrame({"a": np.arange(20.0), "b": np.arange(20) % 2})
        assert prepare_table(whole, "b")["class_names"] == []
        assert prepare_table(whole, "b", task="classification")["class_names"] == ["0", "1"]

    def test_a_network_trains_on_it(self):
        data = prepare_table(small_frame(), "class")
        model = MLP([len(data["input_names"]), 8, len(data["class_names"])], seed=0)
        result = model.fit(data, loss="cross_entropy", opt="lbfgs", steps=10, progress=False)
        assert result.history["train_loss"][-1] < 0.8 * result.history["train_loss"][0]

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"target": "klass"}, "`target` must be a column of the table; got 'klass', it has 'size', 'constant'"),
            ({"task": "ranking"}, "`task` must be 'classification' or 'regression'; got 'ranking'"),
            ({"test_size": 1.0}, r"`test_size` must be a part of the rows, in \(0, 1\); got 1.0"),
            ({"max_categories": 1}, "`max_categories` must be an int >= 2; got 1"),
            ({"seed": -1}, r"`seed` must be an int in \[0, 2\*\*32\); got -1"),
        ],
    )
    def test_bad_arguments(self, options, message):
        with pytest.raises(ParameterError, match=message):
            prepare_table(small_frame(), **{"target": "class"} | options)

    def test_no_frame(self):
        with pytest.raises(ParameterError, match="`frame` must be a pandas frame"):
            prepare_table(np.ones((3, 2)), "a")

    def test_bad_tables(self):
        frame = small_frame()
        with pytest.raises(DomainError, match="`target` 'colour': 1 of 60 labels are missing"):
            prepare_table(frame, "colour")
        lonely = frame.assign(**{"class": ["a"] * 59 + ["b"]})
        with pytest.raises(DomainError, match=r"60 rows cannot be split.*Drop the rarest classes"):
            prepare_table(lonely, "class")
        with pytest.raises(DomainError, match="column 'size' contains NaN"):
            prepare_table(frame.assign(size=np.nan), "class")
        with pytest.raises(DomainError, match="no column of `frame` but the target varies"):
            prepare_table(frame[["constant", "class"]], "class")


def _training_rows(frame, seed):
    """Found out from the outside: a column of row numbers comes through the split in order."""
    numbered = frame.assign(row=np.arange(len(frame), dtype=float))
    data = prepare_table(numbered, "class", seed=seed, dtype=torch.float64)
    scaled = data["train_input"][:, data["input_names"].index("row")].numpy()
    everything = np.concatenate([scaled, data["test_input"][:, data["input_names"].index("row")].numpy()])
    return np.argsort(np.argsort(everything))[: len(scaled)]


def test_no_warning_of_sklearn_is_needed_to_explain(server):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        openml(41166)
    assert seen == []

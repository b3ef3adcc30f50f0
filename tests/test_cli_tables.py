"""What a table must be like to be fitted, and what the message says when it is not."""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from edgewise.cli.console import InputError
from edgewise.cli.tables import prepare, read_table
from edgewise.errors import MissingDependencyError


def frame(n: int = 40) -> pd.DataFrame:
    t = np.arange(n)
    return pd.DataFrame(
        {"length": t / 3, "kind": np.where(t % 3 == 0, "a", "b"), "count": t % 7, "price": np.sin(t)},
    )


def problem(table: pd.DataFrame, target: str = "price", **options):
    return prepare(table, target, name="t.csv", **options)


class TestReading:
    @pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".tsv", ".parquet"])
    def test_formats(self, tmp_path, ending):
        path = tmp_path / f"t{ending}"
        if ending == ".parquet":
            frame().to_parquet(path)
        else:
            frame().to_csv(path, index=False, sep="\t" if ending == ".tsv" else ",")
        pd.testing.assert_frame_equal(read_table(str(path)), frame(), check_dtype=False)

    def test_semicolons_decimal_commas_and_a_byte_order_mark(self, tmp_path):
        (tmp_path / "t.csv").write_text("\ufeffa;b\n1,5;2\n2,5;x\n", encoding="utf-8")
        table = read_table(str(tmp_path / "t.csv"))
        assert table.columns.tolist() == ["a", "b"]
        assert table["a"].tolist() == [1.5, 2.5]

    def test_tabs_under_the_name_csv_and_spaces_after_commas(self, tmp_path):
        (tmp_path / "tabs.csv").write_text("a\tb\n1\t2\n")
        (tmp_path / "spaces.csv").write_text("a, b\n1, x\n")
        assert read_table(str(tmp_path / "tabs.csv")).columns.tolist() == ["a", "b"]
        table = read_table(str(tmp_path / "spaces.csv"))
        assert table.columns.tolist() == ["a", "b"]
        assert table["b"].tolist() == ["x"]

    def test_missing_file_suggests_a_neighbour(self, tmp_path):
        (tmp_path / "houses.csv").write_text("a,b\n1,2\n")
        with pytest.raises(InputError, match=r"house\.csv: no such file\. Did you mean .*houses\.csv"):
            read_table(str(tmp_path / "house.csv"))

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", "cannot be read as CSV: No columns to parse"),
            (b"a,b\n", r"the table has 2 columns and no rows"),
            (b"a,b\n1,2\n1,2,3,4\n", "line 3 has 4 fields where 2 are expected. Check separators"),
            (b"a,b\n\xff\xfe,2\n", r"not text in UTF-8.*Save it as CSV in UTF-8"),
            (b"a ,a\n1,2\n", "two columns are called 'a'"),
        ],
        ids=["empty", "no rows", "ragged", "binary", "twice"],
    )
    def test_files_that_are_no_tables(self, tmp_path, content, message):
        (tmp_path / "t.csv").write_bytes(content)
        with pytest.raises(InputError, match=message):
            read_table(str(tmp_path / "t.csv"))

    def test_broken_files(self, tmp_path):
        (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"a,b\n1,2\n" * 99)[:-20])
        (tmp_path / "t.parquet").write_bytes(b"PAR1 no")
        with pytest.raises(InputError, match=r"t\.csv\.gz: cannot be read as CSV"):
            read_table(str(tmp_path / "t.csv.gz"))
        with pytest.raises(InputError, match=r"t\.parquet: cannot be read as Parquet"):
            read_table(str(tmp_path / "t.parquet"))
        with pytest.raises(InputError, match="is a folder; pass one file in it"):
            read_table(str(tmp_path))

    def test_parquet_without_pyarrow(self, tmp_path, monkeypatch):
        frame().to_parquet(tmp_path / "t.parquet")

        def absent(path: Path):
            raise ImportError("Missing optional dependency 'pyarrow'")

        monkeypatch.setattr(pd, "read_parquet", absent)
        with pytest.raises(MissingDependencyError, match=r"pip install 'edgewise\[parquet\]'"):
            read_table(str(tmp_path / "t.parquet"))


class TestPreparing:
    def test_kinds_of_columns_and_task(self):
        p = problem(frame())
        assert (p.task, p.target, p.categorical) == ("regression", "price", ["kind"])
        assert p.x.columns.tolist() == ["length", "kind", "count"]
        assert p.x["count"].dtype == float
        assert problem(frame(), "kind").task == "classification"
        assert problem(frame().assign(price=lambda t: t["count"] > 3)).task == "classification"
        assert problem(frame(), "count", task="classification").task == "classification"
        assert problem(frame(), categorical=["count"], ignore=["length"]).categorical == ["kind", "count"]

    def test_zero_and_one_are_classes_with_whole_names(self):
        p = problem(frame().assign(price=[0.0, 1.0] * 20))
        assert p.task == "classification"
        assert sorted(set(p.y)) == [0, 1]
        assert all(isinstance(value, int) for value in p.y)
        assert any("classification" in note and "--task" in note for note in p.notes)

    def test_missing_categories_are_kept_missing_numbers_are_not(self):
        table = frame()
        table.loc[3, "kind"] = None
        assert problem(table).x["kind"].isna().tolist() == [n == 3 for n in range(40)]
        table.loc[[5, 9], "length"] = np.nan
        table.loc[9, "price"] = np.nan
        with pytest.raises(
            InputError,
            match=r"missing values \(NaN\) in column 'price' in 1 row, 'length' in 2 rows, first in row 6 .*--drop-m",
        ):
            problem(table)
        p = problem(table, drop_missing=True)
        assert p.x.index.tolist() == [n for n in range(40) if n not in (5, 9)]
        assert "2 rows with missing values left out" in p.notes

    @pytest.mark.parametrize(
        ("change", "options", "message"),
        [
            ({}, {"target": "Prise"}, r"t\.csv: there is no column 'Prise'\. Did you mean 'price'\?"),
            ({}, {"target": "zzz"}, r"no column 'zzz'\. It has 'length', 'kind', 'count', 'price'\."),
            ({}, {"ignore": ["lenght"]}, r"no column 'lenght'\. Did you mean 'length'"),
            ({}, {"ignore": ["length", "kind", "count"]}, "no column is left to predict 'price' from"),
            (
                {"length": ["1.5"] * 16 + ["n/a?"] + ["2"] * 23},
                {},
                r"column 'length' should hold numbers but 1 row does not; the first is 'n/a\?' in row 17 .*--ignore l",
            ),
            ({"price": ["1"] * 38 + ["one", "two"]}, {}, r"'price' should hold numbers but 2 rows do not.*row 39"),
            ({"count": [np.inf] + [1.0] * 39}, {}, r"column 'count' is infinite in 1 row, first in row 1 "),
            ({"count": [np.nan] * 40}, {}, r"'count' in 40 rows.*--ignore count"),
            ({"count": pd.date_range("2026-01-01", periods=40)}, {}, r"column 'count' holds dates"),
            ({"kind": [f"id{n}" for n in range(40)] * 1}, {}, None),
            ({"price": 3.5}, {}, r"target 'price' is constant \(3\.5 in every row\).*another --target"),
            ({"price": "x"}, {}, r"target 'price' is constant \('x' in every row\)"),
            ({"price": ["a"] * 39 + ["b"]}, {}, r"class 'b' of the target 'price' has a single row"),
            ({}, {"task": "classification"}, r"'price' has 40 classes in 40 rows.*--task regression"),
        ],
    )
    def test_refusals(self, change, options, message):
        table = frame().assign(**change)
        if message is None:  # 40 different texts are still categories; more are not
            problem(table, **options)
            table = pd.concat([table] * 3, ignore_index=True).assign(kind=[f"id {n}" for n in range(120)])
            message = r"'kind' holds text with 120 different values in 120 rows \(such as 'id 0'\).*--ignore kind"
        with pytest.raises(InputError, match=message):
            problem(table, **options)

    @pytest.mark.parametrize("n", [1, 9])
    def test_too_few_rows(self, n):
        with pytest.raises(InputError, match=rf"t\.csv: {n} rows? to fit; at least 10 are needed"):
            problem(frame(n))

    def test_the_frame_is_not_changed(self):
        table = frame()
        problem(table, ignore=["kind"])
        pd.testing.assert_frame_equal(table, frame())

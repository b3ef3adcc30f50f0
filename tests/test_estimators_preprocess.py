"""How a table becomes numbers."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewise.errors import DomainError, FormatError
from edgewise.preprocess import (
    BEND,
    CategoricalColumn,
    NumericColumn,
    TablePreprocessor,
    merge_rows,
    read_columns,
    weighted_quantiles,
)


def learn(frame, most=20):
    raw = read_columns(frame)
    return TablePreprocessor.learn(raw, np.ones(len(frame)), most)


def apply(preprocessor, frame):
    return preprocessor.transform(preprocessor.read(frame))


class TestNumbers:
    def test_a_column_without_outliers_stays_affine(self):
        x = np.random.default_rng(0).uniform(5, 9, 1000)
        column = NumericColumn.learn("x", x, np.ones(1000))
        assert not column.bent
        z = column.transform(x)[:, 0]
        np.testing.assert_allclose(z * column.scale + column.center, x, rtol=1e-14)
        assert abs(np.median(z)) < 0.01
        # The interquartile range of a uniform column is 2; in deviations of a normal one, 1.349.
        assert column.scale == pytest.approx(2 / 1.349, rel=0.05)

    def test_outliers_are_bent_and_do_not_set_the_scale(self):
        x = np.append(np.random.default_rng(0).normal(size=1000), [1e6, -1e300, 1e308])
        column = NumericColumn.learn("x", x, np.ones(len(x)))
        z = column.transform(x)[:, 0]
        assert column.bent
        assert column.scale == pytest.approx(1.0, rel=0.1)
        assert np.all(np.abs(z) <= BEND)
        assert z[-3] == pytest.approx(BEND, rel=1e-6)
        order = np.argsort(x)
        assert np.all(np.diff(z[order]) >= 0)

    def test_the_range_of_the_fit_is_known(self):
        column = NumericColumn.learn("x", np.array([2.0, -1.0, 5.0]), np.ones(3))
        assert column.outside(np.array([-1.1, -1.0, 3.0, 5.0, 5.1])).tolist() == [True, False, False, False, True]
        old = NumericColumn("x", 0.0, 1.0, False)  # of a file that has no range
        assert not old.outside(np.array([1e300])).any()

    def test_unknown_categories_are_known_as_such(self):
        column = CategoricalColumn.learn("x", np.array(["a", "b"], dtype=object), np.ones(2), 9)
        assert column.unknown(np.array(["b", "c", None], dtype=object)).tolist() == [False, True, True]

    def test_a_constant_column_is_zero(self):
        column = NumericColumn.learn("x", np.full(5, 0.1), np.ones(5))
        assert column.transform(np.full(5, 0.1)).tolist() == [[0.0]] * 5

    def test_a_column_that_is_mostly_one_value_is_scaled_by_the_others(self):
        x = np.array([0.0] * 90 + [1000.0] * 10)
        column = NumericColumn.learn("x", x, np.ones(100))
        assert column.scale == pytest.approx(np.sqrt(0.1) * 1000)
        pair = NumericColumn.learn("x", np.array([0.0, 1000.0]), np.array([90.0, 10.0]))
        assert pair.scale == pytest.approx(column.scale, rel=1e-14)

    def test_truth_values_and_numbers_that_lost_their_dtype(self):
        frame = pd.DataFrame({"b": [True, False, True], "o": np.array([1, 2.5, True], dtype=object)})
        raw = read_columns(frame)
        assert raw["b"].tolist() == [1.0, 0.0, 1.0]
        assert raw["o"].tolist() == [1.0, 2.5, 1.0]

    def test_an_odd_value_in_a_text_column_is_named(self):
        frame = pd.DataFrame({"o": ["a", "b", [3]]})
        with pytest.raises(DomainError, match=r"column 'o', row 2: could not convert \[3\] to a number \(list\)"):
            read_columns(frame)


class TestCategories:
    def test_one_column_per_level_and_one_for_missing(self):
        frame = pd.DataFrame({"c": ["b", "a", None, "b"]})
        preprocessor = learn(frame)
        assert preprocessor.names_out == ["c=a", "c=b", "c=(missing)"]
        assert apply(preprocessor, frame).tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 1, 0]]

    def test_an_unknown_level_is_zero_everywhere(self):
        preprocessor = learn(pd.DataFrame({"c": ["a", "b"]}))
        assert apply(preprocessor, pd.DataFrame({"c": ["z", None, "a"]})).tolist() == [[0, 0], [0, 0], [1, 0]]

    def test_rare_and_unknown_levels_share_a_column(self):
        preprocessor = learn(pd.DataFrame({"c": list("aaabbbcdef")}), most=3)
        assert preprocessor.names_out == ["c=a", "c=b", "c=(infrequent)"]
        assert apply(preprocessor, pd.DataFrame({"c": ["a", "f", "z"]})).tolist() == [[1, 0, 0], [0, 0, 1], [0, 0, 1]]

    def test_frequency_is_weight(self):
        labels = np.array(["a", "b", "c"], dtype=object)
        column = CategoricalColumn.learn("x", labels, np.array([1.0, 5.0, 3.0]), most=2)
        assert column.levels == ("b",)

    def test_whole_floats_are_the_same_label_as_integers(self):
        preprocessor = learn(pd.DataFrame({"c": pd.Categorical([1, 2, 2])}))
        assert preprocessor.names_out == ["c=1", "c=2"]
        assert apply(preprocessor, pd.DataFrame({"c": [2.0, 1.0, np.nan]})).tolist() == [[0, 1], [1, 0], [0, 0]]

    @pytest.mark.parametrize(
        ("values", "names"),
        [
            (pd.array([True, None, False], dtype="boolean"), ["c=False", "c=True", "c=(missing)"]),
            (np.array([True, None, False], dtype=object), ["c=False", "c=True", "c=(missing)"]),
            (["007", "008", "009"], ["c=007", "c=008", "c=009"]),
            (["x", "y", "1"], ["c=1", "c=x", "c=y"]),
            (pd.Categorical([3, 1, 2]), ["c=1", "c=2", "c=3"]),
        ],
        ids=["nullable truth", "object truth", "codes", "mostly text", "numeric categories"],
    )
    def test_what_counts_as_categorical(self, values, names):
        assert learn(pd.DataFrame({"c": values})).names_out == names


class TestState:
    def test_json_keeps_every_bit(self):
        random = np.random.default_rng(0)
        frame = pd.DataFrame({"a": random.normal(size=50), "c": random.choice(["x", "y", None], 50)})
        preprocessor = learn(frame)
        again = TablePreprocessor.from_state(json.loads(json.dumps(preprocessor.state())))
        assert again.columns == preprocessor.columns
        np.testing.assert_array_equal(apply(again, frame), apply(preprocessor, frame))

    @pytest.mark.parametrize(
        "state",
        [
            3,
            [{}],
            [{"name": 3, "center": 0.0, "scale": 1.0, "bent": False}],
            [{"name": "a", "center": 0.0, "scale": -1.0, "bent": False}],
            [{"name": "a", "center": float("nan"), "scale": 1.0, "bent": False}],
            [{"name": "a", "center": 0.0, "scale": 1.0, "bent": False, "low": "none"}],
            [{"name": "a", "levels": [1], "infrequent": False}],
        ],
    )
    def test_damage_is_noticed(self, state):
        with pytest.raises(FormatError, match="description of the table's columns is damaged"):
            TablePreprocessor.from_state(state)


rows = st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["a", "b", None]), st.integers(0, 3)), min_size=1)


@given(rows.filter(lambda rows: any(weight for *_, weight in rows)))
def test_merged_rows_are_the_distinct_rows_with_their_total_weight(rows):
    number = np.array([row[0] for row in rows], dtype=float)
    label = np.array([row[1] for row in rows], dtype=object)
    weight = np.array([row[2] for row in rows], dtype=float)
    total = {}
    for n, text, w in rows:
        if w:
            total[n, text] = total.get((n, text), 0) + w
    expected = sorted(total.items(), key=lambda item: (item[0][0], item[0][1] is None, item[0][1] or ""))
    index, merged = merge_rows([number, label], weight)
    assert [((number[i], label[i]), w) for i, w in zip(index, merged, strict=True)] == expected


@given(st.lists(st.tuples(st.integers(-5, 5), st.integers(0, 3)), min_size=1).filter(lambda v: any(w for _, w in v)))
def test_weighted_quantiles_are_quantiles_of_the_repeated_values(pairs):
    values, weight = np.array(pairs, dtype=float).T
    repeated = np.repeat(values, weight.astype(int))
    fractions = (0.1, 0.25, 0.5, 0.9, 1.0)
    expected = np.quantile(repeated, fractions, method="inverted_cdf")
    np.testing.assert_array_equal(weighted_quantiles(values, fractions, weight), expected)

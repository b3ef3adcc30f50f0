"""What a user does with KANRegressor and KANClassifier, and what they say about bad tables."""

import io
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from edgewise import KAN, KANClassifier, KANRegressor
from edgewise.datasets import load_adult, load_airfoil
from edgewise.errors import DomainError, FormatError, ParameterError, ShapeError
from edgewise.models.files import read_file, write_file

SMALL = {"hidden": (3,), "grid": 3, "max_iter": 15, "random_state": 0}


def people(rows=120, seed=0):
    """A frame with every kind of column, and a target each kind decides."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame({
        "age": random.integers(18, 80, rows),
        "height": random.normal(170, 10, rows),
        "city": random.choice(["Rome", "Oslo", "Lima"], rows),
        "member": random.random(rows) < 0.5,
        "size": pd.Categorical(random.choice(["S", "M", "L"], rows)),
    })
    city = frame["city"].map({"Rome": 3.0, "Oslo": -1.0, "Lima": 0.5})
    return frame, (0.1 * frame["age"] + city + 2.0 * frame["member"]).rename("score")


@pytest.fixture(scope="module")
def fitted():
    frame, y = people()
    return KANRegressor(**SMALL).fit(frame, y), frame, y


class TestAccuracy:
    def test_a_smooth_function_is_found(self):
        x = np.random.default_rng(0).uniform(-2, 2, (400, 2))
        y = np.exp(np.sin(np.pi * x[:, 0] / 2) + x[:, 1] ** 2 / 4)
        model = KANRegressor(hidden=(4,), max_iter=60, random_state=0).fit(x[:300], y[:300])
        assert model.score(x[300:], y[300:]) > 0.995

    def test_airfoil_beats_a_linear_model_after_a_few_steps(self):
        table = load_airfoil()
        x, held, y, truth = train_test_split(table.x, table.y, test_size=0.2, random_state=0)
        model = KANRegressor(hidden=(5,), max_iter=30, random_state=0).fit(x, y)
        assert model.score(held, truth) > 0.75  # linear regression: 0.558
        assert model.model_.input_names == table.feature_names
        assert model.model_.output_names == ["sound_pressure"]

    def test_adult_beats_the_majority(self):
        table = load_adult()
        x, held, y, truth = train_test_split(table.x, table.y, test_size=0.2, random_state=0, stratify=table.y)
        model = KANClassifier(hidden=(), grid=3, max_iter=10, random_state=0).fit(x, y)
        assert model.score(held, truth) > 0.83  # majority: 0.761

    @pytest.mark.slow
    def test_airfoil_with_the_defaults(self):
        table = load_airfoil()
        x, held, y, truth = train_test_split(table.x, table.y, test_size=0.2, random_state=0)
        assert KANRegressor(random_state=0).fit(x, y).score(held, truth) > 0.94  # boosting: 0.933

    def test_every_kind_of_column_is_used(self, fitted):
        model, frame, y = fitted
        assert model.score(frame, y) > 0.99
        for column in ("age", "city", "member"):
            shuffled = frame.assign(**{column: frame[column].to_numpy()[::-1]})
            assert model.score(shuffled, y) < 0.95


class TestTargets:
    def test_several_targets_keep_names_and_shape(self):
        frame, y = people()
        targets = pd.DataFrame({"a": y, "b": -y, "c": np.full(len(y), 7.0)})
        model = KANRegressor(**SMALL).fit(frame, targets)
        predicted = model.predict(frame[:9])
        assert predicted.shape == (9, 3)
        assert model.model_.output_names == ["a", "b", "c"]
        assert np.all(predicted[:, 2] == 7.0)
        assert model.score(frame, targets[["a", "b", "c"]]) > 0.9

    def test_targets_of_any_unit_are_scaled(self):
        frame, y = people()
        small = KANRegressor(**SMALL).fit(frame, y).predict(frame)
        large = KANRegressor(**SMALL).fit(frame, 2.0**20 * y).predict(frame)
        np.testing.assert_array_equal(large, 2.0**20 * small)  # a power of two scales without rounding

    def test_a_constant_target_is_predicted_exactly(self):
        random = np.random.default_rng(0)
        x, weight = random.normal(size=(20, 2)), random.random(20)  # weighted means of equal numbers round
        for value in (0.1, 1 / 3, 0.7e9, -1e-9):
            model = KANRegressor(**{**SMALL, "max_iter": 2}).fit(x, np.full(20, value), sample_weight=weight)
            assert np.all(model.predict(x) == value)
            assert model.target_scale_.tolist() == [0.0]  # exact whatever the network says

    def test_one_class_has_probability_one(self):
        model = KANClassifier(**SMALL).fit(np.arange(8.0).reshape(4, 2), ["a"] * 4)
        assert model.predict([[1.0, 2.0]]).tolist() == ["a"]
        assert model.predict_proba([[1.0, 2.0]]).tolist() == [[1.0]]

    def test_three_classes(self):
        x = np.random.default_rng(0).normal(size=(150, 2))
        y = np.array(["low", "mid", "top"])[np.digitize(x[:, 0], [-0.5, 0.5])]
        model = KANClassifier(**SMALL).fit(x, y)
        probability = model.predict_proba(x)
        assert model.score(x, y) > 0.9
        assert model.model_.output_names == ["low", "mid", "top"]
        np.testing.assert_allclose(probability.sum(axis=1), 1.0, rtol=0, atol=1e-15)

    def test_two_classes_share_one_output(self):
        frame, y = people()
        model = KANClassifier(**SMALL).fit(frame, (y > y.median()).rename("rich"))
        assert model.model_.out_features == 1
        assert model.model_.output_names == ["rich=True"]
        assert model.classes_.tolist() == [False, True]
        # The one output is the log-odds of the second class.
        logit = model.model_(model._inputs(frame))[:, 0].detach().numpy()
        np.testing.assert_allclose(model.predict_proba(frame)[:, 1], 1 / (1 + np.exp(-logit)), rtol=1e-12, atol=1e-15)


class TestWeights:
    @pytest.mark.parametrize("estimator", [KANRegressor, KANClassifier])
    def test_a_weight_is_a_repeated_row_to_the_last_bit_after_a_full_fit(self, estimator):
        frame, y = people(60)
        if estimator is KANClassifier:
            y = (y > y.median()).map({True: "yes", False: "no"})
        weight = np.random.default_rng(1).integers(0, 4, 60)
        repeated = np.random.default_rng(2).permutation(np.repeat(np.arange(60), weight))
        kind = {"max_iter": 120, "random_state": 0, "early_stopping": True}
        weighted = estimator(**kind).fit(frame, y, sample_weight=weight)
        again = estimator(**kind).fit(frame.iloc[repeated], y.iloc[repeated])
        assert weighted.result_["val_loss"] == again.result_["val_loss"]
        predict = "predict_proba" if estimator is KANClassifier else "predict"
        np.testing.assert_array_equal(getattr(weighted, predict)(frame), getattr(again, predict)(frame))

    def test_targets_are_scaled_by_weighted_moments(self):
        x, y, weight = np.arange(4.0)[:, None], np.array([0.0, 1.0, 2.0, 10.0]), np.array([1.0, 2.0, 1.0, 4.0])
        model = KANRegressor(**{**SMALL, "max_iter": 1}).fit(x, y, sample_weight=weight)
        repeated = np.repeat(y, weight.astype(int))
        assert model.target_mean_[0] == repeated.mean()
        assert model.target_scale_[0] == pytest.approx(repeated.std(), rel=1e-14)

    def test_the_ridge_penalty_is_a_number_of_rows(self):
        frame, y = people(40)
        once = KANRegressor(**SMALL, alpha=1.0).fit(frame, y).predict(frame)
        twice = KANRegressor(**SMALL, alpha=2.0).fit(frame, y, sample_weight=np.full(40, 2.0)).predict(frame)
        other = KANRegressor(**SMALL, alpha=2.0).fit(frame, y).predict(frame)
        np.testing.assert_array_equal(once, twice)
        assert np.abs(once - other).max() > 1e-3

    def test_weights_matter(self):
        x, y = np.repeat([[0.0], [1.0]], 10, axis=0), np.tile([0.0, 1.0], 10)
        model = KANRegressor(**SMALL).fit(x, y, sample_weight=np.where(y > 0.5, 3.0, 1.0))
        assert model.predict([[0.0]])[0] == pytest.approx(0.75, abs=0.01)  # the weighted mean there

    @pytest.mark.parametrize(
        ("weight", "message"),
        [
            (np.zeros(20), "every `sample_weight` is zero"),
            (-np.ones(20), "must be >= 0 everywhere; got -1.0 at row 0"),
            (np.ones(3), r"must be \(20,\), one per row; got shape \(3,\)"),
        ],
    )
    def test_bad_weights(self, weight, message):
        with pytest.raises(ValueError, match=message):
            KANRegressor(**SMALL).fit(np.ones((20, 1)), np.arange(20.0), sample_weight=weight)


class TestBehaviour:
    def test_nothing_global_is_touched(self, global_random_state_untouched):
        frame, y = people(30)
        KANRegressor(**{**SMALL, "early_stopping": True}).fit(frame, y).predict(frame)

    def test_the_same_seed_gives_the_same_model(self):
        frame, y = people()
        one, two = (KANRegressor(**SMALL).fit(frame, y).predict(frame) for _ in range(2))
        other = KANRegressor(**{**SMALL, "random_state": 1}).fit(frame, y).predict(frame)
        np.testing.assert_array_equal(one, two)
        assert not np.array_equal(one, other)

    def test_early_stopping_stops(self):
        random = np.random.default_rng(0)
        x, y = random.normal(size=(80, 3)), random.normal(size=80)  # noise only
        model = KANRegressor(early_stopping=True, n_iter_no_change=3, alpha=0.0, random_state=0).fit(x, y)
        assert model.n_iter_ < 100
        assert model.n_iter_ == len(model.loss_curve_) == model.result_.best_step + 3

    def test_early_stopping_is_automatic_for_classifiers_with_rows_to_spare(self):
        x = np.random.default_rng(0).normal(size=(600, 2))
        y = x[:, 0] > 0
        kind = {**SMALL, "max_iter": 1}
        assert "val_loss" in KANClassifier(**kind).fit(x, y).result_
        assert "val_loss" not in KANClassifier(**kind).fit(x[:499], y[:499]).result_
        assert "val_loss" not in KANClassifier(**kind, early_stopping=False).fit(x, y).result_
        assert "val_loss" not in KANRegressor(**kind).fit(x, x[:, 0]).result_

    def test_warm_start_continues(self):
        frame, y = people()
        model = KANRegressor(**SMALL, warm_start=True).fit(frame, y)
        network, first = model.model_, model.loss_curve_[-1]
        knots = [layer.knots.clone() for layer in network.layers]
        model.fit(frame, y)
        assert model.model_ is network
        assert all(torch.equal(layer.knots, old) for layer, old in zip(network.layers, knots, strict=True))
        assert model.loss_curve_[0] <= 1.05 * first  # the objective has a ridge beside the loss
        with pytest.raises(ParameterError, match="`warm_start=True` continues the last fit, which had columns"):
            model.fit(frame[["age"]], y)

    def test_warm_start_refuses_other_classes(self):
        x = np.arange(12.0).reshape(6, 2)
        model = KANClassifier(**SMALL, warm_start=True).fit(x, [0, 1, 0, 1, 0, 1])
        with pytest.raises(ParameterError, match=r"had the classes \[0, 1\]; got \[0, 1, 2\]"):
            model.fit(x, [0, 1, 2, 0, 1, 2])

    def test_grid_search_pipeline_and_clone(self):
        frame, y = people()
        search = GridSearchCV(KANRegressor(**SMALL), {"grid": [2, 3], "hidden": [(), (2,)]}, cv=2).fit(frame, y)
        assert search.best_score_ > 0.9
        assert clone(search.best_estimator_).get_params() == search.best_estimator_.get_params()
        pipeline = make_pipeline(StandardScaler(), KANRegressor(**SMALL)).fit(frame[["age", "height"]], y)
        assert pipeline.predict(frame[["age", "height"]]).shape == y.shape

    def test_pickle_predicts_the_same(self, fitted):
        model, frame, _ = fitted
        again = pickle.loads(pickle.dumps(model))
        np.testing.assert_array_equal(again.predict(frame), model.predict(frame))
        assert again.result_.model is again.model_

    def test_float32(self):
        frame, y = people()
        model = KANRegressor(**SMALL, dtype="float32").fit(frame, y)
        assert next(model.model_.parameters()).dtype == torch.float32
        assert model.predict(frame).dtype == np.float64
        assert model.score(frame, y) > 0.95

    def test_names_of_the_networks_inputs(self, fitted):
        model, *_ = fitted
        names = [
            "age", "height", "city=Lima", "city=Oslo", "city=Rome", "member", "size=L", "size=M", "size=S",
        ]  # fmt: skip
        assert model.get_feature_names_out().tolist() == names == model.model_.input_names
        assert model.feature_names_in_.tolist() == ["age", "height", "city", "member", "size"]

    def test_plot_shows_real_names(self, fitted):
        pytest.importorskip("edgewise.plot")
        import matplotlib.pyplot as plt

        model, frame, _ = fitted
        figure = model.plot(frame)
        buffer = io.StringIO()
        with plt.rc_context({"svg.fonttype": "none"}):
            figure.savefig(buffer, format="svg")
        plt.close(figure)
        assert "city=Lima" in buffer.getvalue()
        assert "score" in buffer.getvalue()

    def test_predictions_do_not_depend_on_the_size_of_the_table(self, fitted, monkeypatch):
        model, frame, _ = fitted
        whole = model.predict(frame)
        monkeypatch.setattr("edgewise.estimators.base._CHUNK", 7)
        np.testing.assert_allclose(model.predict(frame), whole, rtol=1e-12, atol=0)


class TestFiles:
    @pytest.mark.parametrize("classes", [None, [0, 1], ["a", "b", "c"], [True, False], [2.0, 5.0, 7.0]])
    def test_round_trip_is_bit_equal(self, tmp_path, classes):
        frame, y = people(60)
        frame.loc[3, "city"] = None
        if classes is None:
            model = KANRegressor(**SMALL).fit(frame, y)
        else:
            model = KANClassifier(**SMALL).fit(frame, np.resize(classes, 60))
        model.save(tmp_path / "model.safetensors")
        again = type(model).load(tmp_path / "model.safetensors")
        new = people(30, seed=5)[0].assign(city="Paris")
        np.testing.assert_array_equal(again.predict(new), model.predict(new))
        assert again.get_params() == model.get_params()
        assert again.feature_names_in_.tolist() == list(frame.columns)
        assert (again.n_iter_, again.loss_curve_) == (model.n_iter_, model.loss_curve_)
        if classes is not None:
            np.testing.assert_array_equal(again.predict_proba(new), model.predict_proba(new))
            assert again.classes_.dtype == model.classes_.dtype

    def test_no_names_and_several_targets(self, tmp_path):
        x = np.random.default_rng(0).normal(size=(30, 2))
        model = KANRegressor(**SMALL).fit(x, x[:, ::-1])
        model.save(tmp_path / "m")
        again = KANRegressor.load(tmp_path / "m")
        assert not hasattr(again, "feature_names_in_")
        np.testing.assert_array_equal(again.predict(x), model.predict(x))

    def test_a_python_object_as_parameter_is_left_out(self, tmp_path, fitted):
        _, frame, y = fitted
        random = np.random.RandomState(0)
        KANRegressor(**{**SMALL, "random_state": random}).fit(frame, y).save(tmp_path / "m")
        assert KANRegressor.load(tmp_path / "m").random_state is None

    def test_the_other_kind_is_named(self, tmp_path, fitted):
        fitted[0].save(tmp_path / "m")
        with pytest.raises(FormatError, match="holds a KANRegressor, not a KANClassifier"):
            KANClassifier.load(tmp_path / "m")
        KAN([2, 1]).save(tmp_path / "bare")
        with pytest.raises(FormatError, match="holds a KAN, not a KANRegressor"):
            KANRegressor.load(tmp_path / "bare")

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("columns", None),
            ("columns", [{"name": "age", "center": 0.0, "scale": 0.0, "bent": False}]),
            ("columns", [{"name": "age", "center": 0.0, "scale": 1.0, "bent": False}]),
            ("n_features", 3),
            ("loss_curve", ["x"]),
            ("parameters", {"depth": 3}),
            ("target", {}),
            ("target", {"mean": [0.0, 0.0], "scale": [1.0, 1.0], "flat": True}),
            ("model", {"kind": "KAN"}),
            ("feature_names", ["only one"]),
        ],
    )
    def test_a_damaged_header_is_refused(self, tmp_path, fitted, key, value):
        fitted[0].save(tmp_path / "m")
        tensors, header = read_file(tmp_path / "m")
        header = {name: part for name, part in header.items() if name not in ("format", "version")}
        write_file(tmp_path / "m", tensors, {**header, key: value})
        with pytest.raises(FormatError):
            KANRegressor.load(tmp_path / "m")

    def test_nothing_to_save_before_a_fit(self, tmp_path):
        with pytest.raises(NotFittedError):
            KANRegressor().save(tmp_path / "m")


class TestBadTables:
    def refused(self, message, frame, y=None, **kind):
        y = np.arange(float(len(frame))) if y is None else y
        with pytest.raises(ValueError, match=message):
            KANRegressor(**{**SMALL, **kind}).fit(frame, y)

    def test_text_among_numbers(self):
        frame = pd.DataFrame({"a": ["1.5", "2", "n/a?", "4"], "b": range(4)}, index=[10, 11, 12, 13])
        self.refused("column 'a', row 12: could not convert 'n/a\\?' to a number", frame)

    def test_text_at_predict(self, fitted):
        model, frame, _ = fitted
        with pytest.raises(DomainError, match="column 'age', row 1: could not convert 'old' to a number"):
            model.predict(frame[:3].astype({"age": object}).replace({"age": {frame["age"][1]: "old"}}))

    def test_missing_number(self):
        self.refused("column 'a' contains NaN: 1 of 3 values are missing", pd.DataFrame({"a": [1.0, np.nan, 2.0]}))
        self.refused("column 'a' contains NaN", pd.DataFrame({"a": pd.array([1, None, 2], dtype="Int64")}))

    def test_infinite_number(self):
        self.refused(
            r"column 'a' contains inf: 1 of 2 values are infinite \(first at row 1", pd.DataFrame({"a": [1, np.inf]})
        )

    def test_dates(self):
        dates = pd.DataFrame({"day": pd.to_datetime(["2020-01-01", "2020-01-02"])})
        self.refused("column 'day' has dtype datetime64.*neither numeric nor categorical", dates)

    def test_two_columns_of_one_name(self):
        self.refused(r"(?i)unique", pd.DataFrame([[1, 2], [3, 4]], columns=[7, 7]))

    def test_missing_and_extra_columns_at_predict(self, fitted):
        model, frame, _ = fitted
        with pytest.raises(ValueError, match=r"(?s)yet now missing:\n- city"):
            model.predict(frame.drop(columns="city"))
        with pytest.raises(ValueError, match=r"(?s)unseen at fit time:\n- extra"):
            model.predict(frame.assign(extra=1))

    def test_a_single_row_and_none(self, fitted):
        model, frame, _ = fitted
        self.refused(r"Found frame with 1 sample\(s\).*minimum of 2", frame[:1])
        assert model.predict(frame[:1]).shape == (1,)
        with pytest.raises(DomainError, match=r"Found frame with 0 sample\(s\)"):
            model.predict(frame[:0])

    def test_bad_targets(self):
        frame, y = people(10)
        self.refused("column 'score', row 4: could not convert 'high'", frame, y.astype(object).replace({y[4]: "high"}))
        self.refused("Input y contains NaN", frame, np.array([np.nan, *range(9)]))
        self.refused("inconsistent numbers of samples", frame, np.arange(9.0))
        with pytest.raises(ValueError, match="contains NaN"):
            KANClassifier(**SMALL).fit(frame, pd.Series(["a", None] * 5))

    def test_an_array_for_a_frame_with_categories(self, fitted):
        model, frame, _ = fitted
        with pytest.warns(UserWarning, match="does not have valid feature names"):
            predicted = model.predict(frame.to_numpy(dtype=object))
        np.testing.assert_array_equal(predicted, model.predict(frame))

    @pytest.mark.parametrize(
        ("kind", "message"),
        [
            ({"hidden": 5}, r"`hidden` must be a sequence of ints >= 1 like \(10,\), or \(\); got 5"),
            ({"hidden": (0,)}, "`hidden` must be a sequence"),
            ({"grid": 0}, "`grid` .* must be an int >= 1; got 0"),
            ({"k": -1}, "`k` .* must be an int >= 0; got -1"),
            ({"alpha": -1.0}, "`alpha` must be a finite number >= 0; got -1.0"),
            ({"lamb": -1.0}, "`lamb` must be a number >= 0"),
            ({"grid_eps": 2.0}, "`grid_eps` must lie in"),
            ({"opt": "magic"}, "`opt` must be"),
            ({"lr": 0.0}, "`lr` must be a number > 0"),
            ({"max_iter": 0}, "`max_iter` must be an int >= 1; got 0"),
            ({"max_categories": 1}, "`max_categories` must be an int >= 2; got 1"),
            ({"batch_size": 0, "opt": "adam"}, "`batch_size` must be an int >= 1"),
            ({"early_stopping": True, "validation_fraction": 1.5}, "must lie between 0 and 1; got 1.5"),
            ({"early_stopping": "maybe"}, "`early_stopping` must be True, False or 'auto'; got 'maybe'"),
            ({"early_stopping": True, "n_iter_no_change": 0}, "must be an int >= 1"),
            ({"time_limit_sec": -1.0}, "`time_limit_sec` must be a number > 0"),
            ({"bend_outliers": "no"}, "`bend_outliers` must be True or False; got 'no'"),
            ({"dtype": "int8"}, "`dtype` must be one of"),
            ({"loss": "poisson"}, "`loss` must be one of"),
        ],
    )
    def test_bad_parameters(self, kind, message):
        self.refused(message, people(20)[0], **kind)


def test_a_polars_like_frame_is_taken_by_its_to_pandas():
    frame, y = people(40)

    class Foreign:
        def to_pandas(self):
            return frame

    model = KANRegressor(**SMALL).fit(Foreign(), y)
    assert model.feature_names_in_.tolist() == list(frame.columns)
    np.testing.assert_array_equal(model.predict(Foreign()), model.predict(frame))


class TestFormula:
    def test_says_what_predict_says_in_the_units_of_the_table(self, fitted):
        model, frame, _ = fitted
        formula = model.formula()
        assert formula.verify(model, frame).relative < 1e-12
        assert [str(s) for s in formula.symbols] == model.get_feature_names_out().tolist()
        text = str(formula)
        assert text.startswith("score = ")
        assert "[city=Rome]" in text
        assert "phi_0_0_0(" in text  # of the age
        assert not any(f"phi_0_{n}_0" in text for n in (2, 3, 4))  # indicators are linear
        assert model.formula(simplify=False).verify(model, frame).relative < 1e-12

    def test_finds_the_columns_of_a_frame_by_name(self, fitted):
        model, frame, _ = fitted
        formula, expected = model.formula(), model.predict(frame)[:, None]
        np.testing.assert_allclose(formula(frame[frame.columns[::-1]].assign(more=1)), expected, rtol=1e-12)
        rows = formula.rows(frame)
        assert rows[:, 2:5].sum(1).tolist() == [1.0] * len(frame)
        np.testing.assert_allclose(formula(rows), expected, rtol=1e-12)
        np.testing.assert_allclose(formula.to_module()(rows).detach().numpy(), expected, rtol=1e-12)
        with pytest.raises(ShapeError, match="'city' is not there once"):
            formula(frame.drop(columns="city"))

    def test_an_unknown_level_is_zero_everywhere(self, fitted):
        model, frame, _ = fitted
        new = frame.assign(city="Bonn")
        assert model.formula().verify(model, new).relative < 1e-12

    def test_missing_rare_and_bent_columns(self):
        random = np.random.default_rng(0)
        kind = pd.Series(random.choice(list("abcdefg"), 200)).where(random.random(200) < 0.9)
        frame = pd.DataFrame({
            "kind": kind,
            "wild one": random.standard_t(1.2, 200),
            "when": 1.7e9 + random.random(200),
        })
        y = frame["wild one"].clip(-2, 2) + (frame["kind"] == "a") + frame["when"] - 1.7e9
        model = KANRegressor(**SMALL, max_categories=4).fit(frame, y)
        formula = model.formula()
        assert formula.verify(model, frame).relative < 1e-9  # multiplied out, the time stamp would cost seven digits
        text = str(formula)
        assert "bend(" in text
        assert "where bend(z) = z/sqrt(1 + (z/3)**2)" in text
        assert "[wild one]" in text
        assert "[kind=(infrequent)]" in text
        assert "(when - 17000000" in text
        plain = KANRegressor(**SMALL, max_categories=4, bend_outliers=False).fit(frame, y)
        assert "bend" not in str(plain.formula())
        assert plain.formula().verify(plain, frame).relative < 1e-9

    def test_several_outputs_one_of_them_constant(self):
        frame, y = people()
        targets = pd.DataFrame({"score": y, "half": 50 - y / 2, "same": 7.0})
        model = KANRegressor(**SMALL).fit(frame, targets)
        formula = model.formula()
        assert formula.verify(model, frame).relative < 1e-12
        assert str(formula).endswith("same = 7.000")

    def test_a_law_comes_out_exactly(self):
        random = np.random.default_rng(0)
        frame = pd.DataFrame({"mass": random.uniform(1, 5, 200), "team": random.choice(["red", "blue"], 200)})
        y = (3 * frame["mass"] ** 2 + 10 * (frame["team"] == "red")).rename("E")
        model = KANRegressor(hidden=(), random_state=0, max_iter=50).fit(frame, y)
        model.auto_symbolic(frame, y, lib=["x", "x^2"])
        assert str(model.formula(frame, y)) == "E = 3*mass**2 + 10*[team=red]"
        assert str(model.formula(frame)) == str(model.formula(frame, y))  # the predictions are the law
        assert model.formula().verify(model, frame).relative < 1e-12
        new = frame.assign(team=["green", "red"] * 100)  # its indicators do not add up to one
        assert model.formula(new).verify(model, new).relative < 1e-12

    def test_sparsify_gives_another_and_refit_goes_on(self):
        frame, y = people()
        model = KANRegressor(**SMALL).fit(frame, y)
        before, width = model.predict(frame), model.model_.width
        small = model.sparsified(frame, y, steps=5, lambs=(), growth=3.0)
        assert small.model_.n_edges < model.model_.n_edges
        assert model.model_.width == width
        worse = small.score(frame, y)
        assert small.refit(frame, y, steps=20).score(frame, y) > worse
        np.testing.assert_array_equal(model.predict(frame), before)
        assert small.formula().verify(small, frame).relative < 1e-12

    def test_saved_and_opened(self, fitted, tmp_path):
        model, _, _ = fitted
        model.save(tmp_path / "m")
        assert str(KANRegressor.load(tmp_path / "m").formula()) == str(model.formula())

    def test_errors(self, fitted):
        model, frame, y = fitted
        with pytest.raises(NotFittedError):
            KANRegressor().formula()
        with pytest.raises(ParameterError, match="`y` must come with `X`"):
            model.formula(y=y)
        with pytest.raises(ParameterError, match="`simplify` must be True where `X` is given"):
            model.formula(frame, y, simplify=False)
        with pytest.raises(ShapeError, match=r"`y` must be \(120, 1\).*got shape \(119,\)"):
            model.formula(frame, y[:-1])
        with pytest.raises(ShapeError, match=r"`y` must be \(120, 1\)"):
            model.auto_symbolic(frame, np.zeros((120, 2)))
        with pytest.raises(ValueError, match="same order as they were in fit"):
            model.predict(frame[frame.columns[::-1]])


class TestClassifierFormula:
    def test_two_classes_give_log_odds(self):
        random = np.random.default_rng(0)
        frame = pd.DataFrame({"a": random.uniform(-1, 1, 300), "b": random.uniform(-1, 1, 300)})
        y = np.where(random.uniform(size=300) < 1 / (1 + np.exp(-6 * frame["a"])), "yes", "no")
        model = KANClassifier(hidden=(), random_state=0, max_iter=30, early_stopping=False).fit(frame, y)
        model.auto_symbolic(frame, y, lib=["x", "x^2"])
        formula = model.formula(frame)
        assert formula.verify(model, frame).relative < 1e-10
        odds = formula(frame)[:, 0]
        np.testing.assert_allclose(1 / (1 + np.exp(-odds)), model.predict_proba(frame)[:, 1], rtol=1e-10)
        np.testing.assert_allclose(odds, model.decision_function(frame), rtol=1e-10)
        assert set(map(str, formula.symbols)) == {"a", "b"}

    def test_more_classes_give_a_score_each(self):
        random = np.random.default_rng(0)
        x = random.uniform(-1, 1, (200, 2))
        y = np.digitize(x[:, 0], [-0.3, 0.4])
        model = KANClassifier(hidden=(), grid=3, random_state=0, max_iter=20, early_stopping=False).fit(x, y)
        formula = model.formula()
        assert len(formula.expressions) == 3
        assert formula.verify(model, x).relative < 1e-10
        assert (np.asarray(formula(x)).argmax(1) == model.predict(x)).all()

    def test_errors(self):
        x = np.random.default_rng(0).uniform(-1, 1, (40, 1))
        model = KANClassifier(hidden=(), random_state=0, max_iter=2).fit(x, x[:, 0] > 0)
        with pytest.raises(DomainError, match=r"`y` must hold classes of the fit, \[False, True\]; got 2 at row 3"):
            model.auto_symbolic(x, [0, 1, 0, 2] * 10)
        with pytest.raises(ParameterError, match="`simplify` must be True"):
            model.formula(x, simplify=False)

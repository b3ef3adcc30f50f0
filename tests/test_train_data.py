"""Every form of data, and every way in which data can be wrong."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from edgewise import KAN, MLP, fit
from edgewise.errors import DomainError, ParameterError, ShapeError

DOUBLE = torch.float64


def table(n=40, seed=0):
    g = torch.Generator().manual_seed(seed)
    x = torch.rand(n, 2, generator=g, dtype=DOUBLE) * 2 - 1
    return x, x[:, :1] * x[:, 1:]


def kan(width=(2, 2, 1), **options):
    return KAN(list(width), grid=3, seed=0, dtype=DOUBLE, **options)


def train_loss(data, **options):
    return fit(kan(), data, steps=5, **options)["train_loss"]


class TestForms:
    def test_every_form_of_the_same_rows_gives_the_same_run(self):
        x, y = table()
        frame = pd.DataFrame({"a": x[:, 0].numpy(), "b": x[:, 1].numpy(), "target": y[:, 0].numpy()})
        expected = train_loss((x, y))
        assert expected[-1] < expected[0] < float((y**2).mean()) * 2
        for data in (
            (x.numpy(), y.numpy()),
            [x.tolist(), y.tolist()],
            {"train_input": x, "train_label": y},
            {"train_input": x.numpy(), "train_label": y},
            TensorDataset(x, y),
            (frame, "target"),
            (frame[["target", "a", "b"]], ["target"]),
            (frame[["a", "b"]], frame[["target"]]),
        ):
            assert train_loss(data) == expected
        for pair in ((x, y), (x.numpy(), y.numpy()), (x.tolist(), y.tolist()), (frame, "target")):
            assert kan().fit(*pair, steps=5)["train_loss"] == expected  # as two arguments
        assert kan().fit(x, y=y, steps=5)["train_loss"] == expected

    @pytest.mark.parametrize(
        ("data", "y", "message"),
        [
            ({"train_input": [[0.0]], "train_label": [[0.0]]}, "lbfgs", r"got 'lbfgs' beside a dict.*opt='lbfgs'"),
            (table(), "lbfgs", r"got 'lbfgs' beside a tuple of 2.*opt='lbfgs'"),
            (TensorDataset(*table()), table()[1], "got Tensor beside a TensorDataset"),
            (DataLoader(TensorDataset(*table())), table()[1], "got Tensor beside a DataLoader"),
            (table()[0], "lbfgs", r"got 'lbfgs' beside a Tensor.*opt='lbfgs'"),
        ],
    )
    def test_a_second_argument_that_is_no_label(self, data, y, message):
        with pytest.raises(ParameterError, match=r"`y` holds the labels of the inputs.*" + message):
            kan().fit(data, y)

    def test_test_set_of_a_dict_is_reported_and_selects_nothing(self):
        x, y = table()
        far = {"train_input": x, "train_label": y, "test_input": x, "test_label": y + 100}
        result = fit(kan(), far, steps=4)
        assert result["train_loss"] == train_loss((x, y))[:4]
        assert result["test_loss"][-1] > 9_000
        assert result["test_rmse"][-1] == pytest.approx(result["test_loss"][-1] ** 0.5)
        assert result.best_step == 4

    def test_loader_streams_with_unequal_last_batch(self):
        x, y = table(10)
        loader = DataLoader(TensorDataset(x, y), batch_size=4)  # 4, 4, 2
        optimizer_that_stays = {"opt": "sgd", "lr": 1e-300, "update_grid": False}
        model = kan()
        loss = fit(model, loader, steps=1, **optimizer_that_stays)["train_loss"][0]
        # The mean over rows, not over batches (which would weigh the last rows twice).
        assert loss == pytest.approx(float(((model(x) - y).detach() ** 2).mean()), rel=1e-12)

    def test_loader_may_yield_weights(self):
        x, y = table(8)
        weight = torch.tensor([1.0, 0, 0, 0, 0, 0, 0, 3], dtype=DOUBLE)
        loader = DataLoader(TensorDataset(x, y, weight), batch_size=8)
        model = kan()
        loss = fit(model, loader, steps=1, opt="sgd", lr=1e-300, update_grid=False)["train_loss"][0]
        square = ((model(x) - y).detach() ** 2)[:, 0]
        assert loss == pytest.approx(float((square[0] + 3 * square[7]) / 4), rel=1e-12)

    def test_arrays_take_the_model_dtype(self):
        x, y = table()
        model = KAN([2, 2, 1], grid=3, seed=0, dtype=torch.float32)
        result = fit(model, (x.numpy(), y.numpy()), steps=3)
        assert np.isfinite(result["train_loss"]).all()
        assert model.input_summary.dtype == torch.float32

    def test_integer_and_boolean_arrays_are_numbers(self):
        x = np.arange(12).reshape(6, 2)
        assert len(train_loss((x, (x[:, :1] > 4)))) == 5

    @pytest.mark.filterwarnings("ignore:input 'x.' .* outweighs the splines")  # `far`, on purpose
    def test_batch_of_one_constant_binary_and_duplicate_columns(self):
        x, y = table()
        one = (x[:1], y[:1])
        constant = (torch.cat([x[:, :1], torch.full_like(x[:, :1], 3.0)], 1), y)
        binary = (torch.cat([x[:, :1], (x[:, 1:] > 0).to(DOUBLE)], 1), y)
        same = (x[:1].expand(20, 2), y[:1].expand(20, 1))
        far = (x * 1e6, y)
        for data in (one, constant, binary, same, far):
            model = kan()
            losses = fit(model, data, steps=30)["train_loss"]
            assert np.isfinite(losses).all()
            assert losses[-1] <= losses[0]
            assert all(bool(p.isfinite().all()) for p in model.parameters())

    def test_dataset_without_length_is_refused(self):
        class Endless(torch.utils.data.IterableDataset):
            def __iter__(self):
                yield from zip(*table(), strict=True)

        with pytest.raises(ParameterError, match="DataLoader"):
            fit(kan(), Endless())
        loader = DataLoader(Endless(), batch_size=16)
        assert len(fit(kan(), loader, steps=2)["train_loss"]) == 2


class TestValidation:
    def test_fraction_splits_by_seed(self):
        x, y = table()
        a, b, c = (fit(kan(), (x, y), steps=2, val=0.25, seed=s)["val_loss"] for s in (1, 1, 2))
        assert a == b != c

    def test_split_holds_out_the_stated_rows(self):
        x, y = table(40)
        order = torch.randperm(40, generator=torch.Generator().manual_seed(3))
        model = kan()
        result = fit(model, (x, y), steps=1, val=0.25, seed=3)
        held = order[:10]
        expected = float(((model(x[held]) - y[held]).detach() ** 2).mean())
        assert result["val_loss"][0] == pytest.approx(expected, rel=1e-12)

    def test_pair_loader_and_test_set(self):
        x, y = table()
        xv, yv = table(20, seed=1)
        pair = fit(kan(), (x, y), steps=3, val=(xv, yv))["val_loss"]
        loader = fit(kan(), (x, y), steps=3, val=DataLoader(TensorDataset(xv, yv), batch_size=8))["val_loss"]
        data = {"train_input": x, "train_label": y, "test_input": xv, "test_label": yv}
        assert loader == pytest.approx(pair, rel=1e-12)
        assert fit(kan(), data, steps=3, val="test")["val_loss"] == pair

    @pytest.mark.parametrize(
        ("val", "message"),
        [
            (0.0, "between 0 and 1; got 0.0"),
            (1.5, "between 0 and 1; got 1.5"),
            (True, "between 0 and 1; got True"),
            (0.999, "leaves nothing to train on"),
            ("test", "needs a dict with 'test_input'"),
            ("other", "must be a fraction, a pair"),
            ((1, 2, 3), "must be a fraction, a pair .* got tuple of 3"),
        ],
    )
    def test_bad_values(self, val, message):
        with pytest.raises(ParameterError, match=message):
            fit(kan(), table(), val=val)

    def test_fraction_of_a_loader(self):
        with pytest.raises(ParameterError, match="needs data in memory"):
            fit(kan(), DataLoader(TensorDataset(*table())), val=0.2)


def with_value(value, row, column):
    x, y = table()
    x = x.clone()
    x[row, column] = value
    return x, y


X, Y = table()
BAD = {
    "1-D labels": ((X, Y[:, 0]), ShapeError, r"labels? have shape \(40,\).*broadcast to \(N, N\).*`y\[:, None\]`"),
    "1-D labels of a frame": ((pd.DataFrame(X.numpy()), pd.Series(Y[:, 0].numpy())), ShapeError, r"y\[:, None\]"),
    "too many labels": (
        (X, torch.cat([Y, Y], 1)),
        ShapeError,
        r"have shape \(40, 2\), the model's outputs are \(N, 1\)",
    ),
    "wrong feature count": ((X[:, :1], Y), ShapeError, r"train_input must be \(N, 2\).*got \(40, 1\)"),
    "1-D inputs": ((X[:, 0], Y), ShapeError, r"train_input must be \(N, 2\)"),
    "fewer labels": ((X, Y[:-1]), ShapeError, "a row for each of the 40 rows of inputs; got"),
    "input dtype": ((X.float(), Y), ShapeError, "train_input is torch.float32, the model torch.float64. Convert"),
    "label dtype": ((X, Y.float()), ShapeError, "train_label is torch.float32, the model torch.float64"),
    "integer tensor": ((X.long(), Y), ShapeError, "train_input is torch.int64, the model torch.float64"),
    "classes": ((X, Y.long()), ShapeError, 'Classes go with `loss="cross_entropy"`'),
    "device": ((X.to("meta"), Y), ShapeError, "train_input is on meta, the model on cpu"),
    "NaN input": (with_value(torch.nan, 7, 1), DomainError, r"1 of 80 values .* column 1 \(x2\), row 7: nan"),
    "infinite input": (with_value(-torch.inf, 3, 0), DomainError, r"column 0 \(x1\), row 3: -inf"),
    "NaN label": (
        (X, torch.where(Y[5] == Y, torch.nan, Y)),
        DomainError,
        "train_label must be finite.*column 0, row 5",
    ),
    "overflow": ((np.full((4, 2), 1e300), np.full((4, 1), 1.0)), DomainError, "inf"),
    "empty": ((X[:0], Y[:0]), ShapeError, "train_input must have at least one row"),
    "text": ((np.array([["1", "b"]]), Y), ShapeError, "train_input must be numbers.*'1' at entry 0"),
    "missing column": ((pd.DataFrame({"a": [1.0]}), "b"), ParameterError, r"target column 'b' is not in .*\['a'\]"),
    "only the target": ((pd.DataFrame({"a": [1.0]}), "a"), ParameterError, "input columns beside the target"),
    "text column": (
        (pd.DataFrame({"a": [1.0, 2.0], "c": [1, "red"], "y": [0.0, 1]}), "y"),
        ShapeError,
        "column 'c' must be numbers.*'red' at entry 1",
    ),
    "NaN in a frame": (
        (pd.DataFrame({"a": [1.0, np.nan], "c": [1.0, 2], "y": [0.0, 1]}), "y"),
        DomainError,
        r"column 0 \(a\), row 1",
    ),
    "dict without labels": ({"train_input": X}, ParameterError, "needs 'train_input' and 'train_label'"),
    "dict with a typing error": (
        {"train_input": X, "train_label": Y, "test_lable": Y},
        ParameterError,
        "got keys .*test_lable",
    ),
    "half a test set": ({"train_input": X, "train_label": Y, "test_input": X}, ParameterError, "both of 'test_input'"),
    "one tensor": (X, ParameterError, "`data` must be a dict .* got Tensor"),
    "triple": ((X, Y, Y), ParameterError, "`data` must be a dict .* got tuple of 3"),
    "empty dataset": (TensorDataset(X[:0], Y[:0]), ShapeError, "at least one row; it is empty"),
    "dataset of single tensors": (TensorDataset(X), ShapeError, r"must yield \(x, y\)"),
    "empty loader": (DataLoader(TensorDataset(X[:0], Y[:0])), ShapeError, "at least one batch; it is empty"),
    "loader of single tensors": (DataLoader(TensorDataset(X)), ShapeError, r"must yield \(x, y\) or \(x, y, weight\)"),
    "loader with 1-D labels": (DataLoader(TensorDataset(X, Y[:, 0])), ShapeError, r"y\[:, None\]"),
    "loader with NaN": (DataLoader(TensorDataset(*with_value(torch.nan, 0, 1))), DomainError, "column 1"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_data_says_what_is_wrong(name):
    data, error, message = BAD[name]
    model = KAN([2, 2, 1], grid=3, seed=0, dtype=torch.float32) if name == "overflow" else kan()
    before = [p.clone() for p in model.parameters()]
    with pytest.raises(error, match=message):
        fit(model, data, steps=2)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


@pytest.mark.parametrize(
    ("weight", "error", "message"),
    [
        (torch.ones(3, dtype=DOUBLE), ShapeError, r"sample_weight must be \(40,\).*got \(3,\)"),
        (-torch.ones(40, dtype=DOUBLE), DomainError, "must be >= 0 with at least one > 0; got smallest -1"),
        (torch.zeros(40, dtype=DOUBLE), DomainError, "at least one > 0"),
        (np.full(40, np.nan), DomainError, "sample_weight must be finite"),
    ],
)
def test_bad_weights(weight, error, message):
    with pytest.raises(error, match=message):
        fit(kan(), table(), sample_weight=weight)


def test_weights_and_a_loader():
    with pytest.raises(ParameterError, match="let the DataLoader yield"):
        fit(kan(), DataLoader(TensorDataset(*table())), sample_weight=[1.0])


def test_wrong_output_shape_of_any_module():
    x, y = table()
    squeezed = torch.nn.Sequential(MLP([2, 3, 1], seed=0, dtype=DOUBLE), torch.nn.Flatten(0))
    with pytest.raises(ShapeError, match=r"Pass `y\[:, 0\]`"):
        fit(squeezed, (x, y))
    assert len(fit(squeezed, (x, y[:, 0]), steps=2)["train_loss"]) == 2

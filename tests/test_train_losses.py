"""Losses and metrics against sklearn and closed forms; weights against repeated rows."""

import numpy as np
import pytest
import torch
from sklearn import metrics as sk

from edgewise import KAN, MLP, fit
from edgewise.errors import DomainError, ParameterError, ShapeError
from edgewise.train.losses import LOSSES, get_loss
from edgewise.train.metrics import METRICS

DOUBLE = torch.float64


def pair(n=50, outputs=2, seed=0):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(n, outputs, generator=g, dtype=DOUBLE), torch.rand(n, outputs, generator=g, dtype=DOUBLE)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


ORACLES = {
    "mse": lambda p, y, w: sk.mean_squared_error(y, p, sample_weight=w),
    "mae": lambda p, y, w: sk.mean_absolute_error(y, p, sample_weight=w),
    "huber": lambda p, y, w: np.average(
        np.where(np.abs(p - y) < 1, 0.5 * (p - y) ** 2, np.abs(p - y) - 0.5).mean(1), weights=w
    ),
    "bce": lambda p, y, w: np.average(-(y * np.log(sigmoid(p)) + (1 - y) * np.log(sigmoid(-p))).mean(1), weights=w),
    "poisson": lambda p, y, w: np.average((np.exp(p) - y * p).mean(1), weights=w),
}


@pytest.mark.parametrize("name", ORACLES)
@pytest.mark.parametrize("weighted", [False, True])
def test_loss_is_the_weighted_mean(name, weighted):
    prediction, label = pair()
    weight = torch.linspace(0.1, 3, 50, dtype=DOUBLE) if weighted else None
    ours = LOSSES[name].mean(prediction, label, None if weight is None else weight / weight.mean())
    theirs = ORACLES[name](prediction.numpy(), label.numpy(), None if weight is None else weight.numpy())
    assert float(ours) == pytest.approx(float(theirs), rel=1e-13)


@pytest.mark.parametrize("weighted", [False, True])
def test_cross_entropy_is_the_weighted_mean(weighted):
    prediction, _ = pair(outputs=3)
    label = torch.arange(50) % 3
    weight = torch.linspace(0.1, 3, 50, dtype=DOUBLE) if weighted else None
    ours = LOSSES["cross_entropy"].mean(prediction, label, None if weight is None else weight / weight.mean())
    theirs = sk.log_loss(label, prediction.softmax(1), sample_weight=weight)
    assert float(ours) == pytest.approx(theirs, rel=1e-13)


@pytest.mark.parametrize("opt", ["lbfgs", "adam"])
def test_integer_weights_equal_repeated_rows(opt):
    x, y = pair(12)
    y = y[:, :1]
    times = torch.arange(12) % 3  # 0, 1, 2: a weight of zero leaves the row out
    options = {"steps": 8, "opt": opt, "lamb": 1e-2, "update_grid": False}
    a = fit(KAN([2, 2, 1], grid=3, seed=0, dtype=DOUBLE), (x, y), sample_weight=times.to(DOUBLE), **options)
    repeated = x.repeat_interleave(times, 0), y.repeat_interleave(times, 0)
    b = fit(KAN([2, 2, 1], grid=3, seed=0, dtype=DOUBLE), repeated, **options)
    # Rounding grows with the iterations; eight of them leave 1e-9 of it.
    np.testing.assert_allclose(a["train_loss"], b["train_loss"], rtol=1e-8)
    np.testing.assert_allclose(a["penalty"], b["penalty"], rtol=1e-8)


def test_mini_batches_with_weights_report_the_mean_over_rows():
    x, y = pair(10)
    y, weight = y[:, :1], torch.arange(10, dtype=DOUBLE)
    model = KAN([2, 1], grid=3, seed=0, dtype=DOUBLE)
    result = fit(model, (x, y), sample_weight=weight, batch_size=4, opt="sgd", lr=1e-300, steps=1, update_grid=False)
    square = ((model(x) - y).detach() ** 2)[:, 0]
    assert result["train_loss"][0] == pytest.approx(float((weight * square).sum() / weight.sum()), rel=1e-12)


def test_callable_losses():
    x, y = pair(20)
    y = y[:, :1]

    def scalar(prediction, label):
        return ((prediction - label) ** 2).mean()

    def rows(prediction, label):
        return ((prediction - label) ** 2)[:, 0]

    models = [KAN([2, 1], grid=3, seed=0, dtype=DOUBLE) for _ in range(3)]
    histories = [
        fit(m, (x, y), loss=f, opt="lbfgs", steps=4)["train_loss"]
        for m, f in zip(models, ("mse", scalar, rows), strict=True)
    ]
    np.testing.assert_allclose(histories[1], histories[0], rtol=1e-10)
    np.testing.assert_allclose(histories[2], histories[0], rtol=1e-10)
    weight = torch.linspace(1, 2, 20, dtype=DOUBLE)
    fit(models[0], (x, y), loss=rows, sample_weight=weight, steps=1)
    with pytest.raises(ShapeError, match=r"'scalar' returned shape \(\) for 20 rows.*one value per row"):
        fit(models[0], (x, y), loss=scalar, sample_weight=weight, steps=1)
    with pytest.raises(ShapeError, match=r"y\[:, None\]"):
        fit(models[0], (x, y[:, 0]), loss=scalar, steps=1)


@pytest.mark.parametrize("loss", ["nope", 3])
def test_bad_loss(loss):
    with pytest.raises(ParameterError, match="`loss` must be"):
        get_loss(loss)


class TestLabels:
    x = pair(6, 2)[0]

    def model(self, outputs):
        return MLP([2, 3, outputs], seed=0, dtype=DOUBLE)

    def test_classes_as_numbers_arrays_and_probabilities(self):
        classes = torch.tensor([0, 1, 2, 0, 1, 2])
        expected = fit(self.model(3), (self.x, classes), loss="cross_entropy", steps=3)["train_loss"]
        assert expected[-1] < expected[0] < 1.5
        for y in (classes.numpy(), torch.nn.functional.one_hot(classes).to(DOUBLE)):
            again = fit(self.model(3), (self.x, y), loss="cross_entropy", steps=3)["train_loss"]
            assert again == pytest.approx(expected, rel=1e-12)

    @pytest.mark.parametrize(
        ("y", "error", "message"),
        [
            (torch.tensor([0, 1, 3, 0, 1, 2]), DomainError, "from 0 to 2.*got 3 at row 2.*more outputs"),
            (torch.tensor([0, -1, 2, 0, 1, 2]), DomainError, "got -1 at row 1"),
            (torch.tensor([[0], [1], [2], [0], [1], [2]]), ShapeError, r"shape \(N,\).*`y\[:, 0\]`"),
            (np.array([0.0, 1, 2, 0, 1, 2]), ShapeError, r"must be integers.*`y.long\(\)`"),
            (np.array(["a", "b", "c", "a", "b", "c"]), ShapeError, "must be numbers.*'a' at entry 0"),
        ],
    )
    def test_bad_classes(self, y, error, message):
        with pytest.raises(error, match=message):
            fit(self.model(3), (self.x, y), loss="cross_entropy")

    def test_ranges(self):
        y = torch.tensor([[0.0], [1], [2], [0], [1], [0]], dtype=DOUBLE)
        with pytest.raises(DomainError, match=r"in \[0, 1\] for the loss 'bce'; got 2 at row 2"):
            fit(self.model(1), (self.x, y), loss="bce")
        with pytest.raises(DomainError, match=r"in \[0, inf\] for the loss 'poisson'; got -1 at row 1"):
            fit(self.model(1), (self.x, -y), loss="poisson")

    def test_only_mse_has_a_root(self):
        y = torch.tensor([[0.0], [1], [0], [0], [1], [0]], dtype=DOUBLE)
        assert "train_rmse" not in fit(self.model(1), (self.x, y), loss="bce", steps=1)
        assert "train_rmse" in fit(self.model(1), (self.x, y), loss="mse", steps=1)


class TestMetrics:
    def test_values(self):
        prediction, label = pair()
        p, y = prediction.numpy(), label.numpy()
        assert float(METRICS["r2"](prediction, label)) == pytest.approx(
            sk.r2_score(y, p, multioutput="variance_weighted")
        )
        assert float(METRICS["mae"](prediction, label)) == pytest.approx(sk.mean_absolute_error(y, p))
        assert float(METRICS["rmse"](prediction, label)) == pytest.approx(sk.mean_squared_error(y, p) ** 0.5)
        assert float(METRICS["max_error"](prediction, label)) == pytest.approx(np.abs(p - y).max())
        classes = torch.arange(50) % 2
        assert float(METRICS["accuracy"](prediction, classes)) == pytest.approx(sk.accuracy_score(classes, p.argmax(1)))
        binary = classes[:, None].to(DOUBLE)
        assert float(METRICS["accuracy"](prediction[:, :1], binary)) == pytest.approx(
            sk.accuracy_score(classes, p[:, 0] > 0)
        )

    def test_reported_on_held_out_sets_or_on_training_rows(self):
        x, y = pair(20)
        y = y[:, :1]
        model = MLP([2, 3, 1], seed=0, dtype=DOUBLE)
        result = fit(model, (x, y), steps=2, metrics="r2")
        assert result["train_r2"][-1] == pytest.approx(float(METRICS["r2"](model(x).detach(), y)))
        result = fit(model, (x, y), steps=2, val=0.5, metrics={"worst": METRICS["max_error"]})
        assert "val_worst" in result
        assert "train_worst" not in result

    @pytest.mark.parametrize("metrics", ["nope", ["r2", 3], {"a": None}])
    def test_bad_values(self, metrics):
        x, y = pair(20)
        with pytest.raises(ParameterError, match="`metrics` must be names"):
            fit(MLP([2, 1], seed=0, dtype=DOUBLE), (x, y[:, :1]), metrics=metrics)

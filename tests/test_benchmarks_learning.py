"""The benchmarks of continual learning and of MNIST: their data, what they measure, and what they refuse."""

import numpy as np
import pytest
import torch
from benchmarks.paper import continual, mnist
from benchmarks.paper.continual import ADDITIVE, LINE, ROUND, Way


@pytest.mark.parametrize("task", [LINE, ADDITIVE, ROUND])
def test_every_phase_shows_its_own_peak_and_no_other(task):
    centres = continual.CENTRES[:, None] if task.inputs == 1 else continual.CENTRES_2D
    for n, phase in enumerate(continual.phases(task, 0)):
        for x, y in phase:
            assert torch.cdist(x, centres).argmin(1).eq(n).all()
            assert torch.equal(y, task.function(x))
            assert 0.9 < float(y.max()) < 2.1


def test_a_spline_alone_remembers_and_a_trained_residual_function_does_not():
    left = {}
    for base_fun in ("zero", "silu"):
        build = continual._kan(1, 1, grid=100, base_fun=base_fun)
        record = continual.learn(Way(LINE, base_fun, build), 15, seed=0)
        left[base_fun] = record["first"] / record["phases"][0]
    assert left["zero"] < 2.0  # 1.0 but for the border to the next region
    assert left["silu"] > 20.0


@pytest.fixture
def digits(tmp_path):
    """Ten classes, each a block of bright pixels."""
    draw, labels = np.random.default_rng(0), np.arange(400) % 10
    images = draw.integers(0, 60, (400, 28, 28))
    images[np.arange(400)[:, None], 2 * labels[:, None] + np.arange(2)] = 250
    (tmp_path / "mnist").mkdir()
    half = {"x_train": images[:300], "y_train": labels[:300], "x_test": images[300:], "y_test": labels[300:]}
    np.savez(tmp_path / mnist.FILE, **{name: part.astype(np.uint8) for name, part in half.items()})
    return tmp_path


def test_digits_are_read(digits):
    read = mnist.load(str(digits))
    assert read.x.shape == (300, 784)
    assert read.x.dtype == torch.float32
    assert 0.9 < float(read.x.max()) <= 1.0


@pytest.mark.slow  # kernels for wide layers in single precision are compiled for it alone
def test_digits_are_learned(digits):
    read = mnist.load(str(digits))
    record = mnist.learn(mnist.MODELS[mnist.BEST](0), read, epochs=20, seed=0)
    assert record["accuracy"] > 0.9  # a tenth by chance
    assert record["parameters"] == (784 * 64 + 64 * 10) * 3


def test_missing_digits_are_named(digits, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"give `--data DIR`, where DIR holds mnist/mnist\.npz"):
        mnist.load(None)
    with pytest.raises(FileNotFoundError, match=r"holds no mnist/mnist.npz: the arrays x_train"):
        mnist.load(str(tmp_path / "elsewhere"))
    np.savez(digits / mnist.FILE, x_train=np.zeros((1, 28, 28)))
    with pytest.raises(FileNotFoundError, match="it lacks y_train, x_test, y_test"):
        mnist.load(str(digits))

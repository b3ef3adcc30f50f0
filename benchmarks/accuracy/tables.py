"""The table on which an MLP of a notebook is trained, 10 classes: volkert, or what comes nearest."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from edgewise.datasets import openml

VOLKERT, FEATURES = 41166, 147


class Table(NamedTuple):
    """Training and test rows, float32, and what they are."""

    name: str
    x: Tensor
    y: Tensor
    test_x: Tensor
    test_y: Tensor


def find(folder: str | None, rows: int) -> Table:
    """The best table at hand: nothing is fetched.

    Args:
        folder: holds volkert, by hand or as the cache of `openml`, or `mnist/mnist.npz`; None for the digits that come
            with scikit-learn.
        rows: most rows of each part, the first ones after the split.
    """
    if folder is None:
        found = _digits()
    elif any((Path(folder) / name).exists() for name in _volkert_files()):
        found = _volkert(folder)
    elif (Path(folder) / "mnist" / "mnist.npz").exists():
        found = _mnist(Path(folder) / "mnist" / "mnist.npz", rows)
    else:
        raise FileNotFoundError(
            f"{folder} holds neither volkert ({', '.join(_volkert_files())}) nor mnist/mnist.npz; leave out `--data` "
            "for the digits of scikit-learn."
        )
    return Table(found.name, found.x[:rows], found.y[:rows], found.test_x[:rows], found.test_y[:rows])


def _volkert_files() -> list[str]:
    return [f"{VOLKERT}.arff", f"{VOLKERT}.csv", f"{VOLKERT}.csv.gz", f"openml_{VOLKERT}.json"]


def _volkert(folder: str) -> Table:
    data = openml(VOLKERT, folder, task="classification", dtype=torch.float32)
    order = torch.randperm(len(data["train_input"]), generator=torch.Generator().manual_seed(0))
    return Table(
        "volkert", data["train_input"][order], data["train_label"][order], data["test_input"], data["test_label"]
    )


def _mnist(path: Path, rows: int) -> Table:
    """As many principal components as volkert has columns; components and scale are those of the training rows."""
    with np.load(path, allow_pickle=False) as file:
        raw = {name: file[name][:rows] for name in ("x_train", "y_train", "x_test", "y_test")}
    x, test = (torch.from_numpy(raw[name].reshape(len(raw[name]), -1)).double() / 255 for name in ("x_train", "x_test"))
    mean = x.mean(0)
    components = torch.linalg.svd(x - mean, full_matrices=False)[2][:FEATURES].mT
    inputs, test_inputs = (x - mean) @ components, (test - mean) @ components
    deviation = inputs.std()  # one for all: standardised components would be mostly noise
    labels = (torch.from_numpy(raw[name].astype(np.int64)) for name in ("y_train", "y_test"))
    y, test_y = labels
    name = f"MNIST, {FEATURES} principal components"
    return Table(name, (inputs / deviation).float(), y, (test_inputs / deviation).float(), test_y)


def _digits() -> Table:
    from sklearn.datasets import load_digits

    digits = load_digits()
    x, y = torch.from_numpy(digits.data / 8 - 1).float(), torch.from_numpy(digits.target).long()
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    x, y, train = x[order], y[order], 4 * len(x) // 5
    return Table("digits of scikit-learn", x[:train], y[:train], x[train:], y[train:])

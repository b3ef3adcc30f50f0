"""scikit-learn's own checks, all of them, with no expected failure."""

import pytest
import torch
from sklearn.utils.estimator_checks import parametrize_with_checks

from edgewise import KANClassifier, KANRegressor


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@parametrize_with_checks([
    KANRegressor(hidden=(3,), grid=3, max_iter=15),
    KANClassifier(hidden=(3,), grid=3, max_iter=15),
    # The whole contract again where a validation set is held back.
    KANRegressor(hidden=(), grid=3, max_iter=15, early_stopping=True),
    KANClassifier(hidden=(), grid=3, max_iter=15, early_stopping=True),
])
def test_scikit_learn_check(estimator, check):
    check(estimator)

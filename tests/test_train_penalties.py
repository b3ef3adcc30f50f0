"""Penalties as residuals: each product agrees with the rows written out, and the rows with literal differences."""

import numpy as np
import pytest
import torch

from edgewise import KAN
from edgewise.optim import Residuals
from edgewise.train.least_squares import KANResiduals
from edgewise.train.penalties import Differences, Ridge

F64 = torch.float64


def draw(*shape, seed=0):
    return torch.rand(*shape, dtype=F64, generator=torch.Generator().manual_seed(seed)) - 0.5


def two_groups():
    """A group of 2 x 5 x 3 coefficients of order 3, and one of 1 x 2 x 2 of order 1, apart and in mixed order."""
    first = torch.arange(30).flip(0).reshape(2, 5, 3) + 1
    second = torch.tensor([[[40, 38], [36, 37]]])
    return [first, second], [3, 1], 42


@pytest.mark.parametrize("with_factors", [False, True])
@pytest.mark.parametrize("which", [None, [2, 0]])
def test_differences_are_numpys(with_factors, which):
    blocks, orders, n = two_groups()
    weights, factors = draw(3, 2).abs(), draw(3, n, seed=1) if with_factors else None
    which = None if which is None else torch.tensor(which)
    models = [0, 1, 2] if which is None else which.tolist()
    penalty = Differences(n, blocks, orders, weights, factors)
    x = draw(len(models), n, seed=2)
    scaled = x.numpy() if factors is None else x.numpy() * factors.numpy()[models]
    expected = [
        np.concatenate([
            float(weights[m, g]) * np.diff(scaled[row][block.numpy()], n=order, axis=1).ravel()
            for g, (block, order) in enumerate(zip(blocks, orders, strict=True))
        ])
        for row, m in enumerate(models)
    ]
    found = penalty.apply(x, which)
    np.testing.assert_allclose(np.sort(found.numpy().ravel()), np.sort(np.concatenate(expected)), rtol=1e-13)
    assert penalty.rows == 2 * 2 * 3 + 1 * 1 * 2 == found.shape[1]
    rows, u = penalty.dense(which), draw(len(models), penalty.rows, seed=3)
    torch.testing.assert_close(found, (rows @ x[..., None])[..., 0])
    torch.testing.assert_close(penalty.transposed(u, which), (rows.mT @ u[..., None])[..., 0])
    start = draw(len(models), n, n, seed=4)
    matrix = start.clone()
    penalty.add_gram(matrix, which)
    torch.testing.assert_close(matrix.tril(), (start + rows.mT @ rows).tril())


def test_what_is_no_unknown_counts_as_zero():
    penalty = Differences(2, [torch.tensor([[[0], [-1], [1]]])], [2], torch.ones(1, 1, dtype=F64))
    torch.testing.assert_close(penalty.dense(None), torch.tensor([[[1.0, 1.0]]], dtype=F64))


def test_ridge():
    penalty = Ridge(draw(2, 4))
    rows, which = penalty.dense(None), torch.tensor([1])
    x, matrix = draw(1, 4, seed=1), torch.zeros(1, 4, 4, dtype=F64)
    torch.testing.assert_close(penalty.apply(x, which), (rows[1:] @ x[..., None])[..., 0])
    torch.testing.assert_close(penalty.transposed(x, which), (rows[1:].mT @ x[..., None])[..., 0])
    penalty.add_gram(matrix, which)
    torch.testing.assert_close(matrix, rows[1:].mT @ rows[1:])


@pytest.mark.parametrize("which", [None, torch.tensor([1])])
def test_the_curvature_of_both_sides_at_once_is_that_of_one_after_the_other(which):
    """Of rows; of penalties, which are linear, it is exactly zero."""
    models = [KAN([2, 3, 2], grid=4, seed=seed, dtype=F64) for seed in range(2)]
    problem = KANResiduals(models, draw(40, 2), draw(2, 40, 2, seed=1), roughness=1e-2)
    x = problem.point() if which is None else problem.point()[which]
    step, middle = draw(*x.shape, seed=2), problem.residuals(x, which)
    found = problem.curvature(x, step, middle, 0.1, which)
    expected = Residuals.curvature(problem, x, step, middle, 0.1, which)
    torch.testing.assert_close(found[:, :80], expected[:, :80], rtol=1e-10, atol=1e-10)
    assert float(expected[:, :80].abs().amax()) > 1e-3
    assert not found[:, 80:].any()
    assert float(expected[:, 80:].abs().amax()) < 1e-12


def test_other_weights_and_factors_on_the_same_differences():
    blocks, orders, n = two_groups()
    first = Differences(n, blocks, orders, draw(2, 2).abs())
    x = draw(2, n, seed=2)
    before = first.apply(x, None)
    weights, factors = draw(2, 2, seed=5).abs(), draw(2, n, seed=6)
    other, fresh = first.reweighted(weights, factors), Differences(n, blocks, orders, weights, factors)
    torch.testing.assert_close(other.apply(x, None), fresh.apply(x, None), rtol=0, atol=0)
    torch.testing.assert_close(first.apply(x, None), before, rtol=0, atol=0)
    other.weights = 2 * weights  # as a resumed run does
    torch.testing.assert_close(other.apply(x, None), 2 * fresh.apply(x, None))

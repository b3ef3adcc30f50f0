"""Damped systems of several models: each gets its own solution, whichever way it has to be found."""

import torch
from torch.testing import assert_close

from edgewise import KAN
from edgewise.optim.damped_systems import by_cholesky, by_qr, by_residuals
from edgewise.train.least_squares import KANResiduals


def problem(generator):
    models = [KAN([2, 2, 1], grid=3, seed=seed, dtype=torch.float64) for seed in range(3)]
    x = torch.rand(25, 2, generator=generator, dtype=torch.float64) * 2 - 1
    return KANResiduals(models, x, x.prod(1, keepdim=True))


def literal(linear, damping):
    """The rows of J, and a solution of every damped system by LU."""
    rows = torch.cat(list(linear.rows()), dim=1)
    right = (rows.mT @ linear.residual[..., None])[..., 0]
    return torch.linalg.solve(rows.mT @ rows + torch.diag_embed(damping), right), right


def test_every_way_gives_the_solution(generator):
    many = problem(generator)
    linear = many.linearize(many.point())
    damping = torch.rand(3, many.size, generator=generator, dtype=torch.float64) + 0.1
    expected, right = literal(linear, damping)
    for solve, solved in (
        by_cholesky(linear, linear.gram(), damping),
        by_qr(linear, damping),
        by_residuals(linear, damping),
    ):
        assert solved.tolist() == [True] * 3
        assert_close(solve(linear.residual, right), expected, rtol=1e-9, atol=1e-12)


def test_qr_of_some(generator):
    many = problem(generator)
    linear = many.linearize(many.point())
    damping = torch.rand(3, many.size, generator=generator, dtype=torch.float64) + 0.1
    expected, right = literal(linear, damping)
    solve, solved = by_qr(linear, damping, torch.tensor([True, False, True]))
    found = solve(linear.residual, right)
    assert solved.tolist() == [True, False, True]
    assert_close(found[[0, 2]], expected[[0, 2]], rtol=1e-9, atol=1e-12)
    assert bool((found[1] == 0).all())


def test_where_cholesky_fails_qr_goes_on_and_a_nan_stays_with_its_model(generator):
    many = problem(generator)
    linear = many.linearize(many.point())
    damping = torch.rand(3, many.size, generator=generator, dtype=torch.float64) + 0.1
    expected, right = literal(linear, damping)
    gram = linear.gram().clone()
    gram[1, 0, 0] = -1e3  # as rounding may leave it; the rows are what counts
    solve, solved = by_cholesky(linear, gram, damping)
    assert solved.tolist() == [True] * 3
    assert_close(solve(linear.residual, right), expected, rtol=1e-9, atol=1e-12)
    gram[1, 0, 0], damping[1, 0] = float("nan"), float("nan")
    solve, solved = by_cholesky(linear, gram, damping)
    assert solved.tolist() == [True, False, True]
    assert_close(solve(linear.residual, right)[[0, 2]], expected[[0, 2]], rtol=1e-9, atol=1e-12)

"""Lanczos against numpy's eigenvalues, where it usually goes wrong."""

import numpy as np
import pytest
import torch

from edgewise.errors import ConvergenceError, DomainError
from edgewise.optim import Lanczos, lanczos
from edgewise.optim.lanczos import random_unit
from edgewise.optim.semiorthogonal import Drift

SPECTRA = {
    "spread": np.linspace(-1, 2, 40),
    "both ends": np.array([-1.0, 1.0] + [0.1] * 20),
    "multiple": np.repeat([-2.0, 0.0, 0.5, 3.0], 8),
    "flat": np.concatenate([np.zeros(30), np.logspace(-12, 0, 10)]),
    "zero": np.zeros(5),
    "one": np.array([4.0]),
}
EVERY_SPECTRUM = pytest.mark.parametrize("values", SPECTRA.values(), ids=SPECTRA.keys())
EPS = float(np.finfo(np.float64).eps)


def matrix(values):
    basis = np.linalg.qr(np.random.default_rng(0).standard_normal((len(values), len(values))))[0]
    return torch.from_numpy((basis * values) @ basis.T)


def krylov(a, generator, steps, semi=False):
    space = Lanczos(lambda v: a @ v, random_unit(a[0], generator), semi=semi)
    space.extend(steps)
    return space


@EVERY_SPECTRUM
@pytest.mark.parametrize("semi", [False, True], ids=["fully", "partly"])
@pytest.mark.parametrize("size", [1.0, 1e-8, 1e8])
def test_a_complete_space_has_every_eigenvalue_once(values, size, semi, generator):
    """More steps than the dimension; a start in general position sees each distinct eigenvalue once."""
    space = krylov(size * matrix(values), generator, 3 * len(values), semi)
    found = space.eigenpairs()[0].numpy()
    scale = size * np.abs(values).max()
    expected = np.unique(values.round(14)) * size
    assert space.exhausted
    for value in expected:  # none is missing ...
        assert np.abs(found - value).min() <= 1e4 * EPS * scale
    for value in found:  # ... and none is invented
        assert np.abs(expected - value).min() <= 1e4 * EPS * scale
    assert len(found) <= len(values)


@pytest.mark.parametrize("size", [1.0, 1e-8, 1e-150])
def test_it_stops_at_the_grade(size, generator):
    space = krylov(size * matrix(SPECTRA["multiple"]), generator, 100)
    assert len(space.diagonal) == 4


@EVERY_SPECTRUM
def test_the_basis_stays_orthonormal_and_tridiagonalizes(values, generator):
    a = matrix(values)
    space = krylov(a, generator, len(values))
    q = space.basis
    torch.testing.assert_close(q @ q.T, torch.eye(len(q), dtype=q.dtype), rtol=0, atol=1e-13)
    t = np.diag(space.diagonal) + np.diag(space.beside[:-1], 1) + np.diag(space.beside[:-1], -1)
    torch.testing.assert_close(q @ a @ q.T, torch.from_numpy(t), rtol=0, atol=1e-13 * max(1.0, np.abs(values).max()))


OUTLIERS = np.concatenate([np.linspace(-0.1, 0.1, 380), np.logspace(-0.5, 1, 20)])
"""A few eigenvalues far out converge after a few steps: from there on rounding brings their vectors back."""


CLUSTERS = np.random.default_rng(3).choice([0.0, 1.0, 2.0, -1.0], 250) + 1e-6 * np.linspace(-1, 1, 250)
"""Nearly invariant spaces of dimension four: the next vector is what is left of one a million times as long."""


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "values", [OUTLIERS, np.logspace(-10, 0, 250), CLUSTERS], ids=["outliers", "decades", "clusters"]
)
def test_partial_orthogonalization_keeps_the_spectrum_to_rounding(values, dtype, generator):
    """The basis is orthogonal to the root of the rounding error, and what it sees of the matrix to rounding."""
    a, eps = matrix(values).to(dtype), torch.finfo(dtype).eps
    start = random_unit(a[0], generator)
    fully, partly = (Lanczos(lambda v: a @ v, start, semi=semi) for semi in (False, True))
    for space in (fully, partly):
        space.extend(90)
    q = partly.basis.double()
    assert float((q @ q.T - torch.eye(len(q), dtype=torch.float64)).abs().max()) < eps**0.5
    assert len(partly.diagonal) == len(fully.diagonal)
    size = float(np.abs(values).max())
    assert float(partly.eigenpairs()[0].abs().max()) <= size * (1 + 100 * eps)
    for p in range(1, 8):  # moments of the quadrature rule, which is what a density is made of
        one, other = (
            float((v[0] ** 2 * (nodes / size) ** p).sum()) for nodes, v in map(Lanczos.eigenpairs, (fully, partly))
        )
        assert other == pytest.approx(one, abs=100 * eps)


def test_after_thousands_of_steps_the_bound_is_below_what_is_left_alone():
    drift, diagonal, beside = Drift(float(np.finfo(np.float32).eps)), [], []
    asked = []
    for _ in range(3500):
        asked.append(drift.step(diagonal, beside, 0.0, 1.0).stop)
        diagonal.append(0.0)
        beside.append(1.0)
    assert 0 < sum(stop > 0 for stop in asked[3000:]) < 500


@pytest.mark.parametrize("error", [1e-10, 1e-6, 1e-3])
def test_noisy_products_are_orthogonalized_more_often(error, generator):
    """A loss far below the numbers that it is made of, or a model in half precision: not the vectors' own rounding."""
    a = matrix(OUTLIERS)
    a = a + error * float(a.abs().max()) * torch.randn(a.shape, dtype=a.dtype, generator=generator)
    start = random_unit(a[0], generator)
    fully, partly = (Lanczos(lambda v: a @ v, start, semi=semi) for semi in (False, True))
    for space in (fully, partly):
        space.extend(150)
    assert len(partly.diagonal) == 150
    torch.testing.assert_close(partly.eigenpairs()[0][-25:], fully.eigenpairs()[0][-25:], rtol=0, atol=10 * error)


def test_a_matrix_that_is_trained_is_a_matrix(generator):
    a = matrix(SPECTRA["spread"])
    space = krylov(torch.nn.Parameter(a), generator, 40)
    assert space.diagonal == krylov(a, generator.manual_seed(0), 40).diagonal
    assert not space.basis.requires_grad


def test_partial_orthogonalization_is_a_part_of_the_work(generator, monkeypatch):
    orthogonal, against = lanczos._orthogonal, []
    monkeypatch.setattr(
        lanczos, "_orthogonal", lambda w, *others: against.append(len(others[0])) or orthogonal(w, *others)
    )
    met = []
    for semi in (False, True):
        krylov(matrix(OUTLIERS), generator, 90, semi)
        met.append(sum(against))
        against.clear()
    assert met[0] == 90 * 91 / 2
    assert met[1] < 0.6 * met[0]


@pytest.mark.parametrize("semi", [False, True], ids=["fully", "partly"])
def test_the_basis_stays_orthonormal_though_products_are_not_symmetric(semi, generator):
    """Their rounding never is. Here it is made large: what one orthogonalization leaves of it shows."""
    a, start = matrix(SPECTRA["spread"]), random_unit(torch.zeros(40, dtype=torch.float64), generator)
    space = Lanczos(lambda v: a @ v + 1e8 * start, start, semi=semi)
    space.extend(10)
    torch.testing.assert_close(space.basis @ space.basis.T, torch.eye(10, dtype=a.dtype), rtol=0, atol=1e-13)


def test_the_leftmost_pair_and_its_residual(generator):
    a = matrix(SPECTRA["spread"])
    for steps in (1, 5, 20, 40):
        space = krylov(a, generator, steps)
        value, coordinates, residual = space.leftmost()
        u = space.vector(coordinates)
        assert value == pytest.approx(float(space.eigenpairs()[0][0]), abs=1e-13)
        assert float(u.norm()) == pytest.approx(1.0, abs=1e-13)
        assert float((a @ u - value * u).norm()) == pytest.approx(residual, abs=1e-13)
    assert value == pytest.approx(-1.0, abs=1e-13)


def test_float32_is_kept_and_the_space_of_one_vector_is_known(generator):
    space = krylov(matrix(SPECTRA["spread"]).float(), generator, 10)
    assert space.basis.dtype == torch.float32
    assert space.vector(space.leftmost()[1]).dtype == torch.float32
    space = Lanczos(lambda v: 3 * v, torch.ones(5))
    space.extend(4)
    assert space.diagonal == pytest.approx([3.0])
    assert space.exhausted


def test_a_seed_means_one_vector(global_random_state_untouched):
    like = torch.zeros(7)
    one, other = (random_unit(like, torch.Generator().manual_seed(seed)) for seed in (1, 2))
    assert torch.equal(one, random_unit(like, torch.Generator().manual_seed(1)))
    assert not torch.equal(one, other)


@pytest.mark.parametrize("start", [torch.zeros(3), torch.tensor([1.0, float("nan"), 0.0])])
def test_a_start_without_direction_is_refused(start):
    with pytest.raises(DomainError, match="start of a Lanczos iteration must be finite and not zero; its norm is"):
        Lanczos(lambda v: v, start)


def test_a_product_that_is_not_finite_is_explained():
    with pytest.raises(ConvergenceError, match="A product with the Hessian is not finite although the loss is"):
        Lanczos(lambda v: v * float("nan"), torch.ones(3)).extend()

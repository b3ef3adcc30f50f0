"""The augmented Hessian: its products and leftmost eigenpair against dense numpy, and `SFN` as a notebook uses it."""

import numpy as np
import pytest
import torch
from torch import nn

from edgewise import KAN, MLP
from edgewise.errors import ParameterError, ShapeError
from edgewise.optim import HSODM, SFN, FunctionObjective, augmented_eigenpair, augmented_product, hessian_product
from edgewise.optim.sfn import group_scalar

F64 = torch.float64


def problem(n, generator, *, curvatures=None, size=1.0):
    """A symmetric matrix, a gradient, and both as numpy."""
    basis = torch.linalg.qr(torch.randn(n, n, generator=generator, dtype=F64))[0]
    values = torch.randn(n, generator=generator, dtype=F64) if curvatures is None else curvatures
    hessian, grad = size * (basis * values) @ basis.T, size * torch.randn(n, generator=generator, dtype=F64)
    return (hessian + hessian.T) / 2, grad


def full(hessian, grad, delta):
    """F as a numpy matrix, entry by entry."""
    h, g = hessian.numpy(), grad.numpy()[:, None]
    return np.block([[h, g], [g.T, np.array([[-delta]])]])


class TestEigenpair:
    @pytest.mark.parametrize("delta", [0.0, 0.3])
    @pytest.mark.parametrize("n", [1, 2, 25, 90])
    @pytest.mark.parametrize("size", [1.0, 1e-8, 1e8])
    def test_it_is_numpys_and_the_identities_hold(self, n, delta, size, generator):
        """Of arXiv 2211.08212; relative to the size of F, 1e-8 is asked for and 1e-12 is what rounding leaves."""
        hessian, grad = problem(n, generator, size=size)
        delta = size * delta
        found = augmented_eigenpair(lambda v: hessian @ v, grad, delta, tol=1e-13)
        dense = full(hessian, grad, delta)
        values, vectors = np.linalg.eigh(dense)
        scale = np.abs(values).max()
        assert found.value == pytest.approx(values[0], abs=1e-12 * scale)
        overlap = abs(found.vector.numpy() @ vectors[:, 0])
        assert overlap == pytest.approx(1.0, abs=1e-10)
        v, t, theta = found.vector[:-1], float(found.vector[-1]), -found.value
        assert t >= 0
        assert float((hessian @ v + theta * v + t * grad).norm()) < 1e-11 * scale
        assert theta >= max(delta, -np.linalg.eigvalsh(hessian.numpy())[0]) - 1e-11 * scale
        assert float(grad @ v) == pytest.approx((delta - theta) * t, abs=1e-11 * scale)
        assert found.products <= n + 2

    @pytest.mark.parametrize("n", [1, 40])
    def test_products_are_those_of_the_dense_matrix(self, n, generator):
        hessian, grad = problem(n, generator)
        u = torch.randn(n + 1, generator=generator, dtype=F64)
        expected = full(hessian, grad, 0.7) @ u.numpy()
        np.testing.assert_allclose(augmented_product(lambda v: hessian @ v, grad, 0.7, u), expected, rtol=0, atol=1e-12)

    def test_at_a_saddle_point_the_vector_is_a_direction_of_negative_curvature(self, generator):
        """`g = 0`: the last component vanishes."""
        hessian, grad = problem(30, generator)
        found = augmented_eigenpair(lambda v: hessian @ v, torch.zeros_like(grad), tol=1e-13)
        values, vectors = np.linalg.eigh(hessian.numpy())
        assert found.value == pytest.approx(values[0], rel=1e-12)
        assert float(found.vector[-1]) < 1e-7
        assert abs(found.vector[:-1].numpy() @ vectors[:, 0]) == pytest.approx(1.0, abs=1e-10)

    def test_the_hard_case(self, generator):
        """`g` orthogonal to the leftmost eigenvector, which a start from `[0; 1]` alone would never see."""
        hessian = torch.diag(torch.tensor([-2.0, 1.0, 3.0], dtype=F64))
        found = augmented_eigenpair(lambda v: hessian @ v, torch.tensor([0.0, 0.1, 0.1], dtype=F64), tol=1e-13)
        assert found.value == pytest.approx(-2.0, rel=1e-12)
        assert abs(float(found.vector[0])) == pytest.approx(1.0, rel=1e-12)

    def test_iterations_end_it_and_say_how_good_it_is(self, generator):
        hessian, grad = problem(200, generator)
        values = np.linalg.eigvalsh(full(hessian, grad, 0.0))
        before = 1.0
        for iterations in (1, 3, 7):
            found = augmented_eigenpair(lambda v: hessian @ v, grad, iterations=iterations)
            assert found.products == iterations + 1
            u = found.vector.numpy()
            residual = np.linalg.norm(full(hessian, grad, 0.0) @ u - found.value * u)
            assert found.residual == pytest.approx(residual, rel=1e-8)
            assert values[0] <= found.value < before  # Rayleigh-Ritz
            before = found.value
        assert before == pytest.approx(values[0], rel=0.05)

    def test_a_good_start_saves_products(self, generator):
        hessian, grad = problem(150, generator)
        cold = augmented_eigenpair(lambda v: hessian @ v, grad)
        near = augmented_eigenpair(lambda v: hessian @ v, 1.001 * grad, start=cold.vector)
        far = augmented_eigenpair(lambda v: hessian @ v, 1.001 * grad)
        assert near.products < far.products
        assert near.value == pytest.approx(far.value, rel=1e-8)

    def test_seeds(self, generator, global_random_state_untouched):
        hessian, grad = problem(20, generator)
        one, same, other = (
            augmented_eigenpair(lambda v: hessian @ v, grad, iterations=3, seed=seed) for seed in (1, 1, 2)
        )
        assert torch.equal(one.vector, same.vector)
        assert not torch.equal(one.vector, other.vector)

    @pytest.mark.parametrize(
        ("options", "kind", "message"),
        [
            ({"delta": -1.0}, ParameterError, "`delta` must be a finite number >= 0; got -1.0"),
            ({"tol": 0.0}, ParameterError, "`tol` must be a finite number > 0; got 0.0"),
            ({"iterations": 0}, ParameterError, "`iterations` must be an int >= 1; got 0"),
            ({"seed": None}, ParameterError, "`seed` must be an int; got None"),
            ({"start": torch.ones(2)}, ShapeError, r"`start` must have 3 numbers, one more than `grad`; got \(2,\)"),
        ],
    )
    def test_bad_options(self, options, kind, message):
        with pytest.raises(kind, match=message):
            augmented_eigenpair(lambda v: v, torch.ones(2), **options)


NETWORKS = [
    pytest.param(lambda: KAN([2, 3, 2], grid=3, seed=0, dtype=F64), id="kan"),
    pytest.param(lambda: MLP([2, 6, 2], "tanh", seed=0, dtype=F64), id="mlp"),
]


def with_gradient(build, generator):
    """What the notebook prepares: optimizer, parameters, gradients with their graph; and F as numpy."""
    model = build()
    x = torch.rand(40, 2, generator=generator, dtype=F64) * 2 - 1
    labels = (x[:, 0] > x[:, 1]).long()
    params = [p for p in model.parameters() if p.requires_grad]
    opt = SFN(model.parameters(), lr=0.01, delta=0.2)
    loss = nn.functional.cross_entropy(model(x), labels)
    grads = torch.autograd.grad(loss, params, create_graph=True)

    names = [name for name, p in model.named_parameters() if p.requires_grad]

    def of_vector(v):
        pieces = v.split([p.numel() for p in params])
        named = {name: piece.view_as(p) for name, piece, p in zip(names, pieces, params, strict=True)}
        return nn.functional.cross_entropy(torch.func.functional_call(model, named, (x,)), labels)

    at = torch.cat([p.detach().reshape(-1) for p in params])
    grad = torch.cat([g.detach().reshape(-1) for g in grads])
    hessian = torch.autograd.functional.hessian(of_vector, at)
    return opt, params, grads, full(hessian, grad, 0.2)


def flat(tensors):
    return torch.cat([t.reshape(-1) for t in tensors]).numpy()


@pytest.mark.parametrize("build", NETWORKS)
class TestNotebook:
    """The cells: products on lists of tensors, and Lanczos on the augmented vector."""

    def test_products_are_those_of_the_dense_matrix(self, build, generator):
        opt, params, grads, dense = with_gradient(build, generator)
        v = [torch.randn(p.shape, generator=generator, dtype=F64) for p in params]
        v.append(torch.randint(2, (1,), generator=generator))  # integers, as there
        hv, fv = opt._hvp(grads, params, v[:-1]), opt._fvp(grads, params, v)
        assert [t.shape for t in fv] == [*(p.shape for p in params), (1,)]
        assert not any(t.requires_grad for t in [*hv, *fv])
        np.testing.assert_allclose(flat(hv), dense[:-1, :-1] @ flat(v[:-1]), rtol=0, atol=1e-12)
        np.testing.assert_allclose(flat(fv), dense @ flat([t.double() for t in v]), rtol=0, atol=1e-12)
        # as the notebook puts the product together by hand
        by_hand = [h + g.detach() for h, g in zip(hv, group_scalar(grads, v[-1]), strict=True)]
        np.testing.assert_allclose(flat(by_hand), flat(fv[:-1]), rtol=0, atol=1e-13)

    def test_the_minimal_eigenvector(self, build, generator, capsys):
        opt, params, grads, dense = with_gradient(build, generator)
        opt.verbose = True
        value, vector = opt.appx_min_eigvec(grads, params, iter=200)
        values, vectors = np.linalg.eigh(dense)
        assert value == pytest.approx(values[0], rel=1e-10)
        assert abs(vector.numpy() @ vectors[:, 0]) == pytest.approx(1.0, abs=1e-8)
        said = capsys.readouterr()
        assert said.err == f"Approximate minimum eigenvalue = {value}\n"
        assert said.out == ""

    def test_few_iterations_and_delta(self, build, generator, capsys):
        opt, params, grads, _ = with_gradient(build, generator)
        rough, _ = opt.appx_min_eigvec(grads, params, iter=2)
        exact, _ = opt.appx_min_eigvec(grads, params)
        assert exact < rough
        opt.delta = 5.0
        assert opt.appx_min_eigvec(grads, params)[0] <= -5.0
        assert capsys.readouterr().err == ""

    def test_lists_that_do_not_fit(self, build, generator):
        opt, params, grads, _ = with_gradient(build, generator)
        with pytest.raises(ShapeError, match=r"`grads` must be one gradient per parameter.*Unused"):
            opt.hvp(grads[1:], params, params)
        with pytest.raises(ShapeError, match="`v` must be tensors of the shapes"):
            opt.fvp(grads, params, params)
        with pytest.raises(ParameterError, match="`iter` must be an int >= 1; got 0"):
            opt.appx_min_eigvec(grads, params, iter=0)

    def test_it_steps_like_hsodm(self, build, generator):
        ends = []
        for kind in (SFN, HSODM):
            model = build()
            opt = kind(model.parameters(), lr=0.01, iterations=8)
            x = torch.linspace(-1, 1, 30, dtype=F64).reshape(-1, 1) * torch.tensor([[1.0, -0.5]], dtype=F64)

            def closure(model=model, x=x):
                return (model(x) - x.flip(0) ** 2).square().mean()

            losses = [opt.step(closure) for _ in range(4)]
            assert losses == sorted(losses, reverse=True)
            ends.append(losses)
        assert ends[0] == ends[1]


def test_an_instance_trains_a_model():
    model = KAN([1, 1], seed=0, dtype=F64)
    x = torch.linspace(-1, 1, 50, dtype=F64)[:, None]
    result = model.fit((x, x**2), opt=SFN(model.parameters(), iterations=20), steps=5, progress=False)
    assert result.opt == "hsodm"
    assert result.history["train_loss"][-1] < 0.1 * result.history["train_loss"][0]


def test_an_inexact_vector_still_points_downhill(generator):
    """With one iteration after a misleading start, `v / t` may point uphill; the step goes the other way."""
    hessian, grad = problem(30, generator, curvatures=torch.linspace(-1, 5, 30, dtype=F64))
    objective = FunctionObjective(
        lambda p: grad @ p["x"] + p["x"] @ hessian @ p["x"] / 2, {"x": torch.zeros(30).to(F64)}
    )
    opt = HSODM([nn.Parameter(torch.zeros(30, dtype=F64))], iterations=1)
    for seed in range(20):
        start = torch.randn(31, generator=torch.Generator().manual_seed(seed), dtype=F64)
        opt.method._warm = start
        here = objective.evaluate(torch.zeros(30, dtype=F64))
        assert opt.method.step(objective, here).loss < here.loss
        assert opt.method.last.slope < 0


def test_unused_parameters_have_no_curvature():
    used, unused = (nn.Parameter(torch.ones(2, dtype=F64)) for _ in range(2))
    grads = torch.autograd.grad(
        (used**3).sum(), [used, unused], create_graph=True, allow_unused=True, materialize_grads=True
    )
    assert hessian_product(list(grads), [used, unused], torch.ones(4, dtype=F64)).tolist() == [6.0, 6.0, 0.0, 0.0]
    value, vector = SFN([used, unused]).appx_min_eigvec(grads, [used, unused])
    assert value == pytest.approx(3 - np.sqrt(9 + 18), rel=1e-12)  # of [[6, 3, 0], [6, 0, 3], ...] along (1, 1)
    assert vector[2:4].abs().max() < 1e-12

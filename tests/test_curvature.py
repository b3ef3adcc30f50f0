"""Hessian and Gauss-Newton products, eigenpairs, traces and densities against dense matrices."""

import copy

import numpy as np
import pytest
import scipy.sparse.linalg
import torch
from torch import nn
from torch.func import functional_call
from torch.testing import assert_close
from torch.utils.data import DataLoader, TensorDataset

from edgewise import KAN, MLP, create_dataset
from edgewise.curvature import SymmetricOperator, density, diagonal, eigs, gauss_newton, hessian, trace
from edgewise.curvature import spectrum as spectrum_file
from edgewise.errors import ConvergenceError, DomainError, ParameterError, ShapeError
from edgewise.optim import Lanczos

EPS = float(torch.finfo(torch.float64).eps)


def flat(module):
    return {name: p for name, p in module.named_parameters() if p.requires_grad}


def dense_hessian(module, criterion, x, y):
    """torch's own dense Hessian, column blocks by double backward on one vector: nothing of ours."""
    shapes = {name: p.shape for name, p in flat(module).items()}

    def loss(v):
        pieces = v.split([shape.numel() for shape in shapes.values()])
        weights = {name: piece.view(shapes[name]) for name, piece in zip(shapes, pieces, strict=True)}
        return criterion(functional_call(module, weights, (x,)), y)

    return torch.autograd.functional.hessian(loss, torch.cat([p.detach().reshape(-1) for p in flat(module).values()]))


def dense_jacobian(module, x):
    """`(N O, n)` of the predictions."""
    params = {name: p.detach() for name, p in flat(module).items()}
    parts = torch.func.jacrev(lambda p: functional_call(module, p, (x,)).reshape(-1))(params)
    return torch.cat([part.flatten(1) for part in parts.values()], dim=1)


def rows(n, inputs, dtype=torch.float64):
    return (2 * torch.rand(n, inputs, generator=torch.Generator().manual_seed(1), dtype=torch.float64) - 1).to(dtype)


def problem(model, loss, dtype=torch.float64, n=30):
    """A model, a criterion, inputs and labels."""
    outputs = 3 if loss == "cross_entropy" else 1
    module = KAN([2, 3, outputs], grid=4, seed=0) if model == "KAN" else MLP([2, 5, outputs], act=model, seed=0)
    x = rows(n, 2, dtype)
    if loss == "cross_entropy":
        return module.to(dtype), nn.CrossEntropyLoss(), x, (x[:, 0] > 0).long() + (x[:, 1] > 0).long()
    return module.to(dtype), nn.MSELoss(), x, torch.exp(torch.sin(3 * x[:, :1]) + x[:, 1:] ** 2)


EVERY_PROBLEM = pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
EVERY_MODEL = pytest.mark.parametrize("model", ["KAN", "silu", "tanh", "gelu"])


def relative(found, expected):
    return float((found - expected).abs().max() / expected.abs().max())


class TestProducts:
    @EVERY_PROBLEM
    @EVERY_MODEL
    @pytest.mark.parametrize(("dtype", "tol"), [(torch.float64, 1e-13), (torch.float32, 1e-5)], ids=["f64", "f32"])
    def test_the_hessian_is_torchs_dense_one(self, model, loss, dtype, tol):
        """The bound asked for is 1e-10; worst seen 5e-16 and 8e-7 (rounding of sums over 30 rows)."""
        module, criterion, x, y = problem(model, loss, dtype)
        op = hessian(criterion, module, (x, y))
        with torch.no_grad():  # must not matter
            found = op.to_dense()
        assert relative(found, dense_hessian(module, criterion, x, y)) < tol

    @pytest.mark.parametrize("activation", [nn.Mish(), nn.SiLU(), nn.Softplus()])
    def test_any_activation_under_no_grad(self, activation):
        torch.manual_seed(0)
        module = nn.Sequential(nn.Linear(2, 4), activation, nn.Linear(4, 1)).double()
        x = rows(20, 2)
        with torch.no_grad():
            found = hessian(nn.HuberLoss(), module, (x, x[:, :1])).to_dense()
        assert relative(found, dense_hessian(module, nn.HuberLoss(), x, x[:, :1])) < 1e-13

    @EVERY_MODEL
    def test_gauss_newton_of_a_squared_error(self, model):
        module, criterion, x, y = problem(model, "mse")
        jacobian = dense_jacobian(module, x)
        found = gauss_newton(criterion, module, (x, y)).to_dense()
        assert relative(found, 2 * jacobian.mT @ jacobian / len(x)) < 1e-13

    def test_gauss_newton_of_a_cross_entropy_is_the_fisher_matrix(self):
        module, criterion, x, y = problem("KAN", "cross_entropy")
        jacobian = dense_jacobian(module, x).unflatten(0, (len(x), 3))
        p = module(x).softmax(1).detach()
        middle = torch.diag_embed(p) - p[:, :, None] * p[:, None, :]
        expected = torch.einsum("bon,bop,bpm->nm", jacobian, middle, jacobian) / len(x)
        assert relative(gauss_newton(criterion, module, (x, y)).to_dense(), expected) < 1e-13

    @pytest.mark.parametrize("keep", [True, False])
    @pytest.mark.parametrize("kind", ["list", "loader", "generator"])
    def test_unequal_batches_count_by_their_rows(self, kind, keep):
        module, criterion, x, y = problem("KAN", "mse", n=41)
        pairs = list(zip(x.split(17), y.split(17), strict=True))  # 17, 17, 7 rows
        loader = DataLoader(TensorDataset(x, y), batch_size=17)
        v = rows(1, len(dense_hessian(module, criterion, x, y)))[0]
        for make in (hessian, gauss_newton):
            data = {"list": pairs, "loader": loader, "generator": iter(pairs)}[kind]
            whole, op = make(criterion, module, (x, y)), make(criterion, module, data, keep_graphs=keep)
            assert relative(op @ v, whole @ v) < 1e-13
            assert relative(op @ v, whole @ v) < 1e-13  # once more, from whatever was kept

    def test_sums_are_not_weighed(self):
        module, criterion, x, y = problem("tanh", "mse")
        summed = nn.MSELoss(reduction="sum")
        whole = hessian(summed, module, (x, y)).to_dense()
        assert relative(whole, len(x) * hessian(criterion, module, (x, y)).to_dense()) < 1e-13
        assert relative(hessian(summed, module, [(x[:7], y[:7]), (x[7:], y[7:])]).to_dense(), whole) < 1e-13

    def test_what_create_dataset_returns(self):
        data = create_dataset(lambda x: x[:, :1] * x[:, 1:], train_num=20, dtype=torch.float64)
        module = MLP([2, 3, 1], seed=0, dtype=torch.float64)
        found = hessian(nn.MSELoss(), module, data).to_dense()
        assert_close(found, hessian(nn.MSELoss(), module, (data["train_input"], data["train_label"])).to_dense())

    def test_functions_of_named_tensors(self):
        module, criterion, x, y = problem("KAN", "mse")
        params = dict(module.named_parameters())
        expected = dense_hessian(module, criterion, x, y)
        predict = lambda p, x: functional_call(module, p, (x,))  # noqa: E731
        found = hessian(lambda p, x, y: criterion(predict(p, x), y), params, (x, y)).to_dense()
        assert relative(found, expected) < 1e-13
        found = gauss_newton(criterion, params, (x, y), predict=predict).to_dense()
        assert relative(found, gauss_newton(criterion, module, (x, y)).to_dense()) < 1e-14
        op = hessian(lambda p: (p["a"] ** 4).sum() + p["b"], {"a": torch.tensor([1.0, 2.0]), "b": torch.tensor(3.0)})
        assert_close(op.to_dense(), torch.diag(torch.tensor([12.0, 48.0, 0.0])))

    def test_unused_and_frozen_parameters(self):
        module, criterion, x, y = problem("silu", "mse")
        expected = dense_hessian(module, criterion, x, y)
        module.unused = nn.Parameter(torch.ones(2, dtype=torch.float64))
        for make in (hessian, gauss_newton):
            assert not make(criterion, module, (x, y)).to_dense()[:2].any()  # a module's own parameters come first
        assert relative(hessian(criterion, module, (x, y)).to_dense()[2:, 2:], expected) < 1e-13
        module.unused.requires_grad_(False)
        module.layers[0].weight.requires_grad_(False)
        n = module.layers[0].weight.numel()
        op = hessian(criterion, module, (x, y))
        assert relative(op.to_dense(), expected[n:, n:]) < 1e-13
        assert list(op.unflatten(torch.zeros(op.shape[0], dtype=op.dtype))) == [
            "layers.0.bias",
            "layers.1.weight",
            "layers.1.bias",
        ]

    def test_a_linear_loss_has_no_curvature(self):
        params = {"a": torch.ones(3)}
        assert not hessian(lambda p: p["a"].sum(), params).to_dense().any()

    def test_the_model_stays_as_it_is(self):
        torch_model = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.SiLU(), nn.Linear(4, 1))
        torch_model[2].eval()  # modes differ between the parts
        x = rows(12, 2, torch.float32)
        nn.MSELoss()(torch_model(x), x[:, :1]).backward()
        before, grads = copy.deepcopy(torch_model.state_dict()), [p.grad.clone() for p in torch_model.parameters()]
        loader, state = DataLoader(TensorDataset(x, x[:, :1]), batch_size=5, shuffle=True), torch.get_rng_state()
        op = hessian(nn.MSELoss(), torch_model, loader)
        eigs(op, 2), trace(op), density(op, 5, 2)
        assert torch.equal(torch.get_rng_state(), state)
        assert [part.training for part in torch_model] == [True, True, False, True, True]
        assert all(torch.equal(before[name], tensor) for name, tensor in torch_model.state_dict().items())
        assert all(torch.equal(p.grad, g) for p, g in zip(torch_model.parameters(), grads, strict=True))
        assert all(p.requires_grad for p in torch_model.parameters())

    @pytest.mark.parametrize("keep", [True, False])
    def test_the_operator_is_of_the_moment_it_was_made(self, keep):
        module, criterion, x, y = problem("KAN", "mse")
        expected = dense_hessian(module, criterion, x, y)
        op = hessian(criterion, module, (x, y), keep_graphs=keep)
        with torch.no_grad():
            for p in module.parameters():
                p.mul_(2.0)
        assert relative(op.to_dense(), expected) < 1e-13

    def test_scipy_and_numpy(self):
        module, criterion, x, y = problem("KAN", "mse")
        op, dense = hessian(criterion, module, (x, y)), dense_hessian(module, criterion, x, y)
        theirs = op.to_scipy()
        v = rows(op.shape[0], 3).numpy()
        np.testing.assert_allclose(theirs @ v, dense.numpy() @ v, rtol=0, atol=1e-13)
        np.testing.assert_allclose(theirs @ v[:, 0], dense.numpy() @ v[:, 0], rtol=0, atol=1e-13)
        np.testing.assert_allclose(theirs @ v[:, :1], dense.numpy() @ v[:, :1], rtol=0, atol=1e-13)
        assert_close(op @ torch.from_numpy(v), dense @ torch.from_numpy(v))
        values = scipy.sparse.linalg.eigsh(theirs, k=3, which="LA", return_eigenvectors=False)
        np.testing.assert_allclose(np.sort(values), torch.linalg.eigvalsh(dense)[-3:], rtol=1e-9)

    def test_products_are_counted(self):
        module, criterion, x, y = problem("tanh", "mse")
        op = hessian(criterion, module, (x, y))
        op.to_dense()
        assert op.products == op.shape[0]


class TestRefusals:
    @pytest.mark.parametrize(
        ("call", "error", "words"),
        [
            (lambda m, x: hessian(m, nn.MSELoss(), (x, x)), ParameterError, "The loss comes first"),
            (lambda m, x: hessian(3, m, (x, x)), ParameterError, "`loss` must be a function; got <class 'int'>"),
            (lambda m, x: hessian(nn.MSELoss(), [m], (x, x)), ParameterError, "must be an nn.Module or a dictionary"),
            (lambda m, x: hessian(nn.MSELoss(), m, (x, x[:3])), ShapeError, r"batch 0 has tensors of \[9, 3\] rows"),
            (lambda m, x: hessian(nn.MSELoss(), m, [(x, x), (x.numpy(), x)]), ParameterError, "batch 1 is .*as_tensor"),
            (lambda m, x: hessian(nn.MSELoss(), m, 5), ParameterError, "`data` must be None, a tensor, .*'int'"),
            (lambda m, x: hessian(nn.MSELoss(), m, []), ShapeError, "at least one row"),
            (lambda m, x: hessian(nn.MSELoss(), m, (x[:0], x[:0])), ShapeError, "at least one row"),
            (lambda m, x: hessian(nn.MSELoss(), m, x), ParameterError, "must hold inputs and labels"),
            (lambda m, x: hessian(nn.MSELoss(reduction="none"), m, (x, x)), ParameterError, "'mean' or 'sum'.*'none'"),
            (lambda m, x: hessian(nn.MSELoss(), m, (x, x), reduction="max"), ParameterError, "'mean' or 'sum'.*'max'"),
            (
                lambda m, x: gauss_newton(lambda p, *_: p["a"].sum(), {"a": x}, (x, x)) @ x[:, 0],
                ParameterError,
                "`predict` must",
            ),
            (lambda m, x: hessian(nn.MSELoss(), m, (x / 0, x)) @ torch.ones(2), DomainError, "The loss is nan"),
            (lambda m, x: hessian(lambda p, y: p - y, m, (x, x)) @ torch.ones(2), ShapeError, "one real number"),
            (
                lambda m, x: hessian(nn.MSELoss(), m, (x, x)) @ torch.ones(3),
                ShapeError,
                r"vectors of 2 numbers.*\(1, 3",
            ),
            (lambda m, x: hessian(nn.MSELoss(), m, (x, x)) @ torch.ones(2).double(), ShapeError, "float64 on cpu"),
            (lambda m, x: SymmetricOperator.of_matrix(x), ShapeError, r"must be \(n, n\) and real; got \(9, 1\)"),
            (lambda m, x: SymmetricOperator.of_matrix(torch.eye(2)).unflatten(x), ParameterError, "just vectors"),
            (lambda m, x: eigs(3), ParameterError, "`op` must be an operator"),
            (lambda m, x: eigs(torch.eye(3), 4), ParameterError, "`k` must be an int from 1 to 3.*got 4"),
            (lambda m, x: eigs(torch.eye(3), 1, "SM"), ParameterError, "`which` must be one of.*'SM'"),
            (lambda m, x: eigs(torch.eye(3), 1, tol=0), ParameterError, "`tol` must lie between 0 and 1; got 0"),
            (lambda m, x: eigs(torch.eye(3), 2, max_products=2), ParameterError, "`max_products` must be an int > k"),
            (lambda m, x: trace(torch.eye(3), method="xtrace"), ParameterError, "`method` must be one of.*'xtrace'"),
            (lambda m, x: trace(torch.eye(3), 5), ParameterError, "`probes` must be an int >= 6; got 5"),
            (lambda m, x: diagonal(torch.eye(3), 1), ParameterError, "`probes` must be an int >= 2; got 1"),
            (lambda m, x: density(torch.eye(3), 0), ParameterError, "`steps` must be an int >= 1; got 0"),
            (lambda m, x: density(torch.eye(3), 2, 1.5), ParameterError, "`probes` must be an int >= 1; got 1.5"),
            (lambda m, x: density(torch.eye(3)).pdf(x[0], 0.0), ParameterError, "`sigma` must be a positive number"),
            (lambda m, x: eigs(torch.eye(3), 1, seed=None), ParameterError, "`seed` must be an int; got None"),
        ],
    )
    def test_each_says_the_rule_and_the_value(self, call, error, words):
        with pytest.raises(error, match=words):
            call(nn.Linear(1, 1), torch.linspace(0, 1, 9)[:, None])

    def test_a_curvature_that_overflows(self):
        op = hessian(lambda p: p["a"].abs().sqrt().sum(), {"a": torch.zeros(3)})
        with pytest.raises(ConvergenceError, match="second derivative overflows"):
            eigs(op, 1)


SPECTRA = {
    "spread": np.linspace(-1, 2, 60),
    "opposite ends": np.array([1.0, -0.999] + [0.1] * 40),
    "multiple": np.repeat([-2.0, 0.0, 0.5, 3.0], 8),
    "mostly zero": np.concatenate([np.zeros(50), [1e-6, 0.3, 1.0]]),
    "decades": np.logspace(-8, 0, 50),
    "all zero": np.zeros(7),
    "one": np.array([-4.0]),
}
EVERY_SPECTRUM = pytest.mark.parametrize("values", SPECTRA.values(), ids=SPECTRA.keys())
EVERY_SCALE = pytest.mark.parametrize("scale", [1.0, 1e-8, 1e-100, 1e100])


def matrix(values):
    basis = np.linalg.qr(np.random.default_rng(0).standard_normal((len(values), len(values))))[0]
    return torch.from_numpy((basis * values) @ basis.T)


def wanted(values, k, which):
    ascending = np.sort(values)
    if which == "BE":
        return np.concatenate([ascending[: k // 2], ascending[len(values) - (k - k // 2) :]])
    key = {"LM": -np.abs(ascending), "LA": -ascending, "SA": ascending}[which]
    return ascending[np.argsort(key, kind="stable")][:k]


class TestEigenpairs:
    @EVERY_SPECTRUM
    @EVERY_SCALE
    @pytest.mark.parametrize("which", ["LM", "LA", "SA", "BE"])
    @pytest.mark.parametrize("k", [1, 5])
    def test_against_the_spectrum(self, values, scale, which, k):
        """Copies of multiple eigenvalues, signs and zeros included; 1e-8 is the bound asked for."""
        k, a = min(k, len(values)), scale * matrix(values)
        found = eigs(a, k, which)
        size = scale * np.abs(values).max()
        expected = scale * wanted(values, k, which)
        np.testing.assert_allclose(np.sort(found.values), np.sort(expected), rtol=0, atol=1e-8 * size)
        assert found.converged
        assert_close(found.vectors.mT @ found.vectors, torch.eye(k, dtype=a.dtype), rtol=0, atol=1e-12)
        true = (a @ found.vectors - found.vectors * found.values).norm(dim=0)
        assert_close(found.residuals, true, rtol=0, atol=1e-15 * size)
        assert float(true.max()) <= 2e-8 * size

    def test_the_order(self):
        a = torch.diag(torch.tensor([1.0, -3.0, 2.0, 5.0], dtype=torch.float64))
        for which, expected in {"LM": [5, -3, 2], "LA": [5, 2, 1], "SA": [-3, 1, 2], "BE": [-3, 2, 5]}.items():
            assert eigs(a, 3, which).values.tolist() == pytest.approx(expected, abs=1e-12)

    @EVERY_PROBLEM
    @pytest.mark.parametrize("model", ["KAN", "silu"])
    @pytest.mark.parametrize("scale", [1.0, 1e-8])
    def test_of_networks(self, model, loss, scale):
        module, criterion, x, y = problem(model, loss)
        dense = torch.linalg.eigvalsh(dense_hessian(module, criterion, x, y))
        found = eigs(hessian(lambda p, y: scale * criterion(p, y), module, (x, y)), 4, "BE")
        assert_close(found.values, scale * dense[[0, 1, -2, -1]], rtol=1e-8, atol=0)

    def test_float32(self):
        a = matrix(SPECTRA["spread"]).float()
        found = eigs(a, 3, "LA")
        assert found.converged
        assert found.vectors.dtype == torch.float32
        np.testing.assert_allclose(found.values, SPECTRA["spread"][:-4:-1], rtol=1e-5)

    def test_too_few_products_are_admitted(self):
        found = eigs(matrix(np.linspace(0, 1, 400)), 3, "LA", max_products=15)
        assert not found.converged
        assert found.products <= 15 + 3
        assert float(found.residuals.max()) > 1e-8

    def test_a_seed_means_one_answer(self, global_random_state_untouched):
        a = matrix(SPECTRA["spread"])
        one, same, other = eigs(a, 2, seed=1), eigs(a, 2, seed=1), eigs(a, 2, seed=2)
        assert torch.equal(one.vectors, same.vectors)
        assert not torch.equal(one.vectors, other.vectors)
        drawn = eigs(a, 2, generator=torch.Generator().manual_seed(1))
        assert torch.equal(one.vectors, drawn.vectors)

    def test_products_are_few(self):
        """Of a well separated end; a second run that finds nothing included. scipy's eigsh takes 33."""
        values = np.concatenate([np.linspace(0, 1, 500), [3.0, 5.0, 9.0]])
        assert eigs(matrix(values), 3, "LA").products <= 60


class TestEstimates:
    @pytest.mark.parametrize("method", ["hutchinson", "hutch++"])
    @pytest.mark.parametrize("name", ["spread", "opposite ends", "decades", "mostly zero", "multiple"])
    @pytest.mark.parametrize("scale", [1.0, 1e-8])
    def test_the_trace_is_within_four_standard_errors(self, method, name, scale):
        values = scale * SPECTRA[name]
        found = trace(scale * matrix(SPECTRA[name]), 60, method, seed=3)
        rounding = 1e-13 * np.abs(values).max() * len(values)
        assert abs(found.value - values.sum()) <= 4 * found.stderr + rounding
        assert found.stderr <= 3 * np.sqrt(2 * (values**2).sum() / 60)  # Hutchinson's variance for signs is below this

    @pytest.mark.parametrize("method", ["hutchinson", "hutch++"])
    def test_the_standard_error_is_one(self, method):
        """Over 300 seeds the errors, in standard errors, have a root mean square near one."""
        a = matrix(SPECTRA["spread"])
        estimates = [trace(a, 60, method, seed=seed) for seed in range(300)]
        errors = [(found.value - float(a.trace())) / found.stderr for found in estimates]
        assert 0.85 < np.sqrt(np.mean(np.square(errors))) < 1.25  # 20 samples: Student's t has 1.06; 300 seeds: +-4 %
        assert abs(np.mean(errors)) < 4 / np.sqrt(300)  # no bias

    def test_low_rank_is_exact_with_hutch_plus_plus(self):
        found = trace(matrix(SPECTRA["mostly zero"]), 12)
        assert found.value == pytest.approx(1.300001, rel=1e-12)
        assert found.stderr < 1e-12

    def test_more_products_than_dimensions(self):
        assert trace(torch.diag(torch.arange(3.0)), 60).value == pytest.approx(3.0, rel=1e-6)

    def test_the_diagonal(self):
        a = matrix(SPECTRA["spread"])
        found = diagonal(a, 400)
        errors = (found.value - a.diagonal()) / found.stderr
        assert float(errors.abs().max()) < 4.5  # 60 entries: one in 2500 lies beyond
        assert 0.7 < float(errors.square().mean()) < 1.4
        exact = diagonal(torch.diag(torch.arange(5.0)), 2)
        assert_close(exact.value, torch.arange(5.0))
        assert not exact.stderr.any()

    @EVERY_PROBLEM
    @pytest.mark.parametrize("model", ["KAN", "silu"])
    def test_of_networks(self, model, loss, global_random_state_untouched):
        module, criterion, x, y = problem(model, loss)
        op, dense = hessian(criterion, module, (x, y)), dense_hessian(module, criterion, x, y)
        for method in ("hutchinson", "hutch++"):
            found = trace(op, 90, method)
            assert abs(found.value - float(dense.trace())) <= 4 * found.stderr + 1e-13  # rounding, where it is exact
        assert found.value == trace(op, 90, generator=torch.Generator().manual_seed(0)).value


class TestDensity:
    @EVERY_SPECTRUM
    @EVERY_SCALE
    def test_a_complete_space_gives_the_spectrum(self, values, scale):
        found = density(scale * matrix(values), 2 * len(values), 3)
        size = np.abs(values).max() * scale
        assert float(found.weights.sum()) == pytest.approx(1.0, abs=1e-14)
        assert np.abs(found.nodes.numpy()[:, None] - scale * values).min(1).max() <= 1e-12 * size
        for probe in range(3):
            assert len(found.nodes[found.probe == probe]) <= len(np.unique(values.round(14)))

    @pytest.mark.parametrize("scale", [1.0, 1e-8])
    def test_moments_are_exact_for_the_random_vectors(self, scale):
        """A Gauss rule of m nodes has 2 m moments of its vector, whatever the spectrum."""
        a, steps = scale * matrix(SPECTRA["spread"]), 6
        found = density(a, steps, 2, seed=5)
        bits = torch.randint(0, 2, (2, len(a)), generator=torch.Generator().manual_seed(5), dtype=torch.int8)
        for power in range(2 * steps):
            v = (2.0 * bits - 1).double() / len(a) ** 0.5
            w = v.clone()
            for _ in range(power):
                w = w @ a
            expected = float((v * w).sum() / 2)
            assert found.moment(power) == pytest.approx(expected, rel=1e-11, abs=1e-12 * (2 * scale) ** power)

    def test_the_mass_at_zero(self):
        a = matrix(SPECTRA["mostly zero"])
        found = density(a, 20, 40)
        # 53 eigenvalues, 50 of them zero and one below the threshold; signs: a standard error of about 0.005
        assert found.zero_mass() == pytest.approx(51 / 53, abs=0.02)
        assert found.zero_mass(1e-9) == pytest.approx(50 / 53, abs=0.02)
        assert density(torch.zeros(4, 4)).zero_mass() == 1.0

    @EVERY_SPECTRUM
    @EVERY_SCALE
    def test_the_picture_has_no_unit(self, values, scale):
        """The density of a scaled matrix is the same picture, and integrates to one."""
        one, other = density(matrix(values), 10, 2), density(scale * matrix(values), 10, 2)
        at = other.grid(2000)
        area = torch.trapezoid(other.pdf(at), at)
        assert float(area) == pytest.approx(1.0, abs=1e-3)  # four widths each side: 6e-5 is cut off
        unit = 1.0 if not values.any() else scale
        assert_close(other.grid(9), unit * one.grid(9), rtol=1e-6, atol=1e-6 * unit)
        some = torch.tensor([-1.5, 0.25, 5.0], dtype=torch.float64)
        assert_close(other.cdf(scale * some), one.cdf(some), rtol=0, atol=1e-9)

    def test_the_distribution_function(self):
        found = density(torch.diag(torch.tensor([0.0, 1.0, 1.0, 2.0], dtype=torch.float64)), 10, 1)
        at = torch.tensor([-1.0, 0.5, 1.5, 3.0], dtype=torch.float64)
        assert_close(found.cdf(at), torch.tensor([0.0, 0.25, 0.75, 1.0], dtype=torch.float64))

    def test_lockstep_is_one_by_one(self):
        """Probes that advance together get what each gets alone, also once some have ended."""
        a = torch.block_diag(matrix(SPECTRA["spread"]), torch.zeros(1, 1, dtype=torch.float64))
        gen = torch.Generator().manual_seed(0)
        alone = [density(a, 80, 1, generator=gen) for _ in range(3)]
        together = density(a, 80, 3)
        for number, one in enumerate(alone):
            assert_close(together.nodes[together.probe == number], one.nodes, rtol=0, atol=1e-12)
            assert_close(3 * together.weights[together.probe == number], one.weights, rtol=0, atol=1e-12)

    @pytest.mark.parametrize("keep", [True, False])
    def test_products_that_share_nothing_are_taken_alone(self, keep):
        model, criterion, x, y = problem("tanh", "mse")
        op = hessian(criterion, model.double(), [(x[:20], y[:20]), (x[20:], y[20:])], keep_graphs=keep)
        assert op.shares is not keep
        found, dense = density(op, 12, 3), density(op.to_dense(), 12, 3)
        assert_close(found.nodes, dense.nodes, rtol=0, atol=1e-12 * dense.size)

    @pytest.mark.parametrize("case", ["half precision inside", "far below its terms"])
    def test_noisy_products_invent_nothing(self, case, monkeypatch):
        """Noisier than the vectors' own rounding: as fully orthogonalized ones say, no size out of nothing."""
        generator = torch.Generator().manual_seed(0)
        x, y = torch.randn(128, 10, generator=generator), torch.randint(0, 4, (128,), generator=generator)
        half = case == "half precision inside"
        model = MLP([10, 30, 30, 4], act="tanh", seed=0) if half else MLP([10, 4], seed=0)

        class Model(nn.Module):
            def __init__(self):
                super().__init__()
                self.inner = model

            def forward(self, rows):
                with torch.autocast("cpu", torch.bfloat16, enabled=half):
                    return self.inner(rows).float()

        op = hessian(nn.CrossEntropyLoss(), Model(), (x if half else x + 100, y))
        found = density(op, 64, 2)
        monkeypatch.setattr(spectrum_file, "Lanczos", lambda *args, semi, **options: Lanczos(*args, **options))
        fully = density(op, 64, 2)
        assert len(found.nodes) == len(fully.nodes)
        assert found.size == pytest.approx(fully.size, rel=1e-2)
        assert found.moment(1) == pytest.approx(fully.moment(1), rel=1e-2, abs=1e-2 * fully.size)

    def test_of_a_network(self, global_random_state_untouched):
        module, criterion, x, y = problem("KAN", "mse")
        dense = dense_hessian(module, criterion, x, y)
        found = density(hessian(criterion, module, (x, y)), 40, 10)
        n = len(dense)
        assert float(found.nodes[-1]) == pytest.approx(float(torch.linalg.eigvalsh(dense)[-1]), rel=1e-8)
        spread = (2 * dense.square().sum() / 10).sqrt()
        assert abs(n * found.moment(1) - float(dense.trace())) < 4 * spread


def test_a_matrix_must_be_symmetric_and_vectors_tensors():
    with pytest.raises(ParameterError, match=r"a matrix must be symmetric.*by 1"):
        eigs(torch.tensor([[1.0, 1.0], [0.0, 1.0]]), 1)
    with pytest.raises(ParameterError, match="multiplies tensors"):
        SymmetricOperator.of_matrix(torch.eye(2)) @ [1.0, 0.0]


def test_too_few_products_give_what_there_is():
    found = eigs(torch.diag(torch.arange(1.0, 21.0)), 5, max_products=6)
    assert not found.converged
    assert len(found.values) == 5
    assert (found.residuals > 0).any()


def test_products_that_are_not_finite_are_refused():
    with pytest.raises(ConvergenceError, match=r"a product of .* is not finite"):
        trace(torch.full((3, 3), torch.nan))


def test_batches_of_a_weighted_mean_are_refused():
    """The mean over weights of each batch, weighed by rows, is not the mean over all weights."""
    loss, model = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 5.0])), nn.Linear(1, 2)
    x, y = torch.linspace(-1, 1, 8)[:, None], torch.tensor([0, 0, 0, 1, 1, 1, 1, 1])
    assert hessian(loss, model, (x, y)).shape == (4, 4)
    with pytest.raises(ParameterError, match="is a mean over weights, not rows"):
        hessian(loss, model, [(x[:4], y[:4]), (x[4:], y[4:])])

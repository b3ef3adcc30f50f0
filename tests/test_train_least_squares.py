"""The squared error of KANs as a least-squares problem: its Jacobian against autograd, and training with it."""

import pytest
import torch
from torch.testing import assert_close

from edgewise import KAN, MLP
from edgewise.layers import Parts
from edgewise.optim import LevenbergMarquardt
from edgewise.train import least_squares
from edgewise.train.least_squares import KANResiduals, ModuleResiduals

F64 = torch.float64
TWO = dict(width=[2, 3, 2], grid=4, k=3)


def rows_of(model, models=(), rows=23):
    generator = torch.Generator().manual_seed(0)
    x = 2.2 * torch.rand(*models, rows, model.in_features, generator=generator, dtype=F64) - 1.1
    return x, torch.randn(*models, rows, model.out_features, generator=generator, dtype=F64)


def masked(model, number=0):
    """Without some edges, different ones for each number."""
    for layer in model.layers:
        mask = torch.ones_like(layer.mask)
        mask.view(-1)[number::3] = 0.0
        layer.set_mask(mask)
    return model


def frozen_coef(model):
    model.layers[0].spline_weight.requires_grad_(False)
    return model


def frozen_base(model):
    model.layers[-1].base_weight.requires_grad_(False)
    return model


def frozen_layer(model):
    for parameter in model.layers[0].parameters():
        parameter.requires_grad_(False)
    return model


def scaled(model):
    with torch.no_grad():
        for layer in model.layers:
            layer.spline_scale.mul_(torch.linspace(0.5, 2.0, layer.spline_scale.numel(), dtype=F64).view_as(layer.mask))
    return model


def as_it_is(model, number=0):
    return model


CASES = {
    "plain": (TWO, as_it_is),
    "masked": (TWO, masked),
    "frozen coefficients": (TWO, frozen_coef),
    "frozen residual factors": (TWO, frozen_base),
    "a frozen layer": (TWO, frozen_layer),
    "masked and frozen": (TWO, lambda model: frozen_coef(masked(model))),
    "trainable scales": (dict(**TWO, sp_trainable=True), scaled),
    "products": (dict(width=[3, [1, 2], [1, 1]], grid=3, k=3), as_it_is),
    "no residual function": (dict(**TWO, base_fun="zero"), as_it_is),
    "extend": (dict(**TWO, outside="extend"), as_it_is),
}


def literal(problem, model, x, y, weight, ridge):
    """Residuals and their Jacobian with respect to the unknowns, by autograd through the modules themselves."""
    start = problem.point()
    outputs = y.shape[-1]
    scale = torch.ones(len(y), dtype=F64) if weight is None else weight
    scale = (scale / (len(y) * outputs)).sqrt()[:, None]
    weights = [(l.spline_weight, l.base_weight) for l in model.layers]
    tensors = [t for pair in weights for t in pair if t.requires_grad]

    def unknowns(grads):
        """Gradients of the tensors, in the order of the unknowns."""
        by_tensor = dict(zip(map(id, tensors), grads, strict=True))
        parts = [Parts(*(by_tensor.get(id(t), torch.zeros_like(t))[None] for t in pair)) for pair in weights]
        flat = problem.chain.flatten(parts)[0]
        return flat if problem.columns is None else flat[problem.columns]

    residual = ((model(x) - y) * scale).reshape(-1)
    jacobian = []
    for value in residual:
        grads = torch.autograd.grad(value, tensors, retain_graph=True, allow_unused=True)
        jacobian.append(
            unknowns([torch.zeros_like(t) if g is None else g for g, t in zip(grads, tensors, strict=True)])
        )
    J, r = torch.stack(jacobian), residual.detach()
    if ridge:
        is_coef = unknowns([torch.full_like(t, float(t.dim() == 3)).detach() for t in tensors])
        J = torch.cat([J, ridge**0.5 * torch.diag(is_coef)])
        r = torch.cat([r, ridge**0.5 * is_coef * start[0]])
    return J, r


def assert_linearized(here, J, r, rows=None):
    """Everything a linearization offers, of one model in `here` with a model axis of one."""
    generator = torch.Generator().manual_seed(1)
    u, d = (torch.randn(1, size, generator=generator, dtype=F64) for size in J.shape)
    assert_close(here.residual[0], r, rtol=1e-12, atol=1e-14)
    assert_close(here.loss[0], r @ r, rtol=1e-12, atol=0)
    assert_close(here.gradient[0], J.mT @ r, rtol=1e-10, atol=1e-12)  # before the matrix is formed
    assert_close(here.jvp(d)[0], J @ d[0], rtol=1e-10, atol=1e-12)
    assert_close(here.vjp(u)[0], J.mT @ u[0], rtol=1e-10, atol=1e-12)
    assert_close(here.gram()[0].tril(), (J.mT @ J).tril(), rtol=1e-10, atol=1e-12)
    assert_close(here.gradient[0], J.mT @ r, rtol=1e-10, atol=1e-12)
    dense = torch.cat(list(here.rows()), dim=1)[0]  # their order is free
    assert_close(dense.mT @ dense, J.mT @ J, rtol=1e-10, atol=1e-12)
    assert dense.shape == J.shape


@pytest.fixture(params=["one chunk", "chunks"])
def chunks(request, monkeypatch):
    if request.param == "chunks":
        monkeypatch.setattr(least_squares, "CHUNK", 10)


@pytest.mark.parametrize("ridge", [0.0, 0.3])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_jacobian_of_a_kan(case, weighted, ridge, chunks):
    options, change = CASES[case]
    model = change(KAN(**options, seed=0, dtype=F64))
    x, y = rows_of(model)
    weight = torch.linspace(0, 2, len(x), dtype=F64) if weighted else None  # the first row weighs nothing
    problem = KANResiduals([model], x, y, weight, ridge)
    J, r = literal(problem, model, x, y, weight, ridge)
    assert problem.count == len(r)
    assert problem.size == J.shape[1]
    point = problem.point()
    assert_close(problem.residuals(point)[0], r, rtol=1e-12, atol=1e-14)
    assert_linearized(problem.linearize(point), J, r)


@pytest.mark.parametrize("own_x", [False, True])
@pytest.mark.parametrize("change", [as_it_is, masked])
@pytest.mark.parametrize("chosen", [None, [2, 0]])
def test_models_at_once(change, own_x, chosen, chunks):
    """Every model has its own mask, knots, rows and ridge."""
    models = [change(KAN(**TWO, seed=seed, dtype=F64), seed) for seed in range(3)]
    with torch.no_grad():
        models[1].layers[0].knots.mul_(1.25)
    x, y = rows_of(models[0], (3,) if own_x else ())
    ridge = [0.1, 0.0, 0.2]
    problem = KANResiduals(models, x, y, None, ridge)
    which = None if chosen is None else torch.tensor(chosen)
    point = problem.point()
    here = problem.linearize(point if which is None else point[which], which)
    residual = problem.residuals(point if which is None else point[which], which)
    generator = torch.Generator().manual_seed(2)
    u = torch.randn(residual.shape, generator=generator, dtype=F64)
    d = torch.randn(len(residual), problem.size, generator=generator, dtype=F64)
    rows = torch.cat(list(here.rows()), dim=1)
    for at, number in enumerate(range(3) if chosen is None else chosen):
        own = (x[number], y[number]) if own_x else (x, y)
        alone = KANResiduals([models[number]], *own)
        alone.columns, alone.size = problem.columns, problem.size  # what is alive in any of the models
        J, r = literal(alone, models[number], *own, None, 0.0)
        is_coef = alone.chain.flatten([
            Parts(torch.ones_like(l.spline_weight)[None], torch.zeros_like(l.base_weight)[None])
            for l in alone.kans[0].layers
        ])[0]
        is_coef = alone.select(is_coef)
        J = torch.cat([J, ridge[number] ** 0.5 * torch.diag(is_coef)]).detach()
        r = torch.cat([r, ridge[number] ** 0.5 * (is_coef * alone.point()[0]).detach()])
        tight = dict(rtol=1e-10, atol=1e-12)
        assert_close(residual[at], r, **tight)
        assert_close(here.residual[at], r, **tight)
        assert_close(here.gradient[at], J.mT @ r, **tight)
        assert_close(here.gram()[at].tril(), (J.mT @ J).tril(), **tight)
        assert_close(here.jvp(d)[at], J @ d[at], **tight)
        assert_close(here.vjp(u)[at], J.mT @ u[at], **tight)
        assert_close(rows[at].mT @ rows[at], J.mT @ J, **tight)


@pytest.mark.parametrize("case", CASES)
def test_assigning_the_point_changes_nothing(case):
    options, change = CASES[case]
    model = change(KAN(**options, seed=0, dtype=F64))
    x, y = rows_of(model)
    problem = KANResiduals([model], x, y)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    problem.assign(problem.point())
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name
    moved = problem.point() + 0.125
    problem.assign(moved)
    assert torch.equal(problem.point(), moved)
    assert_close(problem.residuals(moved)[0], (model(x) - y).detach().reshape(-1) / y.numel() ** 0.5)


def test_refresh_sees_new_knots_masks_and_frozen_weights():
    model = frozen_coef(KAN(**TWO, seed=0, dtype=F64))
    x, y = rows_of(model)
    problem = KANResiduals([model], x, y)
    with torch.no_grad():
        model.layers[0].spline_weight.add_(0.5)
        model.layers[1].knots.mul_(1.5)
    masked(model)
    problem.refresh()
    J, r = literal(problem, model, x, y, None, 0.0)
    assert_linearized(problem.linearize(problem.point()), J, r)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("few", [False, True])
def test_jacobian_of_a_module(weighted, few, monkeypatch):
    model = MLP([2, 4, 2], seed=0, dtype=F64)
    next(model.parameters()).requires_grad_(False)
    if few:
        monkeypatch.setattr(least_squares, "CHUNK_ELEMENTS", 5 * 2 * sum(p.numel() for p in model.parameters()))
    x, y = rows_of(KAN(**TWO, dtype=F64))
    weight = torch.linspace(0, 2, len(x), dtype=F64) if weighted else None
    problem = ModuleResiduals(model, x, y, weight)
    scale = ((torch.ones(len(x), dtype=F64) if weight is None else weight) / y.numel()).sqrt()[:, None]
    residual = ((model(x) - y) * scale).reshape(-1)
    moving = [p for p in model.parameters() if p.requires_grad]
    J = torch.stack([
        torch.cat([g.reshape(-1) for g in torch.autograd.grad(v, moving, retain_graph=True)]) for v in residual
    ])
    assert_linearized(problem.linearize(problem.point()), J, residual.detach())


# ---------------------------------------------------------------------------------------------- training


def data_of(rows=60, dtype=F64):
    generator = torch.Generator().manual_seed(3)
    x = (2 * torch.rand(rows, 2, generator=generator, dtype=F64) - 1).to(dtype)
    y = torch.sin(2 * x[:, :1]) + x[:, 1:] ** 2
    return {"train_input": x, "train_label": y, "test_input": x[:9], "test_label": y[:9]}


def mean_squared(model, data):
    return float((model(data["train_input"]) - data["train_label"]).detach().square().mean())


@pytest.mark.parametrize("options", [{}, {"lamb_coef": 0.0, "ridge": 1e-6}], ids=["plain", "ridge"])
@pytest.mark.parametrize("kind", ["kan", "mlp"])
def test_fit_lowers_the_loss(kind, options, request):
    if kind == "mlp" and options:
        pytest.skip("no ridge without splines")
    model = KAN([2, 3, 1], grid=4, k=3, seed=0, dtype=F64) if kind == "kan" else MLP([2, 8, 1], seed=0, dtype=F64)
    data = data_of()
    before = mean_squared(model, data)
    fit_options = {} if not options else {"ridge": options["ridge"]}
    result = model.fit(data, opt="lm", steps=15, **fit_options)
    assert mean_squared(model, data) < before / 50
    assert result.history["train_loss"][-1] == pytest.approx(mean_squared(model, data), rel=1e-3)


@pytest.mark.parametrize("change", [masked, frozen_layer, frozen_coef], ids=lambda f: f.__name__)
def test_fit_leaves_what_is_frozen_or_removed(change):
    model = change(KAN([2, 3, 1], grid=4, k=3, seed=0, dtype=F64))
    data, before = data_of(), {name: p.detach().clone() for name, p in model.named_parameters()}
    masks, loss = [layer.mask.clone() for layer in model.layers], mean_squared(model, data)
    model.fit(data, opt="lm", steps=5, update_grid=False)
    assert mean_squared(model, data) < loss
    for layer, mask in zip(model.layers, masks, strict=True):
        assert torch.equal(layer.mask, mask)
        gone = (mask == 0)[:, None].expand_as(layer.spline_weight)
        name = next(n for n, p in model.named_parameters() if p is layer.spline_weight)
        assert torch.equal(layer.spline_weight[gone], before[name][gone])
    for name, parameter in model.named_parameters():
        assert parameter.requires_grad or torch.equal(parameter, before[name])


def test_a_dead_neuron_does_not_stop_the_others():
    model = KAN([2, 3, 1], grid=4, k=3, seed=0, dtype=F64)
    with torch.no_grad():
        for layer, node in ((model.layers[0], (..., 1)), (model.layers[1], (1,))):
            layer.spline_weight[node] = 0.0
            layer.base_weight[node] = 0.0
    data = data_of()
    before = mean_squared(model, data)
    model.fit(data, opt="lm", steps=15, update_grid=False)
    assert mean_squared(model, data) < before / 20
    assert all(bool(p.isfinite().all()) for p in model.parameters())


def test_a_dead_neuron_on_a_collapsed_grid_does_not_stop_the_others():
    """Grids of width 1e-10 for its constant values: its slopes are 1e10 as soon as it moves, and so is D there."""
    model = KAN([2, 3, 1], grid=4, k=3, seed=0, dtype=F64)
    with torch.no_grad():
        model.layers[0].spline_weight[..., 1] = 0.0
        model.layers[0].base_weight[:, 1] = 0.0
        model.layers[1].knots[1] *= 1e-10
        model.layers[1].spline_weight[1] = 0.1 * torch.linspace(-1, 1, 7, dtype=F64)[:, None]
    data = data_of()
    before = mean_squared(model, data)
    model.fit(data, opt="lm", steps=40, update_grid=False)
    assert mean_squared(model, data) < before / 20


def test_fit_in_float32():
    model, data = KAN([2, 3, 1], grid=4, k=3, seed=0, dtype=torch.float32), data_of(dtype=torch.float32)
    before = mean_squared(model, data)
    model.fit(data, opt="lm", steps=15)
    assert mean_squared(model, data) < before / 50
    assert model.layers[0].spline_weight.dtype == torch.float32


@pytest.mark.parametrize("solver", ["cholesky", "qr", "dual", "cg"])
def test_every_solver_fits(solver):
    model, data = KAN([2, 2, 1], grid=3, k=3, seed=0, dtype=F64), data_of()
    before = mean_squared(model, data)
    model.fit(data, opt=LevenbergMarquardt(model.parameters(), solver=solver), steps=10)
    assert mean_squared(model, data) < before / 20


def test_many_rows_are_linearized_in_chunks(monkeypatch):
    """1e5 rows: no dense Jacobian, and the kernels never see more than a chunk of rows."""
    seen, linearize = [], least_squares.LinearizedChain

    def counted(chain, weights, x):
        seen.append(x.shape[1])
        return linearize(chain, weights, x)

    monkeypatch.setattr(least_squares, "LinearizedChain", counted)
    model = KAN([2, 3, 1], grid=4, k=3, seed=0, dtype=F64)
    data = data_of(100_000)
    problem = KANResiduals([model], data["train_input"], data["train_label"])
    here = problem.linearize(problem.point())
    products = here.gram()
    assert max(seen) <= least_squares.CHUNK < 100_000
    assert products.shape == (1, problem.size, problem.size)
    expected = torch.zeros_like(products[0])
    for start in range(0, 100_000, 10_000):
        part = {k: v[start : start + 10_000] for k, v in data.items() if k.startswith("train")}
        tenth = KANResiduals([model], part["train_input"], part["train_label"])
        expected += tenth.linearize(problem.point()).gram()[0] / 10
    assert_close(products[0].tril(), expected.tril(), rtol=1e-9, atol=1e-12)


def test_roughness_is_differences_of_coefficients_at_a_weight_of_the_data():
    """Literal differences, and every product with them consistent with the rows; a removed edge has none."""
    models = [KAN([2, 3, 1], grid=6, seed=seed, dtype=torch.float64) for seed in range(2)]
    models[1].layers[0].set_mask(torch.tensor([[0.0, 1.0, 1.0], [1.0, 1.0, 1.0]], dtype=torch.float64))
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(50, 2, generator=generator, dtype=torch.float64)
    y = torch.rand(50, 1, generator=generator, dtype=torch.float64)
    plain, rough = KANResiduals(models, x, y), KANResiduals(models, x, y, roughness=1e-3)
    point = plain.point()
    added = rough.residuals(point)[:, 50:]
    diagonal = plain.linearize(point).gram().diagonal(dim1=-2, dim2=-1)
    at = 0
    for number in range(2):
        layers = [model.layers[number] for model in models]
        coef = torch.stack([layer.effective_weights()[0] for layer in layers]).detach()
        marks = [
            (torch.zeros_like(own.spline_weight[None]), torch.zeros_like(own.base_weight[None]))
            for own in models[0].layers
        ]
        marks[number][0].fill_(1.0)
        chosen = plain.chain.flatten([Parts(c.detach(), b.detach()) for c, b in marks])[0] > 0
        weight = (1e-3 * diagonal[:, chosen].mean(1)).sqrt()
        literal = coef[:, :, 3:] - 3 * coef[:, :, 2:-1] + 3 * coef[:, :, 1:-2] - coef[:, :, :-3]
        expected = weight[:, None] * literal.flatten(1)
        torch.testing.assert_close(added[:, at : at + expected.shape[1]], expected, rtol=1e-10, atol=1e-14)
        at += expected.shape[1]
    assert at == added.shape[1]
    linear = rough.linearize(point)
    jacobian = torch.cat(list(linear.rows()), dim=1)
    direction = torch.rand(point.shape, generator=generator, dtype=torch.float64)
    cotangent = torch.rand(linear.residual.shape, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(linear.jvp(direction), (jacobian @ direction[..., None])[..., 0])
    torch.testing.assert_close(linear.vjp(cotangent), (jacobian.mT @ cotangent[..., None])[..., 0])
    torch.testing.assert_close(linear.gram().tril(), (jacobian.mT @ jacobian).tril())
    torch.testing.assert_close(rough.plain(point, linear.loss), plain.linearize(point).loss)

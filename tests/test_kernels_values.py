"""Values of the four contractions against scipy's splines; shapes, memory layouts, non-finite inputs."""

import itertools
from dataclasses import dataclass, fields, replace

import numpy as np
import pytest
import torch
from scipy.interpolate import BSpline
from torch import Tensor
from torch.testing import assert_close

from edgewise import kernels
from edgewise.errors import ShapeError
from edgewise.kernels.cells import outside
from edgewise.kernels.compilation import compiled_for_python
from edgewise.splines import extend_knots, uniform_knots

F64 = torch.float64


@dataclass
class Problem:
    """One argument of each kind that the contractions take."""

    x: Tensor
    coef: Tensor
    knots: Tensor
    weight: Tensor
    base: Tensor
    cotangent: Tensor
    degree: int = 3

    def to(self, convert):
        """The same problem with every tensor sent through `convert`."""
        changed = {field.name: convert(getattr(self, field.name)) for field in fields(self) if field.name != "degree"}
        return replace(self, **changed)


def even_knots(inputs, grid, degree):
    lo = -1 - torch.arange(inputs, dtype=F64)
    return uniform_knots(lo, lo + 2.3, grid, degree)


def uneven_knots(inputs, grid, degree):
    """Neighbouring intervals up to 100 times as wide, one row per input."""
    generator = torch.Generator().manual_seed(0)
    widths = torch.rand(inputs, grid, dtype=F64, generator=generator) ** 3 + 0.01
    ends = torch.cat([torch.zeros(inputs, 1, dtype=F64), widths.cumsum(1)], dim=1) - 0.3 * widths.sum(1, keepdim=True)
    return extend_knots(ends, degree)


def problem(rows=9, outputs=5, *, inputs=3, grid=5, degree=3, knots=even_knots, models=(), beyond=0.4, seed=0):
    """Random arguments; inputs reach `beyond` domain widths outside the grid, on both sides."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*models, *shape, dtype=F64, generator=generator)

    t = knots(inputs, grid, degree)
    lo, hi = t[:, degree], t[:, -degree - 1]
    spread = torch.rand(*models, rows, inputs, dtype=F64, generator=generator) * (1 + 2 * beyond) - beyond
    return Problem(
        x=lo + (hi - lo) * spread,
        coef=normal(inputs, grid + degree, outputs),
        knots=t,
        weight=normal(rows, inputs),
        base=normal(inputs, outputs),
        cotangent=normal(rows, outputs),
        degree=degree,
    )


def critical_points(knots, degree):
    """Every knot, both domain ends and their neighbours on the number line, and points beyond: `(B, I)`."""
    lo, hi = knots[:, degree : degree + 1], knots[:, -degree - 1 : -degree or None][:, :1]
    far = torch.tensor([-7.0, -1.5, 1.5, 7.0], dtype=F64) * (hi - lo) + lo
    up, down = torch.full_like(lo, np.inf), torch.full_like(lo, -np.inf)
    near = [torch.nextafter(end, way) for end in (lo, hi) for way in (up, down)]
    return torch.cat([knots, *near, far], dim=1).T.contiguous()


def scipy_basis(x, knots, degree, order, linear):
    """`(B, I, S)` derivatives of every basis function by scipy, with the contract of `bspline_basis` outside."""
    x, knots = x.numpy(), knots.numpy()
    columns = [_column(x[:, i], knots[i], degree, order, linear) for i in range(x.shape[1])]
    return torch.from_numpy(np.stack(columns, axis=1))


def _column(x, t, degree, order, linear):
    size = len(t) - degree - 1
    if order > degree:
        return np.zeros((len(x), size))
    if not linear:
        # Zero coefficients on more knots: then scipy's base interval is all of the extended cells.
        more = 1.0 + np.arange(degree)
        padded = np.concatenate([t[0] - more[::-1], t, t[-1] + more])
        spline = BSpline(padded, np.pad(np.eye(size), ((degree, degree), (0, 0))), degree)
        inside = (t[0] <= x) & (x < t[-1])
        return np.where(inside[:, None], spline(np.where(inside, x, t[0]), nu=order), 0.0)
    lo, hi = t[degree], t[size]
    spline = BSpline(t, np.eye(size), degree)
    end = np.clip(x, lo, hi)  # scipy too closes the domain at the right: hi belongs to the last cell
    if order == 0:
        slope = spline(end, nu=1) if degree else np.zeros((len(x), size))
        return spline(end) + slope * (x - end)[:, None]
    return spline(end, nu=order) * ((x == end) | (order == 1))[:, None]


@pytest.fixture
def fresh_memory_is_nan():
    """New tensors hold NaN until written, so that an entry nobody writes is seen."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)  # fills uninitialized memory
    assert torch.empty(3).isnan().all()
    yield
    torch.use_deterministic_algorithms(before)


def silu(x):
    return x / (1 + torch.exp(-x))


def check(p, order, linear, accuracy=1e-13):
    """All four contractions of a problem without a model axis agree with dense sums of scipy's values."""
    k, h = p.degree, p.weight[..., None]
    basis = scipy_basis(p.x, p.knots, k, order, linear)
    pairs = [
        (kernels.evaluate(p.x, p.coef, p.knots, None, k, order, linear), "bis,iso->bo", (basis, p.coef)),
        (kernels.evaluate(p.x, p.coef, p.knots, p.weight, k, order, linear), "bis,iso->bo", (basis * h, p.coef)),
        (kernels.scatter(p.x, p.cotangent, p.knots, None, k, order, linear), "bis,bo->iso", (basis, p.cotangent)),
        (
            kernels.scatter(p.x, p.cotangent, p.knots, p.weight, k, order, linear),
            "bis,bo->iso",
            (basis * h, p.cotangent),
        ),
        (
            kernels.pull(p.x, p.coef, p.cotangent, p.knots, k, order, linear),
            "bis,iso,bo->bi",
            (basis, p.coef, p.cotangent),
        ),
    ]
    for actual, sums, factors in pairs:
        # Relative to the sum of the terms' sizes, which bounds what rounding can do.
        size = torch.einsum(sums, *(factor.abs() for factor in factors)).max().item()
        assert_close(actual, torch.einsum(sums, *factors), rtol=0, atol=accuracy * size)
    if order == 0:
        expected = torch.einsum("bis,iso->bo", basis, p.coef) + silu(p.x) @ p.base
        size = (torch.einsum("bis,iso->bo", basis.abs(), p.coef.abs()) + silu(p.x).abs() @ p.base.abs()).max().item()
        assert_close(kernels.edges(p.x, p.coef, p.base, p.knots, k, linear), expected, rtol=0, atol=accuracy * size)


@pytest.mark.usefixtures("fresh_memory_is_nan")
@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize("knots", [even_knots, uneven_knots])
@pytest.mark.parametrize("grid", [1, 5, 1000])
def test_every_contraction_agrees_with_scipy(grid, knots, linear):
    p = problem(rows=60, grid=grid, knots=knots)
    for order in range(5):
        check(p, order, linear)


@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize("knots", [even_knots, uneven_knots])
def test_at_knots_domain_ends_and_beyond(knots, linear):
    t = knots(3, 5, 3)
    x = critical_points(t, 3)
    p = replace(problem(rows=len(x), knots=knots), x=x)
    for order in range(4):
        check(p, order, linear)


WIDE = pytest.param(70, marks=pytest.mark.slow)  # compiles every kernel anew; `edges` does it in the fast suite


@pytest.mark.usefixtures("fresh_memory_is_nan")
@pytest.mark.parametrize("rows", [1, 3, 700, 1500])
@pytest.mark.parametrize("outputs", [1, 5, WIDE])
def test_blocks_of_rows_and_panels_of_outputs(rows, outputs):
    check(problem(rows, outputs), 0, True)
    check(problem(rows, outputs), 1, False)


@pytest.mark.usefixtures("fresh_memory_is_nan")
@pytest.mark.parametrize("rows", [1, 3, 700])
@pytest.mark.parametrize("outputs", [33, 70])
def test_panels_of_many_outputs_with_the_residual_branch(rows, outputs):
    p = problem(rows, outputs)
    expected = torch.einsum("bis,iso->bo", scipy_basis(p.x, p.knots, 3, 0, True), p.coef) + silu(p.x) @ p.base
    actual = kernels.edges(p.x, p.coef, p.base, p.knots, 3, True)
    assert_close(actual, expected, rtol=0, atol=1e-13 * expected.abs().max().item())


@pytest.mark.usefixtures("fresh_memory_is_nan")
@pytest.mark.parametrize("shape", [(40, 5), (700, 5), pytest.param((700, 70), marks=pytest.mark.slow)])
@pytest.mark.parametrize("own_knots", [False, True])
def test_a_model_axis_is_a_loop_over_models(shape, own_knots):
    p = problem(*shape, models=(3,))
    if own_knots:
        p = replace(p, knots=torch.stack([p.knots, p.knots - 0.1, uneven_knots(3, 5, 3)]))
    each = [model(p, m) for m in range(3)]
    calls = contractions(linear=True)
    for name, call in calls.items():
        expected = torch.stack([call(*arguments(one, name)) for one in each])
        assert_close(
            call(*arguments(p, name)), expected, rtol=1e-13, atol=1e-12, msg=lambda m, name=name: f"{name}: {m}"
        )


def model(p, m):
    """The `m`-th model of a problem; rank-2 knots are shared."""
    knots = p.knots[m] if p.knots.dim() == 3 else p.knots
    return replace(replace(p, knots=p.x).to(lambda t: t[m]), knots=knots)


def contractions(linear, order=0, degree=3):
    """The four public functions of their differentiable arguments."""
    return {
        "evaluate": lambda x, coef, weight, knots: kernels.evaluate(x, coef, knots, weight, degree, order, linear),
        "scatter": lambda x, g, weight, knots: kernels.scatter(x, g, knots, weight, degree, order, linear),
        "pull": lambda x, coef, g, knots: kernels.pull(x, coef, g, knots, degree, order, linear),
        "edges": lambda x, coef, base, knots: kernels.edges(x, coef, base, knots, degree, linear),
    }


def arguments(p, name):
    """What `contractions(...)[name]` takes: three differentiable tensors, then the knots."""
    return {
        "evaluate": (p.x, p.coef, p.weight, p.knots),
        "scatter": (p.x, p.cotangent, p.weight, p.knots),
        "pull": (p.x, p.coef, p.cotangent, p.knots),
        "edges": (p.x, p.coef, p.base, p.knots),
    }[name]


NAMES = ["evaluate", "scatter", "pull", "edges"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("models", [(), (2,)])
def test_memory_layout_does_not_matter(name, models):
    p, call = problem(models=models), contractions(True)[name]
    expected = call(*arguments(p, name))
    transposed = p.to(lambda t: t.mT.contiguous().mT)
    strided = p.to(lambda t: torch.stack([t, -t], dim=-1)[..., 0])
    for other in (transposed, strided):
        assert not other.x.is_contiguous()
        assert_close(call(*arguments(other, name)), expected, rtol=0, atol=0)


@pytest.mark.parametrize("name", NAMES)
def test_expanded_arguments_are_like_copies(name):
    call = contractions(True)[name]
    models = problem().to(lambda t: t.expand(3, *t.shape))
    copies = models.to(lambda t: t.contiguous())
    assert_close(call(*arguments(models, name)), call(*arguments(copies, name)), rtol=0, atol=0)
    rows = problem()
    rows = replace(rows, x=rows.x[:1].expand(9, 3), cotangent=rows.cotangent[:, :1].expand(9, 5))
    copies = rows.to(lambda t: t.contiguous())
    assert_close(call(*arguments(rows, name)), call(*arguments(copies, name)), rtol=0, atol=0)


@pytest.mark.usefixtures("fresh_memory_is_nan")
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("models", [(), (2,)])
def test_an_empty_batch_gives_empty_rows_and_zero_sums(name, models):
    p = problem(rows=0, models=models)
    value = contractions(True)[name](*arguments(p, name))
    lead = {"scatter": (3, 8, 5), "pull": (0, 3)}.get(name, (0, 5))
    assert value.shape == (*models, *lead)
    assert not value.any()


@pytest.mark.usefixtures("fresh_memory_is_nan")
def test_the_backward_of_an_empty_batch_is_zero():
    p = problem(rows=0)
    inputs = [t.clone().requires_grad_() for t in (p.x, p.coef, p.base)]
    kernels.edges(*inputs, p.knots, 3, True).sum().backward()
    for t in inputs:
        assert t.grad is not None
        assert not t.grad.any()


@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize("knots", [even_knots, uneven_knots])
@pytest.mark.parametrize("outputs", [5, WIDE])
@pytest.mark.parametrize("order", [0, 1, 3, 4])
def test_nan_reaches_its_own_row_only(order, outputs, knots, linear):
    p = problem(30, outputs, knots=knots)
    nan = replace(p, x=p.x.clone())
    nan.x[7, 1] = torch.nan
    for name in ("evaluate", "pull", "edges"):
        call = contractions(linear, order)[name]
        value, expected = call(*arguments(nan, name)), call(*arguments(p, name))
        here = torch.zeros_like(value, dtype=torch.bool)
        here[7] = True
        if name == "pull":
            here[7, [0, 2]] = False
        assert value[here].isnan().all(), name
        assert_close(value[~here], expected[~here], rtol=0, atol=1e-12)


@pytest.mark.parametrize("knots", [even_knots, uneven_knots])
@pytest.mark.parametrize("infinity", [float("inf"), -float("inf")])
def test_infinite_inputs(knots, infinity):
    p = problem(30, knots=knots)
    x = p.x.clone()
    x[7, 1] = infinity
    far, without = replace(p, x=x), replace(p, x=p.x.clone(), weight=torch.ones_like(p.weight))
    without.weight[7, 1] = 0  # the input's term left out

    def value(q, order, linear, weight=None):
        return kernels.evaluate(q.x, q.coef, q.knots, weight, 3, order, linear)

    for order in range(4):  # "extend" vanishes there
        assert_close(value(far, order, False), value(without, order, False, without.weight), rtol=0, atol=1e-12)
    assert not value(far, 0, True)[7].isfinite().any()
    near = replace(p, x=torch.where(x.isinf(), x.sign() * 100, x))
    assert_close(value(far, 1, True), value(near, 1, True), rtol=0, atol=1e-12)  # the end's slope
    for order in (2, 3):
        assert_close(value(far, order, True), value(without, order, True, without.weight), rtol=0, atol=1e-10)


@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize("knots", [even_knots, uneven_knots])
def test_float32_is_within_1e_5_of_float64(knots, linear):
    single = problem(700, knots=knots, inputs=2).to(lambda t: t.float())
    double = single.to(lambda t: t.double())  # the very same numbers
    results = []
    for p in (single, double):
        inputs = [t.clone().requires_grad_() for t in (p.x, p.coef, p.base)]
        y = kernels.edges(*inputs, p.knots, 3, linear)
        y.backward(p.cotangent)
        results.append([y.detach(), *(t.grad for t in inputs)])
    for low, high in zip(*results, strict=True):
        assert low.dtype == torch.float32
        # Of the largest value; the sums over 700 rows have 700 terms of size 1.
        assert (low.double() - high).abs().max() < 1e-5 * high.abs().max()


@pytest.mark.slow
@pytest.mark.parametrize("outputs", [5, 70])
@pytest.mark.parametrize("degree", range(6))
def test_every_degree_and_dtype(degree, outputs):
    for knots in (even_knots, uneven_knots):
        for grid in (1, 2, 5, 1000):
            for linear in (False, True):
                p = problem(60, outputs, grid=grid, degree=degree, knots=knots)
                x = torch.cat([p.x, critical_points(p.knots, degree)])
                p = replace(problem(len(x), outputs, grid=grid, degree=degree, knots=knots), x=x)
                for order in range(degree + 2):
                    check(p, order, linear)
                single = problem(60, outputs, grid=min(grid, 5), degree=degree, knots=knots).to(lambda t: t.float())
                double = single.to(lambda t: t.double())
                for name, call in contractions(linear, degree=degree).items():
                    low, high = (call(*arguments(p, name)) for p in (single, double))
                    assert (low.double() - high).abs().max() < 1e-5 * high.abs().max(), name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": torch.zeros(3, dtype=torch.float64)}, r"`x` must be \(rows, inputs\)"),
        ({"coef": torch.zeros(2, 8, 4, dtype=torch.float64)}, r"`coef` must be \(3, 8, 4\)"),
        ({"coef": torch.zeros(3, 8, 4)}, "use one of both"),
        ({"weight": torch.zeros(5, 3, dtype=torch.float64)}, r"`weight` must be \(10, 3\)"),
        ({"knots": torch.zeros(2, 12, dtype=torch.float64)}, r"`knots` must be \(3, 12\)"),
        ({"knots": torch.zeros(3, 6, dtype=torch.float64)}, "at least 8 entries"),
    ],
)
def test_tensors_that_do_not_fit_are_refused_before_an_address_is_used(change, message):
    arguments = {
        "x": torch.zeros(10, 3, dtype=torch.float64),
        "coef": torch.zeros(3, 8, 4, dtype=torch.float64),
        "knots": torch.linspace(-1, 1, 12, dtype=torch.float64).expand(3, -1).contiguous(),
        "weight": None,
    }
    with pytest.raises(ShapeError, match=message):
        kernels.evaluate(*(arguments | change).values(), 3, 0, True)


@compiled_for_python
def _outside(rows, weights, capacity, local, stop, tables, factor):
    outside(rows, weights, 0, capacity, local, 0, stop, tables, 0, factor, True)


def test_where_arrays_lie_does_not_change_a_digit():
    """LLVM asks at run time whether arrays may overlap, and takes another form of the loop where it cannot tell."""
    random = np.random.default_rng(0)
    n, results = 64, set()
    local, tables, factor = random.normal(size=n), random.normal(size=16), random.normal(size=1)
    for order in itertools.permutations(range(4)):
        for gap in range(20):
            pieces, end = {}, 0
            buffer = np.full(6 * n + 4 * gap + 32, np.nan)
            for which in order:
                size = (4 * n, n, 16, 1)[which]
                pieces[which] = buffer[end : end + size]
                end += size + gap
            pieces[1][:], pieces[2][:], pieces[3][:] = local, tables, factor
            _outside((0,) * 4, pieces[0], n, pieces[1], n, pieces[2], pieces[3])
            results.add(pieces[0].tobytes())
    assert len(results) == 1
    second = np.frombuffer(results.pop())[n : 2 * n]
    np.testing.assert_allclose(second, factor * tables[4] + tables[5] * local, rtol=1e-14, atol=1e-14)

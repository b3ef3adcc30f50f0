"""The Triton programs against scipy's splines: on a GPU where there is one, otherwise in Triton's interpreter."""

import warnings
from copy import deepcopy
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck
from torch.func import hessian, jvp, vmap
from torch.testing import assert_close

from edgewise import KAN, kernels
from edgewise.errors import ShapeError
from edgewise.kernels import dispatch, reference
from test_kernels_values import (
    NAMES,
    arguments,
    contractions,
    critical_points,
    even_knots,
    model,
    problem,
    scipy_basis,
    silu,
    uneven_knots,
)

if find_spec("triton") is None:
    pytest.skip("needs Triton, which comes with torch's CUDA builds", allow_module_level=True)

F64 = torch.float64
ON_GPU = torch.cuda.is_available()
DEVICE = "cuda" if ON_GPU else "cpu"

needs_gpu = pytest.mark.skipif(not ON_GPU, reason="takes minutes in Triton's interpreter; runs on a GPU")

pytestmark = pytest.mark.filterwarnings("ignore:Conversion of an array with ndim:DeprecationWarning")  # interpreter


def _programs():
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        if not ON_GPU:
            # Read where programs are defined, those of Triton itself too, some of them at the first call.
            patch.setenv("TRITON_INTERPRET", "1")
            warnings.simplefilter("ignore")
        programs = import_module("edgewise.kernels.gpu")
        arguments = torch.zeros(1, 1), torch.zeros(1, 2, 1), torch.zeros(1, 1), torch.arange(4.0)[None]
        from triton.runtime.errors import InterpreterError

        try:
            programs.pull(*(t.to(DEVICE) for t in arguments), 1, 0, True)
        except InterpreterError:
            pytest.skip("this release of Triton's interpreter does not work with this NumPy", allow_module_level=True)
        return programs


gpu = _programs()


@pytest.fixture(autouse=True)
def _use_programs(monkeypatch):
    """Without a GPU, tensors on the CPU go to the Triton programs too."""
    if not ON_GPU:
        monkeypatch.setattr(dispatch, "_cpu", lambda: gpu)


@pytest.fixture(params=["dense", "sparse"])
def ways(request, monkeypatch):
    """Both ways to compute each contraction, whatever the size of the grid."""
    monkeypatch.setattr(gpu, "DENSE_BASIS", 10_000 if request.param == "dense" else 0)
    monkeypatch.setattr(gpu, "CHUNK", 32)
    return request.param


def there(p):
    """The problem on the device under test."""
    return p.to(lambda t: t.to(DEVICE))


def call(name, p, linear, order=0):
    """A contraction of a problem on the device under test, and back."""
    return contractions(linear, order, p.degree)[name](*arguments(there(p), name)).cpu()


def check(p, order, linear, accuracy=1e-13):
    """All contractions agree with dense sums of scipy's values."""
    x, basis = p.x.double(), scipy_basis(p.x.double(), p.knots.double(), p.degree, order, linear)
    weighted = basis * p.weight.double()[..., None]
    expected = {
        "evaluate": ("bis,iso->bo", weighted, p.coef),
        "scatter": ("bis,bo->iso", weighted, p.cotangent),
        "pull": ("bis,iso,bo->bi", basis, p.coef, p.cotangent),
    }
    if order == 0:
        expected["edges"] = ("bis,iso->bo", basis, p.coef)
    for name, (sums, *factors) in expected.items():
        factors = [factor.double() for factor in factors]
        base = silu(x) @ p.base.double() if name == "edges" else 0.0
        size = torch.einsum(sums, *(factor.abs() for factor in factors)).max().item() + 1.0
        assert_close(
            call(name, p, linear, order).double(), torch.einsum(sums, *factors) + base, rtol=0, atol=accuracy * size,
            msg=lambda m, name=name: f"{name}, order {order}: {m}",
        )  # fmt: skip


@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize("knots", [even_knots, uneven_knots])
@pytest.mark.parametrize("grid", [1, 5, 40] if ON_GPU else [5])
@pytest.mark.usefixtures("ways")
def test_every_contraction_agrees_with_scipy(grid, knots, linear):
    for order in range(5) if ON_GPU else [0 if linear else 1]:
        check(problem(rows=40, grid=grid, knots=knots), order, linear)


@needs_gpu
@pytest.mark.parametrize("grid", [28, 29, 30, 1000])  # around the sizes at which the way changes
def test_the_way_taken_does_not_show(grid):
    check(problem(rows=40, grid=grid), 0, True)


@needs_gpu
@pytest.mark.parametrize("degree", [0, 1, 2, 4, 5])
@pytest.mark.parametrize("knots", [even_knots, uneven_knots])
def test_every_degree_at_knots_domain_ends_and_beyond(degree, knots):
    x = critical_points(knots(3, 4, degree), degree)
    p = replace(problem(len(x), grid=4, degree=degree, knots=knots), x=x)
    for linear in (False, True):
        for order in range(degree + 2):
            check(p, order, linear)


SHAPES = [(1, 1, 1), (3, 70, 2), (90, 5, 20), (1500, 33, 70), (3000, 130, 33), (700, 10, 200)]


@needs_gpu
@pytest.mark.parametrize(("rows", "outputs", "inputs"), SHAPES)
@pytest.mark.usefixtures("ways")
def test_tiles_and_shares_cover_every_shape(rows, outputs, inputs):
    p = problem(rows, outputs, inputs=inputs, beyond=0.05)
    check(p, 0, True)
    check(p, 1, False)


@needs_gpu
@pytest.mark.parametrize(("rows", "outputs", "inputs"), SHAPES[-2:])
@pytest.mark.parametrize("grid", [5, 40])
@pytest.mark.usefixtures("ways")
def test_float32_is_within_1e_5_of_float64(rows, outputs, inputs, grid):
    p = problem(rows, outputs, inputs=inputs, grid=grid, beyond=0.05).to(lambda t: t.float())
    check(p, 0, True, accuracy=2e-6)
    check(p, 1, False, accuracy=2e-5)


@needs_gpu
@pytest.mark.parametrize("own_knots", [False, True])
@pytest.mark.usefixtures("ways")
def test_a_model_axis_is_a_loop_over_models(own_knots):
    p = problem(40, 5, models=(3,))
    if own_knots:
        p = replace(p, knots=torch.stack([p.knots, p.knots - 0.1, uneven_knots(3, 5, 3)]))
    for name in NAMES:
        expected = torch.stack([call(name, model(p, m), True) for m in range(3)])
        assert_close(call(name, p, True), expected, rtol=1e-13, atol=1e-12)


@needs_gpu
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.usefixtures("ways")
def test_memory_layout_does_not_matter(name):
    p = problem(models=(2,))
    expected = call(name, p, True)
    shared = replace(p, knots=p.knots.expand(2, *p.knots.shape))
    for other in (p.to(lambda t: t.mT.contiguous().mT), p.to(lambda t: torch.stack([t, -t], -1)[..., 0]), shared):
        value = contractions(True)[name](*arguments(there(other), name))
        assert value.is_contiguous()
        assert_close(value.cpu(), expected, rtol=0, atol=0)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("models", [(), (2,)])
def test_an_empty_batch_gives_empty_rows_and_zero_sums(name, models):
    value = call(name, problem(rows=0, models=models), True)
    lead = {"scatter": (3, 8, 5), "pull": (0, 3)}.get(name, (0, 5))
    assert value.shape == (*models, *lead)
    assert not value.any()


@needs_gpu
@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize("order", [0, 1, 4])
@pytest.mark.parametrize("dtype", [torch.float32, F64])
@pytest.mark.usefixtures("ways")
def test_nan_reaches_its_own_row_only(order, linear, dtype):
    p = problem(30).to(lambda t: t.to(dtype))
    nan = replace(p, x=p.x.clone())
    nan.x[7, 1] = torch.nan
    for name in ("evaluate", "pull", "edges"):
        value, expected = call(name, nan, linear, order), call(name, p, linear, order)
        here = torch.zeros_like(value, dtype=torch.bool)
        here[7] = True
        if name == "pull":
            here[7, [0, 2]] = False
        assert value[here].isnan().all(), name
        assert_close(value[~here], expected[~here], rtol=0, atol=1e-5 if dtype == torch.float32 else 1e-12)
    if order == 0:
        assert call("scatter", nan, linear).isnan().any()


@needs_gpu
@pytest.mark.parametrize("infinity", [float("inf"), -float("inf")])
def test_infinite_inputs(infinity):
    p = problem(30)
    x = p.x.clone()
    x[7, 1] = infinity
    without = replace(p, x=p.x.clone(), weight=p.weight.clone())
    without.weight[7, 1] = 0  # the input's term left out
    for order in range(4):  # "extend" vanishes there
        value = call("evaluate", replace(p, x=x), False, order)
        assert_close(value, call("evaluate", without, False, order), rtol=0, atol=1e-10)
    assert not call("evaluate", replace(p, x=x), True)[7].isfinite().any()


@pytest.mark.parametrize("models", [(), (2,)])
@pytest.mark.parametrize("linear", [False, True] if ON_GPU else [True])
@pytest.mark.usefixtures("ways")
def test_the_fused_backward_agrees_with_the_dense_basis(linear, models):
    p = problem(70, 5, models=models, knots=uneven_knots)
    expected = dispatch.REFERENCE["edges_backward"](p.x, p.coef, p.base, p.cotangent, p.knots, 3, linear, True)
    for needed in ([True] * 3, [False, True, True]):
        q = there(p)
        inputs = [t.clone().requires_grad_(n) for t, n in zip((q.x, q.coef, q.base), needed, strict=True)]
        kernels.edges(*inputs, q.knots, 3, linear).backward(q.cotangent)
        for tensor, n, grad in zip(inputs, needed, expected, strict=True):
            assert (tensor.grad is not None) == n
            if n:
                assert_close(tensor.grad.cpu(), grad, rtol=1e-11, atol=1e-12 * grad.abs().max().item())


def leaves(p, name):
    *inputs, knots = arguments(there(p), name)
    return [t.detach().clone().requires_grad_() for t in inputs], knots


@needs_gpu
@pytest.mark.parametrize("name", NAMES)
def test_first_and_second_derivatives_agree_with_differences(name):
    inputs, knots = leaves(problem(2, 2, inputs=1, grid=2), name)

    def function(*tensors):
        return contractions(True)[name](*tensors, knots)

    assert gradcheck(function, inputs)
    assert gradgradcheck(function, inputs)


@needs_gpu
def test_transforms_and_registered_operators():
    p = problem(4, 3, inputs=2)
    q = there(p)

    def value(x):
        return kernels.edges(x, q.coef, q.base, q.knots, 3, True)

    def expected(x):
        return dispatch.REFERENCE["edges"](x, q.coef, q.base, q.knots, 3, True)

    batch = torch.stack([q.x, q.x - 0.1])
    assert_close(vmap(value)(batch), expected(batch), rtol=1e-12, atol=1e-12)
    for transform in (lambda f: jvp(f, (q.x,), (q.x + 1,)), lambda f: hessian(lambda x: f(x).square().sum())(q.x)):
        assert_close(transform(value), transform(expected), rtol=1e-10, atol=1e-10)
    compiled = torch.compile(value, fullgraph=True, backend="aot_eager")
    assert_close(compiled(q.x), value(q.x), rtol=0, atol=0)
    torch.library.opcheck(torch.ops.edgewise.edges, (q.x, q.coef, q.base, q.knots, 3, True))


@needs_gpu
def test_results_do_not_change_from_run_to_run(ways):
    p = there(problem(20_000, 17, inputs=5, grid=30).to(lambda t: t.float()))
    args = p.x, p.coef, p.base, p.cotangent, p.knots, 3, True, True
    first, again = (gpu.edges_backward(*args) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        assert torch.equal(one, other), ways
    y = [gpu.edges(p.x, p.coef, p.base, p.knots, 3, True) for _ in range(2)]
    assert torch.equal(*y)


def test_tensors_that_do_not_fit_are_refused():
    p = there(problem())
    with pytest.raises(ShapeError, match=r"`coef` must be \(3, 8, 4\)"):
        kernels.evaluate(p.x, p.coef[:2, :, :4], p.knots, None, 3, 0, True)


def test_without_triton_a_gpu_takes_the_dense_basis(monkeypatch):
    monkeypatch.setattr(dispatch, "find_spec", lambda name: None)
    assert dispatch._gpu.__wrapped__() is None
    monkeypatch.undo()
    assert dispatch._gpu.__wrapped__() is gpu
    monkeypatch.setattr(dispatch, "_gpu", lambda: None)
    monkeypatch.setattr(dispatch, "_cpu", lambda: None)
    p = there(problem())
    value = kernels.evaluate(p.x, p.coef, p.knots, None, 3, 0, True)
    assert_close(value, reference.evaluate(p.x, p.coef, p.knots, None, 3, 0, True), rtol=0, atol=0)


@needs_gpu
def test_a_network_on_the_gpu_is_the_one_on_the_cpu(monkeypatch):
    monkeypatch.undo()  # the CPU computes with its own kernels
    net, x = KAN([3, 8, 2], seed=0, dtype=F64), torch.rand(50, 3, dtype=F64, generator=torch.Generator().manual_seed(0))
    results = []
    for device in ("cpu", "cuda"):
        here, inputs = deepcopy(net).to(device), x.detach().to(device).requires_grad_()
        here(inputs).square().sum().backward()
        results.append([tensor.grad.cpu() for tensor in (inputs, *here.parameters())])
    for one, other in zip(*results, strict=True):
        assert_close(one, other, rtol=1e-11, atol=1e-11)

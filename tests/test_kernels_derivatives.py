"""Derivatives of every order and kind: autograd, torch.func, registered operators, compiled and exported graphs."""

import io
from dataclasses import replace

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck
from torch.func import functional_call, grad, hessian, jacfwd, jacrev, jvp, vmap
from torch.testing import assert_close

from edgewise import KANLayer, kernels
from edgewise.kernels import reference
from edgewise.splines import bspline_basis
from test_kernels_values import NAMES, arguments, contractions, even_knots, problem, uneven_knots

F64 = torch.float64


def dense(linear, order=0, degree=3):
    """The same functions as `contractions` in differentiable torch, one dense basis each."""

    def basis(x, knots):
        rows = knots[:, None] if knots.dim() == 3 else knots
        return bspline_basis(x, rows, degree, order, "linear" if linear else "extend")

    def edges(x, coef, base, knots):
        return torch.einsum("...bis,...iso->...bo", basis(x, knots), coef) + torch.nn.functional.silu(x) @ base

    return {
        "evaluate": lambda x, coef, h, knots: torch.einsum("...bis,...bi,...iso->...bo", basis(x, knots), h, coef),
        "scatter": lambda x, g, h, knots: torch.einsum("...bis,...bi,...bo->...iso", basis(x, knots), h, g),
        "pull": lambda x, coef, g, knots: torch.einsum("...bis,...iso,...bo->...bi", basis(x, knots), coef, g),
        "edges": edges,
    }


def leaves(p, name):
    """The three differentiable arguments as leaves, and the knots."""
    *inputs, knots = arguments(p, name)
    return [t.detach().clone().requires_grad_() for t in inputs], knots


def mixed(value):
    """A scalar that weighs every entry differently."""
    return (value * torch.linspace(0.5, 1.5, value.numel(), dtype=value.dtype).view_as(value)).sum()


@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_first_and_second_derivatives_agree_with_differences(name, linear):
    inputs, knots = leaves(problem(4, 2, inputs=2), name)

    def function(*tensors):
        return contractions(linear)[name](*tensors, knots)

    assert gradcheck(function, inputs)
    assert gradgradcheck(function, inputs)


@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize("outputs", [2, pytest.param(70, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", NAMES)
def test_derivatives_to_the_third_agree_with_the_dense_basis(name, outputs, linear):
    p = problem(7, outputs, knots=uneven_knots)

    def nested(function):
        inputs, knots = leaves(p, name)
        value, found = mixed(function(*inputs, knots)), []
        for _ in range(3):
            # Squared, so that no derivative vanishes because the functions are linear in most arguments.
            grads = torch.autograd.grad(value, inputs, create_graph=True)
            found += grads
            value = sum((mixed(g**2) for g in grads), torch.zeros((), dtype=F64))
        return [g.detach() for g in found]

    for actual, expected in zip(nested(contractions(linear)[name]), nested(dense(linear)[name]), strict=True):
        assert_close(actual, expected, rtol=1e-9, atol=1e-11 * max(1.0, expected.abs().max().item()))


@pytest.mark.parametrize("outputs", [5, 70])
@pytest.mark.parametrize("models", [(), (2,)])
@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize("knots", [even_knots, uneven_knots])
def test_the_fused_backward_agrees_with_the_dense_basis(knots, linear, models, outputs):
    p = problem(300, outputs, models=models, knots=knots)
    # The first input decides which machine code runs; one width for both saves compiling.
    some = [[False, True, True], [True, False, False], [False, False, True]] if outputs == 5 else []
    for needed in ([True, True, True], *some):
        grads = []
        for function in (contractions(linear)["edges"], dense(linear)["edges"]):
            inputs = [t.clone().requires_grad_(n) for t, n in zip((p.x, p.coef, p.base), needed, strict=True)]
            function(*inputs, p.knots).backward(p.cotangent)
            grads.append([t.grad for t in inputs])
        for n, actual, expected in zip(needed, *grads, strict=True):
            assert (actual is not None) == n
            if n:
                assert_close(actual, expected, rtol=1e-11, atol=1e-12 * expected.abs().max().item())


def test_input_gradients_outside_the_grid():
    t = even_knots(1, 5, 3)
    lo, hi = t[0, 3].item(), t[0, -4].item()
    x = torch.tensor([[lo - 50], [lo - 0.2], [hi + 0.2], [hi + 50]], dtype=F64)
    coef = problem(inputs=1, outputs=1).coef
    slopes = {}
    for linear in (False, True):
        inner = x.clone().requires_grad_()
        kernels.evaluate(inner, coef, t, None, 3, 0, linear).sum().backward()
        slopes[linear] = inner.grad[:, 0]
    ends = torch.tensor([[lo], [hi]], dtype=F64)
    at_ends = kernels.evaluate(ends, coef, t, None, 3, 1, True)[:, 0]
    assert_close(slopes[True], at_ends.repeat_interleave(2), rtol=1e-12, atol=1e-12)
    assert slopes[False][0] == slopes[False][3] == 0  # beyond the extended cells
    assert slopes[False][1] != 0
    assert slopes[False][2] != 0


def test_removed_edges_have_no_gradient_and_do_not_disturb_others():
    layer = KANLayer(3, 5, dtype=F64, generator=torch.Generator().manual_seed(0))
    mask = torch.ones(3, 5, dtype=F64)
    mask[0, 1] = mask[2, 4] = 0
    p = problem(40)
    layer.set_mask(mask)
    (layer(p.x) * p.cotangent).sum().backward()
    reached = {name: parameter.grad.clone() for name, parameter in layer.named_parameters()}
    assert not reached["spline_weight"].transpose(1, 2)[mask == 0].any()
    assert not reached["base_weight"][mask == 0].any()
    layer.set_mask(torch.ones_like(mask))
    layer.zero_grad()
    (layer(p.x) * p.cotangent).sum().backward()
    assert_close(reached["spline_weight"], layer.spline_weight.grad * mask[:, None], rtol=1e-12, atol=1e-12)
    assert_close(reached["base_weight"], layer.base_weight.grad * mask, rtol=1e-12, atol=1e-12)


# ------------------------------------------------------------------------------------------- torch.func


@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_forward_mode(name, linear):
    inputs, knots = leaves(problem(5, 4, inputs=2), name)
    inputs = [t.detach() for t in inputs]
    generator = torch.Generator().manual_seed(1)
    tangents = tuple(torch.randn(t.shape, dtype=F64, generator=generator) for t in inputs)
    kernel, plain = contractions(linear)[name], dense(linear)[name]
    for actual, expected in zip(
        jvp(lambda *a: kernel(*a, knots), tuple(inputs), tangents),
        jvp(lambda *a: plain(*a, knots), tuple(inputs), tangents),
        strict=True,
    ):
        assert_close(actual, expected, rtol=1e-11, atol=1e-11)
    for n in range(3):
        ways = [jacfwd(f, argnums=n)(*inputs, knots) for f in (kernel, plain)]
        assert_close(*ways, rtol=1e-11, atol=1e-11)
        assert_close(jacrev(kernel, argnums=n)(*inputs, knots), ways[1], rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", NAMES)
def test_nested_transforms(name):
    inputs, knots = leaves(problem(3, 2, inputs=2), name)
    inputs = [t.detach() for t in inputs]

    def scalar(function):
        return lambda *tensors: mixed(function(*tensors, knots) ** 2)

    kernel, plain = scalar(contractions(True)[name]), scalar(dense(True)[name])
    for transform in (hessian, lambda f: jacrev(jacrev(f)), lambda f: jacrev(grad(f, argnums=1)), grad):
        assert_close(transform(kernel)(*inputs), transform(plain)(*inputs), rtol=1e-10, atol=1e-10)
    # Two nested maps over one derivative.
    batch = torch.stack([torch.stack([inputs[0] * s, inputs[0] - s]) for s in (0.5, 0.8, 1.1)])
    mapped = [vmap(vmap(grad(f), (0, None, None)), (0, None, None))(batch, *inputs[1:]) for f in (kernel, plain)]
    assert_close(*mapped, rtol=1e-10, atol=1e-10)
    assert mapped[0].shape == (3, 2, *inputs[0].shape)


@pytest.mark.parametrize("models", [(), (2,)])
@pytest.mark.parametrize("name", NAMES)
def test_vmap_over_every_argument_is_a_loop(name, models):
    p = problem(6, 4, models=models)
    tensors, call = arguments(p, name), contractions(True)[name]
    for chosen in ((0,), (1,), (2,), (3,), (0, 1), (0, 1, 2, 3)):
        for dim in (0, 1, -1):
            factors = [0.9, 1.0, 1.2]
            mapped = [torch.stack([t * s for s in factors], dim) if n in chosen else t for n, t in enumerate(tensors)]
            in_dims = tuple(dim if n in chosen else None for n in range(4))
            expected = torch.stack([
                call(*(t * s if n in chosen else t for n, t in enumerate(tensors))) for s in factors
            ])
            assert_close(vmap(call, in_dims)(*mapped), expected, rtol=1e-12, atol=1e-12)


def test_vmap_without_a_weight():
    p = problem(6, 4)
    coefs = torch.stack([p.coef, -2 * p.coef])
    values = vmap(lambda c: kernels.evaluate(p.x, c, p.knots, None, 3, 0, True))(coefs)
    one = kernels.evaluate(p.x, p.coef, p.knots, None, 3, 0, True)
    assert_close(values, torch.stack([one, -2 * one]), rtol=1e-12, atol=1e-12)


def test_per_sample_gradients_of_a_layer():
    layer = KANLayer(3, 4, dtype=F64, generator=torch.Generator().manual_seed(0))
    parameters = {name: parameter.detach() for name, parameter in layer.named_parameters()}
    x = problem(5).x

    def loss(weights, row):
        return (functional_call(layer, weights, (row[None],)) ** 2).sum()

    found = vmap(grad(loss), (None, 0))(parameters, x)
    for n, row in enumerate(x):
        layer.zero_grad()
        (layer(row[None]) ** 2).sum().backward()
        for name, parameter in layer.named_parameters():
            assert_close(found[name][n], parameter.grad, rtol=1e-11, atol=1e-12)


# --------------------------------------------------------------------- registered operators, graphs


def operator_calls():
    p = problem(6, 5, inputs=2)

    def fresh(*tensors):
        return [t.clone().requires_grad_() for t in tensors]

    x, coef, g, h, base = fresh(p.x, p.coef, p.cotangent, p.weight, p.base)
    stacked = problem(6, 5, inputs=2, models=(2,))
    mx, mcoef, mh = fresh(stacked.x, stacked.coef, stacked.weight)
    t = p.knots
    return {
        "evaluate": ("evaluate", (x, coef, t, h, 3, 0, True)),
        "evaluate without weight": ("evaluate", (x, coef, t, None, 3, 1, False)),
        "evaluate models": ("evaluate", (mx, mcoef, t, mh, 3, 0, True)),
        "scatter": ("scatter", (x, g, t, h, 3, 0, False)),
        "pull": ("pull", (x, coef, g, t, 3, 0, True)),
        "edges": ("edges", (x, coef, base, t, 3, True)),
        "edges_backward": ("edges_backward", (p.x, p.coef, p.base, p.cotangent, t, 3, True, True)),
        "edges_backward of weights": ("edges_backward", (p.x, p.coef, p.base, p.cotangent, t, 3, False, False)),
    }


@pytest.mark.parametrize("case", list(operator_calls()))
def test_registered_operators_pass_torchs_own_check(case):
    name, args = operator_calls()[case]
    results = torch.library.opcheck(getattr(torch.ops.edgewise, name), args)
    assert set(results.values()) == {"SUCCESS"}
    assert len(results) == 4  # schema, autograd registration, fake tensors, traced with dynamic shapes


@pytest.mark.parametrize("name", NAMES)
def test_compiled_values_and_gradients_are_eager_ones(name):
    call = contractions(True)[name]
    results = []
    for function in (call, torch.compile(call, fullgraph=True, backend="aot_eager")):
        inputs, knots = leaves(problem(6, 5), name)
        value = function(*inputs, knots)
        mixed(value).backward()
        results.append([value.detach(), *(t.grad for t in inputs)])
    for eager, compiled in zip(*results, strict=True):
        assert_close(compiled, eager, rtol=1e-13, atol=1e-13)


def test_an_exported_layer_survives_saving():
    layer = KANLayer(3, 5, dtype=F64, generator=torch.Generator().manual_seed(0))
    rows = torch.export.Dim("rows", min=2, max=10_000)
    program = torch.export.export(layer, (problem(6).x,), dynamic_shapes={"x": {0: rows}})
    called = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    assert "edgewise.edges.default" in called  # not the dense basis
    file = io.BytesIO()
    torch.export.save(program, file)
    file.seek(0)
    x = problem(31, seed=1).x
    assert_close(torch.export.load(file).module()(x), layer(x), rtol=1e-13, atol=1e-13)


def test_the_readable_reference_computes_the_same():
    p = problem(20)
    for order in range(4):
        for linear in (False, True):
            assert_close(
                reference.evaluate(p.x, p.coef, p.knots, p.weight, 3, order, linear),
                kernels.evaluate(p.x, p.coef, p.knots, p.weight, 3, order, linear),
                rtol=1e-12,
                atol=1e-10,
            )
    half = replace(p.to(lambda t: t.bfloat16()), degree=3)  # a dtype without a kernel takes the dense path
    assert kernels.evaluate(half.x, half.coef, half.knots, None, 3, 0, True).dtype == torch.bfloat16

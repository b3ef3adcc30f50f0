"""`scratch.scalar`: the engine against mpmath, the network against the fast one, the picture, the document's script."""

import math
import operator
import stat
import sys

import mpmath
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

import edgewise
from edgewise.scratch import scalar
from edgewise.scratch.scalar import KAN, Optimizer, Tensor, bumps, compute_loss, draw_dot, silu
from oracles.bspline_recursion import basis_values

# ---------------------------------------------------------------------------------------------- the engine

OPERATIONS = {
    "a + b": (operator.add, operator.add),
    "a - b": (operator.sub, operator.sub),
    "a * b": (operator.mul, operator.mul),
    "a / b": (operator.truediv, operator.truediv),
    "numbers on the right": (lambda a, b: (a + 2) * 3 - 0.5 + b / 4, None),
    "numbers on the left": (lambda a, b: 2 + 3 * a - (1 - b) + 5 / a, None),
    "powers": (lambda a, b: a**3 + b**-2 + a**0.5 + b**0 + a**1, None),
    "exp": (lambda a, b: (a * b).exp(), lambda a, b: mpmath.exp(a * b)),
    "log": (lambda a, b: (a * a + b * b).log(), lambda a, b: mpmath.log(a * a + b * b)),
    "tanh": (lambda a, b: (a - b).tanh(), lambda a, b: mpmath.tanh(a - b)),
    "silu": (lambda a, b: silu(a * b), lambda a, b: a * b / (1 + mpmath.exp(-a * b))),
    "the same number twice": (lambda a, b: a * a * b + a * b * b, None),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_values_and_slopes_agree_with_mpmath(name):
    ours, theirs = OPERATIONS[name]
    a, b = Tensor(0.7), Tensor(-1.3)
    result = ours(a, b)
    result.backward()
    with mpmath.workdps(40):
        f, at = theirs or ours, (mpmath.mpf(0.7), mpmath.mpf(-1.3))
        slopes = [float(mpmath.diff(f, at, order)) for order in ((1, 0), (0, 1))]
        value = float(f(*at))
    # rtol: a few rounding errors.
    assert result.data == pytest.approx(value, rel=1e-14)
    assert [a.grad, b.grad] == pytest.approx(slopes, rel=1e-14)


def test_numpy_numbers_may_stand_on_either_side():
    x = Tensor(2.0)
    for result in (np.float64(3) * x, x * np.float64(3), np.float64(4) + x, x**2 * np.float32(1.5)):
        assert isinstance(result, Tensor)
        assert result.data == 6


def test_what_is_shared_counts_once_per_path():
    """A ladder of ten rungs has 2^10 paths: adding slopes before all have arrived would miss most of them."""
    x = number = Tensor(1.0)
    for _ in range(10):
        number = number + number
    number.backward()
    assert (number.data, x.grad) == (1024, 1024)


def test_given_numbers_collect_and_computed_ones_begin_anew():
    x = Tensor(3.0)
    square = x * x
    result = square * 2
    result.backward()
    result.backward()
    assert (square.grad, x.grad) == (2, 24)  # a second pass adds another 12 to x, and only to x
    Optimizer().zero_grad([x])
    square.backward()
    assert (result.grad, square.grad, x.grad) == (1, 1, 6)


def test_a_deep_calculation_does_not_exhaust_the_stack():
    depth = 20 * sys.getrecursionlimit()
    x = number = Tensor(1.0)
    for _ in range(depth):
        number = number + 1
    number.backward()
    assert (number.data, x.grad) == (depth + 1, 1)
    assert draw_dot(number).count("->") == depth


def test_what_no_number_can_do_is_an_error():
    with pytest.raises(TypeError, match=r"\*\*"):
        Tensor(2.0) ** Tensor(3.0)  # pyright: ignore
    with pytest.raises(ValueError, match=r"domain error|positive"):
        Tensor(-1.0).log()
    with pytest.raises(ValueError, match=r"domain error|nonnegative"):
        Tensor(-8.0) ** 0.5
    assert math.isnan(silu(Tensor(math.nan)).data)


# ------------------------------------------------------------------------------------------ bumps and networks


@pytest.mark.parametrize("degree", [0, 1, 2, 3, 4])
def test_bumps_and_their_slopes_are_those_of_exact_rationals(degree):
    knots = [-2.0, -1.3, -1.1, -0.4, 0.0, 0.7, 0.9, 1.6, 2.2, 2.9]
    for x in (-1.95, -0.9, -0.4, 0.3, 0.75, 2.5, -2.5, 3.0):
        values, slopes = np.zeros(len(knots) - degree - 1), np.zeros(len(knots) - degree - 1)
        for s in bumps(Tensor(x), knots, degree):
            at = Tensor(x)
            bump = bumps(at, knots, degree)[s]
            bump.backward()
            values[s], slopes[s] = bump.data, at.grad
        # atol: some hundred rounding errors of values up to 1 and slopes up to 20.
        assert_allclose(values, basis_values(x, knots, degree), rtol=0, atol=1e-13)
        assert_allclose(slopes, basis_values(x, knots, degree, 1), rtol=0, atol=1e-12)


def copy_weights(kan: KAN, model: edgewise.KAN) -> None:
    """Give the scalar network the weights and knots of the fast one."""
    for layer, fast in zip(kan.layers, model.layers, strict=True):
        layer.knots = fast.knots[0].tolist()
        for i, row in enumerate(layer.edges):
            for o, edge in enumerate(row):
                edge.scale_base.data = fast.scale_base[i, o].item()
                for number, value in zip(edge.coef, fast.coef[i, o].tolist(), strict=True):
                    number.data = value


def gradients(kan: KAN) -> list[list[np.ndarray]]:
    """Per layer the gradients of `coef` `(I, O, S)` and `scale_base` `(I, O)`."""
    return [
        [
            np.array([[[number.grad for number in edge.coef] for edge in row] for row in layer.edges]),
            np.array([[edge.scale_base.grad for edge in row] for row in layer.edges]),
        ]
        for layer in kan.layers
    ]


@pytest.mark.parametrize(("width", "grid", "k"), [([2, 2, 2, 2, 1], 5, 3), ([3, 4, 2], 3, 2), ([1, 3, 1], 4, 1)])
def test_a_network_equals_the_fast_one_to_1e_12(width, grid, k):
    model = edgewise.KAN(width, grid, k, outside="extend", seed=0, dtype=torch.float64)
    g = torch.Generator().manual_seed(1)
    with torch.no_grad():  # weights of order one, and hidden values that leave the grid now and then
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=g, dtype=torch.float64))
    x = 3 * torch.rand(12, width[0], generator=g, dtype=torch.float64) - 1.5
    y = torch.randn(12, width[-1], generator=g, dtype=torch.float64)
    x.requires_grad_()
    outputs = model(x)
    error = (outputs - y).square().sum()
    error.backward()

    kan = KAN(width[0], width[1:], grid, k)
    copy_weights(kan, model)
    inputs = [[Tensor(number) for number in row] for row in x.tolist()]
    results = [kan(row) for row in inputs]
    pairs = zip(results, y.tolist(), strict=True)
    losses = sum(compute_loss(result, label if width[-1] > 1 else label[0]) for result, label in pairs)
    losses.backward()

    rows = [[number.data for number in (row if isinstance(row, list) else [row])] for row in results]
    # rtol: outputs and gradients grow to order 100 here; 1e-12 of that is some ten thousand rounding errors.
    assert_allclose(rows, outputs.detach().numpy(), rtol=1e-12, atol=1e-12)
    assert losses.data == pytest.approx(error.item(), rel=1e-12)
    assert_allclose([[number.grad for number in row] for row in inputs], x.grad.numpy(), rtol=1e-12, atol=1e-11)
    for (coef, scale), layer in zip(gradients(kan), model.layers, strict=True):
        assert_allclose(coef, layer.spline_weight.grad.transpose(1, 2).numpy(), rtol=1e-12, atol=1e-11)
        assert_allclose(scale, layer.base_weight.grad.numpy(), rtol=1e-12, atol=1e-11)


def test_parameters_are_all_numbers_that_decide():
    kan = KAN(2, [3, 1], grid=4, k=2)
    assert len(kan.parameters()) == len(set(kan.parameters())) == (2 * 3 + 3 * 1) * (1 + 4 + 2)
    before = kan([0.1, -0.2]).data
    for number in kan.parameters():
        number.data *= 2
    assert kan([0.1, -0.2]).data != before


def test_a_seed_decides_the_weights(global_random_state_untouched):
    first, again, other = ([number.data for number in KAN(2, [2, 1], seed=s).parameters()] for s in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_row_of_the_wrong_length_is_refused():
    with pytest.raises(ValueError, match="one number for each of 2 inputs; got 3"):
        KAN(2, [1])([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="zip"):
        compute_loss([Tensor(1.0), Tensor(2.0)], [1.0])


# ---------------------------------------------------------------------------------------- the document's script

DOCUMENT = """
input_size = 2
layer_sizes = [2, 2, 2, 1]
kan = KAN(input_size, layer_sizes)
x = [[Tensor(a), Tensor(b)] for a, b in ((0.25, 0.25), (0.25, 0.75), (0.75, 0.25), (0.75, 0.75))]
y = [0.25, 0.75, 0.75, 0.25]
optim = Optimizer(lr=LR)
history = []
for _ in range(60):
    losses = Tensor(0)
    for _x, _y in zip(x, y):
        y_hat = kan(_x)
        loss = compute_loss(y_hat, _y)
        losses = loss + losses
    optim.zero_grad(kan.parameters())
    losses.grad = 1
    losses.backward()
    optim.step(kan.parameters())
    history.append(losses.data)
picture = draw_dot(y_hat)
"""


@pytest.mark.parametrize(("rate", "reached"), [(0.001, 0.8), (0.1, 1e-3)])
def test_the_documents_script_runs_and_learns(rate, reached, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"LR": rate, "__name__": "__main__"}
    exec("from edgewise.scratch.scalar import KAN, Optimizer, Tensor, compute_loss, draw_dot\n" + DOCUMENT, names)
    history = names["history"]
    assert history[-1] < reached * history[0]
    if rate == 0.001:
        assert history == sorted(history, reverse=True), "a small step goes downhill"
    assert names["picture"].startswith("digraph {")
    assert not list(tmp_path.iterdir())


def test_a_star_import_gives_the_public_names():
    names = {}
    exec("from edgewise.scratch.scalar import *", names)
    assert set(scalar.__all__) <= set(names)


# ------------------------------------------------------------------------------------------------ the picture


def small() -> Tensor:
    x = Tensor(2.0)
    result = x * x + 0.5
    result.backward()
    return result


SOURCE = """\
digraph {
  rankdir=LR; node [shape=box, fontsize=10]; edge [fontsize=8];
  n0 [label="given\\n2\\ngrad 4"];
  n1 [label="*\\n4\\ngrad 1"];
  n0 -> n1 [label="2"];
  n0 -> n1 [label="2"];
  n2 [label="+ 0.5\\n4.5\\ngrad 1"];
  n1 -> n2 [label="1"];
}
"""


@pytest.fixture
def dot(tmp_path, monkeypatch):
    """A program of that name which wraps what it reads, alone on the PATH."""
    folder = tmp_path / "programs"
    folder.mkdir()
    program = folder / "dot"
    program.write_text(f'#!{sys.executable}\nimport sys\nprint("<svg>" + sys.argv[1] + sys.stdin.read() + "</svg>")\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder))
    return program


def test_the_source_is_what_it_should_be():
    assert draw_dot(small()) == SOURCE
    assert draw_dot([Tensor(1.0), Tensor(2.0)]).count("given") == 2


def test_an_svg_where_graphviz_is_present(dot, tmp_path):
    expected = f"<svg>-Tsvg{SOURCE}</svg>\n"
    graph = draw_dot(small(), tmp_path / "graph.svg")
    assert (tmp_path / "graph.svg").read_text() == graph.svg() == graph._repr_svg_() == expected
    assert graph == SOURCE


def test_the_source_where_it_is_not(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    graph = draw_dot(small(), tmp_path / "graph.dot")
    assert (tmp_path / "graph.dot").read_text() == graph
    assert graph._repr_svg_() is None
    with pytest.raises(RuntimeError, match=r"`dot` is not on the PATH.*ends in \.dot"):
        draw_dot(small(), tmp_path / "graph.svg")
    assert {path.name for path in tmp_path.iterdir()} == {"graph.dot"}


def test_another_ending_is_refused_before_any_work(tmp_path):
    with pytest.raises(ValueError, match=r"`path` must end in \.svg .* or \.dot .*; got '.*graph\.png'"):
        draw_dot(small(), tmp_path / "graph.png")
    assert not list(tmp_path.iterdir())

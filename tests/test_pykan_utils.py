"""`edgewise.pykan.utils`: pykan's names, with the values they should have."""

import numpy as np
import pytest
import sympy
import torch
from torch.testing import assert_close

from edgewise import KAN, MLP, datasets
from edgewise.errors import DomainError, ParameterError, ShapeError
from edgewise.interpret import fix_symbolic, symbolic_formula
from edgewise.pykan import library, utils
from edgewise.pykan.library import function_of
from edgewise.pykan.utils import (
    SYMBOLIC_LIB,
    add_symbolic,
    augment_input,
    batch_hessian,
    batch_jacobian,
    create_dataset,
    create_dataset_from_data,
    ex_round,
    fit_params,
    get_derivative,
    model2param,
    sparse_mask,
)

F64 = {"dtype": torch.float64}


def rows(n, features, seed=0):
    return torch.rand(n, features, generator=torch.Generator().manual_seed(seed), **F64) * 2 - 1


@pytest.fixture
def own_table(monkeypatch):
    """A table that may be changed."""
    monkeypatch.setattr(library, "SYMBOLIC_LIB", dict(SYMBOLIC_LIB))
    monkeypatch.setattr(library, "_ADDED", {})
    return library.SYMBOLIC_LIB


# ------------------------------------------------------------------------------------------------------ data sets


@pytest.mark.usefixtures("global_random_state_untouched")
def test_both_forms_of_a_function_give_the_data_of_edgewise():
    expected = datasets.create_dataset(lambda x: x[:, 0] * x[:, 1].exp(), 2, [[-1, 1], [0, 3]], 50, 20, seed=4)
    column = create_dataset(
        lambda x: x[:, [0]] * x[:, [1]].exp(), ranges=np.array([[-1, 1], [0, 3]]), train_num=50, test_num=20, seed=4
    )
    row = create_dataset(
        lambda x: x[0] * x[1].exp(), f_mode="row", ranges=[[-1, 1], [0, 3]], train_num=50, test_num=20, seed=4
    )
    assert_close(column, expected)
    assert_close(row, expected)


def test_normalizing_uses_the_training_set_and_keeps_constants():
    data = create_dataset(lambda x: 7 + 0 * x[:, [0]], 1, ranges=[2, 5], normalize_input=True, normalize_label=True)
    assert_close(data["train_input"].mean(), torch.tensor(0.0), atol=1e-5, rtol=0)  # 1000 rows in float32
    assert_close(data["train_input"].std(), torch.tensor(1.0), atol=1e-5, rtol=0)
    plain = create_dataset(lambda x: x[:, [0]], 1, ranges=[2, 5])
    mean, deviation = plain["train_input"].mean(), plain["train_input"].std()
    assert_close(data["test_input"], (plain["test_input"] - mean) / deviation)
    assert torch.equal(data["train_label"], torch.zeros(1000, 1))
    assert torch.equal(data["test_label"], torch.zeros(1000, 1))


def test_an_unknown_form_of_a_function_is_an_error():
    with pytest.raises(ParameterError, match='`f_mode` must be "col" or "row"; got \'rows\''):
        create_dataset(lambda x: x, f_mode="rows")


@pytest.mark.usefixtures("global_random_state_untouched")
def test_data_are_split_once_each():
    x, y = torch.arange(10.0)[:, None], torch.arange(10.0)
    data = create_dataset_from_data(x, y, train_ratio=0.75)
    assert (len(data["train_input"]), len(data["test_input"])) == (7, 3)
    for kind in ("train", "test"):
        assert torch.equal(data[f"{kind}_input"], data[f"{kind}_label"])
    both = torch.cat([data["train_input"], data["test_input"]])
    assert torch.equal(both.sort(dim=0).values, x)
    assert not torch.equal(both, x)
    other = create_dataset_from_data(x.numpy(), y.numpy(), train_ratio=0.75, seed=1)
    assert not torch.equal(other["train_input"], data["train_input"])
    assert create_dataset_from_data(x, torch.arange(10))["train_label"].shape == (8,)  # class numbers stay


@pytest.mark.parametrize(
    ("x", "y", "ratio", "error", "words"),
    [
        (torch.zeros(3, 1), torch.zeros(4), 0.8, ShapeError, r"the same rows.*\(3, 1\) and \(4,\)"),
        (torch.zeros(0, 1), torch.zeros(0), 0.8, ShapeError, "at least one"),
        (torch.zeros(3, 1), torch.zeros(3), 0.0, ParameterError, r"`train_ratio` must be in \(0, 1\]; got 0.0"),
        (torch.zeros(3, 1), torch.zeros(3), 1.5, ParameterError, "got 1.5"),
    ],
)
def test_data_that_cannot_be_split_are_refused(x, y, ratio, error, words):
    with pytest.raises(error, match=words):
        create_dataset_from_data(x, y, ratio)


def test_auxiliary_variables_come_first():
    a, b = sympy.symbols("a b")
    x = rows(5, 2)
    expected = torch.stack([x[:, 0] + x[:, 1], torch.sin(x[:, 0]), torch.full_like(x[:, 0], 2.0)], dim=1)
    found = augment_input((a, b), [a + b, sympy.sin(a), sympy.Integer(2)], x)
    assert_close(found, torch.cat([expected, x], dim=1), rtol=1e-15, atol=0)
    leaf = x.clone().requires_grad_()
    augment_input((a, b), [a * b], leaf)[:, 0].sum().backward()
    assert_close(leaf.grad, x[:, [1, 0]])


def test_the_inputs_of_a_dict_are_replaced():
    (a,) = symbols = sympy.symbols("a,")
    data = create_dataset(lambda x: x, 1, train_num=4, test_num=3)
    found = augment_input(symbols, [a**2], data)
    assert found is data
    assert data["train_input"].shape == (4, 2)
    assert_close(data["test_input"][:, 0], data["test_label"][:, 0] ** 2)
    with pytest.raises(ShapeError, match=r"must be \(rows, 1\), a column per symbol"):
        augment_input(symbols, [a], data["train_input"])


# ---------------------------------------------------------------------------------------------------- derivatives


def test_derivatives_by_inputs_of_a_known_function():
    x = rows(6, 2)
    u, v = x.unbind(1)

    def f(z):
        return torch.stack([z[:, 0] ** 3 * z[:, 1], z[:, 1].exp()], dim=1)

    first = torch.stack([3 * u**2 * v, u**3], dim=1)
    assert_close(batch_jacobian(f, x), first)
    both = torch.stack([first, torch.stack([0 * u, v.exp()], dim=1)], dim=1)
    assert_close(batch_jacobian(f, x, mode="vector"), both)
    assert_close(batch_jacobian(lambda z: f(z)[:, 0], x), first)  # values (N,)
    second = torch.stack([6 * u * v, 3 * u**2, 3 * u**2, 0 * u], dim=1).view(-1, 2, 2)
    assert_close(batch_hessian(f, x), second)
    assert torch.equal(batch_hessian(lambda z: z[:, [0]] + z[:, [1]], x), torch.zeros(6, 2, 2, **F64))


def test_derivatives_by_inputs_can_be_differentiated():
    x = rows(6, 1).requires_grad_()
    batch_jacobian(lambda z: z**4, x, create_graph=True).sum().backward()
    assert_close(x.grad, 12 * x.detach() ** 2)
    x.grad = None
    batch_hessian(lambda z: z**4, x, create_graph=True).sum().backward()
    assert_close(x.grad, 24 * x.detach())
    assert not batch_hessian(lambda z: z**4, x).requires_grad


@pytest.mark.parametrize(
    ("x", "mode", "error", "words"),
    [
        (torch.zeros(2, 1), "matrix", ParameterError, '`mode` must be "scalar" or "vector"; got \'matrix\''),
        (torch.zeros(2), "scalar", ShapeError, r"`x` must be a tensor \(rows, inputs\); got torch.Size\(\[2\]\)"),
        ([[1.0]], "scalar", ShapeError, "got list"),
    ],
)
def test_derivatives_need_rows(x, mode, error, words):
    with pytest.raises(error, match=words):
        batch_jacobian(lambda z: z, x, mode=mode)


@pytest.mark.parametrize(
    "model", [MLP([2, 3, 1], seed=0, **F64), KAN([2, 1], grid=3, seed=0, **F64)], ids=["MLP", "KAN"]
)
def test_derivatives_by_parameters_against_differences(model):
    x, y = rows(12, 2), rows(12, 1, seed=1)
    before = model2param(model).detach().clone()
    assert torch.equal(before, torch.cat([p.detach().flatten() for p in model.parameters()]))
    jacobian, hessian = (get_derivative(model, x, y, kind) for kind in ("jacobian", "hessian"))
    assert (jacobian.shape, hessian.shape) == ((1, len(before)), (1, len(before), len(before)))
    step, direction = 1e-5, torch.linspace(-1, 1, len(before), **F64)
    ends = []
    for sign in (1, -1):
        torch.nn.utils.vector_to_parameters(before + sign * step * direction, model.parameters())
        ends.append(((model(x) - y).square().mean().detach(), get_derivative(model, x, y, "jacobian")[0]))
    torch.nn.utils.vector_to_parameters(before, model.parameters())
    (up, grad_up), (down, grad_down) = ends
    # Central differences of step 1e-5: off by about step^2, and by rounding / step.
    assert_close(jacobian[0] @ direction, (up - down) / (2 * step), rtol=1e-7, atol=1e-8)
    assert_close(hessian[0] @ direction, (grad_up - grad_down) / (2 * step), rtol=1e-6, atol=1e-8)
    assert_close(hessian[0], hessian[0].mT)
    assert torch.equal(model2param(model).detach(), before)
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize("wrong", [{"derivative": "gradient"}, {"loss_mode": "loss"}])
def test_other_derivatives_are_refused(wrong):
    with pytest.raises(ParameterError, match=f"`{next(iter(wrong))}` must be"):
        get_derivative(MLP([1, 1]), torch.zeros(1, 1), torch.zeros(1, 1), **wrong)


# ------------------------------------------------------------------------------------------------------- formulas


def test_numbers_are_rounded_everywhere():
    a, b = sympy.symbols("a b")
    expression = 3.14534242 * sympy.exp(sympy.sin(sympy.pi * a) + b**2.0004) - 2.32345402
    assert ex_round(expression, 2) == 3.15 * sympy.exp(sympy.sin(sympy.pi * a) + b**2.0) - 2.32
    assert ex_round(0.26 * a + 0.3 * b, 1) == 0.3 * a + 0.3 * b
    assert ex_round(0.001 * a + b, 2) == b


def test_rounding_makes_nothing_infinite():
    a, b = sympy.symbols("a b")
    assert ex_round(1.234 * b + 1 / (0.001 * a), 2) == 1.23 * b + 1000.0 / a
    expression = b + 1.26 / (sympy.sin(a) * 0.001 + 0.004) ** 1.0
    rounded = ex_round(expression, 2)
    assert not rounded.has(sympy.zoo, sympy.nan)
    assert float((rounded - expression).subs({a: 1.0, b: 1.0})) == pytest.approx(0, abs=2.0)


@pytest.mark.parametrize(("inputs", "outputs"), [(3, 5), (5, 3), (4, 4), (1, 3)])
def test_sparse_connections_join_nearest_nodes(inputs, outputs):
    expected = torch.zeros(inputs, outputs)
    x, y = [(i + 0.5) / inputs for i in range(inputs)], [(j + 0.5) / outputs for j in range(outputs)]
    for i in range(inputs):
        expected[i, min(range(outputs), key=lambda j: round(abs(x[i] - y[j]), 6))] = 1
    for j in range(outputs):
        expected[min(range(inputs), key=lambda i: round(abs(x[i] - y[j]), 6)), j] = 1
    assert torch.equal(sparse_mask(inputs, outputs), expected)


# --------------------------------------------------------------------------------------------- symbolic functions


def test_the_table_has_pykans_names_and_complexities():
    complexities = {name: entry[2] for name, entry in SYMBOLIC_LIB.items()}
    assert complexities == {
        "x": 1, "x^2": 2, "x^3": 3, "x^4": 3, "x^5": 3, "1/x": 2, "1/x^2": 2, "1/x^3": 3, "1/x^4": 4, "1/x^5": 5,
        "sqrt": 2, "x^0.5": 2, "x^1.5": 4, "1/sqrt(x)": 2, "1/x^0.5": 2, "exp": 2, "log": 2, "abs": 3, "sin": 2,
        "cos": 2, "tan": 3, "tanh": 3, "sgn": 3, "arcsin": 4, "arccos": 4, "arctan": 4, "arctanh": 4, "0": 0,
        "gaussian": 3,
    }  # fmt: skip


@pytest.mark.parametrize("name", SYMBOLIC_LIB)
def test_the_torch_and_the_sympy_function_of_an_entry_agree(name):
    function, expression, *_ = SYMBOLIC_LIB[name]
    t = sympy.Symbol("t")
    points = torch.tensor([0.2, 0.45, 0.9], **F64)
    expected = [float(expression(t).subs(t, float(point))) for point in points]
    assert_close(function(points), torch.tensor(expected, **F64), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("name", SYMBOLIC_LIB)
@pytest.mark.parametrize("limit", [10.0, torch.tensor(10.0)], ids=["number", "tensor"])
def test_the_safe_function_is_finite_and_the_function_where_that_is_small(name, limit):
    x = torch.tensor([-1e30, -7.0, -1.0, -0.4, -1e-9, 0.0, 1e-9, 0.3, 1.0, 2.5, 1e30], **F64, requires_grad=True)
    function, _, _, safe = SYMBOLIC_LIB[name]
    _, values = safe(x, limit)
    assert values.abs().max() <= 10
    plain = function(x.detach())
    same = plain.abs() <= 10
    assert_close(values[same].detach(), plain[same])
    if values.requires_grad:
        values.sum().backward()
        assert x.grad.isfinite().all()


def test_the_safe_function_continues_with_the_nearest_value():
    x, quarter = torch.tensor([-3.0, 3.0], **F64), torch.pi / 2
    for name, expected in {
        "log": [-10, 1.0986122886681098], "sqrt": [0, 3**0.5], "arcsin": [-quarter, quarter], "arctanh": [-10, 10],
        "x^1.5": [0, 3**1.5], "exp": [0.049787068367863944, 10],
    }.items():  # fmt: skip
        assert_close(SYMBOLIC_LIB[name][3](x, 10.0)[1], torch.tensor(expected, **F64))


def test_a_function_can_be_added_fixed_and_read(own_table):
    add_symbolic("sinc", torch.sinc, c=3)  # sympy's function of that name is another one
    z = sympy.Symbol("z")
    assert own_table["sinc"][0] is torch.sinc
    assert own_table["sinc"][1](2 * z) == sympy.Function("sinc")(2 * z) != sympy.sinc(2 * z)
    assert own_table["sinc"][2] == 3
    assert_close(own_table["sinc"][3](torch.tensor([0.5]), 1.0)[1], torch.sinc(torch.tensor([0.5])))
    model = KAN([1, 1], seed=0, **F64)
    model.layers[0].fix_edges([(0, 0, function_of("sinc"), (2.0, 0.0, 3.0, 1.0, 1.0))])
    x = rows(5, 1)
    assert_close(model(x), 3 * torch.sinc(2 * x) + 1)
    (formula,), (symbol,) = symbolic_formula(model)
    assert formula.has(sympy.Function("sinc"))
    assert formula.free_symbols == {symbol}


def test_bessel_functions_get_their_derivative_and_their_formula(own_table):
    add_symbolic("J0", torch.special.bessel_j0)
    x = torch.tensor([0.0, 1.0, 7.0], **F64, requires_grad=True)
    own_table["J0"][0](x).sum().backward()
    assert_close(x.grad, -torch.special.bessel_j1(x.detach()))
    z = sympy.Symbol("z")
    assert own_table["J0"][1](z) == sympy.besselj(0, z)


def test_a_built_in_entry_is_the_function_of_edgewise(own_table):
    model = KAN([1, 1], seed=0, **F64)
    fix_symbolic(model, 0, 0, 0, "sin", rows(50, 1))
    assert model.layers[0].symbolic.functions[0] is function_of("sin")
    add_symbolic("sin", lambda z: 2 * torch.sin(z))
    assert float(function_of("sin")(torch.tensor(1.0))) == pytest.approx(2 * 0.8414710)
    assert own_table["sin"][2] == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("", torch.sin), "`name` must be a text; got ''"),
        (("f", "sin"), "`fun` must be a function of a tensor; got str"),
        (("f", torch.sin, -1), "`c` must be an int >= 0; got -1"),
    ],
)
def test_what_is_no_function_is_not_added(own_table, arguments, words):
    with pytest.raises(ParameterError, match=words):
        add_symbolic(*arguments)
    assert set(own_table) == set(SYMBOLIC_LIB)


def test_an_unknown_function_is_named():
    with pytest.raises(ParameterError, match=r"no function 'sine' in SYMBOLIC_LIB; it has 'x', .*add_symbolic"):
        function_of("sine")


@pytest.mark.parametrize(
    ("fun", "numbers"),
    [
        (torch.sin, (3.0, 2.0, 5.0, 0.7)),
        (torch.sin, (40.0, 0.3, 1.0, 0.0)),  # pykan looks up to a = 10 only
        (torch.exp, (3.0, 0.0, 1e-3, 0.7)),  # and finds r2 = 0.96 for a function of this size
        (torch.tanh, (5.0, -2.0, -1.0, 2.0)),
    ],
)
def test_numbers_of_a_function_are_found(fun, numbers, capsys):
    a, b, c, d = numbers
    x = torch.linspace(-1, 1, 100, **F64)
    y = c * fun(a * x + b) + d
    (a, b, c, d), r2 = fit_params(x, y, fun)
    assert_close(c * fun(a * x + b) + d, y, rtol=1e-9, atol=1e-10)
    assert float(r2) == pytest.approx(1, abs=1e-12)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "r2 is 1\n")


def test_a_poor_fit_says_so(capsys):
    x = torch.linspace(-1, 1, 100)
    _, r2 = fit_params(x, x.abs(), lambda z: z)
    assert float(r2) < 0.1
    assert "not very high" in capsys.readouterr().err
    fit_params(x, x.abs(), lambda z: z, verbose=False)
    assert capsys.readouterr().err == ""


def test_a_function_that_is_defined_nowhere_is_an_error():
    x = torch.linspace(-1, 1, 20)
    with pytest.raises(DomainError, match="`fun` is finite on all samples for no a and b"):
        fit_params(x, x, lambda z: z * torch.nan)


def test_a_star_import_gives_what_scripts_of_pykan_use():
    assert {"torch", "np", "create_dataset", "SYMBOLIC_LIB", "ex_round"} <= set(utils.__all__)
    assert all(hasattr(utils, name) for name in utils.__all__)

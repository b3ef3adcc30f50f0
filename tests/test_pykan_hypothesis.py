"""`edgewise.pykan.hypothesis` on functions whose structure is known, and against the definitions done by autograd."""

from itertools import permutations

import pytest
import sympy
import torch
from torch.testing import assert_close

from edgewise import KAN, MLP
from edgewise.errors import ParameterError
from edgewise.interpret.structure import Structure
from edgewise.pykan import hypothesis
from edgewise.pykan.hypothesis import (
    batch_grad_normgrad,
    batch_jacobian,
    detect_separability,
    get_dependence,
    get_molecule,
    get_tree_node,
    plot_tree,
    test_general_separability,
    test_separability,
    test_symmetry,
    test_symmetry_var,
)

F64 = {"dtype": torch.float64}


def normal(n, features, seed=0):
    return torch.randn(n, features, generator=torch.Generator().manual_seed(seed), **F64)


def eight(x):
    """Pairs of pairs of pairs."""
    pairs = [(x[:, [i]] ** 2 + x[:, [i + 1]] ** 2) ** 2 for i in (0, 2, 4, 6)]
    return (pairs[0] + pairs[1]) ** 2 + (pairs[2] + pairs[3]) ** 2


# ------------------------------------------------------------------------------------------------ sums and products


@pytest.mark.parametrize(
    ("mode", "f", "groups"),
    [
        ("add", lambda x: x[:, [0]] ** 2 + torch.exp(x[:, [1]] + x[:, [2]]), [[0], [1, 2]]),
        ("mul", lambda x: x[:, [0]] ** 2 * (x[:, [1]] + x[:, [2]]), [[0], [1, 2]]),
        ("add", lambda x: x[:, [0]] * x[:, [2]] + x[:, [1]] ** 3, [[0, 2], [1]]),
        ("add", lambda x: x[:, [0]] * x[:, [1]] + x[:, [1]] * x[:, [2]], [[0, 1, 2]]),  # a chain is one group
        ("add", lambda x: x[:, [0]] - 2 * x[:, [1]] + x[:, [2]], [[0], [1], [2]]),  # linear: KeyError in pykan
        ("add", lambda x: x[:, [0]] * x[:, [1]] * x[:, [2]], [[0, 1, 2]]),
        ("mul", lambda x: x[:, [0]] * x[:, [1]] * x[:, [2]], [[0], [1], [2]]),
    ],
)  # fmt: skip
def test_groups_are_found(mode, f, groups):
    assert detect_separability(f, normal(100, 3).float(), mode=mode)["groups"] == groups
    found = detect_separability(f, normal(100, 3), mode=mode)
    assert found["groups"] == groups
    assert found["n_groups"] == len(groups)
    assert found["labels"] == [next(n for n, g in enumerate(groups) if i in g) for i in range(3)]


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_a_chain_is_one_group_wherever_its_inputs_stand(order):
    i, j, k, alone = order
    found = detect_separability(lambda x: (x[:, [i]] + x[:, [k]]) * x[:, [j]] + x[:, [alone]] ** 2, normal(50, 4))
    assert sorted(found["groups"]) == sorted([sorted([i, j, k]), [alone]])


def test_scores_are_medians_in_deviations_of_the_inputs():
    x = normal(101, 2) * torch.tensor([2.0, 0.5], **F64)
    found = detect_separability(lambda x: x[:, [0]] ** 3 + 5 * x[:, [0]] * x[:, [1]], x)["hessian"]
    s, t = x.std(dim=0)
    expected = torch.stack([(6 * x[:, 0]).abs().median() * s * s, 5 * s * t, 5 * s * t, 0 * t]).view(2, 2)
    assert_close(found, expected)


def test_the_number_of_groups_can_be_asked_for(capsys):
    def f(x):
        return x[:, [0]] ** 2 + x[:, [1]] ** 2 + x[:, [2]] * x[:, [3]]

    x = normal(100, 4)
    assert detect_separability(f, x, n_clusters=2)["n_groups"] == 2
    assert detect_separability(f, x, n_clusters=[1, 2])["n_groups"] == 2
    assert detect_separability(f, x)["groups"] == [[0], [1], [2, 3]]
    capsys.readouterr()
    assert detect_separability(f, x, n_clusters=4, verbose=True)["n_groups"] == 1  # there are no four
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("n_group=4, residual_ratio=0.")
    assert captured.err.endswith("add separability not detected\n")
    with pytest.raises(ParameterError, match="`n_clusters` must be from 1 to 4, the number of inputs; got 5"):
        detect_separability(f, x, n_clusters=5)


def test_a_constant_beside_a_product_is_the_bias():
    def f(x):
        return x[:, [0]] ** 2 * torch.cosh(x[:, [1]]) + 3

    x = normal(200, 2)
    assert not test_separability(f, x, [[0], [1]], mode="mul")
    assert test_separability(f, x, [[0], [1]], mode="mul", bias=-3)
    assert detect_separability(f, x, "mul", bias=-3)["n_groups"] == 2


def test_rows_where_a_product_vanishes_say_nothing():
    x = normal(50, 2)
    x[:20, 0] = 0
    assert test_separability(lambda x: x[:, [0]] * x[:, [1]], x, [[0], [1]], mode="mul")


@pytest.mark.parametrize(
    ("groups", "mode", "expected"),
    [
        ([[0], [1, 2]], "mul", True),
        ([[0], [1, 2]], "add", False),
        ([[0, 1], [2]], "mul", False),
        ([[1, 2]], "mul", True),  # the rest is a group
        ([[1]], "mul", False),
        ([[0, 1, 2]], "add", True),
    ],
)
def test_given_groups_are_tested(groups, mode, expected):
    def f(x):
        return x[:, [0]] ** 2 * (x[:, [1]] + x[:, [2]])

    assert test_separability(f, normal(100, 3), groups, mode=mode) is expected


@pytest.mark.parametrize(
    ("groups", "expected"), [([[0], [1, 2]], True), ([[1], [0, 2]], False), ([[0, 1], [2]], False)]
)
def test_a_function_of_a_sum_is_recognised(groups, expected):
    def product(x):
        return x[:, [0]] ** 2 * (x[:, [1]] ** 2 + x[:, [2]] ** 2) ** 2

    def link(x):
        return torch.tanh(product(x).clamp_min(1e-30).log())

    x = normal(100, 3)
    assert test_general_separability(product, x, groups) is expected
    assert test_general_separability(link, x, groups) is expected


def test_another_mode_is_refused():
    for function in (lambda **how: detect_separability(eight, normal(5, 8), **how),
                     lambda **how: test_separability(eight, normal(5, 8), [[0]], **how)):  # fmt: skip
        with pytest.raises(ParameterError, match='`mode` must be "add" or "mul"; got \'sum\''):
            function(mode="sum")


# ------------------------------------------------------------------------------------------------------ symmetries


def test_the_turning_of_the_gradient_against_autograd():
    def f(x):
        return torch.sin(x[:, [0]] * x[:, [1]]) + x[:, [2]] ** 3 * x[:, [0]]

    x = normal(20, 3)

    def unit(x):
        gradient = batch_jacobian(f, x, create_graph=True)[:, [0, 2]]
        return gradient / gradient.norm(dim=1, keepdim=True)

    expected = batch_jacobian(unit, x, mode="vector")[:, :, [1]]
    found = batch_grad_normgrad(f, x, [0, 2])
    assert found.shape == (20, 2, 1)
    assert_close(found, expected, rtol=1e-10, atol=1e-12)
    z = x / x.std(dim=0)  # a standard deviation is one there

    def scaled(z):
        return f(z * x.std(dim=0))

    expected = batch_grad_normgrad(scaled, z, [0, 2]).abs().median(dim=0).values
    assert_close(get_dependence(f, x, [0, 2]), expected, rtol=1e-10, atol=1e-12)


def test_a_gradient_of_zero_does_not_turn():
    x = normal(9, 3)
    found = batch_grad_normgrad(lambda x: x[:, [2]] ** 2, x, [0, 1])
    assert torch.equal(found, torch.zeros(9, 2, 1, **F64))
    x[:4, 1] = 0
    found = batch_grad_normgrad(lambda x: x[:, [0]] * x[:, [1]], x[:, :2], [0])  # the gradient, x2, changes its sign
    assert torch.equal(found, torch.zeros(9, 1, 1, **F64))


def test_the_turning_can_be_differentiated():
    x = normal(5, 2).requires_grad_()
    batch_grad_normgrad(lambda x: (x[:, [0]] * x[:, [1]]).exp(), x, [0], create_graph=True).sum().backward()
    assert x.grad is not None
    assert not batch_grad_normgrad(lambda x: x[:, [0]] * x[:, [1]], x, [0]).requires_grad


@pytest.mark.parametrize(
    ("group", "expected"), [([1, 2], True), ([0, 2], False), ([0, 1, 2], True), ([], True), ([0], True)]
)
def test_inputs_in_one_function_are_recognised(group, expected):
    def f(x):
        return x[:, [0]] ** 2 * torch.sin(x[:, [1]] + x[:, [2]] ** 3)

    assert test_symmetry(f, normal(100, 3), group) is expected


def test_an_expression_of_inputs_is_recognised(capsys):
    _, b, c = symbols = sympy.symbols("a b c")
    x = normal(100, 8)  # more inputs than symbols
    for expression in (b + c, sympy.exp(b + c)):
        cosine = test_symmetry_var(lambda x: x[:, [0]] * (x[:, [1]] + x[:, [2]]), x, symbols, expression)
        assert_close(cosine, torch.ones(100, **F64))
        assert capsys.readouterr().err == "100% data have more than 0.9 cosine similarity\nsuggesting symmetry\n"
    cosine = test_symmetry_var(lambda x: x[:, [0]] * (x[:, [1]] + x[:, [2]]), x, symbols, b * c)
    u, v = x[:, 1], x[:, 2]
    assert_close(cosine, (u + v).abs() / (2 * (u**2 + v**2)).sqrt())
    assert capsys.readouterr().err.endswith("\nnot suggesting symmetry\n")
    assert torch.equal(test_symmetry_var(lambda x: x[:, [0]], x, symbols, b * c), torch.ones(100, **F64))


def test_an_expression_of_something_else_is_refused():
    a, b, d = sympy.symbols("a b d")
    for wrong in (d, a + d, sympy.Integer(1)):
        with pytest.raises(ParameterError, match=r"`symmetry_var` must be an expression of \[a, b\]; got"):
            test_symmetry_var(lambda x: x[:, [0]], normal(5, 2), (a, b), wrong)


# ------------------------------------------------------------------------------------------------------- molecules


def test_pairs_of_pairs_are_put_together_level_by_level():
    assert get_molecule(eight, normal(100, 8)) == [
        [[0], [1], [2], [3], [4], [5], [6], [7]],
        [[0, 1], [2, 3], [4, 5], [6, 7]],
        [[0, 1, 2, 3], [4, 5, 6, 7]],
        [[0, 1, 2, 3, 4, 5, 6, 7]],
    ]


@pytest.mark.parametrize(
    ("f", "levels"),
    [  # pykan joins the first with all that follow: [[0, 1, 2]]
        (lambda x: torch.exp((x[:, [0]] + x[:, [1]] ** 3) * x[:, [2]]) + x[:, [2]], [[[0, 1], [2]], [[0, 1, 2]]]),
        (lambda x: x[:, [0]] + x[:, [1]] ** 2 + x[:, [2]].exp(), [[[0, 1, 2]]]),
        (lambda x: (x[:, [0]] * x[:, [1]] + x[:, [1]] * x[:, [2]] + x[:, [2]] * x[:, [0]]).tanh(), [[[0, 1, 2]]]),
        (lambda x: torch.sin(x[:, [0]] + x[:, [2]] ** 2) * x[:, [1]] + x[:, [1]] ** 2, [[[0, 2], [1]], [[0, 2, 1]]]),
        (lambda x: x[:, [0]] ** 2, [[[0]]]),
    ],
)  # fmt: skip
def test_what_belongs_together_comes_together_first(f, levels):
    features = 1 if levels == [[[0]]] else 3
    found = get_molecule(f, normal(200, features))
    assert found[1:] == levels
    assert found[0] == [[i] for i in levels[-1][0]]


def test_three_inputs_of_one_function_are_found_without_two_that_are():
    def f(x):
        one = x[:, [0]] * x[:, [1]] + x[:, [1]] * x[:, [2]] ** 2 + x[:, [0]] ** 3 * x[:, [2]]
        return torch.exp(one * x[:, [3]]) + x[:, [3]]

    assert get_molecule(f, normal(200, 4))[1:] == [[[0, 1, 2], [3]], [[0, 1, 2, 3]]]


def test_nodes_say_how_parts_come_together():
    x = normal(100, 8)
    levels = get_molecule(eight, x)
    assert get_tree_node(eight, x, levels) == ([[2] * 4, [2] * 2, [2]], [[""] * 4, [""] * 2, [""]])
    _, properties = get_tree_node(eight, x, levels, skip_test=False)
    assert properties == [["GS"] * 4, ["GS"] * 2, ["Add"]]

    def nested(x):
        return torch.exp(x[:, [0]] + x[:, [1]] ** 3) * x[:, [2]] ** 2

    def tangled(x):
        return torch.exp((x[:, [0]] + x[:, [1]] ** 3) * x[:, [2]]) + x[:, [2]]

    x = normal(100, 3)
    assert get_tree_node(nested, x, get_molecule(nested, x), skip_test=False) == ([[3]], [["Mul"]])
    found = get_tree_node(tangled, x, get_molecule(tangled, x), skip_test=False)
    assert found == ([[2, 1], [2]], [["GS", "Id"], [""]])


def test_structure_survives_a_change_of_units():
    scale = torch.tensor([1e-3, 1e-3, 1e3, 1e3, 1.0, 1.0, 1e6, 1e6], **F64)
    x = normal(100, 8) * scale
    assert get_molecule(lambda x: eight(x / scale), x) == get_molecule(eight, normal(100, 8))


def texts(figure):
    return sorted(text.get_text() for text in figure.axes[0].texts)


@pytest.mark.parametrize("style", ["tree", "box"])
def test_the_tree_is_drawn_with_the_names_given(style):
    def f(x):
        return torch.exp(x[:, [0]] + x[:, [1]] ** 3) + x[:, [2]] ** 2

    x = normal(100, 3)
    figure = plot_tree(f, x, in_var=sympy.symbols("u v width"), style=style)
    assert texts(figure) == ["$f(u)$", "$f(v)$", "+", "F ( + )", "f(width)"]
    assert "$f(x_{3})$" in texts(plot_tree(f, x))


def test_the_tree_holds_what_was_found(monkeypatch):
    drawn = []
    monkeypatch.setattr("edgewise.plot.plot_tree", lambda structure, **_: drawn.append(structure))
    x = normal(100, 8)
    plot_tree(eight, x)
    (structure,) = drawn
    assert isinstance(structure, Structure)
    kinds = [(depth, node.kind, node.inputs) for depth, node in structure.tree.walk() if node.kind != "leaf"]
    assert kinds == [
        (0, "sum", tuple(range(8))), (1, "link", (0, 1, 2, 3)), (2, "link", (0, 1)), (2, "link", (2, 3)),
        (1, "link", (4, 5, 6, 7)), (2, "link", (4, 5)), (2, "link", (6, 7)),
    ]  # fmt: skip
    plot_tree(eight, x, skip_sep_test=True)
    assert {node.kind for _, node in drawn[-1].tree.walk()} == {"function", "leaf"}


def test_a_tree_with_other_arguments_is_refused():
    with pytest.raises(ParameterError, match='`style` must be "tree" or "box"; got \'graph\''):
        plot_tree(eight, normal(5, 8), style="graph")
    with pytest.raises(ParameterError, match="`names` must have 8 different entries"):
        plot_tree(eight, normal(5, 8), in_var=["a", "b"])


@pytest.mark.parametrize("model", [MLP([3, 4, 1], seed=0, **F64), KAN([3, 2, 1], seed=0, **F64)], ids=["MLP", "KAN"])
def test_networks_are_functions_too(model):
    x = normal(30, 3)
    assert get_dependence(model, x, [0, 1]).shape == (2, 1)
    assert get_molecule(model, x)[-1] == [[0, 1, 2]]
    assert all(p.grad is None for p in model.parameters())


def test_no_function_is_collected_as_a_test():
    for name in hypothesis.__all__:
        if name.startswith("test_"):
            assert getattr(hypothesis, name).__test__ is False

"""Structure tests against sympy's second derivatives, functions whose shape is known, and functions without one."""

import copy
import math

import pytest
import sympy
import torch
from matplotlib import pyplot as plt

from edgewise import KAN, MLP
from edgewise.errors import DomainError, ParameterError, ShapeError
from edgewise.interpret import (
    Structure,
    additive_groups,
    compositional,
    derivatives,
    interactions,
    multiplicative_groups,
    structure,
    symmetry,
)
from edgewise.interpret.derivatives import Rows, examined
from edgewise.interpret.separability import components, link_groups, modules, pair_scores
from edgewise.interpret.structure import Tolerance, _Part, _Search
from edgewise.plot import plot_tree

F64 = torch.float64
exp, sin, cos, sqrt = torch.exp, torch.sin, torch.cos, torch.sqrt


def rows(count=120, inputs=4, lo=0.5, hi=2.5, seed=0):
    return lo + (hi - lo) * torch.rand(count, inputs, dtype=F64, generator=torch.Generator().manual_seed(seed))


def of(f):
    """A function of columns as one of rows."""
    return lambda x: f(*x.unbind(1))


# ---------------------------------------------------------------------------------------------- oracles

EXPRESSIONS = ["sin(x0*x1) + x2**2*x3", "exp(x0 - x1/x2)*cos(x3)", "log(x0**2 + x1*x2*x3)", "x0/x1 + x2"]


@pytest.fixture(scope="module", params=EXPRESSIONS)
def case(request):
    """A function, and a function that evaluates any sympy expression of its derivatives on rows."""
    symbols = sympy.symbols("x0:4", positive=True)
    formula = sympy.sympify(request.param, locals={str(s): s for s in symbols})
    code = sympy.lambdify(symbols, formula, modules=[{"sin": sin, "exp": exp, "cos": cos, "log": torch.log}])

    def values(expression, x):
        f = sympy.lambdify(symbols, expression, modules="numpy")
        return torch.tensor([float(f(*row)) for row in x.tolist()], dtype=F64)

    return of(code), formula, symbols, values


def rms(values):
    return math.sqrt(math.fsum(float(v) ** 2 for v in values) / len(values))


def test_interactions_are_sympys_second_derivatives(case):
    f, formula, symbols, values = case
    x = rows(40)
    found, spread = interactions(f, x), x.std(dim=0, correction=0)
    output = float(values(formula, x).std(correction=0))
    for i, a in enumerate(symbols):
        for j, b in enumerate(symbols):
            expected = rms(values(sympy.diff(formula, a, b), x)) * float(spread[i] * spread[j]) / output
            assert float(found[i, j]) == pytest.approx(expected, rel=1e-11, abs=1e-14)
    assert torch.equal(found, found.mT)


def test_scores_are_their_definitions_written_out(case):
    f, formula, symbols, values = case
    x = rows(25)
    scores = pair_scores(Rows(*examined(f, x)), offset=0.25, third=True)
    s = x.std(dim=0, correction=0).tolist()
    d = {n: sympy.diff(formula, a) for n, a in enumerate(symbols)}
    dd = {(n, m): sympy.diff(formula, a, b) for n, a in enumerate(symbols) for m, b in enumerate(symbols)}

    def ratio(residual, terms):
        size = sum(values(term, x).abs() for term in terms)
        return rms(values(residual, x)) / rms(size) if rms(size) else 0.0

    for i, j in [(0, 1), (1, 2), (2, 3)]:
        first, second = (formula - 0.25) * dd[i, j], d[i] * d[j]
        assert float(scores.products[i, j]) == pytest.approx(
            ratio(first - second, [first, second]), rel=1e-9, abs=1e-12
        )
        for k in {0, 1, 2, 3} - {i, j}:
            left, right = dd[i, k] * d[j] * s[k], d[i] * dd[j, k] * s[k]
            expected = ratio(left - right, [left, right, second])
            assert float(scores.apart[i, j, k]) == pytest.approx(expected, rel=1e-9, abs=1e-12)
        # The mixed derivative of log(f_i / f_j) by sympy, over its terms and 1 in deviations.
        if d[i] == 0 or d[j] == 0:
            continue
        a, b = symbols[i], symbols[j]
        gi, gj = values(d[i], x), values(d[j], x)
        mixed = values(sympy.diff(sympy.log(d[i] / d[j]), a, b), x) * s[i] * s[j]
        terms = [values(t, x) * s[i] * s[j] for t in (
            sympy.diff(d[i], a, b) / d[i], dd[i, j] * dd[i, i] / d[i] ** 2,
            sympy.diff(d[j], a, b) / d[j], dd[j, j] * dd[i, j] / d[j] ** 2,
        )]  # fmt: skip
        share, weight = mixed / (1 + sum(t.abs() for t in terms)), (gi * gj).abs()
        expected = float(((weight * share**2).sum() / weight.sum()).sqrt())
        assert float(scores.links[i, j]) == pytest.approx(expected, rel=1e-8, abs=1e-12)


def test_the_offset_of_a_product_is_the_least_squares_one():
    x = rows(60, 2)
    f = of(lambda a, b: 3 + sin(2 * a) * exp(b) + 0.1 * a * b**2)
    own = Rows(*examined(f, x))
    best = pair_scores(own)
    c = float(best.offsets[0, 1]) * own.spread + own.mean
    residual = [
        rms([v for jet in own.jets() for v in (jet.value - (o - own.mean) / own.spread) * jet.hessian[:, 0, 1]
             - jet.gradient[:, 0] * jet.gradient[:, 1]])
        for o in (c - 1e-3, c, c + 1e-3)
    ]  # fmt: skip
    assert residual[1] < min(residual[0], residual[2])
    common, score = best.common_offset([[0], [1]])
    assert common == float(best.offsets[0, 1])
    assert score == pytest.approx(float(best.products[0, 1]), rel=1e-12)


@pytest.mark.parametrize("numbers", [1, 64 * 7, 1 << 20])  # one row, a few rows, all rows at a time
def test_blocks_do_not_change_the_scores(numbers, monkeypatch):
    x, f = rows(30), of(lambda a, b, c, d: sin(a * b) + c / d)
    whole = pair_scores(Rows(*examined(f, x)), third=True)
    monkeypatch.setattr(derivatives, "_NUMBERS", numbers)
    parts = pair_scores(Rows(*examined(f, x)), third=True)
    for name in ("effects", "interactions", "products", "apart", "links", "offsets"):
        torch.testing.assert_close(getattr(parts, name), getattr(whole, name), rtol=1e-10, atol=1e-12)


# --------------------------------------------------------------------------------------- known structures

KNOWN = {  # expression: function, additive groups
    "x1 + x2": (lambda a, b, c, d: a + b, [[0], [1], [2], [3]]),
    "x1 - 2*x2": (lambda a, b, c, d: a - 2 * b, [[0], [1], [2], [3]]),
    "x1*x2 + x3": (lambda a, b, c, d: a * b + c, [[0, 1], [2], [3]]),
    "f1(x1 - x2)": (lambda a, b, c, d: sin(a - b), [[0, 1], [2], [3]]),
    "f1(x1*x2) + f2(x3)": (lambda a, b, c, d: exp(a * b / 4) + c**2, [[0, 1], [2], [3]]),
    "x1/x2": (lambda a, b, c, d: a / b, [[0, 1], [2], [3]]),
    "x1*x2*x3/x4^2": (lambda a, b, c, d: a * b * c / d**2, [[0, 1, 2, 3]]),
    "f1(f2(x1 - x2) + f3(x3 - x4))": (lambda a, b, c, d: sqrt((a - b) ** 2 + (c - d) ** 2), [[0, 1, 2, 3]]),
    "f1(f2(x1) + f3(x2))": (lambda a, b, c, d: (a + b) / (1 + a * b), [[0, 1], [2], [3]]),
    "f1(f2(x1) + f3(x2))*f4(x3*x4^2)": (lambda a, b, c, d: sin(2 * a * b + a) * exp(cos(c * d**2)), [[0, 1, 2, 3]]),
    "f1(x1)*f2(x2)": (lambda a, b, c, d: exp(sin(3 * a) + b**2), [[0, 1], [2], [3]]),
    "f1(x1)*x2 + c": (lambda a, b, c, d: exp(-(a**2)) * b + 5, [[0, 1], [2], [3]]),
    "(x1 + x2)*x3 + f1(x4)": (lambda a, b, c, d: (a + b) * c - d**2, [[0, 1, 2], [3]]),
    "f1(f2(x1*x2) + f3(x3))": (lambda a, b, c, d: sin(a * b + c), [[0, 1, 2], [3]]),
    "f1(x1 - x2, x3, x4)": (lambda a, b, c, d: sin((a - b) * c) + (a - b) ** 2 * exp(c * d), [[0, 1, 2, 3]]),
    "f1(x1, x2, x3) + x4": (lambda a, b, c, d: sin(a * b + c) + cos(a * c) + b * b * exp(a) + d, [[0, 1, 2], [3]]),
    "f1(x2 - x3)": (lambda a, b, c, d: exp(b - c), [[0], [1, 2], [3]]),
    "x1^2 + x2^2": (lambda a, b, c, d: a**2 + b**2, [[0], [1], [2], [3]]),
    "f1(x1^2 - 3*x2^2)": (lambda a, b, c, d: sin(a**2 - 3 * b**2), [[0, 1], [2], [3]]),
    # Feynman: gravitation (I.9.18), lenses (I.27.6), radiation (I.41.16)
    "x1*x2*f1(x3 - x4)": (lambda a, b, c, d: a * b / ((c - d) ** 2 + 1), [[0, 1, 2, 3]]),
    "f1(1/x1 + 1/x2) + x3": (lambda a, b, c, d: 1 / (1 / a + 1 / b) + c, [[0, 1], [2], [3]]),
    "f1(x1, x2)*x3": (lambda a, b, c, d: a**3 / (exp(a * b) - 1) * c, [[0, 1, 2], [3]]),
}  # fmt: skip


@pytest.mark.parametrize("expression", KNOWN)
def test_known_structures_are_found(expression):
    f, groups = KNOWN[expression]
    found = structure(of(f), rows())
    assert found.expression == expression
    assert additive_groups(of(f), rows()) == groups
    assert expression in str(found)
    for _, node in found.tree.walk():
        assert node.score <= node.tolerance or node.kind in ("leaf", "function")
        assert not node.children or sorted(i for c in node.children for i in c.inputs) == list(node.inputs)


@pytest.mark.parametrize("factor", [1e-6, 1e8, -1.0])
@pytest.mark.parametrize("expression", ["x1*x2 + x3", "f1(f2(x1) + f3(x2))*f4(x3*x4^2)", "f1(1/x1 + 1/x2) + x3"])
def test_units_do_not_matter(expression, factor):
    f, _ = KNOWN[expression]
    units = torch.tensor([1e3, 1e-4, 7.0, 1e5], dtype=F64)

    def other(x):
        return factor * of(f)(x / units)

    x = rows()
    torch.testing.assert_close(interactions(other, x * units), interactions(of(f), x), rtol=1e-9, atol=1e-13)
    plain, scaled = structure(of(f), x), structure(other, x * units)
    kinds = [(depth, node.kind, node.inputs, node.linear) for depth, node in plain.tree.walk()]
    assert [(depth, node.kind, node.inputs, node.linear) for depth, node in scaled.tree.walk()] == kinds


def test_products_that_change_sign():
    x = rows(lo=-2, hi=2)
    f = of(lambda a, b, c, d: (a * b + 0.3) * sin(2 * c - d))
    assert multiplicative_groups(f, x) == [[0, 1], [2, 3]]
    assert multiplicative_groups(lambda x: f(x) + 4, x) == [[0, 1, 2, 3]]
    assert multiplicative_groups(lambda x: f(x) + 4, x, offset=4.0) == [[0, 1], [2, 3]]
    assert multiplicative_groups(lambda x: f(x) + 4, x, offset=None) == [[0, 1], [2, 3]]
    found = structure(lambda x: f(x) + 4, x)
    assert found.expression == "(x1*x2 + c)*f1(x3 - 0.5*x4) + c"


def test_offsets_of_different_pairs_must_agree():
    # Each pair alone is a product with an offset of its own, all three together are not.
    def f(x):
        return x[:, 0] * x[:, 1] + 5 * x[:, 2]

    assert multiplicative_groups(f, rows(inputs=3), offset=None) == [[0, 1, 2]]


def test_the_common_offset_written_out():
    x = rows(50, 3)
    own = Rows(*examined(of(lambda a, b, c: sin(a * b) + a * c**2 + 0.5 * b * c), x))
    scores = pair_scores(own)
    c, worst = scores.common_offset([[0], [1, 2]])
    expected = []
    for j in (1, 2):
        (jet,) = own.jets()
        value, h, flat = jet.value, jet.hessian[:, 0, j], jet.gradient[:, 0] * jet.gradient[:, j]
        size = ((value - scores.offsets[0, j]) * h).abs() + flat.abs()
        expected.append(rms((value - c) * h - flat) / rms(size))
    assert abs(float(scores.offsets[0, 1] - scores.offsets[0, 2])) > 0.1
    assert worst == pytest.approx(max(expected), rel=1e-10)


def test_the_worst_of_several_bases_decides():
    x = rows()
    x[:, 2] = 1 + x[:, 2] / 2
    x[torch.arange(8) * 15, 2] = 0.6 + 0.2 * torch.arange(8, dtype=F64)  # where x3 is held: from 0.9 on not linear

    def f(a, b, c, d):
        return (a + b**2) * (3 - c) + torch.relu(c - 0.9) ** 3 * sin(a + b**2)

    assert [child.kind for child in structure(of(f), x).tree.children] == ["link", "leaf"]  # at 0.6 and 0.8 a sum
    search = _Search(Rows(*examined(of(f), x)), 1e-12, None, list("abcd"))
    part = _Part.of(search, [0, 1])
    slopes = sorted(3 - float(value) for value in x[torch.arange(8) * 15, 2])
    spread = float((x[:, 0] + x[:, 1] ** 2).std(correction=0))
    assert len(part.rows) == 3
    assert part.rows[0].spread == pytest.approx(slopes[-1] * spread, rel=1e-9)


COMBINATIONS = {
    "x1 + x2": lambda a, b, c: sin(a + b) * c,
    "x1 - x2": lambda a, b, c: sin(a - b) + c * (a - b),
    "x1 * x2": lambda a, b, c: sin(a * b + c),
    "x1 / x2": lambda a, b, c: exp(a / b) * c,
    "x1^2 + x2^2": lambda a, b, c: sin(a**2 + b**2) * c,
    "x1^2 - x2^2": lambda a, b, c: sin(c + a**2 - b**2),
    "1/x1 + 1/x2": lambda a, b, c: c / (1 / a + 1 / b),
}


@pytest.mark.parametrize("name", COMBINATIONS)
def test_symmetries(name):
    f = of(COMBINATIONS[name])
    found = symmetry(f, rows(inputs=3), 0, 1)
    assert found.holding()[0] == name or len(found.holding()) == 2
    assert name in found.holding()
    assert len(found.holding()) == 2  # itself, and its family with free numbers
    assert all(score > 0.05 for other, score in found.scores.items() if other not in found.holding())
    assert compositional(f, rows(inputs=3), [0, 1]) < 1e-12
    assert symmetry(f, rows(inputs=3), 0, 2).holding() == []


def test_free_numbers_of_combinations():
    x = rows(inputs=3)
    found = symmetry(of(lambda a, b, c: sin(3 * b - 2 * a) * c), x, 0, 1, names=("mass", "time"))
    assert found.holding() == ["a mass + b time"]
    assert found.ratios["a mass + b time"] == pytest.approx(-1.5, rel=1e-12)
    found = symmetry(of(lambda a, b, c: sin(a**2 * b**3) * c), x, 0, 1)
    assert found.holding() == ["x1^a * x2^b"]
    assert found.ratios["x1^a * x2^b"] == pytest.approx(1.5, rel=1e-12)
    found = symmetry(of(lambda a, b, c: sin(a**2 - 5 * b**2) * c), x, 0, 1)
    assert found.ratios["a x1^2 + b x2^2"] == pytest.approx(-5, rel=1e-12)
    assert "b/a = -5\n" in str(found)


NEGATIVE = [
    lambda a, b: a**2 + b**2 + 0.3 * a * b,
    lambda a, b: a + b + 0.01 * a * b**2,
    lambda a, b: sin(a * b) + b,
    lambda a, b: exp(a * b) + b,
    lambda a, b: a**3 / (exp(a * b) - 1),
    lambda a, b: sin(a) * sin(b) + sin(2 * a),
    lambda a, b: torch.log(a + b) + torch.log(a + 2 * b),
]


@pytest.mark.parametrize("f", NEGATIVE)
def test_what_has_no_structure_gets_none(f):
    found = structure(of(f), rows(inputs=2))
    assert found.tree.kind == "function"
    assert not found.tree.children
    assert "no shape found; nearest: " in str(found)
    _, score, tolerance = found.tree.nearest
    assert score > tolerance


@pytest.mark.parametrize("noise", [1e-3, 1e-2, 0.5])
@pytest.mark.parametrize("f", [NEGATIVE[0], NEGATIVE[2], NEGATIVE[3], NEGATIVE[5]])
def test_a_noisy_model_is_not_granted_a_shape_either(f, noise):
    assert structure(of(f), rows(inputs=2, lo=-1, hi=1), noise=noise).tree.kind == "function"


def test_a_module_must_hold_for_every_value_of_the_others():
    f = of(lambda a, b, c: sin(a * b) + b * c)
    assert compositional(f, rows(inputs=3), [0, 1]) > 0.1
    assert compositional(f, rows(inputs=3), [1]) == 0
    assert compositional(f, rows(inputs=3), [0, 1, 2]) == 0


def test_small_parts_are_held_against_their_own_noise():
    f = of(lambda a, b, c: a + 1e-3 * b * c)
    assert structure(f, rows(inputs=3)).expression.startswith("x1 + x2*x3")
    noisy = structure(f, rows(inputs=3), noise=1e-4)
    assert noisy.unused == (1, 2) or noisy.tree.kind == "sum"


# ------------------------------------------------------------------------------------------------ groups


def test_components():
    joined = torch.zeros(5, 5, dtype=torch.bool)
    joined[0, 3] = joined[3, 4] = True
    assert components(joined) == [[0, 3, 4], [1], [2]]


def test_overlapping_modules_are_joined_and_the_largest_kept():
    f = of(lambda a, b, c, d, e: sin(d * (a + b**2 + sin(c))) + e * d**2 * (a + b**2 + sin(c)) ** 3)
    scores = pair_scores(Rows(*examined(f, rows(inputs=5))), third=True)
    assert modules(scores.apart, 1e-9) == [[0, 1, 2]]
    assert link_groups(scores.links, scores.apart, 1e-9, 1e-6) == [[0, 1, 2, 3, 4]]
    found = structure(f, rows(inputs=5))
    assert found.expression == "f1(f2(x1) + f3(x2) + f4(x3), x4, x5)"


# --------------------------------------------------------------------------------------------- odd inputs


def test_unused_and_constant_inputs():
    x = rows()
    x[:, 1] = 3.0
    f = of(lambda a, b, c, d: a * b * c)
    found = structure(f, x, names=["a", "b", "c", "d"])
    assert found.unused == (1, 3)
    assert found.expression == "a*c"
    assert "without effect: b, d" in str(found)
    assert bool((interactions(f, x)[[1, 3]] == 0).all())


def test_a_constant_function():
    found = structure(lambda x: 0 * x[:, :1] + 3, rows())
    assert found.expression == "constant"
    assert found.unused == (0, 1, 2, 3)
    assert bool((interactions(lambda x: torch.full((len(x),), 1e8, dtype=F64), rows()) == 0).all())


def test_a_single_row_has_no_spread_but_may_borrow_one():
    f = of(lambda a, b, c, d: a * b + c**2)
    x = rows()
    assert bool((interactions(f, x[:1]) == 0).all())
    one = interactions(f, x[:1], reference=x)
    spread, output = x.std(dim=0, correction=0), f(x).std(correction=0)
    assert float(one[0, 1]) == pytest.approx(float(spread[0] * spread[1] / output), rel=1e-12)
    assert float(one[2, 2]) == pytest.approx(float(2 * spread[2] ** 2 / output), rel=1e-12)
    assert structure(f, x[:1]).expression == "constant"
    assert structure(f, x[:2]).tree.kind == "sum"
    each = torch.stack([interactions(f, row[None], reference=x) for row in x])
    torch.testing.assert_close(each.square().mean(dim=0).sqrt(), interactions(f, x), rtol=1e-12, atol=1e-14)


def test_mixtures_of_rows_outside_the_domain_are_left_out():
    x = rows(200, 4)
    x[:, 2] = x[:, 0] * x[:, 1] - 0.3 - x[:, 2] / 9  # the root is defined on the data, not on every mixture of rows
    f = of(lambda a, b, c, d: sin(d) * torch.sqrt(a * b - c))
    with torch.no_grad():
        assert bool(f(torch.cat([x[:, :2], x[:1, 2:].expand(200, -1)], dim=1)).isnan().any())
    assert structure(f, x).expression == "f1(f2(x1*x2) + f3(x3))*f4(x4)"


def test_bad_input():
    x, f = rows(), of(lambda a, b, c, d: a * b + c)
    for function in (interactions, structure, additive_groups, multiplicative_groups):
        with pytest.raises(ShapeError, match=r"`x` must be \(rows, inputs\) with at least one row; got \(0, 4\)"):
            function(f, x[:0])
        with pytest.raises(ParameterError, match=r"`model` must be a function of a \(rows, inputs\) tensor; got int"):
            function(3, x)
        with pytest.raises(ParameterError, match="`output` must be an int, 0 to 0; got 1"):
            function(f, x, output=1)
        with pytest.raises(DomainError, match=r"the function is -inf at row 5"):
            function(lambda x: torch.log((x[:, 0] - x[5, 0]).abs()) if len(x) > 1 else x[:, 0], x)
        spoilt = x.clone()
        spoilt[7, 2] = math.nan
        with pytest.raises(DomainError, match="`x` must be finite; row 7, column 2 is nan"):
            function(f, spoilt)
    with pytest.raises(DomainError, match=r"no finite derivatives at row 0.*a kink or a pole"):
        interactions(lambda x: (x[:, 0] - x[0, 0]).abs().sqrt(), x)
    with pytest.raises(ShapeError, match=r"must give \(rows,\) or \(rows, outputs\) values; got \(1, 4, 1\)"):
        interactions(lambda x: x[:, :, None], x)
    with pytest.raises(ShapeError, match="`reference` must have 4 columns"):
        interactions(f, x, reference=x[:, :3])
    with pytest.raises(ParameterError, match=r"`noise` must be a number in \[0, 1\); got -1"):
        structure(f, x, noise=-1)
    with pytest.raises(ParameterError, match=r"`tolerance` must be a number in \[0, 1\); got 2"):
        structure(f, x, tolerance=2)
    with pytest.raises(ParameterError, match="`tolerance` must be a number >= 0; got nan"):
        additive_groups(f, x, math.nan)
    with pytest.raises(ParameterError, match="`names` must have 4 different entries"):
        structure(f, x, names=["a", "b", "a", "c"])
    with pytest.raises(ShapeError, match=r"`y` must be \(120,\) or \(120, outputs\); got \(119,\)"):
        structure(f, x, x[1:, 0])
    with pytest.raises(DomainError, match="`y` must be finite"):
        structure(f, x, x[:, 0] / 0)
    with pytest.raises(ParameterError, match="`j` must be another input than `i`; both are 1"):
        symmetry(f, x, 1, 1)
    with pytest.raises(ParameterError, match="`i` must name inputs by ints, 0 to 3; got 4"):
        symmetry(f, x, 4, 1)
    with pytest.raises(ParameterError, match="`subset` must name inputs"):
        compositional(f, x, [0, 1.5])
    with pytest.raises(ParameterError, match="must hold 'train_input'"):
        structure(f, {"test_input": x})


# ---------------------------------------------------------------------------------------------- networks


def test_the_tolerance_follows_the_noise():
    assert Tolerance.of(1e-8) == Tolerance(1e-6, 1e-4, 1e-2)
    assert Tolerance.of(1e-3).third == 0.03
    assert Tolerance.of(0.011) == Tolerance(-1, -1, -1)
    x = rows(inputs=2)
    f = of(lambda a, b: a + b**2)
    assert structure(f, x).noise == 1e-12
    y = f(x) + 1e-3 * f(x).std(correction=0) * torch.tensor([1.0, -1.0], dtype=F64).repeat(60)
    assert structure(f, x, y).noise == pytest.approx(1e-3, rel=1e-9)
    assert structure(f, {"train_input": x, "train_label": y[:, None]}).noise == pytest.approx(1e-3, rel=1e-9)
    assert structure(f, x, noise=0.5).tree.kind == "function"
    assert "nothing is claimed" in str(structure(f, x, noise=0.5))


@pytest.fixture(scope="module")
def trained():
    x = rows(400, 3, -1, 1)
    y = x[:, :1] * x[:, 1:2] + x[:, 2:]
    model = KAN([3, 5, 1], grid=5, seed=0, dtype=F64, input_names=["a", "b", "c"])
    model.fit((x, y), opt="lm", steps=50, progress=False)
    return model, x, y


def test_a_trained_network(trained, global_random_state_untouched):
    model, x, y = trained
    before = {name: value.clone() for name, value in model.state_dict().items()}
    found = structure(model, x, y)
    assert [sorted(child.inputs) for child in found.tree.children] == [[0, 1], [2]]
    assert found.tree.kind == "sum"
    assert found.tree.children[0].form == "a*b"
    assert found.names == ("a", "b", "c")
    assert found.noise < 1e-3
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(p.requires_grad and p.grad is None for p in model.parameters())
    strict = structure(model, x)  # taken as exact, it has no shape
    assert strict.tree.kind == "function"
    assert strict.tree.nearest[0] in ("sum", "combination", "product", "F of a sum")


def test_a_network_of_the_suggested_width_learns_to_many_digits(trained):
    model, x, y = trained
    found = structure(model, x, y)
    assert found.width() == [3, [1, 1], 1]
    small = KAN(found.width(), mult_arity=found.mult_arity, grid=3, seed=1, dtype=F64)
    result = small.fit((x, y), opt="lm", steps=60, progress=False)
    assert result.history["train_loss"][-1] < 1e-12  # RMSE 1e-6; the wide network is at 1e-5 to 1e-4


@pytest.mark.parametrize(
    ("expression", "width", "arity"),
    [
        ("x1 + x2", [4, 1], 2),
        ("f1(x1 - x2)", [4, 1, 1], 2),
        ("f1(x1*x2) + f2(x3)", [4, [1, 1], 1], 2),
        ("f1(f2(x1) + f3(x2))*f4(x3*x4^2)", [4, [1, 1], [0, 1], 1], 2),
        ("x1*x2*f1(x3 - x4)", [4, 3, [0, 1], 1], 3),
        ("(x1 + x2)*x3 + f1(x4)", [4, [1, 1], 1], 2),
        ("f1(x1 - x2, x3, x4)", [4, 3, 7, 1], 2),
        ("f1(x1, x2)*x3", [4, 6, [0, 1], 1], 2),
        ("f1(x1, x2, x3) + x4", [4, 8, 1], 2),
        ("f1(f2(x1*x2) + f3(x3))", [4, [1, 1], 1, 1], 2),
        ("x1*x2*x3/x4^2", [4, [0, 1], 1], 4),
    ],
)
def test_widths(expression, width, arity):
    found = structure(of(KNOWN[expression][0]), rows())
    assert (found.width(), found.mult_arity) == (width, arity)
    assert KAN(found.width(), mult_arity=found.mult_arity).width == width


def test_float32_modules_and_their_outputs():
    model, x = MLP([3, 4, 2], seed=0, dtype=torch.float32), rows(20, 3).float()
    first, second = interactions(model, x), interactions(model, x, output=1)
    assert first.dtype == F64
    assert not torch.equal(first, second)
    assert next(model.parameters()).dtype == torch.float32
    own = [torch.autograd.functional.hessian(lambda row: model(row[None])[0, 1], row) for row in x]
    spread = x.double().std(dim=0, correction=0)
    with torch.no_grad():
        output = model(x).double()[:, 1].std(correction=0)
    expected = torch.stack(own).double().square().mean(dim=0).sqrt() * spread * spread[:, None] / output
    torch.testing.assert_close(second, expected, rtol=1e-3, atol=1e-5)  # the oracle is float32


def test_a_float32_kan_is_examined_in_float64():
    model = KAN([3, 2, 2], seed=0, dtype=torch.float32)
    x = rows(20, 3, -1, 1).float()
    found = interactions(model, x, output=1)
    torch.testing.assert_close(found, interactions(copy.deepcopy(model).double(), x.double(), output=1), rtol=0, atol=0)
    assert model.layers[0].coef.dtype == torch.float32


# ------------------------------------------------------------------------------------------------ picture


def drawn(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_the_picture_shows_the_tree():
    f = of(lambda a, b, c, d: a * (b - c) + sin(d))
    found = structure(f, rows())
    words = drawn(plot_tree(found, scores=False, title="energy"))
    assert sorted(words) == sorted(["+", "×", "$x_{1}$", "$x_{2} - x_{3}$", "$f(x_{4})$", "energy"])
    lines = plot_tree(found).axes[0].collections[0].get_segments()
    assert len(lines) == 4
    mixed = structure(of(lambda a, b, c, d: 2 * a - c + sin(d)), rows())
    assert mixed.expression == "2*x1 - x3 + f1(x4)"
    assert {"+", "$x_{1}$", "$x_{3}$", "$f(x_{4})$"} <= set(drawn(plot_tree(mixed)))
    named = structure(f, rows(), names=["mass", "speed", "wind", "angle"])
    assert "speed − wind" in drawn(plot_tree(named))
    assert plt.get_fignums() == []


def test_boxes_do_not_overlap():
    f = of(lambda a, b, c, d: KNOWN["f1(f2(x1 - x2) + f3(x3 - x4))"][0](a, b, c, d))
    figure = plot_tree(structure(f, rows(), names=["a long name", "another long name", "the third", "the last of all"]))
    figure.canvas.draw()
    texts = figure.axes[0].texts
    extents = [t.get_window_extent() for t in texts]
    for n, one in enumerate(extents):
        assert not any(one.overlaps(other) for other in extents[n + 1 :])
        assert one.x0 >= 0
        assert one.x1 <= figure.bbox.x1


def test_the_picture_takes_axes_and_refuses_others():
    found = structure(of(lambda a, b, c, d: a * b), rows())
    figure = plot_tree(found)
    other = plot_tree(found, ax=figure.axes[0])
    assert other is figure
    assert "without effect: x3, x4" in drawn(figure)
    with pytest.raises(ParameterError, match="`structure` must be a result of"):
        plot_tree("x1*x2")
    assert isinstance(found, Structure)

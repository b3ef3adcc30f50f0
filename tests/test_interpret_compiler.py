"""A formula as a network: the same values, few edges, refusals by name, and a model like any other."""

import math

import numpy as np
import pytest
import sympy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from edgewise import KAN
from edgewise.datasets import feynman_equations
from edgewise.errors import DomainError, ParameterError
from edgewise.interpret import from_formula
from edgewise.layers import FUNCTIONS

F64 = torch.float64

# Formula in sympy's syntax, and the range of every variable.
FORMULAS = [
    ("exp(sin(pi*x) + y**2)", (-1, 1)),
    ("x", (-1, 1)),
    ("-3*x + 2", (-1, 1)),
    ("x*y", (-1, 1)),
    ("a*b*c*d*f", (-2, 2)),
    ("2*a*b*sin(c)*exp(d)*f + 1", (-2, 2)),
    ("(a + b)/(1 + a*b)", (-0.9, 0.9)),
    ("m/sqrt(1 - v**2/c**2)", [(2, 3), (1, 2), (-1.5, 1.5)]),  # c, m, v
    ("sqrt(x**2 + y**2 + z**2)", (-1, 1)),
    ("sqrt((x - a)**2 + (y - b)**2)", (-1, 1)),
    ("besselj(0, 20*x)", (-1, 1)),
    ("besselj(1, 3*x + 1)*besselj(0, x*y)", (-1, 1)),
    ("x/y", (0.5, 2)),
    ("x/(y/(z + 1/(x + y)))", (0.5, 2)),
    ("1/(1 + 1/(1 + 1/(1 + x)))", (0, 3)),
    ("x**3/(x**4 + 1)", (-3, 3)),
    ("1 + x + x**2 + x**3 + x**4 + x**5 + x**6", (-2, 2)),
    ("x**7 - x**11 + x**12/7 + x**13", (-1.2, 1.2)),
    ("x**(-6) + x**(-7)", (0.7, 2)),
    ("(x + y)**6", (-1, 1)),
    ("x**(2/3) + x**(5/2) + x**(-3/2) + x**(3/2)", (0.2, 2)),
    ("x**pi*y**(-1.7)", (0.2, 2)),
    ("x**y", (0.2, 2)),
    ("(1 + x**2)**(y + z)", (-1, 1)),
    ("2**x*3**(-y)", (-1, 1)),
    ("log(x)/log(10) + log(x*y + 1)**2", (0.2, 2)),
    ("sin(x)**2 + cos(x)**2*y", (-3, 3)),
    ("sin(x)*cos(y) - cos(x)*sin(y)", (-3, 3)),
    ("cos(x + y)*sin(2*x + 2*y) + x + y", (-3, 3)),
    ("tan(x)*tanh(y) + sinh(x)/cosh(y)", (-1, 1)),
    ("asin(x)*acos(y) + atan(x/y) + atanh(x*y/2)", (0.1, 0.9)),
    ("sec(x) + csc(x) + cot(x)", (0.3, 1.2)),
    ("sech(x) + csch(x) + coth(x)", (0.3, 1.2)),
    ("asinh(x) + acosh(1 + x**2) + acoth(2 + x**2)", (-2, 2)),
    ("acot(x) + asec(1 + x) + acsc(1 + x) + asech(x/9) + acsch(x)", (0.3, 2)),
    ("erf(x*y) + erfc(x - y)", (-1, 1)),
    ("Abs(x - y)*sign(x) + Heaviside(y)", (-1, 1)),
    ("Max(x, y, 1/2) - Min(x, 2*y, z)", (-1, 1)),
    ("1/(1 + exp(-3*x + y))", (-2, 2)),
    ("1/(2 + 5*exp(x)) + exp(y)/(1 + exp(y))", (-2, 2)),
    ("exp(-(x - y)**2/2)/sqrt(2*pi)", (-2, 2)),
    ("exp(-t**2/(2*s**2))/sqrt(2*pi*s**2)", [(0.5, 2), (-1, 1)]),
    ("exp(2*x)/(exp(x) + exp(-x)) + log(exp(x) + 1)", (-2, 2)),
    ("exp(exp(exp(x*y)))", (-1, 1)),
    ("sin(cos(sin(cos(x + sin(y)))))", (-3, 3)),
    ("sqrt(x + sqrt(x + sqrt(x)))", (0.1, 2)),
    ("x*sin(x) + y*sin(x) + exp(sin(x)) + sin(x)", (-2, 2)),
    ("(x + y)*(x - y)*(x*y + 1)*(x + 2*y)", (-1, 1)),
    ("((x*y + z)*x + y)*z + x*y", (-1, 1)),
    # Mooney-Rivlin and neo-Hookean energies in principal stretches
    ("C*(a**2 + b**2 + 1/(a*b)**2 - 3) + K*(1/a**2 + 1/b**2 + (a*b)**2 - 3)", (0.6, 1.8)),
    ("m/2*((a**2 + b**2 + c**2)*(a*b*c)**(-2/3) - 3) + k/2*(a*b*c - 1)**2", (0.6, 1.8)),
    ("m/2*(I1 - 3) - m*log(J) + l/2*log(J)**2", (0.6, 1.8)),
    ("h*f**3/(exp(h*f/T) - 1)", (0.5, 2)),
    ("q*(E + B*v*sin(t))", (-1, 1)),
    ("4*e*((s/r)**12 - (s/r)**6)", (0.8, 1.3)),
    ("1e-3*x + 1e5*y + x**2*1e-6", (-1, 1)),
    ("(x**2)**0.5 + sqrt(x**6)", (-1, 1)),
    ("x**2 + 1000*x + (2*y - 1)**2 + 3*y", (-1, 1)),
]


def box(ranges, size):
    return torch.tensor(ranges, dtype=F64).expand(size, 2)


def points(ranges, size, rows=300, seed=1):
    u = torch.rand(rows, size, generator=torch.Generator().manual_seed(seed), dtype=F64)
    return torch.lerp(*box(ranges, size).unbind(1), u)


def oracle(text):
    """sympy's reading and NumPy's arithmetic: nothing of ours."""
    known = {name: sympy.Symbol(name) for name in [*"xyzabcdfmvstkhqerlEJCKTB", "I1"]}
    expression = sympy.sympify(text, locals=known)
    symbols = sorted(expression.free_symbols, key=str)
    function = sympy.lambdify(symbols, expression, ["scipy", "numpy"])
    return [str(s) for s in symbols], lambda x: np.asarray(function(*x.numpy().T), dtype=float) + np.zeros(len(x))


def assert_equals(model, x, expected):
    """The promise: 1e-10 of the scale, wherever the formula is defined."""
    expected = torch.as_tensor(expected).reshape(len(x), -1)
    defined = expected.isfinite()
    assert bool(defined.any())
    with torch.no_grad():
        gap = (model(x) - expected)[defined].abs().max()
    assert float(gap) <= 1e-10 * float(expected[defined].abs().max().clamp_min(1e-300))


@pytest.mark.parametrize(("text", "ranges"), FORMULAS, ids=[text for text, _ in FORMULAS])
def test_the_network_equals_the_formula(text, ranges):
    names, expected = oracle(text)
    model = from_formula(text, names, ranges)
    assert model.input_names == names
    x = points(ranges, len(names))
    assert_equals(model, x, expected(x))
    for l, layer in enumerate(model.layers):  # nothing is left to a spline
        assert len(layer.symbolic.edges) == int(layer.mask.sum()), l


FEYNMAN = {
    "I.12.11": "1 + a sin(t)",
    "I.26.2": "arcsin(n sin(t2))",
    "I.29.16": "sqrt(1 + a^2 - 2 a cos(t1 - t2))",
    "I.30.3": "sin(n t/2)^2/sin(t/2)^2",
    "I.37.4": "1 + a + 2 sqrt(a) cos(d)",
    "I.44.4": "n ln(a)",
    "I.50.26": "cos(a) + alpha cos(a)^2",
    "II.11.7": "n0 (1 + a cos(t))",
    "III.9.52": "a sin((b - c)/2)^2/((b - c)/2)^2",
    "III.17.37": "beta (1 + alpha cos(t))",
}
"""With brackets after functions; the others are read as they are printed."""


@pytest.mark.parametrize("problem", feynman_equations(), ids=lambda problem: problem.name)
def test_feynman_equations(problem):
    model = from_formula(FEYNMAN.get(problem.name, problem.formula), problem.variables, problem.ranges)
    x = points(problem.ranges, len(problem.variables))
    assert_equals(model, x, problem.function(x))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_of_the_library_is_one_edge(name):
    function, z = FUNCTIONS[name], sympy.Symbol("z")
    expression = sympy.sympify(function.formula, locals={"z": z, "p": sympy.Float(0.7)})
    model = from_formula(expression, ["z"])
    (found,) = model.symbolic_edges.values()
    assert found in (name, function.twin_of)
    x = points((-1, 1), 1)
    assert_close(model(x).detach(), function(x, torch.tensor(0.7, dtype=F64)), equal_nan=True, rtol=1e-13, atol=0)


# ------------------------------------------------------------------------------------------- random formulas

ONE = {
    "sin": np.sin, "cos": np.cos, "tanh": np.tanh, "exp": np.exp, "sqrt": np.sqrt, "log": np.log, "Abs": np.abs,
    "atan": np.arctan, "cosh": np.cosh, "sign": np.sign,
}  # fmt: skip
TWO = {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide}


def trees():
    leaves = st.sampled_from(["x", "y", "z", 2, 3, 0.5, -1.5])
    return st.recursive(
        leaves,
        lambda part: st.one_of(
            st.tuples(st.sampled_from(sorted(ONE)), part),
            st.tuples(st.sampled_from(sorted(TWO)), part, part),
            st.tuples(st.just("^"), part, st.sampled_from([-2, -1, 2, 3, 5, 6, 7, 9, 0.5, -0.5, 1.5])),
        ),
        max_leaves=12,
    )


def text_of(tree):
    if not isinstance(tree, tuple):
        return f"({tree})"
    head, *parts = tree
    if head in ONE:
        return f"{head}({text_of(parts[0])})"
    return f"({text_of(parts[0])}{head}{text_of(parts[1])})" if head != "^" else f"({text_of(parts[0])}^({parts[1]}))"


def value_of(tree, values):
    if not isinstance(tree, tuple):
        return values[tree] if isinstance(tree, str) else np.full_like(values["x"], tree)
    head, *parts = tree
    first = value_of(parts[0], values)
    if head in ONE:
        return ONE[head](first)
    if head == "^":
        return first ** parts[1] if parts[1] != int(parts[1]) or parts[1] > 0 else 1 / first ** -parts[1]
    return TWO[head](first, value_of(parts[1], values))


@settings(max_examples=80)
@given(tree=trees())
def test_random_formulas(tree):
    x = points((-2, 2), 3, rows=200)
    with np.errstate(all="ignore"):
        single = {n: column.numpy() for n, column in zip("xyz", x.T, strict=True)}
        expected = value_of(tree, single)
        wide = value_of(tree, {n: column.astype(np.longdouble) for n, column in single.items()})
        nearby = value_of(tree, {n: column * (1 + 1e-13) for n, column in single.items()})
        finite = np.isfinite(expected) & np.isfinite(nearby) & (np.abs(expected) < 1e12)
        # Rows at which the formula itself loses digits say nothing about the network.
        scale = np.abs(expected[finite]).max(initial=0)
        lost = np.abs(expected - wide).astype(float) + np.abs(expected - nearby)
        good = finite & (lost <= 1e-11 * scale)
    if not good.any() or scale == 0:
        return
    try:
        model = from_formula(text_of(tree), "x y z", (-2, 2))
    except ParameterError as refused:  # 1/(x - x) is finite here and there by rounding
        message = str(refused)
    else:
        message = None
        with torch.no_grad():
            gap = np.abs(model(x)[:, 0].numpy()[good] - expected[good])
        assert np.all(gap <= 1e-10 * scale)
    assert message is None or "no finite number" in message or "complex" in message


# ---------------------------------------------------------------------------------------------------- layout


@pytest.mark.parametrize(
    ("text", "width", "edges"),
    [
        ("exp(sin(pi*x) + y^2)", [2, 1, 1], 3),
        ("x*y", [2, [0, 1]], 2),
        ("2*a*b*c", [3, [0, 1]], 3),  # one product of three
        ("(a + b)/(1 + a*b)", [2, [1, 1], [0, 1]], 6),
        ("m/sqrt(1 - v^2/c^2)", [3, [1, 1], [0, 1]], 5),
        ("cos(x + y) + sin(2*x + 2*y + 1)", [2, 1, 2, 1], 6),  # x + y once; two functions of it cannot be one edge
        ("exp(x + y)*sin(x + y)", [2, 1, [0, 1]], 4),
        ("x^2 + 3*x + 1", [1, 1], 1),  # a parabola
        ("1/(2 + 3*exp(x))", [1, 1], 1),  # a sigmoid
        ("exp(-(x - 1)^2)", [1, 1], 1),  # a Gaussian
        ("max(x, 2)", [1, 1], 1),
        ("x^12", [1, 1, 1], 2),
        ("exp(exp(exp(x))) + a + b + c", [4, 2, 2, 1], 8),  # a + b + c pass as one
    ],
)
def test_networks_are_small(text, width, edges):
    model = from_formula(text)
    assert (model.width, model.n_edges) == (width, edges)


def test_several_outputs_share_their_parts_and_keep_their_order():
    model = from_formula(["x*y", "3", "exp(x*y)", "x", "x*y", "-y"], "x y unused")
    x = points((-1, 1), 3)
    a, b, _ = x.unbind(1)
    expected = torch.stack([a * b, 0 * a + 3, (a * b).exp(), a, a * b, -b], dim=1)
    assert_close(model(x).detach(), expected, rtol=0, atol=1e-14)
    assert sum(products for _, products in model.nodes) == 1
    assert model.output_names == ["y1", "y2", "y3", "y4", "y5", "y6"]


def test_products_may_be_outputs():
    model = from_formula(["x", "x*y", "x*y", "x/y"], ranges=(1, 2))
    assert model.width == [2, [1, 3]]
    x = points((1, 2), 2)
    a, b = x.unbind(1)
    assert_close(model(x).detach(), torch.stack([a, a * b, a * b, a / b], dim=1), rtol=1e-15, atol=0)


def test_a_product_before_a_sum_passes_through_one_more_layer():
    model = from_formula(["x*y", "exp(x)"])  # sums come first in a layer
    x = points((-1, 1), 2)
    a, b = x.unbind(1)
    assert_close(model(x).detach(), torch.stack([a * b, a.exp()], dim=1), rtol=1e-15, atol=0)
    assert model.width == [2, [1, 1], 2]


@pytest.mark.parametrize(("text", "value"), [("3", 3.0), ("sin(1) + pi/2", math.sin(1) + math.pi / 2), ("x - x", 0.0)])
def test_constants(text, value):
    model = from_formula(text)
    assert model.input_names == ["x1"]
    assert_close(model(torch.rand(4, 1, dtype=F64)).detach(), torch.full((4, 1), value, dtype=F64))
    assert from_formula(text, ["a", "b"]).in_features == 2


def test_a_constant_can_be_refined():
    model, x = from_formula("3", "x"), points((-1, 1), 1)
    assert model.fit((x, torch.full_like(x, 4.0)), progress=False)["train_loss"][-1] < 1e-20


# ------------------------------------------------------------------------------------------------- reading


@pytest.mark.parametrize(
    ("ours", "sympys"),
    [
        ("2 x y", "2*x*y"),
        ("2x^2", "2*x**2"),
        ("-x^2", "-(x**2)"),
        ("x^-2^2", "x**(-(2**2))"),
        ("x/2 y", "x/2*y"),
        ("3 (x + 1)(x - .5e1)", "3*(x + 1)*(x - 5.0)"),
        ("x - -y - 1", "x + y - 1"),
        ("ln(x) + arctan(y) + abs(x) sgn(y)", "log(x) + atan(y) + Abs(x)*sign(y)"),
        ("j0(x) + pow(x, 3) + E^x", "besselj(0, x) + x**3 + exp(x)"),
        ("cbrt(x) + log(x, 2)", "x**(1/3) + log(x)/log(2)"),
    ],
)
def test_text_is_read_as_sympy_reads_it(ours, sympys):
    names, expected = oracle(sympys)
    x = points((0.2, 2), len(names))
    assert_equals(from_formula(ours, names, (0.2, 2)), x, expected(x))


def test_names_are_variables_unless_they_are_called():
    names = ["beta", "lambda", "S", "N", "E", "gamma", "I", "Δx"]
    model = from_formula(" + ".join(f"{n + 1}*{name}" for n, name in enumerate(names)), names)
    assert model.input_names == names
    assert model(torch.ones(1, 8, dtype=F64)).item() == pytest.approx(36)
    assert from_formula("pi*beta + E").input_names == ["beta"]


def test_names_of_inputs():
    x, y = sympy.symbols("x y")
    assert from_formula("b*a + c").input_names == ["a", "b", "c"]
    assert from_formula(x - y, [y, x]).input_names == ["y", "x"]
    assert from_formula(x - y, [y, x])(torch.tensor([[1.0, 5.0]], dtype=F64)).item() == 4
    assert from_formula("x", "z, x").input_names == ["z", "x"]
    # Assumptions do not make another variable; a positive one may have simplified more.
    assert from_formula(sympy.sqrt(sympy.Symbol("x", positive=True) ** 2) + x).symbolic_edges == {(0, 0, 0): "x"}


X, Y = sympy.symbols("x y")


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("gamma(x)", r"'gamma\(x\)' calls the function gamma, which is not supported. Supported are real numbers, \+"),
        (sympy.gamma(X) + 1, r"gamma\(x\) \+ 1 holds the function gamma, which is not"),
        (sympy.besselj(3, X), "the function besselj of order 3"),
        ("besselj(0.5, x)", "the function besselj of order 0.5"),
        (sympy.Piecewise((X, X > 0), (1, True)), "the function Piecewise"),
        (sympy.Eq(X, 1), r"the relation Eq\(x, 1\)"),
        (X < 1, "the relation x < 1"),
        (sympy.Function("f")(X), "the function f"),
        (sympy.atan2(X, Y), "the function atan2"),
        (sympy.floor(X), "the function floor"),
        (sympy.Integral(X, X), "the function Integral"),
        (sympy.I * X, "the complex number I"),
        (sympy.sqrt(X) * sympy.sqrt(-2), "the complex number I"),
        ("log(-2) + x", "complex number"),
        ("I*x", "holds I, which is no real number. If it is a variable, list it in `names`"),
        ("x/0", "zoo .no finite number, as from a division by zero"),
        (sympy.oo, "oo .no finite number"),
        ("1e400*x", "no finite number"),
        ("(-2)^x", r"the power \(-2\)\*\*x with a base that is not positive"),
        ("__import__('os')", "calls the function __import__"),
        ("x.real", "cannot be read before '.real'"),
        ("x +", "cannot be read at its end: a number, a name or a bracket was expected"),
        ("(x", r"at its end: '\)' was expected"),
        ("x y)", r"before '\)': an operator was expected"),
        ("exp x", r"before 'x': '\(' was expected"),
        ("sin(x, y)", "sin does not take 2 arguments"),
        ("x = 1", "before '= 1': this cannot be read"),
        ("", "at its end"),
        ([], "at least one formula"),
        (None, "must be text, a sympy expression or a list of them; got None"),
        (sympy.Matrix([X]), "must be text, a sympy expression"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(expression, message):
    with pytest.raises(ParameterError, match=message):
        from_formula(expression)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"names": ["x"]}, r"`names` must hold every variable of the formula; 'y', 'z' are missing from \['x'\]"),
        ({"names": ["x", "y"]}, "'z' is missing"),
        ({"names": ["x", "x"]}, "`names` must be different names"),
        ({"names": []}, "`names` must be different names, at least one"),
        ({"ranges": (1, -1)}, r"`ranges` must be a finite \(lo, hi\) with lo < hi, or one pair for each of 3 inputs"),
        ({"ranges": [(0, 1), (0, 1)]}, "one pair for each of 3 inputs"),
        ({"ranges": (0, math.inf)}, "`ranges` must be a finite"),
        ({"ranges": "ab"}, "`ranges` must be a finite"),
        ({"grid": 0}, "`grid`"),
        ({"k": -1}, "`k`"),
        ({"dtype": torch.int64}, "`dtype` must be a floating dtype"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ParameterError, match=message):
        from_formula("x + y*z", **arguments)


def test_a_formula_that_is_defined_nowhere():
    with pytest.raises(
        DomainError, match=r"at none of \d+ points of its `ranges`: log\(-x\*\*2 - 1\) has no finite value"
    ):
        from_formula("exp(log(-x^2 - 1)*y)")
    with pytest.raises(DomainError, match=r"sqrt\(x\) has no finite value there, for example at x = -1\.\d+"):
        from_formula(["x", "sqrt(x)"], ranges=(-2, -1))
    assert from_formula("sqrt(x)").width == [1, 1]  # defined on half of it


# ------------------------------------------------------------------------------- a network like any other


@pytest.mark.parametrize(
    ("text", "ranges"), [FORMULAS[n] for n in (0, 2, 3, 6, 7, 9, 13, 24, 26, 40, 46, 51)], ids=lambda value: str(value)
)
def test_the_network_says_its_formula(text, ranges):
    names, expected = oracle(text)
    model = from_formula(text, names, ranges)
    x = points(ranges, len(names))
    formula = model.formula()
    assert_close(torch.from_numpy(formula(x)[:, 0]), torch.from_numpy(expected(x)), rtol=1e-10, atol=1e-10)
    assert formula.verify(model, x).relative < 1e-10


@pytest.mark.parametrize(
    "text",
    [
        "x*y/z",
        "exp(sin(pi*x) + y**2)",
        "m/sqrt(1 - v**2/c**2)",
        "x**3*exp(-y) + 2",
        "sqrt(x**2 + y**2)",
        "(x + 1)/(y + 2)",
    ],
)
def test_the_round_trip_is_symbolically_equal(text):
    model = from_formula(text, ranges=(0.2, 0.9))
    x = points((0.2, 0.9), model.in_features)
    (found,), symbols = model.formula(x).expressions, model.formula().symbols
    wanted = sympy.sympify(text, locals={str(s): s for s in symbols})
    assert sympy.simplify(found - wanted) == 0


def test_shifted_constants_are_found_on_data():
    model = KAN.from_formula("exp(sin(pi*x) + y^2)", ["x", "y"])
    x = points((-1, 1), 2)
    labels = (2 * torch.exp(torch.sin(3 * x[:, 0]) + 1.2 * x[:, 1] ** 2) + 0.5)[:, None]
    losses = model.fit((x, labels), progress=False)["train_loss"]
    assert losses[0] > 1
    assert losses[-1] < 1e-20
    assert str(model.formula(x, labels)) == "y = 2*exp(6*y**2/5 + sin(3*x)) + 1/2"


def test_saved_drawn_pruned_and_refined(tmp_path):
    model = KAN.from_formula("m/sqrt(1 - v^2/c^2)", "m v c", ranges=[(1, 2), (-1, 1), (1.5, 3)], grid=4, k=2)
    assert (model.grid, model.k) == (4, 2)
    x = points([(1, 2), (-1, 1), (1.5, 3)], 3)
    model.save(tmp_path / "m.kan")
    for other in (KAN.load(tmp_path / "m.kan"), model.refine(8), model.prune(x)):
        assert_close(other(x), model(x), rtol=1e-13, atol=0)
    texts = [text.get_text() for axes in model.plot().axes for text in axes.texts]
    assert "1/sqrt(x)" in texts
    assert model.formula().symbols == [sympy.Symbol(name, real=True) for name in "mvc"]


@pytest.mark.parametrize(("grid", "error"), [(5, 0.05), (20, 2e-4)])
def test_the_splines_below_follow_the_functions(grid, error):
    ranges = [(0.5, 2), (-1, 1), (3, 4)]
    model = from_formula("exp(sin(pi*x)/y + z^2/9)*log(y)", ["y", "x", "z"], ranges, grid=grid)
    x = points(ranges, 3)
    expected = model(x).detach()
    for edge in model.symbolic_edges:
        model.unfix_symbolic(*edge)
    assert not model.symbolic_edges
    gap = (model(x).detach() - expected).square().mean().sqrt() / expected.std()
    assert float(gap) < error
    assert_close(model.layers[0].domain, torch.tensor(ranges, dtype=F64))


def test_the_grids_of_hidden_nodes_hold_their_values():
    model = from_formula("sin(1000*x + 1e4)^2*exp(y/1e3)")
    x = points((-1, 1), 2)
    for layer, values in zip(model.layers, model.activations(x), strict=False):
        lo, hi = layer.domain.unbind(1)
        assert bool(((lo <= values) & (values <= hi)).all())
        assert bool((hi - lo <= 1.3 * (values.amax(0) - values.amin(0))).all())


def test_poles_and_constants_leave_grids_usable():
    model = from_formula("sin(1/x)*exp(y - y) + log(y)")  # undefined for half of y
    assert all(bool(layer.spline_weight.isfinite().all()) for layer in model.layers)
    assert float((model.layers[1].domain[:, 1] - model.layers[1].domain[:, 0]).max()) < 1000
    nested = "sin(" * 12 + "x" + "/9)" * 12  # ends as a constant but for 1e-12
    assert all(bool(layer.domain.diff().min() > 0) for layer in from_formula(nested, dtype=torch.float32).layers)


def test_single_precision():
    model = from_formula("exp(sin(pi*x) + y^2)", dtype=torch.float32)
    x = points((-1, 1), 2)
    expected = torch.exp(torch.sin(torch.pi * x[:, :1]) + x[:, 1:] ** 2)
    assert_close(model(x.float()).detach(), expected.float(), rtol=1e-5, atol=1e-5)


@pytest.mark.usefixtures("global_random_state_untouched")
def test_nothing_is_drawn_from_global_generators():
    first, second = (from_formula("x*y + sin(x)") for _ in range(2))
    assert all(torch.equal(one, other) for one, other in zip(first.parameters(), second.parameters(), strict=True))


def test_long_formulas():
    x, y, z = sympy.symbols("x y z")
    power = sympy.expand((x + 2 * y + 3 * z + 1) ** 4)
    rows = points((-1, 1), 3)
    assert_equals(from_formula(power), rows, (rows @ torch.tensor([1.0, 2.0, 3.0], dtype=F64) + 1) ** 4)
    deep = x
    for n in range(40):
        deep = sympy.sin(deep + n)
    assert len(from_formula(deep).layers) == 40

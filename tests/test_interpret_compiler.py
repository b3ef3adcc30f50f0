"""A formula as a network: the same values, few edges, refusals by name, and a model like any other."""

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


@settings(max_examples=120)
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

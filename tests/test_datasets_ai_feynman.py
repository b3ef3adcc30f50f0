"""The hundred equations of AI Feynman: torch against mpmath, ranges, the rows that others have wrong."""

import math

import mpmath
import pytest
import sympy
import torch

from edgewise.datasets import ai_feynman_equations, ai_feynman_expression, load_ai_feynman, load_feynman
from edgewise.errors import ParameterError
from edgewise.interpret import check_units, parse_unit

NAMES = [problem.name for problem in ai_feynman_equations()]


@pytest.mark.parametrize("name", NAMES)
def test_torch_says_what_sympy_says(name):
    problem = load_ai_feynman(name)
    ranges = torch.tensor(problem.ranges, dtype=torch.float64)
    x = ranges[:, 0] + (ranges[:, 1] - ranges[:, 0]) * torch.rand(
        5, problem.n_var, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    )
    values = problem(x)
    expression = ai_feynman_expression(problem)
    assert {str(s) for s in expression.free_symbols} == set(problem.variables)
    exact = sympy.lambdify([sympy.Symbol(v, real=True) for v in problem.variables], expression, "mpmath")
    for row, value in zip(x.tolist(), values.tolist(), strict=True):
        with mpmath.workdps(30):
            expected = exact(*map(mpmath.mpf, row))
            assert abs(mpmath.mpf(value) - expected) <= 1e-12 * max(abs(expected), mpmath.mpf("1e-3"))


def test_other_problems_have_no_expression():
    """Their formulas are for reading, not in sympy's language."""
    with pytest.raises(ParameterError, match="must be one of `ai_feynman_equations"):
        ai_feynman_expression(load_feynman("I.16.6"))


def test_a_hundred_different_names():
    assert len(set(NAMES)) == 100


@pytest.mark.parametrize(
    ("name", "at", "value"),
    [("I.16.6", (3.0, 1.0, 1.0), None), ("I.18.4", (1.0, 3.0, 5.0, 1.0), 2.0), ("I.18.12", (2.0, 3.0, 0.5), None)],
)
def test_rows_that_copies_of_the_set_have_wrong(name, at, value):
    """I.16.6 adds velocities (not multiplies them); I.18.4 is a centre of mass and I.18.12 a torque."""
    problem = load_ai_feynman(name)
    named = dict(zip(problem.variables, at, strict=True))
    expected = {
        "I.16.6": lambda c, v, u: (u + v) / (1 + u * v / c**2),
        "I.18.4": lambda m1, m2, r1, r2: (m1 * r1 + m2 * r2) / (m1 + m2),
        "I.18.12": lambda r, F, theta: r * F * math.sin(theta),
    }[name](**named)
    assert value is None or expected == value
    got = problem(torch.tensor([at], dtype=torch.float64))
    assert got.item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_the_formula_has_the_unit_of_the_output(name):
    problem = load_ai_feynman(name)
    assert list(problem.units) == list(problem.variables)
    assert check_units(problem.expression, problem.units) == parse_unit(problem.output_unit)


def test_units_of_a_known_law():
    """Coulomb's: a charge is A s, which in the set's base units is an energy per volt."""
    units = load_ai_feynman("I.12.2").units
    assert parse_unit(units["q1"]) == parse_unit("A s")
    assert parse_unit(units["epsilon"]) == parse_unit("A^2 s^4/(kg m^3)")
    assert parse_unit(load_ai_feynman("I.12.2").output_unit) == parse_unit("N")

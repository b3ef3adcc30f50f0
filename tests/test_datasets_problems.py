"""The published problem sets: values against mpmath and by hand, finite on the whole box, rows complete."""

import itertools
import math
from dataclasses import replace

import mpmath
import numpy as np
import pandas as pd
import pytest
import sympy
import torch

from edgewise.datasets import (
    Problem,
    ai_feynman_equations,
    create_dataset,
    feynman_equations,
    load_ai_feynman,
    load_feynman,
    load_special,
    special_functions,
)
from edgewise.errors import DomainError, ParameterError, ShapeError

SPECIAL, FEYNMAN = special_functions(), feynman_equations()
ALL = [*SPECIAL, *FEYNMAN]


def harmonic(m, n):
    """Closed forms in sines and cosines, from a table of real parts with the Condon-Shortley sign."""
    pi, sin, cos = mpmath.pi, mpmath.sin, mpmath.cos
    return {
        (0, 1): lambda t, p: mpmath.sqrt(3 / (4 * pi)) * cos(p),
        (1, 1): lambda t, p: -mpmath.sqrt(3 / (8 * pi)) * sin(p) * cos(t),
        (0, 2): lambda t, p: mpmath.sqrt(5 / (16 * pi)) * (3 * cos(p) ** 2 - 1),
        (1, 2): lambda t, p: -mpmath.sqrt(15 / (8 * pi)) * sin(p) * cos(p) * cos(t),
        (2, 2): lambda t, p: mpmath.sqrt(15 / (32 * pi)) * sin(p) ** 2 * cos(2 * t),
    }[m, n]


SPECIAL_ORACLES = {
    "jacobian_elliptic": lambda u, m: mpmath.ellipfun("sn", u, m=m),
    "elliptic_f": mpmath.ellipf,
    "elliptic_e": mpmath.ellipe,
    "bessel_j": mpmath.besselj,
    "bessel_y": mpmath.bessely,
    "bessel_k": mpmath.besselk,
    "bessel_i": mpmath.besseli,
    **{f"legendre_{m}": lambda v, x, m=m: mpmath.legenp(v, m, x, type=2) for m in range(3)},
    **{f"harmonic_{m}_{n}": harmonic(m, n) for m, n in [(0, 1), (1, 1), (0, 2), (1, 2), (2, 2)]},
}

# The same function by another road (addition theorems, complex numbers, norms), so that a slip is not made twice.
e = mpmath
FEYNMAN_ORACLES = {
    "I.6.2": lambda t, s: e.npdf(t, 0, s),
    "I.6.2b": lambda t, t1, s: e.npdf(t, t1, s),
    "I.9.18": lambda a, b, c, d, f, g: a / (e.norm([b - 1, c - d, f - g]) ** 2),
    "I.12.11": lambda a, t: 1 + a * e.cos(t - e.pi / 2),
    "I.13.12": lambda a, b: 3 * (a / 3) / b - a,
    "I.15.3x": lambda a, b: (1 - a) * e.cosh(e.atanh(b)),
    "I.16.6": lambda a, b: e.tanh(e.atanh(a) + e.atanh(b)),
    "I.18.4": lambda a, b: (3 * 2 + 3 * a * 2 * b) / (3 + 3 * a) / 2,
    "I.26.2": lambda n, t: e.atan2(n * e.sin(t), e.sqrt(1 - (n * e.sin(t)) ** 2)),
    "I.27.6": lambda a, b: 1 / (1 / e.mpf(2) + b / (2 / a)) / 2,
    "I.29.16": lambda a, t1, t2: abs(a * e.expj(t1) - e.expj(t2)),
    "I.30.3": lambda n, t: (1 - e.cos(n * t)) / (1 - e.cos(t)),
    "I.30.5": lambda a, n: e.atan2(a, e.sqrt(n**2 - a**2)),
    "I.37.4": lambda a, d: abs(1 + e.sqrt(a) * e.expj(d)) ** 2,
    "I.40.1": lambda n, a: n / e.exp(a),
    "I.44.4": lambda n, a: e.log(a**n),
    "I.50.26": lambda a, al: e.cos(a) + al * (1 + e.cos(2 * a)) / 2,
    "II.2.42": lambda a, b: a * b - b,
    "II.6.15a": lambda a, b, c: c * e.hypot(a, b) / (4 * e.pi),
    "II.11.7": lambda n, a, t: n + n * a * e.sin(t + e.pi / 2),
    "II.11.27": lambda n, a: 3 * n * a / (3 - n * a),
    "II.35.18": lambda n, a: n * e.sech(a) / 2,
    "II.36.38": lambda a, al, b: e.fdot([(a, 1), (al, b)]),
    "II.38.3": lambda a, b: a * b**-1,
    "III.9.52": lambda a, b, c: a * e.sinc((b - c) / 2) ** 2,
    "III.10.19": lambda a, b: e.norm([1, a, b]),
    "III.17.37": lambda al, be, t: be + be * al * e.sin(t + e.pi / 2),
}
ORACLES = {**SPECIAL_ORACLES, **FEYNMAN_ORACLES}


def box_points(problem, n, seed=0):
    """`(n, n_var)` Sobol points of the box."""
    lo, hi = torch.tensor(problem.ranges, dtype=torch.float64).T
    unit = torch.quasirandom.SobolEngine(problem.n_var, scramble=True, seed=seed).draw(n, dtype=torch.float64)
    return lo + (hi - lo) * unit


def corners(problem):
    return torch.tensor(list(itertools.product(*problem.ranges)), dtype=torch.float64)


def ids(problem):
    return problem.name


def test_both_sets_are_complete():
    assert (len(SPECIAL), len(FEYNMAN)) == (15, 27)
    assert len({p.name for p in ALL}) == 42
    assert all(isinstance(p, Problem) for p in ALL)


@pytest.mark.parametrize("problem", ALL, ids=ids)
def test_values_agree_with_an_independent_formula(problem):
    x = torch.cat([box_points(problem, 12), corners(problem)[:8]])
    with mpmath.workdps(30):
        expected = [float(mpmath.re(ORACLES[problem.name](*map(mpmath.mpf, row)))) for row in x.tolist()]
    expected = torch.tensor(expected, dtype=torch.float64)
    # scipy's own accuracy decides: 2e-14 at worst, for Legendre functions of fractional degree.
    torch.testing.assert_close(problem(x), expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("problem", ALL, ids=ids)
def test_finite_on_the_whole_box_and_not_constant(problem):
    x = torch.cat([corners(problem), box_points(problem, 10_000)])
    y = problem(x)
    assert y.shape == (len(x),)
    assert bool(y.isfinite().all())
    assert float(y.std()) > 0.02


@pytest.mark.parametrize("problem", ALL, ids=ids)
def test_smooth_inside_the_box(problem):
    """No jump: along random lines the values' second differences shrink as the step squared."""
    lo, hi = torch.tensor(problem.ranges, dtype=torch.float64).T
    ends = box_points(problem, 16, seed=1)
    jumps = []
    for n in (1001, 2001):
        s = torch.linspace(0, 1, n, dtype=torch.float64)[:, None]
        lines = [problem(a + s * (b - a)) for a, b in zip(ends[:8], ends[8:], strict=True)]
        jumps.append(max(float(y.diff(n=2).abs().max()) for y in lines) / float((hi - lo).max()))
    assert jumps[1] < 0.35 * jumps[0] + 1e-12  # a kink would halve them, a jump keep them


@pytest.mark.parametrize("problem", ALL, ids=ids)
def test_published_numbers_and_shapes(problem):
    kinds = {"min KAN", "best KAN", "MLP"} if problem in SPECIAL else {"human KAN", "pruned KAN", "unpruned KAN", "MLP"}
    assert set(problem.published) == kinds
    assert all(0 < error < 1 for error in problem.published.values())
    assert all(w[0] >= problem.n_var and w[-1] == 1 for w in problem.shapes.values())
    assert "arXiv:2404.19756, Table" in problem.source
    assert problem.why
    assert problem.formula


def test_sums_over_the_tables_equal_those_computed_from_the_paper():
    def mean(problems, kind):
        return math.exp(sum(math.log(p.published[kind]) for p in problems) / len(problems))

    # Geometric means computed from the published tables by other means; three digits survive a wrong cell badly.
    assert [mean(FEYNMAN, kind) for kind in ("human KAN", "pruned KAN", "unpruned KAN", "MLP")] == pytest.approx(
        [1.46e-3, 4.93e-4, 7.64e-4, 5.78e-4], rel=5e-3
    )
    assert mean(SPECIAL, "MLP") / mean(SPECIAL, "best KAN") == pytest.approx(8.2, abs=0.05)
    winners = [min(p.published, key=p.published.__getitem__) for p in FEYNMAN]
    assert [winners.count(kind) for kind in FEYNMAN[0].published] == [3, 10, 5, 9]


def test_dataset_is_the_function_on_the_box():
    problem = load_feynman("I.27.6")
    data = problem.dataset(50, 20, seed=3, dtype=torch.float64)
    assert data["train_input"].shape == (50, 2)
    assert data["test_label"].shape == (20, 1)
    a, b = data["train_input"].T
    assert bool(((a >= 0.25) & (a <= 2) & (b >= 0.5) & (b <= 2)).all())
    torch.testing.assert_close(data["train_label"][:, 0], 1 / (1 + a * b), rtol=1e-15, atol=0)
    assert not torch.equal(problem.dataset(50, 20, seed=4, dtype=torch.float64)["train_input"], data["train_input"])


def test_a_formula_outside_its_domain_has_no_value():
    """A plain call says NaN or infinity, and never a number."""
    assert load_feynman("I.44.4")([[1.0, -1.0], [1.0, 0.0]]).isfinite().tolist() == [False, False]
    assert load_special("elliptic_f")([[0.5, 9.0]]).isnan().tolist() == [True]


def test_create_dataset_takes_the_box_of_a_problem():
    problem = load_ai_feynman("I.18.4")  # four variables
    wanted = problem.dataset(50, 20, 3, dtype=torch.float64)
    for n_var in (None, 4):
        data = create_dataset(problem, n_var, train_num=50, test_num=20, seed=3, dtype=torch.float64)
        assert all(torch.equal(data[part], wanted[part]) for part in wanted)
    narrow = create_dataset(problem, ranges=(1.0, 1.5))["train_input"]
    assert (narrow.shape, bool(((narrow >= 1) & (narrow <= 1.5)).all())) == ((1000, 4), True)


def test_create_dataset_refuses_another_number_of_variables():
    with pytest.raises(ParameterError, match=r"`n_var` must be 2 or left out for .* variables v, x; got 3"):
        create_dataset(load_special("bessel_j"), n_var=3)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("problem", [*ALL, *ai_feynman_equations()], ids=lambda p: f"{p.source[:3]} {p.name}")
def test_data_are_finite(problem, dtype):
    assert all(bool(part.isfinite().all()) for part in problem.dataset(2000, 2000, dtype=dtype, noise=0.1).values())


@pytest.mark.parametrize(("problem", "dtype"), [
    (replace(load_feynman("I.44.4"), ranges=((0.0, 1.0), (-1.0, 4.0))), torch.float64),  # a logarithm
    (load_ai_feynman("III.9.52"), torch.float16),  # 0/0 where two inputs round to the same number
])  # fmt: skip
def test_data_that_would_not_be_finite_are_refused(problem, dtype):
    with pytest.raises(DomainError, match=r"not finite at \d+ of 1000 samples \(first at x = "):
        problem.dataset(dtype=dtype)


@pytest.mark.parametrize("problem", [load_special("bessel_j"), load_feynman("I.44.4")], ids=ids)
def test_float32_labels_are_rounded_float64_ones(problem):
    x = box_points(problem, 100).float()
    assert problem(x).dtype == torch.float32
    assert torch.equal(problem(x), problem(x.double()).float())


@pytest.mark.parametrize(
    ("load", "name", "where"),
    [
        (load_feynman, "I.12.1", r"`load_ai_feynman\('I\.12\.1'\)` has it: mu\*Nn\. Did you mean 'I\.12\.11'"),
        (load_ai_feynman, "II.11.7", r"`load_feynman\('II\.11\.7'\)` has it: n0 \(1 \+ a.* Did you mean 'II\.1"),
        (load_feynman, "bessel_j", r"`load_special\('bessel_j'\)` has it: jv\(v, x\)\. `feynman_equations"),
    ],
)
def test_a_name_of_another_set_is_answered_with_its_loader(load, name, where):
    with pytest.raises(ParameterError, match=rf"there is no problem '{name}'\. {where}"):
        load(name)


def test_wrong_shape_names_the_variables():
    with pytest.raises(ShapeError, match=r"I\.16\.6: inputs must be \(N, 2\).*\(a, b\); got \(3,\)"):
        load_feynman("I.16.6")(torch.zeros(3))


@pytest.mark.parametrize(
    "x",
    [
        [[0.5, 2.0], [1.0, 1.0]],
        ((0.5, 2), (1, 1)),
        np.array([[0.5, 2.0], [1.0, 1.0]], dtype=np.float32),
        np.array([[1.0, 1.0], [0.5, 2.0]])[::-1],
        pd.DataFrame({"a": [0.5, 1.0], "b": [2.0, 1.0]}),
        [[torch.tensor(0.5), torch.tensor(2.0)], [1.0, 1.0]],
    ],
    ids=["list", "tuple", "float32", "reversed", "frame", "scalars"],
)
def test_anything_like_an_array_is_read(x):
    values = load_feynman("I.27.6")(x)
    assert (values.dtype, values.tolist()) == (torch.float64, [0.5, 0.5])


def test_whole_numbers_have_values_that_are_none():
    values = load_feynman("I.27.6")(torch.tensor([[1, 2]]))
    torch.testing.assert_close(values, torch.tensor([1 / 3], dtype=torch.float64), rtol=1e-15, atol=0)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ([0.5, 0.5], r"got \(2,\)\. One row is \[\[a, b\]\]"),
        ([[1, 2], [3]], r"got \[\[1, 2\], \[3\]\] \(.*inhomogeneous"),
        ([["1", "2"]], r"got \[\['1', '2'\]\] \(<U1 is no real number"),
        (np.ones((2, 2)) * 1j, r"complex128 is no real number"),
        (torch.ones(2, 2) * 1j, r"got torch\.complex64"),
        (None, r"got \(\)\.$"),
        ({"a": 1}, r"got \{'a': 1\} \("),
        ([[torch.ones(1, requires_grad=True), 1.0]], r"detach\(\)"),
    ],
)
def test_what_is_no_table_of_numbers_is_refused_with_the_names_of_the_variables(x, message):
    with pytest.raises(ShapeError, match=rf"(?s)I\.27\.6: inputs must be \(N, 2\), .* \(a, b\); .*{message}"):
        load_feynman("I.27.6")(x)


def test_domain_as_text():
    assert load_feynman("I.6.2").domain == "t in [-1, 1], s in [0.5, 2]"


@pytest.mark.parametrize("problem", ALL, ids=ids)
def test_torch_says_what_sympy_reads_in_the_formula(problem):
    expression = problem.expression
    symbols = [sympy.Symbol(name, real=True) for name in problem.variables]
    assert expression.free_symbols <= set(symbols)
    names = {"jacobi_sn": lambda u, m: mpmath.ellipfun("sn", u, m=m)}  # sympy has none
    exact = sympy.lambdify(symbols, expression, [names, "mpmath"])
    x = box_points(problem, 8, seed=2)
    with mpmath.workdps(30):
        expected = [float(mpmath.re(exact(*map(mpmath.mpf, row)))) for row in x.tolist()]
    # As above: scipy decides.
    torch.testing.assert_close(problem(x), torch.tensor(expected, dtype=torch.float64), rtol=1e-13, atol=1e-13)


def test_noise_is_on_the_training_labels_and_a_generator_goes_on():
    problem = load_feynman("I.16.6")
    clean = problem.dataset(4000, 50, 3, dtype=torch.float64)
    noisy = problem.dataset(4000, 50, 3, dtype=torch.float64, noise=0.1)
    assert torch.equal(clean["train_input"], noisy["train_input"])
    assert torch.equal(clean["test_label"], noisy["test_label"])
    # 0.1 to four standard errors of a deviation over 4000 rows
    assert float((noisy["train_label"] - clean["train_label"]).std()) == pytest.approx(0.1, rel=4 / math.sqrt(8000))
    generator = torch.Generator().manual_seed(3)
    first = problem.dataset(10, 5, generator=generator, dtype=torch.float64)
    second = problem.dataset(10, 5, generator=generator, dtype=torch.float64)
    assert torch.equal(first["train_input"], problem.dataset(10, 5, 3, dtype=torch.float64)["train_input"])
    assert not torch.equal(first["train_input"], second["train_input"])


@pytest.mark.parametrize(
    ("load", "name", "near"),
    [
        (load_special, "bessl_j", "Did you mean 'bessel_j'.* `special_functions.* all 15 of this set"),
        (load_feynman, "I.16.66", "Did you mean 'I.16.6'.* `feynman_equations.* all 27 of this set"),
        (load_ai_feynman, "I.18.13", "Did you mean 'I.18.1[24]'.* `ai_feynman_equations.* all 100 of this set"),
    ],
)
def test_an_unknown_name_is_answered_with_what_comes_near(load, name, near):
    with pytest.raises(ParameterError, match=rf"there is no problem '{name}'\. {near}, '[IVXa-z._0-9]+' the first\.$"):
        load(name)


@pytest.mark.parametrize("name", ["quadratic", 3, None])
def test_a_name_that_is_like_none_gets_the_list_alone_where_it_is_short(name):
    with pytest.raises(ParameterError, match=r"there is no problem .* one of jacobian_elliptic, [^?]*$"):
        load_special(name)
    with pytest.raises(ParameterError, match=r"no problem .*\. `ai_feynman_equations\(\)` has all 100 of this set"):
        load_ai_feynman(name)

"""Units: read exactly, refused where they would be wrong; laws of physics as a prefactor and a function of groups."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
import sympy
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from edgewise.errors import DomainError, ParameterError, ShapeError
from edgewise.interpret import Dimensionless, Unit, check_units, dimensionless, parse_unit

BASES = ("m", "kg", "s", "A", "K", "mol", "cd")


def pi_law(names, units, output, law):
    return names.split(), units.split(), output, law


# The laws of the Feynman lectures as AI Feynman numbers them. Units by base: no name that our own table could get wrong
# in the same way; the last column is the law itself.
SPEED, FORCE, ENERGY = "m*s^-1", "kg*m*s^-2", "kg*m^2*s^-2"
CHARGE, VOLT, EPS = "A*s", "kg*m^2*s^-3*A^-1", "A^2*s^4*kg^-1*m^-3"
FIELD, TESLA, MOMENT = "kg*m*s^-3*A^-1", "kg*s^-2*A^-1", "A*m^2"
ACTION, BOLTZMANN, PRESSURE = "kg*m^2*s^-1", "kg*m^2*s^-2*K^-1", "kg*m^-1*s^-2"
WAVE = "s^-1"
SQRT, SIN, COS, EXP, TANH, PI = np.sqrt, np.sin, np.cos, np.exp, np.tanh, np.pi
LAWS = {
    "I.6.2": pi_law("s t", "m m", "m^-1", lambda s, t: EXP(-((t / s) ** 2) / 2) / (SQRT(2 * PI) * s)),
    "I.8.14": pi_law("x1 x2 y1 y2", "m m m m", "m", lambda a, b, c, d: SQRT((b - a) ** 2 + (d - c) ** 2)),
    "I.9.18": pi_law(
        "m1 m2 G x1 x2 y1 y2 z1 z2",
        "kg kg m^3*kg^-1*s^-2 m m m m m m",
        FORCE,
        lambda m, n, G, a, b, c, d, e, f: G * m * n / ((b - a) ** 2 + (d - c) ** 2 + (f - e) ** 2),
    ),
    "I.10.7": pi_law("m v c", f"kg {SPEED} {SPEED}", "kg", lambda m, v, c: m / SQRT(1 - (v / (9 * c)) ** 2)),
    "I.12.1": pi_law("mu N", f"1 {FORCE}", FORCE, lambda mu, N: mu * N),
    "I.12.2": pi_law(
        "q1 q2 eps r", f"{CHARGE} {CHARGE} {EPS} m", FORCE, lambda q, p, e, r: q * p / (4 * PI * e * r**2)
    ),
    "I.12.11": pi_law(
        "q E B v th", f"{CHARGE} {FIELD} {TESLA} {SPEED} 1", FORCE, lambda q, E, B, v, th: q * (E + B * v * SIN(th))
    ),
    "I.13.4": pi_law("m v u w", f"kg {SPEED} {SPEED} {SPEED}", ENERGY, lambda m, v, u, w: m * (v**2 + u**2 + w**2) / 2),
    "I.13.12": pi_law(
        "m1 m2 r1 r2 G", "kg kg m m m^3*kg^-1*s^-2", ENERGY, lambda m, n, r, s, G: G * m * n * (1 / s - 1 / r)
    ),
    "I.15.10": pi_law(
        "m v c", f"kg {SPEED} {SPEED}", f"kg*{SPEED}", lambda m, v, c: m * v / SQRT(1 - (v / (9 * c)) ** 2)
    ),
    "I.16.6": pi_law("c v u", f"{SPEED} {SPEED} {SPEED}", SPEED, lambda c, v, u: (u + v) / (1 + u * v / c**2)),
    "I.18.4": pi_law("m1 m2 r1 r2", "kg kg m m", "m", lambda m, n, r, s: (m * r + n * s) / (m + n)),
    "I.18.12": pi_law("r F th", f"m {FORCE} 1", ENERGY, lambda r, F, th: r * F * SIN(th)),
    "I.24.6": pi_law("m w w0 x", f"kg {WAVE} {WAVE} m", ENERGY, lambda m, w, v, x: m * (w**2 + v**2) * x**2 / 4),
    "I.25.13": pi_law("q C", f"{CHARGE} A^2*s^4*kg^-1*m^-2", VOLT, lambda q, C: q / C),
    "I.26.2": pi_law("n th", "1 1", "1", lambda n, th: np.arcsin(SIN(th) / (2 + n))),
    "I.27.6": pi_law("d1 d2 n", "m m 1", "m", lambda d, e, n: 1 / (1 / d + n / e)),
    "I.29.16": pi_law("x1 x2 t1 t2", "m m 1 1", "m", lambda a, b, t, u: SQRT(a**2 + b**2 - 2 * a * b * COS(t - u))),
    "I.30.3": pi_law(
        "I0 n th", "kg*s^-3 1 1", "kg*s^-3", lambda I0, n, th: I0 * SIN(n * th / 2) ** 2 / SIN(th / 2) ** 2
    ),
    "I.32.17": pi_law(
        "eps c E r w w0",
        f"{EPS} {SPEED} {FIELD} m {WAVE} {WAVE}",
        "kg*m^2*s^-3",
        lambda e, c, E, r, w, v: e * c * E**2 / 2 * (8 * PI * r**2 / 3) * w**4 / (w**2 - v**2) ** 2,
    ),
    "I.34.8": pi_law("q v B p", f"{CHARGE} {SPEED} {TESLA} kg*{SPEED}", WAVE, lambda q, v, B, p: q * v * B / p),
    "I.39.22": pi_law("n T V k", f"1 K m^3 {BOLTZMANN}", PRESSURE, lambda n, T, V, k: n * k * T / V),
    "I.40.1": pi_law(
        "n m g x T k",
        f"m^-3 kg m*s^-2 m K {BOLTZMANN}",
        "m^-3",
        lambda n, m, g, x, T, k: n * EXP(-m * g * x / (k * T)),
    ),
    "I.41.16": pi_law(
        "w T h k c",
        f"{WAVE} K {ACTION} {BOLTZMANN} {SPEED}",
        "kg*s^-2",
        lambda w, T, h, k, c: h * w**3 / (PI**2 * c**2 * np.expm1(h * w / (k * T))),
    ),
    "I.43.31": pi_law("b T k", f"s*kg^-1 K {BOLTZMANN}", "m^2*s^-1", lambda b, T, k: b * k * T),
    "I.44.4": pi_law(
        "n T V1 V2 k", f"1 K m^3 m^3 {BOLTZMANN}", ENERGY, lambda n, T, V, W, k: n * k * T * np.log(W / V)
    ),
    "I.47.23": pi_law("g p rho", f"1 {PRESSURE} kg*m^-3", SPEED, lambda g, p, rho: SQRT(g * p / rho)),
    "I.48.20": pi_law("m v c", f"kg {SPEED} {SPEED}", ENERGY, lambda m, v, c: m * c**2 / SQRT(1 - (v / (9 * c)) ** 2)),
    "I.50.26": pi_law("x w t a", f"m {WAVE} s 1", "m", lambda x, w, t, a: x * (COS(w * t) + a * COS(w * t) ** 2)),
    "II.2.42": pi_law(
        "k T1 T2 A d", "kg*m*s^-3*K^-1 K K m^2 m", "kg*m^2*s^-3", lambda k, T, U, A, d: k * (U - T) * A / d
    ),
    "II.6.15a": pi_law(
        "eps p r x y z",
        f"{EPS} {CHARGE}*m m m m m",
        FIELD,
        lambda e, p, r, x, y, z: 3 * p * z * SQRT(x**2 + y**2) / (4 * PI * e * r**5),
    ),
    "II.11.3": pi_law(
        "q E m w0 w",
        f"{CHARGE} {FIELD} kg {WAVE} {WAVE}",
        "m",
        lambda q, E, m, v, w: q * E / (m * (v**2 - w**2)),
    ),
    "II.11.20": pi_law(
        "n p E k T",
        f"m^-3 {CHARGE}*m {FIELD} {BOLTZMANN} K",
        f"{CHARGE}*m^-2",
        lambda n, p, E, k, T: n * p**2 * E / (3 * k * T),
    ),
    "II.13.17": pi_law("eps c I r", f"{EPS} {SPEED} A m", TESLA, lambda e, c, I, r: 2 * I / (4 * PI * e * c**2 * r)),
    "II.35.18": pi_law(
        "n mu B k T",
        f"m^-3 {MOMENT} {TESLA} {BOLTZMANN} K",
        "m^-3",
        lambda n, mu, B, k, T: n / (EXP(mu * B / (k * T)) + EXP(-mu * B / (k * T))),
    ),
    "II.36.38": pi_law(
        "mu H k T a eps c M",
        f"{MOMENT} {TESLA} {BOLTZMANN} K 1 {EPS} {SPEED} A*m^-1",
        "1",
        lambda mu, H, k, T, a, e, c, M: mu * H / (k * T) + mu * a * M / (e * c**2 * k * T),
    ),
    "II.38.3": pi_law("Y A d x", f"{PRESSURE} m^2 m m", FORCE, lambda Y, A, d, x: Y * A * x / d),
    "III.4.33": pi_law(
        "h w k T",
        f"{ACTION} {WAVE} {BOLTZMANN} K",
        ENERGY,
        lambda h, w, k, T: h * w / (2 * PI) / np.expm1(h * w / (2 * PI * k * T)),
    ),
    "III.9.52": pi_law(
        "p E t h w w0",
        f"{CHARGE}*m {FIELD} s {ACTION} {WAVE} {WAVE}",
        "1",
        lambda p, E, t, h, w, v: p * E * t / h * SIN((w - v) * t / 2) ** 2 / ((w - v) * t / 2) ** 2,
    ),
    "III.10.19": pi_law(
        "mu Bx By Bz",
        f"{MOMENT} {TESLA} {TESLA} {TESLA}",
        ENERGY,
        lambda mu, x, y, z: mu * SQRT(x**2 + y**2 + z**2),
    ),
    "III.15.14": pi_law("h E d", f"{ACTION} {ENERGY} m", "kg", lambda h, E, d: h**2 / (2 * E * d**2)),
    "III.21.20": pi_law(
        "rho q A m", f"{CHARGE}*m^-3 {CHARGE} kg*m*s^-2*A^-1 kg", "A*m^-2", lambda rho, q, A, m: -rho * q * A / m
    ),
}


def matrix(units):
    """`(bases, inputs)` exponents, for numpy."""
    return np.array([[float(unit.exponents.get(base, 0)) for unit in units] for base in BASES])


def rescaled(x, units, sizes):
    """Rows as numbers of base units that are `1 / sizes` as large."""
    return x * np.prod(sizes[:, None] ** matrix(units), axis=0)


class TestLaws:
    @pytest.mark.parametrize("name", LAWS)
    def test_every_form_of_every_law_is_a_function_of_its_groups(self, name):
        """Rows that differ by the size of the base units have equal groups, and the same output over its prefactor."""
        names, units, output, law = LAWS[name]
        generator = np.random.default_rng(0)
        x = generator.uniform(0.7, 2.9, (50, len(names)))
        forms = dimensionless(names, units, output, x)
        declared = forms[0].units
        for form in forms:
            before = form.ratio(x, law(*x.T))
            for sizes in generator.uniform(0.3, 3.0, (5, len(BASES))):
                other = rescaled(x, declared, sizes)
                y_size = np.prod(sizes ** matrix([form.output_unit])[:, 0])
                np.testing.assert_allclose(law(*other.T), law(*x.T) * y_size, rtol=1e-8)  # the table above is right
                np.testing.assert_allclose(form.transform(other), form.transform(x), rtol=1e-12)
                np.testing.assert_allclose(form.prefactor_of(other), form.prefactor_of(x) * y_size, rtol=1e-12)
                np.testing.assert_allclose(form.ratio(other, law(*other.T)), before, rtol=1e-8)
            # And there are no more groups than that: as many as the inputs have freedom left.
            rank = np.linalg.matrix_rank(matrix(declared))
            assert len(form.groups) == len(names) - rank
            assert np.linalg.matrix_rank(np.array(form.groups, dtype=float).reshape(-1, len(names))) == len(form.groups)

    @pytest.mark.parametrize(
        ("name", "first"),
        [
            ("I.9.18", "y = m1*m2*G/z2**2 * F(m1/m2, x1/z2, x2/z2, y1/z2, y2/z2, z1/z2)"),
            ("I.12.2", "y = q1*q2/(eps*r**2) * F(q1/q2)"),
            ("I.18.4", "y = r2 * F(m1/m2, r1/r2)"),
            ("I.18.12", "y = r*F * F(th)"),
            ("I.26.2", "y = F(n, th)"),
            ("I.34.8", "y = q*v*B/p * constant"),
            ("I.40.1", "y = n * F(n*x**3, m*g*x/(T*k))"),
            ("I.47.23", "y = sqrt(p/rho) * F(g)"),
            ("I.48.20", "y = m*c**2 * F(v/c)"),
            ("I.50.26", "y = x * F(w*t, a)"),
            ("II.11.20", "y = n*p * F(p*E/(k*T))"),
            ("I.24.6", "y = m*w0**2*x**2 * F(w/w0)"),
        ],
    )
    def test_the_first_form_is_the_one_that_a_physicist_would_write(self, name, first):
        names, units, output, _ = LAWS[name]
        assert str(dimensionless(names, units, output)[0]) == first

    @pytest.mark.parametrize("name", LAWS)
    def test_put_back_into_the_inputs_every_form_has_the_unit_of_the_output(self, name):
        """And the values that prefactor and groups give, whatever `F` is."""
        names, units, output, _ = LAWS[name]
        x = np.random.default_rng(1).uniform(0.7, 2.9, (20, len(names)))
        symbols = [sympy.Symbol(n, real=True) for n in names]
        for form in dimensionless(names, units, output):
            groups = [sympy.Symbol(f"pi_{n}") for n in range(len(form.groups))]
            law = 3 + sum(sympy.exp(-g) + n * g for n, g in enumerate(groups, 1))
            found = form.expression(law, groups, symbols)
            assert check_units(found, dict(zip(names, units, strict=True))) == parse_unit(output)
            inner = 3 + sum(np.exp(-g) + n * g for n, g in enumerate(form.transform(x).T, 1))
            values = sympy.lambdify(symbols, found, "numpy")(*x.T)
            np.testing.assert_allclose(values, form.prefactor_of(x) * inner, rtol=1e-11)

    def test_units_may_be_multiples(self):
        """A pendulum in millimetres, milliseconds and grams is the pendulum in metres, seconds and kilograms."""
        names, base = ["L", "g", "m", "M", "a"], ["m", "m/s^2", "kg", "kg", "1"]
        x = np.random.default_rng(2).uniform(0.5, 2, (30, 5))
        here = x * [1e3, 3600.0**2 / 1e3, 1e3, 1, 1]
        for plain, form in zip(
            dimensionless(names, base, "s"), dimensionless(names, ["mm", "km/h^2", "g", "kg", "1"], "ms"), strict=True
        ):
            assert plain.groups == form.groups
            np.testing.assert_allclose(form.transform(here), plain.transform(x), rtol=1e-13)
            np.testing.assert_allclose(form.prefactor_of(here), 1e3 * plain.prefactor_of(x), rtol=1e-13)
            symbols = sympy.symbols("L g m M a", positive=True)
            groups = sympy.symbols("p q")
            law = form.expression(groups[0] + groups[1] ** 2, groups, symbols)
            expected = form.prefactor_of(here) * (form.transform(here) ** [1, 2]).sum(axis=1)
            np.testing.assert_allclose(sympy.lambdify(symbols, law)(*here.T), expected, rtol=1e-13)
            assert not law.atoms(sympy.Float)  # the numbers are exact


class TestRandomUnits:
    @given(
        powers=st.lists(st.lists(st.integers(-3, 3), min_size=3, max_size=3), min_size=1, max_size=6),
        output=st.lists(st.integers(-2, 2), min_size=6, max_size=6),
        seed=st.integers(0, 99),
    )
    def test_rescaling_the_base_units_changes_nothing_but_the_prefactor(self, powers, output, seed):
        """The output's unit is made from the inputs, so that there is a prefactor."""
        units = [parse_unit(dict(zip(("m", "kg", "s"), p, strict=True))) for p in powers]
        target = math.prod((unit**p for unit, p in zip(units, output, strict=False)), start=Unit())
        names = [f"x{n}" for n in range(len(units))]
        generator = np.random.default_rng(seed)
        x, sizes = generator.uniform(0.6, 1.6, (4, len(units))), generator.uniform(0.7, 1.4, len(BASES))
        other = rescaled(x, units, sizes)
        own = np.prod(sizes ** matrix([target])[:, 0])
        for form in dimensionless(names, units, target, x):
            # Exponents reach some tens, and with them the factor by which the rounding of the inputs grows.
            np.testing.assert_allclose(form.transform(other), form.transform(x), rtol=1e-11)
            np.testing.assert_allclose(form.prefactor_of(other), form.prefactor_of(x) * own, rtol=1e-11)
            assert len(form.groups) == len(units) - np.linalg.matrix_rank(matrix(units))
            chosen = np.array(form.groups, dtype=float).reshape(-1, len(units))
            assert np.linalg.matrix_rank(chosen) == len(form.groups)
            assert all(power.denominator == 1 for group in form.groups for power in group)

    @given(
        powers=st.lists(st.lists(st.integers(-3, 3), min_size=2, max_size=2), min_size=1, max_size=4),
        output=st.lists(st.integers(-3, 3), min_size=2, max_size=2),
    )
    def test_contradictory_exactly_where_numpy_finds_no_solution(self, powers, output):
        units = [parse_unit({"m": a, "s": b}) for a, b in powers]
        target = parse_unit({"m": output[0], "s": output[1]})
        columns = matrix(units)
        possible = np.linalg.matrix_rank(np.c_[columns, matrix([target])]) == np.linalg.matrix_rank(columns)
        names = [f"x{n}" for n in range(len(units))]
        if possible:
            assert dimensionless(names, units, target)
        else:
            with pytest.raises(ParameterError, match="contradictory units"):
                dimensionless(names, units, target)

    @given(powers=st.lists(st.lists(st.integers(-2, 2), min_size=2, max_size=2), min_size=3, max_size=4))
    def test_no_basis_is_shorter(self, powers):
        """Against all whole vectors in a box: the greedy choice among them is the shortest basis there is."""
        assume(len({tuple(p) for p in powers}) == len(powers) and all(map(any, powers)))
        columns = np.array(powers).T
        box = np.array(list(itertools.product(range(-4, 5), repeat=len(powers))))
        null = box[(box @ columns.T == 0).all(axis=1) & box.any(axis=1)]
        best, basis = 0, np.empty((0, len(powers)))
        for vector in null[np.abs(null).sum(axis=1).argsort(kind="stable")]:
            if np.linalg.matrix_rank(np.r_[basis, [vector]]) > len(basis):
                basis, best = np.r_[basis, [vector]], best + np.abs(vector).sum()
        units = [parse_unit({"m": a, "s": b}) for a, b in powers]
        form = dimensionless([f"x{n}" for n in range(len(units))], units, "1")[0]
        assume(len(basis) == len(form.groups))  # else the box is too small
        assert sum(abs(power) for group in form.groups for power in group) <= best


class TestData:
    def test_what_is_zero_somewhere_is_not_divided_by(self):
        x = np.array([[0.0, 2.0], [1.0, 3.0]])
        for names in (["v", "c"], ["c", "v"]):
            columns = x if names == ["v", "c"] else x[:, ::-1]
            forms = dimensionless(names, ["m/s", "m/s"], "m/s", columns)
            assert [(f.prefactor_name, f.group_names) for f in forms] == [("c", ["v/c"])]

    def test_what_changes_sign_comes_later(self):
        x = np.array([[1.0, -1.0], [1.0, 2.0]])
        assert str(dimensionless(["a", "b"], ["m", "m"], "m", x)[0]) == "y = a * F(b/a)"
        assert str(dimensionless(["a", "b"], ["m", "m"], "m")[0]) == "y = b * F(a/b)"

    def test_no_form_at_all(self):
        with pytest.raises(DomainError, match="the prefactor g/L is zero at row 1, where g = 0"):
            dimensionless(["L", "g"], ["m", "m/s^2"], "s^-2", [[1, 2], [1, 0]])
        with pytest.raises(DomainError, match=r"column 'L' must not be zero: it divides in g/L; got 0 at row 1"):
            dimensionless(["L", "g"], ["m", "m/s^2"], "s^-2", [[1, 2], [0, 1]])
        with pytest.raises(DomainError, match=r"column 'L' must be positive: .* in sqrt\(L/g\); got -1 at row 0"):
            dimensionless(["L", "g"], ["m", "m/s^2"], "s", [[-1, 2]])

    def test_new_rows_outside_the_domain(self):
        form = dimensionless(["a", "b"], ["m", "m"], "m")[0]
        with pytest.raises(DomainError, match=r"column 'b' must not be zero.* in a/b; got 0 at row 2 \(1 rows"):
            form.transform([[1, 1], [0, 1], [1, 0]])
        assert form.prefactor_of([[1, 0]]).tolist() == [0]
        with pytest.raises(DomainError, match="prefactor b is zero at row 1, where b = 0"):
            form.ratio([[1, 1], [1, 0]], [1, 1])

    @pytest.mark.parametrize("method", ["transform", "prefactor_of"])
    def test_bad_rows(self, method):
        call = getattr(dimensionless(["a", "b"], ["m", "m"], "m")[0], method)
        with pytest.raises(ShapeError, match=r"`x` must be \(rows, 2\), a column for each of a, b; got \(3,\)"):
            call([1, 2, 3])
        with pytest.raises(DomainError, match="first at row 1, column 'b': nan"):
            call([[1, 2], [1, math.nan]])
        with pytest.raises(ParameterError, match="`x` must be numbers"):
            call([["one", 2]])
        assert len(call(torch.ones(3, 2, requires_grad=True))) == 3
        assert len(call(np.empty((0, 2)))) == 0

    def test_bad_outputs(self):
        form = dimensionless(["a"], ["m"], "m")[0]
        with pytest.raises(ShapeError, match=r"`y` must be \(2,\)"):
            form.ratio([[1], [2]], [1])
        assert form.ratio([[1], [2]], [[3], [4]]).tolist() == [3, 2]
        with pytest.raises(DomainError, match="the output over a is beyond the range of floats at row 1"):
            form.ratio([[1], [1e-200]], [1, 1e200])
        assert form.transform([[1], [2]]).shape == (2, 0)

    def test_what_cancels_may_be_beyond_floats_on_the_way(self):
        form = dimensionless(["a", "b", "c"], ["m^2", "s^2", "m/s"], "m/s")[0]
        (group,) = form.group_names
        assert group == "b*c**2/a"
        np.testing.assert_allclose(form.transform([[1e-300, 1e300, 1e-300]]), [[1.0]], rtol=1e-13)
        with pytest.raises(DomainError, match="beyond the range of floats at row 1"):
            form.transform([[1, 1, 1], [1e-300, 1e300, 1]])
        with pytest.raises(DomainError, match="beyond the range of floats at row 0"):
            form.transform([[1e300, 1, 1e-20]])

    def test_accuracy(self):
        """To a few roundings, against exact rational arithmetic."""
        form = dimensionless(["r", "v", "L", "u"], ["kg/m^3", "m/s", "m", "Pa s"], "N")[0]
        x = np.random.default_rng(3).uniform(0.1, 9, (20, 4)) * [1e-30, 1e20, 1e15, 1]
        for row, value in zip(x, form.transform(x)[:, 0], strict=True):
            exact = math.prod(Fraction(v) ** int(p) for v, p in zip(row, form.groups[0], strict=True))
            assert abs(Fraction(value) - exact) <= exact * 8 * Fraction(2) ** -53


class TestForms:
    def test_inputs_that_cannot_appear_are_named(self):
        form = dimensionless(["L", "g", "T", "a"], ["m", "m/s^2", "K", "rad"], "s")[0]
        assert form.unused == ["T"]
        assert str(form) == "y = sqrt(L/g) * F(a) (T cannot appear)"

    def test_angles_pass_through(self):
        form = dimensionless(["a", "b"], ["rad", ""], "1")[0]
        x = np.array([[0.0, -2.0]])
        assert form.transform(x).tolist() == x.tolist()
        assert form.prefactor_of(x).tolist() == [1]
        assert form.prefactor_name == "1"

    def test_alternatives_differ_and_are_as_many_as_asked_for(self):
        names, units, output, _ = LAWS["I.9.18"]
        forms = dimensionless(names, units, output)
        assert len({(f.prefactor, f.groups) for f in forms}) == len(forms) == 6
        assert len({f.prefactor for f in forms}) >= 4
        assert dimensionless(names, units, output, top=1) == forms[:1]

    def test_names_of_units_by_input(self):
        by_name = dimensionless(["a", "b"], {"b": "s", "a": {"m": 1}}, Unit((("m", Fraction(1)),)))
        assert by_name == dimensionless(["a", "b"], ["m", "s"], "m")
        assert isinstance(by_name[0], Dimensionless)

    @pytest.mark.parametrize(
        ("units", "output", "message"),
        [
            (
                ["m", "s"],
                "kg m",
                r"unit kg m cannot be made from the inputs a \[m\], b \[s\]: no input has kg",
            ),
            (["m/s", "m^2/s^2"], "m", r"exponents obey m \+ s = 0, and the output has 1"),
            (["kg m", "m^2"], "s*K", "no input has K or s"),
            (["m", "rad"], "1/m^(1/2) K", "cannot be read"),
            (["m"], "m", "must be 2 units, one per input, or a mapping by name; got 1 of them"),
            ("m", "m", "got 'm'"),
            ({"a": "m"}, "m", "`units` lacks b. An input without a unit has '1'"),
            ({"a": "m", "b": "m", "bb": "s"}, "m", "names 'bb', which is no input. Did you mean 'b'"),
            (["m", "metre/sec"], "m", "the unit of 'b': unknown unit 'sec'"),
            (["m", "m"], "Newton", "`output_unit`: unknown unit 'Newton'.*Did you mean 'newton'"),
        ],
    )
    def test_bad_units(self, units, output, message):
        with pytest.raises(ParameterError, match=message):
            dimensionless(["a", "b"], units, output)

    def test_bad_arguments(self):
        with pytest.raises(ParameterError, match="`names` must all be different"):
            dimensionless(["a", "a"], ["m", "m"], "m")
        with pytest.raises(ParameterError, match="`top` must be an int >= 1; got 0"):
            dimensionless(["a"], ["m"], "m", top=0)
        a, b, p = sympy.symbols("a b p")
        form = dimensionless(["a", "b"], ["m", "m"], "m")[0]
        with pytest.raises(ParameterError, match=r"must be 1 and `input_symbols` 2, .*; got 2 and 2"):
            form.expression(p, [p, p], [a, b])
        assert form.expression(p**2, [p], [a, b]) == a**2 / b

    def test_symbols_of_groups_may_be_those_of_inputs(self):
        a, b = sympy.symbols("a b")
        form = dimensionless(["a", "b"], ["m", "m"], "1")[0]
        assert form.expression(a + 1, [a], [a, b]) == a / b + 1


class TestParse:
    @pytest.mark.parametrize(
        ("text", "exponents", "scale"),
        [
            ("", {}, 1),
            ("1", {}, 1),
            ("rad", {}, 1),
            ("kg*m^2/s^2", {"kg": 1, "m": 2, "s": -2}, 1),
            ("m s^-1", {"m": 1, "s": -1}, 1),
            ("m/s**2", {"m": 1, "s": -2}, 1),
            ("kg m-3", {"kg": 1, "m": -3}, 1),
            ("m²·s⁻¹", {"m": 2, "s": -1}, 1),
            ("J/(mol K)", {"kg": 1, "m": 2, "s": -2, "mol": -1, "K": -1}, 1),
            ("m/s/s", {"m": 1, "s": -2}, 1),
            ("m^(1/2)", {"m": Fraction(1, 2)}, 1),
            ("m^0.5", {"m": Fraction(1, 2)}, 1),
            ("(m/s)^(-3/2)", {"m": Fraction(-3, 2), "s": Fraction(3, 2)}, 1),
            ("V/Ω", {"A": 1}, 1),
            ("ohm F", {"s": 1}, 1),
            ("Wb/H", {"A": 1}, 1),
            ("T A m/N", {}, 1),
            ("Hz", {"s": -1}, 1),
            ("Pa m^2 s/(C V)", {"m": -1, "s": 1}, 1),
            ("W/cd", {"kg": 1, "m": 2, "s": -3, "cd": -1}, 1),
            ("km", {"m": 1}, 1000),
            ("g", {"kg": 1}, 1e-3),
            ("mg", {"kg": 1}, 1e-6),
            ("µs", {"s": 1}, 1e-6),
            ("km/h", {"m": 1, "s": -1}, 1 / 3.6),
            ("min", {"s": 1}, 60),
            ("hPa", {"kg": 1, "m": -1, "s": -2}, 100),
            ("9.80665 m/s^2", {"m": 1, "s": -2}, 9.80665),
            ("10^3 m", {"m": 1}, 1000),
            ("mm^(1/2)", {"m": Fraction(1, 2)}, math.sqrt(1e-3)),
            ("eV", {"kg": 1, "m": 2, "s": -2}, 1.602176634e-19),
        ],
    )
    def test_what_is_read(self, text, exponents, scale):
        unit = parse_unit(text)
        assert unit.exponents == exponents
        assert unit.scale == pytest.approx(scale, rel=1e-15)
        assert unit.dimensionless == (not exponents)
        assert parse_unit(unit) is unit

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("ft", "unknown unit 'ft'"),
            ("Nm", "unknown unit 'Nm' in 'Nm'. Did you mean 'N m'"),
            ("kilogramm/s", "unknown unit 'kilogramm' in 'kilogramm/s'. Did you mean 'kilogram'"),
            ("Kg", "Did you mean 'kg'"),
            ("USD/kg", r"a mapping: \{'USD': 1\}"),
            ("J/mol K", r"what is below the line\? Write a/\(b c\) or a c/b"),
            ("J/mol*K", "below the line"),
            ("m^1/2", r"needs parentheses, m\^\(1/2\)"),
            ("degree", "multiply the column by pi/180 and declare 'rad'"),
            ("dB", "it is a logarithm"),
            ("°C", "add 273.15 and declare 'K'"),
            ("%", "divide the column by 100"),
            ("m/", "a unit is missing at its end"),
            ("m//s", "a unit is missing before '/'"),
            ("(m", "a parenthesis is not closed"),
            ("m)", r"'\)' is out of place"),
            ("m^", "an exponent is missing"),
            ("m^(1/0)", "divided by zero"),
            ("m^0.123", "must be an integer up to 100 or a simple fraction"),
            ("m^1e400", "1e400 is not between 0 and 100"),
            ("0 m", "the number 0 is not between"),
            ("1e999 m", "the number 1e999 is not between"),
            ("(1e60)^100 m", "beyond 1e200"),
            ("$", r"'\$' has no meaning"),
            (3, "a unit must be a text such as 'm/s'"),
            (None, "a unit must be a text"),
            ({"m": "x"}, "the exponent of 'm' must be an integer up to 100 or a simple fraction such as 1/2; got x"),
            ({"m": math.nan}, "the exponent of 'm'"),
            ({"m s": 1}, "a unit's name must be a word; got 'm s'"),
            ({"deg": 1}, "declare 'rad'"),
        ],
    )
    def test_what_is_refused(self, text, message):
        with pytest.raises(ParameterError, match=message):
            parse_unit(text)

    def test_units_of_your_own(self):
        price = parse_unit({"USD": 1, "kg": -1})
        assert price == parse_unit("USD/kg", bases=["USD"])
        assert str(price) == "USD/kg"
        assert parse_unit({"N": 1, "km": 0.5}) == parse_unit("N km^(1/2)")

    POWERS = st.dictionaries(
        st.sampled_from(("m", "kg", "s", "A", "K", "mol", "cd")),
        st.fractions(-5, 5, max_denominator=6),
        max_size=4,
    )

    @given(POWERS, POWERS, st.fractions(-3, 3, max_denominator=2))
    def test_arithmetic_is_that_of_exponents_and_text_is_read_back(self, a, b, power):
        first, second = parse_unit(a), parse_unit(b)
        keys = {*a, *b}
        assert (first * second).exponents == {k: e for k in keys if (e := a.get(k, 0) + b.get(k, 0))}
        assert (first / second).exponents == {k: e for k in keys if (e := a.get(k, 0) - b.get(k, 0))}
        assert (first**power).exponents == {k: e for k in keys if (e := a.get(k, 0) * power)}
        assert hash(first * second / second) == hash(first)
        assert parse_unit(str(first)) == first == parse_unit(first.exponents)

    def test_numbers_never_round(self):
        millimetre = parse_unit("mm")
        assert (millimetre ** Fraction(1, 3)) ** 3 == millimetre
        assert millimetre * parse_unit("km") == parse_unit("m") ** 2
        assert millimetre != parse_unit("m")
        assert millimetre.same_dimension(parse_unit("m"))
        assert parse_unit(str(parse_unit("0.25 mm"))) == parse_unit("0.00025 m")


UNITS = {"m": "kg", "v": "m/s", "x": "m", "t": "s", "th": "rad", "k": "1/m"}


class TestCheck:
    m, v, x, t, th, k = sympy.symbols("m v x t th k", real=True)

    @pytest.mark.parametrize(
        ("expression", "unit"),
        [
            (m * v**2 / 2, "J"),
            (x + v * t, "m"),
            (sympy.sqrt(x**2 + (v * t) ** 2), "m"),
            (v ** sympy.Float(0.5), "m^(1/2)/s^(1/2)"),
            (sympy.sin(k * x - th) * sympy.exp(-x / (v * t)) + 1, "1"),
            (sympy.Abs(x) * sympy.sign(v) * sympy.pi, "m"),
            (sympy.Max(x, v * t), "m"),
            (sympy.atan2(x, v * t), "1"),
            ((x * k) ** th, "1"),
            (sympy.Function("phi_0_0_0")(k * x) * m, "kg"),
            (sympy.Integer(3), "1"),
        ],
    )
    def test_formulas_with_a_unit(self, expression, unit):
        assert check_units(expression, UNITS) == parse_unit(unit)

    @pytest.mark.parametrize(
        ("expression", "message"),
        [
            (m * (x + t), r"t \+ x adds t \[s\] and x \[m\]"),
            (x + 1, r"x \+ 1 adds 1 \[1\] and x \[m\]"),
            (sympy.exp(sympy.sin(x)), r"sin\(x\): sin takes numbers without a unit; x has the unit m"),
            (2**x, r"2\*\*x: an exponent has no unit; x has the unit m"),
            (x**th, r"x \[m\] is raised to th, which is no fixed number"),
            (x ** sympy.Float(0.4321), "the exponent in"),
            (sympy.Max(x, t), "compares"),
            (sympy.Symbol("y") * x, "`units` has none for 'y'; it has m, v"),
            (sympy.Derivative(x**2, x), "has no rule"),
        ],
    )
    def test_formulas_without(self, expression, message):
        with pytest.raises(ParameterError, match=message):
            check_units(expression, UNITS)

    def test_constants(self):
        fall = sympy.Float(9.81) * self.t
        with pytest.raises(ParameterError, match="adds"):
            check_units(fall + self.v, UNITS)
        assert check_units(fall + self.v, UNITS, {9.81: "m/s^2"}) == parse_unit("m/s")
        c = sympy.Symbol("c")
        assert check_units(self.m * c**2, UNITS, {"c": "m/s"}) == parse_unit("J")
        assert check_units(self.m * c**2, UNITS, {c: "m/s"}) == parse_unit("J")

    def test_multiples_are_not_mixed_in_silence(self):
        a, b = sympy.symbols("a b")
        with pytest.raises(ParameterError, match="A number converts between them"):
            check_units(a + b, {"a": "km", "b": "m"})
        with pytest.raises(ParameterError, match="sin takes numbers without a unit"):
            check_units(sympy.sin(a / b), {"a": "km", "b": "m"})
        assert check_units(1000 * a + b, {"a": "km", "b": "m"}, {1000: "m/km"}) == parse_unit("m")

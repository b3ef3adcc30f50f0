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
    "I.13.4": pi_law(
        "m v u w", f"kg {SPEED} {SPEED} {SPEED}", ENERGY, lambda m, v, u, w: m * (v**2 + u**2 + w**2) / 2
    ),
    "I.13.12": pi_law(
        "m1 m2 r1 r2 G", "kg kg m m m^3*kg^-1*s^-2", ENERGY, lambda m, n, r, s, G: G * m * n * (1 / s - 1 / r)
    ),
    "I.15.10": pi_law(
        "m v c", f"kg {SPEED} {SPEED}", f"kg*{SPEED}", lambda m, v, c: m * v / SQRT(1 - (v / (9 * c)) ** 2)
    ),
    "I.16.6": pi_law("c v u", f"{SPEED} {SPEED} {SPEED}", SPEED, lambda c, v, u: (u + v) / (1 + u * v / c**2)),
    "I.18.4": pi_law("m1 m2 r1 r2", "kg kg m m", "m", lambda m, n, r, s: (m * r + n * s) / (m + n)),
    "I.18.12": pi_law("r F th", f"m {FORCE} 1", ENERGY, lambda r, F, th: r * F * SIN(th)),
    "I.24.6": pi_law(
        "m w w0 x", f"kg {WAVE} {WAVE} m", ENERGY, lambda m, w, v, x: m * (w**2 + v**2) * x**2 / 4
    ),
    "I.25.13": pi_law("q C", f"{CHARGE} A^2*s^4*kg^-1*m^-2", VOLT, lambda q, C: q / C),
    "I.26.2": pi_law("n th", "1 1", "1", lambda n, th: np.arcsin(SIN(th) / (2 + n))),
    "I.27.6": pi_law("d1 d2 n", "m m 1", "m", lambda d, e, n: 1 / (1 / d + n / e)),
    "I.29.16": pi_law(
        "x1 x2 t1 t2", "m m 1 1", "m", lambda a, b, t, u: SQRT(a**2 + b**2 - 2 * a * b * COS(t - u))
    ),
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
    "I.39.22": pi_law(
        "n T V k", f"1 K m^3 {BOLTZMANN}", PRESSURE, lambda n, T, V, k: n * k * T / V
    ),
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
    "I.48.20": pi_law(
        "m v c", f"kg {SPEED} {SPEED}", ENERGY, lambda m, v, c: m * c**2 / SQRT(1 - (v / (9 * c)) ** 2)
    ),
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
    "II.13.17": pi_law(
        "eps c I r", f"{EPS} {SPEED} A m", TESLA, lambda e, c, I, r: 2 * I / (4 * PI * e * c**2 * r)
    ),
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

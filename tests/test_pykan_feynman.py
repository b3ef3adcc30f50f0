"""`edgewise.pykan.feynman` against the original set of AI Feynman, which edgewise has from its authors' table."""

import math

import numpy as np
import pytest
import sympy
import torch
from torch.testing import assert_close

from edgewise.datasets import ai_feynman_equations, create_dataset
from edgewise.errors import ParameterError
from edgewise.pykan.feynman import get_feynman_dataset

EVERY = range(1, 121)

# The original writes h where this table has hbar, and numbers some equations otherwise.
NUMBERS = {"I.6.20a": "I.6.2a", "I.6.20": "I.6.2", "I.6.20b": "I.6.2b", "I.8.4": "I.8.14", "I.15.10": "I.15.1",
           "I.18.16": "I.18.14", "I.34.10": "I.34.1", "I.39.10": "I.39.1", "I.48.20": "I.48.2"}  # fmt: skip
# Symbols of this table in the letters of the original.
LETTERS = {
    "m0": "m_0", "N_n": "Nn", "E_f": "Ef", "k_s": "k_spring", "lambda": "lambd", "I_1": "I1", "I_2": "I2", "p_F": "pr",
    "k_b": "kb", "V_e": "Volt", "V_1": "V1", "V_2": "V2", "x_1": "x1", "T_1": "T1", "T_2": "T2", "n0": "n_0",
    "omega_o": "omega_0", "B_x": "Bx", "B_y": "By", "B_z": "Bz",
}  # fmt: skip
# The same, where a letter stands for something else.
OWN = {
    "I.30.3": {"I_0": "Int_0"}, "I.34.8": {"V": "v"}, "I.43.16": {"mu": "mu_drift"}, "I.43.31": {"mu": "mob"},
    "I.47.23": {"p": "pr"}, "II.3.24": {"P": "Pwr"}, "II.10.9": {"sigma": "sigma_den"}, "II.11.20": {"n": "n_rho"},
    "II.13.17": {"l": "I"}, "II.13.23": {"rho": "rho_c_0"}, "II.13.34": {"rho": "rho_c_0"}, "II.15.4": {"mu_M": "mom"},
    "II.34.11": {"g": "g_"}, "II.34.29b": {"g": "g_", "mu": "mom", "J": "Jz"}, "II.35.18": {"mu": "mom"},
    "II.35.21": {"n": "n_rho", "mu": "mom"}, "II.36.38": {"mu": "mom", "B": "H"}, "II.37.1": {"mu": "mom"},
    "III.7.38": {"mu": "mom"}, "III.8.54": {"E": "E_n"}, "III.10.19": {"mu": "mom"},
    "III.13.18": {"E": "E_n"}, "III.15.14": {"E": "E_n"}, "III.21.20": {"rho": "rho_c_0", "A": "A_vec"},
}  # fmt: skip


@pytest.mark.parametrize("number", range(1, 101))
def test_the_hundred_equations_are_those_of_the_original(number):
    original = ai_feynman_equations()[number - 1]
    symbols, _, f, ranges = get_feynman_dataset(number)
    names = [str(symbol) for symbol in symbols]
    x = create_dataset(lambda z: z[:, 0], len(names), ranges, 50, 0, dtype=torch.float64)["train_input"]
    letters = LETTERS | OWN.get(_name(number), {})
    columns = {letters.get(name, name): x[:, n] for n, name in enumerate(names)}
    if "hbar" in columns:
        columns["h"] = 2 * math.pi * columns.pop("hbar")
    assert set(columns) == set(original.variables)
    expected = original(torch.stack([columns[name] for name in original.variables], dim=1))
    assert_close(f(x)[:, 0], expected, rtol=1e-11, atol=1e-11)  # both cancel a little, in another order
    assert NUMBERS.get(_name(number), _name(number)) == original.name


def _name(number):
    """The name under which an equation is found."""
    from edgewise.pykan.feynman import _rows

    return _rows()[number - 1]["name"]


@pytest.mark.parametrize("number", EVERY)
def test_function_and_expression_agree_and_are_finite_on_the_ranges(number):
    symbols, expression, f, ranges = get_feynman_dataset(number)
    data = create_dataset(f, len(symbols), ranges, 400, 0, dtype=torch.float64)  # raises for NaN and infinity
    assert expression.free_symbols == set(symbols)
    columns = data["train_input"].numpy().T
    expected = sympy.lambdify(symbols, expression, "numpy")(*columns)
    np.testing.assert_allclose(data["train_label"][:, 0].numpy(), expected, rtol=1e-10, atol=1e-12)
    assert get_feynman_dataset(_name(number))[1] == expression


def at(number, **values):
    symbols, _, f, _ = get_feynman_dataset(number)
    return float(f(torch.tensor([[values[str(symbol)] for symbol in symbols]], dtype=torch.float64)))


def test_what_pykan_has_wrong():
    assert at("I.16.6", u=0.5, v=0.25, c=1.0) == pytest.approx(0.75 / 1.125, rel=1e-15)
    assert at("I.32.5", q=1.0, a=1.0, epsilon=1.0, c=1.0) == pytest.approx(1 / (6 * math.pi), rel=1e-15)
    assert at(113, m=1.0, p=0.0, omega=1.0, x=2.0, alpha=1.0, y=4.0) == pytest.approx(4 * 1.5 / 2, rel=1e-15)
    # A charge beside a grounded sphere (V = 0): attracted; far away only V counts.
    assert at(114, q=1.0, epsilon=1.0, y=2.0, V_e=0.0, d=1.0) == pytest.approx(-8 / 9 / (16 * math.pi), rel=1e-14)
    assert at(114, q=1.0, epsilon=1.0, y=1e6, V_e=1.0, d=1.0) == pytest.approx(1e-12, rel=1e-6)
    assert at("I.18.4", m1=1.0, r1=3.0, m2=2.0, r2=6.0) == 5.0
    assert at("I.18.12", r=2.0, F=3.0, theta=math.pi / 2) == 6.0


def test_the_bonus_equations_at_points_that_are_known():
    half, turn = math.pi / 2, 2 * math.pi
    for name, values, expected in [
        (101, dict(Z_1=1.0, Z_2=2.0, alpha=1.0, hbar=1.0, c=1.0, E=1.0, theta=math.pi), 0.25),
        (102, dict(G=3 / (8 * math.pi), rho=2.0, k_f=1.0, c=1.0, a_f=1.0), 1.0),
        (103, dict(E=1.0, m=1.0, c=1.0, theta=math.pi), 1 / 3),
        (104, dict(G=1.0, c=1.0, m_1=1.0, m_2=1.0, r=1.0), -64 / 5),
        (105, dict(theta_2=half, v=0.5, c=1.0), 2 * math.pi / 3),
        (106, dict(I_0=1.0, alpha=math.pi, delta=math.pi, N=1.0), (2 / math.pi) ** 2),
        (107, dict(m=2.0, E=3.0, U=1.0, L=2.0, r=1.0), 1.0),
        (108, dict(m=1.0, k_G=1.0, L=1.0, E=0.0, theta_1=half, theta_2=half), 2.0),
        (109, dict(d=1.0, alpha=0.5, theta_1=0.0, theta_2=0.0), 0.5),
        (110, dict(d=1.0, G=1.0, m_1=2.0, m_2=2.0), math.pi),
        (111, dict(epsilon=2.0, E=1.0, L=1.0, m=1.0, Z_1=1.0, Z_2=1.0, q=1.0), 3.0),
        (112, dict(p=3.0, q=0.0, A=1.0, c=1.0, m=4.0, V_e=1.0), 5.0),
        (115, dict(q=2.0, r=3.0, d=1.0, alpha=0.0), 1.0),
        (116, dict(E_f=1.0, theta=0.0, alpha=1.0, d=1.0, r=2.0), -2.0),
        (117, dict(omega=1.0, v=0.6, c=1.0, theta=0.0), 0.5),
        (118, dict(G=3 / (8 * math.pi), c=1.0, k_f=1.0, a_f=1.0, H=2.0), 5.0),
        (119, dict(G=1 / (8 * math.pi), c=1.0, k_f=1.0, a_f=1.0, H=1.0, alpha=1.0), 0.0),
        (120, dict(alpha=1.0, hbar=1.0, m=1.0, c=1.0, omega_0=1.0, omega=1.0, theta=turn), turn),
    ]:  # fmt: skip
        assert at(name, **values) == pytest.approx(expected, rel=1e-13, abs=1e-15), name


def test_names_of_pykan_and_the_right_ones_are_known():
    assert get_feynman_dataset("I.10.9")[1] == get_feynman_dataset("II.10.9")[1]
    assert get_feynman_dataset("Rutherforld scattering")[1] == get_feynman_dataset("Rutherford scattering")[1]
    symbols, expression, f, ranges = get_feynman_dataset("test")
    assert [str(symbol) for symbol in symbols] == ["x", "y"]
    assert str(expression) == "(x + y)*sin(exp(2*y))"
    assert float(f(torch.tensor([[1.0, 0.0]]))) == pytest.approx(math.sin(1), rel=1e-6)
    assert ranges == [[-1, 1], [-1, 1]]


def test_results_have_one_column_and_the_dtype_of_the_input():
    for dtype in (torch.float32, torch.float64):
        values = get_feynman_dataset(1)[2](torch.zeros(3, 1, dtype=dtype))
        assert (values.shape, values.dtype) == ((3, 1), dtype)


@pytest.mark.parametrize("name", ["I.99.9", 0, 121, -1, True, 1.5, None])
def test_an_unknown_equation_is_named(name):
    with pytest.raises(ParameterError, match=r"`name` must be a number from 1 to 120, or one of I\.6\.20a, .*; got"):
        get_feynman_dataset(name)

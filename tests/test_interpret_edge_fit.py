"""Fits of one edge: the function and its numbers are found again, whatever the unit, the offset or the frequency."""

import pytest
import torch

from edgewise import KAN
from edgewise.interpret import Library, fit_edge
from edgewise.interpret.edge_fit import fit_edges
from edgewise.layers import FUNCTIONS

F64 = torch.float64
NUMBERS = {  # a, b that keep z inside the domain for x from -1 to 1
    "z > 0": (0.7, 1.1),
    "z >= 0": (0.7, 1.1),
    "z != 0": (0.7, 1.1),
    "-1 <= z <= 1": (0.6, 0.2),
    "-1 < z < 1": (0.6, 0.2),
}
SEARCHED = [f for f in FUNCTIONS.values() if f.twin_of is None and f.name not in ("0", "x", "sgn")]


def inputs(n=600, seed=0):
    return 2 * torch.rand(n, dtype=F64, generator=torch.Generator().manual_seed(seed)) - 1


@pytest.mark.parametrize("function", SEARCHED, ids=lambda f: f.name)
def test_every_function_is_recognized(function):
    """Among all others, with its values; parameters may differ where the function has a symmetry."""
    x = inputs()
    a, b = NUMBERS.get(function.domain, (1.9, 0.4))
    p = torch.full_like(x, 1.7)
    y = 5.0 * function(a * x + b, p) - 3.0
    best = fit_edge(x, y, list(Library()), 4)
    exact = [fit for fit in best if fit.missing < 1e-13]
    assert function.name in {fit.function.name for fit in exact} | (
        {"x^p"} if any(f.function.name == "x^p" for f in exact) and "x" in function.name else set()
    )
    mine = next(fit for fit in fit_edge(x, y, [function]))
    a, b, c, d, p = mine.numbers
    torch.testing.assert_close(c * function(a * x + b, torch.full_like(x, p)) + d, y, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "z"),
    [("sin", 40.0), ("sin", 110.0), ("j0", 20.0), ("j1", 33.0), ("tan", 0.9)],
)
def test_frequencies_are_found(name, z):
    x = inputs()
    best = fit_edge(x, FUNCTIONS[name](z * x + 0.3), list(Library(["x", "sin", "j0", "j1", "tan", "exp"])), 2)[0]
    assert best.function.name == name
    assert best.missing < 1e-12
    assert abs(best.numbers[0]) == pytest.approx(z, rel=1e-6)


def test_several_edges_are_fitted_as_one_by_one():
    """Other ranges, units and functions beside it, a constant edge too, change nothing about an edge."""
    x = torch.stack([inputs(), 3 * inputs(seed=1) + 5, inputs(seed=2), 1e3 * inputs(seed=3)])
    y = torch.stack([torch.sin(3 * x[0]), x[1].log(), torch.ones(600, dtype=F64), 1e-6 * (x[3] / 300).exp()])
    library = list(Library())
    together = fit_edges(x, y, library, 4, always=["x"])
    for own_x, own_y, found in zip(x, y, together, strict=True):
        alone = fit_edge(own_x, own_y, library, 4, always=["x"])
        assert [fit.function for fit in found] == [fit.function for fit in alone]
        for one, other in zip(found, alone, strict=True):
            assert one.missing == pytest.approx(other.missing, rel=1e-3, abs=1e-14)
    assert [fits[0].function.name for fits in together] == ["sin", "log", "0", "exp"]


@pytest.mark.parametrize("n", [160, 1000, 20_000])
@pytest.mark.parametrize(("side", "offset"), [(1.0, 0.0), (-1.0, 0.0), (1.0, 1e8)])
def test_a_function_that_ends_where_the_data_end(n, side, offset):
    """A logarithm whose pole is just beyond the last row, on either side, also beside a large constant."""
    x = torch.rand(n, dtype=F64, generator=torch.Generator().manual_seed(4))
    found = fit_edge(side * x, (1 - x).log() + offset, list(Library()), 10)
    log = next(fit for fit in found if fit.function.name == "log")
    assert log.missing < (1e-13 if offset == 0 else 1e-11)
    root = fit_edge(side * x, (x - x.min()).sqrt(), list(Library()), 10)
    assert next(fit for fit in root if fit.function.name == "sqrt").missing < 1e-12


@pytest.mark.parametrize("amplitude", [1e-9, 1.0, 1e9])
@pytest.mark.parametrize(("scale", "offset"), [(1.0, 0.0), (1e-6, 0.0), (1e5, 3e5)])
def test_units_and_amplitude_do_not_matter(amplitude, scale, offset):
    x = inputs()
    fit = fit_edge(scale * x + offset, amplitude * torch.exp(1.3 * x), [FUNCTIONS["exp"]])[0]
    assert fit.missing < 1e-15
    assert fit.r2 == pytest.approx(1.0)


def test_r2_is_numpys_on_noise():
    x = inputs()
    noise = torch.randn(len(x), dtype=F64, generator=torch.Generator().manual_seed(1))
    y = x + noise
    fit = fit_edge(x, y, [FUNCTIONS["x"]])[0]
    slope, intercept = torch.linalg.lstsq(torch.stack([x, torch.ones_like(x)], 1), y[:, None]).solution[:, 0]
    rest = y - slope * x - intercept
    assert fit.r2 == pytest.approx(float(1 - rest.square().sum() / (y - y.mean()).square().sum()), rel=1e-10)


def test_a_constant_is_zero_and_nothing_else():
    fits = fit_edge(inputs(), torch.full((600,), 4.0, dtype=F64), list(Library()))
    assert [fit.function.name for fit in fits] == ["0"]
    assert fits[0].numbers[3] == 4.0
    assert fits[0].r2 == 1.0
    assert [fit.function.name for fit in fit_edge(torch.ones(5, dtype=F64), inputs(5), list(Library()))] == ["0"]


def test_zero_explains_nothing_of_what_varies():
    fits = fit_edge(inputs(), inputs(seed=1), list(Library(["0", "x"])))
    assert {fit.function.name: fit.r2 for fit in fits}["0"] == 0.0


def test_a_function_defined_nowhere_is_left_out():
    nan = Library(["x"])
    nan.add("nowhere", lambda z: torch.log(-z.square() - 1), "log(-z**2 - 1)")
    assert [fit.function.name for fit in fit_edge(inputs(), inputs(), list(nan))] == ["x"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_data_on_a_gpu_are_fitted_as_on_the_cpu():
    x = inputs()
    own, there = (
        fit_edge(x.to(d), torch.sin(3 * x).to(d), [FUNCTIONS["sin"], FUNCTIONS["x^2"]]) for d in ("cpu", "cuda")
    )
    assert there == own


def test_float32_data_are_fitted_in_float64():
    x = inputs().float()
    assert fit_edge(x, torch.sin(3 * x), [FUNCTIONS["sin"]])[0].missing < 1e-12


class TestLibrary:
    def test_begins_with_one_of_each_pair(self):
        names = {function.name for function in Library()}
        assert {"sin", "tanh", "x^p"} <= names
        assert not {"cos", "sigmoid", "x^0.5"} & names
        assert Library()["cos"] is FUNCTIONS["cos"]

    def test_a_function_of_ones_own_is_found_and_known_nowhere_else(self):
        library = Library(["x", "sin"])
        added = library.add("bump", lambda z: 1 / (1 + z.square()), "1/(1 + z**2)", complexity=3)
        x = inputs()
        assert fit_edge(x, 3 / (1 + (4 * x - 1) ** 2), list(library))[0].function is added
        assert "bump" not in {function.name for function in Library()}

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("sin", torch.sin, "sin(z)"), "there is a function 'sin' already"),
            (("f", torch.sin, "cos(z)"), r"gives .* at z = -1\.7, the function"),
            (("f", torch.sin, "sin(x)"), "may use the letter z only"),
            (("f", torch.sin, "sin(z"), "must be what sympy reads"),
        ],
    )
    def test_refuses(self, arguments, message):
        from edgewise.errors import ParameterError

        with pytest.raises(ParameterError, match=message):
            Library(["x"]).add(*arguments)


@pytest.mark.parametrize("name", [name for name, f in FUNCTIONS.items() if f.degree is not None or f.free_exponent])
def test_slopes_that_say_nothing_are_one(name):
    """`c (a x)^2` is `c a^2 x^2`: of the numbers that mean the same a search may end at any, even at 1e26 and 1e-26."""
    function = FUNCTIONS[name]
    x = torch.linspace(0.3, 2.0, 300, dtype=torch.float64)
    y = 0.7 * function(2.5 * x + 0.4, torch.tensor(1.7, dtype=torch.float64)) - 0.2
    found = fit_edge(x, y, [function])[0]
    a, b, c, d, p = found.numbers
    assert abs(a) == 1.0
    assert found.missing < 1e-9
    z = torch.as_tensor(a * x + b)
    torch.testing.assert_close(c * function(z, torch.tensor(p, dtype=z.dtype)) + d, y, rtol=1e-4, atol=1e-5)


def test_a_gradient_can_move_what_a_fit_gave():
    """A line that hardly explains an edge: `a` was at 1e26, where a step along any gradient breaks the edge."""
    x = 2 * torch.rand(500, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 1
    y = torch.sin(2 * x[:, :1]) + x[:, 1:2] ** 2
    model = KAN([3, 1], grid=5, seed=0, dtype=torch.float64)
    model.fit((x, y), opt="lm", steps=10, progress=False)
    for i, name in enumerate(("sin", "x^2")):
        model.fix_symbolic(0, i, 0, name, x)
    with pytest.warns(UserWarning, match=r"'x' follows edge \(0, 2, 0\) with R2 = 0.0"):
        model.fix_symbolic(0, 2, 0, "x", x)
    numbers = model.layers[0].symbolic.affine.detach()
    assert float(numbers.abs().max()) < 100
    model.fit((x, y), opt="lbfgs", loss="huber", steps=100, update_grid=False, progress=False)
    assert float((model(x) - y).detach().abs().max()) < 1e-5

"""Symbolic edges: the table of functions against mpmath, layers against the literal formula, and everything around."""

import copy
import dataclasses
import math
import pickle

import mpmath
import pytest
import torch
from torch.autograd import forward_ad
from torch.testing import assert_close

from edgewise import KAN, KANLayer
from edgewise.errors import FormatError, ParameterError
from edgewise.interpret import edge_deviations
from edgewise.layers import FUNCTIONS, Function, function_named
from edgewise.layers.functions import slopes_of
from edgewise.train import edge_l1
from edgewise.train.least_squares import KANResiduals, is_plain_kan

F64 = torch.float64
INSIDE = {  # arguments that hurt, within the domain
    "z > 0": [1e-3, 0.7, 1.0, 30.0],
    "z >= 0": [1e-3, 0.7, 1.0, 30.0],
    "z != 0": [-30.0, -1e-2, 0.3, 7.0],
    "-1 <= z <= 1": [-0.999, -0.2, 1e-3, 0.9],
    "-1 < z < 1": [-0.999, -0.2, 1e-3, 0.9],
}
ANYWHERE = [-20.0, -5.02, -1.3, -1e-3, 1e-3, 0.4, 3.0, 20.0]
TRUTH = {
    "x^1.5": lambda z: z ** mpmath.mpf(1.5),
    "sgn": mpmath.sign,
    "relu": lambda z: max(z, mpmath.mpf(0)),
    "abs": abs,
    "sqrt": mpmath.sqrt,
    "x^0.5": mpmath.sqrt,
    "1/sqrt(x)": lambda z: 1 / mpmath.sqrt(z),
    "1/x^0.5": lambda z: 1 / mpmath.sqrt(z),
    "arcsin": mpmath.asin,
    "arccos": mpmath.acos,
    "arctan": mpmath.atan,
    "arctanh": mpmath.atanh,
    "gaussian": lambda z: mpmath.exp(-z * z),
    "sigmoid": lambda z: 1 / (1 + mpmath.exp(-z)),
    "j0": lambda z: mpmath.besselj(0, z),
    "j1": lambda z: mpmath.besselj(1, z),
    "0": lambda z: mpmath.mpf(0),
    "x": lambda z: z,
    **{f"x^{n}": lambda z, n=n: z**n for n in (2, 3, 4, 5)},
    **{f"1/x^{n}": lambda z, n=n: z**-n for n in (2, 3, 4, 5)},
    "1/x": lambda z: 1 / z,
    **{name: getattr(mpmath, name) for name in ("exp", "log", "sin", "cos", "tan", "tanh", "sinh", "cosh", "erf")},
}


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name != "x^p"])
class TestEveryFunction:
    def test_values_are_mpmaths(self, name):
        arguments = INSIDE.get(FUNCTIONS[name].domain, ANYWHERE)
        with mpmath.workdps(40):
            expected = [float(TRUTH[name](mpmath.mpf(z))) for z in arguments]
        found = FUNCTIONS[name](torch.tensor(arguments, dtype=F64))
        assert_close(found, torch.tensor(expected, dtype=F64), rtol=1e-13, atol=1e-15)

    def test_the_slope_is_the_derivative(self, name):
        function = FUNCTIONS[name]
        z = torch.tensor(INSIDE.get(function.domain, ANYWHERE), dtype=F64)
        values, slope, _ = slopes_of([function], [len(z)], z)
        assert_close(values, function(z))
        with mpmath.workdps(60):
            derivative = [float(mpmath.diff(TRUTH[name], mpmath.mpf(float(v)))) for v in z]
        assert_close(slope, torch.tensor(derivative, dtype=F64), rtol=1e-12, atol=1e-15)

    def test_the_formula_says_the_same(self, name):
        sympy = pytest.importorskip("sympy")
        expression = sympy.sympify(FUNCTIONS[name].formula)
        for value in INSIDE.get(FUNCTIONS[name].domain, ANYWHERE):
            with mpmath.workdps(40):
                expected = float(TRUTH[name](mpmath.mpf(value)))
            found = complex(expression.subs(sympy.Symbol("z"), value).evalf(20))
            assert found.imag == 0
            assert found.real == pytest.approx(expected, rel=1e-12, abs=1e-15)

    def test_outside_the_domain_there_is_no_number(self, name):
        outside = {"z > 0": [-1.0], "z >= 0": [-1.0], "z != 0": [0.0], "-1 <= z <= 1": [1.5], "-1 < z < 1": [1.5]}
        bad = outside.get(FUNCTIONS[name].domain)
        if bad is None:
            pytest.skip("defined everywhere, or at no machine number undefined")
        assert not FUNCTIONS[name](torch.tensor(bad, dtype=F64)).isfinite().any()

    def test_parity(self, name):
        function = FUNCTIONS[name]
        z = torch.tensor([0.2, 0.6], dtype=F64)
        if function.even:
            assert_close(function(-z), function(z))
        if function.odd:
            assert_close(function(-z), -function(z))

    def test_pickle_and_deepcopy_give_the_same_object(self, name):
        assert pickle.loads(pickle.dumps(FUNCTIONS[name])) is FUNCTIONS[name]
        assert copy.deepcopy(FUNCTIONS[name]) is FUNCTIONS[name]


@pytest.mark.parametrize("name", [name for name, function in FUNCTIONS.items() if function.slope])
def test_slopes_are_autograds_at_kinks_and_far_out(name):
    """Where a function has no derivative, or none that is finite, as well: training looks at autograd's."""
    z = torch.tensor([0.0, 0.5, 1.0, -1.0, 1e-9, 700.0, -700.0], dtype=F64)
    plain = dataclasses.replace(FUNCTIONS[name], slope=None)
    (_, found, _), (_, expected, _) = (slopes_of([function], [len(z)], z) for function in (FUNCTIONS[name], plain))
    both = found.isfinite() & expected.isfinite()
    assert_close(found[both], expected[both], rtol=1e-12, atol=1e-15)
    assert int(both.sum()) >= 3  # also of those that are not defined everywhere


def test_a_function_without_a_slope_beside_one_that_has_one():
    own = Function("own", lambda z: z.square() + 1, "z**2 + 1", 3)
    z = torch.tensor([[1.0, 2.0], [3.0, 4.0], [0.5, -1.0]], dtype=F64)
    values, slope, by_exponent = slopes_of([FUNCTIONS["exp"], own], [1, 2], z, dim=0)
    assert_close(values, torch.cat([z[:1].exp(), z[1:].square() + 1]))
    assert_close(slope, torch.cat([z[:1].exp(), 2 * z[1:]]))
    assert by_exponent is None


def test_a_free_exponent():
    z, p = torch.tensor([0.3, 2.0], dtype=F64), torch.tensor([1.7, -0.4], dtype=F64)
    values, slope, by_exponent = slopes_of([FUNCTIONS["x^p"]], [2], z, p)
    assert_close(values, z**p)
    assert_close(slope, p * z ** (p - 1))
    assert_close(by_exponent, z.log() * z**p)


def test_bessel_functions_have_derivatives_of_every_order():
    z = torch.tensor([-3.0, -1e-9, 0.0, 0.5, 12.0], dtype=F64, requires_grad=True)
    for name in ("j0", "j1"):
        assert torch.autograd.gradcheck(FUNCTIONS[name], z[[0, 3, 4]])
        assert torch.autograd.gradgradcheck(FUNCTIONS[name], z[[0, 3, 4]])
    assert torch.autograd.grad(FUNCTIONS["j1"](z).sum(), z)[0][1:3].tolist() == pytest.approx([0.5, 0.5])


def test_an_unknown_name():
    with pytest.raises(ParameterError, match=r"there is no function 'sinus'. Did you mean 'sin'.* Known are '0', 'x'"):
        function_named("sinus")


@pytest.fixture
def layer():
    layer = KANLayer(3, 2, dtype=F64, generator=torch.Generator().manual_seed(0))
    layer.fix_edge(0, 1, FUNCTIONS["sin"], [2.0, 0.1, 3.0, 0.5])
    layer.fix_edge(2, 0, FUNCTIONS["x^p"], [1.0, 2.0, -1.0, 0.0, 1.5])
    layer.fix_edge(2, 1, FUNCTIONS["sin"])
    return layer


def rows(n=11, inputs=3):
    return 2 * torch.rand(n, inputs, dtype=F64, generator=torch.Generator().manual_seed(1)) - 1


class TestLayer:
    def test_the_literal_formula(self, layer):
        x, spline = rows(), copy.deepcopy(layer)
        for edge in ((0, 1), (2, 0), (2, 1)):
            spline.free_edge(*edge)
        values = spline.edge_values(x).detach()
        values[:, 0, 1] = 3 * torch.sin(2 * x[:, 0] + 0.1) + 0.5
        values[:, 2, 0] = -((x[:, 2] + 2) ** 1.5)
        values[:, 2, 1] = torch.sin(x[:, 2])
        assert spline.symbolic is None
        assert_close(layer.edge_values(x).detach(), values, rtol=1e-13, atol=1e-13)
        assert_close(layer(x).detach(), values.sum(1), rtol=1e-13, atol=1e-13)
        assert_close(layer(x.reshape(11, 1, 3)).detach(), values.sum(1)[:, None], rtol=1e-13, atol=1e-13)

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0])
    def test_a_removed_edge_sees_nothing(self, value):
        layer = KANLayer(2, 2, dtype=F64)
        layer.fix_edges([(i, j, FUNCTIONS["log"], None) for i in range(2) for j in range(2)])
        layer.set_mask(torch.tensor([[0.0, 0.0], [1.0, 1.0]]))
        x = torch.tensor([[value, 2.0], [3.0, 2.0]], dtype=F64, requires_grad=True)
        y = layer(x)
        assert_close(y[0], y[1], rtol=0, atol=0)
        assert bool(y.isfinite().all())
        (gradient,) = torch.autograd.grad(y.sum(), x)
        assert not gradient[:, 0].any()
        assert bool(gradient.isfinite().all())

    def test_a_removed_edge_is_removed_symbolic_or_not(self, layer):
        x, mask = rows(), torch.ones(3, 2, dtype=F64)
        mask[0, 1] = mask[1, 1] = 0.0
        layer.set_mask(mask)
        values = layer.edge_values(x)
        assert not values[:, 0, 1].any()
        assert not values[:, 1, 1].any()
        assert_close(layer(x), values.sum(1))

    def test_without_gradients_nothing_else_changes(self, layer):
        """Numbers are written over each other then, but neither those of forward mode nor those a function keeps."""
        x, v = rows(), torch.ones_like(rows())
        values, tangents = torch.func.jvp(layer, (x,), (v,))
        with torch.no_grad(), forward_ad.dual_level():
            found = forward_ad.unpack_dual(layer(forward_ad.make_dual(x, v)))
        assert torch.equal(found.primal, values.detach())
        assert_close(found.tangent, tangents.detach(), rtol=1e-14, atol=1e-14)
        kept = torch.full((1, len(x)), 0.25, dtype=F64)
        layer.fix_edge(0, 0, Function("kept", lambda _: kept, "0.25", 1), (1.0, 0.0, 3.0, 1.0, 1.0))
        with torch.no_grad():
            layer(x)
        assert bool((kept == 0.25).all())

    def test_inference_first_and_training_later(self, layer):
        with torch.inference_mode():
            layer(rows())
        layer(rows()).sum().backward()
        assert bool(layer.symbolic.affine.grad.isfinite().all())

    @pytest.mark.parametrize("models", [None, 2])
    @pytest.mark.parametrize("order", [0, 1, 2])
    def test_recorded_or_not_the_values_are_the_same(self, layer, order, models, monkeypatch):
        edges, x = layer.symbolic, rows() if models is None else torch.stack([rows(), 0.9 * rows()])
        mask = torch.ones(3, 2, dtype=F64)
        mask[2, 0] = 0.0
        before, affine = x.clone(), edges.masked(mask)
        affine = affine if models is None else torch.stack([affine, 1.1 * affine])

        def found():
            return edges.derivatives(x, affine, order), edges.moving(x, affine, order, None), edges.sums(x, affine)

        recorded = found()
        with torch.no_grad():
            alone = found()
        monkeypatch.setattr("edgewise.layers.symbolic._BUFFER", 7)
        with torch.no_grad():
            few_rows_at_a_time = found()
        assert all(torch.equal(one, other) for one, other in zip(recorded, alone, strict=True))
        assert_close(few_rows_at_a_time, alone, rtol=1e-15, atol=1e-15)
        assert torch.equal(x, before)

    def test_derivatives(self, layer):
        x = rows(4).requires_grad_()
        assert torch.autograd.gradcheck(layer, x)
        assert torch.autograd.gradgradcheck(layer, x)
        layer(x).sum().backward()
        assert (layer.symbolic.affine.grad[:, :4] != 0).all()

    def test_all_edges_symbolic(self):
        layer = KANLayer(2, 2, dtype=F64)
        for edge in ((0, 0), (0, 1), (1, 0), (1, 1)):
            layer.fix_edge(*edge, FUNCTIONS["x^2"])
        assert_close(layer(rows(5, 2)).detach(), rows(5, 2).square().sum(1, keepdim=True).expand(5, 2))
        assert layer(torch.tensor([[float("nan"), 0.0]], dtype=F64)).isnan().all()

    def test_a_part_is_the_same_edges(self, layer):
        """Options, masks and frozen parameters too; it shares nothing."""
        layer.set_mask(torch.tensor([[1.0, 1.0], [0.0, 1.0], [1.0, 1.0]], dtype=F64))
        layer.base_weight.requires_grad_(False)
        values, part = layer.edge_values(rows()).detach(), layer.part([2, 1], [1])
        assert_close(part.edge_values(rows()[:, [2, 1]]).detach(), values[:, [2, 1]][:, :, [1]])
        assert part.symbolic.edges == [(0, 0)]
        assert [p.requires_grad for p in part.parameters()] == [p.requires_grad for p in layer.parameters()]
        assert not layer.part([1], [0])(rows()[:, :1]).any()
        with torch.no_grad():
            for tensor in (*part.parameters(), *part.buffers()):
                tensor.zero_()
        assert torch.equal(layer.edge_values(rows()).detach(), values)

    def test_a_part_draws_no_numbers(self, layer):
        before = torch.get_rng_state()
        layer.part([0], [0])
        assert torch.equal(torch.get_rng_state(), before)

    def test_compiles_without_a_break(self, layer):
        x = rows()
        assert_close(torch.compile(layer, fullgraph=True, backend="eager")(x), layer(x))

    def test_the_mean_magnitude(self, layer):
        expected = layer.edge_values(rows()).abs().mean(0)
        found = edge_l1(layer, rows())
        assert_close(found, expected)
        found.sum().backward()
        assert (layer.symbolic.affine.grad[:, 2] != 0).all()


@pytest.fixture
def model():
    model = KAN([2, 3, 1], grid=4, dtype=F64, seed=0)
    model.layers[0].fix_edge(0, 1, FUNCTIONS["sin"], [2.0, 0.1, 1.0, 0.5])
    model.layers[1].fix_edge(1, 0, FUNCTIONS["exp"], [0.5, 0.1, 1.0, 0.5])
    return model


class TestModel:
    def test_names_its_edges(self, model):
        assert model.symbolic_edges == {(0, 0, 1): "sin", (1, 1, 0): "exp"}
        assert KAN(**model.config()).symbolic_edges == model.symbolic_edges
        assert "symbolic" not in KAN([2, 1]).config()

    def test_file_round_trip(self, model, tmp_path):
        path = tmp_path / "model.safetensors"
        model.layers[0].set_mask(torch.tensor([[1.0, 1, 0], [1, 1, 1]]))
        model.save(path)
        assert torch.equal(KAN.load(path)(rows(5, 2)), model(rows(5, 2)))

    def test_a_function_of_the_users_own_is_not_saved(self, model, tmp_path):
        model.layers[0].fix_edge(0, 0, Function("mine", torch.sin, "sin(z)", 2))
        with pytest.raises(ParameterError, match="cannot hold functions of your own: mine"):
            model.save(tmp_path / "model.safetensors")
        assert not list(tmp_path.iterdir())

    def test_a_file_with_an_unknown_function(self, model, tmp_path, monkeypatch):
        model.save(tmp_path / "model.safetensors")
        monkeypatch.delitem(FUNCTIONS, "exp")
        with pytest.raises(FormatError, match="there is no function 'exp'"):
            KAN.load(tmp_path / "model.safetensors")

    def test_deepcopy_shares_nothing(self, model):
        twin = copy.deepcopy(model)
        with torch.no_grad():
            twin.layers[0].symbolic.affine.zero_()
        assert model.layers[0].symbolic.affine.any()

    def test_grids_move_and_refine_around_it(self, model):
        before = model(rows(9, 2))
        assert model.update_grid(rows(50, 2)) < 0.1
        refined = model.refine(8)
        assert refined.symbolic_edges == model.symbolic_edges
        assert_close(refined(rows(9, 2)), model(rows(9, 2)), rtol=1e-12, atol=1e-12)
        assert before.isfinite().all()

    def test_scores_see_it(self, model):
        scores = edge_deviations(model, rows(200, 2))
        expected = (torch.sin(2 * rows(200, 2)[:, 0] + 0.1)).std(correction=0)
        assert_close(scores[0][0, 1], expected)

    def test_an_edge_that_is_not_there(self, model):
        with pytest.raises(ParameterError, match=r"no edge \(0, 2, 0\).*layer 0: 2 to 3, layer 1: 3 to 1"):
            model.layer_of(0, 2, 0)

    @pytest.mark.parametrize("opt", ["lm", "auto", "lbfgs", "adam"])
    def test_fits_its_numbers(self, model, opt):
        """All of `sin` and `exp` edges, and splines beside them."""
        x = rows(300, 2)
        y = torch.exp(torch.sin(math.pi * x[:, :1]) + x[:, 1:] ** 2)
        before = model.layers[0].symbolic.affine.detach().clone()
        result = model.fit((x, y), opt=opt, steps=15, progress=False)
        assert result["train_loss"][-1] < 0.9 * result["train_loss"][0]
        after = model.layers[0].symbolic.affine.detach()
        assert (after[:, :4] != before[:, :4]).all()
        assert torch.equal(after[:, 4], before[:, 4])

    def test_unknowns_are_what_is_alive(self, model):
        assert is_plain_kan(model)
        model.layers[0].set_mask(torch.tensor([[1.0, 1, 0], [1, 1, 1]]))
        model.update_grid(rows(400, 2))  # so that every cell is reached
        problem = KANResiduals([model], rows(400, 2), rows(400, 1))
        splines = 2 * 3 - 2 + 3 - 1
        assert problem.size == splines * (4 + 3 + 1) + 2 * 4
        assert problem.linearize(problem.point()).gram().diagonal(dim1=-2, dim2=-1).count_nonzero() == problem.size

    def test_the_jacobian_of_the_unknowns(self, model):
        x, y = rows(20, 2), rows(20, 1)
        problem = KANResiduals([model], x, y)
        point = problem.point()
        linear = problem.linearize(point)
        jacobian = torch.autograd.functional.jacobian(lambda v: _outputs(problem, v), point[0])
        assert_close(torch.cat(list(linear.rows()), dim=1)[0], jacobian, rtol=1e-6, atol=1e-9)
        assert_close(linear.gram()[0].tril(), (jacobian.T @ jacobian).tril(), rtol=1e-6, atol=1e-9)


def _outputs(problem, v):
    """Residuals as a differentiable function of the unknowns."""
    return problem.residuals(v[None])[0]


def test_one_name_is_one_function():
    layer = KANLayer(2, 1, 3, 3)
    layer.fix_edge(0, 0, Function("mine", torch.sin, "sin(z)", 1))
    with pytest.raises(ParameterError, match="two different ones are called 'mine'"):
        layer.fix_edge(1, 0, Function("mine", torch.cos, "cos(z)", 1))
    assert layer.symbolic is not None
    assert layer.symbolic.edges == [(0, 0)]

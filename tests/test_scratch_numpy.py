"""`scratch.numpy_kan`: against scipy, exact rationals, finite differences, and side by side with the fast layers."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy.interpolate import BSpline as ScipyBSpline
from torch import nn

from edgewise import KANLayer
from edgewise.scratch.numpy_kan import KAN, MSE, BSpline, Layer, Tanh
from oracles.bspline_recursion import basis_values


def points(spline: BSpline) -> np.ndarray:
    """Inside, at every knot, in the outer cells and beyond."""
    edges = np.concatenate([spline.t, [spline.t[0] - 1, spline.t[-1] + 1]])
    return np.concatenate([np.random.default_rng(0).uniform(spline.t[0], spline.t[-1], 40), edges])


def rows(count: int, features: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (count, features))


# ---------------------------------------------------------------------------------------------- the bumps


@pytest.mark.parametrize(("p", "n"), [(1, 2), (1, 6), (2, 5), (3, 4), (3, 7), (5, 9)])
def test_bumps_and_their_slopes_are_those_of_scipy_and_of_exact_rationals(p, n):
    spline = BSpline(p, n)
    x = points(spline)
    assert spline(x).shape == spline.derivative(x).shape == (n, len(x))
    exact = np.array([[basis_values(v, list(spline.t), p, order) for v in x] for order in (0, 1)])
    # atol: some thousand rounding errors of the largest value, which is 1, and of the largest slope, p cells' heights.
    assert_allclose(spline(x), exact[0].T, rtol=0, atol=1e-13)
    assert_allclose(spline.derivative(x), exact[1].T, rtol=0, atol=1e-13 * p * n)
    inside = x[(x >= -1) & (x < 1)]
    design = ScipyBSpline.design_matrix(inside, spline.t, p).toarray()
    assert_allclose(spline(inside), design.T, rtol=0, atol=1e-13)


def test_bumps_keep_the_shape_of_what_they_are_asked():
    spline, x = BSpline(), rows(4, 3, seed=0)
    assert spline(x).shape == (7, 4, 3)
    assert_allclose(spline(x)[:, 2, 1], spline(x[2, 1]), rtol=0, atol=0)
    assert_allclose(spline.t, np.linspace(-2.5, 2.5, 11), rtol=0, atol=1e-15)  # the document's seven cubic functions


def test_nan_in_is_nan_out():
    model = KAN([2, 2, 1])
    assert np.isnan(model.predict(np.array([[0.1, np.nan]]))).all()


@pytest.mark.parametrize(("p", "n"), [(0, 4), (3, 3), (3, 2)])
def test_a_spline_without_cells_is_refused(p, n):
    with pytest.raises(ValueError, match=f"got p={p}, n={n}"):
        BSpline(p, n)


# ---------------------------------------------------------------------------- derivatives, without the library


def slopes_by_differences(loss, array: np.ndarray, step: float = 1e-5) -> np.ndarray:
    """Central differences of fourth order; `array` is put back as it was."""
    slopes = np.zeros_like(array)
    for place in np.ndindex(array.shape):
        kept, values = array[place], []
        for shift in (-2, -1, 1, 2):
            array[place] = kept + shift * step
            values.append(loss())
        array[place] = kept
        slopes[place] = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * step)
    return slopes


def test_the_hand_derived_backward_agrees_with_finite_differences():
    model, x, y = KAN([2, 3, 2], seed=1), rows(6, 2, seed=2), rows(6, 2, seed=3)
    for layer in model.layers[::2]:
        layer.W *= 8  # of order one

    def loss() -> float:
        return MSE().forward(y, model.predict(x))

    d_x = model.backward(MSE().backward(y, model.predict(x)))
    # atol: rounding of the differences, 1e-16 / 1e-5, times a hundred; slopes are of order 0.1.
    for layer in model.layers[::2]:
        assert_allclose(layer.dEdW, slopes_by_differences(loss, layer.W), rtol=0, atol=1e-9)
    assert_allclose(d_x, slopes_by_differences(loss, x), rtol=0, atol=1e-9)


# ------------------------------------------------------------------------------------ the fast layers beside it


def fast(layer: Layer, **options) -> KANLayer:
    """The library's layer with the same weights on the same knots."""
    n_in, n_out, weights = layer.W.shape
    p = layer.spline.p
    twin = KANLayer(
        n_in, n_out, weights - p, p, base_fun="zero", outside="extend", dtype=torch.float64,
        generator=torch.Generator().manual_seed(0), **options,
    )  # fmt: skip
    with torch.no_grad():
        twin.coef.copy_(torch.from_numpy(layer.W))
        twin.knots.copy_(torch.from_numpy(layer.spline.t).expand_as(twin.knots))
    return twin


@pytest.mark.parametrize("p", [1, 2, 3])
def test_a_layer_equals_the_fast_one_to_1e_12(p):
    layer = Layer(3, 4, weights=p + 5, p=p, rng=np.random.default_rng(p))
    layer.W *= 10
    x = 2.5 * rows(40, 3, seed=1)  # also in the outer cells and beyond
    cotangent = rows(40, 4, seed=2)
    twin, inputs = fast(layer), torch.from_numpy(x).requires_grad_()
    assert_allclose(twin.knots.numpy()[0], layer.spline.t)
    outputs = twin(inputs)
    outputs.backward(torch.from_numpy(cotangent))
    assert_allclose(layer.forward(x), outputs.detach().numpy(), rtol=0, atol=1e-12)
    assert_allclose(layer.backward(cotangent), inputs.grad.numpy(), rtol=0, atol=1e-12)
    assert_allclose(layer.dEdW, twin.spline_weight.grad.transpose(1, 2).numpy(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("sizes", [[1, 2, 2, 1], [3, 4, 2]])
def test_a_network_equals_fast_layers_with_tanh_between_to_1e_12(sizes):
    model, x, y = KAN(sizes, seed=5), rows(30, sizes[0], seed=6), rows(30, sizes[-1], seed=7)
    for layer in model.layers[::2]:
        layer.W *= 10
    twins = [nn.Tanh() if isinstance(layer, Tanh) else fast(layer) for layer in model.layers]
    inputs = torch.from_numpy(x).requires_grad_()
    outputs = nn.Sequential(*twins)(inputs)
    error = nn.functional.mse_loss(outputs, torch.from_numpy(y))
    error.backward()

    y_pred = model.predict(x)
    assert_allclose(y_pred, outputs.detach().numpy(), rtol=0, atol=1e-12)
    assert MSE().forward(y, y_pred) == pytest.approx(error.item(), abs=1e-12)
    assert_allclose(model.backward(MSE().backward(y, y_pred)), inputs.grad.numpy(), rtol=0, atol=1e-12)
    for layer, twin in zip(model.layers[::2], twins[::2], strict=True):
        assert_allclose(layer.dEdW, twin.spline_weight.grad.transpose(1, 2).numpy(), rtol=0, atol=1e-12)


def test_training_equals_torch_sgd_on_the_fast_layers():
    """Fifty steps of the same descent end at the same weights."""
    x, y = rows(20, 1, seed=0), rows(20, 1, seed=1)
    model = KAN(seed=2)
    network = nn.Sequential(*(nn.Tanh() if isinstance(layer, Tanh) else fast(layer) for layer in model.layers))
    splines = [twin.spline_weight for twin in network[::2]]
    sgd = torch.optim.SGD(splines, lr=0.3, momentum=0.9)
    losses = []
    for _ in range(50):
        sgd.zero_grad()
        error = nn.functional.mse_loss(network(torch.from_numpy(x)), torch.from_numpy(y))
        error.backward()
        sgd.step()
        losses.append(error.item())
    # rtol: rounding errors grow along the descent; 4e-15 seen.
    assert_allclose(model.fit(x, y, epochs=50), losses, rtol=1e-10)


# -------------------------------------------------------------------------------------------------- manners


def document() -> tuple[np.ndarray, np.ndarray]:
    x = np.linspace(-1, 1, 20)[:, None]
    return x, 0.5 * np.sin(4 * x) * np.exp(-x - 1)


def test_it_learns_the_documents_function(capfd):
    x, y = document()
    model = KAN()
    losses = model.fit(x, y, epochs=500)
    assert len(losses) == 500
    assert losses[0] > 0.02
    assert MSE().forward(y, model.predict(x)) < 1e-4
    assert capfd.readouterr() == ("", ""), "no bar where nobody watches"


def test_the_bar_can_be_asked_for(capfd):
    KAN().fit(*document(), epochs=2, progress=True)
    assert "2/2" in capfd.readouterr().err


def test_a_seed_decides_the_weights(global_random_state_untouched):
    first, again, other = KAN(seed=3), KAN(seed=3), KAN(seed=4)
    assert all((a.W == b.W).all() for a, b in zip(first.layers[::2], again.layers[::2], strict=True))
    assert (first.layers[0].W != other.layers[0].W).all()
    assert (Layer(1, 2).W == Layer(1, 2).W).all()


@pytest.mark.parametrize(
    ("x", "y", "said"),
    [
        (np.zeros(20), np.zeros((20, 1)), r"`x` must be \(20, 1\), a row for each example; got \(20,\)"),
        (np.zeros((20, 2)), np.zeros((20, 1)), r"`x` must be \(20, 1\).*got \(20, 2\)"),
        (np.zeros((20, 1)), np.zeros(20), r"`y` must be \(20, 1\).*got \(20,\)"),
        (np.zeros((20, 1)), np.zeros((19, 1)), r"`y` must be \(20, 1\).*got \(19, 1\)"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(x, y, said):
    with pytest.raises(ValueError, match=said):
        KAN().fit(x, y)

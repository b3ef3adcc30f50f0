"""The payload says all of a model, and no more of the data than it may."""

import json

import numpy as np
import pytest
import torch
from scipy.interpolate import BSpline
from scipy.special import expit
from tests.explorer import write_fixtures as fixtures

from edgewise import KAN, MLP, KANClassifier, KANRegressor, create_dataset
from edgewise.errors import DomainError, ParameterError
from edgewise.explorer import payload_of
from edgewise.explorer.arrays import decode, encode, to_json
from edgewise.explorer.payload import network_json
from edgewise.interpret import edge_deviations
from edgewise.layers import Function


def evaluated(model: dict, x: np.ndarray) -> np.ndarray:
    """Only splines, SiLU, masks and products, by scipy: an oracle that knows nothing but the payload."""
    for width, layer in zip(model["width"][1:], model["layers"], strict=True):
        knots, coef, base, mask = (decode(layer[name]) for name in ("knots", "coef", "base", "mask"))
        scale = np.ones_like(base) if layer["spline_scale"] is None else decode(layer["spline_scale"])
        sums = np.zeros((len(x), base.shape[1]))
        for i, j in np.ndindex(base.shape):
            spline = BSpline(knots[i], coef[i, :, j], model["k"])(x[:, i])
            sums[:, j] += mask[i, j] * (base[i, j] * x[:, i] * expit(x[:, i]) + scale[i, j] * spline)
        n_sum = width if isinstance(width, int) else width[0]
        factors = sums[:, n_sum:].reshape(len(x), -1, model["mult_arity"])
        x = np.concatenate([sums[:, :n_sum], factors.prod(axis=2)], axis=1)
    return x


@pytest.mark.parametrize("k", [1, 3, 5])
def test_what_is_in_it_is_the_model(k):
    model = fixtures.kan([2, [1, 2], 2], k=k, sp_trainable=True, mult_arity=3)
    with torch.no_grad():
        for layer in model.layers[1:]:  # keep the values that arrive there inside the grid, where scipy's splines live
            layer.knots.mul_(40.0)
    model.layers[0].set_mask(torch.tensor([[1.0] * 7, [0.0, 1.0] * 3 + [1.0]]))
    x = torch.rand(50, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 1.9 - 0.95
    found = evaluated(payload_of(model)["model"], x.numpy())
    # Sums of tens of terms of size one, in another order.
    np.testing.assert_allclose(found, model(x).detach().numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("dtype", "code"), [(torch.float32, "f4"), (torch.float64, "f8"), (torch.bfloat16, "f4")])
def test_arrays_come_back_exactly(dtype, code):
    values = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0)).to(dtype)
    packed = json.loads(to_json(encode(values, "f8" if code == "f8" else "f4", "values")))
    assert packed["dtype"] == code
    assert decode(packed).shape == (2, 3, 4)
    assert (decode(packed) == values.double().numpy()).all()


def test_precision_can_be_chosen():
    model = fixtures.kan([1, 1])
    assert payload_of(model)["model"]["layers"][0]["coef"]["dtype"] == "f8"
    assert payload_of(model, precision="f4")["model"]["layers"][0]["coef"]["dtype"] == "f4"
    with pytest.raises(ParameterError, match=r"`precision` must be None or one of .*got 'f2'"):
        payload_of(model, precision="f2")


def test_no_row_of_the_data_without_being_asked():
    data = create_dataset(lambda x: x[:, [0]] * x[:, [1]], n_var=2, train_num=2000, test_num=50, seed=0)
    model = KAN([2, 1], seed=0)
    plain, full = payload_of(model, data), payload_of(model, data, data=True)
    assert plain["sample"] is None
    assert decode(full["sample"]["x"]).shape == (1000, 2)
    assert decode(full["sample"]["y"]).shape == (1000, 1)
    assert payload_of(model, data=True)["sample"] is None, "stand-ins are not data"
    assert [len(entry["quantiles"]) for entry in plain["inputs"]] == [33, 33]


def test_quantiles_deviations_and_losses_are_those_of_the_data():
    data = create_dataset(lambda x: x[:, [0]] ** 2, n_var=2, train_num=500, test_num=100, seed=0, dtype=torch.float64)
    model, x = KAN([2, 3, 1], seed=0, dtype=torch.float64), data["train_input"]
    payload = payload_of(model, data)
    levels = np.linspace(0, 1, 33)
    np.testing.assert_allclose(payload["inputs"][1]["quantiles"], np.quantile(x[:, 1], levels), rtol=1e-12)
    hidden = model.activations(x)[1].numpy()
    np.testing.assert_allclose(decode(payload["nodes"][1]), np.quantile(hidden, levels, axis=0).T, rtol=1e-6)  # f4
    for found, wanted in zip(payload["deviations"], edge_deviations(model, x), strict=True):
        np.testing.assert_allclose(decode(found), wanted.detach().numpy(), rtol=1e-6)
    np.testing.assert_allclose(decode(payload["sums"][0]), hidden.std(axis=0), rtol=1e-6)
    np.testing.assert_allclose(decode(payload["sums"][1]), model(x).detach().numpy().std(axis=0), rtol=1e-6)
    for name, part in (("train", "train"), ("test", "test")):
        error = (model(data[f"{part}_input"]) - data[f"{part}_label"]).square().mean().item()
        assert payload["loss"][name] == pytest.approx(error, rel=1e-12)


def test_data_may_be_a_pair_as_in_fit():
    import pandas as pd

    x, y = torch.rand(30, 2), torch.rand(30, 1)
    model = KAN([2, 1], seed=0)
    wanted = payload_of(model, x, y, data=True)
    table = pd.DataFrame({"x1": x[:, 0], "x2": x[:, 1], "price": y[:, 0]})
    for pair in ((x, y), (table[["x1", "x2"]], table["price"]), (table, "price"), (table, ["price"])):
        assert payload_of(model, pair, data=True) == wanted
    inputs, price = table[["x1", "x2"]], table["price"]
    estimator = KANRegressor(hidden=(2,), max_iter=3, random_state=0).fit(inputs, price)
    assert payload_of(estimator, (table, "price")) == payload_of(estimator, inputs, price)
    for data, labels, message in (
        ((x, y), y, "`y` must be None beside a pair"),
        ((x, y, y), None, "must be a pair `\\(x, y\\)`; got 3 entries"),
        ((table, "cost"), None, "the table has no column 'cost'; its columns are"),
    ):
        with pytest.raises(ParameterError, match=message):
            payload_of(model, data, labels)


def test_units_of_a_table():
    import pandas as pd

    table = pd.DataFrame({
        "size": np.r_[np.linspace(1.0, 2.0, 60), 1000.0],
        "city": ["Rome", "Oslo", "Rome"] * 20 + [None],
    })
    y = pd.Series(np.arange(61.0) * 100, name="price")
    payload = payload_of(KANRegressor(hidden=(2,), max_iter=3, random_state=0).fit(table, y), table, y)
    size, oslo, rome, _ = payload["inputs"]
    assert size["bend"] == 3.0
    assert size["quantiles"][0] == pytest.approx(1.0, rel=1e-9)
    assert size["quantiles"][16] == pytest.approx(table["size"].median(), rel=1e-9)
    assert rome["category"] == {"column": "city", "level": "Rome"}
    assert oslo["bend"] is None
    (price,) = payload["outputs"]
    assert price["shift"] == pytest.approx(y.mean())
    assert price["scale"] == pytest.approx(y.std(ddof=0))
    assert (payload["link"], payload["classes"], payload["loss"]["name"]) == ("identity", None, "mse")


@pytest.mark.parametrize(("classes", "link", "loss"), [(2, "sigmoid", "bce"), (3, "softmax", "cross_entropy")])
def test_classifiers(classes, link, loss):
    x = np.linspace(-1, 1, 60)[:, None]
    y = np.digitize(x[:, 0], np.linspace(-1, 1, classes + 1)[1:-1])
    model = KANClassifier(hidden=(), max_iter=5, random_state=0).fit(x, y)
    payload = payload_of(model, x, y, data=True)
    assert (payload["link"], payload["classes"]) == (link, [str(c) for c in range(classes)])
    probability = model.predict_proba(x)[np.arange(60), y]
    assert payload["loss"] == {"name": loss, "train": pytest.approx(-np.log(probability).mean()), "test": None}
    labels = decode(payload["sample"]["y"])
    assert (labels == (y[:, None] if classes == 2 else np.eye(3)[y])).all()


def test_a_network_with_class_numbers_is_a_classifier():
    payload = payload_of(KAN([1, 3], seed=0), torch.rand(9, 1), torch.arange(9) % 3, data=True)
    assert (payload["link"], payload["loss"]["name"]) == ("softmax", "cross_entropy")
    assert decode(payload["sample"]["y"]).sum(axis=1).tolist() == [1.0] * 9


def test_a_formula_where_every_edge_has_a_name():
    model = KAN.from_formula("sin(x) + y**2")
    (formula,) = payload_of(model)["formula"]
    assert "sin" in formula["latex"]
    assert formula["sympy"].count("**2") == 1
    namespace = {}
    exec(formula["python"], namespace)
    x = np.array([[0.3, 0.4]])
    np.testing.assert_allclose(namespace["f"](x), [[np.sin(0.3) + 0.16]], rtol=1e-9)
    model.unfix_symbolic(*next(iter(model.symbolic_edges)))
    assert payload_of(model)["formula"] is None


def test_a_function_of_the_users_own_travels_as_a_spline():
    own = Function("wobble", lambda z: torch.sin(3 * z) * torch.exp(-z.square()), "sin(3*z)*exp(-z**2)", 5)
    model = fixtures.kan([1, 1])
    model.layers[0].fix_edge(0, 0, own, [1.2, 0.3, 0.8, -0.1, 1.0])
    x = torch.linspace(-1, 1, 333, dtype=torch.float64)[:, None]
    (entry,) = payload_of(model, x)["model"]["layers"][0]["symbolic"]
    spline = BSpline(decode(entry["sampled"]["knots"])[0], decode(entry["sampled"]["coef"]), 3)(x[:, 0])
    # h^4/384 |f''''| with h = 2.4/400 and |f''''| below 1000 for this function.
    np.testing.assert_allclose(spline, model(x).detach()[:, 0], rtol=0, atol=1e-8)
    assert entry["name"] == "wobble"


def test_a_function_that_ends_where_the_data_do_is_sampled_up_to_there():
    own = Function("root", lambda z: torch.sqrt(z), "sqrt(z)", 2)
    model = fixtures.kan([1, 1])
    model.layers[0].fix_edge(0, 0, own, [1.0, 0.0, 1.0, 0.0, 1.0])
    inside = torch.linspace(0.0, 1.0, 50, dtype=torch.float64)[:, None]
    (entry,) = payload_of(model, inside)["model"]["layers"][0]["symbolic"]
    assert decode(entry["sampled"]["knots"])[0, 3] == 0.0
    with pytest.raises(DomainError, match=r"edge \(0, 0, 0\) has no finite value somewhere in \[-1, 1\]"):
        payload_of(model, inside * 2 - 1)


def test_numbers_that_are_none_are_refused_with_their_place():
    model = fixtures.kan([1, 2, 1])
    with torch.no_grad():
        model.layers[1].spline_weight[0, 0, 0] = float("nan")
    with pytest.raises(DomainError, match="`coef` of layer 1 must be finite to be shown; 1 of 12 numbers are not"):
        network_json(model)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (MLP([1, 2, 1], seed=0), "shows a KAN, KANRegressor or KANClassifier; got MLP"),
        (torch.nn.Linear(1, 1), "got Linear"),
        (KANRegressor(), "this KANRegressor is not fitted yet; call `fit` first"),
    ],
)
def test_what_cannot_be_shown_is_refused(model, message):
    with pytest.raises(ParameterError, match=message):
        payload_of(model)


def test_layers_that_differ_are_refused():
    model = fixtures.kan([1, 1, 1])
    model.layers[1].outside = "extend"
    with pytest.raises(ParameterError, match="one degree, policy and residual function; layer 1"):
        payload_of(model)


def test_names_cannot_leave_the_script_element():
    names = ["</script><script>alert(1)</script>", "<!-- & -->\u2028"]
    text = to_json(payload_of(KAN([2, 1], seed=0, input_names=names), title="<title>"))
    assert not set(text) & set("<>&")
    assert text.isascii()
    assert [entry["name"] for entry in json.loads(text)["inputs"]] == names


def test_nothing_is_changed(global_random_state_untouched):
    model = KAN([2, 2, 1], seed=0).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    payload_of(model, torch.rand(20, 2, generator=torch.Generator()), torch.zeros(20, 1), data=True)
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_the_fixtures_of_the_front_end_are_fresh():
    """The files hold what Python computes today; weights come from seeds, so only rounding may differ."""
    for made in fixtures.models():
        stored = json.loads((fixtures.FOLDER / f"{made['name']}.json").read_text(encoding="utf-8"))
        if made["user"] is not None:  # trained: the last digits depend on the machine
            assert stored["payload"]["inputs"] == made["payload"]["inputs"]
            continue
        assert stored["x"] == made["x"]
        scale = np.abs(made["outputs"]).max()
        np.testing.assert_allclose(stored["outputs"], made["outputs"], rtol=0, atol=1e-13 * scale)
        assert stored["payload"]["model"].keys() == made["payload"]["model"].keys()

"""Edits of the page, repeated in Python."""

import copy

import pytest
import torch

from edgewise import KAN, KANRegressor
from edgewise.errors import ParameterError
from edgewise.explorer import apply_edits
from edgewise.layers import Function

X = torch.linspace(-1, 1, 40, dtype=torch.float64).reshape(20, 2)


@pytest.fixture
def model() -> KAN:
    return KAN([2, 3, 1], seed=0, dtype=torch.float64)


def expected(model: KAN, change) -> torch.Tensor:
    other = copy.deepcopy(model)
    with torch.no_grad():
        change(other.layers)
    return other(X)


EDITS = {
    "coef": (
        {"op": "coef", "edge": [0, 1, 2], "index": 4, "value": 0.1},
        lambda layers: layers[0].coef[1, 2, 4].fill_(0.1),
    ),
    "base": ({"op": "base", "edge": [1, 2, 0], "value": -3}, lambda layers: layers[1].scale_base[2, 0].fill_(-3.0)),
    "prune": (
        {"op": "prune", "edge": [0, 0, 1]},
        lambda layers: layers[0].set_mask(torch.tensor([[1.0, 0.0, 1.0], [1.0, 1.0, 1.0]])),
    ),
    "fix": (
        {"op": "fix", "edge": [0, 1, 0], "name": "sin", "affine": [2, 0.5, 1.5, -0.25, 1]},
        lambda layers: layers[0].fix_edge(1, 0, torch_sin(), [2.0, 0.5, 1.5, -0.25, 1.0]),
    ),
}


def torch_sin() -> Function:
    from edgewise.layers import FUNCTIONS

    return FUNCTIONS["sin"]


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_does_what_it_says_to_the_last_bit(model, name):
    edit, change = EDITS[name]
    before = model(X)
    after = apply_edits(model, [edit])
    assert torch.equal(after(X), expected(model, change))
    assert not torch.equal(after(X), before)
    assert torch.equal(model(X), before), "the model that was given is not changed"


def test_pruning_and_fixing_can_be_taken_back(model):
    edge = [0, 1, 2]
    there = [{"op": "prune", "edge": edge}, {"op": "fix", "edge": edge, "name": "x^2", "affine": [1, 0, 1, 0, 1]}]
    back = [{"op": "restore", "edge": edge}, {"op": "unfix", "edge": edge}]
    changed = apply_edits(model, there)
    assert changed.n_edges == model.n_edges - 1
    assert torch.equal(apply_edits(model, there + back)(X), model(X))


def test_the_last_of_several_edits_of_one_number_counts(model):
    edits = [{"op": "coef", "edge": [0, 0, 0], "index": 0, "value": value} for value in (1.0, 2.0, 0.1 + 0.2)]
    assert apply_edits(model, edits).layers[0].coef[0, 0, 0].item() == 0.1 + 0.2


def test_a_function_of_the_users_own_is_found_in_the_model(model):
    own = Function("mine", torch.sin, "sin(z)", 2)
    model.layers[0].fix_edge(0, 0, own)
    edited = apply_edits(model, [{"op": "fix", "edge": [1, 0, 0], "name": "mine", "affine": [1, 0, 1, 0, 1]}])
    assert edited.symbolic_edges == {(0, 0, 0): "mine", (1, 0, 0): "mine"}


def test_an_estimator_gives_an_estimator():
    x = X.numpy()
    model = KANRegressor(hidden=(2,), max_iter=3, random_state=0).fit(x, x[:, 0])
    before = model.predict(x)
    edited = apply_edits(model, [{"op": "prune", "edge": [0, 0, 0]}])
    assert (edited.predict(x) != before).any()
    assert (model.predict(x) == before).all()


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ("prune", "an edit is an object whose 'op' is one of coef, base, fix"),
        ({"op": "delete", "edge": [0, 0, 0]}, "there is no operation 'delete'; known are"),
        ({"op": ["prune"], "edge": [0, 0, 0]}, r"there is no operation \['prune'\]"),
        ({"op": "prune"}, r"'prune' holds \['edge', 'op'\]; got \['op'\]"),
        ({"op": "prune", "edge": [0, 0, 0], "value": 1}, "'prune' holds"),
        ({"op": "prune", "edge": "000"}, r"there is no edge \(0, 0, 0\)"),
        ({"op": "prune", "edge": [0, 0]}, r"'edge' must be \[l, i, j\]; got \[0, 0\]"),
        ({"op": "prune", "edge": [0, 5, 0]}, r"there is no edge \(0, 5, 0\); edges \(l, i, j\) of this network"),
        ({"op": "coef", "edge": [0, 0, 0], "index": 8, "value": 1.0}, "'index' must be a coefficient, 0 to 7; got 8"),
        ({"op": "coef", "edge": [0, 0, 0], "index": True, "value": 1.0}, "'index' must be a coefficient"),
        ({"op": "coef", "edge": [0, 0, 0], "index": 1, "value": float("nan")}, "'value' must be finite; got nan"),
        ({"op": "base", "edge": [0, 0, 0], "value": "1"}, "'value' must be finite; got '1'"),
        ({"op": "fix", "edge": [0, 0, 0], "name": "sine", "affine": [1] * 5}, "there is no function 'sine'; known are"),
        ({"op": "fix", "edge": [0, 0, 0], "name": "sin", "affine": [1] * 4}, "'affine' must be 5 numbers"),
        ({"op": "fix", "edge": [0, 0, 0], "name": "sin", "affine": [1, 0, float("inf"), 0, 1]}, "'affine' must be fin"),
    ],
)
def test_a_bad_edit_is_named_and_nothing_is_done(model, edit, message):
    good = {"op": "prune", "edge": [0, 0, 1]}
    with pytest.raises(ParameterError, match=rf"edit 1 cannot be applied: {message}.* The edit is "):
        apply_edits(model, [good, edit])


def test_what_is_no_list_or_no_model_is_refused(model):
    with pytest.raises(ParameterError, match="`edits` must be a list of edits; got dict"):
        apply_edits(model, {"op": "prune", "edge": [0, 0, 1]})
    with pytest.raises(ParameterError, match="must be a KAN, KANRegressor or KANClassifier; got Linear"):
        apply_edits(torch.nn.Linear(1, 1), [])


def test_a_residual_function_that_is_not_there_has_no_factor():
    with pytest.raises(ParameterError, match="no residual function"):
        apply_edits(KAN([1, 1], base_fun="zero", seed=0), [{"op": "base", "edge": [0, 0, 0], "value": 1.0}])

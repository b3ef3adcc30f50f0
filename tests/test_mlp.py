"""`MLP`: the baseline against torch's own layers."""

import copy
import pickle

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from edgewise import MLP
from edgewise.errors import ParameterError, ShapeError
from test_kan_layer import F64, rows

ACTIVATIONS = {"silu": nn.SiLU, "relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU}


@pytest.mark.parametrize("act", sorted(ACTIVATIONS))
def test_it_is_linear_layers_with_an_activation_between(act):
    model = MLP([3, 7, 4, 2], act=act, seed=0, **F64)
    first, second, third = (nn.Linear(a, b, **F64) for a, b in ((3, 7), (7, 4), (4, 2)))
    for mine, theirs in zip(model.layers, (first, second, third), strict=True):
        theirs.load_state_dict(mine.state_dict())
    x = rows(9, 3)
    expected = nn.Sequential(first, ACTIVATIONS[act](), second, ACTIVATIONS[act](), third)(x)
    assert_close(model(x), expected, rtol=1e-14, atol=1e-14)


def test_parameter_count_and_shape():
    model = MLP([3, 7, 4, 2])
    assert model.n_parameters == 3 * 7 + 7 + 7 * 4 + 4 + 4 * 2 + 2
    assert (model.in_features, model.out_features) == (3, 2)
    assert model(torch.zeros(2, 0, 3)).shape == (2, 0, 2)
    assert model(torch.zeros(3)).shape == (2,)


def test_weights_fill_torchs_default_range():
    layer = MLP([50, 400, 1], seed=0).layers[0]
    for p in (layer.weight.detach(), layer.bias.detach()):
        assert p.abs().max() <= 50**-0.5
        # Uniform: the standard deviation is the bound over sqrt(3); 400 draws or more: four standard errors are 12 %.
        assert float(p.std()) == pytest.approx(50**-0.5 / 3**0.5, rel=0.12)


def test_a_seed_means_the_same_weights_and_touches_nothing(global_random_state_untouched):
    a, b, c = (MLP([2, 5, 1], seed=s).state_dict() for s in (4, 4, 5))
    assert_close(a, b, rtol=0, atol=0)
    assert not torch.equal(a["layers.0.weight"], c["layers.0.weight"])
    assert_close(MLP([2, 5, 1], generator=torch.Generator().manual_seed(4)).state_dict(), a, rtol=0, atol=0)


def test_config_copies_and_pickles():
    width = [2, 5, 1]
    model, x = MLP(width, act="tanh", **F64), rows(4, 2)
    width[1] = 99
    assert model.config() == {"width": [2, 5, 1], "act": "tanh"}
    twin = MLP(**model.config(), **F64)
    twin.load_state_dict(model.state_dict())
    for other in (twin, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert_close(other(x), model(x), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(width=[2]), r"`width` must list at least two ints >= 1, like \[2, 5, 1\]; got \[2\]"),
        (dict(width=[2, 0, 1]), r"`width` must list at least two ints >= 1.*got \[2, 0, 1\]"),
        (dict(width=[2, 2.0]), r"`width` must list at least two ints >= 1.*got \[2, 2\.0\]"),
        (dict(width=7), r"`width` must list at least two ints >= 1.*got 7"),
        (dict(width=[2, 1], act="sine"), r"`act` must be one of \['gelu', .*\]; got 'sine'"),
        (dict(width=[2, 1], seed=0, generator=torch.Generator()), r"give `seed` or `generator`, not both"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ParameterError, match=message):
        MLP(**arguments)


def test_wrong_inputs_are_refused():
    model = MLP([2, 1], **F64)
    with pytest.raises(ShapeError, match=r"MLP: .*must have 2 features; got shape \(5, 3\)"):
        model(rows(5, 3))
    with pytest.raises(ShapeError, match=r"must have 2 features; got shape \(\)"):
        model(torch.tensor(1.0, **F64))
    with pytest.raises(ShapeError, match=r"input is torch\.float32 on cpu, the model is torch\.float64"):
        model(rows(5, 2).float())

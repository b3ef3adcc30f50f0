"""Edge and input scores against loops over the definition."""

import math

import pytest
import torch

from edgewise import KAN, MLP
from edgewise.errors import DomainError, ParameterError, ShapeError
from edgewise.interpret import attribution, edge_deviations, edge_scores, input_scores

F64 = torch.float64


def make(width, **kwargs):
    model = KAN(width, grid=3, seed=0, dtype=F64, **kwargs)
    x = torch.rand(37, model.in_features, generator=torch.Generator().manual_seed(1), dtype=F64) * 2 - 1
    return model, x


def spread(values):
    """Population standard deviation of a list, by the definition."""
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / len(values))


def deviations_by_loops(model, x):
    """One edge and one row at a time, through the forward of a layer with every other edge removed."""
    result, values = [], x
    with torch.no_grad():
        for layer, product in zip(model.layers, model.products, strict=True):
            mask = layer.mask
            table = torch.zeros(layer.in_features, layer.out_features, dtype=F64)
            for i in range(layer.in_features):
                for j in range(layer.out_features):
                    alone = torch.zeros_like(mask)
                    alone[i, j] = mask[i, j]
                    layer.set_mask(alone)
                    table[i, j] = spread([float(layer(row[None])[0, j]) for row in values])
            layer.set_mask(mask)
            result.append(table)
            values = product(layer(values))
    return result


@pytest.mark.parametrize("width", [[2, 3, 1], [3, [2, 2], 2]], ids=str)
@pytest.mark.parametrize("chunk", [1, 24, 1 << 20])  # one row, a few rows, all rows at a time
def test_edge_deviations_and_scores_agree_with_loops(width, chunk, monkeypatch):
    model, x = make(width)
    removed = torch.ones_like(model.layers[0].mask)
    removed[1, 0] = 0
    model.layers[0].set_mask(removed)
    expected = deviations_by_loops(model, x)
    monkeypatch.setattr(attribution, "_CHUNK", chunk)
    for deviation, score, reference in zip(edge_deviations(model, x), edge_scores(model, x), expected, strict=True):
        torch.testing.assert_close(deviation, reference, rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(score, reference / reference.max(), rtol=1e-12, atol=1e-14)
        assert score.max() == 1
    assert edge_scores(model, x)[0][1, 0] == 0


def test_a_large_constant_part_costs_no_digits():
    model, x = make([1, 1])
    with torch.no_grad():
        before = edge_deviations(model, x)[0]
        model.layers[0].coef.add_(1e6)  # the bases sum to one: the edge moves up by a million
        after = edge_deviations(model, x)[0]
    # Values near 1e6 carry an absolute error of 1e-10; sums of squares would be wrong by 1e-4.
    torch.testing.assert_close(after, before, rtol=0, atol=1e-9)


def test_edges_that_do_not_vary_score_zero():
    model, x = make([2, 3, 1])
    one = edge_scores(model, x[:1])
    assert all(bool((score == 0).all()) for score in one)
    x[:, 1] = 0.3
    score = edge_scores(model, x)[0]
    assert bool((score[1] == 0).all())
    assert score[0].max() == 1


def test_input_scores_pass_the_outputs_variation_back():
    model, x = make([3, [1, 1], 2])
    deviations = deviations_by_loops(model, x)
    score = [1.0, 1.0]  # of the outputs
    values = model.activations(x)
    for l in (1, 0):
        layer, product = model.layers[l], model.products[l]
        sums = [score[j] if j < product.n_sum else score[product.n_sum + (j - product.n_sum) // 2]
                for j in range(layer.out_features)]  # fmt: skip
        totals = [spread(column) for column in layer(values[l]).T.tolist()]
        score = [
            sum(float(deviations[l][i, j]) / totals[j] * sums[j] for j in range(layer.out_features))
            for i in range(layer.in_features)
        ]
    expected = torch.tensor(score, dtype=F64) / max(score)
    torch.testing.assert_close(input_scores(model, x), expected, rtol=1e-11, atol=0)


def test_input_scores_of_an_unused_input_are_zero():
    model, x = make([3, 2, 1])
    mask = torch.ones(3, 2, dtype=F64)
    mask[1] = 0
    model.layers[0].set_mask(mask)
    assert input_scores(model, x)[1] == 0
    assert input_scores(model, x).max() == 1


def test_nothing_is_left_on_the_model_and_no_randomness_is_used(global_random_state_untouched):
    model, x = make([2, 3, 1])
    before = {name: value.clone() for name, value in model.state_dict().items()}
    keys = set(vars(model)) | set(vars(model.layers[0]))
    edge_scores(model, x)
    input_scores(model, x)
    assert set(vars(model)) | set(vars(model.layers[0])) == keys
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert not edge_scores(model, x)[0].requires_grad


@pytest.mark.parametrize("function", [edge_scores, edge_deviations, input_scores])
def test_bad_input(function):
    model, x = make([2, 3, 1])
    with pytest.raises(ShapeError, match=r"`x` must be a \(rows, 2\) tensor with at least one row; got \(0, 2\)"):
        function(model, x[:0])
    with pytest.raises(ShapeError, match=r"got \(37,\)"):
        function(model, x[:, 0])
    with pytest.raises(ShapeError, match=r"\(rows, 2\) tensor.*got \(37, 1\)"):
        function(model, x[:, :1])
    with pytest.raises(ShapeError, match="float32"):
        function(model, x.float())
    x[5, 1] = math.nan
    with pytest.raises(DomainError, match=r"1 entries are not \(first at row 5, column 1: nan\)"):
        function(model, x)
    with pytest.raises(ParameterError, match=r"`model` must be a KAN.*got MLP"):
        function(MLP([2, 3, 1], dtype=F64), x)

"""Pruning: what goes, what stays, and that the function survives."""

import sys

import pytest
import torch
from torch.testing import assert_close

from edgewise import KAN
from edgewise.errors import ParameterError
from edgewise.interpret import (
    attribute,
    prune,
    prune_edges,
    prune_inputs,
    prune_nodes,
    remove_edge,
    remove_node,
    select,
    sparsify,
)
from edgewise.layers import FUNCTIONS

F64 = torch.float64


def rows(n=300, inputs=2, seed=0):
    return 2 * torch.rand(n, inputs, dtype=F64, generator=torch.Generator().manual_seed(seed)) - 1


def quiet(model, *edges):
    """Make some edges constants of size 0.7: they carry no variation, but their mean counts."""
    with torch.no_grad():
        for l, i, j in edges:
            model.layers[l].spline_weight[i, :, j] = 0.7
            model.layers[l].base_weight[i, j] = 0.0
    return model


@pytest.fixture
def model():
    return KAN([2, 3, 1], grid=4, seed=0, dtype=F64, input_names=["a", "b"])


class TestAttribution:
    def test_a_chain_passes_the_whole_score_on(self):
        scores = attribute(KAN([1, 1, 1], seed=0, dtype=F64), rows(inputs=1))
        for part in (*scores.nodes, *scores.edges, *scores.sums):
            assert part.flatten().tolist() == pytest.approx([1.0])

    def test_shares_of_a_sum_are_deviations(self, model):
        x = rows()
        scores = attribute(model, x)
        hidden = model.activations(x)[1]
        edges = model.layers[1].edge_values(hidden)[:, :, 0]
        expected = edges.std(0, correction=0) / edges.sum(1).std(correction=0)
        assert_close(scores.nodes[1], expected.detach())

    def test_a_product_hands_its_score_to_each_factor(self):
        scores = attribute(KAN([2, [0, 1]], seed=0, dtype=F64), rows())
        assert scores.sums[0].tolist() == [1.0, 1.0]

    def test_a_single_row_says_nothing(self, model):
        assert not attribute(model, rows(1)).nodes[0].any()


class TestPrune:
    def test_what_carries_nothing_goes_and_the_function_stays(self, model):
        quiet(model, (0, 0, 0), (1, 2, 0))
        x = rows()
        new, report = prune(model, x, node_th=1e-9, edge_th=1e-9)
        assert new.width == [2, 2, 1]
        assert set(report.nodes) == {(1, 2)}
        assert set(report.edges) == {(0, 0, 0), (0, 0, 2), (0, 1, 2), (1, 2, 0)}
        assert report.kept == [[0, 1], [0, 1], [0]]
        assert_close(new(x), model(x), rtol=1e-12, atol=1e-12)
        assert "4 edges, 1 hidden nodes and 0 inputs were removed" in str(report)

    def test_the_old_model_is_untouched(self, model):
        before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        new, _ = prune(quiet(model, (1, 2, 0)), rows(), node_th=0.5, edge_th=0.5)
        with torch.no_grad():
            for parameter in new.parameters():
                parameter.zero_()
        after = model.state_dict()
        assert all(torch.equal(after[name], tensor) for name, tensor in before.items() if "layers.1" not in name)

    @pytest.mark.parametrize("threshold", [0.0, 0.3, 0.7, 5.0, float("inf")])
    def test_whatever_the_threshold_every_output_depends_on_an_input(self, threshold):
        model = KAN([3, 4, [2, 1], 2], grid=3, seed=1, dtype=F64)
        new, report = prune(model, rows(inputs=3), node_th=threshold, edge_th=threshold)
        x = rows(inputs=3).requires_grad_()
        for column in range(2):
            (grad,) = torch.autograd.grad(new(x)[:, column].sum(), x)
            assert grad.any()
        if threshold == float("inf"):
            assert any("would be constant" in note for note in report.notes)
        result = new.fit((x.detach(), rows(seed=3)), opt="lm", steps=3, progress=False)
        assert result["train_loss"][-1] < result["train_loss"][0]

    def test_options_names_and_symbolic_edges_stay(self):
        model = KAN(
            [2, 3, 1], grid=[4, 6], k=2, seed=0, dtype=F64, input_names=["a", "b"], output_names=["q"], base_fun="tanh",
            outside="extend", sp_trainable=True, sb_trainable=False, grid_eps=0.5,
        )  # fmt: skip
        model.layers[0].fix_edge(1, 2, FUNCTIONS["sin"], [2.0, 0.1, 1.0, 0.3])
        quiet(model, (1, 0, 0))
        new, _ = prune(model, rows(), node_th=1e-9, edge_th=1e-9)
        kept = {k: v for k, v in model.config().items() if k not in ("width", "symbolic")}
        assert {k: v for k, v in new.config().items() if k not in ("width", "symbolic")} == kept
        assert new.symbolic_edges == {(0, 1, 1): "sin"}
        assert [p.requires_grad for p in new.parameters()] == [p.requires_grad for p in model.parameters()]
        assert_close(new(rows()), model(rows()), rtol=1e-12, atol=1e-12)

    def test_one_kind_at_a_time(self, model):
        quiet(model, (0, 0, 0), (1, 2, 0))
        assert prune_nodes(model, rows(), 1e-9)[0].width == [2, 2, 1]
        edges, report = prune_edges(model, rows(), 1e-9)
        assert (0, 0, 0) in report.edges
        assert_close(edges(rows()), model(rows()), rtol=1e-12, atol=1e-12)

    def test_inputs(self, model):
        quiet(model, *((0, 0, j) for j in range(3)))
        new, report = prune_inputs(model, rows(), 1e-6)
        assert new.width == [1, 3, 1]
        assert new.input_names == ["b"]
        assert list(report.inputs) == ["a"]
        assert_close(new(rows()[:, 1:]), model(rows()), rtol=1e-12, atol=1e-12)
        assert prune(model, rows(), node_th=0.0, edge_th=1e-9, inputs=True)[0].width == [1, 3, 1]

    def test_the_door_leaves_the_report(self, model):
        new = quiet(model, (1, 2, 0)).prune(rows(), node_th=1e-6, edge_th=0.0)
        assert new.prune_report.kept[1] == [0, 1]

    def test_without_data_the_training_inputs_count(self, model):
        model.fit((rows(), rows(seed=1)[:, :1]), steps=2, progress=False)
        assert model.prune(node_th=0.0, edge_th=0.0).width == model.width

    @pytest.mark.parametrize("option", ["node_th", "edge_th"])
    def test_a_bad_threshold(self, model, option):
        with pytest.raises(ParameterError, match=f"`{option}` must be a number >= 0; got -1"):
            prune(model, rows(), **{option: -1})

    def test_means_are_those_of_all_rows(self):
        """Whatever the number of rows evaluated at a time."""
        x = torch.zeros(4097, 2, dtype=F64)
        x[-1] = 1.0
        model = KAN([2, 1], seed=0, dtype=F64)
        gap = (model(x) - remove_edge(model, 0, 0, 0, x)(x)).detach()
        assert abs(float(gap.mean())) < 1e-12

    def test_the_mean_of_a_sums_only_edge_stays(self):
        model = quiet(KAN([1, 1, 1], seed=0, dtype=F64), (0, 0, 0))
        new = remove_edge(model, 0, 0, 0, rows(inputs=1))
        assert_close(new(rows(inputs=1)), model(rows(inputs=1)))

    def test_grids_of_layers_and_frozen_numbers_stay(self):
        model = KAN([2, 2, 1], grid=[3, 6], seed=0, dtype=F64)
        model.fix_symbolic(0, 0, 0, "sin", numbers=[1.0, 0, 1, 0])
        model.layers[0].symbolic.affine.requires_grad_(False)
        new, _ = prune(model, rows(), node_th=0.0, edge_th=0.0)
        assert not new.layers[0].symbolic.affine.requires_grad
        found = sparsify(KAN([2, 2, 1], grid=[3, 6], seed=0, dtype=F64), rows(), rows()[:, :1], lambs=(), steps=3)
        assert found.model.grid == [3, 6]


class TestByHand:
    def test_an_edge(self, model):
        new = remove_edge(quiet(model, (0, 1, 2)), 0, 1, 2, rows())
        assert new.layers[0].mask[1, 2] == 0
        assert model.layers[0].mask[1, 2] == 1
        assert_close(new(rows()), model(rows()), rtol=1e-12, atol=1e-12)

    def test_the_mean_stays_in_a_symbolic_edge_too(self, model):
        quiet(model, (0, 1, 2))
        model.layers[0].fix_edge(0, 2, FUNCTIONS["exp"], [1.0, 0, 1, 0])
        assert_close(remove_edge(model, 0, 1, 2, rows())(rows()), model(rows()), rtol=1e-12, atol=1e-12)

    def test_a_node(self, model):
        new = remove_node(quiet(model, (1, 1, 0)), 1, 1, rows())
        assert new.width == [2, 2, 1]
        assert_close(new(rows()), model(rows()), rtol=1e-12, atol=1e-12)

    @pytest.mark.parametrize(("l", "i"), [(0, 0), (2, 0), (1, 3), (1, -1)])
    def test_no_such_node(self, model, l, i):
        with pytest.raises(ParameterError, match=rf"no hidden node \({l}, {i}\)"):
            remove_node(model, l, i)
        with pytest.raises(ParameterError, match="each keeps one"):
            remove_node(KAN([2, 1, 1]), 1, 0)

    def test_no_such_edge(self, model):
        with pytest.raises(ParameterError, match=r"no edge \(0, 5, 0\)"):
            remove_edge(model, 0, 5, 0)

    def test_products_stay_behind_sums(self):
        model = KAN([2, [2, 2], 1], seed=0, dtype=F64)
        new = select(model, [[0, 1], [1, 2], [0]])
        assert new.width == [2, [1, 1], 1]
        nodes = model.activations(rows())[1][:, [1, 2]]
        assert_close(new.activations(rows())[1], nodes)
        with pytest.raises(ParameterError, match="every layer must keep a node"):
            select(model, [[0, 1], [], [0]])


class TestSparsify:
    def test_finds_the_smallest_network(self):
        x = rows(400)
        y = torch.exp(torch.sin(torch.pi * x[:, :1]) + x[:, 1:] ** 2)
        found = sparsify(KAN([2, 4, 1], seed=1, dtype=F64), x, y, steps=40)
        assert found.model.width == [2, 1, 1]
        assert found.model.n_edges == 3
        assert found.val_loss <= found.bound
        assert found.path[0]["edges"] == 12
        assert "[2, 1, 1]" in str(found)

    def test_a_network_that_needs_all_its_edges_is_trained_to_the_end(self, monkeypatch):
        """The first fit ends where its error no longer changes what is allowed; nothing else was accepted."""
        x = rows(400)
        y = torch.exp(torch.sin(torch.pi * x[:, :1]) + x[:, 1:] ** 2)
        model = KAN([2, 1, 1], grid=10, k=5, seed=0, dtype=F64)
        found = sparsify(model, x, y, steps=60)
        assert [entry["step"] for entry in found.path] == ["all"]
        monkeypatch.setattr(sys.modules["edgewise.interpret.sparsify"], "_ENOUGH", 0.0)
        assert found.val_loss == pytest.approx(sparsify(model, x, y, steps=60).val_loss, rel=0.3)

    def test_noise_is_not_explained_away(self):
        """With nothing but noise in one input, that input's edges go."""
        x = rows(400)
        noise = torch.randn(400, 1, dtype=F64, generator=torch.Generator().manual_seed(2))
        found = sparsify(KAN([2, 1], grid=3, seed=1, dtype=F64), x, x[:, :1] ** 2 + 0.01 * noise, steps=10)
        assert found.model.layers[0].mask[:, 0].tolist() == [1.0, 0.0]

    @pytest.mark.parametrize("bad", [{"tolerance": 1.0}, {"growth": 0.5}])
    def test_bad_arguments(self, bad):
        with pytest.raises(ParameterError, match="`tolerance` must lie in"):
            sparsify(KAN([2, 1]), rows(), rows()[:, :1], **bad)

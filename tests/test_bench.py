"""The benchmarks' own arithmetic, and what `edgewise bench` reports. Times themselves are not judged here."""

import json
import time

import numpy as np
import pytest
import torch
from benchmarks import bars, harness, layers, memory, peers, tiny, training
from torch.nn import functional as F

from edgewise import bench
from edgewise.bench import LAYERS

OWN = [peer for peer in peers.PEERS if peer.needs is None and not peer.compiled]


@pytest.fixture
def small(monkeypatch):
    """Layers small enough for a test."""
    monkeypatch.setattr(bench, "LAYERS", [(4, 3, 5, 16), (3, 4, 20, 8)])


def test_run_reports_every_part_and_layer(small):
    state = torch.get_rng_state()
    result = bench.run(seconds=0.2)
    assert torch.equal(torch.get_rng_state(), state)
    assert [(e["inputs"], e["outputs"], e["grid"], e["rows"]) for e in result["layers"]] == bench.LAYERS
    assert all(e["forward"] > 0 and e["step"] > 0 for e in result["layers"])
    parts = result["tiny"]
    assert parts["whole closure (loss + gradients)"] > 0
    inside = ["kernels, forward", "kernels, backward", "operator call, forward"]
    total = sum(parts[name] for name in [*inside, "autograd and modules", "loss"])
    assert total == pytest.approx(parts["whole closure (loss + gradients)"], abs=0.5)  # rounding of six parts


def test_main_writes_json_or_tables(small, monkeypatch, capsys):
    result = bench.run(seconds=0.05)
    monkeypatch.setattr(bench, "run", lambda: result)
    assert bench.main(json=True) == 0
    assert json.loads(capsys.readouterr().out) == result
    assert bench.main() == 0
    text = capsys.readouterr().out
    assert all(name in text for name in result["tiny"])
    assert "4 -> 3, grid 5, 16 rows" in text


def test_default_layers_are_the_documented_rows():
    documented = {(row.width[0], row.width[1], row.grid, row.batch) for row in peers.ROWS if len(row.width) == 2}
    assert set(LAYERS) == documented


def test_interleave_measures_sleep_and_keeps_a_slow_case_short():
    calls = {"fast": lambda: None, "slow": lambda: time.sleep(0.02)}
    timings = harness.interleave(calls, rounds=4, slice_sec=0.001, budget_sec=0.01)
    assert timings["slow"].median == pytest.approx(0.02, rel=0.5)
    assert len(timings["slow"].seconds) == 3
    assert len(timings["fast"].seconds) == 4
    assert timings["fast"].median < 1e-4


def test_spread_is_the_interquartile_range_over_the_median():
    timing = harness.Timing([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0])
    assert (timing.median, timing.spread) == (4.0, 1.0)


def test_ratio_table_divides_by_the_reference_and_sorts():
    results = {"row": {"ref": harness.Timing([2.0] * 5), "quick": harness.Timing([1.0] * 5)}}
    lines = harness.ratio_table(results, "ref").splitlines()
    assert lines[2] == "| quick | 0.500 ±0% |"
    assert lines[3] == "| ref | 1.000 ±0% |"
    assert lines[4] == "| *ref, time* | 2.00 s |"


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (float("nan"), "-"), (123.4, "123"), (12.34, "12.3"), (1.2345, "1.234"), (2e-5, "2.0e-05")],
)
def test_number(value, text):
    assert harness.number(value) == text


def test_run_python_returns_json_and_shows_failures():
    assert harness.run_python("import json; print('noise'); print(json.dumps([1]))") == [1]
    with pytest.raises(RuntimeError, match="no such thing"):
        harness.run_python("raise SystemExit('no such thing')")


@pytest.mark.parametrize("peer", [p for p in OWN if p.read is not None], ids=lambda p: p.name)
def test_exact_competitors_agree_with_scipy(peer):
    assert peers.compare_with_scipy(peer, torch.float64) < 1e-13  # 500 eps; seen 5e-16
    assert peers.compare_with_scipy(peer, torch.float32, grid=20) < 1e-5


@pytest.mark.parametrize("peer", OWN, ids=lambda p: p.name)
def test_step_leaves_fresh_gradients_of_every_parameter_and_of_the_input(peer):
    case = peer.make(peers.Row("r", [3, 4, 2], 5, 10, torch.float64))
    case.step()
    first = [leaf.grad.clone() for leaf in case.leaves]
    case.step()
    assert all(torch.equal(a, leaf.grad) for a, leaf in zip(first, case.leaves, strict=True))
    assert case.x.grad is not None
    assert len(case.leaves) == 1 + len(list(case.module.parameters()))
    assert peer.make(peers.Row("r", [3, 4], 5, 10), input_grad=False).x.requires_grad is False


def test_every_competitor_of_a_row_gets_the_same_inputs():
    row = peers.Row("r", [3, 2], 5, 10, torch.float64)
    inputs = [peer.make(row).x for peer in OWN]
    assert all(torch.equal(inputs[0], x) for x in inputs[1:])
    assert float(inputs[0].detach().abs().max()) <= 1


def test_dense_floor_multiplies_g_plus_k_plus_one_features_once():
    floor = peers.DenseFloor(3, 2, grid=5)
    x = torch.rand(4, 3)
    summed = floor.weight.view(2, 3, 9).sum(-1)
    torch.testing.assert_close(floor(x), F.linear(x, summed))


def test_efficient_kan_has_its_published_parameters():
    layer = peers.EfficientKANLinear(3, 2, 5, 3)
    shapes = {name: tuple(p.shape) for name, p in layer.named_parameters()}
    assert shapes == {"base_weight": (2, 3), "spline_weight": (2, 3, 8), "spline_scaler": (2, 3)}
    assert "grid" in dict(layer.named_buffers())


def test_a_missing_peer_is_skipped_with_a_line(monkeypatch, capsys):
    monkeypatch.setattr(peers, "PEERS", [peers.Peer("ghost", "exact", needs="no_such_package_here")])
    assert peers.find_peers() == []
    assert "skipped: ghost" in capsys.readouterr().err


def test_a_failing_peer_is_a_line_but_ours_raises(capsys):
    def broken(*_):
        raise OSError("out of luck")

    row = peers.ROWS[0]
    assert layers._calls(row, [peers.Peer("bad", "exact", broken)], "step") == {}
    assert "out of luck" in capsys.readouterr().err
    with pytest.raises(OSError, match="out of luck"):
        layers._calls(row, [peers.Peer("edgewise", "ours", broken)], "step")


def test_rows_split_at_commas_outside_brackets():
    assert layers.split_rows("[2,5,1] f64,64->64") == ["[2,5,1] f64", "64->64"]
    assert [r.name for r in peers.find_rows(["[2,5,1]"])] == ["[2,5,1] f64", "[2,5,1] f32"]


def test_layer_bars_compare_medians_the_right_way_round():
    def timings(ours, reference, floor, linear):
        seconds = {peers.OURS: ours, peers.REFERENCE: reference, peers.FLOOR: floor, peers.LINEAR: linear}
        return {name: harness.Timing([value] * 3) for name, value in seconds.items()}

    step = {"256->256 G5": timings(1.0, 6.0, 2.0, 0.1), "256->256 G100": timings(1.2, 30.0, 2.0, 0.1)}
    found = {bar.what: bar for bar in bars.layer_bars({"step": step})}
    efficient = found["step, 256->256 G5: faster than efficient-kan"]
    assert (efficient.value, efficient.limit, efficient.passed) == (6.0, 5, True)
    assert not found["step, 256->256 G100: faster than efficient-kan"].passed  # 25x, promised 60x
    assert found["step, 256->256 G5: time over the dense floor's"].value == 0.5
    assert found["step at G=100 over step at G=5, 256->256"].value == pytest.approx(1.2)
    assert not found["step over Linear + SiLU's, 256->256 G5"].passed  # 10x, promised 5x
    fastest = found[f"step, 256->256 G5: time over the fastest exact peer's ({peers.REFERENCE})"]
    assert fastest.value == pytest.approx(1 / 6)


def test_tiny_and_other_bars():
    times = {tiny.OURS: 1.0, tiny.OURS_DIRECT: 1.0, tiny.PYKAN: 13.0, tiny.PYKAN_FIT: 39.0, tiny.MLP: 0.5}
    found = bars.tiny_bars({name: harness.Timing([value]) for name, value in times.items()})
    assert [bar.passed for bar in found] == [True, False, True]
    assert not bars.tiny_bars({tiny.OURS: harness.Timing([1.0])})[0].passed  # a missing peer is not a pass
    runs = [{"rmse": value} for value in (1e-3, 2e-3, float("nan"))]
    assert [bar.passed for bar in bars.training_bars(runs)] == [False, True]
    reading = {
        peers.OURS: {"allocator": 5.0, "process": 20.0},
        peers.REFERENCE: {"allocator": 150.0, "process": None},
    }
    assert not bars.memory_bars({"256->256 G20": reading})[0].passed  # our worse reading counts


def test_document_says_fail_and_pass():
    page = bars.document([bars.Bar("speed", 3.0, 2.0, at_least=True), bars.Bar("error", 3.0, 2.0)], ["tables"])
    assert "| speed | >= 2 x | 3 x | pass |" in page
    assert "| error | <= 2 x | 3 x | **fail** |" in page


@pytest.mark.skipif(memory.reset_peak() is None, reason="this system cannot reset a process's memory peak")
def test_memory_sees_a_tensor_that_came_and_went():
    def block():
        torch.ones(8 * 2**18)  # 8 MiB

    block()
    assert memory._allocator_peak(block) == pytest.approx(8, abs=0.1)
    before = memory.reset_peak()
    kept = np.ones(2 * 2**20)  # 16 MiB outside torch
    assert (memory.peak_resident() - before) / memory.MIB == pytest.approx(16, abs=6)
    del kept


def test_hello_function_and_rmse():
    x = torch.tensor([[0.5, 0.0], [0.0, 1.0]], dtype=torch.float64)
    e = torch.full((2, 1), torch.e, dtype=torch.float64)
    torch.testing.assert_close(tiny.hello(x), e)
    assert training.rmse(torch.nn.Identity(), e, e + 2) == pytest.approx(2)
    assert training.summary([3.0, 1.0, float("nan")])["worst"] == float("inf")

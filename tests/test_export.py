"""Exports: other programs compute the same numbers from the file alone."""

import json

import numpy as np
import pytest
import torch
from scipy.interpolate import BSpline

from edgewise import KAN, MLP
from edgewise.errors import MissingDependencyError
from edgewise.export import export_json, export_onnx, export_torch, to_json


def kan(dtype=torch.float64, **options) -> KAN:
    model = KAN([3, [2, 1], 2], grid=[4, 6], k=3, seed=0, dtype=dtype, **options)
    model.layers[0].set_mask(torch.tensor([[1, 0, 1, 1], [1, 1, 1, 1], [1, 1, 0, 1]]))
    return model


def rows(n: int, dtype=torch.float64, reach: float = 1.5) -> torch.Tensor:
    return (torch.rand(n, 3, generator=torch.Generator().manual_seed(n), dtype=dtype) * 2 - 1) * reach


@pytest.mark.parametrize(
    ("model", "tolerance"),
    [
        (kan(), 1e-12),
        (kan(torch.float32), 1e-6),
        (kan(sp_trainable=True, outside="extend", base_fun="zero"), 1e-12),
        (MLP([3, 4, 2], seed=0, dtype=torch.float64), 1e-12),
    ],
    ids=["float64", "float32", "extend", "mlp"],
)
def test_onnxruntime_agrees(tmp_path, model, tolerance):
    onnxruntime = pytest.importorskip("onnxruntime")
    export_onnx(model, tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    for n in (1, 2, 257):
        x = rows(n, next(model.parameters()).dtype)
        np.testing.assert_allclose(
            session.run(None, {"x": x.numpy()})[0], model(x).detach().numpy(), rtol=0, atol=tolerance
        )


def test_onnx_carries_the_names_and_only_standard_operators(tmp_path):
    onnx = pytest.importorskip("onnx")
    export_onnx(kan(input_names=["a", "b", "c"]), tmp_path / "m.onnx")
    proto = onnx.load(tmp_path / "m.onnx")
    onnx.checker.check_model(proto)
    properties = {p.key: json.loads(p.value) for p in proto.metadata_props}
    assert properties == {"input_names": ["a", "b", "c"], "output_names": ["y1", "y2"]}
    assert {node.domain for node in proto.graph.node} <= {"", "ai.onnx"}


def test_onnx_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnxscript", None)
    with pytest.raises(MissingDependencyError, match=r"ONNX export needs onnxscript.*pip install 'edgewise\[onnx\]'"):
        export_onnx(kan(), tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())


def test_torch_export_agrees(tmp_path):
    model = kan()
    export_torch(model, tmp_path / "m.pt2")
    program = torch.export.load(tmp_path / "m.pt2").module()
    for n in (1, 2, 257):
        assert torch.equal(program(rows(n)), model(rows(n)))


def test_json_numbers_give_the_network_back(tmp_path):
    """Recomputed with scipy's B-splines and NumPy, inside the domain."""
    model = kan(sp_trainable=True)
    with torch.no_grad():
        model.layers[0].scale_sp.mul_(1.3)
        for layer in model.layers:
            layer.knots.mul_(3)  # hidden nodes stay inside
    export_json(model, tmp_path / "m.json", extra={"note": "é"})
    data = json.loads((tmp_path / "m.json").read_text())
    assert data["note"] == "é"
    x = rows(40, reach=1.0).numpy()
    y, k = x, data["config"]["k"]
    for width, layer in zip(data["config"]["width"][1:], data["layers"], strict=True):
        knots, coef = np.array(layer["knots"]), np.array(layer["coef"])
        base = y / (1 + np.exp(-y))
        spline = np.stack([BSpline(knots[i], coef[i].T, k)(y[:, i]) for i in range(y.shape[1])], axis=1)
        edges = np.array(layer["mask"]) * (
            np.array(layer["scale_base"]) * base[..., None] + np.array(layer["scale_sp"]) * spline
        )
        y = edges.sum(1)
        if isinstance(width, list):  # the last two sums are the factors of the one product
            y = np.concatenate([y[:, :-2], y[:, -2:-1] * y[:, -1:]], axis=1)
    np.testing.assert_allclose(y, model(torch.from_numpy(x)).detach().numpy(), rtol=0, atol=1e-12)


def test_json_of_an_mlp():
    model = MLP([3, 4, 2], act="tanh", seed=0, dtype=torch.float64)
    data = to_json(model)
    (w1, b1), (w2, b2) = [(np.array(layer["weight"]), np.array(layer["bias"])) for layer in data["layers"]]
    x = rows(5)
    np.testing.assert_allclose(np.tanh(x.numpy() @ w1.T + b1) @ w2.T + b2, model(x).detach().numpy(), atol=1e-14)

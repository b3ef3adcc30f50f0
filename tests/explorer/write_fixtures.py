"""Write `frontend/test/fixtures/*.json`: models as payloads, with what Python computes from them.

    python tests/explorer/write_fixtures.py

A fixture is `{"name", "tolerance", "payload", "x", "outputs", "nodes", "importances", "user"}`: inputs in the network's
units and the network's outputs (float64), the node values of every layer, the importances of every layer's edges, and,
for estimators, `{"x", "prediction"}` in the user's units. `tolerance` is relative to the largest output.
`tests/explorer/test_explorer_payload.py` checks that the files are fresh.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from edgewise import KAN, KANClassifier, KANRegressor
from edgewise.explorer.payload import payload_of
from edgewise.interpret import attribute
from edgewise.layers import FUNCTIONS, Function
from edgewise.layers.base_functions import BASE_FUNCTIONS

FOLDER = Path(__file__).parents[2] / "frontend" / "test" / "fixtures"
EXACT, SHORT = 1e-12, 1e-6
ROWS = 12


def fixture(name: str, model: KAN, x: Tensor, tolerance: float = EXACT, **kwargs: Any) -> dict[str, Any]:
    wide = copy.deepcopy(model).double()
    x = x.double()
    payload = payload_of(model, x.to(model.layers[0].knots), **kwargs)
    payload["formula"] = None  # sympy's spelling is not what these files are about
    return {
        "name": name,
        "tolerance": tolerance,
        "payload": payload,
        "x": x.tolist(),
        "outputs": wide(x).tolist(),
        "nodes": [values.tolist() for values in wide.activations(x)],
        "importances": importances_of(wide, x),
        "user": None,
    }


def importances_of(model: KAN, x: Tensor) -> list[list[float]]:
    """By the definition: `attribute`, the largest of every layer being one."""
    scores = attribute(model, x).edges
    return [(edges / edges.max()).flatten().tolist() for edges in scores]


def kan(width: list[Any], seed: int = 0, **kwargs: Any) -> KAN:
    """A network with rough coefficients: nothing is small by accident."""
    model = KAN(width, **{"grid": 3, "seed": seed, "dtype": torch.float64, **kwargs})
    own = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=own).to(parameter) * 0.5)
    return model


def rows(inputs: int, lo: float = -1.6, hi: float = 1.6, seed: int = 1) -> Tensor:
    """Inside, outside, on the knots, and far away."""
    own = torch.Generator().manual_seed(seed)
    x = torch.rand(ROWS, inputs, generator=own, dtype=torch.float64) * (hi - lo) + lo
    x[:5] = torch.tensor([-1.0, 1.0, 1.0 / 3.0, 0.0, 4.0], dtype=torch.float64)[:, None].clamp(lo, hi)
    return x


def models() -> Iterator[dict[str, Any]]:
    for k in range(6):
        for outside in ("linear", "extend"):
            yield fixture(f"k{k}-{outside}", kan([2, 2, 1], k, k=k, outside=outside), rows(2))
    for base in BASE_FUNCTIONS:
        yield fixture(f"base-{base}", kan([2, 2, 1], base_fun=base), rows(2))
    yield fixture("products", kan([2, [2, 2], [1, 1]], mult_arity=2), rows(2))
    yield fixture("products-of-three", kan([2, [0, 2], 1], mult_arity=3), rows(2))
    yield fixture("scaled", kan([2, 3, 2], sp_trainable=True), rows(2))
    yield fixture("deep", kan([3, 3, 3, 2], grid=[2, 4, 3]), rows(3))
    yield from symbolic_models()
    yield from odd_models()
    yield from estimators()


def symbolic_models() -> Iterator[dict[str, Any]]:
    names = list(FUNCTIONS)
    model = kan([len(names), 1], k=1, grid=1, base_fun="zero")
    numbers = [0.4, 0.5, 1.3, -0.2, 1.7]  # a x + b within (0, 1), where every function is defined
    model.layers[0].fix_edges([(i, 0, FUNCTIONS[name], numbers) for i, name in enumerate(names)])
    yield fixture("symbolic-all", model, rows(len(names), -1.0, 1.0))
    mixed = kan([2, 3, 1])
    mixed.layers[0].fix_edges([
        (0, 0, FUNCTIONS["sin"], [2.0, 0.1, 0.7, 0.3, 1.0]),
        (1, 2, FUNCTIONS["x^2"], [1.5, -0.4, -0.6, 0.1, 1.0]),
    ])
    mixed.layers[0].set_mask(torch.tensor([[1.0, 0.0, 1.0], [1.0, 1.0, 0.0]]))  # also a symbolic edge is removed
    yield fixture("symbolic-mixed", mixed, rows(2))
    own = Function("wobble", lambda z: torch.sin(z) * torch.exp(-z.square()), "sin(z)*exp(-z**2)", 5)
    model = kan([2, 2, 1])
    model.layers[0].fix_edge(0, 0, own, [1.2, 0.3, 0.8, -0.1, 1.0])
    yield fixture("own-function", model, rows(2), 1e-7)  # a spline with 400 cells stands for it


def odd_models() -> Iterator[dict[str, Any]]:
    pruned = kan([2, 3, 1])
    pruned.layers[0].set_mask(torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]]))
    pruned.layers[1].set_mask(torch.tensor([[1.0], [1.0], [0.0]]))
    yield fixture("pruned", pruned, rows(2))
    uneven = kan([2, 2, 1], grid_eps=0.0)
    uneven.update_grid(torch.rand(200, 2, generator=torch.Generator().manual_seed(5), dtype=torch.float64) ** 3)
    yield fixture("uneven-knots", uneven, rows(2))
    yield fixture("float32", kan([2, 2, 1]).float(), rows(2).float())
    yield fixture("float64-sent-as-float32", kan([2, 2, 1]), rows(2), SHORT, precision="f4")
    names = ["</script><img src=x onerror=alert(1)>", "\N{GREEK SMALL LETTER ALPHA} & \"b\" 'c'\u2028"]
    yield fixture("hostile", kan([2, 1], input_names=names, output_names=["<b>y</b>"]), rows(2), title="<!--<script>")


def estimators() -> Iterator[dict[str, Any]]:
    import pandas as pd

    random = np.random.default_rng(0)
    table = pd.DataFrame({"area": random.lognormal(3.0, 1.2, 60), "city": ["Rome", "Oslo", None] * 20})
    price = 2.0 * np.log(table["area"]) + (table["city"] == "Rome")
    settings: Any = {"hidden": (2,), "grid": 3, "max_iter": 5, "random_state": 0}
    classes = np.where(price > price.median(), "dear", "cheap")
    thirds = np.digitize(price, np.quantile(price, [0.3, 0.6]))
    yield of_estimator("regressor", KANRegressor(**settings), table, price.rename("price"))
    yield of_estimator("two-classes", KANClassifier(**settings), table, classes)
    yield of_estimator("three-classes", KANClassifier(**settings), table, thirds)


def of_estimator(name: str, model: Any, table: Any, y: Any) -> dict[str, Any]:
    model.fit(table, y)
    x, _ = model.network_data(table[:ROWS])
    raw = model.preprocessor_.indicators(model.preprocessor_.read(table[:ROWS]))
    prediction = model.predict_proba(table[:ROWS]) if hasattr(model, "classes_") else model.predict(table[:ROWS])
    result = fixture(name, model.model_, x)
    result["payload"] = payload_of(model, table, y, data=True)
    result["importances"] = importances_of(model.model_, model.network_data(table)[0])
    result["user"] = {"x": raw.tolist(), "prediction": np.reshape(prediction, (len(x), -1)).tolist()}
    return result


def text(made: dict[str, Any]) -> str:
    return json.dumps(made, allow_nan=False, indent=None, separators=(",", ":")) + "\n"


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for made in models():
        (FOLDER / f"{made['name']}.json").write_text(text(made), encoding="utf-8")


if __name__ == "__main__":
    main()

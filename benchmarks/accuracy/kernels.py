"""Accuracy of the kernels against scipy: every degree up to 5, grids up to 1000, uniform and uneven knots.

    python -m benchmarks.accuracy kernels [--quick]

Errors are relative to the largest value: of the spline for `evaluate` and its derivative, of the result for the
two transposed contractions (`scatter`, `pull`), whose oracle is scipy's design matrix.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.interpolate import BSpline

from benchmarks import harness
from edgewise import kernels

BATCH, INPUTS, OUTPUTS = 300, 2, 3
GRIDS, QUICK_GRIDS = (1, 2, 5, 20, 100, 1000), (1, 5, 1000)


def measure(grids: tuple[int, ...] = GRIDS, seed: int = 0) -> dict[str, dict[str, float]]:
    """Worst relative error per contraction and dtype: `{"float64": {"evaluate": ...}, ...}`."""
    random = np.random.default_rng(seed)
    worst: dict[str, dict[str, float]] = {"float64": {}, "float32": {}}
    for degree in range(6):
        for grid in grids:
            for uneven in (False, True):
                knots = np.stack([_knots(random, grid, degree, uneven) for _ in range(INPUTS)])
                for name, dtype in (("float64", torch.float64), ("float32", torch.float32)):
                    for what, error in _errors(random, knots, degree, dtype).items():
                        worst[name][what] = max(worst[name].get(what, 0.0), error)
    return worst


def _knots(random: np.random.Generator, grid: int, degree: int, uneven: bool) -> np.ndarray:
    widths = random.uniform(0.3, 1.7, grid) if uneven else np.ones(grid)
    breaks = np.concatenate([[0.0], np.cumsum(widths)])
    breaks = -1 + 2 * breaks / breaks[-1]
    steps = np.arange(1, degree + 1)
    left = breaks[0] - steps[::-1] * (breaks[1] - breaks[0])
    right = breaks[-1] + steps * (breaks[-1] - breaks[-2])
    return np.concatenate([left, breaks, right])


def _errors(random: np.random.Generator, knots: np.ndarray, degree: int, dtype: torch.dtype) -> dict[str, float]:
    size = knots.shape[1] - degree - 1
    # Rounded first: both sides then see the same numbers.
    t, x, coef, g = (
        torch.from_numpy(a).to(dtype)
        for a in (
            knots,
            random.uniform(-1, 1, (BATCH, INPUTS)),
            random.normal(size=(INPUTS, size, OUTPUTS)),
            random.normal(size=(BATCH, OUTPUTS)),
        )
    )
    T, X, C, g64 = (a.double().numpy() for a in (t, x, coef, g))
    basis = [BSpline.design_matrix(X[:, i], T[i], degree).toarray() for i in range(INPUTS)]
    pairs = {
        "evaluate": (
            kernels.evaluate(x, coef, t, None, degree, 0, False),
            sum(b @ c for b, c in zip(basis, C, strict=True)),
        ),
        "scatter": (kernels.scatter(x, g, t, None, degree, 0, False), np.stack([b.T @ g64 for b in basis])),
        "pull": (
            kernels.pull(x, coef, g, t, degree, 0, False),
            np.stack([(g64 * (b @ c)).sum(1) for b, c in zip(basis, C, strict=True)], axis=1),
        ),
    }
    if degree >= 2:  # the derivative is continuous: no question of which side of a knot
        slopes = [BSpline(T[i], C[i], degree).derivative()(X[:, i]) for i in range(INPUTS)]
        pairs["first derivative"] = (kernels.evaluate(x, coef, t, None, degree, 1, False), sum(slopes))
    return {
        name: float(np.abs(actual.double().numpy() - expected).max() / np.abs(expected).max())
        for name, (actual, expected) in pairs.items()
    }


def as_text(worst: dict[str, dict[str, float]]) -> str:
    """Markdown."""
    rows = [[dtype, *(f"{e:.1e}" for e in errors.values())] for dtype, errors in worst.items()]
    title = "## Largest error of the kernels against scipy, degree 0 to 5, G up to 1000"
    return f"{title}\n\n" + harness.table(["", *worst["float64"]], rows)

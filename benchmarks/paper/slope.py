"""The signature as a closed formula of three translations: a network with the natural slope as auxiliary variable.

The human formula of the paper, `s = lam mu_r / (mu_r^2 + mu_i^2)`, is given beside its three ingredients, as KAN 2.0
gives auxiliary variables. The network `[4, n+1, 1]` has fixed functions: lines into every node, a tanh out of n of them
and a line out of the last. What comes out is written in the units of the table.
"""

from __future__ import annotations

from collections.abc import Callable

import sympy
import torch
from torch import Tensor

from benchmarks.paper.knot_table import Split, scale
from edgewise import KAN
from edgewise.interpret import Formula

NAMES = ("s", "mu_r", "mu_i", "lam")
STARTS = 4
Loss = Callable[[Tensor, Tensor], Tensor]


def inputs(translations: Tensor) -> Tensor:
    """`(N, 4)` the slope, and the real and imaginary part of the meridian's and the longitude's translation."""
    real, imag, longitude = translations.unbind(1)
    return torch.stack([longitude * real / (real**2 + imag**2), real, imag, longitude], 1)


def fitted(
    x: Tensor, half: Tensor, labels: Tensor, part: Split, tanhs: int, loss: Loss, steps: int, seed: int
) -> Formula:
    """A formula of the score, half the signature before it is rounded.

    Args:
        x: `(N, 4)` of `inputs`.
        half: `(N,)` half the signatures.
        labels: `(N,)` their numbers as classes.
        part: of its training rows the numbers are fitted, and the best of some starts is chosen.
        tanhs: how many.
        loss: of `(score, labels)`.
        steps: of SSBroyden, after some of least squares.
        seed: of the starts.
    """
    centre, width = scale(x, part.train)
    rows, half, labels = ((x - centre) / width)[part.train], half[part.train, None], labels[part.train]
    tried = []
    for start in range(STARTS):
        model = _network(tanhs, torch.Generator().manual_seed(STARTS * seed + start))
        model.fit((rows, half), opt="lm", steps=min(steps, 40), update_grid=False, progress=False)
        found = model.fit((rows, labels), opt="ssbroyden", loss=loss, steps=steps, update_grid=False, progress=False)
        tried.append((found["train_loss"][-1], model))
    best = min(tried, key=lambda one: one[0])[1]
    places = zip(NAMES, centre.tolist(), width.tolist(), strict=True)
    raw = best.formula().substitute({name: (sympy.Symbol(name) - at) / size for name, at, size in places}, NAMES)
    return raw.with_expressions([sympy.expand(e) for e in raw.expressions])


def _network(tanhs: int, generator: torch.Generator) -> KAN:
    model = KAN([len(NAMES), tanhs + 1, 1], grid=1, input_names=NAMES, seed=0, dtype=torch.float64)
    lines = torch.randn(len(NAMES), tanhs + 1, generator=generator, dtype=torch.float64).tolist()
    slopes = torch.randn(tanhs, generator=generator, dtype=torch.float64).tolist()
    for j in range(tanhs + 1):
        for i in range(len(NAMES)):
            model.fix_symbolic(0, i, j, "x", numbers=(1.0, 0.0, lines[i][j], 0.0))
        if j < tanhs:
            model.fix_symbolic(1, j, 0, "tanh", numbers=(1.0, slopes[j], 0.3, 0.0))
        else:
            model.fix_symbolic(1, j, 0, "x", numbers=(1.0, 0.0, 1.0, 0.0))
    return model

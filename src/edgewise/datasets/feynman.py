"""Twenty-seven equations of physics without units: Table 2 of Liu et al. (2024), KAN: Kolmogorov-Arnold Networks.

The paper prints formulas, shapes and errors; of ranges only that both variables of (a + b)/(1 + a b) lie in
(-1, 1), where it is singular at two corners, and no sample counts. Our ranges follow those which the same authors
later published, for the variables *with* units, in pykan's `feynman.py` (for example `u`, `v` in [-0.8, 0.8] and
`c` >= 1 for that equation): a ratio gets the range of its parts' ratio, cut where the function becomes singular or
the ratio is unbounded. `why` says which.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import MappingProxyType

import torch
from torch import Tensor

from edgewise.datasets.problems import Problem, find_problem

SOURCE = "Liu et al. (2024), KAN: Kolmogorov-Arnold Networks, arXiv:2404.19756, Table 2"

_AUTHORS = "The ranges of pykan's feynman.py."
_RATIOS = "Ratios of the ranges of pykan's feynman.py."

_UNIT, _SIGNED, _TURN = (0.0, 1.0), (-1.0, 1.0), (0.0, 2 * math.pi)


def feynman_equations() -> tuple[Problem, ...]:
    """The twenty-seven equations, in the order of the table.

    Returns:
        Problems whose `published` has `"human KAN"`, `"pruned KAN"`, `"unpruned KAN"` and `"MLP"`, and whose `shapes`
        has `"human KAN"`, `"min KAN"` (smallest pruned one with an error below 1e-2) and `"pruned KAN"` (best).

    >>> len(feynman_equations())
    27
    """
    return _PROBLEMS


def load_feynman(name: str) -> Problem:
    """One of the Feynman equations.

    Args:
        name: its number in the Feynman lectures, as in `feynman_equations()`.

    Returns:
        The problem.

    >>> load_feynman("I.16.6")
    Problem(name='I.16.6', formula='(a + b)/(1 + a b)', variables=('a', 'b'), ranges=((-0.8, 0.8), (-0.8, 0.8)))
    """
    return find_problem(_PROBLEMS, name, "load_feynman")


def _problem(
    name: str,
    formula: str,
    function: Callable[..., Tensor],
    variables: dict[str, tuple[float, float]],
    why: str,
    shapes: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]],
    errors: tuple[float, float, float, float],
    note: str = "",
) -> Problem:
    """A row; `function` takes one `(N,)` tensor per variable."""
    kinds = ("human KAN", "pruned KAN", "unpruned KAN", "MLP")
    return Problem(
        name=name,
        formula=formula,
        function=lambda x: function(*x.unbind(dim=1)),
        variables=tuple(variables),
        ranges=tuple(variables.values()),
        why=why,
        published=MappingProxyType(dict(zip(kinds, errors, strict=True))),
        shapes=MappingProxyType(dict(zip(("human KAN", "min KAN", "pruned KAN"), shapes, strict=True))),
        source=SOURCE,
        note=note,
    )


def _gauss(distance: Tensor, sigma: Tensor) -> Tensor:
    return torch.exp(-(distance**2) / (2 * sigma**2)) / torch.sqrt(2 * math.pi * sigma**2)


def _grating(n: Tensor, t: Tensor) -> Tensor:
    return torch.sin(n * t / 2) ** 2 / torch.sin(t / 2) ** 2


_PROBLEMS = (
    _problem(
        "I.6.2",
        "exp(-t^2/(2 s^2))/sqrt(2 pi s^2)",
        _gauss,
        {"t": _SIGNED, "s": (0.5, 2.0)},
        _AUTHORS,
        ((2, 2, 1, 1), (2, 2, 1), (2, 2, 1, 1)),
        (7.66e-5, 2.86e-5, 4.60e-5, 1.45e-4),
    ),
    _problem(
        "I.6.2b",
        "exp(-(t - t1)^2/(2 s^2))/sqrt(2 pi s^2)",
        lambda t, t1, s: _gauss(t - t1, s),
        {"t": (-1.5, 1.5), "t1": (-1.5, 1.5), "s": (0.5, 2.0)},
        _AUTHORS,
        ((3, 2, 2, 1, 1), (3, 4, 1), (3, 2, 2, 1, 1)),
        (1.22e-3, 4.45e-4, 1.25e-3, 7.40e-4),
    ),
    _problem(
        "I.9.18",
        "a/((b - 1)^2 + (c - d)^2 + (e - f)^2)",
        lambda a, b, c, d, e, f: a / ((b - 1) ** 2 + (c - d) ** 2 + (e - f) ** 2),
        {
            "a": _SIGNED,
            "b": (-2.0, -0.5),
            "c": (-2.0, -0.5),
            "d": (0.5, 2.0),
            "e": (-2.0, -0.5),
            "f": (0.5, 2.0),
        },
        "Ratios of the ranges of pykan's feynman.py, which keep the masses apart; a is not divided.",
        ((6, 4, 2, 1, 1), (6, 4, 1, 1), (6, 4, 1, 1)),
        (1.48e-3, 8.62e-3, 6.56e-3, 1.59e-3),
    ),
    _problem(
        "I.12.11",
        "1 + a sin t",
        lambda a, t: 1 + a * torch.sin(t),
        {"a": _SIGNED, "t": _TURN},
        "A whole turn; a is an unbounded ratio, cut at 1.",
        ((2, 2, 2, 1), (2, 2, 1), (2, 2, 1)),
        (2.07e-3, 1.39e-3, 9.13e-4, 6.71e-4),
    ),
    _problem(
        "I.13.12",
        "a (1/b - 1)",
        lambda a, b: a * (1 / b - 1),
        {"a": (0.0, 2.0), "b": (0.25, 4.0)},
        _RATIOS,
        ((2, 2, 1), (2, 2, 1), (2, 2, 1)),
        (7.22e-3, 4.81e-3, 2.72e-3, 1.42e-3),
    ),
    _problem(
        "I.15.3x",
        "(1 - a)/sqrt(1 - b^2)",
        lambda a, b: (1 - a) / torch.sqrt(1 - b**2),
        {"a": _SIGNED, "b": (-0.9, 0.9)},
        "b is a speed over the speed of light: singular at 1, cut at 0.9 as pykan's feynman.py does elsewhere; a is "
        "an unbounded ratio, cut at 1.",
        ((2, 2, 1, 1), (2, 1, 1), (2, 2, 1, 1, 1)),
        (7.35e-3, 1.58e-3, 1.14e-3, 8.54e-4),
        "The text copies print a^2 under the root; with the variables a, b and the original formula it must be b^2.",
    ),
    _problem(
        "I.16.6",
        "(a + b)/(1 + a b)",
        lambda a, b: (a + b) / (1 + a * b),
        {"a": (-0.8, 0.8), "b": (-0.8, 0.8)},
        "The ranges of pykan's feynman.py. The paper says (-1, 1), which touches the poles at (-1, 1) and (1, -1).",
        ((2, 2, 2, 2, 2, 1), (2, 2, 1), (2, 2, 1)),
        (1.06e-3, 1.19e-3, 1.53e-3, 6.20e-4),
    ),
    _problem(
        "I.18.4",
        "(1 + a b)/(1 + a)",
        lambda a, b: (1 + a * b) / (1 + a),
        {"a": (0.5, 2.0), "b": _SIGNED},
        "a: ratio of the ranges of pykan's feynman.py; b is an unbounded ratio, cut at 1.",
        ((2, 2, 2, 1, 1), (2, 2, 1), (2, 2, 1)),
        (3.92e-4, 1.50e-4, 1.32e-3, 3.68e-4),
    ),
    _problem(
        "I.26.2",
        "arcsin(n sin t2)",
        lambda n, t2: torch.arcsin(n * torch.sin(t2)),
        {"n": (0.0, 0.99), "t2": _TURN},
        "The ranges of pykan's feynman.py: close to the branch point at n sin t2 = 1.",
        ((2, 2, 2, 1, 1), (2, 2, 1), (2, 2, 2, 1, 1)),
        (1.22e-1, 7.90e-4, 8.63e-4, 1.24e-3),
        "The text copies disagree on two cells: human KAN 1.22e-1 or 1.22e-4, MLP 1.24e-3 or 1.24e-4. Check the "
        "printed page before claiming a win.",
    ),
    _problem(
        "I.27.6",
        "1/(1 + a b)",
        lambda a, b: 1 / (1 + a * b),
        {"a": (0.25, 2.0), "b": (0.5, 2.0)},
        _RATIOS,
        ((2, 2, 1, 1), (2, 1, 1), (2, 1, 1)),
        (2.22e-4, 1.94e-4, 2.14e-4, 2.46e-4),
    ),
    _problem(
        "I.29.16",
        "sqrt(1 + a^2 - 2 a cos(t1 - t2))",
        lambda a, t1, t2: torch.sqrt(1 + a**2 - 2 * a * torch.cos(t1 - t2)),
        {"a": (0.0, 0.9), "t1": _TURN, "t2": _TURN},
        "Whole turns; a distance has a kink where it vanishes, at a = 1, so a is cut at 0.9.",
        ((3, 2, 2, 3, 2, 1, 1), (3, 2, 2, 1), (3, 2, 3, 1)),
        (2.36e-1, 3.99e-3, 3.20e-3, 4.64e-3),
    ),
    _problem(
        "I.30.3",
        "sin^2(n t/2)/sin^2(t/2)",
        _grating,
        {"n": (0.0, 4.0), "t": (0.4 * math.pi, 1.6 * math.pi)},
        _AUTHORS,
        ((2, 3, 2, 2, 1, 1), (2, 4, 3, 1), (2, 3, 2, 3, 1, 1)),
        (3.85e-1, 1.03e-3, 1.11e-2, 1.50e-2),
    ),
    _problem(
        "I.30.5",
        "arcsin(a/n)",
        lambda a, n: torch.arcsin(a / n),
        {"a": (-0.9, 0.9), "n": (1.0, 1.5)},
        "As pykan's feynman.py, but a is cut at 0.9: at a = n = 1 the slope is infinite.",
        ((2, 1, 1), (2, 1, 1), (2, 1, 1, 1, 1, 1)),
        (2.23e-4, 3.49e-5, 6.92e-5, 9.45e-5),
    ),
    _problem(
        "I.37.4",
        "1 + a + 2 sqrt(a) cos d",
        lambda a, d: 1 + a + 2 * torch.sqrt(a) * torch.cos(d),
        {"a": (0.1, 1.0), "d": _TURN},
        "A whole turn; a is the ratio of the weaker to the stronger of two intensities in [0.1, 1].",
        ((2, 3, 2, 1), (2, 2, 1), (2, 2, 1)),
        (7.57e-5, 4.91e-6, 3.41e-4, 5.67e-4),
    ),
    _problem(
        "I.40.1",
        "n0 exp(-a)",
        lambda n0, a: n0 * torch.exp(-a),
        {"n0": _UNIT, "a": _SIGNED},
        _RATIOS,
        ((2, 1, 1), (2, 2, 1), (2, 2, 1, 1, 1, 2, 1)),
        (3.45e-3, 5.01e-4, 3.12e-4, 3.99e-4),
    ),
    _problem(
        "I.44.4",
        "n ln a",
        lambda n, a: n * torch.log(a),
        {"n": _UNIT, "a": (0.25, 4.0)},
        _RATIOS,
        ((2, 2, 1), (2, 2, 1), (2, 2, 1)),
        (2.30e-5, 2.43e-5, 1.10e-4, 3.99e-4),
    ),
    _problem(
        "I.50.26",
        "cos a + alpha cos^2 a",
        lambda a, alpha: torch.cos(a) + alpha * torch.cos(a) ** 2,
        {"a": _TURN, "alpha": _UNIT},
        _AUTHORS,
        ((2, 2, 3, 1), (2, 3, 1), (2, 3, 2, 1)),
        (1.52e-4, 5.82e-4, 4.90e-4, 1.53e-3),
    ),
    _problem(
        "II.2.42",
        "(a - 1) b",
        lambda a, b: (a - 1) * b,
        {"a": (0.0, 2.0), "b": (0.0, 2.0)},
        "b: ratio of the ranges of pykan's feynman.py; a is an unbounded ratio of temperatures, cut so that both signs "
        "of the flow occur alike.",
        ((2, 2, 1), (2, 2, 1), (2, 2, 2, 1)),
        (8.54e-4, 7.22e-4, 1.22e-3, 1.81e-4),
    ),
    _problem(
        "II.6.15a",
        "c sqrt(a^2 + b^2)/(4 pi)",
        lambda a, b, c: c * torch.sqrt(a**2 + b**2) / (4 * math.pi),
        {"a": (0.1, 1.0), "b": (0.1, 1.0), "c": _UNIT},
        "As pykan's feynman.py, without the tip of the cone at a = b = 0; c, a ratio of fifth powers, is cut at 1.",
        ((3, 2, 2, 2, 1), (3, 2, 1, 1), (3, 2, 1, 1)),
        (2.61e-3, 3.28e-3, 1.35e-3, 5.92e-4),
    ),
    _problem(
        "II.11.7",
        "n0 (1 + a cos t)",
        lambda n0, a, t: n0 * (1 + a * torch.cos(t)),
        {"n0": _UNIT, "a": _SIGNED, "t": _TURN},
        "A whole turn, both signs of a.",
        ((3, 3, 3, 2, 2, 1), (3, 3, 1, 1), (3, 3, 1, 1)),
        (7.10e-3, 8.52e-3, 5.03e-3, 5.92e-4),
    ),
    _problem(
        "II.11.27",
        "n alpha/(1 - n alpha/3)",
        lambda n, alpha: n * alpha / (1 - n * alpha / 3),
        {"n": _UNIT, "alpha": (0.0, 2.0)},
        _AUTHORS,
        ((2, 2, 1, 2, 1), (2, 1, 1), (2, 2, 1)),
        (2.67e-5, 4.40e-5, 1.43e-5, 7.18e-5),
    ),
    _problem(
        "II.35.18",
        "n0/(exp(a) + exp(-a))",
        lambda n0, a: n0 / (torch.exp(a) + torch.exp(-a)),
        {"n0": _UNIT, "a": (0.0, 4.0)},
        _RATIOS,
        ((2, 1, 1), (2, 1, 1), (2, 1, 1, 1)),
        (4.13e-4, 1.58e-4, 7.71e-5, 7.92e-5),
    ),
    _problem(
        "II.36.38",
        "a + alpha b",
        lambda a, alpha, b: a + alpha * b,
        {"a": (0.0, 4.0), "alpha": _UNIT, "b": (0.0, 4.0)},
        "Ratios of the ranges of pykan's feynman.py, b cut to the range of a.",
        ((3, 3, 1), (3, 2, 1), (3, 2, 1)),
        (2.85e-3, 1.15e-3, 3.03e-3, 2.15e-3),
    ),
    _problem(
        "II.38.3",
        "a/b",
        lambda a, b: a / b,
        {"a": _UNIT, "b": (0.5, 2.0)},
        _AUTHORS,
        ((2, 1, 1), (2, 1, 1), (2, 2, 1, 1, 1)),
        (1.47e-4, 8.78e-5, 6.43e-4, 5.26e-4),
    ),
    _problem(
        "III.9.52",
        "a sin^2((b - c)/2)/((b - c)/2)^2",
        lambda a, b, c: a * torch.sinc((b - c) / (2 * math.pi)) ** 2,  # torch's sinc is sin(pi x)/(pi x), 1 at 0
        {"a": (0.0, 2.0), "b": (0.0, math.pi), "c": (0.0, math.pi)},
        "Ratios and products of the ranges of pykan's feynman.py; the gap at b = c is filled with its limit.",
        ((3, 2, 3, 1, 1), (3, 3, 2, 1), (3, 3, 2, 1, 1, 1)),
        (4.43e-2, 3.90e-3, 2.11e-2, 9.07e-4),
    ),
    _problem(
        "III.10.19",
        "sqrt(1 + a^2 + b^2)",
        lambda a, b: torch.sqrt(1 + a**2 + b**2),
        {"a": _SIGNED, "b": _SIGNED},
        "Both signs of unbounded ratios, cut where the other components equal the first.",
        ((2, 1, 1), (2, 1, 1), (2, 1, 2, 1)),
        (2.54e-3, 1.18e-3, 8.16e-4, 1.67e-4),
    ),
    _problem(
        "III.17.37",
        "beta (1 + alpha cos t)",
        lambda alpha, beta, t: beta * (1 + alpha * torch.cos(t)),
        {"alpha": _UNIT, "beta": _UNIT, "t": _TURN},
        _AUTHORS,
        ((3, 3, 3, 2, 2, 1), (3, 3, 1), (3, 3, 1)),
        (1.10e-3, 5.03e-4, 4.12e-4, 6.80e-4),
    ),
)

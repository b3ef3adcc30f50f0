"""The functions: both published sets and two formulas of the paper's tutorials."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks.tiny import hello
from edgewise.datasets import Problem, feynman_equations, special_functions
from edgewise.datasets.problems import find_problem

_SOURCE = "Liu et al. (2024), KAN: Kolmogorov-Arnold Networks, arXiv:2404.19756, section 3.1"
_WHY = "The paper's and pykan's box."


def _deep(x: Tensor) -> Tensor:
    squares = x**2
    return torch.exp((torch.sin(torch.pi * (squares[:, 0] + squares[:, 1]))
                      + torch.sin(torch.pi * (squares[:, 2] + squares[:, 3]))) / 2)  # fmt: skip


HELLO = Problem(
    name="hello",
    formula="exp(sin(pi x1) + x2^2)",
    function=lambda x: hello(x)[:, 0],
    variables=("x1", "x2"),
    ranges=((-1.0, 1.0),) * 2,
    why=_WHY,
    published={"pykan, best": 4.7e-4, "pykan notebook, April 2024, [2,1,1] at G=100": 6.47e-6},
    shapes={"tutorial": (2, 5, 1), "exact": (2, 1, 1)},
    source=_SOURCE,
)
DEEP = Problem(
    name="deep",
    formula="exp((sin(pi(x1^2 + x2^2)) + sin(pi(x3^2 + x4^2)))/2)",
    function=_deep,
    variables=("x1", "x2", "x3", "x4"),
    ranges=((-1.0, 1.0),) * 4,
    why=_WHY,
    published={"pykan notebook, April 2024": 5.07e-7, "pykan notebook, January 2025": 3.78e-5},
    shapes={"exact": (4, 2, 1, 1)},
    source=_SOURCE,
)


def find(name: str) -> Problem:
    """The problem of that name, of every set."""
    return find_problem((HELLO, DEEP, *special_functions(), *feynman_equations()), name)

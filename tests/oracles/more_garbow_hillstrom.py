"""Fifteen least-squares problems of More, Garbow & Hillstrom (1981), ACM Trans. Math. Softw. 7, 17-41.

Written as the paper prints them, with its numbers; in NumPy and nothing else, so that they run under MINPACK and, by
`residuals(problem, x)` with tensors, under autograd. A function takes the module `xp` (numpy or torch) and `x`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch


@dataclass
class Problem:
    """A problem, its standard start, and the minimum of the sum of squares that the paper gives (None: not unique)."""

    name: str
    function: Callable[[Any, Any], list[Any]]
    start: list[float]
    minimum: float | None


def residuals(problem: Problem, x: Any) -> Any:
    """`(m,)` residuals, an array for an array and a tensor for a tensor."""
    xp = torch if isinstance(x, torch.Tensor) else np
    found = problem.function(xp, x)
    return torch.stack(found) if isinstance(x, torch.Tensor) else np.array(found)


def linear_full_rank(xp, x, m=10):
    total = sum(x)
    return [(x[i] if i < len(x) else 0) - 2 / m * total - 1 for i in range(m)]


def linear_rank_1(xp, x, m=10):
    total = sum((j + 1) * x[j] for j in range(len(x)))
    return [(i + 1) * total - 1 for i in range(m)]


def rosenbrock(xp, x):
    return [10 * (x[1] - x[0] ** 2), 1 - x[0]]


def helical_valley(xp, x):
    theta = xp.arctan2(x[1], x[0]) / (2 * np.pi)  # the paper's, whose cut runs along the other half of the axis
    theta = theta + xp.where((x[0] < 0) & (x[1] < 0), 1.0, 0.0)
    return [10 * (x[2] - 10 * theta), 10 * (xp.sqrt(x[0] ** 2 + x[1] ** 2) - 1), x[2]]


def powell_singular(xp, x):
    return [x[0] + 10 * x[1], 5**0.5 * (x[2] - x[3]), (x[1] - 2 * x[2]) ** 2, 10**0.5 * (x[0] - x[3]) ** 2]


def freudenstein_roth(xp, x):
    return [-13 + x[0] + ((5 - x[1]) * x[1] - 2) * x[1], -29 + x[0] + ((x[1] + 1) * x[1] - 14) * x[1]]


BARD = [0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39, 0.37, 0.58, 0.73, 0.96, 1.34, 2.10, 4.39]


def bard(xp, x):
    found = []
    for i, y in enumerate(BARD, start=1):
        u, v = i, 16 - i
        found.append(y - (x[0] + u / (v * x[1] + min(u, v) * x[2])))
    return found


KOWALIK_Y = [0.1957, 0.1947, 0.1735, 0.1600, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246]
KOWALIK_U = [4.0, 2.0, 1.0, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625]


def kowalik_osborne(xp, x):
    pairs = zip(KOWALIK_Y, KOWALIK_U, strict=True)
    return [y - x[0] * (u**2 + u * x[1]) / (u**2 + u * x[2] + x[3]) for y, u in pairs]


MEYER = [34780, 28610, 23650, 19630, 16370, 13720, 11540, 9744, 8261, 7030, 6005, 5147, 4427, 3820, 3307, 2872]


def meyer(xp, x):
    return [x[0] * xp.exp(x[1] / (45 + 5 * i + x[2])) - y for i, y in enumerate(MEYER, start=1)]


def watson(xp, x):
    n, found = len(x), []
    for i in range(1, 30):
        t = i / 29
        slope = sum(j * x[j] * t ** (j - 1) for j in range(1, n))
        value = sum(x[j] * t**j for j in range(n))
        found.append(slope - value**2 - 1)
    return [*found, x[0], x[1] - x[0] ** 2 - 1]


def box_3d(xp, x, m=10):
    found = []
    for i in range(1, m + 1):
        t = 0.1 * i
        found.append(xp.exp(-t * x[0]) - xp.exp(-t * x[1]) - x[2] * (np.exp(-t) - np.exp(-10 * t)))
    return found


def jennrich_sampson(xp, x, m=10):
    return [2 + 2 * i - (xp.exp(i * x[0]) + xp.exp(i * x[1])) for i in range(1, m + 1)]


def brown_dennis(xp, x, m=20):
    found = []
    for i in range(1, m + 1):
        t = i / 5
        found.append((x[0] + t * x[1] - np.exp(t)) ** 2 + (x[2] + x[3] * np.sin(t) - np.cos(t)) ** 2)
    return found


def chebyquad(xp, x):
    n, found = len(x), []
    before, here = [x[0] * 0 + 1] * n, [2 * x[j] - 1 for j in range(n)]  # Chebyshev polynomials shifted to [0, 1]
    for i in range(1, n + 1):
        integral = 0.0 if i % 2 else -1 / (i**2 - 1)
        found.append(sum(here) / n - integral)
        before, here = here, [2 * (2 * x[j] - 1) * here[j] - before[j] for j in range(n)]
    return found


OSBORNE_1 = [
    0.844, 0.908, 0.932, 0.936, 0.925, 0.908, 0.881, 0.850, 0.818, 0.784, 0.751, 0.718, 0.685, 0.658, 0.628, 0.603,
    0.580, 0.558, 0.538, 0.522, 0.506, 0.490, 0.478, 0.467, 0.457, 0.448, 0.438, 0.431, 0.424, 0.420, 0.414, 0.411,
    0.406,
]  # fmt: skip


def osborne_1(xp, x):
    found = []
    for i, y in enumerate(OSBORNE_1):
        t = 10.0 * i
        found.append(y - (x[0] + x[1] * xp.exp(-t * x[3]) + x[2] * xp.exp(-t * x[4])))
    return found


PROBLEMS = [
    Problem("linear full rank", linear_full_rank, [1.0] * 5, 5.0),
    # m (m - 1) / (2 (2 m + 1))
    Problem("linear rank 1", linear_rank_1, [1.0] * 5, 10 * 9 / (2 * 21)),
    Problem("Rosenbrock", rosenbrock, [-1.2, 1.0], 0.0),
    Problem("helical valley", helical_valley, [-1.0, 0.0, 0.0], 0.0),
    Problem("Powell singular", powell_singular, [3.0, -1.0, 0.0, 1.0], 0.0),
    Problem("Freudenstein and Roth", freudenstein_roth, [0.5, -2.0], 48.9842),
    Problem("Bard", bard, [1.0, 1.0, 1.0], 8.21487e-3),
    Problem("Kowalik and Osborne", kowalik_osborne, [0.25, 0.39, 0.415, 0.39], 3.07505e-4),
    Problem("Meyer", meyer, [0.02, 4000.0, 250.0], 87.9458),
    Problem("Watson", watson, [0.0] * 6, 2.28767e-3),
    Problem("box three-dimensional", box_3d, [0.0, 10.0, 20.0], 0.0),
    Problem("Jennrich and Sampson", jennrich_sampson, [0.3, 0.4], 124.362),
    Problem("Brown and Dennis", brown_dennis, [25.0, 5.0, -5.0, -1.0], 85822.2),
    Problem("Chebyquad", chebyquad, [(j + 1) / 9 for j in range(8)], 3.51687e-3),
    Problem("Osborne 1", osborne_1, [0.5, 1.5, -1.0, 0.01, 0.02], 5.46489e-5),
]

"""Sparse B-spline contractions: three operators that are closed under differentiation."""

from edgewise.kernels.operators import edges, evaluate, is_plain_eager, pull, scatter
from edgewise.kernels.small_networks import network, squared_error

__all__ = ["edges", "evaluate", "is_plain_eager", "network", "pull", "scatter", "squared_error"]

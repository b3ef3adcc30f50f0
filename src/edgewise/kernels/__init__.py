"""Sparse B-spline contractions: three operators that are closed under differentiation."""

from edgewise.kernels.operators import edges, evaluate, pull, scatter

__all__ = ["edges", "evaluate", "pull", "scatter"]

"""Pure spline mathematics on tensors: knots, basis values, least-squares fits, knot insertion."""

from edgewise.splines.basis import bspline_basis
from edgewise.splines.fit import fit_coef
from edgewise.splines.insert import insert_knots, nests, project
from edgewise.splines.knots import (
    check_finite,
    check_grid,
    check_knots,
    extend_knots,
    fit_knots,
    uniform_knots,
    weighted_quantiles,
)

__all__ = [
    "bspline_basis",
    "check_finite",
    "check_grid",
    "check_knots",
    "extend_knots",
    "fit_coef",
    "fit_knots",
    "insert_knots",
    "nests",
    "project",
    "uniform_knots",
    "weighted_quantiles",
]

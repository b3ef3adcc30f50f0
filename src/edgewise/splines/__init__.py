"""Pure spline mathematics on tensors: knots, basis values, least-squares fits, knot insertion."""

from edgewise.splines.basis import bspline_basis
from edgewise.splines.knots import check_grid, extend_knots, uniform_knots

__all__ = ["bspline_basis", "check_grid", "extend_knots", "uniform_knots"]

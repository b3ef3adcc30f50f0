"""Networks: construct, evaluate, change the grid, save and load."""

from edgewise.models.files import load, save
from edgewise.models.grids import refine, update_grid
from edgewise.models.kan import KAN, spline_layers
from edgewise.models.mlp import MLP

__all__ = ["KAN", "MLP", "load", "refine", "save", "spline_layers", "update_grid"]

"""Networks: construct, evaluate, change the grid, save and load."""

from edgewise.models.files import load, save
from edgewise.models.kan import KAN
from edgewise.models.mlp import MLP

__all__ = ["KAN", "MLP", "load", "save"]

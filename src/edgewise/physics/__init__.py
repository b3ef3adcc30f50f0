"""Differential equations solved by networks, with derivatives of KANs in one forward pass."""

from edgewise.physics.cloud import Points
from edgewise.physics.conditions import Data, Dirichlet, Equation, Initial, Neumann, Periodic
from edgewise.physics.domains import Boundary, Box, Disk, Domain, LShape
from edgewise.physics.evolution import Evolution
from edgewise.physics.field import Field, derivatives
from edgewise.physics.march import march
from edgewise.physics.problem import Problem
from edgewise.physics.reference import ReferenceGrid
from edgewise.physics.sampling import by_residual
from edgewise.physics.solution import Solution
from edgewise.physics.solve import solve
from edgewise.physics.time_space import TimeSpace

__all__ = [
    "Boundary",
    "Box",
    "Data",
    "Dirichlet",
    "Disk",
    "Domain",
    "Equation",
    "Evolution",
    "Field",
    "Initial",
    "LShape",
    "Neumann",
    "Periodic",
    "Points",
    "Problem",
    "ReferenceGrid",
    "Solution",
    "TimeSpace",
    "by_residual",
    "derivatives",
    "march",
    "solve",
]

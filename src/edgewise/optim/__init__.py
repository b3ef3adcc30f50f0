"""Solvers for smooth losses of a vector: quasi-Newton methods and Newton methods that leave saddle points."""

from edgewise.optim.lbfgs import LBFGSMethod, Memory
from edgewise.optim.line_search import strong_wolfe
from edgewise.optim.method import Method
from edgewise.optim.objective import Evaluation, FunctionObjective, Objective

__all__ = [
    "Evaluation",
    "FunctionObjective",
    "LBFGSMethod",
    "Memory",
    "Method",
    "Objective",
    "strong_wolfe",
]

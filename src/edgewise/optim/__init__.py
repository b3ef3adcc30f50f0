"""Solvers for smooth losses: quasi-Newton methods, and Newton methods that leave saddle points."""

from edgewise.optim.hsodm import HSODMMethod
from edgewise.optim.lanczos import Lanczos
from edgewise.optim.lbfgs import LBFGSMethod, Memory
from edgewise.optim.line_search import strong_wolfe
from edgewise.optim.method import Method
from edgewise.optim.minimize import METHODS, minimize
from edgewise.optim.objective import Evaluation, FunctionObjective, Objective
from edgewise.optim.result import Iterate, Result
from edgewise.optim.saddle_free import SaddleFreeMethod
from edgewise.optim.ssbroyden import SSBroydenMethod
from edgewise.optim.torch_optimizers import HSODM, LBFGS, SaddleFreeNewton, SSBroyden

__all__ = [
    "HSODM",
    "LBFGS",
    "METHODS",
    "Evaluation",
    "FunctionObjective",
    "HSODMMethod",
    "Iterate",
    "LBFGSMethod",
    "Lanczos",
    "Memory",
    "Method",
    "Objective",
    "Result",
    "SSBroyden",
    "SSBroydenMethod",
    "SaddleFreeMethod",
    "SaddleFreeNewton",
    "minimize",
    "strong_wolfe",
]

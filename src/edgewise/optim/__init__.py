"""Solvers for smooth losses and for least squares, on any function or as torch optimizers."""

from edgewise.optim.augmented import AugmentedEigenpair, augmented_eigenpair, augmented_product
from edgewise.optim.hsodm import HSODMMethod
from edgewise.optim.jacobian import ClosureResiduals, FunctionResiduals
from edgewise.optim.lanczos import Lanczos
from edgewise.optim.lbfgs import LBFGSMethod, Memory
from edgewise.optim.least_squares import least_squares
from edgewise.optim.levenberg_marquardt import LMMethod
from edgewise.optim.line_search import strong_wolfe
from edgewise.optim.lm_optimizer import LevenbergMarquardt, first_lower
from edgewise.optim.method import Method
from edgewise.optim.minimize import METHODS, minimize
from edgewise.optim.objective import Evaluation, FunctionObjective, Objective, hessian_product
from edgewise.optim.parameters import flatten
from edgewise.optim.residuals import Linearization, Residuals
from edgewise.optim.result import Iterate, Result
from edgewise.optim.saddle_free import SaddleFreeMethod
from edgewise.optim.sfn import SFN
from edgewise.optim.ssbroyden import SSBroydenMethod
from edgewise.optim.torch_optimizers import HSODM, LBFGS, SaddleFreeNewton, SSBroyden

__all__ = [
    "HSODM",
    "LBFGS",
    "METHODS",
    "SFN",
    "AugmentedEigenpair",
    "ClosureResiduals",
    "Evaluation",
    "FunctionObjective",
    "FunctionResiduals",
    "HSODMMethod",
    "Iterate",
    "LBFGSMethod",
    "LMMethod",
    "Lanczos",
    "LevenbergMarquardt",
    "Linearization",
    "Memory",
    "Method",
    "Objective",
    "Residuals",
    "Result",
    "SSBroyden",
    "SSBroydenMethod",
    "SaddleFreeMethod",
    "SaddleFreeNewton",
    "augmented_eigenpair",
    "augmented_product",
    "first_lower",
    "flatten",
    "hessian_product",
    "least_squares",
    "minimize",
    "strong_wolfe",
]

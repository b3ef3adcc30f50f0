"""pykan's names over edgewise: a script written for pykan runs after changing only its import line.

`from edgewise.pykan import *` gives what scripts take from `from kan import *`: the classes and functions below, and
the modules `torch`, `np`, `plt`, ... (pykan's own star import gives 969 names.)
"""

# pyright: reportUnsupportedDunderAll=false
# (modules in `__all__` load when a script asks for them)

from importlib import import_module
from typing import Any

from edgewise.pykan.KANLayer import KANLayer
from edgewise.pykan.LBFGS import LBFGS
from edgewise.pykan.library import SYMBOLIC_LIB, add_symbolic, fit_params
from edgewise.pykan.MultKAN import KAN, MultKAN
from edgewise.pykan.spline import B_batch, coef2curve, curve2coef, extend_grid
from edgewise.pykan.Symbolic_KANLayer import Symbolic_KANLayer
from edgewise.pykan.utils import (
    augment_input,
    batch_hessian,
    batch_jacobian,
    create_dataset,
    create_dataset_from_data,
    ex_round,
    get_derivative,
    model2param,
    sparse_mask,
)

# Modules that scripts find beside these names; they are imported when a script asks.
_MODULES = {
    "copy": "copy",
    "glob": "glob",
    "nn": "torch.nn",
    "np": "numpy",
    "os": "os",
    "pd": "pandas",
    "plt": "matplotlib.pyplot",
    "random": "random",
    "re": "re",
    "sympy": "sympy",
    "torch": "torch",
}
_MEMBERS = {"lambdify": "sympy", "latex": "sympy", "tqdm": "tqdm"}

__all__ = [
    "KAN",
    "LBFGS",
    "SYMBOLIC_LIB",
    "B_batch",
    "KANLayer",
    "MultKAN",
    "Symbolic_KANLayer",
    "add_symbolic",
    "augment_input",
    "batch_hessian",
    "batch_jacobian",
    "coef2curve",
    "copy",
    "create_dataset",
    "create_dataset_from_data",
    "curve2coef",
    "ex_round",
    "extend_grid",
    "fit_params",
    "get_derivative",
    "glob",
    "lambdify",
    "latex",
    "model2param",
    "nn",
    "np",
    "os",
    "pd",
    "plt",
    "random",
    "re",
    "sparse_mask",
    "sympy",
    "torch",
    "tqdm",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        found = import_module(_MODULES[name])
    elif name in _MEMBERS:
        found = getattr(import_module(_MEMBERS[name]), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found
    return found

"""`kan.hypothesis`: tests of structure, of any function of rows: a network or plain code.

`edgewise.interpret.structure` finds all of this in one call, with tolerances that follow from the error of the model.
"""

import numpy as np
import torch

from edgewise.pykan.dependence import (
    batch_grad_normgrad,
    detect_separability,
    generally_separable,
    get_dependence,
    separable,
    symmetric,
    symmetric_in,
)
from edgewise.pykan.derivatives import batch_hessian, batch_jacobian
from edgewise.pykan.molecules import get_molecule, get_tree_node, plot_tree

__all__ = [
    "batch_grad_normgrad",
    "batch_hessian",
    "batch_jacobian",
    "detect_separability",
    "get_dependence",
    "get_molecule",
    "get_tree_node",
    "np",
    "plot_tree",
    "test_general_separability",
    "test_separability",
    "test_symmetry",
    "test_symmetry_var",
    "torch",
]

test_separability, test_general_separability = separable, generally_separable
test_symmetry, test_symmetry_var = symmetric, symmetric_in
for _function in (separable, generally_separable, symmetric, symmetric_in):
    _function.__test__ = False  # nothing for pytest to collect where these names are imported

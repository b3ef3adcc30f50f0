"""The curvature of a loss: Hessian products, eigenpairs, trace, spectral density, and what its landscape looks like."""

import edgewise.curvature.landscape as landscape
from edgewise.curvature.eigenpairs import Eigenpairs, eigs
from edgewise.curvature.estimates import Estimate, diagonal, trace
from edgewise.curvature.operator import SymmetricOperator
from edgewise.curvature.products import gauss_newton, hessian
from edgewise.curvature.spectrum import Density, density

__all__ = [
    "Density",
    "Eigenpairs",
    "Estimate",
    "SymmetricOperator",
    "density",
    "diagonal",
    "eigs",
    "gauss_newton",
    "hessian",
    "landscape",
    "trace",
]

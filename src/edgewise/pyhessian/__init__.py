"""PyHessian's names: a script written for it runs after changing `pyhessian` to `edgewise.pyhessian` in its imports.

A thin translation; `edgewise.curvature` has more, in tensors and with standard errors. It differs where PyHessian is
wrong: no absolute thresholds, so a Hessian of scale 1e-8 gives the same relative numbers; pairs of opposite
eigenvalues are told apart; the model's mode and `.grad` are left alone; batches count by their size; parameters without
influence are zeros instead of an error; and a seed makes everything reproducible.
"""

from edgewise.pyhessian.front import get_esd_plot, hessian

__all__ = ["get_esd_plot", "hessian"]

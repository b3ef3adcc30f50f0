"""Training: `fit` and what it is made of."""

from edgewise.train.callbacks import FitState, StopFit
from edgewise.train.fit import fit
from edgewise.train.losses import LOSSES
from edgewise.train.many import fit_many
from edgewise.train.metrics import METRICS
from edgewise.train.regularizers import edge_l1, sparsity_penalty
from edgewise.train.result import FitResult, Stage

__all__ = [
    "LOSSES",
    "METRICS",
    "FitResult",
    "FitState",
    "Stage",
    "StopFit",
    "edge_l1",
    "fit",
    "fit_many",
    "sparsity_penalty",
]

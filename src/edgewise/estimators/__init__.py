"""scikit-learn estimators: a KAN that takes a table as it is.

Scaling, categories and the grid are the estimator's business; the table's preparation is in
`edgewise.preprocess`. Both classes follow scikit-learn's contract to the letter (its own checks run on them).

Equal rows are merged into one with the sum of their weights, and rows are sorted, before anything is computed.
So a row of weight 2 *is* the row twice, whatever the order of the table and however many iterations follow:
the fits agree to the last bit, which no tolerance on a non-convex problem could promise otherwise.
"""

from edgewise.estimators.classifier import KANClassifier
from edgewise.estimators.regressor import KANRegressor

__all__ = ["KANClassifier", "KANRegressor"]

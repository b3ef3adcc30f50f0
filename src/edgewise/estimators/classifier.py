"""`KANClassifier`: classes from tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data
from torch import Tensor

from edgewise.errors import DomainError, FormatError, ParameterError
from edgewise.estimators.base import KANEstimator
from edgewise.preprocess import merge_rows, read_columns

if TYPE_CHECKING:
    from edgewise.interpret import TableFormula


class KANClassifier(ClassifierMixin, KANEstimator):
    """Classification with a Kolmogorov-Arnold network, as a scikit-learn estimator.

    Tables are treated as by `KANRegressor`, whose parameters and attributes these are too (but `loss`, which is the
    cross-entropy). Two classes share one output, the log-odds of the second.

    Attributes:
        classes_: the labels seen with positive weight, sorted.

    >>> from edgewise.datasets import load_adult
    >>> table = load_adult()
    >>> model = KANClassifier(hidden=(2,), max_iter=5, random_state=0).fit(table.x, table.y)
    >>> model.predict_proba(table.x[:3]).shape
    (3, 2)
    """

    classes_: np.ndarray

    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, trainer: Any = None) -> KANClassifier:
        """Train.

        Args:
            X: `(N, C)` frame or array, N >= 2.
            y: `(N,)` labels: text, whole numbers or truth values.
            sample_weight: `(N,)` weights >= 0; a row of weight 2 counts as two rows, one of weight 0 is left out.
            trainer: what trains the network instead of `edgewise.train.fit`, with its arguments, such as the `fit` of
                an `edgewise.explorer.Session`, which shows the training.

        Returns:
            The estimator.

        Raises:
            ParameterError: a parameter is outside its documented set.
            DomainError: a value cannot be used; the message names column, row and value.
        """
        self._check_parameters()
        name = getattr(y, "name", None)
        y = np.asarray(validate_data(self, y=y))  # before the table, see `KANRegressor.fit`
        table = self._table(X, reset=True)
        check_consistent_length(table, y)
        check_classification_targets(y)
        weight = self._weights(sample_weight, len(y))
        classes, number = np.unique(y[weight > 0], return_inverse=True)
        label = np.zeros(len(y), dtype=np.int64)
        label[weight > 0] = number
        raw = read_columns(table)
        rows, weight = merge_rows([*raw.values(), label], weight)
        raw, label = {column: values[rows] for column, values in raw.items()}, label[rows]
        if self.warm_start and hasattr(self, "model_") and not np.array_equal(classes, self.classes_):
            raise ParameterError(
                f"`warm_start=True` continues the last fit, which had the classes {self.classes_.tolist()}; got "
                f"{classes.tolist()}. Set `warm_start=False` or use a new estimator."
            )
        self.classes_ = classes
        if len(classes) > 2:
            self._fit(raw, label, weight, "cross_entropy", [str(c) for c in classes], trainer)
        else:  # with a single class there is nothing to learn: its probability is one whatever the network says
            output = [f"{name or 'y'}={classes[-1]}"]
            loss = "bce" if len(classes) == 2 else "mse"
            self._fit(raw, label[:, None].astype(np.float64), weight, loss, output, trainer)
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """What decides: the log-odds of the second of two classes, or a score for each of more.

        Args:
            X: `(N, C)` frame or array with the columns of the fit.

        Returns:
            `(N,)`, or `(N, classes)` in the order of `classes_`.

        Raises:
            DomainError: a value cannot be used; the message names column, row and value.
        """
        scores = self._outputs(X)
        return scores[:, 0] if len(self.classes_) <= 2 else scores

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probability of each class.

        Args:
            X: `(N, C)` frame or array with the columns of the fit.

        Returns:
            `(N, classes)` probabilities in the order of `classes_`; rows sum to one.

        Raises:
            DomainError: a value cannot be used; the message names column, row and value.
        """
        logits = self._outputs(X)
        if len(self.classes_) == 1:
            return np.ones((len(logits), 1))
        if len(self.classes_) == 2:
            logits = np.hstack([np.zeros_like(logits), logits])
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return odds / odds.sum(axis=1, keepdims=True)

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class.

        Args:
            X: `(N, C)` frame or array with the columns of the fit.

        Returns:
            `(N,)` labels, each one of `classes_`.

        Raises:
            DomainError: a value cannot be used; the message names column, row and value.
        """
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]

    # ---------------------------------------------------------------------------------------- formula

    def auto_symbolic(self, X: Any, y: Any = None, **kwargs: Any) -> KANClassifier:
        """Give every edge an elementary function where one is good; see `edgewise.interpret.auto_symbolic`.

        Args:
            X: `(N, C)` table like that of the fit.
            y: its labels, as for `fit`: the cross-entropy decides; the predicted log-odds when absent.
            **kwargs: for `edgewise.interpret.auto_symbolic`.

        Returns:
            The classifier itself, changed.

        Raises:
            DomainError: a label that the classifier does not know.
        """
        if y is not None:
            kwargs = {"loss": "bce" if len(self.classes_) == 2 else "cross_entropy", **kwargs}
        self.model_.auto_symbolic(*self.network_data(X, y), **kwargs)
        return self

    def network_data(self, X: Any, y: Any = None) -> tuple[Tensor, Tensor | None]:
        """What the network sees of a table.

        Args:
            X: `(N, C)` table like that of the fit.
            y: its labels, as for `fit`, or None.

        Returns:
            `(N, F)` scaled columns and levels, and `(N,)` class numbers, or `(N, 1)` zeros and ones of two classes;
            None without `y`.

        Raises:
            DomainError: a label that the classifier does not know.
        """
        rows = self._inputs(X)
        return rows, None if y is None else self._numbers(y, rows)

    def formula(self, X: Any = None, y: Any = None, *, simplify: bool = True) -> TableFormula:
        """What decides between the classes, as a formula in the units of the table.

        Of two classes the log-odds of the second: its probability is `1 / (1 + exp(-formula))`. Of more classes a score
        for each, whose exponentials are to each other as the probabilities. Columns appear as in
        `KANRegressor.formula`.

        Args:
            X: table on which numbers may become exact, compared with what the network gives there; when absent all
                stays as fitted.
            y: not needed, since labels do not say which log-odds are exact; regressors are called like this.
            simplify: multiply out and gather; False leaves the network's own form.

        Returns:
            The formula; call it with a frame, whose columns it finds by name.

        Raises:
            ParameterError: `simplify` is False although there are data.
            DomainError: a value cannot be used; the message names column, row and value.
        """
        check_is_fitted(self)
        outputs = self.model_.out_features
        target = None if X is None else self._outputs(X)
        return self._table_formula(np.zeros(outputs), np.ones(outputs), X, target, simplify)

    def _numbers(self, y: Any, rows: Tensor) -> Tensor:
        """`(N,)` class numbers, or `(N, 1)` zeros and ones of two classes."""
        labels = np.asarray(y)
        check_consistent_length(rows, labels)
        strange = ~np.isin(labels, self.classes_)
        if strange.any():
            n = int(strange.argmax())
            raise DomainError(
                f"`y` must hold classes of the fit, {self.classes_.tolist()}; got {labels.tolist()[n]!r} at row {n}."
            )
        numbers = torch.from_numpy(np.searchsorted(self.classes_, labels))
        return numbers[:, None].to(rows) if len(self.classes_) == 2 else numbers.to(rows.device)

    def _target_state(self) -> dict[str, Any]:
        values = self.classes_.tolist()
        if not all(isinstance(value, str | int | float) for value in values):
            raise ParameterError(f"classes must be text, numbers or truth values to be saved; got {values!r}.")
        return {"classes": values, "dtype": self.classes_.dtype.str if self.classes_.dtype != object else "object"}

    def _restore_target(self, state: Mapping[str, Any]) -> None:
        dtype = np.dtype(state["dtype"])
        if dtype.kind not in "OUbiuf" or not state["classes"]:
            raise FormatError(f"classes of dtype {state['dtype']!r}: {state['classes']!r}.")
        self.classes_ = np.array(state["classes"], dtype=dtype)
        outputs = 1 if len(self.classes_) <= 2 else len(self.classes_)
        if outputs != self.model_.out_features:
            raise FormatError(f"{len(self.classes_)} classes need {outputs} outputs, not {self.model_.out_features}.")

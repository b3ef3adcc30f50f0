"""`KANRegressor`: numbers from tables."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.base import RegressorMixin
from sklearn.utils import check_array
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data
from torch import Tensor

from edgewise.errors import FormatError, ParameterError, ShapeError
from edgewise.estimators.base import KANEstimator
from edgewise.preprocess import is_frame, merge_rows, read_columns, read_numbers

if TYPE_CHECKING:
    from edgewise.interpret import TableFormula

_REGRESSION_LOSSES = ("mse", "mae", "huber")


class KANRegressor(RegressorMixin, KANEstimator):
    """Regression with a Kolmogorov-Arnold network, as a scikit-learn estimator.

    Takes frames or arrays. Numeric columns are scaled by median and interquartile range, and bent into a bounded
    range where there are outliers; columns of text, category or incomplete truth values become one 0/1 input per
    level, with missing values as a level and unknown ones at zero (or "(infrequent)"). Targets are standardised
    inside. See `edgewise.preprocess`.

    Args:
        hidden: nodes of the hidden layers; `()` is an additive model, one function per input.
        grid: intervals per spline.
        k: polynomial degree.
        alpha: ridge penalty: `alpha / N` times the sum of squared spline coefficients is added to the mean loss.
        lamb: strength of the sparsity penalty, see `edgewise.train.fit`.
        grid_eps: how knots are spaced: 1 uniform, 0 at quantiles, between a blend.
        opt: optimizer, see `edgewise.train.fit`; `"auto"` is L-BFGS, or AdamW for large data: on tables, where noise
            limits what can be learnt, Levenberg-Marquardt is no more accurate (airfoil R2 .957 both) and takes longer.
        lr: learning rate; the optimizer's default when None.
        max_iter: training steps.
        batch_size: rows per update; all rows where that is affordable when None.
        early_stopping: hold `validation_fraction` of the distinct rows back, stop after `n_iter_no_change` steps
            without improvement and keep the best weights. `"auto"` does so for a classifier with at least 500
            distinct rows (without it, cross-entropy is driven ever lower and accuracy suffers: on 4,000 rows of the
            adult table .81 instead of .85) and not for a regressor (the ridge penalty serves it better: airfoil R2
            .955 instead of .937).
        validation_fraction: share of rows held back by `early_stopping`.
        n_iter_no_change: patience of `early_stopping`.
        warm_start: whether `fit` continues from the last fit, with its scaling and grids.
        random_state: int, `RandomState` or None: initial weights, validation split and batches.
        max_categories: most 0/1 inputs a categorical column becomes; the rarest levels share one.
        bend_outliers: bend numeric columns with outliers into a bounded range; False scales them only, which gives
            simpler formulas and lets a single value take most of a grid.
        time_limit_sec: end the training after this many seconds.
        dtype: `"float64"` or `"float32"`.
        device: where to train, as torch names it.
        verbose: show progress.
        loss: `"mse"`, `"mae"`, `"huber"` or a callable `(prediction, label)` that returns a value per row; it sees
            standardised targets.
        restarts: how many starts to train together, of which the best goes on, see `edgewise.train.fit`; for the loss
            `"mse"` without `lamb`.

    Attributes:
        model_: the trained `KAN`; its `input_names` are the columns.
        result_: the `FitResult` of the last fit.
        preprocessor_: the `TablePreprocessor`.
        n_iter_: steps done.
        loss_curve_: training loss per step.
        n_features_in_: columns of the table.
        feature_names_in_: their names, where the table had names.

    >>> from edgewise.datasets import load_airfoil
    >>> table = load_airfoil()
    >>> model = KANRegressor(max_iter=20, random_state=0).fit(table.x, table.y)
    >>> model.model_.input_names
    ['frequency', 'angle', 'chord', 'velocity', 'thickness']
    """

    def __init__(
        self,
        hidden: Sequence[int] = (10,),
        *,
        grid: int = 5,
        k: int = 3,
        alpha: float = 0.1,
        lamb: float = 0.0,
        grid_eps: float = 0.5,
        opt: str = "auto",
        lr: float | None = None,
        max_iter: int = 300,
        batch_size: int | None = None,
        early_stopping: bool | str = "auto",
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 20,
        warm_start: bool = False,
        random_state: Any = None,
        max_categories: int = 20,
        bend_outliers: bool = True,
        time_limit_sec: float | None = None,
        dtype: str = "float64",
        device: str = "cpu",
        verbose: bool = False,
        loss: Any = "mse",
        restarts: int = 1,
    ) -> None:
        super().__init__(
            hidden,
            grid=grid,
            k=k,
            alpha=alpha,
            lamb=lamb,
            grid_eps=grid_eps,
            opt=opt,
            lr=lr,
            max_iter=max_iter,
            batch_size=batch_size,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            warm_start=warm_start,
            random_state=random_state,
            max_categories=max_categories,
            bend_outliers=bend_outliers,
            time_limit_sec=time_limit_sec,
            dtype=dtype,
            device=device,
            verbose=verbose,
        )
        self.loss = loss
        self.restarts = restarts

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, trainer: Any = None) -> KANRegressor:
        """Train.

        Args:
            X: `(N, C)` frame or array, N >= 2.
            y: `(N,)` or `(N, O)` numbers.
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
        if not callable(self.loss) and self.loss not in _REGRESSION_LOSSES:
            raise ParameterError(f"`loss` must be one of {_REGRESSION_LOSSES} or a callable; got {self.loss!r}.")
        names, y = _target(self, y)  # before the table: checking labels alone makes scikit-learn forget column names
        table = self._table(X, reset=True)
        check_consistent_length(table, y)
        raw, target = read_columns(table), y.reshape(len(y), -1)
        rows, weight = merge_rows([*raw.values(), *target.T], self._weights(sample_weight, len(y)))
        raw, target = {name: values[rows] for name, values in raw.items()}, target[rows]
        if not (self.warm_start and hasattr(self, "model_")):
            self._scale_target(target, weight)
            self._flat_ = y.ndim == 1
        # A constant target has scale 0: the network learns zeros and the prediction is the constant exactly.
        scaled = (target - self.target_mean_) / np.where(self.target_scale_ > 0, self.target_scale_, 1.0)
        self._fit(raw, scaled, weight, self.loss, names or _numbered(target.shape[1]), trainer)
        return self

    def _scale_target(self, target: np.ndarray, weight: np.ndarray) -> None:
        mean = np.average(target, axis=0, weights=weight)
        scale = np.sqrt(np.average((target - mean) ** 2, axis=0, weights=weight))
        constant = target.min(axis=0) == target.max(axis=0)
        self.target_mean_ = np.where(constant, target[0], mean)
        self.target_scale_ = np.where(constant, 0.0, scale)

    def predict(self, X: Any) -> np.ndarray:
        """Predict.

        Args:
            X: `(N, C)` frame or array with the columns of the fit.

        Returns:
            `(N,)` or `(N, O)` numbers, as `y` was.

        Raises:
            DomainError: a value cannot be used; the message names column, row and value.
        """
        y = self._outputs(X) * self.target_scale_ + self.target_mean_
        return y[:, 0] if self._flat_ else y

    # -------------------------------------------------------------------------------------- formula

    def sparsified(self, X: Any, y: Any, **kwargs: Any) -> KANRegressor:
        """A regressor with the smallest network that explains the data; see `edgewise.interpret.sparsify`.

        Args:
            X: `(N, C)` table like that of the fit.
            y: its targets, as for `fit`.
            **kwargs: for `edgewise.interpret.sparsify`.

        Returns:
            A new regressor; this one is not changed. `result_` and `loss_curve_` are still those of the fit.
        """
        new = copy.copy(self)
        new.model_ = self.model_.sparsify(*self.network_data(X, y), **kwargs)
        return new

    def auto_symbolic(self, X: Any, y: Any = None, **kwargs: Any) -> KANRegressor:
        """Give every edge an elementary function where one is good; see `edgewise.interpret.auto_symbolic`.

        Args:
            X: `(N, C)` table like that of the fit.
            y: its targets, as for `fit`; the predictions when absent.
            **kwargs: for `edgewise.interpret.auto_symbolic`. Losses are of standardised targets.

        Returns:
            The regressor itself, changed; take its `sparsified(X, y)` first, which is a new one.
        """
        self.model_.auto_symbolic(*self.network_data(X, y), **kwargs)
        return self

    def refit(self, X: Any, y: Any, **kwargs: Any) -> KANRegressor:
        """Train the network as it is, scaling, grids and named edges included; see `edgewise.train.fit`.

        Args:
            X: `(N, C)` table like that of the fit.
            y: its targets, as for `fit`.
            **kwargs: for `edgewise.train.fit`. Losses are of standardised targets.

        Returns:
            The regressor itself.
        """
        options = {"progress": bool(self.verbose), "update_grid": False, "seed": 0}
        self.result_ = self.model_.fit(self.network_data(X, y), **{**options, **kwargs})
        return self

    def formula(self, X: Any = None, y: Any = None, *, simplify: bool = True) -> TableFormula:
        """What the regressor predicts, as a formula in the units of the table.

        Scaling of columns and target is part of it. A categorical column is one indicator (0 or 1) per level, named
        like `city=Rome`; a column with outliers appears as `bend(...)`, see `edgewise.preprocess`; an edge that is
        still a spline as a function `phi_l_i_j`. Check it with `formula.verify(regressor, X)`.

        Args:
            X: table on which numbers may become exact, and one level of a category whose indicators add up to one may
                go; when absent all stays as fitted.
            y: its targets; the predictions when absent.
            simplify: multiply out and gather; False leaves the network's own form.

        Returns:
            The formula; call it with a frame, whose columns it finds by name.

        Raises:
            ParameterError: `simplify` is False although there are data, or `y` is given without `X`.
            ShapeError: data that do not fit.
            DomainError: a value cannot be used; the message names column, row and value.
        """
        check_is_fitted(self)
        if X is None and y is not None:
            raise ParameterError("`y` must come with `X`: its rows are compared with the formula's. Pass both.")
        target = None
        if X is not None:
            target = self.predict(X) if y is None else self._checked_target(y, len(self._table(X, reset=False)))
            target = target.reshape(len(target), -1)
        return self._table_formula(self.target_mean_, self.target_scale_, X, target, simplify)

    def network_data(self, X: Any, y: Any = None) -> tuple[Tensor, Tensor | None]:
        """What the network sees of a table.

        Args:
            X: `(N, C)` table like that of the fit.
            y: its targets, as for `fit`, or None.

        Returns:
            `(N, F)` scaled columns and levels, and `(N, O)` standardised targets; None without `y`.
        """
        x = self._inputs(X)
        if y is None:
            return x, None
        target = self._checked_target(y, len(x)).reshape(len(x), -1)
        scaled = (target - self.target_mean_) / np.where(self.target_scale_ > 0, self.target_scale_, 1.0)
        return x, torch.tensor(scaled).to(x)

    def _checked_target(self, y: Any, rows: int) -> np.ndarray:
        y = check_array(y, ensure_2d=False, dtype="float64", input_name="y")
        outputs = self.model_.out_features
        if y.shape not in ((rows, outputs), *([(rows,)] if outputs == 1 else [])):
            raise ShapeError(f"`y` must be ({rows}, {outputs}), one row per row of `X`; got shape {y.shape}.")
        return y

    def _target_state(self) -> dict[str, Any]:
        return {"mean": self.target_mean_.tolist(), "scale": self.target_scale_.tolist(), "flat": self._flat_}

    def _restore_target(self, state: Mapping[str, Any]) -> None:
        self.target_mean_ = np.array(state["mean"], dtype=np.float64)
        self.target_scale_ = np.array(state["scale"], dtype=np.float64)
        self._flat_ = bool(state["flat"])
        if (
            self.target_mean_.shape != (self.model_.out_features,)
            or self.target_scale_.shape != self.target_mean_.shape
        ):
            raise FormatError(f"the target has {self.target_mean_.shape} means for {self.model_.out_features} outputs.")


def _target(estimator: KANRegressor, y: Any) -> tuple[list[str] | None, np.ndarray]:
    """Names of the target columns, where there are any, and checked float64 values."""
    names = [str(name) for name in y.columns] if is_frame(y) else None
    if names is None and getattr(y, "name", None) is not None and getattr(y, "ndim", 0) == 1:
        names = [str(y.name)]
        if getattr(y, "dtype", None) is not None and y.dtype.kind not in "fiubc" and hasattr(y, "iloc"):
            return names, read_numbers(y, names[0])
    return names, np.asarray(validate_data(estimator, y=y, multi_output=True, y_numeric=True), dtype=np.float64)


def _numbered(outputs: int) -> list[str]:
    return ["y"] if outputs == 1 else [f"y{n + 1}" for n in range(outputs)]

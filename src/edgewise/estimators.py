"""scikit-learn estimators: a KAN that takes a table as it is.

Scaling, categories and the grid are the estimator's business; the table's preparation is in
`edgewise.preprocess`. Both classes follow scikit-learn's contract to the letter (its own checks run on them).

Equal rows are merged into one with the sum of their weights, and rows are sorted, before anything is computed.
So a row of weight 2 *is* the row twice, whatever the order of the table and however many iterations follow:
the fits agree to the last bit, which no tolerance on a non-convex problem could promise otherwise.
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_array, check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data
from torch import Tensor

from edgewise.errors import DomainError, FormatError, ParameterError, ShapeError
from edgewise.models import KAN
from edgewise.models.files import pack, read_file, unpack, write_file
from edgewise.preprocess import TablePreprocessor, is_frame, merge_rows, read_columns, read_numbers

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from edgewise.interpret import TableFormula
    from edgewise.train import FitResult

_CHUNK = 65_536  # rows per forward pass of a prediction
_ENOUGH_TO_HOLD_BACK = 500  # distinct rows from which "auto" lets a classifier spare a validation set
_REGRESSION_LOSSES = ("mse", "mae", "huber")
_DAMAGE = (KeyError, TypeError, ValueError, AttributeError, IndexError)  # what a wrong header leads to
_DTYPES = {"float64": torch.float64, "float32": torch.float32}


class _KANEstimator(BaseEstimator):
    """What regressor and classifier share."""

    model_: KAN
    result_: FitResult
    preprocessor_: TablePreprocessor
    n_features_in_: int
    feature_names_in_: np.ndarray

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
    ) -> None:
        self.hidden = hidden
        self.grid = grid
        self.k = k
        self.alpha = alpha
        self.lamb = lamb
        self.grid_eps = grid_eps
        self.opt = opt
        self.lr = lr
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.warm_start = warm_start
        self.random_state = random_state
        self.max_categories = max_categories
        self.bend_outliers = bend_outliers
        self.time_limit_sec = time_limit_sec
        self.dtype = dtype
        self.device = device
        self.verbose = verbose

    # ------------------------------------------------------------------------------------------ input

    def _table(self, X: Any, *, reset: bool) -> Any:
        """A checked frame, or a float array; names and counts are those of the fit."""
        if not is_frame(X) and hasattr(X, "to_pandas"):  # polars, arrow
            X = X.to_pandas()
        if not reset and not is_frame(X) and self.preprocessor_.has_categories:
            import pandas as pd

            validate_data(self, X, reset=False, skip_check_array=True)
            return pd.DataFrame(np.asarray(X, dtype=object), columns=[c.name for c in self.preprocessor_.columns])
        if not is_frame(X):
            return validate_data(self, X, reset=reset, dtype=np.float64, ensure_min_samples=2 if reset else 1)
        validate_data(self, X, reset=reset, skip_check_array=True)
        least = 2 if reset else 1
        if len(X) < least or X.shape[1] < 1:
            raise DomainError(
                f"Found frame with {len(X)} sample(s) and {X.shape[1]} feature(s) (shape={X.shape}) while a minimum of "
                f"{least} and 1 is required by {type(self).__name__}."
            )
        return X

    def _weights(self, sample_weight: Any, rows: int) -> np.ndarray:
        if sample_weight is None:
            return np.ones(rows)
        weight = check_array(sample_weight, ensure_2d=False, dtype="float64", input_name="sample_weight")
        if weight.shape != (rows,):
            raise ShapeError(f"`sample_weight` must be ({rows},), one per row; got shape {weight.shape}.")
        if (weight < 0).any():
            n = int((weight < 0).argmax())
            raise DomainError(f"`sample_weight` must be >= 0 everywhere; got {weight[n]} at row {n}.")
        if not (weight > 0).any():
            raise DomainError("every `sample_weight` is zero: nothing to learn from. At least one must be positive.")
        return weight

    def _inputs(self, X: Any) -> Tensor:
        """`(N, F)` what the network sees of a table."""
        check_is_fitted(self)
        rows = self.preprocessor_.transform(self.preprocessor_.read(self._table(X, reset=False)))
        return torch.from_numpy(rows).to(next(self.model_.parameters()))

    @torch.no_grad()
    def _outputs(self, X: Any) -> np.ndarray:
        """`(N, O)` float64 outputs of the network."""
        rows = self._inputs(X)
        return torch.cat([self.model_(part) for part in rows.split(_CHUNK)]).double().cpu().numpy()

    # -------------------------------------------------------------------------------------------- fit

    def _fit(self, raw: Mapping[str, np.ndarray], label: np.ndarray, weight: np.ndarray, loss: Any, names: Any) -> None:
        """Train on distinct rows with positive weights.

        Args:
            raw: columns of the table, `(N,)` each.
            label: `(N, O)` scaled values, or `(N,)` class numbers.
            weight: `(N,)` weights.
            loss: for `edgewise.train.fit`.
            names: of the outputs.
        """
        from edgewise.train import fit
        from edgewise.train.optimizers import choose

        early_stopping = self.early_stopping
        if isinstance(early_stopping, str):  # "auto", see `KANRegressor`
            early_stopping = isinstance(self, KANClassifier) and len(weight) >= _ENOUGH_TO_HOLD_BACK
        random = check_random_state(self.random_state)
        seed = int(random.randint(2**31 - 1))
        again = self.warm_start and hasattr(self, "model_")
        if again:
            self._check_same_columns(raw, len(names))
        else:
            self.preprocessor_ = TablePreprocessor.learn(raw, weight, self.max_categories, self.bend_outliers)
            self.model_ = self._new_model(names, seed)
        kind = {"dtype": _DTYPES[self.dtype], "device": self.device}
        x = torch.from_numpy(self.preprocessor_.transform(raw)).to(**kind)
        y = torch.from_numpy(label)
        opt, why = choose(self.opt, len(x), self.model_, self.batch_size)
        self.result_ = fit(
            self.model_,
            (x, y.to(**kind) if y.is_floating_point() else y.to(self.device)),
            opt=opt,
            steps=self.max_iter,
            lr=self.lr,
            loss=loss,
            lamb=self.lamb,
            ridge=self.alpha / float(weight.sum()),
            batch_size=self.batch_size,
            sample_weight=torch.from_numpy(weight).to(**kind),
            val=self.validation_fraction if early_stopping else None,
            patience=self.n_iter_no_change if early_stopping else None,
            time_limit_sec=self.time_limit_sec,
            update_grid=not again,
            progress=bool(self.verbose),
            seed=seed,
            restarts=getattr(self, "restarts", 1),
        )
        self.result_.why_opt = why
        self.n_iter_ = self.result_.steps
        self.loss_curve_ = list(self.result_["train_loss"])

    def _new_model(self, names: Sequence[str], seed: int) -> KAN:
        inputs = self.preprocessor_.names_out
        return KAN(
            [len(inputs), *self.hidden, len(names)],
            grid=self.grid,
            k=self.k,
            grid_eps=self.grid_eps,
            seed=seed,
            input_names=inputs,
            output_names=names,
            dtype=_DTYPES[self.dtype],
            device=self.device,
        )

    def _check_same_columns(self, raw: Mapping[str, np.ndarray], outputs: int) -> None:
        old = [column.name for column in self.preprocessor_.columns]
        if list(raw) != old or outputs != self.model_.out_features:
            raise ParameterError(
                f"`warm_start=True` continues the last fit, which had columns {old} and {self.model_.out_features} "
                f"output(s); got {list(raw)} and {outputs}. Set `warm_start=False` or use a new estimator."
            )

    def _check_parameters(self) -> None:
        """What the network and `edgewise.train.fit` do not check themselves."""
        hidden = self.hidden
        if isinstance(hidden, str) or not hasattr(hidden, "__len__") or not all(_is_int(n, 1) for n in hidden):
            raise ParameterError(f"`hidden` must be a sequence of ints >= 1 like (10,), or (); got {hidden!r}.")
        if not isinstance(self.alpha, int | float) or not 0.0 <= self.alpha < float("inf"):
            raise ParameterError(f"`alpha` must be a finite number >= 0; got {self.alpha!r}.")
        if not _is_int(self.max_iter, 1):
            raise ParameterError(f"`max_iter` must be an int >= 1; got {self.max_iter!r}.")
        if not _is_int(self.max_categories, 2):
            raise ParameterError(f"`max_categories` must be an int >= 2; got {self.max_categories!r}.")
        if not isinstance(self.early_stopping, bool | np.bool_) and self.early_stopping != "auto":
            raise ParameterError(f"`early_stopping` must be True, False or 'auto'; got {self.early_stopping!r}.")
        if not isinstance(self.bend_outliers, bool | np.bool_):
            raise ParameterError(f"`bend_outliers` must be True or False; got {self.bend_outliers!r}.")
        if self.dtype not in _DTYPES:
            raise ParameterError(f"`dtype` must be one of {sorted(_DTYPES)}; got {self.dtype!r}.")

    # ------------------------------------------------------------------------------------------ doors

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of the network's inputs: the columns, one per level for categorical ones.

        Args:
            input_features: ignored; for scikit-learn.

        Returns:
            `(F,)` names, those of `model_.input_names`.
        """
        check_is_fitted(self)
        return np.array(self.model_.input_names, dtype=object)

    def plot(self, X: Any = None, **kwargs: Any) -> Figure:
        """Draw the network with the names of the columns; see `edgewise.plot.plot_network`.

        Args:
            X: table whose rows decide how strong each edge is drawn.
            **kwargs: for `edgewise.plot.plot_network`.

        Returns:
            The figure.
        """
        check_is_fitted(self)
        return self.model_.plot(None if X is None else self._inputs(X), **kwargs)

    # ------------------------------------------------------------------------------------------ files

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one file that cannot execute code, see `edgewise.models.files`; `load` reads it.

        The file holds the network, the preparation of the table, the parameters and the loss curve. A parameter
        that is a Python object (a callable loss, a `RandomState`) is left out: it is back at its default.

        Args:
            path: the file to create or replace.

        Raises:
            ParameterError: the classes are of a type that JSON does not know.
            OSError: writing failed; an earlier file is unchanged.
        """
        check_is_fitted(self)
        tensors, model = pack(self.model_)
        names = getattr(self, "feature_names_in_", None)
        header = {
            "kind": type(self).__name__,
            "model": model,
            "parameters": {name: value for name, value in self.get_params().items() if _is_json(value)},
            "columns": self.preprocessor_.state(),
            "feature_names": None if names is None else [str(name) for name in names],
            "n_features": int(self.n_features_in_),
            "loss_curve": self.loss_curve_,
            "target": self._target_state(),
        }
        write_file(path, tensors, header)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Any:
        """Read an estimator written by `save`; it predicts exactly what the saved one did.

        `result_` is not in the file; `loss_curve_` and `n_iter_` are.

        Args:
            path: the file.

        Returns:
            The fitted estimator, on the CPU.

        Raises:
            FormatError: the file is foreign, damaged, from a newer version or holds something else.
            OSError: the file cannot be read.
        """
        tensors, header = read_file(path)
        if header["kind"] != cls.__name__:
            raise FormatError(
                f"{path} holds a {header['kind']}, not a {cls.__name__}. Use `edgewise.{header['kind']}.load(path)`."
            )
        try:
            model = unpack(tensors, header["model"], path)
            parameters = {name: tuple(v) if isinstance(v, list) else v for name, v in header["parameters"].items()}
            estimator = cls(**{**parameters, "device": "cpu"})
            estimator._restore(model, header)
        except _DAMAGE as error:
            raise FormatError(f"{path} is damaged ({error}). Restore it from a copy or save again.") from error
        return estimator

    def _restore(self, model: Any, header: Mapping[str, Any]) -> None:
        self.preprocessor_ = TablePreprocessor.from_state(header["columns"])
        inputs = self.preprocessor_.names_out
        if not isinstance(model, KAN) or len(inputs) != model.in_features:
            raise FormatError(f"the columns give {len(inputs)} inputs, the network is {type(model).__name__}.")
        self.model_ = model
        self.n_features_in_ = int(header["n_features"])
        names = [column.name for column in self.preprocessor_.columns]
        if self.n_features_in_ != len(names) or header["feature_names"] not in (None, names):
            raise FormatError(f"{self.n_features_in_} features called {header['feature_names']} are columns {names}.")
        if header["feature_names"] is not None:
            self.feature_names_in_ = np.array(names, dtype=object)
        self.loss_curve_ = [float(value) for value in header["loss_curve"]]
        self.n_iter_ = len(self.loss_curve_)
        self._restore_target(header["target"])

    def _target_state(self) -> dict[str, Any]:
        raise NotImplementedError

    def _restore_target(self, state: Mapping[str, Any]) -> None:
        raise NotImplementedError

    def __getstate__(self) -> dict[str, Any]:
        # A model from a GPU must open where there is none.
        state = dict(super().__getstate__())
        model = state.get("model_")
        if model is not None and next(model.parameters()).device.type != "cpu":
            state["model_"] = copy.deepcopy(model).cpu()
            if "result_" in state:
                state["result_"] = copy.copy(state["result_"])
                state["result_"].model = state["model_"]
        return state


class KANRegressor(RegressorMixin, _KANEstimator):
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

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> KANRegressor:
        """Train.

        Args:
            X: `(N, C)` frame or array, N >= 2.
            y: `(N,)` or `(N, O)` numbers.
            sample_weight: `(N,)` weights >= 0; a row of weight 2 counts as two rows, one of weight 0 is left out.

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
        self._fit(raw, scaled, weight, self.loss, names or _numbered(target.shape[1]))
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
        new.model_ = self.model_.sparsify(*self._rows(X, y), **kwargs)
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
        self.model_.auto_symbolic(*self._rows(X, y), **kwargs)
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
        self.result_ = self.model_.fit(self._rows(X, y), **{**options, **kwargs})
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
        if X is not None and not simplify:
            raise ParameterError("`simplify` must be True where `X` is given: only simple forms have exact numbers.")
        from edgewise.interpret import Formula, TableFormula, exact
        from edgewise.interpret import simplify as simplified
        from edgewise.interpret.tables import with_fewer_indicators

        own = Formula.of(self.model_)
        whole = TableFormula.of_table(own, self.preprocessor_, self.target_mean_, self.target_scale_)
        if X is None:
            return self._cleaned(simplified(whole)) if simplify else whole
        table = self._table(X, reset=False)
        target = self.predict(X) if y is None else self._checked_target(y, len(table))
        rows = torch.from_numpy(self.preprocessor_.indicators(self.preprocessor_.read(table)))
        return with_fewer_indicators(exact(whole, rows, torch.tensor(target.reshape(len(rows), -1))), rows)

    def _cleaned(self, formula: TableFormula) -> TableFormula:
        """Without rounding errors, over the range of the fit; as it is where a file does not say that range."""
        box = self.preprocessor_.box()
        return formula if box is None else formula.clean(box)

    def _rows(self, X: Any, y: Any) -> tuple[Tensor, Tensor | None]:
        """What the network sees of a table, and standardised targets."""
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


class KANClassifier(ClassifierMixin, _KANEstimator):
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

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> KANClassifier:
        """Train.

        Args:
            X: `(N, C)` frame or array, N >= 2.
            y: `(N,)` labels: text, whole numbers or truth values.
            sample_weight: `(N,)` weights >= 0; a row of weight 2 counts as two rows, one of weight 0 is left out.

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
            self._fit(raw, label, weight, "cross_entropy", [str(c) for c in classes])
        else:  # with a single class there is nothing to learn: its probability is one whatever the network says
            output = [f"{name or 'y'}={classes[-1]}"]
            self._fit(raw, label[:, None].astype(np.float64), weight, "bce" if len(classes) == 2 else "mse", output)
        return self

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


def _is_int(value: Any, least: int) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and bool(value >= least)


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True

"""What both estimators share: the table, the fit, the picture, the formula, files."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from edgewise.errors import DomainError, FormatError, ParameterError, ShapeError
from edgewise.models import KAN
from edgewise.models.files import pack, read_file, unpack, write_file
from edgewise.preprocess import TablePreprocessor, is_frame

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from edgewise.explorer import Explorer
    from edgewise.interpret import TableFormula
    from edgewise.train import FitResult

_CHUNK = 65_536  # rows per forward pass of a prediction
_ENOUGH_TO_HOLD_BACK = 500  # distinct rows from which "auto" lets a classifier spare a validation set
_DAMAGE = (KeyError, TypeError, ValueError, AttributeError, IndexError)  # what a wrong header leads to
_DTYPES = {"float64": torch.float64, "float32": torch.float32}


class KANEstimator(BaseEstimator):
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

    def _fit(
        self, raw: Mapping[str, np.ndarray], label: np.ndarray, weight: np.ndarray, loss: Any, names: Any, trainer: Any
    ) -> None:
        """Train on distinct rows with positive weights.

        Args:
            raw: columns of the table, `(N,)` each.
            label: `(N, O)` scaled values, or `(N,)` class numbers.
            weight: `(N,)` weights.
            loss: for `edgewise.train.fit`.
            names: of the outputs.
            trainer: what trains the network; `edgewise.train.fit` when None.
        """
        from edgewise.train import fit
        from edgewise.train.optimizers import choose

        early_stopping = self.early_stopping
        if isinstance(early_stopping, str):  # "auto", see `KANRegressor`
            early_stopping = isinstance(self, ClassifierMixin) and len(weight) >= _ENOUGH_TO_HOLD_BACK
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
        self.result_ = (trainer or fit)(
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
        self.model_ = cast("KAN", self.result_.model)
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

    def explore(self, X: Any = None, y: Any = None, **kwargs: Any) -> Explorer:
        """The interactive page, in the units of the table; see `edgewise.explorer.explore` for every argument.

        Args:
            X: table like that of the fit; stand-ins when None.
            y: its targets, as for `fit`.
            **kwargs: for `edgewise.explorer.explore`.

        Returns:
            What a notebook shows and `to_html`, `to_svg` and `to_png` write.
        """
        from edgewise.explorer import explore

        return explore(self, X, y, **kwargs)

    def network_data(self, X: Any, y: Any = None) -> tuple[Tensor, Tensor | None]:
        """What the network sees of a table.

        Args:
            X: `(N, C)` table like that of the fit.
            y: its targets, as for `fit`, or None.

        Returns:
            `(N, F)` scaled columns and levels, and scaled targets, zeros and ones or class numbers; None without `y`.
        """
        raise NotImplementedError

    # ---------------------------------------------------------------------------------------- formula

    def _table_formula(
        self, mean: np.ndarray, scale: np.ndarray, X: Any, target: np.ndarray | None, simplify: bool
    ) -> TableFormula:
        """The network's outputs times `scale` plus `mean`, each `(O,)`, in the units of the table.

        Numbers may become exact on the table `X`, where the formula should give `(N, O)` targets.
        """  # noqa: DOC201, DOC501 as `formula` of the classes says
        if X is not None and not simplify:
            raise ParameterError("`simplify` must be True where `X` is given: only simple forms have exact numbers.")
        from edgewise.interpret import Formula, TableFormula, exact
        from edgewise.interpret import simplify as simplified
        from edgewise.interpret.tables import with_fewer_indicators

        whole = TableFormula.of_table(Formula.of(self.model_), self.preprocessor_, mean, scale)
        if X is None:
            return self._cleaned(simplified(whole)) if simplify else whole
        rows = torch.from_numpy(self.preprocessor_.indicators(self.preprocessor_.read(self._table(X, reset=False))))
        return with_fewer_indicators(exact(whole, rows, torch.tensor(target)), rows)

    def _cleaned(self, formula: TableFormula) -> TableFormula:
        """Without rounding errors, over the range of the fit; as it is where a file does not say that range."""
        box = self.preprocessor_.box()
        return formula if box is None else formula.clean(box)

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


def _is_int(value: Any, least: int) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and bool(value >= least)


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True

"""Fit a table and compare: split, estimator, two baselines, metrics, a formula if asked. Nothing is written here."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgewise.cli.console import Console, InputError
from edgewise.cli.tables import Problem

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from edgewise.cli.symbolic import Found
    from edgewise.estimators import KANClassifier, KANRegressor

LINEAR, BOOSTING = "linear", "gradient_boosting"


@dataclass
class Outcome:
    """A fitted problem.

    Attributes:
        problem: what was fitted.
        settings: with what.
        estimator: the fitted estimator.
        train: the rows that were learnt from.
        test: the held-out rows.
        prediction: `(test rows,)` predictions on the held-out rows.
        probability: `(test rows,)` probability of the predicted class; None for regression.
        metrics: per model (`kan`, `linear`, `gradient_boosting`) its scores on the held-out rows.
        seconds: how long the KAN trained.
        interrupted: whether Ctrl-C ended the training or the comparison.
        found: the formula, where one was asked for and found.
    """

    problem: Problem
    settings: dict[str, Any]
    estimator: KANRegressor | KANClassifier
    train: pd.DataFrame
    test: pd.DataFrame
    prediction: np.ndarray
    probability: np.ndarray | None
    metrics: dict[str, dict[str, float]]
    seconds: float
    interrupted: bool
    found: Found | None = None

    @property
    def truth(self) -> pd.Series:
        """The target of the held-out rows."""
        return self.problem.y.loc[self.test.index]


def learn(
    problem: Problem,
    settings: dict[str, Any],
    console: Console,
    trainer: Callable[[Any], Callable[..., Any]] | None = None,
) -> Outcome:
    """Fit a KAN to most of the rows, and two baselines; score all three on the others.

    Args:
        problem: the table.
        settings: see `edgewise.cli.options.FIT`; None leaves a choice to the estimator.
        console: where notes and progress go.
        trainer: makes of the estimator what trains its network; `edgewise.train.fit` when None.

    Returns:
        The outcome. Ctrl-C during training keeps the best model so far, during the baselines leaves them out.

    Raises:
        InputError: the rows cannot be split, or a setting does not go with the task.
    """
    looks_for_formula = bool(settings.get("formula"))
    if looks_for_formula and problem.task == "classification":
        raise InputError("--formula is for numbers; the target is classes. Leave it out, or say --task regression.")
    train, test = _split(problem, settings["test_size"], settings["seed"])
    model = _estimator(problem, settings, console.progress)
    start = time.perf_counter()
    model.fit(train, problem.y.loc[train.index], trainer=None if trainer is None else trainer(model))
    seconds = time.perf_counter() - start
    interrupted = model.result_.interrupted
    if interrupted:
        console.note("Stopped with Ctrl-C: going on with the best model so far.")
    metrics = {"kan": _scores(problem, model, test)}
    try:
        metrics |= _baselines(problem, train, test, settings["seed"])
    except KeyboardInterrupt:
        interrupted = True
        console.note("Stopped with Ctrl-C: baselines left out.")
    found = None
    if looks_for_formula and not interrupted:
        found, interrupted = _formula(problem, settings, model, train, test, console)
    prediction, probability = _predictions(problem, model, test)
    return Outcome(problem, settings, model, train, test, prediction, probability, metrics, seconds, interrupted, found)


def _formula(
    problem: Problem, settings: dict[str, Any], model: Any, train: pd.DataFrame, test: pd.DataFrame, console: Console
) -> tuple[Found | None, bool]:
    """The formula, and whether Ctrl-C ended the search; that there is none is a note, not the end of the fit."""
    from edgewise.cli.symbolic import find_formula
    from edgewise.errors import EdgewiseError

    limit = f"{settings['formula_time']:g} s"
    console.note(f"Looking for a formula: {limit}, on top of training a small network where this one is too large ...")
    try:
        found = find_formula(model, train, problem.y.loc[train.index], test, settings["formula_time"])
        found.scores = _scores(problem, found.estimator, test)
    except KeyboardInterrupt:
        console.note("Stopped with Ctrl-C: formula left out.")
        return None, True
    except EdgewiseError as error:
        console.note(f"No formula: {error}")
        return None, False
    return found, False


def _split(problem: Problem, test_size: float, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    from sklearn.model_selection import train_test_split

    stratify = problem.y if problem.task == "classification" else None
    try:
        parts: Any = train_test_split(problem.x, test_size=test_size, random_state=seed, stratify=stratify)
    except ValueError as error:
        raise InputError(
            f"{problem.name}: {len(problem.x)} rows cannot be split with --test-size {test_size:g} "
            f"({error}) Choose another fraction."
        ) from error
    return parts[0], parts[1]


def _estimator(problem: Problem, settings: dict[str, Any], progress: bool) -> KANRegressor | KANClassifier:
    from edgewise.estimators import KANClassifier, KANRegressor

    names = {"hidden": "hidden", "grid": "grid", "k": "k", "steps": "max_iter", "opt": "opt", "lamb": "lamb"}
    names |= {"time_limit": "time_limit_sec", "restarts": "restarts"}
    chosen = {name: settings[ours] for ours, name in names.items() if settings.get(ours) is not None}
    classify = problem.task == "classification"
    if classify and chosen.pop("restarts", 1) > 1:
        raise InputError(
            f"--restarts must be 1 for classes: several starts train on a squared error; got {settings['restarts']}. "
            f"Leave it out, or say --task regression where the target is a number."
        )
    # Classes are soon learnt by heart: the log-loss of unseen rows rises long before training is done.
    chosen["early_stopping"] = classify if settings["early_stopping"] == "auto" else settings["early_stopping"] == "on"
    kind = KANClassifier if classify else KANRegressor
    return kind(random_state=settings["seed"], verbose=progress, **chosen)


def _predictions(problem: Problem, model: Any, x: pd.DataFrame) -> tuple[np.ndarray, np.ndarray | None]:
    if problem.task == "regression":
        return model.predict(x), None
    probability = model.predict_proba(x)
    return model.classes_[probability.argmax(axis=1)], probability.max(axis=1)


def _scores(problem: Problem, model: Any, x: pd.DataFrame) -> dict[str, float]:
    from sklearn import metrics

    truth = problem.y.loc[x.index]
    if problem.task == "regression":
        guess = model.predict(x)
        return {
            "r2": float(metrics.r2_score(truth, guess)),
            "rmse": float(metrics.root_mean_squared_error(truth, guess)),
            "mae": float(metrics.mean_absolute_error(truth, guess)),
        }
    probability = model.predict_proba(x)
    guess = model.classes_[probability.argmax(axis=1)]
    return {
        "accuracy": float((guess == truth.to_numpy()).mean()),
        "log_loss": float(metrics.log_loss(truth.tolist(), probability, labels=list(model.classes_))),
    }


def _baselines(problem: Problem, train: pd.DataFrame, test: pd.DataFrame, seed: int) -> dict[str, dict[str, float]]:
    """Linear or logistic regression, and scikit-learn's gradient boosting with its defaults."""
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

    categories = problem.categorical
    numbers = [column for column in problem.x.columns if column not in categories]
    classify = problem.task == "classification"
    one_hot = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=100)
    ordinal = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=float("nan"),
        encoded_missing_value=float("nan"),
        max_categories=200,
    )
    boosting: Any = HistGradientBoostingClassifier if classify else HistGradientBoostingRegressor
    models = {
        LINEAR: make_pipeline(
            make_column_transformer((one_hot, categories), (StandardScaler(), numbers)),
            LogisticRegression(max_iter=1000) if classify else LinearRegression(),
        ),
        BOOSTING: make_pipeline(
            make_column_transformer((ordinal, categories), remainder="passthrough"),
            boosting(categorical_features=list(range(len(categories))) or None, random_state=seed),
        ),
    }
    scores = {}
    for name, model in models.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # unknown categories, slow convergence: of no interest in a baseline
            scores[name] = _scores(problem, model.fit(train, problem.y.loc[train.index]), test)
    return scores

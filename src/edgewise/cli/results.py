"""What a fit leaves behind: a folder that is checked before any work, files in it, and a summary."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgewise.cli.console import Console, InputError, aligned, number, plain
from edgewise.cli.learn import BOOSTING, LINEAR, Outcome
from edgewise.cli.symbolic import Found, as_data, statements

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

MODEL, PREDICTIONS, METRICS, PICTURE, REPORT = (
    "model.safetensors",
    "predictions.csv",
    "metrics.json",
    "network.svg",
    "report.html",
)
FORMULA, SYMBOLIC = "formula.txt", "symbolic.safetensors"
_SCORE_NAMES = {"r2": "R2", "rmse": "RMSE", "mae": "MAE", "accuracy": "accuracy", "log_loss": "log-loss"}


def check_folder(path: str | None, force: bool) -> Path | None:
    """Make sure, before any work, that results can be written; nothing is created yet.

    Args:
        path: the folder, which need not exist; None when nothing is to be written.
        force: allow a folder that has files.

    Returns:
        The folder.

    Raises:
        InputError: it is a file, not empty, or cannot be written to.
    """
    if path is None:
        return None
    folder = Path(path)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{path} is a file; -o takes a folder.")
    try:
        if folder.is_dir() and any(folder.iterdir()) and not force:
            raise InputError(
                f"the output folder {path} is not empty. Choose another, or add --force to replace the results in it."
            )
        near = next(parent for parent in (folder.resolve(), *folder.resolve().parents) if parent.exists())
        # Asking the system for permissions is not enough: it says yes to root on a read-only disk.
        with tempfile.TemporaryFile(dir=near):
            pass
    except OSError as error:
        raise InputError(
            f"cannot write to the output folder {path} ({error.strerror or error}). Choose another with -o."
        ) from error
    return folder


def write_results(folder: Path, outcome: Outcome, command: str) -> list[str]:
    """Write the model first, then what is derived from it.

    Args:
        folder: where to; created when missing.
        outcome: the fit.
        command: the command line that reproduces it.

    Returns:
        The names of the files.

    Raises:
        OSError: a file cannot be written.
    """
    from edgewise.models.files import write_atomic
    from edgewise.plot import figure_svg

    folder.mkdir(parents=True, exist_ok=True)
    outcome.estimator.save(folder / MODEL)
    table = predictions(outcome).to_csv(index=False, lineterminator="\n")
    write_atomic(folder / PREDICTIONS, table.encode())
    text = json.dumps(plain(summary(outcome)), indent=2, ensure_ascii=False, allow_nan=False)
    write_atomic(folder / METRICS, (text + "\n").encode())
    formula = _write_formula(folder, outcome)
    picture = network_picture(outcome)
    svg = '<?xml version="1.0" encoding="utf-8"?>\n' + figure_svg(picture, _title(outcome))
    write_atomic(folder / PICTURE, svg.encode())
    write_atomic(folder / REPORT, _report(outcome, picture, command).encode())
    return [MODEL, PREDICTIONS, METRICS, PICTURE, *formula, REPORT]


def _write_formula(folder: Path, outcome: Outcome) -> list[str]:
    """The formula as text, and the network it comes from; old ones go where there is none."""
    from edgewise.models.files import write_atomic

    found = outcome.found
    if found is None:
        for name in (FORMULA, SYMBOLIC):
            (folder / name).unlink(missing_ok=True)
        return []
    found.estimator.save(folder / SYMBOLIC)
    text = "\n\n".join([str(found.formula), "\n".join(_about_formula(outcome, found))])
    write_atomic(folder / FORMULA, (text + "\n").encode())
    return [FORMULA, SYMBOLIC]


def _about_formula(outcome: Outcome, found: Found) -> list[str]:
    rival = f"the KAN {outcome.estimator.model_.width}"
    return statements(found, rival, len(outcome.test), outcome.metrics["kan"]["r2"])


def predictions(outcome: Outcome) -> pd.DataFrame:
    """The held-out rows: `index` (row of the table, from 0), `truth`, `prediction`, for classes `probability`."""
    import pandas as pd

    columns = {"index": outcome.test.index, "truth": outcome.truth.to_numpy(), "prediction": outcome.prediction}
    if outcome.probability is not None:
        columns["probability"] = outcome.probability
    return pd.DataFrame(columns).sort_values("index")


def summary(outcome: Outcome) -> dict[str, Any]:
    """Everything about a fit that fits in a few lines: the content of `metrics.json` and of `--json`."""
    problem, model, result = outcome.problem, outcome.estimator.model_, outcome.estimator.result_
    return {
        "table": problem.name,
        "target": problem.target,
        "task": problem.task,
        "rows": {"train": len(outcome.train), "test": len(outcome.test)},
        "test": outcome.metrics,
        "network": {"width": model.width, "grid": model.grid, "k": model.k, "parameters": model.n_parameters},
        "training": {
            "optimizer": result.opt,
            "steps": result.steps,
            "seconds": round(outcome.seconds, 3),
            "stopped_because": result.stopped_because,
            "interrupted": outcome.interrupted,
        },
        "settings": used_settings(outcome),
        **({"formula": as_data(outcome.found)} if outcome.settings.get("formula") else {}),
    }


def used_settings(outcome: Outcome) -> dict[str, Any]:
    """What the fit was made with, choices of the estimator included."""
    return {"test_size": outcome.settings["test_size"], "seed": outcome.settings["seed"], **_parameters(outcome)}


def _parameters(outcome: Outcome) -> dict[str, Any]:
    parameters = outcome.estimator.get_params()
    left_out = ("random_state", "verbose", "warm_start", "device", "dtype")
    return {
        n: list(v) if isinstance(v, tuple) else v for n, v in parameters.items() if n not in left_out and v is not None
    }


def show(outcome: Outcome, console: Console, folder: Path | None, written: list[str]) -> None:
    """Print the result: scores beside the baselines', why training stopped, where the files are."""
    data = {**summary(outcome), "output": str(folder) if folder else None, "files": written}
    rows = _score_rows(outcome)
    header = ["", *list(rows[0])[1:]]
    body = [[str(row["model"]), *(number(v) for v in list(row.values())[1:])] for row in rows]
    lines = [f"Test score on {len(outcome.test)} held-out rows of {outcome.problem.name}:", aligned([header, *body])]
    lines.append(f"Trained {outcome.seconds:.1f} s: {outcome.estimator.result_.stopped_because}")
    if outcome.found is not None:
        lines += [f"Formula, found in {outcome.found.seconds:.1f} s:", str(outcome.found.formula)]
        lines += _about_formula(outcome, outcome.found)
    lines.append(
        f"Written to {folder}{os.sep}: {', '.join(written)}"
        if folder
        else "Nothing written; add -o DIR to keep the result."
    )
    console.result("\n".join(lines), data)


def network_picture(outcome: Outcome) -> Figure:
    """The network over the rows it was trained on."""
    return outcome.estimator.plot(outcome.train, title=_title(outcome))


def _title(outcome: Outcome) -> str:
    return f"{outcome.problem.target} from {len(outcome.problem.x.columns)} columns of {outcome.problem.name}"


def _score_rows(outcome: Outcome) -> list[dict[str, Any]]:
    names = {"kan": f"KAN {outcome.estimator.model_.width}", BOOSTING: "gradient boosting", LINEAR: "linear"}
    if outcome.problem.task == "classification":
        names[LINEAR] = "logistic regression"
    return [
        {"model": names[model], **{_SCORE_NAMES[score]: value for score, value in outcome.metrics[model].items()}}
        for model in names
        if model in outcome.metrics
    ]


def _report(outcome: Outcome, picture: Figure, command: str) -> str:
    from edgewise import __version__
    from edgewise.plot import Section, html_report, plot_history

    problem, result = outcome.problem, outcome.estimator.result_
    rows = _score_rows(outcome)
    first = "R2" if problem.task == "regression" else "accuracy"
    best = max(range(len(rows)), key=lambda r: rows[r][first])
    model = outcome.estimator.model_
    sections = [
        Section(
            "Result",
            text=f"{_SCORE_NAMES.get('r2') if problem.task == 'regression' else 'Accuracy'} {rows[0][first]:.4f} on "
            f"{len(outcome.test)} rows that were held out, after training on {len(outcome.train)}. "
            f"All models saw the same rows.",
            table=rows,
            best=best,
        ),
        Section(
            "The network",
            text="Every edge carries a function of one variable, drawn over the training rows; the darker an edge, "
            "the more it matters. Nodes add what reaches them.",
            figure=picture,
            caption=f"KAN {model.width}, {model.n_edges} edges, {model.n_parameters} parameters.",
        ),
        *_formula(outcome),
        _importance(outcome),
        _held_out(outcome),
        Section(
            "Training",
            text=f"{result.stopped_because} {result.why_opt}".strip(),
            figure=plot_history(result) if result.steps else None,
            caption=f"{result.opt}, {result.steps} steps, {outcome.seconds:.1f} s.",
        ),
        Section("Data", text=[*problem.about, *problem.notes] or None, table=_column_rows(problem.x)),
        Section("How it was made", table=used_settings(outcome), code=command),
    ]
    return html_report(_title(outcome), sections, subtitle=f"edgewise {__version__}")


def _formula(outcome: Outcome) -> list[Any]:
    from edgewise.plot import Section

    found = outcome.found
    if found is None:
        return []
    model = found.estimator.model_
    return [
        Section("Formula", code=str(found.formula)),
        Section(
            "What the formula is worth",
            text=_about_formula(outcome, found),
            figure=found.estimator.plot(outcome.train),
            caption=f"The network of the formula: {model.width}, {found.edges} edges, {found.named} of them named.",
        ),
    ]


def _importance(outcome: Outcome) -> Any:
    import torch

    from edgewise.interpret import input_scores
    from edgewise.plot import Section, plot_importance

    model, table = outcome.estimator.model_, outcome.estimator.preprocessor_
    inputs = torch.from_numpy(table.transform(table.read(outcome.train))).to(next(model.parameters()))
    return Section(
        "What matters",
        figure=plot_importance(model.input_names, input_scores(model, inputs)),
        caption="Share of the output's variation that is passed back to each input; the largest is 1.",
    )


def _held_out(outcome: Outcome) -> Any:
    from edgewise.plot import Section, plot_confusion, plot_predictions

    truth = outcome.truth.to_numpy()
    if outcome.problem.task == "regression":
        figure = plot_predictions(truth, outcome.prediction, names=[outcome.problem.target])
        return Section("Held-out rows", figure=figure, caption="Prediction against truth; on the line they are equal.")
    figure = plot_confusion(truth, outcome.prediction)
    return Section("Held-out rows", figure=figure, caption="How many rows of each class were predicted as what.")


def _column_rows(x: pd.DataFrame) -> list[dict[str, Any]]:
    rows = []
    for name in x.columns:
        column = x[name]
        numeric = column.dtype == float
        rows.append({
            "column": name,
            "kind": "number" if numeric else f"{column.nunique()} categories",
            "lowest": column.min() if numeric else None,
            "median": column.median() if numeric else None,
            "highest": column.max() if numeric else None,
            "missing": int(column.isna().sum()),
        })
    return rows

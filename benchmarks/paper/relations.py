"""Relations between the invariants of a knot, found without a target: contrastive networks, and all of them at once.

The paper's unsupervised mode: a [18,1,1] network whose last function is a Gaussian, fixed, learns to tell rows of the
table (1) from rows whose columns were permuted independently (0). Where it says 1 the node before it is 0: a relation
between the inputs it uses. One network finds one relation, or a sum of several, which holds as well; which one depends
on the seed, so networks are gathered by the inputs they use. `additive.py` asks the same of every small set of columns
by an eigenvalue problem, so that what the seeds missed is seen too.
"""

from __future__ import annotations

import time
import warnings
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import sympy
import torch
from torch import Tensor

from benchmarks import harness
from benchmarks.accuracy.equivalent import is_same
from benchmarks.accuracy.report import Report, error
from benchmarks.accuracy.session import Session
from benchmarks.accuracy.training import Record
from benchmarks.harness import Bar
from benchmarks.paper import additive, page, pictures
from benchmarks.paper.knot_table import COLUMNS, LONGITUDE, MERIDIAN_IMAG, MERIDIAN_REAL, SIGNATURE, Knots, load
from benchmarks.paper.knot_table import split as split_rows
from edgewise import KAN
from edgewise.interpret import input_scores, prune_inputs, symbolic_search

INPUTS = (*COLUMNS, SIGNATURE)
# Short names for formulas; other columns keep theirs.
SYMBOLS = {
    "cusp_volume": "V", LONGITUDE: "lam", MERIDIAN_IMAG: "mu_i", MERIDIAN_REAL: "mu_r", "injectivity_radius": "r",
    "short_geodesic_real_part": "Re_g", "short_geodesic_imag_part": "Im_g", "volume": "vol", SIGNATURE: "sigma",
    "hyperbolic_torsion_degree": "deg_t", "hyperbolic_adjoint_torsion_degree": "deg_a", "chern_simons": "CS",
}  # fmt: skip
LAMBS, ROWS, STEPS = (1e-2, 3e-2), 2000, 100
USED = 0.2  # score of an input that a relation is said to use; the largest is 1
TOLD_APART = 0.7  # area under the curve below which a network has learned nothing
LIMIT_SEC, LARGEST_SET = 10.0, 4


class Known(NamedTuple):
    """A relation that is there.

    Attributes:
        name: what it says.
        inputs: whom a network must use, by symbol; the first is what a formula is looked for.
        law: zero where it holds exactly; None for a relation that holds about.
        published: whether the paper's text names it.
    """

    name: str
    inputs: tuple[str, ...]
    law: str | None
    published: bool


KNOWN = (
    Known("cusp volume, its definition", ("V", "lam", "mu_i"), "V - lam*mu_i/2", True),
    Known("shortest geodesic and injectivity radius", ("Re_g", "r"), "Re_g - 2*r", True),
    Known("signature and meridian", ("sigma", "mu_r"), None, True),
    Known("the two torsion degrees", ("deg_a", "deg_t"), None, False),
    Known("volume and cusp volume", ("vol", "V"), None, False),
)
# What the natural slope is made of: no sum of functions, but a formula can be looked for.
SLOPE = Known("signature and all translations", ("sigma", "lam", "mu_i", "mu_r"), None, False)


def relations(session: Session) -> Report:
    """All three relations that the paper names, and the exact ones of them as exact formulas."""
    table, seeds = load(session.data), session.seed_range(20)
    steps, limit = session.steps or (20 if session.quick else STEPS), 2.0 if session.quick else LIMIT_SEC
    x = torch.cat([table.x, table.y[:, None]], 1)
    networks = [
        session.measure(
            f"relations lamb {lamb:g} seed {seed}",
            {"row": "relations", "lamb": lamb, "seed": seed, "steps": steps, "rows": ROWS},
            lambda lamb=lamb, seed=seed: network(table, lamb, seed, steps),
        )
        for lamb in LAMBS
        for seed in seeds
    ]
    formulas = {
        known.name: session.measure(
            f"relations formula of {known.name}",
            {"row": "relations", "formula": known.name, "limit": limit},
            lambda known=known: formula(x, known, limit),
        )
        for known in (*KNOWN, SLOPE)
        if known.law or not session.quick
    }
    every = session.measure(
        "relations of all small sets", {"row": "relations", "sets": 3 if session.quick else LARGEST_SET},
        lambda: small_sets(x, 3 if session.quick else LARGEST_SET),
    )  # fmt: skip
    if session.figure:
        pictures.relations(session.figure, networks, [_symbol(n) for n in range(x.shape[1])])
    tables = [
        _FOUND, _found_table(networks, formulas), _not_found(networks, formulas),
        _GROUPS, _groups(networks), _ALL, _additive_table(every["sets"]),
    ]  # fmt: skip
    return Report(
        "relations", "Knots: relations without a target", _about(table, steps, limit), tables, bars(networks, formulas)
    )


def bars(networks: Sequence[Record], formulas: dict[str, Record]) -> list[Bar]:
    """A relation counts where at least one network uses its inputs and no others."""
    named = [known for known in KNOWN if known.published]
    alone = sum(any(_is_alone(r, known) for r in networks) for known in named)
    exact = [known for known in KNOWN if known.law]
    return [
        Bar(
            "relations named in the paper, found alone by a network", alone, len(named), "", True, "3, by 200 networks"
        ),
        Bar("exact relations, as exact formulas", sum(formulas[k.name]["exact"] for k in exact), len(exact), "", True),
    ]


# ------------------------------------------------------------------------------------------------- networks


def network(table: Knots, lamb: float, seed: int, steps: int) -> Record:
    """Train with the sparsity penalty, drop the inputs it does not use, train the rest without; judge on fresh rows."""
    start, draw = time.perf_counter(), torch.Generator().manual_seed(seed)
    part = split_rows(table, seed)
    x = scaled(torch.cat([table.x, table.y[:, None]], 1))
    train, test = (contrast(x[rows][:ROWS], draw) for rows in (_mixed(part.train, draw), _mixed(part.test, draw)))
    model = gaussian_kan(x.shape[1], seed)
    model.fit(train, opt="lbfgs", lamb=lamb, steps=steps, progress=False)
    # Of permuted rows, where every column varies on its own; over real ones the terms cancel.
    scores = input_scores(model, train[0][ROWS:])
    kept = [n for n, score in enumerate(scores.tolist()) if score >= USED]
    model, _ = prune_inputs(model, train[0][ROWS:], threshold=USED)
    _freeze_last(model)
    model.fit((train[0][:, kept], train[1]), opt="lbfgs", steps=steps, progress=False)
    with torch.no_grad():
        guess = model(test[0][:, kept])[:, 0]
    return {
        "lamb": lamb,
        "seed": seed,
        "inputs": [_symbol(n) for n in kept],
        "scores": [float(scores[n]) for n in kept],
        "accuracy": float(((guess > 0.5) == (test[1][:, 0] > 0.5)).double().mean()),
        "auc": area(guess, test[1][:, 0]),
        "seconds": time.perf_counter() - start,
    }


def gaussian_kan(inputs: int, seed: int) -> KAN:
    """`[inputs, 1, 1]` with `exp(-z^2)` at the end, which stays; straight lines beside the splines start it."""
    model = KAN([inputs, 1, 1], grid=5, base_fun="identity", seed=seed, dtype=torch.float64)
    model.fix_symbolic(1, 0, 0, "gaussian", numbers=(1.0, 0.0, 1.0, 0.0))
    _freeze_last(model)
    return model


def _freeze_last(model: KAN) -> None:
    for parameter in model.layers[1].parameters():
        parameter.requires_grad_(False)


def scaled(x: Tensor) -> Tensor:
    """Two standard deviations to one unit; columns of zeros and ones as they are, else a rare one would reach far."""
    deviation = torch.where(((x == 0) | (x == 1)).all(0), 0.5, x.std(0))
    return (x - x.mean(0)) / (2 * deviation)


def contrast(rows: Tensor, draw: torch.Generator) -> tuple[Tensor, Tensor]:
    """`(2N, C)`: the rows, then the same with every column permuted on its own; `(2N, 1)`: ones, then zeros."""
    order = torch.rand(rows.shape, generator=draw, dtype=rows.dtype).argsort(0)
    labels = torch.cat([torch.ones(len(rows)), torch.zeros(len(rows))]).to(rows.dtype)[:, None]
    return torch.cat([rows, rows.gather(0, order)]), labels


def area(score: Tensor, label: Tensor) -> float:
    """Under the receiver's operating characteristic: how often a real row scores above a permuted one."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(label.numpy(), score.numpy()))


def _mixed(rows: Tensor, draw: torch.Generator) -> Tensor:
    return rows[torch.randperm(len(rows), generator=draw)]


def _symbol(column: int) -> str:
    return SYMBOLS.get(INPUTS[column], INPUTS[column])


# ------------------------------------------------------------------------------------------------- formulas


def formula(x: Tensor, known: Known, limit: float) -> Record:
    """The first input of a relation by `symbolic_search` from the others; its error on rows that it has not seen."""
    target, *names = known.inputs
    symbols = [_symbol(n) for n in range(x.shape[1])]
    rows = x[_mixed(torch.arange(len(x)), torch.Generator().manual_seed(0))]
    inputs, values = rows[:, [symbols.index(name) for name in names]], rows[:, symbols.index(target)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = symbolic_search(
            inputs[:ROWS], values[:ROWS], names=names, output_name=target, time_limit_sec=limit, progress=False
        )
    wrong = result.formula.evaluate(inputs[ROWS:])[:, 0] - values[ROWS:]
    expression = result.formula.expressions[0]
    return {
        "formula": f"{target} = {expression}",
        "residual": float(wrong.square().mean().sqrt() / values[ROWS:].std()),
        "largest": float(wrong.abs().max()),
        "exact": known.law is not None and _follows(expression, known.law, target, inputs, names),
        "seconds": result.seconds,
    }


def _follows(found: sympy.Expr, law: str, target: str, x: Tensor, names: Sequence[str]) -> bool:
    """Whether the formula is the law solved for the target."""
    symbols = {name: sympy.Symbol(name, real=True) for name in (*names, target)}
    (truth,) = sympy.solve(sympy.sympify(law, locals=symbols), symbols[target])
    ranges = {
        symbols[name]: (float(column.min()), float(column.max()))
        for name, column in zip(names, x.unbind(1), strict=True)
    }
    return is_same(found, truth, ranges)


# -------------------------------------------------------------------------------------------- all small sets


def small_sets(x: Tensor, most: int) -> Record:
    """Every set of up to `most` columns: inputs, ratio, the least ratio of its parts."""
    start = time.perf_counter()
    found = [
        {"inputs": [_symbol(n) for n in one.columns], "ratio": one.ratio, "parts": one.parts}
        for one in additive.relations(x, most)
        if one.ratio < 0.1 and one.ratio < 0.3 * one.parts
    ]
    return {"sets": found, "seconds": time.perf_counter() - start}


# ----------------------------------------------------------------------------------------------------- tables


def _about(table: Knots, steps: int, limit: float) -> list[str]:
    legend = ", ".join(f"{symbol} = {column}" for column, symbol in SYMBOLS.items())
    return [
        f"The table of the section above ({len(table.y)} knots) with the signature as an eighteenth input. Networks "
        f"see {ROWS} rows and the same with every column permuted; [18,1,1], G=5, last function `exp(-z^2)`, fixed, "
        f"straight lines as residual functions; {steps} steps of L-BFGS with `lamb` "
        f"{' or '.join(f'{lamb:g}' for lamb in LAMBS)}, inputs with a score below {USED:g} removed, as many steps "
        f"without penalty. Accuracy and area under the curve are of {ROWS} knots on the other side of a split and "
        "their permuted copies. Penalties, residual functions and scaling were chosen by how many of a dozen seeds, "
        "which are among these, learned anything (4 with `silu` and G=3, 12 as here).",
        f"The formula of a relation: `symbolic_search(time_limit_sec={limit:g})` on {ROWS} rows, the first input "
        "from the others; *residual*, over its standard deviation, and largest error are of all other rows. Names: "
        f"{legend}.",
        "The paper trains 200 networks and prints three clusters in words: the signature's, V = mu_r lambda, and an "
        "inequality between r and Re g. By our columns, named as DeepMind's, the cusp volume is lam mu_i / 2 (the "
        "meridian's imaginary part), and Re g = 2 r holds with equality on every row, as both are exact here.",
    ]


_FOUND = (
    "*Alone*: networks that use these inputs and no others; *in a sum*: these and more, among which another relation "
    "may be."
)
_GROUPS = "All networks by the inputs they use, largest groups first."
_ALL = (
    "All sets of up to four columns: the variance of the best sum of functions over that of its terms, on held-out "
    "rows; 0 is exact, to rounding. Shown where it is below 0.1 and below 0.3 of every part's. A relation that is no "
    "sum of functions of one input, like the natural slope, is seen only as far as a sum goes."
)


def _is_alone(record: Record, known: Known) -> bool:
    return sorted(record["inputs"]) == sorted(known.inputs) and record["auc"] > TOLD_APART


def _found_table(networks: Sequence[Record], formulas: dict[str, Record]) -> str:
    rows = []
    for known in (*KNOWN, SLOPE):
        record = formulas.get(known.name, {})
        alone = sum(_is_alone(r, known) for r in networks)
        within = sum(set(known.inputs) <= set(r["inputs"]) and r["auc"] > TOLD_APART for r in networks) - alone
        verdict = "exact" if record.get("exact") else "no exact law" if known.law is None else "**not the law**"
        rows.append([
            known.name, ", ".join(known.inputs), "named" if known.published else "-", f"{alone} of {len(networks)}",
            within, f"`{_short(record['formula'])}`" if record else "-", error(record.get("residual")),
            error(record.get("largest")), verdict,
        ])  # fmt: skip
    header = ["relation", "inputs", "paper", "alone", "in a sum", "formula", "residual", "largest error", ""]
    return harness.table(header, rows)


def _not_found(networks: Sequence[Record], formulas: dict[str, Record]) -> str:
    """What these networks and searches missed, in words."""
    nothing = sum(r["auc"] <= TOLD_APART for r in networks)
    never = [known.name for known in (*KNOWN, SLOPE) if not any(_is_alone(r, known) for r in networks)]
    parts = [f"{nothing} of {len(networks)} networks learned nothing"]
    if never:
        parts.append(f"no network used just the inputs of: {', '.join(never)}")
    wrong = [known.name for known in KNOWN if known.law and not formulas[known.name]["exact"]]
    if wrong:
        parts.append(f"no exact formula of: {', '.join(wrong)}")
    told = (
        "Formulas without an exact law are the best found and explain a part only (see their residual); their round "
        "numbers mean nothing. The natural slope is a quotient, which no sum of functions of one input can hold, so "
        "a network of this shape finds the signature's relation through the meridian alone, or not at all."
    )
    return f"Not found: {'; '.join(parts)}. {told}"


def _short(text: str) -> str:
    return text if len(text) < 120 else f"{text[:120]}…"


def _groups(networks: Sequence[Record]) -> str:
    counts = Counter(tuple(r["inputs"]) for r in networks)
    rows = []
    for inputs, count in counts.most_common():
        own = [r for r in networks if tuple(r["inputs"]) == inputs]
        rows.append([
            ", ".join(inputs), *(_seeds(own, lamb) for lamb in LAMBS), count, _span(own, "accuracy"), _span(own, "auc"),
        ])  # fmt: skip
    header = ["inputs", *(f"seeds, lamb {lamb:g}" for lamb in LAMBS), "networks", "accuracy", "area"]
    return harness.table(header, rows)


def _seeds(records: Sequence[Record], lamb: float) -> str:
    return ", ".join(str(r["seed"]) for r in records if r["lamb"] == lamb) or "-"


def _span(records: Sequence[Record], what: str) -> str:
    values = sorted(r[what] for r in records)
    return f"{values[0]:.3f}" if len(values) == 1 else f"{values[0]:.3f} to {values[-1]:.3f}"


def _additive_table(sets: Sequence[Record]) -> str:
    rows = [
        [
            ", ".join(one["inputs"]),
            error(one["ratio"]),
            error(one["parts"]),
            _known_as(one),
        ]
        for one in sets
    ]
    return harness.table(["inputs", "variance left", "least of its parts", "known as"], rows)


def _known_as(one: Record) -> str:
    return next((known.name for known in KNOWN if set(known.inputs) == set(one["inputs"])), "-")


if __name__ == "__main__":
    raise SystemExit(page.run("relations", __doc__, relations, picture=True))

"""Anderson localization: the mobility edges of two quasiperiodic chains, found as formulas.

Data come from the true laws, in two forms. *Values*: rows of the inputs with the law's value, as a network that is
trained on them sees it. *Labels*: for random parameters a ladder of energies, each only extended or localized; the edge
lies between the last of the one kind and the first of the other, so its energy is known to half a rung.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sympy
import torch
from torch import Tensor

from benchmarks import harness
from benchmarks.accuracy import discovery, laws
from benchmarks.accuracy.equivalent import is_same
from benchmarks.accuracy.report import Report
from benchmarks.accuracy.session import Session
from benchmarks.accuracy.training import Record
from benchmarks.harness import Bar
from benchmarks.paper import page, pictures
from edgewise.interpret import symbolic_search

LIMIT_SEC, LEAST_OF_TEN = 60.0, 8
CHAINS, RUNGS = 1000, 400


@dataclass(frozen=True)
class Edge:
    """A mobility edge solved for the energy.

    Attributes:
        law: name in `laws.LAWS`.
        parameters: name and range of what the chain is made with.
        energies: range of the ladder; wider than the spectrum, so that most chains have an edge on it.
        energy: the edge as sympy reads it.
        published: what the paper's networks gave.
    """

    law: str
    parameters: dict[str, tuple[float, float]]
    energies: tuple[float, float]
    energy: str
    published: str


GAAM = Edge(
    "mobility edge GAAM", {"alpha": (0.1, 0.9), "lamb": (0.1, 2.0)}, (-10.0, 10.0), "(2 - 2*lamb)/alpha",
    "1.52E^2 + 21.06 alpha E + 0.66E + 3.55 alpha^2 + 0.91 alpha + 45.13 lambda - 54.45 = 0",
)  # fmt: skip
MAAM = Edge(
    "mobility edge MAAM", {"p": (0.5, 2.0), "lamb": (0.1, 2.0)}, (-10.0, 10.0), "lamb*cosh(p) - exp(p)",
    "6.92E - 6.23(-.92 lambda - 1)^2 + 2572.45(-.05 lambda + .95 cosh(.11p + .4) - 1)^2 "
    "- 12.96 cosh(.53p + .16)^2 + 19.89 = 0",
)  # fmt: skip


def anderson(session: Session) -> Report:
    """Both laws from eight of ten seeds."""
    seeds, limit = session.seed_range(), 5.0 if session.quick else LIMIT_SEC
    rows, bars, drawn = [], [], []
    for edge in (GAAM, MAAM):
        for kind, search in (("values", from_values), ("labels", from_labels)):
            records = [
                session.measure(
                    f"anderson {edge.law}, {kind}, seed {seed}",
                    {"row": "anderson", "law": edge.law, "kind": kind, "seed": seed, "limit": limit},
                    lambda search=search, edge=edge, seed=seed: search(edge, seed, limit),
                )
                for seed in seeds
            ]
            rows.append(_cells(edge, kind, records))
            drawn.append(_panel(edge, kind, records))
            found, least = sum(r["solved"] for r in records), LEAST_OF_TEN / 10 * len(seeds)
            bars.append(Bar(f"{edge.law} from {kind}, seeds", found, least, "", True, "no exact formula"))
    if session.figure:
        pictures.mobility_edges(session.figure, drawn)
    return Report(
        "anderson", "Anderson localization: mobility edges", [_about(limit)], [_published(), _table(rows)], bars
    )


def from_values(edge: Edge, seed: int, limit: float) -> Record:
    """The row of `benchmarks.accuracy formulas`."""
    law = next(one for one in laws.LAWS if one.name == edge.law)
    return discovery.searched(law, laws.expression(law), 0.0, seed, limit)


def from_labels(edge: Edge, seed: int, limit: float) -> Record:
    """The energy of the edge from extended and localized states alone."""
    x, energy = ladder(edge, seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = symbolic_search(
            x, energy, names=list(edge.parameters), output_name="E", time_limit_sec=limit, seed=seed, progress=False
        )
    symbols = {name: sympy.Symbol(name, real=True) for name in edge.parameters}
    truth = sympy.sympify(edge.energy, locals=symbols)
    ranges = {symbols[name]: ends for name, ends in edge.parameters.items()}
    found = result.formula.expressions[0]
    return {
        "seconds": result.seconds,
        "solved": is_same(_rounded(found), truth, ranges),
        "formula": f"E = {found}",
        "why": result.stopped_because,
    }


def ladder(edge: Edge, seed: int) -> tuple[Tensor, Tensor]:
    """`(N, 2)` parameters and `(N,)` energies of the edge, known to half a rung; of the chains that have one there."""
    draw = torch.Generator().manual_seed(seed)
    lo, hi = torch.tensor(list(edge.parameters.values()), dtype=torch.float64).T
    x = lo + (hi - lo) * torch.rand(CHAINS, 2, generator=draw, dtype=torch.float64)
    rungs = torch.linspace(*edge.energies, RUNGS, dtype=torch.float64)
    first = torch.rand(CHAINS, 1, generator=draw, dtype=torch.float64) * (rungs[1] - rungs[0])
    energies = rungs[:-1] + first  # every chain has rungs of its own
    above = energies >= _energy(edge)(*x.unbind(1))[:, None]  # the label: which side of the edge a state is on
    last = (~above).sum(1)
    on = (last > 0) & (last < RUNGS - 1)
    x, energies, last = x[on], energies[on], last[on]
    between = (energies.gather(1, last[:, None] - 1) + energies.gather(1, last[:, None])) / 2
    return x, between[:, 0]


def _energy(edge: Edge) -> Callable[..., Tensor]:
    functions = {"exp": torch.exp, "cosh": torch.cosh}
    return sympy.lambdify(sympy.symbols(list(edge.parameters)), edge.energy, modules=[functions])


def _rounded(found: sympy.Expr) -> sympy.Expr:
    """Numbers to two digits: labels on a ladder do not know more."""
    return found.xreplace({n: sympy.Rational(round(100 * float(n)), 100) for n in found.atoms(sympy.Float)})


# ----------------------------------------------------------------------------------------------------- tables


def _about(limit: float) -> str:
    return (
        f"`symbolic_search(time_limit_sec={limit:g})` on one thread. *Values*: {discovery.ROWS} rows of the law. "
        f"*Labels*: {CHAINS} chains with {RUNGS - 1} energies each between -10 and 10, known as extended or localized "
        "and nothing else. Values are a far easier task than the paper's, labels the nearer one. Found is the law "
        "solved for E, numbers rounded to two digits. The paper's data are computed chains, which its networks "
        "classify (GAAM 99.0 %, MAAM 97.1 % of the states right without help); it prints no exact law."
    )


def _published() -> str:
    rows = [[edge.law, f"`{edge.energy}`", edge.published] for edge in (GAAM, MAAM)]
    return harness.table(["law", "truth, solved for E", "published formula"], rows)


def _panel(edge: Edge, kind: str, records: Sequence[Record]) -> dict[str, Any]:
    """What the picture of an edge shows: a formula that was found, or else that of the first seed."""
    best = next((r for r in records if r["solved"]), records[0])
    (other, (lo, hi)), (_, lamb) = edge.parameters.items()
    found = f"E - ({best['formula'].removeprefix('E = ')})" if best["formula"].startswith("E = ") else best["formula"]
    return {
        "title": f"{edge.law}, from {kind}: found by {sum(r['solved'] for r in records)} of {len(records)} seeds",
        "other": other, "values": [lo + share * (hi - lo) for share in (0.2, 0.5, 0.8)], "lamb": lamb,
        "energies": (-6.0, 6.0), "truth": f"E - ({edge.energy})", "found": found,
    }  # fmt: skip


def _cells(edge: Edge, kind: str, records: Sequence[Record]) -> list[str]:
    return [
        edge.law,
        kind,
        f"{sum(r['solved'] for r in records)} of {len(records)}",
        discovery.seconds_of(records),
        discovery.sample_of(records),
    ]


def _table(rows: list[list[str]]) -> str:
    return harness.table(["law", "from", "found", "median time", "formula of the first seed"], rows)


if __name__ == "__main__":
    raise SystemExit(page.run("anderson", __doc__, anderson, picture=True))

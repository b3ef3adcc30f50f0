"""The table of hyperbolic knots, seventeen invariants and the signature, and its splits."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

FILE = Path("knots") / "knots.csv.gz"
SIGNATURE = "signature"
# Names of DeepMind's table, its spelling too; in the order of the paper's figures.
LONGITUDE, MERIDIAN_IMAG, MERIDIAN_REAL = (
    "longitudinal_translation",
    "meridinal_translation_imag",
    "meridinal_translation_real",
)
COLUMNS = (
    "chern_simons",
    "cusp_volume",
    "hyperbolic_adjoint_torsion_degree",
    "hyperbolic_torsion_degree",
    "injectivity_radius",
    LONGITUDE,
    MERIDIAN_IMAG,
    MERIDIAN_REAL,
    "short_geodesic_imag_part",
    "short_geodesic_real_part",
    "Symmetry_0",
    "Symmetry_D3",
    "Symmetry_D4",
    "Symmetry_D6",
    "Symmetry_D8",
    "Symmetry_Z/2 + Z/2",
    "volume",
)


class Knots(NamedTuple):
    """`(N, 17)` invariants in the order of `COLUMNS`, and the `(N,)` signature, all float64."""

    x: Tensor
    y: Tensor

    def columns(self, names: tuple[str, ...]) -> Tensor:
        return self.x[:, [COLUMNS.index(name) for name in names]]


class Split(NamedTuple):
    """Numbers of the training and of the test rows."""

    train: Tensor
    test: Tensor


def load(folder: str | None) -> Knots:
    """Read `knots/knots.csv.gz` below `folder`: columns named as in DeepMind's `knot_theory_invariants.csv`.

    Raises:
        FileNotFoundError: no folder, no such file, or one without the columns; the message says what to do.
    """
    import pandas as pd

    if folder is None:
        raise FileNotFoundError(
            f"the table of knots is not shipped: give `--data DIR`, where DIR holds {FILE}, with the columns of "
            "DeepMind's knot_theory_invariants.csv (github.com/google-deepmind/mathematics_conjectures); ours was "
            "computed with SnapPy 3.3.2 and snappy_15_knots."
        )
    path = Path(folder) / FILE
    if not path.exists():
        raise FileNotFoundError(f"`--data {folder}` holds no {FILE}: a table with the columns {', '.join(COLUMNS)}.")
    frame = pd.read_csv(path)
    missing = [name for name in (*COLUMNS, SIGNATURE) if name not in frame]
    if missing:
        raise FileNotFoundError(f"{path} must have a column for each invariant; it lacks {', '.join(missing)}.")
    values = torch.from_numpy(frame[[*COLUMNS, SIGNATURE]].to_numpy(dtype=np.float64))
    return Knots(values[:, :-1].clone(), values[:, -1].clone())


def split(knots: Knots, seed: int, test: float = 0.2) -> Split:
    """A random split in which knots with the same invariants (mutants) are on the same side."""
    _, group = np.unique(knots.x.numpy().round(9), axis=0, return_inverse=True)
    groups = int(group.max()) + 1
    chosen = np.random.default_rng(seed).permutation(groups)[: round(test * groups)]
    in_test = torch.from_numpy(np.isin(group.reshape(-1), chosen))
    return Split((~in_test).nonzero()[:, 0], in_test.nonzero()[:, 0])


def scaled(x: Tensor, train: Tensor) -> Tensor:
    """Columns centred, two standard deviations to one unit; both taken from the training rows."""
    centre, width = scale(x, train)
    return (x - centre) / width


def scale(x: Tensor, train: Tensor) -> tuple[Tensor, Tensor]:
    """`(I,)` means, and `(I,)` two standard deviations, of the training rows."""
    return x[train].mean(0), 2 * x[train].std(0)

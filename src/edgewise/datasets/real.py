"""Small real tables inside the package, with units, source and licence.

The data and a `SOURCE.txt` per table lie in `tables/`; nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import as_file, files
from types import MappingProxyType
from typing import TYPE_CHECKING

from edgewise.errors import ParameterError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Table:
    """A real table and what one must know to use it.

    Attributes:
        name: what `load_table` calls it.
        frame: all columns, target included; a fresh copy for every call of a loader.
        target: the column to predict.
        units: unit of each column (`""` for categories and counts without one).
        task: `"regression"` or `"classification"`.
        description: a paragraph on what a row is.
        source: where the rows come from.
        licence: licence of the rows, with its address.
    """

    name: str
    frame: pd.DataFrame
    target: str
    units: Mapping[str, str]
    task: str
    description: str
    source: str
    licence: str

    @property
    def x(self) -> pd.DataFrame:
        """The columns to predict from."""
        return self.frame.drop(columns=self.target)

    @property
    def y(self) -> pd.Series:
        """The column to predict."""
        return self.frame[self.target]

    @property
    def feature_names(self) -> list[str]:
        """Names of the columns of `x`."""
        return [str(column) for column in self.frame.columns if column != self.target]

    def __repr__(self) -> str:
        rows, columns = self.frame.shape
        return f"Table({self.name!r}, {rows} rows, {columns - 1} features -> {self.target!r}, {self.task})"


_CC_BY = "CC BY 4.0, https://creativecommons.org/licenses/by/4.0/"

# Everything about a table but its rows.
_ABOUT = {
    "airfoil": {
        "target": "sound_pressure",
        "units": {
            "frequency": "Hz",
            "angle": "degree",
            "chord": "m",
            "velocity": "m/s",
            "thickness": "m",
            "sound_pressure": "dB",
        },
        "task": "regression",
        "description": "Noise of NACA 0012 airfoil blades of several sizes in an anechoic wind tunnel (NASA). A row is "
        "one frequency of one test: frequency, angle of attack, chord length, free-stream velocity and the "
        "displacement thickness of the suction side give the scaled sound pressure level.",
        "source": "Brooks, T., Pope, D. & Marcolini, M. (1989). Airfoil Self-Noise [Dataset]. UCI Machine Learning "
        "Repository. https://doi.org/10.24432/C5VW2C",
        "licence": _CC_BY,
    },
    "adult": {
        "target": "class",
        "units": {
            "age": "year",
            "workclass": "",
            "fnlwgt": "",
            "education": "",
            "education-num": "",
            "marital-status": "",
            "occupation": "",
            "relationship": "",
            "race": "",
            "sex": "",
            "capital-gain": "USD/year",
            "capital-loss": "USD/year",
            "hours-per-week": "h/week",
            "native-country": "",
            "class": "",
        },
        "task": "classification",
        "description": "A row is a person in the 1994 census of the United States; the class is whether the person "
        "earns more than 50,000 USD a year. 5,000 of the 48,842 rows, sampled within each class. Empty fields "
        "(workclass, occupation, native-country) were not answered. fnlwgt is a sampling weight of the census.",
        "source": "Becker, B. & Kohavi, R. (1996). Adult [Dataset]. UCI Machine Learning Repository. "
        "https://doi.org/10.24432/C5XW20",
        "licence": _CC_BY,
    },
}

TABLES = tuple(sorted(_ABOUT))


def load_table(name: str) -> Table:
    """Read one of the tables that ship with the package.

    Args:
        name: one of `TABLES`.

    Returns:
        A fresh `Table`.

    Raises:
        ParameterError: there is no table of that name.

    >>> load_table("airfoil")
    Table('airfoil', 1503 rows, 5 features -> 'sound_pressure', regression)
    """
    import pandas as pd

    if name not in _ABOUT:
        raise ParameterError(f"`name` must be one of {', '.join(TABLES)}; got {name!r}.")
    about = dict(_ABOUT[name])
    about["units"] = MappingProxyType(about["units"])
    with as_file(files("edgewise.datasets") / "tables" / f"{name}.csv.gz") as path:
        frame = pd.read_csv(path)
    return Table(name=name, frame=frame, **about)


def load_airfoil() -> Table:
    """Airfoil self-noise: 1,503 rows, 5 numeric features, sound pressure in dB; see `Table`."""
    return load_table("airfoil")


def load_adult() -> Table:
    """Adult census income: 5,000 rows, 6 numeric and 8 categorical features, 2 classes; see `Table`."""
    return load_table("adult")

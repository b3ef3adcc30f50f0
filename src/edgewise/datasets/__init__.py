"""Data to fit: functions sampled on request, benchmark problems, small real tables of the package, and OpenML."""

from typing import TYPE_CHECKING

from edgewise.datasets.real import TABLES, Table, load_adult, load_airfoil, load_table
from edgewise.datasets.synthetic import create_dataset
from edgewise.lazy import attributes, listing

if TYPE_CHECKING:
    from edgewise.datasets.ai_feynman import ai_feynman_equations, ai_feynman_expression, load_ai_feynman
    from edgewise.datasets.feynman import feynman_equations, load_feynman
    from edgewise.datasets.openml_source import OpenMLTable, load_openml, openml
    from edgewise.datasets.prepared import prepare_table
    from edgewise.datasets.problems import Problem
    from edgewise.datasets.special import load_special, special_functions

# These load at first use: `create_dataset` alone needs none of them.
_LATER = {
    "OpenMLTable": "edgewise.datasets.openml_source",
    "Problem": "edgewise.datasets.problems",
    "ai_feynman_equations": "edgewise.datasets.ai_feynman",
    "ai_feynman_expression": "edgewise.datasets.ai_feynman",
    "feynman_equations": "edgewise.datasets.feynman",
    "load_ai_feynman": "edgewise.datasets.ai_feynman",
    "load_feynman": "edgewise.datasets.feynman",
    "load_openml": "edgewise.datasets.openml_source",
    "load_special": "edgewise.datasets.special",
    "openml": "edgewise.datasets.openml_source",
    "prepare_table": "edgewise.datasets.prepared",
    "special_functions": "edgewise.datasets.special",
}

__all__ = [
    "TABLES",
    "OpenMLTable",
    "Problem",
    "Table",
    "ai_feynman_equations",
    "ai_feynman_expression",
    "create_dataset",
    "feynman_equations",
    "load_adult",
    "load_ai_feynman",
    "load_airfoil",
    "load_feynman",
    "load_openml",
    "load_special",
    "load_table",
    "openml",
    "prepare_table",
    "special_functions",
]


__getattr__ = attributes(__name__, _LATER)
__dir__ = listing(__name__)

"""Data to fit: functions sampled on request, and small real tables that ship with the package."""

from edgewise.datasets.real import TABLES, Table, load_adult, load_airfoil, load_table
from edgewise.datasets.synthetic import create_dataset

__all__ = ["TABLES", "Table", "create_dataset", "load_adult", "load_airfoil", "load_table"]

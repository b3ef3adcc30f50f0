"""What a trained network says: what matters, what can go, and which formula it is."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from edgewise.interpret.attribution import Attribution, attribute, edge_deviations, edge_scores, input_scores
from edgewise.interpret.edge_fit import EdgeFit, fit_edge
from edgewise.interpret.library import Library
from edgewise.interpret.pruning import (
    PruneReport,
    prune,
    prune_edges,
    prune_inputs,
    prune_nodes,
    remove_edge,
    remove_node,
    select,
)
from edgewise.interpret.sparsify import Sparsified, sparsify
from edgewise.interpret.symbolify import (
    Suggestion,
    Suggestions,
    auto_symbolic,
    fix_symbolic,
    suggest_symbolic,
    unfix_symbolic,
)

if TYPE_CHECKING:
    from edgewise.interpret.constants import exact, formula_of, simplify
    from edgewise.interpret.formula import Formula, Verification, symbolic_formula

# These need sympy, whose import takes most of a second; pictures and scores do not.
_FORMULAS = {
    "Formula": "formula",
    "Verification": "formula",
    "exact": "constants",
    "formula_of": "constants",
    "simplify": "constants",
    "symbolic_formula": "formula",
}

__all__ = [
    "Attribution",
    "EdgeFit",
    "Formula",
    "Library",
    "PruneReport",
    "Sparsified",
    "Suggestion",
    "Suggestions",
    "Verification",
    "attribute",
    "auto_symbolic",
    "edge_deviations",
    "edge_scores",
    "exact",
    "fit_edge",
    "fix_symbolic",
    "formula_of",
    "input_scores",
    "prune",
    "prune_edges",
    "prune_inputs",
    "prune_nodes",
    "remove_edge",
    "remove_node",
    "select",
    "simplify",
    "sparsify",
    "suggest_symbolic",
    "symbolic_formula",
    "unfix_symbolic",
]


def __getattr__(name: str) -> Any:
    if name not in _FORMULAS:
        raise AttributeError(f"module 'edgewise.interpret' has no attribute {name!r}")
    value = getattr(import_module(f"edgewise.interpret.{_FORMULAS[name]}"), name)
    globals()[name] = value
    return value

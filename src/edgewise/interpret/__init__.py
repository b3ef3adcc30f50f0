"""What a trained network says: what matters, what can go, and which formula it is."""

from typing import TYPE_CHECKING

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
from edgewise.lazy import attributes

if TYPE_CHECKING:
    from edgewise.interpret.compiler import from_formula
    from edgewise.interpret.constants import exact, formula_of, simplify
    from edgewise.interpret.formula import Formula, Verification, symbolic_formula

# These need sympy, whose import takes most of a second; pictures and scores do not.
_FORMULAS = {
    "Formula": "edgewise.interpret.formula",
    "Verification": "edgewise.interpret.formula",
    "exact": "edgewise.interpret.constants",
    "formula_of": "edgewise.interpret.constants",
    "from_formula": "edgewise.interpret.compiler",
    "simplify": "edgewise.interpret.constants",
    "symbolic_formula": "edgewise.interpret.formula",
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
    "from_formula",
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


__getattr__ = attributes(__name__, _FORMULAS)

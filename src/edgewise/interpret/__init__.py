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
    from edgewise.interpret.constants import exact, formula_of, simplify
    from edgewise.interpret.expressions import symbolic_formula
    from edgewise.interpret.formula import Formula, Verification
    from edgewise.interpret.formula_module import FormulaModule
    from edgewise.interpret.tables import TableFormula

# These need sympy, whose import takes most of a second; pictures and scores do not.
_FORMULAS = {
    "Formula": "edgewise.interpret.formula",
    "FormulaModule": "edgewise.interpret.formula_module",
    "TableFormula": "edgewise.interpret.tables",
    "Verification": "edgewise.interpret.formula",
    "exact": "edgewise.interpret.constants",
    "formula_of": "edgewise.interpret.constants",
    "simplify": "edgewise.interpret.constants",
    "symbolic_formula": "edgewise.interpret.expressions",
}

__all__ = [
    "Attribution",
    "EdgeFit",
    "Formula",
    "FormulaModule",
    "Library",
    "PruneReport",
    "Sparsified",
    "Suggestion",
    "Suggestions",
    "TableFormula",
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


__getattr__ = attributes(__name__, _FORMULAS)

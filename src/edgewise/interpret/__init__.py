"""What a trained network says: what matters, what can go, and which formula it is."""

from typing import TYPE_CHECKING

from edgewise.interpret.attribution import (
    Attribution,
    attribute,
    edge_deviations,
    edge_scores,
    input_scores,
    interactions,
)
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
from edgewise.interpret.separability import (
    Symmetry,
    additive_groups,
    compositional,
    multiplicative_groups,
    symmetry,
)
from edgewise.interpret.sparsify import Sparsified, sparsify
from edgewise.interpret.structure import Structure, structure
from edgewise.interpret.symbolify import (
    Suggestion,
    Suggestions,
    auto_symbolic,
    fix_symbolic,
    suggest_symbolic,
    unfix_symbolic,
)
from edgewise.lazy import attributes, listing

if TYPE_CHECKING:
    from edgewise.interpret.buckingham import Dimensionless, dimensionless
    from edgewise.interpret.compiler import from_formula
    from edgewise.interpret.constants import exact, formula_of, simplify
    from edgewise.interpret.expressions import symbolic_formula
    from edgewise.interpret.formula import Formula, Verification
    from edgewise.interpret.formula_module import FormulaModule
    from edgewise.interpret.search import SearchResult, symbolic_search
    from edgewise.interpret.tables import TableFormula
    from edgewise.interpret.unit_check import check_units
    from edgewise.interpret.units import Unit, parse_unit

# These need sympy, whose import takes most of a second; pictures and scores do not.
_FORMULAS = {
    "Dimensionless": "edgewise.interpret.buckingham",
    "Formula": "edgewise.interpret.formula",
    "Unit": "edgewise.interpret.units",
    "SearchResult": "edgewise.interpret.search",
    "FormulaModule": "edgewise.interpret.formula_module",
    "TableFormula": "edgewise.interpret.tables",
    "Verification": "edgewise.interpret.formula",
    "check_units": "edgewise.interpret.unit_check",
    "dimensionless": "edgewise.interpret.buckingham",
    "exact": "edgewise.interpret.constants",
    "formula_of": "edgewise.interpret.constants",
    "parse_unit": "edgewise.interpret.units",
    "from_formula": "edgewise.interpret.compiler",
    "simplify": "edgewise.interpret.constants",
    "symbolic_search": "edgewise.interpret.search",
    "symbolic_formula": "edgewise.interpret.expressions",
}

__all__ = [
    "Attribution",
    "Dimensionless",
    "EdgeFit",
    "Formula",
    "FormulaModule",
    "Library",
    "PruneReport",
    "SearchResult",
    "Sparsified",
    "Structure",
    "Suggestion",
    "Suggestions",
    "Symmetry",
    "TableFormula",
    "Unit",
    "Verification",
    "additive_groups",
    "attribute",
    "auto_symbolic",
    "check_units",
    "compositional",
    "dimensionless",
    "edge_deviations",
    "edge_scores",
    "exact",
    "fit_edge",
    "fix_symbolic",
    "formula_of",
    "from_formula",
    "input_scores",
    "interactions",
    "multiplicative_groups",
    "parse_unit",
    "prune",
    "prune_edges",
    "prune_inputs",
    "prune_nodes",
    "remove_edge",
    "remove_node",
    "select",
    "simplify",
    "sparsify",
    "structure",
    "suggest_symbolic",
    "symbolic_formula",
    "symbolic_search",
    "symmetry",
    "unfix_symbolic",
]


__getattr__ = attributes(__name__, _FORMULAS)
__dir__ = listing(__name__)

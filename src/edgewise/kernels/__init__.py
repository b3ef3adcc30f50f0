"""Sparse B-spline contractions: three operators that are closed under differentiation."""

from edgewise.kernels.chebyshev_edges import ChebyshevEdges
from edgewise.kernels.dispatch import silu_slope
from edgewise.kernels.edge_jets import Edges
from edgewise.kernels.gram import LayerRows, gram, jacobian_rows
from edgewise.kernels.jet_chain import Channels, chain_rule, inner_products, layer_jets
from edgewise.kernels.operators import edges, edges_gradients, evaluate, is_plain_eager, pull, scatter
from edgewise.kernels.small_networks import network, network_gradients, network_values, squared_error
from edgewise.kernels.spline_edges import SplineEdges

__all__ = [
    "Channels",
    "ChebyshevEdges",
    "Edges",
    "LayerRows",
    "SplineEdges",
    "chain_rule",
    "edges",
    "edges_gradients",
    "evaluate",
    "gram",
    "inner_products",
    "is_plain_eager",
    "jacobian_rows",
    "layer_jets",
    "network",
    "network_gradients",
    "network_values",
    "pull",
    "scatter",
    "silu_slope",
    "squared_error",
]

"""Layers: ordinary `nn.Module`s that embed in any torch model."""

from edgewise.layers.base_functions import BASE_FUNCTIONS, base_function
from edgewise.layers.chain import evaluate_chain, is_observed, squared_error
from edgewise.layers.chebyshev_layer import ChebyshevLayer
from edgewise.layers.edge_layer import AbstractEdgeLayer
from edgewise.layers.functions import FUNCTIONS, Function, function_named
from edgewise.layers.kan_layer import KANLayer
from edgewise.layers.linearize import Chain, LinearizedChain, Parts, Weights
from edgewise.layers.multiply import MultiplyNodes
from edgewise.layers.observe import layer_inputs
from edgewise.layers.symbolic import SymbolicEdges

__all__ = [
    "BASE_FUNCTIONS",
    "FUNCTIONS",
    "AbstractEdgeLayer",
    "Chain",
    "ChebyshevLayer",
    "Function",
    "KANLayer",
    "LinearizedChain",
    "MultiplyNodes",
    "Parts",
    "SymbolicEdges",
    "Weights",
    "base_function",
    "evaluate_chain",
    "function_named",
    "is_observed",
    "layer_inputs",
    "squared_error",
]

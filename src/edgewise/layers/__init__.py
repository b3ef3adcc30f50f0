"""Layers: ordinary `nn.Module`s that embed in any torch model."""

from edgewise.layers.base_functions import BASE_FUNCTIONS, base_function
from edgewise.layers.chain import evaluate_chain, is_observed, squared_error
from edgewise.layers.kan_layer import KANLayer
from edgewise.layers.linearize import Chain, LinearizedChain, Weights
from edgewise.layers.multiply import MultiplyNodes

__all__ = [
    "BASE_FUNCTIONS",
    "Chain",
    "KANLayer",
    "LinearizedChain",
    "MultiplyNodes",
    "Weights",
    "base_function",
    "evaluate_chain",
    "is_observed",
    "squared_error",
]

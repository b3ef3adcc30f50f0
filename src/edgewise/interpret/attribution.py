"""How much each edge, and each input, matters on given data.

An edge matters as much as its output varies: an edge function that is constant over the data could be
replaced by a number. Nothing is stored per row, so the data may be large.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from edgewise.errors import ShapeError
from edgewise.interpret.data import check_data
from edgewise.interpret.derivatives import Rows, examined, rows_of
from edgewise.layers import AbstractEdgeLayer
from edgewise.models import KAN

_CHUNK = 1 << 20  # edge values held at a time: 8 MB in float64


def edge_scores(model: KAN, x: Tensor) -> list[Tensor]:
    """Standard deviation of every edge's output over the data, relative to its layer.

    Args:
        model: the network.
        x: `(B, inputs)` data.

    Returns:
        One `(I, O)` tensor per layer, the largest entry 1; all zeros where no edge of the layer varies
        (a single row, constant data, every edge removed).

    Raises:
        ParameterError: `model` is not a KAN.
        ShapeError: `x` has the wrong rank, features, dtype or device, or no rows.
        DomainError: `x` has a NaN or infinite entry.

    Differs from: pykan's `edge_scores`, which multiplies along the paths to the outputs (`input_scores`
    does that here).
    """
    deviations = edge_deviations(model, x)
    return [deviation / _positive(deviation.max()) for deviation in deviations]


def edge_deviations(model: KAN, x: Tensor) -> list[Tensor]:
    """Standard deviation (over rows, not unbiased) of every edge's output, in the unit of its node.

    Args:
        model: the network.
        x: `(B, inputs)` data.

    Returns:
        One `(I, O)` tensor per layer. Memory beyond the node values stays bounded in `B`.

    Raises:
        ParameterError: `model` is not a KAN.
        ShapeError: `x` has the wrong rank, features, dtype or device, or no rows.
        DomainError: `x` has a NaN or infinite entry.
    """
    return [edges for edges, _ in deviations(model, x)]


def deviations(model: KAN, x: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Standard deviations of every layer's edges, as `edge_deviations` has them, and of its sums.

    Args:
        model: the network.
        x: `(B, inputs)` data.

    Returns:
        Per layer `(I, O)` deviations of the edges and `(O,)` of the sums that they feed.

    Raises:
        ParameterError: `model` is not a KAN.
        ShapeError: `x` has the wrong rank, features, dtype or device, or no rows.
        DomainError: `x` has a NaN or infinite entry.
    """
    check_data(model, x)
    return [_deviations(layer, values) for layer, values in zip(model.layers, model.activations(x), strict=False)]


@dataclass(frozen=True)
class Attribution:
    """How much of the outputs' variation passes through every part of a network.

    Attributes:
        edges: `(I, O)` scores of every layer's edges.
        sums: `(O,)` scores of every layer's sums.
        nodes: scores of every layer's nodes, inputs first; outputs have one.
    """

    edges: list[Tensor]
    sums: list[Tensor]
    nodes: list[Tensor]


def attribute(model: KAN, x: Tensor) -> Attribution:
    """Pass scores back from the outputs along all edges.

    A node hands its score to its edges in proportion to the standard deviations of their outputs, measured
    against that of their sum; a product hands its score to each factor.

    Args:
        model: the network.
        x: `(B, inputs)` data; a single row has no variation, and all scores below the outputs are zero.

    Returns:
        The scores, where each output has one.

    Raises:
        ParameterError: `model` is not a KAN.
        ShapeError: `x` has the wrong rank, features, dtype or device, or no rows.
        DomainError: `x` has a NaN or infinite entry.

    Source: Liu et al. (2024), KAN 2.0, arXiv 2408.10205, section 4.1 (attribution).
    """
    measured = deviations(model, x)
    nodes, all_sums, all_edges = [x.new_ones(model.out_features)], [], []
    for product, (edges, total) in zip(reversed(model.products), reversed(measured), strict=True):
        score = nodes[0]
        factors = score[product.n_sum :].repeat_interleave(product.arity)
        sums = torch.cat([score[: product.n_sum], factors])  # (O,)
        edges = edges / _positive(total) * sums
        all_sums.insert(0, sums)
        all_edges.insert(0, edges)
        nodes.insert(0, edges.sum(dim=1))  # (I,)
    return Attribution(all_edges, all_sums, nodes)


def input_scores(model: KAN, x: Tensor) -> Tensor:
    """Importance of every input: `attribute`, relative to the largest.

    Args:
        model: the network.
        x: `(B, inputs)` data.

    Returns:
        `(inputs,)` scores, the largest 1; all zeros where no output varies.

    Raises:
        ParameterError: `model` is not a KAN.
        ShapeError: `x` has the wrong rank, features, dtype or device, or no rows.
        DomainError: `x` has a NaN or infinite entry.
    """
    score = attribute(model, x).nodes[0]
    return score / _positive(score.max())


def interactions(model: Any, x: Any, *, reference: Any = None, output: int = 0) -> Tensor:
    """How much the effect of every input depends on every other: second derivatives, in standard deviations.

    Entry `[i, j]` says by how many deviations of the output the effect of one deviation of `x_i` changes per deviation
    of `x_j` (root mean square over the rows). It is zero if and only if the function, on these rows, is a sum of a part
    without `x_i` and one without `x_j`; on the diagonal, if it is linear in `x_i`. Units do not matter.

    Args:
        model: a KAN, another module, or any function of a `(B, D)` tensor with values `(B,)` or `(B, outputs)`, each
            row by itself. Derivatives are exact and in float64.
        x: `(N, D)` rows, anything array-like; memory stays bounded in N.
        reference: `(M, D)` rows whose spread is the unit; `x` when absent. A single row has no spread: without a
            reference all entries are zero.
        output: which output.

    Returns:
        `(D, D)`, symmetric, float64; an input that is constant in the reference has zeros.

    Raises:
        ParameterError: `model` cannot be called, or there is no such output.
        ShapeError: rows or values have another shape.
        DomainError: NaN or infinity in the data, the values or the derivatives.
    """
    function, rows = examined(model, x, output)
    own = None if reference is None else rows_of(model, reference)
    if own is not None and own.shape[1] != rows.shape[1]:
        raise ShapeError(f"`reference` must have {rows.shape[1]} columns, as `x` has; got {own.shape[1]}.")
    total = rows.new_zeros(rows.shape[1], rows.shape[1])
    for jet in Rows(function, rows, reference=own).jets():
        total += jet.hessian.square().sum(dim=0)
    return (total / len(rows)).sqrt()


@torch.no_grad()
def _deviations(layer: AbstractEdgeLayer, x: Tensor) -> tuple[Tensor, Tensor]:
    """Standard deviations `(I, O)` of the edges and `(O,)` of their sums, row block by row block."""
    # Blocks are merged by their means and squared deviations, never by sums of squares, which would lose
    # every digit of a function with a large mean. Source: Chan, Golub, LeVeque (1979), Updating formulae
    # and a pairwise algorithm for computing sample variances.
    rows = max(1, _CHUNK // (layer.in_features * layer.out_features))
    mean = x.new_zeros(layer.in_features + 1, layer.out_features)
    squares, count = torch.zeros_like(mean), 0
    for block in x.split(rows):
        edges = layer.edge_values(block)  # (b, I, O)
        edges = torch.cat([edges, edges.sum(dim=1, keepdim=True)], dim=1)  # (b, I+1, O): the node as one more edge
        block_mean = edges.mean(dim=0)
        shift, total = block_mean - mean, count + len(block)
        squares += (edges - block_mean).square().sum(dim=0) + shift.square() * (count * len(block) / total)
        mean += shift * (len(block) / total)
        count = total
    deviation = (squares / count).sqrt()
    return _without_rounding(deviation[:-1], mean[:-1]), _without_rounding(deviation[-1], mean[-1])


def _without_rounding(deviation: Tensor, mean: Tensor) -> Tensor:
    """Zero where the spread is only the rounding of a constant."""
    return torch.where(deviation > 8 * torch.finfo(deviation.dtype).eps * mean.abs(), deviation, 0.0)


def _positive(value: Tensor) -> Tensor:
    """The value as a divisor: one instead of zero."""
    return torch.where(value > 0, value, 1.0)

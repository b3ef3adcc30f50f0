"""How much each edge, and each input, matters on given data.

An edge matters as much as its output varies: an edge function that is constant over the data could be
replaced by a number. Nothing is stored per row, so the data may be large.
"""

import torch
from torch import Tensor

from edgewise.errors import DomainError, ParameterError, ShapeError
from edgewise.layers import KANLayer
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
    check_data(model, x)
    return [_deviations(layer, values)[0] for layer, values in zip(model.layers, model.activations(x), strict=False)]


def input_scores(model: KAN, x: Tensor) -> Tensor:
    """Importance of every input: the shares of variation passed back from the outputs along all edges.

    A node hands its score to its edges in proportion to the standard deviations of their outputs, measured
    against that of their sum; a product hands its score to each factor.

    Args:
        model: the network.
        x: `(B, inputs)` data.

    Returns:
        `(inputs,)` scores, the largest 1; all zeros where no output varies.

    Raises:
        ParameterError: `model` is not a KAN.
        ShapeError: `x` has the wrong rank, features, dtype or device, or no rows.
        DomainError: `x` has a NaN or infinite entry.

    Source: Liu et al. (2024), KAN 2.0, arXiv 2408.10205, section 4.1 (attribution).
    """
    check_data(model, x)
    activations = model.activations(x)
    score = torch.ones_like(activations[-1][0])  # (outputs,)
    for layer, product, values in zip(
        reversed(model.layers), reversed(model.products), reversed(activations[:-1]), strict=True
    ):
        factors = score[product.n_sum :].repeat_interleave(product.arity)
        sums = torch.cat([score[: product.n_sum], factors])  # (O,)
        edges, total = _deviations(layer, values)
        score = (edges / _positive(total) * sums).sum(dim=1)  # (I,)
    return score / _positive(score.max())


def check_data(model: KAN, x: Tensor) -> None:
    """Raise unless the model is a KAN and the data are `(B, inputs)`, finite and not empty."""
    if not isinstance(model, KAN):
        raise ParameterError(f"`model` must be a KAN, whose edges carry functions; got {type(model).__name__}.")
    if not isinstance(x, Tensor) or x.dim() != 2 or len(x) == 0:
        got = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
        raise ShapeError(f"`x` must be a (rows, {model.in_features}) tensor with at least one row; got {got}.")
    bad = ~torch.isfinite(x)
    if bad.any():
        row, column = bad.nonzero()[0].tolist()
        raise DomainError(
            f"`x` must be finite; {int(bad.sum())} entries are not (first at row {row}, "
            f"column {column}: {x[row, column]}). Drop or fill those rows."
        )


@torch.no_grad()
def _deviations(layer: KANLayer, x: Tensor) -> tuple[Tensor, Tensor]:
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

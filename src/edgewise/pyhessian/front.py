"""The class `hessian` and its picture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from edgewise import curvature
from edgewise.curvature import Density
from edgewise.errors import ParameterError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BLOCK = 10
"""Products between two looks at the standard error of a trace."""


class hessian:
    """The Hessian of a model's loss, with PyHessian's methods.

    Args:
        model: the model; it is not changed.
        criterion: `criterion(prediction, y)`.
        data: one batch `(x, y)`; this or `dataloader`.
        dataloader: batches `(x, y)`, read once.
        cuda: PyHessian's flag. The data go to where the model is; True asks that this be a GPU.
        seed: of everything random.

    Raises:
        ParameterError: not exactly one of `data` and `dataloader`, or `cuda=True` and a model on the CPU.
    """

    def __init__(
        self,
        model: nn.Module,
        criterion: Any,
        data: tuple[Tensor, Tensor] | None = None,
        dataloader: Iterable[Any] | None = None,
        cuda: bool = False,
        *,
        seed: int = 0,
    ) -> None:
        if (data is None) == (dataloader is None):
            raise ParameterError("give either `data=(x, y)`, one batch, or `dataloader=...`, many.")
        self._op = curvature.hessian(criterion, model, data if dataloader is None else dataloader)
        if cuda and self._op.device.type != "cuda":
            raise ParameterError(f"`cuda=True` needs a model on a GPU; it is on {self._op.device}. Use `model.cuda()`.")
        self._generator = torch.Generator().manual_seed(seed)

    def eigenvalues(
        self, maxIter: int = 100, tol: float = 1e-3, top_n: int = 1
    ) -> tuple[list[float], list[list[Tensor]]]:
        """The eigenvalues of largest absolute value, from the largest.

        Args:
            maxIter: at most so many products for each.
            tol: largest residual over the largest eigenvalue; values are usually right to `tol^2`.
            top_n: how many.

        Returns:
            The values, and for each its unit eigenvector as tensors shaped like the parameters.
        """
        limit = max(maxIter * top_n, 2 * top_n)
        found = curvature.eigs(self._op, top_n, "LM", tol=tol, max_products=limit, generator=self._generator)
        return found.values.tolist(), [list(self._op.unflatten(v).values()) for v in found.vectors.mT]

    def trace(self, maxIter: int = 100, tol: float = 1e-3) -> list[float]:
        """Samples whose mean is the trace.

        Args:
            maxIter: at most so many products, but two at least.
            tol: enough, once the standard error is below this part of the mean. (PyHessian stops when the running mean
                changes little, which says nothing about its error.)

        Returns:
            The samples.
        """
        samples = torch.zeros(0, dtype=torch.float64)
        while len(samples) < maxIter:
            left = maxIter - len(samples)
            more = max(2, left if left <= _BLOCK + 1 else _BLOCK)  # never one alone at the end
            found = curvature.trace(self._op, more, "hutchinson", generator=self._generator)
            samples = torch.cat([samples, found.samples])
            if float(samples.std()) <= tol * abs(float(samples.mean())) * len(samples) ** 0.5:
                break
        return samples.tolist()

    def density(self, iter: int = 100, n_v: int = 1) -> tuple[list[list[float]], list[list[float]]]:
        """The spectral density by stochastic Lanczos quadrature.

        Args:
            iter: steps of Lanczos.
            n_v: number of random vectors.

        Returns:
            For each random vector the nodes, and their weights, which sum to one.
        """
        found = curvature.density(self._op, iter, n_v, generator=self._generator)
        runs = [found.probe == number for number in range(n_v)]
        return [found.nodes[run].tolist() for run in runs], [(n_v * found.weights[run]).tolist() for run in runs]


def get_esd_plot(eigenvalues: Sequence[Sequence[float]], weights: Sequence[Sequence[float]]) -> tuple[Figure, Axes]:
    """Draw what `hessian.density` returned; nothing is written.

    Args:
        eigenvalues: nodes of each random vector.
        weights: their weights.

    Returns:
        The figure and its axes.
    """
    from edgewise.plot import plot_spectrum

    figure = plot_spectrum(Density.of_rules(list(zip(map(_numbers, eigenvalues), map(_numbers, weights), strict=True))))
    return figure, figure.axes[0]


def _numbers(values: Any) -> Tensor:
    return torch.as_tensor(values, dtype=torch.float64)

"""Trace and diagonal of a symmetric matrix from random products, with standard errors.

Sources: Hutchinson (1990), A stochastic estimator of the trace, Comm. Statist. Simulation 19; Meyer, Musco, Musco and
Woodruff (2021), Hutch++, SOSA; Bekas, Kokiopoulou and Saad (2007), An estimator for the diagonal of a matrix, Appl.
Numer. Math. 57.
"""

from dataclasses import dataclass, field
from typing import Generic, TypeVar

import torch
from torch import Tensor

from edgewise.curvature.operator import SymmetricOperator, as_operator
from edgewise.errors import ParameterError
from edgewise.optim.lanczos import seeded

METHODS = ("hutch++", "hutchinson")

T = TypeVar("T", float, Tensor)


@dataclass
class Estimate(Generic[T]):
    """A random estimate.

    Attributes:
        value: the mean of the samples.
        stderr: its standard error: the true value is within two of them 95 times of a hundred.
        samples: `(m,)` or `(m, n)` independent samples with the right mean.
    """

    value: T
    stderr: T
    samples: Tensor = field(repr=False)


def trace(
    op: SymmetricOperator | Tensor,
    probes: int = 64,
    method: str = "hutch++",
    *,
    seed: int = 0,
    generator: torch.Generator | None = None,
) -> Estimate[float]:
    """The trace: the sum of the eigenvalues, of the diagonal, and the expectation of `z' A z` for random signs z.

    Args:
        op: the operator, or an `(n, n)` matrix.
        probes: number of products.
        method: `"hutch++"` takes the part in a subspace with the large eigenvalues exactly, and samples the rest, with
            a third of the products each; `"hutchinson"` samples everything.
        seed: of the random signs.
        generator: on the CPU, taken instead of `seed`.

    Returns:
        The estimate.

    Raises:
        ParameterError: an argument is outside its documented set.
    """
    op = as_operator(op)
    least = {"hutch++": 6, "hutchinson": 2}.get(method)
    if least is None:
        raise ParameterError(f"`method` must be one of {METHODS}; got {method!r}.")
    _check_probes(probes, least)
    generator = seeded(seed, generator)
    if method == "hutchinson":
        z = random_signs(probes, op, generator)
        return _mean((z * op.rows(z)).double().sum(1).cpu())
    return _hutch_plus_plus(op, probes, generator)


def _hutch_plus_plus(op: SymmetricOperator, probes: int, generator: torch.Generator) -> Estimate[float]:
    wide = min(probes // 3, op.shape[0])
    basis = torch.linalg.qr(op.rows(random_signs(wide, op, generator)).mT).Q.mT  # (wide, n)
    inside = (basis * op.rows(basis)).double().sum().cpu()
    z = random_signs(probes - 2 * wide, op, generator)
    for _ in range(2):
        z = z - (z @ basis.mT) @ basis
    return _mean(inside + (z * op.rows(z)).double().sum(1).cpu())


def diagonal(
    op: SymmetricOperator | Tensor, probes: int = 64, *, seed: int = 0, generator: torch.Generator | None = None
) -> Estimate[Tensor]:
    """The diagonal: the expectation of `z * A z` for random signs z.

    Args:
        op: the operator, or an `(n, n)` matrix.
        probes: number of products.
        seed: of the random signs.
        generator: on the CPU, taken instead of `seed`.

    Returns:
        The estimate, `(n,)`.

    Raises:
        ParameterError: an argument is outside its documented set.
    """
    op = as_operator(op)
    _check_probes(probes, 2)
    z = random_signs(probes, op, seeded(seed, generator))
    samples = z * op.rows(z)
    return Estimate(samples.mean(0), samples.std(0) / len(samples) ** 0.5, samples)


def random_signs(count: int, op: SymmetricOperator, generator: torch.Generator) -> Tensor:
    """Draw vectors of -1 and 1.

    Args:
        count: how many.
        op: gives size, dtype and device.
        generator: on the CPU, so that a seed means the same on every device.

    Returns:
        `(count, n)`.
    """
    bits = torch.randint(0, 2, (count, op.shape[0]), generator=generator, dtype=torch.int8)
    return (2 * bits - 1).to(op.device, op.dtype)


def _mean(samples: Tensor) -> Estimate[float]:
    return Estimate(float(samples.mean()), float(samples.std()) / len(samples) ** 0.5, samples)


def _check_probes(probes: int, least: int) -> None:
    if type(probes) is not int or probes < least:
        raise ParameterError(f"`probes` must be an int >= {least}; got {probes!r}.")

"""A layer of Chebyshev edges: one polynomial per edge, smooth to every order and exact in its derivatives.

    phi(x) = mask * (scale_base * base(x) + scale_sp * sum_n c_n T_n(z(x))),    n = 0..k

`z` brings the input into [-1, 1]: `t`, its place in the domain, or `tanh(t)` where nothing bounds it (`squash`). The
derivative of an expansion is an expansion with other coefficients, `D c`, so `T(z)` serves every order; with tanh the
chain rule adds a few of them up.

Why degrees end at 12: the n-th derivative of T_k reaches prod_{j<n} (k^2 - j^2) / (2 j + 1) at the ends of the
interval, 2e5 for the third one at 12, and errors of coefficients are multiplied by as much. Splines of a lower degree
say the same on more intervals.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from math import comb

import torch
from torch import Tensor

from edgewise.errors import DomainError, ParameterError
from edgewise.kernels import ChebyshevEdges, is_plain_eager
from edgewise.layers.derivatives import base_derivative, of_value
from edgewise.layers.edge_layer import AbstractEdgeLayer, input_ranges
from edgewise.layers.initialization import initialize_polynomials

HIGHEST_DEGREE = 12

Terms = dict[int, Tensor | None]
"""Factors `(B, I)` of an expansion's derivatives, by their order; None for one."""


class ChebyshevLayer(AbstractEdgeLayer):
    """Polynomial edges from `in_features` inputs to `out_features` sums, in the basis of Chebyshev.

    Args:
        in_features: number of inputs I.
        out_features: number of outputs O.
        k: polynomial degree, 0 to 12.
        squash: bring inputs into [-1, 1] by tanh, for nodes that nothing bounds.
        grid_range: `(lo, hi)` domain of every input, or one pair per input: what becomes [-1, 1], before tanh.
        base_fun: residual function, see `BASE_FUNCTIONS`.
        outside: beyond the domain an edge continues its value and slope (`"linear"`: second derivatives and higher
            ones drop to zero just outside) or the polynomial goes on (`"extend"`: smooth everywhere, and soon huge).
            Of no effect with `squash`.
        init: `"power"`: coefficients fall as a power of the degree, see `edgewise.layers.initialization`.
        sp_trainable: train a factor `scale_sp` per edge; the coefficients can do without.
        sb_trainable: train `scale_base`.
        generator: source of the random initialization; torch's default generator when absent.
        device: where the parameters live.
        dtype: floating dtype of the parameters; torch's default when absent.

    Attributes:
        spline_weight: `(I, S, O)` coefficients of T_0 to T_k, S = k + 1; named as in every layer of edges.
        base_weight: `(I, O)` factors of the residual function.
        domain: `(I, 2)` intervals.

    Raises:
        ParameterError: an argument is outside its documented set.
        DomainError: a domain is empty or not finite.

    Accuracy: values and derivatives to 1e-12 of their largest in float64, against numpy.
    Source: Mason, Handscomb (2003), Chebyshev Polynomials, section 2.4.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        k: int = 8,
        *,
        squash: bool = False,
        grid_range: Sequence[float] | Sequence[Sequence[float]] | Tensor = (-1.0, 1.0),
        base_fun: str = "silu",
        outside: str = "linear",
        init: str = "power",
        sp_trainable: bool = False,
        sb_trainable: bool = True,
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        check_degree(k)
        if init != "power":
            raise ParameterError(f"`init` must be 'power' with basis='chebyshev'; got {init!r}.")
        super().__init__(
            in_features, out_features, k + 1, k, base_fun=base_fun, outside=outside, init=init,
            sp_trainable=sp_trainable, sb_trainable=sb_trainable, device=device, dtype=dtype,
        )  # fmt: skip
        self.squash = bool(squash)
        ends = input_ranges(grid_range, self.spline_weight).clone()
        if not ends.is_meta:
            check_domain(ends, "grid_range")
        self.register_buffer("domain", ends)
        initialize_polynomials(self, generator)

    def expand(self, x: Tensor, coef: Tensor, order: int = 0, weight: Tensor | None = None) -> Tensor:
        """See `AbstractEdgeLayer.expand`."""
        z, chain = self._chain(x, order)
        basis, parts = chebyshev_basis(z, self.k), []
        for n, factor in chain[order].items():
            if weight is not None:
                factor = weight if factor is None else weight * factor
            rows = basis if factor is None else basis * factor.mT  # (S, I, B)
            own = self._derived(coef, n) * self._rate[:, None, None] ** order
            parts.append(rows.flatten(0, 1).mT @ own.transpose(0, 1).flatten(0, 1))
        return sum(parts[1:], start=parts[0])

    def expand_edges(self, x: Tensor, coef: Tensor) -> Tensor:
        """See `AbstractEdgeLayer.expand_edges`."""
        return self._jets(x, coef, 0)[0].permute(2, 0, 1)

    def _edges(self) -> ChebyshevEdges:
        base = None if self.base_fun == "zero" else partial(base_derivative, self.base_fun)
        powers, silu = partial(derivative_powers, self.k), self.base_fun == "silu"
        return ChebyshevEdges(
            self.domain, powers, self.squash, self.outside == "linear", base, silu, self._edges_by_torch
        )

    def _edges_by_torch(self, x: Tensor, coef: Tensor, base_weight: Tensor, order: int) -> Tensor:
        jets = self._jets(x, coef, order)
        if self.base_fun != "zero":
            base = [base_derivative(self.base_fun, x, n).mT[:, None] * base_weight[..., None] for n in range(order + 1)]
            jets = [edges + more for edges, more in zip(jets, base, strict=True)]
        return torch.stack(jets)

    def _jets(self, x: Tensor, coef: Tensor, order: int) -> list[Tensor]:
        """`(I, O, B)` expansions of every edge, and their derivatives up to the order."""
        z, chain = self._chain(x, order)
        basis = chebyshev_basis(z, self.k).transpose(0, 1)  # (I, S, B)
        inner = {n: self._derived(coef, n).mT @ basis for n in {n for terms in chain for n in terms}}
        jets = []
        for m, terms in enumerate(chain):
            parts = [inner[n] if factor is None else inner[n] * factor.mT[:, None] for n, factor in terms.items()]
            jets.append(sum(parts[1:], start=parts[0]) * self._rate[:, None, None] ** m)
        return jets

    def _chain(self, x: Tensor, order: int) -> tuple[Tensor, list[Terms]]:
        """`z` of `(B, I)` inputs, and of which derivatives by z each derivative by t up to an order is the sum."""
        lo, hi = self.domain.unbind(1)
        t = ((x - lo) - (hi - x)) / (hi - lo)  # exactly -1 and 1 at the ends, and never beyond between them
        if self.squash:
            z = torch.tanh(t)
            return z, [{0: None}, *_bell([of_value(z, (1.0, 0.0, -1.0), n) for n in range(1, order + 1)])]
        if self.outside == "extend" or not _leaves(t):
            return t, [{n: None} for n in range(order + 1)]
        z = t.clamp(-1, 1)
        inside = (z == t).to(t.dtype)
        terms: list[Terms] = [{0: None, 1: t - z}, {1: None}, *({n: inside} for n in range(2, order + 1))]
        return z, terms[: order + 1]

    def _derived(self, coef: Tensor, n: int) -> Tensor:
        """`(I, S, O)` coefficients of the n-th derivatives by z."""
        slopes = derivative_matrix(self.k, coef)
        for _ in range(n):
            coef = slopes @ coef
        return coef

    @property
    def _rate(self) -> Tensor:
        """`(I,)` how fast t moves with x."""
        return 2 / (self.domain[:, 1] - self.domain[:, 0])

    @torch.no_grad()
    def add_constant(self, i: int, j: int, constant: float) -> None:
        """Add a constant to an edge: T_0 is one."""
        factor = float(self.scale_sp[i, j])
        self.spline_weight[i, 0, j] += constant / factor if factor else 0.0

    def _like(self, inputs: list[int], outputs: int) -> ChebyshevLayer:
        weight = self.spline_weight
        return ChebyshevLayer(
            len(inputs), outputs, self.k, squash=self.squash, grid_range=self.domain[inputs], base_fun=self.base_fun,
            outside=self.outside, init=self.init, sp_trainable=self.spline_scale is not None,
            generator=torch.Generator(), device=weight.device, dtype=weight.dtype,
        )  # fmt: skip

    def extra_repr(self) -> str:
        """The numbers in `repr(layer)`."""
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, k={self.k}, squash={self.squash}, "
            f"base_fun={self.base_fun!r}, outside={self.outside!r}"
        )

    def _load_from_state_dict(self, state_dict, prefix, *args) -> None:
        """Refuse a domain that gives NaN."""
        domain = state_dict.get(prefix + "domain")
        if domain is not None and domain.shape == self.domain.shape and not domain.is_meta:
            check_domain(domain, prefix + "domain")
        super()._load_from_state_dict(state_dict, prefix, *args)

    def __getattr__(self, name: str):
        """Say why a spline's attribute is not there."""
        if name in _OF_SPLINES:
            raise AttributeError(
                f"a ChebyshevLayer has no {name!r}: its functions are polynomials on the whole domain, not splines on "
                f"a grid. Their detail is the degree `k`; use basis='spline' for a grid."
            )
        return super().__getattr__(name)


_OF_SPLINES = ("knots", "grid", "grid_eps", "resize_grid")


def check_degree(k: int) -> None:
    """Raise `ParameterError` unless `k` is an int from 0 to 12."""
    if not isinstance(k, int) or isinstance(k, bool) or not 0 <= k <= HIGHEST_DEGREE:
        raise ParameterError(
            f"`k` (degree of the polynomials) must be an int from 0 to {HIGHEST_DEGREE} with basis='chebyshev'; got "
            f"{k!r}. Higher degrees lose too many digits in second derivatives; use basis='spline' with a finer `grid`."
        )


def check_domain(domain: Tensor, name: str) -> None:
    """Raise `DomainError` unless `(I, 2)` intervals are finite and not empty."""
    bad = ~(domain.isfinite().all(1) & (domain[:, 0] < domain[:, 1]))
    if bool(bad.any()):
        i = int(bad.nonzero()[0])
        raise DomainError(
            f"`{name}` must be finite with lo < hi for every input; got {domain[i].tolist()} for input {i}."
        )


def _leaves(t: Tensor) -> bool:
    """Whether something may lie outside of [-1, 1]: where values may not be looked at, it may."""
    return not is_plain_eager() or bool((t.abs() > 1).any())


def _bell(rates: Sequence[Tensor]) -> list[Terms]:
    """Faa di Bruno: which derivatives p^(n), with which factors, add up to the derivatives of p(z(t)), from the first.

    By the recurrence of the partial Bell polynomials.

    Args:
        rates: derivatives of z by t, from the first.
    """  # noqa: DOC201 said in the first line
    rows: list[dict[int, Tensor]] = []
    for m, rate in enumerate(rates, 1):
        row = {1: rate}
        for n in range(2, m + 1):
            parts = [comb(m - 1, i - 1) * rates[i - 1] * rows[m - i - 1][n - 1] for i in range(1, m - n + 2)]
            row[n] = sum(parts[1:], start=parts[0])
        rows.append(row)
    return [{**row} for row in rows]


def chebyshev_basis(z: Tensor, degree: int) -> Tensor:
    """Chebyshev polynomials, differentiable to every order.

    Args:
        z: `(B, I)`, in [-1, 1] for the accuracy that is meant.
        degree: the highest, k.

    Returns:
        `(k+1, I, B)` values T_0 to T_k.
    """
    if torch.compiler.is_compiling():  # it differentiates the recurrence by itself
        return _polynomials(z.mT, degree)
    matrix = derivative_matrix(degree, z)
    return _Basis.apply(z.mT, matrix)  # pyright: ignore[reportReturnType]


def _polynomials(z: Tensor, degree: int) -> Tensor:
    """By the recurrence in the degree, along a new first axis."""
    values = [torch.ones_like(z), z]
    for _ in range(2, degree + 1):
        values.append(2 * z * values[-1] - values[-2])
    return torch.stack(values[: degree + 1])


class _Basis(torch.autograd.Function):
    """`T_n(z)`, whose derivative is a combination of the lower ones: `T' = D^T T`."""

    generate_vmap_rule = True

    @staticmethod
    def forward(z: Tensor, matrix: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return _polynomials(z, len(matrix) - 1)

    @staticmethod
    def setup_context(ctx, inputs, output) -> None:
        ctx.save_for_backward(output, inputs[1])
        ctx.save_for_forward(output, inputs[1])

    @staticmethod
    def backward(ctx, g: Tensor):  # pyright: ignore[reportIncompatibleMethodOverride]
        values, matrix = ctx.saved_tensors
        return (torch.tensordot(matrix, g, 1) * values).sum(0), None

    @staticmethod
    def jvp(ctx, change: Tensor, _):  # pyright: ignore[reportIncompatibleMethodOverride]
        values, matrix = ctx.saved_tensors
        return torch.tensordot(matrix.mT, values, 1) * change


def derivative_matrix(degree: int, like: Tensor) -> Tensor:
    """What turns coefficients of an expansion into those of its derivative.

    Args:
        degree: of the expansion, k.
        like: of the dtype and on the device that the matrix gets.

    Returns:
        `(k+1, k+1)` matrix D of `T_n' = sum_m D[m,n] T_m`; its numbers are integers.
    """
    return _SLOPES[: degree + 1, : degree + 1].to(like)


@cache
def derivative_powers(degree: int, dtype: torch.dtype) -> Tensor:
    """`(5, k+1, k+1)` powers 0 to 4 of `derivative_matrix`, on the CPU."""
    matrix = _SLOPES[: degree + 1, : degree + 1]
    return torch.stack([torch.linalg.matrix_power(matrix, n) for n in range(5)]).to(dtype)


def _slopes(size: int) -> Tensor:
    """By `T_n' = 2 n (T_{n-1} + T_{n-3} + ...)`, with half of T_0."""
    n = torch.arange(size, dtype=torch.float64, device="cpu")
    below = (n[:, None] < n) & ((n - n[:, None]) % 2 == 1)
    slopes = torch.where(below, 2 * n, 0.0)
    slopes[0] /= 2
    return slopes


_SLOPES = _slopes(HIGHEST_DEGREE + 1)

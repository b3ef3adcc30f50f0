"""What every layer of edges is, whatever its basis: each input reaches each output through its own function.

y_o = sum_i phi_io(x_i),    phi(x) = mask * (scale_base * base(x) + scale_sp * sum_s c_s B_s(x))

A basis B adds two things: how its sums are evaluated, and where. Once an edge is symbolic,
phi(x) = mask * (c f(a x + b) + d); its expansion waits for the edge to be freed again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from edgewise import kernels
from edgewise.errors import ParameterError, ShapeError
from edgewise.layers.base_functions import base_function
from edgewise.layers.derivatives import base_derivative
from edgewise.layers.functions import Function
from edgewise.layers.input_check import check_input
from edgewise.layers.symbolic import SymbolicEdges

if TYPE_CHECKING:
    from typing_extensions import Self

OUTSIDE = ("extend", "linear")


def input_ranges(ranges: Any, like: Tensor) -> Tensor:
    """The argument `grid_range` as `(I, 2)` ends.

    Args:
        ranges: `(lo, hi)` for every input, or one pair per input.
        like: `(I, ...)` whose dtype and device the ends get.

    Returns:
        The ends, not yet compared with each other.

    Raises:
        ParameterError: not finite, or not such a shape.
    """
    ends = torch.as_tensor(ranges, dtype=like.dtype, device="cpu")  # where its values can be looked at
    if ends.shape not in ((2,), (len(like), 2)) or not bool(ends.isfinite().all()):
        raise ParameterError(
            f"`grid_range` must be a finite (lo, hi), or one pair for each of {len(like)} inputs; got {ranges!r}."
        )
    return ends.to(like.device).expand(len(like), 2)


class AbstractEdgeLayer(nn.Module, ABC):
    """Edges from `in_features` inputs to `out_features` sums, in some basis.

    Args:
        in_features: number of inputs I.
        out_features: number of outputs O.
        functions: number of basis functions S of an edge.
        k: polynomial degree.
        base_fun: residual function, a key of `BASE_FUNCTIONS`.
        outside: what the basis does beyond its domain, one of `OUTSIDE`.
        init: how the weights start, see `edgewise.layers.initialization`.
        sp_trainable: train a factor `scale_sp` per edge.
        sb_trainable: train `scale_base`.
        device: where the parameters live.
        dtype: floating dtype of the parameters; torch's default when absent.

    Attributes:
        spline_weight: `(I, S, O)` coefficients of the basis functions.
        base_weight: `(I, O)` factors of the residual function.
        spline_scale: `(I, O)` trainable factors, or None.
        edge_mask: `(I, O)` zeros at removed edges, or None while no edge is removed.
        domain: `(I, 2)` interval of each input on which its basis is meant to be used.
        symbolic: the edges with elementary functions, or None.

    Raises:
        ParameterError: an argument is outside its documented set.
    """

    edge_mask: Tensor | None
    domain: Tensor

    def __init__(
        self,
        in_features: int,
        out_features: int,
        functions: int,
        k: int,
        *,
        base_fun: str,
        outside: str,
        init: str,
        sp_trainable: bool,
        sb_trainable: bool,
        device: torch.device | str | None,
        dtype: torch.dtype | None,
    ) -> None:
        super().__init__()
        for name, size in (("in_features", in_features), ("out_features", out_features)):
            if not isinstance(size, int) or isinstance(size, bool) or size < 1:
                raise ParameterError(f"`{name}` must be an int >= 1; got {size!r}.")
        if outside not in OUTSIDE:
            raise ParameterError(f"`outside` must be one of {OUTSIDE}; got {outside!r}.")
        base_function(base_fun)  # raises early
        dtype = dtype or torch.get_default_dtype()
        if not dtype.is_floating_point:
            raise ParameterError(f"`dtype` must be a floating dtype such as torch.float64; got {dtype}.")
        self.in_features, self.out_features, self.k = in_features, out_features, k
        self.base_fun, self.outside, self.init = base_fun, outside, init
        kind: dict[str, Any] = {"device": device, "dtype": dtype}
        self.spline_weight = nn.Parameter(torch.empty(in_features, functions, out_features, **kind))
        self.base_weight = nn.Parameter(
            torch.empty(in_features, out_features, **kind), requires_grad=sb_trainable and base_fun != "zero"
        )
        scale = torch.ones(in_features, out_features, **kind) if sp_trainable else None
        self.spline_scale = nn.Parameter(scale) if scale is not None else None
        self.register_buffer("edge_mask", None)
        self.symbolic: SymbolicEdges | None = None

    # ------------------------------------------------------------------------------ what a basis adds

    @abstractmethod
    def expand(self, x: Tensor, coef: Tensor, order: int = 0, weight: Tensor | None = None) -> Tensor:
        """Expansions, or one of their derivatives, added up in every output: without residual functions.

        Args:
            x: `(B, I)` inputs.
            coef: `(I, S, O)` coefficients.
            order: which derivative with respect to the input; 0 is the function.
            weight: `(B, I)` factor of every input's part, or None for ones.

        Returns:
            `(B, O)`, differentiable in `x`, `coef` and `weight`.
        """

    @abstractmethod
    def expand_edges(self, x: Tensor, coef: Tensor) -> Tensor:
        """`(B, I, O)` expansions of every edge alone at `(B, I)` inputs."""

    @abstractmethod
    def _edges(self) -> kernels.Edges:
        """What the edges that are not symbolic are beside their weights."""

    @abstractmethod
    def _like(self, inputs: list[int], outputs: int) -> Self:
        """A layer with the options and domains of some of the inputs, and weights of any value."""

    @abstractmethod
    def add_constant(self, i: int, j: int, constant: float) -> None:
        """Add a constant to the expansion of an edge, in place."""

    # ------------------------------------------------------------------ the field's names for the parts

    @property
    def coef(self) -> Tensor:
        """`(I, O, S)` spline coefficients: a view, writable in place under `torch.no_grad()`."""
        return self.spline_weight.transpose(1, 2)

    @property
    def scale_base(self) -> Tensor:
        """`(I, O)` factor of the residual function on each edge."""
        return self.base_weight

    @property
    def scale_sp(self) -> Tensor:
        """`(I, O)` factor of the spline on each edge; ones when not trainable."""
        return torch.ones_like(self.base_weight) if self.spline_scale is None else self.spline_scale

    @property
    def mask(self) -> Tensor:
        """`(I, O)` one where the edge is present, zero where it was removed."""
        return torch.ones_like(self.base_weight) if self.edge_mask is None else self.edge_mask

    @torch.no_grad()
    def set_mask(self, mask: Tensor) -> None:
        """Remove (0) or restore (1) edges.

        Args:
            mask: `(I, O)` of zeros and ones.

        Raises:
            ShapeError: `mask` has another shape.
            ParameterError: `mask` holds anything but zeros and ones.
        """
        if mask.shape != self.base_weight.shape:
            raise ShapeError(f"{self}: `mask` must be {tuple(self.base_weight.shape)}; got {tuple(mask.shape)}.")
        if not bool(((mask == 0) | (mask == 1)).all()):
            raise ParameterError(f"{self}: `mask` must hold zeros and ones only; use `coef` to scale an edge.")
        mask = mask.to(self.base_weight, copy=True)
        self.edge_mask = None if bool((mask == 1).all()) else mask

    @property
    def spline_mask(self) -> Tensor | None:
        """`(I, O)` one where a spline is evaluated: the edge is present and not symbolic. None for all ones."""
        if self.symbolic is None:
            return self.edge_mask
        splines = 1.0 - self.symbolic.marks(self.base_weight)
        return splines if self.edge_mask is None else splines * self.edge_mask

    @property
    def has_splines(self) -> bool:
        """Whether any edge is not symbolic, removed or not."""
        return self.symbolic is None or len(self.symbolic.edges) < self.base_weight.numel()

    def fix_edge(self, i: int, j: int, function: Function, numbers: Sequence[float] | Tensor | None = None) -> None:
        """Give an edge an elementary function.

        Args:
            i: input.
            j: output.
            function: the function.
            numbers: a, b, c, d, p of `c f(a x + b) + d`; those of `f(x)` when absent.
        """
        self.fix_edges([(i, j, function, numbers)])

    @torch.no_grad()
    def fix_edges(self, edges: Sequence[tuple[int, int, Function, Sequence[float] | Tensor | None]]) -> None:
        """`fix_edge` of several edges.

        Args:
            edges: the arguments of `fix_edge` for each.
        """
        kept, weight = self._symbolic_edges(), self.base_weight
        for i, j, function, numbers in edges:
            own = None if numbers is None else torch.as_tensor(numbers, dtype=weight.dtype, device=weight.device)
            kept[i, j] = function, own
        self._set_symbolic(kept)

    def free_edge(self, i: int, j: int) -> None:
        """Give an edge its spline back."""
        kept = self._symbolic_edges()
        kept.pop((i, j), None)
        self._set_symbolic(kept)

    def _symbolic_edges(self) -> dict[tuple[int, int], tuple[Function, Tensor | None]]:
        if self.symbolic is None:
            return {}
        numbers = self.symbolic.affine.detach()
        every = zip(self.symbolic.edges, self.symbolic.functions, numbers, strict=True)
        return {edge: (function, own) for edge, function, own in every}

    @torch.no_grad()
    def _set_symbolic(self, edges: dict[tuple[int, int], tuple[Function, Tensor | None]]) -> None:
        if not edges:
            self.symbolic = None
            return
        weight = self.base_weight
        before = [self.spline_weight, self.base_weight] if self.symbolic is None else [self.symbolic.affine]
        trained = any(tensor.requires_grad for tensor in before)
        functions = [function for function, _ in edges.values()]
        symbolic = SymbolicEdges(list(edges), functions, self.out_features, device=weight.device, dtype=weight.dtype)
        for line, (_, numbers) in zip(symbolic.affine, edges.values(), strict=True):
            if numbers is not None:
                line[: len(numbers)] = numbers
        symbolic.affine.requires_grad_(trained)
        self.symbolic = symbolic

    # ------------------------------------------------------------------------------------- evaluation

    def forward(self, x: Tensor) -> Tensor:
        """Sum the edge functions into every output.

        Args:
            x: `(..., I)` in the layer's dtype and on its device.

        Returns:
            `(..., O)` sums over `I` of the edge functions.

        Raises:
            ShapeError: the last axis, dtype or device of `x` does not fit.
        """
        return self._sums(x, 0, None)

    def derivative(self, x: Tensor, order: int = 1, weight: Tensor | None = None) -> Tensor:
        """Weighted derivatives of the edge functions with respect to their inputs, summed into every output.

        Args:
            x: `(..., I)` inputs.
            order: which derivative m; 0 is the function itself.
            weight: `(..., I)` factors h, or None for ones: in a chain rule, the rates at which inputs move.

        Returns:
            `(..., O)` sums over i of `h_i D^m phi_io(x_i)` of whole edges, with mask, residual function and elementary
            functions. Differentiable with respect to `x`, `weight` and the parameters.

        Raises:
            ShapeError: an input that does not fit.
            ParameterError: `order` is no int >= 0.
        """
        if not isinstance(order, int) or isinstance(order, bool) or order < 0:
            raise ParameterError(f"`order` (of the derivative) must be an int >= 0; got {order!r}.")
        if weight is not None and (weight.shape, weight.dtype) != (x.shape, x.dtype):
            raise ShapeError(
                f"{self}: `weight` must be like `x`, {x.dtype} {tuple(x.shape)}; got {weight.dtype} "
                f"{tuple(weight.shape)}."
            )
        return self._sums(x, order, weight)

    def jets(self, x: Tensor, jet: Tensor, channels: kernels.Channels, order: int) -> tuple[Tensor, Tensor] | None:
        """Carry a jet, values and derivatives along the network's inputs, through a layer of modest size.

        Args:
            x: `(B, I)` inputs: the values of `jet`, which have no gradient of their own.
            jet: `(I, R, B)`.
            channels: what R is.
            order: the highest derivative among them.

        Returns:
            `(O, R, B)`, and its values once more as `(O, B)`, differentiable as `derivative` is; None where some edges
            are symbolic.

        Raises:
            ShapeError: `x` or `jet` does not fit.
        """
        self.check_input(x)
        if x.dim() != 2 or jet.dim() != 3 or (jet.shape[0], jet.shape[2]) != x.shape[::-1] or jet.dtype != x.dtype:
            raise ShapeError(
                f"{self}: `x` must be (B, I) and `jet` {x.dtype} (I, R, B) of the same rows; got {tuple(x.shape)} and "
                f"{jet.dtype} {tuple(jet.shape)}."
            )
        if self.symbolic is not None:
            return None
        return kernels.layer_jets(self._edges(), x, jet, *self.effective_weights(), channels, order)

    def _sums(self, x: Tensor, order: int, weight: Tensor | None) -> Tensor:
        self.check_input(x)
        rows = x if x.dim() == 2 else x.reshape(-1, self.in_features)
        weight = weight if weight is None or x.dim() == 2 else weight.reshape(-1, self.in_features)
        own = self.symbolic
        if own is None:
            y = self._expanded(rows, order, weight)
        else:
            numbers = own.masked(self.edge_mask)
            plain = order == 0 and weight is None
            y = own.sums(rows, numbers) if plain else own.moving(rows, numbers, order, weight)
            if self.has_splines:
                y = self._expanded(rows, order, weight) + y
        return y if x.dim() == 2 else y.reshape(*x.shape[:-1], self.out_features)

    def _expanded(self, rows: Tensor, order: int, weight: Tensor | None) -> Tensor:
        """The edges that are not symbolic: expansion and residual function."""
        coef, base_weight = self.effective_weights()
        y = self.expand(rows, coef, order, weight)
        if self.base_fun == "zero":
            return y
        base = base_derivative(self.base_fun, rows, order)
        return y + (base if weight is None else weight * base) @ base_weight

    def effective_weights(self) -> tuple[Tensor, Tensor]:
        """Coefficients `(I, S, O)` and residual factors `(I, O)` of the splines, scale and mask multiplied in."""
        coef, base_weight = self.spline_weight, self.base_weight
        factor, mask = self.spline_scale, self.spline_mask
        if mask is not None:
            base_weight = base_weight * mask
            factor = mask if factor is None else factor * mask
        return (coef if factor is None else coef * factor[:, None, :]), base_weight

    def edge_values(self, x: Tensor) -> Tensor:
        """Every edge's function at every row: `(B, I)` to `(B, I, O)`, for analysis of modest sizes.

        Args:
            x: `(B, I)` inputs.

        Returns:
            `(B, I, O)` values `phi_io(x_bi)`; their sum over `I` is `forward(x)`.
        """
        self.check_input(x)
        coef, base_weight = self.effective_weights()
        values = self.expand_edges(x, coef)
        base = base_function(self.base_fun)
        if base is not None:
            values = values + base(x)[..., None] * base_weight
        if self.symbolic is None:
            return values
        own = self.symbolic
        values = values.clone()
        values[:, own.sources, own.targets] += own.values(x, own.masked(self.edge_mask))
        return values

    @torch.no_grad()
    def part(self, inputs: Sequence[int], outputs: Sequence[int]) -> Self:
        """The edges between some inputs and some outputs, as a layer that shares nothing with this one.

        Args:
            inputs: numbers of inputs, each once.
            outputs: numbers of outputs, each once.

        Returns:
            A layer with the same options, masks, symbolic edges and frozen parameters.
        """
        here = list(inputs)
        new = self._like(here, len(outputs))
        new.spline_weight.copy_(self.spline_weight[here][:, :, list(outputs)])
        new.base_weight.copy_(self.base_weight[here][:, list(outputs)])
        if self.spline_scale is not None and new.spline_scale is not None:
            new.spline_scale.copy_(self.spline_scale[here][:, list(outputs)])
        new.set_mask(self.mask[here][:, list(outputs)])
        source, target = ({old: n for n, old in enumerate(numbers)} for numbers in (inputs, outputs))
        new.fix_edges([
            (source[i], target[j], *kept)
            for (i, j), kept in self._symbolic_edges().items()
            if i in source and j in target
        ])
        trained = {name: parameter.requires_grad for name, parameter in self.named_parameters()}
        for name, parameter in new.named_parameters():
            parameter.requires_grad_(trained[name])
        return new.train(self.training)

    def check_input(self, x: Tensor) -> None:
        """Refuse an input whose last axis, dtype or device does not fit.

        Args:
            x: `(..., I)`.

        Raises:
            ShapeError: it does not fit.
        """
        check_input(x, self.in_features, self.spline_weight, self, "layer")

    def _load_from_state_dict(self, state_dict, prefix, *args) -> None:
        """Accept a state with or without removed edges."""
        mask = state_dict.get(prefix + "edge_mask")
        self.edge_mask = None if mask is None else torch.ones_like(self.base_weight)
        super()._load_from_state_dict(state_dict, prefix, *args)

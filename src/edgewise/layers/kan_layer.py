"""A layer of spline edges: every input reaches every output through its own learnable function.

y_o = sum_i phi_io(x_i),    phi(x) = mask * (scale_base * base(x) + scale_sp * spline(x))

Once an edge is symbolic, phi(x) = mask * (c f(a x + b) + d); its spline waits for the edge to be freed again.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from edgewise import kernels
from edgewise.errors import ParameterError, ShapeError
from edgewise.layers.base_functions import base_function
from edgewise.layers.derivatives import edge_derivatives, edge_sums
from edgewise.layers.functions import Function
from edgewise.layers.initialization import initialize
from edgewise.layers.symbolic import SymbolicEdges
from edgewise.splines import check_grid, check_knots, uniform_knots

OUTSIDE = ("extend", "linear")


class KANLayer(nn.Module):
    """Exact B-spline edges from `in_features` inputs to `out_features` sums.

    Args:
        in_features: number of inputs I.
        out_features: number of outputs O.
        grid: number of intervals G of every spline.
        k: polynomial degree.
        grid_range: `(lo, hi)` domain of every input, or one pair per input.
        grid_eps: how `update_grid` spaces knots: 1 uniform, 0 quantiles, between a blend.
        base_fun: residual function: `"silu"`, `"identity"`, `"tanh"`, `"gelu"`, `"relu"` or `"zero"`.
        outside: beyond the domain a spline continues its value and slope (`"linear"`) or its basis runs
            on over `k` more cells and vanishes (`"extend"`, pykan's behaviour).
        init: `"power"` or `"paper"`, see `edgewise.layers.initialization`.
        sp_trainable: train a factor `scale_sp` per edge. Frozen (the default) it is identically one: the
            factor adds nothing that `coef` cannot express.
        sb_trainable: train `scale_base`.
        generator: source of the random initialization; torch's default generator when absent.
        device: where the parameters live.
        dtype: floating dtype of the parameters; torch's default when absent.

    Attributes:
        spline_weight: `(I, S, O)` coefficients, S = G + k: the storage the kernels read.
        base_weight: `(I, O)` factors of the residual function.
        spline_scale: `(I, O)` trainable factors, or None.
        edge_mask: `(I, O)` zeros at removed edges, or None while no edge is removed.
        knots: `(I, S+k+1)` strictly increasing knots.
        symbolic: the edges with elementary functions, or None.

    Raises:
        ParameterError: an argument is outside its documented set.
    """

    knots: Tensor
    edge_mask: Tensor | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        grid: int = 5,
        k: int = 3,
        *,
        grid_range: Sequence[float] | Sequence[Sequence[float]] | Tensor = (-1.0, 1.0),
        grid_eps: float = 1.0,
        base_fun: str = "silu",
        outside: str = "linear",
        init: str = "power",
        sp_trainable: bool = False,
        sb_trainable: bool = True,
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        check_grid(grid, k)
        for name, size in (("in_features", in_features), ("out_features", out_features)):
            if not isinstance(size, int) or isinstance(size, bool) or size < 1:
                raise ParameterError(f"`{name}` must be an int >= 1; got {size!r}.")
        if outside not in OUTSIDE:
            raise ParameterError(f"`outside` must be one of {OUTSIDE}; got {outside!r}.")
        if not 0.0 <= grid_eps <= 1.0:
            raise ParameterError(f"`grid_eps` must lie in [0, 1] (0 quantiles, 1 uniform); got {grid_eps!r}.")
        base_function(base_fun)  # raises early
        self.in_features, self.out_features, self.k = in_features, out_features, k
        self.grid_eps, self.base_fun, self.outside, self.init = grid_eps, base_fun, outside, init
        dtype = dtype or torch.get_default_dtype()
        if not dtype.is_floating_point:
            raise ParameterError(f"`dtype` must be a floating dtype such as torch.float64; got {dtype}.")
        kind = {"device": device, "dtype": dtype}
        ends = torch.as_tensor(grid_range, dtype=dtype, device="cpu")  # where its values can be looked at
        if ends.shape not in ((2,), (in_features, 2)) or not bool(ends.isfinite().all()):
            raise ParameterError(
                f"`grid_range` must be a finite (lo, hi), or one pair for each of {in_features} inputs; "
                f"got {grid_range!r}."
            )
        self.spline_weight = nn.Parameter(torch.empty(in_features, grid + k, out_features, **kind))
        ends = ends.to(self.spline_weight.device).expand(in_features, 2)
        self.register_buffer("knots", uniform_knots(ends[:, 0], ends[:, 1], grid, k))
        self.base_weight = nn.Parameter(
            torch.empty(in_features, out_features, **kind), requires_grad=sb_trainable and base_fun != "zero"
        )
        scale = torch.ones(in_features, out_features, **kind) if sp_trainable else None
        self.spline_scale = nn.Parameter(scale) if scale is not None else None
        self.register_buffer("edge_mask", None)
        self.symbolic: SymbolicEdges | None = None
        initialize(self, init, generator)

    # ------------------------------------------------------------------ the field's names for the parts

    @property
    def grid(self) -> int:
        """Number of intervals G."""
        return self.knots.shape[-1] - 2 * self.k - 1

    @property
    def domain(self) -> Tensor:
        """`(I, 2)` interval on which each input's splines are fully supported."""
        return torch.stack([self.knots[:, self.k], self.knots[:, -self.k - 1]], dim=-1)

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
        self.check_input(x)
        rows = x if x.dim() == 2 else x.reshape(-1, self.in_features)
        if self.symbolic is None:
            y = self._splines(rows)
        else:
            y = self.symbolic(rows, self.edge_mask)
            if self.has_splines:
                y = self._splines(rows) + y
        return y if x.dim() == 2 else y.reshape(*x.shape[:-1], self.out_features)

    def _splines(self, rows: Tensor) -> Tensor:
        coef, base_weight = self.effective_weights()
        linear = self.outside == "linear"
        if self.base_fun == "silu":  # the default is fused into the kernel
            y = kernels.edges(rows, coef, base_weight, self.knots, self.k, linear)
        else:
            y = kernels.evaluate(rows, coef, self.knots, None, self.k, 0, linear)
            base = base_function(self.base_fun)
            if base is not None:
                y = y + base(rows) @ base_weight
        return y

    def effective_weights(self) -> tuple[Tensor, Tensor]:
        """Coefficients `(I, S, O)` and residual factors `(I, O)` of the splines, scale and mask multiplied in."""
        coef, base_weight = self.spline_weight, self.base_weight
        factor, mask = self.spline_scale, self.spline_mask
        if mask is not None:
            base_weight = base_weight * mask
            factor = mask if factor is None else factor * mask
        return (coef if factor is None else coef * factor[:, None, :]), base_weight

    def derivative(self, x: Tensor, order: int = 1, weight: Tensor | None = None) -> Tensor:
        """Weighted derivatives of the edge functions, summed into every output.

        Args:
            x: `(B, I)` inputs.
            order: which derivative m; 0 is the function itself.
            weight: `(B, I)` factors h, or None for ones.

        Returns:
            `(B, O)` sums over i of `h[b,i] D^m phi_io(x[b,i])`, differentiable with respect to `x`, `weight` and
            the parameters.

        Raises:
            ShapeError: an input that does not fit.
            ParameterError: `order` is no int >= 0.
        """
        self.check_input(x)
        if not isinstance(order, int) or isinstance(order, bool) or order < 0:
            raise ParameterError(f"`order` (of the derivative) must be an int >= 0; got {order!r}.")
        if x.dim() != 2 or (weight is not None and weight.shape != x.shape):
            shapes = tuple(x.shape), None if weight is None else tuple(weight.shape)
            raise ShapeError(f"{self}: `x` and `weight` must be (rows, {self.in_features}); got {shapes}.")
        return edge_sums(self, x, order, weight)

    def edge_derivatives(self, x: Tensor, order: int) -> Tensor | None:
        """Every edge function with its derivatives at every row, for layers of modest size.

        Args:
            x: `(B, I)` inputs.
            order: the highest derivative.

        Returns:
            `(order+1, I, O, B)` values and derivatives, differentiable as `derivative` is; None where some edges are
            symbolic.
        """
        return edge_derivatives(self, x, order)

    def edge_values(self, x: Tensor) -> Tensor:
        """Every edge's function at every row: `(B, I)` to `(B, I, O)`, for analysis of modest sizes.

        Args:
            x: `(B, I)` inputs.

        Returns:
            `(B, I, O)` values `phi_io(x_bi)`; their sum over `I` is `forward(x)`.
        """
        self.check_input(x)
        coef, base_weight = self.effective_weights()
        # Each input alone is a model with one input: the model axis is I.
        columns = x.mT[..., None]  # (I, B, 1)
        linear = self.outside == "linear"
        values = kernels.evaluate(columns, coef[:, None], self.knots[:, None], None, self.k, 0, linear)
        base = base_function(self.base_fun)
        if base is not None:
            values = values + base(columns) * base_weight[:, None]
        values = values.transpose(0, 1)
        if self.symbolic is None:
            return values
        own = self.symbolic
        values = values.clone()
        values[:, own.sources, own.targets] += own.values(x, own.masked(self.edge_mask))
        return values

    @torch.no_grad()
    def part(self, inputs: Sequence[int], outputs: Sequence[int]) -> "KANLayer":
        """The edges between some inputs and some outputs, as a layer that shares nothing with this one.

        Args:
            inputs: numbers of inputs, each once.
            outputs: numbers of outputs, each once.

        Returns:
            A layer with the same options, masks, symbolic edges and frozen parameters.
        """
        weight, here = self.spline_weight, list(inputs)
        options = {"grid_eps": self.grid_eps, "base_fun": self.base_fun, "outside": self.outside, "init": self.init}
        new = KANLayer(
            len(inputs), len(outputs), self.grid, self.k, sp_trainable=self.spline_scale is not None,
            generator=torch.Generator(), device=weight.device, dtype=weight.dtype, **options,
        )  # fmt: skip
        new.knots.copy_(self.knots[here])
        new.spline_weight.copy_(weight[here][:, :, list(outputs)])
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
        weight = self.spline_weight
        if x.dim() < 1 or x.shape[-1] != self.in_features:
            raise ShapeError(
                f"{self}: the last axis of the input must have {self.in_features} features; got shape {tuple(x.shape)}."
            )
        if x.dtype != weight.dtype or x.device != weight.device:
            raise ShapeError(
                f"{self}: input is {x.dtype} on {x.device}, the layer is {weight.dtype} on {weight.device}. "
                f"Convert one of them, e.g. `x.to({weight.dtype})` or `layer.to(x.dtype)`."
            )

    def extra_repr(self) -> str:
        """The numbers in `repr(layer)`."""
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, grid={self.grid}, k={self.k}, "
            f"base_fun={self.base_fun!r}, outside={self.outside!r}"
        )

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *args) -> None:
        """Accept a state with or without removed edges, and with another grid size; refuse knots that give NaN."""
        knots = state_dict.get(prefix + "knots")
        if knots is not None and knots.dim() == 2 and not knots.is_meta:
            # Copying rounds to this layer's dtype, where knots may meet; `assign=True` takes them as they are.
            assign = local_metadata.get("assign_to_params_buffers", False)
            check_knots(knots if assign else knots.to(self.knots.dtype), prefix + "knots")
        mask = state_dict.get(prefix + "edge_mask")
        self.edge_mask = None if mask is None else torch.ones_like(self.base_weight)
        if knots is not None and knots.dim() == 2 and knots.shape != self.knots.shape:
            self.resize_grid(knots.shape[-1] - 2 * self.k - 1)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)

    @torch.no_grad()
    def resize_grid(self, grid: int) -> None:
        """Make room for another number of intervals; knots and coefficients are then unspecified."""
        check_grid(grid, self.k)
        self.knots = self.knots.new_zeros(self.in_features, grid + 2 * self.k + 1)
        shape = (self.in_features, grid + self.k, self.out_features)
        self.spline_weight = nn.Parameter(
            self.spline_weight.new_zeros(shape), requires_grad=self.spline_weight.requires_grad
        )

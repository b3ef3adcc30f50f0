"""A layer of spline edges: the B-spline basis, on knots of each input's own."""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from edgewise import kernels
from edgewise.errors import ParameterError
from edgewise.layers.derivatives import base_derivative
from edgewise.layers.edge_layer import AbstractEdgeLayer, input_ranges
from edgewise.layers.initialization import initialize
from edgewise.splines import check_grid, check_knots, uniform_knots


class KANLayer(AbstractEdgeLayer):
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
        check_grid(grid, k)
        if not 0.0 <= grid_eps <= 1.0:
            raise ParameterError(f"`grid_eps` must lie in [0, 1] (0 quantiles, 1 uniform); got {grid_eps!r}.")
        super().__init__(
            in_features, out_features, grid + k, k, base_fun=base_fun, outside=outside, init=init,
            sp_trainable=sp_trainable, sb_trainable=sb_trainable, device=device, dtype=dtype,
        )  # fmt: skip
        self.grid_eps = grid_eps
        ends = input_ranges(grid_range, self.spline_weight)
        self.register_buffer("knots", uniform_knots(ends[:, 0], ends[:, 1], grid, k))
        initialize(self, init, generator)

    # ------------------------------------------------------------------------------------------- knots

    @property
    def grid(self) -> int:
        """Number of intervals G."""
        return self.knots.shape[-1] - 2 * self.k - 1

    @property
    def domain(self) -> Tensor:
        """`(I, 2)` interval on which each input's splines are fully supported."""
        return torch.stack([self.knots[:, self.k], self.knots[:, -self.k - 1]], dim=-1)

    # ------------------------------------------------------------------------------------- evaluation

    def expand(self, x: Tensor, coef: Tensor, order: int = 0, weight: Tensor | None = None) -> Tensor:
        """See `AbstractEdgeLayer.expand`."""
        return kernels.evaluate(x, coef, self.knots, weight, self.k, order, self.outside == "linear")

    def expand_edges(self, x: Tensor, coef: Tensor) -> Tensor:
        """See `AbstractEdgeLayer.expand_edges`."""
        # Each input alone is a model with one input: the model axis is I.
        columns, knots = x.mT[..., None], self.knots[:, None]  # (I, B, 1)
        return kernels.evaluate(columns, coef[:, None], knots, None, self.k, 0, self.outside == "linear").transpose(
            0, 1
        )

    def _expanded(self, rows: Tensor, order: int, weight: Tensor | None) -> Tensor:
        if self.base_fun != "silu" or order or weight is not None:
            return super()._expanded(rows, order, weight)
        coef, base_weight = self.effective_weights()  # the default is fused into the kernel
        return kernels.edges(rows, coef, base_weight, self.knots, self.k, self.outside == "linear")

    def _edges(self) -> kernels.SplineEdges:
        base = None if self.base_fun == "zero" else partial(base_derivative, self.base_fun)
        return kernels.SplineEdges(self.knots, self.k, self.outside == "linear", base, self.base_fun == "silu")

    @torch.no_grad()
    def add_constant(self, i: int, j: int, constant: float) -> None:
        """Add a constant to every coefficient of an edge, since the basis sums to one.

        With `outside="extend"` it sums to one on the grid only.
        """
        factor = float(self.scale_sp[i, j])
        self.spline_weight[i, :, j] += constant / factor if factor else 0.0

    def _like(self, inputs: list[int], outputs: int) -> "KANLayer":
        weight = self.spline_weight
        new = KANLayer(
            len(inputs), outputs, self.grid, self.k, grid_eps=self.grid_eps, base_fun=self.base_fun,
            outside=self.outside, init=self.init, sp_trainable=self.spline_scale is not None,
            generator=torch.Generator(), device=weight.device, dtype=weight.dtype,
        )  # fmt: skip
        new.knots.copy_(self.knots[inputs])
        return new

    def extra_repr(self) -> str:
        """The numbers in `repr(layer)`."""
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, grid={self.grid}, k={self.k}, "
            f"base_fun={self.base_fun!r}, outside={self.outside!r}"
        )

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *args) -> None:
        """Accept a state with another grid size; refuse knots that give NaN."""
        knots = state_dict.get(prefix + "knots")
        if knots is not None and knots.dim() == 2 and not knots.is_meta:
            # Copying rounds to this layer's dtype, where knots may meet; `assign=True` takes them as they are.
            assign = local_metadata.get("assign_to_params_buffers", False)
            check_knots(knots if assign else knots.to(self.knots.dtype), prefix + "knots")
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

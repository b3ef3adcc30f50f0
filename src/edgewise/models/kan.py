"""The network: layers of spline edges, nodes that add (and, where asked, multiply)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from edgewise.errors import ParameterError, ShapeError
from edgewise.layers import AbstractEdgeLayer, ChebyshevLayer, KANLayer, MultiplyNodes, evaluate_chain, function_named

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from sympy import Expr, Symbol

    from edgewise.explorer import Explorer
    from edgewise.interpret import Formula, PruneReport, Suggestions
    from edgewise.train import FitResult

Width = Sequence["int | Sequence[int]"]
BASES = ("spline", "chebyshev")


class KAN(nn.Module):
    """A Kolmogorov-Arnold network with exact B-spline edges, or edges of Chebyshev polynomials.

    Args:
        width: nodes per layer, inputs first: `[2, 5, 1]`. An entry `[n_sum, n_mult]` has `n_mult`
            multiplication nodes after its `n_sum` addition nodes.
        grid: number of intervals G of every spline, one for all layers or one per layer; 5 when absent.
        k: polynomial degree: of splines 3 when absent, of Chebyshev polynomials 8 when absent and 12 at most.
        basis: `"spline"`, or `"chebyshev"`: one polynomial per edge, smooth to every order, without a grid; hidden
            nodes enter it through tanh, see `ChebyshevLayer`.
        mult_arity: how many sums each multiplication node multiplies.
        grid_range: `(lo, hi)` domain of every spline before data is seen; with `basis="chebyshev"` the domain of the
            inputs, which stays: one pair for all, or one per input.
        grid_eps: how `update_grid` spaces knots: 1 uniform, 0 quantiles, between a blend.
        base_fun: residual function, see `KANLayer`.
        outside: what edges do beyond their domain, `"linear"` or `"extend"`, see the layers.
        init: `"power"` or `"paper"`, see `edgewise.layers.initialization`.
        sp_trainable: train a spline factor per edge, see `KANLayer`.
        sb_trainable: train the residual factor per edge.
        seed: seed of the initial weights; drawn from torch's default generator when absent.
        generator: source of the initial weights, instead of `seed`.
        input_names: names of the inputs for pictures and formulas; `x1, x2, ...` when absent.
        output_names: names of the outputs; `y1, y2, ...` when absent.
        symbolic: `[l, i, j, name]` of every edge with an elementary function, as `config` gives them.
        device: where the parameters live.
        dtype: floating dtype; torch's default when absent.

    Attributes:
        layers: one `KANLayer` or `ChebyshevLayer` per step, addressed `layers[l]`; edge `(l, i, j)` runs from node
            `i` of layer `l` to sum `j` of the next.
        products: one `MultiplyNodes` per step.

    Raises:
        ParameterError: an argument is outside its documented set.
    """

    prune_report: PruneReport
    sparsify_path: list[dict[str, Any]]
    layers: Sequence[AbstractEdgeLayer]  # torch's stubs forget what a ModuleList holds
    products: Sequence[MultiplyNodes]

    def __init__(
        self,
        width: Width,
        grid: int | Sequence[int] | None = None,
        k: int | None = None,
        *,
        basis: str = "spline",
        mult_arity: int = 2,
        grid_range: Sequence[float] | Sequence[Sequence[float]] = (-1.0, 1.0),
        grid_eps: float = 1.0,
        base_fun: str = "silu",
        outside: str = "linear",
        init: str = "power",
        sp_trainable: bool = False,
        sb_trainable: bool = True,
        seed: int | None = None,
        generator: torch.Generator | None = None,
        input_names: Sequence[str] | None = None,
        output_names: Sequence[str] | None = None,
        symbolic: Sequence[Sequence[Any]] = (),
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.nodes = _parse_width(width)
        if not isinstance(mult_arity, int) or mult_arity < 2:
            raise ParameterError(f"`mult_arity` must be an int >= 2; got {mult_arity!r}.")
        if basis not in BASES:
            raise ParameterError(f"`basis` must be one of {BASES}; got {basis!r}.")
        self.basis = basis
        if seed is not None:
            if generator is not None:
                raise ParameterError("give `seed` or `generator`, not both.")
            generator = torch.Generator().manual_seed(seed)
        self.mult_arity = mult_arity
        self.options: dict[str, Any] = {"base_fun": base_fun, "outside": outside, "init": init}
        self.options |= {"sp_trainable": sp_trainable, "sb_trainable": sb_trainable}
        kind: dict[str, Any] = {"generator": generator, "device": device, "dtype": dtype}
        products = [MultiplyNodes(s, m, mult_arity) for s, m in self.nodes[1:]]
        sizes = [(sum(into), out.in_features) for into, out in zip(self.nodes[:-1], products, strict=True)]
        if basis == "spline":
            layers = self._spline_layers(sizes, grid, 3 if k is None else k, grid_range, grid_eps, kind)
        else:
            layers = self._chebyshev_layers(sizes, grid, 8 if k is None else k, grid_range, grid_eps, kind)
        self.k = layers[0].k
        self.products = cast("Sequence[MultiplyNodes]", nn.ModuleList(products))
        self.layers = cast("Sequence[AbstractEdgeLayer]", nn.ModuleList(layers))
        self.input_names = _names(input_names, self.in_features, "x", "input_names")
        self.output_names = _names(output_names, self.out_features, "y", "output_names")
        for l, i, j, _ in symbolic:
            self.layer_of(l, i, j)  # raises early
        for number, layer in enumerate(self.layers):
            layer.fix_edges([(i, j, function_named(name), None) for l, i, j, name in symbolic if l == number])

    def _spline_layers(
        self, sizes: list[tuple[int, int]], grid: Any, k: int, grid_range: Any, grid_eps: float, kind: dict[str, Any]
    ) -> Sequence[AbstractEdgeLayer]:
        if len(grid_range) != 2 or not all(isinstance(end, Real) for end in grid_range):
            raise ParameterError(f"`grid_range` must be (lo, hi), the domain of every spline; got {grid_range!r}.")
        grids = list(grid) if isinstance(grid, Sequence) else [5 if grid is None else grid] * len(sizes)
        if len(grids) != len(sizes):
            raise ParameterError(f"`grid` must be an int or {len(sizes)} ints, one per layer; got {grid!r}.")
        self.options |= {"grid_range": [float(end) for end in grid_range], "grid_eps": float(grid_eps)}
        return [KANLayer(*size, g, k, **kind, **self.options) for size, g in zip(sizes, grids, strict=True)]

    def _chebyshev_layers(
        self, sizes: list[tuple[int, int]], grid: Any, k: int, grid_range: Any, grid_eps: float, kind: dict[str, Any]
    ) -> Sequence[AbstractEdgeLayer]:
        for name, value, free in (("grid", grid, None), ("grid_eps", grid_eps, 1.0)):
            if value != free:
                raise ParameterError(
                    f"`{name}` must be left out with basis='chebyshev', whose polynomials have no grid; got {value!r}. "
                    f"Choose their detail by the degree `k`."
                )
        first = ChebyshevLayer(*sizes[0], k, grid_range=grid_range, **kind, **self.options)
        others = [ChebyshevLayer(*size, k, squash=True, **kind, **self.options) for size in sizes[1:]]
        self.options["grid_range"] = torch.as_tensor(grid_range, dtype=torch.float64).tolist()
        return [first, *others]

    # ----------------------------------------------------------------------------------------- shape

    @property
    def width(self) -> list[int | list[int]]:
        """Nodes per layer as given: an int, or `[n_sum, n_mult]` where there are products."""
        return [[s, m] if m else s for s, m in self.nodes]

    @property
    def in_features(self) -> int:
        """Number of inputs."""
        return sum(self.nodes[0])

    @property
    def out_features(self) -> int:
        """Number of outputs."""
        return sum(self.nodes[-1])

    @property
    def grid(self) -> int | list[int] | None:
        """Intervals G per spline: one number, or one per layer where they differ; None for a basis without a grid."""
        if self.basis != "spline":
            return None
        grids = [layer.grid for layer in spline_layers(self, "`grid`")]
        return grids[0] if len(set(grids)) == 1 else grids

    @property
    def n_parameters(self) -> int:
        """Number of trainable scalars."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)

    @property
    def n_edges(self) -> int:
        """Number of edges that are present (not masked)."""
        return int(sum(layer.mask.sum() for layer in self.layers))

    @property
    def symbolic_edges(self) -> dict[tuple[int, int, int], str]:
        """`(l, i, j)` and name of every edge with an elementary function."""
        return {
            (l, i, j): function.name
            for l, layer in enumerate(self.layers)
            if layer.symbolic is not None
            for (i, j), function in zip(layer.symbolic.edges, layer.symbolic.functions, strict=True)
        }

    def layer_of(self, l: int, i: int, j: int) -> AbstractEdgeLayer:
        """The layer of an edge.

        Args:
            l: layer, from 0.
            i: input node.
            j: sum of the next layer.

        Returns:
            The layer.

        Raises:
            ParameterError: there is no such edge.
        """
        sizes = [(layer.in_features, layer.out_features) for layer in self.layers]
        whole = all(isinstance(n, int) and not isinstance(n, bool) for n in (l, i, j))
        if not whole or not 0 <= l < len(sizes) or not (0 <= i < sizes[l][0] and 0 <= j < sizes[l][1]):
            shape = ", ".join(f"layer {n}: {a} to {b}" for n, (a, b) in enumerate(sizes))
            raise ParameterError(f"there is no edge ({l}, {i}, {j}); edges (l, i, j) of this network: {shape}.")
        return self.layers[l]

    def config(self) -> dict[str, Any]:
        """Everything but tensors: `KAN(**model.config())` has the same structure."""
        symbolic = [[*edge, name] for edge, name in self.symbolic_edges.items()]
        return {
            "width": self.width,
            **({"grid": [layer.grid for layer in spline_layers(self, "`grid`")]} if self.basis == "spline" else {}),
            "k": self.k,
            **({} if self.basis == "spline" else {"basis": self.basis}),
            "mult_arity": self.mult_arity,
            **self.options,
            "input_names": list(self.input_names),
            "output_names": list(self.output_names),
            **({"symbolic": symbolic} if symbolic else {}),
        }

    # ------------------------------------------------------------------------------------ evaluation

    def forward(self, x: Tensor) -> Tensor:
        """Evaluate the network.

        Args:
            x: `(..., inputs)` in the model's dtype and on its device.

        Returns:
            `(..., outputs)`.

        Raises:
            ShapeError: the last axis, dtype or device of `x` does not fit.
        """
        return evaluate_chain(self.layers, self.products, x)

    @torch.no_grad()
    def activations(self, x: Tensor) -> list[Tensor]:
        """Node values of every layer for `x`: `[(B, inputs), ..., (B, outputs)]`."""
        values = [x]
        for layer, product in zip(self.layers, self.products, strict=True):
            values.append(product(layer(values[-1])))
        return values

    # ------------------------------------------------------------------------- doors into other rooms

    def update_grid(self, x: Tensor) -> float:
        """Fit grids to data; gives the largest change, in an output's deviations; see `edgewise.models.update_grid`."""
        from edgewise.models.grids import update_grid

        return update_grid(self, x)

    def refine(self, grid: int) -> KAN:
        """A new model on `grid` intervals: exact for a multiple, else a projection; see `edgewise.models.refine`."""
        from edgewise.models.grids import refine

        return refine(self, grid)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one file that cannot execute code; see `edgewise.models.save`."""
        from edgewise.models.files import save

        save(self, path)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> KAN:
        """Read a file written by `save`; see `edgewise.models.load`."""
        from edgewise.models.files import load_as

        return load_as(path, KAN)

    @staticmethod
    def from_formula(expression: Any, names: Sequence[str] | str | None = None, **kwargs: Any) -> KAN:
        """A network that computes a formula, ready to be refined; see `edgewise.interpret.from_formula`."""
        from edgewise.interpret import from_formula

        return from_formula(expression, names, **kwargs)

    def fit(self, data: Any, *args: Any, **kwargs: Any) -> FitResult:
        """Train in place; see `edgewise.train.fit` for every argument."""
        from edgewise.train import fit

        return fit(self, data, *args, **kwargs)

    def plot(self, x: Any = None, **kwargs: Any) -> Figure:
        """Draw the network; see `edgewise.plot.plot_network` for every argument."""
        from edgewise.plot import plot_network

        return plot_network(self, x, **kwargs)

    def explore(self, x: Any = None, y: Any = None, **kwargs: Any) -> Explorer:
        """The interactive page, in a notebook; see `edgewise.explorer.explore` for every argument."""
        from edgewise.explorer import explore

        return explore(self, x, y, **kwargs)

    def prune(self, x: Any = None, **kwargs: Any) -> KAN:
        """A smaller model without what does not matter; its `prune_report` says what went. See `interpret.prune`."""
        from edgewise.interpret import prune

        new, report = prune(self, x, **kwargs)
        new.prune_report = report
        return new

    def sparsify(self, x: Any, y: Any = None, **kwargs: Any) -> KAN:
        """The smallest model that explains the data; `sparsify_path` says how. See `edgewise.interpret.sparsify`."""
        from edgewise.interpret import sparsify

        found = sparsify(self, x, y, **kwargs)
        found.model.sparsify_path = found.path
        return found.model

    def suggest_symbolic(self, l: int, i: int, j: int, x: Any = None, y: Any = None, **kwargs: Any) -> Suggestions:
        """Elementary functions that fit an edge, best first; see `edgewise.interpret.suggest_symbolic`."""
        from edgewise.interpret import suggest_symbolic

        return suggest_symbolic(self, l, i, j, x, y, **kwargs)

    def fix_symbolic(self, l: int, i: int, j: int, name: str, x: Any = None, **kwargs: Any) -> KAN:
        """Give an edge an elementary function, in place; see `edgewise.interpret.fix_symbolic`."""
        from edgewise.interpret import fix_symbolic

        return fix_symbolic(self, l, i, j, name, x, **kwargs)

    def unfix_symbolic(self, l: int, i: int, j: int) -> KAN:
        """Give an edge its spline back, in place; see `edgewise.interpret.unfix_symbolic`."""
        from edgewise.interpret import unfix_symbolic

        return unfix_symbolic(self, l, i, j)

    def auto_symbolic(self, x: Any = None, y: Any = None, **kwargs: Any) -> KAN:
        """Give every edge the function with which the whole model does best; see `edgewise.interpret.auto_symbolic`."""
        from edgewise.interpret import auto_symbolic

        return auto_symbolic(self, x, y, **kwargs)

    def symbolic_formula(self, names: Sequence[str] | None = None) -> tuple[list[Expr], list[Symbol]]:
        """One sympy expression per output, and the input symbols; see `edgewise.interpret.symbolic_formula`."""
        from edgewise.interpret import symbolic_formula

        return symbolic_formula(self, names)

    def formula(self, x: Any = None, y: Any = None, names: Sequence[str] | None = None) -> Formula:
        """The formula; with data its numbers become exact where these agree; see `edgewise.interpret.formula_of`."""
        from edgewise.interpret import formula_of

        return formula_of(self, x, y, names)

    def extra_repr(self) -> str:
        """The numbers in `repr(model)`."""
        basis = f"grid={self.grid}" if self.basis == "spline" else f"basis={self.basis!r}"
        return f"width={self.width}, {basis}, k={self.k}, parameters={self.n_parameters}"


def spline_layers(model: KAN, what: str) -> Sequence[KANLayer]:
    """The layers of a model for something that is about splines on a grid.

    Args:
        model: the network.
        what: what is about splines, to begin the error with.

    Returns:
        `model.layers`.

    Raises:
        ParameterError: the basis has no grid.
    """
    if any(not isinstance(layer, KANLayer) for layer in model.layers):
        raise ParameterError(
            f"{what} needs splines on a grid, and basis={model.basis!r} has none: its detail is the degree `k`. Build "
            f"`KAN({model.width}, k=...)` with another degree, or with basis='spline' and a `grid`."
        )
    return cast("Sequence[KANLayer]", model.layers)


def _parse_width(width: Width) -> list[tuple[int, int]]:
    """`[2, [5, 1], 1]` to `[(2, 0), (5, 1), (1, 0)]`, checked; the caller's list is not kept."""
    if not isinstance(width, Sequence) or len(width) < 2:
        raise ParameterError(f"`width` must list at least two layers, inputs first, like [2, 5, 1]; got {width!r}.")
    nodes = []
    for entry in width:
        pair = tuple(entry) if isinstance(entry, Sequence) else (entry, 0)
        if len(pair) != 2 or not all(type(n) is int and n >= 0 for n in pair) or sum(pair) < 1:
            raise ParameterError(f"`width` entries must be an int >= 1 or [n_sum, n_mult]; got {entry!r} in {width!r}.")
        nodes.append(pair)
    if nodes[0][1]:
        raise ParameterError(f"the first entry of `width` counts inputs and cannot multiply; got {width[0]!r}.")
    return nodes


def _names(names: Sequence[str] | None, size: int, letter: str, argument: str) -> list[str]:
    if names is None:
        return [f"{letter}{n + 1}" for n in range(size)] if size > 1 or letter == "x" else [letter]
    if len(names) != size:
        raise ShapeError(f"`{argument}` must have {size} names; got {len(names)}: {list(names)!r}.")
    return [str(name) for name in names]

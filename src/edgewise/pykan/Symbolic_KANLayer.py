"""`kan.Symbolic_KANLayer`: the elementary functions on a layer's edges, in pykan's words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, count
from typing import Any

import torch
from torch import Tensor, nn

from edgewise import layers
from edgewise.errors import ParameterError, ShapeError
from edgewise.interpret.edge_fit import fit_edge
from edgewise.layers import Function, SymbolicEdges
from edgewise.models import KAN
from edgewise.pykan.KANLayer import exchanged
from edgewise.pykan.library import SYMBOLIC_LIB, function_of, limited, sympy_function
from edgewise.pykan.live import Live, live
from edgewise.pykan.messages import say_r2

__all__ = ["SYMBOLIC_LIB", "Symbolic_KANLayer", "nn", "torch"]


class Symbolic_KANLayer(nn.Module):
    """Edges `c f(a x + b) + d`, in pykan's words; `layer` is the `edgewise.KANLayer` that holds them.

    Lists and tensors are `[output][input]`, as in pykan. `affine` and `mask` show the numbers: changes in place reach
    them.

    Differs from pykan: an edge gets its function and shows it at once, and functions are evaluated together; an edge
    without one is `"0"`.

    Args:
        in_dim: number of inputs.
        out_dim: number of outputs.
        device: where the numbers live.
        seed: of random numbers that `fix_symbolic(random=True)` gives.
    """

    layer: layers.KANLayer

    def __init__(self, in_dim: int = 3, out_dim: int = 2, device: torch.device | str = "cpu", seed: int = 0) -> None:
        super().__init__()
        self.layer = layers.KANLayer(in_dim, out_dim, 1, 1, generator=torch.Generator(), device=device)
        self.generator = torch.Generator().manual_seed(seed)

    @classmethod
    def wrap(cls, layer: layers.KANLayer, generator: torch.Generator) -> Symbolic_KANLayer:
        """The functions of an `edgewise.KANLayer` in pykan's words; both are the same numbers."""
        new = cls.__new__(cls)
        nn.Module.__init__(new)
        new.layer, new.generator = layer, generator
        return new

    # ------------------------------------------------------------------------------------------- numbers

    @property
    def in_dim(self) -> int:
        """Number of inputs."""
        return self.layer.in_features

    @property
    def out_dim(self) -> int:
        """Number of outputs."""
        return self.layer.out_features

    def _table(self, of: Callable[[Function], Any], without: Any) -> list[list[Any]]:
        table = [[without] * self.in_dim for _ in range(self.out_dim)]
        own = self.layer.symbolic
        if own is not None:
            for (i, j), function in zip(own.edges, own.functions, strict=True):
                table[j][i] = of(function)
        return table

    @property
    def funs_name(self) -> list[list[str]]:
        """Names of the functions."""
        return self._table(lambda function: function.name, "0")

    @property
    def funs(self) -> list[list[Callable[[Tensor], Tensor]]]:
        """The functions."""
        return self._table(lambda function: function.torch, torch.zeros_like)

    @property
    def funs_avoid_singularity(self) -> list[list[Callable[..., Any]]]:
        """The functions as `(x, limit) -> ((), values)` that are finite everywhere."""
        return self._table(safe_function, limited(torch.zeros_like))

    @property
    def funs_sympy(self) -> list[list[Callable[[Any], Any]]]:
        """The functions for sympy expressions."""
        return self._table(sympy_function, lambda x: x * 0)

    @property
    def mask(self) -> Live:
        """`(outputs, inputs)` one where an edge has a function and is present."""
        layer = self.layer
        marks = torch.zeros_like(layer.base_weight) if layer.symbolic is None else layer.symbolic.marks(layer.mask)
        shown = (marks * layer.mask).detach().mT.contiguous()
        return live(shown, lambda: _write_mask(layer, shown))

    @mask.setter
    def mask(self, value: Tensor) -> None:
        self.mask.data.copy_(value.detach())

    @property
    def affine(self) -> Live:
        """`(outputs, inputs, 4)` a, b, c, d of every edge; zeros where there is no function."""
        own = self.layer.symbolic
        shown = self.layer.base_weight.new_zeros(self.out_dim, self.in_dim, 4)
        if own is None:
            return live(shown, _no_functions)
        shown = shown.index_put((own.targets, own.sources), own.affine[:, :4])

        def write() -> None:
            own.affine.data[:, :4] = shown.detach()[own.targets, own.sources]

        return live(shown, write)

    @affine.setter
    def affine(self, value: Tensor) -> None:
        self.affine.data.copy_(value.detach())

    # ------------------------------------------------------------------------------------------- methods

    def forward(self, x: Tensor, singularity_avoiding: bool = False, y_th: float = 10.0) -> tuple[Tensor, Tensor]:
        """Evaluate the functions.

        Args:
            x: `(N, inputs)`.
            singularity_avoiding: keep every function finite, at most `y_th`.
            y_th: see there.

        Returns:
            `(N, outputs)` sums, `(N, outputs, inputs)` edges.
        """
        own = self.layer.symbolic
        edges = x.new_zeros(len(x), self.out_dim, self.in_dim)
        if own is not None:
            seen = guarded(own, y_th) if singularity_avoiding else own
            values = seen.values(x, seen.masked(self.layer.edge_mask))
            edges = edges.index_put((torch.arange(len(x))[:, None], own.targets, own.sources), values)
        return edges.sum(2), edges

    def get_subset(self, in_id: Sequence[int] | Tensor, out_id: Sequence[int] | Tensor) -> Symbolic_KANLayer:
        """The edges between some inputs and some outputs as a new layer."""
        return Symbolic_KANLayer.wrap(
            self.layer.part([int(i) for i in in_id], [int(j) for j in out_id]), self.generator
        )

    def fix_symbolic(
        self, i: int, j: int, fun_name: str | Callable[[Tensor], Tensor], x: Tensor | None = None,
        y: Tensor | None = None, random: bool = False, a_range: Any = None, b_range: Any = None, verbose: bool = True,
    ) -> Tensor | None:  # fmt: skip
        """Give an edge a function.

        Args:
            i: input.
            j: output.
            fun_name: a name in `SYMBOLIC_LIB`, or a function of tensors (and, for formulas, of sympy symbols).
            x: `(N,)` inputs of the edge to fit to, with `y`.
            y: `(N,)` its values.
            random: without samples, numbers drawn from [-1, 1] instead of 1, 0, 1, 0.
            a_range: not needed: the fit finds a and b wherever they are.
            b_range: not needed.
            verbose: say r2 on stderr.

        Returns:
            r2 where there are samples.

        Raises:
            ShapeError: the samples have other shapes.
            ParameterError: an unknown function, or one that is not defined on the samples for any a and b.
        """
        function = function_of(fun_name) if isinstance(fun_name, str) else self._anonymous(fun_name)
        if x is None or y is None:
            numbers = torch.rand(4, generator=self.generator) * 2 - 1 if random else torch.tensor([1.0, 0, 1, 0])
            self.layer.fix_edge(i, j, function, numbers)
            return None
        if x.dim() != 1 or x.shape != y.shape:
            raise ShapeError(f"`x` and `y` must be (N,) both; got {tuple(x.shape)} and {tuple(y.shape)}.")
        fit = _fitted(function, x.detach(), y.detach())
        self.layer.fix_edge(i, j, function, fit[0])
        if verbose:
            say_r2(fit[1])
        return torch.tensor(fit[1], dtype=x.dtype)

    def _anonymous(self, function: Callable[[Any], Any]) -> Function:
        """A user's function; pykan's name for all of them, numbered because a layer knows functions by name."""
        own = [] if self.layer.symbolic is None else self.layer.symbolic.functions
        same = next((known for known in own if known.torch is function), None)
        taken = {known.name for known in own}
        names = chain(["anonymous"], (f"anonymous_{number}" for number in count(2)))
        return same or anonymous(function, next(name for name in names if name not in taken))

    def swap(self, i1: int, i2: int, mode: str = "in") -> None:
        """Exchange the functions of two inputs (`mode="in"`) or two outputs (`"out"`); pykan's forgets `funs`."""
        exchange_functions(self.layer, i1, i2, mode)


def exchange_functions(layer: layers.KANLayer, i1: int, i2: int, mode: str) -> None:
    """Exchange two inputs, or two outputs, of a layer's functions, with their masks; splines stay where they are.

    Args:
        layer: changed in place.
        i1: the one.
        i2: the other.
        mode: `"in"` or `"out"`.
    """
    new = exchanged(layer, i1, i2, mode)
    layer.symbolic = new.symbolic
    layer.set_mask(new.mask)


def anonymous(function: Callable[[Any], Any], name: str) -> Function:
    """A user's function as `edgewise.layers.Function`.

    Args:
        function: of tensors, and of sympy expressions if formulas are wanted.
        name: what to call it.

    Returns:
        The function. Where sympy cannot take it, its formula is an undefined function.
    """
    import sympy

    try:
        formula = str(function(sympy.Symbol("z")))
    except (TypeError, AttributeError, ValueError):
        formula = f"Function({name!r})(z)"
    return Function(name, function, formula, 3, periodic=True)


def safe_function(function: Function) -> Callable[..., Any]:
    """The last entry of `SYMBOLIC_LIB`, or one made for a function that is not in it."""
    entry = SYMBOLIC_LIB.get(function.name)
    return limited(function.torch, function.domain) if entry is None else entry[3]


def guarded(own: SymbolicEdges, y_th: float) -> SymbolicEdges:
    """The same edges with functions that stay finite.

    Args:
        own: the edges; the new ones have the same parameter.
        y_th: largest size of a function.

    Returns:
        Edges of the same numbers.
    """

    def finite(function: Function) -> Function:
        if function.free_exponent:
            return function
        safe = safe_function(function)
        return Function(function.name, lambda z: safe(z, torch.as_tensor(y_th).to(z))[1], "", 0)

    safe_ones = {function.name: finite(function) for function in own.functions}
    new = SymbolicEdges(own.edges, [safe_ones[f.name] for f in own.functions], own.outputs, device="meta")
    new.affine = own.affine
    return new


@contextmanager
def guarding(kan: KAN, y_th: float | None) -> Iterator[None]:
    """While this context lasts, the functions of a network stay finite.

    Args:
        kan: the network.
        y_th: largest size of a function; None for no change.

    Yields:
        Nothing.
    """
    kept = [(layer, layer.symbolic) for layer in kan.layers if layer.symbolic is not None and y_th is not None]
    try:
        for layer, own in kept:
            layer.symbolic = guarded(own, float(y_th or 0.0))
        yield
    finally:
        for layer, own in kept:
            layer.symbolic = own


def _fitted(function: Function, x: Tensor, y: Tensor) -> tuple[tuple[float, ...], float]:
    """Numbers and r2 of the best fit."""
    fits = fit_edge(x, y, [function])
    if fits:
        return fits[0].numbers, fits[0].r2
    if float(y.min()) == float(y.max()):  # a constant is c f + d with c = 0
        return (1.0, 0.0, 0.0, float(y.mean())), 1.0
    raise ParameterError(
        f"{function.name!r} (defined for {function.domain or 'all z'}) fits the edge for no a and b: the values that "
        f"reach it lie in [{float(x.min()):g}, {float(x.max()):g}]. Try another function."
    )


def _no_functions() -> None:
    raise ParameterError("no edge of this layer has a function yet; give it one with `fix_symbolic`.")


def _write_mask(layer: layers.KANLayer, shown: Tensor) -> None:
    """Carry a mask of functions to the layer: where it became zero the edge is removed."""
    new, own = shown.mT, layer.symbolic
    marks = torch.zeros_like(new) if own is None else own.marks(new)
    if bool(((new != 0) & (marks == 0)).any()):
        i, j = ((new != 0) & (marks == 0)).nonzero()[0].tolist()
        raise ParameterError(f"edge ({i}, {j}) has no function to switch on; give it one with `fix_symbolic`.")
    layer.set_mask(torch.where(marks == 1, new, layer.mask))

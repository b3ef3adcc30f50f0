"""Symbolic edges of a layer: `c f(a x + b) + d`, evaluated function by function, never edge by edge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from edgewise.errors import ParameterError
from edgewise.kernels import is_plain_eager
from edgewise.layers.derivatives import elementwise_derivative
from edgewise.layers.functions import Function, slopes_of

PARAMETERS = 5
"""Numbers of an edge: a, b, c, d, and the exponent p of a function that has one."""

_BUFFER = 1 << 18
"""Values of edges that are held at once when nobody records them: what stays in a cache of the processor."""


class _Places(NamedTuple):
    """Where edges begin and end, `(E,)`; their order by functions and the way back; the ends in it, `(E, 1)`."""

    sources: Tensor
    targets: Tensor
    order: Tensor
    back: Tensor
    grouped_sources: Tensor
    ends: Tensor


class _Seen(NamedTuple):
    """Inputs of a layer, `([M,] I, B)`, which of them every edge sees, and its numbers a, b, c, p, `([M,] E, 1)`."""

    inputs: Tensor
    sources: Tensor
    slope: Tensor
    shift: Tensor
    factor: Tensor
    exponent: Tensor


class SymbolicEdges(nn.Module):
    """Some edges of a layer with elementary functions.

    Args:
        edges: `(i, j)` of every edge: from which input to which output; each once.
        functions: one for every edge.
        outputs: number of outputs O.
        device: where the parameters live.
        dtype: of the parameters.

    Attributes:
        affine: `(E, 5)` trainable numbers a, b, c, d, p of every edge.

    Raises:
        ParameterError: two different functions have one name.
    """

    def __init__(
        self,
        edges: Sequence[tuple[int, int]],
        functions: Sequence[Function],
        outputs: int,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.edges, self.functions, self.outputs = list(edges), list(functions), outputs
        start = torch.tensor([1.0, 0.0, 1.0, 0.0, 1.0], device=device, dtype=dtype)
        self.affine = nn.Parameter(start.repeat(len(self.edges), 1))
        names = {function.name: function for function in self.functions}
        members: dict[str, list[int]] = {name: [] for name in names}
        for e, function in enumerate(self.functions):
            if function.torch != names[function.name].torch:
                raise ParameterError(
                    f"`functions` must have one name each: two different ones are called {function.name!r}, and edges "
                    "of one name are evaluated together. Rename one."
                )
            members[function.name].append(e)
        self._distinct, self._counts = list(names.values()), [len(members[name]) for name in names]
        self._order = [e for name in names for e in members[name]]
        self._places: dict[torch.device, _Places] = {}

    @property
    def sources(self) -> Tensor:
        """`(E,)` inputs of the edges."""
        return self._at(self.affine.device).sources

    @property
    def targets(self) -> Tensor:
        """`(E,)` outputs of the edges."""
        return self._at(self.affine.device).targets

    def _at(self, device: torch.device) -> _Places:
        if device not in self._places:  # not buffers: they belong to the structure, not to the state
            with torch.inference_mode(False):  # they will be there when gradients are wanted
                self._places[device] = self._places_on(device)
        return self._places[device]

    def _places_on(self, device: torch.device) -> _Places:
        ends = torch.tensor(self.edges, dtype=torch.long, device=device).reshape(-1, 2)
        order = torch.tensor(self._order, dtype=torch.long, device=device)
        sources, targets = ends[:, 0].contiguous(), ends[:, 1].contiguous()
        return _Places(sources, targets, order, order.argsort(), sources[order][:, None], targets[order][:, None])

    def find(self, i: int, j: int) -> int | None:
        """Which of the edges runs from `i` to `j`; None if that edge is not symbolic."""
        return self.edges.index((i, j)) if (i, j) in self.edges else None

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Sum the edges into the outputs.

        Args:
            x: `(B, I)` inputs of the layer.
            mask: `(I, O)` factors of the edges, or None for ones.

        Returns:
            `(B, O)`.
        """
        return self.sums(x, self.masked(mask))

    def masked(self, mask: Tensor | None) -> Tensor:
        """`(E, 5)` numbers with `c` and `d` of removed edges zero; all present when `mask` is None."""
        return self.affine if mask is None else self.affine * self.factors(mask)

    def factors(self, mask: Tensor) -> Tensor:
        """`(E, 5)` what a mask multiplies the numbers by."""
        present = mask[self.sources, self.targets][:, None]
        ones = torch.ones_like(present)
        return torch.cat([ones, ones, present, present, ones], dim=1)

    def sums(self, x: Tensor, affine: Tensor) -> Tensor:
        """The edges of each output added up.

        Args:
            x: `([M,] B, I)`.
            affine: `([M,] E, 5)`.

        Returns:
            `([M,] B, O)`.
        """
        constants = self.into_outputs(affine[..., None, :, 3]).mT  # once, not in every row of every edge
        ends, seen = self._at(x.device).ends, self._seen(x, affine)
        if _is_recorded():
            total = constants.expand(*x.shape[:-2], -1, x.shape[-2])
            for edges, targets in zip(self._recorded(seen), ends.split(self._counts), strict=True):
                total = total.scatter_add(-2, targets.expand_as(edges), edges)
            return total.mT
        rows, blocks = max(1, _BUFFER // max(1, seen.slope.numel())), []
        for inputs in seen.inputs.split(rows, dim=-1):  # scatter and gather are fast along memory only
            edges = self._written(seen._replace(inputs=inputs.contiguous()))
            total = constants.expand(*edges.shape[:-2], -1, -1).repeat_interleave(edges.shape[-1], dim=-1)
            blocks.append(total.scatter_add_(-2, ends.expand_as(edges), edges))
        return torch.cat(blocks, dim=-1).mT

    def values(self, x: Tensor, affine: Tensor) -> Tensor:
        """Every edge at every row.

        Args:
            x: `([M,] B, I)`.
            affine: `([M,] E, 5)`.

        Returns:
            `([M,] B, E)`.
        """
        return self.derivatives(x, affine, 0)

    def derivatives(self, x: Tensor, affine: Tensor, order: int) -> Tensor:
        """Every edge's derivative at every row.

        Args:
            x: `([M,] B, I)`.
            affine: `([M,] E, 5)`.
            order: which derivative with respect to `x`; 0 is the function.

        Returns:
            `([M,] B, E)`.
        """
        seen = self._seen(x, affine)
        edges = torch.cat(list(self._recorded(seen, order)), dim=-2) if _is_recorded() else self._written(seen, order)
        edges = edges.index_select(-2, self._at(x.device).back).mT
        return edges + affine[..., None, :, 3] if order == 0 else edges

    def moving(self, x: Tensor, affine: Tensor, order: int, weight: Tensor | None) -> Tensor:
        """`derivatives`, each times the weight `(B, I)` of its input (None for ones), added up in every output."""
        edges = self.derivatives(x, affine, order)
        return self.into_outputs(edges if weight is None else edges * weight[..., self.sources])

    def _seen(self, x: Tensor, affine: Tensor) -> _Seen:
        """What every edge needs, in the order by functions: a row is an edge, so that rows run along memory."""
        sources = self._at(x.device).grouped_sources
        a, b, c, d, p = affine.index_select(-2, self._at(x.device).order)[..., None].unbind(-2)  # ([M,] E, 1) each
        inputs = x.mT.contiguous()
        if x.device.type != "cpu" or not is_plain_eager() or int(c.count_nonzero()) < c.numel():
            # A removed edge sees a further input, one half in every row: zero times NaN is NaN.
            absent = (c == 0) & (d == 0)
            inputs = torch.nn.functional.pad(inputs, (0, 0, 0, 1), value=0.5)
            a, b = torch.where(absent, 1.0, a), torch.where(absent, 0.0, b)
            sources = torch.where(absent, x.shape[-1], sources)
        return _Seen(inputs, sources.expand_as(a), a, b, c, p)

    def _recorded(self, seen: _Seen, order: int = 0) -> Iterator[Tensor]:
        """The edges of each function in turn, `([M,] e, B)` without `d`, for whoever watches."""
        inputs, *numbers = seen
        parts = zip(*(part.split_with_sizes(self._counts, dim=-2) for part in numbers), strict=True)
        for function, (sources, a, b, c, p) in zip(self._distinct, parts, strict=True):
            z = _looked_up(inputs, sources) * a + b
            yield (c if order == 0 else c * a.pow(order)) * elementwise_derivative(partial(function, p=p), z, order)

    def _written(self, seen: _Seen, order: int = 0) -> Tensor:
        """The same for all functions at once, `([M,] E, B)`, in one buffer that is written over."""
        inputs, sources, a, b, c, p = seen
        edges = _looked_up(inputs, sources).mul_(a).add_(b)
        parts = (part.split_with_sizes(self._counts, dim=-2) for part in (edges, p))
        for function, z, exponent in zip(self._distinct, *parts, strict=True):
            found = elementwise_derivative(partial(function, p=exponent), z, order)
            z.copy_(found)  # a user's function may keep its own
        return edges.mul_(c if order == 0 else c * a.pow(order))

    def into_outputs(self, values: Tensor) -> Tensor:
        """`([M,] B, E)` to `([M,] B, O)`: the sum over the edges of each output."""
        return values.new_zeros(*values.shape[:-1], self.outputs).index_add(-1, self.targets, values)

    def slopes(self, x: Tensor, affine: Tensor) -> tuple[Tensor, Tensor]:
        """First derivatives of every edge at every row.

        Args:
            x: `([M,] B, I)`.
            affine: `([M,] E, 5)`.

        Returns:
            `([M,] B, E, 5)` with respect to a, b, c, d, p, and `([M,] B, E)` with respect to x.
        """
        places = self._at(x.device)
        x = x.index_select(-1, places.grouped_sources[:, 0])
        a, b, c, d, p = affine.index_select(-2, places.order).unsqueeze(-3).expand(*x.shape, PARAMETERS).unbind(-1)
        z = _where_present(a * x + b, c, d)
        f, slope, by_exponent = slopes_of(self._distinct, self._counts, z, p)
        by_exponent = torch.zeros_like(f) if by_exponent is None else by_exponent
        inner = c * slope
        numbers = torch.stack([inner * x, inner, f, torch.ones_like(f), c * by_exponent], dim=-1)
        return numbers.index_select(-2, places.back), (inner * a).index_select(-1, places.back)

    def marks(self, like: Tensor) -> Tensor:
        """`(I, O)` one where an edge is symbolic.

        Args:
            like: `(I, O)` whose dtype and device to use.
        """  # noqa: DOC201 said in the first line
        marks = torch.zeros_like(like)
        marks[self.sources, self.targets] = 1.0
        return marks

    def trained(self) -> Tensor:
        """`(E, 5)` bool: which numbers are trained: exponents only where they are free."""
        marks = torch.full_like(self.affine, True, dtype=torch.bool)
        marks[:, 4] = torch.tensor([function.free_exponent for function in self.functions])
        marks[[e for e, function in enumerate(self.functions) if function.name == "0"], :3] = False
        return marks if self.affine.requires_grad else torch.zeros_like(marks)

    def extra_repr(self) -> str:
        """The functions in `repr(layer)`."""
        return ", ".join(f"({i}, {j}): {f.name}" for (i, j), f in zip(self.edges, self.functions, strict=True))


def _looked_up(inputs: Tensor, sources: Tensor) -> Tensor:
    """`([M,] e, B)`, new: for every edge the row of `([M,] I, B)` that it sees."""
    return inputs.gather(-2, sources.expand(*inputs.shape[:-2], -1, inputs.shape[-1]))


def _is_recorded() -> bool:
    """Whether something watches the calculation, so that it must not write over its own numbers."""
    return torch.is_grad_enabled() or not is_plain_eager()


def _where_present(z: Tensor, c: Tensor, d: Tensor) -> Tensor:
    """Arguments, replaced by a number in every domain where an edge was removed: zero times NaN is NaN."""
    return torch.where((c == 0) & (d == 0), 0.5, z)

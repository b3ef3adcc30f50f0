"""First derivatives of a chain of layers without autograd: products with its Jacobian, and the Gauss-Newton matrix.

All for M chains of the same shape at once. The unknowns are the weights that the kernels see (coefficients and
residual factors with scale and mask multiplied in), in one vector: layer after layer, coefficients `(I, S, O)` before
residual factors `(I, O)`; of the last layer, whose outputs share no weight, output after output. After these come the
numbers a, b, c, d, p of every symbolic edge of the layer.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple, cast

import torch
from torch import Tensor

from edgewise import kernels
from edgewise.layers.base_functions import base_function, base_slope
from edgewise.layers.kan_layer import KANLayer
from edgewise.layers.multiply import MultiplyNodes
from edgewise.layers.symbolic import SymbolicEdges

_ROWS_ELEMENTS = 4_000_000
"""Entries of the dense Jacobian formed at a time."""


_NONE = (torch.empty(0), torch.empty(0))


class Weights(NamedTuple):
    """A layer's weights in M models: `(M, I, S, O)`, `(M, I, O)`, `(M, I, S+k+1)` or `(I, S+k+1)`, and `(M, E, 5)`.

    The last one is None where the layer has no symbolic edges.
    """

    coef: Tensor
    base_weight: Tensor
    knots: Tensor
    numbers: Tensor | None = None


class Parts(NamedTuple):
    """What is unknown of a layer: `(M, I, S, O)`, `(M, I, O)` and, where it has symbolic edges, `(M, E, 5)`."""

    coef: Tensor
    base_weight: Tensor
    numbers: Tensor | None = None


class Chain:
    """What a chain of layers is beside its weights.

    Args:
        layers: the layers, of one degree and outside policy.
        products: what follows each.

    Attributes:
        size: number n of unknowns.
    """

    def __init__(self, layers: Sequence[KANLayer], products: Sequence[MultiplyNodes]) -> None:
        self.layers, self.products = list(layers), list(products)
        self.degree, self.linear = layers[0].k, layers[0].outside == "linear"
        self.has_symbolic = any(layer.symbolic is not None for layer in layers)
        self.places: list[tuple[int, int, int]] = []
        at = 0
        for layer in layers:
            inputs, basis, outputs = layer.spline_weight.shape
            base_at = at + inputs * basis * outputs
            end = base_at + (0 if layer.base_fun == "zero" else inputs * outputs)
            self.places.append((at, base_at, end))
            at = end + (0 if layer.symbolic is None else layer.symbolic.affine.numel())
        self.size = at

    def _is_output_by_output(self, number: int) -> bool:
        """Whether a layer lies in another order than `(I, S, O)`: the last one, where it has several outputs."""
        return number + 1 == len(self.layers) and self.layers[number].out_features > 1

    def flatten(self, parts: Sequence[Parts]) -> Tensor:
        """What is unknown of every layer to `(M, n)`."""
        flat = []
        for number, ((coef, base, numbers), layer) in enumerate(zip(parts, self.layers, strict=True)):
            by_output = self._is_output_by_output(number)
            both = [coef.flatten(1, 2).mT if by_output else coef.flatten(1)]  # (M, O, IS) or (M, ISO)
            if layer.base_fun != "zero":
                both.append(base.mT if by_output else base.flatten(1))
            flat.append(torch.cat(both, dim=-1).flatten(1))
            if numbers is not None:
                flat.append(numbers.flatten(1))
        return torch.cat(flat, dim=1)

    def unflatten(self, flat: Tensor) -> list[Parts]:
        """The inverse of `flatten`; absent residual factors are zeros."""
        parts = []
        for number, (layer, (at, base_at, end)) in enumerate(zip(self.layers, self.places, strict=True)):
            inputs, basis, outputs = layer.spline_weight.shape
            if self._is_output_by_output(number):
                columns = flat[:, at:end].unflatten(1, (outputs, -1)).mT  # (M, IS + I, O)
                coef, base = columns[:, : inputs * basis], columns[:, inputs * basis :]
            else:
                coef, base = flat[:, at:base_at], flat[:, base_at:end]
            if layer.base_fun == "zero":
                base = flat.new_zeros(len(flat), inputs * outputs)
            models, numbers = len(flat), None
            coef = coef.reshape(models, inputs, basis, outputs).contiguous()
            if layer.symbolic is not None:
                shape = layer.symbolic.affine.shape
                numbers = flat[:, end : end + shape.numel()].unflatten(1, shape)
            parts.append(Parts(coef, base.reshape(models, inputs, outputs).contiguous(), numbers))
        return parts

    def weights(self, flat: Tensor, knots: Sequence[Tensor]) -> list[Weights]:
        """`(M, n)` weights as the kernels see them, with the knots of every layer."""
        parts = self.unflatten(flat)
        return [Weights(coef, base, own, numbers) for (coef, base, numbers), own in zip(parts, knots, strict=True)]

    def evaluate(self, weights: Sequence[Weights], x: Tensor) -> Tensor:
        """`(M, B, inputs)` to `(M, B, outputs)`."""
        values = self.small_values(weights, x)
        if values is not None:
            return values[0]
        for layer, product, part in zip(self.layers, self.products, weights, strict=True):
            x = product(self.sums(layer, part, x))
        return x

    def small_values(self, weights: Sequence[Weights], x: Tensor) -> tuple[Tensor, Tensor] | None:
        """Outputs and hidden nodes from one call for all layers, where there is one."""
        if any(layer.base_fun != "silu" for layer in self.layers) or any(product.n_mult for product in self.products):
            return None
        if self.has_symbolic:
            return None
        return kernels.network_values(x, [part[:3] for part in weights], self.degree, self.linear)

    def sums(self, layer: KANLayer, weights: Weights, x: Tensor) -> Tensor:
        """What one of the layers sends to its products: `(M, B, I)` to `(M, B, O)`."""
        own = layer.symbolic
        if weights.numbers is None or own is None:
            return self.spline_sums(layer, weights, x)
        sums = own.sums(x, weights.numbers)
        return self.spline_sums(layer, weights, x) + sums if layer.has_splines else sums

    def spline_sums(self, layer: KANLayer, weights: Weights, x: Tensor) -> Tensor:
        """`sums` of the splines alone."""
        coef, base_weight, knots, _ = weights
        if layer.base_fun == "silu":
            return kernels.edges(x, coef, base_weight, knots, self.degree, self.linear)
        sums = kernels.evaluate(x, coef, knots, None, self.degree, 0, self.linear)
        base = base_function(layer.base_fun)
        return sums if base is None else sums + base(x) @ base_weight


class LinearizedChain:
    """A chain at given rows: its outputs, and derivatives with respect to all weights.

    Args:
        chain: the chain.
        weights: of every layer.
        x: `(M, B, inputs)`.

    Attributes:
        y: `(M, B, outputs)`.
    """

    def __init__(self, chain: Chain, weights: Sequence[Weights], x: Tensor) -> None:
        self.chain, self.weights = chain, weights
        self.inputs, self.sums = [], []
        self._hidden: Tensor | None = None  # where one call serves all layers
        values = chain.small_values(weights, x)
        if values is not None:
            self.y, self._hidden = values
            widths = [layer.out_features for layer in chain.layers[:-1]]
            self.inputs = [x, *(part.mT for part in self._hidden.split(widths, dim=1))]
            self.sums = [*self.inputs[1:], self.y]
            return
        self._slopes: list[tuple[Tensor, Tensor]] = []  # of symbolic edges: by their numbers, and by their inputs
        for layer, product, part in zip(chain.layers, chain.products, weights, strict=True):
            self.inputs.append(x)
            own = layer.symbolic
            self._slopes.append(_NONE if own is None or part.numbers is None else own.slopes(x, part.numbers))
            self.sums.append(chain.sums(layer, part, x))
            x = product(self.sums[-1])
        self.y = x

    def jvp(self, direction: Tensor) -> Tensor:
        """`(M, n)` to `(M, B, outputs)`: how outputs change along a change of the weights."""
        chain, change = self.chain, None
        for number, (dcoef, dbase, dnumbers) in enumerate(chain.unflatten(direction)):
            layer, x, part = chain.layers[number], self.inputs[number], self.weights[number]
            moved = torch.zeros_like(self.sums[number])
            if layer.has_splines:
                moved = chain.spline_sums(layer, Weights(dcoef, dbase, part.knots), x)
                if change is not None:
                    moved = moved + kernels.evaluate(x, part.coef, part.knots, change, chain.degree, 1, chain.linear)
                    if layer.base_fun != "zero":
                        moved = moved + (base_slope(layer.base_fun, x) * change) @ part.base_weight
            symbolic = layer.symbolic
            if symbolic is not None and dnumbers is not None:
                by_numbers, slope = self._slopes[number]
                edges = (by_numbers * dnumbers[:, None]).sum(-1)
                if change is not None:
                    edges = edges + slope * change[..., symbolic.sources]
                moved = moved + symbolic.into_outputs(edges)
            change = chain.products[number].jvp(self.sums[number], moved)
        return change  # pyright: ignore[reportReturnType]

    def vjp(self, cotangent: Tensor) -> Tensor:
        """`(M, B, outputs)` to `(M, n)`: the gradient of `sum(cotangent * y)`."""
        if self._hidden is not None:
            return self.chain.flatten([Parts(*both) for both in self._small_gradients(cotangent)[0]])
        chain, parts, g = self.chain, [], cotangent  # (M, B, outputs)
        for number in reversed(range(len(chain.layers))):
            layer, x, part = chain.layers[number], self.inputs[number], self.weights[number]
            g = chain.products[number].vjp(self.sums[number], g)
            if not layer.has_splines:
                coef, base = torch.zeros_like(part.coef), torch.zeros_like(part.base_weight)
                x_grad = torch.zeros_like(x) if number > 0 else None
            elif layer.base_fun == "silu":
                need = (number > 0, True, True)
                x_grad, coef, base = kernels.edges_gradients(
                    x, *part[:2], g, part.knots, chain.degree, chain.linear, need
                )
            else:
                coef = kernels.scatter(x, g, part.knots, None, chain.degree, 0, chain.linear)
                function = base_function(layer.base_fun)
                base = torch.zeros_like(part.base_weight) if function is None else function(x).mT @ g
                x_grad = self._pull_splines(number, g) if number > 0 else None
            numbers, symbolic = None, layer.symbolic
            if symbolic is not None:
                numbers = torch.einsum("mbep,mbe->mep", self._slopes[number][0], g[..., symbolic.targets])
                x_grad = None if x_grad is None else x_grad + self._pull_symbolic(number, g)
            parts.append(Parts(cast("Tensor", coef), cast("Tensor", base), numbers))
            if x_grad is not None:
                g = x_grad
        return chain.flatten(parts[::-1])

    def gram(self, residual: Tensor, row_scale: Tensor | None = None) -> Tensor:
        """`[J r]' [J r]`.

        Args:
            residual: `(M, B, outputs)`.
            row_scale: `(B,)` factors of the rows of J, or None.

        Returns:
            `(M, n+1, n+1)`, lower triangle.
        """
        if self.chain.has_symbolic:
            return self._gram_of_rows(residual, row_scale)
        total = None
        for output in range(self.y.shape[-1]):
            layers = self._layer_rows(output, self._cotangents(output, row_scale))
            part = kernels.gram(
                layers, residual[..., output], self.chain.size, self.chain.degree,
                self.chain.linear,
            )  # fmt: skip
            total = part if total is None else total + part
        return total  # pyright: ignore[reportReturnType]

    def rows(self, row_scale: Tensor | None = None) -> Iterator[Tensor]:
        """Dense rows of J, some at a time: `(M, c, n)`."""
        chain = self.chain
        step = max(1, _ROWS_ELEMENTS // (chain.size * self.y.shape[0]))
        for output in range(self.y.shape[-1]):
            cotangents = self._cotangents(output, row_scale)
            parts = self._layer_rows(output, cotangents)
            for start in range(0, self.y.shape[1], step):
                count = min(step, self.y.shape[1] - start)
                some = partial(torch.narrow, dim=1, start=start, length=count)
                cut = [
                    p._replace(x=some(p.x), base=None if p.base is None else some(p.base), cotangent=some(p.cotangent))
                    for p in parts
                ]
                if cut:
                    rows = kernels.jacobian_rows(cut, chain.size, chain.degree, chain.linear)
                else:
                    rows = self.y.new_zeros(len(self.y), count, chain.size)
                self._fill_symbolic(rows, cotangents, slice(start, start + count))
                yield rows

    def _gram_of_rows(self, residual: Tensor, row_scale: Tensor | None) -> Tensor:
        """`gram` from dense rows: symbolic edges are in every row."""
        total, at, row = None, 0, residual.mT.flatten(1)  # output after output, as `rows` comes
        for rows in self.rows(row_scale):
            both = torch.cat([rows, row[:, at : at + rows.shape[1], None]], dim=-1)
            at += rows.shape[1]
            total = both.mT @ both if total is None else total + both.mT @ both
        return total  # pyright: ignore[reportReturnType]

    def _fill_symbolic(self, rows: Tensor, cotangents: list[Tensor], some: slice) -> None:
        """The columns of symbolic edges in `(M, c, n)` rows of one output."""
        for number, (layer, g) in enumerate(zip(self.chain.layers, cotangents, strict=True)):
            if layer.symbolic is not None:
                own = self._slopes[number][0][:, some] * g[:, some, layer.symbolic.targets, None]  # (M, c, E, 5)
                end = self.chain.places[number][2]
                rows[..., end : end + layer.symbolic.affine.numel()] = own.flatten(-2)

    def _cotangents(self, output: int, row_scale: Tensor | None) -> list[Tensor]:
        """`(M, B, O)` derivatives of one output with respect to the sums of every layer."""
        chain, last = self.chain, len(self.chain.layers) - 1
        g = torch.zeros_like(self.y)
        g[..., output] = 1.0 if row_scale is None else row_scale
        if self._hidden is not None:
            widths = [layer.out_features for layer in chain.layers[:-1]]
            return [*(part.mT for part in self._small_gradients(g)[1].split(widths, dim=1)), g]
        found = []
        for number in range(last, -1, -1):
            g = chain.products[number].vjp(self.sums[number], g)
            found.append(g)
            if number > 0:
                g = self._pull(number, g)
        return found[::-1]

    def _layer_rows(self, output: int, cotangents: list[Tensor]) -> list[kernels.LayerRows]:
        """What the rows of J of one output hold, but for symbolic edges."""
        chain, parts = self.chain, []
        for number, (layer, g) in enumerate(zip(chain.layers, cotangents, strict=True)):
            if not layer.has_splines:
                continue
            x, (coef_at, base_at, _) = self.inputs[number], chain.places[number]
            function = base_function(layer.base_fun)
            base = None if function is None else function(x)
            if number + 1 == len(chain.layers):
                parts += self._last_layer_rows(x, base, g, output)
            else:
                parts.append(kernels.LayerRows(x, base, g, self.weights[number].knots, coef_at, base_at))
        return parts

    def _last_layer_rows(self, x: Tensor, base: Tensor | None, g: Tensor, output: int) -> list[kernels.LayerRows]:
        """Of the last layer one output's sums: its own, or the factors of its product."""
        chain, layer = self.chain, self.chain.layers[-1]
        inputs, basis, outputs = layer.spline_weight.shape
        at, _, end = chain.places[-1]
        width = (end - at) // outputs
        knots = self.weights[-1].knots
        product = chain.products[-1]
        sums = [output]
        if output >= product.n_sum:
            first = product.n_sum + (output - product.n_sum) * product.arity
            sums = list(range(first, first + product.arity))
        return [
            kernels.LayerRows(x, base, g[..., s : s + 1], knots, at + s * width, at + s * width + inputs * basis)
            for s in sums
        ]

    def _small_gradients(self, cotangent: Tensor) -> tuple[list[tuple[Tensor, Tensor]], Tensor]:
        weights = [part[:3] for part in self.weights]
        return kernels.network_gradients(
            self.inputs[0], cast("Tensor", self._hidden), weights, cotangent, self.chain.degree, self.chain.linear
        )

    def _pull(self, number: int, g: Tensor) -> Tensor:
        """`(M, B, O)` cotangent of a layer's sums to that of its inputs."""
        pulled = self._pull_splines(number, g)
        return pulled if self.chain.layers[number].symbolic is None else pulled + self._pull_symbolic(number, g)

    def _pull_symbolic(self, number: int, g: Tensor) -> Tensor:
        symbolic = cast("SymbolicEdges", self.chain.layers[number].symbolic)
        through = self._slopes[number][1] * g[..., symbolic.targets]
        return torch.zeros_like(self.inputs[number]).index_add_(-1, symbolic.sources, through)

    def _pull_splines(self, number: int, g: Tensor) -> Tensor:
        if not self.chain.layers[number].has_splines:
            return torch.zeros_like(self.inputs[number])
        layer, x, part = self.chain.layers[number], self.inputs[number], self.weights[number]
        pulled = kernels.pull(x, part.coef, g, part.knots, self.chain.degree, 1, self.chain.linear)
        if layer.base_fun == "zero":
            return pulled
        return pulled + base_slope(layer.base_fun, x) * (g @ part.base_weight.mT)

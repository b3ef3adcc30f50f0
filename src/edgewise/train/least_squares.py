"""The squared error of KANs as a least-squares problem, with Jacobians that the kernels assemble.

One problem holds M models of the same structure, so that many train at once. Unknowns are the trainable spline
coefficients and residual factors. Trainable factors `scale_sp` stay as they are: whatever they can express,
coefficients can. Rows are taken some thousand at a time, so memory does not grow with rows times parameters.

On a fine grid some coefficients are hardly seen by any row: cells without data, or with data in a corner only. Least
squares would give them any value that improves the fit by a rounding error, and the function swings where a test point
may fall. So differences of neighbouring coefficients are residuals too (P-splines, Eilers and Marx 1996), with a weight
so small beside the data's that it decides only what they leave open.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from edgewise.layers import Chain, KANLayer, LinearizedChain, MultiplyNodes, Parts, Weights, is_observed
from edgewise.models.kan import KAN, spline_layers
from edgewise.optim import ClosureResiduals, Linearization, Residuals
from edgewise.optim.damped_systems import estimated_diagonal
from edgewise.optim.levenberg_marquardt import MOST_DENSE
from edgewise.train.penalties import Differences, Penalty, Ridge

CHUNK = 1 << 14
"""Rows linearized at a time."""
CHUNK_ELEMENTS = 4_000_000
"""Entries of a dense Jacobian formed at a time."""
_PROBES = 8
"""Random vectors that estimate the diagonal of `J'J` where it is not formed."""
ROUGHNESS = 1e-10
"""Weight of the squared differences of coefficients, beside the mean squared sensitivity of the outputs to them."""


def is_plain_kan(model: nn.Module) -> bool:
    """Whether a model is a `KAN` that computes what its layers' weights say: no hooks, nothing put in a layer's place.

    Args:
        model: any module.

    Returns:
        True if `KANResiduals` can stand for it.
    """
    if type(model) is not KAN or is_observed(model):
        return False
    layers, products = [layer for layer in model.layers if isinstance(layer, KANLayer)], list(model.products)
    if len(layers) < len(model.layers) or any(type(layer) is not KANLayer or is_observed(layer) for layer in layers):
        return False
    if any(parameter._backward_hooks for parameter in model.parameters()):
        return False
    if any(type(product) is not MultiplyNodes or is_observed(product) for product in products):
        return False
    alike = all(layer.k == layers[0].k and layer.outside == layers[0].outside for layer in layers)
    return alike and any(bool(mark.any()) for layer in layers for mark in _trained(layer) if mark is not None)


class KANResiduals(Residuals):
    """`sqrt(w / (B O)) (model(x) - y)`: the sum of squares is the mean squared error, plus `ridge sum coef^2`.

    Args:
        models: M models of one structure, with the same parameters frozen; see `is_plain_kan`.
        x: `(B, inputs)`, or `(M, B, inputs)`.
        y: `(B, outputs)`, or `(M, B, outputs)`.
        weight: `(B,)` weights of the rows, of mean one, or None.
        ridge: factor of the squared coefficients, one or one per model.
        roughness: relative weight of the squared k-th differences of coefficients.
        like: a problem of the same models, whose reading of them is shared.
    """

    def __init__(
        self,
        models: Sequence[KAN],
        x: Tensor,
        y: Tensor,
        weight: Tensor | None = None,
        ridge: float | Sequence[float] = 0.0,
        roughness: float = 0.0,
        like: "KANResiduals | None" = None,
    ) -> None:
        self.kans = list(models)
        self.models, self.chain = (
            len(self.kans),
            Chain(spline_layers(self.kans[0], "`KANResiduals`"), self.kans[0].products),
        )
        self.x, self.y = (t if t.dim() == 3 else t.expand(self.models, *t.shape) for t in (x, y))
        rows, outputs = self.y.shape[1:]
        scale = self.x.new_full((rows,), 1 / (rows * outputs)) if weight is None else weight / (rows * outputs)
        self.row_scale = scale.sqrt()
        ridges = [float(ridge)] * self.models if isinstance(ridge, int | float) else list(ridge)
        self.ridge = self.x.new_tensor(ridges).sqrt()[:, None] if any(ridges) else None
        self.roughness = roughness
        self.columns = self._trainable_columns()
        self.size = self.chain.size if self.columns is None else len(self.columns)
        self.penalties: list[Penalty] = []
        self._differences: Differences | None = None
        self._known: tuple[KANLinearization, Tensor] | None = None
        layers = zip(*(model.layers for model in self.kans), strict=True)
        self._tensors = like._tensors if like is not None else [_Tensors.of(same) for same in layers]
        self.refresh(like)

    def refresh(self, like: "KANResiduals | None" = None) -> None:
        """Read from the models what is not unknown: knots, masks, scales, frozen weights.

        Args:
            like: a problem of the same models that has just done so.
        """
        if like is not None:
            self.knots, self.fixed, self.factors = like.knots, like.fixed, like.factors
            self._penalize()
            return
        layers = list(zip(*(model.layers for model in self.kans), strict=True))
        self.knots = [torch.stack(same.knots) for same in self._tensors]
        self.fixed = self._read()
        factors = None
        if any(_has_factors(layer) for same in layers for layer in same):
            factors = self.chain.flatten([_stacked([_factors(layer) for layer in same]) for same in layers])
        self.factors = factors
        self._penalize()

    def _penalize(self) -> None:
        self.penalties, self._known = [], None
        roughness = [self._roughness()] if self.roughness else []  # first: its weights are of the data alone
        ridge = [] if self.ridge is None else [Ridge(self.spline_marks() * self.ridge)]
        self.penalties = [*ridge, *roughness]
        self.count = self.y[0].numel() + sum(penalty.rows for penalty in self.penalties)

    def plain(self, x: Tensor, loss: Tensor, which: Tensor | None = None) -> Tensor:
        """The mean squared error alone, of a sum of all squares."""
        for penalty in self.penalties:
            loss = loss - penalty.apply(x, which).square().sum(-1)
        return loss.clamp_min(0.0)

    def spline_marks(self) -> Tensor:
        """`(n,)` bool: which unknowns are spline coefficients."""
        marks = [
            Parts(torch.ones_like(coef), torch.zeros_like(base), None if numbers is None else torch.zeros_like(numbers))
            for coef, base, numbers in self.chain.unflatten(self.fixed[:1])
        ]
        return self.select(self.chain.flatten(marks))[0] > 0

    def point(self) -> Tensor:
        """`(M, n)` unknowns as the models have them."""
        return self.select(self._read())

    def assign(self, x: Tensor) -> None:
        """Write `(M, n)` unknowns into the models."""
        self.write(self.complete(x))

    @torch.no_grad()
    def write(self, flat: Tensor, knots: Sequence[Tensor] = ()) -> None:
        """Write into the models.

        Args:
            flat: `(M, chain.size)` all weights, see `complete`.
            knots: `(M, I, S+k+1)` knots of every layer; they stay when empty.
        """
        for same, parts in zip(self._tensors, self.chain.unflatten(flat), strict=True):
            for tensors, stack in zip((same.coef, same.base, same.numbers), parts, strict=True):
                for tensor, own in zip(tensors, () if stack is None else stack.unbind(), strict=True):
                    tensor.copy_(own)
        for same, stack in zip(self._tensors, knots, strict=False):
            for tensor, own in zip(same.knots, stack.unbind(), strict=True):
                tensor.copy_(own)

    def residuals(self, x: Tensor, which: Tensor | None = None) -> Tensor:
        """Scaled residuals, see the base class."""
        return self.extended(self._of_rows(x, which), x, which)

    def curvature(
        self, x: Tensor, step: Tensor, middle: Tensor, fraction: float, which: Tensor | None = None
    ) -> Tensor:
        """See the base class; both points in one call of the kernels; penalties, being linear, have none."""
        every = torch.arange(self.models, device=x.device) if which is None else which
        there = torch.cat([x + fraction * step, x - fraction * step])
        ahead, behind = self._of_rows(there, torch.cat([every, every])).chunk(2)
        curved = torch.zeros_like(middle)
        count = ahead.shape[1]
        curved[:, :count] = (ahead - 2 * middle[:, :count] + behind) / fraction**2
        return curved

    def _of_rows(self, x: Tensor, which: Tensor | None) -> Tensor:
        """`(M, B O)` residuals of the data."""
        weights = self.weights(x, which)
        parts = [
            (self.chain.evaluate(weights, rows) - labels) * scale[:, None] for rows, labels, scale in self.chunks(which)
        ]
        return (parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)).flatten(1)

    def extended(self, found: Tensor, x: Tensor, which: Tensor | None) -> Tensor:
        """Residuals of rows, `(M, B O)`, and after them those of the penalties, which are linear in the unknowns."""
        if not self.penalties:
            return found
        return torch.cat([found, *(penalty.apply(x, which) for penalty in self.penalties)], dim=1)

    def linearize(self, x: Tensor, which: Tensor | None = None) -> "KANLinearization":
        """Residuals and their derivatives, see the base class."""
        known, self._known = self._known, None
        if known is not None and which is None and torch.equal(known[0].x, x):
            return KANLinearization(self, x, None, *known)
        return KANLinearization(self, x, which)

    def chunks(self, which: Tensor | None) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Rows, labels and scales, some thousand rows at a time: `(M, c, inputs)`, `(M, c, outputs)`, `(c,)`."""
        x, y = (self.x, self.y) if which is None else (_models(self.x, which), _models(self.y, which))
        if x.shape[1] <= CHUNK:
            yield x, y, self.row_scale
            return
        yield from zip(x.split(CHUNK, dim=1), y.split(CHUNK, dim=1), self.row_scale.split(CHUNK), strict=True)

    def weights(self, x: Tensor, which: Tensor | None) -> list[Weights]:
        """Every layer's weights at `(M, n)` unknowns."""
        flat = self.complete(x, which)
        factors = self._factors(which)
        if factors is not None:
            flat = flat * factors
        knots = self.knots if which is None else [k[which] for k in self.knots]
        return self.chain.weights(flat, knots)

    def spread(self, direction: Tensor, which: Tensor | None) -> Tensor:
        """A change of the unknowns, `(M, n)`, as one of all weights, `(M, chain.size)`."""
        flat, factors = self.wide(direction), self._factors(which)
        return flat if factors is None else flat * factors

    def wide(self, x: Tensor) -> Tensor:
        """`(M, n)` among all weights, `(M, chain.size)`; frozen ones are zero."""
        if self.columns is None:
            return x
        flat = x.new_zeros(len(x), self.chain.size)
        flat[:, self.columns] = x
        return flat

    def gather(self, gradient: Tensor, which: Tensor | None) -> Tensor:
        """The transpose of `spread`; also for the last axis of a matrix."""
        factors = self._factors(which)
        if factors is not None:
            gradient = gradient * (factors if gradient.dim() == 2 else factors[:, None])
        return self.select(gradient)

    def _factors(self, which: Tensor | None) -> Tensor | None:
        return self.factors if which is None or self.factors is None else self.factors[which]

    def _roughness(self) -> Differences:
        """Each layer's differences weighted like the data's mean sensitivity to its coefficients."""
        linear = KANLinearization(self, self.point(), None)
        if self.size <= MOST_DENSE:
            products = linear.of_data()
            self._known = linear, products  # the next step begins here
            diagonal = products.diagonal(dim1=-2, dim2=-1)[:, :-1]
        else:
            diagonal = estimated_diagonal(linear, _PROBES, 0)
        wide = self.wide(diagonal), self.wide(torch.ones_like(diagonal))
        sums, free = ([parts.coef.flatten(1).sum(1) for parts in self.chain.unflatten(flat)] for flat in wide)
        means = torch.stack([a / b.clamp_min(1.0) for a, b in zip(sums, free, strict=True)], dim=1)
        factors = None if self.factors is None else self.select(self.factors)
        weights = (self.roughness * means).sqrt()
        if self._differences is None:
            orders = [min(max(layer.k, 1), layer.spline_weight.shape[1] - 1) for layer in self.chain.layers]
            self._differences = Differences(self.size, self._blocks(), orders, weights, factors)
        return self._differences.reweighted(weights, factors)

    def _blocks(self) -> list[Tensor]:
        """`(I, S, O)` numbers of the unknowns that are each layer's coefficients; -1 for frozen ones."""
        numbers = torch.full((self.chain.size,), -1, device=self.x.device)
        numbers[slice(None) if self.columns is None else self.columns] = torch.arange(self.size, device=self.x.device)
        return [parts.coef[0] for parts in self.chain.unflatten(numbers[None])]

    def _read(self) -> Tensor:
        return self.chain.flatten([_stacked(same.parts()) for same in self._tensors])

    def select(self, flat: Tensor) -> Tensor:
        """The unknowns among all weights, along the last axis."""
        return flat if self.columns is None else flat[..., self.columns]

    def complete(self, x: Tensor, which: Tensor | None = None) -> Tensor:
        """`(M, n)` unknowns to `(M, chain.size)`: with the frozen weights."""
        if self.columns is None:
            return x
        flat = self.fixed.clone() if which is None else self.fixed[which]
        flat[:, self.columns] = x
        return flat

    def _trainable_columns(self) -> Tensor | None:
        layers = zip(*(model.layers for model in self.kans), strict=True)
        trainable = self.chain.flatten([_stacked([_trained(layer) for layer in same]) for same in layers]).any(0)
        return None if bool(trainable.all()) else trainable.nonzero()[:, 0]


def _trained(layer: KANLayer) -> Parts:
    """Which of a layer's weights are unknown: not frozen, and of a spline only where there is one."""
    coef, base, mask = layer.spline_weight.detach(), layer.base_weight.detach(), layer.spline_mask
    alive = torch.ones_like(base, dtype=torch.bool) if mask is None else mask != 0
    symbolic = layer.symbolic
    return Parts(
        (alive & layer.spline_weight.requires_grad)[:, None].expand_as(coef),
        alive & layer.base_weight.requires_grad,
        None if symbolic is None else symbolic.trained(),
    )


def _stacked(parts: Sequence[Parts]) -> Parts:
    """One layer's parts in every model, along a new axis."""
    coef, base, numbers = zip(*parts, strict=True)
    return Parts(torch.stack(coef), torch.stack(base), None if numbers[0] is None else torch.stack(numbers))


def _has_factors(layer: KANLayer) -> bool:
    return layer.spline_mask is not None or layer.spline_scale is not None


@torch.no_grad()
def _factors(layer: KANLayer) -> Parts:
    """What the kernels see of a layer's weights, divided by the weights: scales and masks."""
    coef, symbolic = layer.spline_weight.detach(), layer.symbolic
    mask = torch.ones_like(layer.base_weight) if layer.spline_mask is None else layer.spline_mask
    numbers = None if symbolic is None else symbolic.factors(layer.mask)
    return Parts((layer.scale_sp.detach() * mask)[:, None].expand_as(coef), mask, numbers)


@dataclass
class _Tensors:
    """One layer's weights and knots in every model: the storage itself."""

    coef: list[Tensor]
    base: list[Tensor]
    numbers: list[Tensor]
    knots: list[Tensor]

    @classmethod
    def of(cls, same: Sequence[KANLayer]) -> "_Tensors":
        coef, base = [layer.spline_weight.detach() for layer in same], [layer.base_weight.detach() for layer in same]
        numbers = [layer.symbolic.affine.detach() for layer in same if layer.symbolic is not None]
        return cls(coef, base, numbers, [layer.knots for layer in same])

    def parts(self) -> list[Parts]:
        """The weights of every model."""
        numbers = self.numbers or [None] * len(self.coef)
        return [Parts(*own) for own in zip(self.coef, self.base, numbers, strict=True)]


class KANLinearization(Linearization):
    """What `KANResiduals.linearize` gives; forms `J'J` when it is asked for.

    Args:
        problem: the problem.
        x: `(M, n)` unknowns.
        which: see `Residuals`.
        known: another one at the same point, from before the penalties were what they are now.
        of_data: its `of_data`, which is then changed.
    """

    def __init__(
        self, problem: KANResiduals, x: Tensor, which: Tensor | None, known: "KANLinearization | None" = None,
        of_data: Tensor | None = None,
    ) -> None:  # fmt: skip
        self.problem, self.x, self.which, self._of_data = problem, x, which, of_data
        self.weights = problem.weights(x, which) if known is None else known.weights
        chain = problem.chain
        rows = next(problem.chunks(which))[0]
        self._only = LinearizedChain(chain, self.weights, rows) if known is None else known._only
        self.residual = self._residual()
        self.loss = self.residual.square().sum(-1)
        self._products: Tensor | None = None

    @property
    def gradient(self) -> Tensor:  # pyright: ignore[reportIncompatibleVariableOverride]
        """`(M, n)` `J'r`."""
        if self._products is None:
            return self.vjp(self.residual)
        return self._products[:, -1, :-1]

    def gram(self) -> Tensor:
        """`(M, n, n)` `J'J`, lower triangle."""
        if self._products is None:
            self._products = self._assemble()
        return self._products[:, :-1, :-1]

    def jvp(self, direction: Tensor) -> Tensor:
        """`(M, n)` to `(M, m)`: `J d`."""
        wide = self.problem.spread(direction, self.which)
        parts = [here.jvp(wide) * scale[:, None] for here, _, scale in self._parts()]
        return self.problem.extended(torch.cat(parts, dim=1).flatten(1), direction, self.which)

    def vjp(self, cotangent: Tensor) -> Tensor:
        """`(M, m)` to `(M, n)`: `J'u`."""
        rows, outputs = self.problem.y.shape[1:]
        of_rows = cotangent[:, : rows * outputs].unflatten(1, (rows, outputs))
        total, at = None, 0
        for here, _, scale in self._parts():
            part = here.vjp(of_rows[:, at : at + len(scale)] * scale[:, None])
            total, at = part if total is None else total + part, at + len(scale)
        found = self.problem.gather(total, self.which)  # pyright: ignore[reportArgumentType]
        at = rows * outputs
        for penalty in self.problem.penalties:
            found = found + penalty.transposed(cotangent[:, at : at + penalty.rows], self.which)
            at += penalty.rows
        return found

    def rows(self) -> Iterator[Tensor]:
        """Rows of `J`, some at a time: `(M, c, n)`."""
        for here, _, scale in self._parts():
            for rows in here.rows(scale):
                yield self.problem.gather(rows, self.which)
        for penalty in self.problem.penalties:
            yield penalty.dense(self.which)

    def of_data(self) -> Tensor:
        """`(M, n+1, n+1)` `[J r]' [J r]` of the rows of the data alone, lower triangle."""
        parts = (here.gram((here.y - labels) * scale[:, None], scale) for here, labels, scale in self._parts())
        problem, total = self.problem, next(parts)
        for part in parts:
            total = total + part
        if problem.columns is not None or problem.factors is not None:
            n = problem.chain.size
            inner = problem.gather(problem.gather(total[:, :n, :n], self.which).mT, self.which).mT
            last = problem.gather(total[:, n, :n], self.which)
            total = torch.nn.functional.pad(inner, (0, 1, 0, 1))
            total[:, -1, :-1] = last
        return total

    def _assemble(self) -> Tensor:
        total, self._of_data = self.of_data() if self._of_data is None else self._of_data, None
        problem = self.problem
        for penalty in problem.penalties:
            penalty.add_gram(total[:, :-1, :-1], self.which)
            total[:, -1, :-1] += penalty.transposed(penalty.apply(self.x, self.which), self.which)
        return total

    def _residual(self) -> Tensor:
        rows = self.problem.y.shape[1]
        if rows > CHUNK:
            return self.problem.residuals(self.x, self.which)
        _, labels, scale = next(self.problem.chunks(self.which))
        return self.problem.extended(((self._only.y - labels) * scale[:, None]).flatten(1), self.x, self.which)

    def _parts(self) -> Iterator[tuple[LinearizedChain, Tensor, Tensor]]:
        """Linearized chunks with their labels and scales; the only one is kept, several are computed anew."""
        for x, labels, scale in self.problem.chunks(self.which):
            single = self.problem.y.shape[1] <= CHUNK
            yield (self._only if single else LinearizedChain(self.problem.chain, self.weights, x)), labels, scale


def _models(tensor: Tensor, which: Tensor) -> Tensor:
    """Some of the models' data; data that all share stay shared."""
    shared = len(tensor) == 1 or tensor.stride(0) == 0
    return tensor[:1].expand(len(which), *tensor.shape[1:]) if shared else tensor[which]


class ModuleResiduals(ClosureResiduals):
    """The same of any module: rows of `J` by autograd, row of data by row of data.

    Args:
        model: a module whose outputs at a row depend on that row alone.
        x: `(B, inputs)`.
        y: `(B, outputs)`.
        weight: `(B,)` weights of the rows, of mean one, or None.
    """

    penalties: Sequence[Penalty] = ()

    def __init__(self, model: nn.Module, x: Tensor, y: Tensor, weight: Tensor | None = None) -> None:
        self.model, self.x, self.y = model, x, y[None]
        scale = x.new_full((len(x),), 1 / y.numel()) if weight is None else weight / y.numel()
        self.row_scale = scale.sqrt().reshape(-1, *(1 for _ in y.shape[1:]))
        self.names = [name for name, p in model.named_parameters() if p.requires_grad]
        parameters = [p for p in model.parameters() if p.requires_grad]
        super().__init__(lambda: (model(x) - y) * self.row_scale, parameters)

    def refresh(self) -> None:
        """Nothing is kept that could be out of date."""

    def plain(self, x: Tensor, loss: Tensor) -> Tensor:
        """The mean squared error: there are no penalties."""
        return loss

    def rows(self, x: Tensor) -> Iterator[Tensor]:
        """Rows of the Jacobian, see the base class."""
        pieces = x.split([p.numel() for p in self.parameters])
        point = {n: v.view_as(p) for n, v, p in zip(self.names, pieces, self.parameters, strict=True)}

        def of_row(params: dict[str, Tensor], row: Tensor, scale: Tensor) -> Tensor:
            return (torch.func.functional_call(self.model, params, (row[None],))[0] * scale).reshape(-1)

        jacobian = torch.func.vmap(torch.func.jacrev(of_row), in_dims=(None, 0, 0))
        step = max(1, CHUNK_ELEMENTS // (self.size * self.y[0, 0].numel()))
        for rows, scale in zip(self.x.split(step), self.row_scale.split(step), strict=True):
            found = jacobian(point, rows, scale)
            yield torch.cat([found[name].flatten(2) for name in self.names], dim=2).flatten(0, 1)

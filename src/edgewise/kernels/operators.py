"""The three contractions as torch operators, closed under differentiation.

    evaluate  Y[b,o]   = sum_i h[b,i] sum_s D^m B_s(x[b,i]) C[i,s,o]
    scatter   A[i,s,o] = sum_b h[b,i] D^m B_s(x[b,i]) g[b,o]
    pull      E[b,i]   = sum_o g[b,o] sum_s D^m B_s(x[b,i]) C[i,s,o]

The derivative of each is again one of the three, with `m` or `m + 1`, so these formulas give every
order. `edges` is `evaluate` plus the residual branch `base @ base_weight` in the same pass over the
data: the forward of a KAN layer, with one fused kernel for all of its first derivatives.

Every operator exists twice, with one set of formulas: registered with `torch.library` (what
`torch.compile` and `torch.export` see), and as an `autograd.Function` (half the overhead in eager
mode, and forward-mode derivatives, which registered operators cannot have).

Shapes: `x` and `weight` `(B, I)`, `coef` `(I, S, O)`, `knots` `(I, S+k+1)`, `cotangent` `(B, O)`; or all
of them with a leading model axis `M` (`knots` may go without). Knots are constants: they have no gradient.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from edgewise.kernels import dispatch

_SCHEMAS = {
    "evaluate": "(Tensor x, Tensor coef, Tensor knots, Tensor? weight, int degree, int order, bool linear) -> Tensor",
    "scatter": "(Tensor x, Tensor cotangent, Tensor knots, Tensor? weight, int degree, int order, bool linear) "
    "-> Tensor",
    "pull": "(Tensor x, Tensor coef, Tensor cotangent, Tensor knots, int degree, int order, bool linear) -> Tensor",
    "edges": "(Tensor x, Tensor coef, Tensor base, Tensor base_weight, Tensor knots, int degree, bool linear) "
    "-> Tensor",
    "edges_backward": "(Tensor x, Tensor coef, Tensor base, Tensor base_weight, Tensor cotangent, Tensor knots, "
    "int degree, bool linear, bool need_x) -> (Tensor, Tensor, Tensor, Tensor)",
}


def evaluate(
    x: Tensor, coef: Tensor, knots: Tensor, weight: Tensor | None, degree: int, order: int, linear: bool
) -> Tensor:
    """`Y[b,o] = sum_i h[b,i] sum_s D^m B_s(x[b,i]) C[i,s,o]`, shape `([M,] B, O)`."""
    return _call("evaluate", _Evaluate, x, coef, knots, weight, degree, order, linear)


def scatter(
    x: Tensor, cotangent: Tensor, knots: Tensor, weight: Tensor | None, degree: int, order: int, linear: bool
) -> Tensor:
    """`A[i,s,o] = sum_b h[b,i] D^m B_s(x[b,i]) g[b,o]`, shape `([M,] I, S, O)`."""
    return _call("scatter", _Scatter, x, cotangent, knots, weight, degree, order, linear)


def pull(
    x: Tensor, coef: Tensor, cotangent: Tensor, knots: Tensor, degree: int, order: int, linear: bool
) -> Tensor:
    """`E[b,i] = sum_o g[b,o] sum_s D^m B_s(x[b,i]) C[i,s,o]`, shape `([M,] B, I)`."""
    return _call("pull", _Pull, x, coef, cotangent, knots, degree, order, linear)


def edges(
    x: Tensor, coef: Tensor, base: Tensor, base_weight: Tensor, knots: Tensor, degree: int, linear: bool
) -> Tensor:
    """`evaluate(x, coef) + base @ base_weight` in one pass, shape `([M,] B, O)`."""
    return _call("edges", _Edges, x, coef, base, base_weight, knots, degree, linear)


def _call(name: str, function: type[torch.autograd.Function], *args: Any) -> Any:
    if torch.onnx.is_in_onnx_export():  # ONNX knows plain operations only
        return dispatch.REFERENCE[name](*args)
    if torch.compiler.is_compiling():
        return getattr(torch.ops.edgewise, name)(*args)
    return function.apply(*args)


def _scaled(weight: Tensor | None, value: Tensor) -> Tensor:
    return value if weight is None else weight * value


def _add(*terms: Tensor | None) -> Tensor | None:
    present = [term for term in terms if term is not None]
    return sum(present[1:], start=present[0]) if present else None


class _Evaluate(torch.autograd.Function):
    @staticmethod
    def forward(x, coef, knots, weight, degree, order, linear):
        return dispatch.run("evaluate", x, coef, knots, weight, degree, order, linear)

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, coef, knots, weight, *ctx.options = inputs
        ctx.save_for_backward(x, coef, knots, weight)
        ctx.save_for_forward(x, coef, knots, weight)

    @staticmethod
    def backward(ctx, g):
        x, coef, knots, h = ctx.saved_tensors
        degree, order, linear = ctx.options
        need = ctx.needs_input_grad
        dx = _scaled(h, pull(x, coef, g, knots, degree, order + 1, linear)) if need[0] else None
        dcoef = scatter(x, g, knots, h, degree, order, linear) if need[1] else None
        dh = pull(x, coef, g, knots, degree, order, linear) if need[3] else None
        return dx, dcoef, None, dh, None, None, None

    @staticmethod
    def jvp(ctx, dx, dcoef, _dknots, dh, *_):
        x, coef, knots, h = ctx.saved_tensors
        degree, order, linear = ctx.options
        return _add(
            None if dx is None else evaluate(x, coef, knots, _scaled(h, dx), degree, order + 1, linear),
            None if dcoef is None else evaluate(x, dcoef, knots, h, degree, order, linear),
            None if dh is None else evaluate(x, coef, knots, dh, degree, order, linear),
        )

    @staticmethod
    def vmap(info, in_dims, x, coef, knots, weight, *options):
        return _map_models(evaluate, info, in_dims, (x, coef, knots, weight), (2, 3, 2, 2), options)


class _Scatter(torch.autograd.Function):
    @staticmethod
    def forward(x, cotangent, knots, weight, degree, order, linear):
        return dispatch.run("scatter", x, cotangent, knots, weight, degree, order, linear)

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, cotangent, knots, weight, *ctx.options = inputs
        ctx.save_for_backward(x, cotangent, knots, weight)
        ctx.save_for_forward(x, cotangent, knots, weight)

    @staticmethod
    def backward(ctx, p):
        x, g, knots, h = ctx.saved_tensors
        degree, order, linear = ctx.options
        need = ctx.needs_input_grad
        dx = _scaled(h, pull(x, p, g, knots, degree, order + 1, linear)) if need[0] else None
        dg = evaluate(x, p, knots, h, degree, order, linear) if need[1] else None
        dh = pull(x, p, g, knots, degree, order, linear) if need[3] else None
        return dx, dg, None, dh, None, None, None

    @staticmethod
    def jvp(ctx, dx, dg, _dknots, dh, *_):
        x, g, knots, h = ctx.saved_tensors
        degree, order, linear = ctx.options
        return _add(
            None if dx is None else scatter(x, g, knots, _scaled(h, dx), degree, order + 1, linear),
            None if dg is None else scatter(x, dg, knots, h, degree, order, linear),
            None if dh is None else scatter(x, g, knots, dh, degree, order, linear),
        )

    @staticmethod
    def vmap(info, in_dims, x, cotangent, knots, weight, *options):
        return _map_models(scatter, info, in_dims, (x, cotangent, knots, weight), (2, 2, 2, 2), options)


class _Pull(torch.autograd.Function):
    @staticmethod
    def forward(x, coef, cotangent, knots, degree, order, linear):
        return dispatch.run("pull", x, coef, cotangent, knots, degree, order, linear)

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, coef, cotangent, knots, *ctx.options = inputs
        ctx.save_for_backward(x, coef, cotangent, knots)
        ctx.save_for_forward(x, coef, cotangent, knots)

    @staticmethod
    def backward(ctx, e):
        x, coef, g, knots = ctx.saved_tensors
        degree, order, linear = ctx.options
        need = ctx.needs_input_grad
        dx = e * pull(x, coef, g, knots, degree, order + 1, linear) if need[0] else None
        dcoef = scatter(x, g, knots, e, degree, order, linear) if need[1] else None
        dg = evaluate(x, coef, knots, e, degree, order, linear) if need[2] else None
        return dx, dcoef, dg, None, None, None, None

    @staticmethod
    def jvp(ctx, dx, dcoef, dg, *_):
        x, coef, g, knots = ctx.saved_tensors
        degree, order, linear = ctx.options
        return _add(
            None if dx is None else dx * pull(x, coef, g, knots, degree, order + 1, linear),
            None if dcoef is None else pull(x, dcoef, g, knots, degree, order, linear),
            None if dg is None else pull(x, coef, dg, knots, degree, order, linear),
        )

    @staticmethod
    def vmap(info, in_dims, x, coef, cotangent, knots, *options):
        return _map_models(pull, info, in_dims, (x, coef, cotangent, knots), (2, 3, 2, 2), options)


class _Edges(torch.autograd.Function):
    @staticmethod
    def forward(x, coef, base, base_weight, knots, degree, linear):
        return dispatch.run("edges", x, coef, base, base_weight, knots, degree, linear)

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, coef, base, base_weight, knots, *ctx.options = inputs
        ctx.save_for_backward(x, coef, base, base_weight, knots)
        ctx.save_for_forward(x, coef, base, base_weight, knots)

    @staticmethod
    def backward(ctx, g):
        x, coef, base, base_weight, knots = ctx.saved_tensors
        degree, linear = ctx.options
        need = ctx.needs_input_grad
        if not torch.is_grad_enabled():  # first derivatives only: one fused pass
            arguments = (x, coef, base, base_weight, g, knots, degree, linear, need[0] or need[2])
            if torch.compiler.is_compiling():
                grads = torch.ops.edgewise.edges_backward(*arguments)
            else:
                grads = dispatch.run("edges_backward", *arguments)
            dx, dcoef, dbase, dweight = (grad if n else None for grad, n in zip(grads, need, strict=False))
            return dx, dcoef, dbase, dweight, None, None, None
        dx = pull(x, coef, g, knots, degree, 1, linear) if need[0] else None
        dcoef = scatter(x, g, knots, None, degree, 0, linear) if need[1] else None
        dbase = g @ base_weight.mT if need[2] else None
        dweight = base.mT @ g if need[3] else None
        return dx, dcoef, dbase, dweight, None, None, None

    @staticmethod
    def jvp(ctx, dx, dcoef, dbase, dweight, *_):
        x, coef, base, base_weight, knots = ctx.saved_tensors
        degree, linear = ctx.options
        return _add(
            None if dx is None else evaluate(x, coef, knots, dx, degree, 1, linear),
            None if dcoef is None else evaluate(x, dcoef, knots, None, degree, 0, linear),
            None if dbase is None else dbase @ base_weight,
            None if dweight is None else base @ dweight,
        )

    @staticmethod
    def vmap(info, in_dims, x, coef, base, base_weight, knots, *options):
        return _map_models(edges, info, in_dims, (x, coef, base, base_weight, knots), (2, 3, 2, 2, 2), options)


def _map_models(
    function: Callable[..., Tensor],
    info: Any,
    in_dims: tuple[int | None, ...],
    tensors: tuple[Tensor | None, ...],
    ranks: tuple[int, ...],
    options: tuple,
) -> tuple[Tensor, int]:
    """Run `function` under `vmap`: the mapped axis becomes (part of) the model axis.

    `ranks` are the ranks of the tensors without mapped and model axes.
    """
    size = info.batch_size
    logical = [None if t is None else t.dim() - (d is not None) for t, d in zip(tensors, in_dims, strict=False)]
    first = tensors[0] if in_dims[0] is None else tensors[0].movedim(in_dims[0], 0)[0]
    models = first.shape[0] if first.dim() == 3 else None

    def prepare(tensor: Tensor | None, dim: int | None, own_rank: int | None, rank: int) -> Tensor | None:
        if tensor is None or own_rank is None:
            return None
        tensor = tensor.movedim(dim, 0) if dim is not None else tensor.expand(size, *tensor.shape)
        if models is None:
            return tensor
        if own_rank == rank:  # knots shared by all models
            tensor = tensor[:, None].expand(-1, models, *tensor.shape[1:])
        return tensor.flatten(0, 1)

    ready = [prepare(t, d, r, k) for t, d, r, k in zip(tensors, in_dims, logical, ranks, strict=False)]
    result = function(*ready, *options)
    return (result if models is None else result.unflatten(0, (size, models))), 0


_LIBRARY = torch.library.Library("edgewise", "DEF")


def _register(name: str, function: type[torch.autograd.Function] | None) -> None:
    _LIBRARY.define(name + _SCHEMAS[name], tags=[torch.Tag.pt2_compliant_tag])
    qualified = f"edgewise::{name}"

    def kernel(*args: Any) -> Any:
        return dispatch.run(name, *args)

    _LIBRARY.impl(name, kernel, "CompositeExplicitAutograd")
    torch.library.register_fake(qualified, getattr(dispatch, f"fake_{name}"), lib=_LIBRARY)
    if function is None:
        return

    def setup_context(ctx, inputs, output):
        function.setup_context(_OnlyBackward(ctx), inputs, output)

    torch.library.register_autograd(qualified, function.backward, setup_context=setup_context, lib=_LIBRARY)
    torch.library.register_vmap(qualified, function.vmap, lib=_LIBRARY)


class _OnlyBackward:
    """A context without `save_for_forward`, which registered operators lack."""

    def __init__(self, ctx: Any) -> None:
        object.__setattr__(self, "_ctx", ctx)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._ctx, name, value)

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        self._ctx.save_for_backward(*tensors)

    def save_for_forward(self, *tensors: Tensor | None) -> None:
        """Nothing to save."""


_register("evaluate", _Evaluate)
_register("scatter", _Scatter)
_register("pull", _Pull)
_register("edges", _Edges)
_register("edges_backward", None)

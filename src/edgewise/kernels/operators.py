"""The three contractions as torch operators, closed under differentiation.

    evaluate  Y[b,o]   = sum_i h[b,i] sum_s D^m B_s(x[b,i]) C[i,s,o]
    scatter   A[i,s,o] = sum_b h[b,i] D^m B_s(x[b,i]) g[b,o]
    pull      E[b,i]   = sum_o g[b,o] sum_s D^m B_s(x[b,i]) C[i,s,o]

The derivative of each is again one of the three, with `m` or `m + 1`, so these formulas give every
order. `edges` is `evaluate` plus the residual branch `silu(x) @ base_weight` in the same pass over the
data: the forward of a KAN layer, with one fused kernel for all of its first derivatives.

Every operator has one set of formulas in three dresses: registered with `torch.library` (what
`torch.compile` and `torch.export` see); an `autograd.Function` for `torch.func` and forward-mode
derivatives, which registered operators cannot have; and one without `setup_context`, which saves some
15 microseconds a call where neither is active.

Shapes: `x` and `weight` `(B, I)`, `coef` `(I, S, O)`, `knots` `(I, S+k+1)`, `cotangent` `(B, O)`; or all
of them with a leading model axis `M` (`knots` may go without). Knots are constants: they have no gradient.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import silu

from edgewise.kernels import dispatch

_SCHEMAS = {
    "evaluate": "(Tensor x, Tensor coef, Tensor knots, Tensor? weight, int degree, int order, bool linear) -> Tensor",
    "scatter": "(Tensor x, Tensor cotangent, Tensor knots, Tensor? weight, int degree, int order, bool linear) "
    "-> Tensor",
    "pull": "(Tensor x, Tensor coef, Tensor cotangent, Tensor knots, int degree, int order, bool linear) -> Tensor",
    "edges": "(Tensor x, Tensor coef, Tensor base_weight, Tensor knots, int degree, bool linear) -> Tensor",
    "edges_backward": "(Tensor x, Tensor coef, Tensor base_weight, Tensor cotangent, Tensor knots, "
    "int degree, bool linear, bool need_x) -> (Tensor, Tensor, Tensor)",
}


def evaluate(
    x: Tensor, coef: Tensor, knots: Tensor, weight: Tensor | None, degree: int, order: int, linear: bool
) -> Tensor:
    """`Y[b,o] = sum_i h[b,i] sum_s D^m B_s(x[b,i]) C[i,s,o]`, shape `([M,] B, O)`."""
    return _call("evaluate", x, coef, knots, weight, degree, order, linear)


def scatter(
    x: Tensor, cotangent: Tensor, knots: Tensor, weight: Tensor | None, degree: int, order: int, linear: bool
) -> Tensor:
    """`A[i,s,o] = sum_b h[b,i] D^m B_s(x[b,i]) g[b,o]`, shape `([M,] I, S, O)`."""
    return _call("scatter", x, cotangent, knots, weight, degree, order, linear)


def pull(x: Tensor, coef: Tensor, cotangent: Tensor, knots: Tensor, degree: int, order: int, linear: bool) -> Tensor:
    """`E[b,i] = sum_o g[b,o] sum_s D^m B_s(x[b,i]) C[i,s,o]`, shape `([M,] B, I)`."""
    return _call("pull", x, coef, cotangent, knots, degree, order, linear)


def edges(x: Tensor, coef: Tensor, base_weight: Tensor, knots: Tensor, degree: int, linear: bool) -> Tensor:
    """`evaluate(x, coef) + silu(x) @ base_weight` in one pass, shape `([M,] B, O)`."""
    return _call("edges", x, coef, base_weight, knots, degree, linear)


def edges_gradients(
    x: Tensor, coef: Tensor, base_weight: Tensor, g: Tensor, knots: Tensor, degree: int, linear: bool,
    need: Sequence[bool],
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:  # fmt: skip
    """Gradients of `edges`, which can be differentiated where grad mode is on; where it is off, in one fused pass.

    Args:
        x: as for `edges`.
        coef: as for `edges`.
        base_weight: as for `edges`.
        g: `([M,] B, O)` cotangent.
        knots: as for `edges`.
        degree: polynomial degree k.
        linear: how functions continue outside the grid.
        need: which of the three are asked for.

    Returns:
        Gradients with respect to `x`, `coef` and `base_weight`; None where not asked for.
    """
    if not torch.is_grad_enabled() and not _is_transformed():
        arguments = (x, coef, base_weight, g, knots, degree, linear, need[0])
        if _is_traced():
            grads = torch.ops.edgewise.edges_backward(*arguments)
        else:
            grads = dispatch.run("edges_backward", *arguments)
        dx, dcoef, dweight = (grad if n else None for grad, n in zip(grads, need, strict=True))
        return dx, dcoef, dweight
    dx = None
    if need[0]:
        dx = pull(x, coef, g, knots, degree, 1, linear) + dispatch.silu_slope(x) * (g @ base_weight.mT)
    dcoef = scatter(x, g, knots, None, degree, 0, linear) if need[1] else None
    dweight = silu(x).mT @ g if need[2] else None
    return dx, dcoef, dweight


def _call(name: str, *args: Any) -> Any:
    if torch.onnx.is_in_onnx_export():  # ONNX knows plain operations only
        return dispatch.REFERENCE[name](*args)
    if _is_traced():
        return getattr(torch.ops.edgewise, name)(*args)
    if not _is_transformed():
        return _EAGER[name].apply(*args)
    return _TRANSFORMABLE[name].apply(*args)


def _is_traced() -> bool:
    """Whether somebody records operators: the compiler, or a dispatch mode such as a tracer or a counter."""
    return torch.compiler.is_compiling() or torch._C._len_torch_dispatch_stack() > 0


def _is_transformed() -> bool:
    """Whether a transformation of `torch.func` is active."""
    return torch._C._functorch.peek_interpreter_stack() is not None  # pyright: ignore[reportAttributeAccessIssue]


def is_plain_eager() -> bool:
    """Whether nobody records, transforms or exports what is computed."""
    return not (torch.onnx.is_in_onnx_export() or _is_traced() or _is_transformed())


def _scaled(weight: Tensor | None, value: Tensor) -> Tensor:
    return value if weight is None else weight * value


def _add(*terms: Tensor | None) -> Tensor | None:
    present = [term for term in terms if term is not None]
    return sum(present[1:], start=present[0]) if present else None


class _Evaluate:
    @staticmethod
    def keep(ctx, inputs, output):
        x, coef, knots, weight, *ctx.options = inputs
        _save(ctx, x, coef, knots, weight)

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


class _Scatter:
    @staticmethod
    def keep(ctx, inputs, output):
        x, cotangent, knots, weight, *ctx.options = inputs
        _save(ctx, x, cotangent, knots, weight)

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


class _Pull:
    @staticmethod
    def keep(ctx, inputs, output):
        x, coef, cotangent, knots, *ctx.options = inputs
        _save(ctx, x, coef, cotangent, knots)

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


class _Edges:
    @staticmethod
    def keep(ctx, inputs, output):
        x, coef, base_weight, knots, *ctx.options = inputs
        _save(ctx, x, coef, base_weight, knots)

    @staticmethod
    def backward(ctx, g):
        x, coef, base_weight, knots = ctx.saved_tensors
        degree, linear = ctx.options
        need = ctx.needs_input_grad
        return *edges_gradients(x, coef, base_weight, g, knots, degree, linear, need[:3]), None, None, None

    @staticmethod
    def jvp(ctx, dx, dcoef, dweight, *_):
        x, coef, base_weight, knots = ctx.saved_tensors
        degree, linear = ctx.options
        return _add(
            None if dx is None else evaluate(x, coef, knots, dx, degree, 1, linear),
            None if dx is None else (dispatch.silu_slope(x) * dx) @ base_weight,
            None if dcoef is None else evaluate(x, dcoef, knots, None, degree, 0, linear),
            None if dweight is None else silu(x) @ dweight,
        )

    @staticmethod
    def vmap(info, in_dims, x, coef, base_weight, knots, *options):
        return _map_models(edges, info, in_dims, (x, coef, base_weight, knots), (2, 3, 2, 2), options)


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

    Returns:
        The result and its mapped axis, 0.
    """
    size = info.batch_size
    logical = [None if t is None else t.dim() - (d is not None) for t, d in zip(tensors, in_dims, strict=False)]
    x: Any = tensors[0]
    first = x if in_dims[0] is None else x.movedim(in_dims[0], 0)[0]
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


def _save(ctx: Any, *tensors: Tensor | None) -> None:
    ctx.save_for_backward(*tensors)
    ctx.save_for_forward(*tensors)


def _functions(name: str, formulas: type) -> tuple[Any, Any]:
    """The same formulas as an eager function and as one that `torch.func` can transform."""

    def transformable(*args: Any) -> Any:
        return dispatch.run(name, *args)

    def eager(ctx: Any, *args: Any) -> Any:
        result = dispatch.run(name, *args)
        formulas.keep(ctx, args, result)
        return result

    bases = (formulas, torch.autograd.Function)
    members = {"forward": staticmethod(transformable), "setup_context": staticmethod(formulas.keep)}
    return (
        type(f"{name}_eager", bases, {"forward": staticmethod(eager)}),
        type(f"{name}_transformable", bases, members),
    )


_LIBRARY = torch.library.Library("edgewise", "DEF")
_EAGER: dict[str, Any] = {}
_TRANSFORMABLE: dict[str, Any] = {}


def _register(name: str, formulas: Any = None) -> None:
    _LIBRARY.define(name + _SCHEMAS[name], tags=[torch.Tag.pt2_compliant_tag])
    qualified = f"edgewise::{name}"

    def kernel(*args: Any) -> Any:
        return dispatch.run(name, *args)

    _LIBRARY.impl(name, kernel, "CompositeExplicitAutograd")
    torch.library.register_fake(qualified, getattr(dispatch, f"fake_{name}"), lib=_LIBRARY)
    if formulas is None:
        return
    torch.library.register_autograd(qualified, formulas.backward, setup_context=formulas.keep, lib=_LIBRARY)
    torch.library.register_vmap(qualified, formulas.vmap, lib=_LIBRARY)
    _EAGER[name], _TRANSFORMABLE[name] = _functions(name, formulas)


_register("evaluate", _Evaluate)
_register("scatter", _Scatter)
_register("pull", _Pull)
_register("edges", _Edges)
_register("edges_backward")

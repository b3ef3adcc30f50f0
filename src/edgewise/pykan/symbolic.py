"""From splines to functions and formulas, with pykan's arguments, over `edgewise.interpret`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch

from edgewise import interpret
from edgewise.errors import ParameterError
from edgewise.interpret import EdgeFit, Library, Suggestion, Suggestions, fit_edge
from edgewise.interpret.edge_fit import description
from edgewise.pykan.library import SYMBOLIC_LIB, function_of
from edgewise.pykan.messages import say

if TYPE_CHECKING:
    import sympy

    from edgewise.pykan.MultKAN import MultKAN

WEIGHT_SIMPLE = 0.8
"""pykan's default weight of complexity, at which edgewise's own balance stands."""
_POLISHED = 8
"""Functions that are fitted to the last digit where edgewise's own balance can choose them."""


def fix_symbolic(
    model: MultKAN, l: int, i: int, j: int, fun_name: str | Callable[..., Any], fit_params_bool: bool, random: bool,
    verbose: bool,
) -> torch.Tensor | None:  # fmt: skip
    """Give an edge a function.

    Args:
        model: changed in place.
        l: layer.
        i: input node.
        j: sum of the next layer.
        fun_name: a name in `SYMBOLIC_LIB`, or a function of tensors.
        fit_params_bool: fit `c f(a x + b) + d` to the edge on the data that the model saw last.
        random: else take random numbers instead of 1, 0, 1, 0.
        verbose: say r2 on stderr.

    Returns:
        r2 of a fit.
    """
    layer = model.kan.layer_of(l, i, j)
    edges = model.symbolic_fun[l]
    if not fit_params_bool:
        edges.fix_symbolic(i, j, fun_name, random=random)
        r2 = None
    elif bool(layer.mask[i, j] == 0):  # it is zero; its mask stays
        r2 = edges.fix_symbolic(i, j, "0")
    else:
        samples = model.seen.acts[l][:, i], model.seen.spline_postacts[l][:, j, i]
        r2 = edges.fix_symbolic(i, j, fun_name, *samples, verbose=verbose)
    if not fit_params_bool:
        mask = layer.mask.clone()
        mask[i, j] = 1.0
        layer.set_mask(mask)
    model.forget()
    return r2


def library(names: Sequence[str] | None) -> Library:
    """Entries of `SYMBOLIC_LIB` as an `edgewise.interpret.Library`.

    Args:
        names: which; those of `SYMBOLIC_LIB` that are no twin of another when absent.

    Returns:
        The library.

    Raises:
        ParameterError: a text instead of a list of names.
    """
    if isinstance(names, str):
        raise ParameterError(f"`lib` must be a list of names, like [{names!r}]; got the text {names!r}.")
    every = [function_of(name) for name in (SYMBOLIC_LIB if names is None else names)]
    return Library.of([function for function in every if names is not None or function.twin_of is None])


def suggest_symbolic(
    model: MultKAN, l: int, i: int, j: int, lib: Sequence[str] | None, topk: int, verbose: bool,
    r2_loss_fun: Callable[..., Any] | None, c_loss_fun: Callable[..., Any] | None, weight_simple: float,
) -> tuple[str, Any, float, int]:  # fmt: skip
    """Functions for an edge, best first.

    Args:
        model: not changed. (pykan's is.)
        l: layer.
        i: input node.
        j: sum of the next layer.
        lib: names in `SYMBOLIC_LIB`.
        topk: how many to say.
        verbose: say them on stderr.
        r2_loss_fun: pykan's measure of r2, with its sum; edgewise's own when absent.
        c_loss_fun: pykan's measure of complexity.
        weight_simple: 0 asks for the closest function, 1 for the simplest.

    Returns:
        Name, entry of `SYMBOLIC_LIB`, r2 and complexity of the best.

    Raises:
        ParameterError: a weight outside [0, 1], or no function is defined on the samples.
    """
    if not 0 <= weight_simple <= 1:
        raise ParameterError(f"`weight_simple` must be in [0, 1]; got {weight_simple!r}.")
    if bool(model.kan.layer_of(l, i, j).mask[i, j] == 0):
        raise ParameterError(f"edge ({l}, {i}, {j}) was removed; nothing is to be said about it.")
    most = None if (r2_loss_fun or c_loss_fun or weight_simple != WEIGHT_SIMPLE) else max(topk, _POLISHED)
    found = fit_edge(model.seen.acts[l][:, i], model.seen.spline_postacts[l][:, j, i], list(library(lib)), most)
    if not found:
        raise ParameterError(f"no function of the library is defined on the values that reach edge ({l}, {i}, {j}).")

    def cost(one: EdgeFit) -> float:
        if r2_loss_fun is None and c_loss_fun is None:
            return _balance(one.missing, one.cost, weight_simple)
        far = description(one.missing, 0.0) if r2_loss_fun is None else float(r2_loss_fun(one.r2))
        long = one.function.complexity if c_loss_fun is None else float(c_loss_fun(one.function.complexity))
        return weight_simple * long + (1 - weight_simple) * far

    found.sort(key=cost)
    if verbose:
        rows = [(one.function, one.r2, one.missing, one.numbers) for one in found[:topk]]
        say(repr(Suggestions(Suggestion(f.name, r2, missing, f.complexity, None, n) for f, r2, missing, n in rows)))
    best = found[0].function
    return best.name, SYMBOLIC_LIB[best.name], found[0].r2, best.complexity


def _balance(missing: float, complexity: float, weight_simple: float) -> float:
    """`edgewise.interpret.edge_fit.description`, with complexity counted more or less."""
    if weight_simple == 1:
        return float(complexity)
    odds = weight_simple / (1 - weight_simple)
    return description(missing, complexity * odds * (1 - WEIGHT_SIMPLE) / WEIGHT_SIMPLE)


def auto_symbolic(
    model: MultKAN, lib: Sequence[str] | None, verbose: int, weight_simple: float, r2_threshold: float
) -> None:
    """Give every edge a function.

    With the default weight, edges are first chosen by the loss of the whole model on the data it was last trained on
    (its own predictions where there are none); every edge that is left then gets what follows its spline best.

    Args:
        model: changed in place.
        lib: names in `SYMBOLIC_LIB`.
        verbose: say what happens on stderr.
        weight_simple: with another value than pykan's default each edge is looked at alone.
        r2_threshold: an edge that no function follows as well stays a spline.
    """
    before = set(model.kan.symbolic_edges)
    if weight_simple == WEIGHT_SIMPLE and not r2_threshold:
        rows = model.trained_on if model.trained_on is not None else (model.seen.x, None)
        interpret.auto_symbolic(model.kan, *rows, lib=library(lib))
        model.forget()
    for l, layer in enumerate(model.kan.layers):
        for i, j in layer.mask.nonzero().tolist():
            edge, name = (l, i, j), model.kan.symbolic_edges.get((l, i, j))
            if name is None:
                say_of = _choose(model, edge, lib, weight_simple, r2_threshold)
            else:
                say_of = f"skipping {edge} since already {name}" if edge in before else f"fixing {edge} with {name}"
            if verbose:
                say(say_of)


def _choose(model: MultKAN, edge: tuple[int, int, int], lib: Sequence[str] | None, weight: float, least: float) -> str:
    name, _, r2, c = suggest_symbolic(model, *edge, lib, 1, False, None, None, weight)
    if r2 < least:
        return f"{edge} stays a spline: the best is {name}, whose r2={r2:.6g} is below {least}; train on, or lower it"
    fix_symbolic(model, *edge, name, True, False, False)
    return f"fixing {edge} with {name}, r2={r2:.10g}, c={c}"


def symbolic_formula(
    model: MultKAN, var: Sequence[Any] | None, normalizer: Any, output_normalizer: Any
) -> tuple[list[sympy.Expr], list[Any]]:
    """One expression per output, and the variables.

    Differs from pykan: products of any arity are right, and an edge that is still a spline is an undefined function
    `phi_l_i_j`, where pykan drops it.

    Args:
        model: not changed.
        var: names or expressions of the inputs; `x_1, x_2, ...` when absent.
        normalizer: `[mean, std]` of the inputs before they were normalized.
        output_normalizer: `[mean, std]` of the outputs.

    Returns:
        Expressions and variables.

    Raises:
        ParameterError: another number of variables, means or deviations.
    """
    import sympy

    inputs, outputs = model.kan.in_features, model.kan.out_features
    names = [f"x_{n + 1}" for n in range(inputs)] if var is None else list(var)
    _check_sizes("var", [names], inputs)
    variables = [name if isinstance(name, sympy.Basic) else sympy.Symbol(str(name)) for name in names]
    expressions, symbols = interpret.symbolic_formula(model.kan)
    values = dict(zip(symbols, variables, strict=True))
    if normalizer is not None:
        _check_sizes("normalizer", normalizer, inputs)
        parts = zip(symbols, variables, *normalizer, strict=True)
        values = {symbol: (variable - float(mean)) / float(std) for symbol, variable, mean, std in parts}
    found: list[Any] = [expression.xreplace(values) for expression in expressions]
    if output_normalizer is not None:
        _check_sizes("output_normalizer", output_normalizer, outputs)
        found = [e * float(std) + float(mean) for e, mean, std in zip(found, *output_normalizer, strict=True)]
    return found, variables


def _check_sizes(name: str, parts: Sequence[Any], size: int) -> None:
    if any(len(part) != size for part in parts):
        raise ParameterError(f"`{name}` must have {size} entries each; got {[len(part) for part in parts]}.")

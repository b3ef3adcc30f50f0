"""pykan's table of symbolic functions, over the functions that edgewise knows.

An entry is `(torch function, sympy function, complexity, safe function)`. The last one takes `(x, limit)` and returns
`((), values)` that are finite and at most `limit` in size.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from edgewise.errors import DomainError, ParameterError
from edgewise.interpret.edge_fit import fit_edge
from edgewise.layers import Function, function_named
from edgewise.pykan.messages import say_r2

_NAMES = (  # noqa: SIM905  a table reads better
    "x x^2 x^3 x^4 x^5 1/x 1/x^2 1/x^3 1/x^4 1/x^5 sqrt x^0.5 x^1.5 1/sqrt(x) 1/x^0.5 exp log abs sin cos tan tanh sgn "
    "arcsin arccos arctan arctanh 0 gaussian"
).split()
_ENDS = {"z > 0": (0.0, torch.inf), "z >= 0": (0.0, torch.inf), "-1 <= z <= 1": (-1.0, 1.0), "-1 < z < 1": (-1.0, 1.0)}
_HARMLESS = 0.5
"""A point where every function of the table has a finite value and slope."""
_BESSEL = {torch.special.bessel_j0: "j0", torch.special.bessel_j1: "j1"}
"""torch's have no derivative; edgewise has functions that do."""


def limited(function: Callable[[Tensor], Tensor], domain: str = "") -> Callable[..., tuple[tuple[()], Tensor]]:
    """A function that is finite everywhere.

    Args:
        function: elementwise on tensors.
        domain: where it is defined, in the words of `edgewise.layers.Function`.

    Returns:
        `(x, limit) -> ((), values)`: the function at the nearest point of its domain, at most `limit` in size, with
        slope zero where that changed it and at the ends of the domain. Differs from pykan: within domain and limit it
        is the function itself; pykan has `sign(x) sqrt(|x|)` and `log |x|`.
    """
    lo, hi = _ENDS.get(domain, (-torch.inf, torch.inf))

    def safe(x: Tensor, limit: float | Tensor) -> tuple[tuple[()], Tensor]:
        ends = torch.as_tensor(limit, dtype=x.dtype, device=x.device)
        with torch.no_grad():
            nearest = function(x.clamp(lo, hi))
            inside = (x > lo) & (x < hi) & (nearest.abs() <= ends)
            outside = torch.maximum(torch.minimum(nearest, ends), -ends)
        # No derivative is taken where it is infinite: zero times infinity would be NaN.
        return (), torch.where(inside, function(torch.where(inside, x, _HARMLESS)), outside)

    return safe


def sympy_function(function: Function) -> Callable[[Any], Any]:
    """A function for sympy expressions; sympy is imported when it is called."""

    def expression(x: Any) -> Any:
        import sympy

        z = sympy.Symbol("z")
        formula: Any = sympy.sympify(function.formula, locals={"z": z})  # pyright: ignore[reportCallIssue, reportArgumentType]
        return formula.subs(z, x)

    return expression


def _entry(function: Function, safe: Callable[..., Any] | None = None) -> tuple[Any, ...]:
    return (
        function.torch,
        sympy_function(function),
        function.complexity,
        safe or limited(function.torch, function.domain),
    )


SYMBOLIC_LIB: dict[str, tuple[Any, ...]] = {name: _entry(function_named(name)) for name in _NAMES}
"""Functions by name, for the whole process as in pykan; `edgewise.interpret.Library` belongs to whoever made it."""
_ADDED: dict[str, Function] = {}


def add_symbolic(
    name: str, fun: Callable[[Tensor], Tensor], c: int = 1, fun_singularity: Callable[..., Any] | None = None
) -> None:
    """Add a function to `SYMBOLIC_LIB`, or replace one.

    Args:
        name: of the function. In formulas it is an undefined function of that name, whatever sympy means by it.
        fun: elementwise on tensors, differentiable. The Bessel functions of torch, which are not, are replaced by
            edgewise's, with their formulas.
        c: complexity, in the unit of `"x"`.
        fun_singularity: `(x, limit) -> (anything, values)`, finite everywhere; made from `fun` when absent. (pykan then
            takes `fun` itself, which crashes when it is used.)

    Raises:
        ParameterError: `name` is empty or no text, `fun` cannot be called, or `c` is no int >= 0.
    """
    if not isinstance(name, str) or not name:
        raise ParameterError(f"`name` must be a text; got {name!r}.")
    if not callable(fun):
        raise ParameterError(f"`fun` must be a function of a tensor; got {type(fun).__name__}.")
    if not isinstance(c, int) or isinstance(c, bool) or c < 0:
        raise ParameterError(f"`c` must be an int >= 0; got {c!r}.")
    known = function_named(_BESSEL[fun]) if fun in _BESSEL else None
    function = known.torch if known else fun
    formula = known.formula if known else f"Function({name!r})(z)"
    _ADDED[name] = Function(name, function, formula, c, periodic=True)
    SYMBOLIC_LIB[name] = _entry(_ADDED[name], fun_singularity)


def function_of(name: str) -> Function:
    """An entry of `SYMBOLIC_LIB` as edgewise's layers take it.

    Args:
        name: its name.

    Returns:
        The function.

    Raises:
        ParameterError: there is none of that name.
    """
    if name not in SYMBOLIC_LIB:
        raise ParameterError(
            f"there is no function {name!r} in SYMBOLIC_LIB; it has {', '.join(map(repr, SYMBOLIC_LIB))}. "
            "Add one with `add_symbolic(name, fun)`."
        )
    return _ADDED[name] if name in _ADDED else function_named(name)


def fit_params(
    x: Tensor,
    y: Tensor,
    fun: Callable[[Tensor], Tensor],
    a_range: tuple[float, float] = (-10, 10),
    b_range: tuple[float, float] = (-10, 10),
    grid_number: int = 101,
    iteration: int = 3,
    verbose: bool = True,
    device: torch.device | str | None = None,
) -> tuple[Tensor, Tensor]:
    """Fit `c fun(a x + b) + d`.

    Differs from pykan: a solver finds a and b wherever they are, in memory that does not grow with the samples, and r2
    has no constant added that would make small values look badly fitted.

    Args:
        x: `(N,)` inputs.
        y: `(N,)` values.
        fun: elementwise on tensors, differentiable.
        a_range: not needed.
        b_range: not needed.
        grid_number: not needed.
        iteration: not needed.
        verbose: say r2 on stderr.
        device: of the result; that of `x` when absent.

    Returns:
        `(4,)` a, b, c, d, and r2.

    Raises:
        DomainError: `fun` is not finite on all samples for any a and b that were tried.
    """
    function = Function("fun", fun, "", 1, periodic=True)
    fits = fit_edge(x.detach().flatten(), y.detach().flatten(), [function])
    if not fits:
        raise DomainError("`fun` is finite on all samples for no a and b that were tried; look at its domain.")
    best = fits[0]
    if verbose:
        say_r2(best.r2)
    device = x.device if device is None else device
    numbers = torch.tensor(best.numbers[:4], dtype=x.dtype, device=device)
    return numbers, torch.tensor(best.r2, dtype=x.dtype, device=device)

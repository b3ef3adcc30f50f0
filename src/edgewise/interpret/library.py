"""The functions that a symbolic search may use: the built-in ones, and the user's own."""

# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportReturnType=false
# (sympy's annotations are of Basic where its functions give Expr)

from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import Tensor

from edgewise.errors import ParameterError
from edgewise.layers import FUNCTIONS, Function, function_named


class Library:
    """Functions by name.

    A library belongs to whoever made it: what is added here is known nowhere else.

    Args:
        names: built-in functions to begin with; when absent all, but one of each pair that says the same (of `sin` and
            `cos`, `tanh` and `sigmoid`).

    Raises:
        ParameterError: there is no such built-in function.

    >>> library = Library(["x", "x^2", "sin"])
    >>> library.add("sinc", torch.sinc, "sin(pi*z)/(pi*z)", complexity=4).name
    'sinc'
    >>> len(library)
    4
    """

    def __init__(self, names: Sequence[str] | None = None) -> None:
        if names is None:
            chosen = [function for function in FUNCTIONS.values() if function.twin_of is None]
        else:
            chosen = [function_named(name) for name in names]
        self._functions = {function.name: function for function in chosen}

    @staticmethod
    def of(functions: Iterable[Function]) -> "Library":
        """A library of functions as they are: their formulas are not checked.

        Args:
            functions: the functions.

        Returns:
            The library.
        """
        library = Library([])
        library._functions = {function.name: function for function in functions}
        return library

    def add(
        self,
        name: str,
        function: Callable[[Tensor], Tensor],
        formula: str,
        *,
        complexity: int = 3,
        domain: str = "",
        periodic: bool = False,
    ) -> Function:
        """Add a function.

        Args:
            name: of the function; must be new.
            function: elementwise on tensors, differentiable; NaN or infinity outside its domain.
            formula: the same in sympy's language, of `z`.
            complexity: in the unit of `"x"`, which has 1.
            domain: where it is defined, in words of `z`.
            periodic: whether it oscillates, so that a fit looks for its frequency.

        Returns:
            The function.

        Raises:
            ParameterError: the name is taken, the complexity is no int >= 0, the formula cannot be read, it says
                something else than `function`, or torch cannot differentiate `function`.
        """
        if name in self._functions or name in FUNCTIONS:
            raise ParameterError(f"`name` must be new; there is a function {name!r} already.")
        if not isinstance(complexity, int) or complexity < 0:
            raise ParameterError(f"`complexity` must be an int >= 0; got {complexity!r}.")
        added = Function(name, function, formula, complexity, domain, periodic=periodic)
        _check_formula(added)
        self._functions[name] = added
        return added

    def __getitem__(self, name: str) -> Function:
        """The function of a name; also a built-in one that this library leaves out."""
        return self._functions[name] if name in self._functions else function_named(name)

    def __iter__(self) -> Iterator[Function]:
        """All functions."""
        return iter(self._functions.values())

    def __len__(self) -> int:
        """How many."""
        return len(self._functions)


def as_library(library: "Library | Sequence[str] | None") -> Library:
    """A library from what users pass: one, names of built-in functions, or None for the default.

    Raises:
        ParameterError: an unknown name, a text instead of a list of them, or no function at all.
    """  # noqa: DOC201 said in the first line
    if isinstance(library, str):
        raise ParameterError(f"`lib` must be a list of names, like [{library!r}]; got the text {library!r}.")
    library = library if isinstance(library, Library) else Library(library)
    if not len(library):
        raise ParameterError("`lib` must hold at least one function; got none. Leave it out for all of them.")
    return library


def _check_formula(function: Function) -> None:
    """Compare formula and function where the latter is defined."""
    import sympy

    from edgewise.interpret.evaluation import evaluate

    z = sympy.Symbol("z")
    try:
        expression = sympy.sympify(function.formula, locals={"z": z})
        free = expression.free_symbols
    except (sympy.SympifyError, TypeError, SyntaxError, AttributeError) as error:
        raise ParameterError(f"`formula` must be what sympy reads; got {function.formula!r}: {error}.") from error
    if free - {z}:
        raise ParameterError(f"`formula` may use the letter z only; got {function.formula!r}.")
    points = torch.tensor([-1.7, -0.3, 0.45, 0.9, 2.3], dtype=torch.float64)
    values, said = function(points), evaluate(expression, {z: points}, {}).expand(len(points))
    _check_slope(function, points)
    wrong = values.isfinite() & ~((said - values).abs() <= 1e-6 * values.abs().clamp_min(1.0))
    if bool(wrong.any()):
        n = int(wrong.nonzero()[0])
        raise ParameterError(
            f"`formula` {function.formula!r} gives {float(said[n]):.6g} at z = {float(points[n]):g}, the function "
            f"{float(values[n]):.6g}. They must say the same."
        )


def _check_slope(function: Function, points: Tensor) -> None:
    """Compare autograd's derivative with differences where both are numbers."""
    rule = "`function` must be made of torch's functions, so that torch can differentiate it"
    step = 1e-5
    with torch.enable_grad():
        z = points.clone().requires_grad_()
        try:
            slope = torch.autograd.grad(function(z).sum(), z)[0]
        except (RuntimeError, TypeError, AttributeError) as error:
            raise ParameterError(f"{rule}; torch says: {error}") from error
    differences = (function(points + step) - function(points - step)) / (2 * step)
    wrong = differences.isfinite() & ~((slope - differences).abs() <= 1e-4 * differences.abs().clamp_min(1.0))
    if bool(wrong.any()):
        n = int(wrong.nonzero()[0])
        raise ParameterError(
            f"{rule}; at z = {float(points[n]):g} torch has the derivative {float(slope[n]):.6g}, differences give "
            f"{float(differences[n]):.6g}."
        )

"""Formulas from outside: text is parsed, what no network can say is refused by name, the rest put in plain terms.

Text is read by a parser of its own. `sympy.sympify` would run it as Python, and takes `beta`, `S` or `N` for objects of
sympy. Here a name is a variable unless it is called; `^` is a power, and `2 a b` a product.
"""

# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportReturnType=false
# (sympy's annotations are of Basic where its functions give Expr)

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import sympy

from edgewise.errors import ParameterError
from edgewise.layers import FUNCTIONS

_Z = sympy.Symbol("z", real=True)
_FORMULAS = {
    name: sympy.sympify(function.formula, locals={"z": _Z})
    for name, function in FUNCTIONS.items()
    if function.twin_of is None or not function.formula.startswith(("sqrt", "1/sqrt"))  # x^0.5 is sqrt
}
UNARY: dict[Any, str] = {e.func: name for name, e in _FORMULAS.items() if e.is_Function and e.args == (_Z,)}
"""sympy's functions of one variable, and the edge function that says the same."""
POWERS: dict[float, str] = {
    float(e.exp): name for name, e in _FORMULAS.items() if e.is_Pow and e.base == _Z and e.exp.is_number
}
"""Exponents that have an edge function of their own."""
BESSEL = {0: "j0", 1: "j1"}


def _asinh(z: Any) -> Any:
    return sympy.log(z + sympy.sqrt(z**2 + 1))


def _acosh(z: Any) -> Any:
    return sympy.log(z + sympy.sqrt(z**2 - 1))  # below -1 the logarithm's argument is negative: undefined, as it should


def _max(*args: Any) -> Any:
    largest, *others = args
    for other in others:
        largest = largest + sympy.Max(0, other - largest)
    return largest


_REWRITTEN: dict[Any, Callable[..., Any]] = {
    sympy.sec: lambda z: 1 / sympy.cos(z),
    sympy.csc: lambda z: 1 / sympy.sin(z),
    sympy.cot: lambda z: 1 / sympy.tan(z),
    sympy.sech: lambda z: 1 / sympy.cosh(z),
    sympy.csch: lambda z: 1 / sympy.sinh(z),
    sympy.coth: lambda z: 1 / sympy.tanh(z),
    sympy.asec: lambda z: sympy.acos(1 / z),
    sympy.acsc: lambda z: sympy.asin(1 / z),
    sympy.acot: lambda z: sympy.atan(1 / z),
    sympy.acoth: lambda z: sympy.atanh(1 / z),
    sympy.asinh: _asinh,
    sympy.acosh: _acosh,
    sympy.asech: lambda z: _acosh(1 / z),
    sympy.acsch: lambda z: _asinh(1 / z),
    sympy.erfc: lambda z: 1 - sympy.erf(z),
    sympy.Heaviside: lambda z, at_zero=None: (1 + sympy.sign(z)) / 2,
    sympy.Max: _max,
    sympy.Min: lambda *args: -_max(*(-arg for arg in args)),
}
"""Functions that are not in the library, in terms of those that are."""

_KNOWN = [*UNARY, *_REWRITTEN]
_CALLED: dict[str, Callable[..., Any]] = {
    **{function.__name__: function for function in _KNOWN},
    **{"abs": sympy.Abs, "sgn": sympy.sign, "ln": sympy.log, "sqrt": sympy.sqrt, "cbrt": sympy.cbrt},
    **{"arc" + name: getattr(sympy, "a" + name) for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    **{"max": sympy.Max, "min": sympy.Min, "pow": sympy.Pow, "besselj": sympy.besselj},
    "relu": lambda z: sympy.Max(z, 0),
    "sigmoid": lambda z: 1 / (1 + sympy.exp(-z)),
    "gaussian": lambda z: sympy.exp(-(z**2)),
    "j0": lambda z: sympy.besselj(0, z),
    "j1": lambda z: sympy.besselj(1, z),
}
_OTHER_NAMES = {"besselj", "Abs", "sign", "Max", "Min", "ln", "pow", *(name for name in _CALLED if name[:3] == "arc")}
SUPPORTED = (
    f"real numbers, + - * / ^, {', '.join(sorted({*_CALLED} - _OTHER_NAMES, key=str.lower))}, besselj of order 0 and 1"
)
"""What a formula may hold, for messages."""


def read(expression: Any, names: Sequence[str] | str | None) -> tuple[list[sympy.Expr], list[sympy.Symbol]]:
    """Formulas in the functions of the library, and their variables.

    Args:
        expression: text, a sympy expression, a number, or a list of these.
        names: of the variables in order; those of the formulas, as sympy sorts them, when absent.

    Returns:
        One expression per formula, and the variables as real symbols.

    Raises:
        ParameterError: it cannot be read, holds what no network can say, or other variables than `names`.
    """
    wanted = None if names is None else _names(names)
    given = list(expression) if isinstance(expression, (list, tuple)) else [expression]
    if not given:
        raise ParameterError("`expression` must hold at least one formula; got an empty list.")
    formulas = [_as_sympy(one, wanted or []) for one in given]
    for formula in formulas:
        _check(formula)
    found = sorted({str(symbol) for formula in formulas for symbol in formula.free_symbols})
    if wanted is None:
        every = sorted({s for f in formulas for s in f.free_symbols}, key=sympy.default_sort_key)
        wanted = list(dict.fromkeys(map(str, every))) or ["x1"]  # a network has at least one input
    unknown = [name for name in found if name not in wanted]
    if unknown:
        raise ParameterError(
            f"`names` must hold every variable of the formula; {', '.join(map(repr, unknown))} "
            f"{'is' if len(unknown) == 1 else 'are'} missing from {wanted}."
        )
    symbols = {name: sympy.Symbol(name, real=True) for name in wanted}
    return [_plain(formula, symbols) for formula in formulas], list(symbols.values())


def _names(names: Sequence[Any] | str) -> list[str]:
    listed = names.replace(",", " ").split() if isinstance(names, str) else [str(name) for name in names]
    if not listed or len(set(listed)) != len(listed):
        raise ParameterError(f"`names` must be different names, at least one; got {names!r}.")
    return listed


def _as_sympy(one: Any, names: Sequence[str]) -> sympy.Expr:
    if isinstance(one, str):
        return _Parser(one, names).parse()
    if isinstance(one, (int, float)) and not isinstance(one, bool):
        return sympy.sympify(one)
    if not isinstance(one, sympy.Basic):
        raise ParameterError(f"`expression` must be text, a sympy expression or a list of them; got {one!r}.")
    return one


def _plain(formula: sympy.Expr, symbols: dict[str, sympy.Symbol]) -> sympy.Expr:
    """In real symbols and functions of the library; refused if that is not a real number anywhere."""
    plain = formula.xreplace({s: symbols[str(s)] for s in formula.free_symbols})
    for function, meaning in _REWRITTEN.items():
        if function is not sympy.Max:  # what Min becomes
            plain = plain.replace(function, meaning)
    plain = plain.replace(lambda e: isinstance(e, sympy.Max) and (len(e.args) > 2 or 0 not in e.args), _split_max)
    _check(plain, formula)
    return plain


def _split_max(e: sympy.Expr) -> sympy.Expr:
    return _max(*sorted(e.args, key=lambda arg: (not arg.is_number, sympy.default_sort_key(arg))))


# ------------------------------------------------------------------------------------------------- refusals


def _check(formula: sympy.Basic, whole: sympy.Basic | None = None) -> None:
    """Raise for the first part that no network can say."""
    whole = formula if whole is None else whole
    walk = sympy.preorder_traversal(formula)
    for part in walk:
        if isinstance(part, sympy.Expr) and not part.free_symbols and _is_real(part):
            walk.skip()
            continue
        reason = _reason_against(part)
        if reason is not None:
            raise ParameterError(
                f"`expression` {whole} holds {reason}, which is not supported. Supported are {SUPPORTED}."
            )


def _is_real(number: sympy.Expr) -> bool:
    try:
        value = complex(number)
    except (TypeError, ValueError, OverflowError):
        return False
    return value.imag == 0 and abs(value.real) < float("inf")


def _reason_against(part: sympy.Basic) -> str | None:
    """What is wrong with a part itself, apart from its arguments."""
    if not isinstance(part, sympy.Expr):
        relation = isinstance(part, sympy.core.relational.Relational)
        return f"the relation {part}" if relation else f"{part} of type {type(part).__name__}"
    if part.has(sympy.I) and not part.free_symbols:
        return f"the complex number {part}"
    if not part.free_symbols and (part.is_Atom or isinstance(part, sympy.AccumBounds)):
        return f"{part} (no finite number, as from a division by zero)"
    if part.is_Symbol or part.is_Add or part.is_Mul or part.func in _KNOWN:
        return None
    if part.is_Pow:
        negative = part.base.is_number and part.base.is_positive is False
        return f"the power {part} with a base that is not positive" if negative and not part.exp.is_number else None
    if isinstance(part, sympy.besselj) and part.args[0] in BESSEL:
        return None
    order = f" of order {part.args[0]}" if isinstance(part, sympy.besselj) else ""
    return f"the function {part.func.__name__}{order}"


# --------------------------------------------------------------------------------------------------- parser

_TOKEN = re.compile(r"\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|([^\W\d]\w*)|(\*\*|[-+*/^(),]))")
_CONSTANTS = {"pi": sympy.pi, "E": sympy.E}


class _Parser:
    """`sum = product (+ product)*`, `product = signed (* signed)*`, `signed = -signed | atom ^ signed`."""

    def __init__(self, text: str, names: Sequence[str]) -> None:
        self.text, self.names, self.at = text, names, 0

    def parse(self) -> sympy.Expr:
        """The whole text."""
        found = self._sum()
        if self._peek() is not None:
            raise self._failure("an operator was expected")
        return found

    def _sum(self) -> sympy.Expr:
        total = self._product()
        while self._peek() in ("+", "-"):
            total = total + self._product() if self._next() == "+" else total - self._product()
        return total

    def _product(self) -> sympy.Expr:
        total = self._signed()
        while (token := self._peek()) is not None:
            if token in ("*", "/"):
                total = total * self._signed() if self._next() == "*" else total / self._signed()
            elif token == "(" or token[0].isalnum() or token[0] in "_.":
                total = total * self._signed()  # 2 a (b + c)
            else:
                break
        return total

    def _signed(self) -> sympy.Expr:
        if self._peek() in ("+", "-"):
            return -self._signed() if self._next() == "-" else self._signed()
        base = self._atom()
        if self._peek() not in ("^", "**"):
            return base
        self._next()
        return base ** self._signed()

    def _atom(self) -> sympy.Expr:
        token = self._peek()
        if token is None or token in ("*", "/", "^", "**", ")", ","):
            raise self._failure("a number, a name or a bracket was expected")
        start = self.at
        self._next()
        if token == "(":
            inside = self._sum()
            self._expect(")")
            return inside
        if token[0].isdigit() or token[0] == ".":
            return sympy.Integer(token) if token.isdigit() else sympy.Float(token, 17)
        if token not in self.names and (token in _CALLED or self.text[self.at : self.at + 1] == "("):
            return self._call(token, start)
        return sympy.Symbol(token) if token in self.names else self._name(token)

    def _name(self, token: str) -> sympy.Expr:
        if token in ("I", "nan", "oo", "zoo", "inf"):
            raise ParameterError(
                f"`expression` {self.text!r} holds {token}, which is no real number. If it is a variable, list it in "
                f"`names`."
            )
        return _CONSTANTS.get(token) or sympy.Symbol(token)

    def _call(self, function: str, start: int) -> sympy.Expr:
        if function not in _CALLED:
            raise ParameterError(
                f"`expression` {self.text!r} calls the function {function}, which is not supported. Supported are "
                f"{SUPPORTED}. A product of a name and a bracket needs a * or a space."
            )
        self._expect("(")
        arguments = [self._sum()]
        while self._peek() == ",":
            self._next()
            arguments.append(self._sum())
        self._expect(")")
        try:
            return _CALLED[function](*arguments)
        except TypeError:
            self.at = start
            raise self._failure(f"{function} does not take {len(arguments)} arguments") from None

    def _expect(self, token: str) -> None:
        if self._peek() != token:
            raise self._failure(f"{token!r} was expected")
        self._next()

    def _peek(self) -> str | None:
        """The next token, or None at the end."""
        match = self._match()
        return None if match is None else match.group().strip()

    def _next(self) -> str:
        """The next token, taken."""
        match = self._match()
        if match is None:
            raise self._failure("more was expected")
        self.at = match.end()
        return match.group().strip()

    def _match(self) -> re.Match[str] | None:
        match = _TOKEN.match(self.text, self.at)
        if match is None and self.text[self.at :].strip():
            raise self._failure("this cannot be read")
        return match

    def _failure(self, why: str) -> ParameterError:
        rest = self.text[self.at :].lstrip()
        place = f"before {rest!r}" if rest else "at its end"
        return ParameterError(f"`expression` {self.text!r} cannot be read {place}: {why}.")

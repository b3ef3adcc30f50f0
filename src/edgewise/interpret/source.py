"""Formulas in other languages: text, LaTeX names, NumPy and C source."""

# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportReturnType=false
# (sympy's annotations are of Basic where its functions give Expr)

import json
import re
from collections.abc import Collection, Sequence

import numpy as np
import sympy
from sympy.printing.str import StrPrinter

from edgewise.errors import ParameterError
from edgewise.interpret.bend import unbent

_LATEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
_LATEX |= {c: "\\" + c for c in "&%$#_{}"}


def latex_name(name: str) -> str:
    """A name as LaTeX reads it: letters with an index as mathematics, anything else as escaped text."""
    if re.fullmatch(r"[A-Za-z]\d*|[A-Za-z]+(_[A-Za-z0-9]+)?", name) and (len(name) <= 3 or "_" not in name):
        short = sympy.latex(sympy.Symbol(name))
        if len(name) <= 3 or short.startswith("\\"):  # Greek letters
            return short
    return r"\text{" + "".join(_LATEX.get(c, c) for c in name) + "}"


class _Text(StrPrinter):
    def _print_Symbol(self, expr: sympy.Symbol) -> str:
        return expr.name if re.fullmatch(r"[^\W\d]\w*", expr.name) else f"[{expr.name}]"


def plain_text(expression: sympy.Expr) -> str:
    """As sympy prints it, names that are no single word in brackets: `3*[city=Rome]`."""
    return _Text().doprint(expression)


def python_source(expressions: Sequence[sympy.Expr], symbols: Sequence[sympy.Symbol], splines: Collection[str]) -> str:
    """Source of a NumPy function `f(x)`; see `Formula.python`."""
    from sympy.printing.numpy import SciPyPrinter

    _check(expressions, splines, "Python source")
    printer = SciPyPrinter({"fully_qualified_modules": True})
    bodies = [printer.doprint(e) for e in _with_identifiers(expressions, symbols)]
    optional = ("functools", "scipy.constants", "scipy.special")
    modules = {"numpy"} | {m for m in optional if any(m in body for body in bodies)}
    imports = "".join(f"import {module}\n" for module in sorted(modules))
    unpack = "".join(f"    x_{n} = x[:, {n}]  # {str(name)!a}\n" for n, name in enumerate(symbols))
    columns = ", ".join(f"({body}) + numpy.zeros(len(x))" for body in bodies)
    return f"{imports}\n\ndef f(x):\n{unpack}    return numpy.stack([{columns}], axis=1)\n"


def c_source(expressions: Sequence[sympy.Expr], symbols: Sequence[sympy.Symbol], splines: Collection[str]) -> str:
    """Source of a C function of one row; see `Formula.c`."""
    _check(expressions, splines, "C source")
    names = {"j0": "j0", "j1": "j1"}  # of math.h, unknown to sympy
    # As JSON a name ends with a quote: no backslash at the end continues the comment.
    lines = [f"    const double x_{n} = x[{n}];  // {json.dumps(str(name))}" for n, name in enumerate(symbols)]
    for n, e in enumerate(_with_identifiers(expressions, symbols)):
        lines.append(f"    y[{n}] = {sympy.ccode(_without_bessel(e), user_functions=names)};")
    body = "\n".join(lines)
    return f"#include <math.h>\n\nvoid f(const double *x, double *y) {{\n{body}\n}}\n"


def _with_identifiers(expressions: Sequence[sympy.Expr], symbols: Sequence[sympy.Symbol]) -> list[sympy.Expr]:
    """With inputs `x_0, x_1, ...`: their names can be anything that a table's header can be."""
    own = {symbol: sympy.Symbol(f"x_{n}", real=True) for n, symbol in enumerate(symbols)}
    return [unbent(e.xreplace(own)) for e in expressions]


def _without_bessel(expression: sympy.Expr) -> sympy.Expr:
    """Bessel functions under C's names."""
    return expression.replace(sympy.besselj, lambda order, z: sympy.Function(f"j{int(order)}")(z))


def _check(expressions: Sequence[sympy.Expr], splines: Collection[str], what: str) -> None:
    """Refuse what source code cannot say: numbers beyond its range, splines."""
    beyond = [v for e in expressions for v in e.atoms(sympy.Float) if float(v) in (0.0, np.inf, -np.inf) and v != 0]
    if beyond:
        number = sympy.Float(beyond[0], 3)
        raise ParameterError(
            f"{what} would hold {number}, which no double can. Fit the model to inputs minus their mean."
        )
    used = {f.func.__name__ for e in expressions for f in e.atoms(sympy.Function)}
    left = [name for name in splines if name in used]
    if left:
        raise ParameterError(
            f"{what} needs elementary functions only; {', '.join(left)} are still splines. Fix these edges, or export "
            f"the network (`edgewise export --format onnx`)."
        )

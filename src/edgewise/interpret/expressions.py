"""A network as sympy expressions."""

# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportReturnType=false
# (sympy's annotations are of Basic where its functions give Expr)

from collections.abc import Sequence

import sympy

from edgewise.interpret.data import check_names
from edgewise.models import KAN


def symbolic_formula(model: KAN, names: Sequence[str] | None = None) -> tuple[list[sympy.Expr], list[sympy.Symbol]]:
    """The network as sympy expressions.

    Args:
        model: the network. An edge that is still a spline becomes an unevaluated function `phi_l_i_j`.
        names: of the inputs; `model.input_names` when absent.

    Returns:
        One expression per output, and the symbols of the inputs.

    Raises:
        ParameterError: `names` has another length.
    """
    names = check_names(model.input_names if names is None else names, model.in_features)
    symbols = [sympy.Symbol(name, real=True) for name in names]
    nodes: list[sympy.Expr] = list(symbols)
    for l in range(len(model.layers)):
        sums = _sums(model, l, nodes)
        product = model.products[l]
        nodes = sums[: product.n_sum]
        for first in range(product.n_sum, len(sums), product.arity):
            nodes.append(sympy.Mul(*sums[first : first + product.arity]))
    return nodes, symbols


def _sums(model: KAN, l: int, nodes: list[sympy.Expr]) -> list[sympy.Expr]:
    layer = model.layers[l]
    sums: list[list[sympy.Expr]] = [[] for _ in range(layer.out_features)]
    symbolic = layer.symbolic
    for i, j in layer.mask.nonzero().tolist():
        place = None if symbolic is None else symbolic.find(i, j)
        if symbolic is not None and place is not None:
            sums[j].append(
                edge_expression(symbolic.functions[place].formula, symbolic.affine[place].tolist(), nodes[i])
            )
        else:
            sums[j].append(sympy.Function(f"phi_{l}_{i}_{j}", real=True)(nodes[i]))
    return [sympy.Add(*terms) for terms in sums]


def has_no_value(expression: sympy.Basic) -> bool:
    """Whether an expression holds something that no real number can stand for: a pole, infinity, a complex number."""
    return expression.has(sympy.nan, sympy.zoo, sympy.oo, sympy.I)


def edge_expression(formula: str, numbers: Sequence[float], node: sympy.Expr) -> sympy.Expr:
    """`c f(a x + b) + d`.

    Args:
        formula: of `f`, in the letters z and p.
        numbers: a, b, c, d, p.
        node: x.
    """  # noqa: DOC201 said in the first line
    a, b, c, d, p = (sympy.Float(value, 17) for value in numbers)
    z, exponent = sympy.Symbol("z", real=True), sympy.Symbol("p", real=True)
    function = sympy.sympify(formula, locals={"z": z, "p": exponent})
    return c * function.subs({exponent: p, z: a * node + b}) + d

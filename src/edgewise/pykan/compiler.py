"""`kan.compiler`: a known formula as a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from edgewise.interpret.compiler import from_formula

if TYPE_CHECKING:
    from edgewise.pykan.MultKAN import MultKAN

__all__ = ["expr2kan", "kanpiler", "np", "sf2kan", "torch"]


def kanpiler(input_variables: Sequence[Any], expr: Any, grid: int = 5, k: int = 3, auto_save: bool = False) -> MultKAN:
    """A network that computes a formula, see `edgewise.interpret.from_formula`.

    Differs from pykan: every formula whose functions edgewise has is computed exactly, and another is an error that
    names what it is; pykan drops terms and exponents of some (`pi*(a + 1)`, `x**(5/2)`, `sin(5*a) + cos(3*a)`).

    Args:
        input_variables: sympy symbols of the inputs, in order.
        expr: sympy expression, or a list of them, one per output.
        grid: intervals per spline, the splines under the functions on [-1, 1].
        k: polynomial degree.
        auto_save: nothing is saved on the way; `model.saveckpt(path)` saves.

    Returns:
        The network, in torch's default dtype.
    """
    from edgewise.pykan.MultKAN import MultKAN

    names = [str(variable) for variable in input_variables]
    return MultKAN.wrap(from_formula(expr, names, grid=grid, k=k, dtype=torch.get_default_dtype()))


expr2kan = sf2kan = kanpiler

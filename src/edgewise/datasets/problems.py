"""A named function on a declared box, with what was published about it: the row of a benchmark table."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from edgewise.datasets.synthetic import create_dataset
from edgewise.errors import ParameterError, ShapeError

if TYPE_CHECKING:
    import sympy
    from numpy.typing import ArrayLike


@dataclass(frozen=True, eq=False)
class Problem:
    """A function to learn, where to sample it, and the numbers of a paper.

    Calling a problem evaluates it: `problem(x)` takes `(N, n_var)` and returns `(N,)` in the dtype of `x`; the
    arithmetic is float64 whatever that dtype is, so that labels are right to its last digit.

    Attributes:
        name: what the loaders call it.
        formula: the function as one reads it.
        function: `(N, n_var)` float64 inputs to `(N,)` values.
        variables: name of each input.
        ranges: `(lo, hi)` of each input, *ours* unless `why` says otherwise: the function is finite and smooth on the
            whole closed box, but for what `note` says.
        why: the reason for these ranges.
        published: error (RMSE on a test set) per kind of model, as printed in `source`. Its ranges and sample
            counts are not published, so such a number is a yardstick, not a result to be reproduced.
        shapes: width per kind of model, as printed in `source`; fewer entries than `published` where it has none.
        source: paper and table.
        note: doubts about the printed row; empty when there are none.
        units: physical unit of each variable by name, as `edgewise.interpret.parse_unit` reads them; empty where all
            are plain numbers.
        output_unit: unit of the value; `"1"` for a plain number.
        sympy_formula: the function in sympy's language, where `formula` cannot be read as it is.
    """

    name: str
    formula: str
    function: Callable[[Tensor], Tensor] = field(repr=False)
    variables: tuple[str, ...]
    ranges: tuple[tuple[float, float], ...]
    why: str = field(repr=False)
    published: Mapping[str, float] = field(repr=False)
    shapes: Mapping[str, tuple[int, ...]] = field(repr=False)
    source: str = field(repr=False)
    note: str = field(default="", repr=False)
    units: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    output_unit: str = field(default="1", repr=False)
    sympy_formula: str = field(default="", repr=False)

    @property
    def expression(self) -> sympy.Expr:
        """The function as a sympy expression of real symbols, named as the variables.

        >>> from edgewise.datasets import load_feynman
        >>> load_feynman("I.12.11").expression
        a*sin(t) + 1
        """
        import sympy
        from sympy.parsing.sympy_parser import (
            convert_xor,
            implicit_multiplication_application,
            parse_expr,
            standard_transformations,
        )

        names: dict[str, Any] = {name: sympy.Symbol(name, real=True) for name in self.variables}
        known = {"arcsin": sympy.asin, "ln": sympy.log, "jacobi_sn": sympy.Function("jacobi_sn", real=True)}
        reading = (*standard_transformations, convert_xor, implicit_multiplication_application)
        return parse_expr(self.sympy_formula or self.formula, known | names, reading)

    @property
    def n_var(self) -> int:
        """Number of inputs."""
        return len(self.variables)

    @property
    def domain(self) -> str:
        """The box as text: `"t in [-1, 1], s in [0.5, 2]"`."""
        return ", ".join(
            f"{v} in [{lo:.4g}, {hi:.4g}]" for v, (lo, hi) in zip(self.variables, self.ranges, strict=True)
        )

    def __call__(self, x: Tensor | ArrayLike) -> Tensor:
        """Evaluate the function, also outside its box: NaN or infinite where the formula is not defined.

        Args:
            x: `(N, n_var)` inputs, a tensor or anything that numpy reads as numbers.

        Returns:
            `(N,)` values, in the dtype and on the device of a floating tensor; of anything else float64.

        Raises:
            ShapeError: `x` is not `(N, n_var)`, or not real numbers.

        >>> from edgewise.datasets import load_feynman
        >>> load_feynman("I.27.6")([[0.5, 2.0], [1.0, 1.0]])
        tensor([0.5000, 0.5000], dtype=torch.float64)
        """
        inputs = self._read(x)
        if inputs.dim() != 2 or inputs.shape[1] != self.n_var:
            one = f" One row is [[{', '.join(self.variables)}]]." if inputs.dim() == 1 else ""
            raise ShapeError(f"{self._rule}; got {tuple(inputs.shape)}.{one}")
        return self.function(inputs.double()).to(inputs)

    @property
    def _rule(self) -> str:
        return f"{self.name}: inputs must be (N, {self.n_var}), one column per variable ({', '.join(self.variables)})"

    def _read(self, x: Tensor | ArrayLike) -> Tensor:
        """`x` as a tensor of floats."""
        if isinstance(x, Tensor):
            if x.is_complex():
                raise ShapeError(f"{self._rule}; got {x.dtype}.")
            return x if x.is_floating_point() else x.double()
        try:
            array = np.asarray(x)
            if array.dtype.kind in "cSU":  # numpy would drop imaginary parts, and read words
                raise TypeError(f"{array.dtype} is no real number")
            return torch.from_numpy(array.astype(np.float64))
        except (TypeError, ValueError, RuntimeError) as error:
            raise ShapeError(f"{self._rule}; got {x!r:.200} ({error}).") from error

    def dataset(
        self,
        train_num: int = 1000,
        test_num: int = 1000,
        seed: int = 0,
        *,
        generator: torch.Generator | None = None,
        noise: float = 0.0,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> dict[str, Tensor]:
        """Sample the function uniformly on its box; see `create_dataset`.

        Args:
            train_num: number of training rows.
            test_num: number of test rows.
            seed: seed of the samples.
            generator: a CPU generator to draw from, instead of `seed`, which is then left out.
            noise: standard deviation of Gaussian noise on the training labels; test labels stay exact.
            dtype: floating dtype of the result; torch's default when absent.
            device: where the result lives.

        Returns:
            `train_input` `(train_num, n_var)`, `train_label` `(train_num, 1)`, `test_input`, `test_label`; all finite.

        Raises:
            ParameterError: a count, seed or noise level is outside its documented set.
            DomainError: a value is NaN or infinite, which the problems of this package are nowhere on their boxes.
        """
        return create_dataset(
            self, train_num=train_num, test_num=test_num, seed=seed, generator=generator, dtype=dtype, device=device,
            noise=noise,
        )  # fmt: skip


# What loads one problem of a set, what gives the whole set. The files of the sets import this one, so they are asked by
# name, and only for an error.
_SETS = {
    "load_special": "special_functions",
    "load_feynman": "feynman_equations",
    "load_ai_feynman": "ai_feynman_equations",
}
_FEW = 30  # as many names as an error lists


def find_problem(problems: Sequence[Problem], name: str, loader: str = "") -> Problem:
    """The problem called `name`.

    Args:
        problems: where to look.
        name: its exact name.
        loader: what loads from these problems, one of `_SETS`, where they are such a set.

    Returns:
        The problem.

    Raises:
        ParameterError: there is none of that name; the message says which come near or who has it, or lists a few.
    """
    for problem in problems:
        if problem.name == name:
            return problem
    names = [problem.name for problem in problems]
    hints = [*_elsewhere(name, loader), *_near(name, names)]
    whole = f"`{_SETS[loader]}()` has all {len(names)} of this set, {names[0]!r} the first." if loader else ""
    if not whole or (not hints and len(names) <= _FEW):
        whole = f"`name` must be one of {', '.join(names)}."
    raise ParameterError(" ".join([f"there is no problem {name!r}.", *hints, whole]))


def _elsewhere(name: object, loader: str) -> list[str]:
    """The other loaders that have it."""
    from edgewise import datasets

    others = {other: getattr(datasets, all_of)() for other, all_of in _SETS.items() if loader not in ("", other)}
    return [
        f"`{other}({name!r})` has it: {problem.formula}."
        for other, problems in others.items()
        for problem in problems
        if problem.name == name
    ]


def _near(name: object, names: Sequence[str]) -> list[str]:
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.6) if isinstance(name, str) else []
    return [f"Did you mean {' or '.join(map(repr, near))}?"] if near else []

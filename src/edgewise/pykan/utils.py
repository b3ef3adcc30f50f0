"""`kan.utils`: data sets, derivatives, formulas and the table of symbolic functions."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from edgewise import datasets
from edgewise.errors import ParameterError, ShapeError
from edgewise.interpret.evaluation import evaluate
from edgewise.pykan.derivatives import batch_hessian, batch_jacobian, get_derivative, model2param
from edgewise.pykan.library import SYMBOLIC_LIB, add_symbolic, fit_params

__all__ = [
    "SYMBOLIC_LIB",
    "add_symbolic",
    "augment_input",
    "batch_hessian",
    "batch_jacobian",
    "create_dataset",
    "create_dataset_from_data",
    "ex_round",
    "fit_params",
    "get_derivative",
    "model2param",
    "np",
    "sparse_mask",
    "torch",
]


def create_dataset(
    f: Callable[[Tensor], Any],
    n_var: int = 2,
    f_mode: str = "col",
    ranges: Any = (-1, 1),
    train_num: int = 1000,
    test_num: int = 1000,
    normalize_input: bool = False,
    normalize_label: bool = False,
    device: torch.device | str = "cpu",
    seed: int = 0,
) -> dict[str, Tensor]:
    """Sample a function uniformly on a box, see `edgewise.create_dataset`.

    Differs from pykan: the global random state is neither read nor changed, and values that are not finite are an
    error.

    Args:
        f: of all inputs at once, see `f_mode`.
        n_var: number of inputs.
        f_mode: `"col"`: `f` takes `(N, n_var)`; `"row"`: `f` takes `(n_var, N)`, so that `x[0]` is the first input.
        ranges: `(lo, hi)`, or one pair per input.
        train_num: number of training rows.
        test_num: number of test rows.
        normalize_input: divide inputs by the standard deviation of the training inputs, after taking away their mean.
        normalize_label: the same for labels.
        device: where the result lives; `f` is evaluated on the CPU.
        seed: of the samples.

    Returns:
        `train_input` `(train_num, n_var)`, `train_label` `(train_num, outputs)`, `test_input`, `test_label`.

    Raises:
        ParameterError: `f_mode` or another argument is outside its documented set. (pykan prints and crashes.)
    """
    if f_mode not in ("col", "row"):
        raise ParameterError(f'`f_mode` must be "col" or "row"; got {f_mode!r}.')
    columns = f if f_mode == "col" else lambda x: f(x.mT)
    data = datasets.create_dataset(columns, n_var, ranges, train_num, test_num, seed=seed)
    for kind, wanted in (("input", normalize_input), ("label", normalize_label)):
        if wanted:
            _normalize(data, kind)
    return {name: tensor.to(device) for name, tensor in data.items()}


def _normalize(data: dict[str, Tensor], kind: str) -> None:
    train, test = f"train_{kind}", f"test_{kind}"
    mean, deviation = data[train].mean(dim=0), data[train].std(dim=0)
    deviation = torch.where(deviation > 0, deviation, 1.0)  # a constant stays one; pykan makes NaN of it
    data[train], data[test] = (data[train] - mean) / deviation, (data[test] - mean) / deviation


def create_dataset_from_data(
    inputs: Any, labels: Any, train_ratio: float = 0.8, device: torch.device | str = "cpu", *, seed: int = 0
) -> dict[str, Tensor]:
    """Split data into a training and a test set.

    Differs from pykan: a `seed` of its own instead of NumPy's global state, and rows that are copies.

    Args:
        inputs: `(N, inputs)`.
        labels: `(N, outputs)`; of `(N,)` numbers a column is made, `(N,)` class numbers (integers) stay.
        train_ratio: part of the rows to train on, rounded down.
        device: where the result lives.
        seed: of the split.

    Returns:
        `train_input`, `train_label`, `test_input`, `test_label`.

    Raises:
        ShapeError: inputs and labels differ in rows, or there are none.
        ParameterError: `train_ratio` is not in (0, 1].
    """
    x, y = (torch.as_tensor(part).detach() for part in (inputs, labels))
    if x.dim() == 0 or y.dim() == 0 or len(x) != len(y) or len(x) == 0:
        raise ShapeError(
            f"`inputs` and `labels` must have the same rows, at least one; got {tuple(x.shape)} and {tuple(y.shape)}."
        )
    if not 0 < train_ratio <= 1:
        raise ParameterError(f"`train_ratio` must be in (0, 1]; got {train_ratio!r}.")
    if y.dim() == 1 and y.is_floating_point():
        y = y[:, None]
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    train, test = order[: int(len(x) * train_ratio)], order[int(len(x) * train_ratio) :]
    parts = {"train_input": x[train], "train_label": y[train], "test_input": x[test], "test_label": y[test]}
    return {name: part.to(device) for name, part in parts.items()}


def augment_input(orig_vars: Sequence[Any], aux_vars: Sequence[Any], x: Any) -> Any:
    """Put auxiliary variables in front of the inputs.

    Args:
        orig_vars: sympy symbols of the columns of `x`.
        aux_vars: sympy expressions of them.
        x: `(N, inputs)`, or a dict of data whose `train_input` and `test_input` are replaced (in the dict itself).

    Returns:
        `(N, auxiliary + inputs)`, differentiable by `x`, in its dtype and on its device; or the dict.

    Raises:
        ShapeError: another number of columns than symbols.
    """
    if isinstance(x, MutableMapping):
        for name in ("train_input", "test_input"):
            x[name] = augment_input(orig_vars, aux_vars, x[name])
        return x
    symbols = tuple(orig_vars)
    if x.dim() != 2 or x.shape[1] != len(symbols):
        raise ShapeError(f"`x` must be (rows, {len(symbols)}), a column per symbol of {symbols}; got {tuple(x.shape)}.")
    values = dict(zip(symbols, x.split(1, dim=1), strict=True))
    added = [evaluate(variable, values, {}).expand(len(x), 1) for variable in aux_vars]
    return torch.cat([*added, x], dim=1)


def ex_round(ex1: Any, n_digit: int) -> Any:
    """Round the decimal numbers of an expression.

    A number whose rounding would make a part infinite or undefined, as `1/(0.001*x)` at two digits, is kept. (pykan
    returns `zoo`.)

    Args:
        ex1: sympy expression.
        n_digit: digits after the point.

    Returns:
        The expression.
    """
    import sympy

    bad = (sympy.zoo, sympy.nan, sympy.oo, -sympy.oo)

    def rounded(e: Any) -> Any:
        if e.is_Float:
            return sympy.Float(round(float(e), n_digit))
        if not e.args:
            return e
        new = e.func(*map(rounded, e.args))
        return e if new.has(*bad) and not e.has(*bad) else new

    return rounded(sympy.sympify(ex1))


def sparse_mask(in_dim: int, out_dim: int) -> Tensor:
    """Connect every input to the nearest output and every output to the nearest input, all spread over one unit.

    Args:
        in_dim: number of inputs.
        out_dim: number of outputs.

    Returns:
        `(in_dim, out_dim)` of zeros and ones.
    """
    inputs, outputs = ((torch.arange(n) + 0.5) / n for n in (in_dim, out_dim))
    distance = (inputs[:, None] - outputs).abs()
    mask = torch.zeros(in_dim, out_dim)
    mask[torch.arange(in_dim), distance.argmin(dim=1)] = 1.0
    mask[distance.argmin(dim=0), torch.arange(out_dim)] = 1.0
    return mask

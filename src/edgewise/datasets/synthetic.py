"""Samples of a function on a box: the data of most KAN examples."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from edgewise.errors import DomainError, ParameterError, ShapeError


@runtime_checkable
class _Declared(Protocol):
    """What a `Problem` says of its box."""

    @property
    def variables(self) -> Sequence[str]: ...

    @property
    def ranges(self) -> Sequence[Sequence[float]]: ...


def create_dataset(
    f: Callable[[Tensor], Any],
    n_var: int | None = None,
    ranges: Sequence[float] | Sequence[Sequence[float]] | Tensor | None = None,
    train_num: int = 1000,
    test_num: int = 1000,
    *,
    seed: int | None = 0,
    generator: torch.Generator | None = None,
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
    noise: float = 0.0,
) -> dict[str, Tensor]:
    """Sample `f` uniformly on a box.

    Points are drawn in float64 on the CPU and then converted, so a seed means the same points in every
    dtype and on every device. The global random state is neither read nor changed.

    Args:
        f: takes all inputs at once, `(N, n_var)`, and returns `(N,)`, `(N, 1)` or `(N, O)`; both
            `lambda x: x[:, 0] * x[:, 1]` and `lambda x: x[:, [0]] * x[:, [1]]` will do. A `Problem` will, too: it is
            sampled on the box that it declares, as by `problem.dataset()`.
        n_var: number of input variables; when absent 2, or as many as the problem has.
        ranges: `(lo, hi)` for every variable, or one pair per variable; when absent (-1, 1), or those of the problem.
        train_num: number of training rows.
        test_num: number of test rows; 0 gives empty test tensors.
        seed: seed of the samples.
        generator: a CPU generator to draw from, instead of `seed`, which is then left out.
        dtype: floating dtype of the result; torch's default when absent.
        device: where the result lives.
        noise: standard deviation of Gaussian noise added to the *training* labels. Test labels stay
            exact, so that a test error measures the function that was found.

    Returns:
        `train_input` `(train_num, n_var)`, `train_label` `(train_num, O)`, `test_input`, `test_label`.

    Raises:
        ParameterError: a count, range, seed or noise level is outside its documented set.
        ShapeError: `f` does not return one row of labels per row of inputs.
        DomainError: something would be NaN or infinite: `f` somewhere on the samples, or a range or noise level
            too large for `dtype`.

    >>> data = create_dataset(lambda x: x[:, 0] * x[:, 1], n_var=2, train_num=100)
    >>> data["train_input"].shape, data["train_label"].shape
    (torch.Size([100, 2]), torch.Size([100, 1]))
    """
    n_var, ranges = _declared(f, n_var, ranges)
    _check_count("train_num", train_num, 1)
    _check_count("test_num", test_num, 0)
    box = _box(ranges, n_var)
    if not callable(f):
        raise ParameterError(f"`f` must be callable on an (N, {n_var}) tensor; got {f!r}.")
    if isinstance(noise, bool) or not isinstance(noise, int | float) or not 0.0 <= noise < float("inf"):
        raise ParameterError(f"`noise` must be a finite standard deviation >= 0; got {noise!r}.")
    dtype = torch.get_default_dtype() if dtype is None else dtype
    if not dtype.is_floating_point:
        raise ParameterError(f"`dtype` must be a floating dtype; got {dtype}.")
    generator = _generator(seed, generator)
    inputs = _points(box, train_num + test_num, generator).to(device=device, dtype=dtype)
    if not bool(inputs.isfinite().all()):
        raise DomainError(f"`ranges` must have ends and widths that are finite in {dtype}; got {ranges!r}.")
    train_input, test_input = inputs[:train_num].clone(), inputs[train_num:].clone()
    train_label = _labels(f, train_input)
    test_label = _labels(f, test_input) if test_num else train_label.new_empty(0, train_label.shape[1])
    if noise:
        # Drawn after the points, so that the noise level does not move them.
        errors = torch.randn(train_label.shape, generator=generator, dtype=torch.float64)
        train_label = train_label + noise * errors.to(train_label)
        if not bool(train_label.isfinite().all()):
            raise DomainError(f"`noise` must leave labels that are finite in {dtype}; got {noise:g}.")
    return {
        "train_input": train_input,
        "train_label": train_label,
        "test_input": test_input,
        "test_label": test_label,
    }


def _declared(f: Any, n_var: int | None, ranges: Any) -> tuple[int, Any]:
    """Number of variables and ranges: what was given, else what a problem declares, else two in [-1, 1]."""
    if n_var is not None:
        _check_count("n_var", n_var, 1)
    if not isinstance(f, _Declared):
        return 2 if n_var is None else n_var, (-1.0, 1.0) if ranges is None else ranges
    names = f.variables
    if n_var not in (None, len(names)):
        raise ParameterError(
            f"`n_var` must be {len(names)} or left out for a problem of the variables {', '.join(names)}; got {n_var}."
        )
    return len(names), f.ranges if ranges is None else ranges


def _check_count(name: str, value: Any, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ParameterError(f"`{name}` must be an int >= {least}; got {value!r}.")


def _box(ranges: Any, n_var: int) -> Tensor:
    """`(n_var, 2)` lower and upper ends."""
    form = f"`ranges` must be one pair (lo, hi), or {n_var} pairs, one per variable"
    try:
        box = torch.as_tensor(ranges, dtype=torch.float64, device="cpu")
    except (TypeError, ValueError, RuntimeError) as error:
        raise ParameterError(f"{form}; got {ranges!r}.") from error
    if box.shape not in {(2,), (n_var, 2)}:
        raise ParameterError(f"{form}; got shape {tuple(box.shape)}: {ranges!r}.")
    if not bool((box[..., 0] < box[..., 1]).all()) or not bool(box.isfinite().all()):
        raise ParameterError(f"`ranges` needs finite ends with lo < hi; got {ranges!r}.")
    return box.expand(n_var, 2)


def _points(box: Tensor, rows: int, generator: torch.Generator) -> Tensor:
    unit = torch.rand(rows, len(box), generator=generator, dtype=torch.float64)
    return box[:, 0] + (box[:, 1] - box[:, 0]) * unit


def _generator(seed: int | None, generator: torch.Generator | None) -> torch.Generator:
    if generator is None:
        if not isinstance(seed, int) or isinstance(seed, bool):
            raise ParameterError(f"`seed` must be an int unless `generator` is given; got {seed!r}.")
        return torch.Generator().manual_seed(seed)
    if not isinstance(generator, torch.Generator):
        raise ParameterError(
            f"`generator` must be a torch.Generator, as `torch.Generator().manual_seed(3)` is; got {generator!r}. "
            "A number is a `seed`."
        )
    if generator.device.type != "cpu":
        raise ParameterError(
            f"`generator` must live on the CPU; got one on {generator.device}. Points are drawn there so that "
            "a seed means the same data on every device."
        )
    if seed not in (0, None):  # 0 is what `seed` is where it is left out
        raise ParameterError(f"give `seed` or `generator`, not both; got seed={seed!r} and a generator.")
    return generator


def _labels(f: Callable[[Tensor], Any], x: Tensor) -> Tensor:
    """`(N, O)` values of `f`, checked."""
    rows = x.shape[0]
    with torch.no_grad():
        returned = f(x)
    try:
        y = torch.as_tensor(returned, dtype=x.dtype, device=x.device)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ShapeError(f"`f` must return a tensor; got {type(returned).__name__}.") from error
    if y.dim() == 1 and y.shape[0] == rows:
        y = y[:, None]
    # Square labels are either as many outputs as rows or an accidental outer sum: one row alone tells.
    outer = y.shape == (rows, rows) and rows > 1 and torch.as_tensor(f(x[:1])).numel() == 1
    if y.dim() != 2 or y.shape[0] != rows or y.shape[1] == 0 or outer:
        raise ShapeError(
            f"`f` must return one row of labels per row of inputs: ({rows},), ({rows}, 1) or ({rows}, O); got "
            f"{tuple(y.shape)} for inputs {tuple(x.shape)}. Adding x[:, 0] of shape ({rows},) to x[:, [1]] of shape "
            f"({rows}, 1) broadcasts to ({rows}, {rows}): use one of the two forms throughout."
        )
    bad = (~y.isfinite()).any(dim=1).nonzero()
    if bad.numel():
        n, wider = int(bad[0]), "" if x.dtype == torch.float64 else ", or take dtype=torch.float64"
        raise DomainError(
            f"`f` is not finite at {bad.numel()} of {rows} samples (first at x = {x[n].tolist()}, value "
            f"{y[n].tolist()}). Narrow `ranges` to where `f` is defined{wider}."
        )
    return y.clone()  # `f` may return its argument or a constant expanded over the rows

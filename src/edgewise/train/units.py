"""Notice inputs in a unit that a KAN learns badly from, and say so once, before training.

Measured with [2, 5, 1], 400 rows and 80 L-BFGS steps on sin(pi u) v, test RMSE by the range of the raw inputs: 1e-2
for [-1, 1], 2e-2 for [0, 10], 5e-2 for [0, 30], 2e-1 for [0, 100], 1 for [100, 1000] (the labels' deviation is 4e-1).
The grid is not the reason (`fit` moves it to the inputs first) but the residual function: `silu(500)` is 500,
and what it sends to the hidden nodes dwarfs every spline. With `base_fun="tanh"` or `"zero"` all ranges give 2e-2.
Scaling weights behind the user's back would change functions that may have been set on purpose; a warning does not.
"""

from torch import Tensor

from edgewise.models.kan import KAN
from edgewise.warn import warn_user

_LARGE = 10.0  # magnitude up to which residual functions that grow do little harm, see above
_GROWING = ("silu", "identity", "gelu", "relu")


def warn_about_inputs(model: KAN, x: Tensor, moves_grid: bool) -> None:
    """Warn if more than half of the rows of an input lie where the model can hardly learn.

    That is beyond 10 in magnitude, or outside twice the first layer's domain if that stays.

    Args:
        model: the model, before training.
        x: `(N, inputs)` training inputs.
        moves_grid: whether the first layer's grid will be moved to them.
    """
    first = model.layers[0]
    lo, hi = first.domain.unbind(1)
    outside = ((x - (lo + hi) / 2).abs() > hi - lo).float().mean(0)  # a little outside, values and slopes go on
    large = (x.abs() > _LARGE).float().mean(0)
    scale = (
        "Scale every column to about [-1, 1], e.g. `(x - x.mean(0)) / x.std(0)`, or use `KANRegressor` or "
        "`KANClassifier`, which scale by themselves"
    )
    why, then = "because of `update_grid=False`", "let `update_grid=True` move the grid, or build the model with"
    if model.basis != "spline":
        why, then = f"with basis={model.basis!r}", "build the model with"
    if not moves_grid and bool((outside > 0.5).any()):
        i = int(outside.argmax())
        warn_user(
            f"{_input(model, x, outside)}, and {outside[i]:.0%} of its rows lie far outside the first layer's domain "
            f"[{lo[i]:g}, {hi[i]:g}], which stays {why}. {scale}; or {then} a `grid_range` that covers the inputs."
        )
    elif first.base_fun in _GROWING and bool((large > 0.5).any()):
        warn_user(
            f"{_input(model, x, large)}: so far from zero the residual function {first.base_fun!r} outweighs the "
            f"splines, and training ends far from its best. {scale}; or build the model with `base_fun='tanh'`."
        )


def _input(model: KAN, x: Tensor, share: Tensor) -> str:
    """The input with most such rows, how many others there are, and its range."""
    i, others = int(share.argmax()), int((share > 0.5).sum()) - 1
    more = f" (and {others} more)" if others else ""
    return f"input {model.input_names[i]!r}{more} runs from {x[:, i].min():g} to {x[:, i].max():g}"

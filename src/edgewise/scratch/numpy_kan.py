"""A Kolmogorov-Arnold network in NumPy, every derivative worked out by hand.

Read it from top to bottom: bumps, a layer whose edges are weighted sums of bumps, a squashing function that keeps
values where the bumps are, an error, and a loop that walks downhill. All rows of a batch go through at once. In the
formulas b is a row of the batch, i an input, o an output and s a bump.

Sources: de Boor (1972), On calculating with B-splines, J. Approx. Theory 6; Liu et al. (2024), arXiv:2404.19756.

>>> x = np.linspace(-1, 1, 20)[:, None]
>>> model = KAN([1, 2, 2, 1], seed=0)
>>> losses = model.fit(x, 0.5 * np.sin(4 * x) * np.exp(-x - 1), epochs=200)
>>> bool(losses[-1] < 0.1 * losses[0])
True
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy import ndarray as Array
from numpy.random import Generator, default_rng

__all__ = ["KAN", "MSE", "BSpline", "Layer", "Tanh"]


class BSpline:
    """`n` bumps of degree `p`, evenly spaced, that add up to one everywhere in [-1, 1].

    Bump s is a polynomial of degree `p` between neighbouring knots and 0 outside `t[s] <= x < t[s+p+1]`. The `n - p`
    cells of [-1, 1] have `p` more on either side, because the bumps at the ends reach over them.

    Args:
        p: degree; the bumps have `p - 1` continuous derivatives.
        n: how many bumps.

    Raises:
        ValueError: `p` is below 1, or so many bumps leave no cell.
    """

    def __init__(self, p: int = 3, n: int = 7) -> None:
        if not 1 <= p < n:
            raise ValueError(f"the degree `p` must be at least 1 and the number of bumps `n` above it; got {p=}, {n=}.")
        self.p, self.n = p, n
        self.t = -1 + 2 / (n - p) * np.arange(-p, n + 1)  # (n+p+1,) knots

    def __call__(self, x: Array) -> Array:
        """Height of every bump at every number of `x`: `(n, *x.shape)`."""
        return self._recursion(x, self.p)

    def derivative(self, x: Array) -> Array:
        """Slope of every bump at every number of `x`: `(n, *x.shape)`."""
        # The slope of a bump is a difference of two bumps one degree lower:
        #     B'[s,p](x) = p B[s,p-1](x) / (t[s+p] - t[s]) - p B[s+1,p-1](x) / (t[s+p+1] - t[s+1])
        p, t = self.p, self._knots_for(x)
        lower = p * self._recursion(x, p - 1) / (t[p:] - t[:-p])  # (n+1, *x.shape)
        return lower[:-1] - lower[1:]

    def _recursion(self, x: Array, degree: int) -> Array:
        """Cox and de Boor: begin with boxes; each step blends neighbours, one that rises and one that falls."""
        #     B[s,d](x) = (x - t[s]) / (t[s+d] - t[s]) B[s,d-1](x)
        #               + (t[s+d+1] - x) / (t[s+d+1] - t[s+1]) B[s+1,d-1](x)
        # Slices stand for all s at once: t[:-d-1] is t[s], t[1:-d] is t[s+1], t[d:-1] is t[s+d], t[d+1:] is t[s+d+1].
        t = self._knots_for(x)
        bumps = ((t[:-1] <= x) & (x < t[1:])).astype(float)
        for d in range(1, degree + 1):
            rise = (x - t[: -d - 1]) / (t[d:-1] - t[: -d - 1])
            fall = (t[d + 1 :] - x) / (t[d + 1 :] - t[1:-d])
            bumps = rise * bumps[:-1] + fall * bumps[1:]
        return bumps

    def _knots_for(self, x: Array) -> Array:
        """The knots along a first axis of their own."""
        return self.t.reshape(-1, *[1] * x.ndim)


class Layer:
    """Every input reaches every output through a function of its own: `y_o = sum_i sum_s W_ios B_s(x_i)`.

    Args:
        n_in: number of inputs.
        n_out: number of outputs.
        weights: number of bumps on every edge.
        p: their degree.
        rng: where the first weights come from; seed 0 when absent.
    """

    def __init__(self, n_in: int, n_out: int, weights: int = 7, p: int = 3, rng: Generator | None = None) -> None:
        self.spline = BSpline(p, weights)
        self.W = (rng or default_rng(0)).normal(0, 0.1, (n_in, n_out, weights))
        self.velocity = np.zeros_like(self.W)

    def forward(self, x: Array) -> Array:
        """`(B, I)` inputs to `(B, O)` outputs; remembers what `backward` needs."""
        self.x, self.B = x, self.spline(x)  # (S, B, I)
        return np.einsum("ios,sbi->bo", self.W, self.B)

    def backward(self, dEdY: Array) -> Array:
        """From the error's slope in the outputs, `(B, O)`, to those in the weights, `dEdW`, and inputs, `(B, I)`."""
        # The weight W_ios enters y_o alone, times B_s(x_i); the input x_i enters every y_o. By the chain rule
        #     dE/dW_ios = sum_b dE/dy_bo B_s(x_bi),    dE/dx_bi = sum_o dE/dy_bo sum_s W_ios B'_s(x_bi)
        self.dEdW = np.einsum("bo,sbi->ios", dEdY, self.B)
        return np.einsum("bo,ios,sbi->bi", dEdY, self.W, self.spline.derivative(self.x))

    def step(self, learning_rate: float, momentum: float = 0.9) -> None:
        """Roll downhill: keep most of the last step, add one against the present slope."""
        self.velocity = momentum * self.velocity - learning_rate * self.dEdW
        self.W += self.velocity


class Tanh:
    """Squashes the outputs of a layer into (-1, 1), where the bumps of the next one are."""

    def forward(self, x: Array) -> Array:
        """The hyperbolic tangent of every number."""
        self.y = np.tanh(x)
        return self.y

    def backward(self, dEdY: Array) -> Array:
        """Its slope is `1 - tanh(x)^2`."""
        return dEdY * (1 - self.y**2)


class MSE:
    """The mean squared error."""

    def forward(self, y_true: Array, y_pred: Array) -> float:
        """The mean over all rows and outputs."""
        return float(np.mean((y_pred - y_true) ** 2))

    def backward(self, y_true: Array, y_pred: Array) -> Array:
        """The slope in each prediction."""
        return 2 * (y_pred - y_true) / y_true.size


class KAN:
    """Layers with `tanh` between them.

    Args:
        sizes: features from input to output.
        weights: number of bumps on every edge.
        p: their degree.
        seed: of the first weights.
    """

    def __init__(self, sizes: Sequence[int] = (1, 2, 2, 1), weights: int = 7, p: int = 3, seed: int = 0) -> None:
        rng = default_rng(seed)
        self.sizes, self.loss = list(sizes), MSE()
        self.layers: list[Layer | Tanh] = []
        for n_in, n_out in pairwise(self.sizes):
            self.layers += [Layer(n_in, n_out, weights, p, rng), Tanh()]
        self.layers.pop()  # an output may be any number

    def predict(self, x: Array) -> Array:
        """`(B, inputs)` to `(B, outputs)`; an input beyond [-1, 1] runs out of bumps, so scale it first."""
        _check("x", x, len(x), self.sizes[0])
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, dEdY: Array) -> Array:
        """From the slope in the outputs of `predict` to `dEdW` of every layer and the slope in its inputs."""
        for layer in reversed(self.layers):
            dEdY = layer.backward(dEdY)
        return dEdY

    def fit(
        self, x: Array, y: Array, epochs: int = 500, learning_rate: float = 0.3, progress: bool | None = None
    ) -> list[float]:
        """Gradient descent on all rows at once; the error before every step.

        Args:
            x: `(B, inputs)`.
            y: `(B, outputs)`.
            epochs: number of steps.
            learning_rate: how far to go; too far, and the error grows.
            progress: show a bar; when None, only in a terminal.

        Returns:
            `epochs` mean squared errors.
        """
        from tqdm import tqdm

        _check("y", y, len(x), self.sizes[-1])
        losses = []
        for _ in tqdm(range(epochs), unit="epoch", disable=None if progress is None else not progress):
            y_pred = self.predict(x)
            losses.append(self.loss.forward(y, y_pred))
            self.backward(self.loss.backward(y, y_pred))
            for layer in self.layers:
                if isinstance(layer, Layer):
                    layer.step(learning_rate)
        return losses


def _check(name: str, values: Array, rows: int, columns: int) -> None:
    if values.shape != (rows, columns):
        raise ValueError(f"`{name}` must be ({rows}, {columns}), a row for each example; got {values.shape}.")

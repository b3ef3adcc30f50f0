"""The baseline: a multilayer perceptron with the interface of `KAN`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from edgewise.errors import ParameterError
from edgewise.layers.input_check import check_input

if TYPE_CHECKING:
    from edgewise.train import FitResult

ACTIVATIONS = {"silu": nn.SiLU, "relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU}


class MLP(nn.Module):
    """Linear layers with an activation between them.

    Args:
        width: nodes per layer, inputs first: `[2, 5, 1]`.
        act: `"silu"`, `"relu"`, `"tanh"` or `"gelu"`.
        seed: seed of the initial weights; drawn from torch's default generator when absent.
        generator: source of the initial weights, instead of `seed`.
        device: where the parameters live.
        dtype: floating dtype; torch's default when absent.

    Raises:
        ParameterError: an argument is outside its documented set.
    """

    layers: Sequence[nn.Linear]  # torch's stubs forget what a ModuleList holds

    def __init__(
        self,
        width: Sequence[int],
        act: str = "silu",
        *,
        seed: int | None = None,
        generator: torch.Generator | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(width, Sequence) or len(width) < 2 or not all(type(n) is int and n >= 1 for n in width):
            raise ParameterError(f"`width` must list at least two ints >= 1, like [2, 5, 1]; got {width!r}.")
        if act not in ACTIVATIONS:
            raise ParameterError(f"`act` must be one of {sorted(ACTIVATIONS)}; got {act!r}.")
        if seed is not None:
            if generator is not None:
                raise ParameterError("give `seed` or `generator`, not both.")
            generator = torch.Generator().manual_seed(seed)
        self.width, self.act = list(width), act
        layers = nn.ModuleList(
            # skip_init: torch's own initialization would draw from the global generator.
            nn.utils.skip_init(nn.Linear, a, b, device=device or "cpu", dtype=dtype)
            for a, b in pairwise(width)
        )
        self.layers = cast("Sequence[nn.Linear]", layers)
        self.activation = ACTIVATIONS[act]()
        for layer in self.layers:
            bound = layer.in_features**-0.5  # torch's default: uniform in +-1/sqrt(fan_in)
            for parameter in (layer.weight, layer.bias):
                nn.init.uniform_(parameter, -bound, bound, generator=generator)

    @property
    def in_features(self) -> int:
        """Number of inputs."""
        return self.width[0]

    @property
    def out_features(self) -> int:
        """Number of outputs."""
        return self.width[-1]

    @property
    def n_parameters(self) -> int:
        """Number of trainable scalars."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)

    def config(self) -> dict[str, Any]:
        """Everything but tensors: `MLP(**model.config())` has the same structure."""
        return {"width": list(self.width), "act": self.act}

    def forward(self, x: Tensor) -> Tensor:
        """Evaluate the network.

        Args:
            x: `(..., inputs)` in the model's dtype and on its device.

        Returns:
            `(..., outputs)`.

        Raises:
            ShapeError: the last axis, dtype or device of `x` does not fit.
        """
        check_input(x, self.in_features, self.layers[0].weight, "MLP", "model")
        for layer in self.layers[:-1]:
            x = self.activation(layer(x))
        return self.layers[-1](x)

    def fit(self, data: Any, *args: Any, **kwargs: Any) -> FitResult:
        """Train in place; see `edgewise.train.fit` for every argument."""
        from edgewise.train import fit

        return fit(self, data, *args, **kwargs)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one file that cannot execute code; see `edgewise.models.save`."""
        from edgewise.models.files import save

        save(self, path)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> MLP:
        """Read a file written by `save`; see `edgewise.models.load`."""
        from edgewise.models.files import load_as

        return load_as(path, MLP)

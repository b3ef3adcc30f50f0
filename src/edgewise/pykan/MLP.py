"""`kan.MLP`: the baseline with pykan's methods."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from edgewise import models
from edgewise.errors import ParameterError
from edgewise.pykan.fitting import ITERATIONS
from edgewise.pykan.LBFGS import LBFGS
from edgewise.pykan.molecules import plot_tree
from edgewise.pykan.scores import connection_cost, entropy
from edgewise.train import fit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["LBFGS", "MLP", "nn", "np", "torch"]


class MLP(models.MLP):
    """A multilayer perceptron that remembers the last input.

    What pykan stores in a forward pass (`acts`, `acts_scale`, `wa_forward`) is computed when asked for, from the last
    input and the present weights.

    Args:
        width: nodes per layer, inputs first.
        act: `"silu"`, `"relu"`, `"tanh"` or `"gelu"`. (pykan has SiLU whatever is asked for.)
        save_act: not needed.
        seed: of the initial weights; torch's global state is neither read nor changed.
        device: where the parameters live.

    Attributes:
        cache_data: `(N, inputs)` the last input, or None.
        node_scores: of the last `attribute`: `(nodes,)` per layer.
        edge_scores: of the last `attribute`: `(out, in)` per linear layer; also `wa_backward`.
    """

    def __init__(
        self,
        width: Sequence[int],
        act: str = "silu",
        save_act: bool = True,
        seed: int = 0,
        device: torch.device | str = "cpu",
    ) -> None:
        super().__init__(width, act, seed=seed, device=device)
        self.save_act = save_act
        self.cache_data: Tensor | None = None
        self.node_scores: list[Tensor] = []
        self.edge_scores: list[Tensor] = []

    @property
    def depth(self) -> int:
        """Number of linear layers."""
        return len(self.layers)

    @property
    def linears(self) -> Sequence[nn.Linear]:
        """The linear layers."""
        return self.layers

    @property
    def act_fun(self) -> nn.Module:
        """The activation."""
        return self.activation

    @property
    def w(self) -> list[Tensor]:
        """`(out, in)` weights per linear layer."""
        return [layer.weight for layer in self.layers]

    @property
    def device(self) -> torch.device:
        """Where the parameters live."""
        return self.layers[0].weight.device

    # ------------------------------------------------------------------------------------------ activations

    def forward(self, x: Tensor) -> Tensor:
        """Evaluate the network, and remember the input.

        Args:
            x: `(..., inputs)`.

        Returns:
            `(..., outputs)`.
        """
        y = super().forward(x)
        self.cache_data = x.detach()
        return y

    def get_act(self, x: Tensor | Mapping[str, Tensor] | None = None) -> None:
        """Choose the data that `acts`, `attribute` and pictures look at.

        Args:
            x: `(N, inputs)`, or a dict of data; what is remembered when absent.

        Raises:
            ParameterError: no data are given or remembered.
        """
        data = x["train_input"] if isinstance(x, Mapping) else self._data if x is None else x
        self(data)

    @property
    def _data(self) -> Tensor:
        if self.cache_data is None:
            raise ParameterError("the network has seen no data; call `model.get_act(x)` first.")
        return self.cache_data

    def _nodes(self) -> list[Tensor]:
        """`(N, nodes)` values per layer of nodes, inputs first."""
        nodes = [self._data]
        for layer in self.layers[:-1]:
            nodes.append(self.activation(layer(nodes[-1])))
        return [*nodes, self.layers[-1](nodes[-1])]

    @property
    def acts(self) -> list[Tensor]:
        """`(N, in)` inputs of every linear layer."""
        return self._nodes()[:-1]

    @property
    def acts_scale(self) -> list[Tensor]:
        """`(out,)` standard deviations of the nodes after every linear layer."""
        return [nodes.std(dim=0) for nodes in self._nodes()[1:]]

    @property
    def wa_forward(self) -> list[Tensor]:
        """`(out, in)` weights times the standard deviations of their inputs."""
        return [nodes.std(dim=0) * weight for nodes, weight in zip(self.acts, self.w, strict=True)]

    @property
    def wa_backward(self) -> list[Tensor]:
        """See `edge_scores`."""
        return self.edge_scores

    def attribute(self) -> None:
        """Score nodes and edges by their part in the spread of the outputs, into `node_scores` and `edge_scores`.

        A node without spread has a score of zero; pykan divides by its standard deviation + 1e-4, so that its scores
        depend on the unit.
        """
        score = torch.ones(self.out_features, device=self.device, dtype=self.w[0].dtype)
        nodes, edges = [score], []
        for weighted, scale in zip(reversed(self.wa_forward), reversed(self.acts_scale), strict=True):
            share = score / torch.where(scale > 0, scale, 1.0)  # without spread the score is zero already
            edges.append(weighted.abs() * share[:, None])
            score = edges[-1].sum(dim=0) / weighted.shape[1] ** 0.5
            nodes.append(score)
        self.node_scores, self.edge_scores = nodes[::-1], edges[::-1]

    # ---------------------------------------------------------------------------------------------- training

    def get_reg(self, reg_metric: str, lamb_l1: float, lamb_entropy: float) -> Tensor:
        """The sparsity penalty.

        Args:
            reg_metric: of what: `"w"` weights, `"act"` see `wa_forward`, `"fa"` see `edge_scores`, `"a"` see
                `acts_scale`.
            lamb_l1: factor of the sum of sizes.
            lamb_entropy: factor of their entropies, by rows and by columns.

        Returns:
            A scalar, differentiable.

        Raises:
            ParameterError: another `reg_metric`.
        """
        sizes = [size.abs() for size in self._sizes(reg_metric)]
        total = sizes[0].new_zeros(())
        for size in sizes:
            bits = sum((entropy(size, axis) for axis in range(size.dim())), total.new_zeros(()))
            total = total + lamb_l1 * size.sum() + lamb_entropy * bits
        return total

    reg = get_reg

    def _sizes(self, metric: str) -> list[Tensor]:
        if metric == "fa":
            self.attribute()
        known = {"w": "w", "act": "wa_forward", "fa": "edge_scores", "a": "acts_scale"}
        if metric not in known:
            raise ParameterError(f"`reg_metric` must be one of {', '.join(map(repr, known))}; got {metric!r}.")
        return getattr(self, known[metric])

    def fit(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        dataset: Mapping[str, Tensor],
        opt: str = "LBFGS",
        steps: int = 100,
        log: int = 1,
        lamb: float = 0.0,
        lamb_l1: float = 1.0,
        lamb_entropy: float = 2.0,
        loss_fn: Callable[[Tensor, Tensor], Tensor] | None = None,
        lr: float = 1.0,
        batch: int = -1,
        metrics: Sequence[Callable[[], Any]] | None = None,
        in_vars: Any = None,
        out_vars: Any = None,
        beta: float = 3,
        device: Any = "cpu",
        reg_metric: str = "w",
        display_metrics: Any = None,
    ) -> dict[str, list[np.float64]]:
        """Train with pykan's arguments, see `edgewise.train.fit`.

        Differs from pykan: an unknown `opt` is an error, losses other than the squared error are reported as they are
        and not as their roots, and `lamb` needs no `save_act`.

        Args:
            dataset: `train_input`, `train_label`, `test_input`, `test_label`.
            opt: `"LBFGS"`, `"Adam"`, or another one that `edgewise.train.fit` knows.
            steps: 20 iterations of L-BFGS each, or updates.
            log: not needed.
            lamb: strength of the penalty.
            lamb_l1: see `get_reg`.
            lamb_entropy: see `get_reg`.
            loss_fn: `(prediction, label)` to a scalar; the mean squared error when absent.
            lr: learning rate; 1 stands for one that suits the optimizer.
            batch: rows per update, every row once in a pass; all for -1, as L-BFGS needs it.
            metrics: functions without arguments, each recorded under its name after every step.
            in_vars: not needed.
            out_vars: not needed.
            beta: not needed.
            device: not needed; the parameters say it.
            reg_metric: see `get_reg`.
            display_metrics: not needed.

        Returns:
            `train_loss`, `test_loss` (roots of the mean squared error), `reg` and the metrics: a number per step, or
            per pass over the rows where these are several updates; fewer when nothing more is to be gained.
        """
        opt = opt.lower()
        inner = ITERATIONS if opt == "lbfgs" else 1
        rows = len(dataset["train_input"])
        if 0 < batch < rows and steps and inner == 1:
            steps = max(1, round(steps * batch / rows))
        record = _Record(self, dataset, loss_fn, metrics or (), (reg_metric, lamb_l1, lamb_entropy))

        def objective(prediction: Tensor, label: Tensor) -> Tensor:
            return record.loss(prediction, label) + lamb * self.get_reg(*record.penalty)

        def after(state: Any) -> None:
            if state.step % inner == 0:
                record.add()

        result = fit(
            self, dict(dataset), opt=opt, steps=steps * inner, lr=None if lr == 1 else lr,
            loss=objective if lamb else record.loss, batch_size=None if batch == -1 else batch, callbacks=after,
        )  # fmt: skip
        if result.steps % inner:  # it ended within one of pykan's steps
            record.add()
        return record.columns

    # --------------------------------------------------------------------------------- order of the neurons

    @property
    def connection_cost(self) -> Tensor:
        """Sum of the sizes of all weights times the distances of their ends, layers spread over one unit."""
        return connection_cost([weight.detach().abs() for weight in self.w])

    @torch.no_grad()
    def swap(self, l: int, i1: int, i2: int) -> None:
        """Exchange two hidden neurons; the function stays the same.

        Args:
            l: their layer, from 1.
            i1: one neuron.
            i2: the other one.

        Raises:
            ParameterError: no hidden layer, or no neuron of it.
        """
        if not (1 <= l < self.depth and 0 <= i1 < self.width[l] and 0 <= i2 < self.width[l]):
            raise ParameterError(
                f"`l` must be a hidden layer, 1 to {self.depth - 1}, `i1` and `i2` neurons of it; got {l}, {i1}, {i2}."
            )
        before, after = self.layers[l - 1], self.layers[l]
        there, back = [i1, i2], [i2, i1]
        before.weight[there], before.bias[there] = before.weight[back], before.bias[back]
        after.weight[:, there] = after.weight[:, back]

    def auto_swap_l(self, l: int) -> None:
        """Put each neuron of a hidden layer where the connection cost is least, one after the other.

        Args:
            l: the layer, from 1.
        """
        for i in range(self.width[l]):
            costs = []
            for j in range(self.width[l]):
                self.swap(l, i, j)
                costs.append(float(self.connection_cost))
                self.swap(l, i, j)
            self.swap(l, i, int(np.argmin(costs)))

    def auto_swap(self) -> None:
        """`auto_swap_l` for every hidden layer."""
        for l in range(1, self.depth):
            self.auto_swap_l(l)

    # ---------------------------------------------------------------------------------------------- pictures

    def plot(self, beta: float = 3, scale: float = 1.0, metric: str = "w") -> Figure:
        """Draw the network: positive weights blue, negative red, the larger the darker.

        Args:
            beta: contrast.
            scale: size.
            metric: what the darkness says: `"w"` weights, `"act"` see `wa_forward`, `"fa"` see `edge_scores`.

        Returns:
            The figure, not shown.

        Raises:
            ParameterError: another `metric`.
        """
        from edgewise.plot.perceptron import draw

        if metric not in ("w", "act", "fa"):
            raise ParameterError(f"`metric` must be 'w', 'act' or 'fa'; got {metric!r}.")
        return draw([size.detach().cpu().numpy() for size in self._sizes(metric)], beta, scale)

    def tree(
        self,
        x: Tensor | None = None,
        in_var: Sequence[Any] | None = None,
        style: str = "tree",
        sym_th: float = 1e-3,
        sep_th: float = 1e-1,
        skip_sep_test: bool = False,
        verbose: bool = False,
    ) -> Figure:
        """Draw how the inputs are combined, see `plot_tree`; pykan's does not run.

        Args:
            x: `(N, inputs)`; what is remembered when absent.
            in_var: see `plot_tree`.
            style: see `plot_tree`.
            sym_th: see `plot_tree`.
            sep_th: see `plot_tree`.
            skip_sep_test: see `plot_tree`.
            verbose: see `plot_tree`.

        Returns:
            The figure, not shown.
        """
        data = self._data if x is None else x
        return plot_tree(super().forward, data, in_var, style, sym_th, sep_th, skip_sep_test, verbose)


class _Record:
    """What pykan's `fit` returns."""

    def __init__(
        self,
        model: MLP,
        dataset: Mapping[str, Tensor],
        loss_fn: Callable[[Tensor, Tensor], Tensor] | None,
        metrics: Sequence[Callable[[], Any]],
        penalty: tuple[str, float, float],
    ) -> None:
        self.model, self.dataset, self.penalty, self.metrics = model, dataset, penalty, metrics
        self.squared = loss_fn is None
        self.loss = loss_fn or (lambda prediction, label: (prediction - label).square().mean())
        self.columns: dict[str, list[np.float64]] = {"train_loss": [], "test_loss": [], "reg": []}
        self.columns |= {metric.__name__: [] for metric in metrics}

    @torch.no_grad()
    def add(self) -> None:
        """Evaluate the model."""
        for kind in ("test", "train"):  # the training inputs last: they are remembered
            loss = self.loss(self.model(self.dataset[f"{kind}_input"]), self.dataset[f"{kind}_label"])
            self.columns[f"{kind}_loss"].append(_number(loss.sqrt() if self.squared else loss))
        self.columns["reg"].append(_number(self.model.get_reg(*self.penalty)))
        for metric in self.metrics:
            self.columns[metric.__name__].append(_number(metric()))


def _number(value: Any) -> np.float64:
    """As pykan's results are, with `.item()`."""
    return np.float64(float(value))

"""`kan.MultKAN`: pykan's network as a list of doors over an `edgewise.KAN`.

`model.kan` is that network; everything `edgewise` can do with one can be done with it. What pykan keeps from the last
forward pass is kept here, never on `model.kan`: the data alone, the rest is computed when it is asked for.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from edgewise import models
from edgewise.errors import ParameterError, ShapeError
from edgewise.pykan import checkpoints, drawing, edits, fitting, grids, pruning, scores, symbolic
from edgewise.pykan.cached import Seen, layer_values
from edgewise.pykan.initialization import initialize
from edgewise.pykan.KANLayer import KANLayer, base_name
from edgewise.pykan.library import SYMBOLIC_LIB
from edgewise.pykan.older import check_device, refuse
from edgewise.pykan.Symbolic_KANLayer import Symbolic_KANLayer, guarding
from edgewise.pykan.utils import sparse_mask

if TYPE_CHECKING:
    from sympy import Expr

    from edgewise.layers import KANLayer as SplineLayer

__all__ = ["KAN", "SYMBOLIC_LIB", "KANLayer", "MultKAN", "Symbolic_KANLayer", "nn", "os", "torch"]

_KEPT = (
    "cache_data", "columns", "auto_save", "ckpt_path", "round", "state_id", "log", "save_act", "symbolic_enabled",
    "sp_trainable", "trained_on",
)  # fmt: skip
"""What a new model that is made from another one takes over."""


class MultKAN(nn.Module):
    """pykan's network.

    Differs from pykan: no global random state is touched (`seed` is that of a generator of its own), `width` is not
    changed, no file is written unless `ckpt_path` is given, and shapes that do not fit are errors.

    Args:
        width: nodes per layer, inputs first; an entry is an int or `[sums, products]`.
        grid: intervals per spline, one number or one per layer.
        k: polynomial degree, one for all layers.
        mult_arity: how many sums a product takes; a list of lists as in pykan may hold one number only.
        noise_scale: size of the splines at the start.
        scale_base_mu: mean of the residual factors, times the root of the number of inputs.
        scale_base_sigma: half their width, likewise.
        base_fun: residual function: a name (`"silu"`, `"identity"`, `"zero"`, ...) or one of torch's modules.
        symbolic_enabled: kept; edges with functions always count, and cost nothing where there are none.
        affine_trainable: must be False: edges hold the factors and constants of their nodes.
        grid_eps: 1 spaces knots uniformly, 0 by samples, between is a blend.
        grid_range: domain of every spline before data are seen.
        sp_trainable: kept; a trained factor of a spline adds nothing that its coefficients cannot express.
        sb_trainable: train the residual factors.
        seed: of the starting weights, and of what is drawn later.
        save_act: kept; what happened in the last pass can always be asked for.
        sparse_init: keep only edges between neighbours.
        auto_save: write a version at every structural call, if `ckpt_path` is given.
        ckpt_path: folder of the versions; pykan's default `"./model"` is None here.
        first_init: write the first version.
        state_id: number of the version.
        round: how often `rewind` was called.
        device: where the parameters live.
        outside: what splines do beyond their grid: `"extend"` as in pykan (they vanish), or `"linear"`.
        **older: none; those of earlier versions of pykan get an answer.

    Attributes:
        kan: the `edgewise.KAN`.
        cache_data: `(N, inputs)` data of the last pass, or None; after `fit` the training inputs (in pykan the test
            inputs).
        input_id: columns of the data that the network looks at, see `prune_input`.
        generator: of what is drawn.

    Raises:
        ParameterError: an argument is outside its documented set.
    """

    kan: models.KAN
    generator: torch.Generator

    def __init__(
        self,
        width: Sequence[Any] | None = None,
        grid: int | Sequence[int] = 3,
        k: int | Sequence[int] = 3,
        mult_arity: int | Sequence[Sequence[int]] = 2,
        noise_scale: float = 0.3,
        scale_base_mu: float = 0.0,
        scale_base_sigma: float = 1.0,
        base_fun: Any = "silu",
        symbolic_enabled: bool = True,
        affine_trainable: bool = False,
        grid_eps: float = 0.02,
        grid_range: Sequence[float] = (-1, 1),
        sp_trainable: bool = True,
        sb_trainable: bool = True,
        seed: int = 1,
        save_act: bool = True,
        sparse_init: bool = False,
        auto_save: bool = True,
        first_init: bool = True,
        ckpt_path: str | os.PathLike[str] | None = None,
        state_id: int = 0,
        round: int = 0,
        device: torch.device | str = "cpu",
        outside: str = "extend",
        **older: Any,
    ) -> None:
        super().__init__()
        refuse("KAN", older)
        if affine_trainable:
            raise ParameterError(
                "`affine_trainable` must be False: a node's factor and constant are in the edges around it (coef, "
                "scale_base, the affine numbers of functions), which are trained."
            )
        kan = models.KAN(
            _plain(width), grid=[int(g) for g in grid] if isinstance(grid, Sequence) else grid, k=_one_degree(k),
            mult_arity=_one_arity(mult_arity), grid_range=[float(end) for end in grid_range], grid_eps=grid_eps,
            base_fun=base_name(base_fun), outside=outside, sb_trainable=sb_trainable, seed=seed,
            device=device,
        )  # fmt: skip
        self._begin(kan, seed)
        self.save_act, self.symbolic_enabled, self.sp_trainable = save_act, symbolic_enabled, sp_trainable
        self.auto_save, self.ckpt_path, self.round, self.state_id = auto_save, ckpt_path, round, state_id
        for layer in self.splines:
            initialize(layer, noise_scale, scale_base_mu, scale_base_sigma, 1.0, self.generator)
            if sparse_init:
                layer.set_mask(sparse_mask(layer.in_features, layer.out_features))
        if first_init:
            checkpoints.begin(self)

    @classmethod
    def wrap(cls, kan: models.KAN, seed: int = 1) -> MultKAN:
        """An `edgewise.KAN` in pykan's words; both are the same network.

        Args:
            kan: the network.
            seed: of what is drawn later.

        Returns:
            The model.

        Raises:
            ParameterError: a network without splines.
        """
        models.spline_layers(kan, "pykan's interface")
        new = cls.__new__(cls)
        nn.Module.__init__(new)
        new._begin(kan, seed)
        return new

    def _begin(self, kan: models.KAN, seed: int) -> None:
        self.kan, self.seed, self.generator = kan, seed, torch.Generator().manual_seed(seed)
        self.input_id, self.columns = torch.arange(kan.in_features), kan.in_features
        self.save_act = self.symbolic_enabled = self.sp_trainable = self.auto_save = True
        self.ckpt_path: str | os.PathLike[str] | None = None
        self.round = self.state_id = 0
        self.log: list[str] = []
        self.cache_data: Tensor | None = None
        self.trained_on: tuple[Tensor, Tensor] | None = None
        self.forget()

    # ---------------------------------------------------------------------------------- what was seen last

    @property
    def seen(self) -> Seen:
        """What becomes of the data of the last pass in the network as it is now.

        Raises:
            ParameterError: there was none.
        """
        if self.cache_data is None:
            raise ParameterError("the model has seen no data yet: call `model(x)` or `model.get_act(x)` first.")
        if self._seen is None or not self._seen.current:
            self.forget()
            self._seen = Seen(self.kan, self.cache_data.to(self.kan.layers[0].spline_weight))
        return self._seen

    def see(self, x: Tensor, chosen: bool = False) -> None:
        """Remember data without their graph; `chosen` if its columns are those of `input_id` already."""
        self.cache_data = (x if chosen else self.chosen(x)).detach()
        self.forget()

    def forget(self) -> None:
        """Compute anew what follows from the data, when it is asked for: the network has changed."""
        self._seen: Seen | None = None
        self.scores: scores.Scores | None = None

    def chosen(self, x: Tensor) -> Tensor:
        """The columns of data that the network looks at.

        Args:
            x: `(N, columns)` as the first network took them, or only those of `input_id`.

        Returns:
            `(N, inputs)`.

        Raises:
            ShapeError: another number of columns.
        """
        if x.dim() >= 1 and x.shape[-1] == self.columns and self.columns != len(self.input_id):
            return x[..., self.input_id.to(x.device)]
        if x.dim() < 1 or x.shape[-1] != len(self.input_id):
            expected = " or ".join(str(n) for n in sorted({self.columns, len(self.input_id)}))
            raise ShapeError(f"`x` must have {expected} columns, one per input; got shape {tuple(x.shape)}.")
        return x

    def like(self, kan: models.KAN) -> MultKAN:
        """Another network with what this model was told and has seen."""
        new = type(self).wrap(kan, self.seed)
        for name in _KEPT:
            setattr(new, name, copy.copy(getattr(self, name)))
        new.input_id = self.input_id.clone()
        return new

    def become(self, kan: models.KAN) -> MultKAN:
        """Put another network in place of this one."""
        self.kan = kan
        self.forget()
        return self

    def logged(self, method: str) -> MultKAN:
        """Count a version, see `checkpoints`; what follows from the data is computed anew."""
        self.forget()
        checkpoints.log(self, method)
        return self

    def forward(self, x: Tensor, singularity_avoiding: bool = False, y_th: float = 10.0) -> Tensor:
        """Evaluate the network, and remember the data.

        Args:
            x: `(N, columns)`.
            singularity_avoiding: keep every function finite, at most `y_th`.
            y_th: see there.

        Returns:
            `(N, outputs)`.
        """
        x = self.chosen(x)
        self.see(x, chosen=True)
        with guarding(self.kan, y_th if singularity_avoiding else None):
            return self.kan(x)

    def get_act(self, x: Tensor | Mapping[str, Tensor] | None = None) -> None:
        """Remember data: a tensor or a data set's training inputs; what is remembered already when absent."""
        x = x["train_input"] if isinstance(x, Mapping) else x
        self.see(self.seen.x if x is None else x)

    def _of(self, name: str) -> Any:
        return None if self.cache_data is None else getattr(self.seen, name)

    @property
    def acts(self) -> list[Tensor] | None:
        """`(N, nodes)` values of the nodes, inputs first; None before data were seen."""
        return self._of("acts")

    @property
    def acts_premult(self) -> list[Tensor] | None:
        """`(N, sums)` sums of every layer."""
        return self._of("acts_premult")

    @property
    def spline_preacts(self) -> list[Tensor] | None:
        """`(N, O, I)` inputs of every edge."""
        return self._of("spline_preacts")

    @property
    def spline_postacts(self) -> list[Tensor] | None:
        """`(N, O, I)` values of every edge."""
        return self._of("spline_postacts")

    @property
    def spline_postsplines(self) -> list[Tensor] | None:
        """`(N, O, I)` values of the splines alone."""
        return self._of("spline_postsplines")

    @property
    def acts_scale(self) -> list[Tensor] | None:
        """`(O, I)` deviations of the edges relative to those of their inputs."""
        return self._of("acts_scale")

    @property
    def acts_scale_spline(self) -> list[Tensor] | None:
        """`(O, I)` the same of splines alone."""
        return self._of("acts_scale_spline")

    @property
    def edge_actscale(self) -> list[Tensor] | None:
        """`(O, I)` deviations of the edges."""
        return self._of("edge_actscale")

    @property
    def subnode_actscale(self) -> list[Tensor] | None:
        """`(O,)` deviations of the sums."""
        return self._of("subnode_actscale")

    # --------------------------------------------------------------------------------------------- parts

    @property
    def act_fun(self) -> list[KANLayer]:
        """The layers' splines; changes in place reach the network."""
        return [KANLayer.wrap(layer) for layer in self.splines]

    @property
    def symbolic_fun(self) -> list[Symbolic_KANLayer]:
        """The layers' functions; changes in place reach the network."""
        return [Symbolic_KANLayer.wrap(layer, self.generator) for layer in self.splines]

    @property
    def width(self) -> list[list[int]]:
        """`[sums, products]` of every layer."""
        return [list(nodes) for nodes in self.kan.nodes]

    @property
    def width_in(self) -> list[int]:
        """Nodes of every layer."""
        return [sum(nodes) for nodes in self.kan.nodes]

    @property
    def width_out(self) -> list[int]:
        """Sums of every layer, the factors of products among them."""
        return [s + self.kan.mult_arity * m for s, m in self.kan.nodes]

    @property
    def n_sum(self) -> list[int]:
        """Hidden nodes that add."""
        return [s for s, _ in self.kan.nodes[1:-1]]

    @property
    def n_mult(self) -> list[int]:
        """Hidden nodes that multiply."""
        return [m for _, m in self.kan.nodes[1:-1]]

    @property
    def depth(self) -> int:
        """Number of layers."""
        return len(self.kan.layers)

    @property
    def grid(self) -> int | list[int]:
        """Intervals per spline."""
        return cast("int | list[int]", self.kan.grid)

    @property
    def splines(self) -> Sequence[SplineLayer]:
        """The network's layers."""
        return models.spline_layers(self.kan, "pykan's interface")

    @property
    def k(self) -> int:
        """Polynomial degree."""
        return self.kan.k

    @property
    def mult_arity(self) -> int:
        """How many sums a product takes."""
        return self.kan.mult_arity

    @property
    def mult_homo(self) -> bool:
        """True: all products take as many sums."""
        return True

    @property
    def grid_eps(self) -> float:
        """1 spaces knots uniformly, 0 by samples."""
        return self.splines[0].grid_eps

    @property
    def grid_range(self) -> list[float]:
        """Domain before data were seen."""
        return self.kan.options["grid_range"]

    @property
    def base_fun_name(self) -> str:
        """Name of the residual function."""
        return self.kan.layers[0].base_fun

    @property
    def base_fun(self) -> Callable[[Tensor], Tensor]:
        """The residual function."""
        return self.act_fun[0].base_fun

    @property
    def sb_trainable(self) -> bool:
        """Whether residual factors are trained."""
        return self.kan.layers[0].base_weight.requires_grad

    @property
    def affine_trainable(self) -> bool:
        """False: see the class."""
        return False

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return self.kan.layers[0].spline_weight.device

    @property
    def node_bias(self) -> list[Tensor]:
        """Zeros: what pykan adds to nodes is in the edges here."""
        return [self.kan.layers[0].spline_weight.new_zeros(n) for n in self.width_in[1:]]

    @property
    def node_scale(self) -> list[Tensor]:
        """Ones, see `node_bias`."""
        return [self.kan.layers[0].spline_weight.new_ones(n) for n in self.width_in[1:]]

    @property
    def subnode_bias(self) -> list[Tensor]:
        """Zeros, see `node_bias`."""
        return [self.kan.layers[0].spline_weight.new_zeros(n) for n in self.width_out[1:]]

    @property
    def subnode_scale(self) -> list[Tensor]:
        """Ones, see `node_bias`."""
        return [self.kan.layers[0].spline_weight.new_ones(n) for n in self.width_out[1:]]

    @property
    def n_edge(self) -> int:
        """Edges that are present, with functions or splines; pykan counts splines alone."""
        return self.kan.n_edges

    def get_params(self) -> Any:
        """The parameters."""
        return self.parameters()

    # ------------------------------------------------------------------------------------------- training

    def fit(
        self,
        dataset: Mapping[str, Tensor],
        opt: str = "LBFGS",
        steps: int = 100,
        log: int = 1,
        lamb: float = 0.0,
        lamb_l1: float = 1.0,
        lamb_entropy: float = 2.0,
        lamb_coef: float = 0.0,
        lamb_coefdiff: float = 0.0,
        update_grid: bool = True,
        grid_update_num: int = 10,
        loss_fn: Callable[[Tensor, Tensor], Tensor] | None = None,
        lr: float | None = None,
        start_grid_update_step: int = -1,
        stop_grid_update_step: int = 50,
        batch: int = -1,
        metrics: Sequence[Callable[[], Any]] | None = None,
        save_fig: bool = False,
        in_vars: Any = None,
        out_vars: Any = None,
        beta: float = 3,
        save_fig_freq: int = 1,
        img_folder: str = "./video",
        singularity_avoiding: bool = False,
        y_th: float = 1000.0,
        reg_metric: str = "edge_forward_spline_n",
        display_metrics: Sequence[str] | None = None,
        device: torch.device | str | None = None,
        **older: Any,
    ) -> dict[str, list[Any]]:
        """Train in place, by `edgewise.fit`.

        Differs from pykan: results have the root of the mean squared error, but any other loss as it is; grids reach a
        little beyond the data and the test set does not touch the model; training ends where no step is found, so that
        lists may be shorter than `steps`; every `reg_metric` has a gradient.

        Args:
            dataset: `train_input`, `train_label`, and `test_input`, `test_label`, which are only reported.
            opt: `"LBFGS"`, up to 20 iterations a step, or `"Adam"`.
            steps: how many.
            log: every how many steps the bar's text is renewed; 0 or -1 for no bar.
            lamb: strength of the penalty, see `reg`.
            lamb_l1: factor of magnitudes in it.
            lamb_entropy: factor of entropies.
            lamb_coef: factor of coefficients.
            lamb_coefdiff: factor of their differences.
            update_grid: move grids to where the data are.
            grid_update_num: how often until `stop_grid_update_step`.
            loss_fn: `(prediction, label) -> Tensor`; the mean squared error when absent.
            lr: learning rate; 1 for L-BFGS and 0.01 for Adam when absent. (pykan has 1 for both.)
            start_grid_update_step: no grid moves before.
            stop_grid_update_step: no grid moves after.
            batch: rows per update of Adam, -1 for all; a step of the results is then a pass over all rows, and
                there are as many passes as make `steps` updates.
            metrics: functions without arguments, each under its name in the results.
            save_fig: write a picture of the network after steps.
            in_vars: names of the inputs in it.
            out_vars: names of the outputs.
            beta: its contrast.
            save_fig_freq: every how many steps.
            img_folder: where to.
            singularity_avoiding: keep every function of the network finite, at most `y_th`.
            y_th: see there.
            reg_metric: what the penalty measures, see `reg`.
            display_metrics: which results the bar shows.
            device: not needed; that of the model.
            **older: none; those of earlier versions of pykan get an answer.

        Returns:
            `train_loss`, `test_loss`, `reg` and the metrics, one entry per step.
        """
        refuse("fit", older)
        check_device(device, self.device)
        options = fitting.Options(
            opt, steps, log, lamb, lamb_l1, lamb_entropy, lamb_coef, lamb_coefdiff, update_grid, grid_update_num,
            loss_fn, lr, start_grid_update_step, stop_grid_update_step, batch, metrics, save_fig, in_vars, out_vars,
            beta, save_fig_freq, img_folder, singularity_avoiding, y_th, reg_metric, display_metrics,
        )  # fmt: skip
        return fitting.fit(self, dataset, options)

    def load_state_dict(self, state_dict: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Of any module; knots that do not increase, as between two states, are put in order, see `grids.in_order`."""
        checkpoints.refuse_foreign(state_dict)
        return super().load_state_dict(grids.in_order(state_dict), *args, **kwargs)

    def train_model(self, dataset: Mapping[str, Tensor], *args: Any, **kwargs: Any) -> dict[str, list[Any]]:
        """`fit`, by an older name."""
        return self.fit(dataset, *args, **kwargs)

    def train(self, mode: Any = True, *args: Any, **kwargs: Any) -> Any:
        """Set the training mode, as of any module; with a data set, `fit`, by its oldest name."""
        return self.fit(mode, *args, **kwargs) if isinstance(mode, Mapping) else super().train(mode)

    def reg(
        self, reg_metric: str, lamb_l1: float, lamb_entropy: float, lamb_coef: float = 0.0, lamb_coefdiff: float = 0.0
    ) -> Tensor:
        """The penalty on the data of the last pass, with its gradient; see `scores.regularization`."""
        inputs = layer_values(self.kan, self.seen.x)[:-1]
        return scores.regularization(self.kan, reg_metric, lamb_l1, lamb_entropy, lamb_coef, lamb_coefdiff, inputs)

    def get_reg(self, *args: Any, **kwargs: Any) -> Tensor:
        """`reg`."""
        return self.reg(*args, **kwargs)

    def disable_symbolic_in_fit(self, lamb: float) -> tuple[bool, bool]:
        """`save_act` and `symbolic_enabled`; there is nothing to disable here."""
        return self.save_act, self.symbolic_enabled

    def evaluate(self, dataset: Mapping[str, Tensor]) -> dict[str, Any]:
        """Root of the mean squared error on the test set, number of edges, and of intervals."""
        x, y = self.chosen(dataset["test_input"]), dataset["test_label"]
        with torch.no_grad():
            missed = self.kan(x) - (y[:, None] if y.dim() == 1 else y)
        return {"test_loss": float(missed.square().mean().sqrt()), "n_edge": self.n_edge, "n_grid": self.grid}

    def speed(self, compile: bool = False) -> Any:
        """The model, compiled if asked for; there is nothing to switch off, which in pykan is for good."""
        return torch.compile(self) if compile else self

    # ---------------------------------------------------------------------------------------------- grids

    def update_grid_from_samples(self, x: Tensor) -> None:
        """Move every grid to where samples are; see `grids.update_layer`."""
        grids.update_grid_from_samples(self, x)

    def update_grid(self, x: Tensor) -> None:
        """`update_grid_from_samples`."""
        self.update_grid_from_samples(x)

    def initialize_from_another_model(self, another_model: MultKAN, x: Tensor) -> MultKAN:
        """Take over the function of a model of the same width; see `grids.initialize_from_another_model`."""
        return grids.initialize_from_another_model(self, another_model, x)

    def initialize_grid_from_another_model(self, model: MultKAN, x: Tensor) -> None:
        """Take over the splines of a model of the same width; see `grids.take_over`."""
        grids.initialize_grid_from_another_model(self, model, x)

    def refine(self, new_grid: int | Sequence[int]) -> MultKAN:
        """The same function on other grids, as a new model that shares nothing; see `edgewise.models.refine`."""
        return self.like(models.refine(self.kan, new_grid)).logged("refine")

    # ------------------------------------------------------------------------------------- what matters

    def attribute(
        self, l: int | None = None, i: int | None = None, out_score: Tensor | None = None, plot: bool = True
    ) -> Tensor | None:
        """Scores of the inputs for the nodes of a layer, or the model's own; see `scores.attribute`."""
        found = scores.attribute(self, l, i, out_score)
        if found is not None and i is not None and plot:
            drawing.plot_scores(found)
        return found

    def node_attribute(self) -> list[Tensor]:
        """`(nodes, inputs)` scores of every layer; also `node_attribute_scores`."""
        self.node_attribute_scores = [cast("Tensor", self.attribute(l)) for l in range(1, self.depth + 1)]
        return self.node_attribute_scores

    def _scored(self, name: str) -> list[Tensor] | None:
        self._of("x")  # forgets scores of other weights
        if self.scores is None and self.cache_data is not None:
            self.attribute()
        return None if self.scores is None else getattr(self.scores, name)

    @property
    def node_scores_all(self) -> list[Tensor] | None:
        """`(outputs, nodes)` scores for every output; None before data were seen."""
        return self._scored("nodes")

    @property
    def edge_scores_all(self) -> list[Tensor] | None:
        """`(outputs, O, I)` scores for every output."""
        return self._scored("edges")

    @property
    def subnode_scores_all(self) -> list[Tensor] | None:
        """`(outputs, sums)` scores for every output."""
        return self._scored("sums")

    @property
    def node_scores(self) -> Any:
        """`(nodes,)` mean scores over the outputs, inputs first; None before data were seen."""
        return _means(self.node_scores_all)

    @property
    def edge_scores(self) -> Any:
        """`(O, I)` mean scores over the outputs."""
        return _means(self.edge_scores_all)

    @property
    def subnode_scores(self) -> Any:
        """`(sums,)` mean scores over the outputs."""
        return _means(self.subnode_scores_all)

    @property
    def feature_score(self) -> Tensor:
        """`(inputs,)` mean scores of the inputs over the outputs."""
        self.attribute()
        return self.node_scores[0]

    def feature_interaction(
        self, l: int, neuron_th: float = 1e-2, feature_th: float = 1e-2
    ) -> dict[tuple[int, ...], int]:
        """Which inputs act together in the nodes of a layer; see `scores.feature_interaction`."""
        return scores.feature_interaction(self, l, neuron_th, feature_th)

    @property
    def connection_cost(self) -> Tensor:
        """Score-weighted length of the connections."""
        return scores.connection_cost(self.edge_scores)

    # ---------------------------------------------------------------------------------------- structure

    def prune(self, node_th: float = 1e-2, edge_th: float = 3e-2) -> MultKAN:
        """A smaller model without nodes and edges that do not matter; see `pruning.prune`."""
        return pruning.prune(self, node_th, edge_th)

    def prune_node(
        self, threshold: float = 1e-2, mode: str = "auto", active_neurons_id: Any = None, log_history: bool = True
    ) -> MultKAN:
        """A smaller model without some hidden nodes; see `pruning.prune_node`."""
        return pruning.prune_node(self, threshold, mode, active_neurons_id)

    def prune_edge(self, threshold: float = 3e-2, log_history: bool = True) -> MultKAN:
        """Take away edges that do not matter, in place; see `pruning.prune_edge`."""
        return pruning.prune_edge(self, threshold)

    def prune_input(
        self, threshold: float = 1e-2, active_inputs: Sequence[int] | None = None, log_history: bool = True
    ) -> MultKAN:
        """A smaller model that looks at some inputs only; see `pruning.prune_input`."""
        return pruning.prune_input(self, threshold, active_inputs)

    def remove_edge(self, l: int, i: int, j: int, log_history: bool = True) -> None:
        """Remove an edge, in place."""
        edits.set_mode(self, l, i, j, "off")
        self.logged("remove_edge")

    def remove_node(self, l: int, i: int, mode: str = "all", log_history: bool = True) -> None:
        """Remove the edges of a node, in place; see `edits.remove_node`."""
        edits.remove_node(self, l, i, mode)
        self.logged("remove_node")

    def module(self, start_layer: int, chain: str) -> None:
        """Cut out a part of the network, in place; see `edits.module`."""
        edits.module(self, start_layer, chain)
        self.logged("module")

    def swap(self, l: int, i1: int, i2: int, log_history: bool = True) -> None:
        """Exchange two hidden nodes, in place; the function stays, which pykan changes."""
        edits.swap(self, l, i1, i2)
        self.logged("swap")

    def auto_swap(self) -> None:
        """Exchange hidden nodes where that makes connections shorter, in place; see `edits.auto_swap`."""
        edits.auto_swap(self, range(1, self.depth))
        self.logged("auto_swap")

    def auto_swap_l(self, l: int) -> None:
        """`auto_swap` of one layer of nodes."""
        edits.auto_swap(self, [l])
        self.forget()

    def expand_depth(self) -> None:
        """Put a layer of identities behind the outputs, in place; see `edits.expand_depth`."""
        edits.expand_depth(self)

    def expand_width(self, layer_id: int, n_added_nodes: int, sum_bool: bool = True, mult_arity: int = 2) -> None:
        """Add hidden nodes without edges, in place; see `edits.expand_width`."""
        edits.expand_width(self, layer_id, n_added_nodes, sum_bool, mult_arity)

    def perturb(self, mag: float = 1.0, mode: str = "non-intrusive") -> None:
        """Give edges random splines, in place; see `edits.perturb`."""
        edits.perturb(self, mag, mode)
        self.logged("perturb")

    # --------------------------------------------------------------------------------------- functions

    def set_mode(self, l: int, i: int, j: int, mode: str, mask_n: float | None = None) -> None:
        """Make an edge a function, a spline, or remove it, in place; see `edits.set_mode`."""
        edits.set_mode(self, l, i, j, mode)
        self.forget()

    def fix_symbolic(
        self, l: int, i: int, j: int, fun_name: Any, fit_params_bool: bool = True, a_range: Any = None,
        b_range: Any = None, verbose: bool = True, random: bool = False, log_history: bool = True,
    ) -> Tensor | None:  # fmt: skip
        """Give an edge a function, in place; see `symbolic.fix_symbolic`. `a_range`, `b_range` are not needed."""
        r2 = symbolic.fix_symbolic(self, l, i, j, fun_name, fit_params_bool, random, verbose)
        self.logged("fix_symbolic")
        return r2

    def unfix_symbolic(self, l: int, i: int, j: int, log_history: bool = True) -> None:
        """Give an edge its spline back, as it was."""
        edits.set_mode(self, l, i, j, "n")
        self.logged("unfix_symbolic")

    def unfix_symbolic_all(self, log_history: bool = True) -> None:
        """Give all edges with functions their splines back; pykan's brings removed edges back too."""
        for edge in self.kan.symbolic_edges:
            edits.set_mode(self, *edge, "n")
        self.logged("unfix_symbolic")

    def suggest_symbolic(
        self, l: int, i: int, j: int, a_range: Any = None, b_range: Any = None, lib: Sequence[str] | None = None,
        topk: int = 5, verbose: bool = True, r2_loss_fun: Any = None, c_loss_fun: Any = None,
        weight_simple: float = 0.8,
    ) -> tuple[str, Any, float, int]:  # fmt: skip
        """Functions for an edge, best first; see `symbolic.suggest_symbolic`. `a_range`, `b_range` are not needed."""
        return symbolic.suggest_symbolic(self, l, i, j, lib, topk, verbose, r2_loss_fun, c_loss_fun, weight_simple)

    def auto_symbolic(
        self, a_range: Any = None, b_range: Any = None, lib: Sequence[str] | None = None, verbose: int = 1,
        weight_simple: float = 0.8, r2_threshold: float = 0.0,
    ) -> None:  # fmt: skip
        """Give every edge a function, in place; see `symbolic.auto_symbolic`. `a_range`, `b_range` are not needed."""
        symbolic.auto_symbolic(self, lib, verbose, weight_simple, r2_threshold)
        self.logged("auto_symbolic")

    def symbolic_formula(
        self, var: Any = None, normalizer: Any = None, output_normalizer: Any = None
    ) -> tuple[list[Expr], list[Any]]:
        """One expression per output, and the variables; see `symbolic.symbolic_formula`."""
        return symbolic.symbolic_formula(self, var, normalizer, output_normalizer)

    # ----------------------------------------------------------------------------------------- pictures

    def plot(
        self, folder: str | None = None, beta: float = 3, metric: str = "backward", scale: float = 0.5,
        tick: bool = False, sample: bool = False, in_vars: Any = None, out_vars: Any = None, title: str | None = None,
        varscale: float = 1.0, mask: bool = True, mode: str = "supervised",
    ) -> None:  # fmt: skip
        """Draw the network as pyplot's current figure; see `drawing.plot`.

        `mask`, `mode` (older arguments: removed edges are never drawn) and `varscale` have no effect.
        """
        drawing.plot(self, folder, beta, metric, scale, tick, sample, in_vars, out_vars, title)

    def tree(
        self, x: Tensor | None = None, in_var: Any = None, style: str = "tree", sym_th: float = 1e-3,
        sep_th: float = 1e-1, skip_sep_test: bool = False, verbose: bool = False,
    ) -> None:  # fmt: skip
        """Draw the shape of the function as pyplot's current figure; see `drawing.tree`."""
        drawing.tree(self, x, in_var, style, sym_th, sep_th, skip_sep_test, verbose)

    def get_range(self, l: int, i: int, j: int, verbose: bool = True) -> tuple[Any, Any, Any, Any]:
        """Least and largest input and output of an edge on the data of the last pass."""
        return drawing.get_range(self, l, i, j, verbose)

    def get_fun(self, l: int, i: int, j: int) -> tuple[Any, Any]:
        """Inputs and outputs of an edge on the data of the last pass, in order, and their picture."""
        return drawing.get_fun(self, l, i, j)

    # ------------------------------------------------------------------------------------------ versions

    def saveckpt(self, path: str | os.PathLike[str] = "model") -> None:
        """Write the model to one file; see `checkpoints.save`."""
        checkpoints.save(self, path)

    @classmethod
    def loadckpt(cls, path: str | os.PathLike[str] = "model") -> MultKAN:
        """Read what `saveckpt` wrote; see `checkpoints.load`."""
        return checkpoints.load(cls, path)

    def copy(self) -> MultKAN:
        """A copy that shares nothing; no file is written."""
        return copy.deepcopy(self)

    def rewind(self, model_id: str) -> MultKAN:
        """An earlier version, as the first of a new round; see `checkpoints.rewind`."""
        return checkpoints.rewind(self, model_id)

    def checkout(self, model_id: str) -> MultKAN:
        """An earlier version; see `checkpoints.checkout`."""
        return checkpoints.checkout(self, model_id)

    def history(self, k: str | int = "all") -> list[str]:
        """Say which versions there were; see `checkpoints.history`."""
        return checkpoints.history(self, k)

    def log_history(self, method_name: str) -> None:
        """Count a version, and write it where `ckpt_path` was given."""
        self.logged(method_name)


KAN = MultKAN


def _plain(width: Sequence[Any] | None) -> list[Any]:
    """`width` in Python's own numbers, as a new list."""
    if not isinstance(width, Sequence):
        raise ParameterError(f"`width` must list the nodes of every layer, like [2, 5, 1]; got {width!r}.")
    return [[int(n) for n in entry] if isinstance(entry, Sequence) else int(entry) for entry in width]


def _one_degree(k: int | Sequence[int]) -> int:
    degrees = {k} if isinstance(k, int) else set(k)
    if len(degrees) != 1:
        raise ParameterError(f"`k` must be one degree for all layers; got {k!r}.")
    return degrees.pop()


def _one_arity(mult_arity: int | Sequence[Sequence[int]]) -> int:
    arities = {mult_arity} if isinstance(mult_arity, int) else {n for layer in mult_arity for n in layer}
    if len(arities) > 1:
        raise ParameterError(
            f"`mult_arity` must be one number for all products; got {mult_arity!r}. Take the largest, "
            f"{max(arities)}: a factor that is not needed is learned as a constant."
        )
    return arities.pop() if arities else 2


def _means(per_output: list[Tensor] | None) -> list[Tensor] | None:
    return None if per_output is None else [score.mean(0) for score in per_output]

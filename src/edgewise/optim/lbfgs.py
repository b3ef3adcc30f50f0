"""L-BFGS: a quasi-Newton direction from the last steps and gradient differences.

The usual two loops over m pairs are 4 m vector operations, one after the other, which for a few hundred parameters is
all overhead. They solve two triangular systems with `R`, the upper triangle of `S Y^T`:

    a = R^-1 S g        q = scale (g - Y^T a)        b = R^-T (D a - Y q)        H g = q + S^T b

`R^-1` itself is kept. A new pair adds a column to it, and dropping the oldest pair removes its first row and column,
which leaves the rest as it is: in a ring buffer both are one assignment, and no order of the pairs is ever needed. The
direction is then six products with matrices, for one model or for a batch of them. `Y q` is computed from the vector
`q`: from a matrix `Y Y^T`, as the compact form is usually written, it would lose the digits that cancel in `g - Y^T a`.

Sources: Nocedal (1980), Math. Comp. 35; Byrd, Nocedal and Schnabel (1994), Math. Programming 63, section 2.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from edgewise.optim.line_search import first_trial, search
from edgewise.optim.method import Method, count
from edgewise.optim.objective import Evaluation, Objective

HISTORY = 100
"""Pairs kept: with 10, the median test error of KANs on three standard problems triples."""

_CURVATURE = 1e-12
"""A pair is kept if the cosine between step and gradient difference is larger. It is 2e-8 at worst on a quadratic
with condition number 1e16."""


class Memory:
    """The last steps and gradient differences of some models, which know nothing of each other.

    Everything is kept in float64: the matrix `R` of float32 pairs is soon too ill-conditioned for float32.

    Args:
        models: how many models, M.
        n: how many parameters each has.
        history: how many pairs to keep, m. A pair that is skipped takes up its place in that count.
        device: of the tensors.

    Attributes:
        pairs: how many of the last updates are held, at most m.
    """

    def __init__(self, models: int, n: int, history: int = HISTORY, device: torch.device | str | None = None) -> None:
        options: dict[str, Any] = {"dtype": torch.float64, "device": device}
        self._pairs = torch.zeros(models, history, 2, n, **options)  # s and y
        self._inverse_r = torch.zeros(models, history, history, **options)
        self._d = torch.zeros(models, history, 1, **options)
        self._scale = torch.ones(models, 1, 1, **options)
        self.pairs, self._slot = 0, 0

    def direction(self, grad: Tensor) -> Tensor:
        """Estimate the Newton direction.

        Args:
            grad: `(M, n)` gradients.

        Returns:
            `(M, n)` directions `-H g`, of the dtype of `grad`; `-g` for a model without pairs.
        """
        g = grad.to(torch.float64).unsqueeze(-1)  # (M, n, 1)
        s, y, inverse_r = self._held()
        a = inverse_r @ (s @ g)
        q = self._scale * torch.baddbmm(g, y.mT, a, alpha=-1)
        b = inverse_r.mT @ (self._d[:, : self.pairs] * a).baddbmm_(y, q, alpha=-1)
        return torch.baddbmm(q, s.mT, b).squeeze(-1).neg_().to(grad.dtype)

    def update(self, s: Tensor, y: Tensor, keep: Tensor | None = None) -> None:
        """Learn from a step, and drop the oldest pair if the memory is full.

        A pair without positive curvature says nothing about a minimum, and is left out.

        Args:
            s: `(M, n)` steps.
            y: `(M, n)` differences of the gradients.
            keep: `(M,)` bool, the models to which this applies; all when None.
        """
        k = self._slot
        self.pairs = max(self.pairs, k + 1)
        self._slot = (k + 1) % self._pairs.shape[1]
        pair = self._pairs[:, k]  # (M, 2, n)
        pair[:, 0], pair[:, 1] = s, y
        # Numbers, not tensors: a dozen operations on single numbers would cost more than all matrix products.
        grams = (pair @ pair.mT).tolist()
        chosen = [True] * len(grams) if keep is None else keep.tolist()
        good = [kept and _is_curved(*gram) for kept, gram in zip(chosen, grams, strict=True)]
        found = [(sy, 1 / sy, sy / yy) if use else _NOTHING for use, (_, (sy, yy)) in zip(good, grams, strict=True)]
        curvature, inverse, scale = pair.new_tensor(found).view(-1, 3, 1, 1).unbind(1)  # (M, 1, 1)
        if all(good):
            self._scale = scale
        else:
            pair.masked_fill_(inverse == 0, 0.0)
            self._scale = torch.where(inverse == 0, self._scale, scale)
        self._d[:, k] = curvature[:, 0]
        self._add_column(k, -inverse)

    def _add_column(self, k: int, factor: Tensor) -> None:
        """Replace row and column k of `R^-1`: that of the pair dropped by that of the pair in slot k."""
        s, y, inverse_r = self._held()
        # The pair dropped is the oldest: its column of the upper triangle has nothing outside row k.
        column = inverse_r @ (s @ y[:, k].unsqueeze(-1))  # (M, pairs, 1)
        column[:, k] = -1.0
        inverse_r[:, k] = 0.0
        inverse_r[:, :, k] = (column * factor).squeeze(-1)

    def _held(self) -> tuple[Tensor, Tensor, Tensor]:
        k = self.pairs
        return self._pairs[:, :k, 0], self._pairs[:, :k, 1], self._inverse_r[:, :k, :k]

    def keep(self, which: Tensor) -> None:
        """Go on with some of the models only.

        Args:
            which: their numbers.
        """
        for name in ("_pairs", "_inverse_r", "_d", "_scale"):
            setattr(self, name, getattr(self, name)[which])

    def forget(self, which: Tensor | None = None) -> None:
        """Drop all pairs.

        Args:
            which: `(M,)` bool, the models whose pairs are dropped; all when None.
        """
        if which is None:
            self.pairs, self._slot = 0, 0
            which = torch.ones_like(self._scale[:, 0, 0]) > 0
        for tensor in (self._pairs, self._inverse_r, self._d):  # zeros take part in nothing
            tensor[which] = 0.0
        self._scale = torch.where(which[:, None, None], 1.0, self._scale)

    def state_dict(self) -> dict[str, Any]:
        """Copy the pairs and what was computed from them."""
        tensors = (*self._held(), self._d[:, : self.pairs], self._scale)
        state: dict[str, Any] = {name: t.clone() for name, t in zip(_TENSORS, tensors, strict=True)}
        return state | {"slot": self._slot, "history": self._pairs.shape[1]}

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Any], device: torch.device | str | None = None) -> "Memory":
        """Rebuild a memory exactly.

        Args:
            state: from `state_dict`; copied.
            device: of the tensors; as they are stored when None.

        Returns:
            The memory.
        """
        models, pairs, n = state["s"].shape
        memory = cls(models, n, state["history"], state["s"].device if device is None else device)
        memory.pairs, memory._slot = pairs, state["slot"]
        for tensor, name in zip(memory._held(), _TENSORS[:3], strict=True):
            tensor.copy_(state[name])
        memory._d[:, :pairs] = state["d"]
        memory._scale.copy_(state["scale"])
        return memory


_TENSORS = ("s", "y", "inverse_r", "d", "scale")


_NOTHING = (0.0, 0.0, 0.0)


def _is_curved(of_s: list[float], of_y: list[float]) -> bool:
    """Look at `[s's, s'y]` and `[y's, y'y]`."""
    return of_y[0] > _CURVATURE * math.sqrt(of_s[0]) * math.sqrt(of_y[1])


class LBFGSMethod(Method):
    """L-BFGS with a strong Wolfe line search.

    Args:
        history: how many pairs to remember.
        lr: factor of the first trial step.

    Raises:
        ParameterError: `history` is not an int >= 1, or `lr` not a positive number.
    """

    def __init__(self, *, history: int = HISTORY, lr: float = 1.0) -> None:
        super().__init__(lr)
        self.history = count("history", history)
        self._memory: Memory | None = None

    def step(self, objective: Objective, here: Evaluation) -> Evaluation:
        """Make one iteration; see `Method.step`."""
        memory = self._memory
        if memory is None:
            memory = self._memory = Memory(1, here.x.numel(), self.history, here.x.device)
        direction = memory.direction(here.grad[None])[0]
        if memory.pairs and not float(direction @ here.grad) < 0:  # rounding has got the better of the memory
            memory.forget()
            direction = -here.grad
        first = 1.0 if memory.pairs else first_trial(here)
        found = search(objective, here, direction, self.lr * first)
        if found is not here:
            memory.update((found.x - here.x)[None], (found.grad - here.grad)[None])
        return found

    def forget(self) -> None:
        """Drop what was learnt."""
        self._memory = None

    def state_dict(self) -> dict[str, Any]:
        """Copy what is remembered; see `Method.state_dict`."""
        return {} if self._memory is None else self._memory.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a state; see `Method.load_state_dict`."""
        self._memory = Memory.from_state_dict(state) if state else None

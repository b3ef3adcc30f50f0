"""The signature as the natural slope with a few terms beside it, chosen and fitted on training rows.

The natural slope `s = lam mu_r / (mu_r^2 + mu_i^2)` is given, the human formula of the paper. A mirror image has the
signature and `mu_r` with the other sign, so every term is odd in `mu_r` and there is no constant. Terms are added one
by one: the one that predicts best by cross-validation within the training rows stays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

Term = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
"""Of the slope, and of the real and imaginary part of the meridian's and the longitude's translation."""

SLOPE: dict[str, Term] = {"s": lambda s, r, i, lam: s}
TERMS: dict[str, Term] = {
    "s^3": lambda s, r, i, lam: s**3,
    "s^5": lambda s, r, i, lam: s**5,
    "tanh(s/2)": lambda s, r, i, lam: torch.tanh(s / 2),
    "tanh(s/4)": lambda s, r, i, lam: torch.tanh(s / 4),
    "tanh(s/8)": lambda s, r, i, lam: torch.tanh(s / 8),
    "arctan(s)": lambda s, r, i, lam: torch.atan(s),
    "s mu_i": lambda s, r, i, lam: s * i,
    "s mu_i^2": lambda s, r, i, lam: s * i**2,
    "s lam": lambda s, r, i, lam: s * lam,
    "s/lam": lambda s, r, i, lam: s / lam,
    "s lam mu_i": lambda s, r, i, lam: s * lam * i,
    "s/(lam mu_i)": lambda s, r, i, lam: s / (lam * i),
    "s (mu_r^2 + mu_i^2)": lambda s, r, i, lam: s * (r**2 + i**2),
    "s/(mu_r^2 + mu_i^2)": lambda s, r, i, lam: s / (r**2 + i**2),
    "mu_r": lambda s, r, i, lam: r,
    "mu_r^3": lambda s, r, i, lam: r**3,
    "mu_r mu_i": lambda s, r, i, lam: r * i,
    "mu_r/mu_i": lambda s, r, i, lam: r / i,
    "(mu_r/mu_i)^3": lambda s, r, i, lam: (r / i) ** 3,
    "arctan(mu_r/mu_i)": lambda s, r, i, lam: torch.atan(r / i),
}


FOLDS = 4
_STEPS, _SMALLEST = 30, 1e-10


class Formula(NamedTuple):
    """Half the signature as a sum of terms, to be rounded to a whole number."""

    terms: tuple[str, ...]
    factors: tuple[float, ...]

    def __str__(self) -> str:
        return " ".join(f"{2 * factor:+.3g} {term}" for factor, term in zip(self.factors, self.terms, strict=True))

    def signature(self, translations: Tensor) -> Tensor:
        """`(N,)` even numbers from `(N, 3)` real and imaginary part of the meridian and the longitude."""
        terms = {**SLOPE, **TERMS}
        columns = torch.stack([terms[name](*_inputs(translations)) for name in self.terms], 1)
        return 2 * (columns @ torch.tensor(self.factors, dtype=columns.dtype)).round()


def choose(translations: Tensor, signature: Tensor, most: int, sharpness: float, seed: int) -> Formula:
    """The slope and at most `most` terms, as long as each predicts rows better that it was not fitted to.

    Args:
        translations: `(N, 3)` training rows.
        signature: `(N,)` even numbers.
        most: terms beside the slope.
        sharpness: of the logits `-sharpness (sum - half)^2` of a cross-entropy, `half` every signature's half.
        seed: of the folds.
    """
    half = signature / 2
    halves = half.unique()
    columns = {name: term(*_inputs(translations)) for name, term in {**SLOPE, **TERMS}.items()}
    folds = torch.randperm(len(half), generator=torch.Generator().manual_seed(seed)).chunk(FOLDS)

    def judgement(terms: Sequence[str]) -> float:
        x, losses = torch.stack([columns[name] for name in terms], 1), []
        for n, fold in enumerate(folds):
            rest = torch.cat([*folds[:n], *folds[n + 1 :]])
            factors = fitted(x[rest], half[rest], halves, sharpness)
            losses.append(_loss(x[fold] @ factors, half[fold], halves, sharpness))
        return sum(losses) / FOLDS

    chosen, best = tuple(SLOPE), judgement(tuple(SLOPE))
    for _ in range(most):
        tries = {terms: judgement(terms) for terms in [(*chosen, name) for name in TERMS if name not in chosen]}
        terms = min(tries, key=tries.__getitem__)
        if tries[terms] >= best:
            break
        chosen, best = terms, tries[terms]
    x = torch.stack([columns[name] for name in chosen], 1)
    return Formula(chosen, tuple(fitted(x, half, halves, sharpness).tolist()))


def fitted(x: Tensor, half: Tensor, halves: Tensor, sharpness: float) -> Tensor:
    """`(T,)` factors of the least cross-entropy, by Newton's method.

    The square of the sum is the same for every class and cancels, which leaves logits that are linear in the factors:
    the problem is convex, and its second derivative is the variance of `halves` over the classes.
    """
    unit = x.square().mean(0).sqrt()
    x = x / unit
    factors = torch.linalg.lstsq(x, half[:, None]).solution[:, 0]
    loss = _loss(x @ factors, half, halves, sharpness)
    for _ in range(_STEPS):
        shares = torch.softmax(-sharpness * (x @ factors - halves[:, None]).T ** 2, 1)  # (N, classes)
        mean = shares @ halves
        variance = (shares @ halves**2 - mean**2).clamp_min(0)
        gradient = x.T @ (mean - half) / len(x)
        step = torch.linalg.solve(2 * sharpness * (x.T * variance) @ x / len(x), gradient)
        there, scale = factors - step, 1.0
        while (found := _loss(x @ there, half, halves, sharpness)) > loss and scale > _SMALLEST:
            scale /= 2
            there = factors - scale * step
        if loss - found <= _SMALLEST * loss:
            break
        factors, loss = there, found
    return factors / unit


def _loss(total: Tensor, half: Tensor, halves: Tensor, sharpness: float) -> float:
    logits = -sharpness * (total[:, None] - halves) ** 2
    return float(cross_entropy(logits, torch.searchsorted(halves, half)))


def _inputs(translations: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    real, imag, longitude = translations.unbind(1)
    return longitude * real / (real**2 + imag**2), real, imag, longitude

"""Whether the same concepts are chosen when the training rows are drawn again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pcbm.faithfulness.rows import Array, FittedRows
from pcbm.heads import standardise
from pcbm.heads.solutions import NEC_THRESHOLD
from pcbm.model.logits import UNLABELLED

REPEATS = 20


@dataclass(frozen=True)
class Choice:
    """How often a concept is chosen for a row of the head.

    ``coef`` is that of the reference head, ``frequency`` the part of the bootstraps with a
    coefficient that is not zero, ``same_sign`` the part of those whose sign is the most frequent.
    """

    row: str
    concept: str
    coef: float
    frequency: float
    same_sign: float


@dataclass(frozen=True)
class Stability:
    """Agreement of the supports of bootstrap heads.

    Attributes
    ----------
    repeats : int
    lam : float
        The strength of every fit.
    rule : str
        How the heads were made, in words.
    jaccard : float
        Mean of |A and B| / |A or B| over pairs of bootstrap supports (row, concept); two empty
        supports agree.
    to_reference : float
        The same between the bootstraps and the head fitted on all rows.
    chance : float
        What independent random supports of these sizes would give, p / (2 - p) a row.
    per_row : dict
        Row of the head -> mean Jaccard of its supports.
    nec : (float, float)
        Least and largest NEC of the bootstraps.
    always, ever : int
        Coefficients that every bootstrap has, and that any has.
    choices : tuple of Choice
        All that any bootstrap or the reference has, most frequent first.
    """

    repeats: int
    lam: float
    rule: str
    jaccard: float
    to_reference: float
    chance: float
    per_row: dict[str, float]
    nec: tuple[float, float]
    always: int
    ever: int
    choices: tuple[Choice, ...]

    @property
    def text(self) -> str:
        """The finding in one sentence."""
        least = min(self.per_row, key=lambda name: self.per_row[name])
        words = (
            f"over {self.repeats} bootstraps {self.rule}, supports agree with Jaccard "
            f"{self.jaccard:.2f} (random supports of these sizes: {self.chance:.2f}); "
            f"{self.always} of {self.ever} coefficients that occur occur always"
        )
        if self.per_row[least] < self.jaccard:
            words += f"; least stable: {least} ({self.per_row[least]:.2f})"
        return words

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {**asdict(self), "text": self.text}


def support_stability(
    fitted: FittedRows,
    row_names: Sequence[str],
    concept_names: Sequence[str],
    *,
    repeats: int = REPEATS,
    keep: int | None = None,
    draws: Sequence[Array] | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Stability:
    """Fit the head on bootstrap samples of the rows, at the same lam, and compare supports.

    Rows are drawn with replacement within each class (regression, multilabel: over all), scores
    are standardised again on each sample, and each fit is converged as any other.

    Parameters
    ----------
    fitted : FittedRows
    row_names, concept_names : sequences of str, lengths C and K
    repeats : int, at least 2
    keep : int, optional
        Keep only this many of the largest coefficients of each fit: for runs whose head is a
        truncated one.
    draws : sequence of (n,) arrays, optional
        How often each row is drawn, in place of random draws.
    seed : int
    progress : callable (done, total), optional

    Returns
    -------
    Stability
    """
    rng = np.random.default_rng(seed)
    counts = list(draws) if draws is not None else [_draw(fitted, rng) for _ in range(repeats)]
    reference = fitted.fit()
    heads = []
    for done, drawn in enumerate(counts, 1):
        weight = drawn if fitted.weight is None else drawn * fitted.weight
        mean, scale = standardise(fitted.Z, weight)
        heads.append(fitted.at((fitted.Z - mean) / scale, weight).fit(start=reference).coef)
        if progress:
            progress(done, len(counts))
    coefs = np.array([_largest(coef, keep) for coef in heads])
    supports = np.abs(coefs) > NEC_THRESHOLD
    own = _largest(reference.coef, keep)
    pairs = list(combinations(range(len(supports)), 2))
    density = supports.mean(axis=(0, 2))
    sizes = supports.sum(axis=(1, 2))
    return Stability(
        repeats=len(supports),
        lam=fitted.lam,
        rule="at the same lam" + ("" if keep is None else f", cut to {keep} coefficients"),
        jaccard=_mean([jaccard(supports[a], supports[b]) for a, b in pairs]),
        to_reference=_mean([jaccard(support, np.abs(own) > NEC_THRESHOLD) for support in supports]),
        chance=_weighted(density / (2 - density), density),
        per_row={
            name: _mean([jaccard(supports[a, c], supports[b, c]) for a, b in pairs])
            for c, name in enumerate(row_names)
        },
        nec=(float(sizes.min() / len(own)), float(sizes.max() / len(own))),
        always=int(supports.all(axis=0).sum()),
        ever=int(supports.any(axis=0).sum()),
        choices=_choices(coefs, own, row_names, concept_names),
    )


def jaccard(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """Return |a and b| / |a or b| of two boolean masks; 1 when both are empty.

    >>> jaccard(np.array([True, True, False]), np.array([True, False, False]))
    0.5
    """
    union = np.logical_or(a, b).sum()
    return float(np.logical_and(a, b).sum() / union) if union else 1.0


def _draw(fitted: FittedRows, rng: np.random.Generator) -> Array:
    """Return how often each row is drawn, as many rows of each class as there are."""
    n = len(fitted.y)
    single = fitted.y.ndim == 1 and fitted.family not in UNLABELLED
    strata = np.unique(fitted.y, return_inverse=True)[1] if single else np.zeros(n, int)
    counts = np.zeros(n)
    for stratum in range(int(strata.max()) + 1):
        rows = np.flatnonzero(strata == stratum)
        counts += np.bincount(rng.choice(rows, len(rows)), minlength=n)
    return counts


def _largest(coef: Array, keep: int | None) -> Array:
    if keep is None:
        return coef
    out = np.zeros(coef.size)
    order = np.argsort(-np.abs(coef).ravel(), kind="stable")[:keep]
    out[order] = coef.ravel()[order]
    return out.reshape(coef.shape)


def _choices(
    coefs: Array, own: Array, row_names: Sequence[str], concept_names: Sequence[str]
) -> tuple[Choice, ...]:
    used = np.abs(coefs) > NEC_THRESHOLD
    frequency = used.mean(axis=0)
    positive = (used & (coefs > 0)).sum(axis=0)
    total = np.maximum(used.sum(axis=0), 1)
    sign = np.maximum(positive, used.sum(axis=0) - positive) / total
    found = np.argwhere((frequency > 0) | (np.abs(own) > NEC_THRESHOLD)).tolist()
    places = sorted(found, key=lambda p: (-frequency[p[0], p[1]], -abs(own[p[0], p[1]])))
    return tuple(
        Choice(
            row_names[c], concept_names[j], float(own[c, j]), float(frequency[c, j]),
            float(sign[c, j]),
        )
        for c, j in places
    )  # fmt: skip


def _weighted(values: Array, weights: Array) -> float:
    return float(np.average(values, weights=weights)) if weights.sum() > 0 else 1.0


def _mean(values: list[float]) -> float:
    return float(np.mean(values))

"""Whether a bank is any constraint: how much of the activations its scores let through."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pcbm.faithfulness.recovery import probe_recovery
from pcbm.faithfulness.similarity import linear_cka

NO_CONSTRAINT = 0.95
ALIKE = 0.02


@dataclass(frozen=True)
class Constraint:
    """Similarity of activations and concept scores, beside as many random directions.

    Attributes
    ----------
    n, dim, concepts : int
        Rows, columns of the activations, concepts.
    cka, cka_debiased : float
        See `linear_cka`; scores as they are, not standardised.
    recovery : float
        See `probe_recovery`.
    random : dict or None
        ``repeats`` and the means of ``cka_debiased`` and ``recovery`` over random banks.
    """

    n: int
    dim: int
    concepts: int
    cka: float
    cka_debiased: float
    recovery: float
    random: dict[str, float] | None

    @property
    def text(self) -> str:
        """The finding in one sentence."""
        words = (
            f"{self.recovery:.1%} of the variance of the {self.dim} activations can be read back "
            f"from {self.concepts} concept scores (CKA {self.cka_debiased:.2f})"
        )
        if self.random is not None:
            words += f"; as many random directions let {self.random['recovery']:.1%} through"
        if self.recovery >= NO_CONSTRAINT:
            return words + ": this bank is hardly a constraint"
        if self.random is not None and self.recovery >= self.random["recovery"] - ALIKE:
            return words + ": no more of a constraint than they are"
        return words

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {**asdict(self), "text": self.text}


def bank_constraint(
    X: ArrayLike, scores: ArrayLike, random_scores: Iterable[ArrayLike] = (), *, seed: int = 0
) -> Constraint:
    """Measure how much of the activations concept scores keep.

    Parameters
    ----------
    X : (n, d) array
        Activations.
    scores : (n, K) array
    random_scores : iterable of (n, K) arrays
        Scores of random banks on the same rows.
    seed : int
        Of the folds.

    Returns
    -------
    Constraint
    """
    A, S = np.asarray(X, np.float64), np.asarray(scores, np.float64)
    others = [
        (linear_cka(A, other, debiased=True), probe_recovery(other, A, seed=seed))
        for other in random_scores
    ]
    random = None
    if others:
        cka, recovery = np.mean(others, axis=0)
        random = {
            "repeats": len(others),
            "cka_debiased": float(cka),
            "recovery": float(recovery),
        }
    return Constraint(
        n=len(A),
        dim=A.shape[1],
        concepts=S.shape[1],
        cka=linear_cka(A, S),
        cka_debiased=linear_cka(A, S, debiased=True),
        recovery=probe_recovery(S, A, seed=seed),
        random=random,
    )

"""What concept labels alone say of the class: probabilities from patterns of labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pcbm.heads import Path, elastic_net_path, probabilities
from pcbm.model.logits import two_sided

Array = NDArray[np.float64]

RIDGES = (1e-1, 1e-2, 1e-3, 1e-4)
PRIORS = (0.5, 2.0, 10.0, 50.0, np.inf)  # rows that the regression counts for in a pattern


@dataclass(frozen=True)
class ConceptReader:
    """p(y | c) for patterns c of concept labels.

    A logistic regression on the labels, ``q(y | c)``, and beside it the counts of each pattern:
    ``(count(c, y) + prior q(y | c)) / (count(c) + prior)``. With many rows a pattern this is any
    function of c, with few it is the regression; an infinite prior is the regression alone.
    """

    path: Path
    point: int
    prior: float
    counts: dict[bytes, Array]

    def log_proba(self, concepts: NDArray) -> Array:
        """Return log p(y | c), shape (n, C)."""
        design = one_hot(concepts)
        rows = two_sided(self.path.decision(design, self.point))
        base = probabilities(rows, "multinomial")
        if not np.isfinite(self.prior):
            return np.log(base)
        nothing = np.zeros(base.shape[1])
        seen = np.array([self.counts.get(key, nothing) for key in _keys(concepts)])
        mixed = (seen + self.prior * base) / (seen.sum(axis=1, keepdims=True) + self.prior)
        return np.log(mixed)


def fit_readers(concepts: NDArray, y: NDArray[np.intp]) -> list[ConceptReader]:
    """Fit p(y | c) for every ridge and prior; which is best is for held-out rows to say.

    Parameters
    ----------
    concepts : (n, m) array of 1, 0 and -1 (not known)
    y : (n,) array
        Classes 0..C-1, all of them present.
    """
    classes = int(y.max()) + 1
    family = "binomial" if classes == 2 else "multinomial"
    path = elastic_net_path(one_hot(concepts), y, family=family, l1_ratio=0.0, lams=RIDGES)
    counts: dict[bytes, Array] = {}
    for key, label in zip(_keys(concepts), y, strict=True):
        counts.setdefault(key, np.zeros(classes))[label] += 1
    return [ConceptReader(path, i, p, counts) for i in range(len(path)) for p in PRIORS]


def one_hot(concepts: NDArray) -> Array:
    """Return columns for present and for not known, (n, 2 m), in double precision."""
    return np.hstack([concepts == 1, concepts == -1]).astype(float)


def _keys(concepts: NDArray) -> list[bytes]:
    return [row.tobytes() for row in np.ascontiguousarray(concepts, np.int8)]

"""What the checks work on: rows to judge a head on, and rows to fit one again on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pcbm.heads import Selected, at_point, elastic_net_path
from pcbm.model.logits import decided
from pcbm.model.metrics import row_scores

Array = NDArray[np.float64]


@dataclass(frozen=True)
class JudgedRows:
    """Rows that heads are judged on.

    Attributes
    ----------
    Z : (n, K) standardised concept scores
    y : (n,) labels; (n, C) for multilabel and several targets
    family : {"multinomial", "grouped", "binomial", "multilabel", "gaussian"}
    classes : (C,) class labels; None for multilabel and gaussian
    """

    Z: Array
    y: NDArray
    family: str
    classes: NDArray | None = None

    @property
    def figure(self) -> str:
        """What the mean of `hits` is called: ``accuracy`` or ``r2``."""
        return "r2" if self.family == "gaussian" else "accuracy"

    def hits(self, coef: Array, intercept: Array) -> Array:
        """Return the score of each row under a head (n,); the mean is the figure.

        1 for a right prediction, else 0; regression: see `pcbm.model.metrics.row_scores`.
        """
        predicted = decide(self.Z @ coef.T + intercept, self.family, self.classes)
        task = "regression" if self.family == "gaussian" else "classification"
        return row_scores(self.y, predicted, task)


@dataclass(frozen=True)
class FittedRows:
    """Rows that heads are fitted on, and the objective they are fitted with.

    Attributes
    ----------
    Z, y, family
        As in `JudgedRows`; every class occurs.
    lam, l1_ratio, tol, lower
        As in `pcbm.heads.elastic_net_path`.
    weight : (n,) array or None
    """

    Z: Array
    y: NDArray
    family: str
    lam: float
    l1_ratio: float = 0.99
    tol: float = 1e-3
    lower: float | None = None
    weight: Array | None = None

    def fit(self, free: NDArray[np.bool_] | None = None, start: Selected | None = None) -> Selected:
        """Return the head at ``lam``; ``free`` (C, K) are the coefficients that may move."""
        first = None
        if start is not None:
            coef = start.coef if free is None else np.where(free, start.coef, 0.0)
            first = (coef, start.intercept)
        path = elastic_net_path(
            self.Z,
            self.y,
            family=self.family,
            l1_ratio=self.l1_ratio,
            lams=[self.lam],
            tol=self.tol,
            sample_weight=self.weight,
            lower=self.lower,
            free=free,
            start=first,
        )
        return at_point(path, 0)

    def at(self, Z: Array, weight: Array | None) -> FittedRows:
        """Return the same with other scores and weights."""
        return replace(self, Z=Z, weight=weight)


def decide(logits: Array, family: str, classes: NDArray | None) -> NDArray:
    """Return the predictions of logits (n, C), or (n, 1) for one row, as the estimators do."""
    found = decided(logits, family)
    if classes is not None:
        return classes[found]
    return found[:, 0] if family == "gaussian" and found.shape[1] == 1 else found

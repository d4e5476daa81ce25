"""How well the points of a path do on rows that were not fitted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pcbm.errors import InputError, near
from pcbm.heads.solutions import Path

Array = NDArray[np.float64]

MEASURES = ("accuracy", "loss")
RULES = ("1se", "min")


def check_rule(rule: str, measure: str, family: str) -> None:
    """Refuse an unknown rule, or a measure that does not serve the family."""
    if rule not in RULES:
        raise InputError(f"rule={rule!r}: give '1se' or 'min'")
    if measure not in MEASURES:
        raise InputError(f"measure={measure!r} is unknown: {near(str(measure), MEASURES)}")
    if family == "gaussian" and measure == "accuracy":
        raise InputError("measure='accuracy' does not serve family 'gaussian': give 'loss'")


def row_scores(path: Path, index: int, Z: Array, y: NDArray, measure: str) -> Array:
    """Return the score (n,) of every row at one point of a path; higher is better.

    accuracy: 1 where the label is right, else 0 (multilabel: the share of right labels).
    loss: the row's loss, negated; half the squared error for gaussian, else the negative
    log-likelihood, summed over labels or outputs. glmnet's deviance is -2 times this score.
    Every label must be a class of the path.
    """
    eta = path.decision(Z, index)
    if path.family == "gaussian":
        return -0.5 * ((eta - y.reshape(len(y), -1)) ** 2).sum(axis=1)
    if path.family == "multilabel":
        if measure == "accuracy":
            return ((eta > 0) == (y == 1)).mean(axis=1)
        return -(np.logaddexp(0, eta) - eta * y).sum(axis=1)
    assert path.classes is not None
    label = np.searchsorted(path.classes, y)
    if path.family == "binomial":
        eta = np.column_stack([np.zeros(len(eta)), eta])
    if measure == "accuracy":
        return (eta.argmax(axis=1) == label).astype(float)
    largest = eta.max(axis=1)
    total = np.log(np.exp(eta - largest[:, None]).sum(axis=1)) + largest
    return eta[np.arange(len(y)), label] - total

"""From linear predictors to probabilities."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, softmax

from pcbm.errors import InputError, near

Array = NDArray[np.float64]

LINKS = ("multinomial", "grouped", "binomial", "multilabel")


def probabilities(logits: ArrayLike, family: str) -> Array:
    """Return class probabilities of linear predictors.

    Parameters
    ----------
    logits : (n, C) array; (n,) or (n, 1) for binomial
    family : {"multinomial", "grouped", "binomial", "multilabel"}

    Returns
    -------
    (n, C) array. binomial: (n, 2), the second column that of the positive class. multilabel:
    one probability per label, rows need not sum to one.

    Examples
    --------
    >>> probabilities([0.0], "binomial").tolist()
    [[0.5, 0.5]]
    """
    eta = np.asarray(logits, float)
    if family in ("multinomial", "grouped"):
        return np.asarray(softmax(eta, axis=1))
    if family == "binomial":
        eta = eta.reshape(len(eta))
        return np.column_stack([expit(-eta), expit(eta)])
    if family == "multilabel":
        return np.asarray(expit(eta))
    raise InputError(f"family={family!r} has no probabilities: {near(str(family), LINKS)}")

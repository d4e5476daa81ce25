"""Columns to mean 0 and 1/n variance 1."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pcbm.heads.inputs import check_scores, check_weights

Array = NDArray[np.float64]


def standardise(S: ArrayLike, sample_weight: ArrayLike | None = None) -> tuple[Array, Array]:
    """Return the weighted means and 1/n standard deviations of the columns of ``S``.

    A column that is constant up to rounding has scale 1, so ``(S - mean) / scale`` is (nearly)
    zero there and its coefficient stays zero.

    Parameters
    ----------
    S : (n, K) array
    sample_weight : (n,) array, optional
        A weight of 2 equals the row given twice.

    Returns
    -------
    mean, scale : (K,) arrays

    Examples
    --------
    >>> mean, scale = standardise([[1.0, 5.0], [3.0, 5.0]])
    >>> mean.tolist(), scale.tolist()
    ([2.0, 5.0], [1.0, 1.0])
    """
    scores = check_scores(S)
    weights = check_weights(sample_weight, len(scores))
    mean = weights @ scores
    centred = scores - mean
    correction = weights @ centred  # what rounding left in the mean
    variance = np.maximum(weights @ centred**2 - correction**2, 0.0)
    scale = np.sqrt(variance)
    rounding = 10 * np.finfo(float).eps * np.abs(scores).max(axis=0)
    return mean + correction, np.where(scale <= rounding, 1.0, scale)

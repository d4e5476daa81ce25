"""Columns to mean 0 and 1/n variance 1."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pcbm.heads.inputs import check_weights
from pcbm.heads.rows import Read, Source, parts
from pcbm.heads.survey import as_source, survey
from pcbm.heads.threads import in_order

Array = NDArray[np.float64]


def standardise(
    S: ArrayLike | Source, sample_weight: ArrayLike | None = None
) -> tuple[Array, Array]:
    """Return the weighted means and 1/n standard deviations of the columns of ``S``.

    A column that is constant up to rounding has scale 1, so ``(S - mean) / scale`` is (nearly)
    zero there and its coefficient stays zero.

    Parameters
    ----------
    S : (n, K) array, or anything that gives its rows by slices
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
    source = as_source(S)
    weights = check_weights(sample_weight, source.shape[0])
    found = survey(source, weights)
    centred = Read(source, found.means)

    tiny = np.finfo(float).tiny
    unit = np.where(found.reach > tiny, found.reach, 1.0)  # squares of huge numbers are infinite

    def moments(part: slice) -> tuple[Array, Array]:
        block = centred.chunk(part) / unit[:, None]
        shares = weights[part]  # not with @, whose sums depend on the threads of BLAS
        first = np.einsum("km,m->k", block, shares)
        return first, np.einsum("km,m->k", np.square(block), shares)

    correction, variance = np.zeros((2, source.shape[1]))  # the first: rounding of the means
    for first, second in in_order(moments, parts(centred)):
        correction += first
        variance += second
    scale = unit * np.sqrt(np.maximum(variance - correction**2, 0.0))
    rounding = np.maximum(10 * np.finfo(float).eps * found.largest, tiny)
    return found.means + unit * correction, np.where(scale <= rounding, 1.0, scale)

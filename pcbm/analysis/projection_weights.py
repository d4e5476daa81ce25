"""PWCCA: canonical correlations weighted by what each variate means to one side."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from pcbm.analysis.canonical import Canonical, Directions, of_sides, rank_rules
from pcbm.analysis.cca import no_meaning
from pcbm.analysis.result import INVERTIBLE, ISOTROPIC, TRANSLATION, Comparison
from pcbm.analysis.sides import two_sides

INVARIANCES = (ISOTROPIC, TRANSLATION, f"{INVERTIBLE} (second side alone)")


def pwcca(X: ArrayLike, Y: ArrayLike) -> Comparison:
    """Compare two sides by their canonical correlations, weighted by the first side.

    ``sum_i alpha_i rho_i / sum_i alpha_i`` with ``alpha_i = sum_j |<h_i, x_j>|``: h_i is the i-th
    canonical variate of ``X``, x_j its j-th centred column. The weights look at the columns of
    ``X``, so a rotation of ``X`` changes the value; ``Y`` may be mapped by any invertible map.

    Parameters
    ----------
    X, Y : array-like, shapes (n, p) and (n, q)
        The same rows in the same order.

    Returns
    -------
    Comparison
        `details` holds the value with weights from the second side as ``reverse``, and the ranks.

    References
    ----------
    Morcos, Raghu, Bengio, "Insights on representational similarity in neural networks with
    canonical correlation", NeurIPS 2018, section 2.2. (The published code takes other weights.)
    """
    A, B = two_sides(X, Y, "PWCCA")
    keep = rank_rules(A, B, X, Y)
    return summary(of_sides(A, B, keep))


def summary(found: Canonical) -> Comparison:
    """Return PWCCA from canonical correlations."""
    reason = no_meaning(found, "rank")
    value = reverse = None
    if reason is None:
        value = _weighted(found.rho, found.left, found.L)
        reverse = _weighted(found.rho, found.right, found.R)
    return Comparison(
        metric="pwcca",
        value=value,
        kind="similarity",
        direction="weights from the first side",
        invariances=INVARIANCES,
        n=found.n,
        reason=reason,
        details={"reverse": reverse, "ranks": list(found.k)},
    )


def _weighted(rho: np.ndarray, side: Directions, variates: np.ndarray) -> float:
    """Return the mean of ``rho`` weighted by ``sum_j |h_i' x_j|``; ``U' A = diag(s) V'``."""
    weights = np.abs(variates.T @ (side.s[:, None] * side.V.T)).sum(axis=1)
    return float(weights @ rho / weights.sum())

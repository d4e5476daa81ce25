"""Choosing one point of a path: by size, by strength, by BIC or EBIC."""

from __future__ import annotations

import numbers

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from pcbm.errors import InputError
from pcbm.heads.datafits import Gaussian
from pcbm.heads.inputs import check_scores, check_target, check_weights, datafit_of
from pcbm.heads.solutions import NEC_THRESHOLD, Path

Array = NDArray[np.float64]

SLACK = 1e-9  # a lam given in decimal digits still finds its point


def select_by_nec(path: Path, n: float) -> int:
    """Return the index of the point with the largest NEC not above ``n``.

    NEC need not grow along the path, so every point counts, also behind one that is above
    ``n``; among equals the least lam wins.
    """
    if not n >= 0:
        raise InputError(f"concepts_per_class={n}: give a number of at least 0")
    allowed = np.flatnonzero(path.nec <= n)
    if not len(allowed):
        raise InputError(
            f"no point of the path has NEC <= {n} (the least is {path.nec.min():.3g}): "
            "allow more concepts per class"
        )
    return int(min(allowed, key=lambda i: (-path.nec[i], path.lams[i])))


def select_by_lam(path: Path, lam: float) -> int:
    """Return the index of the point whose strength is ``lam``."""
    distance = np.abs(path.lams - lam)
    index = int(distance.argmin())
    if distance[index] > SLACK * abs(lam):
        raise InputError(
            f"lam={lam:g} is not on the path (nearest: {path.lams[index]:g}): "
            "fit it with lams=[...]"
        )
    return index


def bic(path: Path, Z: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Array:
    """Return the Bayesian information criterion of every point, shape (L,).

    ``2 N loss + log(N) df`` with N the sum of the weights (so a weight of 2 equals the row given
    twice, and weights are counts: normalised weights would make every parameter cheap), loss the
    weighted mean negative log-likelihood, df the number of non-zero coefficients and intercepts.
    Gaussian responses have an unknown variance each: ``N sum_k log(mse_k)`` replaces ``2 N loss``.
    """
    return ebic(path, Z, y, sample_weight, gamma=0.0)


def ebic(
    path: Path,
    Z: ArrayLike,
    y: ArrayLike,
    sample_weight: ArrayLike | None = None,
    *,
    gamma: float = 0.5,
) -> Array:
    """Return the extended Bayesian information criterion of every point, shape (L,).

    ``BIC + 2 gamma log binom(P, s)``: BIC prefers no number of coefficients over another, so it
    favours numbers of which there are many models. P is the number of coefficients that could
    be chosen, C K, and s the number that are not zero; for the family grouped both count columns.

    Parameters
    ----------
    path, Z, y, sample_weight
        As for `bic`.
    gamma : float in [0, 1]
        0 is BIC; 1 weighs every number of coefficients equally.

    References
    ----------
    Chen, Chen, "Extended Bayesian information criteria for model selection with large model
    spaces", Biometrika 95 (2008), eq. 2.
    """
    if not isinstance(gamma, numbers.Real) or not 0 <= gamma <= 1:
        raise InputError(f"gamma={gamma!r}: give a number from 0 to 1")
    scores = check_scores(Z)
    target = check_target(y, len(scores))
    shares = check_weights(sample_weight, len(scores))
    size = float(len(scores) if sample_weight is None else np.sum(np.asarray(sample_weight, float)))
    size = max(size, 2.0)
    kept = shares > 0
    datafit, _ = datafit_of(target[kept], path.family, shares[kept])
    rows = path.intercepts.shape[1]
    found = np.empty(len(path))
    for i in range(len(path)):
        eta = np.ascontiguousarray(path.decision(scores[kept], i).T)
        if isinstance(datafit, Gaussian):
            cost = size * np.log(datafit.mean_squares(eta)).sum()
        else:
            cost = 2 * size * datafit.evaluate(eta).value
        used = np.abs(path.coef(i)) > NEC_THRESHOLD
        chosen = used.any(axis=0) if path.family == "grouped" else used
        prior = 2 * gamma * _log_binomial(chosen.size, int(chosen.sum()))
        found[i] = cost + np.log(size) * (used.sum() + rows) + prior
    return found


def _log_binomial(n: int, k: int) -> float:
    return float(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))


def select_by_bic(
    path: Path, Z: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
) -> int:
    """Return the index of the point with the least BIC; among equals the first. See `bic`."""
    return int(np.argmin(bic(path, Z, y, sample_weight)))


def select_by_ebic(
    path: Path,
    Z: ArrayLike,
    y: ArrayLike,
    sample_weight: ArrayLike | None = None,
    *,
    gamma: float = 0.5,
) -> int:
    """Return the index of the point with the least EBIC; among equals the first. See `ebic`."""
    return int(np.argmin(ebic(path, Z, y, sample_weight, gamma=gamma)))

"""Fitting a residual of a chosen kind, its strength taken from validation rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from pcbm.errors import InputError
from pcbm.heads import held_out_rows, standardise, threads_for
from pcbm.heads.datafits import Datafit, Gaussian, Logistic, Multinomial
from pcbm.residual.linear import LinearResidual, ridge_on_offset

RESIDUALS = ("none", "linear")
WEIGHT_DECAYS = (10.0, 1.0, 0.1, 1e-2, 1e-3, 1e-4)
VALIDATION_SHARE = 0.2


def fit_residual(
    X: np.ndarray,
    y: np.ndarray,
    logits: np.ndarray,
    *,
    family: str,
    sample_weight: np.ndarray | None = None,
    random_state: int = 0,
) -> LinearResidual:
    """Fit the linear residual on top of a frozen head (PCBM-h, Yuksekgonul et al. 2023, eq. 3).

    The weight decay is the one with the least loss on a fifth of the rows, fitted on the others
    from the strongest to the weakest until it has risen twice; the residual is then fitted again
    on all rows.

    Parameters
    ----------
    X : ndarray, shape (n, d)
        Activations, as the backbone gave them.
    y : ndarray, shape (n,) or (n, C)
        As the head was fitted with.
    logits : ndarray, shape (n, C) or (n, 1)
        Of the head; they stay as they are.
    family : str
        The head's loss.
    sample_weight : ndarray, shape (n,), optional
    random_state : int
        Seed of the validation split.

    Returns
    -------
    LinearResidual
    """
    X, y = np.asarray(X, dtype=np.float64), np.asarray(y)
    weight = np.ones(len(X)) if sample_weight is None else np.asarray(sample_weight, dtype=float)
    there = weight > 0
    if not there.all():  # such rows do not exist, nor does a class that only they have
        X, y, logits, weight = X[there], y[there], logits[there], weight[there]
    mean, scale = standardise(X, weight)
    Z, offset, coded = (X - mean) / scale, logits.T, _coded(y, family)
    strata = coded if coded.dtype.kind == "i" else len(coded)
    held = held_out_rows(strata, VALIDATION_SHARE, random_state)
    rows = np.setdiff1d(np.arange(len(X)), held)
    fitted = _loss(coded[rows], family, weight[rows], len(offset))
    judged = _loss(coded[held], family, weight[held], len(offset))
    theta, losses = None, []
    Z_rows, Z_held = Z[rows], Z[held]
    with threads_for(len(X), len(offset), X.shape[1]):
        for decay in WEIGHT_DECAYS:
            theta = ridge_on_offset(Z_rows, fitted, offset[:, rows], decay, theta)
            eta = offset[:, held] + theta[:, :-1] @ Z_held.T + theta[:, -1:]
            losses.append(judged.evaluate(eta).value)
            if len(losses) > 2 and losses[-1] > losses[-2] > losses[-3]:
                break  # weaker decays only fit the noise of these rows
        best = WEIGHT_DECAYS[int(np.argmin(losses))]
        every = _loss(coded, family, weight, len(offset))
        theta = ridge_on_offset(Z, every, offset, best, theta)
    return LinearResidual(theta[:, :-1], theta[:, -1], mean, scale, best)


def _coded(y: np.ndarray, family: str) -> np.ndarray:
    """Return class labels as positions in ``np.unique(y)``; other targets as they are."""
    if family in ("multinomial", "grouped", "binomial"):
        return np.unique(y, return_inverse=True)[1]
    return y.astype(float)


def _loss(coded: np.ndarray, family: str, weight: np.ndarray, count: int) -> Datafit:
    """Return the head's loss on these rows, with weights that sum to one."""
    shares = weight / weight.sum()
    if family in ("multinomial", "grouped"):
        return Multinomial(coded, shares, count)
    targets = np.ascontiguousarray(coded.reshape(len(coded), -1).T, dtype=float)
    return Gaussian(targets, shares) if family == "gaussian" else Logistic(targets, shares)


def load_residual(arrays: dict[str, np.ndarray], record: dict[str, Any]) -> LinearResidual:
    """Return the residual that `LinearResidual.state` described."""
    if record["kind"] != "linear":
        raise InputError(f"the residual {record['kind']!r} is unknown: use a newer pcbm")
    return LinearResidual(**arrays, weight_decay=record["weight_decay"])

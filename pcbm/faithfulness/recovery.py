"""How much of the activations a ridge regression reads back from concept scores."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pcbm.heads import assign_folds, standardise

Array = NDArray[np.float64]

FOLDS = 5
RIDGES = tuple(10.0**power for power in range(-8, 3))  # per row, on standardised scores


def probe_recovery(scores: ArrayLike, X: ArrayLike, *, folds: int = FOLDS, seed: int = 0) -> float:
    """Return the held-out R2 of activations predicted from concept scores.

    Ridge regression from standardised scores (n, K) to activations (n, d), its strength chosen
    by generalised cross-validation within each training part, judged on the rows of the other
    fold. ``R2 = 1 - sum of squared errors / sum of squares about the training mean``, summed over
    all columns, so that columns count by their variance. 1: every linear reading of the
    activations is still there in the scores, so the bank is no constraint; 0: nothing is.

    References
    ----------
    Golub, Heath, Wahba, "Generalized cross-validation as a method for choosing a good ridge
    parameter", Technometrics 21 (1979).
    """
    S, A = np.asarray(scores, np.float64), np.asarray(X, np.float64)
    fold = assign_folds(len(S), folds, seed)
    errors = total = 0.0
    for held in range(folds):
        train, test = fold != held, fold == held
        mean, scale = standardise(S[train])
        level = A[train].mean(axis=0)
        weights = _ridge((S[train] - mean) / scale, A[train] - level)
        left = A[test] - level
        total += float(np.square(left).sum())
        errors += float(np.square(left - ((S[test] - mean) / scale) @ weights).sum())
    return 1 - errors / total if total > 0 else float("nan")


def _ridge(Z: Array, A: Array) -> Array:
    """Return ridge weights (K, d) of centred data, the strength by GCV."""
    n = len(Z)
    values, vectors = np.linalg.eigh(Z.T @ Z / n)
    values = np.maximum(values, 0.0)
    read = vectors.T @ (Z.T @ A) / n  # (K, d)
    energy = np.square(read).sum(axis=1)
    whole = float(np.square(A).sum()) / n
    best, chosen = np.inf, RIDGES[-1]
    for ridge in RIDGES:
        shrink = 1 / (values + ridge)
        loss = whole - float((2 * shrink - values * shrink**2) @ energy)
        free = 1 - (1 + float((values * shrink).sum())) / n
        if free > 0 and loss / free**2 < best:
            best, chosen = loss / free**2, ridge
    return vectors @ (read / (values + chosen)[:, None])

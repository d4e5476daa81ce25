"""Ridge predictivity: how much of one side a linear map of the other tells, on unseen rows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add

import numpy as np
from numpy.typing import ArrayLike

from pcbm.analysis.folds import fold_of
from pcbm.analysis.moments import Moments
from pcbm.analysis.result import RIGID, Comparison
from pcbm.analysis.rotations import in_frame
from pcbm.analysis.sides import two_sides

FOLDS = 5
FEWEST = 2 * FOLDS
# In units of the mean eigenvalue of the predicting side's covariance.
PENALTIES = tuple(10.0**power for power in range(-6, 4))


def ridge_r2(X: ArrayLike, Y: ArrayLike, seed: int = 0) -> Comparison:
    """Compare two sides by the R^2 with which ridge regression on ``X`` predicts ``Y``.

    Cross-fitted on five folds: for each fold the penalty is chosen on the fold after it, by maps
    from the other three; the map of that penalty from all four is judged on the fold. R^2 is
    ``1 - sum of squared errors / sum of squared errors of the training mean``, over all rows and
    columns of ``Y``; it is negative where the map does worse than the mean.

    Parameters
    ----------
    X, Y : array-like, shapes (n, p) and (n, q)
        The same rows in the same order, at least ten.
    seed : int
        Draws the folds.

    Returns
    -------
    Comparison
        `details` holds the R^2 of predicting ``X`` from ``Y`` as ``reverse``, and the penalties
        that the folds chose, in units of the mean variance of the predicting columns.
    """
    A, B = two_sides(X, Y, "ridge predictivity")
    # Errors do not change when a wide side is seen from a frame of its row space.
    A, B = (M if M.shape[1] <= len(M) else in_frame(M) for M in (A, B))
    fold = fold_of(np.arange(len(A)), FOLDS, seed)
    parts = [Moments.of(A[fold == f], B[fold == f]) for f in np.unique(fold)]
    return of_folds(parts, seed)


def of_folds(parts: Sequence[Moments], seed: int) -> Comparison:
    """Return ridge predictivity from the moments of each fold."""
    whole = reduce(add, parts)
    reason = None
    if whole.n < FEWEST:
        reason = f"{whole.n} rows are too few for {FOLDS} folds: it needs {FEWEST}"
    for name, product in (("first", whole.xx), ("second", whole.yy)):
        if np.trace(product) == 0:
            reason = f"the {name} side is constant"
    forth = back = None
    chosen: dict[str, list[float]] = {}
    if reason is None:
        forth, chosen["penalties"] = _predicted(parts, whole)
        turned = [part.swapped() for part in parts]
        back, chosen["penalties_reverse"] = _predicted(turned, whole.swapped())
    return Comparison(
        metric="ridge_r2",
        value=forth,
        kind="similarity",
        direction="the first side predicts the second",
        invariances=RIGID,
        n=whole.n,
        reason=reason,
        details={"reverse": back, "folds": FOLDS, "seed": seed, **chosen},
    )


def _predicted(parts: Sequence[Moments], whole: Moments) -> tuple[float, list[float]]:
    """Return the cross-fitted R^2 of predicting Y from X, and the penalty of each fold."""
    errors = totals = 0.0
    penalties = []
    for f, test in enumerate(parts):
        choice = parts[(f + 1) % len(parts)]
        rest = whole - test
        scores = _errors(rest - choice, choice, PENALTIES)
        best = PENALTIES[int(np.argmin(scores))]
        errors += _errors(rest, test, (best,))[0]
        shift = test.mean_y - rest.mean_y
        totals += float(np.trace(test.yy) + test.n * shift @ shift)
        penalties.append(best)
    return float(1 - errors / totals), penalties


def _errors(train: Moments, test: Moments, penalties: Sequence[float]) -> np.ndarray:
    """Return the squared error on ``test`` of the ridge maps from ``train``, for each penalty."""
    values, V = np.linalg.eigh(train.xx)
    values = np.maximum(values, 0.0)
    xy = V.T @ train.xy
    dx = V.T @ (test.mean_x - train.mean_x)
    dy = test.mean_y - train.mean_y
    # Products of the test rows about the means of the training rows.
    xx = V.T @ test.xx @ V + test.n * np.outer(dx, dx)
    cross = V.T @ test.xy + test.n * np.outer(dx, dy)
    total = np.trace(test.yy) + test.n * dy @ dy
    found = []
    for penalty in penalties:
        W = xy / (values + penalty * values.mean() + np.finfo(float).tiny)[:, None]
        found.append(total - 2 * np.vdot(W, cross) + np.vdot(W, xx @ W))
    return np.array(found)

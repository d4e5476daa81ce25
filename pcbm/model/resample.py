"""Bootstrap over rows: how often each row is drawn, and what means and AUCs become under it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pcbm.compiled import compiled
from pcbm.model.intervals import Resampling

CHUNK = 2**22  # counts held at once
AUC_WORK = 2 * 10**8  # rows times classes times resamples: about a second
FEWEST_AUC = 200  # resamples; where these take ten times as much, there is no interval
TOO_MUCH = 10


def row_counts(n: int, how: Resampling, strata: np.ndarray | None = None) -> Iterator[np.ndarray]:
    """Yield how often each row is in each resample, some resamples at a time.

    Parameters
    ----------
    n : int
        Rows.
    how : Resampling
        The same seed, rows and strata give the same resamples, so that two models are compared on
        the same ones.
    strata : ndarray, shape (n,), optional
        Rows are drawn within each of these groups; default: among all.

    Yields
    ------
    ndarray of uint16, shape (some, n)
    """
    rng = np.random.default_rng([how.seed, 4])
    places = [np.arange(n)]
    if strata is not None:
        places = [np.flatnonzero(strata == value) for value in np.unique(strata)]
    step = max(1, CHUNK // max(n, 1))
    for start in range(0, how.repeats, step):
        some = min(step, how.repeats - start)
        counts = np.zeros((some, n), dtype=np.uint16)
        for inside in places:
            _count(inside, rng.integers(0, len(inside), (some, len(inside))), counts)
        yield counts


@compiled
def _count(places: np.ndarray, drawn: np.ndarray, counts: np.ndarray) -> None:
    for b in range(drawn.shape[0]):
        for i in range(drawn.shape[1]):
            counts[b, places[drawn[b, i]]] += 1


def mean_draws(
    columns: np.ndarray, how: Resampling, strata: np.ndarray | None = None
) -> np.ndarray:
    """Return the means of the columns over resampled rows, shape (repeats, columns)."""
    n = len(columns)
    parts = [counts.astype(np.float64) @ columns for counts in row_counts(n, how, strata)]
    return np.concatenate(parts) / n


def auc_draws(
    positive: np.ndarray, score: np.ndarray, how: Resampling, strata: np.ndarray | None = None
) -> np.ndarray | None:
    """Return areas under the ROC curve over resampled rows.

    Parameters
    ----------
    positive : ndarray of bool, shape (n, C)
    score : ndarray, shape (n, C)
        Of each column; ties count one half.
    how : Resampling
        Large problems (rows times columns) have fewer resamples, 200 at least.
    strata : ndarray, shape (n,), optional
        As in `row_counts`.

    Returns
    -------
    ndarray, shape (repeats, C), or None
        NaN where a resample lacks positive or negative rows. None where the problem is too large.
    """
    n, width = positive.shape
    work = max(n * width, 1)
    if work * FEWEST_AUC > TOO_MUCH * AUC_WORK:
        return None
    repeats = min(how.repeats, max(FEWEST_AUC, AUC_WORK // work))
    how = Resampling(repeats, how.seed, how.level)
    order = np.argsort(score.T, axis=1, kind="stable").astype(np.int32)
    ranked = np.take_along_axis(score.T, order, axis=1)
    last = np.ones((width, n), dtype=bool)
    last[:, :-1] = ranked[:, 1:] != ranked[:, :-1]
    ones = np.take_along_axis(positive.T, order, axis=1)
    parts = []
    for counts in row_counts(n, how, strata):
        found = np.empty((len(counts), width))
        for j in range(width):
            _auc(counts, order[j], last[j], ones[j], found[:, j])
        parts.append(found)
    return np.concatenate(parts)


@compiled
def _auc(
    counts: np.ndarray, order: np.ndarray, last: np.ndarray, positive: np.ndarray, out: np.ndarray
) -> None:
    """Write the area of each resample; rows come in the order of their scores."""
    for b in range(counts.shape[0]):
        own = counts[b]
        area, below, above = 0, 0, 0  # twice the pairs won, negatives passed, positives passed
        ones, zeros = 0, 0  # of the tie
        for i in range(len(order)):
            count = int(own[order[i]])
            if positive[i]:
                ones += count
            else:
                zeros += count
            if last[i]:
                area += ones * (2 * below + zeros)
                below += zeros
                above += ones
                ones, zeros = 0, 0
        out[b] = area / 2 / (below * above) if below * above > 0 else np.nan

"""How sure a comparison of two models on the same rows is: bootstrap intervals and McNemar's test.

An accuracy is a mean of hits, so a bootstrap need not draw rows: the counts of the four cells
(right or wrong before, right or wrong after) in a resample are one multinomial draw. Each figure is
resampled with what defines it held fixed: an accuracy over all rows; a class, a group and what is
computed from them within each class or group. Both models are counted on the same draws, so
differences are paired.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import binom, norm

LEVEL = 0.95
REPEATS = 2000
CHUNK = 2**22  # numbers drawn at once


@dataclass(frozen=True)
class Resampling:
    """How a bootstrap is drawn: percentile intervals at ``level`` from ``repeats`` resamples."""

    repeats: int = REPEATS
    seed: int = 0
    level: float = LEVEL


STANDARD = Resampling()


def mcnemar(before: np.ndarray, after: np.ndarray) -> dict[str, Any]:
    """Test whether two models are right equally often on the same rows.

    Parameters
    ----------
    before, after : ndarray of bool, shape (n,)
        Whether each row is right.

    Returns
    -------
    dict
        ``repaired`` (wrong, then right), ``broken`` (right, then wrong), and two-sided p-values of
        the binomial test of the one count against the other: ``exact``, which never rejects too
        often, and ``mid_p``, which is less cautious (Fagerland, Lydersen, Laake 2013). Rows that
        both models have right, or wrong, do not count.
    """
    repaired = int((~before & after).sum())
    broken = int((before & ~after).sum())
    least, total = min(repaired, broken), repaired + broken
    tail = 2 * float(binom.cdf(least, total, 0.5))
    return {
        "repaired": repaired,
        "broken": broken,
        "exact": min(1.0, tail),
        "mid_p": tail - float(binom.pmf(least, total, 0.5)),
    }


def paired_intervals(
    before: np.ndarray,
    after: np.ndarray,
    classes: Mapping[str, np.ndarray] | None = None,
    groups: Mapping[str, np.ndarray] | None = None,
    how: Resampling = STANDARD,
) -> dict[str, Any]:
    """Return bootstrap intervals of two models' accuracies and of their difference.

    Parameters
    ----------
    before, after : ndarray of bool, shape (n,)
        Whether each row is right.
    classes, groups : dict of ndarray of bool, shape (n,), optional
        Which rows each one holds. With ``classes`` the mean of their accuracies is the balanced
        accuracy; with ``groups`` the least of theirs is the worst group.
    how : Resampling

    Returns
    -------
    dict
        ``accuracy``, ``balanced_accuracy``, ``worst_group`` (None where not defined), each with
        ``before``, ``after`` and ``difference`` (after minus before) as [low, high], and
        ``per_class``, ``per_group``: name -> the same. Where all rows are right, or all wrong, a
        resample cannot vary, and the Wilson interval stands in its place.
    """
    every = {"": np.ones(len(before), dtype=bool)}
    by_class = _draws(before, after, classes or {}, how, 1)
    by_group = _draws(before, after, groups or {}, how, 2)
    shown_class = {name: _triple(draws, how) for name, draws in by_class.items()}
    shown_group = {name: _triple(draws, how) for name, draws in by_group.items()}
    for shown, parts in ((shown_class, classes or {}), (shown_group, groups or {})):
        for name, inside in parts.items():
            if name in shown:
                _certain(shown[name], before[inside], after[inside], how)
    overall = _triple(_draws(before, after, every, how, 0)[""], how)
    _certain(overall, before, after, how)
    balanced = np.mean(list(by_class.values()), axis=0) if by_class else None
    worst = np.min(list(by_group.values()), axis=0) if by_group else None
    return {
        "accuracy": overall,
        "balanced_accuracy": None if balanced is None else _triple(balanced, how),
        "worst_group": None if worst is None else _triple(worst, how),
        "per_class": shown_class or None,
        "per_group": shown_group or None,
    }


def _draws(
    before: np.ndarray,
    after: np.ndarray,
    parts: Mapping[str, np.ndarray],
    how: Resampling,
    stream: int,
) -> dict[str, np.ndarray]:
    """Return resampled accuracies (repeats, 2) of each part that has rows."""
    rng = np.random.default_rng([how.seed, stream])
    found = {}
    for name, inside in parts.items():
        cells = np.bincount(2 * before[inside].astype(int) + after[inside], minlength=4)
        n = int(cells.sum())
        if n:
            share = rng.multinomial(n, cells / n, size=how.repeats) / n
            found[name] = np.column_stack([share[:, 2] + share[:, 3], share[:, 1] + share[:, 3]])
    return found


def _triple(draws: np.ndarray, how: Resampling) -> dict[str, list[float]]:
    sides = {"before": draws[:, 0], "after": draws[:, 1], "difference": draws[:, 1] - draws[:, 0]}
    return {name: percentiles(values, how.level) for name, values in sides.items()}


def _certain(
    triple: dict[str, list[float]], before: np.ndarray, after: np.ndarray, how: Resampling
) -> None:
    for side, hits in (("before", before), ("after", after)):
        if hits.all() or not hits.any():
            triple[side] = wilson(int(hits.sum()), len(hits), how.level)


def percentiles(values: np.ndarray, level: float = LEVEL) -> list[float]:
    """Return the interval that holds the middle ``level`` of resampled values."""
    tail = 100 * (1 - level) / 2
    low, high = np.percentile(values, [tail, 100 - tail])
    return [float(low), float(high)]


def wilson(right: int, n: int, level: float = LEVEL) -> list[float]:
    """Return the Wilson score interval of a share ``right / n``."""
    z = float(norm.ppf((1 + level) / 2))
    share, widened = right / n, 1 + z**2 / n
    middle = (share + z**2 / (2 * n)) / widened
    reach = z / widened * float(np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)))
    return [max(0.0, middle - reach), min(1.0, middle + reach)]


def error_intervals(
    y: np.ndarray,
    before: np.ndarray,
    after: np.ndarray,
    groups: Mapping[str, np.ndarray] | None = None,
    how: Resampling = STANDARD,
) -> dict[str, Any]:
    """Return bootstrap intervals of two regressions on the same rows.

    Parameters
    ----------
    y, before, after : ndarray of shape (n,) or (n, T)
        Truth and predictions.
    groups : dict of ndarray of bool, shape (n,), optional
    how : Resampling

    Returns
    -------
    dict
        ``r2`` and ``rmse`` with ``before``, ``after`` and ``difference``, and ``per_group``: name
        -> the same of the RMSE. The variance under R^2 is that of the resample.
    """
    truth, *guesses = (np.asarray(a, dtype=float).reshape(len(y), -1) for a in (y, before, after))
    squared = np.column_stack([np.square(truth - guess).mean(axis=1) for guess in guesses])
    columns = np.column_stack([squared, truth, np.square(truth)])
    drawn = _mean_draws(columns, np.random.default_rng([how.seed, 0]), how)
    width = truth.shape[1]
    moments = drawn[:, 2 + width :] - np.square(drawn[:, 2 : 2 + width])
    variance = moments.mean(axis=1, keepdims=True)
    rng = np.random.default_rng([how.seed, 2])
    per_group = {
        name: _triple(np.sqrt(_mean_draws(squared[inside], rng, how)), how)
        for name, inside in (groups or {}).items()
    }
    with np.errstate(divide="ignore", invalid="ignore"):
        r2 = 1 - drawn[:, :2] / variance
    return {
        "r2": _triple(r2, how) if np.isfinite(r2).all() else None,
        "rmse": _triple(np.sqrt(drawn[:, :2]), how),
        "per_group": per_group or None,
    }


def _mean_draws(columns: np.ndarray, rng: np.random.Generator, how: Resampling) -> np.ndarray:
    """Return the means of the columns over resampled rows, shape (repeats, columns)."""
    n = len(columns)
    step = max(1, CHUNK // max(n, 1))
    parts: Sequence[np.ndarray] = [
        rng.multinomial(n, np.full(n, 1 / n), size=min(step, how.repeats - start)) @ columns / n
        for start in range(0, how.repeats, step)
    ]
    return np.concatenate(parts)

"""How sure a comparison of two models on the same rows is: bootstrap intervals and McNemar's test.

An accuracy is a mean of hits, so a bootstrap need not draw rows: the counts of the four cells
(right or wrong before, right or wrong after) in a resample are one multinomial draw. Each figure is
resampled with what defines it held fixed: an accuracy over all rows; a class, a group and what is
computed from them within each class or group. Both models are counted on the same draws, so
differences are paired. A share by itself needs no bootstrap: it has Wilson's interval.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import binom, norm

LEVEL = 0.95
REPEATS = 2000


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
    """Return intervals of two models' accuracies and of their differences.

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
        ``per_class``, ``per_group``: name -> the same. ``before`` and ``after`` do not depend on
        the other model: Wilson's for accuracies, the bootstrap's for what is made of several
        (Wilson's again where no resample differs).
    """
    every = {"": np.ones(len(before), dtype=bool)}
    parts = {"class": classes or {}, "group": groups or {}, "": every}
    drawn = {
        kind: {
            "before": _draws(before, before, inside, how, stream),
            "after": _draws(after, after, inside, how, stream),
            "difference": _draws(before, after, inside, how, stream),
        }
        for stream, (kind, inside) in zip((1, 2, 0), parts.items(), strict=True)
    }

    def shares(kind: str) -> dict[str, dict[str, list[float]]]:
        return {
            name: {
                "before": _wilson_of(before[parts[kind][name]], how),
                "after": _wilson_of(after[parts[kind][name]], how),
                "difference": percentiles(draws[:, 1] - draws[:, 0], how.level),
            }
            for name, draws in drawn[kind]["difference"].items()
        }

    def over(
        kind: str, reduce: Callable[..., np.ndarray], rows: Callable[[np.ndarray], float]
    ) -> dict[str, list[float]] | None:
        if not drawn[kind]["before"]:
            return None
        sizes = np.array([parts[kind][name].sum() for name in drawn[kind]["before"]])
        n = rows(sizes)
        sides = {side: reduce(list(each.values()), axis=0) for side, each in drawn[kind].items()}
        one, two, both = (sides[side] for side in ("before", "after", "difference"))
        return {
            "before": varied(percentiles(one[:, 0], how.level), n, how.level),
            "after": varied(percentiles(two[:, 0], how.level), n, how.level),
            "difference": percentiles(both[:, 1] - both[:, 0], how.level),
        }

    return {
        "accuracy": shares("")[""],
        "balanced_accuracy": over("class", np.mean, _rows_of_mean),
        "worst_group": over("group", np.min, np.min),
        "per_class": shares("class") or None,
        "per_group": shares("group") or None,
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


def _rows_of_mean(sizes: np.ndarray) -> float:
    """Return how many rows know a share as well as the mean of shares of so many rows each."""
    return float(len(sizes) ** 2 / (1 / sizes).sum())


def _wilson_of(hits: np.ndarray, how: Resampling) -> list[float]:
    return wilson(int(hits.sum()), len(hits), how.level)


def percentiles(values: np.ndarray, level: float = LEVEL) -> list[float]:
    """Return the interval that holds the middle ``level`` of resampled values."""
    tail = 100 * (1 - level) / 2
    low, high = np.percentile(values, [tail, 100 - tail])
    return [float(low), float(high)]


def varied(interval: list[float], n: float, level: float = LEVEL) -> list[float]:
    """Return an interval of a share; where no resample changed it, Wilson's of ``n`` rows."""
    low, high = interval
    return wilson(low * n, n, level) if low == high else interval


def wilson(right: float, n: float, level: float = LEVEL) -> list[float]:
    """Return the Wilson score interval of a share ``right / n``."""
    z = float(norm.ppf((1 + level) / 2))
    share, widened = right / n, 1 + z**2 / n
    middle = (share + z**2 / (2 * n)) / widened
    reach = z / widened * float(np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)))
    return [max(0.0, middle - reach), min(1.0, middle + reach)]

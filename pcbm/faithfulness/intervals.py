"""Intervals of means over rows, by resampling the rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

DRAWS = 1000
MANY_ROWS = 10_000  # from here on the mean of resampled rows is drawn from its normal limit
LEVEL = (2.5, 97.5)


def mean_interval(values: ArrayLike, seed: int = 0) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval of the mean of ``values`` (n,).

    Give differences of two models row by row: then the interval is that of a paired comparison.

    Examples
    --------
    >>> mean_interval([1.0, 1.0, 1.0])
    (1.0, 1.0)
    """
    sample = np.asarray(values, float)
    rng = np.random.default_rng(seed)
    n = len(sample)
    if n > MANY_ROWS:
        drawn = rng.normal(sample.mean(), sample.std() / np.sqrt(n), DRAWS)
    else:
        drawn = np.array([sample[rng.integers(0, n, n)].mean() for _ in range(DRAWS)])
    low, high = np.percentile(drawn, LEVEL)
    return float(low), float(high)


def quantiles(values: ArrayLike) -> dict[str, float]:
    """Return minimum, quartiles and maximum of values as ``{"min", "q25", "median", ...}``."""
    names = ("min", "q25", "median", "q75", "max")
    found = np.quantile(np.asarray(values, float), [0, 0.25, 0.5, 0.75, 1])
    return dict(zip(names, map(float, found), strict=True))

"""How far a value could be off, and what unrelated sides would give: other draws of the rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pcbm.analysis.metrics import OF_PAIRS, Settings, measure
from pcbm.analysis.result import Comparison
from pcbm.analysis.sides import FEWEST_ROWS
from pcbm.errors import InputError

LEVEL = 0.95
FEWEST_DRAWS = 20
MOST_PAIR_ROWS = 1000  # rows of a subsample for comparisons that look at pairs of rows

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Interval:
    """Where a value lies at `level`, from subsamples of `rows` rows.

    Attributes
    ----------
    low, high : float
    level : float
    draws : int
        Subsamples that gave a value.
    rows : int
        Rows of each.
    subsample_median : float
        Median value of the subsamples. Far from the value it tells how much the value depends on
        n: the spread is taken from the subsamples, not their level.
    """

    low: float
    high: float
    level: float
    draws: int
    rows: int
    subsample_median: float


@dataclass(frozen=True)
class Baseline:
    """What the same comparison gives when the rows of the second side are shuffled.

    Attributes
    ----------
    mean, std, extreme : float
        Of the shuffled values; the extreme is the one that argues most for a relation.
    p_value : float
        ``(1 + number of shuffles at least as extreme as the value) / (1 + shuffles)``.
    permutations : int
    """

    mean: float
    std: float
    extreme: float
    p_value: float
    permutations: int


def intervals(
    X: np.ndarray,
    Y: np.ndarray,
    found: Mapping[str, Comparison],
    settings: Settings,
    draws: int,
    progress: Progress | None = None,
) -> dict[str, Interval | None]:
    """Return an interval for each value, by subsampling rows without replacement.

    A bootstrap would put copies of rows side by side, which counts as similarity in neighbours,
    RSA and debiased CKA. A subsample of m of n rows varies around the value of all n by
    ``sigma^2 (1/m - 1/n)``, so its deviations from the median, times ``sqrt(m / (n - m))``, have
    the spread ``sigma^2 / n`` of the value itself. m is n / 2, and at most 1,000 for comparisons
    that look at pairs of rows.

    Parameters
    ----------
    X, Y : ndarray, shapes (n, p) and (n, q)
    found : mapping
        The values on all rows, by metric.
    settings : Settings
    draws : int
        Subsamples, at least 20.
    progress : callable, optional

    References
    ----------
    Politis, Romano, Wolf, "Subsampling", Springer 1999, chapters 2 and 3.
    """
    n = len(X)
    check_draws(draws, n)
    measurable = [name for name, result in found.items() if result.value is not None]
    sizes = {name: subsample_rows(n, name) for name in measurable}
    values: dict[str, list[float]] = {name: [] for name in measurable}
    rng = np.random.default_rng(settings.seed)
    for draw in range(draws):
        order = rng.permutation(n)
        for rows in sorted(set(sizes.values())):
            names = [name for name in measurable if sizes[name] == rows]
            chosen = np.sort(order[:rows])
            for name, result in _values(X[chosen], Y[chosen], names, settings.on(chosen)):
                values[name].append(result)
        if progress:
            progress(draw + 1, draws)
    return {
        name: _interval(found[name].value, values.get(name, []), sizes.get(name, 0), n)
        for name in found
    }


def baselines(
    X: np.ndarray,
    Y: np.ndarray,
    found: Mapping[str, Comparison],
    settings: Settings,
    permutations: int,
    progress: Progress | None = None,
) -> dict[str, Baseline | None]:
    """Return for each value what shuffled rows of the second side give.

    Comparisons that do not look at how rows are aligned (the Fréchet distance) have none.

    Parameters
    ----------
    X, Y : ndarray, shapes (n, p) and (n, q)
    found : mapping
        The values on all rows, by metric.
    settings : Settings
    permutations : int
        At least 1.
    progress : callable, optional
    """
    check_permutations(permutations)
    names = [name for name, r in found.items() if r.value is not None and name != "frechet"]
    values: dict[str, list[float]] = {name: [] for name in names}
    # Another stream than that of the subsamples, so that neither depends on the other being asked.
    rng = np.random.default_rng([settings.seed, 1])
    for draw in range(permutations):
        shuffled = Y[rng.permutation(len(Y))]
        for name, result in _values(X, shuffled, names, settings):
            values[name].append(result)
        if progress:
            progress(draw + 1, permutations)
    return {name: _baseline(found[name], values.get(name, [])) for name in found}


def check_draws(draws: int, n: int) -> None:
    """Raise InputError where subsamples of n rows are too few or too small for an interval."""
    if draws < FEWEST_DRAWS:
        raise InputError(f"the subsamples were given as {draws}: give at least {FEWEST_DRAWS}")
    if n < 2 * FEWEST_ROWS:
        raise InputError(f"subsamples of {n} rows are too small: give at least {2 * FEWEST_ROWS}")


def check_permutations(permutations: int) -> None:
    """Raise InputError without any permutation."""
    if permutations < 1:
        raise InputError(f"the permutations were given as {permutations}: give at least 1")


def subsample_rows(n: int, metric: str) -> int:
    """Return how many of n rows a subsample for a metric has."""
    return min(n // 2, MOST_PAIR_ROWS) if metric in OF_PAIRS else n // 2


def tails_of_whole(sample: np.ndarray, rows: int, n: int) -> np.ndarray | None:
    """Return how far below and above its value all n rows may be, from values of subsamples.

    None where the subsamples gave too few values.
    """
    if len(sample) < FEWEST_DRAWS:
        return None
    tails = np.quantile(sample, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]) - np.median(sample)
    scaled: np.ndarray = np.sqrt(rows / (n - rows)) * tails
    return scaled


def _values(
    X: np.ndarray, Y: np.ndarray, names: Sequence[str], settings: Settings
) -> Iterator[tuple[str, float]]:
    """Yield the values that exist."""
    if len(X) and names:
        for name, result in measure(X, Y, names, settings).items():
            if result.value is not None:
                yield name, result.value


def _interval(value: float | None, drawn: list[float], rows: int, n: int) -> Interval | None:
    sample = np.array(drawn)
    tails = None if value is None else tails_of_whole(sample, rows, n)
    if value is None or tails is None:
        return None
    low, high = value + tails
    median = float(np.median(sample))
    return Interval(float(low), float(high), LEVEL, len(drawn), rows, median)


def _baseline(found: Comparison, drawn: list[float]) -> Baseline | None:
    if found.value is None or not drawn:
        return None
    sample = np.array(drawn)
    alike = found.kind == "similarity"
    beyond = (sample >= found.value) if alike else (sample <= found.value)
    return Baseline(
        mean=float(sample.mean()),
        std=float(sample.std()),
        extreme=float(sample.max() if alike else sample.min()),
        p_value=float((1 + beyond.sum()) / (1 + len(drawn))),
        permutations=len(drawn),
    )

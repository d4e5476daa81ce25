"""How far the values of a map of layers could be off, and what unrelated models would give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pcbm.analysis.layer_maps import LayerMap, layer_maps
from pcbm.analysis.metrics import Settings
from pcbm.analysis.resampling import (
    LEVEL,
    Progress,
    check_draws,
    check_permutations,
    subsample_rows,
    tails_of_whole,
)

NOT_ALIGNED = "frechet"  # does not look at how rows are aligned: shuffles tell nothing


@dataclass(frozen=True, eq=False)
class MapInterval:
    """Where the values of a map lie at `level`; see `pcbm.analysis.resampling.Interval`.

    Attributes
    ----------
    low, high, subsample_median : ndarray, shape (rows, columns)
        NaN where the map or too many subsamples have no value.
    level : float
    draws, rows : int
        Subsamples, and the rows of each.
    """

    low: np.ndarray
    high: np.ndarray
    subsample_median: np.ndarray
    level: float
    draws: int
    rows: int


@dataclass(frozen=True, eq=False)
class MapBaseline:
    """What a map gives when the rows of the second model are shuffled, all layers alike.

    Attributes
    ----------
    mean, std, p_value : ndarray, shape (rows, columns)
    permutations : int
    """

    mean: np.ndarray
    std: np.ndarray
    p_value: np.ndarray
    permutations: int


Layers = Mapping[str, Any]


def map_intervals(
    left: Layers,
    right: Layers,
    maps: Mapping[str, LayerMap],
    settings: Settings,
    draws: int,
    progress: Progress | None = None,
) -> dict[str, MapInterval]:
    """Return intervals for all cells, by subsampling rows without replacement.

    All cells of a draw see the same rows, so that they can be compared with each other. For the
    rest see `pcbm.analysis.resampling.intervals`.

    Parameters
    ----------
    left, right : mapping of str to array-like (n, d)
    maps : mapping
        The maps on all rows, by metric.
    settings : Settings
    draws : int
        Subsamples, at least 20.
    progress : callable, optional
    """
    n = len(next(iter(left.values())))
    check_draws(draws, n)
    sizes = {name: subsample_rows(n, name) for name in maps}
    drawn: dict[str, list[np.ndarray]] = {name: [] for name in maps}
    rng = np.random.default_rng(settings.seed)
    for draw in range(draws):
        order = rng.permutation(n)
        for rows in sorted(set(sizes.values())):
            names = [name for name in maps if sizes[name] == rows]
            chosen = np.sort(order[:rows])
            parts = _taken(left, chosen), _taken(right, chosen)
            for name, found in layer_maps(*parts, names, settings.on(chosen)).items():
                drawn[name].append(found.values)
        if progress:
            progress(draw + 1, draws)
    return {name: _interval(maps[name], np.stack(drawn[name]), sizes[name]) for name in maps}


def map_baselines(
    left: Layers,
    right: Layers,
    maps: Mapping[str, LayerMap],
    settings: Settings,
    permutations: int,
    progress: Progress | None = None,
) -> dict[str, MapBaseline]:
    """Return what shuffled rows of the second model give; the Fréchet distance has no baseline.

    Parameters
    ----------
    left, right : mapping of str to array-like (n, d)
    maps : mapping
        The maps on the rows as they are, by metric.
    settings : Settings
    permutations : int
        At least 1.
    progress : callable, optional
    """
    check_permutations(permutations)
    names = [name for name in maps if name != NOT_ALIGNED]
    drawn: dict[str, list[np.ndarray]] = {name: [] for name in names}
    rng = np.random.default_rng([settings.seed, 1])
    n = len(next(iter(right.values())))
    for draw in range(permutations):
        shuffled = _taken(right, rng.permutation(n))
        for name, found in layer_maps(left, shuffled, names, settings).items():
            drawn[name].append(found.values)
        if progress:
            progress(draw + 1, permutations)
    return {name: _baseline(maps[name], np.stack(drawn[name])) for name in names}


def _taken(layers: Layers, rows: np.ndarray) -> dict[str, np.ndarray]:
    return {name: np.asarray(table)[rows] for name, table in layers.items()}


def _interval(found: LayerMap, drawn: np.ndarray, rows: int) -> MapInterval:
    low, high, median = (np.full(found.values.shape, np.nan) for _ in range(3))
    for cell in np.argwhere(np.isfinite(found.values)):
        at = tuple(cell)
        sample = drawn[(slice(None), *at)]
        sample = sample[np.isfinite(sample)]
        tails = tails_of_whole(sample, rows, found.n)
        if tails is not None:
            low[at], high[at] = found.values[at] + tails
            median[at] = np.median(sample)
    return MapInterval(low, high, median, LEVEL, len(drawn), rows)


def _baseline(found: LayerMap, drawn: np.ndarray) -> MapBaseline:
    known = np.isfinite(drawn)
    count = known.sum(axis=0)
    some = np.isfinite(found.values) & (count > 0)
    mean, std, p_value = (np.full(found.values.shape, np.nan) for _ in range(3))
    kept = np.where(known, drawn, 0.0)
    np.divide(kept.sum(axis=0), count, out=mean, where=some)
    spread = np.where(known, drawn - mean, 0.0)
    np.divide(np.square(spread).sum(axis=0), count, out=std, where=some)
    alike = found.kind == "similarity"
    beyond = (drawn >= found.values) if alike else (drawn <= found.values)
    np.divide(1 + beyond.sum(axis=0), 1 + count, out=p_value, where=some)
    return MapBaseline(mean, np.sqrt(std), p_value, len(drawn))

"""The smallest change of a few coordinates that meets linear conditions inside a box.

The geometry of counterfactuals: find ``delta`` with ``slopes @ delta >= needed`` and
``low <= delta <= high``, first with the fewest changed coordinates, then with the least sum of
absolute changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SUBSETS = 50_000  # so many sets of coordinates are looked at for each size
PROGRAMS = 500  # and so many linear programs solved
SLACK = 1e-12


@dataclass(frozen=True)
class Conditions:
    """What a change must meet: slopes (m, K), needed (m,), low (K,) <= 0 <= high (K,)."""

    slopes: Array
    needed: Array
    low: Array
    high: Array

    def met(self, delta: Array) -> bool:
        """Return whether a change (K,) meets every condition, up to rounding."""
        rounding = SLACK * (1 + np.abs(self.slopes) @ np.abs(delta))
        return bool((self.slopes @ delta >= self.needed - rounding).all())

    def of(self, columns: list[int]) -> Conditions:
        """Return the conditions on some coordinates, the others left where they are."""
        return Conditions(
            self.slopes[:, columns], self.needed, self.low[columns], self.high[columns]
        )

    def spread(self, columns: list[int], part: Array) -> Array:
        """Return a change of some coordinates as one of all (K,)."""
        delta = np.zeros(len(self.low))
        delta[columns] = part
        return delta


def single_changes(conditions: Conditions) -> Array:
    """Return, for each coordinate alone, the smallest change that is enough (K,); NaN for none.

    Condition k bounds the change of coordinate j by needed_k / slopes_kj, from below for a
    positive slope and from above for a negative one; with slope zero it must hold already.
    """
    slopes, needed = conditions.slopes, conditions.needed[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        bound = needed / slopes
    above = np.where(slopes > 0, bound, -np.inf).max(axis=0, initial=-np.inf)
    below = np.where(slopes < 0, bound, np.inf).min(axis=0, initial=np.inf)
    left, right = np.maximum(above, conditions.low), np.minimum(below, conditions.high)
    possible = (left <= right) & ~((slopes == 0) & (needed > 0)).any(axis=0)
    return np.where(possible, np.clip(0.0, left, np.maximum(left, right)), np.nan)


def fewest_changes(conditions: Conditions, size: int, count: int) -> tuple[list[Array], bool]:
    """Return the ``count`` least changes of exactly ``size`` coordinates, and whether proven.

    Every set of coordinates gets a lower bound of its sum of absolute changes: under one
    condition alone the coordinates with the steepest slopes are moved first. Sets are solved in
    the order of their bounds until none left can be better. Proven is False when there were too
    many sets to look at all of them.
    """
    active = np.flatnonzero((conditions.slopes != 0).any(axis=0))
    reach = _caps(conditions) * np.abs(conditions.slopes)
    kept, whole = _candidates(reach, active, size)
    sets = np.array(list(combinations(kept, size)), dtype=np.intp).reshape(-1, size)
    bounds = _bounds(conditions, sets)
    order = np.argsort(bounds, kind="stable")
    order = order[np.isfinite(bounds[order])]
    found: list[tuple[float, Array]] = []
    for solved, index in enumerate(order):
        if len(found) >= count and bounds[index] >= found[count - 1][0]:
            break
        if solved >= PROGRAMS:
            whole = False
            break
        columns = sets[index].tolist()
        part = least_change(conditions.of(columns))
        if part is not None:
            found.append((float(np.abs(part).sum()), conditions.spread(columns, part)))
            found.sort(key=lambda item: item[0])
    return [delta for _, delta in found[:count]], whole


def least_change(conditions: Conditions) -> Array | None:
    """Return the change (K,) with the least sum of absolute values, or None where none is enough.

    First the answer to each condition alone is tried, which is the least of all if it meets the
    others; else a linear program is solved.
    """
    for k in np.argsort(-conditions.needed, kind="stable"):
        delta = _fill(conditions, int(k))
        if delta is None:
            return None
        if conditions.met(delta):
            return delta
    from scipy.optimize import linprog

    width = len(conditions.low)
    bounds = [*((0, h) for h in conditions.high), *((0, -v) for v in conditions.low)]
    result = linprog(
        np.ones(2 * width),
        A_ub=np.hstack([-conditions.slopes, conditions.slopes]),
        b_ub=-conditions.needed,
        bounds=bounds,
        method="highs",
    )
    return result.x[:width] - result.x[width:] if result.status == 0 else None


def thinned(conditions: Conditions, delta: Array) -> Array:
    """Return a change of fewer coordinates: each is left out in turn where the rest can do it."""
    best = delta
    for j in np.argsort(np.abs(delta), kind="stable"):
        columns = [i for i in np.flatnonzero(best).tolist() if i != j]
        if best[j] == 0 or not columns:
            continue
        part = least_change(conditions.of(columns))
        if part is not None:
            best = conditions.spread(columns, part)
    return best


def _caps(conditions: Conditions) -> Array:
    """Return how far each coordinate can move toward each condition, (m, K)."""
    return np.where(conditions.slopes > 0, conditions.high, -conditions.low)


def _candidates(reach: Array, active: NDArray[np.intp], size: int) -> tuple[list[int], bool]:
    """Return the coordinates to choose from, those that reach farthest, and whether all."""
    order = active[np.argsort(-reach[:, active].max(axis=0, initial=0.0), kind="stable")]
    number = min(len(order), size)
    total = 1  # of sets of that size among so many
    while number < len(order):
        total = total * (number + 1) // (number + 1 - size)
        if total > SUBSETS:
            break
        number += 1
    return sorted(order[:number].tolist()), number == len(order)


def _bounds(conditions: Conditions, sets: NDArray[np.intp]) -> Array:
    """Return a lower bound of the change for each set of coordinates; infinite if impossible."""
    caps = _caps(conditions)
    worst = np.zeros(len(sets))
    for slopes, room, needed in zip(conditions.slopes, caps, conditions.needed, strict=True):
        if needed <= 0:
            continue
        rate = np.abs(slopes)[sets]
        order = np.argsort(-rate, axis=1, kind="stable")
        rate = np.take_along_axis(rate, order, axis=1)
        cap = np.take_along_axis(room[sets], order, axis=1)
        left = np.full(len(sets), needed)
        cost = np.zeros(len(sets))
        for r, c in zip(rate.T, cap.T, strict=True):
            with np.errstate(divide="ignore", invalid="ignore"):
                step = np.where((left > 0) & (r > 0), np.minimum(c, left / r), 0.0)
            cost += step
            left = left - step * r
        cost[left > SLACK * needed] = np.inf
        worst = np.maximum(worst, cost)
    return worst


def _fill(conditions: Conditions, k: int) -> Array | None:
    """Return the least change for condition k alone, the steepest coordinates first."""
    slopes, left = conditions.slopes[k], float(conditions.needed[k])
    delta = np.zeros(len(slopes))
    room = _caps(conditions)[k]
    for j in np.argsort(-np.abs(slopes), kind="stable"):
        if left <= 0 or slopes[j] == 0:
            break
        step = min(float(room[j]), left / abs(float(slopes[j])))
        delta[j] = np.sign(slopes[j]) * step
        left -= step * abs(float(slopes[j]))
    return None if left > SLACK * max(conditions.needed[k], 0.0) else delta

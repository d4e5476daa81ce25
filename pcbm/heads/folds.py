"""Which rows are held out together."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pcbm.errors import InputError

Fold = NDArray[np.intp]

ALWAYS_FITTED = -1


def assign_folds(
    labels: NDArray | int,
    folds: int = 5,
    seed: int = 0,
    groups: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> Fold:
    """Deal rows, or whole groups of rows, out to folds of nearly equal size and class shares.

    Parameters
    ----------
    labels : (n,) array, or the number of rows where there are no classes
    folds : int, at least 2
    seed : int
    groups : (n,) array, optional
        Rows with equal entries, such as those of one patient, share a fold.
    sample_weight : (n,) array, optional
        Counts of the rows when groups are balanced.

    Returns
    -------
    (n,) array
        0..folds-1, or -1 for a row that is never held out: without it (or its group) a class
        would be absent from the other folds.

    Raises
    ------
    InputError
        Fewer rows or groups than folds, or shapes that do not fit.
    """
    if not isinstance(folds, int | np.integer) or isinstance(folds, bool) or folds < 2:
        raise InputError(f"folds={folds!r}: give a whole number of at least 2")
    strata = np.zeros(labels, np.intp) if isinstance(labels, int | np.integer) else labels
    strata = np.unique(strata, return_inverse=True)[1]
    n = len(strata)
    units = np.arange(n)
    if groups is not None:
        given = np.asarray(groups)
        if given.shape != (n,):
            raise InputError(f"groups has shape {given.shape}: give one group for {n} rows")
        units = np.unique(given, return_inverse=True)[1]
    count = int(units.max()) + 1
    if count < 2 and groups is not None:
        raise InputError("groups are all equal, so no rows can be held out: give two or more")
    if count < folds:
        what = "rows" if groups is None else "groups"
        raise InputError(
            f"{count} {what} cannot make {folds} folds: give more {what}, fewer folds, "
            "or choose by BIC"
        )
    rng = np.random.default_rng(seed)
    if groups is None:
        fold = _deal(strata, folds, rng)
    else:
        weight = np.ones(n) if sample_weight is None else np.asarray(sample_weight, float)
        fold = _balance(strata, units, weight, folds, rng)[units]
    if not isinstance(labels, int | np.integer):
        _keep_classes(fold, strata, units)
    return fold


def _deal(strata: Fold, folds: int, rng: np.random.Generator) -> Fold:
    """Deal the rows of one class after another round the folds."""
    shuffled = rng.permutation(len(strata))
    order = shuffled[np.argsort(strata[shuffled], kind="stable")]
    fold = np.empty(len(strata), np.intp)
    fold[order] = np.arange(len(strata)) % folds
    return fold


def _balance(
    strata: Fold, units: Fold, weight: NDArray, folds: int, rng: np.random.Generator
) -> Fold:
    """Return a fold for each group, the largest first to where its classes are rarest."""
    counts = np.zeros((int(units.max()) + 1, int(strata.max()) + 1))
    np.add.at(counts, (units, strata), weight)
    total = counts.sum(axis=0)
    shares = counts / np.where(total > 0, total, 1.0)
    shuffled = rng.permutation(len(counts))
    order = shuffled[np.argsort(-counts[shuffled].sum(axis=1), kind="stable")]
    held = np.zeros((folds, counts.shape[1]))
    fold = np.empty(len(counts), np.intp)
    for unit in order:
        cost = (held * shares[unit]).sum(axis=1)
        ties = np.flatnonzero(cost == cost.min())
        fold[unit] = ties[held[ties].sum(axis=1).argmin()]
        held[fold[unit]] += shares[unit]
    return fold


def _keep_classes(fold: Fold, strata: Fold, units: Fold) -> None:
    """Mark rows as always fitted where else a fold would hold out the whole of a class."""
    for c in range(int(strata.max()) + 1):
        rows = np.flatnonzero(strata == c)
        if fold[rows[0]] != ALWAYS_FITTED and (fold[rows] == fold[rows[0]]).all():
            fold[units == units[rows[0]]] = ALWAYS_FITTED

"""Splitting examples so that no input, however often it occurs, is on both sides of a split."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

SAME = 1e-5


def duplicate_groups(rows: np.ndarray, tolerance: float = SAME) -> np.ndarray:
    """Give each row a number such that equal numbers mean the same input.

    Two rows are the same when their distance is at most ``tolerance`` times the spread (the root
    mean square distance to the mean row); chains of such pairs count as one. The tolerance covers
    the last bits in which a backbone differs when one input sits in two batches.

    Parameters
    ----------
    rows : ndarray (n, d)
    tolerance : float

    Returns
    -------
    groups : ndarray (n,) of int
        From 0 on, in no particular order.
    """
    seen: dict[bytes, int] = {}
    exact = np.array([seen.setdefault(row.tobytes(), len(seen)) for row in rows])
    first = np.unique(exact, return_index=True)[1]
    distinct = rows[first] - rows[first].mean(axis=0)
    spread = np.sqrt((distinct**2).sum(axis=1).mean())
    if spread == 0 or len(distinct) < 2:
        return exact
    edges = _close_pairs(distinct / spread, tolerance)
    links = coo_array((np.ones(edges.shape[1]), edges), shape=(len(distinct), len(distinct)))
    return connected_components(links, directed=False)[1][exact]


def _close_pairs(rows: np.ndarray, tolerance: float) -> np.ndarray:
    """Return the pairs (2, m) of rows no further apart than ``tolerance``.

    Sorted along one random unit direction, close rows are close neighbours; three more directions
    drop almost all other candidates before whole rows are compared.
    """
    directions = np.random.default_rng(0).standard_normal((rows.shape[1], 4))
    shadows = rows @ (directions / np.linalg.norm(directions, axis=0))
    order = np.argsort(shadows[:, 0])
    shadows = shadows[order]
    found = []
    for step in range(1, len(rows)):
        left = np.flatnonzero(shadows[step:, 0] - shadows[:-step, 0] <= tolerance)
        if left.size == 0:
            break
        left = left[(np.abs(shadows[left + step] - shadows[left]) <= tolerance).all(axis=1)]
        a, b = order[left], order[left + step]
        near = np.linalg.norm(rows[a] - rows[b], axis=1) <= tolerance
        found.append(np.stack([a[near], b[near]]))
    return np.concatenate(found, axis=1) if found else np.empty((2, 0), dtype=int)


def numbered(groups: np.ndarray) -> np.ndarray:
    """Return the same groups numbered from 0 in the order in which they first occur.

    >>> numbered(np.array([7, 2, 7, 9])).tolist()
    [0, 1, 0, 2]
    """
    _, first, group_of = np.unique(groups, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[group_of]


def grouped_folds(
    labels: np.ndarray, groups: np.ndarray, folds: int, rng: np.random.Generator
) -> np.ndarray:
    """Deal the groups of each label round robin into folds, in random order.

    Parameters
    ----------
    labels : ndarray (n,)
        The same for all rows of a group.
    groups : ndarray (n,) of int
    folds : int
    rng : numpy.random.Generator

    Returns
    -------
    fold : ndarray (n,) of int
        From 0 to ``folds - 1``; fold 0 has at least one group of every label, and so has another
        fold when the label has two groups.
    """
    numbers, first, group_of = np.unique(groups, return_index=True, return_inverse=True)
    fold_of = np.empty(len(numbers), dtype=int)
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels[first] == label))
        fold_of[members] = np.arange(len(members)) % folds
    return fold_of[group_of]

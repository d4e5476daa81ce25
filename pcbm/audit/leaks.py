"""What margins still tell of a concept among rows of one class, against chance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import kendalltau, rankdata

from pcbm.errors import InputError

REPEATS = 199
MOST_ROWS = 1000  # of a class, where pairs of rows are compared
ROUNDING = 1e-12

Array = NDArray[np.float64]


def within_class_auc(
    margin: ArrayLike,
    concept: ArrayLike,
    y: ArrayLike,
    *,
    names: Sequence[str] = ("margin",),
    repeats: int = REPEATS,
    seed: int = 0,
) -> dict[str, Any]:
    """Measure how well margins order rows by a concept, among rows of the same class.

    A model without any leak has margins that differ between classes, and so does a concept that
    is tied to the class; only rows of one class tell the concept's own effect. The AUC is pooled:
    over pairs of rows of the same class, one with the concept and one without, the share in which
    the row with it has the higher margin (ties count one half; the stratified Mann-Whitney
    statistic). With a continuous ``concept`` the pairs are those with different values, and the
    figure is (1 + Kendall's tau) / 2. It is compared with permutations of the concept within the
    classes, two-sided: p = (1 + #{|AUC - 1/2| of a permutation >= that found}) / (1 + repeats).

    Parameters
    ----------
    margin : array-like, shape (n,) or (n, R)
        In logits, one column for each of ``names``.
    concept : array-like, shape (n,)
        Truth values (two values: the larger is present), or scores.
    y : array-like, shape (n,)
        True classes.
    names : sequence of str, length R
    repeats : int
    seed : int

    Returns
    -------
    dict
        ``toward`` (name -> ``auc``, ``p_value``, ``null``, the middle 95 % of the permutations,
        and ``by_class``, class -> AUC), ``p_value`` of the largest deviation over all names (so
        that many classes do not find one by chance), ``n``, ``repeats``, ``continuous``, and
        ``left_out``, the classes in which the concept does not vary.

    Raises
    ------
    InputError
        Lengths differ, or the concept varies within no class.
    """
    table = np.asarray(margin, dtype=np.float64).reshape(len(np.asarray(margin)), -1)
    values = np.asarray(concept, dtype=np.float64)
    classes = np.asarray(y)
    if not len(table) == len(values) == len(classes) or table.shape[1] != len(names):
        raise InputError(
            f"there are margins of shape {table.shape}, {len(values)} values of the concept, "
            f"{len(classes)} classes and {len(names)} names: give one each"
        )
    continuous = len(np.unique(values)) > 2
    rng = np.random.default_rng(seed)
    by_class: dict[str, Array] = {}
    found, drawn, pairs = np.zeros(len(names)), np.zeros((repeats, len(names))), 0.0
    left_out, rows_used = [], 0
    for name in np.unique(classes):
        rows = np.flatnonzero(classes == name)
        if continuous and len(rows) > MOST_ROWS:
            rows = np.sort(rng.choice(rows, MOST_ROWS, replace=False))
        own = values[rows]
        if np.ptp(own) == 0:
            left_out.append(str(name))
            continue
        orders = np.array([np.arange(len(rows)), *(rng.permutation(len(rows)) for _ in drawn)])
        aucs, count = (_concordances if continuous else _mann_whitney)(table[rows], own[orders])
        found, drawn, pairs = found + count * aucs[0], drawn + count * aucs[1:], pairs + count
        by_class[str(name)] = aucs[0]
        rows_used += len(rows)
    if not by_class:
        raise InputError("the concept is the same in all rows of each class: nothing to compare")
    found, drawn = found / pairs, drawn / pairs
    return {
        "toward": {
            name: {
                "auc": float(found[j]),
                "p_value": _p_value(found[[j]], drawn[:, [j]]),
                "null": [float(v) for v in np.quantile(drawn[:, j], (0.025, 0.975))],
                "by_class": {label: float(aucs[j]) for label, aucs in by_class.items()},
            }
            for j, name in enumerate(names)
        },
        "p_value": _p_value(found, drawn),
        "n": rows_used,
        "repeats": repeats,
        "continuous": continuous,
        "left_out": left_out,
    }


def _mann_whitney(table: Array, labels: Array) -> tuple[Array, float]:
    """Return AUCs (orders, R) of two-valued labels (orders, n), and the pairs they count."""
    present = (labels == labels.max()).astype(float)
    ones = present[0].sum()
    count = ones * (len(table) - ones)
    ranks = rankdata(table, axis=0)
    return (present @ ranks - ones * (ones + 1) / 2) / count, float(count)


def _concordances(table: Array, scores: Array) -> tuple[Array, float]:
    """Return (1 + tau) / 2, shape (orders, R), of scores (orders, n), and the pairs they count."""
    tau = np.array(
        [
            [kendalltau(own, column, method="asymptotic").statistic for column in table.T]
            for own in scores
        ]
    )
    n = len(table)
    return (1 + np.nan_to_num(tau)) / 2, n * (n - 1) / 2  # a constant margin orders nothing


def _p_value(found: Array, drawn: Array) -> float:
    """Return the share of orders, that of the data included, that deviate at least as far."""
    deviation = np.abs(found - 0.5).max()
    beyond = np.abs(drawn - 0.5).max(axis=1) >= deviation - ROUNDING
    return float((1 + beyond.sum()) / (1 + len(drawn)))

"""Whether predicted probabilities mean what they say, and what is taken for what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pcbm.model.intervals import LEVEL, wilson

BINS = 15


def calibration(
    y: np.ndarray, proba: np.ndarray, classes: np.ndarray, task: str, *, bins: int = BINS
) -> dict[str, Any]:
    """Set confidence beside the share of right rows, in bins of equal width.

    Parameters
    ----------
    y : ndarray, shape (n,), or (n, C) of 0/1 for multilabel
    proba : ndarray, shape (n, C)
        Columns in the order of ``classes``.
    classes : ndarray, shape (C,)
    task : {"binary", "multiclass", "multilabel"}
    bins : int
        How many parts [0, 1] is cut into.

    Returns
    -------
    dict
        ``bins``: those that hold rows, each with ``low`` (excluded), ``high``, ``n``,
        ``confidence`` (mean probability), ``share`` (of right rows) and its Wilson ``interval``;
        ``n_bins``; ``ece``, the expected calibration error: the mean of |share - confidence| over
        bins, weighted by their rows (Naeini, Cooper, Hauskrecht 2015; Guo et al. 2017, eq. 3);
        ``confidence``, its mean over all rows; ``share``; ``n``; and ``of``: ``"top class"``, the
        probability of the predicted class, or ``"labels"``, that of every label of every row.
    """
    if task == "multilabel":
        confidence, right, of = proba.ravel(), np.asarray(y).ravel() == 1, "labels"
    else:
        top = proba.argmax(axis=1)
        confidence, right, of = proba[np.arange(len(y)), top], classes[top] == y, "top class"
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    n = np.bincount(place, minlength=bins)
    rows: list[dict[str, Any]] = []
    for b in np.flatnonzero(n):
        inside = place == b
        hits = int(right[inside].sum())
        rows.append(
            {
                "low": b / bins,
                "high": (b + 1) / bins,
                "n": int(n[b]),
                "confidence": float(confidence[inside].mean()),
                "share": hits / int(n[b]),
                "interval": wilson(hits, int(n[b])),
            }
        )
    error = sum(row["n"] * abs(row["share"] - row["confidence"]) for row in rows) / len(right)
    return {
        "of": of,
        "n": len(right),
        "n_bins": bins,
        "bins": rows,
        "ece": float(error),
        "confidence": float(confidence.mean()),
        "share": float(right.mean()),
        "level": LEVEL,
    }


def confusion(
    y: np.ndarray, predicted: np.ndarray, classes: np.ndarray, task: str
) -> dict[str, dict[str, Any]]:
    """Count what is taken for what.

    Parameters
    ----------
    y, predicted : ndarray, shape (n,), or (n, C) of 0/1 for multilabel
    classes : ndarray, shape (C,)
    task : {"binary", "multiclass", "multilabel"}

    Returns
    -------
    dict
        Given class -> predicted class -> rows, without zeros. Multilabel: label -> ``"present"``
        or ``"absent"`` in truth -> the same as predicted -> rows.
    """
    if task == "multilabel":
        words = ("absent", "present")
        return {
            str(name): _cells(y[:, j].astype(int), predicted[:, j].astype(int), words)
            for j, name in enumerate(classes)
        }
    order = np.argsort(classes, kind="stable")
    rows, columns = (order[np.searchsorted(classes, part, sorter=order)] for part in (y, predicted))
    return _cells(rows, columns, [str(name) for name in classes])


def _cells(y: np.ndarray, predicted: np.ndarray, names: Sequence[str]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    pairs, counts = np.unique(np.stack([y, predicted]), axis=1, return_counts=True)
    for (i, j), n in zip(pairs.T, counts, strict=True):
        found.setdefault(names[i], {})[names[j]] = int(n)
    return found

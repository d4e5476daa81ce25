"""Signed reliance: how much accuracy a model owes to a cue that points the right way."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from pcbm.audit.pairs import CONFIDENCE
from pcbm.errors import InputError


def accuracy_gap(
    model: Any, one: tuple[Any, NDArray], other: tuple[Any, NDArray]
) -> dict[str, Any]:
    """Return the accuracy in distribution minus the accuracy on shifted rows.

    Parameters
    ----------
    model : PostHocCBM
    one, other : (X, y)
        Activations and labels, in distribution and shifted (the cue points to a wrong class).

    Returns
    -------
    dict
        ``value`` in [-1, 1], its 95 % ``interval`` (normal, the two sets independent, each variance
        with one hit and one miss more), and the two accuracies, ``in_distribution`` and
        ``shifted``. Positive: the model follows the cue; negative: it goes against it.
    """
    hits = [np.asarray(model.predict(X) == y, dtype=float) for X, y in (one, other)]
    means = [float(each.mean()) for each in hits]
    error = float(np.sqrt(sum(map(_variance, hits))))
    return {**_gap(means[0] - means[1], error), "in_distribution": means[0], "shifted": means[1]}


def group_gap(model: Any, X: Any, y: NDArray, present: NDArray, favoured: str) -> dict[str, Any]:
    """Return the accuracy where a cue points to the right class minus where it does not.

    The cue argues for ``favoured``: there a row with it is aligned, and a row of any other class
    is aligned without it. The gap is taken within each class and averaged over the classes, so
    that neither shares nor difficulty of the classes enter.

    Parameters
    ----------
    model : PostHocCBM
    X : array-like, shape (n, d)
    y : ndarray, shape (n,)
    present : ndarray of bool, shape (n,)
    favoured : str

    Returns
    -------
    dict
        ``value`` and ``interval`` as in `accuracy_gap`, ``by_class`` (class -> gap), ``favoured``.

    Raises
    ------
    InputError
        No class has rows with the cue and rows without.
    """
    hit = np.asarray(model.predict(X) == y, dtype=float)
    gaps, variances = {}, []
    for name in np.unique(y):
        inside = y == name
        aligned = present if str(name) == favoured else ~present
        sides = hit[inside & aligned], hit[inside & ~aligned]
        if all(map(len, sides)):
            gaps[str(name)] = float(sides[0].mean() - sides[1].mean())
            variances.append(sum(map(_variance, sides)))
    if not gaps:
        raise InputError("no class has rows with the concept and rows without it")
    value = float(np.mean(list(gaps.values())))
    error = float(np.sqrt(sum(variances))) / len(gaps)
    return {**_gap(value, error), "by_class": gaps, "favoured": favoured}


def _variance(hits: NDArray) -> float:
    """Return the variance of a mean of hits, counted with one hit and one miss more.

    Without them a few rows that are all right would look certain (Agresti and Caffo 2000).
    """
    share = (hits.sum() + 1) / (len(hits) + 2)
    return float(share * (1 - share) / (len(hits) + 2))


def _gap(value: float, error: float) -> dict[str, Any]:
    reach = float(norm.ppf((1 + CONFIDENCE) / 2)) * error
    return {"value": value, "interval": [value - reach, value + reach]}

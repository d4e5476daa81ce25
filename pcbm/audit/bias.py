"""What intercepts alone can do: an edit that only moves class shares needs no concept."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

STEPS = 300
CANDIDATES = 41
SWEEPS = 2


def shift_to_shares(logits: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the shift of the logits with which each class is predicted as often as wanted.

    Parameters
    ----------
    logits : ndarray, shape (n, C)
    wanted : ndarray, shape (C,)
        Numbers of rows.

    Returns
    -------
    ndarray, shape (C,)
        The best of a damped search; exact for two classes but for ties.
    """
    n, classes = logits.shape
    if classes == 2:
        margin = np.sort(logits[:, 1] - logits[:, 0])[::-1]
        count = int(wanted[1])
        ends = np.concatenate([[margin[0] + 1], margin, [margin[-1] - 1]])
        return np.array([0.0, -(ends[count] + ends[count + 1]) / 2])
    shift, best, least = np.zeros(classes), np.zeros(classes), np.inf
    width = float(logits.std()) or 1.0
    for step in range(STEPS):
        counts = np.bincount((logits + shift).argmax(axis=1), minlength=classes)
        off = np.abs(counts - wanted).sum()
        if off < least:
            least, best = off, shift.copy()
        if off == 0:
            break
        shift += width * (wanted - counts) / n / (1 + step / 20)
    return best


def best_shift(
    logits: np.ndarray,
    value: Callable[[np.ndarray], float],
    columns: Sequence[int] | None = None,
) -> np.ndarray:
    """Return the shift of the logits with the highest value, class by class over a grid.

    Parameters
    ----------
    logits : ndarray, shape (n, C)
        Of all rows that ``value`` looks at.
    value : callable
        From predicted class positions (n,) to a figure. The search sees the rows it is judged on,
        so that what it reaches is more than what a bias could do honestly.
    columns : sequence of int, optional
        The classes to shift; default: all. With two, the second alone decides.
    """
    classes = logits.shape[1]
    moved = range(classes) if columns is None else columns
    shift, best = np.zeros(classes), value(logits.argmax(axis=1))
    for _ in range(SWEEPS if classes > 2 else 1):
        for c in (1,) if classes == 2 else moved:
            rest = logits + shift
            rest[:, c] = -np.inf
            second = rest.argmax(axis=1)
            gaps = rest.max(axis=1) - logits[:, c]
            for candidate in np.quantile(gaps, np.linspace(0, 1, CANDIDATES)):
                trial = shift.copy()
                trial[c] = candidate
                found = value(np.where(candidate > gaps, c, second))
                if found > best:
                    best, shift = found, trial
    return shift

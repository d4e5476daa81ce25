"""Leakage: what concept scores say of the class beyond the concepts they are named for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_softmax

from pcbm.errors import InputError
from pcbm.faithfulness.concept_reader import ConceptReader, fit_readers
from pcbm.faithfulness.intervals import mean_interval
from pcbm.heads import assign_folds, elastic_net_path, standardise
from pcbm.model.logits import two_sided

Array = NDArray[np.float64]

FOLDS = 5
ROWS = 5_000
FEWEST = 10  # rows of a class
STRENGTHS = 8
SPAN = 1e-3
L1_RATIO = 0.9
ROUNDING = 1e-6  # nats


@dataclass(frozen=True)
class Leakage:
    """An estimate of I(y; s | c) = H(y | c) - H(y | c, s), in nats.

    Attributes
    ----------
    n, concepts, classes : int
        Rows, labelled concepts and classes it was measured on.
    entropy : float
        H(y) of the class shares.
    given_concepts, given_both : float
        Held-out cross-entropies of classifiers that read c, and c and s.
    nats, bits : float
        The difference; a little below zero when there is nothing to find.
    interval : (float, float)
        95 %, in nats; the rows are resampled, the classifiers are not fitted again.
    """

    n: int
    concepts: int
    classes: int
    entropy: float
    given_concepts: float
    given_both: float
    nats: float
    bits: float
    interval: tuple[float, float]

    @property
    def found(self) -> bool:
        """Whether the whole interval lies above zero."""
        return self.interval[0] > ROUNDING

    @property
    def text(self) -> str:
        """The finding in one sentence."""
        low, high = self.interval
        figures = f"{self.nats:.3f} nats ({self.bits:.3f} bits; 95 % {low:.3f} to {high:.3f})"
        names = "1 concept" if self.concepts == 1 else f"{self.concepts} concepts"
        left = f"of the {self.given_concepts:.3f} that the labels of {names} leave open"
        if not self.found:
            return f"no leakage found: the scores add {figures} {left}"
        return f"the scores tell {figures} of the class beyond their concepts, {left}"

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {**asdict(self), "found": self.found, "text": self.text}


def leakage(
    scores: ArrayLike,
    concepts: ArrayLike,
    y: ArrayLike,
    *,
    folds: int = FOLDS,
    most_rows: int = ROWS,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Leakage:
    """Estimate how much concept scores tell of the class that true concepts do not.

    p(y | c) is a `ConceptReader`; p(y | c, s) adds to its log-probabilities a sparse linear
    reading of the scores, and can leave them out. Both are cross-fitted: no row is judged by what
    was fitted or chosen on it. Within each training part the probabilities that the second is
    built on are themselves held out. The reading is linear, as the head's is: another reader
    could find more, and none can find less than nothing, so a clear positive value is leakage.

    Parameters
    ----------
    scores : (n, K) array
        Of the concepts that are labelled.
    concepts : (n, m) array of 1, 0 and -1 (not known)
    y : (n,) labels
        Classes of fewer than 10 rows are left out.
    folds : int
    most_rows : int
        A seeded sample of so many rows is used where there are more.
    seed : int
    progress : callable (done, total), optional

    Returns
    -------
    Leakage

    Raises
    ------
    InputError
        Fewer than two classes of ten rows.

    References
    ----------
    Mahinpei, Clark, Lage, Doshi-Velez, Pan, "Promises and pitfalls of black-box concept learning
    models", 2021, for the phenomenon. The estimate is that of two held-out cross-entropies.
    """
    S, c, codes = _usable(scores, concepts, y, most_rows, seed)
    fold = assign_folds(codes, folds, seed)
    alone, both = np.empty(len(codes)), np.empty(len(codes))
    for held in range(folds):
        train, test = fold != held, fold == held
        alone[test], both[test] = _judge(
            (S[train], c[train], codes[train]), (S[test], c[test], codes[test]), folds, seed
        )
        if progress:
            progress(held + 1, folds)
    shares = np.bincount(codes) / len(codes)
    gain = alone - both
    return Leakage(
        n=len(codes),
        concepts=c.shape[1],
        classes=len(shares),
        entropy=float(-(shares * np.log(shares)).sum()),
        given_concepts=float(alone.mean()),
        given_both=float(both.mean()),
        nats=float(gain.mean()),
        bits=float(gain.mean() / np.log(2)),
        interval=mean_interval(gain, seed),
    )


Part = tuple[Array, NDArray, NDArray[np.intp]]


def _usable(scores: ArrayLike, concepts: ArrayLike, y: ArrayLike, most: int, seed: int) -> Part:
    """Return scores, concepts and class codes of the rows that count."""
    S, c = np.asarray(scores, np.float64), np.asarray(concepts, np.int8)
    _, codes, sizes = np.unique(np.asarray(y), return_inverse=True, return_counts=True)
    rows = np.flatnonzero((sizes[codes] >= FEWEST) & (c != -1).any(axis=1))
    if len(rows) > most:
        rows = np.sort(np.random.default_rng(seed).permutation(rows)[:most])
    kept, counts = np.unique(codes[rows], return_counts=True)
    if (counts >= FEWEST).sum() < 2:
        raise InputError(
            f"leakage was asked for on {len(rows)} rows with concept labels: give at least "
            f"{FEWEST} for each of two classes"
        )
    rows = rows[np.isin(codes[rows], kept[counts >= FEWEST])]
    return S[rows], c[rows], np.unique(codes[rows], return_inverse=True)[1]


def _judge(train: Part, test: Part, folds: int, seed: int) -> tuple[Array, Array]:
    """Return the losses (n,) of the test rows under p(y | c) and under p(y | c, s)."""
    S, c, y = train
    inner = assign_folds(y, folds, seed + 1)
    offset, best = _held_out_reading(c, y, inner, folds)
    reader = fit_readers(c, y)[best]
    base = reader.log_proba(test[1])
    mean, scale = standardise(S)
    gain = _score_part((S - mean) / scale, y, offset, inner, (test[0] - mean) / scale)
    rows = np.arange(len(test[2])), test[2]
    return -log_softmax(base, axis=1)[rows], -log_softmax(base + gain, axis=1)[rows]


def _held_out_reading(
    c: NDArray, y: NDArray[np.intp], inner: NDArray, folds: int
) -> tuple[Array, int]:
    """Return log p(y | c) of each row from the other folds (n, C), and which reader is best."""
    found: list[Array] = []
    for part in range(folds):
        readers: list[ConceptReader] = fit_readers(c[inner != part], y[inner != part])
        logs = np.array([reader.log_proba(c[inner == part]) for reader in readers])
        if not found:
            found = [np.empty((len(y), logs.shape[2])) for _ in readers]
        for place, values in zip(found, logs, strict=True):
            place[inner == part] = values
    losses = [-values[np.arange(len(y)), y].mean() for values in found]
    best = int(np.argmin(losses))
    return found[best], best


def _score_part(
    Z: Array, y: NDArray[np.intp], offset: Array, inner: NDArray, Z_test: Array
) -> Array:
    """Return what the scores add to the logits of the test rows (n, C).

    The strength is chosen on one inner fold, fitted on the others; none at all is a choice too.
    """
    family = "binomial" if offset.shape[1] == 2 else "multinomial"
    start = offset[:, 1:] - offset[:, :1] if family == "binomial" else offset
    fit, hold = inner != 0, inner == 0
    path = elastic_net_path(
        Z[fit],
        y[fit],
        family=family,
        l1_ratio=L1_RATIO,
        n_lams=STRENGTHS,
        lam_min_ratio=SPAN,
        offset=start[fit],
    )
    rows = np.arange(int(hold.sum())), y[hold]
    losses = [-log_softmax(offset[hold], axis=1)[rows].mean()]
    for i in range(len(path)):
        eta = two_sided(path.decision(Z[hold], i))
        losses.append(-log_softmax(offset[hold] + eta, axis=1)[rows].mean())
    best = int(np.argmin(losses)) - 1
    if best < 0:
        return np.zeros((len(Z_test), offset.shape[1]))
    again = elastic_net_path(
        Z,
        y,
        family=family,
        l1_ratio=L1_RATIO,
        lams=path.lams[: best + 1],
        offset=start,
    )
    return two_sided(again.decision(Z_test, -1))

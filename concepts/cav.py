"""Concept activation vectors: a linear probe per concept, judged on examples it never saw.

Source: Kim et al. 2018, "Interpretability beyond feature attribution" (the vector of a concept is
the normal of a linear classifier between examples with and without it), in the support-vector form
of Yuksekgonul et al. 2023, "Post-hoc concept bottleneck models", section 2.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import LinearSVC

from pcbm.concepts.checks import about
from pcbm.concepts.splitting import duplicate_groups, grouped_folds
from pcbm.errors import InputError

PENALTIES = (1.0, 10.0, 100.0, 1000.0, 10000.0)
"""The values of C that cross-validation chooses from, weakest fit first."""

DEFAULT_PENALTY = 10.0
FOLDS = 5
HELD_OUT = 0.2
FEW = 10
WEAK_AUC = 0.6
_INTERCEPT_SCALING = 10.0


@dataclass(frozen=True)
class Cav:
    """A concept's direction, intercept, figures, and what is doubtful about them."""

    vector: np.ndarray
    intercept: float
    stats: dict[str, Any]
    notes: list[str]


@dataclass(frozen=True)
class _Examples:
    """Rows (n, d), labels (n,) 1 = positive, groups (n,) of the same input, row numbers (n,)."""

    rows: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    origin: np.ndarray

    def take(self, chosen: np.ndarray) -> _Examples:
        return _Examples(
            self.rows[chosen], self.labels[chosen], self.groups[chosen], self.origin[chosen]
        )

    def different(self, label: int) -> int:
        return len(np.unique(self.groups[self.labels == label]))


def fit_cavs(
    examples: Iterable[tuple[str, tuple[ArrayLike, ArrayLike]]],
    *,
    held_out: float = HELD_OUT,
    seed: int = 0,
) -> dict[str, Cav]:
    """Fit one probe per concept, see `fit_cav`; the concepts are independent of each other.

    Parameters
    ----------
    examples : iterable of (name, (positives, negatives))
        Taken one at a time, so that a generator need not hold all of them.
    held_out, seed
        As for `fit_cav`.
    """
    cavs: dict[str, Cav] = {}
    with warnings.catch_warnings():
        # What did not converge is told in the concept's notes, by name.
        warnings.simplefilter("ignore", ConvergenceWarning)
        for name, pair in examples:
            cavs[name] = fit_cav(*_check_pair(name, pair), name=name, held_out=held_out, seed=seed)
            first = next(iter(cavs))
            if len(cavs[name].vector) != len(cavs[first].vector):
                raise InputError(
                    f"the examples of {name!r} have {len(cavs[name].vector)} columns and those of "
                    f"{first!r} {len(cavs[first].vector)}: all must come from one layer of one "
                    "backbone"
                )
    return cavs


def fit_cav(
    positives: ArrayLike,
    negatives: ArrayLike,
    *,
    name: str = "concept",
    held_out: float = HELD_OUT,
    seed: int = 0,
) -> Cav:
    r"""Learn one concept's direction from examples with and without it.

    Parameters
    ----------
    positives, negatives : array-like (n_positive, d) and (n_negative, d)
        Activations.
    name : str
        For messages.
    held_out : float
        Share of the examples kept from the fit and from the choice of C; at most .5.
    seed : int
        Draws the held-out examples and the folds. The draw does not depend on other concepts.

    Returns
    -------
    Cav
        ``vector`` (d,) and ``intercept``, in the units of the activations, positive side = concept
        present. ``stats`` holds ``n_positive``, ``n_negative``, ``n_train``, ``n_held_out``, ``C``,
        ``cv_auc`` (None when there were too few examples to choose C), ``train_accuracy``, and on
        held-out rows only: ``accuracy``, ``balanced_accuracy``, ``auc``, and mean and standard
        deviation (1/n) of the signed margins (v . f + b) / ||v|| of positives and negatives.

    Raises
    ------
    InputError
        Not two different examples on each side, NaN or infinity, unequal dimensions.

    Notes
    -----
    The probe is a linear support vector machine with squared hinge loss. With z = (f - m) / s, m
    the mean training row and s the root mean square distance to it, it minimises

    .. math:: \tfrac12 (\|w\|^2 + (b/10)^2)
              + C \, \tfrac1n \sum_i c_i \max(0, 1 - y_i (w \cdot z_i + b))^2

    where y = +1 for positives and -1 for negatives, and c weighs both sides equally. One scale for
    all columns (instead of one each) keeps the geometry: rotating or scaling the activations
    rotates or scales the answer. Dividing by s gives C the same meaning for every backbone,
    dividing by n the same for every number of examples. The official code uses the plain hinge,
    unscaled activations and a C given by hand.

    C is the value of `PENALTIES` with the highest mean AUC over up to five folds of the training
    part, the smallest of equals. The vector is not refitted on all rows afterwards: the figures
    belong to the vector that is returned.

    Rows that are the same input (see `pcbm.concepts.splitting.duplicate_groups`) are never on both
    sides of a split. Inputs given both as positive and as negative are left out, with a note.
    """
    rng = np.random.default_rng(seed)
    pair = _check_pair(name, (positives, negatives))
    train, test, contradictions = _split(name, pair, held_out, rng)
    centre = train.rows.mean(axis=0)
    spread = float(np.sqrt(((train.rows - centre) ** 2).sum(axis=1).mean()))
    probe = _fit_best(replace(train, rows=(train.rows - centre) / spread), rng)
    vector = probe.direction / spread
    intercept = probe.offset - float(vector @ centre)
    length = float(np.linalg.norm(vector))
    if not length > 0:
        raise InputError(
            f"the examples of concept {name!r} show no direction (both sides have the same mean): "
            "give examples that differ"
        )
    labels = np.concatenate([train.labels, test.labels])
    stats: dict[str, Any] = {
        "n_positive": int(labels.sum()),
        "n_negative": int((1 - labels).sum()),
        "n_train": len(train.labels),
        "n_held_out": len(test.labels),
        "C": probe.penalty,
        "cv_auc": probe.cv_auc,
        "train_accuracy": float(np.mean((train.rows @ vector + intercept > 0) == train.labels)),
        **_held_out_figures((test.rows @ vector + intercept) / length, test.labels),
    }
    different = min(train.different(label) + test.different(label) for label in (0, 1))
    doubts = _doubts(stats["auc"], test.labels, different, contradictions, probe.converged)
    return Cav(vector, intercept, stats, [about(name, doubt) for doubt in doubts])


def held_out_examples(
    positives: ArrayLike, negatives: ArrayLike, *, held_out: float = HELD_OUT, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows that `fit_cav` holds out, to check its figures or look at its mistakes.

    Returns
    -------
    positive_rows, negative_rows : ndarray of int
        Row numbers into the two arrays.
    """
    pair = _check_pair("concept", (positives, negatives))
    _, test, _ = _split("concept", pair, held_out, np.random.default_rng(seed))
    return np.sort(test.origin[test.labels == 1]), np.sort(test.origin[test.labels == 0])


def _check_pair(name: str, pair: tuple[ArrayLike, ArrayLike]) -> tuple[np.ndarray, np.ndarray]:
    """Return both sides as finite float64 arrays of equal width."""
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise InputError(
            f"the examples of concept {name!r} are no pair: give (positives, negatives)"
        )
    sides = []
    for side, rows in zip(("positive", "negative"), pair, strict=True):
        try:
            array = np.asarray(rows, dtype=np.float64)
        except (TypeError, ValueError):
            raise InputError(
                f"the {side} examples of concept {name!r} are no array of numbers: give activations"
            ) from None
        if array.ndim != 2 or array.shape[1] == 0:
            raise InputError(
                f"the {side} examples of concept {name!r} have shape {array.shape}, "
                "expected (n, d): give one row an example"
            )
        bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
        if bad.size:
            raise InputError(
                f"row {bad[0]} of the {side} examples of concept {name!r} holds NaN or infinity "
                f"({bad.size} such rows): remove them"
            )
        sides.append(array)
    if sides[0].shape[1] != sides[1].shape[1]:
        raise InputError(
            f"concept {name!r} has positives with {sides[0].shape[1]} columns and negatives with "
            f"{sides[1].shape[1]}: both must come from one layer of one backbone"
        )
    return sides[0], sides[1]


def _split(
    name: str, pair: tuple[np.ndarray, np.ndarray], held_out: float, rng: np.random.Generator
) -> tuple[_Examples, _Examples, int]:
    """Return training part, held-out part, and how many rows contradict another and were left."""
    if not 0 < held_out <= 0.5:
        raise InputError(f"held_out is {held_out}: give a share above 0 and at most 0.5")
    positive, negative = pair
    rows = np.concatenate(pair)
    labels = np.repeat([1, 0], [len(positive), len(negative)])
    origin = np.concatenate([np.arange(len(positive)), np.arange(len(negative))])
    groups = duplicate_groups(rows)
    both = np.isin(groups, np.intersect1d(groups[labels == 1], groups[labels == 0]))
    examples = _Examples(rows, labels, groups, origin).take(~both)
    for label, side in ((1, "positive"), (0, "negative")):
        if examples.different(label) < 2:
            raise InputError(
                f"concept {name!r} has {examples.different(label)} different {side} example(s) "
                "that the other side has not, expected at least 2 (one to learn from, one held "
                "out): add examples"
            )
    folds = grouped_folds(examples.labels, examples.groups, round(1 / held_out), rng)
    return examples.take(folds != 0), examples.take(folds == 0), int(both.sum())


@dataclass(frozen=True)
class _Probe:
    """A fitted support vector machine: ``direction`` (d,) and ``offset`` on scaled rows."""

    direction: np.ndarray
    offset: float
    penalty: float
    cv_auc: float | None
    converged: bool


def _fit_best(train: _Examples, rng: np.random.Generator) -> _Probe:
    """Choose C by cross-validation within the training part and fit with it."""
    basis = None
    if len(train.rows) <= train.rows.shape[1] // 2:
        # The solution lies in the span of the rows: solve there, with n columns instead of d.
        basis = np.linalg.qr(train.rows.T)[0]
        train = replace(train, rows=train.rows @ basis)
    penalty, auc = DEFAULT_PENALTY, None
    folds = min(FOLDS, train.different(0), train.different(1))
    if folds >= 2:
        fold = grouped_folds(train.labels, train.groups, folds, rng)
        aucs = [_cross_validated_auc(train, fold, candidate) for candidate in PENALTIES]
        best = int(np.argmax(np.round(aucs, 12)))
        penalty, auc = PENALTIES[best], aucs[best]
    machine = _machine(train.rows, train.labels, penalty)
    direction = machine.coef_[0] if basis is None else basis @ machine.coef_[0]
    converged = int(np.max(machine.n_iter_)) < machine.max_iter
    return _Probe(direction, float(machine.intercept_[0]), penalty, auc, converged)


def _cross_validated_auc(train: _Examples, fold: np.ndarray, penalty: float) -> float:
    aucs = []
    for number in np.unique(fold):
        inside = fold != number
        machine = _machine(train.rows[inside], train.labels[inside], penalty)
        margins = train.rows[~inside] @ machine.coef_[0]
        aucs.append(_auc(train.labels[~inside], margins))
    return float(np.mean(aucs))


def _machine(rows: np.ndarray, labels: np.ndarray, penalty: float) -> LinearSVC:
    # The primal solver draws nothing at random; it penalises the intercept, hence the scaling.
    machine = LinearSVC(
        C=penalty / len(rows),
        dual=False,
        class_weight="balanced",
        intercept_scaling=_INTERCEPT_SCALING,
        max_iter=2000,
    )
    return machine.fit(rows, labels)


def _auc(labels: np.ndarray, margins: np.ndarray) -> float:
    """Return the share of (positive, negative) pairs in the right order, ties counted half.

    scikit-learn's ``roc_auc_score`` gives the same; its checks cost more than the probe's fit.
    """
    ranks = rankdata(margins)[labels == 1]
    pairs = len(ranks) * (len(labels) - len(ranks))
    return float((ranks.sum() - len(ranks) * (len(ranks) + 1) / 2) / pairs)


def _held_out_figures(margins: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Return accuracy, AUC and margin statistics of rows that the probe never saw."""
    positive, negative = margins[labels == 1], margins[labels == 0]
    found, spared = float(np.mean(positive > 0)), float(np.mean(negative <= 0))
    return {
        "accuracy": float(np.mean((margins > 0) == labels)),
        "balanced_accuracy": (found + spared) / 2,
        "auc": _auc(labels, margins),
        "margin_positive_mean": float(positive.mean()),
        "margin_positive_std": float(positive.std()),
        "margin_negative_mean": float(negative.mean()),
        "margin_negative_std": float(negative.std()),
    }


def _doubts(
    auc: float, labels: np.ndarray, different: int, contradictions: int, converged: bool
) -> list[str]:
    """Return what a user should know before trusting the probe, one sentence each."""
    doubts = []
    if contradictions:
        doubts.append(
            f"{contradictions} rows are inputs given both as positive and as negative; left out"
        )
    if different < FEW:
        doubts.append(
            f"one side has only {different} different examples, so direction and figures are rough "
            f"(give {FEW} or more)"
        )
    p, q = int(labels.sum()), int((1 - labels).sum())
    chance = 0.5 + 2 * float(np.sqrt((p + q + 1) / (12 * p * q)))
    if auc < WEAK_AUC:
        doubts.append(f"held-out AUC {auc:.2f} is near chance; the direction may not mean it")
    elif auc < chance:
        doubts.append(
            f"held-out AUC {auc:.2f} on only {p} + {q} examples cannot be told from chance"
        )
    if not converged:
        doubts.append("the probe's solver stopped at its limit of steps; the direction is rough")
    return doubts

"""Concept activation vectors: a linear probe per concept, judged on examples it never saw.

Source: Kim et al. 2018, "Interpretability beyond feature attribution" (the vector of a concept is
the normal of a linear classifier between examples with and without it), in the support-vector form
of Yuksekgonul et al. 2023, "Post-hoc concept bottleneck models", section 2.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata
from sklearn.exceptions import ConvergenceWarning

from pcbm.concepts.checks import about
from pcbm.concepts.examples import Examples, Pair, check_pair, split_examples
from pcbm.concepts.learners import Learner, Solve, check_size, find_learner
from pcbm.concepts.splitting import duplicate_groups, grouped_folds
from pcbm.concepts.workers import in_order
from pcbm.errors import InputError

FOLDS = 5
HELD_OUT = 0.2
FEW = 10
WEAK_AUC = 0.6

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Cav:
    """A concept's direction, intercept, figures, and what is doubtful about them."""

    vector: np.ndarray
    intercept: float
    stats: dict[str, Any]
    notes: list[str]


@dataclass(frozen=True)
class _Task:
    """One concept to learn: its examples and, where they are known, the groups of equal inputs."""

    name: str
    pair: Pair
    groups: np.ndarray | None = None


def fit_cav(
    positives: ArrayLike,
    negatives: ArrayLike,
    *,
    name: str = "concept",
    learner: str = "svm",
    penalty: float | None = None,
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
    learner : {"svm", "paper", "squared_hinge", "ridge"}
        The estimator, see below. Different estimators give different directions.
    penalty : float, optional
        C; by default the best in cross-validation.
    held_out : float
        Share of the examples kept from the fit and from the choice of C; at most .5.
    seed : int
        Draws the held-out examples and the folds. The draw does not depend on other concepts.

    Returns
    -------
    Cav
        ``vector`` (d,) and ``intercept``, in the units of the activations, positive side = concept
        present. ``stats`` holds ``n_positive``, ``n_negative``, ``n_train``, ``n_held_out``,
        ``learner``, ``C``, ``cv_auc`` (None when C was given or there were too few examples to
        choose it), ``converged``, ``gap`` (what the objective at most lies above its minimum,
        relative to itself; None where the estimator does not tell), ``train_accuracy``, and on
        held-out rows only: ``accuracy``, ``balanced_accuracy``, ``auc``, and mean and standard
        deviation (1/n) of the signed margins (v . f + b) / ||v|| of positives and negatives.

    Raises
    ------
    InputError
        Not two different examples on each side, NaN or infinity, unequal dimensions, no such
        learner, a penalty that is not positive, more rows than the learner takes.

    Notes
    -----
    With z = (f - m) / s, m the mean training row and s the root mean square distance to it, and
    y = +1 for positives and -1 for negatives, ``"svm"`` minimises

    .. math:: \tfrac12 \|w\|^2 + C \, \tfrac1n \sum_i c_i \max(0, 1 - y_i (w \cdot z_i + b))

    where c weighs both sides equally. One scale for all columns (instead of one each) keeps the
    geometry: rotating or scaling the activations rotates or scales the answer. Dividing by s gives
    C the same meaning for every backbone, dividing by n the same for every number of examples.

    - ``"paper"`` is the same machine with the settings of the official code: f in place of z, no
      weights, and C the cost of each row: C sum_i max(0, 1 - y_i (w . f_i + b)). See also
      `pcbm.concepts.paper_cavs`, which does without cross-validation and held-out figures.
    - ``"squared_hinge"`` squares the losses and adds (b/10)^2 / 2. It takes any number of rows;
      the others take `pcbm.concepts.learners.GRAM_ROWS` training rows.
    - ``"ridge"`` has the squared error (y_i - w . z_i - b)^2 in place of the loss.

    C is the learner's value (`pcbm.concepts.learners.LEARNERS`) with the highest mean AUC over up
    to five folds of the training part, the smallest of equals. The vector is not refitted on all
    rows afterwards: the figures belong to the vector that is returned.

    Rows that are the same input (see `pcbm.concepts.splitting.duplicate_groups`) are never on both
    sides of a split. Inputs given both as positive and as negative are left out, with a note.
    """
    pairs = {name: (positives, negatives)}
    options: dict[str, Any] = {"learner": learner, "penalty": penalty, "seed": seed}
    return fit_cavs(pairs, held_out=held_out, threads=1, **options)[name]


def fit_cavs(
    examples: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    learner: str = "svm",
    penalty: float | None = None,
    held_out: float = HELD_OUT,
    seed: int = 0,
    threads: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Cav]:
    """Fit one probe per concept, see `fit_cav`; the concepts are independent of each other.

    Parameters
    ----------
    examples : mapping of str to (positives, negatives)
        Read one concept at a time, so that a lazy mapping need not hold all of them.
    learner, penalty, held_out, seed
        As for `fit_cav`.
    threads : int, optional
        Concepts that are fitted at once; the answer does not depend on it. By default as many as
        the process may use for linear algebra.
    progress : callable, optional
        Called with (concepts done, concepts in all).
    """
    tasks = (_Task(name, check_pair(name, pair)) for name, pair in examples.items())
    return _fit_all(tasks, len(examples), learner, penalty, held_out, seed, threads, progress)


def fit_cavs_of_rows(
    X: ArrayLike,
    rows: Mapping[str, tuple[np.ndarray, np.ndarray]],
    *,
    learner: str = "svm",
    penalty: float | None = None,
    held_out: float = HELD_OUT,
    seed: int = 0,
    threads: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Cav]:
    """Fit one probe per concept on rows of one table; equal inputs are looked for only once.

    Parameters
    ----------
    X : array-like (n, d)
        Activations.
    rows : mapping of str to (positives, negatives)
        Row numbers into X.
    learner, penalty, held_out, seed, threads, progress
        As for `fit_cavs`.
    """
    table = np.asarray(X, dtype=np.float64)
    used = np.unique(
        np.concatenate([np.empty(0, int), *(np.concatenate(p) for p in rows.values())])
    )
    groups = np.arange(len(table))
    if np.isfinite(table[used]).all():  # else the concept that uses a bad row is told below
        groups[used] = duplicate_groups(table[used])
    tasks = (
        _Task(
            name,
            check_pair(name, (table[positives], table[negatives])),
            groups[np.concatenate([positives, negatives])],
        )
        for name, (positives, negatives) in rows.items()
    )
    return _fit_all(tasks, len(rows), learner, penalty, held_out, seed, threads, progress)


def held_out_examples(
    positives: ArrayLike, negatives: ArrayLike, *, held_out: float = HELD_OUT, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows that `fit_cav` holds out, to check its figures or look at its mistakes.

    Returns
    -------
    positive_rows, negative_rows : ndarray of int
        Row numbers into the two arrays.
    """
    pair = check_pair("concept", (positives, negatives))
    _, test, _ = split_examples("concept", pair, held_out, np.random.default_rng(seed))
    return np.sort(test.origin[test.labels == 1]), np.sort(test.origin[test.labels == 0])


def _fit_all(
    tasks: Iterator[_Task],
    total: int,
    learner: str,
    penalty: float | None,
    held_out: float,
    seed: int,
    threads: int | None,
    progress: Progress | None,
) -> dict[str, Cav]:
    chosen = find_learner(learner, penalty)

    def fit(task: _Task) -> tuple[str, Cav]:
        rng = np.random.default_rng(seed)
        train, test, contradictions = split_examples(
            task.name, task.pair, held_out, rng, task.groups
        )
        check_size(chosen, task.name, len(train.labels))
        probe = _fit_best(train, chosen, penalty, rng)
        facts = {"learner": learner, **probe.facts}
        return task.name, _judged(task.name, probe, facts, train, test, contradictions)

    cavs: dict[str, Cav] = {}
    with warnings.catch_warnings():
        # What did not converge is told in the concept's notes, by name.
        warnings.simplefilter("ignore", ConvergenceWarning)
        for name, cav in in_order(fit, tasks, threads):
            cavs[name] = cav
            first = next(iter(cavs))
            if len(cav.vector) != len(cavs[first].vector):
                raise InputError(
                    f"the examples of {name!r} have {len(cav.vector)} columns and those of "
                    f"{first!r} {len(cavs[first].vector)}: all must come from one layer of one "
                    "backbone"
                )
            if progress:
                progress(len(cavs), total)
    return cavs


@dataclass(frozen=True)
class _Probe:
    """A direction (d,) and intercept in the units of the activations, and how they were found."""

    vector: np.ndarray
    intercept: float
    facts: dict[str, Any]


def _fit_best(
    train: Examples, learner: Learner, penalty: float | None, rng: np.random.Generator
) -> _Probe:
    """Choose C by cross-validation within the training part, if it is open, and fit with it."""
    centre = train.rows.mean(axis=0)
    scaled = train.rows - centre
    spread = float(np.sqrt((scaled**2).sum(axis=1).mean()))
    scaled /= spread
    solve, auc = learner.estimator(scaled), None
    folds = min(FOLDS, train.different(0), train.different(1))
    if penalty is None and folds >= 2:
        fold = grouped_folds(train.labels, train.groups, folds, rng)
        aucs = _cross_validated_aucs(train.labels, fold, learner, solve, spread)
        best = int(np.argmax(np.round(aucs, 12)))
        penalty, auc = learner.penalties[best], float(aucs[best])
    elif penalty is None:
        penalty = learner.default
    everyone = np.ones(len(train.labels), dtype=bool)
    costs = learner.costs((penalty,), train.labels, everyone, spread)
    fit = solve(2.0 * train.labels - 1, costs)
    vector = fit.direction(0) / spread
    facts = {
        "C": float(penalty),
        "cv_auc": auc,
        "converged": bool(fit.converged[0]),
        "gap": None if fit.gaps is None else float(fit.gaps[0]),
    }
    return _Probe(vector, float(fit.intercepts[0] - vector @ centre), facts)


def _cross_validated_aucs(
    labels: np.ndarray, fold: np.ndarray, learner: Learner, solve: Solve, spread: float
) -> np.ndarray:
    """Return the mean AUC over the folds for each of the learner's penalties."""
    aucs = []
    for number in np.unique(fold):
        inside = fold != number
        fit = solve(2.0 * labels - 1, learner.costs(learner.penalties, labels, inside, spread))
        aucs.append(_auc(labels[~inside], fit.margins[:, ~inside]))
    return np.mean(aucs, axis=0)


def _judged(
    name: str,
    probe: _Probe,
    facts: dict[str, Any],
    train: Examples,
    test: Examples,
    contradictions: int,
) -> Cav:
    """Return the probe with its figures and doubts."""
    vector, intercept = probe.vector, probe.intercept
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
        **facts,
        "train_accuracy": float(np.mean((train.rows @ vector + intercept > 0) == train.labels)),
        **_held_out_figures((test.rows @ vector + intercept) / length, test.labels),
    }
    different = min(train.different(label) + test.different(label) for label in (0, 1))
    doubts = _doubts(stats["auc"], test.labels, different, contradictions, facts["converged"])
    return Cav(vector, intercept, stats, [about(name, doubt) for doubt in doubts])


def _auc(labels: np.ndarray, margins: np.ndarray) -> np.ndarray:
    """Return the share of (positive, negative) pairs in the right order, ties counted half.

    ``margins`` is (..., n); the answer has the shape of what stands before n.

    scikit-learn's ``roc_auc_score`` gives the same; its checks cost more than the probe's fit.
    """
    ranks = rankdata(margins, axis=-1)[..., labels == 1]
    positives = ranks.shape[-1]
    pairs = positives * (len(labels) - positives)
    return (ranks.sum(axis=-1) - positives * (positives + 1) / 2) / pairs


def _held_out_figures(margins: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Return accuracy, AUC and margin statistics of rows that the probe never saw."""
    positive, negative = margins[labels == 1], margins[labels == 0]
    found, spared = float(np.mean(positive > 0)), float(np.mean(negative <= 0))
    return {
        "accuracy": float(np.mean((margins > 0) == labels)),
        "balanced_accuracy": (found + spared) / 2,
        "auc": float(_auc(labels, margins)),
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
